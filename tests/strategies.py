"""Random valid cases: every event kind and every optional field, read off the event models, so that a new field is covered on its own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from liverboard.clinical.events import EVENT_KINDS, Case, Event, details_type
from liverboard.clinical.quantity import Unit

FIRST_DAY, LAST_DAY = dt.date(2020, 1, 1), dt.date(2025, 12, 31)
TRICKY = (
    "no",
    "null",
    "~",
    "1.0",
    "1e3",
    "2024-05-02",
    "12 umol/L",
    "- a",
    "a: b",
    "# x",
    "'",
    '"',
    "Zürich",
    "µ",
    "{}",
    "off",
    "12:30",
)

days = st.one_of(
    st.dates(FIRST_DAY, LAST_DAY), st.integers(0, 11).map(lambda n: FIRST_DAY + dt.timedelta(days=183 * n))
)
moments = st.one_of(
    days,
    st.datetimes(
        dt.datetime(2020, 1, 1),  # noqa: DTZ001
        dt.datetime(2025, 12, 31),  # noqa: DTZ001
        timezones=st.sampled_from([None, dt.UTC, dt.timezone(dt.timedelta(hours=2))]),
    ),
)
texts = st.one_of(
    st.sampled_from(TRICKY),
    st.text(
        st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Zl", "Zp", "Cn", "Co")), min_size=1, max_size=20
    ).filter(lambda text: text.strip() == text and "\ufeff" not in text),
)
identifiers = st.text("abcdefgh0123456789-", min_size=1, max_size=8).map("x{}".format)
plain_json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-1000, 1000), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(identifiers, inner, max_size=2)),
    max_leaves=3,
)


def _numbers(low: float, high: float) -> st.SearchStrategy[float]:
    return st.integers(0, 1000).map(lambda n: round(low + (high - low) * n / 1000, 3))


def _quantity(unit: Unit, high: float | None, *, above_zero: bool) -> st.SearchStrategy[Any]:
    top = (
        high
        if high is not None
        else 1
        if unit.canonical == "fraction"
        else 100
        if unit.canonical in {"%", "1"}
        else 2000
    )
    low = 0.5 if above_zero else 0
    if unit.canonical in {"1", "fraction"}:
        return _numbers(low, top)
    return _numbers(low, top).map(lambda value: f"{value} {unit.canonical}")


def _bounds(metadata: tuple[Any, ...]) -> tuple[float | None, float | None, float | None]:
    """(ge, gt, le) among the constraints of a field, those inside of Field(...) included."""
    flat = [inner for entry in metadata for inner in (entry.metadata if isinstance(entry, FieldInfo) else [entry])]
    ge, gt, le = ([getattr(entry, name) for entry in flat if hasattr(entry, name)] for name in ("ge", "gt", "le"))
    return ge[0] if ge else None, gt[0] if gt else None, min(le) if le else None


def _value(annotation: Any, metadata: tuple[Any, ...] = ()) -> st.SearchStrategy[Any]:
    if hasattr(annotation, "__metadata__"):
        return _value(annotation.__origin__, (*annotation.__metadata__, *metadata))
    origin, arguments = get_origin(annotation), get_args(annotation)
    ge, gt, le = _bounds(metadata)
    unit = next((entry for entry in metadata if isinstance(entry, Unit)), None)
    if unit is not None:
        return _quantity(unit, le, above_zero=gt is not None)
    if origin in {Union, UnionType}:
        inner = [part for part in arguments if part is not type(None)]
        if set(inner) == {dt.date, dt.datetime}:
            return moments
        return st.one_of([_value(part, metadata) for part in inner])
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is tuple:
        return st.lists(_value(arguments[0]), max_size=3)
    if origin is dict:
        return st.dictionaries(identifiers, plain_json, max_size=2)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return mappings(annotation)
    return {
        bool: st.booleans(),
        int: st.integers(int(ge or 0), int(le if le is not None else 12)),
        float: _numbers(0.5 if gt is not None else 0, le or 900),
        dt.date: days,
        str: texts,
    }[annotation]


def mappings(model: type[BaseModel], leave_out: frozenset[str] = frozenset()) -> st.SearchStrategy[dict[str, Any]]:
    """What a person would write for `model`: needed keys, and any of the optional ones."""
    needed: dict[str, st.SearchStrategy[Any]] = {}
    optional: dict[str, st.SearchStrategy[Any]] = {}
    typed = "details" in model.model_fields
    for name, field in model.model_fields.items():
        if name not in leave_out and not (typed and name == "details"):
            (needed if field.is_required() else optional)[name] = _value(field.annotation, tuple(field.metadata))
    drawn = st.fixed_dictionaries(needed, optional=optional).map(_consistent)
    if model is Case:
        return drawn
    taken = drawn.map(lambda raw: _accepted(model, raw, needed)).filter(lambda raw: _takes(model, raw))
    return taken.flatmap(_with_details) if typed else taken


def _takes(model: type[BaseModel], raw: dict[str, Any]) -> bool:
    try:
        model.model_validate({"id": "x", **raw} if issubclass(model, Event) else raw)
    except ValidationError:
        return False
    return True


def _accepted(model: type[BaseModel], raw: dict[str, Any], needed: Iterable[str]) -> dict[str, Any]:
    """What of `raw` the model takes: of keys that contradict each other the first stays."""
    if _takes(model, raw):
        return raw
    kept = {name: raw[name] for name in needed}
    for name, value in raw.items():
        if _takes(model, {**kept, name: value}):
            kept[name] = value
    return kept


def _with_details(raw: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """The event with or without `details` of its technique."""
    model = details_type(raw["technique"])
    details = st.dictionaries(identifiers, plain_json, max_size=2) if model is None else mappings(model)
    return st.one_of(st.just(raw), details.map(lambda found: {**raw, "details": found}))


def _consistent(raw: dict[str, Any]) -> dict[str, Any]:
    """Put right what the models check across fields."""
    if "lowest" in raw and "highest" in raw:
        raw["lowest"], raw["highest"] = sorted((raw["lowest"], raw["highest"]))
    if "segment_shares" in raw:
        pairs = list(zip(raw.get("segments") or (), raw["segment_shares"] or (), strict=False))
        raw["segments"], raw["segment_shares"] = [n for n, _ in pairs], [share for _, share in pairs]
    if raw.get("until") is None:
        raw.pop("stopped_for", None)
    elif raw["until"] < raw["date"]:
        raw["date"], raw["until"] = raw["until"], raw["date"]
    if "lesions" in raw and raw["lesions"] and isinstance(raw["lesions"][0], dict) and "id" in raw["lesions"][0]:
        raw["lesions"] = list({lesion["id"]: lesion for lesion in raw["lesions"]}.values())
    if raw.get("version") in (2017, 2025, "old"):
        grade = raw["grade"]
        if grade[1:] in {"a", "b"}:
            raw["version"] = 2025
        elif not grade.isdigit():
            raw["version"] = "old" if grade in {*"ABCDEF"} else 2017
    if raw.get("drug") != "other":
        raw.pop("contains", None)
    if "liver_volume" in raw and "tumour_volume" in raw:
        figures = sorted((raw["liver_volume"], raw["tumour_volume"]), key=lambda text: float(text.split()[0]))
        raw["tumour_volume"], raw["liver_volume"] = figures
    return raw


def events(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    """One event as written, without id and correction."""
    return mappings(EVENT_KINDS[kind], frozenset({"id", "corrects"}))


@st.composite
def raw_cases(draw: st.DrawFn, *, max_events: int = 8, recorded: bool = True) -> dict[str, Any]:
    """A case as written: events of every kind, corrections among them."""
    head = draw(mappings(Case, frozenset({"events", "liverboard", "case", "birth_year"})))
    timeline: list[dict[str, Any]] = []
    for kind in draw(st.lists(st.sampled_from(sorted(EVENT_KINDS)), max_size=max_events)):
        event = {"id": f"e{len(timeline)}", **draw(events(kind))}
        if not recorded:
            event.pop("recorded", None)
        earlier = [other["id"] for other in timeline if other["kind"] == kind]
        if earlier and draw(st.integers(0, 3)) == 0:
            event["corrects"] = draw(st.sampled_from(earlier))
        timeline.append(event)
    return {
        **head,
        "liverboard": 1,
        "case": draw(identifiers),
        "birth_year": draw(st.integers(1920, 2005)),
        "events": timeline,
    }


def cases(*, max_events: int = 8, recorded: bool = True) -> st.SearchStrategy[Case]:
    """Valid cases. `recorded`: whether events may say when they were entered."""
    return raw_cases(max_events=max_events, recorded=recorded).map(Case.model_validate)


def case_of(*written: dict[str, Any], **head: Any) -> Case:
    """A fixed case for a unit test: events as a person writes them, ids e1, e2 ... unless given."""
    numbered = [{"id": f"e{number}", **event} for number, event in enumerate(written, 1)]
    return Case.model_validate({"case": "T-1", "events": numbered, **head})
