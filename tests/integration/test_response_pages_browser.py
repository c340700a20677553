"""Response in the dossier and over a cohort, in a real browser: accessible, no sideways scrolling, nothing asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from test_response_cohort import cohort
from test_response_in_dossier import page as dossier_page

from liverboard.report.evidence_page import render_page
from liverboard.report.response_page import response_page

PAGES = {"dossier": dossier_page, "cohort": lambda: render_page(response_page(cohort()))}


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (390, "dark")])
def test_accessible_and_never_wider_than_the_screen(
    browser: Any, tmp_path: Path, name: str, width: int, theme: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    (tmp_path / "d.html").write_text(PAGES[name](), encoding="utf-8")
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=theme, offline=True, bypass_csp=True
    )
    page = context.new_page()
    page.goto((tmp_path / "d.html").as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    violations = axe.Axe().run(page).response["violations"]
    context.close()
    assert [(v["id"], v["nodes"][0]["html"][:200]) for v in violations] == []
