"""Our survival methods beside R's survival package on random data sets, nasty ones too: python validation/synthesis_survival/run.py

Writes results.json: the largest difference of each quantity, in how many data sets it was compared, and in which kind it is largest.
"""

from __future__ import annotations

import csv
import json
import math
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from liverboard.errors import BadInput
from liverboard.synthesis.competing import aalen_johansen, fine_gray
from liverboard.synthesis.cox import cox
from liverboard.synthesis.design import Design
from liverboard.synthesis.hazards import check_proportional_hazards, concordance
from liverboard.synthesis.kaplan_meier import kaplan_meier
from liverboard.synthesis.logrank import logrank
from liverboard.synthesis.observations import Observations, observe
from liverboard.synthesis.rmst import rmst

HERE = Path(__file__).parent
EACH = 24
KINDS: dict[str, dict[str, Any]] = {
    "usual": {},
    "many ties": {"grid": 4},
    "ties and truncation": {"grid": 8, "entry": True},
    "heavy censoring": {"censor": 8.0},
    "all events": {"censor": 0.0},
    "one event": {"only": 1},
    "small": {"n": (4, 12), "grid": 6},
    "one group": {"groups": 1},
    "left truncation": {"entry": True},
    "strata": {"strata": 5, "grid": 10},
    "many small strata": {"strata": 40, "n": (80, 160)},
    "counts as weights": {"weights": "whole", "grid": 12},
    "fractions as weights": {"weights": "fraction", "grid": 12},
    "clusters": {"cluster": 12},
    "everything": {"entry": True, "strata": 3, "weights": "fraction", "cluster": 10, "grid": 20},
    "large": {"n": (3000, 6000), "effect": 1.5},
    "competing": {"competing": True},
    "competing, ties, few": {"competing": True, "grid": 5, "n": (15, 60)},
    "competing, counts as weights": {"competing": True, "weights": "whole", "grid": 12, "n": (40, 200)},
    "competing, all events": {"competing": True, "censor": 0.0},
    "competing, usual": {"competing": True, "grid": 15, "groups": 3},
    "competing, heavy censoring": {"competing": True, "censor": 4.0, "n": (80, 300)},
    "competing, one group": {"competing": True, "groups": 1, "n": (40, 200)},
    "competing, large": {"competing": True, "n": (800, 1500)},
    "competing, many ties": {"competing": True, "grid": 4, "n": (40, 200)},
}


@dataclass(frozen=True)
class Made:
    kind: str
    how: dict[str, Any]
    columns: dict[str, npt.NDArray[Any]]

    def observations(self) -> Observations:
        c = self.columns
        return observe(
            c["time"],
            c["event"],
            entry=c["entry"] if self.how.get("entry") else None,
            weights=c["weight"] if self.how.get("weights") else None,
            strata=c["stratum"] if self.how.get("strata") else None,
            causes=2,
        )


def make(kind: str, how: dict[str, Any], rng: np.random.Generator) -> Made:
    n = int(rng.integers(*how.get("n", (20, 200))))
    group = rng.integers(0, how.get("groups", int(rng.integers(2, 4))), n)
    x1, x2 = rng.normal(size=n), rng.integers(0, 3, n).astype(float)
    effect = how.get("effect", 0.4)
    t = rng.weibull(1.3, n) * np.exp(-effect * (0.5 * x1 + 0.3 * x2 + 0.5 * group))
    cause = np.ones(n, dtype=int)
    if how.get("competing"):
        other = rng.weibull(1.0, n) * 1.5 * np.exp(-0.3 * x1)
        cause = np.where(other < t, 2, 1)
        t = np.minimum(t, other)
    rate = how.get("censor", 0.7)
    c = rng.exponential(1 / rate, n) if rate > 0 else np.full(n, math.inf)
    event, time_ = np.where(t <= c, cause, 0), np.minimum(t, c)
    if how.get("only"):
        event = np.zeros(n, dtype=int)
        event[rng.integers(n)] = 1
    time_ = np.ceil(time_ * how["grid"]) / how["grid"] if "grid" in how else np.round(time_, 6) + 1e-6
    entry = np.zeros(n)
    if how.get("entry"):
        entry = np.maximum(time_ * rng.uniform(-0.5, 0.9, n), 0)
        entry = np.floor(entry * how["grid"]) / how["grid"] if "grid" in how else np.round(entry, 6)
    weights = {"whole": rng.integers(1, 5, n).astype(float), "fraction": np.round(rng.uniform(0.3, 3, n), 3)}
    columns = {
        "time": time_,
        "event": event,
        "entry": entry,
        "weight": weights.get(how.get("weights", ""), np.ones(n)),
        "stratum": rng.integers(0, how.get("strata", 1), n),
        "cluster": rng.integers(0, how.get("cluster", 1), n),
        "group": group,
        "x1": x1,
        "x2": x2,
    }
    return Made(kind, how, columns)


