"""Reading what was written gives the same case, in YAML and in JSON, for any case at all."""

from __future__ import annotations

from hypothesis import given, settings
from tests.strategies import cases

from liverboard.clinical.case_file import event_content, read_case, write_case
from liverboard.clinical.events import Case


@settings(max_examples=300, deadline=None)
@given(cases())
def test_any_case_survives_yaml_and_json(case: Case) -> None:
    assert read_case(write_case(case)) == case
    assert read_case(write_case(case, is_json=True), is_json=True) == case


@settings(max_examples=100, deadline=None)
@given(cases())
def test_every_stated_field_of_an_event_has_words(case: Case) -> None:
    for event in case.events:
        content = event_content(event)
        stated = {name for name in type(event).model_fields if getattr(event, name) not in (None, ())}
        assert {key.partition(".")[0].partition("[")[0] for key in content} <= stated | set(type(event).model_fields)
        assert all(isinstance(value, str) for value in content.values())
