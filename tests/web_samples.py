"""A small site to test pages on: two centres, one case, a person of each role, and visitors who are signed in."""

from __future__ import annotations

import datetime as dt
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from httpx import Response
from starlette.testclient import TestClient
from tests.registry_samples import CASE, EDITOR, HandClock

from liverboard.registry.accounts import Login, create_account, log_in, set_password
from liverboard.registry.cases import CaseKey, add_case
from liverboard.registry.folder import make_folder, open_folder
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

LOGINS: dict[str, Login] = {}  # of the sessions in the data folder that every test begins with


class Visitor:
    """A browser of one person, without JavaScript. None: nobody is signed in."""

    def __init__(self, site: Site, name: str | None) -> None:
        self.site = site
        self.client = TestClient(create_app(site), base_url="http://testserver", follow_redirects=False)
        self.csrf = ""
        if name is not None:
            self.client.cookies.set("session", LOGINS[name].token)
            self.csrf = LOGINS[name].csrf

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


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder that every test gets a copy of; everyone is signed in. Passwords are slow to make, so they are made once."""
    path = tmp_path_factory.mktemp("site") / "data"
    earlier = HandClock(HandClock.at - dt.timedelta(minutes=1))  # than whatever a test does
    store = Store.initialise(make_folder(path, "lyon"), earlier)
    store.folder.make_centre_key("paris")
    with store.transaction(CONSOLE) as tx:
        add_centre(tx, "paris")
        links = {name: create_account(tx, name, role, centre) for name, (role, centre) in PEOPLE.items()}
    for name, link in links.items():
        set_password(store, link, PASSWORD)
        LOGINS[name] = log_in(store, name, PASSWORD)
    with store.transaction(EDITOR) as tx:
        add_case(tx, "lyon", CASE)
    store.close()
    return path


@pytest.fixture
def site(filled: Path, tmp_path: Path, clock: HandClock) -> Iterator[Site]:
    shutil.copytree(filled, tmp_path / "data")
    store = Store.open(open_folder(tmp_path / "data"), clock)
    yield Site(store, address="http://testserver")
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
