"""A plan of activity from what a person states: the request with its units, and the plan with activity, doses, intervals, limits and warnings."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from liverboard.clinical.extent import Frozen
from liverboard.errors import BadInput, MissingData
from liverboard.sirt.activity import (
    LUNG,
    NORMAL,
    PERFUSED,
    TUMOUR,
    Compartment,
    Convention,
    Distribution,
    Energy,
    Lesion,
    activity_for_gbq,
    body_surface_m2,
    doses_gy,
    multi_compartment,
    partition,
    partition_kao_2013,
    positive,
    resin_bsa_gbq,
    single_compartment,
    trapped_gbq,
)
from liverboard.sirt.limits import (
    Binding,
    LimitCheck,
    Scenario,
    binding,
    compare,
    limits_for,
    limits_version,
    with_probability,
)
from liverboard.sirt.order import Order, Times, Vial
from liverboard.sirt.products import Product
from liverboard.sirt.radiobiology import Effect, effect
from liverboard.sirt.uncertainty import Budget, Interval, Term, Values, propagate

ModelName = Literal["bsa", "mird", "partition", "multi"]
Target = Literal["tumour", "normal_liver", "perfused"]
ERRORS = ("activity", "tumour", "normal", "tn", "lung_shunt", "residual", "lung_mass")


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for. Masses in kg, shares 0..1, dose in Gy, activity in GBq (prepared, at injection).

    `tumours_kg` and `tumour_to_normal`: one a tumour (one ratio may stand for all). `activity_ratio`: A_T / A_N of the convention of Kao 2013. `errors`: relative
    standard deviations by name of `ERRORS`. `liver_kg`: the whole liver with its tumours. `density_g_ml`: what made masses of volumes,
    for the record alone.
    """

    product: Product
    model: ModelName
    lung_shunt: float
    constant_gy_kg_per_gbq: float
    lung_kg: float
    tumours_kg: tuple[float, ...] = ()
    normal_kg: float | None = None
    residual: float = 0.0
    tumour_to_normal: tuple[float, ...] = ()
    activity_ratio: float | None = None
    convention: Convention = "concentration_ratio"
    activity_gbq: float | None = None
    target_dose_gy: float | None = None
    target: Target | None = None
    height_cm: float | None = None
    weight_kg: float | None = None
    liver_kg: float | None = None
    treated_share: float = 1.0
    scenario: Scenario | None = None
    conditions: tuple[str, ...] = ()
    prior_lung_dose_gy: float | None = None
    errors: Mapping[str, float] | None = None
    density_g_ml: float = 1.04


class InjectionPlan(Frozen):
    """One of several injections: its own activity, and the doses that it alone gives."""

    name: str
    model: ModelName
    activity_gbq: float
    delivered_gbq: float
    lung_shunt: float
    residual: float
    injected_at: dt.datetime | None
    doses_gy: dict[str, float]


class ActivityPlan(Frozen):
    """The plan. `activity_gbq`: to prepare, at the moment of injection; `delivered_gbq`: less the residual; `trapped_gbq`: by compartment.

    `times`, `vials`: where moments were stated. `injections`: where there are several; activities and doses are then those of all together.
    """

    product: str
    model: ModelName | Literal["several"]
    convention: Convention | None
    activity_gbq: float
    delivered_gbq: float
    doses_gy: dict[str, float]
    intervals: dict[str, Interval]
    trapped_gbq: dict[str, float]
    constant_gy_kg_per_gbq: float
    effects: dict[str, Effect]
    limits: list[LimitCheck]
    binding: Binding | None
    limits_version: str
    sources: list[str]
    inputs: dict[str, object]
    warnings: list[str]
    times: tuple[Times, ...] = ()
    vials: tuple[Vial, ...] = ()
    injections: tuple[InjectionPlan, ...] = ()


