"""Is the dose-volume histogram right where it can be calculated by hand: spheres in gradients, shells, three voxels, turned grids, wrong input?"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import trimesh
from hypothesis import given
from hypothesis import strategies as st

from liverboard.errors import BadInput
from liverboard.sirt.dose_volume import dose_volume, dose_volumes
from liverboard.volume import Geometry, Image, Origin
from liverboard.volume.raster import fill_contours, fill_surface
from liverboard.volume.structures import Structure

GY = Origin(unit="Gy")


def grid(shape: tuple[int, int, int], spacing: tuple[float, float, float], turn: float = 0.0) -> Geometry:
    """A grid around the origin, turned about z then tilted about x by `turn` degrees."""
    c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    turned = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    affine = np.eye(4)
    affine[:3, :3] = turned * np.array(spacing)
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Geometry(affine, shape)


def centres(geometry: Geometry) -> np.ndarray:
    index = np.stack(np.meshgrid(*(np.arange(n) for n in geometry.shape), indexing="ij"), axis=-1).reshape(-1, 3)
    return geometry.lps_mm(index.astype(np.float64))


def linear_dose(geometry: Geometry) -> Image:
    """50 Gy in the middle, 1 Gy more each mm to the left: exact under linear interpolation."""
    return Image((50 + centres(geometry)[:, 0]).reshape(geometry.shape).astype(np.float32), geometry, GY)


def sphere_mask(geometry: Geometry, radius: float, hole: float = 0.0) -> Structure:
    r = np.linalg.norm(centres(geometry), axis=1)
    return Structure("sphere", ((r <= radius) & (r >= hole)).reshape(geometry.shape), geometry)


def ring(radius: float, z: float, points: int = 720) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, points, endpoint=False)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), np.full(points, z)], axis=1)


def beyond(fraction: float, radius: float) -> float:
    """x of the plane that cuts `fraction` of a sphere's volume off on the far side."""
    xs = np.linspace(-radius, radius, 200_001)
    cap = (2 * radius**3 / 3 - radius**2 * xs + xs**3 / 3) * np.pi / (4 / 3 * np.pi * radius**3)
    return float(np.interp(-fraction, -cap, xs))


@pytest.mark.parametrize("turn", [0.0, 33.0])
@pytest.mark.parametrize("spacing", [(2.0, 2.0, 2.0), (1.5, 2.5, 5.0)])
def test_a_sphere_in_a_linear_gradient_has_the_percentiles_of_its_caps(
    turn: float, spacing: tuple[float, float, float]
) -> None:
    dose = linear_dose(grid((48, 40, 30), spacing, turn))
    ball: Any = trimesh.creation.icosphere(5, radius=15)
    share, where = fill_surface(np.asarray(ball.vertices), np.asarray(ball.faces, dtype=np.int64), 2.0)
    mask = sphere_mask(grid((81, 81, 81), (0.5, 0.5, 0.5)), 15.0)
    # A mask of 0.5 mm voxels blunts the tips of the sphere by a third of a voxel.
    for structure, error in ((Structure("surface", share, where), 0.05), (mask, 0.17)):
        found = dose_volume(structure, dose)
        assert found.volume_ml == pytest.approx(4 / 3 * np.pi * 15**3 / 1000, rel=0.01)
        assert found.mean_gy == pytest.approx(50, abs=0.02)
        for percent in (98, 95, 70, 50, 2):
            assert found.dose_to(percent) == pytest.approx(50 + beyond(percent / 100, 15), abs=error), percent
        assert found.min_gy == pytest.approx(35, abs=0.4)
        assert found.max_gy == pytest.approx(65, abs=0.4)
        assert found.outside_percent == 0


