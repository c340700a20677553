"""Every route of the app against every role, another centre, and forms without their token; cookies, headers, sessions, and links that say or lead elsewhere."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from httpx import Response
from sqlalchemy import func, select
from tests.registry_samples import CHAIR, HandClock
from tests.web_routes import EXAMPLE, FIELDS, NEEDS, ROUTES, UNSAFE
from tests.web_samples import KEY, PASSWORD, PEOPLE, Visitor

from liverboard.registry.accounts import create_account, log_in, set_password
from liverboard.registry.folder import open_folder
from liverboard.registry.meetings import plan_meeting, schedule
from liverboard.registry.permissions import CONSOLE, RIGHTS
from liverboard.registry.schema import audit
from liverboard.registry.store import Store
from liverboard.web.site import Site

OF_A_CASE = sorted(name for name in ROUTES if "{case}" in name or "{meeting}" in name)
_REFUSED = {401, 403}


@pytest.fixture(scope="module")
def board(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site with a meeting, for all tests of this file: what they send there is refused, or is an empty form of which nothing stays."""
    path = tmp_path_factory.mktemp("board") / "data"
    shutil.copytree(filled, path)
    made = Site(Store.open(open_folder(path), HandClock()))
    with made.store.transaction(CHAIR) as tx:
        meeting = plan_meeting(tx, "lyon", tx.at.date(), "Board")
        schedule(tx, meeting, KEY)
    assert meeting == 1
    yield made
    made.store.close()


@pytest.fixture(scope="module")
def visitors(board: Site) -> Mapping[str, Visitor]:
    return {name: Visitor(board, name) for name in PEOPLE}


@pytest.fixture
def nobody(board: Site) -> Visitor:
    return _nobody(board)


def _nobody(site: Site) -> Visitor:
    """Who is not signed in, with the token of their own forms."""
    visitor = Visitor(site, None)
    visitor.get("/sign-in")
    visitor.csrf = visitor.client.cookies["visitor"]
    return visitor


def ask(visitor: Visitor, name: str, **more: Any) -> Response:
    method, path = name.split(" ")
    path = path.format(**EXAMPLE)
    return visitor.get(path, **more) if method == "GET" else visitor.post(path, FIELDS.get(name, {}), **more)


def entries(site: Site) -> int:
    with site.store.read() as connection:
        return connection.scalar(select(func.count()).select_from(audit)) or 0


# --- who may ask -------------------------------------------------------------------------------------------------------------------------------------------


def test_every_route_says_who_may_use_it() -> None:
    assert (set(ROUTES) - set(NEEDS), set(NEEDS) - set(ROUTES)) == (set(), set())


@pytest.mark.parametrize("person", sorted(PEOPLE))
def test_what_a_role_may_not_is_refused_and_what_it_may_is_not(visitors: Mapping[str, Visitor], person: str) -> None:
    role, _ = PEOPLE[person]
    for name in sorted(ROUTES):
        need = NEEDS[name]
        if need is None or person == "stranger":  # strangers have a test of their own
            continue
        status = ask(visitors[person], name).status_code
        if need == "any" or need in RIGHTS[role]:
            assert status != 403, (person, name, status)
            assert status < 500, (person, name, status)
        else:
            assert status == 403, (person, name, status)


@pytest.mark.parametrize("name", OF_A_CASE)
def test_what_belongs_to_another_centre_is_refused(board: Site, visitors: Mapping[str, Visitor], name: str) -> None:
    """By who holds every right in a centre of their own; and a refusal tells nothing of the case."""
    before = entries(board)
    method, path = name.split(" ")
    fields = {} if method == "GET" else {"sure": "yes", "version": "0", "case_version": "1", "csrf": visitors["stranger"].csrf}  # fmt: skip
    refused = visitors["stranger"].client.request(method, path.format(**EXAMPLE), data=fields)
    assert refused.status_code == 403, name
    assert "Which liver-directed treatment" not in refused.text
    assert entries(board) == before


