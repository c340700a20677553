"""Structures out of a DICOM segmentation: BINARY, FRACTIONAL (a voxel counts from half on) and LABELMAP, sparse and overlapping."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liverboard.volume.dicom_files import fail, numbers, read_whole, text, whole
from liverboard.volume.geometry import Floats, Geometry, LabelMap

_MAX_VOXELS = 1_500_000_000


def read_seg(file: Path) -> list[LabelMap]:
    """The segments as label maps, each named by its label; segments that overlap go to further maps. Values are segment numbers.

    The grid spans the frames: rows and columns as stored, slices at their common step; a slice without a frame is empty. Raises UnsupportedImage: no segment,
    no frame, frames without a place, uneven steps, pixels that cannot be decoded.
    """
    data = read_whole(file)
    listed = {whole(item, "SegmentNumber", n): item for n, item in enumerate(data.get("SegmentSequence") or [], 1)}
    names = {number: text(item, "SegmentLabel") or f"Segment {number}" for number, item in listed.items()}
    names = {
        number: name
        for number, name in names.items()
        if not (text(data, "SegmentationType") == "LABELMAP" and number == 0)
    }
    if not names:
        fail(file.name, "the segmentation holds no segment", "Expected at least one.")
    frames = list(data.get("PerFrameFunctionalGroupsSequence") or [])
    count = whole(data, "NumberOfFrames", 0)
    if not frames or count != len(frames):
        fail(file.name, f"the segmentation has {count} frames and places for {len(frames)}", "Export it again.")
    geometry, slices = _grid(data, frames, file)
    pixels = _frames(data, len(frames), (geometry.shape[1], geometry.shape[0]), file)
    machines = {number: _machine(item) for number, item in listed.items()}
    return _maps(data, frames, pixels, geometry, slices, names, machines, file)


def _maps(
    data: Any,
    frames: list[Any],
    pixels: NDArray[Any],
    geometry: Geometry,
    slices: list[int],
    names: dict[int, str],
    machines: dict[int, str | None],
    file: Path,
) -> list[LabelMap]:
    kind = text(data, "SegmentationType")
    top = max(names)
    dtype = pixels.dtype if kind == "LABELMAP" else np.uint8 if top < 256 else np.uint16
    maps: list[tuple[Any, dict[int, str]]] = [(np.zeros(geometry.shape, dtype=dtype, order="F"), {})]
    if kind == "LABELMAP":
        for plane, k in zip(pixels, slices, strict=True):
            maps[0][0][:, :, k] = plane.T
        maps[0][1].update(names)
    else:
        half = max(1, (whole(data, "MaximumFractionalValue", 255) + 1) // 2) if kind == "FRACTIONAL" else 1
        by_segment: dict[int, list[int]] = {}
        for n, frame in enumerate(frames):
            number = whole(_first(_either(data, frame, "SegmentIdentificationSequence")), "ReferencedSegmentNumber", -1)
            if number not in names:
                fail(
                    file.name,
                    f"frame {n + 1} belongs to segment {number}, which is not described",
                    f"It describes: {', '.join(map(str, names))}.",
                )
            by_segment.setdefault(number, []).append(n)
        for number, name in names.items():
            mine = by_segment.get(number, [])
            free = next(
                (
                    each
                    for each in maps
                    if not any((each[0][:, :, slices[n]][half <= pixels[n].T] > 0).any() for n in mine)
                ),
                None,
            )
            if free is None:
                free = (np.zeros(geometry.shape, dtype=dtype, order="F"), dict[int, str]())
                maps.append(free)
            free[1][number] = name
            for n in mine:
                free[0][:, :, slices[n]][half <= pixels[n].T] = number
    return [
        LabelMap(array, geometry, {n: name for n, name in held.items() if machines.get(n) == machine}, machine=machine)
        for array, held in maps
        for machine in dict.fromkeys(machines.get(number) for number in held)
    ]


def _grid(data: Any, frames: list[Any], file: Path) -> tuple[Geometry, list[int]]:
    """The grid, and each frame's slice on it."""
    rows, columns = whole(data, "Rows", 0), whole(data, "Columns", 0)
    places: list[list[float]] = []
    orientation = numbers(_first(_either(data, frames[0], "PlaneOrientationSequence")), "ImageOrientationPatient", 6)
    for n, frame in enumerate(frames):
        place = numbers(_first(_either(data, frame, "PlanePositionSequence")), "ImagePositionPatient", 3)
        if place is None:
            fail(
                file.name,
                f"frame {n + 1} does not say where it lies in the patient",
                "Slide segmentations are not read; export it again.",
            )
        own = numbers(_first(frame.get("PlaneOrientationSequence")), "ImageOrientationPatient", 6)
        if own is not None and orientation is not None and not np.allclose(own, orientation, atol=2e-3):
            fail(file.name, f"frame {n + 1} lies in another direction than the first", "Export it again.")
        places.append(place)
    measures = _first(_either(data, frames[0], "PixelMeasuresSequence"))
    spacing = numbers(measures, "PixelSpacing", 2)
    if orientation is None or spacing is None or min(rows, columns) < 1 or min(spacing) <= 0:
        fail(file.name, "the segmentation has no orientation or pixel size", "Export it again.")
    along_row, along_column = np.array(orientation[:3]), np.array(orientation[3:])
    normal = np.cross(along_row, along_column)
    heights: Floats = np.array(places) @ normal
    levels = np.unique(np.round(heights, 3))
    step = _step(measures, np.diff(levels))
    slices: Any = np.asarray(np.round((heights - heights.min()) / step), dtype=np.int64)
    if np.abs(heights - heights.min() - slices * step).max() > max(0.02 * step, 0.05):
        fail(file.name, "its frames are unevenly spaced", "Expected one distance between slices; export it again.")
    depth = int(slices.max()) + 1
    if rows * columns * depth > _MAX_VOXELS:
        fail(file.name, f"it claims {rows} x {columns} x {depth} voxels", "Export it again.")
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1], affine[:3, 2] = along_row * spacing[1], along_column * spacing[0], normal * step
    lowest, highest = int(np.argmin(heights)), int(np.argmax(heights))
    affine[:3, 3] = places[lowest]
    if depth > 1:
        affine[:3, 2] = (np.array(places[highest]) - np.array(places[lowest])) / (depth - 1)
    away = np.array(places) - (affine[:3, 3] + slices[:, None] * affine[:3, 2])
    if np.abs(away).max() > 0.5 * min(spacing):
        fail(file.name, "its frames do not lie one above the other", "Export it again.")
    return Geometry(affine, (columns, rows, depth)), [int(k) for k in slices]


