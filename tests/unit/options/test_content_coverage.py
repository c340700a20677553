"""Does every statement of the clinical fact base stand in the packaged content or on the page of what is not encoded, and is every source used and known?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from liverboard import knowledge
from liverboard.options.catalogue import Catalogue, load_catalogue
from liverboard.rules.load import case_faults
from liverboard.rules.rule import OPTIONS

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "src" / "liverboard"
NOT_ENCODED = ROOT / "docs" / "reference" / "not-encoded.md"

# How many statements the fact base has under each letter; they are numbered from 01 without gaps.
STATEMENTS = {
    "ED": 24, "D": 25,
    "PAT": 9, "WHO": 9, "KRN": 6, "BUR": 9, "ALB": 2, "CPS": 2, "ECO": 2, "LT": 10, "SYN": 2, "CRI": 6, "CHD": 5,
    "X": 20, "RES": 13, "LTX": 4, "ABL": 12, "EMB": 17, "SIR": 26, "CMB": 5, "SSA": 6, "PRR": 17, "SYS": 13, "SUR": 3, "G": 8,
}  # fmt: skip
EXPECTED = {f"{letters}-{number:02}" for letters, last in STATEMENTS.items() for number in range(1, last + 1)}


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


def encoded(catalogue: Catalogue) -> dict[str, list[str]]:
    """Each row that the content names, with what names it."""
    found: dict[str, list[str]] = {}
    for each in catalogue.rules:
        for row in each.rule.rows:
            found.setdefault(row, []).append(each.rule.id)
    for statement in (*catalogue.disagreements, *catalogue.context, *catalogue.equipoise):
        found.setdefault(statement.id, []).append(statement.id)
    return found


def not_encoded() -> list[tuple[str, str, str]]:
    """Row, what it states, why it is not encoded."""
    page = NOT_ENCODED.read_text(encoding="utf-8")
    return re.findall(r"^\| ([A-Z]+-\d+) \| (.+?) \| (.+?) \|$", page, re.MULTILINE)


def test_every_statement_is_encoded_or_refused_with_a_reason(catalogue: Catalogue) -> None:
    listed = {row for row, _, _ in not_encoded()}
    assert sorted(EXPECTED - set(encoded(catalogue)) - listed) == []


def test_no_statement_is_both_encoded_and_refused(catalogue: Catalogue) -> None:
    assert sorted({row for row, _, _ in not_encoded()} & set(encoded(catalogue))) == []


def test_no_row_is_invented_or_listed_twice(catalogue: Catalogue) -> None:
    rows = [row for row, _, _ in not_encoded()]
    assert sorted(set(rows) - EXPECTED) == []
    assert len(rows) == len(set(rows))
    named = {row for each in catalogue.rules for row in each.rule.rows}
    assert sorted(named - EXPECTED) == []


def test_every_line_of_the_table_is_whole() -> None:
    lines = re.findall(r"^\| [A-Z]+-\d+ \|.*$", NOT_ENCODED.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(lines) == len(not_encoded())


def test_all_disagreements_stand_with_two_positions_or_more(catalogue: Catalogue) -> None:
    assert [each.id for each in catalogue.disagreements] == [f"D-{number:02}" for number in range(1, 26)]
    assert all(len({position.says for position in each.positions}) >= 2 for each in catalogue.disagreements)


def test_a_disagreement_shows_with_an_option_or_has_a_place_of_its_own(catalogue: Catalogue) -> None:
    assert [each.id for each in catalogue.disagreements if not each.options and each.place == "options"] == []


def test_every_option_has_an_indication(catalogue: Catalogue) -> None:
    indicated = {o for each in catalogue.rules if each.rule.effect == "indication" for o in each.rule.option}
    assert sorted(set(OPTIONS) - indicated) == []


def test_the_cases_of_every_rule_come_out_as_they_say(catalogue: Catalogue) -> None:
    assert [fault for each in catalogue.rules for fault in case_faults(each)] == []


def test_trial_eligibility_and_unverified_sources_decide_nothing(catalogue: Catalogue) -> None:
    deciding = [each.rule for each in catalogue.rules if each.rule.effect != "outside_studied"]
    assert [rule.id for rule in deciding if rule.source_class in {"trial_eligibility", "unverified"}] == []
    assert [rule.id for rule in deciding if any(source.verification == "U" for source in rule.sources)] == []


def test_a_citation_claims_no_more_than_its_source_was_seen(catalogue: Catalogue) -> None:
    """A source that was not seen cannot lend a statement that was, and one seen elsewhere only cannot lend one seen at its source."""
    rank = {"A": 0, "B": 1, "U": 2}
    references = knowledge.load_references()
    too_firm = [
        f"{owner}: {cited.key} is {references[cited.key].verification}, cited as {cited.verification}"
        for owner, cited in citations(catalogue)
        if rank[cited.verification] < rank[references[cited.key].verification]
    ]
    assert too_firm == []


def test_every_source_is_used() -> None:
    texts = "\n".join(
        path.read_text(encoding="utf-8")
        for suffix in ("py", "yaml", "csv")
        for path in sorted(PACKAGE.rglob(f"*.{suffix}"))
        if path.name != "references.yaml"
    )
    words = set(re.findall(r"\w+", texts))
    assert sorted(set(knowledge.load_references()) - words) == []


def test_every_source_that_is_used_is_known(catalogue: Catalogue) -> None:
    used = {cited.key for _, cited in citations(catalogue)}
    for name in (
        "facts.yaml",
        *(f"anatomy/{path.name}" for path in (PACKAGE / "knowledge" / "anatomy").glob("*.yaml")),
    ):
        used |= set(keys_in(knowledge.load_yaml(name)))
    assert sorted(used - set(knowledge.load_references())) == []


def citations(catalogue: Catalogue) -> Iterator[tuple[str, Any]]:
    for each in catalogue.rules:
        yield from ((each.rule.id, source) for source in each.rule.sources)
    for statement in (*catalogue.context, *catalogue.equipoise):
        yield from ((statement.id, source) for source in statement.sources)
    for disagreement in catalogue.disagreements:
        yield from ((disagreement.id, source) for position in disagreement.positions for source in position.sources)


def keys_in(content: Any) -> Iterator[str]:
    """What stands under `source` or `verified`, wherever it is."""
    if isinstance(content, dict):
        for key, value in content.items():
            if key in {"source", "verified"} and isinstance(value, str):
                yield value
            else:
                yield from keys_in(value)
    elif isinstance(content, list):
        for item in content:
            yield from keys_in(item)
