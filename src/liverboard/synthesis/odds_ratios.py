"""Pooled odds ratios of sparse two-by-two tables: exact mixed models without half events, Mantel-Haenszel and Peto.

Source: stijnen_2010 for the mixed models; synthesis_methods_note. Tables are events1 of n1 against events2 of n2, (k,) each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from liverboard.errors import BadInput
from liverboard.synthesis.counts import UNBOUNDED
from liverboard.synthesis.effects import Effects, two_by_two
from liverboard.synthesis.intervals import CiMethod, FloatArray, chi2_upper, quantile
from liverboard.synthesis.likelihoods import Binomial, ConditionalTable
from liverboard.synthesis.mixed import NODES, SMALLEST_TAU, climb_direction, evaluate, exact_hessian, fit_mixed
from liverboard.synthesis.pool import few_studies, interval, study_effects
from liverboard.synthesis.result import Interval, Pooled

CONDITIONAL_NODES = 25
_MOST_TABLES = 5e7


@dataclass(frozen=True, slots=True)
class Tables:
    """Two-by-two tables that say something on the odds ratio, each column (k,), with the effects by inverse variance beside."""

    a: FloatArray
    n1: FloatArray
    c: FloatArray
    n2: FloatArray
    effects: Effects


def informative(
    labels: Sequence[str], events1: ArrayLike, n1: ArrayLike, events2: ArrayLike, n2: ArrayLike, *, ratio: str = "odds"
) -> Tables:
    """The tables less those without events in both arms, and for odds less those with nothing but events: these say something on a risk ratio (it is 1),
    but have no variance. Raises BadInput as `two_by_two`."""
    effects = two_by_two(labels, events1, n1, events2, n2, ratio=ratio)
    a, m1, c, m2 = (np.asarray(v, dtype=float) for v in (events1, n1, events2, n2))
    keep = (a + c > 0) & ((a + c < m1 + m2) | (ratio == "risk"))
    return Tables(a[keep], m1[keep], c[keep], m2[keep], effects)


def pool_odds_ratios(tables: Tables, *, model: str = "conditional", ci: CiMethod = "t", level: float = 0.95) -> Pooled:
    """Pool odds ratios by an exact mixed model of the counts.

    `conditional`: each table given its margins (non-central hypergeometric), log odds ratio normal between studies. `unconditional`: two binomials a
    study with their own fixed level, log odds ratio normal between studies. Raises BadInput where the interval does not fit or counts are too large.
    """
    if ci not in {"t", "z"}:
        raise BadInput(
            "the Hartung-Knapp interval belongs to inverse-variance models", hint="use --ci t, or --method reml"
        )
    effects = tables.effects
    k = len(effects)
    if k == 1:
        from liverboard.synthesis.pool import pool_effects

        return pool_effects(effects, "reml", ci, level)
    mu, se, tau, converged = _conditional(tables) if model == "conditional" else _unconditional(tables)
    warnings = (*few_studies(k), *(w for w in effects.warnings if "Half an event" not in w))
    if not converged:
        words = (
            "The odds ratio has no finite estimate in these data: the events of all studies lie in one arm. "
            + UNBOUNDED
        )
        return _result(tables, model, ci, level, warnings=(*warnings, words))
    pooled = _result(tables, model, ci, level, warnings=warnings)
    half = float(quantile(ci, level, k - 1)) * se
    reach = float(quantile(ci, level, k - 1)) * float(np.hypot(se, tau))
    return replace(
        pooled,
        estimate=mu,
        ci=(mu - half, mu + half),
        prediction_interval=(mu - reach, mu + reach) if k >= 3 else None,
        tau2=tau * tau,
        mu=mu,
        se=se,
        studies=study_effects(effects, 1 / (effects.v + tau * tau), level),
    )


def _result(tables: Tables, model: str, ci: str, level: float, warnings: tuple[str, ...]) -> Pooled:
    effects = tables.effects
    return Pooled(
        k=len(effects),
        n=None if effects.n is None else int(effects.n.sum()),
        method=f"glmm_{model}",
        ci_method=ci,
        scale="log_odds_ratio",
        model_scale="log",
        studies=study_effects(effects, 1 / effects.v, level),
        warnings=warnings,
        level=level,
    )


def _conditional(tables: Tables) -> tuple[float, float, float, bool]:
    support = float(np.minimum(tables.n1, tables.a + tables.c).max())
    if support * len(tables.a) * CONDITIONAL_NODES > _MOST_TABLES:
        raise BadInput(
            "the tables are too large for the exact conditional model", hint="with such counts use --method reml"
        )
    counts = ConditionalTable.of(tables.a, tables.n1, tables.c, tables.n2)
    fit = fit_mixed(counts, np.ones((len(tables.a), 1)), nodes=CONDITIONAL_NODES)
    se = float(fit.se[0, 0])
    return float(fit.beta[0, 0]), se, float(fit.tau[0]), bool(fit.converged[0]) and np.isfinite(se)


@dataclass(frozen=True, slots=True)
class TwoArms:
    """Two binomials with the levels alpha +- eta / 2 on the logit scale, as a likelihood of the log odds ratio eta."""

    first: Binomial
    second: Binomial
    alpha: FloatArray

    @property
    def shape(self) -> tuple[int, int]:
        return self.first.shape

    def derivatives(self, eta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        l1, d1, h1 = self.first.derivatives(self.alpha + eta / 2)
        l2, d2, h2 = self.second.derivatives(self.alpha - eta / 2)
        return l1 + l2, (d1 - d2) / 2, (h1 + h2) / 4

    def third(self, eta: FloatArray) -> FloatArray:
        return (self.first.third(self.alpha + eta / 2) - self.second.third(self.alpha - eta / 2)) / 8

    def start(self) -> tuple[FloatArray, FloatArray]:
        (y1, v1), (y2, v2) = self.first.start(), self.second.start()
        return y1 - y2, v1 + v2

    def take(self, rows: np.ndarray) -> TwoArms:
        return TwoArms(self.first.take(rows), self.second.take(rows), self.alpha[rows])


def _unconditional(tables: Tables) -> tuple[float, float, float, bool]:
    """Maximum over the levels alpha (k,), mu and tau together, by Newton; each study knows only its own level."""
    first, second = Binomial.of(tables.a, tables.n1), Binomial.of(tables.c, tables.n2)
    k = len(tables.a)
    both = Binomial.of(tables.a + tables.c, tables.n1 + tables.n2)
    start_mu = float(tables.effects.y.mean())
    theta = np.concatenate([both.start()[0][0], [start_mu, 0.5]])
    h = 1e-4

    def at(theta: FloatArray, shift: float = 0.0):
        counts = TwoArms(first, second, (theta[:k] + shift)[None, :, None])
        spread = np.array([theta[k + 1]])
        return counts, spread, evaluate(counts, np.full((1, k), theta[k]), spread, np.zeros((1, k)), NODES)

    converged = False
    hessian = np.eye(k + 2)
    for _ in range(100):
        counts, spread, here = at(theta)
        (_, _, up), (_, _, down) = at(theta, h), at(theta, -h)
        aa, a_tau, tt = exact_hessian(counts, np.full((1, k), theta[k]), spread, here, NODES)
        gradient = np.concatenate([(up.loglik - down.loglik)[0] / (2 * h), [here.g_a.sum(), here.g_tau.sum()]])
        hessian = np.zeros((k + 2, k + 2))
        hessian[np.arange(k), np.arange(k)] = ((up.loglik - 2 * here.loglik + down.loglik) / h**2)[0]
        hessian[:k, k] = hessian[k, :k] = (up.g_a - down.g_a)[0] / (2 * h)
        hessian[:k, k + 1] = hessian[k + 1, :k] = (up.g_tau - down.g_tau)[0] / (2 * h)
        hessian[k:, k:] = [[aa.sum(), a_tau.sum()], [a_tau.sum(), tt.sum()]]
        step = climb_direction(hessian[None], gradient[None])[0]
        step *= min(1.0, 2 / max(float(np.abs(step).max()), 1e-300))
        before = float(here.loglik.sum())
        for _ in range(30):
            if float(at(theta + step)[2].loglik.sum()) >= before - 1e-10 * (1 + abs(before)):
                break
            step = step * 0.5
        theta = theta + step
        if np.abs(theta).max() > 40:
            break
        if np.abs(step).max() < 1e-7:
            converged = True
            break
    tau = abs(float(theta[k + 1]))
    keep = k + 2 if tau >= SMALLEST_TAU else k + 1
    variance = float(np.linalg.pinv(-hessian[:keep, :keep])[k, k])
    return float(theta[k]), float(np.sqrt(max(variance, 0.0))), tau if tau >= SMALLEST_TAU else 0.0, converged


def mantel_haenszel(tables: Tables, level: float = 0.95, *, ratio: str = "odds") -> tuple[float, float, Interval]:
    """Fixed-effect Mantel-Haenszel log odds ratio (`odds`) or log risk ratio (`risk`): estimate, standard error, interval by z.

    Standard errors: robins_1986 for the odds ratio, greenland_robins_1985 for the risk ratio. Raises BadInput where an arm has no event at all.
    """
    a, n1, c, n2 = tables.a, tables.n1, tables.c, tables.n2
    b, d, n = n1 - a, n2 - c, n1 + n2
    if ratio == "odds":
        r, s = a * d / n, b * c / n
        if r.sum() == 0 or s.sum() == 0:
            raise BadInput(
                "one arm has no event in any study: the ratio has no finite estimate", hint="pool each arm alone"
            )
        p, q = (a + d) / n, (b + c) / n
        big_r, big_s = float(r.sum()), float(s.sum())
        variance = (
            (p * r).sum() / (2 * big_r**2)
            + (p * s + q * r).sum() / (2 * big_r * big_s)
            + (q * s).sum() / (2 * big_s**2)
        )
    else:
        r, s = a * n2 / n, c * n1 / n
        if r.sum() == 0 or s.sum() == 0:
            raise BadInput(
                "one arm has no event in any study: the ratio has no finite estimate", hint="pool each arm alone"
            )
        variance = ((n1 * n2 * (a + c) - a * c * n) / n**2).sum() / (r.sum() * s.sum())
    estimate, se = float(np.log(r.sum() / s.sum())), float(np.sqrt(variance))
    half = float(quantile("z", level, 1)) * se
    return estimate, se, (estimate - half, estimate + half)


def peto(tables: Tables, level: float = 0.95) -> tuple[float, float, Interval, float, float]:
    """Peto's one-step log odds ratio: estimate, standard error, interval by z, Q of heterogeneity and its p.

    Fit for rare events, arms of like size and small effects only. Source: yusuf_1985.
    """
    n = tables.n1 + tables.n2
    events = tables.a + tables.c
    o_minus_e = tables.a - events * tables.n1 / n
    v = events * (n - events) * tables.n1 * tables.n2 / (n**2 * (n - 1))
    estimate, se = float(o_minus_e.sum() / v.sum()), float(1 / np.sqrt(v.sum()))
    q = float((o_minus_e**2 / v).sum() - o_minus_e.sum() ** 2 / v.sum())
    half = float(quantile("z", level, 1)) * se
    return (
        estimate,
        se,
        interval(tables.effects, estimate - half, estimate + half),
        q,
        float(chi2_upper(q, len(n) - 1.0)),
    )
