"""What goes out of the store: pseudonymised cases, a table of facts as of any day, and counts in which no small one can be read or worked out."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import os
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from liverboard.clinical.case_file import write_case
from liverboard.clinical.derive import Value
from liverboard.clinical.derive_timeline import visible_events
from liverboard.clinical.dictionary import load_dictionary
from liverboard.clinical.events import Board, Case
from liverboard.clinical.facts import facts_of
from liverboard.errors import BadInput, NotPermitted
from liverboard.registry.cases import CaseFilter, StoredCase, read_cases
from liverboard.registry.identity import pseudonym_of
from liverboard.registry.permissions import Actor
from liverboard.registry.store import Store
from liverboard.registry.words_before import places_that_name
from liverboard.rules.evaluate import facts_frame
from liverboard.spreadsheets import as_csv
from liverboard.synthesis.disclosure import MIN_CELL, Below, Count, Sum, Withheld, least_total, protect

if TYPE_CHECKING:
    import polars as pl

Step = Callable[[str], None]

_FREE_TEXT: Final = frozenset({"question", "note", "reason", "dissent", "actions", "studies", "remark", "words"})
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)  # the same cases give the same bytes
_UNKNOWN: Final = "unknown"
AsOf = dt.date | Literal["board"]


@dataclass(frozen=True, slots=True)
class Extract:
    """Which cases, and what was known when. `known_at`: only what had been entered by then. `again`: a key that gives every case a new pseudonym, so that
    two recipients cannot compare what they got. `free_text`: whether words that people typed go along."""

    which: CaseFilter = field(default_factory=CaseFilter)
    known_at: dt.datetime | None = None
    again: bytes | None = None
    free_text: bool = False


def export_cases(
    store: Store,
    by: Actor,
    file: Path,
    extract: Extract = Extract(),
    step: Step = lambda text: None,
    tell: Step = lambda text: None,
) -> int:
    """Write the cases as case files (JSON) into a new zip, `centre/pseudonym.json`; gives how many. Read back by `bring` when pseudonyms and words were kept.

    A case whose texts name its patient, corrected ones too, leaves without them, and `tell` hears of it.
    Raises NotPermitted, BadInput when the file is there already, cannot be written, or no case fits.
    """
    by.require("exchange_data", extract.which.centre)
    written = io.BytesIO()
    count = 0
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for stored in read_cases(store, by, extract.which, extract.known_at, purpose="cases.export"):
            # A draft of minutes does not leave with its case.
            quiet = extract.free_text and any(place.meeting is None for place in places_that_name(store, stored))
            if quiet:
                tell(
                    f"case {stored.key.case} leaves without its texts: what a study of it calls the patient stands there"
                )
            case = outgoing(stored, replace(extract, free_text=False) if quiet else extract)
            count += 1
            step(f"case {count:,}")
            entry = zipfile.ZipInfo(f"{stored.key.centre}/{case.case}.json", _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, write_case(case, is_json=True))
    _some(count)
    write_new(file, written.getvalue())
    return count


def outgoing(stored: StoredCase, extract: Extract) -> Case:
    """A case as it leaves: under its own or a new pseudonym, without free text unless asked for."""
    case = stored.case
    if not extract.free_text:
        case = Case.model_validate(_without(json.loads(write_case(case, is_json=True)), _FREE_TEXT))
    if extract.again is None:
        return case
    return case.model_copy(update={"case": _again(stored, extract.again)})


def _again(stored: StoredCase, key: bytes) -> str:
    return pseudonym_of(key, f"{stored.key.centre}/{stored.key.case}", "OUT")


def _without(node: Any, names: frozenset[str]) -> Any:
    if isinstance(node, dict):
        kept = cast("dict[str, Any]", node)
        return {name: _without(value, names) for name, value in kept.items() if name not in names}
    return [_without(value, names) for value in cast("list[Any]", node)] if isinstance(node, list) else node


def facts_table(
    store: Store, by: Actor, as_of: AsOf, extract: Extract = Extract(), step: Step = lambda text: None
) -> pl.DataFrame:
    """One row a case: `case`, `centre`, `as_of`, `chosen`, and a typed column a fact; null is unknown.

    `as_of`: a day, or `board`: the day of the last board that states what was chosen; cases without one, or that begin later, are left out. `chosen`: what that board, or the last
    one by the day, chose. Raises NotPermitted, BadInput when no case fits.
    """
    import polars as pl

    by.require("exchange_data", extract.which.centre)
    rows: list[Mapping[str, Value | None]] = []
    heads: list[tuple[str, str, dt.date, str | None]] = []
    for number, stored in enumerate(read_cases(store, by, extract.which, extract.known_at, purpose="facts.export"), 1):
        step(f"case {number:,}")
        board = _board(stored.case, None if as_of == "board" else as_of)
        if as_of == "board" and board is None:
            continue
        day = board.date if as_of == "board" and board is not None else cast("dt.date", as_of)
        if all(event.date > day for event in stored.case.events):
            continue
        facts = facts_of(stored.case, day)
        rows.append({name: facts.value(name) for name in facts.facts})
        name = stored.key.case if extract.again is None else _again(stored, extract.again)
        heads.append((name, stored.key.centre, day, None if board is None else board.chosen))
    _some(len(rows))
    head = pl.DataFrame(
        heads, schema={"case": pl.String, "centre": pl.String, "as_of": pl.Date, "chosen": pl.String}, orient="row"
    )
    return head.hstack(facts_frame(rows, load_dictionary()))


def write_table(table: pl.DataFrame, file: Path) -> None:
    """Write a table of facts as `.parquet` or `.csv`, whole or not at all. Raises BadInput for another ending or a place that cannot be written."""
    ending = file.suffix.lower()
    written = io.BytesIO()
    if ending == ".parquet":
        table.write_parquet(written)
    elif ending == ".csv":
        written.write(as_csv(table))
    else:
        raise BadInput(
            "a table of facts is written as .parquet or .csv", where=file.name, hint="Choose one of these endings."
        )
    write_new(file, written.getvalue())


def _board(case: Case, by_day: dt.date | None) -> Board | None:
    """The last board event that states what was chosen."""
    seen, _ = visible_events(case, by_day or dt.date.max)
    return next((e for e in reversed(seen) if isinstance(e, Board) and e.chosen is not None), None)


def _some(count: int) -> None:
    if not count:
        raise BadInput("no case fits what was asked for", hint="Ask for another centre, day or state.")


# --- counts --------------------------------------------------------------------------------------------------------------------------------------------


COUNTS_NOTE: Final = (
    "No small count can be worked out from this table alone. Beside another table, of another day, other facts or other cases, one may be:"
    " hand out one table, not several that overlap."
)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many cases have each pair of values of two columns. `cells`: by row and column value; `rows`, `columns`: their sums. Small counts are hidden."""

    row: str
    column: str
    min_cell: int
    total: int
    rows: Mapping[str, Count]
    columns: Mapping[str, Count]
    cells: Mapping[tuple[str, str], Count]


