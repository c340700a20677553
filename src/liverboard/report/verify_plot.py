"""Predicted beside delivered dose as a picture: both doses of a row with their intervals on one scale, the difference beside them; and the table twin."""

from __future__ import annotations

import math

from liverboard.report.canvas import Axis, Canvas, fit, width_of, wrapped
from liverboard.report.palette import PRINT, Palette
from liverboard.report.words import THIN, Say, as_is, clean, counted, number
from liverboard.sirt.verify import Compared, MeanDose, Verification

HEAD = ("Structure", "Planned (Gy)", "Delivered (Gy)", "Difference (Gy)", "Difference (%)", "Agree")
AGREES = {True: "agree", False: "differ", None: "not known"}


def verify_finding(found: Verification) -> str:
    """Title that states the finding."""
    if not found.compared:
        return "No planned dose can be compared with a delivered one"
    judged = [each for each in found.compared if each.agrees is not None]
    if not judged:
        most = max(found.compared, key=lambda each: abs(each.difference_percent or 0))
        return f"Delivered beside planned dose, {counted(len(found.compared), 'comparison')}; most apart: {clean(most.name)} {_percent(most)}"
    agree = sum(bool(each.agrees) for each in judged)
    apart = [each for each in judged if not each.agrees]
    if not apart:
        return f"Delivered and planned dose agree within their intervals in all {len(judged)}"
    most = max(apart, key=lambda each: abs(math.log(max(each.delivered.mean_gy, 1e-6) / each.predicted.mean_gy)))
    return f"Delivered and planned dose agree within their intervals in {agree} of {len(judged)}; most apart: {clean(most.name)} {_percent(most)}"


def verify_says(found: Verification) -> str:
    """The picture in words."""
    rows = "; ".join(
        f"{clean(each.name)} planned {number(each.predicted.mean_gy)} Gy, delivered {number(each.delivered.mean_gy)} Gy"
        for each in found.compared
    )
    return f"Planned and delivered mean dose of each structure. {rows}. The figures stand in the table."


