"""Boundaries against simulation and against what must hold; refusals."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liverboard.errors import BadInput
from liverboard.synthesis.sequential import boundaries, diversity, required_information_size


def test_one_look_is_the_normal_quantile() -> None:
    assert boundaries([1.0]).z == pytest.approx([1.959963984540054], abs=1e-9)


def test_boundaries_keep_the_error_in_simulated_trials() -> None:
    times = np.array([0.25, 0.5, 0.75, 1.0])
    found = boundaries(times, spending="pocock")
    steps = np.sqrt(np.diff(times, prepend=0))
    z = np.cumsum(np.random.default_rng(5).normal(size=(200_000, 4)) * steps, axis=1) / np.sqrt(times)
    crossed = np.maximum.accumulate(np.abs(z) > np.array(found.z), axis=1).mean(axis=0)
    assert crossed == pytest.approx(found.alpha_spent, abs=0.002)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 50), min_size=1, max_size=6, unique=True), st.sampled_from([0.001, 0.01, 0.05, 0.2]))
def test_spends_what_it_may(looks: list[int], alpha: float) -> None:
    for spending in ("obrien_fleming", "pocock"):
        found = boundaries([*(t / 51 for t in sorted(looks)), 1.0], alpha=alpha, spending=spending)  # type: ignore[arg-type]
        assert found.alpha_spent[-1] == pytest.approx(alpha)
        assert all(z > 0 for z in found.z)
        assert found.nominal_p[-1] <= alpha + 1e-9


def test_a_look_that_may_spend_nothing_has_no_boundary() -> None:
    found = boundaries([0.001, 1.0])
    assert found.z[0] == math.inf
    assert found.z[1] == pytest.approx(1.96, abs=1e-3)
    assert found.as_json()["z"] == [None, found.z[1]]


@pytest.mark.parametrize("times", [[], [0.0, 1.0], [0.5, 0.5], [0.8, 0.5], [1.2], [math.nan], [0.5, 0.5001]])
def test_times_are_refused(times: list[float]) -> None:
    with pytest.raises(BadInput, match="times of the looks"):
        boundaries(times)


def test_shares_are_refused() -> None:
    for alpha in (0.0, 1.0, math.nan):
        with pytest.raises(BadInput):
            boundaries([1.0], alpha=alpha)
    for control, reduction in ((0.0, 0.2), (0.5, 0.0), (0.5, -2.0), (0.5, math.nan)):
        with pytest.raises(BadInput):
            required_information_size(control, reduction)
    with pytest.raises(BadInput):
        required_information_size(0.3, 0.2, diversity=1.0)
    with pytest.raises(BadInput):
        diversity(2.0, 1.0)


def test_diversity() -> None:
    assert diversity(1.0, 2.0) == 0.75
    assert diversity(1.0, 1.0) == 0
