"""Response of single patients of one technique: a waterfall of best changes and a spider of the ways there. Nothing here compares techniques."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from liverboard.board.response_cohort import PatientResponse
from liverboard.clinical.response import Category
from liverboard.report.canvas import SMALL, Axis, Canvas, tick_words, wrapped
from liverboard.report.palette import PRINT, Palette
from liverboard.report.words import THIN, clean, number

_TOP = 150.0  # per cent; what rose more is drawn as an arrow at the edge and written
_LETTERS_FROM, _DAYS_A_MONTH = 22.0, 30.4375
_FILL: Mapping[Category, str] = {
    "CR": "teal",
    "PR": "teal",
    "SD": "map-1",
    "non-CR/non-PD": "map-1",
    "PD": "red",
    "NE": "page",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """Where the criterion draws its lines, per cent: a fall against the baseline that is a response, a rise against the smallest sum that is progression."""

    fall_percent: float
    rise_percent: float
    name: str


def waterfall_svg(patients: Sequence[PatientResponse], limits: Limits, palette: Palette = PRINT, *, width: int, prefix: str, title: str) -> str:  # fmt: skip
    """A bar a patient, the largest rise first; the letters are the best response. A cross: a new lesion, which is progression whatever the sum does."""
    shown = sorted((each for each in patients if each.best_change_percent is not None), key=lambda each: -_change(each))
    c = Canvas(width, palette)
    left, right, top, bottom = 56.0, width - 12.0, 40.0, 336.0
    up = _vertical(c, [_change(each) for each in shown], left, right, (top, bottom), f"Best change of the sum, {limits.name} (%)")  # fmt: skip
    room = (right - left) / max(len(shown), 1)
    wide = min(max(room * 0.8, 1.0), 44.0)
    zero = up.at(0)
    for k, each in enumerate(shown):
        x, y = left + (k + 0.5) * room, up.at(_change(each))
        low, high = min(y, zero), max(y, zero)
        if high - low < 1.5:
            low, high = zero - 0.75, zero + 0.75
        _bar(c, f"M{x - wide / 2:.1f} {low:.1f}h{wide:.1f}v{high - low:.1f}h{-wide:.1f}z", _FILL[each.best])
        if _change(each) > _TOP:
            c.text(x, top - 4, f"+{_change(each):.0f}", anchor="middle", size=SMALL)
        below = _change(each) <= 0
        if room >= _LETTERS_FROM:
            c.text(x, high + 15 if below else low - 5, _letters(each.best), "ink", 600, "middle", size=SMALL, halo=True)
        if each.new_lesion:
            y0 = zero - 9 if below else zero + 9
            c.shape(f"M{x - 3.5:.1f} {y0 - 3.5:.1f}l7 7m0 -7l-7 7", stroke="red", wide=1.8)
    c.line(left, zero, right, zero, "ink", 1.2)
    _limit(c, up, left, right, limits)
    y = _legend(c, bottom + 26, {each.best for each in shown}, letters=room >= _LETTERS_FROM)
    says = "; ".join(f"{clean(each.case)} {number(_change(each), '%')} %, {each.best}" for each in shown)
    return c.svg(y, title, f"{says}. All values stand in the table.", prefix)


def spider_svg(patients: Sequence[PatientResponse], limits: Limits, palette: Palette = PRINT, *, width: int, prefix: str, title: str) -> str:  # fmt: skip
    """A line a patient from the baseline on: change of the sum over time. Open: too early to be judged; a red square: progression on that day."""
    c, narrow = Canvas(width, palette), width < 600
    left, right, top, bottom = 56.0, width - (20.0 if narrow else 64.0), 40.0, 336.0
    ways = [
        (each, [(0.0, 0.0, None), *((s.days / _DAYS_A_MONTH, s.change_percent, s) for s in each.path if s.change_percent is not None)])
        for each in patients
    ]  # fmt: skip
    ways = [(each, way) for each, way in ways if len(way) > 1]
    months = max((way[-1][0] for _, way in ways), default=1.0)
    up = _vertical(c, [point[1] for _, way in ways for point in way], left, right, (top, bottom), f"Change of the sum, {limits.name} (%)")  # fmt: skip
    across = Axis("number", 0.0, months * 1.02, left, right)
    _limit(c, up, left, right, limits, end=True)
    c.line(left, up.at(0), right, up.at(0), "ink", 1.2)
    faint = 0.85 if len(ways) <= 30 else 0.45
    for _, way in ways:
        spots = [(across.at(month), up.at(change)) for month, change, _ in way]
        path = "".join(f"{'M' if k == 0 else 'L'}{x:.1f} {y:.1f}" for k, (x, y) in enumerate(spots))
        c.out.append(
            f'<path d="{path}" style="fill:none;stroke:{c.c("accent")};stroke-width:1.4;stroke-linejoin:round;stroke-opacity:{faint:g}"/>'
        )
        for (x, y), (_, _, seen) in zip(spots, way, strict=True):
            if seen is None:
                continue
            if seen.category == "PD":
                c.shape(f"M{x - 3.5:.1f} {y - 3.5:.1f}h7v7h-7z", fill="red", stroke="page", wide=0.8)
            else:
                c.circle(x, y, 3.0, fill="page" if seen.early else "accent", stroke="accent", wide=1.2)
    y = c.axis_below(across, bottom, "months from the first session", 5 if narrow else 10)
    lines = (
        "Square: progression on that day. Open circle: too early after a treatment to be judged by size.",
        f"Progression counts from the smallest sum (+{number(limits.rise_percent)}{THIN}%), or by new lesions: a line may lie below the baseline and progress.",
    )
    for line in lines:
        y = _prose(c, y, line)
    says = "; ".join(
        f"{clean(each.case)}: " + ", ".join(f"{m:.0f} months {number(ch, '%')} %" for m, ch, s in way if s) for each, way in ways
    )  # fmt: skip
    return c.svg(y + 6, title, f"{says}. All values stand in the table.", prefix)


def _bar(c: Canvas, path: str, fill: str) -> None:
    """Progression is framed and pale, response solid, the rest light: they are told apart in grey too."""
    if fill == "red":
        c.shape(path, fill=fill, stroke=fill, wide=1.8, opacity=0.3)
    else:
        c.shape(path, fill=fill, stroke="" if fill == "teal" else "mark", wide=0.8)


def _change(each: PatientResponse) -> float:
    return each.best_change_percent or 0.0


def _letters(category: str) -> str:
    return "–" if category == "non-CR/non-PD" else category


def _vertical(c: Canvas, values: Sequence[float], left: float, right: float, ends: tuple[float, float], title: str) -> Axis:  # fmt: skip
    """The axis of change from −100 % (or less) to the largest rise, at most 150 %, with its lines and words."""
    top, bottom = ends
    highest = max((*values, 20.0))
    up = Axis("number", min((*values, -100.0)), min(max(highest * 1.08, 30.0), _TOP), bottom, top)
    ticks = up.ticks(8)
    for tick in ticks:
        c.line(left, up.at(tick), right, up.at(tick), "line")
        c.text(left - 8, up.at(tick) + 5, tick_words(tick, "number", ticks), "soft", anchor="end")
    c.text(0, 16, title, "soft")
    return up


def _limit(c: Canvas, up: Axis, left: float, right: float, limits: Limits, *, end: bool = False) -> None:
    """The line of a response, its words where the picture is usually empty."""
    y = up.at(-limits.fall_percent)
    c.line(left, y, right, y, "accent", 1.2, "6 4")
    words = f"−{number(limits.fall_percent)}{THIN}%: response"
    c.text(
        right if end else left + 4,
        y + (-5 if end else 15),
        words,
        "accent",
        anchor="end" if end else "start",
        size=SMALL,
        halo=True,
    )


def _legend(c: Canvas, y: float, used: set[Category], *, letters: bool) -> float:
    x = 0.0
    for fill, words, wide in (("teal", "CR, PR: response", 150), ("map-1", "SD: stable", 110), ("red", "PD: progression", 150), ("page", "NE: nothing late enough", 190)):  # fmt: skip
        if fill not in {_FILL[name] for name in used}:
            continue
        if x + wide > c.width:
            x, y = 0.0, y + 22
        _bar(c, f"M{x + 1:.1f} {y - 10:.1f}h12v12h-12z", fill)
        c.text(x + 20, y, words, "soft", size=SMALL)
        x += wide
    y += 8
    words = "Best response, confirmed where the criterion asks for it. Cross at the baseline: a new lesion."
    return _prose(c, y, words if letters else f"{words} Letters are left out where bars are narrow; the table has them.") + 6  # fmt: skip


def _prose(c: Canvas, y: float, text: str) -> float:
    for line in wrapped(text, c.width * 0.96, SMALL):
        y += 18
        c.text(0, y, line, "soft", size=SMALL)
    return y
