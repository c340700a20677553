"""From when response is counted: the treatment that starts the clock, and small calendar helpers."""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Collection, Sequence

from liverboard.clinical.events import AnyEvent, Procedure
from liverboard.clinical.extent import Frozen

SIRT = frozenset({"sirt_resin", "sirt_glass", "sirt_ho166"})
TRANSARTERIAL = SIRT | {"tae", "ctace", "debtace"}
NO_START = "no liver-directed treatment starts the clock"
NO_START_HINT = "name another event as the start, such as the first cycle of a drug"
LIVER_DIRECTED = TRANSARTERIAL | {
    "rfa", "mwa", "cryo", "liver_resection", "liver_transplantation", "external_liver_radiation",
}  # fmt: skip


class Start(Frozen):
    """The event that starts a clock. `name`: in words."""

    name: str
    date: dt.date
    event: str


def start_of(events: Sequence[AnyEvent], start: str | None = None) -> Start | None:
    """The event with the id `start`; without one, the first liver-directed treatment. None where the visible events hold no such event.

    The first session counts, not the latest: later sessions are part of the treatment, and a clock that began anew at each would hide progression between them.
    """
    if start is not None:
        return next((Start(name=_name(e), date=e.date, event=e.id) for e in events if e.id == start), None)
    return first_procedure(events, LIVER_DIRECTED, "first liver-directed treatment")


def first_procedure(events: Sequence[AnyEvent], techniques: Collection[str], name: str) -> Start | None:
    """The first procedure of one of `techniques` (events in order of date)."""
    for event in events:
        if isinstance(event, Procedure) and event.technique in techniques:
            return Start(name=f"{name} ({event.technique})", date=event.date, event=event.id)
    return None


def _name(event: AnyEvent) -> str:
    return f"{event.kind} ({event.technique})" if isinstance(event, Procedure) else str(event.kind)


def add_months(day: dt.date, months: int) -> dt.date:
    """The same day of the month so many months later, or the last day of a shorter month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return dt.date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
