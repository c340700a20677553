"""WHO grade at every border of the table, and what it refuses to say."""

from __future__ import annotations

import pytest

from liverboard.clinical.grade import who_grade


@pytest.mark.parametrize(
    ("ki67", "mitoses", "grade"),
    [
        (0, 0, "G1"), (2.9, 1, "G1"), (2.99, 1.9, "G1"), (3, 1, "G2"), (2.9, 2, "G2"), (20, 20, "G2"), (20, 1, "G2"), (1, 20, "G2"),
        (20.1, 1, "G3"), (1, 20.1, "G3"), (21, 21, "G3"), (55, 3, "G3"), (100, 0, "G3"),
    ],
)  # fmt: skip
def test_the_higher_index_decides_and_borders_fall_as_printed(ki67: float, mitoses: float, grade: str) -> None:
    assert who_grade("well", ki67, mitoses, "ileum").value == grade


@pytest.mark.parametrize(
    ("ki67", "mitoses", "grade", "words"),
    [
        (2.9, None, "G1", "from Ki-67 alone (Ki-67 2.9 %); mitoses not stated; they could raise the grade"),
        (10, None, "G2", "they could raise the grade"),
        (None, 1, "G1", "from mitoses alone (mitoses 1 per 2 mm²); Ki-67 not stated; it could raise the grade"),
        (None, 5, "G2", "it could raise the grade"),
    ],
)
def test_one_index_alone_is_a_lower_bound_and_says_so(
    ki67: float | None, mitoses: float | None, grade: str, words: str
) -> None:
    graded = who_grade("well", ki67, mitoses)
    assert graded.value == grade
    assert words in graded.trace


@pytest.mark.parametrize(("ki67", "mitoses"), [(21, None), (None, 21)])
def test_g3_is_certain_from_one_index(ki67: float | None, mitoses: float | None) -> None:
    graded = who_grade("well", ki67, mitoses)
    assert graded.value == "G3"
    assert "raise" not in graded.trace


@pytest.mark.parametrize("ki67", [None, 1, 15, 90])
def test_morphology_decides_carcinoma_and_mixed_neoplasm(ki67: float | None) -> None:
    assert who_grade("poor", ki67, None).value == "NEC"
    assert who_grade("mixed", ki67, None).value == "MiNEN"


def test_no_grade_without_differentiation_or_without_any_index() -> None:
    assert who_grade(None, 2, 1).value is None
    assert "differentiation is not stated" in who_grade(None, 90, 90).trace
    assert who_grade("well", None, None).value is None


@pytest.mark.parametrize("site", ["lung", "thymus"])
def test_lung_and_thymus_have_another_scheme(site: str) -> None:
    for differentiation in ("well", "poor", "mixed"):
        graded = who_grade(differentiation, 2, 1, site)
        assert graded.value is None
        assert "another scheme" in graded.trace
