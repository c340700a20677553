"""Microspheres of each product: spheres, vials, which vial on which day, and how a vial is shared between injections."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args

from liverboard.errors import BadInput
from liverboard.knowledge import load_yaml
from liverboard.sirt.activity import fraction, positive
from liverboard.sirt.decay import Nuclide, activity_at, hours_between, nuclide

ProductName = Literal["resin", "glass", "ho166"]
FILE = "devices/microspheres.yaml"


@dataclass(frozen=True, slots=True)
class Product:
    """One product. `sphere_bq`: typical (None: no source gives one), lowest and highest activity of a sphere at calibration; `vials_gbq` None: ordered for the patient."""

    id: ProductName
    name: str
    nuclide: Nuclide
    sphere_bq: tuple[float | None, float, float]
    spheres: tuple[float, float]
    vials_gbq: tuple[float, ...] | None
    vial_divides: bool
    label_error_percent: float | None
    sources: tuple[str, ...]

    def activity_of_spheres_gbq(self, spheres: float) -> float:
        """Activity of a number of spheres at their typical activity. Raises BadInput."""
        if self.sphere_bq[0] is None:
            raise BadInput(f"no typical activity of a sphere of {self.name} is known", hint="Measure the vial.")
        return positive(spheres, "the number of spheres") * self.sphere_bq[0] / 1e9

    def spheres_of(self, activity_gbq: float, hours_after_calibration: float = 0.0) -> tuple[float, float]:
        """Fewest and most spheres that carry an activity so long after calibration: spheres do not decay, so late treatment embolises more. Raises BadInput."""
        at_calibration = positive(activity_gbq, "the activity", "GBq") / self.nuclide.left_after(
            hours_after_calibration
        )
        _, low, high = self.sphere_bq
        return at_calibration * 1e9 / high, at_calibration * 1e9 / low


@dataclass(frozen=True, slots=True)
class VialChoice:
    """A vial given whole at a moment: what it then holds, and by how much that differs from what is wanted (percent of it)."""

    vial_gbq: float
    treated_at: dt.datetime
    activity_gbq: float
    off_percent: float


@dataclass(frozen=True, slots=True)
class Draw:
    """What is drawn from a divided vial for one injection: activity at its moment, and the share of the vial's contents."""

    name: str
    at: dt.datetime
    activity_gbq: float
    vial_share: float


@cache
def product(name: str) -> Product:
    """resin, glass or ho166. Raises BadInput: another; KnowledgeBaseError."""
    if name not in get_args(ProductName):
        raise BadInput(f"no product '{name}'", hint=f"Known: {', '.join(get_args(ProductName))}.")
    entry: Mapping[str, Any] = load_yaml(FILE)[name]
    sphere, spheres, vials = entry["sphere_bq"], entry["spheres"], entry["vials_gbq"]
    return Product(
        id=name,  # pyright: ignore[reportArgumentType]  (checked above)
        name=entry["name"],
        nuclide=nuclide(entry["nuclide"]),
        sphere_bq=(sphere["value"], float(sphere["low"]), float(sphere["high"])),
        spheres=(float(spheres["low"]), float(spheres["high"])),
        vials_gbq=None if vials is None else tuple(float(each) for each in vials["values"]),
        vial_divides=entry["vial_divides"],
        label_error_percent=entry.get("label_error_percent", {}).get("value"),
        sources=tuple(sorted({str(sphere["source"]), str(spheres["source"]), str(entry["diameter_um"]["source"])})),
    )


def vial_on(of: Product, vial_gbq: float, calibrated_at: dt.datetime, treated_at: dt.datetime) -> float:
    """What a vial holds at the time of treatment, in GBq; no vial holds more than at its calibration unless it is given before. Raises BadInput."""
    return activity_at(positive(vial_gbq, "the vial's activity", "GBq"), calibrated_at, treated_at, of.nuclide)


def choose_vial(
    of: Product,
    wanted_gbq: float,
    calibrated_at: dt.datetime,
    treated_at: Sequence[dt.datetime],
    offered_gbq: Sequence[float] = (),
) -> list[VialChoice]:
    """Every vial size (or each of those offered) at every moment of treatment, nearest to the wanted activity first. Raises BadInput: a product without vials
    of fixed size; a moment before the calibration.
    """
    positive(wanted_gbq, "the wanted activity", "GBq")
    if of.vials_gbq is None:
        raise BadInput(f"{of.name} is ordered for the patient, without vial sizes", hint="State the activity ordered.")
    if not treated_at:
        raise BadInput("no day of treatment was given", hint="Give at least one, with its time zone.")
    for moment in treated_at:
        if hours_between(calibrated_at, moment) < 0:
            raise BadInput(
                f"treatment at {moment.isoformat()} is before the calibration at {calibrated_at.isoformat()}",
                hint="Check the two and their time zones.",
            )
    choices = [
        VialChoice(size, moment, held, 100 * (held / wanted_gbq - 1))
        for size in offered_gbq or of.vials_gbq
        for moment in treated_at
        for held in [vial_on(of, size, calibrated_at, moment)]
    ]
    return sorted(choices, key=lambda each: (abs(each.off_percent), each.vial_gbq))


def split_vial(
    of: Product,
    vial_gbq: float,
    calibrated_at: dt.datetime,
    wanted: Sequence[tuple[str, float, dt.datetime]],
) -> tuple[list[Draw], float]:
    """Draws from one divided vial, each (name, GBq at its moment, moment), and the share of the vial that is left.

    The share drawn does not decay, only what it holds does. Raises BadInput: a vial that is not divided; more wanted than it holds (it says how much).
    """
    if not of.vial_divides:
        raise BadInput(f"a vial of {of.name} is given whole", hint="Choose one vial for each injection.")
    draws = [
        Draw(name, at, gbq, positive(gbq, f"the activity for {name}", "GBq") / vial_on(of, vial_gbq, calibrated_at, at))
        for name, gbq, at in wanted
    ]
    used = sum(each.vial_share for each in draws)
    if used > 1 + 1e-9:
        raise BadInput(
            f"the injections need {100 * used:.1f} % of the vial or vials, which do not serve",
            hint="Order more, treat earlier, or give less.",
        )
    return draws, max(0.0, 1 - used)


def residual_fraction(before_gbq: float, waste_gbq: float) -> float:
    """The residual R from the activity measured before injection and in vial, tubes and waste after it, both at one moment. Raises BadInput."""
    positive(before_gbq, "the activity before injection", "GBq")
    return fraction(waste_gbq / before_gbq, "the residual")