def plan_activity(request: Request) -> ActivityPlan:
    """Activity to inject for a dose, or doses of an activity. Raises BadInput, MissingData: what the model needs and was not given."""
    if request.model == "bsa" and request.product.id != "resin":
        raise BadInput(
            f"the method by body surface is one of resin microspheres, not of {request.product.name}",
            hint="Use --model mird, partition or multi.",
        )
    of, energy = distribution_of(request), Energy(request.constant_gy_kg_per_gbq, request.residual)
    activity = _activity(request, of, energy)
    doses = _doses(request, of, energy, activity)
    trapped = trapped_gbq(activity, of, energy)
    prior = request.prior_lung_dose_gy
    if prior is not None and not (math.isfinite(prior) and prior >= 0):
        raise BadInput(f"an earlier lung dose cannot be {prior:g} Gy", hint="Give 0 or more.")
    compared = dict(doses)
    if NORMAL in doses:
        compared["normal_liver_whole"] = doses[NORMAL] * _whole_share(request)
    if prior is not None:
        compared["lung_cumulative"] = doses[LUNG] + prior
    if PERFUSED in of.names:
        for name in (TUMOUR, NORMAL, "normal_liver_whole"):
            compared.pop(name, None)  # one compartment does not tell them apart
    limits = limits_for(request.product.id, request.scenario, request.conditions)
    checks = compare(limits, compared, trapped, activity, {"lung_cumulative": prior or 0.0})
    intervals = _intervals(request, activity)
    checks = [with_probability(each, intervals.get(each.on)) for each in checks]
    return ActivityPlan(
        product=request.product.id,
        model=request.model,
        convention=of.convention,
        activity_gbq=activity,
        delivered_gbq=activity * (1 - request.residual),
        doses_gy=doses,
        intervals=intervals,
        trapped_gbq=trapped,
        constant_gy_kg_per_gbq=request.constant_gy_kg_per_gbq,
        effects=_effects(request, doses),
        limits=checks,
        binding=binding(checks, activity),
        limits_version=limits_version(),
        sources=sorted({of.source, *(["kao_2011_bsa"] if request.model == "bsa" else []), *request.product.sources}),
        inputs=_inputs(request),
        warnings=_warnings(request, of),
    )


def with_order(plan: ActivityPlan, ordered: Order) -> ActivityPlan:
    """The plan with its vials; one that is given whole is held against the limit that binds."""
    room = None if plan.binding is None or plan.injections else plan.binding.room_percent
    vials = tuple(
        each
        if room is None or each.drawn[0].vial_share < 1
        else each.model_copy(update={"within_binding_limit": each.excess_percent <= room})
        for each in ordered.vials
    )
    return plan.model_copy(
        update={"times": ordered.times, "vials": vials, "warnings": [*plan.warnings, *ordered.warnings]}
    )


def distribution_of(r: Request) -> Distribution:
    """How the activity of a request spreads. Raises BadInput, MissingData: what the model needs and was not given."""
    if r.convention == "kao_2013" and r.model != "partition":
        raise BadInput(
            "the convention of Kao 2013 is one of the partition model", hint="Use --model partition with it."
        )
    if r.activity_ratio is not None and r.convention != "kao_2013":
        raise BadInput(
            "an activity ratio A_T / A_N belongs to the convention of Kao 2013",
            hint="Add --convention kao_2013, or give the ratio of concentrations with --tn.",
        )
    if r.model == "mird" or (r.model == "bsa" and not r.tumour_to_normal):
        perfused = sum(r.tumours_kg) + (r.normal_kg or 0.0)
        if r.model == "bsa" and r.normal_kg is None:
            perfused = _needed(r.liver_kg, "the liver", "--liver or --normal") * r.treated_share
        if perfused == 0:
            raise MissingData("no perfused volume", hint="Give --normal, and --tumour for each tumour.")
        return single_compartment(perfused, r.lung_shunt, r.lung_kg)
    if not r.tumours_kg:
        raise MissingData(f"the {r.model} model needs a tumour", hint="Give --tumour, with its unit.")
    normal = r.normal_kg
    if normal is None and r.model == "bsa" and r.liver_kg is not None:
        normal = r.liver_kg - sum(r.tumours_kg)
    normal = _needed(normal, "the perfused normal liver", "--normal")
    if r.convention == "kao_2013":
        if r.tumour_to_normal:
            raise BadInput(
                "a ratio of concentrations was given with the convention of Kao 2013",
                hint="Give --activity-ratio A_T / A_N, or leave --convention out.",
            )
        ratio = _needed(r.activity_ratio, "the activity ratio", "--activity-ratio")
        return partition_kao_2013(sum(r.tumours_kg), normal, ratio, r.lung_shunt, r.lung_kg)
    ratios = r.tumour_to_normal
    if len(ratios) == 0:
        raise MissingData("the tumour-to-normal ratio is not known", hint="Give --tn, as the scout shows it.")
    if r.model == "multi":
        if len(ratios) not in {1, len(r.tumours_kg)}:
            raise BadInput(
                f"{len(r.tumours_kg)} tumours and {len(ratios)} ratios",
                hint="Give --tn once for all tumours, or once for each, in their order.",
            )
        each = ratios * len(r.tumours_kg) if len(ratios) == 1 else ratios
        names = [TUMOUR] if len(each) == 1 else [f"tumour_{n}" for n in range(1, len(each) + 1)]
        lesions = [Lesion(n, m, tn) for n, m, tn in zip(names, r.tumours_kg, each, strict=True)]
        return multi_compartment(lesions, normal, r.lung_shunt, r.lung_kg)
    if len(ratios) != 1:
        raise BadInput(f"{len(ratios)} ratios for one tumour compartment", hint="Use --model multi, or one --tn.")
    return partition(Lesion(TUMOUR, sum(r.tumours_kg), ratios[0]), normal, r.lung_shunt, r.lung_kg)


