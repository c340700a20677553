"""A centre's policy: what it may add, tighten and switch off, that nothing of it is silent, and what each mistake is told."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from tests.strategies import case_of

from liverboard.clinical.dictionary import load_dictionary
from liverboard.clinical.events import Case
from liverboard.errors import BadInput
from liverboard.options.catalogue import load_catalogue
from liverboard.options.policy import Ruleset, packaged, policy_of, read_policy
from liverboard.options.report import OptionsReport, OptionVerdict, Reason
from liverboard.options.weigh import weigh_case
from liverboard.rules.rule import OPTIONS

DAY = dt.date(2024, 5, 15)
HEAD = "centre: Somewhere\napproved_by: A. Board\ndate: 2024-05-01\n"  # a first rule stands in line 5
PATIENT = case_of(
    {"kind": "diagnosis", "date": "2022-01-01", "primary_site": "ileum", "differentiation": "well", "ki67": "4 %"},
    {"kind": "clinic", "date": "2024-05-01", "syndrome": "none", "resectable": False, "bulk_symptoms": False, "ecog": 2, "cirrhosis": False,
     "life_expectancy_over_3_months": True, "portal_hypertension": False, "ascites": "none", "encephalopathy": "none"},
    {"kind": "labs", "date": "2024-05-01", "platelets": "210 10^9/L", "leukocytes": "6 10^9/L", "egfr": "80 mL/min"},
    {"kind": "imaging", "date": "2024-05-01", "portal_vein": "patent", "extrahepatic": {"extent": "none"}, "progression": {"hepatic": True, "rapid": False}},
    {"kind": "scout", "date": "2024-05-08", "lung_shunt_fraction": "25 %", "extrahepatic_deposition": "none"},
    {"kind": "history", "date": "2024-05-01", "complete": True},
)  # fmt: skip


def ruleset(*rules: str, head: str = HEAD) -> Ruleset:
    return policy_of(head + "rules:\n" + "".join(f"  - {each}\n" for each in rules), "policy.yaml")


def refused(*rules: str, head: str = HEAD) -> list[str]:
    with pytest.raises(BadInput) as raised:
        ruleset(*rules, head=head)
    assert raised.value.exit_code == 10
    return [str(problem) for problem in raised.value.problems]


def weighed(rules: Ruleset, option: str = "sirt_resin") -> tuple[OptionsReport, OptionVerdict]:
    report = weigh_case(PATIENT, DAY, rules)
    return report, next(each for each in report.options if each.option == option)


def reason_of(each: OptionVerdict, rule: str) -> Reason:
    return next(reason for reason in each.reasons if reason.rule == rule)


def test_without_a_policy_the_rules_are_as_packaged() -> None:
    assert read_policy(None) == packaged()
    report, each = weighed(packaged())
    assert (each.verdict, report.policy, report.deviations) == ("excluded", None, ())


# --- off --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("off", ["off", "'off'", "Off"])  # YAML reads a bare off as false
def test_a_rule_switched_off_no_longer_decides_and_stays_visible(off: str) -> None:
    rules = ruleset(f"{{id: resin_lung_shunt, action: {off}, reason: we measure the dose instead}}")
    report, each = weighed(rules)
    assert each.verdict == "fits"
    reason = reason_of(each, "resin_lung_shunt")
    assert (reason.state, reason.decides) == ("true", False)
    assert reason.override is not None
    assert (reason.override.action, reason.override.approved_by, reason.override.reason) == (
        "off", "A. Board", "we measure the dose instead",
    )  # fmt: skip
    assert [(change.rule, change.effect) for change in report.deviations] == [("resin_lung_shunt", "contraindication")]
    assert report.policy == "Somewhere, approved by A. Board, 2024-05-01"


@pytest.mark.parametrize("effect", ["contraindication", "requirement", "caution", "indication", "outside_studied"])
def test_no_rule_disappears_when_it_is_switched_off(effect: str) -> None:
    ids = [each.rule.id for each in load_catalogue().rules if each.rule.effect == effect]
    rules = ruleset(*(f"{{id: {name}, action: off, reason: r}}" for name in ids))
    assert [each.rule.id for each in rules.rules] == [each.rule.id for each in packaged().rules]
    report = weigh_case(PATIENT, DAY, rules)
    assert [change.rule for change in report.deviations] == ids
    before = {(o.option, r.rule) for o in weigh_case(PATIENT, DAY, packaged()).options for r in o.reasons}
    assert {(o.option, r.rule) for o in report.options for r in o.reasons} == before
    assert not any(r.decides for o in report.options for r in o.reasons if r.rule in ids)


# --- tighten ----------------------------------------------------------------------------------------------------------


def test_a_stricter_threshold_is_accepted_and_the_packaged_one_stays_visible() -> None:
    packaged_verdict = weighed(packaged(), "tae")[1].verdict
    rules = ruleset("{id: embolisation_performance, action: tighten, when: ecog > 1, reason: our own results}")
    _, each = weighed(rules, "tae")
    assert (packaged_verdict, each.verdict) == ("fits", "caution")
    reason = reason_of(each, "embolisation_performance")
    assert (reason.when, reason.decides) == ("ecog > 1", True)
    assert reason.override is not None
    assert (reason.override.action, reason.override.packaged_when) == ("tighten", "ecog > 2")


@pytest.mark.parametrize(
    ("rule", "when"),
    [
        ("resin_lung_shunt", "lung_shunt_fraction > 0.1"),
        ("resin_lung_shunt", "lung_shunt_fraction > '15 %'"),
        ("resin_lung_shunt", "lung_shunt_fraction > 0.2 OR lung_dose_gy > 25"),
        ("transplantation_burden", "liver_burden_percent <= 25"),
        ("transplantation_burden", "liver_burden_percent <= 50 AND age_years < 60"),
        ("resection_simple_pattern", "pattern = 'simple' AND resectable AND fit_for_major_surgery AND NOT frail"),
        ("ablation_lesion_over_40_mm", "lesion_longest_mm > 30"),
    ],
)
def test_what_holds_back_more_is_stricter(rule: str, when: str) -> None:
    assert [
        each.rule.id for each in ruleset(f'{{id: {rule}, action: tighten, when: "{when}", reason: r}}').overridden
    ] == [rule]


@pytest.mark.parametrize(
    ("rule", "when", "witness"),
    [
        ("resin_lung_shunt", "lung_shunt_fraction > 0.3", "lung_shunt_fraction = 0.25"),
        ("resin_lung_shunt", "lung_shunt_fraction > 0.2 AND pregnant", "pregnant = False"),
        ("resin_lung_shunt", "lung_shunt_fraction > 0.2 AND (pregnant OR NOT pregnant)", "pregnant = unknown"),
        ("transplantation_burden", "liver_burden_percent <= 60", "liver_burden_percent = 55"),
        ("transplantation_burden", "liver_burden_percent <= 50 OR frail", "frail = True"),
        ("resection_simple_pattern", "pattern = 'simple' AND resectable", "fit_for_major_surgery = False"),
        ("ablation_lesion_over_40_mm", "lesion_longest_mm > 50", "lesion_longest_mm = 45"),
    ],
)
def test_what_loosens_is_refused_with_a_witness(rule: str, when: str, witness: str) -> None:
    (problem,) = refused(f'{{id: {rule}, action: tighten, when: "{when}", reason: r}}')
    assert problem.startswith(f"line 5: {rule}: this loosens the rule (for ")
    assert witness in problem


def test_every_packaged_rule_may_be_tightened_to_itself() -> None:
    rules = [
        f'{{id: {each.rule.id}, action: tighten, when: "{each.expression}", reason: r}}'
        for each in load_catalogue().rules
    ]
    assert len(ruleset(*rules).overridden) == len(rules)


def test_a_predicate_of_too_many_facts_is_refused_at_once() -> None:
    facts = [name for name, fact in load_dictionary().items() if fact.type == "boolean"][:20]
    (problem,) = refused(
        f'{{id: resin_lung_shunt, action: tighten, when: "lung_shunt_fraction > 0.2 OR {" OR ".join(facts)}", reason: r}}'
    )
    assert "too many facts" in problem


# --- add --------------------------------------------------------------------------------------------------------------


def test_a_rule_of_the_centre_decides_and_answers_by_name() -> None:
    rules = ruleset(
        "{id: own_kidney_limit, action: add, option: [tae, ctace], effect: contraindication, when: egfr_ml_min < 90, reason: our contrast rule}"
    )
    report, each = weighed(rules, "tae")
    reason = reason_of(each, "own_kidney_limit")
    assert (each.verdict, reason.decides, reason.says, reason.source_class) == (
        "excluded",
        True,
        "our contrast rule",
        "local_policy",
    )
    assert [(source.key, source.at) for source in reason.sources] == [("local_policy", "Somewhere, A. Board")]
    assert [(change.rule, change.override.action) for change in report.deviations] == [("own_kidney_limit", "add")]
    assert weighed(rules, "debtace")[1].verdict == "caution"


def test_an_added_rule_takes_the_other_fields_of_a_rule() -> None:
    rules = ruleset(
        "{id: own_size, action: add, option: ablation, scope: lesion, effect: caution, when: lesion_longest_mm > 25, reason: r, says: 'Too large: {lesions}.', "
        "cases: [{facts: {lesion_longest_mm: 26}, is: true}]}"
    )
    added = rules.overridden[0].rule
    assert (added.scope, added.says, added.because) == ("lesion", "Too large: {lesions}.", "r")


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("{id: own, action: add, option: tae, effect: caution, when: ecog > 9, reason: r}", "when: ecog: 9 lies outside its plausible range 0 to 4"),
        ("{id: own, action: add, option: tae, effect: caution, when: shoe_size > 9, reason: r}", "when: unknown fact 'shoe_size'"),
        ("{id: own, action: add, option: tae, effect: caution, reason: r}", "when: "),
        ("{id: own, action: add, option: prayer, effect: caution, when: frail, reason: r}", "option.0: "),
        ("{id: own, action: add, option: tae, effect: block, when: frail, reason: r}", "effect: "),
        ("{id: own, action: add, effect: caution, when: frail, reason: r}", "option: "),
        ("{id: own, action: add, option: tae, effect: caution, when: frail, reason: r, colour: red}", "colour: "),
        ("{id: own, action: add, option: tae, effect: caution, when: frail, reason: r, says: '{shoe_size}'}", "says: '{shoe_size}' is no fact"),
        ("{id: own, action: add, option: tae, effect: caution, when: frail, reason: r, cases: [{facts: {frail: true}, is: false}]}", "case 1 should be false and is true"),
        ("{id: own, action: add, option: tae, effect: indication, when: frail, reason: r, source_class: trial_eligibility}", "a source of class trial_eligibility allows at most"),
        ("{id: resin_lung_shunt, action: add, option: tae, effect: caution, when: frail, reason: r}", "a rule of this id exists"),
        ("{id: no_such_rule, action: off, reason: r}", "there is no packaged rule of this id"),
        ("{id: no_such_rule, action: tighten, when: frail, reason: r}", "there is no packaged rule of this id"),
        ("{id: resin_lung_shunt, action: tighten, reason: r}", "tightening needs `when`"),
        ("{id: resin_lung_shunt, action: tighten, when: 'lung_shunt_fraction >', reason: r}", "not an SQL condition"),
        ("{id: resin_lung_shunt, action: tighten, when: lung_shunt_fraction > 2, reason: r}", "outside its plausible range"),
        ("{id: resin_lung_shunt, action: off, reason: r, says: mine}", "says: only a rule that is added has such fields"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line_and_rule(rule: str, words: str) -> None:
    problems = refused(rule)
    name = rule.split(",", maxsplit=1)[0].removeprefix("{id: ")
    assert any(problem.startswith(f"line 5: {name}: ") and words in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("{id: resin_lung_shunt, action: forbid, reason: r}", "line 5, field rules.0.action"),
        ("{id: resin_lung_shunt, action: off}", "line 5, field rules.0.reason"),
        ("{id: resin_lung_shunt, action: off, reason: ''}", "line 5, field rules.0.reason"),
        ("{id: 'Not an id', action: off, reason: r}", "line 5, field rules.0.id"),
        ("{action: off, reason: r}", "line 5, field rules.0.id"),
        ("3", "line 5, field rules.0"),
        ("{id: resin_lung_shunt, action: off, reason: 'so <script>alert(1)</script>'}", "'<script>' is markup"),
        ("{id: own, action: add, option: tae, effect: caution, when: frail, reason: 'so <img src=x>'}", "'<img src=x>' is markup"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_told_with_its_line(rule: str, words: str) -> None:
    problems = refused(rule)
    assert any(words in problem and problem.startswith("line 5") for problem in problems), problems


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("'-'", "expected words"), ("'1234'", "expected words"), (r'"\u200b\u00a0"', "expected words"), ("3", "valid string"),
        (r'"\e[2Jwiped"', "control character"), (r'"ok \u202e txt"', "control character"), ("'<b>bold</b>'", "markup"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("field", ["centre", "approved_by", "reason"])
def test_a_name_and_a_reason_are_words(field: str, words: str, told: str) -> None:
    fields = {"centre": "Somewhere", "approved_by": "A. Board", "reason": "our results", field: words}
    head = f"centre: {fields['centre']}\napproved_by: {fields['approved_by']}\ndate: 2024-05-01\n"
    (problem, *_) = refused(f"{{id: resin_lung_shunt, action: off, reason: {fields['reason']}}}", head=head)
    assert told in problem


def test_every_mistake_is_told_at_once() -> None:
    problems = refused(
        "{id: no_such_rule, action: off, reason: r}",
        "{id: resin_lung_shunt, action: tighten, when: lung_shunt_fraction > 0.3, reason: r}",
    )
    assert [problem.split(":")[0] for problem in problems] == ["line 5", "line 6"]


@pytest.mark.parametrize(
    "second",
    [
        "{id: resin_lung_shunt, action: tighten, when: lung_shunt_fraction > 0.1, reason: r}",
        "{id: resin_lung_shunt, action: off, reason: r}",
    ],
)
def test_a_rule_is_changed_once(second: str) -> None:
    assert refused("{id: resin_lung_shunt, action: off, reason: r}", second) == [
        "line 6: resin_lung_shunt: the policy changes this rule twice"
    ]


def test_an_id_is_added_once() -> None:
    own = "{id: own, action: add, option: tae, effect: caution, when: frail, reason: r}"
    assert refused(own, own)[0].startswith("line 6: own: a rule of this id exists")


def test_a_tightened_rule_lends_its_source_no_sentence_that_it_does_not_say() -> None:
    """A shunt of 25 % is beyond the label; one of 12 % is beyond this centre's line only."""
    rules = ruleset(
        "{id: resin_lung_shunt, action: tighten, when: lung_shunt_fraction > 0.1, reason: 'we {stop} earlier'}"
    )
    _, option = weighed(rules)
    assert reason_of(option, "resin_lung_shunt").says.startswith("Lung shunt 25 %: above the 20 %")
    scout = {"kind": "scout", "date": "2024-05-09", "lung_shunt_fraction": "12 %", "extrahepatic_deposition": "none"}
    report = weigh_case(_with(scout), DAY, rules)
    reason = reason_of(next(each for each in report.options if each.option == "sirt_resin"), "resin_lung_shunt")
    assert reason.decides
    assert reason.says == "This centre's line is stricter than the source: lung shunt fraction 12 %."
    assert (reason.source_class, reason.jurisdiction) == ("local_policy", ())
    assert [source.key for source in reason.sources] == ["local_policy"]
    assert reason.override is not None
    assert reason.override.reason == "we {stop} earlier"


