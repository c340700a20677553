"""A real browser on the small test site, served over HTTP under its own strict headers."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from tests.browser import PATIENCE_MS
from tests.web_samples import LOGINS

from liverboard.web.app import create_app
from liverboard.web.site import Site


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


def signed_in(browser: Any, address: str, name: str, **how: Any) -> Any:
    """A window of this person."""
    context = browser.new_context(**how)
    context.set_default_timeout(PATIENCE_MS)
    context.add_cookies([{"name": "session", "value": LOGINS[name].token, "url": address}])
    return context
