"""`liverboard evidence network`: network meta-analysis of a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer

from liverboard.cli.parameters import Json

if TYPE_CHECKING:
    from liverboard.synthesis.network import Network
    from liverboard.synthesis.result import Scale

SCALES = {
    "loghr": "log_hazard_ratio",
    "logor": "log_odds_ratio",
    "logrr": "log_risk_ratio",
    "md": "mean_difference",
    "generic": "as_given",
}


def network(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE.csv",
            help="Columns study, treat1, treat2, effect, se (all pairs of a multi-arm study; effect of treat1 minus treat2), or study, treat, events, n.",
        ),
    ],
    tau2: Annotated[str, typer.Option("--tau2", metavar="reml|dl", help="Estimator of the heterogeneity.")] = "reml",
    measure: Annotated[
        str,
        typer.Option("--measure", metavar="loghr|logor|logrr|md|generic", help="What the effects of contrasts are."),
    ] = "generic",
    better: Annotated[
        str, typer.Option("--better", metavar="lower|higher", help="Which effect the P-scores favour.")
    ] = "lower",
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE.html", help="A page with the network and the league.")
    ] = None,
    json: Json = False,
) -> None:
    """Network meta-analysis: every treatment against every other (effect of a minus effect of b), P-scores, inconsistency."""
    from liverboard.board.network import pool_network
    from liverboard.board.tables import read_table
    from liverboard.cli.show import progress, show_json
    from liverboard.synthesis.network import Better, Tau2Method

    if tau2 not in get_args(Tau2Method):
        raise typer.BadParameter(f"--tau2 '{tau2}': reml or dl")
    if better not in get_args(Better):
        raise typer.BadParameter(f"--better '{better}': lower or higher")
    if measure not in SCALES:
        raise typer.BadParameter(f"--measure '{measure}': {', '.join(SCALES)}")
    with progress("Network meta-analysis"):
        found = pool_network(
            read_table(file),
            tau2=cast("Tau2Method", tau2),
            better=cast("Better", better),
            scale=cast("Scale", SCALES[measure]),
        )
        if out is not None:
            from liverboard.report.evidence_page import write_page
            from liverboard.report.evidence_views import network_page

            write_page(network_page(found), out)
    if json:
        show_json(found.as_json())
        return
    _show(found)
    if out is not None:
        typer.echo(f"wrote {out}")


def _show(found: Network) -> None:
    from rich.markup import escape
    from rich.table import Table

    from liverboard.cli.show import out_console
    from liverboard.report.evidence_views import league_cell

    out = out_console()
    ranked = sorted(found.treatments, key=lambda t: -found.p_scores[t])
    table = Table(
        box=None,
        header_style="bold",
        title="Row against column: effect of the row minus the column (95 % interval)",
        title_justify="left",
    )
    table.add_column("")
    for name in (*ranked, "P-score"):
        table.add_column(escape(name), justify="right")
    for a in ranked:
        cells = ["" if a == b else league_cell(found, a, b) for b in ranked]
        table.add_row(escape(a), *cells, f"{found.p_scores[a]:.2f}")
    out.print(table)
    interval = f" ({found.tau2_ci[0]:.3g} to {found.tau2_ci[1]:.3g})" if found.tau2_ci else ""
    out.print(f"{found.k} studies; tau2 {found.tau2:.4g}{interval}, {found.method}; P-scores: {found.better} is better")
    for name, part in (("all", found.q), ("within designs", found.q_within), ("between designs", found.q_between)):
        if part.p is not None:
            out.print(f"Q {name}: {part.q:.2f} on {part.df} df, p {part.p:.3g}")
    for c in found.comparisons:
        if c.difference is not None and c.difference.p < 0.05:
            out.print(
                f"direct and indirect differ: {escape(c.treat1)} against {escape(c.treat2)}, p {c.difference.p:.3g}"
            )
    for warning in found.warnings:
        out.print(f"note: {escape(warning)}", soft_wrap=True)
