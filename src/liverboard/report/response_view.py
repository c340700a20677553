"""What the response pages of a dossier show, in words: strings only, for HTML and PDF alike. What the case does not have is a line, not an empty table."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from liverboard.board.dossier import Dossier
from liverboard.board.response_section import response_sources
from liverboard.board.response_values import CriterionAnswer, FollowUp, ResponseSection, Seen
from liverboard.board.timeline import words
from liverboard.clinical.response import Criterion
from liverboard.errors import Problem
from liverboard.knowledge import load_references
from liverboard.options.report import Source
from liverboard.report.cited import Cited, SourceMark
from liverboard.report.swim_lane import has_course, swim_lane_finding
from liverboard.report.table import Table
from liverboard.report.words import NOT_KNOWN, THIN, clean, counted, day, number, plain, quantity
from liverboard.response.adverse_events import Grade
from liverboard.response.disagreement import NAMES
from liverboard.response.endpoints import AfterProcedure, EndPoint
from liverboard.response.late_toxicity import Control
from liverboard.response.markers import LABELS, MarkerCourse, MarkerValue

CATEGORIES = "CR complete response, PR partial response, SD stable disease, PD progression, NE not evaluable."
_FIRST: tuple[Criterion, ...] = ("recist11", "mrecist")
_STATES = {
    "overdue": "overdue",
    "incomplete": "done in part",
    "missed": "missed: the next one is nearer",
    "unconfirmed": "nothing says that it was done",
}
_CONTROLS = {"done": "done", "partly_done": "done in part", "overdue": "overdue", "missed": "missed", "ahead": "not due yet"}  # fmt: skip
_CRITERIA: Mapping[str, str] = {"recist11": NAMES["recist11"], "mrecist": NAMES["mrecist"]}
_HAPPENED = {True: "happened", False: "censored", None: NOT_KNOWN}
_SYMPTOMS = {"pain_nrs": "pain (0 to 10)", "hypoglycaemia_per_week": "hypoglycaemia a week", "rescue_octreotide_per_day": "rescue octreotide a day"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class CriterionRow:
    """One criterion at the last follow-up. `reason`: the deciding one; `more`: the others."""

    name: str
    patient: str
    liver: str
    total: str
    change: str
    from_smallest: str
    best: str
    reason: str
    more: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DueRow:
    what: str
    due: str
    late: str
    state: str
    who: str
    missing: str


@dataclass(frozen=True, slots=True)
class ResponseView:
    """`nothing`: why there is no page; else empty. `finding`: the answer first. `lacking`: what the case does not have, a line each. `told`: what goes with symptoms and markers.

    `basis`: what stands behind the criteria beside their first reasons, each sentence once.
    """

    nothing: str
    finding: str
    course: str
    lane: str
    criteria: tuple[CriterionRow, ...]
    basis: tuple[str, ...]
    disagreements: tuple[str, ...]
    over_time: Table | None
    overdue: tuple[DueRow, ...]
    markers: Table | None
    symptoms: Table | None
    told: tuple[str, ...]
    toxicity: Table | None
    controls: Table | None
    ablations: Table | None
    endpoints: Table | None
    after: Table | None
    growth: tuple[str, ...]
    lacking: tuple[str, ...]
    problems: tuple[str, ...]
    sources: tuple[SourceMark, ...]


def response_view(dossier: Dossier, cited: Cited) -> ResponseView | None:
    """None: the dossier was made without this section."""
    found = dossier.response
    if found is None:
        return None
    timeline = dossier.timeline
    judged = any(each.category != "NE" for each in found.criteria.values()) or bool(found.follow_ups)
    tables = {
        "over_time": _over_time(found.follow_ups),
        "markers": _markers(found.markers.courses),
        "symptoms": _symptoms(found),
        "toxicity": _toxicity(found),
        "controls": _controls(found),
        "ablations": _ablations(found),
        "endpoints": _endpoints(found.endpoints.endpoints.values()),
        "after": _after(found.endpoints.after_procedures),
    }
    alone = all(table is None for name, table in tables.items() if name != "endpoints")
    nothing = "" if judged or found.overdue or not alone else _nothing(found)
    rows = tuple(_row(name, answer) for name, answer in found.criteria.items()) if judged else ()
    return ResponseView(
        nothing=clean(nothing),
        finding=clean(_finding(found)),
        course=clean(_course(found)),
        lane=clean(swim_lane_finding(timeline, dossier.as_of)) if timeline is not None and has_course(timeline) else "",
        criteria=rows,
        basis=tuple(dict.fromkeys(text for row in rows for text in row.more)),
        disagreements=tuple(clean(text) for text in found.disagreements) if judged else (),
        overdue=tuple(
            DueRow(clean(in_words(o.what)), day(o.due), counted(o.days, "day"), _STATES[o.state], clean(o.owner or ""), clean(", ".join(o.missing)))
            for o in found.overdue
        ),
        told=tuple(clean(text) for text in _told(found)),
        growth=tuple(clean(f"{each.lesion}: {each.says}") for each in found.growth),
        lacking=tuple(clean(text) for text in _lacking(found, judged=judged, **{k: v is None for k, v in tables.items()})),
        problems=tuple(clean(text) for text in (*(_problem(each) for each in found.problems), *found.warnings)),
        sources=cited.marks(source_of(key) for key in response_sources(found)),
        **tables,
    )  # fmt: skip


def _problem(each: Problem) -> str:
    where = "" if each.event is None else f" (event {each.event})"
    hint = "" if each.hint is None else f" {each.hint[:1].upper()}{each.hint[1:]}."
    return f"{in_words(each.message)}{where}.{hint}"


def _nothing(found: ResponseSection) -> str:
    reason = next((text for answer in found.criteria.values() for text in answer.basis), "nothing was followed")
    return f"Response: {in_words(reason)}."


# --- criteria ------------------------------------------------------------------------------------------------------------------------------------------


def _course(found: ResponseSection) -> str:
    course = found.course
    if course is None:
        return ""
    baseline = "no baseline" if course.baseline_date is None else f"baseline {day(course.baseline_date)}"
    return f"{words(course.what)} from {day(course.start)}, {baseline}"


def _finding(found: ResponseSection) -> str:
    course = found.course
    if course is None:
        return "No treatment whose response could be judged"
    told = [
        f"{NAMES[name]} {answer.category}{_bracket(answer.change_percent)}"
        for name in _FIRST
        if (answer := found.criteria.get(name)) is not None
    ]
    days = [answer.date for answer in found.criteria.values()]
    if not found.follow_ups or all(answer.category == "NE" for answer in found.criteria.values()):
        reason = next((text for answer in found.criteria.values() for text in answer.basis), "no follow-up")
        return f"{words(course.what)} of {day(course.start)}: not evaluable, {in_words(reason)}"
    best = found.criteria["recist11"].best
    ends = "" if best is None else f"; best by RECIST 1.1 {best.category}"
    if best is not None and best.confirmed is False:
        ends += f" ({best.without_confirmation} not confirmed)"
    return f"{words(course.what)} of {day(course.start)}, on {day(max(days))}: {', '.join(told)}{ends}"


def _row(name: Criterion, answer: CriterionAnswer) -> CriterionRow:
    best = answer.best
    said = "–" if best is None else best.category
    if best is not None and best.confirmed is False:
        said += f" ({best.without_confirmation} not confirmed)"
    reasons = [clean(text).replace(" mm2", " mm²") for text in answer.basis]
    return CriterionRow(
        name=NAMES[name],
        patient=answer.category + ("" if answer.scope == "patient" else " (liver only)"),
        liver="–" if answer.hepatic is None else answer.hepatic.category,
        total=_of(answer.total, answer.unit)
        + (f" of {_of(answer.baseline_total, answer.unit)}" if answer.baseline_total is not None else ""),
        change=_signed(answer.change_percent),
        from_smallest=_signed(answer.nadir_change_percent),
        best=said,
        reason=reasons[0] if reasons else "–",
        more=tuple(reasons[1:]) + tuple(clean(text) for text in (best.basis if best else ())),
    )


def _of(value: float | None, unit: str) -> str:
    return "–" if value is None else quantity(value, unit.replace("mm2", "mm²"))


def _signed(percent: float | None) -> str:
    if percent is None:
        return "–"
    return f"{'+' if percent > 0 else ''}{number(percent, '%')}{THIN}%"


def _bracket(percent: float | None) -> str:
    return "" if percent is None else f" ({_signed(percent)})"


def _over_time(follow_ups: Sequence[FollowUp]) -> Table | None:
    """A row a follow-up, a column a criterion; a criterion that never could be judged has none."""
    shown: list[Criterion] = [name for name in NAMES if any(each.seen[name].category != "NE" for each in follow_ups)]
    if not shown:
        return None
    return Table(
        "Every follow-up by every criterion",
        ("Date", "Since", *(NAMES[name] for name in shown)),
        tuple((day(each.date), words(each.what), *(_seen(each.seen[name]) for name in shown)) for each in follow_ups),
        note=f"Change against the baseline of the course that ran then. {CATEGORIES} Where the liver alone differs, it stands behind a stroke."
        + (f" Never to be judged here: {', '.join(NAMES[n] for n in NAMES if n not in shown)}." if len(shown) < len(NAMES) else ""),
    )  # fmt: skip


def _seen(seen: Seen) -> str:
    liver = "" if seen.hepatic in {None, seen.category} else f" | liver {seen.hepatic}"
    return f"{seen.category}{_bracket(seen.change_percent)}{', early' if seen.early else ''}{liver}"


def _ablations(found: ResponseSection) -> Table | None:
    if not found.ablations:
        return None
    state = {True: "complete", False: "not complete", None: NOT_KNOWN}
    return Table(
        "Ablated lesions",
        ("Lesion", "Control", "Ablation", "Margin", "Why"),
        tuple(
            (clean(a.lesion), day(a.date), state[a.complete] + (", enhances again" if a.recurrence else ""), "–" if a.margin_mm is None else quantity(a.margin_mm, "mm"), clean("; ".join(a.basis)))
            for a in found.ablations
        ),
        numbers=(3,),
    )  # fmt: skip


# --- markers and symptoms ------------------------------------------------------------------------------------------------------------------------------


def _markers(courses: Sequence[MarkerCourse]) -> Table | None:
    if not courses:
        return None
    return Table(
        "Markers",
        ("Marker", "Before", "Latest", "Change", "Lowest", "What it means"),
        tuple(
            (
                LABELS[c.name],
                _marker(c.before), _marker(c.latest), _signed(c.change_percent), _marker(c.lowest),
                clean(c.reason) + ("; biochemical response" if c.biochemical_response else ""),
            )
            for c in courses
        ),
        note=f"Before: the last value up to the first liver-directed treatment. Biochemical response: {courses[0].definition} (a convention, not verified: it decides nothing).",
        numbers=(3,),
    )  # fmt: skip


def _marker(value: MarkerValue | None) -> str:
    if value is None:
        return NOT_KNOWN
    ratio = "" if value.ratio is None else f" ({number(value.ratio)}{THIN}× ULN)"
    return f"{quantity(value.value, value.unit)}{ratio}, {day(value.date)}"


def _symptoms(found: ResponseSection) -> Table | None:
    rows = [
        (_SYMPTOMS.get(d.name, plain(d.name)), f"{d.before:g}, {day(d.before_date)}", f"{d.latest:g}, {day(d.latest_date)}", f"{d.change:+g}".replace("-", "−"), _signed(d.percent))
        for d in found.symptoms.daily
    ]  # fmt: skip
    rows += [
        (f"EORTC {plain(s.name)}", f"{s.before:g}, {day(s.before_date)}", f"{s.latest:g}, {day(s.latest_date)}", f"{s.latest - s.before:+g}".replace("-", "−"), s.verdict)
        for s in found.symptoms.scores
    ]  # fmt: skip
    if not rows:
        return None
    return Table("Symptoms", ("Symptom", "Before", "Latest", "Change", "Change, %"), tuple(rows), numbers=(3, 4))


def _told(found: ResponseSection) -> Iterator[str]:
    for course in found.markers.courses:
        if course.confounders:
            yield f"May have moved {LABELS[course.name]}: {'; '.join(course.confounders)}."
    symptoms = found.symptoms
    if symptoms.stated is not None:
        yield f"The clinician's word on {day(symptoms.stated_on)}: {symptoms.stated} response of symptoms."
    if symptoms.durable is not None:
        says = {True: "yes", False: "no", None: NOT_KNOWN}[symptoms.durable.holds]
        yield f"Durable response as TELESTAR defined it: {says}; {symptoms.durable.reason}."
    if symptoms.meaningful and symptoms.meaningful[0].fall > 0:
        ranges = ", ".join(
            f"by {m.by} {m.verdict} (from {number(m.lowest)} to {number(m.highest)})" for m in symptoms.meaningful
        )
        yield f"Fall of {number(symptoms.meaningful[0].fall)} stools a day; meaningful {ranges}. The published ranges disagree."
    notes = dict.fromkeys(score.note for score in symptoms.scores if score.note)
    yield from (f"EORTC scores: {note}." for note in notes)


# --- toxicity and controls -----------------------------------------------------------------------------------------------------------------------------


def _grades(grades: Sequence[Grade]) -> str:
    return ", ".join(f"{g.scale.upper()} {g.version}: {g.grade}" for g in grades) or "no grade"


def _toxicity(found: ResponseSection) -> Table | None:
    table = found.toxicity
    if not table.rows:
        return None
    complete = (
        f"The record is stated to be complete up to {day(table.complete_up_to)}."
        if table.complete_up_to
        else "The record is not stated to be complete: what is not here may still have happened."
    )
    return Table(
        "Adverse events, worst first",
        ("Term", "Times", "Worst grade", "Attribution", "Within 30 days", "Within 90 days", "First"),
        tuple(
            (clean(r.term), f"{r.count}" + (f", {r.ungraded} without grade" if r.ungraded else ""), _grades(r.worst), r.attribution or NOT_KNOWN, f"{r.within_30_days}", f"{r.within_90_days}", day(r.first))
            for r in table.rows
        ),
        note=" ".join((complete, *(f"{text}." for text in table.notes))),
        numbers=(1, 4, 5),
        events=tuple(r.events[0] for r in table.rows),
    )  # fmt: skip


def _controls(found: ResponseSection) -> Table | None:
    rows = [
        (f"{words(sirt.technique)} of {day(sirt.date)}", *_control(control))
        for sirt in found.late_toxicity
        for control in sirt.controls
    ]
    if not rows:
        return None
    return Table(
        "Liver function asked for after SIRT",
        ("After", "Month", "Due", "State", "Bilirubin", "Albumin", "ALBI grade", "Ascites"),
        tuple(rows),
        note="At 1, 3, 6 and 12 months, then yearly: a design of this project, because late toxicity is reported; no source gives a window.",
        numbers=(1, 4, 5, 6),
    )


def _control(control: Control) -> tuple[str, ...]:
    v = control.values
    return (
        f"{control.months}",
        day(control.due),
        _CONTROLS[control.state],
        "–" if v.bilirubin_umol_l is None else quantity(v.bilirubin_umol_l, "umol/L"),
        "–" if v.albumin_g_l is None else quantity(v.albumin_g_l, "g/L"),
        "–" if v.albi_grade is None else f"{v.albi_grade}",
        v.ascites or "–",
    )


# --- end points ----------------------------------------------------------------------------------------------------------------------------------------


def _endpoints(points: Iterable[EndPoint]) -> Table | None:
    shown = [point for point in points if point.start is not None]
    if not any(point.happened is not None for point in shown):
        return None
    return Table(
        "End points, derived from the events",
        ("Derived end point", "From", "Time", "State", "Why"),
        tuple((plain(p.name), _from(p), _time(p), _HAPPENED[p.happened], clean(in_words(p.reason))) for p in shown),
        note="Censored: it had not happened when last seen. A time to progression ends on the day it was seen; the true day lies before it.",
        numbers=(2,),
        events=tuple(p.event or "" for p in shown),
    )


def _from(point: EndPoint) -> str:
    return "–" if point.start is None else f"{clean(in_words(point.start.name))}, {day(point.start.date)}"


def _time(point: EndPoint) -> str:
    if point.days is None:
        return "–"
    months = point.days / 30.4375
    return f"{counted(point.days, 'day')} ({months:.1f}{THIN}months)"


def _after(rows: Sequence[AfterProcedure]) -> Table | None:
    if not rows:
        return None
    yes = {True: "yes", False: "no", None: NOT_KNOWN}
    return Table(
        "Deaths and complications after each procedure",
        ("Procedure", "Days", "Died", "Complicated", "Worst grade", "Why"),
        tuple(
            (f"{words(r.technique)}, {day(r.date)}", f"{r.days}", yes[r.died], yes[r.complicated], _grades(r.worst) if r.worst else "–", clean(in_words(r.reason)))
            for r in rows
        ),
        numbers=(1,),
        events=tuple(r.procedure for r in rows),
    )  # fmt: skip


# --- what is not there, and sources --------------------------------------------------------------------------------------------------------------------


def _lacking(found: ResponseSection, *, judged: bool, **absent: bool) -> Iterator[str]:
    if not judged and found.course is not None:
        yield "Criteria: not judged, the reason stands above."
    if absent["markers"]:
        yield "Markers: none stated."
    if absent["symptoms"]:
        names = ", ".join(plain(name) for name in found.symptoms.missing)
        yield (
            f"Symptoms: not stated on both sides of the treatment ({names})."
            if names
            else "Symptoms: none stated before and after a treatment."
        )
    if absent["toxicity"]:
        until = found.toxicity.complete_up_to
        yield (
            f"Adverse events: none, and the record is stated to be complete up to {day(until)}."
            if until
            else "Adverse events: none recorded, and nothing says that the record is complete."
        )
    if absent["endpoints"]:
        reason = next(
            (p.reason for p in found.endpoints.endpoints.values() if p.reason), "no treatment starts the clock"
        )
        yield f"End points: {in_words(reason)}."
    if not found.overdue:
        yield "Overdue: nothing that this release asks for."


def in_words(text: str) -> str:
    """Coded techniques, drugs and days inside a sentence, as a clinician writes them; a day inside an id stays."""
    dated = re.sub(r"(?<![\w-])\d{4}-\d\d-\d\d(?![\w-])", lambda found: day(dt.date.fromisoformat(found[0])), text)
    return re.sub(r"[a-z][a-z0-9_]+", lambda found: _CRITERIA.get(found[0]) or words(found[0]), dated)


def source_of(key: str) -> Source:
    reference = load_references()[key]
    return Source(key=key, citation=reference.citation, verification=reference.verification)
