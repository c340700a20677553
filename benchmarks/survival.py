"""Survival methods beside R's survival package and lifelines, on the same numbers in the same run: processor seconds, best of several.

python benchmarks/survival.py, or as part of `make bench`. R and lifelines are left out, and said to be, where they are not installed.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from liverboard.synthesis.cox import cox
from liverboard.synthesis.kaplan_meier import kaplan_meier
from liverboard.synthesis.logrank import logrank
from liverboard.synthesis.observations import observe

PEER = """
suppressPackageStartupMessages(library(survival))
place <- commandArgs(trailingOnly = TRUE)[1]
get <- function(name, n) readBin(file.path(place, name), "double", n)
best <- function(work, runs) min(sapply(seq_len(runs), function(i) { gc(); s <- proc.time(); work(); sum((proc.time() - s)[c(1, 2)]) }))
n <- 100000
x <- matrix(get("x", n * 10), n)
d <- data.frame(time = get("time", n), event = get("event", n), x)
for (ties in c("efron", "breslow")) cat("cox_", ties, " ", best(function() coxph(Surv(time, event) ~ ., d, ties = ties), 3), "\\n", sep = "")
d$rounded <- ceiling(d$time * 50) / 50
cat("cox_tied ", best(function() coxph(Surv(rounded, event) ~ . - time - rounded, d), 3), "\\n", sep = "")
d$entry <- d$time * get("share", n)
cat("cox_entry ", best(function() coxph(Surv(entry, time, event) ~ . - rounded - entry, d), 2), "\\n", sep = "")
m <- 1000000
t <- get("big_time", m); e <- get("big_event", m); g <- get("big_group", m)
cat("km ", best(function() survfit(Surv(t, e) ~ 1, conf.type = "log-log"), 3), "\\n", sep = "")
cat("logrank ", best(function() survdiff(Surv(t, e) ~ g), 2), "\\n", sep = "")
"""


def best(work: Callable[[], object], runs: int = 7) -> float:
    times: list[float] = []
    for _ in range(runs):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def measure() -> list[tuple[str, float, str, float]]:
    """What, our seconds, the peer, its seconds."""
    rng = np.random.default_rng(1)
    n, m = 100_000, 1_000_000
    x = rng.normal(size=(n, 10))
    died, lost = rng.exponential(size=n) * np.exp(-0.1 * x.sum(axis=1)), rng.exponential(2, size=n)
    t, e, share = np.minimum(died, lost), (died <= lost).astype(float), rng.uniform(0, 0.9, n)
    big, end = rng.exponential(size=m), rng.exponential(2, size=m)
    bt, be, bg = np.minimum(big, end), (big <= end).astype(float), rng.integers(0, 2, m).astype(float)
    columns = {f"X{k + 1}": x[:, k] for k in range(10)}
    rounded = np.ceil(t * 50) / 50
    ours = {
        "cox_efron": best(lambda: cox(observe(t, e), columns)),
        "cox_breslow": best(lambda: cox(observe(t, e), columns, ties="breslow")),
        "cox_tied": best(lambda: cox(observe(rounded, e), columns)),
        "cox_entry": best(lambda: cox(observe(t, e, entry=t * share), columns)),
        "km": best(lambda: kaplan_meier(observe(bt, be))),
        "logrank": best(lambda: logrank(observe(bt, be), bg), 3),
    }
    names = {
        "cox_efron": "Cox 100,000 x 10, Efron (bound 5x)",
        "cox_breslow": "Cox 100,000 x 10, Breslow",
        "cox_tied": "Cox 100,000 x 10, many ties, Efron",
        "cox_entry": "Cox 100,000 x 10, left truncation",
        "km": "Kaplan-Meier, 1,000,000 (bound 5x)",
        "logrank": "log-rank, 1,000,000, two groups",
    }
    found: list[tuple[str, float, str, float]] = []
    if shutil.which("Rscript"):
        with tempfile.TemporaryDirectory() as folder:
            for name, values in {
                "x": x.T, "time": t, "event": e, "share": share, "big_time": bt, "big_event": be, "big_group": bg,
            }.items():  # fmt: skip
                np.ascontiguousarray(values).tofile(Path(folder) / name)
            script = Path(folder) / "peer.R"
            script.write_text(PEER, encoding="utf-8")
            told = subprocess.run(["Rscript", script, folder], capture_output=True, text=True, check=True).stdout
        theirs = {name: float(seconds) for name, seconds in (line.split() for line in told.splitlines())}
        found += [(names[key], ours[key], "R survival", theirs[key]) for key in names]
    if importlib.util.find_spec("lifelines"):
        from lifelines import CoxPHFitter, KaplanMeierFitter  # type: ignore[import-not-found]

        frame: Any = __import__("pandas").DataFrame({"time": t, "event": e, **columns})
        found.append(
            ("Cox 100,000 x 10, Efron (bound 30x)", ours["cox_efron"], "lifelines", best(lambda: CoxPHFitter().fit(frame, "time", "event"), 2))
        )  # fmt: skip
        found.append(
            ("Kaplan-Meier, 1,000,000", ours["km"], "lifelines", best(lambda: KaplanMeierFitter().fit(bt, be), 2))
        )
    return found


if __name__ == "__main__":
    for what, ours_s, peer, peer_s in measure():
        print(f"{what:<46} {ours_s:>10.3f} s {peer:>12} {peer_s:>8.2f} s {peer_s / ours_s:>8.1f}x")
