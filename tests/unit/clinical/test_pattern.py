"""The macroscopic pattern: the three descriptions of the founding text, what the answer hangs on, and what is needed when it cannot be told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liverboard.clinical.pattern import Place, pattern_of, pattern_parameters

LEFT, RIGHT = (2, 3, 4), (5, 6, 7, 8)


def place(*segments: int, volume_ml: float | None = None, longest_mm: float | None = None) -> Place:
    return Place(dict.fromkeys(segments, 1 / len(segments)), volume_ml, longest_mm)


@pytest.mark.parametrize(
    "segments",
    [((2,), (3,), (4,)), ((5, 6), (7,), (8,)), ((4,), (5,)), ((4, 8),), ((1,),), ((1,), (7,)), ((1, 2),), ((7,),)],
)
def test_simple_when_one_hemiliver_or_two_adjacent_segments(segments: tuple[tuple[int, ...], ...]) -> None:
    pattern = pattern_of([place(*s) for s in segments])
    assert (pattern.value, pattern.certain) == ("simple", True)


def test_complex_when_the_other_side_has_small_satellites() -> None:
    main = [place(n, volume_ml=60, longest_mm=50) for n in RIGHT]
    pattern = pattern_of([*main, place(2, volume_ml=0.5, longest_mm=10), place(3, volume_ml=0.3, longest_mm=8)])
    assert (pattern.value, pattern.certain) == ("complex", True)
    assert "2 of 6 lesions lie mainly on the left" in " ".join(pattern.trace)


def test_diffuse_when_both_sides_hold_much() -> None:
    pattern = pattern_of([place(n, volume_ml=20, longest_mm=34) for n in (*LEFT, *RIGHT)])
    assert (pattern.value, pattern.certain) == ("diffuse", True)


def test_the_share_between_the_ends_of_its_range_is_not_certain() -> None:
    pattern = pattern_of(
        [
            place(6, volume_ml=80, longest_mm=60),
            place(2, volume_ml=20, longest_mm=20),
            place(3, volume_ml=1, longest_mm=12),
        ]
    )
    assert pattern.value == "complex"
    assert not pattern.certain
    assert pattern.sensitive_to == ("satellite_volume_share 0.15 to 0.35: diffuse",)


@pytest.mark.parametrize("segments", [((1,), (3,)), ((1,), (2,), (3,)), ((1,), (5,)), ((1,), (6,), (7,))])
def test_the_side_of_segment_1_is_named_when_it_decides(segments: tuple[tuple[int, ...], ...]) -> None:
    pattern = pattern_of([place(*s, volume_ml=10, longest_mm=27) for s in segments])
    assert pattern.value == "simple"
    assert not pattern.certain
    assert any(what.startswith("segment 1 counted") for what in pattern.sensitive_to)


def test_typed_diameters_serve_where_volumes_are_missing() -> None:
    assert pattern_of([place(6, 7, longest_mm=42), place(2, longest_mm=11)]).value == "complex"
    needs = pattern_of([place(6), place(2, longest_mm=11)])
    assert needs.value is None
    assert "give the volume or the longest diameter" in needs.trace[-1]


def test_a_single_lesion_across_the_main_plane_is_left_to_the_board() -> None:
    pattern = pattern_of([place(4, 5, 8, volume_ml=200, longest_mm=80)])
    assert (pattern.value, pattern.certain) == (None, False)
    assert "single lesion" in pattern.trace[-1]


def test_never_a_guess_without_segments() -> None:
    pattern = pattern_of([place(2, volume_ml=1), None])
    assert pattern.value is None
    assert "1 of 2 lesions without segment: give a segment map, landmarks" in pattern.trace[0]
    assert pattern_of([]).value is None


def test_a_sliver_over_the_plane_does_not_make_disease_bilateral() -> None:
    sliver = Place({5: 0.99, 4: 0.01}, 30, 40)
    assert pattern_of([sliver, place(7, volume_ml=5, longest_mm=20)]).certain
    crossing = pattern_of([Place({5: 0.85, 4: 0.15}, 30, 40), place(7, volume_ml=5, longest_mm=20)])
    assert any(what.startswith("segment_share") for what in crossing.sensitive_to)


def test_adjacency_measured_in_the_patient_replaces_the_table() -> None:
    lesions = [place(5, volume_ml=3, longest_mm=18), place(4, volume_ml=3, longest_mm=18)]
    assert pattern_of(lesions).value == "simple"
    apart = pattern_of(lesions, faces={frozenset({5, 8}): 900.0})
    assert apart.value == "diffuse"
    touching = pattern_of(lesions, faces={frozenset({4, 5}): 300.0})
    assert (touching.value, touching.sensitive_to) == ("simple", ("adjacent_face_mm2 100 to 400: diffuse",))


def test_every_parameter_is_recorded() -> None:
    assert set(pattern_of([place(2)]).parameters) == set(pattern_parameters())
    assert all(limit.low <= limit.value <= limit.high for limit in pattern_parameters().values())


lesions = st.lists(
    st.builds(
        lambda n, v: place(n, volume_ml=v, longest_mm=(v / 0.00052) ** (1 / 3)),
        st.sampled_from((*LEFT, *RIGHT)),
        st.floats(0.1, 300),
    ),
    min_size=1,
    max_size=12,
)


@given(lesions, st.randoms())
def test_the_order_of_lesions_does_not_matter(given_places: list[Place], random: object) -> None:
    shuffled = list(given_places)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = pattern_of(given_places), pattern_of(shuffled)
    assert (one.value, one.certain, set(one.sensitive_to)) == (other.value, other.certain, set(other.sensitive_to))


@given(lesions)
def test_sizes_scale_away(given_places: list[Place]) -> None:
    twice = [Place(p.shares, (p.volume_ml or 0) * 8, (p.longest_mm or 0) * 2) for p in given_places]
    assert pattern_of(twice).value == pattern_of(given_places).value


@given(lesions)
def test_one_hemiliver_is_always_simple(given_places: list[Place]) -> None:
    right = [Place(dict.fromkeys((RIGHT[max(p.shares) % 4],), 1.0), p.volume_ml, p.longest_mm) for p in given_places]
    assert pattern_of(right).value == "simple"
