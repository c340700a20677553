"""Our own drawing of the liver, front view, in mm of a liver 220 mm wide; the patient's right is on the left of the picture.

One closed outline is cut at named points into edges; eight segments are loops of shared edges, so that they tile without gaps or overlaps.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from functools import cache

Point = tuple[float, float]
Polygon = tuple[Point, ...]

WIDTH, HEIGHT = 220.0, 150.0

# Along the outline, clockwise from the dome. Named points are where segments meet.
_OUTLINE: tuple[tuple[Point, str], ...] = (
    ((78, 5), "rhv_top"), ((96, 8), ""), ((109, 15), "mhv_top"), ((120, 19), ""), ((131, 19), "fissure_top"),
    ((148, 15), ""), ((174, 15), ""), ((200, 23), ""), ((215, 36), ""), ((217, 44), "tip"), ((206, 56), ""), ((184, 68), ""), ((160, 83), ""),
    ((144, 96), ""), ((139, 96), ""), ((135.5, 87), "fissure"), ((132.5, 97), ""), ((127, 107), ""), ((115, 114), ""), ((105.5, 117), ""),
    ((101.5, 110), "gallbladder"), ((96, 119), ""), ((82, 130), ""), ((58, 142), "rhv_bottom"), ((38, 148), ""), ((22, 146), ""), ((11, 132), ""),
    ((5, 108), ""), ((3.5, 84), "side"), ((7, 58), ""), ((18, 32), ""), ((42, 12), ""),
)  # fmt: skip
# Inside: hepatic veins, the umbilical fissure and the level of the portal branches.
_INSIDE: dict[str, tuple[Point, ...]] = {
    "rhv_upper": ((78, 5), (64, 30), (54, 54), (50, 79)),
    "rhv_lower": ((50, 79), (49, 100), (52, 122), (58, 142)),
    "mhv_upper": ((109, 15), (106, 40), (103, 60), (101, 75)),
    "mhv_lower": ((101, 75), (100, 88), (101.5, 110)),
    "fissure_upper": ((131, 19), (134, 36), (136, 50)),
    "fissure_lower": ((136, 50), (137, 68), (135.5, 87)),
    "level_lateral": ((3.5, 84), (26, 83), (50, 79)),
    "level_medial": ((50, 79), (76, 78), (101, 75)),
    "level_left": ((136, 50), (162, 45), (190, 44), (217, 44)),
}
# Each segment: its edges in order; "-" walks an edge backwards, "a>b" is the outline from a to b.
_LOOPS: dict[int, tuple[str, ...]] = {
    7: ("side>rhv_top", "rhv_upper", "-level_lateral"),
    8: ("rhv_top>mhv_top", "mhv_upper", "-level_medial", "-rhv_upper"),
    6: ("level_lateral", "rhv_lower", "rhv_bottom>side"),
    5: ("level_medial", "mhv_lower", "gallbladder>rhv_bottom", "-rhv_lower"),
    4: ("mhv_top>fissure_top", "fissure_upper", "fissure_lower", "fissure>gallbladder", "-mhv_lower", "-mhv_upper"),
    2: ("fissure_top>tip", "-level_left", "-fissure_upper"),
    3: ("level_left", "tip>fissure", "-fissure_lower"),
}
# The caudate lies behind the others; it is drawn as a small island over 4 and 2.
_CAUDATE: Polygon = ((121, 33), (129, 32), (135, 40), (135.5, 52), (130, 61), (122, 62), (116.5, 55), (116, 43))
NUMERALS: dict[int, Point] = {
    1: (126, 51), 2: (168, 34), 3: (160, 67), 4: (117, 99), 5: (76, 117), 6: (30, 130), 7: (32, 42), 8: (88, 27)
}  # fmt: skip

Cubic = tuple[Point, Point, Point, Point]


def _cubics(points: tuple[Point, ...], closed: bool) -> list[Cubic]:
    """Catmull-Rom curve through the points, as cubic Béziers."""
    n = len(points)

    def at(i: int) -> Point:
        return points[i % n] if closed else points[min(max(i, 0), n - 1)]

    result: list[Cubic] = []
    for i in range(n if closed else n - 1):
        a, b, c, d = at(i - 1), at(i), at(i + 1), at(i + 2)
        result.append(
            (
                b,
                (b[0] + (c[0] - a[0]) / 6, b[1] + (c[1] - a[1]) / 6),
                (c[0] - (d[0] - b[0]) / 6, c[1] - (d[1] - b[1]) / 6),
                c,
            )
        )
    return result


@cache
def _outline_cubics() -> list[Cubic]:
    return _cubics(tuple(point for point, _ in _OUTLINE), closed=True)


@cache
def _edge(name: str) -> tuple[Cubic, ...]:
    if name.startswith("-"):
        return tuple((d, c, b, a) for a, b, c, d in reversed(_edge(name[1:])))
    if ">" not in name:
        return tuple(_cubics(_INSIDE[name], closed=False))
    start, end = name.split(">")
    names = [n for _, n in _OUTLINE]
    first, last, cubics = names.index(start), names.index(end), _outline_cubics()
    return tuple(cubics[i % len(cubics)] for i in range(first, last if last > first else last + len(cubics)))


def _loop(segment: int) -> tuple[Cubic, ...]:
    if segment == 1:
        return tuple(_cubics(_CAUDATE, closed=True))
    return tuple(cubic for name in _LOOPS[segment] for cubic in _edge(name))


def _path(cubics: tuple[Cubic, ...]) -> str:
    def xy(p: Point) -> str:
        return f"{p[0]:.1f} {p[1]:.1f}"

    return f"M{xy(cubics[0][0])}" + "".join(f"C{xy(b)} {xy(c)} {xy(d)}" for _, b, c, d in cubics) + "Z"


def _polygon(cubics: tuple[Cubic, ...], steps: int = 8) -> Polygon:
    points: list[Point] = []
    for a, b, c, d in cubics:
        for k in range(steps):
            t = k / steps
            u = 1 - t
            w = (u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t)
            points.append(
                (
                    w[0] * a[0] + w[1] * b[0] + w[2] * c[0] + w[3] * d[0],
                    w[0] * a[1] + w[1] * b[1] + w[2] * c[1] + w[3] * d[1],
                )
            )
    return tuple(points)


@cache
def segment_path(segment: int) -> str:
    return _path(_loop(segment))


def territory_path(segments: Collection[int]) -> str:
    """Outline of segments taken together: every edge that only one of them has."""
    edges = [name for s in segments if s in _LOOPS for name in _LOOPS[s]]
    single = [
        name for name in edges if name.removeprefix("-") not in edges or f"-{name.removeprefix('-')}" not in edges
    ]
    path = "".join(_path(_edge(name)).removesuffix("Z") for name in single)
    return path + (segment_path(1) if 1 in segments else "")


@cache
def outline_path() -> str:
    return _path(tuple(_outline_cubics()))


def inside(polygon: Polygon, x: float, y: float) -> bool:
    result = False
    x0, y0 = polygon[-1]
    for x1, y1 in polygon:
        if (y1 > y) != (y0 > y) and x < (x0 - x1) * (y - y1) / (y0 - y1) + x1:
            result = not result
        x0, y0 = x1, y1
    return result


STEP = 3


@cache
def raster() -> dict[tuple[int, int], int]:
    """Segment number at each grid point (in steps of 3 mm) inside the liver; the caudate lies on top."""
    polygons = {s: _polygon(_loop(s)) for s in (1, 2, 3, 4, 5, 6, 7, 8)}
    grid: dict[tuple[int, int], int] = {}
    for j in range(math.ceil(HEIGHT / STEP) + 1):
        for i in range(math.ceil(WIDTH / STEP) + 1):
            for segment, polygon in polygons.items():
                if inside(polygon, i * STEP, j * STEP):
                    grid[i, j] = segment
                    break
    return grid


def place(wanted: dict[int, float], radius: float, taken: list[tuple[float, float, float]]) -> Point:
    """Centre for a dot in the wanted segments (segment -> share): inside them, clear of other dots and numerals where possible. Deterministic."""
    grid = raster()
    cells: dict[int, list[Point]] = {s: [] for s in wanted}
    for (i, j), segment in grid.items():
        if segment in cells:
            cells[segment].append((i * STEP, j * STEP))
    total = sum(wanted.values()) or 1.0
    middle = {s: (sum(x for x, _ in c) / len(c), sum(y for _, y in c) / len(c)) for s, c in cells.items()}
    ax = sum(middle[s][0] * share for s, share in wanted.items()) / total
    ay = sum(middle[s][1] * share for s, share in wanted.items()) / total
    ring = [(math.cos(k * math.pi / 6), math.sin(k * math.pi / 6)) for k in range(12)]
    best, best_cost = (ax, ay), math.inf
    for x, y in sorted((p for c in cells.values() for p in c), key=lambda p: ((p[0] - ax) ** 2 + (p[1] - ay) ** 2, p)):
        cost = math.hypot(x - ax, y - ay) * (0.35 if len(wanted) > 1 else 0.12)
        if cost >= best_cost:
            if len(wanted) > 1:
                continue
            break
        for cx, cy, cr in taken:
            overlap = radius + cr + 1.5 - math.hypot(x - cx, y - cy)
            if overlap > 0:
                cost += 4 + 2 * min(overlap, radius)
        for nx, ny in NUMERALS.values():
            overlap = radius + 6 - math.hypot(x - nx, y - ny)
            if overlap > 0:
                cost += 2 + min(overlap, 8)
        for dx, dy in ring:
            there = grid.get((round((x + dx * radius) / STEP), round((y + dy * radius) / STEP)))
            cost += 0 if there in cells else 1.5 if there else 4
        if cost < best_cost:
            best, best_cost = (x, y), cost
    return best


def pack(radii: list[float], height: float, gap: float = 3.0) -> tuple[list[Point], float]:
    """Dots in a tray of this height, filled from the left; and the width used."""
    placed: list[tuple[float, float, float]] = []
    for r in radii:
        height = max(height, 2 * r)
        best: Point | None = None
        for k in range(int((height - 2 * r) // 4) + 1):
            y = r + 4.0 * k
            x = r
            moved = True
            while moved:
                moved = False
                for px, py, pr in placed:
                    need = r + pr + gap
                    if abs(py - y) < need and math.hypot(px - x, py - y) < need - 1e-6:
                        x = px + math.sqrt(need * need - (py - y) ** 2) + 1e-6
                        moved = True
            if best is None or (round(x, 3), y) < (round(best[0], 3), best[1]):
                best = (x, y)
        assert best is not None  # noqa: S101  (the loop runs at least once: height >= 2 r)
        placed.append((*best, r))
    return [(x, y) for x, y, _ in placed], max((x + r for x, _, r in placed), default=0.0)
