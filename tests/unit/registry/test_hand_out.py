"""What leaves the store: cases that read back, facts of any day, counts in which no small one can be found."""

from __future__ import annotations

import datetime as dt
import itertools
import zipfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.registry_samples import CASE, CHAIR, EDITOR, MANAGER, STRANGER, HandClock

from liverboard.board.cohort import read_cohort
from liverboard.clinical.case_file import read_case
from liverboard.clinical.dictionary import load_dictionary
from liverboard.clinical.events import Case
from liverboard.clinical.facts import facts_of
from liverboard.errors import BadInput, NotPermitted
from liverboard.phantom.cohort import CohortPlan, draw_people
from liverboard.phantom.cohort_story import case_of
from liverboard.registry.bring import bring
from liverboard.registry.cases import CaseFilter, CaseKey, add_case, append_events, correct, undo_withdrawal, withdraw
from liverboard.registry.hand_out import Extract, counts_csv, counts_of, export_cases, facts_table, write_table
from liverboard.registry.store import Store
from liverboard.synthesis.disclosure import Below

TALK = {
    "case": "NELM-2",
    "question": "WHISPERED question",
    "events": [
        {"id": "b1", "kind": "board", "date": "2024-05-15", "chosen": "ctace", "reason": "WHISPERED reason", "actions": [{"what": "WHISPERED"}]},
        {"id": "p1", "kind": "procedure", "date": "2024-06-15", "technique": "ctace", "note": "WHISPERED", "details": {"remark": "WHISPERED", "lipiodol": "10 mL"}},
    ],
}  # fmt: skip


def filled(store: Store, count: int = 40) -> tuple[Case, ...]:
    cases = tuple(
        case_of(person).model_copy(update={"centre": None}) for person in draw_people(CohortPlan(cases=count))
    )
    with store.transaction(MANAGER) as tx:
        for case in cases:
            add_case(tx, "lyon", case)
    return cases


def texts_in(file: Path) -> dict[str, str]:
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_what_is_exported_comes_in_again_unchanged(store: Store, tmp_path: Path) -> None:
    filled(store, 6)
    assert export_cases(store, MANAGER, tmp_path / "out.zip", Extract(free_text=True)) == 6
    assert len(bring(store, MANAGER, tmp_path / "out.zip").unchanged) == 6
    with pytest.raises(BadInput, match="already"):
        export_cases(store, MANAGER, tmp_path / "out.zip")
    assert (tmp_path / "out.zip").stat().st_mode & 0o077 == 0
    assert sorted(each.name for each in tmp_path.iterdir()) == ["data", "out.zip"]


def test_words_stay_unless_asked_for_and_a_key_gives_new_pseudonyms(store: Store, tmp_path: Path) -> None:
    with store.transaction(EDITOR) as tx:
        add_case(tx, "lyon", Case.model_validate(TALK))
    export_cases(store, MANAGER, tmp_path / "quiet.zip", Extract(again=b"a" * 32))
    export_cases(store, MANAGER, tmp_path / "other.zip", Extract(again=b"b" * 32))
    export_cases(store, MANAGER, tmp_path / "words.zip", Extract(free_text=True))
    quiet = texts_in(tmp_path / "quiet.zip")
    (text,) = quiet.values()
    assert "WHISPERED" not in text and "NELM-2" not in text
    case = read_case(text, is_json=True)
    assert case.case.startswith("OUT-") and [event.kind for event in case.events] == ["board", "procedure"]
    assert "10 mL" in text
    assert quiet.keys().isdisjoint(texts_in(tmp_path / "other.zip"))
    assert "WHISPERED reason" in next(iter(texts_in(tmp_path / "words.zip").values()))


