"""The audit's page from made reports: findings, hidden counts as a drawn state, hostile words."""

from __future__ import annotations

import re

import pytest

from liverboard.options.audit_report import (
    AuditReport,
    Change,
    ChosenCounts,
    Concordance,
    MissingFact,
    Move,
    OptionCounts,
    Thresholds,
)
from liverboard.report.audit_figures import Bar, verdict_bars_svg
from liverboard.report.audit_page import count_words, moved_bars, percent, render_audit
from liverboard.report.palette import PRINT
from liverboard.synthesis.disclosure import Below, Withheld

HOSTILE = "<script>alert('x')</script>"


def report(**changes: object) -> AuditReport:
    move = Move(
        rule="resin_lung_shunt", effect="contraindication", options=("sirt_resin",), fact="lung_shunt_fraction", label="lung shunt", unit="fraction",
        comparison="lung_shunt_fraction > 0.2", value=0.2, moved_to=0.18, cases=7,
        changes=(Change(option="sirt_resin", was="fits", becomes="excluded", cases=7),),
    )  # fmt: skip
    made = AuditReport(
        source=HOSTILE,
        knowledge_version="test",
        policy=HOSTILE,
        min_cell=5,
        cases=12_345,
        rules=3,
        options=(
            OptionCounts(option="tae", verdicts={"fits": 3000, "caution": 45, "cannot_tell": 5000, "not_indicated": 300, "excluded": 4000}),
            OptionCounts(option="prrt", verdicts={"fits": 10, "caution": 0, "cannot_tell": 12_000, "not_indicated": 335, "excluded": 0}),
        ),
        concordance=Concordance(
            cases=100,
            verdicts={"fits": 80, "caution": 5, "cannot_tell": 5, "not_indicated": 5, "excluded": 5},
            options=(ChosenCounts(option="tae", cases=100, verdicts={"fits": 80, "caution": 5, "cannot_tell": 5, "not_indicated": 5, "excluded": 5}),),
            against=(),
        ),
        missing=(MissingFact(fact="ecog", label=HOSTILE, who="clinician", cases=321, options={"tae": 321}),),
        thresholds=Thresholds(cases=12_345, moves=(move, move.model_copy(update={"moved_to": 0.22, "cases": 9}))),
        notes=(HOSTILE,),
    )  # fmt: skip
    return made.model_copy(update=changes)


def test_the_findings_are_said_with_their_numbers() -> None:
    page = render_audit(report())
    assert "12\u202f345 cases" in page
    assert "Bland embolisation (TAE): most often open (fits, with or without caution), in 25\u202f%" in page
    assert "Of 100 decisions, the chosen option fits, with or without caution, in 85\u202f%" in page
    assert "fits → excluded 7" in page
    assert "FOR THE CENTRE ALONE" in page


def test_every_number_of_the_plots_stands_in_a_table() -> None:
    page = render_audit(report())
    tables = " ".join(re.findall(r"<table.*?</table>", page, re.DOTALL))
    for count in ("3\u202f000", "45", "5\u202f000", "300", "4\u202f000", "12\u202f000", "335", "321"):
        assert count in tables


def test_words_from_outside_are_text() -> None:
    page = render_audit(report())
    assert HOSTILE not in page
    assert page.count("<script") == 1
    assert "&lt;script&gt;" in page


def test_nothing_is_loaded_from_elsewhere() -> None:
    page = render_audit(report())
    assert not re.findall(r'(?:src|href)="(?!#)', page)
    assert "default-src 'none'" in page


def test_hidden_counts_are_a_drawn_state_in_the_plot_and_words_in_the_table() -> None:
    hidden = OptionCounts(option="tae", verdicts={"fits": Below(below=5), "caution": Withheld(), "cannot_tell": 300})
    page = render_audit(report(export=True, cases=400, options=(hidden,), concordance=None))
    assert "<\u202f5" in page.replace("&lt;", "<")
    assert "withheld" in page
    assert "For export" in page
    svg = verdict_bars_svg([Bar("TAE", 400, hidden.verdicts)], PRINT, width=1104, prefix="p", title="t")
    assert ">hidden<" in svg
    assert "below 5" in svg
    assert (
        verdict_bars_svg([Bar("TAE", Withheld(), {})], PRINT, width=358, prefix="p", title="t").count(">hidden<") == 1
    )


def test_both_directions_of_a_threshold_share_a_line() -> None:
    [line] = moved_bars(report())
    assert line.smaller == ("18\u202f%", 7)
    assert line.larger == ("22\u202f%", 9)
    assert line.name == "lung shunt > 20\u202f%"


def test_an_empty_audit_says_so() -> None:
    page = render_audit(report(missing=(), thresholds=Thresholds(cases=1, moves=()), concordance=None))
    assert "every option can be told" in page
    assert "No threshold changes a verdict" in page
    assert 'id="decisions"' not in page


@pytest.mark.parametrize(("count", "words"), [(7, "7"), (1_234_567, "1\u202f234\u202f567"), (Below(below=5), "<\u202f5"), (Withheld(), "withheld")])  # fmt: skip
def test_counts_in_words(count: int | Below | Withheld, words: str) -> None:
    assert count_words(count) == words


def test_no_share_of_a_hidden_count() -> None:
    assert percent(Below(below=5), 100) == ""
    assert percent(5, Withheld()) == ""
    assert percent(5, 50) == "10\u202f%"
