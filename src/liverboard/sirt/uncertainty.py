"""How sure a dose is: propagation of stated errors with their covariance, Monte Carlo as its check, and the probability of keeping a limit.

Doses are products and quotients of positive quantities, so errors are propagated on the logarithm (shares such as a shunt on the logit) and a dose is taken as
lognormal: an interval never goes below 0. What two quantities share, such as a boundary that makes the tumour larger and the normal liver smaller, is one
term that both depend on, or a stated correlation. The chain from volume over recovery to dose follows gear_2018.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from liverboard.clinical.extent import Frozen
from liverboard.errors import BadInput
from liverboard.sirt.activity import positive

Values = Mapping[str, float]
Model = Callable[[Values], float]
_Z95 = 1.959964
_STEP = 1e-5
_WIDEST = 2.0  # standard deviation of the logarithm: beyond it the first order means nothing


@dataclass(frozen=True, slots=True)
class Term:
    """A quantity with its standard deviation relative to the value (0.1 is 10 %). `kind`: positive, or a share between 0 and 1."""

    name: str
    value: float
    relative_sd: float
    kind: Literal["positive", "share"] = "positive"

    def __post_init__(self) -> None:
        positive(self.value, f"the value of {self.name}")
        if not (math.isfinite(self.relative_sd) and 0 <= self.relative_sd <= 2):
            raise BadInput(
                f"a standard deviation of {100 * self.relative_sd:g} % for {self.name}", hint="Give 0 % to 200 %."
            )
        if self.kind == "share" and self.value >= 1:
            raise BadInput(f"{self.name} is a share and cannot be {self.value:g}", hint="Give less than 100 %.")

    @property
    def sd(self) -> float:
        """On the scale that is propagated: logarithm (exact for a lognormal of this relative deviation), or logit."""
        if self.kind == "share":
            return self.relative_sd / (1 - self.value)
        return math.sqrt(math.log1p(self.relative_sd**2))

    def moved(self, by: float) -> float:
        """The value after a move of `by` on that scale."""
        if self.kind == "share":
            return 1 / (1 + math.exp(-(math.log(self.value / (1 - self.value)) + by)))
        return self.value * math.exp(by)


@dataclass(frozen=True, slots=True)
class Budget:
    """Terms and the correlations (-1 to 1) of pairs of them; other pairs are independent. Raises BadInput: a correlation that cannot be."""

    terms: tuple[Term, ...]
    correlations: tuple[tuple[str, str, float], ...] = ()

    def covariance(self) -> NDArray[np.float64]:
        """On the propagated scales, in the order of the terms, shape (n, n)."""
        place = {term.name: n for n, term in enumerate(self.terms)}
        if len(place) < len(self.terms):
            raise BadInput("two terms of the budget share a name", hint="Give each its own.")
        matrix = np.eye(len(self.terms))
        for a, b, value in self.correlations:
            if a not in place or b not in place or a == b or not -1 <= value <= 1:
                raise BadInput(f"correlation of {a} and {b} ({value:g})", hint="Name two terms, and -1 to 1.")
            matrix[place[a], place[b]] = matrix[place[b], place[a]] = value
        if self.terms and float(np.linalg.eigvalsh(matrix).min()) < -1e-9:
            raise BadInput("the correlations contradict each other", hint="Give ones that can hold together.")
        sd = np.array([term.sd for term in self.terms])
        return matrix * np.outer(sd, sd)


class Interval(Frozen):
    """A positive value with its 95 % interval (k = 2), relative standard deviation, and the share of each term in the variance (with its covariances)."""

    value: float
    low: float
    high: float
    relative_sd: float
    contributions: dict[str, float]
    method: Literal["propagation", "monte_carlo"]

    def probability_below(self, limit: float) -> float:
        """That the true value lies below `limit`, by the lognormal."""
        positive(limit, "the limit")
        sd = math.sqrt(math.log1p(self.relative_sd**2))
        if sd == 0:
            return float(self.value < limit)
        return 0.5 * math.erfc(-math.log(limit / self.value) / sd / math.sqrt(2))


def propagate(model: Model, budget: Budget) -> Interval:
    """First-order propagation of the budget through `model`, which takes the values by name. Raises BadInput: the model gives nothing above 0."""
    central = {term.name: term.value for term in budget.terms}
    value = positive(model(central), "what the model gives")
    slopes = np.array(
        [
            (
                math.log(model({**central, term.name: term.moved(_STEP)}))
                - math.log(model({**central, term.name: term.moved(-_STEP)}))
            )
            / (2 * _STEP)
            for term in budget.terms
        ]
    )
    parts = slopes * (budget.covariance() @ slopes) if budget.terms else np.zeros(0)
    variance = max(0.0, float(parts.sum()))
    if not variance <= _WIDEST**2:
        worst = max(zip(parts, budget.terms, strict=True), key=lambda each: each[0])[1].name
        raise BadInput(
            f"the stated errors, {worst} first, leave nothing of the dose",
            hint="One standard deviation is more than a factor of seven. State smaller errors, or check the volumes.",
        )
    sd = math.sqrt(variance)
    return Interval(
        value=value,
        low=value * math.exp(-_Z95 * sd),
        high=value * math.exp(_Z95 * sd),
        relative_sd=math.sqrt(math.expm1(variance)),
        contributions={
            term.name: float(part) / variance + 0.0 if variance else 0.0  # + 0.0: never -0
            for term, part in zip(budget.terms, parts, strict=True)
        },
        method="propagation",
    )


def one_at_a_time(model: Model, budget: Budget) -> dict[str, tuple[float, float]]:
    """What the model gives when each term alone is one standard deviation lower and higher."""
    central = {term.name: term.value for term in budget.terms}
    return {
        term.name: (
            model({**central, term.name: term.moved(-term.sd)}),
            model({**central, term.name: term.moved(term.sd)}),
        )
        for term in budget.terms
    }


def monte_carlo(model: Model, budget: Budget, draws: int = 20_000, seed: int = 1) -> Interval:
    """The same budget by random draws: the check of `propagate`. Interval: 2.5 and 97.5 percentiles. Raises BadInput: under 1 % of the draws may fail."""
    rng = np.random.default_rng(seed)
    moves = rng.multivariate_normal(np.zeros(len(budget.terms)), budget.covariance(), draws, method="eigh")
    found: list[float] = []
    for row in moves:
        result = model({term.name: term.moved(float(by)) for term, by in zip(budget.terms, row, strict=True)})
        if math.isfinite(result) and result > 0:
            found.append(result)
    if len(found) < 0.99 * draws:
        raise BadInput(
            f"{100 * (1 - len(found) / draws):.1f} % of the draws give no dose",
            hint="The stated errors are too wide for this model.",
        )
    low, high = np.percentile(found, [2.5, 97.5])
    log_sd = float(np.std(np.log(found), ddof=1))
    central = {term.name: term.value for term in budget.terms}
    return Interval(
        value=model(central),
        low=float(low),
        high=float(high),
        relative_sd=math.sqrt(math.expm1(log_sd**2)),
        contributions={},
        method="monte_carlo",
    )


def volume_relative_sd(volume_ml: float, voxel_mm: Sequence[float], reader_sd_mm: float = 0.0) -> float:
    """Relative standard deviation of a volume whose boundary lies half a voxel either way with equal chance (0.29 voxel), and as a reader draws it.

    That of the sphere of the volume, 3 u(r) / r; the voxel's length is the cube root of its volume. Raises BadInput.
    """
    radius = (3000 * positive(volume_ml, "the volume", "mL") / (4 * math.pi)) ** (1 / 3)
    voxel = math.prod(positive(each, "a voxel's length", "mm") for each in voxel_mm) ** (1 / 3)
    return 3 * math.hypot(voxel / math.sqrt(12), reader_sd_mm) / radius


def recovery(volume_ml: float, midpoint_ml: float, power: float) -> float:
    """Recovery coefficient of a phantom curve, 1 - 1 / (1 + (v / midpoint)^power): 0.5 at the midpoint, 1 for large volumes. Raises BadInput."""
    positive(volume_ml, "the volume", "mL")
    ratio = (volume_ml / positive(midpoint_ml, "the midpoint", "mL")) ** positive(power, "the power")
    return ratio / (1 + ratio)


@dataclass(frozen=True, slots=True)
class MeasuredLesion:
    """A lesion on a post-treatment image. `activity_gbq`: apparent activity in its outline, before recovery, at injection. Standard deviations are relative.

    `count_power`: how the apparent activity grows with the outlined volume, as a power (0: all of it lies well inside; 1: the outline cuts through even
    activity). `curve_correlation`: of midpoint and power in the fit of the recovery curve. `scale`: what the map was scaled to: a dose grows with a positive
    term, and with what a share leaves.
    """

    name: str
    volume_ml: float
    activity_gbq: float
    density_g_ml: float
    volume_sd: float
    count_power: float
    calibration_sd: float
    counting_sd: float = 0.0
    midpoint_ml: float | None = None
    power: float = 1.0
    midpoint_sd: float = 0.0
    power_sd: float = 0.0
    curve_correlation: float = 0.0
    scale: tuple[Term, ...] = ()


def measured_dose(of: MeasuredLesion, constant_gy_kg_per_gbq: float) -> tuple[Model, Budget]:
    """Mean dose of a measured lesion as a model and its budget, for `propagate` or `monte_carlo`.

    The volume stands in the apparent activity, the recovery and the mass at once, so their covariance is in the model. Raises BadInput.
    """
    curve = of.midpoint_ml is not None
    terms = [
        Term("volume", of.volume_ml, of.volume_sd),
        Term("calibration", 1.0, of.calibration_sd),
        Term("counting", 1.0, of.counting_sd),
        *of.scale,
    ]
    if of.midpoint_ml is not None:
        terms += [
            Term("recovery midpoint", of.midpoint_ml, of.midpoint_sd),
            Term("recovery power", of.power, of.power_sd),
        ]
    correlations = (("recovery midpoint", "recovery power", of.curve_correlation),) if curve else ()
    constant = positive(constant_gy_kg_per_gbq, "the dose constant", "Gy kg/GBq")
    density = positive(of.density_g_ml, "the density", "g/mL")
    activity = positive(of.activity_gbq, f"the activity of {of.name}", "GBq")

    def dose(values: Values) -> float:
        volume = values["volume"]
        apparent = activity * (volume / of.volume_ml) ** of.count_power * values["counting"] / values["calibration"]
        for term in of.scale:
            now = values[term.name]
            apparent *= (1 - now) / (1 - term.value) if term.kind == "share" else now / term.value
        recovered = recovery(volume, values["recovery midpoint"], values["recovery power"]) if curve else 1.0
        return constant * apparent / recovered / (density * volume / 1000)

    return dose, Budget(tuple(terms), correlations)
