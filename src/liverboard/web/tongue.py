"""English that is finished, said in another language: whole texts, patterns with places for values, and lists piece by piece.

The pure rooms write plain English and know of no other language. Pages pass what those wrote through here. A catalogue entry is a whole text or one piece
of a composed one; `{1}` holds any text, said in its turn, `{n1}` a number and `{=1}` what stays as it is. What no entry covers stays English. Texts below an
element with `translate="no"` are somebody's own words, quotes, references or names, and are never touched.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from html import escape, unescape
from importlib.resources import files
from typing import TYPE_CHECKING

from liverboard.clinical.coded_words import words

if TYPE_CHECKING:
    from babel.messages.catalog import Catalog

LANGUAGES = {"en": "English", "fr": "Français"}
WORDS = ("words",)
SUBJECTS = (*WORDS, "rules", "evidence", "dossier", "errors", "sources")
_CUTS = (
    (". ", ". "),
    ("; ", "\u00a0; "),
    (" · ", " · "),
    (": ", "\u00a0: "),
    (", ", ", "),
)  # outer first; French sets a space before ; and : and no line breaks there
_STOPS = re.compile(r" (?=[:;?!»])|(?<=«) ")
_NARROW = "\u202f"  # no-break, as between value and unit in English
_UNITS = re.compile(r"(?<=\d) (?=(?:%|[mcdk]?Gy|[GMk]Bq|UH|[kcmµ]?[mgL]|mm[²³]|[mµn]?(?:g|mol)/[dm]?L)(?![\w/]))")
_TRIES = 12  # patterns of one text that are looked into before the best of them is taken
_OWN_LETTERS = 12  # of a pattern that is looked at before a text is cut
_DEPTH = 8  # a text within a text within a text
_SENTENCES = re.compile(r"[.;] ")
_PLACE = re.compile(r"\{([=n]?)(\d+)\}")
_WORD = re.compile(r"\w+")
_WHOLE_WORD = re.compile(r"(?<![\w\0])\w+(?![\w\0])")
_NUMBER = r"[-+−±<>≤≥~]?[\d][\d.,\u202f\u00a0]*"
_ALIKE = re.compile(  # the same in every language: numbers, codes such as S5 or G2, upper case but for what French has its own letters for, units
    r"(?:[(+−±<>≤≥~-]*[^\W\d_]*\d[\w.,:/–-]*\)?|(?!ULN)[A-Z][A-Z0-9/-]*|[^\w\s]+|_|[a-zA-Z]|ml|dL|[mc]?Gy|[GMk]Bq|[kM]eV|SUVmax|Ki-67|vs|"
    r"[cmkµnup]?(?:g|L|m|mol)[²³]?(?:/(?:[dm]?L|d|h|min|kg))?|[^\W\d_]+/[^\W\d_]*\d+)(?:\s+|$)"
)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAY = re.compile(rf"(?:(\d{{1,2}}) )?({'|'.join(_MONTHS)})[a-z]* (\d{{4}})")
_TOKEN = re.compile(r"<!--.*?-->|<(style|script)\b.*?</\1\s*>|<[^>]*>|[^<]+", re.DOTALL)
_TAG = re.compile(r"<(/?)([\w:-]+)([^>]*?)(/?)>", re.DOTALL)
_SHOWN_ATTRIBUTE = re.compile(r'(\s(?:title|aria-label|alt|data-l)=")([^"]*)(")')
_VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr")
)


@dataclass(frozen=True, slots=True)
class Said:
    """A text in the language of the reader, and the pieces of it that no entry covers."""

    text: str
    lacking: tuple[str, ...] = ()

    @property
    def cost(self) -> int:
        return sum(map(len, self.lacking))


@dataclass(frozen=True, slots=True)
class _Pattern:
    literals: tuple[str, ...]
    shape: re.Pattern[str]
    places: tuple[tuple[str, str], ...]
    said: str
    word: str  # the longest whole word of its own; a text without it cannot fit
    letters: int

    @property
    def wide(self) -> bool:
        """Whether it says so little of its own, such as "… of …", that it may take a whole list for one thing."""
        return self.letters < _OWN_LETTERS

    def fits(self, text: str) -> re.Match[str] | None:
        at = 0
        for literal in self.literals:
            at = text.find(literal, at)
            if at < 0:
                return None
            at += len(literal)
        return self.shape.fullmatch(text)


def _pattern(written: str, said: str) -> _Pattern:
    parts = _PLACE.split(written)
    literals = parts[::3]
    shape = "".join(
        re.escape(literals[k])
        + ("" if k == len(literals) - 1 else f"({_NUMBER})" if parts[3 * k + 1] == "n" else "(.+?)")
        for k in range(len(literals))
    )
    places = tuple(zip(parts[1::3], parts[2::3], strict=True))
    word = max(_WHOLE_WORD.findall(_PLACE.sub("\0", written)), key=len, default="").lower()
    own = tuple(filter(None, literals))
    return _Pattern(own, re.compile(shape, re.DOTALL), places, said, word, sum(map(len, own)))


class Tongue:
    """One language's words. `entries`: English and what is said for it."""

    def __init__(self, language: str, entries: Iterable[tuple[str, str]]) -> None:
        self._language = language
        self._whole: dict[str, str] = {}
        patterns: list[_Pattern] = []
        for written, said in entries:
            if _PLACE.search(written):
                patterns.append(_pattern(written, said))
            else:
                self._whole[written] = said
        self._by_word: dict[str, list[tuple[int, _Pattern]]] = {}
        for rank, pattern in enumerate(sorted(patterns, key=lambda each: -each.letters)):
            self._by_word.setdefault(pattern.word, []).append((rank, pattern))
        self.look_up = functools.lru_cache(maxsize=50_000)(self._look_up)
        self.say_html = functools.lru_cache(maxsize=50_000)(self._say_html)

    def _say_html(self, text: str) -> Said:
        """As `say`, of a text as it stands in HTML."""
        found = self.say(unescape(text))
        return Said(escape(found.text), found.lacking)

    def say(self, text: str) -> Said:
        """`text` with its own white space around it."""
        inner = " ".join(text.split())
        if not inner:
            return Said(text)
        found = self.look_up(inner, _DEPTH)
        if found.text == inner:
            return Said(text, found.lacking)
        lead, trail = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
        return Said(f"{lead}{_UNITS.sub(_NARROW, found.text)}{trail}", found.lacking)

    def _look_up(self, text: str, depth: int) -> Said:
        if (whole := self._word(text)) is not None:
            return Said(whole)
        if _is_alike(text):
            return Said(text)
        if depth == 0:
            return Said(text, (text,))
        best = Said(text, (text,))
        for candidate in self._candidates(text, depth - 1):
            if candidate.cost < best.cost:
                best = candidate
            if not best.lacking:
                break
        return best

    def _word(self, text: str) -> str | None:
        if text in self._whole:
            return self._whole[text]
        if (lower := text[0].lower() + text[1:]) in self._whole:
            return _capital(self._whole[lower])
        return _day(self._language, *match.groups()) if (match := _DAY.fullmatch(text)) else None

    def _candidates(self, text: str, depth: int) -> Iterable[Said]:
        near = self._near(text)
        yield from self._by_pattern(text, depth, (each for each in near if not each.wide))
        for end in (".", ":", ";", ","):
            if text.endswith(end) and len(text) > 1:
                inner = self.look_up(text[:-1].rstrip(), depth)
                yield Said(inner.text + (f"\u00a0{end}" if end in ":;" else end), inner.lacking)
        for cut, joined in _CUTS:
            if cut in text:
                pieces = [self.look_up(piece, depth) for piece in text.split(cut) if piece.strip()]
                if len(pieces) > 1:
                    yield Said(joined.join(p.text for p in pieces), tuple(x for p in pieces for x in p.lacking))
        yield from self._by_pattern(text, depth, (each for each in near if each.wide))

    def _near(self, text: str) -> list[_Pattern]:
        """The patterns whose longest word stands in the text, those with the most letters first."""
        words = {"", *map(str.lower, _WORD.findall(text))}
        found = [each for word in words for each in self._by_word.get(word, ())]
        return [pattern for _, pattern in sorted(found, key=lambda each: each[0])]

    def _by_pattern(self, text: str, depth: int, patterns: Iterable[_Pattern]) -> Iterable[Said]:
        lower = text[0].lower() + text[1:]
        tries = 0
        for pattern in patterns:
            for form, finish in ((text, str),) if lower == text else ((text, str), (lower, _capital)):
                if match := pattern.fits(form):
                    yield self._filled(pattern, match, depth, finish)
                    tries += 1
            if tries >= _TRIES:
                break

    def _filled(self, pattern: _Pattern, match: re.Match[str], depth: int, finish: Callable[[str], str]) -> Said:
        values: dict[str, str] = {}
        lacking: list[str] = []
        for (kind, number), value in zip(pattern.places, match.groups(), strict=True):
            if kind:
                values[kind + number] = value
                if pattern.wide and _SENTENCES.search(value):
                    lacking.append(value)
            else:
                inner = self.look_up(value.strip(), depth) if value.strip() else Said(value)
                values[number] = inner.text
                lacking += inner.lacking
        return Said(finish(_PLACE.sub(lambda m: values[m[1] + m[2]], pattern.said)), tuple(lacking))


