"""Does every text that the rule language does not have get refused with its reason, and is the rest read as SQL reads it?"""

from __future__ import annotations

import pytest

from liverboard.clinical.dictionary import load_dictionary, load_lesion_dictionary
from liverboard.rules.expression import And, Comparison, Not, Or
from liverboard.rules.parse import ExpressionError, parse

CASE = load_dictionary()
FACTS = {**CASE, **load_lesion_dictionary()}


def faults(written: str) -> tuple[str, ...]:
    with pytest.raises(ExpressionError) as caught:
        parse(written, FACTS)
    return caught.value.faults


def test_not_binds_before_and_and_and_before_or() -> None:
    frail, cirrhosis, pregnant = (Comparison(name, "=", (True,)) for name in ("frail", "cirrhosis", "pregnant"))
    assert parse("frail OR cirrhosis AND NOT pregnant", FACTS) == Or((frail, And((cirrhosis, Not(pregnant)))))
    assert parse("(frail OR cirrhosis) AND NOT pregnant", FACTS) == And((Or((frail, cirrhosis)), Not(pregnant)))
    assert parse("NOT ecog > 1 OR frail", FACTS) == Or((Not(Comparison("ecog", ">", (1,))), frail))


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2 <= ecog", "ecog >= 2"),
        ("ecog != 1", "ecog <> 1"),
        ("ecog = 1", "ecog = 1"),
        ("ecog = 1.0", "ecog = 1"),
        ("frail = TRUE", "frail"),
        ("frail <> FALSE", "frail <> FALSE"),
        ("frail IN (TRUE, FALSE)", "frail IN (TRUE, FALSE)"),
        ("ecog BETWEEN 1 AND 2", "ecog >= 1 AND ecog <= 2"),
        ("ecog NOT BETWEEN 1 AND 2", "NOT (ecog >= 1 AND ecog <= 2)"),
        ("sex NOT IN ('male')", "NOT sex IN ('male')"),
        ("bilirubin_umol_l > '2 mg/dL'", "bilirubin_umol_l > 34.207330631"),
        ("lung_shunt_fraction > '20 %'", "lung_shunt_fraction > 0.2"),
        ("ki67_percent > '55 %'", "ki67_percent > 55"),
        ("inr > '1.7'", "inr > 1.7"),
        ("bilirubin_umol_l > 1e2", "bilirubin_umol_l > 100"),
    ],
)
def test_what_is_written_is_read_in_canonical_units(written: str, read: str) -> None:
    assert str(parse(written, FACTS)) == read


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("frial", "unknown fact 'frial'; did you mean 'frail'?"),
        ("FRAIL", "unknown fact 'FRAIL'"),
        ("nothing_like_it > 2", "unknown fact 'nothing_like_it'"),
        ("ecog", "ecog is of type integer and stands alone; compare it with a constant"),
        ("sex = 'femal'", "sex: 'femal' is not one of female, male, other"),
        ("sex = 'FEMALE'", "sex: 'FEMALE' is not one of"),
        ("sex = 1", "sex: 1 is not one of its words in single quotes"),
        ("sex > 'female'", "sex is of type enum; compare it with =, <> or IN, not >"),
        ("sex BETWEEN 'female' AND 'male'", "sex is of type enum; BETWEEN needs numbers"),
        ("frail = 1", "frail: 1 is not TRUE or FALSE"),
        ("frail = 'true'", "frail: 'true' is not TRUE or FALSE"),
        ("frail > FALSE", "frail is of type boolean"),
        ("ecog > TRUE", "ecog: TRUE is not a number"),
        ("ecog > 1.5", "ecog: 1.5 is not a whole number"),
        ("ecog > '1 kg'", "ecog: '1 kg': expected a pure number, without 'kg'"),
        ("bilirubin_umol_l > '2 g'", "'g' does not convert to umol/L"),
        ("bilirubin_umol_l > '2'", "2 has no unit"),
        ("bilirubin_umol_l > '2 wishes'", "'wishes' is not a unit"),
        ("haemoglobin_g_l < '6 mmol/L'", "'mmol/L' does not convert to g/L"),
        ("ki67_percent > '0.2'", "0.2 could be a percentage or a fraction"),
        ("albumin_g_l < 3.5", "3.5 lies outside its plausible range 10 to 70 g/L"),
        ("lung_shunt_fraction > 20", "20 lies outside its plausible range 0 to 1"),
        ("ecog > -1", "-1 lies outside its plausible range 0 to 4"),
        ("ecog IN (1, 7)", "7 lies outside its plausible range 0 to 4"),
        ("ecog BETWEEN 2 AND 1", "the lower bound is above the upper one"),
        ("ecog > 1e999", "1e999 is not a finite number"),
        ("prior_capecitabine > 0 AND days_since_capecitabine > 1e999", "1e999 is not a finite number"),
        ("inr > 'nan'", "expected a number with its unit"),
        ("TRUE", "'TRUE' stands alone; a rule must hang on a fact"),
        ("frail OR TRUE", "'TRUE' stands alone"),
        ("frail OR NULL", "'NULL' stands alone"),
        ("frail = NULL", "NULL is no constant"),
        ("ecog IN (1, NULL)", "NULL is no constant"),
        ("ecog IS NULL", "IS is not in the language"),
        ("ecog IS NOT NULL", "IS is not in the language"),
        ("ecog ISNULL", "IS is not in the language"),
        ("frail IS TRUE", "IS is not in the language"),
        ("frail IS UNKNOWN", "IS is not in the language"),
        ("frail IS NOT DISTINCT FROM TRUE", "is not in the language"),
        ("COALESCE(frail, FALSE)", "the language has no functions"),
        ("LENGTH(sex) > 3", "a comparison has one fact on one side and a constant on the other"),
        ("pg_sleep(10) = 1", "a comparison has one fact on one side"),
        ("pg_sleep(10)", "the language has no functions"),
        ("CASE WHEN frail THEN TRUE END", "the language has no functions"),
        ("EXISTS (SELECT 1)", "the language has no functions"),
        ("frail::int = 1", "a comparison has one fact on one side"),
        ("ecog > age_years", "a comparison has one fact on one side"),
        ("ecog + 1 > 2", "a comparison has one fact on one side"),
        ("ecog > 1 + 1", "a comparison has one fact on one side"),
        ("1 < 2", "a comparison has one fact on one side"),
        ("ecog IN (SELECT 1)", "IN needs a list of constants"),
        ("ecog IN ()", "IN needs a list of constants"),
        ("ecog = ANY(ARRAY[1])", "a comparison has one fact on one side"),
        ("sex LIKE 'f%'", "is not in the language (Like)"),
        ("(SELECT frail)", "is not in the language (Subquery)"),
        ("cases.frail", "a comparison has one fact on one side"),
        ("ecog > :limit", "a comparison has one fact on one side"),
        ("ecog > $1", "a comparison has one fact on one side"),
        ("sex = E'female'", "a comparison has one fact on one side"),
        ("*", "is not in the language (Star)"),
        ("frail -- as the label says", "a comment has no place in an expression"),
        ("frail /* as the label says */ AND cirrhosis", "a comment has no place in an expression"),
        ("", "not an SQL condition"),
        ("frail AND", "not an SQL condition, unreadable at 'AND'"),
        ("(frail", "not an SQL condition, unreadable at 'frail'"),
        ("sex = 'female", "not an SQL condition"),
        ("frail\x00", "unknown fact"),
        ("months_since_prrt < 3", "write prior_prrt_cycles > 0 AND months_since_prrt"),
        ("prior_prrt_cycles > 0 OR months_since_prrt < 3", "read without its guard"),
        ("prior_prrt_cycles >= 0 AND months_since_prrt < 3", "read without its guard"),
        ("NOT (prior_prrt_cycles > 0) AND months_since_prrt < 3", "read without its guard"),
    ],
)
def test_what_the_language_does_not_have_is_refused_with_the_reason(written: str, reason: str) -> None:
    assert reason in "; ".join(faults(written))


