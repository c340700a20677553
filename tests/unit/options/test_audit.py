"""The audit of a cohort against a plain count, row by row."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import polars as pl
import pytest
from tests.cohort_samples import plain_missing, plain_verdict, random_choices, random_rows, states_of

from liverboard.clinical.dictionary import load_dictionary, load_lesion_dictionary
from liverboard.errors import BadInput
from liverboard.options import audit as audit_module
from liverboard.options.audit import Cohort, audit
from liverboard.options.audit_report import AuditReport
from liverboard.options.policy import packaged, policy_of
from liverboard.options.thresholds import asked_move, threshold_moves, thresholds
from liverboard.options.verdict import VERDICTS
from liverboard.rules.evaluate import CASE, facts_frame
from liverboard.rules.parse import parse
from liverboard.rules.rule import OPTIONS

RULESET = packaged()
RULES = RULESET.rules
N = 60
ROWS = random_rows(N, RULES)
CHOSEN = random_choices(N)


def cohort() -> Cohort:
    return Cohort(
        facts_frame(ROWS, load_dictionary()),
        None,
        pl.Series("case", [f"C{number}" for number in range(N)]),
        pl.Series("chosen", CHOSEN, dtype=pl.String),
    )


@pytest.fixture(scope="module")
def report() -> AuditReport:
    return audit(cohort(), RULESET).report


def test_every_case_has_the_verdict_that_a_plain_reading_gives(report: AuditReport) -> None:
    found = audit(cohort(), RULESET).verdicts
    for number, row in enumerate(ROWS):
        states = states_of(RULES, row)
        for option in OPTIONS:
            assert found[option][number] == plain_verdict(option, RULES, states), (number, option)
    for each in report.options:
        counted = Counter(plain_verdict(each.option, RULES, states_of(RULES, row)) for row in ROWS)
        assert each.verdicts == {verdict: counted.get(verdict, 0) for verdict in VERDICTS}


def test_decisions_are_counted_by_the_verdict_of_what_was_chosen(report: AuditReport) -> None:
    told = report.concordance
    assert told is not None
    pairs = [(o, plain_verdict(o, RULES, states_of(RULES, row))) for o, row in zip(CHOSEN, ROWS, strict=True) if o]
    assert told.cases == len(pairs)
    assert told.verdicts == {verdict: sum(v == verdict for _, v in pairs) for verdict in VERDICTS}
    for each in told.options:
        assert each.cases == sum(o == each.option for o, _ in pairs)
        assert each.verdicts == {v: pairs.count((each.option, v)) for v in VERDICTS}


def test_rules_that_stood_against_a_choice_are_counted(report: AuditReport) -> None:
    assert report.concordance is not None
    expected: Counter[tuple[str, str]] = Counter()
    for option, row in zip(CHOSEN, ROWS, strict=True):
        states = states_of(RULES, row)
        for each in RULES:
            rule = each.rule
            stands = states[rule.id] is (rule.effect != "requirement")
            if option in rule.option and stands and rule.effect in {"contraindication", "requirement", "caution"}:
                expected[rule.id, str(option)] += 1
    assert {(each.rule, each.option): each.cases for each in report.concordance.against} == dict(expected)
    kinds = [each.effect == "caution" for each in report.concordance.against]
    assert kinds == sorted(kinds)


def test_missing_facts_are_those_that_unknown_rules_hang_on(report: AuditReport) -> None:
    by_option: Counter[tuple[str, str]] = Counter()
    any_option: Counter[str] = Counter()
    for row in ROWS:
        found = {option: plain_missing(option, RULES, row) for option in OPTIONS}
        by_option.update((fact, option) for option, facts in found.items() for fact in facts)
        any_option.update(set().union(*found.values()))
    assert {each.fact: each.cases for each in report.missing} == dict(any_option)
    assert {(each.fact, o): count for each in report.missing for o, count in each.options.items()} == dict(by_option)
    counts = [each.cases for each in report.missing]
    assert counts == sorted(counts, reverse=True)  # pyright: ignore[reportArgumentType]


def with_lesions() -> Cohort:
    diameters = [[12.0, 45.0], [], [30.0], [None, 20.0]] * (N // 4)
    lesions = [{"lesion_longest_mm": value} for case in diameters for value in case]
    owners = [number for number, case in enumerate(diameters) for _ in case]
    frame = facts_frame(lesions, load_lesion_dictionary()).with_columns(pl.Series(CASE, owners, dtype=pl.UInt32))
    return replace(cohort(), lesions=frame)


@pytest.mark.parametrize("made", [cohort, with_lesions])
def test_in_parts_the_same(made: type[Cohort], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = audit(made(), RULESET)
    monkeypatch.setattr(audit_module, "CHUNK", 7)
    parts = audit(made(), RULESET)
    assert parts.report == whole.report
    assert parts.verdicts.equals(whole.verdicts)


def test_a_cohort_spread_keeps_lesions_with_their_cases() -> None:
    facts, lesions = with_lesions().spread(20)
    assert facts.height == 20
    assert lesions is not None
    taken = [number * N // 20 for number in range(20)]
    source = with_lesions().lesions
    assert source is not None
    expected = [
        (new, value)
        for new, old in enumerate(taken)
        for value in source.filter(pl.col(CASE) == old)["lesion_longest_mm"]
    ]
    assert sorted(lesions.select(CASE, "lesion_longest_mm").rows(), key=str) == sorted(expected, key=str)


def test_a_moved_threshold_is_the_rule_written_with_the_other_number() -> None:
    each = next(one for one in RULES if one.rule.id == "resin_lung_shunt")
    move = asked_move("resin_lung_shunt=0.05", RULES)
    # In random patients some other rule mostly decides; in these nothing else is known.
    rows = [*ROWS, *({**dict.fromkeys(ROWS[0]), "lung_shunt_fraction": n / 100} for n in range(30))]
    frame = facts_frame(rows, load_dictionary())
    [found] = threshold_moves(RULES, frame, None, [move])
    written = str(each.expression).replace(
        str(move.comparison), f"{move.comparison.fact} {move.comparison.operator} 0.05"
    )
    other = [replace(one, expression=parse(written, load_dictionary())) if one is each else one for one in RULES]
    changed: Counter[tuple[str, str, str]] = Counter()
    cases = 0
    for row in rows:
        pairs = {
            (o, plain_verdict(o, RULES, states_of(RULES, row)), plain_verdict(o, other, states_of(other, row)))
            for o in each.rule.option
        }
        moved = {pair for pair in pairs if pair[1] != pair[2]}
        changed.update(moved)
        cases += bool(moved)
    assert cases > 0
    assert found.cases == cases
    assert {(c.option, c.was, c.becomes): c.cases for c in found.changes} == dict(changed)
    assert found.asked


def test_thresholds_move_a_tenth_and_counts_by_one_within_what_is_plausible(report: AuditReport) -> None:
    definitions = {**load_dictionary(), **load_lesion_dictionary()}
    assert report.thresholds.cases == N
    for move in report.thresholds.moves:
        fact = definitions[move.fact]
        step = abs(move.moved_to - move.value)
        assert step == pytest.approx(1 if fact.type == "integer" else abs(move.value) / 10, rel=1e-4)
        low, high = fact.plausible or (0, float("inf"))
        assert low <= move.moved_to <= high
        assert move.effect != "outside_studied"
    counts = [move.cases for move in report.thresholds.moves]
    assert counts == sorted(counts, reverse=True)  # pyright: ignore[reportArgumentType]


def test_whether_something_was_ever_given_is_no_threshold() -> None:
    expression = parse("prior_capecitabine > 0 AND days_since_capecitabine < 61", load_dictionary())
    assert [str(each) for each in thresholds(expression)] == ["days_since_capecitabine < 61"]


@pytest.mark.parametrize(
    "text",
    [
        "resin_lung_shunt", "no_such_rule=3", "resin_lung_shunt=much", "resin_lung_shunt=7", "resin_lung_shunt.ecog=1", "resin_lung_shunt=nan",
        "prrt_label_us=1",
    ],
)  # fmt: skip
def test_a_move_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        asked_move(text, RULES)


def test_a_move_takes_a_value_with_its_own_unit() -> None:
    assert asked_move("resin_lung_shunt=15 %", RULES).value == pytest.approx(0.15)


def test_a_rule_that_a_policy_switched_off_decides_nothing_and_is_not_moved() -> None:
    policy = policy_of(
        "centre: c\napproved_by: a\ndate: 2026-01-01\nrules:\n- {id: resin_lung_shunt, action: 'off', reason: trial}\n",
        "p.yaml",
    )
    found = audit(cohort(), policy).report
    assert found.policy
    assert not [move for move in found.thresholds.moves if move.rule == "resin_lung_shunt"]
    counted = Counter(plain_verdict("sirt_resin", policy.rules, states_of(policy.rules, row)) for row in ROWS)
    [resin] = [each for each in found.options if each.option == "sirt_resin"]
    assert resin.verdicts == {verdict: counted.get(verdict, 0) for verdict in VERDICTS}


def test_no_choices_no_concordance() -> None:
    assert audit(replace(cohort(), chosen=None), RULESET).report.concordance is None


LESION_RULE = """
centre: c
approved_by: a
date: 2026-01-01
rules:
- id: ours_large
  action: add
  reason: Large lesions that touch a vessel are not ablated here.
  option: ablation
  scope: lesion
  effect: contraindication
  when: lesion_longest_mm > 30 AND lesion_vessel_distance_mm < 5
