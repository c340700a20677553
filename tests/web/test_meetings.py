"""Agenda and meetings as a board works with them: from the backlog to signed minutes on paper, and what is refused on the way."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace
from html import unescape
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.registry_samples import CASE, EDITOR, HandClock
from tests.web_samples import KEY, Visitor, words

from liverboard.board.minutes import choice_of
from liverboard.options.policy import packaged
from liverboard.options.weigh import weigh_case
from liverboard.registry.cases import CaseKey, add_case, append_events, case_as_known, set_state
from liverboard.registry.meetings import plan_meeting, read_agenda, schedule
from liverboard.registry.permissions import Actor
from liverboard.web.prepared import weigh
from liverboard.web.routes.discussion import minutes_of_form
from liverboard.web.seen import PAGE_ONE
from liverboard.web.site import Site
from liverboard.web.tongue import say

READER = Actor("chair", "chair", "lyon")
OTHER = CaseKey("lyon", "NELM-2")
TYPED = {
    "considered": ["ctace", "lu177_dotatate"],
    "chosen": "ctace",
    "reason": "Progression under lanreotide.",
    "deviation": "Grade is awaited.",
    "dissent": "Nuclear medicine prefers PRRT.",
    "action-0-what": "SSTR PET",
    "action-0-owner": "nuclear medicine",
}


@pytest.fixture
def meeting(site: Site, clock: HandClock) -> int:
    """With two cases, today."""
    with site.store.transaction(EDITOR) as tx:
        add_case(tx, "lyon", CASE.model_copy(update={"case": OTHER.case}))
        number = plan_meeting(tx, "lyon", site.today(), "NET board")
        schedule(tx, number, KEY)
        schedule(tx, number, OTHER)
    return number


def page_of(meeting: int, case: str = KEY.case) -> str:
    return f"/meetings/{meeting}/cases/{case}"


def fields(visitor: Visitor, path: str, **typed: Any) -> dict[str, Any]:
    """The form as the page gives it out, and what a person types."""
    found = visitor.json(path)
    return {"version": found["version"], "case_version": found["case_version"], **TYPED, **typed}


def decision(site: Site, meeting: int) -> Any:
    return read_agenda(site.store, READER, meeting).items[0].decision


# --- the agenda ----------------------------------------------------------------------------------------------------------------------------------------


def test_the_agenda_says_what_a_case_lacks_and_whom_to_ask(editor: Visitor) -> None:
    page = editor.get("/agenda?whole=1")
    found = editor.json("/agenda?whole=1")["cases"][0]
    assert page.status_code == 200
    assert found["case"] == KEY.case
    assert 0 < found["known"] < found["asked"]
    assert found["missing"]
    assert found["missing"][0]["label"] in words(page)
    assert found["missing"][0]["who"] in words(page)


def test_a_case_comes_onto_a_meeting_from_the_agenda(editor: Visitor, site: Site) -> None:
    planned = editor.post("/meetings", {"date": "2030-05-06", "title": "Board of May"})
    number = planned.headers["location"].split("?")[0].split("/")[-1]
    assert editor.post("/agenda/cases", {"case": KEY.case, "act": "prepared"}).status_code == 303
    assert editor.json("/agenda")["states"] == {"prepared": 1}
    assert editor.post("/agenda/cases", {"case": KEY.case, "act": "schedule", "meeting": number}).status_code == 303
    assert [item["line"]["case"] for item in editor.json(f"/meetings/{number}")["items"]] == [KEY.case]
    assert editor.json("/agenda")["states"] == {"scheduled": 1}


@pytest.mark.parametrize("sent", [{"date": "0001-01-01"}, {"date": "9999-12-31"}, {"date": "soon"}, {"title": " "}])
def test_a_meeting_has_a_day_that_can_be_and_a_title(editor: Visitor, sent: dict[str, str]) -> None:
    assert editor.post("/meetings", {"date": "2025-05-06", "title": "Board", **sent}).status_code == 400
    assert editor.json("/meetings")["meetings"] == []


@pytest.mark.parametrize(
    "sent",
    [
        {"act": "prepared"},
        {"case": KEY.case, "act": "schedule", "meeting": "none"},
        {"case": KEY.case, "act": "burn"},
        {"case": "NELM-404", "act": "prepared"},
        {"case": KEY.case, "act": "schedule", "meeting": "404"},
    ],
)
def test_what_cannot_be_done_is_told_and_changes_nothing(editor: Visitor, sent: dict[str, str]) -> None:
    assert editor.post("/agenda/cases", sent).status_code in {400, 404}
    assert editor.json("/agenda")["states"] == {"backlog": 1}


def test_cases_beyond_the_patience_of_a_page_are_told_as_not_looked_through(
    editor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("liverboard.web.routes.agenda.PATIENCE_S", 0.0)
    assert "not looked through yet" in words(editor.get("/agenda"))
    assert "not looked through yet" not in words(editor.get("/agenda?whole=1"))
    assert "not looked through yet" not in words(editor.get("/agenda"))  # it is in memory now


def test_cases_are_moved_and_taken_off(editor: Visitor, meeting: int) -> None:
    def names() -> list[str]:
        return [item["line"]["case"] for item in editor.json(f"/meetings/{meeting}")["items"]]

    seen = names()
    editor.post(f"/meetings/{meeting}/order", {"order": seen, "down": seen[0]})
    assert names() == seen[::-1]
    editor.post(f"/meetings/{meeting}/order", {"order": names(), "off": seen[0]})
    assert names() == [seen[1]]
    assert editor.post(f"/meetings/{meeting}/order", {"order": seen, "down": seen[0]}).status_code == 409


def test_who_attends_is_kept_by_specialty(editor: Visitor, meeting: int) -> None:
    sent = {"specialty-0": "pathology", "person-0": "A. B.", "specialty-1": "", "person-1": ""}
    assert editor.post(f"/meetings/{meeting}/attendance", sent).status_code == 303
    assert editor.json(f"/meetings/{meeting}")["attendance"] == [{"specialty": "pathology", "person": "A. B."}]


def test_two_who_write_down_who_is_there_lose_nobody(editor: Visitor, chair: Visitor, meeting: int) -> None:
    path = f"/meetings/{meeting}/attendance"
    row = {"specialty-0": "pathology", "person-0": "A. B."}
    editor.post(path, row)
    there = re.findall('name="there" value="([^"]*)"', unescape(chair.get(f"/meetings/{meeting}").text))
    chair.post(path, {**row, "there": there, "specialty-1": "radiology", "person-1": "C. D."})
    editor.post(
        path, {"there": there, "specialty-0": "pathology", "person-0": "A. Bell"}
    )  # seen before the chair wrote
    found = editor.json(f"/meetings/{meeting}")["attendance"]
    assert [each["person"] for each in found] == ["A. Bell", "C. D."]


def test_a_specialty_is_offered_and_kept_whatever_the_language(editor: Visitor, chair: Visitor, meeting: int) -> None:
    path = f"/meetings/{meeting}/attendance"
    chair.client.cookies.set("language", "fr")
    assert '<option value="anatomopathologie">' in chair.get(f"/meetings/{meeting}").text
    row = {"specialty-0": "anatomopathologie", "person-0": "A. B.", "specialty-1": "surgery", "person-1": "C. D."}
    assert chair.post(path, row).status_code == 303
    found = [each["specialty"] for each in editor.json(f"/meetings/{meeting}")["attendance"]]
    assert found == ["pathology", "surgery"]
    shown = re.findall('name="specialty-[01]"[^>]* value="([^"]*)"', chair.get(f"/meetings/{meeting}").text)
    assert shown == ["anatomopathologie", "surgery"]  # what somebody typed of their own stays as it is


# --- meeting mode --------------------------------------------------------------------------------------------------------------------------------------


def test_the_pages_of_a_meeting_follow_each_other(viewer: Visitor, meeting: int) -> None:
    first, last = viewer.json(page_of(meeting)), viewer.json(page_of(meeting, OTHER.case))
    assert (first["before"], first["after"]) == (None, page_of(meeting, OTHER.case))
    assert (last["before"], last["after"]) == (page_of(meeting), None)
    assert 'rel="next"' in viewer.get(page_of(meeting)).text


def test_the_next_patient_is_made_ready_meanwhile(viewer: Visitor, site: Site, meeting: int) -> None:
    made = ("sections", OTHER, 1, site.today(), PAGE_ONE)
    assert not site.pages.holds(made)
    viewer.get(page_of(meeting))
    assert site.pages.holds(made)


def test_every_option_stands_with_its_verdict(editor: Visitor, meeting: int) -> None:
    found = editor.json(page_of(meeting))
    assert len(found["options"]) == 17
    assert all(each["verdict"] for each in found["options"])
    page = words(editor.get(page_of(meeting)))
    assert all(each["name"] in page for each in found["options"])


def test_a_french_board_reads_every_option_in_french(viewer: Visitor, editor: Visitor, meeting: int) -> None:
    path = page_of(meeting)
    for reader in (viewer, editor):
        reader.client.cookies.set("language", "fr")
    found = editor.json(path)["options"]
    page = unescape(words(editor.get(path)))
    minutes = page[page.index("Compte rendu") :]
    for each in found:
        assert say("fr", each["name"]) in minutes
        assert " ".join(say("fr", each["why"]).split()) in minutes
    assert "Liver resection" not in editor.get(path).text


def test_minutes_are_kept_as_they_are_typed(editor: Visitor, meeting: int) -> None:
    path = page_of(meeting)
    assert editor.post(path, fields(editor, path)).status_code == 303
    found = editor.json(path)
    assert found["version"] == 1
    assert [each["choice"] for each in found["minutes"]["considered"]] == TYPED["considered"]
    assert found["minutes"]["reason"] == TYPED["reason"]
    assert [a["what"] for a in found["minutes"]["actions"]] == ["SSTR PET"]
    assert "lu177 dotatate" in words(editor.get(path))  # a drug that was named is a row of the table


def test_what_was_chosen_was_considered(editor: Visitor, meeting: int) -> None:
    path = page_of(meeting)
    editor.post(path, fields(editor, path, considered=["tae"], chosen="prrt"))
    assert [each["choice"] for each in editor.json(path)["minutes"]["considered"]] == ["tae", "prrt"]


def test_a_draft_is_kept_while_one_writes(editor: Visitor, meeting: int) -> None:
    path = page_of(meeting)
    sent = fields(editor, path)
    first = editor.post(f"{path}/draft", sent)
    assert (first.status_code, first.headers["x-part"]) == (200, "kept")
    assert 'name="version" value="1"' in first.text
    assert 'name="version" value="1"' in editor.post(f"{path}/draft", sent).text  # the same again is no conflict


def test_a_conflict_is_told_and_what_was_typed_stays(editor: Visitor, chair: Visitor, meeting: int) -> None:
    path = page_of(meeting)
    sent = fields(editor, path)
    chair.post(path, fields(chair, path, reason="The chair was quicker."))
    part = editor.post(f"{path}/draft", {**sent, "reason": "Mine."})
    assert part.status_code == 409
    assert "changed by chair" in words(part)
    whole = editor.post(path, {**sent, "reason": "Mine."})
    assert whole.status_code == 409
    assert "The chair was quicker." in words(whole)
    assert "Mine.</textarea>" in whole.text
    assert chair.json(path)["minutes"]["reason"] == "The chair was quicker."
    assert editor.post(path, {**sent, "reason": "Mine.", "over": "1"}).status_code == 303
    assert chair.json(path)["minutes"]["reason"] == "Mine."


@pytest.mark.parametrize(
    "typed",
    [
        {"action-0-what": ""},
        {"follow_up_on": "soon"},
        {"follow_up_on": "1999-01-01"},
        {"chosen": "prayer"},
        {"reason": "x" * 5000},
        {"reason": "Call a.b@example.org"},
    ],
)
def test_minutes_that_cannot_be_kept_are_told_with_what_was_typed(
    editor: Visitor, site: Site, meeting: int, typed: dict[str, str]
) -> None:
    path = page_of(meeting)
    response = editor.post(path, fields(editor, path, **typed))
    assert response.status_code == 400
    assert TYPED["dissent"] in response.text
    assert decision(site, meeting).version == 0


@given(
    st.dictionaries(
        st.sampled_from(
            ["considered", "also", "chosen", "reason", "deviation", "dissent", "follow_up_on", "action-0-what",
             "action-0-owner", "action-7-due", "action-999-what", "action-x-what"]
        ),
        st.text(max_size=30) | st.sampled_from(["tae", "tae\nctace", "2025-02-03", "2025-02-30", " ", "\r\n"]),
    )
)  # fmt: skip
def test_whatever_a_form_holds_is_read_or_told(form: dict[str, str]) -> None:
    minutes, wrong = minutes_of_form(form)
    assert all(minutes.considered)
    assert minutes.chosen is None or minutes.chosen in minutes.considered
    assert all(
        text is None or text == text.strip() != "" for text in (minutes.reason, minutes.deviation, minutes.dissent)
    )
    told = [form[name] for name in ("follow_up_on", "action-7-due") if form.get(name, "").strip()]
    kept = [minutes.follow_up_on, *(action.due for action in minutes.actions)]
    assert len([day for day in kept if day is not None]) + len([w for w in wrong if "day" in w]) == len(told)


def test_a_text_is_never_markup(editor: Visitor, meeting: int) -> None:
    path, evil = page_of(meeting), "<script>alert(1)</script>"
    editor.post(path, fields(editor, path, reason=evil, dissent=evil, deviation=evil, **{"action-0-what": evil}))
    for shown in (path, f"/meetings/{meeting}/minutes"):
        assert "<script>alert" not in editor.get(shown).text


# --- the signature -------------------------------------------------------------------------------------------------------------------------------------


def test_the_chair_signs_and_it_freezes(editor: Visitor, chair: Visitor, site: Site, meeting: int) -> None:
    path = page_of(meeting)
    assert chair.post(f"{path}/sign", fields(chair, path)).status_code == 303
    assert decision(site, meeting).signed_by == "chair"
    event = case_as_known(site.store, READER, KEY).case.events[-1]
    assert (event.kind, getattr(event, "chosen", None)) == ("board", "ctace")
    for visitor in (editor, chair):
        for where in (path, f"{path}/draft"):
            late = visitor.post(where, {**TYPED, "version": 1, "case_version": 2, "reason": "Later."})
            assert late.status_code == 409
            assert "signed by chair" in words(late)
    assert decision(site, meeting).minutes.reason == TYPED["reason"]
    assert "<textarea" not in chair.get(path).text


def test_a_case_tells_its_signed_decisions_from_those_that_were_typed(editor: Visitor, chair: Visitor, site: Site, meeting: int, clock: HandClock) -> None:  # fmt: skip
    path = page_of(meeting)
    chair.post(f"{path}/sign", fields(chair, path))
    clock.pass_(minutes=1)
    version = case_as_known(site.store, READER, KEY).version
    with site.store.transaction(EDITOR) as tx:
        append_events(tx, KEY, [{"kind": "board", "date": "2019-05-01", "chosen": "tae"}], version)
    signed, entered = editor.json("/cases/lyon/NELM-1/decisions")["content"]["decisions"]
    assert (signed["signed_by"], entered["entered_by"]) == ("chair", "ed")
    assert "signed by chair" in words(editor.get("/cases/lyon/NELM-1/decisions"))


def test_who_is_no_chair_does_not_sign(editor: Visitor, viewer: Visitor, site: Site, meeting: int) -> None:
    path = page_of(meeting)
    assert f"{path}/sign" not in editor.get(path).text
    assert editor.post(f"{path}/sign", fields(editor, path)).status_code == 403
    assert viewer.post(path, fields(viewer, path)).status_code == 403
    assert "<textarea" not in viewer.get(path).text
    assert decision(site, meeting).version == 0


def test_against_the_rules_one_signs_with_a_reason_only(chair: Visitor, site: Site, meeting: int) -> None:
    path = page_of(meeting)
    against = next(
        each["choice"]
        for each in chair.json(path)["options"]
        if each["verdict"] in {"excluded", "not_indicated", "cannot_tell"}
    )
    refused = chair.post(f"{path}/sign", fields(chair, path, chosen=against, deviation=""))
    assert refused.status_code == 400
    assert "no reason for that is written" in words(refused)
    assert decision(site, meeting).signed is None
    assert chair.post(f"{path}/sign", fields(chair, path, chosen=against)).status_code == 303


def test_nobody_signs_on_a_case_that_changed_under_the_pen(chair: Visitor, site: Site, meeting: int) -> None:
    path = page_of(meeting)
    sent = fields(chair, path)
    with site.store.transaction(EDITOR) as tx:
        append_events(tx, KEY, [{"kind": "labs", "date": "2024-05-02", "inr": 1}], 1)
    refused = chair.post(f"{path}/sign", sent)
    assert refused.status_code == 409
    assert "the case was changed" in words(refused)
    assert decision(site, meeting).signed is None
    assert chair.post(f"{path}/sign", fields(chair, path)).status_code == 303


def test_nothing_chosen_is_not_signed(chair: Visitor, meeting: int) -> None:
    path = page_of(meeting)
    assert chair.post(f"{path}/sign", fields(chair, path, chosen="")).status_code == 400


# --- afterwards ----------------------------------------------------------------------------------------------------------------------------------------


def test_minutes_as_page_data_and_paper(chair: Visitor, viewer: Visitor, meeting: int) -> None:
    path = page_of(meeting)
    chair.post(f"{path}/sign", fields(chair, path))
    page, data = viewer.get(f"/meetings/{meeting}/minutes"), viewer.json(f"/meetings/{meeting}/minutes")
    for said in ("Conventional TACE", TYPED["reason"], TYPED["deviation"], TYPED["dissent"], "Signed by chair", "No decision was taken."):  # fmt: skip
        assert said in words(page), said
    assert [c["signed_by"] for c in data["cases"]] == ["chair", None]
    paper = viewer.get(f"/meetings/{meeting}/minutes.pdf")
    assert paper.headers["content-type"] == "application/pdf"
    assert paper.content.startswith(b"%PDF")


def test_signed_minutes_show_the_verdicts_that_the_board_saw(
    chair: Visitor, site: Site, clock: HandClock, meeting: int
) -> None:
    path = page_of(meeting)
    chair.post(f"{path}/sign", fields(chair, path))
    before = chair.json(f"/meetings/{meeting}/minutes")["cases"][0]
    clock.pass_(minutes=10)
    with site.store.transaction(EDITOR) as tx:
        append_events(tx, KEY, [{"kind": "imaging", "date": "2024-12-02", "modality": "CT", "portal_vein": "main"}], 2)
    now = case_as_known(site.store, READER, KEY).case
    assert choice_of(weigh_case(now, site.today(), packaged()), "ctace").model_dump() != before["chosen"]
    assert chair.json(f"/meetings/{meeting}/minutes")["cases"][0] == before


def test_signed_minutes_keep_who_was_there(editor: Visitor, chair: Visitor, meeting: int) -> None:
    editor.post(f"/meetings/{meeting}/attendance", {"specialty-0": "pathology", "person-0": "A. B."})
    chair.post(f"{page_of(meeting)}/sign", fields(chair, page_of(meeting)))
    path = f"/meetings/{meeting}/minutes"
    assert "There when it was signed" not in words(editor.get(path))
    late = {"specialty-0": "radiology", "person-0": "C. D.", "there": "pathology\tA. B."}
    editor.post(f"/meetings/{meeting}/attendance", late)
    assert editor.json(path)["cases"][0]["present"] == [{"specialty": "pathology", "people": ["A. B."]}]
    assert "There when it was signed: pathology ( A. B. )." in words(editor.get(path))


def test_newer_rules_change_no_signed_minutes(
    chair: Visitor, meeting: int, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = page_of(meeting)
    chair.post(f"{path}/sign", fields(chair, path))
    before = chair.json(f"/meetings/{meeting}/minutes")["cases"][0]
    sight = decision(site, meeting).sight
    assert sight.rules == before["rules"]
    assert set(sight.verdicts) == set(TYPED["considered"])

    def newer(_site: Site, stored: Any, day: dt.date | None = None) -> Any:
        found = weigh(stored.case, day or site.today())
        changed = tuple(each.model_copy(update={"verdict": "excluded"}) for each in found.options.options)
        options = found.options.model_copy(update={"options": changed, "knowledge_version": "2099.1"})
        return replace(found, options=options)

    monkeypatch.setattr("liverboard.web.seen.weighed", newer)
    after = chair.json(f"/meetings/{meeting}/minutes")["cases"]
    assert after[0] == before
    assert after[1]["rules"] == "2099.1"


def test_a_closed_meeting_stays_as_it_is(chair: Visitor, editor: Visitor, site: Site, meeting: int) -> None:
    path = page_of(meeting)
    chair.post(f"{path}/sign", fields(chair, path))
    assert editor.post(f"/meetings/{meeting}/close", {"sure": "yes"}).status_code == 403
    assert chair.post(f"/meetings/{meeting}/close").status_code == 400
    assert chair.post(f"/meetings/{meeting}/close", {"sure": "yes"}).status_code == 303
    assert editor.post(f"/meetings/{meeting}/attendance", {"person-0": "A", "specialty-0": "B"}).status_code == 400
    late = editor.post(page_of(meeting, OTHER.case), {**TYPED, "version": 0})
    assert late.status_code == 400
    assert "closed" in words(late)
    assert editor.json("/agenda")["states"] == {"discussed": 1, "prepared": 1}


def test_follow_up_feeds_the_next_agenda(chair: Visitor, editor: Visitor, site: Site, meeting: int) -> None:
    path, again = page_of(meeting), (site.today() + dt.timedelta(days=20)).isoformat()
    chair.post(f"{path}/sign", fields(chair, path, follow_up_on=again))
    found = editor.json("/agenda/follow-up")
    assert [(c["case"], c["review_on"]) for c in found["cases"]] == [(KEY.case, again)]
    assert [(a["what"], a["owner"]) for a in found["actions"]] == [("SSTR PET", "nuclear medicine")]
    assert KEY.case in words(editor.get("/agenda/follow-up"))
    editor.post(f"/agenda/actions/{found['actions'][0]['id']}/done")
    next_one = editor.post("/meetings", {"date": "2030-05-06", "title": "Next"}).headers["location"].split("?")[0]
    editor.post("/agenda/cases", {"case": KEY.case, "act": "schedule", "meeting": next_one.split("/")[-1]})
    after = editor.json("/agenda/follow-up")
    assert (after["cases"], after["actions"]) == ([], [])
    assert [item["line"]["case"] for item in editor.json(next_one)["items"]] == [KEY.case]


# --- who sees it ---------------------------------------------------------------------------------------------------------------------------------------


def test_another_centre_sees_and_writes_nothing(site: Site, meeting: int) -> None:
    stranger = Visitor(site, "stranger")
    for path in (f"/meetings/{meeting}", f"/meetings/{meeting}/minutes", f"/meetings/{meeting}/minutes.pdf", page_of(meeting)):  # fmt: skip
        assert stranger.get(path).status_code == 403, path
    for path in (page_of(meeting), f"{page_of(meeting)}/draft", f"{page_of(meeting)}/sign", f"/meetings/{meeting}/close", f"/meetings/{meeting}/cases", f"/meetings/{meeting}/order", f"/meetings/{meeting}/attendance"):  # fmt: skip
        sent = {**TYPED, "version": 0, "case_version": 1, "sure": "yes", "case": KEY.case, "order": [KEY.case]}
        assert stranger.post(path, sent).status_code == 403, path
    assert stranger.json("/meetings")["meetings"] == []
    assert decision(site, meeting).version == 0


def test_a_viewer_reads_and_the_pages_offer_no_change(viewer: Visitor, site: Site, meeting: int) -> None:
    with site.store.transaction(EDITOR) as tx:
        set_state(tx, OTHER, "follow_up", site.today())
    for path in ("/agenda", "/agenda/follow-up", "/meetings", f"/meetings/{meeting}", f"/meetings/{meeting}/minutes", page_of(meeting)):  # fmt: skip
        page = viewer.get(path)
        assert page.status_code == 200
        main = page.text.split("<main")[1].split("</main>")[0]
        assert "<button" not in main.replace("<button>Show</button>", ""), path


def test_what_is_not_there_is_told(editor: Visitor, meeting: int) -> None:
    assert editor.get("/meetings/404").status_code == 404
    assert editor.get(page_of(meeting, "NELM-404")).status_code == 404
    assert editor.get("/meetings/0").status_code == 422
