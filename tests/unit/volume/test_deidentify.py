"""De-identified DICOM: no original identifier is left in the bytes, wherever it stood; what measuring needs is; results find their way back."""

from __future__ import annotations

import copy
import datetime as dt
import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from dicomanonymizer.dicom_anonymization_databases import dicomfields_2026c as profile
from hypothesis import given
from hypothesis import strategies as st
from pydicom.datadict import DicomDictionary, dictionary_VR, keyword_for_tag
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import UID_dictionary
from tests.dicom_samples import WHEN, ct, edit, sample_data

from liverboard.errors import BadInput, UnsupportedImage
from liverboard.volume import LabelMap, read_image
from liverboard.volume.deidentify import Link, Rules, deidentify, deidentify_folder, file_bytes, shifted, true_day
from liverboard.volume.deidentify_kept import DATES, KEPT, SEQUENCES, TEXTS, TIMES, UIDS
from liverboard.volume.rejoin import rejoin
from liverboard.volume.write_dicom import Structure, write_seg

SHIFT = Rules(pseudonym="NELM-0042", key=b"k" * 32, dates="shift")
KEEP = Rules(pseudonym="NELM-0042", key=b"k" * 32, dates="keep")
WORDS = ("LO", "SH", "ST", "LT", "UT", "UC", "PN", "CS", "AE", "UR")
NAME = "Zwiebelkuchen^Øyvind"
PLANTED = ("zwiebelkuchen", "øyvind", "pid-778899", "acc-445566", "rue de la paix", "0033-1-555", "geheimnis")


@cache
def small() -> Dataset:
    """A real CT slice of 128 x 128 from the public samples."""
    return pydicom.dcmread(sample_data() / "dicom" / "highdicom-small" / "ct_image.dcm")


def written(original: Dataset, rules: Rules = SHIFT) -> bytes:
    return file_bytes(deidentify(original, rules))


def holds(content: bytes, value: str) -> bool:
    lowered = content.lower()
    return any(value.lower().encode(code, "replace") in lowered for code in ("utf-8", "latin-1"))


def plant(original: Dataset) -> None:
    """The patient's own data where scanners and people write them, and where they should not."""
    original.SpecificCharacterSet = "ISO_IR 192"
    original.PatientName, original.PatientID, original.AccessionNumber = NAME, "PID-778899", "ACC-445566"
    original.PatientAddress, original.PatientTelephoneNumbers = "12 Rue de la Paix", "0033-1-555"
    original.PatientBirthDate, original.ReferringPhysicianName = "19610503", "Geheimnis^Dr"
    original.SeriesDescription = "portal Zwiebelkuchen"
    original.Manufacturer = "ACME for PID-778899"
    original.ConvolutionKernel = "B30 zwiebelkuchen"
    original.private_block(0x0029, "SPY", create=True).add_new(0x10, "LO", "Zwiebelkuchen")
    inner = Dataset()
    inner.PatientName, inner.CodeMeaning, inner.CodeValue, inner.CodingSchemeDesignator = (
        NAME,
        "Liver of Zwiebelkuchen",
        "10200004",
        "SCT",
    )
    inner.private_block(0x0029, "SPY", create=True).add_new(0x10, "UN", b"Zwiebelkuchen")
    outer = Dataset()
    outer.AnatomicRegionSequence = [inner]
    outer.RequestAttributesSequence = [copy.deepcopy(inner)]
    original.SharedFunctionalGroupsSequence = [outer]
    original.preamble = b"Zwiebelkuchen".ljust(128, b"\0")


# --- the basic profile ---------------------------------------------------------------------------------------------------------------------------------


def profile_tags() -> list[Any]:
    """Every attribute of table E.1-1 as another program carries it, one tag a repeating group."""
    found: list[Any] = []
    for entry in profile.ALL_TAGS:
        group, element = entry[0], entry[1]
        if group % 2 == 0 and keyword_for_tag(Tag(group, element)):
            found.append(Tag(group, element))
    return found


def test_nothing_of_the_basic_profile_is_kept_as_it_was() -> None:
    named = {keyword_for_tag(tag) for tag in profile_tags()}
    assert len(named) > 550
    assert named & (KEPT | TEXTS) == {"ROIName"}  # without it a structure set says nothing; it is scrubbed
    assert named & SEQUENCES == {"ReferencedImageSequence", "SourceImageSequence"}  # their UIDs are replaced
    assert {keyword_for_tag(Tag(*tag[:2])) for tag in profile.U_TAGS} & UIDS
    assert not (KEPT | TEXTS) & (DATES | TIMES | UIDS)


