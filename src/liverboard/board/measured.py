"""A case with its segmentations measured. What reads and measures images is loaded only for a case that has some: it is most of the start-up."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from liverboard.clinical.derive_timeline import visible_events
from liverboard.clinical.events import Case, Imaging
from liverboard.clinical.extent import LiverExtent

if TYPE_CHECKING:
    from liverboard.board.dossier import KeyImage
    from liverboard.board.provenance import Provenance

Step = Callable[[str], None]
KnownAt = dt.date | dt.datetime | None


def quiet(_: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Pictures:
    """`key`: few slices that show most. `lesions`: the largest, each on the slice of its longest diameter. `overview`: evenly from the top of the liver to its bottom."""

    key: tuple[KeyImage, ...] = ()
    lesions: tuple[KeyImage, ...] = ()
    overview: tuple[KeyImage, ...] = ()


@dataclass(slots=True)
class Measured:
    """`case`: imaging events filled with what was measured. `extents` and `pictures` by event id."""

    case: Case
    extents: dict[str, LiverExtent] = field(default_factory=dict[str, LiverExtent])
    pictures: dict[str, Pictures] = field(default_factory=dict[str, Pictures])
    warnings: list[str] = field(default_factory=list[str])
    provenance: list[Provenance] = field(default_factory=list["Provenance"])


def measured_as_of(
    case: Case, folder: Path | None, as_of: dt.date, known_at: KnownAt, *, pictures: bool, step: Step = quiet
) -> Measured:
    """The case with the images measured that could be seen. `folder`: where its image paths start (None: none are read). Errors as in `measure_case`."""
    if folder is None or not any(isinstance(event, Imaging) and event.studies for event in case.events):
        return Measured(case)
    from liverboard.board.measure import measure_case

    seen = frozenset(event.id for event in visible_events(case, as_of, known_at)[0])
    return measure_case(case, folder, visible=seen, pictures=pictures, step=step)
