"""Words of others in a CSV, which people open in a spreadsheet: what it would run as a formula gets an apostrophe, and loses it when it is read back.

Source: OWASP, "CSV Injection".
"""

from __future__ import annotations

import re
from typing import Final

FORMULA: Final = r"^'*[=+\-@\t\r]"
"""How a text begins that a spreadsheet runs, or that was marked as one."""
_NUMBER: Final = re.compile(r"[+-]?\d+\.?\d*(?:[eE][+-]?\d+)?")


def plain(text: str) -> str:
    """As a cell that is text or a number, and nothing that runs."""
    return f"'{text}" if re.match(FORMULA, text) and not _NUMBER.fullmatch(text) else text


def read_back(cell: str) -> str:
    """What `plain` was given."""
    return cell[1:] if cell.startswith("'") and re.match(FORMULA, cell) else cell
