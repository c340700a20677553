"""An event withdrawn on its page: the effect is shown first, a reason is asked for, it stays to be seen, and it can be undone."""

from __future__ import annotations

import datetime as dt

import pytest
from tests.registry_samples import CHAIR, EDITOR, LABS
from tests.web_samples import KEY, Visitor, words

from liverboard.clinical.facts import facts_of
from liverboard.errors import NotPermitted
from liverboard.registry.cases import append_events, case_as_known, correct
from liverboard.web.site import Site

CASE = "/cases/lyon/NELM-1"
PAGE = f"{CASE}/events/withdraw"


def version(site: Site) -> int:
    return case_as_known(site.store, EDITOR, KEY).version


def test_an_event_is_withdrawn_with_a_reason_and_that_is_undone(site: Site, editor: Visitor) -> None:
    assert f'{PAGE}?event=d1"' in editor.get(f"{CASE}/events").text.replace("&amp;", "&")
    shown = editor.get(PAGE, params={"event": "d1"})
    assert "What this changes" in words(shown) and "Ki-67" in words(shown)
    moved = editor.client.get(PAGE, params={"event": "d1"}, headers={"accept": "application/json"}).json()
    assert {fact["fact"]: fact["after"] for fact in moved["effect"]["facts"]}["ki67_percent"] == "not known"
    done = editor.post(PAGE, {"event": "d1", "version": "1", "reason": "entered for another patient"})
    assert done.status_code == 303
    page = words(editor.get(done.headers["location"]))
    assert "The event is withdrawn" in page and "withdrawn by event withdrawal-2023-03-14-1" in page
    assert "entered for another patient" in page and "Withdraws event d1" in page and "Undo it" in page
    assert "not known" in words(editor.get(f"{CASE}/facts"))
    undo = {"event": "withdrawal-2023-03-14-1"}
    assert "Let it count again" in words(editor.get(PAGE, params=undo))
    assert editor.post(PAGE, {**undo, "version": "2"}).status_code == 303
    page = words(editor.get(f"{CASE}/events"))
    assert "Undoes the withdrawal" in page and "Undone by event withdrawal-2023-03-14-2" in page
    assert "Undo it" not in page
    assert "not known" not in words(editor.get(f"{CASE}/facts")).partition("Ki-67")[2][:40]
    found = facts_of(case_as_known(site.store, EDITOR, KEY).case, dt.date(2025, 1, 1)).facts["ki67_percent"]
    assert (found.value, found.event) == (4, "d1")
    assert f'{PAGE}?event=d1"' in editor.get(f"{CASE}/events").text  # it may be withdrawn again, the undoing not
    refused = editor.get(PAGE, params={"event": "withdrawal-2023-03-14-2"})
    assert refused.status_code == 400 and "undoes a withdrawal" in words(refused)


def test_the_case_as_it_was_known_still_shows_it(site: Site, editor: Visitor) -> None:
    before = case_as_known(site.store, EDITOR, KEY).entered[0].at
    editor.post(PAGE, {"event": "d1", "version": "1", "reason": "entered for another patient"})
    then = editor.get(f"{CASE}/events", params={"known_at": before.isoformat()})
    assert "withdrawal" not in words(then).lower() and "4 %" in words(then)
    assert editor.get(PAGE, params={"event": "l1", "known_at": before.isoformat()}).status_code == 403


@pytest.mark.parametrize(
    ("fields", "status", "says"),
    [
        ({"reason": " "}, 400, "needs a reason"),
        ({"reason": "was Mrs Zwiebel, tel 06 12 34 56 78"}, 400, "seems to stand"),
        ({"event": "nobody", "reason": "x"}, 400, "no such event"),
        ({"version": "7", "reason": "as typed"}, 409, "as typed"),
    ],
)
def test_what_cannot_be_kept_says_why_and_keeps_nothing(site: Site, editor: Visitor, fields: dict[str, str], status: int, says: str) -> None:  # fmt: skip
    response = editor.post(PAGE, {"event": "d1", "version": "1", **fields})
    assert response.status_code == status and says in words(response), words(response)
    assert version(site) == 1


