"""Pooled event rates: the exact Poisson-normal model of events in a follow-up time.

x_i events in time t_i, log rate = mu + tau u_i, u_i ~ N(0, 1). Source: synthesis_methods_note, section 1; stijnen_2010.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import xlogy  # pyright: ignore[reportUnknownVariableType]

from liverboard.errors import BadInput
from liverboard.synthesis.counts import CountModel, exact_pool, pool_counts
from liverboard.synthesis.effects import log_rates
from liverboard.synthesis.intervals import CiMethod, FloatArray, poisson_exact
from liverboard.synthesis.likelihoods import Poisson
from liverboard.synthesis.mixed import NODES
from liverboard.synthesis.pool import pool_effects
from liverboard.synthesis.random_effects import METHODS, tau2_method
from liverboard.synthesis.result import Pooled

LOG_WARNING = (
    "Sensitivity analysis, not for the headline: pooling log rates by inverse variance leans upwards when events are rare. "
    "The exact model (glmm) is the default."
)


def pool_rates(
    labels: Sequence[str],
    events: ArrayLike,
    time: ArrayLike,
    *,
    method: str = "glmm",
    ci: CiMethod | None = None,
    level: float = 0.95,
    nodes: int = NODES,
) -> Pooled:
    """Pool the rates of k studies, `events` in `time` each, (k,); the estimate is events per unit of that time.

    `glmm` (default) is the exact model, interval by t with k - 1 degrees of freedom; the other methods pool log rates by inverse variance, as a sensitivity
    analysis. Without any event, the pooled counts are shown with their exact interval. Raises BadInput for counts or times that are none.
    """
    effects = log_rates(labels, events, time, level)
    if method in METHODS:
        pooled = pool_effects(effects, tau2_method(method), ci or "hk", level)
        return replace(pooled, warnings=(*pooled.warnings, LOG_WARNING))
    if method != "glmm":
        raise BadInput(f"'{method}' is not a method for rates", hint=f"one of: glmm, {', '.join(METHODS)}")
    x, t = np.asarray(events, dtype=float), np.asarray(time, dtype=float)
    counts = Poisson.of(x, t)
    best: FloatArray = np.asarray(xlogy(x, x), dtype=float) - x

    def information(mu: float) -> FloatArray:
        return np.maximum(t * np.exp(mu), 1e-300)

    model = CountModel(
        likelihood=counts,
        effects=effects,
        information=information,
        saturated=float((counts.constant[0, :, 0] + best).sum()),
        inside=(x > 0).astype(float),
        mean=lambda mu, tau: float(np.exp(mu + tau * tau / 2)),
        crude=float(x.sum() / t.sum()),
    )
    if len(labels) == 1 or x.sum() == 0:
        low, high = (float(limit) for limit in poisson_exact(x.sum(), t.sum(), level))
        words = (
            ""
            if x.sum() > 0
            else f"No event in a follow-up time of {t.sum():g}: the exact interval of the pooled counts is shown."
        )
        return exact_pool(model, (low, high), model.crude, "poisson_exact", level, words)
    return pool_counts(model, ci or "t", level, nodes)
