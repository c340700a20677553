"""Random-effects models of effects with known variance: every estimator of the variance between studies, many data sets at once.

Model: y_i = x_i' beta + N(0, tau2) + N(0, v_i). Arrays are (B, k), replicate first. A single fit is a batch of one; an absent study has infinite variance
and thus no weight. With w_i = 1 / (v_i + tau2), P is the matrix W - W X (X'WX)^-1 X'W; it is applied, never formed.
Source: synthesis_methods_note, section 2; viechtbauer_2005.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from liverboard.errors import BadInput
from liverboard.synthesis.intervals import CiMethod, FloatArray, chi2_upper, quantile

Tau2Method = Literal["fixed", "dl", "he", "hs", "hsk", "sj", "ml", "reml", "eb", "pm", "genq"]
METHODS: tuple[Tau2Method, ...] = ("fixed", "dl", "he", "hs", "hsk", "sj", "ml", "reml", "eb", "pm", "genq")
_sp: Any = special  # scipy ships no types
_BY_NAME: dict[str, Tau2Method] = {method: method for method in METHODS}
_GRID = np.concatenate([[0.0], np.logspace(-4, 1.25, 14)])


def tau2_method(name: str) -> Tau2Method:
    """The estimator of that name. Raises BadInput for another."""
    if name not in _BY_NAME:
        raise BadInput(f"'{name}' is not an estimator of tau2", hint=f"one of: {', '.join(METHODS)}")
    return _BY_NAME[name]


@dataclass(frozen=True, slots=True)
class EffectsFit:
    """Fits of B data sets. Shapes: beta (B, p), cov (B, p, p) by Wald, all else (B,).

    `q` is the residual heterogeneity at tau2 = 0 with `df` = k - p; `typical_v` the typical variance within studies, (k - p) / tr P at tau2 = 0;
    `scale2` the factor y'Py / (k - p) by which Hartung and Knapp multiply the covariance.
    """

    beta: FloatArray
    cov: FloatArray
    tau2: FloatArray
    q: FloatArray
    df: FloatArray
    typical_v: FloatArray
    scale2: FloatArray
    method: Tau2Method

    @property
    def se(self) -> FloatArray:
        return np.sqrt(np.diagonal(self.cov, axis1=1, axis2=2))

    @property
    def q_p(self) -> FloatArray:
        return np.where(self.df > 0, chi2_upper(self.q, np.maximum(self.df, 1)), np.nan)

    @property
    def i2_percent(self) -> FloatArray:
        """Share of the total variance that lies between studies: from tau2, or from Q for the fixed-effect model."""
        if self.method == "fixed":
            return 100 * np.maximum(0, self.q - self.df) / np.maximum(self.q, 1e-300)
        return 100 * self.tau2 / (self.tau2 + self.typical_v)

    @property
    def h2(self) -> FloatArray:
        if self.method == "fixed":
            return np.divide(self.q, self.df, out=np.full_like(self.q, np.nan), where=self.df > 0)
        return self.tau2 / self.typical_v + 1

    def covariance(self, ci: CiMethod) -> FloatArray:
        """Covariance of beta: Wald (`t`, `z`), Hartung-Knapp (`hk`), or Hartung-Knapp never below Wald (`hk_adhoc`)."""
        if ci in {"t", "z"}:
            return self.cov
        factor = self.scale2 if ci == "hk" else np.maximum(1, self.scale2)
        return self.cov * factor[:, None, None]

    def interval(self, ci: CiMethod, level: float = 0.95) -> tuple[FloatArray, FloatArray]:
        """Limits of beta, (B, p) each."""
        se = np.sqrt(np.diagonal(self.covariance(ci), axis1=1, axis2=2))
        half = quantile(ci, level, self.df)[:, None] * se
        return self.beta - half, self.beta + half


class Weighted:
    """Weighted least squares of B data sets at given weights, and the traces and quadratic forms in P that the estimators need."""

    def __init__(self, y: FloatArray, w: FloatArray, design: FloatArray) -> None:
        self.w, self.design = w, design
        k, p = design.shape
        self._products = np.ascontiguousarray((design[:, :, None] * design[:, None, :]).reshape(k, p * p))
        self.gram = self.moment(w)
        self.inverse: FloatArray = 1 / self.gram if p == 1 else np.asarray(np.linalg.inv(self.gram), dtype=float)
        self.beta: FloatArray = self.solve(y)
        self.residual: FloatArray = y - self.beta @ design.T
        self.py: FloatArray = w * self.residual

    def moment(self, weights: FloatArray) -> FloatArray:
        """X' diag(weights) X, (B, p, p)."""
        p = self.design.shape[1]
        return (weights @ self._products).reshape(-1, p, p)

    def solve(self, y: FloatArray) -> FloatArray:
        """(X'WX)^-1 X'W y, (B, p)."""
        xwy = (self.w * y) @ self.design
        if self.design.shape[1] == 1:
            return np.asarray(self.inverse[:, 0] * xwy)
        return np.matmul(self.inverse, xwy[:, :, None])[:, :, 0]

    @property
    def q(self) -> FloatArray:
        """y'Py."""
        return (self.py * self.residual).sum(axis=1)

    @property
    def yppy(self) -> FloatArray:
        return (self.py**2).sum(axis=1)

    @property
    def ypppy(self) -> FloatArray:
        return (self.w * self.py * (self.py - self.solve(self.py) @ self.design.T)).sum(axis=1)

    @property
    def trace_p(self) -> FloatArray:
        return self.w.sum(axis=1) - np.einsum("bpq,bqp->b", self.inverse, self.moment(self.w**2))

    @property
    def trace_pp(self) -> FloatArray:
        once = np.matmul(self.inverse, self.moment(self.w**2))
        cube = np.einsum("bpq,bqp->b", self.inverse, self.moment(self.w**3))
        return (self.w**2).sum(axis=1) - 2 * cube + np.einsum("bpq,bqp->b", once, once)

    @property
    def log_det(self) -> FloatArray:
        """log |X'WX|."""
        return np.log(self.gram[:, 0, 0]) if self.design.shape[1] == 1 else np.linalg.slogdet(self.gram)[1]


