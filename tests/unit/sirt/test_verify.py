"""Planned beside delivered dose: differences by hand, intervals against Monte Carlo, what is not compared and why."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liverboard.clinical.sirt_details import SirtDetails, SirtDoses
from liverboard.sirt.verify import Compared, Delivered, MeanDose, Treatment, Verification, compare_doses, compare_stated

DOSES = {
    "tumour": {"mean": "200 Gy"},
    "normal_liver": {"mean": "40 Gy"},
    "lung": {"mean": "5 Gy"},
    "lesions": [{"lesion": "T1", "mean": "210 Gy"}, {"lesion": "T2", "mean": "100 Gy"}],
}


def plan(**stated: Any) -> SirtDetails:
    given: dict[str, Any] = {"planned_doses": DOSES, "target_volume": "120 mL", "normal_volume": "1000 mL"}
    return SirtDetails.model_validate({key: value for key, value in (given | stated).items() if value is not None})


def structure(name: str, mean: float | None, volume: float, tissue: Any = "tumour", spread: float = 0.0) -> Delivered:
    ends = {"low_gy": mean / spread, "high_gy": mean * spread} if mean and spread else {}
    dose = None if mean is None else MeanDose(mean_gy=mean, **ends)
    return Delivered(name=name, tissue=tissue, volume_ml=volume, dose=dose, why="" if dose else "lies outside the map")


IMAGE = (structure("T1", 180, 100), structure("T2", 120, 20), structure("Liver", 20, 1000, "normal_liver"))


def compared(of: SirtDetails, *structures: Delivered, injected: float | None = None) -> Verification:
    return compare_doses(of, Treatment(tuple(structures), injected, "plan", "image"))


def rows(found: Verification) -> dict[str, Compared]:
    return {each.name: each for each in found.compared}


def whys(found: Verification) -> dict[str, str]:
    return {each.name: each.why for each in found.not_compared}


def test_differences_by_hand() -> None:
    found = rows(compared(plan(), *IMAGE))
    assert {name: round(each.difference_gy, 6) for name, each in found.items()} == {
        "T1": -30, "T2": 20, "all tumours together": (180 * 100 + 120 * 20) / 120 - 200, "non-tumour liver": -20,
    }  # fmt: skip
    assert found["T1"].difference_percent == pytest.approx(100 * (180 / 210 - 1))
    assert found["non-tumour liver"].difference_percent == pytest.approx(-50)
    assert {each.agrees for each in found.values()} == {None}


def test_the_interval_is_that_of_monte_carlo() -> None:
    doses = {"lesions": [{"lesion": "T1", "mean": "200 Gy", "low": f"{200 / 1.3} Gy", "high": f"{200 * 1.3} Gy"}]}
    each = rows(compared(plan(planned_doses=doses), structure("T1", 150, 100, spread=1.2)))["T1"]
    rng, z = np.random.default_rng(3), 1.959964
    planned = 200 * np.exp(rng.normal(0, math.log(1.3) / z, 400_000))
    delivered = 150 * np.exp(rng.normal(0, math.log(1.2) / z, 400_000))
    low, high = np.percentile(100 * (delivered / planned - 1), [2.5, 97.5])
    assert (each.difference_low_percent, each.difference_high_percent) == pytest.approx((low, high), abs=0.5)
    low, high = np.percentile(delivered - planned, [2.5, 97.5])
    assert (each.difference_low_gy, each.difference_high_gy) == pytest.approx((low, high), abs=4)
    assert each.agrees is True


@given(predicted=st.floats(1, 500), delivered=st.floats(1, 500), p=st.floats(1.01, 3), d=st.floats(1.01, 3))
def test_an_interval_holds_its_difference_and_wider_errors_never_disagree_more(
    predicted: float, delivered: float, p: float, d: float
) -> None:
    def at(spread: float) -> Compared:
        doses = {"lesions": [{"lesion": "T1", "mean": predicted, "low": predicted / p, "high": predicted * p}]}
        read = SirtDetails.model_validate({"planned_doses": {"lesions": [{key: value if key == "lesion" else f"{value} Gy" for key, value in doses["lesions"][0].items()}]}})  # fmt: skip
        return rows(compared(read, structure("T1", delivered, 10, spread=spread)))["T1"]

    one, wider = at(d), at(d * 1.5)
    assert one.difference_low_gy is not None
    assert one.difference_high_gy is not None
    assert one.difference_low_gy <= one.difference_gy <= one.difference_high_gy
    assert not (one.agrees and not wider.agrees)


def test_what_cannot_be_compared_is_said() -> None:
    found = compared(
        plan(), structure("t1 ", 180, 100), structure("T3", 50, 20), structure("Liver", None, 1000, "normal_liver")
    )
    assert "T1" in rows(found)  # case and blanks do not part a name
    assert whys(found) == {
        "T2": "no structure of the image after treatment is named T2",
        "non-tumour liver": "Liver: lies outside the map",
        "lung": "the image after treatment has no dose of the lungs",
        "T3": "the plan predicts no dose of its own for it",
    }


def test_other_tissue_is_not_compared() -> None:
    found = compared(plan(normal_volume="600 mL"), *IMAGE)
    assert "not the same tissue" in whys(found)["non-tumour liver"]
    unknown = compared(plan(normal_volume=None), *IMAGE)
    assert "not known" in rows(unknown)["non-tumour liver"].note


def test_the_whole_liver_of_the_image_meets_the_whole_liver_of_the_plan() -> None:
    doses = DOSES | {"normal_liver_whole": {"mean": "25 Gy"}}
    lobe = plan(planned_doses=doses, normal_volume="600 mL", liver_volume="1120 mL", perfused_volume="720 mL")
    assert rows(compared(lobe, *IMAGE))["non-tumour liver"].predicted.mean_gy == 25


def test_no_structure_at_all() -> None:
    found = compared(plan())
    assert found.compared == ()
    assert whys(found)["all tumours together"] == "no structure of the image is tumour"
    assert whys(found)["non-tumour liver"] == "no structure of the image is non-tumour liver"


def test_an_activity_that_was_not_the_planned_one_is_said() -> None:
    asked = plan(planned_activity="2 GBq", residual="1 %")
    assert not any("GBq" in text for text in compared(asked, *IMAGE, injected=1.98).warnings)
    assert any(
        "1.5 GBq were injected, 1.98 GBq expected" in text for text in compared(asked, *IMAGE, injected=1.5).warnings
    )


def test_stated_doses_are_compared_by_name() -> None:
    given = SirtDoses.model_validate({"tumour": {"mean": "180 Gy"}, "lesions": [{"lesion": "t1", "mean": "189 Gy"}]})
    found = compare_stated(plan(), given, Treatment((), None, "plan", "as stated"))
    assert {name: round(each.difference_gy, 6) for name, each in rows(found).items()} == {
        "T1": -21,
        "all tumours together": -20,
    }
    assert set(whys(found)) == {"T2", "non-tumour liver"}
