"""Pooled medians of survival: inverse variance on the log scale, or the median of the medians where too few studies give an interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from liverboard.errors import BadInput, Problem
from liverboard.synthesis.intervals import normal_quantile, t_quantile
from liverboard.synthesis.observations import Floats
from liverboard.synthesis.random_effects import fit_effects, tau2_interval
from liverboard.synthesis.result import Interval, Pooled, StudyEffect


@dataclass(frozen=True, slots=True)
class StudyMedian:
    """A published median with its interval; `upper` None means not reached, `lower` None that no interval is given. `origin`: where the clock starts."""

    label: str
    median: float
    lower: float | None = None
    upper: float | None = None
    n: int | None = None
    origin: str = ""
    level: float = 0.95

    @property
    def log_se(self) -> float | None:
        """Standard error of the log median: (U - L) / (2 z M), or (M - L) / (z M) where U is not reached."""
        if self.lower is None:
            return None
        z = normal_quantile(1 - (1 - self.level) / 2)
        width = (self.median - self.lower) / z if self.upper is None else (self.upper - self.lower) / (2 * z)
        return width / self.median


def pooled_medians(studies: Sequence[StudyMedian], *, level: float = 0.95) -> Pooled:
    """Random effects (REML, Hartung-Knapp, t) of the log medians; reported as a median, in the unit of time.

    Where fewer than half of the studies give an interval: the median of medians instead. Source: survival_methods_note. Raises BadInput: no study, a median
    that is not positive or outside its interval, studies whose clocks start at different events.
    """
    _check(studies)
    known = [(study, se) for study in studies if (se := study.log_se) is not None and se > 0]
    if 2 * len(known) < len(studies) or len(known) < 2:
        return median_of_medians(studies, level=level)
    left_out = [study.label for study in studies if study not in [s for s, _ in known]]
    y, v = np.log([study.median for study, _ in known]), np.array([se**2 for _, se in known])
    ones = np.ones((len(known), 1))
    fitted = fit_effects(y, v, ones)
    k, mu, tau2 = len(known), float(fitted.beta[0, 0]), float(fitted.tau2[0])
    low, high = (float(limit[0, 0]) for limit in fitted.interval("hk", level))
    se = math.sqrt(float(fitted.covariance("hk")[0, 0, 0]))
    spread = float(t_quantile(1 - (1 - level) / 2, k - 1)) * math.sqrt(se**2 + tau2)
    weights = 1 / (v + tau2)
    warnings = [
        "A pooled median hides differences of follow-up; medians not reached count by their lower limit only."
        if any(study.upper is None for study, _ in known)
        else "A pooled median hides differences of follow-up.",
        *([f"Without interval, left out: {', '.join(left_out)}."] if left_out else []),
        *([f"Only {k} studies: too few to trust the interval."] if k < 5 else []),
    ]
    sizes = [study.n for study, _ in known]
    return Pooled(
        k=k,
        n=None if any(size is None for size in sizes) else sum(size or 0 for size in sizes),
        estimate=math.exp(mu),
        ci=(math.exp(low), math.exp(high)),
        prediction_interval=(math.exp(mu - spread), math.exp(mu + spread)) if k >= 3 else None,
        tau2=tau2,
        tau2_ci=tau2_interval(y, v, ones),
        i2_percent=float(fitted.i2_percent[0]),
        h2=float(fitted.h2[0]),
        q=float(fitted.q[0]),
        q_p=float(fitted.q_p[0]),
        method="reml",
        ci_method="hk",
        scale="as_given",
        model_scale="log",
        mu=mu,
        se=se,
        studies=tuple(
            StudyEffect(
                study.label, study.median, (study.lower or 0.0, math.inf if study.upper is None else study.upper), w
            )
            for (study, _), w in zip(known, (weights / weights.sum()).tolist(), strict=True)
        ),
        warnings=tuple(warnings),
        level=level,
    )


def median_of_medians(studies: Sequence[StudyMedian], *, weighted: bool = True, level: float = 0.95) -> Pooled:
    """The median of the medians, weighted by n where all studies give it; interval by the quantiles 0.5 -+ min(0.5, z / (2 sqrt k)) of the medians.

    Needs no intervals of the studies. Source: survival_methods_note. Raises BadInput: as `pooled_medians`.
    """
    _check(studies)
    k = len(studies)
    by_n = weighted and all(study.n for study in studies)
    weights = np.array([float(study.n or 0) for study in studies]) if by_n else np.ones(k)
    weights /= weights.sum()
    medians = np.array([study.median for study in studies])
    half = min(0.5, normal_quantile(1 - (1 - level) / 2) / (2 * math.sqrt(k)))
    ci: Interval = (_quantile(medians, weights, 0.5 - half), _quantile(medians, weights, 0.5 + half))
    return Pooled(
        k=k,
        n=sum(study.n or 0 for study in studies) if by_n else None,
        estimate=_quantile(medians, weights, 0.5),
        ci=ci,
        method="weighted median of medians" if by_n else "median of medians",
        ci_method="sign test",
        scale="as_given",
        model_scale="natural",
        studies=tuple(
            StudyEffect(
                study.label,
                study.median,
                (0.0 if study.lower is None else study.lower, math.inf if study.upper is None else study.upper),
                w,
            )
            for study, w in zip(studies, weights.tolist(), strict=True)
        ),
        warnings=("Median of medians: the studies' own intervals are not used.",),
        level=level,
    )


def _quantile(values: Floats, weights: Floats, p: float) -> float:
    """Weighted quantile: the value where the cumulative weight first exceeds p, the mean of two where it meets p."""
    order = np.argsort(values)
    sums = np.cumsum(weights[order])
    at = int(np.searchsorted(sums, p - 1e-12))
    at = min(at, len(values) - 1)
    if abs(sums[at] - p) < 1e-12 and at + 1 < len(values):
        return float(values[order[at]] + values[order[at + 1]]) / 2
    return float(values[order[at]])


def _check(studies: Sequence[StudyMedian]) -> None:
    if not studies:
        raise BadInput("there is no study", hint="Give at least one median.")
    problems: list[Problem] = []
    for study in studies:
        numbers = [study.median, *(limit for limit in (study.lower, study.upper) if limit is not None)]
        if not all(math.isfinite(x) and x > 0 for x in numbers):
            problems.append(Problem(f"study {study.label}: a median or limit is not above 0"))
        elif (study.lower is not None and study.lower > study.median) or (
            study.upper is not None and study.upper < study.median
        ):
            problems.append(Problem(f"study {study.label}: the median lies outside its interval"))
        elif study.lower is None and study.upper is not None:
            problems.append(Problem(f"study {study.label}: an upper limit without a lower one"))
    if problems:
        raise BadInput("medians cannot be used", problems=problems, hint="Check them against the paper.")
    origins = sorted({study.origin for study in studies})
    if len(origins) > 1:
        raise BadInput(
            f"the clocks start at different events: {', '.join(origin or 'not stated' for origin in origins)}",
            hint="Pool studies of one time origin only.",
        )
