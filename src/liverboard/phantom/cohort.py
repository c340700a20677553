"""People of a synthetic registry, each drawn from a stated truth: what they have, what the board chose, what became of them. No patient."""

from __future__ import annotations

import datetime as dt
import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import accumulate
from typing import Final

import numpy as np

from liverboard.errors import BadInput
from liverboard.phantom.cohort_truth import (
    DEFAULT_TRUTH,
    TREATMENTS,
    Centre,
    Chances,
    CohortTruth,
    Covariate,
    Hazard,
    Treatment,
)

DAYS_A_MONTH: Final = 365.25 / 12
_MOST_CASES: Final = 200_000


@dataclass(frozen=True, slots=True)
class CohortPlan:
    """`closed`: the last day that the registry knows of. Boards sat from `first_year` to a year before it."""

    cases: int = 5_000
    seed: int = 1
    first_year: int = 2010
    closed: dt.date = dt.date(2025, 6, 30)
    truth: CohortTruth = DEFAULT_TRUTH


@dataclass(frozen=True, slots=True)
class Condition:
    """What a person has on the day of the board, whether it is recorded or not."""

    board: dt.date
    diagnosed: dt.date
    birth_year: int
    sex: str
    age_years: int
    primary_site: str
    functioning: bool
    ki67_percent: float
    mitoses_per_2mm2: int
    burden_percent: float
    liver_volume_ml: float
    ecog: int
    extrahepatic: bool
    portal_thrombosis: bool
    bilirubin_umol_l: float
    albumin_g_l: float
    chromogranin_a_x_uln: float
    u5hiaa_x_uln: float

    @property
    def grade(self) -> int:
        """WHO grade 1 to 3 by Ki-67 and mitoses, the higher one."""
        by_ki67 = 1 if self.ki67_percent < 3 else 2 if self.ki67_percent <= 20 else 3
        by_mitoses = 1 if self.mitoses_per_2mm2 < 2 else 2 if self.mitoses_per_2mm2 <= 20 else 3
        return max(by_ki67, by_mitoses)

    def covariates(self) -> dict[Covariate, float]:
        """The values that the linear predictors use."""
        return {
            "age_10": (self.age_years - 62) / 10,
            "g2": float(self.grade == 2),
            "g3": float(self.grade == 3),
            "log_burden": math.log(self.burden_percent / 15),
            "ecog": float(self.ecog),
            "extrahepatic": float(self.extrahepatic),
            "pancreas": float(self.primary_site == "pancreas"),
            "portal": float(self.portal_thrombosis),
        }


@dataclass(frozen=True, slots=True)
class Person:
    """One person: what they have, what the board chose, what became of them. Times in days from the board.

    `progression_days`, `death_days`: true ones, which may lie after `end_days`, the last day that anything is known of. `treated_days`: None where the person
    died or was lost before treatment. `probabilities`: of each of `TREATMENTS` at that board. `missing`: the names of facts that are not recorded.
    """

    case: str
    centre: Centre
    has: Condition
    chosen: Treatment
    probabilities: tuple[float, ...]
    treated_days: int | None
    progression_days: int
    death_days: int
    end_days: int
    lost: bool
    responds: bool
    severe_event: bool
    missing: frozenset[str]

    @property
    def dead(self) -> bool:
        """Died within what the registry knows."""
        return self.death_days <= self.end_days


def draw_people(plan: CohortPlan) -> Iterator[Person]:
    """The people of a plan, in order. A person depends on the seed and their number alone, so a larger cohort begins with the smaller one.

    Raises BadInput for a plan that cannot be drawn.
    """
    if not 1 <= plan.cases <= _MOST_CASES:
        raise BadInput(
            f"a synthetic cohort of {plan.cases:,} cases cannot be made", hint=f"Ask for 1 to {_MOST_CASES:,}."
        )
    if plan.closed.year - plan.first_year < 2:
        raise BadInput("the registry closes less than two years after it began", hint="Choose an earlier first year.")
    for number in range(plan.cases):
        yield _draw(plan, number)


def _draw(plan: CohortPlan, number: int) -> Person:
    random = np.random.default_rng((plan.seed, number))
    truth = plan.truth
    centre = truth.centres[pick(random, [each.share for each in truth.centres])]
    first = dt.date(plan.first_year, 1, 1)
    board = first + dt.timedelta(days=int(random.integers(0, (plan.closed - first).days - 365)))
    has = _condition(random, board)
    probabilities = choice_probabilities(truth, centre, has.covariates(), board)
    chosen = TREATMENTS[pick(random, probabilities)]
    known = {**{name: float(name == chosen) for name in TREATMENTS}, **has.covariates()}
    progression = _event_days(random, truth.progression, known)
    death = _event_days(random, truth.survival, known)
    lost = int(random.exponential(365.25 / centre.lost_per_year)) + 1
    closed = (plan.closed - board).days
    end = min(death, lost, closed)
    wait = max(1, round(centre.wait_days * math.exp(random.normal(0, 0.4))))
    missing_from = {
        **has.covariates(),
        "functioning": float(has.functioning),
        "years_since_2010": board.year - 2010,
    }
    missing = frozenset(
        each.fact
        for each in truth.missing
        if _happens(random, each.chances, missing_from, centre.paperwork if each.by_centre else 0.0)
    )
    return Person(
        case=f"SYN-{number + 1:06d}",
        centre=centre,
        has=has,
        chosen=chosen,
        probabilities=probabilities,
        treated_days=wait if wait < end else None,
        progression_days=progression,
        death_days=death,
        end_days=end,
        lost=lost < min(death, closed),
        responds=_happens(random, truth.response, known),
        severe_event=_happens(random, truth.severe, known),
        missing=missing,
    )