def test_every_keyword_is_one_of_the_standard() -> None:
    known = {entry[4] for entry in DicomDictionary.values()}
    for words in (KEPT, TEXTS, DATES, TIMES, UIDS, SEQUENCES):
        assert words <= known, words - known


def test_a_value_planted_in_any_attribute_of_the_profile_is_gone_at_every_depth() -> None:
    original = copy.deepcopy(small())
    inside = Dataset()
    values: list[str] = []
    for number, tag in enumerate(profile_tags()):
        vr = dictionary_VR(tag)
        if keyword_for_tag(tag) in SEQUENCES | {"ROIName"}:
            continue
        if vr in WORDS:
            value = f"PLANT{number:05d}X"
        elif vr == "UI":
            value = f"1.2.3.4.5678.1{number:05d}.9"
        elif vr in {"DA", "DT"}:
            value = f"{dt.date(1200, 1, 1) + dt.timedelta(days=400 * number):%Y%m%d}"  # none is another one shifted
        else:
            continue
        values.append(value)
        for dataset in (original, inside):
            dataset.add_new(tag, vr, value)
    holder = Dataset()
    holder.SegmentIdentificationSequence = [inside]
    original.PerFrameFunctionalGroupsSequence = [holder]
    original.OtherPatientIDsSequence = [copy.deepcopy(inside)]
    content = written(original)
    assert len(values) > 400
    assert [value for value in values if holds(content, value)] == []


@given(st.data())
def test_a_name_is_gone_from_wherever_it_was_written(data: st.DataObject) -> None:
    tags = [tag for tag, entry in DicomDictionary.items() if entry[0] in WORDS and tag >> 16 not in {0, 2, 0xFFFE}]
    name = data.draw(st.sampled_from(["Quetzalcoatl", "Żółkiewski", "Müller-Thurgau"]))
    original = copy.deepcopy(small())
    original.SpecificCharacterSet = "ISO_IR 192"
    original.PatientName = f"{name}^A"
    target: Dataset = original
    for _ in range(data.draw(st.integers(0, 4))):
        inner = Dataset()
        setattr(target, data.draw(st.sampled_from(sorted(SEQUENCES))), [inner])
        target = inner
    for tag in data.draw(st.lists(st.sampled_from(tags), min_size=1, max_size=30)):
        target.add_new(
            tag, dictionary_VR(tag), data.draw(st.sampled_from(["{}", "liver {}", "{}, 61 y", "pat:{}!"])).format(name)
        )
    original.PatientName = f"{name}^A"
    content = written(original)
    for part in name.split("-"):
        assert not holds(content, part)


# --- real objects --------------------------------------------------------------------------------------------------------------------------------------

REAL = (
    "highdicom-small/ct_image.dcm",
    "highdicom-small/seg_image_ct_binary_overlap.dcm",
    "highdicom-small/seg_image_ct_true_fractional.dcm",
    "dcmqi-liver/liver.dcm",
    "dcmqi-liver/01.dcm",
    "crlm-1004-ct/1-07.dcm",
    "totalseg-example/dicom/03.dcm",
)


def uids_of(dataset: Dataset) -> set[str]:
    found: set[str] = set()
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                found |= uids_of(item)
        elif element.VR == "UI" and element.value:
            found |= {str(each) for each in ([element.value] if isinstance(element.value, str) else element.value)}
    return found - set(UID_dictionary)


@pytest.mark.parametrize("name", REAL)
def test_real_objects_lose_every_identifier_and_keep_their_pixels(name: str) -> None:
    original = pydicom.dcmread(sample_data() / "dicom" / name)
    untouched = copy.deepcopy(original)
    plant(original)
    before = uids_of(original)
    content = written(original)
    assert [each for each in PLANTED if holds(content, each)] == []
    assert [uid for uid in before if holds(content, uid)] == []
    again = pydicom.dcmread(pydicom.filebase.DicomBytesIO(content))
    assert again.PatientID == "NELM-0042" and again.PatientBirthDate == ""
    assert again.PixelData == untouched.PixelData
    assert again.file_meta.TransferSyntaxUID == untouched.file_meta.TransferSyntaxUID
    for keyword in (
        "Rows",
        "Columns",
        "PixelSpacing",
        "ImagePositionPatient",
        "RescaleSlope",
        "BitsAllocated",
        "NumberOfFrames",
    ):
        assert again.get(keyword) == untouched.get(keyword)
    assert not any(element.tag.is_private for element in again.iterall())


