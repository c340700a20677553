"""`facts_of`: what was known of a case on one day. One value a fact, with unit, date, age and source event; nothing later shines through."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from typing import Any

from liverboard.clinical.derive import Fact, Sheet, Value, unknown
from liverboard.clinical.derive_function import write_function
from liverboard.clinical.derive_liver import write_liver
from liverboard.clinical.derive_sirt import write_sirt
from liverboard.clinical.derive_treatment import write_treatment
from liverboard.clinical.derive_tumour import write_tumour
from liverboard.clinical.dictionary import load_dictionary
from liverboard.clinical.events import Case

__all__ = ["Fact", "Facts", "facts_of"]


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts of a case as of one day: every name of the dictionary, unknown ones included. `conflicts`: sentences on statements that disagree."""

    as_of: dt.date
    known_at: dt.date | dt.datetime | None
    facts: Mapping[str, Fact]
    conflicts: tuple[str, ...] = ()

    def value(self, name: str) -> Value | None:
        """What rules see: None when unknown, and when questioned and not confirmed. Raises KeyError for a name that is no fact."""
        fact = self.facts[name]
        return None if fact.questioned else fact.value

    @property
    def unknown(self) -> tuple[str, ...]:
        """Names that rules see as unknown: never stated, or questioned."""
        return tuple(name for name, fact in self.facts.items() if fact.value is None or fact.questioned)

    @property
    def questioned(self) -> tuple[str, ...]:
        return tuple(name for name, fact in self.facts.items() if fact.questioned)

    def as_json(self) -> dict[str, object]:
        """Plain values for a JSON document."""
        return {
            "as_of": self.as_of.isoformat(),
            "known_at": None if self.known_at is None else self.known_at.isoformat(),
            "facts": {name: _plain(fact) for name, fact in self.facts.items()},
            "unknown": list(self.unknown),
            "questioned": list(self.questioned),
            "conflicts": list(self.conflicts),
        }


def facts_of(case: Case, as_of: dt.date, known_at: dt.date | dt.datetime | None = None) -> Facts:
    """The facts as they were true by `as_of` and had been entered by `known_at` (a plain day: its end; None: all that has been entered).

    Raises KnowledgeBaseError when the packaged dictionary is damaged.
    """
    definitions = load_dictionary()
    sheet = Sheet(case, as_of, known_at, definitions)
    for name, kind, read in _stated_facts():
        events = sheet.by_kind.get(kind)
        if events:
            sheet.put_stated(name, events, read)
    if case.sex is not None:
        sheet.put("sex", case.sex)
        if case.sex == "male" and "pregnant" not in sheet.facts:
            sheet.put("pregnant", False, note="recorded as male, and nothing is stated")
    if case.birth_year is not None:
        sheet.put("age_years", as_of.year - case.birth_year)
    for write in (write_tumour, write_liver, write_function, write_treatment, write_sirt):
        write(sheet)
    found = sheet.facts
    facts = {name: found.get(name) or unknown(name, definition.unit) for name, definition in definitions.items()}
    return Facts(as_of, known_at, facts, tuple(sheet.conflicts))


@cache
def _stated_facts() -> tuple[tuple[str, str, Callable[[Any], Any]], ...]:
    """(fact, event kind, reader) of every fact that an event states."""
    paths = [
        (name, definition.stated_in.split("."))
        for name, definition in load_dictionary().items()
        if definition.stated_in
    ]
    return tuple((name, path[0], _reader(path[1:])) for name, path in paths if path[0] != "case")


def _reader(steps: list[str]) -> Callable[[Any], Any]:
    if len(steps) == 1:
        return attrgetter(steps[0])
    outer, inner = attrgetter(steps[0]), attrgetter(".".join(steps[1:]))

    def read(event: Any) -> Any:
        part = outer(event)
        return None if part is None else inner(part)

    return read


def _plain(fact: Fact) -> dict[str, object]:
    plain: dict[str, object] = {
        "value": fact.value,
        "unit": fact.unit,
        "date": None if fact.date is None else fact.date.isoformat(),
        "age_days": fact.age_days,
        "event": fact.event,
        "stale": fact.stale,
        "questioned": fact.questioned,
    }
    return plain | {"note": fact.note} if fact.note else plain
