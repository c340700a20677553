"""What measured doses mean: which structure is what, effect with its bands, limits with their probability."""

from __future__ import annotations

import numpy as np
import pytest

from liverboard.errors import BadInput
from liverboard.sirt.decay import nuclide
from liverboard.sirt.dose_volume import dose_volume
from liverboard.sirt.measured import Treated, effects_of, liver_limits, tissues, uniform_dose
from liverboard.sirt.uncertainty import Budget, Interval, Term, propagate
from liverboard.volume import Geometry, Image, Origin
from liverboard.volume.structures import Structure


def test_names_say_what_a_structure_is_and_the_result_says_so() -> None:
    names = ["Liver", "Tumor 1", "Lesion B", "Normal Tissue", "Normal lung"]
    found, said = tissues(names, Treated())
    assert found == {"Tumor 1": "tumour", "Lesion B": "tumour", "Normal Tissue": "normal_liver"}
    assert "Normal Tissue is non-tumour liver" in said[0]
    assert tissues(["Non-tumour liver"], Treated())[0] == {"Non-tumour liver": "normal_liver"}


def test_two_names_that_could_be_the_liver_are_none() -> None:
    assert tissues(["Normal liver", "Healthy liver"], Treated())[0] == {}


def test_a_person_decides_what_a_structure_is() -> None:
    found, said = tissues(["A", "B", "Tumor 1"], Treated(normal_liver="A", tumours=("B",)))
    assert found == {"B": "tumour", "A": "normal_liver"}
    assert said == ()


@pytest.mark.parametrize(
    "treated", [Treated(normal_liver="C"), Treated(tumours=("C",)), Treated(normal_liver="A", tumours=("A",))]
)
def test_a_structure_that_is_not_there(treated: Treated) -> None:
    with pytest.raises(BadInput):
        tissues(["A", "B"], treated)


def interval(dose: float, sd: float) -> Interval:
    return propagate(lambda v: v["d"], Budget((Term("d", dose, sd),)))


def test_limits_of_the_liver_with_their_probability() -> None:
    sure = liver_limits("Normal Tissue", 35.0, interval(35.0, 0.1), Treated("resin", "bilobar"))
    (check,) = sure
    assert (check.limit, check.kept, check.source) == (40, True, "weber_2022")
    assert check.probability == pytest.approx(interval(35.0, 0.1).probability_below(40))
    assert "Normal Tissue below 40 Gy" in check.says
    assert "below 40 Gy with 91 % probability" in check.says
    assert "neuroendocrine" in check.borrowed
    strict = liver_limits("N", 35.0, interval(35.0, 0.1), Treated("resin", "bilobar", ("compromised_liver",)))
    assert {each.limit: each.kept for each in strict} == {40: True, 30: False}


def test_no_product_no_limit_and_no_interval_no_probability() -> None:
    assert liver_limits("N", 35.0, None, Treated()) == []
    (check,) = liver_limits("N", 35.0, None, Treated("ho166", "unilobar"))
    assert check.probability is None
    with pytest.raises(BadInput, match="no condition"):
        liver_limits("N", 35.0, None, Treated("resin", "bilobar", ("tired",)))


def uneven() -> Structure:
    return Structure("t", np.ones((10, 10, 10), bool), Geometry(np.eye(4), (10, 10, 10)))


def test_a_uniform_dose_is_its_own_uniform_dose_and_cold_parts_count() -> None:
    grid = Geometry(np.eye(4), (10, 10, 10))
    even = dose_volume(uneven(), Image(np.full((10, 10, 10), 80, np.float32), grid, Origin(unit="Gy")))
    found = uniform_dose(even)
    assert found is not None
    assert (found.eud_gy, *found.eud_band_gy) == pytest.approx((80, 80, 80), rel=1e-3)
    half = np.full((10, 10, 10), 160, np.float32)
    half[:5] = 0
    cold = uniform_dose(dose_volume(uneven(), Image(half, grid, Origin(unit="Gy"))))
    assert cold is not None
    # 45 % of the volume gets none, a tenth lies on the slope from 0 to 160 Gy between the two halves, by integral.
    expected = [-np.log(0.45 + 0.1 / (160 * alpha)) / alpha for alpha in (0.1, 0.036)]
    assert cold.eud_band_gy == pytest.approx(expected, rel=0.01)


def test_effects_never_come_without_their_band() -> None:
    grid = Geometry(np.eye(4), (10, 10, 10))
    volume = dose_volume(uneven(), Image(np.full((10, 10, 10), 120, np.float32), grid, Origin(unit="Gy")))
    found = effects_of(volume, 120.0, "tumour", nuclide("Y-90"))
    effect = found["effect"]
    assert isinstance(effect, dict)
    assert effect["bed_gy"] == pytest.approx(152.93, rel=1e-3)  # W9
    assert effect["bed_band_gy"][0] < effect["bed_gy"] < effect["bed_band_gy"][1]
    assert "uniform_dose" in found
    assert "uniform_dose" not in effects_of(volume, 40.0, "normal_liver", nuclide("Y-90"))
    assert effects_of(volume, 40.0, None, nuclide("Y-90")) == {}
