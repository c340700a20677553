"""Rates in a board's words: natural frequencies, with the range and what the range is."""

from __future__ import annotations

from collections.abc import Sequence

from liverboard.evidence.dictionary import OutcomeDefinition
from liverboard.synthesis.result import Interval, Pooled

_MOST_ARMS = 4


def of_hundred(rate: float) -> str:
    """A rate (0..1) as a natural frequency: of 100, or of 1000 where it is nearer to none or all than one of 100."""
    base = 1000 if 0 < rate < 0.0095 or 0.9905 < rate < 1 else 100
    return f"{base * rate:.0f} of {base}"


def range_words(interval: Interval, *, named: bool = False) -> str:
    """Both ends of 100, said where `named`; of 1000, always said, where both lie within one of 100 of none or of all."""
    low, high = interval
    base = 1000 if high < 0.0095 or low > 0.9905 else 100
    text = f"{base * low:.0f} to {base * high:.0f}"
    return f"{text} of {base}" if named or base == 1000 else text


def counted(number: int, noun: str) -> str:
    plural = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{number} {noun if number == 1 else plural}"


def rate_words(
    pooled: Pooled | None,
    definition: OutcomeDefinition,
    counts: Sequence[tuple[int, int]],
    studies: int,
    *,
    headline: bool,
    uncounted: Sequence[float] = (),
) -> str:
    """The sentence for boards. `counts`: events and patients of each arm; `uncounted`: percentages printed without counts. Without a headline the arms speak for themselves."""
    did = definition.says or f"had {definition.label}"
    if pooled is None or not counts:
        return (
            f"No study of the catalogue can be pooled to say how many treated patients {did}.{_and_printed(uncounted)}"
        )
    size = f"{counted(studies, 'study')}, {counted(sum(n for _, n in counts), 'patient')}"
    if headline and pooled.estimate is not None and pooled.ci is not None:
        wide = pooled.prediction_interval
        kind = (
            "the range is the prediction interval: where the rate of a further series is expected"
            if wide is not None
            else "the range is the confidence interval of the pooled rate"
        )
        return f"About {of_hundred(pooled.estimate)} treated patients {did} (plausible range {range_words(wide or pooled.ci)}; {size}); {kind}."
    arms = [f"{events} of {n}" for events, n in counts[:_MOST_ARMS]]
    listed = arms[0] if len(arms) == 1 else f"{', '.join(arms[:-1])} and {arms[-1]}"
    if len(counts) > _MOST_ARMS:
        listed = f"{', '.join(arms)} and further arms"
    if len(counts) == 1 and pooled.ci is not None:
        return f"One study only: {listed} treated patients {did} (by chance alone {range_words(pooled.ci, named=True)} would fit).{_and_printed(uncounted)}"
    head = "One study only" if studies == 1 else "Too few studies to say a rate"
    return f"{head}: {listed} treated patients {did} ({size}).{_and_printed(uncounted)}"


def _and_printed(values: Sequence[float]) -> str:
    if not values:
        return ""
    spread = f"{min(values):g}" if len(set(values)) == 1 else f"{min(values):g} to {max(values):g}"
    return f" {counted(len(values), 'arm')} more {'prints' if len(values) == 1 else 'print'} a percentage without a count: {spread} %."


def listed_words(definition: OutcomeDefinition, values: Sequence[float], unit: str, studies: int) -> str:
    """The sentence for what is listed and not pooled: medians, survival percentages, means."""
    if not values:
        return f"No study of the catalogue prints {definition.label} for the whole arm."
    spread = f"{min(values):g}" if len(set(values)) == 1 else f"{min(values):g} to {max(values):g}"
    head = definition.label[0].upper() + definition.label[1:]
    return f"{head}, as printed by {counted(studies, 'study')}: {spread} {unit}; listed, not pooled."


def banner_words(proportion: bool, studies: int, few: int, *, headline: bool) -> str:
    """Why no pooled value may stand alone; empty where one may."""
    if not studies:
        return "no data"
    if not proportion:
        return "listed, not pooled"
    if studies < few:
        return "too few studies"
    return "" if headline else "no pooled value can be estimated"


def median_words(origins: set[str]) -> list[str]:
    """When medians are pooled, and which origins of time the pages state; an empty one is not stated."""
    if origins == {""}:
        return ["Medians are listed and not pooled: no page says from when the time counts."]
    stated = "; ".join(sorted(origins - {""}))
    unsaid = "; and not stated" if "" in origins else ""
    return [f"Medians are pooled only where the same time origin is stated; here: {stated}{unsaid}."]
