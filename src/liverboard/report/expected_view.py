"""What a page shows of the evidence, in words: a cell for page one, rows for an option's card, forest plots and claims for the section."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from liverboard.board.dossier import Dossier, EvidenceSection
from liverboard.evidence.dictionary import define
from liverboard.evidence.expected import BesideClaim, OptionEvidence, OutcomeEvidence
from liverboard.evidence.pools import PooledArm
from liverboard.options.report import Source
from liverboard.options.words import short_words
from liverboard.report.canvas import interval_words, value_words
from liverboard.report.cited import Cited, SourceMark, parted
from liverboard.report.forest import Forest
from liverboard.report.mini_interval import MiniInterval
from liverboard.report.pool_forest import pool_forest, pool_title
from liverboard.report.words import NOT_KNOWN, THIN, clean, counted, day

ABSENT = "not in the study catalogue"
NO_RANK = "Rates in treated patients, mostly of single arms read at abstract level: side by side they compare nothing."


@dataclass(frozen=True, slots=True)
class ExpectedCell:
    """The expected benefit of one option in one line of page one. `sure`: both statements of certainty, apart."""

    name: str
    picture: MiniInterval
    says: str
    sure: str


@dataclass(frozen=True, slots=True)
class ExpectedRow:
    """One outcome on an option's card. `forest`: where its plot stands, or empty."""

    kind: str
    label: str
    says: str
    rate: str
    comparison: str
    forest: str


@dataclass(frozen=True, slots=True)
class ClaimRow:
    id: str
    anchor: str
    says: str
    verdict: str


@dataclass(frozen=True, slots=True)
class Expected:
    """The evidence on an option's card. `nothing`: outcomes on which the catalogue has no figure."""

    rows: tuple[ExpectedRow, ...]
    nothing: str
    split: str
    nearest: tuple[str, ...]
    claims: tuple[ClaimRow, ...]
    note: str


@dataclass(frozen=True, slots=True)
class StudyLine:
    """A study under a forest plot; the table twin."""

    label: str
    counts: str
    rate: str
    interval: str
    weight: str
    criteria: str
    source: SourceMark


@dataclass(frozen=True, slots=True)
class ForestView:
    """`first`: printed on paper; the others stand in the HTML and in the JSON."""

    anchor: str
    title: str
    says: str
    rate: str
    comparison: str
    warnings: tuple[str, ...]
    forest: Forest
    studies: tuple[StudyLine, ...]
    first: bool


@dataclass(frozen=True, slots=True)
class ClaimView:
    id: str
    anchor: str
    says: str
    sources: tuple[SourceMark, ...]
    beside: tuple[str, ...]
    contrasts: tuple[str, ...]
    verdict: str


@dataclass(frozen=True, slots=True)
class EvidenceView:
    """`state`: which catalogue was read. `none`: open options that it does not hold."""

    state: str
    finding: str
    forests: tuple[ForestView, ...]
    claims: tuple[ClaimView, ...]
    none: str


def cells_of(section: EvidenceSection, options: Sequence[str]) -> tuple[ExpectedCell, ...]:
    """The cells of the options of one line; named where they share it. An option that the catalogue does not hold has none."""
    known = [each for name in options if (each := section.options.get(name)) is not None]
    return tuple(cell for each in known if (cell := _cell(each, named=len(options) > 1)) is not None)


def absent_of(section: EvidenceSection, options: Sequence[str]) -> str:
    """Those of the options that the catalogue does not hold, in words."""
    return clean(short_words([name for name in options if name in section.options and not section.options[name].known]))


def _cell(evidence: OptionEvidence, *, named: bool) -> ExpectedCell | None:
    first = next((each for each in evidence.outcomes if each.counts == "benefit"), None)
    if not evidence.known or first is None:
        return None
    says, picture = _brief(first)
    sure = f"certainty: rate {first.rate_level}, comparison {first.comparison_level}" if first.k else ""
    return ExpectedCell(
        clean(short_words([evidence.option])) if named else "", picture, clean(f"{first.label}{says}"), clean(sure)
    )


def _brief(each: OutcomeEvidence) -> tuple[str, MiniInterval]:
    size = f"{counted(each.study_count, 'study', 'studies')}, {counted(each.n, 'patient')}"
    if not each.k and not each.printed_percent:
        return ": no data", MiniInterval("none")
    if not each.k:
        arms = counted(len(each.printed_percent), "arm")
        return f": no counts to pool; {_spread(each.printed_percent)} printed by {arms}", MiniInterval("none")
    if each.headline and each.estimate is not None and each.ci is not None:
        wide = each.prediction_interval
        new = (
            f"; a new series {value_words(wide[0], 'percent')} to {value_words(wide[1], 'percent')}{THIN}%"
            if wide
            else ""
        )
        says = f" {interval_words(each.estimate, *each.ci, 'percent').replace(' (', f'{THIN}% (')}, {size}{new}"
        return says, MiniInterval("pooled", (each.estimate,), each.ci, wide)
    rates = tuple(arm.estimate for arm in each.studies)
    only = each.studies[0].ci if each.k == 1 else (None, None)
    ci = (only[0], only[1]) if only[0] is not None and only[1] is not None else None
    return f" {_spread([100 * rate for rate in rates])} in {size}: {each.banner}", MiniInterval("few", rates, ci)


def _spread(percent: Sequence[float]) -> str:
    low, high = (value_words(end / 100, "percent") for end in (min(percent), max(percent)))
    return f"{low}{THIN}%" if low == high else f"{low} to {high}{THIN}%"


