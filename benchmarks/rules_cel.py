"""The predicates of the packaged rules in CEL, evaluated patient by patient by cel-python: the peer of the rule language."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import celpy
import polars as pl
from celpy import celtypes

from liverboard.rules.expression import And, Comparison, Expression, Not, Or
from liverboard.rules.rule import Compiled


def to_cel(expression: Expression) -> str:
    """The same predicate as CEL text. Numbers are doubles on both sides: CEL compares nothing else with them."""
    match expression:
        case Comparison(fact, "IN", constants):
            return f"{fact} in [{', '.join(_constant(one) for one in constants)}]"
        case Comparison(fact, sign, constants):
            return f"{fact} {({'=': '==', '<>': '!='}).get(sign, sign)} {_constant(constants[0])}"
        case Not(part):
            return f"!({to_cel(part)})"
        case And(parts):
            return " && ".join(f"({to_cel(part)})" for part in parts)
        case Or(parts):
            return " || ".join(f"({to_cel(part)})" for part in parts)


def _constant(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else repr(float(value))  # pyright: ignore[reportArgumentType]


def evaluate_by_cel(rules: Sequence[Compiled], patients: pl.DataFrame) -> tuple[dict[str, list[bool]], float]:
    """The truth of each rule for each patient, and the seconds that it took; compiling is not counted. No fact may be unknown."""
    environment = celpy.Environment(runner_class=celpy.CompiledRunner)  # the faster of its two
    programs = {each.rule.id: environment.program(environment.compile(to_cel(each.expression))) for each in rules}
    known = [{name: _value(value) for name, value in row.items()} for row in patients.iter_rows(named=True)]
    start = time.perf_counter()
    found = {name: [bool(program.evaluate(facts)) for facts in known] for name, program in programs.items()}
    return found, time.perf_counter() - start


def _value(value: Any) -> Any:
    if isinstance(value, bool):
        return celtypes.BoolType(value)
    return celtypes.StringType(value) if isinstance(value, str) else celtypes.DoubleType(value)
