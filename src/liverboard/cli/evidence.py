"""`liverboard evidence ...`: meta-analysis of any table."""

from __future__ import annotations

import typer

evidence_app = typer.Typer(help="Evidence in numbers: meta-analysis of any table.", no_args_is_help=True)


@evidence_app.callback()
def evidence() -> None:
    """Evidence in numbers."""