def _activity(r: Request, of: Distribution, energy: Energy) -> float:
    if r.model == "bsa":
        return _by_body_surface(r)
    if (r.activity_gbq is None) == (r.target_dose_gy is None):
        raise BadInput(
            "give either an activity or a dose to reach",
            hint="--activity '1.5 GBq' gives doses; --target-dose '120 Gy' --target ... gives the activity.",
        )
    if r.activity_gbq is not None:
        if r.target is not None:
            raise BadInput("a target without a dose to reach", hint="Give --target-dose, or leave --target out.")
        if r.activity_gbq == 0:
            raise BadInput("an activity of 0 GBq gives no dose", hint="Give the activity to prepare.")
        trapped_gbq(r.activity_gbq, of, energy)  # refuses what is no activity
        return r.activity_gbq
    target = r.target or (PERFUSED if r.model == "mird" else None)
    dose = _needed(r.target_dose_gy, "the dose to reach", "--target-dose")
    if target is None:
        raise MissingData("the target of the dose is not named", hint="Give --target tumour, or --target normal_liver.")
    if target == PERFUSED and PERFUSED not in of.names:
        mass = sum(part.mass_kg or 0.0 for part in of.compartments if part.name != LUNG)
        return activity_for_gbq(dose, PERFUSED, single_compartment(mass, of[LUNG].share, r.lung_kg), energy)
    if target == TUMOUR and TUMOUR not in of.names and r.model == "multi":
        return positive(dose, "the dose to reach", "Gy") / _doses(r, of, energy, 1.0)[TUMOUR]
    if target not in of.names:
        raise BadInput(
            f"the single-compartment model has one dose, and none of {target}",
            hint="Use --target perfused, or --model partition or multi with --tn.",
        )
    return activity_for_gbq(dose, target, of, energy)


def _by_body_surface(r: Request) -> float:
    if r.activity_gbq is not None or r.target_dose_gy is not None:
        raise BadInput(
            "body surface makes the activity itself",
            hint="Leave --activity and --target-dose out; for doses of this activity give it to --model partition.",
        )
    height, weight = _needed(r.height_cm, "the height", "--height"), _needed(r.weight_kg, "the weight", "--weight")
    tumour = sum(r.tumours_kg)
    liver = r.liver_kg if r.liver_kg is not None else tumour + _needed(r.normal_kg, "the liver", "--liver or --normal")
    if tumour > liver:
        raise BadInput("the tumours are larger than the liver", hint="--liver is the whole liver with its tumours.")
    return resin_bsa_gbq(body_surface_m2(height, weight), tumour / liver, r.treated_share)


