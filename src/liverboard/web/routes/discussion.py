"""Meeting mode: one page a patient with the minutes of the case, kept while they are written, signed by the chair."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Annotated, Any, get_args

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.background import BackgroundTask

from liverboard.board.minutes import CaseMinutes, Choice, case_minutes, choice_of, sight_of
from liverboard.clinical.events import Choice as ChoiceName
from liverboard.clinical.events import Option
from liverboard.clinical.extent import Frozen
from liverboard.errors import BadInput, UserError
from liverboard.registry.cases import CaseKey, Conflict, NoSuchCase, find_case
from liverboard.registry.meetings import (
    Action,
    Agenda,
    AgendaItem,
    Decision,
    Minutes,
    read_agenda,
    sign_off,
    write_minutes,
)
from liverboard.registry.words_before import places_that_name
from liverboard.web.form_data import takes
from liverboard.web.gate import Form, Here, Person, who_may
from liverboard.web.images import Unread
from liverboard.web.notices import Notice, on_to
from liverboard.web.opened import OpenedCase
from liverboard.web.pages import drawn, language_of, page
from liverboard.web.prepared import sections
from liverboard.web.routes.agenda import ListedMeeting, Number, Reader, Writer, listed
from liverboard.web.routes.meetings import date_of, discussion_path
from liverboard.web.seen import PAGE_ONE, SeenCase, make_ahead, neighbours, seen_case
from liverboard.web.site import Site

router = APIRouter(tags=["meetings"])
OPTIONS: tuple[str, ...] = get_args(Option)
OTHERS: tuple[str, ...] = tuple(sorted(set(get_args(ChoiceName)) - set(OPTIONS)))  # drugs and techniques
_ROWS = 3  # empty rows offered for actions
_ACTION = re.compile(r"action-(\d{1,3})-(what|owner|due)")
_CONFLICT: dict[int | str, dict[str, Any]] = {409: {"description": "changed or signed by someone else"}}
_MINUTES = takes(
    "version", "case_version", "over", "chosen", "also", "reason", "deviation", "dissent", "follow_up_on",
    lists=["considered"], rows=f"^{_ACTION.pattern}$",
)  # fmt: skip
Chair = Annotated[Person, who_may("sign_off")]


class Discussion(Frozen):
    """One patient of a meeting. `version`: of the minutes, for whoever writes them; `case_version`: what a signature is given on.

    `unread`: the scans that all this does without. While they are being read there is no `case_version`: verdicts may still move. `names_patient`: fields to
    correct, since they name the patient.
    """

    meeting: ListedMeeting
    position: int
    total: int
    before: str | None
    after: str | None
    case: str
    version: int
    case_version: int | None
    options: tuple[Choice, ...]
    minutes: CaseMinutes
    names_patient: tuple[str, ...]
    unread: Unread | None


@dataclass(frozen=True, slots=True)
class _Room:
    """What the pages of this file open: a meeting, and the case on it with its decision."""

    site: Site
    who: Person
    agenda: Agenda
    item: AgendaItem

    @property
    def decision(self) -> Decision:
        return self.item.decision


def _room(site: Site, who: Person, meeting: int, case: str) -> _Room:
    agenda = read_agenda(site.store, who, meeting)
    item = next((item for item in agenda.items if item.case.key.case == case), None)
    if item is None:
        raise NoSuchCase("the case is not on the agenda of this meeting", hint="Look at the agenda as it is now.")
    return _Room(site, who, agenda, item)


@router.get("/meetings/{meeting}/cases/{case}", responses={200: {"model": Discussion}})
def discuss(request: Request, site: Here, who: Reader, meeting: Number, case: str) -> Response:
    """One patient in large type: page one of the dossier, every option with its verdict, and the minutes."""
    room = _room(site, who, meeting, case)
    response = _shown(request, room, room.decision.minutes)
    following = room.agenda.items.index(room.item) + 1
    if following < len(room.agenda.items):
        response.background = BackgroundTask(
            make_ahead, site, who, room.agenda.meeting, room.agenda.items[following], language_of(request)
        )
    return response


@router.post("/meetings/{meeting}/cases/{case}", responses=_CONFLICT, openapi_extra=_MINUTES)
def keep(request: Request, site: Here, who: Writer, form: Form, meeting: Number, case: str) -> Response:
    """Keep the minutes as a draft. A conflict is told, and what was typed stays in the form."""
    typed, wrong = minutes_of_form(form)
    try:
        _keep(site, who, (meeting, case), (typed, wrong), _version(form))
    except UserError as error:
        return _told(request, _room(site, who, meeting, case), typed, error)
    return on_to(discussion_path(meeting, case), Notice.DRAFT_KEPT, place="minutes")


@router.post("/meetings/{meeting}/cases/{case}/draft", responses=_CONFLICT, openapi_extra=_MINUTES)
def keep_while_writing(request: Request, site: Here, who: Writer, form: Form, meeting: Number, case: str) -> Response:
    """As the draft, for a page that keeps it while one writes: answers with the small part of the page that says whether it is kept."""
    version, problem, status = _version(form), None, 200
    try:
        version = _keep(site, who, (meeting, case), minutes_of_form(form), version)
    except UserError as error:
        problem, status = error, error.http_status
    decision = None if problem is None else _room(site, who, meeting, case).decision
    response = page(
        request,
        "discussion_kept.html",
        status,
        version=version,
        problem=problem,
        theirs=decision,
        kept=site.store.now(),
    )
    response.headers["x-part"] = "kept"  # the page takes this part in, whatever its status
    return response


@router.post("/meetings/{meeting}/cases/{case}/sign", responses=_CONFLICT, openapi_extra=_MINUTES)
def sign(request: Request, site: Here, who: Chair, form: Form, meeting: Number, case: str) -> Response:
    """Keep what is written and sign it: it freezes, and the case gets the decision. A choice against the rules is signed with its reason only."""
    typed, wrong = minutes_of_form(form)
    try:
        version = _keep(site, who, (meeting, case), (typed, wrong), _version(form))
        room = _room(site, who, meeting, case)
        seen = seen_case(site, who, room.agenda.meeting, room.item)
        if _being_read(seen.weighed.unread):
            raise Conflict(
                "images of the case are being read, and verdicts may still move",
                hint="Wait until they are read, look at the verdicts, then sign.",
            )
        if case_minutes(room.item, seen.as_seen()).unexplained:
            raise BadInput(
                "the choice departs from the rules, and no reason for that is written",
                hint="Write under 'deviation' why the board departs from them, then sign.",
            )
        with site.store.transaction(who) as tx:
            if str(find_case(tx.connection, room.item.case.key).version) != form.get("case_version", ""):
                raise Conflict("the case was changed since you opened it", hint="Look at it as it is now, then sign.")
            sight = sight_of(seen.weighed.options, room.decision.minutes)
            sign_off(tx, meeting, room.item.case.key, version, sight)
    except UserError as error:
        return _told(request, _room(site, who, meeting, case), typed, error)
    return on_to(discussion_path(meeting, case), Notice.DECISION_SIGNED)


def _keep(site: Site, who: Person, where: tuple[int, str], said: tuple[Minutes, tuple[str, ...]], version: int) -> int:
    """Write the draft and give its version. Minutes that stand there word for word already are kept, whatever version was seen."""
    (meeting, case), (minutes, wrong) = where, said
    if wrong:
        raise BadInput("; ".join(wrong), hint="Nothing was kept. Correct it, then keep the draft.")
    key = CaseKey(who.centre or site.store.folder.centre, case)
    try:
        with site.store.transaction(who) as tx:
            return write_minutes(tx, meeting, key, minutes, version)
    except Conflict:
        decision = _room(site, who, meeting, case).decision
        if decision.signed is not None or _said(decision.minutes) != _said(minutes):
            raise
        return decision.version


def _said(minutes: Minutes) -> tuple[object, ...]:
    return (
        sorted(minutes.considered),
        minutes.chosen,
        minutes.reason,
        minutes.deviation,
        minutes.dissent,
        minutes.follow_up_on,
        [(a.what, a.owner, a.due) for a in minutes.actions],
    )


def _told(request: Request, room: _Room, typed: Minutes, error: UserError) -> Response:
    """The page again, with what was typed and what hinders it. Once signed, only what was signed is shown."""
    if room.decision.signed is not None:
        typed = room.decision.minutes
    return _shown(request, room, typed, error)


def _shown(request: Request, room: _Room, typed: Minutes, problem: UserError | None = None) -> Response:
    site, who, agenda, decision = room.site, room.who, room.agenda, room.decision
    seen = seen_case(site, who, agenda.meeting, room.item)
    html, without = sections(site, seen.stored, PAGE_ONE, seen.day, language_of(request))
    unread = seen.weighed.unread or without
    named = places_that_name(site.store, seen.stored) if decision.signed is None else ()
    opened = OpenedCase(seen.stored, seen.day, decision.signed, may_edit=False, named=named)
    place = neighbours(agenda, room.item.case.key.case)
    assert place is not None  # noqa: S101  (the room was opened with it)
    position, beside = place
    content = Discussion(
        meeting=listed(agenda.meeting),
        position=position,
        total=len(agenda.items),
        before=beside["before"] and discussion_path(agenda.meeting.id, beside["before"]),
        after=beside["after"] and discussion_path(agenda.meeting.id, beside["after"]),
        case=room.item.case.key.case,
        version=decision.version,
        case_version=None if _being_read(unread) else seen.stored.version,
        options=_choices(seen, typed),
        minutes=case_minutes(room.item, seen.as_seen()),
        names_patient=tuple(map(str, opened.to_correct)),
        unread=unread,
    )
    is_open = agenda.meeting.state == "planned" and decision.signed is None
    return page(
        request,
        "discussion.html",
        200 if problem is None else problem.http_status,
        content=content,
        opened=opened,
        board=drawn(opened.linked(html)),
        typed=typed,
        decision=decision,
        problem=problem,
        version=decision.version,
        theirs=None,
        kept=None,
        conflict=isinstance(problem, Conflict) and decision.signed is None,
        path=discussion_path(agenda.meeting.id, content.case),
        others=OTHERS,
        rows=len(typed.actions) + _ROWS,
        is_open=is_open,
        may_write=is_open and who.may("take_minutes"),
        may_sign=is_open and who.may("sign_off") and not _being_read(unread),
    )


def _being_read(unread: Unread | None) -> bool:
    return unread is not None and unread.being_read


def _choices(seen: SeenCase, typed: Minutes) -> tuple[Choice, ...]:
    """Every option in the order of its verdict, then what the board named beside them."""
    options = [each.option for each in seen.weighed.options.options]
    named = [each for each in (*typed.considered, typed.chosen) if each is not None]
    beside = [each for each in dict.fromkeys(named) if each not in options]
    return tuple(choice_of(seen.weighed.options, each) for each in (*options, *beside))


def minutes_of_form(form: dict[str, str]) -> tuple[Minutes, tuple[str, ...]]:
    """What the form says, and what of it cannot be read; empty fields are not stated. What was chosen was considered."""
    chosen = form.get("chosen") or None
    considered = [*form.get("considered", "").split("\n"), form.get("also", ""), chosen or ""]
    rows: dict[int, dict[str, str]] = {}
    for name, value in form.items():
        found = _ACTION.fullmatch(name)
        if found is not None and value.strip():
            rows.setdefault(int(found[1]), {})[found[2]] = value.strip()
    wrong: list[str] = []

    def date(text: str) -> dt.date | None:
        try:
            return date_of(text)
        except BadInput as error:
            wrong.append(error.message)
            return None

    minutes = Minutes(
        considered=tuple(dict.fromkeys(each for each in considered if each)),
        chosen=chosen,
        reason=_text(form, "reason"),
        deviation=_text(form, "deviation"),
        dissent=_text(form, "dissent"),
        follow_up_on=date(form.get("follow_up_on", "")),
        actions=tuple(
            Action(row.get("what", ""), row.get("owner"), date(row.get("due", ""))) for _, row in sorted(rows.items())
        ),
    )
    if any(not action.what for action in minutes.actions):
        wrong.append("an action has no words: write what is to be done, or empty its row")
    return minutes, tuple(wrong)


def _text(form: dict[str, str], name: str) -> str | None:
    return form.get(name, "").replace("\r\n", "\n").strip() or None


def _version(form: dict[str, str]) -> int:
    """The version that the person saw, or, when they keep theirs over it, the one that they were told of."""
    text = form.get("over") or form.get("version", "")
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise BadInput("the form does not say which minutes it was made from", hint="Open the page again.")
    return int(text)
