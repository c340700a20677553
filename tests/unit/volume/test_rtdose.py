"""Is a dose read in Gy and at its place, and refused in words where it is none, whatever the file?"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from pydicom.dataset import Dataset
from tests.dicom_samples import ct, save, uid_from

from liverboard.errors import BadInput, UnsupportedImage
from liverboard.volume import Geometry, Image
from liverboard.volume.rtdose import read_dose

SHAPE = (6, 5, 4)
STEP = 3.0


def planes() -> np.ndarray:
    """Grey values [k, j, i] without symmetry."""
    k, j, i = np.indices(SHAPE[::-1])
    return (1000 * k + 100 * j + 10 * i + 7).astype(np.uint32)


def rtdose(path: Path, **changes: Any) -> Path:
    head: Any = Dataset()
    head.SOPClassUID, head.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.481.2", uid_from("d")
    head.StudyInstanceUID, head.SeriesInstanceUID = uid_from("study"), uid_from("ds")
    head.FrameOfReferenceUID = uid_from("frame")
    head.Modality, head.PatientID, head.PatientName = "RTDOSE", "X", "DOE^JANE"
    head.Columns, head.Rows, head.NumberOfFrames = SHAPE
    head.SamplesPerPixel, head.PhotometricInterpretation = 1, "MONOCHROME2"
    head.BitsAllocated, head.BitsStored, head.HighBit, head.PixelRepresentation = 32, 32, 31, 0
    head.ImagePositionPatient, head.ImageOrientationPatient = [-20, 30, -40], [1, 0, 0, 0, 1, 0]
    head.PixelSpacing = [2.0, 1.5]
    head.GridFrameOffsetVector = [STEP * k for k in range(SHAPE[2])]
    head.DoseUnits, head.DoseType, head.DoseSummationType, head.DoseGridScaling = "GY", "PHYSICAL", "PLAN", "0.01"
    head.PixelData = planes().tobytes()
    for name, value in changes.items():
        if value is None:
            delattr(head, name)
        else:
            setattr(head, name, value)
    return save(head, path)


def at(dose: Image, lps: tuple[float, float, float]) -> float:
    index = np.linalg.inv(dose.geometry.affine) @ np.array([*lps, 1.0])
    i, j, k = (round(float(v)) for v in index[:3])
    assert np.allclose(index[:3], (i, j, k), atol=1e-6)
    return float(dose.array[i, j, k])


PLACED = (-20 + 2 * 1.5, 30 + 3 * 2.0, -40 + 1 * STEP)  # i = 2, j = 3, k = 1
VALUE = 13.27


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"GridFrameOffsetVector": [-40 + STEP * k for k in range(4)]},  # z coordinates
        {"GridFrameOffsetVector": [0, 9, 6, 3], "PixelData": planes()[[0, 3, 2, 1]].tobytes()},  # in no order
        {"GridFrameOffsetVector": [0, -3, -6, -9], "ImagePositionPatient": [-20, 30, -31], "PixelData": planes()[::-1].tobytes()},
        {"GridFrameOffsetVector": [-31, -34, -37, -40], "ImagePositionPatient": [-20, 30, -31], "PixelData": planes()[::-1].tobytes()},
    ],
)  # fmt: skip
def test_values_lie_where_the_offsets_say(changes: dict[str, Any], tmp_path: Path) -> None:
    dose = read_dose(rtdose(tmp_path / "d.dcm", **changes))
    assert dose.origin.unit == "Gy"
    assert dose.array.dtype == np.float32
    assert at(dose, PLACED) == pytest.approx(VALUE)
    assert dose.geometry.spacing_mm == pytest.approx((1.5, 2.0, STEP))


@pytest.mark.parametrize("vector", [[0, 3, 6, 9], [-40, -43, -46, -49]])
def test_planes_of_a_patient_turned_over_run_along_their_own_normal_or_by_z(vector: list[int], tmp_path: Path) -> None:
    """Rows to the right, columns to the back: the normal points to the feet. Offsets run along it, z coordinates by themselves."""
    dose = read_dose(
        rtdose(tmp_path / "d.dcm", GridFrameOffsetVector=vector, ImageOrientationPatient=[-1, 0, 0, 0, 1, 0])
    )
    assert at(dose, (-20 - 2 * 1.5, 30 + 3 * 2.0, -40 - STEP)) == pytest.approx(VALUE)


def test_planes_at_several_distances_are_interpolated_and_said(tmp_path: Path) -> None:
    dose = read_dose(rtdose(tmp_path / "d.dcm", GridFrameOffsetVector=[0, 3, 9, 12]))
    assert at(dose, PLACED) == pytest.approx(VALUE)
    assert at(dose, (PLACED[0], PLACED[1], -40 + 6)) == pytest.approx(VALUE + 5)  # half way from plane 1 to plane 2
    assert "interpolated" in dose.origin.warnings[0]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"DoseUnits": "RELATIVE"}, "relative"),
        ({"DoseUnits": None}, "dose units"),
        ({"DoseType": "ERROR"}, "difference"),
        ({"DoseGridScaling": None}, "Scaling"),
        ({"DoseGridScaling": "0"}, "Scaling"),
        ({"GridFrameOffsetVector": None}, "Offset"),
        ({"GridFrameOffsetVector": [0, 3, 6]}, "Offset"),
        ({"GridFrameOffsetVector": [17, 20, 23, 26]}, "neither"),
        ({"GridFrameOffsetVector": [0, 3, 3, 6]}, "one place"),
        ({"ImagePositionPatient": None}, "where it lies"),
        ({"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]}, "square"),
        ({"PixelSpacing": [0, 1]}, "Spacing"),
        ({"PixelData": planes().tobytes()[:100]}, "decoded"),
    ],
)
def test_what_is_no_dose_in_gy_is_refused_in_words(changes: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedImage, match=said) as refused:
        read_dose(rtdose(tmp_path / "d.dcm", **changes))
    assert refused.value.hint
    assert "DOE" not in str(refused.value)


def test_a_ct_is_no_dose_and_of_several_doses_one_is_picked(tmp_path: Path) -> None:
    ct(tmp_path / "ct")
    with pytest.raises(UnsupportedImage, match="no dose"):
        read_dose(tmp_path / "ct")
    folder = tmp_path / "two"
    folder.mkdir()
    rtdose(folder / "a.dcm")
    rtdose(folder / "b.dcm", SOPInstanceUID=uid_from("other"), DoseGridScaling="0.02", DoseSummationType="BEAM")
    with pytest.raises(UnsupportedImage, match="holds 2 doses"):
        read_dose(folder)
    beam = read_dose(f"{folder}#2")
    assert at(beam, PLACED) == pytest.approx(2 * VALUE)
    assert "part only" in beam.origin.warnings[0]


def test_units_of_a_nifti_dose_are_told_or_said(tmp_path: Path) -> None:
    nib: Any = nibabel
    values = np.full((4, 4, 4), 5000, dtype=np.int16)
    nib.save(nib.Nifti1Image(values, np.eye(4)), tmp_path / "d.nii.gz")
    assert "taken as Gy" in read_dose(tmp_path / "d.nii.gz").origin.warnings[0]
    assert read_dose(tmp_path / "d.nii.gz", "cGy").array.max() == pytest.approx(50)
    nib.save(nib.Nifti1Image(values - 6000, np.eye(4)), tmp_path / "hu.nii.gz")
    with pytest.raises(BadInput, match="negative"):
        read_dose(tmp_path / "hu.nii.gz")
    nib.save(nib.Nifti1Image(values * np.float32(np.nan), np.eye(4)), tmp_path / "nan.nii.gz")
    with pytest.raises(BadInput, match="no number"):
        read_dose(tmp_path / "nan.nii.gz")
    with pytest.raises(BadInput, match="by its own header"):
        read_dose(rtdose(tmp_path / "d.dcm"), "cGy")


def test_a_damaged_dose_ends_in_words_or_in_a_result(tmp_path: Path) -> None:
    rng = random.Random(6)
    victim = rtdose(tmp_path / "d.dcm")
    content = victim.read_bytes()
    refused = 0
    for number in range(200):
        data = bytearray(content)
        if number % 3 == 0:
            del data[rng.randrange(len(data)) :]
        for _ in range(rng.choice((1, 3, 12))):
            if data:
                data[rng.randrange(len(data))] = rng.randrange(256)
        victim.write_bytes(bytes(data))
        try:
            dose = read_dose(victim)
            assert isinstance(dose.geometry, Geometry)
        except (UnsupportedImage, BadInput) as error:
            refused += 1
            assert error.message
            assert error.hint
            assert "DOE" not in str(error)
    assert refused > 60
