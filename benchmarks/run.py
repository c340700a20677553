"""Start-up, facts a second and dossier time. Where a peer exists it runs beside us and the ratio is printed; these are no pass/fail tests."""

from __future__ import annotations

import datetime as dt
import os
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


def full_phantom() -> None:
    """`extent` on the full phantom (512 x 512 x 320, 70 lesions) beside the usual SimpleITK pipeline; LIVERBOARD_BENCH_PHANTOM names one already made."""
    place = os.environ.get("LIVERBOARD_BENCH_PHANTOM")
    with tempfile.TemporaryDirectory() as folder:
        if place is None:
            place = f"{folder}/phantom"
            command(sys.executable, "-m", "liverboard", "phantom", "-o", place, "--size", "full", "--no-dicom")()
        masks = {
            name: f"{place}/{name}.nii.gz" for name in ("liver", "lesions", "segments", "vessels", "ducts", "arterial")
        }
        words = [sys.executable, "-m", "liverboard", "extent"]
        words += [
            word for name in ("liver", "lesions", "segments", "vessels", "ducts") for word in (f"--{name}", masks[name])
        ]
        words += ["--image", f"arterial={masks['arterial']}"]
        ours, ours_gb = timed([*words, "--json"])
        theirs, theirs_gb = timed(
            [sys.executable, str(Path(__file__).with_name("extent_simpleitk.py")), *masks.values()]
        )
        row(
            "extent --json, full phantom (bounds 8 s, 2.5 GB)",
            f"{ours:.1f} s, {ours_gb:.2f} GB",
            f"SimpleITK {theirs:.1f} s, {theirs_gb:.2f} GB",
            f"1/{theirs / ours:.1f}",
        )
        written, written_gb = timed([*words, "--json", "-o", f"{folder}/out"])
        row("the same with -o: SEG, SR, meshes, pictures (30 s)", f"{written:.1f} s, {written_gb:.2f} GB")
        bound = median_seconds(lambda: unpack([Path(file) for file in masks.values()]), 3)
        row("  bound: unpacking and touching every voxel once", f"{bound:.1f} s", "", f"{ours / bound:.1f}x")


def timed(words: list[str], runs: int = 2) -> tuple[float, float]:
    """Median seconds and the largest memory in GB of a command, in processes of its own; a first run, with files and memory fresh, is not counted."""
    code = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    times: list[float] = []
    memory = 0.0
    for _ in range(runs + 1):
        start = time.perf_counter()
        told = subprocess.run([sys.executable, "-c", code, *words], check=True, capture_output=True, text=True)
        times.append(time.perf_counter() - start)
        memory = max(memory, int(told.stdout) / 2**20)
    return statistics.median(times[1:]), memory


