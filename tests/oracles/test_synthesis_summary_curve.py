"""Oracle 06: untreated hepatocellular carcinoma, 27 arms, against metaSurvival 0.1.0 with the correction of the arcsine."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from liverboard.synthesis.summary_curve import CurveCells, Method, curve_cells, summary_curve

DATA = Path(__file__).parent / "data" / "evidence"
ORACLE = json.loads((DATA / "06_cabibbo_untreated_hcc_summary_survival.json").read_text(encoding="utf-8"))
EXPECTED = ORACLE["expected_corrected"]
S, MONTE_CARLO = ORACLE["tolerance"]["S"], ORACLE["tolerance"]["mc"]


@pytest.fixture(scope="module")
def cells() -> CurveCells:
    with (DATA / "06_cabibbo_untreated_hcc_summary_survival.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    numbers = ([float(row[name]) for row in rows] for name in ("Time", "Survival", "NbRisk"))
    return curve_cells([row["Study"] for row in rows], *numbers)


@pytest.mark.parametrize("method", ["fixed", "random"])
def test_curve(cells: CurveCells, method: Method) -> None:
    found, expected = summary_curve(cells, method=method), EXPECTED[method]
    assert found.k == 27
    assert found.time.tolist() == expected["time"]
    assert found.survival == pytest.approx(expected["S"], abs=S)
    # the oracle's limits use z = 1.96, ours the quantile itself: the same half width in units of z
    for limit, name in ((found.lower, "lb"), (found.upper, "ub")):
        half = np.abs(np.log(limit / found.survival)) / 1.959963984540054
        assert half == pytest.approx(np.abs(np.log(np.array(expected[name]) / expected["S"])) / 1.96, abs=S)


def test_heterogeneity(cells: CurveCells) -> None:
    found, expected = summary_curve(cells, draws=0), EXPECTED["heterogeneity"]
    assert (found.q, found.h2, found.i2_percent) == pytest.approx(
        (expected["Q"], expected["H2"], expected["I2"]), abs=S
    )


@pytest.mark.parametrize("method", ["fixed", "random"])
def test_median_and_mean(cells: CurveCells, method: Method) -> None:
    found = summary_curve(cells, method=method)
    assert found.median == pytest.approx(EXPECTED[f"median_{method}"], abs=S)
    assert found.mean == pytest.approx(EXPECTED[f"mean_{method}"], abs=S)
    assert found.median_ci == pytest.approx(EXPECTED[f"median_{method}_ci_mc"], rel=MONTE_CARLO)
