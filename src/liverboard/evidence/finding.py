"""What a check of the catalogue finds, and what a check is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

from liverboard.clinical.extent import Frozen
from liverboard.evidence.catalogue import Catalogue

Weight = Literal["error", "doubt", "note"]


class Finding(Frozen):
    """What a check found. error: the figures cannot all be right; doubt: something to look up; note: to know when reading.

    `on_page`: only the page has it, the tables keep the value that `kept` names.
    """

    check: str
    weight: Weight
    where: str
    says: str
    on_page: bool = False
    kept: str = ""


Check = Callable[[Catalogue], Iterator[Finding]]
