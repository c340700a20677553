"""Help: one short page a screen."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response

from liverboard.web.pages import page
from liverboard.web.screens import SCREENS

router = APIRouter(tags=["help"])


@router.get("/help")
def contents(request: Request) -> Response:
    """Every help page."""
    return page(request, "help.html", screens=SCREENS, screen=None)


@router.get("/help/{screen}")
def about(
    request: Request,
    screen: Literal[SCREENS],  # pyright: ignore[reportInvalidTypeForm]
) -> Response:
    """The help of one screen."""
    return page(request, "help.html", screens=SCREENS, screen=screen)
