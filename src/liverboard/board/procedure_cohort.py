"""Procedures of many cases, so that rooms can be compared: intervals, end points, activities, regimens and completeness, each with the number behind it."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from liverboard.board.cohort import case_files, says_it_is_a_case
from liverboard.board.load import open_case
from liverboard.board.procedures import ProcedureRow, recorded, sessions_of
from liverboard.clinical.derive_timeline import visible_events
from liverboard.clinical.events import Case
from liverboard.clinical.extent import Frozen
from liverboard.embolisation.intervals import FAMILY_OF, IntervalSummary, SessionInterval, intervals_of, summarise
from liverboard.errors import BadInput, Problem, UserError

Step = Callable[[str], None]
FEW = 5  # a room with fewer procedures is shown, and said to be small; the smallest cell of disclosure
NOT_STATED = "not stated"
_SHOWN = 200


class Tally(Frozen):
    """How often a word stands, `not stated` among them."""

    word: str
    n: int


class Spread(Frozen):
    """Figures of one kind: how many state one, and their median and range."""

    n: int
    not_stated: int
    median: float | None = None
    low: float | None = None
    high: float | None = None


class RoomTechnique(Frozen):
    """One technique in one room. `small`: fewer than `FEW` procedures, too few to call a habit. `stasis`: flow ceased, out of those that state an end point."""

    room: str
    technique: str
    n: int
    patients: int
    small: bool
    end_points: tuple[Tally, ...]
    stasis: int
    stasis_known: int
    regimens: tuple[Tally, ...]
    activity_gbq: Spread
    fluoroscopy_min: Spread
    required_stated: int
    required: int
    staged_intervals: IntervalSummary | None = None


class Missed(Frozen):
    """A required item with how many procedures of a technique leave it out."""

    technique: str
    asks: str
    missing: int
    of: int


class CohortProcedures(Frozen):
    """`rows`: every procedure (for the centre alone). `synthetic`: cases that are invented. `rooms`: by room and technique. `missing`: what is required and left out, most often first."""

    cases: int
    synthetic: int
    rows: tuple[ProcedureRow, ...]
    intervals: tuple[SessionInterval, ...]
    rooms: tuple[RoomTechnique, ...]
    missing: tuple[Missed, ...]
    notes: tuple[str, ...] = ()


def read_cases(path: Path, step: Step) -> tuple[list[Case], list[str]]:
    """The cases of a folder (any depth), of a list (a text file with a path a line, relative to it), or of one case file, and notes.

    Raises BadInput with the problems of every file.
    """
    files, notes = _files(path)
    cases: list[Case] = []
    problems: list[Problem] = []
    names: dict[str, str] = {}
    aside = 0
    for number, file in enumerate(files):
        step(f"reading case {number + 1:,} of {len(files):,}")
        shown = file.name if not path.is_dir() else str(file.relative_to(path))
        if path.is_dir() and not says_it_is_a_case(file):
            aside += 1
            continue
        try:
            case = open_case(file).case
        except UserError as error:
            problems += _of_file(error, shown)
            continue
        if case.case in names:
            problems.append(
                Problem(f"{shown}: the same pseudonym as {names[case.case]}; one file a case", field="case")
            )
            continue
        names[case.case] = shown
        cases.append(case)
    if problems:
        raise BadInput(
            f"the cohort cannot be read: {len(problems):,} problem{'s' if len(problems) > 1 else ''}"
            + (f" (the first {_SHOWN} shown)" if len(problems) > _SHOWN else ""),
            where=path.name,
            problems=problems[:_SHOWN],
            hint="Nothing was compared. The format of a case file is described in docs/reference/case-format.md.",
        )
    if not cases:
        raise BadInput(
            "there is no case file",
            where=path.name,
            hint="Give a case file, a folder of case files, or a text file with one path a line.",
        )
    if aside:
        notes.append(f"{aside} YAML or JSON file(s) are no case files and were left aside")
    return cases, notes


def _files(path: Path) -> tuple[list[Path], list[str]]:
    if path.is_dir():
        return list(case_files(path)), []
    if path.suffix.lower() not in {".txt", ".list"}:
        return [path], []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise BadInput("the list cannot be read", where=path.name, hint="Give a UTF-8 text file with one path a line.") from None  # fmt: skip
    named = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    return [path.parent / name for name in named], []


def _of_file(error: UserError, shown: str) -> Iterator[Problem]:
    if not error.problems:
        yield Problem(f"{shown}: {error.message}", hint=error.hint or None)
    for each in error.problems:
        yield Problem(f"{shown}: {each.message}", each.line, each.event, each.field, each.read, each.allowed, each.hint)


def of_the_centre(cases: Iterable[Case], case: Case) -> list[Case]:
    """The other patients of a case's centre. A centre that is not stated, of one or the other, is held against nobody."""
    return [
        each
        for each in cases
        if each.case != case.case and (None in {each.centre, case.centre} or each.centre == case.centre)
    ]


