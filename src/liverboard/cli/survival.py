"""`liverboard survival`: curves, medians, tests and models of one table of people."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from liverboard.cli.parameters import Json

Column = Annotated[str | None, typer.Option(metavar="COLUMN")]


def survival(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="One row a person, with a header row.")],
    time: Annotated[str, typer.Option("--time", metavar="COLUMN", help="End of follow-up, any unit.")],
    event: Annotated[
        str, typer.Option("--event", metavar="COLUMN", help="0 censored, 1 the event, 2 a competing event.")
    ],
    group: Annotated[str | None, typer.Option("--group", metavar="COLUMN", help="What is compared.")] = None,
    covariates: Annotated[
        str | None, typer.Option("--covariates", metavar="COLUMN,...", help="For the Cox model, beside the group.")
    ] = None,
    strata: Annotated[
        str | None, typer.Option("--strata", metavar="COLUMN", help="Strata of tests and models.")
    ] = None,
    entry: Annotated[
        str | None, typer.Option("--entry", metavar="COLUMN", help="Under observation since (left truncation).")
    ] = None,
    weights: Annotated[str | None, typer.Option("--weights", metavar="COLUMN", help="Weight of each row.")] = None,
    cluster: Annotated[
        str | None,
        typer.Option("--cluster", metavar="COLUMN", help="Rows whose errors belong together, such as a centre."),
    ] = None,
    ties: Annotated[
        str, typer.Option("--ties", metavar="efron|breslow", help="Tied events in the Cox model.")
    ] = "efron",
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME,...", help="Times at which survival is reported.")
    ] = None,
    tau: Annotated[
        float | None,
        typer.Option("--tau", metavar="TIME", help="End of the restricted mean. Default: the shortest follow-up."),
    ] = None,
    unit: Annotated[
        str, typer.Option("--unit", metavar="UNIT", help="Unit of the times, such as months; named on the page.")
    ] = "",
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE.html", help="A page with the curves and the numbers.")
    ] = None,
    json: Json = False,
) -> None:
    """Kaplan-Meier curves, medians, log-rank test, Cox model and restricted mean survival of a table of people."""
    from liverboard.board.survival import SurvivalColumns, read_people
    from liverboard.board.tables import read_table
    from liverboard.cli.show import progress, show_json
    from liverboard.synthesis.survival_report import Wishes, survival_report

    wishes = Wishes(_times(at), tau, _ties(ties))
    columns = SurvivalColumns(time, event, group, strata, entry, weights, cluster, _names(covariates))
    with progress("Survival"):
        data, notes = read_people(read_table(file), columns)
        report = survival_report(data, wishes)
        document = report.as_json()
        document["warnings"] = [*notes, *_list(document["warnings"])]
        if out is not None:
            from liverboard.report.evidence_page import write_page
            from liverboard.report.survival_views import SurvivalTime, survival_page

            write_page(survival_page(report.curves, document, event, SurvivalTime(time, unit)), out)
    if json:
        show_json(document)
    else:
        _show(document)
        if out is not None:
            typer.echo(f"wrote {out}")


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())


def _times(text: str | None) -> tuple[float, ...]:
    try:
        times = tuple(float(part) for part in _names(text))
    except ValueError:
        raise typer.BadParameter(f"--at '{text}': give numbers, such as 12,24,36") from None
    if any(not 0 <= time < float("inf") for time in times):
        raise typer.BadParameter(f"--at '{text}': times are 0 or more")
    return times


def _ties(text: str) -> Literal["efron", "breslow"]:
    if text == "efron":
        return "efron"
    if text == "breslow":
        return "breslow"
    raise typer.BadParameter(f"--ties '{text}': efron or breslow")


def _list(value: Any) -> list[Any]:
    return list(value)


def _show(document: Mapping[str, Any]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from liverboard.cli.show import out_console

    out = out_console()
    table = Table(box=None, header_style="bold")
    for name in ("group", "n", "events", "median", "95 % interval", "restricted mean"):
        table.add_column(name, justify="left" if name == "group" else "right")
    means = document["rmst"].get("groups", {})
    for name, found in document["groups"].items():
        mean = means.get(name)
        table.add_row(
            escape(name),
            str(found["n"]),
            str(found["events"]),
            _figure(found["median"], "not reached"),
            _interval(found["median_ci"]),
            "" if mean is None else f"{mean['estimate']:.4g} ({_interval(mean['ci'])})",
        )
    out.print(table)
    if means:
        out.print(f"restricted mean up to {document['rmst']['tau']:g}")
    else:
        out.print(f"restricted mean: not estimable: {escape(_reason(document['rmst']))}", soft_wrap=True)
    for name in document["groups"]:
        for point in document["groups"][name].get("survival_at", ()):
            beyond = "" if point["known"] else ", beyond the last follow-up"
            out.print(
                f"{escape(name)}: at {point['time']:g}, {point['survival']:.3f} ({_interval(point['ci'])}){beyond}"
            )
        for point in document["groups"][name].get("cumulative_incidence", ()):
            out.print(
                f"{escape(name)}: event 1 by {point['time']:g}, {point['incidence']:.3f} ({_interval(point['ci'])}), competing events counted"
            )
    for key, title in (("logrank", "log-rank"), ("peto_peto", "Peto-Peto")):
        test = document[key]
        if test is not None:
            strata = f", {test['strata']} strata" if test.get("strata", 1) > 1 else ""
            out.print(f"{title}{strata}: {_test(test)}", soft_wrap=True)
    for key, title in (("cox", "Cox"), ("fine_gray", "Fine-Gray")):
        if document.get(key) is not None:
            _show_model(out, title, document[key])
    for warning in document["warnings"]:
        out.print(f"note: {escape(warning)}", soft_wrap=True)


def _show_model(out: Any, title: str, model: Mapping[str, Any]) -> None:
    from rich.markup import escape

    if "not_estimable" in model:
        out.print(f"{title}: not estimable: {escape(_reason(model))}", soft_wrap=True)
        return
    ratio = "subdistribution HR" if title == "Fine-Gray" else "HR"
    for name, term in model["coefficients"].items():
        out.print(f"{title}, {escape(name)}: {ratio} {_figure(term['hr'])} ({_interval(term['ci'])}), {_p(term['p'])}")
    check = model.get("proportional_hazards")
    if check:
        out.print(f"{title}, proportional hazards: {_p(check['global']['p'])}")
    for warning in model["warnings"]:
        out.print(f"note: {escape(warning)}", soft_wrap=True)


def _reason(part: Mapping[str, Any]) -> str:
    """Why a part of the document has no numbers."""
    if "not_estimable" in part:
        return f"{part['not_estimable']}. {part['hint']}"
    return " ".join(part["warnings"])


def _test(test: Mapping[str, Any]) -> str:
    if test.get("chi2") is None:
        return f"not estimable: {_reason(test)}"
    return f"chi2 {test['chi2']:.3f} on {test['df']} df, {_p(test['p'])}"


def _figure(value: float | None, missing: str = "-") -> str:
    return missing if value is None else f"{value:.4g}"


def _interval(ci: list[float | None]) -> str:
    if ci == [None, None]:
        return "not reached"
    return " to ".join(_figure(limit, "not reached") for limit in ci)


def _p(p: float | None) -> str:
    return "p not known" if p is None else "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
