"""What a board should ask for, in the order that it matters: the rules decide it."""

from __future__ import annotations

from collections.abc import Iterator

from liverboard.board.dossier import Missing
from liverboard.clinical.dictionary import all_definitions
from liverboard.clinical.facts import Facts
from liverboard.options.report import OptionsReport
from liverboard.options.words import short_words

_OPEN = ("fits", "caution")


def missing_of(facts: Facts, report: OptionsReport) -> tuple[Missing, ...]:
    """Questioned values first; then what settles an option that cannot be told, the fact first that weighs most; then what is to be checked for an open option;
    then old facts that an open option rests on. A questioned value names the options that cannot be told too, where it is to be checked. A fact that settles an option alone weighs 1, one of two half, and so on."""
    weights: dict[str, float] = {}
    settles: dict[str, list[str]] = {}
    for each in report.options:
        for name in each.missing:
            weights[name] = weights.get(name, 0.0) + 1 / len(each.missing)
            settles.setdefault(name, []).append(each.option)
    checks: dict[str, list[str]] = {}
    rests: dict[str, list[str]] = {}
    for each in report.options:
        for name in each.to_check:
            if each.verdict in _OPEN or (each.verdict == "cannot_tell" and name in facts.questioned):
                checks.setdefault(name, []).append(each.option)
        for name in each.stale if each.verdict in _OPEN else ():
            rests.setdefault(name, []).append(each.option)
    rows: list[Missing] = []
    told: set[str] = set()

    def add(name: str, reason: str, changes: Iterator[str]) -> None:
        if name in told:
            return
        told.add(name)
        definition, fact = all_definitions()[name], facts.facts.get(name)
        note = fact.note if fact is not None and reason == "questioned" else None
        rows.append(
            Missing(
                fact=name,
                label=definition.label,
                reason=reason,  # pyright: ignore[reportArgumentType]
                ask=note or definition.asks_for,
                who=definition.who_supplies,
                changes="; ".join(changes),
                since=None if fact is None else fact.date,
            )
        )

    def changes(name: str) -> Iterator[str]:
        for words, by_fact in (("settles", settles), ("to check for", checks), ("behind", rests)):
            if name in by_fact:
                yield f"{words} {short_words(by_fact[name])}"

    for name in facts.questioned:
        add(name, "questioned", changes(name))
    for name in sorted(settles, key=lambda name: -weights[name]):
        add(name, "unknown", changes(name))
    for name in sorted(checks, key=lambda name: -len(checks[name])):
        add(name, "unknown", changes(name))
    for name in sorted(rests, key=lambda name: -len(rests[name])):
        add(name, "stale", changes(name))
    return tuple(rows)
