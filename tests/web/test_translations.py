"""The French words: every sentence of every page has one, with the same places for values."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from tests.web_samples import Visitor, words

from liverboard.web.screens import SCREENS
from liverboard.web.tongue import LANGUAGES, catalogue

WEB = Path(str(files("liverboard.web")))
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
OPTIONS = {"templates/**.html": {"newstyle_gettext": "true"}}
OTHERS = [language for language in LANGUAGES if language != "en"]
_PLACE = re.compile(r"%\(\w+\)s|%%")


@pytest.fixture(scope="module")
def spoken() -> dict[str, tuple[str, ...]]:
    """Every sentence of ours, with its plural where it has one."""
    found: dict[str, tuple[str, ...]] = {}
    for _, _, message, _, _ in extract_from_dir(WEB, METHODS, OPTIONS):
        sentence = (message,) if isinstance(message, str) else tuple(message)
        found[sentence[0]] = sentence
    assert len(found) > 400
    return found


@pytest.fixture(scope="module", params=OTHERS)
def written(request: pytest.FixtureRequest) -> tuple[str, Catalog]:
    found = catalogue(request.param, "liverboard")
    assert found is not None
    return request.param, found


def _said(message: Message) -> tuple[str, ...]:
    return (message.string,) if isinstance(message.string, str) else tuple(message.string)


def test_every_sentence_is_translated(spoken: dict[str, tuple[str, ...]], written: tuple[str, Catalog]) -> None:
    _, catalogue = written
    lacking = [sentence for sentence in spoken if sentence not in catalogue or not all(_said(catalogue[sentence]))]
    assert lacking == [], "add them to the .po, then: make translations"
    assert not [message.id for message in catalogue if message.fuzzy]


def test_no_sentence_is_left_over(spoken: dict[str, tuple[str, ...]], written: tuple[str, Catalog]) -> None:
    keys = {m.id if isinstance(m.id, str) else m.id[0] for m in written[1] if m.id}
    assert sorted(keys - set(spoken)) == []


def test_values_have_the_same_places(spoken: dict[str, tuple[str, ...]], written: tuple[str, Catalog]) -> None:
    for sentence, forms in spoken.items():
        places = {tuple(sorted(_PLACE.findall(form))) for form in forms}
        for said in _said(written[1][sentence]):
            assert tuple(sorted(_PLACE.findall(said))) in places, sentence
            assert "<" not in said.replace("<bdi>", ""), sentence


def test_a_page_speaks_the_language_that_was_chosen(viewer: Visitor) -> None:
    assert viewer.post("/language", {"language": "fr", "back": "/cases"}).status_code == 303
    page = viewer.get("/cases")
    assert '<html lang="fr">' in page.text
    assert "Le pseudonyme commence par" in words(page)
    for screen in SCREENS:
        assert viewer.get(f"/help/{screen}").status_code == 200
    assert '<html lang="de">' not in viewer.get("/cases", headers={"accept-language": "de"}).text


def test_a_browser_that_asks_for_french_gets_it(viewer: Visitor) -> None:
    assert "Se déconnecter" in viewer.get("/cases", headers={"accept-language": "fr-FR,fr;q=0.9,en;q=0.5"}).text


@pytest.mark.parametrize("path", ["/agenda", "/meetings", "/cases/new", "/cases/lyon/NELM-1", "/cases/lyon/NELM-1/events/new?kind=procedure&technique=tae", "/cases/lyon/NELM-1/what-if", "/cohort", "/account", "/people", "/trail"])  # fmt: skip
def test_every_page_is_there_in_french(site: object, path: str) -> None:
    visitor = Visitor(site, "admin" if path in {"/people", "/trail"} else "chair")  # type: ignore[arg-type]
    page = visitor.get(path, headers={"accept-language": "fr"})
    assert page.status_code == 200
    assert "Project-Id-Version" not in page.text, "an empty text was looked up"


def test_the_margins_of_printed_pages_speak_the_language_of_the_page(viewer: Visitor) -> None:
    theme, sections = viewer.get("/static/theme.css").text, viewer.get("/static/dossier.css").text
    french = theme.split(":root:lang(fr)")[1].split("}")[0]
    assert "Usage de recherche" in french
    assert '"page " counter(page) " sur " counter(pages)' in french
    margins = re.findall(r"@(?:top|bottom)-\w+\{content:([^;]*);", sections)
    assert margins
    assert all(each.startswith("var(--") for each in margins), "a word of the margin is in no catalogue"
