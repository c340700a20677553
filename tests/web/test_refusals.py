"""What is refused, asked for in other ways: filled forms, JSON, HEAD, forms of other makes, numbers of another centre; and no answer without the strict headers."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select
from tests.registry_samples import CASE, CHAIR, EDITOR, STRANGER, HandClock
from tests.web_forms import forms_of
from tests.web_routes import EXAMPLE, NEEDS, ROUTES, UNSAFE, route_of
from tests.web_samples import KEY, PEOPLE, Visitor, words

from liverboard.clinical.events import EVENT_KINDS
from liverboard.registry.cases import CaseKey, add_case, case_as_known
from liverboard.registry.folder import open_folder
from liverboard.registry.follow_up import follow_up
from liverboard.registry.meetings import Action, Minutes, plan_meeting, schedule, sign_off, write_minutes
from liverboard.registry.permissions import RIGHTS
from liverboard.registry.schema import audit, cases, studies
from liverboard.registry.store import Store
from liverboard.web.app import create_app
from liverboard.web.headers import POLICY
from liverboard.web.site import Site

_SECRET = "Which liver-directed treatment"  # noqa: S105  (of the case)
_OF_LYON = "ctace after the second look"
_PAGES = (
    "/cases/new", "/cases/lyon/NELM-1/header", "/cases/lyon/NELM-1/studies", "/agenda", "/agenda/follow-up", "/meetings", "/meetings/1", "/meetings/1/cases/NELM-2",
    "/cases/lyon/NELM-1/events/withdraw?event=l1", *(f"/cases/lyon/NELM-1/events/new?kind={kind}" for kind in EVENT_KINDS),
)  # fmt: skip


@pytest.fixture(scope="module")
def board(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Lyon: two cases on meeting 1, one decided there with an action; a study. Paris: a case that is called as one of Lyon, and meeting 2."""
    path = tmp_path_factory.mktemp("refusals") / "data"
    shutil.copytree(filled, path)
    made = Site(Store.open(open_folder(path), HandClock()))
    with made.store.transaction(EDITOR) as tx:
        add_case(tx, "lyon", CASE.model_copy(update={"case": "NELM-2"}))
    with made.store.transaction(CHAIR) as tx:
        assert plan_meeting(tx, "lyon", tx.at.date(), "Board") == 1
        for case in ("NELM-1", "NELM-2"):
            schedule(tx, 1, CaseKey("lyon", case))
        decided = Minutes(chosen="ctace", reason="It progresses.", actions=(Action(_OF_LYON),))
        sign_off(tx, 1, KEY, write_minutes(tx, 1, KEY, decided, 0))
        case_id = tx.connection.scalar(select(cases.c.id).where(cases.c.pseudonym == "NELM-1"))
        tx.connection.execute(
            insert(studies).values(
                id=1, case_id=case_id, path="study-1", kind="nifti", state="waiting", progress_percent=0, uploaded_by="editor", uploaded=tx.at
            )
        )  # fmt: skip
    with made.store.transaction(STRANGER) as tx:
        add_case(tx, "paris", CASE)
        assert plan_meeting(tx, "paris", tx.at.date(), "Board") == 2
        schedule(tx, 2, CaseKey("paris", "NELM-1"))
    yield made
    made.store.close()


@pytest.fixture(scope="module")
def visitors(board: Site) -> Mapping[str, Visitor]:
    return {name: Visitor(board, name) for name in PEOPLE}


@pytest.fixture(scope="module")
def filled_forms(visitors: Mapping[str, Visitor]) -> list[tuple[str, dict[str, str]]]:
    """The forms that change something, as the pages of who may do all hold them; with every event kind once."""
    found = [form for page in _PAGES for form in forms_of(visitors["chair"], page)]
    found += forms_of(visitors["admin"], "/people")
    return [(to, fields) for to, fields in found if NEEDS[route_of("POST", to)] not in {None, "any", "see_cases"}]


def entries(site: Site) -> int:
    """Of the trail, but for those of a case that was read by who may read it and then not change it."""
    with site.store.read() as connection:
        return connection.scalar(select(func.count()).where(audit.c.action != "case.read")) or 0


def may(person: str, name: str) -> bool:
    need = NEEDS[name]
    return need in {None, "any"} or need in RIGHTS[PEOPLE[person][0]]


