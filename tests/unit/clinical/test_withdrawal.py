"""An event that was withdrawn is as if it had never been there, from the moment of its withdrawal on; before that, and when it is undone, it counts."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.strategies import cases

from liverboard.board.prepare import prepare_dossier
from liverboard.clinical.case_file import read_case, write_case
from liverboard.clinical.case_withdraw import restated, withdrawal_of
from liverboard.clinical.derive_timeline import standing_withdrawals, visible_events
from liverboard.clinical.events import Case
from liverboard.clinical.facts import facts_of
from liverboard.errors import BadInput

DAY = dt.date(2030, 1, 1)
CASE = Case.model_validate(
    {
        "case": "W-1",
        "events": [
            {"id": "l0", "kind": "labs", "date": "2024-04-02", "bilirubin": "9 umol/L", "recorded": "2024-04-03"},
            {"id": "l1", "kind": "labs", "date": "2024-05-02", "bilirubin": "40 umol/L", "recorded": "2024-05-03"},
            {"id": "c1", "kind": "clinic", "date": "2024-05-02", "ecog": 3, "recorded": "2024-05-03"},
        ],
    }
)


def grown(case: Case, event: Any, recorded: str | None = None) -> Case:
    tree = json.loads(write_case(case, is_json=True))
    stamp = {} if recorded is None else {"recorded": recorded}
    return read_case(json.dumps({**tree, "events": [*tree.get("events", []), {**event, **stamp}]}), is_json=True)


def withdrawn(case: Case, event_id: str, recorded: str | None = None) -> Case:
    return grown(case, withdrawal_of(case, event_id, "entered for another patient"), recorded)


def bilirubin(case: Case, as_of: dt.date = DAY, known_at: dt.date | None = None) -> Any:
    return facts_of(case, as_of, known_at).facts["bilirubin_umol_l"].value


def test_a_withdrawn_event_no_longer_counts_and_the_one_before_it_does() -> None:
    case = withdrawn(CASE, "l1", "2024-06-01")
    assert (bilirubin(CASE), bilirubin(case)) == (40.0, 9.0)
    assert bilirubin(case, dt.date(2024, 5, 10)) == 9.0  # nor on the day on which it was said to be true
    assert facts_of(withdrawn(CASE, "c1"), DAY).facts["ecog"].value is None  # unknown, and never "no"


def test_at_a_past_moment_it_still_counts() -> None:
    case = withdrawn(CASE, "l1", "2024-06-01")
    assert bilirubin(case, known_at=dt.date(2024, 5, 31)) == 40.0
    assert bilirubin(case, known_at=dt.date(2024, 6, 1)) == 9.0


def test_an_undone_withdrawal_lets_it_count_again() -> None:
    case = withdrawn(CASE, "l1", "2024-06-01")
    again = grown(case, restated(case, "withdrawal-2024-05-02-1"), "2024-07-01")
    assert [bilirubin(again, known_at=dt.date(2024, month, 15)) for month in (5, 6, 7)] == [40.0, 9.0, 40.0]
    twice = withdrawn(again, again.events[-1].id, "2024-08-01")
    assert bilirubin(twice) == 9.0


def test_a_corrected_event_is_withdrawn_with_all_that_it_ever_said() -> None:
    """The correction moved it to a later day: no day in between sees the first word either."""
    case = grown(CASE, {"kind": "labs", "id": "l2", "date": "2024-05-20", "bilirubin": "41 umol/L", "corrects": "l1"})
    assert bilirubin(case, dt.date(2024, 5, 10)) == 40.0
    gone = withdrawn(case, "l2")
    assert [bilirubin(gone, day) for day in (dt.date(2024, 5, 10), dt.date(2024, 5, 20), DAY)] == [9.0] * 3


@given(cases(max_events=6), st.data())
def test_a_withdrawn_event_is_as_if_it_had_never_been_there(case: Case, data: st.DataObject) -> None:
    corrected = {event.corrects for event in case.events}
    free = [event for event in case.events if event.id not in corrected and event.corrects is None]
    assume(free)
    chosen = data.draw(st.sampled_from(free))
    assume(not any(getattr(event, "related", None) == chosen.id for event in case.events))
    without = case.model_copy(update={"events": tuple(event for event in case.events if event is not chosen)})
    gone = withdrawn(case, chosen.id)
    assert facts_of(gone, DAY).as_json() == facts_of(without, DAY).as_json()
    assert [each.corrects for each in standing_withdrawals(gone, DAY)] == [chosen.id]
    again = grown(gone, restated(gone, gone.events[-1].id))
    same = {"id": "same", "corrects": None, "recorded": None}
    before, after = (
        [event.model_copy(update=same) for event in visible_events(each, DAY)[0]] for each in (case, again)
    )
    assert after == before
    assert read_case(write_case(again)) == again == read_case(write_case(again, is_json=True), is_json=True)


def test_it_stays_to_be_seen_in_the_dossier() -> None:
    rows = {row.id: row for row in prepare_dossier(withdrawn(CASE, "l1"), folder=None, as_of=DAY).events}
    assert rows["l1"].corrected_by == "withdrawal-2024-05-02-1"
    assert rows["withdrawal-2024-05-02-1"].content["reason"] == "entered for another patient"


@pytest.mark.parametrize(
    ("event", "says"),
    [
        ({"kind": "withdrawal", "reason": "x"}, "names the event that it takes back"),
        ({"kind": "withdrawal", "corrects": "nobody", "reason": "x"}, "is not an event of this case"),
        ({"kind": "clinic", "corrects": "w"}, "is of kind labs, this event is clinic"),
        ({"kind": "withdrawal", "corrects": "w", "reason": "x"}, "an event that corrects it undoes it"),
        ({"kind": "withdrawal", "corrects": "l1", "reason": "x", "bilirubin": "3 umol/L"}, "unknown key 'bilirubin'"),
    ],
)
def test_a_withdrawal_that_cannot_be_is_refused(event: dict[str, str], says: str) -> None:
    case = grown(CASE, {"kind": "withdrawal", "id": "w", "date": "2024-05-02", "corrects": "l1", "reason": "x"})
    with pytest.raises(BadInput) as refused:
        grown(case, {"date": "2024-05-02", **event})
    assert any(says in problem.message for problem in refused.value.problems), refused.value.problems


def test_what_cannot_be_taken_back_or_undone_says_why() -> None:
    gone = withdrawn(CASE, "l1")
    name = gone.events[-1].id
    again = grown(gone, restated(gone, name))
    for act, says in (
        (lambda: withdrawal_of(CASE, "nobody", "x"), "no such event"),
        (lambda: withdrawal_of(CASE, "l1", "  "), "needs a reason"),
        (lambda: withdrawal_of(gone, "l1", "x"), "withdrawn already"),
        (lambda: withdrawal_of(gone, name, "x"), "a withdrawal itself"),
        (lambda: withdrawal_of(again, "l1", "x"), "withdrawn already"),
        (lambda: restated(gone, "l1"), "withdrawn already"),
        (lambda: restated(gone, "l0"), "no withdrawal"),
        (lambda: restated(again, name), "undone already"),
    ):
        with pytest.raises(BadInput, match=says):
            act()
    corrected = grown(CASE, {"kind": "clinic", "date": "2024-05-02", "ecog": 1, "corrects": "c1"})
    with pytest.raises(BadInput, match="corrected already"):
        withdrawal_of(corrected, "c1", "x")
