"""Consistency checks of the catalogue: each is a rule that finds errors of pages and of extraction, run on every import. What they find is listed, never hidden.

The rules of a single table are here; those that lay tables beside each other are in `checks_across`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal
from itertools import combinations

from liverboard.errors import KnowledgeBaseError
from liverboard.evidence.catalogue import (
    Arm,
    Catalogue,
    Outcome,
    as_printed,
    load_departures,
    load_unverified,
)
from liverboard.evidence.dictionary import define
from liverboard.evidence.finding import Check, Finding

_RATIOS = frozenset({"HR", "OR", "RR"})
_Z = 1.959964


def run_checks(catalogue: Catalogue, *, pages: bool = True) -> tuple[Finding, ...]:
    """Every finding in the tables, then what is found only when the pages' own figures are laid in (`pages`)."""
    from liverboard.evidence.checks_across import ACROSS

    checks = (*WITHIN, *ACROSS)
    found = [finding for check in checks for finding in check(catalogue)]
    if not pages:
        return tuple(found)
    seen = {(each.check, each.where, each.says) for each in found}
    for departure in load_departures():
        try:
            laid = as_printed(catalogue, [departure])
        except KnowledgeBaseError:  # a centre may have replaced the row that the page concerns
            continue
        found += [
            each.model_copy(update={"on_page": True, "kept": departure.kept})
            for check in checks
            for each in check(laid)
            if (each.check, each.where, each.says) not in seen
        ]
    return tuple(found)


def place(row: Outcome) -> str:
    parts = [row.study_id, row.outcome, *(part for part in (row.subgroup, row.timepoint) if part)]
    return " / ".join(parts)


def rounding(row: Outcome) -> float:
    """Half a unit of the last printed digit, and as much again for those that cut off instead of rounding up at 5."""
    return 0.51 * 10.0**-row.decimals


def fits(value: Decimal, n: int, decimals: int) -> int | None:
    """The count of n whose percentage rounds to the printed one; None when no whole number does."""
    if n == 0:
        return None
    near = round(float(value) * n / 100)
    half = 0.5 * 10.0**-decimals + 1e-9
    for count in (near, near - 1, near + 1):
        if 0 <= count <= n and abs(100 * count / n - float(value)) <= half:
            return count
    return None


def counts_and_percentages(catalogue: Catalogue) -> Iterator[Finding]:
    """Events against n, and both against the printed percentage."""
    for row in catalogue.outcomes:
        if row.events is not None and row.n is not None:
            if row.events > row.n:
                yield Finding(check="counts", weight="error", where=place(row), says=f"{row.events} events of {row.n}")
            elif row.value is not None and row.unit == "%" and row.n:
                rate = 100 * row.events / row.n
                if abs(rate - float(row.value)) > rounding(row):
                    yield Finding(
                        check="counts_against_percentage",
                        weight="error",
                        where=place(row),
                        says=f"{row.events} of {row.n} is {rate:.1f} %, the page prints {row.value} %",
                    )
        if row.unit == "%" and row.value is not None and not 0 <= row.value <= 100:
            yield Finding(check="range", weight="error", where=place(row), says=f"{row.value} % is no percentage")


def impossible_percentages(catalogue: Catalogue) -> Iterator[Finding]:
    """A percentage of patients that no whole number of them gives; what other denominator would fit is said."""
    for row in catalogue.outcomes:
        arm = catalogue.arm(row)
        if row.unit != "%" or row.value is None or define(row.outcome).kind != "proportion" or row.subgroup:
            continue
        n = arm.n_patients if row.unit_of_analysis != "patient" or row.n is None else row.n
        own = row.unit_of_analysis not in {"patient", "unclear"} and row.n_basis == "stated"
        if not n or own or n > 10 ** (row.decimals + 2) or fits(row.value, n, row.decimals) is not None:
            continue
        others = _other_denominators(row, arm, n)
        already = row.unit_of_analysis not in {"patient", "unclear"}
        yield Finding(
            check="impossible_percentage",
            weight="note" if already else "doubt",
            where=place(row),
            says=f"no whole number of {n} patients gives {row.value} %"
            + (f"; {others}" if others else "")
            + (f"; kept as counted per {row.unit_of_analysis}" if already else ""),
        )


