"""Response of hormonal symptoms: stools, flushes, rescue octreotide, durable response as TELESTAR defined it, meaningful changes, EORTC scores."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Final, Literal

from liverboard.clinical.derive_timeline import visible_events
from liverboard.clinical.events import AnyEvent, Assessment, Case, Clinic
from liverboard.clinical.extent import Frozen
from liverboard.errors import Problem
from liverboard.response.start import NO_START, NO_START_HINT, Start, start_of
from liverboard.response.thresholds import percent_of
from liverboard.units import Constant

_TELESTAR: Final = "telestar_kulke_2017"
DURABLE_FALL_PERCENT: Final = Constant("fall of stools a day that counts in TELESTAR", 30, "%", _TELESTAR, "abstract")
DURABLE_SHARE: Final = Constant(
    "share of the days with that fall that makes it durable", 0.5, "fraction", _TELESTAR, "abstract"
)
DURABLE_PERIOD_DAYS: Final = Constant("period of TELESTAR", 84, "day", _TELESTAR, "12 weeks")
DURABLE_ENTRY: Final = Constant("stools a day from which TELESTAR took patients", 4, "1/day", _TELESTAR, "abstract")

_CHANGE: Final = "bowel_movement_change_2019"
# Fall of stools a day that is meaningful, by the way in which it was found: lowest and highest estimate.
MEANINGFUL_FALLS: Final = {
    "distribution": (
        Constant("meaningful fall, lowest estimate by distribution", 0.62, "1/day", _CHANGE, "2019"),
        Constant("meaningful fall, highest estimate by distribution", 0.83, "1/day", _CHANGE, "2019"),
    ),
    "anchor": (
        Constant("meaningful fall, lowest estimate by anchor", 1.24, "1/day", _CHANGE, "2019"),
        Constant("meaningful fall, highest estimate by anchor", 1.58, "1/day", _CHANGE, "2019"),
    ),
    "interview": (
        Constant("meaningful fall, lowest estimate by patient interview", 1.57, "1/day", _CHANGE, "2019"),
        Constant("meaningful fall, highest estimate by patient interview", 1.97, "1/day", _CHANGE, "2019"),
    ),
}
EORTC_POINTS: Final = Constant("change of an EORTC score that counts", 10, "points", _CHANGE, "QLQ-C30")


class DailyChange(Frozen):
    """A figure a day before and after the start. `percent`: None for a figure of 0 before."""

    name: str
    before: float
    before_date: dt.date
    latest: float
    latest_date: dt.date
    change: float
    percent: float | None


class DurableResponse(Frozen):
    """Whether stools a day fell by at least 30 % on at least half of the 84 days after the start. `holds`: None while the days without a diary could still decide.

    A figure counts for the days that its diary covers (`diary_days`), without one for its own day only.
    """

    holds: bool | None
    baseline: float | None
    days_with_fall: int
    days_without_fall: int
    days_unknown: int
    reason: str
    sources: tuple[str, ...] = (_TELESTAR,)


class Meaningful(Frozen):
    """A fall of stools a day against one way of finding what is meaningful: `yes` from its highest estimate on, `no` below its lowest, `between` else."""

    by: Literal["distribution", "anchor", "interview"]
    fall: float
    lowest: float
    highest: float
    verdict: Literal["yes", "between", "no"]
    sources: tuple[str, ...] = (_CHANGE,)


class ScoreChange(Frozen):
    """An EORTC score (0 to 100) before and after. `verdict`: better or worse from 10 points on. `note`: how far the 10 points reach."""

    name: str
    before: float
    before_date: dt.date
    latest: float
    latest_date: dt.date
    verdict: Literal["better", "worse", "unchanged"]
    note: str
    sources: tuple[str, ...] = (_CHANGE,)


class Symptoms(Frozen):
    """Symptoms from the start on. What was not stated on both sides of it is missing here and named in `missing`.

    `stated`: the clinician's own word (complete, partial, none), whose scales are not standardised.
    """

    start: Start | None
    daily: tuple[DailyChange, ...]
    durable: DurableResponse | None
    meaningful: tuple[Meaningful, ...]
    scores: tuple[ScoreChange, ...]
    stated: str | None
    stated_on: dt.date | None
    missing: tuple[str, ...]
    problems: tuple[Problem, ...]


_DAILY: Final = ("stools_per_day", "flushes_per_day", "rescue_octreotide_per_day", "pain_nrs", "hypoglycaemia_per_week")


def symptoms_of(
    case: Case, as_of: dt.date, known_at: dt.date | dt.datetime | None = None, *, start: str | None = None
) -> Symptoms:
    """Symptoms before and after the event `start` (None: the first liver-directed treatment), of what was true by `as_of` and entered by `known_at`."""
    events, _ = visible_events(case, as_of, known_at)
    begin = start_of(events, start)
    word = next((e for e in reversed(events) if isinstance(e, Assessment) and e.symptoms is not None), None)
    if begin is None or (word is not None and word.date < begin.date):
        word = None
    clinics = [event for event in events if isinstance(event, Clinic)]
    daily: list[DailyChange] = []
    missing: list[str] = []
    for name in _DAILY:
        change = None if begin is None else _change(name, clinics, begin.date)
        if change is not None:
            daily.append(change)
        elif any(getattr(clinic, name) is not None for clinic in clinics):
            missing.append(name)
    stools = next((change for change in daily if change.name == "stools_per_day"), None)
    unbegun = begin is None and any(getattr(clinic, name) is not None for clinic in clinics for name in _DAILY)
    return Symptoms(
        start=begin,
        daily=tuple(daily),
        durable=None if begin is None else durable_response(events, begin.date),
        meaningful=() if stools is None else meaningful_fall(-stools.change),
        scores=() if begin is None else _scores(clinics, begin.date),
        stated=None if word is None else word.symptoms,
        stated_on=None if word is None else word.date,
        missing=tuple(missing),
        problems=(Problem(NO_START, hint=NO_START_HINT),) if unbegun else (),
    )


def durable_response(events: Sequence[AnyEvent], start: dt.date) -> DurableResponse | None:
    """Durable response as TELESTAR defined it; None where no stools are stated at all.

    The baseline is the last figure up to the start. A later statement for a day replaces an earlier one.
    """
    period = round(DURABLE_PERIOD_DAYS.value)
    baseline: float | None = None
    by_day: dict[int, float] = {}
    stated = False
    for event in events:
        if not isinstance(event, Clinic) or event.stools_per_day is None:
            continue
        stated = True
        if event.date <= start:
            baseline = event.stools_per_day
            continue
        last = (event.date - start).days
        for day in range(max(1, last - (event.diary_days or 1) + 1), min(last, period) + 1):
            by_day[day] = event.stools_per_day
    if not stated:
        return None
    if not baseline:
        why = (
            "no stools a day are stated up to the start" if baseline is None else "no stools at the start to fall from"
        )
        return DurableResponse(
            holds=None, baseline=baseline, days_with_fall=0, days_without_fall=0, days_unknown=period, reason=why
        )
    at_most = baseline * (1 - DURABLE_FALL_PERCENT.value / 100)
    fallen = sum(stools <= at_most + 1e-9 for stools in by_day.values())
    not_fallen = len(by_day) - fallen
    unknown = period - len(by_day)
    needed = DURABLE_SHARE.value * period
    holds = True if fallen >= needed else False if fallen + unknown < needed else None
    reason = (
        f"{fallen} of {period} days with a fall of at least 30 % from {baseline:g} a day, {unknown} without a diary"
    )
    if baseline < DURABLE_ENTRY.value:
        reason += f"; TELESTAR took patients from {DURABLE_ENTRY.value:g} a day"
    return DurableResponse(
        holds=holds,
        baseline=baseline,
        days_with_fall=fallen,
        days_without_fall=not_fallen,
        days_unknown=unknown,
        reason=reason,
    )


def meaningful_fall(fall: float) -> tuple[Meaningful, ...]:
    """A fall of stools a day (below 0: a rise) beside each published range. The ranges disagree, so all of them are shown."""
    found: list[Meaningful] = []
    for by, (lowest, highest) in MEANINGFUL_FALLS.items():
        verdict = "yes" if fall >= highest.value - 1e-9 else "no" if fall < lowest.value - 1e-9 else "between"
        found.append(Meaningful.model_validate(
            {"by": by, "fall": fall, "lowest": lowest.value, "highest": highest.value, "verdict": verdict}
        ))  # fmt: skip
    return tuple(found)


def _change(name: str, clinics: Sequence[Clinic], start: dt.date) -> DailyChange | None:
    stated = _around(clinics, start, lambda clinic: getattr(clinic, name))
    if stated is None:
        return None
    (before_date, before), (latest_date, latest) = stated
    return DailyChange(
        name=name,
        before=before,
        before_date=before_date,
        latest=latest,
        latest_date=latest_date,
        change=latest - before,
        percent=percent_of(latest - before, before),
    )


def _scores(clinics: Sequence[Clinic], start: dt.date) -> tuple[ScoreChange, ...]:
    found: list[ScoreChange] = []
    # A higher score is more of what the scale is named for: global health is better with more of it, symptoms with less.
    scales: tuple[tuple[str, Callable[[Clinic], float | None], int], ...] = (
        ("qlq_c30_global", lambda clinic: None if clinic.eortc is None else clinic.eortc.qlq_c30_global, 1),
        *((f"gi_net21_{name}", _gi_net21(name), -1) for name in ("endocrine", "gastrointestinal", "treatment")),
    )
    for name, read, better in scales:
        stated = _around(clinics, start, read)
        if stated is None:
            continue
        (before_date, before), (latest_date, latest) = stated
        gain = better * (latest - before)
        found.append(
            ScoreChange(
                name=name,
                before=before,
                before_date=before_date,
                latest=latest,
                latest_date=latest_date,
                verdict="better"
                if gain >= EORTC_POINTS.value
                else "worse"
                if gain <= -EORTC_POINTS.value
                else "unchanged",
                note="" if better > 0 else "the 10 points are those used with QLQ-C30, carried over to GI.NET21",
            )
        )
    return tuple(found)


def _gi_net21(name: str) -> Callable[[Clinic], float | None]:
    def read(clinic: Clinic) -> float | None:
        scores = None if clinic.eortc is None else clinic.eortc.gi_net21
        return None if scores is None else getattr(scores, name)

    return read


def _around(
    clinics: Sequence[Clinic], start: dt.date, read: Callable[[Clinic], float | None]
) -> tuple[tuple[dt.date, float], tuple[dt.date, float]] | None:
    """The last value up to the start and the last after it, each with its day; None where one is missing."""
    before: tuple[dt.date, float] | None = None
    after: tuple[dt.date, float] | None = None
    for clinic in clinics:
        value = read(clinic)
        if value is None:
            continue
        if clinic.date <= start:
            before = clinic.date, value
        else:
            after = clinic.date, value
    return None if before is None or after is None else (before, after)
