"""Names of people found in a text by what announces them: a title, a label, "née", "alias", "patient".

A title with a capital behind it is taken at its word, save before an eponym. Signs that clinical text has too ("patient Chose", "mr liver", "M Stage") count only where no word of clinical text
follows. `MR` in capitals is magnetic resonance, save before a word in capitals that is none of clinical text and no sequence ("MR DUPONT"), in a text that is not all in capitals.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Final


def _words(written: str) -> frozenset[str]:
    return frozenset(written.split())


_CAPITAL: Final = "A-ZÀ-ÖØ-Þ"
_SMALL: Final = r"(?:(?:de|du|des|von|van|der|den|di|da|del|la|le|el|ben|['’]t)\s+)*(?:[dolDOL]['’]\s?)?"
_LARGE: Final = r"(?:(?:Le|La|De|Du|Des|Da|Di|Do|Dos|Del|Mc|Mac|El|Al|Ben|Van|Von|DE|DU|DA|DI|DOS|LE|LA|EL|VAN|VON)\s+)*(?:[DOLM]['’])?"
_A_NAME: Final = rf"(?P<name>{_SMALL}{_LARGE}[{_CAPITAL}][\w'’-]+)"
_FIRST: Final = rf"(?:[{_CAPITAL}]\.?\s+)?"

# --- titles --------------------------------------------------------------------------------------------------------------------------------------------

_TITLES: Final = (
    r"Mr|Ms|Mx|Miss|Mister|Mrs|Mmes?|Mlles?|Madame|Monsieur|Mademoiselle|Herrn?|Frau|Fru|Sig\.?ra|Sig\.?na|Signora?|Sra|Srta|Señora?|Señorita|Doña"
    r"|[Mm]evrouw|[Mm]evr|[Mm]w|[Dd]hr|de\s+heer|señora?|signora?|sra|MME|MLLE|MADAME|MONSIEUR|MADEMOISELLE|Lady|Sir"
)
_TITLE: Final = re.compile(
    rf"(?<![\w.-])(?:(?:{_TITLES})\b(?:\.\s*|\s+)|(?P<morbus>MM?\.)\s*(?=(?:[dD][eu]|[LD]e|La)\s|[dD]['’]|[^\W\d_]{{3}}))"
    rf"(?:(?<=\s){_FIRST})?{_A_NAME}"
)
_WEAK_TITLE: Final = re.compile(
    rf"(?<![\w.-])(?:(?:mr|mrs|mme|mlle|madame|monsieur|mademoiselle|herrn?|frau|señora?|sra)\b(?:\.\s*|\s+)|(?:MRS|Sig|Sr|Hr|(?<!\d\s)(?<!\d)Fr(?=\.))(?:\.\s*|\s+)(?=(?:de|del|von|van)\s|[{_CAPITAL}]))"
    r"(?P<name>" + _SMALL + _LARGE + r"[^\W\d_][^\W\d_'’-]{2,})(?![\w'’-])"
)
_BARE_M: Final = re.compile(
    rf"(?<![\w.-])(?<![A-Z0-9]\s)M\s+(?P<name>{_LARGE}[{_CAPITAL}](?:[a-zà-ÿ'’]{{2,}}|[{_CAPITAL}]{{4,}}|[{_CAPITAL}]{{2,}}(?=\s+[{_CAPITAL}][a-zà-ÿ]))(?:-[{_CAPITAL}]\w+)?)(?![\w-])"
)
_MR: Final = re.compile(
    rf"(?<![\w.-])MR(?:\.\s*|\s+)(?P<name>{_LARGE}[{_CAPITAL}'’]{{4,}}(?:-[{_CAPITAL}'’]{{2,}})?)(?![\w'’-])"
)
_IN_SMALL_LETTERS: Final = re.compile(r"(?<![^\W\d_])[a-zà-ÿ]{2,}")
_DOCTOR: Final = re.compile(
    rf"\b(?:Drs?|Dre|Doctor|Docteur|Prof|Professor|Professeur|Pr)\b(?:\.\s*|\s+){_FIRST}{_A_NAME}"
)

# --- words that announce a name ------------------------------------------------------------------------------------------------------------------------

_SAID: Final = re.compile(
    r"\b(?:[Pp]atiente?|[Mm]an|[Ww]oman|[Ll]ady|[Hh]omme|[Ff]emme|[Hh]e|[Ss]he|[Ii]l|[Ee]lle)\s+(?:is\s+|est\s+)?(?:named|called|nommée?|appelée?|dénommée?|prénommée?)\s+"
    rf"{_A_NAME}|\bs['’]appelle\s+(?P<own>[{_CAPITAL}][\w'’-]+)|\b(?:[Hh]is|[Hh]er|[Pp]atient['’]s|[Mm]aiden|[Ff]amily|[Ll]ast|[Ff]irst)\s+name\s+(?:is\s+|was\s+)?(?P<his>[{_CAPITAL}][\w'’-]+)"
    rf"|\b[Nn][ée]e\s+(?P<maiden>{_SMALL}{_LARGE}[{_CAPITAL}][\w'’-]+)|\b(?:[Gg]eb\.|[Gg]eborene)\s+(?P<born>[{_CAPITAL}][^\W\d_]{{2,}})"
    rf"|\b(?:[EeÉé]pouse|[Vv]euve|ép\.|[Nn]om\s+de\s+(?:jeune\s+fille|naissance))\s*:?\s+(?P<married>[{_CAPITAL}][\w'’-]+)"
)
_WEAK_WORD: Final = re.compile(
    r"\b(?:(?i:alias)|aka|a\.k\.a\.|(?:[Aa]lso\s+)?[Kk]nown\s+as|[Cc]onnue?\s+sous\s+le\s+nom\s+de|NOM|PRENOM|PRÉNOM|[Nn]ombre\s*:)\s*:?\s*[«\"“]?\s*"
    rf"(?P<name>{_LARGE}[{_CAPITAL}](?:[a-zà-ÿ'’]{{2,}}|[{_CAPITAL}]{{3,}}))(?![\w-])|\bnée\s+(?P<small>[^\W\d_]{{4,}})(?![\w'’-])"
)
_PATIENT: Final = re.compile(
    rf"\b(?:[Pp]atiente?|[Pp]atientin|PATIENTE?)\s*:?\s+(?:(?P<name>{_LARGE}[{_CAPITAL}](?:[a-zà-ÿ'’]{{2,}}|[a-zà-ÿ'’]+[{_CAPITAL}][a-zà-ÿ]+)(?:-[{_CAPITAL}][a-zà-ÿ'’]+)?)(?![\w-])"
    rf"|(?P<upper>{_LARGE}[{_CAPITAL}'’-]{{3,}}\s+[{_CAPITAL}][a-zà-ÿ]+|[{_CAPITAL}][a-zà-ÿ]+\s+[{_CAPITAL}'’-]{{4,}})(?![\w-]))"
)
_LONG_WORD: Final = re.compile(r"[^\W\d_]{4,}")
_LABELLED: Final = re.compile(
    r"\b(?:(?:patient(?:'s|in)?|full|last|first|family|sur|maiden)[ -]?name|surname|name|nom(?:\s+de\s+(?:famille|naissance))?|prénom|nachname|vorname|familienname"
    r"|apellidos?|cognome|nome|naam|achternaam|voornaam)\s*[:=]\s*(?:[^\W\d_]['’]\s?)?[^\W\d_]{2}",
    re.IGNORECASE,
)
_NOT_A_NAME: Final = re.compile(
    r"\b(?:file|segment|drug|product|structure|series|folder|brand|trade|generic|trial|device|study)\s*name\s*[:=]",
    re.IGNORECASE,
)
_CARET: Final = re.compile(r"(?<![^\W\d_])[^\W\d_]{2,}\^[^\W\d_]{2,}")
_FILED: Final = re.compile(
    rf"(?<![^\W_])(?:[A-Z][a-zà-ÿ]{{2,}}[-_.][{_CAPITAL}]{{5,}}|[{_CAPITAL}]{{5,}}[-_.][A-Z][a-zà-ÿ]{{2,}})(?![^\W_])"
)  # Jean_DUPONT, as folders are named

# --- what is no name -----------------------------------------------------------------------------------------------------------------------------------

_NO_PERSON: Final = _words("recist spheres windermere")  # Mr RECIST, Sir Spheres, Lady Windermere syndrome
_MORBUS: Final = _words(
    """
    crohn hodgkin basedow whipple parkinson addison cushing osler bechterew ormond meulengracht recklinghausen menière ménière meniere alzheimer hashimoto sjögren raynaud
    paget waldenström dupuytren ledderhose scheuermann behçet castleman caroli takayasu kahler huntington biermer vaquez kaposi verneuil charcot hirschsprung
    """
)  # M. Crohn: the disease
_OF_NAMESAKES: Final = _words("wilson gilbert horton")  # M. de Gilbert is the disease, M. Gilbert a man
_OTHER_EPONYMS: Final = _words(
    """
    lynch barrett gleason couinaud clavien charlson bismuth okuda barcelona milan child budd hippel wermer sipple carney krenning seldinger doppler verner cowden peutz turcot
    meckel zollinger karnofsky
    """
)
_BRANDS: Final = _words(
    """
    lutathera somatuline sandostatin signifor afinitor votubia sutent cabometyx zanosar xeloda temodal temodar xermelo lipiodol embosphere embozene contour therasphere sirspheres
    quiremspheres quiremscout hepasphere netspot locametz detectnet illuccix primovist eovist dotarem gadovist tandem lifepearl progreat terumo cobra simmons
    lanreotide octreotide everolimus sunitinib lutetium chromogranin gallium yttrium holmium
    """
)
_SEQUENCES: Final = _words(
    "blade cube dess dixon fiesta fisp flair flash haste ideal lava mprage propeller space spair star stir thrive trufi twist vibe"
)  # of magnetic resonance, as they are written behind it
_ALSO_NAMES: Final = _words(
    "may petit grand grande long young short small day read dixon hope farmer field fields branch"
)  # with a capital
_CLINICAL: Final = _NO_PERSON | _MORBUS | _OTHER_EPONYMS | _BRANDS
_FORMS: Final = re.compile(
    r".{4,}(?:graphy|graphie|gramme?|scopy|scopie|metry|métrie|tions?|sions?|ments?|ity|ité|iques?|ables?|ibles?|itis|oma|emia|émie|osis|pathy|pathie"
    r"|ology|ologie|ectomy|ectomie|stomy|plasty|therapy|thérapie|ical|icale|ally|ously|ively|euse|eusement|isme?)|.{3,}(?<![emri])ed|.{5,}ée?"
)  # how words of clinical text end, and names seldom do
_NAMES_OF_THAT_FORM: Final = _words(
    "dominique monique véronique veronique frédérique angélique clément clement désirée constable khaled majed javed zayed henriques barthélémy andrée dorothée timothée"
)


def person_named(text: str) -> bool:
    """Whether a name of a person is announced in a text."""
    if any(not _of_a_disease(match) for match in _TITLE.finditer(text)):
        return True
    weak = (each for look in (_WEAK_TITLE, _BARE_M, _WEAK_WORD) for each in look.finditer(text))
    if any(not _clinical(match.groupdict().get("small") or match["name"]) for match in weak):
        return True
    if _IN_SMALL_LETTERS.search(text) and any(
        not (_clinical(each["name"]) or _plain(each["name"]) in _SEQUENCES) for each in _MR.finditer(text)
    ):
        return True
    labelled = _LABELLED.search(_NOT_A_NAME.sub("", text))
    filed = "/" in text and " " not in text and _FILED.search(text)
    return bool(labelled or filed or _CARET.search(text) or _SAID.search(text)) or _patient_named(text)


def doctor_named(text: str) -> bool:
    """Whether a name of a doctor is announced in a text."""
    return bool(_DOCTOR.search(text))


def _patient_named(text: str) -> bool:
    """Whether the word after "patient" is a name, by its capital. In a title, where most words have one, that says nothing."""
    words: list[str] = _LONG_WORD.findall(text)
    capitals, others = sum(each[0].isupper() for each in words) - 2, len(words) - 2  # without "Patient" and the name
    title = capitals >= 2 and 2 * capitals >= others
    for match in _PATIENT.finditer(text):
        parts = match["upper"].split()[-2:] if match["upper"] else match["name"].split()[-1].split("-")
        if not any(map(_clinical, parts)) and (match["upper"] or not title):
            return True
    return False


def _of_a_disease(titled: re.Match[str]) -> bool:
    name = _plain(titled["name"])
    if name in _NO_PERSON or not titled["morbus"]:
        return name in _NO_PERSON
    return name in _MORBUS or (name in _OF_NAMESAKES and titled["name"].startswith("de "))


def _plain(name: str) -> str:
    """The last part of a name in small letters, without what stands before it: `de Crohn`, `d'Addison`."""
    return re.split(r"\s|(?<=\b[dDlLoOmM])['’]", name)[-1].casefold()


def _clinical(word: str) -> bool:
    """Whether a word is one of clinical text: listed, an eponym, a brand, or formed as such words are."""
    plain = re.sub(r"['’]s?$", "", _plain(word))
    if word[:1].isupper() and plain in _ALSO_NAMES:
        return False
    return (
        plain in _CLINICAL
        or plain in _clinical_words()
        or (plain not in _NAMES_OF_THAT_FORM and bool(_FORMS.fullmatch(plain)))
    )


@cache
def _clinical_words() -> frozenset[str]:
    told = files("liverboard.registry").joinpath("clinical_words.txt").read_text(encoding="utf-8")
    return frozenset(word for line in told.splitlines() if not line.startswith("#") for word in line.split())
