"""Search results in three forms into one list: what is read, which records are one, and the way to ASReview and back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liverboard.errors import BadInput
from liverboard.evidence.catalogue import load_catalogue
from liverboard.evidence.records import (
    Record,
    merge,
    plain_doi,
    plain_title,
    read_list,
    read_records,
    to_screen,
    write_csv,
    write_ris,
)

CATALOGUE = load_catalogue()
NBIB = """
PMID- 24385266
OWN - NLM
TI  - Transarterial embolization (TAE) is equally effective and slightly safer than
      transarterial chemoembolization (TACE).
LID - 10.1007/s12020-013-0130-9 [doi]
AB  - An abstract
      over two lines.
FAU - Fiore, Francesco
FAU - Del Prete, Michela
AU  - Fiore F
DP  - 2014 Sep
TA  - Endocrine
PT  - Journal Article

PMID- 40000001
TI  - A study taken back.
DP  - 2025
PT  - Journal Article
PT  - Retracted Publication
"""
RIS = """TY  - JOUR
TI  - Transarterial embolization (TAE) is equally effective and slightly safer than transarterial chemoembolization (TACE)
AU  - Fiore, F.
PY  - 2014/09/01
DO  - https://doi.org/10.1007/S12020-013-0130-9
ER  -

TY  - JOUR
T1  - Radioembolisation in neuroendocrine liver metastases: an überraschend long title
A1  - Someone, A.
Y1  - 2023
JO  - J Imag
N1  - ASReview_relevant
AN  - 20231234567
ER  -
"""
CSV = 'PMID,Title,Authors,Journal/Book,Publication Year,DOI\n40000002,Another study,"A, B",J Test,2024,10.1/x\n'


def test_pubmed_text() -> None:
    first, second = read_records(NBIB, "p.nbib")
    assert first.title.endswith("slightly safer than transarterial chemoembolization (TACE)")
    assert (first.pmid, first.doi, first.year, first.journal) == (
        "24385266",
        "10.1007/s12020-013-0130-9",
        "2014",
        "Endocrine",
    )
    assert first.authors == "Fiore, Francesco; Del Prete, Michela"
    assert first.abstract == "An abstract over two lines."
    assert second.retracted == "yes"


def test_ris_with_the_note_of_asreview() -> None:
    first, second = read_records(RIS, "e.ris")
    assert first.doi == "10.1007/s12020-013-0130-9"
    assert (second.included, second.year, second.pmid) == ("1", "2023", "")  # a number of another database is no PMID


def test_csv_of_pubmed() -> None:
    (only,) = read_records(CSV, "p.csv")
    assert (only.title, only.pmid, only.year, only.doi, only.journal) == (
        "Another study",
        "40000002",
        "2024",
        "10.1/x",
        "J Test",
    )


def test_one_list_without_duplicates() -> None:
    rows = merge(
        (), [*read_records(NBIB, "p.nbib"), *read_records(RIS, "e.ris"), *read_records(CSV, "p.csv")], CATALOGUE
    )
    assert [row.record for row in rows] == [1, 2, 3, 4, 5]
    assert [(row.duplicate_of, row.duplicate_by) for row in rows if row.duplicate_of] == [("1", "DOI")]
    assert rows[0].in_catalogue == "fiore2014"
    assert len(to_screen(rows)) == 4


@pytest.mark.parametrize(
    ("one", "other", "by"),
    [
        (Record(title="A", doi="10.1/ABC"), Record(title="B", doi="https://dx.doi.org/10.1/abc"), "DOI"),
        (Record(title="A", pmid="123"), Record(title="B", pmid="0123"), "PMID"),
        (Record(title="Bland embolisation: a series", year="2020"), Record(title="BLAND embolisation - a séries.", year="2020"), "title and year"),
        (Record(title="Bland embolisation", year="2020"), Record(title="Bland embolisation", year="2021"), ""),
        (Record(title="Reply", year="2020", doi="10.1/a"), Record(title="Reply", year="2020", doi="10.1/b"), ""),
        (Record(title="Editorial"), Record(title="Editorial"), ""),
    ],
)  # fmt: skip
def test_which_records_are_one(one: Record, other: Record, by: str) -> None:
    assert (
        merge(merge((), [replace(one, source="a")], CATALOGUE), [replace(other, source="b")], CATALOGUE)[1].duplicate_by
        == by
    )


def test_a_title_with_another_doi_is_pointed_to_not_merged() -> None:
    rows = merge(
        (),
        [Record(title="Reply", year="2020", doi="10.1/a"), Record(title="Reply", year="2020", doi="10.1/b")],
        CATALOGUE,
    )
    assert rows[1].note == "same title and year as 1, with another DOI or PMID"


def test_to_asreview_and_back() -> None:
    rows = merge(
        (), [*read_records(NBIB, "p.nbib"), *read_records(RIS, "e.ris"), *read_records(CSV, "p.csv")], CATALOGUE
    )
    screened = write_ris(rows).replace("ASReview_not_seen", "ASReview_irrelevant")
    back = merge(rows, read_records(screened, "screened.ris"), CATALOGUE)
    assert len(back) == len(rows)
    assert [row.included for row in back if not row.duplicate_of] == ["0", "0", "1", "0"]


@pytest.mark.parametrize("column", ["included", "asreview_label", "label_included"])
def test_the_column_of_a_screened_csv(column: str) -> None:
    rows = merge((), [Record(title="A study", year="2020"), Record(title="Another", year="2021")], CATALOGUE)
    text = f"title,year,{column}\nA study,2020,1\nAnother,2021,\n"
    back = merge(rows, read_records(text, "s.csv"), CATALOGUE)
    assert [row.included for row in back if not row.duplicate_of] == ["1", ""]


def test_the_list_survives_its_own_file() -> None:
    rows = merge((), [*read_records(NBIB, "p.nbib"), *read_records(RIS, "e.ris")], CATALOGUE)
    assert read_list(write_csv(rows), "list.csv") == rows


text = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=30)
records = st.builds(
    Record, title=text.map(str.strip).filter(bool), year=st.sampled_from(["", "2020"]), doi=st.sampled_from(["", "10.1/a", "10.1/b"]), pmid=st.sampled_from(["", "1", "2"]),
)  # fmt: skip


@given(st.lists(records, max_size=8))
def test_importing_again_finds_nothing_new_to_screen(given: list[Record]) -> None:
    once = merge((), given, CATALOGUE)
    again = merge(once, given, CATALOGUE)
    new = [row for row in to_screen(again) if row.record > len(once)]
    assert all(not row.doi and not row.pmid and (not plain_title(row.title) or not row.year) for row in new)
    assert len({row.record for row in again}) == len(again)
    assert read_list(write_csv(again), "list.csv") == again


@pytest.mark.parametrize("wrong", ["", "hello", "a,b\n1,2\n", "TY  - JOUR\nER  -\n", '"', "PMID- \n"])
def test_what_is_no_search_result_is_refused(wrong: str) -> None:
    with pytest.raises(BadInput):
        read_records(wrong, "x.txt")


def test_identifiers_without_their_dress() -> None:
    assert plain_doi("https://doi.org/10.1000/ABC.") == "10.1000/abc"
    assert plain_title("Über TACE: 2") == plain_title("uber tace 2")
