"""Checklists against the published table and against the types: every path can be stated, every required item says why."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from tests.strategies import case_of

from liverboard.board.procedure_checklists import Checklist, Completeness, ItemState, completeness, load_checklists
from liverboard.clinical.derive_timeline import visible_events
from liverboard.clinical.events import Case, Procedure, Technique, details_type
from liverboard.clinical.facts import facts_of
from liverboard.knowledge import load_references

SIRT = ("sirt_resin", "sirt_glass", "sirt_ho166")


def _published() -> Checklist:
    return next(each for each in load_checklists() if each.checklist == "radioembolisation_reporting_jnm")


def test_the_published_table_of_radioembolisation_has_25_major_and_25_minor_items() -> None:
    """The table seen: 25 items of 2 points and 25 of 1 point, 75 points in all; for the three products."""
    points = [item.points for item in _published().items]
    assert (points.count(2), points.count(1), len(points)) == (25, 25, 50)
    assert sum(each or 0 for each in points) == 75
    assert _published().applies == SIRT


def test_items_of_a_paper_are_told_from_items_of_a_case() -> None:
    of_paper = {item.asks for item in _published().items if item.of == "study"}
    assert {"Study design", "Limitations", "Conclusions", "Cost", "Kaplan-Meier curve", "Funding"} <= of_paper
    assert not {"Details of flow stasis", "Tumour response", "Performance status"} & of_paper


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)


def _can_state(technique: str, path: str) -> bool:
    models: list[Any] = [Procedure]
    path = path.removeprefix("plan.")  # a plan states what a procedure does
    steps = path.split(".")
    for number, step in enumerate(steps):
        found = [model.model_fields[step] for model in models if step in model.model_fields]
        if not found:
            return False
        if number < len(steps) - 1:
            models = [details_type(technique)] if step == "details" else [m for field in found for m in _models_in(field.annotation)]  # fmt: skip
            models = [model for model in models if model is not None]
    return True


def test_every_place_that_a_checklist_looks_at_can_be_written_in_a_case() -> None:
    wrong = [
        f"{item.id}: {path}"
        for checklist in load_checklists()
        for item in checklist.items
        for path in item.stated
        if not any(_can_state(technique, path) for technique in checklist.applies)
    ]
    assert wrong == []


def test_every_item_that_looks_at_details_can_be_answered_for_each_of_its_techniques() -> None:
    unanswerable = [
        f"{technique}: {item.id}"
        for checklist in load_checklists()
        for item in checklist.items
        if item.stated and not item.facts and item.event is None and "injections" not in "".join(item.stated)
        for technique in checklist.applies
        if not any(_can_state(technique, path) for path in item.stated)
    ]
    assert unanswerable == []


def test_every_treatment_of_the_liver_has_required_items_and_each_says_why() -> None:
    silent = {"primary_resection", "liver_transplantation", "other"}
    for technique in set(get_args(Technique)) - silent:
        required = [i for each in load_checklists() if technique in each.applies for i in each.items if i.need == "required"]  # fmt: skip
        assert required, technique
        assert all(item.why for item in required)


def test_no_required_item_rests_on_a_source_that_was_not_seen() -> None:
    references = load_references()
    unseen = [item.id for each in load_checklists() for item in each.items if item.need == "required" and references[item.source].verification == "U"]  # fmt: skip
    assert unseen == []


# --- one procedure -------------------------------------------------------------------------------------------------------------------------------------


def _complete(case: Case, as_of: str = "2024-12-31") -> Completeness:
    day = dt.date.fromisoformat(as_of)
    visible = visible_events(case, day, None)[0]
    event = next(each for each in visible if isinstance(each, Procedure))
    facts = facts_of(case, event.date)
    found = completeness(event, visible, {name: facts.value(name) for name in facts.facts}, day)
    assert found is not None
    return found


def _item(found: Completeness, name: str) -> ItemState:
    return next(each for each in found.items if each.id == name)


def _tae(**details: Any) -> dict[str, Any]:
    return {"kind": "procedure", "date": "2024-05-01", "technique": "tae", "details": details}


def _clinic(**stated: Any) -> dict[str, Any]:
    return {"kind": "clinic", "date": "2024-04-01", **stated}


def test_what_is_not_stated_is_missing_and_named() -> None:
    found = _complete(case_of(_tae()))
    assert found.required_stated == 0
    assert {"Material of the particles", "Flow at the end, as described", "Segments treated"} <= set(found.missing_required)  # fmt: skip


def test_what_the_case_says_elsewhere_need_not_be_said_twice() -> None:
    image = {"kind": "imaging", "date": "2024-04-20", "portal_vein": "patent"}
    assert _item(_complete(case_of(image, _tae())), "portal_vein").state == "stated"
    assert _item(_complete(case_of(_tae(portal_vein={"main": "patent"}))), "portal_vein").state == "stated"
    late = {"kind": "imaging", "date": "2024-05-20", "portal_vein": "patent"}
    assert _item(_complete(case_of(_tae(), late)), "portal_vein").state == "missing"


def test_octreotide_is_required_with_a_syndrome_wanted_where_nobody_knows_and_not_asked_without_one() -> None:
    for syndrome, need, state in (("carcinoid", "required", "missing"), ("none", "required", "not_asked"), (None, "wanted", "missing")):  # fmt: skip
        events = [_tae()] if syndrome is None else [_clinic(syndrome=syndrome), _tae()]
        item = _item(_complete(case_of(*events)), "octreotide")
        assert (item.need, item.state) == (need, state)
        assert (item.asked_if is not None) == (syndrome is None)
    assert _item(_complete(case_of(_clinic(syndrome="carcinoid"), _tae(octreotide={"given": False}))), "octreotide").state == "stated"  # fmt: skip


def test_antibiotics_are_required_where_ducts_are_altered() -> None:
    altered = _clinic(biliary={"anastomosis": True, "stent": False, "sphincterotomy": False})
    native = _clinic(biliary={"anastomosis": False, "stent": False, "sphincterotomy": False})
    assert "Antibiotics where bile ducts are altered" in _complete(case_of(altered, _tae())).missing_required
    assert _item(_complete(case_of(native, _tae())), "antibiotics_altered_ducts").state == "not_asked"


def test_an_empty_list_says_that_there_were_none() -> None:
    ctace = {"kind": "procedure", "date": "2024-05-01", "technique": "ctace", "details": {"particles": []}}
    assert _item(_complete(case_of(ctace)), "ctace_embolic").state == "stated"


def test_follow_up_is_not_missing_before_its_days_are_over() -> None:
    assert _item(_complete(case_of(_tae()), "2024-06-01"), "imaging_after").state == "not_due"
    assert _item(_complete(case_of(_tae()), "2024-12-01"), "imaging_after").state == "missing"
    after = {"kind": "imaging", "date": "2024-08-01", "modality": "CT"}
    assert _item(_complete(case_of(_tae(), after), "2024-12-01"), "imaging_after").state == "stated"
    assert _item(_complete(case_of(_tae(), after), "2024-07-31"), "imaging_after").state == "not_due"


def test_the_published_score_counts_what_a_case_can_hold_by_now() -> None:
    sirt = {"kind": "procedure", "date": "2024-05-01", "technique": "sirt_resin", "details": {"end_point": {"stasis": "none"}, "technical_success": True}}  # fmt: skip
    late = _complete(case_of(sirt), "2026-01-01").scores[0]
    # Microsphere (2 points), flow stasis and technical success (1 point each); survival is the one item without an end to its days.
    assert (late.points, late.of_study) == (4, 20)
    assert late.points + late.of_study + late.not_due <= late.of + late.of_study + late.not_due == 75
    early = _complete(case_of(sirt), "2024-05-02").scores[0]
    assert early.not_due > late.not_due


@pytest.mark.parametrize("technique", ["primary_resection", "liver_transplantation", "other"])
def test_of_some_techniques_nothing_is_asked(technique: str) -> None:
    case = case_of({"kind": "procedure", "date": "2024-05-01", "technique": technique})
    event = case.events[0]
    assert isinstance(event, Procedure)
    assert completeness(event, case.events, {}, dt.date(2024, 6, 1)) is None
