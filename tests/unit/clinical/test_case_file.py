"""Does a case file read as `case-format.md` promises, and does a bad one give every problem with its place?"""

from __future__ import annotations

import json
import re
from importlib import resources
from pathlib import Path

import pytest

from liverboard.clinical.case_file import event_content, read_case, write_case
from liverboard.clinical.events import EVERY_KIND, Imaging, Labs, Systemic
from liverboard.errors import BadInput, Problem

FORMAT = Path(__file__).parents[3] / "docs" / "reference" / "case-format.md"


def sample_of_the_format() -> str:
    found = re.search(r"```yaml\n(.*?)```", FORMAT.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return found[1]


def head(*events: str) -> str:
    return "liverboard: 1\ncase: NELM-1\nevents:\n" + "".join(f"  - {event}\n" for event in events)


def problems(text: str, *, is_json: bool = False) -> tuple[Problem, ...]:
    with pytest.raises(BadInput) as caught:
        read_case(text, is_json=is_json)
    assert caught.value.exit_code == 10
    return caught.value.problems


def test_the_documented_example_reads_and_has_every_event_kind() -> None:
    case = read_case(sample_of_the_format())
    assert {event.kind for event in case.events} == set(EVERY_KIND)


@pytest.mark.parametrize("is_json", [False, True])
def test_what_was_written_reads_back_equal(is_json: bool) -> None:
    case = read_case(sample_of_the_format())
    assert read_case(write_case(case, is_json=is_json), is_json=is_json) == case


def test_bundled_samples_read_and_are_synthetic() -> None:
    for folder in (resources.files("liverboard") / "knowledge" / "samples").iterdir():
        if folder.is_dir():
            assert read_case((folder / "case.yaml").read_text(encoding="utf-8")).synthetic is True


@pytest.mark.parametrize(
    ("written", "umol_l"),
    # 1 mg/dL of bilirubin is 17.1 umol/L, of creatinine 88.4: the factors that laboratories print (options.md, units)
    [("12 umol/L", 12.0), ("1 mg/dL", 17.104), ("10 mg/L", 17.104), ("0.0171 mmol/L", 17.1), ("12 µmol/l", 12.0)],
)
def test_bilirubin_in_any_unit(written: str, umol_l: float) -> None:
    event = read_case(head(f"{{kind: labs, date: 2024-05-02, bilirubin: {written}}}")).events[0]
    assert isinstance(event, Labs)
    assert event.bilirubin == pytest.approx(umol_l, rel=2e-4)


@pytest.mark.parametrize(
    ("field", "written", "value"),
    [
        ("creatinine", "1 mg/dL", 88.4),
        ("albumin", "3.8 g/dL", 38.0),
        ("haemoglobin", "13.1 g/dL", 131.0),
        ("platelets", "210 G/L", 210.0),
        ("platelets", "210 10^9/L", 210.0),
        ("platelets", "210000 /uL", 210.0),
        ("platelets", "210 x10^9/L", 210.0),
        ("ntprobnp", "120 pg/mL", 120.0),
        ("egfr", "1.2 mL/s", 72.0),
    ],
)
def test_laboratory_units(field: str, written: str, value: float) -> None:
    event = read_case(head(f"{{kind: labs, date: 2024-05-02, {field}: {written}}}")).events[0]
    assert getattr(event, field) == pytest.approx(value, rel=1e-4)


def test_percentages_and_fractions_are_told_apart() -> None:
    case = read_case(
        head(
            "{kind: scout, date: 2024-05-02, lung_shunt_fraction: 6 %}",
            "{kind: scout, date: 2024-05-03, lung_shunt_fraction: 0.06}",
        )
    )
    assert [event.lung_shunt_fraction for event in case.events] == [0.06, 0.06]  # pyright: ignore[reportAttributeAccessIssue]
    (bare,) = problems(head("{kind: diagnosis, date: 2024-05-02, ki67: 4}"))
    assert "percentage or a fraction" in bare.message
    (six,) = problems(head("{kind: scout, date: 2024-05-02, lung_shunt_fraction: 6}"))
    assert "6 %" in six.message


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ("{kind: labs, date: 2024-05-02, bilirubin: 12}", "no unit"),
        ("{kind: labs, date: 2024-05-02, bilirubin: 12 mm}", "does not convert"),
        ("{kind: labs, date: 2024-05-02, bilirubin: 12 smurf}", "not a unit"),
        ("{kind: labs, date: 2024-05-02, bilirubin: -3 umol/L}", "out of range"),
        ("{kind: labs, date: 2024-05-02, bilirubin: .nan}", "number"),
        ("{kind: labs, date: 2024-05-02, haemoglobin: 8.1 mmol/L}", "ambiguous"),
        ("{kind: labs, date: 2024-05-02, egfr: 80 mL/min/1.73m2}", "indexed"),
        ("{kind: labs, date: 02.05.2024}", "ISO day"),
        ("{kind: labs}", "needed"),
        ("{date: 2024-05-02}", "no kind"),
        ("{kind: labz, date: 2024-05-02}", "not a kind"),
        ("{kind: clinic, date: 2024-05-02, ecog: 7}", "out of range"),
        ("{kind: clinic, date: 2024-05-02, cirrhosis: maybe}", "yes-or-no"),
        ("{kind: systemic, date: 2024-05-02, drug: lanreotide, until: 2023-01-01}", "before the start"),
        ("{kind: labs, date: 2024-05-02, corrects: labs-9}", "not an event"),
        ("{kind: imaging, date: 2024-05-02, lesions: [{id: L1}, {id: L1}]}", "twice"),
        ("[1, 2]", "keys and values"),
    ],
)
def test_each_fault_names_its_place_and_what_was_expected(event: str, words: str) -> None:
    found = problems(head(event))
    assert any(words in problem.message for problem in found), [str(problem) for problem in found]
    assert all(problem.line == 4 for problem in found)


