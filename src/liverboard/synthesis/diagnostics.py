"""What a pool rests on: studies left out, added one by one, and weighed for influence; asymmetry of small studies.

Asymmetry is offered for ten studies and more, and never proves publication bias. Source: synthesis_methods_note, sections 2 and 2.2; egger_1997, peters_2006,
begg_1994, duval_tweedie_2000.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from liverboard.errors import BadInput
from liverboard.synthesis.effects import Effects
from liverboard.synthesis.intervals import FloatArray, normal_upper, t_upper
from liverboard.synthesis.mixed import Likelihood, MixedFit, fit_mixed
from liverboard.synthesis.random_effects import EffectsFit, Tau2Method, Weighted, fit_effects

FEWEST = 10
_stats: Any = stats  # scipy ships no types


@dataclass(frozen=True, slots=True)
class Influence:
    """A value a study, (k,): how far it lies from the others, how much it moves the pool, how much it weighs."""

    rstudent: FloatArray
    cooks: FloatArray
    dffits: FloatArray
    hat: FloatArray


@dataclass(frozen=True, slots=True)
class Asymmetry:
    """A test of small-study asymmetry: its statistic (t, z or Kendall's tau), degrees of freedom (None for z and rank) and p."""

    test: str
    statistic: float
    df: int | None
    p: float
    words: str = "Asymmetry has many causes; it is no proof of publication bias."

    def as_json(self) -> dict[str, object]:
        return {"test": self.test, "statistic": self.statistic, "df": self.df, "p": self.p, "words": self.words}


@dataclass(frozen=True, slots=True)
class TrimAndFill:
    """Exploration only: how many studies would make the funnel symmetric, on which side, and the pool with them."""

    missing: int
    side: str
    mu: float
    se: float
    filled_y: FloatArray
    filled_v: FloatArray


def leave_one_out(effects: Effects, method: Tau2Method = "reml") -> EffectsFit:
    """The pool without each study in turn, as one batch of k. Raises BadInput for fewer than two studies."""
    k = _at_least(effects, 2)
    v = np.where(np.eye(k, dtype=bool), np.inf, effects.v)
    return fit_effects(np.broadcast_to(effects.y, (k, k)), v, method=method)


def leave_one_out_counts(
    family: Callable[[FloatArray, FloatArray], Likelihood], events: ArrayLike, size: ArrayLike
) -> MixedFit:
    """The exact model without each study in turn, as one batch of k: `family` is Binomial.of with patients or Poisson.of with time as `size`, (k,)."""
    x, n = np.asarray(events, dtype=float), np.asarray(size, dtype=float)
    rest = ~np.eye(len(x), dtype=bool)
    return fit_mixed(family(x * rest, n * rest), np.ones((len(x), 1)))


def cumulative_counts(
    family: Callable[[FloatArray, FloatArray], Likelihood],
    events: ArrayLike,
    size: ArrayLike,
    order: Sequence[float] | FloatArray,
) -> MixedFit:
    """The exact model of the first one, two, ... k studies in rising `order`, as one batch of k; `family` and `size` as for `leave_one_out_counts`."""
    at = np.argsort(np.asarray(order, dtype=float), kind="stable")
    x, n = np.asarray(events, dtype=float)[at], np.asarray(size, dtype=float)[at]
    first = np.tri(len(x), dtype=bool)
    return fit_mixed(family(x * first, n * first), np.ones((len(x), 1)))


def cumulative(effects: Effects, order: Sequence[float] | FloatArray, method: Tau2Method = "reml") -> EffectsFit:
    """The pool of the first one, two, ... k studies in rising `order` (a year, say), as one batch of k."""
    k = _at_least(effects, 1)
    at = np.argsort(np.asarray(order, dtype=float), kind="stable")
    later = np.triu(np.ones((k, k), dtype=bool), 1)
    return fit_effects(np.broadcast_to(effects.y[at], (k, k)), np.where(later, np.inf, effects.v[at]), method=method)


def influence(effects: Effects, method: Tau2Method = "reml") -> Influence:
    """Studentised deleted residuals, Cook's distances, DFFITS and hat values. Raises BadInput for fewer than three studies."""
    _at_least(effects, 3)
    whole, without = fit_effects(effects.y, effects.v, method=method), leave_one_out(effects, method)
    w = 1 / (effects.v + whole.tau2[0])
    hat = w / w.sum()
    moved = whole.beta[0, 0] - without.beta[:, 0]
    return Influence(
        rstudent=(effects.y - without.beta[:, 0]) / np.sqrt(effects.v + without.tau2 + without.cov[:, 0, 0]),
        cooks=moved**2 / whole.cov[0, 0, 0],
        dffits=moved / np.sqrt(hat * (effects.v + without.tau2)),
        hat=hat,
    )


def egger(effects: Effects) -> Asymmetry:
    """Egger's test: weighted regression of the effects on their standard errors, t of the slope with k - 2 degrees of freedom."""
    _at_least(effects, FEWEST)
    return _weighted_slope("egger", effects.y, np.sqrt(effects.v), 1 / effects.v)


def egger_mixed(effects: Effects, method: Tau2Method = "reml") -> Asymmetry:
    """Egger's test with tau2 left over (for effects that differ between studies), z of the slope."""
    k = _at_least(effects, FEWEST)
    fit = fit_effects(effects.y, effects.v, np.column_stack([np.ones(k), np.sqrt(effects.v)]), method)
    z = float(fit.beta[0, 1] / fit.se[0, 1])
    return Asymmetry("egger_mixed", z, None, 2 * float(normal_upper(abs(z))))


def peters(effects: Effects) -> Asymmetry:
    """Peters's test: weighted regression of the effects on 1 / n, t of the slope. The default for proportions, whose standard errors follow their values."""
    _at_least(effects, FEWEST)
    if effects.n is None:
        raise BadInput("Peters's test needs the patients of every study", hint="give counts, or use Egger's test")
    return _weighted_slope("peters", effects.y, 1 / effects.n, 1 / effects.v)


def begg(effects: Effects) -> Asymmetry:
    """Begg and Mazumdar's rank correlation of standardised effects with their variances (Kendall's tau; exact p without ties)."""
    k = _at_least(effects, FEWEST)
    fit = fit_effects(effects.y, effects.v, np.ones((k, 1)), "fixed")
    deviates = (effects.y - fit.beta[0, 0]) / np.sqrt(np.maximum(effects.v - fit.cov[0, 0, 0], 1e-300))
    tau, p = _stats.kendalltau(deviates, effects.v)
    if not np.isfinite(tau):
        raise BadInput("all variances or all effects are equal: there is no rank to correlate")
    return Asymmetry("begg", float(tau), None, float(p))


def trim_and_fill(effects: Effects, method: Tau2Method = "fixed") -> TrimAndFill:
    """Duval and Tweedie's trim and fill with the estimator L0; the side with the gap is told by the slope of Egger's regression.

    Raises BadInput for fewer than ten studies.
    """
    k = _at_least(effects, FEWEST)
    design = np.column_stack([np.ones(k), np.sqrt(effects.v)])
    slope = float(fit_effects(effects.y, effects.v, design, method).beta[0, 1]) if np.ptp(effects.v) > 0 else 0.0
    side = "right" if slope < 0 else "left"
    sign = -1.0 if side == "right" else 1.0
    order = np.argsort(sign * effects.y, kind="stable")
    y, v = sign * effects.y[order], effects.v[order]
    missing, centre = 0, 0.0
    for _ in range(100):
        fit = fit_effects(y[: k - missing], v[: k - missing], method=method)
        centre = float(fit.beta[0, 0])
        away = y - centre
        rank = np.argsort(np.argsort(np.abs(away), kind="stable"), kind="stable") + 1
        positive = float(rank[away > 0].sum())
        found = min(max(0, round((4 * positive - k * (k + 1)) / (2 * k - 1))), k - 2)
        if found == missing:
            break
        missing = found
    extreme = slice(k - missing, k)
    filled_y, filled_v = sign * (2 * centre - y[extreme]), v[extreme]
    whole = fit_effects(np.concatenate([effects.y, filled_y]), np.concatenate([effects.v, filled_v]), method=method)
    return TrimAndFill(missing, side, float(whole.beta[0, 0]), float(whole.se[0, 0]), filled_y, filled_v)


def _weighted_slope(test: str, y: FloatArray, predictor: FloatArray, weight: FloatArray) -> Asymmetry:
    if np.ptp(predictor) <= 1e-12 * np.abs(predictor).max():
        raise BadInput("all studies are equally precise: asymmetry cannot be tested")
    k = len(y)
    fit = Weighted(y[None, :], weight[None, :], np.column_stack([np.ones(k), predictor]))
    variance = float(fit.q[0]) / (k - 2) * float(fit.inverse[0, 1, 1])
    if variance <= 0:
        return Asymmetry(test, 0.0, k - 2, 1.0)
    t = float(fit.beta[0, 1]) / float(np.sqrt(variance))
    return Asymmetry(test, t, k - 2, 2 * float(t_upper(abs(t), float(k - 2))))


def _at_least(effects: Effects, fewest: int) -> int:
    if len(effects) < fewest:
        raise BadInput(f"{len(effects)} studies are too few; this needs {fewest}", hint="show the studies instead")
    return len(effects)
