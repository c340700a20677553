"""The rows of the cohort, one a version of a case, brought up to date beside the pages and kept over a restart; pages wait for them only a little."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from typing import Final

from liverboard.board.cohort_summary import CohortRow
from liverboard.incidents import keep_incident
from liverboard.registry.cases import CaseKey, CaseLine
from liverboard.registry.store import Store
from liverboard.web.apart import Unfinished
from liverboard.web.kept import Kept, digest_of
from liverboard.web.read_cohort import AT_ONCE, Read, as_text, from_text, read_rows, read_rows_apart
from liverboard.web.warm import settle

WAIT_S: Final = 2.0
_PLACE: Final = "cohort"


@dataclass(slots=True)
class CohortTable:
    """Rows by case. `rows` gives those of the cases that are asked for, or how many are still to be read. `stop` ends a reading."""

    stop: Event = field(default_factory=Event)
    _rows: dict[CaseKey, tuple[int, CohortRow]] = field(default_factory=dict[CaseKey, tuple[int, CohortRow]])
    _lock: Lock = field(default_factory=Lock)
    _worker: Thread | None = None
    _looked: dt.date | None = None  # the day whose rows were looked for on the disk

    def rows(
        self, store: Store, lines: Sequence[CaseLine], day: dt.date, wait_s: float | None = None
    ) -> tuple[CohortRow, ...] | int:
        """The rows of these cases as of a day, when they are read within `wait_s`; else how many are missing. The reading goes on."""
        stale = self._stale(lines, day)
        if stale:
            worker = self._reading(store, lines, day)
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
        kept, digest = Kept(store.folder), digest_of(day.isoformat())
        try:
            if self._looked != day and len(lines) > AT_ONCE:
                text = kept.read(_PLACE, digest)
                with suppress(ValueError):
                    self._take(from_text(text or "[]"))
                self._looked = day
            keys = [line.key for line in self._stale(lines, day)]
            if not keys:
                return
            if len(keys) <= AT_ONCE:
                for some in read_rows(store, keys, day):
                    self._take(some)
                return
            for some in read_rows_apart(store, keys, day, self.stop):
                self._take(some)
            found = [
                (key.centre, key.case, version, row) for key, (version, row) in self._rows.items() if row.as_of == day
            ]
            kept.write(_PLACE, digest, as_text(found).encode())
            settle()
        except Unfinished as error:
            if not self.stop.is_set():
                keep_incident(error)
        except Exception as error:
            keep_incident(error)

    def _take(self, rows: Sequence[Read]) -> None:
        for centre, case, version, row in rows:
            self._rows[CaseKey(centre, case)] = (version, row)
