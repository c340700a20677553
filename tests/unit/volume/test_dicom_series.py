"""Is a series the same image whatever its files are called, packed or split, and is every trap either handled and said, or refused in words?"""

from __future__ import annotations

import locale
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)
from tests.dicom_samples import SPACING, ct, edit, grid, multi_frame, sample_data, tomogram, values

from liverboard.errors import UnsupportedImage
from liverboard.volume import Image, list_series, read_image
from liverboard.volume.dicom_files import read_head, read_whole


def same(found: Image) -> None:
    assert found.geometry.same_grid(grid())
    np.testing.assert_array_equal(found.array, values())


def refused(place: Path | str) -> str:
    with pytest.raises(UnsupportedImage) as caught:
        read_image(place)
    told = f"{caught.value.message} {caught.value.where} {caught.value.hint}"
    assert "DOE" not in told, "a patient's name in an error"
    assert caught.value.hint
    assert caught.value.where
    return told


def test_files_in_any_order_and_depth_are_one_image(tmp_path: Path) -> None:
    files = ct(tmp_path / "x")
    for number, file in enumerate(np.random.default_rng(0).permutation(len(files))):
        deep = tmp_path / "study" / str(number % 3) / "deeper"
        deep.mkdir(parents=True, exist_ok=True)
        shutil.move(files[int(file)], deep / f"IM{number}")  # no suffix, as on a CD
    (tmp_path / "study" / "README.txt").write_text("not DICOM")
    (tmp_path / "study" / "notes").write_text("not DICOM either, and no suffix")
    found = read_image(tmp_path / "study")
    same(found)
    assert found.origin.modality == "CT"
    assert found.origin.unit == "HU"
    assert len(found.origin.files) == len(files)
    assert found.array.dtype == np.int16


def test_several_series_in_one_folder_are_told_apart_and_picked(tmp_path: Path) -> None:
    ct(tmp_path / "a", name="one", number=2, description="portal venous")
    ct(tmp_path / "a" / "more", name="two", number=7, description="late arterial")
    told = refused(tmp_path / "a")
    assert "2 image series" in told
    assert "late arterial" in told
    assert [str(s) for s in list_series(tmp_path / "a")] == [
        "#1 CT, 14 files, 'portal venous'",
        "#2 CT, 14 files, 'late arterial'",
    ]
    for picked in ("2", "arterial", list_series(tmp_path / "a")[1].uid):
        found = read_image(f"{tmp_path / 'a'}#{picked}")
        same(found)
        assert found.origin.series_uid == list_series(tmp_path / "a")[1].uid
    assert "no series fits" in refused(f"{tmp_path / 'a'}#9")


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless, JPEG2000Lossless])
def test_packed_pixels(syntax: str, tmp_path: Path) -> None:
    files = ct(tmp_path)
    if syntax == JPEG2000Lossless:
        import SimpleITK as sitk  # noqa: N813

        spoken = locale.setlocale(locale.LC_ALL)
        for file in files:
            image = sitk.ReadImage(str(file))
            writer = sitk.ImageFileWriter()
            writer.KeepOriginalImageUIDOn()
            writer.UseCompressionOn()
            writer.SetCompressor("JPEG2000")
            writer.SetFileName(str(file))
            writer.Execute(image)
        # This writer leaves the whole process in the locale "C", where text is ASCII.
        locale.setlocale(locale.LC_ALL, spoken)
        assert pydicom.dcmread(files[0]).file_meta.TransferSyntaxUID == JPEG2000Lossless
    else:
        edit(files, lambda _, head: head.compress(syntax, generate_instance_uid=False))
    same(read_image(tmp_path))


def test_a_blank_sop_class_and_no_instance_numbers(tmp_path: Path) -> None:
    def blank(_: int, head: Dataset) -> None:
        head.SOPClassUID = ""
        del head.InstanceNumber

    edit(ct(tmp_path), blank)
    same(read_image(tmp_path))


