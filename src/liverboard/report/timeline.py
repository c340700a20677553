"""One picture of time: figures followed above, treatments as lanes, happenings as marks; and its table twin."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from liverboard.board.dossier import Mark, Series, Timeline
from liverboard.report.canvas import width_of
from liverboard.report.palette import PRINT, Palette
from liverboard.report.words import (
    MONTHS,
    Say,
    anchor,
    as_is,
    clean,
    counted,
    day,
    esc,
    number,
    plain,
    quantity,
    said_mark,
    shorten,
    unit_words,
)

COURSE_COLOUR = {"ssa": "accent", "prrt": "violet", "targeted": "teal", "chemotherapy": "amber", "other": "mark"}
MAX_COURSES, MAX_SERIES, MAX_LEVELS = 8, 3, 4
ROWS: tuple[tuple[str, frozenset[str], bool], ...] = (
    ("Procedures", frozenset({"procedure", "scout", "plan", "adverse_event"}), True),
    ("Milestones", frozenset({"diagnosis", "board", "assessment", "history", "status"}), True),
    ("Imaging", frozenset({"imaging"}), True),
    ("Clinic, labs", frozenset({"clinic", "labs"}), False),
)


@dataclass(frozen=True, slots=True)
class TimelineRow:
    """One line of the table twin. `typed`: a person wrote the detail."""

    date: str
    what: str
    detail: str
    event: str
    typed: bool = False


def timeline_rows(timeline: Timeline | None) -> list[TimelineRow]:
    """The picture as a table, in order of time."""
    if timeline is None:
        return []
    rows: list[tuple[dt.date, TimelineRow]] = []
    for c in timeline.courses:
        until = f"until {day(c.end)}" if c.end else "goes on"
        detail = ", ".join(
            filter(
                None,
                (
                    until,
                    f"stopped: {plain(c.stopped_for)}" if c.stopped_for else "",
                    counted(c.cycles, "cycle") if c.cycles else "",
                ),
            )
        )
        rows.append((c.start, TimelineRow(day(c.start), clean(c.label), clean(detail), c.event)))
    rows += [
        (m.date, TimelineRow(day(m.date), clean(m.label), clean(m.detail) or plain(m.kind), m.event, typed=_typed(m)))
        for m in timeline.marks
    ]
    for s in timeline.series:
        rows += [
            (p.date, TimelineRow(day(p.date), clean(s.label), clean(quantity(p.value, s.unit)), p.event))
            for p in s.points
        ]
    return [row for _, row in sorted(rows, key=lambda pair: pair[0])]


def _typed(mark: Mark) -> bool:
    """Whether the detail is a person's own words: the reason of a board."""
    return mark.kind == "board" and bool(mark.detail)


def timeline_finding(timeline: Timeline | None) -> str:
    """Title that states the finding."""
    if timeline is None or not (timeline.courses or timeline.marks or timeline.series):
        return "No history in this case"
    now = [c.label for c in timeline.courses if c.end is None]
    parts = (
        [f"{counted(len(timeline.courses), 'treatment course')}, now on {', '.join(shorten(n, 40) for n in now[:3])}"]
        if now
        else []
    )
    for s in timeline.series[:2]:
        if len(s.points) > 1:
            first, last = s.points[0], s.points[-1]
            parts.append(f"{shorten(s.label, 40)} from {number(first.value, s.unit)} to {quantity(last.value, s.unit)}")
    if not parts:
        parts = [f"{counted(len(timeline.courses), 'treatment course')}, {counted(len(timeline.marks), 'dated event')}"]
    return "; ".join(parts)


