"""Are the structures of a SEG or RTSTRUCT the voxels that were drawn, however they are stored?"""

from __future__ import annotations

import math
import shutil
import subprocess
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import pydicom
import pytest
from pydicom.sr.codedict import codes
from pydicom.uid import RLELossless
from tests.dicom_samples import SHAPE, WHEN, ct, edit, grid, multi_frame, sample_data, structure_set, tomogram

from liverboard.errors import UnsupportedImage
from liverboard.volume import Geometry, LabelMap, read_image, read_label_maps, read_masks
from liverboard.volume.write_dicom import Structure, write_seg

Points = list[tuple[float, float, float]]


def drawn() -> dict[str, np.ndarray[Any, np.dtype[np.bool_]]]:
    """Three structures [i, j, k]: two overlap, one lies in two slices far apart."""
    arrays = {name: np.zeros(SHAPE, np.bool_) for name in ("one", "two", "far")}
    arrays["one"][3:9, 2:17, 4:6] = True
    arrays["two"][5:12, 4:9, 5:9] = True
    arrays["far"][20, 3, [1, 12]] = True
    return arrays


def described(number: int, name: str, algorithm: str = "MANUAL") -> hd.seg.SegmentDescription:
    automatic = hd.AlgorithmIdentificationSequence("nnU-Net", codes.DCM.ArtificialIntelligence, "2")
    return hd.seg.SegmentDescription(
        number,
        name,
        codes.SCT.MorphologicallyAbnormalStructure,
        codes.SCT.Neoplasm,
        algorithm,
        automatic if algorithm != "MANUAL" else None,
    )


def seg(folder: Path, kind: str, *, names: tuple[str, ...] = ("one", "two", "far"), algorithm: str = "MANUAL") -> Path:
    """Written by highdicom on a CT series whose files are given head first."""
    sources = [pydicom.dcmread(file) for file in ct(folder / "ct")][::-1]
    arrays = [drawn()[name][:, :, ::-1].transpose(2, 1, 0) for name in names]
    if kind == "LABELMAP":
        pixels: Any = sum(
            (array.astype(np.uint8) * n for n, array in enumerate(arrays, 1)), np.zeros_like(arrays[0], np.uint8)
        )
    elif kind == "FRACTIONAL":
        pixels = np.stack([0.3 + 0.4 * array for array in arrays], axis=-1)
    else:
        pixels = np.stack(arrays, axis=-1).astype(np.uint8)
    made = hd.seg.Segmentation(
        source_images=sources,
        pixel_array=pixels,
        segmentation_type=kind,
        segment_descriptions=[described(n, name, algorithm) for n, name in enumerate(names, 1)],
        series_instance_uid=hd.UID(),
        series_number=2,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer="x",
        manufacturer_model_name="x",
        software_versions="1",
        device_serial_number="1",
    )
    made.save_as(folder / "seg.dcm")
    return folder / "seg.dcm"


def centroid(array: np.ndarray[Any, Any], geometry: Geometry) -> list[float]:
    return [float(c) for c in geometry.lps_mm(np.argwhere(array).astype(float)).mean(axis=0)]


@pytest.mark.parametrize(("kind", "names"), [
    ("BINARY", ("one", "two", "far")), ("FRACTIONAL", ("one", "two", "far")), ("LABELMAP", ("one", "far")), ("BINARY", ("far",)),
])  # fmt: skip
def test_each_kind_of_segmentation_holds_the_voxels_that_were_drawn(
    kind: str, names: tuple[str, ...], tmp_path: Path
) -> None:
    found = {mask.name: mask for mask in read_masks(seg(tmp_path, kind, names=names))}
    assert set(found) == set(names)
    for name in names:
        assert np.count_nonzero(found[name].array) == np.count_nonzero(drawn()[name])
        assert centroid(found[name].array, found[name].geometry) == pytest.approx(
            centroid(drawn()[name], grid()), abs=1e-3
        )
        assert found[name].machine is None
        assert found[name].geometry.spacing_mm == pytest.approx((0.8, 1.1, 2.5))


