"""The scans of a case that have images, and where the files lie that a viewer loads of each."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Final

from liverboard.clinical.events import Case, Imaging
from liverboard.web.measuring import VIEW_FOLDER, read_result

STUDY: Final = re.compile(r"study-[0-9a-f]{12}")
EVENT: Final = re.compile(r"[0-9a-f]{16}")
_EVENT_VIEWS: Final = ".views"


def pictured(case: Case) -> list[Imaging]:
    """Imaging events with files, as they stand after corrections, newest first."""
    corrected = {event.corrects for event in case.events}
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
