"""What came of the treatment of one case, as values: the whole report, and the part of it that a dossier carries."""

from __future__ import annotations

import datetime as dt

from pydantic import Field

from liverboard.clinical.extent import Frozen
from liverboard.clinical.response import BestResponse, Category, Criterion, Judgement
from liverboard.clinical.tracking import Growth
from liverboard.errors import Problem
from liverboard.response.ablation_response import AblationResponse
from liverboard.response.adverse_events import ToxicityTable
from liverboard.response.answers import CourseAnswer
from liverboard.response.endpoints import EndPoints
from liverboard.response.late_toxicity import LateToxicity
from liverboard.response.markers import Markers
from liverboard.response.overdue import Overdue
from liverboard.response.symptoms import Symptoms


class CriterionAnswer(Judgement):
    """The judgement of the last follow-up of the course that is asked about. `hepatic`: of the liver alone; `best`: the best response so far, `best_hepatic` of the liver."""

    hepatic: Judgement | None = None
    best: BestResponse | None = None
    best_hepatic: BestResponse | None = None


class LesionGrowth(Frozen):
    """How fast one lesion grew over all its volumes. `says`: in words."""

    lesion: str
    growth: Growth
    says: str


class ResponseReport(Frozen):
    """Everything that came of the treatment of one case, as of one day. `course`: the one that `criteria` speak of; None: nothing to judge.

    `problems`: what is wrong, missing or contradictory, each with its event. `warnings`: from reading and following images.
    """

    case: str
    as_of: dt.date
    course: CourseAnswer | None
    criteria: dict[Criterion, CriterionAnswer]
    disagreements: tuple[str, ...]
    courses: tuple[CourseAnswer, ...]
    ablations: tuple[AblationResponse, ...]
    growth: tuple[LesionGrowth, ...]
    markers: Markers
    symptoms: Symptoms
    toxicity: ToxicityTable
    late_toxicity: tuple[LateToxicity, ...]
    overdue: tuple[Overdue, ...]
    endpoints: EndPoints
    problems: tuple[Problem, ...]
    warnings: tuple[str, ...] = ()


class CourseInShort(Frozen):
    """The course of treatment that `criteria` speak of. `what`: technique, drug, or observation; `baseline_date` None: no imaging before it lists lesions."""

    what: str
    event: str
    start: dt.date
    liver_directed: bool
    baseline: str | None = None
    baseline_date: dt.date | None = None


class Seen(Frozen):
    """What one criterion says on one day. `hepatic`: of the liver alone. `total` in `unit`; `change_percent` against the baseline of the course."""

    category: Category
    hepatic: Category | None = None
    total: float | None = None
    unit: str = "mm"
    change_percent: float | None = None
    early: bool = False


class FollowUp(Frozen):
    """One imaging after the start of a course, judged by every criterion. `what`: technique or drug of the course."""

    date: dt.date
    course: str = Field(description="id of the event that started the course")
    what: str
    seen: dict[Criterion, Seen]


class ResponseSection(Frozen):
    """Response in a dossier. `criteria`: the last follow-up of `course`, each with its reasons; `follow_ups`: every one of every liver-directed course, else of `course`.

    `problems`: what is wrong, missing or contradictory, each with its event.
    """

    course: CourseInShort | None = None
    criteria: dict[Criterion, CriterionAnswer] = Field(default={})
    disagreements: tuple[str, ...] = ()
    follow_ups: tuple[FollowUp, ...] = ()
    ablations: tuple[AblationResponse, ...] = ()
    growth: tuple[LesionGrowth, ...] = ()
    markers: Markers
    symptoms: Symptoms
    toxicity: ToxicityTable
    late_toxicity: tuple[LateToxicity, ...] = ()
    overdue: tuple[Overdue, ...] = ()
    endpoints: EndPoints
    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()
