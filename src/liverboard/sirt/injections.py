"""Several injections as one plan: each with its own territory, shunt, residual and tumours; doses add up, organs they share are one."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from liverboard.errors import BadInput, MissingData, UserError
from liverboard.sirt.activity import (
    LUNG,
    NORMAL,
    PERFUSED,
    TUMOUR,
    Distribution,
    Energy,
    Injection,
    doses_gy,
    doses_of_injections_gy,
    trapped_gbq,
)
from liverboard.sirt.limits import binding, compare, limits_for, limits_version, with_probability
from liverboard.sirt.plan import (
    ActivityPlan,
    InjectionPlan,
    Request,
    checked_errors,
    distribution_of,
    moved,
    plan_activity,
)
from liverboard.sirt.radiobiology import effect
from liverboard.sirt.uncertainty import Budget, Interval, Term, Values, propagate

_OWN_ERRORS = {"lung_shunt", "residual"}  # each injection has its own; the others move all injections alike


@dataclass(frozen=True, slots=True)
class Planned:
    """One injection as asked for. `tumours`: names, in the order of the masses of the request. `at`: its moment, None: not stated."""

    name: str
    request: Request
    tumours: tuple[str, ...] = ()
    at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class _One:
    """An injection with the names that its compartments have in the whole plan."""

    planned: Planned
    injection: Injection


def plan_injections(
    planned: Sequence[Planned], whole_kg: Mapping[str, float], liver_kg: float | None = None
) -> ActivityPlan:
    """One plan of several injections. `whole_kg`: the whole mass of each tumour that more than one injection reaches. `liver_kg`: the whole liver.

    The territories are taken not to overlap. What injections of one day give to the lungs is one session. Raises BadInput, MissingData.
    """
    if not planned:
        raise MissingData("no injection", hint="Give at least one under `injections:`.")
    tumours = _tumours(planned, whole_kg)
    alone = [_alone(each) for each in planned]
    ones = [_One(each, _injection(each, plan.activity_gbq, tumours)) for each, plan in zip(planned, alone, strict=True)]
    first = planned[0].request
    doses = _doses(ones, tumours)
    intervals = _intervals(ones, tumours, doses)
    total = math.fsum(plan.activity_gbq for plan in alone)
    trapped = _trapped(ones)
    prior = first.prior_lung_dose_gy
    compared, source, notes = _compared(ones, tumours, doses, liver_kg)
    if prior is not None:
        compared["lung_cumulative"] = doses[LUNG] + prior
    checks = compare(
        limits_for(first.product.id, first.scenario, first.conditions),
        compared,
        trapped,
        total,
        {"lung_cumulative": prior or 0.0},
    )
    checks = [with_probability(each, intervals.get(source.get(each.on, ""))) for each in checks]
    models = {each.request.model for each in planned}
    return ActivityPlan(
        product=first.product.id,
        model=first.model if len(models) == 1 else "several",
        convention="concentration_ratio" if all(one.convention == "concentration_ratio" for one in alone) else None,
        activity_gbq=total,
        delivered_gbq=math.fsum(plan.delivered_gbq for plan in alone),
        doses_gy=doses,
        intervals=intervals,
        trapped_gbq=trapped,
        constant_gy_kg_per_gbq=first.constant_gy_kg_per_gbq,
        effects={
            name: effect(doses[name], "normal_liver" if NORMAL in name else "tumour", first.product.nuclide)
            for name in doses
            if name != LUNG and PERFUSED not in name
        },
        limits=checks,
        binding=binding(checks, total),
        limits_version=limits_version(),
        sources=sorted({source for plan in alone for source in plan.sources}),
        inputs={
            "product": first.product.name,
            "lung_mass_kg": first.lung_kg,
            "liver_kg": liver_kg,
            "whole_kg": dict(whole_kg),
            "prior_lung_dose_gy": prior,
            "scenario": first.scenario,
            "errors": dict(first.errors or {}),
            "injections": {each.name: plan.inputs for each, plan in zip(planned, alone, strict=True)},
        },
        warnings=[*notes, *dict.fromkeys(text for plan in alone for text in plan.warnings)],
        injections=tuple(
            InjectionPlan(
                name=each.name,
                model=each.request.model,
                activity_gbq=plan.activity_gbq,
                delivered_gbq=plan.delivered_gbq,
                lung_shunt=each.request.lung_shunt,
                residual=each.request.residual,
                injected_at=each.at,
                doses_gy=doses_gy(one.injection.activity_gbq, one.injection.distribution, one.injection.energy),
            )
            for each, plan, one in zip(planned, alone, ones, strict=True)
        ),
    )


def _alone(each: Planned) -> ActivityPlan:
    try:
        return plan_activity(each.request)
    except UserError as error:
        raise type(error)(error.message, where=each.name, hint=error.hint) from None


def _tumours(planned: Sequence[Planned], whole_kg: Mapping[str, float]) -> dict[str, float]:
    """Mass in kg of every tumour; one that several injections reach has its whole mass stated."""
    masses: dict[str, float] = {}
    for each in planned:
        for name, mass in zip(each.tumours, each.request.tumours_kg, strict=True):
            if name in {LUNG, NORMAL, PERFUSED, TUMOUR}:
                raise BadInput(f"a tumour cannot be named '{name}'", hint="Give it a name of its own, such as T1.")
            if name in masses and name not in whole_kg:
                raise BadInput(
                    f"more than one injection reaches {name}, and its whole volume is not stated",
                    hint=f"Give it, such as  whole: {{{name}: 60 mL}}, and in each injection the part that it perfuses.",
                )
            if name in whole_kg and mass > whole_kg[name] * (1 + 1e-9):
                raise BadInput(
                    f"{each.name} reaches more of {name} than the whole tumour", hint="Check the two volumes."
                )
            masses[name] = whole_kg.get(name, mass)
    if unknown := [name for name in whole_kg if name not in masses]:
        raise BadInput(f"no injection reaches '{unknown[0]}'", hint="Check its name.")
    return masses


def _injection(each: Planned, activity_gbq: float, tumours: Mapping[str, float]) -> Injection:
    """The injection with each tumour under its own name."""
    of = distribution_of(each.request)
    own = iter(each.tumours)
    parts = tuple(
        part if part.name in {LUNG, NORMAL, PERFUSED} else replace(part, name=next(own)) for part in of.compartments
    )
    named = len([part for part in parts if part.name in tumours])
    if PERFUSED not in of.names and named != len(each.tumours):
        raise BadInput(
            f"{each.name}: the {of.model} model has one tumour, and {len(each.tumours)} are named",
            hint="Use model: multi.",
        )
    energy = Energy(each.request.constant_gy_kg_per_gbq, each.request.residual)
    return Injection(each.name, activity_gbq, Distribution(of.model, of.source, parts, of.convention), energy)


def _doses(ones: Sequence[_One], tumours: Mapping[str, float]) -> dict[str, float]:
    """All tumours together, all perfused normal liver, the lungs; then each tumour, and each territory's normal liver."""
    lung_kg = ones[0].planned.request.lung_kg
    each = doses_of_injections_gy([one.injection for one in ones], {**tumours, LUNG: lung_kg})
    told: dict[str, float] = {}
    if not any(PERFUSED in one.injection.distribution.names for one in ones):
        told[TUMOUR] = math.fsum(each[name] * mass for name, mass in tumours.items()) / math.fsum(tumours.values())
        normal = [(one.injection.name, one.injection.distribution[NORMAL].mass_kg or 0.0) for one in ones]
        told[NORMAL] = math.fsum(each[f"{name}/{NORMAL}"] * mass for name, mass in normal) / math.fsum(
            mass for _, mass in normal
        )
    return told | {LUNG: each[LUNG]} | {name: dose for name, dose in each.items() if name != LUNG}


