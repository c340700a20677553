"""The axial slices that matter: few, covering the most lesion area, drawn in radiological convention (patient's right on the left, anterior on top)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from liverboard.imaging.diameters import outlines
from liverboard.imaging.masks import crop
from liverboard.volume import Geometry, Image, Mask

Floats = NDArray[np.float64]
_ndimage: Any = scipy.ndimage  # it has no types
_MARGIN_MM = 15.0
_PIXEL_MM = 0.8


@dataclass(frozen=True, slots=True)
class SliceOutline:
    """A closed line; points (x to the patient's left, y to posterior) in mm from the slice's top left corner."""

    name: str
    points_mm: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, eq=False)
class KeySlice:
    """`pixels`: [row, column], rows run to posterior, columns to the patient's left. `spacing_mm`: (row, column)."""

    pixels: Floats
    spacing_mm: tuple[float, float]
    z_lps_mm: float
    lesions: tuple[SliceOutline, ...]
    liver: tuple[SliceOutline, ...]


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


def _slice(image: Image, liver: Mask | None, lesions: Sequence[Mask], z: float, low: Floats, high: Floats) -> KeySlice:
    columns, rows = (max(2, int(np.ceil((high[a] - low[a]) / _PIXEL_MM))) for a in (0, 1))
    x = low[0] + (np.arange(columns) + 0.5) * _PIXEL_MM
    y = low[1] + (np.arange(rows) + 0.5) * _PIXEL_MM
    points = np.stack([np.tile(x, rows), np.repeat(y, columns), np.full(rows * columns, z)], axis=1)

    def sampled(array: NDArray[np.generic], geometry: Geometry) -> Floats:
        index = (points - geometry.affine[:3, 3]) @ np.linalg.inv(geometry.affine[:3, :3]).T
        return (
            _ndimage.map_coordinates(array.astype(np.float32), index.T, order=1, mode="constant")
            .reshape(rows, columns)
            .astype(np.float64)
        )

    def lines(mask: Mask) -> tuple[SliceOutline, ...]:
        block = crop(mask)
        if block is None:
            return ()
        found = outlines(sampled(np.pad(block.array, 1), _padded(block.geometry)))
        return tuple(
            SliceOutline(
                mask.name,
                tuple((round(float(c + 0.5) * _PIXEL_MM, 2), round(float(r + 0.5) * _PIXEL_MM, 2)) for r, c in line),
            )
            for line in found
        )

    part, geometry = _near(image, points)
    return KeySlice(
        pixels=sampled(part, geometry),
        spacing_mm=(_PIXEL_MM, _PIXEL_MM),
        z_lps_mm=z,
        lesions=tuple(line for mask in lesions for line in lines(mask)),
        liver=() if liver is None else lines(liver),
    )


def _padded(geometry: Geometry) -> Geometry:
    i, j, k = geometry.shape
    return geometry.cropped((-1, -1, -1), (i + 2, j + 2, k + 2))


def _near(image: Image, points: Floats) -> tuple[NDArray[np.generic], Geometry]:
    """The block of the image that holds the points, so that not the whole of it is converted."""
    index = (points - image.geometry.affine[:3, 3]) @ np.linalg.inv(image.geometry.affine[:3, :3]).T
    first = np.clip(np.floor(index.min(axis=0)).astype(int) - 1, 0, np.array(image.array.shape) - 1)
    last = np.clip(np.ceil(index.max(axis=0)).astype(int) + 2, 1, np.array(image.array.shape))
    last = np.maximum(last, first + 1)
    block = image.array[first[0] : last[0], first[1] : last[1], first[2] : last[2]]
    start = (int(first[0]), int(first[1]), int(first[2]))
    return np.nan_to_num(block), image.geometry.cropped(start, block.shape)
