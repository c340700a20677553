"""A phantom as files: NIfTI, truth.json, landmarks, and the same as DICOM beside."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from liverboard.phantom.ct import PHASES
from liverboard.phantom.make import Phantom, TimePoint, longest_3d_mm
from liverboard.volume import Geometry, Image, LabelMap
from liverboard.volume.write import write_nifti
from liverboard.volume.write_dicom import Structure, uid_from, write_ct_series, write_seg

WHEN = (dt.datetime(2024, 1, 15, 9, 30), dt.datetime(2024, 7, 15, 9, 30))  # noqa: DTZ001  (a made-up day needs no zone)


def write_phantom(
    phantom: Phantom, folder: Path, *, dicom: bool = True, step: Callable[[str], None] = lambda text: None
) -> Path:
    """Write NIfTI files, `truth.json`, `landmarks.yaml` and DICOM series and SEG into the folder; a follow-up into `followup/`. Returns truth.json's path.

    `truth.json` comes last, so a folder with it is whole. Raises BadInput where the place cannot be written.
    """
    for older in (folder / "truth.json", folder / "followup" / "truth.json"):
        if older.is_file():
            older.unlink()
    truth = _write_time(phantom, phantom.baseline, folder, 0, dicom, step)
    if phantom.followup is not None:
        later = _write_time(phantom, phantom.followup, folder / "followup", 1, dicom, step)
        later["days"] = (WHEN[1] - WHEN[0]).days
        rotation, shift = phantom.followup.motion
        later["motion"] = {"rotation": rotation.tolist(), "shift_mm": shift.tolist()}
        later["matches"] = [{"baseline": list(m.came_from), "followup": m.id} for m in phantom.followup.metastases] + [
            {"baseline": [name], "followup": None} for name in phantom.followup.vanished
        ]
        _write_json(folder / "followup" / "truth.json", later)
        truth["followup"] = "followup/truth.json"
    _write_json(folder / "truth.json", truth)
    return folder / "truth.json"


def _write_time(
    phantom: Phantom, point: TimePoint, folder: Path, number: int, dicom: bool, step: Callable[[str], None]
) -> dict[str, Any]:
    step("writing NIfTI")
    files: dict[str, str] = {}
    for name, array in (
        ("liver", point.liver.view(np.uint8)), ("lesions", point.lesions), ("segments", point.segments),
        ("vessels", point.vessels), ("ducts", point.ducts), *point.phases.items(),
    ):  # fmt: skip
        write_nifti(folder / f"{name}.nii.gz", array, point.geometry)
        files[name] = f"{name}.nii.gz"
    files["image"] = files["arterial"]
    lines = [
        "# Landmarks in LPS mm: x to the patient's left, y to the back, z to the head. Edit the points, or add planes."
    ]
    for name, points in point.landmarks.items():
        lines += [f"{name}:", *(f"  - {json.dumps(p)}" for p in points)]
    (folder / "landmarks.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    files["landmarks"] = "landmarks.yaml"
    truth = _truth(phantom, point, files)
    if dicom:
        step("writing DICOM")
        truth["dicom"] = _write_dicom(phantom, point, folder / "dicom", number)
    return truth


def _truth(phantom: Phantom, point: TimePoint, files: dict[str, str]) -> dict[str, Any]:
    voxel_ml = point.geometry.voxel_volume_ml
    counts = np.bincount(point.lesions.ravel(order="K"), minlength=256)
    of_segments = np.bincount(point.segments.ravel(order="K"), minlength=9)
    where = np.argwhere(point.lesions > 0)
    labels = point.lesions[tuple(where.T)]
    held = point.segments[tuple(where.T)]
    alive = point.viable[tuple(where.T)]
    lesions: list[dict[str, Any]] = []
    for number, lesion in enumerate(point.metastases, 1):
        mine = labels == number
        shares = np.bincount(held[mine], minlength=9)[:9]
        single = lesion.bodies[0] if len(lesion.bodies) == 1 else None
        axial = single.axial_mm() if single is not None else (None, None)
        lesions.append({
            "id": lesion.id,
            "label": number,
            "volume_ml": float(counts[number] * voxel_ml),
            "analytic_volume_ml": None if single is None else single.volume_ml,
            "longest_3d_mm": longest_3d_mm(lesion),
            "longest_axial_mm": axial[0],
            "short_axial_mm": axial[1],
            "centroid_lps_mm": [float(c) for c in point.geometry.lps_mm(where[mine].mean(axis=0, keepdims=True).astype(np.float64))[0]],
            "segments": [{"segment": int(n), "share": float(shares[n] / max(shares[1:].sum(), 1))} for n in np.argsort(-shares, kind="stable") if n and shares[n]],
            "viable_volume_ml": float(np.count_nonzero(alive[mine]) * voxel_ml),
            "hu": dict(zip(PHASES, (round(h, 2) for h in lesion.hu), strict=True)),
            "came_from": list(lesion.came_from),
        })  # fmt: skip
    liver_ml = float(np.count_nonzero(point.liver) * voxel_ml)
    tumour_ml = float(sum(counts[1:]) * voxel_ml)
    return {
        "synthetic": True,
        "note": "Synthetic liver, no patient. Volumes are voxel sums of the masks; lengths come from the smooth surface.",
        "seed": phantom.plan.seed,
        "size": phantom.plan.size,
        "noise_hu": phantom.plan.noise_hu,
        "spacing_mm": list(point.geometry.spacing_mm),
        "pattern": phantom.pattern,
        "liver_volume_ml": liver_ml,
        "tumour_volume_ml": tumour_ml,
        "burden_percent": 100 * tumour_ml / liver_ml,
        "segments_ml": {str(n): float(of_segments[n] * voxel_ml) for n in range(1, 9)},
        "lesions": lesions,
        "files": files,
    }


def _write_dicom(phantom: Phantom, point: TimePoint, folder: Path, number: int) -> dict[str, Any]:
    seed = ("liverboard phantom", str(phantom.plan), phantom.pattern, str(number))
    study, frame = uid_from(*seed, "study"), uid_from(*seed, "frame")
    series: dict[str, tuple[Path, ...]] = {}
    for place, (phase, array) in enumerate(point.phases.items(), 1):
        series[phase] = write_ct_series(
            Image(array, point.geometry),
            folder / phase,
            study_uid=study,
            series_uid=uid_from(*seed, phase),
            frame_of_reference_uid=frame,
            series_number=place,
            description=f"{phase} phase, synthetic",
            when=WHEN[number],
        )
    structures = [Structure(LabelMap(point.liver.view(np.uint8), point.geometry, {1: "Liver"}), "liver")]
    structures.append(
        Structure(_named(point.segments, point.geometry, {n: f"liver_segment_{n}" for n in range(1, 9)}), "segment")
    )
    structures.append(
        Structure(
            _named(point.lesions, point.geometry, {n: f"Lesion {m.id}" for n, m in enumerate(point.metastases, 1)}),
            "lesion",
        )
    )
    structures.append(Structure(_named(point.vessels, point.geometry, {1: "Hepatic vein", 2: "Portal vein"}), "vessel"))
    structures.append(Structure(_named(point.ducts, point.geometry, {1: "Bile duct"}), "duct"))
    write_seg(folder / "segmentation.dcm", structures, source=series["arterial"], when=WHEN[number])
    return {**{phase: f"dicom/{phase}" for phase in series}, "segmentation": "dicom/segmentation.dcm"}


def _named(array: Any, geometry: Geometry, names: dict[int, str]) -> LabelMap:
    return LabelMap(array, geometry, names)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    waiting = path.with_name(f".{path.name}.part")
    waiting.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    waiting.replace(path)
