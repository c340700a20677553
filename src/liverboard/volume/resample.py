"""One image on the grid of another: values taken at points, label values kept, or counts handed over without losing one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.ndimage

from liverboard.volume.geometry import Array, Geometry

_ndimage: Any = scipy.ndimage  # it has no types


def resample(array: Array, source: Geometry, target: Geometry, *, labels: bool, outside: float = 0.0) -> Array:
    """`array` [i, j, k] on `source`, taken at the voxel centres of `target`.

    `labels`: nearest neighbour, values kept; else linear. `outside`: the value beyond the source grid.
    """
    if source.same_grid(target):
        return array
    to_source = np.linalg.inv(source.affine) @ target.affine
    data = array.astype(np.uint8) if array.dtype == np.bool_ else array
    found: Array = _ndimage.affine_transform(
        data,
        to_source[:3, :3],
        to_source[:3, 3],
        output_shape=target.shape,
        order=0 if labels else 1,
        mode="constant",
        cval=outside,
        prefilter=False,
    )
    return found.astype(np.bool_) if array.dtype == np.bool_ else found


def resample_counts(array: Array, source: Geometry, target: Geometry) -> tuple[Array, float]:
    """Counts (or activity, dose deposits: what adds up) [i, j, k] on `source`, handed over to the voxels of `target`; and what lies beyond them.

    Each source voxel is cut into equal parts, finer than half a target voxel, and each part goes to the voxel that holds its middle: the sum of the result
    and of what lies beyond is the sum of `array`. A concentration (Bq/mL) is multiplied by the voxel volume first, and divided after.
    """
    if source.same_grid(target):
        return array.astype(np.float64), 0.0
    cuts = [max(1, math.ceil(2 * s / min(target.spacing_mm))) for s in source.spacing_mm]
    to_target: Any = np.linalg.inv(target.affine) @ source.affine
    parts = np.stack(np.meshgrid(*((np.arange(n) + 0.5) / n - 0.5 for n in cuts), indexing="ij"), axis=-1).reshape(
        -1, 3
    )
    shape = np.array(target.shape)
    found = np.zeros(int(np.prod(shape)))
    held = np.argwhere(array != 0)
    each = array[tuple(held.T)].astype(np.float64) / len(parts)
    for part in parts:
        index: Any = np.floor((held + part) @ to_target[:3, :3].T + to_target[:3, 3] + 0.5).astype(np.int64)
        within = ((index >= 0) & (index < shape)).all(axis=1)
        place = np.ravel_multi_index(tuple(index[within].T), target.shape)
        found += np.bincount(place, weights=each[within], minlength=found.size)
    return found.reshape(target.shape), float(array.sum(dtype=np.float64) - found.sum())
