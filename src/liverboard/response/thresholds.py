"""The numbers of the criteria, out of `knowledge/constants/response.yaml`, each with its source."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

from liverboard.clinical.response import Criterion
from liverboard.errors import KnowledgeBaseError
from liverboard.knowledge import load_yaml

FILE = "constants/response.yaml"
_DUST = 1e-9  # of a sum: 70 of 100 mm is a fall of 30 %, whatever binary fractions make of it


def percent_of(difference: float, then: float) -> float | None:
    """A difference in percent of `then`; None where it has none: `then` is 0, or so small that the quotient has no end."""
    percent = 100 * (difference / then) if then else math.inf
    return percent if math.isfinite(percent) else None


def percent_words(change: float, *limits: float) -> str:
    """A change with as many digits as keep it on its side of every limit: -29.9 %, not -30 %, where 30 % decides."""
    for digits in range(4):
        said = f"{change:+.{digits}f}"
        shown = float(said)
        for limit in limits:
            if _side(shown, limit) != _side(change, limit):
                break
        else:
            return f"{said} %"
    return f"{change:+.3f} %"


def _side(value: float, limit: float) -> int:
    return 0 if abs(value - limit) < 1e-7 else 1 if value > limit else -1


@dataclass(frozen=True, slots=True)
class SumRule:
    """When a sum responds or progresses. `fall_percent`: against the baseline; `rise_percent` and `least_rise` (in the unit of the sum): against the smallest sum.

    `rise_reached`: the threshold itself counts as progression.
    """

    fall_percent: float
    rise_percent: float
    rise_reached: bool
    least_rise: float
    unit: str
    source: str
    verification: str

    def percent(self, change: float) -> str:
        """A change in words."""
        return percent_words(change, -self.fall_percent, self.rise_percent)

    def amount(self, value: float) -> str:
        """A sum in words: tenths of a millimetre where there are any, of a millilitre below 100."""
        tenths = value < 100 if self.unit == "mL" else self.unit == "mm" and abs(value - round(value)) >= 0.05
        return f"{value:.{int(tenths)}f} {self.unit}"

    def falls(self, now: float, baseline: float) -> bool:
        return now <= baseline * (1 - self.fall_percent / 100) + _DUST * baseline

    def rises(self, now: float, smallest: float) -> bool:
        limit, dust = smallest * (1 + self.rise_percent / 100), _DUST * max(smallest, 1.0)
        beyond = now >= limit - dust if self.rise_reached else now > limit + dust
        return beyond and now > smallest and now - smallest >= self.least_rise - dust


@dataclass(frozen=True, slots=True)
class Measurability:
    """From which size a lesion can be measured, and how many are chosen. Lengths in mm."""

    longest_mm: float
    node_short_mm: float
    node_normal_below_mm: float
    thick_slice_mm: float
    too_small_mm: float
    targets: int
    targets_per_organ: int

    def least_mm(self, slice_mm: float | None) -> float:
        """The smallest longest diameter that counts as measurable; twice a slice that is thicker than `thick_slice_mm`."""
        return max(self.longest_mm, 2 * slice_mm) if slice_mm and slice_mm > self.thick_slice_mm else self.longest_mm


@dataclass(frozen=True, slots=True)
class Wait:
    """How long after the last session sizes are not judged (`not_before_days`), and when trials look (`expected_days`)."""

    not_before_days: int
    expected_days: int
    source: str
    expected_source: str


@dataclass(frozen=True, slots=True)
class BestRules:
    """`confirm_after_days`: between a response and its confirmation. `stable_after_days`: from the start before disease counts as stable.

    `baseline_before_days`: the oldest that a baseline should be.
    """

    confirm_after_days: int
    stable_after_days: int
    baseline_before_days: int


@cache
def sum_rule(criterion: Criterion) -> SumRule:
    """Raises KnowledgeBaseError when the packaged file lacks the criterion."""
    entry = _section("criteria").get(criterion)
    if entry is None:
        raise KnowledgeBaseError(f"no thresholds for {criterion}", where=FILE, hint="Install liverboard again.")
    return SumRule(**{name: entry[name] for name in SumRule.__dataclass_fields__})


@cache
def measurability() -> Measurability:
    return Measurability(**{name: entry["value"] for name, entry in _section("measurable").items()})


@cache
def best_rules() -> BestRules:
    return BestRules(**{name: entry["value"] for name, entry in _section("best_response").items()})


@cache
def wait_after(kind: str) -> Wait:
    """`kind`: sirt, embolisation."""
    entry = _section("timing")[kind]
    return Wait(**{name: entry[name] for name in Wait.__dataclass_fields__})


@cache
def density_fall_percent() -> float:
    return float(load_yaml(FILE)["choi_density_fall_percent"]["value"])


@cache
def ablation_percent(name: str) -> float:
    """`name`: necrosis_half_percent, enlarged_percent."""
    return float(_section("ablation")[name]["value"])


def _section(name: str) -> dict[str, Any]:
    return load_yaml(FILE)[name]
