"""What became of an ablated lesion: complete or not, and the classes of RECICL by necrosis and size (mrecist_table, made for hepatocellular carcinoma)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from liverboard.clinical.extent import Frozen
from liverboard.clinical.response import LesionAt
from liverboard.response.course import is_gone
from liverboard.response.sums import change
from liverboard.response.thresholds import ablation_percent

AblationClass = Literal["TE4a", "TE4b", "TE3", "TE2", "TE1"]


class AblationResponse(Frozen):
    """`necrotic`: nothing enhances at the control. `covered`: the zone is larger than the tumour. `complete`: both; None: cannot be told.

    `recurrence`: it enhances again after a control on which nothing did.
    """

    lesion: str
    date: dt.date
    complete: bool | None
    necrotic: bool | None = None
    covered: bool | None = None
    recurrence: bool = False
    recicl: AblationClass | None = None
    margin_mm: float | None = None
    basis: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Zone:
    """The ablation zone at a control: longest diameter, and the least distance from the tumour to its edge, mm. None: not measured."""

    longest_mm: float | None = None
    margin_mm: float | None = None


def ablation_response(
    before: LesionAt, after: LesionAt, date: dt.date, *, zone: Zone = Zone(), was_necrotic: bool = False
) -> AblationResponse:
    """`before`: the lesion at the last scan before the ablation; `after`: at the control. `was_necrotic`: an earlier control showed no enhancement.

    TE4a: nothing enhances and the zone is larger than the tumour; TE4b: nothing enhances and it is not; TE1: larger by more than 25 % (product of two diameters,
    the longest squared where only that is known); TE3: at least half of the area no longer enhances; TE2: else.
    """
    enhancing = _enhancing(after)
    margin = zone.margin_mm
    if enhancing is None:
        return AblationResponse(
            lesion=before.id,
            date=date,
            complete=None,
            margin_mm=margin,
            basis=("not said whether anything enhances: give viable",),
        )
    if enhancing:
        left = f"{after.viable_mm:g} mm" if after.viable_mm else f"{after.viable_ml:g} mL"
        return AblationResponse(
            lesion=before.id,
            date=date,
            complete=False,
            necrotic=False,
            recurrence=was_necrotic,
            recicl=_residual(before, after),
            margin_mm=margin,
            basis=(f"{left} still enhance" if not was_necrotic else f"{left} enhance again",),
        )
    covered = _covers(before, zone)
    says = {
        None: "whether the zone is larger than the tumour is not said: give zone or margin",
        True: "the zone is larger than the tumour",
        False: "the zone is not larger than the tumour: the margin is insufficient",
    }[covered]
    return AblationResponse(
        lesion=before.id,
        date=date,
        complete=covered,
        necrotic=True,
        covered=covered,
        recicl=None if covered is None else "TE4a" if covered else "TE4b",
        margin_mm=margin,
        basis=("nothing enhances", says),
    )


def _enhancing(lesion: LesionAt) -> bool | None:
    if lesion.state == "not_evaluable":
        return None
    if is_gone(lesion):
        return False
    stated = [value for value in (lesion.viable_mm, lesion.viable_ml) if value is not None]
    return None if not stated else any(stated)


def _covers(before: LesionAt, zone: Zone) -> bool | None:
    if zone.margin_mm is not None:
        return zone.margin_mm > 0
    if zone.longest_mm is None or before.longest_mm is None:
        return None
    return zone.longest_mm > before.longest_mm


def _residual(before: LesionAt, after: LesionAt) -> AblationClass | None:
    now, then = _area(after), _area(before)
    if now is not None and then and change(now, then) > ablation_percent("enlarged_percent"):
        return "TE1"
    viable = None if after.viable_mm is None else after.viable_mm * (after.viable_short_mm or after.viable_mm)
    if viable is None or not then:
        return None
    return "TE3" if 100 - 100 * viable / then >= ablation_percent("necrosis_half_percent") else "TE2"


def _area(lesion: LesionAt) -> float | None:
    return None if lesion.longest_mm is None else lesion.longest_mm * (lesion.short_mm or lesion.longest_mm)
