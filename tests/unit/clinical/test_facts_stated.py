"""Stated facts: the latest wins, age and staleness, conflicts of one day, implausible values, corrections, what had been entered."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from tests.strategies import case_of

from liverboard.clinical.facts import facts_of

DAY = dt.date(2024, 5, 15)


def labs(day: str, **fields: Any) -> dict[str, Any]:
    return {"kind": "labs", "date": day, **fields}


def clinic(day: str, **fields: Any) -> dict[str, Any]:
    return {"kind": "clinic", "date": day, **fields}


def test_nothing_stated_is_unknown_never_no() -> None:
    facts = facts_of(case_of(), DAY)
    assert set(facts.unknown) == set(facts.facts)
    assert all(fact.value is None and fact.date is None for fact in facts.facts.values())
    with pytest.raises(KeyError):
        facts.value("no_such_fact")


def test_the_latest_statement_wins_field_by_field_and_knows_its_age() -> None:
    case = case_of(
        labs("2024-03-01", albumin="38 g/L", inr=1.1),
        labs("2024-05-02", albumin="36 g/L"),
        labs("2024-05-16", albumin="30 g/L"),
    )
    facts = facts_of(case, DAY).facts
    albumin, inr = facts["albumin_g_l"], facts["inr"]
    assert (albumin.value, albumin.unit, albumin.date, albumin.age_days, albumin.event, albumin.stale) == (
        36,
        "g/L",
        dt.date(2024, 5, 2),
        13,
        "e2",
        False,
    )
    assert (inr.value, inr.event, inr.age_days, inr.stale) == (1.1, "e1", 75, True)


def test_a_fact_is_stale_the_day_after_its_limit() -> None:
    case = case_of(labs("2024-04-15", inr=1.0))
    assert not facts_of(case, dt.date(2024, 5, 15)).facts["inr"].stale
    assert facts_of(case, dt.date(2024, 5, 16)).facts["inr"].stale


def test_who_and_age() -> None:
    facts = facts_of(case_of(sex="female", birth_year=1961), DAY)
    assert (facts.value("sex"), facts.value("age_years")) == ("female", 63)
    assert facts.facts["age_years"].date is None
    assert facts_of(case_of(birth_year=2030), DAY).value("age_years") is None


def test_two_statements_of_one_day_the_later_in_the_file_wins_and_both_are_reported() -> None:
    facts = facts_of(
        case_of(clinic("2024-05-02", ecog=1), clinic("2024-05-02", ecog=2), clinic("2024-05-01", ecog=0)), DAY
    )
    assert facts.value("ecog") == 2
    assert facts.conflicts == ("ecog: 2 (e2) and 1 (e1) on 2024-05-02; the later in the file is used (e2)",)
    assert facts_of(case_of(clinic("2024-05-02", ecog=1), clinic("2024-05-02", ecog=1)), DAY).conflicts == ()


def test_an_implausible_value_is_kept_questioned_and_unknown_to_rules() -> None:
    case = case_of(labs("2024-05-02", albumin="3.8 g/L", bilirubin="12 umol/L"), labs("2024-04-02", albumin="38 g/L"))
    facts = facts_of(case, DAY)
    albumin = facts.facts["albumin_g_l"]
    assert (albumin.value, albumin.questioned) == (3.8, True)
    assert "3.8 g/dL would be 38 g/L" in (albumin.note or "")
    assert facts.value("albumin_g_l") is None
    assert "albumin_g_l" in facts.unknown
    assert facts.questioned == ("albumin_g_l",)
    assert facts.facts["albi_grade"].value is None
    assert facts.facts["albi_grade"].note == "questioned: albumin"


def test_a_confirmed_implausible_value_counts() -> None:
    facts = facts_of(case_of(labs("2024-05-02", bilirubin="1200 umol/L", albumin="30 g/L", confirmed=True)), DAY)
    assert facts.value("bilirubin_umol_l") == 1200
    assert "implausible" in (facts.facts["bilirubin_umol_l"].note or "")
    assert facts.value("albi_grade") == 3
    assert (
        facts_of(case_of(labs("2024-05-02", bilirubin="1200 umol/L", confirmed=False)), DAY).value("bilirubin_umol_l")
        is None
    )


def test_bilirubin_zero_never_gives_a_grade() -> None:
    for confirmed in (None, True):
        facts = facts_of(case_of(labs("2024-05-02", bilirubin="0 umol/L", albumin="40 g/L", confirmed=confirmed)), DAY)
        assert facts.facts["albi_grade"].value is None
        json.dumps(facts.as_json(), allow_nan=False)


# --- corrections ---------------------------------------------------------------------------------------------------------------------------------------


def test_a_correction_replaces_the_whole_event() -> None:
    case = case_of(labs("2024-05-02", albumin="38 g/L", inr=1.1), labs("2024-05-02", albumin="36 g/L", corrects="e1"))
    facts = facts_of(case, DAY)
    assert (facts.value("albumin_g_l"), facts.facts["albumin_g_l"].event) == (36, "e2")
    assert facts.value("inr") is None
    assert facts.conflicts == ()


def test_a_chain_of_corrections_shows_its_last_visible_link() -> None:
    case = case_of(
        clinic("2024-03-01", ecog=0),
        clinic("2024-03-01", ecog=1, corrects="e1"),
        clinic("2024-04-01", ecog=2, corrects="e2"),
    )
    assert [facts_of(case, dt.date(2024, month, 15)).value("ecog") for month in (2, 3, 4)] == [None, 1, 2]


def test_a_correction_hides_the_root_though_the_link_between_is_not_seen() -> None:
    case = case_of(
        clinic("2024-03-01", ecog=0),
        clinic("2024-06-01", ecog=1, corrects="e1"),
        clinic("2024-03-01", weight="70 kg", corrects="e2"),
    )
    facts = facts_of(case, DAY)
    assert (facts.value("ecog"), facts.value("weight_kg")) == (None, 70)


def test_a_correction_dated_after_the_day_or_entered_after_the_moment_does_nothing() -> None:
    later = case_of(clinic("2024-03-01", ecog=0), clinic("2024-06-01", ecog=3, corrects="e1"))
    assert facts_of(later, DAY).value("ecog") == 0
    entered = case_of(clinic("2024-03-01", ecog=0), clinic("2024-03-01", ecog=3, corrects="e1", recorded="2024-04-02"))
    assert facts_of(entered, DAY, dt.date(2024, 4, 1)).value("ecog") == 0
    assert facts_of(entered, DAY, dt.date(2024, 4, 2)).value("ecog") == 3
    assert facts_of(entered, DAY).value("ecog") == 3


def test_of_two_corrections_the_later_entered_counts_then_the_later_in_the_file() -> None:
    first = clinic("2024-03-01", ecog=0)
    by_entry = case_of(
        first,
        clinic("2024-03-01", ecog=1, corrects="e1", recorded="2024-04-02T10:00:00"),
        clinic("2024-03-01", ecog=2, corrects="e1", recorded="2024-04-02T09:00:00"),
    )
    facts = facts_of(by_entry, DAY)
    assert facts.value("ecog") == 1
    assert facts.conflicts == ("event e1 is corrected more than once (e3, e2); e2 is used",)
    by_place = case_of(first, clinic("2024-04-01", ecog=1, corrects="e1"), clinic("2024-03-01", ecog=2, corrects="e1"))
    assert facts_of(by_place, DAY).value("ecog") == 2


def test_a_correction_stands_in_the_place_of_what_it_corrects() -> None:
    case = case_of(
        clinic("2024-05-02", ecog=0), clinic("2024-05-02", ecog=1), clinic("2024-05-02", ecog=3, corrects="e1")
    )
    assert facts_of(case, DAY).value("ecog") == 1


# --- what had been entered -----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("recorded", "known_at", "seen"),
    [
        (None, dt.date(2000, 1, 1), True),
        ("2024-05-10", dt.date(2024, 5, 10), True),
        ("2024-05-10", dt.date(2024, 5, 9), False),
        ("2024-05-10", dt.datetime(2024, 5, 10, 12, tzinfo=dt.UTC), False),  # entered some time that day: perhaps later
        ("2024-05-10T23:59:00", dt.date(2024, 5, 10), True),
        ("2024-05-10T12:00:00", dt.datetime(2024, 5, 10, 12), True),  # noqa: DTZ001
        ("2024-05-10T12:00:01", dt.datetime(2024, 5, 10, 12, tzinfo=dt.UTC), False),
        ("2024-05-10T14:00:00+02:00", dt.datetime(2024, 5, 10, 12), True),  # noqa: DTZ001
        ("2024-05-10T12:00:00", dt.datetime(2024, 5, 10, 13, tzinfo=dt.timezone(dt.timedelta(hours=2))), False),
    ],
)
def test_only_what_had_been_entered_is_seen(recorded: str | None, known_at: dt.date, seen: bool) -> None:
    case = case_of(clinic("2024-05-02", ecog=1, recorded=recorded))
    assert (facts_of(case, DAY, known_at).value("ecog") == 1) is seen
    assert facts_of(case, DAY).value("ecog") == 1


def test_json_keys_that_callers_use() -> None:
    plain: Any = facts_of(case_of(labs("2024-05-02", albumin="3.8 g/L", inr=1.0)), DAY).as_json()
    assert plain["as_of"] == "2024-05-15"
    assert plain["facts"]["inr"] == {
        "value": 1.0, "unit": None, "date": "2024-05-02", "age_days": 13, "event": "e1", "stale": False, "questioned": False,
    }  # fmt: skip
    assert {"value", "unit", "date", "age_days", "event", "stale", "questioned"} <= set(plain["facts"]["albumin_g_l"])
    assert plain["facts"]["ecog"]["value"] is None
    assert {"ecog", "albumin_g_l"} <= set(plain["unknown"])
    assert "inr" not in plain["unknown"]


def test_markers_are_over_the_limit_of_their_own_assay() -> None:
    case = case_of(
        labs("2024-04-02", chromogranin_a={"value": 640, "unit": "ug/L", "upper_limit": 100}),
        labs("2024-05-02", chromogranin_a={"value": 800, "unit": "ug/L"}),
    )
    fact = facts_of(case, DAY).facts["chromogranin_a_x_uln"]
    assert (fact.value, fact.event) == (6.4, "e1")


# --- over the upper limit of the laboratory ------------------------------------------------------------------------------------------------------------


def test_liver_enzymes_are_over_the_limit_of_their_own_laboratory() -> None:
    case = case_of(
        labs("2024-05-02", ast={"value": 70, "unit": "U/L", "upper_limit": 35}, alt={"value": 31, "unit": "U/L"})
    )
    facts = facts_of(case, DAY)
    assert (facts.value("ast_x_uln"), facts.facts["ast_x_uln"].unit, facts.value("alt_x_uln")) == (2, "x ULN", None)


def test_bilirubin_is_over_the_limit_of_the_same_labs_whatever_their_units() -> None:
    both = labs("2024-04-02", bilirubin="2 mg/dL", bilirubin_upper_limit="1 mg/dL")
    fact = facts_of(case_of(both, labs("2024-05-02", bilirubin="12 umol/L")), DAY).facts["bilirubin_x_uln"]
    assert (fact.value, fact.event, fact.date) == (pytest.approx(2), "e1", dt.date(2024, 4, 2))
    mixed = labs("2024-05-02", bilirubin="34.208 umol/L", bilirubin_upper_limit="1 mg/dL")
    assert facts_of(case_of(mixed), DAY).value("bilirubin_x_uln") == pytest.approx(2, rel=1e-4)
    for part in ({"bilirubin": "12 umol/L"}, {"bilirubin_upper_limit": "21 umol/L"}):
        assert facts_of(case_of(labs("2024-05-02", **part)), DAY).value("bilirubin_x_uln") is None


def test_no_ratio_of_a_questioned_bilirubin_unless_it_is_confirmed() -> None:
    doubtful = labs("2024-05-02", bilirubin="0.7 umol/L", bilirubin_upper_limit="21 umol/L")
    fact = facts_of(case_of(doubtful), DAY).facts["bilirubin_x_uln"]
    assert (fact.value, fact.note) == (None, "questioned: bilirubin")
    assert facts_of(case_of({**doubtful, "confirmed": True}), DAY).value("bilirubin_x_uln") == pytest.approx(1 / 30)


def test_a_limit_near_zero_gives_no_ratio() -> None:
    tiny = labs(
        "2024-05-02",
        ast={"value": 1e300, "unit": "U/L", "upper_limit": 1e-300},
        bilirubin="12 umol/L",
        bilirubin_upper_limit="1e-308 umol/L",
    )
    facts = facts_of(case_of(tiny), DAY)
    assert (facts.value("ast_x_uln"), facts.value("bilirubin_x_uln")) == (None, None)
    json.dumps(facts.as_json(), allow_nan=False)


def test_what_a_person_states_of_the_patient_reaches_its_fact() -> None:
    case = case_of(
        clinic(
            "2024-05-02",
            frail=False,
            life_expectancy_over_3_months=True,
            pregnant=False,
            oxygen_saturation="97 %",
            angiography_contraindicated=False,
            portal_hypertension=True,
            active_hepatitis=False,
            stable_over_6_months=True,
        ),
        {
            "kind": "imaging",
            "date": "2024-05-02",
            "infiltrative": False,
            "too_many_to_count": True,
            "portal_flow": "hepatofugal",
            "progression": {"extrahepatic": False},
        },
        {
            "kind": "scout",
            "date": "2024-05-02",
            "lung_shunt_method": "spect_ct",
            "lung_activity": "610 MBq",
            "arterial_reflux": False,
            "thrombus_uptake": True,
        },
        labs("2024-05-02", leukocytes="6200 /uL"),
    )
    expected = {
        "frail": False, "life_expectancy_over_3_months": True, "pregnant": False, "oxygen_saturation_percent": 97, "angiography_contraindicated": False,
        "portal_hypertension": True, "active_hepatitis": False, "stable_over_6_months": True, "infiltrative": False, "too_many_to_count": True,
        "portal_flow": "hepatofugal", "extrahepatic_progression": False, "lung_shunt_method": "spect_ct", "lung_activity_gbq": pytest.approx(0.61),
        "arterial_reflux": False, "thrombus_uptake": True, "leukocytes_1e9_l": pytest.approx(6.2),
    }  # fmt: skip
    facts = facts_of(case, DAY)
    assert {name: facts.value(name) for name in expected} == expected
    assert {name: facts_of(case, dt.date(2024, 5, 1)).value(name) for name in expected} == dict.fromkeys(expected)


@pytest.mark.parametrize(
    ("event", "name"),
    [
        (clinic("2024-05-02", oxygen_saturation="0.97 %"), "oxygen_saturation_percent"),
        (labs("2024-05-02", leukocytes="6200 10^9/L"), "leukocytes_1e9_l"),
        ({"kind": "scout", "date": "2024-05-02", "lung_activity": "120 GBq"}, "lung_activity_gbq"),
    ],
)
def test_a_slip_of_the_unit_is_questioned(event: dict[str, Any], name: str) -> None:
    assert facts_of(case_of(event), DAY).facts[name].questioned


def test_pregnancy_is_not_asked_of_a_patient_recorded_as_male() -> None:
    def pregnant(sex: str, *events: dict[str, Any]) -> object:
        return facts_of(case_of(*events).model_copy(update={"sex": sex}), DAY).value("pregnant")

    stated = clinic("2024-05-02", pregnant=True)
    assert [pregnant(sex) for sex in ("male", "female", "other")] == [False, None, None]
    assert pregnant("male", stated) is True  # what is stated always wins
