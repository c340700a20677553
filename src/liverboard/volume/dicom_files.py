"""Which DICOM files lie in a folder: heads without pixels, grouped by series. Nothing here shows or logs a patient identifier."""

from __future__ import annotations

import logging
import os
import re
import warnings
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from liverboard.errors import UnsupportedImage

SEG_CLASSES = frozenset({"1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7"})
RTSTRUCT_CLASS = "1.2.840.10008.5.1.4.1.1.481.3"
RTDOSE_CLASS = "1.2.840.10008.5.1.4.1.1.481.2"
_MAX_FILES = 60_000
_DEFLATED = "1.2.840.10008.1.2.1.99"
_BEFORE_META = 144  # bytes of a file up to the end of the element that says how long its meta information is
_RATIO, _RATIO_FROM = 200, 10_000_000  # unpacked to packed size; small files may be packed by any factor
_BLOCK = 1 << 20
_SKIPPED = frozenset({"dicomdir", "license", "readme", "license.txt", "readme.md"})
_NOT_DICOM = (
    ".nii",
    ".nii.gz",
    ".nrrd",
    ".json",
    ".yaml",
    ".txt",
    ".md",
    ".csv",
    ".png",
    ".jpg",
    ".pdf",
    ".xml",
    ".html",
    ".zip",
    ".stl",
    ".glb",
)


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One series: `number` as listed here (from 1), `kind` image, segmentation, structures, dose or other. `heads`: pydicom data sets without pixels, with `files`."""

    number: int
    uid: str
    kind: str
    modality: str
    description: str
    heads: tuple[Any, ...]
    files: tuple[Path, ...]

    def __str__(self) -> str:
        count = f"{len(self.files)} file{'s' if len(self.files) > 1 else ''}"
        return f"#{self.number} {self.modality or 'no modality'}, {count}" + (
            f", '{self.description}'" if self.description else ""
        )


def find_series(place: Path) -> tuple[Series, ...]:
    """All series of a file, or of a folder and whatever lies below it, in the order of series number. Raises UnsupportedImage: nothing there is DICOM."""
    files = [place] if place.is_file() else _files_below(place)
    where = place.name if place.is_file() else "the folder"
    if len(files) > _MAX_FILES:
        fail(
            where,
            f"the folder holds {len(files):,} files",
            f"Give the folder of one study (at most {_MAX_FILES:,} files).",
        )
    with ThreadPoolExecutor(max_workers=4) as pool:
        heads = list(pool.map(read_head, files))
    found: dict[tuple[str, ...], list[tuple[Any, Path]]] = {}
    for head, file in zip(heads, files, strict=True):
        if head is not None:
            uid = text(head, "SeriesInstanceUID") or f"no series UID, {kind_of(head)}"
            # Two patients stay apart even where an anonymiser gave them one series UID, or none.
            key = (uid, text(head, "StudyInstanceUID"), text(head, "PatientID") or text(head, "PatientName"))
            found.setdefault(key, []).append((head, file))
    if not found:
        fail(where, "there is no DICOM object in it", "Give a folder or file of a DICOM series, or NIfTI or NRRD.")
    order = sorted(found.items(), key=lambda item: (whole(item[1][0][0], "SeriesNumber", 10**6), item[0]))
    return tuple(
        Series(
            number,
            uid,
            kind_of(pairs[0][0]),
            _code(text(pairs[0][0], "Modality")),
            _plain(text(pairs[0][0], "SeriesDescription")),
            tuple(head for head, _ in pairs),
            tuple(file for _, file in pairs),
        )
        for number, ((uid, *_), pairs) in enumerate(order, 1)
    )


def _files_below(folder: Path) -> list[Path]:
    """Whatever may be DICOM below the folder. Raises UnsupportedImage: a folder that cannot be read, whose slices would be missed."""

    def refuse(problem: OSError) -> NoReturn:
        fail("the folder", "a folder in it cannot be read", "Check its rights.")

    found = [Path(place) / name for place, _, names in os.walk(folder, onerror=refuse) for name in names]
    return sorted(file for file in found if _may_be_dicom(file) and file.is_file())


def pick(series: Sequence[Series], wanted: str, where: str, what: str) -> Series:
    """The series that is meant: the only one, or by number, UID or a part of its description. Raises UnsupportedImage with the list."""
    listed = "; ".join(str(each) for each in series[:30])
    if wanted:
        exact = [s for s in series if wanted in {str(s.number), s.uid}]
        chosen = exact or [s for s in series if wanted.lower() in s.description.lower()]
        if len(chosen) != 1:
            fail(
                where,
                f"{len(chosen) or 'no'} series fit{'' if chosen else 's'} '{wanted[:60]}'",
                f"It holds: {listed}.",
            )
        return chosen[0]
    if len(series) != 1:
        fail(
            where,
            f"it holds {len(series)} {what}",
            f"Pick one by number or description, such as F#{series[0].number if series else 1}. It holds: {listed or 'none'}.",
        )
    return series[0]


def quiet_pydicom() -> Any:
    """pydicom, made to keep values to itself: its warnings quote what it reads, patient names included."""
    import pydicom as untyped

    pydicom: Any = untyped
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    warnings.filterwarnings("ignore", module=r"(pydicom|highdicom)(\..*)?")
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    return pydicom


def read_head(file: Path) -> Any:
    """A DICOM file without its pixels; None when it is none. Large elements stay on disk."""
    pydicom = quiet_pydicom()
    head: Any = None
    promised = False
    try:
        with file.open("rb") as opened:
            promised = opened.read(132)[128:] == b"DICM"
        _refuse_bomb(file)
        head = pydicom.dcmread(file, stop_before_pixels=True, defer_size=65536)
    except OSError:
        fail(file.name, "the file cannot be read", "Check the rights of the file.")
    except UnsupportedImage:
        raise
    except Exception:  # whatever is wrong with it, it is no readable DICOM object
        head = None
    if head is not None and any(name in head for name in ("SOPInstanceUID", "Modality", "Rows")):
        return head
    if promised and (head is None or "DirectoryRecordSequence" not in head):
        fail(file.name, "the DICOM file is damaged or cut short", "Export or fetch it again.")
    return None


def read_whole(file: Path) -> Any:
    """A DICOM file with its pixels. Raises UnsupportedImage when it is damaged."""
    pydicom = quiet_pydicom()
    try:
        _refuse_bomb(file)
        return pydicom.dcmread(file)
    except UnsupportedImage:
        raise
    except Exception as error:
        fail(file.name, f"the DICOM file is damaged ({type(error).__name__})", "Export it again.")


def _refuse_bomb(file: Path) -> None:
    """A deflated file is unpacked into memory as a whole: one that unpacks to much more than itself is read no further. Raises UnsupportedImage."""
    with file.open("rb") as opened:
        if opened.read(132)[128:] != b"DICM":
            return
        meta: Any = quiet_pydicom().filereader.read_file_meta_info(file)
        if str(meta.get("TransferSyntaxUID", "")) != _DEFLATED:
            return
        opened.seek(_BEFORE_META + meta.FileMetaInformationGroupLength)
        most = max(_RATIO * file.stat().st_size, _RATIO_FROM)
        unpacked, inflating = 0, zlib.decompressobj(-zlib.MAX_WBITS)
        while block := inflating.unconsumed_tail or opened.read(_BLOCK):
            unpacked += len(inflating.decompress(block, _BLOCK))
            if unpacked > most:
                fail(file.name, f"the file unpacks to more than {_RATIO} times its size", "Export it uncompressed.")


def kind_of(head: Any) -> str:
    """image, segmentation, structures, dose or other, by SOP class, else by what the object holds (some writers leave the class blank)."""
    sop, modality = text(head, "SOPClassUID"), text(head, "Modality")
    if sop in SEG_CLASSES or (not sop and modality == "SEG"):
        return "segmentation"
    if sop == RTSTRUCT_CLASS or (not sop and modality == "RTSTRUCT"):
        return "structures"
    if sop == RTDOSE_CLASS or (not sop and modality == "RTDOSE"):
        return "dose"
    return (
        "image"
        if "Rows" in head and "Columns" in head and modality not in {"RTDOSE", "SR", "PR", "KO", "DOC"}
        else "other"
    )


def text(head: Any, name: str) -> str:
    """An element as text; empty when it is missing or unreadable, or so odd that a damaged length may have pulled in its neighbours (the patient's name)."""
    try:
        value = head.get(name)
    except Exception:
        return ""
    found = "" if value is None else str(value).strip()
    return found if len(found) <= 256 and found.isprintable() else ""


def whole(head: Any, name: str, otherwise: int) -> int:
    try:
        return int(head.get(name))
    except Exception:
        return otherwise


def numbers(head: Any, name: str, count: int) -> list[float] | None:
    """`count` finite numbers of an element, or None."""
    import math

    try:
        value = head.get(name)
        found = [float(v) for v in value] if count > 1 else [float(value)]
    except Exception:
        return None
    return found if len(found) == count and all(math.isfinite(v) for v in found) else None


def fail(where: str, message: str, hint: str) -> NoReturn:
    raise UnsupportedImage(message, where=where, hint=hint) from None


def _may_be_dicom(file: Path) -> bool:
    name = file.name.lower()
    return not (name.startswith(".") or name in _SKIPPED or name.endswith(_NOT_DICOM))


def _code(modality: str) -> str:
    return modality if re.fullmatch(r"[A-Z0-9_]{1,16}", modality) else ""


def _plain(description: str) -> str:
    """A description short and without control characters."""
    return re.sub(r"[^\w .,;:/()+\-=*%]", "", description)[:48]
