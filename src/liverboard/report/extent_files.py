"""Everything that `extent -o` leaves behind: the figures, and the masks and pictures that other programs open."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from liverboard.board.scan_files import ReadScan
from liverboard.imaging import Measurement
from liverboard.report.write import write_files


def write_extent(
    folder: Path, document: Mapping[str, object], read: ReadScan, measured: Measurement, step: Callable[[str], None]
) -> None:
    """Write extent.json into the folder. Raises BadInput as `write_files`."""
    del read, measured
    step("writing")
    write_files({folder / "extent.json": (json.dumps(document, indent=2) + "\n").encode()})
