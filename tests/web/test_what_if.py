"""What if: what follows from a supposed fact follows, and nothing is kept."""

from __future__ import annotations

import datetime as dt

import pytest
from tests.registry_samples import CASE, EDITOR
from tests.web_samples import KEY, Visitor, words

from liverboard.clinical.dictionary import load_dictionary
from liverboard.errors import BadInput
from liverboard.registry.cases import case_as_known
from liverboard.web.site import Site
from liverboard.web.suppose import suppose

DAY = dt.date(2024, 6, 1)
WHAT_IF = "/cases/lyon/NELM-1/what-if"


def test_what_follows_from_a_supposed_fact_follows() -> None:
    found = suppose(CASE, DAY, {"differentiation": "well", "ki67_percent": "25"}, {}).weighed.facts
    assert found.value("ki67_percent") == 25
    assert found.value("who_grade") == "G3"
    assert found.value("bilirubin_umol_l") == pytest.approx(11.97, rel=1e-3)


def test_units_are_read_and_a_derived_fact_is_set() -> None:
    found = suppose(CASE, DAY, {"bilirubin_umol_l": "2", "who_grade": "NEC"}, {"bilirubin_umol_l": "mg/dL"}).weighed
    assert found.facts.value("bilirubin_umol_l") == pytest.approx(34.2, rel=1e-3)
    assert found.facts.value("who_grade") == "NEC"


def test_a_fact_can_be_taken_away() -> None:
    assert suppose(CASE, DAY, {"primary_site": "not known"}, {}).weighed.facts.value("primary_site") is None


@pytest.mark.parametrize("name", load_dictionary())
def test_every_fact_can_be_supposed(name: str) -> None:
    fact = load_dictionary()[name]
    low = "1" if fact.plausible is None else f"{fact.plausible[0]:g}"
    text = {"boolean": "yes", "enum": fact.values[0] if fact.values else "", "integer": low, "number": low}[fact.type]
    found = suppose(CASE, DAY, {name: text}, {}).weighed.facts
    expected = {"boolean": True, "enum": text}.get(fact.type) if fact.type in {"boolean", "enum"} else float(text)
    assert found.value(name) == (pytest.approx(expected) if isinstance(expected, float) else expected)


def test_a_value_that_is_none_is_named() -> None:
    with pytest.raises(BadInput) as caught:
        suppose(CASE, DAY, {"lesion_count": "many", "inr": "-", "ascites": "lots", "cirrhosis": "maybe"}, {})
    assert {each.field for each in caught.value.problems} == {"lesion_count", "inr", "ascites", "cirrhosis"}


def test_the_page_shows_what_moves_and_keeps_nothing(site: Site, viewer: Visitor) -> None:
    assert viewer.get(WHAT_IF).status_code == 200
    response = viewer.post(WHAT_IF, {"portal_vein": "main", "bilirubin_umol_l": "80"})
    assert response.status_code == 200
    assert "What would move" in words(response)
    assert "80" in words(response)
    wrong = viewer.post(WHAT_IF, {"bilirubin_umol_l": "many"})
    assert wrong.status_code == 400
    part = viewer.post(WHAT_IF, {"bilirubin_umol_l": "80"}, headers={"hx-request": "true"})
    assert "<html" not in part.text
    assert case_as_known(site.store, EDITOR, KEY).version == 1


def test_a_share_is_supposed_in_percent_as_its_input_says(viewer: Visitor) -> None:
    found = suppose(CASE, DAY, {"lung_shunt_fraction": "5"}, {}).weighed.facts
    assert found.value("lung_shunt_fraction") == pytest.approx(0.05)
    assert '<span class="unit">%</span>' in viewer.get(WHAT_IF).text.split('id="lung_shunt_fraction"')[1][:200]
