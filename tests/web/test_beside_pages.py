"""What stands beside every page, by the table of routes: the same as JSON, as /openapi.json says it, and an answer to HEAD."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from fastapi.routing import APIRoute
from jsonschema import Draft202012Validator
from sqlalchemy import select
from tests.registry_samples import CHAIR, EDITOR
from tests.web_samples import KEY, Visitor

from liverboard.board.cohort_summary import GROUPS
from liverboard.registry.cases import append_events, case_as_known
from liverboard.registry.meetings import plan_meeting, schedule
from liverboard.registry.schema import cases, studies
from liverboard.registry.store import insert_row
from liverboard.registry.studies import case_folder
from liverboard.report.view_files import View
from liverboard.web.app import create_app
from liverboard.web.measure_study import RESULT, Result
from liverboard.web.routes import EVERY
from liverboard.web.site import Site
from liverboard.web.views import place_of, view_folder

WHERE = {
    "meeting": "1", "action": "1", "centre": "lyon", "case": "NELM-1", "tab": "facts", "screen": "cases", "link": "x" * 43, "event": "i1", "number": "1",
}  # fmt: skip
# What is asked for beside the address, so that a form and not the choice before it is shown too.
ASKED = (
    "/cases/{centre}/{case}/events/new?kind=labs",
    "/cases/{centre}/{case}/events/new?kind=procedure&technique=tae",
    "/cases/{centre}/{case}/events/withdraw?event={event}",
    "/cases/{centre}/{case}/viewer?event={event}",
)
_NO_PAGES = {
    "/": "leads on to the agenda",
    "/cases/{centre}/{case}/viewer": "asked for with an event, below; else it leads on to the newest scan",
    "/sign-in/openid": "leads on to the identity provider",
    "/sign-in/openid/back": "the identity provider leads back to it",
    "/meetings/{meeting}/minutes.pdf": "paper",
    "/cases/{centre}/{case}/reading": "data only: whether images of a case are being read",
    "/cases/{centre}/{case}/view/{place}": "data only: whether the files of a viewer are made",
    "/cases/{centre}/{case}/view/{place}/{name}": "files of a viewer",
    "/cases/{centre}/{case}/events/withdraw": "asked for with an event, below",
}
READ = sorted(
    route.path for router in EVERY for route in router.routes if isinstance(route, APIRoute) and "GET" in route.methods
)
PAGES = [path for path in READ if path not in _NO_PAGES]


@pytest.fixture
def board(site: Site) -> Site:
    """A site with one of everything that a page shows."""
    with site.store.transaction(EDITOR) as tx:
        scan = [{"path": "scan.nii.gz", "role": "image"}]
        append_events(tx, KEY, [{"kind": "imaging", "id": "i1", "date": "2024-06-20", "studies": scan}], 1)
    with site.store.transaction(CHAIR) as tx:
        schedule(tx, plan_meeting(tx, "lyon", dt.date(2025, 1, 2), "Board"), KEY)
    return site


@pytest.fixture
def pictured(board: Site) -> Site:
    """With a view of the scan, as measuring leaves it, and a study that was sent."""
    event = next(each for each in case_as_known(board.store, EDITOR, KEY).case.events if each.id == "i1")
    home = case_folder(board.store, KEY)
    folder = view_folder(home, place_of(event, home))  # pyright: ignore[reportArgumentType]
    study = home / "study-0123456789ab"
    for place in (folder, view_folder(home, study.name)):
        place.mkdir(parents=True)
        (place / RESULT).write_text(Result(event={}, view=View()).model_dump_json())
    with board.store.transaction(EDITOR) as tx:
        number = tx.connection.scalar(select(cases.c.id).where(cases.c.pseudonym == KEY.case))
        insert_row(tx.connection, studies, case_id=number, path=f"lyon/{KEY.case}/{study.name}", kind="volume", state="measured", progress_percent=100, uploaded_by="ed", uploaded=tx.at)  # fmt: skip
        tx.note("study.receive", centre="lyon", case=KEY.case)
    return board


def visitor_of(site: Site, path: str) -> Visitor:
    return Visitor(site, "admin" if path.startswith(("/people", "/trail")) else "chair")


def test_what_is_no_page_is_known() -> None:
    assert set(_NO_PAGES) <= set(READ) and len(PAGES) > 25


@pytest.mark.parametrize("path", [*PAGES, *ASKED])
def test_every_page_has_its_json_as_documented(pictured: Site, path: str) -> None:
    visitor = visitor_of(pictured, path)
    address = path.format(**WHERE)
    page = visitor.get(address, headers={"accept": "text/html"})
    assert page.status_code == 200 and page.headers["content-type"].startswith("text/html"), page.text[-500:]
    found = visitor.get(address, headers={"accept": "application/json"})
    assert found.status_code == 200 and found.headers["content-type"] == "application/json"
    document = visitor.get("/openapi.json").json()
    answer = document["paths"][path.partition("?")[0]]["get"]["responses"]["200"]
    schema = {**answer["content"]["application/json"]["schema"], "components": document["components"]}
    assert {"$ref", "anyOf"} & set(schema), "no model documents it"
    Draft202012Validator(schema).validate(found.json())
    assert found.json()


@pytest.mark.parametrize("path", READ)
def test_head_is_answered_as_get_without_the_body(pictured: Site, path: str) -> None:
    visitor = visitor_of(pictured, path)
    address = path.format(**{**WHERE, "place": "study-0123456789ab", "name": "nothing"})
    got, head = (visitor.client.request(how, address, headers={"accept": "text/html"}) for how in ("GET", "HEAD"))
    assert head.status_code == got.status_code and head.status_code not in {405, 500}
    assert head.content == b"" and set(head.headers) == set(got.headers)
    assert head.headers.get("content-type") == got.headers.get("content-type")


def test_head_needs_the_rights_of_get_and_is_documented_nowhere(site: Site) -> None:
    stranger = Visitor(site, "stranger")
    assert stranger.client.head("/cases/lyon/NELM-1").status_code == 403
    assert Visitor(site, "viewer").client.head("/agenda/cases").status_code == 405  # takes POST only
    assert Visitor(site, None).client.head("/static/app.css").status_code == 200
    document = create_app(site).openapi()
    assert not [path for path, of in document["paths"].items() if "head" in of]


def test_a_refused_form_tells_json_why(editor: Visitor) -> None:
    told: Any = editor.post("/cases/new", {"pseudonym": ""}, headers={"accept": "application/json"})
    assert told.status_code == 400 and told.json()["problems"][0]["field"] == "pseudonym"


def test_the_images_of_a_case_are_data_too(pictured: Site) -> None:
    found = Visitor(pictured, "viewer").json("/cases/lyon/NELM-1/studies")
    (scan,) = found["scans"]
    assert scan["event"] == "i1" and scan["date"] == "2024-06-20"
    assert Visitor(pictured, "viewer").get(scan["path"]).status_code == 200
    assert [each["number"] for each in found["studies"]] == [1]


def test_the_filters_of_the_cohort_are_documented(viewer: Visitor) -> None:
    asked = viewer.get("/openapi.json").json()["paths"]["/cohort"]["get"]["parameters"]
    assert {each["name"] for each in asked if each["in"] == "query"} >= {"group", *GROUPS}
    assert viewer.json("/cohort?sex=female&nonsense=1")["where"] == {"sex": "female"}
    assert viewer.get("/cohort?sex=" + "x" * 65).status_code == 422


def test_what_json_previews_it_can_keep(editor: Visitor) -> None:
    path = "/cases/lyon/NELM-1/events/new"
    sent = {"kind": "labs", "date": "2024-07-01", "bilirubin": "14", "bilirubin|unit": "umol/L"}
    shown: Any = editor.post(path, {**sent, "do": "preview"}, headers={"accept": "application/json"}).json()
    kept = editor.post(path, {**sent, "do": "save", "seal": shown["seal"], "version": shown["version"]})
    assert kept.status_code == 303
