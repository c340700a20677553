"""What is prepared before someone asks: kept over a restart as long as it is right, never believed when it was changed, and safe to delete."""

from __future__ import annotations

import datetime as dt
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Event

import pytest
from tests.registry_samples import CASE, EDITOR, LABS
from tests.web_samples import KEY, Visitor, words

from liverboard.board.load import open_case
from liverboard.board.prepare import FromImages, read_images
from liverboard.clinical.events import Case, Imaging
from liverboard.phantom.cohort import CohortPlan, draw_people
from liverboard.phantom.cohort_story import case_of
from liverboard.registry.cases import CaseKey, add_case, append_events, case_as_known, list_cases
from liverboard.registry.changes import newest_event, written_since
from liverboard.registry.folder import open_folder
from liverboard.registry.permissions import CONSOLE
from liverboard.registry.store import Store
from liverboard.registry.studies import case_folder
from liverboard.report.view_files import View
from liverboard.web import cohort_table, images, views
from liverboard.web.ahead import Ahead
from liverboard.web.cohort_table import CohortTable
from liverboard.web.images import images_of
from liverboard.web.kept import FOLDER, Kept
from liverboard.web.measure_study import RESULT, Result
from liverboard.web.measuring import NotMeasured
from liverboard.web.read_apart import as_text, from_text
from liverboard.web.read_cohort import read_rows
from liverboard.web.site import Site
from liverboard.web.views import pictured, place_of, view_folder

REAL = CaseKey("lyon", "DEMO-Y90")
DAY = dt.date(2025, 1, 1)
TOMORROW = DAY + dt.timedelta(days=1)


@pytest.fixture(scope="module")
def real() -> tuple[Case, Path, FromImages]:
    """The bundled case, whose images are real, and what they say."""
    opened = open_case(None, sample="real-y90")
    case = opened.case.model_copy(update={"centre": "lyon"})
    return case, opened.folder, read_images(case, opened.folder, _day(case))


@pytest.fixture
def with_images(site: Site, real: tuple[Case, Path, FromImages]) -> Site:
    with site.store.transaction(EDITOR) as tx:
        add_case(tx, "lyon", real[0])
    shutil.copytree(real[1], case_folder(site.store, REAL))
    return site


def _day(case: Case) -> dt.date:
    return case.as_of or max(event.date for event in case.events)


# --- on the disk ---------------------------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def kept(site: Site) -> Kept:
    return site.kept


def files(kept: Kept) -> list[Path]:
    return sorted(file for file in (kept.folder.path / FOLDER).rglob("*") if file.is_file())


def test_what_is_kept_comes_back_and_may_be_deleted(kept: Kept) -> None:
    assert kept.read("here", "aa") is None
    kept.write("here", "aa", b"said")
    assert kept.read("here", "aa") == b"said" and kept.holds("here", "aa")
    assert kept.read("here", "ab") is None and kept.read("there", "aa") is None
    shutil.rmtree(kept.folder.path / FOLDER)
    assert kept.read("here", "aa") is None


@pytest.mark.parametrize("where", [0, 31, 32, -1])
def test_what_was_changed_is_not_believed(kept: Kept, where: int) -> None:
    kept.write("here", "aa", b"said" * 100)
    (file,) = files(kept)
    content = bytearray(file.read_bytes())
    content[where] ^= 1
    file.write_bytes(content)
    assert kept.read("here", "aa") is None
    file.write_bytes(content[:40])
    assert kept.read("here", "aa") is None


def test_what_was_moved_to_another_case_is_not_believed(kept: Kept) -> None:
    kept.write("images/lyon/A", "aa", b"of A")
    kept.write("images/lyon/B", "aa", b"of B")
    a, b = files(kept)
    shutil.copy(a, b)
    assert kept.read("images/lyon/B", "aa") is None


def test_only_the_newest_of_a_place_stay(kept: Kept) -> None:
    for number in range(6):
        kept.write("here", f"a{number}", b"said")
        time.sleep(0.01)
    assert [file.name for file in files(kept)] == ["a3", "a4", "a5"]


