"""Funnel plot: effects against their standard errors, upon contours of significance; and its table twin."""

from __future__ import annotations

import math
from dataclasses import dataclass

from liverboard.report.canvas import Axis, AxisKind, Canvas, fit, tick_words, value_words, wrapped
from liverboard.report.palette import PRINT, Palette
from liverboard.report.words import THIN, clean, counted, number

ENOUGH = 10
# Two-sided p and the normal quantile that belongs to it: white within, darker further out.
LEVELS = ((0.10, 1.6449), (0.05, 1.9600), (0.01, 2.5758))
SHADES = ("map-0", "map-1", "map-2")


@dataclass(frozen=True, slots=True)
class FunnelStudy:
    """One dot: `effect` and `se` on the scale of the model (log for ratios, logit for shares)."""

    label: str
    effect: float
    se: float


@dataclass(frozen=True, slots=True)
class Funnel:
    """`centre`: pooled effect; `null`: effect of no difference, None where there is none (then no contours). `kind`: how the horizontal axis is written:
    `ratio` reads log effects, `percent` reads logits, `number` reads them as they are."""

    measure: str
    kind: AxisKind
    studies: tuple[FunnelStudy, ...]
    centre: float | None
    null: float | None
    footnotes: tuple[str, ...] = ()


def natural(effect: float, kind: AxisKind) -> float:
    """The effect as its axis writes it."""
    if kind == "ratio":
        return math.exp(min(effect, 700))
    return 1 / (1 + math.exp(-max(min(effect, 700), -700))) if kind == "percent" else effect


def _usable(funnel: Funnel) -> list[FunnelStudy]:
    return [s for s in funnel.studies if math.isfinite(s.effect) and math.isfinite(s.se) and s.se > 0]


