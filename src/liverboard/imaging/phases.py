"""What a lesion's voxels show in each phase, and which part of it enhances."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from liverboard.clinical.extent import PhaseValue
from liverboard.imaging.masks import grown, seen_on
from liverboard.volume import Geometry, Image, Mask

_ndimage: Any = scipy.ndimage  # it has no types
Bools = NDArray[np.bool_]
NATIVE = "native"
ARTERIAL = "arterial"
_SIGMAS = 2.0
_KEEP_OFF_MM = 6.0
_SAMPLE_MM = 3.0  # the liver's mean does not need every voxel
_LEAST_SAMPLE = 50


@dataclass(frozen=True, slots=True)
class Viability:
    """A voxel is viable when its value in `phase`, averaged over 3 x 3 x 3 voxels against noise, is at least `at_least`. `rule` says where that comes from."""

    phase: str
    at_least: float
    rule: str


def phase_values(lesion: Mask, phases: Mapping[str, Image]) -> tuple[PhaseValue, ...]:
    """Mean and spread of the lesion in every phase; enhancement where a native phase is given. An image that does not cover the lesion is left out."""
    native = _inside(lesion, phases[NATIVE]) if NATIVE in phases else None
    found: list[PhaseValue] = []
    for name, image in phases.items():
        values = _inside(lesion, image)
        if values is None:
            continue
        mean = float(values.mean())
        enhancement = None if native is None or name == NATIVE else mean - float(native.mean())
        found.append(
            PhaseValue(phase=name, mean=mean, sd=float(values.std()), unit=image.origin.unit, enhancement=enhancement)
        )
    return tuple(found)


def viability(
    phases: Mapping[str, Image], liver: Mask, tumour: Bools, *, at_least: float | None = None
) -> Viability | None:
    """The rule for the enhancing part: `at_least` where it is stated, else the liver's own arterial median plus two standard deviations.

    `tumour`: all lesions on the liver's grid; the liver is taken 6 mm off them. None without an arterial phase that covers the liver. That the threshold is
    two standard deviations is a convention of this project, not a published one.
    """
    image = phases.get(ARTERIAL)
    if image is None:
        return None
    unit = image.origin.unit or "image units"
    if at_least is not None:
        return Viability(ARTERIAL, at_least, f"arterial at least {at_least:g} {unit}, as stated")
    values = _covering(image, liver.geometry)
    if values is None:
        return None
    i, j, k = (max(1, round(_SAMPLE_MM / step)) for step in liver.geometry.spacing_mm)
    thin = (slice(None, None, i), slice(None, None, j), slice(None, None, k))
    near = (
        _ndimage.binary_dilation(tumour[thin], iterations=round(_KEEP_OFF_MM / _SAMPLE_MM))
        if tumour.any()
        else tumour[thin]
    )
    sample = values[thin][liver.array[thin] & ~near].astype(np.float64)
    sample = sample[np.isfinite(sample)]
    if sample.size < _LEAST_SAMPLE:
        return None
    middle = float(np.median(sample))
    # 1.4826 times the median absolute deviation is the standard deviation of a normal sample, whatever vessels add to its tail.
    sd = 1.4826 * float(np.median(np.abs(sample - middle)))
    limit = middle + _SIGMAS * sd
    rule = f"arterial at least {limit:.0f} {unit}: this liver's median {middle:.0f} plus {_SIGMAS:g} standard deviations of {sd:.0f} (a convention of this project)"
    return Viability(ARTERIAL, limit, rule)


def viable_part(lesion: Mask, phases: Mapping[str, Image], rule: Viability) -> Mask | None:
    """The lesion's voxels that the rule calls viable, on the lesion's grid; None where the image does not cover the lesion."""
    image = phases[rule.phase]
    wide = grown(lesion.geometry, 1)
    values = _covering(image, wide)
    if values is None:
        return None
    even = _ndimage.uniform_filter(values.astype(np.float32), size=3)[1:-1, 1:-1, 1:-1]
    return replace(lesion, array=(even >= rule.at_least) & lesion.array)


def viable_ml(lesion: Mask, phases: Mapping[str, Image], rule: Viability) -> float | None:
    """Volume in mL of the viable part; None where the image does not cover the lesion."""
    part = viable_part(lesion, phases, rule)
    return None if part is None else float(np.count_nonzero(part.array) * lesion.geometry.voxel_volume_ml)


def _inside(lesion: Mask, image: Image) -> NDArray[np.float64] | None:
    values = _covering(image, lesion.geometry)
    if values is None:
        return None
    inside = values[lesion.array].astype(np.float64)
    inside = inside[np.isfinite(inside)]
    return inside if inside.size else None


def _covering(image: Image, target: Geometry) -> NDArray[Any] | None:
    """The image on the target grid; None when more than a twentieth of the target lies beyond it."""
    ends = [(0.0, n - 1.0) for n in target.shape]
    corners = np.array([[x, y, z] for x in ends[0] for y in ends[1] for z in ends[2]])
    index = (target.lps_mm(corners) - image.geometry.affine[:3, 3]) @ np.linalg.inv(image.geometry.affine[:3, :3]).T
    covered = 1.0
    for axis, size in enumerate(image.geometry.shape):
        low, high = float(index[:, axis].min()), float(index[:, axis].max())
        covered *= max(0.0, min(high, size - 0.5) - max(low, -0.5)) / max(high - low, 1e-9)
    if covered < 0.95:
        return None
    edge = float(image.array[0, 0, 0])
    return seen_on(image.array, image.geometry, target, labels=False, outside=edge if np.isfinite(edge) else 0.0)
