"""What nobody types: every operation of the OpenAPI document by schemathesis, and every form of every page with hostile values. No answer is a failure of ours."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance
from tests.registry_samples import CHAIR, HandClock
from tests.web_forms import forms_of
from tests.web_samples import KEY, Visitor

from liverboard.clinical.events import EVENT_KINDS
from liverboard.registry.folder import open_folder
from liverboard.registry.meetings import plan_meeting, schedule
from liverboard.registry.store import Store
from liverboard.web.app import create_app
from liverboard.web.routes import EVERY
from liverboard.web.site import Site

_REAL = {"centre": "lyon", "case": "NELM-1", "meeting": "1", "screen": "cases", "tab": "facts", "event": "d1"}


@pytest.fixture(scope="module")
def board(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    path = tmp_path_factory.mktemp("fuzz") / "data"
    shutil.copytree(filled, path)
    made = Site(Store.open(open_folder(path), HandClock()))
    with made.store.transaction(CHAIR) as tx:
        schedule(tx, plan_meeting(tx, "lyon", tx.at.date(), "Board"), KEY)
    yield made
    made.store.close()


@pytest.fixture(scope="module")
def document(board: Site) -> Any:
    return schemathesis.openapi.from_asgi("/openapi.json", create_app(board))


OPERATIONS = sorted(
    (method, route.path)
    for router in EVERY
    for route in router.routes
    if isinstance(route, APIRoute)
    and route.include_in_schema
    and route.path != "/sign-out"  # it ends the session that asks
    for method in route.methods
)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_no_operation_fails(document: Any, board: Site, method: str, path: str) -> None:
    _fuzz(document[path][method], board, 4)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_no_operation_fails_at_length(document: Any, board: Site, method: str, path: str) -> None:
    _fuzz(document[path][method], board, 200)


def _fuzz(operation: Any, board: Site, examples: int) -> None:
    """Each request as it was made up, and with the places that exist."""
    visitor = Visitor(board, "admin" if operation.path.startswith(("/people", "/trail")) else "chair")
    sent = {
        "headers": {"accept": "application/json", "x-csrf-token": visitor.csrf},
        "cookies": {"session": visitor.client.cookies["session"]},
    }

    def ask(case: Any) -> None:
        case.call_and_validate(**sent, checks=(not_a_server_error, response_schema_conformance))

    @settings(
        max_examples=examples, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(operation.as_strategy())
    def asked(case: Any) -> None:
        ask(case)
        real = {name: value for name, value in _REAL.items() if name in (case.path_parameters or {})}
        if real:
            case.path_parameters = {**case.path_parameters, **real}
            ask(case)

    asked()


# --- forms -------------------------------------------------------------------------------------------------------------------------------------------------

_PAGES = (
    "/cases/new", "/cases/lyon/NELM-1/header", "/cases/lyon/NELM-1/what-if", "/agenda", "/agenda/follow-up", "/meetings", "/meetings/1",
    "/meetings/1/cases/NELM-1", "/account", "/people", *(f"/cases/lyon/NELM-1/events/new?kind={kind}" for kind in EVENT_KINDS),
)  # fmt: skip
_HOSTILE = (
    "", "0", "-1", "1e999", "NaN", "9" * 400, "2024-13-45", "0001-01-01", "9999-12-31", "\ud800".encode("utf-16", "surrogatepass").decode("utf-16", "replace"), "\x00", "\u202e", "a\r\nb",
    "%s %(x)s {0} {{7}}", "' OR 1=1", "../../etc/passwd", "<b>", "\U0001f4a9" * 50, "yes", "x" * 5000, "12 umol/L", "5 %", "1,5", "+", "[]", "{\"a\":1}",
)  # fmt: skip


@pytest.mark.parametrize("page", _PAGES)
def test_no_form_fails_whatever_is_typed(site: Site, page: str) -> None:
    """One field after the other, and all at once. What is refused is refused in words."""
    with site.store.transaction(CHAIR) as tx:
        schedule(tx, plan_meeting(tx, "lyon", tx.at.date(), "Board"), KEY)
    visitor = Visitor(site, "admin" if page == "/people" else "chair")
    chance = random.Random(page)
    for to, fields in forms_of(visitor, page):
        if to.endswith(("/active", "/link", "/role", "/close")):
            continue
        names = [name for name in fields if name != "csrf"]
        one = [{**fields, name: chance.choice(_HOSTILE)} for name in chance.sample(names, min(len(names), 12))]
        for sent in (*one, *({name: chance.choice(_HOSTILE) for name in names} for _ in range(3)), {}):
            response = visitor.post(to, sent)
            assert response.status_code < 500, (to, sent)
