"""The liver that a resection would leave, from the measured segments: numbers for the surgeon, not a judgement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from liverboard.clinical.extent import (
    MOST_WITHOUT_SEGMENT,
    Frozen,
    LiverExtent,
    SegmentVolume,
    share_without_segment,
)
from liverboard.clinical.segment_text import segments_of_text
from liverboard.errors import BadInput, KnowledgeBaseError, MissingData
from liverboard.knowledge import load_yaml

_FILE = "anatomy/resections.yaml"


class Remnant(Frozen):
    """`remnant_ml`: liver without tumour in what stays. `remnant_percent`: of the whole liver without tumour (as it is before the resection)."""

    resection: str
    removed: tuple[int, ...]
    remnant_ml: float
    remnant_percent: float
    tumour_left_ml: float


@cache
def resections() -> Mapping[str, tuple[int, ...]]:
    """The named resections and the segments that each takes. Raises KnowledgeBaseError."""
    content: Any = load_yaml(_FILE)
    try:
        return {str(name): tuple(int(n) for n in taken) for name, taken in content["resections"].items()}
    except (KeyError, TypeError, ValueError) as error:
        raise KnowledgeBaseError(f"expected resections with lists of segments ({error})", where=_FILE) from None


def removed_by(resection: str) -> tuple[int, ...]:
    """The segments that a named resection (`right hepatectomy`) or a list (`S5/6`) takes. Raises BadInput: neither."""
    named = resections().get(" ".join(resection.lower().replace("_", " ").split()))
    if named is not None:
        return named
    read = segments_of_text(resection)
    if read.unclear or not read.segments:
        raise BadInput(
            f"'{resection[:60]}' is not a known resection",
            hint=f"Name segments (S5/6), or one of: {', '.join(resections())}.",
        )
    if len(read.parts) == 1:
        raise BadInput(
            f"the volume of {next(iter(read.parts))} alone is not known: segment 4 is measured as a whole",
            hint="Name whole segments.",
        )
    return tuple(sorted(read.segments))


def future_remnant(extent: LiverExtent, resection: str) -> Remnant:
    """Future liver remnant of `resection` in mL and as a share of the liver without tumour, both from the segment volumes of `extent`.

    Raises BadInput: unknown resection, or one that takes all that is there; MissingData: no segments were measured, or no tumour, or part of the liver
    has no segment.
    """
    removed = removed_by(resection)
    if not extent.segments or any(part.tumour_ml is None for part in extent.segments):
        raise MissingData(
            "the future remnant needs the volume of every segment and of the tumour in it",
            hint="Give a segment map or landmarks, and the lesions.",
        )
    bare = share_without_segment(extent.liver_volume_ml, extent.segments)
    if bare > MOST_WITHOUT_SEGMENT:
        raise MissingData(
            f"{100 * bare:.0f} % of the liver has no segment, so the future remnant is not known",
            hint="Give a segment map that covers the liver mask.",
        )
    stays = [part for part in extent.segments if part.segment not in removed]
    if not stays:
        raise BadInput("this resection takes every segment that is there", hint="Check the resection and the segments.")
    return Remnant(
        resection=resection,
        removed=removed,
        remnant_ml=_free_ml(stays),
        remnant_percent=100 * _free_ml(stays) / max(_free_ml(extent.segments), 1e-9),
        tumour_left_ml=sum(part.tumour_ml or 0.0 for part in stays),
    )


def _free_ml(parts: Sequence[SegmentVolume]) -> float:
    return sum(max(part.volume_ml - (part.tumour_ml or 0.0), 0.0) for part in parts)
