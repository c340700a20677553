"""From events to judgements: baselines, courses, what was treated before, names of lesions, and every kind of bad input named, never a silent category."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.strategies import case_of

from liverboard.board.response import ResponseReport, response_document, response_of
from liverboard.clinical.derive_timeline import visible_events
from liverboard.response.points import time_points

AS_OF = dt.date(2026, 1, 1)
DIAGNOSIS = {"kind": "diagnosis", "date": "2023-01-10"}


def scan(date: str, *lesions: dict[str, Any], **said: Any) -> dict[str, Any]:
    return {
        "kind": "imaging", "date": date, "id": f"ct-{date}", "modality": "CT", "extrahepatic": {"extent": "none"}, "lesions": list(lesions), **said
    }  # fmt: skip


def size(name: str, longest: float, **said: Any) -> dict[str, Any]:
    return {"id": name, "longest": f"{longest} mm", **said}


def done(date: str, technique: str, **said: Any) -> dict[str, Any]:
    return {"kind": "procedure", "date": date, "technique": technique, "id": f"{technique}-{date}", **said}


def of(*events: dict[str, Any], as_of: dt.date = AS_OF) -> ResponseReport:
    return response_of(case_of(DIAGNOSIS, *events), as_of=as_of)


def recist(*events: dict[str, Any], as_of: dt.date = AS_OF) -> str:
    return of(*events, as_of=as_of).criteria["recist11"].category


def messages(report: ResponseReport) -> str:
    return "\n".join(str(problem) for problem in report.problems)


# --- baselines and courses


def test_the_baseline_is_the_last_list_of_lesions_before_the_start() -> None:
    report = of(
        scan("2024-01-01", size("L1", 30)),
        scan("2024-02-01", size("L1", 50)),
        done("2024-02-10", "tae"),
        scan("2024-06-01", size("L1", 35)),
    )
    assert report.course is not None
    assert report.course.baseline == "ct-2024-02-01"
    assert report.criteria["recist11"].category == "PR"


def test_an_assessment_without_baseline_is_named_and_no_category() -> None:
    report = of(
        done("2024-02-10", "tae"),
        scan("2024-06-01", size("L1", 35)),
        {"kind": "assessment", "date": "2024-06-02", "recist11": "PR"},
    )
    assert {answer.category for answer in report.criteria.values()} == {"NE"}
    assert "no baseline for tae of 2024-02-10" in report.criteria["recist11"].basis[0]
    assert "no baseline and follow-up with lesions stand behind it" in messages(report)


def test_no_imaging_since_the_start_is_named() -> None:
    report = of(scan("2024-02-01", size("L1", 50)), done("2024-02-10", "tae"))
    assert report.criteria["recist11"].category == "NE"
    assert "no imaging since tae of 2024-02-10" in report.criteria["recist11"].basis[0]


def test_an_old_baseline_is_named() -> None:
    report = of(scan("2024-01-01", size("L1", 50)), done("2024-03-01", "tae"), scan("2024-06-01", size("L1", 50)))
    assert "60 days old" in messages(report)
    assert "at most 28" in messages(report)


def test_sessions_of_one_technique_are_one_course_and_another_technique_is_a_new_one() -> None:
    events = [
        scan("2024-01-01", size("L1", 50)), done("2024-01-10", "tae", lesions=["L1"]), done("2024-03-01", "tae", lesions=["L1"], session=2),
        scan("2024-06-01", size("L1", 35)), done("2024-06-10", "sirt_resin"), scan("2024-10-01", size("L1", 30)),
    ]  # fmt: skip
    courses = of(*events).courses
    assert [(each.what, each.baseline) for each in courses] == [
        ("tae", "ct-2024-01-01"),
        ("sirt_resin", "ct-2024-06-01"),
    ]
    assert [each.category for each in courses[0].days["mchoi"]] == ["NE"], (
        "the follow-up of the second course is not of the first"
    )


def test_an_analogue_ends_no_course() -> None:
    events = [
        scan("2024-01-01", size("L1", 50)), done("2024-01-10", "tae"), {"kind": "systemic", "date": "2024-02-01", "drug": "lanreotide"},
        scan("2024-06-01", size("L1", 30)),
    ]  # fmt: skip
    report = of(*events)
    assert report.course is not None
    assert (report.course.what, report.criteria["recist11"].category) == ("tae", "PR")


def test_without_treatment_the_course_is_observation() -> None:
    report = of(scan("2024-01-01", size("L1", 50)), scan("2024-09-01", size("L1", 70)))
    assert report.course is not None
    assert (report.course.what, report.criteria["recist11"].category) == ("observation", "PD")


def test_nothing_at_all_is_said_so() -> None:
    report = of()
    assert report.course is None
    assert "no imaging lists lesions" in report.criteria["recist11"].basis[0]


def test_a_scan_of_the_day_of_the_start_is_the_baseline_only_without_an_earlier_one() -> None:
    same = scan("2024-01-10", size("L1", 40))
    report = of(scan("2024-01-02", size("L1", 50)), same, done("2024-01-10", "tae"), scan("2024-06-01", size("L1", 30)))
    assert report.course is not None
    assert report.course.baseline == "ct-2024-01-02"
    alone = of(same, done("2024-01-10", "tae"), scan("2024-06-01", size("L1", 30)))
    assert alone.course is not None
    assert alone.course.baseline == "ct-2024-01-10"
    assert "of the same day" in messages(alone)


def test_session_1_again_is_a_new_course_with_its_own_baseline() -> None:
    events = [
        scan("2024-01-01", size("L1", 50)), done("2024-01-10", "tae", session=1, lesions=["L1"]), scan("2024-06-01", size("L1", 60)),
        done("2024-06-10", "tae", session=1, lesions=["L1"]), scan("2024-10-01", size("L1", 58)),
    ]  # fmt: skip
    assert [each.baseline for each in of(*events).courses] == ["ct-2024-01-01", "ct-2024-06-01"]


# --- what was treated before


def test_a_lesion_treated_before_the_baseline_is_no_target_by_name_or_by_territory() -> None:
    for aimed in ({"lesions": ["L1"]}, {"territory": {"segments": [5, 6, 7, 8]}}):
        lesions = (size("L1", 50, segments=[6]), size("L2", 20, segments=[2]))
        report = of(
            done("2023-06-01", "tae", **aimed),
            scan("2024-01-01", *lesions),
            done("2024-01-10", "sirt_resin"),
            scan("2024-06-01", *lesions),
        )
        assert report.criteria["recist11"].targets == ("L2",)
        assert report.criteria["mrecist"].targets == ("L1", "L2")
        assert any("local treatment before the baseline" in text for text in report.criteria["recist11"].basis)


def test_a_lesion_that_reaches_beyond_the_territory_or_was_treated_later_is_a_target() -> None:
    lesions = (size("L1", 50, segments=[4, 6]),)
    territory = {"territory": {"segments": [5, 6, 7, 8]}}
    beyond = of(
        done("2023-06-01", "tae", **territory),
        scan("2024-01-01", *lesions),
        done("2024-01-10", "sirt_resin"),
        scan("2024-06-01", *lesions),
    )
    assert beyond.criteria["recist11"].targets == ("L1",)
    same_day = of(
        scan("2024-01-01", *lesions),
        done("2024-01-01", "rfa", lesions=["L1"]),
        done("2024-01-10", "sirt_resin"),
        scan("2024-06-01", *lesions),
    )
    assert same_day.criteria["recist11"].targets == ("L1",)


def test_a_treatment_without_lesions_or_territory_before_the_baseline_is_named() -> None:
    lesions = (size("L1", 50),)
    report = of(
        done("2023-06-01", "tae"),
        scan("2024-01-01", *lesions),
        done("2024-01-10", "sirt_resin"),
        scan("2024-06-01", *lesions),
    )
    assert "which lesions tae of 2023-06-01 treated is not said" in messages(report)


def test_a_stated_recurrence_in_a_treated_lesion_makes_it_measurable() -> None:
    report = of(
        done("2023-06-01", "rfa", lesions=["L1"]), scan("2024-01-01", size("L1", 30, state="progressing")), done("2024-01-10", "tae"),
        scan("2024-06-01", size("L1", 15)),
    )  # fmt: skip
    assert (report.criteria["recist11"].targets, report.criteria["recist11"].category) == (("L1",), "PR")


# --- names and contradictions


def test_a_renamed_lesion_is_followed_by_what_it_was() -> None:
    assert (
        recist(
            scan("2024-01-01", size("L1", 50)), done("2024-01-10", "tae"), scan("2024-06-01", size("A", 30, was=["L1"]))
        )
        == "PR"
    )


def test_names_are_followed_over_several_scans() -> None:
    events = [
        scan("2024-01-01", size("L1", 30), size("L2", 30)), done("2024-01-10", "tae"), scan("2024-04-01", size("M", 50, was=["L1", "L2"])),
        scan("2024-08-01", size("M1", 20, was=["M"]), size("M2", 15, was=["M"])),
    ]  # fmt: skip
    report = of(*events)
    assert (report.criteria["recist11"].sum_mm, report.criteria["recist11"].category) == (35, "PR")


def test_a_lesion_that_was_what_nobody_listed_is_named() -> None:
    report = of(
        scan("2024-01-01", size("L1", 50)), done("2024-01-10", "tae"), scan("2024-06-01", size("A", 30, was=["L7"]))
    )
    assert "A was L7, which no earlier imaging lists" in messages(report)
    assert report.criteria["recist11"].category == "NE"


def test_lesions_that_cannot_be_matched_are_named_and_no_category() -> None:
    report = of(
        scan("2024-01-01", size("L1", 50), size("L2", 30)),
        done("2024-01-10", "tae"),
        scan("2024-06-01", size("A", 30), size("B", 20)),
    )
    assert report.criteria["recist11"].category == "NE"
    assert any("cannot be matched" in text for text in report.criteria["recist11"].basis)
    assert "A cannot be matched" in messages(report)
    assert (
        "event ct-2024-06-01, field lesions: not listed, though the baseline of 2024-01-01 has it: L1, L2"
        in messages(report)
    )


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"short": "60 mm"}, "short (60) is larger than longest (50)"),
        ({"viable": "60 mm"}, "viable (60) is larger than longest (50)"),
        ({"state": "absent"}, "state is absent, yet a size is given"),
    ],
)
def test_contradictions_within_a_lesion_are_named(said: dict[str, Any], words: str) -> None:
    assert words in messages(of(scan("2024-01-01", size("L1", 50, **said))))


def test_two_lists_of_one_day_are_named_and_the_later_in_the_file_counts() -> None:
    report = of(
        scan("2024-01-01", size("L1", 50)), done("2024-01-10", "tae"), scan("2024-06-01", size("L1", 30)),
        {**scan("2024-06-01", size("L1", 50)), "id": "mr", "modality": "MR"},
    )  # fmt: skip
    assert "two imagings of 2024-06-01" in messages(report)
    assert report.criteria["recist11"].category == "SD"
    assert any("baseline on CT, this day on MR" in text for text in report.criteria["recist11"].basis)


def test_ultrasound_does_not_measure() -> None:
    events = [
        scan("2024-01-01", size("L1", 50)),
        done("2024-01-10", "tae"),
        {**scan("2024-06-01", size("L1", 10)), "modality": "US"},
    ]
    assert "ultrasound does not measure" in messages(of(*events))
    assert recist(*events) == "NE"


def test_density_counts_on_ct_only() -> None:
    events = [
        scan("2024-01-01", size("L1", 50, density="100 HU")), done("2024-01-10", "tae"),
        {**scan("2024-06-01", size("L1", 50, density="40 HU")), "modality": "MR"},
    ]  # fmt: skip
    report = of(*events)
    assert report.criteria["choi"].category == "NE"
    assert "Choi needs CT" in messages(report)


def test_procedures_before_the_diagnosis_and_dates_out_of_order_are_named() -> None:
    events = [
        done("2022-01-10", "tae"),
        scan("2024-06-01", size("L1", 30)),
        {"kind": "status", "date": "2024-01-01", "state": "dead"},
    ]
    told = messages(of(*events))
    assert "tae lies before the first diagnosis" in told
    assert "lies after the death" in told


def test_a_stated_category_that_the_sizes_do_not_give_is_named() -> None:
    report = of(
        scan("2024-01-01", size("L1", 50)), done("2024-01-10", "tae"), scan("2024-06-01", size("L1", 45)),
        {"kind": "assessment", "date": "2024-06-03", "recist11": "PR"},
    )  # fmt: skip
    assert "recist11 PR is stated; the lesions of 2024-06-01 give SD" in messages(report)


def test_a_readers_word_on_progression_against_the_sizes_is_named() -> None:
    report = of(
        scan("2024-01-01", size("L1", 50)), done("2024-01-10", "tae"),
        scan("2024-06-01", size("L1", 48), progression={"hepatic": True, "extrahepatic": False}),
    )  # fmt: skip
    assert "the reader says progression in the liver" in messages(report)


# --- extrahepatic, ablation, end points


def test_lesions_outside_the_liver_are_targets_of_the_patient_not_of_the_liver() -> None:
    def outside(short: float) -> dict[str, Any]:
        return {
            "extrahepatic_lesions": [{"id": "N1", "organ": "lymph_node", "longest": "40 mm", "short": f"{short} mm"}],
            "extrahepatic": {"extent": "limited"},
        }

    report = of(
        scan("2024-01-01", size("L1", 50), **outside(20)),
        done("2024-01-10", "tae"),
        scan("2024-06-01", size("L1", 30), **outside(34)),
    )
    answer = report.criteria["recist11"]
    assert (answer.sum_mm, answer.category) == (64, "SD")
    assert answer.hepatic is not None
    assert (answer.hepatic.sum_mm, answer.hepatic.category) == (30, "PR")


def test_ablated_lesions_are_judged_at_each_control() -> None:
    report = of(
        scan("2024-01-01", size("L1", 20)), done("2024-01-10", "rfa", lesions=["L1"]),
        scan("2024-02-15", size("L1", 32, viable="0 mm", zone="32 mm", margin="6 mm")), scan("2024-08-15", size("L1", 30, viable="9 mm")),
    )  # fmt: skip
    assert [(each.complete, each.recurrence) for each in report.ablations] == [(True, False), (False, True)]


def test_the_margin_that_the_ablation_states_counts_where_the_control_gives_none() -> None:
    for details in (
        {"margin": "6 mm"},
        {"ablations": [{"lesion": "L1", "margin": "6 mm"}, {"lesion": "L2", "margin": "-1 mm"}]},
    ):
        ablation = done("2024-01-10", "mwa", lesions=["L1"], details=details)
        control = scan("2024-02-15", size("L1", 32, viable="0 mm"), size("L2", 32, viable="0 mm"))
        found = of(scan("2024-01-01", size("L1", 20), size("L2", 20)), ablation, control).ablations
        assert {each.lesion: each.recicl for each in found} == {
            "L1": "TE4a",
            **({"L2": "TE4b"} if "ablations" in details else {}),
        }


def test_controls_of_an_ablation_end_with_the_next_of_that_lesion() -> None:
    report = of(
        scan("2024-01-01", size("L1", 20)), done("2024-01-10", "rfa", lesions=["L1"]), scan("2024-02-15", size("L1", 32, viable="9 mm")),
        scan("2024-03-01", size("L1", 32, viable="9 mm")), done("2024-03-10", "mwa", lesions=["L1"]),
        scan("2024-05-15", size("L1", 40, viable="0 mm", margin="5 mm")),
    )  # fmt: skip
    assert [(str(each.date), each.complete) for each in report.ablations] == [
        ("2024-02-15", False), ("2024-03-01", False), ("2024-05-15", True),
    ]  # fmt: skip


def test_progression_by_the_sizes_ends_the_end_points() -> None:
    report = of(
        scan("2024-01-01", size("L1", 50)),
        done("2024-01-10", "tae"),
        scan("2024-06-01", size("L1", 48)),
        scan("2024-12-01", size("L1", 62)),
    )
    point = report.endpoints.endpoints["hepatic_progression_free_survival"]
    assert (point.happened, str(point.date), str(point.not_before)) == (True, "2024-12-01", "2024-06-01")
    assert "recist11" in point.reason


def test_the_document_has_the_keys_that_callers_use() -> None:
    document: Any = response_document(
        of(scan("2024-01-01", size("L1", 50)), done("2024-01-10", "tae"), scan("2024-06-01", size("L1", 30)))
    )
    assert {"criteria", "markers", "symptoms", "endpoints", "problems", "courses", "disagreements"} <= set(document)
    assert {"recist11", "mrecist", "easl", "who", "choi", "mchoi", "volumetric"} <= set(document["criteria"])
    assert {"category", "sum_mm", "change_percent", "basis"} <= set(document["criteria"]["recist11"])
    assert document["criteria"]["recist11"]["change_percent"] == -40


# --- nothing later shines through

sizes = st.lists(st.integers(0, 90), min_size=2, max_size=5)


@settings(deadline=None, max_examples=60)
@given(sizes, st.integers(1, 90), st.booleans())
def test_what_comes_after_the_day_changes_nothing(made: list[int], later: int, new: bool) -> None:
    events = [scan("2024-01-01", size("L1", 40)), done("2024-01-10", "tae")]
    events += [scan(f"2024-{2 + 2 * number:02d}-01", size("L1", each)) for number, each in enumerate(made)]
    day = dt.date(2024, 11, 30)
    after = [
        scan("2024-12-01", size("L1", later), *([size("L9", 20)] if new else [])),
        done("2024-12-02", "sirt_resin"),
    ]
    plain, more = of(*events, as_of=day), of(*events, *after, as_of=day)
    assert plain.criteria == more.criteria
    assert plain.endpoints == more.endpoints


@given(st.permutations(range(4)))
def test_the_order_of_events_in_the_file_does_not_matter(order: list[int]) -> None:
    events = [
        scan("2024-01-01", size("L1", 50)),
        done("2024-01-10", "tae"),
        scan("2024-06-01", size("L1", 30)),
        scan("2024-09-01", size("L1", 40)),
    ]
    shuffled = of(*(events[number] for number in order))
    assert shuffled.criteria == of(*events).criteria


def test_time_points_keep_the_first_names() -> None:
    case = case_of(
        DIAGNOSIS,
        scan("2024-01-01", size("L1", 50)),
        scan("2024-06-01", size("A", 30, was=["L1"])),
        scan("2024-09-01", size("A", 20)),
    )
    points = time_points(visible_events(case, AS_OF)[0]).points
    assert [lesion.roots for point in points for lesion in point.lesions] == [frozenset({"L1"})] * 3


def test_a_lesion_that_the_baseline_has_and_a_reader_calls_new_is_named() -> None:
    report = of(
        scan("2024-01-01", size("A", 30)),
        done("2024-01-10", "tae"),
        scan("2024-04-01", size("B", 10, was=["A"])),
        scan("2024-07-01", size("B", 10), size("A", 12, new=True)),
    )
    assert "A is said to be new, yet the baseline of 2024-01-01 has it" in messages(report)


def test_progression_elsewhere_that_is_dated_back_leaves_the_liver_its_own_day() -> None:
    node = {"id": "N1", "organ": "lymph_node", "short": "16 mm", "longest": "20 mm"}

    def outside(date: str, longest: float, *others: dict[str, Any]) -> dict[str, Any]:
        made = scan(date, size("L1", longest), extrahepatic_lesions=[node, *others])
        del made["extrahepatic"]
        return made

    lung = {"id": "P1", "organ": "lung", "longest": "6 mm"}
    report = of(
        outside("2024-01-01", 30),
        done("2024-01-10", "tae"),
        outside("2024-04-01", 30, {**lung, "new": "equivocal"}),
        outside("2024-07-01", 50, {**lung, "longest": "15 mm", "new": True}),
    )
    points = report.endpoints.endpoints
    assert points["progression_free_survival"].date == dt.date(2024, 4, 1)
    hepatic = points["hepatic_progression_free_survival"]
    assert hepatic.date == dt.date(2024, 7, 1), "the liver was stable on the day that the lung raised the question"
    assert hepatic.not_before == dt.date(2024, 4, 1)


def test_a_pet_that_only_names_lesions_is_no_baseline_and_no_follow_up() -> None:
    pet = {"kind": "imaging", "id": "pet", "modality": "PET_SSTR", "lesions": [{"id": "L1", "segments": [6]}]}
    for date in ("2024-01-01", "2024-01-05", "2024-04-20"):
        report = of(
            scan("2024-01-01", size("L1", 30)),
            done("2024-01-10", "tae"),
            scan("2024-04-01", size("L1", 15)),
            {**pet, "date": date},
        )
        assert report.criteria["recist11"].category == "PR", date
        assert "PET_SSTR names lesions without any size; left out" in messages(report)
    says = {**pet, "date": "2024-04-20", "lesions": [{"id": "L1"}, {"id": "L9", "new": True}]}
    assert recist(scan("2024-01-01", size("L1", 30)), done("2024-01-10", "tae"), says) == "PD", "a new lesion counts"


def test_of_two_on_one_day_the_ct_counts_whichever_stands_first() -> None:
    pet = {"kind": "imaging", "id": "pet", "date": "2024-01-01", "modality": "PET_FDG", "lesions": [size("L1", 60)]}
    events = (scan("2024-01-01", size("L1", 30)), pet, done("2024-01-10", "tae"), scan("2024-04-01", size("L1", 30)))
    assert recist(*events) == "SD"
    assert "ct-2024-01-01 is used" in messages(of(*events))


def test_sessions_years_apart_without_a_number_are_named() -> None:
    events = (
        scan("2023-01-20", size("L1", 50)),
        done("2023-02-01", "ctace"),
        scan("2023-05-01", size("L1", 20)),
        scan("2025-01-20", size("L1", 40)),
    )
    report = of(*events, done("2025-02-01", "ctace"), scan("2025-05-01", size("L1", 22)))
    assert "counts as a further session of the course from 2023-02-01, 731 days after the one before" in messages(
        report
    )
    began = of(*events, done("2025-02-01", "ctace", session=1), scan("2025-05-01", size("L1", 22)))
    assert "further session" not in messages(began)
    assert began.course is not None and began.course.baseline == "ct-2025-01-20"


def test_an_implausible_size_is_named_and_counts_as_not_said_until_confirmed() -> None:
    def events(**said: Any) -> tuple[dict[str, Any], ...]:
        return (
            scan("2024-01-01", size("L1", 42)),
            done("2024-01-10", "tae"),
            scan("2024-04-01", size("L1", 420), **said),
        )

    report = of(*events())
    assert report.criteria["recist11"].category == "NE"
    assert "L1: longest 420 mm is implausible" in messages(report)
    assert recist(*events(confirmed=True)) == "PD"


@pytest.mark.parametrize("said", [{"longest": "1e308 mm"}, {"volume": "1e308 mL"}, {"density": "1e308 HU"}])
def test_a_size_without_end_is_refused_on_reading(said: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="less than or equal to"):
        of(scan("2024-01-01", {"id": "L1", **said}))


def test_the_largest_sizes_that_can_be_confirmed_are_still_numbers() -> None:
    most = {"longest": "10000 mm", "short": "10000 mm", "volume": "1000000 mL", "density": "32767 HU"}
    least = {"longest": "1e-300 mm", "short": "1e-300 mm", "volume": "1e-300 mL", "density": "-1024 HU"}
    for one, other in ((most, least), (least, most)):
        report = of(
            scan("2024-01-01", {"id": "L1", **one}, confirmed=True),
            done("2024-01-10", "tae"),
            scan("2024-04-01", {"id": "L1", **other}, confirmed=True),
        )
        json.dumps(response_document(report), allow_nan=False)


def test_a_change_from_next_to_nothing_has_no_percentage_and_breaks_nothing() -> None:
    def marker(value: float) -> dict[str, Any]:
        return {"value": value, "unit": "ug/L", "upper_limit": 1e-301}

    report = of(
        {"kind": "labs", "date": "2024-01-01", "chromogranin_a": marker(1e-300)},
        {"kind": "clinic", "date": "2024-01-01", "stools_per_day": 1e-300},
        done("2024-01-10", "tae"),
        {"kind": "labs", "date": "2024-04-01", "chromogranin_a": marker(1e308)},
        {"kind": "clinic", "date": "2024-04-01", "stools_per_day": 1e300},
    )
    assert report.markers.courses[0].change_percent is None
    assert report.symptoms.daily[0].percent is None
    json.dumps(response_document(report), allow_nan=False)


def test_the_zone_of_an_ablation_is_no_growth_of_its_tumour() -> None:
    def events(**after: Any) -> tuple[dict[str, Any], ...]:
        return (
            scan("2024-01-01", size("L1", 20, viable="20 mm", viable_short="18 mm"), size("L2", 15, viable="15 mm", viable_short="14 mm")),
            done("2024-01-10", "mwa", lesions=["L1"]),
            scan("2024-02-20", size("L1", 35, **after), size("L2", 15, viable="15 mm", viable_short="14 mm")),
        )  # fmt: skip

    report = of(*events(viable="0 mm"))
    for name in ("recist11", "who", "choi", "volumetric"):
        assert report.criteria[name].category == "NE", name
    assert "L1 was ablated since the baseline: its size is that of the zone" in " ".join(
        report.criteria["recist11"].basis
    )
    assert report.criteria["mrecist"].category == "PR", "what enhances is judged"
    assert report.endpoints.endpoints["hepatic_progression_free_survival"].happened is False
    assert recist(*events(state="progressing")) == "PD", "the reader's word"
    assert recist(*events(viable="0 mm"), scan("2024-06-20", size("L1", 30), size("L2", 45))) == "PD", "others grow"


def test_the_word_progressing_of_a_target_decides_nothing_and_that_is_said() -> None:
    report = of(
        scan("2024-01-01", size("L1", 50)),
        done("2024-01-10", "tae"),
        scan("2024-04-01", size("L1", 50, state="progressing")),
    )
    assert report.criteria["recist11"].category == "SD"
    assert "L1 is said to progress: of a target the size decides" in " ".join(report.criteria["recist11"].basis)


def test_growth_is_of_the_tumour_and_not_of_the_zone_of_an_ablation() -> None:
    def volumes(date: str, one: float, other: float) -> dict[str, Any]:
        return scan(date, size("L1", 40, volume=f"{one} mL"), size("L2", 40, volume=f"{other} mL"))

    report = of(volumes("2024-01-01", 30, 30), done("2024-01-10", "mwa", lesions=["L2"]), volumes("2024-07-01", 40, 60))
    assert [each.lesion for each in report.growth] == ["L1"]
    assert "doubling in" in report.growth[0].says
