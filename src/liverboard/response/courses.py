"""Courses of treatment out of the visible events: what started when, from which baseline, followed how far.

A course starts with a liver-directed procedure or a drug. A further session of the same technique belongs to the course that runs, unless it is numbered as session 1
again. A course ends where the next one starts, except that a somatostatin analogue ends none: it goes along with the others.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field

from liverboard.clinical.derive_timeline import SSA
from liverboard.clinical.events import AnyEvent, Procedure, Systemic
from liverboard.clinical.response import Session, TimePoint
from liverboard.errors import Problem
from liverboard.response.course import Course, without_zones
from liverboard.response.start import LIVER_DIRECTED
from liverboard.response.thresholds import best_rules

OBSERVATION = "observation"
LONG_PAUSE_DAYS = 365  # between sessions without a number, from which the answer asks whether a new course began; a convention of this project


@dataclass(frozen=True, slots=True)
class Treated:
    """A treatment and its course. `what`: technique, drug, or observation where nothing was given; `event`: that started it. `course` None: no `baseline`, or no follow-up yet."""

    what: str
    event: str
    start: dt.date
    liver_directed: bool
    course: Course | None
    baseline: TimePoint | None = None
    problems: tuple[Problem, ...] = ()


@dataclass(slots=True)
class _Open:
    what: str
    event: str
    start: dt.date
    liver_directed: bool
    last: dt.date | None = None
    problems: list[Problem] = field(default_factory=list[Problem])


def sessions_of(events: Sequence[AnyEvent]) -> tuple[Session, ...]:
    """Every liver-directed procedure, in order of date."""
    return tuple(
        Session(event.date, event.technique, event.id)
        for event in events
        if isinstance(event, Procedure) and event.technique in LIVER_DIRECTED
    )


def treated_courses(events: Sequence[AnyEvent], points: Sequence[TimePoint]) -> tuple[Treated, ...]:
    """The courses in order of their start. Where none can be judged and none is liver-directed, observation from the first list of lesions on comes last."""
    started = _started(events)
    sessions = sessions_of(events)
    found: list[Treated] = []
    for number, each in enumerate(started):
        following = [later.start for later in started[number + 1 :] if later.what not in SSA]
        upto = min(following, default=None)
        found.append(_treated(each, [p for p in points if upto is None or p.date <= upto], sessions))
    if points and not any(each.liver_directed or each.course for each in found):
        watched = _Open(OBSERVATION, points[0].event, points[0].date, False)
        found.append(_treated(watched, points, sessions))
    return tuple(found)


def whole_course(events: Sequence[AnyEvent], points: Sequence[TimePoint], start: dt.date) -> Course | None:
    """From one start to the last time point, whatever was given meanwhile; None: no baseline or no follow-up."""
    return _treated(_Open("", "", start, True), points, sessions_of(events)).course


def _started(events: Sequence[AnyEvent]) -> list[_Open]:
    found: list[_Open] = []
    running: _Open | None = None
    for event in events:
        if isinstance(event, Procedure) and event.technique in LIVER_DIRECTED:
            if running is not None and event.technique == running.what and event.session != 1:
                _continued(running, event)
                continue
            running = _Open(event.technique, event.id, event.date, True, event.date)
            found.append(running)
        elif isinstance(event, Systemic):
            if event.drug not in SSA:
                running = None
            found.append(_Open(event.drug, event.id, event.date, False))
    return found


def _continued(running: _Open, event: Procedure) -> None:
    pause = (event.date - (running.last or running.start)).days
    if event.session is None and pause > LONG_PAUSE_DAYS:
        running.problems.append(
            Problem(
                f"{event.technique} of {event.date} counts as a further session of the course from {running.start}, {pause} days after the one before, "
                "and is judged from that baseline",
                event=event.id,
                field="session",
                hint="give session: 1 if a new course began, with its own baseline",
            )
        )
    running.last = event.date


def _treated(begun: _Open, points: Sequence[TimePoint], sessions: Sequence[Session]) -> Treated:
    start = begun.start
    watching = begun.what == OBSERVATION
    before = [point for point in points if point.date < start] or [point for point in points if point.date == start]
    after = tuple(point for point in points if point.date > start)
    problems = list(begun.problems)
    name = "observation" if watching else f"{begun.what} of {start}"
    if not before:
        if after:
            problems.append(
                Problem(
                    f"no baseline for {name}: no imaging before it lists lesions; the first that does is of {after[0].date}",
                    event=begun.event,
                    hint="add the imaging before the start with its lesions",
                )
            )
        else:
            problems.append(Problem(f"no imaging lists lesions before or after {name}", event=begun.event))
        return Treated(begun.what, begun.event, start, begun.liver_directed, None, None, tuple(problems))
    baseline = before[-1]
    age = (start - baseline.date).days
    if age > best_rules().baseline_before_days:
        problems.append(
            Problem(
                f"the baseline of {name} is {age} days old at the start; RECIST 1.1 asks for at most {best_rules().baseline_before_days}",
                event=baseline.event,
            )
        )
    if baseline.date == start and not watching:
        problems.append(
            Problem(f"the baseline of {name} is of the same day; it is taken as made before", event=baseline.event)
        )
    if not after:
        only = f"only the imaging of {baseline.date} lists lesions: nothing to compare it with yet"
        problems.append(Problem(only if watching else f"no imaging since {name} lists lesions", event=begun.event))
        return Treated(begun.what, begun.event, start, begun.liver_directed, None, baseline, tuple(problems))
    after = tuple(without_zones(point, baseline.date) for point in after)
    course = Course(start, baseline, after, tuple(before[:-1]), tuple(sessions))
    return Treated(begun.what, begun.event, start, begun.liver_directed, course, baseline, tuple(problems))
