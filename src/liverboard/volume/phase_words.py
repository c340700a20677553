"""The contrast phase that a free description names, in our own word, so that the description itself need not be kept."""

from __future__ import annotations

import re
from typing import Final

_PHASES: Final = (
    ("arterial", re.compile(r"arter|\bart\b|\bhap\b", re.IGNORECASE)),
    ("portal", re.compile(r"portal|porto|\bpv\b|\bven(ous|eux|ös)?\b|\bpvp\b", re.IGNORECASE)),
    ("native", re.compile(r"native?\b|nativ|unenhanced|non[- ]?contrast|sans inj|sans iv|without", re.IGNORECASE)),
    ("delayed", re.compile(r"delay|late\b|tardif|spät|equilib", re.IGNORECASE)),
)


def phase_of(words: str) -> str | None:
    """arterial, portal, native or delayed, the first that is named; None when none is."""
    plain = words.replace("_", " ")
    return next((phase for phase, sign in _PHASES if sign.search(plain)), None)
