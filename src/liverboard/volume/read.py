"""Reading images and masks: DICOM, NIfTI, NRRD. Whatever is wrong ends in UnsupportedImage that names the file or series and says what to do."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from liverboard.errors import UnsupportedImage
from liverboard.volume.dicom_files import Series, find_series, pick
from liverboard.volume.dicom_seg import read_seg
from liverboard.volume.dicom_series import read_series
from liverboard.volume.geometry import Array, Floats, Geometry, Image, LabelMap, Mask
from liverboard.volume.rtstruct import read_rtstruct

MAX_VOXELS = 1_500_000_000  # a whole-body CT has 0.3; beyond this a header is more likely damaged than true
_MAX_LABEL = 60_000
_PACKED_STEP = 128 << 10  # igzip slows down fourfold on steps of megabytes
_ARRAYS = (".nii", ".nii.gz", ".nrrd")
_FORMATS = "Read are DICOM (series, SEG, RTSTRUCT), NIfTI (.nii, .nii.gz), NRRD (.nrrd) and segmentations in .seg.nrrd."
# NRRD axis names by the direction that each space axis grows to; LPS keeps the sign, its opposite flips it.
_SPACES = {
    "left-posterior-superior": (1, 1, 1), "lps": (1, 1, 1), "right-anterior-superior": (-1, -1, 1), "ras": (-1, -1, 1),
    "left-anterior-superior": (1, -1, 1), "las": (1, -1, 1), "right-posterior-superior": (-1, 1, 1), "rps": (-1, 1, 1),
}  # fmt: skip


def read_image(source: str | Path) -> Image:
    """Read one 3-D image of numbers: NIfTI, NRRD, a DICOM file or a folder of a DICOM series (`F#2`, `F#<uid>` or `F#<description>` picks one of several).

    Raises UnsupportedImage: no such file, format, damage, not 3-D, no valid geometry, several series and none picked.
    """
    file, parts = split_parts(source)
    if not is_dicom(file):
        array, geometry, _ = _load(file)
        if array.ndim != 3:
            _fail(file, f"the image has {array.ndim} dimensions", "Give a single 3-D image.")
        return Image(array, geometry)
    with damage_told(file):
        found = find_series(file)
        images = [series for series in found if series.kind == "image"]
        if not images:
            _fail(
                file,
                f"it holds no image ({'; '.join(map(str, found[:5]))})",
                "Give the series of the CT, MR, PET or SPECT.",
            )
        return read_series(pick(images, parts, name_of(file), "image series"))


def list_series(source: str | Path) -> tuple[Series, ...]:
    """The DICOM series of a file, or of a folder and what lies below it. Raises UnsupportedImage: no DICOM there."""
    file = Path(source)
    if not file.exists():
        _fail(file, "there is no such file", "Check the path.")
    return find_series(file)


def read_label_maps(source: str | Path, grid: Geometry | None = None) -> list[LabelMap]:
    """Read the structures of a mask, label map or segmentation: `F`, `F#name,name` (segments) or `F#5,6` (label values). A map holds what does not overlap.

    DICOM SEG and RTSTRUCT (a file, or a folder that holds one of them) and `.seg.nrrd` keep the names of their structures. Each label value of a plain label
    map is a structure named by its value; a mask of one value is named after the file. A folder of NIfTI or NRRD masks gives one structure a file. `grid`:
    where contours (RTSTRUCT) are filled; None: on a grid of their own. Raises UnsupportedImage: also for fractions or NaN in a mask, no structure at all,
    and a part that is not there.
    """
    file, parts = split_parts(source)
    if is_dicom(file):
        with damage_told(file):
            maps = _dicom_maps(file, grid)
    elif file.is_dir():
        maps = [each for mask in _mask_files(file) for each in _file_maps(mask, whole_file=True)]
    else:
        maps = _file_maps(file)
    return _picked(file, maps, parts) if parts else maps


def read_masks(source: str | Path, grid: Geometry | None = None) -> list[Mask]:
    """The structures of `read_label_maps` as masks on the whole grid, one each; an unnamed file without any voxel gives one empty mask."""
    return [
        Mask(name, np.asarray(each.array == value), each.geometry, named=each.named, machine=each.machine)
        for each in read_label_maps(source, grid)
        for value, name in each.names.items()
    ]


def split_parts(source: str | Path) -> tuple[Path, str]:
    """`F#parts` as F and parts."""
    name, _, parts = str(source).partition("#")
    return Path(name), parts


def is_dicom(file: Path) -> bool:
    """A folder (unless it holds masks of other formats and no DICOM), or a file that is neither NIfTI nor NRRD."""
    try:
        return _holds_dicom(file)
    except OSError:
        # A folder above it may be closed too: whether it is a folder can only be told from its name.
        name = file.name if file.suffix else "the folder"
        raise UnsupportedImage("it cannot be read", where=name, hint="Check its rights.") from None


def _holds_dicom(file: Path) -> bool:
    if not file.exists():
        _fail(file, "there is no such file", "Check the path.")
    if file.is_dir():
        return not _mask_files(file) or any(f.is_file() and _begins_as_dicom(f) for f in file.iterdir())
    if file.stat().st_size == 0:
        _fail(file, "the file is empty", "Export it again.")
    if file.name.lower().endswith(_ARRAYS):
        return False
    if not _begins_as_dicom(file) and not file.name.lower().endswith((".dcm", ".ima")):
        _fail(file, "the format is not known from the file's name or content", _FORMATS)
    return True


def _begins_as_dicom(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(132)[128:] == b"DICM"


def _mask_files(folder: Path) -> list[Path]:
    return sorted(
        f for f in folder.iterdir() if f.is_file() and f.name.lower().endswith(_ARRAYS) and not f.name.startswith(".")
    )


def _file_maps(file: Path, *, whole_file: bool = False) -> list[LabelMap]:
    array, geometry, header = _load(file)
    machine = _drawn_by(file)
    if any(key.startswith("Segment0_") for key in header):
        return [replace(each, machine=machine) for each in _segments(file, array, geometry, header)]
    labels = replace(_labels(file, array, geometry), machine=machine)
    return [replace(labels, named=True) if whole_file and len(labels.names) == 1 else labels]


def _drawn_by(file: Path) -> str | None:
    """The program that drew a mask, when the `segmentation.json` beside it says so (as `liverboard segment` writes it)."""
    beside = file.with_name("segmentation.json")
    try:
        about: Any = json.loads(beside.read_text(encoding="utf-8")) if beside.is_file() else {}
        if about.get("machine_made") and file.name in about.get("files", {}).values():
            return " ".join(str(about.get(key, "")) for key in ("engine", "version")).strip() or "a program"
    except (OSError, ValueError, AttributeError):
        return None
    return None


def _dicom_maps(file: Path, grid: Geometry | None) -> list[LabelMap]:
    found = find_series(file)
    drawn = [
        (series, path) for series in found if series.kind in {"segmentation", "structures"} for path in series.files
    ]
    if len(drawn) != 1:
        held = "; ".join(map(str, found[:10]))
        _fail(
            file,
            f"it holds {len(drawn) or 'no'} segmentation{'s' if len(drawn) != 1 else ''} or structure set",
            f"Give one SEG or RTSTRUCT file. It holds: {held}.",
        )
    series, path = drawn[0]
    return read_seg(path) if series.kind == "segmentation" else read_rtstruct(path, grid)


@contextmanager
def damage_told(file: Path) -> Generator[None]:
    """Whatever a DICOM library raises on a damaged file becomes an UnsupportedImage."""
    try:
        yield
    except UnsupportedImage:
        raise
    except MemoryError:
        _fail(file, "the image needs more memory than is free", "Use a machine with more memory.")
    except Exception as error:
        _fail(file, f"the DICOM object is damaged or unusual ({type(error).__name__})", "Export or fetch it again.")


def _load(file: Path) -> tuple[Array, Geometry, dict[str, Any]]:
    load = (
        _load_nifti
        if file.name.lower().endswith((".nii", ".nii.gz"))
        else _load_nrrd
        if file.name.lower().endswith(".nrrd")
        else None
    )
    if load is None:
        _fail(file, "the format is not known from the file's name", _FORMATS)
    try:
        return load(file)
    except UnsupportedImage:
        raise
    except MemoryError:
        _fail(
            file, "the image needs more memory than is free", "Crop it to the liver, or use a machine with more memory."
        )
    except Exception as error:  # the readers raise many kinds on a damaged file; all mean the same to the user
        _fail(file, f"the file is damaged or incomplete ({type(error).__name__})", "Export or copy it again.")


def _load_nifti(file: Path) -> tuple[Array, Geometry, dict[str, Any]]:
    import nibabel

    loaded: Any = nibabel.load(file)  # pyright: ignore[reportUnknownMemberType, reportPrivateImportUsage]
    shape = tuple(int(n) for n in loaded.shape)
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    _check_shape(file, shape)
    if loaded.get_data_dtype().kind not in "iufb":
        _fail(file, "the voxels are colours or complex numbers", "Expected one number a voxel.")
    array = _pixels(file, loaded.dataobj, shape)
    unit = loaded.header.get_xyzt_units()[0]
    scale = {"mm": 1.0, "unknown": 1.0, "meter": 1000.0, "micron": 0.001}.get(unit)
    if scale is None:
        _fail(file, f"lengths are in '{unit}'", "Expected mm.")
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ np.asarray(loaded.affine, dtype=np.float64)
    affine[:3] *= scale
    return array, _geometry(file, affine, shape), {}


def _pixels(file: Path, stored: Any, shape: tuple[int, ...]) -> Array:
    """The voxels of a NIfTI file. Packed whole numbers without a scale are unpacked straight into their array, which nibabel does in three copies."""
    plain = (stored.slope, stored.inter) == (1.0, 0.0)
    if not (plain and file.name.lower().endswith(".gz")):
        return np.asanyarray(stored).reshape(shape)
    from isal import igzip as untyped

    igzip: Any = untyped
    # A mask is nearly all zeros: memory that is never written costs nothing, so only what holds something is.
    sparse = stored.dtype.itemsize == 1
    array: Any = (np.zeros if sparse else np.empty)(shape, dtype=stored.dtype, order="F")
    room = memoryview(array.reshape(-1, order="F")).cast("B")
    step = bytearray(_PACKED_STEP)
    with igzip.open(file, "rb") as packed:
        packed.read(int(stored.offset))
        place = 0
        while place < len(room):
            count = int(
                packed.readinto(memoryview(step)[: len(room) - place] if sparse else room[place : place + _PACKED_STEP])
            )
            if not count:
                raise EOFError
            if sparse and np.frombuffer(step, np.uint8, count).any():
                room[place : place + count] = memoryview(step)[:count]
            place += count
    return array


def _load_nrrd(file: Path) -> tuple[Array, Geometry, dict[str, Any]]:
    import nrrd as pynrrd

    nrrd: Any = pynrrd  # it has no types

    with file.open("rb") as opened:
        if opened.read(4) != b"NRRD":
            _fail(file, "the file is damaged: it does not begin as NRRD", "Export or copy it again.")
    header: dict[str, Any] = dict(nrrd.read_header(str(file)))
    if "data file" in header or "datafile" in header:
        _fail(file, "the pixels lie in a second file (a detached NRRD)", "Save it as one .nrrd file.")
    sizes = [int(n) for n in header["sizes"]]
    directions: Any = header.get("space directions")
    space = str(header.get("space", "")).lower()
    if directions is None or space not in _SPACES:
        _fail(
            file,
            "the header does not place the image in the patient",
            "Expected 'space' (such as left-posterior-superior) and 'space directions'.",
        )
    rows = [
        None
        if row is None or np.any(np.isnan(np.asarray(row, dtype=np.float64)))
        else np.asarray(row, dtype=np.float64)
        for row in directions
    ]
    spatial = [axis for axis, row in enumerate(rows) if row is not None]
    if len(spatial) != 3 or len(sizes) not in {3, 4}:
        _fail(
            file,
            f"the image has {len(spatial)} spatial axes and {len(sizes)} in all",
            "Expected a 3-D image, or layers of one.",
        )
    units = [str(unit).strip('"').lower() for unit in header.get("space units", [])]
    if any(unit not in {"mm", ""} for unit in units):
        _fail(file, f"lengths are in '{units[0]}'", "Expected mm.")
    _check_shape(
        file,
        tuple(sizes[axis] for axis in spatial),
        times=int(np.prod([n for a, n in enumerate(sizes) if a not in spatial])),
    )
    data, _ = nrrd.read(str(file), index_order="F")
    array: Array = np.moveaxis(
        np.asarray(data), [axis for axis in range(len(sizes)) if axis not in spatial], [-1] * (len(sizes) - 3)
    )
    sign = np.array(_SPACES[space], dtype=np.float64)
    affine = np.eye(4)
    affine[:3, :3] = np.stack([rows[axis] for axis in spatial], axis=1) * sign[:, None]  # pyright: ignore[reportArgumentType, reportCallIssue]
    affine[:3, 3] = np.asarray(header.get("space origin", (0, 0, 0)), dtype=np.float64) * sign
    return array, _geometry(file, affine, array.shape[:3]), header


def _check_shape(file: Path, shape: tuple[int, ...], times: int = 1) -> None:
    if len(shape) != 3:
        _fail(file, f"the image has {len(shape)} dimensions", "Expected a 3-D image.")
    if min(shape) < 2:
        _fail(file, f"the image is flat ({' x '.join(map(str, shape))} voxels)", "Expected a 3-D image.")
    voxels = int(np.prod([int(n) for n in shape], dtype=object)) * times
    if voxels > MAX_VOXELS:
        _fail(
            file,
            f"the header claims {voxels:,} voxels",
            f"At most {MAX_VOXELS:,} are read; crop the image to the liver, or export it again.",
        )


def _geometry(file: Path, affine: Floats, shape: tuple[int, ...]) -> Geometry:
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    if not np.all(np.isfinite(affine)) or np.any(lengths < 1e-3) or np.any(lengths > 1e3):
        _fail(
            file,
            "voxel sizes or directions are not valid",
            "Expected finite directions and voxels between 0.001 and 1000 mm.",
        )
    if abs(float(np.linalg.det(affine[:3, :3] / lengths))) < 0.1:
        _fail(file, "the directions of the axes do not span space", "Export the image again with its orientation.")
    return Geometry(affine, (int(shape[0]), int(shape[1]), int(shape[2])))


def _segments(file: Path, array: Array, geometry: Geometry, header: dict[str, Any]) -> list[LabelMap]:
    """Segments of a `.seg.nrrd`: each has its name, label value and layer; a layer is a map."""
    layers = array[..., np.newaxis] if array.ndim == 3 else array
    numbers = sorted(int(m[1]) for key in header if (m := re.fullmatch(r"Segment(\d{1,5})_ID", key)))
    names: dict[int, dict[int, str]] = {}
    for number in numbers:
        placed = [str(header.get(f"Segment{number}_{key}", n)).strip() for key, n in (("Layer", 0), ("LabelValue", 1))]
        if not all(re.fullmatch(r"\d{1,5}", each) for each in placed) or int(placed[1]) == 0:
            _fail(file, f"segment {number} has no valid layer and label value", "Save the segmentation again.")
        layer, value = map(int, placed)
        if layer >= layers.shape[3]:
            _fail(
                file,
                f"segment {number} lies in layer {layer}, and there are {layers.shape[3]}",
                "Save the segmentation again.",
            )
        name = "".join(c for c in str(header.get(f"Segment{number}_Name", "")) if c.isprintable()).strip()
        names.setdefault(layer, {})[value] = name or f"Segment {number}"
    if not names:
        _fail(file, "the segmentation holds no segment", "Expected at least one.")
    if layers.dtype.kind not in "iub" and not (
        layers.dtype.kind == "f" and np.all(np.isfinite(layers)) and np.all(layers == np.round(layers))
    ):
        _fail(file, "the segmentation holds fractions or values that are no numbers", "Expected whole numbers.")
    return [LabelMap(layers[..., layer], geometry, named) for layer, named in sorted(names.items())]


def _labels(file: Path, array: Array, geometry: Geometry) -> LabelMap:
    if array.ndim != 3:
        _fail(file, f"the mask has {array.ndim} dimensions", "Expected a 3-D mask, or a .seg.nrrd with segments.")
    if array.dtype.kind not in "iubf":
        _fail(file, f"the mask holds values of type {array.dtype}", "Expected whole numbers.")
    if array.dtype.kind == "f":
        if not np.all(np.isfinite(array)):
            _fail(
                file,
                "the mask holds values that are no numbers (NaN or infinite)",
                "Expected whole numbers; is this an image?",
            )
        if np.any(array != np.round(array)):
            _fail(file, "the mask holds fractions", "Expected whole numbers; is this an image?")
    low, high = _range(array)
    if low < 0 or high >= _MAX_LABEL:
        _fail(file, f"the mask holds values from {low} to {high}", "Expected labels from 1 up; is this an image?")
    whole = array.astype(np.uint8 if high < 256 else np.uint16) if array.dtype.kind != "u" else array
    there = np.zeros(high + 1, dtype=np.bool_)
    for plane in np.moveaxis(whole, int(np.argmax(whole.strides)), 0):
        if plane.any():
            there |= np.bincount(plane.ravel(order="K"), minlength=high + 1) > 0
    values = [int(v) for v in np.flatnonzero(there) if v]
    if len(values) > 1000:
        _fail(file, f"the mask holds {len(values)} different values", "Expected labels from 1 up; is this an image?")
    if len(values) <= 1:
        stem = re.sub(r"(\.nii(\.gz)?|\.nrrd)$", "", file.name, flags=re.IGNORECASE)
        return LabelMap(whole, geometry, {values[0] if values else 1: stem}, named=False)
    return LabelMap(whole, geometry, {value: str(value) for value in values}, named=False)


def _range(array: Array) -> tuple[int, int]:
    if array.dtype in {np.dtype(np.uint8), np.dtype(np.bool_)}:
        return 0, 255
    return (0, 0) if array.size == 0 else (int(array.min()), int(array.max()))


def _picked(file: Path, maps: list[LabelMap], parts: str) -> list[LabelMap]:
    held = [(number, value, name) for number, each in enumerate(maps) for value, name in each.names.items()]
    picked = [held[n][:2] for n in pick_parts(file, parts, [(value, name) for _, value, name in held])]
    return [
        replace(maps[number], names={value: maps[number].names[value] for _, value in group})
        for number, group in groupby(picked, key=lambda place: place[0])
    ]


def pick_parts(file: Path, parts: str, held: Sequence[tuple[int, str]]) -> list[int]:
    """Which of `held` (number, name) each of the comma-separated `parts` means: by name, else by number. Raises UnsupportedImage: a part not there."""
    names = [name for _, name in held]
    lower = [name.lower() for name in names]
    numbers = [str(number) for number, _ in held]
    picked: list[int] = []
    for part in (part.strip() for part in parts.split(",")):
        if part in names:
            picked.append(names.index(part))
        elif part.lower() in lower:
            picked.append(lower.index(part.lower()))
        elif part.isdecimal() and part in numbers:
            picked.append(numbers.index(part))
        else:
            near = difflib.get_close_matches(part, names, 1, cutoff=0.4)
            _fail(
                file,
                f"there is no part '{part[:60]}'",
                (f"Did you mean '{near[0]}'? " if near else "") + f"It holds: {', '.join(names)}.",
            )
    return picked


def _fail(file: Path, message: str, hint: str) -> NoReturn:
    # A folder may be named after the patient; a file is named, since one must know which it was.
    raise UnsupportedImage(message, where=name_of(file), hint=hint) from None


def name_of(file: Path) -> str:
    return file.name if file.is_file() or file.suffix else "the folder"
