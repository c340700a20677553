"""What holds for every test: none leaves the process in another locale, where text that a later test reads turns ASCII."""

from __future__ import annotations

import locale
from collections.abc import Iterator

import pytest


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call() -> Iterator[None]:
    before = locale.setlocale(locale.LC_ALL)
    outcome = yield
    after = locale.setlocale(locale.LC_ALL)
    locale.setlocale(locale.LC_ALL, before)
    outcome.get_result()  # pyright: ignore[reportAttributeAccessIssue]
    assert after == before
