"""The list of cases, a new case, and the pages of a case: page one, lesions, options, evidence, facts, events, response, plan, decisions, sources."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Any, Literal, get_args

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import JsonValue

from liverboard.clinical.derive_timeline import replaced_by, undoings
from liverboard.clinical.events import Board, Treatment
from liverboard.clinical.extent import Frozen
from liverboard.options.words import OPTION_WORDS
from liverboard.registry.case_rows import Entered
from liverboard.registry.cases import CaseFilter, CaseKey, CaseLine, count_cases, list_cases
from liverboard.registry.meetings import signed_at
from liverboard.registry.schema import CaseState
from liverboard.report.words import anchor
from liverboard.web.forms import worded
from liverboard.web.gate import Here, Person, who_may
from liverboard.web.images import Unread
from liverboard.web.opened import Opened, OpenedCase, case_path
from liverboard.web.pages import drawn, language_of, page, wants_json
from liverboard.web.prepared import dossier_of, sections
from liverboard.web.site import Site

router = APIRouter(tags=["cases"])
PER_PAGE = 50
Reader = Annotated[Person, who_may("see_cases")]
_LONG_DECIMALS = re.compile(r"(?<![\w.])\d+\.\d{5,}(?![\w.])")  # what the conversion of a unit leaves behind
STATES: tuple[CaseState, ...] = get_args(CaseState)
Tab = Literal["lesions", "options", "evidence", "facts", "response", "plan", "sources"]
_SECTIONS: dict[str, tuple[str, ...]] = {
    "": ("board", "checks"),
    "lesions": ("lesions",),
    "options": ("options",),
    "evidence": ("evidence",),
    "facts": ("facts",),
    "response": ("response",),
    "plan": ("sirt", "procedures"),
    "sources": ("provenance",),
}
_PARTS: dict[str, set[str]] = {
    "": {"question", "patient", "missing", "conflicts", "warnings", "timeline"},
    "lesions": {"extent"},
    "options": {"options"},
    "evidence": {"evidence"},
    "facts": {"facts", "conflicts"},
    "response": {"response"},
    "plan": {"sirt", "procedures"},
    "sources": {"provenance", "software", "knowledge_version"},
}


class ListedCase(Frozen):
    """A case in the list. `path`: of its page."""

    centre: str
    case: str
    state: CaseState
    review_on: dt.date | None
    synthetic: bool
    version: int
    path: str


class CaseList(Frozen):
    """One page of the list. `states`: how many cases of each state there are at all."""

    cases: tuple[ListedCase, ...]
    total: int
    page: int
    pages: int
    states: dict[str, int]


class CasePart(Frozen):
    """A page of a case as data. `content`: the parts of the dossier, or of the report, that the page shows. `unread`: the scans that it does without.

    `names_patient`: fields to correct, since they name the patient.
    """

    centre: str
    case: str
    version: int
    state: CaseState
    review_on: dt.date | None
    as_of: dt.date
    known_at: dt.datetime | None
    content: dict[str, JsonValue]
    names_patient: tuple[str, ...] = ()
    unread: Unread | None


class Reading(Frozen):
    """Whether images of a case are being read."""

    being_read: bool


class Written(Frozen):
    """One write: who entered or corrected what, and when. `at`: the moment to see the case as of then."""

    version: int
    author: str
    at: dt.datetime
    events: tuple[str, ...]


# --- the list ------------------------------------------------------------------------------------------------------------------------------------------


@router.get("/cases", responses={200: {"model": CaseList}})
def cases(
    request: Request,
    site: Here,
    who: Reader,
    state: str = "",
    pseudonym: Annotated[str, Query(max_length=64)] = "",
    review_by: str = "",
    number: Annotated[int, Query(alias="page", ge=1, le=100_000)] = 1,
) -> Response:
    """The cases that one may see, by state, pseudonym and the day to see them again."""
    by, problem = _day_of(review_by)
    which = CaseFilter(
        centre=who.centre, states=tuple(s for s in STATES if s == state), pseudonym=pseudonym.strip(), review_by=by
    )
    found = list_cases(site.store, who, which)
    pages = max(1, -(-len(found) // PER_PAGE))
    number = min(number, pages)
    shown = found[(number - 1) * PER_PAGE : number * PER_PAGE]
    content = CaseList(
        cases=tuple(_listed(line) for line in shown),
        total=len(found),
        page=number,
        pages=pages,
        states={**count_cases(site.store, who)},
    )
    asked = {"state": state if state in STATES else "", "pseudonym": which.pseudonym, "review_by": review_by}
    return page(
        request,
        "cases.html",
        content=content,
        asked=asked,
        all_states=STATES,
        may_add=who.may("edit_cases"),
        problem=problem,
        many_centres=who.centre is None,
    )


def _day_of(text: str) -> tuple[dt.date | None, str]:
    try:
        return (dt.date.fromisoformat(text) if text else None), ""
    except ValueError:
        return None, "the day is not a date such as 2025-06-30; all days are shown"


def _listed(line: CaseLine) -> ListedCase:
    return ListedCase(
        centre=line.key.centre,
        case=line.key.case,
        state=line.state,
        review_on=line.review_on,
        synthetic=line.synthetic,
        version=line.version,
        path=case_path(line.key),
    )


# --- the pages of a case -------------------------------------------------------------------------------------------------------------------------------

_CASE: dict[int | str, dict[str, Any]] = {200: {"model": CasePart}}


@router.get("/cases/{centre}/{case}", responses=_CASE)
def overview(request: Request, site: Here, opened: Opened) -> Response:
    """Page one of the dossier."""
    return _sections(request, site, opened, "")


@router.get("/cases/{centre}/{case}/events", responses=_CASE)
def events(request: Request, opened: Opened) -> Response:
    """The timeline of a case: every event with who entered it, corrections beside what they replace, and every moment that can be seen again."""
    return _shown(
        request,
        opened,
        "events",
        "case_events.html",
        {"writes": [each.model_dump(mode="json") for each in _writes(opened)]},
        rows=sorted(opened.stored.entered, key=lambda e: (e.event.date, e.version), reverse=True),
        corrected_by=replaced_by(opened.stored.case.events),
        withdrawals={e.event.id for e in opened.stored.entered if e.event.kind == "withdrawal"},
        undoings=undoings(opened.stored.case.events),
        writes=_writes(opened),
        content_of=_content,
        anchor=anchor,
    )


@router.get("/cases/{centre}/{case}/decisions", responses=_CASE)
def decisions(request: Request, site: Here, who: Reader, opened: Opened) -> Response:
    """What boards decided on this case, newest first, signed in a meeting or entered."""
    replaced = replaced_by(opened.stored.case.events)
    found = [e for e in opened.stored.entered if isinstance(e.event, Board) and e.event.id not in replaced]
    found.sort(key=lambda entry: entry.event.date, reverse=True)
    moments = signed_at(site.store, who, opened.stored.key)
    content = {
        "decisions": [
            {
                **entry.event.model_dump(mode="json", exclude_none=True),
                **{"signed_by" if entry.at in moments else "entered_by": entry.author},
            }
            for entry in found
        ]
    }
    return _shown(request, opened, "decisions", "case_decisions.html", content, found=found, moments=moments, option_words=OPTION_WORDS)  # fmt: skip


@router.get("/cases/{centre}/{case}/reading", response_model=Reading)
def reading(site: Here, response: Response, centre: str, case: str, who: Reader, gently: bool = False) -> Reading:
    """Whether images of a case are being read. A page that waits asks for it, and loads again at the end; `gently`: when nobody types on it."""
    who.require("see_cases", centre)
    goes_on = site.readings.going_on(CaseKey(centre, case))
    if not goes_on:
        response.headers.update({"HX-Trigger": "images-read"} if gently else {"HX-Refresh": "true"})
    return Reading(being_read=goes_on)


@router.get("/cases/{centre}/{case}/{tab}", responses=_CASE)
def part(request: Request, site: Here, opened: Opened, tab: Tab) -> Response:
    """One part of the dossier: lesions, options in full, evidence, facts with their sources, response, procedures planned and done, or the literature."""
    return _sections(request, site, opened, tab)


def _sections(request: Request, site: Site, opened: OpenedCase, tab: str) -> Response:
    if wants_json(request):
        dossier, unread = dossier_of(site, opened.stored, opened.day)
        content = dossier.model_dump(mode="json", include=_PARTS[tab])
        return _shown(request, opened, tab, "case_sections.html", content, unread)
    html, unread = sections(site, opened.stored, _SECTIONS[tab], opened.day, language_of(request))
    return _shown(request, opened, tab, "case_sections.html", {}, unread, html=drawn(opened.linked(html)))


def _shown(
    request: Request,
    opened: OpenedCase,
    tab: str,
    template: str,
    content: dict[str, Any],
    unread: Unread | None = None,
    **values: Any,
) -> Response:
    stored = opened.stored
    data = CasePart(
        centre=stored.key.centre,
        case=stored.key.case,
        version=stored.version,
        state=stored.state,
        review_on=stored.review_on,
        as_of=opened.day,
        known_at=opened.known_at,
        content=content,
        names_patient=tuple(map(str, opened.to_correct)),
        unread=unread,
    )
    return page(request, template, content=data, opened=opened, stored=stored, tab=tab, **values)


def _writes(opened: OpenedCase) -> tuple[Written, ...]:
    """Newest first."""
    found: dict[int, list[Entered]] = {}
    for entry in opened.stored.entered:
        found.setdefault(entry.version, []).append(entry)
    return tuple(
        Written(version=version, author=of[0].author, at=of[0].at, events=tuple(e.event.id for e in of))
        for version, of in sorted(found.items(), reverse=True)
    )


def _content(entry: Entered) -> list[tuple[list[tuple[str, str]], list[str], bool]]:
    """The names on the way to each stated field with their rows, its values, and whether they are words of ours rather than what a person typed."""
    from liverboard.clinical.case_file import event_content

    event = entry.event
    hidden = {"id", "kind", "date", "recorded", "corrects"}
    ours = worded(event.kind, event.technique if isinstance(event, Treatment) else None)
    return [
        (
            re.findall(r"([^.\[]+)(?:\[(\d+)\])?", path),
            _LONG_DECIMALS.sub(lambda number: f"{float(number[0]):.5g}", value).split(", "),
            re.sub(r"\[\d+\]", "", path) in ours,
        )
        for path, value in event_content(event).items()
        if path not in hidden
    ]