def log_likelihood(
    y: FloatArray, v: FloatArray, design: FloatArray, tau2: FloatArray, *, restricted: bool
) -> FloatArray:
    """Profile log-likelihood of tau2, (B,), up to a constant: restricted (REML) or full (ML)."""
    present = np.isfinite(v)
    fit = Weighted(y, 1 / (v + tau2[:, None]), design)
    spread = np.log(np.where(present, v, 1.0) + np.where(present, tau2[:, None], 0.0)).sum(axis=1)
    return -0.5 * (spread + fit.q + (fit.log_det if restricted else 0.0))


def fit_effects(y: ArrayLike, v: ArrayLike, design: ArrayLike | None = None, method: Tau2Method = "reml") -> EffectsFit:
    """Fit B data sets of k effects y with variances v, (B, k) or (k,), on the design matrix (k, p), by default the intercept.

    Raises BadInput where the moderators leave no degree of freedom or are linearly dependent among the studies present.
    """
    v = np.atleast_2d(np.asarray(v, dtype=float))
    y = np.where(np.isfinite(v), np.atleast_2d(np.asarray(y, dtype=float)), 0.0)
    x = np.ones((y.shape[1], 1)) if design is None else np.asarray(design, dtype=float)
    df = np.isfinite(v).sum(axis=1) - float(x.shape[1])
    try:
        plain = Weighted(y, 1 / v, x)
    except np.linalg.LinAlgError as error:
        raise BadInput(
            "the moderators are linearly dependent", hint="leave one out, or merge levels with few studies"
        ) from error
    tau2 = _estimate(method, y, v, x, plain, df)
    fit = Weighted(y, 1 / (v + tau2[:, None]), x)
    beta, cov, q = fit.beta, fit.inverse, fit.q
    if method == "genq":  # the weights stay those of the fixed-effect model; only the standard error knows of tau2
        beta = plain.beta
        inside = plain.moment(plain.w**2 * np.where(np.isfinite(v), v + tau2[:, None], 0.0))
        cov = plain.inverse @ inside @ plain.inverse
    with np.errstate(divide="ignore", invalid="ignore"):
        typical = np.asarray(np.where(df > 0, df / plain.trace_p, 1 / plain.w.sum(axis=1)), dtype=float)
        scale2: FloatArray = np.where(df > 0, q / df, 1.0)
    return EffectsFit(beta, cov, tau2, plain.q, df, typical, scale2, method)


