"""What can be seen of a timeline from one day, with what had been entered by one moment. Nothing later shines through."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import get_args

from liverboard.clinical.events import AnyEvent, Case, Drug, Systemic

SSA = frozenset({"lanreotide", "octreotide_lar"})
PRRT = frozenset({"lu177_dotatate"})
CAPECITABINE = frozenset({"capecitabine_temozolomide"})
CHEMOTHERAPY = frozenset({"capecitabine_temozolomide", "streptozotocin_5fu", "folfox"})
ANTIANGIOGENIC = frozenset({"sunitinib", "cabozantinib"})
UNNAMED = frozenset({"other"})
NOT_SSA = frozenset(get_args(Drug)) - SSA - UNNAMED


@dataclass(frozen=True, slots=True)
class Course:
    """A systemic course as seen from one day. `running`: goes on; `until`, `stopped_for` and `cycles` are None while they lie ahead or are not known."""

    event: str
    drug: str
    start: dt.date
    running: bool
    until: dt.date | None = None
    stopped_for: str | None = None
    cycles: int | None = None


def moment(when: dt.date | dt.datetime) -> dt.datetime:
    """A plain day is its end, a datetime without zone is UTC."""
    if not isinstance(when, dt.datetime):
        return dt.datetime.combine(when, dt.time.max, dt.UTC)
    return when if when.tzinfo is not None else when.replace(tzinfo=dt.UTC)


def course_of(event: Systemic, as_of: dt.date) -> Course:
    """The course without what lies after `as_of`.

    The end shows when `until` is not after `as_of`. Without `until` the course goes on, and `cycles` and `stopped_for` count only when they are known to
    have been entered by `as_of`: they could speak of later.
    """
    if event.until is not None:
        if event.until <= as_of:
            return Course(event.id, event.drug, event.date, False, event.until, event.stopped_for, event.cycles)
        return Course(event.id, event.drug, event.date, True)
    if event.recorded is not None and moment(event.recorded) <= moment(as_of):
        return Course(
            event.id, event.drug, event.date, event.stopped_for is None, None, event.stopped_for, event.cycles
        )
    return Course(event.id, event.drug, event.date, True)


def visible_events(
    case: Case, as_of: dt.date, known_at: dt.date | dt.datetime | None = None
) -> tuple[list[AnyEvent], list[str]]:
    """Events that were true by `as_of` and entered by `known_at` (None: whenever), corrections applied, by date and then place in the file; and conflicts.

    A systemic event is given whole: read it through `course_of`. An event without `recorded` counts as entered. A correction stands in the place of what it corrects. Of two corrections of one event the later entered
    counts, then the later in the file.
    """
    limit = None if known_at is None else moment(known_at)
    events = [
        event for event in case.events if event.date <= as_of and (limit is None or event.recorded is None or moment(event.recorded) <= limit)
    ]  # fmt: skip
    conflicts: list[str] = []
    if any(event.corrects is not None for event in events):
        events = _corrected(case, events, conflicts)
    events.sort(key=_date)
    return events, conflicts


def _entered(event: AnyEvent) -> tuple[bool, dt.datetime]:
    return (False, moment(dt.date.min)) if event.recorded is None else (True, moment(event.recorded))


def _date(event: AnyEvent) -> dt.date:
    return event.date


def _corrected(case: Case, visible: list[AnyEvent], conflicts: list[str]) -> list[AnyEvent]:
    place = {event.id: number for number, event in enumerate(case.events)}
    target = {event.id: event.corrects for event in case.events}
    replaced: set[str] = set()
    for event in visible:
        current = event.corrects
        while current is not None and current not in replaced:
            replaced.add(current)
            current = target[current]
    standing: dict[str, list[AnyEvent]] = {}
    for event in visible:
        if event.id in replaced:
            continue
        origin = event.id
        while (corrected := target[origin]) is not None:
            origin = corrected
        standing.setdefault(origin, []).append(event)
    kept: list[tuple[int, AnyEvent]] = []
    for origin, rivals in standing.items():
        winner = max(rivals, key=lambda event: (*_entered(event), place[event.id]))
        if len(rivals) > 1:
            others = ", ".join(event.id for event in rivals if event is not winner)
            conflicts.append(f"event {origin} is corrected more than once ({others}, {winner.id}); {winner.id} is used")
        kept.append((place[origin], winner))
    kept.sort(key=lambda entry: entry[0])
    return [event for _, event in kept]