def test_a_pet_keeps_its_slopes_units_and_decay_facts(tmp_path: Path) -> None:
    def pet(number: int, head: Dataset) -> None:
        head.Modality, head.Units, head.DecayCorrection = "PT", "BQML", "START"
        head.SOPClassUID = "1.2.840.10008.5.1.4.1.1.128"
        head.RescaleSlope, head.RescaleIntercept = str(0.5 + 0.25 * number), "0"
        del head.RescaleType
        head.SeriesDate, head.SeriesTime, head.AcquisitionTime = "20250305", "001500.000", "001730"
        drug, code = Dataset(), Dataset()
        drug.RadionuclideHalfLife, drug.RadionuclideTotalDose = "230760", "1.4e9"
        drug.RadiopharmaceuticalStartTime = "233000.00"
        code.CodeMeaning, code.CodeValue, code.CodingSchemeDesignator = "^90^Yttrium", "C-162A3", "SRT"
        drug.RadionuclideCodeSequence = [code]
        head.RadiopharmaceuticalInformationSequence = [drug]

    edit(ct(tmp_path), pet)
    found = read_image(tmp_path)
    np.testing.assert_allclose(found.array, values() * (0.5 + 0.25 * np.arange(14)), rtol=1e-6)
    decay = found.origin.decay
    assert found.origin.unit == "Bq/mL"
    assert decay is not None
    assert (decay.radionuclide, decay.half_life_s, decay.injected_bq) == ("^90^Yttrium", 230760, 1.4e9)
    assert decay.corrected_to == "START"
    assert str(decay.injected_at) == "2025-03-04 23:30:00", "the injection was before midnight"
    assert decay.injected_day_assumed, "the header has its clock alone"
    assert str(decay.acquired_at) == "2025-03-04 00:17:30"


def test_a_missing_slice_is_interpolated_and_said_more_are_refused(tmp_path: Path) -> None:
    files = ct(tmp_path)
    files[6].unlink()
    found = read_image(tmp_path)
    same(found)  # the image is linear along the slices
    assert found.origin.warnings == ("1 slice is missing and interpolated from the neighbours (at -55.0 mm)",)
    files[7].unlink()
    assert "2 neighbouring slices are missing" in refused(tmp_path)
    files[2].unlink()
    files[10].unlink()
    refused(tmp_path)


def test_a_missing_slice_at_an_end_cannot_be_seen_and_nothing_is_made_up(tmp_path: Path) -> None:
    ct(tmp_path)[-1].unlink()
    assert read_image(tmp_path).geometry.shape == (24, 20, 13)


def test_doubled_slices_count_once(tmp_path: Path) -> None:
    files = ct(tmp_path)
    for number in (3, 9):
        shutil.copy(files[number], tmp_path / f"copy{number}.dcm")
    found = read_image(tmp_path)
    same(found)
    assert "2 slices are there twice" in found.origin.warnings[0]


def test_two_phases_in_one_series_are_refused_with_what_tells_them_apart(tmp_path: Path) -> None:
    ct(tmp_path / "1")
    second = ct(tmp_path / "2")

    def later(number: int, head: Dataset) -> None:
        head.AcquisitionNumber, head.SOPInstanceUID = "2", f"1.2.3.{number}"

    edit(second, later)
    assert "several images of the same slices" in refused(tmp_path)


def test_uneven_slices_and_mixed_sizes_are_refused(tmp_path: Path) -> None:
    def stretch(number: int, head: Dataset) -> None:
        head.ImagePositionPatient = [-30, 12, -70 + 2.5 * number + (0.9 if number > 7 else 0)]

    edit(ct(tmp_path / "uneven"), stretch)
    assert "unevenly spaced" in refused(tmp_path / "uneven")

    def crop(number: int, head: Dataset) -> None:
        if number == 3:
            head.Rows, head.PixelData = 10, head.PixelData[: 2 * 24 * 10]

    edit(ct(tmp_path / "sizes"), crop)
    assert "differ in size" in refused(tmp_path / "sizes")


