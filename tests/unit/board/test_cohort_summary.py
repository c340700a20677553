"""A cohort in figures: survival held against lifelines, no small count shown or worked out, and nothing learnt after the treatment sorts people."""

from __future__ import annotations

import datetime as dt
from collections import Counter

import pytest
from lifelines import KaplanMeierFitter
from lifelines.statistics import multivariate_logrank_test

from liverboard.board.cohort_summary import DAYS_A_MONTH, GROUPS, CohortRow, Wanted, row_of, summarise, values_of
from liverboard.clinical.events import Case
from liverboard.phantom.cohort import CohortPlan, draw_people
from liverboard.phantom.cohort_story import case_of
from liverboard.synthesis.disclosure import MIN_CELL, Below

TODAY = dt.date(2026, 6, 1)


@pytest.fixture(scope="module")
def rows() -> tuple[CohortRow, ...]:
    return tuple(row_of(case_of(person), TODAY) for person in draw_people(CohortPlan(cases=300)))


def test_survival_is_that_of_another_program(rows: tuple[CohortRow, ...]) -> None:
    found, curves = summarise(rows, Wanted("treatment"))
    assert len(curves) > 1
    for name, curve in curves.items():
        people = [row for row in rows if row.groups["treatment"] == name and row.days is not None]
        peer = KaplanMeierFitter().fit([row.days / DAYS_A_MONTH for row in people], [row.died for row in people])  # type: ignore[operator]
        assert curve.survival == pytest.approx(peer.survival_function_at_times(curve.time).to_numpy(), abs=1e-12)
        assert (curve.at_risk >= MIN_CELL).all()
    drawn = [row for row in rows if row.groups["treatment"] in curves and row.days is not None]
    test = multivariate_logrank_test([r.days for r in drawn], [r.groups["treatment"] for r in drawn], [r.died for r in drawn])  # fmt: skip
    assert found.logrank_p == pytest.approx(test.p_value, rel=1e-6)


@pytest.mark.parametrize("group", GROUPS)
def test_no_small_count_is_shown_or_follows_from_the_others(rows: tuple[CohortRow, ...], group: str) -> None:
    for size in (9, 23, 60, 300):
        found, curves = summarise(rows[:size], Wanted(group))
        parts = [each.n for each in found.groups] + [found.not_followed]
        shown = [n for n in parts if isinstance(n, int)]
        assert all(n >= MIN_CELL or n == 0 for n in shown)
        if parts and len(shown) == len(parts) - 1:
            assert found.cases - sum(shown) >= MIN_CELL  # type: ignore[operator]
        assert set(curves) <= {each.name for each in found.groups if isinstance(each.n, int)}
        truth = Counter(row.groups[group] or "unknown" for row in rows[:size] if row.days is not None)
        assert all(each.n == truth[each.name] for each in found.groups if isinstance(each.n, int))
        for known in found.completeness:
            assert not isinstance(known.n, int) or MIN_CELL <= known.n <= size - MIN_CELL
        assert all(room.habits == () or min(n for _, n in room.habits) >= MIN_CELL for room in found.rooms)


def test_nothing_is_shown_of_few(rows: tuple[CohortRow, ...]) -> None:
    found, curves = summarise(rows[:8], Wanted())
    assert isinstance(found.cases, Below)
    assert (found.groups, found.completeness, found.rooms, curves) == ((), (), (), {})


def test_a_filter_counts_those_who_have_it(rows: tuple[CohortRow, ...]) -> None:
    site = values_of(rows, "primary_site")[0]
    found, _ = summarise(rows, Wanted("sex", {"primary_site": site}))
    assert found.cases == sum(row.groups["primary_site"] == site for row in rows)


def test_what_was_learnt_after_the_treatment_sorts_nobody() -> None:
    events = [
        {"kind": "diagnosis", "date": "2023-01-01", "id": "d1", "primary_site": "ileum", "ki67": "2 %", "mitoses_per_2mm2": 1, "differentiation": "well"},
        {"kind": "procedure", "date": "2023-06-01", "id": "p1", "technique": "tae"},
        {"kind": "diagnosis", "date": "2024-01-01", "id": "d2", "ki67": "30 %", "mitoses_per_2mm2": 25, "differentiation": "well"},
        {"kind": "status", "date": "2025-01-01", "id": "s1", "state": "alive"},
    ]  # fmt: skip
    row = row_of(Case.model_validate({"case": "A", "events": events}), TODAY)
    assert row.groups["who_grade"] == "G1"
    assert (row.groups["treatment"], row.groups["year"]) == ("tae", "2023")
    assert (row.days, row.died) == ((dt.date(2025, 1, 1) - dt.date(2023, 6, 1)).days, False)
