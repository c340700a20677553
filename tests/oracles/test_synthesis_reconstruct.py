"""Oracle 07: two arms of Bonner 2006, digitised, against IPDfromKM 0.1.10 and the published hazard ratio."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from liverboard.synthesis.cox import cox
from liverboard.synthesis.kaplan_meier import kaplan_meier
from liverboard.synthesis.logrank import logrank
from liverboard.synthesis.observations import observe
from liverboard.synthesis.reconstruct import Reconstruction, clean_clicks, reconstruct

DATA = Path(__file__).parent / "data" / "evidence"
ORACLE = json.loads((DATA / "07_bonner2006_km_reconstruction.json").read_text(encoding="utf-8"))
EXPECTED, TOLERANCE = ORACLE["expected"], ORACLE["tolerance"]
ARMS = ("radio", "radioplus")


def read(arm: str, what: str) -> tuple[list[float], list[float]]:
    with (DATA / "07_bonner2006_km_reconstruction.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if (row["arm"], row["row"]) == (arm, what)]
    return [float(row["time"]) for row in rows], [float(row["value"]) for row in rows]


@pytest.fixture(scope="module")
def arms() -> dict[str, Reconstruction]:
    return {arm: reconstruct(clean_clicks(*read(arm, "click")), at_risk=read(arm, "atrisk")) for arm in ARMS}


@pytest.mark.parametrize("arm", ARMS)
def test_people(arms: dict[str, Reconstruction], arm: str) -> None:
    found, expected = arms[arm], EXPECTED[arm]
    assert found.n == expected["n"]
    assert found.events == pytest.approx(expected["events"], rel=0.03)
    assert [row.at_risk for row in found.intervals] == [row["nrisk"] for row in expected["riskmat"]]
    assert found.passed


@pytest.mark.parametrize("arm", ARMS)
def test_survival_and_median(arms: dict[str, Reconstruction], arm: str) -> None:
    curve = kaplan_meier(arms[arm].observations())
    assert curve.at([12, 24, 36, 48]) == pytest.approx(EXPECTED["S_12_24_36_48"][arm], abs=TOLERANCE["S"])
    clicks = np.array(read(arm, "click")[0])
    assert curve.median is not None
    assert abs(np.searchsorted(clicks, curve.median) - np.searchsorted(clicks, EXPECTED["median"][arm])) <= 1


def test_hazard_ratio(arms: dict[str, Reconstruction]) -> None:
    both = observe(np.concatenate([arms[arm].time for arm in ARMS]), np.concatenate([arms[arm].event for arm in ARMS]))
    treated = np.repeat([0.0, 1.0], [arms[arm].n for arm in ARMS])
    (term,) = cox(both, {"treated": treated}).coefficients
    assert np.exp(term.estimate) == pytest.approx(EXPECTED["cox"]["HR"], abs=TOLERANCE["HR"])
    assert np.exp(term.estimate) == pytest.approx(ORACLE["published"]["HR_locoregional_control"], rel=0.08)
    assert logrank(both, treated).chi2 == pytest.approx(EXPECTED["logrank_chisq"], rel=0.03)


def test_without_a_risk_table_the_events_are_too_many_and_the_flag_is_red(arms: dict[str, Reconstruction]) -> None:
    found = reconstruct(clean_clicks(*read("radio", "click")), n=213)
    assert found.red_flag and not found.passed
    assert found.events > 1.1 * arms["radio"].events
    assert any("No risk table" in warning for warning in found.warnings)