def test_a_disk_that_takes_nothing_stops_no_page(kept: Kept) -> None:
    (kept.folder.path / FOLDER).write_text("a file where the folder should be")
    kept.write("here", "aa", b"said")
    assert kept.read("here", "aa") is None


# --- images --------------------------------------------------------------------------------------------------------------------------------------------


def test_what_images_say_comes_back_from_text_as_it_was(real: tuple[Case, Path, FromImages]) -> None:
    found = real[2]
    back = from_text(as_text(found))
    imaging = [event for event in found.measured.case.events if isinstance(event, Imaging)]
    assert imaging and list(back.measured.case.events) == imaging
    assert (back.sirt, back.isodoses) == (found.sirt, found.isodoses)
    for part in ("extents", "pictures", "warnings", "provenance"):
        assert getattr(back.measured, part) == getattr(found.measured, part), part
    assert len(found.measured.provenance) > 1 and found.sirt is not None


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch, real: tuple[Case, Path, FromImages]) -> list[dt.date]:
    """Days on which images were read: each reading takes seconds, and here none."""
    found: list[dt.date] = []

    def read(case: Case, folder: Path, day: dt.date, stop: Event) -> FromImages:
        found.append(day)
        return real[2]

    monkeypatch.setattr(images, "read_images_apart", read)
    return found


def restarted(site: Site) -> Site:
    return Site(site.store)


def test_images_are_read_again_only_when_what_they_rest_on_changes(with_images: Site, readings: list[dt.date]) -> None:
    site = with_images

    def ask(site: Site, day: dt.date = DAY) -> FromImages:
        found = images_of(site, REAL, case_as_known(site.store, EDITOR, REAL).case, day, 30)
        assert isinstance(found, FromImages)
        return found

    first = ask(site)
    again = ask(restarted(site))
    assert (again.sirt, again.measured.extents) == (first.sirt, first.measured.extents) and len(readings) == 1
    with site.store.transaction(EDITOR) as tx:
        append_events(tx, REAL, [LABS], 1)
    ask(restarted(site))
    ask(restarted(site), TOMORROW)
    assert len(readings) == 1  # bilirubin and midnight say nothing of images
    with site.store.transaction(EDITOR) as tx:
        append_events(tx, REAL, [{"kind": "procedure", "date": "2024-12-01", "technique": "tae"}], 2)
    ask(restarted(site))
    assert len(readings) == 2
    (case_folder(site.store, REAL) / "patient_1_Y90_PET.nrrd").touch()
    ask(restarted(site))
    assert len(readings) == 3
    shutil.rmtree(site.store.folder.path / FOLDER)
    ask(restarted(site))
    assert len(readings) == 4


def test_the_page_of_a_case_shows_what_was_kept(with_images: Site, readings: list[dt.date]) -> None:
    visitor = Visitor(with_images, "viewer")
    until(lambda: visitor.json("/cases/lyon/DEMO-Y90/lesions")["unread"] is None)
    before = words(visitor.get("/cases/lyon/DEMO-Y90/lesions"))
    after = words(Visitor(restarted(with_images), "viewer").get("/cases/lyon/DEMO-Y90/lesions"))
    assert len(readings) == 1 and "Tumor 2" in after
    assert after == before


@pytest.mark.slow
def test_images_and_viewer_are_ready_before_someone_asks(with_images: Site) -> None:
    site = with_images
    case = case_as_known(site.store, EDITOR, REAL).case
    home = case_folder(site.store, REAL)
    with Ahead(site):
        end = time.monotonic() + 120
        while time.monotonic() < end and not all(
            (view_folder(home, place_of(event, home)) / "result.json").is_file() for event in pictured(case)
        ):
            time.sleep(0.2)
    assert pictured(case) and files(site.kept)
    assert isinstance(images_of(restarted(site), REAL, case, _day(case)), FromImages)


