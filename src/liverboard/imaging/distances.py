"""Distances between surfaces: from a lesion to the liver's capsule, to vessels and to bile ducts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cc3d
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from liverboard.volume import Geometry, Mask

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Surface:
    """The surface of a structure as the midpoints of the voxel faces between inside and outside, ready to be asked for distances."""

    def __init__(self, name: str, points_mm: Floats) -> None:
        self.name = name
        self._tree: Any = KDTree(points_mm, balanced_tree=False, compact_nodes=False)

    def distance_mm(self, points_mm: Floats) -> float:
        """The least distance from points of shape (N, 3)."""
        # A few points bound the answer, so that the tree leaves out for the others whatever lies beyond.
        bound = float(self._tree.query(points_mm[:: max(1, len(points_mm) // 32)])[0].min())
        nearest = self._tree.query(points_mm, distance_upper_bound=bound)[0]
        return float(min(bound, nearest.min()))


def face_points_mm(mask: Bools, geometry: Geometry) -> Floats:
    """Midpoints of the faces between voxels inside and outside, LPS mm, shape (N, 3); beyond the array is outside."""
    padded = np.pad(mask, 1).view(np.int8)
    points: list[Floats] = []
    for axis in range(3):
        ahead = tuple(slice(1, None) if a == axis else slice(None) for a in range(3))
        behind = tuple(slice(None, -1) if a == axis else slice(None) for a in range(3))
        found = np.stack(np.nonzero(padded[ahead] != padded[behind]), axis=1).astype(np.float64) - 1
        found[:, axis] += 0.5
        points.append(found)
    return geometry.lps_mm(np.concatenate(points))


def capsule(liver: Mask, tumour: Bools) -> Surface:
    """The liver's outer surface; `tumour`: all lesions on the liver's grid, which count as liver. Holes within (vessels that the mask leaves out) are filled."""
    filled = np.pad(liver.array | tumour, 1)
    grid = liver.geometry.cropped((-1, -1, -1), (filled.shape[0], filled.shape[1], filled.shape[2]))
    outside = cc3d.connected_components(~filled, connectivity=6)
    return Surface("capsule", face_points_mm(outside != outside[0, 0, 0], grid))


def surfaces(masks: Sequence[Mask]) -> list[Surface]:
    """The surfaces of the masks that hold anything."""
    return [Surface(mask.name, face_points_mm(mask.array, mask.geometry)) for mask in masks if mask.array.any()]
