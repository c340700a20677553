"""Volumes: the sum of the targets' volumes, whole or enhancing, by the thresholds that a sphere would have whose diameter reaches those of RECIST (volume_of_a_sphere).

A published table rounds them to 66 and 73 % (volumetric_ajnr_table): where that would change the answer, the basis says so. Research use.
"""

from __future__ import annotations

from liverboard.clinical.response import Judgement, LesionAt, Scope
from liverboard.response.course import Course, is_gone
from liverboard.response.mrecist import has_no_enhancement
from liverboard.response.sums import Decision, Measure, Reading, by_sum, change, judge

PUBLISHED_PERCENT = (66.0, 73.0)  # fall and rise as volumetric_ajnr_table prints them


def _volume_ml(lesion: LesionAt, origin: LesionAt) -> float | None:
    if lesion.state == "not_evaluable":
        return None
    return 0.0 if lesion.state == "absent" or lesion.longest_mm == 0 else lesion.volume_ml


def _viable_ml(lesion: LesionAt, origin: LesionAt) -> float | None:
    if lesion.state == "not_evaluable":
        return None
    if is_gone(lesion) or lesion.viable_mm == 0:
        return 0.0
    return lesion.viable_ml


def _without_enhancement(lesion: LesionAt) -> bool | None:
    if lesion.viable_ml is not None and lesion.state != "not_evaluable":
        return lesion.viable_ml == 0 or is_gone(lesion)
    return has_no_enhancement(lesion)


def _decide(reading: Reading) -> Decision:
    target, says = by_sum(reading)
    if reading.now.value is None or not reading.baseline:
        return target, says
    fall, rise = PUBLISHED_PERCENT
    drop = -change(reading.now.value, reading.baseline)
    grown = change(reading.now.value, reading.smallest)
    if target == "PR" and drop < fall:
        says = (*says, f"short of the rounded {fall:g} % that a published table asks for (volumetric_ajnr_table)")
    if target == "PD" and reading.smallest and grown < rise:
        says = (*says, f"short of the rounded {rise:g} % that a published table asks for (volumetric_ajnr_table)")
    return target, says


VOLUMETRIC = Measure("volumetric", _volume_ml, "volume", decide=_decide)
VIABLE_VOLUME = Measure("viable_volume", _viable_ml, "enhancing volume", gone=_without_enhancement, decide=_decide)


def judge_volumetric(course: Course, scope: Scope = "patient") -> tuple[Judgement, ...]:
    """A judgement for each follow-up of the course by volume. Sums in mL."""
    return judge(course, VOLUMETRIC, scope)


def judge_viable_volume(course: Course, scope: Scope = "patient") -> tuple[Judgement, ...]:
    """A judgement for each follow-up of the course by enhancing volume. Sums in mL."""
    return judge(course, VIABLE_VOLUME, scope)
