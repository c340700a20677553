"""End points derived from the timeline: survival, progression, untreatable progression, symptom-free time, and deaths and complications after each procedure.

Nothing here is typed in. Everything is read from the events that were true by one day and entered by one moment; nothing later can change it. What cannot be
told is None with the reason, never "no". An end point that has not happened is censored, at a day and for a reason that are given.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from liverboard.clinical.derive_timeline import SSA, visible_events
from liverboard.clinical.events import (
    AdverseEvent,
    AnyEvent,
    Assessment,
    Case,
    Clinic,
    Diagnosis,
    Imaging,
    Labs,
    Procedure,
    Scout,
    Status,
    Systemic,
)
from liverboard.clinical.extent import Frozen
from liverboard.errors import Problem
from liverboard.response.adverse_events import Grade, procedure_of, worst_grades
from liverboard.response.start import LIVER_DIRECTED, TRANSARTERIAL, Start, first_procedure, start_of
from liverboard.response.timeline_problems import death_of, timeline_problems

EndPointName = Literal[
    "overall_survival", "overall_survival_from_diagnosis", "progression_free_survival", "hepatic_progression_free_survival",
    "time_to_untreatable_progression", "symptom_free_time",
]  # fmt: skip

_SEEN_ALIVE: Final = (Clinic, Labs, Imaging, Scout, Procedure, Systemic)
WINDOWS_DAYS: Final = (30, 90)
_WHERE: Final = "progression on {} ({}), and nothing says whether in the liver"


class Finding(Frozen):
    """What one statement says on progression: in the liver, and anywhere. None: it does not say. `by`: the criterion or reader."""

    date: dt.date
    hepatic: bool | None
    anywhere: bool | None
    event: str
    by: str


class EndPoint(Frozen):
    """One end point. `happened`: True at `date`; False: censored at `date`; None: cannot be told. `days`: from the start to `date`.

    `not_before`: the last day known to be free of it, so the true day lies after it and not after `date`. `reason`: what happened, why censored, or why it cannot be told.
    """

    name: EndPointName
    definition: str
    start: Start | None = None
    happened: bool | None = None
    date: dt.date | None = None
    days: int | None = None
    not_before: dt.date | None = None
    event: str | None = None
    reason: str
    sources: tuple[str, ...] = ()


class AfterProcedure(Frozen):
    """Death and complications within `days` of one procedure. None: not known. `complications`: ids of the events; `worst`: their worst grade on each scale and version."""

    procedure: str
    technique: str
    date: dt.date
    days: int
    died: bool | None
    complicated: bool | None
    complications: tuple[str, ...] = ()
    worst: tuple[Grade, ...] = ()
    reason: str


class EndPoints(Frozen):
    """All end points of a case as of one day. `problems`: what in the timeline stands against them."""

    as_of: dt.date
    endpoints: dict[str, EndPoint]
    after_procedures: tuple[AfterProcedure, ...]
    findings: tuple[Finding, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class _Seen:
    """What every end point reads: the visible events, the day, the death and what contradicts it, the last day known to be alive, the findings by day."""

    events: Sequence[AnyEvent]
    as_of: dt.date
    death: Status | None
    contradicted: str | None
    last_alive: dt.date | None
    lost: dt.date | None
    findings: Sequence[Finding]


def endpoints_of(
    case: Case,
    as_of: dt.date,
    known_at: dt.date | dt.datetime | None = None,
    *,
    start: str | None = None,
    judged: Sequence[Finding] = (),
) -> EndPoints:
    """The end points from the event `start` (None: the first liver-directed treatment), with what was true by `as_of` and entered by `known_at`.

    `judged`: findings of the criteria beside those that the case states; those after `as_of` are left out.
    """
    events, conflicts = visible_events(case, as_of, known_at)
    death, contradictions = death_of(events)
    # What is entered of a day after the death is an error of dates: no progression comes later than death.
    until = as_of if death is None or contradictions else min(as_of, death.date)
    findings = _merged([each for each in (*_stated(events), *judged) if each.date <= until])
    alive = [e.date for e in events if isinstance(e, _SEEN_ALIVE) or (isinstance(e, Status) and e.state == "alive")]
    lost = next((e.date for e in reversed(events) if isinstance(e, Status) and e.state == "lost"), None)
    contradicted = contradictions[0].message if contradictions else None
    seen = _Seen(events, as_of, death, contradicted, max(alive, default=None), lost, findings)
    begin = start_of(events, start)
    points = (
        _survival(seen, begin, "overall_survival"),
        _survival(seen, _diagnosis(events), "overall_survival_from_diagnosis"),
        _progression_free(seen, begin, hepatic=False),
        _progression_free(seen, begin, hepatic=True),
        _untreatable(seen, first_procedure(events, TRANSARTERIAL, "first transarterial session")),
        _symptom_free(seen, begin),
    )
    return EndPoints(
        as_of=as_of,
        endpoints={point.name: point for point in points},
        after_procedures=tuple(_after(seen, e, n) for e in events if isinstance(e, Procedure) for n in WINDOWS_DAYS),
        findings=tuple(findings),
        problems=(*(Problem(sentence) for sentence in conflicts), *timeline_problems(events)),
    )


# --- findings ------------------------------------------------------------------------------------------------------------------------------------------


def _stated(events: Sequence[AnyEvent]) -> list[Finding]:
    """What the events say on progression. An assessment that finds progression and does not say where has what the images before it said."""
    found: list[Finding] = []
    imaged: bool | None = None
    for event in events:
        if isinstance(event, Imaging) and event.progression is not None:
            hepatic, outside = event.progression.hepatic, event.progression.extrahepatic
            anywhere = True if hepatic or outside else False if hepatic is False and outside is False else None
            found.append(Finding(date=event.date, hepatic=hepatic, anywhere=anywhere, event=event.id, by="reader"))
            imaged = hepatic if anywhere else None
        elif isinstance(event, Assessment) and event.recist11 in {"CR", "PR", "SD", "PD"}:
            progressed = event.recist11 == "PD"
            where = imaged if progressed else False
            found.append(
                Finding(date=event.date, hepatic=where, anywhere=progressed, event=event.id, by="recist11 (stated)")
            )
            imaged = None
    return found


def _merged(findings: Sequence[Finding]) -> list[Finding]:
    """One finding a day, by date: progression that one statement finds is not taken back by another of that day that does not."""
    by_day: dict[dt.date, Finding] = {}
    for new in sorted(findings, key=lambda finding: finding.date):
        old = by_day.get(new.date)
        if old is None:
            by_day[new.date] = new
            continue
        leading = new if new.anywhere and not old.anywhere else old
        by_day[new.date] = Finding(
            date=new.date,
            hepatic=_either(old.hepatic, new.hepatic),
            anywhere=_either(old.anywhere, new.anywhere),
            event=leading.event,
            by=leading.by,
        )
    return list(by_day.values())


def _either(one: bool | None, other: bool | None) -> bool | None:
    return True if one or other else False if one is False or other is False else None


# --- end points ----------------------------------------------------------------------------------------------------------------------------------------


def _diagnosis(events: Sequence[AnyEvent]) -> Start | None:
    first = next((event for event in events if isinstance(event, Diagnosis)), None)
    return None if first is None else Start(name="diagnosis", date=first.date, event=first.id)


def _censored_alive(seen: _Seen, begin: dt.date) -> tuple[dt.date, str]:
    last = max(seen.last_alive or begin, begin)
    if seen.lost is not None and seen.lost >= last:
        return last, f"lost to follow-up (stated on {seen.lost}); last seen alive on {last}"
    return last, f"alive when last seen on {last}"


def _survival(seen: _Seen, begin: Start | None, name: EndPointName) -> EndPoint:
    definition = "From the start to death from any cause; censored on the last day seen alive."
    point = EndPoint(name=name, definition=definition, start=begin, reason="")
    if begin is None:
        return _untold(point, "no event starts the clock")
    if seen.contradicted:
        return _untold(point, seen.contradicted)
    if seen.death is not None and seen.death.date >= begin.date:
        return _ended(point, seen.death.date, seen.death.id, "death")
    return _censored(point, *_censored_alive(seen, begin.date))


def _progression_free(seen: _Seen, begin: Start | None, *, hepatic: bool) -> EndPoint:
    where = "in the liver" if hepatic else "anywhere"
    point = EndPoint(
        name="hepatic_progression_free_survival" if hepatic else "progression_free_survival",
        definition=f"From the start to the first progression {where} or death from any cause; censored on the last day with a finding on it. A change of treatment does not censor.",
        start=begin,
        reason="",
        sources=("retnet_protocol_2018",) if hepatic else (),
    )
    if begin is None:
        return _untold(point, "no event starts the clock")
    free: dt.date | None = None
    for finding in seen.findings:
        if finding.date <= begin.date:
            continue
        progressed = finding.hepatic if hepatic else finding.anywhere
        if progressed:
            reason = f"progression {where} by {finding.by}"
            return _ended(point, finding.date, finding.event, reason, not_before=free or begin.date)
        if hepatic and progressed is None and finding.anywhere:
            return _untold(point, _WHERE.format(finding.date, finding.event))
        if progressed is False:
            free = finding.date
    if seen.contradicted:
        return _untold(point, seen.contradicted)
    if seen.death is not None and seen.death.date >= begin.date:
        return _ended(point, seen.death.date, seen.death.id, "death", not_before=free or begin.date)
    if free is None:
        return _censored(point, begin.date, f"nothing after the start says whether there is progression {where}")
    return _censored(point, free, f"no progression {where} when last judged on {free}")


def _untreatable(seen: _Seen, begin: Start | None) -> EndPoint:
    point = EndPoint(
        name="time_to_untreatable_progression",
        definition="From the first transarterial session to the progression in the liver whose answer was no liver-directed treatment but a drug other than a somatostatin analogue, or to which death came before any answer. "
        "The answer is what is done first after it. Published definitions (made for hepatocellular carcinoma) also read liver function and performance status.",
        start=begin,
        reason="",
        sources=("untaceable_progression_2018",),
    )
    if begin is None:
        return _untold(point, "no transarterial session starts the clock")
    free: dt.date | None = None
    for finding in seen.findings:
        if finding.date <= begin.date:
            continue
        if finding.hepatic is None and finding.anywhere:
            return _untold(point, _WHERE.format(finding.date, finding.event))
        if finding.hepatic:
            answer = _answer(seen.events, finding.date)
            if answer is None:
                why = f"progression in the liver on {finding.date}; no answer to it is recorded by {seen.as_of}"
                return _censored(point, finding.date, why)
            if not answer.liver_directed:
                reason = f"progression in the liver by {finding.by}, answered by {answer.what}"
                return _ended(point, finding.date, finding.event, reason, not_before=free or begin.date)
        if finding.hepatic is not None:
            free = finding.date
    if seen.contradicted:
        return _untold(point, seen.contradicted)
    if seen.death is not None and seen.death.date >= begin.date:
        return _censored(point, seen.death.date, "died without a progression that was left untreated")
    if free is None:
        return _censored(point, begin.date, "nothing after the start says whether there is progression in the liver")
    return _censored(point, free, f"no untreatable progression when last judged on {free}")


@dataclass(frozen=True, slots=True)
class _Answer:
    liver_directed: bool
    what: str


def _answer(events: Sequence[AnyEvent], progression: dt.date) -> _Answer | None:
    """What was done first on the day of a progression or after; None: nothing yet. What a board chose is not yet done."""
    for event in events:
        if isinstance(event, Procedure) and event.date >= progression and event.technique in LIVER_DIRECTED:
            return _Answer(True, event.technique)
        if isinstance(event, Systemic) and event.date >= progression and event.drug not in SSA:
            return _Answer(False, event.drug)
        if isinstance(event, Status) and event.date >= progression and event.state == "dead":
            return _Answer(False, "death")
    return None


def _symptom_free(seen: _Seen, begin: Start | None) -> EndPoint:
    point = EndPoint(
        name="symptom_free_time",
        definition="From the first statement after the start that the hormonal symptoms are controlled (clinic: syndrome_controlled; assessment: complete) to the first later statement that "
        "they are not (assessment: none; partial says neither); censored on the last statement. Scales are not standardised.",
        start=None,
        reason="",
        sources=("retnet_protocol_2018",),
    )
    if begin is None:
        return _untold(point, "no event starts the clock")
    last: dt.date | None = None
    for event in seen.events:
        free = _controlled(event)
        if event.date <= begin.date or free is None:
            continue
        if last is None:
            if free:
                first = Start(name="first statement of controlled symptoms", date=event.date, event=event.id)
                point = point.model_copy(update={"start": first})
                last = event.date
        elif free:
            last = event.date
        else:
            return _ended(point, event.date, event.id, "symptoms are stated as not controlled", not_before=last)
    if last is None:
        return _untold(point, "nothing after the start says that symptoms are controlled")
    return _censored(point, last, f"controlled when last stated on {last}")


def _controlled(event: AnyEvent) -> bool | None:
    if isinstance(event, Clinic):
        return None if event.syndrome == "none" else event.syndrome_controlled
    if isinstance(event, Assessment):
        return {"complete": True, "none": False}.get(event.symptoms or "")
    return None


# --- after each procedure ------------------------------------------------------------------------------------------------------------------------------


def _after(seen: _Seen, procedure: Procedure, days: int) -> AfterProcedure:
    end = procedure.date + dt.timedelta(days=days)
    found = tuple(
        event
        for event in seen.events
        if isinstance(event, AdverseEvent)
        and event.attribution != "unrelated"
        and procedure.date <= event.date <= end
        and procedure_of(event, seen.events) == procedure.id
    )
    died: bool | None
    if seen.contradicted:
        died, reason = None, seen.contradicted
    elif seen.death is not None and seen.death.date >= procedure.date:
        died, reason = seen.death.date <= end, f"died on {seen.death.date}"
    elif seen.last_alive is not None and seen.last_alive >= end:
        died, reason = False, f"alive on {seen.last_alive}"
    else:
        last = max(seen.last_alive or procedure.date, procedure.date)
        died, reason = None, f"followed for {(last - procedure.date).days} of {days} days"
    counted = any(isinstance(e, Clinic) and e.adverse_events_complete and e.date >= end for e in seen.events)
    complicated = True if found else False if counted else None  # no record is not a record of none
    if complicated is None:
        reason += "; no complication is recorded, and nothing says that the record is complete"
    return AfterProcedure(
        procedure=procedure.id,
        technique=procedure.technique,
        date=procedure.date,
        days=days,
        died=died,
        complicated=complicated,
        complications=tuple(event.id for event in found),
        worst=worst_grades(found),
        reason=reason,
    )


# --- the three ways to end -----------------------------------------------------------------------------------------------------------------------------


def _untold(point: EndPoint, reason: str) -> EndPoint:
    return point.model_copy(update={"reason": reason})


def _censored(point: EndPoint, date: dt.date, reason: str) -> EndPoint:
    assert point.start is not None  # noqa: S101  (told to the type checker)
    days = (date - point.start.date).days
    return point.model_copy(update={"happened": False, "date": date, "days": days, "reason": reason})


def _ended(point: EndPoint, date: dt.date, event: str, reason: str, not_before: dt.date | None = None) -> EndPoint:
    assert point.start is not None  # noqa: S101  (told to the type checker)
    days = (date - point.start.date).days
    found = {"happened": True, "date": date, "days": days, "event": event, "reason": reason, "not_before": not_before}
    return point.model_copy(update=found)
