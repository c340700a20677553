"""Does a rule file with a fault not load, and do line and reason say which fault?"""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import pytest
import yaml

from liverboard.clinical.dictionary import load_dictionary, load_lesion_dictionary
from liverboard.errors import KnowledgeBaseError, Problem
from liverboard.knowledge import Reference
from liverboard.rules.load import Vocabulary, case_faults, load_rules
from liverboard.rules.rule import CLASSES, EFFECTS

VOCABULARY = Vocabulary(
    load_dictionary(),
    load_lesion_dictionary(),
    {
        "the_label": Reference(title="The label", verification="A", how="seen"),
        "hearsay": Reference(title="Hearsay", verification="U", how="not seen"),
    },
)
RULE = """\
rules:
  - id: bilirubin_high
    option: [tae, ctace]
    effect: contraindication
    when: bilirubin_umol_l > 50 AND NOT frail
    says: "Bilirubin {bilirubin_umol_l}: too high."
    because: The label says so.
    sources:
      - {key: the_label, at: page 1, verification: A}
    source_class: label_contraindication
    reviewed: 2026-11-24
    cases:
      - {facts: {bilirubin_umol_l: 60, frail: false}, is: true}
      - {facts: {bilirubin_umol_l: 50}, is: false}
      - {facts: {}, is: unknown}
"""


def problems(*texts: str) -> list[Problem]:
    with pytest.raises(KnowledgeBaseError) as caught:
        load_rules({f"file{number}.yaml": text for number, text in enumerate(texts, 1)}, VOCABULARY)
    assert caught.value.exit_code == 13
    assert "Traceback" not in str(caught.value)
    assert "errors.pydantic.dev" not in str(caught.value)
    return list(caught.value.problems)


def test_a_whole_rule_loads() -> None:
    (found,) = load_rules({"file.yaml": RULE}, VOCABULARY)
    assert found.rule.option == ("tae", "ctace")
    assert (found.rule.scope, found.rule.lesions, found.rule.reviewed) == ("case", "any", dt.date(2026, 11, 24))
    assert str(found.expression) == "bilirubin_umol_l > 50 AND NOT frail"
    assert found.rule.placeholders() == ("bilirubin_umol_l",)
    assert [case.is_ for case in found.rule.cases] == ["true", "false", "unknown"]
    assert list(case_faults(found)) == []
    assert found.active


def test_a_case_that_comes_out_otherwise_is_told() -> None:
    (found,) = load_rules({"file.yaml": RULE.replace("bilirubin_umol_l: 50}", "bilirubin_umol_l: 51}")}, VOCABULARY)
    assert list(case_faults(found)) == ["bilirubin_high: case 2 should be false and is unknown"]