"""


def test_a_lesion_rule_hangs_on_what_is_unknown_of_any_lesion() -> None:
    rows: list[dict[str, object]] = [
        {"lesion_count": 1},
        {"lesion_count": 0},
        {"lesion_count": 2},
        {},
        {"lesion_count": 1},
    ]
    lesions = [
        (0, {"lesion_longest_mm": 40.0}),  # its distance decides
        (2, {"lesion_longest_mm": 10.0}),  # settled
        (2, {"lesion_vessel_distance_mm": 2.0}),  # its size decides
        (4, {"lesion_longest_mm": 50.0, "lesion_vessel_distance_mm": 1.0}),  # excluded
    ]
    frame = facts_frame([values for _, values in lesions], load_lesion_dictionary())
    made = Cohort(
        facts_frame(rows, load_dictionary()),  # pyright: ignore[reportArgumentType]
        frame.with_columns(pl.Series(CASE, [owner for owner, _ in lesions], dtype=pl.UInt32)),
        pl.Series("case", list("ABCDE")),
    )
    found = audit(made, policy_of(LESION_RULE, "p.yaml"))
    assert found.verdicts["ablation"].to_list()[4] == "excluded"
    asked = {
        each.fact: each.options.get("ablation", 0) for each in found.report.missing if each.fact.startswith("lesion_")
    }
    assert asked["lesion_vessel_distance_mm"] == 2  # A and, with no lesion listed, D
    assert asked["lesion_longest_mm"] == 2  # C and D
