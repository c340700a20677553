"""BED and EQD2: worked examples W9 and W10; bands hold their value; dose-rate factors."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liverboard.errors import BadInput
from liverboard.sirt.decay import nuclide
from liverboard.sirt.radiobiology import bed_gy, dose_rate_factor, effect, eqd2_gy

Y90, HO166 = nuclide("Y-90"), nuclide("Ho-166")
CASES = [(120, 10, 1.5), (40, 2.5, 2.5), (70, 2.5, 2.5)]


@pytest.mark.parametrize(("case", "expected"), list(zip(CASES, (152.93, 64.02, 143.57), strict=True)))
def test_w9_bed_of_y90(case: tuple[float, float, float], expected: float) -> None:
    dose, ratio, repair = case
    assert bed_gy(dose, ratio, dose_rate_factor(Y90, repair)) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(("case", "expected"), list(zip(CASES, (196.33, 94.61, 237.24), strict=True)))
def test_w10_bed_of_ho166(case: tuple[float, float, float], expected: float) -> None:
    dose, ratio, repair = case
    assert bed_gy(dose, ratio, dose_rate_factor(HO166, repair)) == pytest.approx(expected, abs=0.01)


def test_the_dose_rate_factor_is_the_protraction_integral() -> None:
    """Lea and Catcheside's double integral, done numerically, for a source that decays in place."""
    import numpy as np

    decay, repair = math.log(2) / Y90.half_life_h, math.log(2) / 2.5
    t = np.linspace(0, 1500, 600_001)
    rate = decay * np.exp(-decay * t)
    inner = (
        decay * (np.exp(-decay * t) - np.exp(-repair * t)) / (repair - decay)
    )  # rate convolved with repair, analytic
    assert 2 * np.trapezoid(rate * inner, t) == pytest.approx(dose_rate_factor(Y90, 2.5), rel=1e-5)


@given(st.floats(0, 600), st.sampled_from(("tumour", "normal_liver")), st.sampled_from((Y90, HO166)))
def test_the_band_holds_the_value(dose: float, tissue: str, of: object) -> None:
    found = effect(dose, tissue, of)  # pyright: ignore
    assert found.bed_band_gy[0] - 1e-9 <= found.bed_gy <= found.bed_band_gy[1] + 1e-9
    assert found.eqd2_band_gy[0] - 1e-9 <= found.eqd2_gy <= found.eqd2_band_gy[1] + 1e-9
    assert found.bed_gy >= dose


def test_eqd2_of_fractions_of_two_gy_is_the_dose() -> None:
    assert eqd2_gy(60 * (1 + 2 / 10), 10) == pytest.approx(60)


@pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf])
def test_a_dose_that_is_none_is_refused(bad: float) -> None:
    with pytest.raises(BadInput):
        effect(bad, "tumour", Y90)
