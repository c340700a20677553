"""Results of a synthesis as pages: which figures, which numbers, which words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from liverboard import __version__
from liverboard.board.meta_table import MetaResult
from liverboard.board.tables import Table
from liverboard.report.canvas import AxisKind, interval_words, many, value_words
from liverboard.report.evidence_page import EvidencePage, PageFigure, PageTable
from liverboard.report.forest import (
    FEW,
    Forest,
    ForestGroup,
    ForestPool,
    ForestStudy,
    forest_finding,
    forest_svg,
    forest_table,
)
from liverboard.report.funnel import ENOUGH, Funnel, FunnelStudy, funnel_finding, funnel_svg, funnel_table
from liverboard.report.network_plot import (
    NetworkEdge,
    NetworkNode,
    NetworkPicture,
    network_finding,
    network_svg,
    network_table,
)
from liverboard.report.palette import WEB
from liverboard.report.words import THIN, counted
from liverboard.synthesis.network import Comparison, Estimate, Network
from liverboard.synthesis.regression import Subgroups
from liverboard.synthesis.result import LOG_SCALES, Interval, Pooled, Scale

NARROW = 360
SOFTWARE = f"liverboard {__version__}"
Z95 = 1.959963984540054
WORDS: dict[str, str] = {
    "proportion": "Proportion",
    "rate": "Events per unit of time",
    "log_hazard_ratio": "Hazard ratio",
    "log_odds_ratio": "Odds ratio",
    "log_risk_ratio": "Risk ratio",
    "mean_difference": "Mean difference",
    "as_given": "Effect",
}


MODELS: dict[str, str] = {
    "glmm": "Exact random-intercept model of the counts",
    "reml": "Random effects (REML)",
    "dl": "Random effects (DerSimonian-Laird)",
    "pm": "Random effects (Paule-Mandel)",
    "fixed": "Fixed effect",
}
CI_WORDS: dict[str, str] = {
    "hk": "Hartung-Knapp interval",
    "hk_adhoc": "Hartung-Knapp interval, never narrower than t",
    "t": "t interval",
    "z": "normal interval",
    "study": "the study's own interval",
}


@dataclass(frozen=True, slots=True)
class PoolLabels:
    """What a pool does not know of itself: title, years and counts of its studies by label, the counts' heading, what lies left and right of no difference."""

    title: str = ""
    years: Mapping[str, int] = field(default_factory=dict[str, int])
    counts: Mapping[str, str] = field(default_factory=dict[str, str])
    counts_head: str = ""
    favours: tuple[str, str] | None = None


def labels_of(table: Table) -> PoolLabels:
    """Years and counts of the studies of a table, by label; a label that stands twice has none."""
    if not table.has("label"):
        return PoolLabels()
    names = table.text("label")
    once = [i for i, name in enumerate(names) if names.count(name) == 1]
    years: dict[str, int] = {}
    if table.has("year"):
        cells = table.text("year")
        years = {names[i]: int(cells[i]) for i in once if cells[i].isdecimal() and len(cells[i]) == 4}
    head, parts = "", list[tuple[str, str]]()
    if table.has("events", "n"):
        head, parts = "events of n", [("events", "n")]
    elif table.has("events1", "n1", "events2", "n2"):
        head, parts = "events / n, both arms", [("events1", "n1"), ("events2", "n2")]
    counts = {names[i]: _counts([(table.text(x)[i], table.text(n)[i]) for x, n in parts]) for i in once}
    return PoolLabels(years=years, counts=counts if parts else {}, counts_head=head)


def _counts(pairs: Sequence[tuple[str, str]]) -> str:
    return " of ".join(pairs[0]) if len(pairs) == 1 else " · ".join("/".join(pair) for pair in pairs)


def axis_of(scale: Scale) -> AxisKind:
    """How the axis of a scale is written."""
    return "percent" if scale == "proportion" else "ratio" if scale in LOG_SCALES else "number"


def on_axis(value: float, scale: Scale) -> float:
    """A reported value as its axis shows it: log measures as ratios."""
    return math.exp(min(value, 709.0)) if scale in LOG_SCALES else value


