"""The dossier: data first. HTML, PDF and every other form are renderings of this one object; its JSON schema is published in
`docs/reference/dossier.schema.json`."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import Field

from liverboard.board.key_image import KeyImage
from liverboard.board.procedures import CaseProcedures
from liverboard.board.provenance import Provenance
from liverboard.board.response_values import ResponseSection
from liverboard.board.sirt_values import SirtSection
from liverboard.clinical.extent import Frozen, LiverExtent
from liverboard.evidence.expected import OptionEvidence
from liverboard.options.report import OptionsReport

STATEMENT = (
    "Research use. liverboard supports decisions and never makes them; it is not a medical device. "
    "Every figure must be checked against its source before it is acted on."
)


class Software(Frozen):
    name: Literal["liverboard"] = "liverboard"
    version: str


class Patient(Frozen):
    """Who, in two lines. No identifier beyond the pseudonym."""

    sex: str | None = None
    age_years: int | None = None
    lines: tuple[str, ...] = Field(
        default=(), description="Two lines in clinicians' words: tumour, then state of the patient and of the liver"
    )


class FactEntry(Frozen):
    """One fact as of the dossier's date. `value` None: unknown. `questioned`: implausible, unknown for rules until confirmed."""

    label: str
    group: str
    value: float | int | bool | str | None = None
    unit: str | None = None
    date: dt.date | None = None
    age_days: int | None = None
    event: str | None = Field(default=None, description="id of the event that the value comes from")
    stale: bool = False
    questioned: bool = False
    note: str | None = None
    definition: str = ""


class Missing(Frozen):
    """One thing the board lacks, who can supply it, and since when. In the order that it matters: questioned values first."""

    fact: str
    label: str
    reason: Literal["questioned", "unknown", "stale"]
    ask: str = Field(description="what to ask for, in words")
    who: str = Field(description="who can supply it")
    changes: str = Field(default="", description="what knowing it would change")
    since: dt.date | None = Field(default=None, description="date of the stale or questioned value")


class ExtentSection(LiverExtent):
    """Disease extent with where it comes from."""

    method: Literal["measured", "stated", "none"] = "none"
    date: dt.date | None = None
    event: str | None = None
    modality: str | None = None
    machine_made: bool = Field(
        default=False, description="the mask or value came from a program and no person has confirmed it"
    )
    resected_segments: tuple[int, ...] = ()
    treated_lesions: tuple[str, ...] = ()
    planned_segments: tuple[int, ...] = Field(
        default=(), description="territory of the latest plan that has not been carried out"
    )
    by_segment: dict[int, float] = Field(
        default={},
        description="share (0..1) of the tumour load in each Couinaud segment; by volume, else by lesion count; empty when unknown",
    )
    by_segment_basis: Literal["volume", "count", "none"] = "none"


class Course(Frozen):
    """A treatment over time. `end` None: goes on as of the dossier's date."""

    label: str
    kind: Literal["ssa", "prrt", "targeted", "chemotherapy", "other"]
    start: dt.date
    end: dt.date | None = None
    stopped_for: str | None = None
    cycles: int | None = None
    event: str


class Mark(Frozen):
    """A dated happening: diagnosis, procedure, imaging, plan, adverse event, assessment, board, status."""

    date: dt.date
    label: str
    kind: Literal[
        "diagnosis",
        "clinic",
        "labs",
        "imaging",
        "scout",
        "procedure",
        "plan",
        "adverse_event",
        "assessment",
        "board",
        "history",
        "status",
    ]
    detail: str = ""
    event: str


class Point(Frozen):
    date: dt.date
    value: float
    event: str


class Series(Frozen):
    """A figure followed over time, drawn above the treatments."""

    name: str
    label: str
    unit: str
    points: tuple[Point, ...]


class Timeline(Frozen):
    start: dt.date
    end: dt.date
    courses: tuple[Course, ...] = ()
    marks: tuple[Mark, ...] = ()
    series: tuple[Series, ...] = ()


class EvidenceSection(Frozen):
    """What the study catalogue holds behind each open option, by option, and which state of the catalogue was read."""

    catalogue_hash: str = Field(default="", description="SHA-256 of every row of the catalogue and of the judgements")
    date: dt.date | None = None
    searched: dt.date | None = Field(default=None, description="day of the last search of the literature")
    note: str = ""
    own_studies: int = Field(default=0, description="studies that this centre added to the packaged catalogue")
    options: dict[str, OptionEvidence] = Field(default={})


class SourceEvent(Frozen):
    """One event as the case states it: where every number leads to."""

    id: str
    kind: str
    date: dt.date
    recorded: str | None = None
    corrects: str | None = None
    corrected_by: str | None = None
    content: dict[str, str] = Field(default={}, description="field -> value with unit, as the case file writes it")


class Dossier(Frozen):
    """Everything that a tumour board sees of one case, as of one date."""

    format: Literal["liverboard-dossier/1"] = "liverboard-dossier/1"
    case: str
    centre: str | None = None
    synthetic: bool = False
    synthetic_note: str = ""
    as_of: dt.date
    question: str | None = None
    software: Software
    knowledge_version: str
    statement: str = STATEMENT
    patient: Patient
    missing: tuple[Missing, ...] = ()
    facts: dict[str, FactEntry] = Field(default={})
    conflicts: tuple[str, ...] = ()
    extent: ExtentSection = ExtentSection()
    key_images: tuple[KeyImage, ...] = ()
    lesion_images: tuple[KeyImage, ...] = Field(
        default=(), description="the largest lesions, each on the slice of its longest diameter"
    )
    overview: tuple[KeyImage, ...] = Field(
        default=(), description="slices evenly from the top of the liver to its bottom"
    )
    timeline: Timeline | None = None
    sirt: SirtSection | None = Field(default=None, description="the latest radioembolisation, planned or done")
    isodose_images: tuple[KeyImage, ...] = Field(
        default=(), description="slices of the activity after SIRT with isodose lines, named by their dose"
    )
    response: ResponseSection | None = Field(
        default=None,
        description="response by every criterion, markers, symptoms, toxicity, end points and what is overdue",
    )
    procedures: CaseProcedures | None = Field(
        default=None,
        description="how completely procedures are recorded, planned beside done, and the sessions to discuss",
    )
    options: OptionsReport = OptionsReport()
    evidence: EvidenceSection = EvidenceSection()
    events: tuple[SourceEvent, ...] = ()
    warnings: tuple[str, ...] = ()
    provenance: tuple[Provenance, ...] = ()
