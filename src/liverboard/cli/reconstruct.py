"""`liverboard evidence reconstruct`: individual times from a published Kaplan-Meier curve."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from liverboard.cli.parameters import Json


def reconstruct(
    clicks: Annotated[
        Path,
        typer.Argument(
            metavar="CLICKS.csv", help="Columns time, survival: points on the curve, best at both sides of each step."
        ),
    ],
    at_risk: Annotated[
        Path | None,
        typer.Option("--at-risk", metavar="FILE.csv", help="Columns time, at_risk: the table below the curve."),
    ] = None,
    n: Annotated[int | None, typer.Option("--n", metavar="N", help="People at time 0.")] = None,
    events: Annotated[int | None, typer.Option("--events", metavar="N", help="Events reported for this curve.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            metavar="FILE.csv",
            help="Where to write the people: columns time, event. With a name in .html: a page with the curve.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Individual times from a published Kaplan-Meier curve, checked against the curve; without a risk table they carry a red flag."""
    from rich.markup import escape

    from liverboard.board.curve import reconstruct_files, write_people
    from liverboard.cli.show import out_console, progress, show_json

    with progress("Reconstructing"):
        found = reconstruct_files(clicks, at_risk=at_risk, n=n, events=events)
    if out is not None and out.suffix.lower() == ".html":
        from liverboard.report.evidence_page import write_page
        from liverboard.report.survival_views import reconstruct_page
        from liverboard.synthesis.kaplan_meier import kaplan_meier
        from liverboard.synthesis.observations import observe

        write_page(reconstruct_page(found, kaplan_meier(observe(found.time, found.event))), out)
    elif out is not None:
        write_people(found, out)
    if json:
        show_json(found.as_json())
        return
    console = out_console()
    reported = "" if events is None else f" ({events} reported)"
    console.print(f"{found.n} people, {found.events} events{reported}, {found.n - found.events} censored")
    console.print(
        f"curve given back within {found.curve_max_deviation:.3f} (RMSE {found.curve_rmse:.3f}); quality gate {'passed' if found.passed else 'FAILED'}"
    )
    if found.red_flag:
        console.print("RED FLAG: no risk table")
    for warning in found.warnings:
        console.print(f"note: {escape(warning)}", soft_wrap=True)
    if out is not None:
        console.print(f"wrote {escape(str(out))}")
