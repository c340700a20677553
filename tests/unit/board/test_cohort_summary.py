"""A cohort in figures: survival held against lifelines, no small count shown or worked out, and nothing learnt after the treatment sorts people."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence

import pytest
from lifelines import KaplanMeierFitter
from lifelines.statistics import multivariate_logrank_test

from liverboard.board.cohort_summary import (
    ALL,
    DAYS_A_MONTH,
    GROUPS,
    Cohort,
    CohortRow,
    Wanted,
    row_of,
    summarise,
    values_of,
)
from liverboard.board.procedure_cohort import CasePart
from liverboard.clinical.events import Case
from liverboard.phantom.cohort import CohortPlan, draw_people
from liverboard.phantom.cohort_story import case_of
from liverboard.synthesis.disclosure import MIN_CELL, Below, Withheld

TODAY = dt.date(2026, 6, 1)


@pytest.fixture(scope="module")
def rows() -> tuple[CohortRow, ...]:
    return tuple(row_of(case_of(person), TODAY) for person in draw_people(CohortPlan(cases=300)))


def test_survival_is_that_of_another_program(rows: tuple[CohortRow, ...]) -> None:
    found, curves = summarise(rows, Wanted("treatment"))
    assert len(curves) > 1
    for name, curve in curves.items():
        people = [row for row in rows if row.groups["treatment"] == name and row.days is not None]
        peer = KaplanMeierFitter().fit([row.days / DAYS_A_MONTH for row in people], [row.died for row in people])  # type: ignore[operator]
        assert curve.survival == pytest.approx(peer.survival_function_at_times(curve.time).to_numpy(), abs=1e-12)
        assert (curve.at_risk >= MIN_CELL).all()
    drawn = [row for row in rows if row.groups["treatment"] in curves and row.days is not None]
    test = multivariate_logrank_test([r.days for r in drawn], [r.groups["treatment"] for r in drawn], [r.died for r in drawn])  # fmt: skip
    assert found.logrank_p == pytest.approx(test.p_value, rel=1e-6)


@pytest.mark.parametrize("group", GROUPS)
def test_no_small_count_is_shown_or_follows_from_the_others(rows: tuple[CohortRow, ...], group: str) -> None:
    for size in (9, 23, 60, 300):
        found, curves = summarise(rows[:size], Wanted(group))
        parts = [each.n for each in found.groups] + [found.not_followed]
        shown = [n for n in parts if isinstance(n, int)]
        assert all(n >= MIN_CELL or n == 0 for n in shown)
        if parts and len(shown) == len(parts) - 1:
            assert found.cases - sum(shown) >= MIN_CELL  # type: ignore[operator]
        assert set(curves) <= {each.name for each in found.groups if isinstance(each.n, int)}
        truth = Counter(row.groups[group] or "unknown" for row in rows[:size] if row.days is not None)
        assert all(each.n == truth[each.name] for each in found.groups if isinstance(each.n, int))
        for known in found.completeness:
            assert not isinstance(known.n, int) or MIN_CELL <= known.n <= size - MIN_CELL
        assert all(n is None or n >= MIN_CELL for room in found.rooms for _, n in room.habits)


def test_nothing_is_shown_of_few(rows: tuple[CohortRow, ...]) -> None:
    found, curves = summarise(rows[:8], Wanted())
    assert isinstance(found.cases, Below)
    assert (found.groups, found.completeness, found.rooms, curves) == ((), (), (), {})


def test_a_filter_counts_those_who_have_it(rows: tuple[CohortRow, ...]) -> None:
    site = values_of(rows, "primary_site")[0]
    found, _ = summarise(rows, Wanted("sex", {"primary_site": site}))
    assert found.cases == sum(row.groups["primary_site"] == site for row in rows)


def test_what_was_learnt_after_the_treatment_sorts_nobody() -> None:
    events = [
        {"kind": "diagnosis", "date": "2023-01-01", "id": "d1", "primary_site": "ileum", "ki67": "2 %", "mitoses_per_2mm2": 1, "differentiation": "well"},
        {"kind": "procedure", "date": "2023-06-01", "id": "p1", "technique": "tae"},
        {"kind": "diagnosis", "date": "2024-01-01", "id": "d2", "ki67": "30 %", "mitoses_per_2mm2": 25, "differentiation": "well"},
        {"kind": "status", "date": "2025-01-01", "id": "s1", "state": "alive"},
    ]  # fmt: skip
    row = row_of(Case.model_validate({"case": "A", "events": events}), TODAY)
    assert row.groups["who_grade"] == "G1"
    assert (row.groups["treatment"], row.groups["year"]) == ("tae", "2023")
    assert (row.days, row.died) == ((dt.date(2025, 1, 1) - dt.date(2023, 6, 1)).days, False)


# --- what follows from several pages -----------------------------------------------------------------------------------------------------------------------


def people(n: int, *, died: int = 0, known: frozenset[str] = frozenset(), **groups: str) -> list[CohortRow]:
    """So many people of one kind, followed for 10 to 30 months, the first of them dead."""
    nothing = CasePart(synthetic=False, rows=(), intervals=(), asked=())
    return [
        CohortRow(TODAY, False, groups, known | set(groups), 300 + 600 * k // n, k < died, nothing) for k in range(n)
    ]


def asked(rows: Sequence[CohortRow], group: str = "treatment", **where: str) -> Cohort:
    return summarise(rows, Wanted(group, where))[0]


def test_the_answers_to_one_filter_do_not_give_the_hidden_value_away() -> None:
    rows = people(30, who_grade="G2") + people(12, who_grade="G1") + people(3, who_grade="G3")
    assert asked(rows, who_grade="G2").cases == 30
    refused = asked(rows, who_grade="G1")
    assert refused.cases == Withheld()
    assert (refused.groups, refused.completeness, refused.rooms) == ((), (), ())
    assert asked(rows, who_grade="G3").cases == Below(below=9)
    assert values_of(rows, "who_grade") == ("G2",)


def test_two_filters_are_not_answered_where_having_neither_is_rare() -> None:
    rows = [
        *people(20, sex="male", who_grade="G1"),
        *people(20, sex="male", who_grade="G2"),
        *people(20, sex="female", who_grade="G1"),
        *people(2, sex="female", who_grade="G2"),
    ]
    assert asked(rows).cases == 62
    assert (asked(rows, sex="male").cases, asked(rows, who_grade="G1").cases) == (40, 40)
    assert asked(rows, sex="male", who_grade="G1").cases == Withheld()  # 62 - 40 - 40 + 20 = 2


def test_sorting_and_filtering_hide_the_same_people() -> None:
    rows = [
        *people(20, sex="male", who_grade="G1"),
        *people(9, sex="male", who_grade="G2"),
        *people(11, sex="female", who_grade="G1"),
        *people(2, sex="female", who_grade="G2"),
    ]
    pages = [
        {(each.name, other): each.n for each in asked(rows, "who_grade", sex=other).groups}
        for other in ("male", "female")
    ] + [{(other, each.name): each.n for each in asked(rows, "sex", who_grade=other).groups} for other in ("G1", "G2")]
    shown = {cell for page in pages for cell, n in page.items() if isinstance(n, int)}
    assert ("G2", "female") not in shown and ("G1", "female") not in shown and ("G2", "male") not in shown


def test_who_cannot_be_sorted_is_shown_together() -> None:
    rows = [
        *people(17, died=8, sex="male", who_grade="G1", treatment="tae"),
        *people(3, sex="male", who_grade="G1", treatment="ctace"),
        *people(20, died=8, sex="male", who_grade="G2", treatment="tae"),
        *people(20, died=8, sex="female", who_grade="G1", treatment="tae"),
        *people(20, died=8, sex="female", who_grade="G2", treatment="tae"),
    ]
    found, curves = summarise(rows, Wanted("treatment", {"sex": "male", "who_grade": "G1"}))
    assert (found.cases, set(curves)) == (20, {ALL})
    assert [(each.name, each.n, each.deaths) for each in found.groups] == [(ALL, 20, 8)]


def test_no_curve_where_its_steps_would_count_the_few_who_died() -> None:
    found, curves = summarise(people(30, died=3, sex="male") + people(30, died=15, sex="female"), Wanted("sex"))
    assert {each.name: each.deaths for each in found.groups} == {"male": Below(below=5), "female": 15}
    assert set(curves) == {"female"}
    assert next(each for each in found.groups if each.name == "male").curve_ends_months is None


def test_deaths_and_completeness_are_hidden_where_those_of_the_others_follow() -> None:
    """60 cases, 20 deaths and 24 known; of the 40 men 17 and 17, so of the 20 women 3 and 7."""
    rows = [
        *people(17, died=17, sex="male", who_grade="G1", known=frozenset({"ki67_percent"})),
        *people(23, sex="male", who_grade="G1"),
        *people(7, died=3, sex="female", who_grade="G1", known=frozenset({"ki67_percent"})),
        *people(13, sex="female", who_grade="G1"),
    ]
    men, women = asked(rows, "who_grade", sex="male"), asked(rows, "who_grade", sex="female")
    assert (men.groups[0].n, men.groups[0].deaths) == (40, None)
    assert women.groups[0].deaths == Below(below=5)
    assert asked(rows, "who_grade").groups[0].deaths == 20
    assert [each.n for page in (men, women) for each in page.completeness if each.fact == "ki67_percent"] == [17, 7]
    few = [*rows, *people(4, sex="female", who_grade="G1")][4:]
    assert [each.n for each in asked(few, sex="male").completeness if each.fact == "ki67_percent"] == [13]
    none = rows[:40] + rows[43:]  # of the 17 women 4 are known
    assert [each.n for each in asked(none, sex="male").completeness if each.fact == "ki67_percent"] == [None]


def test_a_fact_is_not_counted_as_known_where_the_group_of_the_unknown_is_hidden() -> None:
    rows = people(30, who_grade="G2") + people(3, who_grade="G3") + people(7, sex="male")
    shown = {each.name: each.n for each in asked(rows, "who_grade").groups}
    assert shown == {"G2": 30, "G3": Below(below=5), "unknown": Withheld()}
    assert next(each.n for each in asked(rows).completeness if each.fact == "who_grade") is None  # 33 of 40 would say 7


def test_no_number_of_procedures_for_a_hidden_group_of_people_and_no_rare_regimen_by_subtraction() -> None:
    def session(number: int, technique: str, drug: str | None) -> CohortRow:
        events = [
            {"kind": "diagnosis", "date": "2023-01-01", "id": "d1", "primary_site": "ileum"},
            {"kind": "procedure", "date": "2023-06-01", "id": "p1", "technique": technique, **({"details": {"drugs": [{"drug": drug}]}} if drug else {})},
            {"kind": "status", "date": "2025-01-01", "id": "s1", "state": "alive"},
        ]  # fmt: skip
        return row_of(Case.model_validate({"case": f"A{number}", "centre": "x", "events": events}), TODAY)

    rows = [session(n, "ctace", "doxorubicin" if n < 20 else "mitomycin_c") for n in range(23)]
    rows += [session(n, "tae", None) for n in range(30, 40)] + [session(n, "debtace", None) for n in range(50, 53)]
    found = asked(rows)
    assert {each.name: each.n for each in found.groups} == {"ctace": 23, "tae": Withheld(), "debtace": Below(below=5)}
    rooms = {each.technique: each for each in found.rooms}
    assert rooms["tae"].n == Withheld() and rooms["debtace"].n == Below(below=9)
    assert (rooms["ctace"].n, rooms["ctace"].habits) == (23, (("doxorubicin", None),))  # 20 of 23 would say 3
