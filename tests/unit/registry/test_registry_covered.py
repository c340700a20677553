"""What may change in the store is watched too: accounts, states of cases, meetings with agenda and attendance, drafts, studies and their files. A normal life verifies clean."""

from __future__ import annotations

import datetime as dt
import gzip
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from sqlalchemy import Column, Connection, create_engine, delete, insert, select, text, update
from tests.registry_samples import ADMINISTRATOR, CASE, CHAIR, EDITOR, LABS, MANAGER, HandClock, Postgres

from liverboard.registry.accounts import (  # fmt: skip
    change_account,
    change_password,
    create_account,
    first_link,
    log_in,
    new_link,
    set_password,
)
from liverboard.registry.backup import back_up, move, restore, verify_store
from liverboard.registry.cases import CaseKey, add_case, append_events, set_state
from liverboard.registry.covered import WROTE
from liverboard.registry.folder import make_folder, open_folder
from liverboard.registry.follow_up import finish_action
from liverboard.registry.measuring import Outcome, cancel, finish, give_back, measure_again, report_progress, take_next
from liverboard.registry.meetings import (  # fmt: skip
    Action,
    Attendee,
    Minutes,
    attend,
    close_meeting,
    order_agenda,
    plan_meeting,
    schedule,
    sign_off,
    unschedule,
    write_minutes,
)
from liverboard.registry.permissions import CONSOLE, Actor
from liverboard.registry.schema import (  # fmt: skip
    UtcMoment,
    accounts,
    actions,
    attendance,
    audit,
    cases,
    centres,
    decisions,
    events,
    headers,
    links,
    meeting_cases,
    meetings,
    metadata,
    sessions,
    studies,
)
from liverboard.registry.store import Store, add_centre
from liverboard.registry.studies import receive
from liverboard.registry.study_files import derived
from liverboard.registry.trail import read_trail
from liverboard.registry.verify import verify

A, B, C = (CaseKey("lyon", f"NELM-{number}") for number in (1, 2, 3))
WORKER = Actor("measuring", None, None)
ARCHIVES = Path(__file__).parents[2] / "archives" / "registry"
PASSWORD = "three unrelated words"  # noqa: S105  (of a store that the test throws away)

# What nobody is answerable for: it comes and goes while people work, or says nothing.
NOT_WATCHED = {
    "accounts": {"failed", "locked_until"},
    "attendance": {"id"},
    "decisions": {"digest", "audit_seq"},  # of signed ones, and watched there
    "links": {"expires", "used"},
    "cases": {"version"},  # which counts the rows of events and headers, and is held against them
    "studies": {"state", "progress_percent", "message", "claimed_by", "claimed_until"},
}
ELSEWHERE = {audit, events, headers, sessions}  # append-only, watched by their own digests; sessions end by themselves
WATCHED = [
    (table, column.name)
    for table in metadata.sorted_tables
    if table not in ELSEWHERE
    for column in table.columns
    if column.name not in NOT_WATCHED.get(table.name, set())
]


