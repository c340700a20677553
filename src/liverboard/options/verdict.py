"""From the truth of rules to a verdict for every option, for frames of any height: the table of `docs/reference/rule-language.md`, as polars expressions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from liverboard.rules.rule import OPTIONS, Compiled, Effect

if TYPE_CHECKING:
    import polars as pl

Verdict = Literal["excluded", "not_indicated", "cannot_tell", "caution", "fits"]
VERDICTS: tuple[Verdict, ...] = ("fits", "caution", "cannot_tell", "not_indicated", "excluded")  # the order on the page


def rules_of(option: str, rules: Iterable[Compiled], *, active: bool = True) -> tuple[Compiled, ...]:
    """The rules that speak of an option; `active`: only those that may decide."""
    return tuple(each for each in rules if option in each.rule.option and (each.active or not active))


def verdicts(rules: Sequence[Compiled], truths: pl.DataFrame, options: Sequence[str] = OPTIONS) -> pl.DataFrame:
    """The verdict of every option, one column each, from the frame that `rules.evaluate` gives."""
    found = [
        _verdict(tuple((each.rule.id, each.rule.effect, each.rule.ask is not None) for each in rules_of(option, rules))).alias(option)
        for option in options
    ]  # fmt: skip
    return (
        truths.lazy().with_columns(found).select(options).collect()
    )  # as high as `truths`, though no rule may speak of an option


@lru_cache(maxsize=1024)
def _verdict(rules: tuple[tuple[str, Effect, bool], ...]) -> pl.Expr:
    """The verdict of one option. `rules`: of each that decides its id, its effect, and whether it is asked late."""
    import polars as pl

    def columns(effect: Effect, *, asked_late: bool = False) -> list[pl.Expr]:
        return [pl.col(name) for name, of, late in rules if of == effect and not (asked_late and late)]

    def any_true(found: list[pl.Expr]) -> pl.Expr:
        return pl.any_horizontal(pl.lit(False), *(one.fill_null(False) for one in found))

    contraindications, requirements, indications = columns("contraindication"), columns("requirement"), columns("indication")  # fmt: skip
    excluded = any_true([*contraindications, *(~one for one in requirements)])
    unknown_block = pl.any_horizontal(
        pl.lit(False), *(one.is_null() for one in [*columns("contraindication", asked_late=True), *requirements])
    )
    indicated = any_true(indications)
    unknown_indication = pl.any_horizontal(pl.lit(False), *(one.is_null() for one in indications))
    word = pl.Enum(VERDICTS)
    return (
        pl.when(excluded)
        .then(pl.lit("excluded", word))
        .when(unknown_block | (~indicated & unknown_indication))
        .then(pl.lit("cannot_tell", word))
        .when(~indicated)
        .then(pl.lit("not_indicated", word))
        .when(any_true(columns("caution")))
        .then(pl.lit("caution", word))
        .otherwise(pl.lit("fits", word))
    )
