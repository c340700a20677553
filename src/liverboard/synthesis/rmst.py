"""Restricted mean survival time: the area under a Kaplan-Meier curve up to a stated time, and its difference between two groups."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from liverboard.errors import BadInput
from liverboard.synthesis.intervals import normal_quantile, normal_upper
from liverboard.synthesis.kaplan_meier import SurvivalCurve
from liverboard.synthesis.result import Interval, finite, pair


@dataclass(frozen=True, slots=True)
class RestrictedMean:
    """Mean time free of the event within [0, tau], in the unit of the times. `p` tests a difference against 0; None for one group, or without variance."""

    tau: float
    estimate: float
    se: float
    ci: Interval
    p: float | None = None

    def as_json(self) -> dict[str, object]:
        shape: dict[str, object] = {"tau": self.tau, "estimate": self.estimate, "se": self.se, "ci": pair(self.ci)}
        return shape if self.p is None else {**shape, "p": finite(self.p)}


def longest_tau(curve: SurvivalCurve) -> float:
    """The last time up to which the curve is known: its end of follow-up; unbounded once it is 0."""
    return math.inf if curve.survival[-1] <= 0 else float(curve.time[-1])


def common_tau(curves: list[SurvivalCurve]) -> float:
    """The shortest of the groups' longest observed times: up to it every curve is known."""
    return min(float(curve.time[-1]) for curve in curves)


def rmst(curve: SurvivalCurve, tau: float, *, level: float = 0.95) -> RestrictedMean:
    """Area under the curve to tau; variance: sum over event times t <= tau of (area from t to tau)^2 times Greenwood's term d / (n (n - d)).

    Source: survival_methods_note. Raises BadInput: tau not positive, or beyond follow-up while the curve is not at 0; a
    curve with robust errors, whose variance has no such terms.
    """
    if curve.robust:
        raise BadInput(
            "a restricted mean has no error here with weights that are not counts", hint="Leave out the weights."
        )
    if not (math.isfinite(tau) and tau > 0):
        raise BadInput(f"tau is {tau:g}", hint="Give a time above 0 up to which the mean is taken.")
    if tau > longest_tau(curve):
        raise BadInput(
            f"tau {tau:g} lies beyond the last follow-up, {curve.time[-1]:g}",
            hint="Give a tau within follow-up of every group: past it the curve is not known.",
        )
    within = curve.time <= tau
    edges = np.concatenate(([0.0], curve.time[within], [tau]))
    heights = np.concatenate(([1.0], curve.survival[within]))
    areas = heights * np.diff(edges)
    area = float(areas.sum())
    left = area - np.cumsum(areas)[:-1]
    known = curve.survival[within] > 0  # where the curve is 0 nothing is left to the right
    steps = np.diff(np.concatenate(([0.0], np.where(known, curve.variance_log[within], 0.0))))
    variance = float(np.sum(np.where(known, left**2 * steps, 0.0)))
    se = math.sqrt(max(variance, 0.0))
    half = normal_quantile(1 - (1 - level) / 2) * se
    return RestrictedMean(tau, area, se, (area - half, area + half))


def rmst_difference(a: SurvivalCurve, b: SurvivalCurve, tau: float, *, level: float = 0.95) -> RestrictedMean:
    """Mean of `a` minus mean of `b` within [0, tau]; groups are independent. Raises BadInput: as `rmst`."""
    first, second = rmst(a, tau), rmst(b, tau)
    estimate = first.estimate - second.estimate
    se = math.hypot(first.se, second.se)
    half = normal_quantile(1 - (1 - level) / 2) * se
    p = float(2 * normal_upper(abs(estimate) / se)) if se > 0 else None
    return RestrictedMean(tau, estimate, se, (estimate - half, estimate + half), p)