def test_the_structure_grid_decides_and_not_the_dose_grid() -> None:
    """The same mask in the same (linear) dose, sampled at 1 and at 4 mm and turned: the same histogram."""
    structure = sphere_mask(grid((31, 31, 31), (0.7, 0.7, 0.7)), 8.0, hole=4.0)
    results = [
        dose_volume(structure, linear_dose(grid(shape, (step,) * 3, turn)))
        for shape, step, turn in (((40, 40, 40), 1.0, 0.0), ((16, 16, 16), 4.0, 0.0), ((16, 16, 16), 4.0, 20.0))
    ]
    for other in results[1:]:
        assert other.mean_gy == pytest.approx(results[0].mean_gy, abs=0.01)
        for percent in (95, 50, 2):
            assert other.dose_to(percent) == pytest.approx(results[0].dose_to(percent), abs=0.05)


def test_a_shell_does_not_count_its_hole() -> None:
    fine = grid((101, 101, 101), (0.4, 0.4, 0.4))
    r = np.linalg.norm(centres(fine), axis=1).reshape(fine.shape)
    hot_inside = Image(np.where(r < 9, 100.0, 10.0).astype(np.float32), fine, GY)
    found = dose_volume(sphere_mask(fine, 18.0, hole=12.0), hot_inside)
    assert found.max_gy == pytest.approx(10)
    assert found.mean_gy == pytest.approx(10)
    assert found.volume_ml == pytest.approx(4 / 3 * np.pi * (18**3 - 12**3) / 1000, rel=0.01)


@pytest.mark.parametrize("voxels", [1, 3])
def test_a_structure_of_a_few_voxels_is_seen_finer_than_its_voxels(voxels: int) -> None:
    """A bar of voxels along the gradient: the dose is uniform over its length."""
    where = grid((7, 7, 7), (4.0, 4.0, 4.0))
    share = np.zeros(where.shape, dtype=np.bool_)
    first = 3 - voxels // 2
    share[first : first + voxels, 3, 3] = True
    found = dose_volume(Structure("bar", share, where), linear_dose(grid((12, 12, 12), (5.0, 5.0, 5.0))))
    length = 4.0 * voxels
    assert found.volume_ml == pytest.approx(0.064 * voxels)
    assert found.mean_gy == pytest.approx(50, abs=0.01)
    for percent in (95, 70, 50, 2):
        assert found.dose_to(percent) == pytest.approx(50 + length * (0.5 - percent / 100), abs=0.02 * length)


def test_the_equivalent_uniform_dose_of_two_halves_counts_the_cold_one() -> None:
    where = grid((20, 4, 4), (1.0, 1.0, 1.0))
    values = np.zeros(where.shape, dtype=np.float32)
    values[10:] = 100.0
    found = dose_volume(Structure("all", np.ones(where.shape, dtype=np.bool_), where), Image(values, where, GY))
    exact = (
        -np.log(0.475 + 0.475 * np.exp(-10) + 0.05 * (1 - np.exp(-10)) / 10) / 0.1
    )  # half a voxel to each side is a ramp
    assert found.equivalent_uniform_dose(0.1) == pytest.approx(exact, rel=2e-3)  # ten points across the ramp
    uniform = dose_volume(
        Structure("all", np.ones(where.shape, dtype=np.bool_), where), Image(values * 0 + 800, where, GY)
    )
    assert uniform.equivalent_uniform_dose(0.5) == pytest.approx(800)
    assert uniform.homogeneity_index == pytest.approx(0, abs=1e-5)


def test_what_lies_beyond_the_dose_is_said_and_not_counted_as_zero() -> None:
    dose = Image(np.full((10, 10, 10), 30.0, dtype=np.float32), grid((10, 10, 10), (2.0, 2.0, 2.0)), GY)
    where = grid((20, 10, 10), (2.0, 2.0, 2.0))
    found = dose_volume(Structure("long", np.ones(where.shape, dtype=np.bool_), where), dose)
    assert found.outside_percent == pytest.approx(50, abs=0.01)
    assert found.mean_gy == pytest.approx(30)
    assert found.volume_ml == pytest.approx(16.0)
    assert "50.0 %" in found.warnings[0]
    away = grid((4, 4, 4), (2.0, 2.0, 2.0))
    away.affine[:3, 3] += 500
    lost = dose_volume(Structure("away", np.ones(away.shape, dtype=np.bool_), away), dose)
    assert lost.mean_gy is None
    assert lost.outside_percent == 100
    assert "outside the dose" in lost.warnings[0]


