"""Random predicates of the rule language, each with one of the SQL texts that mean it, and random facts for them with unknowns of all four types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tests.strategies  # noqa: F401  (its hypothesis profile)
from hypothesis import strategies as st
from tests.rules_reference import Predicate, Row

from liverboard.clinical.dictionary import FactDefinition, load_dictionary, load_lesion_dictionary
from liverboard.rules.expression import Expression
from liverboard.rules.parse import parse
from liverboard.rules.rule import Compiled, Rule

_CASE = (
    "bilirubin_umol_l", "albumin_g_l", "lung_shunt_fraction", "ecog", "lesion_count", "frail", "cirrhosis", "sex", "portal_vein",
    "prior_capecitabine", "days_since_capecitabine",
)  # fmt: skip
_LESION = ("lesion_longest_mm", "lesion_volume_ml", "lesion_main_segment", "lesion_hypervascular")
GUARDED = {"days_since_capecitabine": "prior_capecitabine"}
CASE_FACTS = {name: load_dictionary()[name] for name in _CASE}
LESION_FACTS = {name: load_lesion_dictionary()[name] for name in _LESION}
ALL_FACTS = {**CASE_FACTS, **LESION_FACTS}
_BEYOND = 400.0  # the top where the dictionary gives no range

# Few numbers, so that a fact often lies on a constant.
_NUMBERS: dict[str, list[float]] = {
    "bilirubin_umol_l": [1, 34, 34.2, 51.3, 900], "albumin_g_l": [10, 28, 30, 35.5, 70], "lung_shunt_fraction": [0, 0.1, 0.2, 0.25, 1],
    "ecog": [0, 1, 2, 3, 4], "lesion_count": [0, 1, 3, 10], "prior_capecitabine": [0, 1, 2], "days_since_capecitabine": [0, 60, 61, 365],
    "lesion_longest_mm": [1, 20, 30, 50.5], "lesion_volume_ml": [0, 4.2, 9000], "lesion_main_segment": [1, 4, 8],
}  # fmt: skip


def values_of(fact: FactDefinition) -> st.SearchStrategy[Any]:
    """Any value within the plausible range, those that constants are drawn from more often."""
    if fact.type == "boolean":
        return st.booleans()
    if fact.type == "enum":
        return st.sampled_from(fact.values)
    low, high = fact.plausible or (0, _BEYOND)
    if fact.type == "integer":
        return st.sampled_from([int(number) for number in _NUMBERS[fact.name]]) | st.integers(int(low), int(high))
    return st.sampled_from([float(number) for number in _NUMBERS[fact.name]]) | st.floats(low, high)


def constants_of(fact: FactDefinition) -> st.SearchStrategy[Any]:
    if fact.type in {"boolean", "enum"}:
        return values_of(fact)
    whole = fact.type == "integer"
    usual = st.sampled_from([int(number) if whole else float(number) for number in _NUMBERS[fact.name]])
    return usual if whole else usual | values_of(fact)


def rows(facts: Mapping[str, FactDefinition]) -> st.SearchStrategy[dict[str, Any]]:
    """One row: every fact, unknown half of the time."""
    return st.fixed_dictionaries({name: st.none() | values_of(fact) for name, fact in facts.items()})


_OR, _AND, _NOT, _LEAF = range(4)  # what binds how strongly


def predicates(facts: Mapping[str, FactDefinition], depth: int = 3) -> st.SearchStrategy[tuple[Predicate, str]]:
    """A predicate and an SQL text of it, with few brackets or many."""
    return _bound(facts, depth).map(lambda found: found[:2])


@st.composite
def _bound(draw: st.DrawFn, facts: Mapping[str, FactDefinition], depth: int) -> tuple[Predicate, str, int]:
    def part(binding: int) -> tuple[Predicate, str]:
        inner, text, bound = draw(_bound(facts, depth - 1))
        return inner, f"({text})" if bound < binding or draw(st.booleans()) else text

    kind = draw(st.sampled_from(["leaf", "leaf", "not", "and", "or"])) if depth else "leaf"
    if kind == "leaf":
        return draw(_leaves(facts))
    if kind == "not":
        inner, text = part(_NOT)
        return ("not", inner), f"{draw(_word('NOT'))} {text}", _NOT
    binding = _AND if kind == "and" else _OR
    parts = [part(binding) for _ in range(draw(st.integers(2, 3)))]
    joint = f" {draw(_word(kind.upper()))} "
    return (kind, [inner for inner, _ in parts]), joint.join(text for _, text in parts), binding


def _word(word: str) -> st.SearchStrategy[str]:
    return st.sampled_from([word, word.lower()])


@st.composite
def _leaves(draw: st.DrawFn, facts: Mapping[str, FactDefinition]) -> tuple[Predicate, str, int]:
    fact = facts[draw(st.sampled_from([*facts]))]
    leaf, text = draw(_comparisons(fact))
    guard = GUARDED.get(fact.name)
    if guard is None:
        return leaf, text, _LEAF
    return ("and", [("compare", guard, ">", 0), leaf]), f"{guard} > 0 AND {text}", _AND


@st.composite
def _comparisons(draw: st.DrawFn, fact: FactDefinition) -> tuple[Predicate, str]:
    name, numeric = fact.name, fact.type in {"number", "integer"}
    forms = ["compare", "in", *(["fact"] if fact.type == "boolean" else []), *(["between"] if numeric else [])]
    form = draw(st.sampled_from(forms))
    if form == "fact":
        return ("fact", name), name
    if form == "in":
        constants = draw(st.lists(constants_of(fact), min_size=1, max_size=3))
        listed = ", ".join(_sql(constant) for constant in constants)
        if draw(st.booleans()):
            return ("not", ("in", name, constants)), f"{name} {draw(_word('NOT IN'))} ({listed})"
        return ("in", name, constants), f"{name} {draw(_word('IN'))} ({listed})"
    if form == "between":
        low, high = sorted([draw(constants_of(fact)), draw(constants_of(fact))])
        within = f"{_sql(low)} AND {_sql(high)}"
        if draw(st.booleans()):
            return ("not", ("between", name, low, high)), f"{name} NOT BETWEEN {within}"
        return ("between", name, low, high), f"{name} BETWEEN {within}"
    sign = draw(st.sampled_from(["=", "<>", "<", "<=", ">", ">="] if numeric else ["=", "<>"]))
    constant = draw(constants_of(fact))
    written = "!=" if sign == "<>" and draw(st.booleans()) else sign
    turned = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}.get(written, written)
    text = f"{_sql(constant)} {turned} {name}" if draw(st.booleans()) else f"{name} {written} {_sql(constant)}"
    return ("compare", name, sign, constant), text


def _sql(constant: Any) -> str:
    if isinstance(constant, bool):
        return "TRUE" if constant else "FALSE"
    return f"'{constant}'" if isinstance(constant, str) else repr(constant)


def compiled(when: str, *, name: str = "tried", **fields: Any) -> Compiled:
    """A rule of which only the predicate, the scope and the roll-up matter, unless `fields` say more."""
    words = {"says": "It holds.", "because": "For a test.", "reviewed": "2026-11-24", "option": "sirt_resin"}
    source = {"key": "tried", "verification": "A"}
    cases = [{"is": "true"}, {"is": "false"}, {"is": "unknown"}]
    written = {
        **words,
        "id": name,
        "effect": "caution",
        "source_class": "guideline",
        "when": when,
        "sources": [source],
        "cases": cases,
    }
    rule = Rule.model_validate({**written, **fields})
    return Compiled(rule, read(when))


def read(when: str) -> Expression:
    return parse(when, ALL_FACTS)


def known_more(row: Row, more: Row) -> dict[str, Any]:
    """The row with what was unknown filled in from another."""
    return {name: more.get(name) if value is None else value for name, value in row.items()}
