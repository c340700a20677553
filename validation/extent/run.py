"""Volumes and diameters of the bundled case and of analytic shapes: ours beside SimpleITK's. Writes results.json here and docs/validation.md.

python validation/extent/run.py        (SimpleITK comes with the dev extra; its version is written into the results)
"""

from __future__ import annotations

import json
import math
from importlib import resources
from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813

from liverboard.board.measure import measure_files
from liverboard.board.scan_files import ScanFiles
from liverboard.imaging import Scan, measure_extent
from liverboard.volume import Geometry, Mask

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "validation.md"
GRIDS = {"1 x 1 x 1": (1.0, 1.0, 1.0), "0.8 x 0.8 x 2.2": (0.8, 0.8, 2.2), "0.8 x 0.8 x 5": (0.8, 0.8, 5.0)}
SHAPES = {
    "sphere 40 mm": (20.0, 20.0, 20.0),
    "sphere 12 mm": (6.0, 6.0, 6.0),
    "ellipsoid 60 x 36 x 24 mm": (30.0, 18.0, 12.0),
}


def geometry(spacing: tuple[float, float, float], degrees: float, flip: bool) -> Geometry:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    affine = np.eye(4)
    affine[:3, :3] = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.diag(
        [-spacing[0] if flip else spacing[0], spacing[1], spacing[2]]
    )
    shape = tuple(int(80 / step) for step in spacing)
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2) + np.array([0.13, -0.21, 0.37])
    return Geometry(affine, shape)  # pyright: ignore


def simpleitk(mask: np.ndarray, grid: Geometry) -> tuple[float, float]:
    """Volume in mL and Feret diameter in mm."""
    image = sitk.GetImageFromArray(mask.astype(np.uint8).transpose(2, 1, 0))
    image.SetSpacing(grid.spacing_mm)
    image.SetOrigin(tuple(grid.affine[:3, 3]))
    image.SetDirection((grid.affine[:3, :3] / np.array(grid.spacing_mm)).ravel())
    shape = sitk.LabelShapeStatisticsImageFilter()
    shape.ComputeFeretDiameterOn()
    shape.Execute(image)
    return shape.GetPhysicalSize(1) / 1000, shape.GetFeretDiameter(1)


def analytic() -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for (name, radii), (label, spacing), (degrees, flip) in (
        (s, g, p) for s in SHAPES.items() for g in GRIDS.items() for p in ((0, False), (30, True))
    ):
        grid = geometry(spacing, degrees, flip)
        points = grid.lps_mm(np.argwhere(np.ones(grid.shape, bool)).astype(float))
        inside = (((points / np.array(radii)) ** 2).sum(axis=1) <= 1).reshape(grid.shape)
        (ours,) = measure_extent(Scan(None, [Mask("Tumor", inside, grid)])).extent.lesions
        volume, feret = simpleitk(inside, grid)
        truth = 4 / 3 * math.pi * math.prod(radii) / 1000
        assert ours.volume_ml and ours.longest_axial_mm and ours.short_axial_mm and ours.longest_3d_mm
        rows.append({
            "shape": name, "grid_mm": label, "turned": f"{degrees} degrees, x flipped" if flip else "no",
            "volume_error_percent": 100 * (ours.volume_ml / truth - 1), "simpleitk_volume_error_percent": 100 * (volume / truth - 1),
            "longest_axial_error_mm": ours.longest_axial_mm - 2 * radii[0], "short_axial_error_mm": ours.short_axial_mm - 2 * radii[1],
            "longest_3d_error_mm": ours.longest_3d_mm - 2 * max(radii), "simpleitk_feret_error_mm": feret - 2 * max(radii),
        })  # fmt: skip
    return rows


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


def table(rows: list[dict[str, object]], heads: dict[str, str]) -> str:
    def cell(value: object) -> str:
        return (
            "-"
            if value is None
            else f"{value + 0.0:.2f}".replace("-0.00", "0.00")
            if isinstance(value, float)
            else str(value)
        )

    lines = ["| " + " | ".join(heads.values()) + " |", "| " + " | ".join("---" for _ in heads) + " |"]
    return "\n".join(lines + ["| " + " | ".join(cell(row[key]) for key in heads) + " |" for row in rows])


if __name__ == "__main__":
    results = {"simpleitk": sitk.Version_VersionString(), "bundled": bundled(), "analytic": analytic()}
    (HERE / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(
        f"""# Validation

Ours beside programs that are not ours, with the cause of each difference. Written by the scripts under `validation/`; run them again to check.

## Extent: the bundled real case, against SimpleITK {results["simpleitk"]}

`python validation/extent/run.py`

{table(results["bundled"], {"structure": "structure", "volume_ml": "volume, mL", "simpleitk_volume_ml": "SimpleITK, mL", "longest_3d_mm": "longest 3-D, mm", "simpleitk_feret_mm": "SimpleITK Feret, mm"})}

Volumes are equal: both sum the voxels of the mask on its own grid. SimpleITK's Feret diameter joins voxel centres; ours joins the contours of the slices, which run half a
voxel further out in the plane at each end, so ours is longer by up to one voxel diagonal in the plane.

## Extent: analytic shapes

Errors against the formula. The grids are shifted off the centre of the shape; half of them are turned by 30 degrees about the body axis and flipped in x. The shapes are turned with
the patient, not with the grid, so the in-plane diameters cross the voxels aslant.

{table(results["analytic"], {"shape": "shape", "grid_mm": "voxel, mm", "turned": "turned", "volume_error_percent": "volume, %", "simpleitk_volume_error_percent": "SimpleITK volume, %", "longest_axial_error_mm": "longest axial, mm", "short_axial_error_mm": "short axial, mm", "longest_3d_error_mm": "longest 3-D, mm", "simpleitk_feret_error_mm": "SimpleITK Feret, mm"})}

Volume errors are those of the voxel sum itself, and equal SimpleITK's. They grow with (slice thickness / height) squared. Axial diameters stay within one in-plane voxel; where slices
are thick the largest cross-section can lie between two slices, and the diameter is then short. Round shapes read a little long (up to 0.8 voxel): the longest of many directions finds the
voxels that stand out most. The test bounds: one in-plane voxel for axial diameters, one slice for 3-D
diameters, 1 % plus half of (thickness / height) squared for volumes.
""",
        encoding="utf-8",
    )
