"""What a cohort's verdicts would be if one threshold of one rule were another: each moved alone, all else as it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from liverboard.clinical.dictionary import FactDefinition, all_definitions
from liverboard.errors import BadInput
from liverboard.options.audit_report import Change, Move
from liverboard.options.verdict import verdicts
from liverboard.rules.evaluate import evaluate
from liverboard.rules.expression import And, Comparison, Expression, Not, Or, comparisons
from liverboard.rules.rule import Compiled
from liverboard.units import UnitError, parse_quantity

if TYPE_CHECKING:
    import polars as pl

SHARE: Final = 0.1  # by which a measured threshold is moved; a count is moved by one
_ORDERED = {"<", "<=", ">", ">="}
_DIGITS = 6  # of a moved threshold


@dataclass(frozen=True, slots=True)
class AskedMove:
    """A threshold moved to a value that somebody wants to see."""

    rule: Compiled
    comparison: Comparison
    value: float


def asked_move(text: str, rules: Iterable[Compiled]) -> AskedMove:
    """`RULE=VALUE`, or `RULE.FACT=VALUE` where the rule has several thresholds; the value in the fact's unit, or with its own.

    Raises BadInput: no such rule, no such threshold, several, not a number, an implausible one.
    """
    name, mark, written = text.partition("=")
    rule_id, _, fact = name.strip().partition(".")
    found = next((each for each in rules if each.rule.id == rule_id), None)
    if not mark or found is None:
        raise BadInput(
            f"'{text}' does not move a threshold of a rule",
            hint="expected RULE=VALUE, such as resin_lung_shunt=0.15; `liverboard options CASE --json` lists the ids",
        )
    choices = [each for each in thresholds(found.expression) if fact in {"", each.fact}]
    if len(choices) != 1:
        has = ", ".join(str(each) for each in thresholds(found.expression)) or "none"
        raise BadInput(
            f"{rule_id} has {'no such threshold' if not choices else 'several thresholds'}",
            hint=f"its thresholds: {has}; name one as {rule_id}.FACT=VALUE",
        )
    definition = all_definitions()[choices[0].fact]
    return AskedMove(found, choices[0], _value(written.strip(), definition))


def _value(written: str, fact: FactDefinition) -> float:
    try:
        value = float(written)
    except ValueError:
        try:
            value = parse_quantity(written, fact.unit or "1", substance=fact.substance)
        except UnitError as error:
            raise BadInput(f"{fact.name}: '{written}': {error}", hint=f"expected a number in {fact.unit}") from None
    if fact.type == "integer" and value != int(value):
        raise BadInput(f"{fact.name}: {written} is not a whole number")
    if not _plausible(value, fact):
        raise BadInput(f"{fact.name}: {fact.doubt(value) or f'{written} is not plausible'}")
    return value


def thresholds(expression: Expression) -> tuple[Comparison, ...]:
    """The comparisons that have a threshold: with <, <=, >, >=, save the question whether something was ever given (`> 0`, `>= 1` of a count)."""
    definitions = all_definitions()
    return tuple(
        each
        for each in comparisons(expression)
        if each.operator in _ORDERED
        and not (definitions[each.fact].type == "integer" and (each.operator, each.constants[0]) in {(">", 0), (">=", 1)})
    )  # fmt: skip


def threshold_moves(
    rules: Sequence[Compiled],
    cases: pl.DataFrame,
    lesions: pl.DataFrame | None,
    asked: Sequence[AskedMove] | None = None,
) -> tuple[Move, ...]:
    """The moves that are asked for; without any, every threshold of every rule that may move a verdict: a tenth down and up, a count by one, where plausible.

    The moves that change most cases come first.
    """
    truths = evaluate(rules, cases, lesions)
    before = verdicts(rules, truths)
    wanted = _all_moves(rules) if asked is None else [(each.rule, each.comparison, each.value) for each in asked]
    found: list[Move] = []
    for each, comparison, value in wanted:
        definition = all_definitions()[comparison.fact]
        changes, changed = _changes(rules, (each, comparison, value), _Weighed(cases, lesions, truths, before))
        found.append(
            Move(
                rule=each.rule.id,
                effect=each.rule.effect,
                options=each.rule.option,
                fact=comparison.fact,
                label=definition.label,
                unit=definition.unit,
                comparison=str(comparison),
                value=_number(comparison),
                moved_to=value,
                asked=asked is not None,
                cases=changed,
                changes=changes,
            )
        )
    return tuple(sorted(found, key=lambda move: -int(move.cases)))  # pyright: ignore[reportArgumentType]


@dataclass(frozen=True, slots=True)
class _Weighed:
    """Cases with what the rules as they stand say of them."""

    cases: pl.DataFrame
    lesions: pl.DataFrame | None
    truths: pl.DataFrame
    verdicts: pl.DataFrame


def _all_moves(rules: Sequence[Compiled]) -> Iterator[tuple[Compiled, Comparison, float]]:
    for each in rules:
        if not each.active or each.rule.effect == "outside_studied":
            continue
        for comparison in thresholds(each.expression):
            fact, value = all_definitions()[comparison.fact], _number(comparison)
            steps = (-1.0, 1.0) if fact.type == "integer" else (-SHARE * value, SHARE * value)
            for moved in (float(f"{value + step:.{_DIGITS}g}") for step in steps):
                if moved != value and _plausible(moved, fact):
                    yield each, comparison, moved


def _number(comparison: Comparison) -> float:
    constant = comparison.constants[0]
    assert not isinstance(constant, str)  # noqa: S101  (only numbers are ordered)
    return float(constant)


def _plausible(value: float, fact: FactDefinition) -> bool:
    low, high = fact.plausible or (0.0, float("inf"))
    return low <= value <= high


def _changes(
    rules: Sequence[Compiled], move: tuple[Compiled, Comparison, float], weighed: _Weighed
) -> tuple[tuple[Change, ...], int]:
    import polars as pl

    each, comparison, value = move
    constant = int(value) if all_definitions()[comparison.fact].type == "integer" else value
    moved = replace(each, expression=_swapped(each.expression, comparison, replace(comparison, constants=(constant,))))
    column = evaluate([moved], weighed.cases, weighed.lesions).to_series()
    if column.equals(weighed.truths[each.rule.id], null_equal=True):
        return (), 0
    options: tuple[Any, ...] = each.rule.option
    after = verdicts(rules, weighed.truths.with_columns(column), options)
    changed = pl.select(pl.any_horizontal(*(after[o] != weighed.verdicts[o] for o in options))).to_series()
    changes: list[Change] = []
    for option in options:
        counted = (
            pl.DataFrame({"was": weighed.verdicts[option], "becomes": after[option]})
            .filter(pl.col("was") != pl.col("becomes"))
            .group_by("was", "becomes")
            .len()
            .sort("len", "was", "becomes", descending=[True, False, False])
        )
        changes += [Change(option=option, was=was, becomes=becomes, cases=n) for was, becomes, n in counted.iter_rows()]
    return tuple(changes), int(changed.sum())


def _swapped(expression: Expression, old: Comparison, new: Comparison) -> Expression:
    """The expression with this one comparison exchanged (the object itself: another may look alike)."""
    match expression:
        case Comparison():
            return new if expression is old else expression
        case Not(part):
            return Not(_swapped(part, old, new))
        case And(parts):
            return And(tuple(_swapped(part, old, new) for part in parts))
        case Or(parts):
            return Or(tuple(_swapped(part, old, new) for part in parts))
