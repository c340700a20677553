"""The staged plan: which comes first, why, how long to wait, and what stays open."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from liverboard.clinical.extent import Lesion, LiverExtent, SegmentShare
from liverboard.embolisation.staging import StagedPlan, staged_plan, staging_knowledge
from liverboard.embolisation.territory import territory_loads
from liverboard.knowledge import load_references


def _plan(
    technique: str, volumes: dict[int, float], *, burden: float | None = 20, own: float | None = None
) -> StagedPlan:
    lesions = tuple(
        Lesion(id=f"L{s}", volume_ml=volume, segments=(SegmentShare(segment=s, share=1),)) for s, volume in volumes.items()
    )  # fmt: skip
    extent = LiverExtent(lesions=lesions)
    return staged_plan(
        technique,
        territory_loads(extent),
        territory_loads(extent, "section"),
        burden_percent=burden,
        own_interval_days=own,
    )


def test_the_hemiliver_with_most_tumour_comes_first_and_takes_segment_1_along() -> None:
    plan = _plan("tae", {7: 60, 1: 5, 2: 10})
    assert [(each.number, each.segments) for each in plan.sessions] == [(1, (1, 5, 6, 7, 8)), (2, (2, 3, 4))]
    assert plan.sessions[0].territory == "right hemiliver with segment 1"
    assert plan.sessions[0].tumour_ml == 65
    assert plan.because[0] == "The right hemiliver with segment 1 holds most tumour (65 mL) and comes first."


def test_loads_that_differ_by_less_than_a_tenth_may_come_in_either_order() -> None:
    assert "either may come first" in _plan("tae", {7: 60, 2: 56}).because[0]
    assert "either may come first" not in _plan("tae", {7: 60, 2: 50}).because[0]


def test_tumour_in_one_hemiliver_is_one_session_without_anything_between() -> None:
    plan = _plan("ctace", {7: 60, 5: 3})
    assert len(plan.sessions) == 1
    assert (plan.checks, plan.interval_from, plan.sessions[0].after_days) == ((), "none", None)


def test_above_half_of_the_liver_a_session_takes_a_section() -> None:
    volumes = {2: 100.0, 4: 50.0, 5: 200.0, 6: 300.0}
    assert [each.territory for each in _plan("tae", volumes, burden=50).sessions] == [
        "right hemiliver",
        "left hemiliver",
    ]
    plan = _plan("tae", volumes, burden=50.1)
    assert [each.territory for each in plan.sessions] == [
        "right posterior section",
        "right anterior section",
        "left lateral section",
        "segment 4",
    ]
    assert "sofocleous_2014" in plan.sources


def test_an_unknown_burden_is_said_and_makes_no_smaller_sessions() -> None:
    plan = _plan("tae", {2: 100, 6: 300}, burden=None)
    assert len(plan.sessions) == 2
    assert any("burden of the liver is not known" in line for line in plan.open)


def test_the_centres_own_interval_comes_before_a_published_one() -> None:
    own, published, none = (_plan("tae", {2: 1, 6: 3}, own=42), _plan("tae", {2: 1, 6: 3}), _plan("sirt_resin", {2: 1, 6: 3}))  # fmt: skip
    assert (own.interval_from, own.sessions[1].after_days) == ("own", 42)
    assert (published.interval_from, published.sessions[1].after_days) == ("published", 91)
    assert "maire_2012" in published.sources
    assert (none.interval_from, none.sessions[1].after_days) == ("none", None)
    assert any(line.startswith("No interval") for line in none.open)


def test_liver_function_and_response_are_checked_between_sessions() -> None:
    for technique in ("tae", "debtace", "sirt_glass"):
        checked = {each.what for each in _plan(technique, {2: 1, 6: 3}).checks}
        assert {"Bilirubin", "Response of the treated territory", "Portal vein"} <= checked


def test_without_a_segment_there_is_no_session_and_the_plan_says_so() -> None:
    plan = _plan("tae", {})
    assert plan.sessions == ()
    assert any("no session can be proposed" in line for line in plan.open)


def test_nothing_unverified_proposes_an_interval_or_a_check() -> None:
    known = staging_knowledge()
    references = load_references()
    cited = [each.source for each in (*known.published, *known.checks, *known.conventions.values())]
    assert {references[key].verification for key in cited} <= {"A", "B"}


@given(st.dictionaries(st.integers(1, 8), st.floats(0.1, 500), min_size=1), st.floats(0, 100))
def test_every_lesion_is_in_one_session_and_the_order_falls(volumes: dict[int, float], burden: float) -> None:
    plan = _plan("tae", volumes, burden=burden)
    treated = [name for each in plan.sessions for name in each.lesions]
    assert sorted(treated) == sorted(f"L{s}" for s in volumes)
    loads = [each.tumour_ml or 0 for each in plan.sessions]
    assert loads == sorted(loads, reverse=True)
    assert [each.number for each in plan.sessions] == list(range(1, len(loads) + 1))
