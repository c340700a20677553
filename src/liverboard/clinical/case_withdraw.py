"""Taking back an event that never was true of this patient, and undoing that: the new events that do it. Nothing is overwritten."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from liverboard.clinical.case_file import write_case
from liverboard.clinical.events import AnyEvent, Case, Withdrawal
from liverboard.errors import BadInput


def withdrawal_of(case: Case, event_id: str, reason: str) -> Mapping[str, Any]:
    """The event that takes `event_id` back, as a case file in JSON writes it. Its date is the earliest that the event ever had, so that no day sees it any more.

    Raises BadInput: there is no such event, it is corrected, withdrawn, or a withdrawal itself, or no reason is given.
    """
    event = _uncorrected(case, event_id)
    if isinstance(event, Withdrawal):
        raise BadInput("this is a withdrawal itself", hint="Undo it instead.")
    if not reason.strip():
        raise BadInput("a withdrawal needs a reason", hint="Such as: entered for another patient.")
    dates = [event.date]
    by_id = {each.id: each for each in case.events}
    before = event.corrects
    while before is not None:
        dates.append(by_id[before].date)
        before = by_id[before].corrects
    return {"kind": "withdrawal", "date": min(dates).isoformat(), "corrects": event_id, "reason": reason.strip()}


def restated(case: Case, withdrawal_id: str) -> Mapping[str, Any]:
    """The event that undoes a withdrawal: what was taken back, said again, as a case file in JSON writes it. Raises BadInput: it is none, or was undone already."""
    withdrawal = _uncorrected(case, withdrawal_id)
    if not isinstance(withdrawal, Withdrawal):
        raise BadInput("this event is no withdrawal", hint="Look for it among the events of the case.")
    taken_back = next(event for event in case.events if event.id == withdrawal.corrects)
    said: dict[str, Any] = json.loads(write_case(case.model_copy(update={"events": (taken_back,)}), is_json=True))["events"][0]  # fmt: skip
    kept = {name: value for name, value in said.items() if name not in {"id", "recorded", "corrects"}}
    return {**kept, "corrects": withdrawal_id}


def _uncorrected(case: Case, event_id: str) -> AnyEvent:
    event = next((event for event in case.events if event.id == event_id), None)
    if event is None:
        raise BadInput("the case has no such event", hint="Look for it among its events.")
    after = next((each for each in case.events if each.corrects == event_id), None)
    if isinstance(after, Withdrawal):
        raise BadInput("this event is withdrawn already", hint="Undo its withdrawal where that was wrong.")
    if after is not None and isinstance(event, Withdrawal):
        raise BadInput("this withdrawal is undone already", hint="The event that undid it counts.")
    if after is not None:
        raise BadInput("this event was corrected already", hint="Withdraw the event that replaced it.")
    return event
