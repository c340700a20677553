"""French of a dossier: its sections of whole cases, its course, its liver map and key images, its radioembolisation, and the minutes leave no English."""

from __future__ import annotations

import ast
import datetime as dt
import re
from collections.abc import Iterable, Iterator
from functools import cache
from html import unescape
from importlib.resources import files
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from liverboard.board.dossier import Dossier
from liverboard.board.load import open_case, sample_names
from liverboard.board.minutes import ActionLine, CaseMinutes, Choice, MeetingMinutes, Present
from liverboard.board.prepare import prepare_dossier
from liverboard.phantom.cohort import CohortPlan, draw_people
from liverboard.phantom.cohort_story import case_of
from liverboard.report import minutes as paper
from liverboard.report.html import render_html, render_sections
from liverboard.web.tongue import SUBJECTS, Tongue

ROOT = Path(__file__).parents[2]
PACKAGE = Path(str(files("liverboard")))
LOCALE = PACKAGE / "web" / "locale" / "fr" / "LC_MESSAGES"
SECTIONS = ("board", "checks", "lesions", "facts", "sirt", "history", "events", "provenance")
FEW = 6
MANY = pytest.mark.parametrize("synthetic", [FEW, pytest.param(40, marks=pytest.mark.slow)])
PLACE = re.compile(r"\{[=n]?\d+\}")
SCRIPT = re.compile(r"<(style|script)\b.*?</\1>", re.DOTALL)
TAG = re.compile(r"<(/?)([\w:-]+)([^>]*?)(/?)>|<!--.*?-->", re.DOTALL)
READ_OUT = re.compile(r'\s(?:title|aria-label|alt|data-l)="([^"]*)"')
ENGLISH = re.compile(
    r"\b(the|of|with|and|not|is|are|was|were|by|from|for|to|or|no|yes|which|that|this|has|have|given|stated|known|lesions?|liver|tumour|until|since|most|more)\b",
    re.IGNORECASE,
)
"""Words that French does not have."""


def catalogue(subject: str) -> dict[str, str]:
    place = LOCALE / f"{subject}.po"
    if not place.is_file():
        return {}
    with place.open("rb") as file:
        read = read_po(file, locale="fr", domain=subject)
    assert not [message.id for message in read if message.fuzzy]
    return {str(message.id): str(message.string) for message in read if message.id}


@cache
def dossiers(synthetic: int = FEW) -> tuple[Dossier, ...]:
    """The samples with their images, a course with several procedures, and so many synthetic cases."""
    opened = [open_case(None, sample=name) for name in sample_names()]
    opened += [open_case(path) for path in sorted((ROOT / "tests" / "courses").glob("*.yaml"))]
    whole = [(each.case, each.folder) for each in opened]
    whole += [(case_of(person), None) for person in draw_people(CohortPlan(cases=synthetic))]
    return tuple(
        prepare_dossier(case, folder=folder, as_of=case.as_of or max(event.date for event in case.events))
        for case, folder in whole
    )


@cache
def spoken() -> Tongue:
    """All subjects together, as a page has them."""
    return Tongue("fr", [pair for subject in SUBJECTS for pair in catalogue(subject).items()])


def say(text: str) -> str:
    return spoken().say(text).text


def texts(html: str) -> Iterator[str]:
    """What a page shows and reads out, without what is not to be translated."""
    html = SCRIPT.sub("", html)
    kept: list[str] = []
    at = 0
    for tag in TAG.finditer(html):
        if not kept and html[at : tag.start()].strip():
            yield " ".join(unescape(html[at : tag.start()]).split())
        at = tag.end()
        closes, name, attributes, empty = tag[1], tag[2], tag[3], tag[4]
        if name is None:
            continue
        if closes:
            if kept and name in kept:
                del kept[len(kept) - 1 - kept[::-1].index(name) :]
            continue
        own = 'translate="no"' in attributes
        if not kept and not own:
            yield from (" ".join(unescape(each).split()) for each in READ_OUT.findall(attributes) if each.strip())
        if (kept or own) and not empty and name not in {"br", "img", "use", "path", "rect", "circle"}:
            kept.append(name)


def names(dossier: Dossier) -> set[str]:
    """What a person or a file called something: lesions, structures, adverse events in their own words."""
    found = {lesion.id for lesion in dossier.extent.lesions}
    found |= {event.content.get("term", "") for event in dossier.events}
    if dossier.sirt is not None and dossier.sirt.delivered is not None:
        found |= {dose.name for dose in dossier.sirt.delivered.doses}
    return found - {""}


