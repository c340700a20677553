"""Images that are being read beside the pages: each once, however many ask, and few at a time."""

from __future__ import annotations

from collections.abc import Callable
from threading import BoundedSemaphore, Event, Lock, Thread
from typing import Final

from liverboard.registry.cases import CaseKey

_AT_ONCE: Final = 2  # so that a person does not wait behind what is read ahead


class Readings:
    """`stop` ends them. `wrong`: when and how one failed by a fault of ours."""

    def __init__(self) -> None:
        self.stop = Event()
        self.wrong: dict[tuple[CaseKey, str], tuple[float, str]] = {}
        self._going: dict[tuple[CaseKey, str], Thread] = {}
        self._lock, self._room = Lock(), BoundedSemaphore(_AT_ONCE)

    def start(self, key: CaseKey, digest: str, read: Callable[[], None]) -> Thread:
        """The thread that reads what `digest` names, begun now where nobody did before. `read` raises nothing."""

        def run() -> None:
            try:
                with self._room:
                    read()
            finally:
                with self._lock:
                    del self._going[key, digest]

        with self._lock:
            going = self._going.get((key, digest))
            if going is None:
                going = self._going[key, digest] = Thread(target=run, daemon=True, name="images")
                going.start()
            return going

    def going_on(self, key: CaseKey) -> bool:
        """Whether images of a case are being read."""
        with self._lock:
            return any(case == key for case, _ in self._going)
