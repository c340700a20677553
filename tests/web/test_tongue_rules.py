"""French of the rules: every sentence of every rule and of what is shown beside the options, and all that an option's line and card put around them."""

from __future__ import annotations

import ast
import datetime as dt
import itertools
import re
import string
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from liverboard.board.dossier import Dossier
from liverboard.board.load import open_case, sample_names
from liverboard.board.prepare import prepare_dossier
from liverboard.clinical.dictionary import all_definitions
from liverboard.clinical.events import Case
from liverboard.evidence.dictionary import define
from liverboard.options.catalogue import load_catalogue
from liverboard.options.policy import packaged, policy_of
from liverboard.options.report import OptionsReport, Reason
from liverboard.options.weigh import weigh_case
from liverboard.options.words import EFFECT_WORDS, state_words
from liverboard.phantom.cohort import CohortPlan, draw_people
from liverboard.phantom.cohort_story import case_of
from liverboard.report.html import render_sections
from liverboard.report.options_view import OptionCard, OptionsView, Piece, ReasonView, options_view
from liverboard.report.words import THIN
from liverboard.rules.load import LESIONS
from liverboard.web.tongue import Tongue, say_page

ROOT = Path(__file__).parents[2]
PACKAGE = Path(str(files("liverboard")))
PO = PACKAGE / "web" / "locale" / "fr" / "LC_MESSAGES" / "rules.po"
VIGNETTES = sorted(p for p in (ROOT / "tests" / "vignettes").glob("vig-*.yaml") if ".expected" not in p.name)
ROOMS = (
    "options/words.py", "options/history.py", "options/weigh.py", "options/policy.py", "options/catalogue.py",
    "report/options_view.py", "report/expected_view.py", "report/words.py", "board/minutes.py",
)  # fmt: skip
PLACE = re.compile(r"\{[=n]?\d+\}")
POLICY = """
centre: Somewhere
approved_by: A. Board
date: 2024-05-01
jurisdiction: US
rules:
  - {id: transplantation_age, action: off, reason: 'we look at fitness; not at age: never'}
  - {id: resin_lung_shunt, action: tighten, when: lung_shunt_fraction > 0.1, reason: 'we stop, earlier'}
  - {id: embolisation_burden, action: tighten, when: liver_burden_percent > 5, reason: 'we stop, earlier'}
  - {id: ablation_lesion_over_40_mm, action: tighten, when: lesion_longest_mm > 20, reason: r}
  - {id: own, action: add, option: surveillance, effect: contraindication, when: ecog >= 0, reason: 'caution, holds; our own words'}
"""


def says_of(sentence: str) -> str:
    """The sentence of a rule as an entry: its facts are numbered places, the names of lesions stay as they are."""
    made: list[str] = []
    names: list[str] = []
    for literal, name, _, _ in string.Formatter().parse(sentence):
        made.append(literal)
        if name is not None:
            names.append(name)
            made.append(f"{{{'=' if name == LESIONS else ''}{len(names)}}}")
    return " ".join("".join(made).split())


def knowledge() -> Iterator[str]:
    catalogue = load_catalogue()
    for each in catalogue.rules:
        yield from (says_of(each.rule.says), each.rule.because)
    for note in catalogue.disagreements:
        yield from (note.topic, note.handling, *(position.says for position in note.positions))
    for statement in (*catalogue.equipoise, *catalogue.context):
        yield statement.says


def subject() -> set[str]:
    return {" ".join(text.split()) for text in knowledge()}


@pytest.fixture(scope="module")
def entries() -> dict[str, str]:
    with PO.open("rb") as file:
        catalogue = read_po(file, locale="fr", domain="rules")
    assert not [message.id for message in catalogue if message.fuzzy]
    return {str(message.id): str(message.string) for message in catalogue if message.id}


def cases() -> Iterator[tuple[Case, dt.date]]:
    """The samples, the vignettes, and 30 synthetic cases, each with a day to look at it."""
    opened = [*(open_case(None, sample=name) for name in sample_names()), *map(open_case, VIGNETTES)]
    for case in (*(each.case for each in opened), *map(case_of, draw_people(CohortPlan(cases=30)))):
        yield case, case.as_of or max(event.date for event in case.events)


@pytest.fixture(scope="module")
def reports() -> list[OptionsReport]:
    return [weigh_case(case, day, packaged()) for case, day in cases()]


@pytest.fixture(scope="module")
def dossiers() -> list[Dossier]:
    """Some of the cases as they are prepared, some of those under a centre's policy too."""
    rules = policy_of(POLICY, "policy.yaml")
    some = list(cases())[::6]
    made = [prepare_dossier(case, folder=None, as_of=day) for case, day in some]
    return made + [prepare_dossier(case, folder=None, as_of=day, ruleset=rules) for case, day in some[::3]]


