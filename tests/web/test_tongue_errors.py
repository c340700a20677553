"""French of errors, warnings and notes: every sentence of the source has its words, none is left over, and what a person typed stays as it was typed."""

from __future__ import annotations

import io
import itertools
import json
import re
import zipfile
from html import unescape
from importlib.resources import files
from typing import Any, get_args

import pytest
from babel.messages.pofile import read_po
from httpx import Response
from hypothesis import given
from hypothesis import strategies as st
from tests.error_sentences import PLACE, sentences
from tests.web_browser import signed_in
from tests.web_samples import KEY, Visitor

from liverboard.clinical import case_file
from liverboard.clinical.events import EVENT_KINDS
from liverboard.errors import BadInput, KnowledgeBaseError, Problem
from liverboard.registry import covered
from liverboard.registry.identity import Kind
from liverboard.registry.schema import Role, StudyState
from liverboard.web import pages
from liverboard.web.routes import manual
from liverboard.web.site import Site
from liverboard.web.tongue import SUBJECTS, say

_PLACES = re.compile(r"\{[=n]?\d+\}")
_BOUNDS = [f"{a} {PLACE} and {b} {PLACE}" for a in ("at least", "more than") for b in ("at most", "less than")]
# What a case file is told of its values, said by a table and by a function that the reader of the source does not look into.
_OF_MODELS = [
    *(said for said, _ in case_file._PLAIN.values()),  # pyright: ignore[reportPrivateUsage]
    f"unknown key '{PLACE}'",
    f"'{PLACE}' identifies a person",
    "remove it: a case carries a pseudonym only",
]
# What the reader of the source finds and no page shows.
_INNER = {
    "Value error,": "taken off the message of pydantic",
    "lock timeout": "looked for in the words of a database",
    "no space": "looked for in the words of a database",
    "what was kept": "of a file that this program wrote for itself",
    "{} ended with {}": "told to the log only",
    "Gy kg/GBq": "a unit",
    "Medians are pooled only where the same time origin is stated; here: {}{}.": "of a pool, which the French of the evidence holds",
    "Too few studies ({}, {}): how much they differ is hardly known.": "of a pool, which the French of the evidence holds",
    "; and not stated": "of a pool, which the French of the evidence holds",
}


def _entries(subject: str) -> dict[str, str]:
    place = files("liverboard.web") / "locale" / "fr" / "LC_MESSAGES" / f"{subject}.po"
    with place.open("rb") as file:
        catalogue = read_po(file, locale="fr", domain=subject)
    return {str(each.id): str(each.string) for each in catalogue if each.id}


def _spaced(text: str) -> str:
    """With every space of the same kind: which of them may break is held elsewhere."""
    return re.sub(r"[\u00a0\u202f]", " ", text)


def _plain(text: str) -> str:
    """Without the numbers of its places and its last point, which an entry may leave out."""
    return _PLACES.sub(PLACE, text).rstrip(".")


def _is_sentence(text: str) -> bool:
    """Two words, or a word and a value; a code, a unit or the name of a field stays as it is."""
    found = re.findall(r"[A-Za-z]{2,}", text.replace(PLACE, ""))
    return " " in text and (len(found) > 1 or (PLACE in text and any(len(each) > 2 for each in found)))


def _words() -> set[str]:
    """What stands in the places of sentences, and bounds of numbers."""
    listed = {*get_args(StudyState), *get_args(Role), *get_args(Kind), *get_args(covered.Kind)}
    bounds = {
        *_BOUNDS,
        f"at most {PLACE}",
        f"less than {PLACE}",
        f"number {PLACE}",
        f"event row {PLACE}",
        "not an SQL condition",
    }
    return {each.replace("_", " ") for each in listed} | bounds | set(_OF_MODELS) | set(sentences())


def test_the_source_is_read() -> None:
    found = sentences()
    assert len(found) > 800
    for known in (
        "the case was changed since you opened it: by {}",  # one branch of a message
        "the study is larger than {} MB",  # of an error that a function returns
        "'{}' does not convert to {}; {}",  # joined of two
        "a {} seems to stand here",
        "the store has no such centre",
        "audit entries {} to {} are missing",  # a fault of the store
        "{} slices are there twice; the first of each was kept",  # a warning of images
        "unknown fact '{}'",  # a fault of the packaged rules
    ):
        assert known in found


