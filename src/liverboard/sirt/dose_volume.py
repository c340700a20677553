"""Dose-volume histograms and their metrics for any dose and any structure, sub-voxel and independent of the dose grid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from liverboard.errors import BadInput
from liverboard.volume import Image
from liverboard.volume.structures import Structure

_ndimage: Any = scipy.ndimage  # it has no types
Floats = NDArray[np.float64]

_LEAST_SAMPLES = 100_000
_MOST_AT_ONCE = 4_000_000
_BINS = 32_768
_SCATTER = (
    0.8191725133961645,
    0.6710436067037893,
    0.5497004779019703,
)  # powers of 1/x with x**4 = x + 1: they fill a cube evenly
_LEAST_SHARE = 1e-5  # what is left of rounding where a cell lies beyond the border
_OUTSIDE_PERCENT = 0.1  # less than this of a structure beyond the dose is rounding at its border


def _nothing() -> Floats:
    return np.zeros(0, dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class DoseVolume:
    """The dose-volume histogram of one structure. Doses in Gy, volumes in mL; every dose is None where no part of the structure has a dose.

    `volume_ml`: the whole structure. The metrics are those of its part within the dose map (`outside_percent` lies beyond it, or has no number as dose).
    `edges_gy`: rising, one more than `bins_ml`, the volume in each bin of dose.
    """

    name: str
    volume_ml: float
    outside_percent: float
    mean_gy: float | None = None
    min_gy: float | None = None
    max_gy: float | None = None
    edges_gy: Floats = field(default_factory=_nothing)
    bins_ml: Floats = field(default_factory=_nothing)
    warnings: tuple[str, ...] = ()

    def dose_to(self, percent: float) -> float | None:
        """Dx in Gy: the least dose in the hottest `percent` of the volume (D95 is what 95 % of it gets or more)."""
        if self.mean_gy is None:
            return None
        below: Floats = np.append(0.0, np.cumsum(self.bins_ml))
        held = float(below[-1]) * (1 - percent / 100)
        return float(np.interp(held, below, self.edges_gy))

    def dose_to_ml(self, volume_ml: float) -> float | None:
        """The least dose in the hottest `volume_ml`; None where the structure is smaller."""
        held = float(self.bins_ml.sum())
        return None if volume_ml > held or held == 0 else self.dose_to(100 * volume_ml / held)

    def volume_at(self, dose_gy: float) -> float | None:
        """Vx in percent: how much of the volume gets `dose_gy` or more."""
        if self.mean_gy is None:
            return None
        above: Floats = np.append(np.cumsum(self.bins_ml[::-1])[::-1], 0.0)
        whole = float(above[0])
        return 100 * float(np.interp(dose_gy, self.edges_gy, above, left=whole, right=0.0)) / whole

    def equivalent_uniform_dose(self, alpha_per_gy: float) -> float | None:
        """-ln(mean(exp(-alpha D))) / alpha in Gy: the uniform dose with the same cell survival; parts without dose count."""
        if self.mean_gy is None or self.min_gy is None:
            return None
        middle = (self.edges_gy[1:] + self.edges_gy[:-1]) / 2
        # Seen from the coldest part, so that a hot structure does not round to no survival at all.
        survival = float(np.average(np.exp(-alpha_per_gy * (middle - self.min_gy)), weights=self.bins_ml))
        return self.min_gy - math.log(survival) / alpha_per_gy

    @property
    def homogeneity_index(self) -> float | None:
        """(D2 - D98) / D50: 0 is uniform. One of several definitions in use."""
        high, low, middle = self.dose_to(2), self.dose_to(98), self.dose_to(50)
        return None if high is None or low is None or not middle else (high - low) / middle

    def curve(self, points: int = 201) -> tuple[tuple[float, float], ...]:
        """The cumulative histogram: (dose in Gy, volume in percent that gets it or more), from 0 to the greatest dose."""
        if self.mean_gy is None:
            return ()
        doses = np.linspace(0.0, float(self.edges_gy[-1]), points)
        return tuple((float(dose), float(self.volume_at(float(dose)) or 0.0)) for dose in doses)

    def as_json(self) -> dict[str, object]:
        """The metrics by their JSON keys, None where unknown."""
        doses = {f"d{x}_gy": self.dose_to(x) for x in (98, 95, 90, 70, 50, 5, 2)}
        return {
            "volume_ml": self.volume_ml,
            "outside_percent": self.outside_percent,
            "mean_gy": self.mean_gy,
            "min_gy": self.min_gy,
            "max_gy": self.max_gy,
            **doses,
            "homogeneity_index": self.homogeneity_index,
        }


def dose_volume(structure: Structure, dose: Image) -> DoseVolume:
    """The dose-volume histogram of `structure` in `dose` (Gy).

    The dose is taken by linear interpolation at points within the structure, no further apart than the dose voxels and 100 000 at least;
    half a voxel beyond the outermost dose points it holds the value of the edge, further out it is unknown and never zero. Each cell counts with its share.
    An empty structure, one beyond the dose, and parts without a number as dose are warnings of the result. Raises BadInput: a dose that is not in Gy.
    """
    if dose.origin.unit != "Gy":
        raise BadInput(
            f"the dose is in {dose.origin.unit or 'a unit that is not told'}",
            hint="Expected an absorbed dose in Gy.",
        )
    total = structure.volume_ml
    if total <= 0:
        return DoseVolume(
            structure.name, 0.0, 0.0, warnings=(f"{structure.name}: the structure is empty; it has no dose",)
        )
    doses, weights, spread = _samples(structure, dose)
    known = float(weights.sum()) / float(structure.share.sum(dtype=np.float64))
    outside = max(0.0, 100 * (1 - known))
    if not doses.size:
        said = f"{structure.name}: the structure ({total:.3g} mL) lies outside the dose map, or the dose there is no number; it has no dose"
        return DoseVolume(structure.name, total, 100.0, warnings=(said,))
    warnings: list[str] = []
    if outside > _OUTSIDE_PERCENT:
        warnings.append(
            f"{structure.name}: {outside:.1f} % ({total * outside / 100:.3g} mL) lies outside the dose map or has no number as dose; the metrics are of the rest"
        )
    else:
        outside = 0.0
    inner = _nodes(structure, dose)
    # A cell at the border that is filled in small part lies outside with its middle: it counts in the volume, not as the coldest or hottest point.
    within = doses[weights >= 0.5 * weights.max()]
    low = float(min(within.min(), inner.min(initial=np.inf)))
    high = float(max(within.max(), inner.max(initial=-np.inf)))
    volume = weights * (total * known / weights.sum())
    span = max(high - low, 1e-6 * max(1.0, abs(high)))
    place = np.clip(((doses + spread - low) * (_BINS / span)).astype(np.int64), 0, _BINS - 1)
    bins: Any = np.bincount(place, weights=volume, minlength=_BINS)
    return DoseVolume(
        structure.name,
        total,
        outside,
        float(np.average(doses, weights=weights)),
        low,
        high,
        np.linspace(low, low + span, _BINS + 1, dtype=np.float64),
        bins,
        tuple(warnings),
    )


def dose_volumes(structures: Sequence[Structure], dose: Image) -> dict[str, DoseVolume]:
    """The histograms by name; a name that comes again gets a number."""
    named: dict[str, Structure] = {}
    for structure in structures:
        name, number = structure.name, 1
        while name in named:
            number += 1
            name = f"{structure.name} ({number})"
        named[name] = Structure(name, structure.share, structure.geometry)
    with ThreadPoolExecutor(max_workers=2) as pool:
        return dict(zip(named, pool.map(partial(dose_volume, dose=dose), named.values()), strict=True))


def _samples(structure: Structure, dose: Image) -> tuple[Floats, Floats, Floats]:
    """Doses, weights (in cells) and spreads at points within the structure, where the dose is known."""
    share = structure.share
    to_dose = np.linalg.inv(dose.geometry.affine) @ structure.geometry.affine
    steps = [float(np.abs(to_dose[:3, axis]).max()) for axis in range(3)]
    cuts = [max(1, math.ceil(step - 1e-6)) for step in steps]
    while int(np.count_nonzero(share)) * math.prod(cuts) < _LEAST_SAMPLES:
        longest = max(range(3), key=lambda axis: steps[axis] / cuts[axis])
        cuts[longest] += 1
    scattered = int(np.count_nonzero(share)) * math.prod(cuts) < 2 * _LEAST_SAMPLES  # beyond, steps are too fine to see
    dose_array, to_dose = _window(dose, to_dose, share.shape)
    known = bool(np.isfinite(dose_array).all())
    doses: list[Floats] = []
    weights: list[Floats] = []
    spreads: list[Floats] = []
    slab = max(1, _MOST_AT_ONCE // max(1, share[:, :, 0].size * math.prod(cuts)))
    for start in range(0, share.shape[2], slab):
        # Doses and shares then run alike through memory.
        part = np.ascontiguousarray(share[:, :, start : start + slab])
        if not part.any():
            continue
        values, within = _interpolated(dose_array, to_dose, part.shape, cuts, start)
        for axis, cut in enumerate(cuts):
            part = part if cut == 1 else np.repeat(part, cut, axis=axis)
        chosen = part > _LEAST_SHARE
        if not known:
            chosen &= np.isfinite(values)
        if within is not None:
            chosen &= within
        at = np.flatnonzero(chosen)
        doses.append(values.ravel()[at].astype(np.float64))
        spreads.append(_spread(values, at) if scattered else np.zeros(len(doses[-1])))
        weights.append(part.ravel()[at].astype(np.float64) / math.prod(cuts))
    nothing = np.empty(0)
    return (
        np.concatenate([*doses, nothing]),
        np.concatenate([*weights, nothing]),
        np.concatenate([*spreads, nothing]),
    )


def _spread(values: NDArray[np.float32], at: NDArray[np.int64]) -> Floats:
    """How far the dose at an evenly scattered point of each cell (`at`, in the order of memory) lies from that at its middle.

    Without it, all points of a plane across the gradient share one dose, and the percentiles of a small structure jump in steps.
    """
    number = np.arange(len(at), dtype=np.float64)
    found = np.zeros(len(at))
    for axis, share in enumerate(_SCATTER):
        if values.shape[axis] > 1:
            slope: NDArray[np.float32] = np.gradient(values, axis=axis).ravel()[at]
            found += np.nan_to_num(slope, nan=0.0) * ((number * share + 0.5) % 1.0 - 0.5)
    return found


def _window(dose: Image, to_dose: Floats, shape: tuple[int, ...]) -> tuple[NDArray[Any], Floats]:
    """The dose around the structure with one voxel to spare, and the way from the structure's indices to it; the grid's own edges stay the edges."""
    ends = np.array(
        [[x, y, z] for x in (-0.5, shape[0] - 0.5) for y in (-0.5, shape[1] - 0.5) for z in (-0.5, shape[2] - 0.5)]
    )
    corners = ends @ to_dose[:3, :3].T + to_dose[:3, 3]
    size = np.array(dose.array.shape)
    low = np.clip(np.floor(corners.min(axis=0)).astype(int) - 1, 0, size - 1)
    high = np.clip(np.ceil(corners.max(axis=0)).astype(int) + 2, low + 1, size)
    moved = to_dose.copy()
    moved[:3, 3] -= low
    # Where the window was cut within the grid, its edges lie beyond the structure, so that its skirt is never reached.
    return np.asarray(dose.array[low[0] : high[0], low[1] : high[1], low[2] : high[2]], dtype=np.float32), moved


def _interpolated(
    dose: NDArray[Any], to_dose: Floats, shape: tuple[int, ...], cuts: Sequence[int], start: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_] | None]:
    """Doses at the points of the cells from `start` on, and which of the points lie within the dose; None: all."""
    steps = 1 / np.array(cuts, dtype=np.float64)
    matrix: Floats = to_dose[:3, :3] * steps
    offset: Floats = to_dose[:3, 3] + to_dose[:3, :3] @ ((steps - 1) / 2 + np.array([0, 0, start]))
    fine = tuple(n * cut for n, cut in zip(shape, cuts, strict=True))
    values: NDArray[np.float32] = (
        _straight(dose, np.diag(matrix), offset, fine)
        if _is_straight(matrix, fine)
        else _ndimage.affine_transform(
            dose, matrix, offset, output_shape=fine, order=1, mode="nearest", prefilter=False
        )
    )
    within: NDArray[np.bool_] | None = None
    i, j, k = (np.arange(n, dtype=np.float64) for n in fine)
    for axis, size in enumerate(dose.shape):
        along = [matrix[axis, 0] * i, matrix[axis, 1] * j, matrix[axis, 2] * k]
        low = offset[axis] + sum(float(each.min()) for each in along)
        high = offset[axis] + sum(float(each.max()) for each in along)
        if low < -0.5 or high > size - 0.5:
            at = along[0][:, None, None] + along[1][None, :, None] + along[2][None, None, :] + offset[axis]
            inner = (at >= -0.5) & (at <= size - 0.5)
            within = inner if within is None else within & inner
    return values, within


def _nodes(structure: Structure, dose: Image) -> NDArray[np.float32]:
    """The dose at the dose grid's own points within the structure: a linearly interpolated dose has its peaks there."""
    to_dose = np.linalg.inv(dose.geometry.affine) @ structure.geometry.affine
    window, to_window = _window(dose, to_dose, structure.share.shape)
    back: Any = np.linalg.inv(to_window)
    matrix: Floats = back[:3, :3]
    inside = _ndimage.affine_transform(
        (structure.share > 0.5).astype(np.uint8),
        np.diag(matrix) if _is_straight(matrix, window.shape) else matrix,
        back[:3, 3],
        output_shape=window.shape,
        order=0,
        mode="constant",
        prefilter=False,
    )
    return window[(inside > 0) & np.isfinite(window)]


def _is_straight(matrix: Floats, shape: tuple[int, ...]) -> bool:
    """Whether the axes of two grids run side by side to a millionth of a voxel over the whole shape."""
    return bool(np.all(np.abs(matrix - np.diag(np.diag(matrix))) * max(shape) < 1e-6))


def _straight(dose: NDArray[Any], step: Floats, offset: Floats, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Linear interpolation one axis after another, which gives the same as at once in less time; the edge's value beyond the edge."""
    found: Any = dose
    for axis in (2, 1, 0):
        at = np.clip(offset[axis] + step[axis] * np.arange(shape[axis]), 0, dose.shape[axis] - 1)
        low = np.floor(at).astype(np.int64)
        high = np.minimum(low + 1, dose.shape[axis] - 1)
        share = (at - low).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
        first = np.take(found, low, axis=axis)
        found = first + (np.take(found, high, axis=axis) - first) * share
    return found
