"""Meta-analysis beside R (metafor, lme4) on random data sets, nasty ones among them: python validation/synthesis_meta/run.py [sets a family]"""

from __future__ import annotations

import csv
import json
import math
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from liverboard.errors import BadInput
from liverboard.synthesis.effects import given_effects, two_by_two
from liverboard.synthesis.intervals import clopper_pearson, poisson_exact
from liverboard.synthesis.likelihoods import Binomial, Poisson
from liverboard.synthesis.mixed import NODES, evaluate, fit_mixed
from liverboard.synthesis.odds_ratios import informative, mantel_haenszel, peto, pool_odds_ratios
from liverboard.synthesis.pool import pool_effects
from liverboard.synthesis.random_effects import fit_effects
from liverboard.synthesis.regression import numeric_design, regress_effects

HERE = Path(__file__).parent
Rows = list[tuple[float, ...]]
Values = dict[str, float]
METHODS = {
    "DL": "dl",
    "REML": "reml",
    "PM": "pm",
    "ML": "ml",
    "HE": "he",
    "HS": "hs",
    "SJ": "sj",
    "EB": "eb",
    "FE": "fixed",
}


def proportions(rng: np.random.Generator) -> Rows:
    """k 2..25; sizes 1..60, or up to a million; rare, even and nearly certain events; spread none to wide."""
    k, most = int(rng.integers(2, 26)), int(rng.choice([20, 60, 60, 1000, 1_000_000]))
    n = rng.integers(1, most + 1, k)
    logit = rng.choice([-5, -3.5, -2, 0, 2, 3.5]) + rng.choice([0, 0.3, 0.7, 1.5]) * rng.standard_normal(k)
    return list(zip(rng.binomial(n, 1 / (1 + np.exp(-logit))).tolist(), n.tolist(), strict=True))


def rates(rng: np.random.Generator) -> Rows:
    k = int(rng.integers(2, 26))
    time_ = np.round(rng.uniform(0.5, rng.choice([20, 200, 20_000]), k), 2)
    log_rate = rng.choice([-5, -3, -1, 1]) + rng.choice([0, 0.3, 0.7, 1.5]) * rng.standard_normal(k)
    return list(zip(rng.poisson(time_ * np.exp(log_rate)).tolist(), time_.tolist(), strict=True))


def effects(rng: np.random.Generator) -> Rows:
    """k 2..40; variances even or over six orders; effects alike, spread, far from zero (tiny p), or with ties."""
    k = int(rng.integers(2, 41))
    v = 10 ** rng.uniform(-1, rng.choice([-0.9, 0.5, 5]), k) * float(rng.choice([1e-4, 0.01, 1]))
    y = rng.choice([0, 0.3, 50]) + rng.standard_normal(k) * np.sqrt(v + rng.choice([0, 0.05, 1]))
    if rng.random() < 0.15:
        y = np.round(y, 1)
    return list(zip(y.tolist(), v.tolist(), strict=True))


def regressions(rng: np.random.Generator) -> Rows:
    k = int(rng.integers(4, 31))
    x = rng.choice([rng.standard_normal(k), rng.integers(0, 2, k).astype(float), 2000 + rng.integers(0, 20, k)], axis=0)
    if np.ptp(x) == 0:
        x[0] += 1
    v = 10 ** rng.uniform(-2, 0, k)
    y = 0.2 * (x - x.mean()) + rng.standard_normal(k) * np.sqrt(v + rng.choice([0, 0.2]))
    return list(zip(y.tolist(), v.tolist(), x.tolist(), strict=True))


def tables(rng: np.random.Generator) -> Rows:
    """Two-by-two tables, many with empty cells, some without any event in either arm."""
    k, most = int(rng.integers(2, 20)), int(rng.choice([15, 60, 400]))
    n1, n2 = rng.integers(2, most, k), rng.integers(2, most, k)
    p = rng.choice([0.02, 0.1, 0.5])
    odds = p / (1 - p) * np.exp(rng.choice([-1, 0, 0.5]) + rng.choice([0, 0.6]) * rng.standard_normal(k))
    a, c = rng.binomial(n1, odds / (1 + odds)), rng.binomial(n2, p)
    return list(zip(a.tolist(), n1.tolist(), c.tolist(), n2.tolist(), strict=True))


def intervals(rng: np.random.Generator) -> Rows:
    n = int(rng.choice([1, 5, 30, 1000, 10**6]))
    return [(int(rng.choice([0, n, rng.integers(0, n + 1)])), n)]


