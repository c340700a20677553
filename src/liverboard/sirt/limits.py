"""Limits and targets of dose as versioned data: which apply, which are kept, and which binds, by how much."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args

from liverboard.clinical.extent import Frozen
from liverboard.errors import BadInput, KnowledgeBaseError
from liverboard.knowledge import load_yaml
from liverboard.sirt.uncertainty import Interval

FILE = "constants/sirt_limits.yaml"
Scenario = Literal["segmentectomy", "lobectomy", "unilobar", "bilobar"]
_BORROWED = "borrowed: no neuroendocrine row; set in {}"
_WORDS = {
    "lung": "lungs",
    "lung_cumulative": "lungs (all treatments)",
    "normal_liver": "perfused normal liver",
    "normal_liver_whole": "whole normal liver",
    "perfused": "perfused liver",
}
_AT_LIMIT = 1e-9  # relative: a dose that was asked to be the limit is the limit, however it was rounded


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit or target. `on`: the compartment; `quantity`: dose_gy, or activity_gbq in it; `when`: a condition that must be stated."""

    id: str
    product: str
    scenario: str
    on: str
    quantity: Literal["dose_gy", "activity_gbq"]
    bound: Literal["at_most", "at_least"]
    strict: bool
    value: float
    when: str | None
    relaxed_when: str | None
    source: str
    verification: Literal["A", "B"]
    borrowed: str
    note: str

    def keeps(self, value: float) -> bool:
        if self.bound == "at_most":
            return value < self.value if self.strict else value <= self.value
        return value > self.value if self.strict else value >= self.value


class LimitCheck(Frozen):
    """A limit beside the value of the plan. `reached_percent`: value over limit. `activity_at_limit_gbq`: the prepared activity that just reaches it.

    `kept` None: not known. `probability`: that it is kept, where errors were stated. `borrowed`: in whom it was set.
    """

    id: str
    on: str
    quantity: Literal["dose_gy", "activity_gbq"]
    bound: Literal["at_most", "at_least"]
    limit: float
    value: float | None
    kept: bool | None
    reached_percent: float | None = None
    activity_at_limit_gbq: float | None = None
    probability: float | None = None
    says: str
    source: str
    verification: Literal["A", "B"]
    borrowed: str


class Binding(Frozen):
    """The tightest limit: the first to be reached as the activity grows. `room_percent`: how much more activity it allows (negative: how much less)."""

    id: str
    activity_at_limit_gbq: float
    room_percent: float
    says: str


@cache
def load_limits() -> tuple[Limit, ...]:
    """Every limit of the file. Raises KnowledgeBaseError: doubled, of an unknown scenario or condition, or not verified."""
    data: Mapping[str, Any] = load_yaml(FILE)
    found = tuple(_limit(entry, data) for entry in data["limits"])
    if len({each.id for each in found}) < len(found):
        raise KnowledgeBaseError("a limit is given twice", where=FILE)
    return found


def limits_version() -> str:
    """The version of the limits, for the record of a plan."""
    return str(load_yaml(FILE)["version"])


def conditions() -> Mapping[str, str]:
    """The conditions that limits depend on, by name, in words."""
    return load_yaml(FILE)["conditions"]


def limits_for(product: str, scenario: Scenario | None, stated: Collection[str] = ()) -> list[Limit]:
    """The limits of a product in a scenario under the stated conditions; with None only those of any scenario. Raises BadInput: an unknown condition."""
    if unknown := [each for each in stated if each not in conditions()]:
        raise BadInput(f"no condition '{unknown[0]}'", hint=f"Known: {', '.join(conditions())}.")
    return [
        each
        for each in load_limits()
        if each.product in {"any", product}
        and each.scenario in {"any", scenario}
        and (each.when is None or each.when in stated)
        and each.relaxed_when not in stated
    ]


def compare(
    limits: Sequence[Limit],
    doses_gy: Mapping[str, float],
    activities_gbq: Mapping[str, float],
    activity_gbq: float,
    before_gy: Mapping[str, float] | None = None,
) -> list[LimitCheck]:
    """Each limit beside the doses and trapped activities of a plan with the prepared activity `activity_gbq`; unknown where the compartment has no value.

    `before_gy`: the part of a dose that earlier treatments gave, which does not grow with the activity.
    """
    return [
        _check(
            each,
            (doses_gy if each.quantity == "dose_gy" else activities_gbq).get(each.on),
            activity_gbq,
            (before_gy or {}).get(each.on, 0.0),
        )
        for each in limits
    ]


def in_words(compartment: str) -> str:
    """A compartment as a sentence names it."""
    return _WORDS.get(compartment, compartment)


