"""Density of tissue from a CT, on the grid of an activity map: Hounsfield units to g/mL, soft tissue where the CT does not reach."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from liverboard.errors import BadInput
from liverboard.sirt.activity_map import ActivityMap
from liverboard.volume import Image, resample

_OUTSIDE = -1e9
_MOST_HU = 32_767.0  # what a CT can write; a convention of this project, to know an activity map from a CT
_SAID_PERCENT = 0.1


def density_g_ml(ct: Image, activity: ActivityMap, tissue_g_ml: float) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Density 1 + HU / 1000, never below 0, [i, j, k] on the grid of `activity`; `tissue_g_ml` beyond the CT. And what is to be said.

    Raises BadInput: an image that is no CT, values that are no numbers, a CT that holds none of the activity.
    """
    unit, values = ct.origin.unit, ct.array.astype(np.float32)
    if unit not in {None, "HU"}:
        raise BadInput(f"the image for densities is in {unit}, not in Hounsfield units", hint="Give the CT.")
    if not np.isfinite(values).all() or float(np.abs(values).max(initial=0)) > _MOST_HU:
        raise BadInput(
            f"the image for densities goes from {float(values.min()):.4g} to {float(values.max()):.4g}, which no CT holds",
            hint="Give the CT, in Hounsfield units.",
        )
    said = [] if unit else ["the image for densities does not say its unit; taken as Hounsfield units"]
    hounsfield: NDArray[Any] = resample(values, ct.geometry, activity.geometry, labels=False, outside=_OUTSIDE)
    beyond = hounsfield < -_MOST_HU  # at the rim of the CT too, where the value beyond shines in
    lost = 100 * float(activity.bq[beyond].sum(dtype=np.float64) / activity.bq.sum(dtype=np.float64))
    if lost > 99.9:
        raise BadInput("the CT for densities holds none of the activity", hint="Give the CT that belongs to the map.")
    if lost > _SAID_PERCENT:
        said.append(
            f"{lost:.1f} % of the activity lies outside the CT for densities; it was taken as soft tissue there"
        )
    found = np.where(beyond, tissue_g_ml, np.maximum(1 + hounsfield / 1000, 0.0)).astype(np.float32)
    return found, tuple(said)