def test_a_tightened_requirement_and_a_tightened_lesion_rule_too() -> None:
    rules = ruleset(
        "{id: transplantation_burden, action: tighten, when: liver_burden_percent <= 30, reason: r}",
        "{id: ablation_lesion_over_40_mm, action: tighten, when: lesion_longest_mm > 20, reason: r}",
    )
    imaging = {
        "kind": "imaging", "date": "2024-05-10", "liver_volume": "1000 mL", "tumour_volume": "400 mL",
        "lesions": [{"id": "L1", "segments": [2], "longest": "25 mm"}],
    }  # fmt: skip
    report = weigh_case(_with(imaging), DAY, rules)
    told = {each.option: each for each in report.options}
    assert reason_of(told["liver_transplantation"], "transplantation_burden").says.startswith("This centre's line")
    lesion = reason_of(told["ablation"], "ablation_lesion_over_40_mm")
    assert lesion.says == "This centre's line is stricter than the source: longest diameter 25 mm (L1)."


def _with(event: dict[str, Any]) -> Case:
    return PATIENT.model_copy(update={"events": (*PATIENT.events, *case_of(event).events)})


# --- jurisdiction -----------------------------------------------------------------------------------------------------


def in_jurisdiction(name: str) -> dict[str, str]:
    return {each.rule.id: "aside" for each in policy_of(f"{HEAD}jurisdiction: {name}\n", "policy.yaml").overridden}


