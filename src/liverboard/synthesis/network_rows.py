"""The studies of a network, out of the rows of a table: contrasts or arms, checked study by study."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from liverboard.errors import BadInput, Problem

Floats = npt.NDArray[np.float64]
R = TypeVar("R", "Contrast", "Arm")
ROUNDING_SE = 0.01  # of the smallest standard error of the study: not worth a word
TYPING_SE = 0.5  # beyond this no rounding explains it


@dataclass(frozen=True, slots=True)
class Contrast:
    """One pair of a study: effect of `treat1` minus effect of `treat2`, with its standard error. `n1`, `n2`: patients, where known."""

    study: str
    treat1: str
    treat2: str
    effect: float
    se: float
    n1: float | None = None
    n2: float | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Arm:
    """One arm of a study: `events` of `n` patients."""

    study: str
    treat: str
    events: float
    n: float
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Study:
    """A study as the network uses it. `effects` (p): effect of each arm, up to a constant; `variances` (p x p): variance of each difference, 0 on the diagonal."""

    label: str
    arms: tuple[str, ...]
    effects: Floats
    variances: Floats
    patients: tuple[float | None, ...]


def _by_study(rows: Sequence[R]) -> dict[str, list[R]]:
    found: dict[str, list[R]] = {}
    for row in rows:
        found.setdefault(row.study, []).append(row)
    return found


def studies_from_contrasts(rows: Sequence[Contrast]) -> tuple[list[Study], list[str]]:
    """Studies and what has to be said about them. A study of p arms needs all its p (p - 1) / 2 pairs.

    Raises BadInput with the row: a standard error that is not above 0, a treatment against itself, a pair twice, a missing pair, effects or standard
    errors that cannot belong to one study.
    """
    problems = [p for row in rows if (p := _fault(row)) is not None]
    if problems:
        raise BadInput("the table of contrasts cannot be used", problems=problems)
    studies: list[Study] = []
    said: list[str] = []
    for label, own in _by_study(rows).items():
        study, note = _study(label, own)
        studies.append(study)
        said += note
    return studies, said


def _fault(row: Contrast) -> Problem | None:
    where = f"study '{row.study}', {row.treat1} against {row.treat2}"
    if row.treat1 == row.treat2:
        return Problem(
            f"study '{row.study}': '{row.treat1}' is compared with itself", line=row.line, hint="give two treatments"
        )
    if not math.isfinite(row.effect):
        return Problem(f"{where}: the effect is not a finite number", line=row.line, read=f"{row.effect}")
    if not (math.isfinite(row.se) and row.se > 0 and math.isfinite(row.se**2) and row.se**2 > 0):
        return Problem(
            f"{where}: the standard error cannot be used", line=row.line, read=f"{row.se:g}", allowed="a number above 0"
        )
    return None


def _study(label: str, rows: Sequence[Contrast]) -> tuple[Study, list[str]]:
    arms = tuple(sorted({t for row in rows for t in (row.treat1, row.treat2)}))
    place = {t: i for i, t in enumerate(arms)}
    counts = Counter(frozenset((row.treat1, row.treat2)) for row in rows)
    twice = [" and ".join(sorted(pair)) for pair, n in counts.items() if n > 1]
    if twice:
        raise BadInput(
            f"study '{label}' gives the pair {'; '.join(twice)} more than once",
            hint="One row a pair. Two cohorts of one paper are two studies: give each its own label.",
        )
    missing = [f"{a} against {b}" for a, b in combinations(arms, 2) if frozenset((a, b)) not in counts]
    if missing:
        raise BadInput(
            f"study '{label}' has {len(arms)} arms, but not all their pairs",
            problems=[Problem(f"missing: {pair}") for pair in missing],
            hint="A study of three arms needs three rows, of four arms six; or give the arms: study, treat, events, n.",
        )
    p = len(arms)
    effects, variances = np.zeros((p, p)), np.zeros((p, p))
    patients: list[float | None] = [None] * p
    for row in rows:
        i, j = place[row.treat1], place[row.treat2]
        effects[i, j], effects[j, i] = row.effect, -row.effect
        variances[i, j] = variances[j, i] = row.se**2
        for arm, n in ((i, row.n1), (j, row.n2)):
            patients[arm] = n if patients[arm] is None else patients[arm]
    level = effects.mean(axis=1)  # the least-squares levels of the arms
    gap = float(np.max(np.abs(level[:, None] - level[None, :] - effects))) * (p if p > 2 else 0)
    smallest = math.sqrt(min(variances[i, j] for i, j in combinations(range(p), 2)))
    said: list[str] = []
    if gap > TYPING_SE * smallest:
        raise BadInput(
            f"study '{label}': the effects of its pairs do not add up, by {gap:.3g}",
            hint="a against b plus b against c must give a against c: look for a turned sign or a typing error.",
        )
    if gap > ROUNDING_SE * smallest:
        said.append(
            f"Study '{label}': the effects of its pairs do not add up, by {gap:.2g}; the closest values that do are used."
        )
    if p > 2:
        said += _check_variances(label, arms, variances)
    return Study(label, arms, level, variances, tuple(patients)), said


def _check_variances(label: str, arms: Sequence[str], variances: Floats) -> list[str]:
    """A note where the pairs imply an arm with a negative variance; BadInput where no covariance fits them at all."""
    p = len(arms)
    against = (variances[0, 1:, None] + variances[0, None, 1:] - variances[1:, 1:]) / 2
    if np.linalg.eigvalsh(against)[0] <= 1e-9 * float(np.max(variances)):
        raise BadInput(
            f"study '{label}': its standard errors cannot belong to one study of {p} arms",
            hint="The variance of a pair is the sum of the variances of its two arms: check each standard error of the study.",
        )
    own = (variances.sum(axis=1) - variances.sum() / (2 * (p - 1))) / (p - 2)
    low = [arms[i] for i in range(p) if own[i] < -1e-9 * float(np.max(variances))]
    if low:
        return [
            f"Study '{label}': its standard errors imply a variance below 0 for {', '.join(low)}; check them, the study's weight may be wrong."
        ]
    return []


def studies_from_arms(rows: Sequence[Arm]) -> tuple[list[Study], list[str]]:
    """Log odds ratios out of `events` of `n`; 0.5 is added to each cell of a study that has an empty one.

    A study with one arm only, and a study in which nobody or everybody had the event, say nothing about a difference: left out, and said. Raises BadInput
    with the row for counts that cannot be.
    """
    problems: list[Problem] = []
    for row in rows:
        where = f"study '{row.study}', {row.treat}"
        if not (math.isfinite(row.events) and math.isfinite(row.n) and row.n > 0 and 0 <= row.events <= row.n):
            problems.append(
                Problem(
                    f"{where}: the counts cannot be used",
                    line=row.line,
                    read=f"{row.events:g} of {row.n:g}",
                    allowed="0 to n events, n above 0",
                )
            )
    for (study, treat), times in Counter((row.study, row.treat) for row in rows).items():
        if times > 1:
            problems.append(
                Problem(
                    f"study '{study}' gives the arm '{treat}' {times} times", hint="add the arms up, or name them apart"
                )
            )
    if problems:
        raise BadInput("the table of arms cannot be used", problems=problems)
    studies: list[Study] = []
    said: list[str] = []
    alone: list[str] = []
    for label, own in _by_study(rows).items():
        if len(own) < 2:
            alone.append(label)
            continue
        arms = sorted(own, key=lambda row: row.treat)
        events = np.array([row.events for row in arms], dtype=np.float64)
        free = np.array([row.n - row.events for row in arms], dtype=np.float64)
        if not events.any() or not free.any():
            said.append(
                f"Study '{label}' is left out: {'nobody' if not events.any() else 'everybody'} had the event, so it has no odds ratio."
            )
            continue
        if (events == 0).any() or (free == 0).any():
            said.append(f"Study '{label}' has an empty cell: 0.5 is added to each of its cells.")
            events, free = events + 0.5, free + 0.5
        own_variance = 1 / events + 1 / free
        variances = own_variance[:, None] + own_variance[None, :]
        np.fill_diagonal(variances, 0.0)
        level = np.log(events / free)
        studies.append(
            Study(
                label, tuple(row.treat for row in arms), level - level.mean(), variances, tuple(row.n for row in arms)
            )
        )
    if alone:
        said.insert(
            0,
            f"Left out, one arm only: {', '.join(alone)}. A single arm is not a comparison; pool it with `evidence meta`.",
        )
    lost = sorted({row.treat for row in rows} - {a for s in studies for a in s.arms})
    if lost and studies:
        said.append(f"No study that can be used compares {', '.join(lost)}.")
    return studies, said
