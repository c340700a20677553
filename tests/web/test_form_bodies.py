"""The OpenAPI document names the fields of every form that a page gives out."""

from __future__ import annotations

import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from tests.registry_samples import CHAIR, EDITOR
from tests.web_forms import forms_of
from tests.web_routes import UNSAFE, route_of
from tests.web_samples import KEY, Visitor

from liverboard.registry.meetings import (
    Action,
    Attendee,
    Minutes,
    attend,
    plan_meeting,
    schedule,
    sign_off,
    write_minutes,
)
from liverboard.web.app import create_app
from liverboard.web.site import Site

_CASE = f"/cases/lyon/{KEY.case}"
_PAGES = (
    "/agenda", "/agenda?state=scheduled", "/agenda/follow-up", "/meetings/1", f"/meetings/1/cases/{KEY.case}", "/account", "/cases/new", f"{_CASE}/header",
    f"{_CASE}/what-if", f"{_CASE}/events/new?kind=labs", f"{_CASE}/events/withdraw?event=d1", f"{_CASE}/studies",
)  # fmt: skip


@pytest.fixture
def document(site: Site) -> dict[str, Any]:
    return create_app(site).openapi()


def body_of(document: dict[str, Any], name: str) -> dict[str, Any]:
    method, path = name.split(" ")
    content = document["paths"][path][method.lower()]["requestBody"]["content"]
    return next(iter(content.values()))["schema"]


def test_every_form_says_what_it_takes(document: dict[str, Any]) -> None:
    for name in UNSAFE:
        Draft202012Validator.check_schema(body_of(document, name))
    assert len(UNSAFE) > 25


def test_the_fields_of_every_form_are_named(document: dict[str, Any], site: Site) -> None:
    with site.store.transaction(EDITOR) as tx:
        number = plan_meeting(tx, "lyon", site.today(), "NET board")
        schedule(tx, number, KEY)
        attend(tx, number, [Attendee("pathology", "A. B.")])
    asked = [(Visitor(site, "chair"), page) for page in _PAGES]
    asked += [(Visitor(site, "admin"), page) for page in ("/people", "/trail")]
    asked += [(Visitor(site, None), page) for page in ("/sign-in", "/welcome/" + "x" * 43)]
    seen = _named(document, asked)
    with site.store.transaction(CHAIR) as tx:
        write_minutes(tx, number, KEY, Minutes(chosen="tae", reason="It fits.", actions=(Action("CT"),)), 0)
        sign_off(tx, number, KEY, 1)
    seen |= _named(document, [(Visitor(site, "chair"), "/agenda/follow-up")])
    assert {name for name in UNSAFE if name not in seen and "/studies/" not in name} == {
        "POST /language",
        "POST /sign-out",
        "POST /meetings/{meeting}/cases/{case}/draft",  # sent by the form of the minutes, which is looked at above
        "POST /meetings/{meeting}/cases/{case}/sign",
    }


def _named(document: dict[str, Any], asked: list[tuple[Visitor, str]]) -> set[str]:
    """The routes that forms of these pages lead to, when each field is named there."""
    seen: set[str] = set()
    for visitor, page in asked:
        for to, fields in forms_of(visitor, page):
            name = route_of("POST", to.split("?")[0])
            schema = body_of(document, name)
            patterns = schema.get("patternProperties", {})
            for each in fields:
                known = each in schema["properties"] or any(re.search(pattern, each) for pattern in patterns)
                assert known or schema.get("additionalProperties"), (page, name, each)
            seen.add(name)
    return seen
