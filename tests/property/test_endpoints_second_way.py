"""Survival and progression beside a second way: the timeline is walked day by day, as one would with a calendar."""

from __future__ import annotations

import datetime as dt
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.strategies import case_of

from liverboard.response.endpoints import endpoints_of

DAY_0 = dt.date(2024, 1, 1)
Truth = bool | None
Told = tuple[Truth, int | None]  # happened, and on which day
UNTOLD: Told = (None, None)


class Read(NamedTuple):
    """What a reader says of one day."""

    day: int
    liver: Truth
    outside: Truth

    @property
    def anywhere(self) -> Truth:
        if self.liver or self.outside:
            return True
        return False if self.liver is False and self.outside is False else None


class Story(NamedTuple):
    treated: int
    reads: list[Read]
    died: int | None
    asked: int


truths = st.sampled_from([None, True, False, False])


@st.composite
def stories(draw: st.DrawFn) -> Story:
    treated = draw(st.integers(0, 30))
    reads = draw(st.lists(st.builds(Read, st.integers(0, 90), truths, truths), max_size=6))
    last = max([treated, *(read.day for read in reads)])
    died = draw(st.none() | st.integers(last, last + 40))
    return Story(treated, reads, died, draw(st.integers(0, 140)))


def written(story: Story) -> list[dict[str, Any]]:
    def on(day: int) -> str:
        return str(DAY_0 + dt.timedelta(days=day))

    events: list[dict[str, Any]] = [{"kind": "procedure", "date": on(story.treated), "technique": "tae"}]
    for read in story.reads:
        stated = {"hepatic": read.liver, "extrahepatic": read.outside}
        progression = {name: value for name, value in stated.items() if value is not None}
        events.append({"kind": "imaging", "date": on(read.day), "progression": progression})
    if story.died is not None:
        events.append({"kind": "status", "date": on(story.died), "state": "dead"})
    return events


def by_calendar(story: Story, *, liver: bool) -> Told:
    """Progression-free survival, day by day."""
    free = story.treated
    for day in range(story.treated + 1, story.asked + 1):
        today = [read for read in story.reads if read.day == day]
        said = [read.liver if liver else read.anywhere for read in today]
        if True in said:
            return True, day
        if liver and False not in said and any(read.anywhere for read in today):
            return UNTOLD
        if False in said:
            free = day
    died = story.died is not None and story.died <= story.asked
    return (True, story.died) if died else (False, free)


@settings(max_examples=300)
@given(stories())
def test_survival_and_progression_are_what_a_calendar_says(story: Story) -> None:
    found = endpoints_of(case_of(*written(story)), DAY_0 + dt.timedelta(days=story.asked)).endpoints

    def told(name: str) -> Told:
        point = found[name]
        return point.happened, None if point.date is None else (point.date - DAY_0).days

    expected = {
        "overall_survival": UNTOLD,
        "progression_free_survival": UNTOLD,
        "hepatic_progression_free_survival": UNTOLD,
    }
    if story.treated <= story.asked:
        seen = max([story.treated, *(read.day for read in story.reads if read.day <= story.asked)])
        died = story.died is not None and story.died <= story.asked
        expected["overall_survival"] = (True, story.died) if died else (False, seen)
        expected["progression_free_survival"] = by_calendar(story, liver=False)
        expected["hepatic_progression_free_survival"] = by_calendar(story, liver=True)
    assert {name: told(name) for name in expected} == expected
