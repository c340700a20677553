"""Writing DICOM: CT series, and segmentations that a PACS and a viewer read."""

from __future__ import annotations

import copy
import datetime as dt
import hashlib
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from liverboard import __version__
from liverboard.errors import BadInput, UnsupportedImage
from liverboard.volume.geometry import Array, Floats, Geometry, Image, LabelMap

Kind = Literal["liver", "segment", "lesion", "vessel", "duct"]
CT_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
# SNOMED CT codes of CID 7170 (Couinaud segments), as pydicom 3.0.2 carries them.
COUINAUD = {
    number: (code, f"Couinaud hepatic segment {roman}")
    for number, code, roman in (
        (1, "71133005", "I"), (2, "277956007", "II"), (3, "277957003", "III"), (4, "277958008", "IV"),
        (5, "277959000", "V"), (6, "277960005", "VI"), (7, "277961009", "VII"), (8, "277962002", "VIII"),
    )
}  # fmt: skip


_IDENTIFIERS = ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID")


@dataclass(frozen=True, slots=True, eq=False)
class Structure:
    """A label map whose structures are all of one kind."""

    map: LabelMap
    kind: Kind


def uid_from(*parts: str) -> str:
    """A UID that depends on these words alone (the 2.25 arc, from a hash)."""
    return "2.25." + str(int.from_bytes(hashlib.sha256("\0".join(parts).encode()).digest()[:16], "big") >> 2)


def segment_label(name: str) -> str:
    """The name as a DICOM long string can hold it: 64 characters, no control characters, no backslash (it parts values)."""
    return "".join(c if c.isprintable() and c != "\\" else " " for c in name)[:64].strip() or "structure"


def write_ct_series(
    image: Image,
    folder: Path,
    *,
    study_uid: str,
    series_uid: str,
    frame_of_reference_uid: str,
    series_number: int,
    description: str,
    when: dt.datetime,
    patient: str = "SYNTHETIC",
) -> tuple[Path, ...]:
    """Write an image in HU as a CT series, one file a slice from feet to head, uncompressed; the patient is named as synthetic.

    Raises BadInput: the place cannot be written, or the grid is sheared.
    """
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import UID

    array, geometry = dicom_order(image.array, image.geometry)
    column, row, slice_step = (geometry.affine[:3, axis] for axis in range(3))
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = UID(CT_STORAGE), UID(EXPLICIT_LITTLE)
    meta.ImplementationClassUID, meta.FileMetaInformationVersion = UID(uid_from("liverboard")), b"\0\1"
    paths: list[Path] = []
    _folder(folder)
    for number in range(array.shape[2]):
        head: Any = Dataset()
        head.SpecificCharacterSet = "ISO_IR 192"
        head.ImageType = ["DERIVED", "SECONDARY", "AXIAL"]
        head.SOPClassUID, head.SOPInstanceUID = CT_STORAGE, uid_from(series_uid, str(number))
        head.StudyDate = head.SeriesDate = head.ContentDate = head.AcquisitionDate = when.strftime("%Y%m%d")
        head.StudyTime = head.SeriesTime = head.ContentTime = head.AcquisitionTime = when.strftime("%H%M%S")
        head.AccessionNumber = head.ReferringPhysicianName = head.PatientBirthDate = head.StudyID = ""
        head.PatientSex, head.PatientID, head.PatientName = "O", patient, f"{patient}^PHANTOM"
        head.Modality, head.Manufacturer, head.ManufacturerModelName = "CT", "liverboard", "synthetic phantom"
        head.SoftwareVersions, head.SeriesDescription, head.BodyPartExamined = __version__, description[:64], "ABDOMEN"
        head.KVP, head.PatientPosition, head.PositionReferenceIndicator = "120", "HFS", ""
        head.StudyInstanceUID, head.SeriesInstanceUID, head.FrameOfReferenceUID = (
            study_uid,
            series_uid,
            frame_of_reference_uid,
        )
        head.SeriesNumber, head.AcquisitionNumber, head.InstanceNumber = str(series_number), "1", str(number + 1)
        head.ImagePositionPatient = _decimals(geometry.affine[:3, 3] + number * slice_step)
        head.ImageOrientationPatient = _decimals(
            np.concatenate([column / np.linalg.norm(column), row / np.linalg.norm(row)])
        )
        head.PixelSpacing = _decimals(np.array([np.linalg.norm(row), np.linalg.norm(column)]))
        head.SliceThickness = _decimals(np.array([np.linalg.norm(slice_step)]))[0]
        head.SamplesPerPixel, head.PhotometricInterpretation = 1, "MONOCHROME2"
        head.Rows, head.Columns = array.shape[1], array.shape[0]
        head.BitsAllocated, head.BitsStored, head.HighBit, head.PixelRepresentation = 16, 16, 15, 1
        head.RescaleIntercept, head.RescaleSlope, head.RescaleType = "0", "1", "HU"
        head.WindowCenter, head.WindowWidth = "40", "350"
        head.PixelData = np.ascontiguousarray(array[:, :, number].T, dtype="<i2").tobytes()
        meta.MediaStorageSOPInstanceUID = UID(head.SOPInstanceUID)
        head.file_meta = meta
        paths.append(folder / f"{number + 1:04d}.dcm")
        save_dicom(head, paths[-1])
    return tuple(paths)