def _condition(random: np.random.Generator, board: dt.date) -> Condition:
    site = ("ileum", "pancreas", "jejunum", "lung", "rectum", "unknown")[
        pick(random, (0.38, 0.34, 0.07, 0.07, 0.05, 0.09))
    ]
    age = int(np.clip(random.normal(62, 11), 22, 89))
    ki67 = round(float(np.clip(math.exp(random.normal(1.35 + 0.35 * (site == "pancreas"), 0.85)), 0.5, 60)), 1)
    burden = round(float(np.clip(100 / (1 + math.exp(-random.normal(-1.6, 0.9))), 1, 85)), 1)
    ecog = int(random.binomial(2, 0.12 + 0.18 * (burden > 35) + 0.10 * (age > 72)))
    functioning = bool(random.random() < (0.55 if site in {"ileum", "jejunum"} else 0.15))
    return Condition(
        board=board,
        diagnosed=board - dt.timedelta(days=int(random.gamma(2, 300)) + 90),
        birth_year=board.year - age,
        sex=("female", "male")[int(random.integers(2))],
        age_years=age,
        primary_site=site,
        functioning=functioning,
        ki67_percent=ki67,
        mitoses_per_2mm2=int(random.poisson(0.45 * math.pow(ki67, 0.85))),
        burden_percent=burden,
        liver_volume_ml=round(float(np.clip(random.normal(1450, 220), 950, 2300)) / (1 - burden / 250)),
        ecog=ecog,
        extrahepatic=bool(random.random() < 0.38),
        portal_thrombosis=bool(random.random() < 0.03 + 0.0015 * burden),
        bilirubin_umol_l=round(math.exp(random.normal(2.4 + burden / 200, 0.35)), 1),
        albumin_g_l=round(float(np.clip(random.normal(41 - burden / 15 - 1.5 * ecog, 3.5), 22, 52)), 1),
        chromogranin_a_x_uln=round(math.exp(random.normal(0.4 + burden / 20, 0.9)), 2),
        u5hiaa_x_uln=round(math.exp(random.normal(1.5 if functioning else -0.5, 0.7)), 2),
    )


def choice_probabilities(
    truth: CohortTruth, centre: Centre, covariates: Mapping[Covariate, float], board: dt.date
) -> tuple[float, ...]:
    """How likely the board of a centre is to choose each of `TREATMENTS`."""
    utilities = np.array(
        [
            centre.leaning[treatment]
            + truth.per_year[treatment] * (board.year - 2010)
            + sum(value * covariates[name] for name, value in truth.choice[treatment].items())
            for treatment in TREATMENTS
        ]
    )
    weights = np.exp(utilities - utilities.max())
    return tuple(float(each) for each in weights / weights.sum())


def log_ratio(hazard: Hazard, known: Mapping[str, float]) -> float:
    """The linear predictor of a hazard. `known`: covariates, and 1 for the treatment that was chosen."""
    return sum(value * known.get(name, 0.0) for name, value in (*hazard.treatments.items(), *hazard.covariates.items()))


def _event_days(random: np.random.Generator, hazard: Hazard, known: Mapping[str, float]) -> int:
    months = hazard.scale_months * (random.exponential() * math.exp(-log_ratio(hazard, known))) ** (1 / hazard.shape)
    return max(1, math.ceil(min(months, 2400.0) * DAYS_A_MONTH))


def _happens(random: np.random.Generator, chances: Chances, known: Mapping[str, float], more: float = 0.0) -> bool:
    logit = chances.intercept + more + sum(value * known[name] for name, value in chances.coefficients.items())
    return bool(random.random() < 1 / (1 + math.exp(-logit)))


def pick(random: np.random.Generator, shares: Sequence[float]) -> int:
    """A place, each as often as its share of the sum."""
    ends = list(accumulate(shares))
    return min(bisect_right(ends, random.random() * ends[-1]), len(ends) - 1)


def row_of(person: Person) -> dict[str, object]:
    """The truth of a person as one row of `people.csv`: times in days from the board, covariates, probabilities of choice, which facts are not recorded."""
    has = person.has
    plain = {each.name: getattr(has, each.name) for each in fields(has)}
    own = (
        "chosen",
        "treated_days",
        "progression_days",
        "death_days",
        "end_days",
        "dead",
        "lost",
        "responds",
        "severe_event",
    )
    return {
        "case": person.case,
        "centre": person.centre.name,
        **plain,
        **{name: getattr(person, name) for name in own},
        **{name: round(value, 6) for name, value in has.covariates().items() if name not in plain},
        **{f"p_{name}": round(p, 6) for name, p in zip(TREATMENTS, person.probabilities, strict=True)},
        "missing": " ".join(sorted(person.missing)),
    }
