"""Generalised linear mixed models of studies: exact likelihood by adaptive Gauss-Hermite quadrature, many data sets at once.

Model: study i has a linear predictor eta_i = x_i' beta + tau u_i with u_i ~ N(0, 1), and counts that follow a `Likelihood` given eta_i. Arrays run replicate
first, then study, then quadrature node: (B, k, Q). A single fit is a batch of one, and an absent study is one with no patients: it adds nothing.

The quadrature is that of the study: nodes lie around the mode of the integrand, as wide as its curvature says. Its own gradient is used, moving nodes
included, so that the fit maximises exactly what it reports. Since the likelihood is even in tau, tau may walk through zero on its way; the border needs no
guard. Source: synthesis_methods_note, section 1.1; stijnen_2010.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np

from liverboard.synthesis.intervals import FloatArray

NODES = 7
"""As many as make the fit equal R's (nAGQ = 7) in the oracles; 25 change the fifth digit."""
SMALLEST_TAU = 1e-3
"""Below this the model is the pooled one without spread between studies, unless (with very many patients) the likelihood tells so small a spread apart."""
_CLEAR_GAIN = 1e-6
LARGEST_TAU = 15.0
"""A spread beyond this on a logit or log scale means that the likelihood has no maximum: every study is as good as all or none."""
LARGEST_SE = 100.0
"""A standard error of the linear predictor beyond this means the same."""
_STEPS = 200
_PATIENCE = 12
_TOLERANCE = 1e-9


