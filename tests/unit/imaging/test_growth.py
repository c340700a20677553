"""Growth between dates against closed forms: rates, doubling times, and intervals that hold the truth as often as they say."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

from liverboard.clinical.tracking import MeasuredVolume
from liverboard.errors import BadInput, MissingData
from liverboard.imaging.growth import combined, growth, in_words, measured_volume, surface_area_mm2
from liverboard.volume import Geometry, Mask


def volumes(*pairs: tuple[float, float], sd: float = 0.05) -> list[MeasuredVolume]:
    return [MeasuredVolume(day=day, volume_ml=ml, sd_ln=sd) for day, ml in pairs]


def test_two_volumes_give_the_textbook_doubling_time_and_its_interval() -> None:
    found = growth(volumes((0, 10), (100, 20)))
    assert found.time.days == pytest.approx(100)
    half = 1.959964 * math.hypot(0.05, 0.05)
    assert found.time.low_days == pytest.approx(100 * math.log(2) / (math.log(2) + half))
    assert found.time.high_days == pytest.approx(100 * math.log(2) / (math.log(2) - half))
    assert found.change == pytest.approx(1.0)
    assert found.time.direction == "growing"
    assert growth(volumes((0, 20), (100, 10))).time.direction == "shrinking"


def test_a_change_within_the_error_is_said_to_be_unclear() -> None:
    found = growth(volumes((0, 10), (50, 10.5)))
    assert found.time.direction == "unclear"
    assert found.time.days is None
    assert "within the error" in in_words(found)
    assert "shrinks, more than 3650 days" in in_words(growth(volumes((0, 10), (180, 10.8), sd=0.03))), (
        "no time to halve is told"
    )


def test_several_volumes_are_the_weighted_line_of_an_independent_program() -> None:
    given = volumes((0, 5.0), (30, 6.1), (90, 8.4), (200, 15.0), sd=0.001)
    found = growth(given)
    peer = scipy.stats.linregress([v.day for v in given], np.log([v.volume_ml for v in given]))
    assert found.rate_per_day == pytest.approx(peer.slope)
    reach = scipy.stats.t.ppf(0.975, 2) * peer.stderr
    assert (found.rate_low, found.rate_high) == pytest.approx((peer.slope - reach, peer.slope + reach))


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    random = np.random.default_rng(1)
    held = 0
    for _ in range(2000):
        logs = np.array([math.log(10), math.log(10) + 0.3]) + random.normal(0, 0.1, 2)
        found = growth(volumes((0, math.exp(logs[0])), (60, math.exp(logs[1])), sd=0.1))
        held += found.rate_low < 0.3 / 60 < found.rate_high
    assert 0.935 < held / 2000 < 0.965


def test_the_error_of_a_volume_is_its_surface_times_the_boundary_s() -> None:
    i, j, k = np.indices((41, 41, 41))
    ball = (i - 20) ** 2 + (j - 20) ** 2 + (k - 20) ** 2 <= 15**2
    mask = Mask("ball", ball, Geometry(np.diag([1.0, 1, 1, 1]), ball.shape))
    assert surface_area_mm2(mask) == pytest.approx(4 * math.pi * 15**2, rel=0.03)
    found = measured_volume(mask, 0)
    assert found.sd_ln == pytest.approx(3 / 15 * math.hypot(0.4, 0.29), rel=0.05), (
        "three times the boundary error over the radius"
    )


def test_volumes_of_one_day_add_up() -> None:
    both = combined(volumes((3, 4.0), (3, 6.0), sd=0.1))
    assert (both.volume_ml, both.sd_ln) == (10.0, pytest.approx(0.1))
    with pytest.raises(BadInput):
        combined(volumes((3, 4.0), (4, 6.0)))
    with pytest.raises(MissingData):
        growth(volumes((3, 4.0), (3, 6.0)))
