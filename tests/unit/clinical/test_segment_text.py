"""Segments as radiologists write them, and what must not be taken for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liverboard.clinical.segment_text import segment_of_name, segments_of_text


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("IVa", {4}), ("S5/8", {5, 8}), ("2+3", {2, 3}), ("caudate", {1}), ("segment VII", {7}), ("segments VI-VII", {6, 7}), ("seg. 5 and 6", {5, 6}),
        ("S4a/b", {4}), ("IVb, V", {4, 5}), ("S II, III", {2, 3}), ("Couinaud 8", {8}), ("segment 8 (34 mm)", {8}), ("3 lesions in segment 6", {6}),
        ("segments 5 to 8", {5, 6, 7, 8}), ("left lateral section", {2, 3}), ("right posterior section and caudate lobe", {1, 6, 7}), ("S5-S8", {5, 6, 7, 8}),
        ("", set()), ("dome of the liver", set()), ("12 mm", set()), ("S9", set()), ("stage IV disease", set()), ("SIRT on 5 May", set()),
    ],
)  # fmt: skip
def test_what_a_text_names(text: str, segments: set[int]) -> None:
    assert segments_of_text(text).segments == segments


def test_parts_and_what_is_unclear() -> None:
    assert segments_of_text("IVa/b").parts == {"4a", "4b"}
    assert "only segment 4" in segments_of_text("segment 5a").unclear[0]
    lobe = segments_of_text("right lobe")
    assert lobe.segments == frozenset()
    assert "surface lobe or the hemiliver" in lobe.unclear[0]
    assert segments_of_text("segments 8-5").unclear


@pytest.mark.parametrize(
    ("name", "segment"),
    [
        ("liver_segment_4", 4),
        ("Segment VII", 7),
        ("S5", 5),
        ("4b", 4),
        ("caudate lobe", 1),
        ("Liver", None),
        ("segments 5/8", None),
        ("lesion 3", None),
    ],
)
def test_the_segment_that_a_structure_is(name: str, segment: int | None) -> None:
    assert segment_of_name(name) == segment


@given(st.text(max_size=80))
def test_no_text_raises_and_only_segments_come_out(text: str) -> None:
    assert segments_of_text(text).segments <= set(range(1, 9))


@given(st.sets(st.integers(1, 8), min_size=1), st.sampled_from(["/", "+", ", ", " and "]))
def test_any_list_is_read_back(numbers: set[int], joint: str) -> None:
    assert segments_of_text("segments " + joint.join(map(str, sorted(numbers)))).segments == numbers