def expected_view(section: EvidenceSection, option: str) -> Expected | None:
    """The evidence on the card of an option; None for an option that is not open."""
    evidence = section.options.get(option)
    if evidence is None:
        return None
    drawn = {each.outcome: _anchor(option, each) for each in evidence.outcomes if _drawable(each)}
    rows = tuple(
        ExpectedRow(
            kind=each.counts,
            label=clean(each.label),
            says=clean(each.wording),
            rate=clean(each.rate_certainty.partition(": ")[2]) if each.k else "not rated: nothing is pooled",
            comparison=clean(each.comparison_certainty.partition(": ")[2]),
            forest=drawn.get(each.outcome, ""),
        )
        for each in evidence.outcomes
        if _has_figures(each)
    )
    nothing = [each.label for each in evidence.outcomes if not _has_figures(each)]
    return Expected(
        rows=rows,
        nothing=clean(", ".join(nothing)),
        split=clean(" ".join(evidence.split)) if rows else "",
        nearest=tuple(
            clean(f"{row.label}, {row.subgroup}: {define(row.outcome).label} {row.printed}") for row in evidence.nearest
        ),
        claims=tuple(
            ClaimRow(clean(each.id), _claim_anchor(each), clean(each.says), clean(each.verdict))
            for each in evidence.claims
        ),
        note="" if rows else clean(evidence.note),
    )


def _has_figures(each: OutcomeEvidence) -> bool:
    return bool(each.k or each.listed or each.printed_percent)


def _drawable(each: OutcomeEvidence) -> bool:
    return each.kind == "proportion" and each.study_count >= 2


def _anchor(option: str, each: OutcomeEvidence) -> str:
    return f"forest-{option}-{each.outcome}"


def _claim_anchor(claim: BesideClaim) -> str:
    return f"claim-{''.join(ch for ch in claim.id if ch.isascii() and ch.isalnum())}"


def evidence_view(dossier: Dossier, cited: Cited) -> EvidenceView:
    """The section: a forest plot for each open option and outcome with two studies or more, and each claim of the editorial once."""
    section = dossier.evidence
    details = {each.what: each for each in dossier.provenance if each.kind == "source"}

    def source(key: str, fallback: str, verification: str = "A") -> SourceMark:
        known = details.get(key)
        return cited.marks(
            [
                Source(
                    key=key,
                    citation=parted(known.detail)[0] if known else fallback,
                    verification=(known.verification if known else None) or verification,
                )
            ]
        )[0]

    forests: list[ForestView] = []
    for option, evidence in section.options.items():
        first: set[str] = set()
        for each in filter(_drawable, evidence.outcomes):
            forests.append(
                ForestView(
                    anchor=_anchor(option, each),
                    title=clean(pool_title(each)),
                    says=clean(each.wording),
                    rate=_sentence(each.rate_certainty),
                    comparison=_sentence(each.comparison_certainty),
                    warnings=tuple(clean(words) for words in each.warnings),
                    forest=pool_forest(each),
                    studies=tuple(
                        _study_line(arm, source(arm.study_id.partition("-")[0], arm.label), weighed=each.headline)
                        for arm in each.studies
                    ),
                    first=each.counts not in first,
                )
            )
            first.add(each.counts)
    claims = {each.id: each for evidence in section.options.values() for each in evidence.claims}
    return EvidenceView(
        state=_state(section),
        finding=_finding(section),
        forests=tuple(forests),
        claims=tuple(
            ClaimView(
                id=clean(each.id),
                anchor=_claim_anchor(each),
                says=clean(each.says),
                sources=(source(each.source, each.source, each.verification),),
                beside=tuple(clean(words) for words in each.beside),
                contrasts=tuple(clean(words) for words in each.contrasts),
                verdict=clean(each.verdict),
            )
            for each in claims.values()
        ),
        none=absent_of(section, tuple(section.options)),
    )


def _sentence(words: str) -> str:
    return clean(f"{words[:1].upper()}{words[1:]}.")


def _study_line(arm: PooledArm, source: SourceMark, *, weighed: bool) -> StudyLine:
    low, high = arm.ci
    return StudyLine(
        label=clean(arm.label),
        counts=f"{arm.events}/{arm.n}",
        rate=value_words(arm.estimate, "percent"),
        interval=NOT_KNOWN
        if low is None or high is None
        else f"{value_words(low, 'percent')} to {value_words(high, 'percent')}",
        weight=f"{100 * arm.weight:.0f}{THIN}%" if weighed else "not pooled",
        criteria=clean(arm.criteria) or "not stated",
        source=source,
    )


def _state(section: EvidenceSection) -> str:
    if not section.catalogue_hash:
        return ""
    searched = (
        f"last search of the literature {day(section.searched)}"
        if section.searched
        else "day of the last search not recorded"
    )
    own = f", with {counted(section.own_studies, 'study', 'studies')} of this centre" if section.own_studies else ""
    return clean(f"Catalogue {section.catalogue_hash[:12]}, state of {day(section.date)}{own}; {searched}.")


def _finding(section: EvidenceSection) -> str:
    """How much there is, in one line."""
    rates = [
        each for option in section.options.values() for each in option.outcomes if each.kind == "proportion" and each.k
    ]
    heads = sum(each.headline for each in rates)
    if not rates:
        return "no figure can be pooled for the open options"
    return f"of {counted(len(rates), 'question')} with counts, {heads or 'none'} {'have' if heads > 1 else 'has'} five studies or more"
