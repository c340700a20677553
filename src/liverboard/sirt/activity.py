"""How an injected activity spreads over compartments, from activity to doses and back.

Every model says only one thing: which share of the delivered activity each compartment traps. Doses are then linear in the activity, so the way back is a division.
Symbols as in the literature: A activity prepared, L lung shunt, R residual, m mass, c dose constant; delivered is A (1 - R).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from liverboard.errors import BadInput, MissingData
from liverboard.sirt.decay import sirt_constant

LUNG = "lung"
NORMAL = "normal_liver"
PERFUSED = "perfused"
TUMOUR = "tumour"

#: `concentration_ratio`: L is the lungs' share of all, TN = (A_T/m_T) / (A_N/m_N). `kao_2013`: L is A_L / (A_T + A_L), R is A_T / A_N.
Convention = Literal["concentration_ratio", "kao_2013"]


@dataclass(frozen=True, slots=True)
class Compartment:
    """What traps activity: its mass in kg (None: not known, so no dose) and its share (0..1) of the delivered activity."""

    name: str
    mass_kg: float | None
    share: float

    def __post_init__(self) -> None:
        if self.mass_kg is not None:
            positive(self.mass_kg, f"the mass of {self.name}", "kg")
        fraction(self.share, f"the share of {self.name}")


@dataclass(frozen=True, slots=True)
class Lesion:
    """A tumour: mass in kg, and the ratio of its activity concentration to that of normal liver."""

    name: str
    mass_kg: float
    tumour_to_normal: float

    def __post_init__(self) -> None:
        positive(self.mass_kg, f"the mass of {self.name}", "kg")
        positive(self.tumour_to_normal, f"the tumour-to-normal ratio of {self.name}")


@dataclass(frozen=True, slots=True)
class Distribution:
    """The compartments of one injection; their shares sum to 1. `source`: key of references.yaml."""

    model: str
    source: str
    compartments: tuple[Compartment, ...]
    convention: Convention | None = None

    def __post_init__(self) -> None:
        names = [each.name for each in self.compartments]
        if len(set(names)) < len(names):
            raise BadInput(f"compartments share a name: {', '.join(names)}", hint="Give each its own.")
        total = math.fsum(each.share for each in self.compartments)
        if not math.isclose(total, 1, rel_tol=1e-9):
            raise BadInput(f"the shares of the compartments sum to {total:.6g}, not 1")

    @property
    def names(self) -> set[str]:
        return {each.name for each in self.compartments}

    def __getitem__(self, name: str) -> Compartment:
        for each in self.compartments:
            if each.name == name:
                return each
        raise BadInput(
            f"the {self.model} model has no compartment '{name}'",
            hint=f"It has: {', '.join(each.name for each in self.compartments)}.",
        )


@dataclass(frozen=True, slots=True)
class Energy:
    """What turns a trapped activity into dose: the constant c in Gy kg/GBq, and the residual R (0..1, below 1) that stays in vial and tubes."""

    constant_gy_kg_per_gbq: float
    residual: float = 0.0

    def __post_init__(self) -> None:
        positive(self.constant_gy_kg_per_gbq, "the dose constant", "Gy kg/GBq")
        if fraction(self.residual, "the residual") == 1:
            raise BadInput("a residual of 100 % leaves nothing to deliver", hint="Check vial and waste measurements.")


def single_compartment(perfused_kg: float, lung_shunt: float, lung_kg: float | None = None) -> Distribution:
    """All that stays in the liver, evenly over the perfused mass: A = D m / (c (1 - L) (1 - R)). Raises BadInput."""
    shunt = shunt_fraction(lung_shunt)
    parts = (Compartment(PERFUSED, perfused_kg, 1 - shunt), Compartment(LUNG, lung_kg, shunt))
    return Distribution("single compartment", "single_compartment_radiologykey", parts)


def partition(tumour: Lesion, normal_kg: float, lung_shunt: float, lung_kg: float | None = None) -> Distribution:
    """Partition by the ratio of concentrations: D_N = c A (1 - L) / (TN m_T + m_N), D_T = TN D_N, D_L = c A L / m_L. Raises BadInput."""
    found = multi_compartment((tumour,), normal_kg, lung_shunt, lung_kg)
    return Distribution("partition", "kao_2011_bsa", found.compartments, "concentration_ratio")


def partition_kao_2013(
    tumour_kg: float, normal_kg: float, activity_ratio: float, tumour_lung_shunt: float, lung_kg: float | None = None
) -> Distribution:
    """Partition with the definitions of Kao 2013: `tumour_lung_shunt` A_L / (A_T + A_L), `activity_ratio` A_T / A_N, of activities and not of concentrations.

    Raises BadInput.
    """
    ratio = positive(activity_ratio, "the activity ratio")
    shunt = shunt_fraction(tumour_lung_shunt)
    per_tumour = {TUMOUR: 1.0, NORMAL: 1 / ratio, LUNG: shunt / (1 - shunt)}
    total = math.fsum(per_tumour.values())
    masses = {TUMOUR: tumour_kg, NORMAL: normal_kg, LUNG: lung_kg}
    parts = tuple(Compartment(name, masses[name], part / total) for name, part in per_tumour.items())
    return Distribution("partition", "kao_2013_partition", parts, "kao_2013")


def multi_compartment(
    tumours: Sequence[Lesion], normal_kg: float, lung_shunt: float, lung_kg: float | None = None
) -> Distribution:
    """Several tumours, each with its own ratio to one normal liver: f_i = TN_i m_i / (sum TN m + m_N), D_i = c A (1 - L) f_i / m_i. Raises BadInput."""
    if not tumours:
        raise MissingData("the model needs a tumour", hint="Give the mass or volume of one.")
    normal_kg = positive(normal_kg, "the mass of normal liver", "kg")
    weights = {each.name: each.tumour_to_normal * each.mass_kg for each in tumours}
    whole = math.fsum(weights.values()) + normal_kg
    fractions = {name: weight / whole for name, weight in weights.items()}
    masses = {each.name: each.mass_kg for each in tumours} | {NORMAL: normal_kg}
    return from_fractions(fractions | {NORMAL: normal_kg / whole}, masses, lung_shunt, lung_kg)


def from_fractions(
    fractions: Mapping[str, float],
    masses_kg: Mapping[str, float | None],
    lung_shunt: float,
    lung_kg: float | None = None,
) -> Distribution:
    """Any compartments by their fractions of the counts inside the perfused liver, which sum to 1. Raises BadInput: they do not; MissingData: a mass not given."""
    total = math.fsum(fractions.values())
    if not math.isclose(total, 1, abs_tol=1e-6):
        raise BadInput(f"the fractions inside the liver sum to {total:.6g}, not 1", hint="Name what lies outside too.")
    if without := [name for name in fractions if name not in masses_kg]:
        raise MissingData(f"no mass for {', '.join(without)}", hint="Give it, or say that it is not known.")
    shunt = shunt_fraction(lung_shunt)
    parts = [Compartment(name, masses_kg[name], (1 - shunt) * part / total) for name, part in fractions.items()]
    return Distribution("multi-compartment", "moran_2020", (*parts, Compartment(LUNG, lung_kg, shunt)))


def doses_gy(activity_gbq: float, distribution: Distribution, energy: Energy) -> dict[str, float]:
    """Mean dose of every compartment whose mass is known, from the activity prepared. Raises BadInput: negative or NaN."""
    trapped = trapped_gbq(activity_gbq, distribution, energy)
    return {
        each.name: energy.constant_gy_kg_per_gbq * trapped[each.name] / each.mass_kg
        for each in distribution.compartments
        if each.mass_kg is not None
    }


def trapped_gbq(activity_gbq: float, distribution: Distribution, energy: Energy) -> dict[str, float]:
    """Activity in each compartment, in GBq at the moment of injection; with the residual it sums to the activity prepared."""
    if not (math.isfinite(activity_gbq) and activity_gbq >= 0):
        raise BadInput(f"an activity cannot be {activity_gbq} GBq", hint="Give 0 or more.")
    delivered = activity_gbq * (1 - energy.residual)
    return {each.name: delivered * each.share for each in distribution.compartments}


def activity_for_gbq(dose_gy: float, target: str, distribution: Distribution, energy: Energy) -> float:
    """The activity to prepare so that the compartment `target` has this mean dose. Raises BadInput; MissingData: its mass is not known."""
    positive(dose_gy, "the dose to reach", "Gy")
    part = distribution[target]
    if part.mass_kg is None:
        raise MissingData(f"the mass of {target} is not known", hint="Give it, to have its dose.")
    if part.share == 0:
        raise BadInput(f"no activity reaches {target}", hint="Another target, or another share.")
    return dose_gy * part.mass_kg / (energy.constant_gy_kg_per_gbq * (1 - energy.residual) * part.share)


@dataclass(frozen=True, slots=True)
class Injection:
    """One injection into one territory, with its own shunt (in `distribution`) and residual (in `energy`)."""

    name: str
    activity_gbq: float
    distribution: Distribution
    energy: Energy


def doses_of_injections_gy(injections: Sequence[Injection], shared: Mapping[str, float]) -> dict[str, float]:
    """Doses of several injections together. A compartment is one organ only where `shared` names it with its whole mass in kg (the lungs; a tumour fed by two
    arteries); another is named `injection/compartment`. Raises BadInput: two injections of one name.
    """
    names = [each.name for each in injections]
    if len(set(names)) < len(names):
        raise BadInput(f"injections share a name: {', '.join(names)}", hint="Give each its own.")
    total: dict[str, float] = {}
    for each in injections:
        own = doses_gy(each.activity_gbq, each.distribution, each.energy)
        trapped = trapped_gbq(each.activity_gbq, each.distribution, each.energy)
        for part in each.distribution.compartments:
            if part.name in shared:
                mass = positive(shared[part.name], f"the mass of {part.name}", "kg")
                dose = each.energy.constant_gy_kg_per_gbq * trapped[part.name] / mass
                total[part.name] = total.get(part.name, 0.0) + dose
            elif part.name in own:
                total[f"{each.name}/{part.name}"] = own[part.name]
    return total


def body_surface_m2(height_cm: float, weight_kg: float) -> float:
    """Body surface by DuBois: 0.20247 h^0.725 w^0.425, h in m, w in kg. Raises BadInput: no height or weight of a person."""
    if not (math.isfinite(height_cm) and 50 <= height_cm <= 250):
        raise BadInput(f"a height of {height_cm:g} cm is not a person's", hint="Give it with its unit, such as 170 cm.")
    if not (math.isfinite(weight_kg) and 2 <= weight_kg <= 400):
        raise BadInput(f"a weight of {weight_kg:g} kg is not a person's", hint="Give it with its unit, such as 70 kg.")
    factor, power_h, power_w = (sirt_constant("bsa", name).value for name in ("factor", "height_power", "weight_power"))
    return factor * (height_cm / 100) ** power_h * weight_kg**power_w


def resin_bsa_gbq(surface_m2: float, tumour_share: float, treated_share: float = 1.0) -> float:
    """Activity of resin microspheres for the whole liver, (BSA - 0.2) + V_T / V_liver, times the treated share of the liver. Raises BadInput."""
    activity = surface_m2 - sirt_constant("bsa", "offset").value + fraction(tumour_share, "the tumour's share")
    if fraction(treated_share, "the treated share of the liver") == 0:
        raise BadInput("the treated share of the liver is 0", hint="Give the share that is perfused, such as 60 %.")
    return positive(activity, "the activity by body surface", "GBq") * treated_share


def shunt_fraction(value: float) -> float:
    """A lung shunt as a fraction, at least 0 and below 1. Raises BadInput."""
    if fraction(value, "the lung shunt") == 1:
        raise BadInput("a lung shunt of 100 % leaves nothing in the liver", hint="Check the counts.")
    return value


def fraction(value: float, what: str) -> float:
    if not (math.isfinite(value) and 0 <= value <= 1):
        raise BadInput(f"{what} cannot be {value:g}", hint="It lies between 0 and 1 (0 % and 100 %).")
    return value


def positive(value: float, what: str, unit: str = "") -> float:
    if not (math.isfinite(value) and value > 0):
        raise BadInput(f"{what} cannot be {f'{value:g} {unit}'.strip()}", hint="Give a number above 0.")
    return value
