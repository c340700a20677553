"""What `extent -o` writes: is it valid DICOM, does it read back as what was measured, do surfaces and pictures show the lesions?"""

from __future__ import annotations

import datetime as dt
import io
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813
import trimesh
from PIL import Image as Picture
from tests.dicom_samples import sample_data
from tests.phantom_samples import small_phantom, truth_of

from liverboard.board.measure import measure_files
from liverboard.board.scan_files import ScanFiles
from liverboard.report.extent_files import write_extent
from liverboard.volume import read_image, read_masks

WHEN = dt.datetime(2025, 3, 4, 5, 6, 7)  # noqa: DTZ001
SOURCES = ("nifti", "dicom")


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_phantom(tmp_path_factory)


@pytest.fixture(scope="module", params=SOURCES)
def written(
    request: pytest.FixtureRequest, phantom: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any], str]:
    """The folder, extent.json, and where the image came from."""
    source = str(request.param)
    files = (
        ScanFiles(liver=f"{phantom}/dicom/segmentation.dcm", images={"native": f"{phantom}/dicom/native", "arterial": f"{phantom}/dicom/arterial"})
        if source == "dicom"
        else ScanFiles(
            liver=f"{phantom}/liver.nii.gz", lesions=f"{phantom}/lesions.nii.gz", landmarks=f"{phantom}/landmarks.yaml",
            vessels=f"{phantom}/vessels.nii.gz", ducts=f"{phantom}/ducts.nii.gz", images={"arterial": f"{phantom}/arterial.nii.gz"},
        )
    )  # fmt: skip
    read, measured = measure_files(files)
    out = tmp_path_factory.mktemp(source)
    write_extent(out, measured.extent.model_dump(mode="json"), read, measured, when=WHEN, step=lambda text: None)
    return out, json.loads((out / "extent.json").read_text()), source


def test_every_file_that_is_named_is_there_and_nothing_else(written: tuple[Path, dict[str, Any], str]) -> None:
    folder, told, source = written
    named: set[str] = {"extent.json"}
    for held in told["files"].values():
        named |= set(held.values()) if isinstance(held, dict) else {held}
    assert {str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file()} == named
    assert told["notes"] == []
    assert ("landmarks" in told["files"]) == (source == "nifti")


def test_dicom_has_no_error_for_an_independent_checker(written: tuple[Path, dict[str, Any], str]) -> None:
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy (Debian: dicom3tools) is not installed")
    for name in ("segmentation.dcm", "report.dcm"):
        checked = subprocess.run(
            ["dciodvfy", written[0] / name], capture_output=True, encoding="utf-8", errors="replace", check=False
        )
        assert "Error" not in checked.stdout + checked.stderr, checked.stderr


def test_the_segmentation_reads_back_equal(written: tuple[Path, dict[str, Any], str], phantom: Path) -> None:
    folder, told, source = written
    masks = {mask.name: mask for mask in read_masks(folder / "segmentation.dcm")}
    for lesion in told["lesions"]:
        mask = masks[lesion["id"]]
        assert np.count_nonzero(mask.array) * mask.geometry.voxel_volume_ml == pytest.approx(
            lesion["volume_ml"], rel=1e-6
        )
        centre = mask.geometry.lps_mm(np.argwhere(mask.array).astype(float)).mean(axis=0)
        assert centre == pytest.approx(lesion["centroid_lps_mm"], abs=1e-3)
    head: Any = pydicom.dcmread(folder / "segmentation.dcm", stop_before_pixels=True)
    codes = {str(s.SegmentLabel): str(s.SegmentedPropertyTypeCodeSequence[0].CodeMeaning) for s in head.SegmentSequence}
    assert codes["liver_segment_4"] == "Couinaud hepatic segment IV"
    series: Any = pydicom.dcmread(next((phantom / "dicom" / "native").glob("*.dcm")), stop_before_pixels=True)
    assert (head.StudyInstanceUID == series.StudyInstanceUID) == (source == "dicom")
    automatic = {str(s.SegmentLabel) for s in head.SegmentSequence if s.SegmentAlgorithmType == "AUTOMATIC"}
    assert automatic == (set() if source == "dicom" else {f"liver_segment_{n}" for n in range(1, 9)}), (
        "planes cut by a program are marked"
    )


def test_an_independent_reader_finds_the_segments(written: tuple[Path, dict[str, Any], str]) -> None:
    folder, told, _ = written
    seg = hd.seg.segread(folder / "segmentation.dcm")
    numbers = {s.segment_label: s.segment_number for s in (seg.get_segment_description(n) for n in seg.segment_numbers)}
    for lesion in told["lesions"][:3]:
        volume = seg.get_volume(segment_numbers=[numbers[lesion["id"]]])
        found = int(volume.array.astype(bool).sum()) * volume.voxel_volume / 1000
        assert found == pytest.approx(lesion["volume_ml"], rel=1e-4)


