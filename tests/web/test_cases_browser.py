"""The pages of a case in a real browser under their own strict headers: accessible, no sideways scrolling, quick to use with JavaScript and whole without."""

from __future__ import annotations

from typing import Any

import pytest
from tests.registry_samples import EDITOR
from tests.web_browser import signed_in
from tests.web_samples import KEY

from liverboard.registry.cases import case_as_known
from liverboard.web.site import Site

CASE = "/cases/lyon/NELM-1"


@pytest.mark.slow
def test_accessible_in_both_themes_and_widths(browser: Any, address: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    paths = ("/cases", "/cases/new", CASE, f"{CASE}/events", f"{CASE}/events/new?kind=labs", f"{CASE}/events/new?kind=board", f"{CASE}/events/withdraw?event=d1", f"{CASE}/what-if")  # fmt: skip
    for width, theme in ((1440, "dark"), (390, "light")):
        context = signed_in(
            browser, address, "editor", viewport={"width": width, "height": 900}, color_scheme=theme, bypass_csp=True
        )
        page = context.new_page()
        for path in paths:
            page.goto(address + path)
            page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
            found = axe.Axe().run(page).response["violations"]
            assert [(v["id"], v["nodes"][0]["html"][:200]) for v in found] == [], path
        context.close()


def test_what_if_answers_at_once_and_the_headers_allow_all_that_is_needed(browser: Any, address: str) -> None:
    context = signed_in(browser, address, "editor")
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda m: said.append(m.text))
    page.goto(f"{address}{CASE}/what-if")
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
    page.select_option("#portal_vein", "main")
    page.wait_for_selector("#moves table")
    assert "portal vein" in page.inner_text("#moves")
    page.fill("#bilirubin_umol_l", "many")
    page.dispatch_event("#bilirubin_umol_l", "change")
    page.wait_for_selector("#moves [role=alert]")
    context.close()
    assert said == []


def test_enter_in_a_form_with_rows_looks_ahead_and_the_answer_has_the_focus(browser: Any, address: str) -> None:
    context = signed_in(browser, address, "editor", java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}{CASE}/events/new?kind=imaging")
    page.fill("#date", "2024-06-02")
    page.click("summary:has-text('lesions')")
    page.fill("[id='lesions.0.longest']", "30")
    page.press("[id='lesions.0.longest']", "Enter")
    focused = page.locator(":focus")
    assert "lesions 1, id" in focused.inner_text()
    focused.locator("a").click()
    page.fill("[id='lesions.0.id']", "L1")
    page.press("[id='lesions.0.id']", "Enter")
    assert "What this changes" in page.locator(":focus").inner_text()
    page.press("[id='lesions.0.id']", "Enter")
    assert page.url.endswith("/events/new") and page.locator("#effect").count() == 1
    context.close()


def test_a_case_and_an_event_are_entered_without_javascript(browser: Any, address: str, site: Site) -> None:
    context = signed_in(browser, address, "editor", java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/cases")
    page.click("text=Add a case")
    page.fill("#pseudonym", "LY-7")
    page.fill("#question", "TACE?")
    page.click("main form button")
    assert page.url.startswith(f"{address}/cases/lyon/LY-7")
    page.goto(f"{address}{CASE}")
    page.click("text=Add an event")
    page.click("main >> text=labs")
    page.fill("#date", "2024-06-02")
    page.fill("#bilirubin", "3")
    page.select_option("[name='bilirubin|unit']", "mg/dL")
    page.click("text=See what it changes")
    assert "51.3" in page.inner_text(".effect")
    page.click("text=Keep it")
    assert "The event is kept" in page.inner_text("main")
    context.close()
    assert case_as_known(site.store, EDITOR, KEY).version == 2
