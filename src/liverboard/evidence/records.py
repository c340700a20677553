"""Search results to screen: PubMed/MEDLINE (nbib), RIS and CSV in, one list without duplicates, and ASReview's form out and back.

ASReview keeps a decision in a note of RIS (`ASReview_relevant`, `ASReview_irrelevant`, `ASReview_not_seen`) or in a column of CSV (`included`, `asreview_label`).
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from liverboard.errors import BadInput
from liverboard.evidence.catalogue import Catalogue
from liverboard.spreadsheets import plain, read_back

LABELS: Final = {"1": "ASReview_relevant", "0": "ASReview_irrelevant", "": "ASReview_not_seen"}
LABEL_COLUMNS: Final = ("included", "asreview_label", "label_included", "included_label", "relevant", "label")
_TAG_NBIB: Final = re.compile(r"^([A-Z]{2,4}) *- (.*)$")
_TAG_RIS: Final = re.compile(r"^([A-Z][A-Z0-9])  ?- ?(.*)$")
_RELEVANT: Final = {"1": "1", "1.0": "1", "true": "1", "yes": "1", "relevant": "1", "included": "1"} | {
    "0": "0", "0.0": "0", "false": "0", "no": "0", "irrelevant": "0", "excluded": "0",
}  # fmt: skip
_LEAST_TITLE = 30


@dataclass(frozen=True, slots=True)
class Record:
    """One search result. `included`: 1, 0, or empty where nobody decided. `duplicate_of`: number of the record that it repeats, and `duplicate_by` how that shows."""

    record: int = 0
    title: str = ""
    authors: str = ""
    year: str = ""
    journal: str = ""
    doi: str = ""
    pmid: str = ""
    abstract: str = ""
    source: str = ""
    retracted: str = ""
    duplicate_of: str = ""
    duplicate_by: str = ""
    in_catalogue: str = ""
    note: str = ""
    included: str = ""


COLUMNS: Final = tuple(field.name for field in fields(Record))


def read_records(text: str, where: str) -> tuple[Record, ...]:
    """The records of a file, told by its content. Raises BadInput where it is none of the three forms, or holds no record."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    first = next((line for line in lines if line.strip()), "")
    if _TAG_NBIB.match(first) and any(line.startswith("PMID- ") for line in lines):
        found = [_of_nbib(entry) for entry in _tagged(lines, _TAG_NBIB, start="PMID")]
    elif any(line.startswith("TY  -") for line in lines):
        found = [_of_ris(entry) for entry in _tagged(lines, _TAG_RIS, start="TY", end="ER")]
    else:
        found = _of_csv(text, where)
    records = tuple(replace(each, source=each.source or where) for each in found if each.title or each.doi or each.pmid)
    if not records:
        raise BadInput(
            "no search result was found",
            where=where,
            hint="Expected PubMed text (nbib), RIS, or a CSV with a column `title`.",
        )
    return records


def merge(known: Sequence[Record], new: Iterable[Record], catalogue: Catalogue) -> tuple[Record, ...]:
    """The list with new records behind; duplicates point to the first, decisions of a later file are taken over, numbers are never given twice."""
    rows: list[Record] = list(known)
    index = _Index(rows)
    for each in new:
        number = max((row.record for row in rows), default=0) + 1
        hit, by = index.find(each)
        if hit is not None and each.included and not rows[hit].included:
            rows[hit] = replace(rows[hit], included=each.included)
        if hit is not None and _same_entry(rows[hit], each):
            continue  # a list that comes back from screening holds what it was given
        note = "" if hit is not None else index.same_title(each)
        rows.append(
            replace(
                each,
                record=number,
                duplicate_of="" if hit is None else str(rows[hit].record),
                duplicate_by=by,
                in_catalogue=_in_catalogue(each, catalogue),
                note=each.note or note,
                included="" if hit is not None else each.included,
            )
        )
        if hit is None:
            index.add(len(rows) - 1)
    return tuple(rows)


