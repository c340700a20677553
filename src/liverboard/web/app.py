"""The web app: routes, strict headers, and errors in words. `create_app` is all that a server needs."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib.resources import as_file, files
from urllib.parse import quote

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from liverboard import __version__
from liverboard.errors import BadInput, UserError
from liverboard.incidents import keep_incident
from liverboard.registry.accounts import NotLoggedIn
from liverboard.report.html import dossier_css
from liverboard.web.ahead import Ahead
from liverboard.web.gate import visit
from liverboard.web.headers import HeadAsGet, StrictHeaders
from liverboard.web.measuring import Worker
from liverboard.web.pages import page, theme_css, wants_json
from liverboard.web.routes import EVERY
from liverboard.web.site import Site, site_of


def create_app(site: Site) -> FastAPI:
    """The app on an open store. Its OpenAPI document is at /openapi.json. While it runs, uploaded studies are measured, and what pages will show is prepared."""

    @asynccontextmanager
    async def running(app: FastAPI) -> AsyncGenerator[None]:
        with Worker(site.store) as app.state.worker, Ahead(site):
            yield

    app = FastAPI(
        title="liverboard",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(visit)],
        lifespan=running,
        redirect_slashes=False,  # it would lead to the name that was asked; see `_http`
    )
    app.state.site = site
    for router in EVERY:
        app.include_router(router)
    with as_file(files("liverboard.web") / "static") as static:
        app.mount("/static", _Static(directory=static), name="static")
    app.add_exception_handler(UserError, _told)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_middleware(_Caught)
    app.add_middleware(GZipMiddleware, minimum_size=2000, compresslevel=3)
    app.add_middleware(StrictHeaders)
    app.add_middleware(HeadAsGet)
    return app


class _Caught:
    """A fault of ours ends here, in the page that says so: the server's own log would write it with its values, and so with words of a case."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except CancelledError:  # the site is being stopped and waits no longer; told further, it would fill the log
            if not begun:
                await problem(Request(scope), _stopping(), 503)(scope, receive, send)
        except Exception as error:
            response = _failed(Request(scope), error)
            if not begun:
                await response(scope, receive, send)


class _Static(StaticFiles):
    """Our files, and two styles made of what the reports use."""

    async def get_response(self, path: str, scope: object) -> Response:
        made = {"theme.css": theme_css, "dossier.css": dossier_css}.get(path)
        if made is not None:
            return PlainTextResponse(made(), media_type="text/css", headers={"cache-control": "max-age=3600"})
        response = await super().get_response(path, scope)  # pyright: ignore[reportArgumentType]
        response.headers["cache-control"] = "max-age=3600"
        return response


async def _told(request: Request, error: Exception) -> Response:
    assert isinstance(error, UserError)  # noqa: S101  (the handler is registered for it)
    if (
        isinstance(error, NotLoggedIn)
        and request.method == "GET"
        and "hx-request" not in request.headers  # a part of a page would become the sign-in form
        and not wants_json(request)
        and request.url.path != "/sign-in"
    ):
        return RedirectResponse(f"/sign-in?next={quote(request.url.path + _query(request))}", status_code=303)
    return problem(request, error, error.http_status)


def _query(request: Request) -> str:
    return f"?{request.url.query}" if request.url.query else ""


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    where = ", ".join(sorted({".".join(str(step) for step in each["loc"][1:]) for each in error.errors()}))
    return problem(
        request,
        BadInput(f"the address or form holds what cannot be read: {where[:200]}", hint="Go back to the page before."),
        422,
    )


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    path = request.url.path
    if error.status_code == 404 and request.method == "GET" and path.strip("/") and path.endswith("/"):
        return RedirectResponse(f"{site_of(request).address}/{path.strip('/')}{_query(request)}", status_code=303)
    words = {404: "there is no such page", 405: "this page takes no such request"}
    return problem(
        request,
        UserError(words.get(error.status_code, "this request cannot be taken"), hint="Start from the agenda."),
        error.status_code,
    )


def _failed(request: Request, error: Exception) -> Response:
    incident = keep_incident(error)
    return problem(
        request,
        UserError(
            f"something went wrong here (incident {incident})",
            hint="Nothing was kept of the change. Tell the administrator the number of the incident; the log has the details.",
        ),
        500,
    )


def _stopping() -> UserError:
    return UserError(
        "the board room is being stopped",
        hint="Come back in a minute. Before repeating a change, look whether it was kept: nothing is kept in part.",
    )


def problem(request: Request, error: UserError, status: int) -> Response:
    """An error as a page, or as JSON for whoever asks for it."""
    if wants_json(request):
        from fastapi.responses import JSONResponse

        return JSONResponse(error.as_dict(), status_code=status)
    return page(request, "problem.html", status, error=error)
