"""Network meta-analysis of contrasts between treatments, as a weighted least-squares fit on the graph of comparisons.

A study of p arms measures p-1 independent differences. Its pairwise variances, centred, have p-1 eigenvectors u with eigenvalues l; along each
of them the study observes u.theta with variance l + tau2/2 (two arms: l = v/2). So a whole network is a meta-regression without intercept on
independent rows, and multi-arm studies need no other treatment: this is the reduction of weights of the graph-theoretical method, diagonalised.
Source: rucker_2012.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import optimize

from liverboard.errors import BadInput, Problem
from liverboard.synthesis.intervals import chi2_quantile, chi2_upper, normal_quantile, normal_upper
from liverboard.synthesis.network_rows import Study
from liverboard.synthesis.result import LOG_SCALES, Scale, exp_pair, pair

Floats = npt.NDArray[np.float64]
Tau2Method = Literal["reml", "dl"]
Better = Literal["lower", "higher"]
Z95 = normal_quantile(0.975)

_optimize: Any = optimize  # scipy ships no types


class Estimate(NamedTuple):
    """An effect with its standard error; the interval is the 95 % normal one."""

    estimate: float
    se: float

    @property
    def ci(self) -> tuple[float, float]:
        return self.estimate - Z95 * self.se, self.estimate + Z95 * self.se

    @property
    def p(self) -> float:
        return float(2 * normal_upper(abs(self.estimate) / self.se))

    def as_json(self) -> dict[str, object]:
        return {"estimate": self.estimate, "se": self.se, "ci": pair(self.ci)}


@dataclass(frozen=True, slots=True)
class QPart:
    """One part of Cochran's Q: `p` is None where it has no degrees of freedom."""

    q: float
    df: int

    @property
    def p(self) -> float | None:
        return float(chi2_upper(self.q, self.df)) if self.df > 0 else None

    def as_json(self) -> dict[str, object]:
        return {"q": self.q, "df": self.df, "p": self.p}


class Design(NamedTuple):
    """The studies that compare the same treatments, and how far they disagree."""

    arms: tuple[str, ...]
    studies: int
    q: QPart


@dataclass(frozen=True, slots=True)
class Comparison:
    """One compared pair, effect of `treat1` minus effect of `treat2`.

    `direct` pools its own studies with the tau2 of the network; `indirect` is what remains of the network without them (back-calculation), None where the
    pair has no other path. `difference` is direct minus indirect: the node split. `share` is the part of the network's information that is direct.
    """

    treat1: str
    treat2: str
    studies: int
    patients: float | None
    direct: Estimate
    indirect: Estimate | None
    difference: Estimate | None
    share: float

    def as_json(self) -> dict[str, object]:
        return {
            "treat1": self.treat1,
            "treat2": self.treat2,
            "studies": self.studies,
            "patients": self.patients,
            "direct": self.direct.as_json(),
            "indirect": self.indirect.as_json() if self.indirect else None,
            "difference": {**self.difference.as_json(), "p": self.difference.p} if self.difference else None,
            "share_direct": self.share,
        }


