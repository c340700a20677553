"""The synthetic registry: every case is readable, its truth can be recovered from it, and what it hides is hidden as the truth says."""

from __future__ import annotations

import csv
import datetime as dt
import json
import math
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from lifelines import CoxPHFitter

from liverboard.cli import main
from liverboard.clinical.case_file import read_case
from liverboard.clinical.events import Board, Case, Imaging, Procedure, Status
from liverboard.clinical.facts import facts_of
from liverboard.clinical.procedure_details import ArterialDetails
from liverboard.errors import BadInput
from liverboard.phantom.cohort import DAYS_A_MONTH, CohortPlan, Person, draw_people, row_of
from liverboard.phantom.cohort_story import case_of
from liverboard.phantom.cohort_truth import COVARIATES, DEFAULT_TRUTH, TREATMENTS
from liverboard.phantom.cohort_write import write_cohort

FAR = 3.5  # standard errors; one of 24 comparisons lies beyond by chance in one cohort of ninety


@cache
def people(cases: int = 5_000, seed: int = 1) -> tuple[Person, ...]:
    return tuple(draw_people(CohortPlan(cases=cases, seed=seed)))


@cache
def told() -> tuple[Case, ...]:
    return tuple(case_of(person) for person in people()[:300])


def cox_table(outcome: str, *, adjusted: bool = True) -> dict[str, tuple[float, float]]:
    """Coefficient and standard error by lifelines, of the times that the registry knows."""
    import pandas as pd

    rows: list[dict[str, float]] = []
    for person in people():
        true_days = person.death_days if outcome == "survival" else person.progression_days
        row = {
            "months": min(true_days, person.end_days) / DAYS_A_MONTH,
            "event": float(true_days <= person.end_days),
            **{name: float(person.chosen == name) for name in TREATMENTS[1:]},
        }
        rows.append(row | (dict(person.has.covariates()) if adjusted else {}))
    fit = CoxPHFitter().fit(pd.DataFrame(rows), "months", "event")
    return {str(name): (float(fit.params_[name]), float(fit.standard_errors_[name])) for name in fit.params_.index}


@pytest.mark.parametrize("outcome", ["progression", "survival"])
def test_a_cox_model_with_the_confounders_recovers_every_effect(outcome: str) -> None:
    hazard = getattr(DEFAULT_TRUTH, outcome)
    truth = {**hazard.treatments, **hazard.covariates}
    for name, (estimate, error) in cox_table(outcome).items():
        assert abs(estimate - truth[name]) < FAR * error, (name, estimate, truth[name], error)
        assert error < 0.25


def test_without_the_confounders_an_effect_is_missed() -> None:
    estimate, error = cox_table("survival", adjusted=False)["sirt_resin"]
    assert estimate - DEFAULT_TRUTH.survival.treatments["sirt_resin"] > 2 * error  # the sicker were chosen for it


def test_survival_follows_the_weibull_of_the_truth() -> None:
    hazard = DEFAULT_TRUTH.survival
    scaled = [
        (person.death_days / DAYS_A_MONTH / hazard.scale_months) ** hazard.shape
        * math.exp(sum(v * person.has.covariates()[k] for k, v in hazard.covariates.items()) + hazard.treatments[person.chosen])
        for person in people()
    ]  # fmt: skip
    assert np.mean(scaled) == pytest.approx(1, abs=4 / math.sqrt(len(scaled)))  # unit exponential
    assert np.std(scaled) == pytest.approx(1, abs=0.1)


def test_choices_are_as_frequent_as_their_probabilities() -> None:
    for number, treatment in enumerate(TREATMENTS):
        p = np.array([person.probabilities[number] for person in people()])
        chosen = sum(person.chosen == treatment for person in people())
        assert abs(chosen - p.sum()) < 4 * math.sqrt(float((p * (1 - p)).sum()))
        assert p.min() > 0  # everyone could have had each treatment, so that groups can be compared


def test_what_is_missing_depends_on_what_the_truth_says() -> None:
    def share(fact: str, group: list[Person]) -> float:
        return sum(fact in person.missing for person in group) / len(group)

    well = [person for person in people() if person.has.ecog == 0]
    unwell = [person for person in people() if person.has.ecog > 0]
    for group, ecog in ((well, 0), ([p for p in unwell if p.has.ecog == 1], 1)):
        expected = 1 / (1 + math.exp(0.9 + 0.8 * ecog))
        assert share("ecog", group) == pytest.approx(expected, abs=4 * math.sqrt(0.25 / len(group)))
    assert share("mitoses_per_2mm2", well) == pytest.approx(share("mitoses_per_2mm2", unwell), abs=0.05)
    tidy = [person for person in people() if person.centre.name == "synthetic-a"]
    untidy = [person for person in people() if person.centre.name == "synthetic-d"]
    assert share("albumin", untidy) > 2 * share("albumin", tidy)


