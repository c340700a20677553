"""The axial slices that matter: few, covering the most lesion area, drawn in radiological convention (patient's right on the left, anterior on top)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from liverboard.imaging.diameters import Diameters, outlines
from liverboard.imaging.masks import crop
from liverboard.volume import Geometry, Image, LabelMap, Mask

Floats = NDArray[np.float64]
_ndimage: Any = scipy.ndimage  # it has no types
_MARGIN_MM = 15.0
_LEAST_FIELD_MM, _FIELD_SHARE = 90.0, 2.6
_PIXEL_MM = 0.8


@dataclass(frozen=True, slots=True)
class SliceOutline:
    """A closed line; points (x to the patient's left, y to posterior) in mm from the slice's top left corner."""

    name: str
    points_mm: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, eq=False)
class KeySlice:
    """`pixels`: [row, column], rows run to posterior, columns to the patient's left. `spacing_mm`: (row, column). `corner_mm`: LPS x and y of the top left corner."""

    pixels: Floats
    spacing_mm: tuple[float, float]
    z_lps_mm: float
    lesions: tuple[SliceOutline, ...]
    liver: tuple[SliceOutline, ...]
    segments: tuple[SliceOutline, ...] = ()
    corner_mm: tuple[float, float] = (0.0, 0.0)


def best_slices(image: Image, liver: Mask | None, lesions: Sequence[Mask], *, count: int = 3) -> tuple[KeySlice, ...]:
    """Up to `count` axial slices of `image`, from cranial to caudal, chosen one by one for the most lesion area that is not yet shown.

    Each lesion counts with its area on the slice relative to its largest, times its diameter, until a slice has shown it well. Grids may differ.
    """
    given = [mask for mask in lesions if crop(mask) is not None]
    if not given:
        return ()
    low, high = _frame(liver if liver is not None and crop(liver) is not None else None, given)
    heights = np.arange(low[2], high[2], 1.0)
    areas = np.stack([_areas(mask, heights) for mask in given])
    weight = np.sqrt(areas.max(axis=1, keepdims=True))
    shown = np.zeros(areas.shape[0])
    chosen: list[float] = []
    share = areas / np.maximum(areas.max(axis=1, keepdims=True), 1e-9)
    for _ in range(count):
        gain = (np.maximum(share - shown[:, None], 0) * weight).sum(axis=0)
        best = int(np.argmax(gain))
        if gain[best] <= 0.02 * float(weight.sum()):
            break
        chosen.append(float(heights[best]))
        shown = np.maximum(shown, share[:, best])
    return tuple(_slice(image, liver, given, z, low, high) for z in sorted(chosen, reverse=True))


def _frame(liver: Mask | None, lesions: Sequence[Mask]) -> tuple[Floats, Floats]:
    """Corners in LPS mm of the box around the liver (else the lesions), with a margin in the plane."""
    corners: list[Floats] = []
    for mask in [liver] if liver is not None else lesions:
        block = crop(mask)
        if block is not None:
            size = np.array(block.array.shape, dtype=np.float64) - 0.5
            grid = np.array([[x, y, z] for x in (-0.5, size[0]) for y in (-0.5, size[1]) for z in (-0.5, size[2])])
            corners.append(block.geometry.lps_mm(grid))
    points = np.concatenate(corners)
    margin = np.array([_MARGIN_MM, _MARGIN_MM, 0.0])
    return points.min(axis=0) - margin, points.max(axis=0) + margin


def _areas(mask: Mask, heights: Floats) -> Floats:
    """Area in mm2 of the mask near each height (LPS z), spread to its own slice thickness."""
    block = crop(mask)
    assert block is not None  # noqa: S101  (empty masks were dropped by the caller)
    z = block.geometry.lps_mm(np.argwhere(block.array).astype(np.float64))[:, 2]
    thickness = block.geometry.spacing_mm[block.geometry.axes[2]]
    voxel_mm3 = block.geometry.voxel_volume_ml * 1000
    edges = np.append(heights - 0.5, heights[-1] + 0.5)
    counts = np.histogram(z, bins=edges)[0].astype(np.float64)
    width = max(1, round(thickness))
    return _ndimage.uniform_filter1d(counts, width, mode="constant") * voxel_mm3


def slice_at(
    image: Image | None,
    liver: Mask | None,
    lesions: Sequence[Mask],
    centre_mm: tuple[float, float, float],
    field_mm: tuple[float, float],
    pixel_mm: float,
    segments: LabelMap | None = None,
) -> KeySlice:
    """One axial slice through a point (LPS mm), `field_mm` wide (x, y) around it; black without an image. Structures of the slice as outlines."""
    half = np.array([field_mm[0] / 2, field_mm[1] / 2, 0.0])
    middle = np.array(centre_mm)
    return _slice(image, liver, lesions, centre_mm[2], middle - half, middle + half, pixel_mm, segments)


def slice_of(
    image: Image | None,
    liver: Mask | None,
    lesions: Sequence[Mask],
    lengths: Diameters,
    pixels: int,
    segments: LabelMap | None = None,
) -> KeySlice:
    """The axial slice of a lesion's longest diameter with its surroundings, `pixels` wide and high."""
    x, y, z = (float(c) for c in lengths.longest_ends_mm.mean(axis=0))
    field = max(_LEAST_FIELD_MM, _FIELD_SHARE * lengths.longest_axial_mm)
    return slice_at(image, liver, lesions, (x, y, z), (field, field), field / pixels, segments)


def even_slices(
    image: Image | None,
    liver: Mask | None,
    lesions: Sequence[Mask],
    segments: LabelMap | None,
    count: int,
    pixels: int,
) -> tuple[KeySlice, ...]:
    """`count` axial slices evenly from the top of the liver (else of the lesions) to its bottom, their longer side `pixels` long; none where nothing is drawn."""
    blocks = [b for b in map(crop, [liver] if liver is not None else lesions) if b is not None]
    if not blocks:
        return ()
    low, high = _frame(None, blocks)
    pixel, step = float((high - low)[:2].max()) / pixels, float(high[2] - low[2]) / count
    heights = [float(high[2] - (n + 0.5) * step) for n in range(count)]
    return tuple(_slice(image, liver, lesions, z, low, high, pixel, segments) for z in heights)


def _slice(
    image: Image | None,
    liver: Mask | None,
    lesions: Sequence[Mask],
    z: float,
    low: Floats,
    high: Floats,
    pixel_mm: float = _PIXEL_MM,
    segments: LabelMap | None = None,
) -> KeySlice:
    columns, rows = (max(2, int(np.ceil((high[a] - low[a]) / pixel_mm - 1e-9))) for a in (0, 1))
    x = low[0] + (np.arange(columns) + 0.5) * pixel_mm
    y = low[1] + (np.arange(rows) + 0.5) * pixel_mm
    points = np.stack([np.tile(x, rows), np.repeat(y, columns), np.full(rows * columns, z)], axis=1)
    ends = points[[0, columns - 1, -columns, -1]]

    def sampled(array: NDArray[Any], geometry: Geometry, order: int = 1) -> Floats:
        block, there = _near(array, geometry, ends)
        block = np.nan_to_num(block.astype(np.float32))
        index = (points - there.affine[:3, 3]) @ np.linalg.inv(there.affine[:3, :3]).T
        found = _ndimage.map_coordinates(block, index.T, order=order, mode="constant")
        return found.reshape(rows, columns).astype(np.float64)

    def lines(name: str, share: Floats) -> tuple[SliceOutline, ...]:
        return tuple(
            SliceOutline(
                name,
                tuple((round(float(c + 0.5) * pixel_mm, 2), round(float(r + 0.5) * pixel_mm, 2)) for r, c in line),
            )
            for line in outlines(share)
        )

    def drawn(mask: Mask) -> tuple[SliceOutline, ...]:
        block = crop(mask)
        if block is None or not _reaches(block.geometry, ends):
            return ()
        return lines(mask.name, sampled(np.pad(block.array, 1), _padded(block.geometry)))

    parts: tuple[SliceOutline, ...] = ()
    if segments is not None and _reaches(segments.geometry, ends):
        labels = sampled(segments.array, segments.geometry, 0)
        parts = tuple(line for n, name in segments.names.items() for line in lines(name, (labels == n).astype(float)))
    return KeySlice(
        pixels=np.zeros((rows, columns)) if image is None else sampled(image.array, image.geometry),
        spacing_mm=(pixel_mm, pixel_mm),
        z_lps_mm=z,
        lesions=tuple(line for mask in lesions for line in drawn(mask)),
        liver=() if liver is None else drawn(liver),
        segments=parts,
        corner_mm=(float(low[0]), float(low[1])),
    )


def _padded(geometry: Geometry) -> Geometry:
    i, j, k = geometry.shape
    return geometry.cropped((-1, -1, -1), (i + 2, j + 2, k + 2))


def _reaches(geometry: Geometry, points: Floats) -> bool:
    """Whether a grid reaches the box of the points."""
    sides = [(-1.0, float(n)) for n in geometry.shape]
    corners = geometry.lps_mm(np.array([[x, y, z] for x in sides[0] for y in sides[1] for z in sides[2]]))
    return bool(np.all(corners.max(axis=0) >= points.min(axis=0)) and np.all(corners.min(axis=0) <= points.max(axis=0)))


def _near(array: NDArray[Any], geometry: Geometry, points: Floats) -> tuple[NDArray[Any], Geometry]:
    """The block of the array that holds the points, so that not the whole of it is converted."""
    index = (points - geometry.affine[:3, 3]) @ np.linalg.inv(geometry.affine[:3, :3]).T
    first = np.clip(np.floor(index.min(axis=0)).astype(int) - 1, 0, np.array(array.shape) - 1)
    last = np.clip(np.ceil(index.max(axis=0)).astype(int) + 2, 1, np.array(array.shape))
    last = np.maximum(last, first + 1)
    block = array[first[0] : last[0], first[1] : last[1], first[2] : last[2]]
    start = (int(first[0]), int(first[1]), int(first[2]))
    return block, geometry.cropped(start, block.shape)
