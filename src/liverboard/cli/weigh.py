"""`liverboard options` and `liverboard audit`: rules over one case, and over a whole cohort."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from liverboard.cli.parameters import AsOf, CasePath, Json, Sample, day, today

Policy = Annotated[
    Path | None,
    typer.Option(
        "--policy", metavar="FILE", help="The centre's policy (YAML): rules added, tightened or switched off."
    ),
]


def options(
    case: CasePath = None, sample: Sample = None, as_of: AsOf = None, policy: Policy = None, json: Json = False
) -> None:
    """Every treatment option weighed: verdict, reasons in order of weight, missing facts, sources."""
    from liverboard.board.load import open_case
    from liverboard.board.prepare import prepare_options
    from liverboard.cli.show import progress, show_json
    from liverboard.cli.show_options import show_options
    from liverboard.options.policy import read_policy

    opened = open_case(case, sample=sample)
    ruleset = read_policy(policy)
    with progress("Weighing the options") as step:
        report = prepare_options(
            opened.case,
            folder=opened.folder,
            as_of=day(as_of) or opened.case.as_of or today(),
            ruleset=ruleset,
            step=step,
        )
    if json:
        show_json(report.model_dump(mode="json"))
    else:
        show_options(report)