def test_a_viewer_that_is_not_made_yet_holds_no_page(with_images: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    go, made = Event(), []

    def slow(event: Imaging, home: Path, out: Path) -> None:
        made.append(event.id)
        assert go.wait(30)
        if len(made) == 1:
            raise NotMeasured("the first try goes wrong")
        out.mkdir(parents=True)
        (out / RESULT).write_text(Result(event={}, view=View()).model_dump_json())

    monkeypatch.setattr(views, "view_event", slow)
    monkeypatch.setattr(views, "WAIT_S", 0.0)
    who = Visitor(with_images, "viewer")
    address = who.get("/cases/lyon/DEMO-Y90/viewer").headers["location"]
    assert "being measured" in words(who.get(address)) and who.json(address)["making"]
    asked = who.json(address)["files"].rstrip("/")
    assert who.json(asked) == {"making": True} and len(made) == 1
    go.set()
    until(lambda: not who.json(asked)["making"])
    assert "the first try goes wrong" in words(who.get(address))
    until(lambda: not who.json(address)["making"])
    assert len(made) == 2
    assert who.get(asked).headers["hx-refresh"] == "true"


def until(so: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not so():
        assert time.monotonic() < end
        time.sleep(0.02)


# --- what was written ----------------------------------------------------------------------------------------------------------------------------------


def test_the_cases_that_were_written_to_are_told_once(site: Site) -> None:
    before = newest_event(site.store)
    assert before and written_since(site.store, before) == ()
    with site.store.transaction(EDITOR) as tx:
        add_case(tx, "lyon", CASE.model_copy(update={"case": "NELM-2"}))
        append_events(tx, KEY, [LABS], 1)
    assert written_since(site.store, before) == (CaseKey("lyon", "NELM-2"), KEY)
    assert written_since(site.store, newest_event(site.store)) == ()
    assert set(written_since(site.store, 0)) == {CaseKey("lyon", "NELM-2"), KEY}


# --- the cohort ----------------------------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def many(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """More cases than are read at once."""
    monkeypatch.setattr(cohort_table, "AT_ONCE", 5)
    with site.store.transaction(CONSOLE) as tx:
        for person in draw_people(CohortPlan(cases=12)):
            add_case(tx, "lyon", case_of(person).model_copy(update={"centre": "lyon"}))
    return site


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many cases were read each time: in this process, since another one takes seconds to start."""
    found: list[int] = []

    def here(store: Store, keys: list[CaseKey], day: dt.date, *_: object) -> Iterator[object]:
        found.append(len(keys))
        yield from read_rows(store, keys, day)

    monkeypatch.setattr(cohort_table, "read_rows", here)
    monkeypatch.setattr(cohort_table, "read_rows_apart", here)
    return found


def test_the_rows_of_a_cohort_stay_over_a_restart(many: Site, read: list[int]) -> None:
    def rows(day: dt.date = DAY) -> object:
        return CohortTable().rows(many.store, list_cases(many.store, EDITOR), day, 60)

    first = rows()
    assert rows() == first and read == [13]
    with many.store.transaction(EDITOR) as tx:
        append_events(tx, KEY, [LABS], 1)
    rows()
    assert read == [13, 1]
    rows(TOMORROW)
    assert read == [13, 1, 13]


@pytest.mark.slow
def test_the_cohort_is_read_in_a_process_of_its_own(many: Site) -> None:
    lines = list_cases(many.store, EDITOR)
    apart = CohortTable().rows(many.store, lines, DAY, 120)
    with closing(Store.open(open_folder(many.store.folder.path))) as store:
        here = [row for some in read_rows(store, [line.key for line in lines], DAY) for *_, row in some]
    assert apart == tuple(here) and len(here) == 13


def test_the_page_says_how_far_reading_is(many: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cohort_table, "WAIT_S", 0.0)
    monkeypatch.setattr(cohort_table, "read_rows_apart", lambda *_: time.sleep(0.3) or iter(()))
    page = words(Visitor(many, "viewer").get("/cohort"))
    assert "13 of 13 are left" in page
    assert Visitor(many, "viewer").json("/cohort")["waiting"] == 13
