"""Confidence intervals of one study, and the quantiles that pooled intervals use. Everything takes and gives arrays."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

FloatArray = NDArray[np.float64]
CiMethod = Literal["t", "z", "hk", "hk_adhoc"]

_sp: Any = special  # scipy ships no types


def expit(x: ArrayLike) -> FloatArray:
    return np.asarray(_sp.expit(np.asarray(x, dtype=float)), dtype=float)


def logit(p: ArrayLike) -> FloatArray:
    return np.asarray(_sp.logit(np.asarray(p, dtype=float)), dtype=float)


def normal_quantile(probability: float) -> float:
    return float(_sp.ndtri(probability))


def normal_upper(z: ArrayLike) -> FloatArray:
    """P(Z > z), exact in the far tail."""
    return np.asarray(_sp.ndtr(-np.asarray(z, dtype=float)), dtype=float)


def t_quantile(probability: float, df: ArrayLike) -> FloatArray:
    return np.asarray(_sp.stdtrit(np.asarray(df, dtype=float), probability), dtype=float)


def t_upper(t: ArrayLike, df: ArrayLike) -> FloatArray:
    """P(T > t) with `df` degrees of freedom."""
    return np.asarray(_sp.stdtr(np.asarray(df, dtype=float), -np.asarray(t, dtype=float)), dtype=float)


def f_upper(f: ArrayLike, df1: float, df2: float) -> FloatArray:
    return np.asarray(_sp.fdtrc(df1, df2, np.asarray(f, dtype=float)), dtype=float)


def chi2_upper(x: ArrayLike, df: ArrayLike) -> FloatArray:
    """P(chi2 > x) with `df` degrees of freedom."""
    return np.asarray(_sp.chdtrc(np.asarray(df, dtype=float), np.asarray(x, dtype=float)), dtype=float)


def chi2_quantile(probability: float, df: ArrayLike) -> FloatArray:
    return np.asarray(_sp.chdtri(np.asarray(df, dtype=float), 1 - probability), dtype=float)


def quantile(ci: CiMethod, level: float, df: ArrayLike) -> FloatArray:
    """The quantile q of `estimate +- q SE`: normal for `z`, Student's t with `df` degrees of freedom for the others."""
    upper = 1 - (1 - level) / 2
    if ci == "z":
        return np.full(np.shape(df), normal_quantile(upper))
    return t_quantile(upper, df)


def clopper_pearson(events: ArrayLike, n: ArrayLike, level: float = 0.95) -> tuple[FloatArray, FloatArray]:
    """Exact binomial interval of a proportion: quantiles of Beta(x, n-x+1) and Beta(x+1, n-x); 0 at x = 0, 1 at x = n.

    Source: synthesis_methods_note.
    """
    x, size = (np.asarray(a, dtype=float) for a in np.broadcast_arrays(events, n))
    tail = (1 - level) / 2
    with np.errstate(all="ignore"):
        low = np.where(x > 0, _sp.betaincinv(np.maximum(x, 1e-300), size - x + 1, tail), 0.0)
        high = np.where(x < size, _sp.betainccinv(x + 1, np.maximum(size - x, 1e-300), tail), 1.0)
    return low, high


def wilson(events: ArrayLike, n: ArrayLike, level: float = 0.95) -> tuple[FloatArray, FloatArray]:
    """Wilson's score interval of a proportion. Source: synthesis_methods_note."""
    x, size = (np.asarray(a, dtype=float) for a in np.broadcast_arrays(events, n))
    z2 = normal_quantile(1 - (1 - level) / 2) ** 2
    p = x / size
    middle = p + z2 / (2 * size)
    half = np.sqrt(z2 * (p * (1 - p) / size + z2 / (4 * size**2)))
    low, high = (middle - half) / (1 + z2 / size), (middle + half) / (1 + z2 / size)
    return np.where(x > 0, low, 0.0), np.where(x < size, high, 1.0)


def poisson_exact(events: ArrayLike, time: ArrayLike, level: float = 0.95) -> tuple[FloatArray, FloatArray]:
    """Exact Poisson interval of a rate (events per unit of time): quantiles of Gamma(x) and Gamma(x+1) over the time.

    Source: garwood_1936.
    """
    x, t = (np.asarray(a, dtype=float) for a in np.broadcast_arrays(events, time))
    tail = (1 - level) / 2
    low = np.where(x > 0, _sp.gammaincinv(np.maximum(x, 1e-300), tail), 0.0)
    high = np.asarray(_sp.gammainccinv(x + 1, tail), dtype=float)
    return low / t, high / t