def _pair(pair: Interval | None, scale: Scale) -> Interval | None:
    return None if pair is None else (on_axis(pair[0], scale), on_axis(pair[1], scale))


def p_words(p: float | None) -> str:
    return "not known" if p is None else "below 0.001" if p < 0.001 else f"{p:.2g}" if p >= 0.01 else f"{p:.1g}"


def forest_of(pooled: Pooled, labels: PoolLabels | None = None, subgroups: Subgroups | None = None) -> Forest:
    """The forest plot of a pool, its studies by subgroup where there are some."""
    labels = labels or PoolLabels()
    scale = pooled.scale
    notes = [model_words(pooled)]
    groups = [ForestGroup("", _studies(pooled, labels))]
    if subgroups is not None:
        groups = [
            ForestGroup(name, _studies(part, labels), _pool(part, name) if part.k > 1 else None)
            for name, part in subgroups.groups
        ]
        notes.append(f"Difference between the groups of {subgroups.moderator}: p {p_words(subgroups.p)}.")
    return Forest(
        labels.title or WORDS[scale],
        axis_of(scale),
        labels.counts_head,
        tuple(groups),
        _pool(pooled, "Pooled"),
        reference=1.0 if scale in LOG_SCALES else 0.0 if scale == "mean_difference" else None,
        favours=labels.favours,
        footnotes=tuple(notes),
    )


def _studies(pooled: Pooled, labels: PoolLabels) -> tuple[ForestStudy, ...]:
    scale = pooled.scale
    return tuple(
        ForestStudy(
            s.label,
            labels.years.get(s.label),
            labels.counts.get(s.label, ""),
            None if math.isnan(s.estimate) else on_axis(s.estimate, scale),
            _pair(s.ci, scale),
            s.weight if pooled.k > 1 and math.isfinite(s.weight) else None,
        )
        for s in pooled.studies
    )


def _pool(pooled: Pooled, label: str) -> ForestPool:
    """The pooled value as it is drawn; one study, or a value that has no interval, is not pooled."""
    scale, patients = pooled.scale, f"n {many(pooled.n)}" if pooled.n is not None else ""
    if pooled.k < 2 or pooled.estimate is None or pooled.ci is None:
        note = "One study only." if pooled.k < 2 else " ".join(pooled.warnings)
        return ForestPool(label, pooled.k, None, None, note=note)
    return ForestPool(
        label,
        pooled.k,
        on_axis(pooled.estimate, scale),
        _pair(pooled.ci, scale),
        _pair(pooled.prediction_interval, scale),
        counts=patients,
    )


def model_words(pooled: Pooled) -> str:
    """Model, tau2 with interval, I2 and k in a sentence."""
    model, ci_words = MODELS.get(pooled.method, pooled.method), CI_WORDS.get(pooled.ci_method, pooled.ci_method)
    parts = [f"{model}; {ci_words}"]
    if pooled.tau2 is not None:
        ci = pooled.tau2_ci
        ends = f" ({value_words(ci[0], 'number')} to {value_words(ci[1], 'number')})" if ci else ""
        parts.append(f"tau² {value_words(pooled.tau2, 'number')}{ends} on the {pooled.model_scale} scale")
    if pooled.i2_percent is not None:
        parts.append(f"I² {pooled.i2_percent:.0f}{THIN}%")
    parts.append(f"k {pooled.k}" + (f", n {many(pooled.n)}" if pooled.n is not None else ""))
    return "; ".join(parts) + "."


def funnel_of(pooled: Pooled, title: str = "") -> Funnel | None:
    """The funnel of an effect; None for shares and rates, whose error hangs on their value, and below ten studies."""
    if pooled.k < ENOUGH or pooled.scale in {"proportion", "rate"}:
        return None
    studies = tuple(FunnelStudy(s.label, s.estimate, (s.ci[1] - s.ci[0]) / (2 * Z95)) for s in pooled.studies)
    null = 0.0 if pooled.scale != "as_given" else None
    return Funnel(title or WORDS[pooled.scale], axis_of(pooled.scale), studies, pooled.mu, null)