def left_in_english(text: str, own: Iterable[str]) -> list[str]:
    """The pieces that no entry covers, without names and versions of programs."""
    bare = re.compile("|".join(map(re.escape, sorted(own, key=len, reverse=True))) or "(?!)")
    lacking = spoken().say(text).lacking
    return [
        each
        for each in lacking
        if spoken().say(bare.sub("L1", each)).lacking and not re.fullmatch(r"[\w-]+ \d+(\.\d+)+", each)
    ]


@MANY
@pytest.mark.parametrize("section", SECTIONS)
def test_no_sentence_of_a_section_stays_english(section: str, synthetic: int) -> None:
    found: set[str] = set()
    for dossier in dossiers(synthetic):
        own = names(dossier)
        in_pictures: list[str] = []

        def drawn(text: str, held: list[str] = in_pictures) -> str:
            held.append(text)
            return say(text)

        shown = {*texts(render_sections(dossier, {section}, drawn)), *in_pictures}
        found |= {piece for text in shown for piece in left_in_english(text, own)}
    assert sorted(found) == []


@MANY
@pytest.mark.parametrize("section", SECTIONS)
def test_no_english_word_is_left_in_what_is_said(section: str, synthetic: int) -> None:
    """The catalogue may hold a place that swallows the rest of a sentence: here its words are looked for."""
    found: dict[str, str] = {}
    for dossier in dossiers(synthetic):
        bare = re.compile("|".join(map(re.escape, sorted(names(dossier), key=len, reverse=True))) or "(?!)")
        for text in texts(render_sections(dossier, {section}, say)):
            if ENGLISH.search(bare.sub("", said := say(text))):
                found.setdefault(said, text)
    assert found == {}


def test_what_a_person_typed_stays_as_it_is() -> None:
    """Words that the catalogues know, but a person's own: the question, and why a board chose."""
    opened = open_case(None, sample="typed-in")
    events = [
        event if event.kind != "board" else event.model_copy(update={"reason": "not known"})
        for event in opened.case.events
    ]
    case = opened.case.model_copy(update={"question": "not known", "events": tuple(events)})
    dossier = prepare_dossier(case, folder=None, as_of=case.as_of or dt.date(2024, 6, 20))
    said = [say(text) for text in texts(render_sections(dossier, {"board", "history"}, say))]
    assert "not known" not in said
    html = render_sections(dossier, {"board"}, say)
    assert '<bdi translate="no">not known</bdi>' in html


def test_the_frame_of_a_dossier_is_said() -> None:
    """Head, list of pages, foot and keys of the file; no page of the board room has them."""
    dossier = dossiers()[0]
    html = render_html(dossier)
    frame = html[html.index("<body") : html.index('<section id="board"')] + html[html.index("</main>") :]
    own = {dossier.case, dossier.software.version, dossier.centre or "", "liverboard"} - {""}
    assert [piece for text in texts(frame) for piece in left_in_english(text, own)] == []


def test_pictures_cut_words_of_the_reader_and_are_not_said_twice() -> None:
    dossier = next(each for each in dossiers() if each.timeline is not None and each.timeline.courses)
    board = render_sections(dossier, {"board"}, lambda text: f"«{text}»")
    assert 'translate="no" aria-labelledby="time-title"' in board
    assert "««" not in board
    assert "translate=" not in render_sections(dossier, {"board"}).split('id="time-title"')[0].rsplit("<svg", 1)[1]


def test_values_at_the_ends_of_lines_are_said_with_their_unit() -> None:
    drawn = [render_sections(each, {"board"}, say) for each in dossiers() if each.timeline is not None]
    pictures = [each.split('id="time-title"')[1].split("</svg>")[0] for each in drawn if 'id="time-title"' in each]
    assert any("× LSN</text>" in each for each in pictures)
    assert not any("ULN</text>" in each for each in pictures)


TYPED = "the board of May, not closed; liver lesion"


