"""Closed surfaces and contours out of .vtp, .vtm and .stl files, in LPS mm whichever way the file writes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from liverboard.errors import MissingData
from liverboard.volume.dicom_files import fail
from liverboard.volume.geometry import Floats

Space = Literal["LPS", "RAS"]
SURFACES = (".vtp", ".vtm", ".stl")
_MAX_POINTS = 20_000_000
_SPACE_FIELD = "space"


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """One structure as triangles or as closed planar contours. `points`: (N, 3) LPS mm. `faces`: (M, 3) point numbers. `lines`: each (N, 3) LPS mm."""

    name: str
    points: Floats
    faces: NDArray[np.int64]
    lines: tuple[Floats, ...] = ()
    space: Space | None = None  # what the file says that it is written in


def read_surfaces(file: Path, space: Space | None = None) -> tuple[list[Drawn], tuple[str, ...]]:
    """The structures of a surface file, and what was noticed.

    `space`: what the file's coordinates are; None: what the file says, else RAS, as VTK files of 3D Slicer without a word on it are, and that is said.
    Raises MissingData: .vtp or .vtm without the library that reads them. UnsupportedImage: damage, nothing drawn, values that are no numbers.
    """
    if not file.is_file():
        fail(file.name, "there is no such file", "Check the path.")
    drawn = _stl(file) if file.name.lower().endswith(".stl") else _vtk(file)
    if not drawn:
        fail(file.name, "it holds no surface and no closed contour", "Export the structures again.")
    noted: list[str] = []
    found: list[Drawn] = []
    untold = False
    for each in drawn:
        if not np.all(np.isfinite(each.points)) or not all(np.all(np.isfinite(line)) for line in each.lines):
            fail(file.name, f"points of '{each.name[:40]}' are no numbers", "Export the structures again.")
        if space is not None and each.space not in {None, space}:
            fail(file.name, f"it is written in {each.space}, and {space} was said", "Leave the space out.")
        untold = untold or (space is None and each.space is None)
        found.append(_in_lps(each, space or each.space or "RAS"))
    if untold:
        noted.append(
            f"{file.name} does not tell its coordinates; they are taken as RAS (right, anterior, superior). If they are LPS, say --surface-space LPS"
        )
    return found, tuple(noted)


def mirrored(drawn: Drawn) -> Drawn:
    """The structure, had the file been written in the other of LPS and RAS."""
    return _in_lps(drawn, "RAS")


def _in_lps(drawn: Drawn, space: Space) -> Drawn:
    if space == "LPS":
        return drawn
    flip = np.array([-1.0, -1.0, 1.0])
    return replace(drawn, points=drawn.points * flip, lines=tuple(line * flip for line in drawn.lines))


def _stl(file: Path) -> list[Drawn]:
    import trimesh as untyped

    trimesh: Any = untyped
    try:
        with file.open("rb") as opened:
            head = opened.read(200)
            opened.seek(0)
            mesh = trimesh.load_mesh(opened, file_type="stl", process=False)
        points, faces = np.asarray(mesh.vertices, dtype=np.float64), np.asarray(mesh.faces, dtype=np.int64)
    except Exception as error:
        fail(file.name, f"the file is damaged ({type(error).__name__})", "Export it again.")
    told = head.upper()
    space = "LPS" if b"SPACE=LPS" in told else "RAS" if b"SPACE=RAS" in told else None
    return [Drawn(file.stem, points, faces, space=space)] if len(faces) else []


def _vtk(file: Path) -> list[Drawn]:
    try:
        vtk_core: Any = import_module("vtkmodules.vtkCommonCore")
        vtk_xml: Any = import_module("vtkmodules.vtkIOXML")
    except ImportError:
        raise MissingData(
            "surfaces in .vtp and .vtm are read by VTK, which is not installed",
            where=file.name,
            hint='Install it with  pip install "liverboard[surfaces]"  , or export the structures as .stl, RTSTRUCT or a mask.',
        ) from None
    vtk_core.vtkObject.GlobalWarningDisplayOff()
    several = file.name.lower().endswith(".vtm")
    reader: Any = vtk_xml.vtkXMLMultiBlockDataReader() if several else vtk_xml.vtkXMLPolyDataReader()
    if not reader.CanReadFile(str(file)):
        fail(file.name, "it is no VTK XML file of surfaces", "Export the structures again.")
    reader.SetFileName(str(file))
    reader.Update()
    output: Any = reader.GetOutput()
    if reader.GetErrorCode() or output is None:
        fail(
            file.name,
            "the VTK file is damaged, or a file that it names is not there",
            "Export the structures again, with their folder.",
        )
    return _blocks(output, file) if several else [each for each in [_poly(output, file, file.stem)] if each is not None]


def _blocks(output: Any, file: Path) -> list[Drawn]:
    found: list[Drawn] = []
    for number in range(int(output.GetNumberOfBlocks())):
        block: Any = output.GetBlock(number)
        if block is None:
            fail(
                file.name,
                f"part {number + 1} of it cannot be read",
                "The folder beside it may be missing; export it again.",
            )
        if block.IsA("vtkMultiBlockDataSet"):
            found += _blocks(block, file)
            continue
        about: Any = output.GetMetaData(number) if output.HasMetaData(number) else None
        key: Any = output.NAME()
        name = about.Get(key) if about is not None and about.Has(key) else None
        drawn = _poly(block, file, str(name or f"Structure {number + 1}")) if block.IsA("vtkPolyData") else None
        found += [drawn] if drawn is not None else []
    return found


def _poly(data: Any, file: Path, name: str) -> Drawn | None:
    """Triangles out of the polygons of a data set, else its lines as contours; None where it has neither."""
    count = int(data.GetNumberOfPoints())
    if count > _MAX_POINTS:
        fail(file.name, f"'{name[:40]}' has {count:,} points", "Export it with fewer.")
    told = _fields(data)
    name = told.get("segment_name") or told.get("name") or name
    space: Space | None = None
    if told.get(_SPACE_FIELD, "").upper() in {"LPS", "RAS"}:
        space = "LPS" if told[_SPACE_FIELD].upper() == "LPS" else "RAS"
    if count == 0:
        return None
    points = _array(data.GetPoints().GetData()).astype(np.float64)
    polygons, strips, lines = (
        _cells(each, count, file) for each in (data.GetPolys(), data.GetStrips(), data.GetLines())
    )
    triangles = [fan for cell in polygons for fan in _fan(cell)] + [t for strip in strips for t in _strip(strip)]
    if triangles:
        return Drawn(name, points, np.array(triangles, dtype=np.int64), space=space)
    contours = tuple(points[line] for line in lines if len(set(line.tolist())) >= 3)
    return Drawn(name, points, np.empty((0, 3), dtype=np.int64), contours, space) if contours else None


def _fields(data: Any) -> dict[str, str]:
    """Words in the field data, by lower-case name."""
    fields: Any = data.GetFieldData()
    found: dict[str, str] = {}
    for number in range(int(fields.GetNumberOfArrays())):
        array: Any = fields.GetAbstractArray(number)
        if array is not None and array.IsA("vtkStringArray") and array.GetNumberOfValues() == 1:
            value = "".join(c for c in str(array.GetValue(0)) if c.isprintable()).strip()
            found[str(array.GetName()).lower()] = value[:200]
    return found


def _array(data: Any) -> Any:
    support: Any = import_module("vtkmodules.util.numpy_support")
    return np.array(support.vtk_to_numpy(data))


def _cells(cells: Any, count: int, file: Path) -> Sequence[NDArray[np.int64]]:
    if cells is None or not cells.GetNumberOfCells():
        return []
    ends: Any = _array(cells.GetOffsetsArray()).astype(np.int64)
    numbers: Any = _array(cells.GetConnectivityArray()).astype(np.int64)
    broken = len(ends) and (ends[0] < 0 or np.any(np.diff(ends) < 0) or ends[-1] > len(numbers))
    if broken or (len(numbers) and (numbers.min() < 0 or numbers.max() >= count)):
        fail(file.name, "its cells name points that are not there", "Export the structures again.")
    return np.split(numbers[: ends[-1]], ends[1:-1])


def _fan(cell: NDArray[np.int64]) -> list[tuple[int, int, int]]:
    return [(int(cell[0]), int(cell[n]), int(cell[n + 1])) for n in range(1, len(cell) - 1)]


def _strip(cell: NDArray[np.int64]) -> list[tuple[int, int, int]]:
    return [(int(cell[n]), int(cell[n + 1]), int(cell[n + 2])) for n in range(len(cell) - 2)]
