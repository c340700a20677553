"""Mass of the lungs from CT: Hounsfield units to density, summed over the lungs (lung_densitovolumetry_2014)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from liverboard.clinical.extent import Frozen
from liverboard.errors import BadInput
from liverboard.sirt.decay import sirt_constant
from liverboard.volume import Geometry, Image, Mask, resample

_OUTSIDE = -32768.0


class LungMass(Frozen):
    """Mass in kg, volume in mL and mean density in g/mL of the lungs."""

    mass_kg: float
    volume_ml: float
    density_g_ml: float
    warnings: tuple[str, ...]
    source: str = "lung_densitovolumetry_2014"


def lung_mass(ct: Image, lungs: Mask) -> LungMass:
    """Density 1 + HU / 1000 (air 0, water 1; never below 0), taken at the voxels of the mask and summed. Raises BadInput: not HU, empty, outside the CT."""
    unit = ct.origin.unit
    if unit is not None and unit != "HU":
        raise BadInput(f"the image is in {unit}, not in Hounsfield units", hint="Give the CT.")
    inside = lungs.array.astype(np.bool_)
    if not bool(inside.any()):
        raise BadInput("the mask of the lungs is empty", where=lungs.name, hint="Draw the lungs, or state their mass.")
    hounsfield = resample(ct.array.astype(np.float64), ct.geometry, lungs.geometry, labels=False, outside=_OUTSIDE)[
        inside
    ]
    there = hounsfield > _OUTSIDE / 2
    missing = 100 * (1 - float(there.mean()))
    if missing > 50:
        raise BadInput(
            f"{missing:.0f} % of the lungs lies outside the CT",
            where=lungs.name,
            hint="Give the CT that they were drawn on.",
        )
    warnings: list[str] = []
    if missing > 0.5:
        warnings.append(f"{missing:.1f} % of the lungs lies outside the CT, so the mass is too low")
    if unit is None:
        warnings.append("the image does not say its unit; taken as Hounsfield units")
    if _reaches_an_end(inside, lungs.geometry, ct.geometry):
        warnings.append("the lungs reach the end of the scan: they are cut, and the mass is too low")
    density = np.maximum(0.0, 1 + hounsfield[there] / 1000)
    volume_ml = int(there.sum()) * lungs.geometry.voxel_volume_ml
    mass = float(density.sum()) * lungs.geometry.voxel_volume_ml / 1000
    convention = sirt_constant("tissue", "lung_mass").value
    if not 0.3 <= mass <= 2.5:
        warnings.append(
            f"a lung mass of {mass:.2f} kg is far from the conventional {convention:g} kg; look at the mask"
        )
    return LungMass(mass_kg=mass, volume_ml=volume_ml, density_g_ml=1000 * mass / volume_ml, warnings=tuple(warnings))


def _reaches_an_end(inside: NDArray[np.bool_], grid: Geometry, ct: Geometry) -> bool:
    """Whether the mask holds voxels in the first or last slice of the CT, feet or head, on whatever grid it was drawn."""
    along, across = ct.axes[2], grid.axes[2]
    held = np.flatnonzero(inside.any(axis=tuple(axis for axis in range(3) if axis != across)))
    ends: list[NDArray[np.float64]] = []
    for n in (int(held[0]), int(held[-1])):
        plane = [slice(None)] * 3
        plane[across] = slice(n, n + 1)
        there = np.argwhere(inside[tuple(plane)]).astype(np.float64)
        there[:, across] += n
        ends.append(there)
    to_ct: NDArray[np.float64] = np.linalg.inv(ct.affine) @ grid.affine
    index: NDArray[np.float64] = (np.concatenate(ends) @ to_ct[:3, :3].T + to_ct[:3, 3])[:, along]
    half = 0.5 * max(1.0, grid.spacing_mm[across] / ct.spacing_mm[along])
    return bool(index.min() < half or index.max() > ct.shape[along] - 1 - half)
