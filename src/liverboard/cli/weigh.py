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
    from liverboard.board.weighed import prepare_options
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


def audit(
    cohort: Annotated[
        Path,
        typer.Argument(
            metavar="COHORT",
            help="A table of facts (.parquet, .csv: a row a case, `case` first), a folder of case files, or one case file.",
        ),
    ],
    policy: Policy = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            metavar="FILE",
            help=".html (plots and tables), .json, or the verdicts of every case as .csv or .parquet (for the centre).",
        ),
    ] = None,
    export: Annotated[
        bool, typer.Option("--export", help="Mark for export: counts alone, and none that is small or gives one away.")
    ] = False,
    min_cell: Annotated[
        int, typer.Option("--min-cell", metavar="N", min=2, max=1000, help="Smallest count shown with --export.")
    ] = 5,
    move: Annotated[
        list[str] | None,
        typer.Option(
            "--move", metavar="RULE=VALUE", help="A threshold to try, such as resin_lung_shunt=0.15. May be repeated."
        ),
    ] = None,
    as_of: AsOf = None,
    json: Json = False,
) -> None:
    """The rules over a cohort: verdicts, decisions beside the rules, facts missing most often, what a threshold would move."""
    from liverboard.board.cohort import read_cohort
    from liverboard.cli.show import progress, show_json
    from liverboard.cli.show_audit import show_audit
    from liverboard.options.audit import audit as audit_cohort
    from liverboard.options.audit_export import for_export
    from liverboard.options.policy import read_policy
    from liverboard.options.thresholds import asked_move
    from liverboard.report.audit_files import check_ending, write_audit

    if export and move:
        raise typer.BadParameter("--move belongs to the centre: leave it out with --export")
    if out is not None:
        check_ending(out, export=export)
    ruleset = read_policy(policy)
    asked = [asked_move(text, ruleset.rules) for text in move or ()]
    with progress("Auditing") as step:
        found = audit_cohort(read_cohort(cohort, today=today(), as_of=day(as_of), step=step), ruleset, asked, step)
        report = found.report.model_copy(update={"source": cohort.name})
        if export:
            step("hiding small counts")
            report = for_export(report, ruleset.rules, min_cell)
        if out is not None:
            step("writing")
            write_audit(found, report, out)
    if json:
        show_json(report.model_dump(mode="json"))
    else:
        show_audit(report, out)
