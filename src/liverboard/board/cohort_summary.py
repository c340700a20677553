"""A cohort in figures that may be shown: who is in it, how complete it is, how procedures were done, how long people lived, with every small count hidden.

Facts are those on the day of the first liver-directed treatment, so that nothing learnt later sorts people into groups whose survival is then compared; of who
had none, those of the day asked for.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from liverboard.board.procedure_cohort import CasePart, RoomTechnique, part_of, together
from liverboard.clinical.derive_timeline import visible_events
from liverboard.clinical.dictionary import load_dictionary
from liverboard.clinical.events import Board, Case, Procedure
from liverboard.clinical.extent import Frozen
from liverboard.clinical.facts import facts_of
from liverboard.response.endpoints import endpoints_of
from liverboard.synthesis.disclosure import MIN_CELL, Below, Count, Sum, least_total, protect, share
from liverboard.synthesis.kaplan_meier import SurvivalCurve, kaplan_meier
from liverboard.synthesis.logrank import logrank
from liverboard.synthesis.observations import observe

DAYS_A_MONTH: Final = 30.4375
UNKNOWN: Final = "unknown"
NOT_FOLLOWED: Final = "not followed"
GROUPS: Final = ("treatment", "chosen", "primary_site", "who_grade", "pattern", "extrahepatic", "sex", "year")
_MOST_GROUPS: Final = 6  # curves in one picture; further groups are counted, not drawn


@dataclass(frozen=True, slots=True)
class CohortRow:
    """One case. `groups`: its value of each of GROUPS; None is unknown. `days`: of survival from the first liver-directed treatment; None where it cannot be told."""

    as_of: dt.date
    synthetic: bool
    groups: Mapping[str, str | None]
    known: frozenset[str]
    days: int | None
    died: bool
    procedures: CasePart


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which cases, and what sorts them. `where`: values that must hold, by group; `unknown` for those without one."""

    group: str = "treatment"
    where: Mapping[str, str] = field(default_factory=dict[str, str])


class Group(Frozen):
    """One group. `median_months` and its interval: of survival; None where it is not reached before the curve ends, or no curve is shown.

    `curve_ends_months`: how far the curve is shown, which is as long as `min_cell` people are followed; what comes later is not told.
    """

    name: str
    n: Count
    deaths: Count | None = None
    median_months: float | None = None
    median_ci: tuple[float | None, float | None] = (None, None)
    curve_ends_months: float | None = None


class Known(Frozen):
    """In how many cases a fact is known."""

    fact: str
    n: Count


class Room(Frozen):
    """One technique in one room. `habits`: the regimens that were given often enough to be shown."""

    room: str
    technique: str
    n: Count
    stasis: Count | None = None
    stasis_known: Count | None = None
    interval_days: float | None = None
    activity_gbq: float | None = None
    stated_percent: float | None = None
    habits: tuple[tuple[str, int], ...] = ()


class Cohort(Frozen):
    """`cases`: that fit. `groups`: those whose survival is followed; `not_followed`: the others. `logrank_p`: of the groups that are drawn."""

    min_cell: int
    cases: Count
    synthetic: bool
    group: str
    groups: tuple[Group, ...]
    not_followed: Count | None
    logrank_p: float | None
    completeness: tuple[Known, ...]
    rooms: tuple[Room, ...]


def row_of(case: Case, day: dt.date) -> CohortRow:
    """What a cohort needs of one case, as of a day."""
    events = visible_events(case, day, None)[0]
    survival = endpoints_of(case, day).endpoints["overall_survival"]
    start = survival.start
    baseline = day if start is None else start.date
    facts = facts_of(case, baseline)
    first = next((e for e in events if start is not None and e.id == start.event), None)
    boards = [e for e in events if isinstance(e, Board) and e.chosen is not None]
    words = {name: facts.value(name) for name in ("primary_site", "who_grade", "pattern", "extrahepatic", "sex")}
    return CohortRow(
        as_of=day,
        synthetic=case.synthetic is True,
        groups={
            "treatment": first.technique if isinstance(first, Procedure) else None,
            "chosen": boards[-1].chosen if boards else None,
            "year": None if start is None else str(start.date.year),
            **{name: None if value is None else str(value) for name, value in words.items()},
        },
        known=frozenset(name for name in load_dictionary() if facts.value(name) is not None),
        days=survival.days if survival.happened is not None else None,
        died=survival.happened is True,
        procedures=part_of(case, day),
    )


