"""What must hold for every pool: order and scale do not matter, like studies agree, and nothing is ever NaN without words."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from liverboard.errors import BadInput
from liverboard.synthesis.effects import Effects, given_effects
from liverboard.synthesis.intervals import clopper_pearson, wilson
from liverboard.synthesis.pool import pool_effects
from liverboard.synthesis.proportions import fit_proportions, pool_proportions
from liverboard.synthesis.random_effects import METHODS, fit_effects, log_likelihood, solve_q
from liverboard.synthesis.rates import pool_rates
from liverboard.synthesis.transformed import freeman_tukey_back

COUNTS = st.lists(
    st.integers(1, 80).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=1, max_size=12
)
EFFECTS = st.lists(st.tuples(st.floats(-5, 5), st.floats(0.01, 3)), min_size=2, max_size=15)
QUICK = settings(max_examples=60, deadline=None)


def _labels(k: int) -> list[str]:
    return [f"study {i}" for i in range(k)]


def _effects(rows: list[tuple[float, float]]) -> Effects:
    return given_effects(_labels(len(rows)), [y for y, _ in rows], [s for _, s in rows])


def _near(value: Any, other: Any) -> bool:
    """Equal to five digits, or both not there."""
    return value is other if value is None or other is None else value == pytest.approx(other, rel=1e-4, abs=1e-6)


def _whole(document: dict[str, Any]) -> None:
    """Nothing is NaN, and what is missing is accounted for in words."""
    json.dumps(document, allow_nan=False)
    if document["estimate"] is None:
        assert document["warnings"]
        return
    low, high = document["ci"]
    assert low <= document["estimate"] <= high
    if document["prediction_interval"]:
        assert document["prediction_interval"][0] <= low + 1e-9
        assert document["prediction_interval"][1] >= high - 1e-9
    assert sum(s["weight"] for s in document["studies"]) == pytest.approx(1)


@QUICK
@given(COUNTS)
@example([(0, 10), (10, 10)])
@example([(0, 1), (1, 1)])
@example([(0, 80), (1, 80), (80, 80)])
def test_a_proportion_is_never_nan_and_lies_between_0_and_1(rows: list[tuple[int, int]]) -> None:
    x, n = zip(*rows, strict=True)
    pooled = pool_proportions(_labels(len(rows)), x, n)
    document = pooled.as_json()
    _whole(document)
    if pooled.estimate is not None and pooled.ci is not None:
        assert 0 <= pooled.ci[0] <= pooled.ci[1] <= 1
        assert min(a / b for a, b in rows) - 1e-9 <= pooled.estimate <= max(a / b for a, b in rows) + 1e-9


@QUICK
@given(COUNTS, st.randoms(use_true_random=False))
def test_the_order_of_studies_does_not_matter(rows: list[tuple[int, int]], random: Any) -> None:
    shuffled = random.sample(rows, len(rows))
    one, other = (
        pool_proportions(_labels(len(r)), [a for a, _ in r], [b for _, b in r]).as_json() for r in (rows, shuffled)
    )
    for key in ("estimate", "tau2", "q", "mean_estimate"):
        assert _near(other.get(key), one.get(key)), key
    assert one["ci"] is other["ci"] or other["ci"] == pytest.approx(one["ci"], rel=1e-5, abs=1e-7)


@QUICK
@given(COUNTS)
def test_events_and_their_absence_mirror_each_other(rows: list[tuple[int, int]]) -> None:
    x, n = (np.array(c) for c in zip(*rows, strict=True))
    one, other = (pool_proportions(_labels(len(rows)), events, n) for events in (x, n - x))
    if one.estimate is None or other.estimate is None:
        assert one.estimate is other.estimate
        return
    assert one.ci and other.ci
    assert other.estimate == pytest.approx(1 - one.estimate, abs=1e-6)
    assert other.ci == pytest.approx((1 - one.ci[1], 1 - one.ci[0]), abs=1e-6)


@QUICK
@given(COUNTS)
def test_the_exact_model_is_at_a_maximum(rows: list[tuple[int, int]]) -> None:
    """No point of a coarse grid has a higher likelihood than the fit."""
    assume(len(rows) >= 2)
    x, n = (np.array(c, dtype=float) for c in zip(*rows, strict=True))
    fit = fit_proportions(x, n)
    assume(bool(fit.converged[0]))
    from liverboard.synthesis.likelihoods import Binomial
    from liverboard.synthesis.mixed import evaluate

    mu, tau = (g.ravel() for g in np.meshgrid(np.linspace(-5, 5, 11), [0.0, 0.1, 0.4, 1.0, 2.5, 5.0]))
    k, points = len(x), len(mu)
    counts = Binomial.of(np.broadcast_to(x, (points, k)), np.broadcast_to(n, (points, k)))
    grid = evaluate(counts, np.broadcast_to(mu[:, None], (points, k)), tau, np.zeros((points, k)), 7)
    assert grid.loglik.sum(axis=1).max() <= fit.loglik[0] + 1e-7


@QUICK
@given(st.lists(st.tuples(st.integers(0, 200), st.floats(0.5, 500)), min_size=1, max_size=12), st.floats(0.01, 100))
def test_rates_scale_with_the_unit_of_time(rows: list[tuple[int, float]], unit: float) -> None:
    x, t = (np.array(c, dtype=float) for c in zip(*rows, strict=True))
    one, other = (pool_rates(_labels(len(rows)), x, time) for time in (t, t * unit))
    _whole(one.as_json())
    if one.estimate is None or other.estimate is None:
        assert one.estimate is other.estimate
        return
    assert other.estimate * unit == pytest.approx(one.estimate, rel=1e-5, abs=1e-9)
    assert _near(other.tau2, one.tau2)


@QUICK
@given(EFFECTS, st.floats(0.001, 1000), st.floats(-50, 50))
def test_effects_shift_and_scale(rows: list[tuple[float, float]], factor: float, shift: float) -> None:
    moved = [(factor * y + shift, factor * s) for y, s in rows]
    for method in METHODS:
        one, other = (fit_effects(e.y, e.v, method=method) for e in (_effects(rows), _effects(moved)))
        spread = max(1e-12, float(np.ptp([y for y, _ in rows])) ** 2)
        tolerance = 1e-6 * spread + 1e-9 * (abs(shift) / factor + 1) ** 2
        assert other.tau2[0] / factor**2 == pytest.approx(one.tau2[0], rel=1e-5, abs=tolerance), method
        assert other.beta[0, 0] == pytest.approx(factor * one.beta[0, 0] + shift, rel=1e-6, abs=1e-5 * factor), method


@QUICK
@given(EFFECTS)
def test_effects_are_never_nan(rows: list[tuple[float, float]]) -> None:
    for method in METHODS:
        for ci in ("t", "z", "hk", "hk_adhoc"):
            document = pool_effects(_effects(rows), method, ci).as_json()
            json.dumps(document, allow_nan=False)
            assert document["ci"] is not None


@QUICK
@given(EFFECTS)
def test_an_ad_hoc_interval_is_never_narrower_than_t(rows: list[tuple[float, float]]) -> None:
    ad_hoc, t = (pool_effects(_effects(rows), "reml", ci).ci for ci in ("hk_adhoc", "t"))
    assert ad_hoc and t
    assert ad_hoc[1] - ad_hoc[0] >= t[1] - t[0] - 1e-12


@QUICK
@given(EFFECTS)
def test_reml_and_ml_are_at_their_maximum_and_pm_at_its_root(rows: list[tuple[float, float]]) -> None:
    effects = _effects(rows)
    y, v, x = effects.y[None, :], effects.v[None, :], np.ones((len(rows), 1))
    for method in ("reml", "ml"):
        top = fit_effects(y, v, method=method).tau2
        best = log_likelihood(y, v, x, top, restricted=method == "reml")[0]
        for other in (0.0, 1e-3, 0.1, 0.5, 2.0, 10.0, 40.0):
            height = log_likelihood(y, v, x, np.array([other]), restricted=method == "reml")[0]
            assert height <= best + 1e-8 * (1 + abs(best)), (method, other)
    tau2 = solve_q(y, v, x, np.array([len(rows) - 1.0]))
    w = 1 / (v + tau2[0])
    q = float((w * (y - (w * y).sum() / w.sum()) ** 2).sum())
    assert q == pytest.approx(len(rows) - 1, rel=1e-6) or (tau2[0] == 0 and q <= len(rows) - 1)


@QUICK
@given(st.floats(-3, 3), st.floats(0.05, 2), st.integers(2, 20))
def test_studies_that_agree_have_no_spread_and_all_estimators_say_the_same(y: float, se: float, k: int) -> None:
    effects = _effects([(y, se)] * k)
    for method in METHODS:
        fit = fit_effects(effects.y, effects.v, method=method)
        assert fit.tau2[0] == pytest.approx(0, abs=1e-9)
        assert fit.beta[0, 0] == pytest.approx(y, abs=1e-9)
        assert fit.se[0, 0] == pytest.approx(se / np.sqrt(k))
    pooled = pool_effects(effects)
    assert pooled.ci and pooled.ci[0] < y < pooled.ci[1]
    assert pooled.ci_method == "t"


@QUICK
@given(COUNTS)
def test_studies_counted_twice_keep_the_estimate_and_narrow_the_interval(rows: list[tuple[int, int]]) -> None:
    x, n = (np.array(c) for c in zip(*rows, strict=True))
    one = fit_proportions(x, n)
    two = fit_proportions(np.tile(x, 2), np.tile(n, 2))
    assume(len(rows) >= 2 and bool(one.converged[0] and two.converged[0]))
    assert two.beta[0, 0] == pytest.approx(one.beta[0, 0], abs=1e-4 + 1e-4 * float(one.se[0, 0]))
    assert two.se[0, 0] == pytest.approx(one.se[0, 0] / np.sqrt(2), rel=1e-3)


@QUICK
@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_study_intervals_hold_the_estimate_and_wilson_lies_mostly_inside(row: tuple[int, int]) -> None:
    x, n = row
    for interval in (clopper_pearson, wilson):
        low, high = (float(limit) for limit in interval(x, n))
        assert 0 <= low <= x / n <= high <= 1


@QUICK
@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_freeman_tukey_comes_back(row: tuple[int, int]) -> None:
    x, n = row
    t = 0.5 * (np.arcsin(np.sqrt(x / (n + 1))) + np.arcsin(np.sqrt((x + 1) / (n + 1))))
    assert float(freeman_tukey_back(t, n)) == pytest.approx(x / n, abs=1e-6)


@pytest.mark.parametrize(
    ("events", "n"),
    [([], []), ([-1], [10]), ([11], [10]), ([0.5], [10]), ([1], [0]), ([float("nan")], [10]), ([1], [float("inf")])],
)
def test_counts_that_are_none_are_refused_by_name(events: list[float], n: list[float]) -> None:
    with pytest.raises(BadInput) as caught:
        pool_proportions(_labels(len(events)), events, n)
    assert not events or "study 0" in str(caught.value)


@pytest.mark.parametrize(
    ("events", "n"),
    [([10**9, 5 * 10**8], [2 * 10**9, 10**9]), ([1, 10**9], [10**9, 10**9 + 1]), ([0, 1, 0], [10**9, 10, 1000])],
)
def test_huge_counts_are_pooled_or_refused_in_words(events: list[int], n: list[int]) -> None:
    _whole(pool_proportions(_labels(len(events)), events, n).as_json())