def write_csv(records: Iterable[Record]) -> str:
    """The list as CSV."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for record in records:
        writer.writerow({name: plain(str(getattr(record, name))) for name in COLUMNS})
    return out.getvalue()


def write_ris(records: Iterable[Record]) -> str:
    """The list as RIS for ASReview, each record with its decision as a note; duplicates are left out."""
    lines: list[str] = []
    for each in to_screen(records):
        pairs = [
            ("TY", "JOUR"),
            ("ID", str(each.record)),
            ("TI", each.title),
            *(("AU", author.strip()) for author in each.authors.split(";") if author.strip()),
            ("PY", each.year),
            ("JO", each.journal),
            ("AB", each.abstract),
            ("DO", each.doi),
            ("AN", each.pmid),
            ("N1", LABELS[each.included]),
            ("ER", ""),
        ]
        lines += [f"{tag}  - {_one_line(value)}" for tag, value in pairs if value or tag == "ER"] + [""]
    return "\n".join(lines)


def to_screen(records: Iterable[Record]) -> tuple[Record, ...]:
    """The records without the duplicates."""
    return tuple(each for each in records if not each.duplicate_of)


class _Index:
    """Where a record of the list stands, by DOI, PMID, and title with year."""

    def __init__(self, rows: list[Record]) -> None:
        self.rows = rows
        self.at: dict[tuple[str, str], int] = {}
        for place, row in enumerate(rows):
            if not row.duplicate_of:
                self.add(place)

    def add(self, place: int) -> None:
        for key in _keys(self.rows[place]):
            self.at.setdefault(key, place)

    def find(self, record: Record) -> tuple[int | None, str]:
        for key in _keys(record):
            hit = self.at.get(key)
            if hit is not None and not (key[0] == "title" and _told_apart(self.rows[hit], record)):
                return hit, {"title": "title and year"}.get(key[0], key[0].upper())
        return None, ""

    def same_title(self, record: Record) -> str:
        for key in _keys(record):
            hit = self.at.get(key)
            if hit is not None:
                return f"same title and year as {self.rows[hit].record}, with another DOI or PMID"
        return ""


def _keys(record: Record) -> list[tuple[str, str]]:
    keys: list[tuple[str, str]] = []
    if record.doi:
        keys.append(("doi", plain_doi(record.doi)))
    if record.pmid:
        keys.append(("pmid", record.pmid.lstrip("0")))
    title = plain_title(record.title)
    if title and (record.year or len(title) >= _LEAST_TITLE):
        keys.append(("title", f"{title}|{record.year}"))
    return keys


def _told_apart(one: Record, other: Record) -> bool:
    """Two identifiers of one kind that differ: not the same record, whatever the title."""
    doi = one.doi and other.doi and plain_doi(one.doi) != plain_doi(other.doi)
    pmid = one.pmid and other.pmid and one.pmid.lstrip("0") != other.pmid.lstrip("0")
    return bool(doi or pmid)


def _same_entry(one: Record, other: Record) -> bool:
    return (plain_title(one.title), one.year, plain_doi(one.doi), one.pmid) == (
        plain_title(other.title), other.year, plain_doi(other.doi), other.pmid,
    ) and bool(other.included or one.source == other.source)  # fmt: skip


def plain_doi(doi: str) -> str:
    """A DOI without the address before it, in lower case."""
    return (
        re.sub(r"^(?:https?://)?(?:dx\.)?doi\.org/|^doi:\s*", "", doi.strip(), flags=re.IGNORECASE).lower().rstrip(".")
    )


def plain_title(title: str) -> str:
    """A title as letters and digits, without accents, case, and space."""
    letters = unicodedata.normalize("NFKD", title).casefold()
    return "".join(char for char in letters if char.isalnum())


def _in_catalogue(record: Record, catalogue: Catalogue) -> str:
    doi, pmid = plain_doi(record.doi), record.pmid.lstrip("0")
    hits = {
        arm.study
        for arm in catalogue.arms.values()
        if (doi and plain_doi(arm.doi) == doi) or (pmid and arm.pmid == pmid)
    } | {
        pool.meta_id for pool in catalogue.published if (doi and plain_doi(pool.doi) == doi) or (pmid and pool.pmid == pmid)
    }  # fmt: skip
    return ", ".join(sorted(hits))


def _tagged(lines: Iterable[str], tag: re.Pattern[str], *, start: str, end: str = "") -> list[dict[str, list[str]]]:
    """Entries of tagged lines; a line without a tag goes on with the one before."""
    entries: list[dict[str, list[str]]] = []
    last: list[str] | None = None
    for line in lines:
        found = tag.match(line)
        if found is None:
            if last and line.strip():
                last[-1] = f"{last[-1]} {line.strip()}"
            continue
        name, value = found[1], found[2].strip()
        if name == start:
            entries.append({})
        if name == end or not entries:
            last = None
            continue
        last = entries[-1].setdefault(name, [])
        last.append(value)
    return entries


def _first(entry: Mapping[str, list[str]], *names: str) -> str:
    return next((value for name in names for value in entry.get(name, ()) if value), "")


def _year(text: str) -> str:
    found = re.search(r"\b(1[89]|20)\d\d\b", text)
    return found[0] if found else ""


def _of_nbib(entry: Mapping[str, list[str]]) -> Record:
    doi = next(
        (
            value.removesuffix("[doi]").strip()
            for name in ("LID", "AID", "SO")
            for value in entry.get(name, ())
            if value.endswith("[doi]")
        ),
        "",
    )
    kinds = " ".join(entry.get("PT", ())).lower()
    return Record(
        title=_first(entry, "TI").rstrip("."),
        authors="; ".join(entry.get("FAU") or entry.get("AU") or ()),
        year=_year(_first(entry, "DP")),
        journal=_first(entry, "TA", "JT"),
        doi=plain_doi(doi),
        pmid=_first(entry, "PMID"),
        abstract=_first(entry, "AB"),
        retracted="yes" if "retracted publication" in kinds or "RIN" in entry else "",
    )


def _of_ris(entry: Mapping[str, list[str]]) -> Record:
    notes = " ".join(entry.get("N1", ()))
    included = next((key for key, word in LABELS.items() if key and re.search(rf"\b{word}\b", notes)), "")
    numbers = [
        *entry.get("AN", ()),
        *entry.get("C2", ()),
        *(value for value in entry.get("ID", ()) if "pmid" in value.lower()),
    ]
    plain = [re.sub(r"^PMID:?\s*", "", value, flags=re.IGNORECASE) for value in numbers]
    pmid = next(
        (value for value in plain if re.fullmatch(r"\d{5,8}", value)), ""
    )  # longer numbers are of other databases
    return Record(
        title=_first(entry, "TI", "T1", "CT").rstrip("."),
        authors="; ".join(value for name in ("AU", "A1") for value in entry.get(name, ())),
        year=_year(_first(entry, "PY", "Y1", "DA")),
        journal=_first(entry, "JO", "JF", "T2", "JA"),
        doi=plain_doi(_first(entry, "DO")),
        pmid=pmid,
        abstract=_first(entry, "AB", "N2"),
        included=included,
    )


def _of_csv(text: str, where: str) -> list[Record]:
    head = text.lstrip("\n").split("\n", 1)[0]
    try:
        rows = list(csv.DictReader(io.StringIO(text.lstrip("\n"), newline=""), delimiter=max(",;\t", key=head.count)))
    except csv.Error as error:
        raise BadInput(f"not readable as CSV ({error})", where=where, hint="Check the quotation marks.") from None
    names = {name.strip().lower(): name for name in (rows[0] if rows else {}) if name}
    title = next((names[key] for key in ("title", "primary_title", "ti") if key in names), None)
    if title is None:
        raise BadInput(
            "neither PubMed text, RIS, nor a CSV with a column `title`",
            where=where,
            hint="Export from PubMed as `PubMed` (nbib), or as RIS or CSV from another source.",
        )
    label = next((names[key] for key in LABEL_COLUMNS if key in names), None)

    def cell(row: Mapping[str, str | None], *keys: str) -> str:
        return next(
            (read_back(value.strip()).strip() for key in keys if key in names and (value := row.get(names[key]))), ""
        )

    return [
        Record(
            title=read_back((row.get(title) or "").strip()).strip().rstrip("."),
            authors=cell(row, "authors", "author"),
            year=_year(cell(row, "year", "publication_year", "publication year", "date")),
            journal=cell(row, "journal", "journal/book", "secondary_title"),
            doi=plain_doi(cell(row, "doi")),
            pmid=cell(row, "pmid", "accession_number"),
            abstract=cell(row, "abstract", "notes_abstract"),
            source=cell(row, "source"),
            retracted=cell(row, "retracted"),
            included=_RELEVANT.get((row.get(label) or "").strip().lower(), "") if label else "",
        )
        for row in rows
    ]


def read_list(text: str, where: str) -> tuple[Record, ...]:
    """A list that `write_csv` wrote, number by number. Raises BadInput."""
    reader = csv.DictReader(io.StringIO(text, newline=""))
    if reader.fieldnames is None or not set(COLUMNS) <= set(reader.fieldnames):
        raise BadInput("not a list to screen", where=where, hint=f"Its columns are: {', '.join(COLUMNS)}.")
    found: list[Record] = []
    for row in reader:
        number = row["record"]
        if not number.isdigit():
            raise BadInput(
                "a record has no number",
                where=f"{where}, line {reader.line_num}",
                hint="Leave the column `record` as it is.",
            )
        included = _RELEVANT.get(row["included"].strip().lower(), "")
        cells: dict[str, Any] = {name: read_back(row[name] or "") for name in COLUMNS}
        cells["record"], cells["included"] = int(number), included
        found.append(Record(**cells))
    return tuple(found)


def _one_line(text: str) -> str:
    return " ".join(text.split())
