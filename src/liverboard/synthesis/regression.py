"""Meta-regression and subgroups: does the effect move with what differs between studies?

For effects with known variance by weighted least squares with tau2 left over, for counts by the exact model with covariates. Source:
synthesis_methods_note, section 2.1; permutation test: higgins_thompson_2004.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liverboard.errors import BadInput
from liverboard.synthesis.effects import Effects
from liverboard.synthesis.intervals import CiMethod, FloatArray, chi2_upper, f_upper, normal_upper, quantile, t_upper
from liverboard.synthesis.mixed import Likelihood, fit_mixed
from liverboard.synthesis.pool import pool_effects
from liverboard.synthesis.random_effects import Tau2Method, fit_effects
from liverboard.synthesis.result import Interval, Pooled, finite, pair

ECOLOGICAL = "Meta-regression compares studies, not patients: what holds between studies need not hold within them, and nobody was randomised to a moderator."
STUDIES_PER_COVARIATE = 10
_MOST_ORDERS = 5040


@dataclass(frozen=True, slots=True)
class Design:
    """The columns of a regression, (k, p) with the intercept first, and their names."""

    matrix: FloatArray
    names: tuple[str, ...]
    continuous: int
    """How many columns hold measured numbers, not levels."""

    def standardised(self) -> tuple[FloatArray, FloatArray]:
        """The columns centred and scaled, (k, p), and the matrix T, (p, p), that brings coefficients of these back: a year near 2000 would else make the
        equations ill-conditioned."""
        x = self.matrix
        mean, sd = x.mean(axis=0), x.std(axis=0)
        mean[0], sd[0] = 0.0, 1.0
        transform = np.diag(1 / sd)
        transform[0, 1:] = -mean[1:] / sd[1:]
        return (x - mean) / sd, transform


@dataclass(frozen=True, slots=True)
class Coefficient:
    name: str
    estimate: float
    se: float
    ci: Interval
    p: float
    p_permutation: float | None = None

    def as_json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "estimate": finite(self.estimate),
            "se": finite(self.se),
            "ci": pair(self.ci),
            "p": finite(self.p),
            "p_permutation": finite(self.p_permutation),
        }


@dataclass(frozen=True, slots=True)
class Regression:
    """A meta-regression. `q` is the residual heterogeneity, `qm` the joint test of all moderators (F where `ci_method` is not z), `r2_percent` the share
    of tau2 that they explain. Coefficients are on the model's scale; they are empty where they cannot be estimated, and a warning says why."""

    k: int
    coefficients: tuple[Coefficient, ...]
    tau2: float | None
    i2_percent: float | None
    r2_percent: float | None
    q: float | None
    q_p: float | None
    qm: float | None
    qm_df: int
    qm_p: float | None
    qm_p_permutation: float | None
    method: str
    ci_method: str
    warnings: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        return {
            "k": self.k,
            "coefficients": [c.as_json() for c in self.coefficients],
            "tau2": finite(self.tau2),
            "i2": finite(self.i2_percent),
            "r2": finite(self.r2_percent),
            "q": finite(self.q),
            "q_p": finite(self.q_p),
            "qm": finite(self.qm),
            "qm_df": self.qm_df,
            "qm_p": finite(self.qm_p),
            "qm_p_permutation": finite(self.qm_p_permutation),
            "method": self.method,
            "ci_method": self.ci_method,
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True, slots=True)
class Subgroups:
    """Pools of each level, and the test whether they differ (with one tau2 for all levels)."""

    moderator: str
    groups: tuple[tuple[str, Pooled], ...]
    q_between: float | None
    df: int
    p: float | None

    def as_json(self) -> dict[str, object]:
        return {
            "moderator": self.moderator,
            "groups": {name: pooled.as_json() for name, pooled in self.groups},
            "q_between": finite(self.q_between),
            "df": self.df,
            "p": finite(self.p),
        }


def numeric_design(**columns: Sequence[float] | FloatArray) -> Design:
    """Intercept and measured covariates. Raises BadInput for values that are not finite or do not vary."""
    arrays = {name: np.asarray(values, dtype=float) for name, values in columns.items()}
    for name, values in arrays.items():
        if not np.isfinite(values).all():
            raise BadInput(f"the moderator '{name}' has values that are not numbers")
        if np.ptp(values) == 0:
            raise BadInput(f"the moderator '{name}' is the same in all studies", hint="it can explain nothing")
    k = len(next(iter(arrays.values())))
    matrix = np.column_stack([np.ones(k), *arrays.values()])
    return Design(matrix, ("intercept", *arrays), len(arrays))


