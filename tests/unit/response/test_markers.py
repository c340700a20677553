"""Markers: ratios, what does not compare, confounders, biochemical response."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from tests.strategies import case_of

from liverboard.knowledge import load_references
from liverboard.response import markers
from liverboard.response.markers import MarkerCourse, Markers, markers_of

DAY = dt.date(2026, 1, 1)
SIRT = {"kind": "procedure", "date": "2024-02-01", "technique": "sirt_resin"}


def cga(
    date: str, value: float, limit: float | None = 100, unit: str = "ug/L", assay: str | None = None
) -> dict[str, Any]:
    more = {} if limit is None else {"upper_limit": limit}
    named = {} if assay is None else {"assay": assay}
    return {
        "kind": "labs",
        "date": date,
        "id": f"l-{date}",
        "chromogranin_a": {"value": value, "unit": unit, **more, **named},
    }


def read(*events: dict[str, Any]) -> Markers:
    return markers_of(case_of(SIRT, *events), DAY)


def course(*events: dict[str, Any]) -> MarkerCourse:
    (found,) = read(*events).courses
    return found


@pytest.mark.parametrize(
    ("before", "after", "category", "responded"),
    [
        (640, 320, "fall", True),  # exactly half
        (640, 321, "no_response", False),
        (640, 100, "normalised", True),  # the limit itself is normal
        (150, 99, "normalised", True),
        (640, 900, "no_response", False),
        (100, 40, None, None),  # not raised before: nothing to fall from
    ],
)
def test_biochemical_response_at_its_borders(
    before: float, after: float, category: str | None, responded: bool | None
) -> None:
    found = course(cga("2024-01-20", before), cga("2024-05-01", after))
    assert (found.category, found.biochemical_response) == (category, responded)
    assert found.verification == "U"


def test_change_is_given_absolutely_and_in_percent() -> None:
    found = course(cga("2024-01-20", 640), cga("2024-05-01", 480))
    assert (found.change, found.change_percent) == (-160, -25)


def test_a_unit_of_the_same_kind_is_converted_and_no_problem() -> None:
    found = read(cga("2024-01-20", 640), cga("2024-05-01", 160, unit="ng/mL"))
    assert found.courses[0].change_percent == -75
    assert found.problems == ()


def test_a_unit_that_does_not_convert_is_named_and_nothing_is_compared() -> None:
    found = read(cga("2024-01-20", 640), cga("2024-05-01", 40, limit=20, unit="U/L"))
    assert found.courses[0].category is None
    assert found.courses[0].change is None
    (problem,) = found.problems
    assert problem.event == "l-2024-05-01"
    assert "the unit changed from ug/L to U/L" in problem.message


def test_an_assay_that_changed_is_named() -> None:
    found = read(cga("2024-01-20", 640, assay="A"), cga("2024-05-01", 300, assay="B"))
    assert found.courses[0].change_percent is None
    assert "the assay changed from A to B" in found.problems[0].message


def test_an_upper_limit_that_changed_is_named() -> None:
    found = read(cga("2024-01-20", 640, limit=100), cga("2024-05-01", 300, limit=85))
    assert found.courses[0].category is None
    assert "the upper limit changed" in found.problems[0].message


def test_a_value_within_the_limits_of_its_own_assay_is_normal_whatever_the_assay_before() -> None:
    assert (
        course(cga("2024-01-20", 640, assay="A"), cga("2024-05-01", 70, limit=85, assay="B")).category == "normalised"
    )


def test_a_missing_upper_limit_is_named_and_tells_no_response() -> None:
    found = read(cga("2024-01-20", 640, limit=None), cga("2024-05-01", 100))
    assert found.courses[0].biochemical_response is None
    assert found.problems[0].field == "chromogranin_a.upper_limit"


def test_5_hiaa_in_mg_and_in_umol_a_day_compare_by_its_molar_mass() -> None:
    mg = {"kind": "labs", "date": "2024-01-20", "u5hiaa": {"value": 19.119, "unit": "mg/d", "upper_limit": 9.5595}}
    umol = {"kind": "labs", "date": "2024-05-01", "u5hiaa": {"value": 60, "unit": "umol/d", "upper_limit": 50}}
    found = course(mg, umol)
    assert found.change_percent == pytest.approx(-40, abs=1e-6)


def test_a_baseline_or_a_follow_up_that_is_missing_is_said() -> None:
    assert course(cga("2024-05-01", 640)).reason == "no value is stated up to the start"
    assert course(cga("2024-01-20", 640)).reason == "no value follows the start"
    (found,) = markers_of(case_of(cga("2024-01-20", 640)), DAY).courses
    assert found.reason == "no liver-directed treatment starts the clock"


def test_the_lowest_value_counts_only_what_compares() -> None:
    found = course(
        cga("2024-01-20", 640),
        cga("2024-04-01", 200),
        cga("2024-06-01", 10, limit=2, unit="U/L"),
        cga("2024-08-01", 400),
    )
    assert found.lowest is not None
    assert found.lowest.value == 200


def test_confounders_that_changed_are_said_and_those_not_stated_too() -> None:
    clinics = (
        {"kind": "clinic", "date": "2024-01-01", "ppi": False},
        {"kind": "clinic", "date": "2024-05-01", "ppi": True},
    )
    said = course(*clinics, cga("2024-01-20", 640), cga("2024-05-01", 900)).confounders
    assert "proton pump inhibitor: no before, yes now; the change may be its doing" in said
    assert "atrophic gastritis: not stated for both values" in said
    assert "kidney function: not stated for both values" in said


def test_a_diet_that_was_not_kept_is_said_of_5_hiaa_only() -> None:
    labs = [
        {"kind": "labs", "date": date, "u5hiaa_diet_kept": kept, "u5hiaa": {"value": 100, "unit": "umol/d", "upper_limit": 50}}
        for date, kept in (("2024-01-20", True), ("2024-05-01", False))
    ]  # fmt: skip
    said = course(*labs).confounders
    assert "diet was not kept before one of the urine collections" in said
    assert not any("proton" in sentence for sentence in said)


def test_nt_probnp_is_shown_and_judged_by_nothing() -> None:
    labs = [
        {"kind": "labs", "date": date, "ntprobnp": "900 ng/L", "ntprobnp_upper_limit": "125 pg/mL"}
        for date in ("2024-01-20", "2024-05-01")
    ]
    found = course(*labs)
    assert found.values[0].ratio == pytest.approx(7.2)
    assert found.category is None
    assert "marker of the heart" in found.reason
    assert "900 ng/L is above the 260 ng/L" in found.reason


def test_sources_are_known() -> None:
    references = load_references()
    assert references[markers.RESPONSE_FALL_PERCENT.source].verification == "U"
    assert markers.NTPROBNP_SCREENING_NG_L.source in references


def test_two_values_of_one_day_are_named() -> None:
    twice = {**cga("2024-04-01", 500), "id": "l-again"}
    found = read(cga("2024-01-01", 600), cga("2024-04-01", 300), twice)
    assert "two values of 2024-04-01 (300 and 500 ug/L); the later in the file counts" in str(found.problems[0])
    assert read(cga("2024-01-01", 600), cga("2024-04-01", 500), twice).problems == ()


def test_a_fall_short_of_half_is_not_written_as_half() -> None:
    found = course(cga("2024-01-01", 600), cga("2024-04-01", 300.6))
    assert found.category == "no_response"
    assert found.reason.startswith("-49.9 %")
