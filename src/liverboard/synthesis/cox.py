"""Cox regression: Efron or Breslow ties, strata, left truncation, weights, robust and clustered errors; the same core fits Fine-Gray.

Each event is one row with its own denominator S0 - f D0, where D0 sums the tied events and f = 0, 1/d, ..., (d-1)/d (Efron) or 0 (Breslow). With A_i the
hazard that a person has been through, all else follows from the two maps of `risk_sets`: information = sum w r A x x' - sum of rows xbar xbar', martingale
residual = event - r A.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from liverboard.errors import BadInput
from liverboard.synthesis.design import Design
from liverboard.synthesis.intervals import chi2_upper, normal_quantile
from liverboard.synthesis.observations import Floats, Ints, Observations, label_codes
from liverboard.synthesis.result import Interval, exp, finite, pair
from liverboard.synthesis.risk_sets import RiskMap, risk_sets, totals

Ties = Literal["efron", "breslow"]
_MAX_ITERATIONS = 60
_CONVERGED = 1e-14  # Newton decrement: twice the log-likelihood still to gain
_FLAT = 1e-8  # a step that gains no more than this
_RUNAWAY = 0.1  # and yet moves a log hazard by more than this: the likelihood rises without end
_WIDE = 18.4  # range of log hazards at which differences of sums lose half of their 16 digits
_PIECE = 4096
_COLLINEAR = 1e-10  # smallest eigenvalue of the information as a correlation matrix


@dataclass(frozen=True, slots=True)
class Coefficient:
    """A log hazard ratio. `se` is the one the interval uses: robust where it was asked for; `naive_se` is from the information."""

    name: str
    estimate: float
    se: float
    naive_se: float
    level: float

    @property
    def ci(self) -> Interval:
        half = normal_quantile(1 - (1 - self.level) / 2) * self.se
        return self.estimate - half, self.estimate + half

    @property
    def p(self) -> float:
        return float(chi2_upper((self.estimate / self.se) ** 2, 1)) if self.se > 0 else 1.0

    def as_json(self) -> dict[str, object]:
        low, high = self.ci
        return {
            "coefficient": self.estimate,
            "se": self.se,
            "naive_se": self.naive_se,
            "hr": finite(exp(self.estimate)),
            "ci": pair((exp(low), exp(high))),
            "z": finite(self.estimate / self.se) if self.se > 0 else None,
            "p": finite(self.p),
        }


@dataclass(frozen=True, slots=True)
class CoxFit:
    """A fitted model. `covariance` (p x p) is robust where asked for. Tests of all covariates at once: likelihood ratio, Wald, score (df = p)."""

    design: Design
    ties: Ties
    n: int
    events: int
    estimates: Floats
    covariance: Floats
    naive_covariance: Floats
    robust: bool
    log_likelihood: float
    log_likelihood_null: float
    score_chi2: float
    iterations: int
    level: float
    warnings: tuple[str, ...] = ()

    @property
    def wald_chi2(self) -> float:
        return float(self.estimates @ np.linalg.solve(self.covariance, self.estimates))

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        se, naive = np.sqrt(np.diag(self.covariance)), np.sqrt(np.diag(self.naive_covariance))
        return tuple(
            Coefficient(name, float(b), float(s), float(v), self.level)
            for name, b, s, v in zip(self.design.names, self.estimates, se, naive, strict=True)
        )

    def linear_predictor(self) -> Floats:
        """x' beta of each row (n)."""
        return self.design.matrix @ self.estimates

    def as_json(self) -> dict[str, object]:
        df = len(self.estimates)
        gain = max(2 * (self.log_likelihood - self.log_likelihood_null), 0.0)

        def test(chi2: float) -> dict[str, object]:
            return {"chi2": finite(chi2), "df": df, "p": finite(float(chi2_upper(chi2, df)))}

        return {
            "n": self.n,
            "events": self.events,
            "ties": self.ties,
            "robust": self.robust,
            "coefficients": {c.name: c.as_json() for c in self.coefficients},
            "log_likelihood": self.log_likelihood,
            "log_likelihood_null": self.log_likelihood_null,
            "likelihood_ratio": test(gain),
            "wald": test(self.wald_chi2),
            "score": test(self.score_chi2),
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True, slots=True)
class EventRows:
    """One row an event, in sorted order of people: who (`person`), at which time (`at`), with Efron's fraction and the mean weight of the tied."""

    person: Ints
    at: Ints
    fraction: Floats
    weight: Floats
    several: bool  # two events at one time
    efron: bool  # and they get fractions


