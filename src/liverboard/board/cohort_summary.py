"""A cohort in figures that may be shown: who is in it, how complete it is, how procedures were done, how long people lived, with every small count hidden.

Facts are those on the day of the first liver-directed treatment, so that nothing learnt later sorts people into groups whose survival is then compared; of who
had none, those of the day asked for.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from liverboard.board.procedure_cohort import CasePart, RoomTechnique, part_of, rooms_of
from liverboard.clinical.derive_timeline import visible_events
from liverboard.clinical.dictionary import load_dictionary
from liverboard.clinical.events import Board, Case, Procedure
from liverboard.clinical.extent import Frozen
from liverboard.clinical.facts import facts_of
from liverboard.response.endpoints import endpoints_of
from liverboard.synthesis.disclosure import MIN_CELL, Below, Count, Sum, Withheld, least_total, protect, share_of_part
from liverboard.synthesis.disclosure_table import Key, protect_table
from liverboard.synthesis.kaplan_meier import SurvivalCurve, kaplan_meier
from liverboard.synthesis.logrank import logrank
from liverboard.synthesis.observations import observe

DAYS_A_MONTH: Final = 30.4375
UNKNOWN: Final = "unknown"
NOT_FOLLOWED: Final = "not followed"
ALL: Final = "all"  # the one group of those who cannot be sorted without giving a small count away
GROUPS: Final = ("treatment", "chosen", "primary_site", "who_grade", "pattern", "extrahepatic", "sex", "year")
MOST_CURVES: Final = 6  # in one picture; further groups are counted, not drawn


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

    def value(self, group: str) -> str:
        return self.groups.get(group) or UNKNOWN


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
    """In how many cases a fact is known; None: not shown, since a small count beside it would follow."""

    fact: str
    n: Count | None


class Room(Frozen):
    """One technique in one room. `habits`: the regimens that were given often enough to be named, most often first; None: how often would give a small count away. Medians are of five or more procedures, and may stand where
    the number of procedures is hidden."""

    room: str
    technique: str
    n: Count
    stasis: Count | None = None
    stasis_known: Count | None = None
    interval_days: float | None = None
    activity_gbq: float | None = None
    stated_percent: float | None = None
    habits: tuple[tuple[str, int | None], ...] = ()


class Cohort(Frozen):
    """`cases`: that fit; hidden where they are few, or where a small count would follow beside the answers to fewer or other filters. `groups`: those whose survival is followed, or one of ALL where they cannot be sorted; `not_followed`: the others. `logrank_p`: of the groups that are drawn."""

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
    part = _part(rows, wanted.where)
    chosen = part.own
    synthetic = any(row.synthetic for row in chosen)
    cases = _table(rows, tuple(wanted.where), min_cell).get(tuple(wanted.where.values()), Withheld())
    if len(chosen) < least_total(min_cell) or not isinstance(cases, int):
        nothing = Cohort(
            min_cell=min_cell,
            cases=Below(below=least_total(min_cell)) if len(chosen) < least_total(min_cell) else Withheld(),
            synthetic=synthetic,
            group=wanted.group,
            groups=(),
            not_followed=None,
            logrank_p=None,
            completeness=(),
            rooms=(),
        )
        return nothing, {}
    sorted_by = wanted.group
    counts = _counted(rows, chosen, wanted, min_cell)
    if not counts:
        sorted_by = ALL
        counts = _beside_the_others(chosen, ALL, min_cell)
    groups, curves = _followed(part, sorted_by, counts, min_cell)
    p = None
    if len(curves) > 1:
        drawn = [(row, name) for row in chosen if (name := _sorted_by(row, sorted_by)) in curves]
        p = logrank(observe([r.days or 0 for r, _ in drawn], [r.died for r, _ in drawn]), [name for _, name in drawn]).p
    return Cohort(
        min_cell=min_cell,
        cases=cases,
        synthetic=synthetic,
        group=wanted.group,
        groups=groups,
        not_followed=counts.get(NOT_FOLLOWED, 0 if counts else Withheld()),
        logrank_p=p,
        completeness=tuple(_complete(part, min_cell)),
        rooms=tuple(_rooms(part, min_cell)),
    ), curves


def values_of(rows: Sequence[CohortRow], group: str, min_cell: int = MIN_CELL) -> tuple[str, ...]:
    """The values of a group that cases may be asked for by themselves, most frequent first."""
    counts = Counter(row.value(group) for row in rows)
    shown = _table(rows, (group,), min_cell)
    names = [name for name in counts if isinstance(shown.get((name,)), int) and counts[name] >= least_total(min_cell)]
    return tuple(sorted(names, key=lambda name: (name == UNKNOWN, -counts[name], name)))


@dataclass(frozen=True, slots=True)
class _Part:
    """Those that fit every filter, and for each filter those that fit all others but not it: what is shown of both, beside what is shown of their sum, must be
    no small count."""

    own: tuple[CohortRow, ...]
    others: tuple[tuple[CohortRow, ...], ...]


def _part(rows: Sequence[CohortRow], where: Mapping[str, str]) -> _Part:
    own: list[CohortRow] = []
    others: dict[str, list[CohortRow]] = {name: [] for name in where}
    for row in rows:
        lacking = [name for name, value in where.items() if row.value(name) != value]
        if not lacking:
            own.append(row)
        elif len(lacking) == 1:
            others[lacking[0]].append(row)
    return _Part(tuple(own), tuple(tuple(each) for each in others.values()))


def _table(rows: Sequence[CohortRow], questions: Sequence[str], min_cell: int) -> dict[Key, Count]:
    columns = [[row.groups.get(name) or UNKNOWN for row in rows] for name in questions]
    return protect_table(Counter(zip(*columns, strict=True)) if columns else {(): len(rows)}, min_cell)


def _sorted_by(row: CohortRow, group: str) -> str:
    return NOT_FOLLOWED if row.days is None else ALL if group == ALL else row.value(group)


def _counted(rows: Sequence[CohortRow], chosen: Sequence[CohortRow], wanted: Wanted, min_cell: int) -> dict[str, Count]:
    """How many are followed in each group, most first; small counts hidden, and as many others as it takes, here and beside the answers to other questions.
    Empty when that is not enough."""
    shown = _beside_the_others(chosen, wanted.group, min_cell)
    questions = dict.fromkeys((*wanted.where, wanted.group))
    beside = _table(rows, tuple(questions), min_cell)
    if all(None in key for key in beside):
        return {}
    for name, count in shown.items():
        key = tuple({wanted.group: name, **wanted.where}[each] for each in questions)
        if name != NOT_FOLLOWED and isinstance(count, int) and not isinstance(beside.get(key), int):
            shown[name] = Withheld()
    return shown


def _beside_the_others(chosen: Sequence[CohortRow], group: str, min_cell: int) -> dict[str, Count]:
    """How many are followed in each group, most first, small counts hidden among these alone. Empty when that is not enough."""
    counts = Counter(_sorted_by(row, group) for row in chosen)
    shown = protect({"in all": len(chosen), **counts}, [Sum("in all", tuple(counts))], min_cell, keep=("in all",))
    if shown is None:
        return {}
    return {
        name: shown[name]
        for name in sorted(counts, key=lambda name: (name in {UNKNOWN, NOT_FOLLOWED}, -counts[name], name))
    }


def _followed(
    part: _Part, group: str, counts: Mapping[str, Count], min_cell: int
) -> tuple[tuple[Group, ...], dict[str, SurvivalCurve]]:
    """The groups, and the curves of those whose number is shown, of whom enough are followed, and whose deaths may be counted: a curve has a step for each."""
    groups: list[Group] = []
    curves: dict[str, SurvivalCurve] = {}
    for name, n in counts.items():
        if name == NOT_FOLLOWED:
            continue
        groups.append(Group(name=name, n=n))
        if not isinstance(n, int) or n < least_total(min_cell) or len(curves) == MOST_CURVES:
            continue
        followed = [row for row in part.own if _sorted_by(row, group) == name]
        others = [[row for row in other if _sorted_by(row, group) == name] for other in part.others]
        deaths = share_of_part(_dead(followed), map(_dead, others), min_cell)
        if deaths is None or isinstance(deaths, Below):
            groups[-1] = Group(name=name, n=n, deaths=deaths)
            continue
        months = [(row.days or 0) / DAYS_A_MONTH for row in followed]
        curves[name] = _while_enough(kaplan_meier(observe(months, [row.died for row in followed])), min_cell)
        groups[-1] = _group(name, n, deaths, curves[name])
    return tuple(groups), curves


def _dead(rows: Sequence[CohortRow]) -> tuple[int, int]:
    return sum(row.died for row in rows), len(rows)


def _complete(part: _Part, min_cell: int) -> Iterator[Known]:
    """Facts that people are sorted by are known in all but the group of the unknown: hidden where that is."""
    known, *others = [_known(rows) for rows in (part.own, *part.others)]
    for fact in load_dictionary():
        beside = [(other[fact], len(rows)) for other, rows in zip(others, part.others, strict=True)]
        n = share_of_part((known[fact], len(part.own)), beside, min_cell)
        if fact in GROUPS and isinstance(n, int):
            unknown = _table(part.own, (fact,), min_cell).get((UNKNOWN,))
            n = n if isinstance(unknown, int) else None
        yield Known(fact=fact, n=n)


def _while_enough(curve: SurvivalCurve, min_cell: int) -> SurvivalCurve:
    """The curve as far as so many people are under observation: its tail would show single ones."""
    enough = curve.at_risk >= min_cell
    cut = {name: getattr(curve, name)[enough] for name in ("time", "at_risk", "events", "censored", "survival", "se", "lower", "upper", "variance_log")}  # fmt: skip
    return SurvivalCurve(**cut, n=curve.n, n_events=curve.n_events, transform=curve.transform, level=curve.level)


def _known(rows: Sequence[CohortRow]) -> Counter[str]:
    """In how many cases each fact is known; many cases have the same ones."""
    found: Counter[str] = Counter()
    for facts, count in Counter(row.known for row in rows).items():
        for fact in facts:
            found[fact] += count
    return found


def _group(name: str, n: int, deaths: Count, curve: SurvivalCurve) -> Group:
    low, high = (float(end) if np.isfinite(end) else None for end in curve.median_ci)
    return Group(
        name=name,
        n=n,
        deaths=deaths,
        median_months=curve.median,
        median_ci=(low, high),
        curve_ends_months=float(curve.time[-1]),
    )


def _rooms(part: _Part, min_cell: int) -> Iterator[Room]:
    """Technique by technique in each room. Who had a technique first is a group of people: where that is hidden, procedures are not counted either."""
    first = _table(part.own, ("treatment",), min_cell)
    hidden = {name for name in {row.value("treatment") for row in part.own} if not isinstance(first.get((name,)), int)}
    own, *others = [_by_room(rows) for rows in (part.own, *part.others)]
    for place, room in own.items():
        beside = [other[place] for other in others if place in other]
        if not _enough(room, min_cell):
            yield Room(room=room.room, technique=room.technique, n=Below(below=least_total(min_cell)))
        elif room.technique in hidden or not all(_enough(each, min_cell) for each in beside):
            yield _uncounted(room, min_cell)
        else:
            yield _counted_room(room, beside, min_cell)


def _by_room(rows: Sequence[CohortRow]) -> dict[tuple[str, str], RoomTechnique]:
    return {(each.room, each.technique): each for each in rooms_of([row.procedures for row in rows])}


def _enough(room: RoomTechnique, min_cell: int) -> bool:
    return room.n >= least_total(min_cell) and room.patients >= min_cell


def _uncounted(room: RoomTechnique, min_cell: int) -> Room:
    intervals = room.staged_intervals
    return Room(
        room=room.room,
        technique=room.technique,
        n=Withheld(),
        interval_days=intervals.median_days if intervals is not None and intervals.n >= min_cell else None,
        activity_gbq=room.activity_gbq.median if room.activity_gbq.n >= min_cell else None,
    )


def _counted_room(room: RoomTechnique, beside: Sequence[RoomTechnique], min_cell: int) -> Room:
    known = share_of_part((room.stasis_known, room.n), [(each.stasis_known, each.n) for each in beside], min_cell)
    stasis = None
    if room.stasis_known >= least_total(min_cell) and (isinstance(known, int) or room.stasis_known == room.n):
        ended = [(each.stasis, each.stasis_known) for each in beside]
        stasis = share_of_part((room.stasis, room.stasis_known), ended, min_cell)
    return _uncounted(room, min_cell).model_copy(
        update={
            "n": room.n,
            "stasis": stasis,
            "stasis_known": None if stasis is None else room.stasis_known,
            "stated_percent": 100 * room.required_stated / room.required if room.required else None,
            "habits": tuple(_habits(room, beside, min_cell)),
        }
    )


def _habits(room: RoomTechnique, beside: Sequence[RoomTechnique], min_cell: int) -> Iterator[tuple[str, int | None]]:
    """How often is told where no small count follows from it and the number of procedures, here and in the other parts."""
    shown = protect_table({(each.word,): each.n for each in room.regimens}, min_cell)
    elsewhere = [{each.word: each.n for each in other.regimens} for other in beside]
    for each in room.regimens:
        if each.n >= min_cell:
            told = isinstance(shown.get((each.word,)), int)
            alone = any(0 < other.get(each.word, 0) < min_cell for other in elsewhere)
            yield each.word, each.n if told and not alone else None
