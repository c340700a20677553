"""The traps of rebuilding people from a curve: circling corrections, empty intervals, a curve at zero, tables that go on; and what is refused."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liverboard.errors import BadInput, MissingData, UserError
from liverboard.synthesis import reconstruct as module
from liverboard.synthesis.kaplan_meier import kaplan_meier
from liverboard.synthesis.observations import observe
from liverboard.synthesis.reconstruct import Reconstruction, clean_clicks, reconstruct


def steps(time: Any, event: Any) -> tuple[Any, Any]:
    """Clicks at both sides of every step of the true curve, and at its end."""
    curve = kaplan_meier(observe(time, event))
    step = curve.events > 0
    before = np.concatenate(([1.0], curve.survival))[:-1][step]
    t = np.concatenate((np.repeat(curve.time[step], 2), curve.time[-1:]))
    return t, np.concatenate((np.column_stack((before, curve.survival[step])).ravel(), curve.survival[-1:]))


def table(time: Any, at: list[float]) -> tuple[list[float], list[int]]:
    return at, [int(np.sum(np.asarray(time) >= t)) for t in at]


def sample(seed: int, n: int = 138) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    t, c = rng.weibull(1.2, n) * 20, rng.uniform(5, 40, n)
    return np.minimum(t, c), (t <= c).astype(int)


def test_exact_steps_with_a_risk_table_give_the_curve_and_the_events_back() -> None:
    time, event = sample(1)
    found = reconstruct(clean_clicks(*steps(time, event)), at_risk=table(time, [0, 5, 10, 15, 20, 25, 30]))
    assert found.n == 138
    assert abs(found.events - event.sum()) <= 2
    assert found.curve_rmse < 0.005 and found.passed and not found.red_flag


def test_reported_events_are_met_where_only_they_are_known() -> None:
    time, event = sample(2)
    found = reconstruct(clean_clicks(*steps(time, event)), n=138, events=int(event.sum()))
    assert found.events == event.sum() and found.red_flag


def test_without_anything_but_n_the_events_are_guessed_and_it_is_said() -> None:
    time, event = sample(3)
    found = reconstruct(clean_clicks(*steps(time, event)), n=138)
    assert found.events > event.sum() and found.red_flag and not found.passed
    assert "guessed" in " ".join(found.warnings)


def test_corrections_that_go_round_in_circles_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """One censoring more takes two people away, one fewer gives two back: without a memory of what was tried this never ends."""
    walk = module._walk

    def jumping(clicks: Any, span: Any, people: int, last: float, censored: int) -> Any:
        found = walk(clicks, span, people, last, censored)
        return found if span.after is None else found._replace(left=span.after + (1 if censored % 2 == 0 else -1))

    monkeypatch.setattr(module, "_walk", jumping)
    clicks = clean_clicks([0, 1, 1, 2, 2, 3, 3, 4], [1, 1, 0.9, 0.9, 0.8, 0.8, 0.7, 0.7])
    assert reconstruct(clicks, at_risk=([0, 2.5], [100, 50])).intervals[1].at_risk in {49, 51}


def test_intervals_without_a_click_are_merged() -> None:
    clicks = clean_clicks([1, 1, 9, 9, 10], [1, 0.9, 0.9, 0.5, 0.5])
    found = reconstruct(clicks, at_risk=([0, 2, 4, 6, 8], [100, 88, 80, 74, 70]))
    assert found.n == 100
    assert [row.reported for row in found.intervals] == [
        100,
        70,
    ]  # the last row before the click is the one that it meets
    assert found.intervals[1].at_risk == 70
    assert found.intervals[1].events == pytest.approx(70 * 4 / 9, abs=1)


def test_a_curve_that_reaches_zero_has_no_event_after_it() -> None:
    found = reconstruct(clean_clicks([1, 1, 2, 2, 3, 4], [1, 0.5, 0.5, 0, 0, 0]), at_risk=([0, 1.5, 3.5], [10, 5, 0]))
    assert found.n == 10 and found.events == 10
    assert found.time.max() == 2


def test_a_row_of_the_table_past_the_last_click_tells_who_is_left() -> None:
    clicks = clean_clicks([1, 1, 2, 2, 5], [1, 0.9, 0.9, 0.8, 0.8])
    found = reconstruct(clicks, at_risk=([0, 1.5, 6, 7], [100, 85, 40, 20]))
    assert found.n == 100
    assert int(np.sum(found.time >= 5)) == 40
    assert found.intervals[-1].censored == 85 - found.intervals[-1].events - 40


def test_percent_negative_times_and_small_rises_are_put_right_and_said() -> None:
    found = clean_clicks([-0.5, 1, 2, 3], [99.0, 97.5, 98.0, 90.0])
    assert found.time.tolist() == [0, 1, 2, 3]
    assert found.survival == pytest.approx([1, 0.975, 0.975, 0.9])
    assert "percent" in found.warnings[0] and "levelled" in found.warnings[1]


@pytest.mark.parametrize(
    ("time", "survival", "said"),
    [
        ([1], [0.9], "fewer than 2 clicks"),
        ([1, 2], [0.5, 0.9], "rises"),
        ([0, 1, 2], [0, 0.1, 0.2], "rises"),
        ([1, 2], [0.9, 1.2], "survival is 1.2"),
        ([1, 2], [0.9, -0.2], "survival is -0.2"),
        ([1, float("nan")], [0.9, 0.8], "missing"),
        ([-2, -1], [0.9, 0.8], "no click lies after time 0"),
    ],
)
def test_clicks_that_are_no_curve_are_refused(time: list[float], survival: list[float], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        clean_clicks(time, survival)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "neither a risk table nor a number"),
        ({"n": 0}, "n is 0"),
        ({"at_risk": ([0, 1], [10, 11])}, "rises"),
        ({"at_risk": ([0, 1], [10, 5.5])}, "no whole number"),
        ({"at_risk": ([0, 1], [10, -1])}, "no whole number"),
        ({"at_risk": ([1, 0], [10, 5])}, "do not rise"),
        ({"at_risk": ([2, 3], [10, 5])}, "starts at time 2"),
        ({"at_risk": ([2, 3], [10, 5]), "n": 8}, "rises"),
        ({"at_risk": ([0, 3], [10, 5]), "n": 12}, "n is 12, the risk table starts with 10"),
        ({"n": 10, "events": 11}, "11 events among 10 people"),
        ({"at_risk": ([0, 3], [0, 0])}, "nobody is at risk"),
    ],
)
def test_counts_that_contradict_are_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises((BadInput, MissingData), match=said):
        reconstruct(clean_clicks([1, 2, 3], [0.9, 0.7, 0.5]), **given)


def test_a_table_that_does_not_fit_the_curve_fails_the_gate() -> None:
    found = reconstruct(clean_clicks([1, 1, 5, 9], [1, 0.95, 0.9, 0.9]), at_risk=([0, 4, 8], [100, 99, 98]))
    assert not found.passed
    assert "do not fit" in " ".join(found.warnings)


def test_more_events_reported_than_the_curve_holds_fails_the_gate() -> None:
    found = reconstruct(clean_clicks([1, 1, 5], [1, 0.95, 0.95]), at_risk=([0, 4], [100, 60]), events=40)
    assert not found.passed
    assert "40 are reported" in " ".join(found.warnings)


@settings(max_examples=150, deadline=None)
@given(
    clicks=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 100)), min_size=2, max_size=40),
    rows=st.lists(st.tuples(st.integers(0, 35), st.integers(0, 60)), max_size=8),
    n=st.one_of(st.none(), st.integers(1, 60)),
    events=st.one_of(st.none(), st.integers(0, 60)),
)
def test_any_clicks_and_table_give_all_people_or_words(
    clicks: list[tuple[int, int]], rows: list[tuple[int, int]], n: int | None, events: int | None
) -> None:
    times = sorted({t for t, _ in rows})
    numbers = sorted((r for _, r in rows[: len(times)]), reverse=True)
    falling = sorted((s / 100 for _, s in clicks), reverse=True)
    given_table = (times, numbers) if times and len(numbers) == len(times) else None
    try:
        found: Reconstruction = reconstruct(
            clean_clicks(sorted(t for t, _ in clicks), falling), at_risk=given_table, n=n, events=events
        )
    except UserError as error:
        assert error.message
        return
    first = n if n is not None else numbers[0]
    assert found.n == first
    assert np.isfinite(found.time).all() and (np.diff(found.time) >= 0).all() and (found.time >= 0).all()
    assert np.isfinite(found.curve_rmse)
    json.dumps(found.as_json(), allow_nan=False)
