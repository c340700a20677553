"""Bootstraps of pooled estimates beside R's metafor, on the same resampled studies in the same run: processor seconds.

python benchmarks/synthesis.py, or as part of `make bench`. R is left out, and said to be, where it or metafor is not installed. Of the exact model R fits the
first 40 of the 1,000 samples, and its time is scaled.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from liverboard.synthesis.effects import logit_proportions
from liverboard.synthesis.proportions import fit_proportions
from liverboard.synthesis.random_effects import fit_effects

# Infections among catheters in the control arms of 18 trials (Niel-Weise 2007, as in Stijnen 2010)
EVENTS = np.array([3, 3, 9, 7, 6, 4, 3, 2, 19, 2, 7, 1, 5, 11, 0, 1, 3, 1])
PATIENTS = np.array([117, 35, 195, 136, 157, 139, 177, 39, 103, 122, 64, 58, 175, 180, 105, 262, 362, 69])
SAMPLES, SAMPLES_R = 1000, 40
PEER = """
suppressPackageStartupMessages(library(metafor))
a <- commandArgs(trailingOnly = TRUE); d <- read.csv(a[1]); few <- as.integer(a[2])
seconds <- function(work) { gc(); s <- proc.time(); work(); sum((proc.time() - s)[c(1, 2)]) }
quiet <- function(e) suppressWarnings(suppressMessages(try(e, silent = TRUE)))
sets <- split(d, d$sample)
cat("glmm", seconds(function() for (s in sets[1:few]) quiet(rma.glmm(measure = "PLO", xi = x, ni = n, data = s, nAGQ = 7))), "\\n")
cat("reml", seconds(function() for (s in sets) quiet(rma(y, v, data = s))), "\\n")
"""


def seconds(work: Callable[[], object], runs: int = 5) -> float:
    times: list[float] = []
    for _ in range(runs):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def peer(samples: np.ndarray, y: np.ndarray, v: np.ndarray) -> dict[str, float]:
    """Seconds of R for 1,000 samples of each model; empty where R or metafor is missing."""
    if shutil.which("Rscript") is None:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        table, script = Path(folder) / "samples.csv", Path(folder) / "peer.R"
        script.write_text(PEER)
        lines = [
            f"{b},{EVENTS[i]},{PATIENTS[i]},{float(y[i])!r},{float(v[i])!r}"
            for b, draw in enumerate(samples)
            for i in draw
        ]
        table.write_text("\n".join(["sample,x,n,y,v", *lines]))
        done = subprocess.run(
            ["Rscript", str(script), str(table), str(SAMPLES_R)], capture_output=True, text=True, check=False
        )
    found = {name: float(took) for name, took in (line.split() for line in done.stdout.splitlines())}
    return {"glmm": found["glmm"] * SAMPLES / SAMPLES_R, "reml": found["reml"]} if len(found) == 2 else {}


def measure() -> list[tuple[str, float, str, float | None]]:
    """What, our seconds, the peer, its seconds."""
    samples = np.random.default_rng(1).integers(0, len(EVENTS), (SAMPLES, len(EVENTS)))
    effects = logit_proportions([str(i) for i in range(len(EVENTS))], EVENTS, PATIENTS)
    exact = seconds(lambda: fit_proportions(EVENTS[samples], PATIENTS[samples]))
    reml = seconds(lambda: fit_effects(effects.y[samples], effects.v[samples]))
    theirs = peer(samples, effects.y, effects.v)
    return [
        ("exact proportions, 1,000 bootstraps (bound 50x)", exact, "metafor", theirs.get("glmm")),
        ("REML, 1,000 bootstraps, k 18 (bound 100x)", reml, "metafor", theirs.get("reml")),
    ]


def main() -> None:
    for what, ours, name, theirs in measure():
        told = f"{name} not installed" if theirs is None else f"{name} {theirs:.2f} s  {theirs / ours:.0f}x"
        print(f"{what:<50} {ours:>9.4f} s   {told}")


if __name__ == "__main__":
    main()
