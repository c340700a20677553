"""What escaped the treatment so far: progression, refractory disease, antiangiogenic drugs, courses other than analogues. Unknown unless stated."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from tests.strategies import case_of

from liverboard.clinical.facts import Facts, facts_of

DAY = dt.date(2024, 5, 15)
HISTORY = {"kind": "history", "date": "2024-05-01", "complete": True}


def course(day: str, drug: str, **fields: Any) -> dict[str, Any]:
    return {"kind": "systemic", "date": day, "drug": drug, **fields}


def clinic(day: str, **fields: Any) -> dict[str, Any]:
    return {"kind": "clinic", "date": day, **fields}


def growth(day: str, **fields: bool) -> dict[str, Any]:
    return {"kind": "imaging", "date": day, "progression": fields}


def of(*events: dict[str, Any], day: dt.date = DAY) -> Facts:
    return facts_of(case_of(*events), day)


# --- progression ---------------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hepatic", "extrahepatic", "value"),
    [
        (True, True, True), (True, False, True), (True, None, True), (False, True, True), (None, True, True),
        (False, False, False), (False, None, None), (None, False, None), (None, None, None),
    ],
)  # fmt: skip
def test_progression_is_unknown_until_both_parts_speak(
    hepatic: bool | None, extrahepatic: bool | None, value: bool | None
) -> None:
    stated = {"hepatic": hepatic, "extrahepatic": extrahepatic}
    image = growth("2024-05-01", **{name: part for name, part in stated.items() if part is not None})
    assert of(image).value("progression") is value


def test_progression_carries_the_day_of_what_grows_or_of_the_older_part() -> None:
    fact = of(growth("2024-01-01", extrahepatic=True), growth("2024-05-01", hepatic=False)).facts["progression"]
    assert (fact.value, fact.date, fact.event) == (True, dt.date(2024, 1, 1), "e1")
    assert fact.note == "progression outside the liver"
    fact = of(growth("2024-01-01", extrahepatic=False), growth("2024-05-01", hepatic=False)).facts["progression"]
    assert (fact.value, fact.date, fact.event) == (False, dt.date(2024, 1, 1), "e2")
    assert of(growth("2024-05-16", hepatic=True)).value("progression") is None


# --- refractory ----------------------------------------------------------------------------------------------------------------------------------------

LANREOTIDE = course("2023-01-01", "lanreotide")
UNCONTROLLED = clinic("2024-05-02", syndrome="carcinoid", syndrome_controlled=False)
CONTROLLED = clinic("2024-05-02", syndrome="carcinoid", syndrome_controlled=True)
NO_SYNDROME = clinic("2024-05-02", syndrome="none")


def ended(stopped_for: str | None, drug: str = "everolimus") -> dict[str, Any]:
    why = {} if stopped_for is None else {"stopped_for": stopped_for}
    return course("2022-01-01", drug, until="2023-01-01", **why)


@pytest.mark.parametrize(
    ("events", "value"),
    [
        ((), None),
        ((HISTORY,), None),  # nothing says how the syndrome is
        ((NO_SYNDROME,), None),  # nothing says what was given
        ((NO_SYNDROME, HISTORY), False),
        ((CONTROLLED, HISTORY), False),
        ((CONTROLLED, HISTORY, LANREOTIDE), False),
        ((CONTROLLED, LANREOTIDE), None),
        # the syndrome
        ((UNCONTROLLED, LANREOTIDE), True),
        ((UNCONTROLLED, LANREOTIDE, HISTORY), True),
        ((UNCONTROLLED,), None),  # under what, nobody says
        ((UNCONTROLLED, HISTORY), False),  # never under an analogue
        ((UNCONTROLLED, course("2023-01-01", "everolimus"), HISTORY), False),
        ((UNCONTROLLED, course("2023-01-01", "other"), HISTORY), None),  # `other` may be an analogue
        ((UNCONTROLLED, ended("completed", "octreotide_lar"), HISTORY), None),  # the analogue had ended
        ((UNCONTROLLED, course("2023-01-01", "lanreotide", until="2024-05-02", stopped_for="other")), True),
        ((UNCONTROLLED, course("2023-01-01", "lanreotide", until="2024-05-01", stopped_for="other"), HISTORY), None),
        ((UNCONTROLLED, course("2024-05-02", "lanreotide"), HISTORY), None),  # begun on the day: not yet under it
        ((UNCONTROLLED, course("2024-05-01", "lanreotide"), HISTORY), True),
        ((clinic("2024-04-01", syndrome_controlled=False), CONTROLLED, LANREOTIDE, HISTORY), False),  # the latest word
        ((clinic("2024-04-01", syndrome_controlled=False), NO_SYNDROME, LANREOTIDE, HISTORY), False),
        ((clinic("2024-04-01", syndrome="none"), UNCONTROLLED, LANREOTIDE, HISTORY), True),
        # growth
        ((ended("progression"),), True),
        ((ended("progression", "lu177_dotatate"), NO_SYNDROME, HISTORY), True),
        ((ended("progression", "lanreotide"), CONTROLLED), True),
        ((ended("toxicity"), NO_SYNDROME, HISTORY), False),
        ((ended("toxicity"), NO_SYNDROME), None),
        ((ended(None), NO_SYNDROME, HISTORY), None),  # why it was stopped is not stated
        ((ended("toxicity"), growth("2022-06-01", hepatic=True), NO_SYNDROME, HISTORY), None),  # for a person to judge
        ((ended("toxicity"), growth("2022-01-01", hepatic=True), NO_SYNDROME, HISTORY), False),  # before it
        ((ended("toxicity"), growth("2023-06-01", hepatic=True), NO_SYNDROME, HISTORY), False),  # after it
        ((course("2023-01-01", "everolimus", until="2024-05-16", stopped_for="progression"), NO_SYNDROME), None),
        ((course("2023-01-01", "everolimus", until="2024-05-15", stopped_for="progression"), NO_SYNDROME), True),
    ],
)
def test_refractory(events: tuple[dict[str, Any], ...], value: bool | None) -> None:
    assert of(*events).value("refractory") is value


def test_refractory_says_why_and_since_when() -> None:
    fact = of(LANREOTIDE, UNCONTROLLED).facts["refractory"]
    assert (fact.date, fact.event, fact.note) == (
        dt.date(2024, 5, 2),
        "e2",
        "syndrome not controlled under lanreotide",
    )
    fact = of(ended("progression")).facts["refractory"]
    assert (fact.date, fact.event, fact.note) == (dt.date(2023, 1, 1), "e1", "everolimus stopped for progression")
    assert of(UNCONTROLLED).facts["refractory"].note == (
        "the syndrome is not controlled; whether under a somatostatin analogue is not stated"
    )
    fact = of(NO_SYNDROME, HISTORY).facts["refractory"]
    assert (fact.date, fact.event) == (dt.date(2024, 5, 1), "e1")  # the older of history and syndrome, the later event


# --- antiangiogenic drugs and other courses --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("events", "value"),
    [
        ((), None),
        ((HISTORY,), False),
        ((course("2024-01-01", "sunitinib"),), True),
        ((course("2024-01-01", "cabozantinib"), HISTORY), True),
        ((course("2024-01-01", "cabozantinib", until="2024-05-16"),), True),
        ((course("2024-01-01", "cabozantinib", until="2024-05-15"),), None),  # another may have followed
        ((course("2024-01-01", "cabozantinib", until="2024-05-15"), HISTORY), False),
        ((course("2024-05-16", "sunitinib"), HISTORY), False),
        ((course("2024-01-01", "everolimus"), HISTORY), False),
        ((course("2024-01-01", "other"), HISTORY), None),
        ((course("2024-01-01", "other", until="2024-02-01"), HISTORY), False),
    ],
)
def test_on_antiangiogenic(events: tuple[dict[str, Any], ...], value: bool | None) -> None:
    assert of(*events).value("on_antiangiogenic") is value


def test_antiangiogenic_courses_and_days_since() -> None:
    two = (
        course("2021-01-01", "sunitinib", until="2021-06-01"),
        course("2023-01-01", "cabozantinib", until="2024-05-05"),
    )
    facts = of(*two, HISTORY)
    assert (facts.value("prior_antiangiogenic"), facts.value("days_since_antiangiogenic")) == (2, 10)
    on_the_day = of(*two, day=dt.date(2024, 5, 5))
    assert on_the_day.value("days_since_antiangiogenic") == 0
    assert (on_the_day.facts["prior_antiangiogenic"].note or "").startswith("at least")
    running = of(*two, day=dt.date(2024, 5, 4))
    assert running.value("on_antiangiogenic") is True
    assert running.value("days_since_antiangiogenic") == 0
    assert of(*two, day=dt.date(2022, 12, 31)).value("days_since_antiangiogenic") == 578


@pytest.mark.parametrize(
    ("drugs", "history", "value"),
    [
        ((), False, None),
        ((), True, 0),
        (("lanreotide", "octreotide_lar"), True, 0),
        (("lanreotide", "octreotide_lar"), False, None),
        (("lu177_dotatate", "lanreotide", "everolimus"), True, 2),
        (("interferon",), False, 1),
        (("other",), True, None),  # may be an analogue
        (("other", "folfox"), True, 1),
    ],
)
def test_systemic_courses_other_than_analogues(drugs: tuple[str, ...], history: bool, value: int | None) -> None:
    courses = [course("2023-01-01", drug) for drug in drugs]
    assert of(*courses, *([HISTORY] if history else [])).value("prior_systemic_not_ssa") == value


@pytest.mark.parametrize("name", ["prior_chemotherapy", "prior_capecitabine", "prior_antiangiogenic"])
def test_a_drug_that_is_not_named_leaves_a_count_of_nothing_open(name: str) -> None:
    fact = of(course("2023-01-01", "other"), HISTORY).facts[name]
    assert (fact.value, fact.note) == (None, "what the drug `other` of e1 contains is not stated")


def test_a_count_beside_a_drug_that_is_not_named_is_at_least() -> None:
    fact = of(course("2023-01-01", "folfox"), course("2023-06-01", "other"), HISTORY).facts["prior_chemotherapy"]
    assert (fact.value, fact.event) == (1, "e1")
    assert fact.note == "at least; what the drug `other` of e2 contains is not stated"


OF_OTHERS = ("prior_systemic_not_ssa", "prior_antiangiogenic", "prior_chemotherapy", "prior_capecitabine")


@pytest.mark.parametrize(
    ("contains", "counts"),
    [
        ([], [1, 0, 0, 0]),
        (["antiangiogenic"], [1, 1, 0, 0]),
        (["chemotherapy"], [1, 0, 1, 0]),
        (["capecitabine"], [1, 0, 1, 1]),  # capecitabine is chemotherapy
        (["somatostatin_analogue"], [0, 0, 0, 0]),
    ],
)
def test_what_another_drug_contains_is_counted(contains: list[str], counts: list[int]) -> None:
    facts = of(course("2023-01-01", "other", contains=contains), HISTORY, UNCONTROLLED)
    assert [facts.value(name) for name in OF_OTHERS] == counts
    assert facts.value("on_antiangiogenic") is ("antiangiogenic" in contains)
    assert facts.value("on_ssa") is ("somatostatin_analogue" in contains)
    assert facts.value("refractory") is ("somatostatin_analogue" in contains)


def test_what_a_named_drug_is_need_not_be_said() -> None:
    with pytest.raises(ValueError, match="contains is for drug: other"):
        case_of(course("2023-01-01", "sunitinib", contains=["antiangiogenic"]))