def meta_page(result: MetaResult, labels: PoolLabels | None = None) -> EvidencePage:
    """Forest, and funnel from ten studies on, with the numbers of a pool, its moderator, and the pool without each study."""
    labels, pooled = labels or PoolLabels(), result.pooled
    forest = forest_of(pooled, labels, result.subgroups)
    figures = [
        PageFigure(
            "Every study with its interval",
            forest_svg(forest, WEB, prefix="forest"),
            forest_svg(forest, WEB, width=NARROW, prefix="forest-narrow"),
            twin("The forest plot as a table", forest_table(forest)),
        )
    ]
    funnel = funnel_of(pooled, labels.title)
    if funnel is not None:
        funnel = replace(funnel, footnotes=_asymmetry_notes(result))
    if funnel is not None:
        figures.append(
            PageFigure(
                funnel_finding(funnel),
                funnel_svg(funnel, WEB, prefix="funnel"),
                funnel_svg(funnel, WEB, width=NARROW, prefix="funnel-narrow"),
                twin("The funnel plot as a table", funnel_table(funnel)),
            )
        )
    kind, values = forest.kind, list[tuple[str, str]]()
    unit = f"{THIN}%" if kind == "percent" else ""
    pool = forest.pool
    if pool is not None and pool.estimate is not None:
        ends = ends_words(pool.ci, kind)
        few = f"; {FEW - 1} studies or fewer: read them one by one" if pooled.k < FEW else ""
        values.append((f"{value_words(pool.estimate, kind)}{unit}", f"pooled, 95{THIN}% interval {ends}{few}"))
        if pool.prediction is not None:
            values.append(
                (
                    ends_words(pool.prediction, kind) + unit,
                    f"where a new study is expected (95{THIN}% prediction interval)",
                )
            )
    if pooled.i2_percent is not None:
        values.append(
            (
                f"{pooled.i2_percent:.0f}{THIN}%",
                f"I², share of the spread beyond chance; tau² {value_words(pooled.tau2, 'number')}",
            )
        )
    return EvidencePage(
        "Meta-analysis",
        labels.title or WORDS[pooled.scale],
        forest_finding(forest),
        tuple(values),
        tuple(figures),
        tuple(_meta_tables(result)),
        warnings=pooled.warnings,
        methods=(model_words(pooled),),
        software=SOFTWARE,
    )


def _asymmetry_notes(result: MetaResult) -> tuple[str, ...]:
    """The test of asymmetry and trim and fill, in words."""
    notes: list[str] = []
    if (test := result.beside.asymmetry) is not None:
        notes.append(f"Test of asymmetry ({test.test}): p {p_words(test.p)}. {test.words}")
    if (filled := result.beside.filled) is not None:
        scale = result.pooled.scale
        pooled = value_words(on_axis(filled.estimate, scale), axis_of(scale))
        lost = (
            f"{filled.missing} missing on the {filled.side}, with them {pooled}" if filled.missing else "none missing"
        )
        notes.append(f"Trim and fill: {lost}. {filled.words}")
    return tuple(notes)