@dataclass(frozen=True, slots=True)
class Network:
    """A fitted network. `effects[a, b]` is the effect of treatment a minus that of b, `se` its standard error (n x n, order of `treatments`).

    `common_effects` and `common_se` are the same at tau2 = 0. `q`, `q_within` and `q_between` are at tau2 = 0: all disagreement, that between studies
    of one design, and that between designs (inconsistency). `patients` is by treatment, None where the table does not say.
    """

    treatments: tuple[str, ...]
    k: int
    effects: Floats = field(repr=False)
    se: Floats = field(repr=False)
    common_effects: Floats = field(repr=False)
    common_se: Floats = field(repr=False)
    tau2: float
    tau2_ci: tuple[float, float] | None
    method: Tau2Method
    q: QPart
    q_within: QPart
    q_between: QPart
    designs: tuple[Design, ...]
    comparisons: tuple[Comparison, ...]
    p_scores: dict[str, float]
    better: Better
    studies: dict[str, int]
    patients: dict[str, float | None]
    multi_arm: tuple[tuple[str, ...], ...]
    scale: Scale
    warnings: tuple[str, ...]

    @property
    def i2_percent(self) -> float | None:
        """Share of the disagreement beyond chance, 100 (Q - df) / Q; None without degrees of freedom."""
        if self.q.df < 1:
            return None
        return max(0.0, 100 * (1 - self.q.df / self.q.q)) if self.q.q > 0 else 0.0

    def versus(self, a: str, b: str) -> Estimate:
        """Effect of a minus effect of b."""
        i, j = self.treatments.index(a), self.treatments.index(b)
        return Estimate(float(self.effects[i, j]), float(self.se[i, j]))

    def as_json(self) -> dict[str, object]:
        """The document of `evidence network`; log scales carry `estimate_exp` and `ci_exp` too."""

        def cell(a: str, b: str) -> dict[str, object]:
            found = self.versus(a, b)
            shown = found.as_json()
            if self.scale in LOG_SCALES:
                limits = exp_pair((found.estimate, found.estimate))
                shown |= {"estimate_exp": limits[0] if limits else None, "ci_exp": exp_pair(found.ci)}
            return shown

        return {
            "treatments": list(self.treatments),
            "k": self.k,
            "scale": self.scale,
            "method": self.method,
            "tau2": self.tau2,
            "tau2_ci": pair(self.tau2_ci),
            "i2": self.i2_percent,
            "q_total": self.q.q,
            "q_df": self.q.df,
            "q_p": self.q.p,
            "q_within_designs": self.q_within.as_json(),
            "q_between_designs": self.q_between.as_json(),
            "designs": [{"treatments": list(d.arms), "studies": d.studies, **d.q.as_json()} for d in self.designs],
            "league": {a: {b: cell(a, b) for b in self.treatments if b != a} for a in self.treatments},
            "p_scores": dict(self.p_scores),
            "p_scores_better": self.better,
            "comparisons": [c.as_json() for c in self.comparisons],
            "studies": dict(self.studies),
            "patients": dict(self.patients),
            "warnings": list(self.warnings),
        }


class _Rows(NamedTuple):
    """Independent rows of a network: design x (N x n, treatments), values y (N), sampling variances along each row l (N)."""

    x: Floats
    y: Floats
    l: Floats  # noqa: E741  (the eigenvalue of the note above)


class _Fit(NamedTuple):
    """Effects theta against the last treatment (n), a root of their covariance (n x n-1), and by row residuals, weights, the orthonormal basis."""

    theta: Floats
    root: Floats
    residuals: Floats
    w: Floats
    basis: Floats

    @property
    def q(self) -> float:
        return float(np.sum(self.w * self.residuals**2))


def _rows_of(studies: Sequence[Study], treatments: Sequence[str]) -> _Rows:
    place = {t: i for i, t in enumerate(treatments)}
    x: list[Floats] = []
    y: list[float] = []
    spread: list[float] = []
    for study in studies:
        p = len(study.arms)
        complement = np.linalg.qr(np.column_stack([np.ones(p), np.eye(p)[:, 1:]]))[0][:, 1:]  # differences only
        spreads, turned = np.linalg.eigh(-0.5 * complement.T @ study.variances @ complement)
        for value, vector in zip(spreads, (complement @ turned).T, strict=True):
            row = np.zeros(len(treatments))
            row[[place[a] for a in study.arms]] = vector
            x.append(row)
            y.append(float(vector @ study.effects))
            spread.append(float(value))
    return _Rows(np.array(x), np.array(y), np.array(spread))


def _fit(rows: _Rows, tau2: float) -> _Fit:
    """Weighted least squares by QR; the last treatment is the reference (effect 0)."""
    w = 1 / (rows.l + tau2 / 2)
    root = np.sqrt(w)
    basis, upper = np.linalg.qr(root[:, None] * rows.x[:, :-1])
    inverse = np.linalg.inv(upper)
    n = rows.x.shape[1]
    theta, cov_root = np.zeros(n), np.zeros((n, n - 1))
    theta[:-1] = inverse @ (basis.T @ (root * rows.y))
    cov_root[:-1] = inverse
    return _Fit(theta, cov_root, rows.y - rows.x @ theta, w, basis)


def _dl(rows: _Rows, df: int) -> float:
    """tau2 that makes the expected Q equal to the observed: (Q - df) / sum w (1 - leverage), on the scale of the rows (tau2/2)."""
    fit = _fit(rows, 0.0)
    scale = float(np.sum(fit.w * (1 - np.sum(fit.basis**2, axis=1))))
    return 2 * max(0.0, (fit.q - df) / scale) if scale > 0 else 0.0