def test_labels_of_elsewhere_are_set_aside_and_stay_visible() -> None:
    aside = in_jurisdiction("APAC")
    assert "resin_portal_thrombosis" in aside  # the US label alone
    assert "resin_lung_shunt" not in aside  # both labels
    assert "resin_outside_us_label" in aside
    report = weigh_case(PATIENT, DAY, policy_of(f"{HEAD}jurisdiction: APAC\n", "policy.yaml"))
    change = next(each for each in report.deviations if each.rule == "resin_portal_thrombosis")
    assert change.override.action == "jurisdiction"
    assert "a label of US; this centre works under APAC" in change.override.reason


@pytest.mark.parametrize("name", ["EU", "UK", "APAC"])
def test_where_no_label_of_its_own_was_seen_the_labels_seen_go_on_to_hold(name: str) -> None:
    aside = in_jurisdiction(name)
    glass = [each.rule.id for each in load_catalogue().rules if each.rule.id.startswith("glass_")]
    assert [rule for rule in glass if rule in aside] == []


def test_use_and_risks_of_a_label_are_set_aside_apart() -> None:
    """Of PRRT the text of the Asia-Pacific region was seen for its risks alone: that does not silence what the others say of its use."""
    aside = in_jurisdiction("APAC")
    assert {"prrt_label_eu", "prrt_label_us", "prrt_renal", "prrt_pregnancy"}.isdisjoint(aside)
    assert "prrt_pregnancy_us" in aside


