"""Response of a cohort as one page: for each technique by itself a waterfall and a spider, with the patients behind them as a table."""

from __future__ import annotations

from collections.abc import Iterator

from liverboard.board.procedure_cohort import FEW
from liverboard.board.response_cohort import CohortResponse, PatientResponse, TechniqueResponse
from liverboard.board.timeline import words
from liverboard.clinical.response import Category, Criterion
from liverboard.report.canvas import many
from liverboard.report.evidence_page import EvidencePage, PageFigure, PageTable
from liverboard.report.evidence_views import NARROW, SOFTWARE
from liverboard.report.palette import WEB
from liverboard.report.response_plots import Limits, spider_svg, waterfall_svg
from liverboard.report.response_view import CATEGORIES, in_words
from liverboard.report.words import THIN, clean, counted, day, number
from liverboard.response.criteria import CRITERIA
from liverboard.response.disagreement import NAMES
from liverboard.response.thresholds import sum_rule

_WIDE = 960


def response_page(cohort: CohortResponse) -> EvidencePage:
    """Pictures and tables by technique, most patients first; they are never drawn on one axis."""
    patients = sum(each.n for each in cohort.techniques)
    evaluable = sum(each.evaluable for each in cohort.techniques)
    name = NAMES[cohort.criterion] + (", liver only" if cohort.scope == "liver" else "")
    aside = "; ".join(f"{reason}: {count}" for reason, count in cohort.aside.items())
    return EvidencePage(
        "Response",
        f"Response of {counted(cohort.cases, 'patient')}, by {name}",
        f"{counted(patients, 'course')} through the hepatic artery, {evaluable} of them evaluable by {name}",
        ((many(cohort.cases), "patients"), (f"{evaluable} of {patients}", "courses that could be judged")),
        tuple(figure for each in cohort.techniques for figure in _figures(cohort, each)),
        (_summary(cohort), *(_patients(each) for each in cohort.techniques)),
        warnings=(
            *(
                [f"SYNTHETIC DATA: {cohort.synthetic} of {counted(cohort.cases, 'case')} are invented."]
                if cohort.synthetic
                else []
            ),
            "Single arms: patients were chosen for each treatment. The techniques stand one below the other and are not compared.",
            "For the centre: single patients are drawn. Do not pass it on without hiding small numbers.",
            *cohort.notes,
        ),
        methods=(
            f"The first course of each technique of each patient. {f'Not shown: {aside}.' if aside else ''}",
            "Best change: the smallest sum since the start that was late enough to be judged, against the baseline of that course. Best response: confirmed where the criterion asks for it; progression by new lesions counts.",
            "The interval of a share is the exact 95 % interval of a binomial count; how patients were chosen is not in it.",
            f"Fewer than {FEW} evaluable patients are drawn and called few.",
            CATEGORIES,
        ),
        software=SOFTWARE,
    )  # fmt: skip


def _share(each: TechniqueResponse) -> str:
    said = f"CR or PR in {each.responded} of {counted(each.evaluable, 'patient')}"
    if each.small or each.responded_ci is None:
        return f"{said}; too few to say more than what happened to them"
    low, high = each.responded_ci
    return f"{said} ({number(100 * each.responded / each.evaluable, '%')}{THIN}%, 95{THIN}% interval {number(100 * low, '%')} to {number(100 * high, '%')})"


def _figures(cohort: CohortResponse, each: TechniqueResponse) -> Iterator[PageFigure]:
    shown = [patient for patient in each.patients if not patient.why_not]
    drawn = [patient for patient in shown if patient.best_change_percent is not None]
    if not drawn:
        return
    rule, name = sum_rule(cohort.criterion), words(each.technique)
    limits = Limits(rule.fall_percent, rule.rise_percent, NAMES[cohort.criterion])
    finding = f"{name}: {_share(each)}"
    prefix = f"waterfall-{each.technique}"
    yield PageFigure(
        finding,
        waterfall_svg(drawn, limits, WEB, width=_WIDE, prefix=prefix, title=finding),
        waterfall_svg(drawn, limits, WEB, width=NARROW, prefix=f"{prefix}-narrow", title=finding),
        PageTable(
            f"Best change, {name}",
            ("Patient", "Best change (%)", "Best response", "New lesion"),
            tuple((clean(p.case), _percent(p.best_change_percent), _best(p), "yes" if p.new_lesion else "no") for p in sorted(drawn, key=lambda p: -(p.best_change_percent or 0))),
            folded=True,
        ),
    )  # fmt: skip
    ways = [patient for patient in shown if any(step.change_percent is not None for step in patient.path)]
    months = max((step.days for patient in ways for step in patient.path), default=0) / 30.4375
    finding = (
        f"{name}: {counted(len(ways), 'patient')} followed for up to {months:.0f} months{', few' if each.small else ''}"
    )
    prefix = f"spider-{each.technique}"
    yield PageFigure(
        finding,
        spider_svg(ways, limits, WEB, width=_WIDE, prefix=prefix, title=finding),
        spider_svg(ways, limits, WEB, width=NARROW, prefix=f"{prefix}-narrow", title=finding),
        PageTable(
            f"Every follow-up, {name}",
            ("Patient", "Change (%) with the answer, by days from the start"),
            tuple((clean(p.case), "; ".join(f"day {s.days}: {_percent(s.change_percent)} {s.category}{', early' if s.early else ''}" for s in p.path)) for p in ways),
            widths=(20, 80),
            folded=True,
        ),
    )  # fmt: skip


def _summary(cohort: CohortResponse) -> PageTable:
    names: tuple[Category, ...] = ("CR", "PR", "SD", "non-CR/non-PD", "PD", "NE")
    used: list[Category] = [name for name in names if any(each.counts.get(name) for each in cohort.techniques)]
    return PageTable(
        "Best response, each technique by itself",
        ("Technique", "Patients", "Evaluable", *used),
        tuple(
            (words(each.technique) + (" (few)" if each.small else ""), many(each.n), many(each.evaluable), *(many(each.counts.get(name, 0)) for name in used))
            for each in cohort.techniques
        ),
        note="Counts of patients. Patients were chosen for each technique, so the rows compare nothing.",
    )  # fmt: skip


def _patients(each: TechniqueResponse) -> PageTable:
    names: list[Criterion] = [
        name for name in CRITERIA if any(p.best_of.get(name, "NE") != "NE" for p in each.patients)
    ]
    return PageTable(
        f"Best response by every criterion, {words(each.technique)}",
        ("Patient", "Start", *(NAMES[name] for name in names), "Not evaluable because"),
        tuple(
            (clean(p.case), day(p.start), *(p.best_of.get(name, "NE") for name in names), clean(in_words(p.why_not)))
            for p in each.patients
        ),
        folded=True,
    )


def _best(patient: PatientResponse) -> str:
    if patient.best == patient.best_unconfirmed:
        return patient.best
    return f"{patient.best} ({patient.best_unconfirmed} not confirmed)"


def _percent(value: float | None) -> str:
    return "not measured" if value is None else f"{'+' if value > 0 else ''}{number(value, '%')}"
