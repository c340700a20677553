"""Which rows a pool uses: each rule of inclusion by itself, on the packaged data by name, and as properties of any catalogue."""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import replace
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liverboard.evidence.catalogue import Arm, Catalogue, Outcome, load_catalogue
from liverboard.evidence.select import select

CATALOGUE = load_catalogue()


def used(technique: str, outcome: str) -> dict[str, tuple[int | None, int | None]]:
    return {arm.study_id: (row.events, row.n) for row, arm in select(CATALOGUE, [technique], outcome).used}


def why(technique: str, outcome: str, study: str) -> str:
    chosen = select(CATALOGUE, [technique], outcome)
    return next(each.reason for each in (*chosen.left_out, *chosen.apart) if each.arm.study_id == study)


def test_of_an_overlap_group_the_larger_series_is_used() -> None:
    assert used("sirt_resin", "objective_response") == {"braat2020prrt-sirt": (7, 44), "peker2015-sirt": (14, 30)}
    assert "shares patients with braat2020prrt-sirt" in why("sirt_resin", "objective_response", "frilling2019-sirt")


def test_an_unchecked_overlap_group_says_so() -> None:
    rows = tuple(
        Outcome(study_id=name, outcome="abscess", events=1, n=n, extracted_from="p. 1")
        for name, n in (("a1-x", 30), ("b1-x", 40))
    )
    arms = {
        row.study_id: Arm(study_id=row.study_id, technique="tae", overlap_group="uppsala", extracted_from="p. 1")
        for row in rows
    }
    (left,) = select(Catalogue(arms, rows, (), ()), ["tae"], "abscess").left_out
    assert "a judgement that nobody checked" in left.reason


def test_procedures_stand_apart() -> None:
    chosen = select(CATALOGUE, ["sirt_resin"], "objective_response")
    assert [(each.arm.study_id, each.row.unit_of_analysis) for each in chosen.apart] == [
        ("kennedy2008-sirt", "procedure")
    ]


@pytest.mark.parametrize(
    ("technique", "outcome", "study", "says"),
    [
        ("sirt_nos", "symptom_response", "jia2017-sirt", "a subgroup (carcinoid syndrome)"),
        ("tace_nos", "biliary_complication", "guiu2012-all", "mixed population"),
        ("sirt_nos", "abscess", "agahi2022-sirt", "mixed population"),
        ("sirt_glass", "reild", "su2017-wholeliver", "survivors"),
        ("tae_tace_mixed", "biliary_complication", "bjo2019-all", "whole cohort"),
        ("tace_nos", "objective_response", "bloomston2007-tace", "no strict count: the page prints 82 % of 122"),
        ("debtace", "nausea", "debaere2008-debtace", "not clear what was counted"),
        ("sirt_nos", "marker_response", "jia2017-sirt", "another row of the same arm"),
    ],
)
def test_a_row_that_is_left_out_says_why(technique: str, outcome: str, study: str, says: str) -> None:
    assert says in why(technique, outcome, study)


def _rows(name: str) -> list[dict[str, str]]:
    text = (resources.files("liverboard.knowledge") / "evidence" / name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def test_every_pool_equals_the_rules_applied_to_the_bare_tables() -> None:
    """The rules once more, from the CSV files alone, for every technique and outcome."""
    arms = {row["study_id"]: row for row in _rows("studies.csv")}
    groups: dict[tuple[str, str], dict[str, tuple[int, str]]] = defaultdict(dict)
    for row in _rows("outcomes.csv"):
        arm = arms[row["study_id"]]
        if (
            arm["population"] == "nelm"
            and arm["include_in_pooling"] == "yes"
            and row["unit_of_analysis"] == "patient"
            and not row["subgroup"]
            and row["events"]
            and row["n"]
        ):
            people = arm["overlap_group"] or row["study_id"]
            pool = groups[arm["technique"], row["outcome"]]
            pool[people] = max(pool.get(people, (0, "")), (int(row["n"]), row["events"]))
    for key in {(arms[row["study_id"]]["technique"], row["outcome"]) for row in _rows("outcomes.csv")}:
        expected = sorted((n, int(events)) for n, events in groups[key].values())
        assert sorted((n or 0, x or 0) for x, n in used(*key).values()) == expected, key


@st.composite
def catalogues(draw: st.DrawFn) -> Catalogue:
    """Small catalogues of any mixture of what the rules look at."""
    rows: list[Outcome] = []
    arms: dict[str, Arm] = {}
    for number in range(draw(st.integers(1, 8))):
        name = f"s{number}-a"
        arms[name] = Arm(
            study_id=name,
            technique="tae",
            n_patients=draw(st.integers(1, 60)),
            population=draw(st.sampled_from(["nelm", "nelm", "mixed_liver_tumours"])),
            overlap_group=draw(st.sampled_from(["", "", "g1", "g2"])),
            include_in_pooling=draw(st.booleans()) or draw(st.booleans()),
            extracted_from="p. 1",
        )
        for _ in range(draw(st.integers(0, 3))):
            n = draw(st.integers(1, 60))
            rows.append(
                Outcome(
                    study_id=name,
                    outcome="abscess",
                    events=draw(st.none() | st.integers(0, n)),
                    n=n,
                    subgroup=draw(st.sampled_from(["", "", "some"])),
                    unit_of_analysis=draw(st.sampled_from(["patient", "patient", "procedure", "lesion", "unclear"])),
                    extracted_from="p. 1",
                )
            )
    return Catalogue(arms, tuple(rows), (), ())


@given(catalogues(), st.randoms())
def test_nobody_is_counted_twice_and_every_row_is_accounted_for(catalogue: Catalogue, random: object) -> None:
    chosen = select(catalogue, ["tae"], "abscess")
    people = [arm.overlap_group or arm.study_id for _, arm in chosen.used]
    assert len(people) == len(set(people))
    assert len(chosen.used) + len(chosen.apart) + len(chosen.left_out) == len(catalogue.outcomes)
    assert all(
        arm.population == "nelm" and arm.include_in_pooling and not row.subgroup and row.unit_of_analysis == "patient"
        for row, arm in chosen.used
    )
    assert all(each.reason for each in (*chosen.left_out, *chosen.apart))
    shuffled = list(catalogue.outcomes)
    random.shuffle(shuffled)  # pyright: ignore[reportAttributeAccessIssue]
    again = select(replace(catalogue, outcomes=tuple(shuffled)), ["tae"], "abscess")
    assert sorted((arm.study_id, row.events, row.n) for row, arm in again.used) == sorted(
        (arm.study_id, row.events, row.n) for row, arm in chosen.used
    )
