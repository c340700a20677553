"""The evidence of an option on the page: two certainties never merged, no pooled mark from few studies, no data drawn, sources by number."""

import re
from dataclasses import asdict

import pytest

import report_samples as samples
from expected_samples import FEW, MANY, outcome, section
from liverboard.report.cited import Cited
from liverboard.report.expected_view import EvidenceView, cells_of, evidence_view, expected_view
from liverboard.report.forest import forest_svg
from liverboard.report.html import render_html
from liverboard.report.mini_interval import MiniInterval, mini_interval_svg
from liverboard.report.options_view import options_view
from liverboard.report.palette import PRINT
from liverboard.report.pool_forest import pool_forest
from liverboard.report.view import view_of

THIN = "\u202f"


def plain(text: str) -> str:
    return text.replace(THIN, " ")


@pytest.fixture(scope="module")
def evidence() -> EvidenceView:
    return evidence_view(samples.full(), Cited())


def test_a_cell_says_rate_interval_studies_and_both_certainties() -> None:
    (cell,) = cells_of(section(), ["tae"])
    assert re.fullmatch(
        r"objective response 49 % \(\d+–\d+\), 6 studies, 180 patients; a new series \d+ to \d+ %", plain(cell.says)
    )
    assert cell.sure == "certainty: rate at most low, comparison very low"
    assert cell.picture.state == "pooled"
    assert cell.name == "", "one option of a line needs no name"


def test_few_studies_give_no_rate_and_no_mark_of_one() -> None:
    (cell,) = cells_of(section(), ["ctace"])
    assert plain(cell.says) == "objective response 16 to 47 % in 2 studies, 74 patients: too few studies"
    assert cell.picture == MiniInterval("few", (7 / 44, 14 / 30))
    one = outcome("objective_response", "objective response", "benefit", FEW[:1])
    alone = section().options["ctace"].model_copy(update={"outcomes": (one,)})
    (cell,) = cells_of(section().model_copy(update={"options": {"ctace": alone}}), ["ctace"])
    assert plain(cell.says) == "objective response 16 % in 1 study, 44 patients: too few studies"
    assert cell.picture.ci == FEW[0].ci


def test_no_data_is_said_and_drawn() -> None:
    (cell,) = cells_of(section(), ["ablation"])
    assert plain(cell.says) == "objective response: no counts to pool; 38 to 73 % printed by 2 arms"
    assert cell.sure == ""
    assert "stroke-dasharray" in mini_interval_svg(cell.picture, PRINT)
    assert cells_of(section(), ["ssa", "resection"]) == (), "not in the catalogue, or no benefit asked for"
    view = options_view(samples.full())
    assert view.absent == "SSA"


def test_options_that_share_a_line_are_named_in_their_cells() -> None:
    line = next(line for line in options_view(samples.full()).lines if line.cells)
    assert [cell.name for cell in line.cells] == ["TAE", "cTACE"]


def test_only_options_that_stand_have_cells() -> None:
    for line in options_view(samples.full()).lines:
        assert not line.cells or line.verdict in {"fits", "caution"}


def test_the_drawn_interval_keeps_to_its_scale() -> None:
    drawn = mini_interval_svg(MiniInterval("pooled", (0.5,), (0.0, 1.0), (0.0, 1.0)), PRINT)
    places = [float(x) for x in re.findall(r"[MH]([\d.]+)", drawn)]
    assert min(places) >= 0
    assert max(places) <= 96
    assert "M48.0" in drawn


def test_a_card_keeps_the_two_certainties_apart_and_says_what_is_not_split() -> None:
    card = expected_view(section(), "ctace")
    assert card is not None
    assert [row.kind for row in card.rows] == ["benefit", "harm"]
    assert card.rows[0].rate == "at most low; not judged yet: risk of bias"
    assert card.rows[0].comparison == "very low (no comparator)"
    assert card.nothing == "liver disease"
    assert "not split by primary (this patient: ileum), pattern (diffuse)" in card.split
    assert [claim.id for claim in card.claims] == ["ED-18"]
    near = expected_view(section(), "resection")
    assert near is not None
    assert near.nearest == ("First2019, small bowel primary: median overall survival 35 months",)
    absent = expected_view(section(), "ssa")
    assert absent is not None
    assert absent.rows == ()
    assert "nothing is borrowed" in absent.note
    assert expected_view(section(), "sirt_resin") is None, "an excluded option is not open"


def test_forest_plots_stand_for_two_studies_or_more(evidence: EvidenceView) -> None:
    assert [each.anchor for each in evidence.forests] == [
        "forest-tae-objective_response",
        "forest-ctace-objective_response",
        "forest-ctace-major_complication",
    ]
    assert all(each.first for each in evidence.forests)
    assert evidence.finding.replace(THIN, " ") == "of 5 questions with counts, 1 has five studies or more"


def test_few_studies_are_drawn_without_a_pooled_mark() -> None:
    few = pool_forest(outcome("objective_response", "objective response", "benefit", FEW))
    assert few.pool is not None
    assert few.pool.estimate is None
    assert few.pool.note == "Too few studies: 2 studies, 74 patients."
    assert "not pooled" in forest_svg(few)
    many = pool_forest(outcome("objective_response", "objective response", "benefit", MANY))
    assert many.pool is not None
    assert many.pool.estimate == pytest.approx(88 / 180, abs=0.02)
    assert many.pool.prediction is not None


def test_every_study_of_a_plot_stands_in_its_table_with_its_source(evidence: EvidenceView) -> None:
    view = view_of(samples.full())
    for forest in view.evidence.forests:
        assert len(forest.studies) == len(forest.forest.studies)
        for study in forest.studies:
            assert view.references[study.source.number - 1].what == study.source.citation or (
                view.references[study.source.number - 1].detail == study.source.citation
            )
    labels = [study.label for study in view.evidence.forests[1].studies]
    assert "Second 2021 [year unverified]" in labels
    assert view.evidence.forests[1].studies[0].source.verification == "B"


def test_the_page_has_plots_one_click_away_and_links_that_arrive() -> None:
    html = render_html(samples.full())
    assert html.count('<details class="forest">') == 3
    for anchor in re.findall(r'href="#(forest-[^"]+|claim-[^"]+)"', html):
        assert html.count(f'id="{anchor}"') == 1, anchor
    card = html[html.index('id="option-ctace"') :]
    card = card[: card.index("</article>")]
    assert "How sure: the rate" in card
    assert "How sure: better than the alternative" in card
    assert "the highest response" in card
    assert "No study compares them" in card
    first = html.split('id="lesions"')[0]
    assert first.count('class="mini"') == 3
    assert "side by side they compare nothing" in first


def test_nothing_is_ranked() -> None:
    text = render_html(samples.full()).lower()
    for word in ("superior", "best option", "ranked first", "p-score"):
        assert word not in text


def test_without_a_catalogue_the_page_says_so() -> None:
    assert "No study catalogue was read." in render_html(samples.sparse())


def test_the_view_is_made_of_plain_values(evidence: EvidenceView) -> None:
    assert asdict(evidence)["state"].startswith(
        "Catalogue abababababab, state of 1 May 2024; day of the last search not recorded"
    )
