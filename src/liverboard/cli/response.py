"""`liverboard response`: what came of the treatment of one case, by every criterion."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from liverboard.cli.parameters import AsOf, Json, Sample, day, today
from liverboard.cli.procedures import is_cohort

if TYPE_CHECKING:
    from rich.console import Console

    from liverboard.board.response import ResponseReport
    from liverboard.board.response_cohort import CohortResponse
    from liverboard.clinical.events import Case
    from liverboard.clinical.response import Criterion
    from liverboard.response.markers import MarkerCourse


_MOST_GROWTH = 12


def response(
    case: Annotated[
        Path | None,
        typer.Argument(
            metavar="CASE|COHORT",
            help="A case file or its folder; or a folder of case files, or a text file with one path a line, for waterfall and spider plots.",
        ),
    ] = None,
    sample: Sample = None,
    as_of: AsOf = None,
    criterion: Annotated[
        Literal["recist11", "mrecist", "easl", "who", "choi", "mchoi", "volumetric", "viable_volume"] | None,
        typer.Option("--criterion", help="Of a cohort: the criterion that is drawn. Default: recist11."),
    ] = None,
    liver: Annotated[bool, typer.Option("--liver", help="Of a cohort: the liver alone.")] = False,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="DIR", help="Of a cohort: a page with plots, and tables, for the centre alone."),
    ] = None,
    json: Json = False,
) -> None:  # fmt: skip
    """Response by RECIST 1.1, mRECIST, EASL, WHO, Choi and volume, with markers, symptoms, toxicity and end points, and why the criteria differ; of a cohort: waterfall and spider plots."""
    from liverboard.board.load import open_case
    from liverboard.board.response import response_document, response_of
    from liverboard.cli.show import progress, show_json

    if case is not None and sample is None and is_cohort(case):
        _cohort(case, _Wishes(day(as_of), criterion or "recist11", liver), out, json)
        return
    if criterion is not None or liver or out is not None:
        raise typer.BadParameter("--criterion, --liver and -o belong to a cohort; this is one case")
    opened = open_case(case, sample=sample)
    with progress("Judging the response") as step:
        report = response_of(
            opened.case, folder=opened.folder, as_of=day(as_of) or opened.case.as_of or today(), step=step
        )
    if json:
        show_json(response_document(report))
    else:
        _show(report)


@dataclass(frozen=True, slots=True)
class _Wishes:
    as_of: dt.date | None
    criterion: Criterion
    hepatic: bool


def _cohort(path: Path, wishes: _Wishes, out: Path | None, json: bool) -> None:
    from liverboard.board.procedure_cohort import read_cases
    from liverboard.board.response_cohort import response_of_cohort
    from liverboard.cli.show import progress, show_json

    def on(case: Case) -> dt.date:
        return wishes.as_of or case.as_of or today()

    with progress("Judging the response") as step:
        cases, notes = read_cases(path, step)
        report = response_of_cohort(
            cases, on, criterion=wishes.criterion, hepatic=wishes.hepatic, notes=notes, step=step
        )
        written = () if out is None else _write(report, out)
    if json:
        show_json(report.model_dump(mode="json"))
    else:
        _show_cohort(report, written)


def _write(report: CohortResponse, out: Path) -> tuple[Path, ...]:
    from liverboard.board.response_cohort import ENDPOINTS, patients_csv, times_csv
    from liverboard.report.evidence_page import render_page
    from liverboard.report.response_page import response_page
    from liverboard.report.write import write_files

    contents = {
        out / "response.html": render_page(response_page(report)),
        out / "response.csv": patients_csv(report),
    } | {out / f"{name}.csv": times_csv(report, name) for name in ENDPOINTS}
    write_files({file: text.encode() for file, text in contents.items()})
    return tuple(contents)


def _show_cohort(report: CohortResponse, written: tuple[Path, ...]) -> None:
    from rich.markup import escape

    from liverboard.cli.show import out_console
    from liverboard.clinical.coded_words import words
    from liverboard.response.disagreement import NAMES

    out = out_console()
    liver = ", liver only" if report.scope == "liver" else ""
    out.print(f"[bold]{report.cases} patients[/bold], best response by {NAMES[report.criterion]}{liver}; each technique by itself")  # fmt: skip
    for each in report.techniques:
        counts = ", ".join(f"{name} {count}" for name, count in sorted(each.counts.items()))
        few = " (few)" if each.small else ""
        out.print(f"  {words(each.technique)}{few}: {each.evaluable} of {each.n} evaluable; {counts or 'none'}", soft_wrap=True)  # fmt: skip
    for reason, count in report.aside.items():
        out.print(f"  not shown: {count} ({reason})", soft_wrap=True)
    for note in report.notes:
        out.print(f"note: {escape(note)}", soft_wrap=True)
    for file in written:
        out.print(f"wrote {escape(str(file))}", soft_wrap=True)


def _show(report: ResponseReport) -> None:
    from rich.markup import escape

    from liverboard.cli.show import out_console
    from liverboard.clinical.coded_words import words

    out = out_console()
    course = report.course
    out.print(f"[bold]{escape(report.case)}[/bold], as of {report.as_of}")
    if course is not None:
        baseline = "no baseline" if course.baseline_date is None else f"baseline {course.baseline_date}"
        out.print(f"  course    {escape(words(course.what))} from {course.start}, {baseline}")
    _criteria(report, out)
    for text in dict.fromkeys(text for answer in report.criteria.values() for text in answer.basis[1:]):
        out.print(f"  also      {escape(text)}", soft_wrap=True)
    for text in report.disagreements:
        out.print(f"  why       {escape(text)}", soft_wrap=True)
    for growth in report.growth[:_MOST_GROWTH]:
        out.print(f"  growth    {escape(growth.lesion)}: {escape(growth.says)}", soft_wrap=True)
    if len(report.growth) > _MOST_GROWTH:
        out.print(f"  growth    {len(report.growth) - _MOST_GROWTH} more lesions: see --json")
    for control in report.ablations:
        state = {True: "complete", False: "not complete", None: "cannot be told"}[control.complete]
        out.print(
            f"  ablation  {escape(control.lesion)} on {control.date}: {state}, {escape('; '.join(control.basis))}",
            soft_wrap=True,
        )
    for marker in report.markers.courses:
        out.print(f"  marker    {escape(_marker(marker))}", soft_wrap=True)
    for change in report.symptoms.daily:
        out.print(
            f"  symptom   {escape(change.name.replace('_', ' '))}: {change.before:g} on {change.before_date}, {change.latest:g} on {change.latest_date}"
        )
    if report.symptoms.durable is not None:
        durable = report.symptoms.durable
        said = {True: "yes", False: "no", None: "cannot be told"}[durable.holds]
        out.print(f"  symptom   durable response (TELESTAR): {said}: {escape(durable.reason)}", soft_wrap=True)
    for row in report.toxicity.rows:
        worst = ", ".join(f"{each.scale.upper()} {each.version} grade {each.grade}" for each in row.worst) or "no grade"
        out.print(f"  toxicity  {escape(row.term)}: {row.count}, worst {escape(worst)}; within 30 days {row.within_30_days}, within 90 {row.within_90_days}", soft_wrap=True)  # fmt: skip
    for after in report.endpoints.after_procedures:
        died = {True: "died", False: "alive", None: "not known whether alive"}[after.died]
        ill = {True: f"complications {len(after.complications)}", False: "no complication", None: "complications not known"}[after.complicated]  # fmt: skip
        out.print(
            f"  {after.days} days   {escape(words(after.technique))} of {after.date}: {died}, {ill}", soft_wrap=True
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


def _marker(marker: MarkerCourse) -> str:
    """The values that are compared with their days, and what is made of them."""
    from liverboard.response.markers import LABELS

    seen = [f"{each.value:g} {each.unit} on {each.date}" for each in (marker.before, marker.latest) if each is not None]
    values = f" {' then '.join(seen)}:" if seen else ""
    says = {True: "; biochemical response", False: "; no biochemical response", None: ""}[marker.biochemical_response]
    unseen = " (a convention whose source was not seen)" if says and marker.verification == "U" else ""
    return f"{LABELS[marker.name]}:{values} {marker.reason}{says}{unseen}"


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
