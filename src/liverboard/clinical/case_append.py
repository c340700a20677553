"""One more event at the end of a case file's text: what stands there, comments too, stays as it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import yaml

from liverboard.clinical.case_file import read_case
from liverboard.errors import BadInput


def event_yaml(event: Mapping[str, Any]) -> str:
    """An event as it stands in a case file, ready to paste under `events:`. Give days as `datetime.date`, quantities as text with their unit."""
    return yaml.safe_dump([dict(event)], allow_unicode=True, sort_keys=False, width=120)


def with_event(text: str, event: Mapping[str, Any], *, where: str = "case", is_json: bool = False) -> str:
    """The text of a case with `event` (keys and values as the case file writes them) after its last event.

    Raises BadInput: the text is no case, the event is none or contradicts the case, or the events are not written as a list that can be continued.
    """
    before = read_case(text, where=where, is_json=is_json)
    changed = _in_json(text, event) if is_json else _in_yaml(text, event, where)
    after = read_case(changed, where=where, is_json=is_json)
    if after.events[:-1] != before.events or after.model_copy(update={"events": before.events}) != before:
        raise BadInput("the event cannot be added here without changing others", where=where, hint=_by_hand(event))
    return changed


def _in_json(text: str, event: Mapping[str, Any]) -> str:
    content: dict[str, Any] = json.loads(text)
    content["events"] = [*(content.get("events") or []), dict(event)]
    return json.dumps(content, ensure_ascii=False, indent=2, default=str) + "\n"


def _in_yaml(text: str, event: Mapping[str, Any], where: str) -> str:
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith(("\n", "\r")):
        lines[-1] += newline
    root: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    events: Any = next((value for key, value in root.value if key.value == "events"), None)
    if events is None:
        line, column, head = _after(lines, root.value[-1][1], 0), 0, [f"events:{newline}"]
    elif isinstance(events, yaml.SequenceNode) and events.value and not events.flow_style:
        column: int = events.start_mark.column
        line, head = _after(lines, events.value[-1], column), []
    elif isinstance(events, yaml.SequenceNode) and events.value:
        raise BadInput("the events stand in brackets", where=where, hint=_by_hand(event))
    else:  # `events: []`
        line, column, head = events.start_mark.line, 0, [f"events:{newline}"]
        del lines[line]
    written = [f"{' ' * column}{row}{newline}" for row in event_yaml(event).splitlines()]
    return "".join([*lines[:line], *head, *written, *lines[line:]])


def _after(lines: list[str], node: Any, column: int) -> int:
    """The number of the line behind a node, with the comments that are indented as a part of it."""
    last = node
    while isinstance(last, (yaml.MappingNode, yaml.SequenceNode)) and last.value and not last.flow_style:
        last = last.value[-1][1] if isinstance(last, yaml.MappingNode) else last.value[-1]
    end = last.end_mark
    line: int = end.line if end.column == 0 and end.line > last.start_mark.line else end.line + 1
    while line > 1 and not lines[line - 1].strip():
        line -= 1
    while line < len(lines) and lines[line].lstrip().startswith("#") and _indent(lines[line]) > column:
        line += 1
    return min(line, len(lines))


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _by_hand(event: Mapping[str, Any]) -> str:
    return f"Add it by hand under `events:`:\n{event_yaml(event)}"
