"""The text of a `when` to an `Expression`: SQL read by sqlglot, then checked against the fact dictionary. Specified in `docs/reference/rule-language.md`."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from typing import Any

from liverboard.clinical.derive import Value
from liverboard.clinical.dictionary import FactDefinition
from liverboard.rules.expression import And, Comparison, Expression, Not, Operator, Or
from liverboard.units import UnitError, parse_quantity

_MAX_LENGTH = 4000
_MIRRORED: dict[str, Operator] = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


class ExpressionError(ValueError):
    """Everything wrong with one expression, a sentence each."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(faults))


def parse(written: str, facts: Mapping[str, FactDefinition]) -> Expression:
    """Read one SQL boolean expression over `facts`. Constants come out in the canonical unit of their fact.

    Raises ExpressionError: not SQL, a fact that is not in the dictionary, a constant of the wrong type or unit or outside the plausible range, a word that the
    enum does not have, a fact that must be read behind another and is not, anything that the language does not have.
    """
    from sqlglot import exp
    from sqlglot.errors import ParseError, TokenError

    if len(written) > _MAX_LENGTH:
        raise ExpressionError([f"the expression is longer than {_MAX_LENGTH} characters"])
    try:
        tree: Any = exp.condition(written, dialect="postgres")
    except (ParseError, TokenError) as error:
        raise ExpressionError([f"not an SQL condition{_near(error)}"]) from None
    except RecursionError:
        raise ExpressionError(["the expression is nested too deeply"]) from None
    if any(node.comments for node in tree.walk()):
        raise ExpressionError(["a comment has no place in an expression; say it in `because`"])
    reader = _Reader(facts)
    try:
        expression = reader.read(tree)
    except RecursionError:
        raise ExpressionError(["the expression is nested too deeply"]) from None
    if expression is not None:
        reader.faults += _unguarded(expression, facts)
    if reader.faults or expression is None:
        raise ExpressionError(list(dict.fromkeys(reader.faults)))
    return expression


def _near(error: Exception) -> str:
    """The word at which sqlglot gave up."""
    found: list[dict[str, Any]] = getattr(error.__cause__ or error, "errors", [])
    word = str(found[0].get("highlight") or "")[:40] if found else ""
    return f", unreadable at '{word}'" if word else ""


def _written(node: Any, length: int = 80) -> str:
    from sqlglot import ErrorLevel

    return str(node.sql("postgres", unsupported_level=ErrorLevel.IGNORE))[:length]