def faults(file: Path) -> set[str]:
    told = subprocess.run(
        ["dciodvfy", str(file)], capture_output=True, text=True, encoding="utf-8", errors="replace", check=False
    )
    return {line for line in (told.stdout + told.stderr).splitlines() if line.startswith("Error")}


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="no dciodvfy here: apt-get install dicom3tools")
@pytest.mark.parametrize("name", REAL)
def test_dciodvfy_finds_no_fault_that_was_not_there(name: str, tmp_path: Path) -> None:
    source = sample_data() / "dicom" / name
    (tmp_path / "out.dcm").write_bytes(written(pydicom.dcmread(source)))
    new = {fault for fault in faults(tmp_path / "out.dcm") - faults(source) if "<Laterality>" not in fault}
    assert new == set()


def test_a_name_that_is_also_a_code_does_not_empty_the_code() -> None:
    original = copy.deepcopy(small())
    original.PatientName = "CRLM-CT-1004"
    assert deidentify(original, SHIFT).Modality == "CT"


@pytest.mark.parametrize("folder", ["crlm-1004-ct", "totalseg-example/dicom"])
def test_a_real_series_measures_the_same(folder: str, tmp_path: Path) -> None:
    source = sample_data() / "dicom" / folder
    arrival = deidentify_folder(source, tmp_path / "study", SHIFT)
    before, after = read_image(source), read_image(tmp_path / "study")
    assert np.array_equal(before.array, after.array)
    assert np.array_equal(before.geometry.affine, after.geometry.affine)
    assert arrival.left_aside == {} and len(arrival.files) == len(list(source.glob("*.dcm")))


def test_dates_are_shifted_alike_or_kept() -> None:
    original = copy.deepcopy(small())
    original.StudyDate, original.AcquisitionDateTime, original.StudyTime = (
        "20240301",
        "20240310093015.25+0100",
        "093015",
    )
    kept, moved = deidentify(original, KEEP), deidentify(original, SHIFT)
    assert (kept.StudyDate, kept.AcquisitionDateTime) == ("20240301", "20240310093015.25+0100")
    assert moved.AcquisitionDateTime[8:] == "093015.25+0100" and moved.StudyTime == "093015"
    assert 1 <= SHIFT.shift_days <= 365
    assert shifted(moved.StudyDate, SHIFT.shift_days) == "20240301"
    assert shifted(moved.AcquisitionDateTime, SHIFT.shift_days) == original.AcquisitionDateTime
    assert moved.LongitudinalTemporalInformationModified == "MODIFIED"
    assert kept.LongitudinalTemporalInformationModified == "UNMODIFIED"
    other = Rules(pseudonym="NELM-0043", key=b"k" * 32)
    assert other.shift_days != SHIFT.shift_days


@pytest.mark.parametrize("written_as", ["", "2024", "20241301", "Zwiebel", "00010101", "20240101 Zwiebel"])
def test_what_is_no_date_goes(written_as: str) -> None:
    assert shifted(written_as, -30) == ""


# --- a study and its way back --------------------------------------------------------------------------------------------------------------------------


def study(folder: Path) -> Path:
    files = ct(folder / "ct")
    edit(files, lambda _, head: plant(head))
    return folder


def test_a_result_goes_back_to_its_patient_and_study_and_refers_to_the_original_slices(tmp_path: Path) -> None:
    source = study(tmp_path / "sent")
    arrival = deidentify_folder(source, tmp_path / "kept", SHIFT)
    originals = [pydicom.dcmread(file) for file in sorted((source / "ct").iterdir())]
    image = read_image(tmp_path / "kept")
    mask = np.zeros(image.geometry.shape, np.uint8)
    mask[3:9, 2:9, 3:6] = 1
    tumour = Structure(LabelMap(mask, image.geometry, {1: "tumour"}), "lesion")
    result = pydicom.dcmread(write_seg(tmp_path / "seg.dcm", [tumour], source=arrival.files, when=WHEN))
    own = result.SOPInstanceUID
    link = Link.from_json(json.loads(json.dumps(arrival.link.as_json())))
    joined = rejoin(result, link)
    first = originals[0]
    assert joined.StudyInstanceUID == first.StudyInstanceUID and joined.FrameOfReferenceUID == first.FrameOfReferenceUID
    assert (joined.PatientName, joined.PatientID) == (NAME, "PID-778899")
    assert (joined.AccessionNumber, joined.StudyDate) == ("ACC-445566", first.StudyDate)
    assert joined.SOPInstanceUID == own == joined.file_meta.MediaStorageSOPInstanceUID
    assert "DeidentificationMethod" not in joined
    assert result.PatientID == "NELM-0042"  # what was kept is not changed
    assert (
        len(uids_of(joined) & {str(original.SOPInstanceUID) for original in originals}) == 3
    )  # the slices with tumour
    assert not uids_of(joined) & arrival.link.uids.keys()
    assert {arrival.link.uids[pydicom.dcmread(f).SOPInstanceUID] for f in arrival.files} == {
        o.SOPInstanceUID for o in originals
    }
    assert "778899" not in repr(arrival.link) and "kkkk" not in repr(SHIFT)


