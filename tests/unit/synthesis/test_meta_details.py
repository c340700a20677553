"""What the oracles do not reach: permutation tests, edges of odds ratios, hazard ratios from p, subgroups, and diagnostics that refuse."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from liverboard.errors import BadInput
from liverboard.synthesis.diagnostics import begg, egger, influence, leave_one_out, leave_one_out_counts, trim_and_fill
from liverboard.synthesis.effects import given_effects, hazard_ratio_from_p, logit_proportions
from liverboard.synthesis.intervals import normal_upper, poisson_exact
from liverboard.synthesis.likelihoods import Binomial, ConditionalTable, Poisson
from liverboard.synthesis.mixed import evaluate, fit_mixed
from liverboard.synthesis.odds_ratios import informative, mantel_haenszel, pool_odds_ratios
from liverboard.synthesis.pool import pool_effects
from liverboard.synthesis.random_effects import fit_effects, tau2_interval
from liverboard.synthesis.rates import pool_rates
from liverboard.synthesis.regression import level_design, numeric_design, regress_counts, regress_effects, subgroups

Y, SE = [0.1, 0.4, 0.9, 1.3, 1.2], [0.3, 0.2, 0.4, 0.25, 0.3]


def labels(k: int) -> list[str]:
    return [f"s{i}" for i in range(k)]


def test_a_permutation_test_of_few_studies_goes_through_all_orders() -> None:
    effects, x = given_effects(labels(5), Y, SE), np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    ours = regress_effects(effects, numeric_design(x=x), "reml", "hk", permutations=10)

    def t(order: tuple[int, ...]) -> float:
        fit = regress_effects(effects.take(order), numeric_design(x=x), "reml", "hk")
        return abs(fit.coefficients[1].estimate) / fit.coefficients[1].se

    seen = t((0, 1, 2, 3, 4))
    share = np.mean([t(order) >= seen * (1 - 1e-9) for order in itertools.permutations(range(5))])
    assert ours.coefficients[1].p_permutation == pytest.approx(share)
    assert ours.coefficients[0].p_permutation is None


def test_a_drawn_permutation_test_is_the_same_twice() -> None:
    rng = np.random.default_rng(2)
    effects = given_effects(labels(12), rng.normal(size=12), np.full(12, 0.5))
    one, two = (
        regress_effects(effects, numeric_design(x=np.arange(12.0)), permutations=200, seed=4).qm_p_permutation
        for _ in range(2)
    )
    assert one == two


def test_regression_on_a_year_is_that_on_the_year_since_2000() -> None:
    x, n = np.array([2, 3, 5, 1, 8, 4]), np.array([20, 22, 31, 18, 40, 25])
    year = np.array([2001.0, 2004, 2007, 2010, 2015, 2020])
    one, two = (
        regress_counts(lambda o: Binomial.of(x[o], n[o]), numeric_design(year=y), "t") for y in (year, year - 2000)
    )
    assert one.coefficients[1].estimate == pytest.approx(two.coefficients[1].estimate, rel=1e-6)
    assert one.coefficients[1].se == pytest.approx(two.coefficients[1].se, rel=1e-5)
    assert one.coefficients[0].estimate == pytest.approx(
        two.coefficients[0].estimate - 2000 * two.coefficients[1].estimate, rel=1e-6
    )


def test_a_level_without_events_has_no_coefficient_and_says_so() -> None:
    x, n = np.array([0, 0, 0, 5, 6, 7]), np.array([10, 12, 9, 20, 22, 30])
    found = regress_counts(lambda o: Binomial.of(x[o], n[o]), level_design("arm", list("aaabbb")), "t")
    assert found.coefficients == ()
    assert any("no event" in w for w in found.warnings)


@pytest.mark.parametrize(
    ("design", "says"),
    [
        (lambda: numeric_design(x=[1, 1, 1, 1, 1]), "the same in all"),
        (lambda: numeric_design(x=[1, 2, 3, 4, np.nan]), "not numbers"),
        (lambda: level_design("arm", ["a"] * 5), "one level"),
    ],
)
def test_moderators_that_explain_nothing_are_refused(design: object, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        design()  # pyright: ignore[reportCallIssue]


def test_more_coefficients_than_studies_and_dependent_ones_are_refused() -> None:
    effects = given_effects(labels(5), Y, SE)
    with pytest.raises(BadInput, match="cannot carry"):
        regress_effects(effects, level_design("arm", list("abcde")))
    with pytest.raises(BadInput, match="dependent"):
        regress_effects(effects, numeric_design(a=[1, 2, 3, 4, 6], b=[2, 4, 6, 8, 12]))


def test_subgroups_pool_each_level_alone() -> None:
    effects = given_effects(labels(5), Y, SE)
    found = subgroups(effects, "arm", list("aabbb"))
    for name, rows in (("a", [0, 1]), ("b", [2, 3, 4])):
        assert dict(found.groups)[name].mu == pool_effects(effects.take(rows)).mu


def test_a_hazard_ratio_from_p_comes_back_to_its_p() -> None:
    p, o1, o2 = [0.03, 0.5, 1e-9], [40, 22, 80], [55, 25, 90]
    effects = hazard_ratio_from_p(labels(3), p, o1, o2, [True, False, True])
    assert 2 * normal_upper(np.abs(effects.y) / np.sqrt(effects.v)) == pytest.approx(p)
    assert (effects.y < 0).tolist() == [True, False, True]
    with pytest.raises(BadInput, match="between 0 and 1"):
        hazard_ratio_from_p(["A"], [0], [10], [10], [True])


def test_events_in_one_arm_only_have_no_finite_odds_ratio() -> None:
    tables = informative(labels(3), [2, 1, 3], [20, 20, 30], [0, 0, 0], [20, 20, 30])
    for model in ("conditional", "unconditional"):
        pooled = pool_odds_ratios(tables, model=model)
        assert pooled.estimate is None and any("one arm" in w for w in pooled.warnings)
    with pytest.raises(BadInput, match="no event"):
        mantel_haenszel(tables)


def test_tables_too_large_for_the_conditional_model_are_refused() -> None:
    n = [10**7] * 3
    tables = informative(labels(3), [10**6] * 3, n, [2 * 10**6] * 3, n)
    with pytest.raises(BadInput, match="too large"):
        pool_odds_ratios(tables)


def test_the_conditional_likelihood_is_the_hypergeometric_one() -> None:
    """At an odds ratio of one the table given its margins is hypergeometric; scipy has that one."""
    from scipy.stats import hypergeom

    counts = ConditionalTable.of([3, 0], [10, 8], [5, 2], [12, 9])
    value, first, _ = counts.derivatives(np.zeros((1, 2, 1)))
    for i, (a, n1, c, n2) in enumerate(((3, 10, 5, 12), (0, 8, 2, 9))):
        assert np.exp(value[0, i, 0]) == pytest.approx(hypergeom.pmf(a, n1 + n2, a + c, n1))
        assert first[0, i, 0] == pytest.approx(a - (a + c) * n1 / (n1 + n2))


@pytest.mark.parametrize(
    "counts",
    [
        Binomial.of([0, 3, 10], [5, 9, 10]),
        Poisson.of([0, 3, 40], [5.5, 9, 10]),
        ConditionalTable.of([0, 3, 4], [5, 9, 8], [2, 1, 3], [6, 9, 7]),
    ],
)
@pytest.mark.parametrize("nodes", [1, 7])
def test_the_gradient_is_that_of_what_is_maximised(counts: Binomial, nodes: int) -> None:
    """Central differences of the quadrature itself; with one node the moving nodes are all that there is."""
    a, tau, h = np.array([[0.3, -0.4, 0.1]]), np.array([0.8]), 1e-5
    u = np.zeros((1, 3))
    at = evaluate(counts, a, tau, u, nodes)
    by_a = [evaluate(counts, a + d, tau, u, nodes).loglik for d in (h, -h)]
    by_tau = [evaluate(counts, a, tau + d, u, nodes).loglik for d in (h, -h)]
    assert at.g_a == pytest.approx((by_a[0] - by_a[1]) / (2 * h), abs=1e-7)
    assert at.g_tau == pytest.approx((by_tau[0] - by_tau[1]) / (2 * h), abs=1e-7)


def test_the_quadrature_is_the_integral() -> None:
    """Against scipy's adaptive integration, for likelihood shapes from flat to sharp."""
    from scipy.integrate import quad
    from scipy.stats import binom, norm

    for x, n, a, tau in ((0, 12, -2.0, 1.0), (7, 9, 0.4, 0.6), (40, 400, -2.0, 0.3), (1, 3, 0.0, 2.0)):
        exact, _ = quad(
            lambda u, x=x, n=n, a=a, tau=tau: binom.pmf(x, n, 1 / (1 + np.exp(-(a + tau * u)))) * norm.pdf(u),
            -12,
            12,
            epsabs=1e-14,
            limit=400,
        )
        ours = evaluate(Binomial.of([x], [n]), np.array([[a]]), np.array([tau]), np.zeros((1, 1)), 25)
        assert float(np.exp(ours.loglik[0, 0])) == pytest.approx(exact, rel=1e-6)


