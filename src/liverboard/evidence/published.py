"""Published pools beside ours: the same question with our rules of inclusion and our model, and why the two differ."""

from __future__ import annotations

from liverboard.clinical.extent import Frozen
from liverboard.evidence.catalogue import Catalogue, PublishedPool
from liverboard.evidence.dictionary import TECHNIQUE_WORDS, Reading, define, load_option_pools
from liverboard.evidence.pools import Asked, Pool, pool_of
from liverboard.evidence.words import counted

_READ_AS = {
    "sirt_mixed": "all_sirt",
    "tae_tace_mixed": "embolisation",
    "iat_nos": "all_embolisation",
    "sirt_nos": "all_sirt",
    "tace_nos": "chemoembolisation",
}
"""What a review that mixes types is held against."""


class BesidePublished(Frozen):
    """One published estimate and ours of the same question. Percentages for proportions, months for medians; None where there is none."""

    review: str
    technique: str
    outcome: str
    comparison: str
    published: str
    published_k: int | None
    published_n: str
    published_model: str
    read_as: str
    ours: str
    k: int
    study_count: int
    n: int
    estimate_percent: float | None
    differs_because: tuple[str, ...]
    extracted_from: str


def beside_published(catalogue: Catalogue) -> tuple[BesidePublished, ...]:
    """Every row of the published pools with ours beside it, in the order of the table."""
    return tuple(_beside(catalogue, row) for row in catalogue.published)


def _beside(catalogue: Catalogue, row: PublishedPool) -> BesidePublished:
    contrast = row.effect_measure in {"HR", "OR", "RR"} or (row.outcome in {"os", "pfs"})
    subgroup = row.comparison if row.comparison and not contrast else ""
    reads = _reads(row.technique)
    pool: Pool | None = None
    if not contrast and not subgroup:
        pool = pool_of(catalogue, Asked(row.technique, reads, row.outcome, define(row.outcome)), (), sensitivity=False)
    return BesidePublished(
        review=row.label,
        technique=row.technique,
        outcome=row.outcome,
        comparison=row.comparison,
        published=_published(row),
        published_k=row.k_studies,
        published_n=f"{row.n} {row.n_unit}" if row.n else "",
        published_model=row.model,
        read_as=reads.name,
        ours=_ours(pool),
        k=pool.k if pool else 0,
        study_count=pool.study_count if pool else 0,
        n=pool.n if pool else 0,
        estimate_percent=100 * pool.estimate
        if pool and pool.kind == "proportion" and pool.estimate is not None
        else None,
        differs_because=tuple(_reasons(row, pool, subgroup, contrast=contrast)),
        extracted_from=row.extracted_from,
    )


def _reads(technique: str) -> Reading:
    groups = load_option_pools().groups
    if technique in _READ_AS:
        return groups[_READ_AS[technique]]
    return Reading(name=TECHNIQUE_WORDS[technique], techniques=(technique,))


def _published(row: PublishedPool) -> str:
    unit = "" if row.unit == "ratio" else f" {row.unit}"
    if not row.estimate and row.ci_low is not None and row.unit != "ratio":
        return f"{row.ci_low} to {row.ci_high}{unit} (range)"
    interval = f" ({row.ci_low} to {row.ci_high})" if row.ci_low is not None else ""
    return f"{row.effect_measure + ' ' if row.unit == 'ratio' else ''}{row.estimate or 'no estimate'}{interval}{unit}".strip()


def _ours(pool: Pool | None) -> str:
    if pool is None:
        return "not asked"
    if pool.kind != "proportion":
        values = [row.value for row in pool.listed if row.value is not None]
        unit = pool.listed[0].unit if pool.listed else ""
        if not values:
            return "no study"
        spread = f"{min(values):g}" if len(set(values)) == 1 else f"{min(values):g} to {max(values):g}"
        return f"listed: {spread} {unit} ({counted(pool.study_count, 'study')})"
    if pool.estimate is None or pool.ci is None:
        return "no study"
    low, high = (100 * limit for limit in pool.ci)
    return f"{100 * pool.estimate:.1f} % ({low:.1f} to {high:.1f}), k {pool.k}"


def _reasons(row: PublishedPool, pool: Pool | None, subgroup: str, *, contrast: bool) -> list[str]:
    if contrast:
        return [
            "a contrast of treatments: no study of the catalogue prints one with an interval, so nothing can be pooled"
        ]
    if subgroup:
        return [f"a subgroup of the review ({subgroup}): the arms of the catalogue are not split that way"]
    if pool is None:
        return []
    found: list[str] = []
    if pool.kind != "proportion":
        found.append(
            "listed, not pooled: "
            + (
                "no page states a time origin that others share"
                if pool.kind == "median"
                else "Kaplan-Meier percentages are not counts"
            )
        )
    elif not pool.k:
        found.append("no row with strict counts per patient")
    if row.n_unit == "procedures":
        found.append(
            "the review counts procedures; ours counts patients"
            + (
                f" (kept apart: {', '.join(sorted({each.study_id for each in pool.other_units}))})"
                if pool.other_units
                else ""
            )
        )
    if "fixed" in row.model:
        found.append("a fixed-effect interval, which knows nothing of the spread between studies")
    if "no pooling" in row.model or "narrative" in row.model or "weighted" in row.model or "range" in row.model:
        found.append(f"the review has no pooling model ({row.model})")
    if row.k_studies and pool.kind == "proportion" and pool.study_count < row.k_studies:
        found.append(
            f"the review has {row.k_studies} studies, the catalogue {pool.study_count} with strict counts at abstract level"
        )
    if pool.kind == "proportion" and 0 < pool.study_count < 5:
        found.append("fewer than five studies: our interval is wide by right")
    shared = [each for each in pool.left_out if "shares patients" in each.reason]
    if shared:
        found.append(
            f"overlapping cohorts are used once (left out: {', '.join(sorted({each.study_id for each in shared}))})"
        )
    return found