def test_every_case_reads_back_and_says_what_is_true_of_its_person(tmp_path: Path) -> None:
    path = write_cohort(CohortPlan(cases=60, seed=5), tmp_path / "synthetic")
    truth = json.loads(path.read_text(encoding="utf-8"))
    assert truth["synthetic"] is True and truth["truth"] == DEFAULT_TRUTH.model_dump(mode="json")
    with (path.parent / "people.csv").open(encoding="utf-8") as file:
        rows = {row["case"]: row for row in csv.DictReader(file)}
    files = sorted((path.parent / "cases").iterdir())
    assert len(files) == len(rows) == 60
    for file in files:
        case = read_case(file.read_text(encoding="utf-8"), where=file.name, is_json=True)
        row = rows[case.case]
        assert case.synthetic is True and case.centre == row["centre"]
        status = next(event for event in case.events if isinstance(event, Status))
        board = next(event for event in case.events if isinstance(event, Board))
        assert (status.date - board.date).days == int(row["end_days"])
        assert (status.state == "dead") == (row["dead"] == "1")
        assert board.chosen == row["chosen"]


def test_facts_on_the_day_of_the_board_are_those_of_the_person() -> None:
    for person, case in zip(people(), told(), strict=False):
        facts = facts_of(case, person.has.board)
        for fact, item, value in (
            ("ki67_percent", "ki67", person.has.ki67_percent),
            ("ecog", "ecog", person.has.ecog),
            ("albumin_g_l", "albumin", person.has.albumin_g_l),
        ):
            assert facts.value(fact) == (None if item in person.missing else value)
        if (
            not {"ki67", "mitoses_per_2mm2"} & person.missing and person.has.primary_site != "lung"
        ):  # lung has grades of its own
            assert facts.value("who_grade") == f"G{person.has.grade}"
        assert facts.value("prior_sirt") == 0


def test_a_story_holds_together() -> None:
    for person, case in zip(people(), told(), strict=False):
        days = [event.date for event in case.events]
        assert days == sorted(days)
        end = person.has.board + dt.timedelta(days=person.end_days)
        assert days[-1] == end <= dt.date(2025, 6, 30)
        procedures = [event for event in case.events if isinstance(event, Procedure)]
        assert bool(procedures) == (person.treated_days is not None and person.chosen != "prrt")
        scans = [event for event in case.events if isinstance(event, Imaging) and event.date > person.has.board]
        grew = [scan for scan in scans if scan.progression is not None and scan.progression.hepatic]
        assert grew == scans[-1:] or not grew
        for scan in grew:
            assert (scan.date - person.has.board).days >= person.progression_days
            earlier = [e for e in case.events if isinstance(e, Imaging) and e.date < scan.date]
            least = min(_sum_mm(each) for each in earlier)
            assert (
                _sum_mm(scan) >= max(1.2 * least, least + 5) - 0.1
            )  # RECIST 1.1 against the smallest sum; sizes are written to 0.1 mm


def _sum_mm(scan: Imaging) -> float:
    return sum(sorted(lesion.longest or 0 for lesion in scan.lesions or ())[-2:])


def test_centres_work_differently() -> None:
    end_points: dict[str, list[bool]] = {}
    for person in people():
        if person.chosen in {"tae", "ctace"} and person.treated_days is not None and "end_point" not in person.missing:
            for event in case_of(person).events:
                if isinstance(event, Procedure) and event.session == 1:
                    assert isinstance(event.details, ArterialDetails) and event.details.end_point is not None
                    found = event.details.end_point.stasis == "stasis"
                    end_points.setdefault(person.centre.name, []).append(found)
    for centre in DEFAULT_TRUTH.centres:
        used, p = end_points[centre.name], centre.stasis["stasis"]
        assert abs(sum(used) - p * len(used)) < 4 * math.sqrt(len(used) * p * (1 - p))


def test_the_same_seed_gives_the_same_people_and_a_larger_cohort_begins_with_the_smaller() -> None:
    few = tuple(draw_people(CohortPlan(cases=20)))
    assert few == people()[:20]
    assert row_of(few[3]) == row_of(people()[3])
    assert few != tuple(draw_people(CohortPlan(cases=20, seed=2)))
    assert set(COVARIATES) == set(few[0].has.covariates())


def test_nothing_is_overwritten_or_half_written(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "note.txt").write_text("mine")
    with pytest.raises(BadInput, match="something in the folder"):
        write_cohort(CohortPlan(cases=2), tmp_path / "kept")
    with pytest.raises(BadInput, match="cannot be made"):
        write_cohort(CohortPlan(cases=0), tmp_path / "new")
    assert [each.name for each in tmp_path.iterdir()] == ["kept"]


def test_the_command_says_where_the_truth_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        "sys.argv", ["liverboard", "cohort", "-o", str(tmp_path / "c"), "--cases", "3", "--seed", "9", "--json"]
    )
    with pytest.raises(SystemExit) as done:
        main()
    told = json.loads(capsys.readouterr().out)
    assert not done.value.code and told["cases"] == 3
    assert json.loads(Path(told["truth"]).read_text(encoding="utf-8"))["seed"] == 9
