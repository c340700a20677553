"""Figures and pages of evidence for tests: usual, sparse and hostile."""

import datetime as dt
import math

import numpy as np
from tests.procedure_samples import three_rooms

from liverboard.board.meta_table import MetaResult
from liverboard.board.procedure_cohort import procedures_of_cohort
from liverboard.report.evidence_figures import (
    Forest,
    ForestGroup,
    ForestPool,
    ForestStudy,
    Funnel,
    FunnelStudy,
    NetworkEdge,
    NetworkNode,
    NetworkPicture,
    Survival,
    SurvivalCurve,
)
from liverboard.report.evidence_page import EvidencePage
from liverboard.report.evidence_views import PoolLabels, meta_page, network_page
from liverboard.report.procedures_page import procedures_page
from liverboard.report.survival_views import SurvivalTime, survival_page
from liverboard.synthesis.network import fit_network
from liverboard.synthesis.network_rows import Arm, studies_from_arms
from liverboard.synthesis.observations import observe
from liverboard.synthesis.result import Pooled, StudyEffect
from liverboard.synthesis.survival_report import SurvivalData, survival_report

HOSTILE = "</title><script>alert('x')</script>&\u202e\x00\"" + "A" * 200


def study(label: str, x: int, n: int, weight: float | None = 0.1) -> ForestStudy:
    p = x / n
    half = 1.96 * math.sqrt(max(p * (1 - p), 0.001) / n)
    return ForestStudy(label, 2012, f"{x} of {n}", p, (max(0.0, p - half), min(1.0, p + half)), weight)


def shares(k: int = 8, pool: ForestPool | None = None, label: str = "Study") -> Forest:
    studies = tuple(study(f"{label} {i}", 5 + i % 9, 20 + i) for i in range(k))
    pooled = pool or ForestPool("Pooled", k, 0.31, (0.24, 0.4), (0.12, 0.6) if k > 2 else None)
    return Forest("Response", "percent", "responders", (ForestGroup("", studies),), pooled, footnotes=("Model; k 8.",))


def ratios(*studies: ForestStudy, estimate: float | None = 0.8) -> Forest:
    pool = ForestPool("Pooled", len(studies), estimate, (0.5, 1.3) if estimate else None, note="Nothing to pool.")
    return Forest(
        "Hazard ratio", "ratio", "", (ForestGroup("", studies),), pool, reference=1.0, favours=("first", "second")
    )


def ratio(label: str, estimate: float | None, low: float, high: float) -> ForestStudy:
    return ForestStudy(label, None, "", estimate, (low, high), 0.5)


FORESTS = {
    "usual": shares(),
    "none": Forest("Response", "percent", "n", (), None),
    "one": shares(1, ForestPool("Pooled", 1, None, None, note="One study only.")),
    "few": shares(4),
    "sixty": shares(60),
    "subgroups": Forest(
        "Odds ratio",
        "ratio",
        "",
        (
            ForestGroup("Resin", (ratio("a", 0.5, 0.2, 1.4),), ForestPool("Resin", 1, 0.5, (0.2, 1.4))),
            ForestGroup("Glass", (ratio("b", 1.5, 0.9, 2.4),), ForestPool("Glass", 1, 1.5, (0.9, 2.4))),
        ),
        ForestPool("All", 2, 1.0, (0.4, 2.5)),
        reference=1.0,
    ),
    "infinite": ratios(ratio("a", 2.0, 0.0, math.inf), ratio("b", 0.0, 0.0, 0.5), ratio("c", math.inf, 2.0, math.inf)),
    "no interval": ratios(ratio("a", 1.2, math.nan, math.nan), ratio("b", None, 0.5, 2), estimate=None),
    "far": ratios(ratio("a", 1e-9, 1e-12, 1e-6), ratio("b", 1e9, 1e6, 1e12)),
    "same": Forest("Change", "number", "", (ForestGroup("", (ratio("a", 5.0, 5.0, 5.0),)),), None),
    "huge": shares(3, label="x" * 200),
    "million": Forest(
        "Harm", "percent", "n", (ForestGroup("", (study("big", 1, 1_000_000), study("all", 12, 12))),), None
    ),
    "hostile": shares(5, ForestPool(HOSTILE, 5, 0.3, (0.2, 0.4), (0.1, 0.7), note=HOSTILE), HOSTILE),
}
_rng = np.random.default_rng(1)
DOTS = tuple(
    FunnelStudy(f"S{i}", float(_rng.normal(-0.2, s)), float(s)) for i, s in enumerate(_rng.uniform(0.05, 0.8, 30))
)
FUNNELS = {
    "usual": Funnel("Odds ratio", "ratio", DOTS, -0.2, 0.0, ("Egger p 0.4.",)),
    "logit": Funnel("Response", "percent", DOTS[:6], 0.3, None),
    "none": Funnel("Effect", "number", (), None, None),
    "one": Funnel("Effect", "number", (FunnelStudy("a", 3.0, 1e-9),), 3.0, 0.0),
    "unusable": Funnel(
        "Effect",
        "number",
        (FunnelStudy("a", math.nan, 1), FunnelStudy("b", 1, 0), FunnelStudy("c", 1, math.inf)),
        1.0,
        0.0,
    ),
    "hostile": Funnel(
        HOSTILE, "number", tuple(FunnelStudy(HOSTILE, float(i), 0.1 + i) for i in range(12)), 5.0, 0.0, (HOSTILE,)
    ),
}
_names = [f"T{i}" for i in range(10)]
NETWORKS = {
    "two": NetworkPicture((NetworkNode("a", 3), NetworkNode("b", 3)), (NetworkEdge("a", "b", 3),), (), 3),
    "none": NetworkPicture((), ()),
    "ten": NetworkPicture(
        tuple(NetworkNode(n, i, 10.0**i if i < 7 else 5) for i, n in enumerate(_names)),
        tuple(NetworkEdge(a, b, 1 + i) for i, (a, b) in enumerate(zip(_names, _names[1:] + _names[:1], strict=True))),
        (("T0", "T4", "T7"), ("T1", "T2", "T3", "T8")),
        55,
    ),
    "thirty": NetworkPicture(
        tuple(NetworkNode(f"N{i}", 1) for i in range(30)),
        tuple(NetworkEdge("N0", f"N{i}", 1) for i in range(1, 30)),
        (),
        29,
    ),
    "hostile": NetworkPicture(
        tuple(NetworkNode(f"{HOSTILE}{i}", 2, None) for i in range(3)),
        tuple(NetworkEdge(f"{HOSTILE}{i}", f"{HOSTILE}{i + 1}", 2) for i in range(2)),
        (),
        4,
    ),
}
CURVE = SurvivalCurve(
    "TAE", 5, 3, (2.0, 6.0, 11.0), (0.8, 0.6, 0.3), (0.2, 0.1, 0.01), (0.97, 0.9, 0.7), (4.0, 20.0), (2.0, 4.0, 6.0, 11.0, 20.0), (5, 4, 3, 2, 1), 11.0, (2.0, None),
)  # fmt: skip
SURVIVALS = {
    "usual": Survival("Overall survival", "months", (CURVE, CURVE), footnotes=("Log-rank p 0.5.",)),
    "none": Survival("Overall survival", "months", ()),
    "no event": Survival("Overall survival", "years", (SurvivalCurve("a", 3, 0, (), (), censored=(2.0,)),)),
    "all at once": Survival("Overall survival", "days", (SurvivalCurve("", 9, 9, (0.0,), (0.0,), (math.nan,), (math.nan,), median=0.0),)),
    "eight": Survival("Overall survival", "months", (CURVE,) * 8),
    "hostile": Survival(HOSTILE, HOSTILE, (SurvivalCurve(HOSTILE, 1, 1, (1.0,), (0.0,), (0.0,), (0.5,)),) * 2, footnotes=(HOSTILE,)),
}  # fmt: skip


