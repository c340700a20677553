"""The SIRT section of a dossier from the events that can be seen and, where there are any, from the images after treatment."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liverboard.board.key_image import KeyImage, Outline
from liverboard.board.measured import Step
from liverboard.board.sirt_values import SirtDelivered, SirtDose, SirtGiven, SirtLimitLine, SirtPlanned, SirtSection
from liverboard.board.sirt_verify import (
    Course,
    course_of,
    delivered_of,
    details_of,
    dose_request,
    injected_gbq,
    verify_course,
    without_options,
)
from liverboard.clinical.events import AnyEvent, Imaging, Plan, Procedure
from liverboard.clinical.sirt_details import CompartmentDose, SirtDetails, SirtDoses, SirtLimit
from liverboard.errors import UserError
from liverboard.knowledge import load_references
from liverboard.options.report import Source

if TYPE_CHECKING:
    from liverboard.board.sirt_dose import Dosed
    from liverboard.sirt.limits import LimitCheck

_COMPARTMENTS = {
    "tumour": "all tumours together",
    "normal_liver": "perfused non-tumour liver",
    "normal_liver_whole": "whole non-tumour liver",
    "perfused": "whole perfused liver",
    "lung": "lungs",
}


def sirt_section(
    visible: Sequence[AnyEvent], folder: Path | None, step: Step
) -> tuple[SirtSection | None, tuple[KeyImage, ...]]:
    """The latest radioembolisation and its isodose pictures; None where the case has neither a plan nor a procedure. `folder`: where image paths start.

    What cannot be read or computed is said in `lacking`; nothing is raised for it.
    """
    course = course_of(visible)
    event = course.procedure or course.plan
    if event is None:
        return None, ()
    plan, done = details_of(course.plan), details_of(course.procedure)
    lacking: list[str] = []
    found: Dosed | None = None
    if course.plan is None:
        lacking.append("The plan: none is in the case before the treatment.")
    if course.procedure is not None and not (
        done is not None and done.delivered_doses is not None and course.image is None
    ):
        found = _dosed(course, folder, step, lacking)
    verification = None
    if (
        course.procedure is not None
        and plan is not None
        and (found is not None or (done is not None and done.delivered_doses is not None))
    ):
        verification = verify_course(course, found)
    pictures = () if found is None or course.image is None else _isodoses(found, course.image)
    return SirtSection(
        technique=event.technique,
        planned=None if course.plan is None or plan is None else _planned(course.plan, plan),
        given=None if course.procedure is None else _given(course.procedure, done or SirtDetails()),
        delivered=None if found is None or course.image is None else _delivered(found, course.image),
        verification=verification,
        lacking=tuple(lacking),
    ), pictures


def _dosed(course: Course, folder: Path | None, step: Step, lacking: list[str]) -> Dosed | None:
    if folder is None:
        lacking.append("Delivered doses: no image was read.")
        return None
    from liverboard.board.sirt_dose import dose_files

    try:
        return dose_files(dose_request(course, folder), step)
    except UserError as error:
        lacking.append(f"Delivered doses: {error.message}.")
        return None


def _planned(event: Plan, plan: SirtDetails) -> SirtPlanned:
    binding = plan.binding_limit
    return SirtPlanned(
        event=event.id,
        date=event.date,
        model=plan.model,
        convention=plan.convention,
        scenario=plan.scenario,
        activity_gbq=plan.planned_activity,
        target=plan.target,
        target_dose_gy=plan.target_dose,
        lung_shunt_fraction=plan.lung_shunt_fraction,
        lung_dose_gy=plan.lung_dose,
        lung_mass_kg=plan.lung_mass,
        lung_mass_method=plan.lung_mass_method,
        tumour_to_normal_ratio=plan.tumour_to_normal_ratio,
        perfused_volume_ml=plan.perfused_volume,
        target_volume_ml=plan.target_volume,
        dose_constant_gy_kg_per_gbq=plan.dose_constant,
        doses=_doses(plan.planned_doses),
        limits=tuple(_stated_limit(limit, None if binding is None else binding.id) for limit in plan.limits or ()),
        binding="" if binding is None else binding.says or binding.id,
        assumptions=plan.assumptions or (),
    )


def _given(event: Procedure, done: SirtDetails) -> SirtGiven:
    return SirtGiven(
        event=event.id,
        date=event.date,
        prepared_activity_gbq=done.prepared_activity,
        injected_activity_gbq=injected_gbq(done),
        residual_fraction=done.residual,
        stasis=None if done.end_point is None else done.end_point.stasis,
    )


def _delivered(found: Dosed, image: Imaging) -> SirtDelivered:
    report = found.report
    return SirtDelivered(
        event=image.id,
        date=image.date,
        modality=image.modality or "",
        method=report.method,
        total_activity_gbq=report.total_activity_gbq,
        doses=tuple(
            SirtDose(
                name=each.name,
                mean_gy=each.dose.mean_gy,
                low_gy=each.dose.low_gy,
                high_gy=each.dose.high_gy,
                volume_ml=each.volume_ml,
                **_effect(report.structures[each.name].get("effect")),
            )
            for each in delivered_of(report.structures)
            if each.dose is not None
        ),
        curves=tuple(report.curves),
        limits=tuple(_checked_limit(check) for check in report.limits),
        assumptions=without_options(report.assumptions),
        warnings=tuple(dict.fromkeys(without_options(report.warnings))),
    )


def _effect(effect: Any) -> dict[str, float]:
    if not effect:
        return {}
    low, high = effect["bed_band_gy"]
    return {"bed_gy": effect["bed_gy"], "bed_low_gy": low, "bed_high_gy": high}


def _doses(doses: SirtDoses | None) -> tuple[SirtDose, ...]:
    if doses is None:
        return ()
    named: list[tuple[str, CompartmentDose]] = [
        (words, dose) for name, words in _COMPARTMENTS.items() if (dose := getattr(doses, name)) is not None
    ]
    named += [(each.lesion, each) for each in doses.lesions or ()]
    return tuple(
        SirtDose(
            name=name,
            mean_gy=dose.mean,
            low_gy=dose.low,
            high_gy=dose.high,
            bed_gy=dose.bed,
            bed_low_gy=dose.bed_low,
            bed_high_gy=dose.bed_high,
        )
        for name, dose in named
    )


def _stated_limit(limit: SirtLimit, binding: str | None) -> SirtLimitLine:
    return SirtLimitLine(
        id=limit.id,
        says=limit.says,
        kept=limit.kept,
        probability=limit.probability,
        source=_source(limit.source, limit.verification),
        borrowed=limit.borrowed or "",
        binding=limit.id == binding,
    )


def _checked_limit(check: LimitCheck) -> SirtLimitLine:
    return SirtLimitLine(
        id=check.id,
        says=check.says,
        limit_gy=check.limit if check.quantity == "dose_gy" else None,
        kept=check.kept,
        probability=check.probability,
        source=_source(check.source, check.verification),
        borrowed=check.borrowed,
    )


def _source(key: str | None, verification: str | None) -> Source | None:
    """The source of a limit as the dossier cites it; one that a case names and nobody knows keeps its name."""
    if key is None:
        return None
    known = load_references().get(key)
    return Source(key=key, citation=key if known is None else known.citation, verification=verification or "U")


def _isodoses(found: Dosed, image: Imaging) -> tuple[KeyImage, ...]:
    """Up to three slices of the activity with the structures and isodose lines over them."""
    import contourpy
    import numpy as np
    from PIL import Image as Picture

    from liverboard.imaging import best_slices
    from liverboard.sirt.isodoses import isodose_levels_gy
    from liverboard.volume import Mask

    report, dose = found.report, found.doses[found.report.method]
    masks = [Mask(each.name, each.share > 0.5, each.geometry) for each in found.structures if (each.share > 0.5).any()]
    lesions = [mask for mask in masks if report.structures[mask.name].get("tissue") == "tumour"]
    rest = [mask for mask in masks if mask not in lesions]
    organ = max(rest, key=lambda mask: float(mask.array.sum()) * mask.geometry.voxel_volume_ml, default=None)
    pairs = zip(best_slices(found.activity, organ, lesions), best_slices(dose, organ, lesions), strict=True)
    levels = isodose_levels_gy(float(dose.array.max()))
    pictures: list[KeyImage] = []
    for shown, dosed in pairs:
        row_mm, column_mm = shown.spacing_mm
        rows, columns = shown.pixels.shape
        high = max(float(np.percentile(shown.pixels, 99.5)), 1e-9)
        buffer = io.BytesIO()
        grey = np.clip(shown.pixels / high, 0, 1) ** 0.5 * 170  # dark enough for the lines to be read
        Picture.fromarray(grey.astype(np.uint8)).save(buffer, "PNG", optimize=True)
        contours: Any = contourpy.contour_generator(z=dosed.pixels)
        lines = [
            Outline(
                name=f"{level} Gy",
                role="isodose",
                points_mm=tuple(
                    (round(float(x + 0.5) * column_mm, 1), round(float(y + 0.5) * row_mm, 1)) for x, y in line
                ),
            )
            for level in levels
            for line in contours.lines(level)
            if len(line) > 5
        ]
        outlines = [
            Outline(name=o.name, role="lesion", points_mm=tuple((round(x, 1), round(y, 1)) for x, y in o.points_mm))
            for o in shown.lesions
        ]
        names = list(dict.fromkeys(o.name for o in shown.lesions))
        pictures.append(
            KeyImage(
                title=", ".join(names) or "no tumour on this slice",
                modality=(image.modality or "").replace("PET_Y90", "Y-90 PET"),
                z_lps_mm=round(shown.z_lps_mm, 1) + 0.0,
                width_mm=columns * column_mm,
                height_mm=rows * row_mm,
                png_base64=base64.b64encode(buffer.getvalue()).decode("ascii"),
                window_low=0.0,
                window_high=float(f"{high:.3g}"),
                window_unit="image units",
                outlines=(*lines, *outlines),
                date=image.date,
                event=image.id,
            )
        )
    return tuple(pictures)
