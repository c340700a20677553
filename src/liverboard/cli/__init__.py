"""The command line: parse, call, show. No logic; every command calls one function of the board room or below."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Entry point of the `liverboard` command."""
    # The work is split in our own threads; those of the linear algebra library would only wait beside them, at full load.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from liverboard.cli.app import app
    from liverboard.cli.failure import run

    sys.exit(run(app))
