"""What stands beside a pooled value: the pool without each study, as the studies came, other ways to pool shares, and what asymmetry would hide."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from liverboard.errors import BadInput
from liverboard.synthesis.diagnostics import (
    FEWEST,
    Asymmetry,
    Influence,
    cumulative,
    cumulative_counts,
    egger,
    influence,
    leave_one_out,
    leave_one_out_counts,
    peters,
    trim_and_fill,
)
from liverboard.synthesis.effects import Effects
from liverboard.synthesis.intervals import CiMethod, FloatArray, quantile
from liverboard.synthesis.mixed import Likelihood
from liverboard.synthesis.pool import back, interval
from liverboard.synthesis.proportions import pool_proportions
from liverboard.synthesis.random_effects import Tau2Method
from liverboard.synthesis.result import LOG_SCALES, Interval, Pooled, exp_pair, finite, pair
from liverboard.synthesis.transformed import freeman_tukey

Family = Callable[[FloatArray, FloatArray], Likelihood]


@dataclass(frozen=True, slots=True)
class Basis:
    """What a pool rests on. `counts` (events, and patients or time) with their `family` where the exact model pools them; `year` of each study (k), None
    where one is not known."""

    effects: Effects
    method: Tau2Method
    ci: CiMethod
    level: float
    family: Family | None = None
    counts: tuple[FloatArray, FloatArray] | None = None
    year: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class Without:
    """The pool without one study, and how far that study lies from the others; the latter None with the exact model."""

    label: str
    estimate: float
    tau2: float
    rstudent: float | None = None
    cooks_distance: float | None = None
    dffits: float | None = None

    def as_json(self) -> dict[str, object]:
        return {
            "without": self.label,
            "estimate": finite(self.estimate),
            "tau2": finite(self.tau2),
            "rstudent": finite(self.rstudent),
            "cooks_distance": finite(self.cooks_distance),
            "dffits": finite(self.dffits),
        }


@dataclass(frozen=True, slots=True)
class UpTo:
    """The pool of the studies up to a year, this one the last; no interval for the first study alone."""

    label: str
    year: float
    estimate: float
    ci: Interval | None

    def as_json(self, *, log: bool) -> dict[str, object]:
        shape: dict[str, object] = {"with": self.label, "year": self.year, "estimate": finite(self.estimate)}
        return shape | {"ci": pair(self.ci)} | ({"ci_exp": exp_pair(self.ci)} if log else {})


@dataclass(frozen=True, slots=True)
class Filled:
    """Trim and fill, an exploration: studies that would be missing on a side of the funnel, and the pool with them."""

    missing: int
    side: str
    estimate: float
    words: str = "Exploration only: it supposes that asymmetry comes from missing studies alone."

    def as_json(self) -> dict[str, object]:
        return {"missing": self.missing, "side": self.side, "estimate": finite(self.estimate), "words": self.words}


@dataclass(frozen=True, slots=True)
class Beside:
    """All of it; empty where the studies do not allow it. `sensitivity`: the same shares pooled as logits by inverse variance and by
    Freeman-Tukey, each under its name."""

    without: tuple[Without, ...] = ()
    up_to: tuple[UpTo, ...] = ()
    asymmetry: Asymmetry | None = None
    filled: Filled | None = None
    sensitivity: tuple[tuple[str, Pooled], ...] = ()

    def as_json(self, scale: str) -> dict[str, object]:
        parts: dict[str, object] = {
            "leave_one_out": [each.as_json() for each in self.without],
            "cumulative": [each.as_json(log=scale in LOG_SCALES) for each in self.up_to],
            "asymmetry": None if self.asymmetry is None else self.asymmetry.as_json(),
            "trim_and_fill": None if self.filled is None else self.filled.as_json(),
            "sensitivity": [_sensitivity_json(name, each) for name, each in self.sensitivity],
        }
        return {key: part for key, part in parts.items() if part}


def _sensitivity_json(name: str, pooled: Pooled) -> dict[str, object]:
    return {
        "name": name,
        "method": pooled.method,
        "ci_method": pooled.ci_method,
        "estimate": finite(pooled.estimate),
        "ci": pair(pooled.ci),
        "tau2": finite(pooled.tau2),
        "says": pooled.warnings[-1],
    }


def beside(basis: Basis, pooled: Pooled) -> Beside:
    """What the studies allow beside a pool."""
    return Beside(
        _without(basis, pooled), _up_to(basis, pooled), _asymmetry(basis), _filled(basis), _sensitivity(basis, pooled)
    )


def _without(basis: Basis, pooled: Pooled) -> tuple[Without, ...]:
    effects = basis.effects
    if len(effects) < 3 or pooled.tau2 is None:
        return ()
    moved: Influence | None = None
    if basis.family is not None and basis.counts is not None:
        exact = leave_one_out_counts(basis.family, *basis.counts)
        mu, tau2 = np.where(exact.converged, exact.beta[:, 0], np.nan), exact.tau**2
    elif pooled.method.startswith("glmm"):
        return ()
    else:
        fit = leave_one_out(effects, basis.method)
        mu, tau2, moved = fit.beta[:, 0], fit.tau2, influence(effects, basis.method)
    estimates = back(effects, mu)
    rows: list[Without] = []
    for i, label in enumerate(effects.labels):
        far = () if moved is None else (float(moved.rstudent[i]), float(moved.cooks[i]), float(moved.dffits[i]))
        rows.append(Without(label, float(estimates[i]), float(tau2[i]), *far))
    return tuple(rows)


def _up_to(basis: Basis, pooled: Pooled) -> tuple[UpTo, ...]:
    """In the order of the years; by the model of the pool."""
    effects, year = basis.effects, basis.year
    if year is None or len(effects) < 3 or pooled.tau2 is None:
        return ()
    if basis.family is not None and basis.counts is not None:
        exact = cumulative_counts(basis.family, *basis.counts, year)
        mu = np.where(exact.converged, exact.beta[:, 0], np.nan)
        half = quantile(basis.ci, basis.level, np.arange(len(effects), dtype=float)) * exact.se[:, 0]
        low, high = mu - half, mu + half
    elif pooled.method.startswith("glmm"):
        return ()
    else:
        fit = cumulative(effects, year, basis.method)
        mu = fit.beta[:, 0]
        low, high = (limit[:, 0] for limit in fit.interval(basis.ci, basis.level))
    estimates = back(effects, mu)
    order = [int(i) for i in np.argsort(year, kind="stable")]
    return tuple(
        UpTo(
            effects.labels[i],
            float(year[i]),
            float(estimates[at]),
            interval(effects, float(low[at]), float(high[at])) if at > 0 else None,
        )
        for at, i in enumerate(order)
    )


def _asymmetry(basis: Basis) -> Asymmetry | None:
    if len(basis.effects) < FEWEST:
        return None
    try:
        return peters(basis.effects) if basis.effects.scale == "proportion" else egger(basis.effects)
    except BadInput:  # studies of equal size or precision: there is nothing to test
        return None


def _filled(basis: Basis) -> Filled | None:
    """Not for shares and rates: their standard errors follow their values, and a funnel of them is never symmetric."""
    effects = basis.effects
    if len(effects) < FEWEST or effects.scale in {"proportion", "rate"}:
        return None
    found = trim_and_fill(effects, basis.method)
    return Filled(found.missing, found.side, float(back(effects, found.mu)))


def _sensitivity(basis: Basis, pooled: Pooled) -> tuple[tuple[str, Pooled], ...]:
    if basis.effects.scale != "proportion" or basis.counts is None or pooled.k < 2 or pooled.mu is None:
        return ()
    labels, (events, n) = basis.effects.labels, basis.counts
    return (
        (
            "logits by inverse variance (REML, Hartung-Knapp)",
            pool_proportions(labels, events, n, method="reml", level=basis.level),
        ),
        ("Freeman-Tukey (REML, Hartung-Knapp)", freeman_tukey(labels, events, n, level=basis.level)),
    )
