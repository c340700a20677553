"""The band of a dose-volume curve: held by outlines really moved, by Monte Carlo, by the interval of the mean, and by invariants."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liverboard.sirt.dose_band import DoseCurve, Errors, Recovery, border, dose_curve, mean_interval
from liverboard.sirt.dose_volume import DoseVolume, dose_volume
from liverboard.sirt.uncertainty import Interval, Term, recovery, volume_relative_sd
from liverboard.volume import Geometry, Image, Origin
from liverboard.volume.structures import Structure

STEP = 1.0
SHAPE = (61, 61, 61)
GRID = Geometry(np.diag([STEP, STEP, STEP, 1.0]), SHAPE)
RADIUS = 12.0


def distances() -> np.ndarray:
    index = np.indices(SHAPE, dtype=np.float64) - 30.0
    return np.sqrt((index**2).sum(axis=0)) * STEP


def sphere(radius: float) -> Structure:
    """Border cells hold the part of them that lies within, so that the radius can move by any length."""
    return Structure("sphere", np.clip(0.5 + radius - distances(), 0, 1).astype(np.float32), GRID)


def falling() -> Image:
    """100 Gy in the middle, less by e at 15 mm: a small lesion on a blurred image."""
    return Image((100 * np.exp(-distances() / 15)).astype(np.float32), GRID, Origin(unit="Gy"))


def found(errors: Errors, radius: float = RADIUS, dose: Image | None = None) -> tuple[DoseCurve, Interval, DoseVolume]:
    map_ = dose or falling()
    volume, edge = dose_volume(sphere(radius), map_), dose_volume(border(sphere(radius)), map_)
    assert volume.mean_gy is not None
    interval = mean_interval(volume.mean_gy, edge.mean_gy or 0.0, volume.volume_ml, errors)
    curve = dose_curve(volume, edge, errors, interval)
    assert curve is not None
    return curve, interval, volume


def at(curve: DoseCurve, percent: float, of: tuple[float, ...]) -> float:
    return of[curve.volume_percent.index(percent)]


def test_calibration_alone_stretches_the_curve() -> None:
    curve, interval, _ = found(Errors(volume_sd=0.0, calibration_sd=0.1))
    stretch = math.exp(1.959964 * math.sqrt(math.log1p(0.01)))
    assert interval.high / interval.value == pytest.approx(stretch, rel=1e-4)
    for middle, low, high in zip(curve.dose_gy, curve.low_gy, curve.high_gy, strict=True):
        assert (low, high) == pytest.approx((middle / stretch, middle * stretch), rel=1e-3)


def test_activity_shunt_and_residual_stretch_the_curve_by_what_they_leave() -> None:
    """Of a shunt of 15 % +/- 4.5 % the liver's 85 % is unsure by 4.5 / 85."""
    scale = (Term("total_activity", 1.4, 0.05), Term("lung_shunt", 0.15, 0.3, "share"))
    curve, interval, _ = found(Errors(volume_sd=0.0, scale=scale))
    assert interval.relative_sd == pytest.approx(math.hypot(0.05, 0.045 / 0.85), rel=0.01)
    assert interval.contributions["total_activity"] + interval.contributions["lung_shunt"] == pytest.approx(1)
    assert at(curve, 50, curve.high_gy) / at(curve, 50, curve.dose_gy) == pytest.approx(
        interval.high / interval.value, rel=1e-3
    )


