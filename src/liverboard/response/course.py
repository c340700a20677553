"""A course of treatment with its baseline and follow-ups: which lesion is which, what is new, what became of the lesions that are no targets."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from liverboard.clinical.response import LesionAt, Scope, Session, TimePoint
from liverboard.response.start import SIRT, TRANSARTERIAL
from liverboard.response.targets import size_mm
from liverboard.response.thresholds import Wait, measurability, sum_rule, wait_after

Gone = Callable[[LesionAt], bool | None]  # None: not said
OUTSIDE = "disease outside the liver"
UNLISTED = "lesions of the liver that are not listed"


@dataclass(frozen=True)
class Course:
    """`start`: the day that times count from. `earlier`: time points before the baseline. `points`: those after it, in order of date. `sessions`: every treatment."""

    start: dt.date
    baseline: TimePoint
    points: tuple[TimePoint, ...]
    earlier: tuple[TimePoint, ...] = ()
    sessions: tuple[Session, ...] = ()

    @cached_property
    def became(self) -> tuple[dict[str, list[LesionAt]], ...]:
        """For each follow-up: what each lesion of the baseline has become, by its id; an empty list: not listed."""
        return tuple(
            {lesion.id: pieces_of(lesion.roots, point) for lesion in self.baseline.lesions} for point in self.points
        )

    @cached_property
    def there(self) -> tuple[LesionAt, ...]:
        """The lesions that the baseline shows; what it lists as gone, or as a node of normal size, is none of its disease."""
        return tuple(lesion for lesion in self.baseline.lesions if not is_gone(lesion))

    @cached_property
    def strangers(self) -> tuple[list[LesionAt], ...]:
        """For each follow-up: the lesions that show disease and are none of the baseline's."""
        known = frozenset[str]().union(*(lesion.roots for lesion in self.there))
        return tuple(
            [lesion for lesion in point.lesions if known.isdisjoint(lesion.roots) and shows(lesion)]
            for point in self.points
        )

    @cached_property
    def grown(self) -> tuple[list[tuple[str, LesionAt, float, float]], ...]:
        """For each follow-up the lesions that grew since the baseline as much as makes targets progress, unless a reader calls them so already: id there, lesion, mm then and now."""
        before = {lesion.roots: (lesion.id, size) for lesion in self.there if (size := size_mm(lesion))}
        rule = sum_rule("recist11")
        return tuple(
            [
                (name, lesion, then, now)
                for lesion in point.lesions
                if lesion.roots in before and lesion.state != "progressing"
                for name, then in (before[lesion.roots],)
                if (now := size_mm(lesion)) and rule.rises(now, then)
            ]
            for point in self.points
        )

    @cached_property
    def _news(self) -> dict[Scope, tuple[Newness, ...]]:
        return {}

    @cached_property
    def waits(self) -> tuple[tuple[Wait, Session, int] | None, ...]:
        """For each follow-up the wait that applies, the last session behind it and the days since; None: no session of such a treatment."""
        return tuple(_waiting(self, point.date) for point in self.points)

    @cached_property
    def _others(self) -> dict[tuple[int, Scope, tuple[str, ...], Gone], dict[str, str]]:
        return {}

    def others(self, upto: int, scope: Scope, targets: tuple[str, ...], gone: Gone) -> dict[str, str]:
        """The state of every lesion that is no target (absent, present, progressing, unknown) by its id; criteria that share targets and `gone` share it."""
        key = (upto, scope, targets, gone)
        if key not in self._others:
            self._others[key] = _non_targets(self, upto, scope, targets, gone)
        return self._others[key]

    def news(self, scope: Scope) -> tuple[Newness, ...]:
        """New lesions on each follow-up, from what was known by then; the same for every criterion."""
        if scope not in self._news:
            self._news[scope] = tuple(_newness(self, number, scope) for number in range(len(self.points)))
        return self._news[scope]


class Newness(NamedTuple):
    """Whether new lesions are there (None: cannot be told), which, since when where an earlier scan showed them already, and why in words."""

    found: bool | None
    since: dt.date | None
    says: tuple[str, ...]


def pieces_of(roots: frozenset[str], point: TimePoint) -> list[LesionAt]:
    """What has become of a lesion: itself, its parts, or the lesion into which it merged; empty: not listed."""
    return [lesion for lesion in point.lesions if lesion.roots & roots]


