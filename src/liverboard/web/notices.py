"""What a change says of itself on the page after it. The address names the sentence, so no link puts other words into a page."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import RedirectResponse

_NONE: Final[Mapping[str, str]] = {}


def _(sentence: str) -> str:
    """Marks what has a translation; it is looked up when the page is made."""
    return sentence


class Notice(Enum):
    """Every notice there is."""

    ACCOUNT_CLOSED = _("The account is closed.")
    ACCOUNT_OPEN = _("The account is open again.")
    ACTION_DONE = _("The action is done.")
    AGENDA_CHANGED = _("The agenda is changed.")
    ATTENDANCE_KEPT = _("Who attends is kept.")
    CASE_ADDED = _("The case is added.")
    CASE_ON_AGENDA = _("The case is on the agenda.")
    CHANGE_KEPT = _("The change is kept.")
    CORRECTION_KEPT = _("The correction is kept; the old event stays to be seen.")
    DECISION_SIGNED = _("The decision is signed.")
    DRAFT_KEPT = _("The draft is kept.")
    EVENT_COUNTS_AGAIN = _("The event counts again; its withdrawal stays to be seen.")
    EVENT_KEPT = _("The event is kept.")
    EVENT_WITHDRAWN = _("The event is withdrawn; it stays to be seen and no longer counts.")
    MEETING_CLOSED = _("The meeting is closed.")
    MEETING_PLANNED = _("The meeting is planned.")
    PASSWORD_CHANGED = _("The password is changed. Sign in with the new one.")
    ROLE_CHANGED = _("The role is changed, and the person is signed out.")


def on_to(path: str, notice: Notice, asked: Mapping[str, str] = _NONE, *, place: str = "") -> RedirectResponse:
    """To the page at `path`, which shows the notice. `asked`: what else its address holds; `place`: where in the page."""
    query = urlencode({**asked, "done": notice.name.lower()})
    return RedirectResponse(f"{path}?{query}{'#' if place else ''}{place}", status_code=303)


def notice_of(request: Request) -> Notice | None:
    """What the change before this page says; None for a link from elsewhere, which would tell of a change that never was."""
    ours = request.headers.get("sec-fetch-site", "same-origin") == "same-origin"
    return Notice.__members__.get(request.query_params.get("done", "").upper()) if ours else None
