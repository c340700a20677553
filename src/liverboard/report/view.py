"""What a page shows, in words: the one model that HTML and PDF both render. Strings only, so that neither can format a number its own way."""

from __future__ import annotations

from dataclasses import dataclass

from liverboard.board.dossier import Dossier, ExtentSection, FactEntry, Provenance
from liverboard.report.cited import Cited, parted
from liverboard.report.expected_view import EvidenceView, evidence_view
from liverboard.report.figures import sizes_finding
from liverboard.report.liver_map import diameter, finding, liver_map_text, main_segments
from liverboard.report.measures import Measures, measures_of
from liverboard.report.options_view import OptionsView, options_view
from liverboard.report.procedures_view import ProceduresView, procedures_view
from liverboard.report.response_view import ResponseView, response_view
from liverboard.report.sirt_view import SirtView, sirt_view
from liverboard.report.timeline import TimelineRow, timeline_finding, timeline_rows
from liverboard.report.words import (
    NOT_KNOWN,
    SEX,
    THIN,
    VERIFICATION,
    age,
    clean,
    counted,
    day,
    fact_words,
    modality_words,
    number,
    plain,
    quantity,
    segments_words,
    unit_words,
)

RESEARCH = "Research use"
METHOD = {"measured": "measured", "stated": "as stated in the case", "none": ""}
REASON = {"questioned": "questioned", "unknown": NOT_KNOWN, "stale": "old"}


@dataclass(frozen=True, slots=True)
class Figure:
    """A value with its unit, what it says, and the event that it comes from."""

    value: str
    unit: str
    says: str
    date: str
    event: str | None
    known: bool
    auto: bool = False

    @property
    def text(self) -> str:
        return f"{self.value}{THIN}{self.unit}" if self.unit else self.value


@dataclass(frozen=True, slots=True)
class LesionRow:
    id: str
    segments: str
    longest: str
    short: str
    volume: str
    hypervascular: str
    treated: str


@dataclass(frozen=True, slots=True)
class FactRow:
    label: str
    value: str
    known: bool
    date: str
    age: str
    stale: bool
    questioned: bool
    note: str
    definition: str
    event: str | None


@dataclass(frozen=True, slots=True)
class MissingRow:
    label: str
    reason: str
    ask: str
    who: str
    changes: str
    since: str


@dataclass(frozen=True, slots=True)
class EventRow:
    id: str
    kind: str
    date: str
    recorded: str
    corrects: str
    corrected_by: str
    content: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class SourceRow:
    what: str
    kind: str
    detail: str
    seen: str  # how a reference was verified, or which pages of a study were read
    sha256: str
    verification: str
    says: str


@dataclass(frozen=True, slots=True)
class View:
    case: str
    who: tuple[str, ...]
    lines: tuple[str, ...]
    as_of: str
    question: str
    synthetic: bool
    synthetic_note: str
    statement: str
    versions: str
    headline: tuple[Figure, ...]
    lines_of_figures: tuple[Figure, ...]
    why: tuple[str, ...]
    sensitive: tuple[str, ...]
    extent_source: str
    map_finding: str
    map_text: str
    sizes_finding: str
    timeline_finding: str
    timeline: tuple[TimelineRow, ...]
    missing: tuple[MissingRow, ...]
    lesions: tuple[LesionRow, ...]
    measures: Measures
    lesion_images_finding: str
    shares: tuple[tuple[str, str, str], ...]
    facts: tuple[tuple[str, tuple[FactRow, ...]], ...]
    conflicts: tuple[str, ...]
    warnings: tuple[str, ...]
    events: tuple[EventRow, ...]
    sources: tuple[SourceRow, ...]
    references: tuple[SourceRow, ...]
    options: OptionsView
    evidence: EvidenceView
    sirt: SirtView | None
    response: ResponseView | None
    procedures: ProceduresView | None


