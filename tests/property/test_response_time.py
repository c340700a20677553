"""Response on any timeline: no crash, one answer for every criterion with a reason, and nothing from after the day or the moment shines through."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.strategies import cases, days, events, moments

from liverboard.board.response import response_document, response_of
from liverboard.clinical.derive_timeline import moment
from liverboard.clinical.events import EVENT_KINDS, Case
from liverboard.response.criteria import CRITERIA

ahead = st.integers(1, 900).map(lambda n: dt.timedelta(days=n))
sizes = st.one_of(st.none(), st.integers(0, 90).map(lambda mm: f"{mm} mm"))
lesions = st.fixed_dictionaries(
    {"id": st.sampled_from(["L1", "L2", "L3"])},
    optional={
        "longest": sizes.filter(bool), "short": sizes.filter(bool), "viable": sizes.filter(bool), "viable_short": sizes.filter(bool),
        "volume": st.sampled_from(["0 mL", "5 mL", "90 mL"]), "viable_volume": st.sampled_from(["0 mL", "4 mL"]), "density": st.sampled_from(["-10 HU", "0 HU", "80 HU"]),
        "state": st.sampled_from(["present", "absent", "progressing", "too_small", "not_evaluable"]), "target": st.booleans(), "measurable": st.booleans(),
        "new": st.sampled_from([True, False, "equivocal"]), "was": st.lists(st.sampled_from(["L1", "L2", "L9"]), max_size=2), "nodule": st.booleans(),
        "hypervascular": st.booleans(), "zone": sizes.filter(bool), "margin": sizes.filter(bool), "segments": st.just([6]), "treated": st.booleans(),
    },
)  # fmt: skip
outside = st.builds(
    lambda lesion, organ: {key: value for key, value in lesion.items() if key not in {"hypervascular", "segments"}} | {"id": "X1", "organ": organ},
    lesions,
    st.sampled_from(["lymph_node", "bone", "lung"]),
)  # fmt: skip
scans = st.fixed_dictionaries(
    {"kind": st.just("imaging"), "date": days, "lesions": st.lists(lesions, max_size=3, unique_by=lambda each: each["id"])},
    optional={
        "extrahepatic_lesions": st.lists(outside, max_size=1), "extrahepatic": st.sampled_from([{"extent": "none"}, {"extent": "limited"}, {"extent": "extensive"}]),
        "too_many_to_count": st.booleans(), "new_lesions": st.booleans(), "modality": st.sampled_from(["CT", "MR", "US"]),
        "progression": st.sampled_from([{"hepatic": True, "extrahepatic": False}, {"hepatic": False, "extrahepatic": True}]),
    },
)  # fmt: skip
treatments = st.fixed_dictionaries(
    {
        "kind": st.just("procedure"),
        "date": days,
        "technique": st.sampled_from(["tae", "sirt_resin", "rfa", "liver_resection"]),
    },
    optional={"lesions": st.just(["L1"]), "session": st.integers(1, 3)},
)


def made(raw: list[dict[str, Any]]) -> Case:
    return Case.model_validate(
        {"case": "T-1", "events": [{"id": f"e{number}", **event} for number, event in enumerate(raw)]}
    )


timelines = st.lists(st.one_of(scans, scans, treatments), max_size=7).map(made)
every = st.one_of(cases(), timelines)


@given(every, days, moments)
def test_every_criterion_answers_with_a_reason(case: Case, as_of: dt.date, known_at: dt.date) -> None:
    report = response_of(case, as_of=as_of, known_at=known_at)
    assert set(report.criteria) == set(CRITERIA)
    for answer in report.criteria.values():
        assert answer.basis
        assert answer.date <= as_of
        if answer.category in {"CR", "PR", "SD"}:
            assert answer.total is not None or answer.target is None or answer.criterion == "choi"
    json.dumps(response_document(report), allow_nan=False)


@given(timelines, days, st.one_of(scans, treatments), ahead)
def test_an_event_after_the_day_changes_nothing(
    case: Case, as_of: dt.date, raw: dict[str, Any], step: dt.timedelta
) -> None:
    added = EVENT_KINDS[raw["kind"]].model_validate({"id": "added", **raw, "date": as_of + step})
    later = Case.model_validate({**dict(case), "events": (*case.events, added)})
    assert response_of(later, as_of=as_of) == response_of(case, as_of=as_of)


@given(timelines, days, moments, st.one_of(scans, treatments), ahead)
def test_an_event_entered_after_the_moment_changes_nothing(
    case: Case, as_of: dt.date, known_at: dt.date, raw: dict[str, Any], step: dt.timedelta
) -> None:
    added = EVENT_KINDS[raw["kind"]].model_validate({"id": "added", **raw, "recorded": moment(known_at) + step})
    later = Case.model_validate({**dict(case), "events": (*case.events, added)})
    assert response_of(later, as_of=as_of, known_at=known_at) == response_of(case, as_of=as_of, known_at=known_at)


@given(timelines, days)
def test_the_liver_alone_progresses_only_where_the_patient_does(case: Case, as_of: dt.date) -> None:
    for course in response_of(case, as_of=as_of).courses:
        for name, hepatic in course.hepatic.items():
            for whole, liver in zip(course.days[name], hepatic, strict=True):
                if liver.category == "PD" and liver.new_lesion and whole.scope == "patient":
                    assert whole.category == "PD"


@settings(max_examples=20)
@given(st.data())
def test_any_event_added_to_a_timeline_is_read(data: st.DataObject) -> None:
    case = data.draw(timelines)
    kind = data.draw(st.sampled_from(sorted(EVENT_KINDS)))
    added = EVENT_KINDS[kind].model_validate({"id": "added", **data.draw(events(kind))})
    response_of(Case.model_validate({**dict(case), "events": (*case.events, added)}), as_of=data.draw(days))