def test_a_study_without_patients_is_absent() -> None:
    with_absent = fit_mixed(Binomial.of([3, 0, 5, 2], [20, 0, 22, 30]), np.ones((4, 1)))
    without = fit_mixed(Binomial.of([3, 5, 2], [20, 22, 30]), np.ones((3, 1)))
    assert with_absent.beta[0, 0] == pytest.approx(without.beta[0, 0], abs=1e-8)
    left = leave_one_out_counts(Binomial.of, [3, 1, 5, 2], [20, 9, 22, 30])
    assert left.beta[1, 0] == pytest.approx(without.beta[0, 0], abs=1e-7)


def test_rates_without_events_and_of_one_study() -> None:
    pooled = pool_rates(labels(2), [0, 0], [10, 20])
    assert pooled.ci == pytest.approx((0, -np.log(0.025) / 30))
    assert pooled.warnings
    low, high = poisson_exact(4, 10)
    assert pool_rates(["A"], [4], [10]).ci == pytest.approx((float(low), float(high)))


def test_diagnostics_refuse_too_few_studies() -> None:
    effects = given_effects(labels(5), Y, SE)
    for test in (egger, begg, trim_and_fill):
        with pytest.raises(BadInput, match="needs 10"):
            test(effects)
    with pytest.raises(BadInput, match="needs 3"):
        influence(effects.take([0, 1]))
    with pytest.raises(BadInput, match="needs 2"):
        leave_one_out(effects.take([0]))