@pytest.fixture(scope="module")
def spoken(entries: dict[str, str], dossiers: list[Dossier]) -> Tongue:
    """The rules' own entries; labels, values, units, ages and outcomes are the words of other subjects and stand for themselves."""
    others: set[str] = {"yes", "no", "same day", "progression", "toxicity", "completed", "other"}
    for fact in all_definitions().values():
        others |= {fact.label, fact.who_supplies, *(value.replace("_", " ") for value in fact.values)}
    others |= {f"{{n1}} {unit}" for unit in ("day", "days", "month", "months", "year", "years")}
    units = filter(None, (fact.unit for fact in all_definitions().values()))
    others |= {
        f"{{n1}} {unit.replace('umol', 'µmol').replace('10^9', '10⁹').replace('x ULN', '× ULN')}" for unit in units
    }
    for dossier in dossiers:
        for evidence in filter(None, dossier.evidence.options.values()):
            for each in evidence.outcomes:
                others |= {define(each.outcome).label, each.banner, each.rate_level, each.comparison_level}
    return Tongue("fr", {**{word: word for word in others if word}, **entries}.items())


def shown(view: OptionsView) -> Iterator[str]:
    """What stands on the page, text node by text node, but for ids, conditions, references and a centre's own sentences."""
    yield from (*nodes(view.basis_pieces), view.absent)
    for line in view.lines:
        yield from (
            line.word,
            "" if line.typed else line.says,
            line.more,
            line.stale,
            line.given,
            line.off,
            *(o.name for o in line.options),
        )
        for cell in line.cells:
            yield from (cell.name, cell.says, cell.sure)
    for card in view.cards:
        yield from _of_card(card)
    for note in (*view.equipoise, *view.context):
        yield from (note.options, note.says)
    for differ in (*view.differences, *view.elsewhere):
        yield from (differ.topic, differ.place.capitalize(), differ.options, differ.handling)
        yield from (says for says, _ in differ.positions)
    for deviation in (*view.deviations, *view.aside):
        yield from (
            deviation.options,
            deviation.what,
            *nodes(deviation.why_pieces),
            "" if deviation.typed else deviation.says,
        )


def nodes(pieces: tuple[Piece, ...]) -> Iterator[str]:
    """The texts between somebody's own words."""
    for typed, run in itertools.groupby(pieces, lambda piece: piece.typed):
        if not typed:
            yield "".join(piece.text for piece in run)


def _of_card(card: OptionCard) -> Iterator[str]:
    yield from (card.name, card.word, card.more_words)
    for label, says in card.notes:
        yield from (label, says)
    for reason in (*card.reasons, *card.more):
        yield from _of_reason(reason)
    if card.expected is not None:
        yield from (row.rate for row in card.expected.rows if row.rate.startswith("not rated:"))


def _of_reason(reason: ReasonView) -> Iterator[str]:
    yield from (reason.state, "" if reason.typed else reason.says, reason.hangs_on, reason.stale, reason.by)
    yield from (
        *(tag.text for tag in reason.tags if not tag.typed),
        *reason.lesions,
        *nodes(reason.override_pieces),
        *(source.says for source in reason.sources),
    )


def test_every_sentence_of_the_rules_has_its_entry(entries: dict[str, str]) -> None:
    texts = subject()
    assert len(texts) > 500
    assert sorted(texts - set(entries)) == [], "add them to rules.po, then: make translations"


def test_what_the_rules_say_of_real_cases_is_said(spoken: Tongue, reports: list[OptionsReport]) -> None:
    options = [option for report in reports for option in report.options]
    texts = {reason.says for option in options for reason in option.reasons}
    texts |= {"; ".join(option.given_before) for option in options}
    assert len(texts) > 500
    _all_said(spoken, texts)


def test_all_that_lines_and_cards_show_is_said(spoken: Tongue, dossiers: list[Dossier]) -> None:
    texts = {text for dossier in dossiers for text in shown(options_view(dossier)) if text}
    assert len(texts) > 900
    _all_said(spoken, texts)


def _all_said(spoken: Tongue, texts: set[str]) -> None:
    lacking = {text: said.lacking for text in texts if (said := spoken.say(text)).lacking}
    assert lacking == {}, "add them to rules.po, then: make translations"


def test_places_figures_and_marks_are_those_of_the_english(entries: dict[str, str]) -> None:
    figure = re.compile(r"\d+(?:[.,]\d+)?")
    for written, said in entries.items():
        assert said.strip(), written
        assert sorted(PLACE.findall(written)) == sorted(PLACE.findall(said)), written
        assert sorted(figure.findall(PLACE.sub("", written))) == sorted(figure.findall(PLACE.sub("", said))), written
        assert "\u2019" not in said, written  # the files write the straight apostrophe
    assert list(entries) == sorted(entries)


