"""The treatment lane: courses, marks and followed figures out of the visible events."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence

from liverboard.board.dossier import Course, Mark, Point, Series, Timeline
from liverboard.clinical.coded_words import words
from liverboard.clinical.events import (
    AdverseEvent,
    AnyEvent,
    Assessment,
    Board,
    Clinic,
    Diagnosis,
    Imaging,
    Labs,
    Plan,
    Procedure,
    Status,
    Systemic,
    marker_ratio,
)

_COURSE_KINDS = {
    "octreotide_lar": "ssa",
    "lanreotide": "ssa",
    "lu177_dotatate": "prrt",
    "everolimus": "targeted",
    "sunitinib": "targeted",
    "cabozantinib": "targeted",
    "capecitabine_temozolomide": "chemotherapy",
    "streptozotocin_5fu": "chemotherapy",
    "folfox": "chemotherapy",
}


def timeline_of(events: Sequence[AnyEvent], as_of: dt.date) -> Timeline | None:
    """The timeline of the visible events (their ends already masked); None without events."""
    if not events:
        return None
    courses = tuple(_course(event) for event in events if isinstance(event, Systemic))
    marks = tuple(mark for event in events if (mark := _mark(event)) is not None)
    return Timeline(
        start=min(event.date for event in events), end=as_of, courses=courses, marks=marks, series=_series(events)
    )


def _course(event: Systemic) -> Course:
    return Course(
        label=words(event.drug),
        kind=_COURSE_KINDS.get(event.drug, "other"),  # pyright: ignore[reportArgumentType]
        start=event.date,
        end=event.until,
        stopped_for=event.stopped_for,
        cycles=event.cycles,
        event=event.id,
    )


def _mark(event: AnyEvent) -> Mark | None:
    label, detail = "", ""
    match event:
        case Diagnosis():
            label = "diagnosis"
        case Procedure():
            label = words(event.technique)
            detail = _session(event)
        case Plan():
            label = f"plan: {words(event.technique)}"
            detail = _session(event)
        case Imaging():
            label = words(event.modality or "imaging")
        case AdverseEvent():
            label = event.term if event.ctcae is None else f"{event.term}, grade {event.ctcae.grade}"
        case Assessment():
            parts = [
                f"RECIST {event.recist11}" if event.recist11 else "",
                f"symptoms: {event.symptoms} response" if event.symptoms else "",
            ]
            label = ", ".join(part for part in parts if part) or "assessment"
        case Board():
            label = f"board: {words(event.chosen)}" if event.chosen else "board"
            detail = event.reason or ""
        case Status() if event.state != "alive":
            label = event.state
        case _:
            return None
    return Mark(date=event.date, label=label, kind=event.kind, detail=detail, event=event.id)  # pyright: ignore[reportArgumentType]


def _session(event: Procedure | Plan) -> str:
    parts: list[str] = [f"session {event.session}"] if event.session else []
    if event.territory and event.territory.segments:
        parts.append(f"segments {', '.join(str(s) for s in event.territory.segments)}")
    return ", ".join(parts)


def _series(events: Sequence[AnyEvent]) -> tuple[Series, ...]:
    def follow(name: str, label: str, unit: str, value: Callable[[AnyEvent], float | None]) -> Series:
        points = tuple(
            Point(date=event.date, value=found, event=event.id)
            for event in sorted(events, key=lambda e: e.date)
            if (found := value(event)) is not None
        )
        return Series(name=name, label=label, unit=unit, points=points)

    def largest(event: AnyEvent) -> float | None:
        sizes = (
            [lesion.longest for lesion in (event.lesions or ()) if lesion.longest is not None]
            if isinstance(event, Imaging)
            else []
        )
        return max(sizes, default=None)

    def marker(event: AnyEvent, name: str) -> float | None:
        found = getattr(event, name) if isinstance(event, Labs) else None
        return None if found is None else marker_ratio(found)

    volume = follow(
        "tumour_volume_ml", "tumour volume", "mL", lambda e: e.tumour_volume if isinstance(e, Imaging) else None
    )
    size = follow("largest_lesion_mm", "largest lesion", "mm", largest)
    load = volume if len(volume.points) >= 2 or not size.points else size
    chosen = (
        load,
        follow("chromogranin_a_x_uln", "CgA", "x ULN", lambda e: marker(e, "chromogranin_a")),
        follow("u5hiaa_x_uln", "5-HIAA", "x ULN", lambda e: marker(e, "u5hiaa")),
        follow("ntprobnp_ng_l", "NT-proBNP", "ng/L", lambda e: e.ntprobnp if isinstance(e, Labs) else None),
        follow("stools_per_day", "stools a day", "", lambda e: e.stools_per_day if isinstance(e, Clinic) else None),
        follow("flushes_per_day", "flushes a day", "", lambda e: e.flushes_per_day if isinstance(e, Clinic) else None),
        follow("bilirubin_umol_l", "bilirubin", "umol/L", lambda e: e.bilirubin if isinstance(e, Labs) else None),
    )
    return tuple(series for series in chosen if series.points)
