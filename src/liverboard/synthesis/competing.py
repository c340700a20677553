"""Competing events: cumulative incidence (Aalen-Johansen) and the Fine-Gray model of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from liverboard.errors import BadInput
from liverboard.synthesis.cox import CoxFit, Fitting, Ties, fit
from liverboard.synthesis.design import Design
from liverboard.synthesis.intervals import normal_quantile
from liverboard.synthesis.observations import Floats, Observations
from liverboard.synthesis.risk_sets import RiskSets, RiskTimes, risk_sets


@dataclass(frozen=True, slots=True)
class CumulativeIncidence:
    """At each distinct end of follow-up: `incidence`, `se`, `lower`, `upper` are (causes, times); `event_free` and `at_risk` (times).

    `event_free` and the incidences of all causes add up to 1.
    """

    time: Floats
    at_risk: Floats
    event_free: Floats
    incidence: Floats
    se: Floats
    lower: Floats
    upper: Floats
    level: float

    def at(self, times: Floats | list[float]) -> Floats:
        """Incidence of each cause at given times. (causes, len(times))"""
        padded = np.concatenate((np.zeros((len(self.incidence), 1)), self.incidence), axis=1)
        return padded[:, np.searchsorted(self.time, times, side="right")]


def aalen_johansen(observations: Observations, *, level: float = 0.95) -> CumulativeIncidence:
    """F_k = sum of S(t-) d_k / n; standard errors by the infinitesimal jackknife, intervals on the ln(-ln(1 - F)) scale.

    Codes 1, 2, ... are causes. Source: survival_methods_note. Raises BadInput: left truncation, strata.
    """
    if observations.entry is not None or observations.strata is not None:
        raise BadInput("cumulative incidence takes no entry times and no strata", hint="Give one group without them.")
    causes = max(int(observations.event.max()), 1)
    sets = risk_sets(observations, every_time=True)
    order, place = sets.times.order, sets.times.of_person
    weight, event = observations.weight[order], observations.event[order]
    n = sets.at_risk(weight)
    died = np.stack([sets.times.totals(weight * (event == cause)) for cause in range(1, causes + 1)])
    stay = 1 - died.sum(axis=0) / n
    stay[np.abs(stay) < 1e-9] = 0.0
    free: Floats = np.asarray(np.cumprod(stay), dtype=np.float64)
    before = np.concatenate(([1.0], free[:-1]))
    incidence = np.cumsum(before * died / n, axis=1)
    # influence of a person on ln S: `through` while at risk, `own` once gone (0 where nobody is left: the curves end there)
    with np.errstate(divide="ignore", invalid="ignore"):
        through = np.cumsum(np.where(stay > 0, died.sum(axis=0) / (n**2 * stay), 0.0))
        own = np.where(stay > 0, through, 0.0)[place] - np.where(
            (event > 0) & (stay[place] > 0), 1 / (n * stay)[place], 0.0
        )
    variance = np.empty_like(incidence)
    for k, total in enumerate(incidence):
        lagged = np.concatenate(([0.0], through[:-1]))
        at_risk_influence = np.cumsum(before * died[k] / n * (lagged - 1 / n))
        base = at_risk_influence[place] + np.where(event == k + 1, (before / n)[place], 0.0) - own * total[place]
        w2 = weight**2
        sums = [np.cumsum(sets.times.totals(part)) for part in (w2 * base**2, w2 * base * own, w2 * own**2)]
        there = sets.at_risk(w2) - sets.times.totals(w2)
        variance[k] = sums[0] + 2 * total * sums[1] + total**2 * sums[2] + at_risk_influence**2 * np.maximum(there, 0)
    se = np.sqrt(np.maximum(variance, 0.0))
    lower, upper = _interval(incidence, se, level)
    return CumulativeIncidence(sets.times.time, n, free, incidence, se, lower, upper, level)


def _interval(incidence: Floats, se: Floats, level: float) -> tuple[Floats, Floats]:
    z = normal_quantile(1 - (1 - level) / 2)
    inside = (incidence > 0) & (incidence < 1 - 1e-12)
    free = 1 - np.where(inside, incidence, 0.5)
    spread = -z * np.where(inside, se, 0.0) / (free * np.log(free))
    with np.errstate(over="ignore", under="ignore"):
        lower, upper = 1 - free ** np.exp(-spread), 1 - free ** np.exp(spread)
    return np.where(inside, lower, incidence), np.where(inside, upper, incidence)


@dataclass(frozen=True, slots=True)
class SubdistributionRisk:
    """The risk sets of Fine and Gray: who had a competing event stays, with weight G(t-) / G(own time -), G being the share not yet censored.

    `gone`: sorted people with a competing event; `share_then` their G; `share` G at each time; `before` the number of them who were gone before each time.
    """

    base: RiskSets
    gone: npt.NDArray[np.int64]
    share_then: Floats
    share: Floats
    before: npt.NDArray[np.int64]
    from_time: npt.NDArray[np.int64]

    @property
    def times(self) -> RiskTimes:
        return self.base.times

    def at_risk(self, values: Floats) -> Floats:
        sums = np.cumsum(values[..., self.gone] / self.share_then, axis=-1)
        padded = np.concatenate((np.zeros((*values.shape[:-1], 1)), sums), axis=-1)
        return self.base.at_risk(values) + self.share * padded[..., self.before]

    def over_times(self, values: Floats) -> Floats:
        total = self.base.over_times(values)
        sums = np.cumsum((values * self.share)[..., ::-1], axis=-1)[..., ::-1]
        padded = np.concatenate((sums, np.zeros((*values.shape[:-1], 1))), axis=-1)
        total[..., self.gone] += padded[..., self.from_time] / self.share_then
        return total


def fine_gray(
    observations: Observations,
    covariates: Design | Mapping[str, Sequence[object] | npt.NDArray[Any]],
    *,
    ties: Ties = "efron",
    cluster: Sequence[object] | npt.NDArray[Any] | None = None,
    level: float = 0.95,
) -> CoxFit:
    """Subdistribution hazard ratios of event 1, with competing events of codes 2 and up; robust errors, the censoring weights taken as known.

    For prediction; what a treatment does to a cause is the cause-specific Cox model's question. Source: survival_methods_note. Raises BadInput: as `cox`;
    left truncation, strata.
    """
    if observations.entry is not None or observations.strata is not None:
        raise BadInput(
            "the Fine-Gray model takes no entry times and no strata here", hint="Give the data without them."
        )
    design = covariates if isinstance(covariates, Design) else Design.of(covariates)
    design.check(observations.n)
    return fit(_subdistribution(observations), observations, design, Fitting(ties, True, cluster, level))


def _subdistribution(observations: Observations) -> SubdistributionRisk:
    base = risk_sets(observations.cause(1))
    order = base.times.order
    time, event = observations.time[order], observations.event[order]
    ends = risk_sets(observations, every_time=True)
    at = ends.times.time
    lost = ends.times.totals((observations.weight * (observations.event == 0))[ends.times.order])
    # events at a time come before censorings at it, so they are not at risk of being censored there
    there = ends.at_risk(observations.weight[ends.times.order]) - ends.times.totals(
        (observations.weight * (observations.event > 0))[ends.times.order]
    )
    share_after = np.cumprod(1 - lost / np.where(there > 0, there, 1.0))
    share_before = np.concatenate(([1.0], share_after))

    def just_before(times: Floats) -> Floats:
        return share_before[np.searchsorted(at, times, side="left")]

    gone = np.flatnonzero(event > 1)
    return SubdistributionRisk(
        base=base,
        gone=gone,
        share_then=just_before(time[gone]),
        share=just_before(base.times.time),
        before=np.searchsorted(time[gone], base.times.time, side="left"),
        from_time=np.searchsorted(base.times.time, time[gone], side="right"),
    )