@pytest.mark.parametrize("name", ["EU", "UK", "US", "APAC"])
def test_no_jurisdiction_closes_an_option_by_silence(name: str) -> None:
    rules = policy_of(f"{HEAD}jurisdiction: {name}\n", "policy.yaml").rules
    indications = [each for each in rules if each.rule.effect == "indication"]
    assert {option for each in indications if each.active for option in each.rule.option} == set(OPTIONS)


@pytest.mark.parametrize("name", ["EU", "UK", "US", "APAC"])
def test_pregnancy_is_held_against_prrt_everywhere(name: str) -> None:
    rules = policy_of(f"{HEAD}jurisdiction: {name}\n", "policy.yaml").rules
    assert [each.rule.id for each in rules if each.active and each.rule.id.startswith("prrt_pregnancy")]


def test_a_rule_that_the_policy_changed_keeps_its_change() -> None:
    text = (
        HEAD
        + "jurisdiction: APAC\nrules:\n  - {id: resin_portal_thrombosis, action: tighten, when: \"portal_vein <> 'patent' OR frail\", reason: r}\n"
    )
    assert {each.rule.id: each.override.action for each in policy_of(text, "p").overridden if each.override}[
        "resin_portal_thrombosis"
    ] == "tighten"


def test_an_unknown_jurisdiction_is_refused() -> None:
    (problem,) = refused(head=f"{HEAD}jurisdiction: us\n")
    assert problem == "line 4: no label of 'us' was seen; leave it out, or choose APAC, EU, UK, US"


