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
    against: Annotated[
        Path | None,
        typer.Option(
            "--against",
            metavar="FILE.csv",
            help="People of the other arm (time, event), such as -o wrote: gives the HR.",
        ),
    ] = None,
    hr: Annotated[
        float | None,
        typer.Option("--hr", metavar="HR", help="Reported hazard ratio of this arm against the other; joins the gate."),
    ] = None,
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

    from liverboard.board.curve import Published, people_table, reconstruct_files
    from liverboard.cli.show import out_console, progress, show_json
    from liverboard.report.write import write_files

    if hr is not None and against is None:
        raise typer.BadParameter("--hr needs the other arm: --against FILE.csv")
    with progress("Reconstructing"):
        found = reconstruct_files(clicks, Published(at_risk, n, events, against, hr))
    if out is not None and out.suffix.lower() == ".html":
        from liverboard.report.evidence_page import write_page
        from liverboard.report.survival_views import reconstruct_page
        from liverboard.synthesis.kaplan_meier import kaplan_meier
        from liverboard.synthesis.observations import observe

        write_page(reconstruct_page(found, kaplan_meier(observe(found.time, found.event))), out)
    elif out is not None:
        write_files({out: people_table(found).encode()})
    if json:
        show_json(found.as_json())
        return
    console = out_console()
    reported = "" if events is None else f" ({events} reported)"
    console.print(f"{found.n} people, {found.events} events{reported}, {found.n - found.events} censored")
    console.print(
        f"curve given back within {found.curve_max_deviation:.3f} (RMSE {found.curve_rmse:.3f}); quality gate {'passed' if found.passed else 'FAILED'}"
    )
    if (ratio := found.hazard_ratio) is not None:
        beside = "" if ratio.reported is None else f"; {ratio.reported:g} reported"
        console.print(f"reconstructed hazard ratio {ratio.hr:.3g} ({ratio.ci[0]:.3g} to {ratio.ci[1]:.3g}){beside}")
    if found.red_flag:
        console.print("RED FLAG: no risk table")
    for warning in found.warnings:
        console.print(f"note: {escape(warning)}", soft_wrap=True)
    if out is not None:
        console.print(f"wrote {escape(str(out))}")
