"""Writing an absorbed-dose map as DICOM RTDOSE, one multi-frame object in Gy."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from liverboard import __version__
from liverboard.errors import BadInput
from liverboard.volume.geometry import Image
from liverboard.volume.write_dicom import EXPLICIT_LITTLE, dicom_order, save_dicom, source_heads, uid_from

RTDOSE_STORAGE = "1.2.840.10008.5.1.4.1.1.481.2"
TREATMENT = "TREATMENT"
_STEPS = (
    2**16 - 1
)  # 32 bits are allowed too, but dciodvfy (dicom3tools of 2022) stops on them, so nobody could check the file
_OF_THE_PATIENT = (
    "PatientID", "PatientName", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID", "AccessionNumber",
    "ReferringPhysicianName", "SpecificCharacterSet", "StudyInstanceUID", "FrameOfReferenceUID",
)  # fmt: skip


def write_rtdose(
    path: Path, dose: Image, *, source: Sequence[Path] = (), when: dt.datetime, description: str, comment: str = ""
) -> Path:
    """Write `dose` (Gy, [i, j, k]) as RTDOSE: 16-bit whole numbers, so that a value comes back to 1/131070 of the greatest (0.005 Gy of 600 Gy).

    `source`: files of the image series that the dose belongs to; they give patient, study and frame of reference. Without it the object stands on its own.
    Each standard kind of summation must name an RT Plan or treatment record, and microspheres have none. So the summation has a term of its own, which the standard
    allows for a defined term, and nothing is named that does not exist.
    Raises BadInput: dose that is negative or no number, a sheared grid, a place that cannot be written; UnsupportedImage: a source without identifiers.
    """
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import UID
    from pydicom.valuerep import format_number_as_ds

    array, geometry = dicom_order(dose.array, dose.geometry)
    highest = float(array.max(initial=0.0))
    if not np.isfinite(array).all() or float(array.min(initial=0.0)) < 0:
        raise BadInput("the dose holds negative values or no numbers", where=path.name, hint="Compute it again.")
    # Rounded up, so that the greatest dose still fits in 16 bits when the scaling is read back with its 16 characters.
    scaling = format_number_as_ds(max(highest, 1e-6) / _STEPS * (1 + 1e-6))
    stored = np.rint(array.astype(np.float64) / float(scaling)).astype("<u2")
    heads = source_heads(source, path.name) if source else []
    seed = str(heads[0].SeriesInstanceUID) if heads else uid_from("liverboard", path.name, when.isoformat())
    series, item = (
        uid_from(seed, "dose", when.isoformat(), description),
        uid_from(seed, "dose object", when.isoformat(), description),
    )
    head: Any = Dataset()
    head.SpecificCharacterSet = "ISO_IR 192"
    head.SOPClassUID, head.SOPInstanceUID = RTDOSE_STORAGE, item
    _say_whose(head, heads, seed, when)
    head.InstanceCreationDate = head.SeriesDate = head.ContentDate = when.strftime("%Y%m%d")
    head.InstanceCreationTime = head.SeriesTime = head.ContentTime = when.strftime("%H%M%S")
    head.Modality, head.Manufacturer, head.ManufacturerModelName = "RTDOSE", "liverboard", "liverboard"
    head.SoftwareVersions, head.SeriesDescription, head.OperatorsName = __version__, description[:64], ""
    head.SeriesInstanceUID, head.SeriesNumber, head.InstanceNumber = series, "9100", "1"
    head.PositionReferenceIndicator = ""
    column, row, step = (geometry.affine[:3, axis] for axis in range(3))
    spacing = geometry.spacing_mm
    head.ImagePositionPatient = [format_number_as_ds(float(v)) for v in geometry.affine[:3, 3]]
    head.ImageOrientationPatient = [
        format_number_as_ds(float(v)) for v in np.concatenate([column / spacing[0], row / spacing[1]])
    ]
    head.PixelSpacing = [format_number_as_ds(spacing[1]), format_number_as_ds(spacing[0])]
    head.SliceThickness = format_number_as_ds(spacing[2])
    normal = np.cross(column / spacing[0], row / spacing[1])
    head.GridFrameOffsetVector = [
        format_number_as_ds(round(float(k * (normal @ step)), 6)) for k in range(geometry.shape[2])
    ]
    head.NumberOfFrames, head.FrameIncrementPointer = str(geometry.shape[2]), 0x3004000C
    head.SamplesPerPixel, head.PhotometricInterpretation = 1, "MONOCHROME2"
    head.Rows, head.Columns = geometry.shape[1], geometry.shape[0]
    head.BitsAllocated, head.BitsStored, head.HighBit, head.PixelRepresentation = 16, 16, 15, 0
    head.DoseUnits, head.DoseType, head.DoseSummationType = "GY", "PHYSICAL", TREATMENT
    head.DoseComment = comment[:1024]
    head.DoseGridScaling = scaling
    head.TissueHeterogeneityCorrection = "WATER"
    head.PixelData = np.ascontiguousarray(stored.transpose(2, 1, 0)).tobytes()
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = UID(RTDOSE_STORAGE), UID(item)
    meta.TransferSyntaxUID, meta.ImplementationClassUID = UID(EXPLICIT_LITTLE), UID(uid_from("liverboard"))
    meta.FileMetaInformationVersion = b"\0\1"
    head.file_meta = meta
    return save_dicom(head, path)


def _say_whose(head: Any, heads: Sequence[Any], seed: str, when: dt.datetime) -> None:
    """Patient, study and frame of reference: those of the source, or nobody's."""
    if heads:
        for name in _OF_THE_PATIENT:
            if name in heads[0] and name != "SpecificCharacterSet":
                setattr(head, name, heads[0][name].value)
            elif name not in {"SpecificCharacterSet", "StudyInstanceUID", "FrameOfReferenceUID"}:
                setattr(head, name, "")
        return
    head.PatientID, head.PatientName, head.PatientBirthDate, head.PatientSex = "ANONYMOUS", "ANONYMOUS^", "", ""
    head.StudyDate, head.StudyTime = when.strftime("%Y%m%d"), when.strftime("%H%M%S")
    head.StudyID = head.AccessionNumber = head.ReferringPhysicianName = ""
    head.StudyInstanceUID, head.FrameOfReferenceUID = uid_from(seed, "study"), uid_from(seed, "frame")
