"""Procedures of a case: plan beside done, rules that bear on sequence, named problems; and nothing later than the day is seen."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import assume, given, settings
from tests.procedure_samples import LEFT, RIGHT, staged_tae, three_rooms
from tests.strategies import FIRST_DAY, LAST_DAY, case_of, cases, days

from liverboard.board.procedure_cohort import of_the_centre, past_intervals, procedures_of_cohort
from liverboard.board.procedures import Asked, CaseProcedures, plan_events, procedures_of
from liverboard.clinical.derive_timeline import visible_events
from liverboard.clinical.events import Case, Plan
from liverboard.errors import BadInput
from liverboard.options.policy import read_policy

DAY = dt.date(2024, 6, 1)


def _of(case: Case, day: dt.date = DAY, **asked: Any) -> CaseProcedures:
    return procedures_of(case, Asked(day, read_policy(None), **asked))


def _event(kind: str, date: str, **rest: Any) -> dict[str, Any]:
    return {"kind": kind, "date": date, **rest}


def _procedure(date: str, technique: str = "tae", **rest: Any) -> dict[str, Any]:
    return _event("procedure", date, technique=technique, **rest)


def _image(date: str, **rest: Any) -> dict[str, Any]:
    lesions = [{"id": "L1", "segments": [7], "volume": "60 mL"}, {"id": "L2", "segments": [3], "volume": "10 mL"}]
    return _event("imaging", date, lesions=lesions, **rest)


# --- planned and done ----------------------------------------------------------------------------------------------------------------------------------


def test_what_was_done_is_held_against_the_plan_figure_by_figure() -> None:
    plan = _event("plan", "2024-01-10", technique="sirt_resin", territory={"segments": RIGHT},
                  details={"planned_activity": "2 GBq", "planned_doses": {"tumour": {"mean": "120 Gy"}}, "model": "partition"})  # fmt: skip
    done = _procedure("2024-02-01", "sirt_resin", territory={"segments": [5, 8]},
                      details={"injected_activity": "1.8 GBq", "delivered_doses": {"tumour": {"mean": "150 Gy"}}, "model": "partition"})  # fmt: skip
    (found,) = _of(case_of(plan, done)).plans
    told = {each.what: (each.planned, each.done, each.percent) for each in found.differences}
    assert found.days_after_plan == 22
    assert told["planned activity"] == ("2 GBq", "1.8 GBq", pytest.approx(-10))
    assert told["planned doses, tumour, mean"] == ("120 Gy", "150 Gy", pytest.approx(25))
    assert told["territory, segments"] == ("5, 6, 7, 8", "5, 8", None)
    assert found.same == ("model",)


def test_what_the_plan_states_need_not_be_said_again_of_what_carried_it_out() -> None:
    plan = _event("plan", "2024-01-10", technique="sirt_resin", details={"planned_activity": "2 GBq", "model": "mird"})
    done = _procedure("2024-02-01", "sirt_resin", details={"injected_activity": "1.8 GBq"})
    asked = {"Activity planned", "Model of the activity"}
    (alone,), (planned,) = _of(case_of(done)).completeness, _of(case_of(plan, done)).completeness
    assert asked <= set(alone.missing_required)
    assert not asked & set(planned.missing_required)
    assert _of(case_of(plan, done)).procedures[0].planned_activity_gbq == 2


def test_a_plan_that_nothing_followed_is_not_done_and_is_what_comes_next() -> None:
    found = _of(case_of(_image("2024-01-02"), _event("plan", "2024-05-10", technique="ctace")))
    assert found.plans[0].done is None
    assert found.proposal is not None
    assert (found.proposal.technique, found.proposal.chosen_because) == ("ctace", "planned on 2024-05-10 and not done")


def test_a_changed_technique_carries_the_plan_out_otherwise() -> None:
    (found,) = _of(case_of(_event("plan", "2024-01-10", technique="ctace"), _procedure("2024-02-01", "tae"))).plans
    assert [(each.what, each.planned, each.done) for each in found.differences] == [("technique", "ctace", "tae")]


def test_one_procedure_carries_out_one_plan_and_an_ablation_no_embolisation() -> None:
    plans = [_event("plan", "2024-01-10", technique="tae"), _event("plan", "2024-01-11", technique="tae")]
    found = _of(case_of(*plans, _procedure("2024-02-01", "rfa"), _procedure("2024-02-02"))).plans
    assert [each.done for each in found] == ["e4", None]


def test_the_planned_wait_is_held_against_the_days_between_the_sessions() -> None:
    plan = _event("plan", "2024-01-20", technique="tae", session=2, details={"planned_interval": "6 week"})
    done = [_procedure("2024-01-10", session=1), _procedure("2024-03-13", session=2)]
    (found,) = _of(case_of(*done, plan)).plans
    assert [(each.what, each.planned, each.done, each.percent) for each in found.differences] == [
        ("planned interval", "42 day", "63 day", pytest.approx(50))
    ]


# --- the proposal --------------------------------------------------------------------------------------------------------------------------------------


def test_a_board_that_was_followed_plans_nothing_more() -> None:
    board = _event("board", "2024-01-05", chosen="sirt_resin")
    waiting = _of(case_of(_image("2024-01-02"), board)).proposal
    assert waiting is not None
    assert waiting.chosen_because == "chosen by the board of 2024-01-05"
    done = _of(case_of(_image("2024-01-02"), board, _procedure("2024-02-01", "tae"))).proposal
    assert done is not None
    assert (done.technique, done.chosen_because) == ("tae", "given last, on 2024-02-01")


def test_without_anything_arterial_there_is_no_plan_and_it_says_why() -> None:
    found = _of(case_of(_image("2024-01-02"), _procedure("2024-02-01", "rfa")))
    assert found.proposal is None
    assert "no treatment through the hepatic artery" in (found.proposal_none_because or "")


@pytest.mark.parametrize(
    ("technique", "event", "word", "rule"),
    [
        ("tae", _event("imaging", "2024-03-01", portal_vein="main"), "stop", None),
        ("sirt_resin", _event("imaging", "2024-03-01", portal_vein="branch"), "warn", "sirt_portal_thrombosis"),
        ("tae", _event("clinic", "2024-03-01", biliary={"anastomosis": True}), "warn", None),
        ("sirt_glass", _event("imaging", "2024-03-01", liver_volume="1000 mL", tumour_volume="510 mL"), "warn", "sirt_burden"),
        ("sirt_resin", _procedure("2024-03-01", "sirt_resin"), "warn", "sirt_lung_dose_adds_up"),
    ],
)  # fmt: skip
def test_rules_that_bear_on_sequence_stop_or_warn_and_only_where_they_hold(
    technique: str, event: dict[str, Any], word: str, rule: str | None
) -> None:
    def held(case: Case) -> set[tuple[str, str]]:
        proposal = _of(case, technique=technique).proposal
        assert proposal is not None
        return {(each.word, each.rule) for each in proposal.rules if each.word != "ask"}

    new = held(case_of(_image("2024-01-02"), event)) - held(case_of(_image("2024-01-02")))
    assert word in {each for each, _ in new}
    assert rule is None or (word, rule) in new


def test_the_centres_own_interval_is_proposed_from_three_on_and_shown_before() -> None:
    case = case_of(_image("2024-01-02"))
    for number, origin in ((2, "published"), (3, "own")):
        past = past_intervals([staged_tae(f"P-{n}", "A", 40 + n) for n in range(number)], lambda _: DAY)
        proposal = _of(case, technique="tae", past=past).proposal
        assert proposal is not None
        assert proposal.own is not None
        assert (proposal.own.n, proposal.plan.interval_from) == (number, origin)


def test_the_second_session_of_a_past_patient_is_not_known_before_it_was_done() -> None:
    case = staged_tae("P", "A", 60)
    assert past_intervals([case], lambda _: dt.date(2023, 4, 29)) == ()
    assert [each.days for each in past_intervals([case], lambda _: dt.date(2023, 4, 30))] == [60]


def test_the_proposal_becomes_plan_events_that_the_case_takes_and_a_stop_prevents_it() -> None:
    case = case_of(_image("2024-01-02"))
    proposal = _of(case, technique="tae").proposal
    assert proposal is not None
    events = plan_events("T-1", proposal, DAY)
    planned = case_of(_image("2024-01-02"), *({**event, "date": str(event["date"])} for event in events))
    plans = [event for event in planned.events if isinstance(event, Plan)]
    assert [(each.session, each.territory.segments if each.territory else None, each.lesions) for each in plans] == [
        (1, (5, 6, 7, 8), ("L1",)),
        (2, (2, 3, 4), ("L2",)),
    ]
    stopped = _of(case_of(_image("2024-01-02", portal_vein="main")), technique="tae").proposal
    assert stopped is not None
    with pytest.raises(BadInput, match="no session is planned"):
        plan_events("T-1", stopped, DAY)


# --- problems ------------------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("events", "says"),
    [
        ((_event("diagnosis", "2024-03-01"), _procedure("2024-02-01")), "stands before the diagnosis of 2024-03-01"),
        ((_event("status", "2024-01-01", state="dead"), _procedure("2024-02-01")), "stands after the death of 2024-01-01"),
        ((_procedure("2024-02-01", session=2), _procedure("2024-03-01", session=1)), "no session 1 stands before it"),
        ((_procedure("2024-02-01", session=1, territory={"segments": RIGHT}), _procedure("2024-03-01", session=1, territory={"segments": RIGHT})), "one may be written twice"),
        ((_procedure("2024-02-01", session=1), _procedure("2024-03-01", session=2, details={"planned_sessions": 1})), "is session 2, and states 1 planned"),
        ((_procedure("2020-02-01", "pancreatoduodenectomy"), _procedure("2024-02-01", details={"bile_ducts": ["native"]})), "states native bile ducts, and e1"),
        ((_event("imaging", "2024-01-01", portal_vein="main"), _procedure("2024-02-01", details={"portal_vein": {"main": "patent"}})), "says main: one of both is wrong"),
        ((_image("2024-01-01"), _procedure("2024-02-01", "mwa", details={"ablations": [{"lesion": "L9"}]})), "names lesions that no imaging lists: L9"),
    ],
)  # fmt: skip
def test_bad_timelines_are_named_problems(events: tuple[dict[str, Any], ...], says: str) -> None:
    problems = _of(case_of(*events)).problems
    assert any(says in problem for problem in problems)


def test_a_sound_timeline_has_no_problem() -> None:
    assert _of(staged_tae("P", "A", 60)).problems == ()
    known = (_event("imaging", "2024-01-01", portal_vein="branch"), _procedure("2024-02-01", details={"portal_vein": {"main": "patent", "left": "thrombosed"}, "bile_ducts": ["native"]}))  # fmt: skip
    assert _of(case_of(*known)).problems == ()
    other = (_procedure("2024-02-01", session=1, territory={"segments": RIGHT}), _procedure("2024-02-01", session=2, territory={"segments": LEFT}))  # fmt: skip
    assert _of(case_of(*other)).problems == ()


# --- nothing later -------------------------------------------------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(cases(recorded=False), days)
def test_what_happened_later_changes_nothing(case: Case, day: dt.date) -> None:
    assert FIRST_DAY <= day <= LAST_DAY
    kept = {event.id for event in case.events if event.date <= day}
    seen = tuple(event for event in case.events if event.id in kept)
    assume(all(event.corrects is None or event.corrects in kept for event in seen))  # none corrects what lies ahead
    earlier = case.model_copy(update={"events": seen})
    assert visible_events(earlier, day)[0] == visible_events(case, day)[0]
    assert _of(case, day) == _of(earlier, day)


def test_what_was_learnt_after_a_procedure_was_not_known_at_it() -> None:
    late = _event("imaging", "2024-05-20", portal_vein="patent")
    (complete,) = _of(case_of(_procedure("2024-05-01"), late)).completeness
    assert "Portal vein, open or thrombosed" in complete.missing_required


# --- rooms ---------------------------------------------------------------------------------------------------------------------------------------------


def test_rooms_are_compared_with_the_numbers_behind_them() -> None:
    report = procedures_of_cohort(three_rooms(), lambda case: case.as_of or DAY)
    rooms = {(room.technique, room.room): room for room in report.rooms}
    a, b, c = (rooms["tae", f"demo, {name}"] for name in "ABC")
    assert (a.n, a.patients, a.stasis, a.stasis_known, a.small) == (12, 6, 12, 12, False)
    assert (b.n, b.stasis, b.stasis_known) == (10, 0, 10)
    assert (c.n, c.small) == (2, True)
    assert a.staged_intervals is not None
    assert (a.staged_intervals.n, a.staged_intervals.median_days) == (6, 30.5)
    assert [(each.word, each.n) for each in rooms["sirt_resin", "demo, A"].regimens] == [("model BSA", 3), ("model partition", 3)]  # fmt: skip
    sirt = rooms["sirt_resin", "demo, B"].activity_gbq
    assert (sirt.n, sirt.median, sirt.low, sirt.high) == (3, 2.1, 2.0, 2.2)
    assert (report.cases, report.synthetic, len(report.rows)) == (21, 21, 33)
    assert report.missing[0].missing == 24


def test_what_is_not_stated_is_counted_and_never_read_as_no() -> None:
    report = procedures_of_cohort([case_of(_procedure("2024-02-01"))], lambda _: DAY)
    (room,) = report.rooms
    assert (room.stasis, room.stasis_known, room.room) == (0, 0, "not stated")
    assert [(each.word, each.n) for each in room.end_points] == [("not stated", 1)]
    assert (room.fluoroscopy_min.n, room.fluoroscopy_min.not_stated, room.staged_intervals) == (0, 1, None)


def test_no_session_is_planned_for_the_dead() -> None:
    case = case_of(_image("2024-01-02"), _procedure("2024-01-10"), _event("status", "2024-02-01", state="dead"))
    assert _of(case, dt.date(2024, 1, 20)).proposal is not None
    found = _of(case)
    assert (found.proposal, found.proposal_none_because) == (None, "the patient died on 2024-02-01")


def test_a_drug_that_is_none_of_the_list_gives_the_regimen_its_name() -> None:
    details = {"drugs": [{"drug": "other", "name": "melphalan"}, {"drug": "mitomycin_c"}], "lipiodol": "8 mL"}
    (row,) = _of(case_of(_procedure("2024-01-10", "ctace", details=details))).procedures
    assert row.regimen == "melphalan, mitomycin C, lipiodol"


def test_injections_that_do_not_add_up_to_the_activity_are_named() -> None:
    def problems(whole: str) -> str:
        injections = [{"injected_activity": "1 GBq"}, {"injected_activity": "0.5 GBq"}]
        details = {"injected_activity": whole, "injections": injections}
        return " ".join(_of(case_of(_procedure("2024-01-10", "sirt_resin", details=details))).problems)

    assert "states 3 GBq injected, and its injections add up to 1.5 GBq" in problems("3 GBq")
    assert problems("1.52 GBq") == ""


def test_activities_without_end_break_nothing() -> None:
    injections = [{"injected_activity": "1.7e308 GBq"}, {"injected_activity": "1.7e308 GBq"}]
    plan = _event("plan", "2024-01-05", technique="sirt_resin", details={"planned_activity": "1e-300 GBq"})
    done = _procedure("2024-01-10", "sirt_resin", details={"injected_activity": "1e308 GBq"})
    for case in (
        case_of(_procedure("2024-01-10", "sirt_resin", details={"injections": injections})),
        case_of(plan, done),
    ):
        json.dumps(_of(case).model_dump(mode="json"), allow_nan=False)


def test_intervals_of_another_centre_are_not_this_centres_own() -> None:
    own, foreign, unsaid = (staged_tae(name, "1", 40) for name in ("OWN-1", "FOREIGN-1", "UNSAID-1"))
    foreign = foreign.model_copy(update={"centre": "elsewhere"})
    unsaid = unsaid.model_copy(update={"centre": None})
    asked = own.model_copy(update={"case": "ASKED-1"})
    found = of_the_centre([own, foreign, unsaid, asked], asked)
    assert [each.case for each in found] == ["OWN-1", "UNSAID-1"]
