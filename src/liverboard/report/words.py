"""How a dossier writes: numbers with the digits they deserve, a thin space before the unit, days as 15 May 2024, labels in words."""

from __future__ import annotations

import datetime as dt
import hashlib
import math
import re
from collections.abc import Callable, Iterable
from xml.sax.saxutils import escape as _escape

from liverboard.clinical.coded_words import words

Say = Callable[[str], str]
"""Puts one of our sentences into the language of the reader."""
THIN = "\u202f"  # narrow no-break space: value and unit stay on one line
NOT_KNOWN = "not known"
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
SEX = {"f": "female", "m": "male"}
VERIFICATION = {
    "A": "A: seen in the source itself",
    "B": "B: seen as another publication quotes it",
    "U": "U: not verified",
}
MODALITY = {
    "PET_SSTR": "SSTR PET",
    "PET_FDG": "FDG PET",
    "PET_Y90": "Y-90 PET",
    "MR": "MRI",
    "US": "ultrasound",
}
_UNITS = {
    "1": "",
    "%": "%",
    "percent": "%",
    "x_uln": "× ULN",
    "x ULN": "× ULN",
    "count": "",
    "year": "years",
    "month": "months",
    "day": "days",
    "um": "µm",
    "ug": "µg",
}
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff\ud800-\udfff]")


def as_is(text: str) -> str:
    """The `Say` of who reads English."""
    return text


def said_mark(say: Say) -> str:
    """The attribute of a picture whose words are said already, so that nobody translates them again."""
    return "" if say is as_is else 'translate="no" '


def clean(text: object) -> str:
    """Text without the characters that XML, HTML or PDF cannot hold."""
    return _CONTROL.sub("\ufffd", str(text))


def esc(text: object) -> str:
    """Text for XML content and attribute values."""
    return _escape(clean(text), {'"': "&quot;", "'": "&#39;"})


def shorten(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: max(limit - 1, 1)].rstrip() + "…"


def day(date: dt.date | None) -> str:
    return f"{date.day} {MONTHS[date.month - 1]} {date.year}" if date else NOT_KNOWN


def unit_words(unit: str | None) -> str:
    if not unit:
        return ""
    return _UNITS.get(
        unit,
        unit.replace("umol", "µmol")
        .replace("ug/", "µg/")
        .replace("uL", "µL")
        .replace("10^6", "10⁶")
        .replace("10^9", "10⁹")
        .replace("^2", "²")
        .replace("^3", "³")
        .replace("*", "·")
        .replace("mm2", "mm²"),
    )


def number(value: float, unit: str | None = None) -> str:
    """mL: no decimals from 10 up; mm: none; percent: one below 10, else none; otherwise three significant digits at most."""
    if not math.isfinite(value):
        return NOT_KNOWN
    size = abs(value)
    if unit in ("mm", "day", "days", "year", "years"):
        text = f"{value:.0f}"
    elif unit in ("mL", "%", "percent"):
        text = f"{value:.0f}" if size >= 9.95 else f"{value:.1f}" if size == 0 or size >= 0.05 else "<0.1"
    elif (float(value).is_integer() and size < 1e15) or size >= 99.5:
        text = f"{value:.0f}"
    else:
        text = f"{value:.3g}" if size >= 1e-4 else f"{value:.1e}"
    return (text if text.strip("-0.") else text.lstrip("-")).replace("-", "−")


def quantity(value: float | None, unit: str | None = None) -> str:
    if value is None:
        return NOT_KNOWN
    if unit == "fraction":  # a share reads as percent
        value, unit = 100 * value, "%"
    shown, text = unit_words(unit), number(value, unit)
    return f"{text}{THIN}{shown}" if shown and text != NOT_KNOWN else text


def plain(word: str) -> str:
    """A code word in words: `sirt_resin` reads SIRT (resin); prose is left as it is."""
    return words(word) if re.fullmatch(r"[A-Za-z0-9_]+", word) else word


def fact_words(value: float | int | bool | str | None, unit: str | None = None) -> str:
    if value is None or value == "":
        return NOT_KNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return plain(clean(value))
    return quantity(value, unit)


def age(days: int | None) -> str:
    if days is None:
        return ""
    if days < 1:
        return "same day"
    if days < 60:
        return f"{days}{THIN}{'day' if days == 1 else 'days'}"
    if days < 730:
        return f"{round(days / 30.44)}{THIN}months"
    return f"{round(days / 365.25)}{THIN}years"


def counted(n: int, one: str, many: str | None = None) -> str:
    return f"{n}{THIN}{one if n == 1 else many or one + 's'}"


def segments_words(segments: Iterable[int]) -> str:
    return ", ".join(f"S{s}" for s in segments)


def modality_words(modality: str | None) -> str:
    return MODALITY.get(modality, clean(modality)) if modality else ""


def anchor(event: str) -> str:
    """Fragment of an event's place in the page: safe in an id and in a link, and different for different events."""
    if re.fullmatch(r"[A-Za-z0-9_.-]{1,100}", event):
        return f"event-{event}"
    slug = re.sub(r"[^A-Za-z0-9]+", "-", event).strip("-")[:24]
    return f"event-{slug}-{hashlib.sha256(event.encode('utf-8', 'replace')).hexdigest()[:10]}"
