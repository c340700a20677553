"""Key images as PNG, drawn without a display: each lesion on its best slice with outline, both diameters and a scale, and the whole liver on one sheet."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont

from liverboard.clinical.coded_words import words
from liverboard.clinical.extent import Lesion, LiverExtent
from liverboard.imaging import KeySlice, Measurement, Scan, even_slices, slice_of
from liverboard.imaging.diameters import Diameters
from liverboard.imaging.masks import in_hounsfield, values_at
from liverboard.report.palette import DARK
from liverboard.volume import Image, Mask
from liverboard.volume.phase_words import phase_of

PIXELS = 640
_FINER = 2  # drawn twice as large and brought down, so that lines are smooth
_SAMPLES = 320
_SHEET = (4, 3)
_CT_WINDOW = (-85.0, 165.0)
_BRIGHTEST = 99.9  # percent: of 1000 voxels one may be white all over
_AMBER, _BLUE, _GREY, _INK, _PAGE = (DARK[name] for name in ("amber", "accent", "mark", "ink", "page"))
Window = tuple[float, float]


def lesion_pictures(scan: Scan, measured: Measurement) -> dict[str, bytes]:
    """A PNG for each lesion, by its id: the axial slice of its longest diameter, its outline, both diameters in mm, its segment, a scale bar, R and L."""
    phase, image = best_phase(scan.phases)
    others = list(measured.masks.values())
    window = grey_window(image, _drawn(scan, measured))

    def drawn(lesion: Lesion) -> bytes:
        return _lesion(lesion, measured.diameters[lesion.id], scan, others, image, phase, window)

    with ThreadPoolExecutor(max_workers=2) as pool:
        lesions = measured.extent.lesions
        return {lesion.id: content for lesion, content in zip(lesions, pool.map(drawn, lesions), strict=True)}


def overview(scan: Scan, measured: Measurement) -> bytes | None:
    """One sheet of axial slices from the top of the liver to its bottom, lesions outlined and named, segments with their borders; None without a liver and lesions."""
    phase, image = best_phase(scan.phases)
    window = grey_window(image, _drawn(scan, measured))
    across, down = _SHEET
    slices = even_slices(image, scan.liver, list(measured.masks.values()), scan.segments, across * down, 440)
    if not slices:
        return None
    step = slices[0].z_lps_mm - slices[1].z_lps_mm
    panels = [_panel(part, window, part.spacing_mm[0]) for part in slices]
    width, height = panels[0].size
    head = 64
    sheet = Picture.new("RGB", (across * width + (across + 1) * 8, down * height + (down + 1) * 8 + head), _PAGE)
    draw = ImageDraw.Draw(sheet)
    draw.text((16, 12), _headline(measured.extent), font=_font(22, bold=True), fill=_INK)
    draw.text((16, 40), _subline(scan, measured.extent, phase, step), font=_font(15), fill=DARK["soft"])
    for n, panel in enumerate(panels):
        sheet.paste(panel, (8 + (n % across) * (width + 8), head + 8 + (n // across) * (height + 8)))
    return _png(sheet)


def _drawn(scan: Scan, measured: Measurement) -> list[Mask]:
    return [*measured.masks.values(), *([] if scan.liver is None else [scan.liver])]


def best_phase(phases: Mapping[str, Image]) -> tuple[str, Image | None]:
    """The phase that shows hypervascular lesions best: arterial, else the first given."""
    name = "arterial" if "arterial" in phases else next((n for n in phases if "arterial" in n), next(iter(phases), ""))
    return name, phases.get(name)


def _lesion(
    lesion: Lesion,
    lengths: Diameters,
    scan: Scan,
    others: Sequence[Any],
    image: Image | None,
    phase: str,
    window: Window,
) -> bytes:
    part = slice_of(image, scan.liver, others, lengths, _SAMPLES, scan.segments)
    field = part.spacing_mm[0] * _SAMPLES
    canvas, draw, at = _canvas(part, window, _FINER * PIXELS // _SAMPLES)
    for line in part.segments:
        _line(draw, at, line.points_mm, _GREY, 1)
    for line in part.liver:
        _line(draw, at, line.points_mm, _BLUE, 1)
    for line in part.lesions:
        mine = line.name == lesion.id
        _line(draw, at, line.points_mm, _AMBER if mine else DARK["soft"], 3 if mine else 2)
    for chord, colour in ((lengths.longest_ends_mm, _INK), (lengths.short_ends_mm, _BLUE)):
        points = [(float(x - part.corner_mm[0]), float(y - part.corner_mm[1])) for x, y, _ in chord]
        _line(draw, at, points, "#000000", 5)
        _line(draw, at, points, colour, 2)
        for point in points:
            x, y = at(point)
            draw.ellipse(
                (x - 4 * _FINER, y - 4 * _FINER, x + 4 * _FINER, y + 4 * _FINER),
                fill=colour,
                outline="#000000",
                width=_FINER,
            )
    canvas = canvas.reduce(_FINER)
    draw = ImageDraw.Draw(canvas)
    place = " / ".join(f"S{s.segment}" for s in lesion.segments if s.share >= 0.1)
    _text(
        draw,
        (14, 10),
        f"{lesion.id}{f' · {place}' if place else ''}{' · auto' if lesion.machine else ''}",
        22,
        _AMBER,
        bold=True,
    )
    _text(draw, (14, 40), f"{lengths.longest_axial_mm:.0f} mm", 18, _INK)
    _text(draw, (14 + 74, 40), f"× {lengths.short_axial_mm:.0f} mm", 18, _BLUE)
    _text(draw, (14, 64), "" if lesion.volume_ml is None else f"{_digits(lesion.volume_ml)} mL", 18, _INK)
    _text(
        draw,
        (PIXELS - 14, 10),
        f"{words(phase) or 'no image'} · z {part.z_lps_mm + 0.0:.1f} mm",
        15,
        DARK["soft"],
        anchor="ra",
    )
    _sides(draw, canvas.size)
    _scale(draw, canvas.size, PIXELS / field)
    return _png(canvas)


def _panel(part: KeySlice, window: Window, pixel: float) -> Picture.Image:
    canvas, draw, at = _canvas(part, window)
    for line in part.segments:
        _line(draw, at, line.points_mm, _GREY, 1)
    for line in part.liver:
        _line(draw, at, line.points_mm, _BLUE, 1)
    for line in part.lesions:
        _line(draw, at, line.points_mm, _AMBER, 2)
    size = (canvas.width // _FINER, canvas.height // _FINER)
    canvas = canvas.reduce(_FINER)
    draw = ImageDraw.Draw(canvas)
    names = _Names(draw, size)
    for name, points in sorted(_largest(part.lesions).items(), key=lambda item: -_wide(item[1])):
        if _wide(points) > 8:
            low, high = np.min(points, axis=0) / pixel, np.max(points, axis=0) / pixel
            x, y = (low + high) / 2
            names.write(
                name,
                14,
                _AMBER,
                [(high[0] + 3, y, "lm"), (low[0] - 3, y, "rm"), (x, low[1] - 3, "mb"), (x, high[1] + 3, "mt")],
            )
    for name, points in _largest(part.segments).items():
        x, y = np.mean(points, axis=0) / pixel
        spots = [
            (x + dx, y + dy, "mm") for dx, dy in ((0, 0), (0, 20), (0, -20), (24, 0), (-24, 0), (24, 20), (-24, -20))
        ]
        names.write(f"S{name}" if name.isdecimal() else name, 15, DARK["soft"], spots)
    _text(draw, (8, 6), f"z {round(part.z_lps_mm)} mm", 14, DARK["soft"])
    _sides(draw, size)
    _scale(draw, size, 1 / pixel)
    return canvas


class _Names:
    """Writes names where they cover no other; one that has no room is left out."""

    def __init__(self, draw: ImageDraw.ImageDraw, size: tuple[int, int]) -> None:
        self._draw, self._size = draw, size
        self._taken: list[tuple[float, float, float, float]] = []

    def write(self, name: str, size: int, colour: str, spots: Sequence[tuple[float, float, str]]) -> None:
        for x, y, anchor in spots:
            a, b, c, d = self._draw.textbbox((x, y), name, font=_font(size), anchor=anchor)
            inside = a >= 0 and b >= 0 and c <= self._size[0] and d <= self._size[1]
            if inside and all(a > r or c < p or b > s or d < q for p, q, r, s in self._taken):
                self._taken.append((a, b, c, d))
                _text(self._draw, (x, y), name, size, colour, anchor=anchor)
                return


def _wide(points: Sequence[Sequence[float]]) -> float:
    return float(np.ptp(np.array(points)[:, 0]))


def _canvas(
    part: KeySlice, window: Window, finer: int = _FINER
) -> tuple[Picture.Image, ImageDraw.ImageDraw, Callable[[Sequence[float]], tuple[float, float]]]:
    grey = np.clip((part.pixels - window[0]) / max(window[1] - window[0], 1e-9), 0, 1)
    rows, columns = grey.shape
    picture = (
        Picture.fromarray((grey * 255).astype(np.uint8))
        .resize((columns * finer, rows * finer), Picture.Resampling.BICUBIC)
        .convert("RGB")
    )
    scale = finer / part.spacing_mm[0]

    def at(point: Sequence[float]) -> tuple[float, float]:
        return point[0] * scale, point[1] * scale

    return picture, ImageDraw.Draw(picture), at


def grey_window(image: Image | None, drawn: Sequence[Mask]) -> Window:
    """The grey window: liver CT for Hounsfield units, else up to nearly the brightest value within what is drawn, so that a hot lesion keeps its shades."""
    if image is None:
        return 0.0, 1.0
    if in_hounsfield(image):
        return _CT_WINDOW
    within = [values_at(image, mask) for mask in drawn]
    values = np.concatenate(within) if within else np.empty(0)
    if values.size == 0:
        values = image.array[tuple(slice(None, None, max(1, n // 64)) for n in image.array.shape)]
    finite = values[np.isfinite(values)].astype(np.float64)
    if finite.size == 0:
        return 0.0, 1.0
    low, high = min(0.0, float(np.percentile(finite, 1))), float(np.percentile(finite, _BRIGHTEST))
    return low, float(f"{max(high, low + 1e-6):.3g}")


def _line(
    draw: ImageDraw.ImageDraw,
    at: Callable[[Sequence[float]], tuple[float, float]],
    points: Sequence[Sequence[float]],
    colour: str,
    width: int,
) -> None:
    draw.line([at(p) for p in points], fill=colour, width=width * _FINER, joint="curve")


def _sides(draw: ImageDraw.ImageDraw, size: tuple[int, int]) -> None:
    """The patient's right lies on the left of the picture."""
    _text(draw, (8, size[1] / 2), "R", 15, DARK["soft"], anchor="lm")
    _text(draw, (size[0] - 8, size[1] / 2), "L", 15, DARK["soft"], anchor="rm")


