"""A word that the headers of a patient's own studies call them is refused in their case, wherever it is typed; nothing of it can be read in the store."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from tests.dicom_samples import ct, edit
from tests.registry_samples import CASE, CHAIR, EDITOR, LABS

from liverboard.errors import BadInput
from liverboard.registry.cases import CaseKey, add_case, append_events, case_as_known, change_header, correct
from liverboard.registry.known_words import hashes_of
from liverboard.registry.meetings import Minutes, plan_meeting, schedule, write_minutes
from liverboard.registry.schema import studies
from liverboard.registry.store import Store
from liverboard.registry.studies import receive

KEY = CaseKey("lyon", "NELM-1")


@pytest.fixture
def lived(store: Store, tmp_path: Path) -> Store:
    """A case with a study whose header says Anna-Maria Øst Zwiebelkuchen-Blanc, PID-778899, born on 3 May 1961, and another case without one."""
    with store.transaction(EDITOR) as tx:
        add_case(tx, "lyon", CASE)
        add_case(tx, "lyon", CASE.model_copy(update={"case": "NELM-2", "birth_year": None}))
    files = ct(tmp_path / "sent")

    def name(_: int, head: pydicom.Dataset) -> None:
        head.SpecificCharacterSet = "ISO_IR 192"
        head.PatientName, head.PatientID, head.PatientBirthDate = (
            "Zwiebelkuchen-Blanc^Anna-Maria Øst",
            "PID-778899",
            "19610503",
        )

    edit(files, name)
    receive(store, EDITOR, KEY, tmp_path / "sent")
    return store


def labs(note: str) -> dict[str, Any]:
    return {**LABS, "note": note}


@pytest.mark.parametrize(
    "note",
    [
        "Zwiebelkuchen wishes to wait",
        "told to ANNA yesterday",
        "seen: Blanc, 62",
        "for Anna-Maria",
        "Øst is well",
        "id pid-778899 in the PACS",
        "PID 778899 there",
        "first seen 1961-05-03",
        "03/05/1961",
    ],
)
def test_a_bare_name_number_or_birth_date_is_refused_in_the_case_of_the_patient(lived: Store, note: str) -> None:
    with lived.transaction(EDITOR) as tx, pytest.raises(BadInput) as refused:
        append_events(tx, KEY, [labs(note)], 1)
    told = f"{refused.value} {refused.value.problems} {refused.value.hint}".lower()
    assert "patient" in told or "date of birth" in told
    assert not [word for word in ("zwiebel", "anna", "778899", "1961-05", "03/05") if word in told]
    with lived.transaction(EDITOR) as tx:
        other = CaseKey("lyon", "NELM-2")
        assert append_events(tx, other, [labs(note)], 1) == 2  # of somebody else it says nothing


@pytest.mark.parametrize(
    "note",
    [
        "carte blanche; fond blanc; 778,899 copies; 77 8899; 12 lesions, 2024-05-03, CT of 04/05/2024",
        "Portal vein patent, Anatomy normal, Annalen",
        "PID",
    ],
)
def test_clinical_words_are_let_through(lived: Store, note: str) -> None:
    with lived.transaction(EDITOR) as tx:
        assert append_events(tx, KEY, [labs(note)], 1) == 2


def test_every_way_into_the_case_is_watched(lived: Store) -> None:
    with lived.transaction(EDITOR) as tx, pytest.raises(BadInput, match="identifies its patient"):
        change_header(tx, KEY, {"question": "SIRT for Zwiebelkuchen?"}, 1)
    with lived.transaction(EDITOR) as tx, pytest.raises(BadInput, match="identifies its patient"):
        correct(tx, KEY, "l1", labs("of Zwiebelkuchen"), 1)
    with lived.transaction(CHAIR) as tx:
        meeting = plan_meeting(tx, "lyon", dt.date(2025, 1, 9), "Board")
        schedule(tx, meeting, KEY)
    with lived.transaction(CHAIR) as tx, pytest.raises(BadInput, match="identifies its patient"):
        write_minutes(tx, meeting, KEY, Minutes(("tae",), "tae", "Zwiebelkuchen prefers it"), 0)
    assert len(case_as_known(lived, EDITOR, KEY).case.events) == len(CASE.events)


def test_the_store_holds_hashes_that_differ_from_case_to_case(lived: Store) -> None:
    with lived.read() as connection:
        kept = connection.scalar(select(studies.c.words)) or ""
    patient = {"PatientName": "Zwiebelkuchen^Anna"}
    assert set(hashes_of(lived.audit_key, "NELM-1", patient)) <= set(kept.strip("[]").replace(chr(34), "").split(","))
    assert not set(hashes_of(lived.audit_key, "NELM-2", patient)) & set(hashes_of(lived.audit_key, "NELM-1", patient))
    assert not set(hashes_of(b"x" * 32, "NELM-1", patient)) & set(hashes_of(lived.audit_key, "NELM-1", patient))
    everything = b"".join(file.read_bytes() for file in lived.folder.path.rglob("*") if file.is_file()).lower()
    assert b"zwiebel" not in everything and b"778899" not in everything


@given(st.text(), st.text(), st.text())
def test_any_header_is_taken(name: str, number: str, born: str) -> None:
    made = hashes_of(b"k" * 32, "A", {"PatientName": name, "PatientID": number, "PatientBirthDate": born})
    assert all(len(each) == 16 for each in made)
