"""Dose-volume histograms of the ten structures of the breast sample, beside dicompyler-core in an environment of its own that is made and thrown away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from pathlib import Path

DATA = (
    Path(os.environ.get("LIVERBOARD_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
    / "imaging"
    / "dicom_rt_breast"
)
SLICE_MM = 3.0
PINNED = ("dicompyler-core==0.5.6", "pydicom==2.4.5")
ROUNDS = 5
# Both read the files anew for each run and are timed without the start of Python; the peer reads them once for all its structures, as we do. A run of ours and one
# of the peer take turns, so that whatever else the machine does meets both; the least time of each counts.
PEER = """
import json, sys, time
from dicompylercore import dicomparser, dvhcalc
def work():
    rtss, dose = dicomparser.DicomParser(sys.argv[1]), dicomparser.DicomParser(sys.argv[2])
    return {number: dvhcalc.get_dvh(rtss.ds, dose.ds, number) for number in range(1, 11)}
found = work()
print(json.dumps({found[n].name: float(found[n].volume) for n in found}), flush=True)
for _ in sys.stdin:
    start = time.perf_counter()
    work()
    print(time.perf_counter() - start, flush=True)
"""


def measure() -> tuple[float, float | None, list[tuple[str, float, float]], str]:
    """Our seconds, the peer's or None, the volume errors in percent of structures below 100 mL (name, ours, the peer's), and why there is no peer."""
    from liverboard.board.doses import DoseFiles, measure_doses

    files = DoseFiles(str(DATA / "rtdose.dcm"), str(DATA / "rtss.dcm"))
    found = measure_doses(files).structures

    def timed() -> float:
        start = time.perf_counter()
        measure_doses(files)
        return time.perf_counter() - start

    ours, theirs, volumes, why = beside_peer(timed)
    errors = [
        (name, 100 * (found[name].volume_ml / exact - 1), 100 * (volumes[name] / exact - 1))
        for name, exact in polygon_volumes_ml().items()
        if exact < 100 and name in volumes
    ]
    return ours, theirs, errors, why


def polygon_volumes_ml() -> dict[str, float]:
    """The areas of the contours (shoelace) times the slice distance, for structures of one contour a slice: what both volumes should be."""
    import numpy as np

    from liverboard.volume.rtstruct import read_contours

    found: dict[str, float] = {}
    for each in read_contours(DATA / "rtss.dcm"):
        heights = [round(float(line[:, 2].mean()), 1) for line in each.lines]
        if heights and len(set(heights)) == len(heights):
            areas = [
                abs(float((line[:, 0] * np.roll(line[:, 1], -1) - line[:, 1] * np.roll(line[:, 0], -1)).sum())) / 2
                for line in each.lines
            ]
            found[each.name] = sum(areas) * SLICE_MM / 1000
    return found


def beside_peer(timed: Callable[[], float]) -> tuple[float, float | None, dict[str, float], str]:
    """The least seconds of ours and of the peer, its volumes in mL, and why there are none."""
    with tempfile.TemporaryDirectory(prefix="dvh-peer-") as folder:
        python = Path(folder) / "bin" / "python"
        try:
            venv.create(folder, with_pip=True)
            subprocess.run(
                [python, "-m", "pip", "install", "--quiet", *PINNED], check=True, capture_output=True, timeout=300
            )
            with subprocess.Popen(
                [python, "-W", "ignore", "-c", PEER, DATA / "rtss.dcm", DATA / "rtdose.dcm"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            ) as peer:  # fmt: skip
                assert peer.stdin is not None
                assert peer.stdout is not None
                volumes = json.loads(peer.stdout.readline())
                ours, theirs = [], []
                for _ in range(ROUNDS):
                    ours += [timed(), timed()]
                    print("again", file=peer.stdin, flush=True)
                    theirs.append(float(peer.stdout.readline()))
                peer.stdin.close()
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            why = f"{' and '.join(PINNED)} could not be installed or run ({type(error).__name__})"
            return min(timed() for _ in range(ROUNDS)), None, {}, why
    return min(ours), min(theirs), volumes, ""


if __name__ == "__main__":
    if not DATA.is_dir():
        sys.exit(f"no breast sample at {DATA} (set LIVERBOARD_TEST_DATA)")
    ours, theirs, errors, why = measure()
    print(
        f"DVH of ten structures, files to metrics: {ours:.3f} s; "
        + (f"dicompyler-core {theirs:.2f} s, {theirs / ours:.1f}x" if theirs else why)
    )
    for name, error, other in errors:
        print(f"  volume of {name} against its polygons: ours {error:+.2f} %, dicompyler-core {other:+.2f} %")