def level_design(name: str, values: Sequence[str]) -> Design:
    """Intercept and one column a level but the first (in the order of the alphabet). Raises BadInput for a single level."""
    levels = sorted(set(values))
    if len(levels) < 2:
        raise BadInput(f"the moderator '{name}' has one level only: '{levels[0]}'", hint="it can explain nothing")
    matrix = np.column_stack([np.ones(len(values)), *[[float(v == level) for v in values] for level in levels[1:]]])
    return Design(matrix, ("intercept", *(f"{name}: {level}" for level in levels[1:])), 0)


def regress_effects(
    effects: Effects,
    design: Design,
    method: Tau2Method = "reml",
    ci: CiMethod = "hk",
    level: float = 0.95,
    *,
    permutations: int = 0,
    seed: int = 1,
) -> Regression:
    """Regress effects on the design. With `permutations`, p-values beside from reshuffling the studies over the moderators: all orders where they are few,
    else that many drawn with `seed`. Raises BadInput without a degree of freedom or with dependent moderators."""
    k, p = design.matrix.shape
    if k <= p:
        raise BadInput(
            f"{k} studies cannot carry {p} coefficients", hint="take fewer moderators or merge levels with few studies"
        )
    x, transform = _full_rank(design)
    fit = fit_effects(effects.y, effects.v, x, method)
    none = fit_effects(effects.y, effects.v, method=method)
    tau2, before = float(fit.tau2[0]), float(none.tau2[0])
    beta, cov = transform @ fit.beta[0], transform @ fit.covariance(ci)[0] @ transform.T
    qm, qm_p = _joint(fit.beta[0], fit.covariance(ci)[0], k, ci)

    def shuffled(orders: NDArray[np.intp]) -> tuple[FloatArray, FloatArray]:
        found = fit_effects(effects.y[orders], effects.v[orders], x, method)
        return found.beta, found.covariance(ci)

    p_each, p_joint = _permute(k, p, shuffled, permutations, seed)
    return Regression(
        k=k,
        coefficients=_coefficients(design, beta, cov, (k, ci, level), p_each),
        tau2=tau2,
        i2_percent=float(fit.i2_percent[0]),
        r2_percent=100 * max(0.0, (before - tau2) / before) if before > 0 and method != "fixed" else None,
        q=float(fit.q[0]),
        q_p=float(fit.q_p[0]),
        qm=qm,
        qm_df=p - 1,
        qm_p=qm_p,
        qm_p_permutation=p_joint,
        method=method,
        ci_method=ci,
        warnings=_warnings(design),
    )


def regress_counts(
    counts: Callable[[NDArray[np.intp]], Likelihood],
    design: Design,
    ci: CiMethod = "t",
    level: float = 0.95,
    *,
    permutations: int = 0,
    seed: int = 1,
) -> Regression:
    """Regress counts on the design by the exact model; `counts` gives the studies in the orders asked for, (B, k). Raises BadInput without a degree of
    freedom."""
    k, p = design.matrix.shape
    if k <= p:
        raise BadInput(
            f"{k} studies cannot carry {p} coefficients", hint="take fewer moderators or merge levels with few studies"
        )
    ci = "z" if ci == "z" else "t"
    given = counts(np.arange(k, dtype=np.intp).reshape(1, k))
    x, transform = _full_rank(design)
    fit, none = fit_mixed(given, x), fit_mixed(given, np.ones((k, 1)))
    if not (bool(fit.converged[0]) and bool(np.isfinite(fit.se[0]).all())):
        words = "The exact model has no finite coefficients here: a level of the moderator has no event, or nothing but events."
        return Regression(
            k, (), None, None, None, None, None, None, p - 1, None, None, "glmm", ci, (*_warnings(design), words)
        )
    tau2, before = float(fit.tau[0]) ** 2, float(none.tau[0]) ** 2
    qm, qm_p = _joint(fit.beta[0], fit.cov[0], k, ci)

    def shuffled(orders: NDArray[np.intp]) -> tuple[FloatArray, FloatArray]:
        found = fit_mixed(counts(orders), x)
        return found.beta, np.where(found.converged[:, None, None], found.cov, np.nan)

    p_each, p_joint = _permute(k, p, shuffled, permutations, seed)
    return Regression(
        k=k,
        coefficients=_coefficients(
            design, transform @ fit.beta[0], transform @ fit.cov[0] @ transform.T, (k, ci, level), p_each
        ),
        tau2=tau2,
        i2_percent=None,
        r2_percent=100 * max(0.0, (before - tau2) / before) if before > 0 else None,
        q=None,
        q_p=None,
        qm=qm,
        qm_df=p - 1,
        qm_p=qm_p,
        qm_p_permutation=p_joint,
        method="glmm",
        ci_method=ci,
        warnings=_warnings(design),
    )