def _headline(dossier: Dossier) -> tuple[Figure, ...]:
    e = dossier.extent
    date, auto = day(e.date) if e.date else "", e.machine_made

    def figure(value: float | None, unit: str, says: str, *, mine: bool = True) -> Figure:
        known = value is not None and number(value) != NOT_KNOWN
        text = number(value, unit) if value is not None else NOT_KNOWN
        return Figure(
            text,
            unit_words(unit) if known else "",
            clean(says),
            date if known else "",
            e.event,
            known,
            auto and mine and known,
        )

    if e.tumour_volume_ml is not None and e.liver_volume_ml is not None:
        volumes = f"of the liver is tumour: {number(e.tumour_volume_ml, 'mL')} of {quantity(e.liver_volume_ml, 'mL')}"
    elif e.burden_percent is not None:
        volumes = "of the liver is tumour; volumes not known"
    else:
        volumes = "share of the liver that is tumour"
    sizes = [(d, lesion) for lesion in e.lesions if (d := diameter(lesion)) is not None]
    size, lesion = max(sizes, key=lambda pair: pair[0]) if sizes else (None, None)
    where = segments_words(sorted(main_segments(lesion))) or "segment not known" if lesion else ""
    largest = f"largest lesion, {lesion.id} ({where})" if lesion else "largest lesion"
    count = e.lesion_count if e.lesion_count is not None else (len(e.lesions) or None)
    return (
        figure(e.burden_percent, "%", volumes),
        figure(count, "", "liver lesion" if count == 1 else "liver lesions"),
        figure(size, "mm", largest),
    )


def _fact_figure(dossier: Dossier, name: str, says: str) -> Figure:
    fact = dossier.facts.get(name)
    if fact is None or fact.value is None:
        return Figure(NOT_KNOWN, "", says, "", None, False)
    words = clean(fact_words(fact.value, fact.unit))
    notes = "".join((", questioned" if fact.questioned else "", f", old ({age(fact.age_days)})" if fact.stale else ""))
    return Figure(f"{words}{notes}", "", says, day(fact.date) if fact.date else "", fact.event, words != NOT_KNOWN)


def _figures(dossier: Dossier) -> tuple[Figure, ...]:
    e = dossier.extent
    pattern = e.pattern.value
    words = f"{pattern}, {'certain' if e.pattern.certain else 'not certain'}" if pattern else NOT_KNOWN
    return (
        Figure(
            words,
            "",
            "pattern",
            day(e.date) if e.date and pattern else "",
            e.event if pattern else None,
            pattern is not None,
        ),
        _fact_figure(dossier, "hemilivers", "liver halves"),
        _fact_figure(dossier, "extrahepatic", "outside the liver"),
        _fact_figure(dossier, "portal_vein", "portal vein"),
    )


def _who(dossier: Dossier) -> tuple[str, ...]:
    p, ecog = dossier.patient, dossier.facts.get("ecog")
    sex = SEX.get(p.sex, clean(p.sex)) if p.sex else f"sex {NOT_KNOWN}"
    years = str(p.age_years) if p.age_years is not None else f"age {NOT_KNOWN}"
    return (
        f"{sex}, {years}",
        f"ECOG {fact_words(ecog.value if ecog else None)}" + (" (questioned)" if ecog and ecog.questioned else ""),
        f"centre {clean(dossier.centre) if dossier.centre else NOT_KNOWN}",
    )


def _fact_row(fact: FactEntry) -> FactRow:
    words = clean(fact_words(fact.value, fact.unit))
    return FactRow(
        label=clean(fact.label),
        value=words,
        known=words != NOT_KNOWN,
        date=day(fact.date) if fact.date else "",
        age=age(fact.age_days),
        stale=fact.stale,
        questioned=fact.questioned,
        note=clean(fact.note or ""),
        definition=clean(fact.definition),
        event=fact.event,
    )


def lesion_images_finding(dossier: Dossier) -> str:
    shown, count = len(dossier.lesion_images), len(dossier.extent.lesions)
    which = f"the largest {shown} of {count}, " if shown < count else ""
    return f"{which}where its longest diameter lies, with both diameters"


def _shares(extent: ExtentSection) -> tuple[tuple[str, str, str], ...]:
    """Segment, its share of the tumour load, and its own volume where it was measured."""
    volumes = {part.segment: part.volume_ml for part in extent.segments}
    if not extent.by_segment and not volumes:
        return ()
    return tuple(
        (
            f"S{s}",
            quantity(100 * extent.by_segment.get(s, 0.0), "%") if extent.by_segment else NOT_KNOWN,
            quantity(volumes[s], "mL") if s in volumes else "",
        )
        for s in sorted({*extent.by_segment, *volumes})
    )


def _source_row(s: Provenance) -> SourceRow:
    citation, seen = parted(s.detail) if s.kind == "source" else (s.detail, "")
    return SourceRow(
        clean(s.what),
        s.kind,
        clean(citation),
        clean(seen),
        clean(s.sha256 or ""),
        s.verification or "",
        VERIFICATION.get(s.verification or "", ""),
    )


