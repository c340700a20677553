"""Dose of an activity map: against direct sums, in uniform activity, with bad input told."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from liverboard.errors import BadInput, MissingData, UnsupportedImage
from liverboard.sirt.activity_map import ActivityMap, Stated, activity_map
from liverboard.sirt.decay import nuclide
from liverboard.sirt.kernel import radial_kernel, voxel_kernel
from liverboard.sirt.tissue_density import density_g_ml
from liverboard.sirt.voxel_dose import DoseModel, convolve, density_warnings, dose_gy
from liverboard.volume import Decay, Geometry, Image, Origin

Y90 = nuclide("Y-90")
SPACING = (3.0, 2.5, 4.1)


def grid(shape: tuple[int, int, int], spacing: tuple[float, float, float] = SPACING) -> Geometry:
    return Geometry(np.diag([*spacing, 1.0]), shape)


def pet(values: NDArray[np.float32], origin: Origin | None = None) -> Image:
    return Image(values, grid(values.shape), origin or Origin(modality="PT", unit="Bq/mL"))  # type: ignore[arg-type]


def some(seed: int = 1) -> NDArray[np.float32]:
    return np.random.default_rng(seed).gamma(1.0, 3e6, (20, 18, 14)).astype(np.float32)


def known(bq: NDArray[np.float32], spacing: tuple[float, float, float] = SPACING) -> ActivityMap:
    return ActivityMap(bq, grid(bq.shape, spacing), float(bq.sum()) * 1e-9, None, 1.0)  # type: ignore[arg-type]


def test_w6_uniform_activity_everywhere() -> None:
    """0.1 GBq/kg: in the middle the dose is c times that, by both methods."""
    model = DoseModel(constant_gy_kg_per_gbq=49.77)
    voxel_kg = 27e-3 * 1.04e-3
    activity = known(np.full((21, 21, 21), 0.1e9 * voxel_kg, np.float32), (3, 3, 3))
    for method in ("kernel", "local"):
        assert dose_gy(activity, model, method)[10, 10, 10] == pytest.approx(4.977, rel=0.005)


@settings(max_examples=25, deadline=None)
@given(st.tuples(*[st.integers(1, 26)] * 3), st.integers(0, 50))
def test_convolution_is_the_plain_sum(shape: tuple[int, int, int], seed: int) -> None:
    kernel = voxel_kernel(radial_kernel("Y-90"), SPACING)
    random = np.random.default_rng(seed)
    values = np.zeros(shape, np.float32)
    # A block anywhere: at an edge, with room for what spreads, or with less room than it spreads.
    low = [int(random.integers(0, n)) for n in shape]
    high = [int(random.integers(a + 1, n + 1)) for n, a in zip(shape, low, strict=True)]
    block = tuple(slice(*each) for each in zip(low, high, strict=True))
    values[block] = random.random(values[block].shape)
    whole = fftconvolve(values.astype(float), kernel.shares, "full")
    inner = tuple(slice(r, r + n) for r, n in zip(kernel.reach, shape, strict=True))
    assert np.allclose(convolve(values, kernel), whole[inner], atol=2e-6 * max(float(whole.max()), 1e-9))


def test_nothing_gives_nothing() -> None:
    kernel = voxel_kernel(radial_kernel("Y-90"), SPACING)
    assert not convolve(np.zeros((5, 6, 7), np.float32), kernel).any()


def test_energy_is_kept_within_the_grid() -> None:
    values = np.zeros((40, 40, 30), np.float32)
    values[15:25, 14:20, 13:17] = some()[:10, :6, :4]
    kernel, local = (dose_gy(known(values), DoseModel(), method) for method in ("kernel", "local"))
    assert float(kernel.sum()) == pytest.approx(float(local.sum()), rel=2e-4)
    assert kernel.max() < local.max()


def test_ho166_has_its_own_constant() -> None:
    values = some()
    y = dose_gy(known(values), DoseModel("Y-90"), "local")
    ho = dose_gy(known(values), DoseModel("Ho-166"), "local")
    assert np.allclose(ho / y, 15.53 / 49.67, rtol=1e-4)


def test_a_half_life_mixed_up_shows_in_the_constant() -> None:
    with pytest.raises(BadInput, match="Ho-166"):
        dose_gy(known(some()), DoseModel("Ho-166", 49.67), "local")


def test_density_outside_soft_tissue() -> None:
    values = some()
    density = np.full(values.shape, 1.03)
    density[:5] = 0.3
    density[5:7] = 0.0
    plain = dose_gy(known(values), DoseModel(), "kernel")
    own = dose_gy(known(values), DoseModel(), "kernel", density)
    assert np.allclose(own[7:], plain[7:])
    assert np.allclose(own[:5], plain[:5] * 1.04 / 0.3, rtol=1e-5)
    assert not own[5:7].any()
    assert "no soft tissue" in density_warnings(density, plain)[0]
    with pytest.raises(BadInput):
        dose_gy(known(values), DoseModel(), "kernel", density[1:])


def test_beyond_the_ct_is_soft_tissue_and_said() -> None:
    activity = known(some())
    i, j, k = activity.geometry.shape
    half = Geometry(activity.geometry.affine, (i, j, k // 2))
    ct = Image(np.full(half.shape, -700, np.int16), half, Origin(unit="HU"))
    found, (said,) = density_g_ml(ct, activity, 1.04)
    assert np.allclose(found[:, :, : k // 2], 0.3)
    assert np.allclose(found[:, :, k // 2 :], 1.04)
    share = 100 * float(activity.bq[:, :, k // 2 :].sum() / activity.bq.sum())
    assert said.startswith(f"{share:.1f} % of the activity lies outside the CT")
    assert "does not say its unit" in density_g_ml(replace(ct, origin=Origin()), activity, 1.04)[1][0]


@pytest.mark.parametrize(("unit", "value"), [("Bq/mL", 50.0), (None, 1e5), (None, np.nan)])
def test_densities_come_from_a_ct_alone(unit: str | None, value: float) -> None:
    activity = known(some())
    image = Image(np.full(activity.geometry.shape, value, np.float32), activity.geometry, Origin(unit=unit))
    with pytest.raises(BadInput, match="for densities"):
        density_g_ml(image, activity, 1.04)


def test_a_ct_of_another_place_gives_no_densities() -> None:
    activity = known(some())
    moved = activity.geometry.affine.copy()
    moved[:3, 3] += 5000
    away = Geometry(moved, activity.geometry.shape)
    with pytest.raises(BadInput, match="none of the activity"):
        density_g_ml(Image(np.zeros(away.shape, np.int16), away, Origin(unit="HU")), activity, 1.04)


def test_a_sheared_grid_has_no_kernel() -> None:
    affine = np.diag([3.0, 3.0, 3.0, 1.0])
    affine[1, 2] = 1.0
    activity = replace(known(some()), geometry=Geometry(affine, some().shape))  # type: ignore[arg-type]
    with pytest.raises(UnsupportedImage, match="sheared"):
        dose_gy(activity, DoseModel(), "kernel")
    assert dose_gy(activity, DoseModel(), "local").any()


# --- activity maps


def test_bq_per_ml_becomes_bq() -> None:
    image = pet(some())
    found = activity_map(image, Stated(hours_after_injection=0), Y90)
    assert found.total_gbq == pytest.approx(float(some().sum()) * 0.03075 * 1e-9, rel=1e-6)
    assert found.bq.sum() * 1e-9 == pytest.approx(found.total_gbq, rel=1e-5)
    assert not found.warnings


@pytest.mark.parametrize(("corrected", "factor"), [("START", 1 / 0.77142), ("ADMIN", 1.0), ("NONE", 1 / 0.59509)])
def test_decay_to_injection_by_the_header(corrected: str, factor: float) -> None:
    injected = dt.datetime(2025, 3, 1, 9, 0)  # noqa: DTZ001
    decay = Decay("^90^Yttrium", 64.1 * 3600, None, injected, injected + dt.timedelta(hours=24),
                  injected + dt.timedelta(hours=48), corrected)  # fmt: skip
    found = activity_map(pet(some(), Origin(unit="Bq/mL", decay=decay)), Stated(), Y90)
    assert found.decay_factor == pytest.approx(factor, rel=1e-4)
    assert not found.warnings


def test_a_series_derived_later_began_when_it_was_acquired() -> None:
    injected = dt.datetime(2025, 3, 1, 9, 0)  # noqa: DTZ001
    decay = Decay(
        None, None, None, injected, injected + dt.timedelta(hours=72), injected + dt.timedelta(hours=24), "START"
    )
    found = activity_map(pet(some(), Origin(unit="Bq/mL", decay=decay)), Stated(), Y90)
    assert found.decay_factor == pytest.approx(1 / 0.77142, rel=1e-4)


def test_an_injection_by_the_clock_alone_is_a_named_assumption() -> None:
    """The scan is often the day after, and the day more is 30 % of the dose."""
    injected = dt.datetime(2025, 3, 1, 9, 0)  # noqa: DTZ001
    decay = Decay(
        None, None, None, injected, injected + dt.timedelta(hours=4), None, "START", injected_day_assumed=True
    )
    found = activity_map(pet(some(), Origin(unit="Bq/mL", decay=decay)), Stated(), Y90)
    assert any("not its day" in each and "30 % higher" in each for each in found.warnings)
    stated = activity_map(pet(some(), Origin(unit="Bq/mL", decay=decay)), Stated(hours_after_injection=28), Y90)
    assert not stated.warnings


def test_stated_activity_less_residual_and_shunt() -> None:
    found = activity_map(pet(some(), Origin(unit="counts")), Stated(1.5, lung_shunt=0.05, residual=0.01), Y90)
    assert found.total_gbq == pytest.approx(1.5 * 0.99 * 0.95)
    assert found.measured_gbq is None
    assert any("residual" in each for each in found.assumptions)


def test_a_total_that_disagrees_says_by_how_much() -> None:
    image = pet(some())
    held = activity_map(image, Stated(hours_after_injection=0), Y90).total_gbq
    found = activity_map(image, Stated(held * 1.25, hours_after_injection=0), Y90)
    assert any("total activity disagrees" in each and "+25 %" in each for each in found.warnings)
    agreeing = activity_map(image, Stated(held * 1.02, hours_after_injection=0), Y90)
    assert not agreeing.warnings


def test_a_total_beside_a_map_without_unit_says_by_how_much() -> None:
    held = float(some().sum()) * 0.03075 * 1e-9
    found = activity_map(pet(some(), Origin()), Stated(held * 0.5), Y90)
    assert any("total activity disagrees" in each and "-50 %" in each for each in found.warnings)
    assert found.total_gbq == pytest.approx(held * 0.5)
    assert not activity_map(pet(some() * 1e-6, Origin()), Stated(1.0), Y90).warnings  # these are counts


def test_units_missing_is_a_named_warning() -> None:
    found = activity_map(pet(some(), Origin()), Stated(), Y90)
    assert any(each.startswith("units missing") for each in found.warnings)
    assert any(each.startswith("decay not corrected") for each in found.warnings)


def test_counts_without_calibration() -> None:
    with pytest.raises(MissingData, match="calibration"):
        activity_map(pet(some(), Origin(unit="counts")), Stated(), Y90)


def test_a_half_life_of_another_nuclide() -> None:
    with pytest.raises(BadInput, match="half-life"):
        activity_map(pet(some(), Origin(unit="Bq/mL", decay=Decay(half_life_s=109.8 * 60))), Stated(), Y90)


def test_negative_values_are_set_to_0_only_when_told_and_named() -> None:
    values = some()
    clean = values.copy()
    clean[0, 0, :2] = 0
    values[0, 0, 0], values[0, 0, 1] = -0.02 * clean.sum(), -0.01 * clean.sum()
    image = pet(values, Origin(unit="Bq/mL"))
    with pytest.raises(BadInput, match="2 voxels of the activity map are negative") as told:
        activity_map(image, Stated(hours_after_injection=0), Y90)
    assert "--clip-negative" in str(told.value.hint)
    found = activity_map(image, Stated(hours_after_injection=0, clip_negative=True), Y90)
    wanted = activity_map(pet(clean, Origin(unit="Bq/mL")), Stated(hours_after_injection=0), Y90)
    np.testing.assert_array_equal(found.bq, wanted.bq)
    assert any("3 % of what the others hold); they were set to 0, as told" in each for each in found.warnings)
    assert not any("set to 0" in each for each in wanted.warnings)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -3.0])
def test_values_that_are_no_activity(wrong: float) -> None:
    values = some()
    values[3, 4, 5] = wrong
    with pytest.raises(BadInput, match="voxels of the activity map"):
        activity_map(pet(values), Stated(), Y90)


@pytest.mark.parametrize(
    ("image", "stated"),
    [
        (pet(np.zeros((4, 4, 4), np.float32)), Stated()),
        (pet(some(), Origin(unit="g/mL")), Stated()),
        (pet(some() * 1e6), Stated()),
        (pet(some()), Stated(float("nan"))),
        (pet(some()), Stated(-1.0)),
        (pet(some()), Stated(1.0, lung_shunt=1.0)),
        (pet(some()), Stated(1.0, residual=-0.1)),
        (pet(some()), Stated(lung_shunt=0.1)),
        (pet(some()), Stated(hours_after_injection=-2)),
        (pet(some()), Stated(unit="counts")),
    ],
)
def test_bad_statements(image: Image, stated: Stated) -> None:
    with pytest.raises(BadInput):
        activity_map(image, stated, Y90)