def _other_denominators(row: Outcome, arm: Arm, n: int) -> str:
    if row.value is None:
        return ""
    found: list[str] = []
    if arm.n_procedures and (count := fits(row.value, arm.n_procedures, row.decimals)) is not None:
        found.append(f"{count} of {arm.n_procedures} procedures does")
    cut = math.floor(float(row.value) * n / 100) + 1
    if cut <= n and math.floor(100 * cut / n * 10**row.decimals) == math.floor(float(row.value) * 10**row.decimals):
        found.append(f"{cut} of {n} does when digits are cut off")
    fewer = [m for m in range(n - 1, max(1, n - 4), -1) if fits(row.value, m, row.decimals) is not None]
    if fewer and not found:
        found.append(f"{fits(row.value, fewer[0], row.decimals)} of {fewer[0]} would")
    return " and ".join(found)


def categories(catalogue: Catalogue) -> Iterator[Finding]:
    """Percentages that a page prints together must fit one denominator: patients, procedures, or neither."""
    for each in catalogue.categories:
        arm = catalogue.arms.get(each.study_id)
        if arm is None:
            continue
        printed = [Decimal(text) for text in each.percentages.split()]

        def fit(n: int | None, printed: list[Decimal] = printed) -> bool | None:
            if n is None:
                return None
            return all(fits(value, n, max(0, -int(value.as_tuple().exponent))) is not None for value in printed)

        patients, procedures = fit(arm.n_patients), fit(arm.n_procedures)
        both = ", ".join(f"{value} %" for value in printed)
        words = [
            f"{'fit' if state else 'do not fit'} {n} {unit}"
            for state, n, unit in ((patients, arm.n_patients, "patients"), (procedures, arm.n_procedures, "procedures"))
            if state is not None
        ]
        if patients is False or procedures is not None:
            yield Finding(
                check="one_denominator",
                weight="note" if patients else "doubt",
                where=each.study_id,
                says=f"{both} {' and '.join(words)}",
            )


def denominators(catalogue: Catalogue) -> Iterator[Finding]:
    """Patients of an outcome against the patients of the arm."""
    for row in catalogue.outcomes:
        arm = catalogue.arm(row)
        if row.unit_of_analysis != "patient" or row.n is None or arm.n_patients is None:
            continue
        if row.n > arm.n_patients:
            yield Finding(
                check="denominator",
                weight="error",
                where=place(row),
                says=f"{row.n} patients in an arm of {arm.n_patients}",
            )
        elif row.n < arm.n_patients and not row.subgroup and row.outcome != "symptom_response":
            yield Finding(
                check="evaluable",
                weight="note",
                where=place(row),
                says=f"{row.n} of {arm.n_patients} patients were evaluable; the others are not accounted for on the page",
            )


def unclear_denominators(catalogue: Catalogue) -> Iterator[Finding]:
    """Percentages without a denominator on the page, and with one that is assumed."""
    for row in catalogue.outcomes:
        if row.unit == "%" and row.n_basis == "not_stated" and row.value is not None:
            yield Finding(
                check="no_denominator",
                weight="note",
                where=place(row),
                says=f"{row.value} % of a number that is not on the page",
            )


def intervals(catalogue: Catalogue) -> Iterator[Finding]:
    """Limits in order, and log symmetry of ratios: the estimate lies within a tenth of its standard error of the middle."""
    rows = [
        *((place(o), o.value, o.ci_low, o.ci_high, "") for o in catalogue.outcomes),
        *(
            (f"{c.study_id} / {c.outcome}", c.estimate, c.ci_low, c.ci_high, c.effect_measure)
            for c in catalogue.contrasts
        ),
        *(
            (f"{p.meta_id} / {p.outcome}{f' / {p.comparison}' if p.comparison else ''}", p.figure, p.ci_low, p.ci_high, p.effect_measure)
            for p in catalogue.published
        ),
    ]  # fmt: skip
    for where, value, low, high, measure in rows:
        if low is not None and high is not None and low > high:
            yield Finding(
                check="interval", weight="error", where=where, says=f"limits {low} to {high} are in the wrong order"
            )
            continue
        if value is not None and ((low is not None and value < low) or (high is not None and value > high)):
            yield Finding(
                check="interval",
                weight="error",
                where=where,
                says=f"{value} lies outside its interval, {low} to {high}",
            )
        if measure in _RATIOS and value and low and high and min(value, low, high) > 0 and low < high:
            yield from _asymmetric(where, value, low, high)


def _asymmetric(where: str, value: Decimal, low: Decimal, high: Decimal) -> Iterator[Finding]:
    logs = [math.log(float(number)) for number in (value, low, high)]
    middle, se = (logs[1] + logs[2]) / 2, (logs[2] - logs[1]) / (2 * _Z)
    off = abs(logs[0] - middle)
    if off <= 0.1 * se:
        return
    exponent = value.as_tuple().exponent
    step = Decimal(10) ** exponent / 2 if isinstance(exponent, int) else Decimal(0)
    ends = [math.log(float(value - step)) if value > step else -math.inf, math.log(float(value + step))]
    rounded = ends[0] <= middle <= ends[1]
    yield Finding(
        check="log_asymmetry",
        weight="note" if rounded else "doubt",
        where=where,
        says=f"{value} is not in the middle of {low} to {high} on the log scale ({off / se:.2f} standard errors off)"
        + ("; rounding explains it" if rounded else ""),
    )


