"""An image out of a DICOM series: one file a slice, or one multi-frame file; by position, never by file name or instance number."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liverboard.volume.dicom_files import Series, fail, numbers, read_whole, text, whole
from liverboard.volume.geometry import Array, Decay, Floats, Geometry, Image, Origin

_MAX_VOXELS = 1_500_000_000
_UNITS = {
    "BQML": "Bq/mL",
    "CNTS": "counts",
    "GML": "g/mL",
    "PROPCPS": "proportional to counts/s",
    "CPS": "counts/s",
    "PROPCNTS": "proportional to counts",
}
_KINDS = {"TOMO": "projections", "STATIC": "planar images", "WHOLE BODY": "planar images", "DYNAMIC": "time frames"}
# Neighbouring slices may differ from the common step by this share of it, or by this many mm, whichever is more: positions are rounded when they are written.
_UNEVEN_SHARE, _UNEVEN_MM = 0.01, 0.05
_MISSING_SHARE = 0.02
_TILT_COSINE = 0.9999


@dataclass(frozen=True, slots=True, eq=False)
class _Frame:
    """One slice before its pixels are read. `frame`: its number in the file, None for a file of one slice."""

    file: Path
    frame: int | None
    position: Floats
    orientation: Floats
    spacing: tuple[float, float]
    rescale: tuple[float, float]
    thickness: float | None
    group: tuple[str, ...]
    instance: str


def read_series(series: Series) -> Image:
    """The series as one image in LPS mm, values rescaled slice by slice, with its unit, its decay facts and what was noticed.

    Slices are ordered along their normal. Doubled slices are left out; up to 2 % missing ones (never two in a row) are interpolated and said; a gantry tilt
    stays in the geometry. Raises UnsupportedImage: no position or orientation, slices that differ in size or direction, uneven steps, several images in
    one series, pixels that cannot be decoded.
    """
    where = f"series {series}"
    warnings: list[str] = []
    frames = [
        frame for head, file in zip(series.heads, series.files, strict=True) for frame in _frames(head, file, where)
    ]
    if len(frames) < 2:
        fail(where, "it is a single 2-D image", "Expected a 3-D series.")
    frames = _one_direction(frames, where, warnings)
    files = {frame.file for frame in frames}
    heads = [head for head, file in zip(series.heads, series.files, strict=True) if file in files]
    _check_alike(heads, where)
    height, width = whole(heads[0], "Rows", 0), whole(heads[0], "Columns", 0)
    if height * width * len(frames) > _MAX_VOXELS or min(height, width) < 2:
        fail(where, f"it claims {height} x {width} x {len(frames)} voxels", "Export it again.")
    kept, step = _stack(frames, where, warnings)
    geometry = _geometry(kept, step, (width, height), warnings)
    array = _pixels(kept, geometry, where, narrow=all(whole(head, "BitsAllocated", 16) <= 16 for head in heads))
    array = _filled(array, kept)
    head = heads[0]
    modality = text(head, "Modality") or None
    return Image(
        array,
        geometry,
        Origin(
            modality=modality,
            unit=_unit(head, modality),
            study_uid=text(head, "StudyInstanceUID") or None,
            series_uid=text(head, "SeriesInstanceUID") or None,
            frame_of_reference_uid=text(head, "FrameOfReferenceUID") or None,
            decay=_decay(heads) if modality in {"PT", "NM"} else None,
            files=tuple(frame.file for frame in kept if frame is not None),
            warnings=tuple(warnings),
        ),
    )


def _check_alike(heads: Sequence[Any], where: str) -> None:
    """Slices of one image have one size, one place in space, one unit, and all or none of them a scale."""
    for what, values in (
        ("differ in size", [f"{whole(h, 'Rows', 0)} x {whole(h, 'Columns', 0)}" for h in heads]),
        ("lie in different frames of reference", [text(h, "FrameOfReferenceUID") for h in heads]),
        ("have different units", [_unit(h, text(h, "Modality")) or "not told" for h in heads]),
        ("are scaled in part", ["scaled" if "RescaleSlope" in h else "not scaled" for h in heads]),
    ):
        found = sorted(set(values))
        if len(found) > 1:
            listed = "" if "reference" in what else f" ({', '.join(found[:4])})"
            fail(where, f"its slices {what}{listed}", "Give one series of one scan, or export it again.")


def _frames(head: Any, file: Path, where: str) -> list[_Frame]:
    count = whole(head, "NumberOfFrames", 1)
    if count > 1 or "PerFrameFunctionalGroupsSequence" in head:
        return _multi(head, file, where)
    position, orientation, spacing = (
        numbers(head, "ImagePositionPatient", 3),
        numbers(head, "ImageOrientationPatient", 6),
        numbers(head, "PixelSpacing", 2),
    )
    if position is None or orientation is None or spacing is None:
        fail(
            where,
            f"{file.name} does not say where it lies in the patient",
            "Expected Image Position, Image Orientation and Pixel Spacing.",
        )
    return [_frame(file, None, position, orientation, spacing, head, head, _group(head))]


def _frame(
    file: Path,
    number: int | None,
    position: Sequence[float],
    orientation: Sequence[float],
    spacing: Sequence[float],
    scale: Any,
    measure: Any,
    group: tuple[str, ...],
) -> _Frame:
    if min(spacing) <= 0:
        fail(file.name, f"its pixels are {spacing[0]:g} x {spacing[1]:g} mm", "Export it again.")
    thickness = numbers(measure, "SliceThickness", 1)
    return _Frame(
        file,
        number,
        np.array(position, dtype=np.float64),
        np.array(orientation, dtype=np.float64),
        (spacing[0], spacing[1]),
        (_scale(scale, "RescaleSlope", 1.0, file), _scale(scale, "RescaleIntercept", 0.0, file)),
        thickness[0] if thickness else None,
        group,
        text(scale, "InstanceNumber"),
    )


def _scale(head: Any, name: str, otherwise: float, file: Path) -> float:
    found = numbers(head, name, 1)
    if (found is None and name in head and head[name].VM) or (name == "RescaleSlope" and found == [0.0]):
        fail(file.name, f"its {name} is no number that scales values", "Export it again.")
    return found[0] if found else otherwise


def _group(head: Any) -> tuple[str, ...]:
    """What tells several images in one series apart: the time of the phase and the acquisition, or the echo."""
    return tuple(
        text(head, name) for name in ("TemporalPositionIdentifier", "AcquisitionNumber", "EchoNumbers", "TriggerTime")
    )


def _multi(head: Any, file: Path, where: str) -> list[_Frame]:
    """Frames of an enhanced object (functional groups), or of an NM tomogram (one detector, equal steps)."""
    count = whole(head, "NumberOfFrames", 1)
    if count > 100_000:
        fail(where, f"{file.name} claims {count} frames", "Export it again.")
    if "PerFrameFunctionalGroupsSequence" not in head:
        return _tomogram(head, file, count, where)
    shared = _first(head, "SharedFunctionalGroupsSequence")
    each = list(head.PerFrameFunctionalGroupsSequence)
    if len(each) != count:
        fail(where, f"{file.name} has {count} frames and places for {len(each)}", "Export it again.")
    frames: list[_Frame] = []
    for number, own in enumerate(each):
        place, plane, measure, scale = (
            _first(own, name) or _first(shared, name)
            for name in (
                "PlanePositionSequence",
                "PlaneOrientationSequence",
                "PixelMeasuresSequence",
                "PixelValueTransformationSequence",
            )
        )
        position, orientation, spacing = (
            numbers(place, "ImagePositionPatient", 3),
            numbers(plane, "ImageOrientationPatient", 6),
            numbers(measure, "PixelSpacing", 2),
        )
        if position is None or orientation is None or spacing is None:
            fail(
                where,
                f"frame {number + 1} of {file.name} does not say where it lies in the patient",
                "Export it again.",
            )
        content = _first(own, "FrameContentSequence")
        group = tuple(text(content, name) for name in ("TemporalPositionIndex", "FrameAcquisitionNumber"))
        frames.append(_frame(file, number, position, orientation, spacing, scale or head, measure, group))
    return frames


def _tomogram(head: Any, file: Path, count: int, where: str) -> list[_Frame]:
    written: Any = head.get("ImageType") or ""
    kind = "" if isinstance(written, str) or len(written) < 3 else str(written[2])
    if text(head, "Modality") == "NM" and kind not in {"", "RECON TOMO"}:
        fail(
            where,
            f"{file.name} holds no slices but {_KINDS.get(kind, 'frames of another kind')}",
            "Give the reconstructed tomogram.",
        )
    detector = _first(head, "DetectorInformationSequence")
    position = numbers(head, "ImagePositionPatient", 3) or numbers(detector, "ImagePositionPatient", 3)
    orientation = numbers(head, "ImageOrientationPatient", 6) or numbers(detector, "ImageOrientationPatient", 6)
    spacing = numbers(head, "PixelSpacing", 2)
    step = numbers(head, "SpacingBetweenSlices", 1) or numbers(head, "SliceThickness", 1)
    if position is None or orientation is None or spacing is None or step is None:
        fail(
            where,
            f"{file.name} does not say where its {count} frames lie in the patient",
            "Expected a reconstructed tomogram with positions.",
        )
    normal = np.cross(orientation[:3], orientation[3:])
    return [
        _frame(file, n, list(np.array(position) + n * step[0] * normal), orientation, spacing, head, head, ())
        for n in range(count)
    ]


def _first(head: Any, name: str) -> Any:
    found = None if head is None else head.get(name)
    return found[0] if found else None


def _one_direction(frames: list[_Frame], where: str, warnings: list[str]) -> list[_Frame]:
    """The frames of the main direction: localizers in another are left out where they are few. Several directions of like number are refused."""
    directions: list[list[_Frame]] = []
    for frame in frames:
        for held in directions:
            if np.allclose(held[0].orientation, frame.orientation, atol=2e-3) and np.allclose(
                held[0].spacing, frame.spacing, rtol=1e-3
            ):
                held.append(frame)
                break
        else:
            directions.append([frame])
    directions.sort(key=len, reverse=True)
    if len(directions) > 1 and len(directions[1]) > max(3, 0.1 * len(directions[0])):
        fail(where, "its slices have different directions or pixel sizes", "Give the axial series alone.")
    left = len(frames) - len(directions[0])
    if left:
        warnings.append(
            f"{left} slice{'s' if left > 1 else ''} in another direction or of another pixel size {'were' if left > 1 else 'was'} left out"
        )
    return directions[0]


def _stack(frames: list[_Frame], where: str, warnings: list[str]) -> tuple[list[_Frame | None], Floats]:
    """The frames in order, None where one is missing, and the step from slice to slice in mm."""
    normal = np.cross(frames[0].orientation[:3], frames[0].orientation[3:])
    length = float(np.linalg.norm(normal))
    if not 0.99 < length < 1.01:
        fail(where, "the directions of its rows and columns are not square", "Export it again.")
    normal /= length
    groups = {frame.group for frame in frames}
    ordered = sorted(
        frames,
        key=lambda frame: (
            float(normal @ frame.position),
            frame.group,
            frame.instance,
            str(frame.file),
            frame.frame or 0,
        ),
    )
    heights = np.array([normal @ frame.position for frame in ordered])
    single = [ordered[0]]
    doubled = 0
    for frame, gap in zip(ordered[1:], np.diff(heights), strict=True):
        if gap > 1e-3:
            single.append(frame)
        else:
            doubled += 1
    if doubled:
        if doubled >= 0.5 * len(single):
            listed = ", ".join(" ".join(part for part in group if part) or "unnamed" for group in sorted(groups))
            fail(
                where,
                f"it holds several images of the same slices ({len(ordered)} files at {len(single)} positions)",
                f"Export the phases as separate series. Told apart by: {listed[:120]}.",
            )
        warnings.append(f"{doubled} slice{'s are' if doubled > 1 else ' is'} there twice; the first of each was kept")
    if len(single) < 2:
        fail(where, "all its slices lie at one position", "Expected a 3-D series.")
    gaps = np.diff([float(normal @ frame.position) for frame in single])
    step_mm = float(np.median(gaps))
    tolerance = max(_UNEVEN_SHARE * step_mm, _UNEVEN_MM)
    kept: list[_Frame | None] = [single[0]]
    missing: list[float] = []
    for frame, gap in zip(single[1:], gaps, strict=True):
        count = round(float(gap) / step_mm)
        if count < 1 or abs(gap - count * step_mm) > count * tolerance:
            fail(
                where,
                f"its slices are unevenly spaced ({gaps.min():.2f} to {gaps.max():.2f} mm)",
                "Expected one spacing; resample or export it again.",
            )
        if count > 1:
            missing.append(float(normal @ frame.position) - step_mm)
        if count > 2:
            fail(
                where,
                f"{count - 1} neighbouring slices are missing near {missing[-1]:.1f} mm along the normal",
                "Fetch the whole series again.",
            )
        kept += [*([None] * (count - 1)), frame]
    if len(missing) > max(1, _MISSING_SHARE * len(kept)):
        fail(where, f"{len(missing)} of {len(kept)} slices are missing", "Fetch the whole series again.")
    if missing:
        warnings.append(
            f"{len(missing)} slice{'s are' if len(missing) > 1 else ' is'} missing and interpolated from the neighbours (at {', '.join(f'{m:.1f}' for m in missing[:5])} mm)"
        )
    step: Floats = (single[-1].position - single[0].position) / (len(kept) - 1)
    return kept, step


def _geometry(kept: Sequence[_Frame | None], step: Floats, size: tuple[int, int], warnings: list[str]) -> Geometry:
    first = next(frame for frame in kept if frame is not None)
    along_row, along_column = first.orientation[:3], first.orientation[3:]
    affine = np.eye(4)
    affine[:3, 0] = along_row * first.spacing[1]
    affine[:3, 1] = along_column * first.spacing[0]
    affine[:3, 2] = step
    affine[:3, 3] = first.position
    step_mm = float(np.linalg.norm(step))
    cosine = abs(float(np.cross(along_row, along_column) @ step)) / step_mm
    if cosine < _TILT_COSINE:
        warnings.append(
            f"the gantry was tilted by {np.degrees(np.arccos(min(1.0, cosine))):.1f} degrees; the geometry keeps it"
        )
    if first.thickness and abs(first.thickness - step_mm) > 0.1 * step_mm:
        warnings.append(f"slices are {first.thickness:g} mm thick and {step_mm:.3g} mm apart; volumes use the distance")
    return Geometry(affine, (size[0], size[1], len(kept)))


def _pixels(kept: Sequence[_Frame | None], geometry: Geometry, where: str, *, narrow: bool) -> Array:
    """Values [i, j, k]: whole numbers where `narrow` pixels (at most 16 bits) only have an offset, else float32."""
    given = [(k, frame) for k, frame in enumerate(kept) if frame is not None]
    exact = narrow and all(
        frame.rescale[0] == 1 and frame.rescale[1] == round(frame.rescale[1]) and abs(frame.rescale[1]) < 30_000
        for _, frame in given
    )
    array: Any = np.zeros(geometry.shape, dtype=np.int32 if exact else np.float32, order="F")
    by_file: dict[Path, list[tuple[int, _Frame]]] = {}
    for k, frame in given:
        by_file.setdefault(frame.file, []).append((k, frame))

    def load(file: Path) -> None:
        values = _decoded(read_whole(file), file, where)
        for k, frame in by_file[file]:
            plane: Any = values if frame.frame is None else values[frame.frame]
            if plane.shape != (geometry.shape[1], geometry.shape[0]):
                fail(
                    where,
                    f"{file.name} holds {plane.shape} pixels",
                    f"Expected {geometry.shape[1]} rows and {geometry.shape[0]} columns.",
                )
            slope, intercept = frame.rescale
            array[:, :, k] = (
                plane.T.astype(np.int32) + round(intercept)
                if exact
                else plane.T * np.float32(slope) + np.float32(intercept)
            )

    with ThreadPoolExecutor(max_workers=2) as pool:
        for _ in pool.map(load, by_file):
            pass
    if exact and array.size and int(array.min()) >= -32768 and int(array.max()) <= 32767:
        array = array.astype(np.int16)
    return array


def _decoded(data: Any, file: Path, where: str) -> NDArray[Any]:
    try:
        values = np.asarray(data.pixel_array)
    except Exception as error:
        syntax = getattr(getattr(data, "file_meta", None), "TransferSyntaxUID", None)
        name = getattr(syntax, "name", None) or "unknown"
        fail(
            where,
            f"the pixels of {file.name} cannot be decoded ({type(error).__name__}; {name})",
            "The file may be cut short; fetch it again, or send it uncompressed.",
        )
    if values.ndim > 3 or (values.ndim == 3 and whole(data, "SamplesPerPixel", 1) != 1):
        fail(where, f"{file.name} is a colour image", "Expected grey values.")
    if whole(data, "NumberOfFrames", 1) == 1 and values.ndim == 2 and "PerFrameFunctionalGroupsSequence" in data:
        values = values[None]
    if text(data, "PhotometricInterpretation") == "MONOCHROME1" and text(data, "Modality") not in {"CT", "PT", "NM"}:
        # Inverted within the range of the type, so that all slices are inverted alike.
        values = -1 - values if values.dtype.kind == "i" else 2 ** whole(data, "BitsStored", 16) - 1 - values
    return values


def _filled(array: Array, kept: Sequence[_Frame | None]) -> Array:
    for k, frame in enumerate(kept):
        if frame is None:
            mean = (array[:, :, k - 1].astype(np.float64) + array[:, :, k + 1]) / 2
            array[:, :, k] = np.round(mean) if array.dtype.kind in "iu" else mean
    return array


def _unit(head: Any, modality: str | None) -> str | None:
    if modality == "CT":
        return {"": "HU", "HU": "HU", "US": None}.get(text(head, "RescaleType").upper(), text(head, "RescaleType"))
    if modality == "PT":
        units = text(head, "Units")
        return _UNITS.get(units, units or None)
    return "counts" if modality == "NM" else None


def _decay(heads: Sequence[Any]) -> Decay:
    head = heads[0]
    acquired = [
        _moment((text(each, "AcquisitionDate") or text(each, "SeriesDate")) + text(each, "AcquisitionTime"))
        for each in heads
    ]
    drug = _first(head, "RadiopharmaceuticalInformationSequence")
    code = _first(drug, "RadionuclideCodeSequence") or _first(
        _first(head, "EnergyWindowInformationSequence"), "RadionuclideCodeSequence"
    )

    def figure(name: str) -> float | None:
        found = None if drug is None else numbers(drug, name, 1)
        return found[0] if found else None

    injected = _moment(text(drug, "RadiopharmaceuticalStartDateTime")) if drug is not None else None
    series_at = _moment(text(head, "SeriesDate") + text(head, "SeriesTime"))
    assumed = injected is None
    if injected is None and drug is not None and series_at is not None:
        clock = text(drug, "RadiopharmaceuticalStartTime")
        injected = _moment(series_at.strftime("%Y%m%d") + clock) if clock else None
        if injected is not None and injected > series_at:
            injected -= dt.timedelta(days=1)  # the clock has passed midnight since
    return Decay(
        radionuclide=text(code, "CodeMeaning")
        or (text(drug, "RadionuclideCodeSequence") if drug is None else None)
        or None,
        half_life_s=figure("RadionuclideHalfLife"),
        injected_bq=figure("RadionuclideTotalDose"),
        injected_at=injected,
        series_at=series_at,
        acquired_at=min((moment for moment in acquired if moment is not None), default=None),
        corrected_to=text(head, "DecayCorrection") or None,
        injected_day_assumed=assumed and injected is not None,
    )


def _moment(written: str) -> dt.datetime | None:
    """A DICOM date and time; without a zone unless it gives one."""
    digits = written.partition(".")[0].split("+")[0].split("-")[0]  # seconds and minutes may be left out
    try:
        return dt.datetime.strptime(digits.ljust(14, "0"), "%Y%m%d%H%M%S") if len(digits) in {10, 12, 14} else None  # noqa: DTZ007  (DICOM gives no zone)
    except ValueError:
        return None
