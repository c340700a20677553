"""Options on the page: one line each with the reason that decides it, a card each with its rules, every source by number."""

import re
from typing import get_args

import pytest
from test_report_html import Page

import report_samples as samples
from liverboard.clinical.events import Option
from liverboard.options.report import OptionsReport
from liverboard.report.html import render_html
from liverboard.report.options_view import OptionsView, options_view
from liverboard.report.view import view_of
from options_samples import options


@pytest.fixture(scope="module")
def view() -> OptionsView:
    return options_view(samples.full())


def _line(view: OptionsView, name: str):
    return next(line for line in view.lines if name in [option.name for option in line.options])


def test_lines_stand_in_the_order_of_the_verdicts_and_name_each_option_once(view: OptionsView) -> None:
    order = ["fits", "caution", "cannot_tell", "not_indicated", "excluded"]
    places = [order.index(line.verdict) for line in view.lines]
    assert places == sorted(places)
    assert set(places) == set(range(5))
    names = [option.anchor for line in view.lines for option in line.options]
    assert len(names) == len(set(names))
    assert {card.anchor for card in view.cards} >= set(names)


def test_what_fits_is_told_by_its_strongest_indication(view: OptionsView) -> None:
    line = _line(view, "TAE")
    assert line.says == "Liver-dominant and growing: a society sets embolisation here."
    assert [option.name for option in line.options] == ["TAE", "cTACE"], "the same line is shared"
    assert line.given == "given before: cTACE"


def test_a_caution_is_told_by_the_first_and_how_many_more(view: OptionsView) -> None:
    line = _line(view, "ablation")
    assert line.says.startswith("Carcinoid syndrome: agree a crisis plan.")
    assert line.more == "(and 1 more caution)"
    assert line.brief == "Carcinoid syndrome: agree a crisis plan …"


def test_what_cannot_be_told_says_what_it_needs_and_from_whom(view: OptionsView) -> None:
    says = _line(view, "PRRT").says
    assert says.startswith("needs: ")
    assert "lowest SSTR score" in says
    assert "(nuclear medicine)" in says
    assert "eGFR (laboratory)" in says
    assert says.index("SSTR") < says.index("eGFR"), "what the board misses most comes first"


def test_a_full_line_is_cut_to_what_matters_most_and_says_how_much_it_leaves_out() -> None:
    report = options()
    names = ("ki67_percent", "albumin_g_l", "bilirubin_umol_l")
    ssa, prrt = (next(each for each in report.options if each.option == name) for name in ("ssa", "prrt"))
    changed = (
        ssa.model_copy(update={"stale": names}),
        prrt.model_copy(update={"missing": ("sstr_lowest", "sstr_scale", "egfr_ml_min", "inr", "ascites")}),
    )
    view = options_view(samples.full().model_copy(update={"options": report.model_copy(update={"options": changed})}))
    assert _line(view, "SSA").stale == "3\u202ffacts, up to 5\u202fyears"
    brief = "needs: lowest SSTR score, SSTR scale (nuclear medicine); INR (laboratory); and 2 more"
    assert _line(view, "PRRT").brief == brief, "three of them, in the order of what is missing"


def test_what_is_excluded_gives_its_reason_and_is_grouped_by_it(view: OptionsView) -> None:
    assert _line(view, "transplantation").says == "Liver burden 60 %: the criteria take up to 50 %."
    assert _line(view, "SIRT (resin)").says.startswith("Lung shunt 25 %"), "a label stands before an expert list"
    assert _line(view, "SIRT (resin)").more == "(and 1 more reason)"
    assert [option.name for option in _line(view, "SIRT (glass)").options] == ["SIRT (glass)", "SIRT (Ho-166)"]


def test_three_kinds_of_sirt_with_one_reason_are_one_name() -> None:
    report = options()
    alike = tuple(
        each.model_copy(update={"reasons": each.reasons[:1]})
        for each in report.options
        if each.option.startswith("sirt")
    )
    dossier = samples.full().model_copy(update={"options": report.model_copy(update={"options": alike})})
    (line,) = options_view(dossier).lines
    assert [option.name for option in line.options] == ["SIRT"]


def test_a_contraindication_that_a_centre_switched_off_is_seen_everywhere() -> None:
    view = options_view(samples.full())
    assert _line(view, "TAE").off == "1\u202frule against it switched off by this centre"
    card = next(card for card in view.cards if card.anchor == "option-tae")
    off = next(reason for reason in card.reasons if reason.off)
    assert "Switched off by Demo centre (Dr A. Example, 1 May 2024): decided by our own protocol" in off.override
    assert [each.rule for each in view.deviations] == ["embolisation portal main"]
    assert [each.rule for each in view.aside] == ["prrt label us"]
    html = render_html(samples.full())
    assert "<s><bdi>The main portal vein is thrombosed.</bdi></s>" in html
    assert "Where this centre departs from the packaged rules" in html
    assert "policy departs from the packaged rules" in html.split('id="lesions"')[0], "said on page one too"