def _ticks(start: dt.date, end: dt.date, room: int) -> list[tuple[dt.date, str]]:
    """Month or year ticks, at most `room` of them."""
    for months in (1, 3, 6, 12, 24, 60, 120, 240):
        first = dt.date(start.year - (start.year % (months // 12) if months >= 12 else 0), 1, 1)
        ticks: list[tuple[dt.date, str]] = []
        k = 0
        while True:
            year = first.year + (k * months) // 12
            if year > min(end.year, 9998):
                break
            date = dt.date(year, (k * months) % 12 + 1, 1)
            if start <= date <= end:
                words = str(year) if months >= 12 or date.month == 1 else MONTHS[date.month - 1]
                if not ticks and months < 12 and date.month != 1:
                    words = f"{MONTHS[date.month - 1]} {year}"
                ticks.append((date, words))
            k += 1
        if len(ticks) <= room:
            return ticks
    return []


class _Lane:
    """Keeps labels of one row apart: gives each the first level where it fits."""

    def __init__(self, levels: int) -> None:
        self.free = [-1e9] * levels

    def level(self, left: float, right: float) -> int | None:
        for k, free in enumerate(self.free):
            if left >= free:
                self.free[k] = right + 8
                return k
        return None


class Lanes:
    """Draws one lane under the other; `y` is where the next one starts. Words are said in the language of the reader before they are cut to their room."""

    def __init__(
        self, timeline: Timeline, as_of: dt.date, colour: Palette, width: int, links: frozenset[str], say: Say = as_is
    ) -> None:
        self.t, self.as_of, self.colour, self.width, self.links, self.say = timeline, as_of, colour, width, links, say
        self.narrow = width < 600
        self.left = 104.0 if self.narrow else 150.0
        self.right = width - (64.0 if self.narrow else 96.0)
        dates = [timeline.start, timeline.end, as_of]
        dates += (
            [m.date for m in timeline.marks]
            + [p.date for s in timeline.series for p in s.points]
            + [c.start for c in timeline.courses]
        )
        self.start, self.end = min(dates), max(dates)
        if (self.end - self.start).days < 28:
            self.start = max(self.start, dt.date(1, 2, 1)) - dt.timedelta(days=28)
        self.y: float = 4.0
        self.out: list[str] = []

    def x(self, date: dt.date) -> float:
        share = (min(max(date, self.start), self.end) - self.start).days / max((self.end - self.start).days, 1)
        return self.left + share * (self.right - self.left)

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        fill: str = "soft",
        anchor: str = "start",
        bold: bool = False,
        size: float = 12,
        halo: bool = False,
    ) -> str:
        c = self.colour
        ring = f"stroke:{c('page')};stroke-width:3;stroke-linejoin:round;paint-order:stroke;" if halo else ""
        weight = "font-weight:600;" if bold else ""
        return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" style="fill:{c(fill)};font-size:{size:g}px;{weight}{ring}">{esc(words)}</text>'

    def linked(self, event: str, says: str, body: str, typed: str = "") -> str:
        """`typed`: what a person wrote, which stays as it is."""
        says = " ".join(part for part in (self.say(says), typed) if part)
        body = f"<title>{esc(shorten(says, 300))}</title>{body}"
        return f'<a href="#{esc(anchor(event))}">{body}</a>' if event in self.links else f"<g>{body}</g>"

    def head(self, words: str, sub: str = "") -> None:
        self.out.append(self.text(0, self.y + 16, self.short(words), fill="ink", bold=True))
        if sub:
            self.out.append(self.text(0, self.y + 31, self.short(sub), size=11))

    def short(self, words: str) -> str:
        """Words that fit before the lanes."""
        return shorten(self.say(words), 15 if self.narrow else 22)

    def series(self, s: Series) -> None:
        c, points = self.colour, sorted(s.points, key=lambda p: p.date)
        top, tall = self.y + 12, 28.0
        self.head(s.label, unit_words(s.unit))
        values = [p.value for p in points if p.value == p.value and abs(p.value) != float("inf")]
        if not values:
            self.out.append(self.text(self.left, self.y + 24, self.say("not known")))
            self.y += 50
            return
        low, high = min(0.0, *values), max(values)

        def at(value: float) -> float:
            share = (value - low) / (high - low) if high > low else 0.5
            return top + tall - min(max(share, 0.0), 1.0) * tall

        spots = [(p, self.x(p.date), at(p.value)) for p in points]
        self.out.append(f'<path d="M{self.left} {top + tall}H{self.right}" style="stroke:{c("line")};stroke-width:1"/>')
        if len(spots) > 1:
            line = "L".join(f"{x:.1f} {y:.1f}" for _, x, y in spots)
            self.out.append(
                f'<path d="M{line}" style="fill:none;stroke:{c("accent")};stroke-width:1.8;stroke-linejoin:round"/>'
            )
        for p, x, y in spots:
            mark = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.4" style="fill:{c("accent")};stroke:{c("page")};stroke-width:1"/>'
            self.out.append(self.linked(p.event, f"{s.label} {quantity(p.value, s.unit)}, {day(p.date)}", mark))
        if len(spots) > 1:
            p, x, y = spots[0]
            if spots[-1][1] - x > 60:
                self.out.append(
                    self.text(
                        x, y - 6, number(p.value, s.unit), anchor="middle" if x > self.left + 12 else "start", halo=True
                    )
                )
        p, x, y = spots[-1]
        unit = "" if self.narrow else unit_words(s.unit)
        words = f"{number(p.value, s.unit)}\u202f{unit}" if unit else number(p.value, s.unit)
        self.out.append(self.text(x + 8, y + 5, self.say(words), fill="ink", bold=True, halo=True, size=13))
        self.y += 50

    def courses(self) -> None:
        c = self.colour
        shown = sorted(self.t.courses, key=lambda course: (course.start, course.label))[-MAX_COURSES:]
        for course in shown:
            self.head(course.label)
            x0, x1 = self.x(course.start), self.x(course.end or self.end)
            x1 = max(x1, x0 + 3)
            y, colour = self.y + 6, c(COURSE_COLOUR[course.kind])
            if course.end is None:
                shape = f"M{x0:.1f} {y}H{x1:.1f}L{x1 + 9:.1f} {y + 6}L{x1:.1f} {y + 12}H{x0:.1f}Z"
                says = "goes on"
            else:
                shape = f"M{x0:.1f} {y}H{x1:.1f}V{y + 12}H{x0:.1f}Z"
                says = (
                    f"stopped: {plain(course.stopped_for)}"
                    if course.stopped_for not in (None, "completed")
                    else plain(course.stopped_for or "")
                )
            if course.cycles:
                says = ", ".join(filter(None, (counted(course.cycles, "cycle"), says)))
            when = f"{day(course.start)} – {day(course.end)}" if course.end else f"since {day(course.start)}"
            full = ", ".join(filter(None, (course.label, when, says)))
            self.out.append(
                self.linked(course.event, full, f'<path d="{shape}" style="fill:{colour};fill-opacity:0.85"/>')
            )
            says = shorten(self.say(says), 14 if self.narrow else 34)
            after = x1 + (14 if course.end is None else 6)
            if after + 6.2 * len(says) < self.width:
                self.out.append(self.text(after, y + 10.5, says))
            elif x0 - self.left > 6.2 * len(says):
                self.out.append(self.text(x0 - 6, y + 10.5, says, anchor="end"))
            self.y += 24
        hidden = len(self.t.courses) - len(shown)
        if hidden:
            self.out.append(
                self.text(self.left, self.y + 14, self.say(f"and {counted(hidden, 'earlier course')} in the table"))
            )
            self.y += 22

    def glyph(self, kind: str, x: float, y: float) -> str:
        c = self.colour
        ink, page = c("ink"), c("page")
        if kind in ("procedure", "plan"):
            hollow = f"fill:{page};stroke:{ink};stroke-width:1.6" if kind == "plan" else f"fill:{ink}"
            return f'<path d="M{x:.1f} {y - 6}l5.5 10h-11z" style="{hollow}"/>'
        if kind == "adverse_event":
            return f'<path d="M{x - 4.5:.1f} {y - 4.5}l9 9m0 -9l-9 9" style="stroke:{c("red")};stroke-width:2.2"/>'
        if kind in ("board", "assessment"):
            return f'<rect x="{x - 4.5:.1f}" y="{y - 4.5}" width="9" height="9" style="fill:{ink}"/>'
        if kind in ("imaging", "scout"):
            return f'<circle cx="{x:.1f}" cy="{y}" r="4.5" style="fill:{page};stroke:{ink};stroke-width:1.8"/>'
        if kind in ("clinic", "labs"):
            return f'<path d="M{x:.1f} {y - 6}v12" style="stroke:{c("mark")};stroke-width:2"/>'
        return f'<path d="M{x:.1f} {y - 5.5}l5.5 5.5l-5.5 5.5l-5.5 -5.5z" style="fill:{ink}"/>'

    def marks(self, title: str, marks: list[Mark], labelled: bool) -> None:
        c = self.colour
        lane = _Lane(MAX_LEVELS)
        placed: list[tuple[Mark, float, float, str, int | None]] = []
        for m in sorted(marks, key=lambda m: (m.date, m.label)):
            words, x = shorten(self.say(m.label), 16 if self.narrow else 26), self.x(m.date)
            wide = 6.6 * len(words)
            left = min(max(x - 6, self.left), self.width - max(wide, width_of(words, 12)) - 2)
            placed.append((m, x, left, words, lane.level(left, left + wide) if labelled else None))
        levels = 1 + max((level for *_, level in placed if level is not None), default=-1)
        base = self.y + 12 + 15 * levels
        self.out.append(self.text(0, base + 4, self.short(title), fill="ink", bold=True))
        self.out.append(f'<path d="M{self.left} {base}H{self.right}" style="stroke:{c("line")};stroke-width:1"/>')
        for m, x, left, words, level in placed:
            body = self.glyph(m.kind, x, base)
            if level is not None:
                y = base - 9 - 15 * level
                if level:
                    body = (
                        f'<path d="M{x:.1f} {base - 6}V{y + 3:.1f}" style="stroke:{c("mark")};stroke-width:0.8"/>'
                        + body
                    )
                body += self.text(left, y, words, halo=True)
            says, typed = f"{day(m.date)}: {m.label}.", m.detail if _typed(m) else ""
            self.out.append(self.linked(m.event, says if typed else f"{says} {m.detail}".strip(), body, typed))
        self.y = base + 10
        silent = sum(level is None for *_, level in placed) if labelled else 0
        if silent:
            self.out.append(self.text(self.left, self.y + 10, self.say(f"{silent} without a label: see the table")))
            self.y += 16

    def axis(self) -> None:
        c, y = self.colour, self.y + 6
        self.out.append(f'<path d="M{self.left} {y}H{self.right}" style="stroke:{c("mark")};stroke-width:1"/>')
        now = self.x(self.as_of)
        for date, words in _ticks(self.start, self.end, 5 if self.narrow else 12):
            x = self.x(date)
            self.out.append(f'<path d="M{x:.1f} {y}v5" style="stroke:{c("mark")};stroke-width:1"/>')
            self.out.append(self.text(x, y + 18, self.say(words), anchor="middle", size=11))
        self.out.append(f'<path d="M{now:.1f} 4V{y}" style="stroke:{c("soft")};stroke-width:1;stroke-dasharray:2 3"/>')
        self.out.append(
            self.text(self.width - 1, y + 34, self.say(f"as of {day(self.as_of)}"), anchor="end", size=11, fill="ink")
        )
        self.y = y + 38

    def svg(self, title: str, prefix: str) -> str:
        """The whole picture."""
        body = "".join(self.out)
        role = "" if "<a " in body else 'role="img" '  # an image hides the links inside it from screen readers
        role += said_mark(self.say)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.y:.0f}" {role}aria-labelledby="{prefix}-title" '
            f'style="font-family:{self.colour.font};font-variant-numeric:tabular-nums"><title id="{prefix}-title">{esc(self.say(title))}</title>{body}</svg>'
        )


