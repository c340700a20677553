"""`dvh` as a user runs it: keys, words, exit codes, surfaces, and what does not belong together."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import trimesh
from tests.dicom_samples import structure_set, uid_from
from tests.unit.volume.test_rtdose import rtdose
from typer.testing import CliRunner

from liverboard.cli.app import app
from liverboard.errors import BadInput, MissingData, UnsupportedImage, UserError

KEYS = {"volume_ml", "mean_gy", "min_gy", "max_gy", "d95_gy", "d70_gy", "d50_gy", "d2_gy"}


def run(*words: object) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=True)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture
def dose(tmp_path: Path) -> Path:
    """1 Gy more each mm to the left, 50 Gy at x = 0; 2 mm voxels, NIfTI (RAS)."""
    nib: Any = nibabel
    affine = np.diag([-2.0, -2.0, 2.0, 1.0])
    affine[:3, 3] = (40, 40, -40)
    values = np.broadcast_to((50 + (2.0 * np.arange(41) - 40))[:, None, None], (41, 41, 41)).astype(np.float32)
    nib.save(nib.Nifti1Image(values, affine), tmp_path / "dose.nii.gz")
    return tmp_path / "dose.nii.gz"


def ball(folder: Path, head: str | None, x_mm: float) -> Path:
    """A sphere of 5 mm at x (in the coordinates that the file says) as binary STL."""
    mesh: Any = trimesh.creation.icosphere(4, radius=5)
    mesh.apply_translation([x_mm, 0, 0])
    data = bytearray(mesh.export(file_type="stl"))
    data[:80] = (head or "a ball").encode().ljust(80)
    (folder / "ball.stl").write_bytes(bytes(data))
    return folder / "ball.stl"


def test_a_stl_says_its_coordinates_or_they_are_said(dose: Path, tmp_path: Path) -> None:
    told = json.loads(run("dvh", "--dose", dose, "--structures", ball(tmp_path, "SPACE=LPS", 20), "--json"))
    assert told["structures"].keys() == {"ball"}
    assert told["structures"]["ball"].keys() >= KEYS
    assert told["structures"]["ball"]["mean_gy"] == pytest.approx(70, abs=0.05)
    assert told["structures"]["ball"]["volume_ml"] == pytest.approx(0.5236, rel=0.01)
    untold = json.loads(run("dvh", "--dose", dose, "--structures", ball(tmp_path, None, 20), "--json"))
    assert untold["structures"]["ball"]["mean_gy"] == pytest.approx(30, abs=0.05)
    assert any("taken as RAS" in warning for warning in untold["warnings"])
    said = run("dvh", "--dose", dose, "--structures", tmp_path / "ball.stl", "--surface-space", "LPS", "--alpha", "0.1")
    assert "70.0" in said
    assert "EUD" in said
    with pytest.raises(UnsupportedImage, match="written in LPS"):
        run("dvh", "--dose", dose, "--structures", ball(tmp_path, "SPACE=LPS", 20), "--surface-space", "RAS")


def test_an_open_surface_and_one_beyond_the_dose_are_refused(dose: Path, tmp_path: Path) -> None:
    mesh: Any = trimesh.creation.icosphere(2, radius=5)
    mesh.update_faces(np.arange(len(mesh.faces)) > 3)
    (tmp_path / "open.stl").write_bytes(mesh.export(file_type="stl"))
    with pytest.raises(UnsupportedImage, match="not closed"):
        run("dvh", "--dose", dose, "--structures", tmp_path / "open.stl")
    with pytest.raises(BadInput, match="outside the dose"):
        run("dvh", "--dose", dose, "--structures", ball(tmp_path, "SPACE=LPS", 900))


def test_without_vtk_the_message_names_the_extra(dose: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "s.vtp").write_text("<VTKFile type='PolyData'/>")
    monkeypatch.setitem(sys.modules, "vtkmodules.vtkIOXML", None)
    with pytest.raises(MissingData) as missing:
        run("dvh", "--dose", dose, "--structures", tmp_path / "s.vtp")
    assert "liverboard[surfaces]" in missing.value.hint


@pytest.mark.parametrize("content", [b"", b"nothing", b"<VTKFile type='PolyData'/>", b"<?xml version='1.0'?><a/>"])
@pytest.mark.parametrize("name", ["s.vtp", "s.vtm", "s.stl"])
def test_a_damaged_surface_file_ends_in_words(name: str, content: bytes, dose: Path, tmp_path: Path) -> None:
    pytest.importorskip("vtkmodules")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnsupportedImage) as refused:
        run("dvh", "--dose", dose, "--structures", tmp_path / name)
    assert refused.value.hint


def square(z: float, side: float = 3.0) -> list[tuple[float, float, float]]:
    x, y = -16.0, 34.0
    return [(x - side / 2, y - side / 2, z), (x + side / 2, y - side / 2, z), (x + side / 2, y + side / 2, z), (x - side / 2, y + side / 2, z)]  # fmt: skip


def test_frames_of_reference_that_differ_are_refused_unless_told(tmp_path: Path) -> None:
    drawn = structure_set(tmp_path / "rt.dcm", {"Box": [square(-38.0), square(-35.0)], "Nothing": []})
    rtdose(tmp_path / "same.dcm")
    document = json.loads(run("dvh", "--dose", tmp_path / "same.dcm", "--structures", drawn, "--json"))
    assert document["structures"]["Box"]["volume_ml"] == pytest.approx(0.054, rel=0.01)
    assert document["structures"]["Nothing"]["mean_gy"] is None
    import pydicom

    other: Any = pydicom.dcmread(drawn)
    other.FrameOfReferenceUID = uid_from("another frame")
    other.save_as(drawn)
    with pytest.raises(BadInput, match="different frames of reference"):
        run("dvh", "--dose", tmp_path / "same.dcm", "--structures", drawn)
    told = json.loads(run("dvh", "--dose", tmp_path / "same.dcm", "--structures", drawn, "--same-space", "--json"))
    assert any("as told" in warning for warning in told["warnings"])


@pytest.mark.parametrize("words", [("--dose-unit", "rad"), ("--surface-space", "xyz"), ("--alpha", "-1")])
def test_wrong_words_are_wrong_usage(words: tuple[str, str], dose: Path) -> None:
    done = CliRunner().invoke(app, ["dvh", "--dose", str(dose), "--structures", str(dose), *words])
    assert done.exit_code == 2
    assert not isinstance(done.exception, UserError)


def test_doctor_says_whether_surfaces_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import metadata

    def absent(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", absent)
    from liverboard.cli.doctor import examine

    optional = examine()["optional"]
    assert isinstance(optional, dict)
    assert "liverboard[surfaces]" in optional["surfaces in .vtp and .vtm (VTK)"]
