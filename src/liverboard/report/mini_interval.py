"""The interval of one line: a rate on a scale from 0 to 100 %, small enough to stand beside words. No data is a drawn state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from liverboard.report.palette import Palette

WIDTH, HEIGHT = 96, 16
_LEFT, _RIGHT, _MIDDLE, _AXIS = 2.0, 94.0, 6.5, 13.0

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class MiniInterval:
    """`pooled`: estimate, interval as a bar, prediction interval as a thin line. `few`: each study as a tick, one study with its interval. Rates 0 to 1."""

    state: Literal["pooled", "few", "none"]
    marks: tuple[float, ...] = ()
    ci: Interval | None = None
    prediction: Interval | None = None


def mini_interval_svg(interval: MiniInterval, palette: Palette) -> str:
    """The picture, without words of its own: the text beside it says the same."""
    ink, mark, bar = palette("ink"), palette("mark"), palette("map-4")
    drawn = [f'<path d="M{_LEFT} {_AXIS}H{_RIGHT}M{_LEFT} {_AXIS - 2}v4M{_at(0.5)} {_AXIS - 1.5}v3M{_RIGHT} {_AXIS - 2}v4" fill="none" stroke="{mark}" stroke-width="1"/>']  # fmt: skip
    if interval.state == "none":
        drawn.append(
            f'<rect x="{_LEFT}" y="1.5" width="{_RIGHT - _LEFT}" height="8" rx="2" fill="none" stroke="{mark}" stroke-dasharray="4 3"/>'
        )
    if interval.prediction is not None:
        drawn.append(_line(interval.prediction, bar, 1.4))
    if interval.ci is not None:
        drawn.append(
            _line(interval.ci, bar if interval.state == "pooled" else ink, 5 if interval.state == "pooled" else 1.2)
        )
    drawn += [f'<path d="M{_at(each)} {_MIDDLE - 4.5}v9" stroke="{ink}" stroke-width="2"/>' for each in interval.marks]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="mini" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" aria-hidden="true">'
        f"{''.join(drawn)}</svg>"
    )


def _at(rate: float) -> float:
    return round(_LEFT + min(max(rate, 0.0), 1.0) * (_RIGHT - _LEFT), 1)


def _line(pair: Interval, stroke: str, wide: float) -> str:
    return f'<path d="M{_at(pair[0])} {_MIDDLE}H{max(_at(pair[1]), _at(pair[0]) + 1)}" stroke="{stroke}" stroke-width="{wide}"/>'
