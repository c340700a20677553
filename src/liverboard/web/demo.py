"""A filled board room to look at: the bundled samples, synthetic cases of the demo registry, a meeting next week, and a person of each role."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable
from pathlib import Path

from liverboard.board.load import open_case, sample_names
from liverboard.clinical.events import Case
from liverboard.phantom.cohort import CohortPlan, draw_people
from liverboard.phantom.cohort_story import case_of
from liverboard.registry.accounts import create_account, set_password
from liverboard.registry.cases import CaseKey, add_case, set_state
from liverboard.registry.folder import make_folder
from liverboard.registry.meetings import plan_meeting, schedule
from liverboard.registry.permissions import CONSOLE
from liverboard.registry.schema import Role
from liverboard.registry.store import Store

CENTRE = "demo"
PASSWORD = "a board that meets"  # noqa: S105  (of a throw-away folder on the loopback address; it is printed)
PEOPLE: dict[str, Role] = {
    "chair": "chair",
    "editor": "editor",
    "viewer": "viewer",
    "data": "data_manager",
    "admin": "administrator",
}


def fill(path: Path, cases: int, step: Callable[[str], None] = lambda text: None) -> Store:
    """Make the store in the empty folder `path`."""
    folder = make_folder(path / "data", CENTRE)
    store = Store.initialise(folder)
    keys: list[CaseKey] = []
    links: dict[str, str] = {}
    with store.transaction(CONSOLE) as tx:
        for name in sample_names():
            step(f"sample {name}")
            opened = open_case(None, sample=name)
            case = opened.case.model_copy(update={"centre": CENTRE})
            add_case(tx, CENTRE, case)
            keys.append(CaseKey(CENTRE, case.case))
            shutil.copytree(opened.folder, folder.studies / CENTRE / case.case)
        for number, person in enumerate(draw_people(CohortPlan(cases=cases)) if cases else (), 1):
            step(f"case {number} of {cases}")
            add_case(tx, CENTRE, _ours(case_of(person), new=number > cases - cases // 8))
        for name, role in PEOPLE.items():
            links[name] = create_account(tx, name, role, None if role == "administrator" else CENTRE)
        today = tx.at.astimezone().date()
        meeting = plan_meeting(
            tx, CENTRE, today + dt.timedelta(days=7 - today.weekday()), "Neuroendocrine tumour board"
        )
        for key in keys:
            set_state(tx, key, "prepared")
            schedule(tx, meeting, key)
    for link in links.values():
        set_password(store, link, PASSWORD)
    return store


def _ours(case: Case, *, new: bool) -> Case:
    """A case of this centre; a new one is known up to its board only, so that there is something to prepare."""
    board = next((event.date for event in case.events if event.kind == "board"), None) if new else None
    events = case.events if board is None else tuple(event for event in case.events if event.date < board)
    return case.model_copy(update={"centre": CENTRE, "events": events})
