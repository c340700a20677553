"""Signing in and out, the one-time link that sets a password, one's own account, and the language of the pages."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from liverboard.clinical.extent import Frozen
from liverboard.errors import MissingData, UserError
from liverboard.registry.accounts import NotLoggedIn, change_password, log_in, log_in_oidc, log_out, set_password
from liverboard.web.form_data import FormPage, plain, takes
from liverboard.web.gate import Form, Here, Person, Who, cookie_name, drop_session, keep_session
from liverboard.web.known import Browser
from liverboard.web.notices import Notice, on_to
from liverboard.web.openid import Asked, where_to, who_came_back
from liverboard.web.pages import LANGUAGE_COOKIE, page
from liverboard.web.passwords import apart
from liverboard.web.site import OpenId, Site
from liverboard.web.tongue import LANGUAGES

router = APIRouter(tags=["account"])
_YEAR_S = 365 * 86400
_SIGN_IN_S = 600  # from going to the identity provider to coming back


def local(path: str) -> str:
    """A path of this site, whatever was asked for."""
    return (
        path
        if path.startswith("/") and not path.startswith(("//", "/\\")) and "\n" not in path and "\r" not in path
        else "/"
    )


@router.get("/", include_in_schema=False)
def start(request: Request) -> Response:
    person = request.state.person
    if person is None:
        return RedirectResponse("/sign-in", status_code=303)
    return RedirectResponse("/agenda" if person.may("see_cases") else "/people", status_code=303)


class AccountPage(Frozen):
    """Who is signed in, and the form that changes their password."""

    name: str
    role: str
    centre: str | None
    form: FormPage


@router.get("/sign-in", responses={200: {"model": FormPage}})
def sign_in_form(request: Request, site: Here, next: str = "/") -> Response:  # noqa: A002
    onward = local(next)
    content = FormPage(
        sent_to="/sign-in", inputs=plain({"name": "text", "password": "password", "next": "text"}, {"next": onward})
    )
    return _sign_in_page(request, site, onward=onward, content=content)


def _sign_in_page(
    request: Request,
    site: Site,
    problem: UserError | None = None,
    *,
    name: str = "",
    onward: str = "/",
    content: FormPage | None = None,
    chosen: bool = False,
) -> Response:
    """The form, with what hindered a sign-in. `chosen`: the person comes from choosing a password."""
    return page(
        request,
        "sign_in.html",
        200 if problem is None else problem.http_status,
        content=content,
        problem=problem,
        name=name[:64],
        next=onward,
        single_sign_on=site.openid is not None and not chosen,
        chosen=chosen,
    )


@router.post("/sign-in", openapi_extra=takes("name", "password", "next"))
async def sign_in(request: Request, site: Here, form: Form) -> Response:
    return await apart(_sign_in, request, site, form)


def _sign_in(request: Request, site: Site, form: dict[str, str]) -> Response:
    name, onward = form.get("name", "").strip().lower(), local(form.get("next", "/"))
    key = site.store.audit_key
    browser = Browser.of(request.cookies.get(cookie_name(site, "browser"), ""))
    mark = browser.mark(key, name)
    known = browser.knows(key, name) and site.tries.take(mark, site.store.now())
    try:
        login = log_in(site.store, name, form.get("password", ""), known=known)
    except NotLoggedIn as error:
        return _sign_in_page(request, site, error, name=name, onward=onward)
    site.tries.right(mark)
    response = RedirectResponse(onward, status_code=303)
    keep_session(site, response, login.token)
    response.set_cookie(
        cookie_name(site, "browser"), browser.signed_in(key, name).cookie, max_age=_YEAR_S, httponly=True, secure=site.secure, samesite="lax", path="/"
    )  # fmt: skip
    return response


@router.get("/sign-in/openid")
def to_provider(site: Here) -> Response:
    """On to the hospital's identity provider."""
    openid, asked = _provider(site), Asked.fresh()
    response = RedirectResponse(where_to(openid, _back_here(site), asked), status_code=303)
    response.set_cookie(
        cookie_name(site, "openid"), asked.cookie, max_age=_SIGN_IN_S, httponly=True, secure=site.secure, samesite="lax", path="/"
    )  # fmt: skip
    return response


