"""The macroscopic pattern from the segments of the lesions, as far as it needs no threshold: simple, or not told. Never a guess."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from liverboard.clinical.extent import Pattern
from liverboard.errors import KnowledgeBaseError
from liverboard.knowledge import load_yaml

CAUDATE = 1
_FILE = "anatomy/segments.yaml"


@dataclass(frozen=True, slots=True)
class SegmentMap:
    """Hemilivers (segment 1 in neither) and pairs of segments that share a face, or an edge only."""

    left: frozenset[int]
    right: frozenset[int]
    face: frozenset[frozenset[int]]
    edge: frozenset[frozenset[int]]


@cache
def segment_map() -> SegmentMap:
    """The packaged anatomy. Raises KnowledgeBaseError."""
    content: Any = load_yaml(_FILE)
    try:
        sides = content["hemiliver"]
        face, edge = (frozenset(frozenset(int(n) for n in pair) for pair in content[name]) for name in ("face", "edge"))
        return SegmentMap(frozenset(sides["left"]), frozenset(sides["right"]), face, edge)
    except (KeyError, TypeError, ValueError) as error:
        raise KnowledgeBaseError(f"expected face, edge and hemiliver ({error})", where=_FILE) from None


def hemiliver_of(segments: Collection[int]) -> str | None:
    """`left`, `right` or `both`; None for no segment but the caudate."""
    anatomy = segment_map()
    left, right = not anatomy.left.isdisjoint(segments), not anatomy.right.isdisjoint(segments)
    return "both" if left and right else "left" if left else "right" if right else None


def pattern_of(lesion_segments: Sequence[Collection[int] | None]) -> Pattern:
    """Pattern from the segments of each lesion (None or empty: not known).

    `simple` when all lie in one hemiliver or in two segments that share a face, with segment 1 counted left, right and ignored; only when the three
    agree. Otherwise None with the trace: complex and diffuse need thresholds that no source gives.
    """
    if not lesion_segments:
        return Pattern(trace=("no liver lesion listed",))
    lacking = sum(not segments for segments in lesion_segments)
    if lacking:
        return Pattern(
            trace=(f"{lacking} of {len(lesion_segments)} lesions without segment: give the segments of every lesion",)
        )
    involved = frozenset(segment for segments in lesion_segments for segment in segments or ())
    named = f"segments {', '.join(map(str, sorted(involved)))}"
    anatomy = segment_map()
    if len(involved) == 1 or involved in anatomy.face:
        return Pattern(
            value="simple",
            certain=True,
            trace=(f"{named}: one segment" if len(involved) == 1 else f"{named}: two adjacent segments",),
        )
    without = involved - {CAUDATE}
    left, right = without <= anatomy.left, without <= anatomy.right
    if CAUDATE not in involved:
        if left or right:
            return Pattern(
                value="simple", certain=True, trace=(f"{named}: one hemiliver ({'left' if left else 'right'})",)
            )
        return Pattern(trace=(f"{named}: both hemilivers", _UNDECIDED))
    if not (left or right or without in anatomy.face):
        return Pattern(trace=(f"{named}: both hemilivers, on whichever side segment 1 is counted", _UNDECIDED))
    edge = ("adjacency of an edge pair",) if involved in anatomy.edge else ()
    return Pattern(
        trace=(f"{named}: simple or not, depending on the side that segment 1 is counted on",),
        sensitive_to=("side of segment 1", *edge),
    )


_UNDECIDED = "complex or diffuse: needs the classifier with satellite thresholds (not in this release)"
