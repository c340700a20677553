"""Derived facts: grade of a case, liver function, lesions, pattern, recurrence."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from tests.strategies import case_of

from liverboard.clinical.facts import Facts, facts_of

DAY = dt.date(2024, 5, 15)


def diagnosis(day: str, **fields: Any) -> dict[str, Any]:
    return {"kind": "diagnosis", "date": day, **fields}


def imaging(day: str, **fields: Any) -> dict[str, Any]:
    return {"kind": "imaging", "date": day, **fields}


def lesions(*segments: list[int] | None, **fields: Any) -> list[dict[str, Any]]:
    return [
        {"id": f"L{number}", **({"segments": some} if some else {}), **fields}
        for number, some in enumerate(segments, 1)
    ]


def of(*events: dict[str, Any]) -> Facts:
    return facts_of(case_of(*events), DAY)


# --- tumour --------------------------------------------------------------------------------------------------------------------------------------------


def test_grade_of_one_specimen() -> None:
    fact = of(
        diagnosis("2023-03-14", primary_site="ileum", differentiation="well", ki67="4 %", mitoses_per_2mm2=1)
    ).facts["who_grade"]
    assert (fact.value, fact.event, fact.note) == ("G2", "e1", "Ki-67 4 %, mitoses 1 per 2 mm²; Ki-67 decides")


def test_the_latest_specimen_is_graded_and_a_higher_earlier_one_is_told() -> None:
    facts = of(
        diagnosis("2020-01-01", differentiation="well", ki67="25 %", mitoses_per_2mm2=3),
        diagnosis("2023-01-01", ki67="2 %", mitoses_per_2mm2=1),
    )
    fact = facts.facts["who_grade"]
    assert (fact.value, fact.event, fact.date) == (
        "G1",
        "e2",
        dt.date(2020, 1, 1),
    )  # the date of the oldest input: the morphology
    assert "the specimen of 2020-01-01 (e1) was G3" in (fact.note or "")


def test_indices_of_different_events_are_combined_and_said_so() -> None:
    facts = of(
        diagnosis("2023-01-01", differentiation="well", mitoses_per_2mm2=25), diagnosis("2023-02-01", ki67="4 %")
    )
    assert facts.value("who_grade") == "G3"
    assert "different events" in (facts.facts["who_grade"].note or "")


def test_no_grade_without_differentiation_or_for_lung_or_from_a_questioned_index() -> None:
    assert of(diagnosis("2023-01-01", ki67="4 %")).value("who_grade") is None
    lung = of(diagnosis("2023-01-01", primary_site="lung", differentiation="well", ki67="4 %", mitoses_per_2mm2=1))
    assert lung.value("who_grade") is None
    assert "another scheme" in (lung.facts["who_grade"].note or "")
    doubtful = of(diagnosis("2023-01-01", differentiation="well", ki67="400 %", mitoses_per_2mm2=1))
    assert (doubtful.value("who_grade"), doubtful.facts["who_grade"].note) == (None, "questioned: Ki-67")
    assert of(diagnosis("2023-01-01", differentiation="poor", ki67="400 %")).value("who_grade") == "NEC"


def test_receptor_scores_of_different_scales_are_never_mixed() -> None:
    old = imaging("2023-01-01", sstr={"scale": "krenning-1-4", "lowest": 1, "highest": 4})
    facts = of(old, imaging("2024-01-01", sstr={"scale": "krenning-0-4", "highest": 3}))
    assert [facts.value(f"sstr_{name}") for name in ("scale", "lowest", "highest")] == ["krenning-0-4", None, 3]
    facts = of(old, imaging("2024-01-01", sstr={"scale": "krenning-1-4", "highest": 3}))
    assert (facts.value("sstr_lowest"), facts.facts["sstr_lowest"].event) == (1, "e1")


# --- liver function ------------------------------------------------------------------------------------------------------------------------------------

LABS = {"kind": "labs", "date": "2024-05-02", "bilirubin": "34 umol/L", "albumin": "35 g/L", "inr": 1.7}
CLINIC = {"kind": "clinic", "date": "2024-03-02", "ascites": "mild", "encephalopathy": "none"}


def test_child_pugh_needs_all_five_and_names_its_edition() -> None:
    facts = of(LABS, CLINIC)
    points = facts.facts["child_pugh_points"]
    assert (points.value, facts.value("child_pugh_class")) == (9, "B")
    assert (points.date, points.event) == (dt.date(2024, 3, 2), "e1")  # date of the oldest input, event of the latest
    assert points.stale
    for words in ("made for cirrhosis", "CCJM", "another printed table cuts at 30 g/L", "inputs are 61 days apart"):
        assert words in (points.note or "")
    lacking = of(LABS, {**CLINIC, "encephalopathy": None})
    assert lacking.value("child_pugh_points") is None
    assert lacking.value("child_pugh_class") is None
    assert lacking.facts["child_pugh_class"].note == "missing: encephalopathy"


def test_albi_of_a_case() -> None:
    facts = of(
        {"kind": "labs", "date": "2024-05-02", "bilirubin": "12 umol/L"},
        {"kind": "labs", "date": "2024-03-02", "albumin": "38 g/L"},
    )
    fact = facts.facts["albi_grade"]
    assert (fact.value, fact.date, fact.event, fact.stale, fact.note) == (
        2,
        dt.date(2024, 3, 2),
        "e1",
        True,
        "score -2.52; inputs are 61 days apart",
    )


# --- lesions -------------------------------------------------------------------------------------------------------------------------------------------


def test_lesions_of_the_latest_imaging_that_lists_them() -> None:
    old = imaging("2024-01-01", lesions=lesions([2], [3], [4]))
    new = imaging(
        "2024-04-01",
        lesions=[
            {"id": "L1", "segments": [6, 7], "longest": "42 mm", "hypervascular": True},
            {"id": "L2", "segments": [6]},
        ],
    )
    facts = of(old, new, imaging("2024-05-01", portal_vein="patent"))
    assert {name: facts.value(name) for name in ("lesion_count", "largest_lesion_mm", "hemilivers", "segments_involved", "hypervascular", "pattern")} == {
        "lesion_count": 2, "largest_lesion_mm": 42, "hemilivers": "right", "segments_involved": 2, "hypervascular": True, "pattern": "simple",
    }  # fmt: skip
    assert facts.facts["largest_lesion_mm"].note == "1 of 2 lesions have no length"
    assert facts.facts["segments_involved"].note == "segments 6, 7"


def test_an_empty_list_says_that_there_are_none() -> None:
    facts = of(imaging("2024-05-01", lesions=[], liver_volume="1500 mL"))
    assert (
        facts.value("lesion_count"),
        facts.value("segments_involved"),
        facts.value("tumour_volume_ml"),
        facts.value("liver_burden_percent"),
    ) == (0, 0, 0, 0)
    assert all(facts.value(name) is None for name in ("largest_lesion_mm", "hemilivers", "hypervascular", "pattern"))


@pytest.mark.parametrize(
    ("segments", "side", "count"),
    [
        (([2], [4]), "left", 2), (([5], [7]), "right", 2), (([4], [5]), "both", 2), (([1],), None, 1), (([1], [2]), "left", 2),
        (([2], [6], None), "both", None), (([2], None), None, None), ((None,), None, None),
    ],
)  # fmt: skip
def test_sides_and_segments(segments: tuple[list[int] | None, ...], side: str | None, count: int | None) -> None:
    facts = of(imaging("2024-05-01", lesions=lesions(*segments)))
    assert (facts.value("hemilivers"), facts.value("segments_involved")) == (side, count)


@pytest.mark.parametrize(
    ("flags", "value"),
    [((True, None), True), ((False, False), False), ((False, None), None), ((None,), None), ((False, True), True)],
)
def test_hypervascular(flags: tuple[bool | None, ...], value: bool | None) -> None:
    listed = [{"id": f"L{n}", "hypervascular": flag} for n, flag in enumerate(flags)]
    assert of(imaging("2024-05-01", lesions=listed)).value("hypervascular") is value


def test_volumes_and_burden() -> None:
    summed = imaging("2024-04-01", lesions=lesions([2], [3], volume="10 mL"), liver_volume="1000 mL")
    assert (of(summed).value("tumour_volume_ml"), of(summed).value("liver_burden_percent")) == (20, 2)
    stated = {**summed, "tumour_volume": "50 mL"}
    assert of(stated).value("liver_burden_percent") == 5
    partial = imaging("2024-04-01", lesions=[{"id": "L1", "volume": "10 mL"}, {"id": "L2"}], liver_volume="1000 mL")
    assert of(partial).value("tumour_volume_ml") is None
    apart = of(imaging("2024-04-01", tumour_volume="50 mL"), imaging("2024-04-02", liver_volume="1000 mL"))
    assert apart.value("liver_burden_percent") is None
    doubtful = of(imaging("2024-04-01", tumour_volume="5 mL", liver_volume="100 mL"))
    assert doubtful.value("liver_burden_percent") is None
    assert doubtful.facts["liver_burden_percent"].note == "liver volume questioned"
    assert (
        of(imaging("2024-04-01", tumour_volume="5 mL", liver_volume="100 mL", confirmed=True)).value(
            "liver_burden_percent"
        )
        == 5
    )


@pytest.mark.parametrize(
    ("extent", "dominant"), [("none", True), ("limited", True), ("extensive", False), (None, None)]
)
def test_liver_dominant(extent: str | None, dominant: bool | None) -> None:
    facts = of(
        imaging("2024-05-01", extrahepatic={"extent": extent} if extent else None, progression={"hepatic": True})
    )
    assert facts.value("liver_dominant") is dominant
    assert (facts.value("hepatic_progression"), facts.value("hepatic_progression_rapid")) == (True, None)


def test_of_lesions_too_many_to_count_only_what_a_part_of_them_can_tell_is_told() -> None:
    listed = lesions([6], [7], hypervascular=False, volume="10 mL", longest="30 mm")
    image = imaging("2024-05-01", lesions=listed, too_many_to_count=True, liver_volume="1500 mL")
    facts = of(image)
    needs_all = (
        "lesion_count",
        "hypervascular",
        "pattern",
        "hemilivers",
        "segments_involved",
        "tumour_volume_ml",
        "liver_burden_percent",
    )
    assert {name: facts.value(name) for name in needs_all} == dict.fromkeys(needs_all)
    assert facts.value("largest_lesion_mm") == 30
    assert facts.facts["lesion_count"].note == "more than the 2 listed: the reader calls the lesions too many to count"
    told = of(
        {**image, "pattern": "diffuse", "tumour_volume": "600 mL", "lesions": lesions([2], [7], hypervascular=True)}
    )
    assert [told.value(name) for name in ("pattern", "hemilivers", "hypervascular", "tumour_volume_ml")] == [
        "diffuse",
        "both",
        True,
        600,
    ]
    assert of({**image, "too_many_to_count": False}).value("lesion_count") == 2


# --- recurrence ----------------------------------------------------------------------------------------------------------------------------------------

RESECTION = {"kind": "procedure", "date": "2023-02-01", "technique": "liver_resection"}
BEFORE, CLEAR = imaging("2023-01-01", lesions=lesions([2])), imaging("2023-05-01", lesions=[])
HISTORY = {"kind": "history", "date": "2024-05-01", "complete": True}


@pytest.mark.parametrize(
    ("events", "value"),
    [
        ((BEFORE, RESECTION, CLEAR, imaging("2024-01-01", lesions=[{"id": "N1"}])), True),
        ((BEFORE, RESECTION, CLEAR), False),
        ((BEFORE, RESECTION, imaging("2023-05-01", lesions=[{"id": "L1", "treated": True}])), False),
        ((BEFORE, RESECTION, CLEAR, imaging("2024-01-01", lesions=[{"id": "L1"}])), None),
        ((BEFORE, RESECTION, imaging("2023-05-01", lesions=[{"id": "N1"}])), None),
        ((BEFORE, RESECTION), None),
        ((HISTORY,), False),
        ((BEFORE,), None),
        ((BEFORE, {**RESECTION, "technique": "tae"}, CLEAR, imaging("2024-01-01", lesions=[{"id": "N1"}])), None),
    ],
)
def test_recurrent_is_never_guessed(events: tuple[dict[str, Any], ...], value: bool | None) -> None:
    assert of(*events).value("recurrent") is value
