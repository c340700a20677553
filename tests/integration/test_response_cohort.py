"""Response of a cohort: who is drawn, what stands in the tables, and that techniques are not compared."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from liverboard.board.response_cohort import CohortResponse, patients_csv, response_of_cohort, times_csv
from liverboard.clinical.case_file import read_case
from liverboard.clinical.events import Case
from liverboard.report.evidence_page import render_page
from liverboard.report.response_page import response_page


def patient(name: str, *sizes: float, technique: str = "tae", months: int = 4) -> Case:
    """One lesion, of these longest diameters on the imaging before the treatment and every four months after it."""
    images = [
        {
            "kind": "imaging",
            "date": f"{2020 + (number * months) // 12}-{1 + (number * months) % 12:02d}-10",
            "modality": "CT",
            "extrahepatic": {"extent": "none"},
            "lesions": [{"id": "L1", "longest": f"{size:g} mm"}],
        }
        for number, size in enumerate(sizes)
    ]
    done = {"kind": "procedure", "date": "2020-02-01", "technique": technique, "lesions": ["L1"]}
    tree = {"liverboard": 1, "case": name, "synthetic": True, "as_of": "2022-01-01"}
    events = [{"kind": "diagnosis", "date": "2019-03-10", "primary_site": "ileum"}, done, *images]
    return read_case(yaml.safe_dump(tree | {"events": events}))


CASES = [
    patient("fell", 100, 60, 50),
    patient("fell-once", 100, 65, 80),
    patient("stayed", 100, 95, 100),
    patient("rose", 100, 130, 300),
    patient("fell-then-rose", 100, 60, 90),
    patient("only-before", 100),
    patient("other", 100, 50, 50, technique="ctace"),
    patient("burnt", 100, 50, 50, technique="mwa"),
]


def cohort(cases: list[Case] = CASES) -> CohortResponse:
    return response_of_cohort(cases, lambda case: case.as_of)  # type: ignore[arg-type, return-value]


def test_each_technique_stands_by_itself_with_the_patients_that_could_be_judged() -> None:
    found = cohort()
    assert [(each.technique, each.n, each.evaluable, each.small) for each in found.techniques] == [
        ("tae", 6, 5, False), ("ctace", 1, 1, True),
    ]  # fmt: skip
    tae = found.techniques[0]
    changes = {each.case: each.best_change_percent for each in tae.patients}
    assert changes == {"fell": -50, "fell-once": -35, "stayed": -5, "rose": 30, "fell-then-rose": -40, "only-before": None}  # fmt: skip
    assert tae.counts == {"PR": 1, "SD": 3, "PD": 1}
    assert (tae.responded, tae.evaluable) == (1, 5)
    assert tae.responded_ci == pytest.approx((0.00505, 0.71642), abs=1e-4)  # exact binomial limits of 1 of 5
    assert found.aside == {"ablation, resection or radiation": 1}


def test_why_a_patient_is_not_drawn_is_said() -> None:
    page = render_page(response_page(cohort()))
    assert "only-before" in page
    assert "no imaging since TAE of 1 Feb 2020 lists lesions" in page


def test_every_bar_and_line_has_its_twin_in_a_table() -> None:
    found = cohort()
    page = response_page(found)
    assert [figure.table.caption for figure in page.figures][:2] == ["Best change, TAE", "Every follow-up, TAE"]
    bars = {row[0]: row[1:] for row in page.figures[0].table.rows}
    assert bars["rose"] == ("+30", "PD", "no")
    assert bars["fell-once"] == ("−35", "SD (PR not confirmed)", "no")
    for row in page.figures[0].table.rows:
        assert f"{row[0]} {row[1].lstrip('+')} %" in page.figures[0].wide
    ways = {row[0]: row[1] for row in page.figures[1].table.rows}
    assert ways["fell"] == "day 99: −40 PR; day 222: −50 PR"


def test_small_numbers_are_called_small_and_nothing_is_compared() -> None:
    page = response_page(cohort())
    findings = [figure.finding for figure in page.figures]
    assert "TAE: CR or PR in 1 of 5\u202fpatients (20\u202f%, 95\u202f% interval 0.5 to 72)" in findings
    assert "cTACE: CR or PR in 1 of 1\u202fpatient; too few to say more than what happened to them" in findings
    text = render_page(page)
    assert "compare nothing" in text
    assert not re.search(r"p ?= ?0|log-rank|better than|superior", text)
    for figure in page.figures:
        assert not ("fell" in figure.wide and ">other" in figure.wide)


def test_the_tables_hold_what_the_page_shows() -> None:
    rows = list(csv.DictReader(io.StringIO(patients_csv(cohort()))))
    assert {row["case"]: row["best_recist11"] for row in rows}["fell"] == "PR"
    assert {row["case"]: row["best_change_percent_recist11"] for row in rows}["stayed"] == "-5.0"
    times = list(csv.DictReader(io.StringIO(times_csv(cohort(), "progression_free_survival"))))
    assert {row["case"]: row["event"] for row in times}["rose"] == "1"
    assert {row["case"]: row["event"] for row in times}["fell"] == "0"


def test_a_name_that_a_spreadsheet_would_run_is_text() -> None:
    rows = patients_csv(cohort([patient("-cmd", 100, 60, 50)]))
    assert "'-cmd,tae" in rows


def test_an_empty_picture_is_not_drawn() -> None:
    found = cohort([patient("only-before", 100)])
    assert response_page(found).figures == ()
    assert "0 of them evaluable" in response_page(found).finding


def test_the_command_writes_page_and_tables(tmp_path: Path) -> None:
    from liverboard.clinical.case_file import write_case

    for case in CASES:
        (tmp_path / "cases").mkdir(exist_ok=True)
        (tmp_path / "cases" / f"{case.case}.yaml").write_text(write_case(case), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "liverboard", "response", "cases", "-o", "out", "--json"], capture_output=True, encoding="utf-8", cwd=tmp_path, check=False, timeout=300
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["techniques"][0]["technique"] == "tae"
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        "hepatic_progression_free_survival.csv", "overall_survival.csv", "progression_free_survival.csv", "response.csv", "response.html",
    ]  # fmt: skip


def test_a_choice_of_a_cohort_is_refused_for_one_case(tmp_path: Path) -> None:
    from liverboard.clinical.case_file import write_case

    (tmp_path / "case.yaml").write_text(write_case(CASES[0]), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "liverboard", "response", "case.yaml", "--criterion", "mrecist"], capture_output=True, encoding="utf-8", cwd=tmp_path, check=False, timeout=300
    )  # fmt: skip
    assert done.returncode == 2
    assert "belong to a cohort" in done.stderr
