"""Tables that a person brings: CSV with a header row, read once, every fault with its line and column."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liverboard.errors import BadInput, Problem

_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+(?:[eE][+-]?\d+)?")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_MOST_PROBLEMS = 20
_LARGEST_FILE_BYTES = 512 * 2**20
BLANK = frozenset({"", "na", "n/a", "nan", "nr", "."})
"""Cells that say that nothing is known (lower case)."""


@dataclass(frozen=True, slots=True)
class Table:
    """Named columns of text. `lines` holds the line of the file where each row starts; `name` is the file's own name."""

    name: str
    columns: dict[str, tuple[str, ...]]
    lines: tuple[int, ...]
    decimal_comma: bool = False

    def __len__(self) -> int:
        return len(self.lines)

    def has(self, *names: str) -> bool:
        return all(name in self.columns for name in names)

    def text(self, name: str) -> tuple[str, ...]:
        """A column as text. Raises BadInput, naming the columns that there are, if it is missing."""
        if name not in self.columns:
            raise BadInput(
                f"there is no column '{name}'", where=self.name, hint=f"the columns are: {', '.join(self.columns)}"
            )
        return self.columns[name]

    def known(self, name: str) -> NDArray[np.bool_]:
        """Where a column has something written, (rows,)."""
        return np.array([cell.lower() not in BLANK for cell in self.text(name)], dtype=bool)

    def numbers(
        self, name: str, *, whole: bool = False, least: float | None = None, blank: bool = False
    ) -> NDArray[np.float64]:
        """A column as numbers, (rows,). Raises BadInput with the line of every cell that is not one.

        `whole` asks for whole numbers, `least` for no smaller ones; with `blank`, an empty cell is NaN, else it is a fault.
        """
        cells = self.text(name)
        problems: list[Problem] = []
        values = np.full(len(cells), math.nan)
        for row, cell in enumerate(cells):
            if cell.lower() in BLANK:
                if not blank:
                    problems.append(self._problem(row, name, "no number is written", cell, whole=whole))
                continue
            value = self._number(cell)
            if value is None:
                problems.append(self._problem(row, name, "this is not a number", cell, whole=whole))
            elif whole and value != int(value):
                problems.append(self._problem(row, name, "this is not a whole number", cell, whole=whole))
            elif least is not None and value < least:
                problems.append(self._problem(row, name, f"this is below {least:g}", cell, whole=whole))
            else:
                values[row] = value
        if problems:
            raise BadInput(f"column '{name}' cannot be read as numbers", where=self.name, problems=shorten(problems))
        return values

    def _number(self, cell: str) -> float | None:
        if self.decimal_comma and _DECIMAL_COMMA.fullmatch(cell):
            cell = cell.replace(",", ".")
        if not _NUMBER.fullmatch(cell):
            return None
        value = float(cell)
        return value if math.isfinite(value) else None

    def _problem(self, row: int, name: str, message: str, cell: str, *, whole: bool) -> Problem:
        return Problem(
            message,
            line=self.lines[row],
            field=name,
            read=f"'{cell[:40]}'",
            allowed="a whole number" if whole else "a number, with a point for decimals",
        )


def shorten(problems: Sequence[Problem]) -> list[Problem]:
    """The first problems of many, and how many more there are."""
    shown = list(problems[:_MOST_PROBLEMS])
    if len(problems) > len(shown):
        shown.append(Problem(f"and {len(problems) - len(shown)} more of this kind"))
    return shown


def read_table(path: Path) -> Table:
    """Read a CSV file: UTF-8 (with or without byte order mark), UTF-16 with one, or Windows-1252; comma, semicolon or tab.

    With semicolons or tabs, `0,35` is read as 0.35. Names of columns and cells are stripped of blanks; empty rows are left out. Raises BadInput.
    """
    name = path.name
    try:
        size = path.stat().st_size
        if path.is_dir():
            raise BadInput("this is a folder, not a table", where=name, hint="name a CSV file")
        if size > _LARGEST_FILE_BYTES:
            raise BadInput(f"the file has {size / 2**20:.0f} MB", where=name, hint="tables up to 512 MB are read")
        raw = path.read_bytes()
    except OSError as error:
        raise BadInput(
            f"the file cannot be read ({error.strerror})", where=name, hint="check its name and place"
        ) from error
    return parse_table(_decode(raw, name), name)


def _decode(raw: bytes, name: str) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = raw.decode("utf-16", errors="replace")
    else:
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = raw.decode("cp1252", errors="replace")
    if "\x00" in text or raw.startswith(b"PK\x03\x04"):
        raise BadInput(
            "this is not a text file", where=name, hint="save the sheet as CSV (comma separated, UTF-8) and give that"
        )
    return text


def parse_table(text: str, name: str = "table") -> Table:
    """The table of a CSV text; see `read_table`."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    if not first:
        raise BadInput("the file is empty", where=name, hint="the first row names the columns")
    delimiter = max(",;\t", key=first.count)
    rows: list[list[str]] = []
    lines: list[int] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    try:
        line = 1
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(cells):
                rows.append(cells)
                lines.append(line)
            line = reader.line_num + 1
    except csv.Error as error:
        raise BadInput(
            f"line {reader.line_num} cannot be read ({error})", where=name, hint="check the quotation marks"
        ) from error
    if not rows:
        raise BadInput("the file has no cell with a text", where=name, hint="the first row names the columns")
    header, body = rows[0], rows[1:]
    while header and not header[-1] and all(len(row) < len(header) or not row[len(header) - 1] for row in body):
        header = header[:-1]
        body = [row[: len(header)] for row in body]
    problems: list[Problem] = []
    for at, title in enumerate(header):
        if not title:
            problems.append(Problem(f"column {at + 1} has no name", line=lines[0], hint="name it or remove it"))
        elif header.index(title) != at:
            problems.append(Problem(f"two columns are named '{title}'", line=lines[0], hint="rename one of them"))
    for row, line in zip(body, lines[1:], strict=True):
        if len(row) != len(header):
            problems.append(
                Problem(
                    f"the row has {len(row)} cells where the header has {len(header)}",
                    line=line,
                    hint="put a text that contains the separator in quotation marks",
                )
            )
    if problems:
        raise BadInput("the table is not regular", where=name, problems=shorten(problems))
    columns = {title: tuple(row[at] for row in body) for at, title in enumerate(header)}
    return Table(name, columns, tuple(lines[1:]), decimal_comma=delimiter != ",")