@pytest.mark.parametrize(
    "written",
    [
        "frail; DROP TABLE cases",
        "frail; DROP TABLE cases; --",
        "DROP TABLE cases",
        "frail UNION SELECT 1",
        "frail = TRUE WHERE 1 = 1",
        "sex = 'female' OR 1=1",
        "sex = 'female' OR '1'='1'",
        "sex = 'female'' OR 1=1 --'",
        "sex = 'female'; UPDATE cases SET frail = FALSE",
        "sex = '\"; import os'",
        "frail OR (SELECT password FROM users) = 'x'",
        "load_extension('x')",
        "COPY cases TO PROGRAM 'sh'",
        "__import__('os')",
        "<script>alert(1)</script>",
    ],
)
def test_text_that_tries_to_break_out_is_only_refused(written: str) -> None:
    assert all(len(fault) < 300 and "sqlglot" not in fault for fault in faults(written))


@pytest.mark.parametrize(
    "guarded",
    [
        "prior_prrt_cycles > 0 AND months_since_prrt < 3",
        "months_since_prrt < 3 AND prior_prrt_cycles >= 1",
        "prior_prrt_cycles = 2 AND NOT months_since_prrt < 3",
        "frail AND prior_prrt_cycles > 0 AND (frail OR months_since_prrt < 3)",
    ],
)
def test_a_guard_beside_or_around_is_enough(guarded: str) -> None:
    parse(guarded, FACTS)


def test_every_fault_is_told_not_only_the_first() -> None:
    found = faults("frial AND sex = 'femal' AND ecog > 7 AND COALESCE(frail, TRUE)")
    assert len(found) == 4
    assert faults("ecog > 7 OR ecog > 7") == ("ecog: 7 lies outside its plausible range 0 to 4",)


def test_a_lesion_fact_is_none_of_the_case() -> None:
    with pytest.raises(ExpressionError, match="unknown fact 'lesion_longest_mm'"):
        parse("lesion_longest_mm > 30", CASE)


@pytest.mark.parametrize(
    "written",
    [
        "(" * 1900 + "frail" + ")" * 1900,
        "NOT " * 990 + "frail",
        "(frail AND " * 300 + "frail" + ")" * 300,
        "NOT (" * 600 + "frail" + ")" * 600,
    ],
)
def test_what_is_nested_deeply_is_refused(written: str) -> None:
    assert faults(written) == ("the expression is nested too deeply",)


def test_what_is_long_is_refused_and_what_is_broad_is_read() -> None:
    assert faults("frail OR " * 500 + "frail") == ("the expression is longer than 4000 characters",)
    assert faults("x" * 5_000_000) == ("the expression is longer than 4000 characters",)
    broad = parse(" OR ".join(["frail"] * 400), FACTS)
    assert isinstance(broad, Or)
    assert len(broad.parts) == 400
