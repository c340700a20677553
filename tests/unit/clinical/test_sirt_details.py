"""Typed details of a radioembolisation, and the facts that its plan states: from its own date on, never before."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.strategies import case_of

from liverboard.clinical.case_file import read_case, write_case
from liverboard.clinical.events import Procedure
from liverboard.clinical.facts import Facts, facts_of
from liverboard.clinical.sirt_details import SirtDetails
from liverboard.errors import BadInput

PLANNED = ("planned_activity_gbq", "planned_tumour_dose_gy", "planned_normal_liver_dose_gy")
SCOUT = {"kind": "scout", "date": "2024-05-01", "lung_dose": "4 Gy", "lung_activity": "80 MBq"}


def plan(day: str = "2024-05-10", technique: str = "sirt_resin", **details: Any) -> dict[str, Any]:
    stated: dict[str, Any] = {
        "planned_activity": "2 GBq",
        "lung_dose": "4.967 Gy",
        "planned_doses": {"tumour": {"mean": "205 Gy"}, "normal_liver": {"mean": "41 Gy"}},
    }
    return {"kind": "plan", "date": day, "technique": technique, "details": stated | details}


def of(*events: dict[str, Any], day: str = "2024-05-15") -> Facts:
    return facts_of(case_of(*events), dt.date.fromisoformat(day))


def problems_of(details: str) -> list[str]:
    text = f"liverboard: 1\ncase: A-1\nevents:\n  - kind: plan\n    date: 2024-05-02\n    technique: sirt_glass\n    details:\n{details}"
    with pytest.raises(BadInput) as caught:
        read_case(text)
    return [f"{each.line}: {each.message} {each.hint or ''}".strip() for each in caught.value.problems]


def test_old_details_of_a_procedure_stay_readable() -> None:
    case = case_of(
        {
            "kind": "procedure",
            "date": "2024-02-05",
            "technique": "sirt_resin",
            "details": {"injected_activity": "1.4 GBq", "activity_source": "as the images' README states"},
        }
    )
    event = case.events[0]
    assert isinstance(event, Procedure)
    assert isinstance(event.details, SirtDetails)
    assert event.details.injected_activity == pytest.approx(1.4)
    assert read_case(write_case(case)) == case


def test_an_unknown_key_is_named_with_its_line_and_the_nearest() -> None:
    assert problems_of("      lung_shunt_fraction: 5 %\n      planned_activty: 2 GBq\n") == [
        "9: unknown key 'planned_activty' did you mean 'planned_activity'?"
    ]


def test_a_dose_in_another_unit_is_named_with_its_line() -> None:
    assert problems_of("      planned_doses:\n        tumour: {mean: 2 GBq}\n")[0].startswith("9: ")


@pytest.mark.parametrize(
    ("details", "says"),
    [
        ({"prepared_activity": "1 GBq", "injected_activity": "1.1 GBq"}, "above prepared_activity"),
        ({"prepared_activity": "1 GBq", "injected_activity": "0.9 GBq", "residual": "1 %"}, "residual"),
        ({"planned_doses": {"tumour": {"mean": "100 Gy", "low": "110 Gy", "high": "120 Gy"}}}, "outside 110 to 120"),
        ({"planned_doses": {"tumour": {"mean": "100 Gy", "low": "90 Gy"}}}, "both low and high"),
        ({"planned_doses": {"lesions": [{"lesion": "L1", "mean": "1 Gy"}] * 2}}, "lesion given twice: L1"),
        ({"calibrated": "2024-05-02T08:00:00"}, "time zone"),
        ({"perfused_volume": "100 mL", "target_volume": "120 mL"}, "larger than perfused_volume"),
        ({"perfused_volume": "1800 mL", "liver_volume": "1500 mL"}, "larger than liver_volume"),
        ({"sequence": "same_day", "lobar_interval": "30 day"}, "same_day"),
        ({"delivered_from": "none", "delivered_doses": {"tumour": {"mean": "1 Gy"}}}, "delivered_from"),
        ({"lung_dose": "4 Gy", "planned_doses": {"lung": {"mean": "9 Gy"}}}, "differ"),
        ({"lung_shunt_fraction": "120 %"}, "less than or equal to 1"),
    ],
)
def test_what_contradicts_itself_is_refused(details: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        SirtDetails.model_validate(details)


def test_every_key_survives_writing_and_reading() -> None:
    details = {
        "planned_activity": "2 GBq", "prepared_activity": "2.02 GBq", "injected_activity": "2 GBq", "residual": "1 %", "product": "resin", "lot": "7",
        "calibrated": "2024-05-09T23:00:00+02:00", "lung_shunt_fraction": "5 %", "lung_mass": "0.9 kg", "lung_mass_method": "ct_densitometry",
        "dose_constant": "49.67 Gy*kg/GBq", "lobar_interval": "30 day", "sequence": "staged", "errors": {"tn": "25 %"},
        "scout": {"product": "maa", "activity": "150 MBq", "date": "2024-05-01"},
        "planned_doses": {"tumour": {"mean": "200 Gy", "low": "150 Gy", "high": "270 Gy"}, "lesions": [{"lesion": "L1", "mean": "210 Gy"}]},
        "limits": [{"id": "x", "says": "kept", "kept": True, "probability": "93 %"}], "binding_limit": {"id": "x", "at_activity": "1.9 GBq", "room": "-5 %"},
        "injections": [{"artery": "right hepatic", "segments": [5, 8], "injected_activity": "1 GBq", "stasis": False}],
        "end_point": {"stasis": "none"}, "coils": ["gastroduodenal"],
    }  # fmt: skip
    case = case_of({"kind": "plan", "date": "2024-05-10", "technique": "sirt_resin", "details": details})
    assert read_case(write_case(case)) == case
    assert read_case(write_case(case, is_json=True), is_json=True) == case


def test_the_documented_keys_are_those_that_are_read() -> None:
    page = Path(__file__).parents[3] / "docs" / "reference" / "case-format.md"
    block = page.read_text(encoding="utf-8").split("## Details of SIRT")[1].split("```yaml\n")[1].split("```")[0]
    details = SirtDetails.model_validate(
        yaml.safe_load(block.replace("2024-06-12T23:00:00+02:00", "'2024-06-12T23:00:00+02:00'"))
    )
    assert details.planned_doses is not None
    assert details.model_fields_set >= {"errors", "limits", "binding_limit", "injections", "sequence"}


def test_a_plan_states_facts_from_its_date_on() -> None:
    before, on_the_day = of(plan(), day="2024-05-09"), of(plan(), day="2024-05-10")
    assert [before.value(name) for name in (*PLANNED, "lung_dose_gy")] == [None] * 4
    assert [on_the_day.value(name) for name in (*PLANNED, "lung_dose_gy")] == [2, 205, 41, 4.967]


def test_a_computed_lung_dose_stands_beside_the_stated_one() -> None:
    facts = of(SCOUT, plan(lung_dose="9 Gy")).facts
    assert facts["lung_dose_gy"].value == 9
    assert "the scout of 2024-05-01" in (facts["lung_dose_gy"].note or "")
    assert "states 4 Gy" in (facts["lung_dose_gy"].note or "")
    assert facts["lung_activity_gbq"].value == pytest.approx(0.08)
    later = of(plan(day="2024-04-20"), SCOUT).facts["lung_dose_gy"]
    assert later.value == 4
    assert "the plan of 2024-04-20" in (later.note or "")


def test_a_scout_and_a_plan_of_one_day_that_disagree_are_a_conflict() -> None:
    facts = of({**SCOUT, "date": "2024-05-10"}, plan(lung_dose="9 Gy"))
    assert facts.value("lung_dose_gy") == 9
    assert any(text.startswith("lung_dose_gy: ") for text in facts.conflicts)


def test_the_latest_plan_speaks_alone() -> None:
    facts = of(plan(day="2024-05-01"), plan(day="2024-05-12", planned_activity="1 GBq", planned_doses=None))
    assert facts.value("planned_activity_gbq") == 1
    assert facts.value("planned_tumour_dose_gy") is None


def test_plans_of_other_techniques_say_nothing_of_sirt() -> None:
    other = {"kind": "plan", "date": "2024-05-10", "technique": "tae", "details": {}}
    assert [of(other).value(name) for name in (*PLANNED, "lung_dose_gy")] == [None] * 4


@given(ahead=st.integers(1, 400), dose=st.floats(0.1, 150), activity=st.floats(0.1, 20))
def test_no_plan_is_seen_before_its_date(ahead: int, dose: float, activity: float) -> None:
    day = dt.date(2024, 5, 15)
    later = plan(
        day=(day + dt.timedelta(days=ahead)).isoformat(), lung_dose=f"{dose} Gy", planned_activity=f"{activity} GBq"
    )
    assert of(SCOUT, later).facts == of(SCOUT).facts
