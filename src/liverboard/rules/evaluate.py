"""Rules over frames of facts, by polars: the same code for one case and for millions. A row is a case, a column a fact; null is unknown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from liverboard.clinical.derive import Value
from liverboard.clinical.dictionary import FactDefinition
from liverboard.rules.expression import facts_in, to_polars
from liverboard.rules.rule import Compiled

if TYPE_CHECKING:
    import polars as pl

CASE = "case_row"  # in a frame of lesions: the row number of their case


def facts_frame(rows: Iterable[Mapping[str, Value | None]], definitions: Mapping[str, FactDefinition]) -> pl.DataFrame:
    """One row a mapping, one typed column a fact of `definitions`; names that are not there are unknown."""
    import polars as pl

    taken = [[row.get(name) for name in definitions] for row in rows]
    return pl.DataFrame(taken, schema={name: column_type(fact) for name, fact in definitions.items()}, orient="row")


def column_type(fact: FactDefinition) -> Any:
    """The polars type of a fact's column."""
    import polars as pl

    return {"number": pl.Float64, "integer": pl.Int64, "boolean": pl.Boolean}.get(fact.type) or pl.Enum(fact.values)


def evaluate(rules: Sequence[Compiled], cases: pl.DataFrame, lesions: pl.DataFrame | None = None) -> pl.DataFrame:
    """The truth of every rule for every case: one Boolean column a rule (its id), null where unknown, in the order of `cases`.

    `cases`: typed fact columns; a fact without a column is unknown. `lesions`: a row a lesion, its case's row number in `CASE`. A case without lesions there
    has none when its `lesion_count` is 0; else they are unknown.
    """
    import polars as pl

    of_case = [each for each in rules if each.rule.scope == "case"]
    of_lesion = [each for each in rules if each.rule.scope == "lesion"]
    found = _with_facts(cases, of_case).select([to_polars(each.expression).alias(each.rule.id) for each in of_case])
    columns = {column.name: column for column in (*found.get_columns(), *_rolled_up(of_lesion, cases, lesions))}
    return pl.DataFrame([columns[each.rule.id] for each in rules])


def _rolled_up(rules: Sequence[Compiled], cases: pl.DataFrame, lesions: pl.DataFrame | None) -> list[pl.Series]:
    import polars as pl

    if not rules:
        return []
    counted = cases if "lesion_count" in cases.columns else cases.with_columns(pl.lit(None).alias("lesion_count"))
    empty = counted.select(pl.when(pl.col("lesion_count") == 0).then(pl.lit(False)).alias("empty"))  # else unknown
    if lesions is None or lesions.height == 0:
        return [empty["empty"].alias(each.rule.id) for each in rules]
    # `any` and `all` that do not ignore nulls are SQL's.
    rows = evaluate_lesions(rules, cases, lesions).group_by(CASE).agg(
        [pl.col(each.rule.id).any(ignore_nulls=False) if each.rule.lesions == "any" else pl.col(each.rule.id).all(ignore_nulls=False) for each in rules]
    )  # fmt: skip
    numbered = empty.with_row_index(CASE).with_columns(pl.col(CASE).cast(rows.schema[CASE]))
    joined = numbered.join(rows.with_columns(pl.lit(True).alias("listed")), on=CASE, how="left", maintain_order="left")
    return joined.select(
        [
            pl.when(pl.col("listed")).then(pl.col(each.rule.id)).otherwise(pl.col("empty")).alias(each.rule.id)
            for each in rules
        ]
    ).get_columns()


def evaluate_lesions(rules: Sequence[Compiled], cases: pl.DataFrame, lesions: pl.DataFrame) -> pl.DataFrame:
    """The truth of lesion rules for every lesion, with its case's row number; facts of the case may be read too."""
    import polars as pl

    needed = {fact for each in rules for fact in facts_in(each.expression)}
    shared = [name for name in cases.columns if name in needed and name not in lesions.columns]
    joined = lesions.join(
        cases.select(shared).with_row_index(CASE).with_columns(pl.col(CASE).cast(lesions.schema[CASE])), on=CASE, how="left", maintain_order="left"
    )  # fmt: skip
    return _with_facts(joined, rules).select(CASE, *[to_polars(each.expression).alias(each.rule.id) for each in rules])


def _with_facts(frame: pl.DataFrame, rules: Sequence[Compiled]) -> pl.DataFrame:
    """The frame with an unknown column for every fact that it lacks. A number that is none (NaN, as other programs write an empty cell) is unknown too."""
    import polars as pl

    needed = dict.fromkeys(fact for each in rules for fact in facts_in(each.expression))
    schema = frame.schema  # asked once: it is built anew at each look
    floats = [name for name in needed if name in schema and schema[name].is_float()]
    return frame.with_columns(
        *(pl.lit(None).alias(name) for name in needed if name not in schema),
        *(pl.col(name).fill_nan(None) for name in floats),
    )