def pooled(k: int = 12, label: str = "Study") -> Pooled:
    studies = tuple(
        StudyEffect(f"{label} {i}", 0.1 * (i - 4), (0.1 * (i - 4) - 0.5, 0.1 * (i - 4) + 0.5), 1 / k) for i in range(k)
    )
    few = ("Too few studies.",) if k < 5 else ()
    return Pooled(
        k=k, n=240, estimate=0.15, ci=(-0.05, 0.35), prediction_interval=(-0.4, 0.7), tau2=0.05, tau2_ci=(0.0, 0.2), i2_percent=40.0, h2=1.6,
        q=18.0, q_p=0.08, method="reml", ci_method="hk", scale="log_hazard_ratio", model_scale="log", mu=0.15, se=0.09, studies=studies, warnings=few,
    )  # fmt: skip


def survival_sample(hostile: bool = False) -> EvidencePage:
    rng = np.random.default_rng(3)
    group = np.array([HOSTILE if hostile else "TAE", "TACE"])[rng.integers(0, 2, 60)]
    report = survival_report(SurvivalData(observe(np.round(rng.exponential(20, 60), 1), rng.integers(0, 2, 60)), group))
    name, unit = (HOSTILE, HOSTILE) if hostile else ("os", "months")
    return survival_page(report.curves, report.as_json(), HOSTILE if hostile else "died", SurvivalTime(name, unit))


def network_sample(hostile: bool = False) -> EvidencePage:
    names = [f"{HOSTILE if hostile else 'T'}{i}" for i in range(8)]
    arms = [
        Arm(f"s{i}", names[(i * j) % 8], 3 + i % 7 + j, 30 + i)
        for i in range(1, 20)
        for j in (1, 2, 3)
        if j < 3 or i % 5 == 1
    ]
    studies, said = studies_from_arms(
        [a for n, a in enumerate(arms) if a.treat not in {b.treat for b in arms[:n] if b.study == a.study}]
    )
    return network_page(fit_network(studies, scale="log_odds_ratio", warnings=said))


def procedures_sample(*, hostile: bool = False) -> EvidencePage:
    """Three invented rooms; with `hostile` one of them has a name that is no name."""
    found = three_rooms()
    if hostile:
        found = [case.model_copy(update={"centre": HOSTILE}) for case in found]
    return procedures_page(procedures_of_cohort(found, lambda case: case.as_of or dt.date(2024, 1, 31)))


PAGES = {
    "procedures": procedures_sample,
    "hostile procedures": lambda: procedures_sample(hostile=True),
    "meta": lambda: meta_page(MetaResult(pooled(), "loghr"), PoolLabels(favours=("favours TAE", "favours TACE"))),
    "meta few": lambda: meta_page(MetaResult(pooled(3), "loghr")),
    "network": network_sample,
    "survival": survival_sample,
    "hostile meta": lambda: meta_page(
        MetaResult(pooled(11, HOSTILE), "loghr"), PoolLabels(title=HOSTILE, favours=(HOSTILE, HOSTILE))
    ),
    "hostile network": lambda: network_sample(hostile=True),
    "hostile survival": lambda: survival_sample(hostile=True),
}
