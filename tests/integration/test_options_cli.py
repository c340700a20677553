"""`liverboard options` as a user runs it: text, the JSON that callers rely on, policies, exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest

from liverboard.rules.rule import EFFECTS, OPTIONS, State

VIGNETTES = Path(__file__).parents[1] / "vignettes"
SHUNT = VIGNETTES / "vig-15-lung-shunt-resin-out.yaml"
WHIPPLE = VIGNETTES / "vig-11-whipple-biliary-anastomosis.yaml"
HALF_KNOWN = VIGNETTES / "vig-19-cannot-tell.yaml"
POLICY = """centre: Somewhere
approved_by: A. Board
date: 2024-05-01
rules:
  - {id: resin_lung_shunt, action: off, reason: we go by the dose to the lungs}
  - {id: embolisation_burden, action: tighten, when: liver_burden_percent > 10, reason: our own results}
  - {id: own_rule, action: add, option: [prrt], effect: caution, when: ecog >= 1, reason: our ward}
"""
ORDER = ("fits", "caution", "cannot_tell", "not_indicated", "excluded")


def options(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "liverboard", "options", *map(str, words)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "COLUMNS": "200"},
        check=False,
        timeout=120,
    )


def document(*words: str | Path) -> dict[str, Any]:
    done = options(*words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def by_option(found: dict[str, Any]) -> dict[str, Any]:
    return {each["option"]: each for each in found["options"]}


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("policy") / "policy.yaml"
    file.write_text(POLICY, encoding="utf-8")
    return file


def test_json_has_the_keys_that_callers_use() -> None:
    found = document(WHIPPLE)
    assert {"as_of", "knowledge_version", "options", "equipoise"} <= set(found)
    assert found["as_of"] == "2024-05-15"
    assert sorted(each["option"] for each in found["options"]) == sorted(OPTIONS)
    for each in found["options"]:
        assert {"option", "verdict", "reasons", "missing", "to_check"} <= set(each)
        assert each["verdict"] in ORDER
        assert all(isinstance(name, str) for name in (*each["missing"], *each["to_check"]))
        for reason in each["reasons"]:
            assert {"rule", "effect", "state", "when", "facts", "says", "needs", "sources"} <= set(reason)
            assert reason["state"] in get_args(State)
            assert reason["effect"] in EFFECTS
            assert reason["sources"]
            assert bool(reason["needs"]) == (reason["state"] == "unknown")
    places = [ORDER.index(each["verdict"]) for each in found["options"]]
    assert places == sorted(places)
    assert [note["id"] for note in found["equipoise"]] == ["X-01", "ED-17"]


def test_a_reason_carries_the_values_it_was_decided_by() -> None:
    reason = by_option(document(SHUNT))["sirt_resin"]["reasons"][0]
    assert (reason["rule"], reason["facts"]) == ("resin_lung_shunt", {"lung_shunt_fraction": 0.25})
    assert reason["when"] == "lung_shunt_fraction > 0.20"
    assert "25 %" in reason["says"]
    assert {source["key"] for source in reason["sources"]} == {"sirspheres_label_us", "sirspheres_label_apac"}


def test_what_is_missing_is_named_in_both_forms() -> None:
    assert sorted(by_option(document(HALF_KNOWN))["tae"]["missing"]) == [
        "child_pugh_points",
        "cirrhosis",
        "portal_vein",
        "resectable",
    ]
    text = options(HALF_KNOWN).stdout
    tae = text[text.index("Bland embolisation") :].split("\n\n")[0]
    assert "needs: " in tae
    assert "resectability (surgeon)" in tae


def test_text_names_every_option_with_verdict_and_sources() -> None:
    done = options(WHIPPLE)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Weighed, not decided." in done.stdout
    heads = [line for line in done.stdout.splitlines() if line[:1] in "●▲?–✕" and line[:1]]
    assert len(heads) == len(OPTIONS)
    assert "woo_2013 [A]" in done.stdout
    assert "open together, not ranked: Bland embolisation (TAE), Conventional TACE, SIRT" in done.stdout


def test_as_of_takes_the_case_back() -> None:
    early = by_option(document(SHUNT, "--as-of", "2022-01-01"))
    assert early["sirt_resin"]["verdict"] == "cannot_tell"
    assert "lung_shunt_fraction" in early["sirt_resin"]["missing"]


def test_a_policy_changes_verdicts_and_is_shown(policy: Path) -> None:
    found = document(SHUNT, "--policy", policy)
    resin = by_option(found)["sirt_resin"]
    assert resin["verdict"] == "fits"
    off = next(each for each in resin["reasons"] if each["rule"] == "resin_lung_shunt")
    assert (off["state"], off["decides"], off["override"]["action"]) == ("true", False, "off")
    assert {each["rule"]: each["override"]["action"] for each in found["deviations"]} == {
        "resin_lung_shunt": "off",
        "embolisation_burden": "tighten",
        "own_rule": "add",
    }
    assert [by_option(found)[name]["verdict"] for name in ("tae", "prrt")] == ["caution", "caution"]
    text = options(SHUNT, "--policy", policy).stdout
    assert "policy: Somewhere, approved by A. Board, 2024-05-01" in text
    assert "this centre departs from resin_lung_shunt (off): we go by the dose to the lungs" in text
    paragraph = text.split("SIRT, resin Y-90\n")[1].split("\n\n")[0]
    assert (
        "set aside here: contraindication, holds: Lung shunt" in paragraph
    )  # where the option stands, not at the end only


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["no-such-case.yaml"], "no-such-case.yaml"),
        ([WHIPPLE, "--policy", "no-such-policy.yaml"], "no-such-policy.yaml"),
        ([WHIPPLE, "--policy", WHIPPLE], "field approved_by"),
        ([WHIPPLE, "--as-of", "yesterday"], "yesterday"),
        ([], "give one case"),
    ],
)
def test_bad_input_ends_with_a_sentence(words: list[str | Path], told: str) -> None:
    done = options(*words)
    assert done.returncode in {2, 10}
    assert done.stdout == ""
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_each_mistake_of_a_policy_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(
        POLICY
        + "  - {id: no_such_rule, action: off, reason: r}\n"
        + "  - {id: sirt_kidney, action: tighten, when: egfr_ml_min < 20, reason: r}\n"
        + "  - {id: sirt_bilirubin, action: off, reason: 'as <script>alert(1)</script> says'}\n",
        encoding="utf-8",
    )
    done = options(SHUNT, "--policy", file, "--json")
    assert done.returncode == 10
    (problem,) = json.loads(done.stdout)["problems"]
    assert (problem["line"], problem["field"]) == (10, "rules.5.reason")
    assert "markup" in problem["message"]
    file.write_text(file.read_text(encoding="utf-8").replace("<script>alert(1)</script>", "he"), encoding="utf-8")
    done = options(SHUNT, "--policy", file)
    assert done.returncode == 10
    assert "line 8: no_such_rule" in done.stderr
    assert "line 9: sirt_kidney: this loosens the rule (for egfr_ml_min = " in done.stderr


def test_brackets_in_a_reason_are_shown_as_they_stand(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY.replace("our ward", "'our [bold]ward[/bold] {ecog}'"), encoding="utf-8")
    assert "our [bold]ward[/bold] {ecog}" in options(SHUNT, "--policy", file).stdout


def test_a_terminal_that_cannot_spell_a_sign_shows_another() -> None:
    env = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    words = [sys.executable, "-m", "liverboard", "options", str(SHUNT)]
    text = subprocess.run(words, capture_output=True, env=env, check=True, timeout=60).stdout.decode("ascii")
    assert "? fits" in text
    written = subprocess.run([*words, "--json"], capture_output=True, env=env, check=True, timeout=60).stdout
    assert json.loads(written.decode("ascii")) == document(SHUNT)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a full device is a thing of Linux")
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_full_disk_and_a_closed_stdout_end_with_a_sentence_or_in_silence(form: list[str]) -> None:
    words = [sys.executable, "-m", "liverboard", "options", str(SHUNT), *form]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            words, stdout=full, stderr=subprocess.PIPE, encoding="utf-8", errors="replace", check=False, timeout=60
        )
    assert done.returncode == 10
    assert done.stderr.startswith("liverboard: the output cannot be written")
    closed = subprocess.run(
        ["sh", "-c", '"$@" >&-', "sh", *words],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
        timeout=60,
    )
    assert (closed.returncode, closed.stderr) == (0, "")


def test_a_case_without_images_waits_for_no_image_library() -> None:
    code = (
        "import sys; from liverboard.cli.app import app\n"
        "sys.argv = ['liverboard', 'options', '--sample', 'typed-in']\n"
        "try:\n    app()\nexcept SystemExit:\n    pass\n"
        "print(sorted({'scipy.ndimage', 'nibabel', 'pydicom', 'SimpleITK', 'PIL'} & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", errors="replace", check=True, timeout=60
    )
    assert done.stderr.strip() == "[]"
