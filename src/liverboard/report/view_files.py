"""What a viewer in a browser loads of one scan: images around the liver, a map of lesions and one of the liver, surfaces, still pictures, and where each lesion lies."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from liverboard.clinical.extent import Frozen
from liverboard.imaging import Measurement, Scan, crop
from liverboard.imaging.masks import bounding_box, drawn_on, grid_around
from liverboard.report.lesion_pictures import grey_window, lesion_pictures, overview
from liverboard.report.meshes import Surface, stl, surface_of
from liverboard.volume import Geometry, Image, Mask
from liverboard.volume.write import write_nifti

MOST_VOXELS: Final = 24_000_000  # of one image: what a browser holds on its graphics card without trouble
_MARGIN_MM: Final = 40.0


class ViewImage(Frozen):
    """`low`, `high`: the grey window to begin with, in the image's own unit."""

    role: str
    file: str
    low: float
    high: float


class ViewLesion(Frozen):
    """`at_ras_mm`: a point inside its longest slice, right-anterior-superior mm as NIfTI has it. `picture`: its still picture."""

    id: str
    at_ras_mm: tuple[float, float, float]
    longest_mm: float | None = None
    volume_ml: float | None = None
    segments: tuple[int, ...] = ()
    picture: str | None = None


class View(Frozen):
    """The files of a viewer, by name in one folder. `coarser`: images that are thinned to fit, not fit to measure on."""

    images: tuple[ViewImage, ...] = ()
    lesion_map: str | None = None
    liver_map: str | None = None
    lesion_surface: str | None = None
    liver_surface: str | None = None
    overview: str | None = None
    lesions: tuple[ViewLesion, ...] = ()
    coarser: bool = False

    @property
    def files(self) -> frozenset[str]:
        named = (self.lesion_map, self.liver_map, self.lesion_surface, self.liver_surface, self.overview)
        return frozenset(
            name
            for name in (*named, *(i.file for i in self.images), *(lesion.picture for lesion in self.lesions))
            if name is not None
        )


def write_view(folder: Path, scan: Scan, found: Measurement | None) -> View:
    """Write the files of `scan` into the folder. `found`: what was measured; None: only images."""
    masks = [] if found is None else [found.masks[lesion.id] for lesion in found.extent.lesions]
    drawn = [
        block for block in map(crop, [*masks, *([scan.liver] if scan.liver is not None else [])]) if block is not None
    ]
    box = grid_around([block.geometry for block in drawn]) if drawn else None
    images: list[ViewImage] = []
    coarser = False
    for number, (role, image) in enumerate(scan.phases.items(), 1):
        shown, thinned = _shown(image, box)
        name = f"{number}-{re.sub(r'[^a-z0-9]+', '-', role.lower()).strip('-') or 'image'}.nii.gz"
        write_nifti(folder / name, _plain(shown.array), shown.geometry)
        low, high = grey_window(image, drawn)
        images.append(ViewImage(role=role, file=name, low=low, high=high))
        coarser = coarser or thinned
    lesion_map = _write_map(folder / "lesions.nii.gz", [m for m in masks if m.array.any()])
    liver_map = _write_map(folder / "liver.nii.gz", [] if scan.liver is None else [scan.liver])
    pictures, sheet = _pictures(folder, scan, found)
    return View(
        images=tuple(images),
        lesion_map=lesion_map,
        liver_map=liver_map,
        lesion_surface=_write_surface(folder / "lesions.stl", masks),
        liver_surface=_write_surface(folder / "liver.stl", [] if scan.liver is None else [scan.liver]),
        overview=sheet,
        lesions=() if found is None else _lesions(found, pictures),
        coarser=coarser,
    )


