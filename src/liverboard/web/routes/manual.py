"""Help: one short page a screen."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from liverboard.web.pages import page
from liverboard.web.screens import SCREENS, Screen

router = APIRouter(tags=["help"])


@router.get("/help")
def contents(request: Request) -> Response:
    """Every help page."""
    return page(request, "help.html", screens=SCREENS, screen=None)


@router.get("/help/{screen}")
def about(request: Request, screen: Screen) -> Response:
    """The help of one screen."""
    return page(request, "help.html", screens=SCREENS, screen=screen)
