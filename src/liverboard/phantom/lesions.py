"""Metastases as star-shaped bodies with a smooth surface: volume and lengths are known from the formula, not from voxels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

Vector = NDArray[np.float64]
_DIRECTIONS = 6000


@dataclass(frozen=True, eq=False)
class Body:
    """`centre`: LPS mm. The surface lies at radius `mean_radius_mm` times a smooth function of direction; `core`: share of the radius that is necrotic."""

    centre: Vector
    mean_radius_mm: float
    axes: NDArray[np.float64]
    waves: NDArray[np.float64]
    phases: Vector
    core: float = 0.0

    def radius_mm(self, directions: Vector) -> Vector:
        """Radius along unit vectors, shape (N, 3)."""
        oval = 1 / np.sqrt(np.einsum("ni,ij,nj->n", directions, self.axes, directions))
        lobes = 1 + 0.025 * np.sin(directions @ self.waves.T + self.phases).sum(axis=1)
        return self.mean_radius_mm * oval * lobes

    @cached_property
    def surface_mm(self) -> Vector:
        """Dense points on the surface about the centre, shape (N, 3)."""
        sphere = even_directions(_DIRECTIONS)
        return sphere * self.radius_mm(sphere)[:, None]

    @cached_property
    def reach_mm(self) -> float:
        return float(np.linalg.norm(self.surface_mm, axis=1).max())

    @cached_property
    def volume_ml(self) -> float:
        return float(4 * np.pi / 3 * (np.linalg.norm(self.surface_mm, axis=1) ** 3).mean() / 1000)

    @cached_property
    def longest_3d_mm(self) -> float:
        return float(pdist(self.surface_mm[ConvexHull(self.surface_mm).vertices]).max())

    def axial_mm(self) -> tuple[float, float]:
        """The longest chord of any horizontal section, and the longest one perpendicular to it on that section."""
        best = (0.0, 0.0)
        height = float(np.abs(self.surface_mm[:, 2]).max())
        angles = np.linspace(0, 2 * np.pi, 360, endpoint=False)
        for z in np.linspace(-0.5, 0.5, 21) * height:
            ring = self._section(z, angles)
            gaps = ring[:, None] - ring[None]
            length = np.linalg.norm(gaps, axis=2)
            a, b = np.unravel_index(int(length.argmax()), length.shape)
            if length[a, b] > best[0]:
                along = gaps[a, b] / length[a, b]
                across = np.abs(gaps @ along) < 0.01 * length[a, b]
                best = float(length[a, b]), float(length[across].max())
        return best

    def _section(self, z: float, angles: Vector) -> Vector:
        """Points of the surface at height z over the centre, by bisection along each angle; shape (N, 2)."""
        low, high = np.zeros(len(angles)), np.full(len(angles), 1.2 * self.reach_mm)
        for _ in range(40):
            mid = (low + high) / 2
            points = np.stack([mid * np.cos(angles), mid * np.sin(angles), np.full(len(angles), z)], axis=1)
            length = np.maximum(np.linalg.norm(points, axis=1), 1e-9)
            inside = length <= self.radius_mm(points / length[:, None])
            low, high = np.where(inside, mid, low), np.where(inside, high, mid)
        return np.stack([low * np.cos(angles), low * np.sin(angles)], axis=1)

    def inside(self, points: Vector, share: float = 1.0) -> NDArray[np.bool_]:
        """Whether points, LPS mm, shape (N, 3), lie within `share` of the radius."""
        away = points - self.centre
        length = np.maximum(np.linalg.norm(away, axis=1), 1e-9)
        return length <= share * self.radius_mm(away / length[:, None])

    def grown(self, factor: float, centre: Vector) -> Body:
        """The same shape, its lengths times `factor`, at another place."""
        return replace(self, centre=centre, mean_radius_mm=self.mean_radius_mm * factor)

    def turned(self, rotation: NDArray[np.float64], shift: Vector) -> Body:
        """The body moved by a rigid motion: p to rotation @ p + shift."""
        return replace(
            self,
            centre=rotation @ self.centre + shift,
            axes=rotation @ self.axes @ rotation.T,
            waves=self.waves @ rotation.T,
        )


def drawn_body(random: np.random.Generator, centre: Vector, diameter_mm: float) -> Body:
    """A body of about this diameter: an ellipsoid of random axes and direction with low lobes; one in four larger ones has a necrotic core."""
    turn, _ = np.linalg.qr(random.normal(size=(3, 3)))
    stretch = random.uniform(0.82, 1.2, 3)
    stretch /= np.prod(stretch) ** (1 / 3)
    axes = turn @ np.diag(1 / stretch**2) @ turn.T
    core = float(random.uniform(0.4, 0.65)) if diameter_mm > 22 and random.random() < 0.4 else 0.0
    return Body(
        np.asarray(centre, dtype=np.float64),
        diameter_mm / 2,
        axes,
        random.normal(size=(3, 3)) * 2.2,
        random.uniform(0, 2 * np.pi, 3),
        core,
    )


def even_directions(count: int) -> Vector:
    """Unit vectors spread evenly over the sphere (a Fibonacci lattice)."""
    n = np.arange(count) + 0.5
    z = 1 - 2 * n / count
    turn = np.pi * (1 + 5**0.5) * n
    flat = np.sqrt(1 - z * z)
    return np.stack([flat * np.cos(turn), flat * np.sin(turn), z], axis=1)
