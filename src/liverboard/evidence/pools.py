"""Pools of the catalogue: for what a name reads and one outcome, the pooled value with its studies, what is beside it, and how sure it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Any

from liverboard.clinical.extent import Frozen
from liverboard.errors import BadInput
from liverboard.evidence.catalogue import Arm, Catalogue, Contrast, Outcome, digest, load_catalogue, load_unverified
from liverboard.evidence.certainty import Body, Certainty, Judgement, certainty_of, load_judgements, ocebm
from liverboard.evidence.dictionary import (
    Kind,
    OptionReading,
    OutcomeDefinition,
    Reading,
    define,
    load_outcomes,
    reading,
    reading_alone,
)
from liverboard.evidence.select import NO_COUNT, LeftOut, Selection, select
from liverboard.evidence.words import banner_words, counted, listed_words, median_words, rate_words
from liverboard.synthesis.proportions import pool_proportions
from liverboard.synthesis.result import Interval, Pooled, finite

FEWEST_PREDICTED = 3


class PooledArm(Frozen):
    """An arm in a pool: its counts, its own rate (0..1) with the exact interval, its share of the weight, and where it comes from."""

    study_id: str
    label: str
    short: str
    technique: str
    events: int | None
    n: int | None
    estimate: float
    ci: tuple[float | None, float | None]
    weight: float
    criteria: str
    timepoint: str
    n_basis: str
    design: str
    ocebm_treatment: int | None
    ocebm_prognosis: int | None
    overlap_group: str
    overlap_unverified: bool
    unverified: tuple[str, ...]
    source_type: str
    extracted_from: str


class Shown(Frozen):
    """A row that is shown and not pooled, with the reason."""

    study_id: str
    label: str
    technique: str
    outcome: str
    printed: str
    value: float | None
    unit: str
    ci: tuple[float | None, float | None]
    n: int | None
    unit_of_analysis: str
    criteria: str
    timepoint: str
    time_origin: str
    subgroup: str
    reason: str
    unverified: tuple[str, ...]
    extracted_from: str


class Line(Frozen):
    """Another reading of the same question, under its own name."""

    name: str
    techniques: tuple[str, ...]
    k: int
    studies: int
    n: int
    estimate: float | None
    ci: tuple[float, float] | None
    prediction_interval: tuple[float, float] | None
    method: str
    says: str


class Pool(Frozen):
    """One pool. Rates and their intervals run from 0 to 1, medians in months; None: not estimable or not shown, and a warning says why.

    `k` counts arms, `study_count` the studies they come from. Without `headline` no pooled value may stand alone: `banner` says why.
    `printed_percent`: percentages that pages print of whole arms without a strict count.
    """

    technique: str
    name: str
    techniques: tuple[str, ...]
    outcome: str
    label: str
    counts: str
    kind: Kind
    k: int
    study_count: int
    n: int
    events: int
    estimate: float | None = None
    ci: tuple[float, float] | None = None
    prediction_interval: tuple[float, float] | None = None
    tau2: float | None = None
    tau2_ci: tuple[float, float | None] | None = None
    i2: float | None = None
    q: float | None = None
    q_p: float | None = None
    mu: float | None = None
    se: float | None = None
    method: str = "none"
    ci_method: str = "none"
    scale: str = "proportion"
    headline: bool = False
    banner: str = ""
    wording: str
    studies: tuple[PooledArm, ...] = ()
    listed: tuple[Shown, ...] = ()
    other_units: tuple[Shown, ...] = ()
    left_out: tuple[Shown, ...] = ()
    printed_percent: tuple[float, ...] = ()
    sensitivity: tuple[Line, ...] = ()
    certainty: Certainty
    warnings: tuple[str, ...] = ()
    evidence_hash: str
    catalogue_hash: str

    def as_json(self) -> dict[str, object]:
        return self.model_dump(mode="json")


@dataclass(frozen=True, slots=True)
class Asked:
    """One question: a name (option, group or technique), what it reads, the outcome."""

    name: str
    reads: Reading
    outcome: str
    definition: OutcomeDefinition


def ask(name: str, outcome: str, catalogue: Catalogue, *, alone: bool = False) -> Asked:
    """Raises BadInput for a name that is no technique, option or group, and for an outcome that is none."""
    reads = reading_alone(name, catalogue) if alone else reading(name, catalogue)
    return Asked(name, reads, outcome, define(outcome))


def pool_of(
    catalogue: Catalogue, asked: Asked, judgements: Sequence[Judgement] | None = None, *, sensitivity: bool = True
) -> Pool:
    """The pool of a question. Certainty counts only the judgements made on the very rows that are pooled."""
    rows = catalogue.of(asked.reads.techniques, asked.outcome)
    proportion = asked.definition.kind == "proportion"
    chosen = select(catalogue, asked.reads.techniques, asked.outcome, counts=proportion)
    source, pooled = (chosen, _pooled(chosen)) if proportion else (chosen, None)
    if asked.definition.kind == "median":
        source, pooled = _medians(chosen)
    evidence = digest([row for row, _ in chosen.used])
    arms = _pooled_arms(source, pooled) if pooled else ()
    study_count = _study_count(chosen)
    few = load_outcomes().certainty.few_studies
    headline = pooled is not None and _study_count(source) >= few and pooled.estimate is not None
    body = Body(
        technique=asked.name,
        outcome=asked.outcome,
        definition=asked.definition,
        pooled=pooled if proportion else None,
        studies=study_count,
        contrasts=_contrasts(catalogue, asked),
        evidence=evidence,
        judgements=load_judgements() if judgements is None else judgements,
        asymmetry_p=_asymmetry(pooled, arms) if proportion else None,
    )
    uncounted = _uncounted(chosen) if proportion else ()
    wording = (
        rate_words(
            pooled,
            asked.definition,
            [(arm.events or 0, arm.n or 0) for arm in arms],
            study_count,
            headline=headline,
            uncounted=uncounted,
        )
        if proportion
        else listed_words(
            asked.definition,
            [float(row.value) for row, _ in chosen.used if row.value is not None],
            rows[0].unit if rows else "",
            study_count,
        )
    )
    return Pool(
        technique=asked.name,
        name=asked.reads.name,
        techniques=asked.reads.techniques,
        outcome=asked.outcome,
        label=asked.definition.label,
        counts=asked.definition.counts,
        kind=asked.definition.kind,
        k=len(arms),
        study_count=study_count,
        n=sum(row.n or 0 for row, _ in (source if pooled else chosen).used),
        events=sum(arm.events or 0 for arm in arms),
        headline=headline,
        banner=banner_words(proportion, study_count, few, headline=headline),
        wording=wording,
        studies=arms,
        listed=() if proportion else tuple(_shown(LeftOut(row, arm, "")) for row, arm in chosen.used),
        other_units=tuple(_shown(each) for each in chosen.apart),
        left_out=tuple(_shown(each) for each in chosen.left_out),
        printed_percent=uncounted,
        sensitivity=_sensitivity(catalogue, asked) if sensitivity and proportion else (),
        certainty=certainty_of(body),
        warnings=_warnings(asked, chosen, pooled, rows),
        evidence_hash=evidence,
        catalogue_hash=catalogue.hash,
        **_numbers(pooled),
    )


@lru_cache(maxsize=1024)
def kept_pool(
    catalogue: Catalogue, judgements: tuple[Judgement, ...] | None, name: str, outcome: str, *, alone: bool = False
) -> Pool:
    """A pool without its sensitivity readings, made once for each state of the catalogue and its judgements (None: the packaged ones)."""
    return pool_of(catalogue, ask(name, outcome, catalogue, alone=alone), judgements, sensitivity=False)


@cache
def packaged_pool(name: str, outcome: str, *, alone: bool = False) -> Pool:
    """A pool of the packaged catalogue, made once. `alone`: the technique itself, without the other readings."""
    catalogue = load_catalogue()
    return pool_of(catalogue, ask(name, outcome, catalogue, alone=alone), sensitivity=not alone)


def _medians(chosen: Selection) -> tuple[Selection, Pooled | None]:
    """Medians of two or more arms whose page states the same time origin (the origin of most arms), pooled."""
    origins = [row.time_origin for row, _ in chosen.used if row.time_origin and row.value]
    most = max(sorted(set(origins)), key=origins.count, default="")
    same = tuple(pair for pair in chosen.used if most and pair[0].time_origin == most and pair[0].value)
    if len(same) < 2:
        return Selection((), (), ()), None
    from liverboard.synthesis.medians import StudyMedian, pooled_medians  # rarely needed: few pages state the origin

    studies = [
        StudyMedian(
            label=arm.study_id,
            median=float(row.value or 0),
            lower=None if row.ci_low is None else float(row.ci_low),
            upper=None if row.ci_high is None else float(row.ci_high),
            n=row.n or arm.n_patients,
            origin=row.time_origin,
        )
        for row, arm in same
    ]
    return Selection(same, (), ()), pooled_medians(studies)


def _pooled(chosen: Selection, method: str = "glmm") -> Pooled | None:
    """The pool of the arms; without prediction interval below three studies, however many arms they have."""
    if not chosen.used:
        return None
    pooled = _fit(tuple((arm.study_id, row.events or 0, row.n or 0) for row, arm in chosen.used), method)
    return pooled if _study_count(chosen) >= FEWEST_PREDICTED else replace(pooled, prediction_interval=None)


def _study_count(chosen: Selection) -> int:
    return len({arm.study for _, arm in chosen.used})


@lru_cache(maxsize=4096)
def _fit(counts: tuple[tuple[str, int, int], ...], method: str) -> Pooled:
    """The pool of arms (label, events, n). Kept, since options share arms and a dossier asks for all of them."""
    labels, events, n = zip(*counts, strict=True)
    return pool_proportions(labels, events, n, method=method)


def _numbers(pooled: Pooled | None) -> dict[str, Any]:
    if pooled is None:
        return {}
    return {
        "estimate": pooled.estimate,
        "ci": pooled.ci,
        "prediction_interval": pooled.prediction_interval,
        "tau2": pooled.tau2,
        "tau2_ci": _open_end(pooled.tau2_ci),
        "i2": pooled.i2_percent,
        "q": pooled.q,
        "q_p": pooled.q_p,
        "mu": pooled.mu,
        "se": pooled.se,
        "method": pooled.method,
        "ci_method": pooled.ci_method,
        "scale": pooled.scale,
    }


def _open_end(interval: Interval | None) -> tuple[float, float | None] | None:
    return None if interval is None else (interval[0], interval[1] if interval[1] < float("inf") else None)


def _pooled_arms(chosen: Selection, pooled: Pooled) -> tuple[PooledArm, ...]:
    unchecked = load_unverified().overlap_groups
    labels = [arm.label for _, arm in chosen.used]
    arms: list[PooledArm] = []
    for (row, arm), study in zip(chosen.used, pooled.studies, strict=True):
        treatment, prognosis = ocebm(arm)
        twice = labels.count(arm.label) > 1
        arms.append(
            PooledArm(
                study_id=arm.study_id,
                label=f"{arm.label}, {arm.study_id.partition('-')[2]}" if twice else arm.label,
                short=f"{arm.study_id.partition('-')[2]}: {arm.short}" if twice else arm.short,
                technique=arm.technique,
                events=row.events,
                n=row.n,
                estimate=study.estimate,
                ci=(finite(study.ci[0]), finite(study.ci[1])) if row.events is not None else _printed_ci(row),
                weight=study.weight,
                criteria=criteria_family(row.criteria),
                timepoint=row.timepoint,
                n_basis=row.n_basis,
                design=arm.design,
                ocebm_treatment=treatment,
                ocebm_prognosis=prognosis,
                overlap_group=arm.overlap_group,
                overlap_unverified=arm.overlap_group in unchecked,
                unverified=arm.unverified,
                source_type=arm.source_type,
                extracted_from=row.extracted_from,
            )
        )
    return tuple(arms)


def _uncounted(chosen: Selection) -> tuple[float, ...]:
    """Percentages that pages print of whole arms without a strict count."""
    return tuple(
        float(each.row.value)
        for each in chosen.left_out
        if each.reason.startswith(NO_COUNT) and each.row.value is not None and each.row.unit == "%"
    )


def _printed_ci(row: Outcome) -> tuple[float | None, float | None]:
    return None if row.ci_low is None else float(row.ci_low), None if row.ci_high is None else float(row.ci_high)


def criteria_family(criteria: str) -> str:
    """RECIST 1.0 and 1.1 are one family; what a page does not state is not stated; anything else stays as printed."""
    if criteria == "NR":
        return "not stated"
    return "RECIST" if criteria.startswith("RECIST") and " or " not in criteria else criteria


def _shown(each: LeftOut) -> Shown:
    row, arm = each.row, each.arm
    return Shown(
        study_id=arm.study_id,
        label=arm.label,
        technique=arm.technique,
        outcome=row.outcome,
        printed=row.printed,
        value=None if row.value is None else float(row.value),
        unit=row.unit,
        ci=_printed_ci(row),
        n=row.n,
        unit_of_analysis=row.unit_of_analysis,
        criteria=criteria_family(row.criteria),
        timepoint=row.timepoint,
        time_origin=row.time_origin,
        subgroup=row.subgroup,
        reason=each.reason,
        unverified=arm.unverified,
        extracted_from=row.extracted_from,
    )


def _contrasts(catalogue: Catalogue, asked: Asked) -> list[tuple[Contrast, tuple[Arm, ...]]]:
    """Printed contrasts of the outcome in which one of the techniques is an arm, with the arms of the study that they compare."""
    course = asked.outcome.partition("_median")[0]
    found: list[tuple[Contrast, tuple[Arm, ...]]] = []
    for contrast in catalogue.contrasts:
        sides = {contrast.arm_a, contrast.arm_b}
        if contrast.outcome not in {asked.outcome, course} or not sides & set(asked.reads.techniques):
            continue
        arms = tuple(
            arm
            for arm in catalogue.arms.values()
            if arm.study == contrast.study_id and arm.technique in sides and arm.population == "nelm"
        )
        if arms:
            found.append((contrast, arms))
    return found


def _warnings(asked: Asked, chosen: Selection, pooled: Pooled | None, rows: Sequence[Outcome]) -> tuple[str, ...]:
    found: list[str] = []
    if asked.definition.kind == "survival" and rows:
        found.append("Survival percentages are Kaplan-Meier estimates: they are listed and never turned into events.")
    if asked.definition.kind == "mean" and rows:
        found.append("Means of survival times are listed as printed; they cannot be compared with medians.")
    if asked.definition.kind == "median" and rows:
        found += median_words({row.time_origin for row, _ in chosen.used})
    if asked.definition.kind == "proportion" and not chosen.used:
        found.append(
            "No row of the catalogue fits the rules of pooling; the rows left out are listed with their reason."
        )
    criteria = sorted({criteria_family(row.criteria) for row, _ in chosen.used})
    if len(criteria) > 1:
        found.append(f"Criteria are mixed: {'; '.join(criteria)}.")
    times = sorted({row.timepoint or "not stated" for row, _ in chosen.used})
    if len(times) > 1:
        found.append(f"Time points are mixed: {'; '.join(times)}.")
    assumed = [arm.study_id for row, arm in chosen.used if row.n_basis not in {"stated", "implied"}]
    if assumed:
        found.append(f"The denominator is assumed: {', '.join(assumed)}.")
    doubtful = sorted({arm.label for _, arm in chosen.used if arm.unverified})
    if doubtful:
        found.append(f"Bibliographic fields were not seen on a page: {'; '.join(doubtful)}.")
    if chosen.apart:
        units = sorted({each.row.unit_of_analysis for each in chosen.apart})
        found.append(f"Rows counted per {', '.join(units)} are shown apart and not pooled.")
    studies, few = _study_count(chosen), load_outcomes().certainty.few_studies
    if pooled is not None and pooled.k > 1 and studies < few:
        found.append(
            f"Too few studies ({counted(studies, 'study')}, {counted(pooled.k, 'arm')}): how much they differ is hardly known."
        )
    # the engine counts arms where we count studies
    return (*found, *(word for word in (pooled.warnings if pooled else ()) if not word.startswith("Too few studies")))


def _asymmetry(pooled: Pooled | None, arms: Sequence[PooledArm]) -> float | None:
    if pooled is None or pooled.k < load_outcomes().certainty.asymmetry_from_studies:
        return None
    from liverboard.synthesis.diagnostics import peters  # only large pools need it
    from liverboard.synthesis.effects import logit_proportions

    counts = [arm.events or 0 for arm in arms], [arm.n or 0 for arm in arms]
    try:
        return peters(logit_proportions([arm.study_id for arm in arms], *counts)).p
    except BadInput:  # all arms of one size
        return None


def _sensitivity(catalogue: Catalogue, asked: Asked) -> tuple[Line, ...]:
    """Other readings of the question: what the option names, symptomatic subgroups where they are the natural denominator, and logits by inverse variance."""
    lines: list[Line] = []
    for name in asked.reads.sensitivity if isinstance(asked.reads, OptionReading) else ():
        other = ask(name, asked.outcome, catalogue, alone=True)
        lines.append(_line(other.reads.name, other, select(catalogue, other.reads.techniques, asked.outcome)))
    if asked.definition.at_risk:
        chosen = select(catalogue, asked.reads.techniques, asked.outcome, at_risk=asked.definition.at_risk)
        plain = select(catalogue, asked.reads.techniques, asked.outcome)
        if len(chosen.used) > len(plain.used):
            names = ", ".join(asked.definition.at_risk)
            lines.append(_line(f"with the symptomatic where a series names them ({names})", asked, chosen))
    chosen = select(catalogue, asked.reads.techniques, asked.outcome)
    if len(chosen.used) > 1:
        lines.append(_line("logits by inverse variance (REML, Hartung-Knapp)", asked, chosen, method="reml"))
    return tuple(lines)


def _line(name: str, asked: Asked, chosen: Selection, method: str = "glmm") -> Line:
    counts = [(row.events or 0, row.n or 0) for row, _ in chosen.used]
    studies, pooled = _study_count(chosen), _pooled(chosen, method)
    enough = studies >= load_outcomes().certainty.few_studies
    return Line(
        name=name,
        techniques=asked.reads.techniques,
        k=len(counts),
        studies=studies,
        n=sum(n for _, n in counts),
        estimate=None if pooled is None else pooled.estimate,
        ci=None if pooled is None else pooled.ci,
        prediction_interval=None if pooled is None else pooled.prediction_interval,
        method="none" if pooled is None else pooled.method,
        says=rate_words(pooled, asked.definition, counts, studies, headline=enough),
    )
