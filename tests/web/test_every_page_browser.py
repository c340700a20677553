"""Every page of the table of routes in a real browser, in both languages, themes and widths: no axe violation, no sideways scrolling, the language said."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from tests.browser import violations
from tests.registry_samples import CHAIR
from tests.web.test_beside_pages import ASKED, PAGES, WHERE, board, pictured
from tests.web_browser import signed_in
from tests.web_samples import KEY

from liverboard.registry.meetings import Action, Attendee, Minutes, attend, sign_off, write_minutes
from liverboard.web.routes.cases import Tab
from liverboard.web.screens import SCREENS
from liverboard.web.site import Site

__all__ = ["board", "pictured"]
_PART = "/cases/{centre}/{case}/studies/{number}/progress"  # what htmx puts into the page of a study
_FREE = ("/sign-in", "/welcome/{link}")


def _addresses(path: str) -> list[str]:
    for name, each in (("tab", get_args(Tab)), ("screen", SCREENS)):
        if f"{{{name}}}" in path:
            return [path.format(**{**WHERE, name: one}) for one in each]
    return [path.format(**WHERE)]


@pytest.fixture
def decided(pictured: Site) -> Site:
    """With a decision that is signed, so that minutes, follow-up list and history are not empty."""
    with pictured.store.transaction(CHAIR) as tx:
        attend(tx, 1, [Attendee("pathology", "A. B.")])
        again = tx.at.date().replace(year=2025, month=3, day=1)
        minutes = Minutes(("ctace", "rfa"), "ctace", "A reason.", "A deviation.", "A dissent.", again, (Action("CT", "radiology", again),))  # fmt: skip
        write_minutes(tx, 1, KEY, minutes, 0)
        sign_off(tx, 1, KEY, 1)
    return pictured


@pytest.mark.slow
@pytest.mark.parametrize(
    ("language", "width", "theme"), [("en", 1440, "dark"), ("en", 390, "light"), ("fr", 1440, "light"), ("fr", 390, "dark")]
)  # fmt: skip
def test_every_page_is_accessible(
    decided: Site, browser: Any, address: str, language: str, width: int, theme: str
) -> None:
    how = {"viewport": {"width": width, "height": 900}, "color_scheme": theme, "bypass_csp": True, "locale": language}
    chair, admin = (signed_in(browser, address, who, **how) for who in ("chair", "admin"))
    nobody = browser.new_context(**how)
    for context in (chair, admin, nobody):
        context.route("**/reading*", lambda route: route.abort())  # a page whose images are read comes again by itself
    looked = 0
    for path in (*(path for path in PAGES if path != _PART), *ASKED, "/nothing"):
        context = nobody if path in _FREE else admin if path.startswith(("/people", "/trail")) else chair
        page = context.new_page()
        for each in _addresses(path):
            page.goto(address + each)
            assert violations(page) == [], each
            assert page.evaluate("document.documentElement.scrollWidth") <= width, each
            assert page.get_attribute("html", "lang") == language, each
            looked += 1
        page.close()
    for context in (chair, admin, nobody):
        context.close()
    assert looked > 45