def test_every_sentence_has_french_words() -> None:
    known = {_plain(each) for subject in SUBJECTS for each in _entries(subject)}
    missing = [f"{place} {text}" for text, place in sentences().items() if _is_sentence(text) and _plain(text) not in known]  # fmt: skip
    assert [each for each in missing if each.split(" ", 1)[1] not in _INNER] == []
    assert set(_INNER) <= set(sentences())


def test_what_the_models_refuse_is_told_in_french() -> None:
    known = {_plain(each) for subject in SUBJECTS for each in _entries(subject)}
    assert [each for each in _OF_MODELS if _plain(each) not in known] == []


@pytest.mark.parametrize("kind", sorted(EVENT_KINDS))
def test_no_words_of_a_library_are_shown(kind: str) -> None:
    """Values of any wrong form in every field of an event: each refusal is a sentence of ours, which the French knows."""
    odd = ("x" * 5000, -1, 10**30, "1e999", True, None, [], ["x"] * 300, {"other": 1}, [{}], "\0", "5 kg", [["a"]])
    for name, value in itertools.product(set(EVENT_KINDS[kind].model_fields) - {"kind"}, odd):
        event = {"id": "x1", "kind": kind, "date": "2024-01-01", name: value}
        try:
            case_file.read_case(json.dumps({"case": "N-1", "events": [event]}), is_json=True)
        except BadInput as error:
            told = {each.message for each in error.problems}
            assert not [each for each in told if _is_sentence(each) and say("fr", each) == each], (name, value)


def test_no_entry_is_left_over() -> None:
    asked = {_plain(each) for each in _words()}
    assert [each for each in _entries("errors") if _plain(each) not in asked] == []


def test_entries_keep_their_places_and_order() -> None:
    entries = _entries("errors")
    assert list(entries) == sorted(entries)
    for written, said in entries.items():
        assert said.strip()
        assert sorted(_PLACES.findall(written)) == sorted(_PLACES.findall(said)), written
        assert set(re.findall(r"--[a-z][\w-]+|`[^`]+`", written)) <= set(re.findall(r"--[a-z][\w-]+|`[^`]+`", said))


def test_french_sentences_have_french_stops() -> None:
    for said in _entries("errors").values():
        bare = re.sub(
            r"`[^`]*`|\{\"at.*?\}|\w+: ?(?:\[|\{|\w+_|-?\d|false|true|none|other|same_day|absent|progressing|1)|\w+://\S+",
            "",
            said,
        )
        assert not re.search(r"[^\W\d](?<!\s)[:;] ", bare), said


# --- what a person typed --------------------------------------------------------------------------------------------------------------------------------


@given(st.sampled_from(sorted(_entries("errors"))))
def test_what_was_read_is_not_translated(typed: str) -> None:
    typed = _PLACES.sub("7", typed)
    shown = pages._said("fr", Problem("expected a number", line=3, field="ecog", read=f"'{typed}'"))  # pyright: ignore[reportPrivateUsage]
    assert _spaced(unescape(re.sub("<[^>]+>", "", shown))) == f"ligne 3, champ ecog : attendu un nombre ; lu '{typed}'"


@pytest.mark.parametrize(
    ("english", "french"),
    [
        ("'expected a number' does not convert to g/L", "'expected a number' ne se convertit pas en g/L"),
        ("two parts have the role 'tumour'", "deux parties ont le rôle 'tumour'"),
        ("lesion given twice: liver, tumour", "lésion donnée deux fois : liver, tumour"),
        ("there is no part 'liver; tumour: both'", "il n'y a pas de partie 'liver; tumour: both'"),
    ],
)
def test_what_a_sentence_quotes_is_not_translated(english: str, french: str) -> None:
    assert _spaced(say("fr", english)) == french


def test_words_that_may_be_written_stay_words_of_the_format() -> None:
    shown = pages._said(
        "fr", Problem("not one of the allowed words", allowed="true, false", hint="did you mean 'true'?")
    )  # pyright: ignore[reportPrivateUsage]
    assert _spaced(unescape(re.sub("<[^>]+>", "", shown))) == (
        "ne fait pas partie des mots permis ; permis : true, false ; vouliez-vous dire 'true' ?"
    )
    for low, high in itertools.product(("at least 0", "more than 0"), ("at most 4", "less than 5")):
        assert "and" not in say("fr", f"{low} and {high}").split()


# --- pages ----------------------------------------------------------------------------------------------------------------------------------------------