@dataclass(frozen=True, slots=True)
class State:
    """The model at one beta, columns in sorted order of people. `risk`: exp(eta) with weight; `hazard`, `x_hazard` (p, n): sums over the times at risk."""

    log_likelihood: float
    score: Floats
    information: Floats
    risk: Floats
    mean: Floats  # (p, rows): mean covariate of those at risk, at each event row
    row_hazard: Floats  # (rows)


class Model:
    """Risk sets, covariates and event rows together; evaluates the partial likelihood at any beta.

    `x` is (p, n), in sorted order, centred; `weight` multiplies likelihood terms.
    """

    def __init__(self, risk: RiskMap, x: Floats, weight: Floats, event: Ints, ties: Ties) -> None:
        self.risk, self.x, self.weight, self.event = risk, x, weight, event
        self.rows = _event_rows(risk, weight, event, ties)
        self.x_events = x[:, self.rows.person] @ weight[self.rows.person]

    def state(self, beta: Floats) -> State:
        """Everything at one beta. A step too far may overflow: its likelihood is then no number, and the step is halved."""
        with np.errstate(all="ignore"):
            return self._state(beta)

    def _state(self, beta: Floats) -> State:
        rows = self.rows
        eta = beta @ self.x
        eta -= eta.max()  # a constant cancels from the partial likelihood; this one keeps exp finite
        risk = self.weight * np.exp(eta)
        # the dead were at risk: sums of truncated sets may cancel to less
        denominator = self._at_rows(np.maximum(self.risk.at_risk(risk), self._dead(risk)))
        if rows.efron:
            denominator = denominator - rows.fraction * self._at_rows(self._dead(risk))
        mean = np.empty((len(self.x), len(rows.person)))
        for k, covariate in enumerate(self.x):  # one at a time stays in the processor's cache
            weighted = covariate * risk
            total = self._at_rows(self.risk.at_risk(weighted))
            if rows.efron:
                total = total - rows.fraction * self._at_rows(self._dead(weighted))
            np.divide(total, denominator, out=mean[k])
        row_hazard = rows.weight / denominator
        weight = self.weight[rows.person]
        log_likelihood = float(weight @ eta[rows.person] - rows.weight @ np.log(denominator))
        score = self.x_events - mean @ rows.weight
        state = State(log_likelihood, score, np.empty(0), risk, mean, row_hazard)
        return replace(state, information=self.information(state))

    def information(self, state: State, multiplier: Floats | None = None) -> Floats:
        """Sum over event rows of the covariance of the covariates among those at risk, each time multiplied (one value a row). (p, p)"""
        m = np.ones(len(state.row_hazard)) if multiplier is None else multiplier
        through = state.risk * self.through(state.row_hazard * m)
        return _gram(self.x, through) - _gram(state.mean, self.rows.weight * m)

    def through(self, values: Floats) -> Floats:
        """Sum of a value of the event rows over the times that each person goes through at risk; the tied go through their own in part. (..., rows) to (..., n)"""
        total = self.risk.over_times(self._by_time(values))
        if self.rows.efron:
            part = self._by_time(values * self.rows.fraction)
            total[..., self.rows.person] -= part[..., self.rows.at]
        return total

    def score_residuals(self, state: State) -> Floats:
        """Each person's share of the score, weight included. (p, n)"""
        hazard, x_hazard = self.through(state.row_hazard), self.through(state.row_hazard * state.mean)
        residuals = state.risk * (x_hazard - self.x * hazard)
        rows = self.rows
        count = np.bincount(rows.at, minlength=len(self.risk.times.time))
        mean = self._by_time(state.mean) / np.maximum(count, 1)
        residuals[:, rows.person] += self.weight[rows.person] * (self.x[:, rows.person] - mean[:, rows.at])
        return residuals

    def _by_time(self, values: Floats) -> Floats:
        if not self.rows.several:
            return values
        return totals(values, self.rows.at, len(self.risk.times.time))

    def _at_rows(self, values: Floats) -> Floats:
        return values[self.rows.at] if self.rows.several else values

    def _dead(self, values: Floats) -> Floats:
        return self._by_time(values[..., self.rows.person])


