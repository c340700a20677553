"""`sirt workup` on a scout made from the phantom, whose counts are known: DICOM SPECT on one grid, structures on others; and lung density on a real CT."""

import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from tests.dicom_samples import sample_data, save
from tests.phantom_samples import small_phantom, truth_of
from typer.testing import CliRunner

from liverboard.cli.app import app
from liverboard.clinical.case_file import read_case
from liverboard.errors import BadInput, MissingData, UserError
from liverboard.volume import Geometry, LabelMap, read_image, resample
from liverboard.volume.write import write_nifti
from liverboard.volume.write_dicom import Structure, uid_from, write_seg

NORMAL, LUNG, GUT = 30.0, 4.0, 60.0  # counts a mL
RATIOS = {1: 6.0, 2: 3.0}  # of the two largest lesions to normal liver; the others have 4
CASE = "liverboard: 1\ncase: NELM-0001  # a pseudonym\nevents:\n  - kind: clinic\n    date: 2024-05-02\n    ecog: 1\n"


@dataclass(frozen=True)
class Scout:
    """A scout and what is true of it. `truth`: counts a mL times mL, summed on the voxels of the phantom."""

    folder: Path
    liver: NDArray[np.bool_]
    lesions: NDArray[np.uint8]
    lungs: NDArray[np.bool_]
    fine: Geometry
    truth: dict[str, float]


