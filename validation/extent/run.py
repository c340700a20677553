"""Volumes, diameters, distances and shares of analytic shapes and of the bundled case: ours beside SimpleITK's and pyradiomics'. Writes results.json here.

python validation/extent/run.py        (pyradiomics: see peer_pyradiomics.py; left out, and said so, where PYRADIOMICS_PYTHON is not set)
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import tempfile
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813

from liverboard.board.measure import measure_files
from liverboard.board.scan_files import ScanFiles
from liverboard.imaging import Scan, measure_extent
from liverboard.volume import Geometry, LabelMap, Mask

HERE = Path(__file__).parent
GRIDS = {"1 x 1 x 1": (1.0, 1.0, 1.0), "0.8 x 0.8 x 2.2": (0.8, 0.8, 2.2), "0.8 x 0.8 x 5": (0.8, 0.8, 5.0)}
TURNS = {
    "no": (0.0, 0.0, False),
    "30 degrees in plane, x flipped": (30.0, 0.0, True),
    "20 degrees oblique": (0.0, 20.0, False),
}
Inside = Callable[[np.ndarray], np.ndarray]


def ball(radius: float, *, hole: float = 0.0) -> Inside:
    return lambda p: ((p**2).sum(axis=1) <= radius**2) & ((p**2).sum(axis=1) >= hole**2)


def ellipsoid(*half: float) -> Inside:
    return lambda p: ((p / np.array(half)) ** 2).sum(axis=1) <= 1


def volume_ml(a: float, b: float, c: float) -> float:
    return 4 / 3 * math.pi * a * b * c / 1000


# name: what is inside, volume in mL, longest and short axial and longest 3-D diameter in mm.
SHAPES: dict[str, tuple[Inside, float, float, float, float]] = {
    "sphere 40 mm": (ball(20), volume_ml(20, 20, 20), 40, 40, 40),
    "sphere 12 mm": (ball(6), volume_ml(6, 6, 6), 12, 12, 12),
    "shell 40 mm, hole 24 mm": (
        ball(20, hole=12),
        volume_ml(20, 20, 20) - volume_ml(12, 12, 12),
        40,
        40,
        40,
    ),
    "ellipsoid 60 x 36 x 24 mm": (ellipsoid(30, 18, 12), volume_ml(30, 18, 12), 60, 36, 60),
}


def geometry(
    spacing: tuple[float, float, float],
    plane: float = 0.0,
    oblique: float = 0.0,
    flip: bool = False,
    size: float = 80.0,
) -> Geometry:
    c, s = math.cos(math.radians(plane)), math.sin(math.radians(plane))
    a, b = math.cos(math.radians(oblique)), math.sin(math.radians(oblique))
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.array([[1, 0, 0], [0, a, -b], [0, b, a]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([-spacing[0] if flip else spacing[0], spacing[1], spacing[2]])
    shape = (int(size / spacing[0]), int(size / spacing[1]), int(size / spacing[2]))
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2) + np.array([0.13, -0.21, 0.37])
    return Geometry(affine, shape)


def drawn(inside: Inside, grid: Geometry) -> np.ndarray:
    points = grid.lps_mm(np.argwhere(np.ones(grid.shape, bool)).astype(float))
    return inside(points).reshape(grid.shape)


def as_image(mask: np.ndarray, grid: Geometry) -> sitk.Image:
    image = sitk.GetImageFromArray(mask.astype(np.uint8).transpose(2, 1, 0))
    image.SetSpacing(grid.spacing_mm)
    image.SetOrigin(tuple(grid.affine[:3, 3]))
    image.SetDirection((grid.affine[:3, :3] / np.array(grid.spacing_mm)).ravel())
    return image


def analytic() -> tuple[list[dict[str, object]], str | None]:
    rows: list[dict[str, object]] = []
    python = os.environ.get("PYRADIOMICS_PYTHON")
    with tempfile.TemporaryDirectory() as folder:
        files: list[str] = []
        for name, (inside, volume, longest, short, longest_3d) in SHAPES.items():
            for label, spacing in GRIDS.items():
                for turn, (plane, oblique, flip) in TURNS.items():
                    if oblique and not name.startswith(("sphere", "shell")):
                        continue  # the axial plane of an oblique grid cuts another ellipse
                    grid = geometry(spacing, plane, oblique, flip)
                    mask = drawn(inside, grid)
                    (ours,) = measure_extent(Scan(None, [Mask("Tumor", mask, grid)])).extent.lesions
                    image = as_image(mask, grid)
                    shape = sitk.LabelShapeStatisticsImageFilter()
                    shape.ComputeFeretDiameterOn()
                    shape.Execute(image)
                    files.append(f"{folder}/{len(files)}.nrrd")
                    sitk.WriteImage(image, files[-1])
                    assert ours.volume_ml
                    assert ours.longest_axial_mm
                    assert ours.short_axial_mm
                    assert ours.longest_3d_mm
                    rows.append({
                        "shape": name, "grid_mm": label, "turned": turn, "true_volume_ml": volume,
                        "volume_error_percent": 100 * (ours.volume_ml / volume - 1),
                        "simpleitk_volume_error_percent": 100 * (shape.GetPhysicalSize(1) / 1000 / volume - 1),
                        "longest_axial_error_mm": ours.longest_axial_mm - longest, "short_axial_error_mm": ours.short_axial_mm - short,
                        "longest_3d_error_mm": ours.longest_3d_mm - longest_3d,
                        "simpleitk_feret_error_mm": shape.GetFeretDiameter(1) - longest_3d,
                    })  # fmt: skip
        if python is None:
            return rows, None
        answer = json.loads(
            subprocess.run(
                [python, str(HERE / "peer_pyradiomics.py"), *files], capture_output=True, text=True, check=True
            ).stdout
        )
        for row, found in zip(rows, answer["found"], strict=True):
            longest, longest_3d = SHAPES[str(row["shape"])][2], SHAPES[str(row["shape"])][4]
            row["pyradiomics_mesh_volume_error_percent"] = 100 * (
                found["mesh_volume_ml"] / float(row["true_volume_ml"]) - 1
            )  # type: ignore[arg-type]
            row["pyradiomics_longest_axial_error_mm"] = found["longest_axial_mm"] - longest
            row["pyradiomics_longest_3d_error_mm"] = found["longest_3d_mm"] - longest_3d
        return rows, str(answer["version"])


def places() -> list[dict[str, object]]:
    """A 20 mm lesion 14 mm off the middle of an 80 mm liver that a plane divides; a vessel of 6 mm and a duct of 6 mm run past it."""
    rows: list[dict[str, object]] = []
    for label, spacing in GRIDS.items():
        for turn, (plane, oblique, flip) in TURNS.items():
            grid = geometry(spacing, plane, oblique, flip, size=92.0)
            lesion = Mask("L1", drawn(lambda p: ((p - [14, 0, 0]) ** 2).sum(axis=1) <= 100, grid), grid)
            liver = Mask("Liver", drawn(ball(40), grid), grid)
            vessel = Mask("vein", drawn(lambda p: (p[:, 0] + 5) ** 2 + p[:, 1] ** 2 <= 9, grid), grid)
            duct = Mask("duct", drawn(lambda p: (p[:, 0] - 14) ** 2 + (p[:, 2] - 20) ** 2 <= 9, grid), grid)
            cut = drawn(lambda p: p[:, 0] < 10, grid)
            segments = np.where(liver.array, np.where(cut, 5, 4), 0).astype(np.uint8)
            (found,) = measure_extent(
                Scan(
                    liver,
                    [lesion],
                    LabelMap(segments, grid, {4: "4", 5: "5"}),
                    vessels=[vessel],
                    ducts=[duct],
                    segments_from="plane",
                )
            ).extent.lesions
            share = {s.segment: s.share for s in found.segments}
            height = 6.0  # of the cap beyond the plane x = 10, from x = 4
            cap = math.pi * height**2 * (30 - height) / 3 / (4 / 3 * math.pi * 1000)
            assert found.capsule_distance_mm is not None
            assert found.vessel_distance_mm is not None
            assert found.bile_duct_distance_mm is not None
            rows.append({
                "grid_mm": label, "turned": turn, "capsule_error_mm": found.capsule_distance_mm - 16, "vessel_error_mm": found.vessel_distance_mm - 6,
                "duct_error_mm": found.bile_duct_distance_mm - 7, "simpleitk_capsule_error_mm": maurer(lesion, liver, outside=True) - 16,
                "simpleitk_vessel_error_mm": maurer(lesion, vessel, outside=False) - 6, "share_error_percent": 100 * (share[5] - cap),
            })  # fmt: skip
    return rows


def maurer(lesion: Mask, other: Mask, *, outside: bool) -> float:
    """Least distance of a lesion's voxels from another structure by SimpleITK's signed Maurer map, between voxel centres."""
    field = sitk.SignedMaurerDistanceMap(
        as_image(other.array, other.geometry), insideIsPositive=outside, squaredDistance=False, useImageSpacing=True
    )
    values = sitk.GetArrayFromImage(field).transpose(2, 1, 0)[lesion.array]
    return float(values.min())


def bundled() -> list[dict[str, object]]:
    path = str(resources.files("liverboard") / "knowledge" / "samples" / "real-y90" / "patient_1_Segmentation.seg.nrrd")
    image = sitk.ReadImage(path)
    ours = measure_files(ScanFiles(liver=path))[1].extent
    rows: list[dict[str, object]] = []
    for channel, labels in ((0, {1: "Liver"}), (1, {n: f"Tumor {n}" for n in range(1, 7)})):
        shape = sitk.LabelShapeStatisticsImageFilter()
        if channel:
            shape.ComputeFeretDiameterOn()
        shape.Execute(sitk.VectorIndexSelectionCast(image, channel))
        for label, name in labels.items():
            lesion = next((lesion for lesion in ours.lesions if lesion.id == name), None)
            volume = ours.liver_volume_ml if lesion is None else lesion.volume_ml
            feret = shape.GetFeretDiameter(label) if channel else None
            rows.append({
                "structure": name, "volume_ml": volume, "simpleitk_volume_ml": shape.GetPhysicalSize(label) / 1000,
                "longest_3d_mm": None if lesion is None else lesion.longest_3d_mm, "simpleitk_feret_mm": feret,
            })  # fmt: skip
    return rows


if __name__ == "__main__":
    rows, version = analytic()
    results = {
        "simpleitk": sitk.Version_VersionString(),
        "pyradiomics": version,
        "bundled": bundled(),
        "analytic": rows,
        "places": places(),
    }
    (HERE / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(f"{len(rows)} shapes, pyradiomics {version or 'not there'}")
