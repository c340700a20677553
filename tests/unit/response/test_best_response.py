"""Best overall response: table 3 of RECIST 1.1 row by row, the minimum duration of stable disease, confirmation, and the times."""

from __future__ import annotations

import datetime as dt
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.response_samples import START, course, day, lesion, point, sizes

from liverboard.clinical.response import Category
from liverboard.errors import MissingData
from liverboard.response.best_response import best_overall, best_response
from liverboard.response.recist11 import judge_recist11

# Table 3 as printed: first, subsequent, best with the minimum duration of stable disease met at the first day, best without it.
TABLE_3: list[tuple[Category, Category, Category, Category]] = [
    ("CR", "CR", "CR", "CR"),
    ("CR", "PR", "SD", "PD"),  # "SD, PD or PR": with a true complete response, disease seen later is progression
    ("CR", "SD", "SD", "PD"),
    ("CR", "PD", "SD", "PD"),
    ("CR", "NE", "SD", "NE"),
    ("PR", "CR", "PR", "PR"),
    ("PR", "PR", "PR", "PR"),
    ("PR", "SD", "SD", "SD"),
    ("PR", "PD", "SD", "PD"),
    ("PR", "NE", "SD", "NE"),
    ("NE", "NE", "NE", "NE"),
]


@pytest.mark.parametrize("row", TABLE_3)
def test_table_3_with_confirmation(row: tuple[Category, Category, Category, Category]) -> None:
    first, second, met, not_met = row
    late = [(day(50), first), (day(100), second)]
    early = [(day(28), first), (day(56), second)]
    assert best_overall(late, START, confirm=True) == met
    assert best_overall(early, START, confirm=True) == not_met


def test_confirmation_needs_four_weeks() -> None:
    def best(second: int) -> Category:
        return best_overall([(day(60), "PR"), (day(second), "PR")], START, confirm=True)

    assert best(87) == "SD"
    assert best(88) == "PR"


def test_a_later_scan_can_confirm_when_the_next_came_too_soon() -> None:
    assert best_overall([(day(60), "PR"), (day(70), "PR"), (day(90), "PR")], START, confirm=True) == "PR"


def test_a_day_that_could_not_be_judged_does_not_undo_a_response() -> None:
    assert best_overall([(day(60), "PR"), (day(90), "NE"), (day(120), "PR")], START, confirm=True) == "PR"
    assert best_overall([(day(60), "PR"), (day(90), "SD"), (day(120), "PR")], START, confirm=True) == "SD"


def test_without_confirmation_the_best_day_counts() -> None:
    assert best_overall([(day(60), "SD"), (day(120), "PR"), (day(180), "PD")], START, confirm=False) == "PR"
    assert best_overall([(day(60), "PD"), (day(120), "PR")], START, confirm=False) == "PD", "nothing after progression"


def test_stable_disease_needs_a_minimum_duration() -> None:
    assert best_overall([(day(41), "SD")], START, confirm=False) == "NE"
    assert best_overall([(day(42), "SD")], START, confirm=False) == "SD"
    assert best_overall([(day(50), "SD")], START, confirm=False, stable_after_days=56) == "NE"
    assert best_overall([(day(41), "SD"), (day(80), "PD")], START, confirm=False) == "PD"


def test_non_target_disease_only_keeps_its_own_word() -> None:
    assert best_overall([(day(60), "non-CR/non-PD")], START, confirm=True) == "non-CR/non-PD"


def test_times_count_from_the_start() -> None:
    found = best_response(judge_recist11(sizes(100, 60, 55, 80)), START)
    assert (found.category, found.confirmed, found.response_days, found.progression_days) == ("PR", True, 60, 180)


def test_no_progression_is_censored_at_the_last_day_that_could_be_judged() -> None:
    made = course(
        point(0, lesion("L1", 50)), point(60, lesion("L1", 48)), point(120, lesion("L1", state="not_evaluable"))
    )
    found = best_response(judge_recist11(made), START)
    assert (found.category, found.progression_days, found.followed_days, found.confirmed) == ("SD", None, 60, None)


def test_progression_counts_from_the_scan_that_first_showed_the_new_lesion() -> None:
    made = course(
        point(0, lesion("L1", 50)),
        point(60, lesion("L1", 50), lesion("L2", 5, new="equivocal")),
        point(120, lesion("L1", 50), lesion("L2", 12, new=True)),
    )
    assert best_response(judge_recist11(made), START).progression_days == 60


def test_an_unconfirmed_response_is_named() -> None:
    found = best_response(judge_recist11(sizes(100, 60)), START)
    assert (found.category, found.without_confirmation, found.confirmed) == ("SD", "PR", False)
    assert "not confirmed" in found.basis[0]


def test_nothing_to_judge_is_an_error() -> None:
    with pytest.raises(MissingData):
        best_response([], START)


categories = st.lists(st.sampled_from(get_args(Category)), min_size=1, max_size=6)
RANK = {"CR": 0, "PR": 1, "SD": 2, "non-CR/non-PD": 2, "PD": 3, "NE": 4}


@given(categories)
def test_confirmation_never_improves_a_response(made: list[Category]) -> None:
    dated: list[tuple[dt.date, Category]] = [(day(60 * number), each) for number, each in enumerate(made, 1)]
    plain, confirmed = best_overall(dated, START, confirm=False), best_overall(dated, START, confirm=True)
    assert RANK[confirmed] >= RANK[plain]


@given(categories, categories)
def test_what_follows_a_progression_changes_nothing(before: list[Category], after: list[Category]) -> None:
    def best(made: list[Category], confirm: bool) -> Category:
        return best_overall([(day(60 * number), each) for number, each in enumerate(made, 1)], START, confirm=confirm)

    for confirm in (True, False):
        assert best([*before, "PD", *after], confirm) == best([*before, "PD"], confirm)
