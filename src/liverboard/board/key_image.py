"""One slice as a picture with outlines: what a dossier shows of the images."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from liverboard.clinical.extent import Frozen


class Outline(Frozen):
    """Outline of one structure or isodose on a key image, or the two ends of a length; points (x right, y down) in mm from the image's top left corner."""

    name: str
    role: Literal["lesion", "liver", "segment", "length", "isodose"]
    points_mm: tuple[tuple[float, float], ...]


class KeyImage(Frozen):
    """One axial slice in radiological convention (patient's right on the left), with outlines. `png_base64`: 8-bit grey, isotropic pixels."""

    title: str
    modality: str
    z_lps_mm: float
    width_mm: float
    height_mm: float
    png_base64: str
    window_low: float
    window_high: float
    window_unit: str = ""
    outlines: tuple[Outline, ...] = ()
    date: dt.date | None = None
    event: str | None = None
