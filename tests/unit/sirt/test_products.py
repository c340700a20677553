"""Products and vials: worked examples W4 and W12, vials by day, divided vials."""

import datetime as dt

import pytest

from liverboard.errors import BadInput
from liverboard.knowledge import load_references
from liverboard.sirt.products import choose_vial, product, residual_fraction, split_vial, vial_on

NOON = dt.datetime(2024, 5, 5, 12, tzinfo=dt.UTC)


def test_w4_spheres_carry_three_gbq() -> None:
    assert product("glass").activity_of_spheres_gbq(1.2e6) == pytest.approx(3.0)
    assert [product("resin").activity_of_spheres_gbq(n) for n in product("resin").spheres] == pytest.approx([2, 4])


def test_w12_a_vial_of_ten_gbq_on_day_three() -> None:
    assert vial_on(product("glass"), 10, NOON, NOON + dt.timedelta(hours=72)) == pytest.approx(4.59, abs=0.005)


def test_the_vial_nearest_to_what_is_wanted_comes_first() -> None:
    days = [NOON + dt.timedelta(days=n) for n in range(12)]
    best, *rest = choose_vial(product("glass"), 4.59, NOON, days)
    assert (best.vial_gbq, best.treated_at) == (10, days[3])
    assert abs(best.off_percent) < 0.1
    assert all(abs(best.off_percent) <= abs(each.off_percent) for each in rest)


def test_the_zone_of_the_stamp_counts() -> None:
    boston = dt.datetime(2024, 5, 5, 12, tzinfo=dt.timezone(dt.timedelta(hours=-4)))
    at = NOON + dt.timedelta(hours=28)
    assert vial_on(product("glass"), 10, boston, at) == pytest.approx(7.7142, abs=1e-3)
    assert vial_on(product("glass"), 10, NOON, at) == pytest.approx(7.7142 * 2 ** (-4 / 64.1), abs=1e-3)


def test_a_resin_vial_is_divided_by_share() -> None:
    later = NOON + dt.timedelta(hours=24)
    draws, left = split_vial(product("resin"), 3, NOON, [("right", 1.5, NOON), ("left", 0.77142, later)])
    assert [each.vial_share for each in draws] == pytest.approx([0.5, 0.33333], abs=1e-4)
    assert left == pytest.approx(1 / 6, abs=1e-4)
    with pytest.raises(BadInput, match=r"116\.7 % of the vial"):
        split_vial(product("resin"), 3, NOON, [("right", 1.5, NOON), ("left", 2.0, NOON)])


def test_older_spheres_are_more_spheres() -> None:
    fresh, old = (product("resin").spheres_of(1.5, hours) for hours in (0, 64.1))
    assert old == pytest.approx([2 * each for each in fresh])


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(BadInput, match="given whole"):
        split_vial(product("glass"), 3, NOON, [("a", 1, NOON)])
    with pytest.raises(BadInput, match="ordered for the patient"):
        choose_vial(product("ho166"), 3, NOON, [NOON])
    with pytest.raises(BadInput, match="before the calibration"):
        choose_vial(product("glass"), 3, NOON, [NOON - dt.timedelta(hours=1)])
    with pytest.raises(BadInput, match="no product 'sand'"):
        product("sand")
    with pytest.raises(BadInput, match="residual"):
        residual_fraction(1, 1.1)
    assert residual_fraction(2, 0.04) == pytest.approx(0.02)


def test_every_product_names_known_sources() -> None:
    for name in ("resin", "glass", "ho166"):
        assert product(name).sources
        assert set(product(name).sources) <= set(load_references())
