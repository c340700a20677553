"""Individual times from a published Kaplan-Meier curve: clicks on the curve and the risk table below it, back to people (Guyot's algorithm).

What comes back is an approximation that is checked against the clicks it came from; the check is part of the result. Source: guyot_2012_reconstruction,
with censoring spread up to the last click of each interval as in ipdfromkm_2021.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from liverboard.errors import BadInput, MissingData, Problem
from liverboard.synthesis.cox import cox
from liverboard.synthesis.observations import Floats, Ints, Observations
from liverboard.synthesis.result import Interval, finite, pair

# Our own limits of the quality gate; hand digitising is reported with an RMSE of 0.014 (survdigitizer_2024).
RMSE_LIMIT = 0.02
DEVIATION_LIMIT = 0.05
COUNT_LIMIT = 0.05  # events against reported events, share
HAZARD_LIMIT = 0.1  # log hazard ratio against the reported one
_JITTER = 0.02  # a click this much above the one before, or outside 0..1, is a slip of the hand


@dataclass(frozen=True, slots=True)
class RiskRow:
    """One interval of the risk table: reported and reconstructed numbers. `reported` is None where no table was given."""

    start: float
    reported: int | None
    at_risk: int
    events: int
    censored: int

    def as_json(self) -> dict[str, object]:
        return {
            "from": self.start,
            "at_risk_reported": self.reported,
            "at_risk": self.at_risk,
            "events": self.events,
            "censored": self.censored,
        }


@dataclass(frozen=True, slots=True)
class HazardRatio:
    """The hazard ratio of the reconstructed people against another arm, by Cox's model, and the one that was reported; a reconstructed figure, never the trial's."""

    hr: float
    ci: Interval
    reported: float | None

    def as_json(self) -> dict[str, object]:
        return {"hr": finite(self.hr), "ci": pair(self.ci), "reported": self.reported}


@dataclass(frozen=True, slots=True)
class Reconstruction:
    """People in order of time, and how well they give the curve back. `passed`: within the limits of the gate and with a risk table or the number of events."""

    time: Floats
    event: Ints
    curve_rmse: float
    curve_max_deviation: float
    events_reported: int | None
    intervals: tuple[RiskRow, ...]
    red_flag: bool
    passed: bool
    warnings: tuple[str, ...]
    hazard_ratio: HazardRatio | None = None

    @property
    def n(self) -> int:
        return len(self.time)

    @property
    def events(self) -> int:
        return int(self.event.sum())

    def observations(self) -> Observations:
        return Observations(self.time, self.event)

    def as_json(self) -> dict[str, object]:
        return {
            "n": self.n,
            "events": self.events,
            "censored": self.n - self.events,
            "events_reported": self.events_reported,
            "curve_rmse": finite(self.curve_rmse),
            "curve_max_deviation": finite(self.curve_max_deviation),
            "hazard_ratio": None if self.hazard_ratio is None else self.hazard_ratio.as_json(),
            "red_flag": self.red_flag,
            "quality_gate": "passed" if self.passed else "failed",
            "intervals": [row.as_json() for row in self.intervals],
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True, slots=True)
class Clicks:
    """Cleaned clicks: the first at (0, 1), times rising, survival falling."""

    time: Floats
    survival: Floats
    warnings: tuple[str, ...] = ()


def clean_clicks(time: npt.ArrayLike, survival: npt.ArrayLike) -> Clicks:
    """Clicks in order of time from (0, 1) on. Percent become fractions; clicks at or before time 0 become (0, 1); small rises are levelled, and said.

    Raises BadInput: fewer than 2 clicks, a missing value, survival outside 0..1, a curve that rises.
    """
    t, s = np.atleast_1d(np.array(time, dtype=np.float64)), np.atleast_1d(np.array(survival, dtype=np.float64))
    if len(t) != len(s) or len(t) < 2:
        raise BadInput(
            "fewer than 2 clicks, or columns of unequal length", hint="Give time and survival of each click."
        )
    bad = np.flatnonzero(~(np.isfinite(t) & np.isfinite(s)))
    if len(bad):
        raise BadInput("a click is missing or infinite", problems=[Problem(f"click {k + 1}") for k in bad[:5]])
    warnings: list[str] = []
    if s.max() > 1.5:
        s = s / 100
        warnings.append("Survival was read as percent.")
    outside = np.flatnonzero((s > 1 + _JITTER) | (s < -_JITTER))
    if len(outside):
        k = int(outside[0])
        raise BadInput(
            f"click {k + 1}: survival is {s[k]:g}", hint="Give survival as a fraction 0..1, or all of it in percent."
        )
    s = np.clip(s, 0, 1)
    order = np.lexsort((-s, t))
    t, s = t[order], s[order]
    t, s = np.concatenate(([0.0], t[t > 0])), np.concatenate(([1.0], s[t > 0]))
    if len(t) < 2:
        raise BadInput("no click lies after time 0", hint="Click along the whole curve.")
    level = np.minimum.accumulate(s)
    rise = s - level
    if rise.max() > _JITTER:
        k = int(np.argmax(rise))
        raise BadInput(
            f"the curve rises by {rise[k]:.3f} up to time {t[k]:g}; a Kaplan-Meier curve never rises",
            hint="Correct the click; of a cumulative incidence give 1 minus its value.",
        )
    if rise.max() > 0:
        warnings.append(
            f"{int(np.sum(rise > 0))} clicks lay up to {rise.max():.3f} above one before; they were levelled."
        )
    return Clicks(t, level, tuple(warnings))


class _Walk(NamedTuple):
    """What happened at the clicks of one interval."""

    events: list[int]
    censored: list[int]
    survival: list[float]
    left: int
    last: float


@dataclass(frozen=True, slots=True)
class _Span:
    """Clicks `low` up to, not including, `stop`, at times from `start` to `end`, over which censoring is spread; `after` people reported at risk at its end."""

    low: int
    stop: int
    start: float
    end: float
    reported: int | None
    after: int | None


def reconstruct(
    clicks: Clicks,
    *,
    at_risk: tuple[Sequence[float], Sequence[float]] | None = None,
    n: int | None = None,
    events: int | None = None,
) -> Reconstruction:
    """People from clicks; `at_risk` gives times and numbers of the risk table, `n` the people at time 0, `events` the reported total.

    Within each interval censoring is spread evenly, and its number moved until the next reported number at risk is met; past the last one it goes on at the
    rate so far. Raises BadInput: a risk table that rises or has fractions, counts that contradict; MissingData: neither a risk table nor n.
    """
    times, numbers = _risk_table(at_risk, n, events)
    spans = _spans(clicks, times, numbers)
    walks: list[_Walk] = []
    left, last, known = numbers[0], 1.0, len(numbers) > 1
    for span in spans[:-1]:
        walk = _meet(clicks, span, left, last)
        walks.append(walk)
        left, last = walk.left, walk.last
    span = spans[-1]
    if span.after is not None:
        walks.append(_meet(clicks, span, left, last))
    else:
        walks.append(_last_interval(clicks, spans, walks, (left, last), events))
    return _result(clicks, spans, walks, numbers[0], events, known)


def _risk_table(
    at_risk: tuple[Sequence[float], Sequence[float]] | None, n: int | None, events: int | None
) -> tuple[list[float], list[int]]:
    times, counts = ([], []) if at_risk is None else (list(map(float, at_risk[0])), list(map(float, at_risk[1])))
    if len(times) != len(counts):
        raise BadInput("the risk table has columns of unequal length", hint="Give time and number at risk in pairs.")
    if not all(map(math.isfinite, (*times, *counts))) or any(c != int(c) or c < 0 for c in counts):
        raise BadInput("the risk table holds something that is no whole number of people", hint="Correct the table.")
    if any(b <= a for a, b in pairwise(times)) or (times and times[0] < 0):
        raise BadInput("the times of the risk table do not rise from 0 on", hint="Order the table by time, each once.")
    numbers = [int(c) for c in counts]
    if any(b > a for a, b in pairwise(numbers)):
        raise BadInput("the number at risk rises", hint="A risk table never rises; correct the number.")
    if n is not None and n < 1:
        raise BadInput(f"n is {n}", hint="Give the number of people at time 0.")
    if n is not None and (not times or times[0] > 0):
        times, numbers = [0.0, *times], [n, *numbers]
    if not times:
        raise MissingData(
            "neither a risk table nor a number of people was given", hint="Give --at-risk, or --n at least."
        )
    if times[0] > 0:
        raise MissingData(
            f"the risk table starts at time {times[0]:g}", hint="Give --n, the number of people at time 0."
        )
    if n is not None and numbers[0] != n:
        raise BadInput(f"n is {n}, the risk table starts with {numbers[0]}", hint="Correct one of them.")
    if len(numbers) > 1 and numbers[1] > numbers[0]:
        raise BadInput("the number at risk rises after time 0", hint="Correct n or the risk table.")
    if numbers[0] < 1:
        raise BadInput("nobody is at risk at time 0", hint="Give the number of people.")
    if events is not None and not 0 <= events <= numbers[0]:
        raise BadInput(f"{events} events among {numbers[0]} people", hint="Give the number of events of this arm.")
    return times, numbers


def _spans(clicks: Clicks, times: list[float], numbers: list[int]) -> list[_Span]:
    """Intervals that hold a click: of rows of the table between two clicks the last one counts; the first row past the last click tells who is left at the end."""
    t, size = clicks.time, len(clicks.time)
    rows: list[tuple[int, int]] = []  # first click at or after the row's time, people
    for low, r in zip(np.searchsorted(t, times, side="left").tolist(), numbers, strict=True):
        if rows and rows[-1][0] == low:
            if low < size:
                rows[-1] = (low, r)
            continue
        rows.append((low, r))
    after = rows.pop()[1] if rows[-1][0] == size else None
    spans: list[_Span] = []
    for index, (low, r) in enumerate(rows):
        final = index + 1 == len(rows)
        stop = size if final else rows[index + 1][0]
        spans.append(_Span(low, stop, float(t[low]), float(t[stop - 1]), r, after if final else rows[index + 1][1]))
    return spans


def _walk(clicks: Clicks, span: _Span, people: int, last: float, censored: int) -> _Walk:
    """Events and censorings at the clicks of a span, for a number of censorings spread evenly over it."""
    t, s = clicks.time[span.low : span.stop], clicks.survival[span.low : span.stop]
    places = span.start + np.arange(1, censored + 1) * (span.end - span.start) / (censored + 1)
    counts = np.bincount(np.clip(np.searchsorted(t, places, side="right") - 1, 0, None), minlength=len(t)).tolist()
    events: list[int] = []
    lost: list[int] = []
    curve: list[float] = []
    for k, survival in enumerate(s.tolist()):
        dead = round(people * (1 - survival / last)) if last > 0 and people > 0 else 0
        dead = min(max(dead, 0), people)
        last = last * (1 - dead / people) if dead else last
        gone = min(int(counts[k]), people - dead)
        people -= dead + gone
        events.append(dead)
        lost.append(gone)
        curve.append(last)
    return _Walk(events, lost, curve, people, last)


def _meet(clicks: Clicks, span: _Span, people: int, last: float) -> _Walk:
    """The number of censorings that best meets the next number at risk. Corrections may go round in circles: no number is tried twice, the best one is kept."""
    target = span.after or 0
    s = clicks.survival
    end = float(s[span.stop] if span.stop < len(s) else s[-1])
    expected = people * end / float(s[span.low]) if s[span.low] > 0 else 0.0
    most = max(people - target, 0)
    censored = min(max(round(expected - target), 0), most)
    best, seen = _walk(clicks, span, people, last, censored), set[int]()
    found = best
    while censored not in seen:
        seen.add(censored)
        found = _walk(clicks, span, people, last, censored)
        if abs(found.left - target) < abs(best.left - target):
            best = found
        if found.left == target:
            break
        censored = min(max(censored + found.left - target, 0), most)
    return best


def _last_interval(
    clicks: Clicks, spans: list[_Span], walks: list[_Walk], state: tuple[int, float], events: int | None
) -> _Walk:
    """No number at risk follows. Censoring goes on at the mean rate so far; a reported total of events moves it until the total is met."""
    span, (people, last) = spans[-1], state
    lost, dead = sum(sum(w.censored) for w in walks), sum(sum(w.events) for w in walks)
    if walks:
        before = clicks.time[spans[-2].stop - 1] - clicks.time[spans[0].low]
        rate = lost / before if before > 0 else 0.0
        censored = min(round(rate * (clicks.time[-1] - clicks.time[span.low])), people)
    else:
        censored = 0 if events is None else people - events
    if events is None:
        return _walk(clicks, span, people, last, censored)
    wanted = events - dead
    if wanted <= 0:
        size = span.stop - span.low
        return _Walk([0] * size, [0] * size, [last] * size, people, last)
    best, seen = _walk(clicks, span, people, last, censored), set[int]()
    while censored not in seen:
        seen.add(censored)
        found = _walk(clicks, span, people, last, censored)
        excess = sum(found.events) - wanted
        if abs(excess) < abs(sum(best.events) - wanted):
            best = found
        if excess == 0:
            break
        censored = min(max(censored + excess, 0), people)
    return best


def _result(
    clicks: Clicks, spans: list[_Span], walks: list[_Walk], people: int, reported: int | None, table: bool
) -> Reconstruction:
    t = clicks.time
    dead = np.array([d for walk in walks for d in walk.events], dtype=np.int64)
    lost = np.array([c for walk in walks for c in walk.censored], dtype=np.int64)
    curve = np.array([s for walk in walks for s in walk.survival])
    middle = np.concatenate(((t[:-1] + t[1:]) / 2, t[-1:]))
    left = walks[-1].left
    times = np.concatenate((np.repeat(t, dead), np.repeat(middle, lost), np.repeat(t[-1:], left)))
    event = np.concatenate((np.ones(int(dead.sum()), dtype=np.int64), np.zeros(int(lost.sum()) + left, dtype=np.int64)))
    order = np.lexsort((-event, times))
    rows: list[RiskRow] = []
    remaining = people
    for span, walk in zip(spans, walks, strict=True):
        rows.append(
            RiskRow(span.start, span.reported if table else None, remaining, sum(walk.events), sum(walk.censored))
        )
        remaining = walk.left
    deviation = np.abs(curve - clicks.survival)
    rmse, largest = float(np.sqrt(np.mean(deviation**2))), float(deviation.max())
    total = int(dead.sum())
    warnings = list(clicks.warnings)
    if not table:
        warnings.append(
            "No risk table: when people were censored is not known"
            + (
                ", and without it or the number of events the events are guessed, often far too many."
                if reported is None
                else "."
            )
        )
    off = [
        row
        for row in rows
        if row.reported is not None and abs(row.at_risk - row.reported) > max(2, 0.05 * row.reported)
    ]
    warnings += [
        f"At time {row.start:g} the risk table says {row.reported}, the curve leaves {row.at_risk}: they do not fit."
        for row in off
    ]
    miscounted = reported is not None and abs(total - reported) > max(1, COUNT_LIMIT * reported)
    if miscounted:
        warnings.append(f"{total} events were reconstructed, {reported} are reported.")
    if rmse > RMSE_LIMIT or largest > DEVIATION_LIMIT:
        warnings.append(
            f"The reconstructed curve leaves the clicks by up to {largest:.3f} (RMSE {rmse:.3f}); accepted are {DEVIATION_LIMIT:g} and {RMSE_LIMIT:g}."
        )
    red_flag = not table
    passed = (
        rmse <= RMSE_LIMIT
        and largest <= DEVIATION_LIMIT
        and not miscounted
        and not off
        and (table or reported is not None)
    )
    return Reconstruction(
        times[order], event[order], rmse, largest, reported, tuple(rows), red_flag, passed, tuple(warnings)
    )


def against(found: Reconstruction, other: Observations, reported: float | None = None) -> Reconstruction:
    """The reconstruction with its hazard ratio against the people of the other arm; a `reported` one becomes part of the gate.

    Raises BadInput: a reported ratio that is not above 0; people among whom no ratio can be estimated.
    """
    if reported is not None and not (math.isfinite(reported) and reported > 0):
        raise BadInput(f"the reported hazard ratio is {reported:g}", hint="Give the ratio itself, above 0.")
    time = np.concatenate((other.time, found.time))
    event = np.concatenate((other.event, found.event))
    arm = np.repeat([0.0, 1.0], [other.n, found.n])
    (term,) = cox(Observations(time, event), {"arm": arm}).coefficients
    low, high = term.ci
    ratio = HazardRatio(math.exp(term.estimate), (math.exp(low), math.exp(high)), reported)
    off = None if reported is None else abs(term.estimate - math.log(reported))
    if off is None or off <= HAZARD_LIMIT:
        return replace(found, hazard_ratio=ratio)
    words = f"The reconstructed hazard ratio is {ratio.hr:.2f}, {reported:g} is reported: more than {100 * HAZARD_LIMIT:.0f} % apart on the log scale."
    return replace(found, hazard_ratio=ratio, passed=False, warnings=(*found.warnings, words))
