"""The memory of a site: what is asked for by many at once is made once, and a failure is no result."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from liverboard.web.site import Memory


def test_what_many_ask_for_at_once_is_made_once() -> None:
    memory, made, gate = Memory(3), list[int](), threading.Event()

    def make() -> int:
        gate.wait(5)
        made.append(1)
        return 7

    with ThreadPoolExecutor(8) as people:
        asked = [people.submit(memory.get, "page", make) for _ in range(8)]
        gate.set()
        assert [each.result(10) for each in asked] == [7] * 8
    assert made == [1]


def test_a_failure_is_told_to_who_asked_and_made_anew() -> None:
    memory = Memory(3)

    def fail() -> int:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        memory.get("page", fail)
    assert not memory.holds("page")
    assert memory.get("page", lambda: 1) == 1


def test_what_is_made_of_other_results_is_made() -> None:
    memory = Memory(3)
    assert memory.get("whole", lambda: memory.get("part", lambda: 2) + 1) == 3


def test_the_oldest_is_forgotten() -> None:
    memory = Memory(2)
    for key in "abac":
        memory.get(key, lambda key=key: key)
    assert [key for key in "abc" if memory.holds(key)] == ["a", "c"]
