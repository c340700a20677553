"""Small counts hidden before a table leaves the centre, and as many others as it takes that no reader can work them out from sums and totals.

A count below the smallest allowed is shown as `Below`; zero is such a count. Whoever knows every count that is shown, how they add up and which of the hidden
ones are small still finds every number from 0 to the largest small one possible for each small count; where that fails, further counts are `Withheld`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from liverboard.clinical.extent import Frozen

MIN_CELL: Final = (
    5  # issue of disclosure, not of medicine: the usual smallest cell of clinical registers' public tables
)


class Below(Frozen):
    """A count that is smaller than `below`."""

    below: int


class Withheld(Frozen):
    """A count that is not small, hidden because a small one could be worked out from it."""

    withheld: Literal[True] = True


Count = int | Below | Withheld


@dataclass(frozen=True, slots=True)
class Sum:
    """`total` is the sum of `parts`, all of them names of counts."""

    total: str
    parts: tuple[str, ...]


def least_total(min_cell: int) -> int:
    """The smallest group of which anything is shown: below it, one small and one other count could be worked out from their total."""
    return 2 * min_cell - 1


def share(count: int, of: int, min_cell: int) -> Count:
    """A count out of a known total: hidden when it, or the rest of the total, is small."""
    if count < min_cell:
        return Below(below=min_cell)
    return Withheld() if of - count < min_cell else count


def share_of_part(own: tuple[int, int], others: Iterable[tuple[int, int]], min_cell: int) -> Count | None:
    """A count out of the total of a part of all people. `others`: the same of each other part; None when it could not be shown of one of them, since it follows
    from this one and from what is shown of all."""
    if any(of and not isinstance(share(count, of, min_cell), int) for count, of in others):
        return None
    return share(*own, min_cell)


def protect(
    counts: Mapping[str, int],
    sums: Sequence[Sum],
    min_cell: int,
    *,
    keep: Iterable[str] = (),
    implied: Iterable[str] = (),
) -> dict[str, Count] | None:
    """The counts as they may be shown. `keep`: totals, hidden only when they are small themselves. None when hiding every other count is not enough.

    `implied`: counts that no table holds but that may follow from those that one does (who was not treated); protected as well, and not given back.
    """
    table = _Table(counts, tuple(sums), min_cell, frozenset(implied))
    kept = frozenset(keep) | table.implied
    small = table.small()
    withheld: set[str] = set()
    narrow = suspects = table.suspects(small)
    while narrow := table.narrowed(small, withheld, narrow):
        added: set[str] = set()
        for name in sorted(narrow):
            added |= table.next_withheld(name, small | withheld | added | kept)
        if not added:  # nothing near is left to hide: go on with whatever is still shown
            left = [name for name in counts if name not in small | withheld | kept]
            if not left:
                return None
            added = {min(left, key=lambda name: (counts[name], name))}
        withheld |= added
    for name in sorted(withheld, key=lambda name: -counts[name]):  # none is hidden in vain
        near = {part for each in table.sums_of(name) for part in (each.total, *each.parts)} & suspects
        less = withheld - {name}
        if not (table.narrowed(small, less, near) or table.narrowed(small, less, suspects)):
            withheld.remove(name)
    return {
        name: Below(below=min_cell) if name in small else Withheld() if name in withheld else count
        for name, count in counts.items()
        if name not in table.implied
    }


@dataclass(frozen=True, slots=True)
class _Table:
    """Counts, how they add up, and which of them no table holds."""

    counts: Mapping[str, int]
    sums: tuple[Sum, ...]
    min_cell: int
    implied: frozenset[str]

    def small(self) -> set[str]:
        return {name for name, count in self.counts.items() if count < self.min_cell and name not in self.implied}

    def suspects(self, small: set[str]) -> set[str]:
        """The small counts. A small implied one beside a small one that is hidden is as open as that one."""
        rests = {name for name in self.implied if self.counts[name] < self.min_cell}
        return small | {name for name in rests if not any(small & {*each.parts} for each in self.sums_of(name))}

    def sums_of(self, name: str) -> list[Sum]:
        return [each for each in self.sums if name == each.total or name in each.parts]

    def next_withheld(self, name: str, hidden: set[str]) -> set[str]:
        """For each sum of which `name` is a part the smallest part that is still shown, or the total when none is."""
        found: set[str] = set()
        for each in self.sums_of(name):
            parts = [part for part in each.parts if part not in hidden]
            shown = parts or [total for total in (each.total,) if total not in hidden]
            if shown:
                found.add(min(shown, key=lambda part: (self.counts[part], part)))
        return found

    def narrowed(self, small: set[str], withheld: set[str], suspects: set[str]) -> set[str]:
        """Those of `suspects` for which what is shown leaves fewer numbers than 0 to `min_cell` - 1. Hiding more never narrows."""
        if not suspects:
            return set()
        attack = _Attack(self, small, withheld)
        return attack.unproven(suspects, 0, +1) | attack.unproven(suspects, self.min_cell - 1, -1)


class _Attack:
    """What a reader can find out: whole numbers for every hidden count that agree with all that is shown."""

    def __init__(self, table: _Table, small: set[str], withheld: set[str]) -> None:
        import numpy as np
        from scipy import optimize as untyped_optimize
        from scipy.sparse import csr_array

        optimize: Any = untyped_optimize
        counts, least = table.counts, table.min_cell
        self.place = {name: place for place, name in enumerate(sorted(small | withheld | table.implied))}
        most = max(counts.values(), default=0) + least * len(self.place)
        low = np.array([least if name in withheld else 0 for name in self.place], dtype=float)
        high = np.array([least - 1 if name in small else most for name in self.place], dtype=float)
        self.bounds: Any = optimize.Bounds(low, high)
        rows: list[tuple[int, int, float]] = []
        right: list[float] = []
        for each in table.sums:
            terms = [(each.total, -1.0), *((part, 1.0) for part in each.parts)]
            if not any(name in self.place for name, _ in terms):
                continue
            rows += [(len(right), self.place[name], sign) for name, sign in terms if name in self.place]
            right.append(-sum(sign * counts[name] for name, sign in terms if name not in self.place))
        matrix = csr_array(
            ([value for *_, value in rows], ([row for row, *_ in rows], [column for _, column, _ in rows])),
            shape=(len(right), len(self.place)),
        )
        self.rows: Any = [optimize.LinearConstraint(matrix, right, right)] if right else []

    def unproven(self, suspects: Iterable[str], bound: int, direction: int) -> set[str]:
        """Suspects that cannot be `bound`; `direction` +1: the least is looked for, -1: the most. One answer proves as many as it can."""
        left = set(suspects)
        failed: set[str] = set()
        together = True
        while left - failed:
            asked = left - failed if together else {min(left - failed)}
            answer = self._best(asked, direction)
            proven = {name for name in left if answer is not None and round(answer[self.place[name]]) == bound}
            left -= proven
            if not together and not proven & asked:
                failed |= asked
            together = together and bool(proven)
        return failed

    def _best(self, asked: Iterable[str], direction: int) -> Any:
        import numpy as np
        from scipy import optimize as untyped_optimize

        optimize: Any = untyped_optimize

        cost = np.zeros(len(self.place))
        for name in asked:
            cost[self.place[name]] = direction
        # Whole numbers come out by themselves nearly always; only where they do not are they asked for.
        answer: Any = optimize.milp(cost, bounds=self.bounds, constraints=self.rows).x
        if answer is None or bool(np.all(np.abs(answer - np.rint(answer)) < 1e-6)):
            return answer
        return optimize.milp(cost, integrality=np.ones(len(cost)), bounds=self.bounds, constraints=self.rows).x
