"""Follow-ups with known truth: a liver of ellipsoids that is bent and moved, with lesions that grow, shrink, merge, split, come and go. No patient."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import cc3d
import numpy as np
from scipy.ndimage import affine_transform, gaussian_filter, map_coordinates

from liverboard.volume import Geometry, Mask

# Centres and half axes of the ellipsoids that make the liver, LPS mm.
LIVER = (
    ((-45.0, 0.0, 0.0), (75.0, 78.0, 82.0)),
    ((25.0, -25.0, 22.0), (85.0, 50.0, 48.0)),
    ((-40.0, 15.0, -45.0), (52.0, 48.0, 62.0)),
)
Link = tuple[frozenset[str], frozenset[str]]
# Shares of the fates: stays, goes, comes, grows together with neighbours, shrinks apart from them.
FATES = {
    "plain": (1.0, 0.0, 0.0, 0.0, 0.0),
    "usual": (0.7, 0.1, 0.1, 0.05, 0.05),
    "hard": (0.5, 0.18, 0.18, 0.07, 0.07),
}


@dataclass(frozen=True)
class Body:
    """An ellipsoid, half axes along LPS in mm; None: not there at that time."""

    first: tuple[np.ndarray, np.ndarray] | None
    second: tuple[np.ndarray, np.ndarray] | None


@dataclass(frozen=True)
class FollowUp:
    """`links`: the truth, as sets of names at both times. `centres`: where each baseline centre went, LPS mm at both times."""

    livers: tuple[Mask, Mask]
    lesions: tuple[list[Mask], list[Mask]]
    links: list[Link]
    centres: tuple[np.ndarray, np.ndarray]


class Motion:
    """p to R (p + u(p)) + t, with u a field that is smooth over `smooth` cm and `bend_mm` at its largest."""

    def __init__(self, random: np.random.Generator, bend_mm: float, smooth: float) -> None:
        self.step, self.low = 10.0, -190.0
        n = int(-2 * self.low / self.step) + 1
        field = np.stack([gaussian_filter(random.normal(size=(n, n, n)), smooth) for _ in range(3)], axis=-1)
        middle = field[n // 4 : -n // 4, n // 4 : -n // 4, n // 4 : -n // 4]
        self.field = field * (bend_mm / np.linalg.norm(middle, axis=-1).max())
        axis = random.normal(size=3)
        axis /= np.linalg.norm(axis)
        k = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
        angle = math.radians(random.uniform(0, 12))
        self.turn = np.eye(3) + math.sin(angle) * k + (1 - math.cos(angle)) * k @ k
        self.shift = random.uniform(-25, 25, 3)

    def bend(self, points: np.ndarray) -> np.ndarray:
        index = (points - self.low) / self.step
        return np.stack([map_coordinates(self.field[..., a], index.T, order=1, mode="nearest") for a in range(3)], 1)

    def __call__(self, points: np.ndarray) -> np.ndarray:
        return (points + self.bend(points)) @ self.turn.T + self.shift

    def back(self, points: np.ndarray) -> np.ndarray:
        straight = (points - self.shift) @ self.turn
        found = straight
        for _ in range(12):
            found = straight - self.bend(found)
        return found


def grid(spacing: tuple[float, float, float], flips: tuple[int, int, int] = (1, 1, 1), tilt: float = 0.0) -> Geometry:
    """A grid of 320 mm about the origin; `tilt`: degrees about the head axis."""
    shape = tuple(round(320 / s) for s in spacing)
    c, s = math.cos(math.radians(tilt)), math.sin(math.radians(tilt))
    affine = np.eye(4)
    affine[:3, :3] = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.diag(np.array(spacing) * np.array(flips))
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Geometry(affine, (shape[0], shape[1], shape[2]))


def voxels(geometry: Geometry) -> np.ndarray:
    return geometry.lps_mm(np.stack(np.indices(geometry.shape), axis=-1).reshape(-1, 3).astype(float))


def in_liver(points: np.ndarray, margin_mm: float = 0.0) -> np.ndarray:
    inside = [(((points - np.array(c)) / (np.array(r) - margin_mm)) ** 2).sum(axis=1) <= 1 for c, r in LIVER]
    return np.any(inside, axis=0)


def liver(geometry: Geometry, back: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """The liver on a grid: its level function is taken every few voxels and stretched. `back`: points to where they were at first."""
    ratio = np.maximum(1, np.round(4.5 / np.array(geometry.spacing_mm))).astype(int)
    count = [int(np.ceil((n - 1) / r)) + 1 for n, r in zip(geometry.shape, ratio, strict=True)]
    affine = geometry.affine.copy()
    affine[:3, :3] *= ratio
    points = back(voxels(Geometry(affine, (count[0], count[1], count[2]))))
    level = np.min([np.linalg.norm((points - np.array(c)) / np.array(r), axis=1) for c, r in LIVER], axis=0)
    fine = affine_transform(
        level.reshape(count).astype(np.float32), 1 / ratio, output_shape=geometry.shape, order=1, mode="nearest"
    )
    return fine <= 1


def draw(bodies: list[tuple[np.ndarray, np.ndarray] | None], geometry: Geometry) -> tuple[np.ndarray, dict[int, int]]:
    """Labels of the connected lesions on the grid, and the label that each body went into; bodies too small to be drawn are left out."""
    inverse = np.linalg.inv(geometry.affine)
    drawn = np.zeros(geometry.shape, np.bool_)
    parts: dict[int, tuple[tuple[slice, ...], np.ndarray]] = {}
    for number, body in enumerate(bodies):
        if body is None:
            continue
        centre, radii = body
        middle = inverse[:3, :3] @ centre + inverse[:3, 3]
        reach = radii.max() / np.array(geometry.spacing_mm) + 2
        low = np.maximum(np.floor(middle - reach), 0).astype(int)
        high = np.minimum(np.ceil(middle + reach) + 1, geometry.shape).astype(int)
        if (high <= low).any():
            continue
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        shape = tuple(int(b - a) for a, b in zip(low, high, strict=True))
        points = voxels(geometry.cropped(tuple(int(v) for v in low), shape))  # pyright: ignore[reportArgumentType]
        inside = (((points - centre) / radii) ** 2).sum(axis=1).reshape(shape) <= 1
        if inside.any():
            drawn[box] |= inside
            parts[number] = box, inside
    labels = cc3d.connected_components(drawn, connectivity=26)
    return labels, {number: int(labels[box][inside][0]) for number, (box, inside) in parts.items()}


def follow_up(seed: int, *, hard: bool = False, plain: bool = False) -> FollowUp:
    """One random follow-up. `hard`: many crowded small lesions, half of them with a fate of their own, in a liver that bends much. `plain`: growth only.

    Bodies that touch are one lesion; the truth follows from the bodies.
    """
    random = np.random.default_rng(seed)
    bend_mm = 0.0 if plain else random.uniform(12, 30) if hard else random.uniform(3, 12)
    motion = Motion(random, bend_mm, 3.0 if hard else 4.5)
    count = int(random.choice([20, 40, 60] if hard else [3, 6, 10, 16, 25, 40]))
    bodies = _bodies(random, count, motion, FATES["plain" if plain else "hard" if hard else "usual"], hard)
    spacings = [(1.6, 1.6, float(random.choice([1.6, 2.5, 5.0]))) for _ in range(2)]
    flips = [tuple(int(v) for v in random.choice([-1, 1], 3)) for _ in range(2)]
    grids = [grid(s, f, random.uniform(-8, 8)) for s, f in zip(spacings, flips, strict=True)]  # pyright: ignore[reportArgumentType]
    grids[1] = replace(grids[1], affine=_moved(grids[1].affine, motion.shift))
    masks = tuple(Mask("Liver", liver(g, back), g) for g, back in zip(grids, (lambda p: p, motion.back), strict=True))
    drawn = [draw([b.first for b in bodies], grids[0]), draw([b.second for b in bodies], grids[1])]
    named, names = [list[Mask](), list[Mask]()], [dict[int, str](), dict[int, str]()]
    for when, (labels, _) in enumerate(drawn):
        boxes = cc3d.statistics(labels)["bounding_boxes"]
        order = random.permutation(np.arange(1, len(boxes)))
        for number, label in enumerate(order, 1):
            box = boxes[label]
            start = tuple(int(s.start) for s in box)
            shape = tuple(int(s.stop - s.start) for s in box)
            names[when][int(label)] = f"{'BF'[when]}{number}"
            named[when].append(Mask(names[when][int(label)], labels[box] == label, grids[when].cropped(start, shape)))  # pyright: ignore[reportArgumentType]
    links = _truth(len(bodies), [d[1] for d in drawn], names)
    centres = np.array([b.first[0] for b in bodies if b.first is not None])
    return FollowUp(masks, (named[0], named[1]), links, (centres, motion(centres)))  # pyright: ignore[reportArgumentType]


def _moved(affine: np.ndarray, shift: np.ndarray) -> np.ndarray:
    moved = affine.copy()
    moved[:3, 3] += shift
    return moved


def _bodies(
    random: np.random.Generator, count: int, motion: Motion, fates: tuple[float, ...], crowded: bool
) -> list[Body]:
    """Lesions with their fates; only small ones come and go. `crowded`: half of the lesions lie near another one."""
    found: list[Body] = []
    while len(found) < count:
        centre = random.uniform(-125, 125, 3)
        if crowded and found and random.random() < 0.5:
            near = found[int(random.integers(len(found)))].first
            centre = centre if near is None else near[0] + random.normal(0, 16, 3)
        radius = float(np.clip(random.lognormal(1.8 if crowded else 2.1, 0.5), 3.5, 32))
        if not in_liver(centre[None], min(radius, 20))[0]:
            continue
        if any(b.first and np.linalg.norm(b.first[0] - centre) < b.first[1].max() + radius + 2 for b in found):
            continue
        fate = str(random.choice(["same", "go", "come", "join", "part"], p=fates))
        if fate in {"go", "come"} and radius > 12:
            fate = "same"
        change = random.normal(0.1, 1.0 if crowded else 0.6) / 3
        first = centre, radius * random.uniform(0.85, 1.15, 3)
        second = _later(random, motion, centre, radius * math.exp(change))
        if fate in {"join", "part"}:
            found += _twins(random, motion, centre, radius, fate == "part")
        else:
            found.append(Body(None if fate == "come" else first, None if fate == "go" else second))
    return found


def _later(
    random: np.random.Generator, motion: Motion, centre: np.ndarray, radius: float
) -> tuple[np.ndarray, np.ndarray]:
    return motion((centre + random.normal(0, 0.8, 3))[None])[0], radius * random.uniform(0.85, 1.15, 3)


def _twins(random: np.random.Generator, motion: Motion, centre: np.ndarray, radius: float, part: bool) -> list[Body]:
    """Two or three neighbours, apart when small and one when large."""
    number = 3 if random.random() < 0.2 else 2
    away = random.normal(size=3)
    away /= np.linalg.norm(away)
    small, large = 0.75 * radius, 1.15 * radius
    found = list[Body]()
    for n in range(number):
        place = centre + n * away * (1.8 * radius + 2)
        before, after = (large, small) if part else (small, large)
        found.append(Body((place, np.full(3, before)), _later(random, motion, place, after)))
    return found


def _truth(count: int, labels: list[dict[int, int]], names: list[dict[int, str]]) -> list[Link]:
    """Bodies join the lesions that they lie in; lesions joined by bodies are one link."""
    links: list[tuple[set[str], set[str]]] = []
    for number in range(count):
        here = tuple({names[when][labels[when][number]]} if number in labels[when] else set() for when in (0, 1))
        touching = [link for link in links if link[0] & here[0] or link[1] & here[1]]
        joined = (
            set[str]().union(here[0], *(t[0] for t in touching)),
            set[str]().union(here[1], *(t[1] for t in touching)),
        )
        links = [link for link in links if link not in touching] + ([joined] if joined[0] or joined[1] else [])
    return [(frozenset(a), frozenset(b)) for a, b in links]


def relation(link: Link) -> str:
    before, after = len(link[0]), len(link[1])
    if before == 0 or after == 0:
        return "new" if before == 0 else "vanished"
    if before == 1 and after == 1:
        return "same"
    return "merged" if after == 1 else "split" if before == 1 else "several to several"