def write_seg(
    path: Path,
    structures: Sequence[Structure],
    *,
    source: Sequence[Path] = (),
    when: dt.datetime,
    description: str = "Liver, lesions and segments",
) -> Path:
    """Write the structures as one DICOM SEG (BINARY, sparse frames, one segment a structure).

    `source`: files of the image series on whose grid the structures lie; it gives patient, study and frame of reference. Without it the object stands on
    its own. Raises UnsupportedImage: structures on different grids, a source with another grid or without
    identifiers, or nothing in any of them; BadInput: the place.
    """
    grids = [each.map.geometry for each in structures]
    if not grids or any(not grid.same_grid(grids[0]) for grid in grids):
        raise UnsupportedImage(
            "the structures lie on different grids", where=path.name, hint="Bring them to one grid first."
        )
    heads = source_heads(source, path.name)
    directions = _directions(heads[0]) if heads else None
    ordered = [dicom_order(each.map.array, each.map.geometry, directions) for each in structures]
    geometry = ordered[0][1]
    datasets = _slices(heads, geometry, path.name) if heads else _made_up_slices(geometry, path.name, when)
    seed = str(datasets[0].SeriesInstanceUID)
    described: list[Any] = []
    planes: list[tuple[int, int, Array]] = []  # segment number, slice, mask
    for each, (array, _) in zip(structures, ordered, strict=True):
        present = [k for k in range(array.shape[2]) if array[:, :, k].any()]
        for value, name in each.map.names.items():
            held = [(k, array[:, :, k] == value) for k in present]
            held = [(k, plane) for k, plane in held if plane.any()]
            if held:
                described.append(_described(len(described) + 1, name, each, value, seed))
                planes += [(len(described), k, plane) for k, plane in held]
    if not planes:
        raise UnsupportedImage(
            "there is nothing to write: every structure is empty", where=path.name, hint="Segment again."
        )
    return save_dicom(_segmentation(datasets, not heads, geometry, described, planes, when, description), path)


