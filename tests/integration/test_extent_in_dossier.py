"""Does a dossier show all that was measured on the images: sizes, distances, phases, planes, each lesion on its best slice, the whole liver?"""

from __future__ import annotations

import base64
import datetime as dt
import io
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture
from tests.phantom_samples import small_phantom, truth_of

from liverboard.board.dossier import Dossier
from liverboard.board.load import open_case
from liverboard.board.pictures import MOST_LESIONS
from liverboard.board.prepare import prepare_dossier
from liverboard.report.html import render_html
from liverboard.report.pdf import render_pdf

CASE = """
liverboard: 1
case: PHANTOM-1
events:
  - kind: imaging
    date: 2024-04-28
    modality: CT
    studies:
"""
ROLES = {
    "native": "native",
    "arterial": "arterial",
    "liver": "liver",
    "lesions": "lesions",
    "vessels": "vessels",
    "ducts": "bile_ducts",
    "landmarks": "landmarks",
}


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_phantom(tmp_path_factory)


@pytest.fixture(scope="module")
def dossier(phantom: Path, tmp_path_factory: pytest.TempPathFactory) -> Dossier:
    folder = tmp_path_factory.mktemp("case")
    studies = ""
    for name, role in ROLES.items():
        file = f"{name}.yaml" if name == "landmarks" else f"{name}.nii.gz"
        (folder / file).hardlink_to(phantom / file)
        studies += f"      - {{path: {file}, role: {role}}}\n"
    path = folder / "case.yaml"
    path.write_text(CASE + studies, encoding="utf-8")
    return prepare_dossier(open_case(path).case, folder=folder, as_of=dt.date(2024, 5, 15))


def test_each_lesion_has_its_slice_with_both_diameters(dossier: Dossier, phantom: Path) -> None:
    truth = {x["id"]: x for x in truth_of(phantom)["lesions"]}
    assert 0 < len(dossier.lesion_images) == min(len(truth), MOST_LESIONS)
    for lesion, image in zip(dossier.extent.lesions, dossier.lesion_images, strict=True):
        assert image.title.startswith(f"{lesion.id}: ")
        longest, short = (o.points_mm for o in image.outlines if o.role == "length")
        assert math.dist(*longest) == pytest.approx(lesion.longest_axial_mm, abs=0.05)
        assert math.dist(*short) == pytest.approx(lesion.short_axial_mm, abs=0.05)
        assert lesion.longest_axial_mm == pytest.approx(truth[lesion.id]["longest_axial_mm"], abs=3.0), "1.2 voxels"
        (a, b), along = np.array(longest), np.array(short[1]) - np.array(short[0])
        assert abs((b - a) @ along) < 0.1 * math.dist(*longest) * math.dist(*short), "perpendicular"
        outline = np.concatenate([o.points_mm for o in image.outlines if o.role == "lesion" and o.name == lesion.id])
        for end in longest:
            assert np.linalg.norm(outline - np.array(end), axis=1).min() < 2.6, "an end lies on the outline"
        shown = np.asarray(Picture.open(io.BytesIO(base64.b64decode(image.png_base64))))
        assert np.ptp(shown) > 50


def test_the_overview_shows_the_liver_from_top_to_bottom(dossier: Dossier) -> None:
    heights = [image.z_lps_mm for image in dossier.overview]
    assert len(heights) == 12
    assert np.allclose(np.diff(heights), np.diff(heights)[0], atol=0.15)
    assert np.diff(heights)[0] < 0
    assert all(any(o.role == "liver" for o in image.outlines) for image in dossier.overview)
    assert {o.name for image in dossier.overview for o in image.outlines if o.role == "segment"} >= {"4", "7", "8"}


def test_the_page_says_distances_phases_the_viable_part_and_the_planes(dossier: Dossier) -> None:
    page = render_html(dossier)
    for words in (
        "Longest 3-D",
        "To the capsule",
        "To the nearest vessel",
        "To a bile duct",
        "Native",
        "Arterial",
        "Viable",
    ):
        assert f"<bdi>{words}</bdi>" in page
    assert "Segments from: planes through landmarks." in page
    for plane in ("main", "right", "left", "transverse", "caudate"):
        assert f"The {plane} plane separates" in page
    assert page.count('id="lesion-') == len(dossier.lesion_images)
    assert page.count('id="overview-') == 12
    lesion = dossier.extent.lesions[0]
    (arterial,) = (v for v in lesion.phases if v.phase == "arterial")
    assert arterial.enhancement is not None
    assert f"{arterial.mean:.0f} ± {arterial.sd:.0f} (+{arterial.enhancement:.0f})" in page


def test_the_pdf_holds_the_pictures(dossier: Dossier) -> None:
    without = dossier.model_copy(update={"lesion_images": (), "overview": ()})
    assert len(render_pdf(dossier)) > len(render_pdf(without)) + 50_000
