"""The rows of the cohort, one a version of a case, kept in memory and brought up to date beside the pages; pages wait for them only a little."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from threading import Lock, Thread
from typing import Final

from liverboard.board.cohort_summary import CohortRow, row_of
from liverboard.incidents import keep_incident
from liverboard.registry.cases import CaseFilter, CaseKey, CaseLine, read_cases
from liverboard.registry.permissions import Actor
from liverboard.registry.store import Store
from liverboard.web.warm import settle

_READER: Final = Actor(
    "cohort", None, None
)  # who the trail names for reading cases for these rows; a person's look at them is a line of its own
_AT_ONCE: Final = 200  # cases read at a time
WAIT_S: Final = 2.0


class CohortTable:
    """Rows by case. `rows` gives those of the cases that are asked for, or how many are still to be read."""

    def __init__(self) -> None:
        self._rows: dict[CaseKey, tuple[int, CohortRow]] = {}
        self._lock = Lock()
        self._worker: Thread | None = None

    def rows(
        self, store: Store, lines: Sequence[CaseLine], day: dt.date, wait_s: float | None = None
    ) -> tuple[CohortRow, ...] | int:
        """The rows of these cases as of a day, when they are read within `wait_s`; else how many are missing. The reading goes on."""
        stale = self._stale(lines, day)
        if stale:
            worker = self._reading(store, stale, day)
            worker.join(WAIT_S if wait_s is None else wait_s)
            stale = self._stale(lines, day)
        if stale:
            return len(stale)
        return tuple(self._rows[line.key][1] for line in lines)

    def _stale(self, lines: Sequence[CaseLine], day: dt.date) -> list[CaseLine]:
        nothing = (0, None)
        return [
            line
            for line in lines
            if (held := self._rows.get(line.key, nothing))[0] < line.version or held[1] is None or held[1].as_of != day
        ]

    def _reading(self, store: Store, lines: Sequence[CaseLine], day: dt.date) -> Thread:
        with self._lock:
            if self._worker is None or not self._worker.is_alive():
                self._worker = Thread(target=self._read, args=(store, lines, day), daemon=True, name="cohort")
                self._worker.start()
            return self._worker

    def _read(self, store: Store, lines: Sequence[CaseLine], day: dt.date) -> None:
        try:
            for centre in sorted({line.key.centre for line in lines}):
                names = [line.key.case for line in lines if line.key.centre == centre]
                for start in range(0, len(names), _AT_ONCE):
                    some = CaseFilter(centre=centre, cases=tuple(names[start : start + _AT_ONCE]))
                    for stored in read_cases(store, _READER, some, purpose="cohort.prepare"):
                        self._rows[stored.key] = (stored.version, row_of(stored.case, day))
            if len(lines) > _AT_ONCE:
                settle()
        except Exception as error:
            keep_incident(error)
