"""Disease extent of one scan: every lesion measured, where it lies, the burden and the pattern."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from liverboard.clinical.extent import (
    MOST_WITHOUT_SEGMENT,
    Lesion,
    LiverExtent,
    Pattern,
    SegmentShare,
    SegmentVolume,
    share_without_segment,
)
from liverboard.clinical.pattern import pattern_of, places_of
from liverboard.clinical.segment_text import segment_of_name
from liverboard.errors import MissingData, UnsupportedImage
from liverboard.imaging.diameters import Diameters, diameters
from liverboard.imaging.distances import Surface, capsule, face_points_mm, surfaces
from liverboard.imaging.masks import count_parts, crop, drawn_on, in_hounsfield, parts_of, seen_on, values_at
from liverboard.imaging.phases import Viability, phase_values, viability, viable_ml
from liverboard.imaging.segments import SEGMENTS, is_mirrored, segment_volumes, shared_faces_mm2, shares_of
from liverboard.volume import Image, LabelMap, Mask

Bools = NDArray[np.bool_]
_LESION = re.compile(r"\b(tumou?rs?|lesions?|mets?|metastas[ei]s|hcc|gtv)\b", re.IGNORECASE)
_NOT_LESION = re.compile(r"\b(normal|non[- ]?tumou?r|necrosis|perfused|treated)\b", re.IGNORECASE)
_LIVER = re.compile(r"^(whole[ _-]*)?liver([ _-]*(mask|parenchyma))?$", re.IGNORECASE)
_VESSEL = re.compile(r"\b(veins?|vessels?|arter(y|ies)|vena cava|ivc|portal)\b", re.IGNORECASE)
_DUCT = re.compile(r"\b(bile|biliary|ducts?)\b", re.IGNORECASE)
_SEGMENT = re.compile(r"\b(segment|seg|couinaud|caudate)\b", re.IGNORECASE)
_TOO_FEW_VOXELS = 8
_NO_LIVER_HU = -50.0  # this project's design: not even a fatty liver is as dark as fat
_MOST_OFF = 0.2  # this project's design: few masks of a liver spill over it by a fifth
_APART_MM = 5.0


class Roles(NamedTuple):
    """Which parts of a segmentation are what, by their names."""

    liver: str | None
    lesions: tuple[str, ...]
    segments: tuple[str, ...] = ()
    vessels: tuple[str, ...] = ()
    ducts: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Scan:
    """What one time point shows. Masks may lie on any grid, each cut to what it holds or not.

    `liver`: the whole liver with its tumours. `lesions`: one mask a lesion (kept as instances, also where they touch), or a single unnamed mask that is
    split into its 26-connected parts; None: not given; all empty: no lesion. `segments`: a map with the values 1 to 8, `segments_from` where it came
    from. `vessels` and `ducts`: named structures. `phases`: images by phase (native, arterial, portal, delayed ...). `viable_at_least`: the stated
    threshold of the enhancing part, in the arterial image's unit.
    """

    liver: Mask | None = None
    lesions: Sequence[Mask] | None = None
    segments: LabelMap | None = None
    segments_from: str | None = None
    vessels: Sequence[Mask] = ()
    ducts: Sequence[Mask] = ()
    phases: Mapping[str, Image] = field(default_factory=dict[str, Image])
    viable_at_least: float | None = None


@dataclass(frozen=True, eq=False)
class Measurement:
    """`extent`: the figures. `masks` and `diameters` by lesion id, for pictures and files."""

    extent: LiverExtent
    masks: Mapping[str, Mask]
    diameters: Mapping[str, Diameters]


@dataclass(frozen=True, eq=False)
class _Around:
    """What every lesion is measured against."""

    capsule: Surface | None
    vessels: Sequence[Surface]
    ducts: Sequence[Surface]
    viable: Viability | None


def guess_roles(names: Sequence[str]) -> Roles:
    """What structures are by their names: `Liver`; `Tumor 1`, `Lesion 2`, `Metastasis`, `GTV` (never `Normal Tissue`); `liver_segment_4`; `Portal vein`; `Bile duct`."""
    plain = {name: re.sub(r"[_-]+", " ", name).strip() for name in names}
    liver = next((name for name, text in plain.items() if _LIVER.match(text)), None)
    found: dict[str, list[str]] = {"lesions": [], "segments": [], "vessels": [], "ducts": []}
    for name, text in plain.items():
        if name == liver or _NOT_LESION.search(text):
            continue
        if _LESION.search(text):
            found["lesions"].append(name)
        elif _SEGMENT.search(text) and segment_of_name(name):
            found["segments"].append(name)
        elif _DUCT.search(text):
            found["ducts"].append(name)
        elif _VESSEL.search(text):
            found["vessels"].append(name)
    return Roles(liver, **{role: tuple(held) for role, held in found.items()})


def measure_extent(scan: Scan) -> Measurement:
    """Lesion inventory, volumes, places, burden and pattern.

    Burden is tumour over liver volume; a liver mask that leaves the tumours out is completed by them, and the warning says so. Lesions come in descending
    order of volume. Raises MissingData when neither liver nor lesions are given, UnsupportedImage when the liver mask is empty.
    """
    if scan.liver is None and scan.lesions is None:
        raise MissingData("nothing to measure", hint="Give a liver mask, lesion masks, or both.")
    warnings: list[str] = []
    masks = [] if scan.lesions is None else _instances(scan.lesions, warnings)
    liver = None if scan.liver is None else crop(scan.liver)
    if scan.liver is not None and liver is None:
        raise UnsupportedImage(
            "the liver mask is empty", where=scan.liver.name, hint="Choose the liver's segment, or segment it again."
        )
    tumour_ml = None if scan.lesions is None else _union_ml(masks, warnings)
    tumour = None if liver is None else drawn_on(masks, liver.geometry)
    liver_ml = None if liver is None else _liver_ml(liver, masks, tumour_ml or 0.0, warnings)
    around = _Around(
        capsule=None if liver is None or tumour is None or not masks else capsule(liver, tumour),
        vessels=surfaces(scan.vessels) if masks else (),
        ducts=surfaces(scan.ducts) if masks else (),
        viable=None
        if liver is None or tumour is None
        else viability(scan.phases, liver, tumour, at_least=scan.viable_at_least),
    )
    measured = [_lesion(mask, scan, around, warnings) for mask in masks]
    measured.sort(key=lambda pair: (-(pair[0].volume_ml or 0), pair[0].id))
    lesions = tuple(lesion for lesion, _ in measured)
    segments = _segments(scan, masks, lesions)
    bare = share_without_segment(liver_ml, segments)
    if bare > MOST_WITHOUT_SEGMENT:
        absent = ", ".join(str(n) for n in SEGMENTS if n not in {part.segment for part in segments})
        warnings.append(
            f"{100 * bare:.0f} % of the liver has no segment label{f' (the map has no segment {absent})' if absent else ''}"
        )
    if scan.segments is not None and is_mirrored(scan.segments):
        warnings.append("segments 6 and 7 lie to the patient's left of 2 and 3: is the segment map mirrored?")
    warnings += _unseen(scan, lesions)
    warnings += [] if liver is None else _off_the_liver(scan, liver)
    if scan.lesions is not None and not any(mask.array.any() for mask in scan.lesions):
        warnings.append("the lesion mask is empty, so no lesion was counted: is that what was seen, or was none drawn?")
    return Measurement(
        extent=LiverExtent(
            liver_volume_ml=liver_ml,
            tumour_volume_ml=tumour_ml,
            burden_percent=None if liver_ml is None or tumour_ml is None else 100 * tumour_ml / liver_ml,
            lesion_count=None if scan.lesions is None else len(lesions),
            lesions=lesions,
            segments=segments,
            segments_from=None if scan.segments is None else scan.segments_from,
            viable_rule=None if around.viable is None else around.viable.rule,
            pattern=_pattern(scan, lesions, bare),
            warnings=tuple(dict.fromkeys(warnings)),
        ),
        masks={mask.name: mask for mask in masks},
        diameters={lesion.id: found for lesion, found in measured},
    )


def _instances(lesions: Sequence[Mask], warnings: list[str]) -> list[Mask]:
    """One cropped mask a lesion, each with its own name."""
    found: list[Mask] = []
    for mask in lesions:
        cut = crop(mask)
        if cut is None:
            if mask.named:
                warnings.append(f"{mask.name} is empty and is not counted")
        elif len(lesions) == 1 and not mask.named:
            found += parts_of(cut)
        else:
            count = count_parts(cut)
            if count > 1:
                warnings.append(
                    f"{mask.name} has {count} separate parts and is counted as one lesion, as it was labelled"
                )
            found.append(replace(cut, name=f"L{mask.name}" if mask.name.isdecimal() else mask.name))
    return found


def _lesion(mask: Mask, scan: Scan, around: _Around, warnings: list[str]) -> tuple[Lesion, Diameters]:
    inside = np.argwhere(mask.array)
    if len(inside) < _TOO_FEW_VOXELS:
        warnings.append(
            f"{mask.name} has {len(inside)} voxel{'s' if len(inside) > 1 else ''}: too small to be measured well"
        )
    found = diameters(mask.array, mask.geometry)
    x, y, z = (float(c) for c in mask.geometry.lps_mm(inside.mean(axis=0, keepdims=True))[0])
    surface = face_points_mm(mask.array, mask.geometry) if around.capsule or around.vessels or around.ducts else None
    vessel, vessel_mm = _nearest(mask, surface, around.vessels, scan.vessels)
    _check_inside(mask, surface, scan.liver, warnings)
    lesion = Lesion(
        id=mask.name,
        volume_ml=len(inside) * mask.geometry.voxel_volume_ml,
        longest_axial_mm=found.longest_axial_mm,
        short_axial_mm=found.short_axial_mm,
        longest_3d_mm=found.longest_3d_mm,
        centroid_lps_mm=(x, y, z),
        segments=_shares(mask, scan, warnings),
        capsule_distance_mm=None if around.capsule is None or surface is None else around.capsule.distance_mm(surface),
        vessel_distance_mm=vessel_mm,
        nearest_vessel=vessel,
        bile_duct_distance_mm=_nearest(mask, surface, around.ducts, scan.ducts)[1],
        phases=phase_values(mask, scan.phases),
        viable_volume_ml=None if around.viable is None else viable_ml(mask, scan.phases, around.viable),
        machine=mask.machine,
    )
    return lesion, found


def _check_inside(mask: Mask, surface: NDArray[np.float64] | None, liver: Mask | None, warnings: list[str]) -> None:
    """A lesion that the liver mask leaves out still touches it; one that lies apart from it is pointed out."""
    if liver is None or surface is None or drawn_on([liver], mask.geometry)[mask.array].any():
        return
    apart = surfaces([liver])[0].distance_mm(surface)
    if apart > _APART_MM:
        warnings.append(f"{mask.name} lies {apart:.0f} mm outside the liver mask: is it a liver lesion?")


def _nearest(
    mask: Mask, surface: NDArray[np.float64] | None, around: Sequence[Surface], structures: Sequence[Mask]
) -> tuple[str | None, float | None]:
    """The nearest of the structures and its distance in mm, 0 for one that runs through the lesion."""
    if surface is None or not around:
        return None, None
    for structure in structures:
        if structure.array.any() and bool(
            np.any(
                mask.array & seen_on(structure.array, structure.geometry, mask.geometry, labels=True).astype(np.bool_)
            )
        ):
            return structure.name, 0.0
    distance, name = min((other.distance_mm(surface), other.name) for other in around)
    return name, distance


def _shares(mask: Mask, scan: Scan, warnings: list[str]) -> tuple[SegmentShare, ...]:
    if scan.segments is None:
        return ()
    shares, bare = shares_of(mask, scan.segments)
    if not shares:
        warnings.append(f"{mask.name} lies outside every segment of the map")
    elif bare > 0.5:
        warnings.append(f"{100 * bare:.0f} % of {mask.name} has no segment label; it is given to the nearest segment")
    return shares


def _segments(scan: Scan, masks: Sequence[Mask], lesions: Sequence[Lesion]) -> tuple[SegmentVolume, ...]:
    if scan.segments is None:
        return ()
    held = None if scan.lesions is None else [(lesion.segments, lesion.volume_ml or 0.0) for lesion in lesions]
    return segment_volumes(scan.segments, masks, held)


def _pattern(scan: Scan, lesions: Sequence[Lesion], bare: float) -> Pattern:
    if scan.lesions is None:
        return Pattern(trace=("the lesions were not given",))
    if not lesions:
        return Pattern(trace=("no lesion",))
    found = pattern_of(places_of(lesions), faces=None if scan.segments is None else shared_faces_mm2(scan.segments))
    if found.value is None or bare <= MOST_WITHOUT_SEGMENT:
        return found
    why = f"the {100 * bare:.0f} % of the liver that has no segment label: not told"
    return found.model_copy(update={"certain": False, "sensitive_to": (*found.sensitive_to, why)})


def _unseen(scan: Scan, lesions: Sequence[Lesion]) -> list[str]:
    """The phases that show nothing of some lesions, in words."""
    missing = {phase: sum(all(v.phase != phase for v in x.phases) for x in lesions) for phase in scan.phases}
    return [
        f"the {phase} image shows nothing of {count} of {len(lesions)} lesions: they lie beyond it, or it holds no numbers there"
        for phase, count in missing.items()
        if count
    ]


def _off_the_liver(scan: Scan, liver: Mask) -> list[str]:
    """The CT images on which the liver mask lies where no liver can be, in words."""
    shares = {
        phase: float(np.mean(values < _NO_LIVER_HU))
        for phase, image in scan.phases.items()
        if in_hounsfield(image) and (values := values_at(image, liver)).size
    }
    return [
        f"{100 * share:.0f} % of the liver mask is fat or air on the {phase} image: does it belong to this image, or is one of them mirrored?"
        for phase, share in shares.items()
        if share > _MOST_OFF
    ]


def _union_ml(masks: Sequence[Mask], warnings: list[str]) -> float:
    """Volume of all lesions, what they share counted once, on the grid of the first."""
    total = float(sum(np.count_nonzero(mask.array) * mask.geometry.voxel_volume_ml for mask in masks))
    shared = 0.0
    for number, mask in enumerate(masks):
        others = [other for other in masks[:number] if _meet(mask, other)]
        if others:
            shared += float(
                np.count_nonzero(drawn_on(others, mask.geometry) & mask.array) * mask.geometry.voxel_volume_ml
            )
    if shared > 0.005 * total:
        warnings.append(f"lesions overlap by {shared:.1f} mL; it is counted once in the tumour volume")
    return total - shared


def _meet(a: Mask, b: Mask) -> bool:
    """Whether the boxes of two cropped masks meet in space."""
    low, high = zip(*(_corners_mm(mask) for mask in (a, b)), strict=True)
    return bool(np.all(np.maximum(*low) < np.minimum(*high)))


def _corners_mm(mask: Mask) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    ends = [(-0.5, n - 0.5) for n in mask.geometry.shape]
    points = mask.geometry.lps_mm(np.array([[x, y, z] for x in ends[0] for y in ends[1] for z in ends[2]]))
    return points.min(axis=0), points.max(axis=0)


def _liver_ml(liver: Mask, masks: Sequence[Mask], tumour_ml: float, warnings: list[str]) -> float:
    volume = float(np.count_nonzero(liver.array) * liver.geometry.voxel_volume_ml)
    outside = 0.0
    for mask in masks:
        inside = seen_on(liver.array, liver.geometry, mask.geometry, labels=True).astype(np.bool_)
        outside += float(np.count_nonzero(mask.array & ~inside) * mask.geometry.voxel_volume_ml)
    if tumour_ml and outside > 0.5 * tumour_ml:
        warnings.append(
            f"the liver mask leaves out {outside:.0f} of {tumour_ml:.0f} mL of tumour; they are added to the liver volume"
        )
        volume += outside
    elif outside > max(0.5, 0.02 * tumour_ml):
        warnings.append(f"{outside:.1f} of {tumour_ml:.0f} mL of tumour lie outside the liver mask")
    if tumour_ml > volume:
        warnings.append(
            f"the tumours ({tumour_ml:.0f} mL) are larger than the liver ({volume:.0f} mL): check the masks"
        )
    return volume
