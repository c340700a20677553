"""Finished English in another language: whole texts, places for values, lists, capitals, days; somebody's own words are never touched."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liverboard.web import tongue as module
from liverboard.web.tongue import Tongue

ENTRIES = {
    "liver burden": "charge tumorale",
    "not known": "non connu",
    "resectable": "résécable",
    "surgeon": "chirurgien",
    "{1} ({2})": "{1} ({2})",
    "missing: {1}": "manque : {1}",
    "{n1} of {n2} lesions lie in {1}": "sur {n2} lésions, {n1} sont dans {1}",
    "the right hemiliver": "l'hémifoie droit",
    "lesion {=1} is {1}": "la lésion {=1} est {1}",
    "the day is not a date": "le jour n'est pas une date",
}
FRENCH = Tongue("fr", ENTRIES.items())


@pytest.mark.parametrize(
    ("english", "french"),
    [
        ("liver burden", "charge tumorale"),
        ("Liver burden", "Charge tumorale"),
        (" \n liver burden ", " \n charge tumorale "),
        ("Not known.", "Non connu."),
        ("resectable, liver burden (surgeon); not known", "résécable, charge tumorale (chirurgien)\u00a0; non connu"),
        ("Missing: resectable", "Manque : résécable"),
        ("3 of 12 lesions lie in the right hemiliver", "sur 12 lésions, 3 sont dans l'hémifoie droit"),
        ("lesion surgeon is resectable", "la lésion surgeon est résécable"),
        ("5 May 2024", "5 mai 2024"),
        ("liver burden, 5 May 2024", "charge tumorale, 5 mai 2024"),
        ("15.3 %", "15.3 %"),
        ("3 of 12 lesions lie in 5 mm", "sur 12 lésions, 3 sont dans 5\u202fmm"),
        ("S5, S6", "S5, S6"),
        ("", ""),
    ],
)
def test_a_text_is_said(english: str, french: str) -> None:
    said = FRENCH.say(english)
    assert said.text == french
    assert said.lacking == ()


@pytest.mark.parametrize("subject", [*module.SUBJECTS, "liverboard"])
def test_no_line_breaks_before_a_stop(subject: str) -> None:
    found = module.catalogue("fr", subject)
    assert found is not None
    said = [form for each in found if each.id for form in ((each.string,) if isinstance(each.string, str) else each.string or ())]  # fmt: skip
    assert any("\u00a0:" in form or "\u00a0;" in form for form in said)
    assert [form for form in said if re.search(r" [:;?!»]|« ", form)] == []


def test_what_has_no_entry_stays_and_is_told() -> None:
    said = FRENCH.say("liver burden; a strange remark")
    assert said.text == "charge tumorale\u00a0; a strange remark"
    assert said.lacking == ("a strange remark",)


def test_a_day_that_no_calendar_has_stays() -> None:
    for text in ("31 Feb 2024", "0 May 2024", "99 May 2024", "5 May 0000"):
        assert FRENCH.say(text).text == text


@pytest.fixture(autouse=True)
def _french(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "tongue", lambda language, *_: FRENCH if language == "fr" else None)


def test_a_page_keeps_its_marks_and_somebodys_own_words() -> None:
    html = (
        '<p title="liver burden" data-x="liver burden">Liver burden<br><b>not known</b></p>'
        '<q translate="no">not known <i>resectable</i></q><style>resectable{}</style>'
        '<svg><text translate="no"/><text>resectable &amp; fine</text></svg><!-- resectable -->'
    )
    assert module.say_page("en", html) == html
    assert module.say_page("fr", html) == (
        '<p title="charge tumorale" data-x="liver burden">Charge tumorale<br><b>non connu</b></p>'
        '<q translate="no">not known <i>resectable</i></q><style>resectable{}</style>'
        '<svg><text translate="no"/><text>resectable &amp; fine</text></svg><!-- resectable -->'
    )
    assert module.lacking("fr", html) == ("resectable & fine",)


def test_abbreviations_are_written_as_the_field_writes_them() -> None:
    assert [module.word("en", name) for name in ("inr", "egfr", "u5hiaa", "lymph_node")] == [
        "INR",
        "eGFR",
        "urinary 5-HIAA",
        "lymph node",
    ]


@given(st.text())
def test_no_text_can_become_a_mark(text: str) -> None:
    from html import escape, unescape

    said = module.say_page("fr", f"<p>{escape(text)}</p>")
    inner = said.removeprefix("<p>").removesuffix("</p>")
    assert "<" not in inner
    assert unescape(inner) or not text


@given(st.lists(st.sampled_from([*"aAbc.,;:()", " ", "of", "lesions", "missing: ", "liver burden"]), max_size=60))
def test_any_text_is_answered(parts: list[str]) -> None:
    assert FRENCH.say("".join(parts)).cost <= len("".join(parts))
