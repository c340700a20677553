"""`liverboard response` as a user runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

CASE = """
liverboard: 1
case: R-1
events:
  - {kind: diagnosis, date: 2023-03-14, primary_site: ileum}
  - kind: imaging
    date: 2024-06-10
    modality: CT
    extrahepatic: {extent: none}
    lesions: [{id: L1, longest: 50 mm, short: 40 mm, viable: 48 mm, viable_short: 40 mm, density: 90 HU}]
  - {kind: procedure, date: 2024-07-01, technique: ctace, lesions: [L1]}
  - kind: imaging
    date: 2024-10-05
    modality: CT
    extrahepatic: {extent: none}
    lesions: [{id: L1, longest: 48 mm, short: 38 mm, viable: 10 mm, viable_short: 8 mm, density: 60 HU}]
"""


def response(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "liverboard", "response", *words], capture_output=True, encoding="utf-8", cwd=cwd, check=False, timeout=300
    )  # fmt: skip


def test_json_is_one_document_with_the_fixed_keys(tmp_path: Path) -> None:
    (tmp_path / "case.yaml").write_text(CASE, encoding="utf-8")
    done = response("case.yaml", "--as-of", "2024-12-01", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {name: answer["category"] for name, answer in found["criteria"].items()} == {
        "recist11": "SD", "mrecist": "PR", "easl": "PR", "who": "SD", "choi": "PR", "mchoi": "SD", "volumetric": "NE", "viable_volume": "NE",
    }  # fmt: skip
    assert found["criteria"]["recist11"]["sum_mm"] == 48
    assert found["criteria"]["recist11"]["hepatic"]["category"] == "SD"
    assert {"markers", "symptoms", "endpoints"} <= set(found)
    assert any("the part that enhances" in text for text in found["disagreements"])


def test_the_day_decides_what_is_seen(tmp_path: Path) -> None:
    (tmp_path / "case.yaml").write_text(CASE, encoding="utf-8")
    found = json.loads(response("case.yaml", "--as-of", "2024-09-01", "--json", cwd=tmp_path).stdout)
    assert found["criteria"]["mrecist"]["category"] == "NE"
    assert "no imaging since ctace" in found["criteria"]["mrecist"]["basis"][0]


def test_the_table_is_for_people(tmp_path: Path) -> None:
    (tmp_path / "case.yaml").write_text(CASE, encoding="utf-8")
    done = response("case.yaml", "--as-of", "2024-12-01", cwd=tmp_path)
    assert done.returncode == 0
    for words in ("RECIST 1.1", "modified Choi", "cTACE from 2024-07-01, baseline 2024-06-10", "why"):
        assert words in done.stdout


def test_a_case_that_cannot_be_read_ends_in_words(tmp_path: Path) -> None:
    (tmp_path / "case.yaml").write_text(CASE.replace("longest: 48 mm", "longest: 48"), encoding="utf-8")
    done = response("case.yaml", cwd=tmp_path)
    assert done.returncode == 10
    assert "48 has no unit" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_text_shows_values_with_their_days_toxicity_and_every_remark(tmp_path: Path) -> None:
    marker = "chromogranin_a: {{value: {}, unit: ug/L, upper_limit: 100}}"
    more = f"""
  - {{kind: labs, date: 2024-06-01, {marker.format(600)}}}
  - {{kind: labs, date: 2024-10-01, {marker.format(200)}}}
  - {{kind: clinic, date: 2024-06-01, stools_per_day: 6}}
  - {{kind: clinic, date: 2024-10-01, stools_per_day: 2, diary_days: 30}}
  - {{kind: imaging, date: 2024-11-20, modality: CT, lesions: [{{id: L1, longest: 48 mm, volume: 50 mL}}]}}
  - {{kind: imaging, date: 2024-11-30, modality: CT, lesions: [{{id: L1, longest: 48 mm, volume: 60 mL}}]}}
  - {{kind: adverse_event, date: 2024-07-03, term: pain, ctcae: {{grade: 2, version: 5}}}}
"""
    (tmp_path / "case.yaml").write_text(CASE + more.lstrip("\n"), encoding="utf-8")
    done = response("case.yaml", "--as-of", "2024-12-01", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for words in (
        "chromogranin A: 600 ug/L on 2024-06-01 then 200 ug/L on 2024-10-01: -67 %",
        "biochemical response (a convention whose source was not seen)",
        "durable response (TELESTAR): cannot be told",
        "growth    L1: +20 % in 10 days",
        "toxicity  pain: 1, worst CTCAE 5 grade 2; within 30 days 1, within 90 1",
        "30 days   cTACE of 2024-07-01: alive, complications 1",
    ):
        assert words in done.stdout, words
