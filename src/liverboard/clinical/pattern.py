"""The macroscopic pattern (simple, complex, diffuse) from where the lesions lie and how large they are; with its reasons, and what it hangs on."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

from liverboard.clinical.extent import Lesion, Pattern, PatternName
from liverboard.errors import KnowledgeBaseError
from liverboard.knowledge import load_yaml

CAUDATE = 1
CaudateSide = Literal["neither", "left", "right"]
Pair = frozenset[int]
_ANATOMY = "anatomy/segments.yaml"
_PARAMETERS = "anatomy/pattern.yaml"


@dataclass(frozen=True, slots=True)
class SegmentMap:
    """Hemilivers (segment 1 in neither) and pairs of segments that share a face, or an edge only."""

    left: frozenset[int]
    right: frozenset[int]
    face: frozenset[Pair]
    edge: frozenset[Pair]


@dataclass(frozen=True, slots=True)
class Threshold:
    """A named parameter, and the range over which its value could be defended."""

    label: str
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Place:
    """Where a lesion lies and how large it is. `shares`: segment to share of the lesion (they need not sum to 1). Sizes None: not known."""

    shares: Mapping[int, float]
    volume_ml: float | None = None
    longest_mm: float | None = None


@dataclass(frozen=True, slots=True)
class _Setting:
    """One way of reading the definition: the side of segment 1, the thresholds, and which segments are adjacent."""

    caudate: CaudateSide
    segment_share: float
    volume_share: float
    size_ratio: float
    faces: frozenset[Pair]


@cache
def segment_map() -> SegmentMap:
    """The packaged anatomy. Raises KnowledgeBaseError."""
    content: Any = load_yaml(_ANATOMY)
    try:
        sides = content["hemiliver"]
        face, edge = (frozenset(frozenset(int(n) for n in pair) for pair in content[name]) for name in ("face", "edge"))
        return SegmentMap(frozenset(sides["left"]), frozenset(sides["right"]), face, edge)
    except (KeyError, TypeError, ValueError) as error:
        raise KnowledgeBaseError(f"expected face, edge and hemiliver ({error})", where=_ANATOMY) from None


@cache
def pattern_parameters() -> Mapping[str, Threshold]:
    """The classifier's thresholds by name. Raises KnowledgeBaseError."""
    content: Any = load_yaml(_PARAMETERS)
    try:
        return {
            name: Threshold(str(each["label"]), float(each["value"]), float(each["low"]), float(each["high"]))
            for name, each in content["parameters"].items()
        }
    except (KeyError, TypeError, ValueError) as error:
        raise KnowledgeBaseError(
            f"expected parameters with label, value, low, high ({error})", where=_PARAMETERS
        ) from None


def hemiliver_of(segments: Collection[int]) -> str | None:
    """`left`, `right` or `both`; None for no segment but the caudate."""
    anatomy = segment_map()
    left, right = not anatomy.left.isdisjoint(segments), not anatomy.right.isdisjoint(segments)
    return "both" if left and right else "left" if left else "right" if right else None


def places_of(lesions: Sequence[Lesion]) -> list[Place | None]:
    """The places of measured or stated lesions; None for one whose segments are not known."""
    return [
        Place({part.segment: part.share for part in lesion.segments}, lesion.volume_ml, lesion.longest_axial_mm)
        if lesion.segments
        else None
        for lesion in lesions
    ]


def pattern_of(places: Sequence[Place | None], *, faces: Mapping[Pair, float] | None = None) -> Pattern:
    """The pattern of lesions at `places` (None or without shares: segment not known).

    `faces`: area in mm2 that pairs of segments share in this patient; without it the packaged adjacency is used. simple: all in one hemiliver, or in
    two segments that share a face. complex: both hemilivers, the less affected one holds at most `satellite_volume_share` of the tumour volume and
    its largest lesion at most `satellite_size_ratio` of the diameter of the largest on the main side. diffuse: else. The rule is applied again with
    segment 1 counted left and right and with each parameter at both ends of its range; what changes the answer is in `sensitive_to`, and `certain` is
    then false. None with the reason where segments or sizes are missing. Source: ronot_vilgrain_editorial for the words; the thresholds are
    conventions of this project (`anatomy/pattern.yaml`).
    """
    if not places:
        return Pattern(trace=("no liver lesion listed",))
    known = [place for place in places if place is not None and place.shares]
    if len(known) < len(places):
        return Pattern(
            trace=(
                f"{len(places) - len(known)} of {len(places)} lesions without segment: "
                "give a segment map, landmarks, or the segments of every lesion",
            )
        )
    limits = pattern_parameters()
    setting = _Setting(
        caudate="neither",
        segment_share=limits["segment_share"].value,
        volume_share=limits["satellite_volume_share"].value,
        size_ratio=limits["satellite_size_ratio"].value,
        faces=_adjacent(faces, limits["adjacent_face_mm2"].value),
    )
    value, trace = _classify(known, setting)
    sensitive = _sensitivity(known, setting, faces, value)
    return Pattern(
        value=value,
        certain=value is not None and not sensitive,
        trace=trace,
        sensitive_to=sensitive,
        parameters={name: limit.value for name, limit in limits.items()},
    )


