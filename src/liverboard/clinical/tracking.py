"""What became of each lesion between two time points, and how fast: the values that imaging measures and dossiers show. Lengths in mm, volumes in mL, times in days."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from liverboard.clinical.extent import Frozen

Relation = Literal["same", "merged", "split", "new", "vanished"]
Direction = Literal["growing", "shrinking", "unclear"]


class MeasuredVolume(Frozen):
    """A volume on a day (any day may count as 0). `sd_ln`: standard deviation of ln(volume) from the error of drawing."""

    day: float
    volume_ml: float = Field(gt=0, allow_inf_nan=False)
    sd_ln: float = Field(ge=0, allow_inf_nan=False)


class ChangeTime(Frozen):
    """Doubling time where the 95 % interval of the rate lies above 0, halving time where it lies below.

    `growing`, `shrinking`: `days` doubles or halves the volume, with the interval `low_days` to `high_days`; None is open: no upper bound.
    `unclear`: the interval of the rate holds 0. `days` and the bounds are None; doubling takes at least `doubling_at_least_days` and halving at least
    `halving_at_least_days` (None: as long as one likes).
    """

    direction: Direction
    days: float | None = None
    low_days: float | None = None
    high_days: float | None = None
    doubling_at_least_days: float | None = None
    halving_at_least_days: float | None = None


class Growth(Frozen):
    """Change over `days`, with 95 % intervals. `change`: last volume over first, minus 1 (0.2 is 20 % more). `rate_per_day`: d ln(volume) / dt.

    With more than two volumes all of it is read off the fitted line. `parameters`: of the error model.
    """

    days: float
    first_ml: float
    last_ml: float
    volumes: int
    change: float
    change_low: float
    change_high: float
    rate_per_day: float
    rate_low: float
    rate_high: float
    time: ChangeTime
    parameters: dict[str, float] = Field(default_factory=dict)


class LinkStatement(Frozen):
    """What a person says became of lesions: ids at the first and at the second time point."""

    baseline: tuple[str, ...] = ()
    followup: tuple[str, ...] = ()
    relation: Relation


class TrackedLesion(Frozen):
    """What became of one lesion, or of lesions that merged or split: ids at the two time points.

    `confidence` (0..1): how often links with this number are right in simulated follow-ups, see docs/decisions/0006; None where a person said it.
    """

    baseline: tuple[str, ...]
    followup: tuple[str, ...]
    relation: Relation
    confidence: float | None
    source: Literal["program", "person"] = "program"
    reason: str
    distance_mm: float | None = None
    growth: Growth | None = None


class RegistrationQuality(Frozen):
    """How well the liver of the first time point lies on that of the second. Dice 0..1; the distance is the mean between the two surfaces.

    `trusted`: False where the livers do not lie on each other well enough to believe any link without looking. `partial`: where a liver is cut off, in words.
    `lesion_error_mm`: expected standard deviation, along each axis, of a lesion's place after registration.
    """

    method: Literal["none", "rigid", "deformable"]
    dice_before: float
    dice_after: float
    surface_before_mm: float
    surface_after_mm: float
    largest_shift_mm: float
    least_jacobian: float
    lesion_error_mm: float
    trusted: bool
    partial: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class Tracking(Frozen):
    """Every lesion of both time points in exactly one link; what needs a look first: least confidence first, what a person said last."""

    links: tuple[TrackedLesion, ...]
    registration: RegistrationQuality
    warnings: tuple[str, ...] = ()
    parameters: dict[str, float] = Field(default_factory=dict)