def test_a_gantry_tilt_stays_in_the_geometry(tmp_path: Path) -> None:
    def tilt(number: int, head: Dataset) -> None:
        head.ImagePositionPatient = [-30, 12 + 0.5 * number, -70 + 2.5 * number]

    edit(ct(tmp_path), tilt)
    found = read_image(tmp_path)
    np.testing.assert_allclose(found.geometry.lps_mm(np.array([[0.0, 0, 10]]))[0], [-30, 17, -45], atol=1e-6)
    assert "tilted by 11.3 degrees" in found.origin.warnings[0]
    assert found.geometry.voxel_volume_ml == pytest.approx(0.8 * 1.1 * 2.5 / 1000)


def test_a_localizer_in_another_direction_is_left_out(tmp_path: Path) -> None:
    files = ct(tmp_path)

    def coronal(_: int, head: Dataset) -> None:
        head.ImageOrientationPatient, head.SOPInstanceUID = [1, 0, 0, 0, 0, -1], "1.2.3"

    scout = tmp_path / "scout.dcm"
    shutil.copy(files[0], scout)
    edit([scout], coronal)
    found = read_image(tmp_path)
    same(found)
    assert "1 slice in another direction" in found.origin.warnings[0]


def test_thickness_unlike_the_distance_is_said(tmp_path: Path) -> None:
    def thick(_: int, head: Dataset) -> None:
        head.SliceThickness = "5"

    edit(ct(tmp_path), thick)
    found = read_image(tmp_path)
    same(found)
    assert found.origin.warnings == ("slices are 5 mm thick and 2.5 mm apart; volumes use the distance",)


@pytest.mark.parametrize("modality", ["CT", "MR"])
def test_an_enhanced_multi_frame_file(modality: str, tmp_path: Path) -> None:
    found = read_image(multi_frame(tmp_path / "multi.dcm", modality))
    same(found)
    assert found.origin.modality == modality


def test_a_spect_tomogram_is_one_file(tmp_path: Path) -> None:
    found = read_image(tomogram(tmp_path / "spect.dcm"))
    assert found.geometry.same_grid(grid())
    np.testing.assert_array_equal(found.array, values() + 1024)
    assert found.origin.unit == "counts"


def test_a_slice_that_is_cut_short_is_named(tmp_path: Path) -> None:
    files = ct(tmp_path)
    files[4].write_bytes(files[4].read_bytes()[:-300])
    assert "0005.dcm" in refused(tmp_path)
    files[4].write_bytes(files[4].read_bytes()[:200])
    assert "0005.dcm" in refused(tmp_path)


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "no DICOM object" in refused(tmp_path / "empty")
    (tmp_path / "zero.dcm").write_bytes(b"")
    assert "empty" in refused(tmp_path / "zero.dcm")
    (tmp_path / "text.dcm").write_bytes(b"hello" * 100)
    refused(tmp_path / "text.dcm")
    single = ct(tmp_path / "one")
    assert "2-D" in refused(single[0])

    def lost(_: int, head: Dataset) -> None:
        del head.ImagePositionPatient

    edit(ct(tmp_path / "lost"), lost)
    assert "does not say where it lies" in refused(tmp_path / "lost")

    files = ct(tmp_path / "nan")
    head: Any = pydicom.dcmread(files[0])
    head.PixelSpacing = [0, 0]
    head.save_as(files[0])
    refused(tmp_path / "nan")


def test_real_series_with_their_traps() -> None:
    data = sample_data() / "dicom"
    found = read_image(data / "totalseg-example" / "dicom")
    assert found.geometry.shape == (512, 512, 20)
    assert found.geometry.spacing_mm[2] == pytest.approx(2.0)
    assert found.origin.warnings == ("slices are 3 mm thick and 2 mm apart; volumes use the distance",)
    crlm = read_image(data / "crlm-1004-ct")
    assert crlm.geometry.shape == (512, 512, 41)
    assert crlm.geometry.spacing_mm[2] == pytest.approx(5.0)
    assert SPACING  # the made-up series above are 2.5 mm apart


