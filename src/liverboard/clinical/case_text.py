"""YAML and JSON text as a tree of plain values, each with its line. Built from parse events, so depth, aliases, tags and doubled keys are all met here."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

import yaml

from liverboard.errors import Problem

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C one when libyaml is there: ten times faster

Path = tuple[str | int, ...]
Tree = dict[str, "Tree"] | list["Tree"] | str | int | float | bool | None

_MAX_DEPTH = 40
_MAX_CHARACTERS = 20_000_000
_INT = re.compile(r"^[+-]?(0|[1-9][0-9]*)$")
_FLOAT = re.compile(r"^[+-]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][+-]?[0-9]+)?$")
_WORDS: dict[str, bool | None] = {"": None, "~": None, "null": None, "true": True, "false": False}
_SURROGATES = re.compile(r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")


@dataclass(slots=True)
class Parsed:
    """`tree`: the values. `lines`: 1-based line of each path. `problems`: what could not be read as a tree."""

    tree: Tree = None
    lines: dict[Path, int] = field(default_factory=dict[Path, int])
    problems: list[Problem] = field(default_factory=list[Problem])

    def line(self, path: Path) -> int | None:
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)


@dataclass(slots=True)
class _Open:
    container: dict[str, Tree] | list[Tree]
    path: Path
    key: str | None = None
    waiting_for_key: bool = True


def child(node: Tree, step: str | int) -> tuple[bool, Tree]:
    """Whether `node` has `step` (a key or a position), and what is there."""
    if isinstance(node, dict) and isinstance(step, str) and step in node:
        return True, node[step]
    if isinstance(node, list) and isinstance(step, int) and 0 <= step < len(node):
        return True, node[step]
    return False, None


def plain_value(text: str) -> Tree:
    """What an unquoted YAML scalar means: null, true, false, a number, else text. (No dates, octals, sexagesimals, yes or no.)"""
    lowered = text.lower()
    if lowered in _WORDS:
        return _WORDS[lowered]
    if len(text) <= 40:
        if _INT.match(text):
            return int(text)
        if _FLOAT.match(text):
            return float(text)
    return text


def _refuse_constant(word: str) -> None:
    raise ValueError(word)


def parse_text(text: str, *, is_json: bool = False) -> Parsed:
    """Read YAML or JSON. Never raises on bad text: `problems` says what is wrong and where."""
    parsed = Parsed()
    if len(text) > _MAX_CHARACTERS:
        parsed.problems.append(
            Problem(f"the file has {len(text):,} characters; a case file has at most {_MAX_CHARACTERS:,}")
        )
        return parsed
    if is_json:
        try:
            json.loads(text, parse_constant=_refuse_constant)
        except json.JSONDecodeError as error:
            parsed.problems.append(Problem(f"not valid JSON: {error.msg}", line=error.lineno))
            return parsed
        except (RecursionError, ValueError):  # too deep, NaN or Infinity, or thousands of digits
            parsed.problems.append(
                Problem(
                    "not a JSON case file: nested too deeply, or a number that is none (NaN, Infinity, thousands of digits)"
                )
            )
            return parsed
        pairs = _SURROGATES.sub(lambda m: (bytes.fromhex(m[1]) + bytes.fromhex(m[2])).decode("utf-16-be"), text)
        text = pairs.replace("\t", " ")  # JSON has tabs only between tokens; YAML would refuse them there
    try:
        _build(text, parsed)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        parsed.problems.append(
            Problem(f"not valid YAML: {error.problem or error.context}", line=mark.line + 1 if mark else None)
        )
    except (yaml.YAMLError, UnicodeError, ValueError, OverflowError):
        parsed.problems.append(Problem("not readable as YAML: the text holds characters that are not allowed there"))
    return parsed


def _build(text: str, parsed: Parsed) -> None:
    stack: list[_Open] = []
    documents = 0

    def place(value: Tree, line: int) -> Path:
        if not stack:
            parsed.tree = value
            parsed.lines[()] = line
            return ()
        top = stack[-1]
        if isinstance(top.container, list):
            path = (*top.path, len(top.container))
            top.container.append(value)
        else:
            key = top.key or ""
            path = (*top.path, key)
            top.container[key] = value
            top.waiting_for_key, top.key = True, None
        parsed.lines.setdefault(path, line)
        return path

    for event in yaml.parse(text, Loader=_LOADER):
        line = event.start_mark.line + 1 if event.start_mark else 1
        top = stack[-1] if stack else None
        wants_key = top is not None and isinstance(top.container, dict) and top.waiting_for_key
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                parsed.problems.append(Problem("a second document begins; a case file holds one case", line=line))
                return
        elif isinstance(event, yaml.AliasEvent):
            parsed.problems.append(Problem("anchors and aliases (& and *) are not allowed in a case file", line=line))
            return
        elif isinstance(event, yaml.ScalarEvent):
            if event.tag not in {None, "!"}:
                parsed.problems.append(Problem("tags (!...) are not allowed in a case file", line=line))
                return
            if wants_key and top is not None and isinstance(top.container, dict):
                if event.value in top.container:
                    parsed.problems.append(Problem(f"key '{event.value[:40]}' is given twice", line=line))
                top.key, top.waiting_for_key = event.value, False
                parsed.lines[(*top.path, event.value)] = line
            else:
                place(plain_value(event.value) if event.implicit[0] else event.value, line)
        elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            if event.tag not in {None, "!"}:
                parsed.problems.append(Problem("tags (!...) are not allowed in a case file", line=line))
                return
            if wants_key:
                parsed.problems.append(Problem("a key must be a word", line=line))
                return
            if len(stack) >= _MAX_DEPTH:
                parsed.problems.append(Problem(f"nested deeper than {_MAX_DEPTH} levels", line=line))
                return
            container: dict[str, Tree] | list[Tree] = {} if isinstance(event, yaml.MappingStartEvent) else []
            path = place(container, line)
            stack.append(_Open(container, path))
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            stack.pop()
