"""Writes the reference pages that come from the code: the facts, the procedures and the dossier's JSON schema. `make docs`; a test holds pages and code equal."""

from __future__ import annotations

import json
from pathlib import Path

from liverboard.board.dossier import Dossier
from liverboard.board.procedures_reference import render_procedures_reference
from liverboard.clinical.facts_reference import render_facts_reference

REFERENCE = Path(__file__).parent / "reference"


def pages() -> dict[Path, str]:
    """Each page and its text."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Dossier.model_json_schema(mode="serialization"),
    }
    return {
        REFERENCE / "facts.md": render_facts_reference(),
        REFERENCE / "procedures.md": render_procedures_reference(),
        REFERENCE / "dossier.schema.json": json.dumps(schema, indent=2, ensure_ascii=False) + "\n",
    }


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
