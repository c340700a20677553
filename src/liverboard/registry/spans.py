"""Whole numbers as the runs that they make: `1-4999,5003`. So one entry of the trail names thousands of cases exactly."""

from __future__ import annotations

from collections.abc import Iterable


def spans_of(numbers: Iterable[int]) -> str:
    """Numbers of 0 or more, in any order, each at most once in the text; empty for none."""
    found: list[list[int]] = []
    for number in sorted(set(numbers)):
        if found and found[-1][1] + 1 == number:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ",".join(f"{first}" if first == last else f"{first}-{last}" for first, last in found)


def holds(spans: str, number: int) -> bool:
    """Whether the number is among those of the text, which is searched by halves and not read as a whole."""
    low, high = 0, len(spans)
    while low < high:
        middle = (low + high) // 2
        begin = spans.rfind(",", low, middle) + 1 or low
        end = spans.find(",", middle, high)
        end = high if end < 0 else end
        first, _, last = spans[begin:end].partition("-")
        if number < int(first):
            high = begin - 1
        elif number > int(last or first):
            low = end + 1
        else:
            return True
    return False
