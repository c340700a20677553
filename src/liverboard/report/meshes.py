"""Surfaces of the liver, its lesions, segments and vessels: one GLB scene to look at, one STL a structure to print or to load elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from liverboard.volume import Mask

_ndimage: Any = scipy.ndimage  # it has no types
Kind = Literal["liver", "segment", "lesion", "vessel", "duct"]
# Red, green, blue, opacity: one look for each kind of structure.
COLOURS: dict[Kind, tuple[int, int, int, int]] = {
    "liver": (176, 108, 92, 70),
    "segment": (120, 160, 200, 60),
    "lesion": (240, 190, 60, 255),
    "vessel": (70, 110, 190, 255),
    "duct": (90, 160, 90, 255),
}
_MOST_STEPS = (
    130  # a structure longer than this many voxels is thinned first: the eye sees no more, and files stay small
)
_SMOOTHING_VOXELS = 0.7


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """Triangles around a structure. `points_mm`: (N, 3) LPS mm. `faces`: (M, 3) point numbers, their normals outward."""

    name: str
    kind: Kind
    points_mm: NDArray[np.float64]
    faces: NDArray[np.int64]


def surface_of(mask: Mask, kind: Kind) -> Surface | None:
    """The surface around the slightly smoothed voxels of a cropped mask; None when it is empty. A picture: no figure is taken from it."""
    from skimage import measure as untyped

    if not mask.array.any():
        return None
    factors = [max(1, round(n / _MOST_STEPS)) for n in mask.array.shape]
    share, thinned = _thinned(mask.array, factors)
    field = _ndimage.gaussian_filter(np.pad(share, 2), _SMOOTHING_VOXELS)
    # Smoothing shrinks what is small: the level is where the surface holds as many voxels as the mask.
    ordered = np.sort(field, axis=None)[::-1]
    count = max(1, round(float(share.sum(dtype=np.float64))))
    level = min(0.5, float(ordered[count - 1] + ordered[count]) / 2)
    marching: Any = untyped
    index, faces, _, _ = marching.marching_cubes(field, level=level)
    voxels = (np.asarray(index, dtype=np.float64) - 2) * thinned + (np.array(thinned) - 1) / 2
    points = mask.geometry.lps_mm(voxels)
    turned = np.asarray(faces, dtype=np.int64)
    if _volume(points, turned) < 0:
        turned = turned[:, ::-1]
    return Surface(mask.name, kind, points, turned)


def glb(surfaces: Sequence[Surface]) -> bytes:
    """A glTF scene, a node a structure, in metres with y to the head: opened anywhere, it looks at the patient from the front, the patient's left on the right."""
    import trimesh as untyped

    trimesh: Any = untyped
    scene = trimesh.Scene()
    for surface in surfaces:
        x, y, z = (surface.points_mm / 1000).T
        material = trimesh.visual.material.PBRMaterial(
            baseColorFactor=COLOURS[surface.kind],
            metallicFactor=0.0,
            roughnessFactor=0.7,
            alphaMode="BLEND" if COLOURS[surface.kind][3] < 255 else "OPAQUE",
        )
        mesh = trimesh.Trimesh(
            np.stack([x, z, -y], axis=1),
            surface.faces,
            process=False,
            visual=trimesh.visual.TextureVisuals(material=material),
        )
        scene.add_geometry(mesh, node_name=surface.name, geom_name=surface.name)
    return bytes(scene.export(file_type="glb"))


def stl(surface: Surface) -> bytes:
    """Binary STL in LPS mm (the header says so, as 3D Slicer reads it)."""
    corners = surface.points_mm[surface.faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    packed = np.zeros(len(corners), dtype=[("values", "<f4", 12), ("attribute", "<u2")])
    packed["values"] = np.concatenate([normals[:, None], corners], axis=1).reshape(-1, 12)
    head = b"liverboard; SPACE=LPS; unit mm".ljust(80)
    return head + np.uint32(len(corners)).tobytes() + packed.tobytes()


def surfaces_of(structures: Sequence[tuple[Mask, Kind]]) -> Iterator[Surface]:
    for mask, kind in structures:
        found = surface_of(mask, kind)
        if found is not None:
            yield found


def _thinned(array: NDArray[np.bool_], factors: Sequence[int]) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """The share of the structure in blocks of voxels, and the size of a block in voxels."""
    padded = np.pad(array, [(0, (-n) % f) for n, f in zip(array.shape, factors, strict=True)])
    (a, b, c), (u, v, w) = (n // f for n, f in zip(padded.shape, factors, strict=True)), factors
    return padded.reshape(a, u, b, v, c, w).mean(axis=(1, 3, 5), dtype=np.float32), np.array(factors, dtype=np.float64)


def _volume(points: NDArray[np.float64], faces: NDArray[np.int64]) -> float:
    """Six times the volume within the triangles, negative when they are turned inside out."""
    a, b, c = (points[faces[:, n]] for n in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum())
