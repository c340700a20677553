"""Diameters of a mask with sub-voxel boundaries: the boundary runs midway between a voxel inside and its neighbour outside."""

from __future__ import annotations

from typing import Any

import numpy as np
from contourpy import contour_generator
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import pdist, squareform

from liverboard.volume import Geometry

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def boundary_points(mask: Bools) -> Floats:
    """Midpoints between voxels inside and their outside neighbours along each axis, as indices; shape (N, mask.ndim). Beyond the array is outside."""
    padded = np.pad(mask, 1)
    points: list[Floats] = []
    for axis in range(mask.ndim):
        step = np.diff(padded.astype(np.int8), axis=axis)
        found = np.argwhere(step != 0).astype(np.float64) - 1
        found[:, axis] += 0.5
        points.append(found)
    return np.concatenate(points)


def farthest_pair(points: Floats) -> tuple[float, Floats, Floats]:
    """The greatest distance among points of shape (N, 2) or (N, 3), N >= 2, and the two points."""
    corners = points
    if len(points) > 8:
        try:
            corners = points[ConvexHull(points).vertices]
        except QhullError:  # all on a line or plane: few points, no hull needed
            corners = np.unique(points, axis=0)
    distances = squareform(pdist(corners))
    a, b = np.unravel_index(int(np.argmax(distances)), distances.shape)
    return float(distances[a, b]), corners[a], corners[b]


def longest_3d_mm(mask: Bools, geometry: Geometry) -> float:
    """Greatest distance inside a mask [i, j, k] that is not empty, in mm, among the sub-voxel contours of its axial slices.

    Across the slices the contours lie at the slice's centre: half a slice added at each end would overstate a round lesion by up to a slice.
    """
    u, v, w = geometry.axes
    plane = np.transpose(mask, (u, v, w))
    index: list[Floats] = []
    for number in np.flatnonzero(plane.any(axis=(0, 1))):
        edge = boundary_points(plane[:, :, number])
        points = np.empty((len(edge), 3))
        points[:, u], points[:, v], points[:, w] = edge[:, 0], edge[:, 1], number
        index.append(points)
    return farthest_pair(geometry.lps_mm(np.concatenate(index)))[0]


def axial_diameters_mm(mask: Bools, geometry: Geometry) -> tuple[float, float]:
    """RECIST's two diameters of a mask [i, j, k] that is not empty: the longest on any axial slice, and on that slice the longest chord across it.

    Axial is the slice direction nearest to feet-head. Lengths in mm, measured in the slice's own plane.
    """
    u, v, w = geometry.axes
    plane = np.transpose(mask, (u, v, w))
    basis = _plane_basis_mm(geometry, u, v)
    longest, best, ends = -1.0, -1, (np.zeros(2), np.zeros(2))
    for number in np.flatnonzero(plane.any(axis=(0, 1))):
        length, a, b = farthest_pair(boundary_points(plane[:, :, number]) @ basis)
        if length > longest:
            longest, best, ends = length, int(number), (a, b)
    return longest, _across(plane[:, :, best], basis, ends)


def outlines(plane: NDArray[Any]) -> list[Floats]:
    """Closed contours at 0.5 of a 2-D array of 0..1, as (row, column) indices, shape (N, 2) each."""
    padded = np.pad(plane.astype(np.float64), 1)
    lines: Any = contour_generator(z=padded).lines(0.5)
    return [np.asarray(line, dtype=np.float64)[:, ::-1] - 1 for line in lines]


def _plane_basis_mm(geometry: Geometry, u: int, v: int) -> Floats:
    """2x2: index steps along u and v as rows, in mm of an orthonormal frame of their plane (so oblique grids keep their lengths)."""
    _, upper = np.linalg.qr(np.stack([geometry.affine[:3, u], geometry.affine[:3, v]], axis=1))
    return upper.T.copy()


def _across(slice_mask: Bools, basis: Floats, ends: tuple[Floats, Floats]) -> float:
    along = (ends[1] - ends[0]) / max(float(np.linalg.norm(ends[1] - ends[0])), 1e-12)
    turn = np.array([[along[0], -along[1]], [along[1], along[0]]])
    starts: list[Floats] = []
    stops: list[Floats] = []
    for line in outlines(slice_mask):
        turned = (line @ basis) @ turn
        starts.append(turned[:-1])
        stops.append(turned[1:])
    start, stop = np.concatenate(starts), np.concatenate(stops)
    longest = 0.0
    for x in np.unique(np.round(np.concatenate([start[:, 0], (start[:, 0] + stop[:, 0]) / 2]), 6)):
        low, high = np.minimum(start[:, 0], stop[:, 0]), np.maximum(start[:, 0], stop[:, 0])
        crossing = (low <= x) & (x <= high) & (high > low)
        if crossing.any():
            a, b = start[crossing], stop[crossing]
            y = a[:, 1] + (x - a[:, 0]) / (b[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1])
            longest = max(longest, float(y.max() - y.min()))
    return longest
