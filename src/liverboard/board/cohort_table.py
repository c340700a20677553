"""A table of facts, a row a case: Parquet or CSV to typed columns. Wrong cells are counted by column with the first lines; implausible ones count as unknown."""

from __future__ import annotations

import csv
import difflib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from liverboard.clinical.derive import Value
from liverboard.clinical.dictionary import FactDefinition, load_dictionary
from liverboard.errors import BadInput, Problem
from liverboard.options.audit import Cohort
from liverboard.rules.evaluate import column_type
from liverboard.rules.rule import OPTIONS

if TYPE_CHECKING:
    import polars as pl

Step = Callable[[str], None]

CASE_COLUMN, CHOSEN_COLUMN = "case", "chosen"
# The option that a board means by a drug or a technique; None where it is none of the options.
OPTION_OF: Final[dict[str, str | None]] = {
    **{option: option for option in OPTIONS},
    "octreotide_lar": "ssa", "lanreotide": "ssa", "capecitabine_temozolomide": "chemotherapy", "streptozotocin_5fu": "chemotherapy", "folfox": "chemotherapy",
    "interferon": None, "lu177_dotatate": "prrt", "primary_resection": None, "liver_resection": "resection", "portal_vein_embolisation": None,
    "rfa": "ablation", "mwa": "ablation", "cryo": "ablation", "pancreatoduodenectomy": None, "biliary_anastomosis": None, "biliary_stent": None,
    "sphincterotomy": None, "external_liver_radiation": None, "other": None,
}  # fmt: skip
_UNKNOWN = ("", "na", "n/a", "nan", "null", "unknown", "not known")
_TRUE, _FALSE = ("true", "yes", "1", "1.0"), ("false", "no", "0", "0.0")
_MAX_BYTES = 4_000_000_000
_HEADER_BYTES = 1_000_000
_BATCH_BYTES = 64_000_000  # of CSV read at a time
_BATCH_ROWS = 250_000  # of Parquet
_LONGEST_LINE = 1_000_000
_EXPECTED = "Expected a row a case: the column `case`, then columns named as the facts (docs/reference/facts.md), optionally `chosen`."
_MOST_WHOLE = 2**53  # beyond it not every whole number has its own double
_FIRST = 3  # lines and wrong values shown of each column
_CLOSE = 0.75  # how alike a column and a fact are to be worth a question


def read_table(path: Path, step: Step) -> Cohort:
    """A cohort from a .parquet or .csv file. Raises BadInput with every kind of problem: column, how many, the first lines, what is allowed."""
    import polars as pl

    step("reading the table")
    if not path.is_file():
        raise BadInput("not a file", where=path.name, hint="Give a .parquet or .csv file, or a folder of case files.")
    size = path.stat().st_size
    if size == 0:
        raise BadInput("the file is empty", where=path.name, hint=_EXPECTED)
    if size > _MAX_BYTES:
        raise BadInput(
            f"{size / 1e9:.1f} GB is too large for a table (at most {_MAX_BYTES / 1e9:.0f} GB)",
            where=path.name,
            hint="Save it as Parquet, or audit it in parts.",
        )
    try:
        return _read(path, step)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, OverflowError) as error:
        raise BadInput(
            f"the table cannot be read ({type(error).__name__})",
            where=path.name,
            hint="Expected Parquet, or CSV in UTF-8 with one header line and no line longer than it; columns named as the facts.",
        ) from None


