"""Rooms side by side: a strip of single figures a room, a funnel of shares against numbers, and what was given as counted bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from liverboard.report.canvas import SMALL, Axis, Canvas, fit, many, value_words, wrapped
from liverboard.report.palette import PRINT, Palette
from liverboard.report.words import THIN, clean, counted

_LIMITS = ((0.025, "6 4"), (0.001, "2 3"))  # each tail of chance, and how its line is dashed: 95 % and 99.8 %
_ROW, _LEFT = 56.0, 220.0


@dataclass(frozen=True, slots=True)
class Strip:
    """One room: a figure a procedure. `small`: too few to call it a habit. `not_stated`: procedures without the figure."""

    room: str
    values: tuple[float, ...]
    not_stated: int
    small: bool


@dataclass(frozen=True, slots=True)
class Share:
    """One room: `part` of `of` procedures."""

    room: str
    part: int
    of: int
    small: bool


@dataclass(frozen=True, slots=True)
class Given:
    """What one room gave, most frequent first, each with its count."""

    room: str
    words: tuple[tuple[str, int], ...]
    small: bool


def strip_svg(strips: Sequence[Strip], axis_title: str, palette: Palette = PRINT, *, width: int, prefix: str, title: str) -> str:  # fmt: skip
    """A row a room: a dot a procedure, a bar at the median. The number of procedures stands at the name; a small one is called small."""
    c, narrow = Canvas(width, palette), width < 600
    left, right = (16.0 if narrow else _LEFT), width - 24.0
    values = [value for strip in strips for value in strip.values]
    axis = Axis("number", 0.0, max(values, default=1.0) * 1.05 or 1.0, left, right)
    y = 8.0
    for strip in strips:
        middle = y + (38 if narrow else 24)
        _name(c, strip.room, _counts(strip), strip.small, y, narrow=narrow)
        c.line(left, middle, right, middle, "line")
        for number, value in enumerate(sorted(strip.values)):
            c.circle(axis.at(value), middle + (number % 3 - 1) * 5.0, 4.5, fill="accent", stroke="page", wide=1)
        if strip.values:
            x = axis.at(median(strip.values))
            c.line(x, middle - 14, x, middle + 14, "ink", 2.5)
        else:
            c.text(left + 4, middle - 4, "no figure stated", "soft")
        y += _ROW + (12 if narrow else 0)
    y = c.axis_below(axis, y, axis_title, 4 if narrow else 8)
    says = "; ".join(f"{clean(s.room)}: {_said(s)}" for s in strips)
    return c.svg(y + 4, title, f"{says}. Bars: medians. All values stand in the table.", prefix)


def share_funnel_svg(shares: Sequence[Share], what: str, palette: Palette = PRINT, *, width: int, prefix: str, title: str) -> str:  # fmt: skip
    """Shares of rooms against their numbers, with the exact binomial limits around the share of all rooms: within them chance alone explains a room."""
    c, narrow = Canvas(width, palette), width < 600
    left, right, top, bottom = 56.0, width - (24.0 if narrow else 200.0), 48.0, 318.0
    most = max((share.of for share in shares), default=1)
    across, up = Axis("number", 0.0, most * 1.08, left, right), Axis("percent", 0.0, 1.0, bottom, top)
    total = sum(share.of for share in shares)
    centre = sum(share.part for share in shares) / total if total else None
    c.text(0, 16, f"{what} (%)", "soft")
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        c.line(left, up.at(tick), right, up.at(tick), "line")
        c.text(left - 8, up.at(tick) + 5, f"{100 * tick:.0f}", "soft", anchor="end")
    if centre is not None:
        c.line(left, up.at(centre), right, up.at(centre), "accent", 1.4)
        if not narrow:
            c.text(right + 8, up.at(centre) + 5, f"all rooms {value_words(centre, 'percent')}{THIN}%", "accent")
        _limits(c, across, up, centre, most)
    for share in shares:
        if share.of:
            x, y = across.at(share.of), up.at(share.part / share.of)
            c.circle(x, y, 5.5, fill="page" if share.small else "ink", stroke="ink", wide=1.5)
            end = narrow and x > (left + right) / 2
            room = (x - left if end else width - x) - 12
            words = fit(f"{clean(share.room)} {share.part}/{share.of}", max(room, 60), SMALL)
            c.text(
                x + (-10 if end else 10), y - 8, words, "ink", anchor="end" if end else "start", size=SMALL, halo=True
            )
    y = c.axis_below(across, bottom, "procedures with a stated end point", 4 if narrow else 7)
    for line in wrapped("Dashed: 95 % limits of chance around the share of all rooms; dotted: 99.8 %. Open: fewer than 5 procedures.", width):  # fmt: skip
        c.text(0, y + 14, line, "soft")
        y += 20
    says = "; ".join(f"{clean(share.room)}: {share.part} of {share.of}" for share in shares)
    return c.svg(y + 4, title, f"{says}.", prefix)


def _limits(c: Canvas, across: Axis, up: Axis, centre: float, most: int) -> None:
    from scipy import stats as untyped_stats

    stats: object = untyped_stats
    for tail, dash in _LIMITS:
        for side in (tail, 1 - tail):
            points = [
                (across.at(n), up.at(float(stats.binom.ppf(side, n, centre)) / n))  # pyright: ignore
                for n in range(1, max(most, 2) + 1)
            ]
            path = "".join(f"{'M' if k == 0 else 'L'}{x:.1f} {y:.1f}" for k, (x, y) in enumerate(points))
            c.shape(path, stroke="accent", wide=1.1, dash=dash)


def given_svg(rooms: Sequence[Given], palette: Palette = PRINT, *, width: int, prefix: str, title: str) -> str:
    """A bar for each thing given, room by room, with its count."""
    c, narrow = Canvas(width, palette), width < 600
    left = 16.0 if narrow else _LEFT
    most = max((n for room in rooms for _, n in room.words), default=1)
    room_for_bars = (width - left - 48) * (1.0 if narrow else 0.45)
    y = 8.0
    for each in rooms:
        _name(c, each.room, counted(sum(n for _, n in each.words), "procedure"), each.small, y, narrow=narrow)
        y += 26 if narrow else 0
        for word, n in each.words:
            wide = max(room_for_bars * n / most, 2.0)
            told = word == "not stated"
            c.shape(f"M{left:.1f} {y + 6:.1f}h{wide:.1f}v14h{-wide:.1f}z", fill="map-0" if told else "map-3", stroke="mark")  # fmt: skip
            if narrow:
                c.text(left + wide + 6, y + 18, many(n))
                c.text(left, y + 38, fit(word, width - left - 8), "soft", full=word)
                y += 46
            else:
                c.text(left + wide + 8, y + 18, fit(f"{many(n)} {word}", width - left - wide - 16), full=word)
                y += 26
        y += 20
    says = "; ".join(
        f"{clean(each.room)}: " + ", ".join(f"{clean(word)} {n}" for word, n in each.words) for each in rooms
    )
    return c.svg(y, title, f"{says}.", prefix)


def _name(c: Canvas, room: str, counts: str, small: bool, y: float, *, narrow: bool) -> None:
    width = c.width - 24 if narrow else _LEFT - 24
    c.text(0, y + 16, fit(room, width * (0.5 if narrow else 1.0), weight=600), weight=600, full=clean(room))
    words = f"{counts}{', small' if small else ''}"
    if narrow:
        c.text(c.width - 8, y + 16, words, "amber" if small else "soft", anchor="end", size=SMALL)
    else:
        c.text(0, y + 34, words, "amber" if small else "soft", size=SMALL)


def _counts(strip: Strip) -> str:
    return f"{len(strip.values)} of {len(strip.values) + strip.not_stated} stated"


def _said(strip: Strip) -> str:
    if not strip.values:
        return f"no figure in {counted(strip.not_stated, 'procedure')}"
    return (
        f"median {many(median(strip.values))}, {many(min(strip.values))} to {many(max(strip.values))}, {_counts(strip)}"
    )
