"""The screens of the site by their help pages, and which of them an address belongs to."""

from __future__ import annotations

import re
from typing import Final

# The first that fits counts. A help page is templates/help/<screen>.html.
_PLACES: Final[tuple[tuple[str, str], ...]] = (
    (r"/agenda|/follow-up", "agenda"),
    (r"/meetings/[^/]+/cases/.*", "discussion"),
    (r"/meetings.*", "meetings"),
    (r"/cases/new", "new-case"),
    (r"/cases/[^/]+/[^/]+/what-if", "what-if"),
    (r"/cases/[^/]+/[^/]+/(studies|viewer|images).*", "studies"),
    (r"/cases/[^/]+/[^/]+/(events.*|header)", "events"),
    (r"/cases/[^/]+/[^/]+.*", "case"),
    (r"/cases", "cases"),
    (r"/cohort.*", "cohort"),
    (r"/people.*", "people"),
    (r"/trail.*", "trail"),
    (r"/account|/sign-in.*|/welcome/.*", "account"),
)
SCREENS: Final = tuple(dict.fromkeys(screen for _, screen in _PLACES))


def screen_of(path: str) -> str | None:
    """The screen whose help belongs to an address; None where there is none."""
    return next((screen for place, screen in _PLACES if re.fullmatch(place, path)), None)