class _Reader:
    """Walks sqlglot's tree and collects every fault instead of stopping at the first."""

    def __init__(self, facts: Mapping[str, FactDefinition]) -> None:
        self.facts = facts
        self.faults: list[str] = []

    def read(self, node: Any) -> Expression | None:
        from sqlglot import exp

        signs: dict[type, Operator] = {
            exp.EQ: "=", exp.NEQ: "<>", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">=",
        }  # fmt: skip
        if isinstance(node, exp.Paren):
            return self.read(node.this)
        if isinstance(node, exp.And | exp.Or):
            kind = And if isinstance(node, exp.And) else Or
            parts = [self.read(part) for part in node.flatten()]
            return None if None in parts else kind(tuple(part for part in parts if part is not None))
        if isinstance(node, exp.Not):
            part = self.read(node.this)
            return None if part is None else Not(part)
        if isinstance(node, exp.Column):
            return self._boolean(node)
        if type(node) in signs:
            return self._comparison(node, signs[type(node)])
        if isinstance(node, exp.Between):
            return self._between(node)
        if isinstance(node, exp.In):
            return self._in(node)
        if isinstance(node, exp.Boolean | exp.Null | exp.Literal):
            self.faults.append(f"'{_written(node)}' stands alone; a rule must hang on a fact")
        elif isinstance(node, exp.Is):
            self.faults.append(
                f"'{_written(node)}': IS is not in the language, since a rule that asks whether a fact is known would change its mind when it becomes known"
            )
        elif isinstance(node, exp.Func):
            self.faults.append(f"'{_written(node, 60)}': the language has no functions")
        else:
            self.faults.append(f"'{_written(node, 60)}' is not in the language ({type(node).__name__})")
        return None

    def _fact(self, node: Any) -> FactDefinition | None:
        from sqlglot import exp

        if not isinstance(node, exp.Column) or node.table:
            self.faults.append(
                f"'{_written(node, 60)}': a comparison has one fact on one side and a constant on the other"
            )
            return None
        name = str(node.name)
        found = self.facts.get(name)
        if found is None:
            near = difflib.get_close_matches(name, self.facts, 1, cutoff=0.6)
            self.faults.append(f"unknown fact '{name}'" + (f"; did you mean '{near[0]}'?" if near else ""))
        return found

    def _boolean(self, node: Any) -> Expression | None:
        fact = self._fact(node)
        if fact is None:
            return None
        if fact.type != "boolean":
            self.faults.append(f"{fact.name} is of type {fact.type} and stands alone; compare it with a constant")
            return None
        return Comparison(fact.name, "=", (True,))

    def _comparison(self, node: Any, sign: Operator) -> Expression | None:
        left, right = node.left, node.right
        if self._is_constant(left) and not self._is_constant(right):
            left, right, sign = right, left, _MIRRORED[sign]
        fact = self._fact(left)
        if fact is None:
            return None
        if not self._is_constant(right):
            self.faults.append(f"'{_written(node)}': a comparison has one fact on one side and a constant on the other")
            return None
        if fact.type in {"boolean", "enum"} and sign not in {"=", "<>"}:
            self.faults.append(f"{fact.name} is of type {fact.type}; compare it with =, <> or IN, not {sign}")
            return None
        constant = self._constant(right, fact)
        return None if constant is None else Comparison(fact.name, sign, (constant,))

    def _between(self, node: Any) -> Expression | None:
        fact = self._fact(node.this)
        if fact is None:
            return None
        if fact.type in {"boolean", "enum"}:
            self.faults.append(f"{fact.name} is of type {fact.type}; BETWEEN needs numbers")
            return None
        low, high = (self._constant(node.args[side], fact) for side in ("low", "high"))
        if low is None or high is None:
            return None
        if low > high:  # pyright: ignore[reportOperatorIssue]
            self.faults.append(f"'{_written(node)}': the lower bound is above the upper one")
            return None
        return And((Comparison(fact.name, ">=", (low,)), Comparison(fact.name, "<=", (high,))))

    def _in(self, node: Any) -> Expression | None:
        fact = self._fact(node.this)
        if node.args.get("query") is not None or node.args.get("unnest") is not None or not node.expressions:
            self.faults.append(f"'{_written(node)}': IN needs a list of constants")
            return None
        if fact is None:
            return None
        constants = [self._constant(item, fact) for item in node.expressions]
        if None in constants:
            return None
        return Comparison(fact.name, "IN", tuple(constant for constant in constants if constant is not None))

    @staticmethod
    def _is_constant(node: Any) -> bool:
        from sqlglot import exp

        inner = node.this if isinstance(node, exp.Neg) else node
        return isinstance(inner, exp.Literal | exp.Boolean | exp.Null)

    def _constant(self, node: Any, fact: FactDefinition) -> Value | None:
        """The constant in the type and unit of `fact`; None after a fault was noted."""
        from sqlglot import exp

        def fault(words: str) -> None:
            self.faults.append(f"{fact.name}: {words}")

        if isinstance(node, exp.Null):
            return fault("NULL is no constant; an unknown fact makes a comparison unknown by itself")
        if fact.type == "boolean":
            return bool(node.this) if isinstance(node, exp.Boolean) else fault(f"{_written(node)} is not TRUE or FALSE")
        if fact.type == "enum":
            if not (isinstance(node, exp.Literal) and node.is_string):
                return fault(f"{_written(node)} is not one of its words in single quotes: {', '.join(fact.values)}")
            word = str(node.this)
            return word if word in fact.values else fault(f"'{word}' is not one of {', '.join(fact.values)}")
        negative = isinstance(node, exp.Neg)
        literal = node.this if negative else node
        if not isinstance(literal, exp.Literal):
            return fault(f"{_written(node)} is not a number")
        if literal.is_string:
            try:
                number = parse_quantity(str(literal.this), fact.unit or "1", substance=fact.substance)
            except UnitError as error:
                return fault(f"'{literal.this}': {error}")
        else:
            number = float(str(literal.this))
        if not math.isfinite(number):
            return fault(f"{literal.this} is not a finite number")
        number = -number if negative else number
        if fact.plausible is not None and not fact.plausible[0] <= number <= fact.plausible[1]:
            low, high = fact.plausible
            return fault(
                f"{number:g} lies outside its plausible range {low:g} to {high:g}{f' {fact.unit}' if fact.unit else ''}"
            )
        if fact.type == "integer":
            return int(number) if number == int(number) else fault(f"{number:g} is not a whole number")
        return number


def _unguarded(expression: Expression, facts: Mapping[str, FactDefinition]) -> list[str]:
    """Facts that have no value where something was never given, read without asking first whether it was."""
    faults: list[str] = []

    def walk(part: Expression, given: frozenset[str]) -> None:
        match part:
            case Comparison(fact):
                guard = facts[fact].read_behind
                if guard is not None and guard not in given:
                    faults.append(f"{fact} is read without its guard; write {guard} > 0 AND {fact} ...")
            case Not(inner):
                walk(inner, given)
            case Or(parts):
                for each in parts:
                    walk(each, given)
            case And(parts):
                here = given | {each.fact for each in parts if isinstance(each, Comparison) and _says_given(each)}
                for each in parts:
                    walk(each, here)

    walk(expression, frozenset())
    return faults


def _says_given(comparison: Comparison) -> bool:
    """`x > 0`, `x >= 1` or more: false for who never had it."""
    if comparison.operator not in {">", ">=", "="}:
        return False
    least = float(comparison.constants[0]) if not isinstance(comparison.constants[0], str) else 0.0
    return least >= (0 if comparison.operator == ">" else 1)
