"""People, trail, help and cohort in a real browser under their own strict headers: accessible in both themes, both widths and both languages, no sideways scrolling."""

from __future__ import annotations

from typing import Any

import pytest
from tests.registry_samples import EDITOR
from tests.web_samples import LOGINS

from liverboard.phantom.cohort import CohortPlan, draw_people
from liverboard.phantom.cohort_story import case_of
from liverboard.registry.cases import add_case
from liverboard.web.site import Site

PAGES = {
    "admin": ("/people", "/trail", "/help", "/help/case"),
    "viewer": ("/cohort", "/cohort?group=who_grade", "/account"),
}


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "fr"])
def test_accessible_in_both_themes_and_widths(site: Site, browser: Any, address: str, language: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    with site.store.transaction(EDITOR) as tx:
        for person in draw_people(CohortPlan(cases=120)):
            add_case(tx, "lyon", case_of(person).model_copy(update={"centre": "lyon"}))
    for who, paths in PAGES.items():
        for width, theme in ((1440, "light"), (390, "dark")):
            context = browser.new_context(
                viewport={"width": width, "height": 900}, color_scheme=theme, bypass_csp=True, locale=language
            )
            context.add_cookies([{"name": "session", "value": LOGINS[who].token, "url": address}])
            page = context.new_page()
            for path in paths:
                page.goto(address + path)
                page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
                assert page.evaluate("document.documentElement.scrollWidth") <= width, path
                found = axe.Axe().run(page).response["violations"]
                assert [(v["id"], v["nodes"][0]["html"][:200]) for v in found] == [], path
            context.close()
