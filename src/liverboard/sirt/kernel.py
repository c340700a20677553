"""Voxel S values of Y-90 and Ho-166 for voxels of any size, anisotropic too, from a smooth radial dose kernel.

The radial kernel is a sum of Gaussians, so the integral over a source voxel and a target voxel is a product of three one-dimensional integrals, each in closed
form: nothing is interpolated between tables. Fit and limits: `knowledge/constants/sirt_kernels.yaml`; sources `lanconelli_2012`, `icrp_107`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
import scipy.special
from numpy.typing import NDArray

from liverboard.errors import BadInput, KnowledgeBaseError
from liverboard.knowledge import load_yaml
from liverboard.sirt.decay import nuclide, sirt_constant

Floats = NDArray[np.float64]
_special: Any = scipy.special  # it has no types
_FILE = "constants/sirt_kernels.yaml"
_REACH_SIGMAS = 5.0  # of the widest Gaussian; 3e-6 of its energy lies beyond
_VOXEL_MM = (0.05, 100.0)
_DENSITY_G_ML = (0.1, 5.0)


@dataclass(frozen=True, eq=False)
class RadialKernel:
    """`sigmas_mm_g_ml`: widths times density, ascending; `shares`: of the energy, sum 1. `energy_mev`: left by a decay. `validated`: against published voxel S values."""

    nuclide: str
    sigmas_mm_g_ml: Floats
    shares: Floats
    energy_mev: float
    source: str
    label: str
    validated: bool
    tested_voxel_mm: tuple[float, float] | None

    def fraction_per_mm(self, distance_mm: Floats, density_g_ml: float) -> Floats:
        """Share of the energy left in a shell of 1 mm at each distance from a point source, shape (N,)."""
        sigma = self.sigmas_mm_g_ml / density_g_ml
        r = np.asarray(distance_mm, dtype=np.float64)[:, None]
        shell = 4 * math.pi * r**2 * np.exp(-(r**2) / (2 * sigma**2)) / (2 * math.pi) ** 1.5 / sigma**3
        return shell @ self.shares

    def absorbed_in_sphere(self, diameter_mm: float, density_g_ml: float) -> float:
        """Share of its own energy that a uniformly active sphere absorbs: mean dose over dose by local deposition."""
        r = np.linspace(0.0, diameter_mm, 20_001)[1:]
        inside = 1 - 1.5 * r / diameter_mm + 0.5 * (r / diameter_mm) ** 3  # that a second point at r lies in it too
        return float(np.trapezoid(self.fraction_per_mm(r, density_g_ml) * inside, r))


@dataclass(frozen=True, eq=False)
class VoxelKernel:
    """Voxel S values on a grid. `profiles`: along each axis [Gaussian, offset], offsets from -reach to +reach, each row the share of energy a voxel."""

    radial: RadialKernel
    spacing_mm: tuple[float, float, float]
    density_g_ml: float
    profiles: tuple[Floats, Floats, Floats]

    @property
    def reach(self) -> tuple[int, int, int]:
        """Voxels from the source to the border of the kernel along each axis."""
        i, j, k = ((profile.shape[1] - 1) // 2 for profile in self.profiles)
        return i, j, k

    @property
    def voxel_mass_kg(self) -> float:
        return math.prod(self.spacing_mm) * self.density_g_ml * 1e-6

    @property
    def gy_per_decay(self) -> float:
        """Dose when a voxel absorbs the whole energy of a decay in itself."""
        return self.radial.energy_mev * sirt_constant("elementary", "joule_per_mev").value / self.voxel_mass_kg

    @cached_property
    def shares(self) -> Floats:
        """Share of the energy of a decay left in each voxel around the source, [i, j, k]; sum 1 but for what lies beyond the reach."""
        return np.einsum("g,gi,gj,gk->ijk", self.radial.shares, *self.profiles)

    def s(self, i: int, j: int, k: int) -> float:
        """Voxel S value in mGy/(MBq s) at an offset in voxels; 0 beyond the reach."""
        if any(abs(offset) > reach for offset, reach in zip((i, j, k), self.reach, strict=True)):
            return 0.0
        a, b, c = self.reach
        return float(self.shares[a + i, b + j, c + k]) * self.gy_per_decay * 1e9

    @property
    def sum(self) -> float:
        """Sum of the voxel S values in mGy/(MBq s)."""
        return float(self.shares.sum()) * self.gy_per_decay * 1e9

    @property
    def deposited_mev(self) -> float:
        """Energy of a decay that the kernel accounts for, in MeV: the sum times the mass of a voxel."""
        return float(self.shares.sum()) * self.radial.energy_mev

    @property
    def warnings(self) -> tuple[str, ...]:
        said: list[str] = [] if self.radial.validated else [f"kernel of {self.radial.nuclide}: {self.radial.label}"]
        tested = self.radial.tested_voxel_mm
        if tested is not None and (min(self.spacing_mm) < tested[0] or max(self.spacing_mm) > tested[1]):
            said.append(
                f"voxels of {_by(self.spacing_mm)} mm lie outside the {tested[0]:g} to {tested[1]:g} mm of the published tables; "
                "the kernel rests on its radial form and energy balance there"
            )
        return tuple(said)

    def as_json(self) -> dict[str, object]:
        """The keys of `liverboard sirt kernel`. `s001`: one voxel along the last axis; `voxel_mm`: one number for cubes, else three."""
        cube = len(set(self.spacing_mm)) == 1
        return {
            "nuclide": self.radial.nuclide,
            "voxel_mm": self.spacing_mm[0] if cube else list(self.spacing_mm),
            "density_g_ml": self.density_g_ml,
            "unit": "mGy/(MBq s)",
            **{f"s{i}{j}{k}": self.s(i, j, k) for i, j, k in itertools.product(range(3), repeat=3)},
            "sum": self.sum,
            "energy_mev": self.deposited_mev,
            "reach_voxels": list(self.reach),
            "kernel": self.radial.label,
            "validated": self.radial.validated,
            "source": self.radial.source,
            "warnings": list(self.warnings),
        }


@cache
def radial_kernel(name: str) -> RadialKernel:
    """The radial kernel of Y-90 or Ho-166 with the electron energy of ICRP 107. Raises BadInput: another nuclide; KnowledgeBaseError."""
    known: dict[str, Any] = load_yaml(_FILE)
    if name not in known:
        raise BadInput(f"no dose kernel for '{name}'", hint=f"Known: {', '.join(known)}.")
    entry = known[name]
    if "scaled_from" in entry:
        parent = radial_kernel(entry["scaled_from"])
        short = float(entry["short_share"])
        sigmas = np.append(float(entry["short_sigma_mm_g_ml"]), parent.sigmas_mm_g_ml * float(entry["length_scale"]))
        shares = np.append(short, parent.shares * (1 - short))
    else:
        sigmas = np.array([each["sigma_mm_g_ml"] for each in entry["gaussians"]], dtype=np.float64)
        shares = np.array([each["share"] for each in entry["gaussians"]], dtype=np.float64)
    energy = nuclide(name).electron_energy
    if energy is None or not math.isclose(float(shares.sum()), 1, rel_tol=1e-4) or bool((shares < 0).any()):
        raise KnowledgeBaseError(f"the kernel of {name} does not balance its energy", where=_FILE)
    tested = entry.get("tested_voxel_mm")
    return RadialKernel(
        name,
        sigmas,
        shares / shares.sum(),
        energy.value,
        entry["source"],
        entry["label"],
        bool(entry["validated"]),
        None if tested is None else (float(tested[0]), float(tested[1])),
    )


def voxel_kernel(radial: RadialKernel, spacing_mm: Sequence[float], density_g_ml: float | None = None) -> VoxelKernel:
    """Voxel S values for voxels with edges `spacing_mm` along i, j, k in uniform tissue; density by default that of the published tables, 1.04 g/mL.

    Raises BadInput: an edge outside 0.05 to 100 mm, a density outside 0.1 to 5 g/mL.
    """
    density = sirt_constant("tissue", "liver_density").value if density_g_ml is None else density_g_ml
    if len(spacing_mm) != 3 or not all(_VOXEL_MM[0] <= edge <= _VOXEL_MM[1] for edge in spacing_mm):
        raise BadInput(
            f"voxels of {_by(spacing_mm)} mm",
            hint=f"Expected one edge, or three, between {_VOXEL_MM[0]:g} and {_VOXEL_MM[1]:g} mm.",
        )
    if not _DENSITY_G_ML[0] <= density <= _DENSITY_G_ML[1]:
        raise BadInput(
            f"a density of {density:g} g/mL",
            hint=f"Expected {_DENSITY_G_ML[0]:g} to {_DENSITY_G_ML[1]:g} g/mL; soft tissue has 1.04.",
        )
    sigmas = radial.sigmas_mm_g_ml / density
    reach_mm = _REACH_SIGMAS * float(sigmas.max())
    i, j, k = (float(edge) for edge in spacing_mm)
    x, y, z = (_profile(sigmas, edge, max(1, math.ceil(reach_mm / edge))) for edge in (i, j, k))
    return VoxelKernel(radial, (i, j, k), density, (x, y, z))


def _profile(sigmas: Floats, edge: float, reach: int) -> Floats:
    """Share of each Gaussian [g, offset] that passes from one segment of length `edge`, uniformly active, to the segment at each offset."""
    places = np.arange(-1, reach + 2) * edge
    sigma = sigmas[:, None]
    # The integral of the integral of the Gaussian; its second difference is the mean over source and target.
    twice = 0.5 * places * _special.erf(places / (sigma * math.sqrt(2))) + sigma / math.sqrt(2 * math.pi) * np.exp(
        -(places**2) / (2 * sigma**2)
    )
    half = np.maximum((twice[:, 2:] - 2 * twice[:, 1:-1] + twice[:, :-2]) / edge, 0.0)
    return np.concatenate([half[:, :0:-1], half], axis=1)


def _by(edges: Sequence[float]) -> str:
    return " x ".join(f"{edge:g}" for edge in edges)