def with_probability(check: LimitCheck, interval: Interval | None) -> LimitCheck:
    """The check with the probability that the limit is kept, by the interval of the dose that it is about; as it is without one."""
    if interval is None or check.quantity != "dose_gy" or check.value is None:
        return check
    below = interval.probability_below(check.limit)
    kept = below if check.bound == "at_most" else 1 - below
    side = "below" if check.bound == "at_most" else "above"
    says = f"{check.says}; {side} {check.limit:.3g} Gy with {_percent(kept)} probability"
    return check.model_copy(update={"probability": kept, "says": says})


def _percent(probability: float) -> str:
    """No figure of a model is certain: the ends are said as over 99 % and under 1 %."""
    if probability > 0.99:
        return "over 99 %"
    return "under 1 %" if probability < 0.01 else f"{100 * probability:.0f} %"


def binding(checks: Sequence[LimitCheck], activity_gbq: float) -> Binding | None:
    """The limit (not target) that the growing activity reaches first, and by how much before the next one; None where none can be compared."""
    known = sorted(
        (each for each in checks if each.bound == "at_most" and each.activity_at_limit_gbq is not None),
        key=lambda each: each.activity_at_limit_gbq or 0.0,
    )
    if not known or activity_gbq <= 0:
        return None
    first = known[0]
    at = first.activity_at_limit_gbq or 0.0
    room = 100 * (at / activity_gbq - 1)
    says = f"{_named(first)} binds: reached at {at:.3g} GBq, "
    says += "as planned" if abs(room) < 0.5 else f"{abs(room):.0f} % {'more' if room > 0 else 'less'} than planned"
    after = next((each for each in known if (each.activity_at_limit_gbq or 0.0) > at * (1 + 1e-9)), None)
    if after is not None:
        says += f"; the next, {_named(after)}, at {after.activity_at_limit_gbq:.3g} GBq"
    return Binding(id=first.id, activity_at_limit_gbq=at, room_percent=room, says=says)


def _named(check: LimitCheck) -> str:
    return f"{in_words(check.on)} {_number(check.limit, check.quantity)}"


def _check(limit: Limit, value: float | None, activity_gbq: float, before: float) -> LimitCheck:
    told = (
        f"{'below' if limit.strict else 'at most'}"
        if limit.bound == "at_most"
        else "above"
        if limit.strict
        else "at least"
    )
    wanted = f"{in_words(limit.on)} {told} {_number(limit.value, limit.quantity)}"
    if value is None or not math.isfinite(value):
        says = f"{wanted}: not known"
        kept = reached = at = None
    else:
        value = limit.value if math.isclose(value, limit.value, rel_tol=_AT_LIMIT) else value
        kept = limit.keeps(value)
        reached = 100 * value / limit.value
        at = activity_gbq * max(0.0, limit.value - before) / (value - before) if value > before else None
        if at is not None and not math.isfinite(at):
            at = None  # what hardly reaches the compartment never reaches its limit
        off = "at it" if value == limit.value else f"{abs(reached - 100):.0f} % {'over' if reached > 100 else 'under'}"
        says = f"{wanted}: {_number(value, limit.quantity)}, {'kept' if kept else 'not kept'} ({off})"
    return LimitCheck(
        id=limit.id,
        on=limit.on,
        quantity=limit.quantity,
        bound=limit.bound,
        limit=limit.value,
        value=value,
        kept=kept,
        reached_percent=reached,
        activity_at_limit_gbq=at,
        says=says + (f"; {limit.note}" if limit.note else ""),
        source=limit.source,
        verification=limit.verification,
        borrowed=limit.borrowed,
    )


def _number(value: float, quantity: str) -> str:
    return f"{value:.3g} {'Gy' if quantity == 'dose_gy' else 'GBq'}"


def _limit(entry: Mapping[str, Any], data: Mapping[str, Any]) -> Limit:
    named = [entry.get("when"), entry.get("relaxed_when")]
    if entry["scenario"] not in {"any", *get_args(Scenario)} or any(c and c not in data["conditions"] for c in named):
        raise KnowledgeBaseError(f"{entry['id']}: unknown scenario or condition", where=FILE)
    if entry["verification"] not in {"A", "B"}:
        raise KnowledgeBaseError(f"{entry['id']}: only a verified value may be a limit", where=FILE)
    return Limit(
        id=entry["id"],
        product=entry["product"],
        scenario=entry["scenario"],
        on=entry["compartment"],
        quantity=entry["quantity"],
        bound=entry["bound"],
        strict=entry.get("strict", False),
        value=float(entry["value"]),
        when=named[0],
        relaxed_when=named[1],
        source=entry["source"],
        verification=entry["verification"],
        borrowed=_BORROWED.format(entry["derived_from"]),
        note=entry.get("note", ""),
    )
