"""NIfTI and NRRD files copied without the words of their headers: geometry and voxels stay; descriptions, comments, extensions and whatever follows the voxels go."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Final

from liverboard.errors import UnsupportedImage
from liverboard.volume.dicom_files import fail

ARRAYS: Final = (".nii", ".nii.gz", ".nrrd")
_BLOCK: Final = 1 << 20
_LONGEST_HEADER: Final = 4 << 20
_WORDS_OF_NIFTI: Final = ("data_type", "db_name", "descrip", "aux_file", "intent_name", "unused_str")
_BYTES: Final = {
    "int8": 1, "signed char": 1, "int8_t": 1, "uint8": 1, "unsigned char": 1, "uchar": 1, "uint8_t": 1,
    "int16": 2, "short": 2, "short int": 2, "signed short": 2, "int16_t": 2, "uint16": 2, "unsigned short": 2, "ushort": 2, "uint16_t": 2,
    "int32": 4, "int": 4, "signed int": 4, "int32_t": 4, "uint32": 4, "unsigned int": 4, "uint": 4, "uint32_t": 4,
    "int64": 8, "longlong": 8, "long long": 8, "int64_t": 8, "uint64": 8, "ulonglong": 8, "unsigned long long": 8, "uint64_t": 8,
    "float": 4, "double": 8,
}  # fmt: skip
_NUMBERS: Final = re.compile(r"[0-9eE+\-.,() ]*(?:(?:none|nan)[0-9eE+\-.,() ]*)*", re.IGNORECASE)
_NRRD_FIELDS: Final = {
    "dimension": _NUMBERS,
    "space dimension": _NUMBERS,
    "sizes": _NUMBERS,
    "spacings": _NUMBERS,
    "space directions": _NUMBERS,
    "space origin": _NUMBERS,
    "space": re.compile(r"(?:(?:left|right|anterior|posterior|superior|inferior)-?){3}|[LRAPSIlrapsi]{3}"),
    "space units": re.compile(r"(?:\"?(?:mm|cm|m|um)?\"? ?)*"),
    "kinds": re.compile(r"(?:(?:domain|space|list|none|vector|\?\?\?) ?)*"),
    "centerings": re.compile(r"(?:(?:cell|node|none|\?\?\?) ?)*"),
    "endian": re.compile(r"little|big"),
}
_SEGMENT: Final = re.compile(r"Segment(\d{1,5})_(ID|Name|LabelValue|Layer|Extent|Color)")


def copy_plain(source: Path, target: Path, keep_name: Callable[[str], bool], most_bytes: int) -> tuple[str, ...]:
    """Copy a NIfTI (to `.nii.gz`) or NRRD file; gives the names of its segments. A name that `keep_name` refuses becomes a number.

    At most `most_bytes` of voxels are unpacked, whatever the file holds. Raises UnsupportedImage: damaged, cut short, too large, voxels in a second file.
    """
    if source.name.lower().endswith(".nrrd"):
        return _nrrd(source, target, keep_name, most_bytes)
    _nifti(source, target, most_bytes)
    return ()


def _nifti(source: Path, target: Path, most_bytes: int) -> None:
    import nibabel

    nib: Any = nibabel
    try:
        loaded: Any = nib.load(source)
        whole = isinstance(loaded, nib.Nifti1Image)
        head = loaded.header.copy()
        offset, length = (
            int(loaded.dataobj.offset),
            math.prod(int(n) for n in loaded.shape) * head.get_data_dtype().itemsize,
        )
    except Exception as error:
        fail(source.name, f"the file is damaged or no NIfTI ({type(error).__name__})", "Export it again.")
    if not whole or offset > _LONGEST_HEADER:
        fail(source.name, "this is no NIfTI file with its voxels in it", "Export it as one .nii or .nii.gz file.")
    head.extensions.clear()
    for name in _WORDS_OF_NIFTI:
        if name in head:
            head[name] = b""
    start = 544 if isinstance(loaded, nib.Nifti2Image) else 352
    head["vox_offset"] = start
    with source.open("rb") as file:
        opened = _unpacked(file) if source.name.lower().endswith(".gz") else file
        _skip(opened, offset, source)
        _pack(
            target,
            bytes(head.binaryblock).ljust(start, b"\0"),
            opened,
            _within(length, most_bytes, source),
            source,
            packed_head=True,
        )


def _nrrd(source: Path, target: Path, keep_name: Callable[[str], bool], most_bytes: int) -> tuple[str, ...]:
    with source.open("rb") as file:
        kept, names, kind, encoding = _nrrd_header(file, source, keep_name)
        sizes = kept.get("sizes", "").split()
        if kind not in _BYTES or not sizes or not all(each.isdecimal() for each in sizes):
            fail(source.name, "the header does not say what the voxels are", "Export the image again.")
        if encoding not in {"raw", "gzip", "gz"}:
            fail(source.name, f"the voxels are packed as '{encoding[:20]}'", "Save it as raw or gzip NRRD.")
        length = _within(math.prod(map(int, sizes)) * _BYTES[kind], most_bytes, source)
        lines = [
            "NRRD0005",
            f"type: {kind}",
            "encoding: gzip",
            *(f"{name}: {value}" for name, value in kept.items() if ":=" not in name),
        ]
        lines += [f"{name}{value}" for name, value in kept.items() if ":=" in name]
        head = ("\n".join(lines) + "\n\n").encode()
        _pack(target, head, file if encoding == "raw" else _unpacked(file), length, source, packed_head=False)
    return tuple(names)


def _nrrd_header(
    file: IO[bytes], source: Path, keep_name: Callable[[str], bool]
) -> tuple[dict[str, str], list[str], str, str]:
    """What is kept of the header, the names of segments, the type of the voxels and how they are packed. The file stands at the first byte of voxels."""
    if not file.readline(16).startswith(b"NRRD000"):
        fail(source.name, "the file is damaged: it does not begin as NRRD", "Export it again.")
    kept: dict[str, str] = {}
    names: list[str] = []
    about = {"type": "", "encoding": ""}
    read = 0
    while True:
        line = file.readline(_LONGEST_HEADER)
        read += len(line)
        if not line.endswith(b"\n") or read > _LONGEST_HEADER:
            fail(source.name, "the header does not end", "Export the image again.")
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        if not text:
            return kept, names, about["type"], about["encoding"]
        if text.startswith("#"):
            continue
        field, _, value = text.partition(":")
        if value.startswith("="):  # a key with its value, such as Segment0_Name:=Liver
            segment = _SEGMENT.fullmatch(field)
            if segment is not None:
                _keep_segment(kept, names, segment, value[1:].strip(), keep_name)
            continue
        field, value = field.strip().lower(), value.strip()
        if field in {"data file", "datafile"} or (
            field in {"byte skip", "line skip", "byteskip", "lineskip"} and value not in {"0", ""}
        ):
            fail(source.name, "the voxels lie in a second file, or behind bytes to skip", "Save it as one .nrrd file.")
        if field in about:
            about[field] = value.lower()
        elif field in _NRRD_FIELDS and _NRRD_FIELDS[field].fullmatch(value):
            kept[field] = value


def _keep_segment(
    kept: dict[str, str], names: list[str], segment: re.Match[str], value: str, keep_name: Callable[[str], bool]
) -> None:
    number, what = int(segment[1]), segment[2]
    if what == "ID":
        value = f"Segment_{number}"
    elif what == "Name":
        value = "".join(c for c in value if c.isprintable())[:64]
        if not value or not keep_name(value):
            value = f"Segment {number}"
        names.append(value)
    elif not _NUMBERS.fullmatch(value):
        return
    kept[f"Segment{number}_{what}:="] = value


def _within(length: int, most_bytes: int, source: Path) -> int:
    if not 0 < length <= most_bytes:
        fail(
            source.name,
            f"its voxels would need {length / 1e6:,.0f} MB",
            f"At most {most_bytes / 1e6:,.0f} MB are taken: crop it to the liver.",
        )
    return length


def _unpacked(file: IO[bytes]) -> IO[bytes]:
    from isal import igzip as untyped

    igzip: Any = untyped
    return igzip.GzipFile(fileobj=file, mode="rb")


def _skip(file: IO[bytes], count: int, source: Path) -> None:
    try:
        skipped = len(file.read(count))
    except (OSError, EOFError, ValueError):
        skipped = -1
    if skipped != count:
        fail(source.name, "the file is cut short", "Export or copy it again.")


def _pack(target: Path, head: bytes, voxels: IO[bytes], length: int, source: Path, *, packed_head: bool) -> None:
    from isal import igzip as untyped

    igzip: Any = untyped
    left = length
    with target.open("xb") as file:
        if not packed_head:
            file.write(head)
        with igzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=1, mtime=0) as packed:
            if packed_head:
                packed.write(head)
            while left:
                try:
                    block = voxels.read(min(_BLOCK, left))
                except (OSError, EOFError, ValueError) as error:
                    raise UnsupportedImage(
                        "the file is damaged", where=source.name, hint="Export or copy it again."
                    ) from error
                if not block:
                    fail(source.name, "the file is cut short", "Export or copy it again.")
                packed.write(block)
                left -= len(block)
