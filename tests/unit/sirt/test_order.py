"""Moments with time zones and what is ordered: vial of the day, shared vials, Ho-166, held against the decay factors of the literature."""

import datetime as dt
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liverboard.errors import BadInput, MissingData
from liverboard.sirt.moments import read_moment
from liverboard.sirt.order import Wanted, order
from liverboard.sirt.products import product
from liverboard.units import UnitError

GLASS, RESIN, HO = product("glass"), product("resin"), product("ho166")
CALIBRATED = read_moment("2024-06-09T12:00-04:00")


def after(hours: float) -> dt.datetime:
    return CALIBRATED + dt.timedelta(hours=hours)


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2024-06-12T10:00+02:00", "2024-06-12T08:00"),
        ("2024-06-12 10:00 +02:00", "2024-06-12T08:00"),
        ("2024-06-12 10:00 Europe/Berlin", "2024-06-12T08:00"),
        ("2024-01-12 10:00 Europe/Berlin", "2024-01-12T09:00"),
        ("2024-06-12T10:00Z", "2024-06-12T10:00"),
        ("2024-06-12 10:00 UTC", "2024-06-12T10:00"),
        ("2024-06-09 12:00 America/Toronto", "2024-06-09T16:00"),
    ],
)
def test_moments(text: str, utc: str) -> None:
    assert read_moment(text).astimezone(dt.UTC) == dt.datetime.fromisoformat(utc).replace(tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("2024-06-12T10:00", "no time zone"),
        ("2024-06-12", "a day, a time"),
        ("tomorrow at ten o'clock", "expected one"),
        ("2024-06-12 10:00 Mars/Olympus", "not known here"),
        ("2024-06-12T10:00+02:00 Europe/Berlin", "two time zones"),
        ("2024-10-27 02:30 Europe/Berlin", "clock .* changes"),
        ("2024-03-31 02:30 Europe/Berlin", "clock .* changes"),
    ],
)
def test_what_is_no_moment_is_said(text: str, says: str) -> None:
    with pytest.raises(UnitError, match=says):
        read_moment(text)


def test_w12_and_the_glass_vial_of_the_day() -> None:
    found = order(GLASS, [Wanted("it", 4.5, (after(72), after(96)))], [CALIBRATED], ())
    first = found.vials[0]
    assert (first.vial_gbq, first.drawn[0].injected_at) == (10, after(72))
    assert first.activity_gbq == pytest.approx(4.59, abs=0.005)  # W12
    assert first.excess_percent == pytest.approx(100 * (10 * 0.45906 / 4.5 - 1), abs=0.01)
    assert len(found.vials) == 12
    assert [abs(v.excess_percent) for v in found.vials] == sorted(abs(v.excess_percent) for v in found.vials)
    assert {(t.hours, round(t.left_share, 5)) for t in found.times} == {(72, 0.45906), (96, 0.35413)}


def test_vials_of_two_weeks_are_compared() -> None:
    week = CALIBRATED - dt.timedelta(days=7)
    found = order(GLASS, [Wanted("it", 1.2, (after(72),))], [CALIBRATED, week], ())
    assert {v.calibrated_at for v in found.vials} == {CALIBRATED, week}
    older = next(v for v in found.vials if v.calibrated_at == week and v.vial_gbq == 15)
    fresh = next(v for v in found.vials if v.calibrated_at == CALIBRATED and v.vial_gbq == 3)
    assert older.activity_gbq == pytest.approx(15 * math.exp(-math.log(2) * 240 / 64.1))
    # spheres do not decay: the older vial embolises far more for an activity alike
    assert older.drawn[0].spheres[1] / older.activity_gbq > 5 * fresh.drawn[0].spheres[1] / fresh.activity_gbq


def test_two_resin_injections_share_as_many_vials_as_they_need() -> None:
    found = order(RESIN, [Wanted("right", 1.4, (after(0),)), Wanted("left", 0.7, (after(24),))], [CALIBRATED], ())
    (vial,) = found.vials
    need = 1.4 + 0.7 / 0.77142
    assert (vial.count, vial.vial_gbq) == (1, 3)
    assert vial.excess_percent == pytest.approx(100 * (3 / need - 1), abs=0.01)
    assert [d.vial_share for d in vial.drawn] == pytest.approx([1.4 / 3, 0.7 / 0.77142 / 3], abs=1e-5)
    more = order(RESIN, [Wanted("all", 4.0, (after(24),))], [CALIBRATED], ()).vials[0]
    assert (more.count, more.activity_gbq) == (2, pytest.approx(6 * 0.77142, abs=1e-4))
    with pytest.raises(BadInput, match="do not serve"):
        order(RESIN, [Wanted("all", 4.0, (after(24),))], [CALIBRATED], (3.0,))


def test_holmium_is_ordered_for_the_patient() -> None:
    (vial,) = order(HO, [Wanted("all", 5.0, (after(24),))], [CALIBRATED], ()).vials
    assert vial.vial_gbq == pytest.approx(5 / 0.53755, rel=1e-4)
    assert vial.excess_percent == pytest.approx(0)
    (held,) = order(HO, [Wanted("all", 5.0, (after(24),))], [CALIBRATED], (10.0,)).vials
    assert held.excess_percent == pytest.approx(100 * (10 * 0.53755 / 5 - 1), abs=0.01)


def test_an_injection_before_the_calibration() -> None:
    """Resin spheres are known from 50 to 80 Bq: log2(1.6) half-lives, 43.5 h, is the longest before the calibration at which they can be given."""
    told = order(RESIN, [Wanted("it", 1.0, (after(-6),))], [CALIBRATED], ())
    assert "6.0 h before the calibration" in told.warnings[0]
    assert told.vials[0].activity_gbq == pytest.approx(3 / 0.93718, rel=1e-4)
    for of, hours in ((RESIN, -44), (GLASS, -1), (HO, -1)):
        with pytest.raises(BadInput, match="before the calibration"):
            order(of, [Wanted("it", 1.0, (after(hours),))], [CALIBRATED], ())


def test_vials_that_cannot_serve_and_moments_missing() -> None:
    with pytest.raises(BadInput, match=r"no vial serves: 20 GBq .* holds 9\.18 GBq"):
        order(GLASS, [Wanted("it", 20, (after(72),))], [CALIBRATED], ())
    with pytest.raises(MissingData, match="moment"):
        order(GLASS, [Wanted("it", 2, ())], [CALIBRATED], ())
    with pytest.raises(BadInput, match="shared"):
        order(RESIN, [Wanted("it", 2, (after(1), after(2)))], [CALIBRATED], ())
    with pytest.raises(BadInput, match="time zone"):
        order(GLASS, [Wanted("it", 2, (dt.datetime(2024, 6, 12, 10),))], [CALIBRATED], ())  # noqa: DTZ001


@given(
    st.lists(st.tuples(st.floats(0.05, 3), st.floats(0, 72)), min_size=1, max_size=4),
    st.sampled_from([RESIN, HO]),
)
def test_what_is_drawn_is_there(parts: list[tuple[float, float]], of: object) -> None:
    wanted = [Wanted(str(n), gbq, (after(hours),)) for n, (gbq, hours) in enumerate(parts)]
    (vial,) = order(of, wanted, [CALIBRATED], ()).vials  # pyright: ignore[reportArgumentType]
    used = math.fsum(d.vial_share for d in vial.drawn)
    assert used <= 1 + 1e-9
    assert vial.excess_percent == pytest.approx(100 * (1 / used - 1), abs=1e-6)
