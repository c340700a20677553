"""What a rule's `when` means once it is read: comparisons of one fact with constants, joined by AND, OR and NOT in SQL's three-valued logic.

Since no comparison reads two facts and none asks whether a fact is known, what is settled stays settled when more becomes known.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import TYPE_CHECKING, Any, Literal

from liverboard.clinical.derive import Value
from liverboard.clinical.dictionary import FactDefinition

if TYPE_CHECKING:
    import polars as pl

Operator = Literal["=", "<>", "<", "<=", ">", ">=", "IN"]
Truth = bool | None

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "<>": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Comparison:
    """One fact against constants in its canonical unit; several of them only with IN."""

    fact: str
    operator: Operator
    constants: tuple[Value, ...]

    def __str__(self) -> str:
        written = ", ".join(_sql(constant) for constant in self.constants)
        if self.operator == "IN":
            return f"{self.fact} IN ({written})"
        if self.operator == "=" and self.constants[0] is True:
            return self.fact
        return f"{self.fact} {self.operator} {written}"


@dataclass(frozen=True, slots=True)
class Not:
    part: Expression

    def __str__(self) -> str:
        return f"NOT {_bracketed(self.part)}"


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple[Expression, ...]

    def __str__(self) -> str:
        return " AND ".join(_bracketed(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple[Expression, ...]

    def __str__(self) -> str:
        return " OR ".join(_bracketed(part) for part in self.parts)


Expression = Comparison | Not | And | Or


def comparisons(expression: Expression) -> Iterator[Comparison]:
    """Every comparison, in the order in which they are written."""
    match expression:
        case Comparison():
            yield expression
        case Not(part):
            yield from comparisons(part)
        case And(parts) | Or(parts):
            for part in parts:
                yield from comparisons(part)


def facts_in(expression: Expression) -> tuple[str, ...]:
    """The names of the facts that are read, each once."""
    return tuple(dict.fromkeys(comparison.fact for comparison in comparisons(expression)))


def decide(expression: Expression, values: Mapping[str, Value | None]) -> Truth:
    """True, False or None (unknown) for one set of values; a name that is not there is unknown."""
    match expression:
        case Comparison(fact, sign, constants):
            value = values.get(fact)
            if value is None:
                return None
            return value in constants if sign == "IN" else _COMPARE[sign](value, constants[0])
        case Not(part):
            truth = decide(part, values)
            return None if truth is None else not truth
        case And(parts):
            return all_of(decide(part, values) for part in parts)
        case Or(parts):
            return any_of(decide(part, values) for part in parts)


def all_of(truths: Iterable[Truth]) -> Truth:
    """SQL's AND."""
    found: Truth = True
    for truth in truths:
        if truth is False:
            return False
        if truth is None:
            found = None
    return found


def any_of(truths: Iterable[Truth]) -> Truth:
    """SQL's OR."""
    found: Truth = False
    for truth in truths:
        if truth is True:
            return True
        if truth is None:
            found = None
    return found


def residual(expression: Expression, values: Mapping[str, Value | None]) -> Expression | bool:
    """What is left to know of an expression: its truth where it is settled, else the part that hangs on unknown facts."""
    match expression:
        case Comparison():
            truth = decide(expression, values)
            return expression if truth is None else truth
        case Not(part):
            left = residual(part, values)
            return not left if isinstance(left, bool) else Not(left)
        case And(parts) | Or(parts):
            ends = isinstance(expression, Or)  # one true part settles OR, one false part AND
            found = [residual(part, values) for part in parts]
            if ends in found:
                return ends
            left = tuple(part for part in found if not isinstance(part, bool))
            return not ends if not left else left[0] if len(left) == 1 else type(expression)(left)


def unsettled_facts(expression: Expression, values: Mapping[str, Value | None]) -> tuple[str, ...]:
    """The unknown facts that an unknown expression still hangs on; () when it is settled."""
    left = residual(expression, values)
    return () if isinstance(left, bool) else facts_in(left)


@lru_cache(maxsize=4096)  # a fact has one type, so constants that are equal are the same (True and 1)
def to_polars(expression: Expression) -> pl.Expr:
    """The same as a polars expression over columns named as the facts; null is unknown."""
    import polars as pl

    match expression:
        case Comparison(fact, "IN", constants):
            # Equalities joined by OR: `is_in` treats nulls in its own way from version to version.
            return reduce(_or, (pl.col(fact) == pl.lit(constant) for constant in constants))
        case Comparison(fact, sign, constants):
            column, constant = pl.col(fact), pl.lit(constants[0])
            return {
                "=": column == constant, "<>": column != constant, "<": column < constant, "<=": column <= constant,
                ">": column > constant, ">=": column >= constant,
            }[sign]  # fmt: skip
        case Not(part):
            return ~to_polars(part)
        case And(parts):
            return reduce(_and, (to_polars(part) for part in parts))
        case Or(parts):
            return reduce(_or, (to_polars(part) for part in parts))


def _or(a: pl.Expr, b: pl.Expr) -> pl.Expr:
    return a | b


def _and(a: pl.Expr, b: pl.Expr) -> pl.Expr:
    return a & b


def representatives(definition: FactDefinition, reading: Iterable[Comparison]) -> tuple[Value, ...]:
    """One value of each kind that these comparisons of one fact can tell apart, within the fact's plausible range."""
    read = tuple(dict.fromkeys(reading))
    if definition.type == "boolean":
        candidates: list[Value] = [False, True]
    elif definition.type == "enum":
        candidates = list(definition.values)
    else:
        candidates = _numbers(definition, sorted({float(c) for one in read for c in one.constants}))
    told_apart: dict[tuple[Truth, ...], Value] = {}
    for value in candidates:
        told_apart.setdefault(tuple(decide(one, {one.fact: value}) for one in read), value)
    return tuple(told_apart.values())


def _numbers(definition: FactDefinition, constants: list[float]) -> list[Value]:
    """Every constant, a number between neighbours, one below all and one above all; no quantity of the dictionary is negative."""
    low, high = definition.plausible or (0.0, float("inf"))
    found: list[float] = []
    for lower, upper in zip([None, *constants], [*constants, None], strict=True):
        if lower is None and upper is not None and low < upper:
            found.append(max(low, upper - 1) if definition.type == "integer" else (low + upper) / 2)
        elif upper is None and lower is not None and lower < high:
            found.append(lower + 1 if definition.type == "integer" or high == float("inf") else (lower + high) / 2)
        elif lower is not None and upper is not None and (definition.type != "integer" or upper - lower > 1):
            found.append(lower + 1 if definition.type == "integer" else (lower + upper) / 2)
        if upper is not None:
            found.append(upper)
    return [int(value) if definition.type == "integer" else value for value in found or [low]]


def _bracketed(part: Expression) -> str:
    return f"({part})" if isinstance(part, And | Or) else str(part)


def _sql(constant: Value) -> str:
    if isinstance(constant, bool):
        return "TRUE" if constant else "FALSE"
    if isinstance(constant, str):
        return f"'{constant}'"
    return repr(constant).removesuffix(".0")