def test_twice_corrected_and_others_changes(site: Site, editor: Visitor, viewer: Visitor) -> None:
    first = {"event": "l1", "version": "1", "reason": "not hers"}
    assert viewer.get(PAGE, params={"event": "l1"}).status_code == 403 == viewer.post(PAGE, first).status_code
    assert editor.post(PAGE, first).status_code == 303
    again = editor.post(PAGE, {**first, "version": "2"})
    assert again.status_code == 400 and "withdrawn already" in words(again)
    assert editor.get(f"{CASE}/events/new", params={"corrects": "l1"}).status_code == 400
    assert "is undone, not corrected" in words(
        editor.get(f"{CASE}/events/new", params={"corrects": "withdrawal-2024-05-02-1"})
    )
    assert version(site) == 2


def test_a_decision_is_withdrawn_by_who_may_sign_one(site: Site, editor: Visitor, chair: Visitor) -> None:
    with site.store.transaction(CHAIR) as tx:
        board = {"id": "b1", "kind": "board", "date": "2024-07-01", "chosen": "tae", "reason": "x"}
        append_events(tx, KEY, [board, LABS], 1)
    sent = {"event": "b1", "version": "2", "reason": "signed under another case"}
    assert editor.post(PAGE, sent).status_code == 403 and version(site) == 2
    with pytest.raises(NotPermitted, match="sign decisions"), site.store.transaction(EDITOR) as tx:
        correct(tx, KEY, "b1", {**board, "chosen": "surveillance"}, 2)
    with pytest.raises(NotPermitted, match="sign decisions"), site.store.transaction(EDITOR) as tx:
        append_events(tx, KEY, [{**board, "id": "b2", "corrects": "b1"}], 2)
    assert version(site) == 2
    assert "=b1" not in editor.get(f"{CASE}/events").text
    assert "=b1" in chair.get(f"{CASE}/events").text
    assert editor.get(PAGE, params={"event": "b1"}).status_code == 403
    assert editor.get(f"{CASE}/events/new", params={"corrects": "b1"}).status_code == 403
    assert chair.post(PAGE, sent).status_code == 303
    assert "tae" not in words(editor.get(f"{CASE}/decisions")).lower().split("decisions")[-1].split()
    undo = {"event": "withdrawal-2024-07-01-1", "version": "3"}
    assert "Undo it" in words(chair.get(f"{CASE}/events")) and "Undo it" not in words(editor.get(f"{CASE}/events"))
    assert editor.get(PAGE, params=undo).status_code == 403 == editor.post(PAGE, undo).status_code
    for added in ({"kind": "board", "date": "2024-09-01", "corrects": undo["event"]}, {"kind": "withdrawal", "date": "2024-07-01", "corrects": undo["event"]}):  # fmt: skip
        with pytest.raises(NotPermitted, match="sign decisions"), site.store.transaction(EDITOR) as tx:
            append_events(tx, KEY, [added], 3)
    assert chair.post(PAGE, undo).status_code == 303
    kept = editor.json(f"{CASE}/decisions")["content"]["decisions"]
    assert [(decision["id"], decision["chosen"]) for decision in kept] == [("b1", "tae")]


def test_a_second_decision_of_a_day_is_set_by_who_may_sign_one(site: Site, editor: Visitor, chair: Visitor) -> None:
    """It would count instead of the first. On another day an editor enters the decision of an earlier board."""
    typed = {"kind": "board", "date": "2024-07-01", "chosen": "tae", "reason": "as the letter says", "version": "1"}
    shown = editor.client.post(f"{CASE}/events/new", data={**typed, "do": "preview", "csrf": editor.csrf}, headers={"accept": "application/json"}).json()  # fmt: skip
    assert editor.post(f"{CASE}/events/new", {**typed, "do": "save", "seal": shown["seal"]}).status_code == 303
    other = {**typed, "chosen": "surveillance", "version": "2"}
    refused = editor.post(f"{CASE}/events/new", {**other, "do": "preview"})
    assert refused.status_code == 403 and "sign decisions" in words(refused) and "as the letter says" in refused.text
    assert chair.post(f"{CASE}/events/new", {**other, "do": "preview"}).status_code == 200
    assert editor.post(f"{CASE}/events/new", {**other, "date": "2024-07-02", "do": "preview"}).status_code == 200
