"""The screens of the site by their help pages, and which of them an address belongs to."""

from __future__ import annotations

import re
from typing import Final, Literal, get_args

# A help page is templates/help/<screen>.html.
Screen = Literal[
    "agenda",
    "meetings",
    "discussion",
    "cases",
    "new-case",
    "case",
    "events",
    "what-if",
    "studies",
    "cohort",
    "people",
    "trail",
    "account",
]
SCREENS: Final[tuple[Screen, ...]] = get_args(Screen)

# The first that fits counts.
_PLACES: Final[tuple[tuple[str, Screen], ...]] = (
    (r"/agenda.*", "agenda"),
    (r"/meetings/[^/]+/cases/.*", "discussion"),
    (r"/meetings.*", "meetings"),
    (r"/cases/new", "new-case"),
    (r"/cases/[^/]+/[^/]+/what-if", "what-if"),
    (r"/cases/[^/]+/[^/]+/(studies|view).*", "studies"),
    (r"/cases/[^/]+/[^/]+/(events.*|header)", "events"),
    (r"/cases/[^/]+/[^/]+.*", "case"),
    (r"/cases", "cases"),
    (r"/cohort.*", "cohort"),
    (r"/people.*", "people"),
    (r"/trail.*", "trail"),
    (r"/account|/sign-in.*|/welcome/.*", "account"),
)


def screen_of(path: str) -> Screen | None:
    """The screen whose help belongs to an address; None where there is none."""
    return next((screen for place, screen in _PLACES if re.fullmatch(place, path)), None)