@router.get("/sign-in/openid/back")
def from_provider(request: Request, site: Here) -> Response:
    """The provider sends the browser back here with a code."""
    asked = Asked.of(request.cookies.get(cookie_name(site, "openid"), ""))
    try:
        login = log_in_oidc(
            site.store, who_came_back(_provider(site), _back_here(site), asked, dict(request.query_params))
        )
    except NotLoggedIn as error:
        response = _sign_in_page(request, site, error)
    else:
        response = RedirectResponse("/", status_code=303)
        keep_session(site, response, login.token)
    response.delete_cookie(cookie_name(site, "openid"), httponly=True, secure=site.secure, samesite="lax", path="/")
    return response


def _back_here(site: Site) -> str:
    """Where the provider sends the browser back to. Never by the name that the browser sent: the code of a sign-in would go where another name leads."""
    return f"{site.address}{router.url_path_for('from_provider')}"


def _provider(site: Site) -> OpenId:
    if site.openid is None:
        raise MissingData("no identity provider is set up here", hint="Sign in with a password.")
    return site.openid


@router.post("/sign-out", openapi_extra=takes())
def sign_out(request: Request, site: Here) -> Response:
    log_out(site.store, request.cookies.get(cookie_name(site, "session"), ""))
    response = RedirectResponse("/sign-in", status_code=303)
    drop_session(site, response)
    return response


@router.get("/welcome/{link}", responses={200: {"model": FormPage}})
def welcome(request: Request, link: str) -> Response:
    """The page behind a one-time link: choose a password."""
    content = FormPage(sent_to=f"/welcome/{quote(link)}", inputs=plain({"password": "password", "again": "password"}))
    return page(request, "welcome.html", content=content, link=link, problem=None)


@router.post("/welcome/{link}", openapi_extra=takes("password", "again"))
async def choose_password(request: Request, site: Here, form: Form, link: str) -> Response:
    return await apart(_choose_password, request, site, form, link)


def _choose_password(request: Request, site: Site, form: dict[str, str], link: str) -> Response:
    try:
        if form.get("password") != form.get("again"):
            raise UserError("the two passwords differ")
        account = set_password(site.store, link, form.get("password", ""))
    except UserError as error:
        return page(request, "welcome.html", error.http_status, link=link, problem=error)
    return _sign_in_page(request, site, name=account.name, chosen=True)


@router.get("/account", responses={200: {"model": AccountPage}})
def account(request: Request, who: Who) -> Response:
    form = FormPage(sent_to="/account", inputs=plain({"old": "password", "password": "password", "again": "password"}))
    content = AccountPage(name=who.name, role=who.role or "", centre=who.centre, form=form)
    return page(request, "account.html", content=content, problem=None)


@router.post("/account", openapi_extra=takes("old", "password", "again"))
async def new_password(request: Request, site: Here, who: Who, form: Form) -> Response:
    return await apart(_new_password, request, site, who, form)


def _new_password(request: Request, site: Site, who: Person, form: dict[str, str]) -> Response:
    try:
        if form.get("password") != form.get("again"):
            raise UserError("the two passwords differ")
        change_password(site.store, who, form.get("old", ""), form.get("password", ""))
    except UserError as error:
        return page(request, "account.html", error.http_status, problem=error)
    response = on_to("/sign-in", Notice.PASSWORD_CHANGED)
    drop_session(site, response)
    return response


@router.post("/language", openapi_extra=takes("language", "back"))
def language(site: Here, form: Form) -> Response:
    response = RedirectResponse(local(form.get("back", "/")), status_code=303)
    if form.get("language") in LANGUAGES:
        response.set_cookie(
            LANGUAGE_COOKIE, form["language"], max_age=_YEAR_S, secure=site.secure, samesite="lax", path="/"
        )
    return response
