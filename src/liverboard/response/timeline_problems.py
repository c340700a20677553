"""What in a timeline contradicts itself: a procedure before the diagnosis, life after death, entries before their day. Named, never repaired."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from liverboard.clinical.derive_timeline import moment
from liverboard.clinical.events import (
    AdverseEvent,
    AnyEvent,
    Assessment,
    Clinic,
    Diagnosis,
    Imaging,
    Labs,
    Procedure,
    Scout,
    Status,
    Systemic,
)
from liverboard.errors import Problem

_TAKES_A_SPECIMEN = frozenset({"primary_resection", "pancreatoduodenectomy", "liver_resection"})
_NEEDS_A_LIVING_PERSON = (Clinic, Labs, Imaging, Scout, Procedure, Systemic)


def death_of(events: Sequence[AnyEvent]) -> tuple[Status | None, tuple[Problem, ...]]:
    """The death that the events state, and what contradicts it: two days of death, or life after it. With a contradiction nothing that counts days to death can be told."""
    deaths = [event for event in events if isinstance(event, Status) and event.state == "dead"]
    if not deaths:
        return None, ()
    first = deaths[0]
    found: list[Problem] = []
    if len({event.date for event in deaths}) > 1:
        days = " and ".join(sorted({str(event.date) for event in deaths}))
        found.append(Problem(f"death is stated for {days}", event=deaths[-1].id, hint="correct one of them"))
    for event in events:
        if event.date <= first.date:
            continue
        alive = isinstance(event, Status) and event.state == "alive"
        if alive or isinstance(event, _NEEDS_A_LIVING_PERSON):
            what = "the status alive" if alive else f"a {event.kind} event"
            found.append(
                _misdated(
                    event,
                    f"{what} lies after the death of {first.date}",
                    "one of the two dates is wrong",
                )
            )
    return first, tuple(found)


def _misdated(event: AnyEvent, message: str, hint: str) -> Problem:
    """A contradiction that one of two dates explains."""
    return Problem(message, event=event.id, field="date", read=str(event.date), hint=hint)


def timeline_problems(events: Sequence[AnyEvent]) -> tuple[Problem, ...]:
    """Every contradiction among the visible events (in order of date)."""
    found = list(death_of(events)[1])
    diagnosed = next((event.date for event in events if isinstance(event, Diagnosis)), None)
    procedures = [event for event in events if isinstance(event, Procedure)]
    if diagnosed is not None:
        found += [
            _misdated(
                event,
                f"{event.technique} lies before the first diagnosis of {diagnosed}",
                "the diagnosis that its specimen gave is not in the case, and survival from diagnosis starts too late"
                if event.technique in _TAKES_A_SPECIMEN
                else "one of the two dates is wrong, or the first diagnosis is not in the case",
            )
            for event in procedures
            if event.date < diagnosed
        ]
    elif procedures:
        found.append(Problem("procedures without a diagnosis: nothing says when the disease was found"))
    found += _sessions(procedures)
    died = next((event.date for event in events if isinstance(event, Status) and event.state == "dead"), None)
    found += [
        _misdated(
            event,
            f"{'an adverse event' if isinstance(event, AdverseEvent) else 'an assessment'} lies after the death of {died}",
            "give the day on which it was so",
        )
        for event in events
        if died is not None and event.date > died and isinstance(event, (AdverseEvent, Assessment))
    ]
    for event in events:
        if event.recorded is not None and moment(event.recorded) < dt.datetime.combine(
            event.date, dt.time.min, dt.UTC
        ) - dt.timedelta(days=1):
            found.append(
                Problem(
                    f"entered on {event.recorded}, before the day it speaks of",
                    event=event.id,
                    field="recorded",
                    read=str(event.date),
                    hint="what lies ahead is a plan or a board's action",
                )
            )
        if isinstance(event, AdverseEvent) and event.procedure_date is not None and event.procedure_date > event.date:
            found.append(
                Problem(
                    f"the adverse event lies before the procedure of {event.procedure_date} that it is put down to",
                    event=event.id,
                    field="procedure_date",
                    read=str(event.date),
                )
            )
    if not procedures:
        treated = next((event.date for event in events if isinstance(event, Systemic)), None)
        found += [
            Problem("an assessment of response before any treatment", event=event.id, field="date")
            for event in events
            if isinstance(event, Assessment) and (treated is None or event.date < treated)
        ]
    return tuple(found)


def _sessions(procedures: Sequence[Procedure]) -> list[Problem]:
    """Session numbers of one technique that fall with time."""
    last: dict[str, Procedure] = {}
    found: list[Problem] = []
    for event in procedures:
        if event.session is None:
            continue
        before = last.get(event.technique)
        if before is not None and before.session is not None and event.session < before.session and event.session != 1:
            found.append(
                Problem(
                    f"session {event.session} of {event.technique} lies after session {before.session} ({before.date})",
                    event=event.id,
                    field="session",
                    read=str(event.session),
                    hint="one of the dates or numbers is wrong",
                )
            )
        last[event.technique] = event
    return found