def timeline_svg(
    timeline: Timeline | None,
    as_of: dt.date,
    palette: Palette = PRINT,
    *,
    width: int = 960,
    prefix: str = "time",
    links: frozenset[str] = frozenset(),
    say: Say = as_is,
) -> str:
    """The timeline as SVG, laid out for `width` px. `links`: ids of the events that the page has a place for. `say`: into the language of the reader."""
    title = timeline_finding(timeline)
    empty = timeline is None or not (timeline.courses or timeline.marks or timeline.series)
    drawing = Lanes(timeline or Timeline(start=as_of, end=as_of), as_of, palette, width, links, say)
    if empty:
        drawing.out.append(
            f'<rect x="1" y="1" width="{width - 2}" height="54" rx="6" '
            f'style="fill:none;stroke:{palette("mark")};stroke-width:1;stroke-dasharray:5 4"/>'
        )
        drawing.out.append(drawing.text(width / 2, 33, say(title), anchor="middle"))
        drawing.y = 56
    else:
        for s in drawing.t.series[:MAX_SERIES]:
            drawing.series(s)
        drawing.courses()
        for name, kinds, labelled in ROWS:
            marks = [m for m in drawing.t.marks if m.kind in kinds]
            if marks:
                drawing.marks(name, marks, labelled)
        drawing.axis()
    return drawing.svg(title, prefix)
