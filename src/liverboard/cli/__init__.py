"""The command line: parse, call, show. No logic; every command calls one function of the board room or below."""

from __future__ import annotations

import sys


def main() -> None:
    """Entry point of the `liverboard` command."""
    from liverboard.cli.app import app
    from liverboard.cli.failure import run

    sys.exit(run(app))