def test_an_empty_structure_and_one_without_a_number_as_dose_have_no_dose() -> None:
    dose = linear_dose(grid((10, 10, 10), (2.0, 2.0, 2.0)))
    empty = dose_volume(Structure("none", np.zeros((3, 3, 3), dtype=np.bool_), grid((3, 3, 3), (1.0, 1.0, 1.0))), dose)
    assert (empty.volume_ml, empty.mean_gy, empty.dose_to(95)) == (0, None, None)
    assert "empty" in empty.warnings[0]
    dose.array[4, 4, 4] = np.nan
    holed = dose_volume(sphere_mask(grid((30, 30, 30), (0.5, 0.5, 0.5)), 5.0), dose)
    assert holed.outside_percent > 1
    assert "no number" in holed.warnings[0]
    assert np.isfinite(holed.mean_gy or np.nan)


@pytest.mark.parametrize("unit", [None, "Bq/mL", "HU"])
def test_an_image_that_is_no_dose_is_refused(unit: str | None) -> None:
    dose = linear_dose(grid((10, 10, 10), (2.0, 2.0, 2.0)))
    with pytest.raises(BadInput, match="dose is in"):
        dose_volume(sphere_mask(dose.geometry, 5.0), Image(dose.array, dose.geometry, Origin(unit=unit)))


def test_names_that_come_twice_stay_apart() -> None:
    dose = linear_dose(grid((10, 10, 10), (2.0, 2.0, 2.0)))
    one = sphere_mask(dose.geometry, 5.0)
    assert list(dose_volumes([one, one, one], dose)) == ["sphere", "sphere (2)", "sphere (3)"]


@given(
    st.integers(0, 2**32 - 1),
    st.tuples(*(st.floats(0.6, 3.0) for _ in range(3))),
    st.floats(-60, 60),
)
def test_percentiles_fall_and_lie_between_the_extremes(
    seed: int, spacing: tuple[float, float, float], turn: float
) -> None:
    rng = np.random.default_rng(seed)
    where = grid((9, 8, 7), spacing, turn)
    structure = Structure("random", rng.random(where.shape) < 0.2, where)
    if not structure.share.any():
        return
    around = grid((16, 16, 16), (3.0, 3.0, 3.0))
    dose = Image(rng.random(around.shape).astype(np.float32) * 80, around, GY)
    found = dose_volume(structure, dose)
    doses = [found.min_gy, *(found.dose_to(x) for x in (98, 95, 70, 50, 2)), found.max_gy]
    assert all(a <= b + 1e-3 for a, b in pairwise(doses)), doses  # type: ignore[operator]
    assert found.volume_ml == pytest.approx(np.count_nonzero(structure.share) * where.voxel_volume_ml)
    assert found.bins_ml.sum() == pytest.approx(found.volume_ml)
    assert found.volume_at(found.dose_to(70) or 0) == pytest.approx(70, abs=0.1)


@given(st.floats(-80, 80), st.floats(2, 40), st.floats(0.1, 0.9))
def test_contours_keep_the_volume_of_rings_however_they_are_turned(turn: float, radius: float, hole: float) -> None:
    basis = grid((2, 2, 2), (1.0, 1.0, 1.0), turn).affine[:3, :3]
    lines = [ring(r, z) @ basis.T for z in np.arange(-6, 7, 2.0) for r in (radius, hole * radius)]
    share, geometry = fill_contours(lines, 2.0, 2.0)
    volume = float(share.sum(dtype=np.float64)) * geometry.voxel_volume_ml
    assert volume == pytest.approx(np.pi * radius**2 * (1 - hole**2) * 14 / 1000, rel=2e-3)
    middle = (geometry.lps_mm(np.argwhere(share > 0).astype(np.float64)) * share[share > 0][:, None]).sum(
        0
    ) / share.sum()
    assert np.allclose(middle, 0, atol=0.02 * radius + 0.01)
