"""Details of procedures: read by technique, kept in canonical units, refused where they contradict themselves, never needed."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from tests.strategies import case_of

from liverboard.clinical.case_file import read_case, write_case
from liverboard.clinical.events import Case, Technique, details_type
from liverboard.clinical.procedure_details import AblationDetails, CtaceDetails, TaeDetails
from liverboard.errors import BadInput, Problem


def _text(technique: str, *details: str) -> str:
    lines = "\n".join(f"      {line}" for line in details)
    return f"liverboard: 1\ncase: T-1\nevents:\n  - kind: procedure\n    date: 2024-07-01\n    technique: {technique}\n    details:\n{lines}\n"


def _read(technique: str, *details: str) -> Any:
    return read_case(_text(technique, *details)).events[0].details  # pyright: ignore


def _problem(technique: str, *details: str) -> Problem:
    with pytest.raises(BadInput) as caught:
        read_case(_text(technique, *details))
    assert len(caught.value.problems) == 1
    return caught.value.problems[0]


def test_quantities_are_kept_in_one_unit_whatever_a_person_writes() -> None:
    found = _read(
        "ctace",
        "fluoroscopy_time: 0.5 h",
        "dose_area_product: 2000 dGy*cm^2",
        "drugs: [{drug: doxorubicin, dose: 0.05 g, dose_per_area: 30 mg/m2}]",
        "lipiodol: 10 cc",
        "octreotide: {given: true, dose: 0.5 mg, rate: 50 ug/h}",
    )
    assert isinstance(found, CtaceDetails)
    assert (found.fluoroscopy_time, found.dose_area_product, found.lipiodol) == (30, 200, 10)
    assert found.drugs is not None
    assert (found.drugs[0].dose, found.drugs[0].dose_per_area) == (50, 30)
    assert found.octreotide is not None
    assert (found.octreotide.dose, found.octreotide.rate) == (500, 50)


def test_an_unknown_key_names_the_nearest_one_of_its_technique_and_its_line() -> None:
    problem = _problem("tae", "particles: [{material: pva}]", "fluoroscopy_tim: 12 min")
    assert (problem.line, problem.field) == (9, "details.fluoroscopy_tim")
    assert problem.hint == "did you mean 'fluoroscopy_time'?"
    assert "particles" in (problem.allowed or "")
    assert "lipiodol" not in (problem.allowed or "")


def test_a_nested_unknown_key_is_looked_for_where_it_stands() -> None:
    problem = _problem("tae", "end_point: {sase: II}")
    assert problem.hint == "did you mean 'sace'?"


@pytest.mark.parametrize(
    ("technique", "line", "says"),
    [
        ("tae", "particles: [{size_min: 300 um, size_max: 100 um}]", "size_min 300 um is above size_max 100 um"),
        ("tae", "end_point: {sace: IV, flow: reduced}", "SACE IV is no antegrade flow, yet flow is reduced"),
        ("tae", "end_point: {sace: II, flow: none}", "flow: none is SACE IV, yet sace is II"),
        ("tae", "end_point: {sace: IV, stasis: near_stasis}", "SACE IV is no antegrade flow, yet stasis is near_stasis"),
        ("tae", "end_point: {sace: III, stasis: stasis}", "stasis is no antegrade flow, which is SACE IV, yet sace is III"),
        ("mwa", "{complete: true, size_before: 30 mm, zone: [28 mm, 25 mm, 20 mm]}", "complete: true, yet the zone (28 mm) is smaller than the tumour (30 mm)"),
        ("tae", "end_point: {stasis: stasis, flow: normal}", "stasis is no antegrade flow, yet flow is normal"),
        ("tae", "end_point: {stasis: near_stasis, flow: none}", "near_stasis is a reduced flow, yet flow is none"),
        ("tae", "end_point: {stasis: none, flow: none}", "flow: none is stasis, yet stasis is none"),
        ("tae", "octreotide: {given: false, dose: 100 ug}", "given: false, yet a dose, rate, route or time of octreotide is stated"),
        ("tae", "antibiotics: {given: false, drugs: [levofloxacin]}", "given: false, yet a drug or days of antibiotics are stated"),
        ("tae", "bowel_preparation: {given: false, regimen: oral}", "given: false, yet a regimen of bowel preparation is stated"),
        ("tae", "bile_ducts: [native, stent]", "bile_ducts: native ducts are those without"),
        ("debtace", "beads: [{size_min: 300 um, size_max: 100 um}]", "size_min 300 um is above"),
        ("debtace", "beads: [{delivered: 120 %}]", "out of range"),
        ("mwa", "ablations: [{lesion: L1, complete: true, margin: -1 mm}]", "tumour stands out of the zone"),
        ("mwa", "ablations: [{lesion: L1}, {lesion: L1}]", "ablations: lesion given twice: L1"),
        ("rfa", "{cycles: 1, overlap: 2}", "overlapping placements need two cycles or more"),
        ("liver_resection", "{margins: R0, cleared: 80 %}", "R0 means that no tumour is left, yet 80 % was cleared"),
        ("liver_resection", "{remnant_method: ct_volumetry, remnant_formula: body surface}", "remnant_formula is given, yet"),
        ("liver_resection", "induction: [none, alpps]", "induction: none stands beside another one"),
        ("external_liver_radiation", "{dose: 30 Gy, mean_liver_dose: 40 Gy}", "mean liver dose of 40 Gy is above the prescribed 30 Gy"),
    ],
)  # fmt: skip
def test_what_contradicts_itself_is_a_plain_problem_with_its_line(technique: str, line: str, says: str) -> None:
    problem = _problem(technique, line)
    assert says in problem.message
    assert problem.line in {7, 8}  # the key `details`, or what stands in it
    assert (problem.field or "").startswith("details")


@pytest.mark.parametrize("technique", get_args(Technique))
def test_no_technique_needs_details_and_an_empty_one_reads_back(technique: str) -> None:
    case = read_case(_text(technique, "{}"))
    assert read_case(write_case(case)) == case
    assert case_of({"kind": "procedure", "date": "2024-07-01", "technique": technique}).events


@pytest.mark.parametrize("technique", get_args(Technique))
def test_details_left_open_as_the_format_shows_them_are_read(technique: str) -> None:
    assert read_case(_text(technique, "{...}")).events[0].details in ({}, (details_type(technique) or dict)())  # pyright: ignore


def test_a_technique_of_no_type_keeps_what_is_written() -> None:
    assert _read("other", "duration: long", "anything: {deep: [1, two]}") == {"duration": "long", "anything": {"deep": [1, "two"]}}  # fmt: skip


def test_one_session_and_each_lesion_may_state_the_same_things() -> None:
    found = _read("mwa", "power: 60 W", "ablations: [{lesion: L1, power: 100 W, time: 300 s, zone: [40 mm, 3.5 cm]}]")
    assert isinstance(found, AblationDetails)
    assert found.ablations is not None
    assert (found.power, found.ablations[0].power, found.ablations[0].time) == (60, 100, 5)
    assert found.ablations[0].zone == (40, 35)


def test_a_plan_has_the_details_of_its_technique_too() -> None:
    plan = {"kind": "plan", "date": "2024-06-01", "technique": "tae", "details": {"planned_sessions": 2}}
    case: Case = case_of(plan)
    assert isinstance(case.events[0].details, TaeDetails)  # pyright: ignore


@pytest.mark.parametrize("written", ["[1]", "word", "3"])
def test_details_that_are_no_keys_and_values_are_a_problem(written: str) -> None:
    for technique in ("tae", "other", "sirt_resin"):
        assert "expected keys and values" in _problem(technique, written).message
