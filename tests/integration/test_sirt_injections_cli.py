"""Moments, vials and several injections as a user asks for them: against hand arithmetic, the single injection, and what must be refused."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from liverboard.cli.app import app
from liverboard.errors import BadInput, MissingData, UserError

C = 49.67
ONE = ("--model", "multi", "--lung-shunt", "5%", "--tumour", "200 g", "--tn", "5", "--normal", "1300 g")
TWO = """
whole: {T1: 60 g}
injections:
  - name: right
    at: 2024-06-12T10:00+02:00
    lung_shunt: 5 %
    residual: 1 %
    tumours: {T1: 40 g, T2: 100 g}
    tn: {T1: 4, T2: 6}
    normal: 800 g
    activity: 1.4 GBq
  - name: left
    at: 2024-06-12T11:00+02:00
    lung_shunt: 3 %
    tumours: {T1: 20 g, T3: 30 g}
    tn: 4
    normal: 500 g
    activity: 0.6 GBq
"""


def invoke(*words: str) -> Any:
    done = CliRunner().invoke(app, ["sirt", "activity", "--product", "resin", *words], catch_exceptions=True)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def plan(*words: str) -> dict[str, Any]:
    done = invoke(*words, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def several(folder: Path, text: str, *words: str) -> dict[str, Any]:
    file = folder / "injections.yaml"
    file.write_text(text)
    return plan("--injections", str(file), *words)


def test_two_injections_by_hand(tmp_path: Path) -> None:
    found = several(tmp_path, TWO, "--scenario", "bilobar", "--prior-lung-dose", "2 Gy")
    right = 1.4 * 0.99 * 0.95 / (4 * 40 + 6 * 100 + 800)  # GBq a gram of normal liver
    left = 0.6 * 0.97 / (4 * 20 + 4 * 30 + 500)
    gy = {
        "right/normal_liver": C * 1000 * right,
        "left/normal_liver": C * 1000 * left,
        "T1": C * 1000 * (4 * 40 * right + 4 * 20 * left) / 60,
        "T2": C * 1000 * 6 * right,
        "T3": C * 1000 * 4 * left,
        "lung": C * (1.4 * 0.99 * 0.05 + 0.6 * 0.03),
        "normal_liver": C * 1000 * (800 * right + 500 * left) / 1300,
    }
    for name, dose in gy.items():
        assert found["doses_gy"][name] == pytest.approx(dose, rel=1e-9), name
    tumour = (60 * gy["T1"] + 100 * gy["T2"] + 30 * gy["T3"]) / 190
    assert found["doses_gy"]["tumour"] == pytest.approx(tumour, rel=1e-9)
    assert found["activity_gbq"] == pytest.approx(2.0)
    assert [each["name"] for each in found["injections"]] == ["right", "left"]
    limits = {each["on"]: each for each in found["limits"]}
    assert limits["normal_liver"]["value"] == pytest.approx(max(gy["right/normal_liver"], gy["left/normal_liver"]))
    assert limits["lung_cumulative"]["value"] == pytest.approx(gy["lung"] + 2)
    assert math.fsum(found["trapped_gbq"].values()) == pytest.approx(found["delivered_gbq"])


def test_the_lungs_of_two_days_are_two_sessions(tmp_path: Path) -> None:
    found = several(tmp_path, TWO.replace("at: 2024-06-12T11", "at: 2024-07-12T11"), "--prior-lung-dose", "0 Gy")
    limits = {each["on"]: each["value"] for each in found["limits"]}
    assert limits["lung"] == pytest.approx(C * 1.4 * 0.99 * 0.05)
    assert limits["lung_cumulative"] == pytest.approx(found["doses_gy"]["lung"]) != pytest.approx(limits["lung"])


def test_one_injection_in_a_file_is_the_plan_of_the_options(tmp_path: Path) -> None:
    text = "injections:\n  - name: all\n    tumours: {T1: 200 g}\n"
    words = ("--lung-shunt", "5%", "--tn", "5", "--target-dose", "40 Gy", "--target", "normal_liver", "--error", "tn=20%", "--error", "lung_shunt=30%")  # fmt: skip
    found = several(tmp_path, text + "    normal: 1300 g\n", *words)
    single = plan(*words, "--model", "multi", "--tumour", "200 g", "--normal", "1300 g")
    assert found["activity_gbq"] == pytest.approx(single["activity_gbq"]) == pytest.approx(1.9497, abs=5e-5)  # W7
    for name in ("tumour", "normal_liver", "lung"):
        assert found["doses_gy"][name] == pytest.approx(single["doses_gy"][name])
        for end in ("low", "high"):
            assert found["intervals"][name][end] == pytest.approx(single["intervals"][name][end], rel=1e-6), name


@pytest.mark.parametrize(
    ("change", "line", "says"),
    [
        (("lung_shunt: 3 %", "lung_shunt: 103 %"), None, "left: the lung shunt cannot be 1.03"),
        (("lung_shunt: 3 %", "lung_shnt: 3 %"), 14, "did you mean 'lung_shunt'"),
        (("normal: 500 g", "normal: 500"), 17, "unit"),
        (("+02:00\n    lung_shunt: 3", "\n    lung_shunt: 3"), 13, "no time zone"),
        (("T1: 4, T2: 6", "T1: 4, T9: 6"), 9, "do not have the same names"),
        (("whole: {T1: 60 g}", ""), None, "its whole volume is not stated"),
        (("T1: 60 g", "T1: 30 g"), None, "more of T1 than the whole"),
        (("T1: 60 g", "T1: 60 g, T7: 1 g"), None, "no injection reaches 'T7'"),
        (("name: left", "name: right"), None, "share a name"),
        (("T3: 30 g", "lung: 30 g"), None, "cannot be named 'lung'"),
    ],
)
def test_what_is_wrong_in_the_file_is_said_with_its_line(
    tmp_path: Path, change: tuple[str, str], line: int | None, says: str
) -> None:
    assert change[0] in TWO
    with pytest.raises(UserError) as caught:
        several(tmp_path, TWO.replace(*change))
    told = str(caught.value)
    assert says in told, told
    if line is not None and "line" in told:
        assert f"line {line}" in told, told
    assert "Traceback" not in told


def test_a_file_that_holds_none(tmp_path: Path) -> None:
    for text in ("", "injections: []", "- 1", "injections: [1]", "a: &x 1\nb: *x", "whole: 3\ninjections:\n  - {}"):
        with pytest.raises(BadInput):
            several(tmp_path, text)
    with pytest.raises(BadInput, match="cannot be read"):
        plan("--injections", str(tmp_path / "none.yaml"))
    with pytest.raises(BadInput, match="belongs to one injection"):
        several(tmp_path, TWO, "--normal", "1 L")


def test_vials_in_the_result(tmp_path: Path) -> None:
    shared = several(tmp_path, TWO, "--calibrated", "2024-06-12T18:00-04:00")
    (vial,) = shared["vials"]
    assert (vial["count"], [each["injection"] for each in vial["drawn"]]) == (1, ["right", "left"])
    assert [each["hours"] for each in shared["times"]] == [-14, -13]
    assert any("before the calibration" in text for text in shared["warnings"])
    with pytest.raises(MissingData, match="moment"):
        several(tmp_path, TWO.replace("    at: 2024-06-12T11:00+02:00\n", ""), "--calibrated", "2024-06-12T08:00Z")
    glass = ("--product", "glass", "--model", "mird", "--lung-shunt", "5%", "--normal", "936 g", "--target-dose", "120 Gy")  # fmt: skip
    moments = ("--calibrated", "2024-06-09T12:00-04:00", "--injection", "2024-06-12 10:00 Europe/Berlin")
    found = plan(*glass, *moments, "--scenario", "unilobar")
    first = found["vials"][0]
    assert first["vial_gbq"] == 5
    assert first["activity_gbq"] == pytest.approx(5 * math.exp(-math.log(2) * 64 / 64.1))
    assert first["excess_percent"] == pytest.approx(100 * (first["activity_gbq"] / found["activity_gbq"] - 1))
    assert first["within_binding_limit"] is True
    text = invoke(*glass, *moments).output
    assert "vial     5 GBq calibrated 2024-06-09 12:00 -0400" in text


def test_a_measured_activity_decays_to_the_injection() -> None:
    found = plan(
        *ONE, "--activity", "2 GBq", "--measured", "2024-06-12T08:00+02:00", "--injection", "2024-06-13T08:00+02:00"
    )
    assert found["activity_gbq"] == pytest.approx(2 * 0.77142, abs=1e-4)
    assert any("measured 24.0 h before" in text for text in found["warnings"])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((*ONE, "--activity", "2 GBq", "--injection", "2024-06-12T10:00"), "no time zone"),
        ((*ONE, "--activity", "2 GBq", "--measured", "2024-06-12T08:00Z"), "one moment of injection"),
        ((*ONE, "--activity", "2 GBq", "--half-life", "26.8 h"), "is not that of Y-90"),
        ((*ONE, "--activity", "2 GBq", "--half-life", "2.67 h"), "days and seconds were mixed up"),
        ((*ONE, "--activity", "4 GBq", "--vial", "3 GBq", "--calibrated", "2024-06-12T08:00Z", "--injection", "2024-06-12T09:00Z"), "do not serve"),
        ((*ONE, "--activity", "1 GBq", "--calibrated", "2024-06-15T08:00Z", "--injection", "2024-06-12T09:00Z"), "before the calibration"),
        (("--model", "empirical", "--lung-shunt", "5%"), "no source of its table"),
    ],
)  # fmt: skip
def test_bad_moments_and_vials(words: tuple[str, ...], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        invoke(*words)


def test_holmium_is_ordered_for_its_patient() -> None:
    found = plan(
        "--product", "ho166", "--model", "mird", "--lung-shunt", "5%", "--normal", "1500 g", "--target-dose", "60 Gy",
        "--calibrated", "2024-06-11T10:00+02:00", "--injection", "2024-06-12T10:00+02:00",
    )  # fmt: skip
    assert found["activity_gbq"] == pytest.approx(60 * 1.5 / (15.53 * 0.95))
    assert found["vials"][0]["vial_gbq"] == pytest.approx(found["activity_gbq"] / 0.53755, rel=1e-4)


def test_a_half_life_that_is_nearly_the_same_is_said() -> None:
    found = plan(*ONE, "--activity", "2 GBq", "--half-life", "64.2 h")
    assert any("half-life of 64.2 h" in text for text in found["warnings"])


def test_model_and_shunt_are_needed_without_a_file() -> None:
    assert invoke("--lung-shunt", "5%").exit_code == 2
    assert invoke("--model", "mird").exit_code == 2
