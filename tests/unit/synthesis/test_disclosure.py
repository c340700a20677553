"""Small counts: hidden, and not to be worked out by whoever knows the totals. The attacker here tries every number; it shares nothing with the code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liverboard.synthesis.disclosure import Below, Count, Sum, Withheld, least_total, protect, share


def possible(shown: Mapping[str, Count], sums: Sequence[Sum], most: int) -> Iterator[dict[str, int]]:
    """Every set of numbers that agrees with a shown table, by trying all."""
    hidden = [name for name, count in shown.items() if not isinstance(count, int)]
    choices = [range(count.below) if isinstance(count := shown[name], Below) else range(most + 1) for name in hidden]
    known = {name: count for name, count in shown.items() if isinstance(count, int)}
    for values in product(*choices):
        full = {**known, **dict(zip(hidden, values, strict=True))}
        if any(isinstance(shown[name], Withheld) and full[name] < BELOW for name in hidden):
            continue
        if all(full[each.total] == sum(full[part] for part in each.parts) for each in sums):
            yield full


BELOW = 3


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=2, max_size=4))
def test_every_small_count_of_a_row_stays_open_for_who_knows_the_total(row: list[int]) -> None:
    if sum(row) < least_total(BELOW):
        return
    counts = {"n": sum(row), **{str(place): count for place, count in enumerate(row)}}
    sums = [Sum("n", tuple(str(place) for place in range(len(row))))]
    shown = protect(counts, sums, BELOW, keep=["n"])
    if shown is None:  # then hiding all but the total would give a small count away
        everything = {name: Below(below=BELOW) if count < BELOW else Withheld() for name, count in counts.items()}
        found = list(possible({**everything, "n": sum(row)}, sums, sum(row)))
        assert any(len({each[name] for each in found}) < BELOW for name, count in counts.items() if count < BELOW)
        return
    assert shown["n"] == counts["n"]
    found = list(possible(shown, sums, sum(row)))
    assert counts in found
    for name, count in counts.items():
        if count < BELOW:
            assert shown[name] == Below(below=BELOW)
            assert {each[name] for each in found} == set(range(BELOW))
        else:
            assert shown[name] in {count, Withheld()}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(0, 6), min_size=2, max_size=2), min_size=2, max_size=2))
def test_the_same_for_a_table_with_totals_on_both_sides(table: list[list[int]]) -> None:
    counts = {f"{r}{c}": count for r, row in enumerate(table) for c, count in enumerate(row)}
    rows = {f"row{r}": sum(row) for r, row in enumerate(table)}
    columns = {f"column{c}": sum(row[c] for row in table) for c in range(2)}
    total = sum(rows.values())
    if total < least_total(BELOW):
        return
    sums = [
        *(Sum(f"row{r}", (f"{r}0", f"{r}1")) for r in range(len(table))),
        *(Sum(f"column{c}", tuple(f"{r}{c}" for r in range(len(table)))) for c in range(2)),
        Sum("n", tuple(rows)),
        Sum("n", tuple(columns)),
    ]
    counts |= {"n": total, **rows, **columns}
    shown = protect(counts, sums, BELOW, keep=["n"])
    if shown is None:
        return
    hidden = [name for name, count in shown.items() if not isinstance(count, int)]
    if prod(BELOW if isinstance(shown[name], Below) else total + 1 for name in hidden) > 20_000:
        return  # too many numbers to try
    ranges: dict[str, set[int]] = {name: set() for name in hidden}
    for each in possible(shown, sums, total):
        for name in hidden:
            ranges[name].add(each[name])
    for name in hidden:
        assert len(ranges[name]) > 1
        if counts[name] < BELOW:
            assert ranges[name] == set(range(BELOW))


def test_a_single_small_count_takes_a_second_one_with_it() -> None:
    counts = {"n": 60, "a": 2, "b": 18, "c": 40}
    shown = protect(counts, [Sum("n", ("a", "b", "c"))], 5, keep=["n"])
    assert shown == {"n": 60, "a": Below(below=5), "b": Withheld(), "c": 40}


def test_two_small_counts_whose_sum_gives_them_away_take_a_third() -> None:
    nothing = protect({"n": 40, "a": 0, "b": 0, "c": 40}, [Sum("n", ("a", "b", "c"))], 5, keep=["n"])
    assert nothing is not None
    assert nothing["c"] == Withheld()
    most = protect({"n": 48, "a": 4, "b": 4, "c": 40}, [Sum("n", ("a", "b", "c"))], 5, keep=["n"])
    assert most is not None
    assert most["c"] == Withheld()
    between = protect({"n": 44, "a": 3, "b": 1, "c": 40}, [Sum("n", ("a", "b", "c"))], 5, keep=["n"])
    assert between is not None
    assert between["c"] == 40


def test_what_no_hiding_protects_is_not_shown() -> None:
    assert protect({"n": 6, "a": 6, "b": 0}, [Sum("n", ("a", "b"))], 5, keep=["n"]) is None


@pytest.mark.parametrize(
    ("count", "of", "shown"),
    [
        (4, 100, Below(below=5)),
        (0, 100, Below(below=5)),
        (5, 100, 5),
        (95, 100, 95),
        (96, 100, Withheld()),
        (100, 100, Withheld()),
    ],
)
def test_a_share_hides_small_counts_and_small_rests(count: int, of: int, shown: Count) -> None:
    assert share(count, of, 5) == shown