@pytest.mark.parametrize(
    ("was", "is_now", "line", "reason"),
    [
        # what `when` says; every text that is refused stands in test_parse.py
        ("when: bilirubin_umol_l > 50", "when: bilirubine_umol_l > 50", 5, "unknown fact 'bilirubine_umol_l'; did you mean 'bilirubin_umol_l'?"),
        ("when: bilirubin_umol_l > 50", "when: bilirubin_umol_l = TRUE", 5, "TRUE is not a number"),
        ("when: bilirubin_umol_l > 50", "when: bilirubin_umol_l > '3 kg'", 5, "'kg' does not convert to umol/L"),
        ("when: bilirubin_umol_l > 50", "when: bilirubin_umol_l > 5000", 5, "5000 lies outside its plausible range 1 to 900 umol/L"),
        ("when: bilirubin_umol_l > 50", "when: sex = 'x'", 5, "sex: 'x' is not one of female, male, other"),
        ("when: bilirubin_umol_l > 50", "when: COALESCE(frail, TRUE)", 5, "the language has no functions"),
        ("when: bilirubin_umol_l > 50", "when: bilirubin_umol_l IS NULL", 5, "IS is not in the language"),
        ("when: bilirubin_umol_l > 50", "when: frail; DROP TABLE cases; --", 5, "not an SQL condition"),
        ("when: bilirubin_umol_l > 50", "when: lesion_longest_mm > 50", 5, "unknown fact 'lesion_longest_mm'"),
        ("when: bilirubin_umol_l > 50", "when: months_since_prrt < 3", 5, "write prior_prrt_cycles > 0 AND months_since_prrt"),
        ("when: bilirubin_umol_l > 50 AND NOT frail", "when: " + "(" * 450 + "frail" + ")" * 450, 5, "nested too deeply"),
        ("when: bilirubin_umol_l > 50", "when: " + "frail OR " * 200 + "frail", 5, "at most 1000 characters"),
        ("when: bilirubin_umol_l > 50 AND NOT frail", "when: true", 5, "valid string"),
        ("    when: bilirubin_umol_l > 50 AND NOT frail\n", "", 2, "Field required"),
        # sources
        ("key: the_label", "key: no_label", 9, "'no_label' is not in references.yaml"),
        ("{key: the_label, at: page 1, verification: A}", "{key: the_label, at: page 1}", 9, "Field required"),
        ("verification: A}", "verification: C}", 9, "'A', 'B' or 'U'"),
        ("verification: A}", "verification: U}", 2, "an unverified source (the_label) cannot stand behind a contraindication"),
        ("key: the_label", "key: hearsay", 9, "'hearsay' was not seen (U in references.yaml) and cannot stand behind a contraindication"),
        ("sources:\n      - {key: the_label, at: page 1, verification: A}", "sources: []", 8, "at least 1 item"),
        ("    sources:\n      - {key: the_label, at: page 1, verification: A}\n", "", 2, "Field required"),
        ("source_class: label_contraindication", "source_class: hearsay", 10, "'label_contraindication', 'label_warning'"),
        ("source_class: label_contraindication", "source_class: label_warning", 2, "a source of class label_warning allows at most: caution, outside_studied; not contraindication"),
        ("source_class: label_contraindication", "source_class: trial_eligibility", 2, "allows at most: outside_studied; not contraindication"),
        ("effect: contraindication", "effect: requirement", 2, "a source of class label_contraindication allows at most"),
        # the fields
        ("id: bilirubin_high", "id: Bilirubin-High", 2, "should match pattern"),
        ("id: bilirubin_high", "id: '<script>alert(1)</script>'", 2, "should match pattern"),
        ("option: [tae, ctace]", "option: [tae, chemo]", 3, "'tae'"),
        ("option: [tae, ctace]", "option: []", 3, "at least 1 item"),
        ("effect: contraindication", "effect: forbidden", 4, "'indication', 'contraindication'"),
        ("effect: contraindication", "effect: contraindication\n    scope: liver", 5, "'case' or 'lesion'"),
        ("effect: contraindication", "effect: contraindication\n    lesions: all", 2, "`lesions: all` belongs to the scope `lesion`"),
        ("effect: contraindication", "effect: contraindication\n    colour: red", 5, "Extra inputs are not permitted"),
        ("effect: contraindication", "effect: contraindication\n    ask: later", 5, "'before_procedure'"),
        ("effect: contraindication", "effect: caution\n    ask: before_procedure", 2, "`ask: before_procedure` belongs to contraindications only"),
        ("effect: contraindication", "effect: contraindication\n    supersedes: older_rule", 2, "supersedes 'older_rule', which is no rule"),
        ("Bilirubin {bilirubin_umol_l}", "Bilirubin {bilirubin}", 6, "'{bilirubin}' is no fact"),
        ("Bilirubin {bilirubin_umol_l}", "Bilirubin {lesions}", 6, "'{lesions}' is no fact"),
        ("Bilirubin {bilirubin_umol_l}", "Bilirubin {bilirubin_umol_l", 6, "braces"),
        ("Bilirubin {bilirubin_umol_l}", "Bilirubin {bilirubin_umol_l:>999999999}", 6, "braces hold the name of a fact and nothing else"),
        ("Bilirubin {bilirubin_umol_l}", "Bilirubin {bilirubin_umol_l!r}", 6, "braces hold the name of a fact and nothing else"),
        ("Bilirubin {bilirubin_umol_l}", "Bilirubin {bilirubin_umol_l.__class__}", 6, "is no fact"),
        ("Bilirubin {bilirubin_umol_l}", "<script>alert(1)</script>", 6, "'<script>' is markup"),
        ("Bilirubin {bilirubin_umol_l}", "<img src=x onerror=alert(1)>", 6, "is markup"),
        ("because: The label says so.", "because: The <b>label</b> says so.", 7, "'<b>' is markup"),
        ("because: The label says so.", "because: ''", 7, "at least 1 character"),
        ("reviewed: 2026-11-24", "reviewed: lately", 11, "expected an ISO day"),
        ("reviewed: 2026-11-24", "reviewed: 0", 11, "expected an ISO day"),
        ("reviewed: 2026-11-24", "reviewed: 2026-02-30", 11, "day is out of range for month"),
        # the cases
        ("      - {facts: {bilirubin_umol_l: 50}, is: false}\n", "", 2, "no case that is false; give at least one each"),
        ("      - {facts: {}, is: unknown}\n", "", 2, "no case that is unknown"),
        ("{facts: {}, is: unknown}", "{facts: {}, is: perhaps}", 15, "'true', 'false' or 'unknown'"),
        ("{facts: {}, is: unknown}", "{facts: {}, is: [true]}", 15, "'true', 'false' or 'unknown'"),
        ("{facts: {}, is: unknown}", "{facts: {bilirubin: 5}, is: unknown}", 15, "unknown fact 'bilirubin'"),
        ("{facts: {}, is: unknown}", "{facts: {frail: 1}, is: unknown}", 15, "frail: 1 is not true or false"),
        ("{facts: {}, is: unknown}", "{facts: {ecog: 1.5}, is: unknown}", 15, "ecog: 1.5 is not a whole number"),
        ("{facts: {}, is: unknown}", "{facts: {ecog: .inf}, is: unknown}", 15, "ecog: inf is not a whole number"),
        ("{facts: {}, is: unknown}", "{facts: {inr: .nan}, is: unknown}", 15, "inr: nan is implausible"),
        ("{facts: {}, is: unknown}", "{facts: {inr: '1.7'}, is: unknown}", 15, "inr: 1.7 is not a number"),
        ("{facts: {}, is: unknown}", "{facts: {albumin_g_l: 3.8}, is: unknown}", 15, "3.8 g/dL would be 38 g/L"),
        ("{facts: {}, is: unknown}", "{facts: {sex: femal}, is: unknown}", 15, "sex: 'femal' is not one of female, male, other"),
        ("{facts: {}, is: unknown}", "{facts: {frail: null}, is: unknown}", 15, "valid boolean"),
    ],
)  # fmt: skip
def test_a_rule_with_a_fault_does_not_load(was: str, is_now: str, line: int, reason: str) -> None:
    assert RULE.count(was) == 1
    found = problems(RULE.replace(was, is_now))
    assert any(problem.line == line and reason in str(problem) for problem in found), [str(each) for each in found]
    assert all(problem.message.startswith("file1.yaml: ") for problem in found)


