"""`sirt activity` as a user runs it: worked examples W7, W8 and W11, keys, units, refusals, limits, intervals."""

import json
import re
from typing import Any

import pytest
from typer.testing import CliRunner

from liverboard.cli.app import app
from liverboard.errors import BadInput, MissingData, UserError
from liverboard.knowledge import load_references

PARTITION = (
    "--product", "resin", "--model", "partition", "--lung-shunt", "5%", "--tn", "5", "--tumour", "200 g", "--normal", "1300 g",
)  # fmt: skip


def run(*words: str) -> str:
    done = CliRunner().invoke(app, ["sirt", "activity", *words], catch_exceptions=True)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


def plan(*words: str) -> dict[str, Any]:
    return json.loads(run(*words, "--json"))


def test_w7_both_ways() -> None:
    found = plan(*PARTITION, "--activity", "2 GBq")
    assert found["doses_gy"]["normal_liver"] == pytest.approx(41.03, abs=0.005)
    assert found["doses_gy"]["tumour"] == pytest.approx(205.16, abs=0.01)
    assert found["doses_gy"]["lung"] == pytest.approx(4.967, abs=0.0005)
    back = plan(*PARTITION, "--target-dose", "40 Gy", "--target", "normal_liver")
    assert back["activity_gbq"] == pytest.approx(1.9497, abs=5e-5)
    assert (back["convention"], back["constant_gy_kg_per_gbq"]) == ("concentration_ratio", 49.67)


@pytest.mark.parametrize(
    "masses", [("--normal", "1500 g"), ("--tumour", "200 mL", "--normal", "1.3 L", "--density", "1")]
)
def test_w8_single_compartment(masses: tuple[str, ...]) -> None:
    words = ("--product", "glass", "--model", "mird", "--lung-shunt", "5%", "--residual", "1%", *masses)
    found = plan(*words, "--target-dose", "120 Gy", "--target", "perfused")
    assert found["activity_gbq"] == pytest.approx(3.8532, abs=5e-5)
    assert found["delivered_gbq"] == pytest.approx(0.99 * 3.8532, abs=5e-5)
    assert any("mikell_2016" in warning for warning in found["warnings"])
    assert found["effects"] == {}


def test_w11_body_surface() -> None:
    words = ("--product", "resin", "--model", "bsa", "--lung-shunt", "5%", "--height", "170 cm", "--weight", "70 kg")
    found = plan(*words, "--tumour", "300 mL", "--liver", "1500 mL")
    assert found["activity_gbq"] == pytest.approx(1.8097, abs=5e-5)
    half = plan(*words, "--tumour", "300 mL", "--normal", "1200 mL", "--treated-share", "50%")
    assert half["activity_gbq"] == pytest.approx(1.8097 / 2, abs=5e-5)


def test_units_and_spellings_are_one() -> None:
    first = plan(*PARTITION, "--activity", "2 GBq", "--constant", "49.67", "--lung-mass", "1 kg", "--residual", "0%")
    other = ("--product", "resin", "--model", "partition", "--lung-shunt", "0.05", "--tn", "5", "--tumour", "0.2 kg")
    second = plan(
        *other, "--normal", "1250 mL", "--density", "1.04 g/mL", "--activity", "2000 MBq", "--constant",
        "49.67 Gy*kg/GBq", "--lung-mass", "1000 g", "--residual", "0",
    )  # fmt: skip
    assert second["doses_gy"] == pytest.approx(first["doses_gy"])
    assert not any("taken as" in warning for warning in first["warnings"])


def test_every_assumption_is_said() -> None:
    said = " ".join(plan(*PARTITION[:-1], "1250 mL", "--activity", "2 GBq")["warnings"])
    for words in ("1.04 g/mL", "lung mass taken as 1 kg", "residual taken as 0 %", "49.67", "no errors were stated", "neuroendocrine"):  # fmt: skip
        assert words in said
    assert "+0.66 %" in " ".join(plan(*PARTITION, "--activity", "2 GBq", "--constant", "50")["warnings"])
    ho = ("--product", "ho166", "--model", "mird", "--lung-shunt", "1%", "--normal", "1500 g", "--activity", "5 GBq")
    assert plan(*ho)["constant_gy_kg_per_gbq"] == 15.53
    assert "15.87 is not verified" in " ".join(plan(*ho)["warnings"])


def test_several_tumours_keep_their_own_doses_in_the_multi_model() -> None:
    words = (
        *PARTITION[:2],
        "--model",
        "multi",
        *PARTITION[4:6],
        "--tumour",
        "100 g",
        "--tumour",
        "100 g",
        "--normal",
        "1300 g",
    )
    found = plan(*words, "--tn", "10", "--tn", "2", "--activity", "2 GBq")["doses_gy"]
    assert found["tumour_1"] == pytest.approx(5 * found["tumour_2"])
    assert found["tumour"] == pytest.approx((found["tumour_1"] + found["tumour_2"]) / 2)
    back = plan(*words, "--tn", "10", "--tn", "2", "--target-dose", f"{found['tumour']} Gy", "--target", "tumour")
    assert back["activity_gbq"] == pytest.approx(2)
    pooled = plan(*PARTITION, "--tumour", "100 g", "--activity", "2 GBq")
    assert any("several tumours are not one" in warning for warning in pooled["warnings"])


