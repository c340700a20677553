"""Checks that lay tables and studies beside each other: arms against cohorts, contrasts against counts, studies against each other, reviews against themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import Any, TypeVar

from scipy import stats

from liverboard.evidence.catalogue import Arm, Catalogue, Contrast, Outcome
from liverboard.evidence.finding import Check, Finding, Weight

R = TypeVar("R")
_stats: Any = stats  # scipy ships no types
_P = re.compile(r"(?P<below><)?\s*(?P<p>0?\.\d+|1(?:\.0+)?|0)")


def cohort_sizes(catalogue: Catalogue) -> Iterator[Finding]:
    """The arms of a study against its whole cohort."""
    for whole in catalogue.arms.values():
        if whole.arm_role != "whole_cohort" or whole.n_patients is None:
            continue
        arms = [
            arm for arm in catalogue.arms.values()
            if arm.study == whole.study and arm.arm_role == "arm" and arm.n_patients is not None
        ]  # fmt: skip
        total = sum(arm.n_patients or 0 for arm in arms)
        if arms and total != whole.n_patients and len(arms) > 1:
            yield Finding(
                check="arms_against_cohort",
                weight="doubt",
                where=whole.study_id,
                says=f"{' + '.join(str(arm.n_patients) for arm in arms)} = {total} patients in the arms, {whole.n_patients} in the cohort",
            )


def two_values(catalogue: Catalogue) -> Iterator[Finding]:
    """The same thing printed twice with different values: outcomes of an arm, contrasts, sizes of an arm, estimates of a review."""
    for one, other in _pairs(catalogue.outcomes, "study_id", "outcome", "subgroup", "timepoint"):
        if one.value is not None and other.value is not None and one.unit == other.unit and one.value != other.value:
            apart = one.unit_of_analysis != other.unit_of_analysis or one.criteria != other.criteria
            yield Finding(
                check="two_values",
                weight="note" if apart else "doubt",
                where=f"{one.study_id} / {one.outcome}",
                says=f"{one.printed} per {one.unit_of_analysis} ({one.criteria}) and {other.printed} per {other.unit_of_analysis} ({other.criteria})",
            )
    for one, other in _pairs(
        catalogue.contrasts, "study_id", "arm_a", "arm_b", "outcome", "adjusted", "effect_measure"
    ):
        if one.p_value and other.p_value and one.p_value != other.p_value:
            yield Finding(
                check="two_values",
                weight="doubt",
                where=f"{one.study_id} / {one.outcome}",
                says=f"p {one.p_value} ({one.extracted_from}) and p {other.p_value} ({other.extracted_from})",
            )
    for second in catalogue.second:
        first = catalogue.arms.get(second.study_id)
        if first is not None and first.n_patients != second.n_patients:
            yield Finding(
                check="two_values",
                weight="doubt",
                where=second.study_id,
                says=f"{first.n_patients} patients ({first.extracted_from}) and {second.n_patients} ({second.extracted_from})",
            )
    for one, other in _pairs(catalogue.published, "meta_id", "technique", "comparison", "outcome"):
        if one.estimate != other.estimate:
            yield Finding(
                check="two_values",
                weight="doubt",
                where=f"{one.meta_id} / {one.outcome}",
                says=f"{one.estimate} ({one.extracted_from}) and {other.estimate} ({other.extracted_from})",
            )


def _pairs(rows: Iterable[R], *key: str) -> Iterator[tuple[R, R]]:
    """Every two rows that agree in all of `key`."""
    groups: dict[tuple[object, ...], list[R]] = {}
    for row in rows:
        groups.setdefault(tuple(getattr(row, name) for name in key), []).append(row)
    for group in groups.values():
        yield from combinations(group, 2)


def copied_rows(catalogue: Catalogue) -> Iterator[Finding]:
    """Two outcomes of a review with the same estimate and interval: a row copied by mistake."""
    for one, other in combinations(catalogue.published, 2):
        same = (one.meta_id, one.comparison, one.estimate, one.ci_low, one.ci_high) == (
            other.meta_id, other.comparison, other.estimate, other.ci_low, other.ci_high,
        )  # fmt: skip
        if same and one.outcome != other.outcome and one.ci_low is not None and one.figure is not None:
            yield Finding(
                check="copied_row",
                weight="doubt",
                where=f"{one.meta_id} / {other.outcome}",
                says=f"{other.outcome} has the very figures of {one.outcome}: {one.estimate} ({one.ci_low} to {one.ci_high})",
            )


def garbled_estimates(catalogue: Catalogue) -> Iterator[Finding]:
    """An interval without its estimate, or an estimate that is no number."""
    for row in catalogue.published:
        spread = row.effect_measure in {"range", "average"} or "range" in row.model
        if row.figure is None and row.estimate:
            yield Finding(
                check="estimate_garbled",
                weight="error",
                where=f"{row.meta_id} / {row.outcome}",
                says=f"'{row.estimate}' is no number",
            )
        elif row.figure is None and row.ci_low is not None and not spread:
            yield Finding(
                check="estimate_missing",
                weight="doubt",
                where=f"{row.meta_id} / {row.outcome}",
                says=f"an interval ({row.ci_low} to {row.ci_high}) without its estimate",
            )


def duplicates(catalogue: Catalogue) -> Iterator[Finding]:
    """One paper under two names, and cohorts of one size that may be one cohort. Known overlap groups are listed."""
    arms = [*catalogue.arms.values(), *(arm for arm in catalogue.second if arm.study_id not in catalogue.arms)]
    for one, other in combinations(arms, 2):
        if one.study == other.study:
            continue
        shared = [
            name
            for name in ("doi", "pmid")
            if (value := getattr(one, name)) and value.lower() == getattr(other, name).lower()
        ]
        if shared:
            yield _pair("same_paper", "error", one, other, f"the same {' and '.join(shared)}")
        elif (
            one.technique == other.technique
            and one.n_patients
            and one.n_patients == other.n_patients
            and one.n_patients >= 30
        ):
            in_group = bool(one.overlap_group) and one.overlap_group == other.overlap_group
            yield _pair(
                "same_size", "doubt", one, other,
                f"{one.n_patients} patients each, same technique" + (f", same group {one.overlap_group}" if in_group else ""),
            )  # fmt: skip
    groups: dict[str, list[str]] = {}
    for arm in arms:
        if arm.overlap_group and arm.arm_role == "arm":
            groups.setdefault(arm.overlap_group, []).append(arm.study_id)
    for group, members in groups.items():
        if len(members) > 1:
            yield Finding(
                check="overlap",
                weight="note",
                where=group,
                says=f"probably share patients, one is used an outcome: {', '.join(members)}",
            )


def _pair(check: str, weight: Weight, one: Arm, other: Arm, says: str) -> Finding:
    return Finding(check=check, weight=weight, where=f"{one.study_id} / {other.study_id}", says=says)


def p_values(catalogue: Catalogue) -> Iterator[Finding]:
    """Printed p values against Fisher's exact test on the counts of the two arms, where the catalogue has them."""
    for contrast in catalogue.contrasts:
        read = _P.fullmatch(contrast.p_value)
        counts = _counts(catalogue, contrast)
        if read is None or counts is None:
            continue
        (a, m), (b, n) = counts
        exact = float(_stats.fisher_exact([[a, m - a], [b, n - b]])[1])
        printed = float(read["p"])
        wrong = exact >= printed if read["below"] else (exact < 0.05) != (printed < 0.05)
        if wrong:
            yield Finding(
                check="p_value",
                weight="doubt",
                where=f"{contrast.study_id} / {contrast.outcome}",
                says=f"{a}/{m} against {b}/{n}: Fisher's exact test gives p = {exact:.3f}, the page prints {contrast.p_value if read['below'] else '= ' + contrast.p_value}",
            )


def _counts(catalogue: Catalogue, contrast: Contrast) -> tuple[tuple[int, int], tuple[int, int]] | None:
    found: list[tuple[int, int]] = []
    for technique in (contrast.arm_a, contrast.arm_b):
        rows: list[Outcome] = [
            row for row in catalogue.outcomes
            if row.outcome == contrast.outcome and row.events is not None and row.n and row.events <= row.n and not row.subgroup
            and catalogue.arm(row).study == contrast.study_id and catalogue.arm(row).technique == technique
        ]  # fmt: skip
        if len(rows) != 1:
            return None
        found.append((rows[0].events or 0, rows[0].n or 0))
    return found[0], found[1]


ACROSS: tuple[Check, ...] = (
    cohort_sizes,
    two_values,
    copied_rows,
    garbled_estimates,
    duplicates,
    p_values,
)
