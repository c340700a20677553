"""From the files that a hospital has to what one scan shows: masks, segments, vessels and phases read side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from liverboard.clinical.extent import CutPlane
from liverboard.clinical.landmarks import Landmarks
from liverboard.errors import BadInput, MissingData, UserError
from liverboard.imaging import Roles, Scan, as_segments, guess_roles, masks_of
from liverboard.imaging.couinaud import cut, doubts, planes_of
from liverboard.imaging.segments import in_liver
from liverboard.volume import Geometry, Image, LabelMap, Mask, read_image, read_label_maps

Step = Callable[[str], None]
_OWN_GRID = (".nii", ".nii.gz", ".nrrd")


@dataclass(frozen=True, slots=True)
class ScanFiles:
    """Sources of one scan, each `F`, `F#name,name` or `F#5,6`.

    `segmentations`: files that hold several of the others, told apart by the names of their parts. `images`: phase to source. `segment_names`: names or
    label values of the segment file to Couinaud numbers. `absent`: resected segments. `viable_at_least`: threshold of the enhancing part.
    `without_bad_images`: an image that cannot be read is a warning, not an error.
    """

    liver: str | None = None
    lesions: str | None = None
    segments: str | None = None
    vessels: str | None = None
    ducts: str | None = None
    segmentations: tuple[str, ...] = ()
    landmarks: str | None = None
    images: Mapping[str, str] = field(default_factory=dict[str, str])
    segment_names: Mapping[str, int] = field(default_factory=dict[str, int])
    absent: tuple[int, ...] = ()
    viable_at_least: float | None = None
    without_bad_images: bool = False


@dataclass(frozen=True, eq=False)
class ReadScan:
    """`landmarks` and `planes`: what cut the segments, when landmarks did."""

    scan: Scan
    landmarks: Landmarks | None = None
    planes: tuple[CutPlane, ...] = ()
    warnings: tuple[str, ...] = ()


def read_scan(files: ScanFiles, step: Step = lambda text: None) -> ReadScan:
    """Read all files, two at a time. Raises UnsupportedImage, BadInput (roles that cannot be told, a landmark file that is none), MissingData (landmarks)."""
    step("reading images and masks")
    warnings: list[str] = []
    sources = {
        role: source
        for role in ("liver", "lesions", "segments", "vessels", "ducts")
        if (source := getattr(files, role)) is not None
    }
    phases: dict[str, Image] = {}
    with ThreadPoolExecutor(max_workers=2) as pool:
        images = {phase: pool.submit(read_image, source) for phase, source in files.images.items()}
        wanted = dict.fromkeys([*sources.values(), *files.segmentations])
        drawn = {source: pool.submit(_maps, source, list(images.values())) for source in wanted}
        maps = {role: drawn[source].result() for role, source in sources.items()}
        shared = [each for source in files.segmentations for each in drawn[source].result()]
        for phase, image in images.items():
            try:
                phases[phase] = image.result()
            except UserError as error:
                if not files.without_bad_images:
                    raise
                warnings.append(f"The image of role '{phase}' could not be read: {error.message}.")
    for phase, image in phases.items():
        warnings += [f"{phase} image: {text}" for text in image.origin.warnings]
    liver, lesions, segments, vessels, ducts = _by_role(maps, shared or None, warnings)
    from_where = None
    segment_map: LabelMap | None = None
    landmarks: Landmarks | None = None
    planes: tuple[CutPlane, ...] = ()
    if segments:
        segment_map = as_segments(segments, files.segment_names)
        segment_map = in_liver(segment_map, files.absent) if files.absent else segment_map
        from_where = "segment map" + (f" drawn by {segment_map.machine}" if segment_map.machine else "")
    elif files.landmarks is not None:
        if liver is None:
            raise MissingData("landmarks cut the liver, and no liver mask was given", hint="Give --liver too.")
        landmarks = read_landmarks(files.landmarks)
        planes = planes_of(landmarks)
        warnings += doubts(landmarks)
        segment_map = cut(liver, landmarks, planes, files.absent)
        from_where = "planes through landmarks"
    return ReadScan(
        Scan(
            liver=liver,
            lesions=lesions,
            segments=segment_map,
            segments_from=from_where,
            vessels=vessels,
            ducts=ducts,
            phases=phases,
            viable_at_least=files.viable_at_least,
        ),
        landmarks,
        planes,
        tuple(warnings),
    )


def read_landmarks(source: str) -> Landmarks:
    """A YAML or JSON file of landmarks. Raises BadInput with every problem."""
    import yaml
    from pydantic import ValidationError

    path = Path(source)
    try:
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise BadInput(
                "the landmarks are not names with points",
                where=path.name,
                hint="Expected lines such as  portal_bifurcation: [-12.0, -30.5, 104.0]",
            )
        return Landmarks.model_validate(content)
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(
            f"the landmarks cannot be read ({type(error).__name__})", where=path.name, hint="Check the path."
        ) from None
    except yaml.YAMLError as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        raise BadInput(
            "the landmarks are not valid YAML" + ("" if line is None else f" (line {line + 1})"),
            where=path.name,
            hint="Expected names with points, such as  portal_bifurcation: [-12.0, -30.5, 104.0]",
        ) from None
    except ValidationError as error:
        wrong = [
            f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}" for each in error.errors(include_url=False)
        ]
        raise BadInput(
            f"the landmarks hold {len(wrong)} thing{'s' if len(wrong) > 1 else ''} that cannot be read: {'; '.join(wrong[:5])}",
            where=path.name,
            hint=f"Expected points [x, y, z] in LPS mm under: {', '.join(Landmarks.model_fields)}.",
        ) from None


def _maps(source: str, images: Sequence[Future[Image]]) -> list[LabelMap]:
    name = source.partition("#")[0].lower()
    grid: Geometry | None = None
    if not name.endswith(_OWN_GRID) and images and images[0].exception() is None:
        grid = images[0].result().geometry  # contours have no grid of their own: they are filled on the image's
    return read_label_maps(source, grid)


def _by_role(
    maps: Mapping[str, Sequence[LabelMap]], shared: Sequence[LabelMap] | None, warnings: list[str]
) -> tuple[Mask | None, list[Mask] | None, list[LabelMap], list[Mask], list[Mask]]:
    """Liver, lesions, segments, vessels, ducts; a role's own file wins over the segmentation that holds several."""
    several = shared is not None
    if shared is None and "liver" in maps and "lesions" not in maps and len(_names(maps["liver"])) > 1:
        shared = maps["liver"]  # a liver file that holds the lesions too
    held = Roles(None, ()) if shared is None else guess_roles(_names(shared))
    liver = _liver(maps["liver"]) if "liver" in maps else _one(shared, held.liver)
    lesions: list[Mask] | None = None
    if "lesions" in maps:
        lesions = _lesions(maps["lesions"], warnings)
    elif shared is not None and held.lesions:
        lesions = masks_of(_only(shared, held.lesions))
    elif several:
        warnings.append(
            "no structure of the segmentation is named tumour, lesion, metastasis or GTV: lesions were not measured"
        )
    segments = list(maps["segments"]) if "segments" in maps else _only(shared, held.segments)
    return (
        liver,
        lesions,
        segments,
        _structures(maps, "vessels", shared, held),
        _structures(maps, "ducts", shared, held),
    )


