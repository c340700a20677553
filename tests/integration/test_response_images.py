"""Response measured from images: a phantom with a known follow-up, its lesions followed and judged as its truth says."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from tests.phantom_samples import small_phantom, truth_of

from liverboard.board.followed import FollowedCase
from liverboard.board.measured import Measured, quiet
from liverboard.board.prepare import FromImages
from liverboard.board.response import ResponseReport, response_of
from liverboard.board.response_section import followed_images, response_section
from liverboard.clinical.case_file import read_case
from liverboard.clinical.events import Imaging
from liverboard.web.read_apart import as_text, from_text

CASE = """
liverboard: 1
case: PHANTOM
synthetic: true
events:
  - {kind: diagnosis, date: 2023-12-01, primary_site: ileum}
  - kind: imaging
    date: 2024-01-01
    modality: CT
    extrahepatic: {extent: none}
    studies:
      - {path: dicom/segmentation.dcm, role: segmentation}
      - {path: dicom/arterial, role: arterial}
      - {path: dicom/portal, role: portal}
  - {kind: procedure, date: 2024-01-10, technique: tae}
  - kind: imaging
    date: 2024-07-01
    modality: CT
    extrahepatic: {extent: none}
    studies:
      - {path: followup/dicom/segmentation.dcm, role: segmentation}
      - {path: followup/dicom/arterial, role: arterial}
      - {path: followup/dicom/portal, role: portal}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_phantom(tmp_path_factory)


@pytest.fixture(scope="module")
def report(folder: Path) -> ResponseReport:
    return response_of(read_case(CASE, where="case.yaml"), as_of=dt.date(2024, 8, 1), folder=folder)


def test_the_sums_are_those_of_the_truth(report: ResponseReport, folder: Path) -> None:
    before = {f"Lesion {each['id']}": each["volume_ml"] for each in truth_of(folder)["lesions"]}
    after = {f"Lesion {each['id']}": each["volume_ml"] for each in truth_of(folder / "followup")["lesions"]}
    became: dict[str, list[str]] = {}
    for match in truth_of(folder / "followup")["matches"]:
        for name in match["baseline"]:
            became[f"Lesion {name}"] = [] if match["followup"] is None else [f"Lesion {match['followup']}"]
    found = report.criteria["volumetric"]
    assert len(found.targets) == 2
    assert found.baseline_total == pytest.approx(sum(before[name] for name in found.targets), abs=1e-3)
    later = {name for target in found.targets for name in became[target]}
    assert found.total == pytest.approx(sum(after[name] for name in later), abs=1e-3)


def test_new_lesions_of_the_truth_are_progression(report: ResponseReport, folder: Path) -> None:
    new = [match for match in truth_of(folder / "followup")["matches"] if not match["baseline"]]
    assert report.criteria["recist11"].new_lesion is bool(new)
    assert (report.criteria["recist11"].category == "PD") or not new


def test_merged_and_vanished_lesions_of_the_truth_are_followed(report: ResponseReport, folder: Path) -> None:
    matches = truth_of(folder / "followup")["matches"]
    merged = [match for match in matches if len(match["baseline"]) > 1]
    vanished = [match for match in matches if match["followup"] is None]
    assert merged
    assert vanished
    found = report.criteria["recist11"]
    assert not any("not said what became of" in text for text in found.basis), (
        "every lesion of the baseline is accounted for"
    )
    assert any(
        "became of several lesions and counts once" in text
        for text in found.basis
        if any(f"Lesion {name}" in found.targets for match in merged for name in match["baseline"])
    )


def test_growth_comes_with_its_interval(report: ResponseReport) -> None:
    assert report.growth
    assert all(each.growth.change_low < each.growth.change < each.growth.change_high for each in report.growth)


def test_density_and_enhancement_are_read_from_the_phases(report: ResponseReport, folder: Path) -> None:
    before = {f"Lesion {each['id']}": each for each in truth_of(folder)["lesions"]}
    found = report.criteria["viable_volume"]
    assert found.baseline_total == pytest.approx(
        sum(before[name]["viable_volume_ml"] for name in found.targets), rel=0.15
    )
    density = next(text for text in report.criteria["choi"].basis if "density" in text)
    mean = sum(before[name]["hu"]["portal"] for name in found.targets) / 2
    assert float(density.split("density ")[1].split(" HU")[0]) == pytest.approx(mean, abs=5)
    assert report.criteria["mrecist"].target != "NE"


def test_diameters_are_those_of_the_truth(report: ResponseReport, folder: Path) -> None:
    before = {f"Lesion {each['id']}": each["longest_axial_mm"] for each in truth_of(folder)["lesions"]}
    found = report.criteria["recist11"]
    known = [before[name] for name in found.targets if before[name] is not None]
    if len(known) == len(found.targets):
        assert found.baseline_total == pytest.approx(sum(known), rel=0.06)


@pytest.fixture(scope="module")
def followed(folder: Path) -> FollowedCase:
    found = followed_images(read_case(CASE, where="case.yaml"), folder, dt.date(2024, 8, 1), None, step=quiet)
    assert found is not None
    return found


def test_a_dossier_follows_the_lesions_of_two_segmentations(report: ResponseReport, followed: FollowedCase) -> None:
    case = read_case(CASE, where="case.yaml")
    found = response_section(case, followed, dt.date(2024, 8, 1), None, step=quiet)
    assert found.criteria == report.criteria
    assert [each.date for each in found.follow_ups] == [dt.date(2024, 7, 1)]
    assert found.growth == report.growth


def test_followed_lesions_are_kept_with_what_images_say(followed: FollowedCase) -> None:
    case = read_case(CASE, where="case.yaml")
    back = from_text(as_text(FromImages(Measured(case), followed, None, ()))).followed
    assert back is not None and followed.growth
    assert (back.growth, back.warnings) == (followed.growth, followed.warnings)
    assert [each for each in followed.case.events if isinstance(each, Imaging)] == list(back.case.events)
