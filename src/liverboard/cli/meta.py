"""`liverboard evidence meta`: one pooled value of any table of studies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.markup import escape
from rich.table import Table

from liverboard.cli.parameters import Json

if TYPE_CHECKING:
    from liverboard.board.meta_table import MetaResult
    from liverboard.synthesis.result import Interval

Measure = Literal["proportion", "rate", "loghr", "logor", "logrr", "md", "generic"]
Method = Literal["glmm", "reml", "dl", "pm", "fixed", "ml", "he", "hs", "sj", "eb"]
Ci = Literal["t", "z", "hk", "hk_adhoc"]


def meta(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="One row a study, a header row.")],
    measure: Annotated[
        Measure,
        typer.Option(
            "--measure",
            help="What the columns hold: proportion (label, events, n); rate (events, time); loghr (estimate, se; or hr, ci_low, ci_high; or o_minus_e, v; or p, events1, events2, favours1); "
            "logor, logrr (events1, n1, events2, n2; or estimate, se); md (n1, mean1, sd1, n2, mean2, sd2); generic (estimate, se).",
        ),
    ],
    method: Annotated[
        Method | None,
        typer.Option(
            "--method",
            help="glmm: the exact model of counts, the default for proportion and rate. reml: the default for the rest.",
        ),
    ] = None,
    ci: Annotated[
        Ci | None,
        typer.Option(
            "--ci",
            help="t: default with glmm. hk: Hartung-Knapp, default with the rest. hk_adhoc: the same, never narrower than t. z: normal.",
        ),
    ] = None,
    moderator: Annotated[
        str | None,
        typer.Option("--moderator", metavar="C", help="A column: numbers are regressed on, words make groups."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="FILE.html", help="A page with the forest plot and the numbers."),
    ] = None,
    json: Json = False,
) -> None:
    """Meta-analysis of any table: pooled value, interval, prediction interval, heterogeneity, studies, warnings."""
    from liverboard.board.meta_table import MetaRequest, meta_of
    from liverboard.board.tables import read_table
    from liverboard.cli.show import show_json

    table = read_table(file)
    result = meta_of(table, MetaRequest(measure, method, ci, moderator))
    if out is not None:
        from liverboard.report.evidence_page import write_page
        from liverboard.report.evidence_views import labels_of, meta_page

        write_page(meta_page(result, labels_of(table)), out)
    if json:
        show_json(result.as_json())
        return
    _show(result)
    if out is not None:
        typer.echo(f"wrote {out}")


def _show(result: MetaResult) -> None:
    """The studies, the pooled line, heterogeneity, what stands beside, and every warning."""
    from liverboard.cli.show import out_console

    pooled, out = result.pooled, out_console()
    table = Table(box=None, header_style="bold")
    for name in ("study", _word(pooled.scale), "95 % interval", "weight"):
        table.add_column(name, justify="left" if name == "study" else "right")
    for study in pooled.studies:
        value, span = _value(study.estimate, pooled.scale), _span(study.ci, pooled.scale)
        table.add_row(escape(study.label), value, span, f"{100 * study.weight:.1f} %")
    out.print(table)
    patients = "" if pooled.n is None else f", {pooled.n} patients"
    if pooled.estimate is None or pooled.ci is None:
        out.print(f"pooled: not estimable ({pooled.k} studies{patients})")
    else:
        out.print(
            f"[bold]pooled: {_value(pooled.estimate, pooled.scale)}[/bold], 95 % interval {_span(pooled.ci, pooled.scale)} "
            f"({pooled.k} {'study' if pooled.k == 1 else 'studies'}{patients}; {pooled.method}, {pooled.ci_method})"
        )
    if pooled.prediction_interval is not None:
        out.print(
            f"a new study is expected within {_span(pooled.prediction_interval, pooled.scale)} (95 % prediction interval)"
        )
    if pooled.tau2 is not None:
        spread = "" if pooled.tau2_ci is None else f" ({pooled.tau2_ci[0]:.3g} to {pooled.tau2_ci[1]:.3g})"
        share = "" if pooled.i2_percent is None else f", I2 {pooled.i2_percent:.0f} %"
        test = "" if pooled.q is None or pooled.q_p is None else f", Q {pooled.q:.1f}, p {pooled.q_p:.2g}"
        out.print(f"between studies: tau2 {pooled.tau2:.3g}{spread} on the {pooled.model_scale} scale{share}{test}")
    _show_moderator(result)
    _show_beside(result)
    regression = () if result.regression is None else result.regression.warnings
    for warning in (*pooled.warnings, *regression):
        out.print(f"note: {escape(warning)}", soft_wrap=True)


def _show_beside(result: MetaResult) -> None:
    from liverboard.cli.show import out_console

    out, scale, beside = out_console(), result.pooled.scale, result.beside
    for name, other in beside.sensitivity:
        if other.estimate is not None and other.ci is not None:
            out.print(f"for sensitivity only, {name}: {_value(other.estimate, scale)} ({_span(other.ci, scale)})")
    if beside.asymmetry is not None:
        out.print(
            f"small-study asymmetry ({beside.asymmetry.test}): p {beside.asymmetry.p:.2g}. {beside.asymmetry.words}"
        )
    if (filled := beside.filled) is not None:
        lost = "no study missing"
        if filled.missing:
            lost = f"{filled.missing} missing on the {filled.side}, with them {_value(filled.estimate, scale)}"
        out.print(f"trim and fill: {lost}. {filled.words}")


def _show_moderator(result: MetaResult) -> None:
    from liverboard.cli.show import out_console

    out, scale = out_console(), result.pooled.scale
    if result.subgroups is not None:
        for name, group in result.subgroups.groups:
            value = (
                "not estimable"
                if group.estimate is None or group.ci is None
                else f"{_value(group.estimate, scale)} ({_span(group.ci, scale)})"
            )
            out.print(f"{escape(result.subgroups.moderator)} {escape(name)}: {value}, k = {group.k}")
        if result.subgroups.p is not None:
            out.print(f"difference between the groups: p {result.subgroups.p:.2g}")
    if result.regression is not None:
        for c in result.regression.coefficients:
            shuffled = "" if c.p_permutation is None else f", by permutation {c.p_permutation:.2g}"
            out.print(
                f"{escape(c.name)}: {c.estimate:.4g} ({c.ci[0]:.4g} to {c.ci[1]:.4g}) on the {result.pooled.model_scale} scale, p {c.p:.2g}{shuffled}"
            )


def _word(scale: str) -> str:
    return {
        "proportion": "proportion",
        "rate": "rate",
        "log_hazard_ratio": "hazard ratio",
        "log_odds_ratio": "odds ratio",
        "log_risk_ratio": "risk ratio",
        "mean_difference": "mean difference",
    }.get(scale, "estimate")


def _value(value: float, scale: str) -> str:
    import math

    if scale == "proportion":
        return f"{100 * value:.1f} %"
    if scale.startswith("log_"):
        return f"{math.exp(min(value, 700)):.3g}"
    return f"{value:.4g}"


def _span(interval: Interval, scale: str) -> str:
    return f"{_value(interval[0], scale)} to {_value(interval[1], scale)}"
