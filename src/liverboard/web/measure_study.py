"""One study measured, in a process of its own: `python -m liverboard.web.measure_study CASE_FOLDER OUT PARENT < event.json`. Lines of progress on stdout; OUT appears whole.

The process ends when PARENT, the process that started it, is not there any more.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import time
from _thread import interrupt_main
from pathlib import Path
from threading import Thread
from typing import Any

from liverboard.board.measure import MASK_ROLES, PLACE_ROLES, filled, locate, scan_files_of
from liverboard.board.measured import Measured
from liverboard.board.scan_files import ReadScan, read_scan
from liverboard.clinical.case_file import read_case, write_case
from liverboard.clinical.events import Case, Imaging
from liverboard.clinical.extent import Frozen
from liverboard.errors import BadInput, UserError
from liverboard.imaging import Measurement, measure_extent
from liverboard.incidents import keep_incident
from liverboard.registry.study_files import MEASURING, passing
from liverboard.report.view_files import View, write_view

RESULT = "result.json"
_NICE = 3  # pages come first, but a person waits for this: behind all else it never ends on a busy machine


class Result(Frozen):
    """`event`: the imaging event with what was measured, as a case file in JSON writes it. `view`: what a viewer loads, beside this file."""

    event: dict[str, Any]
    view: View
    lesion_count: int | None = None
    liver_volume_ml: float | None = None
    tumour_volume_ml: float | None = None
    burden_percent: float | None = None
    pattern: str | None = None
    warnings: tuple[str, ...] = ()


def measure(event: Imaging, case_folder: Path, out: Path) -> Result:
    """Measure the event's studies below the folder of the case and write the viewer's files and `result.json` into the new folder `out`."""
    found = [(study, locate(study, case_folder, event.id)) for study in event.studies or ()]
    present = [(study, path) for study, path in found if path.exists()]
    if not present:
        raise BadInput("no file of this study is there any more", hint="Send the study again.")
    images = [study.role for study, _ in present if study.role not in (*MASK_ROLES, *PLACE_ROLES)]
    _say(5, "reading images and masks")
    read = read_scan(scan_files_of(event, present, images), lambda text: None)
    measured, result = Measured(Case(case="study", events=(event,))), None
    if read.scan.liver is not None or read.scan.lesions is not None:
        _say(35, "measuring lesions")
        result = measure_extent(read.scan)
        event = filled(event, result.extent, measured)
    out.parent.mkdir(parents=True, exist_ok=True)
    with passing(out.parent, MEASURING) as made:
        whole = made / "view"
        whole.mkdir()
        _say(65, "drawing pictures and surfaces")
        view = write_view(whole, read.scan, result)
        content = _result(event, read, result, view, measured)
        (whole / RESULT).write_text(content.model_dump_json(), encoding="utf-8")
        _say(95, "keeping what was found")
        if out.exists():
            out.rename(made / "before")
        whole.rename(out)
    return content


def _result(event: Imaging, read: ReadScan, found: Measurement | None, view: View, measured: Measured) -> Result:
    tree = json.loads(write_case(Case(case="study", events=(event,)), is_json=True))["events"][0]
    warnings = [*read.warnings, *measured.warnings]
    if found is None:
        nothing = "No liver, tumour, lesion or metastasis is drawn in this study: nothing was measured."
        return Result(event=tree, view=view, warnings=(*warnings, nothing))
    extent = found.extent
    return Result(
        event=tree,
        view=view,
        lesion_count=extent.lesion_count,
        liver_volume_ml=extent.liver_volume_ml,
        tumour_volume_ml=extent.tumour_volume_ml,
        burden_percent=extent.burden_percent,
        pattern=extent.pattern.value,
        warnings=tuple(dict.fromkeys((*warnings, *extent.warnings))),
    )


def _say(percent: int, step: str) -> None:
    print(json.dumps({"percent": percent, "step": step}), flush=True)  # noqa: T201  (this is what the parent process reads)


def _end_with(parent: int) -> None:
    """Stop within a second or so of the parent's death, tidily where that goes."""
    while os.getppid() == parent:
        time.sleep(1)
    interrupt_main()
    time.sleep(5)
    os._exit(75)


def main() -> int:
    """Exit code 0; 10 when the study cannot be measured, with the reason as the last line; 70 for a fault of ours, with its incident."""
    os.nice(_NICE)
    Thread(target=_end_with, args=(int(sys.argv[3]),), daemon=True).start()
    try:
        case = read_case(sys.stdin.read(), where="the study", is_json=True)
        event = case.events[0]
        assert isinstance(event, Imaging)  # noqa: S101  (the parent process made it)
        measure(event, Path(sys.argv[1]), Path(sys.argv[2]))
    except Exception as error:
        print(json.dumps({"error": in_words(error)}), flush=True)  # noqa: T201
        return 10 if isinstance(error, UserError) else 70
    return 0


def in_words(error: Exception) -> str:
    """Why a study was not measured, for who looks at its page."""
    if any(
        isinstance(each, OSError) and each.errno in {errno.ENOSPC, errno.EDQUOT} for each in (error, error.__context__)
    ):
        error = UserError(
            "the disk of the server has no room for what measuring makes",
            hint="Tell the administrator, then measure it again.",
        )
    if isinstance(error, UserError):
        return f"{error.message}. {error.hint}".strip()
    return f"something went wrong here (incident {keep_incident(error)})"


if __name__ == "__main__":
    sys.exit(main())
