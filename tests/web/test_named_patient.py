"""Text from before a study that names its patient: who sends the study and every page of the case are told where, never what, until it is corrected."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from tests.dicom_samples import ct, edit
from tests.registry_samples import CHAIR, EDITOR, LABS
from tests.web_samples import KEY, Visitor, words

from liverboard.registry.cases import append_events, case_as_known, correct
from liverboard.registry.meetings import plan_meeting, schedule
from liverboard.web.site import Site

CASE = "/cases/lyon/NELM-1"
TOLD = "This case names its patient"


@pytest.fixture
def sent(site: Site, editor: Visitor, tmp_path: Path) -> str:
    """The page of a study of Anna Zwiebelkuchen, sent after a note had her name."""
    version = case_as_known(site.store, EDITOR, KEY).version
    with site.store.transaction(EDITOR) as tx:
        append_events(tx, KEY, [{**LABS, "id": "typed", "note": "Zwiebelkuchen feels well"}], version)
    assert TOLD not in words(editor.get(CASE))

    def name(_: int, head: Any) -> None:
        head.PatientName, head.PatientID = "Zwiebelkuchen^Anna", "PID-778899"

    edit(ct(tmp_path / "sent"), name)
    parts: list[tuple[str, Any]] = [("csrf", (None, editor.csrf))]
    parts += [("files", (file.name, file.read_bytes())) for file in sorted((tmp_path / "sent").iterdir())]
    answer = editor.client.post(f"{CASE}/studies", files=parts)
    assert answer.status_code == 303, words(answer)
    return answer.headers["location"]


def test_who_sends_the_study_and_every_page_of_the_case_are_told(editor: Visitor, viewer: Visitor, sent: str) -> None:
    for path in (sent, CASE, f"{CASE}/studies", f"{CASE}/facts", f"{CASE}/events", f"{CASE}/decisions"):
        for visitor in (editor, viewer):
            page = visitor.get(path)
            assert TOLD in words(page), path
            notice = page.text.partition('class="notice wrong named"')[2].partition("</div>")[0]
            assert f'href="{CASE}/events#event-typed"' in notice and "Zwiebel" not in notice
    assert editor.json(CASE)["names_patient"] == ["event typed, field note"]
    assert TOLD not in words(editor.get("/cases/lyon/NELM-2"))


def test_the_board_is_told_on_the_page_of_the_meeting(
    site: Site, editor: Visitor, viewer: Visitor, chair: Visitor, sent: str
) -> None:
    with site.store.transaction(CHAIR) as tx:
        meeting = plan_meeting(tx, "lyon", dt.date(2025, 1, 2), "Board")
        schedule(tx, meeting, KEY)
    talk = f"/meetings/{meeting}/cases/NELM-1"
    for visitor in (chair, editor, viewer):
        page = visitor.get(talk)
        notice = page.text.partition('class="notice wrong named"')[2].partition("</div>")[0]
        assert TOLD in words(page)
        assert f'href="{CASE}/events#event-typed"' in notice and "Zwiebel" not in notice
    assert chair.json(talk)["names_patient"] == ["event typed, field note"]
    version = case_as_known(site.store, EDITOR, KEY).version
    with site.store.transaction(EDITOR) as tx:
        correct(tx, KEY, "typed", {**LABS, "note": "feels well"}, version)
    assert TOLD not in words(chair.get(talk)) and chair.json(talk)["names_patient"] == []


def test_it_is_told_no_more_and_hidden_once_it_is_corrected(site: Site, editor: Visitor, sent: str) -> None:
    before = editor.json(f"{CASE}/events")["content"]["writes"][0]["at"]
    assert "Zwiebelkuchen" in words(editor.get(f"{CASE}/events"))
    version = case_as_known(site.store, EDITOR, KEY).version
    with site.store.transaction(EDITOR) as tx:
        correct(tx, KEY, "typed", {**LABS, "note": "feels well"}, version)
    page = words(editor.get(f"{CASE}/events"))
    assert TOLD not in page and "Zwiebelkuchen" not in page and "What it said is not shown" in page
    assert editor.json(CASE)["names_patient"] == []
    past = editor.client.get(f"{CASE}/events", params={"known_at": before})
    assert "Zwiebelkuchen" in words(past)  # nothing is erased, as the help says
