"""Studies measured in the background, one at a time, each in a process of its own: what crashes or is cancelled there harms nobody else."""

from __future__ import annotations

import json
import os
import secrets
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Any, Final

from liverboard.clinical.case_file import write_case
from liverboard.clinical.events import Case, Imaging
from liverboard.errors import UserError
from liverboard.incidents import keep_incident
from liverboard.registry.cases import CaseKey
from liverboard.registry.measuring import Outcome, Waiting, any_waits, finish, give_back, report_progress, take_next
from liverboard.registry.permissions import Actor
from liverboard.registry.store import Store
from liverboard.registry.studies import case_folder
from liverboard.registry.study_files import MEASURING, VIEW, clear, derived, sweep
from liverboard.registry.study_parts import LEFT_OUT, StudyParts, read_parts
from liverboard.volume.deidentify import Rules
from liverboard.web.measure_study import RESULT, Result

WORKER: Final = Actor("measuring", None, None)
VIEW_FOLDER: Final = VIEW
_LOOK_EVERY_S: Final = 1.0  # whether someone cancelled
_LOOK_FOR_WORK_S: Final = 5.0
_LONGEST_S: Final = 1800.0
_ONE_AT_A_TIME: Final = Lock()
_NO_DAY: Final = "1900-01-01"  # of a study whose day nobody has said yet; a person says it before it enters the case


class NotMeasured(UserError):  # noqa: N818
    """A study that cannot be measured, in words for people."""

    exit_code = 11
    http_status = 422


def rules_of(store: Store, key: CaseKey) -> Rules:
    """Those by which the studies of a case were de-identified. Raises MissingData: the key of the centre is not there."""
    return Rules(key.case, store.folder.centre_key(key.centre), store.folder.dates_policy)


def read_result(folder: Path) -> Result | None:
    try:
        return Result.model_validate_json((folder / RESULT).read_bytes())
    except (OSError, ValueError):
        return None


def event_of(parts: StudyParts, folder: str) -> Imaging:
    """The imaging event that a study would be, with nothing measured yet. `folder`: of the study, below the one of its case."""
    studies = [{"path": f"{folder}/{part.path}", "role": part.role} for part in parts.parts if part.role != LEFT_OUT]
    date = _NO_DAY if parts.date is None else parts.date.isoformat()
    modality = {} if parts.modality is None else {"modality": parts.modality}
    return Imaging.model_validate({"id": "study", "kind": "imaging", "date": date, "studies": studies, **modality})


def view_event(event: Imaging, folder: Path, out: Path) -> Result | None:
    """What a viewer loads of an event, measured into `out` now where nobody did before. Waits while another study is being measured. Raises NotMeasured."""
    found = read_result(out)
    if found is not None:
        return found
    with _ONE_AT_A_TIME:
        if read_result(out) is None:
            measure_event(event, folder, out)
    return read_result(out)


def measure_event(event: Imaging, folder: Path, out: Path, told: Callable[[int], bool] = lambda percent: True) -> None:
    """Measure the studies of an event below `folder` into `out`. `told` hears of progress every second; when it says False, the measurement stops.

    Raises NotMeasured.
    """
    text = write_case(Case(case="study", events=(event,)), is_json=True)
    arguments = [sys.executable, "-m", "liverboard.web.measure_study", str(folder), str(out), str(os.getpid())]
    child = subprocess.Popen(
        arguments,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,  # Ctrl-C in a terminal is for the site, which ends the child and keeps the study waiting
    )
    try:
        said = _follow(child, text, told)
    finally:
        if child.poll() is None:
            child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                pipe.close()
        clear(out.parent, f"{MEASURING}*")  # of one that was killed
    if said is None or child.returncode == 0:
        return
    if not said and child.returncode == -signal.SIGKILL:
        said = "The machine stopped the measurement: it needed more memory than there is. Send fewer or smaller series."
    raise NotMeasured(said or "the measurement ended without a word")


def _follow(child: subprocess.Popen[str], text: str, told: Callable[[int], bool]) -> str | None:
    """Hear a child out; gives what it said went wrong, or None when it was told to stop."""
    assert child.stdin is not None and child.stdout is not None  # noqa: S101  (both are pipes)
    try:
        child.stdin.write(text)
        child.stdin.close()
    except BrokenPipeError:
        return ""
    percent, wrong, end = 0, "", time.monotonic() + _LONGEST_S
    while time.monotonic() < end:
        ready, _, _ = select.select([child.stdout], [], [], _LOOK_EVERY_S)
        if ready:
            line = child.stdout.readline()
            if not line:
                child.wait()
                return wrong
            said: Any = json.loads(line)
            percent, wrong = said.get("percent", percent), said.get("error", wrong)
        if not told(percent):
            child.kill()
            return None
    return "The measurement took longer than half an hour and was stopped."


class Worker:
    """Measures what waits, in a thread, while it is entered. What was being measured when a program stopped is taken up again."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._name = secrets.token_hex(8)  # of this worker among those of other servers
        self._stop, self._work = Event(), Event()
        self._thread = Thread(target=self._run, name="measuring", daemon=True)

    def __enter__(self) -> Worker:
        sweep(self._store.folder.studies)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._work.set()
        self._thread.join(timeout=10)

    def wake(self) -> None:
        """There is something to measure."""
        self._work.set()

    def _run(self) -> None:
        lost = False
        while not self._stop.is_set():
            busy = False
            try:
                if lost:
                    self._give_back()
                busy, lost = self.measure_next(), False
            except UserError:  # the database is away: it comes back, and what was being measured then waits
                lost = True
            except Exception as error:
                keep_incident(error)
            if not busy:
                self._work.wait(_LOOK_FOR_WORK_S)
                self._work.clear()

    def _give_back(self) -> None:
        with self._store.transaction(WORKER) as tx:
            give_back(tx, self._name)

    def measure_next(self) -> bool:
        """Measure the study that waits longest; False when none does. Waits while a viewer has something measured."""
        store = self._store
        if not any_waits(store):
            return False
        with _ONE_AT_A_TIME:
            with store.transaction(WORKER) as tx:
                study = take_next(store, tx, self._name)
            if study is None:
                return False
            outcome = self._outcome(study)
            if self._stop.is_set() and not outcome.failed:
                self._give_back()
                return True
            with store.transaction(WORKER) as tx:
                finish(tx, study.id, self._name, outcome)
        return True

    def _outcome(self, study: Waiting) -> Outcome:
        try:
            self._measure(study)
            return Outcome(files=derived(study.folder))
        except UserError as error:
            return Outcome(". ".join(part for part in (error.message, error.hint) if part), failed=True)
        except Exception as error:
            return Outcome(f"something went wrong here (incident {keep_incident(error)})", failed=True)

    def _measure(self, study: Waiting) -> None:
        parts = read_parts(study.folder, rules_of(self._store, study.key))
        event = event_of(parts, study.folder.name)
        home = case_folder(self._store, study.key)
        measure_event(event, home, study.folder / VIEW_FOLDER, lambda percent: self._told(study, percent))

    def _told(self, study: Waiting, percent: int) -> bool:
        if self._stop.is_set():
            return False
        with self._store.transaction(WORKER) as tx:
            return report_progress(tx, study.id, self._name, percent)
