"""Is the same object read as the same object from every format and orientation, and does every bad file end in words?"""

from __future__ import annotations

import itertools
import os
import random
import shutil
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import nibabel
import nrrd
import numpy as np
import pytest

from liverboard.errors import UnsupportedImage
from liverboard.volume import Geometry, Mask, read_image, read_masks, resample

SPACING = (0.8, 1.1, 2.5)
AFFINE_LPS = np.array([[0.8, 0, 0, -30], [0, 1.1, 0, 12], [0, 0, 2.5, -70], [0, 0, 0, 1.0]])
SAMPLE = Path(str(resources.files("liverboard") / "knowledge" / "samples" / "real-y90"))


def blob() -> np.ndarray[Any, np.dtype[np.uint8]]:
    """An object without any symmetry, so that a flip or a swap of axes cannot hide."""
    array = np.zeros((24, 20, 14), np.uint8)
    array[3:9, 2:17, 4:6] = 1
    array[3:5, 2:6, 4:12] = 1
    array[15, 3, 2] = 1
    return array


def centroid(mask: Mask) -> list[float]:
    return [float(c) for c in mask.geometry.lps_mm(np.argwhere(mask.array).astype(float)).mean(axis=0)]


def expected() -> list[float]:
    index = np.argwhere(blob()).astype(float)
    return [float(c) for c in (index @ AFFINE_LPS[:3, :3].T + AFFINE_LPS[:3, 3]).mean(axis=0)]


def reoriented(order: tuple[int, ...], flips: tuple[bool, ...]) -> tuple[Any, Any]:
    """The same object in other array axes: array and LPS affine."""
    array, affine = np.transpose(blob(), order), AFFINE_LPS[:, [*order, 3]].copy()
    for axis, flip in enumerate(flips):
        if flip:
            array = np.flip(array, axis)
            affine[:3, 3] += affine[:3, axis] * (array.shape[axis] - 1)
            affine[:3, axis] *= -1
    return np.ascontiguousarray(array), affine


ORIENTATIONS = [
    (o, f)
    for o in itertools.permutations(range(3))
    for f in ((False,) * 3, (True, False, False), (True, True, False), (True, True, True))
]


@pytest.mark.parametrize(("order", "flips"), ORIENTATIONS)
def test_nifti_and_nrrd_in_any_orientation_are_the_same_object(
    order: tuple[int, ...], flips: tuple[bool, ...], tmp_path: Path
) -> None:
    array, affine = reoriented(order, flips)
    nibabel.save(nibabel.Nifti1Image(array, np.diag([-1, -1, 1, 1.0]) @ affine), tmp_path / "a.nii.gz")
    for name, sign in (
        ("left-posterior-superior", (1, 1, 1)),
        ("right-anterior-superior", (-1, -1, 1)),
        ("LAS", (1, -1, 1)),
    ):
        header = {
            "space": name,
            "space directions": (affine[:3, :3] * np.array(sign)[:, None]).T,
            "space origin": affine[:3, 3] * sign,
        }
        nrrd.write(str(tmp_path / f"{name}.nrrd"), array, header)
    for file in tmp_path.iterdir():
        (mask,) = read_masks(file)
        assert centroid(mask) == pytest.approx(expected(), abs=1e-4)
        assert mask.array.sum() * mask.geometry.voxel_volume_ml == pytest.approx(blob().sum() * np.prod(SPACING) / 1000)


def seg_nrrd(path: Path, *, list_first: bool = True) -> None:
    one, two = blob(), np.roll(blob(), 2, axis=0)
    data = np.stack([one, two * 3], axis=0 if list_first else -1)
    rows = [AFFINE_LPS[:3, axis] for axis in range(3)]
    none = np.full(3, np.nan)
    header = {
        "space": "left-posterior-superior",
        "space directions": np.array([none, *rows] if list_first else [*rows, none]),
        "space origin": AFFINE_LPS[:3, 3],
        "kinds": ["list", "domain", "domain", "domain"] if list_first else ["domain", "domain", "domain", "list"],
        "Segment0_ID": "a", "Segment0_Name": "Liver", "Segment0_Layer": "0", "Segment0_LabelValue": "1",
        "Segment1_ID": "b", "Segment1_Name": "Tumor 1, left", "Segment1_Layer": "1", "Segment1_LabelValue": "3",
    }  # fmt: skip
    nrrd.write(str(path), data, header)