def _segmentation(
    datasets: Sequence[Any],
    own: bool,
    geometry: Geometry,
    described: Sequence[Any],
    planes: Sequence[tuple[int, int, Array]],
    when: dt.datetime,
    description: str,
) -> Any:
    """The SEG with its head from highdicom and its frames packed here: highdicom's own frame loop takes minutes on seventy lesions."""
    import highdicom as hd
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence as Items

    rows, columns = geometry.shape[1], geometry.shape[0]
    first = np.zeros((1, rows, columns), dtype=np.uint8)
    first[0, 0, 0] = 1
    model = copy.copy(datasets[planes[0][1]])
    model.SpecificCharacterSet = "ISO_IR 192"  # the source's may be blank or misspelt; its texts are read already
    model.SOPClassUID = CT_STORAGE  # by its class highdicom takes it for the file of one slice, which it stands for
    head: Any = hd.seg.Segmentation(
        source_images=[model],
        pixel_array=first,
        segmentation_type="BINARY",
        segment_descriptions=[described[0]],
        series_instance_uid=uid_from(
            str(datasets[0].SeriesInstanceUID), "segmentation", when.isoformat(), str(len(planes))
        ),
        series_number=9000,
        sop_instance_uid=uid_from(
            str(datasets[0].SeriesInstanceUID), "segmentation object", when.isoformat(), str(len(planes))
        ),
        instance_number=1,
        manufacturer="liverboard",
        manufacturer_model_name="liverboard",
        software_versions=__version__,
        device_serial_number="0",
        content_description=description[:64],
        series_description=description[:64],
        omit_empty_frames=True,
    )
    head.SegmentSequence = Items(described)
    head.NumberOfFrames = len(planes)
    head.SpecificCharacterSet = "ISO_IR 192"  # names of any script
    order = sorted(planes, key=lambda plane: (plane[0], plane[1]))
    steps = {k: n for n, k in enumerate(sorted({k for _, k, _ in order}), 1)}
    groups = (head.PerFrameFunctionalGroupsSequence[0], head.SharedFunctionalGroupsSequence[0])
    derivation = next((g.DerivationImageSequence for g in groups if "DerivationImageSequence" in g), None)
    position_of = {k: _decimals(geometry.affine[:3, 3] + k * geometry.affine[:3, 2]) for k in steps}
    frames: list[Any] = []
    for segment, k, _ in order:
        frame = Dataset()
        content = Dataset()
        content.DimensionIndexValues = [segment, steps[k]]
        frame.FrameContentSequence = Items([content])
        place = Dataset()
        place.ImagePositionPatient = position_of[k]
        frame.PlanePositionSequence = Items([place])
        number = Dataset()
        number.ReferencedSegmentNumber = segment
        frame.SegmentIdentificationSequence = Items([number])
        if own:
            frame.DerivationImageSequence = Items([])
        else:
            frame.DerivationImageSequence = Items([_derived_from(datasets[k], derivation)])
        frames.append(frame)
    head.PerFrameFunctionalGroupsSequence = Items(frames)
    shared = head.SharedFunctionalGroupsSequence[0]
    for name in ("SegmentIdentificationSequence", "DerivationImageSequence", "PlanePositionSequence"):
        if name in shared:  # with one frame highdicom shares what differs between many
            delattr(shared, name)
    if "DimensionOrganizationType" in head:
        del head.DimensionOrganizationType
    bits = np.concatenate([np.ascontiguousarray(plane.T).reshape(-1) for _, _, plane in order])
    packed = np.packbits(bits, bitorder="little").tobytes()
    head.PixelData = packed + b"\0" * (len(packed) % 2)
    measures = shared.PixelMeasuresSequence[0]
    spacing = geometry.spacing_mm
    measures.PixelSpacing = _decimals(np.array([spacing[1], spacing[0]]))
    along_row, along_column = geometry.affine[:3, 0] / spacing[0], geometry.affine[:3, 1] / spacing[1]
    distance = abs(float(np.cross(along_row, along_column) @ geometry.affine[:3, 2]))
    measures.SliceThickness = _decimals(np.array([distance]))[0]
    measures.SpacingBetweenSlices = measures.SliceThickness
    if own:
        for name in ("ReferencedSeriesSequence", "SourceImageSequence"):
            if name in head:
                delattr(head, name)
    else:
        files = {str(datasets[k].SOPInstanceUID): datasets[k] for k in sorted(steps)}
        series = Dataset()
        series.SeriesInstanceUID = datasets[0].SeriesInstanceUID
        series.ReferencedInstanceSequence = Items([_reference(file) for file in files.values()])
        if "SourceImageSequence" in head:
            head.SourceImageSequence = Items([_reference(file) for file in files.values()])
        head.ReferencedSeriesSequence = Items([series])
    return head


def _reference(dataset: Any) -> Any:
    from pydicom.dataset import Dataset

    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
    return item


def _derived_from(dataset: Any, derivation: Any) -> Any:
    """As the head's own frame says it, for another source image."""
    item = copy.deepcopy(derivation[0])
    source = item.SourceImageSequence[0]
    source.ReferencedSOPClassUID, source.ReferencedSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
    return item


