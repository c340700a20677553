"""Vessel trees: hepatic veins on the boundaries between sections, portal branches and bile ducts to the middle of each segment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liverboard.phantom.anatomy import BIFURCATION, CAVA_TOP, GALLBLADDER, RIGHT_VEIN_END, UMBILICAL, Anatomy, Field
from liverboard.volume import Geometry

Vector = NDArray[np.float64]
_np: Any = np  # meshgrid is typed in part


@dataclass(frozen=True, slots=True, eq=False)
class Branch:
    """A tapering tube. `path`: LPS mm, shape (N, 3); radius runs from `start_mm` to `end_mm`."""

    path: Vector
    start_mm: float
    end_mm: float


def hepatic_veins(anatomy: Anatomy, random: np.random.Generator, targets: Sequence[Vector]) -> list[Branch]:
    """The right, middle and left hepatic vein in the surfaces between the sections, with side branches towards `targets`."""
    top = np.array(CAVA_TOP)
    stems: list[Branch] = []
    for boundary, end, radius in (
        (anatomy.right, np.array(RIGHT_VEIN_END) * 0.86 + top * 0.14, 5.0),
        (anatomy.main, np.array(GALLBLADDER) * 0.8 + top * 0.2 + _v(0, 0, 8), 4.6),
        (anatomy.left, np.array([UMBILICAL[0] + 6, UMBILICAL[1] - 4, 22.0]), 4.0),
    ):
        line = _bent(top, end, random, sag=np.array([0.0, -8.0, 12.0]))
        stems.append(Branch(_on(boundary, line), radius, 1.4))
    return [*stems, *_twigs(stems, targets, random, 2.0)]


def portal_veins(
    random: np.random.Generator, segment_targets: dict[int, list[Vector]]
) -> tuple[list[Branch], list[Branch]]:
    """Portal tree and the bile ducts beside its larger branches. `segment_targets`: points within each segment, the first near its middle."""
    fork = np.array(BIFURCATION)
    middle = {n: points[0] for n, points in segment_targets.items() if points}
    right = fork + _v(-26, 2, 2)
    anterior, posterior = right + _v(-12, -10, 2), right + _v(-16, 12, -2)
    left = np.array([4.0, -14.0, 12.0])
    umbilical = np.array([UMBILICAL[0] - 1, -40.0, 18.0])
    large = [
        Branch(_bent(np.array([10.0, 18.0, -62.0]), fork, random), 7.0, 6.5),
        Branch(_bent(fork, right, random), 6.0, 5.0),
        Branch(_bent(right, anterior, random), 4.6, 4.0),
        Branch(_bent(right, posterior, random), 4.6, 4.0),
        Branch(_bent(fork, left, random), 5.2, 4.6),
        Branch(_bent(left, umbilical, random), 4.6, 4.2),
    ]
    roots = {1: fork, 2: umbilical, 3: umbilical, 4: umbilical, 5: anterior, 6: posterior, 7: posterior, 8: anterior}
    stems = {n: Branch(_bent(roots[n], point, random), 3.2, 2.0) for n, point in middle.items()}
    segmental = list(stems.values())
    twigs = [twig for n, stem in stems.items() for twig in _twigs([stem], segment_targets[n][1:], random, 1.7)]
    ducts = [
        Branch(b.path + _v(1.5, -0.75 * b.start_mm - 2.2, 1.0), 0.34 * b.start_mm, 0.34 * b.end_mm)
        for b in (*large[1:], *segmental)
    ]
    ducts.append(Branch(_bent(fork + _v(0, -6, 0), np.array([4.0, 6.0, -60.0]), random) + _v(-4, -4, 0), 2.6, 3.0))
    return [*large, *segmental, *twigs], ducts


def paint(
    branches: Sequence[Branch], geometry: Geometry, start: tuple[int, int, int], shape: tuple[int, int, int]
) -> NDArray[np.bool_]:
    """The tubes on the block of the grid (axis-aligned) that begins at `start`."""
    painted = np.zeros(shape, dtype=np.bool_)
    spacing = np.array(geometry.spacing_mm)
    origin = geometry.affine[:3, 3] + np.diag(geometry.affine)[:3] * start
    step = np.diag(geometry.affine)[:3]
    for branch in branches:
        count = len(branch.path)
        radii = np.linspace(branch.start_mm, branch.end_mm, count)
        for number in range(count - 1):
            a, b, r = branch.path[number], branch.path[number + 1], max(radii[number], radii[number + 1])
            reach = np.maximum(r, 0.6 * spacing)
            ends = (np.stack([np.minimum(a, b) - reach, np.maximum(a, b) + reach]) - origin) / step
            low: Any = np.maximum(np.floor(ends.min(axis=0)), 0).astype(int)
            high: Any = np.minimum(np.ceil(ends.max(axis=0)) + 1, shape).astype(int)
            if np.any(high <= low):
                continue
            box = tuple(slice(int(m), int(n)) for m, n in zip(low, high, strict=True))
            axes: Any = _np.meshgrid(
                *(origin[i] + step[i] * np.arange(low[i], high[i]) for i in range(3)), indexing="ij", sparse=True
            )
            along = b - a
            t = np.clip(sum((axes[i] - a[i]) * along[i] for i in range(3)) / max(float(along @ along), 1e-9), 0, 1)
            away = sum((axes[i] - a[i] - t * along[i]) ** 2 for i in range(3))
            here = radii[number] + (radii[number + 1] - radii[number]) * t
            painted[box] |= away <= here**2
    return painted


def _v(x: float, y: float, z: float) -> Vector:
    return np.array([x, y, z], dtype=np.float64)


def _bent(a: Vector, b: Vector, random: np.random.Generator, sag: Vector | None = None) -> Vector:
    """A smooth line from a to b that leaves the straight one by a random bow."""
    length = float(np.linalg.norm(b - a))
    bow = random.normal(size=3) * 0.06 * length if sag is None else sag
    t = np.linspace(0, 1, max(4, int(length / 5)))[:, None]
    return a * (1 - t) + b * t + 4 * t * (1 - t) * bow


def _on(boundary: Callable[..., Field], line: Vector) -> Vector:
    """The line moved onto the surface where the boundary is zero (a few Newton steps along its gradient), free at its first point."""
    points = line.copy()
    for _ in range(6):
        at = _value(boundary, points)
        gradient = np.stack([(_value(boundary, points + d) - at) / 0.5 for d in np.eye(3) * 0.5], axis=1)
        points -= (at / np.maximum((gradient**2).sum(axis=1), 1e-6))[:, None] * gradient
    points[0] = line[0]
    return points


def _value(boundary: Callable[..., Field], points: Vector) -> Vector:
    return np.asarray(boundary(tuple(points[:, n].astype(np.float32) for n in range(3))), dtype=np.float64)


def _twigs(
    stems: Sequence[Branch], targets: Sequence[Vector], random: np.random.Generator, start_mm: float
) -> list[Branch]:
    """A branch to every target from the nearest point of the stems."""
    points = np.concatenate([stem.path[1:] for stem in stems])
    return [
        Branch(_bent(points[int(np.argmin(np.linalg.norm(points - target, axis=1)))], target, random), start_mm, 0.8)
        for target in targets
    ]
