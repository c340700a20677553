"""Dose-volume histograms of the ten structures of the breast sample, beside dicompyler-core in an environment of its own that is made and thrown away."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

DATA = (
    Path(os.environ.get("LIVERBOARD_TEST_DATA", Path(__file__).parents[1] / "shared" / "data"))
    / "imaging"
    / "dicom_rt_breast"
)
SLICE_MM = 3.0
PINNED = ("dicompyler-core==0.5.6", "pydicom==2.4.5")
# Both read the files anew for each run and are timed without the start of Python; the peer reads them once for all its structures, as we do.
PEER = """
import json, sys, time
from dicompylercore import dicomparser, dvhcalc
def work():
    rtss, dose = dicomparser.DicomParser(sys.argv[1]), dicomparser.DicomParser(sys.argv[2])
    return {number: dvhcalc.get_dvh(rtss.ds, dose.ds, number) for number in range(1, 11)}
work()
times = []
for _ in range(3):
    start = time.perf_counter()
    found = work()
    times.append(time.perf_counter() - start)
print(json.dumps({"seconds": sorted(times)[1], "volumes": {found[n].name: float(found[n].volume) for n in found}}))
"""


def measure() -> tuple[float, float | None, list[tuple[str, float, float]], str]:
    """Our seconds, the peer's or None, the volume errors in percent of structures below 100 mL (name, ours, the peer's), and why there is no peer."""
    from liverboard.board.doses import DoseFiles, measure_doses

    files = DoseFiles(str(DATA / "rtdose.dcm"), str(DATA / "rtss.dcm"))
    found = measure_doses(files).structures
    times: list[float] = []
    for _ in range(7):
        start = time.perf_counter()
        measure_doses(files)
        times.append(time.perf_counter() - start)
    seconds, volumes, why = peer_run()
    errors = [
        (name, 100 * (found[name].volume_ml / exact - 1), 100 * (volumes[name] / exact - 1))
        for name, exact in polygon_volumes_ml().items()
        if exact < 100 and name in volumes
    ]
    return statistics.median(times), seconds, errors, why


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


def peer_run() -> tuple[float | None, dict[str, float], str]:
    """Seconds, volumes in mL, and why there are none."""
    with tempfile.TemporaryDirectory(prefix="dvh-peer-") as folder:
        python = Path(folder) / "bin" / "python"
        try:
            venv.create(folder, with_pip=True)
            subprocess.run(
                [python, "-m", "pip", "install", "--quiet", *PINNED], check=True, capture_output=True, timeout=300
            )
            told = subprocess.run(
                [python, "-W", "ignore", "-c", PEER, DATA / "rtss.dcm", DATA / "rtdose.dcm"],
                check=True, capture_output=True, text=True, timeout=300,
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError) as error:
            return None, {}, f"{' and '.join(PINNED)} could not be installed or run ({type(error).__name__})"
    document = json.loads(told.stdout.splitlines()[-1])
    return float(document["seconds"]), document["volumes"], ""


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
