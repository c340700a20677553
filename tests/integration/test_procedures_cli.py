"""`liverboard procedures` as a user runs it: a case, a folder, a list; bad input; and its page."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.procedure_samples import staged_tae, three_rooms

from liverboard.clinical.case_file import write_case
from liverboard.knowledge import packaged_text


def liverboard(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "liverboard", *map(str, words)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cohort")
    for case in three_rooms():
        (folder / f"{case.case}.yaml").write_text(write_case(case), encoding="utf-8")
    return folder


def test_a_case_tells_completeness_plans_and_sessions_in_one_json_document() -> None:
    done = liverboard("procedures", "--sample", "typed-in", "--technique", "tae", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert {"case", "as_of", "procedures", "completeness", "intervals", "plans", "proposal", "problems"} <= set(told)
    assert [each["territory"] for each in told["proposal"]["plan"]["sessions"]] == ["right hemiliver", "left hemiliver"]
    assert {each["word"] for each in told["proposal"]["rules"]} <= {"stop", "warn", "ask"}


def test_what_is_shown_of_a_case_names_what_is_missing() -> None:
    done = liverboard("procedures", "--sample", "real-y90")
    assert done.returncode == 0, done.stderr
    assert "SIRT (resin), session 1" in done.stdout
    assert "missing: Selectivity" in done.stdout
    assert "points of radioembolisation_reporting_jnm" in done.stdout


def test_a_folder_and_a_list_of_its_files_say_the_same(cohort: Path, tmp_path: Path) -> None:
    listed = tmp_path / "cases.txt"
    listed.write_text("# the cohort\n" + "\n".join(str(path) for path in sorted(cohort.glob("*.yaml"))), encoding="utf-8")  # fmt: skip
    folder, list_ = (liverboard("procedures", path, "--json") for path in (cohort, listed))
    assert folder.returncode == 0, folder.stderr
    told = json.loads(folder.stdout)
    assert told == json.loads(list_.stdout)
    assert (told["cases"], len(told["rows"])) == (21, 33)
    assert {room["room"] for room in told["rooms"]} == {"demo, A", "demo, B", "demo, C"}


def test_the_page_draws_interval_end_point_activity_and_regimen_with_their_tables(cohort: Path, tmp_path: Path) -> None:
    out = tmp_path / "procedures.html"
    done = liverboard("procedures", cohort, "-o", out)
    assert done.returncode == 0, done.stderr
    html = out.read_text(encoding="utf-8")
    for name in ("interval-tae", "stasis-tae", "regimen-tae", "activity-sirt_resin", "regimen-sirt_resin"):
        assert html.count(f'id="{name}-title"') == 1, name
        assert f'id="{name}-narrow-title"' in html
    assert "SYNTHETIC DATA: 21 of 21" in html
    assert re.search(r"demo, C</text>.{0,400}small", html, re.DOTALL)
    assert "28 to 91" in html


def test_the_intervals_of_the_centre_are_those_before_the_day(cohort: Path, tmp_path: Path) -> None:
    case = tmp_path / "case.yaml"
    case.write_text(write_case(staged_tae("NEW", "A", 60)), encoding="utf-8")
    for day, n in (("2023-03-30", 2), ("2024-01-31", 12)):
        done = liverboard("procedures", case, "--past", cohort, "--as-of", day, "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["proposal"]["own"]["n"] == n


def test_into_adds_the_sessions_once_and_leaves_the_rest_of_the_file_as_it_is(tmp_path: Path) -> None:
    text = packaged_text("samples/typed-in/case.yaml")
    case = tmp_path / "case.yaml"
    case.write_text(text, encoding="utf-8")
    done = liverboard("procedures", case, "--technique", "tae", "--into", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["added"] == 2
    changed = case.read_text(encoding="utf-8")
    assert changed.startswith(text.rstrip())
    assert changed.count("kind: plan") == text.count("kind: plan") + 2
    again = liverboard("procedures", case, "--technique", "tae", "--into")
    assert again.returncode == 10
    assert "a plan of this technique that is not done" in again.stderr
    assert case.read_text(encoding="utf-8") == changed


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("nothing.yaml",), 10, "there is no such file"),
        (("empty",), 10, "there is no case file"),
        (("broken",), 10, "broken.yaml: SACE IV is no antegrade flow"),
        (("twice",), 10, "the same pseudonym as"),
        (("list.txt",), 10, "there is no such file"),
        (("good.yaml", "--technique", "tae", "--into"), 10, "no session is planned"),
        (("--sample", "typed-in", "--into"), 2, "--into needs a case file"),
        (("good.yaml", "--technique", "rfa"), 2, "is none of ctace"),
        (("good.yaml", "-o", "page.pdf"), 2, "should end in .html"),
        (("empty", "--technique", "tae"), 2, "this is a cohort"),
        ((), 10, "give one case"),
    ],
)
def test_bad_input_ends_in_words_and_writes_nothing(
    tmp_path: Path, words: tuple[str, ...], code: int, says: str
) -> None:
    text = write_case(staged_tae("P", "A", 60))
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    broken = text.replace("stasis: stasis", "sace: IV").replace("flow: none", "flow: reduced")
    (tmp_path / "broken" / "broken.yaml").write_text(broken, encoding="utf-8")
    (tmp_path / "twice").mkdir()
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / "twice" / name).write_text(text, encoding="utf-8")
    (tmp_path / "list.txt").write_text("absent.yaml\n", encoding="utf-8")
    (tmp_path / "good.yaml").write_text(text, encoding="utf-8")
    placed = [tmp_path / word if "." in word or (tmp_path / word).exists() else word for word in words]
    done = liverboard("procedures", *placed)
    assert done.returncode == code, done.stdout + done.stderr
    assert says in re.sub(r"[│╭╮╰╯─\s]+", " ", done.stderr)
    assert "Traceback" not in done.stderr
    assert list(tmp_path.glob("*.pdf")) + list(tmp_path.glob("*.html")) == []
