"""What must hold of every survival method, whatever the people: order, monotone time, equal rows, sums and limits; never NaN."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from liverboard.errors import BadInput
from liverboard.synthesis.competing import aalen_johansen, fine_gray
from liverboard.synthesis.cox import CoxFit, Ties, cox
from liverboard.synthesis.hazards import check_proportional_hazards, concordance
from liverboard.synthesis.kaplan_meier import SurvivalCurve, kaplan_meier
from liverboard.synthesis.logrank import logrank
from liverboard.synthesis.observations import Observations, observe
from liverboard.synthesis.rmst import common_tau, rmst

few = settings(max_examples=60, deadline=None)
TIES: tuple[Ties, ...] = ("efron", "breslow")


@st.composite
def people(draw: st.DrawFn, causes: int = 1, entry: bool = False) -> Observations:
    """1 to 40 people, on whole times so that many are tied."""
    n = draw(st.integers(1, 40))
    time = draw(st.lists(st.integers(1, 12), min_size=n, max_size=n))
    event = draw(st.lists(st.integers(0, causes), min_size=n, max_size=n))
    since = [draw(st.integers(0, t - 1)) for t in time] if entry else None
    return observe(time, event, entry=since, causes=causes)


def covariates(n: int, seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {"x": rng.normal(size=n), "z": rng.integers(0, 2, n).astype(float)}


def try_cox(observations: Observations, columns: dict[str, Any], **how: Any) -> CoxFit | None:
    """The fit, or None where it is refused in words."""
    try:
        return cox(observations, columns, **how)
    except BadInput:
        return None


def all_finite(curve: SurvivalCurve) -> bool:
    columns = (curve.survival, curve.se, curve.lower, curve.upper, curve.at_risk, curve.events)
    return all(bool(np.isfinite(column).all()) for column in columns)


@few
@given(time=st.lists(st.integers(0, 20), min_size=1, max_size=50))
def test_kaplan_meier_without_censoring_is_the_empirical_survival(time: list[int]) -> None:
    curve = kaplan_meier(observe(time, [1] * len(time)))
    assert curve.survival == pytest.approx([np.mean(np.array(time) > t) for t in curve.time])
    s = curve.survival
    assert curve.se == pytest.approx(np.sqrt(s * (1 - s) / len(time)), abs=1e-12)


@few
@given(o=people(entry=True))
def test_kaplan_meier_is_a_falling_curve_with_its_limits_about_it(o: Observations) -> None:
    curve = kaplan_meier(o)
    assert all_finite(curve)
    assert (np.diff(curve.survival) <= 0).all()
    assert ((curve.lower <= curve.survival + 1e-12) & (curve.survival <= curve.upper + 1e-12)).all()
    assert ((curve.lower >= 0) & (curve.upper <= 1)).all()
    at_risk = [int(np.sum((o.entry < t) & (o.time >= t))) for t in curve.time]  # type: ignore[operator]
    assert curve.at_risk.tolist() == at_risk


@few
@given(o=people())
def test_robust_error_of_the_curve_is_greenwoods_without_weights(o: Observations) -> None:
    assert kaplan_meier(o, robust=True).se == pytest.approx(kaplan_meier(o, robust=False).se, abs=1e-12)


@few
@given(o=people(), seed=st.integers(0, 1000))
def test_order_of_rows_does_not_matter(o: Observations, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(o.n)
    turned = Observations(o.time[order], o.event[order])
    assert kaplan_meier(turned).survival == pytest.approx(kaplan_meier(o).survival, abs=1e-12)
    group = np.arange(o.n) % 3
    assert logrank(turned, group[order]).chi2 == pytest.approx(logrank(o, group).chi2, abs=1e-9)
    columns = covariates(o.n, seed)
    a, b = try_cox(o, columns), try_cox(turned, {name: values[order] for name, values in columns.items()})
    assert (a is None) == (b is None)
    if a is not None and b is not None:
        assert b.estimates == pytest.approx(a.estimates, rel=1e-6, abs=1e-6)


@few
@given(o=people(), seed=st.integers(0, 1000))
def test_only_the_order_of_times_counts(o: Observations, seed: int) -> None:
    """Log-rank, Peto-Peto, Cox and concordance see ranks only."""
    bent = Observations(np.exp(o.time / 3) + 5, o.event)
    group, columns = np.arange(o.n) % 2, covariates(o.n, seed)
    for kind in ("logrank", "peto-peto"):
        assert logrank(bent, group, kind=kind).chi2 == pytest.approx(logrank(o, group, kind=kind).chi2)
    a, b = try_cox(o, columns), try_cox(bent, columns)
    assert (a is None) == (b is None)
    if a is not None and b is not None:
        assert b.estimates == pytest.approx(a.estimates)
        assert b.covariance == pytest.approx(a.covariance)
    assert concordance(bent, columns["x"]) == concordance(o, columns["x"])


@few
@given(o=people(), seed=st.integers(0, 1000), ties=st.sampled_from(TIES))
def test_score_test_of_two_groups_is_the_log_rank_test_without_ties(o: Observations, seed: int, ties: Ties) -> None:
    time = np.random.default_rng(seed).permutation(o.n) + 1.0
    untied, group = Observations(time, o.event), (np.arange(o.n) % 2).astype(float)
    fit, test = try_cox(untied, {"group": group}, ties=ties), logrank(untied, group)
    if fit is not None:
        assert fit.score_chi2 == pytest.approx(test.chi2, rel=1e-9)


@few
@given(o=people(entry=True), seed=st.integers(0, 1000), ties=st.sampled_from(TIES))
def test_estimate_is_where_the_score_is_zero_and_the_error_is_its_slope(o: Observations, seed: int, ties: Ties) -> None:
    """The partial likelihood written out, person by person and time by time."""
    columns = covariates(o.n, seed)
    fit = try_cox(o, columns, ties=ties)
    if fit is None:
        return
    x = np.column_stack(list(columns.values()))

    def likelihood(beta: Any) -> float:
        total = 0.0
        for t in np.unique(o.time[o.event == 1]):
            risk = (o.time >= t) & (o.entry < t)  # type: ignore[operator]
            dead = (o.time == t) & (o.event == 1)
            d = int(dead.sum())
            s, tied = np.exp(x[risk] @ beta).sum(), np.exp(x[dead] @ beta).sum()
            total += float((x[dead] @ beta).sum())
            total -= sum(np.log(s - (rank / d if ties == "efron" else 0) * tied) for rank in range(d))
        return total

    lost = 1e-15 * np.exp(np.ptp(x @ fit.estimates))  # differences of sums, where people enter late
    assert fit.log_likelihood == pytest.approx(likelihood(fit.estimates), abs=1e-8 + lost)
    assert fit.log_likelihood_null == pytest.approx(likelihood(np.zeros(2)), abs=1e-8)
    for step in np.eye(2) * 0.1 * np.sqrt(np.diag(fit.covariance)):
        assert likelihood(fit.estimates) >= likelihood(fit.estimates + step) - 1e-9 - lost
        assert likelihood(fit.estimates) >= likelihood(fit.estimates - step) - 1e-9 - lost


@few
@given(o=people(), seed=st.integers(0, 1000))
def test_a_weight_of_two_is_the_same_as_two_rows(o: Observations, seed: int) -> None:
    counts = np.random.default_rng(seed).integers(1, 4, o.n)
    weighted = Observations(o.time, o.event, None, counts.astype(float))
    rows = np.repeat(np.arange(o.n), counts)
    repeated = Observations(o.time[rows], o.event[rows])
    group, columns = np.arange(o.n) % 2, covariates(o.n, seed)
    a, b = kaplan_meier(weighted), kaplan_meier(repeated)
    assert a.survival == pytest.approx(b.survival, abs=1e-12)
    assert a.se == pytest.approx(b.se, abs=1e-12)
    assert logrank(weighted, group).chi2 == pytest.approx(logrank(repeated, group[rows]).chi2)
    fit = try_cox(weighted, columns, ties="breslow")
    again = try_cox(repeated, {name: values[rows] for name, values in columns.items()}, ties="breslow")
    assert (fit is None) == (again is None)
    if fit is not None and again is not None:
        assert fit.estimates == pytest.approx(again.estimates, rel=1e-6, abs=1e-6)
        assert fit.covariance == pytest.approx(again.covariance, rel=1e-5)
        test, other = (check_proportional_hazards(x, f) for x, f in ((weighted, fit), (repeated, again)))
        assert test.overall.chi2 == pytest.approx(other.overall.chi2, rel=1e-4, abs=1e-6)


@few
@given(o=people(), seed=st.integers(0, 1000))
def test_clusters_of_one_are_the_robust_error_and_copies_in_a_cluster_do_not_sharpen_it(
    o: Observations, seed: int
) -> None:
    columns, own = covariates(o.n, seed), np.arange(o.n)
    robust, single = try_cox(o, columns, robust=True), try_cox(o, columns, cluster=own)
    if robust is None or single is None:
        return
    assert single.covariance == pytest.approx(robust.covariance)
    twice = Observations(np.tile(o.time, 2), np.tile(o.event, 2))
    both = {name: np.tile(values, 2) for name, values in columns.items()}
    one = try_cox(o, columns, ties="breslow", robust=True)
    copied = try_cox(twice, both, ties="breslow", cluster=np.tile(own, 2))
    assert one is not None and copied is not None
    assert copied.covariance == pytest.approx(one.covariance, rel=1e-5)


def test_robust_error_is_the_naive_one_where_the_model_holds() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(20_000, 2))
    time = rng.exponential(size=20_000) * np.exp(-0.5 * x[:, 0])
    fit = cox(observe(np.minimum(time, 1.5), time < 1.5), {"a": x[:, 0], "b": x[:, 1]}, robust=True)
    assert [c.se / c.naive_se for c in fit.coefficients] == pytest.approx([1, 1], abs=0.03)


@few
@given(o=people(), seed=st.integers(0, 1000))
def test_strata_add_up(o: Observations, seed: int) -> None:
    """Two strata of the same people: twice the log-likelihood, the same estimate, half the variance; O, E and V add."""
    columns = covariates(o.n, seed)
    fit = try_cox(o, columns)
    strata = np.repeat([0, 1], o.n)
    twice = observe(np.tile(o.time, 2), np.tile(o.event, 2), strata=strata)
    both = try_cox(twice, {name: np.tile(values, 2) for name, values in columns.items()})
    assert (fit is None) == (both is None)
    if fit is not None and both is not None:
        assert both.estimates == pytest.approx(fit.estimates, rel=1e-5, abs=1e-6)
        assert both.log_likelihood == pytest.approx(2 * fit.log_likelihood)
        assert 2 * both.covariance == pytest.approx(fit.covariance, rel=1e-4)
    group = np.arange(o.n) % 2
    assert logrank(twice, np.tile(group, 2)).variance == pytest.approx(2 * logrank(o, group).variance)


@few
@given(o=people(), seed=st.integers(0, 1000))
def test_entry_before_everything_changes_nothing(o: Observations, seed: int) -> None:
    entered = Observations(o.time, o.event, np.zeros(o.n) - 1)
    assert kaplan_meier(entered).survival == pytest.approx(kaplan_meier(o).survival, abs=1e-12)
    columns = covariates(o.n, seed)
    a, b = try_cox(o, columns), try_cox(entered, columns)
    if a is not None and b is not None:
        assert b.estimates == pytest.approx(a.estimates, abs=1e-7)


@few
@given(o=people(), seed=st.integers(0, 1000))
def test_follow_up_cut_in_two_is_the_same_follow_up(o: Observations, seed: int) -> None:
    """A person as two rows, before and after a time in between: same curve, same Cox model; errors by person stay."""
    columns, cut = covariates(o.n, seed), o.time / 2
    time, entry = np.concatenate((cut, o.time)), np.concatenate((np.zeros(o.n) - 1, cut))
    split = Observations(time, np.concatenate((np.zeros(o.n, dtype=np.int64), o.event)), entry)
    whole, parts = kaplan_meier(o), kaplan_meier(split)
    assert parts.at(whole.time) == pytest.approx(whole.survival, abs=1e-12)
    twice = {name: np.tile(values, 2) for name, values in columns.items()}
    a, b = try_cox(o, columns, robust=True), try_cox(split, twice, cluster=np.tile(np.arange(o.n), 2))
    assert (a is None) == (b is None)
    if a is not None and b is not None:
        assert b.estimates == pytest.approx(a.estimates, rel=1e-6, abs=1e-6)
        assert b.covariance == pytest.approx(a.covariance, rel=1e-4)


@few
@given(o=people(causes=3))
def test_incidences_and_event_free_survival_add_up_to_one(o: Observations) -> None:
    found = aalen_johansen(o)
    free = kaplan_meier(Observations(o.time, (o.event > 0).astype(np.int64)))
    assert found.event_free == pytest.approx(free.survival, abs=1e-12)
    assert found.incidence.sum(axis=0) + found.event_free == pytest.approx(1, abs=1e-12)
    for column in (found.incidence, found.se, found.lower, found.upper):
        assert np.isfinite(column).all()
    assert ((found.lower <= found.incidence + 1e-12) & (found.incidence <= found.upper + 1e-12)).all()


@few
@given(o=people())
def test_one_cause_is_kaplan_meier(o: Observations) -> None:
    found, curve = aalen_johansen(o), kaplan_meier(o)
    assert found.incidence[0] == pytest.approx(1 - curve.survival, abs=1e-12)
    assert found.se[0] == pytest.approx(curve.se, abs=1e-8)


@few
@given(o=people(), seed=st.integers(0, 1000))
def test_fine_gray_without_competing_events_is_cox(o: Observations, seed: int) -> None:
    columns = covariates(o.n, seed)
    fit = try_cox(o, columns, robust=True)
    if fit is None:
        with pytest.raises(BadInput):
            fine_gray(o, columns)
        return
    found = fine_gray(o, columns)
    assert found.estimates == pytest.approx(fit.estimates)
    assert found.covariance == pytest.approx(fit.covariance)


@few
@given(o=people())
def test_restricted_mean_is_the_area_and_grows_with_tau(o: Observations) -> None:
    curve = kaplan_meier(o)
    tau = common_tau([curve])
    grid = np.linspace(0, tau, 20_001)
    area = float(np.mean(curve.at(grid[:-1])) * tau)
    mean = rmst(curve, tau)
    assert mean.estimate == pytest.approx(area, rel=1e-3)
    assert 0 <= mean.estimate <= tau + 1e-12
    assert np.isfinite(mean.se)
    assert rmst(curve, tau / 2).estimate <= mean.estimate


@few
@given(o=people(), seed=st.integers(0, 1000))
def test_concordance_is_the_count_over_pairs(o: Observations, seed: int) -> None:
    risk = np.random.default_rng(seed).integers(0, 4, o.n).astype(float)
    right = wrong = tied = 0
    for i in np.flatnonzero(o.event == 1):
        for j in range(o.n):
            if o.time[j] > o.time[i] or (o.time[j] == o.time[i] and o.event[j] == 0):
                right += risk[i] > risk[j]
                wrong += risk[i] < risk[j]
                tied += risk[i] == risk[j]
    found = concordance(o, risk)
    assert (found.concordant, found.discordant, found.tied) == (right, wrong, tied)


@few
@given(o=people(entry=True), seed=st.integers(0, 1000), scale=st.sampled_from([1e-6, 1.0, 1e6]))
def test_a_fit_is_finite_or_refused_and_follows_the_scale_of_a_covariate(
    o: Observations, seed: int, scale: float
) -> None:
    columns = covariates(o.n, seed)
    scaled = {**columns, "x": columns["x"] * scale + 100 * scale}
    a, b = try_cox(o, columns), try_cox(o, scaled)
    assert (a is None) == (b is None)
    if a is not None and b is not None:
        assert np.isfinite(a.estimates).all() and np.isfinite(a.covariance).all() and (np.diag(a.covariance) > 0).all()
        assert b.estimates[0] * scale == pytest.approx(a.estimates[0], rel=1e-5, abs=1e-6)


def no_maximum(o: Observations, x: Any) -> bool:
    """By linear programming: is there a direction in which nobody at risk ever has more than the one with the event, and somebody less?"""
    parts = [x[i] - x[(o.time >= o.time[i]) & (o.entry < o.time[i])] for i in np.flatnonzero(o.event == 1)]  # type: ignore[operator]
    rows = np.concatenate(parts)
    rows = np.unique(rows[np.abs(rows).max(axis=1) > 1e-12], axis=0)
    if len(rows) == 0:
        return True
    found = linprog(-rows.sum(axis=0), A_ub=-rows, b_ub=np.zeros(len(rows)), bounds=[(-1, 1)] * x.shape[1])
    return bool(-found.fun > 1e-7)


@settings(max_examples=200, deadline=None)
@given(o=people(entry=True), seed=st.integers(0, 1000), ties=st.sampled_from(TIES))
def test_a_number_comes_only_where_the_likelihood_has_a_maximum(o: Observations, seed: int, ties: Ties) -> None:
    columns = covariates(o.n, seed)
    if not o.event.any():
        return
    infinite = no_maximum(o, np.column_stack(list(columns.values())))
    try:
        cox(o, columns, ties=ties)
    except BadInput as error:
        assert infinite or "rises without end" not in error.message
    else:
        assert not infinite
