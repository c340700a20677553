"""What was measured of each lesion beyond its size, as a table in words: distances, phases, the viable part; and what cut the segments."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from liverboard.board.dossier import ExtentSection
from liverboard.clinical.extent import CutPlane, Lesion, PhaseValue
from liverboard.report.words import NOT_KNOWN, THIN, clean, number, quantity, unit_words

_ORDER = ("native", "arterial", "portal", "delayed")


@dataclass(frozen=True, slots=True)
class Measures:
    """`head` and `rows`: a column only where something was measured, the first is the lesion. `notes`: rules and planes behind them."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]


def measures_of(extent: ExtentSection) -> Measures:
    """Empty rows where nothing was measured, as for typed-in lesions."""
    columns: list[tuple[str, Callable[[Lesion], str]]] = [
        ("Longest 3-D", lambda x: quantity(x.longest_3d_mm, "mm")),
        ("To the capsule", lambda x: quantity(x.capsule_distance_mm, "mm")),
        ("To the nearest vessel", _vessel),
        ("To a bile duct", lambda x: quantity(x.bile_duct_distance_mm, "mm")),
    ]
    given = dict.fromkeys(value.phase for lesion in extent.lesions for value in lesion.phases)
    phases = sorted(given, key=lambda name: _ORDER.index(name) if name in _ORDER else len(_ORDER))
    columns += [(clean(_heading(name, extent)), partial(_phase, phase=name)) for name in phases]
    columns.append(("Viable", _viable))
    shown = [(name, words) for name, words in columns if any(words(lesion) != NOT_KNOWN for lesion in extent.lesions)]
    return Measures(
        head=("Lesion", *(name for name, _ in shown)),
        rows=tuple((clean(lesion.id), *(clean(words(lesion)) for _, words in shown)) for lesion in extent.lesions)
        if shown
        else (),
        notes=tuple(clean(note) for note in _notes(extent)),
    )


def _vessel(lesion: Lesion) -> str:
    if lesion.vessel_distance_mm is None:
        return NOT_KNOWN
    return quantity(lesion.vessel_distance_mm, "mm") + (f" ({lesion.nearest_vessel})" if lesion.nearest_vessel else "")


def _value(lesion: Lesion, phase: str) -> PhaseValue | None:
    return next((value for value in lesion.phases if value.phase == phase), None)


def _heading(phase: str, extent: ExtentSection) -> str:
    units = {value.unit for lesion in extent.lesions if (value := _value(lesion, phase)) is not None}
    unit = unit_words(next(iter(units))) if len(units) == 1 else ""
    return ("Y-90 PET" if phase == "y90_pet" else phase.replace("_", " ").capitalize()) + (f", {unit}" if unit else "")


def _phase(lesion: Lesion, phase: str) -> str:
    value = _value(lesion, phase)
    if value is None:
        return NOT_KNOWN
    gain = (
        ""
        if value.enhancement is None
        else f" ({'+' if value.enhancement >= 0 else ''}{_even(value.enhancement, value.sd)})"
    )
    return f"{_even(value.mean, value.sd)} ± {_even(value.sd, value.sd)}{gain}"


def _even(value: float, sd: float) -> str:
    """To two digits of the standard deviation, tenths only where it is small."""
    digits = 1 if sd < 2 else min(0, 1 - math.floor(math.log10(sd)))
    rounded = round(value, digits)
    return f"{rounded + 0.0:.{max(digits, 0)}f}".replace("-", "−")


def _viable(lesion: Lesion) -> str:
    if lesion.viable_volume_ml is None:
        return NOT_KNOWN
    share = f" ({quantity(100 * lesion.viable_volume_ml / lesion.volume_ml, '%')})" if lesion.volume_ml else ""
    return quantity(lesion.viable_volume_ml, "mL") + share


def _notes(extent: ExtentSection) -> list[str]:
    said: list[str] = []
    values = [value for lesion in extent.lesions for value in lesion.phases]
    if values:
        gain = "; in brackets the gain over the native phase" if any(v.enhancement is not None for v in values) else ""
        said.append(f"Phases: mean ± standard deviation of the lesion's voxels{gain}.")
    if extent.viable_rule:
        said.append(f"Viable: {extent.viable_rule}.")
    if extent.segments_from:
        said.append(f"Segments from: {extent.segments_from}. They are a suggestion, to be checked and edited.")
    return said + [_plane(plane) for plane in extent.planes]


def _plane(plane: CutPlane) -> str:
    point = ", ".join(number(round(value)) for value in plane.point_lps_mm)
    normal = ", ".join(number(round(value, 2)) for value in plane.normal)
    by = ", set by hand" if plane.set_by_hand else ""
    return f"The {plane.name} plane{by} separates {plane.separates}: through ({point}){THIN}mm LPS, normal ({normal})."