def _read(path: Path, step: Step) -> Cohort:
    import polars as pl

    table = _parquet(path) if path.suffix.lower() == ".parquet" else _csv(path)
    facts = load_dictionary()
    named = [name for name in table.columns if name in facts]
    notes = list(_names_that_are_none(table.columns))
    lacks = [words for absent, words in ((CASE_COLUMN not in table.columns, "the column `case`"), (not named, "any column named as a fact")) if absent]  # fmt: skip
    if lacks:
        raise BadInput(f"the table lacks {' and '.join(lacks)}", where=path.name, hint=" ".join([_EXPECTED, *notes]))
    tallies = {name: Tally() for name in (*named, CHOSEN_COLUMN)}
    read: list[pl.DataFrame] = []
    row = table.first_line
    for batch in table.batches():
        typed = [batch[CASE_COLUMN].cast(pl.String).str.strip_chars()]
        typed += [read_column(batch[name], facts[name], tallies[name], row) for name in named]
        if CHOSEN_COLUMN in table.columns:
            typed.append(_read_choice(batch[CHOSEN_COLUMN], tallies[CHOSEN_COLUMN], row))
        read.append(pl.DataFrame(typed))
        row += batch.height
        step(f"read {row - table.first_line:,} cases")
    frame = pl.concat(read) if read else pl.DataFrame()
    if frame.height == 0:
        raise BadInput("the table holds no case", where=path.name, hint=_EXPECTED)
    problems = [
        tally.problem(name, allowed(facts[name])) for name, tally in tallies.items() if name in facts and tally.wrong
    ]
    problems += _problems_of_ids(frame[CASE_COLUMN], table.first_line)
    if tallies[CHOSEN_COLUMN].wrong:
        problems.append(tallies[CHOSEN_COLUMN].problem(CHOSEN_COLUMN, ", ".join(OPTION_OF)))
    if problems:
        raise BadInput(
            f"the table cannot be used: {len(problems)} kind{'s' if len(problems) > 1 else ''} of problems",
            where=path.name,
            problems=problems,
            hint="Nothing was weighed. The facts and their units are listed in docs/reference/facts.md.",
        )
    notes += [tallies[name].note(facts[name]) for name in named if tallies[name].doubtful]
    if tallies[CHOSEN_COLUMN].other:
        notes.append(f"{tallies[CHOSEN_COLUMN].other:,} decision(s) name a treatment that is none of the options")
    notes.append("a table lists no lesions: what hangs on a single lesion counts as unknown")
    chosen = frame[CHOSEN_COLUMN] if CHOSEN_COLUMN in frame.columns else None
    return Cohort(
        facts=frame.select(named),
        lesions=None,
        cases=frame[CASE_COLUMN],
        chosen=None if chosen is None or chosen.null_count() == chosen.len() else chosen,
        notes=tuple(notes),
    )


# --- files ---------------------------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Table:
    """A table that is read in parts. `first_line`: the line (of Parquet the row) of the first case."""

    columns: tuple[str, ...]
    first_line: int
    batches: Callable[[], Iterator[pl.DataFrame]]


def _parquet(path: Path) -> _Table:
    import polars as pl

    frame = pl.scan_parquet(path, glob=False)
    columns = tuple(frame.collect_schema().names())
    height = int(frame.select(pl.len()).collect().item())
    facts = load_dictionary()
    wanted = [name for name in columns if name in facts or name in {CASE_COLUMN, CHOSEN_COLUMN}]

    def batches() -> Iterator[pl.DataFrame]:
        for start in range(0, height, _BATCH_ROWS):
            yield frame.select(wanted).slice(start, _BATCH_ROWS).collect()

    return _Table(columns, 1, batches)


def _csv(path: Path) -> _Table:
    """CSV with `,`, `;` (then a number may have a decimal comma) or a tab between the values."""
    import polars as pl

    columns, separator, header_bytes = _header(path)
    facts = load_dictionary()
    wanted = {
        f"c{place}": name for place, name in enumerate(columns) if name in facts or name in {CASE_COLUMN, CHOSEN_COLUMN}
    }
    header = separator.join(f"c{place}" for place in range(len(columns))).encode() + b"\n"  # before each part

    def batches() -> Iterator[pl.DataFrame]:
        for text in _whole_lines(path, header_bytes):
            batch = pl.read_csv(header + text, separator=separator, infer_schema=False, columns=list(wanted)).rename(
                wanted
            )
            if separator == ";":
                comma = [name for name in batch.columns if name in facts and facts[name].type in {"number", "integer"}]
                batch = batch.with_columns(pl.col(comma).str.replace(",", ".", literal=True))
            yield batch

    return _Table(tuple(columns), 2, batches)


def _header(path: Path) -> tuple[list[str], str, int]:
    """The column names of a CSV file, what separates them, and the length of their line in bytes."""
    with path.open("rb") as file:
        raw = file.read(_HEADER_BYTES)
    line, newline, _ = raw.partition(b"\n")
    try:
        if b"\0" in raw:
            raise ValueError
        text = line.decode("utf-8-sig").rstrip("\r")
    except ValueError:
        raise BadInput("this is no CSV text in UTF-8", where=path.name, hint=_EXPECTED) from None
    if not newline and len(raw) == _HEADER_BYTES:
        raise BadInput("no end of the header line was found", where=path.name, hint=_EXPECTED)
    known = {CASE_COLUMN, CHOSEN_COLUMN, *load_dictionary()}
    readings = [(_names(text, sign), sign) for sign in (",", ";", "\t")]
    names, separator = max(readings, key=lambda reading: len(known & set(reading[0])))
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise BadInput(
            f"column given twice: {', '.join(name[:40] or 'without a name' for name in doubled[:5])}",
            where=path.name,
            hint="Each column has a name of its own.",
        )
    return names, separator, len(line) + len(newline)


