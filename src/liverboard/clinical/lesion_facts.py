"""`lesion_facts_of`: what is known of each lesion of the latest imaging that lists lesions, on one day. Nothing later shines through."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from liverboard.clinical.derive import Sheet, Value
from liverboard.clinical.dictionary import load_lesion_dictionary
from liverboard.clinical.events import Case, StatedLesion


@dataclass(frozen=True, slots=True)
class LesionFacts:
    """One lesion by its id: every name of the lesion dictionary, and what rules see. None: unknown, or implausible and not confirmed."""

    lesion: str
    values: Mapping[str, Value | None]


def lesion_facts_of(
    case: Case, as_of: dt.date, known_at: dt.date | dt.datetime | None = None
) -> tuple[LesionFacts, ...]:
    """The lesions of the latest imaging that lists them, in its order; none when no imaging lists any. The days mean what they mean in `facts_of`.

    Raises KnowledgeBaseError when the packaged dictionary is damaged.
    """
    sheet = Sheet(case, as_of, known_at, load_lesion_dictionary())
    listed = sheet.latest("lesions", sheet.imagings, lambda image: image.lesions)
    if listed is None:
        return ()
    image, lesions = listed
    aimed_at = {name for procedure in sheet.procedures for name in procedure.lesions or ()}
    return tuple(
        LesionFacts(lesion.id, _credible(_stated(lesion, lesion.id in aimed_at), confirmed=image.confirmed is True))
        for lesion in lesions
    )


def _stated(lesion: StatedLesion, aimed_at: bool) -> dict[str, Value | None]:
    return {
        "lesion_longest_mm": lesion.longest,
        "lesion_volume_ml": lesion.volume,
        "lesion_main_segment": main_segment(lesion),
        "lesion_capsule_distance_mm": lesion.capsule_distance,
        "lesion_vessel_distance_mm": lesion.vessel_distance,
        "lesion_bile_duct_distance_mm": lesion.bile_duct_distance,
        "lesion_hypervascular": lesion.hypervascular,
        "lesion_treated": True if aimed_at else lesion.treated,
    }


def _credible(values: Mapping[str, Value | None], *, confirmed: bool) -> Mapping[str, Value | None]:
    definitions = load_lesion_dictionary()
    return MappingProxyType(
        {
            name: None if isinstance(value, float) and not confirmed and definitions[name].doubt(value) else value
            for name, value in values.items()
        }
    )


def main_segment(lesion: StatedLesion) -> int | None:
    """The segment with the largest share; None when the largest are equal, or several segments have no shares."""
    shares: dict[int, float] = {}
    for segment, share in zip(lesion.segments or (), lesion.segment_shares or (), strict=False):
        shares[segment] = shares.get(segment, 0.0) + share
    if not shares:
        shares = dict.fromkeys(lesion.segments or (), 0.0)
    largest = [segment for segment, share in shares.items() if share == max(shares.values())]
    return largest[0] if len(largest) == 1 else None
