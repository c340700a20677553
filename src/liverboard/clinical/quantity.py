"""Field types of events: numbers kept in the canonical unit, read from what a person writes."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, GetCoreSchemaHandler
from pydantic_core import core_schema

from liverboard.clinical.segment_text import segments_of_text
from liverboard.units import parse_quantity


@dataclass(frozen=True, slots=True)
class Unit:
    """Marks a float field: its canonical unit and, where mass converts to amount, the substance. Reads what a person writes."""

    canonical: str
    substance: str | None = None

    def read(self, written: Any) -> float:
        return parse_quantity(written, self.canonical, substance=self.substance)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_before_validator_function(self.read, handler(source))


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


def _read_segments(written: Any) -> Any:
    """A list of numbers stays; a text such as `IVa/V`, `S5/8` or `caudate` is read as a radiologist means it."""
    if not isinstance(written, str):
        return written
    read = segments_of_text(written)
    if read.unclear or not read.segments:
        raise ValueError("; ".join(read.unclear) or "expected segments 1 to 8, such as [5, 8], S5/8 or IVa")
    return tuple(sorted(read.segments))


Segments = Annotated[tuple[SegmentNumber, ...], BeforeValidator(_read_segments)]

Number = Annotated[float, Unit("1"), Field(ge=0)]
Percent = Annotated[float, Unit("%"), Field(ge=0)]
Fraction = Annotated[float, Unit("fraction"), Field(ge=0)]
LengthMm = Annotated[float, Unit("mm"), Field(ge=0)]
HeightCm = Annotated[float, Unit("cm"), Field(ge=0)]
WeightKg = Annotated[float, Unit("kg"), Field(ge=0)]
VolumeMl = Annotated[float, Unit("mL"), Field(ge=0)]
DensityHu = Annotated[float, Unit("HU")]  # water is 0, fat lies below
DoseGy = Annotated[float, Unit("Gy"), Field(ge=0)]
ActivityGbq = Annotated[float, Unit("GBq"), Field(ge=0)]
BilirubinUmolL = Annotated[float, Unit("umol/L", "bilirubin"), Field(ge=0)]
CreatinineUmolL = Annotated[float, Unit("umol/L", "creatinine"), Field(ge=0)]
AlbuminGL = Annotated[float, Unit("g/L", "albumin"), Field(ge=0)]
HaemoglobinGL = Annotated[float, Unit("g/L", "haemoglobin"), Field(ge=0)]
CellsPerL = Annotated[float, Unit("10^9/L"), Field(ge=0)]
ClearanceMlMin = Annotated[float, Unit("mL/min"), Field(ge=0)]
NtProBnpNgL = Annotated[float, Unit("ng/L", "ntprobnp"), Field(ge=0)]
