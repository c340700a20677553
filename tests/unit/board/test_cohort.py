"""Reading a cohort: tables and case files, clean, dirty and hostile."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import get_args

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liverboard.board import cohort_table
from liverboard.board.cohort import read_cohort
from liverboard.board.cohort_table import OPTION_OF, value_of
from liverboard.clinical.dictionary import load_dictionary
from liverboard.clinical.events import Drug, Option, Technique
from liverboard.errors import BadInput
from liverboard.options.audit import Cohort
from liverboard.rules.evaluate import CASE, column_type

TODAY = dt.date(2026, 1, 1)


def read(path: Path) -> Cohort:
    return read_cohort(path, today=TODAY)


def table(folder: Path, text: str, name: str = "c.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_every_column_has_the_type_of_its_fact(tmp_path: Path) -> None:
    found = read(
        table(
            tmp_path,
            "case,ecog,bilirubin_umol_l,frail,sex,extrahepatic,primary_site,chosen\n"
            "A,1,12.5,yes,female,none,unknown,tae\n"
            "B,,NaN,0,,limited,ileum,lanreotide\n"
            "C,2.0, 7 ,TRUE,male,NA,n/a,\n",
        )
    )
    assert found.cases.to_list() == ["A", "B", "C"]
    assert found.facts.to_dict(as_series=False) == {
        "ecog": [1, None, 2],
        "bilirubin_umol_l": [12.5, None, 7.0],
        "frail": [True, False, True],
        "sex": ["female", None, "male"],
        "extrahepatic": ["none", "limited", None],
        "primary_site": ["unknown", "ileum", None],
    }
    assert found.facts.schema == {name: column_type(load_dictionary()[name]) for name in found.facts.columns}
    assert found.chosen is not None
    assert found.chosen.to_list() == ["tae", "ssa", None]
    assert found.lesions is None


@pytest.mark.parametrize(("separator", "number"), [(";", "12,5"), ("\t", "12.5")])
def test_other_separators_and_a_decimal_comma(tmp_path: Path, separator: str, number: str) -> None:
    found = read(table(tmp_path, f"\ufeffcase{separator}bilirubin_umol_l\nA{separator}{number}\n"))
    assert found.facts["bilirubin_umol_l"].to_list() == [12.5]


def test_a_comma_and_a_line_break_within_quotes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cohort_table, "_BATCH_BYTES", 25)
    rows = "".join(f'C{number},"said, on\nthe phone",{number % 5}\n' for number in range(40))
    found = read(table(tmp_path, "case,remark,ecog\n" + rows))
    assert found.facts["ecog"].to_list() == [number % 5 for number in range(40)]


def test_wrong_values_are_listed_by_kind_with_the_first_lines(tmp_path: Path) -> None:
    rows = "".join(f"C{number},good,much,2.5,{word}\n" for number, word in enumerate(["perhaps"] * 50))
    path = table(tmp_path, "case,sex,bilirubin_umol_l,ecog,frail\n" + rows)
    with pytest.raises(BadInput) as caught:
        read(path)
    assert [(each.field, each.line) for each in caught.value.problems] == [
        ("sex", 2), ("bilirubin_umol_l", 2), ("ecog", 2), ("frail", 2),
    ]  # fmt: skip
    text = str(caught.value)
    assert "50 values" in text
    assert "'good' (line 2), 'good' (line 3), 'good' (line 4)" in text
    assert "female, male, other" in text
    assert "a number in umol/L" in text
    assert len(text) < 2000


def test_implausible_values_are_unknown_and_counted(tmp_path: Path) -> None:
    found = read(table(tmp_path, "case,albumin_g_l,ecog\nA,38,1\nB,3.8,9\nC,4.1,0\n"))
    assert found.facts["albumin_g_l"].to_list() == [38.0, None, None]
    assert found.facts["ecog"].to_list() == [1, None, 0]
    [albumin] = [note for note in found.notes if note.startswith("albumin")]
    assert "2 implausible values" in albumin
    assert "line 3" in albumin
    assert "g/dL" in albumin


def test_a_column_that_is_nearly_a_fact_is_pointed_out(tmp_path: Path) -> None:
    found = read(table(tmp_path, "case,ecog,Bilirubin_umol,hospital\nA,1,12,x\n"))
    assert any("'Bilirubin_umol'" in note and "'bilirubin_umol_l'" in note for note in found.notes)
    assert any("1 other column" in note for note in found.notes)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("case,ecog\n", "no case"),
        ("ecog\n1\n", "`case`"),
        ("case,weather\nA,fine\n", "any column named as a fact"),
        ("case,ecog\nA,1\nA,2\n", "share their pseudonym"),
        ("case,ecog\n,1\n", "no pseudonym"),
        ("case,ecog,ecog\nA,1,2\n", "given twice"),
        ("case,ecog\nA,1,2,3,4\n", "cannot be read"),
        ("case,ecog,chosen\nA,1,magic\n", "chosen"),
        ("x" * 2_000_000, "header"),
    ],
)
def test_what_is_no_cohort_is_refused_in_words(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(BadInput) as caught:
        read(table(tmp_path, text))
    assert words in str(caught.value)


def test_pseudonyms_are_not_repeated_in_messages(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        read(table(tmp_path, "case,ecog\nMUELLER,1\nMUELLER,2\n"))
    assert "MUELLER" not in str(caught.value)
    assert "2, 3" in str(caught.value)


@pytest.mark.parametrize("name", ["c.csv", "c.parquet"])
@pytest.mark.parametrize("junk", [b"\x00\xff" * 5000, b"PAR1garbagePAR1", bytes(range(256)) * 50, b"\xff\xfe" + "case,ecog\nA,1".encode("utf-16-le")])  # fmt: skip
def test_junk_is_refused(tmp_path: Path, name: str, junk: bytes) -> None:
    (tmp_path / name).write_bytes(junk)
    with pytest.raises(BadInput):
        read(tmp_path / name)


def test_two_gigabytes_of_nothing_are_refused_at_once(tmp_path: Path) -> None:
    with (tmp_path / "c.csv").open("wb") as file:
        file.truncate(2 * 10**9)
    with pytest.raises(BadInput):
        read(tmp_path / "c.csv")


def test_parquet_types_of_other_programs(tmp_path: Path) -> None:
    pl.DataFrame(
        {
            "case": [1, 2, 3],
            "ecog": [1.0, float("nan"), 2.0],
            "frail": [1, 0, None],
            "cirrhosis": ["yes", "no", None],
            "sex": pl.Series(["male", None, "female"], dtype=pl.Categorical),
            "bilirubin_umol_l": [12, 5000, None],
            "inr": pl.Series([None, None, None]),
            "chosen": ["rfa", "other", None],
        }
    ).write_parquet(tmp_path / "c.parquet")
    found = read(tmp_path / "c.parquet")
    assert found.cases.to_list() == ["1", "2", "3"]
    assert found.facts.to_dict(as_series=False) == {
        "ecog": [1, None, 2],
        "frail": [True, False, None],
        "cirrhosis": [True, False, None],
        "sex": ["male", None, "female"],
        "bilirubin_umol_l": [12.0, None, None],
        "inr": [None, None, None],
    }
    assert found.chosen is not None
    assert found.chosen.to_list() == ["ablation", None, None]


def test_parquet_columns_that_can_hold_no_such_fact(tmp_path: Path) -> None:
    frame = {
        "case": ["A"],
        "ecog": [dt.date(2024, 1, 1)],
        "sex": [1],
        "frail": [7],
        "inr": [[1.0]],
        "albumin_g_l": [True],
    }
    pl.DataFrame(frame).write_parquet(tmp_path / "c.parquet")
    with pytest.raises(BadInput) as caught:
        read(tmp_path / "c.parquet")
    assert {each.field for each in caught.value.problems} == {"ecog", "sex", "frail", "inr", "albumin_g_l"}


@given(data=st.data())
def test_csv_and_parquet_of_the_same_cases_read_alike(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    names = ["ecog", "bilirubin_umol_l", "frail", "sex", "lesion_count"]
    kinds = {
        "ecog": st.integers(-1, 6), "bilirubin_umol_l": st.floats(-5, 2000), "frail": st.booleans(),
        "sex": st.sampled_from(["female", "male"]), "lesion_count": st.integers(0, 2000),
    }  # fmt: skip
    columns = {name: data.draw(st.lists(st.none() | kinds[name], min_size=3, max_size=3)) for name in names}
    facts = load_dictionary()
    types = {"frail": pl.Boolean, "sex": pl.String, "bilirubin_umol_l": pl.Float64}
    frame = pl.DataFrame(
        {"case": ["A", "B", "C"], **{n: pl.Series(v, dtype=types.get(n, pl.Int64)) for n, v in columns.items()}}
    )
    folder = tmp_path_factory.mktemp("alike")
    frame.write_parquet(folder / "c.parquet")
    frame.write_csv(folder / "c.csv")
    one, other = read(folder / "c.parquet"), read(folder / "c.csv")
    assert one.facts.equals(other.facts)
    for name in ("ecog", "bilirubin_umol_l", "lesion_count"):
        low, high = facts[name].plausible or (0, float("inf"))
        assert one.facts[name].to_list() == [v if v is not None and low <= v <= high else None for v in columns[name]]


@given(st.text(max_size=12))
def test_any_word_is_a_value_unknown_or_refused(word: str) -> None:
    for name in ("ecog", "bilirubin_umol_l", "frail", "sex"):
        fact = load_dictionary()[name]
        try:
            value = value_of(word, fact)
        except ValueError:
            continue
        assert value is None or isinstance(value, bool | int | float | str)


# --- case files ----------------------------------------------------------------------------------------------------------------------------------------

CASE_TEXT = """liverboard: 1
case: {name}
sex: female
as_of: 2024-12-31
events:
  - {{kind: clinic, date: 2024-01-10, ecog: 1}}
  - {{kind: clinic, date: 2024-06-01, ecog: 3}}
  - kind: imaging
    date: 2024-01-12
    modality: CT
    lesions: [{{id: L1, longest: 42 mm}}, {{id: L2, longest: 11 mm}}]
{board}"""
BOARD = "  - {kind: board, date: 2024-02-01, chosen: rfa}\n"


def case_file(folder: Path, name: str, board: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.yaml"
    path.write_text(CASE_TEXT.format(name=name, board=board), encoding="utf-8")
    return path


def test_case_files_are_read_as_of_the_decision(tmp_path: Path) -> None:
    case_file(tmp_path / "2024" / "a", "A", BOARD)
    case_file(tmp_path / "b", "B")
    (tmp_path / "notes.json").write_text("{}", encoding="utf-8")
    (tmp_path / "policy.yaml").write_text("centre: x\n", encoding="utf-8")
    found = read(tmp_path)
    assert found.cases.to_list() == ["A", "B"]
    assert found.facts["ecog"].to_list() == [1, 3]  # A as its board knew it, B as of its own day
    assert found.chosen is not None
    assert found.chosen.to_list() == ["ablation", None]
    assert found.lesions is not None
    assert found.lesions.select(CASE, "lesion_longest_mm").rows() == [(0, 42.0), (0, 11.0), (1, 42.0), (1, 11.0)]
    assert any("2 YAML or JSON" in note for note in found.notes)


def test_a_decision_after_the_chosen_day_is_not_seen(tmp_path: Path) -> None:
    path = case_file(tmp_path, "A", BOARD)
    found = read_cohort(path, today=TODAY, as_of=dt.date(2024, 1, 20))
    assert found.chosen is None
    assert found.facts["ecog"].to_list() == [1]


def test_the_last_decision_counts(tmp_path: Path) -> None:
    later = (
        BOARD
        + "  - {kind: board, date: 2024-07-01, chosen: lu177_dotatate}\n  - {kind: board, date: 2024-08-01, considered: [tae]}\n"
    )
    found = read(case_file(tmp_path, "A", later))
    assert found.chosen is not None
    assert found.chosen.to_list() == ["prrt"]
    assert found.facts["ecog"].to_list() == [3]


def test_the_problems_of_every_file_are_listed(tmp_path: Path) -> None:
    case_file(tmp_path, "good")
    table(tmp_path, "liverboard: 1\ncase: X\nevents:\n  - {kind: clinic, date: 2024-01-01, ecog: 9}\n", "one.yaml")
    table(tmp_path, "liverboard: 1\ncase: [\n", "two.yaml")
    with pytest.raises(BadInput) as caught:
        read(tmp_path)
    text = str(caught.value)
    assert "one.yaml" in text
    assert "two.yaml" in text
    assert "good" not in text


def test_the_same_case_in_two_files_is_refused(tmp_path: Path) -> None:
    case_file(tmp_path / "a", "A")
    case_file(tmp_path / "b", "A")
    with pytest.raises(BadInput, match="same pseudonym"):
        read(tmp_path)


@pytest.mark.parametrize("name", ["nothing.csv", "x.docx", "empty"])
def test_what_is_not_there_or_nothing_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "x.docx").write_bytes(b"x")
    with pytest.raises(BadInput):
        read(tmp_path / name)


def test_a_table_has_no_day(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="--as-of"):
        read_cohort(table(tmp_path, "case,ecog\nA,1\n"), today=TODAY, as_of=TODAY)


def test_every_word_of_a_board_is_an_option_or_said_to_be_none() -> None:
    words = {*get_args(Option), *get_args(Drug), *get_args(Technique)}
    assert set(OPTION_OF) == words
    assert {option for option in OPTION_OF.values() if option} == set(get_args(Option))
