"""Help: one short page a screen."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from liverboard.clinical.extent import Frozen
from liverboard.web.pages import page, text_of
from liverboard.web.screens import SCREENS, Screen

router = APIRouter(tags=["help"])


class HelpPage(Frozen):
    """`screens`: that have a page of help. `text`: what the one of `screen` says; empty in the list of all."""

    screens: tuple[Screen, ...]
    screen: Screen | None = None
    text: str = ""


@router.get("/help", responses={200: {"model": HelpPage}})
def contents(request: Request) -> Response:
    """Every help page."""
    return page(request, "help.html", content=HelpPage(screens=SCREENS), screens=SCREENS, screen=None)


@router.get("/help/{screen}", responses={200: {"model": HelpPage}})
def about(request: Request, screen: Screen) -> Response:
    """The help of one screen."""
    content = HelpPage(screens=SCREENS, screen=screen, text=text_of(request, f"help/{screen}.html"))
    return page(request, "help.html", content=content, screens=SCREENS, screen=screen)
