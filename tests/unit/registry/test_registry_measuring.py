"""The line of studies: one after the other, cancelled, taken up again after a stop; touched only by the people of their centre."""

from __future__ import annotations

import pytest
from tests.registry_samples import CASE, EDITOR, STRANGER, VIEWER, HandClock

from liverboard.errors import BadInput, NotPermitted
from liverboard.registry.cases import CaseKey, add_case, find_case
from liverboard.registry.measuring import (
    CLAIM,
    NoSuchStudy,
    Outcome,
    any_waits,
    cancel,
    finish,
    give_back,
    measure_again,
    report_progress,
    take_next,
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
        first = take_next(store, tx, "one")
        assert first is not None and first.id == two[0] and first.key == KEY
        assert first.folder == store.folder.studies / "lyon" / "NELM-1" / "a"
        assert report_progress(tx, first.id, "one", 40)
    assert state(store) == [("measuring", 40), ("waiting", 0)]
    with store.transaction(WORKER) as tx:
        assert finish(tx, first.id, "one", Outcome("6 lesions"))
        second = take_next(store, tx, "one")
        assert second is not None and finish(tx, second.id, "one", Outcome("no liver found", failed=True))
        assert take_next(store, tx, "one") is None
    assert state(store) == [("measured", 100), ("failed", 0)]
    assert [study.message for study in list_studies(store, VIEWER, KEY)] == ["6 lesions", "no liver found"]


def test_a_cancelled_study_stops_its_worker(store: Store, two: list[int]) -> None:
    with store.transaction(WORKER) as tx:
        take_next(store, tx, "one")
    with store.transaction(EDITOR) as tx:
        cancel(tx, two[0])
        cancel(tx, two[1])
    with store.transaction(WORKER) as tx:
        assert not report_progress(tx, two[0], "one", 50)
        assert not finish(tx, two[0], "one")
        assert take_next(store, tx, "one") is None
    with pytest.raises(BadInput, match="nothing to cancel"), store.transaction(EDITOR) as tx:
        cancel(tx, two[0])
    with store.transaction(EDITOR) as tx:
        measure_again(tx, two[0])
    with pytest.raises(BadInput, match="waiting already"), store.transaction(EDITOR) as tx:
        measure_again(tx, two[0])
    assert state(store) == [("waiting", 0), ("cancelled", 0)]


def test_after_a_stop_work_is_taken_up_again(store: Store, two: list[int]) -> None:
    with store.transaction(WORKER) as tx:
        take_next(store, tx, "one")
        assert give_back(tx, "another") == 0
        assert give_back(tx, "one") == 1
        again = take_next(store, tx, "one")
    assert again is not None and again.id == two[0]


def test_no_study_is_measured_by_two_workers_at_once(store: Store, two: list[int], clock: HandClock) -> None:
    """Two servers on one registry: each takes its own, and what a dead one left is taken when its claim has run out."""
    with store.transaction(WORKER) as tx:
        assert [study.id for worker in "ab" if (study := take_next(store, tx, worker))] == two
    assert not any_waits(store)
    clock.at += CLAIM / 2
    with store.transaction(WORKER) as tx:
        assert report_progress(tx, two[0], "a", 10)  # worker b is dead
        assert not report_progress(tx, two[1], "a", 10)
    clock.at += CLAIM * 0.7
    assert any_waits(store)
    with store.transaction(WORKER) as tx:
        again = take_next(store, tx, "a")
        assert again is not None and again.id == two[1]
        assert not finish(tx, two[1], "b") and not report_progress(tx, two[1], "b", 99)  # which was only slow
        assert finish(tx, two[1], "a") and finish(tx, two[0], "a")
    assert state(store) == [("measured", 100), ("measured", 100)]


def test_only_their_centre_touches_studies(store: Store, two: list[int]) -> None:
    for by in (STRANGER, VIEWER):
        for write in (lambda tx: cancel(tx, two[0]), lambda tx: measure_again(tx, two[0])):
            with pytest.raises(NotPermitted), store.transaction(by) as tx:
                write(tx)
    with pytest.raises(NoSuchStudy), store.transaction(EDITOR) as tx:
        cancel(tx, 99)
