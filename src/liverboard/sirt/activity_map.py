"""A map of activity at the moment of injection, from a PET in Bq/mL or from counts scaled to a known activity; every assumption as a warning."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liverboard.errors import BadInput, MissingData
from liverboard.sirt.activity import fraction, shunt_fraction
from liverboard.sirt.decay import Nuclide, half_life_warning
from liverboard.volume import Decay, Geometry, Image

# Conventions of this project: what a treatment can hold, and from which difference on it is said.
_LEAST_GBQ, _MOST_GBQ = 0.02, 30.0
_SAID_FROM = 0.05
_LONG_HOURS = 24 * 7


@dataclass(frozen=True, slots=True)
class Stated:
    """What a person states of the map. Activity in GBq and time in h; shares 0..1.

    `total_gbq`: prepared activity at injection, that the sum of the map is scaled to, less `residual` and `lung_shunt`. `hours_after_injection`: when the map
    was measured; None: as the file says. `unit`: of the values, where the file does not say it. `clip_negative`: values below 0 become 0.
    """

    total_gbq: float | None = None
    lung_shunt: float = 0.0
    residual: float = 0.0
    hours_after_injection: float | None = None
    unit: str | None = None
    clip_negative: bool = False


@dataclass(frozen=True, eq=False)
class ActivityMap:
    """`bq`: activity of each voxel at injection, float32 [i, j, k]. `measured_gbq`: what the map held before it was scaled, None for counts."""

    bq: NDArray[np.float32]
    geometry: Geometry
    total_gbq: float
    measured_gbq: float | None
    decay_factor: float
    assumptions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = field(default=())


def activity_map(image: Image, stated: Stated, of: Nuclide) -> ActivityMap:
    """The activity of every voxel at injection.

    Raises BadInput: values that are negative or no numbers, nothing in the map, a unit that is no activity, a half-life of another nuclide, a total that no
    treatment has; MissingData: counts without a known activity.
    """
    array, clipped = _checked_values(image.array, stated.clip_negative)
    image = replace(image, array=array)
    lung_shunt, residual = shunt_fraction(stated.lung_shunt), fraction(stated.residual, "the residual")
    warnings = [*image.origin.warnings, *clipped]
    assumptions: list[str] = []
    decay = image.origin.decay
    if decay is not None and decay.half_life_s:
        said = half_life_warning(decay.half_life_s / 3600, of)
        warnings += [said] if said else []
    if decay is not None and decay.radionuclide and not _same_nuclide(decay.radionuclide, of):
        warnings.append(f"the file names the nuclide '{decay.radionuclide}'; the dose is that of {of.name}")
    unit = stated.unit or image.origin.unit
    if stated.unit and image.origin.unit and stated.unit != image.origin.unit:
        raise BadInput(
            f"the values are {image.origin.unit} by their own header, and {stated.unit} was said",
            hint="Leave --unit out.",
        )
    volume_ml = image.geometry.voxel_volume_ml
    total = float(image.array.sum(dtype=np.float64))
    if total <= 0:
        raise BadInput("the activity map is empty: every value is 0", hint="Give the PET or SPECT after treatment.")
    measured: float | None = None
    factor = 1.0
    if unit is None and stated.total_gbq is None:
        warnings.append(
            "units missing: the file does not say what its values are; they are taken as Bq/mL. Say it with --unit Bq/mL, or give --total-activity"
        )
        unit = "Bq/mL"
    if unit == "Bq/mL":
        factor = _to_injection(image, stated, of, warnings, assumptions)
        measured = total * volume_ml * factor * 1e-9
    elif unit not in {None, "counts"}:
        raise BadInput(
            f"the map is in {unit}, which is no activity",
            hint="Expected Bq/mL, or counts together with --total-activity.",
        )
    if stated.total_gbq is None:
        if measured is None:
            raise MissingData(
                "the map holds counts, and counts without calibration give no dose",
                hint='Give the activity that they stand for: --total-activity "1.4 GBq".',
            )
        if residual or lung_shunt:
            raise BadInput(
                "a residual or lung shunt is taken off a stated activity, and none was stated",
                hint="Give --total-activity too; a map in Bq/mL shows already what was delivered.",
            )
        delivered = measured
    else:
        if not (math.isfinite(stated.total_gbq) and stated.total_gbq > 0):
            raise BadInput(f"a total activity of {stated.total_gbq:g} GBq", hint="Give a number above 0.")
        delivered = stated.total_gbq * (1 - residual) * (1 - lung_shunt)
        assumptions.append(
            f"the sum of the map stands for {delivered * 1000:.1f} MBq: {stated.total_gbq * 1000:.1f} MBq"
            f" less {100 * residual:.3g} % residual and {100 * lung_shunt:.3g} % lung shunt"
        )
        as_bq_per_ml = total * volume_ml * 1e-9
        if unit is None and _LEAST_GBQ <= as_bq_per_ml <= _MOST_GBQ and abs(delivered / as_bq_per_ml - 1) >= _SAID_FROM:
            warnings.append(
                f"total activity disagrees, if the values are Bq/mL: the map would hold {as_bq_per_ml * 1000:.0f} MBq, {delivered * 1000:.0f} MBq is stated"
                f" ({100 * (delivered / as_bq_per_ml - 1):+.0f} %); the map is scaled to what is stated"
            )
        if measured is not None and abs(delivered / measured - 1) >= _SAID_FROM:
            warnings.append(
                f"total activity disagrees: the map holds {measured * 1000:.0f} MBq, {delivered * 1000:.0f} MBq is stated"
                f" ({100 * (delivered / measured - 1):+.0f} %); the map is scaled to what is stated"
            )
    if not _LEAST_GBQ <= delivered <= _MOST_GBQ:
        raise BadInput(
            f"the map would hold {delivered:.3g} GBq, and a treatment holds {_LEAST_GBQ:g} to {_MOST_GBQ:g} GBq",
            hint="Check the unit of the values and of the activity, and the time of the scan.",
        )
    bq = (image.array * (delivered * 1e9 / total)).astype(np.float32)
    return ActivityMap(bq, image.geometry, delivered, measured, factor, tuple(assumptions), tuple(warnings))


def _checked_values(array: NDArray[Any], clip_negative: bool) -> tuple[NDArray[Any], list[str]]:
    """The values, none below 0, and what was done to them."""
    if array.dtype.kind not in "iuf":
        raise BadInput(f"the activity map holds values of type {array.dtype}", hint="Expected one number a voxel.")
    wrong = int(array.size - np.count_nonzero(np.isfinite(array)))
    if wrong:
        raise BadInput(
            f"{wrong} voxels of the activity map are no numbers (NaN or infinite)",
            hint="Export the reconstruction again, or set what lies outside the body to 0.",
        )
    if not array.size or float(array.min()) >= 0:
        return array, []
    below = array < 0
    share = -float(array[below].sum(dtype=np.float64)) / max(float(array[~below].sum(dtype=np.float64)), 1e-30)
    told = f"{int(below.sum())} voxels of the activity map are negative (down to {float(array.min()):.4g}, {100 * share:.3g} % of what the others hold)"
    if clip_negative:
        return np.maximum(array, 0), [f"{told}; they were set to 0, as told"]
    raise BadInput(
        told,
        hint="Is it a map of activity? Set them to 0 with --clip-negative, or export the reconstruction with a lower limit of 0.",
    )


def _to_injection(image: Image, stated: Stated, of: Nuclide, warnings: list[str], assumptions: list[str]) -> float:
    """What a concentration of the file is multiplied by to be that at injection."""
    decay = image.origin.decay
    hours = stated.hours_after_injection
    if hours is not None:
        if not math.isfinite(hours) or not 0 <= hours <= _LONG_HOURS:
            raise BadInput(f"a scan {hours:g} h after injection", hint=f"Expected 0 to {_LONG_HOURS} h.")
        assumptions.append(f"decay: the values are those of {hours:g} h after injection, as stated")
    elif decay is not None and decay.corrected_to == "ADMIN":
        assumptions.append("decay: the file says that its values are those at injection")
        return 1.0
    else:
        at = None
        if decay is not None:
            at = {"START": _start(decay), "NONE": decay.acquired_at}.get(decay.corrected_to or "")
        injected = None if decay is None else decay.injected_at
        if at is None or injected is None:
            warnings.append(
                "decay not corrected: the file does not say when it was measured after injection; its values are taken as those at injection."
                " Say it with --hours-after-injection"
            )
            return 1.0
        hours = (at - injected).total_seconds() / 3600
        if not 0 <= hours <= _LONG_HOURS:
            raise BadInput(
                f"by its header the scan was {hours:.1f} h after injection",
                hint="Check the times in the header, or state them with --hours-after-injection.",
            )
        assumptions.append(f"decay: scan {hours:.2f} h after injection by the header, half-life {of.half_life_h:g} h")
        if decay is not None and decay.injected_day_assumed:
            warnings.append(
                f"the header has the clock of the injection and not its day; {hours:.1f} h before the scan was taken."
                f" A day more makes all doses {100 * (1 / of.left_after(24) - 1):.0f} % higher. Say it with --hours-after-injection"
            )
    return 1 / of.left_after(hours)


def _start(decay: Decay) -> dt.datetime | None:
    """When the acquisition began: a series that was derived later has a later time of its own."""
    known = [moment for moment in (decay.series_at, decay.acquired_at) if moment is not None]
    return min(known, default=None)


def _same_nuclide(written: str, of: Nuclide) -> bool:
    """Whether `90Y`, `^90^Yttrium`, `Y-90` and their like name it."""
    letters = "".join(c for c in written.lower() if c.isalpha())
    digits = "".join(c for c in written if c.isdigit())
    symbol, number = of.name.lower().split("-")
    full = {"y": "yttrium", "ho": "holmium", "tc": "technetium"}[symbol]
    return number in digits and (letters.startswith((symbol, full)))
