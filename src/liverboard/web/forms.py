"""Forms of events, generated: fields and words from the event models, units and plausible ranges from the fact dictionary. What was posted goes back through the case reader."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import UnionType
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from liverboard.clinical.dictionary import FactDefinition, all_definitions, load_lesion_dictionary
from liverboard.clinical.events import EVERY_KIND, details_type
from liverboard.clinical.quantity import Unit
from liverboard.errors import BadInput, Problem
from liverboard.report.words import unit_words
from liverboard.units import with_point
from liverboard.web.helps import HELPS

Kind = Literal["text", "long", "date", "choice", "truth", "whole", "number", "list"]
ROWS = 3  # empty rows offered where a list of things can be filled in
_OWN = {"id", "kind", "date", "recorded", "corrects"}
_LAST = ("confirmed", "note")
_NONE = "none"  # chosen or typed for a list: it is empty, and that is said
# An empty list of these counts as 0; one left out is unknown.
_MAY_BE_NONE = {"lesions", "extrahepatic_lesions", "contains"}
_LONG = {"note", "reason", "dissent", "deviation"}


@dataclass(frozen=True, slots=True)
class Field:
    """One input. `name`: the path in the event, such as `biliary.stent` or `lesions.0.longest`. `units`: the first is the usual one."""

    name: str
    label: str
    kind: Kind
    help: str = ""
    choices: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    meant: tuple[Any, ...] = ()  # what the choices stand for, where it is not the words themselves
    share: bool = False  # a fraction that is asked for in percent


@dataclass(frozen=True, slots=True)
class Group:
    """Inputs that belong together; `rows` where the same inputs stand several times."""

    label: str
    fields: tuple[Field, ...]
    rows: bool = False


@dataclass(slots=True)
class _Gathering:
    kind: str
    plain: list[Field] = field(default_factory=list[Field])
    groups: list[Group] = field(default_factory=list[Group])


@functools.cache
def groups_of(kind: str, technique: str | None = None, rows: int = ROWS) -> tuple[Group, ...]:
    """The form of an event of `kind`; for procedures and plans the details of their `technique`. Raises KeyError for an unknown kind."""
    found = _Gathering(kind)
    fields = EVERY_KIND[kind].model_fields
    for name in (*(name for name in fields if name not in _LAST), *_LAST):
        info = fields[name]
        if name in _OWN:
            continue
        if name == "details":
            model = details_type(technique) if technique else None
            if model is not None:
                found.groups += _nested(kind, "details", model, rows)
            continue
        _gather(found, name, info, rows)
    return (Group("", tuple(found.plain)), *found.groups)


@functools.cache
def worded(kind: str, technique: str | None = None) -> frozenset[str]:
    """The fields of an event that hold words of the models, rows without their numbers (`lesions.hypervascular`)."""
    fields = [each for group in groups_of(kind, technique) for each in group.fields]
    return frozenset(re.sub(r"\.\d+", "", each.name) for each in fields if each.choices or each.kind == "truth")


def tree_of(
    kind: str, posted: Mapping[str, str | Sequence[str]], technique: str | None = None, rows: int = ROWS
) -> dict[str, Any]:
    """What was posted as the event that a case file would hold; what was left empty is left out. Values are checked by the case reader, not here.

    Raises BadInput with what a case file cannot tell apart: a list that is none and holds something, a share that may be a fraction or a percentage.
    """
    tree: dict[str, Any] = {}
    problems: list[Problem] = []
    for group in groups_of(kind, technique, rows):
        for each in group.fields:
            try:
                value = _value(each, posted)
                if value is not None:
                    _set(tree, each.name.split("."), value)
            except ValueError as error:
                problems.append(Problem(str(error), field=each.name))
    if problems:
        raise BadInput("the event cannot be kept as it is", problems=problems, hint="Put it right below; what you typed is kept.")  # fmt: skip
    return cast("dict[str, Any]", _lists(tree))


def posted_of(content: Mapping[str, Any]) -> dict[str, str]:
    """The reverse of `tree_of`: the inputs that show an event as it stands, for a correction."""
    return dict(_flat(content, ""))


def _gather(found: _Gathering, name: str, info: FieldInfo, rows: int) -> None:
    model, many = _model_in(info.annotation)
    if model is None:
        found.plain.append(_field(found.kind, name, info))
    elif many:
        if name in _MAY_BE_NONE:
            found.plain.append(Field(name, _words(name), "choice", _says(found.kind, name), (_NONE,), meant=([],)))
        found.groups.append(
            Group(
                _words(name),
                tuple(each for row in range(rows) for each in _row(found.kind, f"{name}.{row}", model)),
                rows=True,
            )
        )
    else:
        found.groups += _nested(found.kind, name, model, rows)


def _nested(kind: str, path: str, model: type[BaseModel], rows: int) -> Iterator[Group]:
    plain: list[Field] = []
    inner: list[Group] = []
    for name, info in model.model_fields.items():
        part, many = _model_in(info.annotation)
        if part is None:
            plain.append(_field(kind, f"{path}.{name}", info, shown=name))
        elif not many:
            inner += _nested(kind, f"{path}.{name}", part, rows)
        else:
            inner.append(
                Group(
                    title(f"{path}.{name}"),
                    tuple(each for row in range(rows) for each in _row(kind, f"{path}.{name}.{row}", part)),
                    rows=True,
                )
            )
    yield Group(title(path), tuple(plain))
    yield from inner


def _row(kind: str, path: str, model: type[BaseModel]) -> Iterator[Field]:
    """The inputs of one row of a list, what its parts hold among them."""
    for name, info in model.model_fields.items():
        part, many = _model_in(info.annotation)
        if part is None:
            yield _field(kind, f"{path}.{name}", info, shown=name)
        elif not many:
            yield from _row(kind, f"{path}.{name}", part)


def _field(kind: str, path: str, info: FieldInfo, shown: str | None = None) -> Field:
    stated = re.sub(r"\.\d+", "", path)
    fact = _facts().get(f"{kind}.{stated}")
    what, meant, unit = _leaf(info)
    choices = tuple("yes" if each is True else "no" if each is False else str(each) for each in meant)
    if what == "list" and choices and path in _MAY_BE_NONE:
        choices = (*choices, _NONE)
    if what == "text" and path.rsplit(".", maxsplit=1)[-1] in _LONG:
        what = "long"
    units = () if unit is None or unit in {"1", "fraction"} else (unit, *(fact.likely_units if fact else ()))
    if unit == "fraction":
        units = ("%",)
    return Field(
        name=path,
        label=fact.label if fact is not None else _words(shown or path),
        kind=what,
        help=_help(fact) or _says(kind, stated),
        choices=choices,
        units=tuple(dict.fromkeys(units)),
        meant=meant if what == "choice" else (),
        share=unit == "fraction",
    )


def _says(kind: str, path: str) -> str:
    paths = (f"{kind}.{path}", f"{kind}.{path.removeprefix('extrahepatic_')}", path)
    return next((HELPS[each] for each in paths if each in HELPS), "")


def _help(fact: FactDefinition | None) -> str:
    if fact is None:
        return ""
    if fact.plausible is None:
        return fact.definition
    low, high = fact.plausible
    if fact.unit == "fraction":  # asked for in percent
        return f"{fact.definition} Plausible: {100 * low:g} to {100 * high:g} %."
    unit = unit_words(fact.unit)
    return f"{fact.definition} Plausible: {low:g} to {high:g}{f' {unit}' if unit else ''}."


_OF_A_LESION = {
    "longest": "lesion_longest_mm",
    "volume": "lesion_volume_ml",
    "capsule_distance": "lesion_capsule_distance_mm",
    "vessel_distance": "lesion_vessel_distance_mm",
    "bile_duct_distance": "lesion_bile_duct_distance_mm",
    "hypervascular": "lesion_hypervascular",
    "treated": "lesion_treated",
}  # the facts of a lesion that are what is stated of it


@functools.cache
def _facts() -> Mapping[str, FactDefinition]:
    stated = {fact.stated_in: fact for fact in all_definitions().values() if fact.stated_in is not None}
    return stated | {f"imaging.lesions.{key}": load_lesion_dictionary()[name] for key, name in _OF_A_LESION.items()}


def _parts(annotation: object) -> Iterator[object]:
    """The types that an annotation allows, without None, optional and constraints taken apart."""
    origin = get_origin(annotation)
    if origin in {Union, UnionType}:
        for part in get_args(annotation):
            if part is not type(None):
                yield from _parts(part)
    elif origin is Annotated:
        yield from _parts(get_args(annotation)[0])
    else:
        yield annotation


def _model_in(annotation: object) -> tuple[type[BaseModel] | None, bool]:
    """The model that a field holds, and whether it holds several."""
    for part in _parts(annotation):
        if isinstance(part, type) and issubclass(part, BaseModel):
            return part, False
        if get_origin(part) is tuple:
            for inner in get_args(part):
                model, _ = _model_in(inner)
                if model is not None:
                    return model, True
    return None, False


def _unit(annotation: object, metadata: Sequence[object]) -> Unit | None:
    for each in (*metadata, *_metadata(annotation)):
        if isinstance(each, Unit):
            return each
    return None


def _metadata(annotation: object) -> Iterator[object]:
    origin = get_origin(annotation)
    if origin is Annotated:
        first, *rest = get_args(annotation)
        yield from rest
        yield from _metadata(first)
    elif origin in {Union, UnionType}:
        for part in get_args(annotation):
            yield from _metadata(part)


def _leaf(info: FieldInfo) -> tuple[Kind, tuple[Any, ...], str | None]:
    """The kind of an input, what can be chosen, and the unit."""
    unit = _unit(info.annotation, info.metadata)
    if unit is not None:
        return "number", (), unit.canonical
    parts = list(_parts(info.annotation))
    choices = tuple(word for part in parts if get_origin(part) is Literal for word in get_args(part))
    if choices:
        return "choice", (True, False, *choices) if bool in parts else choices, None
    if rows := [part for part in parts if get_origin(part) is tuple]:
        return "list", tuple(word for part in rows for word in _literals(part)), None
    for of, kind in ((bool, "truth"), (int, "whole"), (float, "number"), (str, "text")):
        if of in parts:
            return cast(Kind, kind), (), None
    return "date", (), None


def _literals(annotation: object) -> Iterator[object]:
    for part in get_args(annotation):
        if get_origin(annotation) is Literal:
            yield part
        else:
            yield from _literals(part)


def _value(each: Field, posted: Mapping[str, str | Sequence[str]]) -> Any:
    raw = posted.get(each.name, "")
    text = (raw if isinstance(raw, str) else " ".join(raw)).strip()
    if not text:
        return None
    match each.kind:
        case "truth":
            return {"yes": True, "no": False}.get(text, text)
        case "whole":
            return int(text) if text.isascii() and text.removeprefix("-").isdigit() and len(text) < 12 else text
        case "number":
            unit = posted.get(f"{each.name}|unit", each.units[0] if each.units else "")
            return _number(text, unit if isinstance(unit, str) and unit in each.units else "", share=each.share)
        case "choice":
            return dict(zip(each.choices, each.meant, strict=True)).get(text, text)
        case "list":
            if text.casefold() == _NONE and (each.name in _MAY_BE_NONE or not each.choices):
                return []
            if each.name.split(".")[-1] in {"segments", "resected_segments"}:
                return text
            return [part.strip() for part in re.split(r"[,\n]", text) if part.strip()]
        case _:
            return text


def _number(text: str, unit: str, *, share: bool) -> str | float:
    """A bare number gets the unit of its input; one that was typed with a unit keeps it, and what cannot be read goes on as it is."""
    try:
        text = with_point(text)
        value = float(text)
    except ValueError:
        return text
    if not math.isfinite(value):
        return text
    if share:
        return share_in_percent(value)
    return f"{value!r} {unit}" if unit else value


def share_in_percent(value: float) -> str:
    """A bare number in an input that asks for a share in percent. Raises ValueError where the fraction of a case file may be meant."""
    if 0 < value < 1:
        raise ValueError(
            f"'{value:g}' may be {100 * value:g} % or {value:g} %; write the one that is meant, with its %"
        )
    if value > 100:
        raise ValueError("expected at most 100 %")
    return f"{value!r} %"


def _set(tree: dict[str, Any], path: Sequence[str], value: Any) -> None:
    for step in path[:-1]:
        below: Any = tree.setdefault(step, {})
        if not isinstance(below, dict):
            none_and_some = Problem("none is chosen here, and some are listed below", field=path[0])
            raise BadInput("the event cannot be kept as it is", problems=[none_and_some], hint="Put it right below; what you typed is kept.")  # fmt: skip
        tree = cast("dict[str, Any]", below)
    tree[path[-1]] = value


def _lists(tree: Any) -> Any:
    """Keys 0, 1, 2 become a list in their order; gaps close."""
    if not isinstance(tree, dict):
        return tree
    items = {str(key): _lists(value) for key, value in cast("dict[str, Any]", tree).items()}
    if items and all(key.isdigit() for key in items):
        return [items[key] for key in sorted(items, key=int)]
    return items


def _flat(content: Any, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(content, Mapping):
        for key, value in cast("Mapping[str, Any]", content).items():
            yield from _flat(value, f"{name}.{key}" if name else str(key))
    elif isinstance(content, list):
        items = cast("list[Any]", content)
        if any(isinstance(item, Mapping) for item in items):
            for row, value in enumerate(items):
                yield from _flat(value, f"{name}.{row}")
        else:
            yield name, ", ".join(str(item) for item in items) or _NONE
    elif isinstance(content, bool):
        yield name, "yes" if content else "no"
    elif content is not None:
        yield name, str(content)


def title(path: str) -> str:
    """A group by its whole path: the tumour has planned doses and delivered doses."""
    return ": ".join(_words(part) for part in path.removeprefix("details.").split("."))


def _words(path: str) -> str:
    return path.rsplit(".", maxsplit=1)[-1].replace("_", " ")