def test_equally_precise_studies_cannot_be_tested_for_asymmetry() -> None:
    with pytest.raises(BadInput, match="equally precise"):
        egger(given_effects(labels(12), np.linspace(0, 1, 12), np.full(12, 0.3)))


def test_a_symmetric_funnel_misses_nothing() -> None:
    y = np.array([-1.0, 1, -0.5, 0.5, -0.2, 0.2, 0, 0.7, -0.7, 0.01])
    assert trim_and_fill(given_effects(labels(10), y, np.full(10, 0.4))).missing == 0


def test_intervals_of_tau2_refuse_what_they_cannot_do() -> None:
    effects = given_effects(labels(5), Y, SE)
    with pytest.raises(BadInput):
        tau2_interval(effects.y[:1], effects.v[:1], np.ones((1, 1)))
    with pytest.raises(BadInput, match="without moderators"):
        tau2_interval(effects.y, effects.v, np.column_stack([np.ones(5), np.arange(5)]), "biggerstaff_tweedie")
    with pytest.raises(BadInput):
        tau2_interval(effects.y, effects.v, np.ones((5, 1)), "guess")


def test_fixed_effect_of_studies_that_differ_warns() -> None:
    effects = logit_proportions(labels(3), [2, 15, 29], [30, 30, 30])
    assert any("which is there" in w for w in pool_effects(effects, "fixed", "z").warnings)


def test_reml_finds_the_greater_of_two_maxima() -> None:
    """Two precise studies far apart among imprecise ones near one of them: a case with more than one local maximum of the likelihood."""
    y = np.array([0.0, 3.0, 0.1, -0.1, 0.05, 0.0])
    v = np.array([1e-4, 1.0, 1e-4, 1e-4, 1e-4, 1e-4])
    found = fit_effects(y, v).tau2[0]
    from liverboard.synthesis.random_effects import log_likelihood

    grid = np.concatenate([[0.0], np.logspace(-6, 2, 400)])
    heights = [
        log_likelihood(y[None], v[None], np.ones((6, 1)), np.array([g]), restricted=True)[0] for g in [*grid, found]
    ]
    assert heights[-1] >= max(heights[:-1]) - 1e-9