def ours(made: Made) -> dict[str, Any]:
    """Every quantity by the name that peer.R gives it; a refusal is an exception kept in place of the number."""
    found: dict[str, Any] = {}
    o, c = made.observations(), made.columns
    first, group = o.cause(1), c["group"]
    free = Observations(o.time, (o.event > 0).astype(np.int64), o.entry, o.weights)

    def keep(name: str, work: Callable[[], dict[str, Any]]) -> None:
        try:
            found.update(work())
        except BadInput as error:
            found[name] = error

    for g in np.unique(group):
        k = kaplan_meier(free.where(group == g))
        median, limits = k.quantile()
        found |= {
            f"km_time_{g}": k.time,
            f"km_survival_{g}": k.survival,
            f"km_se_{g}": k.se,
            f"km_lower_{g}": k.lower,
            f"km_upper_{g}": k.upper,
            f"km_at_risk_{g}": k.at_risk,
            f"km_median_{g}": np.array([math.nan if median is None else median, *limits]),
        }
        if not k.robust:
            mean = rmst(k, float(k.time[-1]) * 0.8)
            found[f"rmst_{g}"] = np.array([mean.estimate, mean.se])
        if (o.event[group == g] == 2).any() and o.entry is None:
            a = aalen_johansen(Observations(o.time, o.event, None, o.weights).where(group == g))
            both = np.zeros((2, len(a.time)))
            both[: len(a.incidence)] = a.incidence
            errors = np.zeros((2, len(a.time)))
            errors[: len(a.se)] = a.se
            found |= {f"aj_incidence_{g}": both.ravel(), f"aj_se_{g}": errors.ravel()}
    if len(np.unique(group)) > 1 and o.entry is None and o.weights is None:
        for rho, kind in ((0, "logrank"), (1, "peto-peto")):
            found[f"logrank_{rho}"] = np.array([logrank(first, group, kind=kind).chi2 or math.nan])  # type: ignore[arg-type]
    columns: dict[str, Any] = {"x1": c["x1"], "x2": c["x2"]}
    if len(np.unique(group)) > 1:
        columns["group"] = group.astype(str)
    design = Design.of(columns)
    cluster = c["cluster"] if made.how.get("cluster") else None
    for ties in ("efron", "breslow"):

        def model(ties: Any = ties) -> dict[str, Any]:
            f = cox(first, design, ties=ties, robust=True, cluster=cluster)
            numbers = {
                f"cox_coefficient_{ties}": f.estimates,
                f"cox_se_{ties}": np.sqrt(np.diag(f.naive_covariance)),
                f"cox_robust_se_{ties}": np.sqrt(np.diag(f.covariance)),
                f"cox_likelihood_{ties}": np.array([f.log_likelihood_null, f.log_likelihood]),
                f"cox_score_{ties}": np.array([f.score_chi2]),
            }
            if (ties == "efron") == (o.weights is None):
                z = check_proportional_hazards(first, f)
                numbers["zph" if o.weights is None else "zph_repeated"] = np.array(
                    [*(test.chi2 for test in z.terms.values()), z.overall.chi2]
                )
                if o.entry is None and o.weights is None:
                    numbers["concordance"] = np.array([concordance(first, f.linear_predictor()).value or math.nan])
            return numbers

        keep(f"cox_coefficient_{ties}", model)
    if (o.event == 2).any() and o.entry is None and o.strata is None:

        def subdistribution() -> dict[str, Any]:
            f = fine_gray(o, design, ties="efron" if o.weights is None else "breslow")
            return {f"{name}_coefficient": f.estimates, f"{name}_robust_se": np.sqrt(np.diag(f.covariance))}

        name = "fg" if o.weights is None else "fg_repeated"
        keep(f"{name}_coefficient", subdistribution)
    return found


def write(sets: list[Made], people: Path, index: Path) -> None:
    with people.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        names = list(sets[0].columns)
        writer.writerow(["set", *names])
        for i, made in enumerate(sets):
            rows = zip(*(made.columns[name].tolist() for name in names), strict=True)
            writer.writerows([i, *row] for row in rows)
    with index.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["set", "entry", "weights", "strata", "cluster"])
        writer.writerows(
            [i, *(str(bool(made.how.get(name))).upper() for name in ("entry", "weights", "strata", "cluster"))]
            for i, made in enumerate(sets)
        )


