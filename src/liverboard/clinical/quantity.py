"""Field types of events: numbers kept in the canonical unit, read from what a person writes."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from liverboard.units import parse_quantity


@dataclass(frozen=True, slots=True)
class Unit:
    """Marks a float field: its canonical unit and, where mass converts to amount, the substance."""

    canonical: str
    substance: str | None = None


def _reader(unit: Unit) -> BeforeValidator:
    def read(written: Any) -> float:
        return parse_quantity(written, unit.canonical, substance=unit.substance)

    return BeforeValidator(read)


def _quantity(canonical: str, substance: str | None = None) -> Any:
    unit = Unit(canonical, substance)
    return Annotated[float, unit, _reader(unit), Field(ge=0)]


def _read_date(written: Any) -> dt.date:
    if isinstance(written, dt.date) and not isinstance(written, dt.datetime):
        return written
    if isinstance(written, str) and len(written) == 10:
        try:
            return dt.date.fromisoformat(written)
        except ValueError:
            pass
    raise ValueError("expected an ISO day such as 2024-05-02")


def _read_moment(written: Any) -> dt.date | dt.datetime:
    if isinstance(written, str) and len(written) > 10:
        try:
            return dt.datetime.fromisoformat(written)
        except ValueError:
            pass
    if isinstance(written, dt.datetime):
        return written
    try:
        return _read_date(written)
    except ValueError:
        raise ValueError("expected an ISO day or moment such as 2024-05-02 or 2024-05-02T14:30:00+02:00") from None


Day = Annotated[dt.date, BeforeValidator(_read_date)]
Moment = Annotated[dt.date | dt.datetime, BeforeValidator(_read_moment)]
Text = Annotated[str, Field(strict=True, min_length=1, max_length=4000)]
Count = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]
Truth = Annotated[bool, Field(strict=True)]
SegmentNumber = Annotated[int, Field(strict=True, ge=1, le=8)]

Number = _quantity("1")
Percent = _quantity("%")
Fraction = _quantity("fraction")
LengthMm = _quantity("mm")
HeightCm = _quantity("cm")
WeightKg = _quantity("kg")
VolumeMl = _quantity("mL")
DoseGy = _quantity("Gy")
BilirubinUmolL = _quantity("umol/L", "bilirubin")
CreatinineUmolL = _quantity("umol/L", "creatinine")
AlbuminGL = _quantity("g/L", "albumin")
HaemoglobinGL = _quantity("g/L", "haemoglobin")
CellsPerL = _quantity("10^9/L")
ClearanceMlMin = _quantity("mL/min")
NtProBnpNgL = _quantity("ng/L", "ntprobnp")