def _gram(x: Floats, weight: Floats) -> Floats:
    """Sum of weight x x' over the last axis, in pieces that stay in the processor's cache. (p, n) and (n) in, (p, p) out."""
    total = np.zeros((len(x), len(x)))
    for start in range(0, x.shape[1], _PIECE):
        piece = x[:, start : start + _PIECE]
        total += (piece * weight[start : start + _PIECE]) @ piece.T
    return total


def _event_rows(risk: RiskMap, weight: Floats, event: Ints, ties: Ties) -> EventRows:
    person = np.flatnonzero(event == 1)
    at = risk.times.of_person[person]
    count = np.bincount(at, minlength=len(risk.times.time))
    total = np.bincount(at, weight[person], minlength=len(count))
    first = np.concatenate(([0], np.cumsum(count)[:-1])) if len(count) else count
    rank = np.arange(len(person)) - first[at]
    several = bool(np.any(count != 1))
    efron = several and ties == "efron"
    fraction = rank / count[at] if efron else np.zeros(len(person))
    return EventRows(person, at, fraction, (total / np.maximum(count, 1))[at], several, efron)


def cox(
    observations: Observations,
    covariates: Design | Mapping[str, Sequence[object] | npt.NDArray[Any]],
    *,
    ties: Ties = "efron",
    robust: bool | None = None,
    cluster: Sequence[object] | npt.NDArray[Any] | None = None,
    level: float = 0.95,
) -> CoxFit:
    """Maximum partial likelihood. Errors are robust (sandwich of dfbetas) if asked for, with clusters, or with weights that are not whole; clusters add up.

    Source: survival_methods_note. Raises BadInput: no event; a covariate that does not vary, or repeats others; a likelihood that rises without end (a
    covariate separates those with the event from those at risk), said with its name and direction, never as a number.
    """
    if (observations.event > 1).any():
        raise BadInput("the model is of one event", hint="Take the event as the cause: observations.cause(1).")
    design = covariates if isinstance(covariates, Design) else Design.of(covariates)
    design.check(observations.n)
    use_robust = (
        cluster is not None or not observations.whole_weights if robust is None else robust or cluster is not None
    )
    return fit(risk_sets(observations), observations, design, Fitting(ties, use_robust, cluster, level))


@dataclass(frozen=True, slots=True)
class Fitting:
    """How to fit, and which errors."""

    ties: Ties = "efron"
    robust: bool = False
    cluster: Sequence[object] | npt.NDArray[Any] | None = None
    level: float = 0.95


def fit(risk: RiskMap, observations: Observations, design: Design, how: Fitting) -> CoxFit:
    """Fit on any risk sets; event code 1 is the event."""
    events = int(np.sum(observations.event == 1))
    if events == 0:
        raise BadInput(
            "no event happened: a hazard ratio cannot be estimated", hint="Follow longer, or leave the model out."
        )
    model, scale = sorted_model(risk, observations, design, how.ties)
    beta, state, null, iterations = _maximise(model, design)
    naive: Floats = np.asarray(np.linalg.inv(state.information), dtype=np.float64)
    covariance = naive
    if how.robust or how.cluster is not None:
        covariance = _sandwich(model.score_residuals(state), naive, how.cluster, risk.times.order)
    unscale = np.outer(1 / scale, 1 / scale)
    return CoxFit(
        design=design,
        ties=how.ties,
        n=observations.n,
        events=events,
        estimates=beta / scale,
        covariance=covariance * unscale,
        naive_covariance=naive * unscale,
        robust=how.robust or how.cluster is not None,
        log_likelihood=state.log_likelihood,
        log_likelihood_null=null.log_likelihood,
        score_chi2=float(null.score @ np.linalg.solve(null.information, null.score)),
        iterations=iterations,
        level=how.level,
        warnings=_warnings(events, beta, model.x, truncated=observations.entry is not None),
    )


