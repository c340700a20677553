"""Response and procedures of a dossier, from the case as it was measured for it; images are read again only where lesions must be followed between them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

from liverboard.board.follow_case import followed_case
from liverboard.board.followed import FollowedCase
from liverboard.board.measured import KnownAt, Step
from liverboard.board.procedures import Asked, CaseProcedures, procedures_of
from liverboard.board.response import response_of
from liverboard.board.response_values import CourseInShort, FollowUp, ResponseReport, ResponseSection, Seen
from liverboard.clinical.derive_timeline import visible_events
from liverboard.clinical.events import Case, Imaging
from liverboard.knowledge import load_references
from liverboard.options.policy import Ruleset
from liverboard.response.answers import CourseAnswer
from liverboard.response.thresholds import sum_rule


def followed_images(
    case: Case, folder: Path | None, as_of: dt.date, known_at: KnownAt, *, step: Step
) -> FollowedCase | None:
    """The lesions of a case followed from scan to scan, where there are several to measure. Raises as `followed_case`."""
    if folder is None or _segmented(case, as_of, known_at) < 2:
        return None
    return followed_case(case, folder, as_of, known_at, step=step)


def response_section(
    measured: Case, followed: FollowedCase | None, as_of: dt.date, known_at: KnownAt, *, step: Step
) -> ResponseSection:
    """`measured`: the case with what its segmentations gave; `followed`: the case with its lesions followed, where there are several scans."""
    report = response_of(measured, as_of=as_of, known_at=known_at, step=step, followed=followed)
    course = report.course
    return ResponseSection(
        course=None if course is None else CourseInShort(**{name: getattr(course, name) for name in CourseInShort.model_fields}),
        criteria=report.criteria,
        disagreements=report.disagreements,
        follow_ups=follow_ups(report),
        ablations=report.ablations,
        growth=report.growth,
        markers=report.markers,
        symptoms=report.symptoms,
        toxicity=report.toxicity,
        late_toxicity=report.late_toxicity,
        overdue=report.overdue,
        endpoints=report.endpoints,
        problems=report.problems,
        warnings=report.warnings,
    )  # fmt: skip


def procedures_section(measured: Case, as_of: dt.date, known_at: KnownAt, ruleset: Ruleset) -> CaseProcedures:
    """The procedures of the case under the rules of this dossier."""
    return procedures_of(measured, Asked(as_of, ruleset, known_at=known_at))


def follow_ups(report: ResponseReport) -> tuple[FollowUp, ...]:
    """Every judged follow-up of every liver-directed course, in order of date; without one, of the course that is asked about."""
    directed = [each for each in report.courses if each.liver_directed]
    courses: Sequence[CourseAnswer] = directed or [each for each in (report.course,) if each is not None]
    found = [_on(course, number) for course in courses for number in range(len(course.days.get("recist11", ())))]
    return tuple(sorted(found, key=lambda each: each.date))


def response_sources(section: ResponseSection) -> tuple[str, ...]:
    """Keys of the sources behind criteria that were judged, symptoms, controls and end points."""
    judged = [name for name, answer in section.criteria.items() if answer.category != "NE"]
    symptoms = section.symptoms
    parts = (
        *([] if symptoms.durable is None else [symptoms.durable]),
        *symptoms.meaningful,
        *symptoms.scores,
        *section.late_toxicity,
        *(point for point in section.endpoints.endpoints.values() if point.happened is not None),
    )
    return _known((*(sum_rule(name).source for name in judged), *(key for part in parts for key in part.sources)))


def procedure_sources(section: CaseProcedures) -> tuple[str, ...]:
    """Keys of the sources behind the rules, the checks and the published series of the plan."""
    proposal = section.proposal
    if proposal is None:
        return ()
    said = (*proposal.plan.checks, *proposal.published)
    return _known((*(key for rule in proposal.rules for key in rule.sources), *(each.source for each in said)))


def _known(keys: Sequence[str]) -> tuple[str, ...]:
    return tuple(key for key in dict.fromkeys(keys) if key in load_references())


def _on(course: CourseAnswer, number: int) -> FollowUp:
    return FollowUp(
        date=course.days["recist11"][number].date,
        course=course.event,
        what=course.what,
        seen={
            name: Seen(
                category=days[number].category,
                hepatic=course.hepatic[name][number].category,
                total=days[number].total,
                unit=days[number].unit,
                change_percent=days[number].change_percent,
                early=days[number].early,
            )
            for name, days in course.days.items()
        },
    )


def _segmented(case: Case, as_of: dt.date, known_at: KnownAt) -> int:
    """How many imagings could be measured; two or more may have to be followed."""
    return sum(
        isinstance(event, Imaging) and bool(event.studies) and event.lesions is None
        for event in visible_events(case, as_of, known_at)[0]
    )
