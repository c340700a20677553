"""Late toxicity after SIRT: what was due, done, overdue or missed, on days worked out by hand."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from tests.strategies import case_of

from liverboard.response.late_toxicity import LateToxicity, late_toxicity_of
from liverboard.response.start import add_months

SIRT = {"kind": "procedure", "id": "sirt", "date": "2024-01-31", "technique": "sirt_resin"}


def labs(date: str, bilirubin: str | None = "12 umol/L", albumin: str | None = "38 g/L") -> dict[str, Any]:
    stated = {"bilirubin": bilirubin, "albumin": albumin}
    return {"kind": "labs", "date": date, **{name: value for name, value in stated.items() if value}}


def after(as_of: str, *events: dict[str, Any]) -> LateToxicity:
    (found,) = late_toxicity_of(case_of(SIRT, *events), dt.date.fromisoformat(as_of))
    return found


def states(found: LateToxicity) -> dict[int, str]:
    return {control.months: control.state for control in found.controls}


def test_controls_are_due_at_1_3_6_and_12_months_and_then_yearly() -> None:
    found = after("2027-06-01")
    assert [(c.months, str(c.due)) for c in found.controls] == [
        (1, "2024-02-29"), (3, "2024-04-30"), (6, "2024-07-31"), (12, "2025-01-31"), (24, "2026-01-31"), (36, "2027-01-31"), (48, "2028-01-31"),
    ]  # fmt: skip
    assert set(states(found).values()) == {"missed", "overdue", "ahead"}


def test_a_control_is_ahead_on_its_day_overdue_after_it_and_missed_when_the_next_is_nearer() -> None:
    assert states(after("2024-02-29"))[1] == "ahead"
    assert states(after("2024-03-01"))[1] == "overdue"
    assert [c.months for c in after("2024-03-01").overdue] == [1]
    closes = after("2024-03-01").controls[0].closes
    assert closes == dt.date(2024, 3, 30)  # halfway from 29 February to 30 April
    assert states(after("2024-03-30"))[1] == "overdue"
    assert states(after("2024-03-31"))[1] == "missed"


def test_bilirubin_and_albumin_make_a_control_done_and_ascites_alone_a_part() -> None:
    clinic = {"kind": "clinic", "date": "2024-04-20", "ascites": "mild"}
    found = after("2024-05-10", labs("2024-03-02"), clinic)
    assert states(found) == {1: "done", 3: "partly_done", 6: "ahead"}
    assert found.controls[0].missing == ("ascites",)
    assert found.controls[1].missing == ("bilirubin", "albumin")
    assert found.controls[1].values.ascites == "mild"


def test_a_late_control_counts_for_the_due_day_that_it_is_nearest_to() -> None:
    assert states(after("2024-05-10", labs("2024-03-30")))[1] == "done"
    found = states(after("2024-05-10", labs("2024-03-31")))
    assert (found[1], found[3]) == ("missed", "done")


def test_blood_in_the_first_fortnight_is_not_the_control_of_a_month() -> None:
    assert states(after("2024-03-10", labs("2024-02-10")))[1] == "overdue"


def test_values_before_stand_beside_those_after_with_albi_of_one_sample() -> None:
    found = after(
        "2024-03-10",
        labs("2024-01-10", "10 umol/L", "40 g/L"),
        labs("2024-02-28", "30 umol/L", None),
        labs("2024-03-01", None, "30 g/L"),
    )
    assert found.before.albi_score == pytest.approx(0.66 * 1 - 0.085 * 40)
    values = found.controls[0].values
    assert (values.bilirubin_umol_l, values.albumin_g_l, values.albi_score) == (30, 30, None)


def test_a_second_sirt_starts_its_own_controls_and_ends_the_first() -> None:
    second = {**SIRT, "id": "second", "date": "2024-03-15", "technique": "sirt_glass"}
    first, then = late_toxicity_of(case_of(SIRT, second, labs("2024-03-20")), dt.date(2024, 5, 1))
    assert states(first) == {1: "missed"}
    assert first.why_it_ends == "sirt_glass on 2024-03-15 starts its own controls"
    assert {c.months for c in then.controls} >= {1}


def test_death_ends_the_controls() -> None:
    found = after("2026-01-01", {"kind": "status", "date": "2024-04-01", "state": "dead"})
    assert list(states(found)) == [1]
    assert found.why_it_ends == "death on 2024-04-01"


def test_other_techniques_ask_for_none() -> None:
    case = case_of({**SIRT, "technique": "ctace"})
    assert late_toxicity_of(case, dt.date(2026, 1, 1)) == ()


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [("2024-01-31", 1, "2024-02-29"), ("2023-01-31", 1, "2023-02-28"), ("2024-11-30", 3, "2025-02-28"), ("2024-12-15", 12, "2025-12-15"), ("2024-02-29", 12, "2025-02-28")],
)  # fmt: skip
def test_months_are_those_of_the_calendar(day: str, months: int, later: str) -> None:
    assert add_months(dt.date.fromisoformat(day), months) == dt.date.fromisoformat(later)