# --- who may ask -------------------------------------------------------------------------------------------------------------------------------------------


def test_nothing_is_reached_beside_the_table_of_routes(board: Site) -> None:
    from liverboard.web.routes import EVERY

    app = create_app(board)
    assert {getattr(route, "path", None) for route in app.routes if not hasattr(route, "original_router")} == {"/openapi.json", "/static"}  # fmt: skip
    assert len(app.routes) == len(EVERY) + 2


@pytest.mark.parametrize("person", sorted(PEOPLE))
def test_a_filled_form_is_refused_as_an_empty_one(
    board: Site, visitors: Mapping[str, Visitor], filled_forms: list[tuple[str, dict[str, str]]], person: str
) -> None:
    before, sent = entries(board), set[str]()
    for to, fields in filled_forms:
        name = route_of("POST", to)
        if not to.startswith(("/cases/lyon/", "/meetings/1")) if person == "stranger" else may(person, name):
            continue
        answer = visitors[person].post(to, fields)
        assert answer.status_code == 403, (to, fields)
        assert _SECRET not in answer.text
        sent.add(name)
    assert entries(board) == before
    least = {"viewer": 16, "admin": 12, "stranger": 9, "editor": 5, "manager": 5, "chair": 4}
    assert len(sent) >= least[person], sent


@pytest.mark.parametrize("person", sorted(PEOPLE))
def test_json_and_head_are_refused_as_the_page_is(board: Site, visitors: Mapping[str, Visitor], person: str) -> None:
    visitor, before = visitors[person], entries(board)
    for name in sorted(ROUTES):
        of_lyon = "{case}" in name or "{meeting}" in name
        if may(person, name) and not (person == "stranger" and of_lyon):
            continue
        method, path = name.split(" ")
        path = path.format(**EXAMPLE)
        if method == "GET":
            assert visitor.client.head(path).status_code == 403, name
            answer = visitor.get(path, headers={"accept": "application/json"})
        else:
            fields = {"version": "0", "case_version": "1", "sure": "yes"}
            answer = visitor.post(path, fields, headers={"accept": "application/json"})
        assert answer.status_code == 403, name
        assert set(answer.json()) <= {"error", "message", "hint", "where", "problems", "exit_code"}, answer.json()
        assert _SECRET not in answer.text
    assert entries(board) == before


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
def test_no_other_method_is_taken(board: Site, visitors: Mapping[str, Visitor], method: str) -> None:
    before = entries(board)
    for name in sorted(ROUTES):
        path = name.split(" ")[1].format(**EXAMPLE)
        answer = visitors["chair"].client.request(method, path)
        assert answer.status_code == 405, name
        assert "access-control-allow-origin" not in answer.headers
    assert entries(board) == before


# --- another centre ----------------------------------------------------------------------------------------------------------------------------------------


def test_numbers_and_names_of_another_centre_are_nobody_s_inside_ones_own(
    board: Site, visitors: Mapping[str, Visitor]
) -> None:
    """The case of Paris has the name of one of Lyon, and the numbers of meetings, studies and actions are those of the whole store."""
    stranger = visitors["stranger"]
    own = "/cases/paris/NELM-1"
    for path in ("studies/1", "studies/1/progress", "viewer/study/1", "view/study-1/overview.png"):
        assert stranger.get(f"{own}/{path}").status_code == 404, path
    for act in ("cancel", "again", "confirm"):
        assert stranger.post(f"{own}/studies/1/{act}", {"date": "2024-06-01", "version": "1"}).status_code == 404, act
    with board.store.read() as connection:
        assert connection.scalar(select(studies.c.state)) == "waiting"
    nowhere = stranger.post("/meetings/2/cases", {"case": "NELM-7"})
    there = stranger.post("/meetings/2/cases", {"case": "NELM-2"})
    assert (nowhere.status_code, words(nowhere)) == (there.status_code, words(there)) == (404, words(there))
    assert stranger.post("/meetings/1/cases", {"case": "NELM-1"}).status_code == 403
    assert stranger.post("/agenda/cases", {"act": "schedule", "meeting": "1", "case": "NELM-1"}).status_code == 403
    assert stranger.post("/agenda/cases", {"act": "prepared", "case": "NELM-2"}).status_code == 404
    for path in ("/meetings/2/cases/NELM-2", "/meetings/2/cases/NELM-2/draft", "/meetings/2/cases/NELM-2/sign"):
        fields = {"version": "0", "case_version": "1", "chosen": "tae", "reason": "So."}
        assert stranger.post(path, fields).status_code in {400, 404}, path
    assert stranger.get("/meetings/2/cases/NELM-2").status_code in {400, 404}
    assert stranger.post("/meetings/2/order", {"order": "NELM-2"}).status_code in {404, 409}
    assert stranger.post("/agenda/actions/1/done").status_code == 404
    assert len(follow_up(board.store, CHAIR, dt.date(2030, 1, 1))[1]) == 1
    made = stranger.post("/cases/new", {"pseudonym": "SPY-1", "centre": "lyon", "question": "Which way?"})
    assert made.headers["location"].startswith("/cases/paris/SPY-1")
    assert visitors["viewer"].get("/cases/lyon/SPY-1").status_code == 404
    for path in ("/agenda", "/agenda/follow-up", "/meetings", "/cases", "/cohort"):
        for centre in ("lyon", "*", ""):
            text = stranger.get(path, params={"centre": centre}).text
            assert "NELM-2" not in text and _OF_LYON not in text, path
    assert case_as_known(board.store, CHAIR, CaseKey("lyon", "NELM-2")).version == 1


