"""The events of a case and the `Case` itself: an append-only timeline of dated, typed clinical statements.

Absent means unknown, never "no". Numbers are kept in the canonical unit of the fact dictionary. The file format is `docs/reference/case-format.md`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, cast, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    JsonValue,
    TypeAdapter,
    ValidationInfo,
    field_validator,
    model_validator,
)

from liverboard.clinical.extent import Frozen
from liverboard.clinical.procedure_details import DETAILS_OF, ProcedureDetails
from liverboard.clinical.quantity import (
    ActivityGbq,
    AlbuminGL,
    BilirubinUmolL,
    CellsPerL,
    ClearanceMlMin,
    Count,
    CreatinineUmolL,
    Day,
    DoseGy,
    Fraction,
    HaemoglobinGL,
    HeightCm,
    LengthMm,
    Moment,
    NtProBnpNgL,
    Number,
    Percent,
    Segments,
    Text,
    Truth,
    VolumeMl,
    WeightKg,
)
from liverboard.clinical.sirt_details import SirtDetails
from liverboard.clinical.stated_lesion import ExtrahepaticLesion, StatedLesion

Technique = Literal[
    "primary_resection", "liver_resection", "liver_transplantation", "portal_vein_embolisation", "rfa", "mwa", "cryo", "tae", "ctace", "debtace",
    "sirt_resin", "sirt_glass", "sirt_ho166", "pancreatoduodenectomy", "biliary_anastomosis", "biliary_stent", "sphincterotomy",
    "external_liver_radiation", "other",
]  # fmt: skip
Drug = Literal[
    "octreotide_lar", "lanreotide", "everolimus", "sunitinib", "cabozantinib", "capecitabine_temozolomide", "streptozotocin_5fu", "folfox",
    "interferon", "lu177_dotatate", "other",
]  # fmt: skip
DrugGroup = Literal["somatostatin_analogue", "antiangiogenic", "chemotherapy", "capecitabine"]
Option = Literal[
    "surveillance", "resection", "liver_transplantation", "ablation", "tae", "ctace", "debtace", "sirt_resin", "sirt_glass", "sirt_ho166", "prrt",
    "ssa", "everolimus", "sunitinib", "cabozantinib", "chemotherapy", "resection_plus_ablation",
]  # fmt: skip
Choice = Literal[Option, Drug, Technique]  # a board may name the option, the drug or the technique
Details = ProcedureDetails | dict[str, JsonValue]  # typed by technique; free where the technique has no type of its own
_FREE = TypeAdapter(dict[str, JsonValue])


def details_type(technique: object) -> type[ProcedureDetails] | None:
    """The type of the `details` of a technique; None where they are free."""
    return SirtDetails if str(technique).startswith("sirt_") else DETAILS_OF.get(str(technique))


def _is_pseudonym(text: str) -> str:
    if not all(c.isascii() and (c.isalnum() or c in "-_.") for c in text):
        raise ValueError("a pseudonym holds letters, digits, '-', '_' and '.' only; never a name")
    if not any(c.isalnum() for c in text):  # '..' would be another folder where a case has one
        raise ValueError("a pseudonym holds at least one letter or digit")
    return text


Pseudonym = Annotated[Text, Field(max_length=64), AfterValidator(_is_pseudonym)]
EventId = Annotated[Text, Field(max_length=100)]


class Event(Frozen):
    """What every event has. `date`: when it was true. `recorded`: when it was entered. `corrects`: the event that this one replaces."""

    id: EventId
    kind: Any  # each event narrows it to its own word
    date: Day
    recorded: Moment | None = None
    corrects: EventId | None = None
    confirmed: Truth | None = None
    note: Text | None = None


class Marker(Frozen):
    """A laboratory value with the upper limit of normal of its own assay; both in one unit."""

    value: Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
    unit: Text
    upper_limit: Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)] | None = None
    assay: Text | None = None


class GiNet21(Frozen):
    endocrine: Annotated[Number, Field(le=100)] | None = None
    gastrointestinal: Annotated[Number, Field(le=100)] | None = None
    treatment: Annotated[Number, Field(le=100)] | None = None
    social_function: Annotated[Number, Field(le=100)] | None = None


class Eortc(Frozen):
    """EORTC scores, 0 to 100."""

    qlq_c30_global: Annotated[Number, Field(le=100)] | None = None
    gi_net21: GiNet21 | None = None


class Biliary(Frozen):
    anastomosis: Truth | None = None
    stent: Truth | None = None
    sphincterotomy: Truth | None = None
    obstruction: Truth | None = None


class Study(Frozen):
    """An image or segmentation file beside the case file. `role`: segmentation, liver, lesions, or the name of the image (arterial, y90_pet ...)."""

    path: Text
    role: Text


class Extrahepatic(Frozen):
    extent: Literal["none", "limited", "extensive"]
    sites: tuple[Text, ...] | None = None


class SstrUptake(Frozen):
    scale: Literal["krenning-0-4", "krenning-1-4", "netter-2"]
    lowest: Annotated[Count, Field(le=4)] | None = None
    highest: Annotated[Count, Field(le=4)] | None = None

    @model_validator(mode="after")
    def _ordered(self) -> SstrUptake:
        if self.lowest is not None and self.highest is not None and self.lowest > self.highest:
            raise ValueError("lowest is above highest")
        return self


class Fdg(Frozen):
    discordant: Truth


class Progression(Frozen):
    hepatic: Truth | None = None
    rapid: Truth | None = None
    extrahepatic: Truth | None = None


class Ctcae(Frozen):
    grade: Annotated[int, Field(strict=True, ge=1, le=5)]
    version: Annotated[int, Field(strict=True, ge=3, le=6)]


def _as_word(written: Any) -> Any:
    return str(written) if isinstance(written, int) and not isinstance(written, bool) else written


class Cirse(Frozen):
    """Grade of a complication by CIRSE. Grades 1 and 3 have parts (1a, 1b, 3a, 3b) in the version of 2025 only."""

    grade: Annotated[Literal["1", "1a", "1b", "2", "3", "3a", "3b", "4", "5", "6"], BeforeValidator(_as_word)]
    version: Literal[2017, 2025]

    @model_validator(mode="after")
    def _of_its_version(self) -> Cirse:
        if self.version == 2017 and not self.grade.isdigit():
            raise ValueError(f"grade {self.grade} belongs to version 2025; version 2017 has grades 1 to 6")
        return self


class Sir(Frozen):
    """Class of a complication by SIR: `version: old` has A to F, `version: 2017` has words."""

    grade: Literal["A", "B", "C", "D", "E", "F", "mild", "moderate", "severe", "life_threatening", "death"]
    version: Literal["old", 2017]

    @model_validator(mode="after")
    def _of_its_version(self) -> Sir:
        if (self.version == "old") != (len(self.grade) == 1):
            raise ValueError(
                "version old has the classes A to F; version 2017 has mild, moderate, severe, life_threatening, death"
            )
        return self


class Territory(Frozen):
    segments: Segments | None = None
    arteries: tuple[Text, ...] | None = None


class Action(Frozen):
    what: Text
    owner: Text | None = None
    due: Day | None = None


class Diagnosis(Event):
    kind: Literal["diagnosis"]
    primary_site: (
        Literal[
            "pancreas",
            "jejunum",
            "ileum",
            "duodenum",
            "stomach",
            "appendix",
            "colon",
            "rectum",
            "lung",
            "thymus",
            "other",
            "unknown",
        ]
        | None
    ) = None
    differentiation: Literal["well", "poor", "mixed"] | None = None
    ki67: Percent | None = None
    mitoses_per_2mm2: Number | None = None
    specimen: Literal["primary", "liver", "other"] | None = None
    genetic_syndrome: Literal["none", "MEN1", "VHL", "NF1", "TSC", "other"] | None = None


class Clinic(Event):
    kind: Literal["clinic"]
    ecog: Annotated[Count, Field(le=4)] | None = None
    frail: Truth | None = None
    life_expectancy_over_3_months: Truth | None = None
    pregnant: Truth | None = None
    oxygen_saturation: Annotated[Percent, Field(le=100)] | None = None
    weight: WeightKg | None = None
    height: HeightCm | None = None
    syndrome: Literal["none", "carcinoid", "insulinoma", "gastrinoma", "glucagonoma", "vipoma", "other"] | None = None
    syndrome_controlled: Truth | None = None
    stools_per_day: Number | None = None
    flushes_per_day: Number | None = None
    rescue_octreotide_per_day: Number | None = None
    diary_days: Annotated[int, Field(strict=True, ge=1, le=366)] | None = None
    pain_nrs: Annotated[Number, Field(le=10)] | None = None
    hypoglycaemia_per_week: Number | None = None
    bulk_symptoms: Truth | None = None
    eortc: Eortc | None = None
    carcinoid_heart_disease: Truth | None = None
    ascites: Literal["none", "mild", "moderate"] | None = None
    encephalopathy: Literal["none", "grade_1_2", "grade_3_4"] | None = None
    cirrhosis: Truth | None = None
    portal_hypertension: Truth | None = None
    active_hepatitis: Truth | None = None
    stable_over_6_months: Truth | None = None
    fit_for_major_surgery: Truth | None = None
    resectable: Truth | None = None
    clearable: Percent | None = None
    future_remnant: Percent | None = None
    contrast_allergy: Literal["none", "mild", "severe"] | None = None
    angiography_contraindicated: Truth | None = None
    ppi: Truth | None = None
    atrophic_gastritis: Truth | None = None
    adverse_events_complete: Truth | None = None
    biliary: Biliary | None = None


class Labs(Event):
    kind: Literal["labs"]
    bilirubin: BilirubinUmolL | None = None
    bilirubin_upper_limit: Annotated[BilirubinUmolL, Field(gt=0)] | None = None
    albumin: AlbuminGL | None = None
    inr: Number | None = None
    ast: Marker | None = None
    alt: Marker | None = None
    platelets: CellsPerL | None = None
    creatinine: CreatinineUmolL | None = None
    egfr: ClearanceMlMin | None = None
    haemoglobin: HaemoglobinGL | None = None
    leukocytes: CellsPerL | None = None
    neutrophils: CellsPerL | None = None
    chromogranin_a: Marker | None = None
    u5hiaa: Marker | None = None
    u5hiaa_diet_kept: Truth | None = None
    ntprobnp: NtProBnpNgL | None = None
    ntprobnp_upper_limit: Annotated[NtProBnpNgL, Field(gt=0)] | None = None
    ntprobnp_assay: Text | None = None


class Imaging(Event):
    kind: Literal["imaging"]
    modality: Literal["CT", "MR", "PET_SSTR", "PET_FDG", "PET_Y90", "SPECT", "US"] | None = None
    studies: tuple[Study, ...] | None = None
    lesions: tuple[StatedLesion, ...] | None = None
    extrahepatic_lesions: tuple[ExtrahepaticLesion, ...] | None = None
    new_lesions: Truth | None = None
    slice_thickness: LengthMm | None = None
    liver_volume: VolumeMl | None = None
    tumour_volume: VolumeMl | None = None
    infiltrative: Truth | None = None
    too_many_to_count: Truth | None = None
    portal_vein: Literal["patent", "segmental", "branch", "main"] | None = None
    portal_flow: Literal["hepatopetal", "hepatofugal"] | None = None
    extrahepatic: Extrahepatic | None = None
    sstr: SstrUptake | None = None
    fdg: Fdg | None = None
    progression: Progression | None = None
    resected_segments: Segments | None = None
    pattern: Literal["simple", "complex", "diffuse"] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Imaging:
        ids = [lesion.id for lesion in (*(self.lesions or ()), *(self.extrahepatic_lesions or ()))]
        doubled = sorted({i for i in ids if ids.count(i) > 1})
        if doubled:
            raise ValueError(f"lesion id given twice: {', '.join(doubled)}")
        if self.liver_volume is not None and self.tumour_volume is not None and self.tumour_volume > self.liver_volume:
            raise ValueError("tumour_volume is larger than liver_volume")
        return self


class Scout(Event):
    kind: Literal["scout"]
    lung_shunt_fraction: Annotated[Fraction, Field(le=1)] | None = None
    lung_shunt_method: Literal["planar", "spect_ct"] | None = None
    lung_activity: ActivityGbq | None = None
    lung_dose: DoseGy | None = None
    extrahepatic_deposition: Literal["none", "correctable", "uncorrectable"] | None = None
    tumour_to_normal_ratio: Number | None = None
    arterial_reflux: Truth | None = None
    thrombus_uptake: Truth | None = None


class Systemic(Event):
    """A course of a drug; `date` is its start. `until`, `stopped_for` and `cycles` describe its end and are hidden before it.

    `contains`: what a drug of the name `other` is or holds; an empty list: none of these.
    """

    kind: Literal["systemic"]
    drug: Drug
    contains: tuple[DrugGroup, ...] | None = None
    until: Day | None = None
    stopped_for: Literal["progression", "toxicity", "completed", "other"] | None = None
    cycles: Count | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Systemic:
        if self.until is not None and self.until < self.date:
            raise ValueError(f"until {self.until} is before the start {self.date}")
        if self.stopped_for is not None and self.until is None:
            raise ValueError("stopped_for is given without until: say when the course ended")
        if self.contains is not None and self.drug != "other":
            raise ValueError(f"contains is for drug: other; what {self.drug} is, is known")
        return self


class Treatment(Event):
    """What a procedure and its plan have in common. `details` have the type of the technique."""

    technique: Technique
    territory: Territory | None = None
    session: Annotated[int, Field(strict=True, ge=1)] | None = None
    lesions: tuple[EventId, ...] | None = None
    details: Details | None = None

    @field_validator("details", mode="plain")
    @classmethod
    def _of_the_technique(cls, written: Any, info: ValidationInfo) -> Any:
        details = details_type(info.data.get("technique"))
        if written is None:
            return None
        if isinstance(written, dict):  # `{...}`, as the format's own example writes details that are left open
            written = {key: value for key, value in cast("dict[Any, Any]", written).items() if key != "..."}
        return _FREE.validate_python(written) if details is None else details.model_validate(written)


class Procedure(Treatment):
    kind: Literal["procedure"]


class Plan(Treatment):
    """A planned procedure with its predicted figures."""

    kind: Literal["plan"]


class AdverseEvent(Event):
    kind: Literal["adverse_event"]
    term: Text
    ctcae: Ctcae | None = None
    cirse: Cirse | None = None
    sir: Sir | None = None
    attribution: Literal["unrelated", "unlikely", "possible", "probable", "definite"] | None = None
    related: EventId | None = None
    procedure_date: Day | None = None
    readmission: Truth | None = None


class Assessment(Event):
    kind: Literal["assessment"]
    recist11: Literal["CR", "PR", "SD", "PD", "NE"] | None = None
    mrecist: Literal["CR", "PR", "SD", "PD", "NE"] | None = None
    symptoms: Literal["complete", "partial", "none"] | None = None


class Board(Event):
    kind: Literal["board"]
    considered: tuple[Choice, ...] | None = None
    chosen: Choice | None = None
    reason: Text | None = None
    dissent: Text | None = None
    actions: tuple[Action, ...] | None = None


class History(Event):
    """The treatment history given in this case is complete up to `date`."""

    kind: Literal["history"]
    complete: Truth


class Status(Event):
    kind: Literal["status"]
    state: Literal["alive", "dead", "lost"]


class Withdrawal(Event):
    """Takes back the event that it names in `corrects`, of whatever kind: it was never true of this patient. A withdrawal that names a withdrawal undoes it."""

    kind: Literal["withdrawal"]
    reason: Text | None = None


AnyEvent = Annotated[
    Diagnosis
    | Clinic
    | Labs
    | Imaging
    | Scout
    | Systemic
    | Procedure
    | Plan
    | AdverseEvent
    | Assessment
    | Board
    | History
    | Status
    | Withdrawal,
    Field(discriminator="kind"),
]

# What an event may state. A withdrawal states nothing.
EVENT_KINDS: dict[str, type[Event]] = {
    get_args(cls.model_fields["kind"].annotation)[0]: cls
    for cls in (
        Diagnosis,
        Clinic,
        Labs,
        Imaging,
        Scout,
        Systemic,
        Procedure,
        Plan,
        AdverseEvent,
        Assessment,
        Board,
        History,
        Status,
    )
}
EVERY_KIND: dict[str, type[Event]] = {**EVENT_KINDS, "withdrawal": Withdrawal}


class Case(Frozen):
    """One patient under a pseudonym: who, the question, the timeline in the order in which it was written.

    Raises pydantic's ValidationError; `liverboard.clinical.case_file` turns it into problems with line numbers.
    """

    liverboard: Literal[1] = 1
    case: Pseudonym
    centre: Text | None = None
    synthetic: Truth | None = None
    sex: Literal["female", "male", "other"] | None = None
    birth_year: Annotated[int, Field(strict=True, ge=1880, le=2200)] | None = None
    as_of: Day | None = None
    question: Text | None = None
    events: tuple[AnyEvent, ...] = ()

    @model_validator(mode="after")
    def _references(self) -> Case:
        faults = reference_faults([(event.id, event.kind, event.corrects) for event in self.events])
        if faults:
            raise ValueError("; ".join(message for _, _, message in faults))
        return self


def reference_faults(events: Sequence[tuple[str, str, str | None]]) -> list[tuple[int, str, str]]:
    """What is wrong among events given as (id, kind, corrects): each as (position, field, sentence)."""
    faults: list[tuple[int, str, str]] = []
    by_id: dict[str, tuple[str, str | None]] = {}
    for position, (event_id, kind, corrects) in enumerate(events):
        if event_id in by_id:
            faults.append((position, "id", f"event id '{event_id}' is given twice"))
        by_id.setdefault(event_id, (kind, corrects))
    for position, (event_id, kind, corrects) in enumerate(events):
        if corrects is None:
            if kind == "withdrawal":
                faults.append((position, "corrects", "a withdrawal names the event that it takes back"))
            continue
        stated = _kind_behind(corrects, by_id)
        if corrects not in by_id:
            faults.append((position, "corrects", f"'{corrects}' is not an event of this case"))
        elif _undoes(by_id[corrects], by_id):
            faults.append((position, "corrects", f"'{corrects}' undoes a withdrawal; name the event that counts again"))
        elif kind not in {"withdrawal", stated}:
            faults.append(
                (
                    position,
                    "corrects",
                    f"'{corrects}' is of kind {stated}, this event is {kind}; a correction keeps the kind",
                )
            )
        else:
            seen, current = {event_id}, corrects
            while current is not None and current in by_id and current not in seen:
                seen.add(current)
                current = by_id[current][1]
            if current in seen:
                faults.append((position, "corrects", f"event '{event_id}' corrects itself in a circle"))
    return faults


def _undoes(event: tuple[str, str | None], by_id: Mapping[str, tuple[str, str | None]]) -> bool:
    """Whether an event, as its kind and what it corrects, is a withdrawal of a withdrawal."""
    kind, corrects = event
    return kind == "withdrawal" and corrects is not None and by_id.get(corrects, ("",))[0] == "withdrawal"


def _kind_behind(event_id: str, by_id: Mapping[str, tuple[str, str | None]]) -> str:
    """The kind of an event; of a withdrawal, the kind of what it takes back."""
    seen: set[str] = set()
    current: str | None = event_id
    kind = "withdrawal"
    while kind == "withdrawal" and current is not None and current in by_id and current not in seen:
        seen.add(current)
        kind, current = by_id[current]
    return kind


def kind_behind(events: Sequence[AnyEvent], event: AnyEvent) -> str:
    """The kind of an event of a case; of a withdrawal, the kind of what it takes back."""
    return _kind_behind(event.id, {each.id: (each.kind, each.corrects) for each in events})


def marker_ratio(marker: Marker) -> float | None:
    """Value over the upper limit of normal of the same assay (the unit cancels); None when the limit was not given."""
    return None if marker.upper_limit is None else over_limit(marker.value, marker.upper_limit)


def over_limit(value: float, upper_limit: float) -> float | None:
    """`value` over `upper_limit`; None when the limit is too small to divide by."""
    ratio = value / upper_limit
    return ratio if math.isfinite(ratio) else None
