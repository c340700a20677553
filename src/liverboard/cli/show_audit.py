"""An audit in the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from liverboard.cli.show import out_console
from liverboard.options.verdict import VERDICTS
from liverboard.options.words import SIGNS, VERDICT_WORDS, option_words
from liverboard.report.audit_page import NOT_POSSIBLE, count_words

if TYPE_CHECKING:
    from liverboard.options.audit_report import AuditReport, Verdicts

_MOST = 10  # rows of a list; the file and --json hold all


def show_audit(report: AuditReport, out: Path | None) -> None:
    """Verdicts by option, decisions beside the rules, what is missing most often, the thresholds that move most cases."""
    console = out_console()
    console.print(
        f"{count_words(report.cases)} cases, {report.rules} rules, knowledge {report.knowledge_version}. Counts of what the rules say, not of what is right."
    )
    if report.policy:
        console.print(f"policy: {escape(report.policy)}")
    if report.export:
        console.print(f"marked for export: counts below {report.min_cell} are hidden, and what would give them away")
    table = _verdict_table("Every option")
    for each in report.options:
        table.add_row(escape(option_words(each.option)), *_cells(each.verdicts))
    console.print(table)
    told = report.concordance
    if told is not None:
        table = _verdict_table(f"What boards chose ({count_words(told.cases)} cases)", "cases")
        for row in (row for row in told.options if row.cases != 0):
            table.add_row(escape(option_words(row.option)), count_words(row.cases), *_cells(row.verdicts))
        table.add_row("[bold]all[/bold]", count_words(told.cases), *_cells(told.verdicts))
        console.print(table)
        for against in told.against[:_MOST]:
            console.print(
                f"  against {escape(option_words(against.option))}, {count_words(against.cases)} cases: {against.rule} ({against.effect}). {escape(against.because)}",
                soft_wrap=True,
            )
    if report.missing:
        console.print("\n[bold]Missing most often where an option cannot be told[/bold]")
    for fact in report.missing[:_MOST]:
        console.print(f"  {count_words(fact.cases):>10}  {escape(fact.label)} ({escape(fact.who)})")
    if report.thresholds.moves:
        console.print(
            f"\n[bold]Thresholds that move most[/bold] (each alone, {count_words(report.thresholds.cases)} cases looked at)"
        )
    for move in [*(m for m in report.thresholds.moves if m.asked), *(m for m in report.thresholds.moves if not m.asked)][:_MOST]:  # fmt: skip
        console.print(
            f"  {count_words(move.cases):>10}  {move.rule}: {escape(move.comparison)} moved to {move.moved_to:g}",
            soft_wrap=True,
        )
    for note in report.notes:
        console.print(f"note: {escape(note)}", soft_wrap=True)
    if out is not None:
        console.print(f"wrote {escape(str(out))}", soft_wrap=True)


def _verdict_table(title: str, *more: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, header_style="bold")
    table.add_column("option", no_wrap=True)
    for name in (*more, *(f"{SIGNS[verdict]} {VERDICT_WORDS[verdict]}" for verdict in VERDICTS)):
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _cells(verdicts: Verdicts) -> list[str]:
    return [count_words(verdicts[verdict]) if verdict in verdicts else NOT_POSSIBLE for verdict in VERDICTS]
