"""Does a writer that is killed leave nothing under the final name?"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

# Killed at the last moment: all is written, and nothing has its name yet.
KILLED = """
import os, signal, sys
from pathlib import Path
import numpy as np
from tests.dicom_samples import WHEN, grid, values
from liverboard.volume import Image, LabelMap
from liverboard.volume.write import write_nifti
from liverboard.volume.write_dicom import Structure, write_ct_series, write_seg
out, what = Path(sys.argv[1]), sys.argv[2]
Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
mask = LabelMap((values() > 0).astype(np.uint8), grid(), {1: "Liver"})
if what == "nifti":
    write_nifti(out / "a.nii.gz", values(), grid())
elif what == "seg":
    write_seg(out / "a.dcm", [Structure(mask, "liver")], when=WHEN)
else:
    write_ct_series(
        Image(values(), grid()), out, study_uid="1.2", series_uid="1.2.3", frame_of_reference_uid="1.2.4",
        series_number=1, description="x", when=WHEN,
    )
"""


@pytest.mark.parametrize("what", ["nifti", "seg", "series"])
def test_a_killed_writer_leaves_nothing_under_a_name(what: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, tmp_path, what],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -9, done.stderr
    left = list(tmp_path.iterdir())
    assert left, "it had begun"
    assert all(file.name.startswith(".") for file in left)
