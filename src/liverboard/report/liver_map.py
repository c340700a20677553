"""The signature picture: a drawn liver with eight segments shaded by tumour load and the lesions as dots to scale; and its text twin."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from liverboard.board.dossier import ExtentSection
from liverboard.clinical.extent import Lesion
from liverboard.report import liver_shape as shape
from liverboard.report.palette import PRINT, Palette
from liverboard.report.words import counted, esc, quantity, segments_words, shorten

STEPS = (0.05, 0.15, 0.30)  # limits between the shaded steps: none, below 5 %, below 15 %, below 30 %, and above
STEP_WORDS = ("0", "<5", "<15", "<30", "30+\u202f%")
TRAY_DOTS = 24
MAP_DOTS = 200  # the largest; beyond, dots cover one another and finding their places takes minutes
ORDER = (7, 8, 6, 5, 4, 2, 3, 1)


def step_of(share: float) -> int:
    if share <= 0:
        return 0
    return 1 + sum(share >= limit for limit in STEPS)


def diameter(lesion: Lesion) -> float | None:
    """Longest stated diameter in mm; from the volume (as a sphere) when only that is known."""
    for value in (lesion.longest_axial_mm, lesion.longest_3d_mm):
        if value is not None:
            return value
    return (lesion.volume_ml * 1000 * 6 / 3.141592653589793) ** (1 / 3) if lesion.volume_ml else None


def main_segments(lesion: Lesion) -> dict[int, float]:
    return {s.segment: max(s.share, 0.01) for s in lesion.segments if 1 <= s.segment <= 8}


def unplaced(extent: ExtentSection) -> list[Lesion]:
    return [lesion for lesion in extent.lesions if not main_segments(lesion)]


def placed(extent: ExtentSection) -> list[Lesion]:
    """The lesions of which a segment is known, in their order."""
    return [lesion for lesion in extent.lesions if main_segments(lesion)]


def finding(extent: ExtentSection) -> str:
    """Title that states the finding."""
    count = extent.lesion_count if extent.lesion_count is not None else len(extent.lesions) or None
    if count is None and not extent.by_segment:
        return "Where the disease lies in the liver is not known"
    if count == 0:
        return "No liver lesion stated"
    lesions = counted(count, "lesion") if count is not None else "Lesions"
    used = sorted(s for s, share in extent.by_segment.items() if share > 0)
    if not used:
        return f"{lesions}, segments not known"
    heaviest = max(used, key=lambda s: (extent.by_segment[s], -s))
    where = f"{lesions} in {counted(len(used), 'segment')}"
    ties = [s for s in used if extent.by_segment[s] == extent.by_segment[heaviest]]
    return (
        where
        if len(ties) > 1
        else f"{where}; largest share in S{heaviest} ({quantity(100 * extent.by_segment[heaviest], '%')})"
    )


def liver_map_text(extent: ExtentSection) -> str:
    """The picture in words."""
    parts = [f"{finding(extent)}."]
    if extent.by_segment:
        basis = {"volume": "by volume", "count": "by number of lesions"}.get(extent.by_segment_basis, "basis not known")
        shares = ", ".join(f"S{s} {quantity(100 * v, '%')}" for s, v in sorted(extent.by_segment.items()))
        parts.append(f"Share of the tumour load, {basis}: {shares}.")
    else:
        parts.append("Tumour load of each segment: not known.")
    for lesion in extent.lesions[:MAP_DOTS]:
        where = segments_words(sorted(main_segments(lesion))) or "segment not known"
        treated = ", treated" if lesion.id in extent.treated_lesions else ""
        parts.append(f"{lesion.id}: {quantity(diameter(lesion), 'mm')}, {where}{treated}.")
    if len(extent.lesions) > MAP_DOTS:
        parts.append(f"And {len(extent.lesions) - MAP_DOTS} more in the table.")
    if extent.resected_segments:
        parts.append(f"Resected: {segments_words(extent.resected_segments)}.")
    if extent.planned_segments:
        parts.append(f"Planned territory: {segments_words(extent.planned_segments)}.")
    return " ".join(parts)


def _largest(lesions: Sequence[Lesion], most: int) -> list[Lesion]:
    return sorted(lesions, key=lambda lesion: -(diameter(lesion) or 0))[:most]


def _short_name(name: str) -> str:
    """A name that fits a dot: `Tumour 12` reads T12."""
    digits = re.search(r"\d{1,3}$", name)
    return f"{name[0].upper()}{digits[0]}" if len(name) > 4 and digits and name[0].isalpha() else shorten(name, 5)


def _room(lesion: Lesion, x: float, y: float, r: float, others: Sequence[tuple[float, float, float]]) -> float | None:
    """On which side of a dot its name covers no other dot: 1 right, -1 left; None where it has no room."""
    wide = 4.6 * len(_short_name(lesion.id)) + 2.0
    for side in (1.0, -1.0):
        middle = x + side * (r + wide / 2)
        if all(abs(middle - a) > wide / 2 + c or abs(y - b) > 3.5 + c for a, b, c in others):
            return side
    return None


class _Drawing:
    def __init__(self, extent: ExtentSection, colour: Palette, prefix: str) -> None:
        self.extent, self.colour, self.prefix = extent, colour, prefix
        self.out: list[str] = []
        # what the picture reaches to: a lesion larger than its segment goes past the liver
        self.left, self.top, self.right, self.bottom = 0.0, 0.0, shape.WIDTH, shape.HEIGHT

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        size: float = 8,
        fill: str = "soft",
        anchor: str = "start",
        bold: bool = False,
        halo: str = "",
    ) -> None:
        c = self.colour
        ring = f"stroke:{c(halo)};stroke-width:2.4;stroke-linejoin:round;paint-order:stroke;" if halo else ""
        weight = "font-weight:600;" if bold else ""
        self.out.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" style="fill:{c(fill)};font-size:{size:g}px;{weight}{ring}">{esc(words)}</text>'
        )

    def segments(self) -> None:
        c, e = self.colour, self.extent
        for s in ORDER:
            share = e.by_segment.get(s, 0.0) if e.by_segment else None
            fill = "map-unknown" if share is None else f"map-{step_of(share)}"
            d = shape.segment_path(s)
            says = f"Segment {s}: " + (
                "load not known" if share is None else f"{quantity(100 * share, '%')} of the tumour load"
            )
            self.out.append(
                f'<g><title>{esc(says)}</title><path d="{d}" style="fill:{c(fill)};stroke:{c("page")};stroke-width:2.2;stroke-linejoin:round"/>'
            )
            if share is None:
                self.out.append(
                    f'<path d="{d}" style="fill:url(#{self.prefix}-unknown);stroke:{c("page")};stroke-width:2.2"/>'
                )
            if s in e.resected_segments:
                self.out.append(
                    f'<path d="{d}" style="fill:url(#{self.prefix}-resected);stroke:{c("page")};stroke-width:2.2"/>'
                )
            self.out.append("</g>")
        self.out.append(
            f'<path d="{shape.outline_path()}" style="fill:none;stroke:{c("mark")};stroke-width:1"/>'
            f'<path d="{shape.segment_path(1)}" style="fill:none;stroke:{c("mark")};stroke-width:0.8;stroke-dasharray:2.4 1.6"/>'
        )
        planned = shape.territory_path(set(e.planned_segments))
        if planned:
            self.out.append(
                f'<path d="{planned}" style="fill:none;stroke:{c("amber")};stroke-width:2.2;stroke-linecap:round;stroke-dasharray:6 4"/>'
            )

    def dot(self, lesion: Lesion, x: float, y: float, r: float, *, label: bool, beside: float | None = None) -> None:
        c, size = self.colour, diameter(lesion)
        treated = lesion.id in self.extent.treated_lesions
        says = f"{lesion.id}: {quantity(size, 'mm')}" + (", treated" if treated else "")
        dash = "" if size is not None else "stroke-dasharray:1.6 1.2;"
        opacity = 0.86 if size is not None else 0.35
        self.out.append(
            f'<g><title>{esc(says)}</title><circle cx="{x:.1f}" cy="{y:.1f}" r="{r:.1f}" '
            f'style="fill:{c("dot")};fill-opacity:{opacity};stroke:{c("halo")};stroke-width:0.9;{dash}"/>'
        )
        if treated:
            self.out.append(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r + 2.6:.1f}" style="fill:none;stroke:{c("halo")};stroke-width:3"/>'
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r + 2.6:.1f}" style="fill:none;stroke:{c("dot")};stroke-width:1.3"/>'
            )
        name = _short_name(lesion.id)
        if label and r >= 2.4 * len(name):
            self.text(x, y + 2.4, name, size=7, fill="dot-text", anchor="middle", bold=True)
        elif beside is not None:
            anchor, at = ("start", x + r + 1.6) if beside > 0 else ("end", x - r - 1.6)
            self.text(at, y + 2.4, name, size=7, fill="ink", bold=True, halo="halo", anchor=anchor)
        self.out.append("</g>")

    def lesions(self) -> None:
        taken: list[tuple[float, float, float]] = []
        spots: list[tuple[Lesion, float, float, float]] = []
        known = placed(self.extent)
        for lesion in known if len(known) <= MAP_DOTS else _largest(known, MAP_DOTS):
            wanted = main_segments(lesion)
            r = max((diameter(lesion) or 10.0) / 2, 2.2)
            extra = 3.5 if lesion.id in self.extent.treated_lesions else 0.0
            x, y = shape.place(wanted, r + extra, taken)
            taken.append((x, y, r + extra))
            reach = r + extra + 1
            self.left, self.right = min(self.left, x - reach), max(self.right, x + reach)
            self.top, self.bottom = min(self.top, y - reach), max(self.bottom, y + reach)
            spots.append((lesion, x, y, r))
        for lesion, x, y, r in spots:
            others = [(a, b, c) for other, a, b, c in spots if other is not lesion]
            self.dot(
                lesion,
                x,
                y,
                r,
                label=len(spots) <= 40,
                beside=_room(lesion, x, y, r, others) if len(spots) <= 16 else None,
            )
        for s, (x, y) in shape.NUMERALS.items():
            self.text(x, y + 4, str(s), size=11, fill="ink", anchor="middle", bold=True, halo="halo")

    def tray(self, lesions: list[Lesion], left: float) -> float:
        """Lesions whose segment is not known, to scale beside the liver. Returns the width used."""
        shown = _largest(lesions, TRAY_DOTS)
        radii = [max((diameter(lesion) or 10.0) / 2, 2.2) for lesion in shown]
        spots, width = shape.pack(radii, 100)
        half = width > 110
        if half:
            radii = [max(r / 2, 2.2) for r in radii]
            spots, width = shape.pack(radii, 100)
        width = max(width, 98.0)
        c = self.colour
        tall = max((y + r for (_, y), r in zip(spots, radii, strict=True)), default=20)
        self.text(left, 12, "Segment not known", size=9, fill="ink", bold=True)
        self.text(left, 23, f"for {counted(len(lesions), 'lesion')}" + (", half scale" if half else ""), size=8.5)
        self.out.append(
            f'<rect x="{left - 4:.1f}" y="30" width="{width + 8:.1f}" height="{tall + 10:.1f}" rx="6" '
            f'style="fill:none;stroke:{c("mark")};stroke-width:0.8;stroke-dasharray:3 2"/>'
        )
        for lesion, (x, y), r in zip(shown, spots, radii, strict=True):
            self.dot(lesion, left + x, 35 + y, r, label=True)
        if len(lesions) > len(shown):
            self.text(left, 52 + tall, f"and {len(lesions) - len(shown)} more in the table", size=8)
        return width + 8

    def key(self) -> None:
        """Scale bar, shading steps, and only the signs that the picture uses."""
        c, e, y = self.colour, self.extent, self.bottom + 18
        self.text(self.left + 2, self.top + 14, "R", size=9, fill="ink", bold=True, halo="halo")
        self.text(self.right - 2, self.top + 14, "L", size=9, fill="ink", bold=True, halo="halo", anchor="end")
        self.out.append(f'<path d="M4 {y - 9}v5h50v-5" style="fill:none;stroke:{c("soft")};stroke-width:1"/>')
        self.text(29, y + 5, "50\u202fmm", anchor="middle", size=6.5)
        if e.by_segment:
            basis = {"volume": "share of tumour volume", "count": "share of the lesions"}.get(
                e.by_segment_basis, "share of the load"
            )
            for k, words in enumerate(STEP_WORDS):
                x = 104 + k * 23
                self.out.append(
                    f'<rect x="{x}" y="{y - 9}" width="22" height="6" style="fill:{c(f"map-{k}")};stroke:{c("mark")};stroke-width:0.4"/>'
                )
                self.text(x + 11, y + 5, words, size=6.5, anchor="middle")
            self.text(104, y - 13, basis, size=6.5)
        else:
            self.out.append(
                f'<rect x="70" y="{y - 9}" width="22" height="6" style="fill:url(#{self.prefix}-unknown);stroke:{c("mark")};stroke-width:0.4"/>'
            )
            self.text(96, y - 3, "load of each segment not known", size=6.5)
        notes = [
            words
            for present, words in (
                (bool(e.resected_segments), "hatched: resected"),
                (bool(e.treated_lesions), "ring: treated"),
                (bool(e.planned_segments), "dashed outline: planned"),
                (len(placed(e)) > MAP_DOTS, f"the {MAP_DOTS} largest of {len(placed(e))} are drawn"),
            )
            if present
        ]
        if notes:
            self.text(4, y + 17, " · ".join(notes), size=6.5)


def liver_map_svg(extent: ExtentSection, palette: Palette = PRINT, *, prefix: str = "map") -> str:
    """The liver map as SVG. `prefix` keeps its ids apart from those of other pictures on a page."""
    drawing = _Drawing(extent, palette, prefix)
    drawing.segments()
    drawing.lesions()
    drawing.key()
    right = drawing.right
    lost = unplaced(extent)
    if lost:
        right += 12 + drawing.tray(lost, right + 12)
    noted = extent.resected_segments or extent.treated_lesions or extent.planned_segments
    height = math.ceil(drawing.bottom) + 26 + (12 if noted or len(placed(extent)) > MAP_DOTS else 0)
    left, top = math.floor(drawing.left), math.floor(drawing.top)
    c = palette
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{left} {top} {math.ceil(right) - left} {height - top}" role="img" aria-labelledby="{prefix}-title {prefix}-desc" '
        f'style="font-family:{c.font}"><title id="{prefix}-title">{esc(finding(extent))}</title>'
        f'<desc id="{prefix}-desc">{esc(shorten(liver_map_text(extent), 2000))}</desc><defs>'
        f'<pattern id="{prefix}-unknown" width="7" height="7" patternUnits="userSpaceOnUse"><circle cx="3.5" cy="3.5" r="0.8" style="fill:{c("mark")}"/></pattern>'
        f'<pattern id="{prefix}-resected" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        f'<rect width="6" height="6" style="fill:{c("page")};fill-opacity:0.7"/><path d="M0 0v6" style="stroke:{c("soft")};stroke-width:2.4"/></pattern>'
        f"</defs>{''.join(drawing.out)}</svg>"
    )
