"""`liverboard segment` with a stand-in that writes the files that TotalSegmentator 2.18.0 writes: marks, places, and what is said when it is not there."""

from __future__ import annotations

import json
import stat
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.dicom_samples import WHEN, ct, edit, tomogram

from liverboard.board.measure import measure_files
from liverboard.board.scan_files import ScanFiles
from liverboard.board.segment import TASKS, segment_study
from liverboard.errors import MissingData, UnsupportedImage
from liverboard.report.extent_files import write_extent
from liverboard.volume import read_masks

# Written as the program writes: one NIfTI a class in the folder of the task, on the grid of the input.
STAND_IN = """#!{python}
import json, os, sys
from pathlib import Path
import nibabel, numpy as np
if "--version" in sys.argv:
    print("{version}")
    sys.exit()
given = dict(zip(sys.argv[1::2], sys.argv[2::2]))
task, out = given["--task"], Path(given["-o"])
settings = json.loads((Path(os.environ["TOTALSEG_HOME_DIR"]) / "config.json").read_text())
assert settings["send_usage_stats"] is False
image = nibabel.load(given["-i"])
if task == "{fails}":
    print("RuntimeError: out of memory", file=sys.stderr)
    sys.exit(1)
out.mkdir(parents=True)
i, j, k = np.indices(image.shape)
liver = (i > 2) & (i < 21) & (j > 2) & (j < 18) & (k > 1) & (k < 12)
classes = {{
    "total": {{"liver": liver}},
    "liver_segments": {{f"liver_segment_{{n}}": liver & (i // 3 == n - 1) for n in range(1, 9)}},
    "liver_lesions": {{"liver_lesions": ((i // 3 == 2) & (j > 5) & (j < 9) & (k > 4) & (k < 8)) | ((i > 14) & (i < 18) & (j > 5) & (j < 9) & (k > 4) & (k < 8))}},
    "liver_vessels": {{"liver_vessels": liver & (i == 10) & (j == 10), "liver_tumor": liver & (i == 0)}},
}}[task]
assert task != "total" or sys.argv[-2:] == ["--roi_subset", "liver"]
for name, array in classes.items():
    nibabel.save(nibabel.Nifti1Image(array.astype(np.uint8), image.affine), out / f"{{name}}.nii.gz")
"""


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The stand-in on the PATH with weights that only have their names."""
    weights = tmp_path / "weights"
    for number in {n for task in TASKS["CT"] for n in task.weights}:
        (weights / f"Dataset{number:03d}_any").mkdir(parents=True)
    monkeypatch.setenv("TOTALSEG_WEIGHTS_PATH", str(weights))
    return install(tmp_path, monkeypatch)


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, version: str = "2.18.0", fails: str = "") -> Path:
    program = folder / "bin" / "TotalSegmentator"
    program.parent.mkdir(exist_ok=True)
    program.write_text(STAND_IN.format(python=sys.executable, version=version, fails=fails))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(program.parent))
    return program


def test_what_the_engine_draws_is_marked_wherever_it_goes(engine: Path, tmp_path: Path) -> None:
    ct(tmp_path / "ct")
    out = tmp_path / "masks"
    about = segment_study(str(tmp_path / "ct"), out, when=WHEN)
    assert engine.exists()
    assert (about["engine"], about["version"]) == ("TotalSegmentator", "2.18.0")
    assert about["tasks"] == ["total", "liver_segments", "liver_lesions", "liver_vessels"]
    assert json.loads((out / "segmentation.json").read_text()) == about
    assert {f.name for f in out.iterdir()} == {
        "liver.nii.gz", "segments.nii.gz", "lesions.nii.gz", "vessels.nii.gz", "segmentation.dcm", "segmentation.json",
    }  # fmt: skip
    files = ScanFiles(
        liver=f"{out}/liver.nii.gz", lesions=f"{out}/lesions.nii.gz", segments=f"{out}/segments.nii.gz", vessels=f"{out}/vessels.nii.gz",
    )  # fmt: skip
    read, measured = measure_files(files)
    extent = measured.extent
    assert extent.lesion_count == 2
    assert {lesion.machine for lesion in extent.lesions} == {"TotalSegmentator 2.18.0"}
    assert extent.segments_from == "segment map drawn by TotalSegmentator 2.18.0"
    assert sorted(tuple(s.segment for s in lesion.segments) for lesion in extent.lesions) == [(3,), (6,)]
    from_dicom = {mask.name: mask for mask in read_masks(out / "segmentation.dcm")}
    assert {mask.machine for mask in from_dicom.values()} == {"TotalSegmentator 2.18.0"}
    assert int(from_dicom["Liver"].array.sum()) == int(np.count_nonzero(read.scan.liver.array))  # type: ignore[union-attr]
    again = tmp_path / "extent"
    write_extent(again, extent.model_dump(mode="json"), read, measured, when=WHEN, step=lambda text: None)
    assert {mask.machine for mask in read_masks(again / "segmentation.dcm")} == {"TotalSegmentator 2.18.0"}


def test_a_series_is_picked_as_everywhere(engine: Path, tmp_path: Path) -> None:
    ct(tmp_path / "study" / "a", name="one", description="portal venous")
    ct(tmp_path / "study" / "b", name="two", number=2, description="late arterial")
    about = segment_study(f"{tmp_path / 'study'}#arterial", tmp_path / "masks", when=WHEN)
    assert str(about["series_uid"]).startswith("2.25.")
    with pytest.raises(UnsupportedImage, match="2 image series"):
        segment_study(str(tmp_path / "study"), tmp_path / "masks", when=WHEN)
    assert engine.exists()


def test_what_to_install_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ct(tmp_path / "ct")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingData, match="not installed") as caught:
        segment_study(str(tmp_path / "ct"), tmp_path / "masks", when=WHEN)
    assert 'pip install "liverboard[segment]"' in str(caught.value)
    install(tmp_path, monkeypatch, version="2.4.1")
    with pytest.raises(MissingData, match=r"2\.4\.1 is too old"):
        segment_study(str(tmp_path / "ct"), tmp_path / "masks", when=WHEN)
    install(tmp_path, monkeypatch)
    monkeypatch.setenv("TOTALSEG_WEIGHTS_PATH", str(tmp_path / "none"))
    with pytest.raises(MissingData, match="weights of total, liver_segments") as caught:
        segment_study(str(tmp_path / "ct"), tmp_path / "masks", when=WHEN)
    assert "totalseg_download_weights -t liver_segments" in str(caught.value)
    assert not (tmp_path / "masks").exists()


def test_an_engine_that_fails_leaves_nothing_behind(
    engine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ct(tmp_path / "ct")
    install(tmp_path, monkeypatch, fails="liver_lesions")
    with pytest.raises(UnsupportedImage, match="ended with 1 at liver_lesions: RuntimeError: out of memory"):
        segment_study(str(tmp_path / "ct"), tmp_path / "masks", when=WHEN)
    assert list((tmp_path / "masks").iterdir()) == []
    with pytest.raises(UnsupportedImage, match="draws on CT and MR"):
        segment_study(str(tomogram(tmp_path / "spect.dcm")), tmp_path / "masks", when=WHEN)
    assert engine.exists()


def odd(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    """A program that says its version, and then does this."""
    program = folder / "bin" / "TotalSegmentator"
    begin = "import os, sys, time\nif '--version' in sys.argv: print('2.18.0'); sys.exit()\n"
    given = "given = dict(zip(sys.argv[1::2], sys.argv[2::2]))\n"
    program.write_text(f"#!{sys.executable}\n{begin}{given}{body}\n")
    monkeypatch.setenv("PATH", str(program.parent))


MASKS = """
import nibabel, numpy as np
image = nibabel.load(given["-i"])
os.makedirs(given["-o"])
array = np.full(image.shape, {value}, {type})
for name in ["liver", "liver_lesions", "liver_vessels"] + [f"liver_segment_{{n}}" for n in range(1, 9)]:
    nibabel.save(nibabel.Nifti1Image(array, image.affine), given["-o"] + "/" + name + ".nii.gz")
