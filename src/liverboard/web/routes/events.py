"""A new event or a correction by a generated form, always with a look at what it changes before it is kept; and the header of a case."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, get_args

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from liverboard.clinical.derive_timeline import replaced_by
from liverboard.clinical.events import EVENT_KINDS, AnyEvent, Technique, Treatment
from liverboard.clinical.extent import Frozen
from liverboard.errors import BadInput, NotPermitted
from liverboard.registry.cases import CaseKey, Conflict, append_events, case_as_known, change_header, correct
from liverboard.registry.frozen import require_for_decisions
from liverboard.report.words import anchor
from liverboard.web.drafts import (
    MOST_ROWS,
    WITH_DETAILS,
    Draft,
    content_of,
    errors_of,
    known_kind,
    start,
    what_it_changes,
    with_events,
)
from liverboard.web.form_data import FormPage, Input, inputs_of, plain
from liverboard.web.forms import ROWS
from liverboard.web.gate import Form, Here, Person, who_may
from liverboard.web.moves import Effect
from liverboard.web.notices import Notice, on_to
from liverboard.web.opened import Opened, OpenedCase
from liverboard.web.pages import page
from liverboard.web.site import Site

router = APIRouter(tags=["events"])
Editor = Annotated[Person, who_may("edit_cases")]
TECHNIQUES: tuple[str, ...] = get_args(Technique)
_SEX = ("female", "male", "other")


class Preview(Frozen):
    """What an event would change on the day of the page; one that is `dated` later changes nothing yet. `seal` and `version` are sent back with `do=save`: they keep just what was shown."""

    kind: str
    dated: dt.date
    as_of: dt.date
    effect: Effect
    version: int
    seal: str


class EventKinds(Frozen):
    """The kinds of events that can be entered."""

    kinds: tuple[str, ...]


@router.get("/cases/{centre}/{case}/events/new", responses={200: {"model": EventKinds | FormPage}})
def event_form(
    request: Request,
    site: Here,
    who: Editor,
    opened: Opened,
    kind: Annotated[str, Query(max_length=40)] = "",
    technique: Annotated[str, Query(max_length=40)] = "",
    corrects: Annotated[str, Query(max_length=100)] = "",
) -> Response:
    """Choose a kind of event, then fill its form; with `corrects`, the form of an event as it stands."""
    _open_for_change(opened, who, corrects)
    old = _event(opened, corrects)
    kind = old.kind if old is not None else kind
    if not kind:
        kinds = tuple(EVENT_KINDS)
        content = EventKinds(kinds=kinds)
        return page(request, "event_kinds.html", content=content, opened=opened, stored=opened.stored, tab="events", kinds=kinds)  # fmt: skip
    technique = technique or (old.technique if isinstance(old, Treatment) else "")
    return _form(request, opened, start(known_kind(kind), _technique(kind, technique), old, opened.day))


@router.post("/cases/{centre}/{case}/events/new", responses={200: {"model": Preview | FormPage}})
def event_step(request: Request, site: Here, who: Editor, opened: Opened, form: Form) -> Response:
    """`do`: `preview` shows what the event changes, `save` keeps what was shown, `rows` offers more rows."""
    _open_for_change(opened, who, form.get("corrects", ""))
    kind = known_kind(form.get("kind", ""))
    rows = _whole(form.get("rows", ""), ROWS, MOST_ROWS)
    more = form.get("do") == "rows"
    draft = Draft(
        kind,
        _technique(kind, form.get("technique", "")),
        _event(opened, form.get("corrects", "")),
        form,
        min(MOST_ROWS, rows + ROWS) if more else rows,
    )
    if more:
        return _form(request, opened, draft)
    stored = opened.stored
    try:
        after = with_events(stored.case, [draft.tree])
        if draft.empty:
            raise BadInput("nothing is filled in", hint="Fill in what is known, then look again.")
        require_for_decisions(who, stored.key.centre, stored.case, after.events[len(stored.case.events) :])
        if form.get("do") == "save" and form.get("seal") == draft.seal(_whole(form.get("version", ""), 0, 10**9)):
            return _save(site, who, opened, draft, after.events[-1], _whole(form.get("version", ""), 0, 10**9))
    except (Conflict, NotPermitted) as error:
        return _form(request, opened, draft, refused=error, status=error.http_status)
    except BadInput as error:
        return _form(request, opened, draft, error=error, status=400)
    moved = what_it_changes(site, stored, after, opened.day)
    return _form(request, opened, draft, moved=moved, dated=after.events[-1].date)


def _save(site: Site, who: Person, opened: OpenedCase, draft: Draft, event: AnyEvent, version: int) -> Response:
    key = opened.stored.key
    try:
        with site.store.transaction(who) as tx:
            if draft.corrects is None:
                append_events(tx, key, [draft.tree], version)
            else:
                correct(tx, key, draft.corrects.id, draft.tree, version)
    except Conflict:
        if not _pressed_twice(site, who, key, event, version):
            raise
    kept = Notice.EVENT_KEPT if draft.corrects is None else Notice.CORRECTION_KEPT
    return on_to(f"{opened.path}/events", kept)


def _pressed_twice(site: Site, who: Person, key: CaseKey, event: AnyEvent, version: int) -> bool:
    """Whether the change that came in between is this one, of the same person."""
    now = case_as_known(site.store, who, key)
    last = now.entered[-1]
    return (now.version, last.author) == (version + 1, who.name) and _says(last.event) == _says(event)


def _says(event: AnyEvent) -> dict[str, Any]:
    return {name: value for name, value in content_of(event).items() if name not in {"id", "recorded"}}


def _form(
    request: Request,
    opened: OpenedCase,
    draft: Draft,
    *,
    moved: Effect | None = None,
    dated: dt.date | None = None,
    error: BadInput | None = None,
    refused: Conflict | NotPermitted | None = None,
    status: int = 200,
) -> Response:
    stored, placed = opened.stored, draft.placed(error)
    if moved is None or dated is None:
        inputs = (*_named(draft), *inputs_of(draft.groups, draft.typed))
        content = FormPage(sent_to=f"{opened.path}/events/new", inputs=inputs, version=stored.version)
    else:
        seal = draft.seal(stored.version)
        content = Preview(kind=draft.kind, dated=dated, as_of=opened.day, effect=moved, version=stored.version, seal=seal)  # fmt: skip
    return page(
        request,
        "event.html",
        status,
        content=content,
        opened=opened,
        stored=stored,
        tab="events",
        draft=draft,
        moved=moved,
        dated=dated,
        error=refused or error,
        placed=placed,
        errors={each.input: each.problem for each in reversed(placed) if each.label},
        seal="" if moved is None else draft.seal(stored.version),
        techniques=TECHNIQUES if draft.kind in WITH_DETAILS else (),
        anchor=anchor,
    )


def _named(draft: Draft) -> tuple[Input, ...]:
    """The inputs that every event has."""
    given = {"kind": draft.kind, "technique": draft.technique or "", "date": draft.typed.get("date", "")}
    given |= {"corrects": draft.corrects.id if draft.corrects else "", "rows": str(draft.rows)}
    techniques = TECHNIQUES if draft.kind in WITH_DETAILS else ("",)
    return plain({"kind": tuple(EVENT_KINDS), "technique": techniques, "date": "date", "corrects": "text", "rows": "whole"}, given)  # fmt: skip


def _open_for_change(opened: OpenedCase, who: Person, corrects: str = "") -> None:
    who.require("edit_cases", opened.stored.key.centre)
    opened.require_change(corrects)


def _event(opened: OpenedCase, name: str) -> AnyEvent | None:
    """The event to be corrected. Raises BadInput when the case has none of that name, or it was corrected already."""
    if not name:
        return None
    found = {entry.event.id: entry.event for entry in opened.stored.entered}
    if name not in found:
        raise BadInput("the case has no such event", hint="Look for it among its events.")
    if found[name].kind == "withdrawal":
        raise BadInput("a withdrawal is undone, not corrected", hint="Undo it among the events of the case.")
    if name in replaced_by(opened.stored.case.events):
        raise BadInput("this event was corrected already", hint="Correct the event that replaced it.")
    return found[name]


def _technique(kind: str, technique: str) -> str | None:
    if kind not in WITH_DETAILS or not technique:
        return None
    if technique not in TECHNIQUES:
        raise BadInput("there is no such technique", hint="Choose one of the list.")
    return technique


def _whole(text: str, least: int, most: int) -> int:
    return max(least, min(most, int(text))) if text.isascii() and text.isdigit() and len(text) < 10 else least


# --- the header ----------------------------------------------------------------------------------------------------------------------------------------


@router.get("/cases/{centre}/{case}/header", responses={200: {"model": FormPage}})
def header_form(request: Request, who: Editor, opened: Opened) -> Response:
    """Sex, birth year and the question to the board."""
    _open_for_change(opened, who)
    case = opened.stored.case
    typed = {"sex": case.sex or "", "birth_year": str(case.birth_year or ""), "question": case.question or ""}
    return _header(request, opened, typed)


@router.post("/cases/{centre}/{case}/header")
def keep_header(request: Request, site: Here, who: Editor, opened: Opened, form: Form) -> Response:
    _open_for_change(opened, who)
    typed = {name: form.get(name, "").strip() for name in ("sex", "birth_year", "question")}
    try:
        changed = header_of(typed)
        with site.store.transaction(who) as tx:
            change_header(tx, opened.stored.key, changed, _whole(form.get("version", ""), 0, 10**9))
    except (Conflict, BadInput) as error:
        return _header(request, opened, typed, error)
    return on_to(opened.path, Notice.CHANGE_KEPT)


def header_of(typed: dict[str, str]) -> dict[str, Any]:
    """What was typed as a case file would hold it; what was left empty is None."""
    year = typed["birth_year"]
    return {
        "sex": typed["sex"] or None,
        "birth_year": int(year) if year.isascii() and year.isdigit() and len(year) == 4 else year or None,
        "question": typed["question"] or None,
    }


def _header(
    request: Request, opened: OpenedCase, typed: dict[str, str], error: BadInput | Conflict | None = None
) -> Response:
    content = FormPage(
        sent_to=f"{opened.path}/header",
        inputs=plain({"sex": _SEX, "birth_year": "whole", "question": "long"}, typed),
        version=opened.stored.version,
    )
    return page(
        request,
        "header.html",
        200 if error is None else error.http_status,
        content=content,
        opened=opened,
        stored=opened.stored,
        tab="",
        typed=typed,
        error=error,
        errors=errors_of(error if isinstance(error, BadInput) else None),
        sexes=_SEX,
    )
