"""The slices that a dossier shows: the few that show most, every lesion on its best one with its diameters, and the whole liver from top to bottom."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from liverboard.board.key_image import KeyImage, Outline
from liverboard.board.measured import Pictures
from liverboard.clinical.events import Imaging
from liverboard.clinical.extent import Lesion
from liverboard.imaging import KeySlice, Measurement, Scan, best_slices, even_slices, slice_of
from liverboard.imaging.diameters import Diameters

ARTERIAL = "arterial"
MOST_LESIONS = 48  # pictured one by one, the largest first; all are on the overview and in the table
_OVERVIEW, _OVERVIEW_PIXELS = 12, 220
_LESION_PIXELS = 160
Window = tuple[float, float]


def pictures_of(event: Imaging, scan: Scan, found: Measurement) -> Pictures:
    """Drawn on the arterial phase, else on the first of the scan's phases, of which there is at least one."""
    role = ARTERIAL if ARTERIAL in scan.phases else next(iter(scan.phases))
    image = scan.phases[role]
    masks = [found.masks[lesion.id] for lesion in found.extent.lesions]

    whole = even_slices(image, scan.liver, masks, scan.segments, _OVERVIEW, _OVERVIEW_PIXELS)
    one_window = _window(np.concatenate([part.pixels.ravel() for part in whole]), event.modality)

    def drawn(part: KeySlice, title: str, more: Sequence[Outline] = (), window: Window | None = None) -> KeyImage:
        return _key_image(part, title, more, _Look(event, role, window or _window(part.pixels, event.modality)))

    return Pictures(
        key=tuple(drawn(part, _names(part)) for part in best_slices(image, scan.liver, masks)),
        lesions=tuple(
            drawn(part, _title(lesion), _lengths(part, found.diameters[lesion.id]))
            for lesion in found.extent.lesions[:MOST_LESIONS]
            for part in (slice_of(image, scan.liver, masks, found.diameters[lesion.id], _LESION_PIXELS),)
        ),
        overview=tuple(drawn(part, _names(part), window=one_window) for part in whole),
    )


def _tenths(points: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    return tuple((round(x, 1), round(y, 1)) for x, y in points)


def _names(part: KeySlice) -> str:
    names = list(dict.fromkeys(outline.name for outline in part.lesions))
    if not names:
        return "No lesion on this slice"
    return f"{len(names)} lesion{'s' if len(names) > 1 else ''} on this slice: {', '.join(names)}"


def _title(lesion: Lesion) -> str:
    lengths = f"{lesion.longest_axial_mm:.0f} × {lesion.short_axial_mm:.0f} mm"
    return f"{lesion.id}: {lengths}" + (" (auto)" if lesion.machine else "")


def _lengths(part: KeySlice, lengths: Diameters) -> tuple[Outline, ...]:
    left, top = part.corner_mm

    def ends(points: NDArray[np.float64]) -> tuple[tuple[float, float], ...]:
        return tuple((round(float(x) - left, 2), round(float(y) - top, 2)) for x, y, _ in points)

    return (
        Outline(name="longest", role="length", points_mm=ends(lengths.longest_ends_mm)),
        Outline(name="short axis", role="length", points_mm=ends(lengths.short_ends_mm)),
    )


@dataclass(frozen=True, slots=True)
class _Look:
    """Of which imaging event and phase, and within which grey window."""

    event: Imaging
    role: str
    window: Window


def _key_image(part: KeySlice, title: str, more: Sequence[Outline], look: _Look) -> KeyImage:
    event, (low, high) = look.event, look.window
    grey = np.clip((part.pixels - low) / max(high - low, 1e-9), 0, 1)
    rows, columns = grey.shape
    row_mm, column_mm = part.spacing_mm
    buffer = io.BytesIO()
    Picture.fromarray((grey * 255).astype(np.uint8)).save(buffer, "PNG", optimize=True)
    outlines = [Outline(name=o.name, role="lesion", points_mm=_tenths(o.points_mm)) for o in part.lesions]
    outlines += [Outline(name="liver", role="liver", points_mm=_tenths(o.points_mm)) for o in part.liver]
    outlines += [Outline(name=o.name, role="segment", points_mm=_tenths(o.points_mm)) for o in part.segments]
    return KeyImage(
        title=title,
        modality=look.role.replace("_", " ").replace("y90 pet", "Y-90 PET"),
        z_lps_mm=round(part.z_lps_mm, 1) + 0.0,
        width_mm=columns * column_mm,
        height_mm=rows * row_mm,
        png_base64=base64.b64encode(buffer.getvalue()).decode("ascii"),
        window_low=low,
        window_high=high,
        window_unit="HU" if event.modality == "CT" else "image units, not verified",
        outlines=(*outlines, *more),
        date=event.date,
        event=event.id,
    )


def _window(pixels: NDArray[np.float64], modality: str | None) -> Window:
    """Grey window: the usual abdominal one for CT; else from zero (or the 1st percentile) to the 99.5th percentile of the pixels."""
    if modality == "CT":
        return -85.0, 165.0
    finite = pixels[np.isfinite(pixels)]
    if finite.size == 0:
        return 0.0, 1.0
    low = min(0.0, float(np.percentile(finite, 1)))
    high = float(np.percentile(finite, 99.5))
    return low, float(f"{max(high, low + 1e-6):.3g}")
