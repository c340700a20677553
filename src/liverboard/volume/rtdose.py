"""Absorbed dose as an image in Gy: DICOM RTDOSE, or NIfTI and NRRD whose unit the caller names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from liverboard.errors import BadInput
from liverboard.volume.dicom_files import fail, find_series, numbers, read_whole, text, whole
from liverboard.volume.geometry import Array, Floats, Geometry, Image, Origin
from liverboard.volume.read import damage_told, is_dicom, name_of, read_image, split_parts

DoseUnit = Literal["Gy", "cGy", "mGy"]
_IN_GY: dict[str, float] = {"Gy": 1.0, "cGy": 0.01, "mGy": 0.001}
_MAX_VOXELS = 1_500_000_000
_SAME_PLANE_MM = 0.01
_UNLIKELY_GY = 10_000.0  # a convention of this project: above it the file more likely holds another unit
_NEGATIVE_SHARE = 0.01  # of the greatest dose: resampling overshoots below zero by less


def read_dose(source: str | Path, unit: DoseUnit | None = None) -> Image:
    """A dose map, float32 in Gy [i, j, k], `origin.unit` "Gy", with what was noticed; values that are no numbers stay.

    `F#2` picks one of several RTDOSE objects of a folder. `unit`: of the values of a NIfTI or NRRD file, which does not tell it; None: taken as Gy, and
    said. Raises UnsupportedImage: no dose, relative dose, damage, no place in the patient. BadInput: a unit given against the file's own, negative dose.
    """
    file, _ = split_parts(source)
    if is_dicom(file):
        with damage_told(file):
            dose = _dicom(source)
        if unit not in {None, "Gy"}:
            raise BadInput(
                f"the dose is in Gy by its own header, and {unit} was said",
                where=name_of(file),
                hint="Leave the unit out for DICOM.",
            )
        return _plausible(dose, name_of(file))
    image = read_image(source)
    if image.array.dtype.kind not in "iuf":
        fail(name_of(file), f"its values are of type {image.array.dtype}", "Expected a dose in Gy.")
    array = image.array.astype(np.float32)
    if unit not in {None, "Gy"}:
        array *= np.float32(_IN_GY[unit or "Gy"])
    noted = () if unit else ("the file does not tell the unit of its values; they are taken as Gy",)
    return _plausible(Image(array, image.geometry, Origin(unit="Gy", files=(file,), warnings=noted)), name_of(file))


def _plausible(dose: Image, where: str) -> Image:
    finite = np.isfinite(dose.array)
    known: Array = dose.array if finite.all() else dose.array[finite]
    if not known.size:
        raise BadInput("the dose map holds no number", where=where, hint="Export it again.")
    low, high = float(known.min()), float(known.max())
    if low < -_NEGATIVE_SHARE * max(high, 0.0):
        raise BadInput(
            f"the values go from {low:.4g} to {high:.4g}, and no dose is negative",
            where=where,
            hint="Is this a dose? Expected Gy.",
        )
    noted = list(dose.origin.warnings)
    if low < 0:
        noted.append(f"the dose goes down to {low:.3g} Gy; such small negative values stay as they are")
    if high > _UNLIKELY_GY:
        noted.append(f"the dose goes up to {high:.4g} Gy; check that the values are in Gy, not in mGy or Bq/mL")
    return replace(dose, origin=replace(dose.origin, warnings=tuple(noted)))


def _dicom(source: str | Path) -> Image:
    file, wanted = split_parts(source)
    found = find_series(file)
    doses = [
        (series, path, head)
        for series in found
        if series.kind == "dose"
        for path, head in zip(series.files, series.heads, strict=True)
    ]
    where = name_of(file)
    if not doses:
        fail(
            where,
            f"it holds no dose ({'; '.join(map(str, found[:5]))})",
            "Give an RTDOSE, or a dose map as NIfTI or NRRD.",
        )
    if wanted:
        chosen = [
            dose for number, dose in enumerate(doses, 1) if wanted in {str(number), text(dose[2], "SOPInstanceUID")}
        ]
    else:
        chosen = doses
    if len(chosen) != 1:
        listed = "; ".join(f"#{n} {_summed(head)}" for n, (_, _, head) in enumerate(doses[:20], 1))
        fail(where, f"it holds {len(doses)} doses", f"Pick one by its number, such as F#1. It holds: {listed}.")
    return _one(chosen[0][1])


def _summed(head: Any) -> str:
    kind, over = text(head, "DoseType").lower(), text(head, "DoseSummationType").lower()
    return f"{kind or 'type not told'}, summed over {over.replace('_', ' ') or 'what is not told'}"


def _one(path: Path) -> Image:
    where = path.name
    data = read_whole(path)
    _check_meaning(data, where)
    scaling = numbers(data, "DoseGridScaling", 1)
    if scaling is None or scaling[0] <= 0:
        fail(
            where,
            "its Dose Grid Scaling is missing or not a number above zero",
            "Without it the values are no dose; export it again.",
        )
    try:
        raw: Array = np.asarray(data.pixel_array)
    except Exception as error:
        fail(
            where,
            f"its dose values cannot be decoded ({type(error).__name__})",
            "The file may be cut short; fetch it again.",
        )
    frames = whole(data, "NumberOfFrames", 1)
    if raw.ndim != 3 or frames < 2 or raw.shape[0] != frames or raw.size > _MAX_VOXELS or min(raw.shape) < 2:
        fail(
            where,
            f"it holds {' x '.join(map(str, raw.shape))} values in {frames} planes",
            "Expected a dose grid of several planes.",
        )
    warnings: list[str] = []
    heights = _heights(data, frames, where)
    values: Array = raw.transpose(2, 1, 0).astype(np.float32)
    values *= np.float32(scaling[0])
    values, heights = _even(values, heights, where, warnings)
    if text(data, "DoseType").upper() == "EFFECTIVE":
        warnings.append("the dose is effective (weighted for its biological effect), not absorbed dose")
    if text(data, "DoseSummationType").upper() not in {"PLAN", "MULTI_PLAN", "PLAN_OVERVIEW", "TREATMENT", ""}:
        warnings.append(f"the dose is that of a part only ({_summed(data)})")
    return Image(
        values,
        _placed(data, heights, (values.shape[0], values.shape[1], values.shape[2]), where),
        Origin(
            modality="RTDOSE",
            unit="Gy",
            study_uid=text(data, "StudyInstanceUID") or None,
            series_uid=text(data, "SeriesInstanceUID") or None,
            frame_of_reference_uid=text(data, "FrameOfReferenceUID") or None,
            files=(path,),
            warnings=tuple(warnings),
        ),
    )


def _check_meaning(data: Any, where: str) -> None:
    units, kind = text(data, "DoseUnits").upper(), text(data, "DoseType").upper()
    if units == "RELATIVE":
        fail(where, "the dose is relative (a share of a reference), not in Gy", "Export the dose in Gy.")
    if units != "GY":
        fail(
            where,
            f"its dose units are '{units[:20]}'" if units else "it does not tell its dose units",
            "Expected Dose Units GY.",
        )
    if kind == "ERROR":
        fail(where, "it holds the difference of two doses (Dose Type ERROR)", "Give the dose itself.")


def _orientation(data: Any, where: str) -> tuple[Floats, Floats, Floats]:
    written = numbers(data, "ImageOrientationPatient", 6)
    position = numbers(data, "ImagePositionPatient", 3)
    if written is None or position is None:
        fail(where, "it does not say where it lies in the patient", "Expected Image Position and Image Orientation.")
    row, column = np.array(written[:3]), np.array(written[3:])
    if abs(float(np.linalg.norm(np.cross(row, column))) - 1) > 0.01 or abs(float(row @ column)) > 0.01:
        fail(where, "the directions of its rows and columns are not square", "Export it again.")
    return row, column, np.array(position)


def _heights(data: Any, frames: int, where: str) -> Floats:
    """How far each plane lies from the first position along the normal, in mm.

    The Grid Frame Offset Vector is relative where it begins with 0, and holds z coordinates where it begins with the z of the first position.
    """
    row, column, position = _orientation(data, where)
    offsets = numbers(data, "GridFrameOffsetVector", frames)
    if offsets is None:
        fail(
            where,
            f"its Grid Frame Offset Vector does not give {frames} numbers",
            "Expected the place of each plane; export it again.",
        )
    found = np.array(offsets, dtype=np.float64)
    if abs(found[0]) <= _SAME_PLANE_MM:
        return found
    normal = np.cross(row, column)
    if abs(abs(float(normal[2])) - 1) > 1e-4 or abs(found[0] - position[2]) > _SAME_PLANE_MM:
        fail(
            where,
            f"its Grid Frame Offset Vector begins with {found[0]:g}, neither 0 nor the z of its position ({position[2]:g})",
            "The place of the planes is not certain; export it again.",
        )
    return (found - position[2]) * float(np.sign(normal[2]))


def _even(values: Array, heights: Floats, where: str, warnings: list[str]) -> tuple[Array, Floats]:
    """Planes in rising order at one distance; planes at several distances are interpolated to the least."""
    order = np.argsort(heights)
    if np.any(order != np.arange(len(order))):
        values, heights = np.ascontiguousarray(values[:, :, order]), heights[order]
    gaps = np.diff(heights)
    if gaps.min() <= _SAME_PLANE_MM:
        fail(where, "two of its planes lie at one place", "Export it again.")
    even = _steps(heights, len(heights))
    if np.allclose(even, heights, atol=max(_SAME_PLANE_MM, 0.005 * float(gaps.mean()))):
        return values, even
    step = float(gaps.min())
    count = round(float(heights[-1] - heights[0]) / step) + 1
    if count * values.shape[0] * values.shape[1] > _MAX_VOXELS or count > 100 * len(heights):
        fail(
            where, f"its planes lie {gaps.min():g} to {gaps.max():g} mm apart", "Export it with planes at one distance."
        )
    warnings.append(
        f"the dose planes lie {gaps.min():g} to {gaps.max():g} mm apart; they were interpolated to one distance"
    )
    target = _steps(heights, count)
    below = np.array([int(np.sum(heights[1:-1] <= height)) for height in target.tolist()], dtype=np.int64)
    share: Any = ((target - heights[below]) / gaps[below]).astype(np.float32)
    return values[:, :, below] * (1 - share) + values[:, :, below + 1] * share, target


def _steps(heights: Floats, count: int) -> Floats:
    """`count` equal steps from the first height to the last."""
    return np.array(np.linspace(float(heights[0]), float(heights[-1]), count), dtype=np.float64)


def _placed(data: Any, heights: Floats, shape: tuple[int, int, int], where: str) -> Geometry:
    row, column, position = _orientation(data, where)
    spacing = numbers(data, "PixelSpacing", 2)
    if spacing is None or min(spacing) <= 0:
        fail(where, "its Pixel Spacing is not two numbers above zero", "Export it again.")
    normal = np.cross(row, column)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = row * spacing[1], column * spacing[0]
    affine[:3, 2] = normal * (heights[1] - heights[0])
    affine[:3, 3] = position + normal * heights[0]
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    if not np.all(np.isfinite(affine)) or lengths.min() < 1e-3 or lengths.max() > 1e3:
        fail(where, "its voxel sizes are not valid", "Expected voxels between 0.001 and 1000 mm.")
    return Geometry(affine, shape)