def summarise(
    rows: Sequence[CohortRow], wanted: Wanted, min_cell: int = MIN_CELL
) -> tuple[Cohort, Mapping[str, SurvivalCurve]]:
    """The cohort as it may be shown, and the curves of the groups that may be drawn, in months, each as far as `min_cell` people are followed."""
    chosen = [row for row in rows if all((row.groups.get(g) or UNKNOWN) == value for g, value in wanted.where.items())]
    synthetic = any(row.synthetic for row in chosen)
    if len(chosen) < least_total(min_cell):
        nothing = Cohort(
            min_cell=min_cell,
            cases=Below(below=least_total(min_cell)),
            synthetic=synthetic,
            group=wanted.group,
            groups=(),
            not_followed=None,
            logrank_p=None,
            completeness=(),
            rooms=(),
        )
        return nothing, {}
    names = [NOT_FOLLOWED if row.days is None else row.groups.get(wanted.group) or UNKNOWN for row in chosen]
    counts = _counted(names, min_cell)
    curves = _curves(chosen, names, counts, min_cell)
    p = None
    if len(curves) > 1:
        drawn = [(row, name) for row, name in zip(chosen, names, strict=True) if name in curves]
        p = logrank(observe([r.days or 0 for r, _ in drawn], [r.died for r, _ in drawn]), [name for _, name in drawn]).p
    known = Counter(fact for row in chosen for fact in row.known)
    return Cohort(
        min_cell=min_cell,
        cases=len(chosen),
        synthetic=synthetic,
        group=wanted.group,
        groups=tuple(_group(name, n, curves.get(name), min_cell) for name, n in counts.items() if name != NOT_FOLLOWED),
        not_followed=counts.get(NOT_FOLLOWED, 0),
        logrank_p=p,
        completeness=tuple(Known(fact=fact, n=share(known[fact], len(chosen), min_cell)) for fact in load_dictionary()),
        rooms=tuple(_room(each, min_cell) for each in together([row.procedures for row in chosen]).rooms),
    ), curves


def values_of(rows: Sequence[CohortRow], group: str) -> tuple[str, ...]:
    """The values that a group has in these rows, most frequent first."""
    counts = Counter(row.groups.get(group) or UNKNOWN for row in rows)
    return tuple(sorted(counts, key=lambda name: (name == UNKNOWN, -counts[name], name)))


def _counted(names: Sequence[str], min_cell: int) -> dict[str, Count]:
    """How many are in each group, most first; small counts hidden, and as many others as it takes. Empty when that is not enough."""
    counts = Counter(names)
    shown = protect({"all": len(names), **counts}, [Sum("all", tuple(counts))], min_cell, keep=("all",))
    if shown is None:
        return {}
    return {
        name: shown[name]
        for name in sorted(counts, key=lambda name: (name in {UNKNOWN, NOT_FOLLOWED}, -counts[name], name))
    }


def _curves(
    rows: Sequence[CohortRow], names: Sequence[str], counts: Mapping[str, Count], min_cell: int
) -> dict[str, SurvivalCurve]:
    """Of the groups whose number is shown and of whom enough are followed."""
    found: dict[str, SurvivalCurve] = {}
    for name, count in counts.items():
        if (
            name == NOT_FOLLOWED
            or not isinstance(count, int)
            or count < least_total(min_cell)
            or len(found) == _MOST_GROUPS
        ):
            continue
        followed = [row for row, group in zip(rows, names, strict=True) if group == name]
        months = [(row.days or 0) / DAYS_A_MONTH for row in followed]
        found[name] = _while_enough(kaplan_meier(observe(months, [row.died for row in followed])), min_cell)
    return found


def _while_enough(curve: SurvivalCurve, min_cell: int) -> SurvivalCurve:
    """The curve as far as so many people are under observation: its tail would show single ones."""
    enough = curve.at_risk >= min_cell
    cut = {name: getattr(curve, name)[enough] for name in ("time", "at_risk", "events", "censored", "survival", "se", "lower", "upper", "variance_log")}  # fmt: skip
    return SurvivalCurve(**cut, n=curve.n, n_events=curve.n_events, transform=curve.transform, level=curve.level)


def _group(name: str, n: Count, curve: SurvivalCurve | None, min_cell: int) -> Group:
    if curve is None:
        return Group(name=name, n=n)
    low, high = (float(end) if np.isfinite(end) else None for end in curve.median_ci)
    return Group(
        name=name,
        n=n,
        deaths=share(curve.n_events, curve.n, min_cell),
        median_months=curve.median,
        median_ci=(low, high),
        curve_ends_months=float(curve.time[-1]),
    )


def _room(room: RoomTechnique, min_cell: int) -> Room:
    if room.n < least_total(min_cell) or room.patients < min_cell:
        return Room(room=room.room, technique=room.technique, n=Below(below=least_total(min_cell)))
    intervals = room.staged_intervals
    enough = room.stasis_known >= least_total(min_cell)
    return Room(
        room=room.room,
        technique=room.technique,
        n=room.n,
        stasis=share(room.stasis, room.stasis_known, min_cell) if enough else None,
        stasis_known=room.stasis_known if enough else None,
        interval_days=intervals.median_days if intervals is not None and intervals.n >= min_cell else None,
        activity_gbq=room.activity_gbq.median if room.activity_gbq.n >= min_cell else None,
        stated_percent=100 * room.required_stated / room.required if room.required else None,
        habits=tuple((each.word, each.n) for each in room.regimens if each.n >= min_cell),
    )
