"""The toxicity table: worst grade by scale and version, attribution, days after the procedure, and what contradicts itself."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from tests.strategies import case_of

from liverboard.clinical.case_file import read_case
from liverboard.errors import BadInput
from liverboard.response.adverse_events import CIRSE_MEANING, Toxicity, ToxicityTable, toxicity_of

DAY = dt.date(2026, 1, 1)
TACE = {"kind": "procedure", "id": "tace", "date": "2024-01-01", "technique": "ctace"}


def adverse(date: str, term: str = "pain", **more: Any) -> dict[str, Any]:
    return {"kind": "adverse_event", "id": f"ae-{date}-{term[:3]}", "date": date, "term": term, **more}


def ctcae(grade: int, version: int = 5) -> dict[str, Any]:
    return {"ctcae": {"grade": grade, "version": version}}


def table(*events: dict[str, Any]) -> ToxicityTable:
    return toxicity_of(case_of(TACE, *events), DAY)


def worst(row: Toxicity) -> set[tuple[str, str, str]]:
    return {(grade.scale, grade.version, grade.grade) for grade in row.worst}


def test_one_row_a_term_however_it_is_written_with_its_worst_grade() -> None:
    (row,) = table(
        adverse("2024-01-05", "Abdominal  pain", **ctcae(2)),
        adverse("2024-01-09", "abdominal pain", **ctcae(3)),
        adverse("2024-02-20", "abdominal pain", **ctcae(1)),
    ).rows
    assert (row.count, row.within_30_days, row.within_90_days, row.ungraded) == (3, 2, 3, 0)
    assert worst(row) == {("ctcae", "5", "3")}


def test_grades_of_two_versions_stand_side_by_side_and_are_not_ranked() -> None:
    found = table(adverse("2024-01-05", **ctcae(3, 5)), adverse("2024-01-09", **ctcae(2, 6)))
    assert worst(found.rows[0]) == {("ctcae", "5", "3"), ("ctcae", "6", "2")}
    assert "CTCAE versions 5 and 6" in found.notes[0]


@pytest.mark.parametrize(
    ("one", "other", "worse"),
    [("3", "3b", "3b"), ("3a", "3b", "3b"), ("1b", "2", "2"), ("3b", "4", "4"), ("1a", "1b", "1b")],
)
def test_parts_of_a_cirse_grade_lie_between_the_grades(one: str, other: str, worse: str) -> None:
    for pair in ((one, other), (other, one)):
        rows = table(
            *(adverse(f"2024-01-0{n}", cirse={"grade": g, "version": 2025}) for n, g in enumerate(pair, 5))
        ).rows
        assert worst(rows[0]) == {("cirse", "2025", worse)}


def test_sir_has_letters_and_words() -> None:
    (row,) = table(
        adverse("2024-01-05", sir={"grade": "B", "version": "old"}),
        adverse("2024-01-06", sir={"grade": "D", "version": "old"}),
        adverse("2024-01-07", sir={"grade": "life_threatening", "version": 2017}),
        adverse("2024-01-08", sir={"grade": "severe", "version": 2017}),
    ).rows
    assert worst(row) == {("sir", "old", "D"), ("sir", "2017", "life_threatening")}


@pytest.mark.parametrize(
    "written",
    ["cirse: {grade: 3a, version: 2017}", "cirse: {grade: 7, version: 2017}", "cirse: {grade: 3, version: 2019}",
     "sir: {grade: mild, version: old}", "sir: {grade: C, version: 2017}", "ctcae: {grade: 2, version: 2}", "ctcae: {grade: 6, version: 5}",
     "ctcae: {grade: 2}", "attribution: maybe"],
)  # fmt: skip
def test_a_class_that_its_version_does_not_have_is_refused_with_its_line(written: str) -> None:
    text = f"case: T-1\nevents:\n  - kind: adverse_event\n    date: 2024-01-05\n    term: pain\n    {written}\n"
    with pytest.raises(BadInput) as caught:
        read_case(text)
    assert [problem.line for problem in caught.value.problems] == [6] * len(caught.value.problems)


def test_a_grade_of_cirse_may_be_written_as_a_number() -> None:
    text = "case: T-1\nevents:\n  - {kind: adverse_event, date: 2024-01-05, term: pain, cirse: {grade: 3, version: 2017}}\n"
    assert worst(toxicity_of(read_case(text), DAY).rows[0]) == {("cirse", "2017", "3")}


def test_the_strongest_attribution_stands_and_the_unrelated_is_no_complication() -> None:
    rows = table(
        adverse("2024-01-05", attribution="possible"),
        adverse("2024-01-06", attribution="probable"),
        adverse("2024-01-07", "fall", attribution="unrelated"),
    ).rows
    assert {row.term: (row.attribution, row.within_30_days) for row in rows} == {
        "pain": ("probable", 2),
        "fall": ("unrelated", 0),
    }


def test_the_worst_stands_first_and_what_is_not_graded_last() -> None:
    terms = [
        ("nausea", {}),
        ("abscess", {"cirse": {"grade": 5, "version": 2017}}),
        ("fever", ctcae(2)),
        ("bleeding", ctcae(4)),
    ]
    found = table(*(adverse("2024-01-05", term, **more) for term, more in terms))
    assert [row.term for row in found.rows] == ["abscess", "bleeding", "fever", "nausea"]
    assert found.rows[-1].ungraded == 1


def test_an_empty_table_is_no_statement_until_someone_makes_it() -> None:
    assert table().complete_up_to is None
    complete = {"kind": "clinic", "date": "2024-03-01", "adverse_events_complete": True}
    assert table(complete).complete_up_to == dt.date(2024, 3, 1)


def test_what_it_is_put_down_to_must_exist_and_lie_before() -> None:
    unknown = table(adverse("2024-01-05", related="nothing")).problems
    assert [(p.field, p.read) for p in unknown] == [("related", "nothing")]
    early = table(adverse("2023-12-01", related="tace")).problems
    assert "before the treatment" in early[0].message
    wrong_day = table(adverse("2024-01-05", procedure_date="2024-01-02")).problems
    assert [p.field for p in wrong_day] == ["procedure_date"]


def test_a_course_can_be_what_it_is_put_down_to_and_is_no_complication_of_a_procedure() -> None:
    course = {"kind": "systemic", "id": "evero", "date": "2024-01-03", "drug": "everolimus"}
    found = table(course, adverse("2024-01-10", related="evero"))
    assert found.problems == ()
    assert found.rows[0].within_30_days == 0


@pytest.mark.parametrize(
    "fatal",
    [
        ctcae(5),
        {"cirse": {"grade": 6, "version": 2017}},
        {"sir": {"grade": "F", "version": "old"}},
        {"sir": {"grade": "death", "version": 2017}},
    ],
)
def test_a_grade_that_means_death_needs_a_death(fatal: dict[str, Any]) -> None:
    assert "means death" in table(adverse("2024-01-05", **fatal)).problems[0].message
    assert (
        table(adverse("2024-01-05", **fatal), {"kind": "status", "date": "2024-01-05", "state": "dead"}).problems == ()
    )


def test_every_cirse_grade_has_its_meaning() -> None:
    assert set(CIRSE_MEANING) == {"1", "1a", "1b", "2", "3", "3a", "3b", "4", "5", "6"}
