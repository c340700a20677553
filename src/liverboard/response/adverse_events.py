"""Adverse events of a case: the toxicity table by term with the worst grade of each scale and version, and what each is put down to."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal, get_args

from liverboard.clinical.derive_timeline import visible_events
from liverboard.clinical.events import (
    AdverseEvent,
    AnyEvent,
    Case,
    Cirse,
    Clinic,
    Ctcae,
    Procedure,
    Sir,
    Status,
    Systemic,
)
from liverboard.clinical.extent import Frozen
from liverboard.errors import Problem

Scale = Literal["ctcae", "cirse", "sir"]
Attribution = Literal["unrelated", "unlikely", "possible", "probable", "definite"]
ATTRIBUTIONS: Final[tuple[Attribution, ...]] = get_args(Attribution)  # from weakest to strongest
_SIR_ORDER: Final = ("A", "B", "C", "D", "E", "F", "mild", "moderate", "severe", "life_threatening", "death")
_FATAL: Final = {("ctcae", "5"), ("cirse", "6"), ("sir", "F"), ("sir", "death")}
CIRSE_MEANING: Final = {
    "1": "solved within the same session",
    "1a": "solved within the same session, and the procedure succeeded",
    "1b": "the complication affected the success of the procedure",
    "2": "unplanned stay under 48 hours, no added therapy",
    "3": "added therapy, or a stay over 48 hours, without sequelae",
    "3a": "as grade 3, the shorter stay (wording of the parts not seen)",
    "3b": "as grade 3, the longer stay (wording of the parts not seen)",
    "4": "mild sequelae beyond the stay",
    "5": "severe sequelae with help in daily life",
    "6": "death",
}


class Grade(Frozen):
    """A grade on one scale in one version. Grades of two versions are never ranked against each other."""

    scale: Scale
    version: str
    grade: str


class Toxicity(Frozen):
    """One term of the table. `worst`: one grade for every scale and version in use. `within_30_days`, `within_90_days`: counts after the procedure that each is put down to.

    `attribution`: the strongest that is stated. `ungraded`: how many carry no grade at all.
    """

    term: str
    count: int
    worst: tuple[Grade, ...]
    attribution: Attribution | None
    within_30_days: int
    within_90_days: int
    ungraded: int
    first: dt.date
    events: tuple[str, ...]


class ToxicityTable(Frozen):
    """Adverse events by term, worst first, then by name. `complete_up_to`: the last day for which the record is stated to be complete."""

    as_of: dt.date
    rows: tuple[Toxicity, ...]
    complete_up_to: dt.date | None
    notes: tuple[str, ...]
    problems: tuple[Problem, ...]


def toxicity_of(case: Case, as_of: dt.date, known_at: dt.date | dt.datetime | None = None) -> ToxicityTable:
    """The toxicity table of what was true by `as_of` and entered by `known_at`. An empty table says nothing unless `complete_up_to` is set."""
    events, _ = visible_events(case, as_of, known_at)
    adverse = [event for event in events if isinstance(event, AdverseEvent)]
    by_term: dict[str, list[AdverseEvent]] = defaultdict(list)
    for event in adverse:
        by_term[" ".join(event.term.casefold().split())].append(event)
    procedures = {event.id: event.date for event in events if isinstance(event, Procedure)}
    rows = [_row(same, events, procedures) for same in by_term.values()]
    rows.sort(key=lambda row: (-max((_weight(grade) for grade in row.worst), default=-1), row.term.casefold()))
    complete = [event.date for event in events if isinstance(event, Clinic) and event.adverse_events_complete]
    return ToxicityTable(
        as_of=as_of,
        rows=tuple(rows),
        complete_up_to=max(complete, default=None),
        notes=tuple(_notes(adverse)),
        problems=tuple(_problems(adverse, events)),
    )


def procedure_of(event: AdverseEvent, events: Sequence[AnyEvent]) -> str | None:
    """The procedure that an adverse event is put down to: the one that `related` names, else the one on `procedure_date`, else the last one before it.

    None: it is put down to something else, or to a procedure that is not among `events`.
    """
    procedures = [other for other in events if isinstance(other, Procedure) and other.date <= event.date]
    if event.related is not None:
        return next((other.id for other in procedures if other.id == event.related), None)
    if event.procedure_date is not None:
        return next((other.id for other in reversed(procedures) if other.date == event.procedure_date), None)
    return procedures[-1].id if procedures else None


# --- one row -------------------------------------------------------------------------------------------------------------------------------------------


def _row(same: Sequence[AdverseEvent], events: Sequence[AnyEvent], procedures: Mapping[str, dt.date]) -> Toxicity:
    days: list[int] = []
    for event in same:
        procedure = None if event.attribution == "unrelated" else procedure_of(event, events)
        if procedure is not None:
            days.append((event.date - procedures[procedure]).days)
    stated = [ATTRIBUTIONS.index(event.attribution) for event in same if event.attribution is not None]
    return Toxicity(
        term=same[0].term,
        count=len(same),
        worst=worst_grades(same),
        attribution=ATTRIBUTIONS[max(stated)] if stated else None,
        within_30_days=sum(n <= 30 for n in days),
        within_90_days=sum(n <= 90 for n in days),
        ungraded=sum(not grades_of(event) for event in same),
        first=same[0].date,
        events=tuple(event.id for event in same),
    )


def grades_of(event: AdverseEvent) -> tuple[Grade, ...]:
    """Every grade that an adverse event carries, CTCAE first."""
    stated: tuple[tuple[Scale, Ctcae | Cirse | Sir | None], ...] = (
        ("ctcae", event.ctcae),
        ("cirse", event.cirse),
        ("sir", event.sir),
    )
    return tuple(
        Grade(scale=scale, version=str(given.version), grade=str(given.grade))
        for scale, given in stated
        if given is not None
    )


def worst_grades(adverse: Iterable[AdverseEvent]) -> tuple[Grade, ...]:
    """The worst grade of each scale and version in use."""
    worst: dict[tuple[str, str], Grade] = {}
    for event in adverse:
        for grade in grades_of(event):
            before = worst.get((grade.scale, grade.version))
            if before is None or _rank(grade) > _rank(before):
                worst[grade.scale, grade.version] = grade
    return tuple(worst.values())


def _rank(grade: Grade) -> tuple[int, str]:
    """Order within one scale and version."""
    return (_SIR_ORDER.index(grade.grade), "") if grade.scale == "sir" else (int(grade.grade[0]), grade.grade[1:])


def _weight(grade: Grade) -> float:
    """Share of the way from the lightest grade (0) to death (1): the order of the rows, nothing else."""
    steps = {"ctcae": 4, "cirse": 5, "sir": 5 if grade.version == "old" else 4}[grade.scale]
    lowest = 6 if grade.scale == "sir" and grade.version != "old" else 0 if grade.scale == "sir" else 1
    return (_rank(grade)[0] - lowest) / steps


# --- what is to be said beside the table ---------------------------------------------------------------------------------------------------------------


def _notes(adverse: Sequence[AdverseEvent]) -> list[str]:
    versions: dict[str, set[str]] = defaultdict(set)
    for event in adverse:
        for grade in grades_of(event):
            versions[grade.scale.upper()].add(grade.version)
    return [
        f"{scale} versions {' and '.join(sorted(used))} stand side by side: grades of two versions are not ranked against each other"
        for scale, used in versions.items()
        if len(used) > 1
    ]


def _problems(adverse: Sequence[AdverseEvent], events: Sequence[AnyEvent]) -> Iterator[Problem]:
    treatments = {event.id: event for event in events if isinstance(event, (Procedure, Systemic))}
    dead = any(isinstance(event, Status) and event.state == "dead" for event in events)
    for event in adverse:
        if event.related is not None and event.related not in treatments:
            yield Problem(
                "the adverse event is put down to an event that is no procedure and no course seen by this day",
                event=event.id,
                field="related",
                read=event.related,
            )
        elif event.related is not None and treatments[event.related].date > event.date:
            yield Problem(
                "the adverse event lies before the treatment that it is put down to",
                event=event.id,
                field="related",
                read=event.related,
            )
        on = event.procedure_date if event.related is None else None
        if on is not None and on <= event.date and procedure_of(event, events) is None:
            yield Problem(
                "no procedure lies on this day",
                event=event.id,
                field="procedure_date",
                read=str(event.procedure_date),
                hint="name the procedure by its id in `related`",
            )
        fatal = [grade for grade in grades_of(event) if (grade.scale, grade.grade) in _FATAL]
        if fatal and not dead:
            yield Problem(
                f"{fatal[0].scale.upper()} grade {fatal[0].grade} means death, and no status says so",
                event=event.id,
                field=fatal[0].scale,
            )
