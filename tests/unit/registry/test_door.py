"""Nothing that identifies a person gets into the store, by whichever door."""

from __future__ import annotations

import datetime as dt

import pytest
from tests.registry_samples import CASE, CHAIR, EDITOR, VIEWER

from liverboard.errors import BadInput
from liverboard.registry.cases import CaseKey, add_case, append_events, case_as_known, change_header, correct
from liverboard.registry.meetings import Minutes, plan_meeting, schedule, write_minutes
from liverboard.registry.store import Store

KEY = CaseKey("lyon", "NELM-1")
CLINIC = {"kind": "clinic", "date": "2024-06-02", "note": "Mrs Dupont, DOB 03/05/1961, feels well"}


def refused(told: BadInput) -> None:
    assert "identifies a person" in str(told) and "Dupont" not in str(told) and "1961" not in str(told)


def test_cases_events_corrections_headers_and_minutes(store: Store) -> None:
    with pytest.raises(BadInput) as told, store.transaction(EDITOR) as tx:
        add_case(tx, "lyon", CASE.model_copy(update={"question": "for jean@dupont.fr"}))
    refused(told.value)
    with store.transaction(EDITOR) as tx:
        add_case(tx, "lyon", CASE)
    with pytest.raises(BadInput) as told, store.transaction(EDITOR) as tx:
        append_events(tx, KEY, [CLINIC], 1)
    refused(told.value)
    with pytest.raises(BadInput) as told, store.transaction(EDITOR) as tx:
        correct(tx, KEY, "l1", {"kind": "labs", "date": "2024-05-02", "note": "IPP 8001234567"}, 1)
    refused(told.value)
    with pytest.raises(BadInput) as told, store.transaction(EDITOR) as tx:
        change_header(tx, KEY, {"question": "NHS 943 476 5919: what next?"}, 1)
    refused(told.value)
    assert case_as_known(store, VIEWER, KEY).version == 1
    with store.transaction(EDITOR) as tx:
        meeting = plan_meeting(tx, "lyon", dt.date(2025, 1, 8), "board")
        schedule(tx, meeting, KEY)
    for words in (
        {"reason": "as Mrs Dupont wishes"},
        {"dissent": "DOB 03/05/1961"},
        {"deviation": "Mme Dupont refuse"},
    ):
        with pytest.raises(BadInput) as told, store.transaction(CHAIR) as tx:
            write_minutes(tx, meeting, KEY, Minutes(chosen="ctace", **words), 0)
        refused(told.value)