def test_all_problems_come_at_once_with_line_event_field_read_allowed_and_nearest() -> None:
    text = (
        "liverboard: 1\ncase: NELM-1\nbirth_yeer: 1961\nevents:\n  - kind: labs\n    date: 2024-05-02\n    bilirubn: 12 umol/L\n    albumin: 38\n"
        "  - kind: diagnosis\n    date: 2024-05-02\n    primary_site: illeum\n"
    )
    found = problems(text)
    assert [(p.line, p.event, p.field) for p in found] == [
        (3, None, "birth_yeer"),
        (7, "labs-2024-05-02-1", "bilirubn"),
        (8, "labs-2024-05-02-1", "albumin"),
        (11, "diagnosis-2024-05-02-1", "primary_site"),
    ]
    assert found[0].hint == "did you mean 'birth_year'?"
    assert found[1].hint == "did you mean 'bilirubin'?"
    assert found[2].read == "'38'"
    assert found[3].read == "'illeum'"
    assert "ileum" in str(found[3].allowed)


def test_identifiers_are_refused_and_never_repeated() -> None:
    with pytest.raises(BadInput) as caught:
        read_case("liverboard: 1\ncase: Jane Doe\npatient_name: Jane Doe\ndate_of_birth: 1961-02-03\nevents: []\n")
    assert len(caught.value.problems) == 3
    assert "Doe" not in str(caught.value)
    assert "1961-02-03" not in json.dumps(caught.value.as_dict())


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "3", "null", "case: [", "\t: x", "a: &x 1\nb: *x", "!!python/object:os.system x", "--- {}\n--- {}", "? [1]\n: 2", "case: x\ncase: y",
        "[" * 5000, "{a: " * 5000, "\x00", "case: \ud800", "events: " + "[" * 60 + "]" * 60, "9" * 9000,
    ],
)  # fmt: skip
def test_text_that_is_no_case_is_refused_with_words(text: str) -> None:
    assert problems(text)