def test_facts_are_those_of_each_case_on_the_day(store: Store) -> None:
    cases = {case.case: case for case in filled(store)}
    day = dt.date(2018, 6, 1)
    table = facts_table(store, MANAGER, day)
    assert 0 < table.height < len(cases)
    assert table.columns == ["case", "centre", "as_of", "chosen", *load_dictionary()]
    for row in table.iter_rows(named=True):
        facts = facts_of(cases[row["case"]], day)
        assert all(row[name] == facts.value(name) for name in facts.facts)
    assert {case.case for case in cases.values() if any(event.date <= day for event in case.events)} == set(
        table["case"]
    )


def test_the_table_of_boards_is_read_by_the_audit(store: Store, tmp_path: Path) -> None:
    cases = {case.case: case for case in filled(store)}
    table = facts_table(store, MANAGER, "board")
    assert table.height == len(cases) and table["chosen"].null_count() == 0
    for ending in ("parquet", "csv"):
        write_table(table, tmp_path / f"facts.{ending}")
        cohort = read_cohort(tmp_path / f"facts.{ending}", today=dt.date(2025, 1, 1))
        assert cohort.facts.height == len(cases) and cohort.chosen is not None
        for name in ("who_grade", "albumin_g_l", "ecog", "liver_burden_percent"):
            assert cohort.facts[name].to_list() == table[name].to_list()
    with pytest.raises(BadInput, match="parquet or"):
        write_table(table, tmp_path / "facts.xlsx")


def test_no_name_of_a_case_runs_in_a_spreadsheet(tmp_path: Path) -> None:
    write_table(pl.DataFrame({"case": ["=1+1", "-2-3", "N-1"]}), tmp_path / "facts.csv")
    assert (tmp_path / "facts.csv").read_text().splitlines() == ["case", "'=1+1", "'-2-3", "N-1"]


def test_the_last_decision_is_the_one_that_counts(store: Store) -> None:
    """Of two of one day the later, as for facts; a correction in the place of what it corrects; a withdrawn one not, until that is undone."""
    key = CaseKey("lyon", "NELM-2")

    def chosen(day: str = "2024-12-31") -> list[str | None]:
        return facts_table(store, MANAGER, dt.date.fromisoformat(day))["chosen"].to_list()

    with store.transaction(CHAIR) as tx:
        add_case(tx, "lyon", Case.model_validate(TALK))
        append_events(tx, key, [{"id": "b2", "kind": "board", "date": "2024-05-15", "chosen": "tae"}], 1)
    assert chosen() == ["tae"]
    with store.transaction(CHAIR) as tx:
        correct(tx, key, "b2", {"kind": "board", "date": "2024-08-01", "chosen": "prrt"}, 2)
    assert (chosen("2024-06-30"), chosen()) == (["tae"], ["prrt"])
    with store.transaction(CHAIR) as tx:
        withdraw(tx, key, "board-2024-08-01-1", "of another patient", 3)
    assert (chosen("2024-06-30"), chosen()) == (["ctace"], ["ctace"])
    with store.transaction(CHAIR) as tx:
        undo_withdrawal(tx, key, "withdrawal-2024-05-15-1", 4)
    assert (chosen("2024-06-30"), chosen()) == (["tae"], ["prrt"])


def test_an_export_of_the_past_has_what_was_known_then(store: Store, clock: HandClock) -> None:
    with store.transaction(EDITOR) as tx:
        add_case(tx, "lyon", CASE)
    clock.pass_(days=10)
    then = clock.at
    clock.pass_(days=10)
    key = CaseKey("lyon", "NELM-1")
    with store.transaction(EDITOR) as tx:
        correct(tx, key, "d1", {"kind": "diagnosis", "date": "2023-03-14", "primary_site": "ileum", "ki67": "9 %"}, 1)
        append_events(tx, key, [{"kind": "clinic", "date": "2024-06-02", "ecog": 1}], 2)
    day = dt.date(2024, 12, 31)
    now, past = (facts_table(store, MANAGER, day, Extract(known_at=at)).row(0, named=True) for at in (None, then))
    assert (now["ki67_percent"], now["ecog"]) == (9, 1)
    assert (past["ki67_percent"], past["ecog"]) == (4, None)


