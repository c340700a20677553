"""Is the phantom what its truth says, the same for the same seed, and a liver with its sides, neighbours and vessels where they belong?"""

from __future__ import annotations

from pathlib import Path

import cc3d
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from scipy import ndimage
from tests.phantom_samples import small_phantom, truth_of

from liverboard.board.measure import measure_files
from liverboard.board.scan_files import ScanFiles
from liverboard.clinical.pattern import segment_map
from liverboard.errors import BadInput
from liverboard.imaging.segments import as_segments, shared_faces_mm2
from liverboard.phantom import PhantomPlan, make_phantom, write_phantom
from liverboard.phantom.make import GRIDS
from liverboard.volume import read_image, read_label_maps


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_phantom(tmp_path_factory)


def test_an_independent_program_finds_the_truth(phantom: Path) -> None:
    truth = truth_of(phantom)
    liver = sitk.ReadImage(str(phantom / "liver.nii.gz"))
    lesions = sitk.Cast(sitk.ReadImage(str(phantom / "lesions.nii.gz")), sitk.sitkUInt16)
    statistics = sitk.LabelShapeStatisticsImageFilter()
    statistics.Execute(lesions)
    assert len(truth["lesions"]) == statistics.GetNumberOfLabels()
    for lesion in truth["lesions"]:
        assert statistics.GetPhysicalSize(lesion["label"]) / 1000 == pytest.approx(lesion["volume_ml"], rel=1e-5)
        assert statistics.GetCentroid(lesion["label"]) == pytest.approx(lesion["centroid_lps_mm"], abs=1e-2)
        if lesion["analytic_volume_ml"] is not None:
            assert lesion["volume_ml"] == pytest.approx(lesion["analytic_volume_ml"], rel=0.15, abs=0.15), (
                "2.5 mm voxels"
            )
    statistics.Execute(sitk.Cast(liver, sitk.sitkUInt8))
    assert statistics.GetPhysicalSize(1) / 1000 == pytest.approx(truth["liver_volume_ml"], rel=1e-5)
    assert truth["burden_percent"] == pytest.approx(100 * truth["tumour_volume_ml"] / truth["liver_volume_ml"])


def test_it_is_a_liver(phantom: Path) -> None:
    truth = truth_of(phantom)
    (liver,), (segments,), (lesions,), (vessels,) = (
        read_label_maps(phantom / f"{n}.nii.gz") for n in ("liver", "segments", "lesions", "vessels")
    )
    inside = liver.array > 0
    assert 1400 < truth["liver_volume_ml"] < 1900
    sizes = np.bincount(cc3d.connected_components(inside, connectivity=26).ravel())[1:]
    assert sizes.max() > 0.995 * sizes.sum(), "one organ"
    assert np.array_equal(segments.array > 0, inside), "every voxel of the liver has its segment"
    assert not (lesions.array > 0)[~inside].any()
    assert (vessels.array > 0)[inside].any()
    volumes = {n: float((segments.array == n).sum() * segments.geometry.voxel_volume_ml) for n in range(1, 9)}
    assert all(volume > 15 for volume in volumes.values()), volumes
    centre = {
        n: segments.geometry.lps_mm(np.argwhere(segments.array == n).astype(float)).mean(axis=0) for n in range(1, 9)
    }
    assert all(centre[left][0] > centre[right][0] for left in (2, 3, 4) for right in (5, 6, 7, 8)), "left is left"
    assert centre[8][2] > centre[5][2]
    assert centre[7][2] > centre[6][2]
    assert centre[7][1] > centre[8][1], "posterior is behind"


def test_segments_touch_as_the_table_says(phantom: Path) -> None:
    found = shared_faces_mm2(as_segments(read_label_maps(phantom / "segments.nii.gz")))
    large = {pair for pair, area in found.items() if area >= 200}
    known = segment_map()
    assert known.face <= large, "pairs that share a face"
    assert not [sorted(pair) for pair in large if pair not in known.face | known.edge and 1 not in pair]


def test_metastases_light_up_in_the_arterial_phase(phantom: Path) -> None:
    lesions = read_label_maps(phantom / "lesions.nii.gz")[0].array > 0
    liver = read_label_maps(phantom / "liver.nii.gz")[0].array > 0
    mean = {
        phase: (float(values[lesions].mean()), float(values[liver & ~lesions].mean()))
        for phase in ("native", "arterial", "portal", "delayed")
        if (values := read_image(phantom / f"{phase}.nii.gz").array) is not None
    }
    assert mean["arterial"][0] > mean["arterial"][1] + 20
    assert mean["native"][0] < mean["native"][1]
    assert mean["delayed"][0] < mean["arterial"][0]


