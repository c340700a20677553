"""The rule language a second time, as simply as it can be said: one row, one node at a time. It shares no code with `liverboard.rules`.

A predicate is a tuple, and false, unknown and true are 0, 1/2 and 1: AND is then the least, OR the greatest and NOT the rest to 1.

    ("fact", name)   ("compare", name, sign, constant)   ("in", name, [constants])   ("between", name, low, high)
    ("not", predicate)   ("and", [predicates])   ("or", [predicates])
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Predicate = tuple[Any, ...]
Row = Mapping[str, Any]

FALSE, UNKNOWN, TRUE = 0.0, 0.5, 1.0


def truth(predicate: Predicate, row: Row) -> bool | None:
    """True, False, or None for unknown."""
    return {FALSE: False, UNKNOWN: None, TRUE: True}[_degree(predicate, row)]


def truth_of_lesions(predicate: Predicate, case: Row, lesions: Sequence[Row], roll_up: str) -> bool | None:
    """What a lesion rule says of a case: `any` or `all` of its lesions, each read with the facts of its case."""
    if not lesions:
        return False if case.get("lesion_count") == 0 else None
    degrees = [_degree(predicate, {**case, **lesion}) for lesion in lesions]
    degree = max(degrees) if roll_up == "any" else min(degrees)
    return {FALSE: False, UNKNOWN: None, TRUE: True}[degree]


def _degree(predicate: Predicate, row: Row) -> float:
    kind = predicate[0]
    if kind == "not":
        return 1 - _degree(predicate[1], row)
    if kind == "and":
        return min(_degree(part, row) for part in predicate[1])
    if kind == "or":
        return max(_degree(part, row) for part in predicate[1])
    value = row.get(predicate[1])
    if value is None:
        return UNKNOWN
    if kind == "fact":
        return TRUE if value else FALSE
    if kind == "in":
        return TRUE if any(value == constant for constant in predicate[2]) else FALSE
    if kind == "between":
        return TRUE if predicate[2] <= value <= predicate[3] else FALSE
    sign, constant = predicate[2:]
    if sign in {"=", "<>"}:
        return TRUE if (value == constant) == (sign == "=") else FALSE
    below, at = value < constant, value == constant
    holds = {"<": below, "<=": below or at, ">": not below and not at, ">=": not below}[sign]
    return TRUE if holds else FALSE