def _meta_tables(result: MetaResult) -> list[PageTable]:
    """The regression on the moderator, other ways to pool, the pool without each study, and study by study."""
    pooled, tables = result.pooled, list[PageTable]()
    if result.regression is not None:
        rows = tuple(
            (c.name, interval_words(c.estimate, c.ci[0], c.ci[1], "number"), p_words(c.p))
            for c in result.regression.coefficients
        )
        head = ("Term", f"On the {pooled.model_scale} scale (95{THIN}% interval)", "p")
        tables.append(PageTable("Regression on the moderator", head, rows, " ".join(result.regression.warnings)))
    scale, kind = pooled.scale, axis_of(pooled.scale)
    unit, beside = " (%)" if kind == "percent" else "", result.beside
    if beside.sensitivity:
        rows = tuple(
            (name, _spread(each.estimate, each.ci, scale), each.warnings[-1]) for name, each in beside.sensitivity
        )
        head = ("Method", f"Pooled{unit} (95{THIN}% interval)", "Why not the headline")
        tables.append(PageTable("For sensitivity only", head, rows, widths=(20, 25, 55)))
    if beside.without:
        far = any(each.rstudent is not None for each in beside.without)
        rows = tuple(
            (
                each.label,
                value_words(on_axis(each.estimate, scale), kind),
                value_words(each.tau2, "number"),
                *((_plain(each.rstudent), _plain(each.cooks_distance), _plain(each.dffits)) if far else ()),
            )
            for each in beside.without
        )
        head = (
            "Without",
            f"Pooled{unit}",
            "tau²",
            *(("Residual of the study", "Cook's distance", "DFFITS") if far else ()),
        )
        tables.append(PageTable("The pool without each study, and how far that study lies", head, rows))
    if beside.up_to:
        rows = tuple((each.label, f"{each.year:g}", _spread(each.estimate, each.ci, scale)) for each in beside.up_to)
        head = ("With", "Year", f"Pooled{unit} (95{THIN}% interval)")
        tables.append(PageTable("The pool as the studies came", head, rows))
    return tables


def _spread(estimate: float | None, ci: Interval | None, scale: Scale) -> str:
    """A value with its interval as its axis shows it; no value where there is none."""
    if estimate is None or not math.isfinite(estimate):
        return "not estimable"
    low, high = _pair(ci, scale) or (None, None)
    return interval_words(on_axis(estimate, scale), low, high, axis_of(scale))


def _plain(value: float | None) -> str:
    return "" if value is None or not math.isfinite(value) else value_words(value, "number")


def ends_words(pair: Interval | None, kind: AxisKind) -> str:
    """The ends of an interval: `33–70`, `−1.07 to −0.36`."""
    if pair is None:
        return "not known"
    low, high = (value_words(v, kind) for v in pair)
    return f"{low} to {high}" if "−" in low + high else f"{low}–{high}"


def twin(caption: str, table: tuple[tuple[str, ...], Sequence[tuple[str, ...]]]) -> PageTable:
    """A figure's table, without the columns in which nothing stands."""
    head, rows = table
    kept = [i for i in range(len(head)) if i == 0 or any(row[i] for row in rows)]
    return PageTable(
        caption, tuple(head[i] or "Counts" for i in kept), tuple(tuple(row[i] for i in kept) for row in rows)
    )


def league_cell(found: Network, a: str, b: str) -> str:
    """Effect of a minus effect of b, or the ratio of a to b, with its interval."""
    return _effect(found.versus(a, b), found.scale)


def _effect(e: Estimate | None, scale: Scale) -> str:
    if e is None:
        return "none"
    return interval_words(on_axis(e.estimate, scale), on_axis(e.ci[0], scale), on_axis(e.ci[1], scale), axis_of(scale))


def network_picture(found: Network) -> NetworkPicture:
    """The network plot of a fitted network."""
    return NetworkPicture(
        tuple(NetworkNode(t, found.studies[t], found.patients[t]) for t in found.treatments),
        tuple(NetworkEdge(c.treat1, c.treat2, c.studies) for c in found.comparisons),
        found.multi_arm,
        found.k,
    )


