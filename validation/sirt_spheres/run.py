"""Mean dose of uniformly active spheres on PET-like grids beside the closed form and the factors of the published 3 mm table: python validation/sirt_spheres/run.py"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from liverboard.sirt.activity_map import ActivityMap
from liverboard.sirt.dose_volume import dose_volume
from liverboard.sirt.kernel import radial_kernel
from liverboard.sirt.voxel_dose import DoseModel, dose_gy
from liverboard.volume import Geometry, Image, Origin
from liverboard.volume.structures import Structure

HERE = Path(__file__).parent
DIAMETERS_MM = (10, 15, 20, 30, 40, 60)
GRIDS_MM = ((1.0, 1.0, 1.0), (2.0, 2.0, 2.0), (3.0, 3.0, 3.0), (4.0, 4.0, 4.0), (2.3, 2.3, 5.0))
# By the 3 mm table of Lanconelli 2012 on a grid whose border voxels hold the part of the sphere that lies in them.
OF_TABLE = {10: 0.505, 15: 0.634, 20: 0.726, 30: 0.811, 40: 0.860, 60: 0.905}
DENSITY_G_ML, BQ_PER_ML = 1.04, 1e6
OFF_MM = np.array([0.31, 0.17, 0.23])  # the centre lies nowhere special on the grid
FINER = 7


def sphere_on(spacing: tuple[float, float, float], diameter: float) -> tuple[Geometry, Any]:
    """A grid around the sphere, and the share of each voxel that lies in it."""
    half = [int(diameter / 2 / each) + max(3, int(20 / each)) for each in spacing]
    shape = (2 * half[0] + 1, 2 * half[1] + 1, 2 * half[2] + 1)
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -np.array(half) * np.array(spacing) + OFF_MM
    squares = []
    for axis, (n, each) in enumerate(zip(shape, spacing, strict=True)):
        fine = (np.arange(n * FINER) + 0.5) / FINER - 0.5
        squares.append((affine[axis, 3] + fine * each) ** 2)
    share = np.zeros(shape)
    x, y, z = squares
    for i in range(shape[0]):  # plane by plane, for memory
        within = x[i * FINER : (i + 1) * FINER, None, None] + y[:, None] + z[None, :] <= (diameter / 2) ** 2
        share[i] = within.reshape(FINER, shape[1], FINER, shape[2], FINER).mean(axis=(0, 2, 4))
    return Geometry(affine, shape), share


def factors(spacing: tuple[float, float, float], diameter: float) -> dict[str, float]:
    """Mean dose over that of local deposition in the sphere: `voxels`, each with its share; `outline`, by the histogram of the sphere itself."""
    geometry, share = sphere_on(spacing, diameter)
    bq = (share * BQ_PER_ML * geometry.voxel_volume_ml).astype(np.float32)
    model = DoseModel(density_g_ml=DENSITY_G_ML)
    dose = dose_gy(ActivityMap(bq, geometry, float(bq.sum()) * 1e-9, None, 1.0), model, "kernel")
    even = model.constant * BQ_PER_ML * 1e-9 / (DENSITY_G_ML * 1e-3)
    fine, filled = sphere_on((0.5, 0.5, 0.5), diameter)
    drawn = Structure("sphere", filled.astype(np.float32), fine)
    mean = dose_volume(drawn, Image(dose, geometry, Origin(unit="Gy"))).mean_gy
    assert mean is not None
    return {"voxels": float((dose * share).sum() / share.sum()) / even, "outline": mean / even}


if __name__ == "__main__":
    kernel = radial_kernel("Y-90")
    rows: list[dict[str, Any]] = []
    for diameter in DIAMETERS_MM:
        found = {" x ".join(f"{each:g}" for each in spacing): factors(spacing, diameter) for spacing in GRIDS_MM}
        rows.append(
            {
                "diameter_mm": diameter,
                "closed_form": round(kernel.absorbed_in_sphere(diameter, DENSITY_G_ML), 4),
                "of_table_3_mm": OF_TABLE[diameter],
                "grids": {name: {key: round(value, 4) for key, value in each.items()} for name, each in found.items()},
            }
        )
        print(json.dumps(rows[-1]))
    (HERE / "results.json").write_text(json.dumps({"spheres": rows}, indent=1) + "\n", encoding="utf-8")
