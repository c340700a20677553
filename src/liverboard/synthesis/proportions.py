"""Pooled proportions of single arms: the exact binomial-normal model, and what to show where it has nothing to estimate.

x_i of n_i patients, logit p_i = mu + tau u_i, u_i ~ N(0, 1). Source: synthesis_methods_note, section 1; stijnen_2010.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from liverboard.errors import BadInput
from liverboard.synthesis.counts import CountModel, exact_pool, gauss_mean, pool_counts
from liverboard.synthesis.effects import logit_proportions
from liverboard.synthesis.intervals import CiMethod, FloatArray, clopper_pearson, expit
from liverboard.synthesis.likelihoods import Binomial
from liverboard.synthesis.mixed import NODES, MixedFit, fit_mixed
from liverboard.synthesis.pool import pool_effects
from liverboard.synthesis.random_effects import METHODS, tau2_method
from liverboard.synthesis.result import Pooled

LOGIT_WARNING = (
    "Sensitivity analysis, not for the headline: pooling logits by inverse variance leans towards 50 % when events are rare or nearly certain, and its "
    "interval then misses the truth far too often. The exact model (glmm) is the default."
)


def pool_proportions(
    labels: Sequence[str],
    events: ArrayLike,
    n: ArrayLike,
    *,
    method: str = "glmm",
    ci: CiMethod | None = None,
    level: float = 0.95,
    nodes: int = NODES,
) -> Pooled:
    """Pool the proportions of k studies, `events` of `n` patients each, (k,).

    `glmm` (default) is the exact model, interval by t with k - 1 degrees of freedom. `reml`, `dl`, `pm`, `fixed` and the other estimators of tau2 pool
    logits by inverse variance, as a sensitivity analysis only. Freeman-Tukey is refused here: see `transformed`. With no event at all, or with nothing
    but events, the pooled counts are shown with their exact interval. Raises BadInput for counts that are none.
    """
    effects = logit_proportions(labels, events, n, level)
    if method in METHODS:
        pooled = pool_effects(effects, tau2_method(method), ci or "hk", level)
        return replace(pooled, warnings=(*pooled.warnings, LOGIT_WARNING))
    if method in {"ft", "freeman_tukey"}:
        raise BadInput(
            "the Freeman-Tukey transform is not offered as a headline: transformed back, its pooled value depends on an arbitrary sample size",
            hint="use --method glmm",
        )
    if method != "glmm":
        raise BadInput(f"'{method}' is not a method for proportions", hint=f"one of: glmm, {', '.join(METHODS)}")
    x, size = np.asarray(events, dtype=float), np.asarray(n, dtype=float)
    total, patients = float(x.sum()), float(size.sum())
    model = _model(labels, x, size, level)
    if len(labels) == 1 or total in {0.0, patients} or size.max() == 1:
        low, high = (float(limit) for limit in clopper_pearson(total, patients, level))
        return exact_pool(model, (low, high), total / patients, "clopper_pearson", level, _words(total, patients, size))
    return pool_counts(model, ci or "t", level, nodes)


def fit_proportions(events: ArrayLike, n: ArrayLike, design: ArrayLike | None = None, nodes: int = NODES) -> MixedFit:
    """The exact model on B data sets at once, events and n (B, k): bootstrap replicates, simulations, studies left out (n = 0)."""
    counts = Binomial.of(events, n)
    x = np.ones((counts.shape[1], 1)) if design is None else np.asarray(design, dtype=float)
    return fit_mixed(counts, x, nodes=nodes)


def _model(labels: Sequence[str], x: FloatArray, n: FloatArray, level: float) -> CountModel:
    counts = Binomial.of(x, n)
    inside = ((x > 0) & (x < n)).astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        best = np.where(x > 0, x * np.log(x / n), 0.0) + np.where(x < n, (n - x) * np.log1p(-x / n), 0.0)

    def information(mu: float) -> FloatArray:
        p = expit(mu)
        return n * np.maximum(p * (1 - p), 1e-12)

    return CountModel(
        likelihood=counts,
        effects=logit_proportions(labels, x, n, level),
        information=information,
        saturated=float((counts.constant[0, :, 0] + best).sum()),
        inside=inside,
        mean=lambda mu, tau: gauss_mean(expit, mu, tau),
        crude=float(x.sum() / n.sum()),
    )


def _words(total: float, patients: float, size: FloatArray) -> str:
    if total == 0:
        return f"No event in {patients:.0f} patients: the exact interval of the pooled counts is shown (rule of three: at most about {100 * min(1.0, 3 / patients):.2g} %)."
    if total == patients:
        return f"The event occurred in all {patients:.0f} patients: the exact interval of the pooled counts is shown (rule of three: at least about {100 * max(0.0, 1 - 3 / patients):.3g} %)."
    if len(size) > 1 and size.max() == 1:
        return "Every row holds one patient, so a spread between studies cannot be told: the exact interval of the pooled counts is shown."
    return ""
