"""Backups are made while others write, come back whole on either database, and are refused when they were changed. Older releases are brought up to date."""

from __future__ import annotations

import gzip
import shutil
import sqlite3
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, select, text
from tests.registry_samples import CASE, CHAIR, EDITOR, LABS, VIEWER, HandClock, Postgres

from liverboard.errors import BadInput, MissingData, NotPermitted
from liverboard.registry.audit import read_heads
from liverboard.registry.backup import PASSING, back_up, keep_store_head, move, restore, verify_store
from liverboard.registry.cases import CaseKey, add_case, append_events, case_as_known, list_cases, read_cases
from liverboard.registry.folder import DataFolder, make_folder, open_folder
from liverboard.registry.migrate import head_revision
from liverboard.registry.permissions import CONSOLE
from liverboard.registry.schema import metadata
from liverboard.registry.store import Store, StoreUnavailable
from liverboard.registry.study_files import passing

KEY = CaseKey("lyon", "NELM-1")
ARCHIVES = Path(__file__).parents[2] / "archives" / "registry"


@pytest.fixture
def kept(store: Store) -> Store:
    with store.transaction(EDITOR) as tx:
        add_case(tx, "lyon", CASE)
        append_events(tx, KEY, [LABS], 1)
    return store


def content(store: Store) -> dict[str, list[tuple[object, ...]]]:
    with store.read() as connection:
        return {
            t.name: [tuple(r) for r in connection.execute(select(t).order_by(*t.primary_key))]
            for t in metadata.sorted_tables
        }


def elsewhere(store: Store, path: Path, url: str | None = None) -> DataFolder:
    """Another machine with the centre's keys and nothing else."""
    folder = make_folder(path, "lyon", url=url)
    shutil.copytree(store.folder.keys, folder.keys, dirs_exist_ok=True)
    return folder


