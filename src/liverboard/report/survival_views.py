"""Survival of people, and reconstructed curves, as pages."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from liverboard.report.canvas import interval_words, many, value_words
from liverboard.report.evidence_page import EvidencePage, PageFigure, PageTable
from liverboard.report.evidence_views import NARROW, SOFTWARE, p_words, twin
from liverboard.report.palette import WEB
from liverboard.report.survival_plot import (
    Survival,
    SurvivalCurve,
    median_words,
    survival_finding,
    survival_svg,
    survival_table,
)
from liverboard.report.words import THIN, counted
from liverboard.synthesis import kaplan_meier
from liverboard.synthesis.reconstruct import HazardRatio, Reconstruction

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SurvivalTime:
    """The name of the time column, and the unit of its times; empty where nobody says it."""

    name: str
    unit: str = ""


def _part(document: Document, key: str) -> dict[str, Any]:
    """A part of the document; empty where it is missing or could not be estimated."""
    found = document.get(key)
    return dict(found) if found else {}


def curve_of(label: str, curve: kaplan_meier.SurvivalCurve, least: int | None = None) -> SurvivalCurve:
    """A curve as it is drawn: its steps, the times of censoring and the people at risk. `least`: it was cut where fewer than so many are followed."""
    steps = curve.events > 0
    certain = steps & (curve.survival > 0)
    low, high = np.where(certain, curve.lower, math.nan), np.where(certain, curve.upper, math.nan)
    ends = [v if math.isfinite(v) else None for v in curve.median_ci]
    return SurvivalCurve(
        label,
        curve.n,
        curve.n_events,
        tuple(curve.time[steps].tolist()),
        tuple(curve.survival[steps].tolist()),
        tuple(low[steps].tolist()),
        tuple(high[steps].tolist()),
        tuple(curve.time[curve.censored > 0].tolist()),
        tuple(curve.time.tolist()),
        tuple(curve.at_risk.tolist()),
        curve.median,
        (ends[0], ends[1]),
        least,
    )


def survival_page(
    curves: Mapping[str, kaplan_meier.SurvivalCurve], document: Document, event: str, time: SurvivalTime
) -> EvidencePage:
    """Curves with people at risk, and the tests and models of the document of `survival`. `event`: the name of its column."""
    what = "Survival" if not document.get("competing_events") else "Free of any event"
    single = len(curves) == 1
    drawn = tuple(curve_of("" if single and name == "all" else name, curve) for name, curve in curves.items())
    notes = ["Bands: 95" + THIN + "% log-log intervals; ticks: censored."]
    logrank = _part(document, "logrank")
    if logrank.get("p") is not None:
        of = " of event 1" if document.get("competing_events") else ""
        notes.insert(0, f"Log-rank test{of}: p {p_words(logrank['p'])}.")
    unit = time.unit
    plot = Survival(what, unit, drawn, footnotes=tuple(notes), time_name=time.name)
    values = [
        (
            _short_median(c),
            f"median{' in ' + unit if unit else ''}{', ' + c.label if c.label else ''}{_median_ends(c)}; {counted(c.events, 'event')} in {many(c.n)} people",
        )
        for c in drawn[:6]
    ]
    return EvidencePage(
        f"Kaplan-Meier, event: {event}",
        what,
        survival_finding(plot),
        tuple(values),
        (
            PageFigure(
                "Survival over time",
                survival_svg(plot, WEB, prefix="survival"),
                survival_svg(plot, WEB, width=NARROW, prefix="survival-narrow"),
                twin("The curves as a table", survival_table(plot)),
            ),
        ),
        (
            *_test_table(document),
            *_model_tables(document),
            *_share_tables(document, what, unit),
            *_mean_table(document, unit),
        ),
        warnings=(*(str(w) for w in document.get("warnings", ())), *_refused(document)),
        software=SOFTWARE,
    )


def _test_table(document: Document) -> list[PageTable]:
    """Log-rank and Peto-Peto between the groups, and the check of proportional hazards."""
    rows: list[tuple[str, ...]] = []
    for key, title in (("logrank", "Log-rank"), ("peto_peto", "Peto-Peto (weighs early events more)")):
        test = _part(document, key)
        if test.get("chi2") is not None:
            strata = f", {test['strata']} strata" if test["strata"] > 1 else ""
            rows.append((title + strata, value_words(test["chi2"], "number"), str(test["df"]), p_words(test["p"])))
    check = _part(_part(_part(document, "cox"), "proportional_hazards"), "global")
    if check.get("chi2") is not None:
        chi2 = value_words(check["chi2"], "number")
        rows.append(("Proportional hazards hold in the Cox model", chi2, str(check["df"]), p_words(check["p"])))
    note = "Of event 1, the competing events censored." if document.get("competing_events") else ""
    return [PageTable("Tests", ("Test", "chi²", "Degrees of freedom", "p"), tuple(rows), note)] if rows else []


def _model_tables(document: Document) -> list[PageTable]:
    tables: list[PageTable] = []
    for key, title, ratio in (
        ("cox", "Cox model", "Hazard ratio"),
        ("fine_gray", "Fine-Gray model", "Subdistribution hazard ratio"),
    ):
        model = _part(document, key)
        if model.get("coefficients"):
            rows = tuple(
                (
                    str(name),
                    interval_words(_number(t["hr"]), _number(t["ci"][0]), _number(t["ci"][1]), "ratio"),
                    p_words(t["p"]),
                )
                for name, t in model["coefficients"].items()
            )
            tables.append(
                PageTable(
                    title,
                    ("Term", f"{ratio} (95{THIN}% interval)", "p"),
                    rows,
                    " ".join(map(str, model.get("warnings", ()))),
                )
            )
    return tables


def _share_tables(document: Document, what: str, unit: str) -> list[PageTable]:
    """Survival at the times that were asked for, and the share with event 1 where others compete with it."""
    tables: list[PageTable] = []
    for key, value, title in (
        ("survival_at", "survival", f"{what} at the times asked for"),
        ("cumulative_incidence", "incidence", "Share with event 1, competing events counted (Aalen-Johansen)"),
    ):
        rows = tuple(
            (str(name), f"{point['time']:g}", _share(point, value))
            for name, group in _part(document, "groups").items()
            for point in group.get(key, ())
        )
        if rows:
            head = ("Group", f"By time ({unit})" if unit else "By time", f"% (95{THIN}% interval)")
            tables.append(PageTable(title, head, rows))
    return tables


def _share(point: Document, value: str) -> str:
    if not point.get("known", True):
        return "beyond the last follow-up"
    return interval_words(point[value], _number(point["ci"][0]), _number(point["ci"][1]), "percent")


def _mean_table(document: Document, unit: str) -> list[PageTable]:
    means = _part(_part(document, "rmst"), "groups")
    rows = tuple((str(g), interval_words(m["estimate"], m["ci"][0], m["ci"][1], "number")) for g, m in means.items())
    title = f"Restricted mean survival up to {document['rmst'].get('tau', 0):g}{f'{THIN}{unit}' if unit else ''}"
    return [PageTable(title, ("Group", f"Mean (95{THIN}% interval)"), rows)] if rows else []


def _refused(document: Document) -> list[str]:
    """What could not be estimated, and why."""
    named = (
        ("logrank", "Log-rank test"),
        ("rmst", "Restricted mean"),
        ("cox", "Cox model"),
        ("fine_gray", "Fine-Gray model"),
    )
    parts = [(title, _part(document, key)) for key, title in named]
    return [
        f"{title}: not estimable. {part['not_estimable']}. {part['hint']}"
        for title, part in parts
        if "not_estimable" in part
    ]


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _median_ends(c: SurvivalCurve) -> str:
    words = median_words(c, "")
    return f" ({words.split(' (', 1)[1]}" if " (" in words else ""


def _short_median(c: SurvivalCurve) -> str:
    return "not reached" if c.median is None else median_words(c, "").split(" ", 1)[1].split(" (")[0]


def _ratio_value(ratio: HazardRatio | None) -> list[tuple[str, str]]:
    if ratio is None:
        return []
    value = value_words(ratio.hr, "ratio")
    ends = interval_words(ratio.hr, *ratio.ci, "ratio").removeprefix(value).strip(" ()")
    beside = "" if ratio.reported is None else f"; {ratio.reported:g} reported"
    return [(value, f"reconstructed hazard ratio against the other arm (95{THIN}% interval {ends}){beside}")]


def reconstruct_page(found: Reconstruction, curve: kaplan_meier.SurvivalCurve) -> EvidencePage:
    """The reconstructed curve, its quality gate, and the numbers by interval."""
    flag = (
        ("Red flag: without a risk table the number of events and the censoring are guesses.",)
        if found.red_flag
        else ()
    )
    drawn = curve_of("", curve)
    plot = Survival(
        "Reconstructed survival",
        "",
        (drawn,),
        footnotes=(
            f"Reconstructed from a published curve, not individual data. Largest deviation from the clicks {100 * found.curve_max_deviation:.1f} percentage points.",
        ),
    )
    rows = tuple(
        (
            f"{r.start:g}",
            "" if r.reported is None else many(r.reported),
            many(r.at_risk),
            many(r.events),
            many(r.censored),
        )
        for r in found.intervals
    )
    reported = f"; {found.events_reported} reported" if found.events_reported is not None else ""
    return EvidencePage(
        "Reconstruction",
        "Individual times from a published curve",
        f"{survival_finding(plot)}; quality gate {'passed' if found.passed else 'failed'}",
        (
            (many(drawn.n), f"people, {counted(drawn.events, 'event')}{reported}"),
            (f"{100 * found.curve_rmse:.2g}", "percentage points: typical deviation of the curve (RMSE)"),
            *_ratio_value(found.hazard_ratio),
        ),
        (
            PageFigure(
                "The curve that the reconstruction gives",
                survival_svg(plot, WEB, prefix="survival"),
                survival_svg(plot, WEB, width=NARROW, prefix="survival-narrow"),
                twin("The curve as a table", survival_table(plot)),
            ),
        ),
        (
            PageTable(
                "By interval of the risk table",
                ("From", "Reported at risk", "At risk", "Events", "Censored"),
                rows,
            ),
        ),
        warnings=tuple(dict.fromkeys((*flag, *found.warnings))),
        methods=("Published curve to individual times by the method of Guyot and co-workers (2012).",),
        software=SOFTWARE,
    )
