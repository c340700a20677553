"""Pages of a case whose images are not read yet: they come at once, say what they do without, decide nothing on it, and come again when it is there."""

from __future__ import annotations

import datetime as dt
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from threading import enumerate as enumerate_threads
from typing import Any

import pytest
from tests.browser import launched
from tests.registry_samples import CHAIR, EDITOR
from tests.web_browser import signed_in
from tests.web_samples import Visitor, words

from liverboard.board import measure
from liverboard.board.load import open_case
from liverboard.board.prepare import FromImages, read_images
from liverboard.clinical.events import Case
from liverboard.errors import UnsupportedImage
from liverboard.registry.cases import CaseKey, add_case, case_as_known
from liverboard.registry.meetings import plan_meeting, schedule
from liverboard.registry.studies import case_folder
from liverboard.web import images
from liverboard.web.readings import Readings
from liverboard.web.site import Site

REAL = CaseKey("lyon", "DEMO-Y90")
PAGE = "/cases/lyon/DEMO-Y90"
TABS = ("", "/lesions", "/options", "/evidence", "/facts", "/response", "/plan", "/sources")
TALK = "/meetings/1/cases/DEMO-Y90"


@pytest.fixture(scope="module")
def real() -> tuple[Case, Path, FromImages]:
    """The bundled case, whose images are real, and what they say."""
    opened = open_case(None, sample="real-y90")
    case = opened.case.model_copy(update={"centre": "lyon"})
    return case, opened.folder, read_images(case, opened.folder, case.as_of or max(e.date for e in case.events))


class Held:
    """Readings that end when `go` is set: with what was read, or `wrong`."""

    def __init__(self, said: FromImages) -> None:
        self.go, self.begun, self.said = Event(), 0, said
        self.wrong: Exception | None = None

    def read(self, *_: Any) -> FromImages:
        self.begun += 1
        assert self.go.wait(60)
        if self.wrong is not None:
            raise self.wrong
        return self.said


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch, real: tuple[Case, Path, FromImages]) -> Iterator[Held]:
    made = Held(real[2])

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("images were read in a request")

    monkeypatch.setattr(images, "read_images_apart", made.read)
    monkeypatch.setattr(measure, "measure_case", never)
    yield made
    made.go.set()


@pytest.fixture
def scanned(site: Site, held: Held, real: tuple[Case, Path, FromImages]) -> Site:
    """The case on a meeting, its images not read yet."""
    with site.store.transaction(EDITOR) as tx:
        add_case(tx, "lyon", real[0])
    shutil.copytree(real[1], case_folder(site.store, REAL))
    with site.store.transaction(CHAIR) as tx:
        schedule(tx, plan_meeting(tx, "lyon", dt.date(2025, 1, 2), "Board"), REAL)
    return site


