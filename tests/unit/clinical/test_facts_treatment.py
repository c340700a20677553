"""Treatment so far: counts, time since, somatostatin analogues, bile ducts; "none" only of a history stated complete."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from tests.strategies import case_of

from liverboard.clinical.facts import Facts, facts_of

DAY = dt.date(2024, 5, 15)
COUNTS = (
    "prior_prrt_cycles", "prior_liver_resection", "prior_ablation", "prior_tae", "prior_tace", "prior_debtace", "prior_sirt",
    "prior_liver_radiation", "prior_systemic_not_ssa", "prior_antiangiogenic", "prior_capecitabine", "prior_chemotherapy",
)  # fmt: skip
HISTORY = {"kind": "history", "date": "2024-05-01", "complete": True}


def procedure(day: str, technique: str) -> dict[str, Any]:
    return {"kind": "procedure", "date": day, "technique": technique}


def course(day: str, drug: str, **fields: Any) -> dict[str, Any]:
    return {"kind": "systemic", "date": day, "drug": drug, **fields}


def biliary(day: str, **fields: bool) -> dict[str, Any]:
    return {"kind": "clinic", "date": day, "biliary": fields}


def of(*events: dict[str, Any], day: dt.date = DAY) -> Facts:
    return facts_of(case_of(*events), day)


# --- counts --------------------------------------------------------------------------------------------------------------------------------------------


def test_counts_are_zero_only_of_a_complete_history() -> None:
    assert {of().value(name) for name in COUNTS} == {None}
    assert {of({**HISTORY, "complete": False}).value(name) for name in COUNTS} == {None}
    assert {of({**HISTORY, "date": "2024-05-16"}).value(name) for name in COUNTS} == {None}
    assert [of(HISTORY).value(name) for name in COUNTS] == [0] * len(COUNTS)
    assert (
        of(HISTORY, {**HISTORY, "date": "2024-05-02", "complete": False}).value("prior_tae") is None
    )  # the latest word counts


def test_what_was_never_given_has_no_date() -> None:
    facts = of(HISTORY)
    assert [
        facts.value(name)
        for name in (
            "months_since_prrt",
            "days_since_capecitabine",
            "days_since_chemotherapy",
            "days_since_antiangiogenic",
        )
    ] == [None] * 4


@pytest.mark.parametrize(
    ("technique", "name"),
    [
        ("liver_resection", "prior_liver_resection"), ("rfa", "prior_ablation"), ("mwa", "prior_ablation"), ("cryo", "prior_ablation"), ("tae", "prior_tae"),
        ("ctace", "prior_tace"), ("debtace", "prior_debtace"), ("sirt_resin", "prior_sirt"), ("sirt_glass", "prior_sirt"), ("sirt_ho166", "prior_sirt"),
        ("external_liver_radiation", "prior_liver_radiation"),
    ],
)  # fmt: skip
def test_procedures_are_counted_and_without_history_at_least(technique: str, name: str) -> None:
    done = (procedure("2023-01-01", technique), procedure("2023-02-01", technique), procedure("2024-06-01", technique))
    fact = of(*done).facts[name]
    assert (fact.value, fact.event, fact.note) == (2, "e2", "at least; the history is not stated complete")
    assert of(*done, HISTORY).facts[name].note is None
    assert [of(*done, HISTORY).value(other) for other in COUNTS if other != name] == [0] * (len(COUNTS) - 1)


def test_a_planned_procedure_is_not_counted() -> None:
    assert of({"kind": "plan", "date": "2024-01-01", "technique": "tae"}, HISTORY).value("prior_tae") == 0


# --- courses -------------------------------------------------------------------------------------------------------------------------------------------


def test_prrt_cycles_and_months() -> None:
    two = (
        course("2022-01-01", "lu177_dotatate", until="2022-07-01", stopped_for="completed", cycles=4),
        course("2023-09-01", "lu177_dotatate", until="2023-11-15", cycles=2),
    )
    facts = of(*two, HISTORY)
    assert facts.value("prior_prrt_cycles") == 6
    assert facts.value("months_since_prrt") == pytest.approx(182 / 30.4375)
    during = of(*two, HISTORY, day=dt.date(2023, 10, 1))
    assert during.value("prior_prrt_cycles") is None  # of the second course only the end is stated
    assert during.value("months_since_prrt") == 0


def test_cycles_of_a_course_without_end_count_only_when_entered_by_the_day() -> None:
    open_ended = course("2024-01-01", "lu177_dotatate", cycles=2)
    assert of(open_ended).value("prior_prrt_cycles") is None
    assert of({**open_ended, "recorded": "2024-05-16"}).value("prior_prrt_cycles") is None
    assert of({**open_ended, "recorded": "2024-05-15"}).value("prior_prrt_cycles") == 2
    assert of({**open_ended, "recorded": "2024-05-15"}).value("months_since_prrt") == 0


def test_chemotherapy_and_capecitabine() -> None:
    facts = of(
        course("2021-01-01", "capecitabine_temozolomide", until="2021-06-01"),
        course("2023-01-01", "folfox", until="2024-05-05"),
        HISTORY,
    )
    assert (facts.value("prior_capecitabine"), facts.value("prior_chemotherapy")) == (1, 2)
    assert (facts.value("days_since_capecitabine"), facts.value("days_since_chemotherapy")) == (1079, 10)
    running = of(
        course("2021-01-01", "capecitabine_temozolomide", until="2021-06-01"),
        course("2024-05-01", "capecitabine_temozolomide", until="2024-09-01"),
    )
    assert (running.value("prior_capecitabine"), running.value("days_since_capecitabine")) == (2, 0)


def test_the_last_day_of_a_course_is_its_end() -> None:
    lanreotide = course("2023-01-01", "lanreotide", until="2024-05-15", stopped_for="progression")
    assert (of(lanreotide).value("on_ssa"), of(lanreotide).value("progressed_on_ssa")) == (False, True)
    before = of(lanreotide, day=dt.date(2024, 5, 14))
    assert (before.value("on_ssa"), before.value("progressed_on_ssa")) == (True, None)


def test_on_ssa() -> None:
    assert of().value("on_ssa") is None
    assert of(HISTORY).value("on_ssa") is False
    assert of(course("2023-01-01", "everolimus"), HISTORY).value("on_ssa") is False
    assert of(course("2023-01-01", "octreotide_lar")).value("on_ssa") is True
    switched = (course("2022-01-01", "octreotide_lar", until="2023-01-01"), course("2023-01-01", "lanreotide"))
    assert of(*switched).value("on_ssa") is True


STOPPED = {"until": "2024-01-01", "stopped_for": "toxicity"}
PROGRESSION = {"kind": "imaging", "date": "2023-06-01", "progression": {"hepatic": True}}


@pytest.mark.parametrize(
    ("events", "value"),
    [
        ((course("2023-01-01", "lanreotide", **{**STOPPED, "stopped_for": "progression"}),), True),
        ((course("2023-01-01", "lanreotide", **STOPPED), HISTORY), False),
        ((course("2023-01-01", "lanreotide", **STOPPED),), None),
        ((course("2023-01-01", "lanreotide", until="2024-01-01"), HISTORY), None),  # why it was stopped is not stated
        ((course("2023-01-01", "lanreotide"), HISTORY), False),
        ((course("2023-01-01", "lanreotide"), PROGRESSION, HISTORY), None),  # seen under it, but not stopped for it
        (
            (
                course("2023-01-01", "lanreotide"),
                {"kind": "assessment", "date": "2023-06-01", "recist11": "PD"},
                HISTORY,
            ),
            None,
        ),
        ((PROGRESSION, course("2023-07-01", "lanreotide"), HISTORY), False),  # before it
        ((HISTORY,), False),
        ((), None),
    ],
)
def test_progressed_on_ssa(events: tuple[dict[str, Any], ...], value: bool | None) -> None:
    assert of(*events).value("progressed_on_ssa") is value


# --- primary and bile ducts ----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("site", "technique", "history", "value"),
    [
        ("ileum", "primary_resection", False, True), ("pancreas", "pancreatoduodenectomy", False, True), ("duodenum", "pancreatoduodenectomy", True, True),
        ("ileum", "pancreatoduodenectomy", True, False), (None, "pancreatoduodenectomy", True, None), ("unknown", "pancreatoduodenectomy", True, None),
        ("ileum", "liver_resection", False, None), ("ileum", "liver_resection", True, False),
    ],
)  # fmt: skip
def test_primary_resected(site: str | None, technique: str, history: bool, value: bool | None) -> None:
    events = [{"kind": "diagnosis", "date": "2020-01-01", "primary_site": site}, procedure("2021-01-01", technique)]
    assert of(*events, *([HISTORY] if history else [])).value("primary_resected") is value


@pytest.mark.parametrize("technique", ["pancreatoduodenectomy", "biliary_anastomosis"])
def test_an_anastomosis_stays_and_a_later_no_is_a_conflict(technique: str) -> None:
    facts = of(procedure("2020-01-01", technique), biliary("2024-05-01", anastomosis=False, stent=False))
    assert (facts.value("biliary_anastomosis"), facts.facts["biliary_anastomosis"].event) == (True, "e1")
    assert facts.conflicts == (
        "biliary_anastomosis: yes (e1, 2020-01-01), then no (e2, 2024-05-01); it cannot be undone, so yes is used",
    )
    before = of(biliary("2019-01-01", anastomosis=False), procedure("2020-01-01", technique), day=dt.date(2019, 6, 1))
    assert before.value("biliary_anastomosis") is False
    assert of(biliary("2019-01-01", anastomosis=False), procedure("2020-01-01", technique)).conflicts == ()


def test_a_stent_can_be_removed_a_sphincterotomy_cannot() -> None:
    facts = of(
        procedure("2023-01-01", "biliary_stent"),
        procedure("2023-01-01", "sphincterotomy"),
        biliary("2024-05-01", stent=False, obstruction=False),
    )
    assert [facts.value(name) for name in ("biliary_stent", "sphincterotomy", "biliary_obstruction")] == [
        False,
        True,
        False,
    ]
    again = of(biliary("2023-01-01", stent=False), procedure("2024-01-01", "biliary_stent"))
    assert again.value("biliary_stent") is True
    same_day = of(biliary("2024-01-01", stent=False), procedure("2024-01-01", "biliary_stent"))
    assert same_day.value("biliary_stent") is True
    assert same_day.conflicts == (
        "biliary_stent: yes (e2) and no (e1) on 2024-01-01; the later in the file is used (e2)",
    )


def test_bile_ducts_are_unknown_until_stated_even_of_a_complete_history() -> None:
    assert all(
        of(HISTORY).value(name) is None
        for name in ("biliary_anastomosis", "biliary_stent", "sphincterotomy", "biliary_obstruction")
    )
