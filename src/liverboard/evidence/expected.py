"""What the catalogue holds for one option and one patient: expected benefit and harm, how sure, and the editorial's claims beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from liverboard.clinical.extent import Frozen
from liverboard.clinical.facts import Facts
from liverboard.evidence.catalogue import Catalogue, load_catalogue
from liverboard.evidence.certainty import Judgement, contrast_words
from liverboard.evidence.dictionary import Claim, load_claims, load_option_pools, reading_alone
from liverboard.evidence.pools import Pool, Shown, ask, packaged_pool, pool_of

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
    """One outcome of an option. `wording` is the sentence for the board; both statements of certainty stand beside it, never merged."""

    outcome: str
    label: str
    counts: str
    wording: str
    banner: str
    rate_certainty: str
    comparison_certainty: str
    pool: Pool


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

    def make(name: str, outcome: str, alone: bool) -> Pool:
        if catalogue is None:
            return packaged_pool(name, outcome, alone=alone)
        return pool_of(
            books, ask(name, outcome, books, alone=alone), judgements if catalogue else None, sensitivity=not alone
        )

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
    outcomes = tuple(_outcome(make(option, outcome, False)) for outcome in reads.outcomes)
    known = any(each.pool.k or each.pool.listed or each.pool.other_units or each.pool.left_out for each in outcomes)
    note = "Rates in treated patients, mostly of single arms read at abstract level: side by side they compare nothing."
    return OptionEvidence(
        option=option,
        name=reads.name,
        techniques=reads.techniques,
        known=known,
        outcomes=outcomes,
        split=_split(facts, reads.techniques, books),
        nearest=_nearest(facts, outcomes),
        claims=tuple(_beside(claim, make, books) for claim in load_claims() if option in claim.options),
        note=note if known else "The catalogue holds no outcome of this option; nothing is borrowed from others.",
        catalogue_hash=books.hash,
    )


def _outcome(pool: Pool) -> OutcomeEvidence:
    return OutcomeEvidence(
        outcome=pool.outcome,
        label=pool.label,
        counts=pool.counts,
        wording=pool.wording,
        banner=pool.banner,
        rate_certainty=pool.certainty.rate.words,
        comparison_certainty=pool.certainty.comparison.words,
        pool=pool,
    )


def _split(facts: Facts, techniques: tuple[str, ...], catalogue: Catalogue) -> tuple[str, ...]:
    """Whether the pooled arms are split by what the patient has. They are not: pages rarely split by arm."""
    arms = [arm for arm in catalogue.arms.values() if arm.technique in techniques and arm.include_in_pooling]
    counted = [arm for arm in arms if arm.primary_pancreas_n is not None or arm.primary_small_bowel_n is not None]
    named = [("primary", "primary_site"), ("pattern", "pattern"), ("grade", "who_grade")]
    said: list[str] = []
    for words, name in named:
        value = facts.value(name) if name in facts.facts else None
        mine = f" (this patient: {str(value).replace('_', ' ')})" if value is not None else ""
        said.append(f"The pooled data are not split by {words}{mine}.")
    if counted:
        said.append(
            f"{len(counted)} of {len(arms)} arms say how many patients had a primary of pancreas or small bowel."
        )
    return tuple(said)


def _nearest(facts: Facts, outcomes: tuple[OutcomeEvidence, ...]) -> tuple[Shown, ...]:
    site = facts.value("primary_site") if "primary_site" in facts.facts else None
    words = _PRIMARY_WORDS.get(str(site), ())
    rows = [row for each in outcomes for row in (*each.pool.left_out, *each.pool.other_units)]
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
        contrast_words(contrast)
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
