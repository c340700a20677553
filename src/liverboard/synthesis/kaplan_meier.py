"""Kaplan-Meier: the share still free of the event over time, with its interval, quantiles and the numbers at risk."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from liverboard.errors import BadInput
from liverboard.synthesis.intervals import normal_quantile
from liverboard.synthesis.observations import Floats, Observations
from liverboard.synthesis.result import Interval, finite, pair
from liverboard.synthesis.risk_sets import RiskSets, risk_sets

Transform = Literal["log-log", "log", "plain"]
_FLAT = 1e-9  # a survival within this of a quantile is at it: 1 - 1/2 summed in other ways


@dataclass(frozen=True, slots=True)
class SurvivalCurve:
    """The curve at every distinct end of follow-up; all arrays have one entry a time.

    `at_risk`: (weighted) number under observation just before `time`; `events` and `censored` at `time`. `se`: standard error of `survival`. `lower`, `upper`:
    pointwise interval. `n`, `n_events`: rows, unweighted. `variance_log`: variance of ln S; infinite where S is 0.
    """

    time: Floats
    at_risk: Floats
    events: Floats
    censored: Floats
    survival: Floats
    se: Floats
    lower: Floats
    upper: Floats
    variance_log: Floats
    n: int
    n_events: int
    transform: Transform
    level: float
    robust: bool = False

    def at(self, times: Floats | list[float]) -> Floats:
        """Survival at given times: the step curve, continuous from the right."""
        return np.concatenate(([1.0], self.survival))[np.searchsorted(self.time, times, side="right")]

    def quantile(self, p: float = 0.5) -> tuple[float | None, Interval]:
        """The first time at which survival is 1 - p or less, with Brookmeyer-Crowley limits: the first times at which the limits of the curve are.

        None, and an upper limit of infinity, where the curve (or its limit) stays above. Source: survival_methods_note.
        """

        def first(values: Floats) -> float:
            below = np.flatnonzero(values <= 1 - p + _FLAT)
            return float(self.time[below[0]]) if len(below) else math.inf

        return finite(first(self.survival)), (first(self.lower), first(self.upper))

    @property
    def median(self) -> float | None:
        return self.quantile()[0]

    @property
    def median_ci(self) -> Interval:
        return self.quantile()[1]

    def as_json(self) -> dict[str, object]:
        """Group summary of the command: sizes and median; an open end is null."""
        return {
            "n": self.n,
            "events": self.n_events,
            "median": self.median,
            "median_ci": pair(self.median_ci),
        }


def kaplan_meier(
    observations: Observations, *, transform: Transform = "log-log", level: float = 0.95, robust: bool | None = None
) -> SurvivalCurve:
    """S = product of (1 - d/n); variance of ln S by Greenwood, sum of d / (n (n - d)).

    `robust`: infinitesimal jackknife instead, which takes weights as sampling weights; default where weights are not whole numbers. It equals Greenwood's
    without weights. Interval by the transform; where the curve is 0 no transform gives one, and the limits are 0 and the upper limit of the step before.
    Source: survival_methods_note. Raises BadInput: competing events, strata.
    """
    if (observations.event > 1).any():
        raise BadInput(
            "a Kaplan-Meier curve cannot hold competing events",
            hint="Use aalen_johansen; or count every event as one (event-free survival).",
        )
    if observations.strata is not None:
        raise BadInput("a Kaplan-Meier curve is of one group", hint="Make one curve for each stratum.")
    sets = risk_sets(observations, every_time=True)
    order = sets.times.order
    weight = observations.weight[order]
    died = weight * observations.event[order]
    at_risk = sets.at_risk(weight)
    events = sets.times.totals(died)
    if observations.entry is not None:
        at_risk = np.maximum(at_risk, events)
    with np.errstate(divide="ignore", invalid="ignore"):
        stay = np.where(events > 0, np.maximum(1 - events / at_risk, 0), 1.0)
        stay[at_risk - events < _FLAT * at_risk] = 0.0
        survival: Floats = np.asarray(np.cumprod(stay), dtype=np.float64)
        terms = np.where(events > 0, np.where(stay > 0, events / (at_risk**2 * stay), math.inf), 0.0)
    use_robust = not observations.whole_weights if robust is None else robust
    variance = _jackknife(sets, observations, terms, at_risk, stay) if use_robust else np.cumsum(terms)
    lower, upper = _interval(survival, variance, transform, level)
    positive = survival > 0
    return SurvivalCurve(
        time=sets.times.time,
        at_risk=at_risk,
        events=events,
        censored=sets.times.totals(weight - died),
        survival=survival,
        se=np.where(positive, survival * np.sqrt(np.where(positive, variance, 0.0)), 0.0),
        lower=lower,
        upper=upper,
        variance_log=variance,
        n=observations.n,
        n_events=int(observations.event.sum()),
        transform=transform,
        level=level,
        robust=use_robust,
    )


def _jackknife(sets: RiskSets, observations: Observations, terms: Floats, at_risk: Floats, stay: Floats) -> Floats:
    """Variance of ln S as the sum of squared influences of each person, in O(n).

    Influence is the hazard sum since entry; who had the event takes off a term and, like who is censored, keeps it for good. Infinite where S is 0.
    """
    order, place = sets.times.order, sets.times.of_person
    weight, event = observations.weight[order], observations.event[order]
    finite_terms = np.where(np.isfinite(terms), terms, 0.0)
    hazard = np.cumsum(finite_terms)
    since_entry = sets.over_times(finite_terms)
    leaving = np.zeros_like(at_risk)
    np.divide(1.0, at_risk * stay, out=leaving, where=stay > 0)
    own = since_entry - event * leaving[place]
    at_entry = hazard[place] - since_entry
    gone = np.cumsum(sets.times.totals((weight * own) ** 2))
    parts = [weight**2, weight**2 * at_entry, weight**2 * at_entry**2]
    still = [sets.at_risk(part) - sets.times.totals(part) for part in parts]
    there = np.maximum(hazard**2 * still[0] - 2 * hazard * still[1] + still[2], 0.0)
    return np.where(np.cumprod(stay) > 0, gone + there, math.inf)


def _interval(survival: Floats, variance: Floats, transform: Transform, level: float) -> tuple[Floats, Floats]:
    z = normal_quantile(1 - (1 - level) / 2)
    inside = (survival > 0) & (survival < 1)
    s = np.where(inside, survival, 0.5)
    half = z * np.sqrt(np.where(inside, variance, 0.0))
    with np.errstate(over="ignore"):
        if transform == "plain":
            low, high = s * (1 - half), s * (1 + half)
        elif transform == "log":
            low, high = s * np.exp(-half), s * np.exp(half)
        else:
            spread = half / np.log(s)  # negative
            low, high = s ** np.exp(-spread), s ** np.exp(spread)
    lower = np.where(inside, np.clip(low, 0, 1), survival)
    upper = np.where(inside, np.clip(high, 0, 1), survival)
    zero = np.flatnonzero(survival <= 0)
    if len(zero):
        upper[zero] = upper[zero[0] - 1] if zero[0] > 0 else 1.0
    return lower, upper
