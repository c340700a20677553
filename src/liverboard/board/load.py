"""Opening a case on disk: a file, a folder with case.yaml, or a bundled sample. The text is checked by `clinical.case_file`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from liverboard.board.provenance import Provenance
from liverboard.clinical.case_file import read_case
from liverboard.clinical.events import Case
from liverboard.errors import BadInput

_MAX_BYTES = 20_000_000
_NAMES = ("case.yaml", "case.yml", "case.json")


@dataclass(frozen=True, slots=True)
class OpenedCase:
    """A case, the folder that its image paths start from, and what was read (for the provenance)."""

    case: Case
    folder: Path
    inputs: tuple[Provenance, ...]


def sample_names() -> tuple[str, ...]:
    """The bundled samples."""
    root = resources.files("liverboard") / "knowledge" / "samples"
    return tuple(sorted(entry.name for entry in root.iterdir() if entry.is_dir()))


def open_case(path: Path | None, *, sample: str | None = None) -> OpenedCase:
    """Open a case file, a folder that holds one, or the sample of that name.

    Raises BadInput: nothing or both given, no such file, not text, or not a readable case (every problem listed).
    """
    if (path is None) == (sample is None):
        raise BadInput(
            "give one case",
            hint=f"Give CASE (a case file or its folder), or --sample with one of: {', '.join(sample_names())}",
        )
    if sample is not None:
        if sample not in sample_names():
            raise BadInput(f"there is no sample '{sample}'", hint=f"samples: {', '.join(sample_names())}")
        path = Path(str(resources.files("liverboard") / "knowledge" / "samples" / sample))
    assert path is not None  # noqa: S101  (told to the type checker; guarded above)
    if path.is_dir():
        found = next((path / name for name in _NAMES if (path / name).is_file()), None)
        if found is None:
            raise BadInput(
                "the folder holds no case file", where=path.name, hint=f"expected one of {', '.join(_NAMES)}"
            )
        path = found
    raw = _read(path)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise BadInput(
            f"not UTF-8 text (line {line})", where=path.name, hint="Save the case file as UTF-8 text."
        ) from None
    case = read_case(text, where=path.name, is_json=path.suffix.lower() == ".json")
    digest = hashlib.sha256(raw).hexdigest()
    return OpenedCase(case, path.parent, (Provenance(what=path.name, kind="input", detail="case file", sha256=digest),))


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise BadInput(
                "not a file", where=path.name, hint="Give a case file (YAML or JSON), or a folder that holds case.yaml."
            )
        if size > _MAX_BYTES:
            raise BadInput(
                f"{size / 1e6:,.0f} MB is too large for a case file (at most {_MAX_BYTES / 1e6:.0f} MB)",
                where=path.name,
                hint="Is this an image?",
            )
        return path.read_bytes()
    except FileNotFoundError:
        raise BadInput("there is no such file", where=path.name, hint="Check the path of the case file.") from None
    except OSError as error:
        raise BadInput(
            f"the file cannot be read ({error.strerror or 'error'})",
            where=path.name,
            hint="Check the rights of the file.",
        ) from None
