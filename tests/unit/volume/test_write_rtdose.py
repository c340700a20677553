"""RTDOSE as written: accepted by dciodvfy, read back by another program, and nothing half-written."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813
from tests.dicom_samples import SPACING, WHEN

from liverboard.errors import BadInput
from liverboard.volume import Geometry, Image
from liverboard.volume.rtdose import read_dose
from liverboard.volume.write_dicom import write_ct_series
from liverboard.volume.write_rtdose import write_rtdose

AFFINE = np.array([[-2.3, 0, 0, 40.0], [0, 2.1, 0, -30.0], [0, 0, 2.78, 11.5], [0, 0, 0, 1]])


def dose(shape: tuple[int, int, int] = (7, 6, 5)) -> Image:
    values = np.random.default_rng(3).gamma(2.0, 40.0, shape).astype(np.float32)
    return Image(values, Geometry(AFFINE, shape))


def test_another_program_reads_the_same_dose_at_the_same_place(tmp_path: Path) -> None:
    given = dose()
    path = write_rtdose(tmp_path / "dose.dcm", given, when=WHEN, description="Absorbed dose")
    read = pydicom.dcmread(path)
    scaled = read.pixel_array * float(read.DoseGridScaling)
    turned = given.array[::-1].transpose(2, 1, 0)  # the first axis runs to the right here, in DICOM to the left
    assert np.abs(scaled - turned).max() <= float(given.array.max()) / 65535 * 0.5001
    image = sitk.ReadImage(str(path))
    assert image.GetSize() == (7, 6, 5)
    corner = given.geometry.lps_mm(np.array([[6.0, 0.0, 0.0]]))[0]
    assert np.allclose(image.GetOrigin(), corner)
    assert np.allclose(image.GetSpacing()[:2], (2.3, 2.1))
    assert np.allclose(np.diff([float(v) for v in read.GridFrameOffsetVector]), 2.78)
    assert read.DoseUnits == "GY"


def test_our_own_reader_gives_the_dose_back(tmp_path: Path) -> None:
    reader = pytest.importorskip("liverboard.volume.rtdose")
    given = dose()
    path = write_rtdose(tmp_path / "dose.dcm", given, when=WHEN, description="Absorbed dose")
    back = reader.read_dose(path)
    assert np.allclose(
        np.sort(back.array.ravel()), np.sort(given.array.ravel()), rtol=0, atol=float(given.array.max()) / 131000
    )
    here = given.geometry.lps_mm(np.array([[2.0, 3.0, 4.0]]))
    index = np.rint((here - back.geometry.affine[:3, 3]) @ np.linalg.inv(back.geometry.affine[:3, :3]).T).astype(int)[0]
    assert back.array[tuple(index)] == pytest.approx(given.array[2, 3, 4], abs=float(given.array.max()) / 131000)


@pytest.mark.parametrize("with_source", [False, True])
def test_dciodvfy_finds_no_error(tmp_path: Path, with_source: bool) -> None:
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy (Debian: dicom3tools) is not installed")
    files: tuple[Path, ...] = ()
    if with_source:
        ct = Image(np.zeros((8, 8, 4), np.int16), Geometry(np.diag([*SPACING, 1.0]), (8, 8, 4)))
        files = write_ct_series(
            ct, tmp_path / "ct", study_uid="1.2.3", series_uid="1.2.3.4", frame_of_reference_uid="1.2.3.5",
            series_number=1, description="ct", when=WHEN,
        )  # fmt: skip
    path = write_rtdose(tmp_path / "dose.dcm", dose(), source=files, when=WHEN, description="Dose", comment="local")
    checked = subprocess.run(["dciodvfy", path], capture_output=True, encoding="utf-8", errors="replace", check=False)
    assert checked.returncode == 0, checked.stderr
    assert "Error" not in checked.stderr, checked.stderr
    assert "RTDose" in checked.stderr + checked.stdout
    # Microspheres have no RT Plan, so none is named.
    assert "ReferencedRTPlanSequence" not in pydicom.dcmread(path)
    assert read_dose(str(path)).origin.warnings == ()
    if with_source:
        read = pydicom.dcmread(path)
        assert read.FrameOfReferenceUID == "1.2.3.5"
        assert read.StudyInstanceUID == "1.2.3"


def test_nothing_dosed_is_written_as_zero(tmp_path: Path) -> None:
    empty = Image(np.zeros((4, 4, 3), np.float32), Geometry(AFFINE, (4, 4, 3)))
    read = pydicom.dcmread(write_rtdose(tmp_path / "dose.dcm", empty, when=WHEN, description="none"))
    assert not read.pixel_array.any()


@pytest.mark.parametrize("wrong", [-1.0, np.nan, np.inf])
def test_no_dose_no_file(tmp_path: Path, wrong: float) -> None:
    given = dose()
    given.array[1, 1, 1] = wrong
    with pytest.raises(BadInput):
        write_rtdose(tmp_path / "dose.dcm", given, when=WHEN, description="Dose")
    assert not list(tmp_path.iterdir())
