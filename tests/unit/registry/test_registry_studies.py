"""Studies: measured one after the other, cancelled, taken up again after a stop; only by the people of their centre."""

from __future__ import annotations

import pytest
from tests.registry_samples import CASE, EDITOR, STRANGER, VIEWER

from liverboard.errors import BadInput, NotPermitted
from liverboard.registry.cases import CaseKey, NoSuchCase, add_case
from liverboard.registry.permissions import Actor
from liverboard.registry.store import Store
from liverboard.registry.studies import (
    NoSuchStudy,
    add_study,
    cancel_study,
    find_study,
    finish_study,
    list_studies,
    measure_again,
    report_progress,
    take_next,
    take_up_again,
)

KEY = CaseKey("lyon", "NELM-1")
WORKER = Actor("measuring", None, None)


@pytest.fixture
def two(store: Store) -> tuple[int, int]:
    with store.transaction(EDITOR) as tx:
        add_case(tx, "lyon", CASE)
        return add_study(tx, KEY, "a", "dicom", link="sealed"), add_study(tx, KEY, "b", "nifti")


def state(store: Store) -> list[tuple[str, int]]:
    return [(study.state, study.progress_percent) for study in list_studies(store, VIEWER, KEY)]


def test_studies_are_measured_in_the_order_of_their_arrival(store: Store, two: tuple[int, int]) -> None:
    with store.transaction(WORKER) as tx:
        first = take_next(tx)
        assert first is not None and first.id == two[0] and first.link == "sealed"
        assert report_progress(tx, first.id, 40)
    assert state(store) == [("measuring", 40), ("waiting", 0)]
    with store.transaction(WORKER) as tx:
        assert finish_study(tx, first.id, "6 lesions")
        second = take_next(tx)
        assert second is not None and finish_study(tx, second.id, "no liver found", failed=True)
        assert take_next(tx) is None
    assert state(store) == [("measured", 100), ("failed", 0)]
    assert find_study(store, VIEWER, two[0]).message == "6 lesions"


def test_a_cancelled_study_stops_its_worker(store: Store, two: tuple[int, int]) -> None:
    with store.transaction(WORKER) as tx:
        take_next(tx)
    with store.transaction(EDITOR) as tx:
        cancel_study(tx, two[0])
        cancel_study(tx, two[1])
    with store.transaction(WORKER) as tx:
        assert not report_progress(tx, two[0], 50)
        assert not finish_study(tx, two[0])
        assert take_next(tx) is None
    with pytest.raises(BadInput, match="nothing to cancel"), store.transaction(EDITOR) as tx:
        cancel_study(tx, two[0])
    with store.transaction(EDITOR) as tx:
        measure_again(tx, two[0])
    with pytest.raises(BadInput, match="waiting already"), store.transaction(EDITOR) as tx:
        measure_again(tx, two[0])
    assert state(store) == [("waiting", 0), ("cancelled", 0)]


def test_after_a_stop_work_is_taken_up_again(store: Store, two: tuple[int, int]) -> None:
    with store.transaction(WORKER) as tx:
        take_next(tx)
        assert take_up_again(tx) == 1
        again = take_next(tx)
    assert again is not None and again.id == two[0]


def test_only_their_centre_sees_and_touches_studies(store: Store, two: tuple[int, int]) -> None:
    for act in (lambda: find_study(store, STRANGER, two[0]), lambda: list_studies(store, STRANGER, KEY)):
        with pytest.raises(NotPermitted):
            act()
    for by in (STRANGER, VIEWER):
        for write in (
            lambda tx: add_study(tx, KEY, "c", "dicom"),
            lambda tx: cancel_study(tx, two[0]),
            lambda tx: measure_again(tx, two[0]),
        ):
            with pytest.raises(NotPermitted), store.transaction(by) as tx:
                write(tx)
    with pytest.raises(NoSuchStudy):
        find_study(store, VIEWER, 99)
    with pytest.raises(NoSuchCase):
        list_studies(store, VIEWER, CaseKey("lyon", "none"))
