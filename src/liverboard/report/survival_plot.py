"""Kaplan-Meier plot: curves with their bands, censor ticks, medians and people at risk on the same axis; and its table twin."""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from liverboard.report.canvas import SIZE, Axis, Canvas, fit, many, tick_words, value_words, width_of, wrapped
from liverboard.report.palette import PRINT, Palette
from liverboard.report.words import THIN, Say, as_is, clean, counted

LOOKS = (("accent", ""), ("amber", "9 4"), ("teal", "2 3"), ("violet", "12 4 2 4"), ("red", "5 3"), ("ink", "1 4"))
TICK = 5.0  # half a censor tick, px
BANDS, DIRECT = 4, 6  # most groups with bands, and with names at their ends


@dataclass(frozen=True, slots=True)
class SurvivalCurve:
    """One group. `times` ascending; `survival`, `low`, `high` (shares of 1) hold from their time on; low and high may be NaN or empty.

    `censored`: times at which somebody was censored; `at_risk`: people at risk just before each of `risk_times`, as the analysis counts them. `least`: the curve
    was cut where fewer than so many were followed, so that nobody knows here what comes after its end; None: it is whole.
    """

    label: str
    n: int
    events: int
    times: tuple[float, ...]
    survival: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    censored: tuple[float, ...] = ()
    risk_times: tuple[float, ...] = ()
    at_risk: tuple[float, ...] = ()
    median: float | None = None
    median_ci: tuple[float | None, float | None] = (None, None)
    least: int | None = None


@dataclass(frozen=True, slots=True)
class Survival:
    """What a Kaplan-Meier plot shows. `what`: what survives ("Overall survival"); `time_unit`: months, empty where it is not known; `until`: end of the axis, None: last
    time; `time_name`: what the time axis is called beside its unit."""

    what: str
    time_unit: str
    curves: tuple[SurvivalCurve, ...]
    until: float | None = None
    footnotes: tuple[str, ...] = ()
    time_name: str = ""

    @property
    def axis(self) -> str:
        """What stands below the time axis."""
        if self.time_name and self.time_unit:
            return f"{self.time_name} ({self.time_unit})"
        return self.time_name or self.time_unit or "Time"

    @property
    def end(self) -> float:
        last = [t for c in self.curves for t in (*c.times[-1:], *c.censored[-1:]) if math.isfinite(t)]
        return self.until or max((*last, 0.0)) or 1.0


def risk_ticks(end: float, room: int, unit: str = "months") -> list[float]:
    """Times at which the axis is marked and people at risk are counted: months by halves and whole years where they fit, else round steps."""
    for step in (1, 2, 3, 6, 12, 24, 36, 60, 120) if unit.startswith("month") else ():
        if 3 <= end / step <= room - 0.999:
            return [i * float(step) for i in range(int(end / step + 1e-9) + 1)]
    return Axis("number", 0.0, end, 0.0, 1.0).ticks(room)


def median_words(curve: SurvivalCurve, unit: str) -> str:
    """The median with its interval; an end that is not reached is said, and that a curve which was cut may reach it later."""
    if curve.median is None:
        return "median not reached" if curve.least is None else "median not reached before the curve ends"
    low, high = curve.median_ci
    median = f"{time_words(curve.median)}{THIN}{unit}" if unit else time_words(curve.median)
    if low is None and high is None:
        return f"median {median} (no interval)"
    beyond = "not reached" if curve.least is None else "beyond the curve"
    ends = (
        f"{time_words(low) if low is not None else 'not known'} to {time_words(high) if high is not None else beyond}"
    )
    return f"median {median} ({ends})"


def time_words(t: float) -> str:
    """A time as pictures and tables write it: with one decimal below 100."""
    return (
        "not reached"
        if not math.isfinite(t)
        else f"{t:.0f}"
        if t >= 100 or t == 0
        else f"{t:.1f}"
        if t >= 1
        else f"{t:.2g}"
    )


def survival_finding(plot: Survival) -> str:
    """Title that states the finding."""
    if not plot.curves:
        return f"{plot.what}: nobody to follow"
    shown = [f"{clean(c.label)}{': ' if c.label else ''}{median_words(c, plot.time_unit)}" for c in plot.curves[:3]]
    more = f"; {len(plot.curves) - 3} more groups" if len(plot.curves) > 3 else ""
    return f"{plot.what}, {'; '.join(shown)}{more}"


def survival_says(plot: Survival) -> str:
    """The picture in words."""
    groups = "; ".join(
        f"{clean(c.label) or 'all'}: {many(c.n)} people, {counted(c.events, 'event')}" for c in plot.curves
    )
    return f"Kaplan-Meier curves. {groups}. {' '.join(plot.footnotes)} Survival and people at risk stand in the table."


def _at(curve: SurvivalCurve, values: Sequence[float], t: float) -> float:
    i = bisect.bisect_right(curve.times, t) - 1
    return (values[i] if values else math.nan) if i >= 0 else 1.0


