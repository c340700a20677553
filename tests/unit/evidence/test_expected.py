"""What the catalogue holds for an option and a patient: no borrowing, no ranking, what is not known of this patient's setting said."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace

import pytest
from pydantic import ValidationError

from liverboard.board.load import open_case
from liverboard.clinical.events import Option
from liverboard.clinical.facts import Facts, facts_of
from liverboard.evidence.catalogue import load_catalogue
from liverboard.evidence.expected import OptionEvidence, expected_of
from liverboard.evidence.pools import kept_pool

OPTIONS = Option.__args__ if hasattr(Option, "__args__") else ()


@pytest.fixture(scope="module")
def facts() -> Facts:
    return facts_of(open_case(None, sample="typed-in").case, dt.date(2024, 6, 20))


def test_the_resin_card(facts: Facts) -> None:
    found = expected_of("sirt_resin", facts)
    response = next(each for each in found.outcomes if each.outcome == "objective_response")
    assert response.wording.startswith("Too few studies to say a rate: 7 of 44 and 14 of 30")
    assert response.banner == "too few studies"
    assert response.rate_certainty.startswith("the rate in treated patients: ")
    assert response.comparison_certainty == "better than the alternative: very low (no comparator)"
    assert (
        found.split[0]
        == "The pooled data are not split by primary (this patient: pancreas), pattern (complex) or grade (G2)."
    )
    assert response.rate_level == "at most low"
    assert response.comparison_level == "very low"
    assert [(arm.events, arm.n) for arm in response.studies] == [(7, 44), (14, 30)]


def test_rows_of_the_patient_s_primary_are_shown_and_not_pooled(facts: Facts) -> None:
    found = expected_of("sirt_resin", facts)
    assert [(row.study_id, row.subgroup) for row in found.nearest] == [("wong2022-sirt", "pancreatic primary")]
    assert all(row.reason for row in found.nearest)


def test_the_editorial_s_claim_stands_beside_the_pool(facts: Facts) -> None:
    claims = {each.id: each for each in expected_of("sirt_resin", facts).claims}
    assert set(claims) == {"ED-18", "ED-22"}
    assert (
        "Claimed objective response 60 to 70 %; the 2 poolable series have 16 to 47 %, too few to say a rate."
        in claims["ED-22"].verdict
    )
    assert "3 of 4 listed series are" in claims["ED-22"].verdict
    assert claims["ED-22"].source == "ronot_vilgrain_editorial"
    deb = {each.id: each for each in expected_of("debtace", facts).claims}["ED-20"]
    assert any("1 of 17 and 7 of 13" in line for line in deb.beside)
    assert any("guiu2012" in line for line in deb.contrasts)


@pytest.mark.parametrize(
    "option", ["prrt", "ssa", "surveillance", "liver_transplantation", "everolimus", "chemotherapy"]
)
def test_an_option_without_studies_borrows_nothing(facts: Facts, option: str) -> None:
    found = expected_of(option, facts)
    assert not found.known
    assert found.outcomes == ()
    assert "nothing is borrowed" in found.note


def test_percentages_without_counts_are_carried_and_never_pooled(facts: Facts) -> None:
    response = next(each for each in expected_of("tae", facts).outcomes if each.outcome == "objective_response")
    assert response.k == 0
    assert response.estimate is None
    assert len(response.printed_percent) == 3
    assert (min(response.printed_percent), max(response.printed_percent)) == (38, 73)


def test_a_pool_is_made_once_for_each_state_of_the_catalogue() -> None:
    ours = load_catalogue()
    fewer = replace(ours, outcomes=tuple(row for row in ours.outcomes if row.study_id != "wong2022-sirt"))
    first = kept_pool(ours, (), "sirt_resin", "objective_response")
    assert kept_pool(ours, (), "sirt_resin", "objective_response") is first
    assert kept_pool(replace(ours), (), "sirt_resin", "objective_response") is first, "the same rows are the same state"
    assert hash(fewer) != hash(ours)
    assert fewer != ours


def test_holmium_has_no_outcome_and_says_so(facts: Facts) -> None:
    found = expected_of("sirt_ho166", facts)
    assert not found.known
    assert all(each.banner == "no data" for each in found.outcomes)


def test_no_option_has_a_word_of_rank(facts: Facts) -> None:
    for option in ("tae", "ctace", "debtace", "sirt_resin", "ablation", "resection"):
        text = expected_of(option, facts).model_dump_json().lower()
        assert "superior" not in text
        assert "best" not in text.replace("at best", "")
        assert "compare nothing" in text


def test_it_is_frozen_and_goes_through_json(facts: Facts) -> None:
    found = expected_of("ctace", facts)
    assert OptionEvidence.model_validate_json(found.model_dump_json()) == found
    with pytest.raises(ValidationError):
        found.name = "other"  # pyright: ignore[reportAttributeAccessIssue]


def test_an_unknown_primary_makes_no_claim_of_its_own() -> None:
    case = open_case(None, sample="real-y90").case
    found = expected_of("tae", facts_of(case, dt.date(1990, 1, 1)))
    assert found.split[0] == "The pooled data are not split by primary, pattern or grade."
    assert found.nearest == ()


@pytest.mark.parametrize("option", ["ctace", "debtace", "sirt_glass"])
def test_the_comparisons_beside_a_claim_carry_no_p_value(facts: Facts, option: Option) -> None:
    """methods note, section 6: no p value on the dossier."""
    said = [words for claim in expected_of(option, facts).claims for words in claim.contrasts]
    assert said
    assert not [words for words in said if re.search(r"\bp [=<]", words)]
