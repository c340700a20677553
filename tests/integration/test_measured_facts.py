"""Do the distances and segments that a case's segmentation gives reach the facts of its lesions?"""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import pytest
from tests.phantom_samples import small_phantom, truth_of
from tests.strategies import case_of

from liverboard.board.measure import measure_case
from liverboard.clinical.lesion_facts import lesion_facts_of

DAY = dt.date(2024, 5, 15)
FILES = {"liver": "liver", "lesions": "lesions", "segments": "segments", "vessels": "vessels", "bile_ducts": "ducts"}
DISTANCES = ("capsule_distance_mm", "vessel_distance_mm", "bile_duct_distance_mm")


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_phantom(tmp_path_factory)


def test_what_was_measured_is_a_fact_of_each_lesion(phantom: Path, tmp_path: Path) -> None:
    for file in FILES.values():
        shutil.copy(phantom / f"{file}.nii.gz", tmp_path)
    studies = [{"path": f"{file}.nii.gz", "role": role} for role, file in FILES.items()]
    case = case_of({"kind": "imaging", "date": "2024-05-01", "studies": studies})
    assert lesion_facts_of(case, DAY) == ()
    measured = measure_case(case, tmp_path, visible=frozenset({"e1"}), pictures=False)
    facts = {lesion.lesion: lesion.values for lesion in lesion_facts_of(measured.case, DAY)}
    extent = measured.extents["e1"]
    assert list(facts) == [lesion.id for lesion in extent.lesions]
    for lesion in extent.lesions:
        for name in DISTANCES:
            assert getattr(lesion, name) is not None
            assert facts[lesion.id][f"lesion_{name}"] == pytest.approx(getattr(lesion, name))
        assert facts[lesion.id]["lesion_longest_mm"] == pytest.approx(lesion.longest_axial_mm)
        assert facts[lesion.id]["lesion_treated"] is None
    for true in truth_of(phantom)["lesions"]:
        shares = sorted(true["segments"], key=lambda part: part["share"])
        if len(shares) == 1 or shares[-1]["share"] - shares[-2]["share"] > 0.05:
            nearest = min(
                extent.lesions, key=lambda lesion: abs((lesion.volume_ml or 0) - true["volume_ml"])
            )  # volumes of the phantom's lesions differ
            assert facts[nearest.id]["lesion_main_segment"] == shares[-1]["segment"]
