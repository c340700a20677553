"""mRECIST: as RECIST, but of a lesion that enhances in the arterial phase only the enhancing part is measured (mrecist_kjr_2022, mrecist_table).

A lesion that does not enhance at baseline, and disease outside the liver without a stated enhancing part, is measured as in RECIST. Made for hepatocellular
carcinoma: in neuroendocrine metastases it is borrowed. The rise of progression is at least 20 % in one table and more than 20 % in the other; at least is used.
"""

from __future__ import annotations

from liverboard.clinical.response import Judgement, LesionAt, Scope
from liverboard.response.course import Course, is_gone
from liverboard.response.sums import Measure, judge
from liverboard.response.targets import size_mm


def viable_size_mm(lesion: LesionAt, origin: LesionAt) -> float | None:
    """The enhancing diameter; the whole one where the lesion did not enhance at baseline. None: not said."""
    if lesion.state == "not_evaluable":
        return None
    if is_gone(lesion):
        return size_mm(lesion)
    without = origin.viable_mm == 0 or (
        origin.viable_mm is None and (origin.hypervascular is False or not origin.in_liver)
    )
    return size_mm(lesion) if without else lesion.viable_mm


def has_no_enhancement(lesion: LesionAt) -> bool | None:
    """Gone, or without any enhancing part; None: not said. A lesion that is known not to enhance from the start is there until it is gone."""
    if is_gone(lesion):
        return True
    if lesion.state == "not_evaluable":
        return None
    if lesion.viable_mm is None:
        return None if lesion.in_liver and lesion.hypervascular is not False else False
    return lesion.viable_mm == 0


MRECIST = Measure("mrecist", viable_size_mm, "enhancing diameter", gone=has_no_enhancement)


def judge_mrecist(course: Course, scope: Scope = "patient") -> tuple[Judgement, ...]:
    """A judgement for each follow-up of the course. Sums in mm."""
    return judge(course, MRECIST, scope)
