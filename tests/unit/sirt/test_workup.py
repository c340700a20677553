"""Lung shunt, compartments of the scout, deposition outside the liver and lung mass, on images whose truth is known by construction."""

import math
from typing import Any

import numpy as np
import pytest

from liverboard.errors import BadInput, MissingData
from liverboard.sirt.lung import lung_mass
from liverboard.sirt.workup import (
    PlanarRegion,
    Windows,
    extrahepatic_deposition,
    planar_lung_shunt,
    scout_compartments,
    spect_lung_shunt,
)
from liverboard.volume import Geometry, Image, Mask, Origin


def grid(spacing: float, shape: tuple[int, int, int], flip: tuple[int, ...] = (1, 1, 1)) -> Geometry:
    """A grid over the box from 0 to spacing * shape, with axes that run backwards where `flip` is -1."""
    affine = np.eye(4)
    for axis in range(3):
        affine[axis, axis] = spacing * flip[axis]
        affine[axis, 3] = spacing / 2 if flip[axis] > 0 else spacing * (shape[axis] - 0.5)
    return Geometry(affine, shape)


def box(name: str, of: Geometry, low: tuple[float, ...], high: tuple[float, ...]) -> Mask:
    index = np.argwhere(np.ones(of.shape, dtype=bool)).astype(float)
    at = of.lps_mm(index)
    inside = ((at > np.array(low)) & (at < np.array(high))).all(axis=1)
    return Mask(name, inside.reshape(of.shape), of)


SPECT = grid(4.0, (40, 40, 40))  # 160 mm a side
FINE = grid(2.0, (80, 80, 80), (-1, 1, -1))
LIVER = box("liver", FINE, (20, 20, 20), (100, 100, 80))
TUMOUR = box("T1", FINE, (40, 40, 40), (60, 60, 60))
LUNGS = box("lungs", FINE, (20, 20, 100), (100, 100, 140))


def spect(**concentrations: float) -> Image:
    """Counts a mL in normal liver, tumour and lungs, exact on the grid since borders fall on voxel faces."""
    array = np.zeros(SPECT.shape)
    for low, high, key in (
        ((20, 20, 20), (100, 100, 80), "liver"), ((40, 40, 40), (60, 60, 60), "tumour"), ((20, 20, 100), (100, 100, 140), "lungs"),
    ):  # fmt: skip
        array[box(key, SPECT, low, high).array] = concentrations.get(key, 0.0) * SPECT.voxel_volume_ml
    return Image(array, SPECT)


def test_planar_shunt_is_the_geometric_mean_after_scatter() -> None:
    lungs, liver = PlanarRegion(900, 400, 200, 100), PlanarRegion(10_000, 6_400, 1_000, 800)
    plain = planar_lung_shunt(lungs, liver)
    assert plain.fraction == pytest.approx(600 / (600 + 8000))
    found = planar_lung_shunt(lungs, liver, Windows(28, 14))  # main - scatter * 28 / 14 / 2
    a, b = math.sqrt(700 * 300), math.sqrt(9000 * 5600)
    assert found.fraction == pytest.approx(a / (a + b))
    assert any("planar" in warning for warning in found.warnings)


def test_planar_counts_that_cannot_be_are_refused() -> None:
    good = PlanarRegion(100, 100)
    for bad in (-1.0, math.nan):
        with pytest.raises(BadInput):
            planar_lung_shunt(PlanarRegion(bad, 1), good)
    with pytest.raises(MissingData, match="scatter"):
        planar_lung_shunt(good, good, Windows(28, 14))
    with pytest.raises(BadInput, match="more than its counts"):
        planar_lung_shunt(PlanarRegion(1, 1, 10, 10), PlanarRegion(9, 9, 1, 1), Windows(28, 14))


def test_spect_shunt_and_compartments_on_another_flipped_grid() -> None:
    image = spect(liver=10, tumour=50, lungs=1)
    liver_ml, tumour_ml, lung_ml = 384 - 8, 8, 256
    inside = 10 * liver_ml + 50 * tumour_ml
    shunt = spect_lung_shunt(image, [LUNGS], [LIVER])
    assert shunt.fraction == pytest.approx(lung_ml / (lung_ml + inside))
    assert (shunt.method, shunt.warnings) == ("spect_ct", ())
    scout = scout_compartments(image, [TUMOUR], [LIVER])
    tumour, normal = scout.compartments
    assert scout.tumour_to_normal == pytest.approx(5)
    assert (tumour.volume_ml, normal.volume_ml) == pytest.approx((tumour_ml, liver_ml))
    assert tumour.fraction == pytest.approx(50 * tumour_ml / inside)
    assert tumour.fraction + normal.fraction == pytest.approx(1)
    assert scout.warnings == ()