def _estimate(
    method: Tau2Method, y: FloatArray, v: FloatArray, x: FloatArray, plain: Weighted, df: FloatArray
) -> FloatArray:
    """The variance between studies, (B,), never negative; zero where no degree of freedom is left."""
    present = np.isfinite(v)
    k = df + x.shape[1]
    inside_v = np.where(present, v, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        match method:
            case "fixed":
                tau2 = np.zeros(y.shape[0])
            case "dl" | "genq":  # the general estimator with inverse-variance weights is DerSimonian and Laird's
                tau2 = (plain.q - df) / plain.trace_p
            case "hs":
                tau2 = (plain.q - k) / plain.w.sum(axis=1)
            case "hsk":
                tau2 = (k / df * plain.q - k) / plain.w.sum(axis=1)
            case "he":
                tau2 = _hedges(y, inside_v, present, x, df)
            case "sj":
                start = np.where(present, (y - _mean(y, present)) ** 2, 0.0).sum(axis=1) / k
                fit = Weighted(y, 1 / (v + np.maximum(start, 1e-300)[:, None]), x)
                tau2 = start * fit.q / df
            case "pm" | "eb":  # the empirical Bayes estimator is the root of the same equation
                tau2 = solve_q(y, v, x, df)
            case "ml" | "reml":
                tau2 = _maximum(y, v, x, restricted=method == "reml")
    return np.where(df > 0, np.maximum(np.nan_to_num(tau2), 0.0), 0.0)


def _mean(y: FloatArray, present: np.ndarray) -> FloatArray:
    return np.where(present, y, 0.0).sum(axis=1, keepdims=True) / np.maximum(present.sum(axis=1, keepdims=True), 1)


def _hedges(y: FloatArray, v: FloatArray, present: np.ndarray, x: FloatArray, df: FloatArray) -> FloatArray:
    """Unweighted: the residual variance less the mean variance within studies, moderators allowed for."""
    equal = Weighted(y, present.astype(float), x)
    leverage = np.einsum("kp,bpq,kq->bk", x, equal.inverse, x)
    return (equal.q - (v * (1 - np.where(present, leverage, 0.0))).sum(axis=1)) / df


def solve_q(y: FloatArray, v: FloatArray, x: FloatArray, target: FloatArray) -> FloatArray:
    """The tau2 at which y'Py equals `target`, (B,); zero where it is below already at zero.

    y'Py falls and is convex in tau2, so Newton's steps from zero never pass the root. Source: paule_mandel_1982.
    """
    tau2 = np.zeros(y.shape[0])
    for _ in range(200):
        fit = Weighted(y, 1 / (v + tau2[:, None]), x)
        gap, slope = fit.q - target, fit.yppy
        step = np.where((gap > 0) & (slope > 0), gap / np.maximum(slope, 1e-300), 0.0)
        tau2 += step
        if np.all(step <= 1e-12 * tau2):
            break
    return tau2


def _maximum(y: FloatArray, v: FloatArray, x: FloatArray, *, restricted: bool) -> FloatArray:
    """The tau2 of greatest (restricted) likelihood: the best point of a grid, then Newton's steps kept inside its neighbours.

    The likelihood may have several maxima; the grid makes the greatest one the answer.
    """
    present = np.isfinite(v)
    spread = np.where(present, (y - _mean(y, present)) ** 2, 0.0).sum(axis=1) / np.maximum(present.sum(axis=1) - 1, 1)
    spread = np.maximum(spread, 1e-300)
    height = np.stack([log_likelihood(y, v, x, g * spread, restricted=restricted) for g in _GRID])
    best = height.argmax(axis=0)
    low = _GRID[np.maximum(best - 1, 0)] * spread
    high = _GRID[np.minimum(best + 1, len(_GRID) - 1)] * spread
    tau2 = _GRID[best] * spread
    active = np.arange(y.shape[0], dtype=np.intp)
    for _ in range(100):
        now = tau2[active]
        fit = Weighted(y[active], 1 / (v[active] + now[:, None]), x)
        trace = fit.trace_p if restricted else fit.w.sum(axis=1)
        expected = fit.trace_pp if restricted else (fit.w**2).sum(axis=1)
        score = fit.yppy - trace
        low[active] = np.where(score > 0, now, low[active])
        high[active] = np.where(score > 0, high[active], now)
        observed = 2 * fit.ypppy - expected
        new: FloatArray = now + score / np.where(observed > 0.05 * expected, observed, expected)
        outside = (new < low[active]) | (new > high[active])
        new = np.where(outside, 0.5 * (low[active] + high[active]), new)
        border = (now <= 0) & (score <= 0)
        new = np.where(border, 0.0, new)
        tau2[active] = new
        moving = np.abs(new - now) > 1e-11 * (new + 1e-6 / fit.w.max(axis=1))
        active = np.asarray(active[moving & ~border], dtype=np.intp)
        if active.size == 0:
            break
    return tau2


def tau2_interval(
    y: FloatArray, v: FloatArray, design: FloatArray, method: str = "q_profile", level: float = 0.95
) -> tuple[float, float]:
    """Confidence interval of tau2 of one data set, y and v (k,): `q_profile` (default), `profile_ml`, `profile_reml`, `biggerstaff_tweedie`, `sidik_jonkman`.

    Source: viechtbauer_2007; the approximate distribution of Q: biggerstaff_tweedie_1997. Raises BadInput without a degree of freedom.
    """
    yy, vv = np.atleast_2d(y), np.atleast_2d(v)
    df = float(len(y) - design.shape[1])
    if df < 1:
        raise BadInput("an interval of tau2 needs more studies than coefficients", hint="pool at least two studies")
    tail = (1 - level) / 2
    upper_quantile, lower_quantile = (float(_sp.chdtri(df, t)) for t in (tail, 1 - tail))
    match method:
        case "q_profile":
            low, high = (float(solve_q(yy, vv, design, np.array([t]))[0]) for t in (upper_quantile, lower_quantile))
            return low, high
        case "sidik_jonkman":
            tau2 = float(fit_effects(yy, vv, design, "sj").tau2[0])
            return df * tau2 / upper_quantile, df * tau2 / lower_quantile
        case "profile_ml" | "profile_reml":
            restricted = method == "profile_reml"

            def height(tau2: float) -> float:
                return float(log_likelihood(yy, vv, design, np.array([tau2]), restricted=restricted)[0])

            top = float(_maximum(yy, vv, design, restricted=restricted)[0])
            drop = height(top) - float(_sp.chdtri(1.0, 1 - level)) / 2
            low = 0.0 if height(0.0) >= drop else _root(lambda t: height(t) - drop, 0.0, top)
            return low, _root(lambda t: drop - height(t), top, _beyond(lambda t: height(t) < drop, top, vv))
        case "biggerstaff_tweedie":
            return _biggerstaff_tweedie(yy, vv, design, tail)
        case _:
            raise BadInput(f"'{method}' is not an interval of tau2", hint="use q_profile")


def _biggerstaff_tweedie(y: FloatArray, v: FloatArray, design: FloatArray, tail: float) -> tuple[float, float]:
    if design.shape[1] != 1:
        raise BadInput("this interval of tau2 is for pools without moderators", hint="use q_profile")
    s1, s2, s3 = (float((v**-r).sum()) for r in (1, 2, 3))
    q = float(Weighted(y, 1 / v, design).q[0])
    df = v.shape[1] - 1

    def below(tau2: float) -> float:
        """P(Q <= q) at tau2, by the gamma distribution with the mean and variance of Q."""
        c = s1 - s2 / s1
        mean = df + c * tau2
        variance = 2 * df + 4 * c * tau2 + 2 * (s2 - 2 * s3 / s1 + s2**2 / s1**2) * tau2**2
        return float(_sp.gammainc(mean**2 / variance, q * mean / variance))

    def limit(probability: float) -> float:
        if below(0.0) <= probability:
            return 0.0
        top = _beyond(lambda t: below(t) < probability, 0.0, v)
        return _root(lambda t: probability - below(t), 0.0, top)

    return limit(1 - tail), limit(tail)


def _beyond(passed: Callable[[float], bool], start: float, v: FloatArray) -> float:
    """A point above `start` where the condition holds, found by doubling."""
    step = max(start, float(np.min(v)))
    while not passed(start + step) and step < 1e300:
        step *= 2
    return start + step


def _root(rising: Callable[[float], float], low: float, high: float) -> float:
    """The zero of a function that rises from `low` to `high`, by bisection to the last digits."""
    for _ in range(200):
        middle = 0.5 * (low + high)
        if middle in {low, high}:
            break
        low, high = (middle, high) if rising(middle) < 0 else (low, middle)
    return 0.5 * (low + high)
