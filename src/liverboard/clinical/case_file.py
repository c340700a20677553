"""Reading and writing a case as text (YAML or JSON). A bad file gives all of its problems at once, each with its place. No file is opened here."""

from __future__ import annotations

import datetime as dt
import difflib
import json
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, cast, get_args

import yaml
from pydantic import BaseModel, ValidationError

from liverboard.clinical.case_text import Parsed, Path, Tree, child, parse_text, plain_value
from liverboard.clinical.events import EVERY_KIND, Case, details_type, reference_faults
from liverboard.clinical.quantity import Unit
from liverboard.errors import BadInput, Problem
from liverboard.units import write_quantity

_IDENTIFYING = {
    "name", "first_name", "last_name", "surname", "patient", "patient_name", "patient_id", "mrn", "nhs_number", "ssn", "insurance_number",
    "date_of_birth", "dob", "birth_date", "birthdate", "address", "phone", "email",
}  # fmt: skip
_TOO_MANY = 200


def read_case(text: str, *, where: str = "case", is_json: bool = False) -> Case:
    """Read a case from YAML (or JSON) text. `where` names the file in messages (a base name, never a path).

    Raises BadInput with every problem found: line, event, field, what was read, what is allowed, the nearest known key.
    """
    parsed = parse_text(text, is_json=is_json)
    problems = list(parsed.problems)
    if isinstance(parsed.tree, dict):
        case, found = _validate(parsed.tree, parsed)
        problems += found
        if case is not None and not problems:
            return case
    elif not problems:
        problems.append(
            Problem(
                "the file holds no case",
                line=1,
                allowed="keys and values: case, events, ...",
                hint="see docs/reference/case-format.md",
            )
        )
    problems.sort(key=lambda problem: problem.line or 0)
    count = len(problems)
    shown = problems[:_TOO_MANY]
    raise BadInput(
        f"this is not a readable case: {count} problem{'s' if count != 1 else ''}"
        + (f" (the first {_TOO_MANY} shown)" if count > _TOO_MANY else ""),
        where=where,
        problems=shown,
        hint="The format is described in docs/reference/case-format.md; nothing was kept from this file.",
    )


def write_case(case: Case, *, is_json: bool = False) -> str:
    """The text that `read_case` reads back to an equal case. Quantities are written in their canonical unit."""
    plain = _plain(case)
    if is_json:
        return json.dumps(plain, ensure_ascii=False, indent=2) + "\n"
    return yaml.dump(plain, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=120)


def event_content(event: BaseModel) -> dict[str, str]:
    """Each stated field of an event and its value as the case file writes it, nested ones by dots (`biliary.stent`)."""

    def flatten(value: object, name: str) -> Iterator[tuple[str, str]]:
        if isinstance(value, dict):
            for key, inner in cast("dict[str, object]", value).items():
                yield from flatten(inner, f"{name}.{key}" if name else str(key))
        elif isinstance(value, list) and any(isinstance(item, dict) for item in cast("list[object]", value)):
            for number, inner in enumerate(cast("list[object]", value), 1):
                yield from flatten(inner, f"{name}[{number}]")
        elif isinstance(value, list):
            yield name, ", ".join(_word(item) for item in cast("list[object]", value))
        else:
            yield name, _word(value)

    return dict(flatten(_plain(event), ""))


