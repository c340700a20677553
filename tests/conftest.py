"""What holds for every test: none fails for being slow on a busy machine, and none leaves the process in another locale, where text turns ASCII."""

from __future__ import annotations

import locale
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

# The unit library takes a moment to start, and machines are shared: time is measured by the benchmarks, not here.
settings.register_profile("liverboard", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("liverboard")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call() -> Iterator[None]:
    before = locale.setlocale(locale.LC_ALL)
    outcome = yield
    after = locale.setlocale(locale.LC_ALL)
    locale.setlocale(locale.LC_ALL, before)
    outcome.get_result()  # pyright: ignore[reportAttributeAccessIssue]
    assert after == before
