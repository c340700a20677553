"""Direct identifiers refused at the door, and the pseudonym that stands for them.

What is looked for: e-mail addresses, telephone numbers, hospital and national numbers, dates of birth, names after a title, a label or a word that announces one.
It finds what is written as such; a bare name in a sentence cannot be told from any other word, so the door is no substitute for care. No message repeats what was found.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, cast

from liverboard.clinical.case_file import write_case
from liverboard.clinical.events import Case
from liverboard.errors import BadInput, Problem
from liverboard.registry.announced_names import doctor_named, person_named
from liverboard.registry.national_numbers import holds_national_number, of_a_thing

Kind = Literal[
    "e-mail address", "telephone number", "national number", "hospital number", "date of birth", "name of a person", "name of a doctor"
]  # fmt: skip

_PSEUDONYM_LETTERS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # none looks like another
_PSEUDONYM_LENGTH: Final = 10  # 50 bits
_ADULT_BY: Final = 2005  # a full date up to this year in a pseudonym is taken for a birth, later ones for an inclusion
_HINT: Final = "remove it: a case carries a pseudonym only; the way back to the patient stays with the centre"
_OF_THE_BOARD: Final = {
    "owner": ("name of a person", "name of a doctor"),
    "dissent": ("name of a doctor",),
}  # whose names may stand
_NO_TEXT: Final = frozenset({"lot", "product", "generator", "applicator", "device"})  # numbers of things, not of people


def pseudonym_of(key: bytes, identity: str, prefix: str = "NELM") -> str:
    """The pseudonym of a person in a centre: HMAC-SHA256 of their hospital number (or whatever the centre names them by) under the centre's key.

    The same identity gives the same pseudonym, however it is spaced or capitalised; without the key it leads nowhere.
    """
    plain = "".join(unicodedata.normalize("NFKC", identity).casefold().split())
    if not plain:
        raise BadInput(
            "there is no identity to make a pseudonym of", hint="Give the number by which the centre knows the patient."
        )
    number = int.from_bytes(hmac.digest(key, plain.encode(), hashlib.sha256))
    letters = [_PSEUDONYM_LETTERS[number >> 5 * place & 31] for place in range(_PSEUDONYM_LENGTH)]
    return f"{prefix}-{''.join(letters)}"


def refuse_identifiers(case: Case, where: str = "case") -> None:
    """Raises BadInput that names every place where the case holds a direct identifier."""
    problems = identifier_problems(case)
    if problems:
        raise BadInput(
            f"the case holds what identifies a person, in {len(problems)} place{'s' if len(problems) > 1 else ''}",
            where=where,
            problems=problems,
            hint="Nothing was kept.",
        )


def identifier_problems(case: Case) -> list[Problem]:
    """Every place of a case where a direct identifier stands. The value itself is not repeated."""
    found = [_problem(None, "case", kind) for kind in _kinds_in_pseudonym(case.case, case.birth_year)]
    for event, path, text in texts_of(case):
        is_id = event is not None and path == "id"
        kinds = _kinds_in_pseudonym(text, case.birth_year) if is_id else identifiers_in(text, case.birth_year)
        allowed = _OF_THE_BOARD.get(path.rpartition(".")[2], ())
        found += [_problem(None if is_id else event, path, kind) for kind in kinds if kind not in allowed]
    return found


def identifiers_in(text: str, birth_year: int | None = None) -> tuple[Kind, ...]:
    """The kinds of direct identifiers in a free text. A full date in `birth_year` counts as a date of birth."""
    if len(text) < 4 or _HARMLESS.fullmatch(text):
        return ()
    plain = _WIDE_SPACE.sub(" ", text)
    return tuple(look.kind for look in _LOOKS if look.finds(plain, birth_year))


def _problem(event: str | None, field: str, kind: Kind) -> Problem:
    article = "an" if kind[0] == "e" else "a"
    return Problem(f"{article} {kind} seems to stand here", event=event, field=field, hint=_HINT)


def texts_of(case: Case) -> Iterator[tuple[str | None, str, str]]:
    """Every text of a case: the event it stands in (None: the header), its field, and what it says."""
    tree = cast("dict[str, object]", json.loads(write_case(case, is_json=True)))
    for path, text in _texts({key: value for key, value in tree.items() if key not in {"case", "events"}}):
        yield None, path, text
    for event in cast("list[dict[str, object]]", tree.get("events", [])):
        for path, text in _texts(event):
            yield str(event["id"]), path, text


def _texts(node: object, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        for key, value in cast("dict[str, object]", node).items():
            if key not in _NO_TEXT:
                yield from _texts(value, f"{path}.{key}" if path else key)
    elif isinstance(node, list):
        for number, value in enumerate(cast("list[object]", node), 1):
            yield from _texts(value, f"{path}[{number}]")
    elif isinstance(node, str):
        yield path, node


# --- what an identifier looks like ---------------------------------------------------------------------------------------------------------------------

_HARMLESS = re.compile(
    r"[a-z][a-z_0-9]{0,29}|[0-9.eE+-]+ [^ ]{1,12}|[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9:.+Z-]+)?"
)  # words, quantities, days
_WIDE_SPACE = re.compile(r"[\u00a0\u2000-\u200a\u202f\u205f\u3000]")  # as word processors set them within numbers
_EMAIL = re.compile(
    r"(?<![\w.+-])[\w.+-]+(?:@|\s?[\[(]\s?(?:at|arobase|@)\s?[\])]\s?)[\w-]+(?:\.[\w-]+)+", re.IGNORECASE
)
_PHONE = re.compile(
    r"""(?<![\w.,/^-])(?:
        (?:\+|00)[1-9]\d{0,2}[ .()/-]{0,2}(?:\(0\)[ ]?)?\(?\d{1,4}\)?(?:[ ./-]?\d{2,4}){2,5}    # +33 1 44 55 66 77, +33 (0)1 44 55 66 77, 0049 (30) 901820
        | 0[1-9](?:[ .-]\d{2}){4} | 0[1-9]\d{8}                                   # 06 12 34 56 78
        | 0\d{3,4}[ -]\d{3}[ -]?\d{3,4}                                           # 07700 900123
        | 0\d{2}[ ]\d{4}[ ]\d{4}                                                  # 020 7946 0958
        | \(\d{3}\)[ ]?\d{3}-\d{4}                                                # (415) 555-0123
    )(?![\w^]|[.,]\d)""",
    re.VERBOSE,
)
_PHONE_LABEL = re.compile(
    r"\b(?:tel|tfno|phone|telephone|téléphone|tel[ée]fono|telefoon|telefon|telefone|rufnummer|mobile|portable|handy|cell|gsm|m[óo]vil|cellulare|fax|call|ring|appeler(?:\s+au)?|joignable\s+au"
    r"|(?-i:[Pp]h|PH)(?=[.:]))\b\.?\s*(?:n[°o]\.?)?\s*[:=]?\s*(?P<number>\+?[\d(][\d ()./-]{6,})",
    re.IGNORECASE,
)
_PHONE_DIGITS: Final = 7
_HOSPITAL = re.compile(
    r"""\b(?:mrn|ipp|nip|nda(?=\W{0,6}\d{7})|iep|nhc|(?:hospital|hosp\.?|patient|chart)\s*(?:no|number|id|nr)|pat(?:ienten)?\.?-?\s?(?:nr|nummer|id)|pati[ëe]nt-?(?:nr|nummer)|fall-?(?:nummer|nr)
        |dossier\s*(?:n[°ºo]|num[ée]ro)|(?:n[°ºo]|num[ée]ro)\s*(?:de\s*|du\s*)?(?:dossier|patiente?)|identifiant\s*(?:du\s*)?patiente?|nhs\s*(?:no|number)
        |medical\s*record(?:\s*(?:no|number))?|historia\s*cl[íi]nica|cartella\s*clinica|accession\s*(?:no|number))
        (?:[ ]?(?:n[°ºor.]|num[ée]ro|number)(?!\w)|(?<=[°º])|(?!\w))[.°º]?\s*[:=#]?\s*(?P<number>[\w/-]{0,40}\d{4}|[A-Z]{0,3}\d{2,3}(?:[ -]\d{2,3}){1,4}(?![\w]))""",
    re.IGNORECASE | re.VERBOSE,
)  # fmt: skip
_YEARS = re.compile(r"(?:19|20)\d{2}(?:\s?[-/]\s?(?:19|20)?\d{2})?(?![\w/-]*\d)")
_DATE = re.compile(r"(?<![\d.])(?:(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})|(\d{1,2})[-/.](\d{1,2})[-/.](\d{4}))(?![\d])")
_BORN = re.compile(
    r"(?:\b(?:born(?:\s+on)?|d\.?o\.?b\.?|date\s+of\s+birth|birth\s*da(?:te|y)|n[ée]e?\(?e?\)?(?=\s+(?:le|à)\s)|date\s+de\s+naissance|ddn|geb(?:oren)?(?:\s+(?:am|op))?\.?|geburtsdatum|geboortedatum"
    r"|fecha\s+de\s+nacimiento|nacid[oa]|data\s+di\s+nascita|nat[oa])|(?<![\w*)])\*)"
    r"(?:\s+(?:in|à|en|a)\s+[^\W\d][\w'’-]*)?\s*(?:\s(?:on|le|el|il)\s+)?(?:[:=]|\bis\b|\bwas\b)?\s*(?:the\s+)?"
    r"(?:\d{1,4}[-/. ]\d{1,2}[-/. ]\d{2,4}|\d{1,2}(?:st|nd|rd|th|er|\.)?[\s-]*(?:(?:of|de|di)\s+)?[^\W\d]{3,10}\.?,?[\s-]*(?:de\s+)?\d{4}|[^\W\d]{3,9}\s+\d{1,2}(?:st|nd|rd|th)?,?\s+\d{4}|\d{8})",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Look:
    kind: Kind
    finds: Callable[[str, int | None], bool]


def _phone(text: str) -> bool:
    if any(not of_a_thing(text, match.start()) for match in _PHONE.finditer(text)):
        return True
    said = (match["number"] for match in _PHONE_LABEL.finditer(text))
    return any(sum(map(str.isdigit, each)) >= _PHONE_DIGITS and not _DATE.match(each) for each in said)


def _hospital_number(text: str) -> bool:
    return any(
        not (_DATE.match(each["number"]) or _YEARS.match(text, each.start("number")))
        for each in _HOSPITAL.finditer(text)
    )


def _born(text: str, birth_year: int | None) -> bool:
    if _BORN.search(text):
        return True
    return birth_year is not None and any(day.year == birth_year for day in days_in(text))


def days_in(text: str) -> Iterator[dt.date]:
    """Every full date of a text; one whose day and month can be told in two ways, in both."""
    for match in _DATE.finditer(text):
        year, month, day = (match[1], match[2], match[3]) if match[1] else (match[6], match[5], match[4])
        for a, b in {(month, day), (day, month)}:
            try:
                yield dt.date(int(year), int(a), int(b))
            except ValueError:
                continue


_LOOKS: Final[tuple[_Look, ...]] = (
    _Look("e-mail address", lambda text, _: bool(_EMAIL.search(text))),
    _Look("national number", lambda text, _: holds_national_number(text)),
    _Look("telephone number", lambda text, _: _phone(text)),
    _Look("hospital number", lambda text, _: _hospital_number(text)),
    _Look("date of birth", _born),
    _Look("name of a person", lambda text, _: person_named(text)),
    _Look("name of a doctor", lambda text, _: doctor_named(text)),
)

_DIGITS = re.compile(r"\d{7,}")
_PERSON = re.compile(r"[A-Z][a-z]{2,}[-_.][A-Z](?:[a-z]{2,}|[A-Z]{2,})|[A-Z]{3,}[-_.][A-Z][a-z]{2,}")


def _kinds_in_pseudonym(name: str, birth_year: int | None) -> list[Kind]:
    """What an id or pseudonym gives away: a number as hospitals give them, a national number, a date of birth, or a name written as one."""
    if holds_national_number(name.replace("_", "-")):
        return ["national number"]
    for digits in re.findall(r"(?<!\d)\d{8}(?!\d)", name):
        for layout in ("%Y%m%d", "%d%m%Y", "%m%d%Y"):
            try:
                year = dt.datetime.strptime(digits, layout).year  # noqa: DTZ007  (a day has no zone)
            except ValueError:
                continue
            if year == birth_year or (birth_year is None and 1900 <= year <= _ADULT_BY):
                return ["date of birth"]
    if _DIGITS.fullmatch(name):
        return ["hospital number"]
    return ["name of a person"] if _PERSON.fullmatch(name) else []
