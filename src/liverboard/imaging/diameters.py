"""Diameters of a mask between sub-voxel contours of its slices, so that they do not step with the voxel grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.ndimage
from contourpy import contour_generator
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import pdist, squareform

from liverboard.volume import Geometry

_ndimage: Any = scipy.ndimage  # it has no types
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
# The contour of a binary slice is rough, and the longest of many directions finds the roughest: a disc reads 0.6 to 0.9 voxel long. Smoothed by this
# much it reads at most two thirds of a voxel long, and ellipses of 3 voxels and more keep their ends (docs/decisions/0004); below this area smoothing would eat the lesion.
SMOOTHING_VOXELS = 0.6
_SMOOTHED_FROM_VOXELS = 20


@dataclass(frozen=True, slots=True, eq=False)
class Diameters:
    """Lengths in mm; ends as LPS mm, shape (2, 3) each. `longest_3d_mm` joins any two slice contours."""

    longest_axial_mm: float
    short_axial_mm: float
    longest_3d_mm: float
    longest_ends_mm: Floats
    short_ends_mm: Floats


def diameters(mask: Bools, geometry: Geometry) -> Diameters:
    """RECIST's two diameters and the longest one in space of a mask [i, j, k] that is not empty.

    The longest axial diameter runs between sub-voxel contours on the slice where it is longest; the short axis is the longest chord perpendicular to it
    on that slice. Axial is the slice direction nearest to feet-head. Across the slices the contours lie at the slice's centre: half a slice added at
    each end would overstate a round lesion by up to a slice.
    """
    u, v, w = geometry.axes
    slices = np.transpose(mask, (u, v, w))
    basis = _plane_basis_mm(geometry, u, v)
    numbers = np.flatnonzero(slices.any(axis=(0, 1)))
    lines = {int(number): outlines(slices[:, :, number], smooth=True) for number in numbers}
    hulls = {number: _corners(np.concatenate(found)) for number, found in lines.items()}

    def space(points: Floats, number: int) -> Floats:
        index = np.empty((len(points), 3))
        index[:, u], index[:, v], index[:, w] = points[:, 0], points[:, 1], number
        return geometry.lps_mm(index)

    longest, best, ends = -1.0, -1, np.zeros((2, 2))
    reach = {number: float(np.linalg.norm(np.ptp(hull @ basis, axis=0))) for number, hull in hulls.items()}
    for number in sorted(reach, key=lambda n: -reach[n]):
        if reach[number] <= longest:
            break  # no slice from here on can hold a longer one
        length, a, b = farthest_pair(hulls[number] @ basis)
        if length > longest:
            longest, best, ends = length, number, np.stack([a, b])
    short, short_ends = _across([line @ basis for line in lines[best]], ends)
    back = np.linalg.inv(basis)
    around = np.concatenate([space(hull, number) for number, hull in hulls.items()])
    return Diameters(
        longest_axial_mm=longest,
        short_axial_mm=short,
        longest_3d_mm=farthest_pair(around)[0],
        longest_ends_mm=space(ends @ back, best),
        short_ends_mm=space(short_ends @ back, best),
    )


def farthest_pair(points: Floats) -> tuple[float, Floats, Floats]:
    """The greatest distance among points of shape (N, 2) or (N, 3), N >= 2, and the two points."""
    corners = _corners(points)
    distances = squareform(pdist(corners))
    a, b = np.unravel_index(int(np.argmax(distances)), distances.shape)
    return float(distances[a, b]), corners[a], corners[b]


def outlines(plane: NDArray[Any], *, smooth: bool = False) -> list[Floats]:
    """Closed contours at 0.5 of a 2-D array of 0..1, as (row, column) indices, shape (N, 2) each; `smooth`: of the slightly smoothed array."""
    padded = np.pad(plane.astype(np.float32), 3)
    if smooth and np.count_nonzero(plane) >= _SMOOTHED_FROM_VOXELS:
        even = _ndimage.gaussian_filter(padded, SMOOTHING_VOXELS, truncate=4.0)
        padded = even if even.max() > 0.5 else padded  # a line one voxel wide would vanish
    lines: Any = contour_generator(z=padded).lines(0.5)
    return [np.asarray(line, dtype=np.float64)[:, ::-1] - 3 for line in lines]


def _corners(points: Floats) -> Floats:
    if len(points) <= 8:
        return points
    try:
        return points[ConvexHull(points).vertices]
    except QhullError:  # all on a line or plane: few points, no hull needed
        return np.unique(points, axis=0)


def _plane_basis_mm(geometry: Geometry, u: int, v: int) -> Floats:
    """2x2: index steps along u and v as rows, in mm of an orthonormal frame of their plane (so oblique grids keep their lengths)."""
    _, upper = np.linalg.qr(np.stack([geometry.affine[:3, u], geometry.affine[:3, v]], axis=1))
    return upper.T.copy()


def _across(lines: list[Floats], ends: Floats) -> tuple[float, Floats]:
    """Length and ends, shape (2, 2), of the longest chord perpendicular to the line between `ends`; from one side of the lesion to the other."""
    along = (ends[1] - ends[0]) / max(float(np.linalg.norm(ends[1] - ends[0])), 1e-12)
    turn = np.array([[along[0], -along[1]], [along[1], along[0]]])
    turned = [line @ turn for line in lines]
    start = np.concatenate([line[:-1] for line in turned])
    stop = np.concatenate([line[1:] for line in turned])
    low, high = np.minimum(start[:, 0], stop[:, 0]), np.maximum(start[:, 0], stop[:, 0])
    best = (0.0, 0.0, 0.0, 0.0)
    for x in np.unique(np.round(np.concatenate([start[:, 0], (start[:, 0] + stop[:, 0]) / 2]), 6)):
        crossing = (low <= x) & (x <= high) & (high > low)
        if crossing.any():
            a, b = start[crossing], stop[crossing]
            y = a[:, 1] + (x - a[:, 0]) / (b[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1])
            best = max(best, (float(np.ptp(y)), float(x), float(y.min()), float(y.max())))
    length, x, bottom, top = best
    return length, np.array([[x, bottom], [x, top]]) @ turn.T
