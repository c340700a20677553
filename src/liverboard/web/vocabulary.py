"""The words that pages show but no template spells out: names of fields, of groups of fields and of choices, which are made of models and dictionary."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from liverboard.clinical.events import EVENT_KINDS
from liverboard.options.words import OPTION_WORDS
from liverboard.web.forms import Group, groups_of
from liverboard.web.routes.events import TECHNIQUES, WITH_DETAILS
from liverboard.web.suppose import inputs


def vocabulary() -> tuple[str, ...]:
    """In alphabetical order; what holds no letters of a word (codes, numbers) is the same in every language and left out."""
    groups: list[Group] = list(inputs(()))
    for kind in EVENT_KINDS:
        for technique in (None, *TECHNIQUES) if kind in WITH_DETAILS else (None,):
            groups += groups_of(kind, technique)
    found = {name.replace("_", " ") for name in TECHNIQUES} | set(OPTION_WORDS.values())
    for group in groups:
        found.add(group.label)
        for each in group.fields:
            found |= {each.label, *(choice.replace("_", " ") for choice in each.choices)}
    return tuple(sorted(word for word in found if _is_a_word(word)))


def _is_a_word(text: str) -> bool:
    """Lower case letters in a row, no sign that a translation would read as a place for a value."""
    return (
        "%" not in text
        and sum(letter.islower() for letter in text) >= 3
        and not any(letter.isdigit() for letter in text)
    )


def extract(*_: Any, **__: Any) -> Iterator[tuple[int, str, str, list[str]]]:
    """For Babel: every word, as if the templates spelled it out."""
    for word in vocabulary():
        yield 1, "gettext", word, []
