"""Is the rule language what a row-by-row reading and SQLite say it is, on random rules and random facts with unknowns?"""

from __future__ import annotations

import contextlib
import math
import sqlite3
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.rules_reference import Predicate, truth, truth_of_lesions
from tests.rules_strategies import (
    ALL_FACTS,
    CASE_FACTS,
    LESION_FACTS,
    compiled,
    constants_of,
    known_more,
    predicates,
    read,
    rows,
    values_of,
)

from liverboard.clinical.dictionary import load_dictionary, load_lesion_dictionary
from liverboard.rules.evaluate import CASE, evaluate, evaluate_lesions, facts_frame
from liverboard.rules.expression import (
    Comparison,
    comparisons,
    decide,
    facts_in,
    representatives,
    residual,
    unsettled_facts,
)
from liverboard.rules.load import roll_up
from liverboard.rules.parse import parse

Written = tuple[Predicate, str]


@settings(max_examples=500)
@given(predicates(ALL_FACTS, 2), rows(ALL_FACTS))
def test_one_row_is_decided_as_the_reference_decides_it(written: Written, row: dict[str, Any]) -> None:
    predicate, text = written
    assert decide(read(text), row) is truth(predicate, row)
    named = {name: value for name, value in row.items() if value is not None}
    assert decide(read(text), named) is truth(predicate, row)


@settings(max_examples=300)
@given(predicates(ALL_FACTS), rows(ALL_FACTS))
def test_sqlite_gives_the_same_answer_to_the_same_text(written: Written, row: dict[str, Any]) -> None:
    columns = ", ".join(f"? AS {name}" for name in row)
    with contextlib.closing(sqlite3.connect(":memory:")) as sqlite:
        asked = f"SELECT {written[1]} FROM (SELECT {columns})"  # noqa: S608
        (found,) = sqlite.execute(asked, [*row.values()]).fetchone()
    assert decide(read(written[1]), row) is (None if found is None else bool(found))


@settings(max_examples=200)
@given(
    st.lists(predicates(CASE_FACTS), min_size=1, max_size=3),
    st.lists(rows(CASE_FACTS), min_size=1, max_size=6),
    st.sets(st.sampled_from([*CASE_FACTS])),
)
def test_a_frame_is_evaluated_as_the_reference_reads_its_rows(
    written: list[Written], cases: list[dict[str, Any]], left_out: set[str]
) -> None:
    rules = [compiled(text, name=f"rule_{number}") for number, (_, text) in enumerate(written)]
    frame = facts_frame(cases, CASE_FACTS).drop(left_out - {"sex"})
    found = evaluate(rules, frame)
    assert found.columns == [rule.rule.id for rule in rules]
    assert set(found.dtypes) == {pl.Boolean}
    seen = [{**row, **dict.fromkeys(left_out - {"sex"})} for row in cases]
    assert found.rows() == [tuple(truth(predicate, row) for predicate, _ in written) for row in seen]


