"""Reading a cohort: a table of facts (Parquet or CSV), case files, or one case file. Unknown stays unknown; what is wrong is listed by kind, never guessed at."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from liverboard.board.cohort_table import OPTION_OF, read_table
from liverboard.board.load import OpenedCase, open_case
from liverboard.board.measure import measure_case
from liverboard.clinical.derive import Value
from liverboard.clinical.derive_timeline import visible_events
from liverboard.clinical.dictionary import load_dictionary, load_lesion_dictionary
from liverboard.clinical.events import Board, Case, Imaging
from liverboard.clinical.facts import facts_of
from liverboard.clinical.lesion_facts import lesion_facts_of
from liverboard.errors import BadInput, Problem, UserError
from liverboard.options.audit import Cohort
from liverboard.rules.evaluate import CASE, facts_frame

if TYPE_CHECKING:
    import polars as pl

_TABLES = {".parquet", ".csv", ".tsv"}
_CASES = {".yaml", ".yml", ".json"}
_HEAD = 4096  # characters in which a case file says that it is one
_SHOWN = 200  # problems

Step = Callable[[str], None]


def _quiet(_: str) -> None: ...


def read_cohort(path: Path, *, today: dt.date, as_of: dt.date | None = None, step: Step = _quiet) -> Cohort:
    """A cohort from a table (.parquet, .csv), a folder with case files at any depth, or one case file.

    Case files: the facts as of the last board event that states what was chosen (by `as_of`, where given); without one as of `as_of`, else the case's own
    day, else `today`. Raises BadInput with the problems of every file, or of every column.
    """
    if path.is_dir():
        return _of_cases(list(case_files(path)), path, today, as_of, step)
    if not path.exists():
        raise BadInput("there is no such file", where=path.name, hint="Check the path of the cohort.")
    ending = path.suffix.lower()
    if ending in _TABLES:
        if as_of is not None:
            raise BadInput(
                "a table of facts has no dates, so --as-of has no meaning for it",
                where=path.name,
                hint="Leave --as-of out, or give case files.",
            )
        return read_table(path, step)
    if ending in _CASES:
        return _of_cases([path], path, today, as_of, step)
    raise BadInput(
        f"'{ending or path.name}' is no ending of a cohort",
        where=path.name,
        hint="Give .parquet or .csv (a row a case, columns named as the facts), a folder of case files, or a case file.",
    )


def case_files(folder: Path) -> Iterator[Path]:
    """Files of a folder, at any depth and not hidden, that could be case files."""
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix.lower() in _CASES and not hidden and path.is_file():
            yield path


def says_it_is_a_case(path: Path) -> bool:
    """Named `case`, or with the key `liverboard` (YAML also: `case`) near its beginning; a folder of cases holds other files too."""
    if path.stem.lower() == "case":
        return True
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            head = file.read(_HEAD)
    except OSError:
        return True  # opening it says what is wrong
    if path.suffix.lower() == ".json":
        return '"liverboard"' in head.partition("[")[0]
    return any(line.startswith(("liverboard:", "case:")) for line in head.splitlines())


def _of_cases(files: list[Path], root: Path, today: dt.date, as_of: dt.date | None, step: Step) -> Cohort:
    import polars as pl

    rows: list[dict[str, Value | None]] = []
    lesions: list[dict[str, Value | None]] = []
    owners: list[int] = []
    chosen: list[str | None] = []
    names: dict[str, str] = {}
    problems: list[Problem] = []
    aside = undecided = other = 0
    for number, file in enumerate(files):
        step(f"reading case {number + 1:,} of {len(files):,}")
        shown = str(file.relative_to(root)) if root.is_dir() else file.name
        if root.is_dir() and not says_it_is_a_case(file):
            aside += 1
            continue
        try:
            opened = open_case(file)
            day, choice = _decision(opened.case, today, as_of)
            case = _measured(opened, day)
        except UserError as error:
            problems += _of_file(error, shown)
            continue
        if opened.case.case in names:
            problems.append(
                Problem(f"{shown}: the same pseudonym as {names[opened.case.case]}; one file a case", field="case")
            )
            continue
        names[opened.case.case] = shown
        facts = facts_of(case, day)
        found = lesion_facts_of(case, day)
        lesions += [dict(each.values) for each in found]
        owners += [len(rows)] * len(found)
        rows.append({name: facts.value(name) for name in facts.facts})
        undecided += choice is None
        option = None if choice is None else OPTION_OF[choice]
        other += choice is not None and option is None
        chosen.append(option)
    if problems:
        count = len(problems)
        raise BadInput(
            f"the cohort cannot be read: {count:,} problem{'s' if count > 1 else ''}"
            + (f" (the first {_SHOWN} shown)" if count > _SHOWN else ""),
            where=root.name,
            problems=problems[:_SHOWN],
            hint="Nothing was weighed. The format of a case file is described in docs/reference/case-format.md.",
        )
    if not rows:
        raise BadInput(
            "the folder holds no case file",
            where=root.name,
            hint="Expected YAML or JSON files in the format of docs/reference/case-format.md, at any depth.",
        )
    notes = [
        words
        for count, words in (
            (aside, f"{aside} YAML or JSON file(s) are no case files and were left aside"),
            (undecided, f"{undecided} case(s) state no decision of a board; their facts are as of {as_of or 'the own day of the case, else today'}"),
            (other, f"{other} decision(s) name a treatment that is none of the options"),
        )
        if count
    ]  # fmt: skip
    return Cohort(
        facts=facts_frame(rows, load_dictionary()),
        lesions=None if not lesions else _lesion_frame(lesions, owners),
        cases=pl.Series("case", list(names), dtype=pl.String),
        chosen=pl.Series("chosen", chosen, dtype=pl.String) if any(chosen) else None,
        notes=tuple(notes),
    )


def _lesion_frame(lesions: list[dict[str, Value | None]], owners: list[int]) -> pl.DataFrame:
    import polars as pl

    return facts_frame(lesions, load_lesion_dictionary()).with_columns(pl.Series(CASE, owners, dtype=pl.UInt32))


def _decision(case: Case, today: dt.date, as_of: dt.date | None) -> tuple[dt.date, str | None]:
    """The day on which the facts are read, and what the board chose on it."""
    decided = [
        event
        for event in visible_events(case, as_of or dt.date.max, None)[0]
        if isinstance(event, Board) and event.chosen is not None
    ]
    if not decided:
        return as_of or case.as_of or today, None
    return decided[-1].date, decided[-1].chosen  # they stand by date, then by their place in the file


def _measured(opened: OpenedCase, day: dt.date) -> Case:
    """The case with its segmentations measured, those seen by that day."""
    events = visible_events(opened.case, day, None)[0]
    if not any(isinstance(event, Imaging) and event.studies for event in events):
        return opened.case
    seen = frozenset(event.id for event in events)
    return measure_case(opened.case, opened.folder, visible=seen, pictures=False, step=_quiet).case


def _of_file(error: UserError, shown: str) -> Iterator[Problem]:
    """The problems of one file, each with the file's name."""
    if not error.problems:
        yield Problem(f"{shown}: {error.message}", hint=error.hint or None)
    for each in error.problems:
        yield Problem(f"{shown}: {each.message}", each.line, each.event, each.field, each.read, each.allowed, each.hint)
