"""A dose-volume curve with its interval, as a value that pages and files hold; `dose_band` makes it."""

from __future__ import annotations

from liverboard.clinical.extent import Frozen


class DoseCurve(Frozen):
    """A cumulative dose-volume curve for a plot or a file: `volume_percent[n]` of the structure gets `dose_gy[n]` or more; percent fall from 100 to 0.

    `low_gy`, `high_gy`: the 95 % interval of each dose, empty where none is known. `recovery`: what all doses here are divided by, 1 for none.
    """

    name: str
    volume_ml: float
    mean_gy: float
    mean_low_gy: float | None = None
    mean_high_gy: float | None = None
    volume_percent: tuple[float, ...]
    dose_gy: tuple[float, ...]
    low_gy: tuple[float, ...] = ()
    high_gy: tuple[float, ...] = ()
    recovery: float = 1.0
