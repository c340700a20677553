"""How sure: two statements that are never merged, GRADE domain by domain, and the OCEBM level of a study.

"The rate in treated patients" and "better than the alternative" are different questions with different starts. What a machine may propose from numbers it
proposes with the numbers; a person confirms it. What it may not is asked for: "not judged".
Source: certainty_methods_note; core_grade_4_2025, iorio_2015_prognosis, grade_34_imprecision, barker_2021_proportions.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, model_validator

from liverboard.clinical.extent import Frozen
from liverboard.evidence.catalogue import Arm, Contrast, read_yaml
from liverboard.evidence.dictionary import TECHNIQUE_WORDS, OutcomeDefinition, load_outcomes
from liverboard.synthesis.result import Pooled

Level = Literal["high", "moderate", "low", "very low"]
Question = Literal["rate", "comparison"]
DomainName = Literal[
    "risk_of_bias", "inconsistency", "indirectness", "imprecision", "publication_bias",
    "large_effect", "dose_response", "opposing_confounding",
]  # fmt: skip
DOWN: tuple[DomainName, ...] = ("risk_of_bias", "inconsistency", "indirectness", "imprecision", "publication_bias")
LEVELS: tuple[Level, ...] = ("very low", "low", "moderate", "high")
QUESTIONS: dict[Question, str] = {"rate": "the rate in treated patients", "comparison": "better than the alternative"}
_Z = 1.959964


class Judgement(Frozen):
    """A person's rating of one domain of one body of evidence. `evidence`: the hash of the pool that was judged."""

    technique: str
    outcome: str
    question: Question
    domain: DomainName
    down: Annotated[int, Field(ge=0, le=3)] = 0
    up: Annotated[int, Field(ge=0, le=2)] = 0
    rater: Annotated[str, Field(min_length=1)]
    date: dt.date
    reason: Annotated[str, Field(min_length=1)]
    evidence: Annotated[str, Field(pattern=r"^[0-9a-f]{12,64}$")]

    @model_validator(mode="after")
    def _one_way(self) -> Judgement:
        if (self.domain in DOWN and self.up) or (self.domain not in DOWN and self.down):
            raise ValueError(f"{self.domain} rates {'down' if self.domain in DOWN else 'up'} only")
        if self.down == 3 and self.domain != "imprecision":
            raise ValueError("three steps down are for imprecision only")
        return self


class Judgements(Frozen):
    judgements: tuple[Judgement, ...] = ()


class Domain(Frozen):
    """One domain: judged by a person, proposed by numbers, judged on an earlier state, or not judged. `change`: steps, negative is down."""

    domain: DomainName
    state: Literal["judged", "proposed", "out of date", "not judged"]
    change: int | None = None
    reason: str
    rater: str | None = None
    date: dt.date | None = None


class Statement(Frozen):
    """Certainty of one question. `level` only when people have judged every domain; until then `at_most`, with what is pending."""

    question: Question
    about: str
    start: Level | None
    start_reason: str
    level: Level | None
    at_most: Level | None
    domains: tuple[Domain, ...]
    pending: tuple[str, ...]
    contrasts: tuple[str, ...] = ()

    @property
    def short(self) -> str:
        """The level alone: what people judged, or the most that the numbers leave; "not rated" where neither says anything."""
        if self.level is not None:
            return self.level
        if self.at_most is None or (self.at_most == "high" and not any(domain.change for domain in self.domains)):
            return "not rated"
        return self.at_most if self.at_most == "very low" else f"at most {self.at_most}"

    @property
    def words(self) -> str:
        """One line for a board."""
        if self.start is None:
            return f"{self.about}: not rated, {self.start_reason}"
        if self.level is not None:
            return f"{self.about}: {self.level}"
        changes = [domain.reason for domain in self.domains if domain.change]
        if self.at_most == "very low":
            reasons = changes if self.question == "rate" else [self.start_reason, *changes]
            return f"{self.about}: very low ({'; '.join(reasons)}){self._to_confirm}"
        asked = [d.domain.replace("_", " ") for d in self.domains if d.state in {"not judged", "out of date"}]
        confirm = [d.domain.replace("_", " ") for d in self.domains if d.state == "proposed"]
        head = f"at most {self.at_most}" if changes or self.at_most != "high" else "not rated yet"
        tail = [
            f"not judged yet: {', '.join(asked)}" if asked else "",
            f"proposed, to be confirmed: {', '.join(confirm)}" if confirm else "",
        ]
        return f"{self.about}: {'; '.join([head, *(part for part in tail if part)])}"

    @property
    def _to_confirm(self) -> str:
        """Which proposals bring the level down to very low; nothing where it is so without them."""
        proposed = [domain for domain in self.domains if domain.state == "proposed" and domain.change]
        settled = sum(domain.change or 0 for domain in self.domains if domain not in proposed)
        if self.start is None or LEVELS.index(self.start) + settled <= 0:
            return ""
        return f"; proposed, to be confirmed: {', '.join(domain.domain.replace('_', ' ') for domain in proposed)}"


