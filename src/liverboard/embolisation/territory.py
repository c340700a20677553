"""How much tumour each territory of the liver holds: hemilivers with segment 1, or sections. From an extent whose lesions have segments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Literal

from liverboard.clinical.extent import Frozen, LiverExtent, share_without_segment
from liverboard.errors import KnowledgeBaseError
from liverboard.knowledge import load_yaml

Division = Literal["hemiliver", "section"]
_FILE = "anatomy/segments.yaml"
_SPHERE_ML_PER_MM3 = 0.5235988 / 1000  # pi / 6


class TerritoryLoad(Frozen):
    """A territory (segments 1..8) with its tumour (mL) and volume (mL), and its share (percent) of the tumour of the whole liver.

    `burden_percent`: tumour over volume. `lesions`: ids of those that lie in it at least in part. None: not known.
    """

    name: str
    segments: tuple[int, ...]
    lesions: tuple[str, ...] = ()
    tumour_ml: float | None = None
    share_percent: float | None = None
    volume_ml: float | None = None
    burden_percent: float | None = None


class Loads(Frozen):
    """The territories of a liver. `basis`: where the tumour's figures come from. `unplaced`: lesions without a segment, in no territory."""

    territories: tuple[TerritoryLoad, ...]
    basis: Literal["segments", "volumes", "diameters", "none"]
    unplaced: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@cache
def territories(division: Division) -> Mapping[str, tuple[int, ...]]:
    """The territories by name and the segments of each. Raises KnowledgeBaseError."""
    content: Any = load_yaml(_FILE)
    try:
        return {str(name): tuple(int(n) for n in segments) for name, segments in content[division].items()}
    except (KeyError, TypeError, ValueError) as error:
        raise KnowledgeBaseError(f"expected {division} with lists of segments ({error})", where=_FILE) from None


def territory_loads(extent: LiverExtent, division: Division = "hemiliver", *, absent: Sequence[int] = ()) -> Loads:
    """The load of each territory that is left (`absent`: resected segments).

    Measured segments come first; else the volumes of all lesions by their shares; else all lesions as spheres of their longest diameters, so that like is
    compared with like. Where one lesion has neither, no figure is given: a part of the load would read as the whole.
    """
    left = {
        name: kept
        for name, segments in territories(division).items()
        if (kept := tuple(segment for segment in segments if segment not in absent))
    }
    by_segment, basis = _by_segment(extent)
    unplaced = tuple(lesion.id for lesion in extent.lesions if not lesion.segments)
    volumes = {part.segment: part.volume_ml for part in extent.segments}
    total = sum(by_segment.values())
    found: list[TerritoryLoad] = []
    for name, segments in left.items():
        tumour = sum(by_segment.get(segment, 0.0) for segment in segments) if basis != "none" else None
        present = [volumes[segment] for segment in segments if segment in volumes]
        volume = sum(present) if len(present) == len(segments) else None
        found.append(
            TerritoryLoad(
                name=name,
                segments=segments,
                lesions=tuple(
                    lesion.id
                    for lesion in extent.lesions
                    if any(part.segment in segments and part.share > 0 for part in lesion.segments)
                ),
                tumour_ml=tumour,
                share_percent=None if tumour is None or total <= 0 else 100 * tumour / total,
                volume_ml=volume,
                burden_percent=None if tumour is None or not volume or basis == "diameters" else 100 * tumour / volume,
            )
        )
    return Loads(territories=tuple(found), basis=basis, unplaced=unplaced, notes=tuple(_notes(extent, basis, unplaced)))


def _by_segment(extent: LiverExtent) -> tuple[dict[int, float], Literal["segments", "volumes", "diameters", "none"]]:
    if extent.segments and all(part.tumour_ml is not None for part in extent.segments):
        return {part.segment: part.tumour_ml or 0.0 for part in extent.segments}, "segments"
    if not extent.lesions or not any(lesion.segments for lesion in extent.lesions):
        return {}, "none"
    volumes = [lesion.volume_ml for lesion in extent.lesions]
    basis: Literal["volumes", "diameters"] = "volumes"
    if None in volumes:
        basis = "diameters"
        volumes = [
            None if lesion.longest_axial_mm is None else _SPHERE_ML_PER_MM3 * lesion.longest_axial_mm**3
            for lesion in extent.lesions
        ]
    if None in volumes:
        return {}, "none"
    by_segment: dict[int, float] = {}
    for lesion, volume in zip(extent.lesions, volumes, strict=True):
        for part in lesion.segments:
            by_segment[part.segment] = by_segment.get(part.segment, 0.0) + part.share * (volume or 0.0)
    return by_segment, basis


def _notes(extent: LiverExtent, basis: str, unplaced: Sequence[str]) -> list[str]:
    notes: list[str] = []
    if basis == "diameters":
        notes.append("Not every lesion has a volume: all are taken as spheres of their longest diameters.")
    if basis == "none":
        notes.append("The load of territories is not known: every lesion needs segments and a volume or a diameter.")
    if unplaced:
        notes.append(f"Without a segment, so in no territory: {', '.join(unplaced)}.")
    if (share := share_without_segment(extent.liver_volume_ml, extent.segments)) > 0.05:
        notes.append(f"{100 * share:.0f} % of the liver lies in no segment of the map.")
    return notes