def ours_counts(rows: Rows, family: type[Binomial] | type[Poisson]) -> Values:
    x, n = (np.array(c, dtype=float) for c in zip(*rows, strict=True))
    counts = family.of(x, n)
    fit = fit_mixed(counts, np.ones((len(x), 1)))
    mu, tau = float(fit.beta[0, 0]), float(fit.tau[0])
    if x.sum() == 0 or (family is Binomial and x.sum() == n.sum()):
        return {"degenerate": 1}
    if not fit.converged[0]:
        return {"unbounded": 1}
    return {"mu": mu, "se": float(fit.se[0, 0]), "tau2": tau**2, "loglik": float(fit.loglik[0])}


def loglik_at(rows: Rows, family: type[Binomial] | type[Poisson], mu: float, tau2: float) -> float:
    x, n = (np.array(c, dtype=float) for c in zip(*rows, strict=True))
    tau = np.array([math.sqrt(max(tau2, 0))])
    return float(evaluate(family.of(x, n), np.full((1, len(x)), mu), tau, np.zeros((1, len(x))), NODES).loglik.sum())


def ours_effects(rows: Rows) -> Values:
    y, v = (np.array(c) for c in zip(*rows, strict=True))
    found: Values = {}
    for name, method in METHODS.items():
        fit = fit_effects(y, v, method=method)  # pyright: ignore[reportArgumentType]
        found |= {
            f"{name}_mu": float(fit.beta[0, 0]),
            f"{name}_se": float(fit.se[0, 0]),
            f"{name}_tau2": float(fit.tau2[0]),
            f"{name}_i2": float(fit.i2_percent[0]),
        }
    pooled = pool_effects(given_effects([str(i) for i in range(len(y))], y, np.sqrt(v)), "reml", "hk")
    if pooled.ci_method == "hk" and pooled.ci and pooled.tau2_ci:
        found |= {"hk_se": pooled.se or 0, "hk_low": pooled.ci[0], "hk_high": pooled.ci[1]}
        if pooled.prediction_interval:
            found |= {"pi_low": pooled.prediction_interval[0], "pi_high": pooled.prediction_interval[1]}
        found |= {"q": pooled.q or 0, "qp_low": pooled.tau2_ci[0], "qp_high": pooled.tau2_ci[1]}
        if pooled.q_p:
            found["log_q_p"] = math.log(pooled.q_p)
    return found


def ours_regression(rows: Rows) -> Values:
    y, v, x = (np.array(c) for c in zip(*rows, strict=True))
    fit = regress_effects(
        given_effects([str(i) for i in range(len(y))], y, np.sqrt(v)), numeric_design(c=x), "reml", "hk"
    )
    b0, b1 = fit.coefficients
    return {
        "b0": b0.estimate,
        "b1": b1.estimate,
        "se0": b0.se,
        "se1": b1.se,
        "tau2": fit.tau2 or 0.0,
        "qm": fit.qm or 0.0,
        "p1": b1.p,
    }


def ours_tables(rows: Rows) -> Values:
    columns = [np.array(c, dtype=float) for c in zip(*rows, strict=True)]
    labels, found = [str(i) for i in range(len(rows))], {}
    for name, ratio in (("OR", "odds"), ("RR", "risk")):
        try:
            e = two_by_two(labels, *columns, ratio=ratio)
        except BadInput:
            return {"degenerate": 1}
        fit = fit_effects(e.y, e.v, method="dl")
        found |= {
            f"{name}_mu": float(fit.beta[0, 0]),
            f"{name}_se": float(fit.se[0, 0]),
            f"{name}_tau2": float(fit.tau2[0]),
            f"{name}_k": float(len(e)),
        }
        t = informative(labels, *columns, ratio=ratio)
        try:
            found[f"mh_{name}_mu"], found[f"mh_{name}_se"], _ = mantel_haenszel(t, ratio=ratio)
        except BadInput:
            continue
    found["peto_mu"], found["peto_se"], *_ = peto(informative(labels, *columns))
    return found


def ours_conditional(rows: Rows) -> Values:
    columns = [np.array(c, dtype=float) for c in zip(*rows, strict=True)]
    try:
        pooled = pool_odds_ratios(informative([str(i) for i in range(len(rows))], *columns), ci="z")
    except BadInput:
        return {"degenerate": 1}
    if pooled.mu is None or pooled.tau2 is None:
        return {"unbounded": 1}
    return {"mu": pooled.mu, "se": pooled.se or 0.0, "tau2": pooled.tau2}


