"""Choi and modified Choi: sum of longest diameters, and mean density in the portal venous phase of CT (choi_table, choi_radiopaedia).

Choi: response by size or by density; modified Choi: by size and by density. Made for gastrointestinal stromal tumours and renal cancer under drugs: in
neuroendocrine metastases they are borrowed. What no source seen says is fixed here: growth is against the smallest sum, and the density is the mean over the targets
that are there on both days.
"""

from __future__ import annotations

import math

from liverboard.clinical.response import Judgement, LesionAt, Scope
from liverboard.response.course import Course, is_gone
from liverboard.response.sums import Decision, Measure, Reading, change, judge
from liverboard.response.targets import size_mm
from liverboard.response.thresholds import density_fall_percent, percent_words


def _size(lesion: LesionAt, origin: LesionAt) -> float | None:
    return size_mm(lesion)


def _decide_choi(reading: Reading) -> Decision:
    return _decide(reading, both=False)


def _decide_mchoi(reading: Reading) -> Decision:
    return _decide(reading, both=True)


def _decide(reading: Reading, *, both: bool) -> Decision:
    rule, now = reading.rule, reading.now
    nodules = [piece.id for piece in now.pieces if piece.nodule]
    if nodules:
        return "PD", (f"a new or growing nodule in {', '.join(nodules)}",)
    if reading.before[0].value is None or reading.baseline == 0:
        return "NE", (f"no {reading.needed} at baseline of {', '.join(reading.before[0].lacking) or 'any target'}",)
    if now.gone:
        return "CR", ("every target has disappeared",)
    denser, words = _density(reading)
    if now.value is None:
        if not both and denser:
            return "PR", (words, f"no {reading.needed} of {', '.join(now.lacking)}")
        return "NE", (f"no {reading.needed} of {', '.join(now.lacking)}", words)
    smaller = rule.falls(now.value, reading.baseline)
    sizes = f"sum {rule.percent(change(now.value, reading.baseline))} against the baseline"
    if rule.rises(now.value, reading.smallest):
        grown = (
            f"{rule.percent(change(now.value, reading.smallest))} over the smallest sum"
            if reading.smallest
            else "from 0"
        )
        if denser is None:
            return "NE", (f"{grown}, and {words}: progression hangs on it",)
        if not denser:
            return "PD", (f"{grown}, and {words}",)
        return "SD" if both else "PR", (f"{words}, though {grown}",)
    met = _all(smaller, denser) if both else _any(smaller, denser)
    if met is None:
        return "NE", (f"{sizes}, and {words}: response hangs on it",)
    return "PR" if met else "SD", (f"{sizes}; {words}",)


def _density(reading: Reading) -> tuple[bool | None, str]:
    """Whether the mean density has fallen enough, and the words; None: not said, or not measurable as a share of the baseline."""
    pairs: list[tuple[float, float]] = []
    for origin in reading.origins:
        pieces = [each for each in reading.now.pieces if each.roots & origin.roots and not is_gone(each)]
        stated = [each.density_hu for each in pieces if each.density_hu is not None]
        if not pieces:
            continue
        if origin.density_hu is None or len(stated) != len(pieces):
            return None, f"the density of {origin.id} is not known on both days"
        pairs.append((origin.density_hu, math.fsum(stated) / len(stated)))
    if not pairs:
        return None, "no density is known"
    then, now = (math.fsum(values) / len(pairs) for values in zip(*pairs, strict=True))
    if then <= 0:
        return None, f"the density at baseline ({then:.0f} HU) has no percentage"
    fallen = now <= then * (1 - density_fall_percent() / 100) + 1e-9 * then
    return (
        fallen,
        f"density {then:.0f} HU at baseline, {now:.0f} HU now ({percent_words(change(now, then), -density_fall_percent())})",
    )


def _any(one: bool, other: bool | None) -> bool | None:
    return True if one or other else None if other is None else False


def _all(one: bool, other: bool | None) -> bool | None:
    return False if not one or other is False else other


CHOI = Measure("choi", _size, "diameter", decide=_decide_choi)
MCHOI = Measure("mchoi", _size, "diameter", decide=_decide_mchoi)


def judge_choi(course: Course, scope: Scope = "patient") -> tuple[Judgement, ...]:
    """A judgement for each follow-up of the course by Choi. Sums in mm."""
    return judge(course, CHOI, scope)


def judge_mchoi(course: Course, scope: Scope = "patient") -> tuple[Judgement, ...]:
    """A judgement for each follow-up of the course by modified Choi. Sums in mm."""
    return judge(course, MCHOI, scope)