def test_overlap_is_counted_once_and_told() -> None:
    image = spect(liver=10, tumour=10, lungs=1)
    second = box("T2", FINE, (50, 40, 40), (70, 60, 60))
    scout = scout_compartments(image, [TUMOUR, second], [LIVER])
    assert [each.volume_ml for each in scout.compartments] == pytest.approx([8, 4, 372])
    assert sum(each.counts for each in scout.compartments) == pytest.approx(3840)
    assert any("4.0 mL of T2" in warning for warning in scout.warnings)
    coarse = box("T2", SPECT, (48, 40, 40), (72, 60, 60))  # on a grid of its own
    scout = scout_compartments(image, [TUMOUR, coarse], [LIVER])
    assert sum(each.counts for each in scout.compartments) == pytest.approx(3840)


def test_territories_split_the_normal_liver() -> None:
    right = box("right", FINE, (20, 20, 20), (60, 100, 80))
    left = box("left", FINE, (60, 20, 20), (100, 100, 80))
    scout = scout_compartments(spect(liver=10, tumour=50), [TUMOUR], [right, left])
    assert [each.name for each in scout.compartments] == ["T1", "right", "left"]
    assert [each.volume_ml for each in scout.compartments] == pytest.approx([8, 184, 192])


def test_a_structure_cut_by_the_image_or_beyond_it_is_told() -> None:
    image = spect(liver=10, lungs=1)
    wide = grid(2.0, (80, 80, 120))
    cut = box("lungs", wide, (20, 20, 120), (100, 100, 200))
    assert any("50.0 % of lungs lies outside" in text for text in spect_lung_shunt(image, [cut], [LIVER]).warnings)
    beyond = box("lungs", wide, (20, 20, 170), (100, 100, 200))
    with pytest.raises(BadInput, match="outside the image"):
        spect_lung_shunt(image, [beyond], [LIVER])
    with pytest.raises(BadInput, match="empty"):
        spect_lung_shunt(image, [Mask("lungs", np.zeros(FINE.shape, dtype=bool), FINE)], [LIVER])


def test_images_that_are_no_scout_are_refused_or_told() -> None:
    image = spect(liver=10, lungs=1)
    broken = image.array.copy()
    broken[0, 0, 0] = np.nan
    with pytest.raises(BadInput, match="1 voxels of the image are not numbers"):
        spect_lung_shunt(Image(broken, SPECT), [LUNGS], [LIVER])
    broken[0, 0, 0] = -100
    assert any("negative voxels" in text for text in spect_lung_shunt(Image(broken, SPECT), [LUNGS], [LIVER]).warnings)
    with pytest.raises(BadInput, match="sum to 0"):
        scout_compartments(Image(np.zeros(SPECT.shape), SPECT), [TUMOUR], [LIVER])


def test_uptake_outside_the_liver_is_found_with_its_place() -> None:
    image = spect(liver=10, tumour=50, lungs=1)
    assert extrahepatic_deposition(image, [LIVER, LUNGS]) == ()
    gut = box("gut", SPECT, (120, 120, 40), (140, 140, 60))
    image.array[gut.array] = 40 * SPECT.voxel_volume_ml
    (spot,) = extrahepatic_deposition(image, [LIVER, LUNGS])
    assert spot.centroid_lps_mm == pytest.approx((130, 130, 50))
    assert spot.volume_ml == pytest.approx(8)
    assert spot.share == pytest.approx(320 / (10 * 376 + 50 * 8 + 256 + 320))


def ct(hounsfield: float, unit: str | None = "HU") -> Image:
    return Image(np.full(SPECT.shape, hounsfield), SPECT, Origin(unit=unit))


@pytest.mark.parametrize(("hounsfield", "density"), [(-700.0, 0.3), (-1000.0, 0.0), (-1100.0, 0.0), (0.0, 1.0)])
def test_lung_mass_is_density_times_volume(hounsfield: float, density: float) -> None:
    if density == 0:
        assert lung_mass(ct(hounsfield), LUNGS).mass_kg == 0
        return
    found = lung_mass(ct(hounsfield), LUNGS)
    assert found.volume_ml == pytest.approx(256)
    assert found.mass_kg == pytest.approx(0.256 * density)
    assert found.density_g_ml == pytest.approx(density)


def test_lungs_that_are_cut_or_no_ct_are_told() -> None:
    reaching = box("lungs", FINE, (20, 20, 100), (100, 100, 160))
    assert any("cut" in text for text in lung_mass(ct(-700), reaching).warnings)
    assert any("does not say its unit" in text for text in lung_mass(ct(-700, None), LUNGS).warnings)
    with pytest.raises(BadInput, match="Bq/mL"):
        lung_mass(ct(-700, "Bq/mL"), LUNGS)
    empty: Any = np.zeros(FINE.shape, dtype=bool)
    with pytest.raises(BadInput, match="empty"):
        lung_mass(ct(-700), Mask("lungs", empty, FINE))
