"""Log-rank and Peto-Peto tests between groups, within strata if asked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from liverboard.errors import BadInput
from liverboard.synthesis.intervals import chi2_upper
from liverboard.synthesis.observations import Floats, Observations, by_group
from liverboard.synthesis.result import finite
from liverboard.synthesis.risk_sets import RiskSets, risk_sets

Kind = Literal["logrank", "peto-peto"]


@dataclass(frozen=True, slots=True)
class LogRank:
    """The test. `observed`, `expected` (one a group) and `variance` (groups x groups) carry the weights of the kind; `chi2` is None where no two groups can be compared."""

    kind: Kind
    groups: tuple[str, ...]
    n: tuple[int, ...]
    observed: Floats
    expected: Floats
    variance: Floats
    chi2: float | None
    df: int
    strata: int = 1
    warnings: tuple[str, ...] = ()

    @property
    def p(self) -> float | None:
        return None if self.chi2 is None or self.df < 1 else float(chi2_upper(self.chi2, self.df))

    def as_json(self) -> dict[str, object]:
        return {
            "chi2": finite(self.chi2),
            "df": self.df,
            "p": finite(self.p),
            "strata": self.strata,
            "observed": dict(zip(self.groups, self.observed.tolist(), strict=True)),
            "expected": dict(zip(self.groups, self.expected.tolist(), strict=True)),
            "warnings": list(self.warnings),
        }


def logrank(
    observations: Observations, group: Sequence[object] | npt.NDArray[Any], *, kind: Kind = "logrank"
) -> LogRank:
    """Observed minus expected events, with the hypergeometric variance at each event time; chi2 = (O-E)' V^- (O-E).

    `peto-peto` weighs each time by the pooled survival just before it. With strata, O, E and V are added over them; left truncation is kept. Whole weights
    count people. Source: survival_methods_note. Raises BadInput: competing events, weights that are not whole.
    """
    if (observations.event > 1).any():
        raise BadInput("the test is of one event", hint="Take the event as the cause: observations.cause(1).")
    if not observations.whole_weights:
        raise BadInput("the log-rank test takes counts as weights only", hint="Use a Cox model with robust errors.")
    names, member, _ = by_group(observations, group)
    sets = risk_sets(observations)
    order, times = sets.times.order, sets.times
    weight = observations.weight[order]
    ones = (member[order] == np.arange(len(names))[:, None]) * weight
    at_risk = sets.at_risk(ones)
    died = times.totals(ones * observations.event[order])
    n, d = at_risk.sum(axis=0), died.sum(axis=0)
    factor = _survival_before(sets, n, d) if kind == "peto-peto" else np.ones(len(d))
    share = at_risk / np.maximum(n, 1e-300)
    observed, expected = (factor * died).sum(axis=1), (factor * d * share).sum(axis=1)
    spread = factor**2 * d * (n - d) / np.maximum(n - 1, 1)
    variance = np.diag((spread * share).sum(axis=1)) - (spread * share) @ share.T
    chi2, df = _chi2(observed - expected, variance, expected > 0)
    nothing = "No event tells the groups apart: at each, one group only was at risk, or all at risk had it: nothing to compare."
    warnings = () if chi2 is not None else (nothing,)
    strata = 1 if observations.strata is None else len(np.unique(observations.strata))
    sizes = tuple(int(np.sum(member == code)) for code in range(len(names)))
    return LogRank(kind, names, sizes, observed, expected, variance, chi2, df, strata, warnings)


def _survival_before(sets: RiskSets, n: Floats, d: Floats) -> Floats:
    """Kaplan-Meier of all groups together, just before each event time, within each stratum."""
    with np.errstate(divide="ignore"):
        logs = sets.blocks.forward(np.log(np.clip(1 - d / n, 0, 1)))
    places = np.arange(len(d)) + np.repeat(np.arange(len(sets.blocks.starts)), sets.blocks.stops - sets.blocks.starts)
    return np.exp(logs[places])


def _chi2(difference: Floats, variance: Floats, expects: npt.NDArray[np.bool_]) -> tuple[float | None, int]:
    """The quadratic form over the groups that expect an event; its rank is one less than the number of groups that can be told apart."""
    u, v = difference[expects], variance[np.ix_(expects, expects)]
    if len(u) < 2:
        return None, 0
    values, vectors = np.linalg.eigh(v)
    kept = values > 1e-10 * max(float(values[-1]), 1e-300)
    if not kept.any() or values[-1] < 1e-12:
        return None, 0
    chi2 = float(np.sum((vectors[:, kept].T @ u) ** 2 / values[kept]))
    return (chi2, int(kept.sum())) if math.isfinite(chi2) else (None, 0)
