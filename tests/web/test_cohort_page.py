"""The page of the cohort: rows are read once a version, of one's own centre only, and a page does not wait for all of them."""

from __future__ import annotations

import datetime as dt
import time

import pytest
from tests.registry_samples import EDITOR, LABS
from tests.web_samples import KEY, Visitor, words

from liverboard.board.cohort_summary import DAYS_A_MONTH
from liverboard.clinical.events import Case, Procedure
from liverboard.clinical.sirt_details import SirtDetails
from liverboard.phantom.cohort import CohortPlan, draw_people
from liverboard.phantom.cohort_story import case_of
from liverboard.registry.cases import add_case, append_events, list_cases
from liverboard.web import cohort_table, read_cohort
from liverboard.web.routes.cohort import percent_words
from liverboard.web.site import Site


def treated(
    number: int, technique: str, *, months: int, died: bool, again_days: int | None = None, **facts: str
) -> Case:
    """A case with a first treatment, a second session where asked for, and so many months of follow-up from the first on."""
    start = dt.date(2020, 1, 15)
    end = start + dt.timedelta(days=round(months * DAYS_A_MONTH))
    session = {"kind": "procedure", "technique": technique}
    events = [
        {"kind": "diagnosis", "id": "d", "date": "2019-12-01", "primary_site": "ileum", **facts},
        {**session, "id": "p1", "date": start.isoformat(), "session": 1},
        {"kind": "status", "id": "s", "date": end.isoformat(), "state": "dead" if died else "alive"},
    ]
    if again_days is not None:
        events.append(
            {**session, "id": "p2", "date": (start + dt.timedelta(days=again_days)).isoformat(), "session": 2}
        )
    return Case.model_validate({"case": f"T-{number}", "centre": "lyon", "sex": "female", "events": events})


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


def test_a_median_that_a_cut_curve_does_not_reach_is_not_called_unreached(site: Site, viewer: Visitor) -> None:
    """Those followed longest died, but after the curve is cut at five people: nobody may read that half of them live on."""
    with site.store.transaction(EDITOR) as tx:
        for number in range(9, 29):
            add_case(tx, "lyon", treated(number, "ctace", months=10 + number, died=number % 3 == 0 or number > 23))
        for number in range(30, 42):
            add_case(tx, "lyon", treated(number, "tae", months=number - 10, died=number < 36))
        for number in range(50, 59):  # hidden, so that the one case without a treatment cannot be worked out
            add_case(tx, "lyon", treated(number, "debtace", months=10, died=False))
    group = next(g for g in viewer.json("/cohort")["cohort"]["groups"] if g["name"] == "ctace")
    assert group["median_months"] is None and group["curve_ends_months"] == pytest.approx(34, abs=0.1)
    page = words(viewer.get("/cohort"))
    assert ": median not reached before the curve ends" in page
    assert "not reached before the curve ends, at 34.0" in page
    assert "TAE 30.0 too few followed &lt;5" in page
    viewer.post("/language", {"language": "fr"})
    page = words(viewer.get("/cohort"))
    assert "médiane non atteinte avant la fin de la courbe" in page and "trop peu de sujets suivis" in page
    assert "non atteinte avant la fin de la courbe, à 34.0" in page


def test_a_filter_that_would_give_a_small_count_away_is_refused_in_words(site: Site, viewer: Visitor) -> None:
    """30 treated by TAE, 12 by cTACE, 4 with beads, one not: 47 less 30 and 12 is 5, so that each of the last two is known to be somebody."""
    with site.store.transaction(EDITOR) as tx:
        for number in range(46):
            technique = "tae" if number < 30 else "ctace" if number < 42 else "debtace"
            add_case(tx, "lyon", treated(number, technique, months=20 + number % 9, died=number % 2 == 0))
    assert viewer.json("/cohort")["cohort"]["cases"] == 47
    assert viewer.json("/cohort?treatment=tae")["cohort"]["cases"] == 30
    refused = viewer.json("/cohort?treatment=ctace")["cohort"]
    assert refused["cases"] == {"withheld": True}
    assert not (refused["groups"] or refused["completeness"] or refused["rooms"])
    page = viewer.get("/cohort?treatment=ctace")
    assert "a count under five could be worked out" in words(page) and "<svg" not in page.text
    assert '<option value="ctace" selected>' in page.text
    assert '<option value="ctace"' not in viewer.get("/cohort").text
    viewer.post("/language", {"language": "fr"})
    assert "un effectif inférieur à cinq pourrait être déduit" in words(viewer.get("/cohort?treatment=ctace"))


def test_half_days_and_nearly_all_are_not_rounded_away(site: Site, viewer: Visitor) -> None:
    with site.store.transaction(EDITOR) as tx:
        for number in range(10):
            add_case(tx, "lyon", treated(number, "tae", months=20, died=False, again_days=38 + number % 2))
    assert viewer.json("/cohort")["cohort"]["rooms"][0]["interval_days"] == 38.5
    assert "38.5" in words(viewer.get("/cohort"))
    assert [percent_words(p) for p in (0, 0.02, 0.6, 62.4, 99.4, 99.7, 100)] == [
        "0",
        "<1",
        "1",
        "62",
        "99",
        ">99",
        "100",
    ]


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
    reading = viewer.get("/cohort?group=sex&treatment=tae")
    assert "are being read" in words(reading)
    assert 'hx-get="/cohort?group=sex&amp;treatment=tae"' in reading.text  # what was asked for is looked for again
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


def test_an_activity_keeps_the_digits_that_were_given(site: Site, viewer: Visitor) -> None:
    with site.store.transaction(EDITOR) as tx:
        for number in range(10):
            case = treated(number, "sirt_resin", months=20, died=False)
            details = {"details": SirtDetails.model_validate({"injected_activity": "0.77 GBq"})}
            events = tuple(e.model_copy(update=details) if isinstance(e, Procedure) else e for e in case.events)
            add_case(tx, "lyon", case.model_copy(update={"events": events}))
    assert "0.77 GBq" in words(viewer.get("/cohort"))
