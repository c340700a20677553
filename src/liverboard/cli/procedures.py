"""`liverboard procedures`: the procedures of a case, or of a cohort room by room."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from liverboard.cli.parameters import AsOf, Json, Sample, day, today
from liverboard.cli.weigh import Policy

if TYPE_CHECKING:
    from liverboard.board.procedure_cohort import CohortProcedures
    from liverboard.board.procedures import CaseProcedures
    from liverboard.clinical.events import Case

_MOST = 12
_CASE_NAMES = ("case.yaml", "case.yml", "case.json")


def procedures(
    case: Annotated[
        Path | None,
        typer.Argument(
            metavar="CASE|COHORT",
            help="A case file or its folder; or a folder of case files, or a text file with one path a line, for rooms side by side.",
        ),
    ] = None,
    sample: Sample = None,
    as_of: AsOf = None,
    technique: Annotated[
        str | None,
        typer.Option("--technique", metavar="T", help="Plan sessions of this one: tae ctace debtace sirt_resin sirt_glass sirt_ho166."),
    ] = None,
    past: Annotated[
        Path | None,
        typer.Option("--past", metavar="COHORT", help="The centre's own cases, for the intervals that it used to keep."),
    ] = None,
    policy: Policy = None,
    into: Annotated[
        bool, typer.Option("--into", help="Add the proposed sessions to the case file as plan events, after a look at them.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE.html", help="A page with plots, for the centre alone.")
    ] = None,
    json: Json = False,
) -> None:  # fmt: skip
    """Procedures: how complete they are recorded, planned beside done, what comes next; over a cohort, rooms side by side."""
    from liverboard.cli.show import show_json

    if out is not None and out.suffix.lower() != ".html":
        raise typer.BadParameter(f"'{out.name}' should end in .html", param_hint="--out")
    if case is not None and sample is None and is_cohort(case):
        if technique is not None or past is not None or policy is not None or into:
            raise typer.BadParameter("--technique, --past, --policy and --into belong to one case; this is a cohort")
        _cohort(case, day(as_of), out, json)
    else:
        if into and case is None:
            raise typer.BadParameter("--into needs a case file; a sample stays as it is")
        report = _case(case, sample, _Wishes(day(as_of), technique, past, policy), out)
        added = _add(case, report) if into and case is not None else None
        if json:
            show_json(report.model_dump(mode="json") | ({} if added is None else {"added": added}))
        else:
            _show_case(report, out)
            if added is not None:
                typer.echo(f"added {added} plan events to {case}")


def is_cohort(path: Path) -> bool:
    """Whether a path is a folder of case files, or a list of them, and no single case."""
    if path.is_dir():
        return not any((path / name).is_file() for name in _CASE_NAMES)
    return path.suffix.lower() in {".txt", ".list"}


def _cohort(path: Path, as_of: dt.date | None, out: Path | None, json: bool) -> None:
    from liverboard.board.procedure_cohort import procedures_of_cohort, read_cases
    from liverboard.cli.show import progress, show_json

    with progress("Comparing procedures") as step:
        cases, notes = read_cases(path, step)
        report = procedures_of_cohort(cases, lambda case: _day_of(case, as_of), notes=notes, step=step)
        _write(report, out)
    if json:
        show_json(report.model_dump(mode="json"))
    else:
        _show_cohort(report, out)


@dataclass(frozen=True, slots=True)
class _Wishes:
    """What is asked of one case."""

    as_of: dt.date | None
    technique: str | None
    past: Path | None
    policy: Path | None


def _case(path: Path | None, sample: str | None, wishes: _Wishes, out: Path | None) -> CaseProcedures:
    from liverboard.board.load import open_case
    from liverboard.board.procedure_cohort import of_the_centre, past_intervals, procedures_of_cohort, read_cases
    from liverboard.board.procedures import ARTERIAL, Asked, procedures_of
    from liverboard.cli.show import progress
    from liverboard.options.policy import read_policy

    technique, past = wishes.technique, wishes.past
    if technique is not None and technique not in ARTERIAL:
        raise typer.BadParameter(f"'{technique}' is none of {', '.join(sorted(ARTERIAL))}", param_hint="--technique")
    opened = open_case(path, sample=sample)
    on = _day_of(opened.case, wishes.as_of)
    with progress("Reading the procedures") as step:
        others = [] if past is None else of_the_centre(read_cases(past, step)[0], opened.case)
        # Of the centre's other patients only what lies before this day counts: a plan of that day could not have known more.
        intervals = past_intervals(others, lambda _: on)
        report = procedures_of(
            opened.case,
            Asked(on, read_policy(wishes.policy), technique=technique, past=intervals),
            folder=opened.folder,
        )
        if out is not None:
            _write(procedures_of_cohort([opened.case], lambda _: on), out)
    return report


def _add(case: Path, report: CaseProcedures) -> int:
    """Add the proposed sessions to the case file; how many. Raises BadInput."""
    from liverboard.board.append import append_events
    from liverboard.board.procedures import plan_events
    from liverboard.errors import BadInput

    if report.proposal is None:
        raise BadInput(
            f"no session is planned: {report.proposal_none_because}", where=case.name, hint="Give --technique."
        )
    undone = [each.plan for each in report.plans if each.done is None and each.technique == report.proposal.technique]
    if undone:
        raise BadInput(
            f"the case holds a plan of this technique that is not done: {', '.join(undone)}",
            where=case.name,
            hint="Correct that plan in the case file, or carry it out first.",
        )
    events = plan_events(case.name, report.proposal, report.as_of)
    append_events(case, events)
    return len(events)


def _day_of(case: Case, as_of: dt.date | None) -> dt.date:
    return as_of or case.as_of or today()


def _write(report: CohortProcedures, out: Path | None) -> None:
    if out is None:
        return
    from liverboard.report.evidence_page import write_page
    from liverboard.report.procedures_page import procedures_page

    write_page(procedures_page(report), out)


def _show_case(report: CaseProcedures, out: Path | None) -> None:
    from rich.markup import escape

    from liverboard.cli.show import out_console
    from liverboard.clinical.coded_words import words

    console = out_console()
    console.print(f"[bold]{escape(report.case)}[/bold], as of {report.as_of}")
    told = {each.event: each for each in report.completeness}
    for row in report.procedures:
        complete = told.get(row.event)
        stated = "" if complete is None else f"  required {complete.required_stated} of {complete.required}, wanted {complete.wanted_stated} of {complete.wanted}"  # fmt: skip
        session = f", session {row.session}" if row.session else ""
        console.print(f"  {row.date}  {escape(words(row.technique))}{session}{stated}", soft_wrap=True)
        facts = [
            f"{row.interval_days} d after the session before" if row.interval_days is not None else "",
            row.end_point or "",
            row.regimen or "",
            f"{row.activity_gbq:g} GBq" if row.activity_gbq is not None else "",
        ]
        if shown := [fact for fact in facts if fact]:
            console.print(f"              {escape('; '.join(shown))}", soft_wrap=True)
        if complete is not None and complete.missing_required:
            console.print(f"              missing: {escape('; '.join(complete.missing_required))}", soft_wrap=True)
        for score in complete.scores if complete else ():
            console.print(
                f"              {score.points} of {score.of} points of {escape(score.checklist)}"
                + (f", {score.not_due} not due yet" if score.not_due else ""),
                soft_wrap=True,
            )
    for plan in report.plans:
        done = f"done on {plan.done_on}" if plan.done else "not done"
        console.print(f"  plan of {plan.date}, {escape(words(plan.technique))}: {done}", soft_wrap=True)
        for each in plan.differences:
            percent = "" if each.percent is None else f" ({each.percent:+.0f} %)"
            console.print(f"      {escape(each.what)}: planned {escape(each.planned)}, done {escape(each.done)}{percent}", soft_wrap=True)  # fmt: skip
    _show_proposal(report)
    for problem in report.problems:
        console.print(f"  problem  {escape(problem)}", soft_wrap=True)
    if out is not None:
        console.print(f"wrote {escape(str(out))}", soft_wrap=True)


def _show_proposal(report: CaseProcedures) -> None:
    from rich.markup import escape

    from liverboard.cli.show import out_console
    from liverboard.clinical.coded_words import words

    console = out_console()
    if report.proposal is None:
        console.print(f"  no plan of sessions: {escape(report.proposal_none_because or '')}", soft_wrap=True)
        return
    proposal, plan = report.proposal, report.proposal.plan
    console.print(f"  [bold]sessions to discuss[/bold], {escape(words(proposal.technique))} ({escape(proposal.chosen_because)})", soft_wrap=True)  # fmt: skip
    for rule in proposal.rules:
        needs = f" (needs {', '.join(rule.needs)})" if rule.needs else ""
        console.print(f"      {rule.word:<5} {escape(rule.says)}{escape(needs)}", soft_wrap=True)
    for session in plan.sessions:
        load = "" if session.tumour_ml is None else f", {session.tumour_ml:.0f} mL"
        share = "" if session.share_percent is None else f" ({session.share_percent:.0f} % of the tumour)"
        wait = "" if session.after_days is None else f", about {session.after_days:.0f} d later"
        segments = ", ".join(str(each) for each in session.segments)
        console.print(f"      {session.number}. {escape(session.territory)}: segments {segments}{load}{share}{wait}", soft_wrap=True)  # fmt: skip
    for line in (*plan.because, plan.interval_says, *plan.open):
        if line:
            console.print(f"         {escape(line)}", soft_wrap=True)
    for check in plan.checks:
        console.print(f"      between: {escape(check.what)}. {escape(check.says)}", soft_wrap=True)
    for each in proposal.published:
        console.print(f"      published: {escape(each.says)} [{escape(each.source)}]", soft_wrap=True, markup=False)
    if proposal.own is not None:
        own = proposal.own
        console.print(
            f"      own: median {own.median_days:g} d, {own.range_days[0]} to {own.range_days[1]} d ({own.n} staged intervals of {own.patients} patients)",
            soft_wrap=True,
        )


def _show_cohort(report: CohortProcedures, out: Path | None) -> None:
    from rich.markup import escape

    from liverboard.cli.show import out_console
    from liverboard.clinical.coded_words import words

    console = out_console()
    console.print(f"[bold]{_counted(len(report.rows), 'procedure')}[/bold] of {_counted(report.cases, 'patient')}, room by room")  # fmt: skip
    for room in report.rooms:
        small = ", small" if room.small else ""
        console.print(f"  {escape(words(room.technique))}, {escape(room.room)}: {_counted(room.n, 'procedure')} of {_counted(room.patients, 'patient')}{small}", soft_wrap=True)  # fmt: skip
        interval = room.staged_intervals
        facts = [
            f"flow ceased in {room.stasis} of {room.stasis_known} with a stated end point" if room.stasis_known else "no end point stated" if room.technique in ("tae", "ctace", "debtace") else "",
            f"staged interval median {interval.median_days:g} d ({interval.range_days[0]} to {interval.range_days[1]}, n {interval.n})" if interval else "",
            f"activity median {room.activity_gbq.median:g} GBq (n {room.activity_gbq.n})" if room.activity_gbq.median is not None else "",
            "; ".join(f"{each.word}: {each.n}" for each in room.regimens),
            f"required items stated {room.required_stated} of {room.required}",
        ]  # fmt: skip
        for fact in facts:
            if fact:
                console.print(f"      {escape(fact)}", soft_wrap=True)
    if report.missing:
        console.print("[bold]Required and left out, most often first[/bold]")
    for each in report.missing[:_MOST]:
        console.print(f"  {each.missing} of {each.of}  {escape(each.asks)} ({escape(words(each.technique))})", soft_wrap=True)  # fmt: skip
    for note in report.notes:
        console.print(f"note: {escape(note)}", soft_wrap=True)
    if out is not None:
        console.print(f"wrote {escape(str(out))}", soft_wrap=True)


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