@pytest.fixture
def lived(store: Store, clock: HandClock, tmp_path: Path) -> Iterator[Store]:
    """A store in which everything happened that people do."""
    with store.transaction(CONSOLE) as tx:
        add_centre(tx, "paris")
        first_link(tx)
        link = first_link(tx)
    assert link is not None
    store.folder.make_centre_key("paris")
    set_password(store, link, PASSWORD)
    with store.transaction(ADMINISTRATOR) as tx:
        token = create_account(tx, "ed", "editor", "lyon")
        create_account(tx, "vera", "viewer", "lyon", oidc_subject="https://id.example|7")
        change_account(tx, "vera", role="chair")
        change_account(tx, "vera", active=False)
        create_account(tx, "paul", "viewer", "paris")
        new_link(tx, "paul")
    set_password(store, token, PASSWORD)
    log_in(store, "ed", PASSWORD)
    change_password(store, EDITOR, PASSWORD, PASSWORD + "!")
    with store.transaction(EDITOR) as tx:
        for key in (A, B, C):
            add_case(tx, "lyon", CASE.model_copy(update={"case": key.case, "synthetic": key == C or None}))
        append_events(tx, A, [LABS], 1)
        set_state(tx, C, "follow_up", dt.date(2025, 6, 1))
    with store.transaction(CHAIR) as tx:
        first = plan_meeting(tx, "lyon", dt.date(2025, 1, 8), "NET board")
        assert plan_meeting(tx, "lyon", dt.date(2025, 1, 8), "NET board") == first
        for key in (A, B, C):
            schedule(tx, first, key)
        schedule(tx, first, A)
        unschedule(tx, first, C)
        order_agenda(tx, first, [B, A])
        attend(tx, first, [Attendee("surgery", "Dr S"), Attendee("radiology", "Dr R")])
        attend(tx, first, [Attendee("surgery", "Dr S")])
        minutes = Minutes(("tae",), "tae", "It fits.", "None fits better.", "Radiology.", dt.date(2025, 4, 1))
        write_minutes(tx, first, A, minutes, 0)
        planned = (Action("CT", "radiology", dt.date(2025, 3, 1)), Action("letter"))
        write_minutes(tx, first, A, Minutes(("tae",), "tae", "It fits.", "a", "b", dt.date(2025, 4, 1), planned), 1)
        sign_off(tx, first, A, 2)
        write_minutes(tx, first, B, Minutes(("tae",), None, "Not yet.", "c", "d", dt.date(2025, 4, 1)), 0)
        finish_action(tx, "lyon", tx.connection.scalars(select(actions.c.id).order_by(actions.c.id)).all()[0])
        close_meeting(tx, first)
        second = plan_meeting(tx, "lyon", dt.date(2025, 2, 8), "NET board")
        schedule(tx, second, B)
        write_minutes(tx, second, B, Minutes(("tae",), "tae", "So far.", "e", "f", dt.date(2025, 4, 1), planned), 0)
    scan = tmp_path / "liver.nii.gz"
    for number in range(3):
        nibabel.nifti1.Nifti1Image(np.full((4, 4, 4), number, np.uint8), np.eye(4)).to_filename(scan)
        receive(store, EDITOR, A, scan)
        with store.transaction(WORKER) as tx:
            study = take_next(store, tx, "worker")
            assert study is not None
            report_progress(tx, study.id, "worker", 40)
            if number == 1:
                give_back(tx, "worker")
                cancel(tx, study.id)
        made = study.folder / "view"
        made.mkdir()
        (made / "result.json").write_text("{}")
        (study.folder / "study.json").write_text("{}")
        with store.transaction(WORKER) as tx:
            assert finish(tx, study.id, "worker", Outcome(files=derived(study.folder))) == (number != 1)
    with store.transaction(EDITOR) as tx:
        measure_again(tx, 3)
    clock.pass_(days=1)
    yield store


def faults(store: Store) -> tuple[str, ...]:
    return verify_store(store, CONSOLE).faults


def behind_its_back(store: Store, change: Callable[[Connection], Any]) -> None:
    """With every right on the database: triggers, foreign keys and checks are switched off first."""
    engine = create_engine(store.folder.url)
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            for name in connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
                connection.execute(text(f"DROP TRIGGER {name}"))
            connection.execute(text("PRAGMA ignore_check_constraints = ON"))
        else:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
        change(connection)
    engine.dispose()


def other(column: Column[Any], value: Any) -> Any:
    choices = {"role": ("viewer", "editor"), "state": ("held", "planned") if column.table is meetings else ("backlog", "discussed")}  # fmt: skip
    if column.name in choices:
        return next(word for word in choices[column.name] if word != value)
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 100
    if isinstance(value, (dt.datetime, dt.date)):
        return value + dt.timedelta(days=1)
    if value is None and isinstance(column.type, UtcMoment):
        return dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
    if value is None:
        return {dt.date: dt.date(2030, 1, 1), int: 1}.get(column.type.python_type, "x")  # fmt: skip
    return value[:-1] + ("x" if value[-1:] != "x" else "y")


def test_a_normal_life_verifies_clean(lived: Store) -> None:
    found = verify_store(lived, CONSOLE)
    assert found.faults == () and found.notes == ()
    assert found.rows > 20


def test_a_value_changed_behind_the_back_is_named(lived: Store) -> None:
    """In the last row of each table: a draft, the newest study, an account that nobody signed in to. Put back, it verifies clean again."""
    words = {"links": "account", "actions": "decision", "attendance": "meeting", "meeting_cases": "meeting", "studies": "study"}  # fmt: skip
    missed: list[str] = []
    for table, column in WATCHED:
        key = next(iter(table.primary_key.columns))
        with lived.read() as connection:
            row = connection.execute(select(key, table.c[column]).order_by(key.desc())).first()
        assert row is not None
        new = {("accounts", "centre_id"): 1, ("decisions", "considered"): "[]"}.get((table.name, column), other(table.c[column], row[1]))  # fmt: skip
        change = update(table).where(key == row[0]).values({column: new})
        behind_its_back(lived, lambda connection, change=change: connection.execute(change))
        with lived.read() as connection:
            found = verify(connection, lived.audit_key).faults
        if not any(words.get(table.name, table.name.removesuffix("s")) in fault for fault in found):
            missed.append(f"{table.name}.{column}")
        there = new if column == key.name else row[0]
        back = update(table).where(key == there).values({column: row[1]})
        behind_its_back(lived, lambda connection, back=back: connection.execute(back))
    assert missed == []
    assert faults(lived) == ()