def catalogue(language: str, subject: str) -> Catalog | None:
    """The words of a subject, none of them parted from the stop behind it; None where there are none, as for English."""
    from babel.messages.pofile import read_po

    place = files("liverboard.web") / "locale" / language / "LC_MESSAGES" / f"{subject}.po"
    if not place.is_file():
        return None
    with place.open("rb") as file:
        read = read_po(file)
    for message in read:
        said = message.string
        message.string = _unparted(said) if isinstance(said, str) else tuple(map(_unparted, said or ()))
    return read


def _unparted(text: str) -> str:
    return _STOPS.sub("\u00a0", text)


@functools.cache
def tongue(language: str, subjects: tuple[str, ...] = SUBJECTS) -> Tongue | None:
    """None for English, and for a language without catalogues."""
    entries: dict[str, str] = {}
    for subject in subjects:
        for message in catalogue(language, subject) or ():
            if message.id:
                entries[str(message.id)] = str(message.string)
    return Tongue(language, entries.items()) if entries else None


def say(language: str, text: object) -> str:
    """One text, such as the message of an error."""
    spoken = tongue(language)
    return str(text) if spoken is None else spoken.say(str(text)).text


def word(language: str, name: object) -> str:
    """A name of ours, such as a field or a choice (`lymph_node`), by the words alone: the other subjects bend the same word to their sentences."""
    spoken = tongue(language, WORDS)
    return words(str(name)) if spoken is None else spoken.say(str(name).replace("_", " ")).text