def _trapped(ones: Sequence[_One]) -> dict[str, float]:
    """Activity in GBq by compartment; of the lungs and of each tumour from all injections together."""
    found: dict[str, float] = {}
    for one in ones:
        each = one.injection
        for name, gbq in trapped_gbq(each.activity_gbq, each.distribution, each.energy).items():
            key = f"{each.name}/{name}" if name in {NORMAL, PERFUSED} else name
            found[key] = found.get(key, 0.0) + gbq
    return found


def _compared(
    ones: Sequence[_One], tumours: Mapping[str, float], doses: Mapping[str, float], liver_kg: float | None
) -> tuple[dict[str, float], dict[str, str], list[str]]:
    """What the limits are held against: the territory and the day that have the most; whose dose each is, by its name in `doses`; and what is to be said."""
    notes = ["the territories of the injections are taken not to overlap"]
    worst: dict[str, float] = {}
    source: dict[str, str] = {}
    for name in (NORMAL, PERFUSED):
        found = {one.injection.name: dose for one in ones if (dose := doses.get(f"{one.injection.name}/{name}"))}
        if found and (name == PERFUSED or NORMAL in doses):
            most = max(found, key=lambda each: found[each])
            worst[name] = found[most]
            source[name] = f"{most}/{name}"
            if len(found) > 1:
                notes.append(f"limits of {name} are compared with the territory that has the most: {most}")
    if NORMAL in doses:
        worst[TUMOUR] = doses[TUMOUR]
        source[TUMOUR] = TUMOUR
        perfused = math.fsum(one.injection.distribution[NORMAL].mass_kg or 0.0 for one in ones)
        if liver_kg is None:
            worst["normal_liver_whole"] = doses[NORMAL]
            source["normal_liver_whole"] = NORMAL
        else:
            whole = liver_kg - math.fsum(tumours.values())
            if whole < perfused * (1 - 1e-9):
                raise BadInput(
                    "the perfused normal liver of all injections is larger than the whole liver without its tumours",
                    hint="--liver is the whole liver with its tumours; territories do not overlap.",
                )
            worst["normal_liver_whole"] = doses[NORMAL] * perfused / whole
    days = {None if one.planned.at is None else one.planned.at.date() for one in ones}
    sessions = [_lung(ones, day) for day in days]
    worst[LUNG] = doses[LUNG] if None in days else max(sessions)
    if len(days) == 1 or None in days:
        source[LUNG] = LUNG
    if len(days) > 1 and None not in days:
        notes.append(
            f"{len(days)} days: the lung limit of one session is compared with the day that has the most, {worst[LUNG]:.1f} Gy"
        )
    return worst, source, notes