def test_exports_are_in_the_trail_and_for_those_who_may(store: Store, tmp_path: Path) -> None:
    filled(store, 2)
    for actor in (EDITOR, STRANGER):
        with pytest.raises(NotPermitted):
            export_cases(store, actor, tmp_path / "x.zip", Extract(which=CaseFilter(centre="lyon")))
        with pytest.raises(NotPermitted):
            facts_table(store, actor, dt.date(2025, 1, 1), Extract(which=CaseFilter(centre="lyon")))
    facts_table(store, MANAGER, "board")
    from sqlalchemy import text

    with store.read() as connection:
        actions = [row[0] for row in connection.execute(text("SELECT action FROM audit"))]
    assert actions.count("facts.export") == 1


def test_nothing_to_export_is_told(store: Store, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no case fits"):
        export_cases(store, MANAGER, tmp_path / "x.zip")
    assert not (tmp_path / "x.zip").exists()


# --- counts --------------------------------------------------------------------------------------------------------------------------------------------


def table_of(cells: dict[tuple[str, str], int]) -> pl.DataFrame:
    rows = [pair for pair, count in cells.items() for _ in range(count)]
    return pl.DataFrame(rows, schema=["who_grade", "chosen"], orient="row")


@settings(max_examples=25)
@given(st.dictionaries(st.tuples(st.sampled_from("ABC"), st.sampled_from("xyz")), st.integers(0, 12), min_size=4))
def test_no_small_count_can_be_worked_out(cells: dict[tuple[str, str], int]) -> None:
    table = table_of(cells)
    try:
        counts = counts_of(table, "who_grade", "chosen", 5)
    except NotPermitted:
        return
    truth = {pair: cells.get(pair, 0) for pair in counts.cells}
    for pair, shown in counts.cells.items():
        assert shown == truth[pair] if isinstance(shown, int) else True
        assert not (isinstance(shown, int) and shown < 5)
    # a reader who tries every filling of the hidden cells of one row or column finds 0 and 4 possible for each small one
    for line in [[(a, b) for b in counts.columns] for a in counts.rows] + [
        [(a, b) for a in counts.rows] for b in counts.columns
    ]:
        hidden = [pair for pair in line if not isinstance(counts.cells[pair], int)]
        small = [pair for pair in hidden if isinstance(counts.cells[pair], Below)]
        total = counts.rows[line[0][0]] if line[0][0] == line[-1][0] else counts.columns[line[0][1]]
        if not small or not isinstance(total, int) or len(hidden) > 3:
            continue
        rest = total - sum(truth[pair] for pair in line if pair not in hidden)
        ranges = [range(5) if pair in small else range(5, rest + 1) for pair in hidden]
        fillings = [filling for filling in itertools.product(*ranges) if sum(filling) == rest]
        for place, pair in enumerate(hidden):
            if pair in small:
                assert {filling[place] for filling in fillings} >= {0, 4}


def test_counts_as_csv_say_what_is_hidden() -> None:
    cells = {("A", "x"): 20, ("A", "y"): 3, ("A", "z"): 9, ("B", "x"): 11, ("B", "y"): 8, ("B", "z"): 7}
    written = counts_csv(counts_of(table_of(cells), "who_grade", "chosen"))
    assert written.splitlines() == ["who_grade \\ chosen,x,y,z,all", "A,-,<5,9,32", "B,-,-,7,26", "all,31,11,16,58"]


def test_counts_of_measures_of_too_few_or_without_a_minimum_are_refused() -> None:
    table = table_of({("A", "x"): 20}).with_columns(pl.lit(1.5).alias("albumin_g_l"))
    with pytest.raises(BadInput, match="measure"):
        counts_of(table, "albumin_g_l", "chosen")
    with pytest.raises(BadInput, match="no column"):
        counts_of(table, "case", "chosen")
    with pytest.raises(NotPermitted, match="fewer than 9"):
        counts_of(table.head(8), "who_grade", "chosen")
    with pytest.raises(NotPermitted, match="hides nothing"):
        counts_of(table, "who_grade", "chosen", 1)