_PAGE = f"/cases/{KEY.centre}/{KEY.case}"
_FINE = "four unrelated words here"


def _french(visitor: Visitor) -> Visitor:
    visitor.client.cookies.set("language", "fr")
    return visitor


def _told(response: Response) -> str:
    shown = re.findall(r'<(div|p) class="notice wrong[^"]*"[^>]*>(.*?)</\1>', response.text, re.DOTALL)
    found = [text for _, text in shown]
    found += re.findall(r'<span class="error"[^>]*>(.*?)</span>(?=</div>|\n)', response.text, re.DOTALL)
    return " | ".join(" ".join(unescape(re.sub("<[^>]+>", " ", each)).split()) for each in found)


def _zip(name: str, content: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return made.getvalue()


@pytest.mark.parametrize(
    ("who", "path", "says"),
    [
        ("editor", "/nowhere/x", "cette page n'existe pas"),
        ("editor", "/meetings/abc", "ne peut être lu : meeting"),
        ("editor", "/cases?page=zero", "ne peut être lu : page"),
        (
            "editor",
            "/cases?review_by=tomorrow",
            "n'est pas une date telle que 2025-06-30 ; tous les jours sont montrés",
        ),
        ("editor", "/agenda/follow-up?by=x", "le jour n'est pas une date"),
        ("editor", "/cases/lyon/NELM-99", "le centre n'a pas de cas sous ce pseudonyme"),
        ("stranger", _PAGE, "ceci appartient à un autre centre"),
        ("viewer", "/people", "le rôle « lecteur » ne permet pas de gérer les comptes"),
        ("editor", f"{_PAGE}/events/new?kind=nothing", "ce type d'événement n'existe pas"),
        ("editor", f"{_PAGE}/studies/9", "le cas n'a pas d'examen de ce numéro"),
        ("editor", f"{_PAGE}/viewer?event=none", "le cas n'a pas d'examen avec images de ce nom"),
        ("chair", "/meetings/99", "cette réunion n'existe pas"),
    ],
)
def test_a_page_that_cannot_be_read_says_so_in_french(site: Site, who: str, path: str, says: str) -> None:
    assert says in _told(_french(Visitor(site, who)).get(path))


@pytest.mark.parametrize(
    ("who", "path", "sent", "says"),
    [
        ("editor", "/cases/new", {}, "donner un pseudonyme, ou un numéro local dont le former"),
        ("editor", "/cases/new", {"pseudonym": "Jean Dupont!"}, "jamais un nom"),
        ("editor", "/cases/new", {"pseudonym": "NELM-1"}, "le centre a déjà un cas sous ce pseudonyme"),
        ("editor", "/cases/new", {"pseudonym": "N-8", "birth_year": "1700"}, "hors limites ; lu '1700' ; permis : au moins 1880"),
        ("editor", "/cases/new", {"pseudonym": "N-8", "question": "Tel 06 12 34 56 78"}, "ceci semble figurer ici : numéro de téléphone"),
        ("editor", "/cases/new", {"pseudonym": "N-8", "clinic.ecog": "1"}, "préciser quand c'était"),
        ("editor", f"{_PAGE}/events/new", {"kind": "labs", "date": "not a date"}, "attendu un jour ISO tel que 2024-05-02 ; lu 'not a date'"),
        ("editor", f"{_PAGE}/events/new", {"kind": "labs", "date": "2024-02-01", "albumin": "no"}, "attendu un nombre avec son unité, tel que '12 g/L' ; lu 'no'"),
        ("editor", f"{_PAGE}/what-if", {"ecog": "nine"}, "attendu un nombre entier"),
        ("editor", f"{_PAGE}/header", {"birth_year": "1950", "version": "0"}, "le cas a été modifié depuis son ouverture"),
        ("editor", "/account", {"old": "x", "password": _FINE, "again": "other"}, "les deux mots de passe diffèrent"),
        ("editor", "/account", {"old": "x", "password": _FINE, "again": _FINE}, "l'ancien mot de passe n'est pas le bon Demander un lien"),
        ("admin", "/people", {"name": "editor", "role": "viewer", "centre": "lyon"}, "un compte de ce nom existe déjà"),
        ("admin", "/people", {"name": "newone", "role": "king"}, "ceci n'est pas un rôle"),
        ("admin", "/people", {"name": "newone", "role": "viewer", "centre": "rome"}, "la base n'a pas un tel centre"),
        ("chair", "/meetings", {"date": "someday", "title": "RCP"}, "le jour n'est pas une date telle que 2025-06-30"),
        ("chair", "/meetings", {"date": "2099-01-01", "title": "RCP"}, "le jour est à plus de dix ans"),
        ("chair", "/agenda/cases", {"case": KEY.case, "act": "schedule"}, "aucune réunion n'est choisie"),
        ("chair", "/agenda/cases", {"case": KEY.case, "act": "explode"}, "cette modification n'existe pas"),
    ],
)  # fmt: skip
def test_what_a_form_gets_wrong_is_told_in_french(
    site: Site, who: str, path: str, sent: dict[str, Any], says: str
) -> None:
    assert says in _told(_french(Visitor(site, who)).post(path, sent))


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("", b"", "aucun fichier n'a été envoyé"),
        ("a.txt", b"hello", "il n'y a là aucun objet DICOM"),
        ("a.nii", bytes(400), "l'en-tête NIfTI est endommagé"),
        ("a.zip", _zip("x.dcm", bytes(20_000_000)), "décompressée, elle dépasse 200 fois sa taille"),
        ("a.zip", _zip("../x.dcm", b"x"), "a un fichier dont le nom mène hors d'elle"),
    ],
)
def test_a_study_that_is_refused_is_told_in_french(site: Site, name: str, content: bytes, says: str) -> None:
    editor = _french(Visitor(site, "editor"))
    sent = editor.client.post(f"{_PAGE}/studies", data={"csrf": editor.csrf}, files=[("files", (name, content))])
    assert says in _told(sent)


