"""Pictures of an audit: verdicts as stacked bars, shares as bars, moved thresholds as bars to both sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from liverboard.options.audit_report import Verdicts
from liverboard.options.verdict import VERDICTS, Verdict
from liverboard.options.words import SIGNS, VERDICT_WORDS
from liverboard.report.palette import PRINT, Palette
from liverboard.report.words import THIN, esc, number, shorten
from liverboard.synthesis.disclosure import Below, Count

# Fill, line and text of a segment, by role; the sign stands in it, so colour is never alone.
_LOOKS: Final[dict[Verdict, tuple[str, str, str]]] = {
    "fits": ("teal", "teal", "page"),
    "caution": ("amber", "amber", "page"),
    "cannot_tell": ("page", "violet", "violet"),
    "not_indicated": ("quiet", "mark", "soft"),
    "excluded": ("red", "red", "page"),
}
_HEIGHT, _PITCH = 20, 28
_ROOM_FOR_SIGN, _ROOM_FOR_SHARE = 14, 60


@dataclass(frozen=True, slots=True)
class Bar:
    """One line of a plot: cases by verdict."""

    name: str
    cases: Count
    verdicts: Verdicts


@dataclass(frozen=True, slots=True)
class MovedBar:
    """One threshold: the value it is moved to and the cases that change, for a smaller and for a larger one; None where that is not plausible."""

    name: str
    rule: str
    smaller: tuple[str, Count] | None
    larger: tuple[str, Count] | None

    def most(self) -> int:
        """The larger of both counts; a hidden one counts as nothing."""
        return max((side[1] for side in (self.smaller, self.larger) if side and isinstance(side[1], int)), default=0)


class _Page:
    """SVG elements in one width; names stand beside the bars where it is wide, above them where it is narrow."""

    def __init__(self, palette: Palette, width: int, names: int) -> None:
        self.colour, self.width, self.wide = palette, width, width > 600
        self.left = names if self.wide else 0
        self.pitch = _PITCH if self.wide else _PITCH + 18
        self.out: list[str] = []

    def text(
        self, x: float, y: float, words: str, role: str = "ink", *, anchor: str = "start", bold: bool = False
    ) -> None:
        self.out.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" style="fill:{self.colour(role)};font-size:14px;font-weight:{600 if bold else 400}">{esc(words)}</text>'
        )

    def rect(self, x: float, y: float, wide: float, fill: str, line: str, *, dashed: bool = False) -> None:
        dash = "stroke-dasharray:3 2;" if dashed else ""
        self.out.append(
            f'<rect x="{x + 0.5:.1f}" y="{y + 0.5:.1f}" width="{max(wide - 1, 0.5):.1f}" height="{_HEIGHT - 1}" style="fill:{self.colour(fill)};stroke:{self.colour(line)};stroke-width:1;{dash}"/>'
        )

    def name(self, y: float, words: str, room: int) -> float:
        """Write the name of a line; where its bar begins."""
        if self.wide:
            self.text(0, y + 15, shorten(words, room))
            return y
        self.text(0, y + 13, shorten(words, 46))
        return y + 18

    def svg(self, height: float, prefix: str, title: str) -> str:
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {height:.0f}" role="img" aria-labelledby="{prefix}-title" '
            f'style="font-family:{self.colour.font}"><title id="{prefix}-title">{esc(title)}</title>{"".join(self.out)}</svg>'
        )


def verdict_bars_svg(bars: Sequence[Bar], palette: Palette = PRINT, *, width: int, prefix: str, title: str) -> str:
    """A stacked bar a line, each over all of its cases; what is hidden is an empty part of the bar."""
    page = _Page(palette, width, 232)
    full = width - page.left
    y = 0.0
    for bar in bars:
        top = page.name(y, bar.name, 30)
        x = float(page.left)
        if not isinstance(bar.cases, int) or bar.cases == 0:
            page.rect(x, top, full, "page", "mark", dashed=True)
            page.text(x + 8, top + 15, "hidden" if bar.cases != 0 else "no case", "soft")
            y += page.pitch
            continue
        for verdict in VERDICTS:
            count = bar.verdicts.get(verdict, 0)
            if isinstance(count, int) and count:
                wide = full * count / bar.cases
                fill, line, ink = _LOOKS[verdict]
                page.rect(x, top, wide, fill, line, dashed=verdict == "cannot_tell")
                if wide >= _ROOM_FOR_SHARE:
                    page.text(
                        x + wide / 2,
                        top + 15,
                        f"{SIGNS[verdict]} {number(100 * count / bar.cases, '%')}{THIN}%",
                        ink,
                        anchor="middle",
                    )
                elif wide >= _ROOM_FOR_SIGN:
                    page.text(x + wide / 2, top + 15, SIGNS[verdict], ink, anchor="middle")
                x += wide
        rest = page.left + full - x
        if rest > 1:
            page.rect(x, top, rest, "page", "mark", dashed=True)
            if rest >= _ROOM_FOR_SHARE:
                page.text(x + rest / 2, top + 15, "hidden", "soft", anchor="middle")
        y += page.pitch
    said = "; ".join(f"{bar.name}: {_words(bar)}" for bar in bars)
    return page.svg(max(y, _PITCH), prefix, f"{title}. {said}")


def _words(bar: Bar) -> str:
    return ", ".join(
        f"{VERDICT_WORDS[verdict]} {_count(bar.verdicts[verdict])}" for verdict in VERDICTS if verdict in bar.verdicts
    )


def _count(count: Count) -> str:
    if isinstance(count, int):
        return f"{count:,}".replace(",", THIN)
    return f"below {count.below}" if isinstance(count, Below) else "withheld"


def share_bars_svg(
    rows: Sequence[tuple[str, Count]], cases: Count, palette: Palette = PRINT, *, width: int, prefix: str, title: str
) -> str:
    """A bar a line, the count beside it."""
    page = _Page(palette, width, 328)
    shown = [count for _, count in rows if isinstance(count, int)]
    room = width - page.left - 140
    y = 0.0
    for name, count in rows:
        top = page.name(y, name, 48)
        wide = 0.0
        if isinstance(count, int):
            wide = max(room * count / max(*shown, 1), 1.5)
            page.rect(page.left, top, wide, "map-4", "map-4")
        share = (
            f"  {number(100 * count / cases, '%')}{THIN}%"
            if isinstance(count, int) and isinstance(cases, int) and cases
            else ""
        )
        page.text(page.left + wide + 8, top + 15, _count(count), bold=True)
        page.text(page.left + wide + 16 + 8.5 * len(_count(count)), top + 15, share.strip(), "soft")
        y += page.pitch
    said = "; ".join(f"{name}: {_count(count)}" for name, count in rows)
    return page.svg(max(y, _PITCH), prefix, f"{title}. {said}")


def move_bars_svg(bars: Sequence[MovedBar], palette: Palette = PRINT, *, width: int, prefix: str, title: str) -> str:
    """Two bars a line: to the left cases that change with a smaller value, to the right with a larger one."""
    page = _Page(palette, width, 400)
    most = max((bar.most() for bar in bars), default=1) or 1
    middle = page.left + (width - page.left) / 2
    room = (width - page.left) / 2 - (150 if page.wide else 110)
    page.text(middle - 8, 14, "smaller value", "soft", anchor="end")
    page.text(middle + 8, 14, "larger value", "soft")
    y = 24.0
    page.pitch += 16 if page.wide else 0
    for bar in bars:
        top = page.name(y, bar.name, 54)
        if page.wide:
            page.text(0, y + 33, shorten(bar.rule, 54), "soft")
        page.out.append(
            f'<path d="M{middle:.1f} {top}v{_HEIGHT}" style="stroke:{page.colour("mark")};stroke-width:2"/>'
        )
        for side, sign in ((bar.smaller, -1), (bar.larger, 1)):
            if side is None:
                continue
            value, count = side
            wide = max(room * count / most, 1.5) if isinstance(count, int) and count else 0.0
            if wide:
                page.rect(middle - wide if sign < 0 else middle, top, wide, "map-4", "map-4")
            words = f"{value}: {_count(count)}"
            page.text(middle + sign * (wide + 8), top + 15, words, anchor="end" if sign < 0 else "start")
        y += page.pitch
    said = "; ".join(
        f"{bar.name}: "
        + ", ".join(f"{value} {_count(count)}" for value, count in (s for s in (bar.smaller, bar.larger) if s))
        for bar in bars
    )
    return page.svg(max(y, _PITCH), prefix, f"{title}. {said}")
