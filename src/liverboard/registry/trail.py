"""Reading the audit trail: who did what, newest first."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import and_, or_, select

from liverboard.registry.audit import Entry
from liverboard.registry.covered import WROTE
from liverboard.registry.permissions import Actor
from liverboard.registry.schema import audit
from liverboard.registry.store import Store


def read_trail(
    store: Store, by: Actor, *, centre: str | None = None, case: str | None = None, before: int | None = None, limit: int = 200
) -> tuple[tuple[int, Entry], ...]:  # fmt: skip
    """Entries with their numbers, newest first, of `centre` and `case` where given; `before`: entries older than this number, to page on.

    An entry of several cases, such as an agenda, is an entry of each that it names.

    Who belongs to a centre sees the entries of that centre. Raises NotPermitted.
    """
    by.require("see_audit", centre)
    query = select(audit).order_by(audit.c.seq.desc()).limit(limit)
    for name in (by.centre, centre):
        if name is not None:
            query = query.where(audit.c.centre == name)
    if case is not None:
        among = audit.c.detail.contains(json.dumps(case, ensure_ascii=False), autoescape=True)
        query = query.where(or_(audit.c.case == case, and_(audit.c.case.is_(None), among)))
    if before is not None:
        query = query.where(audit.c.seq < before)
    with store.read() as connection:
        return tuple(
            (r.seq, Entry(r.at, r.actor, r.action, r.centre, r.case, _told(r.detail), r.digest))
            for r in connection.execute(query)
        )


def _told(detail: str) -> dict[str, Any]:
    """What an entry says to people: its seals are for `verify`."""
    return {name: value for name, value in json.loads(detail).items() if name != WROTE}
