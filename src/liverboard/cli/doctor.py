"""What `liverboard doctor` looks at."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re

from liverboard import __version__
from liverboard.board.load import sample_names
from liverboard.incidents import log_file
from liverboard.knowledge import knowledge_version
from liverboard.registry.folder import default_folder


def examine() -> dict[str, object]:
    """Versions, missing packages, places. `ok` is false when something that the commands need is not there."""
    packages: dict[str, str] = {}
    missing: list[str] = []
    for requirement in importlib.metadata.requires("liverboard") or []:
        if "extra ==" in requirement:
            continue
        name = re.split(r"[<>=!~; \[]", requirement, maxsplit=1)[0]
        try:
            packages[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    optional = {"segmentation engine (TotalSegmentator)": _engine(), "surfaces in .vtp and .vtm (VTK)": _surfaces()}
    return {
        "ok": not missing,
        "liverboard": __version__,
        "knowledge": knowledge_version(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "packages": packages,
        "missing": missing,
        "optional": optional,
        "samples": list(sample_names()),
        "incident_log": str(log_file()),
        "data_folder": str(default_folder()),
        "network": "only `liverboard pacs` and a database by URL, to the address that you give",
    }


def _surfaces() -> str:
    try:
        return importlib.metadata.version("vtk")
    except importlib.metadata.PackageNotFoundError:
        return 'not installed; pip install "liverboard[surfaces]" (.stl needs nothing)'


def _engine() -> str:
    from liverboard.board.segment import find_engine
    from liverboard.errors import MissingData

    try:
        return find_engine()[1]
    except MissingData as error:
        return error.message
