"""Oracle 10: Lan-DeMets boundaries and the required information size, against ldbounds 2.0-2."""

import json
from pathlib import Path

import pytest

from liverboard.synthesis.sequential import Spending, boundaries, required_information_size

ORACLE = json.loads(
    (Path(__file__).parent / "data" / "evidence" / "10_sequential_boundaries.json").read_text(encoding="utf-8")
)
EXPECTED = ORACLE["expected"]
EQUAL, UNEQUAL = (0.2, 0.4, 0.6, 0.8, 1.0), (0.13, 0.37, 0.44, 0.81, 1.0)


@pytest.mark.parametrize(
    ("times", "spending", "name"),
    [
        (EQUAL, "obrien_fleming", "OBF_equal"),
        (UNEQUAL, "obrien_fleming", "OBF_unequal"),
        (EQUAL, "pocock", "Pocock_equal"),
    ],
)
def test_boundaries(times: tuple[float, ...], spending: Spending, name: str) -> None:
    assert boundaries(times, spending=spending).z == pytest.approx(EXPECTED[name], abs=ORACLE["tolerance"]["bounds"])


def test_nominal_p() -> None:
    assert boundaries(EQUAL).nominal_p == pytest.approx(EXPECTED["OBF_nominal_p_equal"], abs=1e-5)


@pytest.mark.parametrize("row", EXPECTED["RIS"])
def test_information_size(row: dict[str, float]) -> None:
    size = required_information_size(row["pc"], row["rrr"], alpha=row["alpha"], beta=row["beta"], diversity=row["D2"])
    assert size == pytest.approx(row["N"], abs=ORACLE["tolerance"]["N"])