def until(so: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not so():
        assert time.monotonic() < end
        time.sleep(0.02)


def read_now(held: Held, who: Visitor) -> None:
    held.go.set()
    until(lambda: not who.json(f"{PAGE}/reading")["being_read"])


def test_pages_say_what_they_do_without_until_it_is_read(scanned: Site, held: Held) -> None:
    who = Visitor(scanned, "viewer")
    for tab in TABS:
        page = who.get(PAGE + tab)
        assert page.status_code == 200 and f'hx-get="{PAGE}/reading"' in page.text
        assert "Images of this case are being read." in words(page) and "Look again" in words(page)
        assert "Y-90 PET, 6 Feb 2024" in words(page), tab
        unread = who.json(PAGE + tab)["unread"]
        assert unread["being_read"] and unread["scans"][0]["date"] == "2024-02-06", tab
    assert who.json(f"{PAGE}/facts")["content"]["facts"]["lesion_count"]["value"] is None
    assert "Images are left out: they are being read." in who.json(PAGE)["content"]["warnings"]
    assert "No images in this case" not in who.get(PAGE).text
    told = who.get(f"{PAGE}/reading")
    assert told.json() == {"being_read": True} and "hx-refresh" not in told.headers
    read_now(held, who)
    assert who.get(f"{PAGE}/reading").headers["hx-refresh"] == "true"
    assert held.begun == 1
    for tab in TABS:
        assert "being read" not in words(who.get(PAGE + tab)) and who.json(PAGE + tab)["unread"] is None, tab
    assert who.json(f"{PAGE}/facts")["content"]["facts"]["lesion_count"]["value"] == 6
    assert "Tumor 2" in words(who.get(f"{PAGE}/lesions"))


def test_what_does_not_rest_on_images_says_nothing_of_them(scanned: Site, held: Held) -> None:
    who = Visitor(scanned, "viewer")
    for tab in ("/events", "/decisions", "/studies"):
        assert "being read" not in words(who.get(PAGE + tab)), tab
    assert who.json(f"{PAGE}/events")["unread"] is None and held.begun == 0


def test_what_if_waits_for_the_images(scanned: Site, held: Held) -> None:
    who = Visitor(scanned, "editor")
    page = who.get(f"{PAGE}/what-if")
    assert "being read" in words(page) and 'id="ecog"' not in page.text
    assert who.json(f"{PAGE}/what-if")["unread"]["being_read"]
    asked: Any = {"accept": "application/json"}
    assert who.post(f"{PAGE}/what-if", {"ecog": "3"}, headers=asked).json()["effect"]["unread"]["being_read"]
    assert "being read" in words(who.post(f"{PAGE}/what-if", {"ecog": "3"}))
    read_now(held, who)
    assert 'id="ecog"' in who.get(f"{PAGE}/what-if").text
    assert who.post(f"{PAGE}/what-if", {"ecog": "3"}, headers=asked).json()["effect"]["unread"] is None


def test_a_preview_compares_with_the_images_on_both_sides(scanned: Site, held: Held) -> None:
    who = Visitor(scanned, "editor")
    sent = {"kind": "procedure", "technique": "tae", "date": "2024-02-10", "do": "preview"}
    asked: Any = {"accept": "application/json"}

    def effect() -> Any:
        return who.post(f"{PAGE}/events/new", sent, headers=asked).json()["effect"]

    assert effect()["unread"]["being_read"]
    assert "being read" in words(who.post(f"{PAGE}/events/new", sent))
    read_now(held, who)
    found = effect()
    assert found["unread"] is None and found["facts"]
    assert not {"lesion_count", "liver_volume_ml", "tumour_volume_ml"} & {each["fact"] for each in found["facts"]}
    assert held.begun == 1  # what is not kept yet is not read for


def test_a_scan_as_it_would_be_corrected_keeps_what_its_files_measure(scanned: Site, held: Held) -> None:
    who = Visitor(scanned, "editor")
    scan = who.json(f"{PAGE}/studies")["scans"][0]["event"]
    who.get(PAGE)
    read_now(held, who)
    asked: Any = {"accept": "application/json"}
    sent = {"kind": "imaging", "corrects": scan, "date": "2024-02-05", "modality": "PET_Y90", "do": "preview"}
    found = who.post(f"{PAGE}/events/new", sent, headers=asked).json()["effect"]
    assert found["unread"] is None and "lesion_count" not in {each["fact"] for each in found["facts"]}
    found = who.post(f"{PAGE}/events/new", {**sent, "resected_segments": "2"}, headers=asked).json()["effect"]
    assert found["unread"]["problem"] == "they are read when the change is kept"
    assert not found["unread"]["being_read"] and held.begun == 1


def test_the_undoing_of_the_withdrawal_of_the_only_scan_names_it_as_unread(scanned: Site, held: Held) -> None:
    who = Visitor(scanned, "editor")
    scan = who.json(f"{PAGE}/studies")["scans"][0]["event"]
    assert who.post(f"{PAGE}/events/withdraw", {"event": scan, "reason": "of another patient", "version": "1"}).status_code == 303  # fmt: skip
    withdrawal = case_as_known(scanned.store, EDITOR, REAL).case.events[-1].id
    found = who.json(f"{PAGE}/events/withdraw?event={withdrawal}")["effect"]["unread"]
    assert [each["event"] for each in found["scans"]] == [scan] and not found["being_read"] and held.begun == 0
    assert "Images of this case are not read" in words(who.get(f"{PAGE}/events/withdraw?event={withdrawal}"))


def test_a_board_signs_nothing_that_images_may_still_move(scanned: Site, held: Held) -> None:
    chair = Visitor(scanned, "chair")
    page = chair.get(TALK)
    assert "being read" in words(page) and f"{PAGE}/reading?gently=1" in page.text and f"{TALK}/sign" not in page.text
    shown = chair.json(TALK)
    assert shown["unread"]["being_read"] and shown["case_version"] is None
    typed = {"version": "0", "chosen": "surveillance", "reason": "R.", "deviation": "D."}
    refused = chair.post(f"{TALK}/sign", {**typed, "case_version": "1"})
    assert refused.status_code == 409 and "verdicts may still move" in words(refused)
    (line,) = [each["line"] for each in chair.json("/meetings/1?whole=1")["items"]]
    assert line["unread"]["being_read"] and not line["looked"] and line["missing"] == []
    assert "its images are being read" in words(chair.get("/meetings/1?whole=1"))
    (draft,) = chair.json("/meetings/1/minutes")["cases"]
    assert draft["unread"] and "do without them" in words(chair.get("/meetings/1/minutes"))
    assert chair.get("/meetings/1/minutes.pdf").content.startswith(b"%PDF")
    read_now(held, chair)
    assert chair.get(f"{PAGE}/reading?gently=1").headers["hx-trigger"] == "images-read"
    shown = chair.json(TALK)
    assert shown["unread"] is None and f"{TALK}/sign" in chair.get(TALK).text
    stale = chair.post(f"{TALK}/sign", {**typed, "version": str(shown["version"]), "case_version": ""})
    assert stale.status_code == 409  # a page that was opened before them
    signed = {**typed, "version": str(shown["version"]), "case_version": str(shown["case_version"])}
    assert chair.post(f"{TALK}/sign", signed).status_code == 303
    assert not chair.json("/meetings/1/minutes")["cases"][0]["unread"]
    assert chair.json("/meetings/1?whole=1")["items"][0]["line"]["looked"]


def test_images_that_cannot_be_read_are_told_and_not_tried_again(scanned: Site, held: Held) -> None:
    held.wrong = UnsupportedImage("the segmentation cannot be read", hint="Send it again.")
    held.go.set()
    who = Visitor(scanned, "chair")
    until(lambda: not who.json(PAGE)["unread"]["being_read"])
    for path in (PAGE, f"{PAGE}/options", f"{PAGE}/what-if", TALK):
        told = words(who.get(path))
        assert "are not read: the segmentation cannot be read ." in told and "Look again" not in told, path
    assert who.json(PAGE)["unread"]["problem"] == "the segmentation cannot be read"
    assert "Images are left out: the segmentation cannot be read." in who.json(PAGE)["content"]["warnings"]
    assert "without its images" in words(who.get("/meetings/1?whole=1"))
    assert f"{TALK}/sign" in who.get(TALK).text  # nothing more will come
    assert held.begun == 1


def test_files_that_are_not_here_are_told(scanned: Site, held: Held) -> None:
    shutil.rmtree(case_folder(scanned.store, REAL))
    who = Visitor(scanned, "viewer")
    assert "their files are not here" in words(who.get(f"{PAGE}/options")) and held.begun == 0


def test_a_fault_of_ours_ends_the_wait_and_is_tried_again_later(
    scanned: Site, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    held.wrong = RuntimeError("a fault")
    held.go.set()
    who = Visitor(scanned, "viewer")
    until(lambda: not who.json(PAGE)["unread"]["being_read"])
    assert "something went wrong here (incident" in words(who.get(PAGE)) and held.begun == 1
    held.wrong = None
    monkeypatch.setattr(images, "_TRY_AGAIN_S", 0.0)
    until(lambda: who.json(PAGE)["unread"] is None)
    assert held.begun == 2


def test_a_disk_that_takes_nothing_ends_the_wait_too(scanned: Site, held: Held) -> None:
    (scanned.store.folder.path / "prepared").write_text("a file where the folder should be")
    who = Visitor(scanned, "viewer")
    who.get(PAGE)
    read_now(held, who)
    assert who.json(f"{PAGE}/facts")["unread"] is None and held.begun == 1


def test_many_cases_wait_for_two_readers() -> None:
    readings, go, read = Readings(), Event(), list[int]()

    def reading(number: int) -> Callable[[], None]:
        def run() -> None:
            assert go.wait(30) and number % 10, "every tenth fails"
            read.append(number)

        return run

    done = [readings.start(CaseKey("lyon", f"C-{number}"), "d", reading(number)) for number in range(40)]
    assert readings.start(CaseKey("lyon", "C-7"), "d", reading(99)) is done[7]
    assert readings.going_on(CaseKey("lyon", "C-39")) and not done[0].is_set()
    assert sum(1 for thread in enumerate_threads() if thread.name == "images") == 2
    go.set()
    assert all(each.wait(30) for each in done)
    assert sorted(read) == [number for number in range(40) if number % 10] and not readings.going_on(
        CaseKey("lyon", "C-39")
    )
    until(lambda: not any(thread.name == "images" for thread in enumerate_threads()))


@pytest.mark.slow
def test_pages_come_again_by_themselves_and_nobody_loses_what_is_typed(scanned: Site, held: Held, address: str) -> None:
    said: list[str] = []
    with launched() as browser:
        window = signed_in(browser, address, "chair")
        page, talk = window.new_page(), window.new_page()
        for each in (page, talk):
            each.on("console", lambda m: said.append(m.text) if m.type in {"error", "warning"} else None)
            each.on("pageerror", lambda e: said.append(str(e)))
        page.goto(f"{address}{PAGE}/options")
        talk.goto(f"{address}{TALK}")
        assert talk.locator("button[formaction]").count() == 0
        talk.locator("#reason").press_sequentially("Bulk")
        held.go.set()
        page.wait_for_selector("#reading", state="detached")
        assert "being read" not in page.inner_text("main")
        talk.wait_for_timeout(2500)
        assert talk.locator("#reading").count() == 1  # somebody types
        talk.keyboard.press("Escape")
        talk.wait_for_selector("#reading", state="detached")
        assert talk.input_value("#reason") == "Bulk" and talk.locator("button[formaction]").count() == 1
        assert said == []