@pytest.mark.parametrize("syntax", [ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_old_and_packed_ways_to_store_a_data_set(syntax: UID, tmp_path: Path) -> None:
    for file in ct(tmp_path):
        head: Any = pydicom.dcmread(file)
        if not syntax.is_little_endian:
            head.PixelData = head.pixel_array.astype(">i2").tobytes()
        head.file_meta.TransferSyntaxUID = syntax
        pydicom.dcmwrite(
            file,
            head,
            implicit_vr=syntax.is_implicit_VR,
            little_endian=syntax.is_little_endian,
            force_encoding=True,
        )
        assert pydicom.dcmread(file).file_meta.TransferSyntaxUID == syntax
    same(read_image(tmp_path))


def test_two_patients_in_one_folder_never_become_one_image(tmp_path: Path) -> None:
    """Also where an anonymiser left both the same series UID, or none; the second lies right above the first."""

    def other(number: int, head: Any) -> None:
        head.PatientID = "OTHER"
        head.ImagePositionPatient = [-30, 12, -70 + 2.5 * (14 + number)]

    def unnamed(number: int, head: Any) -> None:
        head.SeriesInstanceUID = head.StudyInstanceUID = ""

    for number, change in enumerate((None, unnamed)):
        folder = tmp_path / str(number)
        first, second = ct(folder / "a"), ct(folder / "b")
        edit(second, other)
        if change:
            edit([*first, *second], change)
        told = refused(folder)
        assert "2 image series" in told
        assert "OTHER" not in told
        same(read_image(f"{folder}#1"))


@pytest.mark.parametrize(("element", "value", "told"), [
    ("Units", "CNTS", "different units (Bq/mL, counts)"), ("FrameOfReferenceUID", "1.2.9", "different frames of reference"), ("RescaleSlope", "0", "no number that scales"),
    ("RescaleSlope", None, "scaled in part"),
])  # fmt: skip
def test_slices_that_do_not_fit_together_are_refused(
    element: str, value: str | None, told: str, tmp_path: Path
) -> None:
    def pet(number: int, head: Any) -> None:
        head.Modality, head.Units, head.RescaleSlope = "PT", "BQML", str(0.5 + number)
        del head.RescaleType
        if number > 8 and value is None:
            del head[element]
        elif number > 8:
            setattr(head, element, value)

    edit(ct(tmp_path), pet)
    assert told in refused(tmp_path)


def test_a_scale_that_is_no_number_is_refused(tmp_path: Path) -> None:
    def mark(number: int, head: Any) -> None:
        head.RescaleSlope = "11111"

    file = ct(tmp_path)[3]
    edit([file], mark)
    file.write_bytes(file.read_bytes().replace(b"11111 ", b"nan   "))
    assert "0004.dcm" in refused(tmp_path)


def test_a_localizer_of_another_size_is_left_out(tmp_path: Path) -> None:
    scout = shutil.copy(ct(tmp_path)[0], tmp_path / "scout.dcm")

    def coronal(_: int, head: Any) -> None:
        head.ImageOrientationPatient, head.SOPInstanceUID = [1, 0, 0, 0, 0, -1], "1.2.3"
        head.Rows, head.Columns, head.PixelData = 40, 30, b"\0" * 2400

    edit([Path(scout)], coronal)
    same(read_image(tmp_path))


def test_the_decay_facts_do_not_hang_on_file_names_and_take_short_times(tmp_path: Path) -> None:
    def pet(number: int, head: Any) -> None:
        head.Modality, head.Units = "PT", "BQML"
        head.SeriesTime, head.AcquisitionTime = "1000", f"10{number + 2:02d}"

    files = ct(tmp_path)
    edit(files, pet)
    files[0].rename(tmp_path / "zzz.dcm")
    decay = read_image(tmp_path).origin.decay
    assert decay is not None
    assert (str(decay.series_at), str(decay.acquired_at)) == ("2025-03-04 10:00:00", "2025-03-04 10:02:00")


def test_fractions_and_wide_numbers_are_kept(tmp_path: Path) -> None:
    def fractions(_: int, head: Any) -> None:
        pixels = head.pixel_array.astype("<f4") + 0.25
        for name in ("PixelData", "BitsStored", "HighBit", "PixelRepresentation", "RescaleSlope", "RescaleIntercept"):
            delattr(head, name)
        head.FloatPixelData, head.BitsAllocated = pixels.tobytes(), 32

    def wide(_: int, head: Any) -> None:
        head.PixelData = (head.pixel_array.astype(np.int64) + 3_000_000_000).astype("<u4").tobytes()
        head.BitsAllocated, head.BitsStored, head.HighBit, head.PixelRepresentation = 32, 32, 31, 0

    edit(ct(tmp_path / "a"), fractions)
    np.testing.assert_allclose(read_image(tmp_path / "a").array, values() + 0.25)
    edit(ct(tmp_path / "b"), wide)
    np.testing.assert_allclose(read_image(tmp_path / "b").array, values() + 3e9, rtol=1e-6)


def test_slices_shown_inverted_are_inverted_alike(tmp_path: Path) -> None:
    def inverted(_: int, head: Any) -> None:
        head.Modality, head.PhotometricInterpretation = "MR", "MONOCHROME1"

    edit(ct(tmp_path), inverted)
    np.testing.assert_array_equal(read_image(tmp_path).array, -1 - values().astype(int))


@pytest.mark.parametrize(("kind", "told"), [("TOMO", "projections"), ("GATED TOMO", "another kind")])
def test_projections_are_no_tomogram(kind: str, told: str, tmp_path: Path) -> None:
    def raw(_: int, head: Any) -> None:
        head.ImageType = ["ORIGINAL", "PRIMARY", kind, "EMISSION"]

    edit([tomogram(tmp_path / "spect.dcm")], raw)
    assert told in refused(tmp_path / "spect.dcm")


def test_a_tomogram_whose_slices_run_down(tmp_path: Path) -> None:
    def down(_: int, head: Any) -> None:
        head.SpacingBetweenSlices, head.ImageType = -SPACING[2], ["ORIGINAL", "PRIMARY", "RECON TOMO", "EMISSION"]

    edit([tomogram(tmp_path / "spect.dcm")], down)
    found = read_image(tmp_path / "spect.dcm")
    np.testing.assert_array_equal(found.array, values()[:, :, ::-1] + 1024)
    np.testing.assert_allclose(found.geometry.affine[:3, 3], [-30, 12, -70 - 13 * SPACING[2]])


def test_a_folder_that_links_to_itself(tmp_path: Path) -> None:
    ct(tmp_path / "x")
    (tmp_path / "x" / "again").symlink_to(tmp_path / "x")
    (tmp_path / "x" / "gone.dcm").symlink_to(tmp_path / "nothing")
    (tmp_path / "x" / "loop.dcm").symlink_to(tmp_path / "x" / "loop.dcm")
    same(read_image(tmp_path / "x"))


def test_a_deflated_file_that_unpacks_to_much_more_than_itself_is_not_read(tmp_path: Path) -> None:
    (file, *_) = ct(tmp_path)
    head = pydicom.dcmread(file)
    head.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    head.save_as(file)
    assert read_whole(file).Modality == "CT"
    head.Rows, head.Columns = 4096, 4096
    head.PixelData = bytes(2 * 4096 * 4096)
    head.save_as(file)
    assert file.stat().st_size < 100_000
    for read in (read_head, read_whole):
        with pytest.raises(UnsupportedImage, match="200 times its size"):
            read(file)
