"""What stands behind a dossier: files, programs, literature."""

from __future__ import annotations

from typing import Literal

from liverboard.clinical.extent import Frozen


class Provenance(Frozen):
    """What stands behind the dossier: an input file (base name and SHA-256), a program, or a literature source of the knowledge base."""

    what: str
    kind: Literal["input", "software", "source"]
    detail: str
    sha256: str | None = None
    verification: Literal["A", "B", "U"] | None = None
