"""Signed out by oneself or by being away, in a real browser: the way back shows nothing of a case, and a page that waits keeps nobody signed in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.registry_samples import HandClock
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


def answered(status: int) -> Callable[[Any], bool]:
    return lambda answer: "/reading" in answer.url and answer.status == status


def test_a_page_that_asks_by_itself_keeps_nobody_signed_in(browser: Any, address: str, clock: HandClock) -> None:
    window = signed_in(browser, address, "viewer")
    page = window.new_page()
    page.goto(f"{address}/cases/lyon/NELM-1")
    page.evaluate("""() => {
        const asks = document.createElement("div");
        asks.innerHTML = '<div hx-get="/cases/lyon/NELM-1/reading?gently=1" hx-trigger="every 100ms" hx-swap="none"></div>';
        document.getElementById("main").append(asks);
        htmx.process(asks);
    }""")
    for status in (200, 200, 401):
        clock.pass_(minutes=14)
        page.wait_for_event("response", answered(status))
    assert page.url == f"{address}/cases/lyon/NELM-1"
    window.close()