@given(
    predicates(ALL_FACTS),
    predicates(CASE_FACTS),
    st.lists(st.tuples(rows(CASE_FACTS), st.lists(rows(LESION_FACTS), max_size=3)), min_size=1, max_size=4),
    st.sets(st.sampled_from([*ALL_FACTS])),
    st.randoms(),
)
def test_lesions_roll_up_as_the_reference_rolls_them_up(
    of_lesion: Written,
    of_case: Written,
    cases: list[tuple[dict[str, Any], list[dict[str, Any]]]],
    left_out: set[str],
    random: Any,
) -> None:
    lost = left_out - {"sex", "lesion_longest_mm"}
    rules = [
        compiled(of_lesion[1], name="any_lesion", scope="lesion", lesions="any"),
        compiled(of_case[1], name="of_case"),
        compiled(of_lesion[1], name="all_lesions", scope="lesion", lesions="all"),
    ]
    listed = [(number, lesion) for number, (_, lesions) in enumerate(cases) for lesion in lesions]
    random.shuffle(listed)  # a registry does not keep the lesions of a case together
    cases_frame = facts_frame([case for case, _ in cases], CASE_FACTS).drop(lost & CASE_FACTS.keys())
    lesions_frame = facts_frame([lesion for _, lesion in listed], LESION_FACTS).drop(lost & LESION_FACTS.keys())
    lesions_frame = lesions_frame.with_columns(pl.Series(CASE, [number for number, _ in listed], pl.Int64))
    seen = [
        ({**case, **dict.fromkeys(lost)}, [{**lesion, **dict.fromkeys(lost)} for lesion in lesions])
        for case, lesions in cases
    ]
    expected = [
        (
            truth_of_lesions(of_lesion[0], case, lesions, "any"),
            truth(of_case[0], case),
            truth_of_lesions(of_lesion[0], case, lesions, "all"),
        )
        for case, lesions in seen
    ]
    assert evaluate(rules, cases_frame, lesions_frame).rows() == expected
    for column, rule in ((0, rules[0]), (2, rules[2])):
        for (case, lesions), row in zip(seen, expected, strict=True):
            told = [decide(rule.expression, {**case, **lesion}) for lesion in lesions]
            assert roll_up(rule.rule, told if told or case["lesion_count"] == 0 else None) is row[column]
    if listed:
        each = evaluate_lesions([rules[0]], cases_frame, lesions_frame)
        assert each.rows() == [
            (number, truth(of_lesion[0], {**seen[number][0], **lesion, **dict.fromkeys(lost)}))
            for number, lesion in listed
        ]


@given(predicates(ALL_FACTS), st.lists(rows(ALL_FACTS), min_size=1, max_size=3), rows(ALL_FACTS))
def test_what_is_settled_stays_settled_when_more_becomes_known(
    written: Written, seen: list[dict[str, Any]], more: dict[str, Any]
) -> None:
    expression = read(written[1])
    before = [decide(expression, row) for row in seen]
    after = [decide(expression, known_more(row, more)) for row in seen]
    assert all(was is None or now is was for was, now in zip(before, after, strict=True))
    for way in ("any", "all"):
        rule = compiled(written[1], scope="lesion", lesions=way).rule
        rolled = roll_up(rule, before)
        assert rolled is None or roll_up(rule, after) is rolled


@given(predicates(ALL_FACTS), rows(ALL_FACTS), rows(ALL_FACTS))
def test_what_is_left_to_know_is_all_that_is_left_to_know(
    written: Written, row: dict[str, Any], more: dict[str, Any]
) -> None:
    expression = read(written[1])
    hanging = unsettled_facts(expression, row)
    assert bool(hanging) == (decide(expression, row) is None)
    assert all(row[name] is None for name in hanging)
    left, filled = residual(expression, row), known_more(row, more)
    assert (left if isinstance(left, bool) else decide(left, filled)) is decide(expression, filled)
    full = {**row, **{name: more[name] for name in hanging}}
    if all(more[name] is not None for name in hanging):
        assert decide(expression, full) is not None


@given(predicates(ALL_FACTS))
def test_what_an_expression_writes_reads_back_as_itself(written: Written) -> None:
    expression = read(written[1])
    again = read(str(expression))
    assert again == expression
    assert repr(again) == repr(expression)  # 1 and TRUE are equal in Python, not here