@pytest.mark.parametrize("name", sorted(ROUTES))
def test_who_is_not_signed_in_gets_nothing(board: Site, nobody: Visitor, name: str) -> None:
    if NEEDS[name] is None:
        assert ask(nobody, name).status_code < 500
        return
    response = ask(nobody, name)
    assert response.status_code in ({303} if name.startswith("GET") else _REFUSED), name
    if response.status_code == 303:
        assert response.headers["location"].startswith("/sign-in")
    assert ask(nobody, name, headers={"accept": "application/json"}).status_code in _REFUSED, name


def test_an_administrator_of_one_centre_manages_no_other(board: Site) -> None:
    with board.store.transaction(CONSOLE) as tx:
        link = create_account(tx, "parisadmin", "administrator", "paris")
    set_password(board.store, link, PASSWORD)
    visitor = Visitor(board, None)
    login = log_in(board.store, "parisadmin", PASSWORD)
    visitor.client.cookies.set("session", login.token)
    visitor.csrf = login.csrf
    assert {each["name"] for each in visitor.json("/people")["accounts"]} == {"stranger", "parisadmin"}
    for act in ("link", "role", "active"):
        assert visitor.post(f"/people/editor/{act}", {"role": "viewer", "active": "no"}).status_code == 403
    assert visitor.post("/people", {"name": "spy", "role": "chair", "centre": "lyon"}).status_code == 403
    assert visitor.post("/people", {"name": "spy", "role": "administrator", "centre": ""}).status_code == 403


