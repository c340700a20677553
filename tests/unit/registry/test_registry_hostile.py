"""Values that no database keeps, and text that means something to SQL: each ends in a sentence or in the same text back, on both databases."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from tests.registry_samples import CASE, EDITOR, LABS, MANAGER, VIEWER

from liverboard.errors import UserError
from liverboard.registry.accounts import create_account, log_in, log_in_oidc, log_out, session_of, set_password
from liverboard.registry.backup import verify_store
from liverboard.registry.cases import CaseFilter, CaseKey, add_case, append_events, case_as_known, list_cases
from liverboard.registry.meetings import Attendee, attend, list_meetings, plan_meeting, read_agenda
from liverboard.registry.permissions import CONSOLE
from liverboard.registry.store import Store
from liverboard.registry.trail import read_trail

KEY = CaseKey("lyon", "NELM-1")
HOSTILE = ["\x00", "\ud800", "a\x00b", "x" * 5000, "'; DROP TABLE events; --", '"', "%", "\u202e", "\r\n"]
NUMBERS = [2**31, 2**63, 2**70, -(2**70)]


def ends_in_words(act: Callable[[], object]) -> None:
    try:
        act()
    except UserError as error:
        assert "SELECT" not in str(error) and "Traceback" not in str(error)


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_hostile_text_ends_in_words(store: Store, text: str) -> None:
    def write(act: Callable[..., object], *given: object) -> None:
        with store.transaction(CONSOLE) as tx:
            act(tx, *given)

    day = dt.date(2025, 1, 8)
    for act in (
        lambda: list_cases(store, VIEWER, CaseFilter(pseudonym=text)),
        lambda: list_cases(store, CONSOLE, CaseFilter(centre=text)),
        lambda: case_as_known(store, VIEWER, CaseKey("lyon", text)),
        lambda: case_as_known(store, CONSOLE, CaseKey(text, "x")),
        lambda: list_meetings(store, CONSOLE, text),
        lambda: read_trail(store, MANAGER, case=text),
        lambda: log_in(store, text, text),
        lambda: log_in(store, "ed", text),
        lambda: log_in_oidc(store, text),
        lambda: set_password(store, text, text),
        lambda: session_of(store, text),
        lambda: log_out(store, text),
        lambda: write(create_account, text, "viewer", "lyon"),
        lambda: write(create_account, "ok", "viewer", text),
        lambda: write(plan_meeting, "lyon", day, text),
        lambda: write(plan_meeting, text, day, "board"),
        lambda: write(add_case, text, CASE),
    ):
        ends_in_words(act)
    with store.transaction(CONSOLE) as tx:
        meeting = plan_meeting(tx, "lyon", day, "board")
    ends_in_words(lambda: write(attend, meeting, [Attendee(text, text)]))
    assert verify_store(store, CONSOLE).faults == ()


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_without_end_end_in_words(store: Store, number: int) -> None:
    for act in (lambda: read_agenda(store, VIEWER, number), lambda: read_trail(store, MANAGER, before=number, limit=5)):
        ends_in_words(act)


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_a_note_comes_back_as_it_was_written_or_is_refused(store: Store, text: str) -> None:
    with store.transaction(EDITOR) as tx:
        add_case(tx, "lyon", CASE)
    try:
        with store.transaction(EDITOR) as tx:
            append_events(tx, KEY, [{**LABS, "note": text}], 1)
    except UserError:
        assert case_as_known(store, VIEWER, KEY).version == 1
    else:
        assert case_as_known(store, VIEWER, KEY).case.events[-1].note == text
    assert verify_store(store, CONSOLE).faults == ()
