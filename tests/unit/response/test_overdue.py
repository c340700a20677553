"""What is overdue: controls after SIRT and actions of the board."""

from __future__ import annotations

import datetime as dt

from tests.strategies import case_of

from liverboard.response.overdue import overdue_of

SIRT = {"kind": "procedure", "id": "sirt", "date": "2024-01-10", "technique": "sirt_resin"}
BOARD = {
    "kind": "board",
    "id": "board",
    "date": "2024-01-05",
    "actions": [{"what": "SSTR PET", "owner": "nuclear medicine", "due": "2024-02-01"}, {"what": "ask the family"}],
}


def test_controls_and_actions_stand_in_order_of_their_day() -> None:
    found = overdue_of(case_of(BOARD, SIRT), dt.date(2024, 4, 20))
    assert [(o.state, str(o.due), o.days, o.event) for o in found] == [
        ("unconfirmed", "2024-02-01", 79, "board"),
        ("missed", "2024-02-10", 70, "sirt"),
        ("overdue", "2024-04-10", 10, "sirt"),
    ]
    assert found[0].owner == "nuclear medicine"
    assert found[2].what == "liver function 3 months after sirt_resin of 2024-01-10"
    assert found[2].missing == ("bilirubin", "albumin", "ascites")


def test_a_control_done_in_part_is_incomplete_and_a_done_one_is_gone() -> None:
    part = {"kind": "labs", "date": "2024-02-11", "bilirubin": "12 umol/L"}
    found = overdue_of(case_of(SIRT, part), dt.date(2024, 2, 20))
    assert [(o.state, o.missing) for o in found] == [("incomplete", ("albumin", "ascites"))]
    assert overdue_of(case_of(SIRT, {**part, "albumin": "38 g/L"}), dt.date(2024, 2, 20)) == ()


def test_nothing_is_overdue_on_its_day() -> None:
    assert overdue_of(case_of(SIRT), dt.date(2024, 2, 10)) == ()
    assert len(overdue_of(case_of(SIRT), dt.date(2024, 2, 11))) == 1


def test_a_year_is_called_a_year() -> None:
    found = overdue_of(case_of(SIRT), dt.date(2026, 3, 1))
    assert [o.what.split(" after")[0] for o in found][-2:] == ["liver function 1 year", "liver function 2 years"]
