"""Quantities with units: what a person writes (`0.7 mg/dL`) to the canonical unit of the dictionary, and constants with their source.

Conversion is pint's. Mass to amount of substance needs the molar mass of the analyte, so a field names its substance. Percentages and fractions are
told apart: a percentage is written with `%`, and a bare number is a fraction only where the field itself is one.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pint


@dataclass(frozen=True, slots=True)
class Constant:
    """A number with its meaning: value, unit, source (key of `knowledge/references.yaml`) and edition."""

    name: str
    value: float
    unit: str
    source: str
    edition: str


MOLAR_MASS_G_PER_MOL: dict[str, Constant] = {
    "bilirubin": Constant(
        "molar mass of bilirubin (C33H36N4O6)", 584.67, "g/mol", "molar_mass_from_formula", "IUPAC 2021"
    ),
    "creatinine": Constant(
        "molar mass of creatinine (C4H7N3O)", 113.12, "g/mol", "molar_mass_from_formula", "IUPAC 2021"
    ),
    "5-hiaa": Constant("molar mass of 5-HIAA (C10H9NO3)", 191.19, "g/mol", "molar_mass_from_formula", "IUPAC 2021"),
}

_AMBIGUOUS_AMOUNT: dict[str, str] = {
    "haemoglobin": "amount units of haemoglobin are ambiguous (monomer or tetramer); give g/L or g/dL",
    "chromogranin_a": "chromogranin A assays do not share a molar mass; give value and upper_limit in the same unit",
    "ntprobnp": "give NT-proBNP in ng/L or pg/mL",
    "albumin": "give albumin in g/L or g/dL",
}

# What laboratories print, in pint's words. `K/uL` would otherwise be kelvin, `G/L` gauss.
_SPELLINGS: dict[str, str] = {
    "g/l": "g/L",
    "g/dl": "g/dL",
    "mg/dl": "mg/dL",
    "mg/l": "mg/L",
    "mg/ml": "mg/mL",
    "mg/m2": "mg/m^2",
    "gy cm2": "Gy*cm^2",
    "gycm2": "Gy*cm^2",
    "gy*cm2": "Gy*cm^2",
    "gy.cm2": "Gy*cm^2",
    "mgy cm2": "mGy*cm^2",
    "cgy cm2": "cGy*cm^2",
    "ng/ml": "ng/mL",
    "pg/ml": "pg/mL",
    "ng/l": "ng/L",
    "ug/l": "ug/L",
    "umol/l": "umol/L",
    "µmol/l": "umol/L",
    "nmol/l": "nmol/L",
    "mmol/l": "mmol/L",
    "pmol/l": "pmol/L",
    "ml": "mL",
    "cc": "mL",
    "l": "L",
    "ml/min": "mL/min",
    "gbq": "GBq",
    "mbq": "MBq",
    "gy": "Gy",
    "umol/24h": "umol/d",
    "mg/24h": "mg/d",
    "nmol/24h": "nmol/d",
    "g%": "g/dL",
    "years": "year",
    "yrs": "year",
    "G/L": "10^9/L",
    "Gpt/L": "10^9/L",
    "10e9/l": "10^9/L",
    "10^9/l": "10^9/L",
    "10*9/L": "10^9/L",
    "10⁹/L": "10^9/L",
    "10^3/ul": "10^3/uL",
    "10*3/uL": "10^3/uL",
    "K/uL": "10^3/uL",
    "k/uL": "10^3/uL",
    "k/ul": "10^3/uL",
    "/nL": "1/nL",
    "/uL": "1/uL",
    "/ul": "1/uL",
    "/mm3": "1/mm^3",
}

_WRITTEN = re.compile(r"^\s*(?P<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)\s*(?P<unit>.*?)\s*$")
_EITHER_COMMA = re.compile(r"^\s*[+-]?[1-9]\d{0,2},\d{3}(?!\d)")
_UNIT = re.compile(r"^[A-Za-zµ°/*^().0-9 -]{1,40}$")


class UnitError(ValueError):
    """A quantity that cannot be read; the message says what was expected."""


@cache
def _registry() -> pint.UnitRegistry[Any]:
    import pint

    return pint.UnitRegistry(autoconvert_offset_to_baseunit=False, cache_folder=None)


def _spelling(unit: str) -> str:
    text = unit.replace("μ", "µ").replace("×", "x").strip()
    text = re.sub(r"^x\s*", "", text)
    text = re.sub(r"\s*/\s*", "/", text)
    return _SPELLINGS.get(text) or _SPELLINGS.get(text.lower()) or text


@cache
def _factor(unit: str, canonical: str, substance: str | None) -> float:
    """What to multiply a number in `unit` by to have it in `canonical`. Raises UnitError."""
    if unit == canonical:
        return 1.0
    if not _UNIT.match(unit) or re.search(r"\*\*|\^\s*-?\d{3,}|\^\s*\d+\s*\^", unit):
        raise UnitError(f"'{unit}' is not a unit; expected {canonical} or a unit that converts to it")
    if "1.73" in unit:
        raise UnitError(
            "mL/min/1.73 m2 is indexed to body surface area; multiply by the patient's area / 1.73 m2 and give mL/min"
        )
    import pint

    registry: Any = _registry()  # pint's own types do not reach through its registry
    try:
        given = registry.Quantity(registry.parse_expression(unit.replace("µ", "u")))
        wanted = registry.Quantity(registry.parse_expression(canonical))
    except Exception as error:  # pint raises many kinds on text that is not a unit; all mean the same here
        raise UnitError(f"'{unit}' is not a unit; expected {canonical} or a unit that converts to it") from error
    forms = [given]
    if substance in MOLAR_MASS_G_PER_MOL:
        molar = registry.Quantity(MOLAR_MASS_G_PER_MOL[substance].value, "g/mol")
        forms += [given / molar, given * molar]
    for form in forms:
        try:
            return float((form / wanted).to("").magnitude)
        except pint.DimensionalityError:
            continue
    why = _AMBIGUOUS_AMOUNT.get(substance or "", "")
    raise UnitError(f"'{unit}' does not convert to {canonical}" + (f"; {why}" if why else ""))


def convert(value: float, unit: str, canonical: str, *, substance: str | None = None) -> float:
    """`value` in `unit`, given back in `canonical`. Raises UnitError when the units do not convert."""
    factor = _factor(_spelling(unit), canonical, substance)
    # 12 digits: no binary dust such as 119.99999999999999
    return value if factor == 1.0 else float(f"{value * factor:.12g}")


def with_point(text: str) -> str:
    """A number as people write it, its decimal comma as a point. Raises UnitError for a comma that may as well part thousands."""
    if (either := _EITHER_COMMA.match(text)) is not None:
        typed = either[0].strip()
        small, large = typed.replace(",", "."), typed.replace(",", "")
        raise UnitError(f"'{typed}' may be {small} or {large}; write the one that is meant, without a comma")
    return text.replace(",", ".") if text.count(",") == 1 and "." not in text else text


def parse_quantity(written: object, canonical: str, *, substance: str | None = None) -> float:
    """Read a quantity as a person writes it and give the number in `canonical`.

    `canonical` is a pint unit, `%` (a percentage: the text must carry `%`, or the word `fraction`), `fraction` (0..1; `6 %` gives 0.06) or `1` (a pure
    number). A bare number is read only where the canonical unit is `1` or `fraction`; elsewhere its unit would be a guess. Raises UnitError.
    """
    if isinstance(written, bool) or not isinstance(written, (int, float, str)):
        raise UnitError(f"expected a number with its unit, such as '12 {canonical}'")
    if isinstance(written, (int, float)):
        number, unit = float(written), ""
    else:
        if _EITHER_COMMA.match(written):
            with_point(written)
        match = _WRITTEN.match(written)
        if match is None:
            raise UnitError(f"expected a number with its unit, such as {_example(canonical)}")
        number, unit = float(match["number"]), match["unit"]
    if not math.isfinite(number):
        raise UnitError("expected a finite number")
    value = _in_canonical(number, unit, canonical, substance)
    if not math.isfinite(value):
        raise UnitError("expected a finite number")
    return value


def _in_canonical(number: float, unit: str, canonical: str, substance: str | None) -> float:
    if canonical in {"%", "fraction"}:
        if unit in {"%", "percent", "per cent"}:
            return number if canonical == "%" else number / 100
        if unit == "fraction" or (not unit and canonical == "fraction"):
            if not 0 <= number <= 1:
                raise UnitError(f"{number:g} is not a fraction between 0 and 1; for a percentage write '{number:g} %'")
            return number if canonical == "fraction" else number * 100
        if not unit:
            raise UnitError(f"{number:g} could be a percentage or a fraction; write '{number:g} %'")
        raise UnitError(f"'{unit}' is not a percentage; write '{number:g} %'")
    if canonical == "1":
        if unit:
            raise UnitError(f"expected a pure number, without '{unit}'")
        return number
    if not unit:
        raise UnitError(
            f"{number:g} has no unit; write '{number:g} {canonical}' (or any unit that converts to {canonical})"
        )
    return convert(number, unit, canonical, substance=substance)


def _example(canonical: str) -> str:
    return {"1": "'1.0'", "%": "'4 %'", "fraction": "'6 %' or '0.06'"}.get(canonical, f"'12 {canonical}'")


def write_quantity(value: float, canonical: str) -> str | float:
    """The text that `parse_quantity` reads back to the same number."""
    if canonical in {"1", "fraction"}:
        return value
    number = repr(value)
    return f"{number.removesuffix('.0')} {canonical}"
