"""Meetings: from the backlog to a signed decision and the follow-up list, and what is refused on the way."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import delete, exc, select, update
from tests.registry_samples import CASE, CHAIR, EDITOR, MANAGER, STRANGER, VIEWER

from liverboard.clinical.derive_timeline import visible_events
from liverboard.errors import BadInput, MissingData, NotPermitted, UserError
from liverboard.registry.cases import (
    CaseKey,
    Conflict,
    add_case,
    append_events,
    case_as_known,
    correct,
    list_cases,
    undo_withdrawal,
    withdraw,
)
from liverboard.registry.follow_up import NoSuchAction, finish_action, follow_up
from liverboard.registry.hand_out import facts_table
from liverboard.registry.meetings import (
    Action,
    Attendee,
    Minutes,
    NoSuchMeeting,
    Sight,
    attend,
    close_meeting,
    list_meetings,
    order_agenda,
    plan_meeting,
    read_agenda,
    schedule,
    sign_off,
    unschedule,
    write_minutes,
)
from liverboard.registry.schema import actions, decisions
from liverboard.registry.store import Store, Transaction
from liverboard.registry.verify import verify

A, B = CaseKey("lyon", "NELM-1"), CaseKey("lyon", "NELM-2")
DAY = dt.date(2025, 1, 8)
MINUTES = Minutes(
    considered=("tae", "ctace", "lu177_dotatate"),
    chosen="ctace",
    reason="Progression under lanreotide.",
    deviation="Bilirubin is borderline.",
    dissent="Nuclear medicine prefers PRRT.",
    follow_up_on=dt.date(2025, 4, 1),
    actions=(Action("SSTR PET", "nuclear medicine", dt.date(2025, 2, 1)), Action("Letter")),
)


@pytest.fixture
def meeting(store: Store) -> int:
    with store.transaction(EDITOR) as tx:
        for key in (A, B):
            add_case(tx, "lyon", CASE.model_copy(update={"case": key.case}))
        number = plan_meeting(tx, "lyon", DAY, "NET board")
        schedule(tx, number, A)
        schedule(tx, number, B)
        schedule(tx, number, B)
    return number


def states(store: Store) -> list[str]:
    return [line.state for line in list_cases(store, VIEWER)]


def test_a_whole_meeting(store: Store, meeting: int) -> None:
    assert states(store) == ["scheduled", "scheduled"]
    with store.transaction(EDITOR) as tx:
        order_agenda(tx, meeting, [B, A])
        attend(tx, meeting, [Attendee("radiology", "RD"), Attendee("surgery", "SU"), Attendee("radiology", "RD")])
        assert write_minutes(tx, meeting, A, Minutes(considered=("tae",)), 0) == 1
        assert write_minutes(tx, meeting, A, MINUTES, 1) == 2
    sight = Sight("2026.1", {"ctace": ("fits", "A rule."), "other": (None, "")})
    with store.transaction(CHAIR) as tx:
        sign_off(tx, meeting, A, 2, sight)
        close_meeting(tx, meeting)

    agenda = read_agenda(store, VIEWER, meeting)
    assert agenda.meeting.state == "held"
    assert [item.case.key for item in agenda.items] == [B, A]
    assert agenda.attendance == (Attendee("radiology", "RD"), Attendee("surgery", "SU"))
    decision = agenda.items[1].decision
    assert (decision.signed_by, decision.version) == ("chair", 2)
    assert decision.sight == replace(sight, present=agenda.attendance)
    assert agenda.items[0].decision.sight is None
    assert decision.minutes.dissent == MINUTES.dissent
    assert [(a.what, a.owner, a.due) for a in decision.minutes.actions] == [(a.what, a.owner, a.due) for a in MINUTES.actions]  # fmt: skip
    assert states(store) == ["follow_up", "prepared"]  # the one without a decision waits for another meeting

    event = case_as_known(store, VIEWER, A).case.events[-1]
    assert (event.kind, event.date) == ("board", DAY)
    assert event.model_dump(mode="json", exclude_none=True) | {"id": "", "recorded": ""} == {
        "id": "",
        "kind": "board",
        "date": "2025-01-08",
        "recorded": "",
        "considered": ["tae", "ctace", "lu177_dotatate"],
        "chosen": "ctace",
        "reason": "Progression under lanreotide. Deviation from the rules: Bilirubin is borderline.",
        "dissent": "Nuclear medicine prefers PRRT.",
        "actions": [{"what": "SSTR PET", "owner": "nuclear medicine", "due": "2025-02-01"}, {"what": "Letter"}],
    }
    with store.read() as connection:
        assert verify(connection, store.audit_key).faults == ()


def test_the_follow_up_list_feeds_the_next_agenda(store: Store, meeting: int) -> None:
    with store.transaction(CHAIR) as tx:
        write_minutes(tx, meeting, A, MINUTES, 0)
    assert follow_up(store, VIEWER, dt.date(2026, 1, 1)) == ((), ())  # a draft binds nobody
    with store.transaction(CHAIR) as tx:
        sign_off(tx, meeting, A, 1)
    with store.transaction(EDITOR) as tx:
        write_minutes(tx, meeting, B, MINUTES, 0)
        drafted = max(tx.connection.scalars(select(actions.c.id)))
    for number in (999, drafted):  # none, and one that binds nobody yet
        with pytest.raises(NoSuchAction), store.transaction(EDITOR) as tx:
            finish_action(tx, "lyon", number)
    due, todo = follow_up(store, VIEWER, dt.date(2025, 4, 1))
    assert [line.key for line in due] == [A]
    assert [entry.action.what for entry in todo] == ["SSTR PET", "Letter"]
    assert follow_up(store, VIEWER, dt.date(2025, 3, 31))[0] == ()
    assert follow_up(store, STRANGER, dt.date(2026, 1, 1)) == ((), ())
    with store.transaction(EDITOR) as tx:
        finish_action(tx, "lyon", todo[0].action.id or 0)
        finish_action(tx, "lyon", todo[0].action.id or 0)
        later = plan_meeting(tx, "lyon", dt.date(2025, 4, 2), "NET board")
        schedule(tx, later, A)
    due, todo = follow_up(store, VIEWER, dt.date(2025, 4, 1))
    assert due == () and [entry.action.what for entry in todo] == ["Letter"]
    done = read_agenda(store, VIEWER, meeting).items[0].decision.minutes.actions[0]
    assert done.done_by == "ed" and done.done is not None
    assert [m.date for m in list_meetings(store, VIEWER)] == [dt.date(2025, 4, 2), DAY]


def test_two_who_take_minutes_do_not_overwrite_each_other(store: Store, meeting: int) -> None:
    with store.transaction(EDITOR) as tx:
        write_minutes(tx, meeting, A, MINUTES, 0)
    for seen in (0, 2):
        with pytest.raises(Conflict, match="by ed"), store.transaction(CHAIR) as tx:
            write_minutes(tx, meeting, A, Minutes(chosen="tae"), seen)
    with pytest.raises(Conflict), store.transaction(CHAIR) as tx:
        sign_off(tx, meeting, A, 0)  # what the chair has not seen, the chair does not sign


def test_what_is_signed_is_frozen(store: Store, meeting: int) -> None:
    with store.transaction(CHAIR) as tx:
        write_minutes(tx, meeting, A, MINUTES, 0)
        sign_off(tx, meeting, A, 1)
    for act in (
        lambda tx: write_minutes(tx, meeting, A, MINUTES, 1),
        lambda tx: sign_off(tx, meeting, A, 1),
        lambda tx: unschedule(tx, meeting, A),
    ):
        with pytest.raises(UserError, match=r"frozen|minutes were taken"), store.transaction(CHAIR) as tx:
            act(tx)
    for statement in (update(decisions).values(reason="other"), delete(decisions)):
        with pytest.raises(exc.DatabaseError, match=r"frozen|append-only"), store.engine.begin() as connection:
            connection.execute(statement)


def test_what_is_signed_is_changed_in_no_other_way_by_who_may_not_sign(store: Store, meeting: int) -> None:  # fmt: skip
    with store.transaction(CHAIR) as tx:
        write_minutes(tx, meeting, A, MINUTES, 0)
        sign_off(tx, meeting, A, 1)
    signed = case_as_known(store, CHAIR, A).case.events[-1]
    gone = {"id": "w", "kind": "withdrawal", "date": signed.date.isoformat(), "reason": "of another patient"}
    other = {
        "kind": "board",
        "date": DAY.isoformat(),
        "chosen": "surveillance",
        "reason": "x",
        "recorded": "2020-01-01",
    }

    def refused(*ways: Callable[[Transaction], object]) -> None:
        for by in (EDITOR, MANAGER):
            for way in ways:
                with pytest.raises(NotPermitted, match="sign decisions"), store.transaction(by) as tx:
                    way(tx)

    refused(
        lambda tx: correct(tx, A, signed.id, other, 2),
        lambda tx: correct(tx, A, signed.id, gone, 2),
        lambda tx: withdraw(tx, A, signed.id, "x", 2),
        lambda tx: append_events(tx, A, [{**other, "corrects": signed.id}], 2),
        lambda tx: append_events(tx, A, [{**other, "corrects": signed.id}], 2, keep_recorded=True),
        lambda tx: append_events(tx, A, [{**gone, "corrects": signed.id}], 2, keep_recorded=True),
        lambda tx: append_events(tx, A, [other], 2),  # beside it, on its day
        lambda tx: append_events(tx, A, [other], 2, keep_recorded=True),
        lambda tx: append_events(tx, A, [{**other, "id": "x", "date": "2024-01-01"}, {**other, "corrects": "x"}], 2),
    )
    for by in (EDITOR, CHAIR):
        with pytest.raises(BadInput, match="given twice"), store.transaction(by) as tx:
            append_events(tx, A, [{**other, "id": signed.id}], 2)
    with store.transaction(CHAIR) as tx:
        close_meeting(tx, meeting)
        again = plan_meeting(
            tx, "lyon", DAY, "NET board"
        )  # a second meeting of the day: its own minutes, its own signature
        schedule(tx, again, A)
    with store.transaction(EDITOR) as tx:
        write_minutes(tx, again, A, MINUTES, 0)
    with pytest.raises(NotPermitted, match="sign decisions"), store.transaction(EDITOR) as tx:
        sign_off(tx, again, A, 1)
    assert case_as_known(store, CHAIR, A).case.events[-1] == signed
    with store.transaction(CHAIR) as tx:
        append_events(tx, A, [{**gone, "corrects": signed.id}], 2)
    refused(
        lambda tx: undo_withdrawal(tx, A, "w", 3),
        lambda tx: correct(tx, A, "w", {**other, "date": "2025-03-01"}, 3),
        lambda tx: correct(tx, A, "w", {"kind": "withdrawal", "date": DAY.isoformat()}, 3),
        lambda tx: correct(tx, A, signed.id, {**other, "date": "2025-03-01"}, 3),
    )
    with store.transaction(CHAIR) as tx:
        undo_withdrawal(tx, A, "w", 3)
    case = case_as_known(store, CHAIR, A).case
    assert signed in visible_events(case, DAY)[0]
    assert facts_table(store, MANAGER, "board")["chosen"].to_list() == ["ctace"]
    refused(lambda tx: correct(tx, A, signed.id, other, 4), lambda tx: withdraw(tx, A, signed.id, "x", 4))
    with store.read() as connection:
        assert verify(connection, store.audit_key).faults == ()


def test_a_closed_meeting_stays_as_it_is(store: Store, meeting: int) -> None:
    with store.transaction(CHAIR) as tx:
        close_meeting(tx, meeting)
    for act in (
        lambda tx: schedule(tx, meeting, A),
        lambda tx: unschedule(tx, meeting, A),
        lambda tx: order_agenda(tx, meeting, [A, B]),
        lambda tx: attend(tx, meeting, []),
        lambda tx: write_minutes(tx, meeting, A, MINUTES, 0),
        lambda tx: close_meeting(tx, meeting),
    ):
        with pytest.raises(BadInput, match="closed"), store.transaction(CHAIR) as tx:
            act(tx)


@pytest.mark.parametrize(
    "wrong",
    [
        Minutes(chosen="magic"),
        Minutes(considered=("tae", "magic")),
        Minutes(reason="x" * 4001),
        Minutes(reason="x" * 3990, deviation="y" * 20),
        Minutes(follow_up_on=dt.date(2025, 1, 7)),
        Minutes(actions=(Action(""),)),
    ],
)
def test_minutes_that_could_not_be_signed_are_refused_at_once(store: Store, meeting: int, wrong: Minutes) -> None:
    with pytest.raises(BadInput), store.transaction(CHAIR) as tx:
        write_minutes(tx, meeting, A, wrong, 0)


@pytest.mark.parametrize("unfinished", [Minutes(), Minutes(chosen="tae"), Minutes(reason="why"), None])
def test_a_decision_without_choice_and_reason_is_not_signed(
    store: Store, meeting: int, unfinished: Minutes | None
) -> None:
    with pytest.raises(BadInput, match="reason"), store.transaction(CHAIR) as tx:
        version = 0 if unfinished is None else write_minutes(tx, meeting, A, unfinished, 0)
        sign_off(tx, meeting, A, version)


def test_the_order_is_of_the_cases_that_are_there(store: Store, meeting: int) -> None:
    for keys in ([A], [A, A], [A, B, CaseKey("lyon", "X")]):
        with pytest.raises(Conflict), store.transaction(EDITOR) as tx:
            order_agenda(tx, meeting, keys)
    with store.transaction(EDITOR) as tx:
        unschedule(tx, meeting, A)
    assert states(store) == ["prepared", "scheduled"]
    with pytest.raises(MissingData, match="agenda"), store.transaction(EDITOR) as tx:
        write_minutes(tx, meeting, A, MINUTES, 0)


def test_only_the_chair_signs_and_only_their_centre_sees(store: Store, meeting: int) -> None:
    with store.transaction(EDITOR) as tx:
        write_minutes(tx, meeting, A, MINUTES, 0)
    for act in (lambda tx: sign_off(tx, meeting, A, 1), lambda tx: close_meeting(tx, meeting)):
        with pytest.raises(NotPermitted, match="sign"), store.transaction(EDITOR) as tx:
            act(tx)
    for act in (
        lambda tx: sign_off(tx, meeting, A, 1),
        lambda tx: write_minutes(tx, meeting, A, MINUTES, 1),
        lambda tx: schedule(tx, meeting, CaseKey("paris", "NELM-1")),
        lambda tx: attend(tx, meeting, []),
        lambda tx: plan_meeting(tx, "lyon", DAY, "x"),
        lambda tx: finish_action(tx, "lyon", 1),
    ):
        with pytest.raises(NotPermitted, match="another centre"), store.transaction(STRANGER) as tx:
            act(tx)
    with pytest.raises(NotPermitted):
        read_agenda(store, STRANGER, meeting)
    with pytest.raises(NoSuchMeeting):
        read_agenda(store, VIEWER, 99)
    assert list_meetings(store, STRANGER) == ()
    with pytest.raises(NotPermitted), store.transaction(VIEWER) as tx:
        write_minutes(tx, meeting, A, MINUTES, 1)


def test_two_who_write_down_who_is_there_lose_nobody(store: Store, meeting: int) -> None:
    first, second, third, late = (Attendee("surgery", name) for name in ("A", "B", "C", "D"))
    with store.transaction(EDITOR) as tx:
        attend(tx, meeting, [first, second])
    with store.transaction(CHAIR) as tx:  # both opened the page now
        attend(tx, meeting, [first, second, third], [first, second])
    with store.transaction(EDITOR) as tx:
        attend(tx, meeting, [second, late], [first, second])
    assert read_agenda(store, VIEWER, meeting).attendance == (second, third, late)


def test_who_was_there_when_it_was_signed_stays_with_the_decision(store: Store, meeting: int) -> None:
    there, late = Attendee("surgery", "A"), Attendee("pathology", "B")
    with store.transaction(CHAIR) as tx:
        attend(tx, meeting, [there])
        write_minutes(tx, meeting, A, MINUTES, 0)
        sign_off(tx, meeting, A, 1, Sight("2026.1", {}))
    with store.transaction(EDITOR) as tx:
        attend(tx, meeting, [late])
    agenda = read_agenda(store, VIEWER, meeting)
    assert agenda.attendance == (late,)
    assert [each.decision.sight and each.decision.sight.present for each in agenda.items] == [(there,), None]


def test_no_patient_stands_in_a_title_or_among_those_who_attend(store: Store) -> None:
    with pytest.raises(BadInput, match="name of a person seems to stand in the title"), store.transaction(CHAIR) as tx:
        plan_meeting(tx, "lyon", DAY, "Board on Mrs Dupont")
    with store.transaction(CHAIR) as tx:
        meeting = plan_meeting(tx, "lyon", DAY, "Board")
        attend(tx, meeting, [Attendee("pathology", "Mrs Martin")])
    with pytest.raises(BadInput, match="telephone number seems to stand"), store.transaction(CHAIR) as tx:
        attend(tx, meeting, [Attendee("pathology", "06 12 34 56 78")])


def test_a_form_that_was_sent_twice_plans_one_meeting(store: Store) -> None:
    with store.transaction(CHAIR) as tx:
        first, other = plan_meeting(tx, "lyon", DAY, "Board"), plan_meeting(tx, "lyon", DAY, "Liver board")
    with store.transaction(CHAIR) as tx:
        assert plan_meeting(tx, "lyon", DAY, " Board ") == first != other
        close_meeting(tx, first)
        assert plan_meeting(tx, "lyon", DAY, "Board") not in {first, other}
