"""Disease extent from liver and lesion masks. Volumes are voxel sums on the mask's own grid; only lengths are sub-voxel."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import cc3d
import numpy as np
from numpy.typing import NDArray

from liverboard.clinical.extent import Lesion, LiverExtent, Pattern
from liverboard.errors import MissingData, UnsupportedImage
from liverboard.imaging.diameters import axial_diameters_mm, longest_3d_mm
from liverboard.volume import Geometry, Mask, resample

Bools = NDArray[np.bool_]
_LESION = re.compile(r"\b(tumou?rs?|lesions?|mets?|metastas[ei]s|hcc)\b", re.IGNORECASE)
_NOT_LESION = re.compile(r"\b(normal|non[- ]?tumou?r|necrosis|perfused|treated)\b", re.IGNORECASE)
_LIVER = re.compile(r"^(whole[ _-]*)?liver([ _-]*(mask|parenchyma))?$", re.IGNORECASE)
_NO_SEGMENTS = Pattern(trace=("the lesions have no liver segments: a segment map or landmarks are needed",))


class Roles(NamedTuple):
    """Which parts of a segmentation are the liver and the lesions, by their names."""

    liver: str | None
    lesions: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Block:
    """A mask cut to its bounding box."""

    name: str
    array: Bools
    geometry: Geometry
    start: tuple[int, int, int]
    grid: Geometry


def guess_roles(names: Sequence[str]) -> Roles:
    """The liver and the lesions among segment names (`Liver`, `Tumor 1`, `Lesion 2`, `Metastasis`; never `Normal Tissue`)."""
    plain = {name: re.sub(r"[_-]+", " ", name).strip() for name in names}
    liver = next((name for name, text in plain.items() if _LIVER.match(text)), None)
    lesions = tuple(
        name for name, text in plain.items() if name != liver and _LESION.search(text) and not _NOT_LESION.search(text)
    )
    return Roles(liver, lesions)


def measure_extent(liver: Mask | None, lesions: Sequence[Mask] | None) -> LiverExtent:
    """Lesion inventory, volumes and burden.

    `liver`: the whole liver with its tumours, or None. `lesions`: one mask a lesion (kept as instances, also where they touch), or a single unnamed mask
    that is split into its 26-connected parts; None: not given; all empty: no lesion. Grids may differ. Burden is tumour over liver volume; a liver mask
    that leaves the tumours out is completed by them, and the warning says so. Lesions come in descending order of volume.

    Raises MissingData when neither is given, UnsupportedImage when the liver mask is empty.
    """
    if liver is None and lesions is None:
        raise MissingData("nothing to measure", hint="Give a liver mask, lesion masks, or both.")
    warnings: list[str] = []
    blocks = [] if lesions is None else _instances(lesions, warnings)
    found = tuple(
        sorted((_lesion(block, warnings) for block in blocks), key=lambda lesion: (-(lesion.volume_ml or 0), lesion.id))
    )
    tumour_ml = None if lesions is None else _union_ml(blocks, warnings)
    liver_ml = None if liver is None else _liver_ml(liver, blocks, tumour_ml or 0.0, warnings)
    if liver_ml is not None and tumour_ml is not None and tumour_ml > liver_ml:
        warnings.append(
            f"the tumours ({tumour_ml:.0f} mL) are larger than the liver ({liver_ml:.0f} mL): check the masks"
        )
    return LiverExtent(
        liver_volume_ml=liver_ml,
        tumour_volume_ml=tumour_ml,
        burden_percent=None if liver_ml is None or tumour_ml is None else 100 * tumour_ml / liver_ml,
        lesion_count=None if lesions is None else len(found),
        lesions=found,
        pattern=Pattern(trace=("no lesion",)) if lesions is not None and not found else _NO_SEGMENTS,
        warnings=tuple(warnings),
    )


def crop(mask: Mask) -> _Block | None:
    """The mask within its bounding box; None when it is empty."""
    spans: list[tuple[int, int]] = []
    for axis in range(3):
        there = np.flatnonzero(mask.array.any(axis=tuple(a for a in range(3) if a != axis)))
        if there.size == 0:
            return None
        spans.append((int(there[0]), int(there[-1]) + 1))
    start = (spans[0][0], spans[1][0], spans[2][0])
    array = mask.array[tuple(slice(low, high) for low, high in spans)]
    return _Block(mask.name, array, mask.geometry.cropped(start, array.shape), start, mask.geometry)  # pyright: ignore[reportArgumentType]


def _instances(lesions: Sequence[Mask], warnings: list[str]) -> list[_Block]:
    blocks: list[_Block] = []
    for mask in lesions:
        block = crop(mask)
        if block is None:
            if mask.named:
                warnings.append(f"{mask.name} is empty and is not counted")
        elif len(lesions) == 1 and not mask.named:
            blocks += _parts(block)
        else:
            count = int(cc3d.connected_components(block.array, connectivity=26, return_N=True)[1])
            if count > 1:
                warnings.append(
                    f"{mask.name} has {count} separate parts and is counted as one lesion, as it was labelled"
                )
            name = f"L{mask.name}" if mask.name.isdecimal() else mask.name
            blocks.append(_Block(name, block.array, block.geometry, block.start, block.grid))
    return blocks


def _parts(block: _Block) -> list[_Block]:
    labels, count = cc3d.connected_components(block.array, connectivity=26, return_N=True)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    order = sorted(range(1, count + 1), key=lambda label: -int(sizes[label]))
    boxes = cc3d.statistics(labels)["bounding_boxes"]
    parts: list[_Block] = []
    for number, label in enumerate(order, 1):
        box = boxes[label]
        low = (int(box[0].start), int(box[1].start), int(box[2].start))
        array = labels[box] == label
        start = (block.start[0] + low[0], block.start[1] + low[1], block.start[2] + low[2])
        parts.append(_Block(f"L{number}", array, block.geometry.cropped(low, array.shape), start, block.grid))
    return parts


def _lesion(block: _Block, warnings: list[str]) -> Lesion:
    voxels = int(np.count_nonzero(block.array))
    if voxels < 8:
        warnings.append(f"{block.name} has {voxels} voxel{'s' if voxels > 1 else ''}: too small to be measured well")
    longest, short = axial_diameters_mm(block.array, block.geometry)
    x, y, z = (float(c) for c in block.geometry.lps_mm(np.argwhere(block.array).mean(axis=0, keepdims=True))[0])
    return Lesion(
        id=block.name,
        volume_ml=voxels * block.geometry.voxel_volume_ml,
        longest_axial_mm=longest,
        short_axial_mm=short,
        longest_3d_mm=longest_3d_mm(block.array, block.geometry),
        centroid_lps_mm=(x, y, z),
    )


def _slices(block: _Block) -> tuple[slice, slice, slice]:
    (i, j, k), (a, b, c) = block.start, block.array.shape
    return slice(i, i + a), slice(j, j + b), slice(k, k + c)


def _union_ml(blocks: Sequence[_Block], warnings: list[str]) -> float:
    """Volume of all lesions, what they share counted once (where they lie on one grid)."""
    if not blocks:
        return 0.0
    total = sum(np.count_nonzero(block.array) * block.geometry.voxel_volume_ml for block in blocks)
    overlapping = any(_boxes_meet(a, b) for a, b in combinations(blocks, 2))
    if not overlapping or any(not block.grid.same_grid(blocks[0].grid) for block in blocks):
        return float(total)
    union = np.zeros(blocks[0].grid.shape, dtype=np.bool_)
    for block in blocks:
        union[_slices(block)] |= block.array
    once = float(np.count_nonzero(union) * blocks[0].grid.voxel_volume_ml)
    if total - once > 0.005 * once:
        warnings.append(f"lesions overlap by {total - once:.1f} mL; it is counted once in the tumour volume")
    return once


def _boxes_meet(a: _Block, b: _Block) -> bool:
    return all(x.start < y.stop and y.start < x.stop for x, y in zip(_slices(a), _slices(b), strict=True))


def _liver_ml(liver: Mask, blocks: Sequence[_Block], tumour_ml: float, warnings: list[str]) -> float:
    volume = float(np.count_nonzero(liver.array) * liver.geometry.voxel_volume_ml)
    if volume == 0:
        raise UnsupportedImage(
            "the liver mask is empty", where=liver.name, hint="Choose the liver's segment, or segment it again."
        )
    outside = 0.0
    for block in blocks:
        if block.grid.same_grid(liver.geometry):
            inside = liver.array[_slices(block)]
        else:
            inside = resample(liver.array, liver.geometry, block.geometry, labels=True)
        outside += float(np.count_nonzero(block.array & ~inside) * block.geometry.voxel_volume_ml)
    if tumour_ml and outside > 0.5 * tumour_ml:
        warnings.append(
            f"the liver mask leaves out {outside:.0f} of {tumour_ml:.0f} mL of tumour; they are added to the liver volume"
        )
        return volume + outside
    if outside > max(0.5, 0.02 * tumour_ml):
        warnings.append(f"{outside:.1f} of {tumour_ml:.0f} mL of tumour lie outside the liver mask")
    return volume
