"""What a patient has been given of each option, so that nothing is offered as new that was tried before."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Final

from liverboard.clinical.derive_timeline import Course, course_of, visible_events
from liverboard.clinical.events import Case, Procedure, Systemic

OPTION_OF: Final[Mapping[str, str]] = {
    "liver_resection": "resection",
    "liver_transplantation": "liver_transplantation",
    "rfa": "ablation",
    "mwa": "ablation",
    "cryo": "ablation",
    "tae": "tae",
    "ctace": "ctace",
    "debtace": "debtace",
    "sirt_resin": "sirt_resin",
    "sirt_glass": "sirt_glass",
    "sirt_ho166": "sirt_ho166",
    "octreotide_lar": "ssa",
    "lanreotide": "ssa",
    "everolimus": "everolimus",
    "sunitinib": "sunitinib",
    "cabozantinib": "cabozantinib",
    "capecitabine_temozolomide": "chemotherapy",
    "streptozotocin_5fu": "chemotherapy",
    "folfox": "chemotherapy",
    "lu177_dotatate": "prrt",
}
"""The option that a drug or technique of the case format belongs to; what belongs to none is not there."""


def given_before(
    case: Case, as_of: dt.date, known_at: dt.date | dt.datetime | None = None
) -> dict[str, tuple[str, ...]]:
    """By option: each course and procedure until `as_of` in words, in the order of the timeline."""
    found: dict[str, list[str]] = {}
    for event in visible_events(case, as_of, known_at)[0]:
        if isinstance(event, Systemic) and event.drug in OPTION_OF:
            found.setdefault(OPTION_OF[event.drug], []).append(_course(course_of(event, as_of)))
        elif isinstance(event, Procedure) and event.technique in OPTION_OF:
            found.setdefault(OPTION_OF[event.technique], []).append(
                f"{event.technique.replace('_', ' ')} {event.date:%Y-%m}"
            )
    return {option: tuple(lines) for option, lines in found.items()}


def _course(course: Course) -> str:
    end = "goes on" if course.running else f"until {course.until:%Y-%m}" if course.until else "ended"
    cycles = f", {course.cycles} cycle{'s' if course.cycles != 1 else ''}" if course.cycles is not None else ""
    why = f", stopped for {course.stopped_for}" if course.stopped_for else ""
    return f"{course.drug.replace('_', ' ')} from {course.start:%Y-%m}, {end}{cycles}{why}"
