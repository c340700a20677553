"""Rows of a cohort as text that can be kept, and read in a process of its own: `python -m liverboard.web.read_cohort DATA DAY < cases.json`."""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import cache
from pathlib import Path
from threading import Event
from typing import Final

from pydantic import TypeAdapter

from liverboard.board.cohort_summary import CohortRow, row_of
from liverboard.registry.cases import CaseFilter, CaseKey, read_cases
from liverboard.registry.folder import open_folder
from liverboard.registry.permissions import Actor
from liverboard.registry.store import Store
from liverboard.web.apart import lines_from, run_apart

_MODULE: Final = "liverboard.web.read_cohort"
_READER: Final = Actor(
    "cohort", None, None
)  # who the trail names for reading cases for these rows; a person's look at them is a line of its own
AT_ONCE: Final = 200  # cases read at a time

Read = tuple[str, str, int, CohortRow]  # centre, case, version, and its row


def read_rows(store: Store, keys: Sequence[CaseKey], day: dt.date) -> Iterator[list[Read]]:
    """The rows of these cases as of a day, some at a time."""
    for centre in sorted({key.centre for key in keys}):
        names = [key.case for key in keys if key.centre == centre]
        for start in range(0, len(names), AT_ONCE):
            some = CaseFilter(centre=centre, cases=tuple(names[start : start + AT_ONCE]))
            found = read_cases(store, _READER, some, purpose="cohort.prepare")
            yield [(each.key.centre, each.key.case, each.version, row_of(each.case, day)) for each in found]


def read_rows_apart(store: Store, keys: Sequence[CaseKey], day: dt.date, stop: Event) -> Iterator[list[Read]]:
    """`read_rows` in another process. Raises Unfinished."""
    asked = json.dumps([(key.centre, key.case) for key in keys])
    for line in lines_from(_MODULE, (str(store.folder.path), day.isoformat()), asked, stop):
        yield from_text(line)


def as_text(rows: Sequence[Read]) -> str:
    """JSON on one line."""
    return _rows().dump_json(list(rows)).decode()


def from_text(text: str | bytes) -> list[Read]:
    """What `as_text` wrote. Raises ValueError."""
    return _rows().validate_json(text)


@cache
def _rows() -> TypeAdapter[list[Read]]:
    return TypeAdapter(list[Read])


def _main() -> None:
    keys = [CaseKey(centre, case) for centre, case in json.load(sys.stdin)]
    with closing(Store.open(open_folder(Path(sys.argv[1])))) as store:
        for rows in read_rows(store, keys, dt.date.fromisoformat(sys.argv[2])):
            print(as_text(rows), flush=True)  # noqa: T201  (this is what the other process reads)


if __name__ == "__main__":
    sys.exit(run_apart(_main))
