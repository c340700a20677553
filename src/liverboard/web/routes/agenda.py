"""The agenda: meetings to come, cases on their way to one with what they lack, the follow-up list and open actions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Annotated, get_args

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from liverboard.clinical.extent import Frozen
from liverboard.errors import BadInput
from liverboard.registry.cases import CaseFilter, CaseKey, CaseLine, count_cases, list_cases, set_state
from liverboard.registry.follow_up import finish_action, follow_up
from liverboard.registry.meetings import Meeting, list_meetings, schedule
from liverboard.registry.permissions import Actor
from liverboard.registry.schema import CaseState, MeetingState
from liverboard.registry.store import Transaction
from liverboard.web.form_data import takes
from liverboard.web.gate import Form, Here, Person, who_may
from liverboard.web.notices import Notice, on_to
from liverboard.web.opened import case_path
from liverboard.web.pages import language_of, page, translations
from liverboard.web.seen import PATIENCE_S, Line, lines_of
from liverboard.web.site import Site

router = APIRouter(tags=["meetings"])
PER_PAGE = 20
STATES: tuple[CaseState, ...] = get_args(CaseState)
_TO_PREPARE: tuple[CaseState, ...] = ("backlog", "prepared")
_AHEAD = dt.timedelta(days=28)
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]
Reader = Annotated[Person, who_may("see_cases")]
Writer = Annotated[Person, who_may("take_minutes")]
Preparer = Annotated[Person, who_may("prepare_meetings")]


class ListedMeeting(Frozen):
    id: int
    centre: str
    date: dt.date
    title: str
    state: MeetingState


class AgendaPage(Frozen):
    """`meetings`: those to come. `cases`: one page of them, by state. `states`: how many of each there are. `due`: how many to see again soon."""

    meetings: tuple[ListedMeeting, ...]
    cases: tuple[Line, ...]
    total: int
    page: int
    pages: int
    states: dict[CaseState, int]
    due: int
    open_actions: int

    @property
    def unseen(self) -> bool:
        return any(each.waits for each in self.cases)


class OpenActionLine(Frozen):
    id: int
    case: str
    path: str
    meeting: dt.date
    what: str
    owner: str | None
    due: dt.date | None


class FollowUpPage(Frozen):
    """Cases to be seen again by a day, and what is still to be done."""

    by: dt.date
    today: dt.date
    cases: tuple[Line, ...]
    actions: tuple[OpenActionLine, ...]
    meetings: tuple[ListedMeeting, ...]


@router.get("/agenda", responses={200: {"model": AgendaPage}})
def agenda(
    request: Request,
    site: Here,
    who: Reader,
    state: Annotated[str, Query(max_length=20)] = "",
    number: Annotated[int, Query(alias="page", ge=1, le=100_000)] = 1,
    whole: bool = False,
) -> Response:
    """Meetings to come, and the cases of a state (none: those to prepare) with what they lack. `whole`: look through all of them now."""
    asked: tuple[CaseState, ...] = tuple(s for s in STATES if s == state)
    states = asked or _TO_PREPARE
    found = list_cases(site.store, who, CaseFilter(centre=who.centre, states=states))
    pages = max(1, -(-len(found) // PER_PAGE))
    number = min(number, pages)
    due, actions = follow_up(site.store, who, site.today() + _AHEAD)
    content = AgendaPage(
        meetings=planned(site, who),
        cases=lines_of(site, who, found[(number - 1) * PER_PAGE : number * PER_PAGE], None if whole else PATIENCE_S),
        total=len(found),
        page=number,
        pages=pages,
        states=count_cases(site.store, who),
        due=len(due),
        open_actions=len(actions),
    )
    return page(
        request,
        "agenda.html",
        content=content,
        state=state if state in STATES else "",
        all_states=STATES,
        may_prepare=who.may("prepare_meetings"),
        may_add=who.may("edit_cases"),
        today=site.today(),
    )


@router.post("/agenda/cases", openapi_extra=takes("act", "meeting", "back", "state", lists=["case"]))
def move_cases(request: Request, site: Here, who: Preparer, form: Form) -> Response:
    """Put the chosen cases on a meeting, or say that they are prepared or wait in the backlog."""
    _ = translations(language_of(request)).gettext
    names = [name for name in form.get("case", "").split("\n") if name]
    if not names:
        raise BadInput(_("no case is chosen"), hint=_("Go back, and tick the cases first."))
    act = form.get("act", "")
    with site.store.transaction(who) as tx:
        keys = [CaseKey(_centre(site, who), name) for name in names]
        if act == "schedule":
            _schedule(tx, form.get("meeting", ""), keys)
        elif act in _TO_PREPARE:
            for key in keys:
                set_state(tx, key, "prepared" if act == "prepared" else "backlog")
        else:
            raise BadInput("there is no such change", hint="Go back to the agenda.")
    back = "/agenda/follow-up" if form.get("back") == "follow-up" else "/agenda"
    state = form.get("state", "")
    return on_to(back, Notice.AGENDA_CHANGED, {"state": state} if state else {})


def _schedule(tx: Transaction, meeting: str, keys: Iterable[CaseKey]) -> None:
    if not (meeting.isascii() and meeting.isdigit() and len(meeting) < 10):
        raise BadInput("no meeting is chosen", hint="Go back and choose one, or plan it first.")
    for key in keys:
        schedule(tx, int(meeting), key)


@router.get("/agenda/follow-up", responses={200: {"model": FollowUpPage}})
def follow_up_list(
    request: Request, site: Here, who: Reader, by: Annotated[str, Query(max_length=10)] = "", whole: bool = False
) -> Response:
    """Cases to be seen again by a day, and actions of signed decisions that are not done."""
    until, problem = _day(by, site.today() + _AHEAD)
    due, actions = follow_up(site.store, who, until)
    named = sorted({each.case.case for each in actions})
    site.store.note(who, "actions.read", centre=who.centre, detail={"actions": len(actions), "which": named})
    content = FollowUpPage(
        by=until,
        today=site.today(),
        cases=lines_of(site, who, _soonest(due), None if whole else PATIENCE_S),
        actions=tuple(
            OpenActionLine(
                id=each.action.id or 0,
                case=each.case.case,
                path=case_path(each.case),
                meeting=each.meeting,
                what=each.action.what,
                owner=each.action.owner,
                due=each.action.due,
            )
            for each in actions
        ),
        meetings=planned(site, who),
    )
    return page(
        request,
        "follow_up.html",
        content=content,
        problem=problem,
        may_prepare=who.may("prepare_meetings"),
        may_finish=who.may("take_minutes"),
    )


@router.post("/agenda/actions/{action}/done", openapi_extra=takes())
def done(site: Here, action: Number, who: Writer) -> Response:
    """An action is done."""
    with site.store.transaction(who) as tx:
        finish_action(tx, _centre(site, who), action)
    return on_to("/agenda/follow-up", Notice.ACTION_DONE)


def planned(site: Site, who: Actor) -> tuple[ListedMeeting, ...]:
    """The meetings that are not closed yet, the next one first."""
    found = [each for each in list_meetings(site.store, who, who.centre) if each.state == "planned"]
    return tuple(listed(each) for each in sorted(found, key=lambda each: (each.date, each.id)))


def listed(meeting: Meeting) -> ListedMeeting:
    return ListedMeeting(
        id=meeting.id, centre=meeting.centre, date=meeting.date, title=meeting.title, state=meeting.state
    )


def _centre(site: Site, who: Actor) -> str:
    return who.centre or site.store.folder.centre


def _soonest(due: Iterable[CaseLine]) -> list[CaseLine]:
    return sorted(due, key=lambda line: (line.review_on or dt.date.max, line.key.case))


def _day(text: str, usual: dt.date) -> tuple[dt.date, str]:
    try:
        return (dt.date.fromisoformat(text) if text else usual), ""
    except ValueError:
        return usual, "the day is not a date such as 2025-06-30"
