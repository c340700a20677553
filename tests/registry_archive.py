"""Writes the archived store of the version that is current: `python -m tests.registry_archive`. Run it once at a release; never write over an archive."""

from __future__ import annotations

import datetime as dt
import gzip
import shutil
import sys
import tempfile
from pathlib import Path

from tests.registry_samples import CASE, CHAIR, EDITOR, LABS, HandClock

from liverboard.registry.accounts import create_account
from liverboard.registry.backup import back_up
from liverboard.registry.cases import CaseKey, add_case, append_events, correct
from liverboard.registry.folder import make_folder
from liverboard.registry.meetings import Minutes, plan_meeting, schedule, sign_off, write_minutes
from liverboard.registry.migrate import head_revision
from liverboard.registry.permissions import CONSOLE
from liverboard.registry.store import Store

ARCHIVES = Path(__file__).parent / "archives" / "registry"


def write_archive() -> None:
    target = ARCHIVES / f"{head_revision()}.sqlite.gz"
    if target.exists():
        sys.exit(f"{target.name} is there already")
    key = CaseKey("lyon", "NELM-1")
    with tempfile.TemporaryDirectory() as place:
        folder = make_folder(Path(place) / "data", "lyon")
        store = Store.initialise(folder, HandClock())
        with store.transaction(EDITOR) as tx:
            add_case(tx, "lyon", CASE)
            add_case(tx, "lyon", CASE.model_copy(update={"case": "NELM-2"}))
            append_events(tx, key, [LABS], 1)
            correct(tx, key, "l1", {**LABS, "date": "2024-05-02"}, 2)
        with store.transaction(CHAIR) as tx:
            meeting = plan_meeting(tx, "lyon", dt.date(2025, 1, 8), "NET board")
            schedule(tx, meeting, key)
            write_minutes(tx, meeting, key, Minutes(("tae",), "tae", "It fits."), 0)
            sign_off(tx, meeting, key, 1)
        with store.transaction(CONSOLE) as tx:
            create_account(tx, "ed", "editor", "lyon")
        back_up(store, CONSOLE, Path(place) / "b.sqlite")
        target.write_bytes(gzip.compress((Path(place) / "b.sqlite").read_bytes(), mtime=0))
        shutil.copy(folder.keys / "audit.key", ARCHIVES / f"{head_revision()}.key")


if __name__ == "__main__":
    write_archive()
