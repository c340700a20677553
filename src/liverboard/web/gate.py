"""Who asks, and whether a browser was tricked into asking: sessions, forms that carry their token, and the rights of a route."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from python_multipart.multipart import parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.responses import Response

from liverboard.errors import BadInput, NotPermitted
from liverboard.registry.accounts import NotLoggedIn, session_of
from liverboard.registry.permissions import Actor, Right
from liverboard.web.site import Site, site_of

Route = TypeVar("Route", bound=Callable[..., Any])
_SAFE = {"GET", "HEAD"}
_SMALL = 2_000_000  # bytes of a form; studies have a door of their own


class Person(Actor):
    """Who is signed in, as pages show them."""

    @property
    def administers(self) -> bool:
        return self.may("manage_accounts")


def by_itself(request: Request) -> bool:
    """Whether a page that waits asks, and no person (`static/app.js` says so): that keeps no session alive."""
    return "x-by-itself" in request.headers


def cookie_name(site: Site, what: str) -> str:
    """With https the name itself forbids a subdomain or plain http to set it."""
    return f"__Host-{what}" if site.secure else what


async def visit(request: Request) -> FormData | None:
    """Run before every route: finds the session, and refuses a change whose form lacks the token of that very session. Gives the form that was sent."""
    site = site_of(request)
    token = request.cookies.get(cookie_name(site, "session"))
    request.state.person = None
    if token:
        try:
            session = await run_in_threadpool(session_of, site.store, token, by_a_person=not by_itself(request))
            account = session.account
            request.state.person = Person(account.name, account.role, account.centre)
            request.state.csrf = session.csrf
        except NotLoggedIn:
            token = None
    if not token:
        known = request.cookies.get(cookie_name(site, "visitor"), "")
        request.state.csrf = known if len(known) >= 32 else secrets.token_urlsafe(32)
        request.state.new_visitor = request.state.csrf if known != request.state.csrf else ""
    if request.method in _SAFE:
        return None
    return await _checked(request)


async def _checked(request: Request) -> FormData | None:
    origin = request.headers.get("origin")
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"} or (
        origin is not None and origin != "null" and origin.split("://")[-1] != request.headers.get("host")
    ):
        raise NotPermitted("this request came from another site", hint="Open the page here and try again.")
    if _streamed(request):
        return None
    form: FormData | None = None
    sent = ""
    if request.headers.get("content-type", "").startswith(("application/x-www-form-urlencoded", "multipart/form-data")):
        length = request.headers.get("content-length", "")
        if not length.isdigit() or int(length) > _SMALL:
            raise NotPermitted("the form is larger than any of ours", hint="Send studies on the page for uploads.")
        if _letters_of(request) not in {"", "utf-8"}:
            raise BadInput("the form is written in other letters than ours", hint="Send it as UTF-8.")
        form = await request.form(max_files=0, max_fields=5000)
        value = form.get("csrf", "")
        sent = value if isinstance(value, str) else ""
    prove(request, sent)
    return form


def _letters_of(request: Request) -> str:
    """The charset that a form claims; browsers claim none, and other codecs make text that nothing can write."""
    _, options = parse_options_header(request.headers.get("content-type", ""))
    return options.get(b"charset", b"").decode("ascii", "replace").lower()


def reads_its_own_form(route: Route) -> Route:
    """Marks a route that takes studies: it reads the form piece by piece, and holds its token against `prove` before it keeps anything."""
    route.reads_its_own_form = True  # pyright: ignore[reportFunctionMemberAccess]
    return route


def prove(request: Request, sent: str) -> None:
    """Refuse a form whose token (in the header, else `sent`) is not the one of this session. Raises NotPermitted."""
    sent = request.headers.get("x-csrf-token", "") or sent
    if not hmac.compare_digest(sent.encode(), request.state.csrf.encode()):
        raise NotPermitted(
            "the form is too old, or was not made for you", hint="Open the page again, then repeat the change."
        )


def _streamed(request: Request) -> bool:
    is_form = request.headers.get("content-type", "").startswith("multipart/form-data")
    return is_form and getattr(request.scope.get("endpoint"), "reads_its_own_form", False)


def form_of(form: Annotated[FormData | None, Depends(visit)]) -> dict[str, str]:
    """The fields of the form that was sent, several of one name joined by lines."""
    found: dict[str, list[str]] = {}
    for name, value in form.multi_items() if form is not None else ():
        if isinstance(value, str):
            found.setdefault(name, []).append(value.replace("\x00", ""))
    return {name: "\n".join(values) for name, values in found.items()}


def signed_in(request: Request) -> Person:
    """Raises NotLoggedIn, which the pages turn into the way to the sign-in form."""
    if request.state.person is None:
        raise NotLoggedIn("you are not signed in", hint="Sign in first.")
    return request.state.person


def who_may(right: Right) -> Person:
    """As the default of a parameter: who is signed in, if they hold `right`. Raises NotLoggedIn, NotPermitted."""

    def person(who: Annotated[Person, Depends(signed_in)]) -> Person:
        who.require(right)
        return who

    return Depends(person)


def keep_session(site: Site, response: Response, token: str) -> None:
    response.set_cookie(
        cookie_name(site, "session"), token, httponly=True, secure=site.secure, samesite="lax", path="/"
    )


def greet(request: Request, response: Response) -> None:
    """Give who is not signed in the cookie that their forms are held against."""
    fresh = getattr(request.state, "new_visitor", "")
    if fresh:
        site = site_of(request)
        response.set_cookie(
            cookie_name(site, "visitor"), fresh, httponly=True, secure=site.secure, samesite="lax", path="/"
        )


def drop_session(site: Site, response: Response) -> None:
    response.delete_cookie(cookie_name(site, "session"), httponly=True, secure=site.secure, samesite="lax", path="/")


Form = Annotated[dict[str, str], Depends(form_of)]
Who = Annotated[Person, Depends(signed_in)]
Here = Annotated[Site, Depends(site_of)]
