"""The whole study catalogue as one page: every pool with its picture and table, what is left out and why, published pools beside ours, what the checks find."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence

from liverboard import __version__
from liverboard.evidence.checks import run_checks
from liverboard.evidence.dictionary import TECHNIQUE_WORDS, define, load_claims, load_option_pools
from liverboard.evidence.expected import outcome_of
from liverboard.evidence.finding import Finding
from liverboard.evidence.pools import Pool, Shown, ask, pool_of
from liverboard.evidence.published import beside_published
from liverboard.evidence.states import CentreCatalogue, packaged_date
from liverboard.knowledge import knowledge_version
from liverboard.report.evidence_page import EvidencePage, PageFigure, PageTable, render_page
from liverboard.report.evidence_views import NARROW, twin
from liverboard.report.forest import forest_svg, forest_table
from liverboard.report.palette import WEB
from liverboard.report.pool_forest import pool_forest, pool_title

_OUTCOME_ORDER = ("objective_response", "disease_control", "symptom_response", "marker_response")


def render_catalogue(centre: CentreCatalogue, date: dt.date, *, step: Callable[[str], None] = lambda text: None) -> str:
    """The page as the text of one HTML file. `date`: of this state of the catalogue."""
    catalogue = centre.catalogue
    pools: list[Pool] = []
    for name, outcome, alone in _questions(centre):
        step(f"{name}, {outcome}")
        pools.append(pool_of(catalogue, ask(name, outcome, catalogue, alone=alone), centre.judgements))
    counted = [pool for pool in pools if pool.kind == "proportion"]
    drawn = [pool for pool in counted if pool.k]
    findings = run_checks(catalogue)
    heads = [pool for pool in drawn if pool.headline]
    searched = packaged_date().searched
    page = EvidencePage(
        kind="Study catalogue",
        title="Evidence for liver-directed treatment of neuroendocrine liver metastases",
        finding=_finding(drawn, heads),
        values=(
            (str(len({arm.study for arm in catalogue.arms.values()})), "studies"),
            (str(len(catalogue.arms)), "arms and cohorts"),
            (str(len(drawn)), "questions with counts that can be pooled"),
            (str(len(heads)), "of them with five studies or more"),
            (str(sum(each.weight == "error" for each in findings)), "errors found on the pages"),
            (str(sum(each.weight == "doubt" for each in findings)), "doubts, such as a percentage that fits no count"),
        ),
        figures=tuple(figure for number, pool in enumerate(drawn) for figure in _figure(pool, number)),
        tables=(
            *_certainty_tables(drawn),
            *_beside_tables(pools),
            _listed_table(pools),
            *_row_tables(pools),
            _published_table(centre),
            _claims_table(),
            _findings_table(findings),
            _arms_table(centre),
        ),
        warnings=(
            "Extracted at abstract level from open pages: full texts, supplements and most tables were not read.",
            "Rates in treated patients, mostly of single arms: side by side they compare nothing, and nothing here ranks treatments.",
            f"State of {date.isoformat()}; the day of the last search of the literature is {searched.isoformat() if searched else 'not recorded'}.",
            "Nobody has judged the certainty yet; what numbers propose is to be confirmed, the rest is asked for."
            if not centre.judgements
            else f"{len(centre.judgements)} judgements of certainty by people count where they were made on the rows shown.",
        ),
        methods=_methods(),
        software=f"liverboard {__version__}, knowledge {knowledge_version()}, catalogue {centre.hash[:12]}, {centre.own} studies of this centre's own",
    )
    return render_page(page)


def _questions(centre: CentreCatalogue) -> Iterator[tuple[str, str, bool]]:
    """Options first, on the outcomes of their cards; then every technique and outcome with data that no option has shown."""
    shown: set[tuple[str, str]] = set()
    for option, reads in load_option_pools().options.items():
        for outcome in reads.outcomes:
            shown |= {(option, outcome)} if reads.techniques == (option,) else set()
            yield option, outcome, False
    with_data = {(centre.catalogue.arm(row).technique, row.outcome) for row in centre.catalogue.outcomes}
    order = {name: place for place, name in enumerate(_OUTCOME_ORDER)}
    for technique, outcome in sorted(with_data, key=lambda each: (each[0], order.get(each[1], 99), each[1])):
        if (technique, outcome) not in shown:
            yield technique, outcome, True


def _finding(drawn: Sequence[Pool], heads: Sequence[Pool]) -> str:
    few = len(drawn) - len(heads)
    if not heads:
        return f"For none of {len(drawn)} questions are there five studies with strict counts: the studies are shown, not a headline."
    return f"Of {len(drawn)} questions with strict counts {len(heads)} have five studies or more; {few} are too few to say a rate."


def _figure(pool: Pool, number: int) -> Iterator[PageFigure]:
    each = outcome_of(pool)
    forest = pool_forest(each, banner=True)
    yield PageFigure(
        finding=pool_title(each),
        wide=forest_svg(forest, WEB, width=960, prefix=f"forest-{number}"),
        narrow=forest_svg(forest, WEB, width=NARROW, prefix=f"forest-narrow-{number}"),
        table=twin(f"{pool.name}, {pool.label}", forest_table(forest)),
    )


def _certainty_tables(drawn: Sequence[Pool]) -> Iterator[PageTable]:
    yield PageTable(
        caption="How sure: the rate in treated patients, and better than the alternative. Two questions, never merged",
        head=("Question", "Rate in treated patients", "Better than the alternative"),
        widths=(26, 37, 37),
        rows=tuple(
            (
                f"{pool.name}, {pool.label}",
                pool.certainty.rate.words.partition(": ")[2],
                pool.certainty.comparison.words.partition(": ")[2],
            )
            for pool in drawn
        ),
        note="GRADE. Not judged: a person judges it. Proposed: by the numbers shown, to be confirmed by a person.",
    )


def _beside_tables(pools: Sequence[Pool]) -> Iterator[PageTable]:
    rows = tuple(
        (f"{pool.name}, {pool.label}", line.name, str(line.k), str(line.n), _rate(line.estimate, line.ci))
        for pool in pools
        for line in pool.sensitivity
        if line.k
    )
    yield PageTable(
        caption="Sensitivity: other readings of the same question, under their own name",
        head=("Question", "Read as", "Arms", "Patients", "Pooled, % (95 % interval)"),
        widths=(32, 36, 8, 8, 16),
        folded=True,
        rows=rows,
        note="Pooling logits by inverse variance leans towards 50 % when events are rare; it is shown to be compared, never as the result.",
    )


def _rate(estimate: float | None, ci: tuple[float, float] | None) -> str:
    return (
        "not estimable"
        if estimate is None or ci is None
        else f"{100 * estimate:.1f} ({100 * ci[0]:.1f} to {100 * ci[1]:.1f})"
    )


def _listed_table(pools: Sequence[Pool]) -> PageTable:
    return PageTable(
        caption="Medians, means and survival percentages: listed as printed",
        head=("Question", "Study", "Printed", "Patients", "Time counts from", "Source"),
        widths=(22, 22, 18, 8, 12, 18),
        folded=True,
        rows=tuple(
            (
                f"{pool.name}, {pool.label}",
                row.label,
                row.printed,
                str(row.n or ""),
                row.time_origin or "not stated",
                row.extracted_from,
            )
            for pool in pools
            for row in pool.listed
        ),
        note="Survival percentages are Kaplan-Meier estimates and never become events; medians are pooled only where pages state the same origin.",
    )


def _row_tables(pools: Sequence[Pool]) -> Iterator[PageTable]:
    for caption, rows in (
        (
            "Counted per procedure, session, cycle or lesion: apart, never mixed in",
            [(p, r) for p in pools for r in p.other_units],
        ),
        ("Left out, and why", [(p, r) for p in pools for r in p.left_out]),
    ):
        yield PageTable(
            caption=caption,
            head=("Question", "Study", "Printed", "Why", "Source"),
            widths=(22, 20, 14, 26, 18),
            folded=True,
            rows=tuple(dict.fromkeys(_row(p, r) for p, r in rows)),
        )


def _row(pool: Pool, row: Shown) -> tuple[str, ...]:
    name = TECHNIQUE_WORDS.get(row.technique, row.technique)
    return f"{name}, {pool.label}", row.label, row.printed, row.reason, row.extracted_from


def _published_table(centre: CentreCatalogue) -> PageTable:
    return PageTable(
        caption="Published pools beside ours",
        head=("Review", "Question", "Published", "Ours", "Why they differ"),
        widths=(14, 22, 16, 18, 30),
        rows=tuple(
            (
                row.review,
                f"{TECHNIQUE_WORDS.get(row.technique, row.technique)}, {define(row.outcome).label}{f' ({row.comparison})' if row.comparison else ''}",
                row.published,
                row.ours,
                "; ".join(row.differs_because),
            )
            for row in beside_published(centre.catalogue)
        ),
    )


def _claims_table() -> PageTable:
    return PageTable(
        caption="What the editorial claims; the pools beside each claim stand above and in the dossier of a case",
        head=("Row", "Claim", "Source"),
        widths=(10, 65, 25),
        rows=tuple((claim.id, claim.says, f"{claim.source} [{claim.verification}]") for claim in load_claims()),
        note="The editorial gives no reference list: a claim is shown, never pooled.",
    )


def _findings_table(findings: Sequence[Finding]) -> PageTable:
    order = {"error": 0, "doubt": 1, "note": 2}
    kept = sorted(
        (each for each in findings if each.weight != "note" or each.on_page),
        key=lambda each: (order[each.weight], each.check, each.where),
    )
    return PageTable(
        caption="What the consistency checks find",
        head=("Check", "Where", "Finding", "Weight", "Kept"),
        widths=(14, 20, 34, 8, 24),
        folded=True,
        rows=tuple((each.check.replace("_", " "), each.where, each.says, each.weight, each.kept) for each in kept),
        note=f"{len(findings) - len(kept)} further notes: liverboard evidence list --checks",
    )


def _arms_table(centre: CentreCatalogue) -> PageTable:
    return PageTable(
        caption="The studies",
        head=("Study", "Arm", "Technique", "Patients", "Design", "Source"),
        widths=(20, 18, 20, 8, 14, 20),
        folded=True,
        rows=tuple(
            (
                arm.label + (f" [retracted: {arm.retracted}]" if arm.retracted else ""),
                arm.study_id,
                TECHNIQUE_WORDS.get(arm.technique, arm.technique),
                str(arm.n_patients or ""),
                arm.design,
                arm.extracted_from,
            )
            for arm in centre.catalogue.arms.values()
        ),
        note="Unverified: no page showed it; check it before you quote the study.",
    )


def _methods() -> tuple[str, ...]:
    return (
        "Pooled: neuroendocrine liver metastases only; patients of whole arms; strict events of n; of each group of series that probably share patients, the largest.",
        "Model: binomial-normal random intercept, exact likelihood; interval by Student's t with k - 1 degrees of freedom; prediction interval from three arms on.",
        "Fewer than five studies: the studies are shown and no pooled value stands alone.",
        "No event at all, or nothing but events: the exact interval of the pooled counts.",
    )
