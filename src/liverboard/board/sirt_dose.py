"""From an activity map and structures to absorbed dose: both methods, the metrics of every structure, and how sure they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from liverboard.clinical.extent import Frozen
from liverboard.errors import BadInput, MissingData
from liverboard.sirt.activity_map import ActivityMap, Stated, activity_map
from liverboard.sirt.dose_band import Errors, Recovery, border, dose_curve, mean_interval
from liverboard.sirt.dose_curve import DoseCurve
from liverboard.sirt.dose_volume import DoseVolume, dose_volume, dose_volumes
from liverboard.sirt.limits import LimitCheck
from liverboard.sirt.measured import Treated, effects_of, liver_limits, tissues
from liverboard.sirt.radiobiology import Tissue
from liverboard.sirt.tissue_density import density_g_ml
from liverboard.sirt.uncertainty import Interval, Term, recovery, volume_relative_sd
from liverboard.sirt.voxel_dose import DoseModel, Method, density_warnings, dose_gy
from liverboard.volume import Image, Origin, read_image
from liverboard.volume.structures import Structure, read_structures

Step = Callable[[str], None]
_LEAST_RECOVERY = 0.3  # a convention of this project
_LEAST_SD = 5e-4  # of a dose: what the stated errors move less than this is not sure, only not known
SCALE_ERRORS = ("total_activity", "lung_shunt", "residual")


@dataclass(frozen=True, slots=True)
class DoseRequest:
    """Sources `F` or `F#name,name`. `density_image`: a CT in HU for the mass of each voxel outside soft tissue. `calibration_sd`: relative, None: not stated.

    `same_space`: the user knows that map and structures lie in one space. `errors`: relative standard deviations of what the map is scaled to, by name of
    `SCALE_ERRORS`.
    """

    activity_map: str
    structures: str
    stated: Stated
    model: DoseModel
    method: Method = "kernel"
    density_image: str | None = None
    recovery: Recovery | None = None
    calibration_sd: float | None = None
    same_space: bool = False
    treated: Treated = field(default_factory=Treated)
    errors: Mapping[str, float] = field(default_factory=dict[str, float])

    @property
    def level_unknown(self) -> bool:
        """Whether nobody said how sure the level of the whole map is: neither its calibration nor the activity that it is scaled to."""
        return self.calibration_sd is None and "total_activity" not in self.errors


class DoseReport(Frozen):
    """`structures`: the metrics of the chosen method by name; in each, `methods` has both methods and `interval` how sure the mean is.

    A tumour and the non-tumour liver have `tissue` and `effect`, tumours `uniform_dose`. `limits`: those of the non-tumour liver, empty where the product is not told.
    `curves`: dose-volume curves of the chosen method, in the order of the structures; one without a dose has none.
    """

    method: Method
    nuclide: str
    constant_gy_kg_per_gbq: float
    density_g_ml: float
    density_correction: bool
    kernel: str
    kernel_validated: bool
    total_activity_gbq: float
    measured_activity_gbq: float | None
    decay_factor: float
    structures: dict[str, dict[str, Any]]
    limits: list[LimitCheck]
    curves: list[DoseCurve]
    assumptions: list[str]
    warnings: list[str]


@dataclass(frozen=True, eq=False)
class Dosed:
    """The report with what it rests on. `doses`: Gy by method, on the grid of the activity; `activity`: as read."""

    report: DoseReport
    doses: Mapping[Method, Image]
    activity: Image
    structures: tuple[Structure, ...]


def dose_files(request: DoseRequest, step: Step = lambda text: None) -> Dosed:
    """Read, compute by both methods, measure. Raises UnsupportedImage, BadInput, MissingData: no structure with a volume, or all of them outside the map."""
    scale = _scale(request)
    step("reading the activity map and the structures")
    image = read_image(request.activity_map)
    held = read_structures(request.structures, min(image.geometry.spacing_mm))
    model = request.model
    activity = activity_map(image, request.stated, model.of)
    warnings = [*activity.warnings, *held.warnings]
    kernel = model.kernel(image.geometry)
    warnings += kernel.warnings
    frame = image.origin.frame_of_reference_uid
    warnings += _one_space(request, frame, held.frame_of_reference_uid, "structures")
    density = None
    if request.density_image is not None:
        ct = read_image(request.density_image)
        warnings += _one_space(request, frame, ct.origin.frame_of_reference_uid, "CT")
        density, said = density_g_ml(ct, activity, model.density)
        warnings += said
    doses: dict[Method, Image] = {}
    for method in get_args(Method):
        step(f"dose by {method}")
        array = dose_gy(activity, model, method, density)
        origin = Origin(modality="RTDOSE", unit="Gy", frame_of_reference_uid=frame, files=image.origin.files)
        doses[method] = Image(array, image.geometry, origin)
    if density is not None:
        warnings += density_warnings(density, doses[request.method].array)
    step("dose and volume of every structure")
    volumes = {method: dose_volumes(held.structures, dose) for method, dose in doses.items()}
    chosen = volumes[request.method]
    if all(each.mean_gy is None for each in chosen.values()):
        said = "; ".join(text for each in chosen.values() for text in each.warnings[:1])
        raise MissingData(
            f"no structure has a dose: {said or 'the file holds none'}",
            hint="Give structures that were drawn on images of the same place as the activity map.",
        )
    if request.level_unknown:
        warnings.append(
            "the calibration error is not stated: the intervals leave it out, and no limit has a probability. Say it with --calibration-error, such as 7%"
            if request.stated.total_gbq is None
            else "the error of the total activity is not stated: the intervals leave it out, and no limit has a probability. Say it with --error total_activity=5%"
        )
    warnings += _no_limits(request.treated)
    by_name = dict(zip(chosen, held.structures, strict=True))
    structures: dict[str, dict[str, Any]] = {}
    curves: list[DoseCurve] = []
    limits: list[LimitCheck] = []
    of, by_names = tissues(list(chosen), request.treated)
    for name, volume in chosen.items():
        warnings += volume.warnings
        sure = _sure(by_name[name], volume, doses[request.method], _errors(volume, request, activity, scale))
        warnings += sure.warnings
        curves += [] if sure.curve is None else [sure.curve]
        tissue: Tissue | None = of.get(name)
        mean = volume.mean_gy if sure.interval is None else sure.interval.value
        if tissue == "normal_liver" and mean is not None:
            limits += liver_limits(name, mean, None if request.level_unknown else sure.interval, request.treated)
        structures[name] = {
            **volume.as_json(),
            **sure.told,
            "tissue": tissue,
            **effects_of(volume, mean, tissue, model.of),
            "methods": {method: found[name].as_json() for method, found in volumes.items()},
        }
    return Dosed(
        DoseReport(
            method=request.method,
            nuclide=model.nuclide,
            constant_gy_kg_per_gbq=model.constant,
            density_g_ml=model.density,
            density_correction=density is not None,
            kernel=kernel.radial.label,
            kernel_validated=kernel.radial.validated,
            total_activity_gbq=activity.total_gbq,
            measured_activity_gbq=activity.measured_gbq,
            decay_factor=activity.decay_factor,
            structures=structures,
            limits=limits,
            curves=curves,
            assumptions=[*activity.assumptions, *_assumed(request), *by_names],
            warnings=warnings,
        ),
        doses,
        image,
        held.structures,
    )


def _one_space(request: DoseRequest, frame: str | None, other: str | None, what: str) -> list[str]:
    """What is to be said of two frames of reference. Raises BadInput: they differ, and nobody said that they are one space."""
    if not frame or not other or frame == other:
        return []
    if not request.same_space:
        raise BadInput(
            f"activity map and {what} lie in different frames of reference, so that their coordinates need not match",
            hint="Give what was drawn on or registered with the map, or say --same-space if both are known to lie in one space.",
        )
    return [
        f"activity map and {what} name different frames of reference; their coordinates were taken as one space, as told"
    ]


@dataclass(frozen=True, slots=True)
class _Sure:
    """How sure a structure's dose is: its keys in the report, the interval of its mean, and its curve."""

    told: dict[str, Any]
    interval: Interval | None = None
    curve: DoseCurve | None = None
    warnings: tuple[str, ...] = ()


