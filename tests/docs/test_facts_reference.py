"""Does the reference page of the facts say what the dictionary says?"""

from __future__ import annotations

from pathlib import Path

from liverboard.clinical.facts_reference import render_facts_reference

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "facts.md"


def test_the_page_is_what_the_dictionary_renders() -> None:
    assert PAGE.read_text(encoding="utf-8") == render_facts_reference(), (
        "write render_facts_reference() to docs/reference/facts.md"
    )
