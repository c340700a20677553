"""A plan of activity as a `plan` event of a case: what was asked, the doses it predicts, the limits it was held against, in the words of the case file."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, cast

from liverboard.errors import BadInput
from liverboard.sirt.activity import LUNG, NORMAL, PERFUSED, TUMOUR
from liverboard.sirt.limits import LimitCheck
from liverboard.sirt.plan import ActivityPlan, InjectionPlan

_TECHNIQUE = {"resin": "sirt_resin", "glass": "sirt_glass", "ho166": "sirt_ho166"}
_WHOLE = (TUMOUR, NORMAL, PERFUSED, LUNG)


def plan_event(
    plan: ActivityPlan,
    date: dt.date,
    *,
    lung_mass_stated: bool,
    segments: Sequence[int] = (),
    lesions: Sequence[str] = (),
) -> dict[str, Any]:
    """The event as the case file writes it, quantities to four digits. Volumes are the masses over the density
    of the request.

    `segments`: the territory. `lesions`: names of the tumours, in their order; without them the doses of single tumours are not kept, for nobody could tell whose
    they are. Raises BadInput: not one name a tumour.
    """
    asked = cast("Mapping[str, Any]", plan.inputs)
    parts: Mapping[str, Mapping[str, Any]] = asked.get("injections", {})
    one = next(iter(parts.values()), asked)
    density: float = one["density_g_ml"]
    tumours: Sequence[float] = asked.get("tumours_kg", ())
    names = [name for name in plan.doses_gy if _is_lesion(name)] if parts else lesions
    if lesions and (parts or len(lesions) != len(tumours)):
        raise BadInput(
            "the tumours of several injections have their names in the file"
            if parts
            else f"{len(lesions)} lesion names for {len(tumours)} tumours",
            hint="Leave --lesion out." if parts else "Give --lesion once for each --tumour, in the same order.",
        )

    def volume(mass_kg: float | None) -> str | None:
        return None if not mass_kg else _written(1000 * mass_kg / density, "mL")

    ratios: Sequence[float] = asked.get("tumour_to_normal", ())
    normal: float | None = asked.get("normal_kg")
    details: dict[str, Any] = {
        "planned_activity": _written(plan.activity_gbq, "GBq"),
        "residual": _share(1 - plan.delivered_gbq / plan.activity_gbq),
        "lung_shunt_fraction": _share(plan.trapped_gbq[LUNG] / plan.delivered_gbq)
        if parts
        else _share(asked["lung_shunt"]),
        "lung_activity": _written(plan.trapped_gbq.get(LUNG), "GBq"),
        "lung_dose": _written(plan.doses_gy.get(LUNG), "Gy"),
        "lung_dose_method": "shunt_and_mass",
        "lung_mass": _written(asked["lung_mass_kg"], "kg"),
        "lung_mass_method": "stated" if lung_mass_stated else "assumed",
        "prior_lung_dose": _written(asked.get("prior_lung_dose_gy"), "Gy"),
        "perfused_volume": volume(sum(tumours) + normal) if normal else None,
        "target_volume": volume(sum(tumours)),
        "normal_volume": volume(normal),
        "liver_volume": volume(asked.get("liver_kg")),
        "tumour_to_normal_ratio": float(f"{ratios[0]:.4g}") if len(ratios) == 1 else None,
        "model": plan.model,
        "convention": plan.convention,
        "dose_constant": _written(plan.constant_gy_kg_per_gbq, "Gy*kg/GBq"),
        "scenario": one["scenario"],
        "conditions": one["conditions"] or None,
        "target_dose": _written(asked.get("target_dose_gy"), "Gy"),
        "target": asked.get("target"),
        "planned_doses": _doses(plan, names, even=_is_even(plan, one)),
        "errors": {name: _share(sd) for name, sd in _mapping(asked["errors"]).items()} or None,
        "limits": [_limit(check) for check in plan.limits] or None,
        "limits_version": plan.limits_version,
        "binding_limit": None
        if plan.binding is None
        else {
            "id": plan.binding.id,
            "at_activity": _written(plan.binding.activity_at_limit_gbq, "GBq"),
            "room": f"{round(plan.binding.room_percent, 1) + 0.0:g} %",
            "says": plan.binding.says,
        },
        "injections": [_injection(each) for each in plan.injections] or None,
        "assumptions": plan.warnings or None,
    }
    return {
        "kind": "plan",
        "date": date,
        "technique": _TECHNIQUE[plan.product],
        **({"territory": {"segments": list(segments)}} if segments else {}),
        **({"lesions": list(names)} if names else {}),
        "details": {key: value for key, value in details.items() if value is not None},
    }


def _is_even(plan: ActivityPlan, asked: Mapping[str, Any]) -> bool:
    """Whether one dose stands for tumour and normal liver alike: it predicts that of neither."""
    return TUMOUR not in plan.doses_gy or (plan.model in {"mird", "bsa"} and not asked["tumour_to_normal"])


def _is_lesion(name: str) -> bool:
    return name not in _WHOLE and "/" not in name  # with a stroke: of one injection


def _doses(plan: ActivityPlan, names: Sequence[str], *, even: bool) -> dict[str, Any]:
    kept = (PERFUSED, LUNG) if even else _WHOLE
    told: dict[str, Any] = {name: _dose(plan, name) for name in kept if name in plan.doses_gy}
    single = [name for name in plan.doses_gy if _is_lesion(name)] or [TUMOUR] * (not even)
    if len(names) == len(single):
        told["lesions"] = [{"lesion": called} | _dose(plan, name) for called, name in zip(names, single, strict=True)]
    return {name: each for name, each in told.items() if each}


def _injection(each: InjectionPlan) -> dict[str, Any]:
    told = {
        "artery": each.name,
        "planned_activity": _written(each.activity_gbq, "GBq"),
        "residual": _share(each.residual),
        "lung_shunt_fraction": _share(each.lung_shunt),
        "moment": None if each.injected_at is None else each.injected_at.isoformat(),
    }
    return {key: value for key, value in told.items() if value is not None}


def _dose(plan: ActivityPlan, name: str) -> dict[str, str]:
    interval, effect = plan.intervals.get(name), plan.effects.get(name)
    told = {"mean": plan.doses_gy[name]}
    if interval is not None:
        told |= {"low": interval.low, "high": interval.high}
    if effect is not None:
        told |= {"bed": effect.bed_gy, "bed_low": effect.bed_band_gy[0], "bed_high": effect.bed_band_gy[1]}
    return {key: f"{value:.4g} Gy" for key, value in told.items()}


def _limit(check: LimitCheck) -> dict[str, Any]:
    told = {
        "id": check.id,
        "says": check.says,
        "kept": check.kept,
        "probability": None if check.probability is None else _share(min(max(check.probability, 0.001), 0.999)),
        "source": check.source,
        "verification": check.verification,
        "borrowed": check.borrowed,
    }
    return {key: value for key, value in told.items() if value is not None}


def _written(value: Any, unit: str) -> str | None:
    return None if value is None else f"{value:.4g} {unit}"


def _share(value: Any) -> str:
    return f"{100 * value:.4g} %"


def _mapping(value: Any) -> Mapping[str, float]:
    return value or {}
