"""A plan of activity as a `plan` event of a case: what was asked, the doses it predicts, the limits it was held against, in the words of the case file."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from liverboard.errors import BadInput
from liverboard.sirt.activity import LUNG, NORMAL, PERFUSED, TUMOUR
from liverboard.sirt.limits import LimitCheck
from liverboard.sirt.plan import ActivityPlan

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
    asked = plan.inputs
    density: Any = asked["density_g_ml"]
    tumours: Sequence[float] = asked["tumours_kg"]  # pyright: ignore[reportAssignmentType]
    if lesions and len(lesions) != len(tumours):
        raise BadInput(
            f"{len(lesions)} lesion names for {len(tumours)} tumours",
            hint="Give --lesion once for each --tumour, in the same order.",
        )

    def volume(mass_kg: Any) -> str | None:
        return None if not mass_kg else _written(1000 * mass_kg / density, "mL")

    ratios: Sequence[float] = asked["tumour_to_normal"]  # pyright: ignore[reportAssignmentType]
    normal: Any = asked["normal_kg"]
    details: dict[str, Any] = {
        "planned_activity": _written(plan.activity_gbq, "GBq"),
        "residual": _share(asked["residual"]),
        "lung_shunt_fraction": _share(asked["lung_shunt"]),
        "lung_activity": _written(plan.trapped_gbq.get(LUNG), "GBq"),
        "lung_dose": _written(plan.doses_gy.get(LUNG), "Gy"),
        "lung_dose_method": "shunt_and_mass",
        "lung_mass": _written(asked["lung_mass_kg"], "kg"),
        "lung_mass_method": "stated" if lung_mass_stated else "assumed",
        "prior_lung_dose": _written(asked["prior_lung_dose_gy"], "Gy"),
        "perfused_volume": volume(sum(tumours) + normal) if normal else None,
        "target_volume": volume(sum(tumours)),
        "normal_volume": volume(normal),
        "liver_volume": volume(asked["liver_kg"]),
        "tumour_to_normal_ratio": float(f"{ratios[0]:.4g}") if len(ratios) == 1 else None,
        "model": plan.model,
        "convention": plan.convention,
        "dose_constant": _written(plan.constant_gy_kg_per_gbq, "Gy*kg/GBq"),
        "scenario": asked["scenario"],
        "conditions": asked["conditions"] or None,
        "target_dose": _written(asked["target_dose_gy"], "Gy"),
        "target": asked["target"],
        "planned_doses": _doses(plan, lesions),
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
        "assumptions": plan.warnings or None,
    }
    return {
        "kind": "plan",
        "date": date,
        "technique": _TECHNIQUE[plan.product],
        **({"territory": {"segments": list(segments)}} if segments else {}),
        **({"lesions": list(lesions)} if lesions else {}),
        "details": {key: value for key, value in details.items() if value is not None},
    }


def _doses(plan: ActivityPlan, lesions: Sequence[str]) -> dict[str, Any]:
    even = plan.model in {"mird", "bsa"} and not plan.inputs["tumour_to_normal"]
    kept = (PERFUSED, LUNG) if even else _WHOLE  # an even dose predicts neither that of a tumour nor of normal liver
    told: dict[str, Any] = {name: _dose(plan, name) for name in kept if name in plan.doses_gy}
    single = [name for name in plan.doses_gy if name not in _WHOLE] or [TUMOUR] * (not even)
    if len(lesions) == len(single):
        told["lesions"] = [{"lesion": called} | _dose(plan, name) for called, name in zip(lesions, single, strict=True)]
    return told


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
