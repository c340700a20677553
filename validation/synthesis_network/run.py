"""Our network meta-analysis beside metafor and base R on random networks: python validation/synthesis_network/run.py

Writes results.json: the largest difference of each quantity by kind of network. netmeta itself is held in oracle 08; it is not in Debian.
"""

from __future__ import annotations

import csv
import json
import math
import subprocess
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from liverboard.synthesis.network import Network, fit_network
from liverboard.synthesis.network_rows import Contrast, Study, studies_from_contrasts

HERE = Path(__file__).parent
KINDS: dict[str, dict[str, Any]] = {
    "usual: 4 to 8 treatments, 8 to 25 studies": {"treatments": (4, 8), "studies": (8, 25)},
    "two treatments, 2 to 6 studies": {"treatments": (2, 2), "studies": (2, 6)},
    "many arms: 5 to 10 treatments, 3 to 6 arms": {"treatments": (5, 10), "studies": (6, 15), "arms": (3, 6)},
    "no heterogeneity": {"treatments": (3, 6), "studies": (6, 20), "tau": 0.0},
    "large heterogeneity, huge trials": {
        "treatments": (3, 6),
        "studies": (8, 20),
        "tau": 2.0,
        "variance": (1e-6, 1e-3),
    },
    "standard errors over four magnitudes": {"treatments": (3, 6), "studies": (8, 20), "variance": (1e-6, 1e2)},
    "few: as many studies as links, or one more": {"treatments": (3, 7), "studies": (0, 1)},
    "10 treatments in a star": {"treatments": (10, 10), "studies": (20, 40), "star": True},
}
EACH = 32


def network(kind: dict[str, Any], rng: np.random.Generator) -> list[Contrast]:
    """A connected network: the first studies are a random tree, the others any arms."""
    n = int(rng.integers(kind["treatments"][0], kind["treatments"][1] + 1))
    low, high = kind["studies"]
    k = max(n - 1, 1) + int(rng.integers(low, high + 1)) if high < 2 else max(n - 1, int(rng.integers(low, high + 1)))
    low_v, high_v = (math.log(v) for v in kind.get("variance", (0.01, 0.6)))
    truth, tau = rng.normal(size=n), kind.get("tau", 0.4)
    rows: list[Contrast] = []
    for s in range(k):
        arms = [s + 1, 0 if kind.get("star") else int(rng.integers(0, s + 1))] if s < n - 1 else []
        if not arms:
            most = kind.get("arms", (2, 3))
            size = min(n, int(rng.integers(most[0], most[1] + 1)))
            arms = [0, int(rng.integers(1, n))] if kind.get("star") else list(rng.choice(n, size, replace=False))
        variance = np.exp(rng.uniform(low_v, high_v, len(arms)))
        level = truth[arms] + rng.normal(size=len(arms)) * np.sqrt(variance + tau**2 / 2)
        for i in range(len(arms)):
            for j in range(i + 1, len(arms)):
                effect, se = float(level[i] - level[j]), math.sqrt(variance[i] + variance[j])
                rows.append(Contrast(f"s{s}", f"T{arms[i]}", f"T{arms[j]}", effect, se))
    return rows


def main() -> None:
    rng = np.random.default_rng(20240515)
    made = [(kind, network(how, rng)) for kind, how in KINDS.items() for _ in range(EACH)]
    studies: list[list[Study]] = [studies_from_contrasts(rows)[0] for _, rows in made]
    started = time.perf_counter()
    fits = [(fit_network(s, tau2="reml"), fit_network(s, tau2="dl")) for s in studies]
    ours_s = time.perf_counter() - started
    with tempfile.TemporaryDirectory() as folder:
        contrasts, ours, out = (Path(folder) / name for name in ("contrasts.csv", "ours.csv", "out.csv"))
        with contrasts.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["network", "study", "treat1", "treat2", "effect", "se"])
            for i, (_, rows) in enumerate(made):
                writer.writerows([i, r.study, r.treat1, r.treat2, repr(r.effect), repr(r.se)] for r in rows)
        with ours.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["network", "tau2_reml"])
            writer.writerows([i, repr(reml.tau2)] for i, (reml, _) in enumerate(fits))
        started = time.perf_counter()
        done = subprocess.run(
            ["Rscript", HERE / "peer.R", contrasts, ours, out], capture_output=True, text=True, check=True
        )
        peer_s = time.perf_counter() - started
        with out.open(encoding="utf-8") as file:
            peer = list(csv.DictReader(line.replace(" ", "") for line in file))
    by_network: dict[int, list[dict[str, str]]] = defaultdict(list)
    for line in peer:
        by_network[int(line["network"])].append(line)
    largest: dict[str, dict[str, float]] = {kind: defaultdict(float) for kind in KINDS}
    counts: dict[str, dict[str, int]] = {kind: defaultdict(int) for kind in KINDS}
    for i, (kind, _) in enumerate(made):
        compare(fits[i], by_network[i], largest[kind], counts[kind])
    results = {
        "metafor": done.stdout.strip(),
        "networks": len(made),
        "seconds_ours": round(ours_s, 2),
        "seconds_peer": round(peer_s, 1),
        "kinds": [{"kind": kind, "networks": EACH, **counts[kind], **largest[kind]} for kind in KINDS],
    }
    (HERE / "results.json").write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps(results, indent=2))


def compare(
    fits: tuple[Network, Network], lines: list[dict[str, str]], largest: dict[str, float], counts: dict[str, int]
) -> None:
    """Keep the largest differences of one network: effects and standard errors in standard errors, others relative to 1 or to their size."""
    reml, dl = fits
    first = {
        name: float(value) if value != "NA" else math.nan for name, value in lines[0].items() if name != "treatment"
    }

    def keep(name: str, difference: float) -> None:
        if math.isfinite(difference):
            largest[name] = max(largest[name], difference)

    for line in lines:
        a, b = reml.treatments.index(line["treatment"]), 0
        se = float(line["common_se"])
        keep("common_effect_in_se", abs(reml.common_effects[a, b] - float(line["common"])) / se)
        keep("common_se_relative", abs(reml.common_se[a, b] / se - 1))
        if line["at_ours_se"] != "NA":
            se = float(line["at_ours_se"])
            keep("effect_at_same_tau2_in_se", abs(reml.effects[a, b] - float(line["at_ours"])) / se)
            keep("se_at_same_tau2_relative", abs(reml.se[a, b] / se - 1))
        if line["reml_se"] != "NA":
            keep("reml_effect_in_se", abs(reml.effects[a, b] - float(line["reml"])) / float(line["reml_se"]))
    keep("q_relative", abs(reml.q.q - first["q"]) / max(1.0, first["q"]))
    keep("q_pairs_relative", abs(reml.q.q - first["q_pairs"]) / max(1.0, first["q_pairs"]))
    keep("tau2_dl_relative", abs(dl.tau2 - first["tau2_dl"]) / max(first["tau2_dl"], 1e-3))
    if math.isfinite(first["tau2_reml"]):
        counts["reml_compared"] += 1
        keep("tau2_reml_relative", abs(reml.tau2 - first["tau2_reml"]) / max(first["tau2_reml"], 1e-3))
        gain = first["loglik_ours"] - first["loglik"]
        keep("reml_likelihood_lost", max(0.0, -gain))
        keep("reml_likelihood_gained", max(0.0, gain))
    else:
        counts["reml_not_compared"] += 1


if __name__ == "__main__":
    main()
