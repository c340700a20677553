"""What is ordered for a planned activity: which glass vial on which day, how a resin vial is shared, what is ordered for the patient (Ho-166)."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass

from liverboard.clinical.extent import Frozen
from liverboard.errors import BadInput, MissingData
from liverboard.sirt.decay import hours_between
from liverboard.sirt.products import Product, choose_vial, split_vial, vial_on

_SHORT = 0.9  # a vial with less than this share of the wanted activity does not serve; a convention of this program


@dataclass(frozen=True, slots=True)
class Wanted:
    """An activity in GBq for one injection, and the moments at which it may be given."""

    name: str
    activity_gbq: float
    moments: tuple[dt.datetime, ...]


class Times(Frozen):
    """From the calibration of the vial to one injection. `left_share`: of the activity, 0..1; above 1 before the calibration."""

    injection: str
    calibrated_at: dt.datetime
    injected_at: dt.datetime
    hours: float
    left_share: float


class Drawn(Frozen):
    """What one injection takes: activity in GBq at its moment, share (0..1) of what the vials hold, fewest and most spheres."""

    injection: str
    injected_at: dt.datetime
    activity_gbq: float
    vial_share: float
    spheres: tuple[float, float]


class Vial(Frozen):
    """`count` vials of `vial_gbq` at calibration, and what they hold together at the (first) injection.

    `excess_percent`: more (or less) than wanted, in percent of what is wanted. `within_binding_limit`: whether all of it, given, keeps the tightest limit;
    only for a vial that is given whole.
    """

    vial_gbq: float
    count: int
    calibrated_at: dt.datetime
    activity_gbq: float
    excess_percent: float
    drawn: tuple[Drawn, ...]
    within_binding_limit: bool | None = None


class Order(Frozen):
    """`vials`: the choices, best first where a vial is given whole; else the one order."""

    times: tuple[Times, ...]
    vials: tuple[Vial, ...]
    warnings: tuple[str, ...]


def order(
    of: Product, wanted: Sequence[Wanted], calibrated: Sequence[dt.datetime], vials_gbq: Sequence[float]
) -> Order:
    """The vials for the injections. `vials_gbq`: those that are there or offered, at calibration; empty: the sizes of the product, or what must be ordered.

    Raises MissingData: no moment; BadInput: a moment without zone, an injection so long before the calibration that no sphere could carry it, vials that
    do not serve.
    """
    if not calibrated or not all(each.moments for each in wanted):
        raise MissingData(
            "vials need the moment of their calibration and that of the injection",
            hint="Give --calibrated and --injection, each with its time zone.",
        )
    warnings = [
        said
        for c in calibrated
        for w in wanted
        for m in w.moments
        if (said := _before_calibration(of, c, m)) is not None
    ]
    times = tuple(
        Times(
            injection=each.name,
            calibrated_at=at,
            injected_at=moment,
            hours=(hours := hours_between(at, moment)),
            left_share=of.nuclide.left_after(hours),
        )
        for each in wanted
        for at in calibrated
        for moment in each.moments
    )
    if not of.vial_divides:
        vials = tuple(vial for each in wanted for vial in _whole(of, each, calibrated, vials_gbq))
        return Order(times=times, vials=vials, warnings=tuple(warnings))
    if len(calibrated) != 1 or any(len(each.moments) != 1 for each in wanted):
        raise BadInput(
            "a vial that is shared has one calibration, and each injection one moment",
            hint="Give --calibrated once, and --injection once for each injection.",
        )
    return Order(times=times, vials=(_shared(of, wanted, calibrated[0], vials_gbq),), warnings=tuple(warnings))


def _whole(of: Product, wanted: Wanted, calibrated: Sequence[dt.datetime], vials_gbq: Sequence[float]) -> list[Vial]:
    """Every vial at every moment for one injection, the nearest to the wanted activity first."""
    found = sorted(
        (
            (choice, at)
            for at in calibrated
            for choice in choose_vial(of, wanted.activity_gbq, at, wanted.moments, vials_gbq)
        ),
        key=lambda each: abs(each[0].off_percent),
    )
    most = max(choice.activity_gbq for choice, _ in found)
    if most < _SHORT * wanted.activity_gbq:
        raise BadInput(
            f"no vial serves: {wanted.activity_gbq:.3g} GBq are wanted, and the largest holds {most:.3g} GBq at the injection"
            f" ({100 * (1 - most / wanted.activity_gbq):.0f} % less)",
            hint="Treat earlier, or plan two injections: see --injections.",
        )
    return [
        Vial(
            vial_gbq=choice.vial_gbq,
            count=1,
            calibrated_at=at,
            activity_gbq=choice.activity_gbq,
            excess_percent=choice.off_percent,
            drawn=(_drawn(of, wanted.name, choice.treated_at, choice.activity_gbq, 1.0, at),),
        )
        for choice, at in found
    ]


def _shared(of: Product, wanted: Sequence[Wanted], calibrated_at: dt.datetime, vials_gbq: Sequence[float]) -> Vial:
    """One order for all injections: the vials given, as many as are needed, or exactly what the patient needs."""
    at_calibration = math.fsum(
        each.activity_gbq / of.nuclide.left_after(hours_between(calibrated_at, each.moments[0])) for each in wanted
    )
    if vials_gbq:
        total, count = math.fsum(vials_gbq), len(vials_gbq)
    elif of.vials_gbq is None:
        total, count = at_calibration, 1
    else:
        size = max(of.vials_gbq)
        count = math.ceil(at_calibration / size * (1 - 1e-9))
        total = count * size
    draws, _ = split_vial(of, total, calibrated_at, [(w.name, w.activity_gbq, w.moments[0]) for w in wanted])
    return Vial(
        vial_gbq=total / count,
        count=count,
        calibrated_at=calibrated_at,
        activity_gbq=vial_on(of, total, calibrated_at, min(each.moments[0] for each in wanted)),
        excess_percent=100 * (total / at_calibration - 1),
        drawn=tuple(_drawn(of, d.name, d.at, d.activity_gbq, d.vial_share, calibrated_at) for d in draws),
    )


def _drawn(of: Product, name: str, at: dt.datetime, gbq: float, share: float, calibrated_at: dt.datetime) -> Drawn:
    spheres = of.spheres_of(gbq, hours_between(calibrated_at, at))
    return Drawn(injection=name, injected_at=at, activity_gbq=gbq, vial_share=share, spheres=spheres)


def _before_calibration(of: Product, calibrated_at: dt.datetime, injected_at: dt.datetime) -> str | None:
    """What to say of an injection before the calibration. It can be only as long before as a sphere may carry more than it does at calibration."""
    hours = hours_between(calibrated_at, injected_at)
    if hours >= 0:
        return None
    typical, _, most = of.sphere_bq
    if typical is None or typical * of.nuclide.left_after(hours) > most:
        raise BadInput(
            f"the injection at {injected_at.isoformat()} is {-hours:.1f} h before the calibration at {calibrated_at.isoformat()}",
            hint="Check both moments and their time zones."
            + ("" if typical is None else f" No source knows spheres of {of.name} above {most:g} Bq."),
        )
    return f"the injection is {-hours:.1f} h before the calibration: the vial holds more than its label says; check both time zones"
