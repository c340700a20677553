"""Which cases were written to since someone last looked, whoever wrote: a page, a command, another server."""

from __future__ import annotations

from sqlalchemy import func, select

from liverboard.registry.cases import CaseKey
from liverboard.registry.schema import cases, centres, events
from liverboard.registry.store import Store


def newest_event(store: Store) -> int:
    """The number of the event that was written last; 0 where there is none."""
    with store.read() as connection:
        return connection.scalar(select(func.max(events.c.seq))) or 0


def written_since(store: Store, event: int) -> tuple[CaseKey, ...]:
    """The cases that got events after this one, each once, the latest last."""
    query = (
        select(centres.c.name, cases.c.pseudonym)
        .join(cases, cases.c.id == events.c.case_id)
        .join(centres, centres.c.id == cases.c.centre_id)
        .where(events.c.seq > event)
        .group_by(centres.c.name, cases.c.pseudonym)
        .order_by(func.max(events.c.seq))
    )
    with store.read() as connection:
        return tuple(CaseKey(centre, case) for centre, case in connection.execute(query.select_from(events)))