def _step(measures: Any, gaps: Floats) -> float:
    """The distance of slices: as stated where it fits all gaps, else the smallest gap. A thickness is no distance: it counts only where no two frames are near."""
    distance, thickness = (
        abs((numbers(measures, name, 1) or [0.0])[0]) for name in ("SpacingBetweenSlices", "SliceThickness")
    )
    if not len(gaps):
        return distance or thickness or 1.0
    smallest = float(gaps.min())
    for stated in (distance, 0.0 if smallest < 2.5 * thickness else thickness):
        if stated > 1e-6 and np.allclose(gaps / stated, np.round(gaps / stated), atol=0.02):
            return stated
    return smallest


def _frames(data: Any, count: int, size: tuple[int, int], file: Path) -> NDArray[Any]:
    try:
        pixels = np.asarray(data.pixel_array)
    except Exception as error:
        fail(
            file.name,
            f"the frames cannot be decoded ({type(error).__name__})",
            "The file may be cut short; fetch it again.",
        )
    pixels = pixels[None] if pixels.ndim == 2 else pixels
    if pixels.shape != (count, *size):
        fail(file.name, f"the frames hold {pixels.shape} pixels", f"Expected {(count, *size)}.")
    return pixels


def _machine(item: Any) -> str | None:
    if text(item, "SegmentAlgorithmType") != "AUTOMATIC":  # a semi-automatic one was looked at by a person
        return None
    return (
        text(item, "SegmentAlgorithmName")
        or text(_first(item.get("SegmentationAlgorithmIdentificationSequence")), "AlgorithmName")
        or "automatic"
    )


def _either(data: Any, frame: Any, name: str) -> Any:
    """A functional group of the frame, else the shared one."""
    own = frame.get(name)
    if own:
        return own
    shared = _first(data.get("SharedFunctionalGroupsSequence"))
    return None if shared is None else shared.get(name)


def _first(items: Any) -> Any:
    return items[0] if items else {}
