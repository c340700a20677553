"""The exact model of counts, from the batched fit to one pooled result: proportions and rates differ only in what `CountModel` holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from liverboard.errors import BadInput
from liverboard.synthesis.effects import Effects
from liverboard.synthesis.intervals import CiMethod, FloatArray, chi2_quantile, chi2_upper, quantile
from liverboard.synthesis.mixed import LARGEST_TAU, NODES, Likelihood, MixedFit, fit_mixed
from liverboard.synthesis.pool import back, few_studies, interval, study_effects
from liverboard.synthesis.result import Interval, Pooled

UNBOUNDED = "The spread between studies has no upper bound in these data, so no pooled value is shown: read the studies one by one."


@dataclass(frozen=True, slots=True)
class CountModel:
    """Counts of k studies: their likelihood (a batch of one), their crude effects, and what the exact model needs beside.

    `information` gives each study's information on the linear predictor at a common value of it, (k,); `saturated` is the log-likelihood when every study
    has its own value; `mean` the expected value of the back-transformed predictor when it varies by tau around mu.
    """

    likelihood: Likelihood
    effects: Effects
    information: Callable[[float], FloatArray]
    saturated: float
    inside: FloatArray
    mean: Callable[[float, float], float]
    crude: float
    method: str = "glmm"


def gauss_mean(transform: Callable[[FloatArray], FloatArray], mu: float, tau: float) -> float:
    """Mean of transform(mu + tau z) over a standard normal z."""
    z, weight = np.polynomial.hermite.hermgauss(120)
    return float((weight * transform(mu + tau * np.sqrt(2) * z)).sum() / np.sqrt(np.pi))


def tau_interval(counts: Likelihood, design: FloatArray, fit: MixedFit, level: float = 0.95) -> Interval:
    """Profile-likelihood interval of tau of one data set; the upper limit is infinite where the likelihood stays high."""
    drop = float(fit.loglik[0]) - float(chi2_quantile(level, 1.0)) / 2
    tau = float(fit.tau[0])

    def above(grid: FloatArray) -> FloatArray:
        """How far the profile likelihood at these taus is above the limit."""
        rows = np.zeros(len(grid), dtype=int)
        return fit_mixed(counts.take(rows), design, tau=grid, start=fit.beta[rows]).loglik - drop

    def narrow(inside: float, outside: float) -> float:
        share = 0.5
        for _ in range(3):  # each round cuts the bracket by 16, the last one is crossed in a straight line
            grid = np.linspace(inside, outside, 17)
            height = above(grid)
            at = max(int(np.argmax(height < 0)), 1)
            inside, outside = float(grid[at - 1]), float(grid[at])
            share = float(height[at - 1] / max(height[at - 1] - height[at], 1e-300))
        return inside + share * (outside - inside)

    low = 0.0 if float(fit.loglik_pooled[0]) >= drop or tau == 0 else narrow(tau, 0.0)
    steps = np.minimum(tau + 0.05 * 2.0 ** np.arange(10), LARGEST_TAU)
    out = above(steps) < 0
    if not out.any():
        return low, np.inf
    first = int(np.argmax(out))
    return low, narrow(tau if first == 0 else float(steps[first - 1]), float(steps[first]))


def pool_counts(model: CountModel, ci: CiMethod = "t", level: float = 0.95, nodes: int = NODES) -> Pooled:
    """Pool two or more studies whose counts leave something to estimate, by the exact model.

    `estimate` is that of the typical study, back(mu); `mean_estimate` the mean over studies. `q` is the likelihood-ratio test of homogeneity, `q_wald`
    Wald's; `tau2_p` tests tau = 0 against the half-and-half mixture of chi2 with 0 and 1 degrees of freedom. The weights shown are those of the
    information that each study carries on mu; the model itself has none.
    """
    if ci not in {"t", "z"}:
        raise BadInput(
            "the Hartung-Knapp interval belongs to inverse-variance models",
            hint="use --ci t with the exact model, or --method reml",
        )
    effects = model.effects
    k = len(effects)
    design = np.ones((k, 1))
    fit = fit_mixed(model.likelihood, design, nodes=nodes)
    q = max(0.0, 2 * (model.saturated - float(fit.loglik_pooled[0])))
    more: dict[str, float | int | str | None] = {
        "crude": model.crude,
        "q_df": k - 1,
        "q_wald": _wald(effects, model.inside),
    }
    warnings = (*few_studies(k), *effects.warnings)
    tau, mu, se = float(fit.tau[0]), float(fit.beta[0, 0]), float(fit.se[0, 0])
    if not bool(fit.converged[0]) or not np.isfinite(se):
        return empty_pool(model, ci, level, more, (*warnings, UNBOUNDED))
    tau2 = tau * tau
    half = float(quantile(ci, level, k - 1))
    typical = _typical_variance(effects)
    prediction: Interval | None = None
    if k >= 3:
        reach = half * float(np.hypot(se, tau))
        prediction = interval(effects, mu - reach, mu + reach)
    low, high = tau_interval(model.likelihood, design, fit, level)
    if not np.isfinite(high):
        warnings += ("The interval of tau2 has no upper limit in these data.",)
    more |= {
        "mean_estimate": model.mean(mu, tau),
        "tau2_p": 0.5 * float(chi2_upper(max(0.0, 2 * float(fit.loglik[0] - fit.loglik_pooled[0])), 1.0))
        if tau
        else 1.0,
    }
    return Pooled(
        k=k,
        n=None if effects.n is None else int(effects.n.sum()),
        estimate=float(back(effects, mu)),
        ci=interval(effects, mu - half * se, mu + half * se),
        prediction_interval=prediction,
        tau2=tau2,
        tau2_ci=(low * low, high * high),
        i2_percent=100 * tau2 / (tau2 + typical),
        h2=tau2 / typical + 1,
        q=q,
        q_p=float(chi2_upper(q, k - 1.0)),
        method=model.method,
        ci_method=ci,
        scale=effects.scale,
        model_scale=effects.model_scale,
        mu=mu,
        se=se,
        studies=study_effects(effects, 1 / (tau2 + 1 / model.information(mu)), level),
        warnings=warnings,
        level=level,
        more=more,
    )


def empty_pool(
    model: CountModel, ci: str, level: float, more: dict[str, float | int | str | None], warnings: tuple[str, ...]
) -> Pooled:
    """A pool whose value cannot be estimated: the studies and the words why."""
    effects = model.effects
    return Pooled(
        k=len(effects),
        n=None if effects.n is None else int(effects.n.sum()),
        method=model.method,
        ci_method=ci,
        scale=effects.scale,
        model_scale=effects.model_scale,
        studies=study_effects(effects, np.ones(len(effects)), level),
        warnings=warnings,
        level=level,
        more=more,
    )


def exact_pool(model: CountModel, ci: Interval, estimate: float, method: str, level: float, warning: str) -> Pooled:
    """Pooled counts with their exact interval, where the model has nothing to estimate."""
    effects = model.effects
    k = len(effects)
    size = effects.n if effects.n is not None else np.ones(k)
    return Pooled(
        k=k,
        n=None if effects.n is None else int(effects.n.sum()),
        estimate=estimate,
        ci=ci,
        method=method,
        ci_method="exact",
        scale=effects.scale,
        model_scale=effects.model_scale,
        studies=study_effects(effects, size, level),
        warnings=tuple(word for word in (*few_studies(k), warning) if word),
        level=level,
        more={"crude": model.crude},
    )


def _wald(effects: Effects, inside: FloatArray) -> float:
    """Q of the studies' own estimates, those without an estimate left out."""
    y, w = effects.y[inside > 0], 1 / effects.v[inside > 0]
    if len(y) == 0:
        return 0.0
    mean = (w * y).sum() / w.sum()
    return float((w * (y - mean) ** 2).sum())


def _typical_variance(effects: Effects) -> float:
    w = 1 / effects.v
    return float((len(w) - 1) * w.sum() / (w.sum() ** 2 - (w**2).sum()))