def _restricted(rows: _Rows, tau2: float) -> tuple[float, float]:
    """Restricted log-likelihood (without constants) and its derivative in tau2/2."""
    fit = _fit(rows, tau2)
    root = np.sqrt(fit.w)
    hat = np.sum(fit.basis**2, axis=1)
    information = np.linalg.slogdet((root[:, None] * rows.x[:, :-1]).T @ (root[:, None] * rows.x[:, :-1]))[1]
    like = 0.5 * (float(np.sum(np.log(fit.w))) - float(information) - fit.q)
    score = 0.5 * (float(np.sum((fit.w * fit.residuals) ** 2)) - float(np.sum(fit.w * (1 - hat))))
    return like, score


def _reml(rows: _Rows) -> float:
    """tau2 of the highest restricted likelihood: the best of a wide grid, then the root of the derivative beside it."""
    largest = 2 * float(np.max(rows.y**2) + np.max(rows.l)) * 4
    smallest = 2e-6 * float(np.min(rows.l))
    grid = [0.0, *np.geomspace(smallest, max(largest, 10 * smallest), 60)]
    likes = [_restricted(rows, t)[0] for t in grid]
    best = int(np.argmax(likes))
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]

    def score(tau2: float) -> float:
        return _restricted(rows, tau2)[1]

    if score(low) <= 0 or score(high) >= 0:
        return grid[best]
    return float(_optimize.brentq(score, low, high, xtol=1e-14 * max(high, 1e-300), rtol=1e-12))


def _q_profile(rows: _Rows, df: int) -> tuple[float, float]:
    """95 % interval of tau2: where Q at that tau2 equals its 97.5 % and 2.5 % chi-squared quantiles. Source: viechtbauer_2007."""

    def solve(target: float) -> float:
        def gap(tau2: float) -> float:
            return _fit(rows, tau2).q - target

        if gap(0.0) <= 0:
            return 0.0
        high = 2 * float(np.max(rows.l) + np.max(rows.y**2))
        while gap(high) > 0:
            high *= 4
        return float(_optimize.brentq(gap, 0.0, high, rtol=1e-10))

    return solve(float(chi2_quantile(0.975, df))), solve(float(chi2_quantile(0.025, df)))


def _pairs(fit: _Fit) -> tuple[Floats, Floats]:
    """Differences and their standard errors (n x n). Of the root, not of variances: no precision is lost where these differ by magnitudes."""
    apart = fit.root[:, None, :] - fit.root[None, :, :]
    return fit.theta[:, None] - fit.theta[None, :], np.linalg.norm(apart, axis=2)


def components(studies: Sequence[Study]) -> list[tuple[str, ...]]:
    """Groups of treatments that studies connect, largest first."""
    group: dict[str, set[str]] = {}
    for study in studies:
        joined = set(study.arms).union(*(group.get(a, {a}) for a in study.arms))
        for a in joined:
            group[a] = joined
    unique = {id(g): tuple(sorted(g)) for g in group.values()}
    return sorted(unique.values(), key=lambda g: (-len(g), g))


def _refuse_apart(studies: Sequence[Study]) -> None:
    parts = components(studies)
    if len(parts) > 1:
        raise BadInput(
            f"the network falls into {len(parts)} parts that no study connects, so they cannot be compared",
            problems=[Problem(f"part {i}: {', '.join(part)}") for i, part in enumerate(parts, 1)],
            hint="Analyse each part on its own, or add a study that compares treatments of two parts. Pools of single arms side by side are not a comparison.",
        )


