"""A phantom from a plan: anatomy, vessels, metastases in the wished pattern, the phases, and a follow-up with known change."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

from liverboard.clinical.pattern import Place, pattern_of
from liverboard.errors import BadInput
from liverboard.phantom import ct
from liverboard.phantom.anatomy import (
    BIFURCATION,
    CAVA_TOP,
    GALLBLADDER,
    UMBILICAL,
    VENOSUM,
    Anatomy,
    Field,
    Points,
    ellipsoid,
    tube,
)
from liverboard.phantom.lesions import Body, drawn_body
from liverboard.phantom.vessels import Branch, hepatic_veins, paint, portal_veins
from liverboard.volume import Geometry

_ndimage: Any = scipy.ndimage  # it has no types
Vector = NDArray[np.float64]
PatternName = Literal["simple", "complex", "diffuse"]
GRIDS: Mapping[str, tuple[tuple[int, int, int], tuple[float, float, float]]] = {
    "full": ((512, 512, 320), (0.78, 0.78, 0.8)),
    "small": ((160, 160, 100), (2.5, 2.5, 2.56)),
}
COUNTS: Mapping[PatternName, tuple[int, int]] = {"simple": (3, 8), "complex": (12, 24), "diffuse": (24, 40)}
FULL_COUNT = 70
_COARSE_MM = 2.5
_TARGET_ML = (1450.0, 1850.0)


@dataclass(frozen=True, slots=True)
class PhantomPlan:
    """What to make. `pattern` None: diffuse on `full`, by the seed on `small`. `touching`: this many pairs of lesions touch. `followup`: a second time point."""

    seed: int = 1
    size: str = "full"
    pattern: PatternName | None = None
    lesion_count: int | None = None
    noise_hu: float = 11.0
    touching: int = 0
    followup: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Metastasis:
    """One lesion: a body, or several that have grown together. `came_from`: its ids at the first time point."""

    id: str
    bodies: tuple[Body, ...]
    hu: tuple[float, float, float, float]
    came_from: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class TimePoint:
    """Arrays are indexed [i, j, k] on `geometry`. `landmarks`: LPS mm. `motion`: rotation and shift from the first time point."""

    geometry: Geometry
    liver: NDArray[np.bool_]
    segments: NDArray[np.uint8]
    lesions: NDArray[np.uint8]
    vessels: NDArray[np.uint8]
    ducts: NDArray[np.uint8]
    phases: Mapping[str, NDArray[np.int16]]
    metastases: tuple[Metastasis, ...]
    viable: NDArray[np.bool_]
    landmarks: Mapping[str, list[list[float]]]
    motion: tuple[Vector, Vector]
    vanished: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Phantom:
    plan: PhantomPlan
    pattern: PatternName
    baseline: TimePoint
    followup: TimePoint | None


def make_phantom(plan: PhantomPlan, step: Callable[[str], None] = lambda text: None) -> Phantom:
    """Make the phantom; the same plan gives the same voxels. Raises BadInput: an unknown size or pattern, or more than 250 lesions."""
    if plan.size not in GRIDS:
        raise BadInput(f"there is no phantom size '{plan.size}'", hint=f"Choose one of: {', '.join(GRIDS)}.")
    if plan.pattern not in {None, *COUNTS}:
        raise BadInput(f"there is no pattern '{plan.pattern}'", hint=f"Choose one of: {', '.join(COUNTS)}.")
    if plan.lesion_count is not None and not 1 <= plan.lesion_count <= 250:
        raise BadInput(f"{plan.lesion_count} lesions cannot be made", hint="Choose 1 to 250.")
    random = np.random.default_rng([plan.seed, 20240115])
    pattern = plan.pattern or ("diffuse" if plan.size == "full" else tuple(COUNTS)[int(random.integers(3))])
    step("shaping the liver")
    anatomy = _sized(Anatomy.drawn(random), random)
    coarse = _Coarse.of(anatomy)
    metastases = _placed(plan, pattern, coarse, random)
    trees = _Trees.of(anatomy, coarse, random)
    still = (np.eye(3), np.zeros(3))
    baseline = _render(plan, anatomy, trees, metastases, still, (plan.seed, 0), step)
    later = None
    if plan.followup:
        step("making the follow-up")
        motion = (_rotation(random.normal(0, 2.0, 3)), random.normal(0, 1, 3) * (4, 4, 7))
        changed, vanished = _changed(metastases, pattern, coarse, plan, random)
        moved = tuple(replace(m, bodies=tuple(b.turned(*motion) for b in m.bodies)) for m in changed)
        later = replace(_render(plan, anatomy, trees, moved, motion, (plan.seed, 1), step), vanished=vanished)
    return Phantom(plan, pattern, baseline, later)


def grid(size: str) -> Geometry:
    shape, spacing = GRIDS[size]
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -(np.array(shape) - 1) / 2 * np.array(spacing)
    return Geometry(affine, shape)


@dataclass(frozen=True, slots=True, eq=False)
class _Coarse:
    """The liver and its segments at 2.5 mm, to place things in."""

    points: Vector
    segments: NDArray[np.uint8]
    geometry: Geometry

    @classmethod
    def of(cls, anatomy: Anatomy) -> _Coarse:
        shape = (120, 104, 104)
        affine = np.diag([_COARSE_MM, _COARSE_MM, _COARSE_MM, 1.0])
        affine[:3, 3] = (-170, -130, -128)
        geometry = Geometry(affine, shape)
        p = _points(geometry, (0, 0, 0), shape)
        segments = np.where(anatomy.liver(p) < 0, anatomy.segments(p), 0).astype(np.uint8)
        return cls(geometry.lps_mm(np.argwhere(segments > 0).astype(np.float64)), segments, geometry)

    def depth_mm(self, allowed: Sequence[int]) -> Vector:
        """Distance of every liver voxel from the nearest voxel outside these segments."""
        inside = np.isin(self.segments, list(allowed))
        return _ndimage.distance_transform_edt(inside, sampling=_COARSE_MM)[self.segments > 0]

    def drawn(self, random: np.random.Generator, segment: int, count: int) -> list[Vector]:
        """Points within a segment, the first near its middle."""
        here = self.points[self.segments[self.segments > 0] == segment]
        if not len(here):
            return []
        middle = here[int(np.argmin(np.linalg.norm(here - here.mean(axis=0), axis=1)))]
        return [middle, *here[random.integers(0, len(here), count)]]


@dataclass(frozen=True, slots=True, eq=False)
class _Trees:
    hepatic: list[Branch]
    portal: list[Branch]
    ducts: list[Branch]

    @classmethod
    def of(cls, anatomy: Anatomy, coarse: _Coarse, random: np.random.Generator) -> _Trees:
        targets = [point for n in (2, 3, 4, 5, 6, 7, 8) for point in coarse.drawn(random, n, 4)[1:]]
        hepatic = hepatic_veins(anatomy, random, targets)
        portal, ducts = portal_veins(random, {n: coarse.drawn(random, n, 9) for n in range(1, 9)})
        return cls(hepatic, portal, ducts)


def _sized(anatomy: Anatomy, random: np.random.Generator) -> Anatomy:
    """The liver scaled to a volume drawn for this seed."""
    wanted = random.uniform(*_TARGET_ML)
    for _ in range(5):
        volume = len(_Coarse.of(anatomy).points) * _COARSE_MM**3 / 1000
        anatomy = replace(anatomy, scale=anatomy.scale * (wanted / volume) ** (1 / 3))
    return anatomy


def _placed(
    plan: PhantomPlan, pattern: PatternName, coarse: _Coarse, random: np.random.Generator
) -> tuple[Metastasis, ...]:
    """Lesions that lie as the pattern says; drawn again until the classifier is certain of it."""
    for _ in range(60):
        found = _drawn_lesions(plan, pattern, coarse, random)
        places = [_place(lesion, coarse) for lesion in found]
        told = pattern_of(places)
        if told.value == pattern and told.certain and len(found) == len(places):
            return found
    raise BadInput(
        f"no {pattern} pattern with {plan.lesion_count} lesions could be placed",
        hint="Choose more or fewer lesions, or another seed.",
    )


def _place(lesion: Metastasis, coarse: _Coarse) -> Place:
    segments = coarse.segments[coarse.segments > 0]
    inside = np.zeros(len(segments), dtype=np.bool_)
    for each in lesion.bodies:
        inside |= each.inside(coarse.points)
    counts = np.bincount(segments[inside], minlength=9)
    if not counts.sum():
        centre = lesion.bodies[0].centre
        counts[segments[int(np.argmin(np.linalg.norm(coarse.points - centre, axis=1)))]] = 1
    shares = {n: float(counts[n] / counts.sum()) for n in range(1, 9) if counts[n]}
    return Place(shares, sum(b.volume_ml for b in lesion.bodies), max(b.longest_3d_mm for b in lesion.bodies))


def _drawn_lesions(
    plan: PhantomPlan, pattern: PatternName, coarse: _Coarse, random: np.random.Generator
) -> tuple[Metastasis, ...]:
    low, high = COUNTS[pattern]
    count = plan.lesion_count or (
        FULL_COUNT if plan.size == "full" and pattern == "diffuse" else int(random.integers(low, high + 1))
    )
    right = random.random() < 0.6
    here, there = ((5, 6, 7, 8), (2, 3, 4)) if right else ((2, 3, 4), (5, 6, 7, 8))
    least = 9.0 if plan.size == "small" else 5.5
    if pattern == "simple":
        groups = [(here, random.uniform(max(least, 10), 46, count))]
    elif pattern == "complex":
        few = min(max(1, count // 5), 5)
        main = np.append(
            random.lognormal(np.log(16), 0.4, max(count - few - 1, 0)),
            random.uniform(46, 58) if right else random.uniform(38, 46),
        )
        groups = [(here, main), (there, random.uniform(least, 12, few))]
    else:
        groups = [((1, 2, 3, 4, 5, 6, 7, 8), random.lognormal(np.log(13), 0.5, count))]
    bodies: list[Body] = []
    gap = 2.2 * max(GRIDS[plan.size][1])
    for allowed, sizes in groups:
        depth = coarse.depth_mm(allowed)
        for size in sorted(np.clip(sizes, least, 60), reverse=True):
            placed = _put(float(size), depth, coarse.points, bodies, gap, random)
            if placed is not None:
                bodies.append(placed)
    for number in range(min(plan.touching, len(bodies))):
        bodies.append(_beside(bodies[number], random))
    bodies.sort(key=lambda b: -b.volume_ml)
    return tuple(Metastasis(f"L{n}", (b,), _hu(random)) for n, b in enumerate(bodies, 1))


def _put(
    size: float, depth: Vector, points: Vector, bodies: Sequence[Body], gap: float, random: np.random.Generator
) -> Body | None:
    """A body in the allowed part of the liver, clear of the others; smaller where there is no room."""
    for _ in range(12):
        body = drawn_body(random, np.zeros(3), size)
        fits = np.flatnonzero(depth > body.reach_mm + 0.5 * _COARSE_MM)
        for place in random.choice(fits, size=min(60, len(fits)), replace=False) if len(fits) else ():
            centre = points[place] + random.uniform(-1, 1, 3)
            if all(np.linalg.norm(centre - b.centre) > body.reach_mm + b.reach_mm + gap for b in bodies):
                return replace(body, centre=centre)
        size *= 0.88
    return None


def _beside(body: Body, random: np.random.Generator) -> Body:
    """A smaller body that touches this one."""
    other = drawn_body(random, np.zeros(3), 1.3 * body.mean_radius_mm)
    direction = np.array([[-np.sign(body.centre[0] + 20), 0.0, 0.0]])
    away = float(body.radius_mm(direction)[0] + other.radius_mm(-direction)[0])
    return replace(other, centre=body.centre + direction[0] * away)


def _hu(random: np.random.Generator) -> tuple[float, float, float, float]:
    shift = random.normal(0, 5)
    a, b, c, d = ct.LESION_HU
    return a + 0.3 * shift, a * 0 + b + 2 * shift, c + shift, d + shift


def _changed(
    lesions: Sequence[Metastasis], pattern: PatternName, coarse: _Coarse, plan: PhantomPlan, random: np.random.Generator
) -> tuple[tuple[Metastasis, ...], tuple[str, ...]]:
    """The lesions later, before the motion: most grow or shrink, the smallest vanishes, a close pair merges, up to two are new."""
    vanished = lesions[-1].id if len(lesions) > 3 else None
    pair: tuple[Metastasis, ...] = ()
    if len(lesions) > 5:
        rest = [m for m in lesions[1:] if m.id != vanished]
        pair = min(
            ((a, b) for i, a in enumerate(rest) for b in rest[i + 1 :]),
            key=lambda ab: (
                np.linalg.norm(ab[0].bodies[0].centre - ab[1].bodies[0].centre)
                - ab[0].bodies[0].reach_mm
                - ab[1].bodies[0].reach_mm
            ),
        )
    later: list[tuple[tuple[Body, ...], tuple[float, float, float, float], tuple[str, ...]]] = []
    for lesion in lesions:
        if lesion.id == vanished or lesion in pair:
            continue
        factor = float(np.clip(random.normal(1.06, 0.1), 0.7, 1.25))
        later.append((tuple(b.grown(factor, b.centre) for b in lesion.bodies), lesion.hu, (lesion.id,)))
    if pair:
        a, b = (m.bodies[0] for m in pair)
        gap = b.centre - a.centre
        middle = (a.centre + b.centre) / 2
        near = max(0.0, 1 - 0.8 * (a.mean_radius_mm + b.mean_radius_mm) * 1.15 / float(np.linalg.norm(gap)))
        joined = (
            a.grown(1.15, a.centre + near * (middle - a.centre)),
            b.grown(1.15, b.centre + near * (middle - b.centre)),
        )
        later.append((joined, pair[0].hu, tuple(m.id for m in pair)))
    allowed = sorted({n for m in lesions for n in _place(m, coarse).shares})
    depth = coarse.depth_mm(allowed)
    for _ in range(2 if len(lesions) > 8 else 1):
        new = _put(
            12.0,
            depth,
            coarse.points,
            [b for bodies, _, _ in later for b in bodies],
            3 * max(GRIDS[plan.size][1]),
            random,
        )
        if new is not None:
            later.append(((new,), _hu(random), ()))
    later.sort(key=lambda item: -sum(b.volume_ml for b in item[0]))
    found = tuple(Metastasis(f"L{n}", bodies, hu, came) for n, (bodies, hu, came) in enumerate(later, 1))
    return found, () if vanished is None else (vanished,)


def _rotation(degrees: Vector) -> Vector:
    turn = np.eye(3)
    for axis, angle in enumerate(np.radians(degrees)):
        c, s = np.cos(angle), np.sin(angle)
        a, b = (n for n in range(3) if n != axis)
        one = np.eye(3)
        one[a, a] = one[b, b] = c
        one[a, b], one[b, a] = -s, s
        turn = one @ turn
    return turn


def _points(
    geometry: Geometry, start: Sequence[int], shape: Sequence[int], motion: tuple[Vector, Vector] | None = None
) -> Points:
    """Coordinates of a block; with a motion, where its points were before."""
    axes = [
        (geometry.affine[a, 3] + geometry.affine[a, a] * (start[a] + np.arange(shape[a]))).astype(np.float32)
        for a in range(3)
    ]
    x, y, z = axes[0][:, None, None], axes[1][None, :, None], axes[2][None, None, :]
    if motion is None or not (motion[1].any() or (motion[0] != np.eye(3)).any()):
        return x, y, z
    back, shift = motion[0].T, motion[1]
    x, y, z = (c - np.float32(s) for c, s in zip((x, y, z), shift, strict=True))
    u, v, w = (np.float32(r[0]) * x + np.float32(r[1]) * y + np.float32(r[2]) * z for r in back)
    return u, v, w


def _render(
    plan: PhantomPlan,
    anatomy: Anatomy,
    trees: _Trees,
    metastases: Sequence[Metastasis],
    motion: tuple[Vector, Vector],
    seed: Sequence[int],
    step: Callable[[str], None],
) -> TimePoint:
    geometry = grid(plan.size)
    step("drawing organs and vessels")
    bowel = anatomy.bowel.at(_points(Geometry(np.diag([5.0, 5.0, 5.0, 1.0]), (80, 80, 52)), (0, 0, 0), (80, 80, 52)))
    tissue = ct.surroundings(geometry, bowel)
    for kind, centre, radii in ct.ORGANS:
        _fill(tissue, geometry, np.array(centre), np.array(radii), kind)
    start, shape = _liver_box(anatomy, geometry, motion)
    box = tuple(slice(s, s + n) for s, n in zip(start, shape, strict=True))
    fine = _Fine(anatomy, geometry, start, shape, motion)
    liver_box = fine.field(anatomy.liver) < 0
    liver_box &= _largest(liver_box)
    segments_box = fine.segments() * liver_box
    part = tissue[box]
    part[fine.field(anatomy.gallbladder) < 0] = ct.GALLBLADDER
    part[liver_box] = ct.LIVER
    cava = fine.field(anatomy.cava) < 0
    part[cava] = ct.CAVA
    _fill_tube(tissue, geometry, ((12.0, 40.0, -140.0), (10.0, 38.0, 0.0), (4.0, 40.0, 140.0)), 10.0, ct.AORTA)
    _fill_tube(
        tissue,
        geometry,
        ((-18.0, 34.0, -140.0), (-17.0, 34.0, start[2] * geometry.spacing_mm[2] + geometry.affine[2, 3] + 2)),
        10.5,
        ct.CAVA,
    )
    moved = [
        [replace(b, path=b.path @ motion[0].T + motion[1]) for b in tree]
        for tree in (trees.hepatic, trees.portal, trees.ducts)
    ]
    hepatic, portal, ducts = (paint(tree, geometry, start, shape) for tree in moved)
    outside = ~liver_box & ~cava & ~(part == ct.GALLBLADDER)
    part[hepatic & (liver_box | outside)] = ct.HEPATIC_VEIN
    part[portal & ~cava] = ct.PORTAL_VEIN
    part[ducts & ~cava & ~portal] = ct.DUCT
    lesions = np.zeros(geometry.shape, dtype=np.uint8, order="F")
    viable = np.zeros(geometry.shape, dtype=np.bool_, order="F")
    paints = [_paint_lesion(lesion, number, geometry, lesions, viable) for number, lesion in enumerate(metastases, 1)]
    whole = _whole(geometry, box, liver_box)
    lesions[~whole] = 0
    free = lesions[box] == 0
    vessels = np.zeros(geometry.shape, dtype=np.uint8, order="F")
    vessels[box] = np.where(liver_box & free, np.where(portal, 2, np.where(hepatic, 1, 0)), 0)
    duct_map = np.zeros(geometry.shape, dtype=np.uint8, order="F")
    duct_map[box] = ducts & liver_box & free & ~portal & ~hepatic
    segments = np.zeros(geometry.shape, dtype=np.uint8, order="F")
    segments[box] = segments_box
    tissue[(lesions > 0) & ~viable] = ct.NECROSIS
    phases: dict[str, NDArray[np.int16]] = {}
    for number, phase in enumerate(ct.PHASES):
        step(f"imaging the {phase} phase")
        phases[phase] = ct.phase_image(
            tissue, [p for each in paints for p in each], phase, geometry, plan.noise_hu, (*seed, number)
        )
    return TimePoint(
        geometry=geometry,
        liver=whole,
        segments=segments,
        lesions=lesions,
        vessels=vessels,
        ducts=duct_map,
        phases=phases,
        metastases=tuple(metastases),
        viable=viable & (lesions > 0),
        landmarks=_landmarks(trees, motion),
        motion=motion,
    )


class _Fine:
    """Fields of the liver's box on the fine grid: taken at 2.5 mm and stretched, which keeps their smooth surfaces and costs a thirtieth."""

    def __init__(
        self,
        anatomy: Anatomy,
        geometry: Geometry,
        start: Sequence[int],
        shape: Sequence[int],
        motion: tuple[Vector, Vector],
    ) -> None:
        self._anatomy, self._shape = anatomy, tuple(shape)
        self._ratio = [max(1.0, _COARSE_MM / s) for s in geometry.spacing_mm]
        count = [int(np.ceil((n - 1) / r)) + 2 for n, r in zip(shape, self._ratio, strict=True)]
        affine = geometry.affine.copy()
        affine[:3, 3] += np.diag(affine)[:3] * np.array(start)
        affine[:3, :3] *= np.array(self._ratio)
        self._points = _points(Geometry(affine, (count[0], count[1], count[2])), (0, 0, 0), count, motion)
        self._count = count

    def field(self, function: Callable[[Points], Field]) -> Field:
        coarse = np.broadcast_to(function(self._points), self._count).astype(np.float32)
        if max(self._ratio) == 1.0:
            return coarse[tuple(slice(0, n) for n in self._shape)]
        return _ndimage.affine_transform(
            coarse, [1 / r for r in self._ratio], output_shape=self._shape, order=1, mode="nearest"
        )

    def segments(self) -> NDArray[np.uint8]:
        a = self._anatomy
        upper = self.field(a.transverse) > 0
        right = np.where(self.field(a.right) > 0, np.where(upper, 7, 6), np.where(upper, 8, 5)).astype(np.uint8)
        left = np.where(self.field(a.left) > 0, 4, np.where(upper, 2, 3)).astype(np.uint8)
        whole = np.where(self.field(a.main) > 0, right, left)
        whole[self.field(a.caudate) < 0] = 1
        return whole


