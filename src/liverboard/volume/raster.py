"""Contours and closed surfaces as shares of cells: how much of each cell of a lattice of their own lies within, exact along the rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liverboard.volume.geometry import Floats, Geometry

Ints = NDArray[np.int64]
Shares = NDArray[np.float32]

_ROWS_A_CELL = 4  # rows are exact along their length, so that only their number across a cell is a choice
_ROWS_ACROSS = 768  # the least across contours: what a circle loses at its two ends goes with rows^-1.5, and a thin ring loses it four times
_CELLS_ACROSS = 48  # the shortest side of a structure is cut into so many cells at least
_FINEST_MM = 0.05
_MAX_CELLS = 30_000_000
_MAX_CANDIDATES = 4_000_000
_FLAT_MM = 1.0
_EVEN_MM = 0.02
_MARGIN_CELLS = 1


def fill_contours(lines: Sequence[Floats], coarsest_mm: float, slice_mm: float) -> tuple[Shares, Geometry]:
    """Closed planar contours, each (N, 3) LPS mm, as shares of cells [i, j, k] in the planes that they were drawn in.

    Contours of one plane combine by exclusive or: one within another is a hole. A plane stands for the slab that reaches half way to its neighbours, at the
    ends half the usual distance; a gap of two usual distances or more parts the structure. `slice_mm`: the distance of planes where a structure has one
    plane alone, and a third of the most that it may be. `coarsest_mm`: the longest side of a cell within the plane. Raises ValueError: contours that are
    not flat or not parallel.
    """
    basis = _basis(lines)
    turned = [line @ basis for line in lines]
    if any(float(np.ptp(line[:, 2])) > _FLAT_MM for line in turned):
        raise ValueError("its contours do not lie in parallel planes")
    heights = np.array([line[:, 2].mean() for line in turned])
    levels, plane_of = _levels(heights)
    slabs = _slabs(levels, slice_mm)
    points = np.concatenate(turned)[:, :2]
    low, extent = points.min(axis=0), np.ptp(points, axis=0)
    depth, layers = _layers(levels, slabs)
    cell = _cell(extent, coarsest_mm, len(layers))
    start = low - _MARGIN_CELLS * cell
    shape = np.ceil(extent / cell).astype(np.int64) + 2 * _MARGIN_CELLS
    ends = [np.roll(line[:, :2], -1, axis=0) for line in turned]
    planes = np.repeat(plane_of, [len(line) for line in turned])
    rows = max(_ROWS_A_CELL, int(np.ceil(_ROWS_ACROSS * cell / extent[1])))
    share = _areas(
        (points - start) / cell, (np.concatenate(ends) - start) / cell, planes, (len(levels), *shape[::-1]), rows
    )
    if not np.array_equal(layers, np.eye(len(levels))):
        share = np.tensordot(layers, share, axes=1)
    affine = np.eye(4)
    affine[:3, :3] = basis * np.array([cell, cell, depth])
    affine[:3, 3] = basis @ np.array([start[0] + cell / 2, start[1] + cell / 2, slabs[0][0] + depth / 2])
    return share.transpose(2, 1, 0), Geometry(affine, (int(shape[0]), int(shape[1]), len(layers)))


def fill_surface(points: Floats, faces: Ints, coarsest_mm: float) -> tuple[Shares, Geometry]:
    """A closed surface (points (N, 3) LPS mm, triangles (M, 3)) as shares of cubes [i, j, k], `coarsest_mm` wide at most.

    A surface within another bounds a hole, whichever way its triangles turn. Raises ValueError: a surface with open edges.
    """
    points, back = np.unique(np.round(points, 5), axis=0, return_inverse=True)
    faces = back.reshape(-1)[faces]
    faces = faces[(faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])]
    edges = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    uses = np.unique(edges, axis=0, return_counts=True)[1]
    if len(faces) < 4 or np.any(uses % 2):
        raise ValueError(f"its surface is not closed ({int(np.count_nonzero(uses % 2)) or 'no'} open edges)")
    low, extent = points.min(axis=0), np.ptp(points, axis=0)
    cell = _cell(extent, coarsest_mm, 1)
    start = low - _MARGIN_CELLS * cell
    shape = np.ceil(extent / cell).astype(np.int64) + 2 * _MARGIN_CELLS
    rows, x = _piercings((points - start) / cell, faces, (int(shape[1]), int(shape[2])))
    line = (rows[:, 1] // _ROWS_A_CELL) * shape[1] + rows[:, 0] // _ROWS_A_CELL
    share = _covered(
        rows[:, 1] * shape[1] * _ROWS_A_CELL + rows[:, 0], line, x, int(shape[1] * shape[2]), int(shape[0])
    )
    affine = np.diag([cell, cell, cell, 1.0])
    affine[:3, 3] = start + cell / 2
    found = (share / _ROWS_A_CELL**2).astype(np.float32).reshape(shape[2], shape[1], shape[0])
    return found.transpose(2, 1, 0), Geometry(affine, (int(shape[0]), int(shape[1]), int(shape[2])))


def plane_distance_mm(structures: Sequence[Sequence[Floats]]) -> float | None:
    """The usual distance between neighbouring planes of a set of structures (axial planes); None where no two planes differ."""
    heights = [float(line[:, 2].mean()) for lines in structures for line in lines]
    gaps = np.diff(_levels(np.array(heights))[0]) if heights else np.empty(0)
    return float(np.median(gaps)) if len(gaps) else None


def _basis(lines: Sequence[Floats]) -> Floats:
    """Columns: two directions within the planes of the contours, and their normal; the axes of the patient where the planes are axial."""
    normals = [np.cross(line - line[0], np.roll(line, -1, axis=0) - line[0]).sum(axis=0) for line in lines]
    normal = max(normals, key=lambda n: float(n @ n))
    length = float(np.linalg.norm(normal))
    if length < 1e-9 or abs(normal[2]) > 0.99999 * length:
        return np.eye(3)
    normal = normal / length
    across = np.cross(normal, np.eye(3)[int(np.argmin(np.abs(normal)))])
    across /= np.linalg.norm(across)
    return np.stack([across, np.cross(normal, across), normal], axis=1)


def _levels(heights: Floats) -> tuple[Floats, Ints]:
    """Heights closer than a fiftieth of a millimetre are one plane."""
    order = np.argsort(heights)
    number = np.concatenate([[0], np.cumsum(np.diff(heights[order]) > _EVEN_MM)]).astype(np.int64)
    levels = np.bincount(number, weights=heights[order]) / np.bincount(number)
    plane_of = np.empty(len(heights), dtype=np.int64)
    plane_of[order] = number
    return levels, plane_of


def _slabs(levels: Floats, slice_mm: float) -> list[tuple[float, float]]:
    gaps = np.diff(levels)
    usual = min(float(np.median(gaps)), 3 * slice_mm) if len(gaps) else slice_mm
    half = [float(gap) / 2 if gap < 1.9 * usual else usual / 2 for gap in gaps]
    below, above = [usual / 2, *half], [*half, usual / 2]
    return [(float(z) - a, float(z) + b) for z, a, b in zip(levels, below, above, strict=True)]


def _layers(levels: Floats, slabs: Sequence[tuple[float, float]]) -> tuple[float, Shares]:
    """The depth of a layer, and the share of each layer (rows) that each plane's slab (columns) fills."""
    depths = np.array([high - low for low, high in slabs])
    depth = float(np.median(depths))
    low = slabs[0][0]
    starts = (np.array([slab[0] for slab in slabs]) - low) / depth
    if np.any(np.abs(depths - depth) > _EVEN_MM) or np.any(np.abs(starts - np.round(starts)) * depth > 2 * _EVEN_MM):
        depth = float(depths.min()) / 4
    count = max(1, int(np.ceil((slabs[-1][1] - low) / depth - 0.01)))
    edge = low + depth * np.arange(count + 1)
    bounds = np.array(slabs)
    shared = np.minimum(edge[1:, None], bounds[None, :, 1]) - np.maximum(edge[:-1, None], bounds[None, :, 0])
    filled = np.clip(shared, 0, None) / depth
    return depth, np.where(np.abs(filled - np.round(filled)) * depth < _EVEN_MM, np.round(filled), filled).astype(
        np.float32
    )