def test_overlapping_segments_go_to_maps_of_their_own_and_parts_are_picked_by_name(tmp_path: Path) -> None:
    file = seg(tmp_path, "BINARY")
    assert [list(each.names.values()) for each in read_label_maps(file)] == [["one", "far"], ["two"]]
    assert [mask.name for mask in read_masks(f"{file}#two,far")] == ["two", "far"]


def test_what_a_program_drew_is_marked(tmp_path: Path) -> None:
    assert {mask.machine for mask in read_masks(seg(tmp_path, "BINARY", algorithm="AUTOMATIC"))} == {"nnU-Net"}


def test_a_sparse_segmentation_without_a_stated_distance(tmp_path: Path) -> None:
    file = seg(tmp_path, "BINARY")

    def forget(_: int, head: Any) -> None:
        measures = head.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
        if "SpacingBetweenSlices" in measures:
            del measures.SpacingBetweenSlices

    edit([file], forget)
    assert read_masks(file)[0].geometry.spacing_mm == pytest.approx((0.8, 1.1, 2.5))


def test_a_thickness_of_half_the_distance_does_not_halve_the_volume(tmp_path: Path) -> None:
    file = seg(tmp_path, "BINARY")

    def thin(_: int, head: Any) -> None:
        measures = head.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
        if "SpacingBetweenSlices" in measures:
            del measures.SpacingBetweenSlices
        measures.SliceThickness = 1.25

    edit([file], thin)
    assert read_masks(file)[0].geometry.spacing_mm == pytest.approx((0.8, 1.1, 2.5))


def test_a_label_that_is_not_described_does_not_become_another(tmp_path: Path) -> None:
    file = seg(tmp_path, "LABELMAP", names=("one", "far"))

    def wide(_: int, head: Any) -> None:
        pixels = head.pixel_array.astype("<u2")
        pixels[0, 0, 0] = 257
        head.BitsAllocated, head.BitsStored, head.HighBit, head.PixelData = 16, 16, 15, pixels.tobytes()

    edit([file], wide)
    assert {mask.name: int(mask.array.sum()) for mask in read_masks(file)} == {"one": 180, "far": 2}


def test_labels_with_control_characters_are_not_repeated(tmp_path: Path) -> None:
    file = seg(tmp_path, "BINARY", names=("one", "far"))

    def odd(_: int, head: Any) -> None:
        head.SegmentSequence[0].SegmentLabel, head.SegmentSequence[1].SegmentLabel = "a\x1b[31mred", "<script>"

    edit([file], odd)
    assert [mask.name for mask in read_masks(file)] == ["Segment 1", "<script>"]


def test_packed_frames_of_a_segmentation(tmp_path: Path) -> None:
    file = seg(tmp_path, "FRACTIONAL")
    edit([file], lambda _, head: head.compress(RLELossless, generate_instance_uid=False))
    assert {m.name: int(m.array.sum()) for m in read_masks(file)} == {n: int(a.sum()) for n, a in drawn().items()}


def test_what_is_written_is_read_back_equal(tmp_path: Path) -> None:
    source = ct(tmp_path / "ct")
    image = read_image(tmp_path / "ct")
    arrays = drawn()
    lesions = arrays["one"].astype(np.uint8) + 2 * arrays["far"]
    maps = (
        Structure(LabelMap(lesions, image.geometry, {1: "L1", 2: "L2"}), "lesion"),
        Structure(
            LabelMap(arrays["two"].view(np.uint8), image.geometry, {1: "Liver"}, machine="TotalSegmentator 2.18"),
            "liver",
        ),
    )
    for given, name in (((), "alone.dcm"), (source, "with.dcm")):
        file = write_seg(tmp_path / name, maps, source=given, when=WHEN)
        found = {mask.name: mask for mask in read_masks(file)}
        for label, array in (("L1", arrays["one"]), ("L2", arrays["far"]), ("Liver", arrays["two"])):
            assert np.count_nonzero(found[label].array) == np.count_nonzero(array)
            assert centroid(found[label].array, found[label].geometry) == pytest.approx(
                centroid(array, image.geometry), abs=1e-3
            )
        assert found["Liver"].machine == "TotalSegmentator 2.18"
        assert found["L1"].machine is None
        head = pydicom.dcmread(file)
        assert (str(head.PatientName) == "DOE^PHANTOM") == bool(given)


