"""Facts of each lesion: the latest list, main segment, treated, implausible values, nothing later."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from tests.strategies import case_of

from liverboard.clinical.lesion_facts import LesionFacts, lesion_facts_of

DAY = dt.date(2024, 5, 15)
FULL = {
    "id": "L1", "segments": [6, 7], "segment_shares": ["70 %", "30 %"], "longest": "4.2 cm", "short": "36 mm", "volume": "31 mL",
    "capsule_distance": "0 mm", "vessel_distance": "12 mm", "bile_duct_distance": "2.5 cm", "hypervascular": True, "treated": False,
}  # fmt: skip


def imaging(day: str, *lesions: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"kind": "imaging", "date": day, "lesions": list(lesions), **fields}


def procedure(day: str, technique: str, *lesions: str, kind: str = "procedure") -> dict[str, Any]:
    return {"kind": kind, "date": day, "technique": technique, "lesions": list(lesions)}


def of(*events: dict[str, Any], known_at: dt.date | None = None) -> tuple[LesionFacts, ...]:
    return lesion_facts_of(case_of(*events), DAY, known_at)


def test_every_fact_of_a_lesion_in_its_unit() -> None:
    (lesion,) = of(imaging("2024-05-01", FULL))
    assert lesion.lesion == "L1"
    assert dict(lesion.values) == {
        "lesion_longest_mm": 42,
        "lesion_volume_ml": 31,
        "lesion_main_segment": 6,
        "lesion_capsule_distance_mm": 0,
        "lesion_vessel_distance_mm": 12,
        "lesion_bile_duct_distance_mm": 25,
        "lesion_hypervascular": True,
        "lesion_treated": False,
    }


def test_what_is_not_stated_is_unknown() -> None:
    (lesion,) = of(imaging("2024-05-01", {"id": "L1"}))
    assert set(lesion.values.values()) == {None}
    assert of() == of(imaging("2024-05-01")) == of({"kind": "imaging", "date": "2024-05-01"}) == ()


def test_the_latest_imaging_that_lists_lesions_speaks() -> None:
    first, second = imaging("2024-01-01", FULL), imaging("2024-04-01", {"id": "L9"}, {"id": "L1"})
    assert [lesion.lesion for lesion in of(second, first, {"kind": "imaging", "date": "2024-05-01"})] == ["L9", "L1"]
    assert of(first, imaging("2024-04-01")) == ()
    later = imaging("2024-05-16", {"id": "L9"})
    assert of(first, later) == of(first)
    assert of(first, second | {"recorded": "2024-05-02"}, known_at=dt.date(2024, 5, 1)) == of(first)


@pytest.mark.parametrize(
    ("segments", "shares", "main"),
    [
        ([4], None, 4),
        ([4], ["20 %"], 4),
        ([6, 7], None, None),  # several without shares
        ([6, 7], ["50 %", "50 %"], None),
        ([6, 7], ["49 %", "51 %"], 7),
        ([5, 6, 7], ["40 %", "40 %", "20 %"], None),
        ([5, 6, 7], ["30 %", "30 %", "40 %"], 7),
        ([], None, None),
        (None, None, None),
    ],
)
def test_main_segment(segments: list[int] | None, shares: list[str] | None, main: int | None) -> None:
    stated = {"id": "L1", "segments": segments, "segment_shares": shares}
    (lesion,) = of(imaging("2024-05-01", {key: value for key, value in stated.items() if value is not None}))
    assert lesion.values["lesion_main_segment"] == main


@pytest.mark.parametrize(
    ("stated", "event", "treated"),
    [
        (None, None, None),
        (False, None, False),
        (True, None, True),
        (None, procedure("2024-05-10", "mwa", "L1"), True),
        (False, procedure("2024-05-15", "mwa", "L1"), True),
        (None, procedure("2024-05-16", "mwa", "L1"), None),  # after the day
        (None, procedure("2024-05-10", "mwa", "L2"), None),
        (None, procedure("2024-05-10", "mwa", "L1", kind="plan"), None),
    ],
)
def test_treated(stated: bool | None, event: dict[str, Any] | None, treated: bool | None) -> None:
    lesion = {"id": "L1"} if stated is None else {"id": "L1", "treated": stated}
    (facts,) = of(imaging("2024-05-01", lesion), *([event] if event else []))
    assert facts.values["lesion_treated"] is treated


def test_an_implausible_value_is_unknown_until_it_is_confirmed() -> None:
    wild = {"id": "L1", "longest": "401 mm", "volume": "9001 mL", "capsule_distance": "201 mm"}
    edge = {"id": "L1", "longest": "400 mm", "volume": "9000 mL", "capsule_distance": "200 mm"}
    names = ("lesion_longest_mm", "lesion_volume_ml", "lesion_capsule_distance_mm")
    for lesion, confirmed, expected in (
        (wild, None, [None, None, None]),
        (wild, False, [None, None, None]),
        (wild, True, [401, 9001, 201]),
        (edge, None, [400, 9000, 200]),
    ):
        (facts,) = of(imaging("2024-05-01", lesion, confirmed=confirmed))
        assert [facts.values[name] for name in names] == expected