def _names(header: str, separator: str) -> list[str]:
    return [name.strip() for row in csv.reader([header], delimiter=separator) for name in row]


def _whole_lines(path: Path, start: int) -> Iterator[bytes]:
    """The bytes after `start` in parts that end with a line; a line break within quotes ends none."""
    with path.open("rb") as file:
        file.seek(start)
        rest = b""
        while block := file.read(_BATCH_BYTES):
            block = rest + block
            cut = block.rfind(b"\n") + 1
            while cut and block.count(b'"', 0, cut) % 2:
                cut = block.rfind(b"\n", 0, cut - 1) + 1
            if cut:
                yield block[:cut]
            rest = block[cut:]
            if len(rest) > _LONGEST_LINE:
                raise OverflowError
        if rest.strip():
            yield rest


def _names_that_are_none(columns: Sequence[str]) -> Iterator[str]:
    """Notes on columns that are left aside, with the fact that was likely meant."""
    known = [*load_dictionary(), CASE_COLUMN, CHOSEN_COLUMN]
    other = 0
    for name in columns:
        if name in known:
            continue
        near = difflib.get_close_matches(name.strip().lower().replace(" ", "_"), known, 1, cutoff=_CLOSE)
        if near:
            yield f"the column '{name[:40]}' is no fact and was left aside; did you mean '{near[0]}'?"
        other += not near
    if other:
        yield f"{other} other column{'s are no facts and were' if other > 1 else ' is no fact and was'} left aside"


def _problems_of_ids(ids: pl.Series, first_line: int) -> list[Problem]:
    """Cases without a pseudonym, and pseudonyms given twice; the names themselves are not repeated."""
    empty = ids.is_null() | (ids == "")
    for found, words, rule in (
        (empty, "case(s) have no pseudonym", "a pseudonym in each row"),
        (ids.is_duplicated() & ~empty, "rows share their pseudonym with another row", "one row a case"),
    ):
        if count := int(found.sum()):
            first = [place + first_line for place in found.arg_true()[:_FIRST].to_list()]
            read = f"the first in lines {', '.join(map(str, first))}"
            return [Problem(f"{count:,} {words}", line=first[0], field=CASE_COLUMN, read=read, allowed=rule)]
    return []


# --- columns -------------------------------------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Tally:
    """What was found in one column: wrong and implausible values with the first of them by line; choices that are no option."""

    wrong: int = 0
    doubtful: int = 0
    other: int = 0
    first_wrong: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    first_doubtful: tuple[int, float] | None = None

    def add_wrong(self, where: pl.Series, written: pl.Series, row: int) -> None:
        self.wrong += int(where.sum())
        for place in where.arg_true()[: max(_FIRST - len(self.first_wrong), 0)].to_list():
            self.first_wrong.append((place + row, str(written[place])[:30]))

    def problem(self, name: str, may_be: str) -> Problem:
        return Problem(
            f"{self.wrong:,} value{'s are' if self.wrong > 1 else ' is'} not what the column can hold",
            line=self.first_wrong[0][0],
            field=name,
            read=", ".join(f"'{value}' (line {line})" for line, value in self.first_wrong),
            allowed=may_be,
        )

    def note(self, fact: FactDefinition) -> str:
        assert self.first_doubtful is not None  # noqa: S101  (counted together)
        line, value = self.first_doubtful
        many = f"{self.doubtful:,} implausible value{'s count' if self.doubtful > 1 else ' counts'} as unknown"
        return f"{fact.name}: {many}; the first, in line {line}: {fact.doubt(value) or f'{value:g} is below zero'}"


def allowed(fact: FactDefinition) -> str:
    """What a cell may hold."""
    if fact.type == "enum":
        return ", ".join(fact.values)
    if fact.type == "boolean":
        return "true, false, yes, no, 1, 0"
    kind = "a whole number" if fact.type == "integer" else "a number"
    return f"{kind} in {fact.unit}" if fact.unit and fact.unit != "1" else kind


def value_of(written: str, fact: FactDefinition) -> Value | None:
    """One cell of text as the fact's value; None where it says that nothing is known. Raises ValueError for anything else."""
    text = written.strip()
    if fact.type == "enum" and text in fact.values:
        return text
    word = text.lower()
    if word in _UNKNOWN:
        return None
    if fact.type == "boolean":
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
    elif fact.type != "enum":
        number = float(text)
        if math.isfinite(number) and (fact.type == "number" or (number.is_integer() and abs(number) <= _MOST_WHOLE)):
            return number
    raise ValueError(text)