class Likelihood(Protocol):
    """The counts of the studies, (B, k, 1), as a function of the linear predictor."""

    @property
    def shape(self) -> tuple[int, int]: ...

    def derivatives(self, eta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Log-likelihood and its first two derivatives at `eta`, (B, k, Q)."""
        ...

    def third(self, eta: FloatArray) -> FloatArray: ...

    def start(self) -> tuple[FloatArray, FloatArray]:
        """A rough linear predictor of each study and its variance, (B, k); infinite variance for an absent study."""
        ...

    def take(self, rows: FloatArray | np.ndarray) -> Self:
        """The same for some of the replicates."""
        ...


@dataclass(frozen=True, slots=True)
class MixedFit:
    """Maximum-likelihood fits of B data sets. Shapes: beta (B, p), cov (B, p, p), all else (B,).

    `loglik_pooled` is the maximum at tau = 0. `converged` is False where the likelihood has no maximum inside the model (complete separation, or a spread
    between studies without bound).
    """

    beta: FloatArray
    cov: FloatArray
    tau: FloatArray
    loglik: FloatArray
    loglik_pooled: FloatArray
    converged: np.ndarray

    @property
    def se(self) -> FloatArray:
        """Standard errors of beta, (B, p); NaN where the fit did not converge."""
        variance = np.where(self.converged[:, None], np.diagonal(self.cov, axis1=1, axis2=2), np.nan)
        return np.sqrt(np.where(variance >= 0, variance, np.nan))


def _mode(counts: Likelihood, a: FloatArray, tau: FloatArray, u: FloatArray) -> FloatArray:
    """Mode of the integrand of each study in u, by Newton from `u`. All (B, k, 1). The integrand is log-concave."""
    for _ in range(60):
        _, first, second = counts.derivatives(a + tau * u)
        step = (tau * first - u) / (1 - tau * tau * second)
        # far from the mode the curvature vanishes or explodes: no step longer than 3 on the scale of eta, or 3 in u
        longest = 3 / np.minimum(np.maximum(np.abs(tau), 0.5), 1e6)
        step = np.clip(step, -longest, longest)
        u = u + step
        if np.max(np.abs(step), initial=0.0) < 1e-11:
            break
    return u


@dataclass(slots=True)
class Evaluation:
    """Log-likelihood a study (B, k), its gradient in (a, tau), the Hessian by Louis's formula, and the modes."""

    loglik: FloatArray
    g_a: FloatArray
    g_tau: FloatArray
    h_aa: FloatArray
    h_at: FloatArray
    h_tt: FloatArray
    u: FloatArray


def evaluate(counts: Likelihood, a: FloatArray, tau: FloatArray, u: FloatArray, nodes: int) -> Evaluation:
    """The quadrature at linear predictors a (B, k), spreads tau (B,), modes started at u (B, k)."""
    g, w = np.polynomial.hermite.hermgauss(nodes)
    centre, t = a[:, :, None], tau[:, None, None]
    mode = _mode(counts, centre, t, u[:, :, None])
    _, l1, l2 = counts.derivatives(centre + t * mode)
    l3 = counts.third(centre + t * mode)
    curvature = t * t * l2 - 1  # negative
    s = 1 / np.sqrt(-curvature)
    # how mode and width move with a and tau
    mode_a = -(t * l2) / curvature
    mode_t = -(l1 + t * mode * l2) / curvature
    skew = t**3 * l3
    log_s_a = -0.5 * (t * t * l3 + skew * mode_a) / curvature
    log_s_t = -0.5 * (2 * t * l2 + t * t * mode * l3 + skew * mode_t) / curvature

    z = mode + np.sqrt(2) * s * g
    value, first, second = counts.derivatives(centre + t * z)
    exponent = np.log(w) + g * g + value - 0.5 * z * z
    top = exponent.max(axis=2, keepdims=True)
    share = np.exp(exponent - top)
    total = share.sum(axis=2, keepdims=True)
    share /= total
    loglik = (np.log(s / np.sqrt(np.pi)) + top + np.log(total))[:, :, 0]

    pull = t * first - z
    reach = z - mode
    g_a = log_s_a[:, :, 0] + (share * (first + pull * (mode_a + reach * log_s_a))).sum(axis=2)
    g_tau = log_s_t[:, :, 0] + (share * (first * z + pull * (mode_t + reach * log_s_t))).sum(axis=2)

    mean_1 = (share * first).sum(axis=2)
    mean_z = (share * first * z).sum(axis=2)
    h_aa = (share * (second + first * first)).sum(axis=2) - mean_1**2
    h_at = (share * z * (second + first * first)).sum(axis=2) - mean_1 * mean_z
    h_tt = (share * z * z * (second + first * first)).sum(axis=2) - mean_z**2
    return Evaluation(loglik, g_a, g_tau, h_aa, h_at, h_tt, mode[:, :, 0])


def exact_hessian(
    counts: Likelihood, a: FloatArray, tau: FloatArray, at: Evaluation, nodes: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Second derivatives of each study's log-likelihood in (a, tau): central differences of the exact gradient, (B, k)."""
    h = 1e-4
    up, down = (evaluate(counts, a + d, tau, at.u, nodes) for d in (h, -h))
    wide, narrow = (evaluate(counts, a, tau + d, at.u, nodes) for d in (h, -h))
    return (
        (up.g_a - down.g_a) / (2 * h),
        (wide.g_a - narrow.g_a + up.g_tau - down.g_tau) / (4 * h),
        (wide.g_tau - narrow.g_tau) / (2 * h),
    )


def _assemble(design: FloatArray, aa: FloatArray, at: FloatArray, tt: FloatArray) -> FloatArray:
    """Hessian in (beta, tau), (B, p + 1, p + 1), from that of the studies in (a, tau)."""
    p = design.shape[1]
    full = np.empty((aa.shape[0], p + 1, p + 1))
    full[:, :p, :p] = np.einsum("bk,kp,kq->bpq", aa, design, design)
    full[:, :p, p] = full[:, p, :p] = at @ design
    full[:, p, p] = tt.sum(axis=1)
    return full


def climb_direction(hessian: FloatArray, gradient: FloatArray) -> FloatArray:
    """Newton's step, made to climb: directions of wrong curvature are turned, flat ones are bounded."""
    size, axes = np.linalg.eigh(-hessian)
    floor = np.maximum(1e-10 * np.abs(size).max(axis=1, keepdims=True), 1e-12)
    size = np.maximum(np.abs(size), floor)
    along = np.einsum("bij,bi->bj", axes, gradient) / size
    return np.einsum("bij,bj->bi", axes, along)


def fit_mixed(
    counts: Likelihood,
    design: FloatArray,
    *,
    tau: FloatArray | None = None,
    start: FloatArray | None = None,
    nodes: int = NODES,
) -> MixedFit:
    """Maximum-likelihood fit of B data sets of k studies with the design matrix (k, p).

    `tau` fixes the spread between studies, (B,): zero gives the pooled model, a grid gives the profile likelihood; `start` are then betas to begin with,
    (B, p). The covariance of beta comes from the
    observed information (of beta and tau together where tau is estimated and above `SMALLEST_TAU`). Data without a maximum come back as not converged.
    """
    if tau is not None:
        begin = _rough_beta(counts, design, tau) if start is None else start
        return _climb(counts, design, np.concatenate([begin, tau[:, None]], axis=1), fixed=True, nodes=nodes)
    none, rough = np.zeros(counts.shape[0]), _rough_tau(counts, design)
    pooled = fit_mixed(counts, design, tau=none, nodes=1)
    begin = np.concatenate([_rough_beta(counts, design, rough), rough[:, None]], axis=1)
    spread = _climb(counts, design, begin, fixed=False, nodes=nodes)
    gain = spread.loglik - pooled.loglik
    apart = ((spread.tau >= SMALLEST_TAU) & (gain > 0)) | (gain > _CLEAR_GAIN)
    with np.errstate(invalid="ignore"):
        loglik = np.where(apart, spread.loglik, pooled.loglik)
    return MixedFit(
        beta=np.where(apart[:, None], spread.beta, pooled.beta),
        cov=np.where(apart[:, None, None], spread.cov, pooled.cov),
        tau=np.where(apart, spread.tau, 0.0),
        loglik=loglik,
        loglik_pooled=pooled.loglik,
        converged=np.where(apart, spread.converged, pooled.converged),
    )


def _rough_tau(counts: Likelihood, design: FloatArray) -> FloatArray:
    """A moment estimate of the spread of the rough predictors, never near the border, where the likelihood is flat."""
    predictor, variance = counts.start()
    present = np.isfinite(variance)
    k = np.maximum(present.sum(axis=1), 1)
    mean = np.where(present, predictor, 0).sum(axis=1) / k
    total = np.where(present, (predictor - mean[:, None]) ** 2, 0).sum(axis=1) / np.maximum(k - design.shape[1], 1)
    return np.sqrt(np.clip(total - np.where(present, variance, 0).sum(axis=1) / k, 0.1, 9.0))


def _rough_beta(counts: Likelihood, design: FloatArray, tau: FloatArray) -> FloatArray:
    predictor, variance = counts.start()
    weight: FloatArray = 1 / (variance + tau[:, None] ** 2)
    gram = np.einsum("bk,kp,kq->bpq", weight, design, design)
    inverse = np.asarray(np.linalg.pinv(gram), dtype=float)
    return np.einsum("bpq,bq->bp", inverse, (weight * np.where(weight > 0, predictor, 0)) @ design)


def _climb(counts: Likelihood, design: FloatArray, theta: FloatArray, *, fixed: bool, nodes: int) -> MixedFit:
    """Newton's climb from theta = (beta, tau), (B, p + 1); those that have arrived leave the batch."""
    batch, studies = counts.shape
    p = design.shape[1]
    theta = theta.copy()
    cov = np.full((batch, p, p), np.nan)
    loglik = np.full(batch, -np.inf)
    done = np.zeros(batch, dtype=bool)
    active = np.arange(batch)
    here = counts
    at = evaluate(here, theta[:, :p] @ design.T, theta[:, p], np.zeros((batch, studies)), nodes)
    for count in range(_STEPS):
        now = theta[active]
        gradient = np.concatenate([at.g_a @ design, at.g_tau.sum(axis=1)[:, None]], axis=1)
        parts = (at.h_aa, at.h_at, at.h_tt)
        # Louis's formula is the Hessian of the integral; where the quadrature is far from it (few nodes, wide spread), that of the quadrature is needed
        if (nodes > 1 and count >= _PATIENCE) or (nodes < 5 and not fixed):
            parts = exact_hessian(here, now[:, :p] @ design.T, now[:, p], at, nodes)
        hessian = _assemble(design, *parts)
        if fixed:
            gradient, step = gradient[:, :p], np.zeros_like(now)
            step[:, :p] = climb_direction(hessian[:, :p, :p], gradient)
        else:
            step = climb_direction(hessian, gradient)
        reach = np.maximum(np.abs(step[:, :p] @ design.T).max(axis=1), np.abs(step[:, p]))
        step *= np.minimum(1, 3 / np.maximum(reach, 1e-300))[:, None]

        before = at.loglik.sum(axis=1)
        slack = 1e-10 * (1 + np.abs(before))
        for _ in range(30):
            at = evaluate(here, (now + step)[:, :p] @ design.T, (now + step)[:, p], at.u, nodes)
            worse = ~(at.loglik.sum(axis=1) >= before - slack)
            if not worse.any():
                break
            step[worse] *= 0.5
        theta[active] = now + step
        loglik[active] = at.loglik.sum(axis=1)
        moved = np.minimum(reach, np.abs(step).max(axis=1))
        gone = (np.abs(theta[active, p]) > LARGEST_TAU) | (np.abs(theta[active, :p] @ design.T).max(axis=1) > 60)
        still = (moved < _TOLERANCE * (1 + np.abs(theta[active]).max(axis=1))) & ~gone
        done[active[still]] = True
        leave = still | gone
        if leave.any():
            rows = np.flatnonzero(leave)
            sub, theta_s = here.take(rows), theta[active[rows]]
            part = _take(at, rows)
            cov[active[rows]] = _covariance(sub, design, theta_s, part, fixed=fixed, nodes=nodes)
            keep = np.flatnonzero(~leave)
            active = active[keep]
            if active.size == 0:
                break
            here, at = here.take(keep), _take(at, keep)
    with np.errstate(invalid="ignore"):
        # without a maximum the likelihood flattens out and the climb ends on a plain: nothing is known of the linear predictor there
        known = np.einsum("kp,bpq,kq->bk", design, cov, design).max(axis=1) < LARGEST_SE**2
    return MixedFit(
        beta=theta[:, :p], cov=cov, tau=np.abs(theta[:, p]), loglik=loglik, loglik_pooled=loglik, converged=done & known
    )


def _take(at: Evaluation, rows: np.ndarray) -> Evaluation:
    return Evaluation(
        at.loglik[rows], at.g_a[rows], at.g_tau[rows], at.h_aa[rows], at.h_at[rows], at.h_tt[rows], at.u[rows]
    )


def _covariance(
    counts: Likelihood, design: FloatArray, theta: FloatArray, at: Evaluation, *, fixed: bool, nodes: int
) -> FloatArray:
    p = design.shape[1]
    if fixed and nodes == 1:
        parts = (at.h_aa, at.h_at, at.h_tt)  # at tau = 0 there is nothing to integrate
    else:
        parts = exact_hessian(counts, theta[:, :p] @ design.T, theta[:, p], at, nodes)
    information = -_assemble(design, *parts)
    if fixed:
        information = information[:, :p, :p]
    return np.asarray(np.linalg.pinv(information, hermitian=True), dtype=float)[:, :p, :p]
