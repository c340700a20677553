"""What `sirt dose -o` and `dvh -o` show: picture, table, limits with probability, effects with bands; structures of a few voxels, with holes, empty, outside."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.dicom_samples import WHEN, sample_data
from typer.testing import CliRunner

from liverboard.cli.app import app
from liverboard.errors import UserError
from liverboard.volume import Geometry, LabelMap
from liverboard.volume.write import write_nifti
from liverboard.volume.write_dicom import Structure, write_seg

run = CliRunner()
SHAPE = (20, 20, 20)
GRID = Geometry(np.diag([4.0, 4.0, 4.0, 1.0]), SHAPE)


def told(*words: object) -> str:
    found = run.invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return found.stdout


def activity(folder: Path) -> Path:
    """A warm liver with a hot middle, in Bq/mL."""
    index = np.indices(SHAPE) - 9.5
    values = 2e5 + 3e6 * np.exp(-(index**2).sum(axis=0) / 18)
    return write_nifti(folder / "pet.nii.gz", values.astype(np.float32), GRID)


def masks(folder: Path, **of: Any) -> Path:
    """A SEG with one segment a name."""
    drawn: list[Structure] = []
    for number, (name, mask) in enumerate(of.items(), 1):
        drawn.append(
            Structure(LabelMap(mask.astype(np.uint8) * number, GRID, {number: name.replace("_", " ")}), "lesion")
        )
    return write_seg(folder / "seg.dcm", drawn, when=WHEN)


def box(low: int, high: int) -> Any:
    mask = np.zeros(SHAPE, bool)
    mask[low:high, low:high, low:high] = True
    return mask


def test_the_page_the_picture_and_the_curves_on_the_real_patient(tmp_path: Path) -> None:
    place = sample_data() / "imaging" / "y90_pet_patient1"
    out = tmp_path / "dose"
    document = json.loads(
        told(
            "sirt", "dose", "--activity-map", place / "patient_1_Y90_PET.nrrd", "--structures",
            place / "patient_1_Segmentation.seg.nrrd", "--unit", "Bq/mL", "--nuclide", "resin", "--scenario", "bilobar",
            "--calibration-error", "7%", "-o", out, "--json",
        )
    )  # fmt: skip
    page = (out / document["files"]["page"]).read_text()
    ET.fromstring((out / document["files"]["dvh"]).read_text())  # noqa: S314  (our own)
    assert page.count("<svg") == 2
    assert "Tumor 2" in page
    assert "<script src" not in page
    (check,) = document["limits"]
    assert (check["limit"], check["kept"]) == (40, True)
    assert "below 40 Gy with over 99 % probability" in page
    normal, tumour = document["structures"]["Normal Tissue"], document["structures"]["Tumor 2"]
    assert normal["tissue"] == "normal_liver"
    assert normal["interval"]["contributions"]["volume"] > 0  # the hot rim of the tumours makes its outline matter
    low, high = tumour["effect"]["bed_band_gy"]
    assert low < tumour["effect"]["bed_gy"] < high
    assert tumour["uniform_dose"]["eud_gy"] < tumour["mean_gy"]
    assert document["structures"]["Liver"]["tissue"] is None
    curve = next(each for each in document["curves"] if each["name"] == "Tumor 2")
    for key, percent in (("d95_gy", 95), ("d70_gy", 70), ("d50_gy", 50), ("d2_gy", 2)):
        found = np.interp(-percent, -np.array(curve["volume_percent"]), curve["dose_gy"])
        assert found == pytest.approx(tumour[key], rel=0.03), key


def test_structures_of_a_few_voxels_with_holes_empty_and_outside(tmp_path: Path) -> None:
    hollow = box(5, 15) & ~box(8, 12)
    one = np.zeros(SHAPE, bool)
    one[10, 10, 10] = True
    seg = masks(tmp_path, Liver=box(2, 18), Hollow=hollow, Lesion_one=one, Lesion_two=one | np.roll(one, 1, axis=0))
    document = json.loads(
        told("sirt", "dose", "--activity-map", activity(tmp_path), "--structures", seg, "--unit", "Bq/mL", "--json")
    )
    found = document["structures"]
    assert found["Lesion one"]["volume_ml"] == pytest.approx(0.064)
    assert found["Lesion one"]["mean_gy"] > 0
    assert found["Lesion one"]["interval"] is None
    assert any("a few voxels" in text for text in document["warnings"])
    assert found["Hollow"]["volume_ml"] == pytest.approx(0.064 * (1000 - 64))
    assert found["Hollow"]["mean_gy"] < found["Lesion one"]["mean_gy"]
    assert found["Hollow"]["max_gy"] < found["Lesion one"]["max_gy"]
    bands = {curve["name"]: bool(curve["low_gy"]) for curve in document["curves"]}
    assert bands == {"Liver": True, "Hollow": True, "Lesion one": False, "Lesion two": False}


def test_a_structure_outside_the_map_leaves_the_others_their_dose(tmp_path: Path) -> None:
    far = np.diag([4.0, 4.0, 4.0, 1.0])
    far[:3, 3] = 500
    outside = Geometry(far, SHAPE)
    both = [
        Structure(LabelMap(box(2, 18).astype(np.uint8), GRID, {1: "Liver"}), "lesion"),
    ]
    seg = write_seg(tmp_path / "liver.dcm", both, when=WHEN)
    inside = json.loads(
        told("sirt", "dose", "--activity-map", activity(tmp_path), "--structures", seg, "--unit", "Bq/mL", "--json")
    )
    assert inside["structures"]["Liver"]["mean_gy"] > 0
    gone = write_nifti(tmp_path / "gone.nii.gz", box(2, 18).astype(np.uint8), outside)
    refused = run.invoke(app, ["sirt", "dose", "--activity-map", str(activity(tmp_path)), "--structures", str(gone)])
    assert isinstance(refused.exception, UserError)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--normal-liver", "Spleen"), "no structure 'Spleen'"),
        (("--nuclide", "resin", "--condition", "tired", "--normal-liver", "Liver"), "no condition 'tired'"),
    ],
)
def test_what_is_not_there_is_named(tmp_path: Path, words: tuple[str, ...], says: str) -> None:
    seg = masks(tmp_path, Liver=box(2, 18))
    found = run.invoke(
        app, ["sirt", "dose", "--activity-map", str(activity(tmp_path)), "--structures", str(seg), *words]
    )
    assert isinstance(found.exception, UserError)
    assert says in found.exception.message


@pytest.mark.parametrize(
    "words",
    [("--scenario", "everywhere"), ("--recovery", "2 mL"), ("--recovery", "2 mL,1.2,8%"), ("--recovery", "a,b")],
)
def test_wrong_words_are_wrong_usage(tmp_path: Path, words: tuple[str, str]) -> None:
    done = run.invoke(app, ["sirt", "dose", "--activity-map", "a", "--structures", "b", *words])
    assert done.exit_code == 2


def test_no_product_says_why_no_limit_is_compared(tmp_path: Path) -> None:
    seg = masks(tmp_path, Normal_liver=box(2, 18))
    said = told("sirt", "dose", "--activity-map", activity(tmp_path), "--structures", seg, "--unit", "Bq/mL")
    assert "no limit is compared" in said
    with_limit = told(
        "sirt", "dose", "--activity-map", activity(tmp_path), "--structures", seg, "--unit", "Bq/mL", "--nuclide",
        "ho166", "--scenario", "bilobar", "--calibration-error", "10%", "--recovery", "2 mL,1.2,8%,5%,-0.6",
    )  # fmt: skip
    assert "probability" in with_limit
    assert "BED" in with_limit


def test_dvh_writes_its_page(tmp_path: Path) -> None:
    place = sample_data() / "imaging" / "dicom_rt_breast"
    out = tmp_path / "dvh"
    words = ("dvh", "--dose", place / "rtdose.dcm", "--structures", place / "rtss.dcm", "--alpha", "0.1", "-o", out)
    document = json.loads(told(*words, "--json"))
    assert document == json.loads((out / "dvh.json").read_text())
    page = (out / "dvh.html").read_text()
    assert "Tumor Bed" in page
    assert "EUD (Gy)" in page
    assert "95 % interval" not in page  # nobody stated an error
    ET.fromstring((out / "dvh.svg").read_text())  # noqa: S314  (our own)
    assert all("interval" not in each for each in document["structures"].values())


def test_dvh_with_a_stated_error_has_bands(tmp_path: Path) -> None:
    place = sample_data() / "imaging" / "dicom_rt_breast"
    words = (
        "dvh",
        "--dose",
        place / "rtdose.dcm",
        "--structures",
        f"{place}/rtss.dcm#Tumor Bed,Scar",
        "--dose-error",
        "5%",
    )
    document = json.loads(told(*words, "-o", tmp_path / "dvh", "--json"))
    bed, edge = document["structures"]["Tumor Bed"], document["structures"]["Scar"]
    # Even dose: the error of the dose alone. A strip in a steep dose: that of the outline too.
    assert bed["interval"]["high_gy"] / bed["mean_gy"] == pytest.approx(
        np.exp(1.96 * np.sqrt(np.log1p(0.05**2))), rel=2e-3
    )
    assert edge["interval"]["high_gy"] / edge["mean_gy"] > 1.12
    assert "fill-opacity" in (tmp_path / "dvh" / "dvh.svg").read_text()
    assert "12.96-15.76" in told(*words)
    assert run.invoke(app, [str(word) for word in (*words[:-1], "much")]).exit_code == 2