def test_the_report_reads_back_equal(written: tuple[Path, dict[str, Any], str]) -> None:
    folder, told, _ = written
    report: Any = hd.sr.srread(folder / "report.dcm")
    groups = {g.tracking_identifier: g for g in report.content.get_volumetric_roi_measurement_groups()}
    for lesion in told["lesions"]:
        found = {
            (m.name.meaning, None if m.method is None else m.method.meaning): m.value
            for m in groups[lesion["id"]].get_measurements()
        }
        named = {name: value for (name, _), value in found.items()}
        assert named["Volume"] == pytest.approx(lesion["volume_ml"], rel=1e-8)
        assert named["Long Axis"] == pytest.approx(lesion["longest_axial_mm"], rel=1e-8)
        assert named["Short Axis"] == pytest.approx(lesion["short_axial_mm"], rel=1e-8)
        assert named["Maximum 3D Diameter of a Mesh"] == pytest.approx(lesion["longest_3d_mm"], rel=1e-8)
        for phase in lesion["phases"]:
            mean = next(value for (_, method), value in found.items() if method == f"{phase['phase']} phase")
            assert mean == pytest.approx(phase["mean"], rel=1e-8)
        sites = [site.value.meaning for site in groups[lesion["id"]].finding_sites]
        assert len(sites) == len(lesion["segments"])
    liver = {m.name.meaning: m.value for m in groups["Liver"].get_measurements()}
    assert liver["Volume"] == pytest.approx(told["liver_volume_ml"], rel=1e-8)
    assert liver["Tumour volume as share of liver volume"] == pytest.approx(told["burden_percent"], rel=1e-8)
    text = str(report)
    assert "99LIVERBOARD" in text


def test_nifti_lies_on_the_image(written: tuple[Path, dict[str, Any], str], phantom: Path) -> None:
    folder, told, _ = written
    image = sitk.ReadImage(str(phantom / "arterial.nii.gz"))
    labels = sitk.ReadImage(str(folder / "lesions.nii.gz"))
    assert labels.GetSize() == image.GetSize()
    statistics = sitk.LabelShapeStatisticsImageFilter()
    statistics.Execute(sitk.Cast(labels, sitk.sitkUInt16))
    for lesion in told["lesions"]:
        value = told["labels"][lesion["id"]]
        assert statistics.GetPhysicalSize(value) / 1000 == pytest.approx(lesion["volume_ml"], rel=1e-5)
        assert statistics.GetCentroid(value) == pytest.approx(lesion["centroid_lps_mm"], abs=1e-2)


def test_surfaces_are_closed_and_as_large_as_the_lesions(written: tuple[Path, dict[str, Any], str]) -> None:
    folder, told, _ = written
    scene = trimesh.load(folder / "meshes" / "scene.glb")
    for lesion in told["lesions"]:
        mesh = scene.geometry[lesion["id"]]
        name = next(
            file for key, file in told["files"]["meshes"].items() if key == f"lesion-{lesion['id'].replace(' ', '-')}"
        )
        same = trimesh.load(folder / name)
        assert same.is_watertight
        assert same.volume / 1000 == pytest.approx(lesion["volume_ml"], rel=0.12)
        assert same.center_mass == pytest.approx(lesion["centroid_lps_mm"], abs=1.0)
        x, y, z = lesion["centroid_lps_mm"]
        assert 1000 * mesh.vertices.mean(axis=0) == pytest.approx([x, z, -y], abs=2.0), "metres, y to the head"


def test_pictures_show_the_outline_the_diameters_and_the_name(written: tuple[Path, dict[str, Any], str]) -> None:
    folder, told, _ = written
    for lesion in told["lesions"]:
        picture = np.array(
            Picture.open(io.BytesIO((folder / told["files"]["pictures"][lesion["id"]]).read_bytes())).convert("RGB"),
            dtype=int,
        )
        assert picture.shape == (640, 640, 3)
        amber = np.abs(picture - [229, 180, 84]).sum(axis=2) < 60
        ring = np.argwhere(amber[90:600, :])
        field = max(90.0, 2.6 * lesion["longest_axial_mm"])
        width_mm = float(np.ptp(ring, axis=0).max()) * field / 640
        assert width_mm == pytest.approx(lesion["longest_axial_mm"], abs=0.2 * lesion["longest_axial_mm"] + 3)
    sheet = Picture.open(folder / told["files"]["pictures"]["overview"])
    assert sheet.size[0] > 1200


def test_landmarks_given_back_measure_the_same(written: tuple[Path, dict[str, Any], str], phantom: Path) -> None:
    folder, told, source = written
    if source == "dicom":
        pytest.skip("this one has a segment map and no landmarks")
    again = measure_files(
        ScanFiles(
            liver=f"{phantom}/liver.nii.gz", lesions=f"{phantom}/lesions.nii.gz", landmarks=f"{folder}/landmarks.yaml"
        )
    )[1]
    for before, after in zip(told["lesions"], again.extent.lesions, strict=True):
        assert {s["segment"]: s["share"] for s in before["segments"]} == pytest.approx(
            {s.segment: s.share for s in after.segments}
        )


