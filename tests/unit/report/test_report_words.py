"""How numbers, days and names read."""

import datetime as dt

import pytest

from liverboard.report.words import anchor, clean, day, esc, fact_words, number, quantity


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (340.2, "mL", "340\u202fmL"),
        (9.94, "mL", "9.9\u202fmL"),
        (9.96, "mL", "10\u202fmL"),
        (51.6, "mm", "52\u202fmm"),
        (21.9, "%", "22\u202f%"),
        (4.25, "%", "4.2\u202f%"),
        (0.04, "%", "<0.1\u202f%"),
        (0.0, "%", "0.0\u202f%"),
        (14.0, "umol/L", "14\u202fµmol/L"),
        (231, "10^9/L", "231\u202f10⁹/L"),
        (8.94, "× ULN", "8.94\u202f× ULN"),
        (-142, "mm", "−142\u202fmm"),
        (None, "mm", "not known"),
        (float("nan"), "mL", "not known"),
    ],
)
def test_a_number_has_the_digits_it_deserves(value: float | None, unit: str, text: str) -> None:
    assert quantity(value, unit) == text


def test_facts_days_and_names_in_words() -> None:
    assert fact_words(None) == "not known"
    assert fact_words(False) == "no"
    assert fact_words("well_differentiated") == "well differentiated"
    assert day(dt.date(2024, 5, 15)) == "15 May 2024"
    assert day(None) == "not known"
    assert number(float("inf")) == "not known"


def test_text_is_safe_in_xml() -> None:
    assert esc('<a href="x">&\'\x00') == "&lt;a href=&quot;x&quot;&gt;&amp;&#39;\ufffd"
    assert clean("a\x07b\ud800") == "a\ufffdb\ufffd"


def test_anchors_are_safe_and_differ() -> None:
    assert anchor("e-1.a") == "event-e-1.a"
    names = [anchor(text) for text in ('e"1', "e'1", "e 1", "<script>", "é")]
    assert len(set(names)) == len(names)
    assert all(c.isalnum() or c in "-_." for name in names for c in name)
