"""The cases that every packaged rule carries, each read alone and through the frame that cohorts use."""

from __future__ import annotations

import pytest

from liverboard.clinical.dictionary import all_definitions
from liverboard.options.catalogue import load_catalogue
from liverboard.rules.evaluate import evaluate, facts_frame
from liverboard.rules.expression import decide, facts_in
from liverboard.rules.rule import Compiled

STATE = {True: "true", False: "false", None: "unknown"}
RULES = load_catalogue().rules


@pytest.mark.parametrize("each", RULES, ids=lambda each: each.rule.id)
def test_cases_come_out_as_they_say(each: Compiled) -> None:
    said = [case.is_ for case in each.rule.cases]
    assert [STATE[decide(each.expression, case.facts)] for case in each.rule.cases] == said
    as_case = Compiled(each.rule.model_copy(update={"scope": "case"}), each.expression)  # a lesion's facts in one row
    names = {name: all_definitions()[name] for name in facts_in(each.expression)}
    truths = evaluate([as_case], facts_frame([case.facts for case in each.rule.cases], names))
    assert [STATE[truth] for truth in truths[each.rule.id]] == said


@pytest.mark.parametrize("each", RULES, ids=lambda each: each.rule.id)
def test_cases_fire_stay_silent_and_leave_open(each: Compiled) -> None:
    assert {case.is_ for case in each.rule.cases} == {"true", "false", "unknown"}
