"""Three files, whole or not at all."""

from pathlib import Path

import pytest

import report_samples as samples
from liverboard.board.dossier import Dossier
from liverboard.errors import BadInput
from liverboard.report import write


def test_writes_three_whole_files_and_makes_the_folder(tmp_path: Path) -> None:
    dossier = samples.full()
    paths = write.write_dossier(dossier, tmp_path / "a" / "b")
    assert sorted(p.name for p in (tmp_path / "a" / "b").iterdir()) == ["dossier.html", "dossier.json", "dossier.pdf"]
    assert Dossier.model_validate_json(paths["json"].read_text(encoding="utf-8")) == dossier
    assert paths["pdf"].read_bytes().startswith(b"%PDF")
    before = {kind: p.read_bytes() for kind, p in paths.items()}
    assert {kind: p.read_bytes() for kind, p in write.write_dossier(dossier, tmp_path / "a" / "b").items()} == before


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(BadInput) as caught:
        write.write_dossier(samples.sparse(), tmp_path / "out")
    assert caught.value.where.endswith("out")
    assert caught.value.hint
    assert (tmp_path / "out").read_text() == "mine"


def test_a_folder_in_the_place_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "dossier.pdf").mkdir()
    with pytest.raises(BadInput):
        write.write_dossier(samples.sparse(), tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["dossier.pdf"]


def test_nothing_is_written_when_a_rendering_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Dossier) -> bytes:
        raise RuntimeError("no")

    monkeypatch.setattr("liverboard.report.pdf.render_pdf", fail)
    with pytest.raises(RuntimeError):
        write.write_dossier(samples.sparse(), tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_no_half_file_under_a_final_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(write.os, "fsync", full_disk)
    with pytest.raises(BadInput, match="No space left"):
        write.write_dossier(samples.sparse(), tmp_path)
    assert list(tmp_path.iterdir()) == []
