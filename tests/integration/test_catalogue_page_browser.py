"""The evidence report in a browser: reachable and readable at each width, in both themes, with everything unfolded."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path
from typing import Any

import pytest

from liverboard.evidence.states import open_centre
from liverboard.report.catalogue_page import render_catalogue

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("report") / "evidence.html"
    file.write_text(render_catalogue(open_centre(None), dt.date(2026, 11, 24)), encoding="utf-8")
    return file


@pytest.mark.slow  # axe walks a page of 66 figures and 600 rows
@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (390, "dark")])
def test_accessible_and_nothing_scrolls_out_of_reach(page_file: Path, width: int, theme: Any) -> None:
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=theme, offline=True, bypass_csp=True
        )
        page = context.new_page()
        page.goto(page_file.as_uri())
        page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        narrowest = page.evaluate(
            "Math.min(...[...document.querySelectorAll('table.fixed th[scope=row]')].map(c => c.offsetWidth))"
        )
        assert narrowest > 60  # a column of words that is squeezed to a letter a line makes a page without end
        violations = axe.Axe().run(page).response["violations"]
        browser.close()
    assert [(v["id"], v["nodes"][0]["html"][:200]) for v in violations] == []
