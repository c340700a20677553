"""Importing cases: everything or nothing, all problems told, done twice nothing changes, nothing that identifies a person comes in."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from tests.registry_samples import MANAGER, STRANGER, VIEWER

from liverboard.errors import BadInput, NotPermitted
from liverboard.phantom.cohort import CohortPlan
from liverboard.phantom.cohort_truth import DEFAULT_TRUTH
from liverboard.phantom.cohort_write import write_cohort
from liverboard.registry.backup import verify_store
from liverboard.registry.bring import bring
from liverboard.registry.cases import CaseKey, case_as_known, list_cases
from liverboard.registry.permissions import CONSOLE
from liverboard.registry.store import Store, add_centre


def a_file(folder: Path, name: str, **more: Any) -> Path:
    tree = {
        "liverboard": 1,
        "case": name,
        "sex": "female",
        "birth_year": 1961,
        "events": [{"id": "d1", "kind": "diagnosis", "date": "2023-03-14", "ki67": "4 %", "recorded": "2023-03-15"}],
    } | more
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps(tree), encoding="utf-8")
    return path


LABS = {"id": "l1", "kind": "labs", "date": "2024-06-02", "bilirubin": "13 umol/L"}
D1 = {"id": "d1", "kind": "diagnosis", "date": "2023-03-14", "ki67": "4 %"}


def entries(store: Store) -> int:
    return verify_store(store, CONSOLE, []).entries


def test_a_folder_comes_in_whole_and_twice_changes_nothing(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    for number in range(3):
        a_file(folder, f"NELM-{number}")
    (folder / "notes.yaml").write_text("about: these files\n", encoding="utf-8")
    (folder / "ct.dcm").write_bytes(b"not looked at")
    first = bring(store, MANAGER, folder)
    assert [key.case for key in first.added] == ["NELM-0", "NELM-1", "NELM-2"] and first.aside == 1
    stored = case_as_known(store, MANAGER, CaseKey("lyon", "NELM-1"))
    assert stored.version == 1 and stored.case.centre == "lyon"
    assert str(stored.case.events[0].recorded) == "2023-03-15"  # what a file says of its past stays
    again = bring(store, MANAGER, folder)
    assert not again.added and not again.extended and len(again.unchanged) == 3
    assert case_as_known(store, MANAGER, CaseKey("lyon", "NELM-1")).version == 1
    assert verify_store(store, CONSOLE, []).faults == ()


def test_new_events_come_in_and_what_the_registry_has_beside_stays(store: Store, tmp_path: Path) -> None:
    bring(store, MANAGER, a_file(tmp_path, "NELM-1"))
    found = bring(store, MANAGER, a_file(tmp_path, "NELM-1", events=[D1, LABS]))
    assert found.extended == (CaseKey("lyon", "NELM-1"),)
    assert bring(store, MANAGER, a_file(tmp_path, "NELM-1")).unchanged  # the older file lacks an event: it stays
    stored = case_as_known(store, MANAGER, CaseKey("lyon", "NELM-1"))
    assert [event.id for event in stored.case.events] == ["d1", "l1"] and stored.version == 2


def test_what_contradicts_the_registry_is_a_problem_and_nothing_comes_in(store: Store, tmp_path: Path) -> None:
    bring(store, MANAGER, a_file(tmp_path / "one", "NELM-1"))
    folder = tmp_path / "two"
    a_file(folder, "NELM-0")
    a_file(folder, "NELM-1", sex="male", events=[{**D1, "ki67": "9 %"}, LABS])
    with pytest.raises(BadInput) as refused:
        bring(store, MANAGER, folder)
    assert {(problem.event, problem.field) for problem in refused.value.problems} == {("d1", None), (None, "sex")}
    assert [line.key.case for line in list_cases(store, MANAGER)] == ["NELM-1"]
    assert case_as_known(store, MANAGER, CaseKey("lyon", "NELM-1")).version == 1


B1 = {"id": "b1", "kind": "board", "date": "2024-06-05", "chosen": "tae", "reason": "as discussed"}
W1 = {"id": "w1", "kind": "withdrawal", "date": "2024-06-05", "corrects": "b1", "reason": "of another patient"}


@pytest.mark.parametrize(
    ("held", "new", "named"),
    [
        ([B1], [{**B1, "id": "b2", "corrects": "b1", "chosen": "surveillance"}], ["b2"]),
        ([B1], [W1], ["w1"]),
        ([B1], [{**B1, "id": "b2", "chosen": "surveillance"}], ["b2"]),  # a second one of the day: the later counts
        ([B1], [{**B1, "id": "b0", "date": "2024-01-01"}, {**B1, "id": "b3", "corrects": "b0"}], ["b3"]),  # moved there
        ([B1, W1], [{"id": "u1", "kind": "withdrawal", "date": "2024-06-05", "corrects": "w1"}], ["u1"]),
        ([B1, W1], [{**B1, "id": "b2", "date": "2024-08-01", "corrects": "w1"}], ["b2"]),
        (
            [B1, {**B1, "id": "b2", "date": "2024-07-05", "corrects": "b1"}],  # a correction of a correction, and its own
            [{**B1, "id": "b4", "date": "2024-09-01", "corrects": "b3"}, {**B1, "id": "b3", "date": "2024-08-01", "corrects": "b2"}],
            ["b3", "b4"],
        ),
    ],
)  # fmt: skip
def test_a_decision_that_is_there_is_changed_only_where_the_chair_agrees(store: Store, tmp_path: Path, held: list[Any], new: list[Any], named: list[str]) -> None:  # fmt: skip
    bring(store, MANAGER, a_file(tmp_path / "one", "NELM-1", events=[D1, *held]))
    folder = tmp_path / "two"
    a_file(folder, "NELM-0")
    a_file(folder, "NELM-1", sex="male", events=[D1, LABS, *held, *new])
    for actor, agrees in ((MANAGER, False), (MANAGER, True), (CONSOLE, False)):
        with pytest.raises(BadInput) as refused:
            bring(store, actor, folder, chair_agrees=agrees)
        told = [(problem.event, problem.field) for problem in refused.value.problems]
        assert sorted(told, key=str) == sorted([*((event, None) for event in named), (None, "sex")], key=str)
        assert "changes a decision" in str(refused.value)
    assert [line.key.case for line in list_cases(store, MANAGER)] == ["NELM-1"]
    file = a_file(tmp_path / "three", "NELM-1", events=[D1, LABS, *held, *new])
    assert bring(store, CONSOLE, file, chair_agrees=True).extended
    assert verify_store(store, CONSOLE, []).faults == ()


def test_a_case_comes_in_with_its_history_of_decisions(store: Store, tmp_path: Path) -> None:
    """A decision and what corrects it, both new here, whether the case is there already or not."""
    history = [B1, {**B1, "id": "b2", "chosen": "ctace", "corrects": "b1"}]
    assert bring(store, MANAGER, a_file(tmp_path / "whole", "NELM-1", events=[D1, *history])).added
    assert bring(store, MANAGER, a_file(tmp_path / "bare", "NELM-2", events=[D1])).added
    assert bring(store, MANAGER, a_file(tmp_path / "later", "NELM-2", events=[D1, *history])).extended
    assert bring(store, MANAGER, a_file(tmp_path / "again", "NELM-2", events=[D1, LABS, *history])).extended


def test_every_problem_of_every_file_is_told_and_nothing_comes_in(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    a_file(folder, "NELM-1")
    a_file(folder, "NELM-2", sex="femal", birth_year="old")
    a_file(folder, "NELM-3", question="Mrs Dupont, DOB 03/05/1961, asks")
    a_file(folder, "NELM-4", centre="nowhere")
    (folder / "case.yaml").write_bytes(b"case: NELM-5\nquestion: \xff\n")
    (folder / "NELM-1-again.json").write_text((folder / "NELM-1.json").read_text(), encoding="utf-8")
    before = entries(store)
    with pytest.raises(BadInput) as refused:
        bring(store, CONSOLE, folder)
    told = str(refused.value)
    for word in (
        "NELM-2.json",
        "'femal'",
        "NELM-3.json",
        "date of birth",
        "name of a person",
        "no centre 'nowhere'",
        "liverboard registry centre NAME",
        "not UTF-8",
        "same pseudonym",
    ):
        assert word in told
    assert "Dupont" not in told and "1961" not in told
    assert list_cases(store, CONSOLE) == ()
    assert entries(store) - before <= 4  # what was compared is in the trail, no case


def test_an_archive_comes_in_like_its_folder(store: Store, tmp_path: Path) -> None:
    write_cohort(CohortPlan(cases=5), tmp_path / "synthetic")
    with zipfile.ZipFile(tmp_path / "cases.zip", "w") as archive:
        for file in (tmp_path / "synthetic" / "cases").iterdir():
            archive.write(file, f"cases/{file.name}")
    with pytest.raises(BadInput, match=r"5 problems[^$]*names another centre"):
        bring(store, MANAGER, tmp_path / "cases.zip", centre="lyon")
    with store.transaction(CONSOLE) as tx:
        for centre in DEFAULT_TRUTH.centres:
            add_centre(tx, centre.name)
    found = bring(store, CONSOLE, tmp_path / "cases.zip")
    assert len(found.added) == 5
    assert {*bring(store, CONSOLE, tmp_path / "synthetic").unchanged} == {*found.added}
    assert all(line.synthetic for line in list_cases(store, CONSOLE))


def test_cases_go_to_the_centre_that_they_name(store: Store, tmp_path: Path) -> None:
    with store.transaction(CONSOLE) as tx:
        add_centre(tx, "paris")
    a_file(tmp_path / "in", "NELM-1", centre="paris")
    a_file(tmp_path / "in", "NELM-2")
    with pytest.raises(NotPermitted):
        bring(store, MANAGER, tmp_path / "in")
    assert bring(store, CONSOLE, tmp_path / "in").added == (CaseKey("paris", "NELM-1"), CaseKey("lyon", "NELM-2"))


def test_who_may_not_exchange_data_may_not_import(store: Store, tmp_path: Path) -> None:
    file = a_file(tmp_path, "NELM-1")
    for actor in (VIEWER, STRANGER):
        with pytest.raises(NotPermitted):
            bring(store, actor, file, centre="lyon")


def test_what_is_no_case_is_told(store: Store, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "scan.dcm").write_bytes(b"x")
    with pytest.raises(BadInput, match="no case file"):
        bring(store, MANAGER, tmp_path / "in")
    with pytest.raises(BadInput, match="no such file"):
        bring(store, MANAGER, tmp_path / "nowhere")
