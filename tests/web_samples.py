"""A small site to test pages on: two centres, one case, a person of each role, and visitors who are signed in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from httpx import Response
from starlette.testclient import TestClient
from tests.registry_samples import CASE, EDITOR, HandClock

from liverboard.registry.accounts import create_account, log_in, set_password
from liverboard.registry.cases import CaseKey, add_case
from liverboard.registry.folder import make_folder
from liverboard.registry.permissions import CONSOLE
from liverboard.registry.schema import Role
from liverboard.registry.store import Store, add_centre
from liverboard.web.app import create_app
from liverboard.web.site import Site

KEY = CaseKey("lyon", "NELM-1")
PASSWORD = "three unrelated words"  # noqa: S105
PEOPLE: Mapping[str, tuple[Role, str | None]] = {
    "viewer": ("viewer", "lyon"),
    "editor": ("editor", "lyon"),
    "chair": ("chair", "lyon"),
    "manager": ("data_manager", "lyon"),
    "admin": ("administrator", None),
    "stranger": ("chair", "paris"),
}


class Visitor:
    """A browser of one person, without JavaScript. None: nobody is signed in."""

    def __init__(self, site: Site, name: str | None) -> None:
        self.site = site
        self.client = TestClient(create_app(site), base_url="http://testserver", follow_redirects=False)
        self.csrf = ""
        if name is not None:
            login = log_in(site.store, name, PASSWORD)
            self.client.cookies.set("session", login.token)
            self.csrf = login.csrf

    def get(self, path: str, **asked: Any) -> Response:
        return self.client.get(path, **asked)

    def json(self, path: str) -> Any:
        response = self.client.get(path, headers={"accept": "application/json"})
        assert response.status_code == 200, response.text[:500]
        return response.json()

    def post(self, path: str, fields: Mapping[str, Any] = {}, **asked: Any) -> Response:
        return self.client.post(path, data={**fields, "csrf": self.csrf}, **asked)


def words(response: Response) -> str:
    """What a page says, without its markup."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.text))


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def site(tmp_path: Path, clock: HandClock) -> Iterator[Site]:
    folder = make_folder(tmp_path / "data", "lyon")
    store = Store.initialise(folder, clock)
    folder.make_centre_key("paris")
    with store.transaction(CONSOLE) as tx:
        add_centre(tx, "paris")
        links = {name: create_account(tx, name, role, centre) for name, (role, centre) in PEOPLE.items()}
    for link in links.values():
        set_password(store, link, PASSWORD)
    with store.transaction(EDITOR) as tx:
        add_case(tx, "lyon", CASE)
    yield Site(store)
    store.close()


@pytest.fixture
def editor(site: Site) -> Visitor:
    return Visitor(site, "editor")


@pytest.fixture
def viewer(site: Site) -> Visitor:
    return Visitor(site, "viewer")


@pytest.fixture
def chair(site: Site) -> Visitor:
    return Visitor(site, "chair")