def _doses(r: Request, of: Distribution, energy: Energy, activity: float) -> dict[str, float]:
    """Doses of the compartments, then what is made of them: the whole perfused volume, all tumours together, and what one compartment implies."""
    doses = doses_gy(activity, of, energy)
    if PERFUSED in doses:
        even = {name: doses[PERFUSED] for name, there in ((TUMOUR, r.tumours_kg), (NORMAL, r.normal_kg)) if there}
        return {PERFUSED: doses[PERFUSED], **even, LUNG: doses[LUNG]}
    inside = [part for part in of.compartments if part.name != LUNG]
    told = {
        TUMOUR: _mean_gy([part for part in inside if part.name != NORMAL], doses),
        NORMAL: doses[NORMAL],
        LUNG: doses[LUNG],
        PERFUSED: _mean_gy(inside, doses),
    }
    return told | {name: dose for name, dose in doses.items() if name not in told}


def _mean_gy(parts: Sequence[Compartment], doses: Mapping[str, float]) -> float:
    mass = math.fsum(part.mass_kg or 0.0 for part in parts)
    return math.fsum(doses[part.name] * (part.mass_kg or 0.0) for part in parts) / mass


def _intervals(r: Request, activity: float) -> dict[str, Interval]:
    """Intervals from the stated errors; none stated that moves a dose, none given. A tumour outlined too large takes from the normal liver what it gains."""
    errors = checked_errors(r)
    if not errors:
        return {}
    values = {"lung_shunt": r.lung_shunt, "residual": r.residual}
    terms = tuple(
        Term(name, values.get(name, 1.0), sd, "share" if name in values else "positive")
        for name, sd in errors.items()
        if values.get(name, 1.0) > 0  # a shunt or residual of 0 has no relative error
    )

    def dose_of(name: str) -> Callable[[Values], float]:
        def dose(at: Values) -> float:
            then = moved(r, at)
            energy = Energy(then.constant_gy_kg_per_gbq, then.residual)
            return _doses(then, distribution_of(then), energy, activity * at.get("activity", 1.0))[name]

        return dose

    energy = Energy(r.constant_gy_kg_per_gbq, r.residual)
    doses = _doses(r, distribution_of(r), energy, activity)
    found = {name: propagate(dose_of(name), Budget(terms)) for name, value in doses.items() if value > 0}
    return {
        name: each for name, each in found.items() if each.relative_sd > 1e-9
    }  # what no stated error moves is not sure, only not known


def checked_errors(r: Request) -> Mapping[str, float]:
    """The stated errors. Raises BadInput: one that is not known."""
    errors = r.errors or {}
    if unknown := [name for name in errors if name not in ERRORS]:
        raise BadInput(f"no error '{unknown[0]}'", hint=f"Known: {', '.join(ERRORS)}.")
    return errors


def moved(r: Request, at: Values) -> Request:
    """The request with its quantities moved to `at`, by name of `ERRORS`: factors of masses and ratios, values of shunt and residual."""
    grown, ratio = at.get("tumour", 1.0), at.get("tn", 1.0)
    normal = r.normal_kg
    if normal is not None:
        normal = max(normal * at.get("normal", 1.0) - sum(r.tumours_kg) * (grown - 1), 1e-3 * normal)
    return replace(
        r,
        tumours_kg=tuple(mass * grown for mass in r.tumours_kg),
        normal_kg=normal,
        tumour_to_normal=tuple(each * ratio for each in r.tumour_to_normal),
        activity_ratio=None if r.activity_ratio is None else r.activity_ratio * ratio,
        lung_shunt=at.get("lung_shunt", r.lung_shunt),
        residual=at.get("residual", r.residual),
        lung_kg=r.lung_kg * at.get("lung_mass", 1.0),
    )


def _effects(r: Request, doses: Mapping[str, float]) -> dict[str, Effect]:
    if r.model in {"mird", "bsa"} and not r.tumour_to_normal:
        return {}  # the even dose of one compartment is neither that of a tumour nor of normal liver
    return {
        name: effect(dose, "normal_liver" if name == NORMAL else "tumour", r.product.nuclide)
        for name, dose in doses.items()
        if name not in {LUNG, PERFUSED}
    }


