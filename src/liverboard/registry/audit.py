"""The audit trail: append-only entries, chained by a keyed digest, so that `verify.py` finds any change, removal, insertion or truncation.

The MAC of an entry is HMAC-SHA256 (RFC 2104, FIPS 180-4) under the audit key, which is not in the database, over the MAC before it and the entry itself. An entry that wrote
rows carries their digest. The head of the chain, kept outside the database, shows a chain that was cut short or put back to an older state.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, select

from liverboard.errors import BadInput
from liverboard.registry.schema import audit

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
    connection.execute(audit.insert().values(**row, mac=mac_of(key, row)))
    return head.seq + 1


def head_of(connection: Connection) -> Head:
    """The head of the chain; number 0 when nothing is written yet."""
    row = connection.execute(select(audit.c.seq, audit.c.mac).order_by(audit.c.seq.desc()).limit(1)).first()
    return Head(0, FIRST_MAC) if row is None else Head(row.seq, str(row.mac))  # SQLite keeps bytes there too


def fits(connection: Connection, key: bytes) -> bool:
    """Whether the first or the last entry was written with this key: who changed one of them locks nobody out. True where nothing is written yet."""
    ends = [select(audit).order_by(order).limit(1) for order in (audit.c.seq, audit.c.seq.desc())]
    fitting: list[bool] = []
    for query in ends:
        try:
            fitting += [
                hmac.compare_digest(mac_of(key, row), row["mac"]) for row in connection.execute(query).mappings()
            ]
        except (TypeError, ValueError):  # a value that no registry wrote
            fitting.append(False)
    return any(fitting) or not fitting


def mac_of(key: bytes, row: Mapping[Any, Any]) -> str:
    names = ("previous", "seq", "at", "actor", "action", "centre", "case", "detail", "digest")
    return hmac.new(key, canonical([row[name] for name in names]).encode(), hashlib.sha256).hexdigest()


# --- heads outside the database ------------------------------------------------------------------------------------------------------------------------


def keep_head(path: Path, head: Head, at: dt.datetime) -> None:
    """Add a head to a file of heads, a line of JSON each, and see it on the disk. Raises BadInput when it cannot be written."""
    line = (canonical({"seq": head.seq, "mac": head.mac, "at": at}) + "\n").encode()
    try:
        with os.fdopen(os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600), "r+b") as file:
            size = file.seek(0, os.SEEK_END)
            if size and os.pread(file.fileno(), 1, size - 1) != b"\n":
                line = b"\n" + line  # a line that was cut off by a fault takes no other with it
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise BadInput(
            f"the head of the audit chain cannot be written: {error.strerror}",
            where=path.name,
            hint="Check the place, its room and whose it is.",
        ) from None


def read_heads(path: Path) -> tuple[Head, ...]:
    """The heads of a file that `keep_head` wrote; none when there is no file. Raises BadInput."""
    if not path.is_file():
        return ()
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise BadInput(f"it cannot be read: {error.strerror}", where=path.name, hint="Check the rights of the file.") from None  # fmt: skip
    found: list[Head] = []
    for number, line in enumerate(lines, 1):
        try:
            read = json.loads(line)
            found.append(Head(int(read["seq"]), str(read["mac"])))
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            raise BadInput(
                f"line {number} is no head of an audit chain",
                where=path.name,
                hint='Expected lines such as {"at": ..., "mac": ..., "seq": 17}, as `liverboard registry verify --keep-head` writes them. Take a line out only when you know that a fault cut it off.',
            ) from None
    return tuple(found)
