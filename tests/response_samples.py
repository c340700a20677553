"""Short ways to write lesions, time points and courses in tests of response."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from liverboard.clinical.response import LesionAt, Session, TimePoint
from liverboard.response.course import Course

START = dt.date(2024, 1, 1)


def day(number: int) -> dt.date:
    return START + dt.timedelta(days=number)


def lesion(name: str, longest: float | None = None, *, was: Sequence[str] = (), **said: Any) -> LesionAt:
    """A lesion by its name; `was`: earlier names."""
    return LesionAt(name, frozenset(was) or frozenset({name}), longest_mm=longest, **said)


def node(name: str, short: float | None = None, **said: Any) -> LesionAt:
    return LesionAt(name, frozenset({name}), organ="lymph_node", short_mm=short, **said)


def point(number: int, *lesions: LesionAt, **said: Any) -> TimePoint:
    """Imaging so many days after the start; nothing lies outside the liver unless said otherwise."""
    known: dict[str, Any] = {"outside": "none", "outside_listed": any(not each.in_liver for each in lesions), **said}
    if known["outside_listed"] and "outside" not in said:
        known["outside"] = None
    return TimePoint(day(number), f"imaging-{number}", lesions, **known)


def course(
    baseline: TimePoint, *points: TimePoint, sessions: Sequence[Session] = (), earlier: Sequence[TimePoint] = ()
) -> Course:
    return Course(START, baseline, tuple(points), tuple(earlier), tuple(sessions))


def sizes(*sums: float) -> Course:
    """One liver lesion of these longest diameters, every 60 days from the start; 0: gone."""
    return course(*(point(60 * number, lesion("L1", size)) for number, size in enumerate(sums)))
