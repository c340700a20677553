"""What machines do to a store: killed at any moment, a full disk, a database that goes away and comes back, many editors at once. No acknowledged write is lost, none is half."""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select
from tests.registry_samples import CASE, EDITOR, LABS, VIEWER, Postgres, SmallDisk
from tests.registry_writer import PER_WRITE, write_on

from liverboard.registry import store as store_room
from liverboard.registry.backup import back_up, verify_store
from liverboard.registry.cases import CaseKey, Conflict, add_case, append_events, case_as_known, read_cases
from liverboard.registry.folder import DataFolder, make_folder
from liverboard.registry.permissions import CONSOLE, Actor
from liverboard.registry.schema import audit, cases, events
from liverboard.registry.store import Store, StoreUnavailable

KEY = CaseKey("lyon", "NELM-1")


@pytest.fixture(scope="module")
def processes() -> Iterator[multiprocessing.context.ForkServerContext]:
    """Processes that start at once: a server of them has everything imported."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.registry_writer", "liverboard.clinical.case_file"])
    yield context


def acknowledged(path: Path) -> dict[str, int]:
    """The last acknowledged version of each case; a line that was cut off by the kill counts as none."""
    found: dict[str, int] = {}
    for line in path.read_text().splitlines(keepends=True):
        if line.endswith("\n") and not line.startswith("full"):
            case, version = line.split()
            found[case] = int(version)
    return found


def look(store: Store, promised: dict[str, int]) -> None:
    """Everything promised is there, everything there is whole, and the chain holds."""
    assert verify_store(store, CONSOLE).faults == ()
    found = {case.key.case: case for case in read_cases(store, CONSOLE)}
    for name, version in promised.items():
        assert found[name].version >= version, name
    for case in found.values():
        appends = min(case.version - 1, 5)
        corrected = case.version > 6
        assert len(case.case.events) == len(CASE.events) + PER_WRITE * appends + corrected


def kill_at_random(folder: DataFolder, tmp_path: Path, context: multiprocessing.context.ForkServerContext, times: int) -> int:  # fmt: skip
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201  (shown when the test fails)
    draw = random.Random(seed)
    store = Store.initialise(folder)
    lines = tmp_path / "acknowledged"
    for run in range(times):
        size = lines.stat().st_size if lines.exists() else 0
        process = context.Process(target=write_on, args=(folder.path, lines, f"K{run}"))
        process.start()
        deadline = time.monotonic() + 30
        while not (lines.exists() and lines.stat().st_size > size) and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(draw.uniform(0, 0.15))
        assert process.pid is not None and process.is_alive()
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        if run % 10 == 9:
            look(store, acknowledged(lines))
    look(store, acknowledged(lines))
    store.close()
    return len(acknowledged(lines))


def test_killed_at_any_moment_nothing_acknowledged_is_lost(data_folder: DataFolder, tmp_path: Path, processes: multiprocessing.context.ForkServerContext) -> None:  # fmt: skip
    assert kill_at_random(data_folder, tmp_path, processes, 20) >= 20


@pytest.mark.slow
def test_killed_two_hundred_times(data_folder: DataFolder, tmp_path: Path, processes: multiprocessing.context.ForkServerContext) -> None:  # fmt: skip
    assert kill_at_random(data_folder, tmp_path, processes, 200) >= 200


def test_a_full_disk_is_said_and_leaves_the_store_whole(tmp_path: Path, processes: multiprocessing.context.ForkServerContext) -> None:  # fmt: skip
    folder = make_folder(tmp_path / "data", "lyon")
    store = Store.initialise(folder)
    lines = tmp_path / "acknowledged"
    process = processes.Process(target=write_on, args=(folder.path, lines, "F", 1_000_000))
    process.start()
    process.join(60)
    assert process.exitcode == 0
    last = lines.read_text().splitlines()[-1]
    assert last.startswith("full ") and ("no room" in last or "cannot write" in last)
    promised = acknowledged(lines)
    assert promised
    look(store, promised)
    with store.transaction(EDITOR) as tx:  # with room again it goes on
        add_case(tx, "lyon", CASE)
    look(store, {**promised, "NELM-1": 1})
    back_up(store, CONSOLE, tmp_path / "b.sqlite")


def write_until_full(
    folder: DataFolder, tmp_path: Path, context: multiprocessing.context.ForkServerContext, prefix: str
) -> dict[str, int]:
    lines = tmp_path / "acknowledged"
    process = context.Process(target=write_on, args=(folder.path, lines, prefix))
    process.start()
    process.join(120)
    assert process.exitcode == 0
    last = lines.read_text().splitlines()[-1]
    assert last.startswith("full "), last
    return acknowledged(lines)


def test_a_full_disk_under_the_tables_of_postgresql_is_said_and_loses_nothing(
    postgres: Postgres, tmp_path: Path, processes: multiprocessing.context.ForkServerContext
) -> None:
    """The tables lie on a disk of 32 MB that is filled; the server itself has room, so it goes on serving others."""
    disk = SmallDisk(32)
    try:
        folder = make_folder(tmp_path / "data", "lyon", url=postgres.database(disk.folder))
        store = Store.initialise(folder)
        disk.fill(600_000)
        promised = write_until_full(folder, tmp_path, processes, "F")
        assert "no room" in (tmp_path / "acknowledged").read_text().splitlines()[-1]
        assert promised
        with pytest.raises(StoreUnavailable, match="no room"):
            for _ in range(5000):
                case_as_known(store, VIEWER, CaseKey("lyon", "F-1"))  # a read is written down first, or refused
        disk.empty()
        look(store, promised)
        with store.transaction(EDITOR) as tx:
            add_case(tx, "lyon", CASE)
        assert verify_store(store, CONSOLE).faults == ()
        store.close()
        postgres.drop(folder.url)
    finally:
        disk.unmount()


def test_a_full_disk_under_all_of_postgresql_is_said_and_loses_nothing(
    tmp_path: Path, processes: multiprocessing.context.ForkServerContext
) -> None:
    """Its log of changes lies there too: the server stops itself, and starts again when there is room."""
    disk = SmallDisk(160)
    server: Postgres | None = None
    try:
        (disk.folder / "data").mkdir(mode=0o700)
        shutil.chown(disk.folder, "postgres") if os.geteuid() == 0 else None
        shutil.chown(disk.folder / "data", "postgres") if os.geteuid() == 0 else None
        server = Postgres(disk.folder / "data")
        folder = make_folder(tmp_path / "data", "lyon", url=server.database())
        store = Store.initialise(folder)
        disk.fill(2_500_000)
        promised = write_until_full(folder, tmp_path, processes, "F")
        assert promised
        disk.empty()
        if not server.runs():
            server.start()
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                look(store, promised)
                break
            except StoreUnavailable:  # it is still reading its log
                time.sleep(0.2)
        look(store, promised)
        with store.transaction(EDITOR) as tx:
            append_events(tx, CaseKey("lyon", "F-1"), [LABS], promised["F-1"])
        assert verify_store(store, CONSOLE).faults == ()
        store.close()
    finally:
        if server is not None:
            if server.runs():
                server.stop()
            shutil.rmtree(server.folder)
        disk.unmount()


def test_a_database_that_comes_back_is_used_again(postgres: Postgres, tmp_path: Path) -> None:
    store = Store.initialise(make_folder(tmp_path / "data", "lyon", url=postgres.database()))
    with store.transaction(EDITOR) as tx:
        add_case(tx, "lyon", CASE)
    postgres.stop()
    try:
        with pytest.raises(StoreUnavailable), store.transaction(EDITOR) as tx:
            append_events(tx, KEY, [LABS], 1)
        with pytest.raises(StoreUnavailable, match="cannot be reached") as caught:
            case_as_known(store, VIEWER, KEY)
        assert "NELM" not in str(caught.value) and "SELECT" not in str(caught.value)
    finally:
        postgres.start()
    with store.transaction(EDITOR) as tx:
        append_events(tx, KEY, [LABS], 1)
    assert verify_store(store, CONSOLE).faults == ()
    store.close()


def test_a_database_lost_in_the_middle_of_a_write_keeps_nothing_of_it(postgres: Postgres, tmp_path: Path) -> None:
    store = Store.initialise(make_folder(tmp_path / "data", "lyon", url=postgres.database()))
    try:
        with pytest.raises(StoreUnavailable), store.transaction(EDITOR) as tx:
            add_case(tx, "lyon", CASE)
            postgres.stop()
            append_events(tx, KEY, [LABS], 1)
    finally:
        postgres.start()
    assert list(read_cases(store, CONSOLE)) == []
    assert verify_store(store, CONSOLE).faults == ()
    store.close()


def test_a_busy_database_is_said(data_folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_room, "_WAIT_S", 0.2)
    store = Store.initialise(data_folder)
    with store.transaction(EDITOR) as tx:
        add_case(tx, "lyon", CASE)
        with pytest.raises(StoreUnavailable, match="busy"):
            store.note(EDITOR, "case.read")
        assert list(pseudonyms_in(store)) == []  # who reads does not wait for who writes
    store.note(EDITOR, "case.read")
    store.close()


def pseudonyms_in(store: Store) -> list[str]:
    with store.read() as connection:
        return list(connection.scalars(select(cases.c.pseudonym)))


def test_an_error_in_the_middle_keeps_nothing(store: Store) -> None:
    with pytest.raises(RuntimeError), store.transaction(EDITOR) as tx:
        add_case(tx, "lyon", CASE)
        append_events(tx, KEY, [LABS], 1)
        raise RuntimeError
    with store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(cases)) == 0
        assert connection.scalar(select(func.count()).select_from(audit)) == 1
    assert verify_store(store, CONSOLE).faults == ()


def test_many_editors_at_once_lose_nothing(store: Store) -> None:
    """Each reads the version, writes, and tries again when told of a conflict."""
    with store.transaction(EDITOR) as tx:
        add_case(tx, "lyon", CASE)
    conflicts: list[int] = []

    def edit(name: str) -> None:
        by = Actor(name, "editor", "lyon")
        for number in range(6):
            event = {"kind": "clinic", "id": f"{name}-{number}", "date": "2024-06-02", "ecog": 1}
            while True:
                seen = case_as_known(store, by, KEY).version
                try:
                    with store.transaction(by) as tx:
                        append_events(tx, KEY, [event], seen)
                    break
                except Conflict:
                    conflicts.append(1)

    editors = [threading.Thread(target=edit, args=(f"ed{number}",)) for number in range(4)]
    for editor in editors:
        editor.start()
    for editor in editors:
        editor.join(60)
    found = case_as_known(store, VIEWER, KEY)
    assert found.version == 1 + 4 * 6
    assert {event.id for event in found.case.events} >= {f"ed{e}-{n}" for e in range(4) for n in range(6)}
    with store.read() as connection:
        versions = sorted(connection.scalars(select(events.c.version).where(events.c.version > 1)))
    assert versions == list(range(2, 26))
    assert verify_store(store, CONSOLE).faults == ()
