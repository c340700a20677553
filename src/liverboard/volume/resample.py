"""One image on the grid of another."""

from __future__ import annotations

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
