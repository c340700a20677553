"""The public samples that have masks, each against what its own description counts or SimpleITK finds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from tests.dicom_samples import sample_data

from liverboard.board.measure import measure_files
from liverboard.board.scan_files import ScanFiles


# Voxels of the liver (label 5) as the samples' description counts them.
@pytest.mark.parametrize(("name", "voxels"), [("example_seg", 38_634), ("example_seg_dicom", 366_708)])
def test_a_totalsegmentator_map_has_its_liver_at_5(name: str, voxels: int) -> None:
    file = sample_data() / "dicom" / "totalseg-example" / f"{name}.nii.gz"
    _, found = measure_files(ScanFiles(liver=f"{file}#5"))
    spacing = sitk.ReadImage(str(file)).GetSpacing()
    assert found.extent.liver_volume_ml == pytest.approx(voxels * np.prod(spacing) / 1000, rel=1e-5)
    assert found.extent.lesion_count is None
    assert found.extent.burden_percent is None
    assert found.extent.pattern.value is None


def _count(file: Path, label: int) -> float:
    statistics = sitk.LabelShapeStatisticsImageFilter()
    statistics.Execute(sitk.ReadImage(str(file)))
    return statistics.GetPhysicalSize(label) / 1000


def test_a_segmentation_and_its_nrrd_are_one_liver() -> None:
    folder = sample_data() / "dicom" / "dcmqi-liver"
    expected = _count(folder / "liver_seg.nrrd", 1)
    for file in ("liver.dcm", "liver_seg.nrrd"):
        _, found = measure_files(ScanFiles(liver=f"{folder}/{file}"))
        assert found.extent.liver_volume_ml == pytest.approx(expected, rel=1e-3), file


def test_overlapping_segments_are_counted_once() -> None:
    _, found = measure_files(ScanFiles(lesions=f"{sample_data()}/dicom/dcmqi-liver/partial_overlaps.dcm"))
    assert found.extent.lesion_count == 5
    each = sum(lesion.volume_ml or 0 for lesion in found.extent.lesions)
    assert (found.extent.tumour_volume_ml or 0) < each - 1
    assert any("overlap by" in warning for warning in found.extent.warnings)
    assert found.extent.pattern.value is None, "never a guess without segments"


def test_structures_without_a_liver_ask_for_one() -> None:
    from liverboard.errors import BadInput

    with pytest.raises(BadInput, match="none is named liver") as told:
        measure_files(ScanFiles(liver=f"{sample_data()}/imaging/dicom_rt_breast/rtss.dcm"))
    assert "Heart" in str(told.value.hint)
