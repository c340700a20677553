"""End points on timelines whose answer was worked out by hand."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from tests.strategies import case_of

from liverboard.response.adverse_events import toxicity_of
from liverboard.response.endpoints import AfterProcedure, EndPoint, EndPoints, Finding, endpoints_of

DAY = dt.date(2026, 1, 1)
DIAGNOSIS = {"kind": "diagnosis", "date": "2023-01-10"}
TAE = {"kind": "procedure", "id": "tae-1", "date": "2024-01-01", "technique": "tae"}


def imaging(date: str, hepatic: bool | None = None, extrahepatic: bool | None = None) -> dict[str, Any]:
    stated = {"hepatic": hepatic, "extrahepatic": extrahepatic}
    progression = {name: value for name, value in stated.items() if value is not None}
    return {"kind": "imaging", "date": date, "id": f"i-{date}", "progression": progression}


def status(date: str, state: str) -> dict[str, Any]:
    return {"kind": "status", "date": date, "state": state, "id": f"s-{date}"}


def ends(*events: dict[str, Any], as_of: dt.date = DAY, **options: Any) -> EndPoints:
    return endpoints_of(case_of(*events), as_of, **options)


def one(name: str, *events: dict[str, Any], **options: Any) -> EndPoint:
    return ends(*events, **options).endpoints[name]


def told(point: EndPoint) -> tuple[bool | None, str | None, int | None]:
    return point.happened, None if point.date is None else str(point.date), point.days


# --- overall survival ----------------------------------------------------------------------------------------------------------------------------------


def test_survival_runs_from_the_first_liver_directed_treatment_and_from_the_diagnosis() -> None:
    found = ends(DIAGNOSIS, TAE, {**TAE, "id": "tae-2", "date": "2024-03-01"}, status("2025-01-01", "dead"))
    assert told(found.endpoints["overall_survival"]) == (True, "2025-01-01", 366)
    assert told(found.endpoints["overall_survival_from_diagnosis"]) == (True, "2025-01-01", 722)
    assert found.endpoints["overall_survival"].start.event == "tae-1"  # pyright: ignore[reportOptionalMemberAccess]


def test_the_living_are_censored_on_the_last_day_seen_not_on_the_day_of_the_question() -> None:
    point = one("overall_survival", DIAGNOSIS, TAE, {"kind": "clinic", "date": "2024-02-01"})
    assert told(point) == (False, "2024-02-01", 31)
    assert "alive when last seen on 2024-02-01" in point.reason


def test_who_is_lost_is_censored_when_last_seen_alive_and_the_reason_says_so() -> None:
    point = one(
        "overall_survival", DIAGNOSIS, TAE, {"kind": "labs", "date": "2024-02-01"}, status("2024-08-01", "lost")
    )
    assert told(point) == (False, "2024-02-01", 31)
    assert point.reason == "lost to follow-up (stated on 2024-08-01); last seen alive on 2024-02-01"


def test_a_board_is_no_proof_of_life() -> None:
    assert told(one("overall_survival", DIAGNOSIS, TAE, {"kind": "board", "date": "2025-02-01"})) == (
        False,
        "2024-01-01",
        0,
    )


def test_without_a_treatment_nothing_starts_the_clock() -> None:
    point = one("overall_survival", DIAGNOSIS, status("2025-01-01", "dead"))
    assert told(point) == (None, None, None)
    assert point.reason == "no event starts the clock"


def test_a_named_event_starts_the_clock() -> None:
    systemic = {"kind": "systemic", "id": "prrt", "date": "2024-06-01", "drug": "lu177_dotatate"}
    point = one("overall_survival", DIAGNOSIS, TAE, systemic, status("2024-07-01", "dead"), start="prrt")
    assert told(point) == (True, "2024-07-01", 30)


@pytest.mark.parametrize("after", [{"kind": "clinic"}, {"kind": "labs"}, {"kind": "status", "state": "alive"}])
def test_life_after_death_is_a_problem_and_no_survival_is_told(after: dict[str, Any]) -> None:
    found = ends(DIAGNOSIS, TAE, status("2024-05-01", "dead"), {**after, "id": "late", "date": "2024-06-01"})
    assert told(found.endpoints["overall_survival"]) == (None, None, None)
    assert told(found.endpoints["progression_free_survival"]) == (None, None, None)
    assert [window.died for window in found.after_procedures] == [None, None]
    (problem,) = found.problems
    assert problem.event == "late"
    assert "after the death of 2024-05-01" in problem.message


def test_two_days_of_death_are_a_problem() -> None:
    found = ends(DIAGNOSIS, TAE, status("2024-05-01", "dead"), status("2024-05-03", "dead"))
    assert "death is stated for 2024-05-01 and 2024-05-03" in found.problems[0].message
    assert found.endpoints["overall_survival"].happened is None


# --- progression ---------------------------------------------------------------------------------------------------------------------------------------


def test_the_first_progression_anywhere_ends_pfs_and_only_one_in_the_liver_ends_hepatic_pfs() -> None:
    found = ends(
        DIAGNOSIS,
        TAE,
        imaging("2024-04-01", hepatic=False, extrahepatic=False),
        imaging("2024-07-01", hepatic=False, extrahepatic=True),
        imaging("2024-10-01", hepatic=True, extrahepatic=True),
    )
    anywhere, liver = (
        found.endpoints[name] for name in ("progression_free_survival", "hepatic_progression_free_survival")
    )
    assert told(anywhere) == (True, "2024-07-01", 182)
    assert str(anywhere.not_before) == "2024-04-01"
    assert told(liver) == (True, "2024-10-01", 274)
    assert str(liver.not_before) == "2024-07-01"


def test_progression_on_the_day_of_treatment_or_before_does_not_count() -> None:
    point = one("progression_free_survival", DIAGNOSIS, imaging("2024-01-01", hepatic=True), TAE)
    assert told(point) == (False, "2024-01-01", 0)
    assert "nothing after the start says" in point.reason


def test_death_without_progression_ends_pfs() -> None:
    point = one(
        "progression_free_survival", DIAGNOSIS, TAE, imaging("2024-04-01", False, False), status("2024-05-01", "dead")
    )
    assert told(point) == (True, "2024-05-01", 121)
    assert point.reason == "death"


def test_without_progression_pfs_is_censored_when_it_was_last_judged_not_when_last_seen() -> None:
    clinic = {"kind": "clinic", "date": "2025-06-01"}
    point = one("progression_free_survival", DIAGNOSIS, TAE, imaging("2024-04-01", False, False), clinic)
    assert told(point) == (False, "2024-04-01", 91)


def test_a_liver_without_progression_says_nothing_of_the_rest_of_the_body() -> None:
    found = ends(DIAGNOSIS, TAE, imaging("2024-04-01", hepatic=False))
    assert told(found.endpoints["hepatic_progression_free_survival"]) == (False, "2024-04-01", 91)
    assert told(found.endpoints["progression_free_survival"]) == (False, "2024-01-01", 0)


def test_progression_of_unknown_place_leaves_hepatic_pfs_untold() -> None:
    found = ends(DIAGNOSIS, TAE, {"kind": "assessment", "id": "a", "date": "2024-06-01", "recist11": "PD"})
    assert told(found.endpoints["progression_free_survival"]) == (True, "2024-06-01", 152)
    liver = found.endpoints["hepatic_progression_free_survival"]
    assert told(liver) == (None, None, None)
    assert "nothing says whether in the liver" in liver.reason


def test_an_assessment_of_progression_lies_where_the_images_before_it_found_it() -> None:
    found = ends(
        DIAGNOSIS,
        TAE,
        imaging("2024-06-01", hepatic=False, extrahepatic=True),
        {"kind": "assessment", "date": "2024-06-05", "recist11": "PD"},
    )
    assert told(found.endpoints["hepatic_progression_free_survival"]) == (False, "2024-06-05", 156)


def test_not_evaluable_is_no_finding() -> None:
    point = one(
        "progression_free_survival", DIAGNOSIS, TAE, {"kind": "assessment", "date": "2024-06-05", "recist11": "NE"}
    )
    assert told(point) == (False, "2024-01-01", 0)


def test_judgements_of_the_criteria_count_beside_what_is_stated_and_progression_of_a_day_stands() -> None:
    judged = Finding(date=dt.date(2024, 4, 1), hepatic=True, anywhere=True, event="i-2024-04-01", by="recist11")
    point = one(
        "hepatic_progression_free_survival", DIAGNOSIS, TAE, imaging("2024-04-01", False, False), judged=[judged]
    )
    assert told(point) == (True, "2024-04-01", 91)
    assert point.reason == "progression in the liver by recist11"


# --- untreatable progression ---------------------------------------------------------------------------------------------------------------------------

PRRT = {"kind": "systemic", "id": "prrt", "date": "2024-11-01", "drug": "lu177_dotatate"}


def test_a_progression_that_is_embolised_again_is_treatable_and_the_one_answered_by_a_drug_is_not() -> None:
    again = {**TAE, "id": "tae-2", "date": "2024-05-01"}
    events = (DIAGNOSIS, TAE, imaging("2024-04-01", True), again, imaging("2024-10-01", True), PRRT)
    point = one("time_to_untreatable_progression", *events)
    assert told(point) == (True, "2024-10-01", 274)
    assert point.reason == "progression in the liver by reader, answered by lu177_dotatate"
    assert str(point.not_before) == "2024-04-01"


def test_a_progression_without_an_answer_yet_is_censored_there() -> None:
    point = one(
        "time_to_untreatable_progression",
        DIAGNOSIS,
        TAE,
        imaging("2024-10-01", True),
        PRRT,
        as_of=dt.date(2024, 10, 15),
    )
    assert told(point) == (False, "2024-10-01", 274)
    assert "no answer to it is recorded by 2024-10-15" in point.reason


def test_an_analogue_is_no_answer_and_death_is_one() -> None:
    ssa = {"kind": "systemic", "date": "2024-10-10", "drug": "lanreotide"}
    events = (DIAGNOSIS, TAE, imaging("2024-10-01", True), ssa)
    assert one("time_to_untreatable_progression", *events).happened is False
    assert told(one("time_to_untreatable_progression", *events, status("2025-01-01", "dead"))) == (
        True,
        "2024-10-01",
        274,
    )


def test_death_without_progression_censors_untreatable_progression() -> None:
    point = one("time_to_untreatable_progression", DIAGNOSIS, TAE, status("2024-05-01", "dead"))
    assert told(point) == (False, "2024-05-01", 121)


def test_ablation_alone_starts_no_transarterial_clock() -> None:
    ablation = {"kind": "procedure", "date": "2024-01-01", "technique": "mwa"}
    assert one("time_to_untreatable_progression", DIAGNOSIS, ablation).happened is None


# --- symptom-free time ---------------------------------------------------------------------------------------------------------------------------------


def clinic(date: str, controlled: bool | None, **more: Any) -> dict[str, Any]:
    stated = {} if controlled is None else {"syndrome_controlled": controlled}
    return {"kind": "clinic", "date": date, **stated, **more}


def test_symptom_free_time_runs_from_the_first_control_to_its_loss() -> None:
    visits = (
        clinic("2024-02-01", False),
        clinic("2024-03-01", True),
        clinic("2024-05-01", True),
        clinic("2024-08-01", False),
    )
    point = one("symptom_free_time", DIAGNOSIS, TAE, *visits)
    assert told(point) == (True, "2024-08-01", 153)
    assert str(point.not_before) == "2024-05-01"


def test_symptoms_still_controlled_are_censored_when_last_stated() -> None:
    point = one(
        "symptom_free_time",
        DIAGNOSIS,
        TAE,
        clinic("2024-03-01", True),
        clinic("2024-05-01", True),
        clinic("2025-05-01", None),
    )
    assert told(point) == (False, "2024-05-01", 61)


def test_a_partial_response_of_symptoms_neither_starts_nor_ends_control() -> None:
    partial = {"kind": "assessment", "date": "2024-04-01", "symptoms": "partial"}
    assert one("symptom_free_time", DIAGNOSIS, TAE, partial).happened is None
    assert told(one("symptom_free_time", DIAGNOSIS, TAE, clinic("2024-03-01", True), partial)) == (
        False,
        "2024-03-01",
        0,
    )


# --- 30 and 90 days ------------------------------------------------------------------------------------------------------------------------------------


def windows(*events: dict[str, Any]) -> tuple[AfterProcedure, AfterProcedure]:
    found = ends(DIAGNOSIS, TAE, *events).after_procedures
    return found[0], found[1]


@pytest.mark.parametrize(
    ("death", "thirty", "ninety"),
    [("2024-01-01", True, True), ("2024-01-31", True, True), ("2024-02-01", False, True), ("2024-03-31", False, True), ("2024-04-01", False, False)],
)  # fmt: skip
def test_death_on_day_30_and_on_day_90_counts_and_the_day_after_does_not(
    death: str, thirty: bool, ninety: bool
) -> None:
    assert tuple(window.died for window in windows(status(death, "dead"))) == (thirty, ninety)


def test_short_follow_up_leaves_mortality_unknown() -> None:
    short, long = windows({"kind": "clinic", "date": "2024-02-15"})
    assert (short.died, long.died) == (False, None)
    assert "followed for 45 of 90 days" in long.reason


def adverse(date: str, **more: Any) -> dict[str, Any]:
    return {"kind": "adverse_event", "id": f"ae-{date}", "date": date, "term": "pain", **more}


def test_complications_count_by_day_and_no_record_is_not_none() -> None:
    short, long = windows(adverse("2024-02-10"))
    assert (short.complicated, short.complications) == (None, ())
    assert (long.complicated, long.complications) == (True, ("ae-2024-02-10",))


def test_a_record_stated_as_complete_makes_no_complication_a_no() -> None:
    short, long = windows({"kind": "clinic", "date": "2024-02-15", "adverse_events_complete": True})
    assert (short.complicated, long.complicated) == (False, None)


def test_an_unrelated_event_is_no_complication() -> None:
    assert windows(adverse("2024-01-10", attribution="unrelated"))[0].complications == ()


def test_an_event_belongs_to_the_procedure_that_it_names_not_to_the_last_one() -> None:
    second = {**TAE, "id": "tae-2", "date": "2024-01-15"}
    named = adverse("2024-01-20", related="tae-1")
    found = {(w.procedure, w.days): w.complications for w in ends(DIAGNOSIS, TAE, second, named).after_procedures}
    assert found["tae-1", 30] == ("ae-2024-01-20",)
    assert found["tae-2", 30] == ()
    by_day = adverse("2024-01-20", procedure_date="2024-01-01")
    assert ends(DIAGNOSIS, TAE, second, by_day).after_procedures[0].complications == ("ae-2024-01-20",)
    unnamed = ends(DIAGNOSIS, TAE, second, adverse("2024-01-20")).after_procedures
    assert [w.complications for w in unnamed if w.procedure == "tae-1"] == [(), ()]


# --- contradictions in the timeline --------------------------------------------------------------------------------------------------------------------


def test_a_procedure_before_the_diagnosis_is_named() -> None:
    found = ends(TAE, {"kind": "diagnosis", "date": "2024-02-01"})
    assert [(p.event, "before the first diagnosis" in p.message) for p in found.problems] == [("tae-1", True)]


def test_a_procedure_without_a_diagnosis_is_named() -> None:
    assert "without a diagnosis" in ends(TAE).problems[0].message


def test_an_event_entered_before_its_day_is_named() -> None:
    found = ends(DIAGNOSIS, {**TAE, "recorded": "2023-06-01"})
    assert [(p.event, p.field) for p in found.problems] == [("tae-1", "recorded")]


def test_session_numbers_that_fall_are_named_and_a_new_series_is_not() -> None:
    third = {**TAE, "session": 3}
    assert ends(DIAGNOSIS, third, {**TAE, "id": "b", "date": "2024-03-01", "session": 2}).problems[0].field == "session"
    assert not ends(DIAGNOSIS, third, {**TAE, "id": "b", "date": "2025-03-01", "session": 1}).problems


def test_an_assessment_before_any_treatment_is_named() -> None:
    found = ends(DIAGNOSIS, {"kind": "assessment", "id": "a", "date": "2023-05-01", "recist11": "SD"})
    assert [(p.event, p.message) for p in found.problems] == [("a", "an assessment of response before any treatment")]


def test_an_adverse_event_before_the_procedure_that_it_is_put_down_to_is_named() -> None:
    found = ends(DIAGNOSIS, TAE, adverse("2023-12-01", procedure_date="2024-01-01"))
    assert [(p.event, p.field) for p in found.problems] == [("ae-2023-12-01", "procedure_date")]
    assert found.after_procedures[0].complications == ()


@pytest.mark.parametrize(("day", "thirty", "ninety"), [("2024-01-01", 1, 1), ("2024-01-31", 1, 1), ("2024-02-01", 0, 1), ("2024-03-31", 0, 1), ("2024-04-01", 0, 0)])  # fmt: skip
def test_a_complication_on_day_30_and_on_day_90_counts_and_the_day_after_does_not(
    day: str, thirty: int, ninety: int
) -> None:
    short, long = windows(adverse(day))
    assert (len(short.complications), len(long.complications)) == (thirty, ninety)
    (row,) = toxicity_of(case_of(DIAGNOSIS, TAE, adverse(day)), DAY).rows
    assert (row.within_30_days, row.within_90_days) == (thirty, ninety)


def test_complications_of_a_procedure_have_their_worst_grade_by_version() -> None:
    graded = (
        adverse("2024-01-10", ctcae={"grade": 3, "version": 5}),
        adverse("2024-01-12", ctcae={"grade": 2, "version": 5}, cirse={"grade": "3a", "version": 2025}),
        adverse("2024-02-20", ctcae={"grade": 4, "version": 5}),
    )
    short, long = windows(*graded)
    assert [(g.scale, g.version, g.grade) for g in short.worst] == [("ctcae", "5", "3"), ("cirse", "2025", "3a")]
    assert [g.grade for g in long.worst] == ["4", "3a"]


def test_an_operation_before_the_diagnosis_says_what_that_does_to_survival() -> None:
    operation = {"kind": "procedure", "id": "op", "date": "2022-01-01", "technique": "primary_resection"}
    (problem,) = ends(DIAGNOSIS, operation).problems
    assert problem.event == "op"
    assert "survival from diagnosis starts too late" in str(problem)


def test_no_progression_comes_later_than_death() -> None:
    found = ends(
        DIAGNOSIS, TAE, status("2024-02-10", "dead"),
        {"kind": "assessment", "date": "2024-03-01", "recist11": "PD", "id": "a-1"},
        {"kind": "adverse_event", "date": "2024-03-02", "term": "fatigue", "id": "ae-1"},
    )  # fmt: skip
    assert told(found.endpoints["overall_survival"]) == (True, "2024-02-10", 40)
    for name in ("progression_free_survival", "hepatic_progression_free_survival"):
        assert told(found.endpoints[name]) == (True, "2024-02-10", 40), name
    named = " ".join(str(problem) for problem in found.problems)
    assert "an assessment lies after the death of 2024-02-10" in named
    assert "an adverse event lies after the death of 2024-02-10" in named


def test_a_drug_that_starts_on_the_day_of_progression_is_its_answer() -> None:
    point = one(
        "time_to_untreatable_progression", DIAGNOSIS, TAE, imaging("2024-06-01", True),
        {"kind": "systemic", "date": "2024-06-01", "drug": "everolimus"},
    )  # fmt: skip
    assert told(point) == (True, "2024-06-01", 152)
    assert "answered by everolimus" in point.reason
