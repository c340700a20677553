"""Tables that are asked for one after the other: what each shows agrees with what tables of fewer questions show, so that no small count follows from their differences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import lru_cache

from liverboard.synthesis.disclosure import Count, Sum, least_total, protect

Key = tuple[str | None, ...]  # a value a question; None: any


def protect_table(held: Mapping[tuple[str, ...], int], min_cell: int) -> dict[Key, Count]:
    """How many people have each combination of values, with every total, as they may be shown; what is left out is not shown either.

    `held`: how many have each combination that there is, one value a question. Of one question and of two a total is shown or hidden as the table of it alone
    shows or hides it, and combinations are hidden until no small count follows. Three and more are shown only where no combination is small, since then every
    sum and difference of answers is none, or of that many people. Of fewer people than `least_total` nothing is shown.
    """
    return dict(_protected(tuple(sorted(held.items())), min_cell))


@lru_cache(maxsize=1_000)  # pages ask for the same tables again and again
def _protected(counts: tuple[tuple[tuple[str, ...], int], ...], min_cell: int) -> Mapping[Key, Count]:
    held = dict(counts)
    if sum(held.values()) < least_total(min_cell):
        return {}
    questions = len(next(iter(held)))
    shown: dict[Key, Count] = {(None,) * questions: sum(held.values())}
    if questions > 2:
        return shown if any(count < min_cell for count in held.values()) else dict(_totals(held))
    for place in range(questions if questions > 1 else 0):
        of_the_other: Counter[tuple[str, ...]] = Counter()
        for values, count in held.items():
            of_the_other[values[:place] + values[place + 1 :]] += count
        for key, count in protect_table(of_the_other, min_cell).items():
            shown[*key[:place], None, *key[place:]] = count
    return shown | _cells(held, shown, min_cell) if questions else shown


def _totals(held: Mapping[tuple[str, ...], int]) -> Counter[Key]:
    """The combinations, and every total that they are part of."""
    totals: Counter[Key] = Counter()
    for values, count in held.items():
        keys: list[Key] = [()]
        for value in values:
            keys = [(*key, each) for key in keys for each in (value, None)]
        for key in keys:
            totals[key] += count
    return totals


def _cells(held: Mapping[tuple[str, ...], int], shown: Mapping[Key, Count], min_cell: int) -> dict[Key, Count]:
    """The combinations beside totals that are settled; none when hiding all of them is not enough."""
    totals = _totals(held)
    parts: dict[tuple[Key, int], set[Key]] = {}
    for key in totals:
        for place, value in enumerate(key):
            if value is not None:
                parts.setdefault(((*key[:place], None, *key[place + 1 :]), place), set()).add(key)
    settled = {key: isinstance(shown.get(key), int) for key in totals if None in key}
    names = {key: repr(key) for key in totals}
    found = protect(
        {names[key]: count for key, count in totals.items()},
        [Sum(names[total], tuple(sorted(names[key] for key in of))) for (total, _), of in parts.items()],
        min_cell,
        keep=[names[key] for key, is_shown in settled.items() if is_shown],
        implied=[names[key] for key, is_shown in settled.items() if not is_shown and totals[key] >= min_cell],
    )
    return {} if found is None else {key: found[names[key]] for key in held}
