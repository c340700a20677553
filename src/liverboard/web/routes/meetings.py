"""A meeting: planned, its cases put in order, who attends, closed; and its minutes as page and paper."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from starlette.background import BackgroundTask

from liverboard.board.minutes import MeetingMinutes
from liverboard.clinical.extent import Frozen
from liverboard.errors import BadInput
from liverboard.registry.cases import CaseKey
from liverboard.registry.meetings import (
    Agenda,
    Attendee,
    attend,
    close_meeting,
    list_meetings,
    order_agenda,
    plan_meeting,
    read_agenda,
    schedule,
    unschedule,
)
from liverboard.web.form_data import takes
from liverboard.web.gate import Form, Here, Person, who_may
from liverboard.web.notices import Notice, on_to
from liverboard.web.pages import language_of, page
from liverboard.web.routes.agenda import ListedMeeting, Number, Preparer, Reader, Writer, listed
from liverboard.web.seen import PATIENCE_S, Ask, Line, lines_of, make_ahead, minutes_seen, whom_to_ask
from liverboard.web.tongue import say

router = APIRouter(tags=["meetings"])
SPECIALTIES = (
    "anaesthesiology",
    "endocrinology",
    "gastroenterology",
    "hepatobiliary surgery",
    "interventional radiology",
    "medical oncology",
    "nuclear medicine",
    "pathology",
    "radiation oncology",
    "radiology",
)
_ROWS = 3  # empty rows offered for people who attend
_MOST_PEOPLE = 100
_FAR = dt.timedelta(days=3653)


class MeetingList(Frozen):
    """Newest first."""

    meetings: tuple[ListedMeeting, ...]


class Item(Frozen):
    """A case on the agenda, and how far its minutes are: none, draft, signed."""

    line: Line
    minutes: str
    path: str


class Attends(Frozen):
    specialty: str
    person: str


class MeetingPage(Frozen):
    meeting: ListedMeeting
    items: tuple[Item, ...]
    ask: tuple[Ask, ...]
    attendance: tuple[Attends, ...]

    @property
    def unseen(self) -> bool:
        return any(each.line.waits for each in self.items)

    @property
    def unsigned(self) -> int:
        return sum(each.minutes != "signed" for each in self.items)


@router.get("/meetings", responses={200: {"model": MeetingList}})
def meetings(request: Request, site: Here, who: Reader) -> Response:
    """All meetings, newest first."""
    content = MeetingList(meetings=tuple(listed(each) for each in list_meetings(site.store, who, who.centre)))
    return page(request, "meetings.html", content=content)


@router.post("/meetings", openapi_extra=takes("date", "title"))
def plan(site: Here, who: Preparer, form: Form) -> Response:
    """Plan a meeting."""
    with site.store.transaction(who) as tx:
        date = date_of(form.get("date", "")) or site.today()
        if abs(date - site.today()) > _FAR:
            raise BadInput("the day is more than ten years away", hint="Go back and look at the year.")
        number = plan_meeting(tx, who.centre or site.store.folder.centre, date, form.get("title", ""))
    return on_to(f"/meetings/{number}", Notice.MEETING_PLANNED)


@router.get("/meetings/{meeting}", responses={200: {"model": MeetingPage}})
def meeting(
    request: Request,
    site: Here,
    who: Reader,
    meeting: Number,
    whole: bool = False,
    rows: Annotated[int, Query(ge=0, le=50)] = _ROWS,
) -> Response:
    """A meeting with its cases in order, what they lack and whom to ask; it prints as the agenda."""
    found = read_agenda(site.store, who, meeting)
    lines = lines_of(site, who, (item.case for item in found.items), None if whole else PATIENCE_S)
    content = MeetingPage(
        meeting=listed(found.meeting),
        items=tuple(
            Item(line=line, minutes=_minutes_state(found, at), path=discussion_path(meeting, line.case))
            for at, line in enumerate(lines)
        ),
        ask=whom_to_ask(lines),
        attendance=tuple(Attends(specialty=a.specialty, person=a.person) for a in found.attendance),
    )
    is_open = found.meeting.state == "planned"
    response = page(
        request,
        "meeting.html",
        content=content,
        is_open=is_open,
        may_prepare=is_open and who.may("prepare_meetings"),
        may_write=is_open and who.may("take_minutes"),
        may_close=is_open and who.may("sign_off"),
        names=_names(language_of(request)),
        rows=rows,
    )
    if is_open and found.items:
        response.background = BackgroundTask(make_ahead, site, who, found.meeting, found.items[0], language_of(request))
    return response


def _minutes_state(found: Agenda, at: int) -> str:
    decision = found.items[at].decision
    return "signed" if decision.signed is not None else "draft" if decision.version else "none"


@router.post("/meetings/{meeting}/cases", openapi_extra=takes("case"))
def add(site: Here, who: Preparer, form: Form, meeting: Number) -> Response:
    """Put a case at the end of the agenda."""
    name = form.get("case", "").strip()
    with site.store.transaction(who) as tx:
        schedule(tx, meeting, CaseKey(who.centre or site.store.folder.centre, name))
    return on_to(f"/meetings/{meeting}", Notice.CASE_ON_AGENDA)


@router.post("/meetings/{meeting}/order", openapi_extra=takes("up", "down", "off", lists=["order"]))
def order(site: Here, who: Preparer, form: Form, meeting: Number) -> Response:
    """Move a case up or down, or take it off; `order` is the agenda as the person saw it."""
    centre = who.centre or site.store.folder.centre
    names = form.get("order", "").split("\n")
    with site.store.transaction(who) as tx:
        if form.get("off"):
            unschedule(tx, meeting, CaseKey(centre, form["off"]))
        else:
            order_agenda(tx, meeting, [CaseKey(centre, name) for name in _moved(names, form)])
    return on_to(f"/meetings/{meeting}", Notice.AGENDA_CHANGED)


def _moved(names: Sequence[str], form: dict[str, str]) -> list[str]:
    found = list(names)
    for act, step in (("up", -1), ("down", 1)):
        name = form.get(act)
        if name in found:
            at = found.index(name)
            to = min(max(at + step, 0), len(found) - 1)
            found.insert(to, found.pop(at))
    return found


@router.post(
    "/meetings/{meeting}/attendance", openapi_extra=takes(lists=["there"], rows=r"^(specialty|person)-\d{1,2}$")
)
def attendance(request: Request, site: Here, form: Form, meeting: Number, who: Writer) -> Response:
    """Who is there, by specialty; a row without a person is left out. `there`: the list as the person saw it."""
    written = {name: specialty for specialty, name in _names(language_of(request)).items()}
    people: list[Attendee] = []
    for row in range(_MOST_PEOPLE):
        specialty, person = (form.get(f"{what}-{row}", "").strip() for what in ("specialty", "person"))
        if person:
            people.append(Attendee(written.get(specialty, specialty), person))
    seen = [Attendee(*line.split("\t", 1)) for line in form.get("there", "").split("\n") if "\t" in line]
    with site.store.transaction(who) as tx:
        attend(tx, meeting, people, seen)
    return on_to(f"/meetings/{meeting}", Notice.ATTENDANCE_KEPT)


def _names(language: str) -> dict[str, str]:
    """The specialties that are offered, as the reader calls them; what somebody typed stays as it is."""
    return {specialty: say(language, specialty) for specialty in SPECIALTIES}


@router.post("/meetings/{meeting}/close", openapi_extra=takes("sure"))
def close(site: Here, form: Form, meeting: Number, who: Annotated[Person, who_may("sign_off")]) -> Response:
    """The meeting was held; cases without a signed decision go back to the prepared ones."""
    if form.get("sure") != "yes":
        raise BadInput("closing was not confirmed", hint="Go back, tick the box, and close the meeting then.")
    with site.store.transaction(who) as tx:
        close_meeting(tx, meeting)
    return on_to(f"/meetings/{meeting}/minutes", Notice.MEETING_CLOSED)


@router.get("/meetings/{meeting}/minutes", responses={200: {"model": MeetingMinutes}})
def minutes(request: Request, site: Here, who: Reader, meeting: Number) -> Response:
    """The minutes as they stand: what was decided, under which verdicts, by whom it is signed."""
    content = minutes_seen(site, who, read_agenda(site.store, who, meeting))
    return page(request, "minutes.html", content=content, meeting=meeting)


@router.get(
    "/meetings/{meeting}/minutes.pdf",
    response_class=Response,
    responses={200: {"content": {"application/pdf": {}}}},
)
def minutes_on_paper(request: Request, site: Here, who: Reader, meeting: Number) -> Response:
    """The minutes as PDF, in the language of the reader."""
    from liverboard.report.minutes import render_minutes_pdf

    found = minutes_seen(site, who, read_agenda(site.store, who, meeting))
    language, name = language_of(request), f"minutes-{found.date.isoformat()}.pdf"
    return Response(
        render_minutes_pdf(found, language, partial(say, language)),
        media_type="application/pdf",
        headers={"content-disposition": f'inline; filename="{name}"'},
    )


def discussion_path(meeting: int, case: str) -> str:
    return f"/meetings/{meeting}/cases/{case}"


def date_of(text: str) -> dt.date | None:
    """The day of a date field; None where it is empty. Raises BadInput."""
    try:
        return dt.date.fromisoformat(text.strip()) if text.strip() else None
    except ValueError:
        raise BadInput("the day is not a date such as 2025-06-30", hint="Go back and correct it.") from None