def _sagittal(number: int, head: Any) -> None:
    head.ImageOrientationPatient, head.ImagePositionPatient = [0, 1, 0, 0, 0, -1], [-30 + 2.5 * number, 12, -70]


def _prone(_: int, head: Any) -> None:
    head.ImageOrientationPatient = [-1, 0, 0, 0, -1, 0]


def _tilted(number: int, head: Any) -> None:
    head.ImagePositionPatient = [-30, 12 + 0.5 * number, -70 + 2.5 * number]


def _blank_class(_: int, head: Any) -> None:
    head.SOPClassUID = ""


def _whole(_: int, head: Any) -> None:
    head.FrameOfReferenceUID = "1.2.3.4"


SERIES = {"sagittal": _sagittal, "prone": _prone, "tilted": _tilted, "blank class": _blank_class}


@pytest.mark.parametrize("kind", [*SERIES, "multi-frame CT", "multi-frame MR", "tomogram"])
def test_a_segmentation_joins_the_study_of_whatever_series_it_was_drawn_on(kind: str, tmp_path: Path) -> None:
    place = tmp_path / "ct"
    if kind in SERIES:
        edit(ct(place), SERIES[kind])
    else:
        place = tmp_path / "one.dcm"
        edit([tomogram(place) if kind == "tomogram" else multi_frame(place, kind[-2:])], _whole)
    image = read_image(place)
    array = drawn()["one"]
    maps = [Structure(LabelMap(array.astype(np.uint8), image.geometry, {1: "L1"}), "lesion")]
    file = write_seg(tmp_path / "seg.dcm", maps, source=image.origin.files, when=WHEN)
    (mask,) = read_masks(file)
    assert np.count_nonzero(mask.array) == np.count_nonzero(array)
    assert centroid(mask.array, mask.geometry) == pytest.approx(centroid(array, image.geometry), abs=1e-3)
    assert mask.geometry.voxel_volume_ml == pytest.approx(image.geometry.voxel_volume_ml, rel=1e-6)
    head: Any = pydicom.dcmread(file)
    source: Any = pydicom.dcmread(image.origin.files[0])
    assert head.StudyInstanceUID == source.StudyInstanceUID
    assert head.FrameOfReferenceUID == source.FrameOfReferenceUID
    (series,) = head.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == source.SeriesInstanceUID
    known = {str(pydicom.dcmread(f).SOPInstanceUID) for f in image.origin.files}
    listed = [str(item.ReferencedSOPInstanceUID) for item in series.ReferencedInstanceSequence]
    assert len(set(listed)) == len(listed)
    assert set(listed) <= known
    if shutil.which("dciodvfy"):
        checked = subprocess.run(
            ["dciodvfy", file], capture_output=True, encoding="utf-8", errors="replace", check=False
        )
        assert "Error" not in checked.stdout + checked.stderr, checked.stderr


def test_names_are_written_as_dicom_can_hold_them(tmp_path: Path) -> None:
    array = np.zeros(SHAPE, np.uint8)
    names = ("a\\b", "x\x1b[1m\n", "<script>", "L" * 100, "Läsion", "肝臓 病変")
    for number in range(len(names)):
        array[2 + 3 * number : 4 + 3 * number, 3:8, 4:7] = number + 1
    maps = [Structure(LabelMap(array, grid(), dict(enumerate(names, 1))), "lesion")]
    source = ct(tmp_path / "ct")

    def western(_: int, head: Any) -> None:
        head.SpecificCharacterSet, head.PatientName = "ISO_IR 100", "Müller^Jörg"

    edit(source, western)
    for given in ((), source):
        file = write_seg(tmp_path / "seg.dcm", maps, source=given, when=WHEN)
        assert [m.name for m in read_masks(file)] == ["a b", "x [1m", "<script>", "L" * 64, "Läsion", "肝臓 病変"]
        assert not given or str(pydicom.dcmread(file).PatientName) == "Müller^Jörg"