def _structures(
    maps: Mapping[str, Sequence[LabelMap]], role: str, shared: Sequence[LabelMap] | None, held: Roles
) -> list[Mask]:
    given = maps.get(role)
    if given is None:
        return masks_of(_only(shared, getattr(held, role)))
    named = getattr(guess_roles(_names(given)), role)
    found = masks_of(_only(given, named) if named else given)
    label = "vessel" if role == "vessels" else "bile duct"
    return [replace(mask, name=f"{label} {mask.name}") if mask.name.isdecimal() else mask for mask in found]


def _lesions(given: Sequence[LabelMap], warnings: list[str]) -> list[Mask]:
    """All parts of a lesion file; where some are named as lesions and others as something else, only the lesions."""
    names = _names(given)
    roles = guess_roles(names)
    others = [name for name in names if name == roles.liver or name in (*roles.segments, *roles.vessels, *roles.ducts)]
    if others and roles.lesions:
        warnings.append(
            f"parts of the lesion file that are no lesions by their names were left out: {', '.join(others[:10])}"
        )
        return masks_of(_only(given, roles.lesions))
    return masks_of(given)


def _liver(given: Sequence[LabelMap]) -> Mask:
    masks = masks_of(given)
    if len(masks) == 1:
        return masks[0]
    name = guess_roles([mask.name for mask in masks]).liver
    if name is None:
        held = ", ".join(mask.name for mask in masks[:40])
        raise BadInput(
            "the liver file holds several parts and none is named liver",
            hint=f"Pick one with F#name. It holds: {held or 'nothing'}.",
        )
    return next(mask for mask in masks if mask.name == name)


def _one(given: Sequence[LabelMap] | None, name: str | None) -> Mask | None:
    return None if name is None else next(iter(masks_of(_only(given, (name,)))), None)


def _only(given: Sequence[LabelMap] | None, names: Sequence[str]) -> list[LabelMap]:
    """The maps with these structures alone."""
    kept = [(each, {value: name for value, name in each.names.items() if name in names}) for each in given or ()]
    return [replace(each, names=left) for each, left in kept if left]


def _names(given: Sequence[LabelMap]) -> list[str]:
    return [name for each in given for name in each.names.values()]
