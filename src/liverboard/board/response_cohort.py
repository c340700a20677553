"""Response of many patients, each by its own course: one course a patient and technique, with best change, best response and the way there."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Callable, Iterator, Sequence

from pydantic import Field

from liverboard.board.measured import Step, quiet
from liverboard.board.procedure_cohort import FEW
from liverboard.board.response import response_of
from liverboard.board.response_values import ResponseReport
from liverboard.clinical.events import Case
from liverboard.clinical.extent import Frozen
from liverboard.clinical.response import Category, Criterion
from liverboard.response.answers import CourseAnswer
from liverboard.response.criteria import CRITERIA
from liverboard.response.start import TRANSARTERIAL
from liverboard.spreadsheets import plain

ENDPOINTS = ("overall_survival", "progression_free_survival", "hepatic_progression_free_survival")


class OnDay(Frozen):
    """One follow-up of a course: days from its start, change of the sum against the baseline (None: not measured), and the answer."""

    days: int
    change_percent: float | None
    category: Category
    early: bool = False


class PatientResponse(Frozen):
    """One course of one patient. `best_change_percent`: the lowest sum that may be judged against the baseline; `best`: best response, confirmed as the criterion asks.

    `category` per criterion: of the last follow-up. `why_not`: why the criterion that was asked for could not be judged; empty where it could.
    """

    case: str
    event: str
    technique: str
    start: dt.date
    best: Category
    best_unconfirmed: Category
    best_change_percent: float | None = None
    new_lesion: bool = False
    path: tuple[OnDay, ...] = ()
    last: dict[Criterion, Category] = Field(default={})
    best_of: dict[Criterion, Category] = Field(default={})
    why_not: str = ""


class PersonTime(Frozen):
    """One end point of one patient: days from its start to the day it happened, or to the last day known to be free of it."""

    case: str
    end_point: str
    days: int
    happened: bool


class TechniqueResponse(Frozen):
    """One technique by itself. `small`: fewer than `FEW` patients that could be judged. `responded_ci`: exact 95 % interval of the share that responded."""

    technique: str
    n: int
    evaluable: int
    small: bool
    counts: dict[Category, int]
    responded: int
    responded_ci: tuple[float, float] | None
    patients: tuple[PatientResponse, ...]


class CohortResponse(Frozen):
    """`techniques`: most patients first; never compared. `times`: the end points of every patient, where they can be told. `aside`: courses that are not shown, by reason."""

    criterion: Criterion
    scope: str
    cases: int
    synthetic: int
    techniques: tuple[TechniqueResponse, ...]
    times: tuple[PersonTime, ...]
    aside: dict[str, int]
    notes: tuple[str, ...] = ()


def response_of_cohort(
    cases: Sequence[Case],
    day: Callable[[Case], dt.date],
    *,
    criterion: Criterion = "recist11",
    hepatic: bool = False,
    notes: Sequence[str] = (),
    step: Step = quiet,
) -> CohortResponse:
    """The first course of each transarterial technique of every case, as of its day, by one criterion. `hepatic`: of the liver alone. Typed lesions only."""
    found: dict[str, list[PatientResponse]] = {}
    times: list[PersonTime] = []
    aside = {
        "later course of the same technique": 0,
        "ablation, resection or radiation": 0,
        "no treatment of the liver": 0,
    }
    for number, case in enumerate(cases):
        step(f"case {number + 1:,} of {len(cases):,}")
        report = response_of(case, as_of=day(case))
        times += _times(report)
        seen: set[str] = set()
        directed = [each for each in report.courses if each.liver_directed]
        aside["no treatment of the liver"] += not directed
        for course in directed:
            if course.what not in TRANSARTERIAL:
                aside["ablation, resection or radiation"] += 1
            elif course.what in seen:
                aside["later course of the same technique"] += 1
            else:
                seen.add(course.what)
                found.setdefault(course.what, []).append(_patient(case.case, course, criterion, hepatic=hepatic))
    return CohortResponse(
        criterion=criterion,
        scope="liver" if hepatic else "patient",
        cases=len(cases),
        synthetic=sum(case.synthetic is True for case in cases),
        techniques=tuple(sorted((_technique(*each) for each in found.items()), key=lambda each: (-each.n, each.technique))),
        times=tuple(times),
        aside={reason: count for reason, count in aside.items() if count},
        notes=tuple(notes),
    )  # fmt: skip


def _patient(case: str, course: CourseAnswer, criterion: Criterion, *, hepatic: bool) -> PatientResponse:
    held, bests = (course.hepatic, course.best_hepatic) if hepatic else (course.days, course.best)
    days, best = held.get(criterion, ()), bests.get(criterion)
    path = tuple(
        OnDay(
            days=(each.date - course.start).days,
            change_percent=each.change_percent,
            category=each.category,
            early=each.early,
        )
        for each in days
    )
    judged = [each for each in days if each.category != "NE"]
    changes = [each.change_percent for each in judged if each.change_percent is not None and not each.early]
    why = ""
    if not judged:
        reasons = [text for each in days for text in each.basis] or [problem.message for problem in course.problems]
        why = reasons[0] if reasons else "no follow-up"
    return PatientResponse(
        case=case,
        event=course.event,
        technique=course.what,
        start=course.start,
        best="NE" if best is None else best.category,
        best_unconfirmed="NE" if best is None else best.without_confirmation,
        best_change_percent=min(changes, default=None),
        new_lesion=any(each.new_lesion is True for each in judged),
        path=path,
        last={name: answers[-1].category for name, answers in held.items() if answers},
        best_of={name: each.category for name, each in bests.items()},
        why_not=why,
    )


def _technique(technique: str, patients: list[PatientResponse]) -> TechniqueResponse:
    from liverboard.synthesis.intervals import clopper_pearson

    evaluable = [each for each in patients if not each.why_not]
    counts: dict[Category, int] = {}
    for each in evaluable:
        counts[each.best] = counts.get(each.best, 0) + 1
    responded = sum(counts.get(name, 0) for name in ("CR", "PR"))
    ci = None
    if evaluable:
        low, high = clopper_pearson(responded, len(evaluable))
        ci = float(low), float(high)
    return TechniqueResponse(
        technique=technique,
        n=len(patients),
        evaluable=len(evaluable),
        small=len(evaluable) < FEW,
        counts=counts,
        responded=responded,
        responded_ci=ci,
        patients=tuple(patients),
    )


def _times(report: ResponseReport) -> Iterator[PersonTime]:
    for name in ENDPOINTS:
        point = report.endpoints.endpoints.get(name)
        if point is not None and point.happened is not None and point.days is not None:
            yield PersonTime(case=report.case, end_point=name, days=point.days, happened=point.happened)


def times_csv(cohort: CohortResponse, end_point: str) -> str:
    """One end point as `liverboard survival` reads it: a row for each patient in whom it can be told; `event` 1 where it happened, 0 where it is censored."""
    rows = ((each.case, each.days, int(each.happened)) for each in cohort.times if each.end_point == end_point)
    return _csv(["case", "days", "event"], rows)


def patients_csv(cohort: CohortResponse) -> str:
    """Best change and best response by every criterion, a row a patient and technique."""
    head = ["case", "technique", "start", f"best_change_percent_{cohort.criterion}", *(f"best_{name}" for name in CRITERIA), *(f"last_{name}" for name in CRITERIA)]  # fmt: skip
    rows = (
        [
            each.case,
            each.technique,
            each.start.isoformat(),
            None if each.best_change_percent is None else f"{each.best_change_percent:.1f}",
            *(each.best_of.get(name) for name in CRITERIA),
            *(each.last.get(name) for name in CRITERIA),
        ]
        for technique in cohort.techniques
        for each in technique.patients
    )
    return _csv(head, rows)


def _csv(head: Sequence[str], rows: Iterator[Sequence[object]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(head)
    for row in rows:
        writer.writerow(["" if cell is None else plain(str(cell)) for cell in row])
    return out.getvalue()
