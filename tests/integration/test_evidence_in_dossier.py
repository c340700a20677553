"""The evidence in the dossier as a user gets it: its keys, its sources, a centre's own study, and page one that still fits."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from test_evidence_catalogue_cli import STUDY, evidence
from test_report_pdf import pages

from liverboard.board.dossier import Dossier
from liverboard.board.load import open_case
from liverboard.board.prepare import prepare_dossier
from liverboard.evidence.catalogue import load_catalogue
from liverboard.evidence.states import open_centre
from liverboard.report.pdf import render_pdf

ROOT = Path(__file__).parents[2]
VIGNETTES = sorted(
    path for path in (ROOT / "tests" / "vignettes").glob("vig-*.yaml") if not path.name.endswith(".expected.yaml")
)
FULLEST = ("vig-02", "vig-11", "vig-13", "vig-24", "vig-34")
MOST_BYTES = 1_000_000


def dossier_of(path: Path) -> Dossier:
    opened = open_case(path)
    assert opened.case.as_of is not None
    return prepare_dossier(opened.case, folder=opened.folder, as_of=opened.case.as_of, inputs=opened.inputs)


@pytest.fixture(scope="module")
def typed_in() -> Dossier:
    opened = open_case(None, sample="typed-in")
    return prepare_dossier(opened.case, folder=opened.folder, as_of=dt.date(2024, 6, 20), inputs=opened.inputs)


def test_every_open_option_has_its_evidence_and_no_other(typed_in: Dossier) -> None:
    open_options = {o.option for o in typed_in.options.options if o.verdict in {"fits", "caution", "cannot_tell"}}
    assert set(typed_in.evidence.options) == open_options
    document = json.loads(typed_in.model_dump_json())
    assert set(document["evidence"]) >= {"catalogue_hash", "date", "options"}
    schema = json.loads((ROOT / "docs" / "reference" / "dossier.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(document, schema)


def test_the_state_and_every_study_that_is_shown_stand_in_the_provenance(typed_in: Dossier) -> None:
    rows = {row.what: row for row in typed_in.provenance}
    state = next(row for row in typed_in.provenance if row.what.startswith("evidence catalogue "))
    assert state.sha256 == typed_in.evidence.catalogue_hash == open_centre(None).hash
    assert "state of 2026-11-24; last search of the literature: not recorded" in state.detail
    arms = load_catalogue().arms
    for option in typed_in.evidence.options.values():
        for shown in (row for each in option.outcomes for row in (*each.studies, *each.listed)):
            row = rows[arms[shown.study_id].study]
            assert arms[shown.study_id].extracted_from in row.detail
            for field in arms[shown.study_id].unverified:
                assert f"{field.replace('_', ' ')}" in row.detail
                assert "unverified]" in row.detail
    assert len(rows) == len(typed_in.provenance), "each is told once"


def test_single_arms_are_never_a_comparison(typed_in: Dossier) -> None:
    for option in typed_in.evidence.options.values():
        for each in option.outcomes:
            assert each.comparison_certainty.startswith("better than the alternative: ")
            assert each.rate_certainty.startswith("the rate in treated patients: ")
            if not each.headline:
                assert each.banner


def test_a_centre_s_own_study_reaches_its_dossier(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(STUDY, encoding="utf-8")
    assert evidence("add", str(tmp_path / "study.yaml"), home=tmp_path).returncode == 0
    centre = open_centre(tmp_path / "liverboard" / "evidence")
    opened = open_case(VIGNETTES[23])

    def response(books: object) -> tuple[int, str]:
        made = prepare_dossier(opened.case, folder=opened.folder, as_of=dt.date(2024, 5, 15), centre=books)  # pyright: ignore[reportArgumentType]
        found = made.evidence.options["sirt_resin"].outcomes[0]
        return found.study_count, made.evidence.catalogue_hash

    before, after = response(None), response(centre)
    assert (before[0], after[0]) == (2, 3)
    assert before[1] != after[1] == centre.hash


@pytest.mark.skipif(not shutil.which("pdftotext"), reason="pdftotext (poppler-utils) is missing")
@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.stem, marks=() if path.name.startswith(FULLEST) else pytest.mark.slow)
        for path in VIGNETTES
    ],
)
def test_page_one_fits_and_the_json_stays_small(path: Path, tmp_path: Path) -> None:
    dossier = dossier_of(path)
    assert len(dossier.model_dump_json(indent=1)) < MOST_BYTES
    first, second, *_ = pages(render_pdf(dossier), tmp_path)
    words = " ".join(first.split())
    assert "Missing" in words
    assert "page 1 of" in words
    assert second.split("Research use")[1].split()[0] == "Lesions"
    cells = words.count("too few studies") + words.count("no counts to pool") + words.count(": no data")
    assert cells or "expected benefit and its certainty on the pages that follow" in words or not _expects(dossier)


def _expects(dossier: Dossier) -> bool:
    """Whether an option that stands has a benefit in the catalogue."""
    standing = [each.option for each in dossier.options.options if each.verdict in {"fits", "caution"}]
    held = [dossier.evidence.options[name] for name in standing]
    return any(each.known and any(o.counts == "benefit" for o in each.outcomes) for each in held)


def test_the_command_carries_it_in_under_four_seconds_of_work(tmp_path: Path) -> None:
    before = os.times()
    done = subprocess.run(
        [sys.executable, "-m", "liverboard", "board", "--sample", "typed-in", "-o", str(tmp_path), "--json"],
        capture_output=True,
        env={**os.environ, "LIVERBOARD_CATALOGUE": str(tmp_path / "none"), "OMP_NUM_THREADS": "1"},
        check=False,
        timeout=120,
    )
    after = os.times()
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["evidence"]["options"]["tae"]["outcomes"]
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    assert spent < 4, "seconds of processor time, whatever else the machine does"
