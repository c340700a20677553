"""Covariates as numbers: numeric columns as they are, words as 0/1 columns against the first category."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from liverboard.errors import BadInput, Problem
from liverboard.synthesis.observations import Bools, Floats, sorted_labels


@dataclass(frozen=True, slots=True)
class Design:
    """`matrix` (n, p), stored column by column, one name a column; `terms` gives for each column the covariate that it comes from."""

    names: tuple[str, ...]
    matrix: Floats
    terms: tuple[str, ...]

    @classmethod
    def of(cls, columns: Mapping[str, Sequence[object] | npt.NDArray[Any]]) -> Design:
        """Numbers stay one column. Words become one column a category but the first in sorted order, named `covariate: category`.

        Raises BadInput: no covariate, unequal lengths, a missing or infinite number, a word column with one category.
        """
        if not columns:
            raise BadInput("no covariate was given", hint="Name at least one.")
        if len({len(values) for values in columns.values()}) > 1:
            raise BadInput("covariates differ in length", hint="Give columns of the same length.")
        names: list[str] = []
        terms: list[str] = []
        parts: list[Floats] = []
        for name, values in columns.items():
            for label, column in _columns(name, values):
                names.append(label)
                terms.append(name)
                parts.append(column)
        return cls(tuple(names), np.array(parts).T, tuple(terms))

    def check(self, n: int) -> None:
        """Raises BadInput: another number of rows than people."""
        if len(self.matrix) != n:
            raise BadInput(
                f"covariates have {len(self.matrix)} rows and time has {n}", hint="Give columns of the same length."
            )

    def where(self, mask: Bools) -> Design:
        return Design(self.names, self.matrix[mask], self.terms)

    def centre_and_scale(self) -> tuple[Floats, Floats]:
        """Mean and standard deviation of each column (1 where it does not vary): shifts and scales leave the fit as it is and keep its sums exact."""
        deviation = self.matrix.std(axis=0)
        return self.matrix.mean(axis=0), np.where(deviation > 0, deviation, 1.0)


def _columns(name: str, values: Sequence[object] | npt.NDArray[Any]) -> list[tuple[str, Floats]]:
    raw = np.asarray(values)
    if raw.dtype.kind in "biuf":
        column = raw.astype(np.float64)
        bad = np.flatnonzero(~np.isfinite(column))
        if len(bad):
            raise BadInput(
                f"{name} is missing or infinite in {len(bad)} rows",
                problems=[Problem(f"row {row + 1}: no finite number", field=name) for row in bad[:5]],
                hint="Leave these rows out, or the covariate.",
            )
        return [(name, column)]
    words = raw.astype(str)
    categories = sorted_labels(words)
    if len(categories) < 2:
        raise BadInput(f"{name} has one category only", hint="Leave it out.")
    return [(f"{name}: {category}", (words == category).astype(np.float64)) for category in categories[1:]]
