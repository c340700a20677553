"""Models of activity, both ways: worked examples W2, W3, W7, W8 and W11; round trips, mass balance and monotonicity as properties."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liverboard.errors import BadInput, MissingData
from liverboard.knowledge import load_references
from liverboard.sirt.activity import (
    LUNG,
    NORMAL,
    PERFUSED,
    TUMOUR,
    Compartment,
    Distribution,
    Energy,
    Injection,
    Lesion,
    activity_for_gbq,
    body_surface_m2,
    doses_gy,
    doses_of_injections_gy,
    from_fractions,
    multi_compartment,
    partition,
    partition_kao_2013,
    resin_bsa_gbq,
    single_compartment,
    trapped_gbq,
)

C = Energy(49.67)
W7 = partition(Lesion(TUMOUR, 0.2, 5), 1.3, 0.05, 1.0)


def test_w2_one_gbq_in_one_kg_is_fifty_gy() -> None:
    assert doses_gy(1, single_compartment(1, 0), Energy(50))[PERFUSED] == 50


@pytest.mark.parametrize(("constant", "dose"), [(49.67, 30.3), (50, 30.5)])
def test_w3_lung_activity_of_the_glass_label(constant: float, dose: float) -> None:
    lung_only = Distribution("lung", "therasphere_label_us", (Compartment(LUNG, 1, 1),))
    assert doses_gy(0.61, lung_only, Energy(constant))[LUNG] == pytest.approx(dose, abs=0.05)


def test_w7_partition_by_concentration_ratio() -> None:
    doses = doses_gy(2, W7, C)
    assert doses[NORMAL] == pytest.approx(41.03, abs=0.005)
    assert doses[TUMOUR] == pytest.approx(205.16, abs=0.01)
    assert doses[LUNG] == pytest.approx(4.967, abs=0.0005)
    trapped = trapped_gbq(2, W7, C)
    assert (trapped[TUMOUR], trapped[NORMAL]) == pytest.approx((0.8261, 1.0739), abs=5e-5)
    assert activity_for_gbq(40, NORMAL, W7, C) == pytest.approx(1.9497, abs=5e-5)
    assert W7.convention == "concentration_ratio"


def test_w8_single_compartment() -> None:
    activity = activity_for_gbq(120, PERFUSED, single_compartment(1.5, 0.05), Energy(49.67, 0.01))
    assert activity == pytest.approx(3.8532, abs=5e-5)


def test_w11_body_surface_and_resin_activity() -> None:
    assert body_surface_m2(170, 70) == pytest.approx(1.8097, abs=5e-5)
    assert resin_bsa_gbq(body_surface_m2(170, 70), 0.2) == pytest.approx(1.8097, abs=5e-5)
    assert resin_bsa_gbq(body_surface_m2(170, 70), 0.2, 0.6) == pytest.approx(0.6 * 1.8097, abs=5e-5)


def test_kao_2013_keeps_its_own_definitions() -> None:
    found = partition_kao_2013(0.2, 1.3, activity_ratio=2, tumour_lung_shunt=0.05, lung_kg=1)
    a_t, a_n, a_l = (found[name].share for name in (TUMOUR, NORMAL, LUNG))
    assert a_t / a_n == pytest.approx(2)
    assert a_l / (a_t + a_l) == pytest.approx(0.05)
    assert a_t + a_n + a_l == pytest.approx(1)
    assert doses_gy(1.5, found, Energy(50))[TUMOUR] == pytest.approx(50 * 1.5 * a_t / 0.2)
    assert found.convention == "kao_2013"


def test_the_two_conventions_agree_where_their_quantities_are_converted_and_only_there() -> None:
    t, n, lung = (W7[name].share for name in (TUMOUR, NORMAL, LUNG))
    same = partition_kao_2013(0.2, 1.3, t / n, lung / (t + lung), 1.0)
    for name in (TUMOUR, NORMAL, LUNG):
        assert same[name].share == pytest.approx(W7[name].share)
    as_if = partition_kao_2013(0.2, 1.3, 5, 0.05, 1.0)
    assert as_if[TUMOUR].share / t > 1.5


def test_a_scan_with_two_tumours_is_not_one_tumour() -> None:
    two = multi_compartment((Lesion("a", 0.1, 10), Lesion("b", 0.1, 2)), 1.3, 0.05)
    doses = doses_gy(2, two, C)
    assert doses["a"] == pytest.approx(10 * doses[NORMAL])
    assert doses["b"] == pytest.approx(2 * doses[NORMAL])
    one = doses_gy(2, partition(Lesion(TUMOUR, 0.2, 6), 1.3, 0.05), C)
    assert (doses["a"] + doses["b"]) / 2 == pytest.approx(one[TUMOUR])


def test_two_injections_add_up_in_the_lungs_and_stay_apart_elsewhere() -> None:
    right = Injection("right", 1.5, single_compartment(0.9, 0.10), Energy(49.67, 0.02))
    left = Injection("left", 0.6, single_compartment(0.5, 0.04), Energy(49.67, 0.0))
    found = doses_of_injections_gy((right, left), {LUNG: 0.8})
    assert found[LUNG] == pytest.approx(49.67 * (1.5 * 0.98 * 0.10 + 0.6 * 0.04) / 0.8)
    assert found["right/perfused"] == pytest.approx(49.67 * 1.5 * 0.98 * 0.9 / 0.9)
    assert set(found) == {"lung", "right/perfused", "left/perfused"}


def test_a_compartment_without_mass_has_no_dose() -> None:
    free = single_compartment(1.5, 0.05)
    assert LUNG not in doses_gy(2, free, C)
    with pytest.raises(MissingData, match="mass of lung"):
        activity_for_gbq(30, LUNG, free, C)


def test_every_model_names_a_known_source() -> None:
    every = (W7, single_compartment(1, 0), partition_kao_2013(1, 1, 1, 0.1), from_fractions({"a": 1.0}, {"a": 1.0}, 0))
    assert {each.source for each in every} <= set(load_references())


@pytest.mark.parametrize("bad", [-0.1, 1.0, 1.5, math.nan, math.inf])
def test_a_shunt_that_is_none_is_refused(bad: float) -> None:
    with pytest.raises(BadInput):
        single_compartment(1.5, bad)
    with pytest.raises(BadInput):
        partition_kao_2013(0.2, 1.3, 2, bad)
    with pytest.raises(BadInput):
        Energy(49.67, bad)


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
def test_masses_ratios_and_doses_that_are_none_are_refused(bad: float) -> None:
    for make in (
        lambda: single_compartment(bad, 0.05),
        lambda: Lesion(TUMOUR, bad, 4),
        lambda: Lesion(TUMOUR, 0.2, bad),
        lambda: multi_compartment((Lesion(TUMOUR, 0.2, 4),), bad, 0.05),
        lambda: Energy(bad),
        lambda: activity_for_gbq(bad, PERFUSED, single_compartment(1, 0), C),
    ):
        with pytest.raises(BadInput):
            make()
    if bad != 0:
        with pytest.raises(BadInput):
            doses_gy(bad, single_compartment(1, 0), C)


def test_wrong_targets_and_sums_are_told() -> None:
    with pytest.raises(BadInput, match="no compartment 'tumour'"):
        activity_for_gbq(100, TUMOUR, single_compartment(1, 0), C)
    with pytest.raises(BadInput, match=r"sum to 0\.9"):
        from_fractions({"a": 0.9}, {"a": 1.0}, 0)
    with pytest.raises(BadInput, match="no activity reaches lung"):
        activity_for_gbq(10, LUNG, single_compartment(1, 0, 1), C)


masses = st.floats(0.001, 3)
ratios = st.floats(0.1, 50)
shunts = st.just(0.0) | st.floats(1e-9, 0.9)
lesions = st.lists(st.tuples(masses, ratios), min_size=1, max_size=6).map(
    lambda rows: tuple(Lesion(f"t{n}", m, r) for n, (m, r) in enumerate(rows, 1))
)


@st.composite
def distributions(draw: st.DrawFn) -> Distribution:
    normal, shunt, lung = draw(masses), draw(shunts), draw(st.floats(0.2, 2))
    return draw(
        st.sampled_from(
            (
                single_compartment(normal, shunt, lung),
                multi_compartment(draw(lesions), normal, shunt, lung),
                partition(draw(lesions)[0], normal, shunt, lung),
                partition_kao_2013(draw(masses), normal, draw(ratios), shunt, lung),
            )
        )
    )


energies = st.builds(Energy, st.floats(10, 60), st.floats(0, 0.5))


@given(distributions(), energies, st.floats(0.01, 20))
def test_dose_to_activity_and_back(of: Distribution, energy: Energy, activity: float) -> None:
    for name, dose in doses_gy(activity, of, energy).items():
        if dose > 0:
            assert activity_for_gbq(dose, name, of, energy) == pytest.approx(activity, rel=1e-9)


@given(distributions(), energies, st.floats(0.01, 20))
def test_nothing_is_lost(of: Distribution, energy: Energy, activity: float) -> None:
    """Activity trapped and left in the vial is the activity prepared; energy over all compartments is c times what was delivered."""
    trapped = trapped_gbq(activity, of, energy)
    assert math.fsum(trapped.values()) + energy.residual * activity == pytest.approx(activity)
    joules = math.fsum(dose * (of[name].mass_kg or 0) for name, dose in doses_gy(activity, of, energy).items())
    assert joules == pytest.approx(energy.constant_gy_kg_per_gbq * activity * (1 - energy.residual))


@given(lesions, masses, st.floats(0, 0.8), st.floats(0.01, 0.1), st.floats(0.1, 20))
def test_more_shunt_spares_the_liver_and_burdens_the_lungs(
    tumours: tuple[Lesion, ...], normal: float, shunt: float, step: float, activity: float
) -> None:
    less, more = (doses_gy(activity, multi_compartment(tumours, normal, s, 1), C) for s in (shunt, shunt + step))
    assert more[LUNG] > less[LUNG]
    assert all(more[name] < less[name] for name in less if name != LUNG)


@given(masses, masses, ratios, st.floats(1.01, 3), shunts)
def test_a_higher_ratio_moves_dose_from_normal_liver_to_tumour(
    tumour: float, normal: float, ratio: float, up: float, shunt: float
) -> None:
    low, high = (doses_gy(1, partition(Lesion(TUMOUR, tumour, r), normal, shunt), C) for r in (ratio, ratio * up))
    assert high[TUMOUR] > low[TUMOUR]
    assert high[NORMAL] < low[NORMAL]


@given(distributions(), energies, st.floats(0.01, 10), st.floats(1.01, 2))
def test_more_activity_is_proportionally_more_dose(
    of: Distribution, energy: Energy, activity: float, up: float
) -> None:
    low, high = doses_gy(activity, of, energy), doses_gy(activity * up, of, energy)
    assert all(high[name] == pytest.approx(up * low[name]) for name in low)
