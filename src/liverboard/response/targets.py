"""Which lesions are targets: the reader's, or the largest measurable ones, at most two of an organ and five in all (RECIST 1.1, recist11_tables).

Nodes are one organ (recist_eortc_questions). A lesion that was treated locally is not measurable until it has progressed since (recist_treated_lesions). The paper
leaves to the protocol what that progression is; here it is growth as for progression, by 20 % and 5 mm, or the reader's word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from liverboard.clinical.response import LesionAt, TimePoint
from liverboard.response.thresholds import measurability, sum_rule


@dataclass(frozen=True, slots=True)
class Targets:
    """`chosen`: ids at baseline. `by_reader`: a reader chose. `treated`: ids left out, or flagged where the reader chose them. `notes`: what deserves a look."""

    chosen: tuple[str, ...]
    by_reader: bool
    treated: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def size_mm(lesion: LesionAt) -> float | None:
    """The diameter that counts: the longest, of a node the short axis; 0 where it is gone, 5 mm where it is too small to measure; None: not said."""
    node = lesion.organ == "lymph_node"
    stated = lesion.short_mm if node else lesion.longest_mm
    if lesion.state is not None:
        if lesion.state == "not_evaluable":
            return None
        if lesion.state == "absent":
            return 0.0
        if stated is None and lesion.state == "too_small":
            return measurability().too_small_mm
    return 0.0 if node and stated is None and lesion.longest_mm == 0 else stated


def is_measurable(lesion: LesionAt, slice_mm: float | None = None) -> bool:
    """By size alone: 10 mm (twice a slice thicker than 5 mm), a node 15 mm across; never where the reader says that it cannot be measured."""
    size, limits = size_mm(lesion), measurability()
    if size is None or lesion.measurable is False or lesion.state == "too_small":
        return False
    return size >= (limits.node_short_mm if lesion.is_node else limits.least_mm(slice_mm))


def choose_targets(baseline: TimePoint, earlier: Sequence[TimePoint] = (), *, spare_treated: bool = True) -> Targets:
    """The targets among the lesions of `baseline`. `earlier`: the time points before it, in order. `spare_treated`: leave treated lesions out until they progress."""
    limits = measurability()
    untested = {each.id for each in baseline.lesions if each.treated and not has_progressed(each, earlier, baseline)}
    stated = [each for each in baseline.lesions if each.target]
    if stated:
        return Targets(
            tuple(each.id for each in stated),
            by_reader=True,
            treated=tuple(each.id for each in stated if each.id in untested),
            notes=_doubts(stated, baseline),
        )
    able = [each for each in baseline.lesions if each.target is not False and is_measurable(each, baseline.slice_mm)]
    left_out = tuple(each.id for each in able if each.id in untested)
    if spare_treated:
        able = [each for each in able if each.id not in untested]
    able.sort(key=lambda each: (-(size_mm(each) or 0.0), each.id))
    # The largest of each organ first, so that every organ is represented; then the second ones.
    place: dict[str, int] = {}
    ranked: list[tuple[int, float, str]] = []
    for each in able:
        rank = place[each.organ] = place.get(each.organ, 0) + 1
        if rank <= limits.targets_per_organ:
            ranked.append((rank, -(size_mm(each) or 0.0), each.id))
    return Targets(tuple(name for _, _, name in sorted(ranked)[: limits.targets]), by_reader=False, treated=left_out)


def has_progressed(lesion: LesionAt, earlier: Sequence[TimePoint], now: TimePoint) -> bool:
    """Whether a treated lesion has grown since its treatment: the reader says so, or it is 20 % and 5 mm above its smallest size since."""
    since = lesion.treated_on
    seen = [
        before
        for point in earlier
        if since is not None and since <= point.date < now.date
        for before in point.lesions
        if before.roots & lesion.roots
    ]
    if lesion.state == "progressing" or any(before.state == "progressing" for before in seen):
        return True
    sizes = [size for before in seen if (size := size_mm(before)) is not None]
    size = size_mm(lesion)
    return size is not None and bool(sizes) and sum_rule("recist11").rises(size, min(sizes))


def _doubts(stated: Sequence[LesionAt], baseline: TimePoint) -> tuple[str, ...]:
    limits = measurability()
    notes = [
        f"{each.id} is a target though it "
        + ("is said not to be measurable" if each.measurable is False else "is below the size that RECIST 1.1 asks for")
        for each in stated
        if not is_measurable(each, baseline.slice_mm)
    ]
    organs = [each.organ for each in stated]
    notes += [
        f"{organs.count(organ)} targets in {organ.replace('_', ' ')}; RECIST 1.1 allows {limits.targets_per_organ}"
        for organ in sorted(set(organs))
        if organs.count(organ) > limits.targets_per_organ
    ]
    if len(stated) > limits.targets:
        notes.append(f"{len(stated)} targets; RECIST 1.1 allows {limits.targets}")
    return tuple(notes)