def _liver_box(
    anatomy: Anatomy, geometry: Geometry, motion: tuple[Vector, Vector]
) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    points = _Coarse.of(anatomy).points @ motion[0].T + motion[1]
    index = (points - geometry.affine[:3, 3]) / np.diag(geometry.affine)[:3]
    low = np.maximum(np.floor(index.min(axis=0) - 6 / np.array(geometry.spacing_mm)), 0).astype(int)
    high = np.minimum(np.ceil(index.max(axis=0) + 6 / np.array(geometry.spacing_mm)), geometry.shape).astype(int)
    (a, b, c), (d, e, f) = low, high - low
    return (int(a), int(b), int(c)), (int(d), int(e), int(f))


def _largest(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    import cc3d

    labels = cc3d.connected_components(mask, connectivity=6)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return labels == int(sizes.argmax())


def _whole(geometry: Geometry, box: tuple[slice, ...], part: NDArray[np.bool_]) -> NDArray[np.bool_]:
    whole = np.zeros(geometry.shape, dtype=np.bool_, order="F")
    whole[box] = part
    return whole


def _fill(tissue: ct.Tissues, geometry: Geometry, centre: Vector, radii: Vector, kind: int) -> None:
    start, shape = _around(geometry, centre - radii, centre + radii)
    box = tuple(slice(s, s + n) for s, n in zip(start, shape, strict=True))
    p = _points(geometry, start, shape)
    inside = np.broadcast_to(ellipsoid(p, tuple(centre), tuple(radii)), shape) < 0  # pyright: ignore[reportArgumentType]
    tissue[box][inside & (tissue[box] != ct.BONE) & (tissue[box] != ct.AIR)] = kind


def _fill_tube(
    tissue: ct.Tissues, geometry: Geometry, path: tuple[tuple[float, float, float], ...], radius: float, kind: int
) -> None:
    ends = np.array(path)
    start, shape = _around(geometry, ends.min(axis=0) - radius, ends.max(axis=0) + radius)
    box = tuple(slice(s, s + n) for s, n in zip(start, shape, strict=True))
    inside = np.broadcast_to(tube(_points(geometry, start, shape), path, radius), shape) < 0
    tissue[box][inside & (tissue[box] != ct.BONE) & (tissue[box] != ct.LIVER)] = kind


def _around(geometry: Geometry, low_mm: Vector, high_mm: Vector) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    step, origin = np.diag(geometry.affine)[:3], geometry.affine[:3, 3]
    low = np.clip(np.floor((low_mm - origin) / step), 0, geometry.shape).astype(int)
    high = np.clip(np.ceil((high_mm - origin) / step) + 1, low, geometry.shape).astype(int)
    (a, b, c), (d, e, f) = low, high - low
    return (int(a), int(b), int(c)), (int(d), int(e), int(f))


def _paint_lesion(
    lesion: Metastasis, number: int, geometry: Geometry, lesions: NDArray[np.uint8], viable: NDArray[np.bool_]
) -> list[ct.Paint]:
    found: list[ct.Paint] = []
    for body in lesion.bodies:
        start, shape = _around(geometry, body.centre - body.reach_mm, body.centre + body.reach_mm)
        box = tuple(slice(s, s + n) for s, n in zip(start, shape, strict=True))
        index = np.stack(
            np.meshgrid(*(s + np.arange(n) for s, n in zip(start, shape, strict=True)), indexing="ij"), axis=-1
        )
        points = geometry.lps_mm(index.reshape(-1, 3).astype(np.float64))
        inside = body.inside(points).reshape(shape) & ((lesions[box] == 0) | (lesions[box] == number))
        core = inside & body.inside(points, body.core).reshape(shape) if body.core else np.zeros(shape, np.bool_)
        lesions[box][inside] = number
        viable[box][inside] = True
        viable[box][core] = False
        found.append(ct.Paint(start, inside & ~core, lesion.hu))
        found.append(ct.Paint(start, core, tuple(float(v) for v in ct.HU[ct.NECROSIS])))  # pyright: ignore[reportArgumentType]
    return found


def _landmarks(trees: _Trees, motion: tuple[Vector, Vector]) -> dict[str, list[list[float]]]:
    right, main, left = (branch.path for branch in trees.hepatic[:3])
    points: dict[str, Vector] = {
        "vena_cava": np.array([CAVA_TOP, (-15.5, 29.0, 36.0), (-16.0, 33.0, 0.0), (-17.0, 33.5, -40.0)]),
        "middle_hepatic_vein": main[2 :: max(1, len(main) // 4)],
        "right_hepatic_vein": right[2 :: max(1, len(right) // 4)],
        "umbilical_fissure": np.array([UMBILICAL, *left[len(left) // 2 :: max(1, len(left) // 4)]]),
        "portal_bifurcation": np.array([BIFURCATION]),
        "gallbladder_fossa": np.array([GALLBLADDER]),
        "ligamentum_venosum": np.array(VENOSUM),
    }
    return {
        name: [[round(float(v), 2) for v in point] for point in given @ motion[0].T + motion[1]]
        for name, given in points.items()
    }


def longest_3d_mm(lesion: Metastasis) -> float:
    """The longest diameter of the formula's surface."""
    points = np.concatenate([b.centre + b.surface_mm for b in lesion.bodies])
    return float(pdist(points[ConvexHull(points).vertices]).max())
