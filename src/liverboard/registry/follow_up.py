"""The follow-up list that feeds the next agenda: cases that come up for review, and actions of signed decisions that are still open."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from liverboard.errors import MissingData
from liverboard.registry.cases import CaseFilter, CaseKey, CaseLine, list_cases
from liverboard.registry.covered import Thing
from liverboard.registry.meetings import Action
from liverboard.registry.permissions import Actor
from liverboard.registry.schema import actions, cases, centres, decisions, meeting_cases, meetings
from liverboard.registry.store import Store, Transaction


@dataclass(frozen=True, slots=True)
class OpenAction:
    """An action of a signed decision that is not done yet."""

    case: CaseKey
    meeting: dt.date
    action: Action


class NoSuchAction(MissingData):
    http_status = 404


def follow_up(store: Store, by: Actor, due_by: dt.date, centre: str | None = None) -> tuple[tuple[CaseLine, ...], tuple[OpenAction, ...]]:  # fmt: skip
    """What the next agenda is made of: cases to be seen again by a day, and the actions of signed decisions that are not done."""
    due = list_cases(store, by, CaseFilter(centre=centre, states=("follow_up",), review_by=due_by))
    query = _signed_actions().where(actions.c.done.is_(None)).order_by(actions.c.due.nulls_last(), actions.c.id)
    for name in (by.centre, centre):
        if name is not None:
            query = query.where(centres.c.name == name)
    with store.read() as connection:
        rows = connection.execute(query).all()
    found = tuple(OpenAction(CaseKey(r.centre, r.pseudonym), r.date, Action(r.what, r.owner, r.due, r.id)) for r in rows)  # fmt: skip
    return due, found


def finish_action(tx: Transaction, centre: str, action_id: int) -> None:
    """An action of a signed decision is done. One that was done before stays as it was. Raises NoSuchAction, NotPermitted."""
    tx.by.require("take_minutes", centre)
    query = _signed_actions().where(actions.c.id == action_id, centres.c.name == centre)
    row = tx.connection.execute(query).first()
    if row is None:
        raise NoSuchAction("there is no such action", hint="Look for it in the follow-up list.")
    if row.done is not None:
        return
    tx.connection.execute(actions.update().where(actions.c.id == action_id).values(done=tx.at, done_by=tx.by.name))
    wrote: list[Thing] = [("decision", row.decision_id)]
    tx.note("action.done", centre=centre, case=row.pseudonym, detail={"action": action_id}, wrote=wrote)


def _signed_actions() -> Any:
    return (
        select(actions, cases.c.pseudonym, centres.c.name.label("centre"), meetings.c.date)
        .join(decisions, decisions.c.id == actions.c.decision_id)
        .join(meeting_cases, meeting_cases.c.id == decisions.c.meeting_case_id)
        .join(meetings, meetings.c.id == meeting_cases.c.meeting_id)
        .join(cases, cases.c.id == meeting_cases.c.case_id)
        .join(centres, centres.c.id == cases.c.centre_id)
        .where(decisions.c.signed.is_not(None))
    )
