"""Facts of a radioembolisation that its scout or its plan states: the later word counts, and a plan speaks from its own date on, never before."""

from __future__ import annotations

from collections.abc import Callable

from liverboard.clinical.derive import Sheet
from liverboard.clinical.events import Plan, Scout
from liverboard.clinical.sirt_details import CompartmentDose, SirtDetails

_APART = 0.02  # of the value: closer figures say the same


def write_sirt(sheet: Sheet) -> None:
    _lung(sheet, "lung_dose_gy", lambda scout: scout.lung_dose, _lung_dose)
    _lung(sheet, "lung_activity_gbq", lambda scout: scout.lung_activity, lambda plan: plan.lung_activity)
    plans = _plans(sheet)
    if not plans:
        return
    # A plan is one whole: the dose of an earlier plan does not belong to the activity of the latest.
    last = [plan for plan in plans if plan.date == plans[-1].date]
    sheet.put_stated("planned_activity_gbq", last, lambda plan: _of(plan).planned_activity)
    sheet.put_stated("planned_tumour_dose_gy", last, lambda plan: _mean(_of(plan), "tumour"))
    sheet.put_stated("planned_normal_liver_dose_gy", last, lambda plan: _mean(_of(plan), "normal_liver"))


def _plans(sheet: Sheet) -> list[Plan]:
    return [plan for plan in sheet.by_kind.get("plan", ()) if isinstance(plan.details, SirtDetails)]


def _of(plan: Plan) -> SirtDetails:
    assert isinstance(plan.details, SirtDetails)  # noqa: S101  (by `_plans`)
    return plan.details


def _mean(details: SirtDetails, compartment: str) -> float | None:
    dose: CompartmentDose | None = (
        None if details.planned_doses is None else getattr(details.planned_doses, compartment)
    )
    return None if dose is None else dose.mean


def _lung_dose(details: SirtDetails) -> float | None:
    return _mean(details, "lung") if details.lung_dose is None else details.lung_dose


def _lung(
    sheet: Sheet,
    name: str,
    of_scout: Callable[[Scout], float | None],
    of_plan: Callable[[SirtDetails], float | None],
) -> None:
    """The latest word of scouts and plans; where the other kind of event says something else, the note names it."""

    def read(event: Scout | Plan) -> float | None:
        return of_scout(event) if isinstance(event, Scout) else of_plan(_of(event))

    speaking: list[Scout | Plan] = [
        event
        for event in sheet.visible
        if isinstance(event, Scout) or (isinstance(event, Plan) and isinstance(event.details, SirtDetails))
    ]
    found = sheet.latest(name, speaking, read)
    if found is None:
        return
    event, value = found
    other = next((each for each in reversed(speaking) if each.kind != event.kind and read(each) is not None), None)
    note = None if not isinstance(event, Plan) else f"by the plan for {event.technique}"
    if other is not None and abs((apart := read(other) or 0.0) - value) > _APART * value:
        beside = f"the {other.kind} of {other.date} ({other.id}) states {apart:.3g} {sheet.definitions[name].unit}"
        note = beside if note is None else f"{note}; {beside}"
    sheet.put(name, value, event.date, event.id, confirmed=event.confirmed is True, note=note)