"""


@pytest.mark.parametrize(("body", "told"), [
    ("pass", "did not write liver.nii.gz for total"),
    ("os.makedirs(given['-o']); open(given['-o'] + '/liver.nii.gz', 'wb').write(b'junk')", "liver.nii.gz: the file is damaged"),
    ("os.kill(os.getpid(), 9)", "ended with -9 at total: no message"),
    ("sys.exit('\\x1b[31m' + 'cannot read ' + os.path.realpath(given['-i']))", "ended with 1 at total: [31mcannot read /image.nii.gz"),
    (MASKS.format(value="np.nan", type="np.float32"), "no numbers"),
    ("import subprocess\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\ntime.sleep(60)", "did not end total within"),
])  # fmt: skip
def test_whatever_an_engine_does_ends_in_words_and_leaves_nothing(
    body: str, told: str, engine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "Doe^Jane"
    ct(folder / "ct")
    odd(tmp_path, monkeypatch, body)
    monkeypatch.chdir(folder)  # a relative folder for the output, and the engine names whole paths
    begun = time.monotonic()
    with pytest.raises(UnsupportedImage) as caught:
        segment_study("ct", Path("masks"), when=WHEN, limit_s=3)
    assert told in str(caught.value)
    assert "Doe" not in str(caught.value)
    assert time.monotonic() - begun < 20, "its workers end with it"
    assert list((folder / "masks").iterdir()) == []
    assert engine.exists()


def test_a_tilted_series_is_segmented(engine: Path, tmp_path: Path) -> None:
    def tilt(number: int, head: Any) -> None:
        head.ImagePositionPatient = [-30, 12 + 0.5 * number, -70 + 2.5 * number]

    edit(ct(tmp_path / "ct"), tilt)
    segment_study(str(tmp_path / "ct"), tmp_path / "masks", when=WHEN)
    (liver,) = read_masks(f"{tmp_path / 'masks' / 'segmentation.dcm'}#Liver")
    (same,) = read_masks(tmp_path / "masks" / "liver.nii.gz")
    assert int(liver.array.sum()) == int(same.array.sum())
    assert engine.exists()