def counts_of(table: pl.DataFrame, row: str, column: str, min_cell: int = MIN_CELL) -> Counts:
    """Count the cases of a facts table by two of its columns of words; what is not known counts as `unknown`.

    No count below `min_cell` is shown, and none can be worked out from those that are. Raises NotPermitted for too few cases or a minimum that hides nothing,
    BadInput for columns that are none or hold numbers.
    """
    if min_cell < 2:
        raise NotPermitted(f"a minimum cell of {min_cell} hides nothing", hint="Choose 2 or more; 5 is usual.")
    if table.height < least_total(min_cell):
        raise NotPermitted(
            f"nothing is shown of fewer than {least_total(min_cell)} cases",
            hint="Count more cases, or stay within the centre.",
        )
    left, right = (_words(table, name) for name in (row, column))
    pairs = list(zip(left, right, strict=True))
    of_row, of_column = sorted(set(left)), sorted(set(right))
    counts: dict[str, int] = {"all": table.height}
    for value in of_row:
        counts[f"row {value}"] = left.count(value)
    for value in of_column:
        counts[f"column {value}"] = right.count(value)
    for a in of_row:
        for b in of_column:
            counts[_cell(a, b)] = pairs.count((a, b))
    sums = [
        Sum("all", tuple(f"row {a}" for a in of_row)),
        Sum("all", tuple(f"column {b}" for b in of_column)),
        *(Sum(f"row {a}", tuple(_cell(a, b) for b in of_column)) for a in of_row),
        *(Sum(f"column {b}", tuple(_cell(a, b) for a in of_row)) for b in of_column),
    ]
    shown = protect(counts, sums, min_cell, keep=("all",))
    if shown is None:
        raise NotPermitted(
            "these counts cannot be shown without giving a small one away", hint="Choose columns with fewer values."
        )
    return Counts(
        row,
        column,
        min_cell,
        table.height,
        {a: shown[f"row {a}"] for a in of_row},
        {b: shown[f"column {b}"] for b in of_column},
        {(a, b): shown[_cell(a, b)] for a in of_row for b in of_column},
    )


def counts_csv(counts: Counts) -> str:
    """The counts as CSV: one line a row value. `<5`: hidden because it is small; `-`: hidden because it would give a small one away."""
    written = io.StringIO()
    lines = csv.writer(written, lineterminator="\n")
    lines.writerow([f"{counts.row} \\ {counts.column}", *counts.columns, "all"])
    for a, total in counts.rows.items():
        lines.writerow([a, *(_shown(counts.cells[a, b]) for b in counts.columns), _shown(total)])
    lines.writerow(["all", *(_shown(each) for each in counts.columns.values()), counts.total])
    return written.getvalue()


def _shown(count: Count) -> str:
    if isinstance(count, Below):
        return f"<{count.below}"
    return "-" if isinstance(count, Withheld) else str(count)


def _words(table: pl.DataFrame, name: str) -> list[str]:
    import polars as pl

    if name not in table.columns or name == "case":
        raise BadInput(
            f"'{name[:40]}' is no column that can be counted", hint="Name facts with words, centre or chosen."
        )
    column = table[name]
    if column.dtype.is_float() or column.dtype == pl.Date:
        raise BadInput(
            f"'{name}' is a measure, not a word", hint="Count by a fact with words, such as who_grade or chosen."
        )
    return [
        _UNKNOWN if value is None else str(value).lower() if isinstance(value, bool) else str(value) for value in column
    ]


def _cell(row: str, column: str) -> str:
    return f"cell {row} x {column}"


# --- files ---------------------------------------------------------------------------------------------------------------------------------------------


def write_new(file: Path, content: bytes) -> None:
    """Write a new file, for its owner alone, whole or not at all. Raises BadInput when it is there already or cannot be written."""
    try:
        with tempfile.NamedTemporaryFile(dir=file.parent, prefix=".export-", delete=False) as made:
            try:
                made.write(content)
                made.flush()
                os.fsync(made.fileno())
                os.link(made.name, file)  # unlike a rename, this refuses to replace
            finally:
                Path(made.name).unlink()
    except FileExistsError:
        raise BadInput("there is such a file already", where=file.name, hint="Name a new file.") from None
    except OSError as error:
        raise BadInput(
            f"it cannot be written: {error.strerror}", where=file.name, hint="Check the place and its room."
        ) from None
