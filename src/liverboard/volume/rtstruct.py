"""Structures out of an RTSTRUCT: contours filled on a grid, holes left open, slices between two contours taken from the nearer one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liverboard.volume.dicom_files import fail, numbers, read_whole, text, whole
from liverboard.volume.geometry import Floats, Geometry, LabelMap

_OWN_PIXEL_MM = 1.0
_MAX_POINTS = 5_000_000
_MAX_VOXELS = 500_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Contours:
    """One structure as it was drawn. `lines`: closed planar contours, each (N, 3) LPS mm; none where nothing was drawn."""

    number: int
    name: str
    lines: tuple[Floats, ...]


def read_rtstruct(file: Path, grid: Geometry | None = None) -> list[LabelMap]:
    """The structures with closed planar contours, one map each, named by the ROI name; the label value is the ROI number.

    `grid`: where they are filled; None: a grid of their own, 1 mm in the plane, slices at the contours' distance. Contours of one structure in one plane
    are combined by exclusive or, so that a contour within another is a hole (and keyholes work as they are drawn). A grid slice that lies between
    contour planes takes the nearest within half their distance. Raises UnsupportedImage: no closed contour, contours off the axial planes of the grid.
    """
    drawn = [each for each in read_contours(file) if each.lines]
    if not drawn:
        fail(
            file.name,
            "the structure set holds no closed contour",
            "Expected at least one structure with CLOSED_PLANAR contours.",
        )
    target = _own_grid([each.lines for each in drawn], file) if grid is None else grid
    filled: list[LabelMap] = []
    for each in drawn:
        array = _fill(each.lines, target, file, each.name)
        value = each.number if 0 < each.number < 60_000 else 1
        filled.append(
            LabelMap(array.astype(np.uint8 if value < 256 else np.uint16) * value, target, {value: each.name})
        )
    return filled


def read_contours(file: Path) -> list[Contours]:
    """Every structure of the set in its order, those without a closed planar contour too. Raises UnsupportedImage: a contour that is no list of points."""
    data = read_whole(file)
    listed: list[Any] = list(data.get("StructureSetROISequence") or [])
    drawn: list[Any] = list(data.get("ROIContourSequence") or [])
    names = {whole(item, "ROINumber", -1): text(item, "ROIName") for item in listed}
    lines: dict[int, list[Floats]] = {number: [] for number in names}
    for item in drawn:
        number = whole(item, "ReferencedROINumber", -1)
        each: Any
        for each in list(item.get("ContourSequence") or []):
            if text(each, "ContourGeometricType").upper() not in {"CLOSED_PLANAR", "CLOSEDPLANAR_XOR", ""}:
                continue
            points = _points(each, names.get(number, ""), file)
            if len(points) >= 3:
                lines.setdefault(number, []).append(points)
    return [Contours(number, names.get(number) or f"ROI {number}", tuple(held)) for number, held in lines.items()]


def _points(contour: Any, name: str, file: Path) -> Floats:
    values = _figures(contour)
    if len(values) in {0, 3}:
        return np.empty((0, 3))
    if len(values) % 3 or len(values) > _MAX_POINTS or not np.all(np.isfinite(values)):
        fail(
            file.name,
            f"a contour of '{name[:40]}' holds {len(values)} values that are not points",
            "Expected x, y, z for each point.",
        )
    return values.reshape(-1, 3)


def _figures(contour: Any) -> Floats:
    """The numbers of the contour data; NaN where one is none. Read from the bytes: pydicom makes an object of each number."""
    raw = getattr(contour.get_item("ContourData") if "ContourData" in contour else None, "value", None)
    if isinstance(raw, bytes):
        try:
            return np.array(raw.rstrip(b" \0").split(b"\\"), dtype=np.float64) if raw.strip(b" \0") else np.empty(0)
        except ValueError:
            return np.array([np.nan])
    count = len(contour.get("ContourData") or [])
    return np.array(numbers(contour, "ContourData", count) or [np.nan] * count, dtype=np.float64)


def _own_grid(structures: Sequence[Sequence[Floats]], file: Path) -> Geometry:
    points = np.concatenate([line for lines in structures for line in lines])
    heights = np.unique(np.round([line[:, 2].mean() for lines in structures for line in lines], 2))
    gaps = np.diff(heights)
    step = float(np.median(gaps[gaps > 0.05])) if np.any(gaps > 0.05) else _OWN_PIXEL_MM
    low, high = points.min(axis=0) - 3, points.max(axis=0) + 3
    size = (high[0] - low[0] + 1, high[1] - low[1] + 1, (heights[-1] - heights[0]) / step + 3)
    if float(np.prod(size)) > _MAX_VOXELS or size[2] > 10_000 or step > 1000:
        fail(
            file.name,
            f"its contours span {high[0] - low[0]:.0f} x {high[1] - low[1]:.0f} x {high[2] - low[2]:.0f} mm",
            "A point is wrong; export it again, or give the image that it was drawn on.",
        )
    affine = np.diag([_OWN_PIXEL_MM, _OWN_PIXEL_MM, step, 1.0])
    affine[:3, 3] = (low[0], low[1], heights[0] - step)
    shape = (int(high[0] - low[0]) + 1, int(high[1] - low[1]) + 1, round(float(heights[-1] - heights[0]) / step) + 3)
    return Geometry(affine, shape)


def _fill(lines: Sequence[Floats], grid: Geometry, file: Path, name: str) -> NDArray[np.bool_]:
    u, v, w = grid.axes
    to_index = np.linalg.inv(grid.affine)
    planes: dict[float, list[Floats]] = {}
    for line in lines:
        index = line @ to_index[:3, :3].T + to_index[:3, 3]
        if float(np.ptp(index[:, w])) * grid.spacing_mm[w] > 1.0:
            fail(
                file.name,
                f"a contour of '{name[:40]}' does not lie in a slice of the image",
                "Contours aslant of the slices are not read.",
            )
        planes.setdefault(round(float(index[:, w].mean()), 2), []).append(index[:, [u, v]])
    levels = np.array(sorted(planes))
    gaps = np.diff(levels)
    between = float(np.median(gaps)) if len(gaps) else 1.0
    filled = {level: _area(planes[float(level)], (grid.shape[u], grid.shape[v])) for level in levels}
    array = np.zeros((grid.shape[u], grid.shape[v], grid.shape[w]), dtype=np.bool_)
    reach = max(0.5, 0.5 * between)
    for k in range(grid.shape[w]):
        nearest = float(levels[int(np.argmin(np.abs(levels - k)))])
        if -reach + 1e-6 < k - nearest <= reach + 1e-6:
            array[:, :, k] = filled[nearest]
    return np.transpose(array, np.argsort((u, v, w)))


def _area(lines: Sequence[Floats], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Pixels whose centre lies within an odd number of the closed lines (indices along u and v), by crossing parity along each row."""
    inside = np.zeros(shape, dtype=np.bool_)
    for line in lines:
        start, stop = line, np.roll(line, -1, axis=0)
        first = max(0, int(np.ceil(line[:, 0].min())))
        last = min(shape[0] - 1, int(np.floor(line[:, 0].max())))
        for row in range(first, last + 1):
            crossing = (start[:, 0] <= row) != (stop[:, 0] <= row)
            a, b = start[crossing], stop[crossing]
            at = np.sort(a[:, 1] + (row - a[:, 0]) / (b[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1]))
            for low, high in zip(at[::2], at[1::2], strict=False):
                inside[row, max(0, int(np.ceil(low))) : max(0, int(np.floor(high)) + 1)] ^= True
    return inside