def peer(sets: list[Made], folder: Path) -> tuple[list[dict[str, npt.NDArray[np.float64]]], str]:
    """The same quantities by R survival, and its version."""
    people, index, out = (folder / name for name in ("people.csv", "sets.csv", "out.csv"))
    write(sets, people, index)
    done = subprocess.run(
        ["Rscript", HERE / "peer.R", people, index, out], stdout=subprocess.PIPE, text=True, check=True
    )
    theirs: list[dict[str, npt.NDArray[np.float64]]] = [{} for _ in sets]
    with out.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            values = [math.nan if v in {"NA", "NaN"} else float(v) for v in row["values"].split(";")]
            theirs[int(row["set"])][row["quantity"]] = np.array(values)
    return theirs, done.stdout.strip()


def main() -> None:
    rng = np.random.default_rng(20240515)
    sets = [make(kind, how, rng) for kind, how in KINDS.items() for _ in range(EACH)]
    started = time.perf_counter()
    mine = [ours(made) for made in sets]
    ours_s = time.perf_counter() - started
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        theirs, version = peer(sets, Path(folder))
    peer_s = time.perf_counter() - started
    found = compare(sets, mine, theirs)
    results = {
        "survival": version,
        "data_sets": len(sets),
        "seconds_ours": round(ours_s, 2),
        "seconds_peer": round(peer_s, 1),
        **found,
    }
    (HERE / "results.json").write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps(results, indent=2))


def compare(sets: list[Made], mine: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> dict[str, Any]:
    """The largest difference of each quantity, relative to its size or to 1; medians by cause; who refuses what."""
    rows: dict[str, dict[str, Any]] = {}
    refused: dict[str, int] = defaultdict(int)
    medians: dict[str, int] = defaultdict(int)
    for made, us, them in zip(sets, mine, theirs, strict=True):
        for name, value in them.items():
            if "warned" in name:
                refusal = isinstance(us.get(name.replace("warned", "coefficient")), BadInput)
                model = "Cox" if name.startswith("cox") else "Fine-Gray"
                refused[
                    f"{model}: R {'warns or stops' if value[0] else 'fits'}, ours {'refuses' if refusal else 'fits'}"
                ] += 1
                continue
            stem = name.rpartition("_")[0] if name[-1].isdigit() and not name.startswith("logrank") else name
            if name not in us or isinstance(us[name], BadInput) or doubtful(name, them):
                continue
            a, b = np.asarray(us[name], dtype=float), value
            if stem == "km_median":
                for cause in median_causes(us, name, a, b):
                    medians[cause] += 1
                continue
            row = rows.setdefault(stem, {"compared": 0, "largest": 0.0, "kind": ""})
            row["compared"] += 1
            both = np.isfinite(a) & np.isfinite(b)
            difference = float(np.max(np.abs(a - b)[both] / np.maximum(np.abs(b[both]), 1.0), initial=0.0))
            if difference > row["largest"]:
                row["largest"], row["kind"] = difference, made.kind
    return {"quantities": rows, "medians": dict(medians), "refusals": dict(sorted(refused.items()))}


def doubtful(name: str, them: dict[str, Any]) -> bool:
    """R said of this model that a coefficient may be infinite."""
    if name.startswith("cox_"):
        return bool(them[f"cox_warned_{name.rpartition('_')[2]}"][0])
    return name.startswith("fg_") and bool(
        them[f"{name.rpartition('_robust_se')[0] or name.rpartition('_coefficient')[0]}_warned"][0]
    )


def median_causes(us: dict[str, Any], name: str, ours: npt.NDArray[Any], theirs: npt.NDArray[Any]) -> list[str]:
    """Why a median or a limit of it differs, of the curve and its two limits."""
    group = name.rpartition("_")[2]
    found: list[str] = []
    for k, which in enumerate(("survival", "lower", "upper")):
        a, b = float(ours[k]), float(theirs[k])
        if math.isfinite(a) == math.isfinite(b) and (not math.isfinite(a) or abs(a - b) < 1e-9):
            found.append("equal")
            continue
        curve = us[f"km_{which}_{group}"]
        if np.any(np.abs(curve - 0.5) < 1e-9):
            found.append("the curve is flat at one half: R takes the middle of the step, ours its start")
        elif np.any(us[f"km_survival_{group}"] <= 0) and which != "survival":
            found.append("the curve ends at 0: R has no limits there")
        elif np.any(np.diff(curve) > 0):
            found.append("the limit itself rises again: R takes a later crossing of one half, ours the first")
        else:
            found.append("unexplained")
    return found


if __name__ == "__main__":
    main()
