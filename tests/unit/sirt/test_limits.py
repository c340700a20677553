"""Limits as data, which of them apply, and which binds."""

import math

import pytest

from liverboard.errors import BadInput
from liverboard.knowledge import load_references
from liverboard.sirt.limits import binding, compare, conditions, limits_for, load_limits


def ids(product: str, scenario: str | None, stated: tuple[str, ...] = ()) -> set[str]:
    return {each.id for each in limits_for(product, scenario, stated)}  # pyright: ignore


def test_every_limit_has_a_source_and_says_that_it_is_borrowed() -> None:
    references = load_references()
    rank = {"A": 0, "B": 1, "U": 2}
    for each in load_limits():
        assert each.source in references
        assert rank[each.verification] >= rank[references[each.source].verification], each.id
        assert each.borrowed.startswith("borrowed: no neuroendocrine row; set in ")


def test_the_figures_of_the_guideline() -> None:
    values = {each.id: (each.value, each.bound) for each in load_limits()}
    assert values["normal_glass_unilobar"] == (75, "at_most")
    assert values["normal_resin_unilobar"] == (40, "at_most")
    assert values["normal_resin_compromised"] == (30, "at_most")
    assert values["perfused_glass_segment"] == (400, "at_least")
    assert values["tumour_glass_mcrc"] == (189, "at_least")
    assert values["lung_glass_activity"] == (0.61, "at_most")


def test_scenario_product_and_stated_conditions_choose() -> None:
    assert "normal_resin_unilobar" in ids("resin", "unilobar")
    assert "normal_resin_unilobar" not in ids("glass", "unilobar")
    assert "normal_resin_unilobar" not in ids("resin", None)
    assert "normal_resin_compromised" not in ids("resin", "bilobar")
    assert "normal_resin_compromised" in ids("resin", "bilobar", ("compromised_liver",))
    assert "normal_ho166_bilobar" in ids("ho166", "bilobar")
    assert "normal_ho166_bilobar" not in ids("ho166", "bilobar", ("good_liver_function",))
    assert "lung_session" in ids("ho166", None)
    with pytest.raises(BadInput, match="no condition 'young'"):
        limits_for("resin", None, ("young",))
    assert "compromised_liver" in conditions()


def test_the_tightest_limit_is_named_with_the_room_it_leaves() -> None:
    checks = compare(limits_for("resin", "unilobar"), {"normal_liver": 32.0, "lung": 10.0}, {}, 1.6)
    by = {each.id: each for each in checks}
    assert by["normal_resin_unilobar"].kept is True
    assert by["normal_resin_unilobar"].reached_percent == pytest.approx(80)
    assert by["tumour_resin"].kept is None
    found = binding(checks, 1.6)
    assert found is not None
    assert (found.id, found.activity_at_limit_gbq) == ("normal_resin_unilobar", pytest.approx(2.0))
    assert found.room_percent == pytest.approx(25)
    assert (
        found.says
        == "perfused normal liver 40 Gy binds: reached at 2 GBq, 25 % more than planned; the next, lungs 30 Gy, at 4.8 GBq"
    )


@pytest.mark.parametrize(
    ("limit", "on", "dose"), [("perfused_ho166", "perfused", 60), ("normal_resin_unilobar", "normal_liver", 40)]
)
def test_a_dose_asked_to_be_the_limit_is_the_limit_however_it_was_rounded(limit: str, on: str, dose: float) -> None:
    of = next(each for each in load_limits() if each.id == limit)
    for value in (math.nextafter(dose, 0), dose, math.nextafter(dose, 100)):
        (check,) = compare([of], {on: value}, {}, 1.0)
        assert check.kept is not of.strict
        assert "(at it)" in check.says
        told = binding([check], 1.0)
        assert told is not None
        assert told.says.endswith("reached at 1 GBq, as planned")
        assert "_" not in check.says + told.says


def test_strict_bounds_exclude_their_value() -> None:
    by = {each.id: each for each in limits_for("glass", "unilobar")}
    assert not by["normal_glass_unilobar"].keeps(75)
    assert by["lung_session"].keeps(30)
    assert not by["lung_session"].keeps(math.nextafter(30, 31))


def test_without_a_value_there_is_no_verdict() -> None:
    checks = compare(limits_for("glass", None), {}, {}, 2.0)
    assert all(each.kept is None and "not known" in each.says for each in checks)
    assert binding(checks, 2.0) is None


def test_an_earlier_lung_dose_leaves_less_room() -> None:
    doses = {"lung": 15.0, "lung_cumulative": 45.0}
    checks = compare(limits_for("resin", None), doses, {}, 1.5, {"lung_cumulative": 30.0})
    found = binding(checks, 1.5)
    assert found is not None
    assert (found.id, found.activity_at_limit_gbq) == ("lung_cumulative", pytest.approx(2.0))
