"""The audit chain: whoever changes, removes, puts in or cuts off anything behind the store's back is found out, with all rights on the database but without the key."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Table, create_engine, delete, func, insert, select, text, update
from tests.registry_samples import ADMINISTRATOR, CASE, CHAIR, EDITOR, LABS

from liverboard.errors import BadInput
from liverboard.registry.accounts import change_account, create_account
from liverboard.registry.audit import FIRST_MAC, Head, head_of, keep_head, read_heads
from liverboard.registry.cases import CaseKey, add_case, append_events, case_as_known, change_header, correct
from liverboard.registry.meetings import Action, Minutes, plan_meeting, schedule, sign_off, write_minutes
from liverboard.registry.permissions import Actor
from liverboard.registry.schema import (
    accounts,
    actions,
    audit,
    cases,
    decisions,
    events,
    headers,
    meeting_cases,
    meetings,
)
from liverboard.registry.store import Store
from liverboard.registry.verify import verify

KEY = CaseKey("lyon", "NELM-1")
TRIGGERS = ("headers_no_update", "headers_no_delete", "events_no_update", "events_no_delete", "audit_no_update", "audit_no_delete", "decisions_frozen_update", "decisions_frozen_delete")  # fmt: skip


@pytest.fixture
def written(store: Store) -> Store:
    with store.transaction(EDITOR) as tx:
        add_case(tx, "lyon", CASE)
        add_case(tx, "lyon", CASE.model_copy(update={"case": "NELM-2"}))
    with store.transaction(EDITOR) as tx:
        append_events(tx, KEY, [LABS, {**LABS, "date": "2024-06-09"}], 1)
        correct(tx, KEY, "l1", {**LABS, "date": "2024-05-02"}, 2)
        change_header(tx, KEY, {"question": "And now?"}, 3)
    with store.transaction(ADMINISTRATOR) as tx:
        create_account(tx, "vera", "viewer", "lyon")
        change_account(tx, "vera", active=False)
    with store.transaction(CHAIR) as tx:
        meeting = plan_meeting(tx, "lyon", dt.date(2025, 1, 8), "NET board")
        schedule(tx, meeting, KEY)
        write_minutes(
            tx,
            meeting,
            KEY,
            Minutes(
                ("tae",),
                "tae",
                "fits",
                deviation="none fits better",
                actions=(Action("a new  CT", "radiology", dt.date(2025, 3, 1)), Action("call")),
            ),
            0,
        )
        sign_off(tx, meeting, KEY, 1)
    return store


def faults(store: Store, heads: tuple[Head, ...] = ()) -> tuple[str, ...]:
    with store.read() as connection:
        return verify(connection, store.audit_key, heads).faults


def tamper(store: Store, change: Callable[[Connection], Any]) -> None:
    """As an attacker with every right on the database: triggers and foreign keys are switched off first."""
    engine = create_engine(store.folder.url)
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            for trigger in TRIGGERS:
                connection.execute(text(f"DROP TRIGGER IF EXISTS {trigger}"))
        else:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
        change(connection)
    engine.dispose()


def other(value: Any) -> Any:
    if isinstance(value, int):
        return value + 1
    if isinstance(value, (dt.datetime, dt.date)):
        return value + dt.timedelta(days=1)
    return "x" if value is None else value[:-1] + ("x" if value[-1] != "x" else "y")


CHANGED = [
    (table, column.name)
    for table in (audit, headers, events, decisions)
    for column in table.columns
    if column.name not in {"id", "case_id", "meeting_case_id"} and (table, column.name) not in {(headers, "seq"), (events, "seq")}
]  # fmt: skip


def test_what_was_written_verifies(written: Store) -> None:
    assert faults(written) == ()


@pytest.mark.parametrize(("table", "column"), CHANGED, ids=[f"{t.name}.{c}" for t, c in CHANGED])
def test_any_changed_value_is_found(written: Store, table: Table, column: str) -> None:
    def change(connection: Connection) -> None:
        key = next(iter(table.primary_key.columns))
        number, value = connection.execute(select(key, table.c[column]).order_by(key.desc())).first() or (0, None)
        new = {"considered": '["surveillance"]'}.get(column, other(value)) if value is not None else other_of(column)
        if column in {"seq", "audit_seq"}:
            new = number + 5 if column == "seq" else value - 1
        connection.execute(update(table).where(key == number).values({column: new}))

    def other_of(name: str) -> Any:
        return dt.date(2030, 1, 1) if name == "follow_up_on" else "x"

    tamper(written, change)
    assert faults(written)


def swap_places(connection: Connection, table: Table, versions: tuple[int, int]) -> None:
    """Two rows of a case change their numbers; what each says stays. The last header counts, and of two events of a day the later."""
    of_case = select(func.max(table.c.seq)).where(table.c.case_id == 1)
    first, second = (connection.scalar(of_case.where(table.c.version == version)) for version in versions)
    for number, new in ((first, 9999), (second, first), (9999, second)):
        connection.execute(update(table).where(table.c.seq == number).values(seq=new))


REMOVED: dict[str, Callable[[Connection], Any]] = {
    "an event removed": lambda c: c.execute(delete(events).where(events.c.event_id == "d1", events.c.case_id == 1)),
    "all events of a case removed": lambda c: c.execute(delete(events).where(events.c.case_id == 2)),
    "a header removed": lambda c: c.execute(delete(headers).where(headers.c.version == 4)),
    "an entry of a read or plan removed": lambda c: c.execute(delete(audit).where(audit.c.action == "meeting.plan")),
    "an event moved to another case": lambda c: c.execute(update(events).where(events.c.event_id == "labs-2024-06-02-1").values(case_id=2)),
    "two cases swap pseudonyms": lambda c: [c.execute(update(cases).where(cases.c.pseudonym == a).values(pseudonym=b)) for a, b in (("NELM-1", "t"), ("NELM-2", "NELM-1"), ("t", "NELM-2"))],
    "two headers of a case swapped": lambda c: swap_places(c, headers, (1, 4)),
    "two events of a case swapped": lambda c: swap_places(c, events, (2, 3)),
    "the version put back": lambda c: c.execute(update(cases).where(cases.c.id == 1).values(version=2)),
    "a signature taken away": lambda c: c.execute(update(decisions).values(signed=None)),
    "a signed decision removed": lambda c: c.execute(delete(decisions)),
    "a signed decision moved to another case": lambda c: c.execute(update(meeting_cases).values(case_id=2)),
    "the day of a meeting with signed decisions": lambda c: c.execute(update(meetings).values(date=dt.date(2025, 2, 8))),
    "the words of a signed action": lambda c: c.execute(update(actions).values(what="nothing")),
    "a signed action removed": lambda c: c.execute(delete(actions)),
    "an action put under a signed decision": lambda c: c.execute(insert(actions).values(decision_id=1, what="more")),
    "a role that nobody gave": lambda c: c.execute(update(accounts).values(role="chair")),
    "a closed account opened": lambda c: c.execute(update(accounts).values(active=True)),
    "an account put in": lambda c: c.execute(insert(accounts).values(id=9, name="mallory", role="administrator", failed=0, active=True, must_change=False, created=dt.datetime(2025, 1, 1, tzinfo=dt.UTC))),
    "a real case marked synthetic": lambda c: c.execute(update(cases).where(cases.c.id == 1).values(synthetic=True)),
    "all of a case's rows removed": lambda c: [c.execute(delete(t).where(t.c.case_id == 2)) for t in (events, headers)],
}  # fmt: skip


@pytest.mark.parametrize("what", REMOVED)
def test_what_is_removed_or_moved_is_found(written: Store, what: str) -> None:
    tamper(written, REMOVED[what])
    assert faults(written)


def test_an_event_put_in_is_found_even_with_a_right_digest(written: Store) -> None:
    def put_in(connection: Connection) -> None:
        row: dict[str, Any] = dict(connection.execute(select(events).order_by(events.c.seq)).mappings().first() or {})
        last = connection.scalar(select(func.max(events.c.seq))) or 0
        connection.execute(insert(events).values({**row, "seq": last + 1, "event_id": "forged"}))

    tamper(written, put_in)
    assert any("not those that it wrote" in fault for fault in faults(written))


def test_a_chain_continued_without_the_key_is_found(written: Store) -> None:
    """The forger knows the program and the database, and makes a key up."""

    def forge(connection: Connection) -> None:
        head = head_of(connection)
        row: dict[str, Any] = dict(connection.execute(select(audit).order_by(audit.c.seq.desc())).mappings().first() or {})  # fmt: skip
        row |= {"seq": head.seq + 1, "previous": head.mac}
        row["mac"] = hmac.new(b"guessed", json.dumps(row, default=str).encode(), hashlib.sha256).hexdigest()
        connection.execute(insert(audit).values(row))

    tamper(written, forge)
    assert any("not written with the audit key" in fault for fault in faults(written))


def test_a_chain_cut_short_is_found_by_a_head_kept_elsewhere(written: Store) -> None:
    with written.transaction(EDITOR) as tx:
        append_events(tx, KEY, [LABS], 5)
        head = head_of(tx.connection)

    def cut(connection: Connection) -> None:
        last = connection.scalar(select(func.max(audit.c.seq))) or 0
        connection.execute(delete(events).where(events.c.audit_seq == last))
        connection.execute(delete(audit).where(audit.c.seq == last))
        connection.execute(update(cases).where(cases.c.id == 1).values(version=5))

    tamper(written, cut)
    assert faults(written) == ()  # the rest is whole by itself ...
    assert any("cut short" in fault for fault in faults(written, (head,)))  # ... but once it was longer


def test_a_chain_rewritten_from_the_start_is_found_by_a_head(written: Store) -> None:
    assert any("rewritten" in fault for fault in faults(written, (Head(2, "0" * 64),)))


def test_an_entry_of_another_past_is_found_though_its_mac_is_right(written: Store) -> None:
    """A store is put back and goes on; then an entry of the first past is put in the place of one of the second. All were written with the key."""

    def read_by(actor: Actor) -> None:
        case_as_known(written, actor, KEY)

    def last(connection: Connection) -> dict[str, Any]:
        return dict(connection.execute(select(audit).order_by(audit.c.seq.desc()).limit(1)).mappings().one())

    read_by(CHAIR)
    with written.read() as connection:
        first_past = last(connection)
    tamper(written, lambda connection: connection.execute(delete(audit).where(audit.c.seq == first_past["seq"])))
    read_by(EDITOR)
    read_by(EDITOR)
    assert faults(written) == ()

    def swap(connection: Connection) -> None:
        connection.execute(delete(audit).where(audit.c.seq == first_past["seq"]))
        connection.execute(insert(audit).values(first_past))

    tamper(written, swap)
    assert any("does not continue" in fault for fault in faults(written))


def test_an_empty_chain_is_whole(store: Store) -> None:
    with store.read() as connection:
        assert head_of(connection).seq == 1  # the centre
        assert verify(connection, store.audit_key, [Head(0, FIRST_MAC)]).faults == ()


def test_the_mac_is_the_one_of_the_documented_recipe(written: Store) -> None:
    """Worked out here from the sentence in the module, not by its code."""
    with written.read() as connection:
        first, second = connection.execute(select(audit).order_by(audit.c.seq).limit(2)).mappings().all()
    entry = [
        first["mac"],
        2,
        second["at"].strftime("%Y-%m-%dT%H:%M:%S.%f+00:00"),
        *(second[name] for name in ("actor", "action", "centre", "case", "detail", "digest")),
    ]
    spelt = json.dumps(entry, separators=(",", ":"), ensure_ascii=False)
    key = bytes.fromhex((written.folder.keys / "audit.key").read_text())
    assert second["mac"] == hmac.digest(key, spelt.encode(), "sha256").hex()


def test_heads_are_kept_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "heads.jsonl"
    assert read_heads(path) == ()
    for seq in (3, 7):
        keep_head(path, Head(seq, f"{seq:064x}"), dt.datetime(2025, 1, 1, tzinfo=dt.UTC))
    assert [head.seq for head in read_heads(path)] == [3, 7]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_line_that_a_fault_cut_off_takes_no_head_with_it(tmp_path: Path) -> None:
    path = tmp_path / "heads.jsonl"
    keep_head(path, Head(3, "3" * 64), dt.datetime(2025, 1, 1, tzinfo=dt.UTC))
    whole = path.read_text()
    with path.open("a") as file:
        file.write(whole[:40])
    keep_head(path, Head(7, "7" * 64), dt.datetime(2025, 1, 1, tzinfo=dt.UTC))
    with pytest.raises(BadInput, match="line 2"):  # told, since it may as well be one that someone took away
        read_heads(path)
    lines = path.read_text().splitlines()
    path.write_text(f"{lines[0]}\n{lines[2]}\n")
    assert [head.seq for head in read_heads(path)] == [3, 7]


def test_heads_that_cannot_be_written_or_read_are_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be written"):
        keep_head(tmp_path, Head(3, "3" * 64), dt.datetime(2025, 1, 1, tzinfo=dt.UTC))
    with pytest.raises(BadInput, match="cannot be read"):
        read_heads(Path("/proc/self/mem"))  # a file whose reading fails, for root too


@pytest.mark.parametrize("line", ["{}", "[]", "{", '{"seq": "x", "mac": ""}', "\x00\xff", "null"])
def test_a_file_that_holds_no_heads_is_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "h.jsonl").write_text(line + "\n")
    with pytest.raises(BadInput, match="line 1"):
        read_heads(tmp_path / "h.jsonl")