def fit_network(
    studies: Sequence[Study],
    *,
    tau2: Tau2Method = "reml",
    better: Better = "lower",
    scale: Scale = "as_given",
    warnings: Sequence[str] = (),
) -> Network:
    """Random-effects network meta-analysis with one tau2. `better` says which effect the P-scores favour.

    Raises BadInput when there is no study or when the network is not connected, naming the parts. Source: rucker_2012.
    """
    if not studies:
        raise BadInput("there is no study that compares two treatments", hint="Give at least one study with two arms.")
    _refuse_apart(studies)
    treatments = tuple(sorted({a for s in studies for a in s.arms}))
    rows = _rows_of(studies, treatments)
    df = len(rows.y) - (len(treatments) - 1)
    said = list(warnings)
    if df > 0:
        found = _reml(rows) if tau2 == "reml" else _dl(rows, df)
        interval = _q_profile(rows, df)
    else:
        found, interval = 0.0, None
        said.append("No two studies measure the same thing: heterogeneity cannot be estimated, tau2 is set to 0.")
    common, random = _fit(rows, 0.0), _fit(rows, found)
    effects, se = _pairs(random)
    common_effects, common_se = _pairs(common)
    total = QPart(common.q if df > 0 else 0.0, df)
    within: list[Design] = []
    for arms, members in _designs(studies).items():
        own = _rows_of(members, arms)
        own_df = len(own.y) - (len(arms) - 1)
        within.append(Design(arms, len(members), QPart(_fit(own, 0.0).q if own_df > 0 else 0.0, own_df)))
    q_within = QPart(sum(d.q.q for d in within), sum(d.q.df for d in within))
    q_between = QPart(max(0.0, total.q - q_within.q) if df > q_within.df else 0.0, df - q_within.df)
    if q_between.p is not None and q_between.p < 0.05:
        said.append(
            f"Designs disagree more than chance explains (p {q_between.p:.2g}): read direct and indirect apart."
        )
    return Network(
        treatments=treatments,
        k=len(studies),
        effects=effects,
        se=se,
        common_effects=common_effects,
        common_se=common_se,
        tau2=found,
        tau2_ci=interval,
        method=tau2,
        q=total,
        q_within=q_within,
        q_between=q_between,
        designs=tuple(within),
        comparisons=_compare(studies, treatments, effects, se, found),
        p_scores=_p_scores(treatments, effects, se, better),
        better=better,
        studies={t: sum(t in s.arms for s in studies) for t in treatments},
        patients={t: _patients(studies, t) for t in treatments},
        multi_arm=tuple(sorted({s.arms for s in studies if len(s.arms) > 2})),
        scale=scale,
        warnings=tuple(said),
    )


def _designs(studies: Sequence[Study]) -> dict[tuple[str, ...], list[Study]]:
    """Studies by the set of treatments that they compare."""
    found: dict[tuple[str, ...], list[Study]] = {}
    for study in studies:
        found.setdefault(study.arms, []).append(study)
    return dict(sorted(found.items()))


def _patients(studies: Sequence[Study], treatment: str) -> float | None:
    known = [s.patients[s.arms.index(treatment)] for s in studies if treatment in s.arms]
    return None if any(n is None for n in known) else float(sum(n for n in known if n is not None))


def _p_scores(treatments: Sequence[str], effects: Floats, se: Floats, better: Better) -> dict[str, float]:
    """Mean certainty that a treatment is better than each other one. Source: rucker_schwarzer_2015."""
    sign = -1.0 if better == "lower" else 1.0
    with np.errstate(divide="ignore", invalid="ignore"):
        certainty = normal_upper(-sign * effects / se)
    np.fill_diagonal(certainty, 0.0)
    return dict(zip(treatments, (certainty.sum(axis=1) / (len(treatments) - 1)).tolist(), strict=True))


def _compare(
    studies: Sequence[Study], treatments: Sequence[str], effects: Floats, se: Floats, tau2: float
) -> tuple[Comparison, ...]:
    """Direct, indirect and their difference for each pair that a study compares. Source: netmeta_jss (back-calculation)."""
    place = {t: i for i, t in enumerate(treatments)}
    found: list[Comparison] = []
    for a, b in combinations(treatments, 2):
        own = [s for s in studies if a in s.arms and b in s.arms]
        if not own:
            continue
        at = [(s.arms.index(a), s.arms.index(b)) for s in own]
        y = np.array([s.effects[i] - s.effects[j] for s, (i, j) in zip(own, at, strict=True)])
        w = 1 / (np.array([s.variances[i, j] for s, (i, j) in zip(own, at, strict=True)]) + tau2)
        direct = Estimate(float(np.sum(w * y) / np.sum(w)), float(np.sum(w) ** -0.5))
        whole = Estimate(float(effects[place[a], place[b]]), float(se[place[a], place[b]]))
        share = (whole.se / direct.se) ** 2
        indirect = difference = None
        if share < 1 - 1e-8:
            rest = whole.se**-2 - direct.se**-2
            indirect = Estimate(
                (whole.estimate / whole.se**2 - direct.estimate / direct.se**2) / rest, float(rest**-0.5)
            )
            difference = Estimate(direct.estimate - indirect.estimate, math.hypot(direct.se, indirect.se))
        sizes = [s.patients[i] for s, pair in zip(own, at, strict=True) for i in pair]
        patients = None if any(n is None for n in sizes) else float(sum(n for n in sizes if n is not None))
        found.append(Comparison(a, b, len(own), patients, direct, indirect, difference, min(share, 1.0)))
    return tuple(found)
