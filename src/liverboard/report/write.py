"""Writes a dossier's three files at once: all are made before the first is written, and each appears under its name only when it is whole."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from liverboard.board.dossier import Dossier
from liverboard.errors import BadInput
from liverboard.report.html import render_html
from liverboard.report.pdf import render_pdf


def write_dossier(dossier: Dossier, directory: Path) -> dict[str, Path]:
    """Write dossier.json, dossier.html and dossier.pdf into the directory, which is made when it is missing. Returns the path of each by its ending."""
    contents = {
        "json": (dossier.model_dump_json(indent=2) + "\n").encode(),
        "html": render_html(dossier).encode(),
        "pdf": render_pdf(dossier),
    }
    paths = {kind: directory / f"dossier.{kind}" for kind in contents}
    waiting: dict[Path, Path] = {}
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for kind, path in paths.items():
            if path.is_dir():
                raise IsADirectoryError(21, "a folder has this name", str(path))
            handle, name = tempfile.mkstemp(prefix=f".dossier-{kind}-", dir=directory)
            waiting[Path(name)] = path
            with os.fdopen(handle, "wb") as file:
                file.write(contents[kind])
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(0o644)
        for temporary, path in waiting.items():
            temporary.replace(path)
    except OSError as problem:
        raise BadInput(
            f"The dossier cannot be written: {problem.strerror or problem}.",
            where=str(directory),
            hint="Choose another output folder with -o, or free this place and its write permission.",
        ) from problem
    finally:
        for temporary in waiting:
            temporary.unlink(missing_ok=True)
    return paths
