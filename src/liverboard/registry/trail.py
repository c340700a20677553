"""Reading the audit trail: who did what, newest first."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import islice
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, and_, or_, select, true

from liverboard.registry.audit import Entry
from liverboard.registry.covered import WROTE
from liverboard.registry.permissions import Actor
from liverboard.registry.schema import audit, cases, centres
from liverboard.registry.spans import holds
from liverboard.registry.store import Store

NUMBERS: Final = "numbers"  # the word of an entry's detail under which the cases of a long list stand


def read_trail(
    store: Store, by: Actor, *, centre: str | None = None, case: str | None = None, before: int | None = None, limit: int = 200
) -> tuple[tuple[int, Entry], ...]:  # fmt: skip
    """Entries with their numbers, newest first, of `centre` and `case` where given; `before`: entries older than this number, to page on.

    An entry of several cases, such as an agenda or an export, is an entry of each of them, whether it names them or numbers them.

    Who belongs to a centre sees the entries of that centre, and of readings across centres those that a case of theirs was part of. Raises NotPermitted.
    """
    by.require("see_audit", centre)
    query = select(audit).order_by(audit.c.seq.desc())
    names = {name for name in (by.centre, centre) if name is not None}
    theirs = and_(true(), *(audit.c.centre == name for name in names))
    if before is not None:
        query = query.where(audit.c.seq < before)
    with store.read() as connection:
        if case is None:
            rows = connection.execute(query.where(theirs).limit(limit)).all()
        else:
            asked = _asked(connection, case, names)
            everywhere = and_(audit.c.centre.is_(None), _says(NUMBERS))
            some = or_(_has(audit.c.detail, _quoted(case)), _says(NUMBERS))
            query = query.where(or_(theirs, everywhere) if names else true(), or_(audit.c.case == case, and_(audit.c.case.is_(None), some)))  # fmt: skip
            stream = connection.execute(query.execution_options(yield_per=500))
            rows = list(islice((row for row in stream if asked(row)), limit))
            stream.close()
        return tuple((r.seq, Entry(r.at, r.actor, r.action, r.centre, r.case, _told(r.detail), r.digest)) for r in rows)


def _asked(connection: Connection, case: str, names: set[str]) -> Callable[[Row[Any]], bool]:
    """Whether a row is about the case: it is its own, names it in a list, or numbers it."""
    query = select(cases.c.id).join(centres, centres.c.id == cases.c.centre_id).where(cases.c.pseudonym == case)
    numbers = tuple(connection.scalars(query.where(*(centres.c.name == name for name in names))))

    def about(row: Row[Any]) -> bool:
        if row.case == case or _quoted(case) in row.detail:
            return True
        spans = json.loads(row.detail).get(NUMBERS, "")
        return isinstance(spans, str) and any(holds(spans, number) for number in numbers)

    return about


def _quoted(case: str) -> str:
    return json.dumps(case, ensure_ascii=False)


def _says(word: str) -> ColumnElement[bool]:
    return _has(audit.c.detail, f'"{word}":"')


def _has(column: Any, text: str) -> ColumnElement[bool]:
    return column.contains(text, autoescape=True)


def _told(detail: str) -> dict[str, Any]:
    """What an entry says to people: its seals are for `verify`."""
    return {name: value for name, value in json.loads(detail).items() if name != WROTE}
