"""`liverboard registry` as a person at the terminal meets it: made, verified, tampered with, backed up, brought back, moved."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from tests.registry_samples import CASE, EDITOR, VIEWER, Postgres, postgres

from liverboard.cli import main
from liverboard.clinical.case_file import write_case
from liverboard.registry.cases import CaseKey, add_case, case_as_known
from liverboard.registry.folder import open_folder
from liverboard.registry.store import Store

__all__ = ["postgres"]


class Terminal:
    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch, self.capsys = monkeypatch, capsys

    def __call__(self, *words: object) -> tuple[int, str]:
        """Exit code, and everything that was shown."""
        self.monkeypatch.setattr("sys.argv", ["liverboard", "registry", *(str(word) for word in words)])
        with pytest.raises(SystemExit) as done:
            main()
        shown = self.capsys.readouterr()
        assert "Traceback" not in shown.out + shown.err
        return int(str(done.value.code or 0)), shown.out + shown.err

    def json(self, *words: object) -> dict[str, Any]:
        code, shown = self(*words, "--json")
        assert code == 0, shown
        return json.loads(shown)


@pytest.fixture
def liverboard(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(monkeypatch, capsys)


@pytest.fixture
def data(liverboard: Terminal, tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    assert liverboard.json("init", "--data", folder, "--centre", "lyon")["database"] == "sqlite"
    store = Store.initialise(open_folder(folder))
    with store.transaction(EDITOR) as tx:
        add_case(tx, "lyon", CASE)
    store.close()
    return folder


def test_a_day_in_the_life_of_a_registry(liverboard: Terminal, data: Path, tmp_path: Path) -> None:
    assert liverboard("init", "--data", data)[0] == 0
    assert liverboard.json("centre", "paris", "--data", data) == {"centre": "paris"}
    assert liverboard("verify", "--data", data, "--keep-head")[1].count("are as they were written") == 1
    kept = tmp_path / "elsewhere.jsonl"
    shutil.copy(data / "heads.jsonl", kept)
    made = liverboard.json("backup", tmp_path / "b.sqlite", "--data", data)
    assert liverboard("backup", tmp_path / "b.sqlite", "--data", data)[0] == 10
    found = liverboard.json("verify", "--data", data, "--head", kept)
    assert found["faults"] == [] and found["heads"] == 3
    new = tmp_path / "new"
    assert liverboard("restore", tmp_path / "b.sqlite", "--data", new)[0] == 12  # not a data folder yet
    assert liverboard("init", "--data", tmp_path / "spare", "--centre", "lyon")[0] == 0
    new.mkdir()
    shutil.copy(data / "config.yaml", new)
    shutil.copytree(data / "keys", new / "keys")
    assert liverboard.json("restore", tmp_path / "b.sqlite", "--data", new)["head"] == made["head"]
    assert liverboard.json("verify", "--data", new, "--head", kept)["faults"] == []
    case = case_as_known(Store.open(open_folder(new)), VIEWER, CaseKey("lyon", "NELM-1")).case
    assert case.events == CASE.events


def test_a_hand_in_the_database_is_shown(liverboard: Terminal, data: Path) -> None:
    with sqlite3.connect(data / "registry.sqlite") as connection:
        connection.execute("DROP TRIGGER events_no_delete")
        connection.execute("DELETE FROM events WHERE event_id = 'l1'")
    code, shown = liverboard("verify", "--data", data, "--keep-head")
    assert code == 10 and "1 faults" in shown and "changed, removed or put in" in shown
    assert not (data / "heads.jsonl").exists()  # no head is kept of a chain that does not hold


def test_a_move_to_postgresql(liverboard: Terminal, data: Path, postgres: Postgres) -> None:
    url = postgres.database().replace("+psycopg", "")
    assert liverboard.json("move", url, "--data", data)["rows"] > 5
    assert liverboard.json("verify", "--data", data)["faults"] == []
    assert liverboard.json("init", "--data", data)["database"] == "postgresql"
    assert liverboard("move", url, "--data", data)[0] == 10  # there are tables already


def test_with_another_key_or_a_key_that_cannot_be_written_nothing_is_done(
    liverboard: Terminal, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(source: object, target: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", read_only)
        code, shown = liverboard("centre", "paris", "--data", data)
    assert code == 10 and "centre-paris.key: it cannot be written" in shown
    assert liverboard.json("centre", "paris", "--data", data) == {"centre": "paris"}  # was not kept without its key
    (data / "keys" / "audit.key").write_text("5a" * 32)
    (tmp_path / "case.yaml").write_text("case: N-1\nevents: []")
    for words in (["import", tmp_path / "case.yaml"], ["centre", "nice"], ["init"], ["backup", tmp_path / "b"]):
        code, shown = liverboard(*words, "--data", data)
        assert code == 10 and "not the one that this registry was written with" in shown


def test_a_decision_that_is_there_is_corrected_where_the_chair_agrees(liverboard: Terminal, data: Path, tmp_path: Path) -> None:  # fmt: skip
    decision = "{id: b1, kind: board, date: 2024-05-02, chosen: tae}"
    file = tmp_path / "case.yaml"
    file.write_text(f"case: N-1\nevents: [{decision}]")
    assert liverboard.json("import", file, "--data", data)["added"] == ["lyon/N-1"]
    file.write_text(f"case: N-1\nevents: [{decision}, {{kind: withdrawal, date: 2024-05-02, corrects: b1, reason: x}}]")
    code, shown = liverboard("import", file, "--data", data)
    assert code == 10 and "changes a decision that the registry holds" in shown
    assert liverboard.json("import", file, "--data", data, "--chair-agrees")["extended"] == ["lyon/N-1"]


def test_cases_come_in_and_go_out_and_in_again(liverboard: Terminal, data: Path, tmp_path: Path) -> None:
    source = tmp_path / "cases"
    source.mkdir()
    for number in range(3):
        case = CASE.model_copy(update={"case": f"N-{number}", "question": None})
        (source / f"{number}.yaml").write_text(write_case(case))
    assert liverboard.json("import", source, "--data", data)["added"] == ["lyon/N-0", "lyon/N-1", "lyon/N-2"]
    assert liverboard("import", source, "--data", data)[1].startswith("0 cases added, 0 with further events, 3 as they were")  # fmt: skip
    (source / "3.yaml").write_text("case: N-3\nevents: [{kind: labs, date: 2024-05-02, bilirubn: 1}]")
    code, shown = liverboard("import", source, "--data", data)
    assert code == 10 and "did you mean 'bilirubin'?" in shown

    assert liverboard.json("export", tmp_path / "out.zip", "--data", data, "--free-text")["cases"] == 4
    other = tmp_path / "other"
    liverboard.json("init", "--data", other, "--centre", "lyon")
    assert len(liverboard.json("import", tmp_path / "out.zip", "--data", other)["added"]) == 4
    first, second = (
        case_as_known(Store.open(open_folder(path)), VIEWER, CaseKey("lyon", "NELM-1")).case for path in (data, other)
    )
    assert first == second

    assert liverboard.json("export", tmp_path / "f.csv", "--data", data, "--as-of", "2024-06-01")["cases"] == 4
    assert (tmp_path / "f.csv").read_text().startswith("case,centre,as_of,chosen,")
    assert liverboard("export", tmp_path / "n.csv", "--data", data, "--counts", "sex,primary_site")[0] == 14
    for wrong in (["x.txt"], ["x.zip", "--counts", "sex,sex"], ["x.csv", "--counts", "sex"], ["x.csv", "--as-of", "1"]):
        assert liverboard("export", tmp_path / wrong[0], *wrong[1:], "--data", data)[0] == 2
    assert liverboard("export", tmp_path / "old.zip", "--data", data, "--known-at", "2020-01-01")[0] == 10


def test_counts_that_leave_say_what_is_not_protected(liverboard: Terminal, data: Path, tmp_path: Path) -> None:
    store = Store.open(open_folder(data))
    with store.transaction(EDITOR) as tx:
        for number in range(12):
            add_case(tx, "lyon", CASE.model_copy(update={"case": f"N-{number}", "question": None}))
    store.close()
    code, shown = liverboard("export", tmp_path / "n.csv", "--data", data, "--counts", "sex,primary_site")
    assert code == 0 and "not several that overlap" in shown
    told = liverboard.json("export", tmp_path / "again.csv", "--data", data, "--counts", "sex,primary_site")
    assert (told["cases"], "Beside another table" in told["note"]) == (13, True)
    assert "note" not in liverboard.json("export", tmp_path / "f.csv", "--data", data)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["init"], 2),
        (["init", "--centre", "a b"], 10),
        (["verify"], 12),
        (["verify", "--head", "none"], 12),
        (["backup", "b"], 12),
        (["restore", "b"], 12),
        (["move", "mysql://x"], 12),
        (["centre", "x"], 12),
    ],
)
def test_what_cannot_be_done_is_said(liverboard: Terminal, tmp_path: Path, words: list[str], code: int) -> None:
    assert liverboard(*words, "--data", tmp_path / "none")[0] == code
    assert not (tmp_path / "none").exists() or words[:2] == ["init", "--centre"]
