"""What every test may use, a browser, and what holds for each: none fails for being slow on a busy machine, and none leaves the process in another locale, where text turns ASCII."""

from __future__ import annotations

import locale
from collections.abc import Generator, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from tests.browser import launched

# The unit library takes a moment to start, and machines are shared: time is measured by the benchmarks, not here.
settings.register_profile("liverboard", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("liverboard")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    before = locale.setlocale(locale.LC_ALL)
    try:
        return (yield)
    finally:
        after = locale.setlocale(locale.LC_ALL)
        locale.setlocale(locale.LC_ALL, before)
        assert after == before


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with launched("--disable-gpu") as running:
        yield running
