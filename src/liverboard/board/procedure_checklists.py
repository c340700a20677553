"""What a procedure should state and what it does: the checklists of `knowledge/procedures/`, and the completeness of one procedure by them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Literal, cast

from pydantic import BaseModel, TypeAdapter, ValidationError, model_validator

from liverboard.clinical.derive import Value
from liverboard.clinical.dictionary import load_dictionary
from liverboard.clinical.events import EVENT_KINDS, AnyEvent, Plan, Procedure, Technique
from liverboard.clinical.extent import Frozen
from liverboard.errors import KnowledgeBaseError
from liverboard.knowledge import load_references, packaged_texts, reasons, yaml_with_lines
from liverboard.rules.expression import Expression, decide
from liverboard.rules.parse import ExpressionError, parse

_FOLDER = "procedures"
_PLAN = "plan."  # a path that starts so is looked for in the plan that the procedure carried out
ItemWord = Literal["stated", "missing", "not_due", "not_asked", "of_study"]


class EventWanted(Frozen):
    """An event of `kind` from `from_day` to `to_day` after the procedure (negative: before). `field`: what it must state, `one_of`: which word."""

    kind: str
    from_day: int
    to_day: int
    field: str | None = None
    one_of: tuple[str, ...] | None = None


class Item(Frozen):
    """One question of a checklist. `points`: its weight in a published checklist; `of: study`: a question to a paper, which no case answers."""

    id: str
    asks: str
    source: str
    need: Literal["required", "wanted"] = "wanted"
    why: str | None = None
    points: int | None = None
    of: Literal["study"] | None = None
    when: str | None = None
    stated: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    event: EventWanted | None = None

    @model_validator(mode="after")
    def _answerable(self) -> Item:
        if (self.need == "required") != (self.why is not None):
            raise ValueError("a required item says why, and only such a one does")
        if (self.of is None) == (not self.stated and not self.facts and self.event is None):
            raise ValueError("an item of a case needs stated, facts or event; one of a study has none")
        return self


class Checklist(Frozen):
    """`checklist`: the key of the published one that its points come from; None: our own list."""

    title: str
    applies: tuple[Technique, ...]
    items: tuple[Item, ...]
    checklist: str | None = None


class ItemState(Frozen):
    """`not_due`: its days are not over. `not_asked`: does not apply to this patient. `asked_if`: an unknown fact decides whether it applies."""

    id: str
    asks: str
    need: Literal["required", "wanted"]
    state: ItemWord
    why: str | None = None
    points: int | None = None
    asked_if: str | None = None
    source: str
    verification: str


class Score(Frozen):
    """Points of a published checklist: reached, and those that this case could reach by now."""

    checklist: str
    points: int
    of: int
    of_study: int
    not_due: int


class Completeness(Frozen):
    """How much of what is asked a procedure states. Counts are of the project's own list; published checklists are in `scores`."""

    event: str
    date: dt.date
    technique: str
    required: int
    required_stated: int
    wanted: int
    wanted_stated: int
    missing_required: tuple[str, ...]
    items: tuple[ItemState, ...]
    scores: tuple[Score, ...] = ()


@cache
def load_checklists() -> tuple[Checklist, ...]:
    """Every checklist. Raises KnowledgeBaseError: not readable, an unknown fact, event kind or source, or an id given twice."""
    found: list[Checklist] = []
    seen: dict[str, str] = {}
    for name, text in packaged_texts(_FOLDER).items():
        where = f"{_FOLDER}/{name}"
        try:
            each = TypeAdapter(Checklist).validate_python(yaml_with_lines(text)[0])
        except ValidationError as error:
            raise KnowledgeBaseError(reasons(error), where=where) from None
        if faults := list(_faults(each, seen)):
            raise KnowledgeBaseError("; ".join(faults), where=where)
        found.append(each)
    return tuple(found)


def _faults(checklist: Checklist, seen: dict[str, str]) -> Iterator[str]:
    references, facts = load_references(), load_dictionary()
    for item in checklist.items:
        if item.id in seen:
            yield f"{item.id} is given twice"
        seen[item.id] = checklist.title
        if item.source not in references:
            yield f"{item.id}: '{item.source}' is not in references.yaml"
        yield from (f"{item.id}: '{name}' is no fact" for name in item.facts if name not in facts)
        if item.event is not None and item.event.kind not in EVENT_KINDS:
            yield f"{item.id}: '{item.event.kind}' is no kind of event"
        elif item.event is not None and item.event.field not in {None, *EVENT_KINDS[item.event.kind].model_fields}:
            yield f"{item.id}: {item.event.kind} has no '{item.event.field}'"
        try:
            _condition(item.when)
        except ExpressionError as error:
            yield f"{item.id}: {error}"


