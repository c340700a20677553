"""mRECIST, EASL, WHO, Choi, modified Choi, volumes and ablation by the printed tables, a test for each rule, and the reasons where they disagree."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.response_samples import START, course, day, lesion, node, point, sizes

from liverboard.clinical.response import Criterion
from liverboard.knowledge import load_references, load_yaml
from liverboard.response.ablation_response import Zone, ablation_response
from liverboard.response.choi import judge_choi, judge_mchoi
from liverboard.response.course import Course
from liverboard.response.criteria import CRITERIA
from liverboard.response.disagreement import disagreements
from liverboard.response.easl import judge_easl
from liverboard.response.mrecist import judge_mrecist
from liverboard.response.recist11 import judge_recist11
from liverboard.response.sums import judge
from liverboard.response.thresholds import FILE, percent_words, sum_rule
from liverboard.response.volumetric import judge_viable_volume, judge_volumetric
from liverboard.response.who import judge_who


def of(*days: dict[str, Any]) -> Course:
    """One lesion of 50 x 40 mm unless said otherwise, a follow-up every 60 days."""
    return course(
        *(
            point(60 * number, lesion("L1", **{"longest": 50, "short_mm": 40, **said}))
            for number, said in enumerate(days)
        )
    )


def words(judged: Any) -> list[str]:
    return [each.category for each in judged]


def test_every_threshold_names_a_known_source_and_claims_no_more_than_was_seen() -> None:
    references = load_references()
    content = load_yaml(FILE)
    entries = [
        *content["measurable"].values(), *content["criteria"].values(), content["choi_density_fall_percent"], *content["best_response"].values(),
        *content["timing"].values(), *content["ablation"].values(),
    ]  # fmt: skip
    for entry in entries:
        assert entry["source"] in references
        assert references[entry["source"]].verification <= entry["verification"] != "U"


# --- mRECIST


@pytest.mark.parametrize(
    ("viable", "expected"),
    [((30, 0), "CR"), ((30, 21), "PR"), ((30, 21.1), "SD"), ((30, 35.9), "SD"), ((30, 36), "PD"), ((10, 12), "PD")],
)
def test_mrecist_by_the_enhancing_diameter(viable: tuple[float, float], expected: str) -> None:
    assert words(judge_mrecist(of({"viable_mm": viable[0]}, {"viable_mm": viable[1]}))) == [expected]


def test_mrecist_progression_is_against_the_smallest_enhancing_sum() -> None:
    assert words(judge_mrecist(of({"viable_mm": 40}, {"viable_mm": 10}, {"viable_mm": 12}))) == ["PR", "PD"]


def test_mrecist_measures_a_lesion_that_does_not_enhance_as_recist_does() -> None:
    made = course(
        point(0, lesion("L1", 40, viable_mm=40), lesion("L2", 30, hypervascular=False)),
        point(60, lesion("L1", 40, viable_mm=0), lesion("L2", 30)),
    )
    found = judge_mrecist(made)[-1]
    assert (found.sum_mm, found.category) == (30, "PR")


def test_mrecist_does_not_guess_an_enhancing_diameter() -> None:
    found = judge_mrecist(of({"hypervascular": True}, {"viable_mm": 10}))[-1]
    assert found.category == "NE"
    assert "no enhancing diameter at baseline of L1" in found.basis[0]
    assert words(judge_mrecist(of({"viable_mm": 30}, {}))) == ["NE"]


def test_mrecist_enhancement_that_comes_back_after_a_complete_response_is_progression() -> None:
    assert words(judge_mrecist(of({"viable_mm": 40}, {"viable_mm": 0}, {"viable_mm": 2}))) == ["CR", "PD"]


def test_mrecist_non_target_without_enhancement_is_gone() -> None:
    baseline = point(0, lesion("L1", 40, viable_mm=30), lesion("L2", 9, viable_mm=9))
    assert words(
        judge_mrecist(course(baseline, point(60, lesion("L1", 40, viable_mm=0), lesion("L2", 9, viable_mm=0))))
    ) == ["CR"]
    assert words(
        judge_mrecist(course(baseline, point(60, lesion("L1", 40, viable_mm=0), lesion("L2", 9, viable_mm=4))))
    ) == ["PR"]


def test_mrecist_after_a_complete_response_an_unsaid_enhancement_is_unknown_not_progression() -> None:
    assert words(judge_mrecist(of({"viable_mm": 40}, {"viable_mm": 0}, {}))) == ["CR", "NE"]
    baseline = point(0, lesion("L1", 40, viable_mm=30), lesion("L2", 9, viable_mm=9))
    gone = point(60, lesion("L1", 40, viable_mm=0), lesion("L2", 9, viable_mm=0))
    assert words(judge_mrecist(course(baseline, gone, point(120, lesion("L1", 40, viable_mm=0), lesion("L2", 9))))) == [
        "CR",
        "PR",
    ]


# --- EASL


@pytest.mark.parametrize(
    ("viable", "expected"),
    [((0, 0), "CR"), ((20, 10), "PR"), ((20, 10.1), "SD"), ((20, 25), "SD"), ((20, 25.1), "PD")],
)
def test_easl_by_the_enhancing_area(viable: tuple[float, float], expected: str) -> None:
    longest, short = viable
    found = judge_easl(of({"viable_mm": 20, "viable_short_mm": 20}, {"viable_mm": longest, "viable_short_mm": short}))[
        -1
    ]
    assert (found.category, found.unit, found.sum_mm) == (expected, "mm2", None), "exactly 25 % more is stable"


def test_easl_new_enhancement_in_a_lesion_that_had_none_left_is_progression() -> None:
    def both(first: float, second: float) -> Any:
        return (
            lesion("L1", 50, viable_mm=first, viable_short_mm=first),
            lesion("L2", 40, viable_mm=second, viable_short_mm=second),
        )

    made = course(point(0, *both(40, 40)), point(60, *both(30, 0)), point(120, *both(25, 5)))
    found = judge_easl(made)
    assert words(found) == ["PR", "PD"], "the sum fell from 900 to 650 mm2, yet L2 enhances again"
    assert "new enhancement in L2" in found[-1].basis[0]


def test_easl_needs_both_diameters() -> None:
    assert words(judge_easl(of({"viable_mm": 20}, {"viable_mm": 10, "viable_short_mm": 5}))) == ["NE"]


def test_easl_says_nothing_where_nothing_enhanced() -> None:
    assert words(judge_easl(of({"viable_mm": 0}, {"viable_mm": 0}))) == ["NE"]


# --- WHO


@pytest.mark.parametrize(
    ("now", "expected"), [((0, 0), "CR"), ((40, 25), "PR"), ((40, 25.1), "SD"), ((50, 50), "SD"), ((50, 50.1), "PD")]
)
def test_who_by_the_product_of_two_diameters(now: tuple[float, float], expected: str) -> None:
    assert words(judge_who(of({}, {"longest": now[0], "short_mm": now[1]}))) == [expected]


def test_who_progression_is_from_the_best_response() -> None:
    assert words(judge_who(of({}, {"longest": 20, "short_mm": 20}, {"longest": 25, "short_mm": 20.1}))) == ["PR", "PD"]


def test_who_growth_of_one_lesion_is_said_where_sources_differ() -> None:
    made = course(
        point(0, lesion("L1", 50, short_mm=50), lesion("L2", 20, short_mm=20)),
        point(60, lesion("L1", 50, short_mm=50), lesion("L2", 25, short_mm=20)),
    )
    found = judge_who(made)[-1]
    assert found.category == "SD"
    assert any("who_recist_table" in text for text in found.basis)


# --- Choi


CHOI = [
    # longest then and now, density then and now, Choi, modified Choi
    ((100, 90), (100, 100), "PR", "SD"),
    ((100, 90.1), (100, 100), "SD", "SD"),
    ((100, 100), (100, 85), "PR", "SD"),
    ((100, 100), (100, 85.1), "SD", "SD"),
    ((100, 90), (100, 85), "PR", "PR"),
    ((100, 109.9), (100, 100), "SD", "SD"),
    ((100, 110), (100, 100), "PD", "PD"),
    ((100, 110), (100, 85), "PR", "SD"),  # grown, but response by density
    ((100, 0), (100, None), "CR", "CR"),
    ((100, 90), (100, None), "PR", "NE"),
    ((100, 100), (None, 50), "NE", "SD"),
    ((100, 110), (100, None), "NE", "NE"),
    ((100, 100), (0, -10), "NE", "SD"),
]


@pytest.mark.parametrize(("longest", "density", "choi", "mchoi"), CHOI)
def test_choi_and_modified_choi(longest: Any, density: Any, choi: str, mchoi: str) -> None:
    made = of(*({"longest": size, "density_hu": hu} for size, hu in zip(longest, density, strict=True)))
    assert words(judge_choi(made)) == [choi]
    assert words(judge_mchoi(made)) == [mchoi]


def test_choi_a_new_nodule_within_a_lesion_is_progression() -> None:
    assert words(judge_choi(of({"density_hu": 100}, {"longest": 20, "density_hu": 40, "nodule": True}))) == ["PD"]


def test_choi_new_lesions_and_progression_of_others_forbid_response() -> None:
    baseline = point(0, lesion("L1", 50, density_hu=100), lesion("L2", 8))
    gone = lesion("L1", 30, density_hu=40)
    assert words(judge_choi(course(baseline, point(60, gone, lesion("L2", 8), lesion("L3", 9, new=True))))) == ["PD"]
    assert words(judge_choi(course(baseline, point(60, gone, lesion("L2", 20, state="progressing"))))) == ["PD"]


def test_choi_density_is_the_mean_over_the_targets() -> None:
    baseline = point(0, lesion("L1", 50, density_hu=100), lesion("L2", 50, density_hu=60))
    assert words(
        judge_choi(course(baseline, point(60, lesion("L1", 50, density_hu=80), lesion("L2", 50, density_hu=56))))
    ) == ["PR"]
    assert words(
        judge_choi(course(baseline, point(60, lesion("L1", 50, density_hu=81), lesion("L2", 50, density_hu=56))))
    ) == ["SD"]


# --- volumes


def test_volumes_follow_a_sphere() -> None:
    assert sum_rule("volumetric").fall_percent == pytest.approx(100 * (1 - 0.7**3), abs=0.01)
    assert sum_rule("volumetric").rise_percent == pytest.approx(100 * (1.2**3 - 1), abs=0.01)


@pytest.mark.parametrize(("now", "expected"), [(34.3, "PR"), (34.4, "SD"), (172.7, "SD"), (172.8, "PD")])
def test_volumetric_thresholds(now: float, expected: str) -> None:
    found = judge_volumetric(of({"volume_ml": 100}, {"volume_ml": now}))[-1]
    assert (found.category, found.unit, found.total) == (expected, "mL", now)
    assert words(judge_viable_volume(of({"viable_ml": 100}, {"viable_ml": now}))) == [expected]


def test_where_the_rounded_thresholds_would_say_otherwise_the_basis_tells() -> None:
    assert any("66 %" in text for text in judge_volumetric(of({"volume_ml": 100}, {"volume_ml": 34.2}))[-1].basis)
    assert not any("66 %" in text for text in judge_volumetric(of({"volume_ml": 100}, {"volume_ml": 33}))[-1].basis)


@given(st.floats(0.05, 2.5))
def test_for_a_sphere_recist_and_volume_agree(ratio: float) -> None:
    def ball(diameter: float) -> dict[str, float]:
        return {"longest": diameter, "short_mm": diameter, "volume_ml": math.pi / 6 * diameter**3 / 1000}

    made = of(ball(100), ball(100 * ratio))
    if min(abs(ratio - 0.7), abs(ratio - 1.2)) > 1e-3:
        assert words(judge_volumetric(made)) == words(judge_recist11(made))


# --- all of them


@pytest.mark.parametrize("criterion", CRITERIA)
def test_unchanged_is_stable_and_gone_is_complete_by_every_criterion(criterion: Criterion) -> None:
    full = {"viable_mm": 30, "viable_short_mm": 20, "viable_ml": 8, "volume_ml": 40, "density_hu": 90}
    made = of(full, full, {"longest": None, "short_mm": None, "state": "absent"})
    assert words(judge(made, CRITERIA[criterion], "patient")) == ["SD", "CR"]


@pytest.mark.parametrize("criterion", CRITERIA)
def test_a_lesion_that_is_not_listed_is_unknown_by_every_criterion(criterion: Criterion) -> None:
    full = {"viable_mm": 30, "viable_short_mm": 20, "viable_ml": 8, "volume_ml": 40, "density_hu": 90}
    made = course(point(0, lesion("L1", 50, short_mm=40, **full)), point(60))
    assert words(judge(made, CRITERIA[criterion], "patient")) == ["NE"]


@given(st.lists(st.floats(0, 60), min_size=2, max_size=5).filter(lambda sizes: sizes[0] >= 10), st.floats(1.5, 4))
def test_criteria_without_a_least_rise_do_not_depend_on_scale(sizes: list[float], factor: float) -> None:
    def made(times: float) -> Course:
        return of(*({"longest": size * times, "short_mm": size * times / 2, "density_hu": 80} for size in sizes))

    near = any(abs(a / b - edge) < 1e-6 for a in sizes for b in sizes if b for edge in (0.9, 1.1, 0.5**0.5, 1.25**0.5))
    for each in (judge_who, judge_choi):
        assert near or words(each(made(1))) == words(each(made(factor)))


# --- why they disagree


def test_necrosis_without_shrinkage_is_named_as_the_reason() -> None:
    made = of({"viable_mm": 50}, {"viable_mm": 10})
    said = disagreements({"recist11": judge_recist11(made)[-1], "mrecist": judge_mrecist(made)[-1]})
    assert len(said) == 1
    assert said[0].startswith("RECIST 1.1 says SD (+0 %), mRECIST PR (-80 %)")
    assert "the part that enhances" in said[0]


def test_a_treated_target_is_named_as_the_reason() -> None:
    treated = {"treated": True, "treated_on": day(-100), "viable_mm": 40}
    made = of(treated, {**treated, "viable_mm": 5})
    said = disagreements({"recist11": judge_recist11(made)[-1], "mrecist": judge_mrecist(made)[-1]})
    assert "L1 had local treatment before the baseline" in said[0]


def test_what_was_not_measured_is_named_as_the_reason() -> None:
    made = of({}, {"longest": 20, "short_mm": 15})
    said = disagreements(
        {"recist11": judge_recist11(made)[-1], "mrecist": judge_mrecist(made)[-1], "who": judge_who(made)[-1]}
    )
    assert said == ("RECIST 1.1 says PR (-60 %), mRECIST NE: no enhancing diameter at baseline of L1",)


# --- ablation

BEFORE = lesion("L1", 20, short_mm=18)


def ablated(after: Any, **said: Any) -> Any:
    return ablation_response(BEFORE, after, START, **said)


def test_ablation_is_complete_where_nothing_enhances_and_the_zone_is_larger() -> None:
    after = lesion("L1", 32, viable_mm=0)
    assert (ablated(after, zone=Zone(32)).complete, ablated(after, zone=Zone(32)).recicl) == (True, "TE4a")
    assert (ablated(after, zone=Zone(20)).complete, ablated(after, zone=Zone(20)).recicl) == (False, "TE4b")
    assert ablated(after, zone=Zone(32, margin_mm=0)).recicl == "TE4b", "a measured margin of 0 wins over the diameters"


def test_ablation_cannot_be_told_without_enhancement_or_zone() -> None:
    assert ablated(lesion("L1", 32)).complete is None
    found = ablated(lesion("L1", 32, viable_mm=0))
    assert (found.complete, found.necrotic) == (None, True)


def test_ablation_residual_classes() -> None:
    def recicl(**said: Any) -> Any:
        return ablated(lesion("L1", **said)).recicl

    assert recicl(longest=20, short_mm=18, viable_mm=10, viable_short_mm=9) == "TE3"
    assert recicl(longest=20, short_mm=18, viable_mm=19, viable_short_mm=18) == "TE2"
    assert recicl(longest=25, short_mm=18.1, viable_mm=5, viable_short_mm=5) == "TE1", (
        "more than 25 % larger, regardless of necrosis"
    )
    assert recicl(longest=25, short_mm=18, viable_mm=5, viable_short_mm=5) == "TE3"


def test_enhancement_after_a_necrotic_control_is_a_recurrence() -> None:
    found = ablated(lesion("L1", 30, viable_mm=8), was_necrotic=True)
    assert (found.complete, found.recurrence) == (False, True)


def test_a_node_never_enters_by_its_long_axis() -> None:
    made = course(
        point(0, lesion("L1", 50), node("N1", 20, longest_mm=60), outside="limited"),
        point(60, lesion("L1", 50), node("N1", 20, longest_mm=20)),
    )
    assert judge_recist11(made)[-1].sum_mm == 70


def test_a_rounded_change_never_stands_on_the_other_side_of_a_threshold() -> None:
    assert percent_words(-29.9, -30, 20) == "-29.9 %"
    assert percent_words(-30.04, -30, 20) == "-30.04 %"
    assert percent_words(-30, -30, 20) == "-30 %"
    assert percent_words(100 * (42 - 60) / 60, -30, 20) == "-30 %", "whatever binary fractions make of it"
    assert percent_words(-65.65, -65.7, 72.8) == "-65.65 %"
    assert percent_words(19.6, -30, 20) == "+19.6 %"
    assert percent_words(-24.3, -30, 20) == "-24 %"


def test_a_rise_of_20_percent_below_5_mm_says_why_it_is_no_progression() -> None:
    found = judge_recist11(sizes(24.5, 29.4))[-1]
    assert found.category == "SD"
    assert "24.5 mm at baseline, 29.4 mm now" in found.basis[0]
    assert "is less than 5 mm" in found.basis[0]


def test_easl_new_enhancement_in_a_lesion_treated_before_the_baseline_is_progression() -> None:
    before = lesion("L1", 50, viable_mm=0, viable_short_mm=0, treated=True)
    made = course(point(0, before), point(60, lesion("L1", 50, viable_mm=20, viable_short_mm=15, treated=True)))
    found = judge_easl(made)[-1]
    assert found.category == "PD"
    assert "new enhancement in L1" in found.basis[0]
    untreated = course(
        point(0, replace(before, treated=False)), point(60, lesion("L1", 50, viable_mm=20, viable_short_mm=15))
    )
    assert judge_easl(untreated)[-1].category == "NE"
