"""Words of others in a CSV, which people open in a spreadsheet: what it would run as a formula gets an apostrophe, and loses it when it is read back.

Source: OWASP, "CSV Injection".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import polars as pl

FORMULA: Final = r"^'*[=+\-@\t\r]"
"""How a text begins that a spreadsheet runs, or that was marked as one."""
_NUMBER: Final = re.compile(r"[+-]?\d+\.?\d*(?:[eE][+-]?\d+)?")


def plain(text: str) -> str:
    """As a cell that is text or a number, and nothing that runs."""
    return f"'{text}" if re.match(FORMULA, text) and not _NUMBER.fullmatch(text) else text


def as_csv(table: pl.DataFrame) -> bytes:
    """The table as CSV; its words are of whoever wrote the cases, so none is run as a formula."""
    import polars as pl

    for column in table.select(pl.col(pl.String)):
        odd = column.filter(column.str.contains(FORMULA)).unique().to_list()
        table = table.with_columns(column.replace(odd, [plain(each) for each in odd]))
    return table.write_csv().encode()


def read_back(cell: str) -> str:
    """What `plain` was given."""
    return cell[1:] if cell.startswith("'") and re.match(FORMULA, cell) else cell
