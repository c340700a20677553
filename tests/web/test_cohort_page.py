"""The page of the cohort: rows are read once a version, of one's own centre only, and a page does not wait for all of them."""

from __future__ import annotations

import time

import pytest
from tests.registry_samples import EDITOR, LABS
from tests.web_samples import KEY, Visitor, words

from liverboard.phantom.cohort import CohortPlan, draw_people
from liverboard.phantom.cohort_story import case_of
from liverboard.registry.cases import add_case, append_events, list_cases
from liverboard.web import cohort_table, read_cohort
from liverboard.web.site import Site


@pytest.fixture
def filled_site(site: Site) -> Site:
    with site.store.transaction(EDITOR) as tx:
        for person in draw_people(CohortPlan(cases=40)):
            add_case(tx, "lyon", case_of(person).model_copy(update={"centre": "lyon"}))
    return site


def test_a_small_cohort_shows_nothing(viewer: Visitor) -> None:
    assert "Nothing is shown of so few" in words(viewer.get("/cohort"))
    assert viewer.json("/cohort")["cohort"]["cases"] == {"below": 9}


def test_the_cohort_of_a_centre(filled_site: Site, viewer: Visitor) -> None:
    found = viewer.json("/cohort")["cohort"]
    assert found["cases"] == 41
    page = viewer.get("/cohort?group=who_grade")
    assert "SYNTHETIC DATA" in page.text
    assert "<svg" in page.text
    assert viewer.get("/cohort?group=nonsense&sex=%3Cb%3E").status_code == 200
    narrowed = viewer.json("/cohort?sex=female")["cohort"]["cases"]
    assert narrowed in ({"below": 9}, *range(9, 41))
    assert Visitor(filled_site, "stranger").json("/cohort")["cohort"]["cases"] == {"below": 9}


def test_the_curves_are_drawn_in_french(filled_site: Site, viewer: Visitor) -> None:
    viewer.post("/language", {"language": "fr"})
    page = viewer.get("/cohort?group=who_grade").text
    drawn = page[page.index("<svg") : page.rindex("</svg>")]
    for said in ("Sujets à risque", "Survie globale à partir du premier traitement locorégional hépatique (%)", ">mois<", "médiane", "Courbes de Kaplan-Meier"):  # fmt: skip
        assert said in drawn, said
    for english in ("People at risk", "Overall survival", "median ", "not reached", "followed", " people"):
        assert english not in drawn, english


def test_a_row_is_read_again_when_its_case_changed(
    filled_site: Site, viewer: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer.json("/cohort")
    read: list[str] = []
    plain = read_cohort.row_of
    monkeypatch.setattr(read_cohort, "row_of", lambda case, day: (read.append(case.case), plain(case, day))[1])
    viewer.json("/cohort")
    assert read == []
    with filled_site.store.transaction(EDITOR) as tx:
        append_events(tx, KEY, [LABS], 1)
    viewer.json("/cohort")
    assert read == [KEY.case]


def test_a_page_does_not_wait_for_a_long_reading(
    filled_site: Site, viewer: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = read_cohort.row_of
    monkeypatch.setattr(read_cohort, "row_of", lambda case, day: (time.sleep(0.02), plain(case, day))[1])
    monkeypatch.setattr(cohort_table, "WAIT_S", 0.05)
    assert "are being read" in words(viewer.get("/cohort"))
    for _ in range(100):
        if viewer.json("/cohort")["cohort"] is not None:
            break
        time.sleep(0.1)
    assert viewer.json("/cohort")["cohort"]["cases"] == 41


def test_looking_at_the_cohort_is_in_the_trail(filled_site: Site, viewer: Visitor) -> None:
    viewer.get("/cohort")
    entries = Visitor(filled_site, "manager").json("/trail")["entries"]
    assert ("viewer", "cohort.read") in {(e["actor"], e["action"]) for e in entries}
    assert len(list_cases(filled_site.store, EDITOR)) == 41
