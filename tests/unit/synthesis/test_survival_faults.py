"""Survival methods at their edges: bad columns are refused with their rows, what cannot be estimated is said, nothing is NaN."""

import json
import math
from typing import Any

import numpy as np
import pytest

from liverboard.errors import BadInput
from liverboard.synthesis.competing import aalen_johansen, fine_gray
from liverboard.synthesis.cox import cox
from liverboard.synthesis.design import Design
from liverboard.synthesis.kaplan_meier import kaplan_meier
from liverboard.synthesis.logrank import logrank
from liverboard.synthesis.medians import StudyMedian, median_of_medians, pooled_medians
from liverboard.synthesis.observations import observe
from liverboard.synthesis.rmst import rmst
from liverboard.synthesis.summary_curve import curve_cells, summary_curve
from liverboard.synthesis.survival_report import SurvivalData, Wishes, survival_report


@pytest.mark.parametrize(
    ("time", "event", "more", "said"),
    [
        ([], [], {}, "there is no row"),
        ([1, -2], [1, 0], {}, "row 2: a time is negative"),
        ([1, math.nan], [1, 0], {}, "row 2: no finite number"),
        ([1, math.inf], [1, 0], {}, "row 2: no finite number"),
        ([1, 2], [1, 3], {}, "row 2: not an event code"),
        ([1, 2], [1, 0.5], {}, "row 2: not an event code"),
        ([1, 2], [1], {}, "event has 1 rows and time has 2"),
        ([[1, 2]], [1], {}, "2 dimensions"),
        (["a", 2], [1, 0], {}, "no number"),
        ([1, 2], [1, 0], {"entry": [1, 0]}, "row 1: entry is not before"),
        ([1, 2], [1, 0], {"weights": [0, 1]}, "row 1: a weight is not positive"),
    ],
)
def test_bad_columns_are_refused_with_their_rows(time: Any, event: Any, more: Any, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        observe(time, event, **more)


def test_many_bad_rows_are_counted_not_listed() -> None:
    with pytest.raises(BadInput) as caught:
        observe([-1.0] * 100, [1] * 100)
    assert len(caught.value.problems) == 6
    assert "95 more" in str(caught.value)


@pytest.mark.parametrize("event", [0, 1])
def test_one_person(event: int) -> None:
    o = observe([3.0], [event])
    curve = kaplan_meier(o)
    assert curve.median == (3.0 if event else None)
    assert (curve.lower[0], curve.upper[0]) == ((0.0, 1.0) if event else (1.0, 1.0))
    assert logrank(o, ["a"]).chi2 is None
    assert rmst(curve, 3.0).estimate == 3.0
    assert np.isfinite(aalen_johansen(o).se).all()
    with pytest.raises(BadInput):
        cox(o, {"x": [1.0]})


def test_all_censored() -> None:
    o = observe([1, 2, 3, 4], [0, 0, 0, 0])
    curve = kaplan_meier(o)
    assert (curve.median, curve.median_ci) == (None, (math.inf, math.inf))
    assert curve.survival.tolist() == [1, 1, 1, 1]
    test = logrank(o, [0, 0, 1, 1])
    assert test.chi2 is None and test.p is None and "nothing to compare" in test.warnings[0]
    with pytest.raises(BadInput, match="no event"):
        cox(o, {"x": [1.0, 2, 3, 4]})


def test_events_at_time_zero_count() -> None:
    curve = kaplan_meier(observe([0, 0, 1, 2], [1, 0, 1, 0]))
    assert curve.time.tolist() == [0, 1, 2]
    assert curve.survival == pytest.approx([0.75, 0.375, 0.375])


@pytest.mark.parametrize(
    ("x", "said"),
    [
        ([0, 0, 0, 1, 1, 1], r"rises without end along x \(down\)"),  # perfect separation: who has x = 0 dies first
        ([6, 5, 4, 3, 2, 1], r"rises without end along x \(up\)"),
        ([1, 1, 1, 1, 1, 1], "x: no variation"),
    ],
)
def test_a_likelihood_without_a_maximum_is_said_not_returned(x: list[float], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        cox(observe([1, 2, 3, 4, 5, 6], [1, 1, 1, 0, 0, 0]), {"x": x})


def test_only_the_separating_covariate_is_named() -> None:
    rng = np.random.default_rng(1)
    n = 200
    arm, age = rng.integers(0, 2, n), rng.normal(60, 10, n)
    event = (arm == 1) & (rng.uniform(size=n) < 0.4)
    with pytest.raises(BadInput) as caught:
        cox(observe(rng.exponential(size=n), event), {"arm": arm, "age": age})
    assert "arm (up)" in caught.value.message and "age" not in caught.value.message


def test_collinear_covariates_are_named() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=50), rng.normal(size=50)
    with pytest.raises(BadInput, match=r"^a, b, sum: each can be computed"):
        cox(
            observe(rng.exponential(size=50), np.ones(50)), {"a": a, "b": b, "c": rng.normal(size=50), "sum": a + 2 * b}
        )


def test_a_covariate_that_varies_only_after_the_last_event_says_nothing() -> None:
    with pytest.raises(BadInput, match="no variation among those at risk"):
        cox(observe([1, 2, 3, 4], [0, 1, 1, 1], strata=[0, 1, 2, 3]), {"x": [1.0, 2, 3, 4]})


def test_far_off_covariates_and_huge_effects_stay_finite() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=500)
    time = rng.exponential(size=500) * np.exp(-6 * x)
    x[0] = 1e4  # one typing error must not overflow the sums
    for columns in ({"x": x}, {"x": 1e9 + x}, {"x": np.where(x > 100, 0, x)}):
        try:
            fit = cox(observe(time, np.ones(500)), columns)
        except BadInput:
            continue
        assert np.isfinite(fit.estimates).all() and np.isfinite(fit.covariance).all()


