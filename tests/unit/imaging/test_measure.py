"""Are lesions counted, kept apart and measured right: analytic shapes, touching and overlapping lesions, other grids, empty masks?"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liverboard.clinical.extent import LiverExtent
from liverboard.errors import MissingData, UnsupportedImage
from liverboard.imaging import Scan, best_slices, guess_roles, masks_of, measure_extent
from liverboard.volume import Geometry, Image, LabelMap, Mask

# Bound on a diameter, as a share of the in-plane voxel: the boundary of a binary mask is known to half a voxel on each side, so one voxel in all.
GRIDS = {"1 mm": (1.0, 1.0, 1.0), "0.8 x 0.8 x 2.2 mm": (0.8, 0.8, 2.2), "0.8 x 0.8 x 5 mm": (0.8, 0.8, 5.0)}


def measured(liver: Mask | None, lesions: list[Mask] | None, **more: Any) -> LiverExtent:
    return measure_extent(Scan(liver, lesions, **more)).extent


def rotation(degrees: float, axis: int) -> np.ndarray[Any, Any]:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    matrix = np.eye(3)
    a, b = (n for n in range(3) if n != axis)
    matrix[a, a] = matrix[b, b] = c
    matrix[a, b], matrix[b, a] = -s, s
    return matrix


def grid(
    spacing: tuple[float, float, float], *, size_mm: float = 90, turn: np.ndarray[Any, Any] | None = None
) -> Geometry:
    shape = tuple(int(size_mm / step) for step in spacing)
    affine = np.eye(4)
    affine[:3, :3] = (np.eye(3) if turn is None else turn) @ np.diag(spacing)
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Geometry(affine, shape)  # pyright: ignore[reportArgumentType]


def ellipsoid(
    geometry: Geometry,
    radii: tuple[float, float, float],
    centre: tuple[float, float, float] = (0, 0, 0),
    name: str = "Tumor 1",
) -> Mask:
    points = geometry.lps_mm(np.argwhere(np.ones(geometry.shape, bool)).astype(float)) - np.array(centre)
    inside = ((points / np.array(radii)) ** 2).sum(axis=1) <= 1
    return Mask(name, inside.reshape(geometry.shape), geometry)


@pytest.mark.parametrize("spacing", GRIDS.values(), ids=GRIDS)
@pytest.mark.parametrize("radii", [(20.0, 20.0, 20.0), (30.0, 18.0, 12.0), (6.0, 6.0, 6.0)])
def test_diameters_and_volumes_of_ellipsoids(
    spacing: tuple[float, float, float], radii: tuple[float, float, float]
) -> None:
    (lesion,) = measured(None, [ellipsoid(grid(spacing), radii)]).lesions
    assert lesion.longest_axial_mm == pytest.approx(2 * radii[0], abs=spacing[0])
    assert lesion.short_axial_mm == pytest.approx(2 * radii[1], abs=spacing[1])
    assert lesion.longest_3d_mm == pytest.approx(2 * max(radii), abs=max(spacing))
    assert lesion.centroid_lps_mm == pytest.approx((0, 0, 0), abs=0.05)
    volume = 4 / 3 * math.pi * math.prod(radii) / 1000
    # A voxel sum is the midpoint rule across the slices: its error goes with (thickness / height) squared; 1 % for the edges in the plane.
    assert lesion.volume_ml == pytest.approx(volume, rel=0.01 + (spacing[2] / (2 * radii[2])) ** 2 / 2)


@pytest.mark.parametrize("degrees", [0, 17, 45, 90, 180])
def test_an_in_plane_rotation_of_the_grid_changes_no_length(degrees: float) -> None:
    geometry = grid((0.8, 0.8, 2.2), turn=rotation(degrees, 2), size_mm=80)
    (lesion,) = measured(None, [ellipsoid(geometry, (26.0, 15.0, 12.0))]).lesions
    assert lesion.longest_axial_mm == pytest.approx(52, abs=0.8)
    assert lesion.short_axial_mm == pytest.approx(30, abs=0.8)
    assert lesion.centroid_lps_mm == pytest.approx((0, 0, 0), abs=0.05)


@settings(max_examples=25, deadline=None)
@given(order=st.permutations(range(3)), flips=st.tuples(st.booleans(), st.booleans(), st.booleans()))
def test_flips_and_swapped_axes_change_nothing(order: list[int], flips: tuple[bool, bool, bool]) -> None:
    mask = ellipsoid(grid((1.0, 1.2, 2.0), size_mm=50), (17.0, 9.0, 8.0), (3, -2, 4))
    array, affine = np.transpose(mask.array, order), mask.geometry.affine[:, [*order, 3]].copy()
    for axis, flip in enumerate(flips):
        if flip:
            array = np.flip(array, axis)
            affine[:3, 3] += affine[:3, axis] * (array.shape[axis] - 1)
            affine[:3, axis] *= -1
    (one,), (other,) = (
        measured(None, [m]).lesions for m in (mask, Mask("Tumor 1", array, Geometry(affine, array.shape)))
    )
    for name in ("volume_ml", "longest_axial_mm", "short_axial_mm", "longest_3d_mm", "centroid_lps_mm"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), abs=1e-6)


def test_the_short_axis_is_a_chord_of_the_lesion_and_not_the_width_of_its_box() -> None:
    geometry = grid((0.5, 0.5, 2.0), size_mm=60)
    points = geometry.lps_mm(np.argwhere(np.ones(geometry.shape, bool)).astype(float))
    x, y, z = points.T
    bar = (abs(x) <= 25) & (abs(y) <= 3) & (abs(z) <= 5)
    bumps = ((abs(x - 15) <= 3) & (y > 0) & (y <= 10) | (abs(x + 15) <= 3) & (y < 0) & (y >= -10)) & (abs(z) <= 5)
    (lesion,) = measured(None, [Mask("T", (bar | bumps).reshape(geometry.shape), geometry)]).lesions
    assert lesion.short_axial_mm is not None
    assert 12 < lesion.short_axial_mm < 16  # a chord is 13 mm and a little more aslant; the box would say 20


def test_touching_lesions_that_were_labelled_apart_stay_apart_and_a_plain_mask_is_split() -> None:
    geometry = grid((1.0, 1.0, 1.0), size_mm=60)
    left, right = (
        ellipsoid(geometry, (10, 10, 10), (-10, 0, 0), "Tumor 1"),
        ellipsoid(geometry, (8, 8, 8), (8, 0, 0), "Tumor 2"),
    )
    assert measured(None, [left, right]).lesion_count == 2
    joined = Mask("mask", left.array | right.array, geometry, named=False)
    assert measured(None, [joined]).lesion_count == 1
    far = ellipsoid(geometry, (8, 8, 8), (18, 0, 0))
    parts = measured(None, [Mask("mask", left.array | far.array, geometry, named=False)])
    assert [lesion.id for lesion in parts.lesions] == ["L1", "L2"]
    assert parts.lesions[0].volume_ml == pytest.approx(left.array.sum() / 1000)


def test_overlap_is_counted_once_in_the_tumour_volume_and_said() -> None:
    geometry = grid((1.0, 1.0, 1.0), size_mm=60)
    one, two = (
        ellipsoid(geometry, (12, 12, 12), (-5, 0, 0), "Tumor 1"),
        ellipsoid(geometry, (12, 12, 12), (5, 0, 0), "Tumor 2"),
    )
    extent = measured(None, [one, two])
    assert extent.tumour_volume_ml == pytest.approx((one.array | two.array).sum() / 1000)
    assert any("overlap" in warning for warning in extent.warnings)


def test_burden_with_lesions_on_another_grid() -> None:
    liver = ellipsoid(grid((2.0, 2.0, 2.0), size_mm=120), (50, 50, 50), name="Liver")
    lesion = ellipsoid(grid((0.9, 0.9, 3.0), size_mm=60), (20, 20, 20))
    extent = measured(liver, [lesion])
    assert extent.burden_percent == pytest.approx(100 * (20 / 50) ** 3, rel=0.02)
    assert extent.warnings == ()


def test_a_liver_mask_that_leaves_the_tumours_out_is_completed_and_said() -> None:
    geometry = grid((1.0, 1.0, 1.0), size_mm=110)
    whole, lesion = ellipsoid(geometry, (50, 50, 50), name="Liver"), ellipsoid(geometry, (20, 20, 20))
    extent = measured(Mask("Liver", whole.array & ~lesion.array, geometry), [lesion])
    assert extent.liver_volume_ml == pytest.approx(whole.array.sum() / 1000)
    assert any("leaves out" in warning for warning in extent.warnings)


def test_nothing_there() -> None:
    geometry = grid((2.0, 2.0, 2.0), size_mm=40)
    empty = Mask("mask", np.zeros(geometry.shape, bool), geometry, named=False)
    liver = ellipsoid(geometry, (15, 15, 15), name="Liver")
    extent = measured(liver, [empty])
    assert (extent.lesion_count, extent.tumour_volume_ml, extent.burden_percent) == (0, 0, 0)
    assert any("lesion mask is empty" in warning for warning in extent.warnings)
    assert measured(liver, None).lesion_count is None
    with pytest.raises(UnsupportedImage, match="empty"):
        measured(empty, None)
    with pytest.raises(MissingData):
        measured(None, None)


def test_a_liver_mask_of_another_or_a_mirrored_image_is_doubted() -> None:
    geometry = grid((2.0, 2.0, 2.0), size_mm=120)
    liver, mirrored = ellipsoid(geometry, (20, 25, 20), (-25, 0, 0)), ellipsoid(geometry, (20, 25, 20), (25, 0, 0))
    image = Image(np.where(liver.array, 60, -900).astype(np.int16), geometry)
    assert measured(liver, None, phases={"portal": image}).warnings == ()
    (said,) = measured(mirrored, None, phases={"portal": image}).warnings
    assert "100 % of the liver mask is fat or air on the portal image" in said


def test_a_single_voxel_is_measured_and_doubted() -> None:
    geometry = grid((1.0, 1.0, 1.0), size_mm=10)
    array = np.zeros(geometry.shape, bool)
    array[4, 4, 4] = True
    extent = measured(None, [Mask("Tumor 1", array, geometry)])
    assert extent.lesions[0].volume_ml == pytest.approx(0.001)
    assert extent.lesions[0].longest_axial_mm == pytest.approx(1.0)
    assert any("too small" in warning for warning in extent.warnings)


def test_a_mask_that_fills_its_box_or_a_label_of_one_voxel_is_measured() -> None:
    geometry = grid((1.0, 1.0, 1.0), size_mm=10)
    array = np.zeros(geometry.shape, np.uint8)
    array[2:7, 2:7, 2:7] = 1
    only = masks_of([LabelMap(array, geometry, {1: "Liver", 2: "gone"})])
    assert [int(mask.array.sum()) for mask in only] == [125, 0]
    array[:] = 0
    array[4, 4, 4] = 3
    assert [int(mask.array.sum()) for mask in masks_of([LabelMap(array, geometry, {3: "L3"})])] == [1]


@pytest.mark.parametrize(
    ("names", "liver", "lesions"),
    [
        (["Liver", "Tumor 1", "Tumor 6", "Normal Tissue"], "Liver", ("Tumor 1", "Tumor 6")),
        (["liver", "lesion_1", "Metastasis-2", "spleen"], "liver", ("lesion_1", "Metastasis-2")),
        (["whole liver", "Perfused tumor", "Tumour"], "whole liver", ("Tumour",)),
        (["Liver", "GTV", "Body"], "Liver", ("GTV",)),
        (["Leber"], None, ()),
    ],
)
def test_roles_by_name(names: list[str], liver: str | None, lesions: tuple[str, ...]) -> None:
    roles = guess_roles(names)
    assert (roles.liver, roles.lesions) == (liver, lesions)


def test_key_slices_show_every_large_lesion_in_radiological_convention() -> None:
    geometry = grid((1.5, 1.5, 3.0), size_mm=160)
    liver = ellipsoid(geometry, (75, 70, 70), name="Liver")
    lesions = [
        ellipsoid(geometry, (14, 10, 10), (40, -20, 30), "Tumor L"),
        ellipsoid(geometry, (9, 9, 9), (-40, 10, -35), "Tumor R"),
    ]
    bright = Image(np.where(lesions[0].array, 100.0, 0.0), geometry)
    slices = best_slices(bright, liver, lesions)
    assert {line.name for part in slices for line in part.lesions} == {"Tumor L", "Tumor R"}
    assert [part.z_lps_mm for part in slices] == sorted((part.z_lps_mm for part in slices), reverse=True)
    first = slices[0]
    rows, columns = np.nonzero(first.pixels > 50)
    assert (
        columns.mean() > first.pixels.shape[1] / 2
    )  # a lesion at the patient's left stands on the right of the picture
    assert rows.mean() < first.pixels.shape[0] / 2  # anterior is on top
    (outline,) = (line for line in first.lesions if line.name == "Tumor L")
    xs, ys = zip(*outline.points_mm, strict=True)
    assert sum(xs) / len(xs) == pytest.approx((columns.mean() + 0.5) * first.spacing_mm[1], abs=1.0)
    assert max(xs) - min(xs) == pytest.approx(28, abs=2.0)
    assert sum(ys) / len(ys) == pytest.approx((rows.mean() + 0.5) * first.spacing_mm[0], abs=1.0)
