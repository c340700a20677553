"""The bundled real case against SimpleITK, an independent reader and measurer: volumes within 0.5 %, centroids within 0.1 mm."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest
import SimpleITK as sitk  # noqa: N813

from liverboard.board.measure import measure_files
from liverboard.board.scan_files import ScanFiles

SEGMENTATION = Path(
    str(resources.files("liverboard") / "knowledge" / "samples" / "real-y90" / "patient_1_Segmentation.seg.nrrd")
)


def test_liver_and_tumours_of_the_bundled_case() -> None:
    image = sitk.ReadImage(str(SEGMENTATION))
    shapes = []
    for channel in range(2):
        shape = sitk.LabelShapeStatisticsImageFilter()
        shape.Execute(sitk.VectorIndexSelectionCast(image, channel))
        shapes.append(shape)
    ours = measure_files(ScanFiles(liver=str(SEGMENTATION)))[1].extent
    assert ours.liver_volume_ml == pytest.approx(shapes[0].GetPhysicalSize(1) / 1000, rel=0.005)
    assert ours.lesion_count == 6
    by_id = {lesion.id: lesion for lesion in ours.lesions}
    for label in range(1, 7):
        lesion = by_id[f"Tumor {label}"]
        assert lesion.volume_ml == pytest.approx(shapes[1].GetPhysicalSize(label) / 1000, rel=0.005)
        assert lesion.centroid_lps_mm == pytest.approx(shapes[1].GetCentroid(label), abs=0.1)
    total = sum(shapes[1].GetPhysicalSize(label) for label in range(1, 7)) / 1000
    assert ours.tumour_volume_ml == pytest.approx(total, rel=0.005)
    assert ours.burden_percent == pytest.approx(100 * total / (shapes[0].GetPhysicalSize(1) / 1000), rel=0.005)