def _described(number: int, name: str, structure: Structure, value: int, seed: str) -> Any:
    import highdicom as hd
    from pydicom.sr.codedict import codes
    from pydicom.sr.coding import Code

    kind, machine = structure.kind, structure.map.machine
    anatomical = codes.SCT.AnatomicalStructure
    liver = Code("10200004", "SCT", "Liver")
    if kind == "lesion":
        category, type_, regions = (
            codes.SCT.MorphologicallyAbnormalStructure,
            Code("14799000", "SCT", "Neoplasm, Secondary"),
            [liver],
        )
    elif kind == "segment":
        category, type_, regions = anatomical, Code(COUINAUD[value][0], "SCT", COUINAUD[value][1]), None
    elif kind == "vessel":
        portal = "portal" in name.lower()
        type_ = Code("32764006", "SCT", "Portal vein") if portal else Code("8993003", "SCT", "Hepatic vein")
        category, regions = anatomical, None
    elif kind == "duct":
        category, type_, regions = anatomical, Code("28273000", "SCT", "Bile duct"), None
    else:
        category, type_, regions = anatomical, liver, None
    algorithm = None
    if machine is not None:
        algorithm = hd.AlgorithmIdentificationSequence(
            name=machine[:64], family=codes.DCM.ArtificialIntelligence, version=machine[:64]
        )
    return hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=segment_label(name),
        segmented_property_category=category,
        segmented_property_type=type_,
        algorithm_type="MANUAL" if machine is None else "AUTOMATIC",
        algorithm_identification=algorithm,
        anatomic_regions=regions,
        tracking_uid=uid_from(seed, "structure", kind, name),
        tracking_id=segment_label(name),
    )


def source_heads(source: Sequence[Path], where: str) -> list[Any]:
    """The files of the image series without pixels. Raises UnsupportedImage: they carry no identifiers."""
    from liverboard.volume.dicom_files import quiet_pydicom

    pydicom = quiet_pydicom()
    heads = [pydicom.dcmread(file, stop_before_pixels=True) for file in dict.fromkeys(source)]
    for head in heads:
        if not head.get("SOPClassUID"):  # anonymisers blank it; the file's own header still has it
            head.SOPClassUID = head.file_meta.get("MediaStorageSOPClassUID", "")
    if not all(head.get(name) for head in heads for name in _IDENTIFIERS):
        raise UnsupportedImage(
            "the image series carries no identifiers that an object could name it by",
            where=where,
            hint="Give the series as the scanner or the PACS stored it, or leave it out.",
        )
    return heads


def _directions(head: Any) -> Floats | None:
    """Unit vectors of columns, rows and slices of a one-slice file, as the columns of a matrix [3, 3]; None for a multi-frame file."""
    if "ImageOrientationPatient" not in head:
        return None
    along = np.array(head.ImageOrientationPatient, dtype=np.float64)
    return np.stack([along[:3], along[3:], np.cross(along[:3], along[3:])], axis=1)


def _slices(heads: list[Any], geometry: Geometry, where: str) -> list[Any]:
    """The head of each slice of the grid. A multi-frame file stands behind all its slices. Raises UnsupportedImage: the grid is not that of the series."""
    if len(heads) == 1:
        return [_frame_of(heads[0], geometry, k) for k in range(geometry.shape[2])]
    normal = np.cross(geometry.affine[:3, 0], geometry.affine[:3, 1])
    heads = sorted(heads, key=lambda head: float(normal @ np.array(head.ImagePositionPatient, dtype=float)))
    places = [geometry.affine[:3, 3] + k * geometry.affine[:3, 2] for k in range(geometry.shape[2])]
    fits = len(heads) == len(places) and all(
        np.allclose(np.array(head.ImagePositionPatient, dtype=float), place, atol=0.05)
        for head, place in zip(heads, places, strict=True)
    )
    if not fits:
        raise UnsupportedImage(
            "the masks do not lie on the grid of the image series",
            where=where,
            hint="Give the series that the masks were drawn on, or leave it out.",
        )
    return heads


def _frame_of(head: Any, geometry: Geometry, k: int) -> Any:
    """One slice of a multi-frame file, as if it were a file of its own."""
    item = _made_up(geometry, k, str(head.StudyInstanceUID), None)
    for name in ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID",
                 "AccessionNumber", "ReferringPhysicianName", "SpecificCharacterSet", "Modality", *_IDENTIFIERS):  # fmt: skip
        if name in head or name != "SpecificCharacterSet":
            setattr(item, name, head[name].value if name in head else "")
    return item


