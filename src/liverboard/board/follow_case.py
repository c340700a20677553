"""The imagings of a case with their lesions under one name from scan to scan: typed ones as they are, segmented ones measured and followed."""

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path

from liverboard.board.followed import FollowedCase, NamedGrowth
from liverboard.board.measured import KnownAt, Step, quiet
from liverboard.clinical.derive_timeline import visible_events
from liverboard.clinical.dictionary import load_lesion_dictionary
from liverboard.clinical.events import Case, Imaging, Procedure
from liverboard.clinical.tracking import MeasuredVolume
from liverboard.response.points import ABLATION

LEAST_VOLUME_ML = 0.001  # a cubic millimetre: of less, the error of drawing the boundary is larger than the volume


def followed_case(
    case: Case, folder: Path | None, as_of: dt.date, known_at: KnownAt, *, step: Step = quiet
) -> FollowedCase:
    """The case as response is judged from. `folder`: where its image paths start (None: no image is read). Raises as `measure_case`."""
    found = FollowedCase(case)
    if folder is not None and any(isinstance(event, Imaging) and event.studies for event in case.events):
        from liverboard.board.follow_images import follow_images

        follow_images(found, folder, as_of, known_at, step=step)
    measured = {name for name, _, _ in found.growth}
    found.growth += [each for each in _growth(found.case, as_of, known_at) if each[0] not in measured]
    return found


def _growth(case: Case, as_of: dt.date, known_at: KnownAt) -> list[NamedGrowth]:
    """Growth of each lesion whose volume is stated on two days or more; the error is that of drawing the boundary of a sphere of that volume."""
    volumes: dict[str, dict[dt.date, float]] = {}
    volume = load_lesion_dictionary()["lesion_volume_ml"]
    ablated: set[str] = set()  # what is measured of these is the zone
    for event in visible_events(case, as_of, known_at)[0]:
        if isinstance(event, Procedure) and event.technique in ABLATION:
            ablated.update(event.lesions or ())
        for lesion in (event.lesions or ()) if isinstance(event, Imaging) else ():
            stated = lesion.volume or 0.0
            if lesion.id in ablated:
                continue
            if stated >= LEAST_VOLUME_ML and not lesion.was and (event.confirmed or not volume.doubt(stated)):
                volumes.setdefault(lesion.id, {})[event.date] = stated
    several = {name: held for name, held in volumes.items() if len(held) > 1}
    if not several:
        return []
    from liverboard.imaging.growth import VOLUME_ERROR, growth, in_words

    found: list[NamedGrowth] = []
    for name, held in several.items():
        first = min(held)
        points = [
            MeasuredVolume(
                day=float((day - first).days),
                volume_ml=volume,
                sd_ln=3 * VOLUME_ERROR.reader_sd_mm / (1000 * volume * 3 / (4 * math.pi)) ** (1 / 3),
            )
            for day, volume in held.items()
        ]
        grown = growth(points, VOLUME_ERROR)
        found.append((name, grown, in_words(grown)))
    return found
