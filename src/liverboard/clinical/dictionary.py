"""The fact dictionary, typed and checked: what each fact is, where it comes from, when it is stale, who can supply it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Annotated, Any, Literal, cast, get_args

from pydantic import BaseModel, Field, StringConstraints, TypeAdapter, ValidationError, model_validator

from liverboard.clinical.events import EVENT_KINDS, Case
from liverboard.clinical.extent import Frozen
from liverboard.errors import KnowledgeBaseError
from liverboard.knowledge import load_references, load_yaml, reasons
from liverboard.units import UnitError, convert

FILE = "facts.yaml"
FactName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
Words = Annotated[str, StringConstraints(min_length=1)]


class Code(Frozen):
    """A terminology code; `verified` names the source in which code and display were seen."""

    system: Literal["LOINC", "SNOMED CT"]
    code: Words
    verified: Words


class FactDefinition(Frozen):
    """One fact: `stated_in` (the key `from` of the file) is the event kind and field path of a stated fact; a derived fact says `derivation` instead.

    `read_behind`: the count without which the fact means nothing (what was never given has no date); a rule asks for the count first.
    """

    name: FactName
    label: Words
    group: Words
    type: Literal["number", "integer", "boolean", "enum"]
    unit: str | None = None
    substance: str | None = None
    plausible: tuple[float, float] | None = None
    likely_units: tuple[str, ...] = ()
    hint: str | None = None
    definition: Words
    derivation: str | None = None
    stated_in: str | None = Field(default=None, alias="from")
    stale_after_days: Annotated[int, Field(ge=0)] | None = None
    stale_source: str | None = None
    values: tuple[str, ...] = ()
    who_supplies: Words
    asks_for: Words
    code: Code | None = None
    source: str | None = None
    read_behind: FactName | None = None

    @model_validator(mode="after")
    def _whole(self) -> FactDefinition:
        faults = (
            (
                (self.stated_in is None) == (self.derivation is None),
                "a fact is either stated (`from`) or derived (`derivation`)",
            ),
            ((self.type == "enum") != bool(self.values), "an enum, and only an enum, lists its values"),
            (self.plausible is not None and self.plausible[0] >= self.plausible[1], "plausible is [low, high]"),
            (
                self.plausible is not None and self.type not in {"number", "integer"},
                "only a number has a plausible range",
            ),
        )
        found = [message for wrong, message in faults if wrong]
        if found:
            raise ValueError("; ".join(found))
        return self

    def doubt(self, value: float) -> str | None:
        """Why `value` is implausible, with the unit that was likely meant; None when it is plausible."""
        if self.plausible is None or self.plausible[0] <= value <= self.plausible[1]:
            return None
        unit = f" {self.unit}" if self.unit else ""
        for other in self.likely_units:
            meant = convert(value, other, self.unit or "", substance=self.substance)
            if self.plausible[0] <= meant <= self.plausible[1]:
                return f"{value:g}{unit} is implausible; {value:g} {other} would be {meant:.3g}{unit}"
        low, high = self.plausible
        return f"{value:g}{unit} is implausible (expected {low:g} to {high:g}); {self.hint or 'check the number and its unit'}"


@cache
def load_dictionary() -> Mapping[str, FactDefinition]:
    """Every fact of a case by its name, in the order of the dictionary. Raises KnowledgeBaseError when the packaged file is inconsistent."""
    return read_dictionary(load_yaml(FILE))


@cache
def load_lesion_dictionary() -> Mapping[str, FactDefinition]:
    """Every fact of a single lesion by its name. Raises KnowledgeBaseError when the packaged file is inconsistent."""
    return read_dictionary(load_yaml(FILE), "lesion_facts")


@cache
def all_definitions() -> Mapping[str, FactDefinition]:
    """The facts of a case and of a lesion in one table."""
    return MappingProxyType({**load_dictionary(), **load_lesion_dictionary()})


def read_dictionary(content: Any, section: Literal["facts", "lesion_facts"] = "facts") -> Mapping[str, FactDefinition]:
    """One section of the content of a facts file. Raises KnowledgeBaseError with every fault."""
    try:
        raw = cast("dict[str, dict[str, Any]]", content[section])
        defaults = cast("dict[str, Any]", content.get("defaults", {}))
        filled = {name: {"name": name, **_defaults(defaults, entry), **entry} for name, entry in raw.items()}
    except (AttributeError, KeyError, TypeError) as error:
        raise KnowledgeBaseError(f"expected `{section}`: name -> entry ({error})", where=FILE) from None
    try:
        facts = TypeAdapter(dict[str, FactDefinition]).validate_python(filled)
    except ValidationError as error:
        raise KnowledgeBaseError(reasons(error), where=FILE) from None
    faults = [f"{name}: {fault}" for name, fact in facts.items() for fault in _faults(fact, facts)]
    if section == "lesion_facts":
        faults += [f"{name}: is a fact of the case too" for name in facts if name in content.get("facts", {})]
    if faults:
        raise KnowledgeBaseError("; ".join(faults), where=FILE)
    return MappingProxyType(facts)


def _defaults(defaults: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, Any]:
    """`stale_source` is said only of a fact that can be stale."""
    return {
        key: value
        for key, value in defaults.items()
        if key != "stale_source" or entry.get("stale_after_days") is not None
    }


def _faults(fact: FactDefinition, facts: Mapping[str, FactDefinition]) -> list[str]:
    faults: list[str] = []
    if fact.stated_in is not None:
        allowed = _field(fact.stated_in)
        if allowed is None:
            faults.append(f"no event has the field '{fact.stated_in}'")
        elif fact.type == "enum" and set(allowed) != set(fact.values):
            faults.append(f"values differ from those of '{fact.stated_in}': {' '.join(allowed)}")
    faults += [
        f"'{key}' is not in references.yaml"
        for key in (fact.source, fact.code.verified if fact.code else None)
        if key is not None and key not in load_references()
    ]
    if fact.stale_after_days is not None and not fact.stale_source:
        faults.append("stale_after_days needs stale_source")
    if fact.read_behind is not None and (fact.read_behind not in facts or facts[fact.read_behind].type != "integer"):
        faults.append(f"read_behind names '{fact.read_behind}', which is not a count")
    return faults


def _field(path: str) -> tuple[str, ...] | None:
    """The words that the event field at `path` (`clinic.biliary.stent`) allows, () for any other type; None when there is no such field."""
    kind, *steps = path.split(".")
    model: type[BaseModel] | None = Case if kind == "case" else EVENT_KINDS.get(kind)
    annotation: object = None
    for step in steps:
        if model is None or step not in model.model_fields:
            return None
        annotation = model.model_fields[step].annotation
        parts = [part for part in (annotation, *get_args(annotation)) if isinstance(part, type)]
        model = next((part for part in parts if issubclass(part, BaseModel)), None)
    return _words(annotation) if steps else None


def _words(annotation: object) -> tuple[str, ...]:
    found: list[str] = []
    for part in get_args(annotation):
        found += [part] if isinstance(part, str) else _words(part)
    return tuple(found)


def unit_faults() -> list[str]:
    """Likely units that do not convert; checked by the tests, not on loading (the unit library is slow to start)."""
    faults: list[str] = []
    for name, fact in {**load_dictionary(), **load_lesion_dictionary()}.items():
        for unit in fact.likely_units:
            try:
                convert(1.0, unit, fact.unit or "", substance=fact.substance)
            except UnitError as error:
                faults.append(f"{name}: {error}")
    return faults
