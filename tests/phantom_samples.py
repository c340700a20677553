"""The small phantom with its follow-up, made once for a test run, however many workers run it."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from liverboard.phantom import PhantomPlan, make_phantom, write_phantom


def small_phantom(factory: pytest.TempPathFactory) -> Path:
    """Its folder: NIfTI, DICOM, truth.json; followup/ beside."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "phantom"
    try:
        folder.mkdir()
    except FileExistsError:
        deadline = time.monotonic() + 240
        while not (folder / "truth.json").exists():
            assert time.monotonic() < deadline, "the worker that makes the phantom has died"
            time.sleep(0.2)
        return folder
    write_phantom(make_phantom(PhantomPlan(seed=1, size="small", followup=True)), folder)
    return folder


def truth_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "truth.json").read_text(encoding="utf-8"))
