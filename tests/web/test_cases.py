"""The list of cases and the pages of a case: what one sees, what one may, and the past."""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from tests.registry_samples import EDITOR, LABS, HandClock
from tests.web_samples import KEY, Visitor, words

from liverboard.board.prepare import FromImages, read_images
from liverboard.clinical.events import Case
from liverboard.registry.cases import append_events, correct
from liverboard.registry.studies import case_folder
from liverboard.web import images
from liverboard.web.site import Site

CASE = "/cases/lyon/NELM-1"
PAGES = ("", "/lesions", "/options", "/evidence", "/facts", "/events", "/response", "/plan", "/decisions", "/sources")


@pytest.mark.parametrize("tab", PAGES)
def test_every_page_of_a_case_is_there_and_so_is_its_data(viewer: Visitor, tab: str) -> None:
    response = viewer.get(CASE + tab)
    assert response.status_code == 200
    assert "NELM-1" in words(response)
    found = viewer.json(CASE + tab)
    assert (found["case"], found["version"], found["centre"]) == ("NELM-1", 1, "lyon")


@pytest.mark.parametrize("tab", PAGES)
def test_no_page_is_shown_to_another_centre_or_to_who_sees_no_case(site: Site, tab: str) -> None:
    for name in ("stranger", "admin"):
        assert Visitor(site, name).get(CASE + tab).status_code == 403
    assert Visitor(site, None).get(CASE + tab).status_code == 303


def test_every_link_inside_a_case_leads_somewhere(viewer: Visitor) -> None:
    import re

    pages = {CASE + tab: viewer.get(CASE + tab).text for tab in PAGES}
    for path, text in pages.items():
        for target, fragment in re.findall(r'href="([^"#]*)#([^"]+)"', text):
            there = pages.get(target or path)
            assert there is not None, target
            assert f'id="{fragment}"' in there, (path, target, fragment)


def test_an_event_of_a_text_cannot_write_into_the_page(site: Site, viewer: Visitor) -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    with site.store.transaction(EDITOR) as tx:
        append_events(tx, KEY, [{"kind": "clinic", "date": "2024-06-01", "id": "a\"'><b>", "note": evil}], 1)
    for tab in PAGES:
        assert "<script>alert" not in viewer.get(CASE + tab).text
        assert "<img src=x" not in viewer.get(CASE + tab).text


def test_the_past_is_seen_as_it_was(site: Site, viewer: Visitor, clock: HandClock) -> None:
    clock.pass_(minutes=5)
    with site.store.transaction(EDITOR) as tx:
        append_events(tx, KEY, [LABS], 1)
    clock.pass_(minutes=5)
    with site.store.transaction(EDITOR) as tx:
        correct(tx, KEY, "l1", {"kind": "labs", "date": "2024-05-02", "bilirubin": "14 umol/L"}, 2)
    events = viewer.json(f"{CASE}/events")["content"]["writes"]
    assert [w["version"] for w in events] == [3, 2, 1]
    page = words(viewer.get(f"{CASE}/events"))
    assert "Corrects event l1" in page
    assert "It no longer counts" in page
    first = viewer.get(f"{CASE}/events", params={"known_at": events[2]["at"]})
    assert "labs-2024-06-02" not in first.text
    assert "Nothing can be changed here" in words(first)
    assert "Add an event" not in words(first)
    assert f"{CASE}/facts?known_at=" in first.text
    assert viewer.get(CASE, params={"known_at": "2020-01-01T00:00:00Z"}).status_code == 404


def test_who_may_not_change_is_not_asked_to(viewer: Visitor, editor: Visitor) -> None:
    assert "Add an event" not in words(viewer.get(CASE))
    assert "Add an event" in words(editor.get(CASE))
    assert "Add a case" not in words(viewer.get("/cases"))


def test_the_list_is_filtered_and_paged(site: Site, viewer: Visitor, editor: Visitor) -> None:
    for number in range(60):
        assert editor.post("/cases/new", {"pseudonym": f"LY-{number:03}"}).status_code == 303
    assert viewer.json("/cases")["total"] == 61
    second = viewer.json("/cases?page=2")
    assert (len(second["cases"]), second["pages"]) == (11, 2)
    assert viewer.json("/cases?pseudonym=ly-00")["total"] == 10
    assert viewer.json("/cases?state=discussed")["total"] == 0
    assert 'rel="next"' in viewer.get("/cases").text
    assert viewer.get("/cases?state=nonsense&review_by=yesterday&page=99").status_code == 200
    assert Visitor(site, "stranger").json("/cases")["total"] == 0


