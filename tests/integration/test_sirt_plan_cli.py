"""`sirt activity --into`: the plan as an event of the case, and the rules that see it from its day on."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from liverboard.board.load import open_case
from liverboard.cli.app import app
from liverboard.clinical.events import Plan
from liverboard.clinical.facts import facts_of
from liverboard.clinical.sirt_details import SirtDetails
from liverboard.errors import BadInput

CASE = """# kept
liverboard: 1
case: A-1
synthetic: true
events:
  - kind: scout   # and this
    date: 2024-06-01
    lung_shunt_fraction: 5 %
    lung_dose: 4 Gy
"""
W7 = (
    "--product", "resin", "--model", "partition", "--lung-shunt", "5%", "--tn", "5", "--tumour", "200 g", "--normal", "1300 g", "--activity", "2 GBq",
    "--lung-mass", "1 kg",
)  # fmt: skip


@pytest.fixture
def case(tmp_path: Path) -> Path:
    file = tmp_path / "case.yaml"
    file.write_text(CASE, encoding="utf-8")
    return file


def run(*words: str) -> Any:
    done = CliRunner().invoke(app, ["sirt", "activity", *words], catch_exceptions=True)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def details_of(case: Path) -> SirtDetails:
    event = open_case(case).case.events[-1]
    assert isinstance(event, Plan)
    assert isinstance(event.details, SirtDetails)
    return event.details


def test_w7_becomes_a_plan_of_the_case_and_its_comments_stay(case: Path) -> None:
    assert run(*W7, "--into", str(case), "--date", "2024-06-10", "--segments", "S5/8", "--lesion", "L1").exit_code == 0
    assert case.read_text(encoding="utf-8").startswith(CASE)
    event = open_case(case).case.events[-1]
    assert isinstance(event, Plan)
    assert (event.technique, event.lesions) == ("sirt_resin", ("L1",))
    assert event.territory is not None
    assert event.territory.segments == (5, 8)
    details = details_of(case)
    doses = details.planned_doses
    assert (
        doses is not None
        and doses.tumour is not None
        and doses.normal_liver is not None
        and doses.lung is not None
        and doses.lesions
    )
    assert doses.normal_liver.mean == pytest.approx(41.03, abs=0.005)
    assert doses.tumour.mean == pytest.approx(205.16, abs=0.06)
    assert doses.lung.mean == pytest.approx(4.967)
    assert doses.lesions[0].mean == doses.tumour.mean
    assert (doses.tumour.low, doses.tumour.bed_low is None) == (
        None,
        False,
    )  # no stated error, no interval; no BED without its band
    assert (details.lung_mass, details.lung_mass_method, details.perfused_volume) == (
        1,
        "stated",
        pytest.approx(1500 / 1.04, rel=1e-3),
    )


def test_facts_hold_the_plan_from_its_day_on(case: Path) -> None:
    run(*W7, "--into", str(case), "--date", "2024-06-10")
    opened = open_case(case).case
    before, after = (facts_of(opened, dt.date(2024, 6, day)) for day in (9, 10))
    assert (before.value("lung_dose_gy"), before.value("planned_activity_gbq")) == (4, None)
    assert (after.value("lung_dose_gy"), after.value("planned_activity_gbq")) == (4.967, 2)
    assert "states 4 Gy" in (after.facts["lung_dose_gy"].note or "")


def test_a_lung_dose_rule_fires_by_the_plan_alone(tmp_path: Path) -> None:
    case = tmp_path / "case.yaml"
    case.write_text("liverboard: 1\ncase: A-1\n", encoding="utf-8")
    words = (
        "--product",
        "glass",
        "--model",
        "mird",
        "--target-dose",
        "150 Gy",
        "--lung-shunt",
        "18%",
        "--tumour",
        "300 mL",
        "--normal",
        "900 mL",
    )
    run(*words, "--into", str(case), "--date", "2024-06-19")

    def rules(day: str) -> dict[str, str]:
        told = json.loads(CliRunner().invoke(app, ["options", str(case), "--as-of", day, "--json"]).stdout)
        glass = next(each for each in told["options"] if each["option"] == "sirt_glass")
        return {reason["rule"]: reason["state"] for reason in glass["reasons"]} | {"verdict": glass["verdict"]}

    before, after = rules("2024-06-18"), rules("2024-06-19")
    assert (before["sirt_lung_dose"], before["glass_lung_activity"]) == ("unknown", "unknown")
    assert (after["sirt_lung_dose"], after["glass_lung_activity"], after["verdict"]) == ("true", "true", "excluded")


def test_one_compartment_predicts_no_dose_of_a_tumour(case: Path) -> None:
    words = (
        "--product",
        "glass",
        "--model",
        "mird",
        "--target-dose",
        "120 Gy",
        "--lung-shunt",
        "5%",
        "--tumour",
        "200 mL",
        "--normal",
        "1300 mL",
    )
    run(*words, "--into", str(case), "--date", "2024-06-10", "--lesion", "L1")
    doses = details_of(case).planned_doses
    assert doses is not None
    assert (doses.tumour, doses.normal_liver, doses.lesions) == (None, None, None)
    assert doses.perfused is not None
    assert doses.perfused.mean == pytest.approx(120)


def test_several_tumours_keep_their_names(case: Path) -> None:
    words = (
        "--product",
        "resin",
        "--model",
        "multi",
        "--activity",
        "2 GBq",
        "--lung-shunt",
        "5%",
        "--normal",
        "1300 g",
        "--tumour",
        "50 g",
        "--tn",
        "4",
    )
    run(
        *words,
        "--tumour",
        "150 g",
        "--tn",
        "6",
        "--into",
        str(case),
        "--date",
        "2024-06-10",
        "--lesion",
        "A",
        "--lesion",
        "B",
        "--error",
        "tn=20%",
    )
    doses = details_of(case).planned_doses
    assert doses is not None and doses.lesions is not None
    assert [each.lesion for each in doses.lesions] == ["A", "B"]
    assert doses.lesions[1].mean / doses.lesions[0].mean == pytest.approx(1.5, rel=1e-3)
    assert all(each.low is not None and each.low < each.mean for each in doses.lesions)


@pytest.mark.parametrize(
    "words", [(), ("--date", "10 June"), ("--date", "2024-06-10", "--segments", "nine")], ids=["no date", "date", "segments"]
)  # fmt: skip
def test_wrong_usage_leaves_the_case_alone(case: Path, words: tuple[str, ...]) -> None:
    assert run(*W7, "--into", str(case), *words).exit_code == 2
    assert case.read_text(encoding="utf-8") == CASE


def test_names_that_do_not_fit_the_tumours_leave_the_case_alone(case: Path) -> None:
    with pytest.raises(BadInput, match="2 lesion names for 1 tumours"):
        run(*W7, "--into", str(case), "--date", "2024-06-10", "--lesion", "A", "--lesion", "B")
    assert case.read_text(encoding="utf-8") == CASE


def test_a_damaged_case_takes_no_plan(case: Path) -> None:
    case.write_text(CASE + "    lung_dos: 4 Gy\n", encoding="utf-8")
    with pytest.raises(BadInput, match="not a readable case"):
        run(*W7, "--into", str(case), "--date", "2024-06-10")
    assert case.read_text(encoding="utf-8") == CASE + "    lung_dos: 4 Gy\n"


def test_several_injections_become_one_plan(case: Path, tmp_path: Path) -> None:
    file = tmp_path / "injections.yaml"
    file.write_text(
        """injections:
  - {name: right, activity: 1.2 GBq, lung_shunt: 5 %, residual: 1 %, normal: 800 g, tumours: {A: 50 g, B: 150 g}, tn: {A: 4, B: 6}}
  - {name: left, activity: 0.5 GBq, lung_shunt: 8 %, normal: 500 g, tumours: {C: 30 g}, tn: 3}
""",
        encoding="utf-8",
    )
    done = run(
        "--product", "resin", "--model", "multi", "--injections", str(file), "--into", str(case), "--date", "2024-06-10"
    )
    assert done.exit_code == 0, done.output
    details = details_of(case)
    assert details.injections is not None
    assert [(each.artery, each.planned_activity) for each in details.injections] == [("right", 1.2), ("left", 0.5)]
    assert details.planned_activity == pytest.approx(1.7)
    assert details.residual == pytest.approx(0.012 / 1.7, rel=1e-3)
    assert details.lung_activity == pytest.approx(1.188 * 0.05 + 0.5 * 0.08, rel=1e-3)
    assert details.planned_doses is not None
    assert [each.lesion for each in details.planned_doses.lesions or ()] == ["A", "B", "C"]
    assert details.planned_doses.normal_liver is not None
