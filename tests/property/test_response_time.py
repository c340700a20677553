"""Outcomes cannot look ahead: nothing later than the day, or entered later than the moment, changes an end point, a marker, a symptom or a toxicity."""

from __future__ import annotations

import datetime as dt
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.strategies import cases, days, events, moments

from liverboard.clinical.derive_timeline import moment
from liverboard.clinical.events import EVENT_KINDS, Case
from liverboard.response.adverse_events import toxicity_of
from liverboard.response.endpoints import Finding, endpoints_of
from liverboard.response.late_toxicity import late_toxicity_of
from liverboard.response.markers import markers_of
from liverboard.response.overdue import overdue_of
from liverboard.response.symptoms import symptoms_of

# Kinds that outcomes read come often, so that most cases hold a start, a finding and an end.
kinds = st.sampled_from(
    [
        "procedure",
        "imaging",
        "assessment",
        "status",
        "clinic",
        "labs",
        "adverse_event",
        "systemic",
        *sorted(EVENT_KINDS),
    ]
)
ahead = st.integers(1, 900).map(lambda n: dt.timedelta(days=n))
findings = st.lists(
    st.builds(
        Finding,
        date=days,
        hepatic=st.sampled_from([None, True, False]),
        anywhere=st.sampled_from([None, True, False]),
        event=st.just("imaging"),
        by=st.just("recist11"),
    ),
    max_size=4,
)
written = kinds.flatmap(events)


def outcomes(case: Case, as_of: dt.date, known_at: dt.date | None = None, judged: Any = ()) -> tuple[object, ...]:
    return (
        endpoints_of(case, as_of, known_at, judged=judged),
        toxicity_of(case, as_of, known_at),
        late_toxicity_of(case, as_of, known_at),
        markers_of(case, as_of, known_at),
        symptoms_of(case, as_of, known_at),
        overdue_of(case, as_of, known_at),
    )


def with_event(case: Case, raw: dict[str, Any], position: int) -> Case:
    event = EVENT_KINDS[raw["kind"]].model_validate({"id": "added", **raw})
    place = position % (len(case.events) + 1)
    return Case.model_validate({**dict(case), "events": (*case.events[:place], event, *case.events[place:])})


@given(cases(), days, moments, written, ahead, st.integers(0, 20))
def test_an_event_after_the_day_changes_no_outcome(
    case: Case, as_of: dt.date, known_at: dt.date, raw: dict[str, Any], step: dt.timedelta, position: int
) -> None:
    raw["date"] = as_of + step
    if raw.get("until") is not None:
        raw["until"] = raw["date"] + step
    later = with_event(case, raw, position)
    assert outcomes(later, as_of, known_at) == outcomes(case, as_of, known_at)
    assert outcomes(later, as_of) == outcomes(case, as_of)


@given(cases(), days, moments, written, ahead, st.integers(0, 20))
def test_an_event_entered_after_the_moment_changes_no_outcome(
    case: Case, as_of: dt.date, known_at: dt.date, raw: dict[str, Any], step: dt.timedelta, position: int
) -> None:
    raw["recorded"] = moment(known_at) + step
    assert outcomes(with_event(case, raw, position), as_of, known_at) == outcomes(case, as_of, known_at)


@given(cases(), days, findings, ahead)
def test_a_judgement_after_the_day_changes_no_end_point(
    case: Case, as_of: dt.date, judged: list[Finding], step: dt.timedelta
) -> None:
    late = Finding(date=as_of + step, hepatic=True, anywhere=True, event="imaging", by="recist11")
    assert endpoints_of(case, as_of, judged=[late, *judged]) == endpoints_of(case, as_of, judged=judged)


@given(cases(), days, findings)
def test_no_end_point_lies_after_the_day_or_before_its_start(case: Case, as_of: dt.date, judged: list[Finding]) -> None:
    for point in endpoints_of(case, as_of, judged=judged).endpoints.values():
        assert point.reason
        if point.happened is None:
            assert point.date is None
            assert point.days is None
            continue
        assert point.start is not None
        assert point.date is not None
        assert point.start.date <= point.date <= as_of
        assert point.days == (point.date - point.start.date).days
        if point.not_before is not None:
            assert point.start.date <= point.not_before <= point.date


@given(cases(recorded=False), days, ahead, findings)
def test_what_has_happened_stays_happened(
    case: Case, as_of: dt.date, step: dt.timedelta, judged: list[Finding]
) -> None:
    first = endpoints_of(case, as_of, judged=judged)
    if any(event.corrects for event in case.events):
        return
    later = endpoints_of(case, as_of + step, judged=judged)
    for name, point in first.endpoints.items():
        if point.happened and later.endpoints[name].happened is not None:
            assert later.endpoints[name] == point


@given(cases(), days, findings)
def test_hepatic_progression_never_comes_before_progression(case: Case, as_of: dt.date, judged: list[Finding]) -> None:
    consistent = [f for f in judged if not f.hepatic or f.anywhere]
    points = endpoints_of(case, as_of, judged=consistent).endpoints
    anywhere, hepatic = points["progression_free_survival"], points["hepatic_progression_free_survival"]
    overall = points["overall_survival"]
    if hepatic.happened and anywhere.happened:
        assert hepatic.date >= anywhere.date  # pyright: ignore[reportOptionalOperand]
    if hepatic.happened:
        assert anywhere.happened
    if overall.happened:
        assert anywhere.happened
        assert anywhere.date <= overall.date  # pyright: ignore[reportOptionalOperand]


@given(cases(max_events=12), days)
def test_complications_of_30_days_are_among_those_of_90(case: Case, as_of: dt.date) -> None:
    found = endpoints_of(case, as_of).after_procedures
    for short, long in zip(found[::2], found[1::2], strict=True):
        assert (short.procedure, short.days, long.days) == (long.procedure, 30, 90)
        assert set(short.complications) <= set(long.complications)
        if short.died:
            assert long.died
        if long.died is False:
            assert short.died is False