def meeting() -> MeetingMinutes:
    """Every sentence that minutes can hold, twice: signed, as a draft, without a decision."""
    choice = Choice(
        choice="tae",
        name="Bland embolisation (TAE)",
        verdict="fits",
        sign="●",
        word="fits",
        why="needs: liver burden, ascites and 2 more",
    )
    common = {
        "synthetic": True,
        "who": "female, about 62 years",
        "question": TYPED,
        "as_of": dt.date(2024, 5, 5),
        "rules": "2026.11.0",
    }
    signed = CaseMinutes(
        case="NELM-1", considered=(choice,), chosen=choice, reason=TYPED, deviation=TYPED, dissent=TYPED, written_by="A", signed_by="B",
        signed=dt.datetime(2024, 5, 6, 10, 30, tzinfo=dt.UTC), follow_up_on=dt.date(2024, 8, 1),
        actions=(ActionLine(what=TYPED, owner=TYPED, due=dt.date(2024, 6, 1)),),
        present=(Present(specialty="radiology", people=(TYPED,)),), **common,
    )  # fmt: skip
    against = choice.model_copy(update={"verdict": "excluded", "word": "excluded"})
    draft = CaseMinutes(
        case="NELM-2", chosen=against, written_by="A", **common | {"who": "sex not known, age not known"}
    )
    empty = CaseMinutes(case="NELM-3", **common | {"rules": None})
    return MeetingMinutes(
        centre=TYPED, title=TYPED, date=dt.date(2024, 5, 6), held=False, cases=(signed, draft, empty),
        attendance=(Present(specialty="interventional radiology", people=(TYPED,)),),
    )  # fmt: skip


@pytest.mark.parametrize("held", [False, True])
def test_minutes_are_said_but_for_what_a_person_typed(held: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def listening(text: str) -> str:
        asked.append(text)
        return say(text)

    data = paper._data(meeting().model_copy(update={"held": held}), "fr", listening)  # pyright: ignore[reportPrivateUsage]
    assert [text for text in asked if spoken().say(text).lacking] == []
    assert TYPED not in asked
    assert data["title"] == TYPED
    told = str(data).replace(TYPED, "").replace(str(list(paper._WORDS)), "")  # pyright: ignore[reportPrivateUsage]
    assert "signé par B, 6 mai 2024, 10:30 UTC" in told
    assert "environ 62 ans" in told
    assert paper.render_minutes_pdf(meeting(), "fr", say).startswith(b"%PDF")


@pytest.mark.parametrize(
    ("english", "french"),
    [
        ("0 conflicts, 2 warnings: read them before you rely on a number", "0 contradiction, 2 avertissements : à lire avant de se fier à un chiffre"),
        ("1 conflict, 0 warnings: read them before you rely on a number", "1 contradiction, 0 avertissement : à lire avant de se fier à un chiffre"),
        ("0 studies of this centre's own", "0 étude propre à ce centre"),
        ("1 of 4 decisions signed", "décisions signées : 1 sur 4"),
    ],
)  # fmt: skip
def test_nought_and_one_are_singular_in_french(english: str, french: str) -> None:
    assert say(english) == french


def test_places_of_an_entry_are_those_of_its_french() -> None:
    entries = catalogue("dossier")
    assert list(entries) == sorted(entries)
    wrong = [
        english
        for english, french in entries.items()
        if sorted(PLACE.findall(english)) != sorted(PLACE.findall(french)) or not french
    ]
    assert wrong == []


def written() -> set[str]:
    """Every word of the rooms whose sentences a dossier holds, and of its templates."""
    rooms = (
        "board", "clinical", "sirt", "imaging", "embolisation", "report", "options", "response", "volume", "phantom", "web/routes",
    )  # fmt: skip
    found: list[str] = []
    for room in rooms:
        for path in sorted((PACKAGE / room).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            found += [
                node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
            ]
    found += [
        path.read_text(encoding="utf-8")
        for path in sorted((PACKAGE / "report" / "templates").iterdir())
        if path.suffix in {".jinja", ".typ"}
    ]
    found += [path.read_text(encoding="utf-8") for path in sorted((PACKAGE / "knowledge").rglob("*.yaml"))]
    months = [dt.date(2024, month, 1).strftime("%B") for month in range(1, 13)]
    return {word.lower() for text in (*found, *months) for word in re.findall(r"[^\W\d_]+", text)}


def test_no_entry_is_left_over() -> None:
    """An entry with a word that nothing writes any more is none of a dossier."""
    words = written()
    known = words | {f"{word}s" for word in words}
    left = {
        e: w
        for e in catalogue("dossier")
        for w in re.findall(r"[^\W\d_]{3,}", PLACE.sub(" ", e))
        if w.lower() not in known
    }
    assert left == {}
