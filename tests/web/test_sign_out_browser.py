"""After signing out, in a real browser: the way back shows nothing of a case."""

from __future__ import annotations

from typing import Any

import pytest
from tests.web_browser import signed_in


@pytest.mark.parametrize("shown", ["/cases/lyon/NELM-1", "/cases/lyon/NELM-1/events", "/agenda"])
def test_the_way_back_shows_nothing_after_signing_out(browser: Any, address: str, shown: str) -> None:
    window = signed_in(browser, address, "viewer")
    page = window.new_page()
    page.goto(f"{address}/account")
    page.goto(address + shown)
    assert "NELM-1" in page.inner_text("main")
    page.click("header form[action='/sign-out'] button")
    page.wait_for_url("**/sign-in**")
    page.go_back()
    page.wait_for_load_state()
    assert "NELM-1" not in page.inner_text("body")
    assert page.url.startswith(f"{address}/sign-in")
    window.close()
