"""NIfTI and NRRD lose what their headers say about a patient and keep voxels and geometry."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path
from typing import Any

import nibabel
import nrrd
import numpy as np
import pytest
from tests.dicom_samples import sample_data

from liverboard.errors import UnsupportedImage
from liverboard.volume import read_image, read_label_maps
from liverboard.volume.clean_volume import clean_volume

AFFINE = np.array([[-0.8, 0, 0, 30], [0, -1.1, 0, 12], [0, 0, 2.5, -70], [0, 0, 0, 1.0]])
SECRET = b"Zwiebelkuchen"


def array() -> Any:
    return np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_nifti(kind: Any, ending: str, order: str, tmp_path: Path) -> None:
    header = kind.header_class(endianness=order)
    image = kind(array(), AFFINE, header)
    for name in ("descrip", "aux_file", "intent_name"):
        image.header[name] = SECRET
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"extension Zwiebelkuchen"))
    source = tmp_path / f"Zwiebelkuchen{ending}"
    nibabel.save(image, source)
    assert SECRET in (gzip.decompress(source.read_bytes()) if ending == ".nii.gz" else source.read_bytes())
    assert clean_volume(source, tmp_path / f"1{ending}") == ()
    raw = (tmp_path / f"1{ending}").read_bytes()
    assert SECRET not in raw and SECRET not in (gzip.decompress(raw) if ending == ".nii.gz" else raw)
    before, after = read_image(source), read_image(tmp_path / f"1{ending}")
    assert np.array_equal(before.array, after.array)
    assert np.array_equal(before.geometry.affine, after.geometry.affine)
    again = nibabel.load(tmp_path / f"1{ending}")
    assert not again.header.extensions and again.get_data_dtype() == image.get_data_dtype()


@pytest.mark.parametrize("encoding", ["raw", "gzip"])
def test_nrrd(encoding: str, tmp_path: Path) -> None:
    source = tmp_path / "Zwiebelkuchen.nrrd"
    fields = {
        "space": "left-posterior-superior", "space directions": np.diag([0.8, 1.1, 2.5]), "space origin": [1.0, 2.0, 3.0], "content": "Zwiebelkuchen CT",
        "encoding": encoding, "Patient": "Zwiebelkuchen", "Segment0_Tags": "Zwiebelkuchen",
    }  # fmt: skip
    nrrd.write(str(source), array(), fields)
    text = source.read_bytes().replace(b"NRRD0005\n", b"NRRD0005\n# drawn for Zwiebelkuchen\n", 1)
    source.write_bytes(text)
    if encoding == "gzip":
        head, _, data = source.read_bytes().partition(b"\n\n")
        assert data[:2] == b"\x1f\x8b"
        source.write_bytes(head + b"\n\n" + data[:3] + b"\x08" + data[4:10] + SECRET + b"\0" + data[10:])
    clean_volume(source, tmp_path / "1.nrrd")
    assert SECRET not in (tmp_path / "1.nrrd").read_bytes()
    before, after = read_image(source), read_image(tmp_path / "1.nrrd")
    assert np.array_equal(before.array, after.array)
    assert np.array_equal(before.geometry.affine, after.geometry.affine)


def test_a_real_segmentation_keeps_its_names(tmp_path: Path) -> None:
    source = (
        Path(__file__).parents[3]
        / "src"
        / "liverboard"
        / "knowledge"
        / "samples"
        / "real-y90"
        / "patient_1_Segmentation.seg.nrrd"
    )
    names = clean_volume(source, tmp_path / "1.seg.nrrd")
    before, after = read_label_maps(source), read_label_maps(tmp_path / "1.seg.nrrd")
    assert len(names) == sum(len(each.names) for each in before) > 1
    for a, b in zip(before, after, strict=True):
        assert a.names == b.names and np.array_equal(a.array, b.array)
        assert np.array_equal(a.geometry.affine, b.geometry.affine)


def test_real_nifti_measures_the_same(tmp_path: Path) -> None:
    source = sample_data() / "dicom" / "totalseg-example" / "example_ct_sm.nii.gz"
    clean_volume(source, tmp_path / "1.nii.gz")
    before, after = read_image(source), read_image(tmp_path / "1.nii.gz")
    assert np.array_equal(before.array, after.array) and np.array_equal(before.geometry.affine, after.geometry.affine)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.nii", b"\x5c\x01\0\0" + b"\0" * 100),
        ("a.nii", b"not nifti at all"),
        ("a.nii.gz", b"not gzip"),
        ("a.nii.gz", gzip.compress(b"\x5c\x01\0\0", mtime=0)[:-6]),
        ("a.nrrd", b"NRRD0004\ntype: short\ndata file: ../../etc/passwd\n\n"),
        ("a.nrrd", b"NRRD0004\nencoding: gzip\n\nplain"),
        ("a.nrrd", b"hello\n\n"),
        ("a.exe", b"MZ"),
    ],
)
def test_what_cannot_be_cleaned_is_refused_and_leaves_nothing(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnsupportedImage):
        clean_volume(tmp_path / name, tmp_path / f"out-{name}")
    assert [each.name for each in tmp_path.iterdir()] == [name]
    shutil.rmtree(tmp_path)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "raw.nrrd", "gzip.nrrd"])
def test_what_hides_behind_the_voxels_stays_behind(name: str, tmp_path: Path) -> None:
    source = tmp_path / name
    if name.endswith("nrrd"):
        nrrd.write(str(source), array(), {"space": "LPS", "space directions": np.eye(3), "encoding": name[:-5]})
    else:
        nibabel.save(nibabel.Nifti1Image(array(), AFFINE), source)
    hidden = b"MZ Zwiebelkuchen.exe" * 50
    if name == "gzip.nrrd":
        head, _, data = source.read_bytes().partition(b"\n\n")
        source.write_bytes(head + b"\n\n" + gzip.compress(gzip.decompress(data) + hidden) + hidden)
    elif name == "a.nii.gz":
        source.write_bytes(gzip.compress(gzip.decompress(source.read_bytes()) + hidden) + hidden)
    else:
        source.write_bytes(source.read_bytes() + hidden)
    clean_volume(source, tmp_path / f"out-{name}")
    raw = (tmp_path / f"out-{name}").read_bytes()
    assert SECRET not in raw and (not name.endswith("gz") or SECRET not in gzip.decompress(raw))
    assert np.array_equal(read_image(tmp_path / f"out-{name}").array, array())


@pytest.mark.parametrize("shape", [(30000, 30000, 30000), (0, 4, 4)])
def test_a_header_that_promises_too_much_is_not_believed(shape: tuple[int, int, int], tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(array(), AFFINE)
    image.header["dim"][1:4], image.header["vox_offset"] = shape, 352
    bomb = image.header.binaryblock + b"\0" * 4 + bytes(20_000_000)
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(bomb))
    with pytest.raises(UnsupportedImage, match="promises"):
        clean_volume(tmp_path / "a.nii.gz", tmp_path / "out.nii.gz")
    assert not (tmp_path / "out.nii.gz").exists()
