"""Propagation of errors: analytic results, Monte Carlo as the check, covariance, probabilities of keeping a limit."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liverboard.errors import BadInput
from liverboard.sirt.activity import NORMAL, TUMOUR, Energy, Lesion, doses_gy, partition
from liverboard.sirt.uncertainty import (
    Budget,
    MeasuredLesion,
    Term,
    Values,
    measured_dose,
    monte_carlo,
    one_at_a_time,
    propagate,
    recovery,
    volume_relative_sd,
)

LESION = MeasuredLesion(
    "L1", 8.0, 0.02, 1.04, volume_sd=0.2, count_power=0.6, calibration_sd=0.07, counting_sd=0.03,
    midpoint_ml=2.0, power=1.1, midpoint_sd=0.1, power_sd=0.08, curve_correlation=-0.6,
)  # fmt: skip


def partition_dose(name: str):
    def dose(values: Values) -> float:
        tumour = Lesion(TUMOUR, values["tumour"], values["tn"])
        of = partition(tumour, 1.5 - values["tumour"], values["shunt"])  # the outline of the liver stays
        return doses_gy(values["activity"], of, Energy(49.67))[name]

    return dose


PLAN = Budget(
    (Term("tumour", 0.2, 0.12), Term("tn", 5, 0.25), Term("activity", 2, 0.05), Term("shunt", 0.05, 0.3, "share"))
)


def test_a_quotient_of_lognormals_is_exact() -> None:
    found = propagate(lambda v: v["a"] / v["m"], Budget((Term("a", 2, 0.1), Term("m", 0.5, 0.2))))
    log_variance = math.log1p(0.01) + math.log1p(0.04)
    assert found.value == 4
    assert found.relative_sd == pytest.approx(math.sqrt(math.expm1(log_variance)), rel=1e-6)
    assert found.high / found.value == pytest.approx(math.exp(1.959964 * math.sqrt(log_variance)), rel=1e-6)
    assert found.contributions["m"] == pytest.approx(math.log1p(0.04) / log_variance, rel=1e-6)


def test_what_is_shared_cancels_or_doubles() -> None:
    same = Budget((Term("a", 2, 0.1), Term("b", 3, 0.1)), (("a", "b", 1.0),))
    assert propagate(lambda v: v["a"] / v["b"], same).relative_sd == pytest.approx(0, abs=1e-6)
    doubled = propagate(lambda v: v["a"] * v["b"], same).relative_sd
    assert math.log1p(doubled**2) == pytest.approx(4 * math.log1p(0.01), rel=1e-6)


def test_the_chain_from_volume_to_dose_has_the_analytic_covariance() -> None:
    """ln D = (count power - 1) ln v - ln R(v) + ...; d ln R / d ln v = power (1 - R)."""
    model, budget = measured_dose(LESION, 49.67)
    found = propagate(model, budget)
    r = recovery(8.0, 2.0, 1.1)
    u = {term.name: term.sd for term in budget.terms}
    by_volume = (0.6 - 1 - 1.1 * (1 - r)) * u["volume"]
    by_midpoint = 1.1 * (1 - r) * u["recovery midpoint"]
    by_power = -1.1 * math.log(8 / 2) * (1 - r) * u["recovery power"]
    expected = (
        by_volume**2 + u["calibration"] ** 2 + u["counting"] ** 2
        + by_midpoint**2 + by_power**2 - 2 * 0.6 * by_midpoint * by_power
    )  # fmt: skip
    assert math.log1p(found.relative_sd**2) == pytest.approx(expected, rel=1e-6)
    without = propagate(model, Budget(budget.terms))
    assert found.relative_sd != pytest.approx(without.relative_sd, rel=1e-3)
    assert found.value == pytest.approx(49.67 * 0.02 / r / 0.00832)


@pytest.mark.parametrize("name", [TUMOUR, NORMAL])
@pytest.mark.parametrize(
    ("scale", "ends"), [(0.5, 0.02), (1.0, 0.05)]
)  # first order: off by the curvature, which grows with the square
def test_partition_beside_monte_carlo(name: str, scale: float, ends: float) -> None:
    budget = Budget(tuple(replace(term, relative_sd=scale * term.relative_sd) for term in PLAN.terms))
    fast, slow = propagate(partition_dose(name), budget), monte_carlo(partition_dose(name), budget)
    assert fast.relative_sd == pytest.approx(slow.relative_sd, rel=0.06)
    assert fast.low == pytest.approx(slow.low, rel=ends)
    assert fast.high == pytest.approx(slow.high, rel=ends)


def test_measured_dose_beside_monte_carlo() -> None:
    model, budget = measured_dose(LESION, 49.67)
    fast, slow = propagate(model, budget), monte_carlo(model, budget)
    assert fast.relative_sd == pytest.approx(slow.relative_sd, rel=0.05)
    assert (fast.low, fast.high) == pytest.approx((slow.low, slow.high), rel=0.03)


@settings(max_examples=15)
@given(st.floats(0.01, 0.2), st.floats(0.01, 0.2), st.floats(-0.9, 0.9), st.floats(0.3, 3))
def test_propagation_and_monte_carlo_agree_where_errors_are_small(a: float, b: float, r: float, power: float) -> None:
    budget = Budget((Term("a", 2, a), Term("b", 3, b)), (("a", "b", r),))

    def model(values: Values) -> float:
        return values["a"] ** power / (1 + values["b"])

    fast, slow = propagate(model, budget), monte_carlo(model, budget, 4000)
    assert fast.relative_sd == pytest.approx(slow.relative_sd, rel=0.08, abs=0.002)


def test_the_probability_of_keeping_a_limit() -> None:
    found = propagate(lambda v: v["d"], Budget((Term("d", 35, 0.1),)))
    assert found.probability_below(35) == pytest.approx(0.5)
    assert found.probability_below(found.high) == pytest.approx(0.975, abs=1e-4)
    drawn = [35 * math.exp(math.sqrt(math.log1p(0.01)) * z) for z in normal_draws(20_000)]
    assert found.probability_below(40) == pytest.approx(sum(d < 40 for d in drawn) / len(drawn), abs=0.01)
    sure = propagate(lambda v: v["d"], Budget((Term("d", 35, 0.0),)))
    assert (sure.probability_below(36), sure.probability_below(34)) == (1, 0)


def normal_draws(n: int) -> list[float]:
    import random

    rng = random.Random(7)
    return [rng.gauss(0, 1) for _ in range(n)]


def test_small_lesions_have_wide_volumes() -> None:
    small, large = (volume_relative_sd(v, (2.0, 2.0, 2.0)) for v in (0.5, 500))
    assert small == pytest.approx(10 * large)
    assert volume_relative_sd(4.18879, (2.0, 2.0, 2.0)) == pytest.approx(3 * 2 / math.sqrt(12) / 10, rel=1e-5)


def test_one_at_a_time_moves_one_only() -> None:
    found = one_at_a_time(partition_dose(NORMAL), PLAN)
    assert found["activity"][0] < 41.03 < found["activity"][1]
    assert found["shunt"][0] > 41.03 > found["shunt"][1]


def test_budgets_that_cannot_be_are_refused() -> None:
    with pytest.raises(BadInput):
        Term("a", 1, math.nan)
    with pytest.raises(BadInput):
        Term("a", 1, 0.1, "share")
    terms = (Term("a", 1, 0.1), Term("b", 1, 0.1), Term("c", 1, 0.1))
    with pytest.raises(BadInput, match="contradict"):
        Budget(terms, (("a", "b", 1.0), ("b", "c", 1.0), ("a", "c", -1.0))).covariance()
    with pytest.raises(BadInput, match="correlation of a and z"):
        Budget(terms, (("a", "z", 0.5),)).covariance()


def test_errors_that_leave_nothing_of_the_dose_are_refused() -> None:
    with pytest.raises(BadInput, match="a first"):
        propagate(lambda v: v["a"] ** 30 * v["b"], Budget((Term("a", 1, 0.1), Term("b", 1, 0.1))))
