"""Masks cut to their bounding boxes, and any array seen on such a cut: what follows costs as much as the structure, not as the scan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import cc3d
import numpy as np
from numpy.typing import NDArray

from liverboard.volume import Geometry, Image, LabelMap, Mask, resample

Bools = NDArray[np.bool_]
Box = tuple[slice, slice, slice]
_ENOUGH = 200_000  # voxels of a mask that tell its brightness
_NOTHING: Box = (slice(0, 0), slice(0, 0), slice(0, 0))


def crop(mask: Mask) -> Mask | None:
    """The mask within its bounding box, on the part of its grid that the box covers; None when it is empty."""
    box = bounding_box(mask.array)
    return None if box is None else replace(mask, array=mask.array[box], geometry=_cut(mask.geometry, box))


def masks_of(maps: Sequence[LabelMap]) -> list[Mask]:
    """Every named structure of the maps as a cropped mask, in the order of the maps and their names; an empty one has an array of no voxels."""
    found: list[Mask] = []
    for given in maps:
        boxes = _boxes(given)
        for value, name in given.names.items():
            box = boxes.get(value, _NOTHING)
            found.append(
                Mask(
                    name, given.array[box] == value, _cut(given.geometry, box), named=given.named, machine=given.machine
                )
            )
    return found


def parts_of(mask: Mask) -> list[Mask]:
    """The 26-connected parts of a mask, largest first, named L1, L2 ..."""
    labels, count = cc3d.connected_components(mask.array, connectivity=26, return_N=True)
    boxes, sizes = _statistics(labels)
    order = sorted(range(1, count + 1), key=lambda label: -sizes[label])
    return [
        replace(
            mask, name=f"L{number}", array=labels[boxes[label]] == label, geometry=_cut(mask.geometry, boxes[label])
        )
        for number, label in enumerate(order, 1)
    ]


def count_parts(mask: Mask) -> int:
    """How many 26-connected parts a mask has."""
    return int(cc3d.connected_components(mask.array, connectivity=26, return_N=True)[1])


def seen_on(
    array: NDArray[Any], geometry: Geometry, target: Geometry, *, labels: bool, outside: float = 0.0
) -> NDArray[Any]:
    """`array` at the voxels of `target`: cut where the voxels coincide, else resampled (`labels`: nearest neighbour). Beyond it: `outside`."""
    start = offset_voxels(geometry, target)
    if start is None:
        return resample(array, geometry, target, labels=labels, outside=outside)
    low = [max(0, s) for s in start]
    high = [min(n, s + m) for n, s, m in zip(geometry.shape, start, target.shape, strict=True)]
    if low == list(start) and high == [s + m for s, m in zip(start, target.shape, strict=True)]:
        return array[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    found = np.full(target.shape, outside, dtype=array.dtype)
    if all(b > a for a, b in zip(low, high, strict=True)):
        there = tuple(slice(a - s, b - s) for a, b, s in zip(low, high, start, strict=True))
        found[there] = array[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    return found


def drawn_on(masks: Sequence[Mask], target: Geometry) -> Bools:
    """All masks together on the grid `target`; what lies beyond it is left out."""
    drawn = np.zeros(target.shape, dtype=np.bool_)
    for mask in masks:
        if not mask.array.size:
            continue
        span = _span(mask.geometry, target)
        if span is not None:
            i, j, k = span
            part = target.cropped((i.start, j.start, k.start), (i.stop - i.start, j.stop - j.start, k.stop - k.start))
            drawn[span] |= seen_on(mask.array, mask.geometry, part, labels=True).astype(np.bool_)
    return drawn


def offset_voxels(geometry: Geometry, part: Geometry) -> tuple[int, int, int] | None:
    """The index in `geometry` of the first voxel of `part`, where the voxels of the two coincide to a hundredth; else None."""
    step = float(np.abs(geometry.affine[:3, :3] - part.affine[:3, :3]).max()) * max(part.shape)
    shift = np.linalg.inv(geometry.affine[:3, :3]) @ (part.affine[:3, 3] - geometry.affine[:3, 3])
    whole = np.round(shift)
    if step > 0.01 * min(geometry.spacing_mm) or float(np.abs(shift - whole).max()) > 0.01:
        return None
    return int(whole[0]), int(whole[1]), int(whole[2])


def grown(geometry: Geometry, margin: int) -> Geometry:
    """The same grid, `margin` voxels wider at every side."""
    i, j, k = geometry.shape
    return geometry.cropped((-margin, -margin, -margin), (i + 2 * margin, j + 2 * margin, k + 2 * margin))


def grid_around(grids: Sequence[Geometry]) -> Geometry:
    """The grid of the first, cut or widened to the box that holds all of them. Raises ValueError: none given."""
    first = grids[0]
    inverse = np.linalg.inv(first.affine)
    low, high = np.full(3, np.inf), np.full(3, -np.inf)
    for grid in grids:
        ends = [(-0.5, n - 0.5) for n in grid.shape]
        corners = grid.lps_mm(np.array([[x, y, z] for x in ends[0] for y in ends[1] for z in ends[2]]))
        index = corners @ inverse[:3, :3].T + inverse[:3, 3]
        low, high = np.minimum(low, index.min(axis=0)), np.maximum(high, index.max(axis=0))
    start = [int(n) for n in np.floor(low + 0.5 + 1e-3)]
    stop = [int(n) for n in np.ceil(high + 0.5 - 1e-3)]
    shape = [b - a for a, b in zip(start, stop, strict=True)]
    return first.cropped((start[0], start[1], start[2]), (shape[0], shape[1], shape[2]))


def in_hounsfield(image: Image) -> bool:
    """Whether the values are Hounsfield units: as the file says, else by air as only they write it."""
    return image.origin.unit == "HU" or (image.origin.modality is None and float(image.array.min()) <= -900)


def values_at(image: Image, mask: Mask) -> NDArray[Any]:
    """The values of an image at the voxels of a mask on any grid, as far as they lie within it; of a large mask at some of them."""
    voxels = np.argwhere(mask.array)
    points = mask.geometry.lps_mm(voxels[:: 1 + len(voxels) // _ENOUGH].astype(np.float64))
    inverse = np.linalg.inv(image.geometry.affine)
    index = np.round(points @ inverse[:3, :3].T + inverse[:3, 3]).astype(np.int64)
    inside = ((index >= 0) & (index < image.array.shape)).all(axis=1)
    return image.array[tuple(index[inside].T)]


def label_maps(masks: Sequence[Mask], grid: Geometry) -> list[LabelMap]:
    """The masks on one grid as label maps, values 1, 2 ... in their order; what overlaps, or was drawn by another program, goes to a further map."""
    dtype = np.uint8 if len(masks) < 256 else np.uint16
    maps: list[LabelMap] = []
    for value, mask in enumerate(masks, 1):
        span = _span(mask.geometry, grid) if mask.array.size else None
        if span is None:
            continue
        i, j, k = span
        part = grid.cropped((i.start, j.start, k.start), (i.stop - i.start, j.stop - j.start, k.stop - k.start))
        seen = seen_on(mask.array, mask.geometry, part, labels=True).astype(np.bool_)
        free = next((m for m in maps if m.machine == mask.machine and not m.array[span][seen].any()), None)
        if free is None:
            free = LabelMap(np.zeros(grid.shape, dtype=dtype, order="F"), grid, {}, machine=mask.machine)
            maps.append(free)
        free.array[span][seen] = value
        maps[maps.index(free)] = replace(free, names={**free.names, value: mask.name})
    return maps


def bounding_box(array: NDArray[Any]) -> Box | None:
    """The smallest box that holds all that is not zero in a 3-D array; None when there is nothing."""
    # Reduce along the slowest axis of memory first, and only where there is something: each pass then reads less.
    slow = int(np.argmax(array.strides))
    there = [bool(plane.any()) for plane in np.moveaxis(array, slow, 0)]
    if not any(there):
        return None
    first, last = there.index(True), len(there) - there[::-1].index(True)
    spans = [slice(0, n) for n in array.shape]
    spans[slow] = slice(first, last)
    inner = array[tuple(spans)]
    plane: Any = np.bitwise_or.reduce(inner, axis=slow) if array.dtype.kind in "iub" else inner.any(axis=slow)
    for place, axis in enumerate(a for a in range(3) if a != slow):
        hits = np.flatnonzero(plane.any(axis=1 - place))
        spans[axis] = slice(int(hits[0]), int(hits[-1]) + 1)
    return spans[0], spans[1], spans[2]


def _span(geometry: Geometry, target: Geometry) -> Box | None:
    """The box of `target` that a grid reaches; None where they do not meet."""
    ends = [(-0.5, n - 0.5) for n in geometry.shape]
    corners = np.array([[x, y, z] for x in ends[0] for y in ends[1] for z in ends[2]])
    index = (geometry.lps_mm(corners) - target.affine[:3, 3]) @ np.linalg.inv(target.affine[:3, :3]).T
    i, j, k = (
        slice(
            min(size, max(0, round(float(index[:, axis].min())))),
            min(size, max(0, round(float(index[:, axis].max())) + 1)),
        )
        for axis, size in enumerate(target.shape)
    )
    if any(part.stop <= part.start for part in (i, j, k)):
        return None
    return i, j, k


def _boxes(given: LabelMap) -> Mapping[int, Box]:
    whole = bounding_box(given.array)
    if whole is None:
        return {}
    if len(given.names) == 1 and given.array.dtype == np.bool_:
        return {next(iter(given.names)): whole}
    inner = given.array[whole]
    boxes, sizes = _statistics(inner.view(np.uint8) if inner.dtype == np.bool_ else inner)
    found: dict[int, Box] = {}
    for value in given.names:
        if value < len(sizes) and sizes[value]:
            i, j, k = (slice(a.start + b.start, a.start + b.stop) for a, b in zip(whole, boxes[value], strict=True))
            found[value] = (i, j, k)
    return found


def _statistics(labels: NDArray[Any]) -> tuple[Sequence[Box], Sequence[int]]:
    """Bounding boxes and voxel counts by label value."""
    unsigned = labels if labels.dtype.kind == "u" else labels.astype(np.uint32)
    top = int(unsigned.max()) if unsigned.size else 0
    if top >= unsigned.size:  # cc3d refuses a label beyond the number of voxels: a few voxels of lesion 70
        sizes = np.bincount(unsigned.ravel(), minlength=top + 1).tolist()
        return [(bounding_box(unsigned == n) if sizes[n] else None) or _NOTHING for n in range(top + 1)], sizes
    found: Any = cc3d.statistics(unsigned)
    boxes: list[Box] = [
        _NOTHING if box is None else tuple(slice(int(s.start), int(s.stop)) for s in box)
        for box in found["bounding_boxes"]
    ]  # pyright: ignore[reportAssignmentType]
    return boxes, [int(n) for n in found["voxel_counts"]]


def _cut(geometry: Geometry, box: Box) -> Geometry:
    i, j, k = box
    return geometry.cropped((i.start, j.start, k.start), (i.stop - i.start, j.stop - j.start, k.stop - k.start))
