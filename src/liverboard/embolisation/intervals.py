"""Intervals between the sessions of one patient, and their summary over patients: counted as they were, without a guess at what was meant."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from statistics import median, quantiles
from typing import Literal

from liverboard.clinical.extent import Frozen

Family = Literal["embolisation", "sirt", "ablation", "resection"]
FAMILY_OF: Mapping[str, Family] = {
    "tae": "embolisation", "ctace": "embolisation", "debtace": "embolisation", "sirt_resin": "sirt", "sirt_glass": "sirt", "sirt_ho166": "sirt",
    "rfa": "ablation", "mwa": "ablation", "cryo": "ablation", "liver_resection": "resection",
}  # fmt: skip


class DoneSession(Frozen):
    """A session as it stands in a case. `number`: as recorded; `segments`: its territory, where stated."""

    case: str
    event: str
    date: dt.date
    technique: str
    number: int | None = None
    segments: tuple[int, ...] | None = None


class SessionInterval(Frozen):
    """Days between two sessions of one family in one patient, one after the other.

    `kind`: staged when the second carries the next number of a course, or the territories are both stated and do not meet; repeated when it starts at number
    1 again or a territory is treated again; else unknown.
    """

    case: str
    before: str
    after: str
    family: Family
    days: int
    kind: Literal["staged", "repeated", "unknown"]


class IntervalSummary(Frozen):
    """Days: median, quartiles (from four intervals on) and range, with the number of intervals and of patients they come from."""

    n: int
    patients: int
    median_days: float
    quartiles_days: tuple[float, float] | None
    range_days: tuple[int, int]


def intervals_of(sessions: Iterable[DoneSession]) -> tuple[SessionInterval, ...]:
    """Each session's interval to the one before of its family, by patient. Sessions of one day are one: 0 days is no interval."""
    by_course: dict[tuple[str, Family], list[DoneSession]] = {}
    for session in sessions:
        if (family := FAMILY_OF.get(session.technique)) is not None:
            by_course.setdefault((session.case, family), []).append(session)
    found: list[SessionInterval] = []
    for (case, family), course in by_course.items():
        ordered = sorted(course, key=lambda each: (each.date, each.number or 0))
        for before, after in pairwise(ordered):
            if before.date < after.date:
                days = (after.date - before.date).days
                found.append(
                    SessionInterval(case=case, before=before.event, after=after.event, family=family, days=days, kind=_kind(before, after))
                )  # fmt: skip
    return tuple(found)


def summarise(intervals: Sequence[SessionInterval]) -> IntervalSummary | None:
    """None without an interval."""
    days = sorted(each.days for each in intervals)
    if not days:
        return None
    quarters = quantiles(days, n=4, method="inclusive") if len(days) >= 4 else None
    return IntervalSummary(
        n=len(days),
        patients=len({each.case for each in intervals}),
        median_days=float(median(days)),
        quartiles_days=None if quarters is None else (quarters[0], quarters[2]),
        range_days=(days[0], days[-1]),
    )


def _kind(before: DoneSession, after: DoneSession) -> Literal["staged", "repeated", "unknown"]:
    if before.number is not None and after.number is not None:
        if after.number == before.number + 1:
            return "staged"
        if after.number <= before.number:
            return "repeated"
    if before.segments and after.segments:
        return "repeated" if set(before.segments) & set(after.segments) else "staged"
    return "unknown"
