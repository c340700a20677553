"""Facts of what has been done: counts, time since, somatostatin analogues, bile ducts. "None" is only said of a history stated complete."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final, NamedTuple

from liverboard.clinical.derive import Fact, Sheet, Stated, combine, join
from liverboard.clinical.derive_timeline import (
    ANTIANGIOGENIC,
    CAPECITABINE,
    CHEMOTHERAPY,
    NOT_SSA,
    PRRT,
    SSA,
    UNNAMED,
    Course,
)

DAYS_PER_MONTH: Final = 30.4375  # 365.25 / 12

_PROCEDURES: Final[dict[str, frozenset[str]]] = {
    "prior_liver_resection": frozenset({"liver_resection"}),
    "prior_ablation": frozenset({"rfa", "mwa", "cryo"}),
    "prior_tae": frozenset({"tae"}),
    "prior_tace": frozenset({"ctace"}),
    "prior_debtace": frozenset({"debtace"}),
    "prior_sirt": frozenset({"sirt_resin", "sirt_glass", "sirt_ho166"}),
    "prior_liver_radiation": frozenset({"external_liver_radiation"}),
}
_DRUGS: Final = {
    "prior_systemic_not_ssa": NOT_SSA,
    "prior_antiangiogenic": ANTIANGIOGENIC,
    "prior_capecitabine": CAPECITABINE,
    "prior_chemotherapy": CHEMOTHERAPY,
}
_DAYS_SINCE: Final = {
    "days_since_antiangiogenic": ANTIANGIOGENIC,
    "days_since_capecitabine": CAPECITABINE,
    "days_since_chemotherapy": CHEMOTHERAPY,
}
_DUCTS: Final[dict[str, tuple[str, frozenset[str], bool]]] = {  # fact: (clinic field, procedures, stays for good)
    "biliary_anastomosis": ("anastomosis", frozenset({"pancreatoduodenectomy", "biliary_anastomosis"}), True),
    "biliary_stent": ("stent", frozenset({"biliary_stent"}), False),
    "sphincterotomy": ("sphincterotomy", frozenset({"sphincterotomy"}), True),
}
_AT_LEAST: Final = "at least; the history is not stated complete"


class Told(NamedTuple):
    """An answer, unknown when `value` is None, with its day, its event and why."""

    value: bool | None
    date: dt.date | None = None
    event: str | None = None
    note: str | None = None


def write_treatment(sheet: Sheet) -> None:
    for name, techniques in _PROCEDURES.items():
        done = [(procedure.date, procedure.id) for procedure in sheet.procedures if procedure.technique in techniques]
        _count(sheet, name, len(done), *(done[-1] if done else (None, None)))
    for name, drugs in _DRUGS.items():
        courses, unnamed = sheet.of_drugs(drugs), sheet.of_drugs(UNNAMED)
        if not unnamed:
            _count(sheet, name, len(courses), *((courses[-1].start, courses[-1].event) if courses else (None, None)))
        elif courses:
            note = f"at least; {_not_named(unnamed)}"
            sheet.put(name, len(courses), courses[-1].start, courses[-1].event, note=note)
        else:
            sheet.put(name, None, note=_not_named(unnamed))
    _prrt(sheet)
    for name, drugs in _DAYS_SINCE.items():
        if since := _since(sheet, sheet.of_drugs(drugs)):
            sheet.put(name, (sheet.as_of - since.date).days, since.date, since.event, note=since.value)
    _on_ssa(sheet)
    _on_antiangiogenic(sheet)
    _progressed_on_ssa(sheet)
    _refractory(sheet)
    for name in _DUCTS:
        _duct(sheet, name)


def _count(sheet: Sheet, name: str, count: int, date: dt.date | None, event: str | None) -> None:
    if count:
        sheet.put(name, count, date, event, note=None if sheet.history else _AT_LEAST)
    elif sheet.history is not None:
        sheet.put(name, 0, sheet.history.date, sheet.history.id, note="history stated complete")


def _not_named(courses: Sequence[Course]) -> str:
    return f"what the drug `other` of {', '.join(course.event for course in courses)} contains is not stated"


def _prrt(sheet: Sheet) -> None:
    courses = sheet.of_drugs(PRRT)
    uncounted = [course.event for course in courses if course.cycles is None]
    if uncounted:
        sheet.put("prior_prrt_cycles", None, note=f"cycles given by now are not known for {', '.join(uncounted)}")
    else:
        cycles = sum(course.cycles or 0 for course in courses)
        _count(
            sheet, "prior_prrt_cycles", cycles, *((courses[-1].start, courses[-1].event) if courses else (None, None))
        )
    if since := _since(sheet, courses):
        sheet.put(
            "months_since_prrt",
            (sheet.as_of - since.date).days / DAYS_PER_MONTH,
            since.date,
            since.event,
            note=since.value,
        )


def _since(sheet: Sheet, courses: Sequence[Course]) -> Stated | None:
    """The day on which the last course ended (today while one goes on), its event and a note; None when a course ended on an unknown day, or none is stated."""
    running = [course for course in courses if course.running]
    if running:
        return Stated(sheet.as_of, running[-1].event, "goes on")
    ends = [(course.until, course.event) for course in courses if course.until is not None]
    if not ends or len(ends) < len(courses):
        return None
    until, event = max(ends, key=lambda end: end[0])
    return Stated(until, event, None if sheet.history else "at most; the history is not stated complete")


def _on_ssa(sheet: Sheet) -> None:
    courses = sheet.ssa_courses
    running = [course for course in courses if course.running]
    if running:
        sheet.put("on_ssa", True, running[-1].start, running[-1].event, note=running[-1].drug)
    elif courses:
        last = max(courses, key=lambda course: course.until or course.start)
        sheet.put("on_ssa", False, last.until or last.start, last.event, note=f"{last.drug} ended")
    elif sheet.history is not None:
        sheet.put("on_ssa", False, sheet.history.date, sheet.history.id, note="none given; history stated complete")


def _on_antiangiogenic(sheet: Sheet) -> None:
    running = [course for course in sheet.of_drugs(ANTIANGIOGENIC) if course.running]
    unnamed = [course for course in sheet.of_drugs(UNNAMED) if course.running]
    if running:
        sheet.put("on_antiangiogenic", True, running[-1].start, running[-1].event, note=running[-1].drug)
    elif unnamed:
        sheet.put("on_antiangiogenic", None, note=_not_named(unnamed))
    elif sheet.history is not None:
        sheet.put(
            "on_antiangiogenic",
            False,
            sheet.history.date,
            sheet.history.id,
            note="none goes on; history stated complete",
        )


def _progressed_on_ssa(sheet: Sheet) -> None:
    told = _stopped_for_growth(sheet, sheet.ssa_courses)
    sheet.put("progressed_on_ssa", told.value, told.date, told.event, note=told.note)


def _refractory(sheet: Sheet) -> None:
    told = (_syndrome_escapes(sheet), _stopped_for_growth(sheet, sheet.courses))
    escaped = next((one for one in told if one.value), None)
    if escaped is not None:
        sheet.put("refractory", True, escaped.date, escaped.event, note=escaped.note)
        return
    open_ones = [one for one in told if one.value is None]
    if open_ones:
        sheet.put("refractory", None, note=join(*(one.note for one in open_ones)))
        return
    date, event, apart = combine([Fact("refractory", date=one.date, event=one.event) for one in told])
    sheet.put("refractory", False, date, event, note=join(*(one.note for one in told), apart))


def _syndrome_escapes(sheet: Sheet) -> Told:
    """Whether the latest word on the hormone syndrome says that it is not controlled under a somatostatin analogue."""
    syndrome, controlled = sheet.known("syndrome"), sheet.known("syndrome_controlled")
    latest = max(
        (fact for fact in (controlled, syndrome) if fact), key=lambda fact: fact.date or dt.date.min, default=None
    )
    if latest is syndrome and syndrome is not None and syndrome.value == "none":
        return Told(False, syndrome.date, syndrome.event, "no hormone syndrome")
    if controlled is None or controlled.date is None:
        return Told(None, note="control of the hormone syndrome is not stated")
    if controlled.value:
        return Told(False, controlled.date, controlled.event, "the syndrome is controlled")
    for course in sheet.ssa_courses:
        if course.start < controlled.date <= (course.until or sheet.as_of):
            return Told(True, controlled.date, controlled.event, f"syndrome not controlled under {course.drug}")
    if sheet.history is not None and not sheet.of_drugs(SSA | UNNAMED):
        return Told(False, controlled.date, controlled.event, "no somatostatin analogue given; history stated complete")
    return Told(None, note="the syndrome is not controlled; whether under a somatostatin analogue is not stated")


def _stopped_for_growth(sheet: Sheet, courses: Sequence[Course]) -> Told:
    """Whether one of these courses was stopped for progression. Progression during a course is for a person to judge."""
    stopped = [course for course in courses if course.stopped_for == "progression"]
    if stopped:
        last = stopped[-1]
        return Told(True, last.until or last.start, last.event, f"{last.drug} stopped for progression")
    seen = _progression_during(sheet, courses)
    unexplained = next(
        (
            f"why {course.drug} ({course.event}) was stopped is not stated"
            for course in courses
            if not course.running and course.stopped_for is None
        ),
        None,
    )
    if seen or unexplained or sheet.history is None:
        return Told(None, note=join(seen, unexplained))
    return Told(
        False,
        sheet.history.date,
        sheet.history.id,
        "no course stopped for progression; history stated complete",
    )


def _progression_during(sheet: Sheet, courses: Sequence[Course]) -> str | None:
    """Progression reported while a course went on, in words."""
    reports = [
        (image.date, image.id)
        for image in sheet.imagings
        if image.progression and (image.progression.hepatic or image.progression.extrahepatic)
    ]
    reports += [
        (event.date, event.id)
        for event in sheet.by_kind.get("assessment", ())
        if "PD" in (event.recist11, event.mrecist)
    ]
    for course in courses:
        end = course.until or sheet.as_of
        for date, event in reports:
            if course.start < date <= end:
                return f"{event} reports progression on {date}, while {course.drug} was given; whether under it is for a person to judge"
    return None


def _duct(sheet: Sheet, name: str) -> None:
    """Procedures and clinic statements as one sequence; what cannot be undone stays true."""
    field, techniques, for_good = _DUCTS[name]
    said: list[Stated] = []
    for event in sheet.visible:
        if event.kind == "procedure" and event.technique in techniques:
            said.append(Stated(event.date, event.id, True))
        elif (
            event.kind == "clinic"
            and event.biliary is not None
            and (value := getattr(event.biliary, field)) is not None
        ):
            said.append(Stated(event.date, event.id, value))
    if not said:
        return
    last = said[-1]
    made = next((entry for entry in said if entry.value), None)
    if for_good and made is not None:
        denied = next((entry for entry in reversed(said) if not entry.value and entry.date >= made.date), None)
        if denied is not None:
            sheet.conflicts.append(
                f"{name}: yes ({made.event}, {made.date}), then no ({denied.event}, {denied.date}); it cannot be undone, so yes is used"
            )
        last = next(entry for entry in reversed(said) if entry.value)
    else:
        rival = next(
            (entry for entry in reversed(said[:-1]) if entry.date == last.date and entry.value != last.value), None
        )
        if rival is not None:
            words = [f"{'yes' if entry.value else 'no'} ({entry.event})" for entry in (last, rival)]
            sheet.conflicts.append(
                f"{name}: {' and '.join(words)} on {last.date}; the later in the file is used ({last.event})"
            )
    sheet.put(name, last.value, last.date, last.event)