def ours_interval(rows: Rows) -> Values:
    x, n = rows[0]
    (low, high), (rate_low, rate_high) = clopper_pearson(x, n), poisson_exact(x, n)
    return {"low": float(low), "high": float(high), "rate_low": float(rate_low), "rate_high": float(rate_high)}


FAMILIES: dict[str, tuple[Callable[[np.random.Generator], Rows], Callable[[Rows], Values], float]] = {
    "proportion": (proportions, lambda r: ours_counts(r, Binomial), 1),
    "rate": (rates, lambda r: ours_counts(r, Poisson), 1),
    "effects": (effects, ours_effects, 1),
    "regression": (regressions, ours_regression, 1),
    "table": (tables, ours_tables, 1),
    "conditional": (tables, ours_conditional, 0.15),  # R takes seconds for each
    "interval": (intervals, ours_interval, 1),
}


def draw(sets: int) -> Iterator[tuple[str, int, Rows]]:
    for seed, (family, (make, _, share)) in enumerate(FAMILIES.items()):
        rng = np.random.default_rng(100 + seed)
        for i in range(round(sets * share)):
            yield family, i, make(rng)


def run_r(data: list[tuple[str, int, Rows]]) -> tuple[dict[tuple[str, int], Values], str]:
    with tempfile.TemporaryDirectory() as folder:
        given, told = Path(folder) / "in.csv", Path(folder) / "out.csv"
        with given.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["family", "set", "a", "b", "c", "e"])
            for family, i, rows in data:
                writer.writerows([family, i, *map(repr, row), *[""] * (4 - len(row))] for row in rows)
        done = subprocess.run(
            ["Rscript", str(HERE / "peer.R"), str(given), str(told)], check=True, capture_output=True, text=True
        )
        found: dict[tuple[str, int], Values] = defaultdict(dict)
        with told.open() as file:
            for row in csv.DictReader(file):
                if row["value"].strip() not in {"NA", "NaN"}:
                    found[row["family"], int(row["set"])][row["quantity"]] = float(row["value"])
    return found, done.stdout.strip()


def difference(ours: float, theirs: float) -> float:
    """Absolute below one, relative above."""
    return 0.0 if ours == theirs else abs(ours - theirs) / max(1.0, abs(theirs))


def main() -> None:
    sets = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    data = list(draw(sets))
    start = time.perf_counter()
    ours = {(family, i): FAMILIES[family][1](rows) for family, i, rows in data}
    seconds = time.perf_counter() - start
    start = time.perf_counter()
    theirs, versions = run_r(data)
    seconds_r = time.perf_counter() - start
    metafor, lme4 = versions.split()
    differences: dict[str, dict[str, list[tuple[float, int]]]] = defaultdict(lambda: defaultdict(list))
    worse: dict[str, list[float]] = defaultdict(list)
    left: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for family, i, rows in data:
        us, them = ours[family, i], theirs.get((family, i), {})
        if "degenerate" in us or "unbounded" in us:
            left[family]["degenerate: exact counts" if "degenerate" in us else "no maximum: no value shown"] += 1
            continue
        if not them:
            left[family]["R gave no fit"] += 1
            continue
        for name in us.keys() & {n.removeprefix("tight_") for n in them}:
            if name in them:
                differences[family][name].append((difference(us[name], them[name]), i))
            if f"tight_{name}" in them:
                differences[family][f"{name}, lme4 tight"].append((difference(us[name], them[f"tight_{name}"]), i))
        if family in {"proportion", "rate"}:
            model = Binomial if family == "proportion" else Poisson
            for kind in ("", "tight_"):
                if f"{kind}mu" in them:
                    there = loglik_at(rows, model, them[f"{kind}mu"], them[f"{kind}tau2"])
                    worse[family + (", lme4 tight" if kind else ", metafor")].append(us["loglik"] - there)
    result = {
        "metafor": metafor,
        "lme4": lme4,
        "sets": sets,
        "seconds_ours": round(seconds, 1),
        "seconds_r": round(seconds_r, 1),
        "families": {
            family: {
                "sets": sum(f == family for f, _, _ in data),
                "left_out": dict(left[family]),
                "quantities": {
                    name: {
                        "compared": len(found),
                        "largest": max(found)[0],
                        "at_set": max(found)[1],
                        "median": float(np.median([d for d, _ in found])),
                        "within_1e-4": sum(d < 1e-4 for d, _ in found),
                    }
                    for name, found in sorted(quantities.items())
                },
            }
            for family, quantities in differences.items()
        },
        "our_loglik_minus_theirs": {
            name: {"least": min(gains), "largest": max(gains)} for name, gains in worse.items()
        },
    }
    (HERE / "results.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
