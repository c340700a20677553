"""Tables asked for one after the other: whoever collects all of them finds no small count. The attacker solves for it and shares nothing with the code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp

from liverboard.synthesis.disclosure import Below, Withheld
from liverboard.synthesis.disclosure_table import Key, protect_table

BELOW = 3
Table = Mapping[tuple[str, ...], int]


def fits(cell: tuple[str, ...], key: Key) -> bool:
    return all(wanted is None or wanted == value for value, wanted in zip(cell, key, strict=True))


def answers(table: Table) -> dict[Key, int]:
    """Every number that the tables of some or all questions show, each table asked for by itself."""
    questions = len(next(iter(table)))
    found: dict[Key, int] = {}
    for size in range(1, questions + 1):
        for some in combinations(range(questions), size):
            held: Counter[tuple[str, ...]] = Counter()
            for cell, count in table.items():
                if count:
                    held[tuple(cell[place] for place in some)] += count
            for values, shown in protect_table(held, BELOW).items():
                if isinstance(shown, int):
                    key: list[str | None] = [None] * questions
                    for place, value in zip(some, values, strict=True):
                        key[place] = value
                    assert found.setdefault(tuple(key), shown) == sum(table[c] for c in table if fits(c, tuple(key)))
    return found


def worked_out(table: Table, known: Mapping[Key, int]) -> list[Key]:
    """The small counts that the known numbers leave no choice for."""
    cells = list(table)
    rows = np.array([[float(fits(cell, key)) for cell in cells] for key in known])
    numbers = list(known.values())
    agree = LinearConstraint(rows, numbers, numbers)
    found: list[Key] = []
    for key in product(*([None, *sorted({cell[place] for cell in cells})] for place in range(len(cells[0])))):
        if not 0 < sum(count for cell, count in table.items() if fits(cell, key)) < BELOW:
            continue
        cost = np.array([float(fits(cell, key)) for cell in cells])
        ends = [
            milp(sign * cost, constraints=agree, integrality=np.ones(len(cells)), bounds=Bounds(0, np.inf)).x
            for sign in (1, -1)
        ]
        least, most = (round(float(cost @ end)) for end in ends)
        if least == most:
            found.append(key)
    return found


def sizes(questions: list[str]) -> st.SearchStrategy[dict[tuple[str, ...], int]]:
    cells = list(product(*questions))
    drawn = st.lists(st.sampled_from([0, 1, 2, 3, 5, 8, 10]), min_size=len(cells), max_size=len(cells))
    return drawn.filter(lambda counts: sum(counts) >= 2 * BELOW - 1).map(
        lambda counts: dict(zip(cells, counts, strict=True))
    )


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([["ab", "xy"], ["abc", "xyz"], ["ab", "xyz", "12"]]).flatmap(sizes))
def test_no_small_count_is_worked_out_from_all_tables_together(table: dict[tuple[str, ...], int]) -> None:
    assert worked_out(table, answers(table)) == []


def test_the_attacker_finds_what_tables_give_that_are_hidden_one_by_one() -> None:
    table = {("a", "x"): 10, ("a", "y"): 10, ("b", "x"): 10, ("b", "y"): 2}
    known: dict[Key, int] = {(None, None): 32, ("a", None): 20, (None, "x"): 20, ("a", "x"): 10}
    assert worked_out(table, known) == [("b", "y")]


def test_a_total_is_hidden_where_its_own_table_hides_it() -> None:
    alone = protect_table({("a",): 10, ("b",): 8, ("c",): 2}, 5)
    assert alone == {(None,): 20, ("a",): 10, ("b",): Withheld(), ("c",): Below(below=5)}
    both = protect_table({("a", "x"): 5, ("a", "y"): 5, ("b", "x"): 8, ("c", "x"): 2}, 5)
    assert {key[:1]: count for key, count in both.items() if key[1] is None} == alone
    assert not isinstance(both["b", "x"], int)  # that number is the hidden one of b


@pytest.mark.parametrize(("least", "shown"), [(5, True), (4, False)])
def test_three_questions_are_answered_only_where_nobody_is_nearly_alone(least: int, shown: bool) -> None:
    held = dict.fromkeys(product("ab", "xy", "12"), 12) | {("a", "x", "1"): least}
    found = protect_table(held, 5)
    assert found[None, None, None] == sum(held.values())
    assert (found.get(("b", "y", "2")) == 12) is shown
    assert (len(found) > 1) is shown


def test_few_people_and_no_question() -> None:
    assert protect_table({(): 12}, 5) == {(): 12}
    assert protect_table({("a",): 8}, 5) == protect_table({}, 5) == {}
