"""Our pools of the catalogue beside each published pool, and the plausibility table of the data set computed again. Writes results.json here.

python validation/evidence_pools/run.py
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from liverboard.evidence.catalogue import load_catalogue
from liverboard.evidence.checks import run_checks
from liverboard.evidence.published import beside_published
from liverboard.synthesis.intervals import expit
from liverboard.synthesis.proportions import pool_proportions
from liverboard.synthesis.random_effects import fit_effects

HERE = Path(__file__).parent

# name: techniques, outcome, then k, n, estimate, interval and I2 in percent as the README of the data set prints them
README = {
    "SIRT resin, disease control": (("sirt_resin",), "disease_control", (4, 283, 85.9, 81.4, 89.5, 0)),
    "SIRT resin, objective response": (("sirt_resin",), "objective_response", (4, 283, 45.4, 25.1, 67.2, 89)),
    "ablation, symptom response": (("rfa", "cryo", "laser"), "symptom_response", (4, 61, 91.9, 81.9, 96.6, 0)),
    "TAE/TACE, symptom response": (("tae", "tace_nos", "debtace", "tae_tace_mixed"), "symptom_response", (6, 184, 72.9, 59.9, 82.9, 58)),
    "DEB-TACE, biliary complication": (("debtace",), "biliary_complication", (3, 68, 16.9, 2.8, 59.1, 85)),
}  # fmt: skip


def plausibility() -> list[dict[str, object]]:
    """The rows that the README pools (procedures and overlapping cohorts included, which our rules do not), by the exact model and by its own method."""
    catalogue = load_catalogue()
    found: list[dict[str, object]] = []
    for name, (techniques, outcome, printed) in README.items():
        rows = [
            row
            for row in catalogue.of(techniques, outcome)
            if row.events is not None
            and row.n
            and row.unit_of_analysis in {"patient", "procedure"}
            and catalogue.arm(row).include_in_pooling
            and (not row.subgroup or row.subgroup == "hormonally active")
        ]
        labels = [row.study_id for row in rows]
        events, n = [row.events or 0 for row in rows], [row.n or 0 for row in rows]
        exact = pool_proportions(labels, events, n)
        theirs = readme_method(events, n)
        found.append(
            {
                "set": name,
                "k": len(rows),
                "n": sum(n),
                "readme": list(printed),
                "same_method": theirs,
                "exact_model": [_percent(exact.estimate), *(_percent(limit) for limit in exact.ci or ())],
            }
        )
    return found


def readme_method(events: list[int], n: list[int]) -> list[float]:
    """Estimate and interval in percent by DerSimonian and Laird on logits; the README adds 0.5 to both cells of every study, not only of those with an empty cell."""
    x, rest = np.array(events) + 0.5, np.array(n) - np.array(events) + 0.5
    fit = fit_effects(np.log(x / rest), 1 / x + 1 / rest, method="dl")
    low, high = fit.interval("z")
    return [round(100 * float(expit(value)), 1) for value in (fit.beta[0, 0], low[0, 0], high[0, 0])]


def _percent(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 1)


if __name__ == "__main__":
    catalogue = load_catalogue()
    findings = run_checks(catalogue)
    weights = {
        weight: sum(each.weight == weight and not each.on_page for each in findings)
        for weight in ("error", "doubt", "note")
    }
    document = {
        "catalogue": catalogue.hash,
        "arms": len(catalogue.arms),
        "outcomes": len(catalogue.outcomes),
        "findings": weights | {"on_page_only": sum(each.on_page for each in findings)},
        "plausibility": plausibility(),
        "published": [row.model_dump(mode="json") for row in beside_published(catalogue)],
    }
    (HERE / "results.json").write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for row in document["plausibility"]:  # pyright: ignore[reportGeneralTypeIssues]
        print(row)
    print(weights)
