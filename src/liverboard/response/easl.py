"""EASL: sum of the products of the two diameters of the enhancing part; new enhancement in a treated lesion is progression (easl_who_table).

Made for hepatocellular carcinoma: in neuroendocrine metastases it is borrowed. Lipiodol may be counted as viable; what was counted is the reader's.
"""

from __future__ import annotations

from liverboard.clinical.response import Judgement, LesionAt, Scope
from liverboard.response.course import Course, is_gone
from liverboard.response.mrecist import has_no_enhancement
from liverboard.response.sums import Decision, Measure, Reading, by_sum, judge


def enhancing_area_mm2(lesion: LesionAt, origin: LesionAt) -> float | None:
    """Product of the enhancing part's diameters; None: not said."""
    if lesion.state == "not_evaluable":
        return None
    if is_gone(lesion) or lesion.viable_mm == 0:
        return 0.0
    if lesion.viable_mm is None or lesion.viable_short_mm is None:
        return None
    return lesion.viable_mm * lesion.viable_short_mm


def _decide(reading: Reading) -> Decision:
    again = [
        piece.id
        for piece in reading.now.pieces
        if (piece.viable_mm or 0) > 0 and not is_gone(piece) and _had_gone(piece, reading)
    ]
    target, says = by_sum(reading)
    if again and target != "PD":
        return "PD", (f"new enhancement in {', '.join(again)}, which had enhanced no more", *says)
    return target, says


def _had_gone(lesion: LesionAt, reading: Reading) -> bool:
    """Whether an earlier follow-up, or the baseline of a lesion treated before it, showed no enhancement in any part of the lesion."""
    if any(each.treated and each.viable_mm == 0 for each in reading.origins if each.roots & lesion.roots):
        return True
    for total in reading.before[1:]:
        parts = [each for each in total.pieces if each.roots & lesion.roots]
        if parts and all(has_no_enhancement(each) for each in parts):
            return True
    return False


EASL = Measure("easl", enhancing_area_mm2, "two enhancing diameters", gone=has_no_enhancement, decide=_decide)


def judge_easl(course: Course, scope: Scope = "patient") -> tuple[Judgement, ...]:
    """A judgement for each follow-up of the course. Sums in mm2."""
    return judge(course, EASL, scope)
