"""Forest plot: each study with its interval and weight, the pooled value, the prediction interval; and its table twin."""

from __future__ import annotations

import math
from dataclasses import dataclass

from liverboard.report.canvas import (
    SIZE,
    Axis,
    AxisKind,
    Canvas,
    axis_for,
    fit,
    interval_words,
    value_words,
    width_of,
    wrapped,
)
from liverboard.report.palette import PRINT, Palette
from liverboard.report.words import THIN, Say, as_is, clean, counted

FEW = 5
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class ForestStudy:
    """One line: `estimate` and `ci` on the natural scale (a share for percent, a ratio for ratios), `counts` in words, `weight` a share of 1."""

    label: str
    year: int | None
    counts: str
    estimate: float | None
    ci: Interval | None
    weight: float | None = None


@dataclass(frozen=True, slots=True)
class ForestPool:
    """A pooled value of `k` studies. `estimate` is None where nothing could be pooled; `note` then says why."""

    label: str
    k: int
    estimate: float | None
    ci: Interval | None
    prediction: Interval | None = None
    counts: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class ForestGroup:
    """Studies under a heading; one group without a heading is a forest without subgroups."""

    label: str
    studies: tuple[ForestStudy, ...]
    pool: ForestPool | None = None


@dataclass(frozen=True, slots=True)
class Forest:
    """What a forest plot shows. `measure` names the axis; `reference` is the line of no difference; `footnotes` give model, tau2, I2, k."""

    measure: str
    kind: AxisKind
    counts_head: str
    groups: tuple[ForestGroup, ...]
    pool: ForestPool | None
    reference: float | None = None
    favours: tuple[str, str] | None = None
    footnotes: tuple[str, ...] = ()
    row_head: str = "Study"

    @property
    def studies(self) -> tuple[ForestStudy, ...]:
        return tuple(s for g in self.groups for s in g.studies)


def too_few(k: int) -> str:
    """The banner of fewer than five studies; empty from five on."""
    return f"Too few studies: only {k}" if k < FEW else ""


def _unit(kind: AxisKind) -> str:
    return f"{THIN}%" if kind == "percent" else ""


def forest_finding(forest: Forest) -> str:
    """Title that states the finding."""
    k, pool, unit = len(forest.studies), forest.pool, _unit(forest.kind)
    studies = counted(k, "study", "studies")
    if pool is None or pool.estimate is None:
        return f"{forest.measure}: {studies}, not pooled"
    low, high = pool.ci or (math.nan, math.nan)
    to = f"{value_words(low, forest.kind)} to {value_words(high, forest.kind)}"
    few = "; too few studies to rely on it" if pool.k < FEW else ""
    return f"{forest.measure}: {value_words(pool.estimate, forest.kind)}{unit} ({to}) in {studies}{few}"


def forest_says(forest: Forest) -> str:
    """The picture in words."""
    parts = [f"Forest plot of {counted(len(forest.studies), 'study', 'studies')}."]
    known = [s.estimate for s in forest.studies if s.estimate is not None and math.isfinite(s.estimate)]
    unit = _unit(forest.kind)
    if known:
        parts.append(
            f"Estimates run from {value_words(min(known), forest.kind)} to {value_words(max(known), forest.kind)}{unit}."
        )
    if forest.pool is not None and forest.pool.prediction is not None:
        low, high = forest.pool.prediction
        parts.append(
            f"A new study is expected between {value_words(low, forest.kind)} and {value_words(high, forest.kind)}{unit}."
        )
    return " ".join([*parts, *forest.footnotes, "All values stand in the table."])


