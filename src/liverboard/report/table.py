"""A table as text: what HTML and PDF render alike."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Table:
    """The first column names the row. `numbers`: columns that are set to the right, from 0. `events`: for each row the event that it comes from, or none at all."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    numbers: tuple[int, ...] = ()
    events: tuple[str, ...] = ()
