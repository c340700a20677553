"""Do frames of an unusual shape give a truth for every case, in their order?"""

from __future__ import annotations

import polars as pl
import pytest
from tests.rules_strategies import ALL_FACTS, CASE_FACTS, compiled

from liverboard.rules.evaluate import CASE, evaluate, facts_frame

FRAIL = compiled("frail", name="frail_case")
HIGH = compiled("bilirubin_umol_l > 34", name="high")
LARGE = compiled("lesion_longest_mm > 30", name="large", scope="lesion")
CASES = pl.DataFrame({"frail": [True, None, False]})


@pytest.mark.parametrize(
    "when", ["cirrhosis", "NOT cirrhosis", "cirrhosis OR NOT cirrhosis", "sex <> 'male'", "sex IN ('male')", "ecog < 2"]
)
def test_a_fact_without_a_column_is_unknown(when: str) -> None:
    for frame in (CASES, CASES.with_columns(pl.lit(None).alias(name) for name in ("cirrhosis", "sex", "ecog"))):
        found = evaluate([compiled(when)], frame)
        assert found["tried"].to_list() == [None] * 3
        assert found["tried"].dtype == pl.Boolean


def test_a_number_that_is_none_is_unknown() -> None:
    cases = pl.DataFrame({"bilirubin_umol_l": [float("nan"), None, 35.0, 34.0]})
    assert evaluate([HIGH], cases)["high"].to_list() == [None, None, True, False]
    lesions = pl.DataFrame({CASE: [0, 1], "lesion_longest_mm": [float("nan"), 31.0]})
    assert evaluate([LARGE], cases.head(2), lesions)["large"].to_list() == [None, True]


@pytest.mark.parametrize("rules", [[LARGE], [LARGE, FRAIL], [FRAIL, LARGE]])
def test_cases_without_lesions_keep_their_row(rules: list[object]) -> None:
    lesions = pl.DataFrame({CASE: [2], "lesion_longest_mm": [31.0]})
    counted = CASES.with_columns(lesion_count=pl.Series([2, 0, 1]))
    for cases, some, expected in (
        (CASES, lesions, [None, None, True]),
        (counted, lesions, [None, False, True]),
        (counted, lesions.head(0), [None, False, None]),
        (counted, None, [None, False, None]),
        (CASES, None, [None, None, None]),
    ):
        found = evaluate(rules, cases, some)  # pyright: ignore[reportArgumentType]
        assert found["large"].to_list() == expected
        assert found.columns == [rule.rule.id for rule in rules]  # pyright: ignore[reportAttributeAccessIssue]


def test_no_case_and_no_rule_give_nothing() -> None:
    assert evaluate([FRAIL, HIGH, LARGE], facts_frame([], CASE_FACTS)).shape == (0, 3)
    assert evaluate([], CASES).width == 0


def test_a_frame_of_facts_is_typed_and_knows_only_what_is_named() -> None:
    frame = facts_frame([{"ecog": 1, "sex": "male", "not_a_fact": 3}, {}], ALL_FACTS)
    assert frame.columns == list(ALL_FACTS)
    assert frame.row(0, named=True)["sex"] == "male"
    assert set(frame.row(1)) == {None}


def test_a_long_list_of_constants_is_evaluated() -> None:
    many = compiled("ecog IN (" + ", ".join(["0", "1"] * 160) + ")")  # one comparison each, in one expression
    many_cases = pl.DataFrame({"ecog": [0, 2, None]})
    assert evaluate([many], many_cases)["tried"].to_list() == [True, False, None]
