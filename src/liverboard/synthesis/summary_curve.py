"""One survival curve from many published ones, without a distribution: survival within each interval is pooled, then multiplied.

Source: combescure_2014_summary_curve.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from liverboard.errors import BadInput, Problem
from liverboard.synthesis.intervals import normal_quantile
from liverboard.synthesis.observations import Floats
from liverboard.synthesis.result import Interval, finite, pair

Method = Literal["random", "fixed"]
_MISSING = 1e12  # variance of a cell that a study does not report: no weight


@dataclass(frozen=True, slots=True)
class CurveCells:
    """Conditional survival of each study and interval: `y` = arcsine of its root, `v` its variance, `observed`; all (studies, times)."""

    studies: tuple[str, ...]
    time: Floats
    y: Floats
    v: Floats
    observed: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class SummaryCurve:
    """The pooled curve at each time of the grid, with pointwise intervals from the log scale. `h2` and `i2_percent` come from
    Q over all cells, on as many degrees of freedom as cells less studies, as the source counts.

    `median` by straight lines between grid points; None where the curve stays above one half. `median_ci` is by simulation from the curve's own distribution.
    """

    method: Method
    k: int
    time: Floats
    survival: Floats
    lower: Floats
    upper: Floats
    q: float
    q_df: int
    h2: float | None
    i2_percent: float | None
    median: float | None
    median_ci: Interval | None
    mean: float
    warnings: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        return {
            "method": self.method,
            "k": self.k,
            "time": self.time.tolist(),
            "survival": self.survival.tolist(),
            "lower": self.lower.tolist(),
            "upper": self.upper.tolist(),
            "q": self.q,
            "q_df": self.q_df,
            "h2": finite(self.h2),
            "i2": finite(self.i2_percent),
            "median": finite(self.median),
            "median_ci": pair(self.median_ci),
            "restricted_mean": self.mean,
            "warnings": list(self.warnings),
        }


def curve_cells(
    study: Sequence[object], time: npt.ArrayLike, survival: npt.ArrayLike, at_risk: npt.ArrayLike
) -> CurveCells:
    """Rows (study, time, survival, people at risk at the start of the interval that ends at time) to cells on the grid of all times.

    q = S(t) / S(previous time); y = asin sqrt((n q + 1/4) / (n + 1/2)), v = 1 / (4 (n + 1/2)). Raises BadInput: a row without number, survival outside 0..1
    or rising, nobody at risk, a study that leaves out a time before its last.
    """
    t, s, n = (np.atleast_1d(np.array(column, dtype=np.float64)) for column in (time, survival, at_risk))
    labels = np.array([str(name) for name in study])
    if len({len(labels), len(t), len(s), len(n)}) > 1 or len(t) == 0:
        raise BadInput(
            "columns of unequal length, or no row", hint="Give study, time, survival and number at risk in each row."
        )
    wrong = ~(np.isfinite(t) & np.isfinite(s) & np.isfinite(n)) | (t <= 0) | (s < 0) | (s > 1) | (n <= 0)
    if wrong.any():
        problems = [
            Problem(f"row {row + 1}: time {t[row]:g}, survival {s[row]:g}, at risk {n[row]:g}")
            for row in np.flatnonzero(wrong)[:5]
        ]
        raise BadInput("rows cannot be used", problems=problems, hint="Time and number at risk above 0, survival 0..1.")
    names = tuple(dict.fromkeys(labels.tolist()))
    grid = np.unique(t)
    shape = (len(names), len(grid))
    y, v, observed = np.zeros(shape), np.full(shape, _MISSING), np.zeros(shape, dtype=bool)
    for i, name in enumerate(names):
        rows = np.flatnonzero(labels == name)
        rows = rows[np.argsort(t[rows])]
        places = np.searchsorted(grid, t[rows])
        if not np.array_equal(places, np.arange(len(places))):
            gap = next(k for k, place in enumerate(places) if place != k)
            raise BadInput(
                f"study {name} has not exactly one row at time {grid[gap]:g}",
                hint="Every study needs the same grid of times up to its own end.",
            )
        before = np.concatenate(([1.0], s[rows][:-1]))
        if (s[rows] > before).any():
            raise BadInput(f"survival of study {name} rises", hint="Correct the digitised values.")
        kept = before > 0
        q = s[rows][kept] / before[kept]
        size = n[rows][kept]
        y[i, places[kept]] = np.arcsin(np.sqrt((size * q + 0.25) / (size + 0.5)))
        v[i, places[kept]] = 1 / (4 * (size + 0.5))
        observed[i, places[kept]] = True
    return CurveCells(names, grid, y, v, observed)


def summary_curve(cells: CurveCells, *, method: Method = "random", draws: int = 10_000, seed: int = 1) -> SummaryCurve:
    """Pooled arcsine survival of each interval (fixed: inverse variance; random: with a covariance between intervals by multivariate DerSimonian-Laird).

    S = product of sin^2 b; Var ln S = 4 sum of cot b cot b' Cov(b, b'). `draws` and `seed` are for the interval of the median; 0 draws leave it out.
    """
    weight = np.where(cells.observed, 1 / cells.v, 0.0)
    used = weight.sum(axis=0) > 0
    if not used.all():
        cells = CurveCells(cells.studies, cells.time[used], cells.y[:, used], cells.v[:, used], cells.observed[:, used])
        weight = weight[:, used]
    fixed = (weight * cells.y).sum(axis=0) / weight.sum(axis=0)
    q = float(np.sum(weight * (cells.y - fixed) ** 2))
    df = int(cells.observed.sum()) - len(cells.studies)
    warnings: list[str] = []
    if method == "random" and len(cells.studies) > 1:
        b, covariance = _random(cells)
    else:
        b, covariance = fixed, np.diag(1 / weight.sum(axis=0))
        warnings += ["One study only: nothing is pooled."] if len(cells.studies) == 1 else []
    b = np.clip(b, 1e-12, math.pi / 2)
    log_s = np.cumsum(2 * np.log(np.sin(b)))
    cot = 1 / np.tan(b)
    spread = 4 * np.cumsum(np.cumsum(np.outer(cot, cot) * covariance, axis=0), axis=1)
    half = normal_quantile(0.975) * np.sqrt(np.clip(np.diag(spread), 0, None))
    survival = np.exp(log_s)
    if (np.count_nonzero(cells.observed, axis=0) < 3).any():
        warnings.append("At the late times fewer than 3 studies remain.")
    h2 = q / df if df > 0 else None
    return SummaryCurve(
        method=method,
        k=len(cells.studies),
        time=cells.time,
        survival=survival,
        lower=np.exp(log_s - half),
        upper=np.minimum(np.exp(log_s + half), 1.0),
        q=q,
        q_df=df,
        h2=h2,
        i2_percent=None if h2 is None else 100 * max(0.0, (h2 - 1) / h2) if h2 > 0 else 0.0,
        median=finite(_median(cells.time, survival[None, :])[0]),
        median_ci=_median_ci(cells.time, b, covariance, draws, seed),
        mean=float(np.trapezoid(np.concatenate(([1.0], survival)), np.concatenate(([0.0], cells.time)))),
        warnings=tuple(warnings),
    )


def _random(cells: CurveCells) -> tuple[Floats, Floats]:
    between = _between(cells)
    size = len(cells.time)
    total, weighted = np.zeros((size, size)), np.zeros(size)
    for y, v in zip(cells.y, cells.v, strict=True):
        inverse = np.linalg.inv(np.diag(v) + between)
        total += inverse
        weighted += inverse @ y
    covariance: Floats = np.asarray(np.linalg.inv(total), dtype=np.float64)
    return covariance @ weighted, covariance


def _between(cells: CurveCells) -> Floats:
    """Covariance between studies, moment by moment, made positive semi-definite by setting negative eigenvalues to 0. (times, times)"""
    y, v, seen = cells.y, cells.v, cells.observed.astype(np.float64)
    root = np.where(cells.observed, 1 / np.sqrt(v), 0.0)
    one = root.T @ root  # sums of 1/c over studies, c = sqrt(v_a v_b)
    two = (root**2).T @ root**2
    mean = ((root * y).T @ root) / np.where(one > 0, one, 1)  # of y_a, weighted for the pair (a, b)
    residual = ((root * y).T @ (root * y)) - mean * mean.T * one
    a = np.diag(np.diag(seen.T @ seen) - 1.0)
    b = one - two / np.where(one > 0, one, 1)
    with np.errstate(all="ignore"):
        moments = np.where(b > 1e-9 * one, (residual - a) / b, 0.0)
    values, vectors = np.linalg.eigh((moments + moments.T) / 2)
    return np.asarray((vectors * np.clip(values, 0, None)) @ vectors.T, dtype=np.float64)


def _median(time: Floats, curves: Floats) -> Floats:
    """Where each curve, drawn with straight lines from (0, 1), first meets one half; infinity where it never does. (curves,)"""
    t = np.concatenate(([0.0], time))
    s = np.concatenate((np.ones((len(curves), 1)), curves), axis=1)
    below = s <= 0.5
    place = np.argmax(below, axis=1)
    found = below.any(axis=1)
    at = np.where(found, place, 1)
    rows = np.arange(len(s))
    high, low = s[rows, at - 1], s[rows, at]
    share = np.where(high > low, (high - 0.5) / np.where(high > low, high - low, 1), 0.0)
    return np.where(found, t[at - 1] + share * (t[at] - t[at - 1]), math.inf)


def _median_ci(time: Floats, b: Floats, covariance: Floats, draws: int, seed: int) -> Interval | None:
    """Quantiles of the medians of curves drawn from the distribution of the pooled arcsines; an open end is infinite."""
    if draws < 1:
        return None
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.clip(values, 0, None))
    drawn = b + np.random.default_rng(seed).standard_normal((draws, len(b))) @ root.T
    curves: Floats = np.asarray(np.cumprod(np.sin(drawn) ** 2, axis=1), dtype=np.float64)
    medians = _median(time, curves)
    low, high = np.quantile(medians, (0.025, 0.975), method="nearest")
    return (float(low), float(high)) if math.isfinite(low) else None