def sorted_model(risk: RiskMap, observations: Observations, design: Design, ties: Ties) -> tuple[Model, Floats]:
    """The model with covariates centred, scaled to unit deviation and sorted as the risk sets are; and the scale (p)."""
    order = risk.times.order
    centre, scale = design.centre_and_scale()
    x = (np.take(design.matrix.T, order, axis=1) - centre[:, None]) / scale[:, None]
    return Model(risk, x, observations.weight[order], observations.event[order], ties), scale


def _maximise(model: Model, design: Design) -> tuple[Floats, State, State, int]:
    """Newton's method with halved steps, from 0. Gives beta, the state there, the state at 0, and the number of steps."""
    beta = np.zeros(len(model.x))
    null = state = model.state(beta)
    _refuse_collinear(null.information, design)
    step: Floats = beta
    for iteration in range(1, _MAX_ITERATIONS + 1):
        try:
            step = np.asarray(np.linalg.solve(state.information, state.score), dtype=np.float64)
        except np.linalg.LinAlgError:
            raise _runaway(model, step, design) from None
        gain = float(step @ state.score)
        if not math.isfinite(gain) or (gain < _FLAT and np.max(np.abs(step @ model.x)) > _RUNAWAY):
            raise _runaway(model, step, design)
        if gain < _CONVERGED:
            return beta + step, state, null, iteration
        following = model.state(beta + step)
        slack = 1e-10 * (1 + abs(state.log_likelihood))
        for _ in range(20):
            if following.log_likelihood >= state.log_likelihood - slack:
                break
            step = step / 2
            following = model.state(beta + step)
        beta, state = beta + step, following
    raise BadInput(
        f"the fit did not settle in {_MAX_ITERATIONS} steps: no finite hazard ratio was found",
        hint="Look for a value far off the others, or for a category without any event.",
    )


def _sandwich(
    residuals: Floats, naive: Floats, cluster: Sequence[object] | npt.NDArray[Any] | None, order: Ints
) -> Floats:
    """D'D, where D are the dfbetas, summed within clusters."""
    dfbeta = naive @ residuals
    if cluster is not None:
        labels = label_codes(cluster)[1][order]
        dfbeta = totals(dfbeta, labels, int(labels.max()) + 1)
    return dfbeta @ dfbeta.T


def _refuse_collinear(information: Floats, design: Design) -> None:
    size = np.diag(information)
    flat = [name for name, value in zip(design.names, size, strict=True) if not value > 1e-12]
    if flat:
        raise BadInput(
            f"{', '.join(flat)}: no variation among those at risk at any event",
            hint="Leave the covariate out: the data say nothing about it.",
        )
    scale = np.sqrt(size)
    values, vectors = np.linalg.eigh(information / np.outer(scale, scale))
    if values[0] < _COLLINEAR:
        names = [name for name, part in zip(design.names, vectors[:, 0], strict=True) if abs(part) > 1e-3]
        raise BadInput(
            f"{', '.join(names)}: each can be computed from the others (or there are fewer events than covariates)",
            hint="Leave one of them out.",
        )


def _runaway(model: Model, step: Floats, design: Design) -> BadInput:
    """Names the covariates that the last step still moves, and where to."""
    moved = np.abs(step) * np.ptp(model.x, axis=1)
    said = [
        f"{name} ({'up' if b > 0 else 'down'})"
        for name, b, on in zip(design.names, step, moved > 0.2 * float(np.max(moved)), strict=True)
        if on
    ]
    return BadInput(
        f"the likelihood rises without end along {', '.join(said)}: no finite hazard ratio fits these data",
        hint="The covariate separates those with the event from those at risk. Report the log-rank test, merge categories, or leave it out.",
    )


def _warnings(events: int, beta: Floats, x: Floats, *, truncated: bool) -> tuple[str, ...]:
    found: list[str] = []
    if events < 10 * len(beta):
        found.append(
            f"Only {events} events for {len(beta)} coefficients: fewer than 10 an estimate, so they may be far off."
        )
    if truncated and np.ptp(beta @ x) > _WIDE:
        found.append(
            "Fitted hazards differ by more than a hundred million times, and people enter late: later digits of the estimates are lost."
        )
    return tuple(found)
