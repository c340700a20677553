"""Procedures of a cohort as one page: rooms side by side, with the numbers behind every picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from liverboard.board.procedure_cohort import FEW, CohortProcedures, RoomTechnique, room_of
from liverboard.clinical.coded_words import words
from liverboard.report.canvas import many, value_words
from liverboard.report.evidence_page import EvidencePage, PageFigure, PageTable
from liverboard.report.evidence_views import NARROW, SOFTWARE
from liverboard.report.palette import WEB
from liverboard.report.procedure_plots import Given, Share, Strip, given_svg, share_funnel_svg, strip_svg
from liverboard.report.words import THIN, counted

_WIDE = 960


def procedures_page(cohort: CohortProcedures) -> EvidencePage:
    """Pictures and tables by technique; techniques with most procedures first."""
    techniques = sorted(
        {room.technique for room in cohort.rooms}, key=lambda name: -sum(r.n for r in _of(cohort, name))
    )
    figures = tuple(figure for name in techniques for figure in _figures(cohort, name))
    rooms = len({room.room for room in cohort.rooms})
    required, stated = sum(r.required for r in cohort.rooms), sum(r.required_stated for r in cohort.rooms)
    values = [
        (many(len(cohort.rows)), f"procedures of {counted(cohort.cases, 'patient')}"),
        (many(rooms), "rooms or centres"),
    ]
    if required:
        values.append((f"{100 * stated / required:.0f}{THIN}%", f"of what is asked for is stated ({stated} of {required})"))  # fmt: skip
    return EvidencePage(
        "Procedures",
        "Procedures, room by room",
        _finding(cohort, rooms),
        tuple(values),
        figures,
        (*_tables(cohort),),
        warnings=(
            *(
                [f"SYNTHETIC DATA: {cohort.synthetic} of {counted(cohort.cases, 'case')} are invented."]
                if cohort.synthetic
                else []
            ),
            "For the centre: single procedures are drawn. Do not pass it on without hiding small numbers.",
            *cohort.notes,
        ),
        methods=(
            f"A room with fewer than {FEW} procedures of a technique is drawn and called small: it shows what was done, not a habit.",
            "An interval is the days to the session before of its family (embolisation, SIRT, ablation) in the same patient; only staged ones are drawn. Staged: the next number of a course, or territories that do not meet.",
            "Limits of chance are exact binomial limits around the share of all rooms; the choice of patients is not taken into account.",
            "What is not stated is unknown; it is counted, never read as no.",
        ),
        software=SOFTWARE,
    )


def _finding(cohort: CohortProcedures, rooms: int) -> str:
    worst = cohort.missing[0] if cohort.missing else None
    start = f"{counted(len(cohort.rows), 'procedure')} in {counted(rooms, 'room')}"
    if worst is None:
        return f"{start}; everything that is required is stated."
    return (
        f"{start}; most often left out: {worst.asks.lower()} ({words(worst.technique)}, {worst.missing} of {worst.of})."
    )


def _of(cohort: CohortProcedures, technique: str) -> list[RoomTechnique]:
    return [room for room in cohort.rooms if room.technique == technique]


def _figures(cohort: CohortProcedures, technique: str) -> Iterator[PageFigure]:
    rooms, name = _of(cohort, technique), words(technique)
    rows = [row for row in cohort.rows if row.technique == technique]
    small = {room.room: room.small for room in rooms}
    intervals = [row for row in rows if row.interval_days is not None and row.interval_kind == "staged"]
    if intervals:
        yield _strip(name, "days since the session before", "Interval", [(room_of(row), row.interval_days) for row in intervals], small, f"interval-{technique}")  # fmt: skip
    if any(row.activity_gbq is not None for row in rows):
        yield _strip(name, "activity injected (GBq)", "Activity", [(room_of(row), row.activity_gbq) for row in rows], small, f"activity-{technique}")  # fmt: skip
    if any(row.fluoroscopy_min is not None for row in rows):
        yield _strip(name, "fluoroscopy (min)", "Fluoroscopy", [(room_of(row), row.fluoroscopy_min) for row in rows], small, f"fluoroscopy-{technique}")  # fmt: skip
    if any(room.stasis_known for room in rooms):
        yield _funnel(name, rooms, f"stasis-{technique}")
    if any(row.regimen is not None for row in rows):
        yield _given(name, rooms, f"regimen-{technique}")


def _strip(name: str, axis: str, what: str, pairs: Sequence[tuple[str, float | None]], small: dict[str, bool], prefix: str) -> PageFigure:  # fmt: skip
    strips = [
        Strip(
            room,
            tuple(value for other, value in pairs if other == room and value is not None),
            sum(1 for other, value in pairs if other == room and value is None),
            small[room],
        )
        for room in sorted({room for room, _ in pairs})
    ]
    known = sorted(value for strip in strips for value in strip.values)
    finding = f"{name}: {what.lower()} from {value_words(known[0], 'number')} to {value_words(known[-1], 'number')} over {counted(len(strips), 'room')}"  # fmt: skip
    table = PageTable(
        f"{what}, {name}",
        ("Room", axis, "Not stated"),
        tuple((s.room, ", ".join(value_words(v, "number") for v in sorted(s.values)) or "none", many(s.not_stated)) for s in strips),
        folded=True,
    )  # fmt: skip
    return PageFigure(
        finding,
        strip_svg(strips, axis, WEB, width=_WIDE, prefix=prefix, title=finding),
        strip_svg(strips, axis, WEB, width=NARROW, prefix=f"{prefix}-narrow", title=finding),
        table,
    )


def _funnel(name: str, rooms: Sequence[RoomTechnique], prefix: str) -> PageFigure:
    shares = [Share(room.room, room.stasis, room.stasis_known, room.small) for room in rooms]
    part, of = sum(s.part for s in shares), sum(s.of for s in shares)
    finding = f"{name}: flow ceased in {part} of {counted(of, 'procedure')} with a stated end point"
    table = PageTable(
        f"End points, {name}",
        ("Room", "Flow ceased", "End point stated", "All", "As recorded"),
        tuple((r.room, many(r.stasis), many(r.stasis_known), many(r.n), "; ".join(f"{t.word}: {t.n}" for t in r.end_points)) for r in rooms),
        folded=True,
    )  # fmt: skip
    return PageFigure(
        finding,
        share_funnel_svg(shares, "Flow ceased", WEB, width=_WIDE, prefix=prefix, title=finding),
        share_funnel_svg(shares, "Flow ceased", WEB, width=NARROW, prefix=f"{prefix}-narrow", title=finding),
        table,
    )


def _given(name: str, rooms: Sequence[RoomTechnique], prefix: str) -> PageFigure:
    given = [Given(r.room, tuple((t.word, t.n) for t in r.regimens), r.small) for r in rooms]
    kinds = len({word for each in given for word, _ in each.words if word != "not stated"})
    finding = f"{name}: {counted(kinds, 'regimen')} in {counted(len(given), 'room')}"
    table = PageTable(
        f"Regimens, {name}",
        ("Room", "Regimen", "Procedures"),
        tuple((each.room, word, many(n)) for each in given for word, n in each.words),
        folded=True,
    )
    return PageFigure(
        finding,
        given_svg(given, WEB, width=_WIDE, prefix=prefix, title=finding),
        given_svg(given, WEB, width=NARROW, prefix=f"{prefix}-narrow", title=finding),
        table,
    )


def _tables(cohort: CohortProcedures) -> Iterator[PageTable]:
    yield PageTable(
        "Completeness by room and technique",
        ("Room", "Technique", "Procedures", "Required items stated", "Median staged interval"),
        tuple(
            (
                room.room,
                words(room.technique),
                f"{room.n}{' (small)' if room.small else ''}",
                f"{room.required_stated} of {room.required}",
                "none"
                if room.staged_intervals is None
                else f"{room.staged_intervals.median_days:g} d ({room.staged_intervals.n})",
            )
            for room in cohort.rooms
        ),
    )
    if cohort.missing:
        yield PageTable(
            "Required and left out, most often first",
            ("What is asked", "Technique", "Left out", "Of"),
            tuple((m.asks, words(m.technique), many(m.missing), many(m.of)) for m in cohort.missing[:40]),
            note="Required by the project's own list, drawn from the reporting standards; see docs/reference/procedures.md.",
        )
