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


def protect(
    counts: Mapping[str, int], sums: Sequence[Sum], min_cell: int, *, keep: Iterable[str] = ()
) -> dict[str, Count] | None:
    """The counts as they may be shown. `keep`: totals, hidden only when they are small themselves. None when hiding every other count is not enough.

    Counts that nobody is shown but that follow from the others (who was not treated) belong into `counts` too.
    """
    kept = frozenset(keep)
    small = {name for name, count in counts.items() if count < min_cell}
    withheld: set[str] = set()
    open_to = {name: [each for each in sums if name == each.total or name in each.parts] for name in counts}
    narrow = small
    while narrow := _narrowed(counts, sums, small, withheld, min_cell, narrow):
        added: set[str] = set()
        for name in sorted(narrow):
            added |= _next_withheld(name, open_to[name], counts, small | withheld | added, kept)
        if not added:  # nothing near is left to hide: go on with whatever is still shown
            left = [name for name in counts if name not in small | withheld | kept]
            if not left:
                return None
            added = {min(left, key=lambda name: (counts[name], name))}
        withheld |= added
    for name in sorted(withheld, key=lambda name: -counts[name]):  # none is hidden in vain
        near = {part for each in open_to[name] for part in (each.total, *each.parts)} & small
        less = withheld - {name}
        if not (
            _narrowed(counts, sums, small, less, min_cell, near)
            or _narrowed(counts, sums, small, less, min_cell, small)
        ):
            withheld.remove(name)
    return {
        name: Below(below=min_cell) if name in small else Withheld() if name in withheld else count
        for name, count in counts.items()
    }


def _next_withheld(
    name: str, sums: Iterable[Sum], counts: Mapping[str, int], hidden: set[str], kept: frozenset[str]
) -> set[str]:
    """The smallest count that is still shown in each sum of which `name` is a part."""
    found: set[str] = set()
    for each in sums:
        shown = [part for part in (each.total, *each.parts) if part not in hidden | kept]
        if shown:
            found.add(min(shown, key=lambda part: (counts[part], part)))
    return found


def _narrowed(
    counts: Mapping[str, int],
    sums: Sequence[Sum],
    small: set[str],
    withheld: set[str],
    min_cell: int,
    suspects: Iterable[str],
) -> set[str]:
    """Those of `suspects` (small counts) for which what is shown leaves fewer numbers than 0 to `min_cell` - 1. Hiding more never narrows."""
    if not suspects:
        return set()
    attack = _Attack(counts, sums, small, withheld, min_cell)
    return attack.unproven(suspects, 0, +1) | attack.unproven(suspects, min_cell - 1, -1)


class _Attack:
    """What a reader can find out: whole numbers for every hidden count that agree with all that is shown."""

    def __init__(
        self, counts: Mapping[str, int], sums: Sequence[Sum], small: set[str], withheld: set[str], min_cell: int
    ) -> None:
        import numpy as np
        from scipy import optimize as untyped_optimize
        from scipy.sparse import csr_array

        optimize: Any = untyped_optimize

        self.place = {name: place for place, name in enumerate(sorted(small | withheld))}
        most = max(counts.values(), default=0) + min_cell * len(self.place)
        low = np.array([0.0 if name in small else min_cell for name in self.place])
        high = np.array([min_cell - 1.0 if name in small else most for name in self.place])
        self.bounds: Any = optimize.Bounds(low, high)
        rows: list[tuple[int, int, float]] = []
        right: list[float] = []
        for each in sums:
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
        return optimize.milp(cost, integrality=np.ones(len(cost)), bounds=self.bounds, constraints=self.rows).x
