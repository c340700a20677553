"""Predicted beside delivered dose of a case, or of a plan and a dose in files: which plan, which treatment, which image, and what lacks."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from liverboard.board.load import OpenedCase
from liverboard.board.measured import Step, quiet
from liverboard.clinical.derive_timeline import visible_events
from liverboard.clinical.events import AnyEvent, Imaging, Plan, Procedure, Scout, Study
from liverboard.clinical.sirt_details import SirtDetails, SirtErrors
from liverboard.errors import BadInput, MissingData
from liverboard.sirt.plan import ActivityPlan
from liverboard.sirt.plan_event import plan_event
from liverboard.sirt.radiobiology import Tissue
from liverboard.sirt.verify import Delivered, MeanDose, Treatment, Verification, compare_doses, compare_stated

if TYPE_CHECKING:
    from liverboard.board.sirt_dose import Dosed, DoseRequest

_NUCLIDE = {"sirt_resin": "Y-90", "sirt_glass": "Y-90", "sirt_ho166": "Ho-166"}
_PRODUCT = {"sirt_resin": "resin", "sirt_glass": "glass", "sirt_ho166": "ho166"}
_ACTIVITY = re.compile(r"pet|spect|activity", re.IGNORECASE)
_MASKS = ("segmentation", "lesions")


@dataclass(frozen=True, slots=True)
class Course:
    """One radioembolisation as of a day: its plan, the treatment itself, and the first image of the activity after it; None: not in the case by then."""

    plan: Plan | None
    procedure: Procedure | None
    image: Imaging | None
    scout: Scout | None


def details_of(event: Plan | Procedure | None) -> SirtDetails | None:
    return event.details if event is not None and isinstance(event.details, SirtDetails) else None


def course_of(visible: Sequence[AnyEvent]) -> Course:
    """The latest radioembolisation among events in the order of their dates; a plan after the last treatment is the latest, and has no treatment yet."""
    plans = [event for event in visible if isinstance(event, Plan) and event.technique in _NUCLIDE]
    done = [event for event in visible if isinstance(event, Procedure) and event.technique in _NUCLIDE]
    scouts = [event for event in visible if isinstance(event, Scout)]
    last, plan = (done[-1] if done else None), (plans[-1] if plans else None)
    if last is None or (plan is not None and plan.date > last.date):
        return Course(plan, None, None, scouts[-1] if scouts else None)
    before = [each for each in done[:-1] if each.date < last.date]
    since = before[-1].date if before else None
    own = [
        each
        for each in plans
        if each.technique == last.technique and each.date <= last.date and (since is None or each.date > since)
    ]
    images = [
        event
        for event in visible
        if isinstance(event, Imaging)
        and event.date >= last.date
        and any(_shows_activity(event, s) for s in event.studies or ())
    ]
    scouted = [each for each in scouts if each.date <= last.date]
    return Course(own[-1] if own else None, last, images[0] if images else None, scouted[-1] if scouted else None)


def _shows_activity(event: Imaging, study: Study) -> bool:
    return event.modality in {"PET_Y90", "SPECT"} and bool(_ACTIVITY.search(study.role))


def dose_request(course: Course, folder: Path) -> DoseRequest:
    """What `sirt dose` would be asked for this treatment. Raises MissingData: no treatment, no image of its activity, no structures, or a file not there."""
    from liverboard.board.measure import locate
    from liverboard.board.sirt_dose import DoseRequest
    from liverboard.sirt.activity_map import Stated
    from liverboard.sirt.measured import Treated
    from liverboard.sirt.voxel_dose import DoseModel

    procedure, image = course.procedure, course.image
    if procedure is None:
        raise MissingData("no radioembolisation was done by this day", hint="Add it as an event of kind procedure.")
    if image is None:
        raise MissingData(
            "no image of the activity after the treatment",
            hint="Add an imaging event of modality PET_Y90 or SPECT with its study, such as role y90_pet.",
        )
    studies = image.studies or ()
    activity = next(study for study in studies if _shows_activity(image, study))
    structures = next((study for role in _MASKS for study in studies if study.role == role), None)
    if structures is None:
        raise MissingData(
            f"{image.id} has no structures",
            hint="Add a study of role segmentation, with tumours and non-tumour liver.",
        )
    sources: list[str] = []
    for study in (activity, structures):
        path = locate(study, folder, image.id)
        if not path.exists():
            raise MissingData(
                f"the file of role '{study.role}' of {image.id} is not beside the case",
                hint="Put it where the case says, or leave it out.",
            )
        _, mark, parts = study.path.partition("#")
        sources.append(f"{path}{mark}{parts}")
    done, planned = details_of(procedure), details_of(course.plan)
    stated = planned or SirtDetails()
    errors = (done and done.errors) or stated.errors or SirtErrors()
    injected, shunt = injected_gbq(done), _lung_shunt(course)
    scale = {"total_activity": errors.activity, "lung_shunt": errors.lung_shunt if shunt else None}
    return DoseRequest(
        activity_map=sources[0],
        structures=sources[1],
        # Without a stated activity the image counts as it is: it shows only what stayed out of the lungs.
        stated=Stated() if injected is None else Stated(total_gbq=injected, lung_shunt=shunt),
        model=DoseModel(_NUCLIDE[procedure.technique], stated.dose_constant),
        calibration_sd=errors.calibration,
        treated=Treated(_PRODUCT[procedure.technique], stated.scenario, stated.conditions or ()),  # pyright: ignore[reportArgumentType]
        errors={} if injected is None else {name: sd for name, sd in scale.items() if sd is not None},
    )


def injected_gbq(done: SirtDetails | None) -> float | None:
    """What reached the patient: as stated, else prepared less a stated residual."""
    if done is None or done.injected_activity is not None:
        return None if done is None else done.injected_activity
    if done.prepared_activity is None or done.residual is None:
        return None
    return done.prepared_activity * (1 - done.residual)


def _lung_shunt(course: Course) -> float:
    stated = [
        each.lung_shunt_fraction
        for each in (details_of(course.procedure), details_of(course.plan), course.scout)
        if each
    ]
    return next((each for each in stated if each is not None), 0.0)


def delivered_of(structures: Mapping[str, Mapping[str, Any]]) -> tuple[Delivered, ...]:
    """The structures of a dose report as `sirt dose --json` gives them. Raises KeyError, TypeError: keys that are not there."""
    return tuple(_delivered(name, row) for name, row in structures.items())


def _delivered(name: str, row: Mapping[str, Any]) -> Delivered:
    interval: Mapping[str, Any] = row.get("interval") or {}
    mean: float | None = row[str(interval.get("of", "mean_gy"))]
    tissue: Tissue | None = row.get("tissue")
    dose = (
        None if mean is None else MeanDose(mean_gy=mean, low_gy=interval.get("low_gy"), high_gy=interval.get("high_gy"))
    )
    why = "; ".join(row.get("warnings") or ()) or "no voxel of the dose lies in it"
    return Delivered(name=name, tissue=tissue, volume_ml=row["volume_ml"], dose=dose, why="" if dose else why)


def verify_course(course: Course, found: Dosed | None) -> Verification:
    """The plan of a course beside the doses of its image; without them beside the delivered doses that the case states. Raises MissingData: no plan, no doses."""
    plan, procedure, image = course.plan, course.procedure, course.image
    details, done = details_of(plan), details_of(procedure)
    if plan is None or details is None:
        raise MissingData(
            "the case has no plan for this radioembolisation",
            hint="Add one: liverboard sirt activity ... --into CASE.yaml --date DATE",
        )
    injected = injected_gbq(done)
    planned = f"plan of {plan.date} ({plan.id}), {details.model or 'model not stated'}"
    if found is not None and image is not None:
        what = (image.modality or "image").replace("_", " ")
        given = f"{what} of {image.date} ({image.id}), by {found.report.method}"
        told = compare_doses(details, Treatment(delivered_of(found.report.structures), injected, planned, given))
        return _also(told, without_options(found.report.warnings))
    if procedure is not None and done is not None and done.delivered_doses is not None:
        given = f"as stated with the procedure of {procedure.date} ({procedure.id})"
        return compare_stated(details, done.delivered_doses, Treatment((), injected, planned, given))
    raise MissingData("the delivered doses are not known", hint="Add an image of the activity after the treatment.")


def without_options(texts: Sequence[str]) -> tuple[str, ...]:
    """Assumptions and warnings of a dose without the advice to give an option of `sirt dose`, which a reader of a case cannot follow."""
    return tuple(re.sub(r"[.;] say [^.;]*--.*$", "", text, flags=re.IGNORECASE) for text in texts)


def verify_files(plan: Path, dose: Path, lesions: Sequence[str] = ()) -> Verification:
    """A plan as `sirt activity --json` wrote it beside a dose as `sirt dose --json` or `sirt dose -o` did. Raises BadInput: files that are neither."""
    details = _plan_details(plan, lesions)
    content = _json(dose, "what `liverboard sirt dose --json` writes, or dose.json of its -o folder")
    try:
        structures = delivered_of(content["structures"])
        method = str(content["method"])
    except (KeyError, TypeError, AttributeError, ValidationError):
        raise BadInput(
            "no doses of structures",
            where=dose.name,
            hint="Give what `liverboard sirt dose --json` writes, or dose.json of its -o folder.",
        ) from None
    treatment = Treatment(structures, None, plan.name, f"{dose.name}, by {method}")
    return _also(compare_doses(details, treatment), content.get("warnings") or ())


def _also(found: Verification, warnings: Sequence[str]) -> Verification:
    """With what the delivered doses themselves warn of."""
    return found.model_copy(update={"warnings": tuple(dict.fromkeys((*found.warnings, *map(str, warnings))))})


def _plan_details(file: Path, lesions: Sequence[str]) -> SirtDetails:
    content = _json(file, "what `liverboard sirt activity --json` writes")
    try:
        plan = ActivityPlan.model_validate(content)
    except ValidationError:
        raise BadInput(
            "no plan of activity", where=file.name, hint="Give what `liverboard sirt activity --json` writes."
        ) from None
    event = plan_event(plan, dt.date.min, lung_mass_stated=True, lesions=lesions)
    return SirtDetails.model_validate(event["details"])


def _json(file: Path, expected: str) -> dict[str, Any]:
    try:
        content: Any = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadInput("there is no such file", where=file.name, hint=f"Give {expected}.") from None
    except (OSError, ValueError, RecursionError):
        raise BadInput("not a readable JSON file", where=file.name, hint=f"Give {expected}.") from None
    if not isinstance(content, dict):
        raise BadInput("not a JSON object", where=file.name, hint=f"Give {expected}.")
    return content  # pyright: ignore[reportUnknownVariableType]


def verify_case(opened: OpenedCase, as_of: dt.date, step: Step = quiet) -> Verification:
    """The latest radioembolisation of a case as of a day. Raises MissingData: what the case lacks for the comparison."""
    course = course_of(visible_events(opened.case, as_of)[0])
    if details_of(course.plan) is None or course.procedure is None or course.image is None:
        return verify_course(course, None)
    from liverboard.board.sirt_dose import dose_files

    return verify_course(course, dose_files(dose_request(course, opened.folder), step))