def test_the_convention_of_kao_2013_is_asked_for_by_name() -> None:
    words = (
        *PARTITION[:6],
        "--tumour",
        "200 g",
        "--normal",
        "1300 g",
        "--convention",
        "kao_2013",
        "--activity",
        "2 GBq",
    )
    found = plan(*words, "--activity-ratio", "0.8", "--constant", "50")
    assert found["convention"] == "kao_2013"
    assert found["trapped_gbq"]["tumour"] == pytest.approx(0.8 * found["trapped_gbq"]["normal_liver"])
    with pytest.raises(BadInput, match="ratio of concentrations"):
        run(*words, "--tn", "5")
    with pytest.raises(BadInput, match="belongs to the convention of Kao"):
        run(*PARTITION, "--activity", "2 GBq", "--activity-ratio", "0.8")


def test_the_limit_that_binds_is_named_with_its_probability() -> None:
    errors = ("--error", "tn=25%", "--error", "activity=5%", "--error", "tumour=10%")
    found = plan(*PARTITION, "--activity", "1.8 GBq", "--scenario", "unilobar", *errors)
    assert found["binding"]["id"] == "normal_resin_unilobar"
    assert found["binding"]["activity_at_limit_gbq"] == pytest.approx(1.9497, abs=5e-5)
    check = next(each for each in found["limits"] if each["id"] == "normal_resin_unilobar")
    assert check["kept"] is True
    assert 0.5 < check["probability"] < 0.9
    assert re.search(r"below 40 Gy with \d\d % probability", check["says"])
    assert check["borrowed"].startswith("borrowed: no neuroendocrine row")
    interval = found["intervals"]["normal_liver"]
    assert interval["low"] < found["doses_gy"]["normal_liver"] < interval["high"]
    assert set(found["sources"]) <= set(load_references())


def test_the_whole_normal_liver_has_less_than_its_perfused_part() -> None:
    words = (
        "--product",
        "glass",
        "--model",
        "partition",
        *PARTITION[4:],
        "--activity",
        "4 GBq",
        "--scenario",
        "unilobar",
    )
    part, whole = plan(*words), plan(*words, "--liver", "2800 g")
    value = {
        k: next(c["value"] for c in p["limits"] if c["on"] == "normal_liver_whole")
        for k, p in (("p", part), ("w", whole))
    }
    assert value["w"] == pytest.approx(value["p"] / 2)
    with pytest.raises(BadInput, match="larger than the whole liver"):
        run(*words, "--liver", "1000 g")


def test_a_bed_has_its_band() -> None:
    effect = plan(*PARTITION, "--activity", "2 GBq")["effects"]["normal_liver"]
    assert effect["bed_band_gy"][0] < effect["bed_gy"] <= effect["bed_band_gy"][1]


@pytest.mark.parametrize(
    ("words", "kind", "says"),
    [
        ((*PARTITION, "--activity", "2"), BadInput, "has no unit"),
        ((*PARTITION, "--activity=-2 GBq"), BadInput, "cannot be -2"),
        ((*PARTITION, "--activity", "nan GBq"), BadInput, "expected a number"),
        ((*PARTITION, "--activity", "0 GBq"), BadInput, "0 GBq"),
        (PARTITION, BadInput, "either an activity or a dose"),
        ((*PARTITION, "--activity", "2 GBq", "--target-dose", "1 Gy"), BadInput, "either an activity or a dose"),
        ((*PARTITION, "--target-dose", "40 Gy"), MissingData, "target of the dose is not named"),
        ((*PARTITION, "--activity", "2 GBq", "--error", "luck=5%"), BadInput, "luck"),
        ((*PARTITION, "--activity", "2 GBq", "--density", "1040"), BadInput, "no density"),
        ((*PARTITION, "--activity", "2 GBq", "--tn", "4"), BadInput, "2 ratios"),
        ((*PARTITION, "--activity", "2 GBq", "--lung-shunt", "100%"), BadInput, "nothing in the liver"),
        ((*PARTITION, "--activity", "2 GBq", "--lung-shunt", "8"), BadInput, "write '8 %'"),
        ((*PARTITION, "--activity", "2 GBq", "--tumour", "0 mL"), BadInput, "above 0"),
        ((*PARTITION, "--activity", "2 GBq", "--condition", "young"), BadInput, "young"),
        ((*PARTITION[:2], "--model", "mird", *PARTITION[4:], "--target-dose", "1 Gy", "--target", "tumour"), BadInput, "one dose"),
        (("--product", "glass", "--model", "bsa", "--lung-shunt", "5%"), BadInput, "resin"),
        (("--product", "resin", "--model", "bsa", "--lung-shunt", "5%", "--liver", "1 L"), MissingData, "height"),
        (("--product", "resin", "--model", "bsa", "--lung-shunt", "5%", "--liver", "1 L", "--activity", "1 GBq"), BadInput, "itself"),
        (("--product", "resin", "--model", "partition", "--lung-shunt", "5%"), MissingData, "needs a tumour"),
    ],
)  # fmt: skip
def test_what_cannot_be_computed_is_told(words: tuple[str, ...], kind: type[UserError], says: str) -> None:
    with pytest.raises(kind) as told:
        run(*words)
    assert says in str(told.value)


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(BadInput) as told:
        run("--product", "sand", "--model", "best", "--lung-shunt", "5", "--tumour", "200")
    assert len(told.value.problems) == 4


def test_the_screen_shows_what_matters() -> None:
    shown = run(*PARTITION, "--activity", "2 GBq", "--scenario", "unilobar")
    assert "2.000 GBq" in shown
    assert "not kept (3 % over)" in shown
    assert "binds: reached at 1.95 GBq, 3 % less than planned" in shown