@pytest.mark.parametrize("rules", [KEEP, SHIFT])
def test_a_result_that_goes_back_carries_the_days_of_its_source_and_its_own(rules: Rules, tmp_path: Path) -> None:
    """A result copies dates of its source, also into sequences, and has dates of its making; both are right in the PACS."""
    source = study(tmp_path / "sent")
    injected = {"StudyDate": "20250304", "AcquisitionDate": "20250305", "AcquisitionDateTime": "20250305235959.5+0100"}

    def dated(_: int, head: Dataset) -> None:
        for name, value in injected.items():
            setattr(head, name, value)
        dose = Dataset()
        dose.RadiopharmaceuticalStartDateTime = "20250303101500"
        head.RadiopharmaceuticalInformationSequence = [dose]

    edit(sorted((source / "ct").iterdir()), dated)
    arrival = deidentify_folder(source, tmp_path / "kept", rules)
    result = pydicom.dcmread(arrival.files[0])  # a series made of it: copied heads, and what its maker writes
    assert (result.AcquisitionDate == "20250305") is (rules.dates == "keep")
    made = dt.datetime.now(dt.UTC).strftime("%Y%m%d")
    result.SeriesDate = result.ContentDate = result.InstanceCreationDate = made
    note = Dataset()
    note.DateTime, note.Date = result.AcquisitionDateTime, made
    result.ContentSequence = [note]
    joined = rejoin(result, Link.from_json(json.loads(json.dumps(arrival.link.as_json()))))
    assert {name: getattr(joined, name) for name in injected} == injected
    assert joined.RadiopharmaceuticalInformationSequence[0].RadiopharmaceuticalStartDateTime == "20250303101500"
    assert (joined.SeriesDate, joined.ContentDate, joined.InstanceCreationDate) == (made, made, made)
    assert (joined.ContentSequence[0].DateTime, joined.ContentSequence[0].Date) == ("20250305235959.5+0100", made)
    assert "LongitudinalTemporalInformationModified" not in joined
    old = {name: value for name, value in arrival.link.as_json().items() if name != "days"}  # of the first release
    assert rejoin(result, Link.from_json(old)).StudyDate == "20250304"


@given(st.dates(dt.date(1990, 1, 1), dt.date(2030, 1, 1)), st.text("ABC0123456789-", min_size=1, max_size=12))
def test_the_true_day_is_known_whatever_the_policy_became(day: dt.date, pseudonym: str) -> None:
    original = copy.copy(small())
    original.StudyDate = f"{day:%Y%m%d}"
    policies = [Rules(pseudonym, b"k" * 32, dates) for dates in ("keep", "shift")]
    for then in policies:
        kept = deidentify(original, then)
        assert [true_day(kept, now) for now in policies] == [day, day]


def test_a_result_of_another_study_is_not_joined(tmp_path: Path) -> None:
    arrival = deidentify_folder(study(tmp_path / "sent"), tmp_path / "kept", SHIFT)
    other = pydicom.dcmread(arrival.files[0])
    other.StudyInstanceUID = "2.25.5"
    with pytest.raises(BadInput, match="does not belong"):
        rejoin(other, arrival.link)


def test_studies_of_two_people_are_refused_without_naming_them(tmp_path: Path) -> None:
    source = study(tmp_path / "sent")
    edit(ct(source / "other", name="b"), lambda _, head: setattr(head, "PatientID", "SOMEONE-ELSE"))
    with pytest.raises(BadInput) as refused:
        deidentify_folder(source, tmp_path / "kept", SHIFT)
    assert "2 people" in str(refused.value) and "SOMEONE" not in str(refused.value)
    assert not (tmp_path / "kept").exists()