def _sensitivity(
    places: Sequence[Place], setting: _Setting, faces: Mapping[Pair, float] | None, value: PatternName | None
) -> tuple[str, ...]:
    """What changes the answer within its range, in words."""
    limits = pattern_parameters()
    others: list[tuple[str, _Setting]] = []
    if any(CAUDATE in place.shares for place in places):
        others += [(f"segment 1 counted {side}", replace(setting, caudate=side)) for side in ("left", "right")]
    for name, field in (
        ("segment_share", "segment_share"),
        ("satellite_volume_share", "volume_share"),
        ("satellite_size_ratio", "size_ratio"),
    ):
        limit = limits[name]
        for end in (limit.low, limit.high):
            others.append((f"{name} {limit.low:g} to {limit.high:g}", replace(setting, **{field: end})))  # pyright: ignore[reportArgumentType]
    if faces is None:
        others.append(("adjacency of an edge pair", replace(setting, faces=setting.faces | segment_map().edge)))
    else:
        limit = limits["adjacent_face_mm2"]
        for end in (limit.low, limit.high):
            others.append(
                (f"adjacent_face_mm2 {limit.low:g} to {limit.high:g}", replace(setting, faces=_adjacent(faces, end)))
            )
    changed = [
        f"{name}: {found or 'not told'}" for name, other in others if (found := _classify(places, other)[0]) != value
    ]
    return tuple(dict.fromkeys(changed))


def _adjacent(faces: Mapping[Pair, float] | None, least_mm2: float) -> frozenset[Pair]:
    return segment_map().face if faces is None else frozenset(pair for pair, area in faces.items() if area >= least_mm2)


def _classify(places: Sequence[Place], setting: _Setting) -> tuple[PatternName | None, tuple[str, ...]]:
    anatomy = segment_map()
    left = anatomy.left | ({CAUDATE} if setting.caudate == "left" else frozenset[int]())
    right = anatomy.right | ({CAUDATE} if setting.caudate == "right" else frozenset[int]())
    involved = frozenset(n for place in places for n, share in place.shares.items() if share >= setting.segment_share)
    involved = involved or frozenset(max(place.shares, key=lambda n: place.shares[n]) for place in places)
    named = f"segment{'s' if len(involved) > 1 else ''} {', '.join(map(str, sorted(involved)))}"
    if len(involved) == 1:
        return "simple", (f"{named}: one segment", "simple")
    if involved in setting.faces:
        return "simple", (f"{named}: two adjacent segments", "simple")
    if involved.isdisjoint(left) or involved.isdisjoint(right):
        side = "right" if involved.isdisjoint(left) else "left"
        return "simple", (f"{named}: one hemiliver ({side})", "simple")
    return _both_sides(places, setting, (left, right), f"{named}: both hemilivers")


def _both_sides(
    places: Sequence[Place], setting: _Setting, sides: tuple[frozenset[int], frozenset[int]], first: str
) -> tuple[PatternName | None, tuple[str, ...]]:
    volumes = _volumes(places)
    if volumes is None:
        return None, (first, "complex or diffuse: give the volume or the longest diameter of every lesion")
    shares = [[sum(place.shares.get(n, 0.0) for n in side) for side in sides] for place in places]
    held = [
        sum(
            v * parts[s] / max(sum(place.shares.values()), 1e-9)
            for v, parts, place in zip(volumes, shares, places, strict=True)
        )
        for s in (0, 1)
    ]
    minor = 0 if held[0] <= held[1] else 1
    share = held[minor] / max(sum(held), 1e-12)
    names = ("left", "right")
    trace = [
        first,
        f"the {names[minor]} hemiliver holds {_percent(share)} of the tumour volume that lies in a hemiliver",
    ]
    if len(places) == 1:
        return None, (*trace, "a single lesion on both sides fits none of the three descriptions: the board decides")
    size = [place.longest_mm for place in places]
    sizes = [s for s in size if s is not None] if None not in size else [v ** (1 / 3) for v in volumes]
    there = [parts[minor] > parts[1 - minor] for parts in shares]
    satellites = [s for s, on in zip(sizes, there, strict=True) if on]
    rest = [s for s, on in zip(sizes, there, strict=True) if not on]
    if satellites and rest:
        ratio = max(satellites) / max(rest)
        trace.append(
            f"{len(satellites)} of {len(places)} lesions lie mainly on the {names[minor]}; the largest has {ratio:.2f} of the diameter of the largest elsewhere"
        )
    else:
        ratio = 0.0 if rest else 1.0
        trace.append(f"no lesion lies mainly on the {names[minor]}: it is reached across the plane only")
    if share <= setting.volume_share and ratio <= setting.size_ratio:
        return "complex", (
            *trace,
            f"complex: at most {_percent(setting.volume_share)} of the volume and {setting.size_ratio:g} of the diameter are satellites",
        )
    why = [
        f"more than {_percent(setting.volume_share)} of the volume" if share > setting.volume_share else "",
        f"a lesion of more than {setting.size_ratio:g} of the largest diameter" if ratio > setting.size_ratio else "",
    ]
    return "diffuse", (*trace, f"diffuse: {' and '.join(w for w in why if w)} on the less affected side")


def _volumes(places: Sequence[Place]) -> list[float] | None:
    """Volumes in mL; where one is missing, all as spheres of the longest diameters, so that like is compared with like."""
    stated = [place.volume_ml for place in places]
    if None not in stated:
        return [v for v in stated if v is not None]
    spheres = [None if place.longest_mm is None else 0.5235988 * place.longest_mm**3 / 1000 for place in places]
    return None if None in spheres else [v for v in spheres if v is not None]


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 or share == 0 else "under 1 %"
