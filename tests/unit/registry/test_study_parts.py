"""What a study consists of is told from names and content in words of ours; two parts never have one role by themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from liverboard.errors import BadInput, UnsupportedImage
from liverboard.registry.study_parts import Part, StudyParts, read_parts, role_of_name, tell_parts, with_roles
from liverboard.volume import Geometry
from liverboard.volume.deidentify import Rules
from liverboard.volume.phase_words import phase_of
from liverboard.volume.write import write_nifti

GRID = Geometry(np.diag([2.0, 2.0, 3.0, 1.0]), (6, 5, 4))
RULES = Rules("NELM-1", b"k" * 32)


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("00001-Liver.nii.gz", "liver"), ("tumour_1.seg.nrrd", "lesions"), ("metastases.nrrd", "lesions"), ("portal vein.nii", "vessels"), ("bile ducts.nrrd", "bile_ducts"),
        ("CT_arterial.nii.gz", "arterial"), ("late_phase.nii.gz", "delayed"), ("Zwiebelkuchen_Anna.nii.gz", None), ("normal tissue.nii.gz", None),
    ],
)  # fmt: skip
def test_a_name_becomes_a_word_of_ours_or_nothing(name: str, role: str | None) -> None:
    assert role_of_name(name) == role


@pytest.mark.parametrize(
    ("words", "phase"),
    [("ART 1.5", "arterial"), ("Abdomen portal-venous", "portal"), ("temps tardif", "delayed"), ("nativ", "native"), ("party of Anna", None), ("", None)],
)  # fmt: skip
def test_the_phase_of_a_description(words: str, phase: str | None) -> None:
    assert phase_of(words) == phase


def test_parts_are_told_by_content_and_kept(tmp_path: Path) -> None:
    mask = np.zeros(GRID.shape, dtype=np.uint8)
    mask[1:3, 1:3, 1:3] = 1
    write_nifti(tmp_path / "0001-liver.nii.gz", mask, GRID)
    write_nifti(tmp_path / "0002-liver.nii.gz", mask, GRID)
    write_nifti(tmp_path / "0003.nii.gz", mask.astype(np.int16) - 500, GRID)
    write_nifti(tmp_path / "0004.nii.gz", mask.astype(np.int16) - 600, GRID)
    told = tell_parts(tmp_path, RULES)
    assert [part.role for part in told.parts] == ["liver", "left_out", "image", "image_2"] and told.drawn
    assert read_parts(tmp_path, RULES) == told == read_parts(tmp_path, RULES)
    with pytest.raises(BadInput, match="not there any more"):
        read_parts(tmp_path / "gone", RULES)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "0001.nii.gz").write_bytes(b"damaged")
    with pytest.raises(UnsupportedImage, match="damaged"):
        tell_parts(tmp_path, RULES)


@pytest.mark.parametrize(
    ("roles", "says"), [(("liver", "liver"), "two parts"), (("../x", "liver"), "no role"), (("", "liver"), "no role")]
)
def test_roles_that_cannot_be_are_refused(roles: tuple[str, str], says: str) -> None:
    parts = StudyParts(parts=(Part(path="a", role="liver", says=""), Part(path="b", role="lesions", says="")))
    with pytest.raises(BadInput, match=says):
        with_roles(parts, roles)
    assert [p.role for p in with_roles(parts, ("left_out", "left_out")).parts] == ["left_out", "left_out"]