def past_intervals(cases: Iterable[Case], day: Callable[[Case], dt.date]) -> tuple[SessionInterval, ...]:
    """The intervals of these patients, each as of its day."""
    return tuple(
        each
        for case in cases
        for each in intervals_of(sessions_of(case.case, visible_events(case, day(case), None)[0]))
    )


@dataclass(frozen=True, slots=True)
class CasePart:
    """What one case adds to a cohort. `asked`: technique and item of everything required, and whether it is stated."""

    synthetic: bool
    rows: tuple[ProcedureRow, ...]
    intervals: tuple[SessionInterval, ...]
    asked: tuple[tuple[str, str, bool], ...]


def part_of(case: Case, as_of: dt.date) -> CasePart:
    """The procedures of one case as of a day."""
    rows, told = recorded(case, visible_events(case, as_of, None)[0], as_of)
    return CasePart(
        case.synthetic is True,
        rows,
        past_intervals([case], lambda _: as_of),
        tuple(
            (complete.technique, item.asks, item.state == "stated")
            for complete in told
            for item in complete.items
            if item.need == "required" and item.points is None and item.state in {"stated", "missing"}
        ),
    )


def procedures_of_cohort(
    cases: Sequence[Case], day: Callable[[Case], dt.date], *, notes: Sequence[str] = (), step: Step = lambda _: None
) -> CohortProcedures:
    """The procedures of every case as of its day, by room and technique."""
    parts: list[CasePart] = []
    for number, case in enumerate(cases):
        step(f"case {number + 1:,} of {len(cases):,}")
        parts.append(part_of(case, day(case)))
    return together(parts, notes=notes)


def together(parts: Sequence[CasePart], *, notes: Sequence[str] = ()) -> CohortProcedures:
    """The parts of many cases side by side."""
    asked = Counter((technique, asks) for part in parts for technique, asks, _ in part.asked)
    missed = Counter((technique, asks) for part in parts for technique, asks, stated in part.asked if not stated)
    return CohortProcedures(
        cases=len(parts),
        synthetic=sum(part.synthetic for part in parts),
        rows=tuple(row for part in parts for row in part.rows),
        intervals=tuple(each for part in parts for each in part.intervals),
        rooms=rooms_of(parts),
        missing=tuple(
            Missed(technique=technique, asks=asks, missing=count, of=asked[technique, asks])
            for (technique, asks), count in sorted(missed.items(), key=lambda pair: (-pair[1], pair[0]))
        ),
        notes=tuple(notes),
    )


def rooms_of(parts: Sequence[CasePart]) -> tuple[RoomTechnique, ...]:
    """Each technique in each room, over the parts of many cases."""
    rows = [row for part in parts for row in part.rows]
    return tuple(_rooms(rows, [each for part in parts for each in part.intervals]))


def room_of(row: ProcedureRow) -> str:
    """Centre and room, as far as they are stated."""
    return ", ".join(part for part in (row.centre, row.room) if part) or NOT_STATED


def _rooms(rows: Sequence[ProcedureRow], intervals: Sequence[SessionInterval]) -> Iterator[RoomTechnique]:
    groups: dict[tuple[str, str], list[ProcedureRow]] = {}
    for row in rows:
        if row.technique in FAMILY_OF:
            groups.setdefault((row.technique, room_of(row)), []).append(row)
    for (technique, room), members in sorted(groups.items()):
        events = {(row.case, row.event) for row in members}
        ended = [row.stasis for row in members if row.stasis is not None]
        yield RoomTechnique(
            room=room,
            technique=technique,
            n=len(members),
            patients=len({row.case for row in members}),
            small=len(members) < FEW,
            end_points=_tally(row.end_point for row in members),
            stasis=sum(ended),
            stasis_known=len(ended),
            regimens=_tally(row.regimen for row in members),
            activity_gbq=_spread([row.activity_gbq for row in members]),
            fluoroscopy_min=_spread([row.fluoroscopy_min for row in members]),
            required=sum(row.required or 0 for row in members),
            required_stated=sum(row.required_stated or 0 for row in members),
            staged_intervals=summarise([each for each in intervals if each.kind == "staged" and (each.case, each.after) in events]),
        )  # fmt: skip


def _tally(words: Iterable[str | None]) -> tuple[Tally, ...]:
    counts = Counter(NOT_STATED if word is None else word for word in words)
    ordered = sorted(counts.items(), key=lambda pair: (pair[0] == NOT_STATED, -pair[1], pair[0]))
    return tuple(Tally(word=word, n=n) for word, n in ordered)


def _spread(values: Sequence[float | None]) -> Spread:
    known = [value for value in values if value is not None]
    if not known:
        return Spread(n=0, not_stated=len(values))
    return Spread(n=len(known), not_stated=len(values) - len(known), median=float(median(known)), low=min(known), high=max(known))  # fmt: skip
