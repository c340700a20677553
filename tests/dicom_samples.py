"""Small DICOM series made for tests, and where public sample files lie."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from liverboard.volume import Geometry, Image
from liverboard.volume.write_dicom import uid_from, write_ct_series

WHEN = dt.datetime(2025, 3, 4, 5, 6, 7)  # noqa: DTZ001
SPACING = (0.8, 1.1, 2.5)
SHAPE = (24, 20, 14)


def sample_data() -> Path:
    """The folder of public samples: LIVERBOARD_TEST_DATA, or shared/data beside the checkout; the test is skipped where there is none."""
    place = Path(os.environ.get("LIVERBOARD_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not (place / "dicom").is_dir():
        pytest.skip(f"no public samples at {place} (set LIVERBOARD_TEST_DATA)")
    return place


def values() -> np.ndarray[Any, np.dtype[np.int16]]:
    """An image without symmetry, [i, j, k]."""
    i, j, k = np.indices(SHAPE)
    return (i * 7 + j * 31 + k * 113 - 900).astype(np.int16)


def grid(origin: tuple[float, float, float] = (-30.0, 12.0, -70.0)) -> Geometry:
    affine = np.diag([*SPACING, 1.0])
    affine[:3, 3] = origin
    return Geometry(affine, SHAPE)


def ct(folder: Path, *, name: str = "a", number: int = 1, description: str = "portal venous") -> tuple[Path, ...]:
    return write_ct_series(
        Image(values(), grid()),
        folder,
        study_uid=uid_from("study"),
        series_uid=uid_from(name),
        frame_of_reference_uid=uid_from("frame"),
        series_number=number,
        description=description,
        when=WHEN,
        patient="DOE",
    )


def edit(files: tuple[Path, ...] | list[Path], change: Callable[[int, Dataset], object]) -> None:
    for number, file in enumerate(files):
        head = pydicom.dcmread(file)
        change(number, head)
        head.save_as(file)


def multi_frame(path: Path, modality: str = "CT") -> Path:
    """The same image in one file with functional groups, frames in a shuffled order."""
    head: Any = Dataset()
    head.SOPClassUID = {"CT": "1.2.840.10008.5.1.4.1.1.2.1", "MR": "1.2.840.10008.5.1.4.1.1.4.1"}[modality]
    head.SOPInstanceUID, head.StudyInstanceUID, head.SeriesInstanceUID = uid_from("m"), uid_from("study"), uid_from("s")
    head.Modality, head.SeriesNumber, head.PatientID, head.PatientName = modality, "1", "X", "DOE^JANE"
    head.Rows, head.Columns, head.NumberOfFrames = SHAPE[1], SHAPE[0], SHAPE[2]
    head.SamplesPerPixel, head.PhotometricInterpretation = 1, "MONOCHROME2"
    head.BitsAllocated, head.BitsStored, head.HighBit, head.PixelRepresentation = 16, 16, 15, 0
    plane, measure, shared = Dataset(), Dataset(), Dataset()
    plane.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    measure.PixelSpacing, measure.SliceThickness = [SPACING[1], SPACING[0]], SPACING[2]
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [plane], [measure]
    head.SharedFunctionalGroupsSequence = [shared]
    order = np.random.default_rng(1).permutation(SHAPE[2])
    frames = []
    for k in order:
        frame, place, scale = Dataset(), Dataset(), Dataset()
        place.ImagePositionPatient = [-30.0, 12.0, -70.0 + SPACING[2] * int(k)]
        scale.RescaleSlope, scale.RescaleIntercept, scale.RescaleType = "1", "-1024", "HU"
        frame.PlanePositionSequence, frame.PixelValueTransformationSequence = [place], [scale]
        frames.append(frame)
    head.PerFrameFunctionalGroupsSequence = frames
    head.PixelData = (values()[:, :, order].transpose(2, 1, 0).astype(np.int32) + 1024).astype("<u2").tobytes()
    return save(head, path)


def tomogram(path: Path) -> Path:
    """The same image as an NM tomogram: one file, one detector, equal steps."""
    head: Any = Dataset()
    head.SOPClassUID = "1.2.840.10008.5.1.4.1.1.20"
    head.SOPInstanceUID, head.StudyInstanceUID, head.SeriesInstanceUID = uid_from("n"), uid_from("study"), uid_from("t")
    head.Modality, head.SeriesNumber, head.PatientID = "NM", "1", "X"
    head.Rows, head.Columns, head.NumberOfFrames = SHAPE[1], SHAPE[0], SHAPE[2]
    head.SamplesPerPixel, head.PhotometricInterpretation = 1, "MONOCHROME2"
    head.BitsAllocated, head.BitsStored, head.HighBit, head.PixelRepresentation = 16, 16, 15, 0
    head.PixelSpacing, head.SliceThickness, head.SpacingBetweenSlices = [SPACING[1], SPACING[0]], 3, SPACING[2]
    detector = Dataset()
    detector.ImagePositionPatient, detector.ImageOrientationPatient = [-30.0, 12.0, -70.0], [1, 0, 0, 0, 1, 0]
    head.DetectorInformationSequence = [detector]
    head.PixelData = (values().transpose(2, 1, 0).astype(np.int32) + 1024).astype("<u2").tobytes()
    return save(head, path)


def save(head: Any, path: Path) -> Path:
    head.file_meta = FileMetaDataset()
    head.file_meta.MediaStorageSOPClassUID, head.file_meta.MediaStorageSOPInstanceUID = (
        head.SOPClassUID,
        head.SOPInstanceUID,
    )
    head.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    head.save_as(path, enforce_file_format=True)
    return path


def structure_set(path: Path, contours: dict[str, list[list[tuple[float, float, float]]]]) -> Path:
    """An RTSTRUCT with these closed contours by structure, LPS mm."""
    head: Any = Dataset()
    head.SOPClassUID, head.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.481.3", uid_from("r")
    head.StudyInstanceUID, head.SeriesInstanceUID = uid_from("study"), uid_from("rs")
    head.Modality, head.PatientID, head.PatientName = "RTSTRUCT", "X", "DOE^JANE"
    names, drawn = [], []
    for number, (name, lines) in enumerate(contours.items(), 1):
        item, roi, listed = Dataset(), Dataset(), []
        item.ROINumber, item.ROIName = number, name
        for line in lines:
            each = Dataset()
            each.ContourGeometricType, each.NumberOfContourPoints = "CLOSED_PLANAR", len(line)
            each.ContourData = [round(float(v), 4) for point in line for v in point]
            listed.append(each)
        roi.ReferencedROINumber, roi.ContourSequence = number, listed
        names.append(item)
        drawn.append(roi)
    head.StructureSetROISequence, head.ROIContourSequence = names, drawn
    return save(head, path)