def test_less_and_more_may_be_said_with_signs() -> None:
    load_rules({"file.yaml": RULE.replace("The label says so.", "Albumin < 30 g/L, INR <1.7 and <= 2.")}, VOCABULARY)


def test_each_class_of_source_allows_its_effects_and_no_other() -> None:
    for name, allowed in CLASSES.items():
        for effect in EFFECTS:
            text = RULE.replace("label_contraindication", name).replace("effect: contraindication", f"effect: {effect}")
            if effect in allowed:
                load_rules({"file.yaml": text}, VOCABULARY)
            else:
                assert f"a source of class {name} allows at most" in str(problems(text)[0])


@pytest.mark.parametrize("effect", EFFECTS)
def test_an_unverified_source_stands_behind_a_note_only(effect: str) -> None:
    base = RULE.replace("label_contraindication", "guideline").replace("effect: contraindication", f"effect: {effect}")
    for text in (base.replace("verification: A", "verification: U"), base.replace("key: the_label", "key: hearsay")):
        if effect == "outside_studied":
            load_rules({"file.yaml": text}, VOCABULARY)
        else:
            assert f"cannot stand behind a {effect}" in str(problems(text)[0])


def test_an_expert_list_contraindicates_only_when_seen() -> None:
    listed = RULE.replace("label_contraindication", "expert_list")
    load_rules({"file.yaml": listed}, VOCABULARY)
    assert "only when it was seen at its source (A)" in str(problems(listed.replace("cation: A}", "cation: B}"))[0])


def test_a_lesion_rule_reads_facts_of_lesion_and_case() -> None:
    of_lesion = RULE.replace("    effect:", "    scope: lesion\n    lesions: all\n    effect:").replace(
        "when: bilirubin_umol_l > 50", "when: lesion_longest_mm > 50 AND bilirubin_umol_l > 50"
    )
    (found,) = load_rules({"file.yaml": of_lesion.replace("too high", "too high for {lesions}")}, VOCABULARY)
    assert (found.rule.scope, found.rule.lesions) == ("lesion", "all")


def test_an_id_given_twice_names_both_places() -> None:
    rule = RULE.removeprefix("rules:\n")
    (within,) = problems(RULE + rule)
    assert str(within) == (
        "line 16, field id: file1.yaml: bilirubin_high: this id is given twice; it stands in file1.yaml, line 2 too"
    )
    (across,) = problems(RULE, "# another file\n" + RULE)
    assert (across.line, across.field) == (3, "id")
    assert "file2.yaml" in across.message
    assert "it stands in file1.yaml, line 2 too" in across.message
    nameless = RULE.replace("  - id: bilirubin_high\n    option", "  - option")
    assert all("twice" not in str(problem) for problem in problems(nameless, nameless))


