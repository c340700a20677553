"""Radioactive decay and energy: half-lives, activity at another moment, dose constants. Moments carry their time zone."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from liverboard.errors import BadInput, KnowledgeBaseError
from liverboard.knowledge import load_yaml
from liverboard.units import Constant

_FILE = "constants/sirt.yaml"


@dataclass(frozen=True, slots=True)
class DoseConstant:
    """Dose of 1 kg that traps 1 GBq until it has decayed, in Gy kg/GBq, with where it comes from. `verification`: A, B or U."""

    id: str
    constant: Constant
    verification: str

    @property
    def gy_kg_per_gbq(self) -> float:
        return self.constant.value


@dataclass(frozen=True, slots=True)
class Nuclide:
    """Half-life in h, electron energy in MeV a decay, and the dose constants in use, the default first."""

    name: str
    half_life: Constant
    electron_energy: Constant | None
    half_lives_elsewhere: tuple[Constant, ...]
    dose_constants: tuple[DoseConstant, ...]

    @property
    def half_life_h(self) -> float:
        return self.half_life.value

    @property
    def decays_per_bq(self) -> float:
        """Decays of 1 Bq until nothing is left: half-life in s over ln 2."""
        return self.half_life_h * 3600 / math.log(2)

    def left_after(self, hours: float) -> float:
        """The share of an activity that is left after `hours`; above 1 for a moment before."""
        return math.exp(-math.log(2) * hours / self.half_life_h)


@cache
def nuclide(name: str) -> Nuclide:
    """Y-90, Ho-166 or Tc-99m. Raises BadInput: another one; KnowledgeBaseError."""
    known: Mapping[str, Any] = load_yaml(_FILE)["nuclides"]
    if name not in known:
        raise BadInput(f"no decay data for '{name}'", hint=f"Known: {', '.join(known)}.")
    found = known[name]
    constants = sorted(found.get("dose_constants", ()), key=lambda each: not each.get("default", False))
    if constants and constants[0]["verification"] == "U":
        raise KnowledgeBaseError(f"the default dose constant of {name} is not verified", where=_FILE)
    energy = found.get("electron_energy")
    return Nuclide(
        name,
        constant_of(found["half_life"]),
        None if energy is None else constant_of(energy),
        tuple(constant_of(each) for each in found.get("half_lives_elsewhere", ())),
        tuple(DoseConstant(each["id"], constant_of(each), each["verification"]) for each in constants),
    )


def constant_of(entry: Mapping[str, Any]) -> Constant:
    """An entry of the constants file as a Constant."""
    return Constant(entry["name"], float(entry["value"]), entry["unit"], entry["source"], str(entry["edition"]))


@cache
def sirt_constant(group: str, name: str) -> Constant:
    """One constant of the file, such as `tissue`, `lung_mass`."""
    return constant_of(load_yaml(_FILE)[group][name])


def dose_constant_gy_kg_per_gbq(energy_mev: float, half_life_h: float) -> float:
    """Energy that 1 GBq leaves until it has decayed: J/GBq, which is Gy kg/GBq. Raises BadInput: not above 0."""
    _positive(energy_mev, "the energy a decay", "MeV")
    _positive(half_life_h, "the half-life", "h")
    return energy_mev * sirt_constant("elementary", "joule_per_mev").value * 1e9 * half_life_h * 3600 / math.log(2)


def activity_at(activity: float, measured_at: dt.datetime, wanted_at: dt.datetime, of: Nuclide) -> float:
    """An activity at another moment, earlier or later, in the unit it came in. Raises BadInput: negative, NaN, or a moment without time zone."""
    if not (math.isfinite(activity) and activity >= 0):
        raise BadInput(f"an activity cannot be {activity}", hint="Give 0 or more.")
    return activity * of.left_after(hours_between(measured_at, wanted_at))


def hours_between(start: dt.datetime, end: dt.datetime) -> float:
    """Hours from `start` to `end`, across time zones and changes of the clock. Raises BadInput: a moment without time zone."""
    for moment in (start, end):
        if moment.tzinfo is None or moment.utcoffset() is None:
            raise BadInput(
                f"{moment.isoformat(sep=' ')} has no time zone",
                hint="Write it with one, such as 2024-05-02T12:00+02:00; a vendor's stamp is in the vendor's zone.",
            )
    return (end.astimezone(dt.UTC) - start.astimezone(dt.UTC)).total_seconds() / 3600


def half_life_warning(half_life_h: float, of: Nuclide) -> str | None:
    """What to say when data carry another half-life than the one used here; None when they agree to 0.01 %. Raises BadInput: it is another nuclide's."""
    _positive(half_life_h, "the half-life", "h")
    used = of.half_life_h
    if math.isclose(half_life_h, used, rel_tol=1e-4):
        return None
    if abs(half_life_h / used - 1) > 0.02:
        raise BadInput(
            f"a half-life of {half_life_h:g} h is not that of {of.name}, {used:g} h",
            hint="Check the nuclide, and whether hours, days and seconds were mixed up.",
        )
    change = 100 * (2 ** (24 / used - 24 / half_life_h) - 1)
    return f"the data use a half-life of {half_life_h:g} h, here it is {used:g} h ({of.half_life.edition}): {change:+.2f} % a day"


def _positive(value: float, what: str, unit: str) -> None:
    if not (math.isfinite(value) and value > 0):
        raise BadInput(f"{what} cannot be {value:g} {unit}", hint="Give a number above 0.")
