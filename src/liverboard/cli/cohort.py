"""The command that makes a synthetic registry."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from liverboard.cli.parameters import Json


def cohort(
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="DIR", help="A new folder for cases/, people.csv and truth.json.")
    ],
    cases: Annotated[int, typer.Option("--cases", metavar="N", help="How many people.")] = 5_000,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="The same seed gives the same people.")] = 1,
    json: Json = False,
) -> None:
    """A synthetic registry of several centres and years, with the truth it was drawn from. No patient; no number in it is a finding."""
    from liverboard.cli.show import progress, show_json
    from liverboard.phantom.cohort import CohortPlan
    from liverboard.phantom.cohort_write import write_cohort

    with progress("Making the synthetic registry") as step:
        path = write_cohort(CohortPlan(cases=cases, seed=seed), out, step)
    if json:
        show_json({"cases": cases, "seed": seed, "truth": str(path)})
    else:
        typer.echo(f"synthetic registry: {cases:,} invented cases; wrote {path}")
