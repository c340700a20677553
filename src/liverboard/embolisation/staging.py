"""A staged plan: which territory comes first, what follows, and what is checked before it. A proposal to discuss; it decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from liverboard.clinical.extent import Frozen
from liverboard.embolisation.territory import Loads, TerritoryLoad, territories
from liverboard.errors import KnowledgeBaseError
from liverboard.knowledge import load_references, load_yaml, reasons

_FILE = "planning/staging.yaml"
_NAMES = {
    "left": "left hemiliver", "right": "right hemiliver", "caudate": "segment 1", "left_lateral": "left lateral section", "left_medial": "segment 4",
    "right_anterior": "right anterior section", "right_posterior": "right posterior section",
}  # fmt: skip


class Published(Frozen):
    """What a series or a review did between sessions. `interval_days` None: it states none."""

    techniques: tuple[str, ...]
    says: str
    source: str
    interval_days: int | None = None


class BetweenCheck(Frozen):
    """What is looked at before the next session, and why. `facts`: where it stands in the case; empty: it is not one fact."""

    techniques: tuple[str, ...]
    what: str
    facts: tuple[str, ...]
    says: str
    source: str


class Convention(Frozen):
    value: float
    source: str
    says: str


class StagingKnowledge(Frozen):
    published: tuple[Published, ...]
    checks: tuple[BetweenCheck, ...]
    conventions: dict[Literal["burden_for_smaller_sessions_percent", "equal_loads_percent"], Convention]


class PlannedSession(Frozen):
    """One session of the plan. `after_days`: proposed days after the session before; None for the first, and where nothing says how long."""

    number: int
    territory: str
    segments: tuple[int, ...]
    lesions: tuple[str, ...]
    tumour_ml: float | None = None
    share_percent: float | None = None
    after_days: float | None = None


class StagedPlan(Frozen):
    """Sessions in their order. `because`: why so, a sentence a reason. `interval_from`: where the interval comes from. `open`: what the plan does not know."""

    technique: str
    sessions: tuple[PlannedSession, ...]
    checks: tuple[BetweenCheck, ...] = ()
    because: tuple[str, ...] = ()
    interval_from: Literal["own", "published", "none"] = "none"
    interval_says: str = ""
    sources: tuple[str, ...] = ()
    open: tuple[str, ...] = ()


@cache
def staging_knowledge() -> StagingKnowledge:
    """Published intervals, checks and conventions. Raises KnowledgeBaseError: damaged, or a source that is not known."""
    try:
        found = TypeAdapter(StagingKnowledge).validate_python(load_yaml(_FILE))
    except ValidationError as error:
        raise KnowledgeBaseError(reasons(error), where=_FILE) from None
    named = {each.source for each in (*found.published, *found.checks, *found.conventions.values())}
    if unknown := sorted(named - set(load_references())):
        raise KnowledgeBaseError(f"not in references.yaml: {', '.join(unknown)}", where=_FILE)
    return found


def published_for(technique: str) -> tuple[Published, ...]:
    return tuple(each for each in staging_knowledge().published if technique in each.techniques)


def staged_plan(
    technique: str, loads: Loads, sections: Loads, *, burden_percent: float | None = None, own_interval_days: float | None = None
) -> StagedPlan:  # fmt: skip
    """The order of sessions for a treatment through the hepatic artery.

    `loads` by hemiliver, `sections` by section. Segment 1 goes with the hemiliver that holds more tumour. One hemiliver a session, the one with more tumour
    first; above the burden of `conventions` a session takes one section. `own_interval_days`: what the centre itself used to wait; it comes before what was published.
    """
    known, open_ = staging_knowledge(), list(loads.notes)
    limit = known.conventions["burden_for_smaller_sessions_percent"]
    small = burden_percent is not None and burden_percent > limit.value
    used, sources = (sections if small else loads), {limit.source} if small else set[str]()
    affected = [each for each in used.territories if each.lesions or (each.tumour_ml or 0) > 0]
    if burden_percent is None:
        open_.append("The burden of the liver is not known, so whether sessions should be smaller is not known.")
    if not affected:
        return StagedPlan(
            technique=technique,
            sessions=(),
            open=(*open_, "No lesion lies in a known segment: no session can be proposed."),
        )
    ordered = _ordered(_with_segment_1(affected))
    because = [_order_says(ordered, known.conventions["equal_loads_percent"])]
    one_lobe = next((each for each in published_for(technique) if each.interval_days is None), None)
    if len(ordered) == 1:
        because = ["All known tumour lies in one territory: one session."]
    elif small:
        because.append(f"{limit.says} Here {burden_percent:.0f} %.")
    elif one_lobe is not None:
        because.append("One hemiliver a session, as series did and reviews advise.")
        sources.add(one_lobe.source)
    interval, origin, says, source = _interval(technique, own_interval_days)
    sources |= {source} if source else set[str]()
    checks = tuple(each for each in known.checks if technique in each.techniques) if len(ordered) > 1 else ()
    if len(ordered) > 1 and interval is None:
        open_.append("No interval: neither past sessions of this centre nor a published series says how long to wait.")
    return StagedPlan(
        technique=technique,
        sessions=tuple(
            PlannedSession(
                number=number,
                territory=each.name,
                segments=each.segments,
                lesions=each.lesions,
                tumour_ml=each.tumour_ml,
                share_percent=each.share_percent,
                after_days=None if number == 1 else interval,
            )
            for number, each in enumerate(ordered, 1)
        ),
        checks=checks,
        because=tuple(because),
        interval_from=origin if len(ordered) > 1 else "none",
        interval_says=says if len(ordered) > 1 else "",
        sources=tuple(sorted(sources | {check.source for check in checks})),
        open=tuple(open_),
    )


def _ordered(affected: Sequence[TerritoryLoad]) -> list[TerritoryLoad]:
    """Most tumour first; by the number of lesions where the load is not known, then as the anatomy lists them."""
    return sorted(affected, key=lambda each: (-(each.tumour_ml or 0.0), -len(each.lesions)))


def _with_segment_1(affected: Sequence[TerritoryLoad]) -> list[TerritoryLoad]:
    """Segment 1 is no session of its own beside others: it goes with the territory that holds most."""
    first = territories("hemiliver")["caudate"]
    alone = [each for each in affected if each.segments == first]
    rest = [each for each in affected if each.segments != first]
    if not alone or not rest:
        return [each.model_copy(update={"name": _NAMES.get(each.name, each.name)}) for each in affected]
    caudate, most = alone[0], _ordered(rest)[0]
    joined = TerritoryLoad(
        name=f"{_NAMES.get(most.name, most.name)} with segment 1",
        segments=tuple(sorted((*most.segments, *caudate.segments))),
        lesions=tuple(dict.fromkeys((*most.lesions, *caudate.lesions))),
        tumour_ml=_sum(most.tumour_ml, caudate.tumour_ml),
        share_percent=_sum(most.share_percent, caudate.share_percent),
        volume_ml=_sum(most.volume_ml, caudate.volume_ml),
    )
    named = [each.model_copy(update={"name": _NAMES.get(each.name, each.name)}) for each in rest if each is not most]
    return [joined, *named]


def _sum(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a + b


def _order_says(ordered: Sequence[TerritoryLoad], equal: Convention) -> str:
    if len(ordered) < 2:
        return ""
    first, second = ordered[0], ordered[1]
    if first.tumour_ml is None or second.tumour_ml is None:
        return f"The loads are not known; the {first.name} holds more lesions and comes first."
    if first.tumour_ml - second.tumour_ml <= equal.value / 100 * max(first.tumour_ml, 1e-9):
        return f"The {first.name} and the {second.name} hold about as much tumour: either may come first."
    return f"The {first.name} holds most tumour ({first.tumour_ml:.0f} mL) and comes first."


def _interval(technique: str, own: float | None) -> tuple[float | None, Literal["own", "published", "none"], str, str]:
    if own is not None:
        return own, "own", f"This centre waited {own:.0f} days (median of its own sessions).", ""
    stated = next((each for each in published_for(technique) if each.interval_days is not None), None)
    if stated is None or stated.interval_days is None:
        return None, "none", "", ""
    return float(stated.interval_days), "published", stated.says, stated.source