def test_bad_segmentations_end_in_words(tmp_path: Path) -> None:
    def told(change: Any, part: str) -> None:
        file = seg(tmp_path / part, "BINARY") if (tmp_path / part).mkdir() is None else Path()
        edit([file], change)
        with pytest.raises(UnsupportedImage) as caught:
            read_label_maps(file)
        assert caught.value.hint
        assert "DOE" not in str(caught.value)

    def no_segments(_: int, head: Any) -> None:
        head.SegmentSequence = []

    def no_frames(_: int, head: Any) -> None:
        head.PerFrameFunctionalGroupsSequence, head.NumberOfFrames = [], 0

    def few_pixels(_: int, head: Any) -> None:
        head.PixelData = head.PixelData[:40]

    def foreign(_: int, head: Any) -> None:
        head.PerFrameFunctionalGroupsSequence[0].SegmentIdentificationSequence[0].ReferencedSegmentNumber = 9

    def no_place(_: int, head: Any) -> None:
        del head.PerFrameFunctionalGroupsSequence[0].PlanePositionSequence

    def aside(_: int, head: Any) -> None:
        head.PerFrameFunctionalGroupsSequence[1].PlanePositionSequence[0].ImagePositionPatient[0] = -10

    def turned(_: int, head: Any) -> None:
        plane = pydicom.Dataset()
        plane.ImageOrientationPatient = [0, 1, 0, 1, 0, 0]
        head.PerFrameFunctionalGroupsSequence[1].PlaneOrientationSequence = [plane]

    def far_away(_: int, head: Any) -> None:
        head.PerFrameFunctionalGroupsSequence[1].PlanePositionSequence[0].ImagePositionPatient = [-30, 12, 1e8]

    changes = (no_segments, no_frames, few_pixels, foreign, no_place, aside, turned, far_away)
    for number, change in enumerate(changes):
        told(change, str(number))
    with pytest.raises(UnsupportedImage, match="no segmentation"):
        read_label_maps(ct(tmp_path / "image")[0])


def circle(centre: tuple[float, float], radius: float, z: float, points: int = 120) -> Points:
    turns = [2 * math.pi * n / points for n in range(points)]
    return [(centre[0] + radius * math.cos(a), centre[1] + radius * math.sin(a), z) for a in turns]


def test_contours_are_filled_with_their_holes_open(tmp_path: Path) -> None:
    affine = np.diag([0.5, 0.5, 2.0, 1.0])
    target = Geometry(affine, (100, 100, 12))
    rings = [
        line
        for k in range(3, 7)
        for line in (circle((25, 25), 15, 2.0 * k), circle((25, 25), 6, 2.0 * k), circle((10, 40), 4, 2.0 * k))
    ]
    (mask,) = read_masks(structure_set(tmp_path / "rt.dcm", {"Liver": rings}), target)
    area = np.count_nonzero(mask.array[:, :, 4]) * 0.25
    assert area == pytest.approx(math.pi * (15**2 - 6**2 + 4**2), rel=0.01)
    assert mask.array.any(axis=(0, 1)).nonzero()[0].tolist() == [3, 4, 5, 6]
    assert not mask.array[50, 50, 4]


