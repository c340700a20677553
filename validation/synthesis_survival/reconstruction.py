"""People reconstructed from the exact steps of curves of which the truth is known: python validation/synthesis_survival/reconstruction.py

There is no reconstruction in Debian's R; the oracle (IPDfromKM on Bonner 2006) is among the tests. This measures what is lost with and without a risk table.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from liverboard.synthesis.cox import cox
from liverboard.synthesis.kaplan_meier import kaplan_meier
from liverboard.synthesis.observations import observe
from liverboard.synthesis.reconstruct import Reconstruction, clean_clicks, reconstruct

HERE = Path(__file__).parent
TRIALS = 200
GIVEN = ("risk table", "risk table and events", "events only", "neither")


def arm(rng: np.random.Generator, n: int, hazard: float) -> tuple[Any, Any]:
    t = rng.weibull(1.2, n) / hazard
    c = rng.uniform(0.3, 2.5, n) / rng.uniform(0.6, 1.4)
    return np.minimum(t, c), (t <= c).astype(int)


def again(time: Any, event: Any, given: str, error: float, rng: np.random.Generator) -> Reconstruction:
    """Clicks at both sides of every step, moved by a hand of the given standard deviation; a risk table of 6 columns."""
    curve = kaplan_meier(observe(time, event))
    step = curve.events > 0
    t = np.concatenate((np.repeat(curve.time[step], 2), curve.time[-1:]))
    s = np.concatenate(
        (
            np.column_stack((np.concatenate(([1.0], curve.survival[step][:-1])), curve.survival[step])).ravel(),
            curve.survival[-1:],
        )
    )
    s = np.clip(s + rng.normal(0, error, len(s)), 0, 1)
    grid = np.linspace(0, float(time.max()) * 0.9, 6)
    table = (grid.tolist(), [int(np.sum(time >= g)) for g in grid]) if given.startswith("risk") else None
    return reconstruct(
        clean_clicks(t, s), at_risk=table, n=len(time), events=int(event.sum()) if "events" in given else None
    )


def main() -> None:
    results: list[dict[str, Any]] = []
    for error in (0.0, 0.003):
        rng = np.random.default_rng(20240515)
        for given in GIVEN:
            off: list[float] = []
            events: list[float] = []
            ratios: list[float] = []
            passed = 0
            for _ in range(TRIALS):
                sizes = rng.integers(30, 300, 2)
                arms = [arm(rng, int(sizes[0]), 1.0), arm(rng, int(sizes[1]), float(np.exp(rng.normal(0, 0.4))))]
                found = [again(t, e, given, error, rng) for t, e in arms]
                for (t, e), r in zip(arms, found, strict=True):
                    truth = kaplan_meier(observe(t, e))
                    off.append(float(np.max(np.abs(kaplan_meier(r.observations()).at(truth.time) - truth.survival))))
                    events.append(100 * (r.events - int(e.sum())) / max(int(e.sum()), 1))
                    passed += r.passed
                hr = [
                    cox(
                        observe(np.concatenate([x[0] for x in pair]), np.concatenate([x[1] for x in pair])),
                        {"arm": np.repeat([0.0, 1.0], [len(x[0]) for x in pair])},
                    ).estimates[0]
                    for pair in (arms, [(r.time, r.event) for r in found])
                ]
                ratios.append(float(abs(hr[1] - hr[0])))
            results.append(
                {
                    "given": given,
                    "click_error": error,
                    "survival_off_mean": float(np.mean(off)),
                    "survival_off_95": float(np.quantile(off, 0.95)),
                    "events_off_percent_mean": float(np.mean(events)),
                    "events_off_percent_95": float(np.quantile(np.abs(events), 0.95)),
                    "log_hr_off_mean": float(np.mean(ratios)),
                    "log_hr_off_95": float(np.quantile(ratios, 0.95)),
                    "gate_passed_percent": 100 * passed / (2 * TRIALS),
                }
            )
    text = json.dumps({"trials": TRIALS, "rows": results}, indent=2)
    (HERE / "reconstruction.json").write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