def test_the_same_seed_is_the_same_liver_and_another_is_not(tmp_path: Path) -> None:
    plan = PhantomPlan(seed=4, size="small", touching=1)
    one, two = make_phantom(plan), make_phantom(plan)
    for name, array in one.baseline.phases.items():
        np.testing.assert_array_equal(array, two.baseline.phases[name])
    np.testing.assert_array_equal(one.baseline.lesions, two.baseline.lesions)
    first, second = (
        write_phantom(each, tmp_path / name, dicom=False).parent for each, name in ((one, "1"), (two, "2"))
    )
    for file in sorted(first.iterdir()):
        assert file.read_bytes() == (second / file.name).read_bytes(), file.name


@pytest.mark.parametrize("pattern", ["simple", "complex", "diffuse"])
def test_each_pattern_is_measured_as_it_was_made(pattern: str, tmp_path: Path) -> None:
    made = make_phantom(PhantomPlan(seed=11, size="small", pattern=pattern))  # type: ignore[arg-type]
    write_phantom(made, tmp_path, dicom=False)
    _, found = measure_files(
        ScanFiles(
            liver=f"{tmp_path}/liver.nii.gz",
            lesions=f"{tmp_path}/lesions.nii.gz",
            segments=f"{tmp_path}/segments.nii.gz",
        )
    )
    assert found.extent.pattern.value == pattern == truth_of(tmp_path)["pattern"]
    for lesion, true in zip(
        sorted(found.extent.lesions, key=lambda x: x.centroid_lps_mm or ()),
        sorted(truth_of(tmp_path)["lesions"], key=lambda x: x["centroid_lps_mm"]),
        strict=True,
    ):
        assert lesion.volume_ml == pytest.approx(true["volume_ml"])
        assert lesion.longest_3d_mm == pytest.approx(true["longest_3d_mm"], abs=2.56), "a voxel"


@pytest.mark.parametrize(
    "plan",
    [PhantomPlan(size="huge"), PhantomPlan(lesion_count=0), PhantomPlan(size="small", pattern="spotted")],  # type: ignore[arg-type]
)
def test_a_plan_that_cannot_be_made_ends_in_words(plan: PhantomPlan) -> None:
    with pytest.raises(BadInput):
        make_phantom(plan)


def test_number_noise_vessels_and_ducts_are_as_asked(tmp_path: Path) -> None:
    quiet, loud = (
        make_phantom(PhantomPlan(seed=5, size="small", pattern="complex", lesion_count=9, noise_hu=noise)).baseline
        for noise in (4.0, 20.0)
    )
    assert len(quiet.metastases) == len(loud.metastases) == 9
    np.testing.assert_array_equal(quiet.lesions, loud.lesions, "noise changes the image alone")
    plain = ndimage.binary_erosion(quiet.liver & (quiet.lesions == 0) & (quiet.vessels == 0) & (quiet.ducts == 0))
    for point, noise in ((quiet, 4.0), (loud, 20.0)):
        values = point.phases["delayed"][plain].astype(float)
        middle = np.median(values)
        near = values[np.abs(values - middle) < 4 * noise]  # without the few that veins and ducts at their edges blur
        assert near.std() == pytest.approx(noise, rel=0.1)
    assert set(np.unique(quiet.vessels)) == {0, 1, 2}, "hepatic and portal veins"
    assert quiet.ducts.any()
    assert not (quiet.ducts.astype(bool) & (quiet.vessels > 0)).any()
    portal, hepatic, duct = (
        float(quiet.phases["portal"][mask].mean())
        for mask in (quiet.vessels == 2, quiet.vessels == 1, quiet.ducts.astype(bool))
    )
    liver = float(np.median(quiet.phases["portal"][plain]))
    assert portal > liver + 15
    assert hepatic > liver + 15
    assert duct < liver - 15


def test_the_full_grid_is_that_of_a_liver_ct() -> None:
    assert GRIDS["full"][0] == (512, 512, 320)


def test_truth_has_the_promised_keys(phantom: Path) -> None:
    truth = truth_of(phantom)
    assert {"seed", "pattern", "liver_volume_ml", "tumour_volume_ml", "burden_percent", "lesions", "files"} <= set(
        truth
    )
    for lesion in truth["lesions"]:
        assert {"id", "volume_ml", "longest_3d_mm", "centroid_lps_mm", "segments"} <= set(lesion)
        assert sum(part["share"] for part in lesion["segments"]) == pytest.approx(1)
    assert {"image", "liver", "lesions", "segments", "vessels"} <= set(truth["files"])
    for file in truth["files"].values():
        assert (phantom / file).is_file(), "paths are relative to it"
    assert (phantom / truth["dicom"]["segmentation"]).is_file()
    assert len(list((phantom / truth["dicom"]["arterial"]).glob("*.dcm"))) == 100
