"""What was typed before a study came is held against the study's headers: the places are told until each is corrected, the words never."""

from __future__ import annotations

import datetime as dt
import json
import zipfile
from pathlib import Path
from typing import Any

import pydicom
import pytest
from tests.dicom_samples import ct, edit
from tests.registry_samples import CASE, CHAIR, EDITOR, LABS, MANAGER

from liverboard.registry.cases import (
    CaseKey,
    add_case,
    append_events,
    case_as_known,
    change_header,
    correct,
    withdraw,
)
from liverboard.registry.hand_out import Extract, export_cases
from liverboard.registry.meetings import Action, Minutes, plan_meeting, schedule, sign_off, write_minutes
from liverboard.registry.store import Store
from liverboard.registry.studies import Received, receive
from liverboard.registry.words_before import NamedPlace, places_that_name

KEY, OTHER = CaseKey("lyon", "NELM-1"), CaseKey("lyon", "NELM-2")
DAY = dt.date(2025, 1, 9)


def labs(event: str, note: str) -> dict[str, Any]:
    return {**LABS, "id": event, "note": note}


@pytest.fixture
def typed(store: Store) -> Store:
    """Two cases that say the same, with a bare name in a note, the question and minutes; no study yet."""
    with store.transaction(EDITOR) as tx:
        for key in (KEY, OTHER):
            add_case(tx, "lyon", CASE.model_copy(update={"case": key.case, "question": "SIRT for Zwiebelkuchen?"}))
            append_events(tx, key, [labs("n1", "Zwiebelkuchen feels well"), labs("n2", "carte blanche, PID 12")], 1)
            append_events(tx, key, [labs("n3", "Anna prefers PRRT"), labs("n4", "seen 778899")], 2)
    return store


def minutes(reason: str) -> Minutes:
    return Minutes(("tae",), "tae", reason, actions=(Action("ring Zwiebelkuchen", "Zwiebelkuchen"),))


def arrive(store: Store, folder: Path) -> Received:
    folder.mkdir()

    def name(_: int, head: pydicom.Dataset) -> None:
        head.PatientName, head.PatientID, head.PatientBirthDate = "Zwiebelkuchen-Blanc^Anna", "PID-778899", "19610503"

    edit(ct(folder / "sent"), name)
    return receive(store, EDITOR, KEY, folder / "sent")


def named(store: Store, key: CaseKey = KEY) -> list[tuple[str | None, str]]:
    return [
        (each.event, each.field)
        for each in places_that_name(store, case_as_known(store, EDITOR, key))
        if not each.replaced
    ]


def test_older_text_is_told_when_the_study_comes_and_until_it_is_corrected(typed: Store, tmp_path: Path) -> None:
    assert named(typed) == []
    received = arrive(typed, tmp_path / "a")
    expected = [(None, "question"), ("n1", "note"), ("n3", "note"), ("n4", "note")]
    assert [(each.event, each.field) for each in received.named] == named(typed) == expected
    assert named(typed, OTHER) == []  # of somebody else the words say nothing
    told = f"{received.named} {[str(each) for each in received.named]}".lower()
    assert not [word for word in ("zwiebel", "anna", "778899") if word in told]

    with typed.transaction(EDITOR) as tx:
        correct(tx, KEY, "n1", labs("", "feels well"), 3)
        withdraw(tx, KEY, "n3", "entered for another", 4)
        change_header(tx, KEY, {"question": "SIRT?"}, 5)
    assert named(typed) == [("n4", "note")]
    kept = places_that_name(typed, case_as_known(typed, EDITOR, KEY))
    assert {each.event for each in kept if each.replaced} == {"n1", "n3"}  # they stay, and stay known as what they are


def test_drafts_are_told_and_a_signed_decision_by_its_event(typed: Store, tmp_path: Path) -> None:
    with typed.transaction(CHAIR) as tx:
        first, second = (plan_meeting(tx, "lyon", day, "Board") for day in (DAY, DAY + dt.timedelta(days=7)))
        for meeting in (first, second):
            schedule(tx, meeting, KEY)
            write_minutes(tx, meeting, KEY, minutes("as Zwiebelkuchen wishes"), 0)
        sign_off(tx, first, KEY, 1)
    arrive(typed, tmp_path / "a")
    places = places_that_name(typed, case_as_known(typed, EDITOR, KEY))
    drafts = [each for each in places if each.meeting is not None]
    date = DAY + dt.timedelta(days=7)
    assert drafts == [
        NamedPlace("reason", meeting=second, date=date),
        NamedPlace("actions[1].what", meeting=second, date=date),
    ]  # the owner of an action is one of the board
    board = {each.field for each in places if each.event not in {None, "n1", "n3", "n4"}}
    assert board == {"reason", "actions[1].what"}
    with typed.transaction(CHAIR) as tx:
        write_minutes(tx, second, KEY, Minutes(("tae",), "tae", "as wished"), 1)
    assert not [each for each in places_that_name(typed, case_as_known(typed, EDITOR, KEY)) if each.meeting is not None]


def test_an_export_of_texts_leaves_out_those_of_a_case_that_names_its_patient(typed: Store, tmp_path: Path) -> None:
    arrive(typed, tmp_path / "a")
    with typed.transaction(EDITOR) as tx:
        correct(tx, KEY, "n1", labs("", "feels well"), 3)
    told: list[str] = []
    export_cases(typed, MANAGER, tmp_path / "out.zip", Extract(free_text=True), tell=told.append)
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        ours, others = (json.loads(archive.read(f"lyon/{key.case}.json")) for key in (KEY, OTHER))
    assert "question" not in ours and not [event for event in ours["events"] if "note" in event]
    assert others["question"] and [event for event in others["events"] if "note" in event]
    assert len(told) == 1 and "NELM-1" in told[0] and "Zwiebel" not in told[0]


def test_a_draft_alone_takes_no_texts_from_an_export(store: Store, tmp_path: Path) -> None:
    """What is typed into minutes before they are signed does not go out, so it gives nobody away."""
    with store.transaction(EDITOR) as tx:
        add_case(tx, "lyon", CASE)
    with store.transaction(CHAIR) as tx:
        meeting = plan_meeting(tx, "lyon", DAY, "Board")
        schedule(tx, meeting, KEY)
        write_minutes(tx, meeting, KEY, minutes("as Zwiebelkuchen wishes"), 0)
    arrive(store, tmp_path / "a")
    assert [place.meeting for place in places_that_name(store, case_as_known(store, EDITOR, KEY))] == [meeting] * 2
    told: list[str] = []
    export_cases(store, MANAGER, tmp_path / "out.zip", Extract(free_text=True), tell=told.append)
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        text = archive.read("lyon/NELM-1.json").decode()
    assert json.loads(text)["question"] == CASE.question and "Zwiebelkuchen" not in text
    assert told == []