def _whole_share(r: Request) -> float:
    """What the whole normal liver has of the dose of its perfused part; 1, the most it can be, where the whole liver is not known."""
    if r.liver_kg is None or r.normal_kg is None:
        return 1.0
    whole = r.liver_kg - sum(r.tumours_kg)
    if whole < r.normal_kg * (1 - 1e-9):
        raise BadInput(
            "the perfused normal liver is larger than the whole liver without its tumours",
            hint="--liver is the whole liver with its tumours, --normal the perfused part without them.",
        )
    return r.normal_kg / whole


def _warnings(r: Request, of: Distribution) -> list[str]:
    default = r.product.nuclide.dose_constants[0]
    off = 100 * (r.constant_gy_kg_per_gbq / default.gy_kg_per_gbq - 1)
    single = PERFUSED in of.names
    told = [
        (single, "one compartment: the dose is taken as even, so that of the tumour is not predicted (mikell_2016)"),
        (
            r.model == "partition" and len(r.tumours_kg) > 1,
            f"{len(r.tumours_kg)} tumours are taken as one; several tumours are not one tumour (moran_2020): see --model multi",
        ),
        (
            r.model == "partition",
            "against Monte Carlo a partition model put the lung dose 11.7 % too high (partition_monte_carlo_2017)",
        ),
        (
            of.convention == "kao_2013",
            "convention of Kao 2013: the lung shunt is A_L / (A_T + A_L), the ratio A_T / A_N",
        ),
        (
            r.model == "bsa",
            "body surface: the activity does not follow from a dose, and no reduction for the lung shunt is applied (its steps are not verified)",
        ),
        (
            abs(off) > 0.005,
            f"dose constant {r.constant_gy_kg_per_gbq:g} Gy kg/GBq, {off:+.2f} % against the default {default.gy_kg_per_gbq:g}",
        ),
        (
            r.product.id == "ho166",
            "Ho-166: the default constant counts electrons only; 16.20 counts every photon too, the vendor's 15.87 is not verified",
        ),
        (not r.errors, "no errors were stated, so no dose has an interval: see --error"),
        (
            r.product.label_error_percent is not None and "activity" not in (r.errors or {}),
            f"the label of a vial is within {r.product.label_error_percent:g} % (selwyn_2008)"
            if r.product.label_error_percent is not None
            else "",
        ),
        (
            r.scenario is None,
            "no scenario was stated, so limits of a scenario were not compared: see --scenario",
        ),
        (
            not single and (r.liver_kg is None or r.normal_kg is None),
            "the whole liver is not known: limits on the whole normal liver are compared with its perfused part, which has the higher dose",
        ),
        (
            r.prior_lung_dose_gy is None,
            "earlier lung dose not stated: the cumulative limit was not compared",
        ),
        (True, "limits and targets are borrowed: no source tabulates neuroendocrine metastases"),
    ]
    return [text for holds, text in told if holds]


def _inputs(r: Request) -> dict[str, object]:
    """The request as it was read, in canonical units, with what was left out."""
    return {
        "product": r.product.name,
        "nuclide": r.product.nuclide.name,
        "half_life_h": r.product.nuclide.half_life_h,
        "lung_shunt": r.lung_shunt,
        "residual": r.residual,
        "lung_mass_kg": r.lung_kg,
        "density_g_ml": r.density_g_ml,
        "tumours_kg": list(r.tumours_kg),
        "normal_kg": r.normal_kg,
        "tumour_to_normal": list(r.tumour_to_normal),
        "activity_ratio": r.activity_ratio,
        "activity_gbq": r.activity_gbq,
        "target_dose_gy": r.target_dose_gy,
        "target": r.target,
        "height_cm": r.height_cm,
        "weight_kg": r.weight_kg,
        "liver_kg": r.liver_kg,
        "treated_share": r.treated_share,
        "scenario": r.scenario,
        "conditions": list(r.conditions),
        "prior_lung_dose_gy": r.prior_lung_dose_gy,
        "errors": dict(r.errors or {}),
    }


def _needed(value: float | None, what: str, option: str) -> float:
    if value is None:
        raise MissingData(f"{what} was not given", hint=f"Give {option}, with its unit.")
    return value
