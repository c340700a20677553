"""`liverboard evidence ...`: meta-analysis of any table, and the study catalogue."""

from __future__ import annotations

import typer

from liverboard.cli import catalogue
from liverboard.cli.meta import meta
from liverboard.cli.network import network
from liverboard.cli.reconstruct import reconstruct

evidence_app = typer.Typer(
    help="Evidence in numbers: meta-analysis of any table, and the study catalogue.", no_args_is_help=True
)


@evidence_app.callback()
def evidence() -> None:
    """Evidence in numbers."""


evidence_app.command(
    epilog="Example: liverboard evidence reconstruct clicks.csv --at-risk risk.csv --events 112 -o people.csv"
)(reconstruct)

evidence_app.command(epilog="Example: liverboard evidence network trials.csv --measure logor --json")(network)

evidence_app.command(epilog="Example: liverboard evidence meta responses.csv --measure proportion --json")(meta)

catalogue.register(evidence_app)
