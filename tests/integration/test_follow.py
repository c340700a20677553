"""Are the lesions of two time points linked as the phantom made them, with the volumes' change, and does a person's word win?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.phantom_samples import small_phantom, truth_of

from liverboard.board.follow import Followed, follow_files, read_statements
from liverboard.board.scan_files import ScanFiles
from liverboard.clinical.tracking import LinkStatement
from liverboard.errors import BadInput, MissingData
from liverboard.imaging import crop
from liverboard.imaging.growth import in_words
from liverboard.imaging.register import register_livers
from liverboard.volume import Mask, read_label_maps, read_masks
from liverboard.volume.write import write_nifti


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_phantom(tmp_path_factory)


def files(folder: Path) -> ScanFiles:
    return ScanFiles(liver=f"{folder}/dicom/segmentation.dcm")


@pytest.fixture(scope="module")
def followed(phantom: Path) -> Followed:
    return follow_files(files(phantom), files(phantom / "followup"), days=182)


def test_every_lesion_is_linked_as_it_was_made(followed: Followed, phantom: Path) -> None:
    made = {
        (
            tuple(sorted(f"Lesion {name}" for name in m["baseline"])),
            () if m["followup"] is None else (f"Lesion {m['followup']}",),
        )
        for m in truth_of(phantom / "followup")["matches"]
    }
    found = {(tuple(sorted(link.baseline)), link.followup) for link in followed.tracking.links}
    assert found == made
    assert len(made) >= 5
    assert all(link.confidence is not None and link.confidence > 0.5 for link in followed.tracking.links)


def test_growth_holds_the_true_change_within_its_interval(followed: Followed, phantom: Path) -> None:
    before = {f"Lesion {x['id']}": x["volume_ml"] for x in truth_of(phantom)["lesions"]}
    after = {f"Lesion {x['id']}": x["volume_ml"] for x in truth_of(phantom / "followup")["lesions"]}
    grown = [link for link in followed.tracking.links if link.growth is not None]
    assert grown
    for link in grown:
        assert link.growth is not None
        true = sum(after[n] for n in link.followup) / sum(before[n] for n in link.baseline) - 1
        assert link.growth.change == pytest.approx(true, abs=1e-4), "voxel sums of the same masks"
        assert link.growth.change_low < true < link.growth.change_high
        rate = np.log1p(true) / 182
        assert link.growth.rate_per_day == pytest.approx(rate, abs=1e-6)


def test_the_livers_are_laid_on_each_other_as_they_were_moved(phantom: Path) -> None:
    first, second = (next(m for m in read_masks(f"{f}/liver.nii.gz")) for f in (phantom, phantom / "followup"))
    motion = truth_of(phantom / "followup")["motion"]
    found = register_livers(first, second)
    block = crop(first)
    assert block is not None
    points = block.geometry.lps_mm(np.argwhere(block.array)[::5000].astype(float))
    true = points @ np.array(motion["rotation"]).T + np.array(motion["shift_mm"])
    error = np.linalg.norm(found.to_followup(points) - true, axis=1)
    assert float(np.mean(error)) < 2.5, "about a voxel"
    np.testing.assert_allclose(found.to_baseline(found.to_followup(points)), points, atol=0.05)
    assert found.quality.trusted


def test_a_person_s_word_wins_and_the_rest_is_told_around_it(phantom: Path) -> None:
    said = LinkStatement(baseline=("Lesion L1",), followup=("Lesion L2",), relation="same")
    found = follow_files(files(phantom), files(phantom / "followup"), statements=(said,)).tracking
    kept = next(link for link in found.links if link.source == "person")
    assert (kept.baseline, kept.followup, kept.confidence) == (("Lesion L1",), ("Lesion L2",), None)
    names = [name for link in found.links for name in link.baseline]
    assert sorted(names) == sorted(set(names)), "each lesion once"
    assert any("days between the scans are not known" in warning for warning in found.warnings)


def test_bad_statements_and_missing_parts_end_in_words(phantom: Path, tmp_path: Path) -> None:
    (tmp_path / "links.yaml").write_text("- {baseline: [L1], relation: grew}\n")
    with pytest.raises(BadInput, match="relation"):
        read_statements(tmp_path / "links.yaml")
    (tmp_path / "links.yaml").write_text("- {baseline: [Lesion L1], followup: [nobody], relation: same}\n")
    with pytest.raises(BadInput, match="no follow-up lesion 'nobody'"):
        follow_files(files(phantom), files(phantom / "followup"), statements=read_statements(tmp_path / "links.yaml"))
    with pytest.raises(MissingData, match="no lesions"):
        follow_files(ScanFiles(liver=f"{phantom}/liver.nii.gz"), files(phantom / "followup"))


def test_another_patient_s_liver_is_not_trusted(phantom: Path) -> None:
    (liver,) = read_masks(f"{phantom}/liver.nii.gz")
    ball = np.zeros_like(liver.array)
    i, j, k = np.indices(liver.array.shape)
    middle = np.array(liver.array.shape) / 2
    ball[(abs(i - middle[0]) < 40) & (abs(j - middle[1]) < 3) & (abs(k - middle[2]) < 30)] = True
    found = register_livers(liver, Mask("plate", ball, liver.geometry))
    assert not found.quality.trusted
    assert any("do not lie on each other" in warning for warning in found.quality.warnings)


def test_the_same_scan_twice_changes_nothing(phantom: Path) -> None:
    found = follow_files(files(phantom), files(phantom), days=30).tracking
    assert {link.relation for link in found.links} == {"same"}
    assert all(link.baseline == link.followup for link in found.links)
    for link in found.links:
        assert link.growth is not None
        assert link.growth.change == pytest.approx(0, abs=1e-9)
        assert link.growth.time.direction == "unclear"
        assert in_words(link.growth).startswith("+0 % in 30 days")


def test_all_vanished_where_the_follow_up_shows_no_lesion(phantom: Path, tmp_path: Path) -> None:
    (lesions,) = read_label_maps(phantom / "lesions.nii.gz")
    write_nifti(tmp_path / "none.nii.gz", np.zeros(lesions.geometry.shape, np.uint8), lesions.geometry)
    here = ScanFiles(liver=f"{phantom}/liver.nii.gz", lesions=f"{phantom}/lesions.nii.gz")
    empty = ScanFiles(liver=f"{phantom}/followup/liver.nii.gz", lesions=f"{tmp_path}/none.nii.gz")
    gone = follow_files(here, empty, days=182).tracking.links
    assert {(link.relation, link.followup) for link in gone} == {("vanished", ())}
    assert len(gone) == len(truth_of(phantom)["lesions"])
    assert follow_files(empty, empty, days=182).tracking.links == ()


def test_time_turned_round_turns_each_link_round(followed: Followed, phantom: Path) -> None:
    back = follow_files(files(phantom / "followup"), files(phantom), days=182).tracking
    assert {(frozenset(link.followup), frozenset(link.baseline)) for link in back.links} == {
        (frozenset(link.baseline), frozenset(link.followup)) for link in followed.tracking.links
    }
    turned = {"same": "same", "new": "vanished", "vanished": "new", "merged": "split", "split": "merged"}
    assert sorted(link.relation for link in back.links) == sorted(
        turned[link.relation] for link in followed.tracking.links
    )
