"""Facts as one supposes them: a stated fact is stated anew on the day, so that what follows from it follows; a derived one is set as it is said."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from liverboard.board.asked import missing_of
from liverboard.clinical.case_file import read_case, write_case
from liverboard.clinical.derive import Value, unknown
from liverboard.clinical.dictionary import FactDefinition, load_dictionary
from liverboard.clinical.events import Case
from liverboard.clinical.facts import Facts, facts_of
from liverboard.clinical.lesion_facts import lesion_facts_of
from liverboard.errors import BadInput, Problem
from liverboard.options.policy import packaged
from liverboard.options.weigh import weigh
from liverboard.units import UnitError, parse_quantity, with_point
from liverboard.web.forms import Field, Group, share_in_percent
from liverboard.web.prepared import Weighed

NOT_KNOWN = "not known"  # the choice that takes a fact away


@dataclass(frozen=True, slots=True)
class Supposed:
    """`changed`: the facts that were supposed, in words."""

    weighed: Weighed
    changed: Mapping[str, str]


def inputs(first: Sequence[str]) -> tuple[Group, ...]:
    """An input for every fact, by group; before them those that are missing, most important first."""
    facts = load_dictionary()
    groups = [Group("missing", tuple(_field(facts[name]) for name in dict.fromkeys(first) if name in facts))]
    for label in dict.fromkeys(each.group for each in facts.values()):
        rest = tuple(_field(each) for name, each in facts.items() if each.group == label and name not in first)
        groups.append(Group(label, rest))
    return tuple(group for group in groups if group.fields)


def suppose(case: Case, day: dt.date, typed: Mapping[str, str], units: Mapping[str, str]) -> Supposed:
    """The case weighed with these facts. Raises BadInput with every value that cannot be read."""
    facts = load_dictionary()
    values: dict[str, Value | None] = {}
    problems: list[Problem] = []
    for name, text in typed.items():
        try:
            values[name] = _value(facts[name], text, units.get(name, ""))
        except (UnitError, ValueError) as error:
            problems.append(Problem(str(error), field=name))
    if problems:
        raise BadInput("some values cannot be read", problems=problems, hint="Put them right; nothing is kept anyway.")
    stated = {n: v for n, v in values.items() if v is not None and _path(facts[n]) is not None}
    supposed = _restated(case, day, stated) if stated else case
    derived = facts_of(supposed, day)
    found = dict(derived.facts)
    for name, value in values.items():
        old = found[name]
        if value is None:
            found[name] = unknown(name, facts[name].unit)
        elif old.value != value or old.questioned:
            found[name] = replace(old, value=value, unit=facts[name].unit, date=day, age_days=0, questioned=False, stale=False)  # fmt: skip
    as_supposed = Facts(day, None, found, derived.conflicts)
    options = weigh(as_supposed, lesion_facts_of(supposed, day, None), packaged())
    return Supposed(Weighed(as_supposed, options, missing_of(as_supposed, options)), typed)


def _field(fact: FactDefinition) -> Field:
    kind = {"number": "number", "integer": "whole", "boolean": "truth", "enum": "choice"}[fact.type]
    units = () if not fact.unit or fact.unit == "1" else (fact.unit, *fact.likely_units)
    if fact.unit == "fraction":
        units = ("%",)
    return Field(fact.name, fact.label, kind, fact.definition, fact.values, tuple(dict.fromkeys(units)))  # pyright: ignore[reportArgumentType]


def _value(fact: FactDefinition, text: str, unit: str) -> Value | None:
    if text == NOT_KNOWN:
        return None
    if fact.type == "boolean":
        if text not in {"yes", "no"}:
            raise ValueError("expected yes or no")
        return text == "yes"
    if fact.type == "enum":
        if text not in fact.values:
            raise ValueError(f"expected one of: {', '.join(fact.values)}")
        return text
    written = with_point(text)
    if fact.type == "integer":
        if not written.isascii() or not written.isdigit() or len(written) > 6:
            raise ValueError("expected a whole number")
        return int(written)
    try:
        value = float(written)
    except ValueError:
        return parse_quantity(written, fact.unit or "1", substance=fact.substance)
    if fact.unit == "fraction":
        return parse_quantity(share_in_percent(value), fact.unit)
    if unit in fact.likely_units and unit != fact.unit:
        return parse_quantity(f"{value!r} {unit}", fact.unit or "1", substance=fact.substance)
    if not math.isfinite(value):
        raise ValueError("expected a number")
    return value


def _path(fact: FactDefinition) -> list[str] | None:
    """Kind of event and fields where the fact is stated; None when it follows from others, or stands in the header."""
    path = (fact.stated_in or "").split(".")
    return path if len(path) > 1 and path[0] != "case" else None


def _restated(case: Case, day: dt.date, stated: Mapping[str, Value]) -> Case:
    """The case with the facts stated on the day, one event a kind; a kind that asks for more than that is left as it is, and its facts are set."""
    tree: dict[str, Any] = json.loads(write_case(case, is_json=True))
    facts = load_dictionary()
    kinds: dict[str, dict[str, Any]] = {}
    for name, value in stated.items():
        kind, *fields = _path(facts[name]) or [""]
        event = kinds.setdefault(kind, {"kind": kind, "date": day.isoformat(), "confirmed": True})
        for field in fields[:-1]:
            event = event.setdefault(field, {})
        unit = facts[name].unit
        event[fields[-1]] = value if isinstance(value, (bool, str)) or not unit or unit == "1" else f"{value} {unit}"
    for event in kinds.values():
        longer = {**tree, "events": [*tree.get("events", []), event]}
        try:
            case = read_case(json.dumps(longer), is_json=True)
        except BadInput:
            continue
        tree = longer
    return case
