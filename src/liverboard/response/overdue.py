"""What is overdue on one day: controls of the liver after SIRT, and actions of the board whose day has passed."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from liverboard.clinical.derive_timeline import visible_events
from liverboard.clinical.events import Board, Case
from liverboard.clinical.extent import Frozen
from liverboard.response.late_toxicity import Control, late_toxicity_of


class Overdue(Frozen):
    """One thing whose day has passed. `state`: overdue; incomplete (done in part, `missing` says what is not there); missed (the next control is nearer);

    unconfirmed (an action of the board: nothing in the case can say that it was done).
    """

    what: str
    due: dt.date
    days: int
    state: Literal["overdue", "incomplete", "missed", "unconfirmed"]
    event: str
    owner: str | None = None
    missing: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()


def overdue_of(case: Case, as_of: dt.date, known_at: dt.date | dt.datetime | None = None) -> tuple[Overdue, ...]:
    """What was due before `as_of`, by what was true by then and entered by `known_at`; the earliest day first."""
    found: list[Overdue] = []
    for sirt in late_toxicity_of(case, as_of, known_at):
        for control in sirt.controls:
            state = _state(control)
            if state is not None and control.due < as_of:
                found.append(
                    Overdue(
                        what=f"liver function {_months(control.months)} after {sirt.technique} of {sirt.date}",
                        due=control.due,
                        days=(as_of - control.due).days,
                        state=state,
                        event=sirt.procedure,
                        missing=control.missing,
                        sources=sirt.sources,
                    )
                )
    events, _ = visible_events(case, as_of, known_at)
    found += [
        Overdue(what=action.what, due=action.due, days=(as_of - action.due).days, state="unconfirmed", event=event.id, owner=action.owner)
        for event in events
        if isinstance(event, Board)
        for action in event.actions or ()
        if action.due is not None and action.due < as_of
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda entry: entry.due))


def _state(control: Control) -> Literal["overdue", "incomplete", "missed"] | None:
    if control.state == "partly_done":
        return "incomplete"
    return control.state if control.state in {"overdue", "missed"} else None  # pyright: ignore[reportReturnType]


def _months(months: int) -> str:
    if months >= 12:
        return f"{months // 12} year{'s' if months > 12 else ''}"
    return f"{months} month{'s' if months > 1 else ''}"