def _references(dossier: Dossier, cited: Cited) -> tuple[SourceRow, ...]:
    """Literature, in the order of its numbers: as options and evidence cite it, then the rest."""
    known = {s.what: s for s in dossier.provenance if s.kind == "source"}
    met = [known.get(key) or Provenance(what=key, kind="source", detail=says) for key, (_, says) in cited.order.items()]
    rest = [s for s in dossier.provenance if s.kind == "source" and s.what not in cited.order]
    return tuple(_source_row(s) for s in (*met, *rest))


def _tick(value: bool | None) -> str:
    return NOT_KNOWN if value is None else "yes" if value else "no"


def view_of(dossier: Dossier) -> View:
    e = dossier.extent
    groups: dict[str, list[FactRow]] = {}
    for fact in dossier.facts.values():
        groups.setdefault(clean(fact.group), []).append(_fact_row(fact))
    cited = Cited()
    options = options_view(dossier, cited)
    evidence = evidence_view(dossier, cited)
    sirt = sirt_view(dossier, cited)
    response = response_view(dossier, cited)
    procedures = procedures_view(dossier, cited)
    source = " · ".join(filter(None, (METHOD[e.method], modality_words(e.modality), day(e.date) if e.date else "")))
    return View(
        case=clean(dossier.case),
        who=_who(dossier),
        lines=tuple(clean(line) for line in dossier.patient.lines),
        as_of=day(dossier.as_of),
        question=clean(dossier.question) if dossier.question else "",
        synthetic=dossier.synthetic,
        synthetic_note=clean(dossier.synthetic_note) or "Synthetic data: no real patient.",
        statement=clean(dossier.statement),
        versions=f"{dossier.software.name} {clean(dossier.software.version)}, knowledge {clean(dossier.knowledge_version)}",
        headline=_headline(dossier),
        lines_of_figures=_figures(dossier),
        why=tuple(clean(t) for t in e.pattern.trace),
        sensitive=tuple(clean(t) for t in e.pattern.sensitive_to),
        extent_source=source,
        map_finding=clean(finding(e)),
        map_text=clean(liver_map_text(e)),
        sizes_finding=sizes_finding(e.lesions),
        timeline_finding=clean(timeline_finding(dossier.timeline)),
        timeline=tuple(timeline_rows(dossier.timeline)),
        missing=tuple(
            MissingRow(
                clean(m.label), REASON[m.reason], clean(m.ask), clean(m.who), clean(m.changes) or NOT_KNOWN, day(m.since) if m.since else "never stated"
            )
            for m in dossier.missing
        ),
        lesions=tuple(
            LesionRow(
                id=clean(lesion.id) + (" (auto)" if lesion.machine else ""),
                segments=", ".join(
                    f"S{s.segment}" + (f" {quantity(100 * s.share, '%')}" if len(lesion.segments) > 1 else "")
                    for s in sorted(lesion.segments, key=lambda s: -s.share)
                )
                or NOT_KNOWN,
                longest=quantity(diameter(lesion), "mm") + ("" if lesion.longest_axial_mm is not None or diameter(lesion) is None else ", not axial"),
                short=quantity(lesion.short_axial_mm, "mm"),
                volume=quantity(lesion.volume_ml, "mL"),
                hypervascular=_tick(lesion.hypervascular),
                treated="yes" if lesion.id in e.treated_lesions else "not stated",
            )
            for lesion in e.lesions
        ),
        measures=measures_of(e),
        lesion_images_finding=lesion_images_finding(dossier),
        shares=_shares(e),
        facts=tuple((group, tuple(rows)) for group, rows in groups.items()),
        conflicts=tuple(clean(c) for c in dossier.conflicts),
        warnings=tuple(clean(w) for w in dict.fromkeys((*dossier.warnings, *e.warnings))),
        events=tuple(
            EventRow(
                clean(v.id), plain(clean(v.kind)), day(v.date), clean(v.recorded or ""), v.corrects or "", v.corrected_by or "",
                tuple((plain(clean(k)), clean(w)) for k, w in v.content.items()),
            )
            for v in sorted({v.id: v for v in reversed(dossier.events)}.values(), key=lambda v: v.date, reverse=True)
        ),
        sources=tuple(_source_row(s) for s in dossier.provenance if s.kind != "source"),
        references=_references(dossier, cited),
        options=options,
        evidence=evidence,
        sirt=sirt,
        response=response,
        procedures=procedures,
    )  # fmt: skip


def summary(view: View) -> str:
    """One line for the page's description."""
    return f"{view.case}, as of {view.as_of}: {view.map_finding}; {counted(len(view.missing), 'thing')} missing."
