"""Does every damaged, foreign or absurd file end in words (UnsupportedImage, exit 11), whatever it was?"""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from tests.dicom_samples import SHAPE, ct, edit, multi_frame, structure_set, tomogram, values
from tests.unit.volume.test_dicom_seg import circle, seg

from liverboard.cli import main
from liverboard.errors import UnsupportedImage
from liverboard.volume import Geometry, read_image, read_label_maps

TARGET = Geometry(np.diag([1.0, 1.0, 1.0, 1.0]), (40, 40, 30))
KINDS = ("ct", "multi", "tomogram", "binary", "fractional", "labelmap", "rtstruct")


def sample(kind: str, folder: Path) -> tuple[Path, Path]:
    """What to read, and the file in it to damage."""
    folder.mkdir()
    if kind == "ct":
        return folder / "ct", ct(folder / "ct")[5]
    if kind == "multi":
        made = multi_frame(folder / "multi.dcm")
    elif kind == "tomogram":
        made = tomogram(folder / "spect.dcm")
    elif kind == "rtstruct":
        made = structure_set(folder / "rt.dcm", {"Liver": [circle((20, 20), 9, float(z)) for z in range(5, 12)]})
    else:
        made = seg(folder, kind.upper(), names=("one", "far"))
    return made, made


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_dicom_ends_in_words_or_in_a_result(kind: str, tmp_path: Path) -> None:
    rng = random.Random(kind)
    place, victim = sample(kind, tmp_path / "s")
    content = victim.read_bytes()
    refused = 0
    for number in range(80):
        data = bytearray(content)
        if number % 3 == 0:
            del data[rng.randrange(len(data)) :]
        for _ in range(rng.choice((1, 3, 12))):
            if data:
                data[rng.randrange(min(len(data), 4000))] = rng.randrange(256)
        victim.write_bytes(bytes(data))
        for read in (read_image, lambda source: read_label_maps(source, TARGET)):
            try:
                read(place)
            except UnsupportedImage as error:
                refused += 1
                assert error.message
                assert error.hint
                assert "DOE" not in str(error)
    assert refused > 20


def absurd(folder: Path) -> dict[str, list[str]]:
    """Options of `extent` that must end with exit 11."""
    folder.mkdir()
    nib: Any = nibabel
    real = values().astype(np.float32)
    real[3, 4, 5] = np.nan
    for name, array in (
        ("nan.nii.gz", real), ("flat.nii.gz", np.ones((9, 9), np.uint8)), ("four.nii.gz", np.ones((5, 5, 5, 4), np.uint8)),
        ("empty-liver.nii.gz", np.zeros(SHAPE, np.uint8)), ("hu.nii.gz", values()),
    ):  # fmt: skip
        nib.save(nib.Nifti1Image(array, np.eye(4)), folder / name)
    (folder / "empty.nii.gz").write_bytes(b"")
    (folder / "empty.dcm").write_bytes(b"")
    (folder / "text.dcm").write_text("nothing of the kind")
    (folder / "nothing").mkdir()
    slices = ct(folder / "ct")
    segmentation = seg(folder, "BINARY")
    no_segments = Path(shutil.copy(segmentation, folder / "none.dcm"))

    def bare(_: int, head: Any) -> None:
        head.SegmentSequence = []

    edit([no_segments], bare)
    return {
        "NaN in a mask": ["--liver", f"{folder / 'nan.nii.gz'}"],
        "flat": ["--liver", f"{folder / 'flat.nii.gz'}"],
        "four axes": ["--liver", f"{folder / 'four.nii.gz'}"],
        "an image as mask": ["--liver", f"{folder / 'hu.nii.gz'}"],
        "empty mask": ["--liver", f"{folder / 'empty-liver.nii.gz'}"],
        "empty file": ["--liver", f"{folder / 'empty.nii.gz'}"],
        "empty DICOM": ["--liver", f"{folder / 'empty.dcm'}"],
        "no DICOM": ["--liver", f"{folder / 'text.dcm'}"],
        "empty folder": ["--liver", f"{folder / 'nothing'}"],
        "a CT as mask": ["--liver", f"{folder / 'ct'}"],
        "no segment": ["--liver", f"{no_segments}"],
        "a part that is not there": ["--liver", f"{segmentation}#liver"],
        "gone": ["--liver", f"{folder / 'gone.nii.gz'}"],
        "a mask as image": ["--liver", f"{segmentation}#one", "--image", f"{segmentation}"],
        "one slice as image": ["--liver", f"{segmentation}#one", "--image", f"{slices[0]}"],
    }


def test_what_cannot_be_measured_is_exit_11_in_words(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for what, options in absurd(tmp_path / "DOE^JANE").items():
        monkeypatch.setattr("sys.argv", ["liverboard", "extent", *options, "--json"])
        with pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code
        told = capfd.readouterr()
        assert code == 11, (what, told)
        assert json.loads(told.out)["exit_code"] == 11, what
        assert "DOE" not in told.err + told.out, what
        assert "Traceback" not in told.err, what
