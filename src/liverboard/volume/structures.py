"""Structures as shares of cells, whatever drew them: masks on their own voxels, contours and closed surfaces on lattices of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from liverboard.errors import UnsupportedImage
from liverboard.volume.dicom_files import find_series, text
from liverboard.volume.geometry import Geometry, Mask
from liverboard.volume.raster import fill_contours, fill_surface, plane_distance_mm
from liverboard.volume.read import damage_told, is_dicom, name_of, pick_parts, read_label_maps, split_parts
from liverboard.volume.rtstruct import read_contours
from liverboard.volume.surfaces import SURFACES, Drawn, Space, read_surfaces

_LONE_PLANE_MM = (
    1.0  # the slice of a single contour where nothing tells the distance of planes; a convention of this project
)


@dataclass(frozen=True, eq=False)
class Structure:
    """One structure. `share`: how much of each cell [i, j, k] it fills, 0 to 1 (bool for a mask); no cells at all where nothing was drawn."""

    name: str
    share: NDArray[Any]
    geometry: Geometry

    @classmethod
    def of(cls, mask: Mask) -> Structure:
        return cls(mask.name, mask.array, mask.geometry)

    @property
    def volume_ml(self) -> float:
        return float(self.share.sum(dtype=np.float64)) * self.geometry.voxel_volume_ml


@dataclass(frozen=True, slots=True, eq=False)
class StructureSet:
    """What a file of structures holds. `frame_of_reference_uid`: None where the file does not tell it."""

    structures: tuple[Structure, ...]
    frame_of_reference_uid: str | None = None
    warnings: tuple[str, ...] = ()


def read_structures(source: str | Path, coarsest_mm: float, space: Space | None = None) -> StructureSet:
    """The structures of a mask, label map, SEG, `.seg.nrrd`, RTSTRUCT or surface file (.vtp, .vtm, .stl), `F` or `F#name,name`.

    Masks keep their voxels. Contours and surfaces are filled, each on a lattice of its own, finer for a small one and never coarser than `coarsest_mm`.
    `space`: the coordinates of a surface file, None for what it says (else RAS). Raises UnsupportedImage, and MissingData without the library for .vtp.
    """
    file, parts = split_parts(source)
    if file.name.lower().endswith(SURFACES):
        drawn, noted = read_surfaces(file, space)
        return _filled(file, parts, [(n, each.name, each) for n, each in enumerate(drawn, 1)], coarsest_mm, noted)
    if not is_dicom(file):
        return StructureSet(_cropped(source))
    with damage_told(file):
        found = [series for series in find_series(file) if series.kind in {"segmentation", "structures"}]
        if len(found) != 1 or len(found[0].files) != 1 or found[0].kind == "segmentation":
            frame = _frame(found[0].heads[0]) if found else None
            return StructureSet(_cropped(source), frame)
        contours = read_contours(found[0].files[0])
        lone = plane_distance_mm([each.lines for each in contours])
        drawn = [
            (each.number, each.name, Drawn(each.name, np.empty((0, 3)), np.empty((0, 3), dtype=np.int64), each.lines))
            for each in contours
        ]
        held = _filled(file, parts, drawn, coarsest_mm, (), lone)
        return StructureSet(held.structures, _frame(found[0].heads[0]), held.warnings)


def _filled(
    file: Path,
    parts: str,
    drawn: Sequence[tuple[int, str, Drawn]],
    coarsest_mm: float,
    noted: Sequence[str],
    slice_mm: float | None = None,
) -> StructureSet:
    chosen = (
        [drawn[n] for n in pick_parts(file, parts, [(number, name) for number, name, _ in drawn])] if parts else drawn
    )
    lone = slice_mm or plane_distance_mm([each.lines for _, _, each in drawn if each.lines]) or _LONE_PLANE_MM
    found: list[Structure] = []
    warnings = list(noted)
    for _, name, each in chosen:
        if len({round(float(line[:, 2].mean()), 1) for line in each.lines}) == 1:
            warnings.append(f"{name}: drawn in one plane; taken as {lone:.3g} mm thick")
        try:
            share, geometry = _fill(each, coarsest_mm, lone)
        except ValueError as error:
            _refuse(file, f"'{name[:40]}' cannot be filled: {error}")
        found.append(Structure(name, share, geometry))
    return StructureSet(tuple(found), warnings=tuple(warnings))


def _fill(drawn: Drawn, coarsest_mm: float, slice_mm: float) -> tuple[NDArray[Any], Geometry]:
    if len(drawn.faces):
        return fill_surface(drawn.points, drawn.faces, coarsest_mm)
    if drawn.lines:
        return fill_contours(drawn.lines, coarsest_mm, slice_mm)
    return np.zeros((0, 0, 0), dtype=np.bool_), Geometry(np.eye(4), (0, 0, 0))


def _refuse(file: Path, message: str) -> NoReturn:
    raise UnsupportedImage(
        message, where=name_of(file), hint="Close it in the program that drew it, or leave it out with F#name,name."
    ) from None


def _cropped(source: str | Path) -> tuple[Structure, ...]:
    """Each structure of masks within its bounding box."""
    found: list[Structure] = []
    for each in read_label_maps(source):
        for value, name in each.names.items():
            there: Any = each.array == value
            spans: list[slice] = []
            for axis in range(3):
                hits = np.flatnonzero(there.any(axis=tuple(a for a in range(3) if a != axis)))
                spans.append(slice(int(hits[0]), int(hits[-1]) + 1) if len(hits) else slice(0, 0))
            i, j, k = spans
            shape = (i.stop - i.start, j.stop - j.start, k.stop - k.start)
            found.append(Structure(name, there[i, j, k], each.geometry.cropped((i.start, j.start, k.start), shape)))
    return tuple(found)


def _frame(head: Any) -> str | None:
    """The frame of reference that a SEG or RTSTRUCT names; None where it names none or several."""
    named = {text(head, "FrameOfReferenceUID")}
    for sequence, key in (
        ("ReferencedFrameOfReferenceSequence", "FrameOfReferenceUID"),
        ("StructureSetROISequence", "ReferencedFrameOfReferenceUID"),
    ):
        named |= {text(item, key) for item in list(head.get(sequence) or [])}
    named -= {""}
    return named.pop() if len(named) == 1 else None
