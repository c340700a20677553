"""The plausibility table of the data set's README, computed there with another program: DerSimonian and Laird on logits, 0.5 added in every study.

It pools what our rules do not pool (procedures, overlapping cohorts, symptomatic subgroups): it is an oracle of the carried data, not of the rules.
"""

from __future__ import annotations

import math

import pytest

from liverboard.evidence.catalogue import load_catalogue

TABLE = {
    "SIRT resin, disease control": (("sirt_resin",), "disease_control", 4, 283, 85.9, 81.4, 89.5, 0),
    "SIRT resin, objective response": (("sirt_resin",), "objective_response", 4, 283, 45.4, 25.1, 67.2, 89),
    "ablation, symptom response": (("rfa", "cryo", "laser"), "symptom_response", 4, 61, 91.9, 81.9, 96.6, 0),
    "TAE/TACE, symptom response": (
        ("tae", "tace_nos", "debtace", "tae_tace_mixed"),
        "symptom_response",
        6,
        184,
        72.9,
        59.9,
        82.9,
        58,
    ),
    "DEB-TACE, biliary complication": (("debtace",), "biliary_complication", 3, 68, 16.9, 2.8, 59.1, 85),
}


def dersimonian_laird(counts: list[tuple[int, int]]) -> tuple[float, float, float, float]:
    """Pooled percentage with its 95 % interval, and I2 in percent. Written out here, apart from the package."""
    y: list[float] = []
    v: list[float] = []
    for x, n in counts:
        a, b = x + 0.5, n - x + 0.5
        y.append(math.log(a / b))
        v.append(1 / a + 1 / b)
    w = [1 / each for each in v]
    fixed = sum(wi * yi for wi, yi in zip(w, y, strict=True)) / sum(w)
    q = sum(wi * (yi - fixed) ** 2 for wi, yi in zip(w, y, strict=True))
    df = len(y) - 1
    tau2 = max(0.0, (q - df) / (sum(w) - sum(wi**2 for wi in w) / sum(w)))
    w = [1 / (each + tau2) for each in v]
    mu, half = sum(wi * yi for wi, yi in zip(w, y, strict=True)) / sum(w), 1.959964 / math.sqrt(sum(w))

    def back(t: float) -> float:
        return 100 / (1 + math.exp(-t))

    return back(mu), back(mu - half), back(mu + half), max(0.0, 100 * (q - df) / q) if q else 0.0


@pytest.mark.parametrize("name", TABLE)
def test_the_carried_data_give_the_readme_s_figures(name: str) -> None:
    techniques, outcome, k, n, *figures = TABLE[name]
    catalogue = load_catalogue()
    used = [
        (row.events, row.n)
        for row in catalogue.of(techniques, outcome)
        if row.events is not None
        and row.n
        and row.unit_of_analysis in {"patient", "procedure"}
        and catalogue.arm(row).include_in_pooling
        and (not row.subgroup or row.subgroup == "hormonally active")
    ]
    assert (len(used), sum(size for _, size in used)) == (k, n)
    for ours, theirs in zip(dersimonian_laird(used), figures, strict=True):
        assert ours == pytest.approx(theirs, abs=0.5 if theirs == figures[-1] else 0.06)