def _word(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


# --- reading -------------------------------------------------------------------------------------------------------------------------------------------


def _validate(tree: dict[str, Tree], parsed: Parsed) -> tuple[Case | None, list[Problem]]:
    raw = tree.get("events")
    events: list[Tree] = raw if isinstance(raw, list) else []
    _give_ids(events)
    problems: list[Problem] = []
    case: Case | None = None
    try:
        case = Case.model_validate(tree)
    except ValidationError as error:
        faults = [cast("dict[str, Any]", fault) for fault in error.errors(include_url=False)]
        problems += [_explain(fault, tree, parsed) for fault in faults if fault["loc"]]
    except (RecursionError, OverflowError):
        problems.append(Problem("a value is too large or nested too deeply"))
    known = [
        (
            position,
            (
                str(event.get("id")),
                str(event.get("kind")),
                None if event.get("corrects") is None else str(event.get("corrects")),
            ),
        )
        for position, event in enumerate(events)
        if isinstance(event, dict)
    ]
    for index, name, message in reference_faults([entry for _, entry in known]):
        position = known[index][0]
        problems.append(
            Problem(message, line=parsed.line(("events", position, name)), event=known[index][1][0], field=name)
        )
    problems += _before_birth(tree, events, parsed)
    return case, problems


def _before_birth(tree: dict[str, Tree], events: Sequence[Tree], parsed: Parsed) -> Iterator[Problem]:
    born = tree.get("birth_year")
    if not isinstance(born, int) or isinstance(born, bool):
        return
    for position, event in enumerate(events):
        date = event.get("date") if isinstance(event, dict) else None
        if isinstance(event, dict) and isinstance(date, str) and date[:4].isdigit() and int(date[:4]) < born:
            line = parsed.line(("events", position, "date"))
            yield Problem(
                "the event lies before the birth year",
                line=line,
                event=str(event.get("id")),
                field="date",
                read=date,
                allowed=f"{born} or later",
            )


def _give_ids(events: list[Tree]) -> None:
    """Assign kind-date-number to events without an id; the number counts the events of that kind and day in file order."""
    taken = {str(event["id"]) for event in events if isinstance(event, dict) and event.get("id") is not None}
    counts: dict[tuple[str, str], int] = {}
    for event in events:
        if not isinstance(event, dict):
            continue
        key = (str(event.get("kind"))[:40], str(event.get("date"))[:10])
        counts[key] = number = counts.get(key, 0) + 1
        if event.get("id") is None:
            while (name := f"{key[0]}-{key[1]}-{number}") in taken:
                number += 1
            taken.add(name)
            event["id"] = name


def _explain(fault: dict[str, Any], tree: dict[str, Tree], parsed: Parsed) -> Problem:
    path, missing = _place(fault["loc"], tree)
    event = None
    if len(path) >= 2 and path[0] == "events":
        raw = cast("list[Tree]", tree["events"])[cast(int, path[1])]
        event = str(raw["id"])[:100] if isinstance(raw, dict) and "id" in raw else f"number {cast(int, path[1]) + 1}"
    field_path = path[2:] if event else path
    field = ".".join(str(step) for step in (*field_path, *([missing] if missing else []))) or None
    message, allowed, hint, echo = _words_for(fault, path, tree)
    read = _echo(fault.get("input")) if echo and not missing else None
    return Problem(message, line=parsed.line(path), event=event, field=field, read=read, allowed=allowed, hint=hint)


def _place(loc: Sequence[str | int], tree: Tree) -> tuple[Path, str | None]:
    """The part of pydantic's location that exists in the file (it adds the names of union members), and the name of a missing field."""
    path: list[str | int] = []
    node: Tree = tree
    for number, step in enumerate(loc):
        there, inner = child(node, step)
        if there:
            path.append(step)
            node = inner
        elif number == len(loc) - 1 and isinstance(step, str) and isinstance(node, dict) and step not in EVERY_KIND:
            return tuple(path), step
    return tuple(path), None


_PLAIN: dict[str, tuple[str, str | None]] = {
    "bool_type": ("expected a yes-or-no value", "true, false"),
    "int_type": ("expected a whole number", None),
    "float_type": ("expected a number", None),
    "string_type": ("expected text", None),
    "tuple_type": ("expected a list", "[..., ...]"),
    "dict_type": ("expected keys and values", None),
    "model_type": ("expected keys and values", None),
    "model_attributes_type": ("expected keys and values", None),
    "string_too_long": ("the text is too long", None),
    "string_too_short": ("the text is empty", None),
    "finite_number": ("expected a finite number", None),
    "int_parsing_size": ("the number is too large", None),
}


def _words_for(fault: dict[str, Any], path: Path, tree: dict[str, Tree]) -> tuple[str, str | None, str | None, bool]:
    """Message, allowed, hint, and whether the value read may be repeated (free text and pseudonyms may not)."""
    kind, ctx = cast(str, fault["type"]), cast("dict[str, Any]", fault.get("ctx") or {})
    if kind == "extra_forbidden":
        return _unknown_key(path, tree)
    if kind == "missing":
        return "this key is needed", None, None, False
    if kind in {"literal_error", "union_tag_invalid"}:
        words = _quoted(str(ctx.get("expected") or ctx.get("expected_tags") or ""))
        near = difflib.get_close_matches(
            str(fault.get("input") if kind == "literal_error" else ctx.get("tag")), words, 1
        )
        message = (
            "not one of the allowed words"
            if kind == "literal_error"
            else f"'{str(ctx.get('tag'))[:40]}' is not a kind of event"
        )
        return message, " ".join(words), f"did you mean '{near[0]}'?" if near else None, kind == "literal_error"
    if kind == "union_tag_not_found":
        return "the event has no kind", " ".join(EVERY_KIND), None, False
    if kind == "value_error":
        return (
            str(fault["msg"]).removeprefix("Value error, "),
            None,
            None,
            path != ("case",) and not isinstance(fault.get("input"), dict),
        )
    if kind in {"greater_than_equal", "less_than_equal", "greater_than", "less_than"}:
        sign = {"ge": "at least", "le": "at most", "gt": "more than", "lt": "less than"}
        bound = " and ".join(f"{sign[name]} {ctx[name]:g}" for name in sign if name in ctx)
        return "out of range", bound, None, True
    message, allowed = _PLAIN.get(kind, (str(fault["msg"]), None))
    return message, allowed, None, kind in {"bool_type", "int_type", "float_type"}


def _unknown_key(path: Path, tree: dict[str, Tree]) -> tuple[str, str | None, str | None, bool]:
    key = str(path[-1])
    if key.lower() in _IDENTIFYING:
        return f"'{key}' identifies a person", None, "remove it: a case carries a pseudonym only", False
    known = _known_keys(path[:-1], tree)
    near = difflib.get_close_matches(key, known, 1, cutoff=0.5)
    return f"unknown key '{key[:60]}'", " ".join(known), f"did you mean '{near[0]}'?" if near else None, False


def _known_keys(path: Path, tree: dict[str, Tree]) -> list[str]:
    model: type[BaseModel] | None = Case
    node: Tree = tree
    for step in path:
        holder = node
        _, node = child(node, step)
        if step == "details" and isinstance(holder, dict) and "technique" in holder:
            model = details_type(holder["technique"])
        elif model is Case and isinstance(step, int):
            model = EVERY_KIND.get(str(node.get("kind"))) if isinstance(node, dict) else None
        elif isinstance(step, str) and model is not None and (model is not Case or step != "events"):
            model = _model_in(model.model_fields[step].annotation) if step in model.model_fields else None
    return list(model.model_fields) if model else []


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part)) is not None), None)