def test_digits_lost_where_people_enter_late_and_hazards_are_far_apart_are_said() -> None:
    o = observe([1, 4, 1, 3, 4, 2, 1], [1, 1, 0, 0, 1, 0, 1], entry=[0, 1, 0, 2, 1, 1, 0])
    x = [-0.43234001, -1.13009677, 0.67384366, -1.1078146, 2.01391558, 0.92411204, -0.35926294]
    fit = cox(o, {"x": x, "z": [1, 1, 1, 0, 0, 0, 1]})
    assert any("digits" in warning for warning in fit.warnings)


def test_an_infinite_or_missing_covariate_is_refused_with_its_row() -> None:
    with pytest.raises(BadInput, match="row 2"):
        Design.of({"x": [1.0, math.nan, 2.0]})


def test_words_become_categories_against_the_first() -> None:
    design = Design.of({"arm": ["b", "a", "10", "9"], "size": ["10", "9", "9", "10"]})
    assert design.names == ("arm: 9", "arm: a", "arm: b", "size: 10")
    with pytest.raises(BadInput, match="one category"):
        Design.of({"arm": ["a", "a"]})


def test_competing_events_are_not_mistaken_for_the_event() -> None:
    o = observe([1, 2, 3], [1, 2, 0], causes=2)
    for method in (kaplan_meier, lambda o: logrank(o, [0, 1, 1]), lambda o: cox(o, {"x": [1.0, 2, 3]})):
        with pytest.raises(BadInput):
            method(o)


def test_fine_gray_when_everyone_with_the_event_is_separated() -> None:
    o = observe([1, 2, 3, 4, 5, 6], [1, 1, 2, 2, 0, 0], causes=2)
    with pytest.raises(BadInput, match="rises without end"):
        fine_gray(o, {"x": [1, 1, 0, 0, 0, 0]})


def test_a_mean_beyond_follow_up_is_refused_unless_nobody_is_left() -> None:
    known = kaplan_meier(observe([1, 2, 3], [1, 1, 0]))
    with pytest.raises(BadInput, match="beyond the last follow-up"):
        rmst(known, 4)
    gone = kaplan_meier(observe([1, 2, 3], [1, 1, 1]))
    assert rmst(gone, 10).estimate == pytest.approx(2)
    for tau in (0, -1, math.nan, math.inf):
        with pytest.raises(BadInput):
            rmst(gone, tau)


def test_huge_and_tiny_p_values() -> None:
    n = 4000
    time = np.concatenate((np.linspace(1, 2, n), np.linspace(3, 4, n)))
    test = logrank(observe(time, np.ones(2 * n)), np.repeat(["a", "b"], n))
    assert test.chi2 is not None and test.chi2 > 1000 and test.p is not None and 0 <= test.p < 1e-200


