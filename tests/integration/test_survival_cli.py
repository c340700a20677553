"""`survival` and `evidence reconstruct` as a user runs them: keys, words, exit codes, files of every making."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from liverboard.cli.app import app
from liverboard.errors import BadInput, MissingData, UserError

DATA = Path(__file__).parents[1] / "oracles" / "data" / "evidence"
PEOPLE = "time,event,arm,age\n5,1,a,60\n6,0,a,65\n7,1,b,70\n8,1,b,50\n9,0,a,55\n12,1,b,61\n13,1,a,48\n14,0,b,66\n"
COLUMNS = ("--time", "time", "--event", "event")


def run(*words: object) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=True)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture
def people(tmp_path: Path) -> Path:
    file = tmp_path / "people.csv"
    file.write_text(PEOPLE, encoding="utf-8")
    return file


def lung(folder: Path) -> Path:
    with (DATA / "09_lung_survival_basics.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    out = folder / "lung.csv"
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows({**row, "status": str(int(row["status"]) - 1)} for row in rows)
    return out


def test_keys_and_figures_of_a_known_data_set(tmp_path: Path) -> None:
    found = json.loads(
        run("survival", lung(tmp_path), "--time", "time", "--event", "status", "--group", "sex", "--covariates", "age,ph.ecog", "--tau", 600, "--json")
    )  # fmt: skip
    assert found["groups"]["1"] == {"n": 138, "events": 112, "median": 270, "median_ci": [210, 306]}
    assert found["groups"]["2"]["median_ci"] == [345, 524]
    assert found["logrank"]["chi2"] == pytest.approx(10.326741954886)
    assert found["logrank"]["p"] == pytest.approx(0.0013111645)
    assert found["cox"]["coefficients"]["sex: 2"]["coefficient"] == pytest.approx(-0.5526123957036)
    assert found["cox"]["concordance"] == pytest.approx(0.6371354930005)
    assert found["rmst"]["differences"]["2 minus 1"]["estimate"] == pytest.approx(100.147254951411)
    assert "1 rows without a covariate" in found["warnings"][0]


def test_competing_events(tmp_path: Path) -> None:
    words = (
        "survival",
        DATA / "09_mgus2.csv",
        *COLUMNS,
        "--group",
        "sex_male",
        "--covariates",
        "age",
        "--at",
        "60,120",
    )
    found = json.loads(run(*words, "--json"))
    assert found["groups"]["0"]["events"] == 59 and found["groups"]["0"]["competing_events"] > 0
    assert found["fine_gray"]["coefficients"]["age"]["coefficient"] == pytest.approx(-0.0173017, abs=1e-6)
    assert found["groups"]["0"]["cumulative_incidence"][0]["incidence"] < 0.1
    assert "Fine-Gray" in run(*words)


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--group", "arm"),
        ("--group", "arm", "--covariates", "age", "--at", "6,60"),
        ("--strata", "arm", "--covariates", "age"),
    ],
)
def test_words_and_json_of_a_small_table(people: Path, words: tuple[str, ...]) -> None:
    assert "median" in run("survival", people, *COLUMNS, *words)
    json.loads(run("survival", people, *COLUMNS, *words, "--json"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_tables_of_every_making_are_the_same(tmp_path: Path, people: Path, encoding: str, sign: str) -> None:
    file = tmp_path / "made.csv"
    file.write_bytes(PEOPLE.replace(",", sign).replace("\n", "\r\n").encode(encoding))
    words = (*COLUMNS, "--group", "arm", "--json")
    assert run("survival", file, *words) == run("survival", people, *words)


def test_decimal_commas_with_semicolons(tmp_path: Path) -> None:
    file = tmp_path / "made.csv"
    file.write_text("time;event\n1,5;1\n2,5;1\n", encoding="utf-8")
    assert json.loads(run("survival", file, *COLUMNS, "--json"))["groups"]["all"]["median"] == 1.5


@pytest.mark.parametrize(
    ("table", "words", "said"),
    [
        ("time,event\n1,1\n-2,0\n", (), "line 3"),
        ("time,event\n1,1\n2,3\n", (), "line 3, field event: not an event code; read 3; allowed: 0, 1, 2"),
        ("time,event\n1,1\n2,\n", (), "line 3"),
        ("time,event\n1,1\n2,dead\n", (), "line 3"),
        ("time,event\n1,1\nNaN,1\n", (), "line 3"),
        ("time,event\n1,1\n1e999,1\n", (), "line 3"),
        ("time,event\n1,0.5\n", (), "line 2"),
        ("time,event\n", (), "no row"),
        ("", (), "empty"),
        ("time,status\n1,1\n", (), "no column 'event'"),
        ("time,event,e\n5,1,5\n", ("--entry", "e"), "line 2, field e: entry is not before the end"),
        ("time,event,w\n5,1,0\n", ("--weights", "w"), "line 2, field w: a weight is not positive"),
        ("time,event,g\n5,1,\n", ("--group", "g"), "no row has a group"),
        ("time,event\n5,1\n", ("--group", "arm"), "no column 'arm'"),
        ("time,event\n5,1\n", ("--tau", "9"), None),
    ],
)  # fmt: skip
def test_faults_are_told_with_line_and_column(
    tmp_path: Path, table: str, words: tuple[str, ...], said: str | None
) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(table, encoding="utf-8")
    if said is None:
        json.loads(run("survival", file, *COLUMNS, *words, "--json"))
        return
    with pytest.raises(BadInput) as caught:
        run("survival", file, *COLUMNS, *words)
    assert said in str(caught.value)


def test_a_separating_covariate_is_said_in_the_model_and_the_rest_still_comes(tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("time,event,arm\n1,1,a\n2,1,a\n3,1,a\n4,0,b\n5,0,b\n6,0,b\n", encoding="utf-8")
    found = json.loads(run("survival", file, *COLUMNS, "--group", "arm", "--json"))
    assert "rises without end along arm: b (down)" in found["cox"]["not_estimable"]
    assert found["logrank"]["p"] < 0.05
    assert "not estimable" in run("survival", file, *COLUMNS, "--group", "arm")


def test_rows_without_a_group_are_left_out_and_said(tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text(PEOPLE + "15,1,,60\n", encoding="utf-8")
    found = json.loads(run("survival", file, *COLUMNS, "--group", "arm", "--json"))
    assert found["n"] == 8 and "1 rows without a group" in found["warnings"][0]


def curve_files(folder: Path, arm: str) -> tuple[Path, Path]:
    """Clicks and risk table of an arm of oracle 07."""
    files: list[Path] = []
    with (DATA / "07_bonner2006_km_reconstruction.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["arm"] == arm]
    for kind, title in (("click", "survival"), ("atrisk", "at_risk")):
        path = folder / f"{kind}{'' if arm == 'radio' else f'-{arm}'}.csv"
        path.write_text(f"time,{title}\n" + "".join(f"{r['time']},{r['value']}\n" for r in rows if r["row"] == kind), encoding="utf-8")  # fmt: skip
        files.append(path)
    return files[0], files[1]


@pytest.fixture
def curve(tmp_path: Path) -> tuple[Path, Path]:
    return curve_files(tmp_path, "radio")


def test_people_from_a_curve_go_back_into_survival(curve: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "people.csv"
    found = json.loads(run("evidence", "reconstruct", curve[0], "--at-risk", curve[1], "-o", out, "--json"))
    assert (found["n"], found["events"], found["quality_gate"]) == (213, 134, "passed")
    assert found["curve_rmse"] < 0.01
    again = json.loads(run("survival", out, *COLUMNS, "--json"))
    assert (again["n"], again["events"], again["groups"]["all"]["median"]) == (213, 134, 14.8)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["atrisk.csv", "click.csv", "people.csv"]


def test_a_reported_hazard_ratio_is_part_of_the_gate(tmp_path: Path) -> None:
    """Bonner 2006: 0.68 is published; two independent reconstructions of the same clicks give 0.717 and 0.720 (oracle 07)."""
    radio, both = curve_files(tmp_path, "radio"), curve_files(tmp_path, "radioplus")
    other, page = tmp_path / "radio-people.csv", tmp_path / "page.html"
    run("evidence", "reconstruct", radio[0], "--at-risk", radio[1], "-o", other)
    words = ("evidence", "reconstruct", both[0], "--at-risk", both[1], "--against", other)
    found = json.loads(run(*words, "--hr", 0.68, "--json"))
    assert found["hazard_ratio"]["hr"] == pytest.approx(0.72, abs=0.03)
    assert (found["hazard_ratio"]["reported"], found["quality_gate"]) == (0.68, "passed")
    wrong = run(*words, "--hr", 0.55, "-o", page)
    assert "FAILED" in wrong and "0.55 is reported" in wrong
    assert "reconstructed hazard ratio against the other arm" in page.read_text(encoding="utf-8")
    assert json.loads(run(*words, "--json"))["hazard_ratio"]["reported"] is None
    with pytest.raises(BadInput, match="above 0"):
        run(*words, "--hr", -1)
    assert CliRunner().invoke(app, [*map(str, words[:5]), "--hr", "0.7"]).exit_code == 2


def test_a_red_flag_is_shown(curve: tuple[Path, Path]) -> None:
    text = run("evidence", "reconstruct", curve[0], "--n", 213)
    assert "RED FLAG" in text and "FAILED" in text


@pytest.mark.parametrize(
    ("clicks", "risk", "words", "error", "said"),
    [
        ("time,survival\n1,0.9\n2,0.95\n", None, ("--n", "10"), BadInput, "rises"),
        ("time,survival\n1,0.9\nx,0.8\n", None, ("--n", "10"), BadInput, "line 3"),
        ("time,surv\n1,0.9\n", None, ("--n", "10"), BadInput, "no column 'survival'"),
        ("time,survival\n1,0.9\n2,0.8\n", None, (), MissingData, "neither a risk table"),
        ("time,survival\n1,0.9\n2,0.8\n", "time,at_risk\n0,10\n1,12\n", (), BadInput, "rises"),
        ("time,survival\n1,0.9\n2,0.8\n", "time,at_risk\n0,10\n1,9.5\n", (), BadInput, "line 3"),
    ],
)
def test_faults_of_a_curve(
    tmp_path: Path, clicks: str, risk: str | None, words: tuple[str, ...], error: type[UserError], said: str
) -> None:
    file, more = tmp_path / "clicks.csv", list[Any](words)
    file.write_text(clicks, encoding="utf-8")
    if risk is not None:
        (tmp_path / "risk.csv").write_text(risk, encoding="utf-8")
        more += ["--at-risk", tmp_path / "risk.csv"]
    with pytest.raises(error) as caught:
        run("evidence", "reconstruct", file, *more, "-o", tmp_path / "out.csv")
    assert said in str(caught.value)
    assert not (tmp_path / "out.csv").exists()


def test_a_place_that_cannot_be_written_is_said(curve: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be written"):
        run("evidence", "reconstruct", curve[0], "--n", 213, "-o", curve[1] / "out.csv")  # a file, not a folder


def test_the_page_holds_every_test_model_and_share(tmp_path: Path) -> None:
    """Competing events, strata and no unit: what the terminal says is on the page too."""
    rng = np.random.default_rng(8)
    lines = [
        f"{t:.1f},{e},{g},{s}"
        for t, e, g, s in zip(
            rng.exponential(20, 80), rng.integers(0, 3, 80), rng.integers(0, 2, 80), rng.integers(0, 2, 80), strict=True
        )
    ]
    table, page = tmp_path / "p.csv", tmp_path / "p.html"
    table.write_text("os,e,g,s\n" + "\n".join(lines) + "\n", encoding="utf-8")
    words = ("survival", table, "--time", "os", "--event", "e", "--group", "g", "--strata", "s")
    assert "log-rank, 2 strata: chi2" in run(*words, "--at", "12,400", "-o", page)
    text = page.read_text(encoding="utf-8")
    for part in (
        "Log-rank, 2 strata",
        "Proportional hazards",
        "Fine-Gray model",
        "Aalen-Johansen",
        "beyond the last follow-up",
    ):
        assert part in text, part
    assert "os</text>" in text  # the axis is named as the column, and no value carries that as its unit
    assert "\u2009os" not in text


def test_what_cannot_be_estimated_is_said(tmp_path: Path) -> None:
    """All die on one day: the groups cannot be told apart (R's survdiff divides by 0); a mean to a time before 0 is none."""
    table, page = tmp_path / "p.csv", tmp_path / "p.html"
    table.write_text("t,e,g\n5,1,a\n5,1,b\n5,1,a\n5,1,b\n", encoding="utf-8")
    said = run("survival", table, "--time", "t", "--event", "e", "--group", "g", "--tau", "-5", "-o", page)
    assert "all at risk had it" in said
    assert "restricted mean: not estimable: tau is -5" in said
    assert "Restricted mean: not estimable. tau is -5" in page.read_text(encoding="utf-8")