class Certainty(Frozen):
    """Both statements, beside each other."""

    rate: Statement
    comparison: Statement


@dataclass(frozen=True, slots=True)
class Body:
    """What is rated: a pool with its arms, the printed contrasts of its outcome, and the judgements of people."""

    technique: str
    outcome: str
    definition: OutcomeDefinition
    pooled: Pooled | None
    studies: int
    contrasts: Sequence[tuple[Contrast, tuple[Arm, ...]]]
    evidence: str
    judgements: Iterable[Judgement] = ()
    asymmetry_p: float | None = None


def load_judgements() -> tuple[Judgement, ...]:
    """The packaged judgements. Raises KnowledgeBaseError."""
    return read_yaml("judgements.yaml", Judgements).judgements


def certainty_of(body: Body) -> Certainty:
    return Certainty(rate=_rate(body), comparison=_comparison(body))


def optimal_size(threshold_percent: float) -> int:
    """Patients that a single rate wants: a 95 % interval of half width `half_width_percent`, or of the threshold itself where that is less, at the threshold."""
    t = threshold_percent / 100
    half = min(load_outcomes().certainty.half_width_percent / 100, t, 1 - t)
    return math.ceil(_Z**2 * t * (1 - t) / half**2)


def _rate(body: Body) -> Statement:
    if body.pooled is None or body.pooled.k == 0:
        return _statement(body, "rate", None, "no study to rate", ())
    start = "single arms tell a rate as a cohort does; high for consecutive cohorts, then down"
    proposed = (_imprecision(body), _inconsistency(body), _publication_bias(body))
    return _statement(body, "rate", "high", start, proposed)


def _comparison(body: Body) -> Statement:
    printed = tuple(contrast_words(contrast) for contrast, _ in body.contrasts)
    if not body.contrasts:
        return _statement(body, "comparison", "very low", "no comparator", (), printed)
    randomised = all(any(arm.design == "RCT" for arm in arms) for _, arms in body.contrasts)
    sizes = [sum(arm.n_patients or 0 for arm in arms if arm.arm_role == "arm") for _, arms in body.contrasts]
    largest = max(sizes)
    needed = 2 * optimal_size(body.definition.threshold_percent or 50)
    domain = Domain(
        domain="imprecision",
        state="proposed",
        change=-_short(largest, needed),
        reason=f"the largest comparison has {largest} patients, {needed} are wanted for two rates; no contrast prints an interval"
        if all(contrast.ci_low is None for contrast, _ in body.contrasts)
        else f"the largest comparison has {largest} patients, {needed} are wanted for two rates",
    )
    reason = "randomised comparison" if randomised else "comparisons without randomisation"
    return _statement(body, "comparison", "high" if randomised else "low", reason, (domain,), printed)


def _imprecision(body: Body) -> Domain:
    pooled, threshold = body.pooled, body.definition.threshold_percent
    if pooled is None or threshold is None or pooled.ci is None or pooled.n is None:
        return _open("imprecision", "no threshold is set for this outcome" if threshold is None else "no interval")
    low, high = (100 * limit for limit in pooled.ci)
    crosses = low < threshold < high
    needed = optimal_size(threshold)
    return Domain(
        domain="imprecision",
        state="proposed",
        change=-min(3, int(crosses) + _short(pooled.n, needed)),
        reason=f"the interval, {low:.0f} to {high:.0f} %, {'crosses' if crosses else 'does not cross'} the threshold of {threshold:g} %; "
        f"{pooled.n} patients, {needed} are wanted",
    )


def _short(patients: int, needed: int) -> int:
    return int(patients < needed) + int(patients < needed / 2)


def _inconsistency(body: Body) -> Domain:
    pooled, threshold = body.pooled, body.definition.threshold_percent
    if pooled is None or pooled.k < 2:
        return _open("inconsistency", "one study cannot disagree with itself")
    rates = [100 * study.estimate for study in pooled.studies]
    spread = f"studies from {min(rates):.0f} to {max(rates):.0f} %"
    if pooled.tau2 is not None:
        spread += f", tau2 {pooled.tau2:.2f}"
    if threshold is None or pooled.ci is None or pooled.prediction_interval is None:
        return _open("inconsistency", f"{spread}; no prediction interval or threshold to judge it by")
    low, high = (100 * limit for limit in pooled.prediction_interval)
    spread += f", prediction interval {low:.0f} to {high:.0f} %"
    if 100 * pooled.ci[0] < threshold < 100 * pooled.ci[1]:
        return _open(
            "inconsistency",
            f"{spread}; the confidence interval already crosses {threshold:g} %, so the crossing cannot tell",
        )
    crosses = low < threshold < high
    return Domain(
        domain="inconsistency",
        state="proposed",
        change=-int(crosses),
        reason=f"{spread}: it {'crosses' if crosses else 'does not cross'} the threshold of {threshold:g} %, the confidence interval does not",
    )


