"""Writes result files at once: all are made before the first is written, and each appears under its name only when it is whole."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from liverboard.board.dossier import Dossier
from liverboard.errors import BadInput


def write_dossier(dossier: Dossier, directory: Path) -> dict[str, Path]:
    """Write dossier.json, dossier.html and dossier.pdf into the directory. Returns the path of each by its ending. Raises BadInput as `write_files`."""
    from liverboard.report.html import render_html
    from liverboard.report.pdf import render_pdf

    contents = {
        "json": (dossier.model_dump_json(indent=1) + "\n").encode(),
        "html": render_html(dossier).encode(),
        "pdf": render_pdf(dossier),
    }
    paths = {kind: directory / f"dossier.{kind}" for kind in contents}
    write_files({paths[kind]: content for kind, content in contents.items()})
    return paths


def write_files(contents: Mapping[Path, bytes]) -> None:
    """Write files, folders made where missing; each appears under its name only when all are whole. Raises BadInput where the place cannot be written."""
    waiting: dict[Path, Path] = {}
    try:
        for path, content in contents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir():
                raise IsADirectoryError(21, "a folder has this name", str(path))
            handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
            waiting[Path(name)] = path
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(0o644)
        for temporary, path in waiting.items():
            temporary.replace(path)
    except OSError as problem:
        place = next(iter(contents)).parent
        raise BadInput(
            f"the output cannot be written: {problem.strerror or 'error'}",
            where=place.name,
            hint="Choose another output folder with -o, or free this place and its write permission.",
        ) from problem
    finally:
        for temporary in waiting:
            temporary.unlink(missing_ok=True)
