"""The case as of a day with its images measured. What reads and measures them is loaded only for a case that has some: it is most of the start-up."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from liverboard.board.measured import KnownAt, Measured, Step, quiet
from liverboard.clinical.derive_timeline import visible_events
from liverboard.clinical.events import Case, Imaging


def measured_as_of(
    case: Case, folder: Path | None, as_of: dt.date, known_at: KnownAt, *, pictures: bool, step: Step = quiet
) -> Measured:
    """The case with the images measured that could be seen. `folder`: where its image paths start (None: none are read). Errors as in `measure_case`."""
    if folder is None or not any(isinstance(event, Imaging) and event.studies for event in case.events):
        return Measured(case)
    from liverboard.board.measure import measure_case

    seen = frozenset(event.id for event in visible_events(case, as_of, known_at)[0])
    return measure_case(case, folder, visible=seen, pictures=pictures, step=step)