@given(predicates(ALL_FACTS), st.data())
def test_representatives_reach_every_truth_that_plausible_values_reach(written: Written, data: st.DataObject) -> None:
    expression = read(written[1])
    for name in facts_in(expression):
        fact = ALL_FACTS[name]
        reading = [one for one in comparisons(expression) if one.fact == name]

        def told(value: Any, name: str = name, reading: list[Comparison] = reading) -> tuple[bool | None, ...]:
            return tuple(decide(one, {name: value}) for one in reading)

        chosen = representatives(fact, reading)
        reached = [told(value) for value in chosen]
        assert len(set(reached)) == len(reached), "one value of each kind"
        assert all(fact.doubt(value) is None for value in chosen if not isinstance(value, bool | str))
        assert all(isinstance(value, int) == (fact.type in {"integer", "boolean"}) for value in chosen)
        values = data.draw(st.lists(values_of(fact), min_size=1, max_size=8))
        beside = [math.nextafter(c, way) for one in reading for c in one.constants if fact.type == "number" for way in (fact.plausible or (0, 1))]  # fmt: skip
        assert {told(value) for value in values + beside} <= set(reached)


# Factors from the definitions of the units and from the molar masses of bilirubin (584.67 g/mol) and creatinine (113.12 g/mol), not from `liverboard.units`.
UNITS = {
    "bilirubin_umol_l": [("mg/dL", 1e4 / 584.67), ("mmol/L", 1e3), ("mg/L", 1e3 / 584.67)],
    "creatinine_umol_l": [("mg/dL", 1e4 / 113.12), ("mmol/L", 1e3)],
    "albumin_g_l": [("g/dL", 10.0), ("mg/dL", 0.01)],
    "platelets_1e9_l": [("/uL", 1e-3), ("10^3/uL", 1.0), ("/nL", 1.0)],
    "liver_volume_ml": [("L", 1e3), ("cm^3", 1.0)],
    "largest_lesion_mm": [("cm", 10.0), ("m", 1e3)],
    "lesion_longest_mm": [("cm", 10.0)],
    "lung_shunt_fraction": [("%", 0.01)],
    "ki67_percent": [("fraction", 100.0)],
    "lung_dose_gy": [("cGy", 0.01), ("mGy", 1e-3)],
    "lung_activity_gbq": [("MBq", 1e-3), ("mCi", 0.037)],
}


@pytest.mark.parametrize("fact", UNITS)
@given(data=st.data())
def test_a_quantity_in_another_unit_means_the_constant_in_the_canonical_one(fact: str, data: st.DataObject) -> None:
    facts = {**load_dictionary(), **load_lesion_dictionary()}
    unit, factor = data.draw(st.sampled_from(UNITS[fact]))
    low, high = facts[fact].plausible or (0, 1)
    constant = round(data.draw(st.floats(low * 1.001 + 1e-6, high * 0.999)) / factor, 6)
    if not low <= constant * factor <= high:
        return
    sign = data.draw(st.sampled_from(["<", "<=", ">", ">=", "=", "<>"]))
    quoted = parse(f"{fact} {sign} '{constant:.6f} {unit}'", facts)
    assert isinstance(quoted, Comparison)
    (number,) = quoted.constants
    assert number == pytest.approx(constant * factor, rel=1e-11, abs=1e-12)
    plain = parse(f"{fact} {sign} {number!r}", facts)
    assert plain == quoted
    value = data.draw(st.floats(low, high))
    if not math.isclose(value, constant * factor, rel_tol=1e-9, abs_tol=1e-12):
        assert decide(quoted, {fact: value}) is truth(("compare", fact, sign, constant * factor), {fact: value})
    column = facts_frame([{fact: value}, {fact: number}, {}], {fact: facts[fact]})
    both = evaluate([_rule(quoted, "quoted"), _rule(plain, "plain")], column)
    assert both["quoted"].to_list() == both["plain"].to_list()


def _rule(expression: Comparison, name: str) -> Any:
    made = compiled("frail", name=name)
    return type(made)(made.rule, expression)


@given(constants_of(CASE_FACTS["bilirubin_umol_l"]))
def test_a_constant_keeps_every_digit(constant: float) -> None:
    expression = read(f"bilirubin_umol_l > {constant!r}")
    assert expression == read(str(expression)) == Comparison("bilirubin_umol_l", ">", (constant,))