def _cell(extent: Floats, coarsest_mm: float, layers: int) -> float:
    side = max(_FINEST_MM, min(coarsest_mm, float(extent.min()) / _CELLS_ACROSS))
    while float(np.prod(extent / side + 2 * _MARGIN_CELLS + 1)) * layers > _MAX_CELLS:
        side *= 1.25
    return side


def _areas(start: Floats, stop: Floats, plane: Ints, shape: tuple[int, int, int], rows: int) -> Shares:
    """Shares [plane, v, u] within the edges `start` to `stop` (u, v in cells) of each plane, by `rows` a cell."""
    a, b = start[:, 1] * rows - 0.5, stop[:, 1] * rows - 0.5
    first = np.ceil(np.minimum(a, b)).astype(np.int64)
    count = np.ceil(np.maximum(a, b)).astype(np.int64) - first
    edge = np.repeat(np.arange(len(a)), count)
    row = first[edge] + np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count)
    x = start[edge, 0] + (row - a[edge]) / (b[edge] - a[edge]) * (stop[edge, 0] - start[edge, 0])
    planes, height, width = shape
    key = plane[edge] * height * rows + row
    share = _covered(key, key // rows, x, planes * height, width)
    return (share / rows).astype(np.float32).reshape(shape)


def _covered(row: Ints, line: Ints, x: Floats, lines: int, width: int) -> Floats:
    """The length of each cell [line, width] that lies between odd and even crossings `x` (in cells) of the rows."""
    order = np.lexsort((x, row))
    x, line = x[order], line[order]
    sign = np.where(np.arange(len(x)) % 2 == 0, 1.0, -1.0)
    cell = np.clip(np.floor(x).astype(np.int64), 0, width - 2)
    beyond = sign * (x - cell)
    place = line * width + cell
    steps: Any = np.bincount(place, weights=sign - beyond, minlength=lines * width)
    steps += np.bincount(place + 1, weights=beyond, minlength=lines * width)
    return np.clip(np.cumsum(steps.reshape(lines, width), axis=1), 0, None)


def _piercings(points: Floats, faces: Ints, shape: tuple[int, int]) -> tuple[Ints, Floats]:
    """Where rows along x pierce the triangles: (row along y, row along z), x in cells. Each row pierces a closed surface an even number of times."""
    at = points[:, 1:] * _ROWS_A_CELL - 0.5
    corners = at[faces]
    first = np.ceil(corners.min(axis=1)).astype(np.int64)
    count = np.ceil(corners.max(axis=1)).astype(np.int64) - first
    candidates = count.prod(axis=1)
    rows: list[Ints] = []
    xs: list[Floats] = []
    parts = np.cumsum(candidates) // _MAX_CANDIDATES
    for part in np.unique(parts[candidates > 0]):
        chosen = np.flatnonzero((parts == part) & (candidates > 0))
        which = np.repeat(chosen, candidates[chosen])
        inner = np.arange(len(which)) - np.repeat(
            np.cumsum(candidates[chosen]) - candidates[chosen], candidates[chosen]
        )
        row = np.stack([inner % count[which, 0], inner // count[which, 0]], axis=1) + first[which]
        triangle = faces[which]
        turns = [(triangle[:, a], triangle[:, b]) for a, b in ((1, 2), (2, 0), (0, 1))]
        sides = [_side(at, a, b, row) for a, b in turns]
        # A row on an edge counts as right of it, whichever triangle asks: of the two triangles at the edge, one is pierced.
        left = [(side > 0) == (a < b) for side, (a, b) in zip(sides, turns, strict=True)]
        weights = [np.where(a < b, side, -side) for side, (a, b) in zip(sides, turns, strict=True)]
        total = weights[0] + weights[1] + weights[2]
        within = (left[0] == left[1]) & (left[1] == left[2]) & (total != 0)
        x = sum(weight[within] * points[triangle[within, n], 0] for n, weight in enumerate(weights)) / total[within]
        rows.append(row[within])
        xs.append(x)
    return np.concatenate(rows), np.concatenate(xs)


def _side(at: Floats, a: Ints, b: Ints, row: Ints) -> Floats:
    """Twice the area between the edge and the row, positive where the row lies left of it seen from the lower point number to the higher: the same from both triangles."""
    first, second = at[np.minimum(a, b)], at[np.maximum(a, b)]
    along, to_row = second - first, row - first
    return along[:, 0] * to_row[:, 1] - along[:, 1] * to_row[:, 0]
