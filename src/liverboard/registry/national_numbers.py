"""Numbers by which states and health insurances know a person, found in a text.

Where the form of a number is just digits, a word that announces it is asked for, or a date of birth and check digits inside; so a lesion's place, a lot or a count passes.
Forms and check digits are those of python-stdnum.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import import_module
from typing import Final

_LEAST_DIGITS: Final = 6


@dataclass(frozen=True, slots=True)
class _Form:
    """How numbers are written that stand by themselves. `modules`: of stdnum; one of them must hold the number for right."""

    written: re.Pattern[str]
    modules: tuple[str, ...]

    def stands_in(self, text: str) -> bool:
        return any(
            _is_right(module, match[0]) and not of_a_thing(text, match.start())
            for match in self.written.finditer(text)
            for module in self.modules
        )


def _form(written: str, *modules: str) -> _Form:
    return _Form(re.compile(rf"(?<![\w./])(?:{written})(?![\w/]|[.,-]\d)", re.IGNORECASE), modules)


_FORMS: Final = (
    _form(r"[12][ .-]?\d{2}[ .-]?\d{2}[ .-]?(?:\d{2}|2[AB])[ .-]?\d{3}[ .-]?\d{3}[ .-]?\d{2}", "fr.nir"),
    _form(r"\d{3}[ -]\d{3}[ -]\d{4}", "gb.nhs"),
    _form(r"756[. ]?\d{4}[. ]?\d{4}[. ]?\d{2}", "ch.ssn"),
    _form(r"[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z]", "it.codicefiscale"),
    _form(r"\d{8}[ -]?[A-Z]", "es.dni"),
    _form(r"[XYZ][ -]?\d{7}[ -]?[A-Z]", "es.nie"),
    _form(r"\d{8} ?\d ?[A-Z]{2}\d", "pt.cc"),
    _form(r"\d{6}[-+A-FU-Y]\d{3}[0-9A-Z]", "fi.hetu"),
    _form(r"\d{6}[-+]\d{4}|(?:19|20)\d{6}[-+]?\d{4}", "se.personnummer"),
    _form(r"\d{6}-\d{4}", "dk.cpr", "is_.kennitala"),
    _form(r"\d{6}-\d{5}", "lv.pvn"),
    _form(r"\d{6}/\d{4}", "cz.rc"),
    _form(r"\d{3}-\d{2}-\d{4}", "us.ssn"),
    _form(r"\d{4} ?(?:0[1-9]|[12]\d|3[01])(?:0[1-9]|1[0-2])\d{2}", "at.vnr"),
    _form(r"\d{10}", "bg.egn"),
    _form(r"\d{2}[.]?\d{2}[.]?\d{2}[ -]?\d{3}[ .]?\d{2}", "be.nn", "be.bis"),
    _form(r"\d{6} ?\d{5}", "no.fodselsnummer", "pl.pesel", "ee.ik", "lt.asmens", "gr.amka", "tr.tckimlik"),
    _form(r"\d{13}", "ro.cnp", "si.emso"),
)

# Words that announce such a number, whatever its form; capitals alone where small letters are another word.
_WORDS: Final = (
    r"national\s+(?:insurance|identity|identification|id)|social\s+(?:security|insurance)|health\s+(?:card|insurance|number)|community\s+health\s+index"
    r"|personal\s+public\s+service|nhs|passport|identity\s+card|medicare|medicaid|ohip|ramq"
    r"|s[ée]curit[ée]\s+sociale|n[°o]\s*(?:de\s+)?s[ée]cu|assurance\s+maladie|assur[ée]e?\s+social|num[ée]ro\s+national|registre\s+national|carte\s+vitale"
    r"|carte\s+d['’]identit[ée]|passeport|avs|ahv|matricule\s+national"
    r"|sozialversicherungs-?(?:nummer|nr)|versicherten-?(?:nummer|nr)|krankenversicherten-?(?:nummer|nr)|steuer-?id(?:entifikationsnummer)?|personalausweis|svnr|kvnr"
    r"|rijksregister(?:nummer)?|burgerservicenummer|bsn|codice\s+fiscale|tessera\s+sanitaria|seguridad\s+social|tarjeta\s+sanitaria"
    r"|n[uú]mero\s+de\s+utente|personnummer|person-?nr|f[øo]dselsnummer|f[øo]dselsnr|cpr-?(?:nr|nummer)|henkil[öo]tunnus|kennitala|isikukood|asmens\s+kodas"
    r"|personas\s+kods|pesel|rodn[ée]\s+[čc][íi]slo|cod(?:ul)?\s+numeric\s+personal|tckn|tc\s+kimlik"
)
_CAPITALS: Final = "SSN|NINO|SIN|PHN|NAM|CHI|PPSN?|NIR|INS|NSS|NIE|DNI|CIP|BSN|CNP|EGN|OIB|EMŠO|EMSO|JMBG|AMKA|ΑΜΚΑ|ЕГН|ЈМБГ|TAJ|IHI|NHI|HETU|MBI|TFN|NIF"
_BETWEEN: Final = r"[ .:#=-]{0,3}(?:(?i:no|nr|num[ée]ro|number|n[°º]|code|card|id|is|est)\b[ .:#=°]{0,3}){0,3}"
_ANNOUNCED: Final = re.compile(
    rf"(?<!\w)(?:(?i:{_WORDS})|{_CAPITALS})(?!\w){_BETWEEN}(?P<number>[A-Z]{{0,6}}[ -]?\d[0-9A-Z ./+-]{{5,24}})"
)
_OF_A_THING: Final = re.compile(
    r"(?<!\w)(?:lots?|batch|charge|serial|s/n|s[ée]rie|r[ée]f(?:[ée]rence)?|reference|catalog(?:ue)?|cat|model|mod[èe]le|part)(?!\w)[.]?"
    r"(?:\s{0,2}(?:n[°ºor]|num(?:ber|[ée]ro))(?!\w)[.]?)?\s{0,2}[:=#]?\s{0,2}$",
    re.IGNORECASE,
)  # what stands before the number of a lot or a device
_BEFORE: Final = 40  # characters that are looked at before a number
_DAY: Final = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}")
_DOI: Final = re.compile(r"\b10\.\d{4,9}/\S+")


def holds_national_number(text: str) -> bool:
    """Whether a number of a state or health insurance stands in a text, announced or in a form of its own with right check digits."""
    announced = any(_is_number(match["number"]) for match in _ANNOUNCED.finditer(text))
    plain = _DOI.sub("", text)
    return announced or any(form.stands_in(plain) for form in _FORMS)


def of_a_thing(text: str, start: int) -> bool:
    """Whether the number that starts there is announced as that of a lot, batch or device."""
    return bool(_OF_A_THING.search(text[max(0, start - _BEFORE) : start]))


def _is_number(written: str) -> bool:
    return not _DAY.match(written) and sum(map(str.isdigit, written)) >= _LEAST_DIGITS


def _is_right(module: str, written: str) -> bool:
    """As stdnum judges it; one sign repeated is a blank in a form, and no number."""
    return len(set(filter(str.isalnum, written))) > 1 and bool(import_module(f"stdnum.{module}").is_valid(written))