def subgroup_pools(
    name: str, values: Sequence[str], pool: Callable[[NDArray[np.intp]], Pooled], test: Regression | None
) -> Subgroups:
    """Pool each level by `pool(rows)`; `test` is the regression on the levels, whose joint test says whether they differ."""
    array = np.asarray(values)
    groups = tuple((level, pool(np.flatnonzero(array == level))) for level in sorted(set(values)))
    return Subgroups(
        name, groups, None if test is None else test.qm, len(groups) - 1, None if test is None else test.qm_p
    )


def subgroups(
    effects: Effects,
    name: str,
    values: Sequence[str],
    method: Tau2Method = "reml",
    ci: CiMethod = "hk",
    level: float = 0.95,
) -> Subgroups:
    """Pools of effects a level, and the test between them. Raises BadInput for a single level."""
    design = level_design(name, values)
    test = regress_effects(effects, design, method, ci, level) if len(effects) > design.matrix.shape[1] else None
    return subgroup_pools(name, values, lambda rows: pool_effects(effects.take(rows), method, ci, level), test)


def _full_rank(design: Design) -> tuple[FloatArray, FloatArray]:
    x, transform = design.standardised()
    if np.linalg.matrix_rank(x) < x.shape[1]:
        raise BadInput("the moderators are linearly dependent", hint="leave one out, or merge levels")
    return x, transform


def _joint(beta: FloatArray, cov: FloatArray, k: int, ci: CiMethod) -> tuple[float, float]:
    """Wald's test of all coefficients but the intercept: chi2 for z, F for the others."""
    m = len(beta) - 1
    qm = float(beta[1:] @ np.linalg.pinv(cov[1:, 1:], hermitian=True) @ beta[1:])
    if ci == "z":
        return qm, float(chi2_upper(qm, float(m)))
    return qm / m, float(f_upper(qm / m, m, k - m - 1))


def _coefficients(
    design: Design,
    beta: FloatArray,
    cov: FloatArray,
    how: tuple[int, CiMethod, float],
    p_permutation: Sequence[float | None],
) -> tuple[Coefficient, ...]:
    k, ci, level = how
    df = k - len(beta)
    se = np.sqrt(np.maximum(np.diagonal(cov), 0))
    half = float(quantile(ci, level, df)) * se
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(se > 0, np.abs(beta) / se, np.inf)
    p = 2 * (normal_upper(ratio) if ci == "z" else t_upper(ratio, float(df)))
    return tuple(
        Coefficient(
            name,
            float(beta[j]),
            float(se[j]),
            (float(beta[j] - half[j]), float(beta[j] + half[j])),
            float(p[j]),
            p_permutation[j],
        )
        for j, name in enumerate(design.names)
    )


def _warnings(design: Design) -> tuple[str, ...]:
    k = design.matrix.shape[0]
    if design.continuous and k < STUDIES_PER_COVARIATE * design.continuous:
        return (
            ECOLOGICAL,
            f"{k} studies for {design.continuous} measured moderator(s): fewer than {STUDIES_PER_COVARIATE} each is too few to trust.",
        )
    return (ECOLOGICAL,)


def _permute(
    k: int,
    p: int,
    fit: Callable[[NDArray[np.intp]], tuple[FloatArray, FloatArray]],
    permutations: int,
    seed: int,
) -> tuple[tuple[float | None, ...], float | None]:
    """Share of orders of the studies whose statistic is as far out as the one seen, for each coefficient but the intercept, and for all jointly.

    `fit` gives coefficients (B, p) and covariances (B, p, p) for the orders (B, k), the order seen first. An order without a fit counts as far out.
    """
    if not permutations:
        return (None,) * p, None
    if math.factorial(k) <= _MOST_ORDERS:
        orders = np.array(list(itertools.permutations(range(k))), dtype=np.intp)
    else:
        drawn = np.argsort(np.random.default_rng(seed).random((permutations, k)), axis=1)
        orders = np.vstack([np.arange(k), drawn])
    beta, cov = fit(orders)
    lost: NDArray[np.bool_] = np.logical_not(np.isfinite(cov).all(axis=(1, 2)))
    inner = np.where(lost[:, None, None], 0.0, cov)[:, 1:, 1:]
    single = np.abs(beta) / np.sqrt(np.maximum(np.diagonal(cov, axis1=1, axis2=2), 1e-300))
    inverse = np.asarray(np.linalg.pinv(inner, hermitian=True), dtype=float)
    joint = np.einsum("bi,bij,bj->b", beta[:, 1:], inverse, beta[:, 1:])
    near = 1 - 1e-9  # equal orders differ in the last digits
    return (
        (None, *(float(x) for x in ((single >= near * single[0]) | lost[:, None]).mean(axis=0)[1:])),
        float(((joint >= near * joint[0]) | lost).mean()),
    )
