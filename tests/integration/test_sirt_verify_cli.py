"""`sirt verify` on the bundled real patient, on files, and on what lacks; the SIRT section of the dossier."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from liverboard.board.dossier import Dossier
from liverboard.board.load import open_case
from liverboard.board.prepare import prepare_dossier
from liverboard.board.sirt_verify import course_of, dose_request
from liverboard.cli.app import app
from liverboard.cli.sirt_verify import _show as show_verification  # pyright: ignore[reportPrivateUsage]
from liverboard.errors import BadInput, MissingData
from liverboard.report.html import render_html
from liverboard.sirt.activity_map import Stated
from liverboard.sirt.verify import Verification

W7 = ("--product", "resin", "--model", "partition", "--lung-shunt", "5%", "--tn", "5", "--tumour", "200 g", "--normal", "1300 g", "--activity", "2 GBq")  # fmt: skip


def run(*words: str) -> Any:
    done = CliRunner().invoke(app, ["sirt", *words], catch_exceptions=True)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    folder = tmp_path_factory.mktemp("verify")
    done = run("verify", "--sample", "real-y90", "-o", str(folder), "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout), folder


def test_the_real_patient(told: tuple[dict[str, Any], Path]) -> None:
    found, folder = told
    rows = {each["name"]: each for each in found["compared"]}
    assert list(rows)[:6] == [f"Tumor {n}" for n in range(1, 7)]
    assert {"all tumours together", "non-tumour liver"} <= set(rows)
    for each in rows.values():
        assert each["difference_gy"] == pytest.approx(each["delivered"]["mean_gy"] - each["predicted"]["mean_gy"])
        assert each["difference_low_gy"] < each["difference_gy"] < each["difference_high_gy"]
        # The case states 5 % of the activity and 20 % of its 4 % shunt: no interval is narrower than these two make it.
        ends = each["delivered"]
        assert ends["high_gy"] / ends["low_gy"] > math.exp(2 * 1.96 * math.hypot(0.0499, 0.2 * 0.04 / 0.96) * 0.999)
    assert [each["name"] for each in found["not_compared"]] == ["lung"]
    assert not any("is not stated: the intervals" in text for text in found["warnings"])
    assert json.loads((folder / "verify.json").read_text(encoding="utf-8")) == found


def test_the_table_fits_eighty_columns(
    told: tuple[dict[str, Any], Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("liverboard.cli.show.out_console", lambda: Console(width=80, highlight=False))
    show_verification(Verification.model_validate({key: told[0][key] for key in Verification.model_fields}))
    shown = capsys.readouterr().out.splitlines()
    row = next(line for line in shown if line.startswith("whole perfused liver"))
    assert re.fullmatch(
        r"whole perfused liver +[\d.]+ \(\d+-\d+\) +[\d.]+ \(\d+-\d+\) +[-+\d.]+ \(.*\) +(yes|no) *", row
    )


def test_the_page_needs_nothing_from_outside(told: tuple[dict[str, Any], Path]) -> None:
    page = (told[1] / "verify.html").read_text(encoding="utf-8")
    assert not re.findall(r'(?:src|href)="(?!#|data:)[^"]*"', page)
    assert "Tumor 4" in page
    assert (told[1] / "verify.svg").read_text(encoding="utf-8").startswith("<svg")


def test_a_plan_and_a_dose_in_files(tmp_path: Path, told: tuple[dict[str, Any], Path]) -> None:
    plan, dose = tmp_path / "plan.json", tmp_path / "dose.json"
    plan.write_text(run("activity", *W7, "--json").stdout, encoding="utf-8")
    structures = {
        "T": {
            "mean_gy": 150.0,
            "volume_ml": 200 / 1.04,
            "tissue": "tumour",
            "interval": {"of": "mean_gy", "low_gy": 120.0, "high_gy": 190.0},
        },
        "N": {"mean_gy": 45.0, "volume_ml": 1300 / 1.04, "tissue": "normal_liver", "interval": None},
    }
    dose.write_text(json.dumps({"structures": structures, "method": "kernel", "warnings": []}), encoding="utf-8")
    found = json.loads(run("verify", "--plan", str(plan), "--dose", str(dose), "--lesion", "T", "--json").stdout)
    rows = {each["name"]: each for each in found["compared"]}
    assert rows["T"]["difference_gy"] == pytest.approx(150 - 205.16, abs=0.06)
    assert rows["non-tumour liver"]["difference_gy"] == pytest.approx(45 - 41.03, abs=0.006)
    assert any("no interval" in text or "no errors" in text for text in found["warnings"])


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"structures": {"a": {}}, "method": "kernel"}', "{"])
def test_files_that_are_no_dose(tmp_path: Path, content: str) -> None:
    plan, dose = tmp_path / "plan.json", tmp_path / "dose.json"
    plan.write_text(run("activity", *W7, "--json").stdout, encoding="utf-8")
    dose.write_text(content, encoding="utf-8")
    with pytest.raises(BadInput):
        run("verify", "--plan", str(plan), "--dose", str(dose))
    with pytest.raises(BadInput):
        run("verify", "--plan", str(dose), "--dose", str(dose))


@pytest.mark.parametrize("words", [(), ("--plan", "a"), ("--sample", "real-y90", "--plan", "a", "--dose", "b")])
def test_wrong_usage(words: tuple[str, ...]) -> None:
    assert run("verify", *words).exit_code == 2


def test_before_the_treatment_nothing_was_delivered() -> None:
    with pytest.raises(MissingData, match="delivered doses are not known"):
        run("verify", "--sample", "real-y90", "--as-of", "2024-01-30")
    with pytest.raises(MissingData, match="no plan"):
        run("verify", "--sample", "real-y90", "--as-of", "2024-01-10")


def test_an_image_in_bq_per_ml_needs_no_stated_activity(tmp_path: Path) -> None:
    """The shunt of the scout is taken off a stated activity alone: the image shows what stayed."""
    opened = open_case(None, sample="real-y90")
    shutil.copytree(opened.folder, tmp_path / "case")
    text = (tmp_path / "case" / "case.yaml").read_text(encoding="utf-8")
    stated = re.search(r"injected_activity: 1.4 GBq.*(?=})", text)
    assert stated is not None
    (tmp_path / "case" / "case.yaml").write_text(
        text.replace(stated[0], "prepared_activity: 1.45 GBq"), encoding="utf-8"
    )
    request = dose_request(course_of(open_case(tmp_path / "case").case.events), tmp_path / "case")
    assert request.stated == Stated()
    assert request.errors == {}
    done = run("verify", str(tmp_path / "case"), "--json")
    assert done.exit_code == 0
    assert any("calibration error is not stated" in text for text in json.loads(done.stdout)["warnings"])


# --- the dossier ---------------------------------------------------------------------------------------------------------------------------------------


def dossier(day: dt.date | None = None, *, images: bool = True) -> Dossier:
    opened = open_case(None, sample="real-y90")
    assert opened.case.as_of is not None
    return prepare_dossier(opened.case, folder=opened.folder if images else None, as_of=day or opened.case.as_of)


def test_the_dossier_has_plan_treatment_and_delivered_dose(told: tuple[dict[str, Any], Path]) -> None:
    made = dossier()
    sirt = made.sirt
    assert sirt is not None
    assert (
        sirt.planned is not None
        and sirt.given is not None
        and sirt.delivered is not None
        and sirt.verification is not None
    )
    assert sirt.lacking == ()
    assert [each.name for each in sirt.verification.compared] == [each["name"] for each in told[0]["compared"]]
    assert [line.id for line in sirt.planned.limits if line.binding] == ["normal_resin_bilobar"]
    assert sirt.delivered.limits[0].probability is not None
    said = [*sirt.delivered.assumptions, *sirt.delivered.warnings, *sirt.verification.warnings]
    assert any(text.endswith("Tumor 6") for text in said)
    assert not any("--" in text for text in said), "advice to give an option, to who reads a dossier"
    assert len(made.isodose_images) == 3
    assert all(any(o.role == "isodose" for o in image.outlines) for image in made.isodose_images)
    assert {"weber_2022", "van_roekel_thesis"} <= {entry.what for entry in made.provenance}
    assert Dossier.model_validate_json(made.model_dump_json()) == made
    page = render_html(made)
    for words in ('id="sirt"', "Planned beside delivered", "Limits and targets", "Isodoses", "Dose and volume"):
        assert words in page
    assert 'data-l="Mean dose (Gy)"' in page, "a unit keeps its capitals on a small screen"


def test_a_plan_without_treatment_and_a_case_without_either() -> None:
    planned = dossier(dt.date(2024, 1, 30))
    assert planned.sirt is not None
    assert (planned.sirt.given, planned.sirt.delivered, planned.isodose_images) == (None, None, ())
    assert "plan of 24 Jan 2024, not carried out" in render_html(planned)
    before = dossier(dt.date(2024, 1, 10))
    assert before.sirt is None
    assert 'id="sirt"' not in render_html(before)


def test_without_images_the_section_says_what_lacks() -> None:
    made = dossier(images=False)
    assert made.sirt is not None
    assert made.sirt.lacking == ("Delivered doses: no image was read.",)
    assert "Delivered doses: no image was read." in render_html(made)