def test_a_case_that_is_not_there(viewer: Visitor) -> None:
    assert viewer.get("/cases/lyon/NOBODY").status_code == 404
    assert viewer.get("/cases/paris/NELM-1").status_code == 403


@pytest.mark.parametrize(
    "path",
    [
        "/cases?pseudonym=%00",
        "/cases?pseudonym=%25_%5C",
        "/cases?page=0",
        "/cases/ly%00on/x",
        "/cases/lyon/%F0%9F%92%89",
        f"{CASE}?known_at=0001-01-01T00:00:00%2B14:00",
        f"{CASE}?known_at=9999-12-31T23:59:59-14:00",
        f"{CASE}?known_at=yesterday",
        f"{CASE}/nonsense",
        f"{CASE}/events/new?kind=%00",
        f"{CASE}/events/new?corrects=%00",
        f"{CASE}/events/new?kind=procedure&technique=%00",
    ],
)
def test_no_address_breaks_the_site(editor: Visitor, path: str) -> None:
    assert editor.get(path).status_code in {200, 400, 403, 404, 422}


@pytest.mark.parametrize(
    "typed",
    [
        {},
        {"kind": "labs", "rows": "99999999999", "version": "-1", "do": "rows"},
        {"kind": "labs", "date": "0000-00-00", "bilirubin": "1e999", "do": "preview"},
        {"kind": "imaging", "date": "2024-01-01", "lesions.0.id": "\ud800", "do": "preview"},
        {"kind": "imaging", "date": "9999-12-31", "lesions.2.longest": "9" * 4000, "do": "preview"},
        {"kind": "board", "date": "2024-01-01", "considered": ",,,", "actions.0.due": "x", "do": "preview"},
        {"kind": "procedure", "technique": "sirt_resin", "date": "2024-01-01", "details.injected_activity": "-1", "do": "preview"},
        {"kind": "plan", "date": "2024-01-01", "do": "preview"},
        {"kind": "labs", "date": "2024-01-01", "bilirubin": "NaN", "do": "preview"},
        {"kind": "labs", "date": "2024-01-01", "note": "a\x1b[0m\u202e", "do": "preview"},
    ],
)  # fmt: skip
def test_no_form_breaks_the_site(editor: Visitor, typed: dict[str, str]) -> None:
    clean = {name: value.encode("utf-8", "replace").decode() for name, value in typed.items()}
    assert editor.post(f"{CASE}/events/new", clean).status_code in {200, 400}


def test_images_are_read_once_until_what_they_rest_on_changes(
    site: Site, viewer: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    case_folder(site.store, KEY).mkdir(parents=True)
    read: list[int] = []

    def count(case: Case, folder: Path, day: dt.date, stop: Event) -> FromImages:
        read.append(1)
        return read_images(case, folder, day)

    def once_read(part: str) -> Any:
        end = time.monotonic() + 30
        while (found := viewer.json(f"{CASE}/{part}"))["unread"] is not None and time.monotonic() < end:
            time.sleep(0.02)
        assert found["unread"] is None
        return found["content"]

    monkeypatch.setattr(images, "read_images_apart", count)
    scan = [{"path": "scan.nii.gz", "role": "image"}]
    with site.store.transaction(EDITOR) as tx:
        append_events(tx, KEY, [{"kind": "imaging", "date": "2024-06-02", "studies": scan}], 1)
    once_read("lesions")
    with site.store.transaction(EDITOR) as tx:
        append_events(tx, KEY, [LABS], 2)
    assert viewer.json(f"{CASE}/facts")["unread"] is None  # bilirubin says nothing of images
    assert once_read("facts")["facts"]["bilirubin_umol_l"]["value"] == 13
    assert len(read) == 1
    with site.store.transaction(EDITOR) as tx:
        append_events(tx, KEY, [{"kind": "imaging", "date": "2024-06-03", "lesions": [{"id": "L1"}]}], 3)
    assert len(once_read("lesions")["extent"]["lesions"]) == 1
    assert len(read) == 2
