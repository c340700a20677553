"""Dose-volume histograms as a picture: cumulative curves with their 95 % bands, names beside them, limits as lines; and the table twin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, product

from liverboard.report.canvas import SIZE, Axis, Canvas, fit, tick_words, width_of, wrapped
from liverboard.report.palette import PRINT, Palette
from liverboard.report.words import THIN, Say, as_is, clean, counted, number
from liverboard.sirt.dose_curve import DoseCurve

LOOKS = (("accent", ""), ("amber", "9 4"), ("teal", "2 3"), ("violet", "12 4 2 4"), ("red", "5 3"), ("ink", "1 4"))
BANDS, DIRECT = 8, 12  # most structures with bands, and with names beside their curves
TABLE_LEVELS = (98.0, 90.0, 70.0, 50.0, 10.0, 2.0)
_HEIGHT, _LINE, _BOX = 360.0, 20.0, 18.0


@dataclass(frozen=True, slots=True)
class DoseLine:
    """A dose to compare with, such as a limit: drawn as an upright line with its words."""

    dose_gy: float
    says: str


@dataclass(frozen=True, slots=True)
class DosePlot:
    """`what`: the dose that is shown ("Absorbed dose, kernel"). `curves`: most important first."""

    what: str
    curves: tuple[DoseCurve, ...]
    lines: tuple[DoseLine, ...] = ()
    footnotes: tuple[str, ...] = ()

    @property
    def end_gy(self) -> float:
        """Where the axis ends: the hottest hundredth of a structure does not set the scale for all others."""
        wide = [_dose_at(curve, 1.0) for curve in self.curves] + [1.15 * line.dose_gy for line in self.lines]
        wide += [_dose_at(curve, 50.0, curve.high_gy) for curve in self.curves if curve.high_gy]
        return _round_up(max((*wide, 1.0)))

    @property
    def cut(self) -> bool:
        return any(curve.dose_gy[-1] > self.end_gy for curve in self.curves)


def dose_words(mean: float, low: float | None, high: float | None) -> str:
    """`161 Gy (136–191)`: a mean dose with its interval."""
    value = f"{number(mean)}{THIN}Gy"
    return value if low is None else f"{value} ({dose_ends(low, high)})"


def dose_ends(low: float | None, high: float | None) -> str:
    return "not known" if low is None or high is None else f"{number(low)}–{number(high)}"


def dvh_finding(plot: DosePlot) -> str:
    """Title that states the finding."""
    if not plot.curves:
        return "No structure has a dose"
    shown = [f"{clean(c.name)} {dose_words(c.mean_gy, c.mean_low_gy, c.mean_high_gy)}" for c in plot.curves[:3]]
    more = f"; {counted(len(plot.curves) - 3, 'more structure')}" if len(plot.curves) > 3 else ""
    return f"Mean dose: {', '.join(shown)}{more}"


def dvh_says(plot: DosePlot) -> str:
    """The picture in words."""
    halves = "; ".join(f"half of {clean(c.name)} gets {number(_dose_at(c, 50))} Gy or more" for c in plot.curves)
    return f"Cumulative dose-volume histograms. {halves}. {' '.join(plot.footnotes)} The doses stand in the table."


def dvh_table(plot: DosePlot) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Table twin: volume, mean and the dose to shares of the volume, each with its 95 % interval, in Gy."""
    head = ("Structure", "Volume (mL)", "Mean (Gy)", *(f"D{x:g} (Gy)" for x in TABLE_LEVELS))
    rows = [
        (
            clean(c.name),
            f"{c.volume_ml:.3g}" if c.volume_ml < 100 else f"{c.volume_ml:.0f}",
            _ends(c.mean_gy, c.mean_low_gy, c.mean_high_gy),
            *(
                _ends(
                    _dose_at(c, x),
                    *((_dose_at(c, x, c.low_gy), _dose_at(c, x, c.high_gy)) if c.low_gy else (None, None)),
                )
                for x in TABLE_LEVELS
            ),
        )
        for c in plot.curves
    ]
    return head, rows


