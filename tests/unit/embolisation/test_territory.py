"""Loads of territories against sums by hand, and whatever the lesions are: no tumour is lost or made."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liverboard.clinical.extent import Lesion, LiverExtent, SegmentShare, SegmentVolume
from liverboard.embolisation.territory import Division, territory_loads


def _lesion(name: str, volume: float | None, shares: dict[int, float], longest: float | None = None) -> Lesion:
    return Lesion(
        id=name,
        volume_ml=volume,
        longest_axial_mm=longest,
        segments=tuple(SegmentShare(segment=s, share=share) for s, share in shares.items()),
    )


def test_shares_divide_a_lesion_between_territories() -> None:
    extent = LiverExtent(lesions=(_lesion("a", 40, {4: 0.25, 5: 0.75}), _lesion("b", 10, {1: 1.0})))
    found = {each.name: each for each in territory_loads(extent).territories}
    assert (found["left"].tumour_ml, found["right"].tumour_ml, found["caudate"].tumour_ml) == (10, 30, 10)
    assert found["right"].share_percent == pytest.approx(60)
    assert found["left"].lesions == ("a",)


def test_measured_segments_come_before_lesions_and_give_a_burden() -> None:
    segments = tuple(SegmentVolume(segment=s, volume_ml=100, tumour_ml=20.0 if s == 6 else 0.0) for s in range(1, 9))
    extent = LiverExtent(segments=segments, lesions=(_lesion("a", 999, {2: 1.0}),))
    loads = territory_loads(extent, "section")
    found = {each.name: each for each in loads.territories}
    assert loads.basis == "segments"
    assert (found["right_posterior"].tumour_ml, found["right_posterior"].volume_ml) == (20, 200)
    assert found["right_posterior"].burden_percent == pytest.approx(10)
    assert found["left_lateral"].tumour_ml == 0


def test_one_lesion_without_volume_makes_all_spheres_so_that_like_is_compared_with_like() -> None:
    extent = LiverExtent(lesions=(_lesion("a", 500, {2: 1}, 20), _lesion("b", None, {7: 1}, 40)))
    loads = territory_loads(extent)
    found = {each.name: each for each in loads.territories}
    assert loads.basis == "diameters"
    assert found["right"].tumour_ml == pytest.approx(math.pi / 6 * 40**3 / 1000, rel=1e-6)
    assert found["right"].tumour_ml == pytest.approx(8 * (found["left"].tumour_ml or 0))
    assert any("spheres" in note for note in loads.notes)


def test_a_lesion_that_has_neither_volume_nor_diameter_leaves_the_load_unknown() -> None:
    loads = territory_loads(LiverExtent(lesions=(_lesion("a", 5, {2: 1}, 20), _lesion("b", None, {7: 1}))))
    assert loads.basis == "none"
    assert [each.tumour_ml for each in loads.territories] == [None, None, None]
    assert {each.name: each.lesions for each in loads.territories}["right"] == ("b",)


def test_resected_segments_are_no_territory_and_lesions_without_a_segment_are_named() -> None:
    loads = territory_loads(LiverExtent(lesions=(_lesion("a", 5, {2: 1}), _lesion("b", 7, {}))), absent=(5, 6, 7, 8))
    assert [each.name for each in loads.territories] == ["left", "caudate"]
    assert loads.unplaced == ("b",)
    assert any("b" in note for note in loads.notes)


@st.composite
def _placed(draw: st.DrawFn) -> LiverExtent:
    lesions: list[Lesion] = []
    for number in range(draw(st.integers(1, 6))):
        parts = draw(st.dictionaries(st.integers(1, 8), st.floats(0.01, 1), min_size=1, max_size=3))
        total = sum(parts.values())
        volume = draw(st.floats(0.1, 500))
        lesions.append(_lesion(f"L{number}", volume, {s: share / total for s, share in parts.items()}))
    return LiverExtent(lesions=tuple(lesions))


@given(_placed(), st.sampled_from(["hemiliver", "section"]))
def test_territories_add_up_to_the_tumour(extent: LiverExtent, division: Division) -> None:
    loads = territory_loads(extent, division)
    assert sum(each.tumour_ml or 0 for each in loads.territories) == pytest.approx(sum(lesion.volume_ml or 0 for lesion in extent.lesions))  # fmt: skip
    assert sum(each.share_percent or 0 for each in loads.territories) == pytest.approx(100)