def read_column(column: pl.Series, fact: FactDefinition, tally: Tally, row: int) -> pl.Series:
    """A column in the fact's type, unknown where a value is missing, wrong or implausible; the last two are counted in `tally`. `row`: line of its first cell."""
    import polars as pl

    target = column_type(fact)
    if column.dtype == pl.Null:
        return column.cast(target)
    if _is_text(column):
        typed, wrong = _from_text(column.cast(pl.String), fact)
    elif column.dtype == pl.Boolean and fact.type == "boolean":
        return column
    elif column.dtype.is_numeric() and fact.type != "enum":
        typed, wrong = _from_numbers(column, fact)
    else:
        typed, wrong = pl.Series(column.name, [None] * column.len(), target), column.is_not_null()
    if wrong.any():
        tally.add_wrong(wrong, column, row)
    if fact.type not in {"number", "integer"}:
        return typed
    low, high = fact.plausible or (0.0, math.inf)  # no quantity of the dictionary is negative
    doubtful = ((typed < low) | (typed > high)).fill_null(False)
    if not doubtful.any():
        return typed
    if tally.first_doubtful is None:
        place = int(doubtful.arg_true()[0])
        tally.first_doubtful = (place + row, float(typed[place]))
    tally.doubtful += int(doubtful.sum())
    return typed.set(doubtful, None)


def _from_numbers(column: pl.Series, fact: FactDefinition) -> tuple[pl.Series, pl.Series]:
    """Numbers in the fact's type, and where they do not fit. NaN is unknown."""
    import polars as pl

    numbers = column.cast(pl.Float64).fill_nan(None)
    if fact.type == "boolean":
        fits = numbers.is_in([0.0, 1.0])
    else:
        whole = (numbers == numbers.floor()) & (numbers.abs() <= _MOST_WHOLE)
        fits = whole if fact.type == "integer" else numbers.is_finite()
    wrong = ~fits.fill_null(True)
    return numbers.set(wrong, None).cast(column_type(fact), strict=False), wrong


def _from_text(column: pl.Series, fact: FactDefinition) -> tuple[pl.Series, pl.Series]:
    """Each different word is looked at once; numbers that read as such are not looked at as words."""
    import polars as pl

    target = column_type(fact)
    if fact.type == "enum":
        plain = column.cast(target, strict=False)
    elif fact.type == "boolean":
        plain = None
    else:
        number = column.cast(pl.Float64, strict=False)
        fits = number.is_finite() if fact.type == "number" else number.is_finite() & (number == number.floor())
        plain = number.set(~fits.fill_null(True), None).cast(target, strict=False)
    left = column if plain is None else column.filter(plain.is_null())
    values: dict[str, Value | None] = {}
    bad: list[str] = []
    for word in left.drop_nulls().unique().to_list():
        try:
            values[word] = value_of(word, fact)
        except ValueError:
            bad.append(word)
    wrong = column.is_in(bad) if bad else pl.Series([False]).new_from_index(0, column.len())
    wrong = wrong.fill_null(False)
    if not any(value is not None for value in values.values()):
        return (pl.Series(column.name, [None] * column.len(), target) if plain is None else plain), wrong
    given = pl.Float64 if fact.type == "integer" else target
    found = column.replace_strict(
        pl.Series(list(values), dtype=pl.String),
        pl.Series(list(values.values()), dtype=given),
        default=None,
        return_dtype=given,
    ).cast(target)
    return (found if plain is None else plain.zip_with(plain.is_not_null(), found)), wrong


def _read_choice(column: pl.Series, tally: Tally, row: int) -> pl.Series:
    """The option that was chosen, unknown where no option was."""
    import polars as pl

    if column.dtype == pl.Null:
        return column.cast(pl.String)
    text = column.cast(pl.String).str.strip_chars()
    given = text.is_not_null() & ~text.str.to_lowercase().is_in(_UNKNOWN)
    wrong = given & ~text.is_in(list(OPTION_OF))
    if wrong.any():
        tally.add_wrong(wrong, text, row)
    option = text.replace_strict(OPTION_OF, default=None, return_dtype=pl.String)
    tally.other += int((given & ~wrong & option.is_null()).sum())
    return option.alias(CHOSEN_COLUMN)


def _is_text(column: pl.Series) -> bool:
    import polars as pl

    return any(column.dtype == each for each in (pl.String, pl.Categorical, pl.Enum))
