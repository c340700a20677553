"""Studies of a case: sent in, measured in the background, looked at, and taken into the case as an imaging event by a person."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated, Any, get_args

from fastapi import APIRouter, Request
from fastapi import Path as PathPart
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from liverboard.clinical.derive_timeline import replaced_by
from liverboard.clinical.events import Case, Imaging
from liverboard.clinical.extent import Frozen
from liverboard.errors import BadInput, UserError
from liverboard.registry.archive import STUDY, Limits
from liverboard.registry.cases import CaseKey, append_events
from liverboard.registry.measuring import NoSuchStudy, cancel, measure_again
from liverboard.registry.permissions import Actor
from liverboard.registry.schema import StudyState
from liverboard.registry.studies import StudyLine, Taking, case_folder, list_studies
from liverboard.registry.studies import receive as take_in
from liverboard.registry.study_files import SENDING, passing
from liverboard.registry.study_parts import LEFT_OUT, MASKS, StudyParts, keep_parts, read_parts, tell_parts, with_roles
from liverboard.report.words import anchor
from liverboard.web.gate import Form, Here, Person, prove, reads_its_own_form, who_may
from liverboard.web.measure_study import Result
from liverboard.web.measuring import VIEW_FOLDER, read_result, rules_of
from liverboard.web.opened import Opened, OpenedCase, case_path
from liverboard.web.pages import page, wants_json
from liverboard.web.receive import most_megabytes, no_room, receive
from liverboard.web.site import Site
from liverboard.web.views import pictured

router = APIRouter(tags=["studies"])
Number = Annotated[int, PathPart(ge=1, le=2**31 - 1)]
Reader = Annotated[Person, who_may("see_cases")]
Editor = Annotated[Person, who_may("edit_cases")]
MODALITIES: tuple[str, ...] = get_args(get_args(Imaging.model_fields["modality"].annotation)[0])
ROLES = ("arterial", "portal", "native", "delayed", "image", "y90_pet", *MASKS, LEFT_OUT)
_ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")


class ShownStudy(Frozen):
    """A study in the list. `event`: the imaging event that it became; None until a person took it into the case."""

    number: int
    state: StudyState
    progress_percent: int
    message: str | None
    uploaded_by: str
    uploaded: dt.datetime
    event: str | None
    path: str


class ShownScan(Frozen):
    """An imaging event of the case that has images. `path`: of its viewer."""

    event: str
    date: dt.date
    modality: str | None
    path: str


class StudyList(Frozen):
    """The images of a case: `scans` in the case, newest first, and the `studies` that were sent."""

    centre: str
    case: str
    scans: tuple[ShownScan, ...]
    studies: tuple[ShownStudy, ...]
    most_megabytes: int


class StudyPage(Frozen):
    """`measured`: None until it is. `version`: of the case, to be sent back with the confirmation."""

    study: ShownStudy
    parts: StudyParts
    measured: Result | None
    version: int


class Sent(Frozen):
    """A study that arrived. `path`: of its page."""

    number: int
    path: str
    files: int


# --- sending -------------------------------------------------------------------------------------------------------------------------------------------

_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "csrf": {"type": "string"},
                        "pixels_seen": {"type": "string"},
                        "files": {"type": "array", "items": {"type": "string", "format": "binary"}},
                    },
                }
            }
        },
    }
}


@router.get("/cases/{centre}/{case}/studies", responses={200: {"model": StudyList}})
def studies(request: Request, site: Here, opened: Opened, who: Reader) -> Response:
    """The studies of a case and how far their measurement is, and the form that sends another."""
    key = opened.stored.key
    shown = tuple(_shown(opened.stored.case, line) for line in list_studies(site.store, who, key))
    scans = tuple(
        ShownScan(
            event=event.id,
            date=event.date,
            modality=event.modality,
            path=opened.viewer_of(event.id),
        )
        for event in pictured(opened.stored.case)
    )
    content = StudyList(
        centre=key.centre,
        case=key.case,
        scans=scans,
        studies=tuple(reversed(shown)),
        most_megabytes=most_megabytes(),
    )
    return page(
        request, "studies.html", content=content, opened=opened, stored=opened.stored, tab="studies", anchor=anchor
    )


@router.post("/cases/{centre}/{case}/studies", responses={200: {"model": Sent}}, openapi_extra=_FORM)
@reads_its_own_form
async def send(request: Request, site: Here, centre: str, case: str, who: Editor) -> Response:
    """Take a study: DICOM, NIfTI, NRRD, or a zip or tar of them. It is de-identified before it is kept."""
    who.require("edit_cases", centre)
    key = CaseKey(centre, case)
    await run_in_threadpool(list_studies, site.store, who, key)  # refuses what is no case before anything is written
    try:
        with passing(site.store.folder.studies, SENDING) as made:
            said = await receive(request, made, lambda sent: prove(request, sent))
            sent = await run_in_threadpool(_take, site, who, key, made, pixels_seen="pixels_seen" in said)
    except OSError as error:
        raise no_room(error) from None
    worker = getattr(request.app.state, "worker", None)
    if worker is not None:
        worker.wake()
    if wants_json(request):
        return JSONResponse(sent.model_dump(mode="json"))
    return RedirectResponse(sent.path, status_code=303)


def _take(site: Site, who: Actor, key: CaseKey, folder: Path, *, pixels_seen: bool) -> Sent:
    files = list(folder.iterdir())
    archives = [file for file in files if file.name.lower().endswith(_ARCHIVES)]
    if not files:
        raise BadInput("no file was sent", hint="Choose the files of a study, a folder, or a zip of them.")
    if archives and len(files) > 1:
        raise BadInput("an archive came together with other files", hint="Send one archive, or the files without it.")
    most = most_megabytes() * 1_000_000
    limits = Limits(files=STUDY.files, file_bytes=STUDY.file_bytes, total_bytes=max(most, STUDY.total_bytes))
    how = Taking(limits, pixels_seen)
    received = take_in(site.store, who, key, archives[0] if archives else folder, how=how)
    try:
        told = tell_parts(received.path, rules_of(site.store, key))
    except UserError as error:  # it stays, and its page says what is wrong with it
        told = StudyParts(parts=(), warnings=(f"{error.message}. {error.hint}",))
    update = {"warnings": (*told.warnings, *received.warnings), "words": received.words, "left_aside": dict(received.left_aside)}  # fmt: skip
    if told.parts:
        keep_parts(received.path, told.model_copy(update=update))
    return Sent(number=received.id, path=f"{case_path(key)}/studies/{received.id}", files=received.files)


# --- one study -----------------------------------------------------------------------------------------------------------------------------------------


@router.get("/cases/{centre}/{case}/studies/{number}", responses={200: {"model": StudyPage}})
def study(request: Request, site: Here, opened: Opened, number: Number, who: Reader) -> Response:
    """What a study holds, what was measured, and the form that takes it into the case."""
    return _page(request, site, opened, _line(site, who, opened.stored.key, number))


@router.get("/cases/{centre}/{case}/studies/{number}/progress", responses={200: {"model": ShownStudy}})
def progress(request: Request, site: Here, centre: str, case: str, number: Number, who: Reader) -> Response:
    """How far the measurement is. A page that waits asks for it, and loads again at its end."""
    key = CaseKey(centre, case)
    line = _line(site, who, key, number)
    shown = ShownStudy(**_of_line(line), event=None, path=f"{case_path(key)}/studies/{number}")
    response = page(request, "study_progress.html", content=shown, may_edit=who.may("edit_cases", centre))
    if line.state not in {"waiting", "measuring"}:
        response.headers["HX-Refresh"] = "true"
    return response


@router.post("/cases/{centre}/{case}/studies/{number}/cancel")
def stop(site: Here, centre: str, case: str, number: Number, who: Editor) -> Response:
    """Stop a study that waits or is being measured."""
    key = CaseKey(centre, case)
    _line(site, who, key, number)
    with site.store.transaction(who) as tx:
        cancel(tx, number)
    return RedirectResponse(f"{case_path(key)}/studies/{number}", status_code=303)


@router.post("/cases/{centre}/{case}/studies/{number}/again")
def again(request: Request, site: Here, form: Form, opened: Opened, number: Number, who: Editor) -> Response:
    """Measure a study again, with the roles that the form gives."""
    key = opened.stored.key
    who.require("edit_cases", key.centre)
    line = _line(site, who, key, number)
    folder = case_folder(site.store, key) / line.path
    try:
        if _event_of(opened.stored.case, line) is not None:
            raise BadInput("the study is in the case already", hint="Correct the event where something is wrong.")
        parts = read_parts(folder, rules_of(site.store, key))
        roles = [form.get(f"role-{n}", part.role).strip() for n, part in enumerate(parts.parts)]
        changed = with_roles(parts, roles)
        with site.store.transaction(who) as tx:
            measure_again(tx, number)
            keep_parts(folder, changed)
    except UserError as error:
        return _page(request, site, opened, line, error=error, form=form)
    worker = getattr(request.app.state, "worker", None)
    if worker is not None:
        worker.wake()
    return RedirectResponse(f"{case_path(key)}/studies/{number}", status_code=303)


@router.post("/cases/{centre}/{case}/studies/{number}/confirm")
def confirm(request: Request, site: Here, form: Form, opened: Opened, number: Number, who: Editor) -> Response:
    """Take what was measured into the case, as an imaging event on the day that a person states."""
    key = opened.stored.key
    who.require("edit_cases", key.centre)
    line = _line(site, who, key, number)
    try:
        result = _result(site, key, line)
        if line.state != "measured" or result is None:
            raise BadInput("the study is not measured yet", hint="Wait for its measurement, or start it again.")
        if _event_of(opened.stored.case, line) is not None:
            raise BadInput("the study is in the case already", hint="Correct the event where something is wrong.")
        event = {**result.event, "date": form.get("date", "").strip(), "modality": form.get("modality") or None}
        event["note"] = form.get("note", "").strip() or None
        event.pop("id", None)
        stated = {name: value for name, value in event.items() if value is not None}
        if not stated["date"]:
            raise BadInput("the day of the scan is not stated", hint="Type the day on which the scan was made.")
        version = form.get("version", "")
        with site.store.transaction(who) as tx:
            append_events(tx, key, [stated], int(version) if version.isdecimal() and len(version) < 9 else -1)
    except UserError as error:
        return _page(request, site, opened, line, error=error, form=form)
    return RedirectResponse(f"{case_path(key)}/lesions", status_code=303)


def _page(
    request: Request,
    site: Site,
    opened: OpenedCase,
    line: StudyLine,
    *,
    error: UserError | None = None,
    form: dict[str, str] | None = None,
) -> Response:
    stored = opened.stored
    try:
        parts = read_parts(case_folder(site.store, stored.key) / line.path, rules_of(site.store, stored.key))
    except UserError as problem:
        parts, error = StudyParts(parts=()), error or problem
    content = StudyPage(
        study=_shown(stored.case, line), parts=parts, measured=_result(site, stored.key, line), version=stored.version
    )
    return page(
        request,
        "study.html",
        200 if form is None or error is None else error.http_status,
        content=content,
        opened=opened,
        stored=stored,
        tab="studies",
        error=error,
        form=form or {},
        modalities=MODALITIES,
        roles=ROLES,
        may_edit=opened.may_edit,
        anchor=anchor,
    )


def _result(site: Site, key: CaseKey, line: StudyLine) -> Result | None:
    if line.state != "measured":
        return None
    return read_result(case_folder(site.store, key) / line.path / VIEW_FOLDER)


def _line(site: Site, who: Person, key: CaseKey, number: int) -> StudyLine:
    """Raises NoSuchStudy: none of this number in this case."""
    found = next((line for line in list_studies(site.store, who, key) if line.id == number), None)
    if found is None:
        raise NoSuchStudy("the case has no study of this number", hint="Look at the studies of the case.")
    return found


def _shown(case: Case, line: StudyLine) -> ShownStudy:
    return ShownStudy(**_of_line(line), event=_event_of(case, line), path=f"{case_path(line.key)}/studies/{line.id}")


def _of_line(line: StudyLine) -> dict[str, Any]:
    return {
        "number": line.id,
        "state": line.state,
        "progress_percent": line.progress_percent,
        "message": line.message,
        "uploaded_by": line.uploaded_by,
        "uploaded": line.uploaded,
    }


def _event_of(case: Case, line: StudyLine) -> str | None:
    """The imaging event that names files of the study, as long as it counts."""
    replaced = replaced_by(case.events)
    for event in case.events:
        if (
            event.id not in replaced
            and isinstance(event, Imaging)
            and any(s.path.startswith(f"{line.path}/") for s in event.studies or ())
        ):
            return event.id
    return None
