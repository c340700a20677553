"""The audit trail: append-only entries, chained by a keyed digest, so that `verify` finds any change, removal, insertion or truncation.

The MAC of an entry is HMAC-SHA256 (RFC 2104, FIPS 180-4) under the audit key, which is not in the database, over the MAC before it and the entry itself. An entry that wrote
rows carries their digest. The head of the chain, kept outside the database, shows a chain that was cut short or put back to an older state.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from sqlalchemy import Connection, func, select

from liverboard.errors import BadInput
from liverboard.registry.schema import (
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
)

FIRST_MAC: Final = "0" * 64


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the trail. `detail`: plain values without any identifier. `digest`: of the rows that were written, by `digest_of_rows`."""

    at: dt.datetime
    actor: str
    action: str
    centre: str | None = None
    case: str | None = None
    detail: Mapping[str, Any] | None = None
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """The last entry of the chain at some moment."""

    seq: int
    mac: str


@dataclass(frozen=True, slots=True)
class Verified:
    """What `verify` found. `faults`: sentences, in the order of the trail; none when the store is as it was written."""

    entries: int
    rows: int
    heads: int
    faults: tuple[str, ...]


# --- digests -------------------------------------------------------------------------------------------------------------------------------------------


def canonical(value: object) -> str:
    """One spelling of plain values: keys sorted, no spaces. Moments and days as ISO text, moments in UTC."""
    return json.dumps(
        value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=_iso, allow_nan=False
    )  # fmt: skip


def _iso(value: object) -> str:
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat(timespec="microseconds")
    if isinstance(value, dt.date):
        return value.isoformat()
    raise TypeError(type(value).__name__)


def digest(*parts: object) -> str:
    """SHA-256 of plain values, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical(parts).encode()).hexdigest()


def digest_of_rows(digests: Sequence[str]) -> str:
    """What an entry carries for the rows that it wrote: headers, then events in order, then decisions."""
    return digest("rows", list(digests))


def header_digest(centre: str, case: str, row: Mapping[Any, Any]) -> str:
    return digest("header", centre, case, *(row[key] for key in ("version", "entered", "author", "content")))


def event_digest(centre: str, case: str, row: Mapping[Any, Any]) -> str:
    names = ("version", "event_id", "kind", "date", "entered", "author", "content")
    return digest("event", centre, case, *(row[key] for key in names))


def decision_digest(row: Mapping[Any, Any]) -> str:
    names = (
        "meeting_case_id", "version", "considered", "chosen", "reason", "deviation", "dissent", "follow_up_on", "changed_by", "changed",
        "signed_by", "signed",
    )  # fmt: skip
    return digest("decision", *(row[key] for key in names))


# --- writing -------------------------------------------------------------------------------------------------------------------------------------------


def append(connection: Connection, key: bytes, entry: Entry) -> int:
    """Write the next entry and give its number. The caller holds the only write transaction of the store."""
    head = head_of(connection)
    detail = canonical(entry.detail or {})
    row = {
        "seq": head.seq + 1,
        "at": entry.at,
        "actor": entry.actor,
        "action": entry.action,
        "centre": entry.centre,
        "case": entry.case,
        "detail": detail,
        "digest": entry.digest,
        "previous": head.mac,
    }
    connection.execute(audit.insert().values(**row, mac=_mac(key, row)))
    return head.seq + 1


def head_of(connection: Connection) -> Head:
    """The head of the chain; number 0 when nothing is written yet."""
    row = connection.execute(select(audit.c.seq, audit.c.mac).order_by(audit.c.seq.desc()).limit(1)).first()
    return Head(0, FIRST_MAC) if row is None else Head(row.seq, row.mac)


def _mac(key: bytes, row: Mapping[Any, Any]) -> str:
    names = ("previous", "seq", "at", "actor", "action", "centre", "case", "detail", "digest")
    return hmac.new(key, canonical([row[name] for name in names]).encode(), hashlib.sha256).hexdigest()


# --- heads outside the database ------------------------------------------------------------------------------------------------------------------------


def keep_head(path: Path, head: Head, at: dt.datetime) -> None:
    """Add a head to a file of heads, a line of JSON each, and see it on the disk."""
    line = canonical({"seq": head.seq, "mac": head.mac, "at": at}) + "\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(line.encode())
        file.flush()
        os.fsync(file.fileno())


def read_heads(path: Path) -> tuple[Head, ...]:
    """The heads of a file that `keep_head` wrote; none when there is no file. Raises BadInput."""
    if not path.is_file():
        return ()
    found: list[Head] = []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        try:
            read = json.loads(line)
            found.append(Head(int(read["seq"]), str(read["mac"])))
        except (ValueError, KeyError, TypeError):
            raise BadInput(
                f"line {number} is no head of an audit chain",
                where=path.name,
                hint='Expected lines such as {"at": ..., "mac": ..., "seq": 17}, as `liverboard registry verify --keep-head` writes them.',
            ) from None
    return tuple(found)


# --- verification --------------------------------------------------------------------------------------------------------------------------------------


def verify(connection: Connection, key: bytes, heads: Iterable[Head] = ()) -> Verified:
    """Hold the whole store against its chain, and the chain against heads kept elsewhere."""
    faults: list[str] = []
    macs: dict[int, str] = {}
    digests: dict[int, str] = {}
    previous, last = FIRST_MAC, 0
    for entry in connection.execution_options(yield_per=2000).execute(select(audit).order_by(audit.c.seq)).mappings():
        seq: int = entry["seq"]
        if seq != last + 1:
            faults.append(f"audit entries {last + 1} to {seq - 1} are missing")
        elif entry["previous"] != previous:
            faults.append(f"audit entry {seq} does not continue entry {last}: one of them was changed or replaced")
        if not hmac.compare_digest(_mac(key, entry), entry["mac"]):
            faults.append(f"audit entry {seq} was changed, or was not written with the audit key of this registry")
        previous, last = entry["mac"], seq
        macs[seq] = entry["mac"]
        if entry["digest"] is not None:
            digests[seq] = entry["digest"]
    rows, found = _verify_rows(connection, digests)
    faults += found
    compared = 0
    for head in heads:
        compared += 1
        if head.seq > last:
            faults.append(f"the trail ends at entry {last}, but its head was once entry {head.seq}: it was cut short")
        elif head.seq and macs.get(head.seq) != head.mac:
            faults.append(f"audit entry {head.seq} is another than when its head was kept: the trail was rewritten")
    faults += [*_verify_versions(connection), *_verify_minutes(connection), *_verify_told(connection)]
    return Verified(len(macs), rows, compared, tuple(faults))


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
    except ValueError:
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
