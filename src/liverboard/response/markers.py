"""Tumour markers over time: chromogranin A and 5-HIAA with ratio to the upper limit, what makes values incomparable, confounders, biochemical response.

Biochemical response is a convention whose defining source was not seen (verification U): it is shown with that word and decides nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, Literal

from liverboard.clinical.derive_timeline import visible_events
from liverboard.clinical.events import AnyEvent, Case, Clinic, Labs, Marker, over_limit
from liverboard.clinical.extent import Frozen
from liverboard.errors import Problem
from liverboard.response.start import NO_START, Start, start_of
from liverboard.response.thresholds import percent_of, percent_words
from liverboard.units import Constant, UnitError, convert

MarkerName = Literal["chromogranin_a", "u5hiaa", "ntprobnp"]
LABELS: Final[dict[MarkerName, str]] = {
    "chromogranin_a": "chromogranin A",
    "u5hiaa": "urinary 5-HIAA",
    "ntprobnp": "NT-proBNP",
}
_SUBSTANCE: Final[dict[MarkerName, str]] = {
    "chromogranin_a": "chromogranin_a",
    "u5hiaa": "5-hiaa",
    "ntprobnp": "ntprobnp",
}
RESPONSE_FALL_PERCENT: Final = Constant(
    "fall of a raised marker that is called a biochemical response", 50, "%", "biochemical_response_convention", "U"
)
RESPONSE_DEFINITION: Final = (
    "a fall of at least 50 % from a raised value before the start, or a value within normal limits after a raised one"
)
NTPROBNP_SCREENING_NG_L: Final = Constant(
    "NT-proBNP studied as a screen for carcinoid heart disease", 260, "ng/L", "ntprobnp_si_net", "93 patients"
)

Category = Literal["normalised", "fall", "no_response"]


class MarkerValue(Frozen):
    """One value as stated, with its ratio to the upper limit of its own assay and what could have moved it. None: not stated.

    `ppi`, `atrophic_gastritis`, `egfr_ml_min`: as last stated by that day. `diet_kept`: on the sample itself (5-HIAA).
    """

    date: dt.date
    event: str
    value: float
    unit: str
    upper_limit: float | None
    ratio: float | None
    assay: str | None
    ppi: bool | None = None
    atrophic_gastritis: bool | None = None
    egfr_ml_min: float | None = None
    diet_kept: bool | None = None


class MarkerCourse(Frozen):
    """One marker. `before`: the last value up to the start; `latest`: the last after it; `lowest`: the lowest after it that compares with `before`.

    `change` and `change_percent`: `latest` against `before`, in the unit of `before`; None where they do not compare. `category`: None where it cannot be told, with `reason`.
    """

    name: MarkerName
    values: tuple[MarkerValue, ...]
    before: MarkerValue | None
    latest: MarkerValue | None
    lowest: MarkerValue | None
    change: float | None
    change_percent: float | None
    category: Category | None
    biochemical_response: bool | None
    reason: str
    definition: str = RESPONSE_DEFINITION
    verification: Literal["A", "B", "U"] = "U"
    confounders: tuple[str, ...] = ()


class Markers(Frozen):
    """Every marker that the case states. `problems`: units, assays and limits that changed, limits that are missing."""

    start: Start | None
    courses: tuple[MarkerCourse, ...]
    problems: tuple[Problem, ...]


def markers_of(
    case: Case, as_of: dt.date, known_at: dt.date | dt.datetime | None = None, *, start: str | None = None
) -> Markers:
    """Markers before and after the event `start` (None: the first liver-directed treatment), of what was true by `as_of` and entered by `known_at`."""
    events, _ = visible_events(case, as_of, known_at)
    begin = start_of(events, start)
    courses: list[MarkerCourse] = []
    problems: list[Problem] = []
    for name in LABELS:
        values = _values(name, events)
        if values:
            courses.append(_course(name, values, begin))
            problems += _changes(name, values)
    return Markers(start=begin, courses=tuple(courses), problems=tuple(problems))


def comparable(name: MarkerName, one: MarkerValue, other: MarkerValue) -> tuple[float | None, str]:
    """`other` in the unit of `one`, and why not: another assay, a unit that does not convert, or another upper limit (another assay, most likely)."""
    if (one.assay or "").casefold() != (other.assay or "").casefold() and one.assay and other.assay:
        return None, f"the assay changed from {one.assay} to {other.assay}"
    value = _in_unit(name, other.value, other.unit, one.unit)
    if value is None:
        return None, f"the unit changed from {one.unit} to {other.unit}, which does not convert"
    if one.upper_limit is not None and other.upper_limit is not None:
        limit = _in_unit(name, other.upper_limit, other.unit, one.unit)
        if limit is None or abs(limit - one.upper_limit) > 1e-6 * one.upper_limit:
            return (
                None,
                f"the upper limit changed from {one.upper_limit:g} {one.unit} to {other.upper_limit:g} {other.unit}: another assay, most likely",
            )
    return value, ""


def _in_unit(name: MarkerName, value: float, unit: str, wanted: str) -> float | None:
    if unit.strip().casefold() == wanted.strip().casefold():
        return value
    try:
        return convert(value, unit, wanted, substance=_SUBSTANCE[name])
    except UnitError:
        return None


# --- one marker ----------------------------------------------------------------------------------------------------------------------------------------


def _values(name: MarkerName, events: Sequence[AnyEvent]) -> list[MarkerValue]:
    found: list[MarkerValue] = []
    ppi: bool | None = None
    gastritis: bool | None = None
    egfr: float | None = None
    for day in _by_day(events):
        for event in day:  # what is said of the day counts for its samples, whichever stands first in the file
            if isinstance(event, Clinic):
                ppi = ppi if event.ppi is None else event.ppi
                gastritis = gastritis if event.atrophic_gastritis is None else event.atrophic_gastritis
            elif isinstance(event, Labs) and event.egfr is not None:
                egfr = event.egfr
        for event in day:
            marker = _marker(name, event) if isinstance(event, Labs) else None
            if marker is None or not isinstance(event, Labs):
                continue
            found.append(
                MarkerValue(
                    date=event.date,
                    event=event.id,
                    value=marker.value,
                    unit=marker.unit,
                    upper_limit=marker.upper_limit,
                    ratio=None if marker.upper_limit is None else over_limit(marker.value, marker.upper_limit),
                    assay=marker.assay,
                    ppi=ppi if name == "chromogranin_a" else None,
                    atrophic_gastritis=gastritis if name == "chromogranin_a" else None,
                    egfr_ml_min=egfr,
                    diet_kept=event.u5hiaa_diet_kept if name == "u5hiaa" else None,
                )
            )
    return found


def _by_day(events: Sequence[AnyEvent]) -> Iterator[list[AnyEvent]]:
    day: list[AnyEvent] = []
    for event in events:
        if day and event.date != day[0].date:
            yield day
            day = []
        day.append(event)
    if day:
        yield day


def _marker(name: MarkerName, labs: Labs) -> Marker | None:
    if name == "chromogranin_a":
        return labs.chromogranin_a
    if name == "u5hiaa":
        return labs.u5hiaa
    if labs.ntprobnp is None:
        return None
    return Marker(value=labs.ntprobnp, unit="ng/L", upper_limit=labs.ntprobnp_upper_limit, assay=labs.ntprobnp_assay)


def _course(name: MarkerName, values: Sequence[MarkerValue], begin: Start | None) -> MarkerCourse:
    before = None if begin is None else next((v for v in reversed(values) if v.date <= begin.date), None)
    after = [] if begin is None else [v for v in values if v.date > begin.date]
    latest = after[-1] if after else None
    course = MarkerCourse(
        name=name,
        values=tuple(values),
        before=before,
        latest=latest,
        lowest=None,
        change=None,
        change_percent=None,
        category=None,
        biochemical_response=None,
        reason="",
        confounders=() if before is None or latest is None else tuple(_confounders(name, before, latest)),
    )
    if before is None or latest is None:
        missing = "no value is stated up to the start" if before is None else "no value follows the start"
        return course.model_copy(update={"reason": NO_START if begin is None else missing})
    same_unit = [(value, comparable(name, before, value)[0]) for value in after]
    lowest = min(((v, number) for v, number in same_unit if number is not None), key=lambda pair: pair[1], default=None)
    now, why_not = comparable(name, before, latest)
    change = None if now is None else now - before.value
    percent = None if change is None else percent_of(change, before.value)
    category, reason = _category(name, before, latest, percent, why_not)
    return course.model_copy(
        update={
            "lowest": None if lowest is None else lowest[0],
            "change": change,
            "change_percent": percent,
            "category": category,
            "biochemical_response": None if category is None else category in {"normalised", "fall"},
            "reason": reason,
        }
    )


def _category(
    name: MarkerName, before: MarkerValue, latest: MarkerValue, percent: float | None, why_not: str
) -> tuple[Category | None, str]:
    """The category and the sentence beside it. A value within the limits of its own assay after a raised one compares across assays."""
    if name == "ntprobnp":
        side = "above" if latest.value > NTPROBNP_SCREENING_NG_L.value else "not above"
        return (
            None,
            f"a marker of the heart: it says nothing of the response of the tumour. {latest.value:g} ng/L is {side} the {NTPROBNP_SCREENING_NG_L.value:g} ng/L "
            "that was studied as a screen for carcinoid heart disease (sensitivity 46 %, specificity 79 %)",
        )
    if before.ratio is None:
        return (
            None,
            "the upper limit of the value before the start is not stated, so nothing says whether it was raised",
        )
    if before.ratio <= 1:
        return None, "the value before the start was not raised, so there is nothing to fall from"
    if latest.ratio is not None and latest.ratio <= 1:
        return "normalised", f"{before.ratio:.3g} to {latest.ratio:.3g} times the upper limit"
    if percent is None:
        return None, why_not or "the value before the start is too small for a percentage"
    sentence = f"{percent_words(percent, -RESPONSE_FALL_PERCENT.value)} against the value before the start"
    return ("fall" if percent <= -RESPONSE_FALL_PERCENT.value + 1e-9 else "no_response"), sentence


def _confounders(name: MarkerName, before: MarkerValue, latest: MarkerValue) -> Iterator[str]:
    """Sentences on what may have moved the marker, and on what nobody stated. No size of any effect is assumed."""
    if name == "chromogranin_a":
        for label, then, now in (
            ("proton pump inhibitor", before.ppi, latest.ppi),
            ("atrophic gastritis", before.atrophic_gastritis, latest.atrophic_gastritis),
        ):
            if then is None or now is None:
                yield f"{label}: not stated for both values"
            elif then != now:
                yield f"{label}: {_yes(then)} before, {_yes(now)} now; the change may be its doing"
            elif now:
                yield f"{label}: raises both values"
    if name == "u5hiaa":
        if latest.diet_kept is None or before.diet_kept is None:
            yield "diet before the urine collection: not stated for both values"
        elif not (latest.diet_kept and before.diet_kept):
            yield "diet was not kept before one of the urine collections"
    if before.egfr_ml_min is None or latest.egfr_ml_min is None:
        yield "kidney function: not stated for both values"
    elif before.egfr_ml_min != latest.egfr_ml_min:
        yield f"kidney function: eGFR {before.egfr_ml_min:g} mL/min before, {latest.egfr_ml_min:g} now"


def _yes(truth: bool) -> str:
    return "yes" if truth else "no"


def _changes(name: MarkerName, values: Sequence[MarkerValue]) -> Iterator[Problem]:
    """What changed from each value to the next, and what is missing."""
    for one, other in pairwise(values):
        same, why = comparable(name, one, other)
        if one.date == other.date and not why and same != one.value:
            yield Problem(
                f"{LABELS[name]}: two values of {one.date} ({one.value:g} and {other.value:g} {other.unit}); the later in the file counts",
                event=other.event,
                field=name,
            )
        if why:
            yield Problem(
                f"{LABELS[name]}: {why}; values before and after it are not compared",
                event=other.event,
                field=name,
                hint="repeat the earlier assay once, or start a new baseline",
            )
    if name != "ntprobnp":
        for value in values:
            if value.upper_limit is None:
                yield Problem(
                    f"{LABELS[name]} without the upper limit of its assay",
                    event=value.event,
                    field=f"{name}.upper_limit",
                )