def _shown(image: Image, box: Geometry | None) -> tuple[Image, bool]:
    """The image around the box, every second voxel or fewer where it is large; and whether it was thinned."""
    start, stop = np.zeros(3, dtype=np.int64), np.array(image.geometry.shape)
    if box is not None:
        size = np.array(box.shape, dtype=np.float64) - 0.5
        corners = np.array([[x, y, z] for x in (-0.5, size[0]) for y in (-0.5, size[1]) for z in (-0.5, size[2])])
        inverse = np.linalg.inv(image.geometry.affine)
        index = box.lps_mm(corners) @ inverse[:3, :3].T + inverse[:3, 3]
        margin = np.ceil(_MARGIN_MM / np.array(image.geometry.spacing_mm))
        low = np.clip(np.floor(index.min(axis=0)) - margin, 0, stop - 2).astype(np.int64)
        high = np.clip(np.ceil(index.max(axis=0)) + margin + 1, low + 2, stop).astype(np.int64)
        start, stop = low, high
    step = np.ones(3, dtype=np.int64)
    spacing = np.array(image.geometry.spacing_mm)
    while np.prod(-(-(stop - start) // step)) > MOST_VOXELS:
        step[int(np.argmin(spacing * step))] *= 2
    part = image.array[tuple(slice(a, b, s) for a, b, s in zip(start, stop, step, strict=True))]
    affine = image.geometry.affine.copy()
    affine[:3, 3] = image.geometry.lps_mm(start.astype(np.float64)[None])[0]
    affine[:3, :3] *= step
    i, j, k = part.shape
    return replace(image, array=part, geometry=Geometry(affine, (i, j, k))), bool((step > 1).any())


def _plain(array: NDArray[Any]) -> NDArray[Any]:
    """Numbers that every viewer reads: int16 where they fit, else float32."""
    if array.dtype.kind in "iub" and (array.size == 0 or (int(array.min()) >= -32768 and int(array.max()) <= 32767)):
        return array.astype(np.int16)
    return np.nan_to_num(array.astype(np.float32))


def _write_map(path: Path, masks: Sequence[Mask]) -> str | None:
    blocks = [block for block in map(crop, masks) if block is not None]
    if not blocks:
        return None
    grid = grid_around([block.geometry for block in blocks])
    write_nifti(path, drawn_on(blocks, grid).astype(np.uint8), grid)
    return path.name


def _write_surface(path: Path, masks: Sequence[Mask]) -> str | None:
    """All the masks as one surface in RAS mm, as viewers of NIfTI have it."""
    found = [
        each
        for mask in masks
        if bounding_box(mask.array) and (block := crop(mask)) and (each := surface_of(block, "lesion"))
    ]
    if not found:
        return None
    starts = np.cumsum([0, *(len(each.points_mm) for each in found[:-1])])
    points = np.concatenate([each.points_mm for each in found]) * (-1.0, -1.0, 1.0)
    faces = np.concatenate([each.faces + start for each, start in zip(found, starts, strict=True)])
    path.write_bytes(stl(Surface(path.stem, "lesion", points, faces)).replace(b"SPACE=LPS", b"SPACE=RAS", 1))
    return path.name


def _pictures(folder: Path, scan: Scan, found: Measurement | None) -> tuple[Mapping[str, str], str | None]:
    if found is None or not found.masks:
        return {}, None
    sheet = overview(scan, found)
    if sheet is not None:
        (folder / "overview.png").write_bytes(sheet)
    names: dict[str, str] = {}
    for number, (lesion, content) in enumerate(lesion_pictures(scan, found).items(), 1):
        names[lesion] = f"lesion-{number}.png"
        (folder / names[lesion]).write_bytes(content)
    return names, None if sheet is None else "overview.png"


def _lesions(found: Measurement, pictures: Mapping[str, str]) -> tuple[ViewLesion, ...]:
    listed: list[ViewLesion] = []
    for lesion in found.extent.lesions:
        x, y, z = (float(v) for v in np.mean(found.diameters[lesion.id].longest_ends_mm, axis=0))
        listed.append(
            ViewLesion(
                id=lesion.id,
                at_ras_mm=(round(-x, 2), round(-y, 2), round(z, 2)),
                longest_mm=lesion.longest_axial_mm,
                volume_ml=lesion.volume_ml,
                segments=tuple(part.segment for part in lesion.segments if part.share >= 0.1),
                picture=pictures.get(lesion.id),
            )
        )
    return tuple(listed)
