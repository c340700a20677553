"""One module a room of the site."""

from __future__ import annotations

from liverboard.web.routes import sign_in

EVERY = (sign_in.router,)