@pytest.mark.parametrize(
    "event", [[0] * 12, [1] * 12, [2] * 12, [1] + [0] * 11, [1, 2] * 6, [0, 1, 2] * 4, [1] * 6 + [0] * 6]
)
@pytest.mark.parametrize(
    "group", [None, ["a"] * 12, ["a", "b"] * 6, [f"g{i}" for i in range(12)], ["a"] * 6 + ["b"] * 6]
)
@pytest.mark.parametrize("extra", [{}, {"entry": True}, {"weights": 1.5}, {"strata": True}, {"cluster": True}])
def test_the_report_of_anything_is_a_document_without_nan(event: list[int], group: Any, extra: dict[str, Any]) -> None:
    time = np.arange(1.0, 13.0) // 2 + 1
    o = observe(
        time,
        event,
        entry=time - 1 if "entry" in extra else None,
        weights=np.linspace(0.5, 1.5, 12) if "weights" in extra else None,
        strata=[0, 1, 2] * 4 if "strata" in extra else None,
        causes=2,
    )
    data = SurvivalData(
        observations=o,
        group=None if group is None else np.array(group),
        covariates={"x": np.sin(np.arange(12.0))},
        cluster=np.arange(12) // 3 if "cluster" in extra else None,
    )
    document = survival_report(data, Wishes(at=(0.0, 3.0, 99.0))).as_json()
    json.dumps(document, allow_nan=False)
    assert {"groups", "logrank", "cox", "rmst", "warnings"} <= set(document)


def test_codes_one_and_two_without_zero_are_questioned() -> None:
    document = survival_report(SurvivalData(observe([1, 2, 3, 4], [1, 2, 2, 1], causes=2))).as_json()
    assert any("recode to 0 and 1" in str(warning) for warning in document["warnings"])  # type: ignore[attr-defined]


def test_a_number_taken_for_a_group_is_refused() -> None:
    data = SurvivalData(observe(np.arange(1.0, 61), np.ones(60)), group=np.arange(60), group_name="age")
    with pytest.raises(BadInput, match="age has 60 groups"):
        survival_report(data)


def test_summary_curve_refuses_holes_and_rises() -> None:
    with pytest.raises(BadInput, match="study b has not exactly one row at time 1"):
        curve_cells(["a", "a", "b"], [1, 2, 2], [0.9, 0.8, 0.7], [10, 9, 9])
    with pytest.raises(BadInput, match="rises"):
        curve_cells(["a", "a"], [1, 2], [0.8, 0.9], [10, 9])
    with pytest.raises(BadInput, match="row 1"):
        curve_cells(["a"], [1], [1.2], [10])


def test_summary_curve_of_one_study_is_that_study_nearly_and_reaches_zero_without_nan() -> None:
    found = summary_curve(curve_cells(["a", "a", "a"], [1, 2, 3], [0.5, 0.1, 0.0], [1000, 500, 100]), draws=200)
    assert found.survival == pytest.approx([0.5, 0.1, 0.0], abs=0.002)
    assert found.median == pytest.approx(1, abs=0.01)
    json.dumps(found.as_json(), allow_nan=False)


def test_medians_of_other_clocks_are_not_pooled_and_wrong_intervals_are_found() -> None:
    with pytest.raises(BadInput, match="different events"):
        pooled_medians(
            [
                StudyMedian("a", 20, 10, 30, origin="diagnosis"),
                StudyMedian("b", 20, 10, 30, origin="first embolisation"),
            ]
        )
    with pytest.raises(BadInput, match="outside its interval"):
        pooled_medians([StudyMedian("a", 40, 10, 30), StudyMedian("b", 20, 10, 30)])


def test_pooled_median_uses_the_lower_half_where_the_upper_limit_is_not_reached() -> None:
    z = 1.959963984540054
    assert StudyMedian("a", 40, 30, 50).log_se == pytest.approx(20 / (2 * z * 40))
    assert StudyMedian("a", 40, 30).log_se == pytest.approx(10 / (z * 40))
    same = pooled_medians([StudyMedian(name, 40, 30, 50) for name in "abcde"])
    assert same.estimate == pytest.approx(40) and same.tau2 == pytest.approx(0, abs=1e-9)


def test_few_intervals_give_the_median_of_medians() -> None:
    studies = [StudyMedian(str(m), m, n=10) for m in (10, 20, 30, 40, 50)]
    found = pooled_medians(studies)
    assert found.method == "weighted median of medians" and found.estimate == 30
    heavy = median_of_medians([*studies[:4], StudyMedian("50", 50, n=1000)])
    assert heavy.estimate == 50
    assert found.ci == (10, 50)
