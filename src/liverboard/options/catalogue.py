"""The packaged clinical content, loaded and checked once: rules, disagreements between sources, context, and what no source ranks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import Field, ValidationError

from liverboard.clinical.dictionary import FactDefinition, load_dictionary, load_lesion_dictionary
from liverboard.clinical.events import Option
from liverboard.clinical.extent import Frozen
from liverboard.errors import KnowledgeBaseError, Problem
from liverboard.knowledge import load_references, packaged_texts, reasons, yaml_with_lines
from liverboard.rules.expression import Expression
from liverboard.rules.load import Vocabulary, load_rules
from liverboard.rules.parse import ExpressionError, parse
from liverboard.rules.rule import Cited, Compiled, Words

FOLDER = "options"
_OTHER_FILES = ("disagreements.yaml", "context.yaml", "equipoise.yaml")
Place = Literal["options", "tumour", "pattern", "liver function", "procedure", "response"]
M = TypeVar("M", bound="Statement")


class Statement(Frozen):
    """What is shown beside the options. `when`: shown unless this is false; without it always."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")]
    when: Words | None = None


class Position(Frozen):
    says: Words
    sources: Annotated[tuple[Cited, ...], Field(min_length=1)]


class Disagreement(Statement):
    """Sources that differ, side by side. `options`: where it bites; `place`: where it shows; `handling`: what liverboard does with it."""

    topic: Words
    options: tuple[Option, ...] = ()
    place: Place = "options"
    positions: Annotated[tuple[Position, ...], Field(min_length=2)]
    handling: Words


class Context(Statement):
    """A fact of the disease that a board wants beside the tumour."""

    says: Words
    sources: Annotated[tuple[Cited, ...], Field(min_length=1)]


class Equipoise(Statement):
    """Options that no comparison ranks: said when two or more of `options` are open together or, with `beside`, at least one of each."""

    options: Annotated[tuple[Option, ...], Field(min_length=1)]
    beside: tuple[Option, ...] = ()
    says: Words
    sources: Annotated[tuple[Cited, ...], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Rules in the order of their files, and the statements with their conditions by id."""

    rules: tuple[Compiled, ...]
    disagreements: tuple[Disagreement, ...]
    context: tuple[Context, ...]
    equipoise: tuple[Equipoise, ...]
    conditions: Mapping[str, Expression]


@cache
def vocabulary() -> Vocabulary:
    """The names that packaged rules and policies may use."""
    return Vocabulary(load_dictionary(), load_lesion_dictionary(), load_references())


@cache
def load_catalogue() -> Catalogue:
    """Raises KnowledgeBaseError with every problem, when the packaged content is damaged."""
    texts = packaged_texts(FOLDER)
    rules = load_rules({name: text for name, text in texts.items() if name not in _OTHER_FILES}, vocabulary())
    conditions: dict[str, Expression] = {}
    disagreements = _statements(texts, "disagreements", Disagreement, conditions)
    context = _statements(texts, "context", Context, conditions)
    equipoise = _statements(texts, "equipoise", Equipoise, conditions)
    return Catalogue(rules, disagreements, context, equipoise, conditions)


def _statements(texts: Mapping[str, str], key: str, model: type[M], conditions: dict[str, Expression]) -> tuple[M, ...]:
    name = f"{key}.yaml"
    try:
        content: Any
        content, lines = yaml_with_lines(texts[name])
        found = [model.model_validate(entry) for entry in content[key]]
    except (KeyError, TypeError, yaml.YAMLError) as error:
        raise KnowledgeBaseError(f"expected a list under `{key}` ({error})", where=name) from None
    except ValidationError as error:
        raise KnowledgeBaseError(reasons(error), where=name) from None
    problems: list[Problem] = []
    facts: Mapping[str, FactDefinition] = load_dictionary()
    for place, each in enumerate(found):
        line = lines.get((key, place))
        cited = {source.key for source in _cited(each)}
        problems += [
            Problem(f"{each.id}: '{source}' is not in references.yaml", line=line)
            for source in sorted(cited - set(load_references()))
        ]
        if each.id in conditions or [one.id for one in found].count(each.id) > 1:
            problems.append(Problem(f"id '{each.id}' is given twice", line=line))
        if each.when is not None:
            try:
                conditions[each.id] = parse(each.when, facts)
            except ExpressionError as error:
                problems += [Problem(f"{each.id}: {fault}", line=line, field="when") for fault in error.faults]
    if problems:
        raise KnowledgeBaseError("the statements do not load", where=name, problems=problems)
    return tuple(found)


def _cited(statement: Statement) -> tuple[Cited, ...]:
    if isinstance(statement, Disagreement):
        return tuple(source for position in statement.positions for source in position.sources)
    return statement.sources if isinstance(statement, Context | Equipoise) else ()