# --- forms that were not made for who sends them -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", UNSAFE)
def test_no_make_of_form_passes_without_its_token(board: Site, visitors: Mapping[str, Visitor], name: str) -> None:
    person = next(p for p in sorted(PEOPLE) if p != "stranger" and may(p, name))
    visitor, before = visitors[person], entries(board)
    path = name.split(" ")[1].format(**EXAMPLE)
    for csrf in ("", "x" * 43, visitors["stranger"].csrf):
        part = f'--b\r\ncontent-disposition: form-data; name="csrf"\r\n\r\n{csrf}\r\n--b--\r\n'.encode()
        for kind in (
            "multipart/form-data; boundary=b",
            "Multipart/Form-Data; boundary=b",
            "multipart/mixed; boundary=b",
            "text/plain",
        ):
            sent = visitor.client.request("POST", path, content=part, headers={"content-type": kind})
            assert sent.status_code == 403, (name, csrf, kind)
        by_htmx = {"hx-request": "true", "x-csrf-token": csrf}
        assert visitor.client.request("POST", path, headers=by_htmx).status_code == 403, (name, csrf)
    by_address = visitor.client.request("POST", path, params={"csrf": visitor.csrf})
    assert by_address.status_code == 403, "a token in an address ends in logs"
    assert entries(board) == before


# --- what every answer carries -----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("person", ["chair", "admin", "stranger", None])
def test_every_answer_of_every_route_is_strict_and_kept_nowhere(board: Site, person: str | None) -> None:
    visitor, seen = Visitor(board, person), set[int]()
    for name in sorted(ROUTES):
        method, path = name.split(" ")
        if name == "POST /sign-out":
            continue
        path = path.format(**EXAMPLE)
        answers = [visitor.get(path), visitor.get(path, headers={"accept": "application/json"})]
        if method != "GET":
            answers.append(visitor.client.post(path))
        for answer in answers:
            seen.add(answer.status_code)
            assert answer.headers["content-security-policy"] == POLICY, name
            assert answer.headers["cache-control"] == "no-store", name
            assert answer.headers["x-content-type-options"] == "nosniff", name
    assert seen & {200, 303} and seen & {401, 403}


def test_no_answer_leads_to_the_name_that_was_asked(board: Site) -> None:
    """Whatever name a browser or a proxy was tricked to send: every redirect stays a path."""
    for person in ("chair", "admin", None):
        visitor = Visitor(board, person)
        for name in sorted(ROUTES):
            method, path = name.split(" ")
            for asked in (
                path.format(**EXAMPLE),
                path.format(**EXAMPLE) + "/",
                "//evil.example" + path.format(**EXAMPLE),
            ):
                answer = visitor.client.request(method, asked, headers={"host": "evil.example"})
                assert answer.headers.get("location", "/").startswith("/"), asked
                assert not answer.headers.get("location", "/").startswith("//"), asked
