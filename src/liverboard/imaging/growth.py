"""How fast a lesion grows, with what a hand or a program may have drawn differently: a rate without its interval says too much."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import scipy.stats

from liverboard.clinical.tracking import ChangeTime, Growth, MeasuredVolume
from liverboard.errors import BadInput, MissingData
from liverboard.volume import Geometry, Mask

_Z95 = 1.959964


@dataclass(frozen=True, slots=True)
class VolumeError:
    """The whole boundary is drawn too far out or in, with a standard deviation of `reader_sd_mm` for the reader and of `voxel_share` of a voxel for the grid.

    0.29 of a voxel is half a voxel either way with equal chance (1 / sqrt(12)). A voxel's length is the cube root of its volume. Errors at different time
    points are taken as independent: a reader who always draws wide makes the interval too wide, never too narrow.
    """

    reader_sd_mm: float = 0.4
    voxel_share: float = 0.29

    def boundary_sd_mm(self, geometry: Geometry) -> float:
        return math.hypot(self.reader_sd_mm, self.voxel_share * (1000 * geometry.voxel_volume_ml) ** (1 / 3))


VOLUME_ERROR = VolumeError()


def measured_volume(
    mask: Mask,
    day: float,
    error: VolumeError = VOLUME_ERROR,
) -> MeasuredVolume:
    """The voxel sum of a lesion on a day, and the error of its logarithm: surface area times boundary error over volume. Raises MissingData: an empty mask."""
    count = int(np.count_nonzero(mask.array))
    if count == 0:
        raise MissingData("the lesion's mask is empty", where=mask.name, hint="Leave the lesion out, or draw it.")
    volume_ml = count * mask.geometry.voxel_volume_ml
    sd_ml = surface_area_mm2(mask) * error.boundary_sd_mm(mask.geometry) / 1000
    return MeasuredVolume(day=day, volume_ml=volume_ml, sd_ln=sd_ml / volume_ml)


def surface_area_mm2(mask: Mask) -> float:
    """The area of a mask's surface: its voxel faces times 2/3, which is right on average over all directions, and at least that of a sphere of its volume."""
    padded = np.pad(mask.array, 1).view(np.int8)
    a, b, c = mask.geometry.affine[:3, :3].T
    faces = (np.cross(b, c), np.cross(c, a), np.cross(a, b))
    area = sum(
        float(np.linalg.norm(face)) * int(np.count_nonzero(np.diff(padded, axis=axis)))
        for axis, face in enumerate(faces)
    )
    volume_mm3 = 1000 * mask.geometry.voxel_volume_ml * int(np.count_nonzero(mask.array))
    return max(2 / 3 * area, (36 * math.pi) ** (1 / 3) * volume_mm3 ** (2 / 3))


def combined(volumes: Sequence[MeasuredVolume]) -> MeasuredVolume:
    """The volumes of one day together, their errors taken as all in one direction. Raises MissingData: none; BadInput: different days."""
    if not volumes:
        raise MissingData("no volume was given", hint="Give the volumes of the lesions.")
    if any(v.day != volumes[0].day for v in volumes):
        raise BadInput("volumes of different days cannot be added", hint="Add the lesions of one time point.")
    total = math.fsum(v.volume_ml for v in volumes)
    sd_ml = math.fsum(v.volume_ml * v.sd_ln for v in volumes)
    return MeasuredVolume(day=volumes[0].day, volume_ml=total, sd_ln=sd_ml / total)


def growth(volumes: Sequence[MeasuredVolume], error: VolumeError | None = None) -> Growth:
    """Exponential growth through two or more volumes, each weighted by its error; 95 % intervals. `error`: recorded in `parameters`, not used.

    With more than two volumes that scatter more than their errors tell, the interval follows the scatter (Student's t). Raises MissingData: fewer than two
    volumes, or all of one day; BadInput: an error of 0.
    """
    given = sorted(volumes, key=lambda v: v.day)
    if len(given) < 2 or given[0].day == given[-1].day:
        raise MissingData(
            "growth needs volumes of two different days", hint="Give the dates of both scans, or a scan of another day."
        )
    if any(v.sd_ln == 0 for v in given):
        raise BadInput("a volume without any error", hint="Give the standard deviation of ln(volume), above 0.")
    days = [v.day for v in given]
    logs = [math.log(v.volume_ml) for v in given]
    weights = [v.sd_ln**-2 for v in given]
    whole = math.fsum(weights)
    middle = math.fsum(w * d for w, d in zip(weights, days, strict=True)) / whole
    away = [d - middle for d in days]
    spread = math.fsum(w * a * a for w, a in zip(weights, away, strict=True))
    rate = math.fsum(w * a * y for w, a, y in zip(weights, away, logs, strict=True)) / spread
    half = _Z95 / math.sqrt(spread)
    freedom = len(given) - 2
    if freedom:
        level = math.fsum(w * y for w, y in zip(weights, logs, strict=True)) / whole
        off = (w * (y - level - rate * a) ** 2 for w, a, y in zip(weights, away, logs, strict=True))
        half = max(half, _student(freedom) * math.sqrt(math.fsum(off) / freedom / spread))
    span = days[-1] - days[0]
    low, high = rate - half, rate + half
    return Growth(
        days=span,
        first_ml=given[0].volume_ml,
        last_ml=given[-1].volume_ml,
        volumes=len(given),
        change=math.expm1(rate * span),
        change_low=math.expm1(low * span),
        change_high=math.expm1(high * span),
        rate_per_day=rate,
        rate_low=low,
        rate_high=high,
        time=change_time(rate, low, high),
        parameters={} if error is None else {name: float(getattr(error, name)) for name in error.__dataclass_fields__},
    )


@cache
def _student(freedom: int) -> float:
    """The 97.5 % point of Student's t."""
    stats: Any = scipy.stats
    return float(stats.t.ppf(0.975, freedom))


def change_time(rate: float, low: float, high: float) -> ChangeTime:
    """Doubling or halving time, days, for a rate per day and its interval; a set of two open ends where the interval holds 0."""
    if low > 0 or high < 0:
        times = sorted(math.log(2) / abs(value) for value in (low, high))
        return ChangeTime(
            direction="growing" if low > 0 else "shrinking",
            days=math.log(2) / abs(rate),
            low_days=times[0],
            high_days=times[1] if math.isfinite(times[1]) else None,
        )
    return ChangeTime(
        direction="unclear",
        doubling_at_least_days=math.log(2) / high if high > 0 else None,
        halving_at_least_days=math.log(2) / -low if low < 0 else None,
    )


def in_words(found: Growth, longest_days: float = 3650.0) -> str:
    """Growth as a sentence; times beyond `longest_days` are not told apart."""

    def days(value: float | None) -> str:
        if value is None or value > longest_days:
            return f"more than {longest_days:.0f}"
        return f"{value:.0f}" if value >= 10 else f"{value:.1f}"

    def least(value: float | None) -> str:
        told = days(value)
        return told if told.startswith("more") else f"at least {told}"

    percent, low, high = (round(100 * v) for v in (found.change, found.change_low, found.change_high))
    change = f"{percent:+d} % in {found.days:.0f} days (95 % interval {low:+d} to {high:+d} %)"
    time = found.time
    if time.direction == "unclear":
        return (
            f"{change}; within the error of the volumes: doubling, if it grows, takes {least(time.doubling_at_least_days)} days, "
            f"halving, if it shrinks, {least(time.halving_at_least_days)} days"
        )
    verb = "doubling" if time.direction == "growing" else "halving"
    return f"{change}; {verb} in {days(time.days)} days (95 % interval {days(time.low_days)} to {days(time.high_days)})"