def _publication_bias(body: Body) -> Domain:
    need = load_outcomes().certainty.asymmetry_from_studies
    if body.pooled is None or body.pooled.k < need or body.asymmetry_p is None:
        return _open("publication_bias", f"asymmetry is tested from {need} studies on")
    seen = body.asymmetry_p < 0.1
    return Domain(
        domain="publication_bias",
        state="proposed",
        change=-int(seen),
        reason=f"Peters' test of asymmetry: p = {body.asymmetry_p:.2g}"
        + ("; asymmetry has other causes too" if seen else ""),
    )


def _open(domain: DomainName, reason: str) -> Domain:
    return Domain(domain=domain, state="not judged", reason=reason)


def _statement(
    body: Body,
    question: Question,
    start: Level | None,
    reason: str,
    proposed: Sequence[Domain],
    contrasts: tuple[str, ...] = (),
) -> Statement:
    about = QUESTIONS[question]
    if start is None:
        return Statement(
            question=question,
            about=about,
            start=None,
            start_reason=reason,
            level=None,
            at_most=None,
            domains=(),
            pending=(),
        )
    by_name = {domain.domain: domain for domain in proposed}
    domains = [by_name.get(name) or _open(name, "a person judges this") for name in DOWN]
    ours = [
        each
        for each in body.judgements
        if (each.technique, each.outcome, each.question) == (body.technique, body.outcome, question)
    ]
    if start in {"low", "very low"}:  # rating up is for bodies without randomisation
        domains += [_open(each.domain, "") for each in ours if each.domain not in DOWN]
    domains = [_judged(domain, ours, body.evidence) for domain in domains]
    steps = sum(domain.change or 0 for domain in domains)
    at = LEVELS[min(3, max(0, LEVELS.index(start) + steps))]
    pending = tuple(domain.domain for domain in domains if domain.state != "judged")
    return Statement(
        question=question,
        about=about,
        start=start,
        start_reason=reason,
        level=None if pending else at,
        at_most=at,
        domains=tuple(domains),
        pending=pending,
        contrasts=contrasts,
    )


def _judged(domain: Domain, judgements: Sequence[Judgement], evidence: str) -> Domain:
    """The domain under the newest judgement of it; one that was made on other evidence is shown and does not count."""
    mine = sorted((each for each in judgements if each.domain == domain.domain), key=lambda each: each.date)
    current = [each for each in mine if evidence.startswith(each.evidence)]
    if current:
        last = current[-1]
        return Domain(
            domain=domain.domain,
            state="judged",
            change=last.up - last.down,
            reason=last.reason,
            rater=last.rater,
            date=last.date,
        )
    if mine:
        old = mine[-1]
        return domain.model_copy(
            update={
                "state": "out of date" if domain.state == "not judged" else domain.state,
                "reason": f"{domain.reason}; {old.rater} judged an earlier state on {old.date}: {old.reason}",
            }
        )
    return domain


def contrast_words(contrast: Contrast, *, p_value: bool = True) -> str:
    """A printed contrast in one phrase, with the p value as the page has it; without it for a dossier, where no p value stands."""
    arms = f"{TECHNIQUE_WORDS.get(contrast.arm_a, contrast.arm_a)} against {TECHNIQUE_WORDS.get(contrast.arm_b, contrast.arm_b)}"
    parts: list[str] = []
    if contrast.estimate is not None:
        interval = "" if contrast.ci_low is None else f" ({contrast.ci_low} to {contrast.ci_high})"
        parts.append(f"{contrast.effect_measure} {contrast.estimate}{interval or ', no interval printed'}")
    elif not p_value and "no estimate" not in contrast.notes:
        parts.append("no estimate printed")
    if contrast.p_value and p_value:
        parts.append(f"p {contrast.p_value}" if contrast.p_value.startswith("<") else f"p = {contrast.p_value}")
    parts.append("adjusted" if contrast.adjusted else "not adjusted")
    if contrast.notes and contrast.estimate is None:
        parts.append(contrast.notes)
    return f"{contrast.study_id}: {arms}, {contrast.outcome.replace('_', ' ')}: {'; '.join(parts)}"


def ocebm(arm: Arm) -> tuple[int | None, int | None]:
    """OCEBM 2011 level of a study, for treatment benefit and for prognosis (the rate). None: the page does not say how the study was made.

    Source: certainty_methods_note.
    """
    if arm.design == "NR" or arm.source_type == "protocol":
        return None, None
    if arm.design == "RCT":
        return 2, 3
    if "comparative" in arm.design:
        return 3, 3
    return 4, 3 if "prospective" in arm.design.split(" ")[0] or arm.design == "registry" else 4
