"""`liverboard evidence` on the catalogue, as a user runs it: keys, words, exit codes, and what is written where."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "study-format.md"
STUDY = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)[0]
KEYS = {
    "k",
    "n",
    "estimate",
    "ci",
    "prediction_interval",
    "tau2",
    "tau2_ci",
    "i2",
    "q",
    "method",
    "ci_method",
    "scale",
    "studies",
    "warnings",
}


def evidence(*words: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "liverboard", "evidence", *words],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "XDG_DATA_HOME": str(home), "LIVERBOARD_CATALOGUE": ""},
        check=False,
        timeout=120,
    )


def test_pool_as_json_has_the_promised_keys(tmp_path: Path) -> None:
    done = evidence("pool", "--technique", "sirt_resin", "--outcome", "objective_response", "--json", home=tmp_path)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert set(document) >= KEYS | {"certainty", "left_out", "other_units", "sensitivity", "evidence_hash"}
    assert (document["k"], document["n"], document["scale"]) == (2, 74, "proportion")
    assert set(document["studies"][0]) >= {"label", "estimate", "ci", "weight"}
    assert document["prediction_interval"] is None


def test_pool_in_words_says_banner_and_both_statements(tmp_path: Path) -> None:
    done = evidence("pool", "--technique", "ctace", "--outcome", "objective_response", home=tmp_path)
    assert done.returncode == 0, done.stderr
    for words in (
        "chemoembolisation, type often not stated",
        "TOO FEW STUDIES",
        "the rate in treated patients:",
        "better than the alternative: very low",
    ):
        assert words in done.stdout


@pytest.mark.parametrize(
    ("technique", "outcome", "code"),
    [("sirt_ho166", "objective_response", 0), ("sirt", "objective_response", 10), ("tae", "response", 10)],
)
def test_no_data_is_an_answer_and_no_name_is_a_fault(tmp_path: Path, technique: str, outcome: str, code: int) -> None:
    done = evidence("pool", "--technique", technique, "--outcome", outcome, "--json", home=tmp_path)
    assert done.returncode == code
    document = json.loads(done.stdout)
    if code:
        assert document["hint"]
    else:
        assert (document["k"], document["banner"]) == (0, "no data")


def test_a_study_is_added_pooled_and_laid_beside_the_state_before(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(STUDY, encoding="utf-8")
    own = tmp_path / "liverboard" / "evidence"
    dry = evidence("add", str(tmp_path / "study.yaml"), "--dry-run", home=tmp_path)
    assert dry.returncode == 0, dry.stderr
    assert not own.exists()
    done = evidence("add", str(tmp_path / "study.yaml"), "--json", home=tmp_path)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert (document["cards"], document["verdict"], document["written"]) == (
        ["tae", "sirt_resin"],
        "major update",
        True,
    )
    assert len(list((own / "states").iterdir())) == 2
    pool = json.loads(
        evidence("pool", "--technique", "sirt_resin", "--outcome", "objective_response", "--json", home=tmp_path).stdout
    )
    assert (pool["k"], pool["own_studies"]) == (3, 1)
    diff = json.loads(evidence("diff", "packaged", "current", "--json", home=tmp_path).stdout)
    assert diff["cards"] == ["tae", "sirt_resin"]
    assert diff["after"] == document["after"]
    assert evidence("diff", "0", "nonsense", home=tmp_path).returncode == 10
    again = evidence("add", str(tmp_path / "study.yaml"), home=tmp_path)
    assert again.returncode == 10
    assert len(list((own / "states").iterdir())) == 2
    listed = json.loads(evidence("list", "--json", home=tmp_path).stdout)
    assert listed["own_studies"] == 1
    assert any(arm["study_id"] == "reader2027-resin" for arm in listed["arms"])


def test_a_study_with_faults_is_refused_with_their_lines_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(STUDY.replace("events: 33", "events: 63"), encoding="utf-8")
    done = evidence("add", str(tmp_path / "study.yaml"), home=tmp_path)
    assert done.returncode == 10
    assert "63 events of 60" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "liverboard").exists()


def test_search_results_to_asreview_and_back(tmp_path: Path) -> None:
    (tmp_path / "s.nbib").write_text(
        "PMID- 24385266\nTI  - One.\nDP  - 2014\n\nPMID- 40000001\nTI  - Two.\nDP  - 2025\n", encoding="utf-8"
    )
    (tmp_path / "s.ris").write_text("TY  - JOUR\nTI  - Two\nPY  - 2025\nER  -\n", encoding="utf-8")
    listed = tmp_path / "list.csv"
    done = evidence(
        "import", str(tmp_path / "s.nbib"), str(tmp_path / "s.ris"), "-o", str(listed), "--json", home=tmp_path
    )
    assert done.returncode == 0, done.stderr
    count = json.loads(done.stdout)
    assert (count["records"], count["duplicates"], count["in_catalogue"], count["to_screen"]) == (3, 1, 1, 2)
    done = evidence("export", str(listed), "-o", str(tmp_path / "out.ris"), "--json", home=tmp_path)
    assert json.loads(done.stdout)["file"] == str(tmp_path / "out.ris")
    screened = (tmp_path / "out.ris").read_text().replace("ASReview_not_seen", "ASReview_relevant")
    (tmp_path / "back.ris").write_text(screened)
    back = json.loads(evidence("import", str(tmp_path / "back.ris"), "-o", str(listed), "--json", home=tmp_path).stdout)
    assert (back["new"], back["included"], back["to_screen"]) == (0, 2, 0)
    assert evidence("export", str(listed), "-o", str(tmp_path / "out.txt"), home=tmp_path).returncode == 10


def test_checks_and_published_pools_are_listed(tmp_path: Path) -> None:
    findings = json.loads(evidence("list", "--checks", "--json", home=tmp_path).stdout)["findings"]
    assert any(each["where"].startswith("norlen2013") and each["check"] == "p_value" for each in findings)
    rows = json.loads(evidence("list", "--published", "--json", home=tmp_path).stdout)["published"]
    assert len(rows) == 56
    words = evidence("list", "--checks", home=tmp_path).stdout
    assert "on the page; kept:" in words


def test_the_report_is_one_file_that_asks_for_nothing(tmp_path: Path) -> None:
    done = evidence("report", "-o", str(tmp_path / "evidence.html"), "--json", home=tmp_path)
    assert json.loads(done.stdout)["page"] == str(tmp_path / "evidence.html")
    assert done.returncode == 0, done.stderr
    html = (tmp_path / "evidence.html").read_text(encoding="utf-8")
    assert "http://" not in re.sub(r"http://www\.w3\.org/\S+", "", html)
    assert "src=" not in html
    for words in (
        "Too few studies",
        "Published pools beside ours",
        "Left out, and why",
        "[unverified]",
        "Two questions, never merged",
    ):
        assert words in html


@pytest.mark.parametrize("command", ["pool", "list", "add", "diff", "import", "export", "report"])
def test_help_has_an_example(tmp_path: Path, command: str) -> None:
    done = evidence(command, "--help", home=tmp_path)
    assert done.returncode == 0
    assert f"Example: liverboard evidence {command}" in " ".join(done.stdout.split())
