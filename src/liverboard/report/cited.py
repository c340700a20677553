"""Sources by number, in the order in which a reader meets them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from liverboard.options.report import Source
from liverboard.report.words import VERIFICATION, clean

_SEEN = re.compile(r"\. ((?:Verified|Read): .*)", re.DOTALL)


def parted(detail: str) -> tuple[str, str]:
    """The citation of a source, which nobody translates, and our own sentence on how it was verified or which pages of it were read."""
    found = _SEEN.search(detail)
    return (detail[: found.start()], found[1]) if found else (detail, "")


@dataclass(frozen=True, slots=True)
class SourceMark:
    """A source behind one statement: its number in the list of sources, and how this statement was verified."""

    number: int
    at: str
    citation: str
    verification: str
    says: str


class Cited:
    """Gives each source its number when it is first met."""

    def __init__(self) -> None:
        self.order: dict[str, tuple[int, str]] = {}

    def marks(self, sources: Iterable[Source]) -> tuple[SourceMark, ...]:
        return tuple(self._mark(source) for source in sources)

    def _mark(self, source: Source) -> SourceMark:
        number, _ = self.order.setdefault(source.key, (len(self.order) + 1, source.citation))
        return SourceMark(
            number,
            clean(source.at or ""),
            clean(source.citation),
            clean(source.verification),
            VERIFICATION.get(source.verification, ""),
        )
