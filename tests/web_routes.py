"""Every route of the app: what it asks for, and an address that leads to it."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi.routing import APIRoute

from liverboard.registry.permissions import Right
from liverboard.web.routes import EVERY

# What a route asks for. One that is not named here fails a test: whoever adds it says who may use it. None: whoever comes. "any": whoever is signed in.
_EDIT = "edit_cases"
NEEDS: Mapping[str, Right | str | None] = {
    "GET /": None,
    "GET /sign-in": None,
    "POST /sign-in": None,
    "POST /sign-out": None,
    "GET /sign-in/openid": None,
    "GET /sign-in/openid/back": None,
    "GET /welcome/{link}": None,
    "POST /welcome/{link}": None,
    "POST /language": None,
    "GET /help": None,
    "GET /help/{screen}": None,
    "GET /account": "any",
    "POST /account": "any",
    "GET /people": "manage_accounts",
    "POST /people": "manage_accounts",
    "POST /people/{name}/role": "manage_accounts",
    "POST /people/{name}/active": "manage_accounts",
    "POST /people/{name}/link": "manage_accounts",
    "GET /trail": "see_audit",
    "POST /trail/verify": "keep_store",
    "GET /cohort": "see_cases",
    "GET /agenda": "see_cases",
    "POST /agenda/cases": "prepare_meetings",
    "GET /agenda/follow-up": "see_cases",
    "POST /agenda/actions/{action}/done": "take_minutes",
    "GET /meetings": "see_cases",
    "POST /meetings": "prepare_meetings",
    "GET /meetings/{meeting}": "see_cases",
    "POST /meetings/{meeting}/cases": "prepare_meetings",
    "POST /meetings/{meeting}/order": "prepare_meetings",
    "POST /meetings/{meeting}/attendance": "take_minutes",
    "POST /meetings/{meeting}/close": "sign_off",
    "GET /meetings/{meeting}/minutes": "see_cases",
    "GET /meetings/{meeting}/minutes.pdf": "see_cases",
    "GET /meetings/{meeting}/cases/{case}": "see_cases",
    "POST /meetings/{meeting}/cases/{case}": "take_minutes",
    "POST /meetings/{meeting}/cases/{case}/draft": "take_minutes",
    "POST /meetings/{meeting}/cases/{case}/sign": "sign_off",
    "GET /cases": "see_cases",
    "GET /cases/new": _EDIT,
    "POST /cases/new": _EDIT,
    "GET /cases/{centre}/{case}": "see_cases",
    "GET /cases/{centre}/{case}/events": "see_cases",
    "GET /cases/{centre}/{case}/decisions": "see_cases",
    "GET /cases/{centre}/{case}/{tab}": "see_cases",
    "GET /cases/{centre}/{case}/events/new": _EDIT,
    "POST /cases/{centre}/{case}/events/new": _EDIT,
    "GET /cases/{centre}/{case}/events/withdraw": _EDIT,
    "POST /cases/{centre}/{case}/events/withdraw": _EDIT,
    "GET /cases/{centre}/{case}/header": _EDIT,
    "POST /cases/{centre}/{case}/header": _EDIT,
    "GET /cases/{centre}/{case}/what-if": "see_cases",
    "POST /cases/{centre}/{case}/what-if": "see_cases",
    "GET /cases/{centre}/{case}/studies": "see_cases",
    "POST /cases/{centre}/{case}/studies": _EDIT,
    "GET /cases/{centre}/{case}/studies/{number}": "see_cases",
    "GET /cases/{centre}/{case}/studies/{number}/progress": "see_cases",
    "POST /cases/{centre}/{case}/studies/{number}/cancel": _EDIT,
    "POST /cases/{centre}/{case}/studies/{number}/again": _EDIT,
    "POST /cases/{centre}/{case}/studies/{number}/confirm": _EDIT,
    "GET /cases/{centre}/{case}/viewer": "see_cases",
    "GET /cases/{centre}/{case}/viewer/study/{number}": "see_cases",
    "GET /cases/{centre}/{case}/reading": "see_cases",
    "GET /cases/{centre}/{case}/view/{place}": "see_cases",
    "GET /cases/{centre}/{case}/view/{place}/{name}": "see_cases",
}
EXAMPLE = {
    "meeting": "1", "action": "999", "centre": "lyon", "case": "NELM-1", "tab": "facts", "screen": "cases", "link": "x" * 43,
    "number": "1", "place": "study-1", "name": "nobody",
}  # fmt: skip
# Forms that are read before the rights are looked at; nothing is kept of them.
FIELDS = {"POST /meetings/{meeting}/cases/{case}/draft": {"version": "0", "case_version": "7"}}
ROUTES = {
    f"{method} {route.path}": route
    for router in EVERY
    for route in router.routes
    if isinstance(route, APIRoute)
    for method in route.methods
}
UNSAFE = sorted(name for name in ROUTES if not name.startswith("GET "))


def route_of(method: str, path: str) -> str:
    """The name of the route that takes a path."""
    return next(
        f"{method} {route.path}"
        for router in EVERY
        for route in router.routes
        if isinstance(route, APIRoute) and method in route.methods and route.path_regex.match(path)
    )
