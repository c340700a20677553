"""What the catalogue holds for one option and one patient: expected benefit and harm, how sure, and the editorial's claims beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from liverboard.clinical.extent import Frozen
from liverboard.clinical.facts import Facts
from liverboard.evidence.catalogue import Catalogue, load_catalogue
from liverboard.evidence.certainty import Judgement, contrast_words
from liverboard.evidence.dictionary import Claim, Counts, Kind, load_claims, load_option_pools, reading_alone
from liverboard.evidence.pools import Pool, PooledArm, Shown, kept_pool

PoolMaker = Callable[[str, str, bool], Pool]
_PRIMARY_WORDS: Mapping[str, tuple[str, ...]] = {
    "pancreas": ("pancrea", "islet cell"),
    "jejunum": ("carcinoid", "midgut", "small bowel"),
    "ileum": ("carcinoid", "midgut", "small bowel"),
    "appendix": ("carcinoid", "midgut"),
    "duodenum": ("foregut",),
    "stomach": ("foregut",),
    "lung": ("foregut", "lung", "bronchial"),
    "colon": ("hindgut",),
    "rectum": ("hindgut",),
}
"""Words of the pages that take in a primary; "carcinoid" is wider than any of them, and is shown as the page has it."""


class OutcomeEvidence(Frozen):
    """One outcome of an option. `wording` is the sentence for the board; both statements of certainty stand beside it, never merged.

    `k` counts arms, `study_count` the studies they come from. Rates and their intervals run from 0 to 1. Without `headline` no pooled value may stand alone:
    `banner` says why. `printed_percent`: what whole arms print without a strict count. `listed`: medians and survival percentages as printed, not pooled.
    """

    outcome: str
    name: str
    label: str
    counts: Counts
    kind: Kind
    wording: str
    banner: str
    headline: bool = False
    k: int = 0
    study_count: int = 0
    n: int = 0
    events: int = 0
    estimate: float | None = None
    ci: tuple[float, float] | None = None
    prediction_interval: tuple[float, float] | None = None
    tau2: float | None = None
    i2: float | None = None
    method: str = "none"
    ci_method: str = "none"
    rate_level: str
    rate_certainty: str
    comparison_level: str
    comparison_certainty: str
    studies: tuple[PooledArm, ...] = ()
    listed: tuple[Shown, ...] = ()
    printed_percent: tuple[float, ...] = ()
    warnings: tuple[str, ...] = ()
    evidence_hash: str = ""


class BesideClaim(Frozen):
    """A claim of the editorial and what the pools say to it, each reading under its own name. Not a comparison of treatments."""

    id: str
    says: str
    source: str
    verification: str
    beside: tuple[str, ...]
    contrasts: tuple[str, ...]
    verdict: str


class OptionEvidence(Frozen):
    """`known`: whether the catalogue holds any study of the option. `split`: what the data do not tell for this patient, in words.

    `nearest`: rows of the option's studies that are printed for the patient's primary; shown, not pooled.
    """

    option: str
    name: str
    techniques: tuple[str, ...]
    known: bool
    outcomes: tuple[OutcomeEvidence, ...] = ()
    split: tuple[str, ...] = ()
    nearest: tuple[Shown, ...] = ()
    claims: tuple[BesideClaim, ...] = ()
    note: str = ""
    catalogue_hash: str


def expected_of(
    option: str, facts: Facts, catalogue: Catalogue | None = None, judgements: tuple[Judgement, ...] = ()
) -> OptionEvidence:
    """The evidence behind an option for one patient. `catalogue` and `judgements`: a centre's own; without them the packaged ones.

    An option without a reading in `option_pools.yaml` has no study in the catalogue: nothing is borrowed for it.
    """
    books = catalogue or load_catalogue()
    judged = judgements if catalogue else None

    def make(name: str, outcome: str, alone: bool) -> Pool:
        return kept_pool(books, judged, name, outcome, alone=alone)

    reads = load_option_pools().options.get(option)
    if reads is None:
        return OptionEvidence(
            option=option,
            name=option.replace("_", " "),
            techniques=(),
            known=False,
            note="The catalogue holds no study of this option; nothing is borrowed from others.",
            catalogue_hash=books.hash,
        )
    pools = tuple(make(option, outcome, False) for outcome in reads.outcomes)
    known = any(pool.k or pool.listed or pool.other_units or pool.left_out for pool in pools)
    note = "Rates in treated patients, mostly of single arms read at abstract level: side by side they compare nothing."
    return OptionEvidence(
        option=option,
        name=reads.name,
        techniques=reads.techniques,
        known=known,
        outcomes=tuple(outcome_of(pool) for pool in pools),
        split=_split(facts, reads.techniques, books),
        nearest=_nearest(facts, pools),
        claims=tuple(_beside(claim, make, books) for claim in load_claims() if option in claim.options),
        note=note if known else "The catalogue holds no outcome of this option; nothing is borrowed from others.",
        catalogue_hash=books.hash,
    )


def outcome_of(pool: Pool) -> OutcomeEvidence:
    """What a dossier carries of a pool."""
    same = set(OutcomeEvidence.model_fields) & set(Pool.model_fields)
    return OutcomeEvidence(
        **{name: getattr(pool, name) for name in same},
        rate_level=pool.certainty.rate.short,
        rate_certainty=pool.certainty.rate.words,
        comparison_level=pool.certainty.comparison.short,
        comparison_certainty=pool.certainty.comparison.words,
    )


def _split(facts: Facts, techniques: tuple[str, ...], catalogue: Catalogue) -> tuple[str, ...]:
    """Whether the pooled arms are split by what the patient has. They are not: pages rarely split by arm."""
    arms = [arm for arm in catalogue.arms.values() if arm.technique in techniques and arm.include_in_pooling]
    counted = [arm for arm in arms if arm.primary_pancreas_n is not None or arm.primary_small_bowel_n is not None]
    named: list[str] = []
    for words, name in (("primary", "primary_site"), ("pattern", "pattern"), ("grade", "who_grade")):
        value = facts.value(name) if name in facts.facts else None
        mine = "this patient: " if not any("(" in each for each in named) else ""
        named.append(f"{words} ({mine}{str(value).replace('_', ' ')})" if value is not None else words)
    said = [f"The pooled data are not split by {', '.join(named[:-1])} or {named[-1]}."]
    if counted:
        said.append(
            f"{len(counted)} of {len(arms)} arms say how many patients had a primary of pancreas or small bowel."
        )
    return tuple(said)


def _nearest(facts: Facts, pools: tuple[Pool, ...]) -> tuple[Shown, ...]:
    site = facts.value("primary_site") if "primary_site" in facts.facts else None
    words = _PRIMARY_WORDS.get(str(site), ())
    rows = [row for pool in pools for row in (*pool.left_out, *pool.other_units)]
    return tuple(row for row in rows if row.subgroup and any(word in row.subgroup.lower() for word in words))


def _beside(claim: Claim, make: PoolMaker, catalogue: Catalogue) -> BesideClaim:
    beside: list[str] = []
    verdicts: list[str] = []
    for each in claim.pools:
        for name in each.read:
            pool = make(name, each.outcome, True)
            beside.append(f"{reading_alone(name, catalogue).name}, {pool.label}: {pool.wording}")
        verdicts.append(_verdict(claim, make(each.read[0], each.outcome, True)))
    contrasts = tuple(
        contrast_words(contrast, p_value=False)
        for contrast in catalogue.contrasts
        if {contrast.arm_a, contrast.arm_b} & set(claim.contrasts)
    )
    return BesideClaim(
        id=claim.id,
        says=claim.says,
        source=claim.source,
        verification=claim.verification,
        beside=tuple(beside),
        contrasts=contrasts,
        verdict=" ".join(dict.fromkeys(verdicts)),
    )


def _verdict(claim: Claim, pool: Pool) -> str:
    """What the first reading says to the claim, in one sentence. No ranking is made from single arms."""
    claimed = claim.range_percent.get(pool.outcome)
    if claimed is not None and pool.headline and pool.estimate is not None and pool.ci is not None:
        low, high = (100 * limit for limit in pool.ci)
        inside = claimed[0] <= 100 * pool.estimate <= claimed[1]
        return (
            f"The pooled {pool.label} is {100 * pool.estimate:.0f} % ({low:.0f} to {high:.0f}), "
            f"{'inside' if inside else 'outside'} the claimed {claimed[0]:g} to {claimed[1]:g} %."
        )
    if claimed is not None and pool.k:
        rates = [100 * arm.estimate for arm in pool.studies]
        return (
            f"Claimed {pool.label} {claimed[0]:g} to {claimed[1]:g} %; the {pool.k} poolable series have {min(rates):.0f} to "
            f"{max(rates):.0f} %, too few to say a rate."
        )
    least = claim.least_months.get(pool.outcome)
    values = [row.value for row in pool.listed if row.value is not None]
    if least is not None and values:
        above = sum(value > least for value in values)
        return f"Claimed {pool.label} above {least:g} months; {above} of {len(values)} listed series are."
    return "No study of the catalogue compares the treatments in a way that could bear the claim out: side by side is no comparison."
