"""The shapes of the upper abdomen as smooth functions of a point in LPS mm: the liver, its segments, and what lies around it.

A field is negative inside its organ and grows about as fast as the distance. Points come as three arrays x (left), y (posterior), z (head) of one shape.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]
Point = tuple[float, float, float]
Points = tuple[Field, Field, Field]

CAVA_TOP: Point = (-14.0, 24.0, 74.0)  # where the hepatic veins enter
CAVA_FOOT: Point = (-18.0, 34.0, -128.0)
BIFURCATION: Point = (-16.0, 0.0, 4.0)
GALLBLADDER: Point = (-44.0, -48.0, -42.0)
UMBILICAL: Point = (16.0, -52.0, 4.0)
VENOSUM: tuple[Point, ...] = ((6.0, -6.0, 18.0), (22.0, -2.0, 34.0))
RIGHT_VEIN_END: Point = (-112.0, 12.0, -18.0)


@dataclass(frozen=True, slots=True, eq=False)
class Waves:
    """A smooth random field as a few plane waves. `vectors`: shape (n, 3), radians per mm; `phases`, `weights`: shape (n,)."""

    vectors: NDArray[np.float64]
    phases: NDArray[np.float64]
    weights: NDArray[np.float64]

    @classmethod
    def drawn(cls, random: np.random.Generator, amplitude: float, wavelength_mm: float, count: int = 5) -> Waves:
        """Waves with directions at random, about `amplitude` high."""
        directions = random.normal(size=(count, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        lengths = wavelength_mm * random.uniform(0.7, 1.4, size=(count, 1))
        return cls(
            2 * np.pi * directions / lengths,
            random.uniform(0, 2 * np.pi, count),
            np.full(count, amplitude / np.sqrt(count)),
        )

    def at(self, p: Points) -> Field:
        total = np.zeros(np.broadcast_shapes(*(c.shape for c in p)), dtype=np.float32)
        for (a, b, c), phase, weight in zip(self.vectors, self.phases, self.weights, strict=True):
            total += np.float32(weight) * np.sin(
                np.float32(a) * p[0] + np.float32(b) * p[1] + np.float32(c) * p[2] + np.float32(phase)
            )
        return total


@dataclass(frozen=True, slots=True, eq=False)
class Anatomy:
    """One person: random shape waves, the liver's scale, and the height of each boundary's bumps."""

    shape: tuple[Waves, Waves, Waves]
    bumps: tuple[Waves, Waves, Waves, Waves, Waves]
    bowel: Waves
    scale: float = 1.0

    @classmethod
    def drawn(cls, random: np.random.Generator, scale: float = 1.0) -> Anatomy:
        shape = tuple(Waves.drawn(random, 5.0, 130.0) for _ in range(3))
        bumps = tuple(Waves.drawn(random, 3.5, 120.0) for _ in range(5))
        return cls(shape, bumps, Waves.drawn(random, 1.0, 45.0, 9), scale)  # pyright: ignore[reportArgumentType]

    def liver(self, p: Points) -> Field:
        """The liver without the vena cava and the gallbladder."""
        x, y, z = (c + w.at(p) for c, w in zip(p, self.shape, strict=True))
        s = np.float32(1 / self.scale)
        x, y, z = (x + 20) * s - 20, (y - 10) * s + 10, (z - 30) * s + 30
        right = ellipsoid((x, y, z), (-72, 2, 2), (76, 86, 96))
        left = ellipsoid((x, y, z), (12, -44, 24), (98, 42, 46))
        dorsal = ellipsoid((x, y, z), (6, 14, 22), (32, 26, 40))
        whole = _join(_join(right, left, 24), dorsal, 12)
        # The visceral surface: the stomach, the duodenum and the right kidney press it hollow; the lower edge runs up to the left.
        hollow = _join(
            ellipsoid((x, y, z), (62, 60, -38), (86, 92, 92)), ellipsoid((x, y, z), (10, -20, -110), (110, 120, 82)), 20
        )
        kidney = ellipsoid((x, y, z), (-66, 72, -80), (44, 40, 66))
        whole = -_join(-whole, _join(hollow, kidney, 14), 12)
        fissure = np.maximum(np.abs(x - 13) - 2.2, np.maximum(y + 34 + 0.35 * (z - 10), z - 24))
        venosum = np.maximum(
            np.abs(y + 3 - 0.25 * (x - 10)) - 1.6, np.maximum(np.abs(x - 24) - 14, np.abs(z - 30) - 24)
        )
        hilum = ellipsoid((x, y, z), (-6, 6, -10), (30, 13, 15))
        whole = -_join(-whole, np.minimum(np.minimum(fissure, venosum), hilum), 3)
        inside_ribs = body((p[0], p[1], p[2])) + 24
        whole = np.maximum(whole, inside_ribs)
        return np.maximum(whole, -np.minimum(self.cava(p), self.gallbladder(p))).astype(np.float32)

    def cava(self, p: Points) -> Field:
        return tube(p, (CAVA_FOOT, (-16.0, 33.0, 0.0), CAVA_TOP, (-8.0, 8.0, 104.0)), 10.5)

    def gallbladder(self, p: Points) -> Field:
        return ellipsoid(p, (GALLBLADDER[0], GALLBLADDER[1] + 2, GALLBLADDER[2] - 14), (13, 21, 25))

    def main(self, p: Points) -> Field:
        """Negative in the left hemiliver, positive in the right."""
        return (_plane(p, CAVA_TOP, GALLBLADDER, (-1, 0, 0)) + self.bumps[0].at(p)).astype(np.float32)

    def right(self, p: Points) -> Field:
        """Negative in the right anterior section, positive in the right posterior."""
        return (_plane(p, CAVA_TOP, RIGHT_VEIN_END, (0, 1, 0)) + self.bumps[1].at(p)).astype(np.float32)

    def left(self, p: Points) -> Field:
        """Negative in the left lateral section, positive in the left medial."""
        return (_plane(p, CAVA_TOP, UMBILICAL, (-1, 0, 0)) + self.bumps[2].at(p)).astype(np.float32)

    def transverse(self, p: Points) -> Field:
        """Negative below the portal branches, positive above."""
        # The left branch climbs to the umbilical fissure, so the level is higher there.
        level = BIFURCATION[2] + 16 / (1 + np.exp(-(p[0] - 2) / 8)) - 0.05 * (p[0] - BIFURCATION[0])
        return (p[2] - level + self.bumps[3].at(p)).astype(np.float32)

    def caudate(self, p: Points) -> Field:
        """Negative in segment 1: in front of the vena cava, behind the portal bifurcation and the ligamentum venosum."""
        x, y, z = p
        front = BIFURCATION[1] + 6 - 0.12 * (x - BIFURCATION[0]) + self.bumps[4].at(p) * 0.6 - y
        beside = np.maximum(-(x + 26), x - 34) + 0.5 * self.bumps[4].at(p)
        return np.maximum(np.maximum(front, beside), np.maximum(z - 62, -24 - z)).astype(np.float32)

    def segments(self, p: Points) -> NDArray[np.uint8]:
        upper = self.transverse(p) > 0
        right = np.where(self.right(p) > 0, np.where(upper, 7, 6), np.where(upper, 8, 5))
        left = np.where(self.left(p) > 0, 4, np.where(upper, 2, 3))
        whole = np.where(self.main(p) > 0, right, left)
        return np.where(self.caudate(p) < 0, 1, whole).astype(np.uint8)


def body(p: Points) -> Field:
    """The skin."""
    x, y, z = p
    a, b = 172.0 - 0.04 * np.abs(z), 122.0 - 0.03 * np.abs(z)
    flat = ((np.abs(x) / a) ** 2.4 + (np.abs(y + 4) / b) ** 2.4) ** (1 / 2.4)
    return ((flat - 1) * 122).astype(np.float32)


def ellipsoid(p: Points, centre: Point, radii: Point) -> Field:
    q = np.sqrt(sum(((c - np.float32(o)) / np.float32(r)) ** 2 for c, o, r in zip(p, centre, radii, strict=True)))
    return ((q - 1) * np.float32(min(radii))).astype(np.float32)


def tube(p: Points, path: tuple[Point, ...], radius: float) -> Field:
    """A round tube along a polyline."""
    best: Field | None = None
    for a, b in pairwise(path):
        start, along = np.array(a, np.float32), np.array(b, np.float32) - np.array(a, np.float32)
        d = [c - o for c, o in zip(p, start, strict=True)]
        t = np.clip(sum(v * s for v, s in zip(d, along, strict=True)) / np.float32(along @ along), 0, 1)
        away = np.sqrt(sum((v - t * s) ** 2 for v, s in zip(d, along, strict=True)))
        best = away if best is None else np.minimum(best, away)
    assert best is not None  # noqa: S101  (a path has two points at least)
    return (best - np.float32(radius)).astype(np.float32)


def _plane(p: Points, through: Point, along: Point, toward: Point) -> Field:
    """Distance from the upright plane through two points, positive to the side `toward`."""
    dx, dy = along[0] - through[0], along[1] - through[1]
    normal = np.array([-dy, dx]) / np.hypot(dx, dy)
    normal *= np.sign(normal @ np.array(toward[:2]))
    return ((p[0] - through[0]) * normal[0] + (p[1] - through[1]) * normal[1]).astype(np.float32)


def _join(a: Field, b: Field, width: float) -> Field:
    """Smooth union: the lesser of two fields, rounded over `width` mm where they are alike."""
    h = np.clip(width - np.abs(a - b), 0, None) / np.float32(width)
    return (np.minimum(a, b) - h * h * np.float32(width / 4)).astype(np.float32)
