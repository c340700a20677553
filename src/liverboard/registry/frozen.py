"""What a signature freezes: decisions of a board that the store holds, which only who may sign one corrects, withdraws or outdoes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from liverboard.clinical.events import AnyEvent, Case
from liverboard.errors import NotPermitted
from liverboard.registry.permissions import Actor

_HINT: Final = "Ask the chair to correct or withdraw it on the page of the case."


def frozen_events(case: Case) -> frozenset[str]:
    """The decisions of a case, and the withdrawals of decisions: what no one corrects, withdraws or undoes who may not sign one."""
    by_id = {event.id: event for event in case.events}
    return frozenset(event.id for event in case.events if any(each.kind == "board" for each in _back(event, by_id)))


def decisions_touched(held: Case, added: Sequence[AnyEvent]) -> tuple[AnyEvent, ...]:
    """Those of `added` that change a decision of `held`: by a correction, a withdrawal, the undoing of one, or a second decision of its day, which would count instead."""
    frozen = frozen_events(held)
    days = {event.date for event in held.events if event.kind == "board"}
    by_id = {event.id: event for event in (*held.events, *added)}
    return tuple(
        event
        for event in added
        if (event.kind == "board" and event.date in days) or any(each.id in frozen for each in _back(event, by_id))
    )


def require_for_decisions(by: Actor, centre: str, held: Case, added: Sequence[AnyEvent]) -> None:
    """Raises NotPermitted when `added` changes a decision of `held`, and `by` may not sign decisions."""
    if not by.may("sign_off", centre) and decisions_touched(held, added):
        raise decision_is_frozen()


def decision_is_frozen() -> NotPermitted:
    return NotPermitted("a decision that is kept is changed only by who may sign decisions", hint=_HINT)


def may_not_change(by: Actor, centre: str, case: Case) -> frozenset[str]:
    """The events of a case that `by` may not correct, withdraw or undo, though they edit cases."""
    return frozenset() if by.may("sign_off", centre) else frozen_events(case)


def _back(event: AnyEvent, by_id: Mapping[str, AnyEvent]) -> Iterator[AnyEvent]:
    """The event, what it corrects, what that corrects, and so on."""
    current: AnyEvent | None = event
    while current is not None:
        yield current
        current = None if current.corrects is None else by_id.get(current.corrects)
