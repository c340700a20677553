"""WHO: sum of the products of the two diameters of the whole lesion (easl_who_table).

Another table calls the growth of one lesion by 25 % progression (who_recist_table): where that would change the answer, the basis says so.
"""

from __future__ import annotations

from liverboard.clinical.response import Judgement, LesionAt, Scope
from liverboard.response.course import Course
from liverboard.response.sums import Decision, Measure, Reading, by_sum, change, judge
from liverboard.response.thresholds import measurability, sum_rule


def area_mm2(lesion: LesionAt, origin: LesionAt) -> float | None:
    """Product of the longest diameter and the one across it; None: not said."""
    if lesion.state == "not_evaluable":
        return None
    if lesion.state == "absent" or lesion.longest_mm == 0:
        return 0.0
    if lesion.longest_mm is None or lesion.short_mm is None:
        return measurability().too_small_mm ** 2 if lesion.state == "too_small" else None
    return lesion.longest_mm * lesion.short_mm


def _decide(reading: Reading) -> Decision:
    target, says = by_sum(reading)
    grown = _grown_alone(reading) if target in {"PR", "SD"} else []
    if grown:
        says = (
            *says,
            f"{', '.join(grown)}: by the wording that counts a single lesion (who_recist_table) this is progression",
        )
    return target, says


def _grown_alone(reading: Reading) -> list[str]:
    """Lesions 25 % and more above their own smallest product."""
    found: list[str] = []
    for origin in reading.origins:
        sizes = [_alone(origin, total.pieces) for total in (*reading.before, reading.now)]
        now, past = sizes[-1], [size for size in sizes[:-1] if size]
        if now and past and change(now, min(past)) >= sum_rule("who").rise_percent:
            found.append(f"{origin.id} grew by {change(now, min(past)):.0f} %")
    return found


def _alone(origin: LesionAt, pieces: tuple[LesionAt, ...]) -> float | None:
    areas = [area_mm2(piece, origin) for piece in pieces if piece.roots & origin.roots]
    return None if not areas or None in areas else sum(area for area in areas if area is not None)


WHO = Measure("who", area_mm2, "two diameters", decide=_decide)


def judge_who(course: Course, scope: Scope = "patient") -> tuple[Judgement, ...]:
    """A judgement for each follow-up of the course. Sums in mm2."""
    return judge(course, WHO, scope)
