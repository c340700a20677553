"""Holding the store against its trail: what was changed, removed, put in or cut off behind the registry's back, in the trail, in its rows and in the files of studies."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from sqlalchemy import Connection, func, select

from liverboard.registry.audit import (
    FIRST_MAC,
    Head,
    decision_digest,
    digest_of_rows,
    event_digest,
    header_digest,
    mac_of,
)
from liverboard.registry.covered import all_seals, seals_in
from liverboard.registry.schema import (  # fmt: skip
    accounts,
    actions,
    audit,
    cases,
    centres,
    decisions,
    events,
    headers,
    meeting_cases,
    meetings,
    metadata,
    studies,
)
from liverboard.registry.study_files import digest_of_file, files_of, is_derived

_WITH: Final = {
    "decision": " with its actions",
    "meeting": " with its agenda and attendance",
    "account": " with its link",
}
_BEFORE: Final = "{} accounts, cases, centres, meetings, minutes and studies were last written by an older release: "


@dataclass(frozen=True, slots=True)
class Verified:
    """What `verify` found. `faults`: sentences, in the order of the trail; none when the store is as it was written. `notes`: what it could not look at, and why."""

    entries: int
    rows: int
    heads: int
    faults: tuple[str, ...]
    notes: tuple[str, ...] = ()


def verify(connection: Connection, key: bytes, heads: Iterable[Head] = ()) -> Verified:
    """Hold the whole store against its chain, and the chain against heads kept elsewhere."""
    try:
        return _held_against(connection, key, heads)
    except Exception as error:
        if _is_unreadable(error) and (strange := tuple(_strange(connection))):
            return Verified(0, 0, 0, strange)
        raise


def _is_unreadable(error: Exception) -> bool:
    """Whether it comes from a value that no write of the registry can have left, such as a day that is none: SQLite keeps anything in any column."""
    return isinstance(error, (TypeError, ValueError)) or "decode" in str(getattr(error, "orig", ""))


def _strange(connection: Connection) -> Iterator[str]:
    """Every such value, and where a table cannot be read on."""
    for table in metadata.sorted_tables:
        key = next(iter(table.primary_key.columns))
        last: object = 0
        try:
            for row in connection.execute(select(table).order_by(key)).mappings():
                last = row[key]
                for column in table.columns:
                    is_true = isinstance(row[column], column.type.python_type)
                    if not is_true and not (row[column] is None and column.nullable):
                        yield f"{table.name} row {last} holds no true value of {column.name}"
        except Exception as error:
            if not _is_unreadable(error):
                raise
            yield f"the row of {table.name} after row {last} holds a value that cannot be read"


def _held_against(connection: Connection, key: bytes, heads: Iterable[Head]) -> Verified:
    faults: list[str] = []
    macs: dict[int, str] = {}
    digests: dict[int, str] = {}
    sealed: dict[str, tuple[int, str]] = {}
    covered_from = 0
    previous, last = FIRST_MAC, 0
    for entry in connection.execution_options(yield_per=2000).execute(select(audit).order_by(audit.c.seq)).mappings():
        seq: int = entry["seq"]
        if seq != last + 1:
            faults.append(f"audit entries {last + 1} to {seq - 1} are missing")
        elif entry["previous"] != previous:
            faults.append(f"audit entry {seq} does not continue entry {last}: one of them was changed or replaced")
        if not hmac.compare_digest(mac_of(key, entry), entry["mac"]):
            faults.append(f"audit entry {seq} was changed, or was not written with the audit key of this registry")
        previous, last = entry["mac"], seq
        macs[seq] = entry["mac"]
        if entry["digest"] is not None:
            digests[seq] = entry["digest"]
        for name, seal in seals_in(entry["detail"]).items():
            covered_from = covered_from or seq
            sealed[name] = (seq, seal)
    rows, found = _verify_rows(connection, digests)
    faults += found
    compared = 0
    for head in heads:
        compared += 1
        if head.seq > last:
            faults.append(f"the trail ends at entry {last}, but its head was once entry {head.seq}: it was cut short")
        elif head.seq and macs.get(head.seq) != head.mac:
            faults.append(f"audit entry {head.seq} is another than when its head was kept: the trail was rewritten")
    faults += [
        *_verify_order(connection),
        *_verify_versions(connection),
        *_verify_minutes(connection),
        *_verify_told(connection),
    ]
    things, found, notes = _verify_sealed(connection, key, sealed, covered_from)
    return Verified(len(macs), rows + things, compared, (*faults, *found), notes)


def _verify_sealed(
    connection: Connection, key: bytes, sealed: Mapping[str, tuple[int, str]], covered_from: int
) -> tuple[int, list[str], tuple[str, ...]]:
    """Everything that may change, against the entry that wrote it last; gives how many things, faults, notes."""
    faults: list[str] = []
    there: set[str] = set()
    for name, seal in all_seals(connection, key):
        there.add(name)
        written_by, expected = sealed.get(name, (0, ""))
        if not written_by and covered_from:
            faults.append(f"{_row_of(name)} was put in: no entry wrote it")
        elif written_by and not hmac.compare_digest(seal, expected):
            faults.append(f"{_row_of(name)} is not as audit entry {written_by} wrote it")
    gone = ((name, written_by) for name, (written_by, _) in sealed.items() if name not in there)
    faults += [f"{_row_of(name)}, which audit entry {seq} wrote, is not there any more" for name, seq in gone]
    if not covered_from:
        return len(there), faults, (_BEFORE.format(len(there)) + "they are watched once the registry is up to date",)
    taken_over = sum(seq == covered_from for seq, _ in sealed.values())
    if covered_from == 1 or not taken_over:
        return len(there), faults, ()
    return len(there), faults, (_BEFORE.format(taken_over) + f"they are watched from audit entry {covered_from} on",)


def _row_of(name: str) -> str:
    kind, number = name.split()
    return f"{kind} row {number}{_WITH.get(kind, '')}"


def verify_files(connection: Connection, folder: Path, some: Iterable[int] | None = None) -> Iterator[tuple[int, str]]:
    """(study, what is wrong) for the files of studies (`some`: of these only) below `folder` that are not those that arrived or were measured."""
    query = select(studies.c.id, studies.c.path, studies.c.files).where(studies.c.files.is_not(None)).order_by(studies.c.id)  # fmt: skip
    if some is not None:
        query = query.where(studies.c.id.in_(list(some)))
    for row in connection.execute(query.execution_options(yield_per=50)):
        kept = cast("dict[str, str]", _read(row.files))
        there = files_of(folder / row.path)
        for name in sorted(kept.keys() | there.keys()):
            if name not in there:
                yield row.id, f"study {row.id} lacks its file {name}"
            elif name not in kept and not is_derived(name):
                yield row.id, f"a file was put into study {row.id}: {name}"
            elif name in kept and digest_of_file(there[name]) != kept[name]:
                yield row.id, f"file {name} of study {row.id} was changed"


def _verify_rows(connection: Connection, digests: dict[int, str]) -> tuple[int, list[str]]:
    """Every header, event and signed decision against the digest in the entry that wrote it."""
    faults: list[str] = []
    written: dict[int, list[str]] = {}
    count = 0
    for audit_seq, stored, computed, what in _rows(connection):
        count += 1
        if stored != computed:
            faults.append(f"{what} was changed")
        written.setdefault(audit_seq, []).append(computed)
    for seq in sorted(digests.keys() | written.keys()):
        if seq not in digests:
            faults.append(f"rows were put in under audit entry {seq}, which wrote none")
        elif digest_of_rows(written.get(seq, ())) != digests[seq]:
            faults.append(f"the rows under audit entry {seq} are not those that it wrote: changed, removed or put in")
    return count, faults


def _rows(connection: Connection) -> Iterator[tuple[int, str, str, str]]:
    """(audit entry, stored digest, computed digest, what it is) of every row that an entry answers for."""
    stream = connection.execution_options(yield_per=2000)
    named = (centres.c.name.label("centre"), cases.c.pseudonym)
    for table, compute, word in ((headers, header_digest, "header"), (events, event_digest, "event")):
        query = select(table, *named).join(cases, cases.c.id == table.c.case_id).join(centres, centres.c.id == cases.c.centre_id).order_by(table.c.seq)  # fmt: skip
        for entry in stream.execute(query).mappings():
            yield entry["audit_seq"], entry["digest"], compute(entry["centre"], entry["pseudonym"], entry), f"{word} row {entry['seq']}"  # fmt: skip
    signed = select(decisions).where(decisions.c.signed.is_not(None)).order_by(decisions.c.id)
    for entry in stream.execute(signed).mappings():
        yield entry["audit_seq"] or 0, entry["digest"], decision_digest(entry), f"signed decision {entry['id']}"


def _verify_order(connection: Connection) -> Iterator[str]:
    """Rows stand in the order in which the trail wrote them: the last header counts, and of two events of a day the later."""
    for table, word in ((headers, "header"), (events, "event")):
        before = 0
        for row in connection.execute(select(table.c.seq, table.c.audit_seq).order_by(table.c.seq)):
            if row.audit_seq < before:
                yield f"{word} row {row.seq} stands behind one that was written later"
            before = row.audit_seq


def _verify_versions(connection: Connection) -> list[str]:
    newest: dict[int, int] = {}
    for table in (headers, events):
        latest = select(table.c.case_id, func.max(table.c.version).label("version")).group_by(table.c.case_id)
        for row in connection.execute(latest):
            newest[row.case_id] = max(newest.get(row.case_id, 0), row.version)
    found = connection.execute(select(cases.c.id, cases.c.version)).all()
    return [
        f"case row {row.id} counts {row.version} writes, its rows show {newest.get(row.id, 0)}"
        for row in found
        if row.version != newest.get(row.id)
    ]


def _verify_minutes(connection: Connection) -> Iterator[str]:
    """Every signed decision stands where it was signed, with the actions that the `board` event of the case repeats."""
    planned: dict[int, list[tuple[str | None, ...]]] = {}
    for row in connection.execute(select(actions).order_by(actions.c.id)):
        planned.setdefault(row.decision_id, []).append(_action({"what": row.what, "owner": row.owner, "due": row.due}))
    query = (
        select(decisions.c.id, meeting_cases.c.case_id, meetings.c.date, meetings.c.centre_id, events.c.case_id.label("signed_for"), events.c.content)
        .select_from(decisions)
        .outerjoin(meeting_cases, meeting_cases.c.id == decisions.c.meeting_case_id)
        .outerjoin(meetings, meetings.c.id == meeting_cases.c.meeting_id)
        .outerjoin(events, events.c.audit_seq == decisions.c.audit_seq)
        .where(decisions.c.signed.is_not(None))
        .order_by(decisions.c.id)
    )  # fmt: skip
    for row in connection.execute(query):
        said = _read(row.content)
        if row.case_id is None or row.case_id != row.signed_for or str(row.date) != said.get("date"):
            yield f"signed decision {row.id} stands under another case or meeting than the one that it was signed for"
        elif planned.get(row.id, []) != _actions_in(said):
            yield f"the actions of signed decision {row.id} are not those that were signed"


def _read(text: str | None) -> dict[str, Any]:
    """A row's content; empty where it was changed beyond reading, which its digest tells."""
    try:
        read: Any = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", read) if isinstance(read, dict) else {}


