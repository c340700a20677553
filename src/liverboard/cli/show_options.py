"""Options and audits in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape

from liverboard.cli.show import out_console
from liverboard.clinical.dictionary import all_definitions
from liverboard.options.words import SIGNS, VERDICT_WORDS, option_words, reason_line, set_aside

if TYPE_CHECKING:
    from liverboard.options.report import OptionsReport


_MOST_REASONS = 3


def show_options(report: OptionsReport) -> None:
    """An option a paragraph: verdict, the reasons that decide with their sources, what is missing; then what no comparison ranks."""
    out = out_console()
    out.print(f"Options as of {report.as_of}, knowledge {report.knowledge_version}. Weighed, not decided.")
    if report.policy:
        out.print(f"policy: {escape(report.policy)}")
    for each in report.options:
        out.print(
            f"\n{SIGNS[each.verdict]} [bold]{VERDICT_WORDS[each.verdict]:<13}[/bold] {escape(option_words(each.option))}"
        )
        deciding = [reason for reason in each.reasons if reason.decides]
        for reason in deciding[:_MOST_REASONS]:
            out.print(f"    {escape(reason_line(reason))}", soft_wrap=True)
        if len(deciding) > _MOST_REASONS:
            out.print(f"    and {len(deciding) - _MOST_REASONS} more; --json gives every reason")
        for reason in each.reasons:
            if set_aside(reason):
                out.print(f"    set aside here: {escape(reason_line(reason))}", soft_wrap=True)
        if each.given_before:
            out.print(f"    given before: {escape('; '.join(each.given_before))}", soft_wrap=True)
        if each.missing:
            asks = [
                f"{all_definitions()[name].asks_for} ({all_definitions()[name].who_supplies})" for name in each.missing
            ]
            out.print(f"    needs: {escape('; '.join(asks))}", soft_wrap=True)
        if each.to_check and each.verdict in {"fits", "caution"}:
            out.print(
                f"    to check: {escape(', '.join(all_definitions()[name].label for name in each.to_check))}",
                soft_wrap=True,
            )
        if each.stale:
            out.print(
                f"    old facts used: {escape(', '.join(all_definitions()[name].label for name in each.stale))}",
                soft_wrap=True,
            )
        if each.disagreements:
            out.print(f"    sources differ: {', '.join(each.disagreements)}")
    for note in report.equipoise:
        out.print(
            f"\nopen together, not ranked: {escape(', '.join(option_words(o) for o in note.options))}. {escape(note.says)}",
            soft_wrap=True,
        )
    for change in report.deviations:
        out.print(
            f"\nthis centre departs from {change.rule} ({change.override.action}): {escape(change.override.reason)}",
            soft_wrap=True,
        )
