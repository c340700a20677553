"""Couinaud segments on a liver: which share of a lesion lies in which, how large each is, and which touch in this patient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import cc3d
import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from liverboard.clinical.extent import SegmentShare, SegmentVolume
from liverboard.clinical.segment_text import segment_of_name
from liverboard.errors import UnsupportedImage
from liverboard.imaging.masks import bounding_box, drawn_on, grown, seen_on
from liverboard.volume import LabelMap, Mask

_ndimage: Any = scipy.ndimage  # it has no types
Numbers = NDArray[np.uint8]
SEGMENTS = range(1, 9)
_REACH_MM = 25.0


def as_segments(maps: Sequence[LabelMap], names: Mapping[str, int] | None = None) -> LabelMap:
    """One label map with the values 1 to 8 for the Couinaud segments, cut to what it holds.

    A structure's segment is its number in `names` (by its name or label value), else what its name says (`liver_segment_4`, `IVb`, `caudate lobe`);
    labels without names mean their own values. Raises UnsupportedImage: no structure is a segment, or grids differ.
    """
    values: list[tuple[LabelMap, dict[int, int]]] = []
    for given in maps:
        meant = {value: _meant(value, name, given, names or {}) for value, name in given.names.items()}
        values.append((given, {value: number for value, number in meant.items() if number is not None}))
    held = sorted({number for _, numbers in values for number in numbers.values()})
    if not held:
        holds = ", ".join(name for given in maps for name in given.names.values()) or "nothing"
        raise UnsupportedImage(
            "no structure of the segment file is a Couinaud segment",
            hint=f"Expected labels 1 to 8 or names such as liver_segment_4; it holds: {holds[:200]}.",
        )
    first = values[0][0]
    if any(not given.geometry.same_grid(first.geometry) for given, _ in values):
        raise UnsupportedImage("the segments lie on different grids", hint="Export them on one grid.")
    boxes = [box for given, _ in values if (box := bounding_box(given.array)) is not None]
    if not boxes:
        raise UnsupportedImage("the segment map is empty", hint="Segment the liver's segments again.")
    i, j, k = (slice(min(b[axis].start for b in boxes), max(b[axis].stop for b in boxes)) for axis in range(3))
    grid = first.geometry.cropped((i.start, j.start, k.start), (i.stop - i.start, j.stop - j.start, k.stop - k.start))
    only, meant = values[0]
    part = only.array[i, j, k]
    if len(values) == 1 and all(value == number for value, number in meant.items()) and _holds_only(part, meant):
        return LabelMap(part.astype(np.uint8, copy=False), grid, {n: str(n) for n in held}, machine=only.machine)
    merged = np.zeros(grid.shape, dtype=np.uint8, order="F" if only.array.flags.f_contiguous else "C")
    for given, numbers in values:
        part = given.array[i, j, k]
        for value, number in numbers.items():
            merged[part == value] = number
    return LabelMap(merged, grid, {n: str(n) for n in held}, machine=first.machine)


def _holds_only(array: NDArray[Any], values: Mapping[int, int]) -> bool:
    return sum(int(np.count_nonzero(array == value)) for value in values) == int(np.count_nonzero(array))


def _meant(value: int, name: str, given: LabelMap, names: Mapping[str, int]) -> int | None:
    if name in names or str(value) in names:
        return names.get(name, names.get(str(value)))
    if names:
        return None
    if not given.named:
        return value if value in SEGMENTS else None
    return segment_of_name(name)


def shares_of(lesion: Mask, segments: LabelMap) -> tuple[tuple[SegmentShare, ...], float]:
    """Shares of the lesion's volume by segment, largest first, and the part of it that no label covers.

    What no label covers (a map that leaves tumours out, an edge) goes to the nearest labelled voxel within 25 mm; a lesion farther off has no share.
    """
    there = seen_on(segments.array, segments.geometry, lesion.geometry, labels=True)
    counts = np.bincount(there[lesion.array], minlength=9)[:9]
    bare = float(counts[0] / max(int(counts.sum()), 1))
    if counts[0]:
        margin = int(np.ceil(_REACH_MM / min(lesion.geometry.spacing_mm)))
        wide = grown(lesion.geometry, margin) if bare > 0.5 else grown(lesion.geometry, max(2, margin // 4))
        labels = seen_on(segments.array, segments.geometry, wide, labels=True)
        if labels.any():
            index = _ndimage.distance_transform_edt(
                labels == 0, sampling=wide.spacing_mm, return_distances=False, return_indices=True
            )
            inner = np.zeros(wide.shape, dtype=np.bool_)
            pad = (wide.shape[0] - lesion.geometry.shape[0]) // 2
            inner[tuple(slice(pad, pad + n) for n in lesion.geometry.shape)] = lesion.array
            counts = np.bincount(labels[tuple(part[inner] for part in index)], minlength=9)[:9]
    total = int(counts[1:].sum())
    order = sorted((n for n in SEGMENTS if counts[n]), key=lambda n: -int(counts[n]))
    return tuple(SegmentShare(segment=n, share=float(counts[n] / total)) for n in order), bare


def segment_volumes(
    segments: LabelMap, lesions: Sequence[Mask], tumours: Sequence[tuple[tuple[SegmentShare, ...], float]] | None
) -> tuple[SegmentVolume, ...]:
    """Volume of each segment present, and of the tumour in it: `tumours` holds each lesion's shares and volume in mL; None: not given.

    Tumour that the map leaves without a label belongs to the segment that it was given to, so that a volume always holds its tumour.
    """
    voxel = segments.geometry.voxel_volume_ml
    counts = {n: int(np.count_nonzero(segments.array == n)) for n in SEGMENTS}
    labelled = np.bincount(segments.array[drawn_on(lesions, segments.geometry)], minlength=9) * voxel
    held = dict.fromkeys(SEGMENTS, 0.0)
    for shares, volume in tumours or ():
        for part in shares:
            held[part.segment] += part.share * volume
    return tuple(
        SegmentVolume(
            segment=n,
            volume_ml=float(counts[n] * voxel + max(0.0, held[n] - labelled[n])),
            tumour_ml=None if tumours is None else held[n],
        )
        for n in SEGMENTS
        if counts[n]
    )


def is_mirrored(segments: LabelMap) -> bool:
    """Whether segments 6 and 7 lie to the patient's left of 2 and 3, as in a map whose right and left were swapped; False where it cannot be told."""
    thin = segments.array[::4, ::4, ::4]
    right, left = (np.argwhere(np.isin(thin, pair)) for pair in ((6, 7), (2, 3)))
    if not len(right) or not len(left):
        return False
    return bool((segments.geometry.affine[0, :3] @ (4.0 * (right.mean(axis=0) - left.mean(axis=0)))) > 0)


def shared_faces_mm2(segments: LabelMap) -> dict[frozenset[int], float]:
    """Area in mm2 that each pair of segments shares, as the sum of the voxel faces between them (so slightly more than the smooth area)."""
    i, j, k = segments.geometry.spacing_mm
    labels = np.asarray(segments.array, dtype=np.uint8)
    found: Any = cc3d.contacts(labels, connectivity=6, surface_area=True, anisotropy=(i, j, k))
    return {frozenset((int(a), int(b))): float(area) for (a, b), area in found.items() if a and b}


def in_liver(segments: LabelMap, absent: Sequence[int]) -> LabelMap:
    """The map without segments that were resected (labels that a program drew on what is left of another)."""
    kept = np.where(np.isin(segments.array, list(absent)), 0, segments.array).astype(np.uint8)
    return replace(segments, array=kept, names={n: s for n, s in segments.names.items() if n not in absent})
