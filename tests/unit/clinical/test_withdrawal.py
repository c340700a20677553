"""An event that was withdrawn is as if it had never been there, from the moment of its withdrawal on; before that, and when it is undone, it counts."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.strategies import cases, days, moments

from liverboard.board.prepare import prepare_dossier
from liverboard.clinical.case_file import read_case, write_case
from liverboard.clinical.case_withdraw import undoing_of, withdrawal_of
from liverboard.clinical.derive_timeline import moment, origin_of, replaced_by, standing_withdrawals, visible_events
from liverboard.clinical.events import Case, Withdrawal
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


def undone(case: Case, recorded: str | None = None) -> Case:
    return grown(case, undoing_of(case, case.events[-1].id), recorded)


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
    again = undone(case, "2024-07-01")
    assert [bilirubin(again, known_at=dt.date(2024, month, 15)) for month in (5, 6, 7)] == [40.0, 9.0, 40.0]
    twice = withdrawn(again, "l1", "2024-08-01")
    assert bilirubin(twice) == 9.0
    assert bilirubin(undone(twice, "2024-09-01")) == 40.0


def test_an_event_of_the_old_kind_undoes_a_withdrawal_too() -> None:
    """As case files of before say it: everything again, as a correction of the withdrawal."""
    case = withdrawn(CASE, "l1", "2024-06-01")
    said = {"kind": "labs", "date": "2024-05-02", "bilirubin": "40 umol/L", "corrects": case.events[-1].id}
    again = grown(case, said, "2024-07-01")
    assert [bilirubin(again, known_at=dt.date(2024, month, 15)) for month in (5, 6, 7)] == [40.0, 9.0, 40.0]
    assert bilirubin(withdrawn(again, again.events[-1].id, "2024-08-01")) == 9.0


def test_a_corrected_event_is_withdrawn_with_all_that_it_ever_said() -> None:
    """The correction moved it to a later day: no day in between sees the first word either."""
    case = grown(CASE, {"kind": "labs", "id": "l2", "date": "2024-05-20", "bilirubin": "41 umol/L", "corrects": "l1"})
    assert bilirubin(case, dt.date(2024, 5, 10)) == 40.0
    gone = withdrawn(case, "l2")
    days = dt.date(2024, 5, 10), dt.date(2024, 5, 20), DAY
    assert [bilirubin(gone, day) for day in days] == [9.0] * 3
    assert [bilirubin(undone(gone), day) for day in days] == [40.0, 41.0, 41.0]


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
    again = undone(gone)
    assert read_case(write_case(again)) == again == read_case(write_case(again, is_json=True), is_json=True)


W, U = (
    dt.date(2101, 1, 1),
    dt.date(2102, 1, 1),
)  # when it is withdrawn and when that is undone: after all else was entered


def turning_days(case: Case) -> list[dt.date]:
    """Days between which nothing is seen to change but ages."""
    return sorted({event.date + dt.timedelta(days=step) for event in case.events for step in (-1, 0)})


@given(cases(max_events=8), days, moments, st.data())
def test_undone_it_is_as_if_it_had_never_been_withdrawn_on_every_day(case: Case, as_of: dt.date, known_at: dt.date, data: st.DataObject) -> None:  # fmt: skip
    """Corrections of corrections among them, that move an event to other days, and several of one event."""
    replaced = replaced_by(case.events)
    free = [event.id for event in case.events if event.id not in replaced]
    assume(free)
    chosen = data.draw(st.sampled_from(free))
    gone = withdrawn(case, chosen, W.isoformat())
    again = undone(gone, U.isoformat())
    target = {event.id: event.corrects for event in case.events}
    family = {name for name in target if origin_of(name, target) == origin_of(chosen, target)}
    for day in turning_days(case):
        for known in (None, U, known_at):
            assert visible_events(again, day, known) == visible_events(case, day, known)
        assert visible_events(again, day, W) == visible_events(gone, day, None)
        assert not family & {event.id for event in visible_events(again, day, W)[0]}
        assert not standing_withdrawals(again, day)
    for known in (None, U, known_at):
        assert facts_of(again, as_of, known) == facts_of(case, as_of, known)
    assert replaced_by(again.events).items() - replaced.items() == {(gone.events[-1].id, again.events[-1].id)}


def dossier_is_that_of_before(case: Case, as_of: dt.date, data: st.DataObject) -> None:
    replaced = replaced_by(case.events)
    free = [event.id for event in case.events if event.id not in replaced]
    assume(free)
    again = undone(withdrawn(case, data.draw(st.sampled_from(free)), W.isoformat()), U.isoformat())
    assert prepare_dossier(again, folder=None, as_of=as_of) == prepare_dossier(case, folder=None, as_of=as_of)


on_any_case = given(cases(max_events=8), days, st.data())
test_undone_its_dossier_is_that_of_before = settings(max_examples=5)(on_any_case(dossier_is_that_of_before))
test_undone_its_dossier_is_that_of_before_on_many_cases = pytest.mark.slow(on_any_case(dossier_is_that_of_before))


@given(cases(max_events=6), days, st.none() | moments, st.data())
def test_an_undoing_without_its_withdrawal_takes_nothing_back(case: Case, as_of: dt.date, known_at: dt.date | None, data: st.DataObject) -> None:  # fmt: skip
    """Files written by hand: either may be dated, or entered, after the other, and be seen without it."""
    replaced = replaced_by(case.events)
    free = [event.id for event in case.events if event.id not in replaced]
    assume(free)
    chosen = data.draw(st.sampled_from(free))
    withdrawal, undoing = (
        Withdrawal(id=name, kind="withdrawal", date=data.draw(days), corrects=of, reason=why, recorded=data.draw(st.none() | moments))
        for name, of, why in (("w", chosen, "of another patient"), ("u", "w", None))
    )  # fmt: skip
    gone = case.model_copy(update={"events": (*case.events, withdrawal)})
    again = gone.model_copy(update={"events": (*gone.events, undoing)})
    for day in (*turning_days(again), as_of):
        limit = None if known_at is None else moment(known_at)
        entered = limit is None or undoing.recorded is None or moment(undoing.recorded) <= limit
        seen = case if entered and undoing.date <= day else gone
        assert visible_events(again, day, known_at) == visible_events(seen, day, known_at)
        assert standing_withdrawals(again, day, known_at) == standing_withdrawals(seen, day, known_at)


@given(st.lists(st.tuples(st.sampled_from(["correct", "withdraw and undo"]), st.integers(0, 40)), max_size=8), days)
def test_a_chain_that_was_withdrawn_and_undone_between_is_that_of_its_corrections(steps: list[tuple[str, int]], as_of: dt.date) -> None:  # fmt: skip
    case = never = CASE
    last = "l1"
    for number, (step, days_on) in enumerate(steps):
        moment = (dt.date(2024, 6, 1) + dt.timedelta(days=number)).isoformat()
        if step == "correct":
            date = dt.date(2024, 4, 20) + dt.timedelta(days=days_on)
            said = {"id": f"x{number}", "kind": "labs", "date": date.isoformat(), "bilirubin": f"{10 + number} umol/L"}
            said |= {"corrects": last}
            case, never, last = grown(case, said, moment), grown(never, said, moment), str(said["id"])
        else:
            case = undone(withdrawn(case, last, moment), moment)
    for day in (*turning_days(case), as_of):
        assert visible_events(case, day) == visible_events(never, day)
        for number in range(len(steps)):
            known = dt.date(2024, 6, 1) + dt.timedelta(days=number)
            assert visible_events(case, day, known) == visible_events(never, day, known)


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
        ({"kind": "withdrawal", "corrects": "u", "reason": "x"}, "'u' undoes a withdrawal"),
        ({"kind": "labs", "corrects": "u"}, "'u' undoes a withdrawal"),
        ({"kind": "withdrawal", "id": "v", "corrects": "v", "reason": "x"}, "'v' undoes a withdrawal"),
        ({"kind": "withdrawal", "corrects": "l1", "reason": "x", "bilirubin": "3 umol/L"}, "unknown key 'bilirubin'"),
    ],
)
def test_a_withdrawal_that_cannot_be_is_refused(event: dict[str, str], says: str) -> None:
    case = grown(CASE, {"kind": "withdrawal", "id": "w", "date": "2024-05-02", "corrects": "l1", "reason": "x"})
    case = grown(case, {"kind": "withdrawal", "id": "u", "date": "2024-05-02", "corrects": "w"})
    with pytest.raises(BadInput) as refused:
        grown(case, {"date": "2024-05-02", **event})
    assert any(says in problem.message for problem in refused.value.problems), refused.value.problems


def test_what_cannot_be_taken_back_or_undone_says_why() -> None:
    gone = withdrawn(CASE, "l1")
    name = gone.events[-1].id
    again = undone(gone)
    undoing = again.events[-1].id
    for act, says in (
        (lambda: withdrawal_of(CASE, "nobody", "x"), "no such event"),
        (lambda: withdrawal_of(CASE, "l1", "  "), "needs a reason"),
        (lambda: withdrawal_of(gone, "l1", "x"), "withdrawn already"),
        (lambda: withdrawal_of(gone, name, "x"), "a withdrawal itself"),
        (lambda: withdrawal_of(again, undoing, "x"), "a withdrawal itself"),
        (lambda: undoing_of(gone, "l1"), "withdrawn already"),
        (lambda: undoing_of(gone, "l0"), "no withdrawal"),
        (lambda: undoing_of(again, name), "undone already"),
        (lambda: undoing_of(again, undoing), "undoes a withdrawal"),
    ):
        with pytest.raises(BadInput, match=says):
            act()
    corrected = grown(CASE, {"kind": "clinic", "date": "2024-05-02", "ecog": 1, "corrects": "c1"})
    with pytest.raises(BadInput, match="corrected already"):
        withdrawal_of(corrected, "c1", "x")