def network_page(found: Network) -> EvidencePage:
    """Network plot, forest against the most studied treatment, league, direct and indirect evidence, designs."""
    picture, kind = network_picture(found), axis_of(found.scale)
    base = max(found.treatments, key=lambda t: (found.studies[t], found.patients[t] or 0))
    others = sorted((t for t in found.treatments if t != base), key=lambda t: -found.p_scores[t])
    studies = tuple(
        ForestStudy(
            t,
            None,
            counted(found.studies[t], "study", "studies"),
            on_axis(found.versus(t, base).estimate, found.scale),
            _pair(found.versus(t, base).ci, found.scale),
        )
        for t in others
    )
    tau = f"tau² {value_words(found.tau2, 'number')}" + (
        f" ({ends_words(found.tau2_ci, 'number')})" if found.tau2_ci else ""
    )
    i2 = f", I² {found.i2_percent:.0f}{THIN}%" if found.i2_percent is not None else ""
    model = f"Random-effects network ({'REML' if found.method == 'reml' else 'DerSimonian-Laird'}), normal intervals; {tau}{i2}, k {found.k}."
    reference = 1.0 if found.scale in LOG_SCALES else 0.0
    measure = f"{WORDS[found.scale]} against {base}"
    forest = Forest(
        measure,
        kind,
        "its studies",
        (ForestGroup("", studies),),
        None,
        reference,
        footnotes=(model,),
        row_head="Treatment",
    )
    ranked = sorted(found.treatments, key=lambda t: -found.p_scores[t])
    head = ("Row against column", *ranked)
    spread = f"; 95{THIN}% interval {ends_words(found.tau2_ci, 'number')}" if found.tau2_ci else ""
    league = tuple(
        (a, *("" if a == b else league_cell(found, a, b).replace(" (", "\n(") for b in ranked)) for a in ranked
    )
    values = [
        (many(found.k), f"{'study' if found.k == 1 else 'studies'} of {counted(len(found.treatments), 'treatment')}"),
        (
            value_words(found.tau2, "number"),
            f"tau², between studies of the same pair{spread}",
        ),
    ]
    if found.q_between.p is not None:
        values.append((p_words(found.q_between.p), "p of disagreement between designs (inconsistency)"))
    return EvidencePage(
        "Network meta-analysis",
        WORDS[found.scale] if found.scale != "as_given" else "Treatments compared",
        network_finding(picture),
        tuple(values),
        (
            PageFigure(
                "Who was compared with whom",
                network_svg(picture, WEB, prefix="network"),
                network_svg(picture, WEB, width=NARROW, prefix="network-narrow"),
                twin("The network as a table", network_table(picture)),
            ),
            PageFigure(
                f"Each treatment against {base}",
                forest_svg(forest, WEB, prefix="forest"),
                forest_svg(forest, WEB, width=NARROW, prefix="forest-narrow"),
                twin("Effects as a table", forest_table(forest)),
            ),
        ),
        (
            PageTable(
                "League: effect of the row minus the column"
                if found.scale not in LOG_SCALES
                else "League: ratio of the row to the column",
                head,
                league,
                "Ordered by P-score.",
            ),
            PageTable(
                "P-scores: mean certainty of being better than another treatment",
                ("Treatment", "P-score"),
                tuple((t, f"{found.p_scores[t]:.2f}") for t in ranked),
                f"A {found.better} effect counts as better. A rank is not an effect: read it with the league and its intervals.",
            ),
            PageTable(
                "Direct and indirect evidence",
                ("Pair", "Studies", "Direct", "Indirect", "Difference, p", "Direct share"),
                tuple(_split_row(c, found.scale) for c in found.comparisons),
                "Indirect: what the rest of the network says, by back-calculation. A small p says that both disagree.",
            ),
            PageTable(
                "Disagreement by design",
                ("Design", "Studies", "Q", "Degrees of freedom", "p"),
                tuple(
                    (name, n, value_words(q.q, "number"), str(q.df), p_words(q.p) if q.df else "")
                    for name, n, q in (
                        *((" : ".join(d.arms), str(d.studies), d.q) for d in found.designs if d.q.df),
                        ("Within designs", "", found.q_within),
                        ("Between designs", "", found.q_between),
                        ("All", str(found.k), found.q),
                    )
                ),
            ),
        ),
        warnings=found.warnings,
        methods=(
            model,
            "Studies of three or more arms enter with the covariance of their pairs. The same treatments must be comparable across studies: that is a judgement, not a number.",
        ),
        software=SOFTWARE,
    )


def _split_row(c: Comparison, scale: Scale) -> tuple[str, ...]:
    return (
        f"{c.treat1} against {c.treat2}",
        str(c.studies),
        _effect(c.direct, scale),
        _effect(c.indirect, scale),
        p_words(c.difference.p) if c.difference else "",
        f"{100 * c.share:.0f}{THIN}%",
    )
