"""One pooled value of effects with known variance: estimate, intervals, heterogeneity, and what must be said with it."""

from __future__ import annotations

import numpy as np

from liverboard.errors import BadInput
from liverboard.synthesis.effects import Effects
from liverboard.synthesis.intervals import CiMethod, FloatArray, expit, normal_quantile, quantile
from liverboard.synthesis.random_effects import EffectsFit, Tau2Method, fit_effects, tau2_interval
from liverboard.synthesis.result import LOG_SCALES, Interval, Pooled, StudyEffect, exp

FEW = 5
"""Fewer studies than this carry a banner; fewer than three have no prediction interval."""


def few_studies(k: int) -> tuple[str, ...]:
    """The banner of a pool of few studies."""
    if k == 1:
        return ("One study only: its own interval is shown, nothing is pooled.",)
    if k < FEW:
        none = " No prediction interval is shown." if k < 3 else ""
        return (f"Too few studies ({k}): the spread between studies is hardly known, read with caution.{none}",)
    return ()


def back(effects: Effects, value: FloatArray | float) -> FloatArray:
    """From the model's scale to the reported one."""
    if effects.scale == "proportion":
        return expit(value)
    if effects.scale == "rate":
        return np.exp(np.minimum(value, 700))
    return np.asarray(value, dtype=float)


def interval(effects: Effects, low: float, high: float) -> Interval:
    return float(back(effects, low)), float(back(effects, high))


def study_effects(effects: Effects, weights: FloatArray, level: float) -> tuple[StudyEffect, ...]:
    """Each study with its own interval and its share of the weights, (k,)."""
    share = weights / weights.sum()
    z = normal_quantile(1 - (1 - level) / 2)
    rows: list[StudyEffect] = []
    for i, label in enumerate(effects.labels):
        if effects.shown is not None:
            estimate, ci = effects.shown[i]
        else:
            half = z * float(np.sqrt(effects.v[i]))
            estimate = float(back(effects, effects.y[i]))
            ci = interval(effects, float(effects.y[i]) - half, float(effects.y[i]) + half)
        rows.append(StudyEffect(label, estimate, ci, float(share[i])))
    return tuple(rows)


def patients(effects: Effects) -> int | None:
    return None if effects.n is None else int(effects.n.sum())


def pool_effects(
    effects: Effects,
    method: Tau2Method = "reml",
    ci: CiMethod = "hk",
    level: float = 0.95,
    *,
    prediction_df: int | None = None,
) -> Pooled:
    """Pool effects: inverse-variance weights with tau2 by `method`, interval by `ci`, tau2 interval by Q-profile.

    The prediction interval takes the same standard error and quantile as the interval (k - 1 degrees of freedom, or `prediction_df` below k: 2 gives k - 2,
    of Higgins, Thompson and Spiegelhalter). Raises BadInput where there is no study.
    """
    k = len(effects)
    if k == 0:
        raise BadInput("there is no study to pool", hint="give at least one row")
    if k == 1:
        return _single(effects, method, ci, level)
    fit = fit_effects(effects.y, effects.v, method=method)
    used, warnings = _checked_interval(effects, fit, ci, level)
    low, high = (float(limit[0, 0]) for limit in fit.interval(used, level))
    mu, se = float(fit.beta[0, 0]), float(np.sqrt(fit.covariance(used)[0, 0, 0]))
    tau2 = float(fit.tau2[0])
    prediction: Interval | None = None
    df = k - (prediction_df or 1)
    if method != "fixed" and k >= 3 and df >= 1:
        half = float(quantile(used, level, df)) * float(np.sqrt(se**2 + tau2))
        prediction = interval(effects, mu - half, mu + half)
    q_p = float(fit.q_p[0])
    if method == "fixed":
        warnings += (
            "Fixed effect: the interval holds only if every study estimates the same value; it knows nothing of the spread between studies"
            + (f", which is there (Q {float(fit.q[0]):.1f}, p {q_p:.2g})." if q_p < 0.1 else "."),
        )
    tau2_ci = None if method == "fixed" else tau2_interval(effects.y, effects.v, np.ones((k, 1)), level=level)
    if tau2_ci is not None and tau2_ci[1] == 0:
        warnings += (
            "The studies agree more closely than chance would have it: the Q-profile interval of tau2 is empty, shown as 0 to 0.",
        )
    plain = 1 / effects.v if method in {"fixed", "genq"} else 1 / (effects.v + tau2)
    return Pooled(
        k=k,
        n=patients(effects),
        estimate=float(back(effects, mu)),
        ci=interval(effects, low, high),
        prediction_interval=prediction,
        tau2=tau2,
        tau2_ci=tau2_ci,
        i2_percent=float(fit.i2_percent[0]),
        h2=float(fit.h2[0]),
        q=float(fit.q[0]),
        q_p=q_p,
        method=method,
        ci_method=used,
        scale=effects.scale,
        model_scale=effects.model_scale,
        mu=mu,
        se=se,
        studies=study_effects(effects, plain, level),
        warnings=(*few_studies(k), *effects.warnings, *warnings),
        level=level,
        more={"q_df": k - 1},
    )


def _checked_interval(
    effects: Effects, fit: EffectsFit, ci: CiMethod, level: float
) -> tuple[CiMethod, tuple[str, ...]]:
    """The interval that is used, and what to say when Hartung and Knapp's is narrower than Wald's."""
    if ci != "hk" or float(fit.scale2[0]) >= 1 or float(fit.df[0]) < 1:
        return ci, ()
    if float(fit.scale2[0]) < 1e-8:
        return "t", ("The studies agree so closely that the Hartung-Knapp interval has no width; t is shown instead.",)
    low, high = interval(effects, *(float(limit[0, 0]) for limit in fit.interval("hk_adhoc", level)))
    if effects.scale in LOG_SCALES:
        low, high = exp(low), exp(high)
    return ci, (
        f"The Hartung-Knapp interval rests on a standard error below Wald's. Kept from falling below it (hk_adhoc) it is {low:.4g} to {high:.4g}{', as a ratio' if effects.scale in LOG_SCALES else ''}.",
    )


def _single(effects: Effects, method: str, ci: str, level: float) -> Pooled:
    study = study_effects(effects, np.ones(1), level)
    return Pooled(
        k=1,
        n=patients(effects),
        estimate=study[0].estimate,
        ci=study[0].ci,
        method=method,
        ci_method="study",
        scale=effects.scale,
        model_scale=effects.model_scale,
        mu=float(effects.y[0]),
        se=float(np.sqrt(effects.v[0])),
        studies=study,
        warnings=(*few_studies(1), *effects.warnings),
        level=level,
    )
