"""An audit made ready to leave the centre: every small count hidden, with what would give it away. Counts alone, never a case."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from liverboard.errors import NotPermitted
from liverboard.options.audit_report import (
    Against,
    AuditReport,
    ChosenCounts,
    Concordance,
    MissingFact,
    Move,
    OptionCounts,
    Verdicts,
)
from liverboard.options.verdict import VERDICTS, Verdict, rules_of
from liverboard.rules.rule import Compiled
from liverboard.synthesis.disclosure import Below, Count, Sum, Withheld, least_total, protect, share

_ALL = "cases"
_REST = "not "  # before the name of a count: the cases that follow from it and its total
_LEAST = 2  # a minimum of 1 would hide nothing that identifies


def for_export(report: AuditReport, rules: Iterable[Compiled], min_cell: int) -> AuditReport:
    """The report marked for export: counts below `min_cell` are `Below`, counts that would give one away `Withheld`.

    A verdict that an option can never have, since no rule gives it, is left out. Changes by option and facts by option are left out too: too much could be
    worked out from them. Raises NotPermitted for a cohort that is too small to say anything of.
    """
    if min_cell < _LEAST:
        raise NotPermitted(f"a minimum cell of {min_cell} hides nothing", hint=f"Choose {_LEAST} or more; 5 is usual.")
    cases = _int(report.cases)
    if cases < least_total(min_cell):
        raise NotPermitted(
            f"a cohort of fewer than {least_total(min_cell)} cases is not marked for export",
            hint=f"With a minimum cell of {min_cell} nothing could be shown of it. Leave --export out for use within the centre.",
        )
    possible = {each.option: _possible(each.option, tuple(rules)) for each in report.options}
    counts, sums = _table(report, possible)
    implied = [name for name in counts if name.startswith(_REST)]
    shown = protect(counts, sums, min_cell, keep=_kept(report), implied=implied)
    concordance = None
    notes = list(report.notes)
    if shown is None:  # what boards chose cannot be shown beside the verdicts without giving a small count away
        shown = _rows_alone(report, possible, min_cell)
        notes.append("what boards chose is not shown: a small count could be worked out from it")
    elif report.concordance is not None:
        concordance = _concordance(report.concordance, shown, possible, min_cell)
    return report.model_copy(
        update={
            "export": True,
            "min_cell": min_cell,
            "options": tuple(
                OptionCounts(option=each.option, verdicts=_row(each.option, possible[each.option], shown))
                for each in report.options
            ),
            "concordance": concordance,
            "missing": _shown(_missing(each, cases, min_cell) for each in report.missing),
            "thresholds": report.thresholds.model_copy(
                update={
                    "moves": _shown(
                        _move(each, _int(report.thresholds.cases), min_cell) for each in report.thresholds.moves
                    )
                }
            ),
            "notes": tuple(notes),
            "source": None,
        }
    )


_Listed = TypeVar("_Listed", Against, MissingFact, Move)


def _shown(entries: Iterable[_Listed]) -> tuple[_Listed, ...]:
    """Lists hold what is not small: the place of a small count in a list, or that it stands there at all, would speak of it."""
    listed = [each for each in entries if not isinstance(each.cases, Below)]
    counted = [each for each in listed if isinstance(each.cases, int)]
    return (*counted, *sorted((each for each in listed if not isinstance(each.cases, int)), key=str))


def _possible(option: str, rules: Iterable[Compiled]) -> tuple[Verdict, ...]:
    """The verdicts that the rules of an option can give, whatever the patient; known to whoever knows the rules."""
    mine = rules_of(option, rules)
    effects = {each.rule.effect for each in mine}
    never: set[Verdict] = set()
    if not effects & {"contraindication", "requirement"}:
        never.add("excluded")
    if "caution" not in effects:
        never.add("caution")
    if "indication" not in effects:
        never |= {"fits", "caution"}
    return tuple(verdict for verdict in VERDICTS if verdict not in never)


def _table(report: AuditReport, possible: Mapping[str, tuple[Verdict, ...]]) -> tuple[dict[str, int], list[Sum]]:
    """Every count of verdicts and choices, and how they add up; the cases that did not choose an option follow from the others, and are protected too."""
    counts = {_ALL: _int(report.cases)}
    sums: list[Sum] = []
    for each in report.options:
        cells = {_cell(each.option, verdict): _int(each.verdicts[verdict]) for verdict in possible[each.option]}
        counts |= cells
        sums.append(Sum(_ALL, tuple(cells)))
    told = report.concordance
    if told is None:
        return counts, sums
    counts["chosen"] = _int(told.cases)
    if rest := counts[_ALL] - counts["chosen"]:
        counts[f"{_REST}chosen"] = rest
        sums.append(Sum(_ALL, ("chosen", f"{_REST}chosen")))
    columns: dict[Verdict, list[str]] = {verdict: [] for verdict in VERDICTS}
    for each in told.options:
        row: list[str] = []
        for verdict in possible[each.option]:
            cell = _cell(each.option, verdict, chosen=True)
            counts[cell] = _int(each.verdicts[verdict])
            counts[f"{_REST}{cell}"] = counts[_cell(each.option, verdict)] - counts[cell]
            sums.append(Sum(_cell(each.option, verdict), (cell, f"{_REST}{cell}")))
            columns[verdict].append(cell)
            row.append(cell)
        counts[f"chosen {each.option}"] = _int(each.cases)
        sums.append(Sum(f"chosen {each.option}", tuple(row)))
    sums.append(Sum("chosen", tuple(f"chosen {each.option}" for each in told.options)))
    totals: list[Verdict] = [verdict for verdict in VERDICTS if columns[verdict]]
    for verdict in totals:
        counts[f"all {verdict}"] = _int(told.verdicts[verdict])
        sums.append(Sum(f"all {verdict}", tuple(columns[verdict])))
    sums.append(Sum("chosen", tuple(f"all {verdict}" for verdict in totals)))
    return counts, sums


def _kept(report: AuditReport) -> tuple[str, ...]:
    """Totals that a reader knows or could ask for; they are not hidden to protect another count."""
    return (_ALL,) if report.concordance is None else (_ALL, "chosen")


def _rows_alone(report: AuditReport, possible: Mapping[str, tuple[Verdict, ...]], min_cell: int) -> dict[str, Count]:
    """The verdicts of each option without the choices; a row that cannot be protected is withheld as a whole."""
    found: dict[str, Count] = {}
    for each in report.options:
        cells = {_cell(each.option, verdict): _int(each.verdicts[verdict]) for verdict in possible[each.option]}
        row = protect({**cells, _ALL: _int(report.cases)}, [Sum(_ALL, tuple(cells))], min_cell, keep=(_ALL,))
        found |= dict.fromkeys(cells, Withheld()) if row is None else row
    return found


def _concordance(
    told: Concordance, shown: Mapping[str, Count], possible: Mapping[str, tuple[Verdict, ...]], min_cell: int
) -> Concordance:
    options = tuple(
        ChosenCounts(
            option=each.option,
            cases=shown[f"chosen {each.option}"],
            verdicts=_row(each.option, possible[each.option], shown, chosen=True),
        )
        for each in told.options
    )
    rows = {each.option: each for each in options}
    against = (_against(each, rows[each.option], min_cell) for each in told.against)
    return Concordance(
        cases=shown["chosen"],
        verdicts={verdict: shown[f"all {verdict}"] for verdict in VERDICTS if f"all {verdict}" in shown},
        options=options,
        against=_shown(each for each in against if each is not None),
    )


def _against(each: Against, row: ChosenCounts, min_cell: int) -> Against | None:
    """Left out where the row of its option hides anything but small counts: it bounds what is withheld there."""
    of = row.cases if each.effect == "caution" else row.verdicts.get("excluded")
    if not isinstance(of, int) or any(isinstance(count, Withheld) for count in row.verdicts.values()):
        return None
    return each.model_copy(update={"cases": share(_int(each.cases), of, min_cell)})


def _missing(each: MissingFact, cases: int, min_cell: int) -> MissingFact:
    return each.model_copy(update={"cases": share(_int(each.cases), cases, min_cell), "options": {}})


def _move(each: Move, cases: int, min_cell: int) -> Move:
    return each.model_copy(update={"cases": share(_int(each.cases), cases, min_cell), "changes": ()})


def _row(option: str, possible: Iterable[Verdict], shown: Mapping[str, Count], *, chosen: bool = False) -> Verdicts:
    return {verdict: shown[_cell(option, verdict, chosen=chosen)] for verdict in possible}


def _cell(option: str, verdict: str, *, chosen: bool = False) -> str:
    return f"{'chosen ' if chosen else ''}{option} {verdict}"


def _int(count: Count) -> int:
    """A count that was counted, not hidden."""
    if isinstance(count, Below | Withheld):
        raise TypeError("a report is made ready for export once")
    return count
