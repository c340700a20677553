"""Taking back an event that never was true of this patient, and undoing that: the new events that do it. Nothing is overwritten."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from liverboard.clinical.derive_timeline import origin_of, replaced_by, undoings
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
    target = {each.id: each.corrects for each in case.events}
    first = origin_of(event_id, target)
    dates = [each.date for each in case.events if origin_of(each.id, target) == first]
    return {"kind": "withdrawal", "date": min(dates).isoformat(), "corrects": event_id, "reason": reason.strip()}


def undoing_of(case: Case, withdrawal_id: str) -> Mapping[str, Any]:
    """The event that undoes a withdrawal, as a case file in JSON writes it: on every day the case is again as if it had never been withdrawn.

    Raises BadInput: it is no withdrawal, undoes one, or was undone already.
    """
    withdrawal = _uncorrected(case, withdrawal_id)
    if not isinstance(withdrawal, Withdrawal):
        raise BadInput("this event is no withdrawal", hint="Look for it among the events of the case.")
    if withdrawal_id in undoings(case.events):
        raise BadInput("this event undoes a withdrawal", hint="Withdraw the event that counts again.")
    return {"kind": "withdrawal", "date": withdrawal.date.isoformat(), "corrects": withdrawal_id}


def _uncorrected(case: Case, event_id: str) -> AnyEvent:
    event = next((event for event in case.events if event.id == event_id), None)
    if event is None:
        raise BadInput("the case has no such event", hint="Look for it among its events.")
    after_id = replaced_by(case.events).get(event_id)
    after = next((each for each in case.events if each.id == after_id), None)
    if after is not None and isinstance(event, Withdrawal):
        raise BadInput("this withdrawal is undone already", hint="What it took back counts again.")
    if isinstance(after, Withdrawal):
        raise BadInput("this event is withdrawn already", hint="Undo its withdrawal where that was wrong.")
    if after is not None:
        raise BadInput("this event was corrected already", hint="Withdraw the event that replaced it.")
    return event