@pytest.mark.parametrize(
    "text", ["", "{", "[1,2", '{"case": NaN}', "[" * 100_000, '{"case": "x", "case": "y"}', "9" * 9000]
)
def test_json_that_is_no_case_is_refused_with_words(text: str) -> None:
    assert problems(text, is_json=True)


def test_json_with_tabs_and_surrogate_pairs_reads() -> None:
    case = read_case(
        '{\n\t"liverboard": 1,\n\t"case": "X",\n\t"question": "why \\ud83d\\ude00?",\n\t"events": []\n}', is_json=True
    )
    assert case.question == "why 😀?"


def test_ids_are_assigned_by_kind_date_and_number_and_avoid_given_ones() -> None:
    case = read_case(
        head(
            "{kind: labs, date: 2024-05-02}",
            "{kind: labs, date: 2024-05-02, id: mine}",
            "{kind: labs, date: 2024-05-02}",
            "{kind: clinic, date: 2024-05-02}",
        )
    )
    assert [event.id for event in case.events] == [
        "labs-2024-05-02-1",
        "mine",
        "labs-2024-05-02-3",
        "clinic-2024-05-02-1",
    ]


def test_words_that_yaml_would_take_for_something_else_survive() -> None:
    for text in (
        "1e3",
        "true",
        "null",
        "~",
        "007",
        "2024-05-02",
        "no",
        "12",
        "a: b",
        "# x",
        "- x",
        "line\nbreak",
        "<script>",
        "é€😀",
        " lead",
        "=",
        "0x1f",
    ):
        case = read_case(head("{kind: status, date: 2024-05-02, state: alive}")).model_copy(update={"question": text})
        assert read_case(write_case(case)) == case, text
        assert read_case(write_case(case, is_json=True), is_json=True) == case, text


def test_values_keep_full_precision_and_content_shows_units() -> None:
    case = read_case(head("{kind: labs, date: 2024-05-02, bilirubin: 0.7 mg/dL}"))
    assert read_case(write_case(case)) == case
    assert event_content(case.events[0])["bilirubin"].endswith("umol/L")


def test_marker_lesion_and_end_are_typed() -> None:
    case = read_case(sample_of_the_format())
    imaging = next(event for event in case.events if isinstance(event, Imaging))
    assert imaging.lesions is not None
    assert imaging.lesions[0].longest == 42.0
    systemic = next(event for event in case.events if isinstance(event, Systemic))
    assert str(systemic.until) == "2024-05-01"


@pytest.mark.parametrize("name", ["..", ".", "-", "_.-"])
def test_a_pseudonym_names_something(name: str) -> None:
    with pytest.raises(BadInput) as caught:
        read_case(f"case: '{name}'\n")
    assert "letter or digit" in str(caught.value)


@pytest.mark.parametrize("written", ["1e999", ".inf", ".nan"])
def test_a_marker_without_end_is_refused(written: str) -> None:
    text = f"liverboard: 1\ncase: A-1\nevents:\n  - kind: labs\n    date: 2024-01-01\n    chromogranin_a: {{value: {written}, unit: ug/L}}\n"
    with pytest.raises(BadInput):
        read_case(text)


@pytest.mark.parametrize("key", ["value", "upper_limit"])
def test_a_marker_too_large_to_be_a_number_is_a_problem_and_not_infinite(key: str) -> None:
    marker = {"value": "3", "unit": "ug/L", "upper_limit": "1"} | {key: "9e999"}
    text = f"liverboard: 1\ncase: T-1\nevents:\n  - kind: labs\n    date: 2024-05-02\n    chromogranin_a: {{{', '.join(f'{k}: {v}' for k, v in marker.items())}}}\n"
    with pytest.raises(BadInput, match="expected a finite number"):
        read_case(text)