# --- the file ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "null", "3", "a: [", "centre: X\n  approved_by: Y", "{{{{", "[" * 5000, "centre: \x00", "%", "!!python/object/apply:os.system ['true']",
        "centre: X\n", HEAD + "rules: 3\n", HEAD + "rules: {a: 1}\n", HEAD + "colour: red\n", HEAD + "centre: Y\n",
        HEAD.replace("2024-05-01", "2024-02-30"), HEAD.replace("2024-05-01", "yesterday"), HEAD.replace("Somewhere", "<b>Somewhere</b>"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_refused_with_its_problems(text: str) -> None:
    with pytest.raises(BadInput) as raised:
        policy_of(text, "policy.yaml")
    assert raised.value.problems


@pytest.mark.parametrize("text", [HEAD, HEAD + "rules:\n", HEAD + "rules: []\n"])
def test_a_policy_without_rules_changes_nothing(text: str) -> None:
    assert policy_of(text, "policy.yaml").overridden == ()


def test_a_file_that_is_not_there_not_text_or_too_large(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "large").write_text("# " + "x" * 2_000_001, encoding="utf-8")
    for name in ("missing", "binary", "large", "."):
        with pytest.raises(BadInput) as raised:
            read_policy(tmp_path / name)
        assert str(tmp_path) not in str(raised.value)
