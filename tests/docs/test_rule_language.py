"""Does the page of the rule language say what the rule language does? Its tables and examples are run."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.rules_strategies import compiled, read

from liverboard.clinical.dictionary import load_dictionary
from liverboard.options.catalogue import vocabulary
from liverboard.options.verdict import verdicts
from liverboard.rules.evaluate import CASE, evaluate, facts_frame
from liverboard.rules.expression import decide
from liverboard.rules.load import case_faults, load_rules, roll_up
from liverboard.rules.parse import ExpressionError, parse
from liverboard.rules.rule import CLASSES, Compiled

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "rule-language.md").read_text(encoding="utf-8")
TRUTH = {"true": True, "false": False, "unknown": None}
FACTS = load_dictionary()


def table(first_header: str) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the one table whose first header is this."""
    found: list[list[list[str]]] = []
    for block in re.findall(r"(?:^\|.*\n)+", PAGE, re.MULTILINE):
        lines = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in block.splitlines()]
        if lines[0][0] == first_header:
            found.append(lines)
    assert len(found) == 1, first_header
    header, _, *rows = found[0]
    assert rows
    assert all(len(row) == len(header) for row in rows)
    return header, rows


def section(title: str) -> list[tuple[str, str]]:
    """The rows of the table of two columns under a heading, the first one code."""
    text = PAGE.split(f"\n### {title}\n")[1].split("\n## ")[0].split("\n### ")[0]
    rows = re.findall(r"^\| `(.+?)` \| (.+) \|$", text, re.MULTILINE)
    assert len(rows) > 5
    return [row for row in rows if row[0] != "when"]


def code(cell: str) -> str:
    return cell.strip("`")


@pytest.mark.parametrize(("written", "meant"), section("Read"))
def test_what_the_page_reads_is_read_so(written: str, meant: str) -> None:
    assert str(parse(written, FACTS)) == code(meant)


@pytest.mark.parametrize(("written", "reason"), section("Refused"))
def test_what_the_page_refuses_is_refused_for_that_reason(written: str, reason: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(written, FACTS)
    (fault,) = caught.value.faults
    assert fault.endswith(reason)


def test_the_rule_of_the_page_loads_and_its_cases_come_out() -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    (rule,) = load_rules({"page.yaml": text}, vocabulary())
    assert list(case_faults(rule)) == []


def test_comparisons_come_out_as_in_the_table() -> None:
    header, rows = table("`ecog`")
    values = [None if row[0] == "unknown" else int(row[0]) for row in rows]
    rules = [compiled(code(text), name=f"column_{number}") for number, text in enumerate(header[1:])]
    expected = [tuple(TRUTH[cell] for cell in row[1:]) for row in rows]
    assert [tuple(decide(rule.expression, {"ecog": value}) for rule in rules) for value in values] == expected
    assert (
        evaluate(rules, facts_frame([{"ecog": value} for value in values], {"ecog": FACTS["ecog"]})).rows() == expected
    )


def test_not_and_or_come_out_as_in_the_tables() -> None:
    _, negated = table("NOT")
    for given, expected in negated:
        assert decide(read("NOT frail"), {"frail": TRUTH[given]}) is TRUTH[expected]
    names = ("frail", "cirrhosis")
    for word in ("AND", "OR"):
        header, rows = table(word)
        assert sorted(header[1:]) == sorted(row[0] for row in rows) == sorted(TRUTH)
        rule = compiled(f"frail {word} cirrhosis")
        pairs = [(row[0], column, cell) for row in rows for column, cell in zip(header[1:], row[1:], strict=True)]
        facts = [{"frail": TRUTH[left], "cirrhosis": TRUTH[right]} for left, right, _ in pairs]
        expected = [TRUTH[cell] for _, _, cell in pairs]
        assert [decide(rule.expression, each) for each in facts] == expected
        assert evaluate([rule], facts_frame(facts, {n: FACTS[n] for n in names}))["tried"].to_list() == expected
        sql = f"SELECT :frail {word} :cirrhosis"
        assert [_of_sqlite(sql, each) for each in facts] == expected


def _of_sqlite(sql: str, values: dict[str, Any]) -> bool | None:
    with contextlib.closing(sqlite3.connect(":memory:")) as sqlite:
        (found,) = sqlite.execute(sql, values).fetchone()
    return None if found is None else bool(found)


def test_lesions_roll_up_as_in_the_table() -> None:
    header, rows = table("lesions")
    for number, way in enumerate(header[1:], 1):
        rule = compiled("lesion_hypervascular", scope="lesion", lesions=way)
        for row in rows:
            listed = row[0] not in {"no lesion", "no list"}
            truths = [TRUTH[word] for word in row[0].split(", ")] if listed else []
            assert roll_up(rule.rule, None if row[0] == "no list" else truths) is TRUTH[row[number]], row
            count = None if row[0] == "no list" else len(truths)
            cases = pl.DataFrame({"lesion_count": [count]}, schema={"lesion_count": pl.Int64})
            lesions = pl.DataFrame(
                {CASE: [0] * len(truths), "lesion_hypervascular": truths},
                schema={CASE: pl.UInt32, "lesion_hypervascular": pl.Boolean},
            )
            assert evaluate([rule], cases, lesions).item() is TRUTH[row[number]], row


def test_classes_of_sources_do_what_the_table_allows() -> None:
    _, rows = table("`source_class`")
    assert {code(name): frozenset(effects.split(", ")) for name, _, effects in rows} == CLASSES


def _verdict(told: list[tuple[str, str, bool]]) -> str:
    """The verdict on one option from (effect, truth, asked late) of its rules."""
    rules = [_rule(f"rule_{number}", effect, late) for number, (effect, _, late) in enumerate(told)]
    truths = pl.DataFrame([pl.Series(f"rule_{n}", [TRUTH[truth]], pl.Boolean) for n, (_, truth, _) in enumerate(told)])
    return str(verdicts(rules, truths)["tae"].item())


def _rule(name: str, effect: str, late: bool) -> Compiled:
    fields: dict[str, Any] = {"ask": "before_procedure"} if late else {}
    return compiled("frail", name=name, effect=effect, option="tae", **fields)


def test_one_rule_makes_the_verdict_of_the_table() -> None:
    header, rows = table("effect")
    assert {re.split(r",| ", row[0])[0] for row in rows} == set().union(*CLASSES.values())
    for row in rows:
        effect, _, asked = row[0].partition(", ")
        for truth, verdict in zip(header[1:], row[1:], strict=True):
            beside = [] if effect == "indication" else [("indication", "true", False)]
            assert _verdict([(effect, truth, bool(asked)), *beside]) == verdict, (row[0], truth)


def test_several_rules_make_the_verdict_of_the_table() -> None:
    _, rows = table("rules")
    for written, verdict in rows:
        told = [(effect, truth, False) for effect, truth in (each.split(" ") for each in written.split(", "))]
        assert _verdict(told) == _verdict(told[::-1]) == verdict, written
