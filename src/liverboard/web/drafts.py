"""An event on its way into a case: what was typed becomes the event, the case with it, and what it would change. Nothing is written here."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from liverboard.clinical.case_file import read_case, write_case
from liverboard.clinical.events import EVENT_KINDS, AnyEvent, Case
from liverboard.errors import BadInput, Problem, UserError
from liverboard.registry.cases import EventTree, StoredCase
from liverboard.registry.identity import identifier_problems
from liverboard.web.forms import ROWS, Field, Group, groups_of, posted_of, title, tree_of
from liverboard.web.moves import Effect, effect
from liverboard.web.prepared import measured, weigh, weighed
from liverboard.web.site import Site

MOST_ROWS = 60
WITH_DETAILS = ("procedure", "plan")
_NOT_TYPED = ("studies", "technique")  # images come in by the page for uploads; the technique makes the form


@dataclass(frozen=True, slots=True)
class Placed:
    """A problem of what was typed. `input`: the name of the input that it is of, or of the first of several; empty where it is of none.

    `group`, `row` (from 1; 0: none) and `label` name it; several inputs have no label.
    """

    problem: Problem
    input: str = ""
    group: str = ""
    row: int = 0
    label: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """What a person has typed so far. `corrects`: the event that it is to replace. `rows`: how many rows each list offers."""

    kind: str
    technique: str | None
    corrects: AnyEvent | None
    typed: Mapping[str, str]
    rows: int = ROWS

    @property
    def groups(self) -> tuple[Group, ...]:
        """The inputs, without what is chosen or sent elsewhere."""
        found = (
            Group(group.label, tuple(f for f in group.fields if _root(f.name) not in _NOT_TYPED), group.rows)
            for group in groups_of(self.kind, self.technique, self.rows)
        )
        return tuple(group for group in found if group.fields)

    def placed(self, error: UserError | None) -> tuple[Placed, ...]:
        """The problems of what was typed, each with the input that it is of."""
        labels = {"date": ("", "date")}
        labels |= {field.name: (group.label, field.label) for group in self.groups for field in group.fields}
        return tuple(self._placed(each, labels) for each in (error.problems if error is not None else ()))

    def _placed(self, problem: Problem, labels: Mapping[str, tuple[str, str]]) -> Placed:
        path = self._as_typed(problem.field or "", labels)
        whole = path.rpartition(".")[0]  # of an item that is typed with others in one input
        below = next((name for name in labels if name.startswith(f"{path}.")), "")
        bare = replace(problem, field=None)
        if path not in labels and below:
            return Placed(bare, below, title(re.sub(r"\.\d+", "", path)), _row(path))
        name = next((name for name in (path, whole) if name in labels), "")
        return Placed(bare, name, labels[name][0], _row(name), labels[name][1]) if name else Placed(problem)

    def _as_typed(self, path: str, names: Collection[str]) -> str:
        """A path in the event by the names of inputs, where rows that were left empty count."""
        name = ""
        for step in path.replace("[", ".").replace("]", "").split("."):
            rows = self._rows(f"{name}.", names) if step.isdigit() else ()
            here = rows[int(step)] if rows and int(step) < len(rows) else step
            name = f"{name}.{here}" if name else step
        return name

    def _rows(self, prefix: str, names: Collection[str]) -> Sequence[int]:
        """The rows where something was typed."""
        filled = (n.removeprefix(prefix) for n in names if n.startswith(prefix) and self.typed.get(n, "").strip())
        return sorted({int(row) for row in (rest.partition(".")[0] for rest in filled) if row.isdigit()})

    def filled(self, group: Group) -> int:
        """How many inputs of a group hold something."""
        return sum(1 for field in group.fields if self.typed.get(field.name, "").strip())

    @property
    def kept(self) -> dict[str, Any]:
        """Parts of the corrected event that the form has no input for: they stay."""
        if self.corrects is None:
            return {}
        shown = {_root(field.name) for group in self.groups for field in group.fields}
        return {n: value for n, value in content_of(self.corrects).items() if n not in {*shown, *_OWN, "technique"}}

    @property
    def tree(self) -> dict[str, Any]:
        """The event as a case file would hold it."""
        named = {"kind": self.kind, "date": self.typed.get("date", "").strip() or None}
        if self.kind in WITH_DETAILS:
            named["technique"] = self.technique
        read = tree_of(self.kind, self.typed, self.technique, self.rows)
        typed = {name: value for name, value in read.items() if name not in _NOT_TYPED}
        if self.corrects is not None:
            named["corrects"] = self.corrects.id
        return {**self.kept, **typed, **{name: value for name, value in named.items() if value is not None}}

    @property
    def empty(self) -> bool:
        """Whether it says no more than that something of this kind was."""
        return self.technique is None and not set(self.tree) - set(_OWN)

    def seal(self, version: int) -> str:
        """Changes with what was typed and with the case: what is saved is what was shown."""
        return hashlib.sha256(json.dumps([self.tree, version], sort_keys=True, default=str).encode()).hexdigest()[:32]


_OWN = ("id", "kind", "date", "recorded", "corrects")


def _row(path: str) -> int:
    """The row of a path as a person counts; 0 where there is none."""
    return next((int(step) + 1 for step in path.split(".") if step.isdigit()), 0)


def _root(name: str) -> str:
    return name.partition(".")[0]


def start(kind: str, technique: str | None, corrects: AnyEvent | None, today: dt.date) -> Draft:
    """An empty form, or one that shows the event to be corrected."""
    if corrects is None:
        return Draft(kind, technique, None, {"date": today.isoformat()})
    content = content_of(corrects)
    typed = posted_of({name: value for name, value in content.items() if name not in {"id", "kind", "recorded"}})
    longest = max((len(value) for value in _lists(content)), default=0)
    draft = Draft(kind, technique, corrects, typed, min(MOST_ROWS, max(ROWS, longest + 1)))
    inputs = {field.name: field for group in draft.groups for field in group.fields if field.units}
    return replace(draft, typed={name: _bare(text, inputs[name]) if name in inputs else text for name, text in typed.items()})  # fmt: skip


def _bare(text: str, asked: Field) -> str:
    """A quantity of a case file as its input shows it, in the unit that stands beside; a share is a bare number there, and asked for in percent."""
    if not asked.share:
        return text.removesuffix(f" {asked.units[0]}")
    percent = f"{(Decimal(text) * 100).normalize():f}"
    return f"{percent} %" if 0 < float(percent) < 1 else percent  # which would be asked about


def content_of(event: AnyEvent) -> dict[str, Any]:
    """An event as a case file in JSON writes it."""
    case = Case.model_validate({"case": "X1", "events": ()}).model_copy(update={"events": (event,)})
    return json.loads(write_case(case, is_json=True))["events"][0]


def _lists(node: Any) -> Sequence[Sequence[Any]]:
    found: list[Sequence[Any]] = []
    if isinstance(node, dict):
        for value in node.values():  # pyright: ignore[reportUnknownVariableType]
            found += _lists(value)
    elif isinstance(node, list) and any(isinstance(item, dict) for item in node):  # pyright: ignore[reportUnknownVariableType]
        found.append(node)  # pyright: ignore[reportUnknownArgumentType]
        for value in node:  # pyright: ignore[reportUnknownVariableType]
            found += _lists(value)
    return found


def with_events(case: Case, added: Sequence[EventTree]) -> Case:
    """The case as it would be. Raises BadInput with every problem, in the words of the form, also where something identifies a person."""
    tree: dict[str, Any] = json.loads(write_case(case, is_json=True))
    before = tree.get("events", [])
    try:
        after = read_case(json.dumps({**tree, "events": [*before, *added]}, default=str), is_json=True)
    except BadInput as error:
        problems = [in_words_of_a_form(each) for each in error.problems]
        raise BadInput("the event cannot be kept as it is", problems=problems, hint="Put it right below; what you typed is kept.") from None  # fmt: skip
    new = after.model_copy(update={"events": after.events[len(before) :]})
    refuse(identifier_problems(new))
    return after


def in_words_of_a_form(problem: Problem) -> Problem:
    """A problem of a case file as one of a form, which has no lines and no keys."""
    if problem.message == "this key is needed":
        return Problem("this must be filled in", field=problem.field)
    return replace(problem, line=None, event=None)


def refuse(problems: Sequence[Problem]) -> None:
    """Raises BadInput that names the fields where a direct identifier seems to stand."""
    if problems:
        raise BadInput(
            "something here identifies a person",
            problems=[replace(each, event=None) for each in problems],
            hint="Take it out, then go on. Nothing was kept.",
        )


def what_it_changes(site: Site, stored: StoredCase, after: Case, day: dt.date) -> Effect:
    """Facts and verdicts on a day, before and after."""
    before = weighed(site, stored, day)
    case, unread = measured(site, stored, after, day)
    return effect(before, weigh(case, day, unread))


def errors_of(error: BadInput | None) -> dict[str, Problem]:
    """What is wrong with each input, to stand beside it."""
    if error is None:
        return {}
    found: dict[str, Problem] = {}
    for each in error.problems:
        if each.field:
            found.setdefault(each.field, replace(each, field=None, line=None, event=None))
    return found


def known_kind(kind: str) -> str:
    """Raises BadInput for a kind that no event has."""
    if kind not in EVENT_KINDS:
        raise BadInput("there is no such kind of event", hint="Choose one of the list.")
    return kind
