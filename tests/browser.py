"""A real browser for the pages, and what axe finds on them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

CHROMIUM = next((p for p in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if p), None)

PATIENCE_MS = 120_000  # for what the machine does beside the pages: it may have other work


@contextmanager
def launched(*more: str) -> Iterator[Any]:
    """Debian's chromium, with more switches; the test is skipped where there is none."""
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as p:
        running = p.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-background-networking", *more],
            timeout=PATIENCE_MS,
        )
        yield running
        running.close()


def violations(page: Any) -> list[tuple[str, str]]:
    """What axe finds wrong on the page, with all that unfolds open."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
    return [(v["id"], v["nodes"][0]["html"][:200]) for v in axe.Axe().run(page).response["violations"]]
