"""French of the table of sources: how each reference was verified and which pages of each study were read; citations stay as they are printed."""

from __future__ import annotations

import re

import pytest

from liverboard.board.load import open_case
from liverboard.board.prepare import prepare_dossier
from liverboard.evidence.catalogue import load_catalogue
from liverboard.knowledge import load_references
from liverboard.report.html import render_sections
from liverboard.web.tongue import catalogue, lacking, say, say_page

PLACE = re.compile(r"\{[=n]?\d+\}")
FIGURE = re.compile(r"\d+(?:[.,]\d+)?")


@pytest.fixture(scope="module")
def entries() -> dict[str, str]:
    found = catalogue("fr", "sources")
    assert found is not None
    return {str(message.id): str(message.string) for message in found if message.id}


def verified() -> set[str]:
    return {" ".join(each.how.split()) for each in load_references().values()}


def read() -> set[str]:
    return {arm.extracted_from for arm in load_catalogue().arms.values()}


def test_every_note_has_its_french(entries: dict[str, str]) -> None:
    assert len(verified()) > 150
    assert sorted(verified() - set(entries)) == [], "add them to sources.po"
    notes = {*(f"Verified: {each}" for each in verified()), *(f"Read: {each}" for each in read())}
    assert {note: left for note in notes if (left := lacking("fr", note.replace("<", "&lt;")))} == {}


def test_notes_of_two_studies_in_one_line_are_said() -> None:
    said = " ".join(say("fr", "Read: PMC3596485 (abstract); DOI:10.5152/dir.2014.14036 (abstract page)").split())
    assert said == "Lu : PMC3596485 (résumé) ; DOI:10.5152/dir.2014.14036 (page du résumé)"


def test_no_entry_is_left_over(entries: dict[str, str]) -> None:
    parts = {part for each in read() for part in (*re.split(r" \(|\)", each), *each.split("; "))}
    texts = {*verified(), *read(), *parts, "Read: x", "Verified: x"}
    for entry in entries:
        shape = re.compile(".+?".join(map(re.escape, PLACE.split(entry))))
        assert any(shape.fullmatch(text) for text in texts), entry


def test_places_figures_and_order_are_those_of_the_english(entries: dict[str, str]) -> None:
    assert list(entries) == sorted(entries)
    for written, said in entries.items():
        assert said.strip(), written
        assert sorted(PLACE.findall(written)) == sorted(PLACE.findall(said)), written
        assert sorted(FIGURE.findall(PLACE.sub("", written))) == sorted(FIGURE.findall(PLACE.sub("", said))), written


def test_what_was_not_seen_stays_so(entries: dict[str, str]) -> None:
    found = [said for written, said in entries.items() if re.search(r"\bnot seen\b", written)]
    assert len(found) > 20
    for said in found:
        assert re.search(r"\b(?:non vue?s?|n'a pas été vue?|n'ont pas été vue?s?|n'ont été vue?s?)\b", said), said


def test_the_table_of_sources_is_french_but_for_the_citations() -> None:
    opened = open_case(None, sample="typed-in")
    assert opened.case.as_of is not None
    dossier = prepare_dossier(opened.case, folder=None, as_of=opened.case.as_of)
    html = render_sections(dossier, {"provenance"})
    assert "Verified: " in html
    assert "Read: " in html
    page = say_page("fr", html)
    assert "Vérification\u00a0: " in page
    for english in ("Verified: ", "Read: ", " seen", "abstract page"):
        assert english not in re.sub(r'<(\w+)[^>]*translate="no".*?</\1>', "", page), english
    for citation in re.findall(r'<bdi translate="no">([^<]*)</bdi>', html):
        assert citation in page
    notes = re.findall(r"</bdi> ((?:Verified|Read): [^<]*?) *<span", html)
    assert len(notes) > 20
    assert [note for note in notes if lacking("fr", note)] == []
