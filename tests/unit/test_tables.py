"""Tables that people bring: separators, encodings, decimal commas, and every fault with its line and column."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liverboard.board.tables import parse_table, read_table
from liverboard.errors import BadInput

PLAIN = "label,events,n\nA,3,10\nB,0,12\n"


@pytest.mark.parametrize(
    "raw",
    [
        PLAIN.encode(),
        b"\xef\xbb\xbf" + PLAIN.encode(),
        PLAIN.encode("utf-16"),
        PLAIN.replace(",", ";").replace("\n", "\r\n").encode(),
        PLAIN.replace(",", "\t").encode(),
        ("\n\n" + PLAIN.replace("\n", "\n\n")).encode(),
        b"label, events ,n,,\nA,3,10,,\nB,0,12,,\n",
        b'"label","events","n"\n"A","3","10"\n"B","0","12"\n',
    ],
)
def test_a_table_is_read_however_it_was_saved(raw: bytes, tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_bytes(raw)
    table = read_table(file)
    assert table.text("label") == ("A", "B")
    assert table.numbers("events", whole=True, least=0).tolist() == [3, 0]
    assert list(table.columns) == ["label", "events", "n"]


def test_windows_letters_and_decimal_commas() -> None:
    table = parse_table("label;estimate\nJürgen;0,35\n", "t.csv")
    assert table.numbers("estimate").tolist() == [0.35]
    assert parse_table('label,estimate\nA,"0.35"\n').numbers("estimate").tolist() == [0.35]


def test_a_decimal_comma_among_commas_is_not_guessed() -> None:
    with pytest.raises(BadInput, match="not a number"):
        parse_table('label,estimate\nA,"0,35"\n', "t.csv").numbers("estimate")


def test_every_fault_names_its_line_and_column() -> None:
    table = parse_table("label,events,n\nA,three,10\n\nB,1.5,12\nC,,5\nD,-1,5\nE,inf,5\nF,1_0,5\nG,2,5\n", "t.csv")
    with pytest.raises(BadInput) as caught:
        table.numbers("events", whole=True, least=0)
    assert [p.line for p in caught.value.problems] == [2, 4, 5, 6, 7, 8]
    assert all(p.field == "events" for p in caught.value.problems)
    assert "t.csv" in str(caught.value)


def test_a_blank_is_unknown_where_it_may_be() -> None:
    values = parse_table("a,b\n1,\n2,NA\n3,4\n").numbers("b", blank=True)
    assert np.isnan(values[:2]).all() and values[2] == 4


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("\n \n", "empty"),
        (",,\n", "no cell"),
        ("a,b\n1,2,3\n", "3 cells"),
        ("a,a\n1,2\n", "two columns"),
        ("a,,b\n1,2,3\n", "no name"),
    ],
)
def test_what_is_no_table_is_refused(text: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        parse_table(text, "t.csv")


def test_a_missing_column_is_answered_with_those_there() -> None:
    with pytest.raises(BadInput, match="label, events, n"):
        parse_table(PLAIN).text("time")


@pytest.mark.parametrize("raw", [b"PK\x03\x04rest of a workbook", b"\x00\x01\x02\x03"])
def test_a_workbook_is_not_a_table(raw: bytes, tmp_path: Path) -> None:
    file = tmp_path / "t.xlsx"
    file.write_bytes(raw)
    with pytest.raises(BadInput, match="not a text file"):
        read_table(file)


def test_a_folder_or_a_missing_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.csv"):
        with pytest.raises(BadInput):
            read_table(path)


@given(st.text(max_size=200))
def test_any_text_is_a_table_or_a_clear_refusal(text: str) -> None:
    try:
        table = parse_table(text)
    except BadInput:
        return
    assert all(len(column) == len(table) for column in table.columns.values())
