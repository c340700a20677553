"""`liverboard response`: what came of the treatment of one case, by every criterion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from liverboard.cli.parameters import AsOf, CasePath, Json, Sample, day, today

if TYPE_CHECKING:
    from rich.console import Console

    from liverboard.board.response import ResponseReport


def response(case: CasePath = None, sample: Sample = None, as_of: AsOf = None, json: Json = False) -> None:
    """Response by RECIST 1.1, mRECIST, EASL, WHO, Choi and volume, with markers, symptoms, toxicity and end points, and why the criteria differ."""
    from liverboard.board.load import open_case
    from liverboard.board.response import response_document, response_of
    from liverboard.cli.show import progress, show_json

    opened = open_case(case, sample=sample)
    with progress("Judging the response") as step:
        report = response_of(
            opened.case, folder=opened.folder, as_of=day(as_of) or opened.case.as_of or today(), step=step
        )
    if json:
        show_json(response_document(report))
    else:
        _show(report)


def _show(report: ResponseReport) -> None:
    from rich.markup import escape

    from liverboard.board.timeline import words
    from liverboard.cli.show import out_console

    out = out_console()
    course = report.course
    out.print(f"[bold]{escape(report.case)}[/bold], as of {report.as_of}")
    if course is not None:
        baseline = "no baseline" if course.baseline_date is None else f"baseline {course.baseline_date}"
        out.print(f"  course    {escape(words(course.what))} from {course.start}, {baseline}")
    _criteria(report, out)
    for text in report.disagreements:
        out.print(f"  why       {escape(text)}", soft_wrap=True)
    for control in report.ablations:
        state = {True: "complete", False: "not complete", None: "cannot be told"}[control.complete]
        out.print(
            f"  ablation  {escape(control.lesion)} on {control.date}: {state}, {escape('; '.join(control.basis))}",
            soft_wrap=True,
        )
    for marker in report.markers.courses:
        out.print(f"  marker    {escape(marker.name)}: {escape(marker.reason)}", soft_wrap=True)
    for change in report.symptoms.daily:
        out.print(
            f"  symptom   {escape(change.name.replace('_', ' '))}: {change.before:g} on {change.before_date}, {change.latest:g} on {change.latest_date}"
        )
    for point in report.endpoints.endpoints.values():
        when = "" if point.days is None else f" {point.days} days,"
        state = {True: "happened", False: "censored", None: "cannot be told"}[point.happened]
        out.print(
            f"  end point {escape(point.name.replace('_', ' '))}:{when} {state}: {escape(point.reason)}", soft_wrap=True
        )
    for entry in report.overdue:
        out.print(f"  overdue   {escape(entry.what)}, due {entry.due} ({entry.state})", soft_wrap=True)
    for problem in report.problems:
        out.print(f"  problem   {escape(str(problem))}", soft_wrap=True)
    for warning in report.warnings:
        out.print(f"  note      {escape(warning)}", soft_wrap=True)


def _criteria(report: ResponseReport, out: Console) -> None:
    from rich.markup import escape
    from rich.table import Table

    from liverboard.response.disagreement import NAMES
    from liverboard.response.thresholds import sum_rule

    table = Table(box=None, header_style="bold")
    for name, right in (("criterion", False), ("response", False), ("liver", False), ("best", False), ("sum", True), ("change", True), ("reason", False)):  # fmt: skip
        table.add_column(name, justify="right" if right else "left")
    for name, answer in report.criteria.items():
        table.add_row(
            NAMES[name],
            answer.category + ("" if answer.scope == "patient" else " (liver only)"),
            "" if answer.hepatic is None else answer.hepatic.category,
            "" if answer.best is None else answer.best.category,
            "" if answer.total is None else sum_rule(name).amount(answer.total),
            "" if answer.change_percent is None else sum_rule(name).percent(answer.change_percent),
            escape(answer.basis[0] if answer.basis else ""),
        )
    out.print(table)
