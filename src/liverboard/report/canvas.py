"""SVG pieces that the evidence figures share: text that fits, marks, axes with round ticks."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from liverboard.report.palette import Palette
from liverboard.report.words import THIN, Say, as_is, clean, esc, number, said_mark

AxisKind = Literal["number", "percent", "ratio"]
SIZE = 14.0  # px of the drawing; the one size of text in a figure
SMALL = 12.0  # counts on edges, the second size
_NARROW, _WIDE = frozenset("iljtfrI.,;:'|!()[]- "), frozenset("mwMWQO@%—…")


def width_of(text: str, size: float = SIZE, weight: int = 400) -> float:
    """Width of a text in px, by rule of thumb and rather too wide than too narrow."""
    em = sum(
        0.37 if ch in _NARROW else 0.96 if ch in _WIDE else 0.72 if ch.isupper() else 1.0 if ord(ch) > 0x2E7F else 0.62
        for ch in text
    )
    return em * size * (1.12 if weight > 400 else 1.0)


def fit(text: object, room: float, size: float = SIZE, weight: int = 400) -> str:
    """The text, cut with an ellipsis where it would be wider than `room` px."""
    words = " ".join(clean(text).split())
    if width_of(words, size, weight) <= room:
        return words
    while words and width_of(words + "…", size, weight) > room:
        words = words[:-1]
    return words.rstrip() + "…"


def wrapped(text: str, room: float, size: float = SIZE) -> list[str]:
    """The text in lines of `room` px; a single long word is cut."""
    letters = max(int(room / (0.52 * size)), 8)
    lines = textwrap.wrap(" ".join(clean(text).split()), letters, break_long_words=True)
    return [fit(line, room * 1.1, size) for line in lines]


def many(n: float) -> str:
    """A count, with narrow spaces from 10 000 on."""
    if not math.isfinite(n):
        return "not known"
    text = f"{n:.0f}" if float(n).is_integer() else f"{n:.1f}"
    if abs(n) < 10_000:
        return text.replace("-", "−")
    return f"{n:,.0f}".replace(",", THIN).replace("-", "−")


def value_words(value: float | None, kind: AxisKind) -> str:
    """A value as its axis writes it: percent without sign, ratios with two or three digits; infinity as ∞."""
    if value is None or math.isnan(value):
        return "not known"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if kind == "percent":
        share = 100 * value
        return "0" if share == 0 else number(share, "%") if abs(share) >= 0.1 else _tiny(share)
    if kind == "ratio":
        size = abs(value)
        if size == 0:
            return "0"
        if size < 0.001 or size >= 1e5:
            return _tiny(value)
        return (
            f"{value:.3f}"
            if 0 < size < 0.1
            else f"{value:.2f}"
            if size < 10
            else f"{value:.1f}"
            if size < 100
            else many(value)
        )
    size = abs(value)
    text = f"{value:.2f}" if 0.1 <= size < 10 else f"{value:.2g}" if 1e-4 <= size < 0.1 else number(value)
    return (text if text.strip("-0.") else "0").replace("-", "−")


def _tiny(value: float) -> str:
    """One digit of a number that is very small or very large."""
    text = f"{value:.1g}" if 1e-4 <= abs(value) < 1 else f"{value:.0e}"
    return text.replace("e+0", "e").replace("e+", "e").replace("e-0", "e-").replace("-", "−")


def interval_words(estimate: float | None, low: float | None, high: float | None, kind: AxisKind) -> str:
    """Estimate with its interval: `52 (33–70)`, `−0.71 (−1.07 to −0.36)`."""
    if estimate is None or math.isnan(estimate):
        return "not estimable"
    if low is None or high is None or math.isnan(low) or math.isnan(high):
        return f"{value_words(estimate, kind)} (no interval)"
    ends = f"{value_words(low, kind)}–{value_words(high, kind)}"
    if "−" in ends:
        ends = f"{value_words(low, kind)} to {value_words(high, kind)}"
    return f"{value_words(estimate, kind)} ({ends})"


@dataclass(frozen=True, slots=True)
class Axis:
    """A horizontal or vertical scale from `low` to `high` (values) on `start` to `end` (px), linear or logarithmic."""

    kind: AxisKind
    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Place of a value, held within the axis; values that a log axis cannot show lie at its lower end."""
        if math.isnan(value):
            return self.start
        low, high, v = self.low, self.high, min(max(value, self.low), self.high)
        if self.kind == "ratio":
            low, high, v = math.log(low), math.log(high), math.log(v)
        return self.start + (v - low) / (high - low) * (self.end - self.start)

    def ticks(self, room: int) -> list[float]:
        """Round values on the axis, at most `room`."""
        if self.kind == "ratio":
            return _log_ticks(self.low, self.high, room)
        span = self.high - self.low
        base = 10.0 ** math.floor(math.log10(span / max(room, 1)))
        for step in (base * m for m in (1, 2, 2.5, 5, 10, 20, 25, 50)):
            first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
            if last - first + 1 <= room:
                return [i * step for i in range(first, last + 1)]
        return []


