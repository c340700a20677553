"""A table of people, read for survival analysis: which column is what, and which rows cannot be used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from liverboard.board.tables import Table, shorten
from liverboard.errors import BadInput, Problem
from liverboard.synthesis.observations import Bools, observe
from liverboard.synthesis.survival_report import SurvivalData

_HIGHEST_EVENT_CODE = 2


@dataclass(frozen=True, slots=True)
class SurvivalColumns:
    """The names of the columns. `event`: 0 censored, 1 the event, 2 a competing event."""

    time: str
    event: str
    group: str | None = None
    strata: str | None = None
    entry: str | None = None
    weights: str | None = None
    cluster: str | None = None
    covariates: Sequence[str] = ()


def read_people(table: Table, columns: SurvivalColumns) -> tuple[SurvivalData, tuple[str, ...]]:
    """People, and what was left out. Rows without group, stratum or cluster are left out; rows without a covariate, of the models only.

    Raises BadInput with line and column: a missing column, time or event; a negative time, a code other than 0, 1, 2, entry not before time, weight <= 0.
    """
    time = table.numbers(columns.time, least=0)
    event = table.numbers(columns.event, whole=True, least=0)
    entry = None if columns.entry is None else table.numbers(columns.entry)
    weights = None if columns.weights is None else table.numbers(columns.weights)
    if len(table) == 0:
        raise BadInput("the table has no row below its header", where=table.name, hint="Give at least one person.")
    problems = _faults(table, columns.event, event > _HIGHEST_EVENT_CODE, event, "not an event code", "0, 1, 2")
    if columns.entry is not None and entry is not None:
        problems += _faults(
            table, columns.entry, entry >= time, entry, "entry is not before the end", "less than the time"
        )
    if columns.weights is not None and weights is not None:
        problems += _faults(table, columns.weights, weights <= 0, weights, "a weight is not positive", "more than 0")
    if problems:
        raise BadInput(
            "rows cannot be used", where=table.name, problems=shorten(problems), hint="Correct or remove them."
        )
    covariates = list(dict.fromkeys(columns.covariates))
    if columns.group in covariates:
        covariates.remove(columns.group)
    keep = np.ones(len(table), dtype=bool)
    notes: list[str] = []
    for role, name in (("group", columns.group), ("stratum", columns.strata), ("cluster", columns.cluster)):
        if name is not None:
            missing = ~table.known(name)
            if missing.any():
                notes.append(f"{int(missing.sum())} rows without a {role} ('{name}') are left out.")
            keep &= ~missing
    if not keep.any():
        raise BadInput("no row has a group, stratum and cluster", where=table.name, hint="Fill in these columns.")
    complete = np.ones(len(table), dtype=bool)
    for name in covariates:
        complete &= table.known(name)
    short = int(np.sum(keep & ~complete))
    if short:
        notes.append(f"{short} rows without a covariate are left out of the models.")

    def words(name: str | None) -> npt.NDArray[Any] | None:
        return None if name is None else np.array(table.text(name))[keep]

    data = SurvivalData(
        observations=observe(
            time[keep],
            event[keep],
            entry=None if entry is None else entry[keep],
            weights=None if weights is None else weights[keep],
            strata=words(columns.strata),
            causes=_HIGHEST_EVENT_CODE,
        ),
        group=words(columns.group),
        group_name=columns.group or "group",
        covariates={name: _covariate(table, name, complete)[keep] for name in covariates},
        complete=complete[keep],
        cluster=words(columns.cluster),
    )
    return data, tuple(notes)


def _faults(
    table: Table, name: str, wrong: Bools, values: npt.NDArray[np.float64], message: str, allowed: str
) -> list[Problem]:
    return [
        Problem(message, line=table.lines[row], field=name, read=f"{values[row]:g}", allowed=allowed)
        for row in np.flatnonzero(wrong)
    ]


def _covariate(table: Table, name: str, complete: Bools) -> npt.NDArray[Any]:
    """Numbers where every cell is one, else words; what stands in rows that are not complete is never used."""
    try:
        return np.where(complete, table.numbers(name, blank=True), 0.0)
    except BadInput:
        return np.array(table.text(name))
