"""Intervals between sessions: by patient and family, staged or repeated only where that is stated."""

from __future__ import annotations

import datetime as dt

import pytest

from liverboard.embolisation.intervals import DoneSession, intervals_of, summarise

DAY = dt.date(2023, 1, 1)


def _session(day: int, technique: str = "tae", number: int | None = None, segments: tuple[int, ...] | None = None, case: str = "a") -> DoneSession:  # fmt: skip
    return DoneSession(case=case, event=f"{technique}-{day}", date=DAY + dt.timedelta(days=day), technique=technique, number=number, segments=segments)  # fmt: skip


def test_families_and_patients_are_kept_apart_and_dates_order_the_sessions() -> None:
    found = intervals_of(
        [
            _session(60, "ctace"),
            _session(0),
            _session(10, "sirt_resin"),
            _session(400, "sirt_glass"),
            _session(5, case="b"),
        ]
    )
    assert {(each.case, each.family, each.days) for each in found} == {("a", "embolisation", 60), ("a", "sirt", 390)}


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ((1, None), (2, None), "staged"),
        ((2, None), (1, None), "repeated"),
        ((1, None), (3, None), "unknown"),
        ((None, (5, 6)), (None, (2, 3)), "staged"),
        ((None, (5, 6)), (None, (6, 7)), "repeated"),
        ((None, None), (None, (2,)), "unknown"),
        ((1, (5, 6)), (2, (5, 6)), "staged"),
    ],
)
def test_staged_and_repeated_are_told_by_number_then_by_territory(
    before: tuple[int | None, tuple[int, ...] | None], after: tuple[int | None, tuple[int, ...] | None], kind: str
) -> None:
    found = intervals_of([_session(0, "tae", *before), _session(30, "tae", *after)])
    assert [each.kind for each in found] == [kind]


def test_two_injections_of_one_day_are_no_interval() -> None:
    assert intervals_of([_session(0, "sirt_resin"), _session(0, "sirt_resin")]) == ()


def test_a_summary_shows_its_numbers_and_no_quartiles_of_three() -> None:
    three = summarise(intervals_of([_session(0), _session(28), _session(70), _session(160)]))
    assert three is not None
    assert (three.n, three.patients, three.median_days, three.quartiles_days, three.range_days) == (3, 1, 42, None, (28, 90))  # fmt: skip
    five = summarise(intervals_of([_session(day) for day in (0, 10, 30, 60, 100, 150)]))
    assert five is not None
    assert (five.median_days, five.quartiles_days, five.range_days) == (30, (20, 40), (10, 50))
    assert summarise([]) is None
