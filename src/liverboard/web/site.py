"""What every page of one running site works with: the store, how it is reached, and dossiers that were made already."""

from __future__ import annotations

import datetime as dt
import os
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, TypeVar

from fastapi import Request

from liverboard.registry.store import Store
from liverboard.web.cohort_table import CohortTable
from liverboard.web.kept import Kept
from liverboard.web.known import Tries
from liverboard.web.readings import Readings
from liverboard.web.views import Views

T = TypeVar("T")
_KEPT = 6000  # results; a line of the agenda is some hundred bytes, a page of a case up to 1 MB, so pages have a memory of their own
_PAGES = 60


@dataclass(frozen=True, slots=True)
class OpenId:
    """A hospital's identity provider. `name` is part of the subject that an account is known by."""

    issuer: str
    client_id: str
    client_secret: str


def openid_of() -> OpenId | None:
    """The identity provider that the environment names: LIVERBOARD_OPENID_ISSUER, _CLIENT and _SECRET; None where it names none."""
    issuer, client = (os.environ.get(f"LIVERBOARD_OPENID_{name}", "") for name in ("ISSUER", "CLIENT"))
    return OpenId(issuer, client, os.environ.get("LIVERBOARD_OPENID_SECRET", "")) if issuer and client else None


class Memory:
    """The last results of slow functions of a case's version; what was computed once is right for ever, since versions never change."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._found: OrderedDict[Any, Any] = OrderedDict()
        self._making: dict[Any, Lock] = {}
        self._lock = Lock()

    def holds(self, key: Any) -> bool:
        with self._lock:
            return key in self._found

    def find(self, key: Any) -> Any:
        """What was made under `key`, or None."""
        with self._lock:
            if key in self._found:
                self._found.move_to_end(key)
            return self._found.get(key)

    def get(self, key: Any, make: Callable[[], T]) -> T:
        """What was made under `key`, else what `make` makes: once, however many ask meanwhile. Raises what `make` raises."""
        with self._lock:
            if key in self._found:
                self._found.move_to_end(key)
                return self._found[key]
            making = self._making.setdefault(key, Lock())
        with making:
            with self._lock:
                if key in self._found:
                    return self._found[key]
            try:
                made = make()
                with self._lock:
                    self._found[key] = made
                    while len(self._found) > self._kept:
                        self._found.popitem(last=False)
                return made
            finally:
                with self._lock:
                    self._making.pop(key, None)


@dataclass(frozen=True, slots=True)
class Site:
    """`secure`: reached by https, so cookies are sent by nothing else. `demo`: the store is thrown away afterwards, and every page says so.

    `address`: where people reach it, such as `https://board.hospital.example`; one-time links begin with it, and so does where an identity provider sends people back to.
    """

    store: Store
    secure: bool = False
    demo: bool = False
    address: str = ""
    openid: OpenId | None = None
    lines: Memory = field(default_factory=lambda: Memory(_KEPT))
    pages: Memory = field(default_factory=lambda: Memory(_PAGES))
    cohort: CohortTable = field(default_factory=CohortTable)
    views: Views = field(default_factory=Views)
    tries: Tries = field(default_factory=Tries)
    readings: Readings = field(default_factory=Readings)

    @property
    def kept(self) -> Kept:
        """What stays over a restart."""
        return Kept(self.store.folder)

    def today(self) -> dt.date:
        return self.store.now().astimezone().date()


def site_of(request: Request) -> Site:
    return request.app.state.site
