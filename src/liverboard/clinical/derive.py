"""The sheet on which facts are written: visible events by kind, `latest` for what is stated, `put` for what is found."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple, Protocol, TypeVar

from liverboard.clinical.derive_timeline import SSA, Course, course_of, visible_events
from liverboard.clinical.dictionary import FactDefinition
from liverboard.clinical.events import Case, Clinic, Diagnosis, History, Imaging, Labs, Procedure, Systemic

Value = float | int | bool | str
MANY_DAYS_APART = 30


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact on one day; `value` None: unknown. `questioned`: implausible and not confirmed, so unknown to rules.

    A derived fact carries the date of its oldest input (its age and staleness are theirs) and the id of its latest event.
    """

    name: str
    value: Value | None = None
    unit: str | None = None
    date: dt.date | None = None
    age_days: int | None = None
    event: str | None = None
    stale: bool = False
    questioned: bool = False
    note: str | None = None


class Dated(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def date(self) -> dt.date: ...
    @property
    def confirmed(self) -> bool | None: ...


E = TypeVar("E", bound=Dated)
V = TypeVar("V")


class Stated(NamedTuple):
    """Day, event and value of one statement."""

    date: dt.date
    event: str
    value: Any


class Sheet:
    """What is seen of a case on `as_of`, and the facts found so far."""

    __slots__ = ("as_of", "by_kind", "case", "conflicts", "courses", "definitions", "facts", "history", "visible")

    def __init__(
        self,
        case: Case,
        as_of: dt.date,
        known_at: dt.date | dt.datetime | None,
        definitions: Mapping[str, FactDefinition],
    ) -> None:
        self.case = case
        self.as_of = as_of
        self.definitions = definitions
        self.visible, self.conflicts = visible_events(case, as_of, known_at)
        self.by_kind: dict[str, list[Any]] = {}
        for event in self.visible:
            self.by_kind.setdefault(event.kind, []).append(event)
        systemic: list[Systemic] = self.by_kind.get("systemic", [])
        self.courses: list[Course] = [course_of(event, as_of) for event in systemic]
        self.history: History | None = self._complete_history()
        self.facts: dict[str, Fact] = {}

    def _complete_history(self) -> History | None:
        """The latest word on the treatment history, when it says that the history is complete."""
        stated: list[History] = self.by_kind.get("history", [])
        return stated[-1] if stated and stated[-1].complete else None

    @property
    def diagnoses(self) -> list[Diagnosis]:
        return self.by_kind.get("diagnosis", [])

    @property
    def clinics(self) -> list[Clinic]:
        return self.by_kind.get("clinic", [])

    @property
    def labs(self) -> list[Labs]:
        return self.by_kind.get("labs", [])

    @property
    def imagings(self) -> list[Imaging]:
        return self.by_kind.get("imaging", [])

    @property
    def procedures(self) -> list[Procedure]:
        return self.by_kind.get("procedure", [])

    def of_drugs(self, drugs: frozenset[str]) -> list[Course]:
        return [course for course in self.courses if course.names & drugs]

    @property
    def ssa_courses(self) -> list[Course]:
        return self.of_drugs(SSA)

    def latest(self, what: str, events: Sequence[E], read: Callable[[E], V | None]) -> tuple[E, V] | None:
        """The last of `events` that states something, and what; other values of that day become a conflict under the name `what`."""
        for index in range(len(events) - 1, -1, -1):
            event = events[index]
            value = read(event)
            if value is None:
                continue
            while index and events[index - 1].date == event.date:
                index -= 1  # noqa: PLW2901  (the outer loop ends here)
                other = read(events[index])
                if other is not None and other != value:
                    self.conflict(what, event, value, events[index], other)
            return event, value
        return None

    def conflict(self, what: str, used: Dated, value: object, other: Dated, other_value: object) -> None:
        plain = isinstance(value, (bool, int, float, str))
        words = (
            f"{say(value)} ({used.id}) and {say(other_value)} ({other.id})"
            if plain
            else f"{used.id} and {other.id} differ"
        )
        self.conflicts.append(f"{what}: {words} on {used.date}; the later in the file is used ({used.id})")

    def put(
        self,
        name: str,
        value: Value | None,
        date: dt.date | None = None,
        event: str | None = None,
        *,
        confirmed: bool = False,
        note: str | None = None,
    ) -> None:
        """Write a fact; an implausible number is questioned unless its event was confirmed."""
        definition = self.definitions[name]
        if value is None:
            self.facts[name] = Fact(name, None, definition.unit, note=note) if note else unknown(name, definition.unit)
            return
        questioned = False
        bounds = definition.plausible
        if bounds is not None and not bounds[0] <= value <= bounds[1]:  # pyright: ignore[reportOperatorIssue]
            doubt = definition.doubt(float(value))
            questioned = not confirmed
            note = f"{doubt}{' (confirmed)' if confirmed else ''}" + (f"; {note}" if note else "")
        age = None if date is None else (self.as_of - date).days
        stale = age is not None and definition.stale_after_days is not None and age > definition.stale_after_days
        self.facts[name] = Fact(name, value, definition.unit, date, age, event, stale, questioned, note)

    def put_stated(self, name: str, events: Sequence[E], read: Callable[[E], Value | None]) -> None:
        """Write what the latest event states."""
        found = self.latest(name, events, read)
        if found is not None:
            event, value = found
            self.put(name, value, event.date, event.id, confirmed=event.confirmed is True)

    def known(self, name: str) -> Fact | None:
        """The fact, when rules may see it."""
        fact = self.facts.get(name)
        return None if fact is None or fact.value is None or fact.questioned else fact

    def lacking(self, names: Sequence[str]) -> str | None:
        """Which of these are missing or questioned, in words; None when all are there."""
        questioned = [name for name in names if (fact := self.facts.get(name)) is not None and fact.questioned]
        missing = [name for name in names if name not in questioned and self.known(name) is None]
        parts = [
            f"{word}: {', '.join(self.definitions[name].label for name in some)}"
            for word, some in (("questioned", questioned), ("missing", missing))
            if some
        ]
        return "; ".join(parts) or None


def combine(inputs: Sequence[Fact]) -> tuple[dt.date | None, str | None, str | None]:
    """Date of the oldest input, event of the latest, and a note when they lie far apart."""
    dated = [(fact.date, fact.event) for fact in inputs if fact.date is not None]
    if not dated:
        return None, None, None
    oldest, newest = min(date for date, _ in dated), max(date for date, _ in dated)
    event = next(event for date, event in reversed(dated) if date == newest)
    days = (newest - oldest).days
    return oldest, event, f"inputs are {days} days apart" if days > MANY_DAYS_APART else None


def join(*notes: str | None) -> str | None:
    return "; ".join(note for note in notes if note) or None


def say(value: object) -> str:
    return (
        {True: "yes", False: "no"}[value]
        if isinstance(value, bool)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )


@cache
def unknown(name: str, unit: str | None) -> Fact:
    return Fact(name, None, unit)
