"""Browsers in which an account signed in before. Whoever knows names could make every account wait by wrong tries; these browsers do not wait for the tries of others.

Source: OWASP, "Slow Down Online Guessing Attacks with Device Cookies".
"""

from __future__ import annotations

import datetime as dt
import hmac
import re
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import Final

from liverboard.registry.accounts import FAILURES, LOCKED

_MOST_ACCOUNTS: Final = 12  # that one browser is known for; a machine of a reading room is used by several people
_MOST_COUNTED: Final = 10_000
_COOKIE: Final = re.compile(rf"[\w-]{{43}}(?:\.[0-9a-f]{{64}}){{1,{_MOST_ACCOUNTS}}}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Browser:
    """A browser by its cookie: a number of its own, and a mark for each account that signed in there, which only our key can make."""

    number: str
    marks: tuple[str, ...] = ()

    @classmethod
    def of(cls, cookie: str) -> Browser:
        if not _COOKIE.fullmatch(cookie):
            return cls(secrets.token_urlsafe(32))
        number, *marks = cookie.split(".")
        return cls(number, tuple(marks))

    @property
    def cookie(self) -> str:
        return ".".join((self.number, *self.marks))

    def mark(self, key: bytes, name: str) -> str:
        return hmac.digest(hmac.digest(key, b"known browser", "sha256"), f"{self.number} {name}".encode(errors="surrogatepass"), "sha256").hex()  # fmt: skip

    def knows(self, key: bytes, name: str) -> bool:
        made = self.mark(key, name)
        return any(hmac.compare_digest(made, each) for each in self.marks)

    def signed_in(self, key: bytes, name: str) -> Browser:
        """As it is after the account signed in there."""
        made = self.mark(key, name)
        return Browser(self.number, (*(each for each in self.marks if each != made), made)[-_MOST_ACCOUNTS:])


class Tries:
    """How often known browsers tried of late. One that has no try left is a stranger for a while; a restart forgets."""

    def __init__(self) -> None:
        self._since: OrderedDict[str, list[dt.datetime]] = OrderedDict()
        self._lock = Lock()

    def take(self, mark: str, now: dt.datetime) -> bool:
        """Take one of the tries of a mark; False when none is left."""
        with self._lock:
            before = [at for at in self._since.pop(mark, []) if now - at < LOCKED]
            left = len(before) < FAILURES
            self._since[mark] = [*before, now] if left else before
            while len(self._since) > _MOST_COUNTED:
                self._since.popitem(last=False)
            return left

    def right(self, mark: str) -> None:
        """The password was right: every try is back."""
        with self._lock:
            self._since.pop(mark, None)