def _lung(ones: Sequence[_One], day: dt.date | None) -> float:
    chosen = [one for one in ones if (None if one.planned.at is None else one.planned.at.date()) == day]
    return doses_of_injections_gy([one.injection for one in chosen], {LUNG: ones[0].planned.request.lung_kg})[LUNG]


def _intervals(ones: Sequence[_One], tumours: Mapping[str, float], doses: Mapping[str, float]) -> dict[str, Interval]:
    """Intervals from the stated errors: shunt and residual are each injection's own, the other errors move all injections alike."""
    errors = checked_errors(ones[0].planned.request)
    if not errors:
        return {}
    terms = [Term(name, 1.0, sd) for name, sd in errors.items() if name not in _OWN_ERRORS]
    for one in ones:
        values = {"lung_shunt": one.planned.request.lung_shunt, "residual": one.planned.request.residual}
        terms += [
            Term(f"{name} of {one.injection.name}", values[name], errors[name], "share")
            for name in _OWN_ERRORS & errors.keys()
            if values[name] > 0
        ]

    def at_values(at: Values) -> dict[str, float]:
        grown = {name: mass * at.get("tumour", 1.0) for name, mass in tumours.items()}
        then: list[_One] = []
        for one in ones:
            own = {
                name: at.get(f"{name} of {one.injection.name}", getattr(one.planned.request, name))
                for name in _OWN_ERRORS
            }
            planned = replace(one.planned, request=moved(one.planned.request, {**at, **own}))
            activity = one.injection.activity_gbq * at.get("activity", 1.0)
            then.append(_One(planned, _injection(planned, activity, grown)))
        return _doses(then, grown)

    def dose_of(name: str) -> Callable[[Values], float]:
        return lambda at: at_values(at)[name]

    return {name: propagate(dose_of(name), Budget(tuple(terms))) for name, value in doses.items() if value > 0}
