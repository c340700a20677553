"""RECIST 1.1, a test for each rule of the guideline (read in the tables and rules that `recist11_tables` prints, and in the answers of the RECIST working group)."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.response_samples import course, day, lesion, node, point, sizes

from liverboard.clinical.response import NonTargetResponse, Session, TargetResponse
from liverboard.response.course import Course
from liverboard.response.overall import non_target_response, overall_response
from liverboard.response.recist11 import judge_recist11
from liverboard.response.targets import choose_targets, is_measurable

# Table 1 as printed: target, non-target, new lesion, overall. Non-PD and "any" stand for every word they cover; None: no non-target disease.
NON_PD = (None, "CR", "non-CR/non-PD")
ANY_REST: tuple[NonTargetResponse | None, ...] = (None, *get_args(NonTargetResponse))
ANY_TARGET: tuple[TargetResponse | None, ...] = get_args(TargetResponse)
TABLE_1: list[tuple[Any, Any, Any, str]] = [
    (("CR",), ("CR", None), (False,), "CR"),
    (("CR",), ("non-CR/non-PD",), (False,), "PR"),
    (("CR",), ("NE",), (False,), "PR"),
    (("PR",), (*NON_PD, "NE"), (False,), "PR"),
    (("SD",), (*NON_PD, "NE"), (False,), "SD"),
    (("NE",), NON_PD, (False,), "NE"),
    (("PD",), ANY_REST, (False, True), "PD"),
    (ANY_TARGET, ("PD",), (False, True), "PD"),
    (ANY_TARGET, ANY_REST, (True,), "PD"),
]
TABLE_2: list[tuple[NonTargetResponse, tuple[bool, ...], str]] = [
    ("CR", (False,), "CR"),
    ("non-CR/non-PD", (False,), "non-CR/non-PD"),
    ("NE", (False,), "NE"),
    ("PD", (False, True), "PD"),
    ("CR", (True,), "PD"),
    ("non-CR/non-PD", (True,), "PD"),
    ("NE", (True,), "PD"),
]


def last(made: Course, scope: Any = "patient") -> str:
    return judge_recist11(made, scope)[-1].category


def categories(made: Course) -> list[str]:
    return [each.category for each in judge_recist11(made)]


@pytest.mark.parametrize("row", TABLE_1)
def test_table_1_targets_and_non_targets(row: tuple[Any, Any, Any, str]) -> None:
    targets, rests, news, expected = row
    for target in targets:
        for rest in rests:
            for new in news:
                assert overall_response(target, rest, new) == expected, (target, rest, new)


@pytest.mark.parametrize("row", TABLE_2)
def test_table_2_non_targets_only(row: tuple[NonTargetResponse, tuple[bool, ...], str]) -> None:
    rest, news, expected = row
    for new in news:
        assert overall_response(None, rest, new) == expected


def test_whether_new_lesions_appeared_unknown_leaves_only_progression_sure() -> None:
    assert overall_response("PD", None, None) == "PD"
    assert [overall_response(target, None, None) for target in ("CR", "PR", "SD")] == ["NE"] * 3


def test_non_target_states() -> None:
    assert non_target_response([]) is None
    assert non_target_response(["absent", "absent"]) == "CR"
    assert non_target_response(["absent", "present"]) == "non-CR/non-PD"
    assert non_target_response(["present", "unknown"]) == "NE"
    assert non_target_response(["unknown", "progressing"]) == "PD"


# --- measurable and chosen


@pytest.mark.parametrize(
    ("size", "slice_mm", "able"), [(10, None, True), (9.9, 5, False), (10, 5, True), (15, 8, False), (16, 8, True)]
)
def test_measurable_from_10_mm_or_twice_a_thick_slice(size: float, slice_mm: float | None, able: bool) -> None:
    assert is_measurable(lesion("L1", size), slice_mm) is able


@pytest.mark.parametrize(("short", "able"), [(14.9, False), (15, True)])
def test_a_node_is_measurable_from_15_mm_across(short: float, able: bool) -> None:
    assert is_measurable(node("N1", short)) is able
    assert not is_measurable(node("N2", None, longest_mm=40)), "the long axis of a node does not count"


def test_a_lesion_that_cannot_be_measured_is_no_target_whatever_its_size() -> None:
    assert choose_targets(point(0, lesion("A1", 60, measurable=False))).chosen == ()


def test_at_most_two_targets_of_an_organ_the_largest() -> None:
    baseline = point(0, *(lesion(f"L{number}", 10 + number) for number in range(5)))
    assert choose_targets(baseline).chosen == ("L4", "L3")


def test_at_most_five_targets_that_represent_every_organ() -> None:
    organs = ("lung", "adrenal", "spleen", "pancreas")
    baseline = point(
        0,
        lesion("L1", 90),
        lesion("L2", 80),
        *(lesion(f"{organ}{number}", 20 + number, organ=organ) for organ in organs for number in (1, 2)),
    )
    chosen = choose_targets(baseline).chosen
    assert set(chosen) == {"L1", "L2", "lung2", "adrenal2", "spleen2", "pancreas2"} - {"L2"}
    assert len(chosen) == 5


def test_nodes_are_one_organ() -> None:
    assert choose_targets(point(0, node("N1", 30), node("N2", 25), node("N3", 20))).chosen == ("N1", "N2")


def test_the_readers_choice_of_targets_wins_and_is_doubted_where_it_breaks_a_rule() -> None:
    found = choose_targets(
        point(
            0,
            lesion("L1", 40),
            lesion("L2", 8, target=True),
            lesion("L3", 30, target=True),
            lesion("L4", 20, target=True),
        )
    )
    assert found.chosen == ("L2", "L3", "L4")
    assert any("L2" in note and "below the size" in note for note in found.notes)
    assert any("3 targets in liver" in note for note in found.notes)


def test_a_treated_lesion_is_not_measurable_until_it_progresses() -> None:
    treated = lesion("L1", 50, treated=True, treated_on=day(-200))
    baseline = point(0, treated, lesion("L2", 20))
    assert choose_targets(baseline).chosen == ("L2",)
    assert choose_targets(baseline).treated == ("L1",)
    grown = choose_targets(baseline, [point(-150, lesion("L1", 40))])
    assert set(grown.chosen) == {"L1", "L2"}, "40 to 50 mm since the treatment is growth by 20 % and 5 mm"
    not_enough = choose_targets(baseline, [point(-150, lesion("L1", 46))])
    assert not_enough.chosen == ("L2",)
    before_treatment = choose_targets(baseline, [point(-250, lesion("L1", 40))])
    assert before_treatment.chosen == ("L2",), "a size from before the treatment shows no progression since"


def test_a_treated_target_of_the_reader_is_flagged() -> None:
    made = course(point(0, lesion("L1", 50, target=True, treated=True)), point(60, lesion("L1", 30)))
    assert any("local treatment before the baseline" in text for text in judge_recist11(made)[0].basis)


# --- targets


def test_partial_response_is_a_fall_of_at_least_30_percent_from_baseline() -> None:
    assert categories(sizes(100, 70.1)) == ["SD"]
    assert categories(sizes(100, 70)) == ["PR"]
    assert categories(sizes(13, 9.1)) == categories(sizes(10.1, 7.07)) == ["PR"], "no binary dust at the threshold"


def test_progression_is_a_rise_of_at_least_20_percent_over_the_smallest_sum() -> None:
    assert categories(sizes(100, 119.9)) == ["SD"]
    assert categories(sizes(100, 120)) == ["PD"], "the baseline may be the smallest sum"
    assert categories(sizes(100, 50, 60)) == ["PR", "PD"], "against the nadir, though 40 % below the baseline"


def test_progression_needs_5_mm_too() -> None:
    assert categories(sizes(100, 20, 24.9)) == ["PR", "PR"]
    assert categories(sizes(100, 20, 25)) == ["PR", "PD"]
    assert categories(sizes(12, 16)) == ["SD"], "a third more, yet 4 mm"


def test_the_working_groups_example_165_63_65_is_a_continued_partial_response() -> None:
    assert categories(sizes(165, 63, 65)) == ["PR", "PR"]


def test_the_nadir_is_the_smallest_of_all_earlier_sums() -> None:
    found = judge_recist11(sizes(100, 60, 66, 71, 72))
    assert [each.category for each in found] == ["PR", "PR", "SD", "PD"]
    assert found[-1].nadir_total == 60


def test_complete_response_needs_every_target_gone_and_nodes_below_10_mm() -> None:
    baseline = point(0, lesion("L1", 30), node("N1", 20), outside="limited")
    assert last(course(baseline, point(60, lesion("L1", 0), node("N1", 10)))) == "PR"
    found = judge_recist11(course(baseline, point(60, lesion("L1", state="absent"), node("N1", 9))))[-1]
    assert (found.category, found.sum_mm) == ("CR", 9), "the sum need not be 0 in complete response"


def test_a_lesion_too_small_to_measure_counts_5_mm() -> None:
    found = judge_recist11(course(point(0, lesion("L1", 20)), point(60, lesion("L1", state="too_small"))))[-1]
    assert (found.sum_mm, found.category) == (5, "PR")
    measured = judge_recist11(course(point(0, lesion("L1", 20)), point(60, lesion("L1", 3, state="too_small"))))[-1]
    assert measured.sum_mm == 3, "what is measured is recorded, however small"


def test_the_parts_of_a_lesion_that_split_are_added() -> None:
    made = course(point(0, lesion("L1", 50)), point(60, lesion("L1a", 20, was=["L1"]), lesion("L1b", 14, was=["L1"])))
    assert judge_recist11(made)[-1].sum_mm == 34
    assert last(made) == "PR"


def test_lesions_that_merge_count_once_with_the_longest_diameter() -> None:
    made = course(point(0, lesion("L1", 30), lesion("L2", 20)), point(60, lesion("L1", 48, was=["L1", "L2"])))
    found = judge_recist11(made)[-1]
    assert (found.sum_mm, found.category, found.new_lesion) == (48, "SD", False)


def test_a_target_that_was_not_evaluated_leaves_the_day_unjudged() -> None:
    baseline = point(0, lesion("L1", 50), lesion("L2", 30))
    assert last(course(baseline, point(60, lesion("L1", 20), lesion("L2", state="not_evaluable")))) == "NE"
    missing = judge_recist11(course(baseline, point(60, lesion("L1", 20))))[-1]
    assert missing.category == "NE"
    assert "L2" in missing.basis[0]


def test_progression_stands_where_the_missing_target_could_not_change_it() -> None:
    made = course(
        point(0, lesion("L1", 50), lesion("L2", 10)), point(60, lesion("L1", 75), lesion("L2", state="not_evaluable"))
    )
    assert last(made) == "PD", "75 of 60 mm without the missing one"


def test_an_incomplete_sum_is_no_nadir() -> None:
    baseline = point(0, lesion("L1", 50), lesion("L2", 50))
    made = course(
        baseline,
        point(60, lesion("L1", 20), lesion("L2", state="not_evaluable")),
        point(120, lesion("L1", 40), lesion("L2", 40)),
    )
    assert categories(made) == ["NE", "SD"]


# --- non-targets and new lesions


def test_non_targets_decide_between_complete_and_partial_response() -> None:
    baseline = point(0, lesion("L1", 30), lesion("L2", 8))
    assert last(course(baseline, point(60, lesion("L1", 0), lesion("L2", 0)))) == "CR"
    assert last(course(baseline, point(60, lesion("L1", 0), lesion("L2", 8)))) == "PR"
    assert last(course(baseline, point(60, lesion("L1", 0)))) == "PR", "target complete, non-target not evaluated"


def test_only_unequivocal_progression_of_a_non_target_is_progression() -> None:
    baseline = point(0, lesion("L1", 30), lesion("L2", 8))
    assert last(course(baseline, point(60, lesion("L1", 30), lesion("L2", 14)))) == "SD", (
        "a modest increase is not enough"
    )
    found = judge_recist11(course(baseline, point(60, lesion("L1", 15), lesion("L2", 30, state="progressing"))))[-1]
    assert found.category == "PD"
    assert "unequivocal progression of L2" in found.basis[0]


def test_a_non_target_node_below_10_mm_is_gone() -> None:
    baseline = point(0, lesion("L1", 30), node("N1", 12), outside="limited")
    assert last(course(baseline, point(60, lesion("L1", 0), node("N1", 9)))) == "CR"
    assert last(course(baseline, point(60, lesion("L1", 0), node("N1", 10)))) == "PR"


def test_non_target_disease_only_has_no_stable_disease() -> None:
    baseline = point(0, lesion("L1", 8))
    assert last(course(baseline, point(60, lesion("L1", 8)))) == "non-CR/non-PD"
    assert last(course(baseline, point(60, lesion("L1", 0)))) == "CR"


def test_a_new_lesion_is_progression_whatever_the_targets_do() -> None:
    made = course(point(0, lesion("L1", 50)), point(60, lesion("L1", 10), lesion("L2", 6, new=True)))
    assert last(made) == "PD"


def test_a_lesion_that_a_complete_baseline_does_not_list_counts_as_new_and_says_so() -> None:
    found = judge_recist11(course(point(0, lesion("L1", 50)), point(60, lesion("L1", 50), lesion("L2", 12))))[-1]
    assert found.category == "PD"
    assert any("new: false" in text for text in found.basis)
    hindsight = course(point(0, lesion("L1", 50)), point(60, lesion("L1", 50), lesion("L2", 12, new=False)))
    assert last(hindsight) == "SD"


def test_lesions_that_cannot_be_matched_are_not_called_new() -> None:
    found = judge_recist11(
        course(point(0, lesion("L1", 50), lesion("L2", 20)), point(60, lesion("A", 40), lesion("B", 20)))
    )[-1]
    assert found.category == "NE"
    assert any("cannot be matched" in text for text in found.basis)


def test_with_a_partial_list_at_baseline_newness_must_be_said() -> None:
    baseline = point(0, lesion("L1", 50), complete=False)
    assert last(course(baseline, point(60, lesion("L1", 50), lesion("L9", 12), complete=False))) == "NE"
    assert last(course(baseline, point(60, lesion("L1", 50), complete=False))) == "NE"
    assert last(course(baseline, point(60, lesion("L1", 50), complete=False, new_lesions=False))) == "SD"
    assert last(course(baseline, point(60, lesion("L1", 50), complete=False, new_lesions=True))) == "PD"


def test_unlisted_lesions_of_a_partial_list_forbid_complete_response() -> None:
    baseline = point(0, lesion("L1", 50), complete=False)
    assert last(course(baseline, point(60, lesion("L1", 0), complete=False, new_lesions=False))) == "PR"


def test_an_equivocal_new_lesion_is_progression_from_the_first_scan_once_confirmed() -> None:
    made = course(
        point(0, lesion("L1", 50)),
        point(60, lesion("L1", 50), lesion("L2", 5, new="equivocal")),
        point(120, lesion("L1", 50), lesion("L2", 12, new=True)),
    )
    found = judge_recist11(made)
    assert [each.category for each in found] == ["SD", "PD"]
    assert found[-1].since == day(60)
    assert found[0].since is None, "the first scan did not know"


def test_a_new_node_below_10_mm_is_no_lesion() -> None:
    baseline = point(0, lesion("L1", 50))
    assert last(course(baseline, point(60, lesion("L1", 50), node("N1", 9.9)))) == "SD"
    assert last(course(baseline, point(60, lesion("L1", 50), node("N1", 10)))) == "PD"


def test_a_node_of_normal_size_that_grows_may_be_new_and_is_from_15_mm() -> None:
    baseline = point(0, lesion("L1", 50), node("N1", 8))
    made = course(
        baseline,
        point(60, lesion("L1", 50), node("N1", 11)),
        point(120, lesion("L1", 50), node("N1", 15)),
    )
    found = judge_recist11(made)
    assert [each.category for each in found] == ["SD", "PD"]
    assert "N1 may be new: a node that grew to 11 mm" in " ".join(found[0].basis)
    assert found[1].since == day(60), "the scan that raised the question dates it"
    assert last(course(baseline, point(60, lesion("L1", 50), node("N1", 9.9)))) == "SD"
    assert last(course(baseline, point(60, lesion("L1", 50), node("N1", 11, new=True)))) == "PD"


def test_a_lesion_that_was_gone_at_baseline_and_is_there_again_is_new() -> None:
    baseline = point(0, lesion("L1", 50), lesion("L2", state="absent"))
    again = judge_recist11(course(baseline, point(60, lesion("L1", 50), lesion("L2", 20))))[-1]
    assert again.category == "PD"
    assert "L2 counts as new: gone at baseline" in " ".join(again.basis)
    assert last(course(baseline, point(60, lesion("L1", 50)))) == "SD", "what was gone need not be listed again"
    other = course(baseline, point(60, lesion("L1", 50), lesion("L3", 20)))
    assert last(other) == "PD", "and it is no candidate for what cannot be matched"


def test_a_new_lesion_that_is_there_still_is_still_new() -> None:
    made = course(
        point(0, lesion("L1", 50)),
        point(60, lesion("L1", 50), lesion("L2", 9, new=True)),
        point(120, lesion("L1", 50), lesion("L2", 9)),
    )
    found = judge_recist11(made)
    assert [each.category for each in found] == ["PD", "PD"]
    assert found[1].since == day(60)


def test_disease_again_after_a_complete_response_is_progression_even_below_5_mm() -> None:
    found = judge_recist11(sizes(30, 0, 3))
    assert [each.category for each in found] == ["CR", "PD"]
    assert "partial one" in found[1].basis[0]


def test_a_non_target_again_after_a_complete_response_is_progression() -> None:
    baseline = point(0, lesion("L1", 30), lesion("L2", 8))
    gone = point(60, lesion("L1", 0), lesion("L2", 0))
    found = judge_recist11(course(baseline, gone, point(120, lesion("L1", 0), lesion("L2", 6))))
    assert [each.category for each in found] == ["CR", "PD"]
    assert "L2 is there again" in found[-1].basis[0]


def test_a_reader_who_sees_no_new_lesion_makes_an_unknown_one_an_old_one() -> None:
    made = course(point(0, lesion("L1", 50)), point(60, lesion("L1", 50), lesion("L2", 12), new_lesions=False))
    found = judge_recist11(made)[-1]
    assert (found.category, found.new_lesion, found.non_target) == ("SD", False, "non-CR/non-PD")


def test_progression_by_new_lesions_counts_from_the_first_of_them() -> None:
    made = course(
        point(0, lesion("L1", 50)),
        point(60, lesion("L1", 50), lesion("L2", 5, new="equivocal")),
        point(120, lesion("L1", 50), lesion("L2", 12, new=True), lesion("L3", 9, new=True)),
    )
    assert judge_recist11(made)[-1].since == day(60)


def test_a_target_that_reappears_without_complete_response_is_judged_by_the_sum() -> None:
    baseline = point(0, lesion("L1", 40), lesion("L2", 30))
    made = course(baseline, point(60, lesion("L1", 40), lesion("L2", 0)), point(120, lesion("L1", 40), lesion("L2", 6)))
    assert categories(made) == ["PR", "PR"], "46 against 40 mm is 15 %"


# --- scopes


def test_liver_and_patient_are_judged_apart() -> None:
    lung = lesion("P1", 20, organ="lung")
    bone = lesion("B1", 15, organ="bone", new=True)
    made = course(point(0, lesion("L1", 50), lung), point(60, lesion("L1", 20), lung, bone))
    assert last(made) == "PD"
    assert last(made, "liver") == "PR"


def test_extrahepatic_disease_without_a_list_is_a_non_target() -> None:
    baseline = point(0, lesion("L1", 50), outside="limited")
    assert last(course(baseline, point(60, lesion("L1", 0), outside="limited"))) == "PR"
    assert last(course(baseline, point(60, lesion("L1", 0), outside="none"))) == "CR"
    assert last(course(baseline, point(60, lesion("L1", 50), outside="limited", outside_progressing=True))) == "PD"
    assert (
        last(course(baseline, point(60, lesion("L1", 50), outside="limited", outside_progressing=True)), "liver")
        == "SD"
    )


def test_extrahepatic_disease_where_there_was_none_is_new() -> None:
    made = course(point(0, lesion("L1", 50)), point(60, lesion("L1", 50), outside="limited"))
    assert last(made) == "PD"
    assert last(made, "liver") == "SD"


def test_where_nothing_is_said_of_the_rest_the_answer_covers_the_liver_only() -> None:
    found = judge_recist11(course(point(0, lesion("L1", 50), outside=None), point(60, lesion("L1", 30), outside=None)))[
        -1
    ]
    assert (found.category, found.scope) == ("PR", "liver")
    assert any("liver only" in text for text in found.basis)


def test_a_readers_word_on_new_lesions_outside_the_liver_does_not_count_for_the_liver() -> None:
    made = course(
        point(0, lesion("L1", 50)), point(60, lesion("L1", 50), lesion("B1", 15, organ="bone"), new_lesions=True)
    )
    assert (last(made), last(made, "liver")) == ("PD", "SD")


# --- timing


def test_sizes_are_not_judged_within_two_months_of_radioembolisation() -> None:
    sessions = [Session(day(0), "sirt_resin", "p")]
    baseline = point(-5, lesion("L1", 50))
    early = judge_recist11(course(baseline, point(59, lesion("L1", 65)), sessions=sessions))[-1]
    assert (early.category, early.early) == ("NE", True)
    assert judge_recist11(course(baseline, point(60, lesion("L1", 65)), sessions=sessions))[-1].category == "PD"
    later = judge_recist11(course(baseline, point(61, lesion("L1", 50)), sessions=sessions))[-1]
    assert any("trials look at 90 days" in text for text in later.basis)


def test_a_new_lesion_within_two_months_of_radioembolisation_is_progression_all_the_same() -> None:
    made = course(
        point(-5, lesion("L1", 50)),
        point(30, lesion("L1", 50), lesion("L2", 10, new=True)),
        sessions=[Session(day(0), "sirt_glass", "p")],
    )
    assert last(made) == "PD"


def test_the_wait_counts_from_the_last_session() -> None:
    sessions = [Session(day(0), "sirt_resin", "p"), Session(day(50), "sirt_resin", "q")]
    assert last(course(point(-5, lesion("L1", 50)), point(100, lesion("L1", 20)), sessions=sessions)) == "NE"


# --- properties

measures = st.lists(st.integers(0, 120).map(float), min_size=2, max_size=7).filter(lambda made: made[0] >= 10)


@given(measures)
def test_a_later_scan_changes_no_earlier_judgement(made: list[float]) -> None:
    whole = judge_recist11(sizes(*made))
    for upto in range(2, len(made)):
        assert judge_recist11(sizes(*made[:upto])) == whole[: upto - 1]


@given(measures)
def test_the_categories_of_one_target_follow_the_definition(made: list[float]) -> None:
    complete = False
    for number, found in enumerate(judge_recist11(sizes(*made)), 1):
        now, nadir, base = made[number], min(made[:number]), made[0]
        if now == 0:
            expected = "CR"
        elif complete or (10 * now >= 12 * nadir and now - nadir >= 5):
            expected = "PD"
        else:
            expected = "PR" if 10 * now <= 7 * base else "SD"
        assert found.category == expected
        complete = complete or expected == "CR"


@given(st.permutations(["L1", "L2", "L3", "L4"]))
def test_the_order_of_lesions_in_a_list_does_not_matter(order: list[str]) -> None:
    size = {"L1": 40.0, "L2": 30.0, "L3": 30.0, "L4": 12.0}
    made = course(
        point(0, *(lesion(name, size[name]) for name in order)),
        point(60, *(lesion(name, size[name] / 2) for name in reversed(order))),
    )
    found = judge_recist11(made)[-1]
    assert (set(found.targets), found.category) == ({"L1", "L2"}, "PR")


def test_a_non_target_that_grew_much_is_named_and_left_to_the_reader() -> None:
    made = course(point(0, lesion("L1", 30), lesion("L2", 8)), point(60, lesion("L1", 10), lesion("L2", 40)))
    found = judge_recist11(made)[-1]
    assert found.category == "PR"
    assert "grown since the baseline: L2 from 8 mm to 40 mm" in " ".join(found.basis)
    quiet = judge_recist11(
        course(point(0, lesion("L1", 30), lesion("L2", 8)), point(60, lesion("L1", 10), lesion("L2", 11)))
    )
    assert "grown since" not in " ".join(quiet[-1].basis)


def test_a_day_after_progression_says_that_there_was_progression() -> None:
    found = judge_recist11(sizes(50, 20, 40, 22))
    assert [each.category for each in found] == ["PR", "PD", "PR"]
    assert f"progression counts from {day(120)}" in found[2].basis[-1]
    assert "progression counts from" not in " ".join((*found[0].basis, *found[1].basis))
