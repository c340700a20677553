"""RECIST 1.1: sum of longest diameters (of nodes the short axis), at most two targets of an organ; treated lesions are no targets until they progress.

Thresholds and tables: recist11_tables, which prints the guideline (recist_2009); clarifications: recist_eortc_questions.
"""

from __future__ import annotations

from liverboard.clinical.response import Judgement, LesionAt, Scope
from liverboard.response.course import Course
from liverboard.response.sums import Measure, judge
from liverboard.response.targets import size_mm


def _size(lesion: LesionAt, origin: LesionAt) -> float | None:
    return size_mm(lesion)


RECIST11 = Measure("recist11", _size, "diameter", spares_treated=True)


def judge_recist11(course: Course, scope: Scope = "patient") -> tuple[Judgement, ...]:
    """A judgement for each follow-up of the course. Sums in mm."""
    return judge(course, RECIST11, scope)
