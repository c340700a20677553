"""From rules to a verdict: the design's table row by row and on random truths; reasons, what to check, what is old, which lesions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from itertools import product
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.strategies import case_of

from liverboard.clinical.dictionary import load_dictionary, load_lesion_dictionary
from liverboard.options.policy import Ruleset
from liverboard.options.report import OptionVerdict
from liverboard.options.verdict import VERDICTS, Verdict, verdicts
from liverboard.options.weigh import weigh_case
from liverboard.rules.parse import parse
from liverboard.rules.rule import OPTIONS, Compiled, Override, Rule

DAY = dt.date(2024, 5, 15)
OFF = Override("off", "centre", "someone", DAY, "a reason")
FACTS = {**load_dictionary(), **load_lesion_dictionary()}
Truth = bool | None


def rule(name: str, effect: str, when: str = "frail", *, override: Override | None = None, **fields: Any) -> Compiled:
    written = {
        "id": name, "option": "tae", "effect": effect, "when": when, "says": f"{name} decides.", "because": f"{name} in general.", "source_class": "guideline",
        "sources": [{"key": "ronot_vilgrain_editorial", "verification": "A"}], "reviewed": DAY, "cases": [{"is": s} for s in ("true", "false", "unknown")],
    }  # fmt: skip
    return Compiled(Rule.model_validate({**written, **fields}), parse(when, FACTS), override)


def verdict_of(*rules: tuple[Compiled, Truth], option: str = "tae") -> str:
    frame = pl.DataFrame({each.rule.id: pl.Series([truth], dtype=pl.Boolean) for each, truth in rules})
    return verdicts([each for each, _ in rules], frame)[option][0]


INDICATED = (rule("good", "indication"), True)


@pytest.mark.parametrize(
    ("effect", "truth", "expected"),
    [
        ("contraindication", True, "excluded"),
        ("contraindication", None, "cannot_tell"),
        ("contraindication", False, "fits"),
        ("requirement", True, "fits"),
        ("requirement", None, "cannot_tell"),
        ("requirement", False, "excluded"),
        ("caution", True, "caution"),
        ("caution", None, "fits"),
        ("caution", False, "fits"),
        ("outside_studied", True, "fits"),
        ("outside_studied", None, "fits"),
        ("outside_studied", False, "fits"),
    ],
)
def test_a_row_of_the_table_beside_an_indication(effect: str, truth: Truth, expected: Verdict) -> None:
    assert verdict_of(INDICATED, (rule("other", effect), truth)) == expected


@pytest.mark.parametrize(
    ("truths", "expected"),
    [
        ([True, False], "fits"),
        ([True, None], "fits"),  # one is enough
        ([None, False], "cannot_tell"),
        ([None, None], "cannot_tell"),
        ([False, False], "not_indicated"),
    ],
)
def test_indications_alone(truths: list[Truth], expected: Verdict) -> None:
    assert verdict_of(*((rule(f"i{n}", "indication"), truth) for n, truth in enumerate(truths))) == expected


@pytest.mark.parametrize(("truth", "expected"), [(True, "excluded"), (None, "fits"), (False, "fits")])
def test_what_is_asked_before_a_procedure_excludes_and_never_leaves_open(truth: Truth, expected: Verdict) -> None:
    assert verdict_of(INDICATED, (rule("late", "contraindication", ask="before_procedure"), truth)) == expected


def test_a_true_contraindication_outweighs_every_unknown() -> None:
    blocked = (rule("stop", "contraindication"), True)
    open_ones = [
        (rule(f"u{n}", effect), None) for n, effect in enumerate(("contraindication", "requirement", "indication"))
    ]
    assert verdict_of(blocked, *open_ones) == "excluded"


def test_an_unknown_block_leaves_open_what_is_not_indicated() -> None:
    assert verdict_of((rule("i", "indication"), False), (rule("c", "contraindication"), None)) == "cannot_tell"


def test_a_rule_that_was_switched_off_decides_nothing() -> None:
    assert verdict_of(INDICATED, (rule("stop", "contraindication", override=OFF), True)) == "fits"
    assert verdict_of((rule("i", "indication", override=OFF), True)) == "not_indicated"


def test_a_rule_speaks_only_of_its_options() -> None:
    rules = [INDICATED, (rule("stop", "contraindication", option=["ctace", "debtace"]), True)]
    assert verdict_of(*rules) == "fits"
    assert verdict_of(*rules, option="ctace") == "excluded"
    assert verdict_of(*rules, option="ssa") == "not_indicated"


def stated(rules: Sequence[tuple[Compiled, Truth]]) -> Verdict:
    """The table of the design in plain words, for one option."""
    active = [(each.rule, truth) for each, truth in rules if each.override is None]
    blocked: list[Truth] = []
    for one, truth in active:
        late = one.ask is not None and truth is None
        if one.effect == "contraindication" and not late:
            blocked.append(truth)
        if one.effect == "requirement":
            blocked.append(None if truth is None else not truth)
    indicated = [truth for one, truth in active if one.effect == "indication"]
    if True in blocked:
        return "excluded"
    if None in blocked:
        return "cannot_tell"
    if True not in indicated:
        return "cannot_tell" if None in indicated else "not_indicated"
    return "caution" if (True in [truth for one, truth in active if one.effect == "caution"]) else "fits"


@st.composite
def _tables(draw: st.DrawFn) -> tuple[list[Compiled], list[list[Truth]]]:
    rules: list[Compiled] = []
    for number in range(draw(st.integers(1, 8))):
        effect = draw(st.sampled_from(["indication", "contraindication", "caution", "requirement", "outside_studied"]))
        late = {"ask": "before_procedure"} if effect == "contraindication" and draw(st.booleans()) else {}
        options = draw(st.lists(st.sampled_from(OPTIONS[:3]), min_size=1, max_size=3, unique=True))
        override = OFF if draw(st.integers(0, 4)) == 0 else None
        rules.append(rule(f"r{number}", effect, option=options, override=override, **late))
    row = st.lists(st.sampled_from([True, False, None]), min_size=len(rules), max_size=len(rules))
    return rules, draw(st.lists(row, min_size=1, max_size=20))


@given(_tables())
def test_verdicts_on_random_truths(table: tuple[list[Compiled], list[list[Truth]]]) -> None:
    rules, rows = table
    frame = pl.DataFrame(rows, schema={each.rule.id: pl.Boolean for each in rules}, orient="row")
    found = verdicts(rules, frame)
    for option, (number, row) in product(OPTIONS[:4], enumerate(rows)):
        mine = [(each, truth) for each, truth in zip(rules, row, strict=True) if option in each.rule.option]
        assert found[option][number] == stated(mine)


# --- one patient ----------------------------------------------------------------------------------------------------


def told(
    *rules: Compiled, events: Sequence[dict[str, Any]] = (), option: str = "tae", day: dt.date = DAY
) -> OptionVerdict:
    report = weigh_case(case_of(*events), day, Ruleset(rules))
    assert [VERDICTS.index(each.verdict) for each in report.options] == sorted(
        VERDICTS.index(each.verdict) for each in report.options
    )
    return next(each for each in report.options if each.option == option)


CLINIC = {"kind": "clinic", "date": "2024-05-01", "frail": True, "cirrhosis": False, "ecog": 2}


def test_reasons_come_in_order_of_weight() -> None:
    rules = [
        rule("studied", "outside_studied"), rule("late", "contraindication", "pregnant", ask="before_procedure"), rule("maybe_caution", "caution", "pregnant"), rule("no_indication", "indication", "cirrhosis"), rule("caution", "caution"),
        rule("indication", "indication"), rule("maybe_requirement", "requirement", "portal_hypertension"), rule("maybe_stop", "contraindication", "active_hepatitis"),
        rule("requirement", "requirement", "cirrhosis"), rule("stop", "contraindication"), rule("off", "contraindication", override=OFF),
        rule("silent_caution", "caution", "cirrhosis"), rule("silent_stop", "contraindication", "cirrhosis"),
    ]  # fmt: skip
    each = told(*rules, events=[CLINIC])
    assert each.verdict == "excluded"
    assert [reason.rule for reason in each.reasons] == [
        "stop", "requirement", "maybe_stop", "maybe_requirement", "indication", "caution", "late", "no_indication", "maybe_caution", "studied", "off",
    ]  # fmt: skip
    assert [reason.rule for reason in each.reasons if reason.decides] == ["stop", "requirement"]


def test_where_cautions_make_the_verdict_they_come_first() -> None:
    each = told(rule("indication", "indication"), rule("caution", "caution"), events=[CLINIC])
    assert (each.verdict, [reason.rule for reason in each.reasons]) == ("caution", ["caution", "indication"])


def test_a_rule_that_does_not_hold_speaks_in_general() -> None:
    each = told(
        rule("i", "indication", "cirrhosis"),
        rule("c", "caution", says="ECOG {ecog}.", when="ecog > 1"),
        events=[CLINIC],
    )
    assert {reason.rule: reason.says for reason in each.reasons} == {"i": "i in general.", "c": "ECOG 2."}


def test_to_check_names_unknown_cautions_and_what_is_asked_late() -> None:
    rules = [
        rule("i", "indication"),
        rule("c", "caution", "pregnant OR ecog > 3"),
        rule("late", "contraindication", "portal_flow = 'hepatofugal'", ask="before_procedure"),
        rule("note", "outside_studied", "weight_kg > 150"),
        rule("off", "caution", "inr > 1.5", override=OFF),
    ]
    each = told(*rules, events=[CLINIC])
    assert (each.verdict, each.missing, each.to_check) == ("fits", (), ("pregnant", "portal_flow"))


def test_missing_leaves_out_what_another_rule_outweighs() -> None:
    stop, unknown = rule("stop", "contraindication"), rule("maybe", "contraindication", "pregnant")
    assert told(stop, unknown, rule("i", "indication"), events=[CLINIC]).missing == ()
    assert told(unknown, rule("i", "indication"), rule("j", "indication", "sex = 'male'"), events=[CLINIC]).missing == (
        "pregnant",
    )


def test_old_facts_are_named_also_where_they_kept_a_rule_silent() -> None:
    imaging = {"kind": "imaging", "date": "2023-05-01", "portal_vein": "patent", "extrahepatic": {"extent": "none"}}
    rules = [
        rule("i", "indication", "liver_dominant AND frail"),
        rule("stop", "contraindication", "portal_vein = 'main'"),
        rule("c", "caution", "extrahepatic = 'extensive'"),
    ]
    each = told(*rules, events=[CLINIC, imaging])
    assert (each.verdict, each.stale) == ("fits", ("liver_dominant", "portal_vein", "extrahepatic"))
    assert next(reason for reason in each.reasons if reason.rule == "i").stale == ("liver_dominant",)
    assert told(*rules, events=[CLINIC, imaging], day=dt.date(2023, 5, 20)).stale == ()


def test_an_excluded_option_names_only_what_excludes_it() -> None:
    old = {"kind": "imaging", "date": "2023-05-01", "portal_vein": "patent"}
    rules = [
        rule("stop", "contraindication"),
        rule("other", "contraindication", "portal_vein = 'main'"),
        rule("i", "indication"),
    ]
    assert told(*rules, events=[CLINIC, old]).stale == ()


def test_a_questioned_value_is_unknown_to_rules() -> None:
    labs = {"kind": "labs", "date": "2024-05-01", "egfr": "820 mL/min"}
    rules = [rule("i", "indication"), rule("stop", "contraindication", "egfr_ml_min < 35")]
    assert told(*rules, events=[CLINIC, labs]).missing == ("egfr_ml_min",)
    assert told(*rules, events=[CLINIC, {**labs, "confirmed": True}]).verdict == "fits"


def test_an_overridden_rule_stays_visible_with_its_reason() -> None:
    each = told(rule("stop", "contraindication", override=OFF), rule("i", "indication"), events=[CLINIC])
    hidden = next(reason for reason in each.reasons if reason.rule == "stop")
    assert (each.verdict, hidden.state, hidden.decides) == ("fits", "true", False)
    assert hidden.override is not None
    assert (hidden.override.action, hidden.override.centre, hidden.override.reason) == ("off", "centre", "a reason")


LESIONS = {
    "kind": "imaging", "date": "2024-05-01",
    "lesions": [{"id": "L1", "longest": "45 mm"}, {"id": "L2", "longest": "10 mm"}, {"id": "L3"}, {"id": "L4", "longest": "41 mm"}],
}  # fmt: skip


def test_lesion_rules_name_the_lesions_for_which_they_hold() -> None:
    large = rule("large", "caution", "lesion_longest_mm > 40", scope="lesion", says="{lesions}: {lesion_longest_mm}.")
    each = told(rule("i", "indication"), large, events=[CLINIC, LESIONS])
    reason = each.reasons[0]
    assert (each.verdict, reason.rule) == ("caution", "large")
    assert [(lesion.id, lesion.state) for lesion in reason.lesions] == [
        ("L1", "true"),
        ("L3", "unknown"),
        ("L4", "true"),
    ]
    assert reason.says == "L1, L4: 45 mm (L1), 41 mm (L4)."


def test_a_rule_of_all_lesions_waits_for_the_unknown_one() -> None:
    small = rule("small", "requirement", "lesion_longest_mm < 50", scope="lesion", lesions="all")
    each = told(rule("i", "indication"), small, events=[CLINIC, LESIONS])
    assert (each.verdict, each.missing) == ("cannot_tell", ("lesion_longest_mm",))
    assert [(lesion.id, lesion.state) for lesion in each.reasons[0].lesions] == [
        ("L1", "true"), ("L2", "true"), ("L3", "unknown"), ("L4", "true"),
    ]  # fmt: skip


def test_without_lesions_a_lesion_rule_is_false_and_without_a_list_unknown() -> None:
    stop = rule("stop", "contraindication", "lesion_longest_mm > 40", scope="lesion")
    none = {"kind": "imaging", "date": "2024-05-01", "lesions": []}
    assert told(rule("i", "indication"), stop, events=[CLINIC, none]).verdict == "fits"
    assert told(rule("i", "indication"), stop, events=[CLINIC]).verdict == "cannot_tell"
