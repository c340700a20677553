"""Images that are being read beside the pages: each once, however many ask, and few at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from threading import Event, Lock, Thread
from typing import Final

from liverboard.incidents import keep_incident
from liverboard.registry.cases import CaseKey

_AT_ONCE: Final = 2  # so that a person does not wait behind what is read ahead


class Readings:
    """`stop` ends them. `wrong`: when and how one failed by a fault of ours."""

    def __init__(self) -> None:
        self.stop = Event()
        self.wrong: dict[tuple[CaseKey, str], tuple[float, str]] = {}
        self._asked: dict[tuple[CaseKey, str], Event] = {}
        self._waiting: deque[tuple[tuple[CaseKey, str], Callable[[], None]]] = deque()
        self._readers, self._lock = 0, Lock()

    def start(self, key: CaseKey, digest: str, read: Callable[[], None]) -> Event:
        """Set when what `digest` names was read; that is asked for now where nobody did before."""
        name = key, digest
        with self._lock:
            done = self._asked.get(name)
            if done is None:
                done = self._asked[name] = Event()
                self._waiting.append((name, read))
                if self._readers < _AT_ONCE:
                    self._readers += 1
                    Thread(target=self._read_on, daemon=True, name="images").start()
            return done

    def going_on(self, key: CaseKey) -> bool:
        """Whether images of a case are being read, or will be."""
        with self._lock:
            return any(case == key for case, _ in self._asked)

    def _read_on(self) -> None:
        """Read what waits, first come, first read, until nothing does."""
        while True:
            with self._lock:
                if not self._waiting:
                    self._readers -= 1
                    return
                name, read = self._waiting.popleft()
            try:
                read()
            except Exception as error:  # a fault of one is not the end of those that wait
                keep_incident(error)
            finally:
                with self._lock:
                    self._asked.pop(name).set()
