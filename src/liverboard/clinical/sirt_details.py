"""The typed `details` of a radioembolisation, planned or done: what was prepared and given, by which model, to which doses, against which limits.

Nothing is needed to read a case; only what contradicts itself is refused. The items are row PV-05 of the design's data set. `planned_doses` are what a plan or
a scout predicts, `delivered_doses` what the images after treatment show.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from liverboard.clinical.extent import Frozen
from liverboard.clinical.procedure_details import ArterialDetails
from liverboard.clinical.quantity import (
    ActivityGbq,
    Count,
    Day,
    DoseGy,
    Fraction,
    Moment,
    Number,
    Segments,
    Text,
    Truth,
    Unit,
    VolumeMl,
)

Share = Annotated[Fraction, Field(le=1)]
MassKg = Annotated[float, Unit("kg"), Field(gt=0)]
TimeDays = Annotated[float, Unit("day"), Field(ge=0)]
DoseConstant = Annotated[float, Unit("Gy*kg/GBq"), Field(gt=0)]
SignedPercent = Annotated[float, Unit("%")]
_TOLERANCE = 0.02  # of an activity: what rounding to two digits explains


def _zoned(moment: dt.date | dt.datetime) -> dt.date | dt.datetime:
    if isinstance(moment, dt.datetime) and moment.tzinfo is None:
        raise ValueError("a moment without time zone; write it as 2024-05-02T14:30:00+02:00")
    return moment


ZonedMoment = Annotated[Moment, AfterValidator(_zoned)]


class CompartmentDose(Frozen):
    """Mean absorbed dose of one compartment. `low` to `high`: its 95 % interval; none where errors were not stated.

    `bed`: biologically effective dose, never without the band `bed_low` to `bed_high` that contested parameters leave.
    """

    mean: DoseGy
    low: DoseGy | None = None
    high: DoseGy | None = None
    bed: DoseGy | None = None
    bed_low: DoseGy | None = None
    bed_high: DoseGy | None = None

    @model_validator(mode="after")
    def _ordered(self) -> CompartmentDose:
        if (self.low is None) != (self.high is None):
            raise ValueError("an interval needs both low and high")
        if self.low is not None and self.high is not None and not self.low <= self.mean <= self.high:
            raise ValueError(f"the mean of {self.mean:g} Gy lies outside {self.low:g} to {self.high:g} Gy")
        if len({self.bed is None, self.bed_low is None, self.bed_high is None}) > 1:
            raise ValueError("a bed needs its band: bed_low and bed_high")
        if (
            self.bed is not None
            and self.bed_low is not None
            and self.bed_high is not None
            and not self.bed_low <= self.bed <= self.bed_high
        ):
            raise ValueError(f"the bed of {self.bed:g} Gy lies outside its band")
        return self


class LesionDose(CompartmentDose):
    """`lesion`: as it is named among the lesions of the case or the structures of the image."""

    lesion: Annotated[Text, Field(max_length=100)]


class SirtDoses(Frozen):
    """Mean doses by compartment. `tumour`: all treated tumours together. `normal_liver`: the perfused liver without tumour; `normal_liver_whole`: all of it.

    `perfused`: tumours and normal liver of the territory together.
    """

    tumour: CompartmentDose | None = None
    normal_liver: CompartmentDose | None = None
    normal_liver_whole: CompartmentDose | None = None
    perfused: CompartmentDose | None = None
    lung: CompartmentDose | None = None
    lesions: tuple[LesionDose, ...] | None = None

    @model_validator(mode="after")
    def _one_entry_a_lesion(self) -> SirtDoses:
        names = [each.lesion for each in self.lesions or ()]
        if doubled := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"lesion given twice: {', '.join(doubled)}")
        return self


class SirtScout(Frozen):
    """The scout that the plan rests on."""

    product: Literal["maa", "ho166", "other"] | None = None
    activity: ActivityGbq | None = None
    date: Day | None = None
    event: Annotated[Text, Field(max_length=100)] | None = None


class SirtErrors(Frozen):
    """Standard deviations of the inputs relative to their values, as stated for the intervals."""

    activity: Fraction | None = None
    tumour: Fraction | None = None
    normal: Fraction | None = None
    tn: Fraction | None = None
    lung_shunt: Fraction | None = None
    residual: Fraction | None = None
    lung_mass: Fraction | None = None
    calibration: Fraction | None = None


class SirtLimit(Frozen):
    """A limit or target beside the value of the plan. `probability`: that it is kept. `borrowed`: in whom it was set."""

    id: Annotated[Text, Field(max_length=100)]
    says: Text
    kept: Truth | None = None
    probability: Share | None = None
    source: Text | None = None
    verification: Literal["A", "B"] | None = None
    borrowed: Text | None = None


class SirtBinding(Frozen):
    """The limit that a growing activity reaches first. `room`: how much more activity it allows; negative: how much less."""

    id: Annotated[Text, Field(max_length=100)]
    at_activity: ActivityGbq | None = None
    room: SignedPercent | None = None
    says: Text | None = None


class SirtActivities(Frozen):
    """Activities at the moment of injection. `planned`: what the plan asks for; `prepared`: in the vial; `injected`: prepared less `residual`, a share of it."""

    planned_activity: ActivityGbq | None = None
    prepared_activity: ActivityGbq | None = None
    injected_activity: ActivityGbq | None = None
    residual: Share | None = None

    @model_validator(mode="after")
    def _adds_up(self) -> SirtActivities:
        prepared, injected = self.prepared_activity, self.injected_activity
        if prepared is None or injected is None:
            return self
        if injected > prepared * (1 + _TOLERANCE):
            raise ValueError(f"injected_activity {injected:g} GBq is above prepared_activity {prepared:g} GBq")
        if self.residual is not None and abs(prepared * (1 - self.residual) - injected) > _TOLERANCE * prepared:
            raise ValueError(
                f"{prepared:g} GBq prepared less {100 * self.residual:g} % residual is {prepared * (1 - self.residual):.3g} GBq,"
                f" yet injected_activity is {injected:g} GBq"
            )
        return self


class SirtInjection(SirtActivities):
    """One injection: where, what, and how it ended."""

    artery: Text | None = None
    segments: Segments | None = None
    perfused_volume: VolumeMl | None = None
    lung_shunt_fraction: Share | None = None
    moment: ZonedMoment | None = None
    stasis: Truth | None = None


class SirtDetails(ArterialDetails, SirtActivities):
    """Radioembolisation with Y-90 or Ho-166 microspheres (PV-05); the microspheres themselves are the technique.

    `calibrated`: the moment to which `calibrated_activity` refers. `target_volume`: the tumours meant to be treated. `binding_limit`: see `SirtBinding`.
    `model` several: each injection its own.
    `delivered_from`: the images that `delivered_doses` come from. `sequence`: of several sessions; `lobar_interval`: between them.
    """

    product: Text | None = None
    lot: Text | None = None
    calibrated: ZonedMoment | None = None
    calibrated_activity: ActivityGbq | None = None
    vials: Count | None = None
    injected_at: ZonedMoment | None = None
    activity_source: Text | None = None
    scout: SirtScout | None = None
    lung_shunt_fraction: Share | None = None
    lung_shunt_method: Literal["planar", "spect_ct"] | None = None
    lung_activity: ActivityGbq | None = None
    lung_dose: DoseGy | None = None
    lung_dose_method: Literal["shunt_and_mass", "voxel", "other"] | None = None
    lung_mass: MassKg | None = None
    lung_mass_method: Literal["assumed", "ct_densitometry", "stated"] | None = None
    prior_lung_dose: DoseGy | None = None
    perfused_volume: VolumeMl | None = None
    target_volume: VolumeMl | None = None
    normal_volume: VolumeMl | None = None
    liver_volume: VolumeMl | None = None
    tumour_to_normal_ratio: Number | None = None
    model: Literal["bsa", "mbsa", "empirical", "mird", "partition", "multi", "several", "voxel"] | None = None
    convention: Literal["concentration_ratio", "kao_2013"] | None = None
    dose_constant: DoseConstant | None = None
    scenario: Literal["segmentectomy", "lobectomy", "unilobar", "bilobar"] | None = None
    conditions: tuple[Text, ...] | None = None
    target_dose: DoseGy | None = None
    target: Literal["tumour", "normal_liver", "perfused"] | None = None
    planned_doses: SirtDoses | None = None
    delivered_doses: SirtDoses | None = None
    delivered_method: Literal["kernel", "local", "other"] | None = None
    delivered_from: Literal["y90_pet_ct", "y90_pet_mr", "bremsstrahlung_spect", "ho166_spect", "ho166_mr", "planar", "none", "other"] | None = None  # fmt: skip
    errors: SirtErrors | None = None
    limits: tuple[SirtLimit, ...] | None = None
    limits_version: Text | None = None
    binding_limit: SirtBinding | None = None
    injections: tuple[SirtInjection, ...] | None = None
    sequence: Literal["single", "same_day", "staged"] | None = None
    lobar_interval: TimeDays | None = None
    assumptions: tuple[Text, ...] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> SirtDetails:
        faults = (
            (_above(self.target_volume, self.perfused_volume), "target_volume is larger than perfused_volume"),
            (_above(self.perfused_volume, self.liver_volume), "perfused_volume is larger than liver_volume"),
            (
                self.sequence == "same_day" and bool(self.lobar_interval),
                "sequence: same_day, yet a lobar_interval is stated",
            ),
            (
                self.delivered_from == "none" and self.delivered_doses is not None,
                "delivered_from: none, yet delivered_doses are stated",
            ),
            (
                self.lung_dose is not None
                and self.planned_doses is not None
                and self.planned_doses.lung is not None
                and abs(self.planned_doses.lung.mean - self.lung_dose) > 0.02 * max(self.lung_dose, 1),
                "lung_dose and planned_doses.lung differ",
            ),
        )
        if found := [message for wrong, message in faults if wrong]:
            raise ValueError("; ".join(found))
        return self


def _above(part: float | None, whole: float | None) -> bool:
    return part is not None and whole is not None and part > whole * (1 + 1e-6)