def verify_table(found: Verification) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Table twin, every dose and difference with its 95 % interval."""
    return HEAD, [
        (
            clean(each.name),
            dose_ends(each.predicted),
            dose_ends(each.delivered),
            _signed(each.difference_gy, each.difference_low_gy, each.difference_high_gy),
            "not known"
            if each.difference_percent is None
            else _signed(each.difference_percent, each.difference_low_percent, each.difference_high_percent),
            AGREES[each.agrees] if each.agrees is not None else "no interval",
        )
        for each in found.compared
    ]


def verify_svg(found: Verification, palette: Palette = PRINT, *, width: int = 960, prefix: str = "verify", say: Say = as_is) -> str:  # fmt: skip
    """The picture, said in the language of the reader. The scale is logarithmic, since a difference is one of ratio; a row shows the planned dose above the delivered one."""
    c, narrow = Canvas(width, palette, say), width < 600
    left, right = (8.0, width - 12.0) if narrow else (216.0, width - 236.0)
    ends = [end for each in found.compared for dose in (each.predicted, each.delivered) for end in _ends(dose)]
    held = [end for end in ends if end > 0]
    if not held:
        c.text(0, 20, say("No planned dose can be compared with a delivered one."), "soft")
        return c.svg(32, verify_finding(found), verify_says(found), prefix)
    axis = Axis("ratio", min(held) / 1.15, max(held) * 1.15, left, right)
    step, top = (66.0 if narrow else 40.0), 36.0
    bottom = top + step * len(found.compared) + 4
    _key(c, 0.0 if narrow else left)
    if not narrow:
        c.text(right + 20, 14, say("Difference, 95 % interval"), "soft")
    grid = axis.ticks(5 if narrow else 9)
    for tick in grid:
        c.line(axis.at(tick), top - 8, axis.at(tick), bottom, "line")
    for n, each in enumerate(found.compared):
        y = top + step * n + (44.0 if narrow else 18.0)
        if n and not narrow:
            c.line(0, y - step / 2, width, y - step / 2, "line", 0.6)
        _row(c, each, axis, y)
        shown, name = say(_difference(each)), say(clean(each.name))
        if narrow:
            c.text(
                0,
                y - 18,
                fit(name, width - width_of(shown) - 12, weight=600),
                "ink",
                600,
                full=name,
                halo=True,
            )
            c.text(width, y - 22, shown, _tone(each), anchor="end", halo=True)
        else:
            c.text(0, y + 5, fit(name, left - 16, weight=600), "ink", 600, full=name)
            c.text(right + 20, y + 5, shown, _tone(each))
    below = c.axis_below(axis, bottom, "Mean absorbed dose (Gy), logarithmic", 5 if narrow else 9)
    said = (
        [f"{AGREES[False].capitalize()}: the 95 % interval of the difference leaves out 0."]
        if any(each.agrees is False for each in found.compared)
        else []
    )
    said += (
        ["No interval: errors were not stated on both sides."]
        if any(each.agrees is None for each in found.compared)
        else []
    )
    for note in said:
        for words in wrapped(say(note), width):
            c.text(0, below + 16, words, "soft")
            below += 20
    return c.svg(below + 8, verify_finding(found), verify_says(found), prefix)


def _row(c: Canvas, each: Compared, axis: Axis, y: float) -> None:
    for dose, at, colour in ((each.predicted, y - 6, "mark"), (each.delivered, y + 6, "accent")):
        x = axis.at(max(dose.mean_gy, axis.low))
        if dose.low_gy is not None and dose.high_gy is not None:
            c.line(axis.at(max(dose.low_gy, axis.low)), at, axis.at(dose.high_gy), at, colour, 2.4)
        if colour == "mark":
            c.circle(x, at, 5, fill="page", stroke="ink", wide=1.8)
        else:
            c.circle(x, at, 5, fill="accent")


def _key(c: Canvas, x: float) -> None:
    """Which mark is which, in the words of the rows."""
    c.circle(x + 6, 9, 5, fill="page", stroke="ink", wide=1.8)
    c.text(x + 18, 14, c.say("planned"), "ink")
    c.circle(x + 92, 9, 5, fill="accent")
    c.text(x + 104, 14, c.say("delivered"), "accent", 600)


def _tone(each: Compared) -> str:
    return {True: "ink", False: "red", None: "soft"}[each.agrees]


def _difference(each: Compared) -> str:
    return f"{_percent(each)}{' · differ' if each.agrees is False else ''}"


def _percent(each: Compared) -> str:
    if each.difference_percent is None:
        return "not known"
    if each.difference_low_percent is None or each.difference_high_percent is None:
        return f"{_plus(each.difference_percent)}{THIN}%"
    return f"{_plus(each.difference_percent)}{THIN}% ({_plus(each.difference_low_percent)} to {_plus(each.difference_high_percent)})"


def dose_ends(dose: MeanDose) -> str:
    """`169 (132–216)`: a mean dose with its interval, in Gy."""
    mean = number(dose.mean_gy)
    return (
        mean
        if dose.low_gy is None or dose.high_gy is None
        else f"{mean} ({number(dose.low_gy)}–{number(dose.high_gy)})"
    )


def _signed(value: float, low: float | None, high: float | None) -> str:
    return _plus(value) if low is None or high is None else f"{_plus(value)} ({_plus(low)} to {_plus(high)})"


def _plus(value: float) -> str:
    text = f"{value:+.0f}" if abs(value) >= 9.95 else f"{value:+.1f}"
    return "0" if text in {"+0", "-0", "+0.0", "-0.0"} else text.replace("-", "−")


def _ends(dose: MeanDose) -> tuple[float, ...]:
    return tuple(end for end in (dose.mean_gy, dose.low_gy, dose.high_gy) if end is not None)