@cache
def _condition(when: str | None) -> Expression | None:
    return None if when is None else parse(when, load_dictionary())


def completeness(
    event: Procedure,
    visible: Sequence[AnyEvent],
    facts: Mapping[str, Value | None],
    as_of: dt.date,
    plan: Plan | None = None,
) -> Completeness | None:
    """How complete a procedure is recorded, by what was visible on `as_of`. `facts`: those of the day of the procedure; `plan`: the one that it carried out.

    None: nothing is asked of its technique.

    What is not stated is missing, never "no".
    """
    lists = [each for each in load_checklists() if event.technique in each.applies]
    if not lists:
        return None
    told = {each: [_state(item, (event, plan), visible, facts, as_of) for item in each.items] for each in lists}
    own = [state for each, states in told.items() if each.checklist is None for state in states]
    counted = [state for state in own if state.state in {"stated", "missing"}]
    required = [state for state in counted if state.need == "required"]
    wanted = [state for state in counted if state.need == "wanted"]
    return Completeness(
        event=event.id,
        date=event.date,
        technique=event.technique,
        required=len(required),
        required_stated=sum(state.state == "stated" for state in required),
        wanted=len(wanted),
        wanted_stated=sum(state.state == "stated" for state in wanted),
        missing_required=tuple(state.asks for state in required if state.state == "missing"),
        items=tuple(state for states in told.values() for state in states),
        scores=tuple(_score(each, states) for each, states in told.items() if each.checklist is not None),
    )


def _score(checklist: Checklist, states: Sequence[ItemState]) -> Score:
    def points(*words: ItemWord) -> int:
        return sum(state.points or 0 for state in states if state.state in words)

    return Score(
        checklist=checklist.checklist or "",
        points=points("stated"),
        of=points("stated", "missing"),
        of_study=points("of_study"),
        not_due=points("not_due"),
    )


def _state(
    item: Item,
    of: tuple[Procedure, Plan | None],
    visible: Sequence[AnyEvent],
    facts: Mapping[str, Value | None],
    as_of: dt.date,
) -> ItemState:
    event, condition = of[0], _condition(item.when)
    holds = True if condition is None else decide(condition, facts)
    need = "wanted" if holds is None else item.need
    word: ItemWord
    if item.of == "study":
        word = "of_study"
    elif _answered(item, of, visible, facts):
        word = "stated"
    elif holds is False:
        word = "not_asked"
    elif item.event is not None and as_of < event.date + dt.timedelta(days=max(item.event.to_day, 0)):
        word = "not_due"
    else:
        word = "missing"
    return ItemState(
        id=item.id,
        asks=item.asks,
        need=need,
        state=word,
        why=item.why,
        points=item.points,
        asked_if=item.when if holds is None else None,
        source=item.source,
        verification=load_references()[item.source].verification,
    )


def _answered(
    item: Item, of: tuple[Procedure, Plan | None], visible: Sequence[AnyEvent], facts: Mapping[str, Value | None]
) -> bool:  # fmt: skip
    event, plan = of
    for path in item.stated:
        node, inner = (plan, path.removeprefix(_PLAN)) if path.startswith(_PLAN) else (event, path)
        if any(True for _ in values_at(node, inner)):
            return True
    if item.facts and all(facts.get(name) is not None for name in item.facts):
        return True
    return item.event is not None and any(_is_wanted(other, item.event, event) for other in visible)


def _is_wanted(other: AnyEvent, wanted: EventWanted, event: Procedure | Plan) -> bool:
    if other.kind != wanted.kind or other.id == event.id:
        return False
    if not wanted.from_day <= (other.date - event.date).days <= wanted.to_day:
        return False
    found = True if wanted.field is None else getattr(other, wanted.field)
    return found is not None and (wanted.one_of is None or found in wanted.one_of)


def values_at(node: object, path: str) -> Iterator[Any]:
    """What stands at a dotted path (`details.particles.size_min`), each entry of a list on its own; an empty list at its end is a statement too."""
    step, _, rest = path.partition(".")
    inner = cast("dict[str, object]", node).get(step) if isinstance(node, dict) else getattr(node, step, None)
    if inner is None:
        return
    if not rest:
        yield inner
        return
    for each in cast("Sequence[object]", inner) if isinstance(inner, (tuple, list)) else (inner,):
        if isinstance(each, (BaseModel, dict)):
            yield from values_at(cast("object", each), rest)