@pytest.mark.parametrize("radius", [RADIUS, 5.0])
def test_the_band_of_the_outline_beside_outlines_really_moved(radius: float) -> None:
    """Monte Carlo of the whole chain: the radius drawn, the histogram of that sphere computed anew, the calibration drawn."""
    u = STEP / math.sqrt(12)
    errors = Errors(volume_relative_sd(dose_volume(sphere(radius), falling()).volume_ml, (STEP,) * 3), 0.05)
    assert errors.volume_sd == pytest.approx(3 * u / radius, rel=0.01)
    curve, interval, _ = found(errors, radius)
    rng = np.random.default_rng(3)
    radii = np.linspace(radius - 4 * u, radius + 4 * u, 9)
    volumes = [dose_volume(sphere(each), falling()) for each in radii]
    draws = rng.normal(radius, u, 20_000)
    scale = np.exp(rng.normal(0, math.sqrt(math.log1p(0.05**2)), 20_000))
    for percent in (98.0, 90.0, 70.0, 50.0, 10.0, 2.0):
        doses = np.interp(draws, radii, [float(each.dose_to(percent) or 0.0) for each in volumes]) * scale
        low, high = np.percentile(doses, [2.5, 97.5])
        assert at(curve, percent, curve.low_gy) == pytest.approx(low, rel=0.015), percent
        assert at(curve, percent, curve.high_gy) == pytest.approx(high, rel=0.015), percent
    means = np.interp(draws, radii, [float(each.mean_gy or 0.0) for each in volumes]) * scale
    assert (interval.low, interval.high) == pytest.approx(tuple(np.percentile(means, [2.5, 97.5])), rel=0.01)


def test_outline_and_recovery_move_together() -> None:
    """A larger outline holds colder parts, and it is recovered less: both lower the dose, so the errors add up instead of in squares (gear_2018)."""
    curve_of = Recovery(midpoint_ml=2.0, power=1.2)
    alone, _, volume = found(Errors(0.2, 0.0))
    _, joint, _ = found(Errors(0.2, 0.0, curve_of))
    edge = dose_volume(border(sphere(RADIUS)), falling())
    slope = (edge.mean_gy or 0.0) / (volume.mean_gy or 1.0) - 1
    by_recovery = -1.2 * (1 - recovery(volume.volume_ml, 2.0, 1.2))
    assert math.log1p(joint.relative_sd**2) == pytest.approx((slope + by_recovery) ** 2 * math.log1p(0.2**2), rel=1e-3)
    assert joint.value == pytest.approx((volume.mean_gy or 0.0) / recovery(volume.volume_ml, 2.0, 1.2))
    assert alone.recovery == 1.0


def test_the_fit_of_the_recovery_curve_has_its_own_errors() -> None:
    sure = found(Errors(0.1, 0.05, Recovery(2.0, 1.2)))[1].relative_sd
    unsure = found(Errors(0.1, 0.05, Recovery(2.0, 1.2, 0.3, 0.2, -0.5)))[1].relative_sd
    assert unsure > sure


def test_a_border_hotter_than_the_rest_makes_the_dose_grow_with_the_outline() -> None:
    """The liver around a tumour: its error by the outline must not vanish."""
    hot = Image((5 + 100 * np.exp(-((distances() - RADIUS) ** 2) / 8)).astype(np.float32), GRID, Origin(unit="Gy"))
    interval = found(Errors(0.1), dose=hot)[1]
    assert interval.relative_sd > 0.05


def test_a_few_voxels_are_too_unsure_for_an_interval() -> None:
    assert Errors(volume_relative_sd(0.05, (4.0, 4.0, 4.0))).too_wide
    assert not Errors(volume_relative_sd(0.5, (4.0, 4.0, 4.0))).too_wide


def test_no_dose_no_curve_and_no_errors_no_band() -> None:
    nothing = DoseVolume("empty", 0.0, 0.0)
    assert dose_curve(nothing, nothing, None, None) is None
    volume = dose_volume(sphere(8), falling())
    plain = dose_curve(volume, volume, None, None)
    assert plain is not None
    assert plain.low_gy == plain.high_gy == ()
    assert plain.mean_low_gy is None


@settings(max_examples=10, deadline=None)
@given(st.floats(3, 15), st.floats(0, 0.8), st.floats(0, 0.4), st.booleans())
def test_whatever_the_errors_the_curve_lies_in_its_band_and_falls(
    radius: float, volume_sd: float, calibration: float, recovered: bool
) -> None:
    curve, interval, _ = found(Errors(volume_sd, calibration, Recovery(1.0, 1.0) if recovered else None), radius)
    for low, middle, high in zip(curve.low_gy, curve.dose_gy, curve.high_gy, strict=True):
        assert 0 <= low <= middle * (1 + 1e-4)
        assert middle <= high * (1 + 1e-4)
    for doses in (curve.dose_gy, curve.low_gy, curve.high_gy):
        assert list(doses) == sorted(doses)
    assert interval.low <= curve.mean_gy <= interval.high
