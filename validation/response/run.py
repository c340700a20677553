"""End points and best response that are derived from the events of synthetic people, beside the truth that they were drawn from. Writes results.json here.

python validation/response/run.py [people]        (1,000 by default)
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from pathlib import Path
from statistics import median
from typing import Any

from liverboard.board.response import response_of
from liverboard.phantom.cohort import CohortPlan, Person, draw_people
from liverboard.phantom.cohort_story import case_of
from liverboard.response.endpoints import EndPoint
from liverboard.response.start import TRANSARTERIAL

HERE = Path(__file__).parent


def survival(person: Person, point: EndPoint) -> dict[str, object]:
    """`right`: dead or alive as in truth, and the day of a death to the day. `short`: days between the end of what is known and our last day alive."""
    if point.happened is None or point.days is None or point.date is None:
        return {"told": False}
    true_days = person.death_days - person.treated_days
    dead = person.death_days <= person.end_days
    last = (point.date - person.has.board).days
    return {
        "told": True,
        "dead": dead,
        "right": point.happened == dead and (not dead or point.days == true_days),
        "lost": person.lost,
        "short": None if dead else person.end_days - last,
    }


def progression(person: Person, point: EndPoint) -> dict[str, object]:
    """`held`: the true day of progression or death lies after the last day known free of it and not after the day we give; censored: it lies after our last day.

    `before`: it lies before the treatment that starts the clock.
    """
    if point.happened is None or point.date is None:
        return {"told": False}
    if min(person.progression_days, person.death_days) <= (person.treated_days or 0):
        return {"told": True, "before": True}
    day = person.has.board + dt.timedelta(days=min(person.progression_days, person.death_days))
    if not point.happened:
        return {"told": True, "happened": False, "held": day > point.date}
    after = point.not_before is None or day > point.not_before
    return {"told": True, "happened": True, "held": after and day <= point.date}


def main(people: int) -> None:
    overall: list[dict[str, Any]] = []
    progressed: list[dict[str, Any]] = []
    best: dict[str, int] = {}
    plan = CohortPlan(cases=people)
    for person in draw_people(plan):
        report = response_of(case_of(person, plan.seed), as_of=dt.date(2030, 1, 1))
        course = next((each for each in report.courses if each.what in TRANSARTERIAL), None)
        if course is None:
            continue
        points = report.endpoints.endpoints
        overall.append(survival(person, points["overall_survival"]))
        progressed.append(progression(person, points["hepatic_progression_free_survival"]))
        if course.days:
            answer = course.best["recist11"].without_confirmation
            key = f"{'responds' if person.responds else 'does not respond'}: {answer}"
            best[key] = best.get(key, 0) + 1
    told = [each for each in overall if each["told"]]
    dead, alive = [e for e in told if e["dead"]], [e for e in told if not e["dead"]]
    known = [each for each in progressed if each["told"] and not each.get("before")]
    seen, free = [e for e in known if e["happened"]], [e for e in known if not e["happened"]]
    found = {
        "people": people,
        "treated": len(overall),
        "rows": [
            {"what": "death, to the day", "n": len(dead), "right": sum(e["right"] for e in dead)},
            {"what": "alive when last seen", "n": len(alive), "right": sum(e["right"] for e in alive)},
            {"what": "progression in the liver or death: the true day lies between the two days given", "n": len(seen), "right": sum(e["held"] for e in seen)},
            {"what": "free of it: the true day lies after the last day judged", "n": len(free), "right": sum(e["held"] for e in free)},
        ],
        "untold_survival": len(overall) - len(told),
        "untold_progression": sum(not each["told"] for each in progressed),
        "progressed_before_treatment": sum(bool(each.get("before")) for each in progressed),
        "unseen_days": {
            name: {"n": len(days), "median": median(days), "most": max(days)}
            for name, lost in (("alive at the end", False), ("lost", True))
            for days in ([each["short"] for each in alive if each["lost"] is lost],)
        },
        "best": dict(sorted(best.items())),
    }  # fmt: skip
    (HERE / "results.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
