"""Smaller pictures: lesion sizes and key images."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

from liverboard.board.dossier import Dossier
from liverboard.board.key_image import KeyImage
from liverboard.clinical.extent import Lesion
from liverboard.report.liver_map import diameter
from liverboard.report.palette import PRINT, Palette
from liverboard.report.words import (
    counted,
    day,
    esc,
    modality_words,
    number,
    quantity,
    segments_words,
    shorten,
    unit_words,
)

MAX_BARS = 20
ISODOSE_COLOURS = ("#4f7fd0", "#35b8b0", "#8fd14f", "#f2c14e", "#ef6f5e")


def sizes_finding(lesions: Sequence[Lesion]) -> str:
    sizes = [d for lesion in lesions if (d := diameter(lesion)) is not None]
    if not lesions:
        return "No lesion listed"
    if not sizes:
        return f"Size not known for {counted(len(lesions), 'lesion')}"
    return f"Largest of {counted(len(lesions), 'lesion')}: {quantity(max(sizes), 'mm')}"


def lesion_sizes_svg(lesions: Sequence[Lesion], palette: Palette = PRINT, *, prefix: str = "sizes") -> str:
    """Longest diameter of each lesion as a labelled bar, largest first."""
    c, width = palette, 480
    shown = sorted(lesions, key=lambda lesion: -(diameter(lesion) or 0))[:MAX_BARS]
    longest = max((diameter(lesion) or 0 for lesion in shown), default=0) or 1
    out: list[str] = []

    def text(x: float, y: float, words: str, fill: str, weight: int = 400, anchor: str = "start") -> None:
        out.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" style="fill:{c(fill)};font-size:12px;font-weight:{weight}">{esc(words)}</text>'
        )

    y = 4.0
    for lesion in shown:
        size = diameter(lesion)
        where = segments_words(sorted(s.segment for s in lesion.segments)) or "segment not known"
        text(0, y + 13, shorten(lesion.id, 8), "ink", 600)
        if size is None:
            out.append(
                f'<rect x="64.5" y="{y + 2.5}" width="60" height="12" style="fill:none;stroke:{c("mark")};stroke-width:1;stroke-dasharray:3 2"/>'
            )
            text(132, y + 13, f"not known  {where}", "soft")
        else:
            wide = max(236 * size / longest, 1.5)
            out.append(f'<rect x="64" y="{y + 2}" width="{wide:.1f}" height="13" style="fill:{c("map-4")}"/>')
            text(64 + wide + 7, y + 13, quantity(size, "mm"), "ink", 600)
            text(64 + wide + 60, y + 13, shorten(where, 18), "soft")
        y += 21
    if not shown:
        text(0, y + 13, "No lesion listed", "soft")
        y += 21
    text(
        64,
        y + 13,
        "longest diameter, mm"
        + (f"; {len(lesions) - len(shown)} smaller lesions in the table" if len(lesions) > len(shown) else ""),
        "soft",
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y + 20:.0f}" role="img" aria-labelledby="{prefix}-title" '
        f'style="font-family:{c.font}"><title id="{prefix}-title">{esc(sizes_finding(lesions))}</title>{"".join(out)}</svg>'
    )


def is_png(text: str) -> bool:
    try:
        return base64.b64decode(text, validate=True).startswith(b"\x89PNG\r\n\x1a\n")
    except (binascii.Error, ValueError):
        return False


def image_caption(image: KeyImage) -> str:
    unit = unit_words(image.window_unit)
    window = f"window {number(image.window_low)} to {number(image.window_high)}" + (f"\u202f{unit}" if unit else "")
    return f"{modality_words(image.modality)}, {day(image.date)}; z {number(image.z_lps_mm, 'mm')}\u202fmm; {window}"


def _closed(points: tuple[tuple[float, float], ...]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) + "Z" if points else ""


def isodoses_gy(image: KeyImage) -> dict[str, str]:
    """The isodoses of an image by name, from the lowest, each with its colour: the same five run from blue to red whatever their doses."""
    names = {o.name for o in image.outlines if o.role == "isodose"}
    ordered = sorted(names, key=lambda name: float(name.split()[0]))
    return dict(zip(ordered, ISODOSE_COLOURS[-len(ordered) :], strict=False)) if ordered else {}


def key_image_svg(image: KeyImage, palette: Palette = PRINT, *, prefix: str = "image") -> str:
    """One slice with outlines, lesion names, scale bar and patient sides. Overlay colours do not follow the theme: they lie on the image."""
    w, h = max(image.width_mm, 1.0), max(image.height_mm, 1.0)
    unit = w / 100
    light, dark, yellow, blue = "#f3f1ea", "#0b0d0f", "#ffd447", "#9fd3ff"
    out = [f'<rect width="{w:g}" height="{h:g}" style="fill:{dark}"/>']

    def text(x: float, y: float, words: str, fill: str = light, anchor: str = "start", size: float = 5) -> None:
        out.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" style="fill:{fill};font-size:{size * unit:.2f}px;font-weight:600;'
            f'stroke:{dark};stroke-width:{1.1 * unit:.2f};stroke-linejoin:round;paint-order:stroke">{esc(words)}</text>'
        )

    if is_png(image.png_base64):
        out.append(
            f'<image href="data:image/png;base64,{esc(image.png_base64)}" width="{w:g}" height="{h:g}" preserveAspectRatio="none"/>'
        )
    else:
        text(w / 2, h / 2, "This image cannot be shown", anchor="middle")
    doses = isodoses_gy(image)
    looks = {
        "isodose": ("", 0.55, ""),
        "segment": ("#c3ccd4", 0.25, ""),
        "liver": (blue, 0.4, f"stroke-dasharray:{2 * unit:.1f} {1.4 * unit:.1f};"),
        "lesion": (yellow, 0.65, ""),
        "length": ("#4aa3ff", 0.8, ""),
    }
    if doses:  # the lines of the dose speak, the structures stand back
        looks["lesion"] = (light, 0.4, f"stroke-dasharray:{1.6 * unit:.1f} {0.9 * unit:.1f};")
    for o in sorted(image.outlines, key=lambda o: list(looks).index(o.role)):
        d = _closed(o.points_mm)
        if o.role == "isodose" and o.points_mm[:1] != o.points_mm[-1:]:
            d = d.removesuffix("Z")  # it leaves the picture
        colour, wide, dash = looks[o.role]
        colour = doses.get(o.name, light) if o.role == "isodose" else colour
        out.append(
            f'<path d="{d}" style="fill:none;stroke:{dark};stroke-opacity:0.7;stroke-width:{(wide + 0.5) * unit:.2f}"/>'
            f'<path d="{d}" style="fill:none;stroke:{colour};stroke-width:{wide * unit:.2f};{dash}stroke-linejoin:round"/>'
        )
    named: set[str] = set()
    for o in sorted(image.outlines, key=lambda o: -len(o.points_mm)):
        if o.role == "lesion" and o.points_mm and o.name not in named:
            named.add(o.name)
            right = max(o.points_mm, key=lambda p: (p[0], p[1]))
            flip = right[0] > 0.82 * w
            x = min(p[0] for p in o.points_mm) - 1.5 * unit if flip else right[0] + 1.5 * unit
            y = min(max(right[1] + 1.7 * unit, 6 * unit), h - 3 * unit)
            text(x, y, shorten(o.name, 12), light if doses else yellow, "end" if flip else "start")
    for row, (name, colour) in enumerate(reversed(doses.items())):
        y = (5.5 + 6 * row) * unit
        out.append(
            f'<path d="M{3 * unit:.1f} {y - 1.6 * unit:.1f}h{6 * unit:.1f}" style="stroke:{colour};stroke-width:{1.1 * unit:.2f}"/>'
        )
        text(11 * unit, y, name.replace(" ", "\u202f"), size=4.6)
    text(2.5 * unit, h / 2 + 2 * unit, "R")
    text(w - 2.5 * unit, h / 2 + 2 * unit, "L", anchor="end")
    bar = min((10.0, 20.0, 50.0), key=lambda mm: abs(mm - w / 5))
    x1, y1 = w - 3 * unit, h - 3 * unit
    out.append(f'<path d="M{x1 - bar:.1f} {y1:.1f}H{x1:.1f}" style="stroke:{dark};stroke-width:{2.2 * unit:.2f}"/>')
    out.append(f'<path d="M{x1 - bar:.1f} {y1:.1f}H{x1:.1f}" style="stroke:{light};stroke-width:{1.1 * unit:.2f}"/>')
    text(x1 - bar / 2, y1 - 2.2 * unit, f"{bar:.0f}\u202fmm", anchor="middle", size=4.4)
    names = list(dict.fromkeys(shorten(o.name, 20) for o in image.outlines if o.role == "lesion"))
    lines = f"Isodose lines at {', '.join(doses)}. " if doses else ""
    says = f"{image.title}. {image_caption(image)}. {lines}" + (
        f"Outlined: {', '.join(names)}." if names else "No lesion on this slice."
    )
    return (
        # A little of each side is cut off: there an outline that leaves the picture would run along its edge.
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{unit:g} {unit:g} {w - 2 * unit:g} {h - 2 * unit:g}" role="img" '
        f'aria-labelledby="{prefix}-title" style="font-family:{palette.font}"><title id="{prefix}-title">{esc(says)}</title>{"".join(out)}</svg>'
    )


def no_images_words(dossier: Dossier) -> str:
    """Why none is shown: the case names none, or those that it names could not be drawn."""
    named = any(name.startswith("studies") for event in dossier.events for name in event.content)
    return "No image of this case is drawn" if named else "No images in this case"


def no_images_svg(words: str, palette: Palette = PRINT, *, prefix: str = "image") -> str:
    """The drawn state of a page without images."""
    c = palette
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 960 72" role="img" aria-labelledby="{prefix}-title" style="font-family:{c.font}">'
        f'<title id="{prefix}-title">{words}</title><rect x="1" y="1" width="958" height="70" rx="6" '
        f'style="fill:none;stroke:{c("mark")};stroke-width:1;stroke-dasharray:5 4"/>'
        f'<text x="480" y="41" text-anchor="middle" style="fill:{c("soft")};font-size:15px">{words}</text></svg>'
    )
