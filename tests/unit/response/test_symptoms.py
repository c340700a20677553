"""Symptoms: durable response as TELESTAR defined it, meaningful changes at their printed borders, EORTC scores."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from tests.strategies import case_of

from liverboard.knowledge import load_references
from liverboard.response import symptoms
from liverboard.response.symptoms import DurableResponse, Symptoms, meaningful_fall, symptoms_of

DAY = dt.date(2026, 1, 1)
START = dt.date(2024, 2, 1)
SIRT = {"kind": "procedure", "date": str(START), "technique": "sirt_resin"}


def clinic(day: int, **stated: Any) -> dict[str, Any]:
    """A visit so many days after the start."""
    return {"kind": "clinic", "date": str(START + dt.timedelta(days=day)), **stated}


def read(*events: dict[str, Any]) -> Symptoms:
    return symptoms_of(case_of(SIRT, *events), DAY)


def durable(*events: dict[str, Any]) -> DurableResponse:
    found = read(*events).durable
    assert found is not None
    return found


def weeks(stools: list[float], first: int = 1) -> list[dict[str, Any]]:
    """A diary of a week each, from the first day after the start."""
    return [clinic(7 * (week + 1) + first - 1, stools_per_day=n, diary_days=7) for week, n in enumerate(stools)]


BEFORE = clinic(0, stools_per_day=6, diary_days=7)


@pytest.mark.parametrize(
    ("stools", "holds"),
    [
        ([4.2] * 6 + [6] * 6, True),  # 30 % on 42 of 84 days
        ([4.2] * 5 + [6] * 7, False),  # 35 of 84 days
        ([4.21] * 12, False),  # 29.8 %
        ([6] * 6 + [4.2] * 6, True),  # the days need not come first, nor together
        ([6, 3] * 6, True),
    ],
)
def test_durable_response_is_30_percent_on_half_of_12_weeks(stools: list[float], holds: bool) -> None:
    found = durable(BEFORE, *weeks(stools))
    assert found.holds is holds
    assert found.days_unknown == 0
    assert found.days_with_fall + found.days_without_fall == 84


def test_days_without_a_diary_can_leave_it_open() -> None:
    found = durable(BEFORE, *weeks([3] * 5))
    assert (found.holds, found.days_with_fall, found.days_unknown) == (None, 35, 49)


def test_days_without_a_diary_that_cannot_decide_leave_it_decided() -> None:
    assert durable(BEFORE, *weeks([3] * 6)).holds is True
    assert durable(BEFORE, *weeks([6] * 7)).holds is False


def test_a_figure_without_a_diary_counts_for_its_own_day() -> None:
    found = durable(BEFORE, clinic(20, stools_per_day=3), clinic(60, stools_per_day=3))
    assert (found.days_with_fall, found.days_unknown) == (2, 82)


def test_days_after_the_12_weeks_and_before_the_start_do_not_count() -> None:
    found = durable(BEFORE, clinic(90, stools_per_day=3, diary_days=14), clinic(3, stools_per_day=3, diary_days=14))
    assert found.days_with_fall == 8 + 3  # days 77 to 84, and 1 to 3


def test_a_baseline_below_the_entry_of_the_trial_is_said() -> None:
    assert "TELESTAR took patients from 4 a day" in durable(clinic(-1, stools_per_day=3), *weeks([1] * 12)).reason


@pytest.mark.parametrize("before", [[], [clinic(-3, stools_per_day=0)]])
def test_without_a_baseline_to_fall_from_it_is_unknown(before: list[dict[str, Any]]) -> None:
    assert durable(*before, *weeks([1] * 12)).holds is None


def test_no_stools_stated_says_nothing_at_all() -> None:
    assert read(clinic(0, flushes_per_day=3)).durable is None


@pytest.mark.parametrize(
    ("fall", "distribution", "anchor", "interview"),
    [
        (0.61, "no", "no", "no"),
        (0.62, "between", "no", "no"),
        (0.83, "yes", "no", "no"),
        (1.24, "yes", "between", "no"),
        (1.57, "yes", "between", "between"),
        (1.58, "yes", "yes", "between"),
        (1.97, "yes", "yes", "yes"),
        (-2.0, "no", "no", "no"),  # a rise
    ],
)
def test_meaningful_falls_at_the_borders_that_the_study_prints(
    fall: float, distribution: str, anchor: str, interview: str
) -> None:
    found = {range_.by: range_.verdict for range_ in meaningful_fall(fall)}
    assert found == {"distribution": distribution, "anchor": anchor, "interview": interview}


def test_each_daily_figure_is_given_before_and_after() -> None:
    stated = {"stools_per_day": 6, "flushes_per_day": 4, "rescue_octreotide_per_day": 1}
    found = read(clinic(-10, **stated), clinic(60, stools_per_day=4, flushes_per_day=0, rescue_octreotide_per_day=1))
    assert {c.name: (c.before, c.latest, c.change) for c in found.daily} == {
        "stools_per_day": (6, 4, -2),
        "flushes_per_day": (4, 0, -4),
        "rescue_octreotide_per_day": (1, 1, 0),
    }
    assert [m.verdict for m in found.meaningful] == ["yes", "yes", "yes"]


def test_a_figure_on_one_side_only_is_missing_and_one_that_nobody_stated_is_not_asked_for() -> None:
    found = read(clinic(-10, stools_per_day=6))
    assert found.daily == ()
    assert found.missing == ("stools_per_day",)


def test_no_percent_is_taken_of_none() -> None:
    (change,) = read(clinic(-10, flushes_per_day=0), clinic(10, flushes_per_day=2)).daily
    assert (change.change, change.percent) == (2, None)


@pytest.mark.parametrize(("latest", "verdict"), [(68, "better"), (67, "unchanged"), (49, "unchanged"), (48, "worse")])
def test_global_health_changes_from_10_points_on(latest: float, verdict: str) -> None:
    (score,) = read(clinic(-1, eortc={"qlq_c30_global": 58}), clinic(90, eortc={"qlq_c30_global": latest})).scores
    assert score.verdict == verdict


def test_fewer_endocrine_symptoms_are_better() -> None:
    before, after = ({"gi_net21": {"endocrine": points}} for points in (40, 20))
    (score,) = read(clinic(-1, eortc=before), clinic(90, eortc=after)).scores
    assert (score.name, score.verdict) == ("gi_net21_endocrine", "better")
    assert "carried over" in score.note


def test_the_word_of_the_clinician_counts_after_the_start_only() -> None:
    word = {"kind": "assessment", "symptoms": "complete"}
    assert read({**word, "date": "2023-06-01"}).stated is None
    assert read({**word, "date": "2024-06-01"}).stated == "complete"


def test_without_a_treatment_the_missing_start_is_named() -> None:
    found = symptoms_of(case_of(clinic(0, stools_per_day=6)), DAY)
    assert found.start is None
    assert found.durable is None
    assert "no liver-directed treatment starts the clock" in found.problems[0].message


def test_sources_are_known() -> None:
    named = {
        constant.source
        for pair in symptoms.MEANINGFUL_FALLS.values()
        for constant in (*pair, symptoms.DURABLE_FALL_PERCENT, symptoms.EORTC_POINTS)
    }
    assert {load_references()[key].verification for key in named} == {"A"}


def test_a_case_without_symptoms_has_no_problem_for_want_of_a_start() -> None:
    assert symptoms_of(case_of(clinic(0, ecog=1)), DAY).problems == ()