def captures(folder: Path, **said: str) -> Path:
    """A study with a CT, and a series of screen captures beside it."""
    source = study(folder)

    def capture(number: int, head: Dataset) -> None:
        plant(head)
        head.SOPClassUID = head.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
        head.Modality, head.SeriesInstanceUID = "OT", "1.2.3.7"
        head.SOPInstanceUID = head.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.7.{number}"
        for name, value in said.items():
            setattr(head, name, value)

    edit(list(ct(source / "captures", name="captures", number=2)), capture)
    return source


@pytest.mark.parametrize(("said", "seen", "taken"), [({}, False, False), ({}, True, True), ({"BurnedInAnnotation": "YES"}, True, False), ({"BurnedInAnnotation": "NO"}, False, True)])  # fmt: skip
def test_pictures_that_often_have_names_in_them_are_taken_on_a_persons_word_only(
    said: dict[str, str], seen: bool, taken: bool, tmp_path: Path
) -> None:
    source = captures(tmp_path / "sent", **said)
    count = len(list((source / "ct").iterdir()))
    arrival = deidentify_folder(source, tmp_path / "kept", SHIFT, pixels_seen=seen)
    assert len(arrival.files) == (2 * count if taken else count)
    assert list(arrival.left_aside.values()) == ([] if taken else [count])
    assert all("burned into the pixels" in why for why in arrival.left_aside)
    assert bool(arrival.warnings) is (taken and not said)


def test_a_segmentation_is_no_picture_with_names_in_it(tmp_path: Path) -> None:
    """Its class begins with the signs of the class of ultrasound."""
    source = study(tmp_path / "sent")
    image = read_image(source / "ct")
    tumour = Structure(LabelMap(np.ones(image.geometry.shape, np.uint8), image.geometry, {1: "tumour"}), "lesion")
    write_seg(source / "seg.dcm", [tumour], source=sorted((source / "ct").iterdir()), when=WHEN)
    arrival = deidentify_folder(source, tmp_path / "kept", SHIFT)
    assert arrival.left_aside == {} and arrival.warnings == ()


def test_a_study_of_which_nothing_can_be_taken_says_what_to_do(tmp_path: Path) -> None:
    source = study(tmp_path / "sent")
    edit(list((source / "ct").iterdir()), lambda _, head: setattr(head, "BurnedInAnnotation", "YES"))
    with pytest.raises(UnsupportedImage, match="blacken it at the source"):
        deidentify_folder(source, tmp_path / "kept", SHIFT, pixels_seen=True)
    assert not (tmp_path / "kept").exists()


def test_a_report_is_left_aside(tmp_path: Path) -> None:
    source = study(tmp_path / "sent")
    report = pydicom.dcmread(sample_data() / "dicom" / "highdicom-small" / "sr_document.dcm")
    report.PatientID = "PID-778899"
    report.save_as(source / "report.dcm")
    arrival = deidentify_folder(source, tmp_path / "kept", SHIFT)
    assert sum(arrival.left_aside.values()) == 1
    with pytest.raises(UnsupportedImage, match="no image"):
        deidentify(report, SHIFT)


def test_an_object_that_still_holds_an_identifier_is_not_kept(tmp_path: Path) -> None:
    source = study(tmp_path / "sent")
    first = min((source / "ct").iterdir())
    head = pydicom.dcmread(first)
    pixels = bytearray(head.PixelData)
    pixels[10:23] = b"ZWIEBELKUCHEN"  # as in the comment of a compressed image
    head.PixelData = bytes(pixels)
    head.save_as(first)
    arrival = deidentify_folder(source, tmp_path / "kept", SHIFT)
    assert arrival.left_aside == {"an identifier of the patient is still in it": 1}


def test_names_of_places_and_pseudonyms_that_are_also_our_words_refuse_nothing(tmp_path: Path) -> None:
    files = ct(tmp_path / "sent")

    def change(_: int, head: Dataset) -> None:
        head.InstitutionName, head.PatientName, head.PatientID = (
            "Liver Application Profile Hospital",
            "Segmentation^Listed",
            SHIFT.pseudonym,
        )
        head.SoftwareVersions = "Liver 3"

    edit(files, change)
    arrival = deidentify_folder(tmp_path / "sent", tmp_path / "kept", SHIFT)
    assert arrival.left_aside == {} and len(arrival.files) == len(files)
    assert pydicom.dcmread(arrival.files[0]).SoftwareVersions == "Liver 3"


def test_the_same_key_gives_the_same_uids_and_another_key_others() -> None:
    assert SHIFT.uid("1.2.3") == KEEP.uid("1.2.3") != Rules("NELM-0042", b"x" * 32).uid("1.2.3")
    assert len(SHIFT.uid("1.2.3")) <= 64