def test_contours_between_and_beside_the_slices(tmp_path: Path) -> None:
    target = Geometry(np.diag([1.0, 1.0, 1.0, 1.0]), (40, 40, 30))
    sparse = [circle((20, 20), 10, z) for z in (5.0, 10.0, 15.0)]
    between = [circle((20, 20), 10, z) for z in (5.5, 6.5, 7.5)]
    file = structure_set(tmp_path / "rt.dcm", {"sparse": sparse, "between": between})
    found = {mask.name: mask.array.any(axis=(0, 1)).nonzero()[0].tolist() for mask in read_masks(file, target)}
    assert found["sparse"] == list(range(3, 18)), "each contour stands for the distance between contours"
    assert found["between"] == [6, 7, 8], "three contours 1 mm apart are three slices of 1 mm"
    assert read_masks(file)[0].geometry.spacing_mm[2] == pytest.approx(1.0), "a grid of their own"


def test_bad_structure_sets_end_in_words(tmp_path: Path) -> None:
    target = Geometry(np.diag([1.0, 1.0, 1.0, 1.0]), (40, 40, 30))
    with pytest.raises(UnsupportedImage, match="no closed contour"):
        read_label_maps(structure_set(tmp_path / "none.dcm", {"Liver": []}))
    for stray in ([(1e7, 20.0, 5.0), (2e7, 30.0, 5.0), (2e7, 20.0, 5.0)], circle((20, 20), 8, 1e7)):
        with pytest.raises(UnsupportedImage, match="contours span"):
            read_label_maps(structure_set(tmp_path / "far.dcm", {"Liver": [circle((20, 20), 8, 5.0), stray]}))
    aslant = [(x, y, 5 + 0.3 * x) for x, y, _ in circle((20, 20), 8, 0)]
    with pytest.raises(UnsupportedImage, match="does not lie in a slice"):
        read_label_maps(structure_set(tmp_path / "slant.dcm", {"Liver": [aslant]}), target)


def test_a_real_structure_set_has_the_areas_of_its_contours() -> None:
    file = sample_data() / "imaging" / "dicom_rt_breast" / "rtss.dcm"
    head = pydicom.dcmread(file)
    names = {int(item.ROINumber): str(item.ROIName) for item in head.StructureSetROISequence}
    masks = {mask.name: mask for mask in read_masks(file)}
    assert len(masks) == 9
    for name in ("Heart", "Breast", "Tumor Bed Block"):
        number = next(n for n, each in names.items() if each == name)
        (roi,) = [each for each in head.ROIContourSequence if int(each.ReferencedROINumber) == number]
        area = 0.0
        for contour in roi.ContourSequence:
            x, y = np.array(contour.ContourData, dtype=float).reshape(-1, 3)[:, :2].T
            area += abs(float(x @ np.roll(y, 1) - y @ np.roll(x, 1))) / 2
        filled = np.count_nonzero(masks[name].array) * math.prod(masks[name].geometry.spacing_mm[:2])
        assert filled == pytest.approx(area, rel=0.005)


def test_real_segmentations() -> None:
    data = sample_data() / "dicom"
    (liver,) = read_masks(data / "dcmqi-liver" / "liver.dcm")
    (same,) = read_masks(data / "dcmqi-liver" / "liver_seg.nrrd")
    assert np.count_nonzero(liver.array) == np.count_nonzero(same.array) == 107_098
    assert centroid(liver.array, liver.geometry) == pytest.approx(centroid(same.array, same.geometry), abs=0.01)
    assert len(read_masks(data / "dcmqi-liver" / "partial_overlaps.dcm")) == 5
    small = data / "highdicom-small"
    for name, counts in (("binary", [638]), ("binary_overlap", [64, 16]), ("true_fractional", [638])):
        assert [int(m.array.sum()) for m in read_masks(small / f"seg_image_ct_{name}.dcm")] == counts
    (model,) = read_masks(f"{data / 'totalseg-example' / 'example_seg_dicom.nii.gz'}#5")
    assert np.count_nonzero(model.array) == 366_708
    image = read_image(data / "totalseg-example" / "dicom")
    index = np.linalg.inv(image.geometry.affine) @ [*centroid(model.array, model.geometry), 1.0]
    assert all(0 < i < n for i, n in zip(index, image.geometry.shape, strict=False)), "the map lies on the series"
