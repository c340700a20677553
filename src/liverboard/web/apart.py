"""Slow work in a process of its own, with what is left of the machine: pages stay quick, and what goes wrong there harms nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from threading import Event, Thread
from typing import Final

from liverboard.incidents import keep_incident

_NICE: Final = 10  # of what nobody waits for
_ONE_THREAD: Final = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_LOOK_EVERY_S: Final = 0.5
_LONGEST_S: Final = 1800.0


class Unfinished(Exception):  # noqa: N818  (the error tree of the design names them so)
    """The other process ended without a result; its reason is in the log."""


def lines_from(module: str, arguments: tuple[str, ...], text: str, stop: Event) -> Iterator[str]:
    """Run `python -m module` on `text` and give the lines that it writes, as they come. Raises Unfinished: it failed, took half an hour, or `stop` was set."""
    command = [sys.executable, "-m", module, *arguments]
    child = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **_ONE_THREAD},
    )
    Thread(target=_end, args=(child, stop), daemon=True).start()
    assert child.stdin is not None and child.stdout is not None  # noqa: S101  (both are pipes)
    try:
        child.stdin.write(text)
        child.stdin.close()
        yield from child.stdout
        child.wait()
    except BrokenPipeError:
        pass
    finally:
        if child.poll() is None:
            child.kill()
        child.wait()
        child.stdout.close()
    if child.returncode:
        raise Unfinished(f"{module} ended with {child.returncode}")


def _end(child: subprocess.Popen[str], stop: Event) -> None:
    end = time.monotonic() + _LONGEST_S
    while child.poll() is None:
        if stop.wait(_LOOK_EVERY_S) or time.monotonic() > end:
            child.kill()
            return


def run_apart(work: Callable[[], None], nice: int = _NICE) -> int:
    """What such a process does, as its main: politely, and no longer than the one that started it. Gives its exit code."""
    os.nice(nice)
    Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    try:
        work()
    except Exception as error:
        keep_incident(error)
        return 70
    return 0


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(75)
