"""Small synthetic cohorts for the tests of the audit, and what a plain reading of the rules says of them, row by row."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from liverboard.clinical.dictionary import load_dictionary
from liverboard.rules.expression import comparisons, decide, representatives, unsettled_facts
from liverboard.rules.rule import OPTIONS, Compiled

Row = dict[str, Any]


def random_rows(count: int, rules: Sequence[Compiled], *, seed: int = 1, unknown: float = 0.3) -> list[Row]:
    """Rows with values on both sides of what the rules ask for, some unknown."""
    dice = random.Random(seed)
    reading = [one for each in rules for one in comparisons(each.expression)]
    choices = {
        name: representatives(fact, [one for one in reading if one.fact == name])
        for name, fact in load_dictionary().items()
    }
    return [
        {name: None if dice.random() < unknown else dice.choice(values) for name, values in choices.items()}
        for _ in range(count)
    ]


def random_choices(count: int, *, seed: int = 1) -> list[str | None]:
    dice = random.Random(seed)
    return [dice.choice([*OPTIONS, None]) for _ in range(count)]


def states_of(rules: Sequence[Compiled], row: Mapping[str, Any]) -> dict[str, bool | None]:
    """The truth of each rule of a case without a list of lesions."""
    return {
        each.rule.id: decide(each.expression, row)
        if each.rule.scope == "case"
        else (False if row.get("lesion_count") == 0 else None)
        for each in rules
    }


def plain_verdict(option: str, rules: Sequence[Compiled], states: Mapping[str, bool | None]) -> str:
    """The table of the design, as one would read it aloud."""
    mine = [each.rule for each in rules if each.active and option in each.rule.option]
    told = [(rule, states[rule.id]) for rule in mine]
    if any(rule.effect == "contraindication" and state is True for rule, state in told):
        return "excluded"
    if any(rule.effect == "requirement" and state is False for rule, state in told):
        return "excluded"
    indications = [state for rule, state in told if rule.effect == "indication"]
    if any(rule.effect == "contraindication" and rule.ask is None and state is None for rule, state in told):
        return "cannot_tell"
    if any(rule.effect == "requirement" and state is None for rule, state in told):
        return "cannot_tell"
    if True not in indications:
        return "cannot_tell" if None in indications else "not_indicated"
    return "caution" if any(rule.effect == "caution" and state is True for rule, state in told) else "fits"


def plain_missing(option: str, rules: Sequence[Compiled], row: Mapping[str, Any]) -> set[str]:
    """The unknown facts that the unknown deciding rules of an option hang on, when it cannot be told."""
    states = states_of(rules, row)
    if plain_verdict(option, rules, states) != "cannot_tell":
        return set()
    mine = [each for each in rules if each.active and option in each.rule.option and each.rule.scope == "case"]
    indicated = any(each.rule.effect == "indication" and states[each.rule.id] is True for each in mine)
    kinds = {"contraindication", "requirement"} | (set() if indicated else {"indication"})
    return {
        fact
        for each in mine
        if each.rule.effect in kinds and each.rule.ask is None and states[each.rule.id] is None
        for fact in unsettled_facts(each.expression, row)
    }