@pytest.mark.parametrize(
    ("english", "french"), [("unverified", "vérifié"), ("not seen", "vue?s?"), ("unproven", "prouvé")]
)
def test_what_was_not_verified_stays_so(entries: dict[str, str], english: str, french: str) -> None:
    found = [said for written, said in entries.items() if re.search(rf"\b{english}\b", written)]
    assert found
    for said in found:
        assert re.search(rf"\b(?:non|n'a|n'ont|n'est|pas)\b.*\b{french}", said), said


def test_no_entry_is_left_over(entries: dict[str, str]) -> None:
    """What is no sentence of the knowledge is made of words that the rooms write."""
    known = {word for room in ROOMS for word in _written(PACKAGE / room)}
    known |= {f"{word}s" for word in known}
    known |= {word for each in load_catalogue().rules for word in _words(each.rule.edition or "")}
    for entry in set(entries) - subject():
        assert set(_words(PLACE.sub(" ", entry))) - known == set(), entry


def _written(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield from _words(node.value.replace("_", " "))


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.lower())


@pytest.mark.parametrize(
    ("english", "french"),
    [
        ("contraindication, holds", "contre-indication, s'applique"),
        ("caution, not known", "motif de prudence, inconnu"),
        ("requirement, not met", "condition requise, non remplie"),
        ("(and 2 more cautions)", "(et 2 autres motifs de prudence)"),
        (f"and 8{THIN}more reasons, one that decides", "et 8 autres motifs, dont un qui décide"),
        ("SIRT (resin, glass)", "SIRT (résine, verre)"),
        (
            "lanreotide from 2021-06, until 2024-03, stopped for progression; tae 2024-04",
            "lanréotide à partir de 2021-06, jusqu'au 2024-03, motif d'arrêt : progression ; TAE 2024-04",
        ),
        ("Weighed by rules, not decided; policy of ", "Pesé par des règles, non décidé ; politique de "),
        ("a label of EU, UK; this centre works under US", "une notice de EU, UK ; ce centre travaille sous US"),
        (
            "L1, L2 over 40 mm: one radiofrequency zone of 3 to 5 cm leaves no margin of 5 mm all round. Plan overlapping zones or another technique.",
            "L1, L2 de plus de 40 mm : une seule zone de radiofréquence de 3 à 5 cm ne laisse pas une marge de 5 mm tout autour. Prévoir des zones qui se chevauchent ou une autre technique.",
        ),
        (
            "ECOG 3: above 2 the glass label contraindicates.",
            "ECOG 3 : au-dessus de 2, la notice du verre contre-indique.",
        ),
    ],
)  # fmt: skip
def test_sentences_read_as_a_board_reads_them(spoken: Tongue, english: str, french: str) -> None:
    assert re.sub(r"[\u00a0\u202f]", " ", spoken.say(english).text) == french.replace(THIN, " ")


def test_a_centres_own_words_are_marked_as_not_to_translate(dossiers: list[Dossier]) -> None:
    """They could be cut into pieces that happen to have an entry."""
    views = [options_view(dossier) for dossier in dossiers if dossier.options.policy]
    own = [
        r for v in views for c in v.cards for r in (*c.reasons, *c.more) if r.says == "caution, holds; our own words"
    ]
    assert own
    assert all(reason.typed for reason in own)
    others = [r for v in views for c in v.cards for r in (*c.reasons, *c.more) if r.rule != "own"]
    assert not any(reason.typed for reason in others)
    typed = {p.text for v in views for c in v.cards for r in c.reasons for p in r.override_pieces if p.typed}
    assert {"we stop, earlier", "Somewhere (A. Board, ", "lesion_longest_mm > 40"} <= typed
    assert {line.typed for v in views for line in v.lines if "our own words" in line.says} == {True}


def test_the_country_of_a_label_is_no_ultrasound(dossiers: list[Dossier]) -> None:
    """US is both in English, and the French of a page has only its letters."""
    pages = [say_page("fr", render_sections(dossier, {"options"})) for dossier in dossiers[:6]]
    codes = {
        code for page in pages for code in re.findall(r'<bdi translate="no">([A-Z]{2,}(?:, [A-Z]{2,})*)</bdi>', page)
    }
    assert any("US" in code.split(", ") for code in codes)
    assert not any("échographie</bdi></span>" in page for page in pages)


def test_states_and_changes_of_every_effect_agree_in_gender(entries: dict[str, str]) -> None:
    """So each pair has an entry of its own."""
    for effect, word in EFFECT_WORDS.items():
        for state in ("true", "false", "unknown"):
            assert f"{word}, {state_words(Reason.model_construct(effect=effect, state=state))}" in entries
        for action in ("added", "tightened", "switched off", "set aside"):
            assert f"{word}, {action}" in entries
