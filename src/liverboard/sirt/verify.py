"""Predicted beside delivered dose: per lesion and for the non-tumour liver, with the difference and how sure it is; what cannot be compared, and why."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from liverboard.clinical.extent import Frozen
from liverboard.clinical.sirt_details import CompartmentDose, SirtDetails, SirtDoses
from liverboard.sirt.radiobiology import Tissue

Kind = Literal["lesion", "tumour", "normal_liver", "perfused"]
_GROUPS: Mapping[Kind, str] = {
    "tumour": "all tumours together",
    "normal_liver": "non-tumour liver",
    "perfused": "whole perfused liver",
}
_VOLUME_PERCENT = 20.0  # volumes further apart than this are not of one structure; a convention of this project
_ACTIVITY_PERCENT = 5.0  # from which difference of activity on it is said; a convention of this project
_Z95 = 1.959964


class MeanDose(Frozen):
    """A mean dose in Gy with its 95 % interval; None: not known."""

    mean_gy: float
    low_gy: float | None = None
    high_gy: float | None = None


class Delivered(Frozen):
    """A structure of the image after treatment. `tissue` None: neither tumour nor non-tumour liver. `dose` None: it has none; `why` then says so."""

    name: str
    tissue: Tissue | None
    volume_ml: float
    dose: MeanDose | None
    why: str = ""


class Compared(Frozen):
    """One predicted and delivered mean dose. Differences are delivered less predicted, in Gy and in percent of the predicted, each with its 95 % interval.

    `agrees`: whether the interval of the difference holds 0; None where one of both has no interval. `note`: what stands against the comparison.
    """

    name: str
    kind: Kind
    predicted: MeanDose
    delivered: MeanDose
    volume_ml: float | None = None
    difference_gy: float
    difference_low_gy: float | None = None
    difference_high_gy: float | None = None
    difference_percent: float | None = None
    difference_low_percent: float | None = None
    difference_high_percent: float | None = None
    agrees: bool | None = None
    note: str = ""


class NotCompared(Frozen):
    """A dose that has no counterpart, and why."""

    name: str
    predicted: MeanDose | None = None
    delivered: MeanDose | None = None
    why: str


class Verification(Frozen):
    """`predicted_from`, `delivered_from`: where both come from, in words."""

    predicted_from: str
    delivered_from: str
    compared: tuple[Compared, ...]
    not_compared: tuple[NotCompared, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Treatment:
    """What was given: `delivered` doses of structures, the activity at injection in GBq (None: not stated), and where plan and doses come from, in words."""

    delivered: tuple[Delivered, ...]
    injected_gbq: float | None
    predicted_from: str
    delivered_from: str


def compare_doses(plan: SirtDetails, treatment: Treatment) -> Verification:
    """Every predicted dose beside the delivered one. Structures are met by their name, the groups (all tumours, non-tumour liver) by their tissue."""
    delivered = treatment.delivered
    doses = plan.planned_doses
    compared: list[Compared] = []
    apart: list[NotCompared] = []
    by_name = {each.name.strip().lower(): each for each in delivered}
    tumours = [each for each in delivered if each.tissue == "tumour"]
    normal = [each for each in delivered if each.tissue == "normal_liver"]
    met: set[str] = set()
    for lesion in () if doses is None else doses.lesions or ():
        found = by_name.get(lesion.lesion.strip().lower())
        predicted = _mean(lesion)
        if found is None:
            why = f"no structure of the image after treatment is named {lesion.lesion}"
            apart.append(NotCompared(name=lesion.lesion, predicted=predicted, why=why))
            continue
        met.add(found.name)
        if found.dose is None:
            apart.append(NotCompared(name=lesion.lesion, predicted=predicted, why=found.why or "it has no dose"))
        else:
            compared.append(_compared(lesion.lesion, "lesion", predicted, found.dose, found.volume_ml))
    groups: Mapping[Kind, tuple[CompartmentDose | None, Sequence[Delivered], float | None]] = {
        "tumour": (doses and doses.tumour, tumours, plan.target_volume),
        "normal_liver": (doses and doses.normal_liver, normal, plan.normal_volume),
        "perfused": (doses and doses.perfused, [*tumours, *normal], plan.perfused_volume),
    }
    for kind, (dose, parts, volume) in groups.items():
        words = _GROUPS[kind]
        if kind == "normal_liver" and dose is not None and doses is not None:
            dose, volume = _whole_or_perfused(dose, doses.normal_liver_whole, parts, volume, plan)  # noqa: PLW2901
        if dose is None:
            continue
        together = _together(parts)
        if kind == "perfused" and not (tumours and normal):
            together = None
        if together is None:
            apart.append(NotCompared(name=words, predicted=_mean(dose), why=_lacking(kind, parts)))
            continue
        measured, volume_ml = together
        if volume is not None and abs(volume_ml / volume - 1) > _VOLUME_PERCENT / 100:
            why = f"the plan has {volume:.0f} mL, the structures of the image {volume_ml:.0f} mL: not the same tissue"
            apart.append(NotCompared(name=words, predicted=_mean(dose), delivered=measured, why=why))
            continue
        note = "" if volume is not None else "the plan states no volume; whether it is the same tissue is not known"
        compared.append(_compared(words, kind, _mean(dose), measured, volume_ml, note))
    if doses is not None and doses.lung is not None:
        why = "the image after treatment has no dose of the lungs"
        apart.append(NotCompared(name="lung", predicted=_mean(doses.lung), why=why))
    apart += [
        NotCompared(name=each.name, delivered=each.dose, why="the plan predicts no dose of its own for it")
        for each in tumours
        if each.name not in met and each.dose is not None
    ]
    return Verification(
        predicted_from=treatment.predicted_from,
        delivered_from=treatment.delivered_from,
        compared=tuple(compared),
        not_compared=tuple(apart),
        warnings=tuple(_warnings(plan, treatment.injected_gbq, compared)),
    )


def compare_stated(plan: SirtDetails, delivered: SirtDoses, treatment: Treatment) -> Verification:
    """Predicted doses beside delivered ones that a person stated by the same names."""
    doses = plan.planned_doses or SirtDoses()
    given = {each.lesion.strip().lower(): each for each in delivered.lesions or ()}
    pairs: list[tuple[str, Kind, CompartmentDose, CompartmentDose | None]] = [
        (each.lesion, "lesion", each, given.get(each.lesion.strip().lower())) for each in doses.lesions or ()
    ]
    for kind, words in _GROUPS.items():
        if (planned := getattr(doses, kind)) is not None:
            pairs.append((words, kind, planned, getattr(delivered, kind)))
    compared = [
        _compared(name, kind, _mean(planned), _mean(dose), None, "as stated")
        for name, kind, planned, dose in pairs
        if dose is not None
    ]
    return Verification(
        predicted_from=treatment.predicted_from,
        delivered_from=treatment.delivered_from,
        compared=tuple(compared),
        not_compared=tuple(
            NotCompared(name=name, predicted=_mean(planned), why="no delivered dose is stated")
            for name, _, planned, dose in pairs
            if dose is None
        ),
        warnings=tuple(_warnings(plan, treatment.injected_gbq, compared)),
    )


def _mean(dose: CompartmentDose) -> MeanDose:
    return MeanDose(mean_gy=dose.mean, low_gy=dose.low, high_gy=dose.high)


def _whole_or_perfused(
    perfused: CompartmentDose,
    whole: CompartmentDose | None,
    parts: Sequence[Delivered],
    volume: float | None,
    plan: SirtDetails,
) -> tuple[CompartmentDose, float | None]:
    """What the structure of the image is: the whole non-tumour liver where the plan has a dose for it and the volume is nearer to it, else the perfused part."""
    if whole is None or plan.liver_volume is None or plan.target_volume is None or volume is None:
        return perfused, volume
    all_of_it = plan.liver_volume - plan.target_volume
    measured = math.fsum(each.volume_ml for each in parts)
    return (whole, all_of_it) if abs(measured - all_of_it) < abs(measured - volume) else (perfused, volume)


def _together(parts: Sequence[Delivered]) -> tuple[MeanDose, float] | None:
    """Mean over several structures by volume. The ends are added as if all erred together, which is the widest that the interval can be."""
    held = [(each.dose, each.volume_ml) for each in parts if each.dose is not None]
    volume = math.fsum(each.volume_ml for each in parts)
    if not held or len(held) < len(parts) or volume <= 0:
        return None

    def mean(values: Sequence[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        if len(known) < len(values):
            return None
        return math.fsum(value * ml for value, (_, ml) in zip(known, held, strict=True)) / volume

    dose = MeanDose(
        mean_gy=mean([dose.mean_gy for dose, _ in held]) or 0.0,
        low_gy=mean([dose.low_gy for dose, _ in held]),
        high_gy=mean([dose.high_gy for dose, _ in held]),
    )
    return dose, volume


def _lacking(kind: Kind, parts: Sequence[Delivered]) -> str:
    without = [each for each in parts if each.dose is None]
    if without:
        return f"{without[0].name}: {without[0].why or 'no dose'}"
    return {
        "normal_liver": "no structure of the image is non-tumour liver",
        "perfused": "the image has no structures of both tumour and non-tumour liver",
    }.get(kind, "no structure of the image is tumour")


def _compared(
    name: str, kind: Kind, predicted: MeanDose, delivered: MeanDose, volume_ml: float | None, note: str = ""
) -> Compared:
    p, d = predicted.mean_gy, delivered.mean_gy
    told = Compared(
        name=name,
        kind=kind,
        predicted=predicted,
        delivered=delivered,
        volume_ml=volume_ml,
        difference_gy=d - p,
        difference_percent=100 * (d / p - 1) if p > 0 else None,
        note=note,
    )
    ends = (predicted.low_gy, predicted.high_gy, delivered.low_gy, delivered.high_gy)
    p_low, p_high, d_low, d_high = (end or 0.0 for end in ends)
    if min(p_low, d_low) <= 0:  # one of both has no interval
        return told
    # Doses are lognormal (see `uncertainty`), and plan and image err independently: variances add on the logarithm.
    sd = math.hypot(_sd(p_low, p_high), _sd(d_low, d_high))
    ratio_low, ratio_high = (d / p * math.exp(sign * _Z95 * sd) for sign in (-1, 1))
    # The difference itself: the distances of both ends add by squares, each on its own side.
    low, high = d - p - math.hypot(d - d_low, p_high - p), d - p + math.hypot(d_high - d, p - p_low)
    return told.model_copy(
        update={
            "difference_low_gy": low,
            "difference_high_gy": high,
            "difference_low_percent": 100 * (ratio_low - 1),
            "difference_high_percent": 100 * (ratio_high - 1),
            "agrees": ratio_low <= 1 <= ratio_high,
        }
    )


def _sd(low: float, high: float) -> float:
    return math.log(high / low) / (2 * _Z95)


def _warnings(plan: SirtDetails, injected_gbq: float | None, compared: Sequence[Compared]) -> list[str]:
    said: list[str] = []
    if compared and all(each.predicted.low_gy is None for each in compared):
        said.append("the plan states no errors, so its doses have no interval, and agreement cannot be judged")
    elif any(each.predicted.low_gy is None for each in compared):
        said.append("some planned doses have no interval, so agreement cannot be judged for them")
    if plan.planned_doses is None:
        said.append("the plan has no predicted doses")
    planned = plan.planned_activity
    if planned is not None and injected_gbq is not None:
        expected = planned * (1 - (plan.residual or 0.0))
        if abs(injected_gbq / expected - 1) > _ACTIVITY_PERCENT / 100:
            said.append(
                f"{injected_gbq:.3g} GBq were injected, {expected:.3g} GBq expected: doses differ by that alone"
            )
    return said
