"""What leaves the centre: no small count, and none that a patient reader with pencil and totals could narrow."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import polars as pl
import pytest
from tests.cohort_samples import random_choices, random_rows

from liverboard.clinical.dictionary import load_dictionary
from liverboard.errors import NotPermitted
from liverboard.options.audit import Cohort, audit
from liverboard.options.audit_export import for_export
from liverboard.options.audit_report import AuditReport
from liverboard.options.policy import packaged
from liverboard.rules.evaluate import facts_frame
from liverboard.synthesis.disclosure import Below, Count

RULESET = packaged()
K = 5


@cache
def exported(count: int, seed: int = 1, *, chosen: bool = True) -> tuple[AuditReport, AuditReport]:
    rows = random_rows(count, RULESET.rules, seed=seed, unknown=0.1)
    cohort = Cohort(
        facts_frame(rows, load_dictionary()),
        None,
        pl.Series("case", [f"SECRET{number}" for number in range(count)]),
        pl.Series("chosen", random_choices(count, seed=seed)) if chosen else None,
    )
    inside = audit(cohort, RULESET).report.model_copy(update={"source": "patients.csv"})
    return inside, for_export(inside, RULESET.rules, K)


def numbers(value: Any, path: str = "") -> Iterator[tuple[str, int]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from numbers(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from numbers(inner, path)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield path, value


@pytest.mark.parametrize(("count", "seed"), [(40, 1), (150, 2), (400, 3)])
def test_no_small_count_is_in_an_export(count: int, seed: int) -> None:
    _, outside = exported(count, seed)
    found = [
        (path, n) for path, n in numbers(outside.model_dump(mode="json")) if not path.endswith((".below", ".min_cell"))
    ]
    assert found
    assert [(path, n) for path, n in found if n < K] == []
    text = outside.model_dump_json()
    assert "SECRET" not in text
    assert "patients.csv" not in text
    assert outside.export


def bounds_after_pencil_work(report: AuditReport) -> list[tuple[int, int]]:
    """Interval arithmetic over every sum that a reader knows, until nothing narrows: an attacker that shares no code with the protection."""
    low: dict[str, float] = {}
    high: dict[str, float] = {}

    def put(name: str, count: Count) -> str:
        exact = isinstance(count, int)
        low[name] = count if exact else 0 if isinstance(count, Below) else K  # pyright: ignore[reportArgumentType]
        high[name] = count if exact else K - 1 if isinstance(count, Below) else 10**9  # pyright: ignore[reportArgumentType]
        return name

    sums: list[tuple[str, list[str]]] = []
    put("n", report.cases)
    sums += [("n", [put(f"{each.option} {v}", c) for v, c in each.verdicts.items()]) for each in report.options]
    told = report.concordance
    if told is not None:
        put("chosen", told.cases)
        columns: dict[str, list[str]] = {v: [] for v in told.verdicts}
        for row in told.options:
            cells = []
            for verdict, count in row.verdicts.items():
                cell = put(f"c {row.option} {verdict}", count)
                rest = f"r {row.option} {verdict}"
                low[rest], high[rest] = 0, 10**9
                sums.append((f"{row.option} {verdict}", [cell, rest]))
                columns[verdict].append(cell)
                cells.append(cell)
            sums.append((put(f"row {row.option}", row.cases), cells))
        sums.append(("chosen", [f"row {row.option}" for row in told.options]))
        sums.append(("chosen", [put(f"col {v}", c) for v, c in told.verdicts.items()]))
        sums += [(f"col {v}", cells) for v, cells in columns.items()]
    small = [name for name in low if low[name] == 0 and high[name] == K - 1]
    for _ in range(100):
        before = (dict(low), dict(high))
        for total, parts in sums:
            low[total] = max(low[total], sum(low[p] for p in parts))
            high[total] = min(high[total], sum(high[p] for p in parts))
            for part in parts:
                others = [p for p in parts if p != part]
                low[part] = max(low[part], low[total] - sum(high[p] for p in others))
                high[part] = min(high[part], high[total] - sum(low[p] for p in others))
        if before == (low, high):
            break
    return [(int(low[name]), int(high[name])) for name in small]


@pytest.mark.parametrize(("count", "seed"), [(40, 1), (150, 2), (400, 3)])
def test_totals_narrow_no_hidden_count(count: int, seed: int) -> None:
    _, outside = exported(count, seed)
    found = bounds_after_pencil_work(outside)
    assert found
    assert set(found) == {(0, K - 1)}


def test_the_attacker_of_this_file_would_find_a_count_left_alone() -> None:
    inside, _ = exported(150, 2)
    naive = inside.model_copy(
        update={
            "options": tuple(
                each.model_copy(
                    update={
                        "verdicts": {v: Below(below=K) if c < K else c for v, c in each.verdicts.items()}  # pyright: ignore[reportOperatorIssue]
                    }
                )
                for each in inside.options
            ),
            "concordance": None,
        }
    )
    assert set(bounds_after_pencil_work(naive)) != {(0, K - 1)}


def test_what_is_shown_is_true() -> None:
    inside, outside = exported(400, 3)
    for before, after in zip(inside.options, outside.options, strict=True):
        for verdict, count in after.verdicts.items():
            assert not isinstance(count, int) or count == before.verdicts[verdict]
    assert any(isinstance(count, int) for each in outside.options for count in each.verdicts.values())


def test_lists_hold_no_small_count_and_no_changes_by_option() -> None:
    inside, outside = exported(150, 2)
    assert len(outside.missing) < len(inside.missing) or all(fact.cases >= K for fact in inside.missing)  # pyright: ignore[reportOperatorIssue]
    assert all(fact.options == {} for fact in outside.missing)
    assert all(move.changes == () for move in outside.thresholds.moves)
    assert not any(isinstance(move.cases, Below) for move in outside.thresholds.moves)


def test_a_few_cases_are_not_exported_at_all() -> None:
    inside, _ = exported(40)
    tiny = inside.model_copy(update={"cases": 8})
    with pytest.raises(NotPermitted, match="9 cases"):
        for_export(tiny, RULESET.rules, K)
    with pytest.raises(NotPermitted):
        for_export(inside, RULESET.rules, 1)


def test_without_choices_the_verdicts_are_protected_alone() -> None:
    _, outside = exported(60, 4, chosen=False)
    assert outside.concordance is None
    assert set(bounds_after_pencil_work(outside)) <= {(0, K - 1)}