@pytest.mark.parametrize("list_first", [True, False])
def test_overlapping_segments_of_a_seg_nrrd_keep_their_names_and_overlap(list_first: bool, tmp_path: Path) -> None:
    seg_nrrd(tmp_path / "s.seg.nrrd", list_first=list_first)
    liver, tumour = read_masks(tmp_path / "s.seg.nrrd")
    assert [liver.name, tumour.name] == ["Liver", "Tumor 1, left"]
    assert centroid(liver) == pytest.approx(expected(), abs=1e-6)
    assert np.array_equal(tumour.array, np.roll(blob(), 2, axis=0) == 1)
    assert (liver.array & tumour.array).any()


def test_parts_are_picked_by_name_or_label_and_a_wrong_one_names_what_is_there(tmp_path: Path) -> None:
    assert [m.name for m in read_masks(f"{SAMPLE / 'patient_1_Segmentation.seg.nrrd'}#tumor 2,Liver")] == [
        "Tumor 2",
        "Liver",
    ]
    labels = blob()
    labels[15, 3, 2] = 7
    nibabel.save(nibabel.Nifti1Image(labels, np.eye(4)), tmp_path / "l.nii")
    assert [m.name for m in read_masks(f"{tmp_path / 'l.nii'}#7")] == ["7"]
    with pytest.raises(UnsupportedImage, match="no part 'Livr'") as caught:
        read_masks(f"{SAMPLE / 'patient_1_Segmentation.seg.nrrd'}#Livr")
    assert "Did you mean 'Liver'?" in caught.value.hint
    assert caught.value.exit_code == 11


def test_a_mask_resampled_to_a_flipped_grid_and_back_is_the_same() -> None:
    array, affine = reoriented((2, 0, 1), (True, False, True))
    source, target = Geometry(AFFINE_LPS, (24, 20, 14)), Geometry(affine, array.shape)
    moved = resample(blob().astype(bool), source, target, labels=True)
    assert np.array_equal(moved, array.astype(bool))
    assert np.array_equal(resample(moved, target, source, labels=True), blob().astype(bool))