def test_a_rule_replaces_the_one_that_it_supersedes_in_another_file_too() -> None:
    newer = RULE.replace("id: bilirubin_high", "id: newer\n    supersedes: bilirubin_high")
    assert [each.rule.id for each in load_rules({"a.yaml": newer, "b.yaml": RULE}, VOCABULARY)] == ["newer"]


def test_every_fault_of_every_file_is_told_at_once() -> None:
    found = problems(
        RULE.replace("key: the_label", "key: no_label").replace("frail\n", "frial\n"),
        RULE.replace("{bilirubin_umol_l}", "{bilirubin}"),
    )
    assert [(each.message[:10], each.line) for each in found] == [
        ("file1.yaml", 9),
        ("file1.yaml", 5),
        ("file2.yaml", 6),
        ("file2.yaml", 2),  # and its id is given twice
    ]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("", 1, "expected `rules:` and a list"),
        ("rules:", 1, "expected `rules:` and a list"),
        ("- a", 1, "expected `rules:` and a list"),
        ("just words", 1, "expected `rules:` and a list"),
        ("rules: {id: a}", 1, "expected `rules:` and a list"),
        ("rules:\n  - just words", 2, "dictionary or instance of Rule"),
        ("rules:\n  - [a, b]", 2, "dictionary or instance of Rule"),
        ("rules: [null]", 1, "dictionary or instance of Rule"),
        ("rules:\n  - id: a: b\n", 2, "not readable as YAML"),
        ("rules:\n\t- id: a", 2, "not readable as YAML"),
        ("rules:\n  - id: 'a", 2, "not readable as YAML"),
        ("rules: []\n---\nrules: []", 2, "another document"),
        ("rules:\n  - {id: a, id: b}", 2, "key given twice: id"),
        ("rules: []\nrules: []", 1, "key given twice: rules"),
        ("rules: !!python/object/apply:os.system ['true']", 1, "could not determine a constructor"),
        ("rules:\n  - id: !!bool perhaps", 2, "not a value"),
        ("rules:\n  - id: " + "9" * 5000, 2, "not a value"),
        ("rules: \x01", None, "control characters are not allowed"),
        ("rules: &all [*all]", 1, "dictionary or instance of Rule"),
        ("rules: " + "[" * 300 + "]" * 300, 1, "dictionary or instance of Rule"),
        ("rules: " + "[" * 100_000, 1, "exceeded maximum nesting depth"),
        ("rules:\n" + "- " * 100_000, 2, "exceeded maximum nesting depth"),
        ("rules:\n" + "  - {id: a}\n" * 450_000, None, "5,400,007 characters; at most 2,000,000 are read"),
        ("x" * 5_000_000, None, "5,000,000 characters; at most 2,000,000 are read"),
    ],
)  # fmt: skip
def test_damaged_yaml_is_refused_with_its_line(text: str, line: int | None, reason: str) -> None:
    found = problems(text)
    assert (found[0].line, reason in found[0].message) == (line, True), str(found[0])[:300]
    assert found[0].message.startswith("file1.yaml: ")


def test_a_rule_that_a_program_damaged_loads_or_is_refused() -> None:
    dice = random.Random(4)
    for _ in range(1500):
        characters = list(RULE)
        for _ in range(dice.randint(1, 4)):
            place = dice.randrange(len(characters))
            characters[place : place + dice.randint(0, 6)] = dice.choice(
                ["", "'", '"', "{", "}", "[", ": ", "\n", "- ", "&a ", "*a", "!", "NULL", "9", "é", "<b>", "(", "\t", "- x: 1\n"]
            )  # fmt: skip
        try:
            load_rules({"file.yaml": "".join(characters)}, VOCABULARY)
        except KnowledgeBaseError as error:
            assert error.problems


def test_the_fields_of_one_rule_changed_to_anything_load_or_are_refused() -> None:
    plain: dict[str, Any] = yaml.safe_load(RULE)["rules"][0]
    odd: list[Any] = [
        None,
        True,
        0,
        -1,
        1e308,
        "",
        "x",
        [],
        [[]],
        {},
        {"a": 1},
        [None],
        dt.date(2026, 1, 1),
        "\ud7ff",
        "x" * 2000,
    ]
    for field in (*plain, "scope", "lesions", "jurisdiction", "edition", "supersedes", "ask", "rows"):
        for value in odd:
            text = yaml.safe_dump({"rules": [{**plain, field: value}]})
            try:
                load_rules({"file.yaml": text}, VOCABULARY)
            except KnowledgeBaseError as error:
                assert error.problems
                assert all(problem.line for problem in error.problems)
