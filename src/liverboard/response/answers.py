"""Every criterion on every follow-up of every course of a case, for the patient and for the liver, and what follows from it. Pure: visible events in, frozen values out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from pydantic import Field

from liverboard.clinical.events import AnyEvent, Assessment, Imaging, Procedure
from liverboard.clinical.extent import Frozen
from liverboard.clinical.procedure_details import AblationDetails
from liverboard.clinical.response import BestResponse, Criterion, Judgement, Scope, TimePoint
from liverboard.errors import Problem
from liverboard.response.ablation_response import AblationResponse, Zone, ablation_response
from liverboard.response.best_response import best_response
from liverboard.response.course import Course, pieces_of
from liverboard.response.courses import Treated, treated_courses, whole_course
from liverboard.response.criteria import CRITERIA
from liverboard.response.disagreement import disagreements
from liverboard.response.endpoints import Finding
from liverboard.response.points import ABLATION, Points, time_points, without_lesions
from liverboard.response.recist11 import judge_recist11
from liverboard.response.sums import judge


class CourseAnswer(Frozen):
    """One course. `days`: by criterion, a judgement for each follow-up in order of date; `hepatic`: the same of the liver alone. Empty without baseline or follow-up.

    `disagreements`: why other criteria differ from RECIST 1.1 on the last day.
    """

    what: str
    event: str
    start: dt.date
    liver_directed: bool
    baseline: str | None = None
    baseline_date: dt.date | None = None
    days: dict[Criterion, tuple[Judgement, ...]] = Field(default_factory=dict[Criterion, tuple[Judgement, ...]])
    hepatic: dict[Criterion, tuple[Judgement, ...]] = Field(default_factory=dict[Criterion, tuple[Judgement, ...]])
    best: dict[Criterion, BestResponse] = Field(default_factory=dict[Criterion, BestResponse])
    best_hepatic: dict[Criterion, BestResponse] = Field(default_factory=dict[Criterion, BestResponse])
    disagreements: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


class Answers(Frozen):
    """`courses`: in order of their start. `current`: the place of the one that is asked about; None: nothing to judge. `findings`: progression by RECIST 1.1 since
    the first liver-directed treatment, for end points."""

    courses: tuple[CourseAnswer, ...]
    current: int | None
    ablations: tuple[AblationResponse, ...]
    findings: tuple[Finding, ...]
    problems: tuple[Problem, ...]


def answers_of(events: Sequence[AnyEvent], start: dt.date | None) -> Answers:
    """`events`: the visible ones, in order of date. `start`: from which findings for end points count (None: no findings)."""
    found: Points = time_points(events)
    treated = treated_courses(events, found.points)
    courses = tuple(_answer(each, events) for each in treated)
    return Answers(
        courses=courses,
        current=_current(treated),
        ablations=ablations_of(events, found.points),
        findings=() if start is None else _findings(events, found.points, start, treated, courses),
        problems=(*found.problems, *_against_stated(events, courses)),
    )


def _answer(treated: Treated, events: Sequence[AnyEvent]) -> CourseAnswer:
    course = treated.course
    answer = CourseAnswer(
        what=treated.what,
        event=treated.event,
        start=treated.start,
        liver_directed=treated.liver_directed,
        baseline=None if treated.baseline is None else treated.baseline.event,
        baseline_date=None if treated.baseline is None else treated.baseline.date,
        problems=treated.problems,
    )
    if course is None:
        return answer
    days = _judged(course, "patient")
    # Without disease outside the liver on any day both answers are one.
    alone = all(each.in_liver for point in (course.baseline, *course.points) for each in point.lesions)
    quiet = alone and all(point.outside in {None, "none"} for point in (course.baseline, *course.points))
    hepatic = {name: _of_liver(each) for name, each in days.items()} if quiet else _judged(course, "liver")
    best = {name: best_response(each, course.start) for name, each in days.items()}
    return answer.model_copy(
        update={
            "days": days,
            "hepatic": hepatic,
            "best": best,
            "best_hepatic": {name: each.model_copy(update={"scope": "liver"}) for name, each in best.items()}
            if quiet
            else {name: best_response(each, course.start) for name, each in hepatic.items()},
            "problems": (*treated.problems, *without_lesions(events, course.baseline.date), *_unclear(course)),
            "disagreements": disagreements({name: each[-1] for name, each in days.items()}),
        }
    )


def _unclear(course: Course) -> list[Problem]:
    """On which follow-up lesions cannot be matched, are not listed, or newness cannot be told."""
    found: list[Problem] = []
    for point, news, became in zip(course.points, course.news("patient"), course.became, strict=True):
        if news.found is None:
            found += [Problem(text, event=point.event, field="lesions") for text in news.says]
        lost = [each.id for each in course.there if not became[each.id]]
        if lost:
            found.append(
                Problem(
                    f"not listed, though the baseline of {course.baseline.date} has it: {', '.join(lost)}",
                    event=point.event,
                    field="lesions",
                    hint="list each with its size, or with state: absent, too_small or not_evaluable; a lesion that is not listed is unknown, not gone",
                )
            )
        known = frozenset[str]().union(*(each.roots for each in course.there))
        found += [
            Problem(
                f"{each.id} is said to be new, yet the baseline of {course.baseline.date} has it: it is judged as that lesion",
                event=point.event,
                field="lesions",
                hint="give a new lesion an id that no earlier one had, or leave new out",
            )
            for each in point.lesions
            if each.new is True and each.roots & known
        ]
    return found


def _judged(course: Course, scope: Scope) -> dict[Criterion, tuple[Judgement, ...]]:
    return {name: judge(course, measure, scope) for name, measure in CRITERIA.items()}


def _of_liver(judged: Sequence[Judgement]) -> tuple[Judgement, ...]:
    return tuple(each if each.scope == "liver" else each.model_copy(update={"scope": "liver"}) for each in judged)


def _current(treated: Sequence[Treated]) -> int | None:
    """The last liver-directed course, else the last that can be judged, else the last."""
    directed = [number for number, each in enumerate(treated) if each.liver_directed]
    judged = [number for number, each in enumerate(treated) if each.course is not None]
    return next((numbers[-1] for numbers in (directed, judged, range(len(treated))) if numbers), None)


def _findings(
    events: Sequence[AnyEvent],
    points: Sequence[TimePoint],
    start: dt.date,
    treated: Sequence[Treated],
    answered: Sequence[CourseAnswer],
) -> tuple[Finding, ...]:
    course = whole_course(events, points, start)
    if course is None:
        return ()
    # Where nothing else was given meanwhile, the course from the start has been judged already.
    same = next((number for number, each in enumerate(treated) if each.course == course), None)
    judged = answered[same] if same is not None else None
    of_patient = judge_recist11(course, "patient") if judged is None else judged.days["recist11"]
    of_liver = judge_recist11(course, "liver") if judged is None else judged.hepatic["recist11"]
    found: list[Finding] = []
    for point, whole, liver in zip(course.points, of_patient, of_liver, strict=True):
        hepatic = _progressed(liver)
        anywhere = _progressed(whole) if whole.scope == "patient" else True if hepatic else None
        if hepatic is None and anywhere is None:
            continue
        found.append(Finding(date=point.date, hepatic=hepatic, anywhere=anywhere, event=point.event, by="recist11"))
        # What an earlier scan showed already counts from that day on: of the liver what was in it, no more.
        if hepatic and liver.since is not None and liver.since < point.date:
            found.append(Finding(date=liver.since, hepatic=True, anywhere=True, event=point.event, by="recist11"))
        if anywhere and whole.since is not None and whole.since < min(point.date, liver.since or point.date):
            found.append(Finding(date=whole.since, hepatic=None, anywhere=True, event=point.event, by="recist11"))
    return tuple(found)


def _progressed(judgement: Judgement) -> bool | None:
    return None if judgement.category == "NE" else judgement.category == "PD"


def ablations_of(events: Sequence[AnyEvent], points: Sequence[TimePoint]) -> tuple[AblationResponse, ...]:
    """For each ablated lesion that is named, each control after the ablation and up to the next one of that lesion.

    Zone and margin are those of the control; where it gives none, those that the procedure states for the lesion.
    """
    done = [event for event in events if isinstance(event, Procedure) and event.technique in ABLATION]
    found: list[AblationResponse] = []
    for number, procedure in enumerate(done):
        for name in _ablated(procedure):
            again = min((later.date for later in done[number + 1 :] if name in _ablated(later)), default=None)
            found += _controls(name, procedure, again, points)
    return tuple(found)


def _ablated(procedure: Procedure) -> tuple[str, ...]:
    details = procedure.details
    entries = details.ablations if isinstance(details, AblationDetails) else None
    return tuple(dict.fromkeys((*(procedure.lesions or ()), *(each.lesion for each in entries or ()))))


def _stated_zone(procedure: Procedure, name: str) -> Zone:
    """What the procedure says of the lesion; of the session where it ablated this lesion alone."""
    details = procedure.details
    if not isinstance(details, AblationDetails):
        return Zone()
    own = next((each for each in details.ablations or () if each.lesion == name), None)
    stated = own or (details if _ablated(procedure) == (name,) else None)
    return Zone() if stated is None else Zone(max(stated.zone, default=None) if stated.zone else None, stated.margin)


def _controls(
    name: str, procedure: Procedure, again: dt.date | None, points: Sequence[TimePoint]
) -> list[AblationResponse]:
    ablated = procedure.date
    before = next(
        (each for point in reversed(points) if point.date < ablated for each in point.lesions if name in {each.id, *each.roots}), None
    )  # fmt: skip
    if before is None:
        return []
    stated = _stated_zone(procedure, name)
    found: list[AblationResponse] = []
    necrotic = False
    for point in points:
        if point.date <= ablated or (again is not None and point.date > again):
            continue
        for after in pieces_of(before.roots, point):
            seen = Zone(after.zone_mm, after.margin_mm)
            zone = stated if seen == Zone() else seen
            found.append(ablation_response(before, after, point.date, zone=zone, was_necrotic=necrotic))
            necrotic = necrotic or bool(found[-1].necrotic)
    return found


def _against_stated(events: Sequence[AnyEvent], courses: Sequence[CourseAnswer]) -> list[Problem]:
    """Where an assessment or a reader's word on progression differs from what the sizes give on the last imaging up to it."""
    found: list[Problem] = []
    for event in events:
        if isinstance(event, Assessment):
            stated: dict[Criterion, str | None] = {"recist11": event.recist11, "mrecist": event.mrecist}
            for name, word in stated.items():
                if word is not None:
                    found += _compared(event, name, word, courses)
        elif isinstance(event, Imaging) and event.progression is not None and event.progression.hepatic is not None:
            judged = _last_by(courses, "recist11", event.date, hepatic=True)
            if judged is not None and judged.date == event.date and judged.category != "NE":
                says = event.progression.hepatic
                if says != (judged.category == "PD"):
                    found.append(
                        Problem(
                            f"the reader says {'' if says else 'no '}progression in the liver against the imaging before; RECIST 1.1 gives {judged.category} against baseline and smallest sum",
                            event=event.id,
                            field="progression",
                        )
                    )
    return found


def _compared(event: Assessment, name: Criterion, word: str, courses: Sequence[CourseAnswer]) -> list[Problem]:
    judged = _last_by(courses, name, event.date, hepatic=False)
    if judged is None:
        return [
            Problem(
                f"{name} {word} is stated, and no baseline and follow-up with lesions stand behind it",
                event=event.id,
                field=name,
                hint="add the imaging before the treatment and after it, with their lesions",
            )
        ]
    if judged.category in {"NE", word}:
        return []
    return [
        Problem(
            f"{name} {word} is stated; the lesions of {judged.date} give {judged.category}: {judged.basis[0] if judged.basis else ''}",
            event=event.id,
            field=name,
        )
    ]


def _last_by(courses: Sequence[CourseAnswer], name: Criterion, day: dt.date, *, hepatic: bool) -> Judgement | None:
    """The judgement of the last imaging up to a day, in the course that ran then."""
    for course in sorted(courses, key=lambda each: (each.liver_directed, each.start), reverse=True):
        if course.start > day:
            continue
        held: Mapping[Criterion, tuple[Judgement, ...]] = course.hepatic if hepatic else course.days
        judged = [each for each in held.get(name, ()) if each.date <= day]
        if judged:
            return judged[-1]
    return None
