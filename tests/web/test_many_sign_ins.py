"""Pages stay quick while many people sign in at once."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.web_samples import Visitor

from liverboard.web.routes import sign_in
from liverboard.web.site import Site

MANY = 60  # more than the threads that pages have


def test_no_page_waits_behind_passwords(site: Site, viewer: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking at a password stands still here; so many of them at once would leave pages no thread."""
    still, looked = threading.Event(), threading.Semaphore(0)

    def slow(*_: Any, **__: Any) -> None:
        looked.release()
        still.wait(60)
        raise sign_in.NotLoggedIn("not right")

    monkeypatch.setattr(sign_in, "log_in", slow)
    with viewer.client as client, ThreadPoolExecutor(MANY) as people:
        token = client.get("/sign-in").cookies.get("csrf") or viewer.csrf
        sent = [
            people.submit(client.post, "/sign-in", data={"name": "x", "password": "y", "csrf": token})
            for _ in range(MANY)
        ]
        try:
            assert looked.acquire(timeout=30)
            time.sleep(0.5)
            with ThreadPoolExecutor(1) as other:
                assert other.submit(client.get, "/cases").result(timeout=20).status_code == 200
        finally:
            still.set()
        assert {each.result(timeout=60).status_code for each in sent} == {401}
