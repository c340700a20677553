"""How sure the whole dose-volume curve of a structure is: its mean, and every point of the curve with its 95 % interval.

Three errors move a curve. Calibration stretches it, and so does what the map was scaled to. An outline that lies elsewhere adds or takes a layer of the border, whose own doses say what that does to each
point. Recovery depends on the volume, so that outline and recovery move together (gear_2018). What moves the mean moves the curve by the same budget.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from liverboard.sirt.dose_curve import DoseCurve
from liverboard.sirt.dose_volume import DoseVolume
from liverboard.sirt.uncertainty import Interval, MeasuredLesion, Term, measured_dose, propagate, recovery
from liverboard.volume.structures import Structure

Floats = NDArray[np.float64]
_ndimage: Any = scipy.ndimage  # it has no types
_Z95 = 1.959964
_LEVELS = (100.0, 99.5, 99.0, *(float(x) for x in range(98, 1, -2)), 1.0, 0.5, 0.2, 0.0)  # percent of the volume
_FURTHEST = 1.0  # of the logarithm, by an outline one standard deviation off
_LAYER = 0.3  # of the volume: a wider layer is no longer its border
_MOST_VOLUME_SD = 1.0  # beyond it the volume of a structure says nothing; a convention of this project


@dataclass(frozen=True, slots=True)
class Recovery:
    """A phantom curve of partial-volume recovery: 0.5 at `midpoint_ml`, 1 for large volumes, as in `uncertainty.recovery`. Standard deviations are relative;
    `correlation`: of midpoint and power in the fit."""

    midpoint_ml: float
    power: float
    midpoint_sd: float = 0.0
    power_sd: float = 0.0
    correlation: float = 0.0


@dataclass(frozen=True, slots=True)
class Errors:
    """Relative standard deviations: of the outlined volume, and of the calibration. `recovery`: None where doses are not recovered. `scale`: see `MeasuredLesion`."""

    volume_sd: float
    calibration_sd: float = 0.0
    recovery: Recovery | None = None
    scale: tuple[Term, ...] = ()

    @property
    def too_wide(self) -> bool:
        """Whether the outline is so unsure (a few voxels) that no interval means anything."""
        return self.volume_sd > _MOST_VOLUME_SD


def border(structure: Structure) -> Structure:
    """The cells on both sides of the border: their doses say how much a moved outline changes."""
    inside = np.pad(structure.share > 0, 2)
    both = _ndimage.binary_dilation(inside) & ~_ndimage.binary_erosion(inside)
    i, j, k = both.shape
    return Structure(structure.name, both, structure.geometry.cropped((-2, -2, -2), (i, j, k)))


def mean_interval(mean_gy: float, edge_gy: float, volume_ml: float, errors: Errors) -> Interval:
    """The mean dose with its interval, recovered where `errors` has a curve. `edge_gy`: the mean of the border; an outline moved by x % of the volume adds x % of it.

    Raises BadInput: errors so wide that nothing is left of the dose.
    """
    curve = errors.recovery
    model, budget = measured_dose(
        MeasuredLesion(
            name="structure",
            volume_ml=volume_ml,
            activity_gbq=mean_gy * volume_ml / 1000,
            density_g_ml=1.0,
            volume_sd=errors.volume_sd,
            # Above 1 where the border is hotter than the rest, as in the liver around a tumour.
            count_power=min(edge_gy / mean_gy, 1 + _FURTHEST / max(errors.volume_sd, 1e-6)),
            calibration_sd=errors.calibration_sd,
            midpoint_ml=None if curve is None else curve.midpoint_ml,
            power=1.0 if curve is None else curve.power,
            midpoint_sd=0.0 if curve is None else curve.midpoint_sd,
            power_sd=0.0 if curve is None else curve.power_sd,
            curve_correlation=0.0 if curve is None else curve.correlation,
            scale=errors.scale,
        ),
        1.0,
    )
    return propagate(model, budget)


def dose_curve(of: DoseVolume, edge: DoseVolume, errors: Errors | None, interval: Interval | None) -> DoseCurve | None:
    """The curve of a structure, with the interval of every point where that of the mean (by `mean_interval`, of the same errors) is given; None without a dose.

    `edge`: the histogram of its `border`.
    """
    if of.mean_gy is None:
        return None
    doses = _doses(of.edges_gy, _above(of, of.edges_gy), of)
    if errors is None or interval is None:
        return DoseCurve(
            name=of.name, volume_ml=of.volume_ml, mean_gy=of.mean_gy, volume_percent=_LEVELS, dose_gy=_texts(doses)
        )
    held = interval.value / of.mean_gy
    by_outline = _slopes(of, edge, doses, errors) * Term("volume", 1.0, errors.volume_sd).sd
    others = math.log1p(interval.relative_sd**2) * (1 - interval.contributions["volume"])
    reach = np.exp(_Z95 * np.sqrt(np.maximum(others, 0.0) + by_outline**2))
    # Each point has its own interval; none of a greater volume has more dose, so neither do the ends.
    return DoseCurve(
        name=of.name,
        volume_ml=of.volume_ml,
        mean_gy=interval.value,
        mean_low_gy=interval.low,
        mean_high_gy=interval.high,
        volume_percent=_LEVELS,
        dose_gy=_texts(doses * held),
        low_gy=_texts(np.maximum.accumulate(doses * held / reach)),
        high_gy=_texts(np.minimum.accumulate((doses * held * reach)[::-1])[::-1]),
        recovery=1.0 if errors.recovery is None else 1 / held,
    )


def _slopes(of: DoseVolume, edge: DoseVolume, doses: Floats, errors: Errors) -> Floats:
    """d ln D / d ln volume at each level: a layer of the border joins the structure or leaves it, as large as one standard deviation of the volume."""
    slopes = np.zeros(len(doses))
    if edge.mean_gy is not None:
        layer = min(max(errors.volume_sd, 1e-3), _LAYER)
        grid = np.union1d(of.edges_gy, edge.edges_gy)
        inner, outer = _above(of, grid), _above(edge, grid)
        grown = _doses(grid, (inner + layer * outer) / (1 + layer), of)
        # What leaves may be more than the structure has of a dose: the share above a dose still never grows with it.
        left = np.maximum.accumulate(np.clip((inner - layer * outer) / (1 - layer), 0, 1)[::-1])[::-1]
        shrunk = _doses(grid, left, of)
        seen = doses > 1e-6 * max(float(doses[-1]), 1e-12)
        least = 1e-9 * max(float(doses[-1]), 1e-12)
        moved = np.log(np.maximum(grown[seen], least) / np.maximum(shrunk[seen], least))
        slopes[seen] = moved / math.log((1 + layer) / (1 - layer))
        # The least and greatest dose are points, which a layer moves by any amount: they take the slope beside them.
        slopes[0], slopes[-1] = slopes[1], slopes[-2]
        limit = _FURTHEST / max(errors.volume_sd, 1e-6)
        slopes = np.clip(slopes, -limit, limit)
    if errors.recovery is not None:
        curve = errors.recovery
        slopes = slopes - curve.power * (1 - recovery(of.volume_ml, curve.midpoint_ml, curve.power))
    return slopes


def _above(of: DoseVolume, doses: Floats) -> Floats:
    """The share of the volume that gets each of `doses` or more."""
    above = np.append(np.cumsum(of.bins_ml[::-1])[::-1], 0.0) / float(of.bins_ml.sum())
    return np.interp(doses, of.edges_gy, above, left=1.0, right=0.0)


def _doses(grid: Floats, above: Floats, of: DoseVolume) -> Floats:
    """Dose at each level, from the share above each dose of a rising grid; the ends are the least and greatest dose of the structure."""
    found = np.interp(np.array(_LEVELS) / 100, above[::-1], grid[::-1])
    found[0], found[-1] = of.min_gy or 0.0, of.max_gy or 0.0
    return np.maximum.accumulate(np.clip(found, 0.0, None))


def _texts(values: Floats) -> tuple[float, ...]:
    """Five digits: more than any dose deserves, few enough for a file that is read."""
    return tuple(float(f"{value:.5g}") for value in values)
