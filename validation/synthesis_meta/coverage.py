"""Coverage of nominal 95 % intervals of a pooled proportion, by simulation: python validation/synthesis_meta/coverage.py [replicates]

The table of the methods note again: truth expit(mu) in the typical study, sizes uniform in a range, spread tau on the logit scale. Beside the exact model (z and
t) stand logits by inverse variance (REML; z and Hartung-Knapp) and Freeman-Tukey (Hartung-Knapp, harmonic mean).
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from liverboard.synthesis.intervals import FloatArray, clopper_pearson, expit, logit, normal_quantile, t_quantile
from liverboard.synthesis.proportions import fit_proportions
from liverboard.synthesis.random_effects import fit_effects
from liverboard.synthesis.transformed import freeman_tukey_back

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Scenario:
    """A row of the table; `printed` holds what the methods note gives: coverage of glmm z, glmm t, iv z, iv hk, ft hk, then mean estimate of glmm, iv, ft."""

    k: int
    sizes: tuple[int, int]
    p: float
    tau: float
    printed: tuple[float, ...]


NAMES = ("glmm_z", "glmm_t", "iv_z", "iv_hk", "ft_hk", "mean_glmm", "mean_iv", "mean_ft")
SCENARIOS = (
    Scenario(6, (8, 40), 0.03, 0, (0.960, 0.983, 0.870, 0.772, 0.881, 0.029, 0.047, 0.019)),
    Scenario(6, (8, 40), 0.03, 0.7, (0.911, 0.945, 0.751, 0.684, 0.900, 0.032, 0.054, 0.024)),
    Scenario(6, (8, 40), 0.10, 0.7, (0.901, 0.948, 0.860, 0.896, 0.946, 0.103, 0.127, 0.099)),
    Scenario(6, (8, 40), 0.50, 0.7, (0.874, 0.936, 0.892, 0.949, 0.940, 0.501, 0.501, 0.501)),
    Scenario(6, (8, 40), 0.90, 0.7, (0.902, 0.948, 0.836, 0.893, 0.950, 0.895, 0.871, 0.899)),
    Scenario(12, (8, 60), 0.03, 0, (0.968, 0.983, 0.765, 0.592, 0.818, 0.029, 0.043, 0.020)),
    Scenario(12, (8, 60), 0.03, 0.7, (0.912, 0.936, 0.544, 0.470, 0.875, 0.031, 0.050, 0.024)),
    Scenario(12, (8, 60), 0.10, 0.7, (0.913, 0.939, 0.784, 0.844, 0.938, 0.103, 0.124, 0.101)),
    Scenario(12, (8, 60), 0.50, 0.7, (0.930, 0.960, 0.948, 0.969, 0.964, 0.499, 0.499, 0.499)),
    Scenario(12, (8, 60), 0.90, 0.7, (0.921, 0.946, 0.805, 0.852, 0.946, 0.898, 0.877, 0.900)),
)


def simulate(row: Scenario, replicates: int, seed: int) -> dict[str, float]:
    """Coverage and mean estimate of each method in one scenario."""
    rng = np.random.default_rng(seed)
    n = rng.integers(row.sizes[0], row.sizes[1] + 1, (replicates, row.k))
    mu = float(logit(row.p))
    x = rng.binomial(n, expit(mu + row.tau * rng.standard_normal((replicates, row.k))))
    return exact(row, x, n) | approximate(row, x.astype(float), n.astype(float))


def exact(row: Scenario, x: np.ndarray, n: np.ndarray) -> dict[str, float]:
    """The exact model; where it has nothing to estimate, the exact interval of the pooled counts."""
    fit = fit_proportions(x, n)
    low, high = clopper_pearson(x.sum(axis=1), n.sum(axis=1))
    estimate = np.where(fit.converged, expit(fit.beta[:, 0]), x.sum(axis=1) / n.sum(axis=1))
    found: dict[str, float] = {}
    for name, q in (("glmm_z", normal_quantile(0.975)), ("glmm_t", float(t_quantile(0.975, row.k - 1)))):
        with np.errstate(invalid="ignore"):
            inside = np.abs(fit.beta[:, 0] - float(logit(row.p))) <= q * fit.se[:, 0]
        found[name] = float(np.where(fit.converged, inside, (low <= row.p) & (row.p <= high)).mean())
    return found | {"mean_glmm": float(estimate.mean())}


def approximate(row: Scenario, x: FloatArray, n: FloatArray) -> dict[str, float]:
    half = np.where((x == 0) | (x == n), 0.5, 0.0)
    a, b = x + half, n - x + half
    logits = fit_effects(np.log(a / b), 1 / a + 1 / b)
    found: dict[str, float] = {"mean_iv": float(expit(logits.beta[:, 0]).mean())}
    for name, ci in (("iv_z", "z"), ("iv_hk", "hk")):
        low, high = (expit(limit[:, 0]) for limit in logits.interval(ci))
        found[name] = float(((low <= row.p) & (row.p <= high)).mean())
    t = 0.5 * (np.arcsin(np.sqrt(x / (n + 1))) + np.arcsin(np.sqrt((x + 1) / (n + 1))))
    arcs = fit_effects(t, 1 / (4 * n + 2))
    harmonic = row.k / (1 / n).sum(axis=1)
    low, high = (freeman_tukey_back(limit[:, 0], harmonic) for limit in arcs.interval("hk"))
    found["ft_hk"] = float(((low <= row.p) & (row.p <= high)).mean())
    return found | {"mean_ft": float(freeman_tukey_back(arcs.beta[:, 0], harmonic).mean())}


def error(printed: float, replicates: int, printed_replicates: int = 1000) -> float:
    """Monte Carlo standard error of the difference between a simulated and a printed coverage."""
    return float(np.sqrt(printed * (1 - printed) * (1 / replicates + 1 / printed_replicates)))


def main() -> None:
    replicates = int(sys.argv[1]) if len(sys.argv) > 1 else 20000
    rows: list[dict[str, object]] = []
    for seed, row in enumerate(SCENARIOS):
        ours = simulate(row, replicates, 7 + seed)
        printed = dict(zip(NAMES, row.printed, strict=True))
        apart = {name: (ours[name] - printed[name]) / error(printed[name], replicates) for name in NAMES[:5]}
        rows.append({**asdict(row), "printed": printed, "ours": ours, "apart_in_standard_errors": apart})
        print(row.k, row.p, row.tau, {n: (round(ours[n], 3), printed[n], round(apart.get(n, 0), 1)) for n in NAMES})
    (HERE / "coverage.json").write_text(json.dumps({"replicates": replicates, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