def _scale(draw: ImageDraw.ImageDraw, size: tuple[int, int], pixels_per_mm: float) -> None:
    """A bar of 10, 20 or 50 mm, about a fifth of the picture."""
    length = min((10, 20, 50, 100), key=lambda mm: abs(mm * pixels_per_mm - size[0] / 5))
    x, y = size[0] - 14, size[1] - 16
    draw.line([(x - length * pixels_per_mm, y), (x, y)], fill=_INK, width=3)
    _text(draw, (x, y - 6), f"{length} mm", 14, _INK, anchor="rb")


def _text(
    draw: ImageDraw.ImageDraw,
    place: tuple[float, float],
    text: str,
    size: int,
    colour: str,
    *,
    bold: bool = False,
    anchor: str = "la",
) -> None:
    draw.text(
        place, text, font=_font(size, bold=bold), fill=colour, anchor=anchor, stroke_width=2, stroke_fill="#000000"
    )


@cache
def _font(size: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    file = resources.files("liverboard.report") / "fonts" / f"Inter-{'SemiBold' if bold else 'Regular'}.otf"
    return ImageFont.truetype(io.BytesIO(file.read_bytes()), size)


def _headline(extent: LiverExtent) -> str:
    count = extent.lesion_count
    said = [] if count is None else [f"{count} lesion{'s' if count != 1 else ''}"]
    if extent.tumour_volume_ml is not None:
        said.append(f"{_digits(extent.tumour_volume_ml)} mL")
    if extent.burden_percent is not None:
        said.append(f"{extent.burden_percent:.1f} % of the liver")
    if extent.pattern.value:
        said.append(f"{extent.pattern.value}{'' if extent.pattern.certain else ', not certain'}")
    return " · ".join(said)


def _subline(scan: Scan, extent: LiverExtent, phase: str, step: float) -> str:
    said = [_taken(phase), f"axial slices {step:.0f} mm apart, seen from the feet"]
    if extent.segments_from:
        said.append(f"segments: {extent.segments_from}")
    if any(lesion.machine for lesion in extent.lesions) or (scan.liver is not None and scan.liver.machine):
        said.append("auto: drawn by a program")
    return " · ".join(said)


def _taken(phase: str) -> str:
    return f"{words(phase)} phase" if phase_of(phase) else words(phase) or "no image"


def _largest(lines: Sequence[Any]) -> dict[str, Sequence[Sequence[float]]]:
    """The longest outline of each name."""
    found: dict[str, Sequence[Sequence[float]]] = {}
    for line in lines:
        if len(line.points_mm) > len(found.get(line.name, ())):
            found[line.name] = line.points_mm
    return found


def _digits(value: float) -> str:
    """Three digits, no more."""
    return f"{value:.{max(0, 2 - math.floor(math.log10(value)))}f}" if 0 < value < 100 else f"{value:.0f}"


def _png(picture: Picture.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()
