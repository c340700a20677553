"""What a viewer loads lies where the patient is: maps and images read by nibabel, surfaces by trimesh, against where the masks were drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import trimesh

from liverboard.imaging import Scan, measure_extent
from liverboard.report import view_files
from liverboard.report.view_files import write_view
from liverboard.volume import Geometry, Image, Mask

AFFINE = np.array(
    [[1.5, 0, 0, -70.0], [0, 2.0, 0, 20.0], [0, 0, -2.5, 90.0], [0, 0, 0, 1.0]]
)  # LPS mm, slices from head to feet
GRID = Geometry(AFFINE, (80, 60, 40))
RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
nib: Any = nibabel
tri: Any = trimesh


def scan() -> Scan:
    i, j, k = np.indices(GRID.shape)
    liver = ((i - 35) / 20) ** 2 + ((j - 30) / 18) ** 2 + ((k - 20) / 12) ** 2 <= 1
    lesion = ((i - 28) * 1.5) ** 2 + ((j - 26) * 2.0) ** 2 + ((k - 17) * 2.5) ** 2 <= 9**2
    image = Image((i + 100 * j + 10 * k).astype(np.float64) / 8, GRID)
    return Scan(Mask("Liver", liver, GRID), [Mask("L1", lesion, GRID)], phases={"arterial": image})


def test_every_file_stands_at_its_place_in_the_patient(tmp_path: Path) -> None:
    seen = scan()
    view = write_view(tmp_path, seen, measure_extent(seen))
    assert view.files == {each.name for each in tmp_path.iterdir()} and not view.coarser
    centre = (RAS @ AFFINE @ [28, 26, 17, 1])[:3]
    assert view.lesions[0].at_ras_mm == pytest.approx(centre, abs=2.5)
    for name, mask in (("lesions.nii.gz", seen.lesions[0]), ("liver.nii.gz", seen.liver)):  # pyright: ignore[reportOptionalSubscript]
        loaded = nib.load(tmp_path / name)
        drawn = np.argwhere(np.asarray(loaded.dataobj))
        placed = nib.affines.apply_affine(loaded.affine, drawn)
        expected = nib.affines.apply_affine(RAS @ AFFINE, np.argwhere(mask.array))
        assert len(placed) == len(expected) and np.allclose(
            sorted(placed.tolist()), sorted(expected.tolist()), atol=1e-3
        )
    for name, mask in (("lesions.stl", seen.lesions[0]), ("liver.stl", seen.liver)):  # pyright: ignore[reportOptionalSubscript]
        mesh = tri.load(tmp_path / name)
        assert mesh.volume / 1000 == pytest.approx(
            mask.array.sum() * 7.5 / 1000, rel=0.08
        )  # a smoothed surface; outward normals
        middle = nib.affines.apply_affine(RAS @ AFFINE, np.argwhere(mask.array)).mean(axis=0)
        assert mesh.center_mass == pytest.approx(middle, abs=1.0)


def test_an_image_is_cut_to_the_liver_and_thinned_without_moving(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view_files, "MOST_VOXELS", 30_000)
    seen = scan()
    view = write_view(tmp_path, seen, measure_extent(seen))
    loaded = nib.load(tmp_path / view.images[0].file)
    assert view.coarser and np.prod(loaded.shape) <= 30_000
    values = np.asarray(loaded.dataobj)
    for index in ((0, 0, 0), (3, 5, 7), tuple(n - 1 for n in loaded.shape)):
        at_lps = RAS @ loaded.affine @ [*index, 1]
        i, j, k = np.round(np.linalg.solve(AFFINE, at_lps)[:3]).astype(int)
        assert values[index] == pytest.approx((i + 100 * j + 10 * k) / 8)
    liver = nib.affines.apply_affine(np.linalg.inv(loaded.affine) @ RAS @ AFFINE, np.argwhere(seen.liver.array))  # pyright: ignore[reportOptionalMemberAccess]
    assert (liver > -1).all() and (liver < np.array(loaded.shape)).all()


def test_a_scan_without_masks_is_an_image_alone(tmp_path: Path) -> None:
    view = write_view(tmp_path, Scan(phases=scan().phases), None)
    assert [each.role for each in view.images] == ["arterial"] and view.files == {view.images[0].file}


def test_the_window_of_a_hot_lesion_shows_its_shades(tmp_path: Path) -> None:
    """A PET is dark nearly everywhere: a window by all its voxels is white wherever a lesion takes up anything."""
    seen = scan()
    i, j, k = np.indices((200, 150, 100))
    far = Geometry(
        AFFINE + np.array([[0, 0, 0, -90.0], [0, 0, 0, -90.0], [0, 0, 0, 75.0], [0, 0, 0, 0]]), (200, 150, 100)
    )
    away = (i - 88) ** 2 + (j - 71) ** 2 + (k - 47) ** 2
    pet = Image(np.where(away < 40**2, 1e6 * np.exp(-away / 400.0), 0.0), far)
    seen = Scan(seen.liver, seen.lesions, phases={"y90_pet": pet})
    (image,) = write_view(tmp_path, seen, measure_extent(seen)).images
    inverse = np.linalg.inv(far.affine)
    index = np.round(
        np.argwhere(seen.lesions[0].array) @ (inverse @ AFFINE)[:3, :3].T + (inverse @ AFFINE)[:3, 3]
    ).astype(int)
    values = pet.array[tuple(index.T)]
    assert (values >= image.high).mean() < 0.05 and image.high < 1.1 * values.max()
    assert (values >= np.percentile(pet.array, 99.5)).mean() > 0.5  # as it was