def _log_ticks(low: float, high: float, room: int) -> list[float]:
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for marks in ((1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1, 3)):
        ticks = [m * 10.0**e for e in range(first, last + 1) for m in marks]
        ticks = [t for t in ticks if low * 0.999 <= t <= high * 1.001]
        if len(ticks) <= room:
            return ticks
    for jump in range(1, 400):
        ticks = [10.0**e for e in range(first, last + 1) if e % jump == 0 and low * 0.999 <= 10.0**e <= high * 1.001]
        if len(ticks) <= room:
            return ticks
    return []


_LEAST_RATIO = 1e-290  # below it a number loses its digits


def axis_for(values: Sequence[float], kind: AxisKind, start: float, end: float, *, keep: Sequence[float] = ()) -> Axis:
    """An axis that holds `keep` whole, and as much of `values` as stays readable: the rest is clipped and drawn with arrows."""
    core = [v for v in keep if math.isfinite(v) and (kind != "ratio" or v > _LEAST_RATIO)]
    wide = [v for v in values if math.isfinite(v) and (kind != "ratio" or v > _LEAST_RATIO)]
    if kind == "percent":
        top = max((*core, *wide, 0.05))
        ends = next((t for t in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8) if top <= t), 1.0)
        return Axis(kind, 0.0, ends, start, end)
    if not core:
        core = [1.0] if kind == "ratio" else [0.0]
    if kind == "ratio":
        low, high = math.log(min(core)), math.log(max(core))
        reach = max(0.35 * (high - low), math.log(3))
        edges = [math.log(v) for v in wide]
        low, high = max(low - reach, min((*edges, low))), min(high + reach, max((*edges, high)))
        pad = max(0.04 * (high - low), 0.05)
        return Axis(kind, math.exp(max(low - pad, -690)), math.exp(min(high + pad, 690)), start, end)
    low, high = min(core), max(core)
    typical = sorted(abs(v - low) for v in wide) or [1.0]
    reach = max(high - low, typical[len(typical) // 2], 1e-12 * max(abs(low), abs(high), 1.0))
    low, high = max(low - reach, min((*wide, low))), min(high + reach, max((*wide, high)))
    pad = max(0.04 * (high - low), 1e-9 * max(abs(low), abs(high), 1.0))
    return Axis(kind, low - pad, high + pad, start, end)


def tick_words(value: float, kind: AxisKind, all_ticks: Sequence[float]) -> str:
    """A tick in the digits that its neighbours need."""
    if kind == "percent":
        text = f"{100 * value:.10g}"
    elif kind == "ratio":
        text = f"{value:.10g}" if 1e-4 <= value < 1e6 else f"{value:.0e}".replace("e+0", "e").replace("e-0", "e-")
    elif max((abs(t) for t in all_ticks), default=0) >= 1e6 or 0 < max((abs(t) for t in all_ticks), default=0) < 1e-4:
        text = f"{value:.3g}"
    else:
        text = f"{round(value, 10):.10g}"
        text = many(value) if abs(value) >= 10_000 else text
    return text.replace("-", "−")


def _apart(axis: Axis, ticks: Sequence[float]) -> bool:
    """Whether the words of the ticks stand clear of each other."""
    ends = [
        (axis.at(t) - wide / 2, axis.at(t) + wide / 2)
        for t in ticks
        for wide in [width_of(tick_words(t, axis.kind, ticks))]
    ]
    return all(b[0] - a[1] > 4 for a, b in pairwise(ends))


class Canvas:
    """Collects the pieces of one drawing. Text is escaped here and nowhere else.

    `say`: into the language of the reader. Who draws says the words before they are cut to their room or broken into lines.
    """

    def __init__(self, width: float, palette: Palette, say: Say = as_is) -> None:
        self.width, self.c, self.say = width, palette, say
        self.out: list[str] = []

    def text(
        self,
        x: float,
        y: float,
        words: str,
        fill: str = "ink",
        weight: int = 400,
        anchor: str = "start",
        *,
        size: float = SIZE,
        full: str = "",
        halo: bool = False,
        after: str = "",
    ) -> None:
        """`full`: the whole text, shown on hover, where `words` is cut. `halo`: readable upon lines. `after`: more words, in the quiet colour."""
        tip = f"<title>{esc(full)}</title>" if full and clean(full) != words else ""
        more = f'<tspan style="fill:{self.c("soft")};font-weight:400">{esc(after)}</tspan>' if after else ""
        around = f"stroke:{self.c('page')};stroke-width:4;stroke-linejoin:round;paint-order:stroke;" if halo else ""
        self.out.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" style="{around}fill:{self.c(fill)};font-size:{size:g}px;font-weight:{weight}">'
            f"{tip}{esc(words)}{more}</text>"
        )

    def line(
        self, x1: float, y1: float, x2: float, y2: float, stroke: str = "line", wide: float = 1, dash: str = ""
    ) -> None:
        dashed = f";stroke-dasharray:{dash}" if dash else ""
        self.out.append(
            f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" style="fill:none;stroke:{self.c(stroke)};stroke-width:{wide:g}{dashed}"/>'
        )

    def shape(
        self, d: str, *, fill: str = "", stroke: str = "", wide: float = 1, dash: str = "", opacity: float = 1
    ) -> None:
        look = f"fill:{self.c(fill)}" if fill else "fill:none"
        if fill and opacity < 1:
            look += f";fill-opacity:{opacity:g}"
        if stroke:
            look += f";stroke:{self.c(stroke)};stroke-width:{wide:g};stroke-linejoin:round"
        if dash:
            look += f";stroke-dasharray:{dash}"
        self.out.append(f'<path d="{d}" style="{look}"/>')

    def circle(self, x: float, y: float, r: float, *, fill: str, stroke: str = "", wide: float = 1) -> None:
        edge = f";stroke:{self.c(stroke)};stroke-width:{wide:g}" if stroke else ""
        self.out.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r:.1f}" style="fill:{self.c(fill)}{edge}"/>')

    def banner(self, x: float, y: float, words: str, room: float) -> None:
        """A framed warning, 24 px high, from y."""
        words = self.say(words)
        shown = fit(words, room - 24, SIZE, 600)
        wide = min(width_of(shown, SIZE, 600) + 20, room)
        self.out.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="24" rx="4" style="fill:{self.c("flag")}"/>'
        )
        self.text(x + 10, y + 17, shown, "on-flag", 600, full=words)

    def axis_below(self, axis: Axis, y: float, title: str, room: int, *, grid_to: float | None = None) -> float:
        """Draw a horizontal axis at y with ticks, words and title; give the y below it."""
        options = [axis.ticks(n) for n in range(room, 0, -1)]
        ticks = next((t for t in options if _apart(axis, t)), options[-1])
        self.line(axis.start, y, axis.end, y, "mark")
        for t in ticks:
            x = axis.at(t)
            if grid_to is not None:
                self.line(x, grid_to, x, y, "line")
            self.line(x, y, x, y + 5, "mark")
            self.text(x, y + 20, tick_words(t, axis.kind, ticks), "soft", anchor="middle")
        if title:
            middle = (axis.start + axis.end) / 2
            said = self.say(title)
            shown = fit(said, 2 * min(middle, self.width - middle))
            self.text(middle, y + 41, shown, "soft", anchor="middle", full=said)
        return y + (49 if title else 28)

    def svg(self, height: float, title: str, desc: str, prefix: str) -> str:
        """The whole picture with its title and description."""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width:.0f} {math.ceil(height)}" role="img" {said_mark(self.say)}'
            f'aria-labelledby="{prefix}-title" aria-describedby="{prefix}-desc" style="font-family:{self.c.font}">'
            f'<title id="{prefix}-title">{esc(self.say(title))}</title><desc id="{prefix}-desc">{esc(self.say(desc))}</desc>{"".join(self.out)}</svg>'
        )
