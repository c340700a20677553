"""A moment as a person writes it, always with its time zone: `2024-06-12T10:00+02:00` or `2024-06-12 10:00 Europe/Berlin`."""

from __future__ import annotations

import datetime as dt
import zoneinfo

from liverboard.units import UnitError

_EXAMPLE = "such as 2024-06-12T10:00+02:00 or '2024-06-12 10:00 Europe/Berlin'"


def read_moment(text: str) -> dt.datetime:
    """The moment with its offset. Raises UnitError: no day and time, no time zone, an unknown zone, an hour that the clock skips or has twice."""
    words = text.strip()
    stamp, _, place = words.rpartition(" ") if "/" in words or words.endswith(" UTC") else (words, "", "")
    if len(stamp.strip()) < len("2024-06-12T10:00"):
        raise UnitError(f"a day, a time and a time zone are needed, {_EXAMPLE}")
    try:
        found = dt.datetime.fromisoformat(stamp.strip().replace(" +", "+").replace(" -", "-"))
    except ValueError:
        raise UnitError(f"no day and time; expected one {_EXAMPLE}") from None
    if not place:
        if found.tzinfo is None:
            raise UnitError(f"no time zone: give it, {_EXAMPLE}; a vendor's stamp is in the vendor's zone")
        return found
    if found.tzinfo is not None:
        raise UnitError("two time zones; give one")
    return _in_zone(found, place)


def _in_zone(clock: dt.datetime, place: str) -> dt.datetime:
    try:
        zone = zoneinfo.ZoneInfo(place)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise UnitError(f"the time zone '{place[:40]}' is not known here; give the offset, such as +02:00") from None
    found = clock.replace(tzinfo=zone)
    if found.utcoffset() != found.replace(fold=1).utcoffset():
        raise UnitError(
            f"on this day the clock of {place} changes, so that {clock:%H:%M} does not name one moment; give the offset, such as +02:00"
        )
    offset = found.utcoffset()
    return clock.replace(tzinfo=None if offset is None else dt.timezone(offset))