FORGED = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
DONE: dict[str, tuple[Callable[[Connection], Any], str]] = {
    "someone put into the attendance": (lambda c: c.execute(insert(attendance).values(meeting_id=2, specialty="x", person="y")), "meeting row 2"),
    "someone taken out of the attendance": (lambda c: c.execute(delete(attendance)), "meeting row 1"),
    "two cases of an agenda swapped": (lambda c: [c.execute(update(meeting_cases).where(meeting_cases.c.case_id == n).values(position=p)) for n, p in ((1, 1), (2, 2))], "meeting row 1"),
    "a case taken off an agenda": (lambda c: [c.execute(delete(t)) for t in (actions, decisions)] and c.execute(delete(meeting_cases).where(meeting_cases.c.meeting_id == 2)), "meeting row 2"),
    "a case put on an agenda": (lambda c: c.execute(insert(meeting_cases).values(meeting_id=2, case_id=1, position=7)), "meeting row 2"),
    "a meeting put in": (lambda c: c.execute(insert(meetings).values(centre_id=1, date=FORGED.date(), title="x", state="planned")), "was put in"),
    "a meeting removed": (lambda c: c.execute(delete(meetings).where(meetings.c.id == 2)), "meeting row 2"),
    "a draft removed": (lambda c: c.execute(delete(decisions).where(decisions.c.signed.is_(None))), "not there any more"),
    "an action put under a draft": (lambda c: c.execute(insert(actions).values(decision_id=3, what="x")), "decision row 3"),
    "a done action made open": (lambda c: c.execute(update(actions).values(done=None, done_by=None)), "decision row 1"),
    "a password hash of another account": (lambda c: c.execute(update(accounts).values(password=c.scalar(select(accounts.c.password).where(accounts.c.name == "ed")))), "account row 1"),
    "a link put in": (lambda c: c.execute(insert(links).values(token_hash="f" * 64, account_id=2, expires=FORGED)), "account row 2"),
    "an account removed": (lambda c: [c.execute(delete(t)) for t in (links, sessions)] and c.execute(delete(accounts).where(accounts.c.name == "paul")), "not there any more"),
    "a case put in": (lambda c: c.execute(insert(cases).values(centre_id=1, pseudonym="X", version=1, state="backlog", synthetic=False)), "was put in"),
    "a centre put in": (lambda c: c.execute(insert(centres).values(name="x")), "was put in"),
    "a study removed": (lambda c: c.execute(delete(studies).where(studies.c.id == 2)), "study row 2"),
}  # fmt: skip


@pytest.mark.parametrize("what", DONE)
def test_what_is_put_in_or_taken_out_is_named(lived: Store, what: str) -> None:
    change, says = DONE[what]
    behind_its_back(lived, change)
    assert any(says in fault for fault in faults(lived)), faults(lived)


STRANGE = {
    "events.date": "'the day before'",
    "events.author": "CAST(x'ff00c3' AS TEXT)",
    "events.content": "replace(hex(zeroblob(3000)), '0', '[')",
    "headers.version": "'second'",
    "audit.at": "'2025-13-41'",
    "audit.mac": "x'ff00'",
    "audit.detail": """'{"wrote":{' || replace(hex(zeroblob(3000)), '0', '"a":{')""",
    "cases.review_on": "'soon'",
    "studies.path": "'a' || char(0) || 'b'",
    "studies.files": "replace(hex(zeroblob(3000)), '0', '[')",
}


@pytest.mark.parametrize("place", STRANGE)
def test_a_value_that_no_registry_wrote_is_told(lived: Store, place: str) -> None:
    if lived.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL refuses such a value itself")
    table, column = place.split(".")
    key = next(iter(metadata.tables[table].primary_key.columns)).name
    change = text(f"UPDATE {table} SET {column} = {STRANGE[place]} WHERE {key} = (SELECT max({key}) FROM {table})")  # noqa: S608  (names of the schema)
    behind_its_back(lived, lambda connection: connection.execute(change))
    found = faults(lived)
    assert any(table.removesuffix("ies").removesuffix("s") in fault for fault in found), found


def test_a_value_that_is_missing_is_told(lived: Store) -> None:
    if lived.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL refuses such a row itself")
    with sqlite3.connect(lived.folder.path / "registry.sqlite") as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_master SET sql = replace(sql, 'audit_seq INTEGER NOT NULL', 'audit_seq INTEGER')"
        )
    lived.engine.dispose()
    last = "UPDATE events SET audit_seq = NULL WHERE seq = (SELECT max(seq) FROM events)"
    behind_its_back(lived, lambda connection: connection.execute(text(last)))
    assert any("no true value of audit_seq" in fault for fault in faults(lived))


