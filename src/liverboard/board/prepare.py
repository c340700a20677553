"""`prepare_dossier`: case, images and knowledge in, one `Dossier` out. The one service that composes it all."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from liverboard import __version__
from liverboard.board.asked import missing_of
from liverboard.board.dossier import (
    Dossier,
    ExtentSection,
    FactEntry,
    Patient,
    Provenance,
    Software,
    SourceEvent,
)
from liverboard.board.expected import evidence_provenance, evidence_section
from liverboard.board.followed import FollowedCase
from liverboard.board.key_image import KeyImage
from liverboard.board.measured import KnownAt, Measured, Pictures, Step, quiet
from liverboard.board.response_section import (
    followed_images,
    procedure_sources,
    procedures_section,
    response_section,
    response_sources,
)
from liverboard.board.sirt_section import sirt_section
from liverboard.board.sirt_values import SirtSection
from liverboard.board.summary import patient_lines
from liverboard.board.timeline import timeline_of
from liverboard.board.with_images import measured_as_of
from liverboard.clinical.case_file import event_content
from liverboard.clinical.derive_timeline import course_of, standing_withdrawals, visible_events
from liverboard.clinical.dictionary import load_dictionary
from liverboard.clinical.events import AnyEvent, Case, Diagnosis, Imaging, Plan, Procedure, Systemic
from liverboard.clinical.extent import Lesion, LiverExtent, SegmentShare
from liverboard.clinical.facts import Facts, facts_of
from liverboard.clinical.pattern import pattern_of, places_of
from liverboard.evidence.states import CentreCatalogue, open_centre
from liverboard.knowledge import knowledge_version, load_references
from liverboard.options.policy import Ruleset, packaged
from liverboard.options.report import OptionsReport
from liverboard.options.weigh import weigh_case

Basis = Literal["volume", "count", "none"]


@dataclass(frozen=True, slots=True)
class FromImages:
    """What the images of a case say: slow to read, and the same as long as its imaging, plans and procedures are. `followed` None: there are no two scans to follow lesions between."""

    measured: Measured
    followed: FollowedCase | None
    sirt: SirtSection | None
    isodoses: tuple[KeyImage, ...]


def read_images(
    case: Case, folder: Path | None, as_of: dt.date, known_at: KnownAt = None, step: Step = quiet
) -> FromImages:
    """Read and measure the images of a case that could be seen on a day. Arguments and errors as in `prepare_dossier`."""
    measured = measured_as_of(case, folder, as_of, known_at, pictures=True, step=step)
    followed = followed_images(case, folder, as_of, known_at, step=step)
    return FromImages(measured, followed, *sirt_section(_visible(measured.case, as_of, known_at), folder, step))


def prepare_dossier(
    case: Case,
    *,
    folder: Path | None,
    as_of: dt.date,
    known_at: KnownAt = None,
    ruleset: Ruleset | None = None,
    centre: CentreCatalogue | None = None,
    inputs: Sequence[Provenance] = (),
    step: Step = quiet,
    images: FromImages | None = None,
) -> Dossier:
    """Compose the dossier of one case as of one day.

    `folder`: where the case's image paths start (None: no images are read). `ruleset`: the rules under a centre's policy (None: as packaged). `centre`: a centre's own catalogue of studies (None: the packaged one). `inputs`: what was opened, for the provenance. `step`: told what is being done. `images`: what was read of them before, for this case and day (None: they are read now).
    Raises UnsupportedImage for a segmentation that cannot be measured, BadInput for an image path outside the folder, KnowledgeBaseError.
    """
    images = images or read_images(case, folder, as_of, known_at, step)
    measured = images.measured
    step("deriving facts")
    visible = _visible(measured.case, as_of, known_at)
    facts = facts_of(measured.case, as_of, known_at)
    step("weighing the options")
    options = weigh_case(measured.case, as_of, ruleset or packaged(), known_at)
    step("pooling the evidence")
    books = centre or open_centre(None)
    evidence = evidence_section(options, facts, books)
    entries = _entries(facts)
    extent = _extent(visible, measured)
    pictures = measured.pictures.get(extent.event or "", Pictures())
    response = response_section(measured.case, images.followed, as_of, known_at, step=step)
    procedures = procedures_section(measured.case, as_of, known_at, ruleset or packaged())
    diagnosed = min((event.date for event in visible if isinstance(event, Diagnosis)), default=None)
    age = entries["age_years"].value
    return Dossier(
        case=case.case,
        centre=case.centre,
        synthetic=bool(case.synthetic),
        synthetic_note=_synthetic_note(case, extent),
        as_of=as_of,
        question=case.question,
        software=Software(version=__version__),
        knowledge_version=knowledge_version(),
        patient=Patient(
            sex=case.sex,
            age_years=age if isinstance(age, int) else None,
            lines=patient_lines(entries, None if diagnosed is None else f"{diagnosed:%B %Y}"),
        ),
        missing=missing_of(facts, options),
        facts=entries,
        conflicts=tuple(facts.conflicts),
        extent=extent,
        key_images=pictures.key,
        lesion_images=pictures.lesions,
        overview=pictures.overview,
        timeline=timeline_of(visible, as_of),
        sirt=images.sirt,
        isodose_images=images.isodoses,
        response=response,
        procedures=procedures,
        events=_source_events(measured.case, as_of, known_at, visible),
        options=options,
        evidence=evidence,
        warnings=tuple(measured.warnings),
        provenance=_once(
            *inputs,
            *measured.provenance,
            *_software(),
            *_sources(options, images.sirt, (*response_sources(response), *procedure_sources(procedures))),
            *evidence_provenance(evidence, books.catalogue),
        ),
    )


def _visible(case: Case, as_of: dt.date, known_at: KnownAt) -> list[AnyEvent]:
    """Events as they could be seen, the later ends of courses masked."""

    def masked(event: AnyEvent) -> AnyEvent:
        if not isinstance(event, Systemic):
            return event
        course = course_of(event, as_of)
        return event.model_copy(
            update={"until": course.until, "stopped_for": course.stopped_for, "cycles": course.cycles}
        )

    return [masked(event) for event in visible_events(case, as_of, known_at)[0]]


def _synthetic_note(case: Case, extent: ExtentSection) -> str:
    if not case.synthetic:
        return ""
    if extent.method == "measured":
        return "Sample. The clinical story is invented; the images are real, anonymous and published. No such patient exists."
    return "Sample. Everything here is invented. No such patient exists."


def _entries(facts: Facts) -> dict[str, FactEntry]:
    return {
        name: FactEntry(
            label=definition.label,
            group=definition.group,
            value=fact.value,
            unit=fact.unit,
            date=fact.date,
            age_days=fact.age_days,
            event=fact.event,
            stale=fact.stale,
            questioned=fact.questioned,
            note=fact.note,
            definition=definition.definition,
        )
        for name, definition in load_dictionary().items()
        for fact in (facts.facts[name],)
    }


def _extent(visible: Sequence[AnyEvent], measured: Measured) -> ExtentSection:
    """The latest imaging that says how much disease there is."""
    speaking = [
        e
        for e in visible
        if isinstance(e, Imaging) and (e.lesions is not None or e.tumour_volume is not None or e.id in measured.extents)
    ]
    if not speaking:
        return ExtentSection()
    event = max(enumerate(speaking), key=lambda pair: (pair[1].date, pair[0]))[1]
    found = measured.extents.get(event.id)
    is_measured = found is not None and [lesion.id for lesion in event.lesions or ()] == [
        lesion.id for lesion in found.lesions
    ]
    lesions = found.lesions if found is not None and is_measured else _stated(event)
    shares, basis = _by_segment(lesions)
    burden = (
        None
        if not event.liver_volume or event.tumour_volume is None
        else 100 * event.tumour_volume / event.liver_volume
    )
    extent = LiverExtent(
        liver_volume_ml=event.liver_volume,
        tumour_volume_ml=event.tumour_volume,
        burden_percent=burden,
        lesion_count=None if event.lesions is None else len(event.lesions),
        lesions=lesions,
        pattern=found.pattern
        if found is not None and is_measured
        else pattern_of(places_of(lesions))
        if event.lesions is not None
        else LiverExtent().pattern,
        warnings=() if found is None else found.warnings,
        segments=() if found is None else found.segments,
        segments_from=None if found is None else found.segments_from,
        planes=() if found is None else found.planes,
        viable_rule=None if found is None else found.viable_rule,
    )
    plans = [e for e in visible if isinstance(e, Plan)]
    done = [e for e in visible if isinstance(e, Procedure)]
    open_plans = [p for p in plans if not any(d.technique == p.technique and d.date >= p.date for d in done)]
    planned = max(open_plans, key=lambda p: p.date).territory if open_plans else None
    treated = {lesion.id for lesion in event.lesions or () if lesion.treated} | {
        name for d in done for name in d.lesions or ()
    }
    return ExtentSection(
        **dict(extent),
        method="measured" if is_measured else "stated",
        date=event.date,
        event=event.id,
        modality=event.modality,
        machine_made=any(lesion.machine for lesion in lesions),
        resected_segments=event.resected_segments or (),
        treated_lesions=tuple(sorted(treated)),
        planned_segments=(planned.segments or ()) if planned else (),
        by_segment=shares,
        by_segment_basis=basis,
    )


def _stated(event: Imaging) -> tuple[Lesion, ...]:
    """Typed-in lesions, largest first. A lesion typed into several segments counts in equal shares there, since nothing else is known."""
    lesions = [
        Lesion(
            id=lesion.id,
            volume_ml=lesion.volume,
            longest_axial_mm=lesion.longest,
            short_axial_mm=lesion.short,
            segments=tuple(
                SegmentShare(segment=s, share=1 / len(lesion.segments or ())) for s in lesion.segments or ()
            ),
            hypervascular=lesion.hypervascular,
            capsule_distance_mm=lesion.capsule_distance,
            vessel_distance_mm=lesion.vessel_distance,
            bile_duct_distance_mm=lesion.bile_duct_distance,
        )
        for lesion in event.lesions or ()
    ]
    return tuple(sorted(lesions, key=lambda lesion: -(lesion.longest_axial_mm or 0)))


def _by_segment(lesions: Sequence[Lesion]) -> tuple[dict[int, float], Basis]:
    if not lesions or not all(lesion.segments for lesion in lesions):
        return {}, "none"
    volumes = [lesion.volume_ml for lesion in lesions]
    by_volume = all(volume is not None for volume in volumes)
    weights = [volume or 0.0 for volume in volumes] if by_volume else [1.0] * len(lesions)
    total = sum(weights)
    load: dict[int, float] = {}
    for lesion, weight in zip(lesions, weights, strict=True):
        for part in lesion.segments:
            load[part.segment] = load.get(part.segment, 0.0) + part.share * weight
    return (
        ({segment: share / total for segment, share in sorted(load.items())}, "volume" if by_volume else "count")
        if total > 0
        else ({}, "none")
    )


def _source_events(
    measured: Case, as_of: dt.date, known_at: KnownAt, visible: Sequence[AnyEvent]
) -> tuple[SourceEvent, ...]:
    """Every visible event as stated (measured fields included, ends masked), and the ones that a visible correction or withdrawal replaced."""
    shown: dict[str, AnyEvent] = {event.id: event for event in visible}
    withdrawals = standing_withdrawals(measured, as_of, known_at)
    shown |= {event.id: event for event in withdrawals}
    corrected = {event.corrects: event.id for event in shown.values() if event.corrects}
    rows: list[SourceEvent] = []
    for event in measured.events:
        if event.date > as_of or (event.id not in shown and event.id not in corrected):
            continue
        content = event_content(shown.get(event.id, event))
        rows.append(
            SourceEvent(
                id=event.id,
                kind=event.kind,
                date=event.date,
                recorded=None if event.recorded is None else event.recorded.isoformat(),
                corrects=event.corrects,
                corrected_by=corrected.get(event.id),
                content={
                    key: value
                    for key, value in content.items()
                    if key not in {"id", "kind", "date", "recorded", "corrects"}
                },
            )
        )
    return tuple(sorted(rows, key=lambda row: row.date))


@cache
def _software() -> tuple[Provenance, ...]:
    used = ("numpy", "scipy", "connected-components-3d", "nibabel", "pynrrd", "pint", "pydantic")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in used)
    return (
        Provenance(
            what=f"liverboard {__version__}", kind="software", detail=f"Python {platform.python_version()}; {versions}"
        ),
        Provenance(
            what=f"knowledge {knowledge_version()}",
            kind="software",
            detail="fact dictionary and references packaged with the software",
        ),
    )


def _once(*rows: Provenance) -> tuple[Provenance, ...]:
    return tuple(dict.fromkeys(rows))


def _sources(options: OptionsReport, sirt: SirtSection | None, others: Sequence[str]) -> tuple[Provenance, ...]:
    """The literature behind the derived facts, all that is said of the options, the limits of dose, and `others` by key."""
    references = load_references()
    behind_facts = {definition.source for definition in load_dictionary().values() if definition.source is not None}
    statements = (
        *(reason for each in options.options for reason in each.reasons),
        *(position for note in options.disagreements for position in note.positions),
        *options.equipoise,
        *options.context,
    )
    used = behind_facts | set(others) | {source.key for statement in statements for source in statement.sources}
    if sirt is not None:
        parts = (sirt.planned, sirt.delivered)
        limits = [line.source for part in parts if part is not None for line in part.limits]
        used |= {source.key for source in limits if source is not None and source.key in references}
    return tuple(
        Provenance(
            what=key,
            kind="source",
            detail=f"{references[key].citation}. Verified: {references[key].how}",
            verification=references[key].verification,
        )
        for key in sorted(used)
    )