def without_zones(point: TimePoint, baseline: dt.date) -> TimePoint:
    """The follow-up without the whole sizes of lesions ablated since the baseline: what is measured there is the zone, and a good one is larger than the tumour was."""
    return replace(
        point,
        lesions=tuple(
            replace(each, longest_mm=None, short_mm=None, volume_ml=None, density_hu=None)
            if each.ablated_on is not None and each.ablated_on >= baseline and not is_gone(each)
            else each
            for each in point.lesions
        ),
    )


def is_gone(lesion: LesionAt) -> bool:
    """Absent or of size 0; a node below 10 mm across, which is no longer pathological."""
    if lesion.state is None and lesion.organ != "lymph_node":
        return lesion.longest_mm == 0
    size = size_mm(lesion)
    if size is None:
        return False
    return size < measurability().node_normal_below_mm if lesion.organ == "lymph_node" else size == 0


def shows(lesion: LesionAt) -> bool:
    """Whether the lesion counts as disease on that day; False where it is gone, or was not seen well enough to say."""
    return not is_gone(lesion) and lesion.state != "not_evaluable"


def covers_patient(course: Course, point: TimePoint) -> bool:
    """Whether the day can be judged for the whole patient: what lies outside the liver is known at baseline and on the day, or the baseline lists lesions there."""
    if course.baseline.outside_listed or _surely_new_outside(point):
        return True
    return course.baseline.outside is not None and _speaks_of_outside(point)


def _speaks_of_outside(point: TimePoint) -> bool:
    return point.outside is not None or point.outside_listed or point.outside_progressing is not None


def _surely_new_outside(point: TimePoint) -> bool:
    return any(each.new is True and not each.in_liver and shows(each) for each in point.lesions)


def _newness(course: Course, upto: int, scope: Scope) -> Newness:
    point = course.points[upto]
    says: list[str] = []
    unsure = False
    since: list[dt.date] = []
    new: list[str] = []
    strangers = _strangers(course, upto, scope)
    for lesion in strangers:
        word, first = _word(course, upto, lesion)
        if word is None and point.new_lesions is not False:
            small = _small_node(course, lesion)
            if small:
                says.append(small)
                continue
        if word is True:
            new.append(lesion.id)
            since.append(first)
        elif word == "equivocal":
            says.append(f"{lesion.id} may be new: no progression until a later scan shows that it is")
        elif word is None:
            if point.new_lesions is False:
                continue
            unmatched = _unlisted(course, upto, in_liver=lesion.in_liver)
            if unmatched:
                unsure = True
                says.append(
                    f"{lesion.id} cannot be matched: it is in no earlier list, while {_and(unmatched)} of the baseline is not listed; "
                    f"write was: [...] if it is one of these, or new: true"
                )
            elif _listed_all(course.baseline, lesion.in_liver):
                new.append(lesion.id)
                grown = lesion.is_node and _at_baseline(course, lesion) is not None
                since.append(first if grown else point.date)  # of a node that grew, from when it may have been new
                why = _why_new(course, lesion)
                says.append(f"{lesion.id} counts as new: {why}; write new: false if it was there before")
            else:
                unsure = True
                says.append(
                    f"whether {lesion.id} is new cannot be told, the baseline lists a part of the lesions; write new: true or false"
                )
    elsewhere = scope == "liver" and any(not lesion.in_liver for lesion in course.strangers[upto])
    if point.new_lesions and not new and not elsewhere:
        new.append("a lesion that is not named")
        since.append(point.date)
    appeared = course.baseline.outside == "none" and point.outside in {"limited", "extensive"}
    if scope == "patient" and appeared and all(lesion.in_liver for lesion in strangers):
        new.append(OUTSIDE)
        since.append(point.date)
    if new:
        first = min(since)
        when = "" if first == point.date else f", first seen on {first}"
        return Newness(True, first, (f"new: {_and(new)}{when}", *says))
    if unsure:
        return Newness(None, None, tuple(says))
    if not point.complete and point.new_lesions is None:
        says.append(
            "whether new lesions appeared is not said, and the list is a part; write new_lesions: false or true"
        )
        return Newness(None, None, tuple(says))
    return Newness(False, None, tuple(says))