def _quoted(expected: str) -> list[str]:
    return [part.strip(" '") for part in expected.replace(" or ", ", ").split(",") if part.strip(" '")]


def _echo(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, (dict, list)) else str(value)
    text = {"True": "true", "False": "false", "None": "nothing"}.get(text, text)
    return f"'{text[:57]}...'" if len(text) > 60 else f"'{text}'"


# --- writing -------------------------------------------------------------------------------------------------------------------------------------------


@cache
def _units_of(model: type[BaseModel]) -> dict[str, str]:
    def unit_in(annotation: object) -> Unit | None:
        for part in (*getattr(annotation, "__metadata__", ()), *get_args(annotation)):
            if isinstance(part, Unit):
                return part
            if (found := unit_in(part)) is not None:
                return found
        return None

    units: dict[str, str] = {}
    for name, info in model.model_fields.items():
        unit = next((entry for entry in info.metadata if isinstance(entry, Unit)), None) or unit_in(info.annotation)
        if unit is not None:
            units[name] = unit.canonical
    return units


def _plain(value: object) -> Any:
    if isinstance(value, BaseModel):
        units = _units_of(type(value))
        return {
            name: _with_unit(inner, units[name]) if name in units else _plain(inner)
            for name in type(value).model_fields
            if (inner := getattr(value, name)) is not None
        }
    if isinstance(value, (dt.datetime, dt.date)):
        return value.isoformat()
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in cast("Sequence[object]", value)]
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in cast("dict[object, object]", value).items()}
    return value


def _with_unit(value: Any, unit: str) -> Any:
    """A quantity, or each of a list of them, as a person writes it."""
    return [_with_unit(item, unit) for item in value] if isinstance(value, tuple) else write_quantity(value, unit)  # pyright: ignore[reportUnknownVariableType]


class _Dumper(yaml.SafeDumper):
    """Quotes every text that our reader would otherwise take for a number, truth value or null."""

    yaml_implicit_resolvers = {  # noqa: RUF012  (PyYAML's own way of giving a dumper its words)
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
        for first, resolvers in yaml.SafeDumper.yaml_implicit_resolvers.items()
    }

    def ignore_aliases(self, data: object) -> bool:
        return True


def _represent_text(_: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    quoted = "\n" in text or not isinstance(plain_value(text), str)
    return yaml.ScalarNode("tag:yaml.org,2002:str", text, style='"' if quoted else None)


_Dumper.add_representer(str, _represent_text)
