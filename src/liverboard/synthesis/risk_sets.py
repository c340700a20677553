"""Who is at risk when: the one structure under Kaplan-Meier, log-rank, Cox and Fine-Gray.

People are sorted once. Then every survival method is two linear maps, each a cumulative sum: `at_risk` adds a value over the people at risk at each time, and
its transpose `over_times` adds a value over the times at which each person is at risk. Strata are blocks of the sums; left truncation takes off those who
have not yet entered. Both cost O(n) a value.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np

from liverboard.synthesis.observations import Floats, Ints, Observations


class RiskMap(Protocol):
    """The two maps. A person's axis is the last one, in sorted order; so is the axis of times."""

    @property
    def times(self) -> RiskTimes: ...
    def at_risk(self, values: Floats) -> Floats: ...
    def over_times(self, values: Floats) -> Floats: ...


def totals(values: Floats, codes: Ints, size: int) -> Floats:
    """Values summed by code along the last axis. (..., n) in, (..., size) out."""
    if values.ndim == 1:
        return np.asarray(np.bincount(codes, values, minlength=size), dtype=np.float64)
    return np.stack([totals(row, codes, size) for row in values])


@dataclass(frozen=True, slots=True)
class Blocks:
    """Cumulative sums along the last axis that start anew in each block, each with one extra place for the empty sum."""

    starts: Ints
    stops: Ints

    def forward(self, values: Floats) -> Floats:
        """Sums from the start of the block up to, and not including, each place; one place more than values in every block."""
        out = np.empty((*values.shape[:-1], values.shape[-1] + len(self.starts)))
        for block, (a, b) in enumerate(zip(self.starts, self.stops, strict=True)):
            out[..., a + block] = 0.0
            np.cumsum(values[..., a:b], axis=-1, out=out[..., a + block + 1 : b + block + 1])
        return out

    def backward(self, values: Floats) -> Floats:
        """Sums from each place to the end of the block; the extra place at the end of every block is 0."""
        out = np.empty((*values.shape[:-1], values.shape[-1] + len(self.starts)))
        for block, (a, b) in enumerate(zip(self.starts, self.stops, strict=True)):
            out[..., b + block] = 0.0
            np.cumsum(values[..., a:b][..., ::-1], axis=-1, out=out[..., a + block : b + block][..., ::-1])
        return out


@dataclass(frozen=True, slots=True)
class RiskTimes:
    """The distinct times, stratum after stratum, and the people who end there.

    `order` sorts people by (stratum, time); all else refers to sorted people. `time`, `stratum`: one entry a distinct time. `of_person`: the index of the
    distinct time at which a person ends, or -1 where that time is not kept (no event).
    """

    order: Ints
    time: Floats
    stratum: Ints
    of_person: Ints

    def totals(self, values: Floats) -> Floats:
        """A value summed over the people who end at each time: persons on the last axis in, times out."""
        kept = self.of_person >= 0
        if values.ndim == 1:
            return np.bincount(self.of_person[kept], values[kept], minlength=len(self.time)).astype(
                np.float64, copy=False
            )
        return np.stack([self.totals(row) for row in values]) if len(values) else np.zeros((0, len(self.time)))


@dataclass(frozen=True, slots=True)
class RiskSets:
    """At risk in (entry, time]; see the module. Built by `risk_sets`."""

    times: RiskTimes
    people: Blocks
    blocks: Blocks
    first: Ints  # by time: place of the first person still there, in `people.backward`
    until: Ints  # by person: place in `blocks.forward` of the sum over all times up to their own
    entry_order: Ints | None = None
    entered: Ints | None = None  # by time: place of the first person, by entry, who has not yet entered
    since: Ints | None = None  # by person: place in `blocks.forward` of the sum over all times up to entry

    def at_risk(self, values: Floats) -> Floats:
        """Sum over the people at risk at each time. (..., n) in, (..., times) out."""
        total = self.people.backward(values)[..., self.first]
        if self.entry_order is not None:
            total -= self.people.backward(values[..., self.entry_order])[..., self.entered]
        return total

    def over_times(self, values: Floats) -> Floats:
        """Sum over the times at which each person is at risk. (..., times) in, (..., n) out."""
        sums = self.blocks.forward(values)
        total = sums[..., self.until]
        if self.since is not None:
            total -= sums[..., self.since]
        return total


def risk_sets(observations: Observations, *, every_time: bool = False) -> RiskSets:
    """Sort once. Times are those with an event (code > 0), or every distinct end of follow-up."""
    time, event, strata = observations.time, observations.event, observations.strata
    n = observations.n
    order = np.argsort(time) if strata is None else np.lexsort((time, strata))
    time, event = time[order], event[order]
    stratum = np.zeros(n, dtype=np.int64) if strata is None else strata[order]
    new = np.empty(n, dtype=bool)
    new[0] = True
    np.not_equal(time[1:], time[:-1], out=new[1:])
    if strata is not None:
        new[1:] |= stratum[1:] != stratum[:-1]
    starts = np.flatnonzero(new)
    tie = np.cumsum(new) - 1
    if every_time:
        kept, of_person = np.arange(len(starts)), tie
    else:
        has_event = np.bincount(tie[event > 0], minlength=len(starts)) > 0
        kept = np.flatnonzero(has_event)
        of_person = np.where(has_event, np.cumsum(has_event) - 1, -1)[tie]
    first = starts[kept]
    times = RiskTimes(order, time[first], stratum[first], of_person)
    bounds = np.concatenate(([0], np.flatnonzero(stratum[1:] != stratum[:-1]) + 1, [n]))
    people = Blocks(bounds[:-1], bounds[1:])
    time_bounds = np.searchsorted(first, bounds)
    blocks = Blocks(time_bounds[:-1], time_bounds[1:])
    block = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
    passed = np.zeros(len(starts), dtype=np.int64)
    passed[kept] = 1
    until = np.cumsum(passed)[tie] + block
    sets = RiskSets(times, people, blocks, first + block[first], until)
    return sets if observations.entry is None else _truncated(sets, observations.entry[order], stratum, bounds)


def _truncated(sets: RiskSets, entry: Floats, stratum: Ints, bounds: Ints) -> RiskSets:
    entry_order = np.lexsort((entry, stratum))
    entered = np.empty(len(sets.times.time), dtype=np.int64)
    since = np.empty(len(entry), dtype=np.int64)
    for block, (a, b) in enumerate(pairwise(bounds)):
        ta, tb = int(sets.blocks.starts[block]), int(sets.blocks.stops[block])
        at = sets.times.time[ta:tb]
        entered[ta:tb] = a + block + np.searchsorted(entry[entry_order[a:b]], at, side="left")
        since[a:b] = ta + block + np.searchsorted(at, entry[a:b], side="right")
    return RiskSets(sets.times, sets.people, sets.blocks, sets.first, sets.until, entry_order, entered, since)