@pytest.mark.parametrize("target", ["sqlite", "postgresql"])
def test_a_backup_comes_back_whole_on_either_database(
    kept: Store, tmp_path: Path, target: str, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("postgres").database() if target == "postgresql" else None
    before = content(kept)
    made = back_up(kept, CONSOLE, tmp_path / "b.sqlite")
    assert made.rows == sum(len(rows) for rows in before.values())
    assert (tmp_path / "b.sqlite").stat().st_mode & 0o777 == 0o600
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b.sqlite", "data"]  # no part left beside it
    folder = elsewhere(kept, tmp_path / "new", url)
    back = restore(tmp_path / "b.sqlite", folder, kept.now)
    assert (back.rows, back.head, back.lost) == (made.rows, made.head, 0)
    again = Store.open(folder, kept.now)
    after = content(again)
    assert [row for row in after.pop("audit") if row[3] != "store.restore"] == before.pop("audit")
    assert after == before
    with again.transaction(EDITOR) as tx:  # and it goes on: numbers of new rows do not clash
        assert append_events(tx, KEY, [{**LABS, "date": "2024-07-01"}], 2) == 3
        add_case(tx, "lyon", CASE.model_copy(update={"case": "NELM-2"}))
    assert verify_store(again, CONSOLE).faults == ()
    again.close()


def test_a_backup_is_one_moment_while_others_write(kept: Store, tmp_path: Path) -> None:
    stop = threading.Event()

    def write() -> None:
        number = 10
        while not stop.wait(0.01):
            number += 1
            with kept.transaction(EDITOR) as tx:
                add_case(tx, "lyon", CASE.model_copy(update={"case": f"W-{number}"}))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(3):
            back_up(kept, CONSOLE, tmp_path / f"{number}.sqlite")
    finally:
        stop.set()
        writer.join()
    for number in range(3):
        folder = elsewhere(kept, tmp_path / f"n{number}")
        restore(tmp_path / f"{number}.sqlite", folder, kept.now)
        assert verify_store(Store.open(folder), CONSOLE).faults == ()
    heads = read_heads(kept.folder.heads)
    assert verify_store(kept, CONSOLE, heads).faults == ()
    assert len(heads) == 3


def test_a_head_kept_elsewhere_shows_a_store_put_back(kept: Store, tmp_path: Path) -> None:
    back_up(kept, CONSOLE, tmp_path / "b.sqlite")
    with kept.transaction(EDITOR) as tx:
        append_events(tx, KEY, [{**LABS, "date": "2024-07-01"}], 2)
    head = keep_store_head(kept, CONSOLE)
    folder = elsewhere(kept, tmp_path / "new")
    restore(tmp_path / "b.sqlite", folder, kept.now)
    assert verify_store(Store.open(folder), CONSOLE).faults == ()
    assert verify_store(Store.open(folder), CONSOLE, [head]).faults


def test_what_a_restore_loses_is_said_and_its_heads_stay(kept: Store, tmp_path: Path) -> None:
    back_up(kept, CONSOLE, tmp_path / "b.sqlite")
    with kept.transaction(EDITOR) as tx:
        append_events(tx, KEY, [{**LABS, "date": "2024-07-01"}], 2)
    keep_store_head(kept, CONSOLE)
    folder = elsewhere(kept, tmp_path / "new")
    shutil.copy(kept.folder.heads, folder.heads)
    assert restore(tmp_path / "b.sqlite", folder, kept.now).lost == 2  # the backup's own line, and the append
    assert verify_store(Store.open(folder), CONSOLE).faults == ()
    (old,) = folder.path.glob("heads-before-restore-*.jsonl")
    assert read_heads(old) == read_heads(kept.folder.heads)


def test_a_changed_backup_is_refused_and_nothing_is_made(kept: Store, tmp_path: Path) -> None:
    back_up(kept, CONSOLE, tmp_path / "b.sqlite")
    engine = create_engine(f"sqlite:///{tmp_path / 'b.sqlite'}")
    with engine.begin() as connection:
        connection.execute(text("DROP TRIGGER events_no_update"))
        connection.execute(text("UPDATE events SET content = replace(content, '12', '13')"))
    engine.dispose()
    folder = elsewhere(kept, tmp_path / "new")
    with pytest.raises(BadInput, match="not as it was written") as caught:
        restore(tmp_path / "b.sqlite", folder)
    assert caught.value.problems
    assert sorted(p.name for p in folder.path.iterdir()) == ["config.yaml", "keys", "studies"]


def test_what_is_no_backup_or_has_no_place_is_refused(kept: Store, tmp_path: Path) -> None:
    folder = elsewhere(kept, tmp_path / "new")
    (tmp_path / "text").write_text("not a database, but long enough to be looked at as one" * 100)
    (tmp_path / "empty").touch()
    for name in ("text", "empty"):
        with pytest.raises(BadInput, match="no backup"):
            restore(tmp_path / name, folder)
    with pytest.raises(MissingData, match="no such file"):
        restore(tmp_path / "none", folder)
    back_up(kept, CONSOLE, tmp_path / "b.sqlite")
    with pytest.raises(BadInput, match="already"):
        back_up(kept, CONSOLE, tmp_path / "b.sqlite")
    with pytest.raises(BadInput, match="tables in this database already"):
        restore(tmp_path / "b.sqlite", kept.folder)
    with pytest.raises(BadInput, match="cannot be written"):
        back_up(kept, CONSOLE, tmp_path / "nowhere" / "b.sqlite")
    other = make_folder(tmp_path / "other", "lyon")
    (other.keys / "audit.key").write_text("5a" * 32)
    with pytest.raises(BadInput, match="audit key is another"):
        restore(tmp_path / "b.sqlite", other)
    (other.keys / "audit.key").unlink()
    with pytest.raises(MissingData, match="key is not there"):
        restore(tmp_path / "b.sqlite", other)


def test_who_may_not_keep_the_store_does_not(kept: Store, tmp_path: Path) -> None:
    for act in (lambda: back_up(kept, CHAIR, tmp_path / "b"), lambda: move(kept, CHAIR, "sqlite:///x"), lambda: verify_store(kept, VIEWER)):  # fmt: skip
        with pytest.raises(NotPermitted):
            act()


def test_a_store_moves_to_postgresql(postgres: Postgres, tmp_path: Path, clock: HandClock) -> None:
    folder = make_folder(tmp_path / "data", "lyon")
    store = Store.initialise(folder, clock)
    with store.transaction(EDITOR) as tx:
        add_case(tx, "lyon", CASE)
    case = case_as_known(store, VIEWER, KEY)
    move(store, CONSOLE, postgres.database())
    assert not (tmp_path / "data" / "registry.sqlite").exists()
    assert (tmp_path / "data" / "registry.sqlite.moved").exists()
    moved = Store.open(open_folder(tmp_path / "data"), clock)
    assert moved.engine.dialect.name == "postgresql"
    assert case_as_known(moved, VIEWER, KEY) == case
    assert verify_store(moved, CONSOLE).faults == ()
    with moved.transaction(EDITOR) as tx:
        append_events(tx, KEY, [LABS], 1)
    moved.close()


def test_the_steps_lead_to_the_tables_of_the_program(store: Store) -> None:
    with store.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_a_store_of_a_newer_program_is_left_alone(store: Store) -> None:
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(MissingData, match="9999"):
        Store.open(store.folder)
    with pytest.raises(BadInput, match="newer"):
        Store.initialise(store.folder)


def test_a_store_that_states_two_versions_is_left_alone(store: Store) -> None:
    with store.engine.begin() as connection:
        connection.execute(text("INSERT INTO alembic_version VALUES ('9999')"))
    for act in (Store.open, Store.initialise):
        with pytest.raises((MissingData, BadInput), match="9999"):
            act(store.folder)


def test_making_a_store_twice_changes_nothing(kept: Store) -> None:
    before = content(kept)
    Store.initialise(kept.folder, kept.now).close()
    assert content(kept) == before


@pytest.mark.parametrize("archive", sorted(ARCHIVES.glob("*.sqlite.gz")), ids=lambda path: path.name)
def test_the_store_of_every_release_is_brought_up_to_date(archive: Path, tmp_path: Path) -> None:
    """Each archive is a backup of that version with two cases, a signed decision and an account; its audit key lies beside it."""
    folder = make_folder(tmp_path / "data", "lyon")
    shutil.copy(archive.with_name(archive.name.replace(".sqlite.gz", ".key")), folder.keys / "audit.key")
    (tmp_path / "old.sqlite").write_bytes(gzip.decompress(archive.read_bytes()))
    restore(tmp_path / "old.sqlite", folder)
    direct = make_folder(tmp_path / "direct", "lyon")  # and the file itself, as an upgrade in place meets it
    shutil.copy(folder.keys / "audit.key", direct.keys / "audit.key")
    shutil.copy(tmp_path / "old.sqlite", direct.path / "registry.sqlite")
    for each in (Store.open(folder), Store.initialise(direct)):
        assert verify_store(each, CONSOLE).faults == ()
        assert [line.key.case for line in list_cases(each, CONSOLE)] == ["NELM-1", "NELM-2"]
        first, second = read_cases(each, CONSOLE)
        assert first.case.events[-1].kind == "board"
        assert second.case.events == CASE.events
        each.close()


def test_there_is_an_archive_of_the_first_version() -> None:
    assert (ARCHIVES / "0001.sqlite.gz").is_file() and head_revision() >= "0001"


@pytest.mark.parametrize("target", ["sqlite", "postgresql"])
def test_who_opened_the_store_before_it_moved_writes_nothing_into_the_old_one(
    kept: Store, tmp_path: Path, target: str, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("postgres").database() if target == "postgresql" else f"sqlite:///{tmp_path / 'r.db'}"
    running = Store.open(kept.folder, kept.now)
    case_as_known(running, EDITOR, KEY)
    move(kept, CONSOLE, url)
    with pytest.raises(StoreUnavailable, match="has moved to another database") as caught, running.transaction(EDITOR):
        raise AssertionError("it was let in")
    assert caught.value.http_status == 503
    with pytest.raises(StoreUnavailable, match="has moved"):
        case_as_known(running, EDITOR, KEY)
    if running.engine.dialect.name == "postgresql":
        for act in (Store.open, Store.initialise):
            with pytest.raises(StoreUnavailable, match="has moved"):
                act(kept.folder)
    else:
        with pytest.raises(BadInput, match="no backup"):
            restore(kept.folder.path / "registry.sqlite.moved", elsewhere(kept, tmp_path / "new"))
    running.close()
    moved = Store.open(open_folder(kept.folder.path), kept.now)
    with moved.transaction(EDITOR) as tx:
        append_events(tx, KEY, [{**LABS, "date": "2024-07-01"}], 2)
    assert verify_store(moved, CONSOLE).faults == ()
    moved.close()


@pytest.mark.parametrize("first", [1, 2])
def test_a_damaged_file_is_told_and_not_blamed_on_the_backup(tmp_path: Path, first: int) -> None:
    """Pages of the database are overwritten; `first`: whether the one is among them by which it is known as a database."""
    store = Store.initialise(make_folder(tmp_path / "data", "lyon"))
    with store.transaction(EDITOR) as tx:
        add_case(tx, "lyon", CASE)
    store.close()
    database = tmp_path / "data" / "registry.sqlite"
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    pages = database.read_bytes()
    database.write_bytes(pages[: (first - 1) * 4096] + b"\xa5" * (len(pages) - (first - 1) * 4096))
    for act in (
        lambda: case_as_known(store, VIEWER, KEY),
        lambda: verify_store(store, CONSOLE),
        lambda: back_up(store, CONSOLE, tmp_path / "b.sqlite"),
        lambda: Store.open(store.folder),
    ):
        with pytest.raises(StoreUnavailable, match="is damaged: restore the last backup"):
            act()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["data"]


def test_a_value_that_is_none_is_told_and_not_backed_up(tmp_path: Path) -> None:
    store = Store.initialise(make_folder(tmp_path / "data", "lyon"))
    with store.transaction(EDITOR) as tx:
        add_case(tx, "lyon", CASE)
    with sqlite3.connect(tmp_path / "data" / "registry.sqlite") as connection:
        connection.execute("UPDATE cases SET review_on = 'soon'")
    with pytest.raises(BadInput, match="a row of cases holds a value"):
        back_up(store, CONSOLE, tmp_path / "b.sqlite")
    store.close()


def test_a_backup_whose_head_cannot_be_kept_is_not_made(kept: Store, tmp_path: Path) -> None:
    kept.folder.heads.mkdir()
    with pytest.raises(BadInput, match="head of the audit chain cannot be written"):
        back_up(kept, CONSOLE, tmp_path / "b.sqlite")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["data"]


def test_what_a_killed_backup_left_goes_with_the_next(kept: Store, tmp_path: Path) -> None:
    left, living = tmp_path / f"{PASSING}left", passing(tmp_path, PASSING)
    left.mkdir()
    (left / "b.sqlite").write_text("half")
    with living as works:
        back_up(kept, CONSOLE, tmp_path / "b.sqlite")
        assert works.exists() and not left.exists()
