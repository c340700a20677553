"""The typed `details` of procedures and plans, one type a group of techniques: what was given, where, how far, with which protection.

Nothing is needed to read a case: what a technique should state is asked for by `knowledge/procedures/`, and named as missing. Only what
contradicts itself is refused. The items are rows PV-01 to PV-04, PV-06 and PV-07 of the design's data set, after the reporting standards
`transcatheter_reporting_brown_2007` and `ablation_reporting_ahmed_2014`. Those of SIRT are in `sirt_details`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from liverboard.clinical.extent import Frozen
from liverboard.clinical.quantity import (
    Count,
    Day,
    DoseGy,
    LengthMm,
    Moment,
    Number,
    Percent,
    Text,
    Truth,
    Unit,
    VolumeMl,
)

TimeDays = Annotated[float, Unit("day"), Field(ge=0)]
TimeMin = Annotated[float, Unit("min"), Field(ge=0)]
MassMg = Annotated[float, Unit("mg"), Field(ge=0)]
MassUg = Annotated[float, Unit("ug"), Field(ge=0)]
RateUgH = Annotated[float, Unit("ug/h"), Field(ge=0)]
MassPerAreaMgM2 = Annotated[float, Unit("mg/m^2"), Field(ge=0)]
MassPerVolumeMgMl = Annotated[float, Unit("mg/mL"), Field(ge=0)]
SizeUm = Annotated[float, Unit("um"), Field(gt=0)]
PowerW = Annotated[float, Unit("W"), Field(ge=0)]
DoseAreaGyCm2 = Annotated[float, Unit("Gy*cm^2"), Field(ge=0)]
PercentOfWhole = Annotated[Percent, Field(le=100)]

Branch = Literal["patent", "narrowed", "thrombosed"]
BileDucts = Literal["native", "sphincterotomy", "stent", "anastomosis", "obstruction"]


class Octreotide(Frozen):
    """Octreotide around the procedure. It is recorded, and nowhere said to prevent a crisis."""

    given: Truth | None = None
    dose: MassUg | None = None
    rate: RateUgH | None = None
    route: Literal["intravenous_bolus", "intravenous_infusion", "subcutaneous"] | None = None
    start: Moment | None = None
    stop: Moment | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Octreotide:
        if self.given is False and any((self.dose, self.rate, self.route, self.start, self.stop)):
            raise ValueError("given: false, yet a dose, rate, route or time of octreotide is stated")
        return self


class Antibiotics(Frozen):
    """Antibiotics to prevent infection. `days_before` and `days_after` count from the day of the procedure."""

    given: Truth | None = None
    drugs: tuple[Text, ...] | None = None
    days_before: Count | None = None
    days_after: Count | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Antibiotics:
        if self.given is False and (self.drugs or self.days_before or self.days_after):
            raise ValueError("given: false, yet a drug or days of antibiotics are stated")
        return self


class BowelPreparation(Frozen):
    given: Truth | None = None
    regimen: Text | None = None

    @model_validator(mode="after")
    def _consistent(self) -> BowelPreparation:
        if self.given is False and self.regimen is not None:
            raise ValueError("given: false, yet a regimen of bowel preparation is stated")
        return self


class PortalBranches(Frozen):
    """The portal vein by branch on the day of the procedure."""

    main: Branch | None = None
    right: Branch | None = None
    left: Branch | None = None


class ProcedureDetails(Frozen):
    """What every technique may state (PV-01). `centre`: where it was done, when elsewhere; `room`: which room or team of it."""

    centre: Text | None = None
    room: Text | None = None
    operator: Literal["consultant", "trainee_supervised", "trainee", "other"] | None = None
    intent: tuple[Literal["symptoms", "growth", "debulking", "bridge", "downstaging", "cure", "other"], ...] | None = (
        None
    )
    anaesthesia: Literal["local", "sedation", "general"] | None = None
    disease_left: Truth | None = None
    octreotide: Octreotide | None = None
    vasopressor_ready: Truth | None = None
    antibiotics: Antibiotics | None = None
    bowel_preparation: BowelPreparation | None = None
    bile_ducts: tuple[BileDucts, ...] | None = None
    portal_vein: PortalBranches | None = None
    duration: TimeMin | None = None
    technical_success: Truth | None = None
    regimen: Text | None = None
    remark: Text | None = None

    @model_validator(mode="after")
    def _ducts(self) -> ProcedureDetails:
        if self.bile_ducts and "native" in self.bile_ducts and len(self.bile_ducts) > 1:
            raise ValueError(
                "bile_ducts: native ducts are those without sphincterotomy, stent, anastomosis or obstruction"
            )
        return self


class Imaged(Frozen):
    """Guidance by X-rays: time, dose and contrast."""

    fluoroscopy_time: TimeMin | None = None
    dose_area_product: DoseAreaGyCm2 | None = None
    air_kerma: DoseGy | None = None
    contrast: VolumeMl | None = None
    cone_beam_ct: Truth | None = None


class Particles(Frozen):
    """An embolic agent. `size_min` to `size_max`: the nominal calibre; one size: both alike."""

    material: Literal[
        "pva", "trisacryl_gelatin", "hydrogel", "gelatin_sponge", "starch", "glue", "coils", "plug", "oil", "other"
    ] | None = None  # fmt: skip
    product: Text | None = None
    size_min: SizeUm | None = None
    size_max: SizeUm | None = None
    volume: VolumeMl | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Particles:
        if self.size_min is not None and self.size_max is not None and self.size_min > self.size_max:
            raise ValueError(f"size_min {self.size_min:g} um is above size_max {self.size_max:g} um")
        return self


class EndPoint(Frozen):
    """Where embolisation stopped. The wording of the SACE levels was not seen at their source, so the flow is described beside the level.

    `beats`: heart beats until the contrast had cleared.
    """

    sace: Literal["I", "II", "III", "IV"] | None = None
    flow: Literal["normal", "reduced", "none"] | None = None
    blush: Literal["normal", "reduced", "none"] | None = None
    stasis: Literal["none", "near_stasis", "sub_stasis", "stasis"] | None = None
    beats: Count | None = None
    words: Text | None = None

    @model_validator(mode="after")
    def _one_flow(self) -> EndPoint:
        if self.sace == "IV" and self.flow in {"normal", "reduced"}:
            raise ValueError(f"SACE IV is no antegrade flow, yet flow is {self.flow}")
        if self.sace in {"I", "II", "III"} and self.flow == "none":
            raise ValueError(f"flow: none is SACE IV, yet sace is {self.sace}")
        if self.sace == "IV" and self.stasis in {"none", "near_stasis", "sub_stasis"}:
            raise ValueError(f"SACE IV is no antegrade flow, yet stasis is {self.stasis}")
        if self.sace in {"I", "II", "III"} and self.stasis == "stasis":
            raise ValueError(f"stasis is no antegrade flow, which is SACE IV, yet sace is {self.sace}")
        if self.stasis == "stasis" and self.flow in {"normal", "reduced"}:
            raise ValueError(f"stasis is no antegrade flow, yet flow is {self.flow}")
        if self.stasis in {"near_stasis", "sub_stasis"} and self.flow in {"normal", "none"}:
            raise ValueError(f"{self.stasis} is a reduced flow, yet flow is {self.flow}")
        if self.stasis == "none" and self.flow == "none":
            raise ValueError("flow: none is stasis, yet stasis is none")
        return self


class ArterialDetails(ProcedureDetails, Imaged):
    """What every treatment through the hepatic artery may state; the arteries themselves are in `territory.arteries`.

    `planned_interval`: of a plan, days after the session before.
    """

    access: Literal["femoral", "radial", "brachial", "other"] | None = None
    selectivity: Literal["whole_liver", "lobar", "segmental", "subsegmental"] | None = None
    extrahepatic_feeders: tuple[Text, ...] | None = None
    coils: tuple[Text, ...] | None = None
    end_point: EndPoint | None = None
    planned_sessions: Annotated[int, Field(strict=True, ge=1)] | None = None
    planned_interval: TimeDays | None = None


class TaeDetails(ArterialDetails):
    """Bland embolisation (PV-02)."""

    particles: tuple[Particles, ...] | None = None


class DrugDose(Frozen):
    drug: Literal["doxorubicin", "epirubicin", "cisplatin", "mitomycin_c", "streptozotocin", "gemcitabine", "fluorouracil", "irinotecan", "other"]  # fmt: skip
    name: Text | None = None
    dose: MassMg | None = None
    dose_per_area: MassPerAreaMgM2 | None = None


class Emulsion(Frozen):
    """`oil_to_drug`: volume of oil over volume of drug solution."""

    oil_to_drug: Number | None = None
    kind: Literal["water_in_oil", "oil_in_water", "suspension"] | None = None
    technique: Text | None = None


class CtaceDetails(ArterialDetails):
    """Conventional chemoembolisation (PV-03). `particles`: the embolic after the emulsion; an empty list: none."""

    drugs: tuple[DrugDose, ...] | None = None
    lipiodol: VolumeMl | None = None
    emulsion: Emulsion | None = None
    particles: tuple[Particles, ...] | None = None


class Beads(Frozen):
    """Beads that carry a drug. `loading`: drug in a millilitre of beads; `delivered`: share of the beads that reached the patient."""

    product: Text | None = None
    size_min: SizeUm | None = None
    size_max: SizeUm | None = None
    volume: VolumeMl | None = None
    drug: DrugDose | None = None
    loading: MassPerVolumeMgMl | None = None
    delivered: PercentOfWhole | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Beads:
        if self.size_min is not None and self.size_max is not None and self.size_min > self.size_max:
            raise ValueError(f"size_min {self.size_min:g} um is above size_max {self.size_max:g} um")
        return self


class DebTaceDetails(ArterialDetails):
    """Chemoembolisation with drug-eluting beads (PV-04). `particles`: bland ones added; an empty list: none."""

    beads: tuple[Beads, ...] | None = None
    particles: tuple[Particles, ...] | None = None


class Zone(Frozen):
    """An ablation as done, for the session or for one lesion (PV-06). `zone`: its three axes; `time`: all cycles together.

    `margin`: the smallest one, negative where tumour stands out of the zone. `overlap`: overlapping placements.
    """

    applicators: Annotated[int, Field(strict=True, ge=1)] | None = None
    power: PowerW | None = None
    time: TimeMin | None = None
    cycles: Annotated[int, Field(strict=True, ge=1)] | None = None
    overlap: Count | None = None
    size_before: LengthMm | None = None
    zone: Annotated[tuple[LengthMm, ...], Field(max_length=3)] | None = None
    margin: Annotated[float, Unit("mm")] | None = None
    margin_method: Literal["side_by_side", "registered", "deformable", "during_procedure", "other"] | None = None
    complete: Truth | None = None
    vessel_distance: LengthMm | None = None
    bile_duct_distance: LengthMm | None = None

    @model_validator(mode="after")
    def _margin_fits(self) -> Zone:
        if self.complete and self.margin is not None and self.margin < 0:
            raise ValueError(
                f"complete: true, yet the smallest margin is {self.margin:g} mm: tumour stands out of the zone"
            )
        axes = self.zone or ()
        if self.complete and self.size_before is not None and len(axes) == 3 and max(axes) < self.size_before:
            raise ValueError(
                f"complete: true, yet the zone ({max(axes):g} mm) is smaller than the tumour ({self.size_before:g} mm)"
            )
        if self.cycles is not None and self.overlap is not None and self.overlap > 0 and self.cycles < 2:
            raise ValueError("overlapping placements need two cycles or more")
        return self


class LesionZone(Zone):
    """The ablation of one lesion, named by its id."""

    lesion: Annotated[Text, Field(max_length=100)]


class AblationDetails(ProcedureDetails, Imaged, Zone):
    """Thermal ablation. What holds for the session stands beside `ablations`, one entry a lesion."""

    device: Text | None = None
    generator: Text | None = None
    applicator: Text | None = None
    approach: Literal["percutaneous", "laparoscopic", "open"] | None = None
    guidance: tuple[Literal["us", "ceus", "ct", "cone_beam_ct", "mr", "fusion", "navigation", "robot"], ...] | None = (
        None
    )
    protection: tuple[
        Literal["hydrodissection", "gas_dissection", "balloon", "bile_duct_cooling", "traction", "other"], ...
    ] | None = None  # fmt: skip
    ablations: tuple[LesionZone, ...] | None = None

    @model_validator(mode="after")
    def _one_entry_a_lesion(self) -> AblationDetails:
        names = [each.lesion for each in self.ablations or ()]
        doubled = sorted({name for name in names if names.count(name) > 1})
        if doubled:
            raise ValueError(f"ablations: lesion given twice: {', '.join(doubled)}")
        return self


class SurgeryDetails(ProcedureDetails):
    """Resection of the primary or of the liver, pancreatoduodenectomy (PV-07). `cleared`: share of the liver tumour that was removed or ablated."""

    operation: Text | None = None
    approach: Literal["open", "laparoscopic", "robotic"] | None = None
    margins: Literal["R0", "R1", "R2", "RX"] | None = None
    cleared: PercentOfWhole | None = None
    ablations_added: Count | None = None
    remnant: VolumeMl | None = None
    remnant_share: PercentOfWhole | None = None
    remnant_method: Literal["ct_volumetry", "mr_volumetry", "formula"] | None = None
    remnant_formula: Text | None = None
    induction: tuple[Literal["none", "portal_vein_embolisation", "portal_vein_ligation", "liver_venous_deprivation", "alpps", "sirt"], ...] | None = None  # fmt: skip
    primary_resected: Literal["before", "same_session", "not", "later"] | None = None
    cholecystectomy: Truth | None = None
    blood_loss: VolumeMl | None = None

    @model_validator(mode="after")
    def _consistent(self) -> SurgeryDetails:
        if self.margins == "R0" and self.cleared is not None and self.cleared < 100:
            raise ValueError(f"margins: R0 means that no tumour is left, yet {self.cleared:g} % was cleared")
        if self.remnant_formula is not None and self.remnant_method not in {None, "formula"}:
            raise ValueError(f"remnant_formula is given, yet remnant_method is {self.remnant_method}")
        if self.induction and "none" in self.induction and len(self.induction) > 1:
            raise ValueError("induction: none stands beside another one")
        return self


class TransplantationDetails(SurgeryDetails):
    donor: Literal["deceased", "living", "split"] | None = None


class BiliaryDetails(ProcedureDetails, Imaged):
    """Work on the bile ducts that later treatments must know of."""

    route: Literal["endoscopic", "percutaneous", "surgical"] | None = None
    anastomosis: Literal["hepaticojejunostomy", "choledochojejunostomy", "choledochoduodenostomy", "other"] | None = (
        None
    )
    stent: Literal["plastic", "metal_covered", "metal_uncovered"] | None = None
    across_papilla: Truth | None = None
    exchange_due: Day | None = None
    indication: Text | None = None


class PortalEmbolisationDetails(ProcedureDetails, Imaged):
    """Portal vein embolisation. `remnant_before`: the future liver remnant on the volumetry before; what it grew to is a later imaging."""

    access: Literal["ipsilateral", "contralateral", "transsplenic", "surgical"] | None = None
    particles: tuple[Particles, ...] | None = None
    segment_4: Truth | None = None
    hepatic_vein: Truth | None = None
    remnant_before: VolumeMl | None = None
    remnant_before_share: PercentOfWhole | None = None
    remnant_method: Literal["ct_volumetry", "mr_volumetry", "formula"] | None = None


class RadiationDetails(ProcedureDetails):
    """External radiation of the liver. `dose`: the whole prescribed dose; `prescription_isodose`: where it is prescribed, in percent of the maximum."""

    modality: Literal["sbrt", "imrt", "conformal", "proton", "carbon", "brachytherapy", "other"] | None = None
    dose: DoseGy | None = None
    fractions: Annotated[int, Field(strict=True, ge=1)] | None = None
    prescription_isodose: PercentOfWhole | None = None
    target: VolumeMl | None = None
    mean_liver_dose: DoseGy | None = None

    @model_validator(mode="after")
    def _below_target(self) -> RadiationDetails:
        if self.dose is not None and self.mean_liver_dose is not None and self.mean_liver_dose > self.dose:
            raise ValueError(
                f"the mean liver dose of {self.mean_liver_dose:g} Gy is above the prescribed {self.dose:g} Gy"
            )
        return self


DETAILS_OF: dict[str, type[ProcedureDetails]] = {
    "primary_resection": SurgeryDetails,
    "liver_resection": SurgeryDetails,
    "pancreatoduodenectomy": SurgeryDetails,
    "liver_transplantation": TransplantationDetails,
    "portal_vein_embolisation": PortalEmbolisationDetails,
    "rfa": AblationDetails,
    "mwa": AblationDetails,
    "cryo": AblationDetails,
    "tae": TaeDetails,
    "ctace": CtaceDetails,
    "debtace": DebTaceDetails,
    "biliary_anastomosis": BiliaryDetails,
    "biliary_stent": BiliaryDetails,
    "sphincterotomy": BiliaryDetails,
    "external_liver_radiation": RadiationDetails,
}