def _actions_in(event: Mapping[str, Any]) -> list[tuple[str | None, ...]]:
    listed = event.get("actions", [])
    known = cast("list[Any]", listed) if isinstance(listed, list) else []
    return [_action(cast("dict[str, Any]", each)) for each in known if isinstance(each, dict)]


def _action(said: Mapping[str, Any]) -> tuple[str | None, ...]:
    stated = (said.get(name) for name in ("what", "owner", "due"))
    return tuple(None if value is None else " ".join(str(value).split()) for value in stated)


def _verify_told(connection: Connection) -> Iterator[str]:
    """What only the trail tells of a row: who was given which role, and which cases came in as synthetic."""
    roles: dict[str, dict[str, Any]] = {}
    synthetic: dict[tuple[str, str], bool] = {}
    told = select(audit).where(audit.c.action.in_(("account.create", "account.change", "case.add"))).order_by(audit.c.seq)  # fmt: skip
    for entry in connection.execute(told):
        detail = _read(entry.detail)
        if entry.action != "case.add":
            known = roles.setdefault(detail.get("account", ""), {"active": True, "centre": entry.centre})
            known.update({name: detail[name] for name in ("role", "active") if name in detail})
        elif "synthetic" in detail:
            synthetic[entry.centre, entry.case] = detail["synthetic"]
    named = select(accounts, centres.c.name.label("centre")).outerjoin(centres, centres.c.id == accounts.c.centre_id)
    for row in connection.execute(named.order_by(accounts.c.id)):
        if roles.get(row.name) != {"role": row.role, "active": row.active, "centre": row.centre}:
            yield f"account row {row.id} has a role, a centre or a state that nobody gave it"
    marked = select(cases.c.id, cases.c.pseudonym, cases.c.synthetic, centres.c.name).join(centres, centres.c.id == cases.c.centre_id)  # fmt: skip
    for row in connection.execute(marked.order_by(cases.c.id)):
        if synthetic.get((row.name, row.pseudonym), row.synthetic) != row.synthetic:
            yield f"case row {row.id} is marked {'synthetic' if row.synthetic else 'real'}, and did not come in so"