def unpack(files: list[Path]) -> None:
    """Every byte of the files unpacked and read once, in two threads: what any program must do."""
    from concurrent.futures import ThreadPoolExecutor

    import numpy as np
    from isal import igzip

    def touch(file: Path) -> int:
        total = 0
        with igzip.open(file, "rb") as packed:
            while block := packed.read(1 << 17):
                total += int(np.frombuffer(block[: len(block) // 8 * 8], dtype=np.uint64).max(initial=0))
        return total

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(touch, sorted(files, key=lambda f: -f.stat().st_size)))


def dossier() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for sample in ("real-y90", "typed-in"):
            ours = median_seconds(
                command(sys.executable, "-m", "liverboard", "board", "--sample", sample, "-o", folder), 3
            )
            row(f"whole dossier, {sample} (json, html, pdf)", f"{ours:.2f} s")


def options() -> None:
    """One case from its file to verdicts, a million through the audit, and the predicates alone beside cel-python."""
    from cohort import synthetic_cohort
    from rules_cel import evaluate_by_cel

    from liverboard.board.load import open_case
    from liverboard.board.weighed import prepare_options
    from liverboard.options.policy import packaged
    from liverboard.rules.evaluate import evaluate

    ruleset = packaged()

    def one_case() -> None:
        opened = open_case(SAMPLES / "typed-in" / "case.yaml")
        prepare_options(opened.case, folder=opened.folder, as_of=dt.date(2024, 6, 20), ruleset=ruleset)

    seconds = median_seconds(one_case, 15)
    row("one case, file to verdicts (bound 60 ms)", f"{seconds * 1e3:.0f} ms")
    with tempfile.TemporaryDirectory() as folder:
        for ending, cohort in (("parquet", f"{folder}/cohort.parquet"), ("csv", f"{folder}/cohort.csv")):
            made = synthetic_cohort(1_000_000)
            made.write_parquet(cohort) if ending == "parquet" else made.write_csv(cohort)
            del made
            seconds, memory = timed(
                [sys.executable, "-m", "liverboard", "audit", cohort, "-o", f"{folder}/audit.html"], 2
            )
            row(f"audit of 1,000,000, {ending} (20 s, 4 GB)", f"{seconds:.1f} s, {memory:.2f} GB")
    rules = [each for each in ruleset.rules if each.rule.scope == "case"]
    many = synthetic_cohort(1_000_000)
    ours = len(many) / median_seconds(lambda: evaluate(rules, many))
    few = synthetic_cohort(300, seed=2, unknown=0)
    found, seconds = evaluate_by_cel(rules, few)
    same = evaluate(rules, few)
    assert all(same[name].to_list() == truths for name, truths in found.items()), "cel-python finds other truths"
    theirs = len(few) / seconds
    row(
        f"{len(rules)} predicates, patients a second",
        f"{ours:,.0f} /s",
        f"cel-python {theirs:,.0f} /s",
        f"{ours / theirs:,.0f}x",
    )


def survival() -> None:
    from survival import measure

    for what, ours, peer, theirs in measure():
        row(what, f"{ours:.3f} s", f"{peer} {theirs:.2f} s", f"1/{theirs / ours:.1f}")


def synthesis() -> None:
    from synthesis import measure

    for what, ours, peer, theirs in measure():
        if theirs is None:
            row(what, f"{ours:.3f} s", f"{peer} not installed")
        else:
            row(what, f"{ours:.3f} s", f"{peer} {theirs:.2f} s", f"1/{theirs / ours:.0f}")


def sirt() -> None:
    from sirt import measure

    for what, ours, peer, theirs in measure():
        row(what, f"{ours:.3f} s", f"{peer} {theirs:.3f} s", f"1/{theirs / ours:.2f}")
    from dvh import DATA

    patient = DATA.parent / "y90_pet_patient1"
    if not patient.is_dir():
        row("sirt dose of a patient (6 s)", "no sample", "set LIVERBOARD_TEST_DATA")
        return
    with tempfile.TemporaryDirectory() as folder:
        words = ["--activity-map", str(patient / "patient_1_Y90_PET.nrrd")]
        words += ["--structures", str(patient / "patient_1_Segmentation.seg.nrrd"), "--unit", "Bq/mL", "-o", folder]
        row(
            "sirt dose of a patient, with page, maps and pictures (6 s)",
            f"{median_seconds(command(sys.executable, '-m', 'liverboard', 'sirt', 'dose', *words)):.2f} s",
        )


def dose_volume() -> None:
    from dvh import DATA, measure

    if not DATA.is_dir():
        row("DVH of ten structures (10x)", "no sample", "set LIVERBOARD_TEST_DATA")
        return
    ours, theirs, errors, why = measure()
    peer = f"dicompyler-core {theirs:.2f} s" if theirs else why
    row(
        "DVH of ten structures, files to metrics (10x)",
        f"{ours:.3f} s",
        peer,
        f"1/{theirs / ours:.1f}" if theirs else "",
    )
    for name, error, other in errors:
        row(f"  volume of {name}, against its polygons", f"{error:+.2f} %", f"dicompyler-core {other:+.2f} %")


if __name__ == "__main__":
    row("what", "liverboard", "peer", "ours/peer")
    for work in (start_up, facts, options, extent, full_phantom, dossier, survival, synthesis, sirt, dose_volume):
        work()
