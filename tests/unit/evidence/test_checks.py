"""The checks find the traps of the data set by name, and errors that are planted."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liverboard.evidence.catalogue import Arm, Catalogue, Contrast, Outcome, PublishedPool, load_catalogue
from liverboard.evidence.checks import fits, run_checks
from liverboard.evidence.finding import Finding

CATALOGUE = load_catalogue()
FOUND = run_checks(CATALOGUE)


def hits(check: str, where: str, *, found: tuple[Finding, ...] = FOUND) -> list[Finding]:
    return [each for each in found if each.check == check and each.where.startswith(where)]


# the table "Conflicts and traps found" of the data set's README, row by row: which check finds it, and words that it must say
TRAPS = [
    ("impossible_percentage", "kennedy2008-sirt / objective_response", "no whole number of 148 patients gives 63.2 %; 117 of 185 procedures does"),
    ("one_denominator", "kennedy2008-sirt", "do not fit 148 patients and fit 185 procedures"),
    ("impossible_percentage", "pitt2008-tae / morbidity", "no whole number of 51 patients gives 6.6 %"),
    ("impossible_percentage", "pitt2008-tace / morbidity", "no whole number of 49 patients gives 2.4 %"),
    ("impossible_percentage", "pitt2008-tae / mortality_30d", "1.8 %"),
    ("impossible_percentage", "pitt2008-tace / mortality_30d", "0.8 %"),
    ("survival_rises", "pitt2008-tae / os", "19 % at 1 and 70 % at 2 years"),
    ("response_counts_stable", "pericleous2016-tae / objective_response", "that is disease control, not response"),
    ("response_counts_stable", "pericleous2016-tace / objective_response", "that is disease control, not response"),
    ("two_values", "pericleous2016 / disease_control", "p 0.46"),
    ("two_values", "gupta2005-tae", "74 patients"),
    ("two_values", "gupta2005-tace", "49 patients"),
    ("counts_against_percentage", "taner2013-resablation / local_recurrence", "4 of 94 is 4.3 %, the page prints 3.8 %"),
    ("p_value", "norlen2013 / progressive_disease", "2/18 against 8/18: Fisher's exact test gives p = 0.060, the page prints <0.001"),
    ("two_values", "kanabar2019 / stable_disease", "38.9"),
    ("copied_row", "tai2020 / pfs_5y", "os_5y"),
    ("estimate_missing", "tai2020 / pfs", "0.74 to 1.73"),
    ("estimate_garbled", "tai2020 / pfs", "0.99-1.74"),
    ("log_asymmetry", "tai2020 / pfs_1y", "0.71"),
    ("log_asymmetry", "kacmaz2019 / os_5y / surgery v chemotherapy", "rounding explains it"),
    ("impossible_percentage", "memon2012-sirt / objective_response", "no whole number of 40 patients gives 63.9 %"),
    ("one_denominator", "memon2012-sirt", "do not fit 40 patients"),
    ("one_denominator", "braat2020prrt-sirt", "fit 44 patients and do not fit 58 procedures"),
    ("impossible_percentage", "fiore2014-tace / postembolisation_syndrome", "8 of 13 does when digits are cut off"),
    ("counts_against_percentage", "tacecaudate2015-caudate / marker_response", "the page prints 97.6 %"),
    ("counts_against_percentage", "tacecaudate2015-nocaudate / marker_response", "the page prints 88.9 %"),
    ("not_pooled", "su2017-unilobar", "survivors"),
    ("not_pooled", "su2017-wholeliver", "survivors"),
    ("evaluable", "bonne2017-debtace / objective_response", "15 of 17 patients"),
    ("unit_of_analysis", "bhagat2013-debtace / objective_response", "per lesion"),
    ("same_size", "mayo2011-surgery / mayo2010-surgery", "339 patients each, same technique, same group"),
]  # fmt: skip


@pytest.mark.parametrize(("check", "where", "says"), TRAPS, ids=[f"{where}-{check}" for check, where, _ in TRAPS])
def test_a_known_trap_is_found_by_a_rule(check: str, where: str, says: str) -> None:
    assert any(says in each.says for each in hits(check, where)), [each.says for each in hits(check, where)]


@pytest.mark.parametrize(
    "study",
    ["touloupas2021", "dominh2017", "taner2013", "sartori2019", "jia2018", "mohan2015", "vogl2009", "loewe2003", "eriksson1998",
     "debaere2008", "ruutiainen2007", "ho2007", "maire2012"],
)  # fmt: skip
def test_every_study_that_the_data_set_calls_unverified_is_flagged(study: str) -> None:
    assert hits("unverified", study)


def test_the_tables_themselves_hold_no_error() -> None:
    assert [each for each in FOUND if each.weight == "error" and not each.on_page] == []


def test_what_only_a_page_has_names_what_was_kept() -> None:
    on_page = [each for each in FOUND if each.on_page]
    assert on_page
    assert all(each.kept for each in on_page)


def planted(outcomes: list[Outcome], **more: object) -> Catalogue:
    arms = {
        row.study_id: Arm(study_id=row.study_id, technique="tae", n_patients=20, extracted_from="p. 1")
        for row in outcomes
    }
    return replace(Catalogue(arms, tuple(outcomes), (), ()), **more)  # pyright: ignore[reportArgumentType]


def row(study: str = "one2020-tae", outcome: str = "objective_response", **values: object) -> Outcome:
    return Outcome.model_validate({"study_id": study, "outcome": outcome, "extracted_from": "p. 1", **values})


@pytest.mark.parametrize(
    ("rows", "check"),
    [
        ([row(events=9, n=8)], "counts"),
        ([row(events=4, n=16, value="26.0")], "counts_against_percentage"),
        ([row(value="104", n=20)], "range"),
        ([row(value="33", n=20)], "impossible_percentage"),
        ([row(events=3, n=21, value="14.3")], "denominator"),
        ([row(outcome="os_1y", value="50", n=20), row(outcome="os_3y", value="60", n=20)], "survival_rises"),
        ([row(value="60", n=20), row(outcome="disease_control", value="50", n=20)], "response_above_control"),
        ([row(outcome="os_median_months", unit="months", value="20", ci_low="22", ci_high="30")], "interval"),
        ([row(outcome="os_median_months", unit="months", value="20", ci_low="30", ci_high="10")], "interval"),
        ([row(value="50", n=20), row(value="55", n=20)], "two_values"),
        ([row(value="50", unit_of_analysis="unclear")], "unit_unclear"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)  # fmt: skip
def test_a_planted_error_is_found(rows: list[Outcome], check: str) -> None:
    assert hits(check, "", found=run_checks(planted(rows), pages=False))


def test_a_clean_row_raises_nothing() -> None:
    rows = [row(events=7, n=20, value="35"), row(outcome="disease_control", events=17, n=20, value="85.0")]
    assert run_checks(planted(rows), pages=False) == ()


def test_one_paper_under_two_names_is_an_error() -> None:
    arms = {
        f"{name}-tae": Arm(study_id=f"{name}-tae", technique="tae", doi=doi, extracted_from="p. 1")
        for name, doi in (("one2020", "10.1000/X"), ("two2021", "10.1000/x"))
    }
    (found,) = hits("same_paper", "", found=run_checks(Catalogue(arms, (), (), ()), pages=False))
    assert found.weight == "error"
    assert found.where.startswith("one2020")


@pytest.mark.parametrize(
    ("p", "wrong"), [("0.05", False), ("0.03", True), ("<0.05", True), ("<0.1", False), ("0.06", False)]
)  # Fisher's exact test of 2/18 against 8/18 is 0.060
def test_a_printed_p_value_is_held_against_the_counts(p: str, wrong: bool) -> None:
    rows = [row("one2020-a", events=2, n=18), row("one2020-b", events=8, n=18)]
    arms = {
        "one2020-a": Arm(study_id="one2020-a", technique="tae", extracted_from="p. 1"),
        "one2020-b": Arm(study_id="one2020-b", technique="ctace", extracted_from="p. 1"),
    }
    contrast = Contrast(
        study_id="one2020", arm_a="tae", arm_b="ctace", outcome="objective_response", p_value=p, extracted_from="p. 1"
    )
    found = run_checks(Catalogue(arms, tuple(rows), (contrast,), ()), pages=False)
    assert bool(hits("p_value", "", found=found)) is wrong


def test_symmetric_ratios_raise_nothing() -> None:
    fine = PublishedPool(
        meta_id="m", technique="tae", outcome="os", effect_measure="HR", estimate="0.96", ci_low=Decimal("0.73"),
        ci_high=Decimal("1.24"), extracted_from="p. 1",
    )  # fmt: skip
    assert run_checks(Catalogue({}, (), (), (fine,)), pages=False) == ()


@pytest.mark.parametrize(
    ("value", "n", "count"),
    [("16", 44, 7), ("63.2", 185, 117), ("63.2", 148, None), ("61", 13, None), ("0.0", 17, 0), ("100", 6, 6)],
)
def test_the_count_behind_a_percentage(value: str, n: int, count: int | None) -> None:
    figure = Decimal(value)
    exponent = figure.as_tuple().exponent
    assert isinstance(exponent, int)
    assert fits(figure, n, max(0, -exponent)) == count


figures = st.none() | st.decimals(min_value=-5, max_value=2000, places=1) | st.integers(-5, 200).map(Decimal)


@st.composite
def any_catalogue(draw: st.DrawFn) -> Catalogue:
    """Rows that the types allow, whatever they say: impossible counts, limits the wrong way round, empty denominators."""
    names = [f"s{i}-{arm}" for i in range(3) for arm in ("a", "b")]
    arms = {
        name: Arm(
            study_id=name, technique=draw(st.sampled_from(["tae", "ctace"])), n_patients=draw(st.none() | st.integers(0, 40)),
            n_procedures=draw(st.none() | st.integers(0, 40)), arm_role=draw(st.sampled_from(["arm", "whole_cohort"])), extracted_from="p. 1",
        )
        for name in names
    }  # fmt: skip
    rows = tuple(
        Outcome(
            study_id=draw(st.sampled_from(names)), outcome=draw(st.sampled_from(["abscess", "os_1y", "os_3y", "objective_response", "disease_control"])),
            events=draw(st.none() | st.integers(0, 60)), n=draw(st.none() | st.integers(0, 40)), value=draw(figures), ci_low=draw(figures),
            ci_high=draw(figures), unit_of_analysis=draw(st.sampled_from(["patient", "procedure", "unclear"])), extracted_from="p. 1",
        )
        for _ in range(draw(st.integers(0, 6)))
    )  # fmt: skip
    contrasts = tuple(
        Contrast(
            study_id=f"s{draw(st.integers(0, 2))}", arm_a="tae", arm_b="ctace", outcome="abscess", p_value=draw(st.sampled_from(["", "0.04", "<0.001", "ns"])),
            effect_measure="HR", estimate=draw(figures), ci_low=draw(figures), ci_high=draw(figures), extracted_from="p. 1",
        )
        for _ in range(draw(st.integers(0, 2)))
    )  # fmt: skip
    return Catalogue(arms, rows, contrasts, ())


@given(any_catalogue())
def test_no_catalogue_crashes_the_checks(catalogue: Catalogue) -> None:
    for finding in run_checks(catalogue):
        assert finding.says
        assert finding.where