def test_measured_from_dicom_equals_the_truth(phantom: Path) -> None:
    _, measured = measure_files(ScanFiles(liver=f"{phantom}/dicom/segmentation.dcm"))
    truth = truth_of(phantom)
    assert measured.extent.burden_percent == pytest.approx(truth["burden_percent"], rel=1e-6)
    by_id = {lesion.id: lesion for lesion in measured.extent.lesions}
    for lesion in truth["lesions"]:
        found = by_id[f"Lesion {lesion['id']}"]
        assert found.volume_ml == pytest.approx(lesion["volume_ml"], rel=1e-6)
        shares = {s.segment: s.share for s in found.segments}
        assert shares == pytest.approx({s["segment"]: s["share"] for s in lesion["segments"]}, abs=1e-6)
    assert measured.extent.pattern.value == truth["pattern"]


def test_the_series_reads_back_equal_to_the_nifti(phantom: Path) -> None:
    series, file = read_image(phantom / "dicom" / "arterial"), read_image(phantom / "arterial.nii.gz")
    low = series.geometry.lps_mm(np.array([[0.0, 0, 0], [10, 20, 30]]))
    index = np.round((low - file.geometry.affine[:3, 3]) @ np.linalg.inv(file.geometry.affine[:3, :3]).T).astype(int)
    assert [int(series.array[0, 0, 0]), int(series.array[10, 20, 30])] == [int(file.array[tuple(i)]) for i in index]
    assert float(series.array.mean()) == pytest.approx(float(file.array.mean()), abs=1e-6)


def test_a_series_that_an_anonymiser_left_without_identifiers_is_told_and_measured(tmp_path: Path) -> None:
    """The study's, the slices' and the SOP class's identifiers of this public series are blank: an object cannot name them."""
    folder = sample_data() / "dicom" / "totalseg-example"
    files = ScanFiles(liver=f"{folder}/example_seg_dicom.nii.gz#5", images={"portal": f"{folder}/dicom"})
    read, measured = measure_files(files)
    told: Any = write_extent(
        tmp_path, measured.extent.model_dump(mode="json"), read, measured, when=WHEN, step=lambda text: None
    )
    assert "identifiers" in told["notes"][0]
    (mask,) = read_masks(tmp_path / "segmentation.dcm")
    assert np.count_nonzero(mask.array) == 366_708, "voxels of the liver as the sample's own description gives them"


def test_writing_that_breaks_off_leaves_no_extent_json_that_speaks_of_older_files(
    phantom: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, measured = measure_files(ScanFiles(liver=f"{phantom}/liver.nii.gz", lesions=f"{phantom}/lesions.nii.gz"))
    told = measured.extent.model_dump(mode="json")
    write_extent(tmp_path, told, read, measured, when=WHEN, step=lambda text: None)
    assert (tmp_path / "extent.json").exists()
    moved: list[Path] = []

    def break_off(file: Path, place: Path) -> Path:
        if len(moved) == 2 and place.suffix == ".stl":
            raise KeyboardInterrupt
        moved.extend([place] if place.suffix == ".stl" else [])
        return Path(shutil.move(file, place))

    monkeypatch.setattr(Path, "replace", break_off)
    with pytest.raises(KeyboardInterrupt):
        write_extent(tmp_path, told, read, measured, when=WHEN, step=lambda text: None)
    assert not (tmp_path / "extent.json").exists()
    assert not [f for f in tmp_path.iterdir() if f.name.startswith(".")], "nothing half-written stays"


def test_a_series_with_a_blank_character_set_takes_its_segmentation(tmp_path: Path) -> None:
    """The three public slices say nothing of their character set, with an empty element."""
    folder = sample_data() / "dicom" / "dcmqi-liver"
    read, measured = measure_files(ScanFiles(liver=f"{folder}/liver.dcm", images={"portal": f"{folder}"}))
    told: Any = write_extent(
        tmp_path, measured.extent.model_dump(mode="json"), read, measured, when=WHEN, step=lambda text: None
    )
    assert told["notes"] == []
    seg, slice_ = (
        pydicom.dcmread(f, stop_before_pixels=True) for f in (tmp_path / "segmentation.dcm", folder / "01.dcm")
    )
    assert seg.StudyInstanceUID == slice_.StudyInstanceUID
    assert str(seg.PatientName) == str(slice_.PatientName)
    (before,), (after,) = read_masks(folder / "liver.dcm"), read_masks(tmp_path / "segmentation.dcm")
    assert np.count_nonzero(after.array) == np.count_nonzero(before.array)
