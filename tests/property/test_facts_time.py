"""Does anything later than the day, or entered later than the moment, ever shine through?"""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.strategies import FIRST_DAY, LAST_DAY, cases, days, events, moments, raw_cases

from liverboard.clinical.derive_timeline import moment
from liverboard.clinical.dictionary import load_dictionary, load_lesion_dictionary
from liverboard.clinical.events import EVENT_KINDS, Case, Systemic
from liverboard.clinical.facts import Facts, facts_of
from liverboard.clinical.lesion_facts import LesionFacts, lesion_facts_of

kinds = st.sampled_from(sorted(EVENT_KINDS))
ahead = st.integers(1, 900).map(lambda n: dt.timedelta(days=n))


def known(case: Case, as_of: dt.date, known_at: dt.date | None = None) -> tuple[Facts, tuple[LesionFacts, ...]]:
    """All that is said of a case and of its lesions."""
    return facts_of(case, as_of, known_at), lesion_facts_of(case, as_of, known_at)


def with_event(case: Case, raw: dict[str, Any], position: int) -> Case:
    event = EVENT_KINDS[raw["kind"]].model_validate({"id": "added", **raw})
    place = position % (len(case.events) + 1)
    return Case.model_validate({**dict(case), "events": (*case.events[:place], event, *case.events[place:])})


@given(cases(), days, moments, kinds.flatmap(events), ahead, st.integers(0, 20))
def test_an_event_after_the_day_changes_nothing(
    case: Case, as_of: dt.date, known_at: dt.date, raw: dict[str, Any], step: dt.timedelta, position: int
) -> None:
    raw["date"] = as_of + step
    if raw.get("until") is not None:
        raw["until"] = raw["date"] + step
    later = with_event(case, raw, position)
    assert known(later, as_of, known_at) == known(case, as_of, known_at)
    assert known(later, as_of) == known(case, as_of)


@given(cases(), days, moments, kinds.flatmap(events), ahead, st.integers(0, 20))
def test_an_event_entered_after_the_moment_changes_nothing(
    case: Case, as_of: dt.date, known_at: dt.date, raw: dict[str, Any], step: dt.timedelta, position: int
) -> None:
    raw["recorded"] = moment(known_at) + step
    assert known(with_event(case, raw, position), as_of, known_at) == known(case, as_of, known_at)


@given(cases(), days, st.data())
def test_a_later_correction_changes_nothing(case: Case, as_of: dt.date, data: st.DataObject) -> None:
    if not case.events:
        return
    target = data.draw(st.sampled_from(case.events))
    raw = data.draw(events(target.kind)) | {"corrects": target.id}
    step = data.draw(ahead)
    dated = dict(raw, date=as_of + step) | ({"until": as_of + 2 * step} if target.kind == "systemic" else {})
    assert known(with_event(case, dated, 99), as_of) == known(case, as_of)
    entered = raw | {"recorded": as_of + step}
    assert known(with_event(case, entered, 99), as_of, as_of) == known(case, as_of, as_of)


@given(cases(recorded=False), days, ahead, st.integers(0, 9))
def test_a_later_end_of_a_course_changes_nothing(case: Case, as_of: dt.date, step: dt.timedelta, cycles: int) -> None:
    open_ended = [
        event.model_copy(update={"until": None, "stopped_for": None, "cycles": None})
        if isinstance(event, Systemic)
        else event
        for event in case.events
    ]
    ended = [
        event.model_copy(
            update={"until": max(as_of, event.date) + step, "stopped_for": "progression", "cycles": cycles}
        )
        if isinstance(event, Systemic)
        else event
        for event in case.events
    ]
    before, after = (case.model_copy(update={"events": tuple(some)}) for some in (open_ended, ended))
    assert known(after, as_of) == known(before, as_of)
    counted = [
        event.model_copy(update={"cycles": cycles}) if isinstance(event, Systemic) else event for event in open_ended
    ]
    assert known(case.model_copy(update={"events": tuple(counted)}), as_of) == known(before, as_of)


@given(cases(), days, st.randoms())
def test_order_in_the_file_matters_only_within_a_day(case: Case, as_of: dt.date, random: Any) -> None:
    apart = {event.date: event for event in case.events if event.corrects is None}
    events_apart = [event.model_copy(update={"recorded": None}) for event in apart.values()]
    shuffled = random.sample(events_apart, len(events_apart))
    one, other = (case.model_copy(update={"events": tuple(some)}) for some in (events_apart, shuffled))
    assert known(one, as_of) == known(other, as_of) == known(one, as_of)


@settings(max_examples=200)
@given(
    raw_cases(max_events=14),
    st.dates(FIRST_DAY - dt.timedelta(days=400), LAST_DAY + dt.timedelta(days=400)),
    st.none() | moments,
)
def test_facts_keep_their_form(raw: dict[str, Any], as_of: dt.date, known_at: dt.date | None) -> None:
    facts, lesions = known(Case.model_validate(raw), as_of, known_at)
    definitions = load_dictionary()
    plain = json.loads(json.dumps(facts.as_json(), allow_nan=False))
    assert list(facts.facts) == list(definitions) == list(plain["facts"])
    kinds_of = {"number": (float, int), "integer": (int,), "boolean": (bool,), "enum": (str,)}
    for name, fact in facts.facts.items():
        definition = definitions[name]
        assert (facts.value(name) is None) == (name in facts.unknown)
        assert fact.unit == definition.unit
        assert (fact.date is None) == (fact.age_days is None)
        assert fact.age_days is None or fact.age_days >= 0
        assert not fact.questioned or (fact.note and name in facts.questioned)
        if fact.value is None:
            assert fact.date is None
            assert fact.event is None
            continue
        assert isinstance(fact.value, kinds_of[definition.type])
        assert isinstance(fact.value, bool) == (definition.type == "boolean")
        assert not definition.values or fact.value in definition.values
    for lesion in lesions:
        assert list(lesion.values) == list(load_lesion_dictionary())
        for name, value in lesion.values.items():
            definition = load_lesion_dictionary()[name]
            assert value is None or isinstance(value, kinds_of[definition.type])
            assert isinstance(value, bool) == (value is not None and definition.type == "boolean")


@given(cases(), days)
def test_progression_is_the_or_of_its_two_parts(case: Case, as_of: dt.date) -> None:
    facts = facts_of(case, as_of)
    parts = {facts.value("hepatic_progression"), facts.value("extrahepatic_progression")}
    assert facts.value("progression") is (True if True in parts else None if None in parts else False)


@given(cases(), days)
def test_no_course_is_denied_while_the_history_is_open(case: Case, as_of: dt.date) -> None:
    without = case.model_copy(update={"events": tuple(event for event in case.events if event.kind != "history")})
    facts = facts_of(without, as_of)
    assert facts.value("refractory") is not False
    assert facts.value("on_antiangiogenic") is not False
    assert 0 not in {facts.value("prior_systemic_not_ssa"), facts.value("prior_antiangiogenic")}
