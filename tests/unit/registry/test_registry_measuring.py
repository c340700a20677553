"""The line of studies: one after the other, cancelled, taken up again after a stop; touched only by the people of their centre."""

from __future__ import annotations

import pytest
from tests.registry_samples import CASE, EDITOR, STRANGER, VIEWER

from liverboard.errors import BadInput, NotPermitted
from liverboard.registry.cases import CaseKey, add_case, find_case
from liverboard.registry.measuring import (
    NoSuchStudy,
    cancel,
    finish,
    measure_again,
    report_progress,
    take_next,
    take_up_again,
)
from liverboard.registry.permissions import Actor
from liverboard.registry.schema import studies
from liverboard.registry.store import Store, insert_row
from liverboard.registry.studies import list_studies

KEY = CaseKey("lyon", "NELM-1")
WORKER = Actor("measuring", None, None)


@pytest.fixture
def two(store: Store) -> list[int]:
    with store.transaction(EDITOR) as tx:
        add_case(tx, "lyon", CASE)
        case_id = find_case(tx.connection, KEY).id
        common = {"case_id": case_id, "kind": "dicom", "state": "waiting", "progress_percent": 0, "uploaded_by": "ed"}
        return [insert_row(tx.connection, studies, **common, path=f"lyon/NELM-1/{n}", uploaded=tx.at) for n in "ab"]


def state(store: Store) -> list[tuple[str, int]]:
    return [(study.state, study.progress_percent) for study in list_studies(store, VIEWER, KEY)]


def test_studies_are_measured_in_the_order_of_their_arrival(store: Store, two: list[int]) -> None:
    with store.transaction(WORKER) as tx:
        first = take_next(store, tx)
        assert first is not None and first.id == two[0] and first.key == KEY
        assert first.folder == store.folder.studies / "lyon" / "NELM-1" / "a"
        assert report_progress(tx, first.id, 40)
    assert state(store) == [("measuring", 40), ("waiting", 0)]
    with store.transaction(WORKER) as tx:
        assert finish(tx, first.id, "6 lesions")
        second = take_next(store, tx)
        assert second is not None and finish(tx, second.id, "no liver found", failed=True)
        assert take_next(store, tx) is None
    assert state(store) == [("measured", 100), ("failed", 0)]
    assert [study.message for study in list_studies(store, VIEWER, KEY)] == ["6 lesions", "no liver found"]


def test_a_cancelled_study_stops_its_worker(store: Store, two: list[int]) -> None:
    with store.transaction(WORKER) as tx:
        take_next(store, tx)
    with store.transaction(EDITOR) as tx:
        cancel(tx, two[0])
        cancel(tx, two[1])
    with store.transaction(WORKER) as tx:
        assert not report_progress(tx, two[0], 50)
        assert not finish(tx, two[0])
        assert take_next(store, tx) is None
    with pytest.raises(BadInput, match="nothing to cancel"), store.transaction(EDITOR) as tx:
        cancel(tx, two[0])
    with store.transaction(EDITOR) as tx:
        measure_again(tx, two[0])
    with pytest.raises(BadInput, match="waiting already"), store.transaction(EDITOR) as tx:
        measure_again(tx, two[0])
    assert state(store) == [("waiting", 0), ("cancelled", 0)]


def test_after_a_stop_work_is_taken_up_again(store: Store, two: list[int]) -> None:
    with store.transaction(WORKER) as tx:
        take_next(store, tx)
        assert take_up_again(tx) == 1
        again = take_next(store, tx)
    assert again is not None and again.id == two[0]


def test_only_their_centre_touches_studies(store: Store, two: list[int]) -> None:
    for by in (STRANGER, VIEWER):
        for write in (lambda tx: cancel(tx, two[0]), lambda tx: measure_again(tx, two[0])):
            with pytest.raises(NotPermitted), store.transaction(by) as tx:
                write(tx)
    with pytest.raises(NoSuchStudy), store.transaction(EDITOR) as tx:
        cancel(tx, 99)
