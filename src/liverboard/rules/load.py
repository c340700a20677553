"""Rule files to checked rules: all faults at once, each with its line and its reason. A file with one fault does not load."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import yaml
from pydantic import ValidationError

from liverboard.clinical.derive import Value
from liverboard.clinical.dictionary import FactDefinition
from liverboard.errors import KnowledgeBaseError, Problem
from liverboard.knowledge import Reference, yaml_with_lines
from liverboard.rules.expression import Expression, all_of, any_of, decide
from liverboard.rules.parse import ExpressionError, parse
from liverboard.rules.rule import Compiled, Rule

LESIONS = "lesions"  # in `says` of a lesion rule: which lesions it holds for


class Vocabulary:
    """The names that rules may use: facts of a case, facts of a lesion, sources."""

    def __init__(
        self,
        facts: Mapping[str, FactDefinition],
        lesion_facts: Mapping[str, FactDefinition],
        references: Mapping[str, Reference],
    ) -> None:
        self.case = dict(facts)
        self.lesion = {**facts, **lesion_facts}
        self.references = references

    def of(self, scope: str) -> Mapping[str, FactDefinition]:
        return self.lesion if scope == "lesion" else self.case


def load_rules(files: Mapping[str, str], vocabulary: Vocabulary) -> tuple[Compiled, ...]:
    """The rules in the texts of `files` (name -> YAML with a list `rules`), in their order.

    Raises KnowledgeBaseError with every problem and its line: not YAML, a field that is missing or wrong, an expression that does not parse, a fact, source or
    option that is not known, a constant of the wrong type, unit or range, no case for one of the three states, a case that names an unknown fact, an id
    given twice, an effect beyond what the class of its source allows.
    """
    found: list[Compiled] = []
    problems: list[Problem] = []
    for name, text in files.items():
        rules, faults = read_rules(text, name, vocabulary)
        found += rules
        problems += faults
    ids = [each.rule.id for each in found]
    for doubled in sorted({i for i in ids if ids.count(i) > 1}):
        problems.append(Problem(f"rule id '{doubled}' is given twice", field="id"))
    for each in found:
        if each.rule.supersedes is not None and each.rule.supersedes not in ids:
            problems.append(
                Problem(f"{each.rule.id} supersedes '{each.rule.supersedes}', which is no rule", field="supersedes")
            )
    if problems:
        count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
        raise KnowledgeBaseError(
            f"the rules do not load: {count}",
            where=", ".join(files) if len(files) < 4 else "options/",
            problems=problems,
        )
    return tuple(found)


def read_rules(text: str, name: str, vocabulary: Vocabulary) -> tuple[list[Compiled], list[Problem]]:
    """The rules of one file and its problems; a rule with a problem is left out."""
    try:
        content, lines = yaml_with_lines(text)
    except yaml.YAMLError as error:
        mark: Any = getattr(error, "problem_mark", None)
        return [], [
            Problem(
                f"{name}: not readable as YAML ({getattr(error, 'problem', error)})",
                line=mark.line + 1 if mark else None,
            )
        ]
    listed: Any = content.get("rules") if isinstance(content, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    if not isinstance(listed, list):
        return [], [Problem(f"{name}: expected `rules:` and a list", line=1)]
    rules: list[Compiled] = []
    problems: list[Problem] = []
    entry: Any
    for place, entry in enumerate(cast("list[Any]", listed)):
        faults: list[tuple[tuple[Any, ...], str]] = []
        rule = _rule(entry, faults)
        expression: Expression | None = None
        if rule is not None:
            expression = _checked(rule, vocabulary, faults)
        shown = rule.id if rule is not None else f"rule {place + 1}"
        problems += [
            Problem(
                f"{name}: {shown}: {message}",
                line=_line(lines, ("rules", place, *step)),
                field=".".join(map(str, step)) or None,
            )
            for step, message in faults
        ]
        if rule is not None and expression is not None and not faults:
            rules.append(Compiled(rule, expression))
    return rules, problems


def case_faults(each: Compiled) -> Iterator[str]:
    """Cases of a rule that do not come out as they say. A lesion rule's case is one lesion."""
    for number, case in enumerate(each.rule.cases, 1):
        truth = decide(each.expression, case.facts)
        state = "unknown" if truth is None else str(truth).lower()
        if state != case.is_:
            yield f"{each.rule.id}: case {number} should be {case.is_} and is {state}"


def _rule(entry: Any, faults: list[tuple[tuple[Any, ...], str]]) -> Rule | None:
    try:
        return Rule.model_validate(entry)
    except ValidationError as error:
        faults += [
            (tuple(fault["loc"]), fault["msg"].removeprefix("Value error, "))
            for fault in error.errors(include_url=False)
        ]
        return None


def _checked(rule: Rule, vocabulary: Vocabulary, faults: list[tuple[tuple[Any, ...], str]]) -> Expression | None:
    facts = vocabulary.of(rule.scope)
    faults += [
        (("sources", number, "key"), f"'{source.key}' is not in references.yaml")
        for number, source in enumerate(rule.sources)
        if source.key not in vocabulary.references
    ]
    try:
        named = rule.placeholders()
    except ValueError as error:
        faults.append((("says",), f"braces do not match ({error})"))
        named = ()
    shown = {*facts, LESIONS} if rule.scope == "lesion" else set(facts)
    faults += [(("says",), f"'{{{name}}}' is no fact") for name in named if name not in shown]
    for number, case in enumerate(rule.cases):
        faults += [
            (("cases", number), fault)
            for name, value in case.facts.items()
            for fault in _value_faults(name, value, facts)
        ]
    try:
        return parse(rule.when, facts)
    except ExpressionError as error:
        faults += [(("when",), fault) for fault in error.faults]
        return None


def _value_faults(name: str, value: Value, facts: Mapping[str, FactDefinition]) -> Iterator[str]:
    fact = facts.get(name)
    if fact is None:
        yield f"unknown fact '{name}'"
    elif fact.type == "enum" and value not in fact.values:
        yield f"{name}: '{value}' is not one of {', '.join(fact.values)}"
    elif fact.type == "boolean" and not isinstance(value, bool):
        yield f"{name}: {value} is not true or false"
    elif fact.type in {"number", "integer"} and (
        isinstance(value, bool | str) or (fact.type == "integer" and value != int(value))
    ):
        yield f"{name}: {value} is not a{' whole' if fact.type == 'integer' else ''} number"


def _line(lines: Mapping[tuple[Any, ...], int], path: Sequence[Any]) -> int | None:
    """The line of the nearest place of `path` that the file has."""
    steps = tuple(path)
    while steps and steps not in lines:
        steps = steps[:-1]
    return lines.get(steps)


def roll_up(rule: Rule, truths: Sequence[bool | None] | None) -> bool | None:
    """What a lesion rule says of the case: `any` or `all` of its lesions by SQL's logic. None for lesions that are not known; without a lesion it is False."""
    if truths is None:
        return None
    if not truths:
        return False
    return any_of(truths) if rule.lesions == "any" else all_of(truths)
