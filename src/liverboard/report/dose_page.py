"""Doses of structures as a page of their own: the dose-volume picture, metrics, biological effect, limits, what was assumed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from liverboard.board.doses import DoseReport as AnyDose
from liverboard.board.sirt_dose import DoseReport
from liverboard.report.dose_plot import DoseLine, DosePlot, dose_ends, dvh_finding, dvh_svg, dvh_table
from liverboard.report.evidence_page import EvidencePage, PageFigure, PageTable
from liverboard.report.evidence_views import NARROW, SOFTWARE, twin
from liverboard.report.palette import WEB
from liverboard.report.words import THIN, clean, number
from liverboard.sirt.dose_curve import DoseCurve

_METHODS = {"kernel": "by the voxel kernel", "local": "by local deposition"}
_FIRST = 3  # structures whose mean stands on top of the page


def delivered_plot(report: DoseReport) -> DosePlot:
    """The dose-volume picture of `sirt dose`, with the limits of the non-tumour liver as lines."""
    limits: dict[float, str] = {check.limit: f"limit {number(check.limit)}{THIN}Gy" for check in report.limits}
    recovered = [curve for curve in report.curves if curve.recovery != 1]
    said = (
        ("Doses are divided by the recovery coefficient of the structure; the shape stays that of the image.",)
        if recovered
        else ()
    )
    return DosePlot(
        f"Absorbed dose {_METHODS[report.method]}",
        tuple(sorted(report.curves, key=lambda curve: _rank(report, curve))),
        tuple(DoseLine(dose, says) for dose, says in sorted(limits.items())),
        said,
    )


def _rank(report: DoseReport, curve: DoseCurve) -> tuple[int, float]:
    """The non-tumour liver first, then tumours, the largest first, then the rest."""
    tissue = report.structures[curve.name]["tissue"]
    return (0 if tissue == "normal_liver" else 1 if tissue == "tumour" else 2), -curve.volume_ml


def delivered_page(report: DoseReport) -> EvidencePage:
    """`sirt dose` as a page."""
    plot = delivered_plot(report)
    tables = [_methods(report), *_effects(report), *_limits(report)]
    return EvidencePage(
        "Absorbed dose",
        f"{report.nuclide}, {number(report.total_activity_gbq * 1000)}{THIN}MBq",
        dvh_finding(plot),
        _values(plot),
        (_figure(plot),),
        tuple(tables),
        warnings=tuple(dict.fromkeys(report.warnings)),
        methods=(*report.assumptions, f"Kernel: {report.kernel}"),
        software=SOFTWARE,
    )


def any_dose_plot(report: AnyDose) -> DosePlot:
    """The dose-volume picture of `dvh`, with bands where the error of the dose was stated."""
    return DosePlot("Dose", report.curves)


def any_dose_page(report: AnyDose) -> EvidencePage:
    """`dvh` as a page."""
    plot = any_dose_plot(report)
    uniform = report.alpha_per_gy
    head = ("Structure", "Least (Gy)", "Greatest (Gy)", "Homogeneity", *(("EUD (Gy)",) if uniform else ()))
    rows = tuple(
        (
            clean(name),
            _gy(each.min_gy),
            _gy(each.max_gy),
            "" if each.homogeneity_index is None else f"{each.homogeneity_index:.3g}",
            *((_gy(each.equivalent_uniform_dose(uniform)),) if uniform else ()),
        )
        for name, each in report.structures.items()
    )
    return EvidencePage(
        "Dose-volume histograms",
        "Dose of each structure",
        dvh_finding(plot),
        _values(plot),
        (_figure(plot),),
        (PageTable("Extremes and homogeneity", head, rows, note="Homogeneity: (D2 - D98) / D50; 0 is uniform."),),
        warnings=report.warnings,
        methods=("Linear interpolation of the dose; each cell of a structure counts with its share.",),
        software=SOFTWARE,
    )


def dvh_picture(plot: DosePlot) -> bytes:
    """The picture as a file of its own, for print."""
    return dvh_svg(plot).encode()


def _figure(plot: DosePlot) -> PageFigure:
    return PageFigure(
        "How much of each structure gets which dose",
        dvh_svg(plot, WEB),
        dvh_svg(plot, WEB, width=NARROW, prefix="dvh-narrow"),
        twin("Dose to shares of the volume", dvh_table(plot)),
    )


def _methods(report: DoseReport) -> PageTable:
    head = ("Structure", "Volume (mL)", "Kernel (Gy)", "Local deposition (Gy)", "Errors, largest first")
    rows = tuple(
        (
            clean(name),
            number(row["volume_ml"], "mL"),
            *(_gy(row["methods"][method]["mean_gy"]) for method in ("kernel", "local")),
            _shares(row.get("interval")),
        )
        for name, row in report.structures.items()
    )
    note = "Errors: their shares in the variance of the mean dose. Both methods are of the same activity."
    return PageTable("Mean dose by both methods", head, rows, note=note, widths=(24, 14, 14, 16, 32))


def _shares(interval: Mapping[str, Any] | None) -> str:
    if not interval:
        return "no interval"
    parts = sorted(interval["contributions"].items(), key=lambda each: -each[1])
    return (
        ", ".join(f"{name.replace('_', ' ')} {100 * share:.0f}{THIN}%" for name, share in parts if share >= 0.005)
        or "none stated"
    )


def _effects(report: DoseReport) -> list[PageTable]:
    rows: list[tuple[str, ...]] = []
    for name, row in report.structures.items():
        if "effect" in row:
            effect, uniform = row["effect"], row.get("uniform_dose")
            rows.append(
                (
                    clean(name),
                    _band(effect["bed_gy"], effect["bed_band_gy"]),
                    _band(effect["eqd2_gy"], effect["eqd2_band_gy"]),
                    _band(uniform["eud_gy"], uniform["eud_band_gy"]) if uniform else "not defined",
                )
            )
    note = "Brackets: the band that contested parameters leave, beside the error of the dose. BED and EQD2 are of the mean dose. The uniform dose holds for tumours: no source gives an alpha of normal liver."
    head = ("Structure", "BED (Gy)", "EQD2 (Gy)", "Equivalent uniform dose (Gy)")
    return [PageTable("Biological effect", head, tuple(rows), note=note)] if rows else []


def _limits(report: DoseReport) -> list[PageTable]:
    rows = tuple((clean(c.says), c.source, f"{c.verification}; {clean(c.borrowed)}") for c in report.limits)
    head = ("Limit of the non-tumour liver", "Source", "Verification, and in whom it was set")
    return [PageTable("Limits", head, rows, widths=(50, 15, 35))] if rows else []


def _values(plot: DosePlot) -> tuple[tuple[str, str], ...]:
    """The mean doses on top of the page."""
    return tuple(
        (
            f"{number(c.mean_gy)}{THIN}Gy",
            f"mean dose of {clean(c.name)}"
            + (
                ""
                if c.mean_low_gy is None
                else f" (95{THIN}% interval {dose_ends(c.mean_low_gy, c.mean_high_gy)}{THIN}Gy)"
            ),
        )
        for c in plot.curves[:_FIRST]
    )


def _gy(value: float | None) -> str:
    return "no dose" if value is None else number(value)


def _band(value: float, band: Sequence[float]) -> str:
    return f"{number(value)} ({number(band[0])}–{number(band[1])})"
