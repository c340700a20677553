"""SimpleITK (GDCM) as an independent reader of the same series: values equal, corners in the same place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from tests.dicom_samples import ct, sample_data

from liverboard.volume import read_image

REAL = ("crlm-1004-ct", "totalseg-example/dicom")


def peer(folder: Path) -> sitk.Image:
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return reader.Execute()


def equal(folder: Path) -> None:
    ours, theirs = read_image(folder), peer(folder)
    array = sitk.GetArrayFromImage(theirs).transpose(2, 1, 0)
    last = [n - 1 for n in theirs.GetSize()]
    mine = ours.geometry.lps_mm(np.array([[0.0, 0, 0], last]))
    its = np.array([theirs.TransformIndexToPhysicalPoint([0, 0, 0]), theirs.TransformIndexToPhysicalPoint(last)])
    if np.abs(mine[0] - its[0]).max() > 1:  # the other end is first
        array = array[:, :, ::-1]
    np.testing.assert_array_equal(ours.array, array)
    corners = np.sort(mine[:, 2]), np.sort(its[:, 2])
    np.testing.assert_allclose(*corners, atol=1e-3)
    np.testing.assert_allclose(mine[:, :2], its[:, :2], atol=1e-3)


@pytest.mark.parametrize("name", REAL)
def test_a_real_series(name: str) -> None:
    equal(sample_data() / "dicom" / name)


def test_a_made_up_series(tmp_path: Path) -> None:
    ct(tmp_path)
    equal(tmp_path)
