"""`liverboard sirt kernel` and `liverboard sirt dose`, on the published real Y-90 PET and on bad input."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
import pytest
from rich.console import Console
from tests.dicom_samples import sample_data
from typer.testing import CliRunner

from liverboard.board.sirt_dose import DoseRequest, dose_files
from liverboard.cli.app import app
from liverboard.errors import UserError
from liverboard.sirt.activity_map import Stated
from liverboard.sirt.voxel_dose import DoseModel, dose_gy
from liverboard.volume import Geometry, Image, read_image, read_masks, resample
from liverboard.volume.write import write_nifti

run = CliRunner()


def patient() -> tuple[str, str]:
    place = sample_data() / "imaging" / "y90_pet_patient1"
    return str(place / "patient_1_Y90_PET.nrrd"), str(place / "patient_1_Segmentation.seg.nrrd")


def asked(*words: str) -> Any:
    found = run.invoke(app, ["sirt", *words, "--json"], catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return json.loads(found.stdout)


def test_kernel_keys() -> None:
    found = asked("kernel", "--voxel", "3 mm", "--density", "1.04")
    assert found["voxel_mm"] == 3
    assert found["density_g_ml"] == 1.04
    assert found["s000"] == pytest.approx(1.59, rel=0.03)
    assert found["s001"] == pytest.approx(0.275, rel=0.05)
    assert found["s002"] == pytest.approx(0.0205, rel=0.05)
    assert found["energy_mev"] == pytest.approx(0.934, rel=0.01)
    assert found["sum"] * 1e-9 * 27e-6 * 1.04 / 1.602176634e-13 == pytest.approx(found["energy_mev"], rel=1e-6)


def test_kernel_of_other_voxels_and_nuclides() -> None:
    found = asked("kernel", "--voxel", "2.3 x 2.4 x 2.8 mm", "--nuclide", "ho166")
    assert found["voxel_mm"] == [2.3, 2.4, 2.8]
    assert found["s001"] < found["s100"]
    assert not found["validated"]


@pytest.mark.parametrize("voxel", ["0 mm", "3 x 3 mm", "3 kg", "wide", "-3 mm", "1e9 mm"])
def test_kernel_of_no_voxel(voxel: str) -> None:
    found = run.invoke(app, ["sirt", "kernel", f"--voxel={voxel}"])
    assert found.exit_code == 2 or isinstance(found.exception, UserError)


def test_w18_local_deposition_on_the_real_patient() -> None:
    """Nearest mask on the PET grid, 1.05 g/mL, 49.77 Gy kg/GBq, no decay correction."""
    pet, segments = patient()
    image = read_image(pet)
    model = DoseModel(constant_gy_kg_per_gbq=49.77, density_g_ml=1.05)
    found = dose_files(DoseRequest(pet, segments, Stated(unit="Bq/mL"), model, "local"))
    dose = found.doses["local"].array
    means = {}
    for mask in read_masks(segments):
        means[mask.name] = float(dose[resample(mask.array, mask.geometry, image.geometry, labels=True)].mean())
    expected = {"Liver": 33.4, "Tumor 1": 68.3, "Tumor 2": 165.2, "Normal Tissue": 11.0}
    assert {name: means[name] for name in expected} == pytest.approx(expected, rel=0.005)
    # Sub-voxel metrics of the result beside that.
    metrics = found.report.structures
    assert {name: metrics[name]["mean_gy"] for name in expected} == pytest.approx(expected, rel=0.035)
    assert metrics["Tumor 2"]["d70_gy"] == pytest.approx(70.9, rel=0.15)


def test_w19_both_methods_on_three_millimetres() -> None:
    """On a 3 mm grid by linear interpolation: what the kernel takes from a small lesion and what it leaves in a large one."""
    from liverboard.sirt.activity_map import ActivityMap

    pet, segments = patient()
    image = read_image(pet)
    extent = np.array(image.geometry.spacing_mm) * (np.array(image.geometry.shape) - 1)
    shape = tuple(int(n) for n in np.floor(extent / 3) + 1)
    affine = image.geometry.affine.copy()
    affine[:3, :3] = affine[:3, :3] / np.array(image.geometry.spacing_mm) * 3
    geometry = Geometry(affine, shape)  # type: ignore[arg-type]
    bq = (resample(image.array, image.geometry, geometry, labels=False) * 0.027).astype(np.float32)
    activity = ActivityMap(bq, geometry, float(bq.sum()) * 1e-9, None, 1.0)
    model = DoseModel(constant_gy_kg_per_gbq=49.77)
    masks = {mask.name: resample(mask.array, mask.geometry, geometry, labels=True) for mask in read_masks(segments)}
    expected = {"Tumor 2": (165.6, 161.1), "Tumor 4": (215.7, 160.8), "Normal Tissue": (11.2, 11.9)}
    for place, method in enumerate(("local", "kernel")):
        dose = dose_gy(activity, model, method)
        for name, figures in expected.items():
            assert float(dose[masks[name]].mean()) == pytest.approx(figures[place], rel=0.012), (name, method)


def test_the_command_writes_maps_rtdose_and_pictures(tmp_path: Path) -> None:
    pet, segments = patient()
    out = tmp_path / "dose"
    found = asked(
        "dose", "--activity-map", pet, "--structures", segments, "--total-activity", "1.4 GBq", "-o", str(out)
    )
    assert found == json.loads((out / "dose.json").read_text())
    assert {"volume_ml", "mean_gy", "min_gy", "max_gy", "d95_gy", "d70_gy", "d50_gy", "d2_gy"} <= set(
        found["structures"]["Tumor 2"]
    )
    both = found["structures"]["Tumor 4"]["methods"]
    assert both["local"]["mean_gy"] > 1.25 * both["kernel"]["mean_gy"]
    assert found["total_activity_gbq"] == pytest.approx(1.4)
    nifti: Any = nibabel.load(out / "dose-kernel.nii.gz")
    read = pydicom.dcmread(out / "dose-kernel.dcm")
    greatest = float(np.asarray(nifti.dataobj).max())
    assert float(read.pixel_array.max()) * float(read.DoseGridScaling) == pytest.approx(greatest, rel=1e-4)
    assert len(found["pictures"]) == 3
    if shutil.which("dciodvfy") is not None:
        checked = subprocess.run(
            ["dciodvfy", out / "dose-kernel.dcm"], capture_output=True, encoding="utf-8", errors="replace", check=False
        )
        assert checked.returncode == 0
        assert "Error" not in checked.stderr, checked.stderr


def made(folder: Path, values: Any, name: str) -> str:
    grid = Geometry(np.diag([4.0, 4.0, 4.0, 1.0]), values.shape)
    return str(write_nifti(folder / name, values, grid))


@pytest.mark.parametrize(
    ("harm", "exit_code"),
    [("negative", 10), ("nan", 10), ("empty map", 10), ("empty structure", 12), ("outside", 12), ("counts", 12)],
)
def test_bad_input_is_told_and_nothing_is_written(tmp_path: Path, harm: str, exit_code: int) -> None:
    values = np.full((16, 16, 16), 2e6, np.float32)
    mask = np.zeros((16, 16, 16), np.uint8)
    mask[4:9, 4:9, 4:9] = 1
    words: list[str] = []
    if harm == "negative":
        values[1, 2, 3] = -5
    elif harm == "nan":
        values[1, 2, 3] = np.nan
    elif harm == "empty map":
        values[:] = 0
    elif harm == "empty structure":
        mask[:] = 0
    elif harm == "counts":
        words = ["--unit", "counts"]
    structures = made(tmp_path, mask, "tumour.nii.gz")
    if harm == "outside":
        far = np.diag([4.0, 4.0, 4.0, 1.0])
        far[:3, 3] = 900
        structures = str(write_nifti(tmp_path / "far.nii.gz", mask, Geometry(far, (16, 16, 16))))
    source = made(tmp_path, values, "pet.nii.gz")
    found = run.invoke(
        app, ["sirt", "dose", "--activity-map", source, "--structures", structures, "-o", str(tmp_path / "out"), *words]
    )
    assert isinstance(found.exception, UserError), found.output
    assert found.exception.exit_code == exit_code
    assert not (tmp_path / "out").exists()


def test_moments_decay_map_and_activity_to_the_injection(tmp_path: Path) -> None:
    """A scan 24 h after the injection has 0.77142 of the activity; an activity measured 24 h before it has 1 / 0.77142."""
    values = np.full((16, 16, 16), 2e6, np.float32)
    mask = np.zeros((16, 16, 16), np.uint8)
    mask[6:10, 6:10, 6:10] = 1
    words = (
        "dose", "--activity-map", made(tmp_path, values, "pet.nii.gz"), "--structures", made(tmp_path, mask, "t.nii.gz"),
        "--unit", "Bq/mL", "--injection", "2024-06-12 10:00 Europe/Berlin",
    )  # fmt: skip
    plain = asked(*words)
    later = asked(*words, "--scan", "2024-06-13T04:00-04:00")
    assert later["decay_factor"] == pytest.approx(1 / 0.77142, rel=1e-4)
    assert later["structures"]["t"]["mean_gy"] == pytest.approx(plain["structures"]["t"]["mean_gy"] / 0.77142, rel=1e-4)
    scaled = asked(*words, "--total-activity", "1 GBq", "--measured", "2024-06-11T08:00Z")
    assert scaled["total_activity_gbq"] == pytest.approx(0.77142, rel=1e-4)
    for wrong in (("--scan", "2024-06-13T04:00"), ("--measured", "2024-06-11T08:00Z"), ("--scan", "2024-06-13T04:00Z", "--hours-after-injection", "3 h")):  # fmt: skip
        assert run.invoke(app, ["sirt", *words, *wrong]).exit_code == 2
    assert run.invoke(app, ["sirt", *words[:-2], "--scan", "2024-06-13T04:00Z"]).exit_code == 2
    before = run.invoke(app, ["sirt", *words, "--scan", "2024-06-11T04:00Z"])
    assert isinstance(before.exception, UserError)


def test_uniform_activity_in_a_nifti(tmp_path: Path) -> None:
    """2 MBq/mL everywhere: the middle has c times the concentration, and the interval holds it."""
    values = np.full((16, 16, 16), 2e6, np.float32)
    mask = np.zeros((16, 16, 16), np.uint8)
    mask[6:10, 6:10, 6:10] = 1
    found = asked(
        "dose", "--activity-map", made(tmp_path, values, "pet.nii.gz"), "--structures",
        made(tmp_path, mask, "tumour.nii.gz"), "--calibration-error", "7%", "--recovery", "2.1 mL,1.2",
    )  # fmt: skip
    (tumour,) = found["structures"].values()
    expected = 49.67 * 0.002 / 1.04e-3
    assert tumour["mean_gy"] == pytest.approx(expected, rel=0.005)
    assert tumour["mean_recovered_gy"] == pytest.approx(tumour["mean_gy"] / tumour["recovery_coefficient"])
    assert tumour["interval"]["low_gy"] < tumour["mean_recovered_gy"] < tumour["interval"]["high_gy"]
    assert any("units missing" in each for each in found["warnings"])


def test_the_table_fits_eighty_columns_and_a_broken_run_leaves_no_list_of_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = np.full((16, 16, 16), 2e6, np.float32)
    mask = np.zeros((16, 16, 16), np.uint8)
    mask[6:10, 6:10, 6:10] = 1
    words = [
        "sirt", "dose", "--activity-map", made(tmp_path, values, "pet.nii.gz"), "--structures",
        made(tmp_path, mask, "normal liver.nii.gz"), "--calibration-error", "7%", "--recovery", "2.1 mL,1.2", "-o", str(tmp_path / "out"),
    ]  # fmt: skip
    monkeypatch.setattr("liverboard.cli.show.out_console", lambda: Console(width=80, highlight=False))
    shown = run.invoke(app, words, catch_exceptions=False).stdout.splitlines()
    assert any(re.match(r"normal liver +\d+\.\d +\d+\.\d +\d+\.\d +\d+-\d+ +\d", line) for line in shown), shown
    assert (tmp_path / "out" / "dose.json").exists()

    def breaks(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("liverboard.report.dose_files.write_rtdose", breaks)
    run.invoke(app, words)
    assert not (tmp_path / "out" / "dose.json").exists()


def test_errors_of_the_scale_and_none(tmp_path: Path) -> None:
    """In even activity no outline matters: without a stated error no interval, no probability; with them what they add up to."""
    values = np.full((16, 16, 16), 2e6, np.float32)
    mask = np.zeros((16, 16, 16), np.uint8)
    mask[6:10, 6:10, 6:10] = 1
    words = (
        "dose", "--activity-map", made(tmp_path, values, "spect.nii.gz"), "--structures",
        made(tmp_path, mask, "normal liver.nii.gz"), "--total-activity", "0.5 GBq", "--method", "local",
        "--nuclide", "resin", "--scenario", "unilobar", "--lung-shunt", "15%",
    )  # fmt: skip
    plain = asked(*words)
    (liver,) = plain["structures"].values()
    assert liver["interval"] is None
    assert all(each["probability"] is None for each in plain["limits"])
    assert any("error of the total activity is not stated" in each for each in plain["warnings"])
    told = asked(*words, "--error", "total_activity=5%", "--error", "lung_shunt=30%", "-o", str(tmp_path / "out"))
    page = (tmp_path / "out" / "dose.html").read_text(encoding="utf-8")
    assert re.search(r"lung shunt \d+.%, total activity \d+.%", page)
    (liver,) = told["structures"].values()
    assert liver["interval"]["relative_sd"] == pytest.approx((0.05**2 + (0.045 / 0.85) ** 2) ** 0.5, rel=0.01)
    assert told["limits"][0]["probability"] is not None
    assert not any("is not stated" in each for each in told["warnings"])
    for wrong in ("residual=10%", "scanner=10%"):
        refused = run.invoke(app, ["sirt", *words, "--error", wrong])
        assert isinstance(refused.exception, UserError)
    assert run.invoke(app, ["sirt", *words, "--error", "lung_shunt"]).exit_code == 2


def test_image_without_warnings_stays_as_given() -> None:
    values = np.full((8, 8, 8), 2e6, np.float32)
    image = Image(values.copy(), Geometry(np.diag([4.0, 4.0, 4.0, 1.0]), (8, 8, 8)))
    from liverboard.sirt.activity_map import activity_map
    from liverboard.sirt.decay import nuclide

    activity_map(image, Stated(total_gbq=1.0), nuclide("Y-90"))
    assert (image.array == values).all()


def test_a_dicom_pet_hands_on_its_decay_frame_and_study_and_another_frame_is_refused(tmp_path: Path) -> None:
    import datetime as dt

    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence
    from tests.dicom_samples import WHEN, edit

    from liverboard.volume import LabelMap
    from liverboard.volume.write_dicom import Structure, write_ct_series, write_seg

    grid = Geometry(np.diag([4.0, 4.0, 4.0, 1.0]), (14, 12, 10))
    files = write_ct_series(
        Image(np.full(grid.shape, 2000, np.int16), grid), tmp_path / "pet", study_uid="1.2.3", series_uid="1.2.3.4",
        frame_of_reference_uid="1.2.3.5", series_number=1, description="pet", when=WHEN,
    )  # fmt: skip

    def as_pet(number: int, head: Any) -> None:
        head.Modality, head.Units, head.DecayCorrection, head.RescaleSlope = "PT", "BQML", "START", "1000"
        drug = Dataset()
        drug.RadiopharmaceuticalStartDateTime = (WHEN - dt.timedelta(hours=24)).strftime("%Y%m%d%H%M%S")
        drug.RadionuclideHalfLife = "230760"
        head.RadiopharmaceuticalInformationSequence = Sequence([drug])

    edit(files, as_pet)
    mask = np.zeros(grid.shape, np.uint8)
    mask[4:9, 4:8, 3:7] = 1
    drawn = [Structure(LabelMap(mask, grid, {1: "tumour"}), "lesion")]
    here = write_seg(tmp_path / "here.dcm", drawn, source=files, when=WHEN)
    elsewhere = write_seg(tmp_path / "elsewhere.dcm", drawn, when=WHEN)
    words = ["--activity-map", str(tmp_path / "pet"), "--structures"]
    found = asked("dose", *words, str(here), "-o", str(tmp_path / "out"))
    assert found["decay_factor"] == pytest.approx(1 / 0.77142, rel=1e-4)
    assert not any("units" in text or "decay" in text for text in found["warnings"])
    written = pydicom.dcmread(tmp_path / "out" / "dose-kernel.dcm")
    assert (written.FrameOfReferenceUID, written.StudyInstanceUID) == ("1.2.3.5", "1.2.3")
    refused = run.invoke(app, ["sirt", "dose", *words, str(elsewhere)])
    assert isinstance(refused.exception, UserError)
    assert "frames of reference" in refused.exception.message
    assert any("different frames" in text for text in asked("dose", *words, str(elsewhere), "--same-space")["warnings"])
