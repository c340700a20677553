"""Rule files to checked rules: all faults at once, each with its line and its reason. A file with one fault does not load."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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

Fault = tuple[tuple[Any, ...], str]  # the place within the rule, and a sentence
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
    """The rules in the texts of `files` (name -> YAML with a list `rules`), in their order; a rule that another supersedes is left out.

    Raises KnowledgeBaseError with every problem and its line: not YAML, a field that is missing or wrong, an expression that does not parse, a fact, source or
    option that is not known, a constant of the wrong type, unit or range, no case for one of the three states, a case that names an unknown fact, an id
    given twice, an effect beyond what the class of its source allows.
    """
    entries: list[Entry] = []
    problems: list[Problem] = []
    for name, text in files.items():
        read, faults = read_rules(text, name, vocabulary)
        entries += read
        problems += faults
    first: dict[str, Entry] = {}
    for entry in entries:
        before = entry if entry.id is None else first.setdefault(entry.id, entry)
        if before is not entry:
            place = f"{before.file}, line {before.line}"
            problems.append(entry.problem(f"this id is given twice; it stands in {place} too", "id"))
    found = [entry.rule for entry in entries if entry.rule is not None]
    for entry in entries:
        older = None if entry.rule is None else entry.rule.rule.supersedes
        if older is not None and older not in first:
            problems.append(entry.problem(f"supersedes '{older}', which is no rule", "supersedes"))
    if problems:
        count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
        raise KnowledgeBaseError(
            f"the rules do not load: {count}",
            where=", ".join(files) if len(files) < 4 else "options/",
            problems=problems,
        )
    replaced = {each.rule.supersedes for each in found}
    return tuple(each for each in found if each.rule.id not in replaced)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a file. `rule`: None when it has a problem."""

    file: str
    line: int | None
    id: str | None
    rule: Compiled | None

    def problem(self, message: str, field: str) -> Problem:
        return Problem(f"{self.file}: {self.id}: {message}", line=self.line, field=field)


def read_rules(text: str, name: str, vocabulary: Vocabulary) -> tuple[list[Entry], list[Problem]]:
    """The entries of one file and its problems."""
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
    entries: list[Entry] = []
    problems: list[Problem] = []
    entry: Any
    for place, entry in enumerate(cast("list[Any]", listed)):
        compiled, faults = check_rule(entry, vocabulary)
        given: Any = entry.get("id") if isinstance(entry, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        own = given if isinstance(given, str) else None
        problems += [
            Problem(
                f"{name}: {own or f'rule {place + 1}'}: {message}",
                line=line_of(lines, ("rules", place, *step)),
                field=".".join(map(str, step)) or None,
            )
            for step, message in faults
        ]
        entries.append(Entry(name, line_of(lines, ("rules", place)), own, compiled))
    return entries, problems


def check_rule(entry: Any, vocabulary: Vocabulary) -> tuple[Compiled | None, list[Fault]]:
    """The rule in one entry of a file, or None and what is wrong with it."""
    faults: list[Fault] = []
    rule = _rule(entry, faults)
    expression = None if rule is None else _checked(rule, vocabulary, faults)
    if rule is None or expression is None or faults:
        return None, faults
    return Compiled(rule, expression), faults


def case_faults(each: Compiled) -> Iterator[str]:
    """Cases of a rule that do not come out as they say. A lesion rule's case is one lesion."""
    for number, case in enumerate(each.rule.cases, 1):
        truth = decide(each.expression, case.facts)
        state = "unknown" if truth is None else str(truth).lower()
        if state != case.is_:
            yield f"{each.rule.id}: case {number} should be {case.is_} and is {state}"


def _rule(entry: Any, faults: list[Fault]) -> Rule | None:
    try:
        return Rule.model_validate(entry)
    except ValidationError as error:
        faults += [
            (tuple(fault["loc"]), fault["msg"].removeprefix("Value error, "))
            for fault in error.errors(include_url=False)
        ]
        return None


def _checked(rule: Rule, vocabulary: Vocabulary, faults: list[Fault]) -> Expression | None:
    facts = vocabulary.of(rule.scope)
    faults += [
        (("sources", number, "key"), f"'{source.key}' is not in references.yaml")
        for number, source in enumerate(rule.sources)
        if source.key not in vocabulary.references
    ]
    faults += [
        (
            ("sources", number, "key"),
            f"'{source.key}' was not seen (U in references.yaml) and cannot stand behind a {rule.effect}",
        )
        for number, source in enumerate(rule.sources)
        if rule.effect != "outside_studied"
        and source.key in vocabulary.references
        and vocabulary.references[source.key].verification == "U"
    ]
    try:
        named = rule.placeholders()
    except ValueError as error:
        faults.append((("says",), f"braces: {error}"))
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
    elif fact.type in {"number", "integer"}:
        if isinstance(value, bool | str) or (fact.type == "integer" and not isinstance(value, int)):
            yield f"{name}: {value} is not a{' whole' if fact.type == 'integer' else ''} number"
        elif doubt := fact.doubt(value):
            yield f"{name}: {doubt}"


def line_of(lines: Mapping[tuple[Any, ...], int], path: Sequence[Any]) -> int | None:
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
