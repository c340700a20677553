"""Forms as data: for who asks a page for JSON, where they are sent and each input with what stands in it; for the OpenAPI document, their fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from liverboard.clinical.extent import Frozen
from liverboard.web.forms import Field, Group


class Input(Frozen):
    """One input. `kind`: text, long, date, choice, truth, whole, number, list or password. `units`: sent as `NAME|unit`; the first is the usual one."""

    name: str
    kind: str
    group: str = ""
    label: str = ""
    help: str = ""
    choices: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    value: str = ""


class FormPage(Frozen):
    """A form that is sent by POST, with the token of the session. `version`: of the case, to be sent back with a change."""

    sent_to: str
    inputs: tuple[Input, ...]
    version: int | None = None


def inputs_of(groups: Iterable[Group], typed: Mapping[str, str], prefix: str = "") -> tuple[Input, ...]:
    """The inputs of generated groups. `prefix`: before each name."""
    return tuple(_input(field, group.label, typed, prefix) for group in groups for field in group.fields)


def _input(field: Field, group: str, typed: Mapping[str, str], prefix: str) -> Input:
    name = prefix + field.name
    return Input(
        name=name,
        kind=field.kind,
        group=group,
        label=field.label,
        help=field.help,
        choices=field.choices,
        units=field.units,
        value=typed.get(name, ""),
    )


def plain(kinds: Mapping[str, str | tuple[str, ...]], typed: Mapping[str, str] = {}) -> tuple[Input, ...]:
    """Inputs by name: the kind of each, or its choices."""
    return tuple(
        Input(name=name, kind=kind, value=typed.get(name, ""))
        if isinstance(kind, str)
        else Input(name=name, kind="choice", choices=kind, value=typed.get(name, ""))
        for name, kind in kinds.items()
    )


def takes(*names: str, lists: Iterable[str] = (), rows: str = "", more: bool = False) -> dict[str, Any]:
    """The body of a route in the OpenAPI document: a form with these fields.

    `lists`: fields that come several times; `rows`: a pattern of names with a number in them; `more`: and the inputs that the JSON of its page lists.
    """
    text = {"type": "string"}
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {
            "csrf": {**text, "description": "what every form of the session carries; or the header X-CSRF-Token"},
            **dict.fromkeys(names, text),
            **{name: {"type": "array", "items": text} for name in lists},
        },
        "additionalProperties": text if more else False,
    }
    if rows:
        schema["patternProperties"] = {rows: text}
    return {"requestBody": {"content": {"application/x-www-form-urlencoded": {"schema": schema}}}}