def test_other_refusals_are_told_in_french(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    editor, nobody = _french(Visitor(site, "editor")), _french(Visitor(site, None))
    assert "trop ancien" in _told(editor.client.post("/cases/new", data={"pseudonym": "X-1"}))
    elsewhere = editor.client.post("/cases/new", headers={"origin": "http://other.example"})
    assert "cette requête venait d'un autre site" in _told(elsewhere)
    assert "n'accepte pas" in _told(editor.client.put("/cases", headers={"x-csrf-token": editor.csrf}))
    csrf = re.findall(r'name="csrf" value="([^"]+)"', nobody.get("/sign-in").text)[0]
    wrong = nobody.client.post("/sign-in", data={"name": "editor", "password": "x", "csrf": csrf})
    assert "le nom ou le mot de passe n'est pas le bon" in _told(wrong)
    assert "Après 5 mauvais essais, un compte attend 15 minutes." in _told(wrong)
    monkeypatch.setenv("LIVERBOARD_UPLOAD_MB", "1")
    large = editor.client.post(
        f"{_PAGE}/studies", data={"csrf": editor.csrf}, files=[("files", ("a", bytes(2_000_000)))]
    )
    assert "l'examen est plus grand que 1 Mo" in _told(large)


def test_a_broken_knowledge_base_says_so_in_french(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        problems = [Problem("sirt.yaml: resin_lung_shunt: unknown fact 'lungs'", line=7, field="when")]
        raise KnowledgeBaseError("the rules do not load: 1 problem", where="sirt.yaml", problems=problems)

    monkeypatch.setattr(manual, "page", broken)
    told = _told(_french(Visitor(site, "editor")).get("/help"))
    assert "les règles ne se chargent pas : 1 problème" in told
    assert "ligne 7, champ when : sirt.yaml : resin_lung_shunt : donnée inconnue 'lungs'" in told
    assert say("fr", "not an SQL condition, unreadable at 'foo'") == "pas une condition SQL, illisible à 'foo'"


def test_data_stay_english(site: Site) -> None:
    editor = _french(Visitor(site, "editor"))
    found = editor.get("/cases/lyon/NELM-99", headers={"accept": "application/json"}).json()
    assert found["message"] == "the centre has no case of this pseudonym"


def test_a_refused_upload_is_told_in_french_where_it_was_sent(browser: Any, address: str) -> None:
    context = signed_in(browser, address, "editor")
    context.add_cookies([{"name": "language", "value": "fr", "url": address}])
    page = context.new_page()
    page.goto(f"{address}{_PAGE}/studies")
    page.set_input_files("#files", {"name": "note.txt", "mimeType": "text/plain", "buffer": b"hello"})
    page.click("form#upload button.main")
    page.wait_for_selector("#upload-problem:not([hidden])")
    assert "il n'y a là aucun objet DICOM" in page.inner_text("#upload-problem")
    context.close()
