"""ALBI and Child-Pugh at their borders, against figures worked by hand from the printed formula and table."""

from __future__ import annotations

import pytest

from liverboard.clinical.liver_function import albi_grade, albi_score, child_pugh_class, child_pugh_points


@pytest.mark.parametrize(
    ("bilirubin", "albumin", "score"),
    [(10, 40, -2.74), (1, 35, -2.975), (100, 30, -1.23), (17.1, 40, 0.66 * 1.2329961 - 3.4), (1000, 20, 0.28)],
)
def test_albi_score_by_hand(bilirubin: float, albumin: float, score: float) -> None:
    assert albi_score(bilirubin, albumin) == pytest.approx(score, abs=1e-6)


def test_a_bilirubin_of_zero_has_no_score() -> None:
    assert albi_score(0, 40) is None


@pytest.mark.parametrize(("score", "grade"), [(-4, 1), (-2.6, 1), (-2.599, 2), (-1.39, 2), (-1.389, 3), (0.5, 3)])
def test_albi_borders_belong_to_the_better_grade(score: float, grade: int) -> None:
    assert albi_grade(score) == grade


BEST = {"bilirubin_umol_l": 10.0, "albumin_g_l": 40.0, "inr": 1.0, "ascites": "none", "encephalopathy": "none"}


@pytest.mark.parametrize(
    ("name", "value", "extra"),
    [
        ("bilirubin_umol_l", 33.9, 0), ("bilirubin_umol_l", 34, 1), ("bilirubin_umol_l", 51, 1), ("bilirubin_umol_l", 51.1, 2),
        ("albumin_g_l", 35.1, 0), ("albumin_g_l", 35, 1), ("albumin_g_l", 29, 1), ("albumin_g_l", 28, 1), ("albumin_g_l", 27.9, 2),
        ("inr", 1.69, 0), ("inr", 1.7, 1), ("inr", 2.3, 1), ("inr", 2.31, 2),
        ("ascites", "mild", 1), ("ascites", "moderate", 2), ("encephalopathy", "grade_1_2", 1), ("encephalopathy", "grade_3_4", 2),
    ],
)  # fmt: skip
def test_child_pugh_points_at_each_border(name: str, value: float | str, extra: int) -> None:
    assert child_pugh_points(**(BEST | {name: value})) == 5 + extra  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(("points", "letter"), [(5, "A"), (6, "A"), (7, "B"), (9, "B"), (10, "C"), (15, "C")])
def test_child_pugh_class(points: int, letter: str) -> None:
    assert child_pugh_class(points) == letter


def test_the_worst_liver_has_fifteen_points() -> None:
    assert child_pugh_points(200, 20, 3, "moderate", "grade_3_4") == 15
