"""What a board asks for, and what each answer would change."""

from __future__ import annotations

from liverboard.board.asked import missing_of
from liverboard.board.load import open_case
from liverboard.clinical.facts import facts_of
from liverboard.options.policy import packaged
from liverboard.options.weigh import weigh_case


def test_a_questioned_value_is_first_and_says_which_options_wait_for_it() -> None:
    case = open_case(None, sample="typed-in").case
    assert case.as_of is not None
    facts, report = facts_of(case, case.as_of), weigh_case(case, case.as_of, packaged())
    first = missing_of(facts, report)[0]
    assert (first.fact, first.reason) == ("albumin_g_l", "questioned")
    assert first.changes == "to check for TAE, cTACE, DEB-TACE, SIRT (glass)"
    waiting = {each.option for each in report.options if "albumin_g_l" in each.to_check}
    assert waiting == {"tae", "ctace", "debtace", "sirt_glass"}
    assert {each.verdict for each in report.options if each.option in waiting} == {"cannot_tell"}
