"""A database that goes away or has no room: every page says so in a sentence, keeps nothing in part, and works again when the database does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.registry_samples import CASE, EDITOR, VIEWER, Postgres, SmallDisk, postgres
from tests.web_samples import LOGINS, PASSWORD, Visitor, words

from liverboard.registry.accounts import create_account, log_in, set_password
from liverboard.registry.backup import verify_store
from liverboard.registry.cases import CaseKey, add_case, case_as_known
from liverboard.registry.folder import make_folder
from liverboard.registry.permissions import CONSOLE
from liverboard.registry.store import Store
from liverboard.web.site import Site

__all__ = ["postgres"]
KEY = CaseKey("lyon", "NELM-1")
WITHDRAW = {"event": "d1", "version": "1", "reason": "entered for another patient"}
PAGES = ("/agenda", "/cases", "/cases/lyon/NELM-1", "/cases/lyon/NELM-1/events", "/meetings", "/cohort", "/account")


@pytest.fixture
def disk() -> Iterator[SmallDisk]:
    made = SmallDisk(32)
    yield made
    made.unmount()


@pytest.fixture
def on_disk(disk: SmallDisk, postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A site whose tables lie on the small disk."""
    store = Store.initialise(make_folder(tmp_path / "data", "lyon", url=postgres.database(disk.folder)))
    with store.transaction(CONSOLE) as tx:
        link = create_account(tx, "ed", "editor", "lyon")
    set_password(store, link, PASSWORD)
    monkeypatch.setitem(LOGINS, "ed", log_in(store, "ed", PASSWORD))
    with store.transaction(EDITOR) as tx:
        add_case(tx, "lyon", CASE)
    yield Site(store)
    store.close()
    postgres.drop(store.folder.url)


def test_pages_say_that_the_database_is_gone_and_go_on_when_it_is_back(on_disk: Site, postgres: Postgres) -> None:
    visitor = Visitor(on_disk, "ed")
    assert visitor.get("/cases").status_code == 200
    postgres.stop()
    try:
        for path in PAGES:
            page = visitor.get(path)
            assert page.status_code == 503 and "cannot be reached" in words(page), (path, page.status_code)
            assert "SELECT" not in page.text and "NELM" not in page.text.replace(path, "")
        assert visitor.post("/cases/lyon/NELM-1/events/withdraw", WITHDRAW).status_code == 503
        told = visitor.client.get("/cases", headers={"accept": "application/json"})
        assert told.status_code == 503 and "cannot be reached" in told.json()["message"]
    finally:
        postgres.start()
    assert case_as_known(on_disk.store, VIEWER, KEY).version == 1
    for path in PAGES:
        assert visitor.get(path).status_code == 200, path
    assert visitor.post("/cases/lyon/NELM-1/events/withdraw", WITHDRAW).status_code == 303
    assert verify_store(on_disk.store, CONSOLE).faults == ()


def test_pages_say_that_the_disk_is_full_and_go_on_when_it_has_room(on_disk: Site, disk: SmallDisk) -> None:
    visitor = Visitor(on_disk, "ed")
    disk.fill(0)
    answers = []
    for number in range(3000):
        page = visitor.post("/cases/lyon/NELM-1/header", {"version": str(1 + number), "question": f"And {number}? " + "why " * 400})  # fmt: skip
        answers.append(page.status_code)
        if page.status_code != 303:
            break
    assert answers[-1] == 503 and "no room left on its disk" in words(page), (answers[-3:], words(page)[:300])
    disk.empty()
    stored = case_as_known(on_disk.store, VIEWER, KEY)
    assert stored.version == len(answers)  # what was answered by a redirect is there, and the refused one is not
    kept = CASE.question if len(answers) == 1 else f"And {len(answers) - 2}?"
    assert (stored.case.question or "").startswith(kept or "")
    assert visitor.get("/cases/lyon/NELM-1").status_code == 200
    assert verify_store(on_disk.store, CONSOLE).faults == ()
