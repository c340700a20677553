"""Cases of three invented rooms that embolise in their own ways; every figure that a test reads is set here."""

from __future__ import annotations

import datetime as dt
from typing import Any

from liverboard.clinical.events import Case

RIGHT, LEFT = [5, 6, 7, 8], [2, 3, 4]


def tae_details(room: str, stasis: str, size: int) -> dict[str, Any]:
    flow = {"stasis": "none", "near_stasis": "reduced", "none": "reduced"}[stasis]
    return {
        "room": room,
        "selectivity": "lobar",
        "particles": [{"material": "trisacryl_gelatin", "size_min": f"{size} um", "size_max": f"{size + 200} um"}],
        "end_point": {"stasis": stasis, "flow": flow},
        "fluoroscopy_time": "20 min",
    }


def staged_tae(name: str, room: str, interval_days: int, *, stasis: str = "stasis", size: int = 100) -> Case:
    """Right then left hemiliver, `interval_days` apart."""
    first = dt.date(2023, 3, 1)
    sessions = [
        {
            "kind": "procedure",
            "date": first + dt.timedelta(days=number * interval_days),
            "technique": "tae",
            "session": number + 1,
            "territory": {"segments": segments},
            "details": tae_details(room, stasis, size),
        }
        for number, segments in enumerate((RIGHT, LEFT))
    ]
    return _case(name, sessions)


def sirt(name: str, room: str, activity_gbq: float, *, planned_gbq: float | None = None, model: str = "bsa") -> Case:
    details = {"room": room, "injected_activity": f"{activity_gbq} GBq", "model": model}
    if planned_gbq is not None:
        details["planned_activity"] = f"{planned_gbq} GBq"
    event = {"kind": "procedure", "date": "2023-05-02", "technique": "sirt_resin", "territory": {"segments": RIGHT}}
    return _case(name, [{**event, "details": details}])


def three_rooms() -> list[Case]:
    """Room A: 28 days and stasis; room B: 56 days and near stasis; room C: one patient; SIRT in A by two models and in B."""
    cases = [staged_tae(f"A-{n}", "A", 28 + n) for n in range(6)]
    cases += [staged_tae(f"B-{n}", "B", 56 + 3 * n, stasis="near_stasis", size=300) for n in range(5)]
    cases += [staged_tae("C-0", "C", 91, size=500)]
    cases += [sirt(f"SA-{n}", "A", 1.0 + n / 10, model="bsa" if n % 2 else "partition") for n in range(6)]
    cases += [sirt(f"SB-{n}", "B", 2.0 + n / 10, planned_gbq=2.0) for n in range(3)]
    return cases


def _case(name: str, events: list[dict[str, Any]]) -> Case:
    diagnosis = {"kind": "diagnosis", "date": "2022-01-10", "primary_site": "ileum"}
    numbered = [{"id": f"e{number}", **event} for number, event in enumerate((diagnosis, *events), 1)]
    return Case.model_validate(
        {"case": name, "centre": "demo", "as_of": "2024-01-31", "synthetic": True, "events": numbered}
    )
