"""The scans of a case that have images, where the files lie that a viewer loads of each, and their making beside the page that asks for them."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Final

from liverboard.clinical.derive_timeline import replaced_by
from liverboard.clinical.events import Case, Imaging
from liverboard.errors import UserError
from liverboard.incidents import keep_incident
from liverboard.web.measure_study import Result
from liverboard.web.measuring import VIEW_FOLDER, NotMeasured, read_result, view_event

STUDY: Final = re.compile(r"study-[0-9a-f]{12}")
EVENT: Final = re.compile(r"[0-9a-f]{16}")
WAIT_S: Final = 2.0
_EVENT_VIEWS: Final = ".views"


def pictured(case: Case) -> list[Imaging]:
    """Imaging events with files, as they stand after corrections, newest first."""
    corrected = replaced_by(case.events)
    found = [e for e in case.events if isinstance(e, Imaging) and e.studies and e.id not in corrected]
    return sorted(found, key=lambda event: event.date, reverse=True)


def place_of(event: Imaging, home: Path) -> str:
    """The name of the folder of an event's view: the study's own when it shows just that, else one by what the event names."""
    starts = {study.path.split("/")[0] for study in event.studies or ()}
    if len(starts) == 1 and STUDY.fullmatch(start := starts.pop()):
        result = read_result(view_folder(home, start))
        named = {(study.path, study.role) for study in event.studies or ()}
        if result is not None and {(s["path"], s["role"]) for s in result.event.get("studies", ())} == named:
            return start
    named = "\n".join(f"{study.role} {study.path}" for study in event.studies or ())
    return hashlib.sha256(f"{event.id}\n{event.resected_segments}\n{named}".encode()).hexdigest()[:16]


def view_folder(home: Path, place: str) -> Path:
    """`home`: of the case; `place`: as `place_of` names it."""
    return home / place / VIEW_FOLDER if STUDY.fullmatch(place) else home / _EVENT_VIEWS / place


class Views:
    """The files of viewers, made in the background where nobody did before, and once, however many ask. Pages wait for them only a little."""

    def __init__(self) -> None:
        self._making: dict[Path, Event] = {}
        self._wrong: dict[Path, UserError] = {}
        self._lock = Lock()

    def get(self, event: Imaging, home: Path, out: Path, wait_s: float | None = None) -> Result | None:
        """What a viewer loads of an event; None while it is being made. Raises NotMeasured when that failed, once: who asks after that tries again."""
        found = read_result(out)
        if found is not None:
            return found
        with self._lock:
            done = self._making.get(out)
            if done is None and out not in self._wrong:
                done = self._making[out] = Event()
                Thread(target=self._make, args=(event, home, out, done), daemon=True, name="view").start()
        if done is not None:
            done.wait(WAIT_S if wait_s is None else wait_s)
        with self._lock:
            wrong = self._wrong.pop(out, None)
        if wrong is not None:
            raise wrong
        return read_result(out)

    def making(self, out: Path) -> bool:
        with self._lock:
            return out in self._making

    def _make(self, event: Imaging, home: Path, out: Path, done: Event) -> None:
        wrong: UserError | None = None
        try:
            view_event(event, home, out)
        except UserError as error:
            wrong = error
        except Exception as error:
            wrong = NotMeasured(f"something went wrong here (incident {keep_incident(error)})")
        with self._lock:
            del self._making[out]
            if wrong is not None:
                self._wrong[out] = wrong
        done.set()
