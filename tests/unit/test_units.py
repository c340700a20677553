"""Quantities as people write them: conversions against printed laboratory factors, refusals with a reason."""

from __future__ import annotations

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liverboard.knowledge import load_references
from liverboard.units import MOLAR_MASS_G_PER_MOL, UnitError, parse_quantity, write_quantity

CANONICAL = ["umol/L", "g/L", "10^9/L", "mL/min", "ng/L", "mm", "cm", "kg", "mL", "Gy", "%", "fraction", "1"]


@pytest.mark.parametrize(
    ("formula", "substance"),
    [
        ({"C": 33, "H": 36, "N": 4, "O": 6}, "bilirubin"),
        ({"C": 4, "H": 7, "N": 3, "O": 1}, "creatinine"),
        ({"C": 10, "H": 9, "N": 1, "O": 3}, "5-hiaa"),
    ],
)
def test_molar_masses_are_the_sum_of_standard_atomic_weights(formula: dict[str, int], substance: str) -> None:
    weights = {"C": 12.011, "H": 1.008, "N": 14.007, "O": 15.999}  # IUPAC 2021, abridged
    constant = MOLAR_MASS_G_PER_MOL[substance]
    assert constant.value == pytest.approx(sum(weights[atom] * count for atom, count in formula.items()), abs=0.005)
    assert constant.source in load_references()


@pytest.mark.parametrize(
    ("written", "canonical", "substance", "value"),
    [
        ("1 mg/dL", "umol/L", "bilirubin", 17.1),
        ("1 mg/dL", "umol/L", "creatinine", 88.4),
        ("2.0 mg/dL", "umol/L", "bilirubin", 34.2),
        ("191.19 mg/24h", "umol/d", "5-hiaa", 1000),
        ("1.70 m", "cm", None, 170),
        ("4.2 cm", "mm", None, 42),
        ("1.51 L", "mL", None, 1510),
        ("1510 cm^3", "mL", None, 1510),
        ("70000 g", "kg", None, 70),
        ("120 cGy", "Gy", None, 1.2),
        ("150 K/uL", "10^9/L", None, 150),
        ("150 10^3/uL", "10^9/L", None, 150),
        ("150 Gpt/L", "10^9/L", None, 150),
    ],
)
def test_conversions(written: str, canonical: str, substance: str | None, value: float) -> None:
    assert parse_quantity(written, canonical, substance=substance) == pytest.approx(value, rel=3e-4)


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("12", "umol/L"),
        ("12 mm", "umol/L"),
        ("1 mg/dL", "mmol/L"),
        ("3", "%"),
        ("3 mm", "%"),
        ("3 mm", "1"),
        (True, "1"),
        (None, "mm"),
        ("", "mm"),
        ("nan mm", "mm"),
    ],
)
def test_refusals(written: object, canonical: str) -> None:
    with pytest.raises(UnitError):
        parse_quantity(written, canonical)


@given(value=st.floats(min_value=0, max_value=1e12), canonical=st.sampled_from(CANONICAL))
def test_what_is_written_reads_back_to_the_same_number(value: float, canonical: str) -> None:
    if canonical == "fraction":
        value = value / 1e12
    assert parse_quantity(write_quantity(value, canonical), canonical) == value


@given(text=st.text(max_size=60), canonical=st.sampled_from(CANONICAL))
def test_any_text_is_a_finite_number_or_a_unit_error(text: str, canonical: str) -> None:
    with contextlib.suppress(UnitError):
        assert math.isfinite(parse_quantity(text, canonical))


@given(number=st.floats(min_value=0, max_value=1e6), unit=st.text("gmLuolkdKx/^0123456789 *().-µ%", max_size=14))
def test_any_unit_text_is_a_finite_number_or_a_unit_error(number: float, unit: str) -> None:
    with contextlib.suppress(UnitError):
        assert math.isfinite(parse_quantity(f"{number} {unit}", "g/L"))