def _made_up_slices(geometry: Geometry, where: str, when: dt.datetime) -> list[Any]:
    study = uid_from("liverboard", where, when.isoformat())
    return [_made_up(geometry, k, study, when) for k in range(geometry.shape[2])]


def _made_up(geometry: Geometry, k: int, study: str, when: dt.datetime | None) -> Any:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import UID

    head: Any = Dataset()
    head.file_meta = FileMetaDataset()
    head.file_meta.TransferSyntaxUID = UID(EXPLICIT_LITTLE)
    head.SOPClassUID, head.SOPInstanceUID = CT_STORAGE, uid_from(study, str(k))
    head.StudyInstanceUID, head.SeriesInstanceUID, head.FrameOfReferenceUID = (
        study,
        uid_from(study, "series"),
        uid_from(study, "frame"),
    )
    head.PatientID, head.PatientName, head.PatientBirthDate, head.PatientSex = "ANONYMOUS", "ANONYMOUS^", "", ""
    head.StudyDate, head.StudyTime = ("", "") if when is None else (when.strftime("%Y%m%d"), when.strftime("%H%M%S"))
    head.AccessionNumber = head.StudyID = head.ReferringPhysicianName = ""
    head.Modality, head.Rows, head.Columns = "CT", geometry.shape[1], geometry.shape[0]
    head.InstanceNumber, head.SeriesNumber = str(k + 1), "1"
    column, row = (geometry.affine[:3, axis] for axis in range(2))
    head.ImagePositionPatient = _decimals(geometry.affine[:3, 3] + k * geometry.affine[:3, 2])
    head.ImageOrientationPatient = _decimals(
        np.concatenate([column / np.linalg.norm(column), row / np.linalg.norm(row)])
    )
    head.PixelSpacing = _decimals(np.array([np.linalg.norm(row), np.linalg.norm(column)]))
    head.SliceThickness = _decimals(np.array([np.linalg.norm(geometry.affine[:3, 2])]))[0]
    return head


def dicom_order(array: Array, geometry: Geometry, directions: Floats | None = None) -> tuple[Array, Geometry]:
    """The same volume with its axes as DICOM slices have them: columns to the left, rows to the back, slices to the head, right-handed. No voxel changes.

    `directions`: those of a series [3, 3] that the axes shall follow instead, tilted slices too. Raises BadInput: the slices do not stand square on their
    rows and columns, and no series says that they shall.
    """
    turn = np.eye(4)
    turn[:3, :3] = np.eye(3) if directions is None else directions.T
    u, v, w = Geometry(turn @ geometry.affine, geometry.shape).axes
    affine = geometry.affine[:, [u, v, w, 3]].copy()
    turned = np.transpose(array, (u, v, w))
    for axis in range(3):
        if turn[axis, :3] @ affine[:3, axis] < 0:
            turned = np.flip(turned, axis)
            affine[:3, 3] += affine[:3, axis] * (turned.shape[axis] - 1)
            affine[:3, axis] *= -1
    unit = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    if directions is None and not np.allclose(unit.T @ unit, np.eye(3), atol=1e-3):
        raise BadInput(
            "the grid is sheared (gantry tilt) and cannot be written as DICOM",
            hint="Resample it to a square grid first.",
        )
    return turned, Geometry(affine, (turned.shape[0], turned.shape[1], turned.shape[2]))


def _decimals(values: NDArray[np.floating[Any]]) -> list[str]:
    """Decimal strings of at most 16 characters, as DICOM wants them."""
    from pydicom.valuerep import format_number_as_ds

    return [format_number_as_ds(float(v)) for v in values]


def _folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise BadInput(
            f"the folder cannot be made: {problem.strerror or 'error'}",
            where=folder.name,
            hint="Choose another output folder.",
        ) from problem


def save_dicom(dataset: Any, path: Path) -> Path:
    """Write a DICOM object; the file appears under its name only when it is whole. Raises BadInput: the place cannot be written."""
    _folder(path.parent)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        waiting = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                dataset.save_as(file, enforce_file_format=True)
            waiting.chmod(0o644)
            waiting.replace(path)
        finally:
            waiting.unlink(missing_ok=True)
    except OSError as problem:
        raise BadInput(
            f"the file cannot be written: {problem.strerror or 'error'}",
            where=path.name,
            hint="Choose another output folder.",
        ) from problem
    return path
