"""Liver, segments, lesions and vessels drawn by an installed engine (TotalSegmentator): run on this machine, marked as drawn by a program wherever it shows."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from liverboard import __version__
from liverboard.errors import BadInput, MissingData, UnsupportedImage
from liverboard.imaging.masks import label_maps, seen_on
from liverboard.volume import Geometry, Image, LabelMap, Mask, read_image, read_masks
from liverboard.volume.write import write_nifti
from liverboard.volume.write_dicom import Kind, Structure, write_seg

Step = Callable[[str], None]
PROGRAM = "TotalSegmentator"
LEAST_VERSION = (2, 18)
_INSTALL = 'Install it with  pip install "liverboard[segment]"  (it brings PyTorch), or put the TotalSegmentator command on the PATH.'


@dataclass(frozen=True, slots=True)
class Task:
    """One run of the engine. `weights`: its data sets that must lie on this machine; `download`: what `totalseg_download_weights -t` calls them.

    `keeps`: files that it writes, and the structure each is called here.
    """

    kind: Kind
    name: str
    weights: tuple[int, ...]
    download: tuple[str, ...]
    keeps: Mapping[str, str]
    options: tuple[str, ...] = ()


_SEGMENTS = {f"liver_segment_{n}": f"liver_segment_{n}" for n in range(1, 9)}
# Read in the program's own files, version 2.18.0 (map_tasks_config.py, map_to_binary.py, totalseg_download_weights.py).
TASKS: dict[str, tuple[Task, ...]] = {
    "CT": (
        Task("liver", "total", (291, 297, 298), ("total", "total_fast"), {"liver": "Liver"}, ("--roi_subset", "liver")),
        Task("segment", "liver_segments", (570, 298), ("liver_segments", "total_fast"), _SEGMENTS),
        Task("lesion", "liver_lesions", (591, 297), ("liver_lesions", "total_fast"), {"liver_lesions": "lesions"}),
        Task("vessel", "liver_vessels", (8, 298), ("liver_vessels", "total_fast"), {"liver_vessels": "liver vessels"}),
    ),
    "MR": (
        Task("liver", "total_mr", (850, 852, 853), ("total_mr", "total_fast_mr"), {"liver": "Liver"}, ("--roi_subset", "liver")),
        Task("segment", "liver_segments_mr", (576, 853), ("liver_segments_mr", "total_fast_mr"), _SEGMENTS),
        Task("lesion", "liver_lesions_mr", (589, 852), ("liver_lesions_mr", "total_fast_mr"), {"liver_lesions": "lesions"}),
    ),
}  # fmt: skip
_FILES: dict[Kind, str] = {"liver": "liver", "segment": "segments", "lesion": "lesions", "vessel": "vessels"}


def segment_study(
    source: str,
    out: Path,
    *,
    when: dt.datetime,
    device: str = "cpu",
    limit_s: float = 6 * 3600,
    step: Step = lambda text: None,
) -> dict[str, object]:
    """Draw what the engine can on one series, write masks and `segmentation.json` (engine, version, tasks) into the folder, and return what that holds.

    The engine runs here, with its usage statistics off and only with weights that lie here. Masks: `liver`, `segments` (1 to 8), `lesions` (one label a connected
    lesion) and `vessels` as NIfTI on the image's grid, `segmentation.dcm` beside. `limit_s`: what one task may take. Raises MissingData: engine or weights not installed, and what to install;
    UnsupportedImage: the series, or an engine that failed; BadInput: the place.
    """
    program, version = find_engine()
    step("reading the series")
    image = read_image(source)
    modality = "MR" if image.origin.modality == "MR" else "CT"
    if image.origin.modality not in {None, "CT", "MR"}:
        raise UnsupportedImage(
            f"the engine draws on CT and MR, and the series is {image.origin.modality}", where=Path(source.partition("#")[0]).name, hint="Give a CT or MR series."
        )  # fmt: skip
    tasks = TASKS[modality]
    _check_weights(tasks)
    try:
        out.mkdir(parents=True, exist_ok=True)
        staging = tempfile.TemporaryDirectory(prefix=".segment-", dir=out)
    except OSError as problem:
        raise BadInput(
            f"the folder cannot be made: {problem.strerror or 'error'}",
            where=out.name,
            hint="Choose another output folder.",
        ) from None
    with staging as name:
        folder = Path(name).resolve()  # as the engine names it in its messages
        write_nifti(folder / "image.nii.gz", image.array, image.geometry)
        drawn: dict[Kind, list[Mask]] = {}
        for number, task in enumerate(tasks, 1):
            step(f"{PROGRAM}: {task.name} ({number} of {len(tasks)}); minutes on a machine without GPU")
            _run(program, task, folder, device, limit_s)
            drawn[task.kind] = _found(task, folder, image, f"{PROGRAM} {version}")
        step("writing")
        (folder / "out").mkdir()
        written = _write(folder / "out", drawn, image, when)
        about: dict[str, object] = {
            "engine": PROGRAM,
            "version": version,
            "tasks": [task.name for task in tasks],
            "device": device,
            "machine_made": True,
            "checked_by_a_person": False,
            "series_uid": image.origin.series_uid,
            "software": f"liverboard {__version__}",
            "files": written,
            "empty": [_FILES[kind] for kind, masks in drawn.items() if not any(m.array.any() for m in masks)],
            "notes": list(image.origin.warnings),
        }
        (folder / "out" / "segmentation.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
        try:
            (out / "segmentation.json").unlink(missing_ok=True)  # of an earlier run
            for file in sorted((folder / "out").iterdir(), key=lambda f: f.name == "segmentation.json"):
                file.replace(out / file.name)
        except OSError as problem:
            raise BadInput(
                f"a file cannot be written: {problem.strerror or 'error'}",
                where=out.name,
                hint="Choose another output folder.",
            ) from None
    return about


def find_engine() -> tuple[str, str]:
    """The engine's command and version. Raises MissingData: it is not installed, too old, or does not start, and what to do."""
    beside = Path(sys.executable).with_name(PROGRAM)
    program = str(beside) if beside.is_file() else shutil.which(PROGRAM)
    if program is None:
        raise MissingData(f"{PROGRAM} is not installed", hint=_INSTALL)
    try:
        asked = subprocess.run(
            [program, "--version"],
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=300,
            check=False,
            env=_environment(),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MissingData(f"{PROGRAM} does not start ({type(error).__name__})", hint=_INSTALL) from None
    found = re.search(r"\b(\d+)\.(\d+)(?:\.\d+)*", asked.stdout)
    if asked.returncode or found is None:
        raise MissingData(f"{PROGRAM} does not say its version (exit {asked.returncode})", hint=_INSTALL)
    if (int(found[1]), int(found[2])) < LEAST_VERSION:
        raise MissingData(
            f"{PROGRAM} {found[0]} is too old",
            hint=f"Version {'.'.join(map(str, LEAST_VERSION))} or newer is needed:  pip install --upgrade {PROGRAM}",
        )
    return program, found[0]


def weights_folder() -> Path:
    """Where the engine keeps its weights: TOTALSEG_WEIGHTS_PATH, else under TOTALSEG_HOME_DIR, else under the home folder."""
    if "TOTALSEG_WEIGHTS_PATH" in os.environ:
        return Path(os.environ["TOTALSEG_WEIGHTS_PATH"])
    home = os.environ.get("TOTALSEG_HOME_DIR")
    return (Path(home) if home else Path.home() / ".totalsegmentator") / "nnunet" / "results"


def _check_weights(tasks: Sequence[Task]) -> None:
    folder = weights_folder()
    there = {
        int(m[1]) for f in (folder.iterdir() if folder.is_dir() else ()) if (m := re.match(r"Dataset(\d+)_", f.name))
    }
    lacking = {task.name: task for task in tasks if not there.issuperset(task.weights)}
    if lacking:
        downloads = dict.fromkeys(name for task in lacking.values() for name in task.download)
        raise MissingData(
            f"the weights of {', '.join(lacking)} are not on this machine",
            hint="On a machine with internet run  "
            + ";  ".join(f"totalseg_download_weights -t {name}" for name in downloads)
            + "  and copy ~/.totalsegmentator/nnunet/results here (or name the folder in TOTALSEG_WEIGHTS_PATH).",
        )


def _environment(settings: Path | None = None) -> dict[str, str]:
    """The engine's own settings in a folder of ours: its usage statistics, which it sends over the network, are off."""
    given = {**os.environ, "TOTALSEG_WEIGHTS_PATH": str(weights_folder())}
    if settings is not None:
        given["TOTALSEG_HOME_DIR"] = str(settings)
    return given


def _run(program: str, task: Task, folder: Path, device: str, limit_s: float) -> None:
    settings = folder / "settings"
    settings.mkdir(exist_ok=True)
    (settings / "config.json").write_text(
        json.dumps({"totalseg_id": "liverboard", "send_usage_stats": False, "prediction_counter": 0}), encoding="utf-8"
    )
    words = [
        program,
        "-i",
        str(folder / "image.nii.gz"),
        "-o",
        str(folder / task.name),
        "--task",
        task.name,
        "--device",
        device,
        *task.options,
    ]
    # In a session of its own, so that its worker processes end with it.
    with subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
        env=_environment(settings),
        start_new_session=True,
    ) as running:
        try:
            spoken, complaint = running.communicate(timeout=limit_s)
        except BaseException as problem:
            os.killpg(running.pid, signal.SIGKILL)
            if isinstance(problem, subprocess.TimeoutExpired):
                raise UnsupportedImage(
                    f"{PROGRAM} did not end {task.name} within {limit_s / 3600:.2g} hours",
                    hint="Try a series that is cropped to the abdomen, or a machine with a GPU.",
                ) from None
            raise
    if running.returncode:
        told = (complaint or spoken).replace(str(folder), "").replace(str(folder.parent), "").strip().splitlines()
        last = "".join(c for c in told[-1] if c.isprintable())[:200] if told else "no message"
        raise UnsupportedImage(
            f"{PROGRAM} ended with {running.returncode} at {task.name}: {last}",
            hint="Is there enough memory (16 GB)? Try a series that is cropped to the abdomen.",
        )


