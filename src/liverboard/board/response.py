"""Response of a case as of one day: images or typed lesions become time points, judged by every criterion, beside markers, symptoms, toxicity and end points."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from liverboard.board.follow_case import followed_case
from liverboard.board.followed import FollowedCase
from liverboard.board.measured import KnownAt, Step, quiet
from liverboard.board.response_values import CriterionAnswer, LesionGrowth, ResponseReport
from liverboard.clinical.derive_timeline import visible_events
from liverboard.clinical.events import Case
from liverboard.clinical.response import Criterion
from liverboard.errors import Problem
from liverboard.response.adverse_events import toxicity_of
from liverboard.response.answers import Answers, CourseAnswer, answers_of
from liverboard.response.criteria import CRITERIA
from liverboard.response.endpoints import endpoints_of
from liverboard.response.late_toxicity import late_toxicity_of
from liverboard.response.markers import markers_of
from liverboard.response.overdue import overdue_of
from liverboard.response.start import start_of
from liverboard.response.symptoms import symptoms_of


def response_of(
    case: Case,
    *,
    as_of: dt.date,
    folder: Path | None = None,
    known_at: KnownAt = None,
    step: Step = quiet,
    followed: FollowedCase | None = None,
) -> ResponseReport:
    """The response of one case. `folder`: where its image paths start (None: typed lesions only). `followed`: the case with its lesions followed already. Raises as `prepare_dossier` does for images that cannot be read."""
    followed = followed or followed_case(case, folder, as_of, known_at, step=step)
    step("judging the response")
    events, _ = visible_events(followed.case, as_of, known_at)
    begin = start_of(events)
    answers = answers_of(events, None if begin is None else begin.date)
    current = None if answers.current is None else answers.courses[answers.current]
    markers = markers_of(followed.case, as_of, known_at)
    symptoms = symptoms_of(followed.case, as_of, known_at)
    toxicity = toxicity_of(followed.case, as_of, known_at)
    endpoints = endpoints_of(followed.case, as_of, known_at, judged=answers.findings)
    return ResponseReport(
        case=case.case,
        as_of=as_of,
        course=current,
        criteria=_criteria(current, as_of, answers),
        disagreements=() if current is None else current.disagreements,
        courses=answers.courses,
        ablations=answers.ablations,
        growth=tuple(LesionGrowth(lesion=name, growth=found, says=says) for name, found, says in followed.growth),
        markers=markers,
        symptoms=symptoms,
        toxicity=toxicity,
        late_toxicity=late_toxicity_of(followed.case, as_of, known_at),
        overdue=overdue_of(followed.case, as_of, known_at),
        endpoints=endpoints,
        problems=_once(
            *endpoints.problems,
            *answers.problems,
            *(() if current is None else current.problems),
            *markers.problems,
            *symptoms.problems,
            *toxicity.problems,
        ),
        warnings=tuple(followed.warnings),
    )


def _criteria(current: CourseAnswer | None, as_of: dt.date, answers: Answers) -> dict[Criterion, CriterionAnswer]:
    if current is None or not current.days:
        reasons = tuple(problem.message for problem in (current.problems if current else answers.problems))
        basis = reasons or ("no imaging lists lesions, and no treatment is recorded",)
        return {
            name: CriterionAnswer(criterion=name, date=as_of, category="NE", scope="patient", basis=basis)
            for name in CRITERIA
        }
    return {
        name: CriterionAnswer(
            **dict(days[-1]),
            hepatic=current.hepatic[name][-1],
            best=current.best[name],
            best_hepatic=current.best_hepatic[name],
        )
        for name, days in current.days.items()
    }


def _once(*problems: Problem) -> tuple[Problem, ...]:
    return tuple(dict.fromkeys(problems))


def response_document(report: ResponseReport) -> dict[str, object]:
    """The report as one JSON document: end points by name, the course that `criteria` speak of in short, every course in full."""
    document = report.model_dump(mode="json", exclude={"course", "problems", "endpoints"})
    points = report.endpoints.model_dump(mode="json")
    course = report.course
    document["course"] = (
        None if course is None else course.model_dump(mode="json", include={"what", "event", "start", "baseline", "baseline_date"})
    )  # fmt: skip
    document["endpoints"] = points["endpoints"]
    document["after_procedures"] = points["after_procedures"]
    document["findings"] = points["findings"]
    document["problems"] = [problem.as_dict() for problem in report.problems]
    return document