def test_every_reason_of_every_option_is_on_the_page_with_its_sources_by_number() -> None:
    dossier = samples.full()
    html = render_html(dossier)
    view = options_view(dossier)
    numbered = [row.what for row in view_of(dossier).references]
    for card, each in zip(view.cards, dossier.options.options, strict=True):
        assert len(card.reasons) + len(card.more) == len(each.reasons)
        place = html[html.index(f'id="{card.anchor}"') :]
        place = place[: place.index("</article>")]
        for reason in each.reasons:
            assert reason.says in place
            assert reason.rule.replace("_", " ") in place
            for source in reason.sources:
                number = numbered.index(source.key) + 1
                assert f'href="#source-{number}"' in place
    citations = {
        source.key: source.citation
        for each in dossier.options.options
        for reason in each.reasons
        for source in reason.sources
    }
    assert set(citations) <= set(numbered)
    for key, citation in citations.items():
        row = html[html.index(f'id="source-{numbered.index(key) + 1}"') :]
        assert citation in row[: row.index("</tr>")]


def test_verification_is_that_of_the_statement_and_drawn() -> None:
    html = render_html(samples.full())
    card = html[html.index('id="option-sirt_resin"') :]
    card = card[: card.index("</article>")]
    assert card.count("square v-A") >= 2
    assert "square v-B" in card
    assert "expert list" in card
    assert "US, APAC" in card
    ssa = html[html.index('id="option-ssa"') :]
    assert "square v-U" in ssa[: ssa.index("</article>")]
    assert "not verified" in ssa[: ssa.index("</article>")]


def test_a_reason_says_its_predicate_its_facts_its_lesions_and_what_is_old(view: OptionsView) -> None:
    card = next(card for card in view.cards if card.anchor == "option-ablation")
    large = next(reason for reason in card.reasons if reason.lesions)
    assert large.when == "ecog > 2"
    assert [value for _, value in large.facts] == ["1"]
    assert large.lesions[0].startswith("L1: holds (")
    assert "52\u202fmm" in large.lesions[0]
    assert "L2: not known" in large.lesions[1]
    ssa = next(card for card in view.cards if card.anchor == "option-ssa")
    assert "Ki-67, 5\u202fyears" in ssa.reasons[0].stale
    assert ("given before", "lanreotide from 2019-08, goes on") in ssa.notes


def test_reasons_that_do_not_decide_are_one_click_away(view: OptionsView) -> None:
    card = next(card for card in view.cards if card.anchor == "option-ablation")
    assert [reason.state for reason in card.reasons] == ["caution, holds", "caution, holds"]
    assert card.more_words == "and 7\u202fmore reasons"


def test_sources_that_differ_stand_side_by_side_where_they_bite() -> None:
    html = render_html(samples.full())
    card = html[html.index('id="option-tae"') :]
    card = card[: card.index("</article>")]
    for words in (
        "Sources differ: <bdi>Lung limit",
        "Resin: 20 %.",
        "Glass: 16.5 mCi.",
        "liverboard keeps the products apart.",
    ):
        assert words in card
    elsewhere = html[html.index("Where sources differ on something else") :]
    assert "Names of the pattern" in elsewhere[: elsewhere.index("</section>")]


def test_page_one_names_signs_in_words_and_says_what_is_not_ranked() -> None:
    first = render_html(samples.full()).split('id="lesions"')[0]
    for word in ("fits", "caution", "cannot tell", "not indicated", "excluded"):
        assert re.search(rf'class="verdict s-[a-z_]+"><svg[^>]+><use href="#sign-[a-z_]+"/></svg> {word}</span>', first)
    assert "Open together, not ranked: <bdi>TAE, cTACE</bdi>" in first


def test_without_options_the_page_says_so() -> None:
    html = render_html(samples.full().model_copy(update={"options": OptionsReport()}))
    assert html.count("No option has been weighed.") == 2


def test_hostile_options_stay_text_and_all_are_shown() -> None:
    html = render_html(samples.hostile())
    assert {a["id"] for t, a in Page(html).tags if t == "article" and "option" in (a.get("class") or "")} == {
        f"option-{name}" for name in get_args(Option)
    }
    assert "<script>alert" not in html
