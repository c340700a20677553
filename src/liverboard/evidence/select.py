"""Which rows of the catalogue a pool may use, and why each other row is left out. The rules of inclusion are here and nowhere else.

A row is used when its arm is of neuroendocrine liver metastases alone and open to pooling, it counts patients of the whole arm, and it has strict events of n
(medians and survival percentages, which are listed: a figure). Of each overlap group, and of each arm, one row an outcome is used: the largest n.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from liverboard.evidence.catalogue import Arm, Catalogue, Outcome, load_unverified

NO_COUNT = "no strict count"
"""How the reason begins of a row that prints a percentage and no count."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row that is not pooled, with the reason in words."""

    row: Outcome
    arm: Arm
    reason: str


@dataclass(frozen=True, slots=True)
class Selection:
    """The rows of some techniques and one outcome. `apart`: counted per procedure, session, cycle or lesion; shown beside, never mixed in."""

    used: tuple[tuple[Outcome, Arm], ...]
    apart: tuple[LeftOut, ...]
    left_out: tuple[LeftOut, ...]


def select(
    catalogue: Catalogue, techniques: Iterable[str], outcome: str, *, counts: bool = True, at_risk: Iterable[str] = ()
) -> Selection:
    """The rows to pool, or to list where `counts` is False. `at_risk`: names of subgroups that count as the whole (only for a sensitivity reading that says so)."""
    counted = frozenset(at_risk)
    open_rows: list[tuple[Outcome, Arm]] = []
    apart: list[LeftOut] = []
    left_out: list[LeftOut] = []
    for row in catalogue.of(techniques, outcome):
        arm = catalogue.arm(row)
        reason = _shut(row, arm, counted, counts=counts)
        if reason is None:
            open_rows.append((row, arm))
        elif row.unit_of_analysis not in {"patient", "unclear"} and arm.population == "nelm":
            apart.append(LeftOut(row, arm, reason))
        else:
            left_out.append(LeftOut(row, arm, reason))
    used: list[tuple[Outcome, Arm]] = []
    for row, arm in open_rows:
        best = max((each for each in open_rows if _same_people(arm, each[1])), key=_largest)
        if best[0] is row:
            used.append((row, arm))
        else:
            left_out.append(LeftOut(row, arm, _shared(arm, best[1], best[0])))
    return Selection(tuple(used), tuple(apart), tuple(left_out))


def _shut(row: Outcome, arm: Arm, at_risk: frozenset[str], *, counts: bool) -> str | None:
    if arm.retracted:
        return f"retracted: {arm.retracted}"
    if arm.population != "nelm":
        return "mixed population: not neuroendocrine liver metastases alone"
    if not arm.include_in_pooling:
        return "not open to pooling: " + (
            "the whole cohort, whose arms are listed"
            if arm.arm_role == "whole_cohort"
            else arm.notes or "as the catalogue marks it"
        )
    if row.unit_of_analysis == "unclear":
        return "it is not clear what was counted"
    if row.unit_of_analysis != "patient":
        return f"counted per {row.unit_of_analysis}, not per patient"
    if row.subgroup and row.subgroup not in at_risk:
        return f"a subgroup ({row.subgroup}), not the whole arm"
    if not counts:
        return "no figure on the page" if row.value is None else None
    if row.events is None or row.n is None:
        return f"{NO_COUNT}: the page prints {row.printed or 'no figure'}"
    return None if row.n else "nobody was evaluable"


def _same_people(one: Arm, other: Arm) -> bool:
    return one.study_id == other.study_id or (bool(one.overlap_group) and one.overlap_group == other.overlap_group)


def _largest(pair: tuple[Outcome, Arm]) -> tuple[int, int, str, str, str, str]:
    """Largest n; then the larger arm; then an order that does not hang on the file."""
    row, arm = pair
    return row.n or arm.n_patients or 0, arm.n_patients or 0, arm.study_id, row.criteria, row.timepoint, row.printed


def _shared(arm: Arm, better: Arm, row: Outcome) -> str:
    n = row.n or better.n_patients
    if arm.study_id == better.study_id:
        return f"another row of the same arm is used ({row.criteria}, {n} patients)"
    doubt = " (a judgement that nobody checked)" if arm.overlap_group in load_unverified().overlap_groups else ""
    return f"probably shares patients with {better.study_id} (group {arm.overlap_group}{doubt}), which is used ({n} patients)"
