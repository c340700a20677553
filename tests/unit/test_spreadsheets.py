"""What a spreadsheet would run is text in every CSV of ours, numbers stay numbers, and what is read back is what was written."""

from __future__ import annotations

import csv
import io

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liverboard.evidence.records import Record, read_list, read_records, write_csv
from liverboard.spreadsheets import as_csv, plain, read_back

HOSTILE = (
    '=HYPERLINK("http://evil.example")',
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "'=1",
    "''@x",
)
NUMBERS = ("-1", "+2.5", "-0.5e-3", "12")


@pytest.mark.parametrize("text", HOSTILE)
def test_what_would_run_is_text(text: str) -> None:
    assert plain(text).startswith("'")


@pytest.mark.parametrize("text", [*NUMBERS, "", "A long title", "a=b", "'quoted'"])
def test_all_else_stays(text: str) -> None:
    assert plain(text) == text == read_back(text)


@given(st.text(alphabet="'=+-@\t1a", max_size=6))
def test_what_is_read_back_is_what_was_written(text: str) -> None:
    assert read_back(plain(text)) == text


@pytest.mark.parametrize("title", [each for each in HOSTILE if "\r" not in each])  # no search result holds a line's end
def test_a_list_to_screen_runs_nothing_and_comes_back_whole(title: str) -> None:
    record = Record(record=1, title=title, authors=title, abstract=title)
    written = write_csv([record])
    row = next(csv.DictReader(io.StringIO(written, newline="")))
    assert row["title"][0] == row["authors"][0] == row["abstract"][0] == "'"
    assert read_list(written, "x") == (record,)
    assert read_records(written, "x")[0].title == title.strip()


def test_verdicts_of_cases_with_hostile_names_run_nothing() -> None:
    names = (*HOSTILE, *NUMBERS, "NELM-1")
    table = pl.DataFrame({"case": [*names, None], "cases": range(len(names) + 1)})
    cells = [row["case"] for row in csv.DictReader(io.StringIO(as_csv(table).decode(), newline=""))]
    assert cells == [*(plain(text) for text in names), ""]
