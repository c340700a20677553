"""Dose and structures from their files, checked against each other, to dose-volume metrics."""

from __future__ import annotations

from dataclasses import dataclass

from liverboard.errors import BadInput
from liverboard.sirt.dose_band import DoseCurve, Errors, border, dose_curve, mean_interval
from liverboard.sirt.dose_volume import DoseVolume, dose_volume, dose_volumes
from liverboard.sirt.uncertainty import volume_relative_sd
from liverboard.volume import Image
from liverboard.volume.rtdose import DoseUnit, read_dose
from liverboard.volume.structures import Structure, read_structures
from liverboard.volume.surfaces import Space


@dataclass(frozen=True, slots=True)
class DoseFiles:
    """What `dvh` was given. `unit`: of a NIfTI or NRRD dose. `space`: coordinates of a surface file. `same_space`: the user knows that both lie in one space."""

    dose: str
    structures: str
    unit: DoseUnit | None = None
    space: Space | None = None
    same_space: bool = False


@dataclass(frozen=True, slots=True)
class DoseReport:
    """`structures`: histograms by name. `alpha_per_gy`: for the equivalent uniform dose, None where none was asked for.

    `curves`: of each structure with a dose; with intervals where the error of the dose was stated.
    """

    structures: dict[str, DoseVolume]
    warnings: tuple[str, ...]
    alpha_per_gy: float | None = None
    curves: tuple[DoseCurve, ...] = ()

    def as_json(self) -> dict[str, object]:
        found: dict[str, dict[str, object]] = {name: each.as_json() for name, each in self.structures.items()}
        if self.alpha_per_gy is not None:
            for name, each in self.structures.items():
                found[name]["eud_gy"] = each.equivalent_uniform_dose(self.alpha_per_gy)
        for curve in self.curves:
            if curve.mean_low_gy is not None:
                found[curve.name]["interval"] = {
                    "of": "mean_gy",
                    "low_gy": curve.mean_low_gy,
                    "high_gy": curve.mean_high_gy,
                }
        document: dict[str, object] = {
            "structures": found,
            "curves": [curve.model_dump(mode="json") for curve in self.curves],
            "warnings": list(self.warnings),
        }
        if self.alpha_per_gy is not None:
            document["alpha_per_gy"] = self.alpha_per_gy
        return document


def measure_doses(files: DoseFiles, alpha_per_gy: float | None = None, dose_sd: float | None = None) -> DoseReport:
    """Dose-volume histograms of every structure. `dose_sd`: relative standard deviation of the dose; with it, curves have intervals, of the outline too.

    Raises BadInput: frames of reference that differ, no structure with a dose, a dose that is none. UnsupportedImage, MissingData: as the readers say.
    """
    dose = read_dose(files.dose, files.unit)
    held = read_structures(files.structures, coarsest_mm=min(dose.geometry.spacing_mm), space=files.space)
    ours, theirs = dose.origin.frame_of_reference_uid, held.frame_of_reference_uid
    if ours and theirs and ours != theirs and not files.same_space:
        raise BadInput(
            "dose and structures lie in different frames of reference, so that their coordinates need not match",
            hint="Give structures drawn on the images of this dose, or say --same-space if both are known to lie in one space.",
        )
    found = dose_volumes(held.structures, dose)
    warnings = [*(f"dose: {text}" for text in dose.origin.warnings), *held.warnings]
    if ours and theirs and ours != theirs:
        warnings.append(
            "dose and structures name different frames of reference; their coordinates were taken as one space, as told"
        )
    warnings += [text for each in found.values() for text in each.warnings]
    if all(each.mean_gy is None for each in found.values()):
        raise BadInput(
            f"no structure has a dose: {'; '.join(text for each in found.values() for text in each.warnings)}",
            hint="Check that dose and structures belong together, and the coordinates of a surface file (--surface-space).",
        )
    curves: list[DoseCurve] = []
    for (name, each), structure in zip(found.items(), held.structures, strict=True):
        curve, said = _curve(structure, each, dose, dose_sd)
        curves += [] if curve is None else [curve.model_copy(update={"name": name})]
        warnings += said
    return DoseReport(found, tuple(warnings), alpha_per_gy, tuple(curves))


def _curve(
    structure: Structure, volume: DoseVolume, dose: Image, dose_sd: float | None
) -> tuple[DoseCurve | None, tuple[str, ...]]:
    """The curve, with intervals where the error of the dose is stated, and what is to be said. The border lies half a dose voxel either way."""
    if dose_sd is None or not volume.mean_gy:
        return dose_curve(volume, volume, None, None), ()
    errors = Errors(volume_relative_sd(volume.volume_ml, dose.geometry.spacing_mm), dose_sd)
    if errors.too_wide:
        said = f"{volume.name}: {volume.volume_ml:.2g} mL is a few dose voxels; its dose has no interval"
        return dose_curve(volume, volume, None, None), (said,)
    edge = dose_volume(border(structure), dose)
    interval = mean_interval(volume.mean_gy, edge.mean_gy or 0.0, volume.volume_ml, errors)
    return dose_curve(volume, edge, errors, interval), ()