def test_an_older_state_put_back_is_found(lived: Store) -> None:
    """Every value is one that the store itself once wrote."""
    with lived.read() as connection:
        before = dict(connection.execute(select(cases).where(cases.c.id == 3)).mappings().one())
    with lived.transaction(EDITOR) as tx:
        set_state(tx, C, "backlog")
    behind_its_back(lived, lambda c: c.execute(update(cases).where(cases.c.id == 3).values(**before)))
    (fault,) = faults(lived)
    assert "case row 3 is not as audit entry" in fault


@pytest.mark.parametrize("name", ["0001-liver.nii.gz", "study.json", "view/result.json"])
@pytest.mark.parametrize("how", ["changed", "removed"])
def test_a_file_of_a_study_that_was_changed_is_named(lived: Store, name: str, how: str) -> None:
    with lived.read() as connection:
        file = lived.folder.studies / (connection.scalar(select(studies.c.path).where(studies.c.id == 1)) or "") / name
    if how == "changed":
        file.write_bytes(file.read_bytes()[:-1] + b"?")
    else:
        file.unlink()
    (fault,) = faults(lived)
    assert name in fault and "study 1" in fault


def test_a_file_put_into_a_study_is_named(lived: Store) -> None:
    with lived.read() as connection:
        folder = lived.folder.studies / (connection.scalar(select(studies.c.path).where(studies.c.id == 2)) or "")
    (folder / "0002-lesions.nii.gz").write_bytes(b"x")
    (fault,) = faults(lived)
    assert "0002-lesions.nii.gz" in fault and "study 2" in fault


def test_measuring_anew_does_not_hide_that_what_arrived_was_changed(lived: Store) -> None:
    with lived.transaction(WORKER) as tx:
        study = take_next(lived, tx, "worker")
    assert study is not None
    (study.folder / "0001-liver.nii.gz").write_bytes(b"another patient's")
    with lived.transaction(WORKER) as tx:
        finish(tx, study.id, "worker", Outcome(files=derived(study.folder)))
    assert any("0001-liver.nii.gz" in fault for fault in faults(lived))


def test_what_people_read_of_the_trail_has_no_seals(lived: Store) -> None:
    read = read_trail(lived, MANAGER, limit=1000)
    assert read and not [entry for _, entry in read if WROTE in (entry.detail or {})]


@pytest.mark.parametrize("target", ["sqlite", "postgresql"])
def test_a_store_that_moved_or_was_restored_is_watched_on(lived: Store, tmp_path: Path, target: str, request: pytest.FixtureRequest) -> None:  # fmt: skip
    back_up(lived, CONSOLE, tmp_path / "b.sqlite")
    server: Callable[[], str] | None = request.getfixturevalue("postgres").database if target == "postgresql" else None
    folder = make_folder(tmp_path / "new", "lyon", url=server and server())
    for part in ("keys", "studies"):
        shutil.copytree(lived.folder.path / part, folder.path / part, dirs_exist_ok=True)
    restore(tmp_path / "b.sqlite", folder, lived.now)
    again = Store.open(folder, lived.now)
    assert faults(again) == () and verify_store(again, CONSOLE).notes == ()
    if server is not None:
        move(lived, CONSOLE, server())
        moved = Store.open(open_folder(lived.folder.path), lived.now)
        assert faults(moved) == ()
        moved.close()
    behind_its_back(again, lambda c: c.execute(update(meetings).values(title="another")))
    assert faults(again)
    again.close()


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_store_of_the_first_release_is_watched_from_its_upgrade_on(
    tmp_path: Path, database: str, request: pytest.FixtureRequest
) -> None:
    server: Postgres | None = request.getfixturevalue("postgres") if database == "postgresql" else None
    folder = make_folder(tmp_path / "data", "lyon", url=None if server is None else server.database())
    shutil.copy(ARCHIVES / "0001.key", folder.keys / "audit.key")
    (tmp_path / "old.sqlite").write_bytes(gzip.decompress((ARCHIVES / "0001.sqlite.gz").read_bytes()))
    restore(tmp_path / "old.sqlite", folder)
    store = Store.open(folder)
    found = verify_store(store, CONSOLE)
    assert found.faults == ()
    (note,) = found.notes  # said once, for all of them together
    assert note.startswith("6 accounts, cases, centres, meetings, minutes and studies were last written by an older")
    Store.initialise(folder).close()  # an upgrade done twice seals nothing anew
    with store.transaction(EDITOR) as tx:
        set_state(tx, A, "prepared")
    (note,) = verify_store(store, CONSOLE).notes
    assert note.startswith("5 ")
    behind_its_back(store, lambda c: c.execute(update(meetings).values(title="another")))
    assert any("meeting row 1" in fault for fault in faults(store))
    Store.initialise(folder).close()
    assert any("meeting row 1" in fault for fault in faults(store))
    store.close()