def forest_table(forest: Forest) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Table twin: head and rows."""
    unit = " (%)" if forest.kind == "percent" else ""
    head = (forest.row_head, "Year", forest.counts_head, f"Estimate{unit}", f"95 % interval{unit}", "Weight")
    rows: list[tuple[str, ...]] = []

    def ends(pair: Interval | None) -> str:
        return "not known" if pair is None else " to ".join(value_words(v, forest.kind) for v in pair)

    def pooled(pool: ForestPool) -> None:
        label = f"{pool.label} ({counted(pool.k, 'study', 'studies')})"
        if pool.estimate is None:
            rows.append((label, "", pool.counts, "not pooled", "", ""))
            return
        rows.append((label, "", pool.counts, value_words(pool.estimate, forest.kind), ends(pool.ci), ""))
        if pool.prediction is not None:
            rows.append((f"{pool.label}: expected in a new study", "", "", "", ends(pool.prediction), ""))

    for group in forest.groups:
        if group.label:
            rows.append((clean(group.label), "", "", "", "", ""))
        rows += [
            (
                clean(s.label),
                str(s.year or ""),
                s.counts,
                value_words(s.estimate, forest.kind),
                ends(s.ci),
                _weight_words(s.weight),
            )
            for s in group.studies
        ]
        if group.pool is not None:
            pooled(group.pool)
    if forest.pool is not None:
        pooled(forest.pool)
    return head, rows


def _weight_words(weight: float | None) -> str:
    if weight is None or not math.isfinite(weight):
        return ""
    return f"{100 * weight:.1f}{THIN}%" if weight < 0.0995 else f"{100 * weight:.0f}{THIN}%"


def forest_svg(
    forest: Forest, palette: Palette = PRINT, *, width: int = 960, prefix: str = "forest", say: Say = as_is
) -> str:
    """The plot, `width` px wide in its own units; below 600 each study takes two lines. `say`: into the language of the reader; names of studies stay."""
    return _Drawing(forest, palette, width, say).draw(prefix)


class _Drawing:
    def __init__(self, forest: Forest, palette: Palette, width: int, say: Say) -> None:
        self.f, self.width, self.say = forest, width, say
        self.narrow = width < 600
        self.c = Canvas(width, palette, say)
        self.counts_head = say(forest.counts_head)
        self.row = 44.0 if self.narrow else 26.0
        self.weights = not self.narrow and any(s.weight is not None for s in forest.studies)
        plot = (20.0, width - 20.0) if self.narrow else (392.0, width - (256.0 if self.weights else 196.0))
        self.axis: Axis = axis_for(self._limits(), forest.kind, *plot, keep=self._kept())
        self.heaviest = max((s.weight or 0 for s in forest.studies), default=0) or 1
        counts = [*(s.counts for s in forest.studies), *(p.counts for p in self._pools()), self.counts_head]
        self.counts = min(max((width_of(text) for text in counts), default=0.0) + 12, 200.0)
        self.y = 0.0

    def _pools(self) -> list[ForestPool]:
        return [p for p in (*(g.pool for g in self.f.groups), self.f.pool) if p is not None]

    def _limits(self) -> list[float]:
        pools = self._pools()
        pairs = [*(s.ci for s in self.f.studies), *(p.ci for p in pools), *(p.prediction for p in pools)]
        return [v for pair in pairs if pair is not None for v in pair]

    def _kept(self) -> list[float]:
        values = [*(s.estimate for s in self.f.studies), *(p.estimate for p in self._pools()), self.f.reference]
        values += [v for p in self._pools() if p.ci is not None for v in p.ci]
        return [v for v in values if v is not None]

    def draw(self, prefix: str) -> str:
        body_from = self._head()
        marks_from = len(self.c.out)
        for group in self.f.groups:
            if group.label:
                label = self.say(group.label)
                self.c.text(0, self.y + 18, fit(label, self.width - 8, weight=600), weight=600, full=label)
                self.y += 28
            for study in group.studies:
                self._study(study)
            if group.pool is not None:
                self._pool(group.pool, strong=False)
            self.y += 8 if len(self.f.groups) > 1 else 0
        if not self.f.studies:
            self.c.text(0, self.y + 18, self.say("No study"), "soft")
            self.y += self.row
        if self.f.pool is not None:
            self.c.line(0, self.y + 3, self.width, self.y + 3, "line")
            self.y += 6
            self._pool(self.f.pool, strong=True)
        self._guides(body_from, marks_from)
        self._foot()
        return self.c.svg(self.y, forest_finding(self.f), forest_says(self.f), prefix)

    def _head(self) -> float:
        c, unit = self.c, "%, " if self.f.kind == "percent" else ""
        row_head, interval = self.say(self.f.row_head), f"{unit}{self.say(f'95{THIN}% interval')}"
        if self.narrow:
            c.text(0, 16, fit(", ".join(filter(None, (row_head, self.counts_head))), 196), "soft")
            c.text(self.width, 16, interval, "soft", anchor="end")
        else:
            c.text(0, 16, row_head, "soft")
            c.text(372, 16, fit(self.counts_head, self.counts), "soft", anchor="end", full=self.counts_head)
            c.text(self.width - (76 if self.weights else 0), 16, interval, "soft", anchor="end")
            if self.weights:
                c.text(self.width, 16, self.say("Weight"), "soft", anchor="end")
        c.line(0, 25, self.width, 25, "line")
        self.y = 30.0
        return 25.0

    def _line(self, label: str, year: int | None, counts: str, value: str, weight: float | None, *, bold: int) -> float:
        """The words of one line; gives the y of its marks."""
        c, y = self.c, self.y
        dated = f" {year}" if year else ""
        if self.narrow:
            value = fit(value, 180, weight=bold)
            room = self.width - width_of(value, weight=bold) - 12
            name = fit(label, room - 8.2 * len(dated), weight=bold) + dated
            rest = f"  {counts}" if counts and width_of(f"{name}  {counts}", weight=bold) <= room else ""
            c.text(0, y + 15, name, "ink", bold, full=label + dated, halo=True, after=rest)
            c.text(self.width, y + 15, value, "ink", bold, "end", halo=True)
            self.y += self.row
            return y + 29
        right = self.width - (76 if self.weights else 0)
        room = 368.0 - (self.counts + 8 if counts else 0)
        c.text(0, y + 18, fit(label, room - 8.2 * len(dated), weight=bold) + dated, "ink", bold, full=label + dated)
        c.text(372, y + 18, fit(counts, self.counts), "ink", bold, "end", full=counts)
        c.text(right, y + 18, fit(value, 172), "ink", bold, "end", full=value)
        if weight is not None:
            c.text(self.width, y + 18, _weight_words(weight), "soft", 400, "end")
        self.y += self.row
        return y + 13

    def _interval(self, y: float, pair: Interval, stroke: str, wide: float) -> None:
        """The bar of an interval; an end beyond the axis becomes an arrow."""
        a, c = self.axis, self.c
        low, high = pair
        if math.isnan(low) or math.isnan(high):
            return
        left, right = a.at(low), a.at(high)
        c.line(left, y, right, y, stroke, wide)
        span = a.high - a.low
        if low < a.low - 1e-9 * span or (a.kind == "ratio" and low <= 0):
            c.shape(f"M{left:.1f} {y:.1f}l7 -4v8z", fill=stroke)
        if high > a.high + 1e-9 * span:
            c.shape(f"M{right:.1f} {y:.1f}l-7 -4v8z", fill=stroke)

    def _study(self, s: ForestStudy) -> None:
        a = self.axis
        value = self.say(interval_words(s.estimate, *(s.ci or (math.nan, math.nan)), self.f.kind))
        y = self._line(clean(s.label), s.year, s.counts, value, s.weight, bold=400)
        if s.ci is not None:
            self._interval(y, s.ci, "ink", 1.4)
        if s.estimate is None or not math.isfinite(s.estimate):
            return
        if s.estimate < a.low or s.estimate > a.high:
            return  # the arrow of its interval says where it lies
        share = math.sqrt(max(s.weight, 0) / self.heaviest) if s.weight is not None else 0.6
        half = max(7.5 * share, 2.0)
        x = a.at(s.estimate)
        self.c.shape(
            f"M{x - half:.1f} {y - half:.1f}h{2 * half:.1f}v{2 * half:.1f}h{-2 * half:.1f}z",
            fill="map-4",
            stroke="page",
            wide=1,
        )

    def _pool(self, p: ForestPool, *, strong: bool) -> None:
        c, a = self.c, self.axis
        if p.estimate is None:
            says = self.say(f"{p.label}: not pooled. {p.note}".strip())
            for line in wrapped(says, self.width - 8):
                c.text(0, self.y + 18, line, "soft")
                self.y += 22
            self.y += 4
            return
        few = too_few(p.k)
        if few:
            c.banner(0, self.y + 2, few, self.width)
            self.y += 32
        value = self.say(interval_words(p.estimate, *(p.ci or (math.nan, math.nan)), self.f.kind))
        y = self._line(self.say(p.label), None, p.counts, value, None, bold=600 if strong else 400)
        if p.ci is not None and not any(math.isnan(v) for v in p.ci):
            left, middle, right = a.at(p.ci[0]), a.at(p.estimate), a.at(p.ci[1])
            tall = 8.0 if strong else 6.0
            left, right = min(left, middle - 1.5), max(right, middle + 1.5)
            c.shape(
                f"M{left:.1f} {y:.1f}L{middle:.1f} {y - tall:.1f}L{right:.1f} {y:.1f}L{middle:.1f} {y + tall:.1f}Z",
                fill="accent" if strong else "page",
                stroke="accent",
                wide=1.4,
            )
            self._beyond(y, p.ci)
        if p.prediction is not None:
            low, high = p.prediction
            ends = interval_words(low, low, high, self.f.kind).split("(", 1)[1].rstrip(")")
            y = self._line(self.say("Expected in a new study"), None, "", ends, None, bold=400)
            self._interval(y, p.prediction, "accent", 2)
            for v in p.prediction:
                if a.low <= v <= a.high:
                    c.line(a.at(v), y - 5, a.at(v), y + 5, "accent", 1.4)

    def _beyond(self, y: float, pair: Interval) -> None:
        a = self.axis
        if pair[0] < a.low * (1 - 1e-9) - 1e-12:
            self.c.shape(f"M{a.start:.1f} {y:.1f}l7 -4v8z", fill="accent")
        if pair[1] > a.high * (1 + 1e-9) + 1e-12:
            self.c.shape(f"M{a.end:.1f} {y:.1f}l-7 -4v8z", fill="accent")

    def _guides(self, top: float, under: int) -> None:
        """The line of no difference and that of the pooled value, beneath the marks."""
        drawn = len(self.c.out)
        bottom = self.y + 4
        if self.f.reference is not None:
            x = self.axis.at(self.f.reference)
            self.c.line(x, top, x, bottom, "mark", 1.2)
        if self.f.pool is not None and self.f.pool.estimate is not None:
            x = self.axis.at(self.f.pool.estimate)
            self.c.line(x, top, x, bottom, "accent", 1, "2 4")
        lines = self.c.out[drawn:]
        del self.c.out[drawn:]
        self.c.out[under:under] = lines

    def _foot(self) -> None:
        c, a = self.c, self.axis
        self.y += 4
        if self._kept() or self._limits():
            unit = " (%)" if a.kind == "percent" else ""
            self.y = c.axis_below(a, self.y, f"{self.f.measure}{unit}", 5 if self.narrow else 8)
        if self.f.favours is not None and self.f.reference is not None:
            left, right = map(self.say, self.f.favours)
            x = a.at(self.f.reference)
            if self.narrow:
                c.text(0, self.y + 12, fit(f"← {left}", self.width), "soft", full=left)
                self.y += 22
                c.text(self.width, self.y + 12, fit(f"{right} →", self.width), "soft", anchor="end", full=right)
            else:
                c.text(x - 10, self.y + 12, fit(f"← {left}", max(x - 10, 40)), "soft", anchor="end", full=left)
                c.text(x + 10, self.y + 12, fit(f"{right} →", max(self.width - x - 10, 40)), "soft", full=right)
            self.y += 24
        self.y += 4
        for note in self.f.footnotes:
            for line in wrapped(self.say(note), self.width):
                c.text(0, self.y + SIZE, line, "soft")
                self.y += 20
        self.y += 4
