"""The pages of a case in a real browser under their own strict headers: accessible, no sideways scrolling, quick to use with JavaScript and whole without."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from tests.registry_samples import EDITOR
from tests.web_samples import KEY, LOGINS

from liverboard.registry.cases import case_as_known
from liverboard.web.app import create_app
from liverboard.web.site import Site

CHROMIUM = next((p for p in (shutil.which("chromium"), shutil.which("google-chrome")) if p), None)
CASE = "/cases/lyon/NELM-1"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as p:
        running = p.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield running
        running.close()


@pytest.fixture
def address(site: Site) -> Iterator[str]:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(create_app(site), log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [door]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{door.getsockname()[1]}"
        server.should_exit = True
        thread.join()


def opened(browser: Any, address: str, **how: Any) -> Any:
    context = browser.new_context(**how)
    context.add_cookies([{"name": "session", "value": LOGINS["editor"].token, "url": address}])
    return context


@pytest.mark.slow
def test_accessible_in_both_themes_and_widths(browser: Any, address: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    paths = ("/cases", "/cases/new", CASE, f"{CASE}/events", f"{CASE}/events/new?kind=labs", f"{CASE}/what-if")
    for width, theme in ((1440, "dark"), (390, "light")):
        context = opened(
            browser, address, viewport={"width": width, "height": 900}, color_scheme=theme, bypass_csp=True
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
    context = opened(browser, address)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda m: said.append(m.text))
    page.goto(f"{address}{CASE}/what-if")
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
    page.select_option("#portal_vein", "main")
    page.wait_for_selector("#moves table", timeout=10_000)
    assert "portal vein" in page.inner_text("#moves")
    page.fill("#bilirubin_umol_l", "many")
    page.dispatch_event("#bilirubin_umol_l", "change")
    page.wait_for_selector("#moves [role=alert]", timeout=10_000)
    context.close()
    assert said == []


def test_a_case_and_an_event_are_entered_without_javascript(browser: Any, address: str, site: Site) -> None:
    context = opened(browser, address, java_script_enabled=False)
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
