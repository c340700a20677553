"""The viewer: slices with the lesions over them, surfaces, the list of lesions, and still pictures. Its files are served only to who may see the case."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi import Path as PathPart
from fastapi.responses import FileResponse, RedirectResponse, Response

from liverboard.clinical.extent import Frozen
from liverboard.errors import MissingData, UserError
from liverboard.registry.cases import CaseKey
from liverboard.registry.studies import case_folder, list_studies
from liverboard.report.view_files import View
from liverboard.web.gate import Here, Person, who_may
from liverboard.web.measure_study import Result
from liverboard.web.measuring import read_result
from liverboard.web.opened import Opened, OpenedCase
from liverboard.web.pages import page
from liverboard.web.site import Site
from liverboard.web.views import EVENT, STUDY, pictured, place_of, view_folder

router = APIRouter(tags=["viewer"])
Number = Annotated[int, PathPart(ge=1, le=2**31 - 1)]
Event = Annotated[str | None, Query(description="the id of an imaging event")]
Reader = Annotated[Person, who_may("see_cases")]
_KINDS: Final = {".png": "image/png"}


class NoSuchView(MissingData):
    http_status = 404


class ViewPage(Frozen):
    """`files`: where the files that `view` names are found. `title`, `date`: what is shown. `making`: they are not there yet."""

    title: str
    date: dt.date | None
    files: str
    view: View
    warnings: tuple[str, ...] = ()
    making: bool = False


class Making(Frozen):
    """Whether the files of a viewer are still being made."""

    making: bool


@router.get("/cases/{centre}/{case}/viewer", responses={200: {"model": ViewPage}})
def of_event(request: Request, site: Here, opened: Opened, event: Event = None) -> Response:
    """The scan of an imaging event of the case; without one, the way to the newest that has images, or to the studies."""
    shown = pictured(opened.stored.case)
    if event is None:
        newest = opened.viewer_of(shown[0].id) if shown else f"{opened.path}/studies{opened.asked}"
        return RedirectResponse(newest, status_code=303)
    found = next((each for each in shown if each.id == event), None)
    if found is None:
        raise NoSuchView("the case has no scan with images of this name", hint="Look at the images of the case.")
    home = case_folder(site.store, opened.stored.key)
    place = place_of(found, home)
    result: Result | None = None
    error: UserError | None = None
    try:
        result = site.views.get(found, home, view_folder(home, place))
    except UserError as problem:
        error = problem
    title = found.modality or ""
    return _shown(request, opened, place, (title, found.date), result, error)


@router.get("/cases/{centre}/{case}/viewer/study/{number}", responses={200: {"model": ViewPage}})
def of_study(request: Request, site: Here, opened: Opened, number: Number, who: Reader) -> Response:
    """A study that was measured and is not in the case yet, or is."""
    lines = list_studies(site.store, who, opened.stored.key)
    line = next((line for line in lines if line.id == number and line.state == "measured"), None)
    if line is None:
        raise NoSuchView("no study of this number is measured", hint="Look at the studies of the case.")
    result = read_result(view_folder(case_folder(site.store, opened.stored.key), line.path))
    return _shown(request, opened, line.path, (str(number), None), result, None)


@router.get("/cases/{centre}/{case}/view/{place}", response_model=Making)
def making(site: Here, response: Response, centre: str, case: str, place: str, who: Reader) -> Making:
    """Whether the files of a viewer are still being made. A page that waits asks for it, and loads again at its end."""
    who.require("see_cases", centre)
    known = STUDY.fullmatch(place) or EVENT.fullmatch(place)
    goes_on = bool(known) and site.views.making(view_folder(case_folder(site.store, CaseKey(centre, case)), place))
    if not goes_on:
        response.headers["HX-Refresh"] = "true"
    return Making(making=goes_on)


@router.get("/cases/{centre}/{case}/view/{place}/{name}", response_class=FileResponse)
def file(site: Here, centre: str, case: str, place: str, name: str, who: Reader) -> Response:
    """One file of a viewer."""
    who.require("see_cases", centre)
    known = STUDY.fullmatch(place) or EVENT.fullmatch(place)
    folder = view_folder(_home(site, CaseKey(centre, case)), place) if known else None
    result = None if folder is None else read_result(folder)
    if folder is None or result is None or name not in result.view.files or not (folder / name).is_file():
        raise NoSuchView("there is no such file", hint="Open the viewer again.")
    site.store.note(who, "view.read", centre=centre, case=case, detail={"file": f"{place}/{name}"})
    kind = _KINDS.get(Path(name).suffix, "application/octet-stream")
    return FileResponse(folder / name, media_type=kind, headers={"content-encoding": "identity"})


def _shown(
    request: Request,
    opened: OpenedCase,
    place: str,
    what: tuple[str, dt.date | None],
    result: Result | None,
    error: UserError | None,
) -> Response:
    content = ViewPage(
        title=what[0],
        date=what[1],
        files=f"{opened.path}/view/{place}/",
        view=View() if result is None else result.view,
        warnings=() if result is None else result.warnings,
        making=result is None and error is None,
    )
    return page(
        request,
        "viewer.html",
        content=content,
        opened=opened,
        stored=opened.stored,
        tab="studies",
        error=error,
        scans=pictured(opened.stored.case),
    )


def _home(site: Site, key: CaseKey) -> Path:
    """The folder of a case. Raises NoSuchView for a name that leads elsewhere."""
    studies = site.store.folder.studies.resolve()
    try:
        home = case_folder(site.store, key).resolve()
    except (OSError, ValueError):  # no file system holds such a name
        home = studies
    if home.parent.parent != studies or home.name != key.case or home.parent.name != key.centre:
        raise NoSuchView("there is no such file", hint="Open the viewer again.")
    return home