# --- forms that were not made for who sends them -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", UNSAFE)
def test_no_change_without_the_token_of_the_session(board: Site, visitors: Mapping[str, Visitor], name: str) -> None:
    need = NEEDS[name]
    person = next(p for p, (role, centre) in PEOPLE.items() if p != "stranger" and (need in {None, "any"} or need in RIGHTS[role]))  # fmt: skip
    visitor, other = visitors[person], visitors["stranger"]
    before = entries(board)
    method, path = name.split(" ")
    path = path.format(**EXAMPLE)
    for csrf in ("", "x" * 43, other.csrf, "é", visitor.csrf[:-1]):
        sent = visitor.client.request(method, path, data={"csrf": csrf})
        assert sent.status_code == 403, (name, csrf)
    assert visitor.client.request(method, path, json={"csrf": visitor.csrf}).status_code == 403
    for headers in ({"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "https://evil.example"}):  # fmt: skip
        assert visitor.post(path, {}, headers=headers).status_code == 403, (name, headers)
    assert entries(board) == before


# --- sessions and cookies ----------------------------------------------------------------------------------------------------------------------------------


def test_a_sign_in_takes_a_new_token_whatever_was_there_before(board: Site) -> None:
    visitor = _nobody(board)
    planted, before = "planted-by-another" * 3, visitor.csrf
    visitor.client.cookies.set("session", planted)
    response = visitor.post("/sign-in", {"name": "viewer", "password": PASSWORD})
    assert response.status_code == 303
    token = response.cookies["session"]
    assert token != planted
    visitor.client.cookies.clear()
    visitor.client.cookies.set("session", token)
    visitor.client.cookies.set("visitor", before)
    assert visitor.post("/language", {"language": "fr"}).status_code == 403, "the token of the forms is a new one too"


def test_a_session_is_over_after_signing_out_even_for_who_kept_its_cookie(site: Site) -> None:
    visitor = Visitor(site, "viewer")
    token = visitor.client.cookies["session"]
    assert visitor.post("/sign-out").status_code == 303
    visitor.client.cookies.set("session", token)
    assert visitor.get("/account").status_code == 303


def test_cookies_travel_by_https_only_and_no_script_reads_them(board: Site) -> None:
    secure = Visitor(replace(board, secure=True), None)
    secure.client.base_url = "https://testserver"
    response = secure.get("/sign-in")
    greeting = response.headers["set-cookie"].lower()
    assert greeting.startswith("__host-visitor=")
    secure.csrf = secure.client.cookies["__Host-visitor"]
    response = secure.post("/sign-in", {"name": "viewer", "password": PASSWORD})
    kept = [each.lower() for each in response.headers.get_list("set-cookie")]
    assert [each.split("=")[0] for each in kept] == ["__host-session", "__host-browser"]
    for cookie in (greeting, *kept):
        assert {"httponly", "secure", "samesite=lax", "path=/"} <= {part.strip() for part in cookie.split(";")}
        assert "domain" not in cookie


def test_an_account_waits_after_wrong_passwords_and_the_answer_does_not_tell_names(site: Site) -> None:
    visitor = _nobody(site)
    answers = {
        visitor.post("/sign-in", {"name": name, "password": "wrong words here"}).text.replace(name, "")
        for name in ("viewer", "nosuchperson")
    }
    assert len(answers) == 1
    for _ in range(4):
        visitor.post("/sign-in", {"name": "viewer", "password": "wrong words here"})
    assert visitor.post("/sign-in", {"name": "viewer", "password": PASSWORD}).status_code == 401


def sign_in(visitor: Visitor, name: str, password: str) -> int:
    """The status of the answer; who was signed in starts anew, and the browser keeps what it was given for longer."""
    visitor.client.cookies.delete("session")
    visitor.client.cookies.delete("visitor")
    visitor.get("/sign-in")
    visitor.csrf = visitor.client.cookies["visitor"]
    return visitor.post("/sign-in", {"name": name, "password": password}).status_code


def test_wrong_tries_of_a_stranger_keep_nobody_out_of_a_browser_of_theirs(site: Site, clock: HandClock) -> None:
    own, stranger, running = Visitor(site, None), Visitor(site, None), Visitor(site, "viewer")
    assert sign_in(own, "viewer", PASSWORD) == 303
    assert sign_in(own, "editor", PASSWORD) == 303
    for _ in range(6):
        assert sign_in(stranger, "viewer", "wrong words here") == 401
    assert sign_in(Visitor(site, None), "viewer", PASSWORD) == 401, "any other browser waits"
    assert "A browser in which it signed in before" in stranger.post("/sign-in", {"name": "viewer"}).text
    assert running.get("/account").status_code == 200, "who is signed in stays so"
    assert sign_in(own, "viewer", PASSWORD) == 303
    assert sign_in(Visitor(site, None), "viewer", PASSWORD) == 401, "and that let nobody else in"
    clock.pass_(minutes=16)
    assert sign_in(Visitor(site, None), "viewer", PASSWORD) == 303


def test_a_page_that_waits_keeps_nobody_signed_in(site: Site, clock: HandClock) -> None:
    poll = {"x-by-itself": "true", "hx-request": "true"}
    waiting, person = Visitor(site, "viewer"), Visitor(site, "editor")
    for step in range(3):
        clock.pass_(minutes=14)
        asked = waiting.get("/cases/lyon/NELM-1/reading?gently=1", headers=poll)
        assert asked.status_code == (200 if step < 2 else 401), "thirty minutes without a person"
        assert person.get("/account").status_code == 200
    assert "location" not in asked.headers, "the form to sign in is no part of the page that waits"
    assert waiting.get("/account").headers["location"] == "/sign-in?next=/account"


def test_a_browser_of_an_account_has_no_more_tries_than_a_stranger(site: Site, clock: HandClock) -> None:
    own = Visitor(site, None)
    assert sign_in(own, "viewer", PASSWORD) == 303
    for _ in range(5 + 5):  # its own, then those of the account
        assert sign_in(own, "viewer", "wrong words here") == 401
    assert sign_in(own, "viewer", PASSWORD) == 401
    clock.pass_(minutes=16)
    assert sign_in(own, "viewer", PASSWORD) == 303


def test_no_browser_is_taken_for_one_of_an_account_that_never_signed_in_there(site: Site) -> None:
    other, maker = Visitor(site, None), Visitor(site, None)
    assert sign_in(other, "editor", PASSWORD) == sign_in(maker, "viewer", PASSWORD) == 303
    number, mark = maker.client.cookies["browser"].split(".")
    for _ in range(5):
        assert sign_in(Visitor(site, None), "viewer", "wrong words here") == 401
    for planted in (
        other.client.cookies["browser"],
        f"{'x' * 43}.{mark}",
        f"{number}.{'0' * 64}",
        number,
        "é",
        "." * 900,
    ):
        visitor = Visitor(site, None)
        visitor.client.cookies.set("browser", planted.encode("ascii", "replace").decode())
        assert sign_in(visitor, "viewer", PASSWORD) == 401, planted


# --- addresses and headers ---------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("to", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/\t/evil.example", "/a\r\nset-cookie: x=1", "/\x00/e", "https:evil.example", "///evil.example", "\\\\evil.example", "%2F%2Fevil.example", "/%5Cevil.example", "/.//evil.example", "@evil.example"])  # fmt: skip
def test_no_address_leads_away(board: Site, to: str) -> None:
    visitor = _nobody(board)
    for path, fields in (
        ("/sign-in", {"name": "viewer", "password": PASSWORD, "next": to}),
        ("/language", {"language": "fr", "back": to}),
    ):
        response = visitor.post(path, fields)
        location = response.headers["location"]
        assert location.startswith("/"), location
        assert not location.startswith(("//", "/\\", "/\t")), location
        assert "x" not in response.cookies
        visitor = _nobody(board)


@pytest.mark.parametrize("path", ["/cases", "/nothing", "/static/app.css", "/static/nothing", "/sign-in", "/openapi.json", "/cases/lyon/NELM-1/nothing"])  # fmt: skip
def test_every_answer_carries_the_strict_headers(visitors: Mapping[str, Visitor], path: str) -> None:
    headers = visitors["viewer"].get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    script = next(part for part in policy.split(";") if part.strip().startswith("script-src"))
    assert "unsafe-inline" not in script
    assert "'unsafe-eval'" not in script
    assert "frame-ancestors 'none'" in policy
    assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")
    if not path.startswith("/static"):
        assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize("words", ["Call this number", "", "role_changed_", "__class__", "role_changed\nCall"])
def test_no_link_puts_words_into_a_page(visitors: Mapping[str, Visitor], words: str) -> None:
    text = visitors["viewer"].get("/account", params={"done": words}).text
    assert 'class="notice"' not in text
    assert not words or words not in text


def test_a_link_from_elsewhere_tells_of_no_change(visitors: Mapping[str, Visitor]) -> None:
    told = "/account?done=role_changed"
    assert "The role is changed" in visitors["viewer"].get(told).text
    assert "Le rôle est modifié" in visitors["viewer"].get(told, headers={"accept-language": "fr"}).text
    for site in ("cross-site", "same-site", "none"):
        assert "The role is changed" not in visitors["viewer"].get(told, headers={"sec-fetch-site": site}).text


@pytest.mark.parametrize("words", ["' OR 1=1 --", '"; DROP TABLE cases; --', "%", "_", "N\\", "\x00"])
def test_what_is_searched_for_is_never_part_of_a_query(visitors: Mapping[str, Visitor], words: str) -> None:
    response = visitors["viewer"].get("/cases", params={"pseudonym": words}, headers={"accept": "application/json"})
    assert response.status_code in {200, 400}
    if response.status_code == 200:
        assert response.json()["total"] == 0
    trail = visitors["admin"].get("/trail", params={"case": words}, headers={"accept": "application/json"})
    assert trail.status_code in {200, 400}
    if trail.status_code == 200:
        assert trail.json()["entries"] == []
