"""Fits the radial kernel of Y-90 to the published voxel S values, scales it to Ho-166, and writes results.json with every residual.

python validation/sirt_kernel/fit.py DATA, where DATA holds `kernels_y90_lanconelli/` and `icrp107/`. Prints the entries of knowledge/constants/sirt_kernels.yaml.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import nnls

from liverboard.sirt.kernel import _profile, radial_kernel, voxel_kernel

MEV, DENSITY, ENERGY = 1.602176634e-13, 1.04, 0.9331
ELECTRON_MEV, WATER_I_MEV, WATER_Z_OVER_A = 0.51099895, 75e-6, 0.55508
SIGMAS_MM = np.geomspace(0.02, 4.0, 24)
NEAR_MM = np.geomspace(0.04, 0.8, 12)
FLOOR, NEAR_WEIGHT = 1e-4, 0.02


def octant(file: Path) -> Any:
    rows = np.loadtxt(file, skiprows=2, encoding="latin-1")
    found = np.zeros((6, 6, 6))
    found[tuple(rows[:, :3].astype(int).T)] = rows[:, 3]
    return found


def stopping_power(energy: Any) -> Any:
    """Collision stopping power of electrons in water in MeV cm2/g by the Bethe formula without density effect."""
    tau = energy / ELECTRON_MEV
    beta2 = tau * (tau + 2) / (tau + 1) ** 2
    term = 1 - beta2 + (tau**2 / 8 - (2 * tau + 1) * np.log(2)) / (tau + 1) ** 2
    return (
        0.153536 * WATER_Z_OVER_A / beta2 * (np.log(tau**2 * (tau + 2) / 2 / (WATER_I_MEV / ELECTRON_MEV) ** 2) + term)
    )


def spectrum(file: Path) -> tuple[float, float]:
    """Energy-weighted mean range in g/cm2, and the share of the energy left in the first mm at density 1.04."""
    energy, number = np.array(json.loads(file.read_text())["emissions"]["b-spectra"], dtype=float).T
    grid = np.geomspace(1e-3, 3, 4000)
    steps = np.diff(grid) * 0.5 * (1 / stopping_power(grid[1:]) + 1 / stopping_power(grid[:-1]))
    ranges = np.append(0.0, np.cumsum(steps))
    total = np.trapezoid(number * energy, energy)
    mean_range = np.trapezoid(number * energy * np.interp(energy, grid, ranges), energy) / total
    first = np.trapezoid(number[1:] * stopping_power(np.maximum(energy[1:], 0.01)), energy[1:]) / total
    return float(mean_range), float(first * DENSITY / 10)


def fit(tables: dict[float, Any], near: float) -> Any:
    """Weights of the Gaussians, none negative. Rows: voxels by the root of their share of energy, energy balance, and the shells near the source."""
    rows, wanted = [], []
    for edge, table in tables.items():
        # The mean over source and target voxels of each Gaussian, in mGy/(MBq s) a MeV.
        profile = _profile(SIGMAS_MM, edge, 5)[:, 5:]
        basis = np.einsum("gi,gj,gk->ijkg", profile, profile, profile) * MEV / (edge**3 * DENSITY * 1e-6) * 1e9
        times = np.where(np.arange(6) > 0, 2.0, 1.0)
        many = times[:, None, None] * times[:, None] * times
        kept = table > 1e-5 * table.max()
        weight = np.sqrt((table * many)[kept] / (table * many).sum() + FLOOR)
        rows.append(basis[kept] * (weight / table[kept])[:, None])
        wanted.append(weight)
    rows.append(np.full((1, len(SIGMAS_MM)), 1000.0))
    wanted.append(np.array([1000 * ENERGY]))
    r = NEAR_MM[:, None]
    shells = 4 * np.pi * r**2 * np.exp(-(r**2) / 2 / SIGMAS_MM**2) / (2 * np.pi) ** 1.5 / SIGMAS_MM**3 / ENERGY
    rows.append(NEAR_WEIGHT * shells / near)
    wanted.append(np.full(len(NEAR_MM), NEAR_WEIGHT))
    return nnls(np.vstack(rows), np.concatenate(wanted))[0]


def main(data: Path) -> None:
    files = sorted((data / "kernels_y90_lanconelli").glob("90Y*mmsoft.txt"))
    tables = {float(re.search(r"90Y([\d.]+)mm", f.name)[1]): octant(f) for f in files}  # type: ignore[index]
    (range_y, near), (range_ho, _) = (spectrum(data / "icrp107" / f"{name}.json") for name in ("Y-90", "Ho-166"))
    weights = fit(tables, near)
    for sigma, weight in zip(SIGMAS_MM, weights, strict=True):
        if weight > 0:
            print(f"    - {{sigma_mm_g_ml: {sigma * DENSITY:.5f}, share: {weight / weights.sum():.6f}}}")
    print(f"  length_scale: {range_ho / range_y:.4f}")
    results: dict[str, Any] = {"mean_range_g_cm2": {"Y-90": range_y, "Ho-166": range_ho}, "near_share_per_mm": near}
    results["percent_from_table"] = {
        f"{edge:g}": {
            **{
                f"s{i}{j}{k}": round(100 * (ours.s(i, j, k) / table[i, j, k] - 1), 2)
                for i, j, k in ((0, 0, 0), (0, 0, 1), (0, 1, 1), (1, 1, 1), (0, 0, 2))
            },
            "energy": round(100 * (ours.deposited_mev / energy_of(edge, table) - 1), 2),
        }
        for edge, table in sorted(tables.items())
        for ours in [voxel_kernel(radial_kernel("Y-90"), (edge, edge, edge), DENSITY)]
    }
    results["left_out_percent"] = {f"{edge:g}": left_out(tables, edge, near) for edge in sorted(tables)}
    results["absorbed_in_sphere"] = {
        str(d): round(radial_kernel("Y-90").absorbed_in_sphere(d, DENSITY), 4) for d in (10, 15, 20, 30, 40, 60, 100)
    }
    (Path(__file__).parent / "results.json").write_text(json.dumps(results, indent=1) + "\n")


def left_out(tables: dict[float, Any], edge: float, near: float) -> dict[str, float]:
    """What a fit to the other tables says of this one."""
    weights = fit({other: table for other, table in tables.items() if other != edge}, near)
    profile = _profile(SIGMAS_MM, edge, 5)[:, 5:]
    found = np.einsum("g,gi,gj,gk->ijk", weights, profile, profile, profile) * MEV / (edge**3 * DENSITY * 1e-6) * 1e9
    return {
        f"s{i}{j}{k}": round(100 * float(found[i, j, k] / tables[edge][i, j, k] - 1), 2)
        for i, j, k in ((0, 0, 0), (0, 0, 1), (0, 1, 1), (1, 1, 1))
    }


def energy_of(edge: float, table: Any) -> float:
    index = np.abs(np.arange(-5, 6))
    return float(table[np.ix_(index, index, index)].sum()) * 1e-9 * edge**3 * DENSITY * 1e-6 / MEV


if __name__ == "__main__":
    main(Path(sys.argv[1]))
