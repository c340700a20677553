"""What was planned beside what was done: each `plan` event with the procedure that carried it out, difference by difference."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence

from liverboard.clinical.case_file import event_content
from liverboard.clinical.events import AnyEvent, Plan, Procedure
from liverboard.clinical.extent import Frozen
from liverboard.embolisation.intervals import FAMILY_OF

_OF_THE_EVENT = {"id", "kind", "date", "recorded", "corrects", "confirmed", "note", "technique"}
_TWINS = {
    "details.planned_activity": "details.injected_activity"
}  # what a plan and a procedure call by different names
_INTERVAL = "details.planned_interval"
_PLANNED, _DELIVERED = "details.planned_doses.", "details.delivered_doses."
_OF_A_PLAN_ALONE = (
    "details.limits",
    "details.binding_limit",
    "details.assumptions",
    "details.errors",
    "details.conditions",
)


class Difference(Frozen):
    """One thing that was planned and done otherwise. `percent`: of the planned figure, where both are figures of one unit."""

    what: str
    planned: str
    done: str
    percent: float | None = None


class PlanAndDone(Frozen):
    """`done` None: not carried out by the day that is looked at. `same`: what was done as planned; `not_told`: planned, and not stated of the procedure."""

    plan: str
    technique: str
    date: dt.date
    done: str | None = None
    done_on: dt.date | None = None
    days_after_plan: int | None = None
    differences: tuple[Difference, ...] = ()
    same: tuple[str, ...] = ()
    not_told: tuple[str, ...] = ()


def plans_and_done(visible: Sequence[AnyEvent]) -> tuple[PlanAndDone, ...]:
    """Each plan with the first procedure after it of its technique and session, else of its family (the technique was changed). A procedure carries out one plan."""
    procedures = sorted((event for event in visible if isinstance(event, Procedure)), key=lambda event: event.date)
    taken: set[str] = set()
    found: list[PlanAndDone] = []
    for plan in sorted((event for event in visible if isinstance(event, Plan)), key=lambda event: event.date):
        later = [each for each in procedures if each.date >= plan.date and each.id not in taken]
        done = next((each for each in later if each.technique == plan.technique and _same_session(plan, each)), None)
        if done is None:
            family = FAMILY_OF.get(plan.technique)
            done = next((each for each in later if family and FAMILY_OF.get(each.technique) == family and _same_session(plan, each)), None)  # fmt: skip
        if done is None:
            found.append(PlanAndDone(plan=plan.id, technique=plan.technique, date=plan.date))
            continue
        taken.add(done.id)
        family = FAMILY_OF.get(done.technique)
        before = [each.date for each in procedures if each.date < done.date and family and FAMILY_OF.get(each.technique) == family]  # fmt: skip
        found.append(_compared(plan, done, (done.date - before[-1]).days if before else None))
    return tuple(found)


def _same_session(plan: Plan, done: Procedure) -> bool:
    return plan.session is None or done.session is None or plan.session == done.session


def _compared(plan: Plan, done: Procedure, waited_days: int | None) -> PlanAndDone:
    """`waited_days`: since the session before of the family; it stands in the dates, not in the details."""
    planned, told = event_content(plan), event_content(done)
    if waited_days is not None:
        told |= {_INTERVAL: f"{waited_days} day"}
    differences: list[Difference] = []
    same: list[str] = []
    not_told: list[str] = []
    if plan.technique != done.technique:
        differences.append(Difference(what="technique", planned=plan.technique, done=done.technique))
    for name, value in planned.items():
        if name in _OF_THE_EVENT or name.startswith(_OF_A_PLAN_ALONE):
            continue
        twin = _TWINS.get(name, name.replace(_PLANNED, _DELIVERED))
        other = told.get(twin, told.get(name) if twin == name else None)
        if other is None:
            not_told.append(_plain(name))
        elif other == value:
            same.append(_plain(name))
        else:
            differences.append(Difference(what=_plain(name), planned=value, done=other, percent=_percent(value, other)))
    return PlanAndDone(
        plan=plan.id,
        technique=plan.technique,
        date=plan.date,
        done=done.id,
        done_on=done.date,
        days_after_plan=(done.date - plan.date).days,
        differences=tuple(differences),
        same=tuple(same),
        not_told=tuple(not_told),
    )


def _plain(name: str) -> str:
    return name.removeprefix("details.").replace("_", " ").replace(".", ", ")


def _percent(planned: str, done: str) -> float | None:
    """The change of a figure in percent of the planned one; None for words, other units, and from zero."""
    (a, _, unit), (b, _, other) = planned.partition(" "), done.partition(" ")
    try:
        before, after = float(a), float(b)
    except ValueError:
        return None
    percent = 100 * ((after - before) / before) if unit == other and before else math.inf
    return percent if math.isfinite(percent) else None
