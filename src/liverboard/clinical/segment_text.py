"""Couinaud segments out of what radiologists write: "IVa", "S5/8", "2+3", "segments VI-VII", "caudate"."""

from __future__ import annotations

import re
from dataclasses import dataclass

from liverboard.clinical.pattern import CAUDATE

_ROMAN = {"i": 1, "ii": 2, "iii": 3, "iv": 4, "v": 5, "vi": 6, "vii": 7, "viii": 8}
_NUMBER = r"(?:viii|vii|vi|iv|v|iii|ii|i|[1-8])"
_ITEM = re.compile(
    rf"(?:s(?:eg(?:ment)?s?)?[\s.\-]*)?({_NUMBER})\s?([ab](?:\s*[/+,&]\s*[ab])?)?(?![a-z0-9]|\.\d|,\d+\s*[cm]m)"
)
_JOIN = re.compile(r"\s*(?:[/+,&;]|-|–|—|\bto\b|\band\b|\bund\b|\bet\b)\s*(?:\b(?:and|und|et)\b\s*)?")
_RANGE = re.compile(r"\s*(?:-|–|—|\bto\b)\s*")
_CAUDATE = re.compile(r"\b(?:caudate(?:\s+(?:lobe|process))?|lobus caudatus|spiegel(?:ian)?(?:\s+lobe)?)\b")
_MARKED = re.compile(rf"(?<![a-z])(?:couinaud|segments?|segs?\.?|s)[\s.\-_]*(?={_NUMBER})")
_SECTIONS = {
    r"left lateral (?:section|sector|segment)": {2, 3},
    r"left medial (?:section|segment)": {4},
    r"right anterior section": {5, 8},
    r"right posterior section": {6, 7},
    r"right (?:hemiliver|hemi-liver)": {5, 6, 7, 8},
    r"left (?:hemiliver|hemi-liver)": {2, 3, 4},
}
_LOBE = re.compile(r"\b(?:left|right)\s+(?:hepatic\s+)?lobe\b")


@dataclass(frozen=True, slots=True)
class SegmentText:
    """`segments`: base segments 1..8. `parts`: those of them named as 4a or 4b. `unclear`: what could not be told, in words for the person who typed it."""

    segments: frozenset[int]
    parts: frozenset[str] = frozenset()
    unclear: tuple[str, ...] = ()


def segments_of_text(text: str) -> SegmentText:
    """The segments that a text names. Never raises; what is unclear is listed and left out.

    Arabic (1 to 8) and Roman (I to VIII) numbers, 4a and 4b, lists by / + , & "and", ranges by a dash or "to" between numbers of one kind, the caudate
    lobe, sections and hemilivers by their Brisbane names. "Lobe" has two meanings (surface lobe, hemiliver) and is unclear. A number counts as a
    segment when the whole text is segments, or when it follows "segment", "seg" or "S": other numbers of a sentence (a size, a count) are not segments.
    """
    plain = " ".join(text.lower().replace("_", " ").split())
    found: set[int] = set()
    parts: set[str] = set()
    unclear = [
        f"'{word}' may mean the surface lobe or the hemiliver: name the segments" for word in _LOBE.findall(plain)
    ]
    plain = _LOBE.sub(" ", plain)
    if _CAUDATE.search(plain):
        found.add(CAUDATE)
        plain = _CAUDATE.sub(" ", plain)
    for words, numbers in _SECTIONS.items():
        if re.search(rf"\b{words}\b", plain):
            found |= numbers
            plain = re.sub(rf"\b{words}\b", " ", plain)
    for start in _starts(plain):
        _list(plain, start, found, parts, unclear)
    return SegmentText(frozenset(found), frozenset(parts), tuple(unclear))


def segment_of_name(name: str) -> int | None:
    """The one segment that a structure's name means (`liver_segment_4`, `Segment VII`, `S5`, `4b`, `caudate lobe`); None when it is none or several."""
    read = segments_of_text(re.sub(r"(?i)^\s*(?:couinaud|liver|hepatic)[\s_\-]*(?=s)", "", name.strip()))
    return next(iter(read.segments)) if len(read.segments) == 1 and not read.unclear else None


def _starts(plain: str) -> list[int]:
    """Where lists of segments begin: after each word for segment, or at the start when the text is nothing but a list."""
    marked = [match.end() for match in _MARKED.finditer(plain)]
    bare = plain.strip(" .;()")
    if not marked and bare and re.fullmatch(rf"(?:{_ITEM.pattern}|{_JOIN.pattern}|\s)+", bare):
        return [len(plain) - len(plain.lstrip(" .;()"))]
    kept: list[int] = []
    for place in marked:
        if not kept or place > kept[-1]:
            kept.append(place)
    return kept


def _list(plain: str, start: int, found: set[int], parts: set[str], unclear: list[str]) -> None:
    place, previous = start, None
    joined = ""
    while match := _ITEM.match(plain, place):
        word, letters = match[1], re.findall("[ab]", match[2] or "")
        number = _ROMAN.get(word) or int(word)
        if letters and number != 4:
            unclear.append(f"'{match[0].strip()}': only segment 4 is divided into a and b")
        elif letters:
            parts.update(f"4{letter}" for letter in letters)
        if previous is not None and _RANGE.fullmatch(joined):
            low, is_roman = previous
            if is_roman != (word in _ROMAN) or number <= low:
                unclear.append(f"'{low}{joined}{word}' is not a clear range")
            else:
                found.update(range(low, number))
        found.add(number)
        previous = (number, word in _ROMAN)
        join = _JOIN.match(plain, match.end())
        if join is None:
            return
        place, joined = join.end(), join[0]
        if joined.strip() and plain[place : place + 1] in {"a", "b"} and number == 4 and not _ITEM.match(plain, place):
            parts.add(f"4{plain[place]}")
            return
