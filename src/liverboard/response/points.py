"""Time points out of the visible events of a case: every listed lesion under its first name, with what was treated before. What does not fit is named."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from liverboard.clinical.dictionary import load_lesion_dictionary
from liverboard.clinical.events import AnyEvent, Imaging, Procedure
from liverboard.clinical.response import LesionAt, TimePoint
from liverboard.clinical.stated_lesion import ExtrahepaticLesion, StatedLesion
from liverboard.errors import Problem
from liverboard.response.start import TRANSARTERIAL

LOCAL = TRANSARTERIAL | {"rfa", "mwa", "cryo", "external_liver_radiation"}
ABLATION = frozenset({"rfa", "mwa", "cryo"})
_MEASURES = frozenset(
    {None, "CT", "MR"}
)  # modalities that sizes are taken on; one that is not stated is not held against the list
_CHECKED = {
    "longest": "lesion_longest_mm",
    "short": "lesion_longest_mm",
    "volume": "lesion_volume_ml",
}  # size: fact that bounds it
_NAMES_AND_PLACES = {"id", "organ", "segments", "segment_shares", "hypervascular", "was", "treated"}


@dataclass(frozen=True, slots=True)
class Points:
    """Time points in order of date, and what is wrong or unclear in what they are made of."""

    points: tuple[TimePoint, ...]
    problems: tuple[Problem, ...]


def time_points(events: Sequence[AnyEvent]) -> Points:
    """The imagings that list lesions, of the visible events in order of date. Of two on one day CT or MR counts before others, else the later in the file.

    A PET or SPECT that only names lesions says nothing of their size: it is no baseline and no follow-up.
    """
    problems: list[Problem] = []
    by_day: dict[dt.date, Imaging] = {}
    for event in events:
        if not isinstance(event, Imaging) or (event.lesions is None and event.extrahepatic_lesions is None):
            continue
        if event.modality == "US":
            problems.append(
                Problem(
                    "ultrasound does not measure lesions for response; left out", event=event.id, hint="use CT or MR"
                )
            )
            continue
        if event.modality not in _MEASURES and not any(map(_says_something, _all_lesions(event))):
            problems.append(
                Problem(
                    f"{event.modality} names lesions without any size; left out",
                    event=event.id,
                    field="lesions",
                    hint="give sizes, or state and new, if it is to count for response",
                )
            )
            continue
        other = by_day.get(event.date)
        used = event
        if other is not None:
            used = other if other.modality in _MEASURES and event.modality not in _MEASURES else event
            problems.append(
                Problem(
                    f"two imagings of {event.date} list lesions ({other.id}, {event.id}); {used.id} is used",
                    event=event.id,
                )
            )
        by_day[event.date] = used
    treatments = [event for event in events if isinstance(event, Procedure) and event.technique in LOCAL]
    names = _Names()
    points = tuple(_point(event, names, treatments, problems) for event in by_day.values())
    return Points(points, tuple(problems))


def _all_lesions(event: Imaging) -> tuple[StatedLesion | ExtrahepaticLesion, ...]:
    return (*(event.lesions or ()), *(event.extrahepatic_lesions or ()))


def _says_something(lesion: StatedLesion | ExtrahepaticLesion) -> bool:
    """Whether more is said than which lesion it is and where it lies."""
    return bool(lesion.model_fields_set - _NAMES_AND_PLACES)


def without_lesions(events: Sequence[AnyEvent], baseline: dt.date) -> tuple[Problem, ...]:
    """Local treatments before a baseline of which nobody says which lesions they treated."""
    return tuple(
        Problem(
            f"which lesions {each.technique} of {each.date} treated is not said, so none is left out as target",
            event=each.id,
            hint="give lesions: [...] or territory: {segments: [...]}; treated lesions are no targets of RECIST 1.1 until they progress",
        )
        for each in events
        if isinstance(each, Procedure)
        and each.technique in LOCAL
        and each.date < baseline
        and not each.lesions
        and not (each.territory and each.territory.segments)
    )


class _Names:
    """The first names of lesions: a lesion keeps its own, one that says what it was takes those of its origin."""

    def __init__(self) -> None:
        self.roots: dict[str, frozenset[str]] = {}

    def of(self, lesion: StatedLesion | ExtrahepaticLesion, event: str, problems: list[Problem]) -> frozenset[str]:
        if lesion.was:
            unknown = [name for name in lesion.was if name not in self.roots]
            if unknown:
                problems.append(
                    Problem(
                        f"{lesion.id} was {', '.join(unknown)}, which no earlier imaging lists",
                        event=event,
                        field="lesions",
                        hint="give the earlier lesion under its own id",
                    )
                )
            return frozenset[str]().union(*(self.roots.get(name, frozenset({name})) for name in lesion.was))
        return self.roots.get(lesion.id) or frozenset({lesion.id})


def _point(event: Imaging, names: _Names, treatments: Sequence[Procedure], problems: list[Problem]) -> TimePoint:
    listed: list[LesionAt] = []
    found: dict[str, frozenset[str]] = {}
    for lesion in _all_lesions(event):
        problems += [
            Problem(f"{lesion.id}: {text}", event=event.id, field="lesions") for text in _contradictions(lesion)
        ]
        roots = found[lesion.id] = names.of(lesion, event.id, problems)
        listed.append(_lesion(_credible(lesion, event, problems), roots, event, treatments))
    names.roots.update(found)
    outside = None if event.extrahepatic is None else event.extrahepatic.extent
    if event.modality not in {None, "CT"} and any(lesion.density is not None for lesion in event.lesions or ()):
        problems.append(
            Problem(f"density in HU on {event.modality} is not used: Choi needs CT", event=event.id, field="density")
        )
    if outside == "none" and event.extrahepatic_lesions:
        problems.append(
            Problem(
                "extrahepatic is none, yet lesions outside the liver are listed", event=event.id, field="extrahepatic"
            )
        )
    return TimePoint(
        date=event.date,
        event=event.id,
        lesions=tuple(listed),
        complete=not event.too_many_to_count,
        new_lesions=event.new_lesions,
        modality=event.modality,
        slice_mm=event.slice_thickness,
        outside=outside,
        outside_listed=bool(event.extrahepatic_lesions),
        outside_progressing=None if event.progression is None else event.progression.extrahepatic,
    )


def _lesion(
    lesion: StatedLesion | ExtrahepaticLesion, roots: frozenset[str], event: Imaging, treatments: Sequence[Procedure]
) -> LesionAt:
    liver = isinstance(lesion, StatedLesion)
    treated_on = _treated_on(lesion, roots, event.date, treatments) if liver else None
    ablations = [each for each in treatments if each.technique in ABLATION]
    return LesionAt(
        id=lesion.id,
        roots=roots,
        organ="liver" if isinstance(lesion, StatedLesion) else lesion.organ,
        longest_mm=lesion.longest,
        short_mm=lesion.short,
        volume_ml=lesion.volume,
        viable_mm=lesion.viable,
        viable_short_mm=lesion.viable_short,
        viable_ml=lesion.viable_volume,
        density_hu=lesion.density if event.modality in {None, "CT"} else None,
        hypervascular=lesion.hypervascular if isinstance(lesion, StatedLesion) else None,
        state=lesion.state,
        target=lesion.target,
        measurable=lesion.measurable,
        new=lesion.new,
        nodule=lesion.nodule,
        zone_mm=lesion.zone,
        margin_mm=lesion.margin,
        treated=bool(lesion.treated) or treated_on is not None,
        treated_on=treated_on,
        ablated_on=_treated_on(lesion, roots, event.date, ablations) if liver else None,
    )


def _credible(
    lesion: StatedLesion | ExtrahepaticLesion, event: Imaging, problems: list[Problem]
) -> StatedLesion | ExtrahepaticLesion:
    """The lesion without the sizes that are implausible and not confirmed; each is named."""
    if event.confirmed:
        return lesion
    doubts = {
        field: doubt
        for field, fact in _CHECKED.items()
        if (value := getattr(lesion, field)) and (doubt := load_lesion_dictionary()[fact].doubt(value))
    }
    problems += [
        Problem(
            f"{lesion.id}: {field} {doubt}; it counts as not said",
            event=event.id,
            field="lesions",
            hint="confirmed: true on the imaging accepts it",
        )
        for field, doubt in doubts.items()
    ]
    return lesion.model_copy(update=dict.fromkeys(doubts)) if doubts else lesion


def _treated_on(
    lesion: StatedLesion | ExtrahepaticLesion, roots: frozenset[str], day: dt.date, treatments: Iterable[Procedure]
) -> dt.date | None:
    """The last local treatment before a day that named the lesion, or whose territory holds all of its segments."""
    segments = set(lesion.segments or ()) if isinstance(lesion, StatedLesion) else set[int]()
    last: dt.date | None = None
    for procedure in treatments:
        if procedure.date >= day:
            break
        if procedure.lesions:
            hit = lesion.id in procedure.lesions or bool(roots & set(procedure.lesions))
        else:
            territory = set((procedure.territory.segments if procedure.territory else None) or ())
            hit = bool(segments) and segments <= territory
        if hit:
            last = procedure.date
    return last


def _contradictions(lesion: StatedLesion | ExtrahepaticLesion) -> list[str]:
    found = [
        f"{part} ({small:g}) is larger than {whole} ({large:g})"
        for part, small, whole, large in (
            ("short", lesion.short, "longest", lesion.longest),
            ("viable", lesion.viable, "longest", lesion.longest),
            ("viable_short", lesion.viable_short, "viable", lesion.viable),
            ("viable_volume", lesion.viable_volume, "volume", lesion.volume),
        )
        if small is not None and large is not None and small > large
    ]
    if lesion.state == "absent" and any((lesion.longest, lesion.short, lesion.volume, lesion.viable)):
        found.append("state is absent, yet a size is given; it counts as absent")
    if lesion.was and lesion.new:
        found.append("it was there before (was), yet it is said to be new")
    return found
