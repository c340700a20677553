"""Direct identifiers are found where they are written as such, and clinical text is let through."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
import yaml
from faker import Faker
from hypothesis import given
from hypothesis import strategies as st
from stdnum.fr import nir

import liverboard.knowledge
from liverboard.clinical.case_file import read_case
from liverboard.clinical.events import Case
from liverboard.errors import BadInput
from liverboard.phantom.cohort import CohortPlan, draw_people
from liverboard.phantom.cohort_story import case_of
from liverboard.registry.identity import identifier_problems, identifiers_in, pseudonym_of, refuse_identifiers

FOUND = [
    ("please send to jean.dupont@chu-lyon.fr", "e-mail address"),
    ("call +33 1 44 55 66 77 before", "telephone number"),
    ("06 12 34 56 78", "telephone number"),
    ("mobile 07700 900123", "telephone number"),
    ("0049 30 901820 is the ward", "telephone number"),
    ("(415) 555-0123", "telephone number"),
    ("tél: 0612345678", "telephone number"),
    ("NIR 2 69 05 49 588 157 80", "national number"),
    ("NHS 943 476 5919", "national number"),
    ("DNI 54362315-K", "national number"),
    ("rijksregister 85.07.30-033 28", "national number"),
    ("MRN 00481234", "hospital number"),
    ("IPP: 8001234567", "hospital number"),
    ("hospital no. A-123456", "hospital number"),
    ("dossier n° 2024/12345", "hospital number"),
    ("born 3 May 1961 in Lyon", "date of birth"),
    ("DOB 03/05/1961", "date of birth"),
    ("née le 03.05.1961", "date of birth"),
    ("geb. 3.5.1961", "date of birth"),
    ("seen first 1961-05-03", "date of birth"),
    ("Mrs Dupont wishes to wait", "name of a person"),
    ("Mme de la Tour refuse", "name of a person"),
    ("M. Martin a été informé", "name of a person"),
    ("Herr Müller", "name of a person"),
    ("patient name: Dupont", "name of a person"),
    ("Nom : DUPONT", "name of a person"),
    ("DUPONT^JEAN", "name of a person"),
    ("images/DUPONT_Jean/ct-arterial", "name of a person"),
    ("Mr Li was told", "name of a person"),
    ("M. d'Ornano refuse", "name of a person"),
    ("Mme BERNARD, 62 ans", "name of a person"),
    ("Seen today: patient Dupont, who wishes to wait", "name of a person"),
    ("La patiente Durand refuse la SIRT", "name of a person"),
    ("Patient : DUPONT Marie", "name of a person"),
    ("a woman called Jane was treated", "name of a person"),
    ("le patient nommé Haddad", "name of a person"),
    ("elle s'appelle Jeanne", "name of a person"),
    ("née Martin", "name of a person"),
    ("her name is Okafor", "name of a person"),
    ("referred by Dr Martin", "name of a doctor"),
    ("referred by Dr Parkinson", "name of a doctor"),
    ("avis du Pr. Le Treut", "name of a doctor"),
    ("Professor O'Brien asks", "name of a doctor"),
    ("née à Lyon le 3 mai 1961", "date of birth"),
    ("né(e) le : 03/05/1961", "date of birth"),
    ("birthday May 3rd, 1961", "date of birth"),
    ("DOB: 3-May-1961", "date of birth"),
    ("n° de sécu 2 69 05 49 588", "national number"),
    ("SSN 123-45-6789", "national number"),
    ("078-05-1121", "national number"),
    ("NHS number 9434765919", "national number"),
    ("SIN 046 454 286", "national number"),
    ("OHIP 1234-567-890 AB", "national number"),
    ("RAMQ DUPM 6105 0312", "national number"),
    ("Medicare 2123 45670 1", "national number"),
    ("BSN 111222333", "national number"),
    ("KVNR A123456780", "national number"),
    ("PPS no. 1234567FA", "national number"),
    ("Passport no 12AB34567", "national number"),
    ("943\u00a0476\u00a05919", "national number"),
    ("06\u202f12\u202f34\u202f56\u202f78", "telephone number"),
    ("MADAME DUPONT", "name of a person"),
]
LET_THROUGH = [
    "Progressive liver disease under lanreotide; which liver-directed treatment?",
    "SSTR PET 2024-05-14 shows 12 lesions, largest 42 mm, SUVmax 24.3",
    "CT of 12/03/2024 against 04/11/2023: +23 % (RECIST 1.1 PD)",
    "Ki-67 4 %, 1 mitosis/2 mm2, G2; CgA 640 ug/L (< 100), 5-HIAA 180 umol/d",
    "Lu-177 DOTATATE 4 x 7.4 GBq, 2023-01-10, 2023-03-07, 2023-05-02, 2023-06-27",
    "Child-Pugh A5, ALBI -2.75, ECOG 1; M. Crohn since 1998; M1 liver",
    "Patient under PRRT; Patient Child-Pugh A; patient prefers to wait",
    "Dr to be told; MR at 3.0 T; Mr scans",
    "lesion in IVa/V, 10 x 12 mm, 0.8 x 0.8 x 2.5 mm voxels, 512 x 512 x 320",
    "doxorubicin 50 mg, lipiodol 10 mL, 100-300 um, 2 sessions 6 weeks apart",
    "PMID 31234567, doi 10.1007/s00270-014-0871-x, NCT01234567",
    "1.2.840.113619.2.55.3.604688119.971.1350904080.123",
    "platelets 210 10^9/L; INR 1.0; eGFR 82; bilirubin 0.7 mg/dL; 120 000 copies",
    "segment name: S5; drug name: everolimus; trial name: NETTER-2",
    "Whipple 2016, then right hemihepatectomy in 2019 (R0)",
    "images/ct-arterial", "images/CT_Portal/series-3", "follow-up/SSTR_Pet",
    "Dose 1234567890 counts",
    "Patient Selection for Radioembolization of Hepatic Tumours", "Patient-reported outcomes; Patient ECOG 0, G2", "patient HCC; patient SIRT",
    "patient M. Crohn; Patiente suivie pour TNE du grêle; Patient Karnofsky 90", "née en France, 62 ans", "Prof. opinion; PR 2 weeks; segments of Couinaud",
    "CPR 2024-05-14; CHI 2024-05-14; SIN 12.05.2024; INS 2 vials", "MR DWI, MR 1.5 T; DR 2 mGy", "doi:10.1016/S0140-6736(16)32588-0; 10.1148/0610306705",
    "CAS 25316-40-9; UN 3332; ISO 13485; LOINC 1742-6", "-104.250/-38.125/1123.500; 12345678 voxels; 120000/120 mm", "eGFR 82 (2024-05-14 10:30); 1.5e10 vp",
    "nom", "née", "name", "0123", "",
]  # fmt: skip


@pytest.mark.parametrize(("text", "kind"), FOUND)
def test_what_identifies_is_found(text: str, kind: str) -> None:
    assert kind in identifiers_in(text, 1961)


@pytest.mark.parametrize("text", LET_THROUGH)
def test_clinical_text_is_let_through(text: str) -> None:
    assert identifiers_in(text, 1961) == ()


@pytest.mark.parametrize(
    "seed",
    [
        "mrn/",
        "tel 1 ",
        "Mr de la ",
        "born 1 ja ",
        "a.b@c.",
        "1-1-1",
        "AAAA_",
        "aa^",
        "+33 1 ",
        "mr de la ",
        "M. Le Du ",
        "nip 12 34 ",
        "a(at)",
        "née d'",
    ],
)
def test_the_look_at_a_long_text_is_quick(seed: str) -> None:
    started = time.process_time()  # of this process alone: others may keep the machine busy
    identifiers_in((seed * 100_000)[:200_000], 1961)
    assert time.process_time() - started < 3  # a look that backtracks over all of it takes minutes


def clinical_sentences() -> Iterator[str]:
    """Every text of the packaged knowledge: thousands of clinical sentences without a patient."""

    def texts(node: object) -> Iterator[str]:
        if isinstance(node, dict):
            for value in node.values():
                yield from texts(value)
        elif isinstance(node, list):
            for value in node:
                yield from texts(value)
        elif isinstance(node, str):
            yield node

    folder = Path(liverboard.knowledge.__file__).parent
    for file in sorted(folder.rglob("*.yaml")):
        if "references" not in file.name and "samples" not in file.parts:
            yield from texts(yaml.safe_load(file.read_text(encoding="utf-8")))


def test_the_sentences_of_the_knowledge_base_raise_no_alarm() -> None:
    sentences = list(clinical_sentences())
    assert len(sentences) > 2_000
    assert [text for text in sentences if identifiers_in(text, 1961)] == []


def test_samples_and_synthetic_cases_raise_no_alarm() -> None:
    folder = Path(liverboard.knowledge.__file__).parent / "samples"
    cases = [read_case(file.read_text(encoding="utf-8")) for file in folder.rglob("case.yaml")]
    cases += [case_of(person) for person in draw_people(CohortPlan(cases=150))]
    assert [case.case for case in cases if identifier_problems(case)] == []


# --- numbers, beside independent programs --------------------------------------------------------------------------------------------------------------

ALONE = {"fr_FR": "ssn", "es_ES": "nif", "it_IT": "ssn", "de_CH": "ssn", "de_AT": "ssn", "fi_FI": "ssn", "no_NO": "ssn", "sv_SE": "ssn", "pl_PL": "ssn",
         "et_EE": "ssn", "lv_LV": "ssn", "ro_RO": "ssn", "el_GR": "ssn", "nl_BE": "ssn", "tr_TR": "ssn", "en_US": "ssn", "mk_MK": "ssn", "sr_BA": "ssn"}  # fmt: skip
WITH_A_WORD = {
    "hr_HR": "OIB",
    "nl_NL": "burgerservicenummer",
    "en_CA": "SIN",
    "en_GB": "National Insurance no.",
    "hu_HU": "TAJ",
}


@pytest.mark.parametrize("country", ALONE)
def test_numbers_of_people_that_another_program_makes_are_found_alone(country: str) -> None:
    made = Faker(country)
    made.seed_instance(5)
    numbers = [getattr(made, ALONE[country])() for _ in range(100)]
    assert [each for each in numbers if "national number" not in identifiers_in(f"x {each}, y")] == []


@pytest.mark.parametrize("country", WITH_A_WORD)
def test_numbers_without_a_form_of_their_own_are_found_after_their_word(country: str) -> None:
    made = Faker(country)
    made.seed_instance(5)
    numbers = [made.ssn() for _ in range(100)]
    said = [f"x {WITH_A_WORD[country]} {each}, y" for each in numbers]
    assert [each for each in said if "national number" not in identifiers_in(each)] == []


def test_names_of_many_languages_are_found_after_the_words_that_announce_them() -> None:
    missed: list[str] = []
    for country, titles in (("fr_FR", ("Mme", "M.", "patiente", "Dr")), ("en_GB", ("Mrs", "Mr", "patient", "Dr")), ("de_DE", ("Frau", "Herr")), ("es_ES", ("Sra",))):  # fmt: skip
        made = Faker(country)
        made.seed_instance(7)
        said = [f"seen with {title} {made.last_name()} today" for title in titles for _ in range(100)]
        missed += [text for text in said if not any(kind.startswith("name") for kind in identifiers_in(text))]
    assert missed == []


@pytest.mark.parametrize(
    ("digits", "most_percent"), [(6, 0), (7, 0), (8, 0), (9, 0), (10, 2.5), (11, 6), (12, 0.1), (13, 1)]
)
def test_digits_alone_are_seldom_taken_for_a_person(digits: int, most_percent: float) -> None:
    """Of 2,000 numbers drawn at random. What is left has a date of birth and right check digits inside."""
    drawn = Random(digits)
    texts = [f"count {drawn.randrange(10 ** (digits - 1), 10**digits)} of" for _ in range(2_000)]
    assert sum("national number" in identifiers_in(text) for text in texts) <= 20 * most_percent


@given(st.integers(0, 10**9 - 1))
def test_nhs_numbers_pass_by_their_check_digit_alone(body: int) -> None:
    """Weights 10 to 2, and 11 minus the sum modulo 11, as the NHS data dictionary says."""
    written = f"{body:09d}"
    right = (11 - sum(int(digit) * weight for digit, weight in zip(written, range(10, 1, -1), strict=True)) % 11) % 11
    for check in range(10):
        number = f"{written}{check}"
        found = "national number" in identifiers_in(f"x {number[:3]} {number[3:6]} {number[6:]} y")
        assert found == (check == right and len(set(number)) > 1)


@given(st.integers(10**12, 3 * 10**12 - 1), st.booleans())
def test_nir_is_told_by_its_key(body: int, right: bool) -> None:
    key = 97 - body % 97
    written = f"{body}{key if right else (key + 4) % 97:02d}"
    assert ("national number" in identifiers_in(written)) == nir.is_valid(written) or not right


def test_places_of_lesions_days_doses_and_sources_raise_no_alarm() -> None:
    drawn = Random(11)

    def number(low: float, high: float) -> str:
        return f"{drawn.uniform(low, high):.{drawn.randrange(4)}f}"

    texts = [
        f"({number(-400, 400)}, {number(-400, 400)}, {number(-1500, 1500)}) {drawn.randrange(10**6)} voxels"
        for _ in range(1_000)
    ]
    texts += [
        f"CgA {number(1, 90000)} ug/L (< {number(1, 200)}), 5-HIAA {number(1, 3000)} umol/d, Lu-177 {number(1, 9000)} MBq"
        for _ in range(1_000)
    ]
    texts += [
        f"{date:%Y-%m-%d}, {date:%d/%m/%Y}, {date:%d.%m.%Y}, {date:%Y%m%d} {date:%H%M%S}" for date in days(drawn, 1_000)
    ]
    sources = yaml.safe_load(
        (Path(liverboard.knowledge.__file__).parent / "references.yaml").read_text(encoding="utf-8")
    )
    cited = [
        f"doi {source['doi']}, PMID {source.get('pmid', 31234567)}" for source in sources.values() if "doi" in source
    ]
    assert len(cited) > 50
    assert [text for text in [*texts, *cited] if identifiers_in(text)] == []


def days(drawn: Random, count: int) -> Iterator[dt.datetime]:
    for _ in range(count):
        yield dt.datetime(2006, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=drawn.randrange(20 * 366 * 86_400))


@pytest.mark.slow
def test_five_thousand_synthetic_cases_raise_no_alarm() -> None:
    assert [
        person.case for person in draw_people(CohortPlan(cases=5_000)) if identifier_problems(case_of(person))
    ] == []


# --- cases ---------------------------------------------------------------------------------------------------------------------------------------------


def a_case(**more: object) -> Case:
    tree = {
        "case": "NELM-0001",
        "birth_year": 1961,
        "events": [{"kind": "clinic", "date": "2024-05-02", "ecog": 1}],
    } | more
    return read_case(json.dumps(tree), is_json=True)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("19610503-JD", "date of birth"),
        ("JD_03051961", "date of birth"),
        ("8001234567", "hospital number"),
        ("943-476-5919", "national number"),
        ("Jean-Dupont", "name of a person"),
        ("DUPONT_Jean", "name of a person"),
    ],
)
def test_a_pseudonym_that_is_none_is_refused(name: str, kind: str) -> None:
    problems = identifier_problems(a_case(case=name))
    assert [problem.field for problem in problems] == ["case"]
    assert kind in problems[0].message


@pytest.mark.parametrize(
    "name", ["NELM-0001", "DEMO-TYPED", "SYN-004711", "p17", "NELM-20240503", "C3-88214", "abc.d_e-7"]
)
def test_a_pseudonym_is_let_through(name: str) -> None:
    assert identifier_problems(a_case(case=name)) == []


def test_every_place_is_named_and_nothing_is_repeated() -> None:
    case = a_case(
        question="For Mrs Dupont, born 03/05/1961",
        events=[
            {"kind": "imaging", "date": "2024-05-02", "modality": "CT", "studies": [{"path": "DUPONT_Jean/ct", "role": "arterial"}]},
            {"kind": "board", "date": "2024-05-15", "reason": "ask at jean@dupont.fr", "actions": [{"what": "ring", "owner": "06 12 34 56 78"}, {"what": "PET", "owner": "Mrs Kelly"}]},
            {"kind": "procedure", "date": "2024-07-01", "technique": "sirt_resin", "details": {"lot": "9434765919"}},
        ],
    )  # fmt: skip
    with pytest.raises(BadInput) as refused:
        refuse_identifiers(case, "case.yaml")
    places = {(problem.event, problem.field) for problem in refused.value.problems}
    assert places == {
        (None, "question"),
        ("imaging-2024-05-02-1", "studies[1].path"),
        ("board-2024-05-15-1", "reason"),
        ("board-2024-05-15-1", "actions[1].owner"),
    }
    told = str(refused.value).lower()
    assert not any(word in told for word in ("dupont", "1961", "@", "06 12"))


# --- pseudonyms ----------------------------------------------------------------------------------------------------------------------------------------


def test_a_pseudonym_is_stable_keyed_and_readable() -> None:
    key = b"k" * 32
    made = pseudonym_of(key, "IPP 800 1234567")
    assert made == pseudonym_of(key, "ipp8001234567")
    assert made != pseudonym_of(b"x" * 32, "IPP 800 1234567") and made != pseudonym_of(key, "IPP 800 1234568")
    assert identifier_problems(a_case(case=made)) == []
    many = {pseudonym_of(key, str(number)) for number in range(5_000)}
    assert len(many) == 5_000
    assert all(len(each) == 15 for each in many)
    with pytest.raises(BadInput, match="no identity"):
        pseudonym_of(key, "  ")


@given(st.text(max_size=200))
def test_any_text_is_looked_at_without_a_crash(text: str) -> None:
    identifiers_in(text, 1961)


@pytest.mark.parametrize(
    "part",
    [
        "a",
        "é",
        "A_",
        "0",
        "1 ",
        "+33 1 ",
        "01 02 ",
        "Mr de la ",
        "born 1",
        "MRN -",
        "Ab_ABCDE/",
        "12/12/",
        "tel: 1 ",
        "Patient Under ",
        "SSN no ",
        "born in Abc ",
        "Dr A de la ",
    ],
)
def test_no_text_takes_long(part: str) -> None:
    text = (part * 4_000)[:4_000] + "!"
    start = time.process_time()
    identifiers_in(text, 1961)
    assert (
        time.process_time() - start < 1
    )  # measured: 0.02 s at most; a pattern that goes back and forth takes far longer
