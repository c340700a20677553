"""The vignettes of `tests/vignettes/`, from case file to verdicts. Each `.expected.yaml` was written from clinical judgement and the sources, and says why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from liverboard.board.load import open_case
from liverboard.board.weighed import prepare_options
from liverboard.clinical.extent import PatternName
from liverboard.clinical.facts import Facts, facts_of
from liverboard.options.policy import Ruleset, packaged, policy_of
from liverboard.options.report import OptionsReport, OptionVerdict, Reason
from liverboard.rules.rule import EFFECTS, OPTIONS

FOLDER = Path(__file__).parents[1] / "vignettes"
EXPECTATIONS = sorted(FOLDER.glob("*.expected.yaml"))
KEYS = {
    "about", "published", "questioned", "verdicts", "decides", "missing", "to_check", "holds", "notes", "silent", "lesions", "stale", "equipoise", "under", "given_before", "why",
}  # fmt: skip


@dataclass(frozen=True)
class Told:
    """A vignette, what the program says of it, and what was expected."""

    name: str
    facts: Facts
    report: OptionsReport
    expected: Mapping[str, Any]

    def option(self, name: str) -> OptionVerdict:
        return next(each for each in self.report.options if each.option == name)

    def reason(self, option: str, rule: str) -> Reason | None:
        return next((each for each in self.option(option).reasons if each.rule == rule), None)


def weighed(path: Path, ruleset: Ruleset) -> tuple[Facts, OptionsReport]:
    opened = open_case(path)
    as_of = opened.case.as_of
    assert as_of is not None
    return facts_of(opened.case, as_of), prepare_options(
        opened.case, folder=opened.folder, as_of=as_of, ruleset=ruleset
    )


@cache
def told(path: Path) -> Told:
    expected: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    name = path.name.removesuffix(".expected.yaml")
    facts, report = weighed(path.with_name(f"{name}.yaml"), packaged())
    return Told(name, facts, report, expected)


@pytest.fixture(params=EXPECTATIONS, ids=lambda path: path.name.removesuffix(".expected.yaml"))
def vignette(request: pytest.FixtureRequest) -> Told:
    return told(request.param)


def test_verdicts(vignette: Told) -> None:
    expected = vignette.expected["verdicts"]
    assert {option: vignette.option(option).verdict for option in expected} == expected


def test_rules_that_decide(vignette: Told) -> None:
    for option, rules in vignette.expected.get("decides", {}).items():
        deciding = {each.rule for each in vignette.option(option).reasons if each.decides}
        assert set(rules) <= deciding, (option, sorted(deciding))


def test_missing_is_exact(vignette: Told) -> None:
    expected = vignette.expected.get("missing", {})
    assert {option: sorted(vignette.option(option).missing) for option in expected} == expected


def test_to_check(vignette: Told) -> None:
    for option, names in vignette.expected.get("to_check", {}).items():
        assert set(names) <= set(vignette.option(option).to_check), option


@pytest.mark.parametrize(("key", "effect"), [("holds", None), ("notes", "outside_studied")])
def test_rules_that_hold(vignette: Told, key: str, effect: str | None) -> None:
    for option, rules in vignette.expected.get(key, {}).items():
        for rule in rules:
            reason = vignette.reason(option, rule)
            assert reason is not None, (option, rule)
            assert reason.state == "true", (option, rule)
            assert effect in {None, reason.effect}


def test_rules_that_stay_silent(vignette: Told) -> None:
    for option, rules in vignette.expected.get("silent", {}).items():
        for rule in rules:
            reason = vignette.reason(option, rule)
            assert reason is None or reason.state == "false", (option, rule)


def test_lesion_rules_name_their_lesions(vignette: Told) -> None:
    for rule, lesions in vignette.expected.get("lesions", {}).items():
        reason = vignette.reason("ablation", rule)
        assert reason is not None
        assert [each.id for each in reason.lesions if each.state == "true"] == lesions
        assert all(lesion in reason.says for lesion in lesions), reason.says


def test_stale_and_questioned_facts(vignette: Told) -> None:
    for option, names in vignette.expected.get("stale", {}).items():
        assert set(names) <= set(vignette.option(option).stale), (option, vignette.option(option).stale)
    questioned = [name for name, fact in vignette.facts.facts.items() if fact.questioned]
    assert sorted(questioned) == vignette.expected.get("questioned", [])


def test_what_was_given_before_stands_with_its_option(vignette: Told) -> None:
    for option, count in vignette.expected.get("given_before", {}).items():
        assert len(vignette.option(option).given_before) == count


def test_equipoise(vignette: Told) -> None:
    expected: dict[str, Sequence[str]] | None = vignette.expected.get("equipoise")
    if expected is not None:
        assert {note.id: list(note.options) for note in vignette.report.equipoise} == expected


def test_verdicts_under_the_labels_of_one_jurisdiction(vignette: Told) -> None:
    for jurisdiction, expected in vignette.expected.get("under", {}).items():
        policy = f"centre: test\napproved_by: test\ndate: 2024-05-01\njurisdiction: {jurisdiction}\n"
        _, report = weighed(FOLDER / f"{vignette.name}.yaml", policy_of(policy, "policy"))
        found = {each.option: each.verdict for each in report.options}
        assert {option: found[option] for option in expected} == expected, jurisdiction


def test_every_vignette_is_synthetic_and_says_why() -> None:
    cases = {path.name.removesuffix(".yaml") for path in FOLDER.glob("*.yaml") if "expected" not in path.name}
    assert cases == {path.name.removesuffix(".expected.yaml") for path in EXPECTATIONS}
    assert len(cases) >= 28
    for path in EXPECTATIONS:
        each = told(path)
        assert set(each.expected) <= KEYS
        assert each.expected["about"]
        assert set(each.expected["why"]) <= set(each.expected["verdicts"])
        assert len(each.expected["why"]) >= 1
        assert open_case(FOLDER / f"{each.name}.yaml").case.synthetic


def test_published_descriptions_are_cited_with_what_was_seen() -> None:
    published = [told(path).expected["published"] for path in EXPECTATIONS if "published" in told(path).expected]
    assert len(published) >= 8
    for source in published:
        assert {"title", "url", "seen", "kind", "used", "left_unknown", "reported_decision"} <= set(source)


def test_every_option_is_once_open_and_once_closed() -> None:
    expected = [told(path).expected["verdicts"] for path in EXPECTATIONS]
    for option in OPTIONS:
        verdicts = {each[option] for each in expected if option in each}
        assert verdicts & {"fits", "caution"}, option
        assert verdicts & {"excluded", "not_indicated"}, option


def test_every_effect_fires_and_every_pattern_occurs() -> None:
    holding = {
        reason.effect
        for path in EXPECTATIONS
        for option in told(path).report.options
        for reason in option.reasons
        if reason.state == ("false" if reason.effect == "requirement" else "true")
    }
    assert holding == set(EFFECTS)
    assert {told(path).facts.value("pattern") for path in EXPECTATIONS} >= set(get_args(PatternName))
