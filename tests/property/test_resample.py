"""Is nothing lost or made up between two grids: label values kept, counts handed over whole?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from liverboard.volume import Geometry, resample, resample_counts

SHAPES = st.tuples(*[st.integers(2, 6)] * 3)


@st.composite
def geometries(draw: st.DrawFn, shape: tuple[int, int, int] | None = None) -> Geometry:
    turns = draw(st.tuples(*[st.floats(-0.6, 0.6)] * 3))
    rotation = np.eye(3)
    for axis, angle in enumerate(turns):
        a, b = [n for n in range(3) if n != axis]
        turn = np.eye(3)
        turn[a, a] = turn[b, b] = np.cos(angle)
        turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
        rotation = rotation @ turn
    spacing = np.array(draw(st.tuples(*[st.floats(0.5, 4.0)] * 3))) * draw(st.tuples(*[st.sampled_from([-1, 1])] * 3))
    affine = np.eye(4)
    affine[:3, :3] = rotation * spacing
    affine[:3, 3] = draw(st.tuples(*[st.floats(-10, 10)] * 3))
    return Geometry(affine, shape or draw(SHAPES))


@st.composite
def images(draw: st.DrawFn) -> tuple[np.ndarray[Any, Any], Geometry]:
    geometry = draw(geometries())
    return draw(hnp.arrays(np.float64, geometry.shape, elements=st.floats(0, 100))), geometry


@given(images(), geometries())
@settings(max_examples=60, deadline=None)
def test_counts_within_and_beyond_add_up(image: tuple[np.ndarray[Any, Any], Geometry], target: Geometry) -> None:
    array, source = image
    found, beyond = resample_counts(array, source, target)
    assert found.shape == target.shape
    assert found.min() >= 0
    assert found.sum() + beyond == pytest.approx(array.sum(), abs=1e-6)
    assert beyond >= -1e-6


@given(images())
@settings(max_examples=30, deadline=None)
def test_a_grid_that_holds_it_all_loses_nothing_and_keeps_the_centre(
    image: tuple[np.ndarray[Any, Any], Geometry],
) -> None:
    array, source = image
    affine = np.diag([1.5, 1.5, 1.5, 1.0])
    affine[:3, 3] = -60
    target = Geometry(affine, (80, 80, 80))
    found, beyond = resample_counts(array, source, target)
    assert beyond == pytest.approx(0, abs=1e-6)
    if array.sum() > 1:
        before = (source.lps_mm(np.argwhere(array >= 0).astype(float)) * array.reshape(-1, 1)).sum(axis=0) / array.sum()
        after = (target.lps_mm(np.argwhere(found >= 0).astype(float)) * found.reshape(-1, 1)).sum(axis=0) / found.sum()
        np.testing.assert_allclose(before, after, atol=0.75 + 1e-9)


@given(geometries(), geometries())
@settings(max_examples=40, deadline=None)
def test_no_label_is_made_up(source: Geometry, target: Geometry) -> None:
    labels = np.random.default_rng(0).choice([0, 2, 7], source.shape).astype(np.uint8)
    found = resample(labels, source, target, labels=True)
    assert found.dtype == labels.dtype
    assert set(np.unique(found)) <= {0, 2, 7}
