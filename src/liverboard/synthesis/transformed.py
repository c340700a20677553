"""Transforms of proportions, for sensitivity analysis by name only: arcsine and Freeman-Tukey. Neither is ever a headline.

Source: synthesis_methods_note, section 1.2; miller_1978 for the way back; schwarzer_2019 for why not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from liverboard.errors import BadInput
from liverboard.synthesis.effects import Effects, check_events, columns, shown_counts
from liverboard.synthesis.intervals import CiMethod, FloatArray, clopper_pearson
from liverboard.synthesis.pool import pool_effects
from liverboard.synthesis.random_effects import Tau2Method
from liverboard.synthesis.result import Interval, Pooled

FREEMAN_TUKEY_WARNING = (
    "Freeman-Tukey, for sensitivity only, never a headline: transformed back, the pooled value depends on an arbitrary sample size (here the {mean} mean, "
    "{size:.4g}) and can be far off when study sizes differ."
)
ARCSINE_WARNING = "Arcsine transform, for sensitivity only, never a headline: the exact model (glmm) is the default."


def freeman_tukey(
    labels: Sequence[str],
    events: ArrayLike,
    n: ArrayLike,
    method: Tau2Method = "reml",
    ci: CiMethod = "hk",
    *,
    mean: Literal["harmonic", "geometric", "arithmetic"] = "harmonic",
    level: float = 0.95,
) -> Pooled:
    """Pool double-arcsine transformed proportions and bring the value back at the given mean of the sample sizes. Raises BadInput for counts that are none."""
    c = columns(labels, events=events, n=n)
    x, size = c["events"], c["n"]
    check_events(labels, x, size)
    y = 0.5 * (np.arcsin(np.sqrt(x / (size + 1))) + np.arcsin(np.sqrt((x + 1) / (size + 1))))
    one = {
        "harmonic": lambda: len(size) / float((1 / size).sum()),
        "geometric": lambda: float(np.exp(np.log(size).mean())),
        "arithmetic": lambda: float(size.mean()),
    }
    if mean not in one:
        raise BadInput(f"'{mean}' is not a mean", hint="harmonic, geometric or arithmetic")
    at = one[mean]()
    return _pooled(
        labels,
        (x, size, y, 1 / (4 * size + 2)),
        lambda value: float(freeman_tukey_back(value, at)),
        "freeman_tukey",
        FREEMAN_TUKEY_WARNING.format(mean=mean, size=at),
        (method, ci, level),
    )


def freeman_tukey_back(t: ArrayLike, n: ArrayLike) -> FloatArray:
    """The proportion whose double-arcsine transform at sample size n is t; 0 or 1 beyond the values that it can take."""
    value, size = np.broadcast_arrays(np.asarray(t, dtype=float), np.asarray(n, dtype=float))
    least = 0.5 * np.arcsin(np.sqrt(1 / (size + 1)))
    most = 0.5 * (np.arcsin(np.sqrt(size / (size + 1))) + np.pi / 2)
    inside = np.clip(value, least, most)
    s = np.sin(2 * inside)
    root = 1 - (s + (s - 1 / s) / size) ** 2
    p = 0.5 * (1 - np.sign(np.cos(2 * inside)) * np.sqrt(np.maximum(root, 0)))
    return np.where(value <= least, 0.0, np.where(value >= most, 1.0, p))


def arcsine(
    labels: Sequence[str],
    events: ArrayLike,
    n: ArrayLike,
    method: Tau2Method = "reml",
    ci: CiMethod = "hk",
    *,
    level: float = 0.95,
) -> Pooled:
    """Pool asin(sqrt(p)) with variance 1 / (4 n). Raises BadInput for counts that are none."""
    c = columns(labels, events=events, n=n)
    x, size = c["events"], c["n"]
    check_events(labels, x, size)

    def back(value: float) -> float:
        return float(np.sin(np.clip(value, 0, np.pi / 2)) ** 2)

    y = np.arcsin(np.sqrt(x / size))
    return _pooled(labels, (x, size, y, 1 / (4 * size)), back, "arcsine", ARCSINE_WARNING, (method, ci, level))


def _pooled(
    labels: Sequence[str],
    data: tuple[FloatArray, FloatArray, FloatArray, FloatArray],
    back: Callable[[float], float],
    name: str,
    warning: str,
    how: tuple[Tau2Method, CiMethod, float],
) -> Pooled:
    x, n, y, v = data
    method, ci, level = how
    shown = shown_counts(x / n, *clopper_pearson(x, n, level))
    pooled = pool_effects(Effects(tuple(labels), y, v, "as_given", name, n, shown), method, ci, level)

    def both(limits: Interval | None) -> Interval | None:
        return None if limits is None else (back(limits[0]), back(limits[1]))

    if pooled.k == 1:
        return replace(pooled, scale="proportion", warnings=(*pooled.warnings, warning))
    return replace(
        pooled,
        estimate=None if pooled.mu is None else back(pooled.mu),
        ci=both(pooled.ci),
        prediction_interval=both(pooled.prediction_interval),
        scale="proportion",
        method=f"{name}_{method}",
        warnings=(*pooled.warnings, warning),
    )
