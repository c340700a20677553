"""Distributions of a study's counts given its linear predictor: binomial, Poisson, and the conditional one of a two-by-two table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from liverboard.synthesis.intervals import FloatArray

_sp: Any = special  # scipy ships no types


def _batch(values: ArrayLike) -> FloatArray:
    """(k,) or (B, k) as (B, k, 1)."""
    return np.atleast_2d(np.asarray(values, dtype=float))[:, :, None]


@dataclass(frozen=True, slots=True)
class Binomial:
    """x events among n patients with probability expit(eta). A study without patients is absent."""

    x: FloatArray
    n: FloatArray
    constant: FloatArray

    @classmethod
    def of(cls, events: ArrayLike, n: ArrayLike) -> Self:
        x, size = np.broadcast_arrays(_batch(events), _batch(n))
        return cls(x, size, -np.log1p(size) - _sp.betaln(x + 1, size - x + 1))

    @property
    def shape(self) -> tuple[int, int]:
        return self.x.shape[0], self.x.shape[1]

    def derivatives(self, eta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        e = np.exp(-np.abs(eta))
        value = self.constant + self.x * eta - self.n * (np.maximum(eta, 0) + np.log1p(e))
        larger = 1 / (1 + e)
        p = np.where(eta >= 0, larger, e * larger)
        return value, self.x - self.n * p, -self.n * e * larger * larger

    def third(self, eta: FloatArray) -> FloatArray:
        p = np.asarray(_sp.expit(eta), dtype=float)
        return -self.n * p * (1 - p) * (1 - 2 * p)

    def start(self) -> tuple[FloatArray, FloatArray]:
        x, n = self.x[:, :, 0] + 0.5, self.n[:, :, 0] + 1
        absent = self.n[:, :, 0] == 0
        return np.log(x / (n - x)), np.where(absent, np.inf, 1 / x + 1 / (n - x))

    def take(self, rows: np.ndarray) -> Self:
        return type(self)(self.x[rows], self.n[rows], self.constant[rows])


@dataclass(frozen=True, slots=True)
class Poisson:
    """x events in a follow-up time t, at the rate exp(eta) per unit of time. A study without time is absent."""

    x: FloatArray
    log_time: FloatArray
    present: FloatArray
    constant: FloatArray

    @classmethod
    def of(cls, events: ArrayLike, time: ArrayLike) -> Self:
        x, t = np.broadcast_arrays(_batch(events), _batch(time))
        present = (t > 0).astype(float)
        return cls(x, np.log(np.where(t > 0, t, 1.0)), present, -_sp.gammaln(x + 1))

    @property
    def shape(self) -> tuple[int, int]:
        return self.x.shape[0], self.x.shape[1]

    def _expected(self, eta: FloatArray) -> FloatArray:
        return self.present * np.exp(np.minimum(eta + self.log_time, 700))

    def derivatives(self, eta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        m = self._expected(eta)
        return self.constant + self.x * (eta + self.log_time) - m, self.x - m, -m

    def third(self, eta: FloatArray) -> FloatArray:
        return -self._expected(eta)

    def start(self) -> tuple[FloatArray, FloatArray]:
        x = self.x[:, :, 0] + 0.5
        return np.log(x) - self.log_time[:, :, 0], np.where(self.present[:, :, 0] > 0, 1 / x, np.inf)

    def take(self, rows: np.ndarray) -> Self:
        return type(self)(self.x[rows], self.log_time[rows], self.present[rows], self.constant[rows])


@dataclass(frozen=True, slots=True)
class ConditionalTable:
    """x events in the first arm of a two-by-two table given its margins (non-central hypergeometric); eta is the log odds ratio.

    `values` and `log_weight`, (B, k, 1, S), list the tables with the same margins; tables that a study cannot have weigh nothing.
    """

    x: FloatArray
    values: FloatArray
    log_weight: FloatArray
    rough: FloatArray
    variance: FloatArray

    @classmethod
    def of(cls, events1: ArrayLike, n1: ArrayLike, events2: ArrayLike, n2: ArrayLike) -> Self:
        a, m1, c, m2 = (v[:, :, 0] for v in np.broadcast_arrays(*map(_batch, (events1, n1, events2, n2))))
        least, most = np.maximum(0, a + c - m2), np.minimum(m1, a + c)
        j = least[:, :, None] + np.arange(int((most - least).max(initial=0)) + 1)
        inside = j <= most[:, :, None]
        j = np.where(inside, j, least[:, :, None])

        def log_choose(n: FloatArray, x: FloatArray) -> FloatArray:
            return np.asarray(-np.log1p(n) - _sp.betaln(x + 1, n - x + 1), dtype=float)

        weight = log_choose(m1[:, :, None], j) + log_choose(m2[:, :, None], (a + c)[:, :, None] - j)
        cells = [v + 0.5 for v in (a, m1 - a, c, m2 - c)]
        rough = np.log(cells[0] * cells[3] / (cells[1] * cells[2]))
        variance = np.sum([1 / cell for cell in cells], axis=0)
        informative = most > least
        return cls(
            a[:, :, None],
            j[:, :, None, :],
            np.where(inside, weight, -np.inf)[:, :, None, :],
            np.where(informative, rough, 0.0),
            np.where(informative, variance, np.inf),
        )

    @property
    def shape(self) -> tuple[int, int]:
        return self.x.shape[0], self.x.shape[1]

    def _shares(self, eta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        exponent = self.log_weight + self.values * eta[..., None]
        top = exponent.max(axis=-1, keepdims=True)
        share = np.exp(exponent - top)
        total = share.sum(axis=-1, keepdims=True)
        share /= total
        mean = (share * self.values).sum(axis=-1)
        return share, mean, (top + np.log(total))[..., 0]

    def derivatives(self, eta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        share, mean, log_total = self._shares(eta)
        here = np.take_along_axis(self.log_weight, (self.x[..., None] - self.values[..., :1]).astype(int), axis=-1)
        variance = (share * (self.values - mean[..., None]) ** 2).sum(axis=-1)
        return here[..., 0] + self.x * eta - log_total, self.x - mean, -variance

    def third(self, eta: FloatArray) -> FloatArray:
        share, mean, _ = self._shares(eta)
        return -(share * (self.values - mean[..., None]) ** 3).sum(axis=-1)

    def start(self) -> tuple[FloatArray, FloatArray]:
        return self.rough, self.variance

    def take(self, rows: np.ndarray) -> Self:
        return type(self)(self.x[rows], self.values[rows], self.log_weight[rows], self.rough[rows], self.variance[rows])
