"""An event taken back that was never true of this patient, and the undoing of that: one page that shows what changes, then a reason and a button."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from liverboard.clinical.case_withdraw import undoing_of, withdrawal_of
from liverboard.clinical.events import AnyEvent, Withdrawal, kind_behind
from liverboard.clinical.extent import Frozen
from liverboard.errors import BadInput, NotPermitted, UserError
from liverboard.registry.cases import Conflict, undo_withdrawal, withdraw
from liverboard.report.words import anchor
from liverboard.web.drafts import what_it_changes, with_events
from liverboard.web.gate import Form, Here, Person, who_may
from liverboard.web.moves import Effect
from liverboard.web.notices import Notice, on_to
from liverboard.web.opened import Opened, OpenedCase
from liverboard.web.pages import page
from liverboard.web.site import Site

router = APIRouter(tags=["events"])
Editor = Annotated[Person, who_may("edit_cases")]
_SOME_REASON = "not said yet"  # for looking ahead only


class WithdrawalPage(Frozen):
    """What taking an event back would change, or undoing that where `undo`. `version`: of the case, to be sent back."""

    event: str
    kind: str
    undo: bool
    as_of: dt.date
    effect: Effect
    version: int


@router.get("/cases/{centre}/{case}/events/withdraw", responses={200: {"model": WithdrawalPage}})
def withdrawal_form(
    request: Request, site: Here, who: Editor, opened: Opened, event: Annotated[str, Query(max_length=100)] = ""
) -> Response:
    """What changes when an event is taken back; of a withdrawal, what changes when it is undone."""
    found = _event(opened, who, event)
    return _page(request, site, opened, found)


@router.post("/cases/{centre}/{case}/events/withdraw")
def withdraw_it(request: Request, site: Here, who: Editor, opened: Opened, form: Form) -> Response:
    """Take the event back, with a reason; or undo its withdrawal."""
    found = _event(opened, who, form.get("event", ""))
    version = form.get("version", "")
    seen = int(version) if version.isascii() and version.isdigit() and len(version) < 10 else -1
    try:
        with site.store.transaction(who) as tx:
            if isinstance(found, Withdrawal):
                undo_withdrawal(tx, opened.stored.key, found.id, seen)
                told = Notice.EVENT_COUNTS_AGAIN
            else:
                withdraw(tx, opened.stored.key, found.id, form.get("reason", ""), seen)
                told = Notice.EVENT_WITHDRAWN
    except (BadInput, Conflict, NotPermitted) as error:
        return _page(request, site, opened, found, form.get("reason", ""), error)
    return on_to(f"{opened.path}/events", told)


def _event(opened: OpenedCase, who: Person, name: str) -> AnyEvent:
    """The event that may be taken back, or the withdrawal that may be undone. Raises BadInput, NotPermitted."""
    who.require("edit_cases", opened.stored.key.centre)
    opened.require_change(name)
    case = opened.stored.case
    found = next((event for event in case.events if event.id == name), None)
    if isinstance(found, Withdrawal):
        undoing_of(case, name)
    else:
        withdrawal_of(case, name, _SOME_REASON)
    assert found is not None  # noqa: S101  (else it was refused above)
    return found


def _page(
    request: Request, site: Site, opened: OpenedCase, event: AnyEvent, reason: str = "", error: UserError | None = None
) -> Response:
    case, undo = opened.stored.case, isinstance(event, Withdrawal)
    added = undoing_of(case, event.id) if undo else withdrawal_of(case, event.id, _SOME_REASON)
    content = WithdrawalPage(
        event=event.id,
        kind=kind_behind(case.events, event),
        undo=undo,
        as_of=opened.day,
        effect=what_it_changes(site, opened.stored, with_events(case, [added]), opened.day),
        version=opened.stored.version,
    )
    return page(
        request,
        "withdraw.html",
        200 if error is None else error.http_status,
        content=content,
        opened=opened,
        stored=opened.stored,
        tab="events",
        event=event,
        reason=reason,
        error=error,
        anchor=anchor,
    )
