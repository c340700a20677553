"""What the headers of a patient's own studies call them, kept as keyed hashes, so that the same words typed into that case are refused at the door.

It closes the hole that no look at a text can: a bare name in a sentence. Hashes are made under the audit key, which lies outside the database as the key of the centre does and is at hand in
every write; those of one case cannot be compared with those of another.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from liverboard.clinical.events import Case
from liverboard.errors import BadInput, Problem
from liverboard.registry.identity import days_in, texts_of

Text = tuple[str | None, str, str]  # the event it stands in, its field, what it says
_HASH_BYTES: Final = 8
_LEAST_LETTERS: Final = 3
_LEAST_SIGNS: Final = 5  # of a number; shorter ones occur as sizes and doses
_WORD: Final = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_NUMBER: Final = re.compile(r"[^\W_]*\d[\w/.-]*")
_NOBODY: Final = frozenset(
    {"anonymous", "anonymized", "anonymised", "unknown", "patient", "test", "phantom", "none", "liver"}
)
_HINT: Final = "remove it: it stands as the patient's in a study of this case; a word that means something else may be written in small letters"


def hashes_of(key: bytes, case: str, patient: Mapping[str, str]) -> list[str]:
    """Hashes of the parts of a name, the numbers and the birth date of a patient, given by DICOM keyword, for this case."""
    words: set[str] = set()
    for keyword, value in patient.items():
        if keyword == "PatientName":
            words |= {part for each in _WORD.findall(value) for part in _parts(each)} - _NOBODY
        elif keyword == "PatientBirthDate":
            words |= {value} if re.fullmatch(r"\d{8}", value) else set()
        elif keyword in {"PatientID", "OtherPatientIDs"}:
            words |= {_plain(each) for each in _NUMBER.findall(value)}
    return sorted({_hash(key, case, word) for word in words if _counts(word)})


def refuse_known(key: bytes, known: frozenset[str], case: Case, where: str) -> None:
    """Raises BadInput that names every place where the case says a word of which the hash is `known`. The word is not repeated."""
    problems = [
        Problem("a name, number or birth date of this patient stands here", event=event, field=path, hint=_HINT)
        for event, path in places_known(key, known, case.case, texts_of(case))
    ]
    if problems:
        raise BadInput(
            "the case holds what identifies its patient", where=where, problems=problems, hint="Nothing was kept."
        )


def places_known(
    key: bytes, known: frozenset[str], case: str, texts: Iterable[Text]
) -> Iterator[tuple[str | None, str]]:
    """The event and field of every text that says a word of which the hash is `known`."""
    for event, path, text in texts if known else ():
        if path.endswith(".owner"):  # of an action: one of the board, who may have the same name
            continue
        if any(_hash(key, case, word) in known for word in _said(text)):
            yield event, path


def _said(text: str) -> Iterator[str]:
    """What in a text may be of a person: words with a capital, numbers, days."""
    for word in _WORD.findall(text):
        if word[0].isupper() or any(part[:1].isupper() for part in re.split(r"['’-]", word)):
            yield from filter(_counts, _parts(word))
    yield from filter(_counts, (_plain(number) for number in _NUMBER.findall(text)))
    yield from (f"{day:%Y%m%d}" for day in days_in(text))


def _parts(word: str) -> Iterable[str]:
    """A word in small letters without accents: whole, and by its parts where it has several."""
    return {_plain(part) for part in (word, *re.split(r"['’-]", word))}


def _plain(word: str) -> str:
    """Small letters and digits alone, without accents."""
    bare = unicodedata.normalize("NFKD", word).casefold()
    return "".join(sign for sign in bare if sign.isalnum())


def _counts(word: str) -> bool:
    return len(word) >= (_LEAST_SIGNS if any(map(str.isdigit, word)) else _LEAST_LETTERS)


def _hash(key: bytes, case: str, word: str) -> str:
    return hmac.digest(key, "\0".join(("known word", case, word)).encode(), hashlib.sha256)[:_HASH_BYTES].hex()