def bad_files(folder: Path) -> dict[str, Path]:
    """Name of the fault and a file that has it."""
    good = SAMPLE / "patient_1_Segmentation.seg.nrrd"
    made = {
        name: folder / name
        for name in (
            "empty.nrrd",
            "text.nrrd",
            "text.nii.gz",
            "flat.nii",
            "vector.nii",
            "nan.nii",
            "fraction.nii",
            "image.png",
            "time.nii",
        )
    }
    made["empty.nrrd"].write_bytes(b"")
    made["text.nrrd"].write_text("hello")
    made["text.nii.gz"].write_text("hello")
    made["image.png"].write_bytes(b"\x89PNG")
    nibabel.save(nibabel.Nifti1Image(np.ones((8, 8), np.uint8), np.eye(4)), made["flat.nii"])
    nibabel.save(nibabel.Nifti1Image(np.ones((8, 8, 8, 3), np.uint8), np.eye(4)), made["vector.nii"])
    nibabel.save(nibabel.Nifti1Image(np.full((8, 8, 8), np.nan, np.float32), np.eye(4)), made["nan.nii"])
    nibabel.save(nibabel.Nifti1Image(np.full((8, 8, 8), 0.5, np.float32), np.eye(4)), made["fraction.nii"])
    nibabel.save(nibabel.Nifti1Image(np.ones((8, 8, 1), np.uint8), np.eye(4)), made["time.nii"])
    singular = folder / "singular.nrrd"
    nrrd.write(
        str(singular),
        blob(),
        {"space": "LPS", "space directions": np.array([[1, 0, 0], [1, 0, 0], [0, 0, 1.0]]), "space origin": [0, 0, 0]},
    )
    nowhere = folder / "nowhere.nrrd"
    nrrd.write(str(nowhere), blob())
    inches = folder / "inches.nrrd"
    nrrd.write(
        str(inches),
        blob(),
        {"space": "LPS", "space directions": np.eye(3), "space origin": [0, 0, 0], "space units": ["in", "in", "in"]},
    )
    colours = folder / "colours.nii"
    rgb = np.zeros((8, 8, 8), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    nibabel.save(nibabel.Nifti1Image(rgb, np.eye(4)), colours)
    nowhere_at_all = folder / "nan-affine.nii.gz"
    lost = np.eye(4)
    lost[0, 3] = np.nan
    nibabel.save(nibabel.Nifti1Image(blob(), lost), nowhere_at_all)
    zeros = {f"zeros{end}": folder / f"zeros{end}" for end in (".nii.gz", ".nii", ".nrrd", ".seg.nrrd", ".dcm")}
    for path in zeros.values():
        with path.open("wb") as file:
            file.truncate(2 << 30)  # a hole: it takes no room
    segment: dict[str, dict[str, Any]] = {
        "word as label": {"Segment0_LabelValue": "seven"}, "label of nothing": {"Segment0_LabelValue": "0"}, "word as layer": {"Segment0_Layer": "x"},
    }  # fmt: skip
    odd: dict[str, Path] = {}
    placed = {"space": "LPS", "space directions": np.eye(3), "space origin": [0, 0, 0], "Segment0_ID": "a"}
    for name, fields in segment.items():
        odd[name] = folder / f"{name}.seg.nrrd"
        nrrd.write(str(odd[name]), blob(), {**placed, **fields})
    odd["fractions"] = folder / "fractions.seg.nrrd"
    nrrd.write(str(odd["fractions"]), np.full((4, 4, 4), np.nan, np.float32), placed)
    huge = folder / "huge.nrrd"
    text = "NRRD0004\ntype: uchar\ndimension: 3\nspace: LPS\nsizes: 100000 100000 100000\nspace directions: (1,0,0) (0,1,0) (0,0,1)\nencoding: raw\n\n"
    huge.write_bytes(text.encode() + b"\x00" * 10)
    cut = folder / "cut.seg.nrrd"
    cut.write_bytes(good.read_bytes()[:60_000])
    segments = folder / "layer.seg.nrrd"
    header = {
        "space": "LPS",
        "space directions": np.eye(3),
        "space origin": [0, 0, 0],
        "Segment0_ID": "a",
        "Segment0_Layer": "4",
    }
    nrrd.write(str(segments), blob(), header)
    return {
        **made,
        **zeros,
        **odd,
        "colours": colours,
        "nan affine": nowhere_at_all,
        "singular": singular,
        "nowhere": nowhere,
        "inches": inches,
        "huge": huge,
        "cut": cut,
        "layer": segments,
        "folder": folder,
        "gone": folder / "no.nii",
    }


def test_every_bad_file_ends_in_words_that_name_the_file_only(tmp_path: Path) -> None:
    secret = tmp_path / "Doe^Jane"
    secret.mkdir()
    for fault, path in bad_files(secret).items():
        with pytest.raises(UnsupportedImage) as caught:
            read_masks(path)
        assert caught.value.message, fault
        assert caught.value.hint, fault
        assert "Doe" not in str(caught.value), fault


@pytest.mark.parametrize("seed", range(3))
def test_truncated_and_mutated_files_end_in_words_or_in_an_image(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    seg_nrrd(tmp_path / "s.seg.nrrd")
    nibabel.save(nibabel.Nifti1Image(blob(), np.eye(4)), tmp_path / "n.nii.gz")
    nibabel.save(nibabel.Nifti1Image(blob(), np.eye(4)), tmp_path / "n.nii")
    read = refused = 0
    for name in ("s.seg.nrrd", "n.nii.gz", "n.nii"):
        content = (tmp_path / name).read_bytes()
        for number in range(60):
            data = bytearray(content)
            if number % 2:
                del data[rng.randrange(len(data)) :]
            for _ in range(rng.choice((0, 1, 3))):
                if data:
                    data[rng.randrange(min(len(data), 900))] = rng.randrange(256)
            path = tmp_path / f"m{number}-{name}"
            path.write_bytes(bytes(data))
            try:
                read_image(path)
                read_masks(path)
                read += 1
            except UnsupportedImage as error:
                refused += 1
                assert error.message
            path.unlink()
    assert read > 5
    assert refused > 60


READ_ALL = """
import sys
from liverboard.errors import UnsupportedImage
from liverboard.volume import read_image, read_masks
for place in sys.argv[1:]:
    for read in (read_image, read_masks):
        try:
            read(place)
            print("read")
        except UnsupportedImage as error:
            print("refused", str(error).replace(chr(10), " "))
"""


def test_what_may_not_be_read_ends_in_words(tmp_path: Path) -> None:
    home = tmp_path / "Doe^Jane"
    for name in ("closed", "holds/closed", "file"):
        (home / name).mkdir(parents=True)
        (home / name / "0001.dcm").write_bytes(b"\0" * 200)
    places = (home / "closed", home / "closed" / "0001.dcm", home / "holds", home / "file", home / "file" / "0001.dcm")
    shut = (home / "closed", home / "holds" / "closed", home / "file" / "0001.dcm")
    words = [sys.executable, "-c", READ_ALL, *map(str, places)]
    if os.geteuid() == 0:  # root may read everything until it gives that up
        if shutil.which("setpriv") is None:
            pytest.skip("setpriv (Debian: util-linux) is not installed")
        words = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *words]
    for place in shut:
        place.chmod(0)
    try:
        told = subprocess.run(words, capture_output=True, encoding="utf-8", errors="replace", check=True).stdout
    finally:
        for place in shut:
            place.chmod(0o755)
    assert told.count("refused") == 2 * len(places), told
    assert "Doe" not in told
