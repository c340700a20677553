"""A model of the registry beside the registry: whatever is added, corrected or re-asked in whatever order, every past moment of every case shows what the model remembers."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from tests.registry_samples import CHAIR, EDITOR, VIEWER, HandClock, data_folder, postgres
from tests.strategies import cases, events

from liverboard.clinical.derive_timeline import replaced_by, undoings, visible_events
from liverboard.clinical.events import Case
from liverboard.clinical.facts import facts_of
from liverboard.errors import BadInput, NotPermitted
from liverboard.registry.backup import verify_store
from liverboard.registry.cases import (  # fmt: skip
    CaseKey,
    Conflict,
    NoSuchCase,
    add_case,
    append_events,
    case_as_known,
    change_header,
    correct,
    undo_withdrawal,
    withdraw,
)
from liverboard.registry.folder import DataFolder
from liverboard.registry.permissions import CONSOLE
from liverboard.registry.store import Store

__all__ = ["data_folder", "postgres"]
SOME_EVENTS = st.sampled_from(["labs", "clinic", "imaging", "systemic", "procedure", "status", "board"]).flatmap(events)


class Registry(RuleBasedStateMachine):
    store: Store
    clock: HandClock
    count = 0

    def __init__(self) -> None:
        super().__init__()
        Registry.count += 1
        self.key = CaseKey("lyon", f"C-{Registry.count}")
        self.start = self.clock()
        self.seen: list[tuple[dt.datetime, Case]] = []  # the case as it was told after each write, and when

    @property
    def version(self) -> int:
        return len(self.seen)

    def remember(self) -> None:
        self.seen.append((self.clock(), case_as_known(self.store, VIEWER, self.key).case))
        self.clock.pass_(hours=1)

    @precondition(lambda self: not self.seen)
    @rule(case=cases(max_events=4))
    def add(self, case: Case) -> None:
        case = case.model_copy(update={"case": self.key.case, "centre": None})
        try:
            with self.store.transaction(EDITOR) as tx:
                add_case(tx, "lyon", case)
        except BadInput:  # such as words that look like what identifies a person
            with pytest.raises(NoSuchCase):
                case_as_known(self.store, VIEWER, self.key)
            return
        self.remember()
        expected = case.model_copy(update={"centre": "lyon", "synthetic": case.synthetic or None})
        assert self.seen[-1][1] == expected
        day = dt.date(2026, 1, 1)
        assert facts_of(self.seen[-1][1], day).as_json() == facts_of(case, day).as_json()

    @precondition(lambda self: self.seen)
    @rule(event=SOME_EVENTS)
    def append(self, event: dict[str, Any]) -> None:
        event = {name: value for name, value in event.items() if name not in {"id", "corrects"}}
        before = self.seen[-1][1]
        day = dt.date.fromisoformat(str(event["date"]))
        beside = event["kind"] == "board" and any(e.kind == "board" and e.date == day for e in before.events)
        if beside:  # a second decision of a day would count instead of the first
            with pytest.raises(NotPermitted), self.store.transaction(EDITOR) as tx:
                append_events(tx, self.key, [event], self.version)
        try:
            with self.store.transaction(CHAIR if beside else EDITOR) as tx:
                append_events(tx, self.key, [event], self.version)
        except BadInput:  # such as an event before the birth year
            assert case_as_known(self.store, VIEWER, self.key).case == before
            return
        self.remember()
        after = self.seen[-1][1]
        assert after.events[:-1] == before.events
        assert after.events[-1].kind == event["kind"]

    def standing(self, *, withdrawn: bool) -> list[Any]:
        """Events that nothing corrects: withdrawals, or all others."""
        case = self.seen[-1][1]
        gone = {*replaced_by(case.events), *undoings(case.events)}
        return [e for e in case.events if e.id not in gone and (e.kind == "withdrawal") == withdrawn]

    @precondition(lambda self: self.seen and self.standing(withdrawn=False))
    @rule(data=st.data())
    def withdraw_one(self, data: st.DataObject) -> None:
        old = data.draw(st.sampled_from(self.standing(withdrawn=False)))
        with self.store.transaction(CHAIR) as tx:
            withdraw(tx, self.key, old.id, "entered for another patient", self.version)
        self.remember()
        case = self.seen[-1][1]
        assert case.events[-1].corrects == old.id
        assert old.id not in {event.id for event in visible_events(case, dt.date.max)[0]}
        with pytest.raises(BadInput, match="withdrawn already"), self.store.transaction(CHAIR) as tx:
            withdraw(tx, self.key, old.id, "twice", self.version)

    @precondition(lambda self: self.seen and self.standing(withdrawn=True))
    @rule(data=st.data())
    def undo_one(self, data: st.DataObject) -> None:
        old = data.draw(st.sampled_from(self.standing(withdrawn=True)))
        with self.store.transaction(CHAIR) as tx:
            undo_withdrawal(tx, self.key, old.id, self.version)
        self.remember()
        case = self.seen[-1][1]
        without = [event for event in case.events if event.id not in {old.id, case.events[-1].id}]
        never = case.model_copy(update={"events": tuple(without)})
        for day in {event.date for event in case.events}:
            assert visible_events(case, day) == visible_events(never, day)

    @precondition(lambda self: self.seen and self.standing(withdrawn=False))
    @rule(data=st.data())
    def correct_one(self, data: st.DataObject) -> None:
        old = data.draw(st.sampled_from(self.standing(withdrawn=False)))
        event = {"kind": old.kind, "date": old.date.isoformat(), **self.needed(old)}
        with self.store.transaction(CHAIR) as tx:
            correct(tx, self.key, old.id, event, self.version)
        self.remember()
        assert self.seen[-1][1].events[-1].corrects == old.id

    @staticmethod
    def needed(event: Any) -> dict[str, Any]:
        fields = type(event).model_fields
        return {n: event.model_dump(mode="json")[n] for n, f in fields.items() if f.is_required() and n not in {"id", "kind", "date"}}  # fmt: skip

    @precondition(lambda self: self.seen)
    @rule(question=st.sampled_from(["first?", "second?", None]))
    def ask(self, question: str | None) -> None:
        before = self.seen[-1][1]
        with self.store.transaction(CHAIR) as tx:
            change_header(tx, self.key, {"question": question}, self.version)
        if question != before.question:
            self.remember()
            assert self.seen[-1][1] == before.model_copy(update={"question": question})

    @precondition(lambda self: self.seen)
    @rule(off=st.sampled_from([-1, 1, 7]))
    def write_on_what_is_not_current(self, off: int) -> None:
        with pytest.raises(Conflict), self.store.transaction(CHAIR) as tx:
            append_events(tx, self.key, [{"kind": "clinic", "date": "2025-01-01"}], self.version + off)

    @invariant()
    def every_past_moment_stands(self) -> None:
        for version, (moment, case) in enumerate(self.seen, 1):
            then = case_as_known(self.store, VIEWER, self.key, known_at=moment)
            assert (then.version, then.case) == (version, case)
        if self.seen:
            with pytest.raises(NoSuchCase):
                case_as_known(self.store, VIEWER, self.key, known_at=self.start)


def test_every_past_moment_stands(data_folder: DataFolder, tmp_path: Path) -> None:
    clock = HandClock()
    store = Store.initialise(data_folder, clock)
    machine = type("Registry", (Registry,), {"store": store, "clock": clock})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=10, stateful_step_count=10, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
    assert verify_store(store, CONSOLE).faults == ()
    store.close()


@pytest.mark.slow
def test_every_past_moment_stands_in_many_runs(data_folder: DataFolder) -> None:
    clock = HandClock()
    store = Store.initialise(data_folder, clock)
    machine = type("Registry", (Registry,), {"store": store, "clock": clock})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=150, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
    assert verify_store(store, CONSOLE).faults == ()
    store.close()
