"""Half-lives, dose constants and moments with time zones; worked examples W1, W3 and W12."""

import datetime as dt
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liverboard.errors import BadInput
from liverboard.knowledge import load_references, load_yaml
from liverboard.sirt.decay import (
    activity_at,
    dose_constant_gy_kg_per_gbq,
    half_life_warning,
    hours_between,
    nuclide,
)

Y90, HO166 = nuclide("Y-90"), nuclide("Ho-166")


@pytest.mark.parametrize(
    ("energy_mev", "half_life_h", "constant"),
    [(0.9331, 64.1, 49.77), (0.93127, 64.1, 49.67), (0.9367, 64.1, 49.96), (0.94, 64.2, 50.22), (0.6963, 26.8, 15.53)],
)
def test_w1_dose_constant_from_energy_and_half_life(energy_mev: float, half_life_h: float, constant: float) -> None:
    assert dose_constant_gy_kg_per_gbq(energy_mev, half_life_h) == pytest.approx(constant, abs=0.005)


def test_the_listed_constants_follow_from_the_listed_energies() -> None:
    for of, id_ in ((Y90, "lines"), (HO166, "electrons")):
        listed = next(each for each in of.dose_constants if each.id == id_)
        assert of.electron_energy is not None
        assert dose_constant_gy_kg_per_gbq(of.electron_energy.value, of.half_life_h) == pytest.approx(
            listed.gy_kg_per_gbq, abs=0.01
        )


def test_the_default_constants_are_verified_and_the_vendor_one_is_not_a_default() -> None:
    assert [each.dose_constants[0].gy_kg_per_gbq for each in (Y90, HO166)] == [49.67, 15.53]
    assert all(each.dose_constants[0].verification != "U" for each in (Y90, HO166))


def test_every_constant_names_a_known_source() -> None:
    def sources(node: object) -> list[str]:
        if isinstance(node, dict):
            own = [node["source"]] if "source" in node else []
            return own + [each for value in node.values() for each in sources(value)]
        return [each for value in node for each in sources(value)] if isinstance(node, list) else []

    named = sources(load_yaml("constants/sirt.yaml"))
    assert len(named) > 20
    assert set(named) <= set(load_references())


@pytest.mark.parametrize(
    ("hours", "left"),
    [(1, 0.98924), (6, 0.93718), (24, 0.77142), (72, 0.45906), (168, 0.16257), (264, 0.05757)],
)
def test_decay_factors_of_y90(hours: float, left: float) -> None:
    assert Y90.left_after(hours) == pytest.approx(left, abs=5e-6)


def test_decay_factors_of_ho166() -> None:
    assert (HO166.left_after(24), HO166.left_after(48)) == pytest.approx((0.53755, 0.28896), abs=5e-6)


def test_moments_count_across_time_zones_and_clock_changes() -> None:
    boston = dt.datetime(2024, 5, 5, 12, tzinfo=dt.timezone(dt.timedelta(hours=-4)))
    paris = dt.datetime(2024, 5, 5, 18, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    assert hours_between(boston, paris) == 0
    from zoneinfo import ZoneInfo

    zone = ZoneInfo("Europe/Paris")
    before, after = dt.datetime(2024, 3, 30, 12, tzinfo=zone), dt.datetime(2024, 3, 31, 12, tzinfo=zone)
    assert hours_between(before, after) == 23


def test_a_moment_without_zone_is_refused() -> None:
    with pytest.raises(BadInput, match="no time zone"):
        hours_between(dt.datetime(2024, 5, 5), dt.datetime(2024, 5, 6))  # noqa: DTZ001


@pytest.mark.parametrize("activity", [-1.0, math.nan, math.inf])
def test_an_activity_that_is_none_is_refused(activity: float) -> None:
    now = dt.datetime(2024, 5, 5, tzinfo=dt.UTC)
    with pytest.raises(BadInput):
        activity_at(activity, now, now, Y90)


@given(st.floats(0.001, 50), st.floats(-300, 300))
def test_decay_forth_and_back_is_the_same_activity(activity: float, hours: float) -> None:
    start = dt.datetime(2024, 5, 5, tzinfo=dt.UTC)
    end = start + dt.timedelta(hours=hours)
    assert activity_at(activity_at(activity, start, end, Y90), end, start, Y90) == pytest.approx(activity, rel=1e-9)


def test_half_lives_that_were_mixed_up_are_told() -> None:
    assert half_life_warning(64.1, Y90) is None
    assert "+0.04 % a day" in (half_life_warning(64.2, Y90) or "")
    for wrong in (26.8, 2.67, 230760):  # another nuclide, days, seconds
        with pytest.raises(BadInput, match="is not that of Y-90"):
            half_life_warning(wrong, Y90)