def _found(task: Task, folder: Path, image: Image, machine: str) -> list[Mask]:
    """What the engine wrote, on the image's grid. Raises UnsupportedImage: a file that it promised is missing."""
    masks: list[Mask] = []
    for file, name in task.keeps.items():
        path = folder / task.name / f"{file}.nii.gz"
        if not path.is_file():
            held = (
                ", ".join(sorted(f.name for f in (folder / task.name).glob("*.nii.gz"))[:12])
                if (folder / task.name).is_dir()
                else ""
            )
            raise UnsupportedImage(
                f"{PROGRAM} did not write {path.name} for {task.name}", hint=f"It wrote: {held or 'nothing'}. Is this version supported? See: liverboard doctor"
            )  # fmt: skip
        array = np.zeros(image.geometry.shape, dtype=np.bool_)
        for mask in read_masks(path):
            array |= seen_on(mask.array, mask.geometry, image.geometry, labels=True).astype(np.bool_)
        masks.append(Mask(name, array, image.geometry, machine=machine))
    return masks


def _write(folder: Path, drawn: Mapping[Kind, Sequence[Mask]], image: Image, when: dt.datetime) -> dict[str, str]:
    written: dict[str, str] = {}
    structures: list[Structure] = []
    for kind, masks in drawn.items():
        maps = [_map(kind, masks, image.geometry)]
        if not any(each.array.any() for each in maps):
            continue
        structures += [Structure(each, kind) for each in maps]
        written[_FILES[kind]] = f"{_FILES[kind]}.nii.gz"
        write_nifti(folder / written[_FILES[kind]], maps[0].array, image.geometry)
    if structures:
        path, what = folder / "segmentation.dcm", "Drawn by a program, unchecked"
        sources = image.origin.files if len(image.origin.files) == image.geometry.shape[2] else ()
        try:
            write_seg(path, structures, source=sources, when=when, description=what)
        except UnsupportedImage:  # a series without identifiers: the object stands on its own
            write_seg(path, structures, when=when, description=what)
        written["segmentation_dicom"] = "segmentation.dcm"
    return written


def _map(kind: Kind, masks: Sequence[Mask], geometry: Geometry) -> LabelMap:
    """The masks of one kind as a label map: segments by their number, lesions one label a connected part."""
    import cc3d

    if kind == "segment":
        array = np.zeros(geometry.shape, dtype=np.uint8, order="F")
        for number, mask in enumerate(masks, 1):
            array[mask.array] = number
        return LabelMap(array, geometry, {n: m.name for n, m in enumerate(masks, 1)}, machine=masks[0].machine)
    if kind == "lesion":
        parts, count = cc3d.connected_components(masks[0].array, connectivity=26, return_N=True)
        labels = np.asarray(parts).astype(np.uint8 if int(count) < 256 else np.uint16)
        return LabelMap(
            labels, geometry, {n: f"Lesion {n}" for n in range(1, int(count) + 1)}, machine=masks[0].machine
        )
    return next(iter(label_maps(masks, geometry)), LabelMap(np.zeros(geometry.shape, np.uint8), geometry, {}))
