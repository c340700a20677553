"""A case with its segmentations measured: what was found in its images, and their pictures."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field

from liverboard.board.key_image import KeyImage
from liverboard.board.provenance import Provenance
from liverboard.clinical.events import Case
from liverboard.clinical.extent import LiverExtent

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
    provenance: list[Provenance] = field(default_factory=list[Provenance])
