"""Is the dictionary whole, does it agree with the documented table, and does damage give a KnowledgeBaseError?"""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest

from liverboard import knowledge
from liverboard.clinical.dictionary import load_dictionary, load_lesion_dictionary, read_dictionary, unit_faults
from liverboard.clinical.liver_function import ALBI_BILIRUBIN, ALBI_GRADE_1_UP_TO, BILIRUBIN_2_FROM
from liverboard.errors import KnowledgeBaseError
from liverboard.units import MOLAR_MASS_G_PER_MOL

FORMAT = Path(__file__).parents[3] / "docs" / "reference" / "case-format.md"


def test_every_documented_fact_is_in_the_dictionary_in_its_group_and_order() -> None:
    table = FORMAT.read_text(encoding="utf-8").split("## Facts")[1].split("## Pattern")[0]
    rows = [row for row in re.findall(r"^\| (\w[\w -]*?) \| (.*) \|$", table, re.MULTILINE) if row[0] != "group"]
    documented = [
        (name, group) for group, cell in rows for name in re.findall(r"[a-z][a-z0-9_]*", re.sub(r"\([^)]*\)", "", cell))
    ]
    assert [(name, fact.group) for name, fact in load_dictionary().items()] == documented


def test_every_likely_unit_converts_and_every_constant_has_a_source() -> None:
    assert unit_faults() == []
    constants = (*MOLAR_MASS_G_PER_MOL.values(), ALBI_BILIRUBIN, ALBI_GRADE_1_UP_TO, BILIRUBIN_2_FROM)
    assert {constant.source for constant in constants} <= set(knowledge.load_references())
    assert {"molar_mass_from_formula", "ronot_vilgrain_editorial"} <= set(knowledge.load_references())


def test_staleness_names_where_it_comes_from() -> None:
    assert all((fact.stale_after_days is None) == (fact.stale_source is None) for fact in load_dictionary().values())


@pytest.mark.parametrize(
    ("fact", "value", "words"),
    [
        ("albumin_g_l", 3.8, "3.8 g/L is implausible; 3.8 g/dL would be 38 g/L"),
        ("haemoglobin_g_l", 13.1, "13.1 g/dL would be 131 g/L"),
        ("creatinine_umol_l", 0.9, "0.9 mg/dL would be 79.6 umol/L"),
        ("bilirubin_umol_l", 0.7, "0.7 mg/dL would be 12 umol/L"),
        ("bilirubin_umol_l", 1200, "1200 umol/L is implausible (expected 1 to 900); check the number and its unit"),
        ("platelets_1e9_l", 210_000, "210000 /uL would be 210 10^9/L"),
        ("height_cm", 1.7, "1.7 m would be 170 cm"),
        ("liver_volume_ml", 1.5, "1.5 L would be 1.5e+03 mL"),
        ("inr", 85, "a prothrombin time in %"),
    ],
)
def test_an_implausible_value_names_the_unit_that_was_likely_meant(fact: str, value: float, words: str) -> None:
    assert words in (load_dictionary()[fact].doubt(value) or "")


def test_the_ends_of_a_plausible_range_are_plausible() -> None:
    for fact in load_dictionary().values():
        for end in fact.plausible or ():
            assert fact.doubt(end) is None


@pytest.mark.parametrize(
    ("fact", "change", "reason"),
    [
        ("albumin_g_l", {"from": "labs.albumen"}, "no event has the field 'labs.albumen'"),
        ("albumin_g_l", {"from": None}, "either stated"),
        ("albumin_g_l", {"plausible": [70, 10]}, "plausible is [low, high]"),
        ("albumin_g_l", {"colour": "red"}, "colour"),
        ("syndrome", {"values": ["none"]}, "values differ"),
        ("syndrome", {"values": []}, "an enum"),
        ("syndrome", {"plausible": [0, 1]}, "only a number"),
        ("albi_grade", {"source": "nobody"}, "'nobody' is not in references.yaml"),
        ("days_since_chemotherapy", {"read_behind": "prior_chemo"}, "read_behind names 'prior_chemo'"),
        ("days_since_chemotherapy", {"read_behind": "on_ssa"}, "which is not a count"),
        ("days_since_chemotherapy", {"read_behind": "months_since_prrt"}, "which is not a count"),
    ],
)
def test_a_damaged_dictionary_is_refused_with_file_and_reason(fact: str, change: dict[str, Any], reason: str) -> None:
    content = copy.deepcopy(knowledge.load_yaml("facts.yaml"))
    content["facts"][fact].update(change)
    with pytest.raises(KnowledgeBaseError) as caught:
        read_dictionary(content)
    assert caught.value.exit_code == 13
    assert caught.value.where == "facts.yaml"
    assert fact in caught.value.message
    assert reason in caught.value.message


def test_what_has_no_date_unless_it_was_given_names_its_count() -> None:
    behind = {name: fact.read_behind for name, fact in load_dictionary().items() if fact.read_behind}
    assert behind == {
        "months_since_prrt": "prior_prrt_cycles",
        "days_since_capecitabine": "prior_capecitabine",
        "days_since_chemotherapy": "prior_chemotherapy",
        "days_since_antiangiogenic": "prior_antiangiogenic",
    }
    assert set(behind) == {name for name in load_dictionary() if "_since_" in name}


def test_every_documented_fact_of_a_lesion_is_in_its_dictionary() -> None:
    text = FORMAT.read_text(encoding="utf-8").split("## Facts of a lesion")[1].split("## Pattern")[0]
    documented = [name for name in re.findall(r"\blesion_[a-z_]+", text) if name != "lesion_facts_of"]
    assert list(load_lesion_dictionary()) == documented
    assert all(fact.derivation and fact.group == "lesion" for fact in load_lesion_dictionary().values())


def test_a_fact_of_a_lesion_has_a_name_of_its_own() -> None:
    content = copy.deepcopy(knowledge.load_yaml("facts.yaml"))
    content["lesion_facts"]["hypervascular"] = content["lesion_facts"]["lesion_hypervascular"]
    with pytest.raises(KnowledgeBaseError, match="hypervascular: is a fact of the case too"):
        read_dictionary(content, "lesion_facts")
    with pytest.raises(KnowledgeBaseError, match="expected `lesion_facts`"):
        read_dictionary({"facts": content["facts"]}, "lesion_facts")


@pytest.mark.parametrize("content", [None, [], {"facts": None}, {"facts": {"a": 1}}, {}])
def test_a_file_of_another_shape_is_refused(content: Any) -> None:
    with pytest.raises(KnowledgeBaseError):
        read_dictionary(content)


def test_unreadable_knowledge_says_which_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KnowledgeBaseError, match="cannot be read") as caught:
        knowledge.load_yaml("nothing.yaml")
    assert caught.value.where == "nothing.yaml"
    monkeypatch.setattr(knowledge.resources, "files", lambda _: tmp_path)
    for name, text, reason in (
        ("broken.yaml", "a: [1", "not readable"),
        ("doubled.yaml", "a: 1\nb: {c: 1, c: 2}", "key given twice: c"),
    ):
        (tmp_path / name).write_text(text, encoding="utf-8")
        with pytest.raises(KnowledgeBaseError, match=reason):
            knowledge.load_yaml(name)


def test_the_knowledge_has_a_version() -> None:
    assert re.fullmatch(r"\d{4}\.\d{2}\.\d+", knowledge.knowledge_version())