@pytest.fixture(scope="module")
def scout(tmp_path_factory: pytest.TempPathFactory) -> Scout:
    """The phantom's liver and lesions in blocks of 2 x 2 x 2 voxels, a SPECT voxel each: so every count is a plain sum, and no border cuts a voxel."""
    folder = tmp_path_factory.mktemp("scout")
    phantom_folder = small_phantom(tmp_path_factory)
    truth = truth_of(phantom_folder)
    liver_image = read_image(phantom_folder / truth["files"]["liver"])
    fine = liver_image.geometry
    liver = _blocks(liver_image.array > 0) > 0
    labels = _blocks(read_image(phantom_folder / truth["files"]["lesions"]).array)
    sizes = np.bincount(labels.ravel(), minlength=2)
    order = [int(n) for n in np.argsort(-sizes[1:])[:2] + 1]
    lungs = np.zeros(liver.shape, dtype=bool)
    top = int(np.flatnonzero(liver.any(axis=(0, 1))).max())
    lungs[30:70, 40:110, min(top - 4, 80) // 2 * 2 :] = True
    lungs &= ~liver
    lungs[:, :, -2:] = False
    counts = np.zeros(liver.shape)
    counts[liver] = NORMAL
    ratio_of = {int(n): 4.0 for n in np.unique(labels) if n} | {order[0]: RATIOS[1], order[1]: RATIOS[2]}
    for number, ratio in ratio_of.items():
        counts[(labels == number) & liver] = ratio * NORMAL
    counts[lungs] = LUNG
    gut = np.zeros(liver.shape, dtype=bool)
    gut[120:128, 20:28, 10:18] = True
    counts[gut & ~liver] = GUT
    counts *= fine.voxel_volume_ml
    i, j, k = (n // 2 for n in counts.shape)
    spect = counts[: 2 * i, : 2 * j, : 2 * k].reshape(i, 2, j, 2, k, 2).sum(axis=(1, 3, 5))
    head = _tomogram(spect, fine)
    save(head, folder / "spect.dcm")
    inside = (labels > 0) & liver
    ml = fine.voxel_volume_ml
    return Scout(
        folder, liver, np.where(liver, labels, 0).astype(np.uint8), lungs, fine,
        {
            "liver": float(counts[liver].sum()),
            "lungs": float(counts[lungs].sum()),
            "gut": float(counts[gut & ~liver].sum()),
            "tumour_ml": int(inside.sum()) * ml,
            "ratio": float(counts[inside].sum() / (int(inside.sum()) * ml) / NORMAL),
            "largest": float(order[0]),
        },
    )  # fmt: skip


def _blocks(array: NDArray[Any]) -> NDArray[np.uint8]:
    """Each 2 x 2 x 2 block as its first voxel has it."""
    coarse = array[::2, ::2, ::2].astype(np.uint8)
    for axis in range(3):
        coarse = np.repeat(coarse, 2, axis=axis)
    return coarse[: array.shape[0], : array.shape[1], : array.shape[2]]


def _tomogram(spect: NDArray[np.float64], fine: Geometry) -> Any:
    """The counts as an NM tomogram whose first voxel spans the first 2 x 2 x 2 of the fine grid."""
    scaled = np.round(spect * 60_000 / spect.max())
    head: Any = Dataset()
    head.SOPClassUID, head.Modality, head.SeriesNumber, head.PatientID = "1.2.840.10008.5.1.4.1.1.20", "NM", "1", "X"
    head.SOPInstanceUID, head.StudyInstanceUID, head.SeriesInstanceUID = uid_from("maa"), uid_from("st"), uid_from("se")
    head.Rows, head.Columns, head.NumberOfFrames = spect.shape[1], spect.shape[0], spect.shape[2]
    head.SamplesPerPixel, head.PhotometricInterpretation = 1, "MONOCHROME2"
    head.BitsAllocated, head.BitsStored, head.HighBit, head.PixelRepresentation = 16, 16, 15, 0
    sx, sy, sz = (2 * each for each in fine.spacing_mm)
    head.PixelSpacing, head.SliceThickness, head.SpacingBetweenSlices = [sy, sx], sz, sz
    at = fine.lps_mm(np.array([[0.5, 0.5, 0.5]]))[0]
    detector = Dataset()
    detector.ImagePositionPatient, detector.ImageOrientationPatient = [float(x) for x in at], [1, 0, 0, 0, 1, 0]
    head.DetectorInformationSequence = [detector]
    head.PixelData = scaled.transpose(2, 1, 0).astype("<u2").tobytes()
    return head


def _map(array: NDArray[Any], geometry: Geometry, names: dict[int, str], kind: Any = "lesion") -> Structure:
    return Structure(LabelMap(array.astype(np.uint8), geometry, names), kind)


def seg(scout: Scout, geometry: Geometry | None = None) -> Path:
    """Liver, lungs and every lesion in one SEG: the liver holds the lesions, so its segments overlap."""
    grid = geometry or scout.fine
    arrays = {"liver": scout.liver, "lungs": scout.lungs, "lesions": scout.lesions}
    seen = {name: resample(each.astype(np.uint8), scout.fine, grid, labels=True) for name, each in arrays.items()}
    lesions = {int(n): f"T{n}" for n in np.unique(seen["lesions"]) if n}
    return write_seg(
        scout.folder / f"seg-{grid.shape[0]}.dcm",
        [
            _map(seen["liver"], grid, {1: "liver"}, "liver"),
            _map(seen["lungs"], grid, {1: "lungs"}, "liver"),
            _map(seen["lesions"], grid, lesions),
        ],
        when=dt.datetime(2024, 6, 10, 12),  # noqa: DTZ001
    )


def flipped(geometry: Geometry) -> Geometry:
    """The same voxels counted from the other end along all three axes."""
    turn = np.diag([-1.0, -1.0, -1.0, 1.0])
    turn[:3, 3] = np.array(geometry.shape) - 1
    return Geometry(geometry.affine @ turn, geometry.shape)


def asked(*words: str) -> dict[str, Any]:
    done = CliRunner().invoke(app, ["sirt", "workup", *words, "--json"], catch_exceptions=True)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def lesion_words(file: Path, scout: Scout) -> tuple[str, ...]:
    numbers = [int(n) for n in np.unique(scout.lesions) if n]
    return ("--tumours", f"{file}#{','.join(f'T{n}' for n in numbers)}")


def check(found: dict[str, Any], scout: Scout, within: float) -> None:
    truth = scout.truth
    assert found["lung_shunt_fraction"] == pytest.approx(truth["lungs"] / (truth["lungs"] + truth["liver"]), rel=within)
    assert found["tumour_to_normal_ratio"] == pytest.approx(truth["ratio"], rel=within)
    parts = {each["name"]: each for each in found["scout"]["compartments"]}
    assert parts[f"T{truth['largest']:.0f}"]["to_normal"] == pytest.approx(RATIOS[1], rel=within)
    assert sum(each["fraction"] for each in parts.values()) == pytest.approx(1)


def test_overlapping_segments_on_a_finer_grid(scout: Scout) -> None:
    file = seg(scout)
    found = asked(
        "--spect", str(scout.folder / "spect.dcm"), "--liver", f"{file}#liver", "--lungs", f"{file}#lungs",
        *lesion_words(file, scout), "--same-space",
    )  # fmt: skip
    check(found, scout, 0.001)
    (spot,) = found["extrahepatic"]
    total = scout.truth["liver"] + scout.truth["lungs"] + scout.truth["gut"]
    assert spot["share"] == pytest.approx(scout.truth["gut"] / total, rel=0.001)
    assert "extrahepatic_deposition" not in found["event"]  # a spot is no judgement


def test_masks_flipped_along_every_axis_give_the_same(scout: Scout) -> None:
    """NIfTI masks that run from the other end, against the SEG: the same voxels, so the same figures."""
    grid = flipped(scout.fine)
    words: list[str] = ["--spect", str(scout.folder / "spect.dcm")]
    for option, array in (("--liver", scout.liver), ("--lungs", scout.lungs), ("--tumours", scout.lesions)):
        turned = np.ascontiguousarray(array[::-1, ::-1, ::-1]).astype(np.uint8)
        words += [option, str(write_nifti(scout.folder / f"flip{option}.nii.gz", turned, grid))]
    found = asked(*words)
    file = seg(scout)
    straight = asked(
        "--spect", str(scout.folder / "spect.dcm"), "--liver", f"{file}#liver", "--lungs", f"{file}#lungs",
        *lesion_words(file, scout), "--same-space",
    )  # fmt: skip
    assert found["lung_shunt_fraction"] == pytest.approx(straight["lung_shunt_fraction"], rel=1e-9)
    assert found["tumour_to_normal_ratio"] == pytest.approx(straight["tumour_to_normal_ratio"], rel=1e-9)


def test_structures_on_a_third_grid(scout: Scout) -> None:
    """Voxels of another size, shifted against the SPECT and flipped: voxels at a border are now shared, which costs a few percent, not more."""
    spacing = np.array([1.9, 2.1, 3.0])
    size = np.array(scout.fine.shape) * np.array(scout.fine.spacing_mm)
    shape = tuple(int(n) for n in size // spacing)
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = scout.fine.affine[:3, 3] + 0.37
    file = seg(scout, flipped(Geometry(affine, shape)))  # pyright: ignore[reportArgumentType]
    found = asked(
        "--spect", str(scout.folder / "spect.dcm"), "--liver", f"{file}#liver", "--lungs", f"{file}#lungs",
        *lesion_words(file, scout), "--same-space",
    )  # fmt: skip
    check(found, scout, 0.06)


def test_territories_share_the_liver(scout: Scout) -> None:
    left = scout.liver.copy()
    middle = scout.liver.shape[0] // 2
    left[:middle] = False
    right = scout.liver & ~left
    words = [str(write_nifti(scout.folder / f"{name}.nii.gz", array, scout.fine)) for name, array in (("right", right), ("left", left))]  # fmt: skip
    file = seg(scout)
    found = asked(
        "--spect", str(scout.folder / "spect.dcm"), "--territory", words[0], "--territory", words[1], *lesion_words(file, scout),
        "--same-space",
    )  # fmt: skip
    parts = {each["name"]: each for each in found["scout"]["compartments"]}
    for name, array in (("right", right), ("left", left)):
        own = array & (scout.lesions == 0)
        assert parts[name]["volume_ml"] == pytest.approx(int(own.sum()) * scout.fine.voxel_volume_ml, rel=1e-6)
        assert parts[name]["to_normal"] == pytest.approx(1, rel=0.001)


def test_the_event_goes_into_the_case(scout: Scout, tmp_path: Path) -> None:
    case = tmp_path / "case.yaml"
    case.write_text(CASE)
    file = seg(scout)
    found = asked(
        "--spect", str(scout.folder / "spect.dcm"), "--liver", f"{file}#liver", "--lungs", f"{file}#lungs",
        "--same-space", "--date", "2024-06-10", "--deposition", "correctable", "--into", str(case),
    )  # fmt: skip
    text = case.read_text()
    assert text.startswith(CASE)
    event = read_case(text).events[-1]
    assert (event.kind, event.date) == ("scout", dt.date(2024, 6, 10))
    assert event.lung_shunt_fraction == pytest.approx(found["lung_shunt_fraction"], rel=0.005)
    assert (event.lung_shunt_method, event.extrahepatic_deposition) == ("spect_ct", "correctable")


PLANAR = ("--lung-counts", "900,400", "--liver-counts", "10000,6400")
SCATTER = ("--lung-scatter", "200,100", "--liver-scatter", "1000,800")


def test_planar_counts() -> None:
    assert asked(*PLANAR)["lung_shunt_fraction"] == pytest.approx(600 / 8600)
    corrected = asked(*PLANAR, *SCATTER, "--windows", "28,14")
    assert corrected["lung_shunt_fraction"] == pytest.approx((700 * 300) ** 0.5 / ((700 * 300) ** 0.5 + (9000 * 5600) ** 0.5))  # fmt: skip
    assert corrected["event"] == {"kind": "scout", "lung_shunt_fraction": "6.06 %", "lung_shunt_method": "planar"}


@pytest.mark.parametrize(
    ("words", "error", "says"),
    [
        (("--lung-counts", "-900,400", "--liver-counts", "10000,6400"), BadInput, "cannot be -900"),
        (("--lung-counts", "nan,400", "--liver-counts", "10000,6400"), BadInput, "cannot be nan"),
        (("--lung-counts", "0,0", "--liver-counts", "0,0"), BadInput, "no counts"),
        ((*PLANAR, "--windows", "28,14"), MissingData, "scatter"),
        (("--lung-counts", "200,100", "--liver-counts", "1000,800", "--lung-scatter", "900,400", "--liver-scatter", "10000,6400", "--windows", "28,14"), BadInput, "swapped"),
        ((*PLANAR, *SCATTER, "--windows", "28,0"), BadInput, "window"),
        ((), MissingData, "nothing to work up"),
        (("--ct", "ct"), MissingData, "needs the lungs"),
        (("--spect", "no-such-file"), UserError, "no such file"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told(words: tuple[str, ...], error: type[UserError], says: str) -> None:
    with pytest.raises(error) as caught:
        asked(*words)
    assert says in f"{caught.value} {caught.value.hint}"


def test_windows_that_look_swapped_are_told() -> None:
    told = asked(*PLANAR, *SCATTER, "--windows", "14,28")["warnings"]
    assert any("wider than the main one" in text for text in told)


@pytest.mark.parametrize(
    "words", [("--lung-counts", "900"), ("--windows", "28,14"), (*PLANAR[:2],), ("--deposition", "some"), (*PLANAR, "--into", "case.yaml"), (*PLANAR, "--date", "10.6.2024")]
)  # fmt: skip
def test_wrong_usage(words: tuple[str, ...]) -> None:
    assert CliRunner().invoke(app, ["sirt", "workup", *words]).exit_code == 2


def test_empty_lungs_negative_counts_and_frames_are_told(scout: Scout, tmp_path: Path) -> None:
    small = Geometry(np.diag([4.0, 4.0, 4.0, 1.0]), (20, 20, 20))
    counts = np.full(small.shape, 10.0, np.float32)
    counts[0, 0, 0] = -5
    image = str(write_nifti(tmp_path / "spect.nii.gz", counts, small))
    mask = np.zeros(small.shape, np.uint8)
    empty = str(write_nifti(tmp_path / "lungs.nii.gz", mask, small))
    mask[5:15, 5:15, 5:15] = 1
    liver = str(write_nifti(tmp_path / "liver.nii.gz", mask, small))
    with pytest.raises(BadInput, match="empty"):
        asked("--spect", image, "--liver", liver, "--lungs", empty)
    kept = asked("--spect", image, "--liver", liver)["warnings"]
    assert any("they are kept as they are" in text for text in kept)
    clipped = asked("--spect", image, "--liver", liver, "--clip-negative")["warnings"]
    assert any("1 negative voxels of the scout were set to 0" in text for text in clipped)
    counts[0, 0, 0] = np.nan
    with pytest.raises(BadInput, match="not numbers"):
        asked("--spect", str(write_nifti(tmp_path / "nan.nii.gz", counts, small)), "--liver", liver)


def test_lung_density_on_a_real_ct() -> None:
    """Bases of the lungs on a public CT, labels of TotalSegmentator; against the mean HU of the same voxels, taken without this program."""
    import nibabel

    folder = sample_data() / "dicom" / "totalseg-example"
    ct, labels = folder / "example_ct_sm.nii.gz", folder / "example_seg.nii.gz"
    found = asked("--ct", str(ct), "--lungs", f"{labels}#10,11,13,14")["lung_mass"]
    image: Any = nibabel.load(labels)
    there = np.isin(np.asarray(image.dataobj), [10, 11, 13, 14])
    hounsfield = np.asarray(nibabel.load(ct).dataobj)[there].astype(float)  # pyright: ignore[reportAttributeAccessIssue]
    voxel_ml = float(np.prod(image.header.get_zooms()[:3])) / 1000
    assert found["volume_ml"] == pytest.approx(there.sum() * voxel_ml, rel=1e-6)
    assert found["mass_kg"] == pytest.approx(np.clip(1 + hounsfield / 1000, 0, None).sum() * voxel_ml / 1000, rel=1e-6)
    assert 0.1 < found["density_g_ml"] < 0.6
    assert any("cut" in text for text in found["warnings"])
