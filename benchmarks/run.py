"""Start-up, facts a second and dossier time. Where a peer exists it runs beside us and the ratio is printed; these are no pass/fail tests."""

from __future__ import annotations

import datetime as dt
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import resources
from pathlib import Path

SAMPLES = Path(str(resources.files("liverboard") / "knowledge" / "samples"))


def median_seconds(work: Callable[[], object], runs: int = 5) -> float:
    work()
    times: list[float] = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def command(*words: str) -> Callable[[], object]:
    return lambda: subprocess.run(words, check=True, capture_output=True)


def row(what: str, ours: str, peer: str = "no peer", ratio: str = "") -> None:
    print(f"{what:<46} {ours:>16} {peer:>30} {ratio:>10}")


def start_up() -> None:
    ours = median_seconds(command(sys.executable, "-m", "liverboard", "--help"))
    bare = median_seconds(
        command(sys.executable, "-c", "import typer; a = typer.Typer(); a.command()(lambda: None); a()", "--help")
    )
    row("liverboard --help (bound 0.4 s)", f"{ours:.3f} s", f"empty typer app {bare:.3f} s", f"{ours / bare:.2f}x")


def facts() -> None:
    from liverboard.clinical.case_file import read_case
    from liverboard.clinical.facts import facts_of

    text = (SAMPLES / "real-y90" / "case.yaml").read_text(encoding="utf-8")
    case = read_case(text)
    cases = [case.model_copy(update={"case": f"BENCH-{number}"}) for number in range(10_000)]
    start = time.perf_counter()
    for one in cases:
        facts_of(one, dt.date(2024, 5, 15))
    seconds = time.perf_counter() - start
    row("facts of 10,000 cases (18 events each)", f"{len(cases) / seconds:,.0f} /s")
    import yaml

    ours = median_seconds(lambda: read_case(text))
    peer = median_seconds(lambda: yaml.safe_load(text))
    row(
        "reading a case file (checked, with lines)",
        f"{ours * 1e3:.1f} ms",
        f"yaml.safe_load {peer * 1e3:.1f} ms",
        f"{ours / peer:.2f}x",
    )


def extent() -> None:
    import SimpleITK as sitk  # noqa: N813

    from liverboard.board.measure import measure_files
    from liverboard.board.scan_files import ScanFiles

    path = str(SAMPLES / "real-y90" / "patient_1_Segmentation.seg.nrrd")

    def peer() -> None:
        image = sitk.ReadImage(path)
        liver, tumours = (sitk.VectorIndexSelectionCast(image, channel) for channel in (0, 1))
        volume = sitk.LabelShapeStatisticsImageFilter()
        volume.Execute(liver)
        shape = sitk.LabelShapeStatisticsImageFilter()
        shape.ComputeFeretDiameterOn()
        shape.Execute(sitk.ChangeLabel(tumours, {7: 0}))  # the six tumours, as we measure them; 7 is the normal tissue

    ours = median_seconds(lambda: measure_files(ScanFiles(liver=path))[1].extent, 3)
    theirs = median_seconds(peer, 1)
    row(
        "extent of the bundled case, 6 lesions",
        f"{ours:.2f} s",
        f"SimpleITK with Feret {theirs:.2f} s",
        f"{ours / theirs:.3f}x",
    )


def dossier() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for sample in ("real-y90", "typed-in"):
            ours = median_seconds(
                command(sys.executable, "-m", "liverboard", "board", "--sample", sample, "-o", folder), 3
            )
            row(f"whole dossier, {sample} (json, html, pdf)", f"{ours:.2f} s")


if __name__ == "__main__":
    row("what", "liverboard", "peer", "ours/peer")
    for work in (start_up, facts, extent, dossier):
        work()