def _strangers(course: Course, upto: int, scope: Scope) -> list[LesionAt]:
    return [lesion for lesion in course.strangers[upto] if scope == "patient" or lesion.in_liver]


def _word(course: Course, upto: int, lesion: LesionAt) -> tuple[object, dt.date]:
    """What has been said by then of whether the lesion is new, and since when it has been seen: once new or seen in hindsight, always so."""
    first = course.points[upto].date
    word: object = None
    for point in course.points[: upto + 1]:
        for each in point.lesions:
            if each.roots & lesion.roots and shows(each):
                first = min(first, point.date)
                if each.new is not None:
                    word = each.new
    return word, first


def _unlisted(course: Course, upto: int, *, in_liver: bool) -> list[str]:
    became = course.became[upto]
    return [each.id for each in course.there if each.in_liver == in_liver and not became[each.id]]


def _why_new(course: Course, lesion: LesionAt) -> str:
    before = _at_baseline(course, lesion)
    if before is None:
        return "the baseline lists every lesion and not this one"
    return "gone at baseline" if size_mm(before) == 0 else "a node of normal size at baseline"


def _small_node(course: Course, lesion: LesionAt) -> str | None:
    """A node of normal size at baseline that grew and is not yet measurable: the next scan tells (recist_eortc_questions)."""
    size, limit = size_mm(lesion), measurability().node_short_mm
    if not lesion.is_node or size is None or size >= limit or _at_baseline(course, lesion) is None:
        return None
    return f"{lesion.id} may be new: a node that grew to {size:g} mm, below {limit:g} mm; no progression until a later scan shows that it is, or the reader writes new: true"


def _at_baseline(course: Course, lesion: LesionAt) -> LesionAt | None:
    return next((each for each in course.baseline.lesions if each.roots & lesion.roots), None)


def _listed_all(baseline: TimePoint, in_liver: bool) -> bool:
    return baseline.complete if in_liver else baseline.outside_listed or baseline.outside == "none"


def _non_targets(course: Course, upto: int, scope: Scope, targets: Iterable[str], gone: Gone) -> dict[str, str]:
    """Of the baseline's lesions that are no targets, of what is known without a list, and of lesions that were there before in hindsight."""
    baseline, point = course.baseline, course.points[upto]
    chosen = set(targets)
    states = {
        lesion.id: _state(course.became[upto][lesion.id], gone)
        for lesion in course.there
        if lesion.id not in chosen and (scope == "patient" or lesion.in_liver)
    }
    strangers = _strangers(course, upto, scope)
    for lesion in strangers:
        if _word(course, upto, lesion)[0] is False or (point.new_lesions is False and lesion.new is None):
            states[lesion.id] = _state([lesion], gone)
    if not baseline.complete:
        here = [lesion for lesion in strangers if lesion.in_liver]
        states[UNLISTED] = "present" if here or not point.complete else "unknown"
    if scope == "patient" and not baseline.outside_listed and baseline.outside in {"limited", "extensive"}:
        states[OUTSIDE] = _outside(baseline, point)
    return states


def _state(pieces: Sequence[LesionAt], gone: Gone) -> str:
    if not pieces:
        return "unknown"
    if any(each.state == "progressing" for each in pieces):
        return "progressing"
    if any(each.state == "not_evaluable" for each in pieces):
        return "unknown"
    found = {gone(each) for each in pieces}
    return "present" if False in found else "unknown" if None in found else "absent"


def _outside(baseline: TimePoint, point: TimePoint) -> str:
    if point.outside == "none":
        return "absent"
    if point.outside_progressing:
        return "progressing"
    if point.outside is None and point.outside_progressing is None:
        return "unknown"
    grown = baseline.outside == "limited" and point.outside == "extensive"
    return "unknown" if grown and point.outside_progressing is None else "present"


def _waiting(course: Course, day: dt.date) -> tuple[Wait, Session, int] | None:
    found: list[tuple[Wait, Session, int]] = []
    for techniques, kind in ((SIRT, "sirt"), (TRANSARTERIAL - SIRT, "embolisation")):
        done = [each for each in course.sessions if each.what in techniques and each.date <= day]
        if done:
            last = max(done, key=lambda each: each.date)
            found.append((wait_after(kind), last, (day - last.date).days))
    return max(found, key=lambda each: each[0].not_before_days - each[2], default=None)


def _and(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
