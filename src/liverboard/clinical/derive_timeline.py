"""What can be seen of a timeline from one day, with what had been entered by one moment. Nothing later shines through."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import get_args

from liverboard.clinical.events import AnyEvent, Case, Drug, Systemic, Withdrawal

# Drugs of a group, and the group itself as a course of `other` names it. `other` alone: a drug that is no analogue; unnamed: nobody says what it is.
SSA = frozenset({"lanreotide", "octreotide_lar", "somatostatin_analogue"})
PRRT = frozenset({"lu177_dotatate"})
CAPECITABINE = frozenset({"capecitabine_temozolomide", "capecitabine"})
CHEMOTHERAPY = CAPECITABINE | {"streptozotocin_5fu", "folfox", "chemotherapy"}
ANTIANGIOGENIC = frozenset({"sunitinib", "cabozantinib", "antiangiogenic"})
NOT_SSA = frozenset(get_args(Drug)) - SSA
UNNAMED = frozenset({"unnamed"})


@dataclass(frozen=True, slots=True)
class Course:
    """A systemic course as seen from one day. `names`: the words under which it counts. `running`: goes on; `until`, `stopped_for` and `cycles` are None while they lie ahead or are not known."""

    event: str
    drug: str
    names: frozenset[str]
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
    begun = Course(event.id, event.drug, _names(event), event.date, True)
    if event.until is not None:
        if event.until > as_of:
            return begun
        return replace(begun, running=False, until=event.until, stopped_for=event.stopped_for, cycles=event.cycles)
    if event.recorded is not None and moment(event.recorded) <= moment(as_of):
        return replace(begun, running=event.stopped_for is None, stopped_for=event.stopped_for, cycles=event.cycles)
    return begun


def _names(event: Systemic) -> frozenset[str]:
    if event.drug != "other":
        return frozenset({event.drug})
    if event.contains is None:
        return UNNAMED
    groups = frozenset[str](event.contains)
    return groups if groups & SSA else groups | {"other"}


def visible_events(
    case: Case, as_of: dt.date, known_at: dt.date | dt.datetime | None = None
) -> tuple[list[AnyEvent], list[str]]:
    """Events that were true by `as_of` and entered by `known_at` (None: whenever), corrections and withdrawals applied, by date and then place in the file; and conflicts.

    A systemic event is given whole: read it through `course_of`. An event without `recorded` counts as entered. A correction stands in the place of what it corrects. Of two corrections of one event the later entered
    counts, then the later in the file.
    """
    standing, conflicts = _standing(case, as_of, known_at)
    return [event for event in standing if not isinstance(event, Withdrawal)], conflicts


def standing_withdrawals(
    case: Case, as_of: dt.date, known_at: dt.date | dt.datetime | None = None
) -> tuple[Withdrawal, ...]:
    """The withdrawals that count on that day, each in the place of what it takes back."""
    return tuple(event for event in _standing(case, as_of, known_at)[0] if isinstance(event, Withdrawal))


def _standing(case: Case, as_of: dt.date, known_at: dt.date | dt.datetime | None) -> tuple[list[AnyEvent], list[str]]:
    limit = None if known_at is None else moment(known_at)
    events = [
        event for event in case.events if event.date <= as_of and (limit is None or event.recorded is None or moment(event.recorded) <= limit)
    ]  # fmt: skip
    conflicts: list[str] = []
    if any(event.corrects is not None for event in events):
        undoing = undoings(case.events)  # of all: one whose withdrawal is not to be seen takes nothing back
        void = undoing | {event.corrects for event in events if event.id in undoing and event.corrects is not None}
        events = [event for event in events if event.id not in void]
        events = _corrected(case, events, conflicts)
    events.sort(key=_date)
    return events, conflicts


def undoings(events: Sequence[AnyEvent]) -> frozenset[str]:
    """Those that undo a withdrawal: withdrawals of a withdrawal. Neither of the two counts then."""
    taken_back = {event.id for event in events if isinstance(event, Withdrawal)}
    return frozenset(event.id for event in events if isinstance(event, Withdrawal) and event.corrects in taken_back)


def replaced_by(events: Sequence[AnyEvent]) -> dict[str, str]:
    """By event, the last that replaced it or took it back, whatever the day: what is in no key counts, but for the losers of a conflict. An undone withdrawal took nothing back."""
    undoing = undoings(events)
    undone = {event.corrects for event in events if event.id in undoing}
    target = {event.id: event.corrects for event in events}
    found: dict[str, str] = {}
    for event in events:
        if event.corrects is None or event.id in undone:
            continue
        found[event.corrects] = event.id
        above = None if event.id in undoing else target[event.corrects]
        while above is not None:  # a correction of an undone withdrawal stands for the event behind that
            found.setdefault(above, event.id)
            above = target[above]
    return found


def origin_of(event_id: str, target: Mapping[str, str | None]) -> str:
    """The first of an event's chain: what it corrects, what that corrects, and so on. `target`: by event, what it corrects."""
    while (corrected := target[event_id]) is not None:
        event_id = corrected
    return event_id


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
        standing.setdefault(origin_of(event.id, target), []).append(event)
    kept: list[tuple[int, AnyEvent]] = []
    for origin, rivals in standing.items():
        winner = max(rivals, key=lambda event: (*_entered(event), place[event.id]))
        if len(rivals) > 1:
            others = ", ".join(event.id for event in rivals if event is not winner)
            conflicts.append(f"event {origin} is corrected more than once ({others}, {winner.id}); {winner.id} is used")
        kept.append((place[origin], winner))
    kept.sort(key=lambda entry: entry[0])
    return [event for _, event in kept]