def funnel_finding(funnel: Funnel) -> str:
    """Title that states the finding: it counts sides and never claims more."""
    shown = _usable(funnel)
    if not shown or funnel.centre is None:
        return f"Small studies: {counted(len(shown), 'study', 'studies')}, no pooled value to compare with"
    few = "; too few to judge asymmetry" if len(shown) < ENOUGH else ""
    ordered = sorted(shown, key=lambda s: -s.se)
    half = ordered[: max(len(ordered) // 2, 1)]
    left = sum(s.effect < funnel.centre for s in half)
    return f"Of the {counted(len(half), 'least precise study', 'least precise studies')}, {left} lie below the pooled value and {len(half) - left} above{few}"


def funnel_says(funnel: Funnel) -> str:
    """The picture in words."""
    outside = sum(
        funnel.centre is not None and abs(s.effect - funnel.centre) > LEVELS[1][1] * s.se for s in _usable(funnel)
    )
    lines = [
        f"Funnel plot of {counted(len(_usable(funnel)), 'study', 'studies')}; {outside} outside the 95{THIN}% funnel of chance."
    ]
    return " ".join([*lines, *funnel.footnotes, "All values stand in the table."])


def funnel_table(funnel: Funnel) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Table twin: head and rows, most precise first."""
    unit = " (%)" if funnel.kind == "percent" else ""
    scale = {"ratio": " (log)", "percent": " (logit)", "number": ""}[funnel.kind]
    head = ("Study", f"{funnel.measure}{unit}", f"Standard error{scale}")
    rows = [
        (clean(s.label), value_words(natural(s.effect, funnel.kind), funnel.kind), number(s.se))
        for s in sorted(funnel.studies, key=lambda s: s.se)
    ]
    return head, rows


def funnel_svg(funnel: Funnel, palette: Palette = PRINT, *, width: int = 960, prefix: str = "funnel") -> str:
    """Precise studies on top. Shaded: where a study differs from no effect (p below 0.10, 0.05, 0.01). Dashed: 95 % funnel around the pooled value."""
    c, narrow = Canvas(width, palette), width < 600
    studies = _usable(funnel)
    left, right = (48.0, width - 16.0) if narrow else (96.0, width - 196.0)
    top, bottom = 24.0, 24.0 + (260.0 if narrow else 340.0)
    largest = max((s.se for s in studies), default=1.0) * 1.06
    middle = funnel.centre if funnel.centre is not None else funnel.null
    reach = [s.effect for s in studies]
    if middle is not None:
        reach += [middle - LEVELS[1][1] * largest, middle + LEVELS[1][1] * largest]
    if funnel.null is not None:
        reach.append(funnel.null)
    low, high = (min(reach), max(reach)) if reach else (-1.0, 1.0)
    pad = max(0.04 * (high - low), 1e-9 * max(abs(low), abs(high), 1e-3))
    across = Axis("number", low - pad, high + pad, left, right)
    down = Axis("number", 0.0, largest, top, bottom)
    if funnel.null is not None:
        _contours(c, across, down, funnel.null)
    if funnel.centre is not None:
        x = across.at(funnel.centre)
        c.line(x, top, x, bottom, "accent", 1.2)
        for sign in (-1, 1):
            _ray(c, across, down, funnel.centre, sign * LEVELS[1][1])
    for s in studies:
        c.circle(
            across.at(s.effect), down.at(s.se), 4.5 if len(studies) <= 200 else 2.5, fill="ink", stroke="page", wide=1
        )
    c.line(left, top, left, bottom, "mark")
    ticks = down.ticks(5)
    for t in ticks:
        c.line(left - 5, down.at(t), left, down.at(t), "mark")
        c.text(left - 9, down.at(t) + 5, tick_words(t, "number", ticks), "soft", anchor="end")
    c.text(
        0,
        14,
        "Standard error" + (" (log)" if funnel.kind == "ratio" else " (logit)" if funnel.kind == "percent" else ""),
        "soft",
    )
    y = _across(c, funnel, across, bottom, 5 if narrow else 7)
    y = _key(c, funnel, right, top, y, narrow=narrow)
    if len(studies) < ENOUGH:
        c.banner(0, y + 2, f"Too few studies for a judgement: only {len(studies)}", width)
        y += 34
    for note in funnel.footnotes:
        for line in wrapped(note, width):
            c.text(0, y + 14, line, "soft")
            y += 20
    return c.svg(y + 6, funnel_finding(funnel), funnel_says(funnel), prefix)


def _ray(c: Canvas, across: Axis, down: Axis, centre: float, slope: float) -> None:
    """A side of the funnel, from the top to where it leaves the picture."""
    se = min(down.high, max((across.high - centre) / slope, (across.low - centre) / slope))
    c.line(across.at(centre), down.start, across.at(centre + slope * se), down.at(se), "accent", 1.2, "6 4")


def _contours(c: Canvas, across: Axis, down: Axis, null: float) -> None:
    """Shades from outside in, each a cone with its tip at the null; the innermost is the page."""
    left, right, top, bottom = across.start, across.end, down.start, down.end
    c.shape(f"M{left:.1f} {top:.1f}H{right:.1f}V{bottom:.1f}H{left:.1f}Z", fill=SHADES[-1])
    for (_, z), shade in zip(reversed(LEVELS), ("map-1", "map-0", "page"), strict=True):
        tip = across.at(null)
        points = [f"M{tip:.1f} {top:.1f}"]
        for sign in (1, -1):
            edge = across.high if sign > 0 else across.low
            se = abs(edge - null) / z
            if se < down.high:  # the ray leaves at the side
                corner = f"L{across.at(edge):.1f} {down.at(se):.1f}L{across.at(edge):.1f} {bottom:.1f}"
                ways = (
                    corner
                    if sign > 0
                    else f"L{across.at(edge):.1f} {bottom:.1f}L{across.at(edge):.1f} {down.at(se):.1f}"
                )
            else:
                ways = f"L{across.at(null + sign * z * down.high):.1f} {bottom:.1f}"
            points.append(ways)
        c.shape("".join(points) + "Z", fill=shade)


def _across(c: Canvas, funnel: Funnel, across: Axis, y: float, room: int) -> float:
    """The horizontal axis, written on the natural scale at round natural values."""
    title = f"{funnel.measure}{' (%)' if funnel.kind == 'percent' else ''}"
    if funnel.kind == "number":
        return c.axis_below(across, y, title, room)
    if funnel.kind == "ratio":
        scale = Axis(
            "ratio", math.exp(max(across.low, -690)), math.exp(min(across.high, 690)), across.start, across.end
        )
        return c.axis_below(scale, y, title, room)
    shares = (
        0.001,
        0.005,
        0.01,
        0.02,
        0.05,
        0.1,
        0.2,
        0.3,
        0.4,
        0.5,
        0.6,
        0.7,
        0.8,
        0.9,
        0.95,
        0.98,
        0.99,
        0.995,
        0.999,
    )
    c.line(across.start, y, across.end, y, "mark")
    last = -1e9
    for share in shares:
        x = across.at(math.log(share / (1 - share)))
        if across.low <= math.log(share / (1 - share)) <= across.high and x - last > 38:
            c.line(x, y, x, y + 5, "mark")
            c.text(x, y + 20, tick_words(share, "percent", shares), "soft", anchor="middle")
            last = x
    c.text((across.start + across.end) / 2, y + 41, fit(title, across.end - across.start), "soft", anchor="middle")
    return y + 49


def _key(c: Canvas, funnel: Funnel, right: float, top: float, y: float, *, narrow: bool) -> float:
    """What the shades and lines mean, beside the plot or below it."""
    rows: list[tuple[str, str]] = []
    if funnel.null is not None:
        rows += [
            ("page", "p above 0.10"),
            ("map-0", "p 0.05 to 0.10"),
            ("map-1", "p 0.01 to 0.05"),
            ("map-2", "p below 0.01"),
        ]
    x, at = (0.0, y + 4) if narrow else (right + 24, top)
    step = 0.0
    for i, (shade, words) in enumerate(rows):
        if narrow:
            x, row = (0.0, 180.0)[i % 2], i // 2
            step = 24.0 * row
        else:
            step = 24.0 * i
        c.shape(f"M{x + 0.5:.1f} {at + step + 0.5:.1f}h19v13h-19z", fill=shade, stroke="mark")
        c.text(x + 28, at + step + 12, words, "soft")
    if rows:
        step += 24
    x = 0.0 if narrow else right + 24
    if funnel.centre is not None:
        c.line(x, at + step + 7, x + 20, at + step + 7, "accent", 1.2)
        c.text(x + 28, at + step + 12, "pooled value", "soft")
        x2, step2 = (x + 180, step) if narrow else (x, step + 24)
        c.line(x2, at + step2 + 7, x2 + 20, at + step2 + 7, "accent", 1.2, "6 4")
        c.text(x2 + 28, at + step2 + 12, f"95{THIN}% by chance", "soft")
        step += 24
    return at + step + 4 if narrow else y
