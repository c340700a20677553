"""A case as its rows say: which of them were known at a moment, and what they come to."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from pydantic import TypeAdapter
from sqlalchemy import Connection, Row, func, select

from liverboard.clinical.events import AnyEvent, Case
from liverboard.registry.schema import CaseState, events, headers

_EVENT: Final[TypeAdapter[AnyEvent]] = TypeAdapter(AnyEvent)


@dataclass(frozen=True, slots=True)
class CaseKey:
    """Which case: a pseudonym is unique within its centre."""

    centre: str
    case: str


@dataclass(frozen=True, slots=True)
class Entered:
    """An event with who entered it and when."""

    event: AnyEvent
    author: str
    at: dt.datetime
    version: int


@dataclass(frozen=True, slots=True)
class StoredCase:
    """A case as of one version. `state` and `review_on` are those of today, whatever the version."""

    key: CaseKey
    version: int
    state: CaseState
    review_on: dt.date | None
    case: Case
    entered: tuple[Entered, ...]


def stored_cases(
    connection: Connection, rows: Iterable[Row[Any]], known_at: dt.datetime | None
) -> Iterator[StoredCase]:
    """The cases of these rows, each with the name of its centre, as they were known at a moment (None: now); one that was not there yet is left out."""
    rows = list(rows)
    ids = [row.id for row in rows]
    known = None if known_at is None else _versions_known(connection, ids, known_at)
    newest: dict[int, Row[Any]] = {}
    for header in _until(connection, headers, ids, known):
        newest[header.case_id] = header  # ordered by seq: the last one stays
    entries = {
        case_id: list(group)
        for case_id, group in groupby(_until(connection, events, ids, known), key=lambda row: row.case_id)
    }
    for row in rows:
        header = newest.get(row.id)
        if header is None:
            continue
        of_case = entries.get(row.id, [])
        stated = json.loads(header.content)
        read = tuple(_EVENT.validate_python(json.loads(entry.content)) for entry in of_case)
        case = Case(**stated, case=row.pseudonym, centre=row.centre, synthetic=row.synthetic or None, events=read)
        entered = tuple(Entered(e, x.author, x.entered, x.version) for e, x in zip(read, of_case, strict=True))
        version = max([header.version, *(entry.version for entry in of_case)])
        yield StoredCase(CaseKey(row.centre, row.pseudonym), version, row.state, row.review_on, case, entered)


def _versions_known(connection: Connection, ids: Sequence[int], known_at: dt.datetime) -> dict[int, int]:
    """The last version of each case that was written by a moment. With it count the versions before, also where the clock was set back between them."""
    known: dict[int, int] = {}
    for table in (headers, events):
        query = select(table.c.case_id, func.max(table.c.version).label("version")).group_by(table.c.case_id)
        for row in connection.execute(query.where(table.c.case_id.in_(ids), table.c.entered <= known_at)):
            known[row.case_id] = max(row.version, known.get(row.case_id, 0))
    return known


def _until(connection: Connection, table: Any, ids: Sequence[int], known: Mapping[int, int] | None) -> Iterator[Row[Any]]:  # fmt: skip
    """The rows of cases in the order in which they came, of the versions that were `known` (None: of all)."""
    query = select(table).where(table.c.case_id.in_(ids)).order_by(table.c.case_id, table.c.seq)
    for row in connection.execute(query):
        if known is None or row.version <= known.get(row.case_id, 0):
            yield row