def survival_falls(catalogue: Catalogue) -> Iterator[Finding]:
    """Survival of an arm never rises with the years."""
    curves: dict[tuple[str, str, str], list[tuple[int, Decimal]]] = {}
    for row in catalogue.outcomes:
        course, _, years = row.outcome.rpartition("_")
        if years[:-1].isdigit() and years.endswith("y") and row.value is not None:
            curves.setdefault((row.study_id, course, row.subgroup), []).append((int(years[:-1]), row.value))
    for (study, course, subgroup), points in curves.items():
        for (early, first), (late, second) in combinations(sorted(points), 2):
            if second > first and late > early:
                yield Finding(
                    check="survival_rises",
                    weight="error",
                    where=f"{study} / {course}{f' / {subgroup}' if subgroup else ''}",
                    says=f"{first} % at {early} and {second} % at {late} years",
                )


def response_order(catalogue: Catalogue) -> Iterator[Finding]:
    """Disease control holds objective response; and what counts stable disease is no objective response."""
    by_key: dict[tuple[str, str, str, str], dict[str, Outcome]] = {}
    for row in catalogue.outcomes:
        by_key.setdefault((row.study_id, row.subgroup, row.timepoint, row.unit_of_analysis), {})[row.outcome] = row
        words = row.criteria.lower()
        if row.outcome in {"objective_response", "partial_response"} and ("stab" in words or "sd" in words.split("+")):
            yield Finding(
                check="response_counts_stable",
                weight="error",
                where=f"{row.study_id} / {row.outcome}",
                says=f"'{row.criteria}' counts stable disease: that is disease control, not response",
            )
    for rows in by_key.values():
        control, response = rows.get("disease_control"), rows.get("objective_response")
        if (
            control
            and response
            and control.value is not None
            and response.value is not None
            and response.value > control.value
        ):
            yield Finding(
                check="response_above_control",
                weight="error",
                where=place(response),
                says=f"objective response {response.value} % above disease control {control.value} %",
            )


def units(catalogue: Catalogue) -> Iterator[Finding]:
    """Rows that count something else than patients, or something that is not clear; and an outcome counted in two ways."""
    ways: dict[tuple[str, str], set[str]] = {}
    for row in catalogue.outcomes:
        ways.setdefault((row.study_id, row.outcome), set()).add(row.unit_of_analysis)
        if row.unit_of_analysis == "unclear":
            yield Finding(
                check="unit_unclear", weight="doubt", where=place(row), says="what was counted is not on the page"
            )
    for (study, outcome), found in ways.items():
        others = sorted(found - {"patient"})
        if others and others != ["unclear"]:
            both = " and per patient" if "patient" in found else ""
            yield Finding(
                check="unit_of_analysis",
                weight="note",
                where=f"{study} / {outcome}",
                says=f"counted per {', '.join(others)}{both}: never mixed in a pool",
            )


def unverified(catalogue: Catalogue) -> Iterator[Finding]:
    """Bibliographic fields that no page showed; once a study."""
    named = load_unverified().studies
    seen: dict[str, tuple[str, ...]] = {arm.study: arm.unverified for arm in catalogue.arms.values() if arm.unverified}
    seen |= {pool.meta_id: pool.unverified for pool in catalogue.published if pool.unverified}
    for study, fields in sorted(seen.items()):
        why = f": {named[study].why}" if study in named else ""
        yield Finding(
            check="unverified",
            weight="doubt",
            where=study,
            says=f"{', '.join(field.replace('_', ' ') for field in fields)} unverified{why}",
        )


def selected_survivors(catalogue: Catalogue) -> Iterator[Finding]:
    """Arms that the catalogue keeps out of pools, with the reason."""
    for arm in catalogue.arms.values():
        if arm.arm_role == "arm" and not arm.include_in_pooling and arm.outcomes_seen:
            yield Finding(
                check="not_pooled",
                weight="note",
                where=arm.study_id,
                says=f"kept out of pools: {arm.notes or arm.population}",
            )


WITHIN: tuple[Check, ...] = (
    counts_and_percentages,
    impossible_percentages,
    categories,
    denominators,
    unclear_denominators,
    intervals,
    survival_falls,
    response_order,
    units,
    unverified,
    selected_survivors,
)
