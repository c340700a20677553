"""Which event replaced which, as pages say it, agrees with which events the facts read."""

from __future__ import annotations

import datetime as dt
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from liverboard.clinical.derive_timeline import replaced_by, visible_events
from liverboard.clinical.events import Case, Withdrawal


def case_of(links: list[tuple[int | None, bool]]) -> Case:
    """Events one after the other; each names the one that it corrects, if any, and whether it is a withdrawal of it."""
    events: list[dict[str, Any]] = []
    for number, (corrects, takes_back) in enumerate(links):
        about = {"id": f"e{number}", "date": "2024-01-01"}
        if corrects is not None:
            about["corrects"] = f"e{corrects}"
        withdraws = takes_back and corrects is not None
        events.append({**about, "kind": "withdrawal", "reason": "x"} if withdraws else {**about, "kind": "labs", "bilirubin": "10 umol/L"})  # fmt: skip
    return Case.model_validate({"case": "N-1", "events": events})


def standing(case: Case) -> set[str]:
    gone = replaced_by(case.events)
    return {event.id for event in case.events if event.id not in gone and not isinstance(event, Withdrawal)}


@given(st.data())
def test_what_no_event_replaced_is_what_facts_read(data: st.DataObject) -> None:
    links: list[tuple[int | None, bool]] = []
    undoing: set[int] = set()  # a case file with an event that corrects one of these is refused
    for number in range(data.draw(st.integers(1, 6))):
        named = data.draw(st.sampled_from([None, *(each for each in range(number) if each not in undoing)]))
        withdraws = data.draw(st.booleans()) and named is not None
        if withdraws and named is not None and links[named][1]:
            undoing.add(number)
        links.append((named, withdraws))
    case = case_of(links)
    seen, conflicts = visible_events(case, dt.date(2025, 1, 1))
    if not conflicts:
        assert standing(case) == {event.id for event in seen}


def test_an_event_that_corrects_a_withdrawal_stands_for_the_event_behind_it() -> None:
    """As files did before a withdrawal could be undone; here it is undone as well."""
    case = case_of([(None, False), (0, True), (1, True), (1, False)])
    assert standing(case) == {"e3"}
    assert replaced_by(case.events) == {"e0": "e3", "e1": "e3"}
