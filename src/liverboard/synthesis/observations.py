"""People followed over time: checked columns of time, event, entry, weight and stratum. What enters any survival method has passed here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from liverboard.errors import BadInput, Problem

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Observations:
    """Columns of one length n, one row a person (or a person's interval).

    `time`: end of follow-up, >= 0, in any unit; times are tied where they are the same number. `event`: 0 censored, 1 the event, 2 and up competing events, where the method takes them. `entry`: under
    observation since this time (left truncation); at risk in (entry, time]. `weights`: case weights > 0. `strata`: codes 0, 1, ...
    """

    time: Floats
    event: Ints
    entry: Floats | None = None
    weights: Floats | None = None
    strata: Ints | None = None

    @property
    def n(self) -> int:
        return len(self.time)

    @property
    def weight(self) -> Floats:
        return np.ones(self.n) if self.weights is None else self.weights

    @property
    def whole_weights(self) -> bool:
        """True if weights can be counts of equal people."""
        return self.weights is None or bool(np.all(self.weights == np.rint(self.weights)))

    def where(self, mask: Bools) -> Observations:
        """The rows for which the mask holds."""
        return Observations(
            self.time[mask],
            self.event[mask],
            None if self.entry is None else self.entry[mask],
            None if self.weights is None else self.weights[mask],
            None if self.strata is None else self.strata[mask],
        )

    def cause(self, code: int) -> Observations:
        """The same people, with `code` as the event and everything else censored."""
        return Observations(self.time, (self.event == code).astype(np.int64), self.entry, self.weights, self.strata)


def observe(
    time: npt.ArrayLike,
    event: npt.ArrayLike,
    *,
    entry: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    strata: Sequence[object] | npt.NDArray[Any] | None = None,
    causes: int = 1,
) -> Observations:
    """Columns checked and typed; rows are counted from 1 in what is said. `causes` is the highest event code allowed.

    Raises BadInput: no row, unequal lengths, a value that is missing or no number, negative time, an event code out of range, entry not before time, weight <= 0.
    """
    t = _numbers(time, "time")
    if len(t) == 0:
        raise BadInput("there is no row", hint="Give at least one person.")
    e = _numbers(event, "event")
    start = None if entry is None else _numbers(entry, "entry")
    weight = None if weights is None else _numbers(weights, "weights")
    for name, column in (("event", e), ("entry", start), ("weights", weight), ("strata", strata)):
        if column is not None and len(column) != len(t):
            raise BadInput(
                f"{name} has {len(column)} rows and time has {len(t)}", hint="Give columns of the same length."
            )
    allowed = ", ".join(map(str, range(causes + 1)))
    problems = [
        *_problems(t, t < 0, "time", "a time is negative", "0 or later"),
        *_problems(e, ~np.isin(e, np.arange(causes + 1)), "event", "not an event code", allowed),
    ]
    if start is not None:
        problems += _problems(start, start >= t, "entry", "entry is not before the end of follow-up", "less than time")
    if weight is not None:
        problems += _problems(weight, weight <= 0, "weights", "a weight is not positive", "more than 0")
    if problems:
        raise BadInput("the follow-up cannot be used", problems=problems, hint="Correct these rows, or leave them out.")
    codes = None
    if strata is not None:
        codes = label_codes(strata)[1]
    return Observations(t, e.astype(np.int64), start, weight, codes)


def _numbers(values: npt.ArrayLike, name: str) -> Floats:
    try:
        column = np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise BadInput(f"{name} holds something that is no number", hint="Give numbers only.") from None
    if column.ndim != 1:
        raise BadInput(f"{name} has {column.ndim} dimensions", hint="Give one value a person.")
    if not np.isfinite(column).all():
        raise BadInput(
            f"{name} is missing or infinite",
            problems=_problems(column, ~np.isfinite(column), name, "no finite number", "a number"),
            hint="Correct these rows, or leave them out.",
        )
    return column


def _problems(column: Floats, wrong: Bools, name: str, message: str, allowed: str) -> list[Problem]:
    rows = np.flatnonzero(wrong)
    found = [
        Problem(f"row {row + 1}: {message}", field=name, read=f"{column[row]:g}", allowed=allowed)
        for row in rows[:_SHOWN]
    ]
    if len(rows) > _SHOWN:
        found.append(Problem(f"and {len(rows) - _SHOWN} more rows", field=name))
    return found


def by_group(
    observations: Observations, group: Sequence[object] | npt.NDArray[Any]
) -> tuple[tuple[str, ...], Ints, Callable[[int], Observations]]:
    """Sorted group labels, each person's group as a code, and the rows of a group. Raises BadInput: another number of rows."""
    names, member = label_codes(group)
    if member.shape != (observations.n,):
        raise BadInput(
            f"group has {len(member)} rows and time has {observations.n}", hint="Give columns of the same length."
        )
    return names, member, lambda code: observations.where(member == code)


def label_codes(labels: Sequence[object] | npt.NDArray[Any]) -> tuple[tuple[str, ...], Ints]:
    """The distinct labels as text, in order of number where all are numbers, else of text; and the place of each row's label among them."""
    raw = np.asarray(labels)
    if raw.dtype.kind not in "biufU":
        raw = raw.astype(str)
    unique, codes = np.unique(raw, return_inverse=True)
    names = sorted_labels(unique)
    place = {name: at for at, name in enumerate(names)}
    places = np.array([place[str(name)] for name in unique.astype(str)], dtype=np.int64)
    return names, places[codes.reshape(raw.shape)]


def sorted_labels(labels: npt.NDArray[Any]) -> tuple[str, ...]:
    """The distinct labels, in order of number where all are numbers, else of text."""
    names = [str(name) for name in np.unique(labels.astype(str))]
    try:
        return tuple(sorted(names, key=lambda name: (float(name), name)))
    except ValueError:
        return tuple(names)