def _scale(request: DoseRequest) -> tuple[Term, ...]:
    """What the map is scaled to as terms of the budget. Raises BadInput: an error of something that is not stated, or not known."""
    stated = {
        "total_activity": request.stated.total_gbq,
        "lung_shunt": request.stated.lung_shunt,
        "residual": request.stated.residual,
    }
    for name in request.errors:
        if name not in SCALE_ERRORS:
            raise BadInput(f"no error '{name}'", hint=f"Known: {', '.join(SCALE_ERRORS)}.")
        if not stated[name]:
            option = name.replace("_", "-")
            raise BadInput(
                f"an error of the {name.replace('_', ' ')} was stated, which itself was not",
                hint=f"Give --{option} too, or leave --error {name} out.",
            )
    return tuple(
        Term(name, stated[name] or 1.0, sd, "positive" if name == "total_activity" else "share")
        for name, sd in request.errors.items()
    )


def _errors(volume: DoseVolume, request: DoseRequest, activity: ActivityMap, scale: tuple[Term, ...]) -> Errors:
    sd = volume_relative_sd(volume.volume_ml, activity.geometry.spacing_mm) if volume.volume_ml > 0 else 0.0
    return Errors(sd, request.calibration_sd or 0.0, request.recovery, scale)


def _sure(structure: Structure, volume: DoseVolume, dose: Image, errors: Errors) -> _Sure:
    """How sure the dose of one structure is. The doses in its border say how much a moved outline changes."""
    if not volume.mean_gy:
        return _Sure({"interval": None}, curve=dose_curve(volume, volume, None, None))
    if errors.too_wide:
        said = f"{volume.name}: {volume.volume_ml:.2g} mL is a few voxels, its outline as unsure as the volume itself; its dose has no interval"
        return _Sure({"interval": None}, curve=dose_curve(volume, volume, None, None), warnings=(said,))
    edge = dose_volume(border(structure), dose)
    found = mean_interval(volume.mean_gy, edge.mean_gy or 0.0, volume.volume_ml, errors)
    if found.relative_sd < _LEAST_SD:
        said = f"{volume.name}: no stated error moves its dose, which therefore has no interval"
        return _Sure({"interval": None}, curve=dose_curve(volume, volume, None, None), warnings=(said,))
    told: dict[str, Any] = {}
    warnings: tuple[str, ...] = ()
    if errors.recovery is not None:
        coefficient = recovery(volume.volume_ml, errors.recovery.midpoint_ml, errors.recovery.power)
        told = {"recovery_coefficient": coefficient, "mean_recovered_gy": found.value}
        if coefficient < _LEAST_RECOVERY:
            said = f"{volume.name}: the curve recovers {100 * coefficient:.0f} % of so small a volume; its recovered dose is mostly the curve's"
            warnings = (said,)
    told["interval"] = {
        "of": "mean_gy" if errors.recovery is None else "mean_recovered_gy",
        "low_gy": found.low,
        "high_gy": found.high,
        "relative_sd": found.relative_sd,
        "contributions": dict(found.contributions),
    }
    return _Sure(told, found, dose_curve(volume, edge, errors, found), warnings)


def _no_limits(treated: Treated) -> list[str]:
    if treated.product is None:
        return ["no limit is compared: the product is not told. Say --nuclide resin, glass or ho166"]
    if treated.scenario is None:
        return ["limits that depend on what was treated are not compared. Say --scenario, such as bilobar"]
    return []


def _assumed(request: DoseRequest) -> list[str]:
    tissue = f"uniform tissue of {request.model.density:g} g/mL"
    said = [
        f"dose to the full decay of {request.model.nuclide}, {request.model.constant:g} Gy kg/GBq, nothing redistributes; {tissue}"
        if request.density_image is None
        else f"dose to the full decay of {request.model.nuclide}, {request.model.constant:g} Gy kg/GBq, nothing redistributes; electrons reach as in {tissue},"
        " outside soft tissue (0.85 to 1.15 g/mL by CT) the energy goes into the mass of the voxel"
    ]
    if request.recovery is None:
        said.append("no partial-volume recovery: small lesions read low on a blurred image")
    return said