def say_page(language: str, html: str) -> str:
    """Finished HTML with its texts and the attributes that are read out; the same HTML in English."""
    return html if (spoken := tongue(language)) is None else _said_page(spoken, html)[0]


def lacking(language: str, html: str) -> tuple[str, ...]:
    """The pieces of finished HTML that stay English."""
    return () if (spoken := tongue(language)) is None else _said_page(spoken, html)[1]


def _said_page(spoken: Tongue, html: str) -> tuple[str, tuple[str, ...]]:
    made: list[str] = []
    missing: list[str] = []
    kept: list[str] = []  # names of open elements, from the one that says translate="no"

    def said(text: str) -> str:
        found = spoken.say_html(text)
        missing.extend(found.lacking)
        return found.text

    def shown(attribute: re.Match[str]) -> str:
        return attribute[1] + said(attribute[2]) + attribute[3]

    for token in _TOKEN.finditer(html):
        text = token[0]
        if text[0] != "<":
            made.append(text if kept or not text.strip() else said(text))
            continue
        quiet = token[1] or text[1] == "!"  # style, script, comment
        if not kept and 'translate="no"' not in text:
            made.append(text if quiet else _SHOWN_ATTRIBUTE.sub(shown, text))
            continue
        made.append(text)
        if not quiet and (tag := _TAG.fullmatch(text)):
            closes, name, empty = tag[1], tag[2], tag[4]
            if closes and name in kept:
                del kept[len(kept) - 1 - kept[::-1].index(name) :]
            elif not closes and not empty and name.lower() not in _VOID:
                kept.append(name)
    return "".join(made), tuple(missing)


def _is_alike(text: str) -> bool:
    at = 0
    while at < len(text):
        if not (match := _ALIKE.match(text, at)):
            return False
        at = match.end()
    return True


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _day(language: str, day: str | None, month: str, year: str) -> str | None:
    """None for a day that no calendar has, such as one that a person typed."""
    from babel.dates import format_date

    try:
        date = dt.date(int(year), _MONTHS.index(month) + 1, int(day or 1))
    except ValueError:
        return None
    return format_date(date, "d MMM y" if day else "MMM y", locale=language)
