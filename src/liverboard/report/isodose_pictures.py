"""Isodose key images as PNG: axial slices of the dose with named isodose lines and the outlines of the structures."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any

import contourpy
import numpy as np
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont

from liverboard.imaging import best_slices, slice_at
from liverboard.report.figures import ISODOSE_COLOURS
from liverboard.report.palette import DARK
from liverboard.sirt.isodoses import isodose_levels_gy
from liverboard.volume import Image, Mask
from liverboard.volume.structures import Structure

_FIELD_MM, _PIXEL_MM, _FINER = 300.0, 0.75, 2


def isodose_pictures(dose: Image, structures: Sequence[Structure], count: int = 3) -> dict[str, bytes]:
    """PNGs by file name, from head to feet: the slices that show most of the structures (without them, that of the greatest dose)."""
    masks = [Mask(each.name, each.share > 0.5, each.geometry) for each in structures if (each.share > 0.5).any()]
    smallest = sorted(masks, key=lambda m: int(m.array.sum()) * m.geometry.voxel_volume_ml)
    top = np.unravel_index(int(np.argmax(dose.array)), dose.array.shape)
    middle = dose.geometry.lps_mm(np.array([top], dtype=np.float64))[0]
    heights = [float(middle[2])]
    if smallest:
        # The largest structure is the organ; the others are what the slices shall show.
        lesions = smallest[:-1] or smallest
        heights = [part.z_lps_mm for part in best_slices(dose, smallest[-1], lesions, count=count)] or heights
        organ = smallest[-1]
        points = organ.geometry.lps_mm(np.argwhere(organ.array).astype(np.float64))
        middle = (points.min(axis=0) + points.max(axis=0)) / 2
    levels = isodose_levels_gy(float(dose.array.max()))
    return {
        f"isodose-{number}.png": _picture(dose, masks, (float(middle[0]), float(middle[1]), z), levels)
        for number, z in enumerate(heights, 1)
    }


def _picture(dose: Image, masks: Sequence[Mask], centre: tuple[float, float, float], levels: Sequence[int]) -> bytes:
    part = slice_at(dose, None, masks, centre, (_FIELD_MM, _FIELD_MM), _PIXEL_MM)
    grey = np.clip(np.sqrt(np.maximum(part.pixels, 0) / max(float(levels[-1]), 1.0)), 0, 1) * 150
    rows, columns = grey.shape
    canvas = (
        Picture.fromarray(grey.astype(np.uint8))
        .resize((columns * _FINER, rows * _FINER), Picture.Resampling.BICUBIC)
        .convert("RGB")
    )
    draw = ImageDraw.Draw(canvas)
    scale = _FINER / part.spacing_mm[0]
    # Small structures by name; the organ and what fills it need none.
    largest = max((int(m.array.sum()) * m.geometry.voxel_volume_ml for m in masks), default=0.0)
    named = {m.name for m in masks if int(m.array.sum()) * m.geometry.voxel_volume_ml < largest / 2}
    for line in part.lesions:
        points = [(x * scale, y * scale) for x, y in line.points_mm]
        draw.line(points, fill=DARK["ink"], width=2)
        if line.name in named:
            x, y = max(points)
            draw.text(
                (x + 6, y),
                line.name[:24],
                font=_font(18),
                fill=DARK["ink"],
                anchor="lm",
                stroke_width=2,
                stroke_fill="#000000",
            )
    contours: Any = contourpy.contour_generator(z=part.pixels)
    present: list[tuple[int, str]] = []
    for number, level in enumerate(levels):
        colour = ISODOSE_COLOURS[number + len(ISODOSE_COLOURS) - len(levels)]
        lines = [line for line in contours.lines(level) if len(line) > 3]
        for line in lines:
            draw.line([((x + 0.5) * _FINER, (y + 0.5) * _FINER) for x, y in line], fill=colour, width=3, joint="curve")
        if lines:
            present.append((level, colour))
    _words(draw, canvas.size, part.z_lps_mm, present, scale)
    buffer = io.BytesIO()
    canvas.save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()


def _words(
    draw: ImageDraw.ImageDraw, size: tuple[int, int], z: float, levels: Sequence[tuple[int, str]], scale: float
) -> None:
    width, height = size
    draw.text((14, 10), f"absorbed dose, z {z + 0.0:.1f} mm", font=_font(22), fill=DARK["ink"])
    for row, (level, colour) in enumerate(reversed(levels)):
        y = 46 + 30 * row
        draw.line([(14, y + 12), (44, y + 12)], fill=colour, width=4)
        draw.text((54, y), f"{level} Gy", font=_font(20), fill=DARK["ink"])
    if not levels:
        draw.text((14, 46), "below 10 Gy", font=_font(20), fill=DARK["ink"])
    draw.text((14, height - 36), "structures in white", font=_font(18), fill=DARK["soft"])
    draw.text((8, height / 2), "R", font=_font(20), fill=DARK["soft"], anchor="lm")
    draw.text((width - 8, height / 2), "L", font=_font(20), fill=DARK["soft"], anchor="rm")
    draw.line([(width - 14 - 50 * scale, height - 16), (width - 14, height - 16)], fill=DARK["ink"], width=3)
    draw.text((width - 14, height - 22), "50 mm", font=_font(18), fill=DARK["ink"], anchor="rb")


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    file = resources.files("liverboard.report") / "fonts" / "Inter-Regular.otf"
    return ImageFont.truetype(io.BytesIO(file.read_bytes()), size)