def dvh_svg(plot: DosePlot, palette: Palette = PRINT, *, width: int = 960, prefix: str = "dvh", say: Say = as_is) -> str:  # fmt: skip
    """The picture. Both axes start at 0; every structure stands below with its mean dose. `say`: into the language of the reader."""
    c, narrow = Canvas(width, palette, say), width < 600
    left, right = 44.0, width - 20.0
    top = 30.0 + (_LINE if plot.lines else 0)
    bottom = top + (240.0 if narrow else _HEIGHT)
    x, y = Axis("number", 0.0, plot.end_gy, left, right), Axis("number", 0.0, 100.0, bottom, top)
    for share in (25, 50, 75, 100):
        c.line(left, y.at(share), right, y.at(share), "line")
    for share in (0, 25, 50, 75, 100):
        c.text(left - 8, y.at(share) + 5, f"{share}", "soft", anchor="end")
    c.text(0, 14, say("Volume (%)"), "soft")
    looks = [(LOOKS[i % 6][0], LOOKS[(i + i // 6) % 6][1]) for i in range(len(plot.curves))]
    if len(plot.curves) <= BANDS:
        for curve, (colour, _) in zip(plot.curves, looks, strict=True):
            _band(c, curve, x, y, colour)
    for line in plot.lines:
        c.line(x.at(line.dose_gy), top - 4, x.at(line.dose_gy), bottom, "ink", 1.4, "6 4")
    _line_words(c, plot.lines, x, top - 9)
    for curve, (colour, dash) in zip(plot.curves, looks, strict=True):
        c.shape("M" + "L".join(f"{px:.1f} {py:.1f}" for px, py in _points(curve, curve.dose_gy, x, y)), stroke=colour, wide=2.2, dash=dash)  # fmt: skip
    if not narrow and 1 < len(plot.curves) <= DIRECT:
        _names(c, plot, x, y, looks)
    c.line(left, bottom, right, bottom, "mark")
    ticks = x.ticks(6 if narrow else 11)
    for t in ticks:
        c.line(x.at(t), bottom, x.at(t), bottom + 5, "mark")
        c.text(x.at(t), bottom + 20, tick_words(t, "number", ticks), "soft", anchor="middle")
    c.text((left + right) / 2, bottom + 41, fit(f"{say(plot.what)} (Gy)", right - left), "soft", anchor="middle")
    below = _structures(c, plot.curves, looks, bottom + 56)
    for note in (*plot.footnotes, *_own_notes(plot)):
        for words in wrapped(say(note), width):
            c.text(0, below + SIZE, words, "soft")
            below += _LINE
    return c.svg(below + 6, dvh_finding(plot), dvh_says(plot), prefix)


def _own_notes(plot: DosePlot) -> list[str]:
    said: list[str] = []
    if any(curve.low_gy for curve in plot.curves):
        said.append(
            "Bands and brackets: 95 % interval."
            if len(plot.curves) <= BANDS
            else f"More than {BANDS} structures: the bands are left out, the intervals stand in the table."
        )
    if plot.cut:
        said.append(f"The axis ends at {number(plot.end_gy)}{THIN}Gy; less than 1 % of a structure gets more.")
    return said


def _ends(value: float, low: float | None, high: float | None) -> str:
    return number(value) if low is None or high is None else f"{number(value)} ({number(low)}–{number(high)})"


def _dose_at(curve: DoseCurve, percent: float, doses: Sequence[float] = ()) -> float:
    """The dose to `percent` of the volume, by straight lines between the points of the curve."""
    held = doses or curve.dose_gy
    for (p, d), (q, e) in pairwise(zip(curve.volume_percent, held, strict=True)):
        if p >= percent >= q:
            return d if p == q else d + (p - percent) / (p - q) * (e - d)
    return held[-1]


def _volume_at(curve: DoseCurve, dose_gy: float) -> float:
    """The percent of the volume that gets `dose_gy` or more."""
    if dose_gy <= curve.dose_gy[0]:
        return 100.0
    for (d, p), (e, q) in pairwise(zip(curve.dose_gy, curve.volume_percent, strict=True)):
        if d <= dose_gy <= e:
            return q if e == d else p + (dose_gy - d) / (e - d) * (q - p)
    return 0.0


def _round_up(value: float) -> float:
    base = 10.0 ** (len(str(int(value))) - 1)
    return next(step * base for step in (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if value <= step * base)


def _points(curve: DoseCurve, doses: Sequence[float], x: Axis, y: Axis) -> list[tuple[float, float]]:
    """Corners in px from the whole volume at no dose on, cut where the axis ends."""
    found = [(x.at(0), y.at(100))]
    for (d, p), (e, q) in pairwise(zip((0.0, *doses), (100.0, *curve.volume_percent), strict=True)):
        if e > x.high:
            if d < x.high:
                found.append((x.end, y.at(p + (x.high - d) / (e - d) * (q - p))))
            break
        found.append((x.at(e), y.at(q)))
    return found


def _band(c: Canvas, curve: DoseCurve, x: Axis, y: Axis, colour: str) -> None:
    if not curve.low_gy:
        return
    low, high = _points(curve, curve.low_gy, x, y), _points(curve, curve.high_gy, x, y)
    if high[-1][1] < low[-1][1] and low[-1][0] < x.end:
        high.append((x.end, y.start))  # the band goes on beyond the axis
    around = [*high, *reversed(low)]
    c.shape("M" + "L".join(f"{px:.1f} {py:.1f}" for px, py in around) + "Z", fill=colour, opacity=0.14)


def _line_words(c: Canvas, lines: Sequence[DoseLine], x: Axis, y: float) -> None:
    """The words of the lines above the plot, on the side where there is room; one that would touch its neighbour is left to the text below."""
    free = 0.0
    for line in sorted(lines, key=lambda each: each.dose_gy):
        says = c.say(line.says)
        wide = width_of(says)
        start = min(max(x.at(line.dose_gy) - wide / 2, x.start), c.width - wide)
        if start >= free:
            c.text(start, y, fit(says, c.width - start), "ink")
            free = start + wide + 10


def _names(c: Canvas, plot: DosePlot, x: Axis, y: Axis, looks: Sequence[tuple[str, str]]) -> None:
    """Each name beside its curve, at the height where it crosses fewest curves and touches no other name."""
    taken: list[tuple[float, float, float, float]] = []
    drawn = [_sampled(curve, x, y) for curve in plot.curves]
    for i, curve in enumerate(plot.curves):
        words = fit(curve.name, 180, weight=600)
        wide = width_of(words, weight=600)
        choices: list[tuple[float, float, float]] = []
        for percent, right in product(range(90, 5, -2), (True, False)):
            at, py = x.at(_dose_at(curve, float(percent))), y.at(float(percent))
            px = at + 8 if right else at - 8 - wide
            box = (px, py - _BOX / 2, px + wide, py + _BOX / 2)
            if box[0] < x.start + 4 or box[2] > c.width:
                continue
            hidden = sum(_touch(box, other) for other in taken)
            crossed = sum(any(_within(point, box) for point in other) for other in drawn)
            # Where another curve runs close by, nobody can tell whose name it is; and a name is looked for on the right.
            near = sum(abs(x.at(_dose_at(o, float(percent))) - at) < 14 for o in plot.curves if o is not curve)
            choices.append((100.0 * hidden + crossed + 0.7 * near + (0.0 if right else 1.5), px, py))
        if choices:
            cost, px, py = min(choices, key=lambda each: each[0])
            if cost < 100:
                c.text(px, py + 5, words, looks[i][0], 600, full=curve.name, halo=True)
                taken.append((px, py - _BOX / 2, px + wide, py + _BOX / 2))


def _within(point: tuple[float, float], box: tuple[float, float, float, float]) -> bool:
    return box[0] - 4 <= point[0] <= box[2] + 4 and box[1] <= point[1] <= box[3]


def _sampled(curve: DoseCurve, x: Axis, y: Axis) -> list[tuple[float, float]]:
    """Points along a curve, close to each other whether it runs flat or steep."""
    flat = [n * x.high / 300 for n in range(301)]
    steep = [_dose_at(curve, float(percent)) for percent in range(99, 0, -1)]
    return [(x.at(dose), y.at(_volume_at(curve, dose))) for dose in (*flat, *(d for d in steep if d <= x.high))]


def _touch(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _structures(c: Canvas, curves: Sequence[DoseCurve], looks: Sequence[tuple[str, str]], y: float) -> float:
    """A line a structure: the sign of its curve, its name, its volume and mean dose."""
    for curve, (colour, dash) in zip(curves, looks, strict=True):
        volume = f"{number(curve.volume_ml, 'mL')}{THIN}mL"
        says = f"{volume}, {c.say('mean')} {dose_words(curve.mean_gy, curve.mean_low_gy, curve.mean_high_gy)}"
        room = c.width - 36
        one_line = width_of(curve.name, weight=600) + width_of(f"  {says}") <= room
        c.line(0, y + 9, 28, y + 9, colour, 2.4, dash)
        c.text(36, y + 14, fit(curve.name, room, weight=600), "ink", 600, full=curve.name, after=f"\u2002{says}" if one_line else "")  # fmt: skip
        y += 22
        if not one_line:
            c.text(36, y + 12, fit(says, room), "soft", full=says)
            y += _LINE
    return y + 6
