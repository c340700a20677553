"""The reference page of procedures, `docs/reference/procedures.md`: the keys of `details` by technique, and what is asked of each. A test holds page and code together."""

from __future__ import annotations

from collections.abc import Iterator
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from liverboard.board.procedure_checklists import Item, load_checklists
from liverboard.clinical.procedure_details import DETAILS_OF, ProcedureDetails
from liverboard.clinical.quantity import Unit
from liverboard.clinical.sirt_details import SirtDetails
from liverboard.knowledge import load_references

_HEAD = """# Procedures

<!-- Rendered by liverboard.board.procedures_reference from the types and from src/liverboard/knowledge/procedures; change those, not this page. -->

`details` of a `procedure` or a `plan` have the type of its technique. Every key is optional; an unknown key is an error that names the nearest one, a quantity is written with its
unit, and what contradicts itself is refused with its line. An empty list says "none"; a key left out says nothing. The technique `other` keeps whatever is written.

`liverboard procedures CASE` counts how much of what is asked a procedure states. **Required**: without it two procedures cannot be compared, or the next one is not safe; the reason
stands beside it. A required item that is not stated is named as missing; the case is read all the same. Some items are asked for under a condition on the facts of the day; where
the facts do not tell, they count as wanted. What follows a procedure is not missing before its days are over. The list is this project's own, drawn from the
reporting standards named; for SIRT the published 25 + 25 items are counted beside it, with their points.
"""
_SKIP = frozenset(ProcedureDetails.model_fields)


def render_procedures_reference() -> str:
    """The page, as Markdown."""
    parts = [_HEAD, "\n## Keys of every technique\n", *_keys(ProcedureDetails, frozenset())]
    for model in dict.fromkeys((*DETAILS_OF.values(), SirtDetails)):
        techniques = [name for name, each in DETAILS_OF.items() if each is model] or ["sirt_resin", "sirt_glass", "sirt_ho166"]  # fmt: skip
        parts += [f"\n## Keys of {', '.join(f'`{name}`' for name in techniques)}\n", *_keys(model, _SKIP)]
    parts.append("\n## What is asked\n")
    for each in load_checklists():
        parts.append(f"\n### {each.title}\n\nOf {', '.join(f'`{name}`' for name in each.applies)}.\n")
        parts.append("\n| item | need | looked for in | source |\n| --- | --- | --- | --- |\n")
        parts += [_item(item) for item in each.items]
    parts.append("\n## Sources\n\n| key | source | verification |\n| --- | --- | --- |\n")
    used = {item.source for each in load_checklists() for item in each.items}
    for key, source in load_references().items():
        if key in used:
            parts.append(f"| `{key}` | {_cell(source.title)} | {source.verification}: {_cell(source.how)} |\n")
    return "".join(parts)


def _keys(model: type[BaseModel], skip: frozenset[str]) -> Iterator[str]:
    yield "\n| key | is |\n| --- | --- |\n"
    for name, is_ in _rows(model, skip):
        yield f"| `{name}` | {is_} |\n"


def _rows(model: type[BaseModel], skip: frozenset[str]) -> Iterator[tuple[str, str]]:
    for name, field in model.model_fields.items():
        if name in skip:
            continue
        inner, many = _model_in(field.annotation), _is_list(field.annotation)
        unit = next((entry for entry in field.metadata if isinstance(entry, Unit)), None)
        if inner is None:
            yield name, _words(field.annotation, unit)
            continue
        for below, is_ in _rows(inner, frozenset()):
            yield f"{name}{'[]' if many else ''}.{below}", is_


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part)) is not None), None)


def _is_list(annotation: Any) -> bool:
    return get_origin(annotation) is tuple or any(_is_list(part) for part in get_args(annotation) if get_origin(annotation) in {Union, UnionType})  # fmt: skip


def _words(annotation: Any, unit: Unit | None = None) -> str:
    """What may be written, in a few words."""
    if unit is not None:
        return _unit_words(unit)
    if hasattr(annotation, "__metadata__"):
        inside = next((entry for entry in annotation.__metadata__ if isinstance(entry, Unit)), None)
        return _words(annotation.__origin__, inside)
    origin = get_origin(annotation)
    if origin is Literal:
        return " \\| ".join(str(word) for word in get_args(annotation))
    if origin in {Union, UnionType}:
        kinds = [part for part in get_args(annotation) if part is not type(None)]
        return " or ".join(dict.fromkeys(_words(part) for part in kinds))
    if origin is tuple:
        return f"list of {_words(get_args(annotation)[0])}"
    names = {"str": "text", "bool": "true \\| false", "int": "whole number", "float": "number", "date": "day", "datetime": "moment"}  # fmt: skip
    return names.get(getattr(annotation, "__name__", ""), "text")


def _unit_words(unit: Unit) -> str:
    return {"1": "number", "%": "percentage, as `80 %`", "fraction": "fraction, as `0.06` or `6 %`"}.get(unit.canonical, f"quantity in {unit.canonical}")  # fmt: skip


def _item(item: Item) -> str:
    need = "of a paper" if item.of else f"{item.points} points" if item.points is not None else item.need
    if item.why:
        need += f": {_cell(item.why)}"
    if item.when:
        need += f" Where `{item.when}`."
    places = [f"`{path}`" for path in item.stated]
    places += [f"facts {', '.join(f'`{name}`' for name in item.facts)}"] if item.facts else []
    if item.event is not None:
        what = f"`{item.event.kind}.{item.event.field}`" if item.event.field else f"`{item.event.kind}`"
        places.append(f"{what}, {_days(item.event.from_day, item.event.to_day)}")
    return f"| {_cell(item.asks)} | {need} | {'; '.join(places)} | `{item.source}` |\n"


def _days(first: int, last: int) -> str:
    whenever = 36500
    if first <= -whenever:
        return "before" if last < 0 else "by then"
    if last >= whenever:
        return f"from day {first}"
    return f"day {first} to {last}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").strip()
