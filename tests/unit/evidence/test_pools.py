"""Pools of the packaged catalogue, their words and their certainty: against the synthesis of hand-picked counts, the design's own sentence, and its rules."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from pydantic import ValidationError

from liverboard.errors import BadInput
from liverboard.evidence.catalogue import Arm, Catalogue, Outcome, load_catalogue
from liverboard.evidence.certainty import Judgement, ocebm, optimal_size
from liverboard.evidence.dictionary import define, load_option_pools, reading
from liverboard.evidence.pools import Pool, ask, packaged_pool, pool_of
from liverboard.evidence.published import beside_published
from liverboard.evidence.words import of_hundred, rate_words
from liverboard.synthesis.intervals import clopper_pearson
from liverboard.synthesis.proportions import pool_proportions
from liverboard.synthesis.result import Pooled

CATALOGUE = load_catalogue()


def made(counts: list[tuple[int, int]], outcome: str = "objective_response", **columns: object) -> Catalogue:
    rows = tuple(
        Outcome.model_validate(
            {"study_id": f"s{i}-a", "outcome": outcome, "events": x, "n": n, "extracted_from": "p. 1", **columns}
        )
        for i, (x, n) in enumerate(counts)
    )
    arms = {row.study_id: Arm(study_id=row.study_id, technique="tae", year=2020, extracted_from="p. 1") for row in rows}
    return Catalogue(arms, rows, (), ())


def pool(
    counts: list[tuple[int, int]], outcome: str = "objective_response", judgements: tuple[Judgement, ...] = ()
) -> Pool:
    catalogue = made(counts, outcome)
    return pool_of(catalogue, ask("tae", outcome, catalogue, alone=True), judgements)


def test_resin_response_is_the_exact_model_of_its_two_series() -> None:
    ours, by_hand = packaged_pool("sirt_resin", "objective_response"), pool_proportions(["a", "b"], [7, 14], [44, 30])
    assert (ours.k, ours.study_count, ours.n, ours.events) == (2, 2, 74, 21)
    assert (ours.estimate, ours.ci, ours.tau2, ours.method) == (by_hand.estimate, by_hand.ci, by_hand.tau2, "glmm")
    assert [arm.study_id for arm in ours.studies] == ["braat2020prrt-sirt", "peker2015-sirt"]
    assert sum(arm.weight for arm in ours.studies) == pytest.approx(1)
    assert not ours.headline
    assert ours.banner == "too few studies"
    assert [row.study_id for row in ours.other_units] == ["kennedy2008-sirt"]


def test_one_study_keeps_its_exact_interval() -> None:
    ours = packaged_pool("debtace", "objective_response")
    low, high = clopper_pearson(14, 15)
    assert ours.k == 1
    assert ours.ci == pytest.approx((float(low), float(high)))
    assert ours.prediction_interval is None


def test_chemoembolisation_is_read_under_the_name_that_says_so() -> None:
    ours = packaged_pool("ctace", "objective_response")
    assert ours.name == "chemoembolisation, type often not stated"
    assert ours.techniques == ("ctace", "tace_nos")
    alone = next(line for line in ours.sensitivity if line.name == "conventional chemoembolisation alone")
    assert (alone.techniques, alone.k) == (("ctace",), 0)


@pytest.mark.parametrize("option", ["sirt_resin", "sirt_glass"])
def test_a_microsphere_reads_its_own_arms_and_shows_all_sirt_beside(option: str) -> None:
    ours = packaged_pool(option, "disease_control")
    assert ours.techniques == (option,)
    assert {arm.technique for arm in ours.studies} == {option}
    beside = next(line for line in ours.sensitivity if line.name.startswith("all SIRT"))
    assert (beside.k, beside.n) == (4, 44 + 30 + 6 + 36)


def test_mixed_criteria_are_warned_about() -> None:
    assert any("Criteria are mixed" in each for each in packaged_pool("ctace", "objective_response").warnings)


def test_what_no_page_showed_is_said_in_label_and_warning() -> None:
    ours = packaged_pool("sirt_resin", "objective_response")
    assert next(arm for arm in ours.studies if arm.study_id == "peker2015-sirt").label == "peker2015 [label unverified]"
    assert any("not seen on a page: peker2015" in each for each in ours.warnings)


def test_survival_is_listed_and_never_made_into_events() -> None:
    ours = packaged_pool("sirt_resin", "os_1y")
    assert (ours.k, ours.estimate, ours.banner) == (0, None, "listed, not pooled")
    assert [row.value for row in ours.listed] == [75.0, 71.0]
    assert any("never turned into events" in each for each in ours.warnings)


def test_medians_of_one_stated_origin_are_pooled_and_others_are_not() -> None:
    same = made(
        [(0, 30), (0, 40), (0, 50)],
        "os_median_months",
        unit="months",
        value="30",
        ci_low="20",
        ci_high="45",
        timepoint="from diagnosis",
    )
    ours = pool_of(same, ask("tae", "os_median_months", same, alone=True))
    assert ours.k == 3
    assert ours.estimate == pytest.approx(30)
    rows = tuple(
        replace_origin(row, origin)
        for row, origin in zip(same.outcomes, ["from diagnosis", "from progression", ""], strict=True)
    )
    other = replace(same, outcomes=rows)
    assert pool_of(other, ask("tae", "os_median_months", other, alone=True)).k == 0


def replace_origin(row: Outcome, origin: str) -> Outcome:
    return row.model_copy(update={"timepoint": origin})


def test_no_data_is_a_state_with_words() -> None:
    ours = packaged_pool("sirt_ho166", "objective_response")
    assert (ours.k, ours.estimate, ours.banner) == (0, None, "no data")
    assert ours.wording.startswith("No study of the catalogue")
    assert ours.certainty.rate.level is None


@pytest.mark.parametrize(
    ("technique", "outcome"), [("sirt", "objective_response"), ("tae", "response"), ("tae", "os_median")]
)
def test_a_name_that_is_none_is_refused_with_the_names_that_are(technique: str, outcome: str) -> None:
    with pytest.raises(BadInput) as caught:
        ask(technique, outcome, CATALOGUE)
    assert "os_median_months" in caught.value.hint or "tace_nos" in caught.value.hint


def test_every_technique_and_outcome_with_data_gives_a_pool() -> None:
    for technique, outcome in {(CATALOGUE.arm(row).technique, row.outcome) for row in CATALOGUE.outcomes}:
        ours = pool_of(CATALOGUE, ask(technique, outcome, CATALOGUE, alone=True), sensitivity=False)
        rows = len(ours.studies) + len(ours.listed) + len(ours.left_out) + len(ours.other_units)
        assert rows >= 1, (technique, outcome)
        assert ours.wording
        assert ours.headline == (ours.study_count >= 5 and ours.kind == "proportion" and ours.estimate is not None)


# words


def pooled(estimate: float, ci: tuple[float, float], prediction: tuple[float, float] | None) -> Pooled:
    return Pooled(
        k=6, n=170, estimate=estimate, ci=ci, prediction_interval=prediction, tau2=0.1, tau2_ci=None, i2_percent=None, h2=None, q=None,
        q_p=None, method="glmm", ci_method="t", scale="proportion", model_scale="logit", mu=0.0, se=0.1, studies=(),
    )  # fmt: skip


def test_the_sentence_for_boards_is_the_design_s() -> None:
    """ "about 60 of 100 treated patients responded (plausible range 20 to 89; 6 studies, 170 patients)"."""
    says = rate_words(
        pooled(0.6, (0.4, 0.77), (0.2, 0.89)),
        define("objective_response"),
        [(17, 28)] * 5 + [(17, 30)],
        6,
        headline=True,
    )
    assert says.startswith(
        "About 60 of 100 treated patients had an objective response (plausible range 20 to 89; 6 studies, 170 patients)"
    )
    assert "prediction interval" in says


def test_without_a_prediction_interval_the_range_is_the_confidence_interval_and_says_so() -> None:
    says = rate_words(pooled(0.6, (0.4, 0.77), None), define("objective_response"), [(1, 2)] * 6, 6, headline=True)
    assert "plausible range 40 to 77" in says
    assert "confidence interval" in says


@pytest.mark.parametrize(
    ("rate", "words"),
    [
        (0.6, "60 of 100"),
        (0.0, "0 of 100"),
        (0.004, "4 of 1000"),
        (0.012, "1 of 100"),
        (0.996, "996 of 1000"),
        (1.0, "100 of 100"),
    ],
)
def test_natural_frequencies(rate: float, words: str) -> None:
    assert of_hundred(rate) == words


def test_a_range_names_its_base_once() -> None:
    says = rate_words(pooled(0.0, (0.0, 0.004), None), define("objective_response"), [(0, 900)], 1, headline=False)
    assert "(by chance alone 0 to 4 of 1000 would fit)" in says


def test_arms_of_two_studies_have_no_prediction_interval() -> None:
    """Four arms of two series say nothing on how far a third series may lie."""
    pool = packaged_pool("ctace", "objective_response")
    assert (pool.k, pool.study_count, pool.prediction_interval) == (4, 2, None)
    assert all(line.prediction_interval is None for line in pool.sensitivity if line.studies < 3)
    assert packaged_pool("all_sirt", "disease_control").prediction_interval is not None


def test_a_level_that_rests_on_proposals_says_that_they_are_to_be_confirmed() -> None:
    """High by its start, very low by a proposed imprecision only: no person has said so yet."""
    certainty = packaged_pool("tae", "disease_control").certainty
    assert "very low (" in certainty.rate.words
    assert certainty.rate.words.endswith("; proposed, to be confirmed: imprecision")
    assert packaged_pool("sirt_resin", "objective_response").certainty.comparison.words.endswith("(no comparator)")


def test_too_few_studies_speak_arm_by_arm() -> None:
    says = packaged_pool("sirt_resin", "objective_response").wording
    assert says.startswith(
        "Too few studies to say a rate: 7 of 44 and 14 of 30 treated patients had an objective response (2 studies, 74 patients)"
    )
    assert "of 100" not in says


def test_percentages_without_counts_are_told_not_pooled() -> None:
    says = packaged_pool("tae", "objective_response").wording
    assert "No study of the catalogue can be pooled" in says
    assert "3 arms more print a percentage without a count: 38 to 73 %" in says


# certainty


def test_the_two_statements_are_never_one() -> None:
    certainty = packaged_pool("sirt_resin", "objective_response").certainty
    assert certainty.rate.about == "the rate in treated patients"
    assert certainty.comparison.about == "better than the alternative"
    assert certainty.comparison.at_most == "very low"
    assert certainty.comparison.start_reason == "no comparator"


def test_a_randomised_comparison_starts_high_and_falls_with_its_size() -> None:
    statement = pool_of(CATALOGUE, ask("tae", "pfs_2y", CATALOGUE)).certainty.comparison
    assert statement.start == "high"  # 26 randomised patients
    assert statement.at_most == "low"
    assert "26 patients" in statement.domains[3].reason


@pytest.mark.parametrize(("threshold", "patients"), [(50, 97), (75, 73), (20, 62), (10, 35), (5, 73), (2, 189)])
def test_the_optimal_size_is_that_of_a_single_rate(threshold: float, patients: int) -> None:
    """z2 p (1 - p) / d2 by hand, d = 10 points or the threshold itself: 0.25 x 3.8415 / 0.01 = 96.04, rounded up."""
    assert optimal_size(threshold) == patients


def test_imprecision_is_proposed_with_its_numbers() -> None:
    wide, tight = pool([(3, 10), (5, 10)]), pool([(70, 100)] * 6)
    imprecision = {
        name: next(d for d in each.certainty.rate.domains if d.domain == "imprecision")
        for name, each in (("wide", wide), ("tight", tight))
    }
    assert imprecision["wide"].change == -3  # crosses 50 %, and 20 patients of 97 is less than half
    assert imprecision["tight"].change == 0
    assert "600 patients, 97 are wanted" in imprecision["tight"].reason


def test_inconsistency_is_proposed_when_only_the_prediction_interval_crosses() -> None:
    spread = pool([(60, 100), (95, 100), (70, 100), (90, 100), (55, 100), (92, 100), (80, 100), (85, 100)])
    domain = next(d for d in spread.certainty.rate.domains if d.domain == "inconsistency")
    assert (domain.state, domain.change) == ("proposed", -1)
    assert spread.ci is not None
    assert spread.ci[0] > 0.5


def test_asymmetry_is_tested_from_ten_studies_on() -> None:
    few, many = pool([(5, 10)] * 9), pool([(5 + i % 3, 10 + i) for i in range(12)])
    states = [
        next(d for d in each.certainty.rate.domains if d.domain == "publication_bias").state for each in (few, many)
    ]
    assert states == ["not judged", "proposed"]


def judged(body: Pool, **changes: object) -> Judgement:
    return Judgement.model_validate(
        {"technique": "tae", "outcome": "objective_response", "question": "rate", "domain": "risk_of_bias", "down": 1, "rater": "A. Rater",
         "date": "2026-11-24", "reason": "not consecutive", "evidence": body.evidence_hash} | changes
    )  # fmt: skip


def test_a_level_stands_only_when_people_have_judged_every_domain() -> None:
    body = pool([(70, 100)] * 6)
    five = ("risk_of_bias", "inconsistency", "indirectness", "imprecision", "publication_bias")
    four = tuple(judged(body, domain=name) for name in five[:4])
    assert pool([(70, 100)] * 6, judgements=four).certainty.rate.level is None
    all_five = tuple(judged(body, domain=name, down=1 if name == "risk_of_bias" else 0) for name in five)
    rated = pool([(70, 100)] * 6, judgements=all_five).certainty.rate
    assert rated.level == "moderate"
    assert rated.domains[0].rater == "A. Rater"
    assert rated.domains[0].date == dt.date(2026, 11, 24)


def test_a_judgement_of_other_evidence_is_shown_and_does_not_count() -> None:
    old = judged(pool([(70, 100)] * 5), down=2)
    domain = pool([(70, 100)] * 6, judgements=(old,)).certainty.rate.domains[0]
    assert domain.state == "out of date"
    assert domain.change is None
    assert "A. Rater judged an earlier state" in domain.reason


@pytest.mark.parametrize(
    "wrong", [{"down": 3}, {"domain": "large_effect", "down": 1}, {"up": 1}, {"rater": ""}, {"evidence": "now"}]
)
def test_a_judgement_that_grade_does_not_know_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        judged(pool([(70, 100)] * 6), **wrong)


@pytest.mark.parametrize(
    ("design", "levels"),
    [("RCT", (2, 3)), ("retrospective comparative", (3, 3)), ("retrospective single-arm", (4, 4)), ("prospective single-arm", (4, 3)),
     ("registry", (4, 3)), ("NR", (None, None))],
)  # fmt: skip
def test_ocebm_levels(design: str, levels: tuple[int | None, int | None]) -> None:
    assert ocebm(Arm(study_id="a1-b", technique="tae", design=design, extracted_from="p. 1")) == levels


# what is packaged


def test_every_option_reads_techniques_that_exist() -> None:
    for option, reads in load_option_pools().options.items():
        assert reading(option) is reads
        for outcome in reads.outcomes:
            assert define(outcome).label


def test_every_published_row_stands_beside_ours_with_a_reason() -> None:
    rows = beside_published(CATALOGUE)
    assert len(rows) == 56
    assert all(row.differs_because for row in rows)
    devcic = next(row for row in rows if row.review.startswith("Devcic") and row.outcome == "objective_response")
    assert devcic.published == "50 (38 to 62) %"
    assert devcic.k == 2
    assert any("counts procedures" in reason and "kennedy2008-sirt" in reason for reason in devcic.differs_because)