def _risk(curve: SurvivalCurve, t: float) -> str:
    """People at risk at t: of the first counted time from t on."""
    if not curve.risk_times:
        return ""
    i = bisect.bisect_left(curve.risk_times, t - 1e-12)
    after = "0" if curve.least is None else f"<{curve.least}"
    return many(curve.at_risk[i]) if i < len(curve.at_risk) else after


def survival_table(plot: Survival) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Table twin: survival with interval and people at risk by group and time."""
    head = (
        "Group",
        f"Time ({plot.time_unit})" if plot.time_unit else "Time",
        "Survival (%)",
        "95 % interval (%)",
        "At risk",
    )
    rows: list[tuple[str, ...]] = []
    for c in plot.curves:
        followed = max((*c.times[-1:], *c.censored[-1:]), default=0.0)
        for t in risk_ticks(plot.end, 12, plot.time_unit):
            beyond = t > followed + 1e-9
            low, high = _at(c, c.low, t), _at(c, c.high, t)
            ends = (
                ""
                if math.isnan(low) or math.isnan(high) or beyond
                else f"{value_words(low, 'percent')} to {value_words(high, 'percent')}"
            )
            after = "no longer followed" if c.least is None else "too few followed"
            share = after if beyond else value_words(_at(c, c.survival, t), "percent")
            rows.append((clean(c.label) or "all", time_words(t), share, ends, _risk(c, t)))
    return head, rows


def survival_svg(
    plot: Survival, palette: Palette = PRINT, *, width: int = 960, prefix: str = "survival", say: Say = as_is
) -> str:
    """The plot with people at risk beneath, on one time axis. The vertical axis starts at 0. `say`: into the language of the reader, names of groups too."""
    c, narrow = Canvas(width, palette, say), width < 600
    names = [say(curve.label) for curve in plot.curves]
    direct = not narrow and 1 < len(plot.curves) <= DIRECT
    left = 44.0 if narrow else 64.0
    right = width - (24.0 if not direct else min(24 + max(map(width_of, names)), 200))
    top, bottom = 30.0, 30.0 + (230.0 if narrow else 360.0)
    x = Axis("number", 0.0, plot.end, left, right)
    y = Axis("percent", 0.0, 1.0, bottom, top)
    for share in (0.25, 0.5, 0.75, 1.0):
        c.line(left, y.at(share), right, y.at(share), "line")
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        c.text(left - 8, y.at(share) + 5, f"{100 * share:g}", "soft", anchor="end")
    c.text(0, 14, fit(f"{say(plot.what)} (%)", width), "soft", full=say(plot.what))
    looks = [(LOOKS[i % 6][0], LOOKS[(i + i // 6) % 6][1]) for i in range(len(plot.curves))]
    for curve, (colour, _) in zip(plot.curves, looks, strict=True) if len(plot.curves) <= BANDS else ():
        _band(c, curve, x, y, colour)
    if any(curve.median is not None for curve in plot.curves):
        _medians(c, plot.curves, x, y, looks)
    for curve, (colour, dash) in zip(plot.curves, looks, strict=True):
        c.shape(_steps(curve, curve.survival, x, y), stroke=colour, wide=2.2, dash=dash)
        _censored(c, curve, x, y, colour)
    if direct:
        _names(c, plot.curves, names, x, y, looks)
    ticks = risk_ticks(plot.end, 6 if narrow else 11, plot.time_unit)
    c.line(left, bottom, right, bottom, "mark")
    for t in ticks:
        c.line(x.at(t), bottom, x.at(t), bottom + 5, "mark")
        c.text(x.at(t), bottom + 20, tick_words(t, "number", ticks), "soft", anchor="middle")
    c.text((left + right) / 2, bottom + 41, fit(say(plot.axis), right - left), "soft", anchor="middle")
    below = _at_risk(c, plot, x, ticks, looks, bottom + 52, narrow=narrow)
    more = (
        ()
        if len(plot.curves) <= BANDS
        else (f"More than {BANDS} groups: the bands are left out, the intervals stand in the table.",)
    )
    for note in (*plot.footnotes, *more):
        for line in wrapped(say(note), 0.94 * width):
            c.text(0, below + SIZE, line, "soft")
            below += 20
    return c.svg(below + 6, survival_finding(plot), survival_says(plot), prefix)


def _thinned(curve: SurvivalCurve, values: Sequence[float], x: Axis, y: Axis) -> list[tuple[float, float]]:
    """Corners of the steps in px; of those that fall on the same half pixel only the last, so that a million people draw as a hundred."""
    points: list[tuple[float, float]] = []
    for t, v in zip(curve.times, values, strict=True):
        if t > x.high:
            break
        if math.isnan(v):
            continue
        place = (round(2 * x.at(t)) / 2, y.at(v))
        if points and points[-1][0] == place[0]:
            points[-1] = place
        elif not points or abs(points[-1][1] - place[1]) >= 0.05:
            points.append(place)
    return points


def _steps(curve: SurvivalCurve, values: Sequence[float], x: Axis, y: Axis, *, ends: float | None = None) -> str:
    points = _thinned(curve, values, x, y)
    last = max((*curve.times[-1:], *curve.censored[-1:]), default=0.0) if ends is None else ends
    d = f"M{x.at(0):.1f} {y.at(1):.1f}" + "".join(f"H{px:.1f}V{py:.1f}" for px, py in points)
    return d + f"H{x.at(last):.1f}"


def _band(c: Canvas, curve: SurvivalCurve, x: Axis, y: Axis, colour: str) -> None:
    if not curve.low or not curve.high:
        return
    known = [
        t for t, a, b in zip(curve.times, curve.low, curve.high, strict=True) if not (math.isnan(a) or math.isnan(b))
    ]
    if not known:
        return
    last = max((known[-1], *(t for t in curve.censored[-1:] if known[-1] == curve.times[-1])))
    upper = _steps(curve, curve.high, x, y, ends=last)
    lower = _thinned(curve, curve.low, x, y)
    back = [f"V{lower[-1][1]:.1f}"] if lower else []
    for (ax, _), (_, by) in pairwise(reversed(lower)):
        back.append(f"H{ax:.1f}V{by:.1f}")
    if lower:
        back.append(f"H{lower[0][0]:.1f}V{y.at(1):.1f}")
    c.shape(upper + "".join(back) + "Z", fill=colour, opacity=0.14)


def _censored(c: Canvas, curve: SurvivalCurve, x: Axis, y: Axis, colour: str) -> None:
    """A tick for each censored time; ticks on the same pixel are one."""
    seen: set[int] = set()
    d: list[str] = []
    for t in curve.censored:
        px = x.at(t)
        if t > x.high or int(px) in seen:
            continue
        seen.add(int(px))
        d.append(f"M{px:.1f} {y.at(_at(curve, curve.survival, t)) - TICK:.1f}v{2 * TICK:g}")
    if d:
        c.shape("".join(d), stroke=colour, wide=1.2)


def _medians(c: Canvas, curves: Sequence[SurvivalCurve], x: Axis, y: Axis, looks: Sequence[tuple[str, str]]) -> None:
    """From 50 % to the curves and down to the axis."""
    known = [
        (curve.median, look[0])
        for curve, look in zip(curves, looks, strict=True)
        if curve.median is not None and curve.median <= x.high
    ]
    if not known:
        return
    half = y.at(0.5)
    c.line(x.start, half, max(x.at(m) for m, _ in known), half, "mark", 1.2, "4 4")
    for m, colour in known:
        c.line(x.at(m), half, x.at(m), y.start, colour, 1.2, "4 4")


def _at_risk(
    c: Canvas,
    plot: Survival,
    x: Axis,
    ticks: Sequence[float],
    looks: Sequence[tuple[str, str]],
    y: float,
    *,
    narrow: bool,
) -> float:
    """A line a group: the sign of its curve, its name, its median; and the people at risk under the ticks of the axis."""
    c.text(0, y + 18, c.say("People at risk"), "soft")
    y += 28
    for curve, (colour, dash) in zip(plot.curves, looks, strict=True):
        says, name = c.say(median_words(curve, plot.time_unit)), c.say(curve.label or "All")
        room = c.width - 40
        label = fit(name, room if narrow else room - width_of(f"  {says}"), weight=600)
        rest = f"  {says}" if width_of(f"{label}  {says}", weight=600) <= room or not narrow else ""
        c.line(0, y + 9, 28, y + 9, colour, 2.4, dash)
        c.text(36, y + 14, label, "ink", 600, full=name, after=rest)
        y += 22
        if not rest:
            c.text(36, y + 12, fit(says, room), "soft")
            y += 20
        if curve.risk_times:
            _counts(c, [(x.at(t), _risk(curve, t)) for t in ticks], y + 14)
            y += 28
        else:
            y += 6
    return y + 4


def _counts(c: Canvas, at: Sequence[tuple[float, str]], y: float) -> None:
    """Numbers under their ticks; one that would touch its neighbour is left out."""
    free = -math.inf
    for middle, words in at:
        half = width_of(words) / 2
        place = min(middle, c.width - half)
        if place - half >= free:
            c.text(place, y, words, "ink", anchor="middle")
            free = place + half + 6


def _names(
    c: Canvas,
    curves: Sequence[SurvivalCurve],
    names: Sequence[str],
    x: Axis,
    y: Axis,
    looks: Sequence[tuple[str, str]],
) -> None:
    """The name of each curve at its end, in its colour; names that would touch move apart."""
    ends = sorted((y.at(_at(curve, curve.survival, x.high)), i) for i, curve in enumerate(curves))
    places: list[float] = []
    for place, _ in ends:
        places.append(max(place, places[-1] + 18) if places else place)
    over = max(0.0, places[-1] - y.start)  # the lowest stays above the axis, the others make room
    for k in range(len(places) - 1, -1, -1):
        limit = y.start if k == len(places) - 1 else places[k + 1] - 18
        places[k] = min(places[k], limit) if over else places[k]
    for place, (_, i) in zip(places, ends, strict=True):
        c.text(x.end + 10, place + 5, fit(names[i], c.width - x.end - 10), looks[i][0], 600, full=names[i])
