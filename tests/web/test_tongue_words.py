"""French of the dictionary and the models: every word, label, definition and question that they hold is said in French, in full, and none besides."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

import pytest
from babel.messages.pofile import read_po
from pydantic import BaseModel
from tests.registry_samples import EDITOR
from tests.web_samples import KEY, Visitor
from tests.web_samples import words as shown

from liverboard.board.procedure_checklists import Item, load_checklists
from liverboard.clinical.dictionary import all_definitions
from liverboard.clinical.events import EVENT_KINDS, Case, Technique, details_type
from liverboard.embolisation.staging import staging_knowledge
from liverboard.knowledge import load_yaml
from liverboard.options import words as option_words
from liverboard.options.report import Reason
from liverboard.registry.cases import append_events
from liverboard.report import words as report_words
from liverboard.web.drafts import WITH_DETAILS
from liverboard.web.forms import Group, groups_of
from liverboard.web.site import Site
from liverboard.web.suppose import inputs
from liverboard.web.tongue import Tongue, say, word

PO = Path(str(files("liverboard.web"))) / "locale" / "fr" / "LC_MESSAGES" / "words.po"
FREE_TEXT = {"name", "label", "note", "edition", "derived_from"}  # keys of the constants that hold what is read
PLACE = re.compile(r"\{[=n]?\d+\}")


def facts() -> Iterator[str]:
    for fact in all_definitions().values():
        yield from (fact.label, fact.group, fact.definition, fact.asks_for, fact.who_supplies, *map(plain, fact.values))
        yield from filter(None, (fact.derivation, fact.hint, fact.stale_source, fact.unit, *fact.likely_units))


def models() -> Iterator[str]:
    """The kinds of events, their fields and the words that a field allows, those of every technique among them."""
    yield from map(plain, EVENT_KINDS)
    yield from map(plain, get_args(Technique))
    found = [details_type(technique) for technique in get_args(Technique)]
    seen: set[type[BaseModel]] = set()
    for model in (Case, *EVENT_KINDS.values(), *filter(None, found)):
        yield from _fields(model, seen)


def _fields(model: type[BaseModel], seen: set[type[BaseModel]]) -> Iterator[str]:
    if model in seen:
        return
    seen.add(model)
    for name, info in model.model_fields.items():
        yield plain(name)
        yield from _words(info.annotation, seen)


def _words(annotation: object, seen: set[type[BaseModel]]) -> Iterator[str]:
    if isinstance(annotation, str):
        yield plain(annotation)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield from _fields(annotation, seen)
    for part in get_args(annotation):
        yield from _words(part, seen)


def procedures() -> Iterator[str]:
    for checklist in load_checklists():
        yield checklist.title
        for item in checklist.items:
            yield item.asks
            yield from filter(None, (item.why,))
    yield from get_args(Item.model_fields["need"].annotation)
    known = staging_knowledge()
    yield from (each.says for each in known.published)
    yield from (text for check in known.checks for text in (check.what, check.says))
    yield from (each.says for each in known.conventions.values())


def constants() -> Iterator[str]:
    for name in ("response", "sirt", "sirt_kernels", "sirt_limits"):
        yield from _free_text(load_yaml(f"constants/{name}.yaml"))
    yield from load_yaml("constants/sirt_limits.yaml")["conditions"].values()
    yield from map(plain, load_yaml("constants/sirt_limits.yaml")["scenarios"])
    yield from _free_text(load_yaml("devices/microspheres.yaml"))
    yield from _free_text(load_yaml("anatomy/pattern.yaml"))
    yield load_yaml("anatomy/pattern.yaml")["verification"]
    yield from load_yaml("anatomy/resections.yaml")["resections"]
    groups = load_yaml("anatomy/segments.yaml")
    yield from map(plain, (*groups["hemiliver"], *groups["section"]))


def _free_text(content: Any, key: str = "") -> Iterator[str]:
    if isinstance(content, dict):
        for inner, value in content.items():
            yield from _free_text(value, str(inner))
    elif isinstance(content, list):
        for value in content:
            yield from _free_text(value, key)
    elif isinstance(content, str) and key in FREE_TEXT:
        yield content


def words() -> Iterator[str]:
    """Of options, verdicts, states, sources."""
    for table in (
        option_words.OPTION_WORDS,
        option_words.VERDICT_WORDS,
        option_words.EFFECT_WORDS,
        option_words.CLASS_WORDS,
    ):
        yield from table.values()
    for option in option_words.OPTION_WORDS:
        yield option_words.short_words([option])
    for effect in get_args(Reason.model_fields["effect"].annotation):
        for state in get_args(Reason.model_fields["state"].annotation):
            made = Reason.model_construct(effect=effect, state=state)
            yield option_words.state_words(made)
    for table in (report_words.VERIFICATION, report_words.MODALITY, report_words.SEX):
        yield from table.values()
    yield from (report_words.unit_words(unit) for unit in ("year", "month", "day", "x_uln"))
    yield from ("yes", "no", report_words.NOT_KNOWN)


def forms() -> Iterator[str]:
    """What a generated form shows: labels, helps, choices, units."""
    groups: list[Group] = list(inputs(()))
    for kind in EVENT_KINDS:
        for technique in (None, *get_args(Technique)) if kind in WITH_DETAILS else (None,):
            groups += groups_of(kind, technique)
    for group in groups:
        yield group.label
        for each in group.fields:
            yield from (each.label, each.help, *map(plain, each.choices), *map(report_words.unit_words, each.units))


def plain(name: object) -> str:
    return str(name).replace("_", " ")


def subject() -> set[str]:
    made = (facts(), models(), procedures(), constants(), words(), forms())
    return {" ".join(text.split()) for part in made for text in part if text}


@pytest.fixture(scope="module")
def entries() -> dict[str, str]:
    with PO.open("rb") as file:
        catalogue = read_po(file, locale="fr", domain="words")
    assert not [message.id for message in catalogue if message.fuzzy]
    return {str(message.id): str(message.string) for message in catalogue if message.id}


def test_every_text_is_said(entries: dict[str, str]) -> None:
    spoken = Tongue("fr", entries.items())
    texts = subject()
    assert len(texts) > 1000
    lacking = {text: said.lacking for text in texts if (said := spoken.say(text)).lacking}
    assert lacking == {}, "add them to words.po, then: make translations"


def test_values_have_the_same_places(entries: dict[str, str]) -> None:
    for written, said in entries.items():
        assert said.strip(), written
        assert sorted(PLACE.findall(written)) == sorted(PLACE.findall(said)), written


def test_no_entry_is_left_over(entries: dict[str, str]) -> None:
    """Every entry without places is one of the texts, and each with places is the shape of one."""
    texts = subject()
    whole = {entry for entry in entries if not PLACE.search(entry)}
    assert sorted(whole - texts) == []
    for entry in set(entries) - whole:
        shape = re.compile(".+?".join(map(re.escape, PLACE.split(entry))))
        assert any(shape.fullmatch(text) for text in texts), entry


FRENCH = {"accept-language": "fr"}
CASE = "/cases/lyon/NELM-1"
SHOWN = re.compile(r"<(?:label|option|legend|summary|span class=\"(?:help|unit)\")[^>]*>([^<]+)")


def test_no_form_speaks_english(editor: Visitor, entries: dict[str, str]) -> None:
    spoken = Tongue("fr", entries.items())
    english = {text for text in subject() if spoken.say(text).text != text} - set(entries.values())
    pages = ["/cases/new", f"{CASE}/what-if", *(f"{CASE}/events/new?kind={kind}" for kind in EVENT_KINDS)]
    pages += [f"{CASE}/events/new?kind=procedure&technique={each}" for each in get_args(Technique)]
    seen: set[str] = set()
    for page in pages:
        texts = {" ".join(unescape(text).split()) for text in SHOWN.findall(editor.get(page, headers=FRENCH).text)}
        assert texts & english == set(), page
        seen |= texts
    assert {"bilirubine", "Krenning 0-4", "EORTC : GI.NET21", "part du foie restant", "TEP SSTR"} <= seen
    assert any("Plausible : 0 à 4." in text for text in seen)


def test_what_a_person_typed_stays(site: Site, editor: Visitor) -> None:
    """Words of the models are said, the same word typed as a note is not; rows of a list keep their number."""
    lesions = [{"id": "L1", "longest": "21 mm", "hypervascular": True}]
    event = {"kind": "imaging", "date": "2024-06-03", "portal_vein": "branch", "note": "branch", "lesions": lesions}
    with site.store.transaction(EDITOR) as tx:
        append_events(tx, KEY, [event], 1)
    page = shown(editor.get(f"{CASE}/events", headers=FRENCH))
    assert "note branch" in page
    assert "veine porte branche" in page
    assert "lésions 1 · plus grand diamètre 21" in page
    assert "lésions 1 · hypervasculaire oui" in page


def test_a_word_is_not_bent_to_the_sentences_of_other_subjects() -> None:
    assert word("fr", "primary_site") == "siège primitif"
    assert word("en", "primary_site") == "primary site"
    assert word("fr", "somebody's own") == "somebody's own"
    assert say("en", "hormone syndrome") == "hormone syndrome"
