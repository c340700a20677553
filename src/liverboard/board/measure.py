"""Measuring what a case's images hold: segmentations become lesions, volumes and burden; images become key slices."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from liverboard.board.dossier import KeyImage, Outline, Provenance
from liverboard.clinical.events import Case, Imaging, StatedLesion, Study
from liverboard.clinical.extent import Lesion, LiverExtent
from liverboard.errors import BadInput, MissingData, UserError
from liverboard.imaging import best_slices, guess_roles, measure_extent
from liverboard.imaging.key_slices import KeySlice
from liverboard.units import write_quantity
from liverboard.volume import Image, Mask, read_image, read_masks

Step = Callable[[str], None]
MASK_ROLES = frozenset({"segmentation", "liver", "lesions"})
DISAGREE_PERCENT = (
    10.0  # a typed value further than this from the measured one is pointed out; a convention of this project
)


def _quiet(_: str) -> None: ...


@dataclass(slots=True)
class Measured:
    """`case`: imaging events filled with what was measured. `extents` by event id."""

    case: Case
    extents: dict[str, LiverExtent] = field(default_factory=dict[str, LiverExtent])
    key_images: dict[str, tuple[KeyImage, ...]] = field(default_factory=dict[str, tuple[KeyImage, ...]])
    warnings: list[str] = field(default_factory=list[str])
    provenance: list[Provenance] = field(default_factory=list[Provenance])


def measure_case(
    case: Case, folder: Path, *, visible: frozenset[str], pictures: bool = True, step: Step = _quiet
) -> Measured:
    """Measure the segmentations of the imaging events whose ids are in `visible`; a typed value stays and a differing measurement is pointed out.

    A file that is not there is a warning (the case may travel without its images). Raises UnsupportedImage for a segmentation that cannot be read, and
    BadInput for a path that leaves the case's folder.
    """
    measured = Measured(case)
    events = list(case.events)
    for position, event in enumerate(events):
        if isinstance(event, Imaging) and event.id in visible and event.studies:
            files = [(study, _locate(study, folder, event.id)) for study in event.studies]
            events[position] = _measure_event(event, files, measured, pictures=pictures, step=step)
    measured.case = case.model_copy(update={"events": tuple(events)})
    return measured


def measure_files(
    *,
    liver: str | None,
    lesions: str | None,
    segments: str | None = None,
    vessels: str | None = None,
    image: str | None = None,
    step: Step = _quiet,
) -> LiverExtent:
    """Extent from mask files (`F`, `F#name,name`, `F#5,6`). Raises MissingData, BadInput or UnsupportedImage."""
    later = [name for name, value in (("--segments", segments), ("--vessels", vessels)) if value is not None]
    if later:
        raise BadInput(
            f"{' and '.join(later)} cannot be measured in this release",
            hint="Leave it out; liver, lesions and image are read.",
        )
    if liver is None and lesions is None:
        raise MissingData(
            "nothing to measure",
            hint='Give --liver and --lesions, for example --liver seg.nrrd#Liver --lesions "seg.nrrd#Tumor 1,Tumor 2".',
        )
    step("reading masks")
    livers = None if liver is None else read_masks(liver)
    tumours = None if lesions is None else read_masks(lesions)
    if livers is not None and tumours is None:
        guessed = guess_roles([mask.name for mask in livers])
        if guessed.liver is not None:
            by_name = {mask.name: mask for mask in livers}
            livers, tumours = [by_name[guessed.liver]], [by_name[name] for name in guessed.lesions]
    if image is not None:
        step("reading the image")
        read_image(image)
    step("measuring")
    return measure_extent(_liver_of(livers), tumours)


def _liver_of(masks: Sequence[Mask] | None) -> Mask | None:
    if masks is None:
        return None
    if len(masks) == 1:
        return masks[0]
    name = guess_roles([mask.name for mask in masks]).liver
    if name is None:
        raise BadInput(
            "the liver file holds several parts and none is named liver",
            hint=f"Pick one with F#name. It holds: {', '.join(m.name for m in masks)}",
        )
    return next(mask for mask in masks if mask.name == name)


def _locate(study: Study, folder: Path, event_id: str) -> Path:
    name = study.path.partition("#")[0]
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise BadInput(
            "the image path leaves the folder of the case",
            where=f"event {event_id}",
            hint="Put the images beside or below the case file.",
        )
    return path


def _measure_event(
    event: Imaging, files: Sequence[tuple[Study, Path]], measured: Measured, *, pictures: bool, step: Step
) -> Imaging:
    present: list[tuple[Study, Path]] = []
    for study, path in files:
        if path.exists():
            present.append((study, path))
            _record(path, study, measured)
        else:
            measured.warnings.append(
                f"The file of role '{study.role}' of {event.id} is not beside the case; nothing was measured from it."
            )
    masks = [(study, path) for study, path in present if study.role in MASK_ROLES]
    if not masks:
        return event
    step("reading the segmentation")
    liver, lesions = _parts(masks)
    step("measuring lesions")
    extent = measure_extent(liver, lesions)
    measured.extents[event.id] = extent
    if pictures and lesions:
        step("choosing key slices")
        measured.key_images[event.id] = _pictures(event, present, liver, lesions, measured)
    return _filled(event, extent, measured)


def _record(path: Path, study: Study, measured: Measured) -> None:
    if not path.is_file():
        return
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    measured.provenance.append(
        Provenance(what=path.name, kind="input", detail=study.role.replace("_", " "), sha256=digest.hexdigest())
    )


def _parts(masks: Sequence[tuple[Study, Path]]) -> tuple[Mask | None, list[Mask] | None]:
    liver: Mask | None = None
    lesions: list[Mask] | None = None
    for study, path in masks:
        _, mark, parts = study.path.partition("#")
        read = read_masks(f"{path}{mark}{parts}")
        if study.role == "liver":
            liver = _liver_of(read)
        elif study.role == "lesions":
            lesions = read
        else:
            roles = guess_roles([mask.name for mask in read])
            by_name = {mask.name: mask for mask in read}
            liver = by_name[roles.liver] if roles.liver is not None else liver
            lesions = [by_name[name] for name in roles.lesions]
    return liver, lesions


def _pictures(
    event: Imaging,
    present: Sequence[tuple[Study, Path]],
    liver: Mask | None,
    lesions: Sequence[Mask],
    measured: Measured,
) -> tuple[KeyImage, ...]:
    for study, path in present:
        if study.role in MASK_ROLES:
            continue
        try:
            image: Image = read_image(str(path))
        except UserError as error:
            measured.warnings.append(
                f"The image of role '{study.role}' of {event.id} could not be shown: {error.message}."
            )
            continue
        slices = best_slices(image, liver, lesions)
        return tuple(_key_image(part, event, study.role) for part in slices)
    return ()


def _key_image(part: KeySlice, event: Imaging, role: str) -> KeyImage:
    import numpy as np
    from PIL import Image as Picture

    low, high = _window(part, event.modality)
    grey = np.clip((part.pixels - low) / max(high - low, 1e-9), 0, 1)
    rows, columns = grey.shape
    row_mm, column_mm = part.spacing_mm
    scale = min(row_mm, column_mm)
    size = (max(1, round(columns * column_mm / scale)), max(1, round(rows * row_mm / scale)))
    picture = Picture.fromarray((grey * 255).astype(np.uint8)).resize(size, Picture.Resampling.BICUBIC)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    names = {outline.name for outline in part.lesions}
    outlines = [Outline(name=o.name, role="lesion", points_mm=o.points_mm) for o in part.lesions]
    outlines += [Outline(name="liver", role="liver", points_mm=o.points_mm) for o in part.liver]
    return KeyImage(
        title=f"{len(names)} lesion{'s' if len(names) != 1 else ''} on this slice: {', '.join(sorted(names))}",
        modality=role.replace("_", " ").replace("y90 pet", "Y-90 PET"),
        z_lps_mm=round(part.z_lps_mm, 1),
        width_mm=columns * column_mm,
        height_mm=rows * row_mm,
        png_base64=base64.b64encode(buffer.getvalue()).decode("ascii"),
        window_low=low,
        window_high=high,
        window_unit="HU" if event.modality == "CT" else "image units, not verified",
        outlines=tuple(outlines),
        date=event.date,
        event=event.id,
    )


def _window(part: KeySlice, modality: str | None) -> tuple[float, float]:
    """Grey window: the usual abdominal one for CT; else from zero (or the 1st percentile) to the 99.5th percentile of the slice."""
    import numpy as np

    if modality == "CT":
        return -85.0, 165.0
    finite = part.pixels[np.isfinite(part.pixels)]
    if finite.size == 0:
        return 0.0, 1.0
    low = min(0.0, float(np.percentile(finite, 1)))
    high = float(np.percentile(finite, 99.5))
    return low, float(f"{max(high, low + 1e-6):.3g}")


def _filled(event: Imaging, extent: LiverExtent, measured: Measured) -> Imaging:
    """The event with what was measured where nothing was typed; typed values stay."""
    update: dict[str, object] = {}
    for name, value in (("liver_volume", extent.liver_volume_ml), ("tumour_volume", extent.tumour_volume_ml)):
        typed: float | None = getattr(event, name)
        if typed is None:
            update[name] = value
        elif value is not None and abs(typed - value) > typed * DISAGREE_PERCENT / 100:
            measured.warnings.append(
                f"{event.id}: {name.replace('_', ' ')} typed {typed:.0f} mL, measured {value:.0f} mL; the typed value is used."
            )
    if event.lesions is None:
        update["lesions"] = tuple(_as_stated(lesion) for lesion in extent.lesions)
    elif extent.lesion_count is not None and len(event.lesions) != extent.lesion_count:
        measured.warnings.append(
            f"{event.id}: {len(event.lesions)} lesions typed, {extent.lesion_count} measured; the typed ones are used."
        )
    return event.model_copy(update=update)


def _as_stated(lesion: Lesion) -> StatedLesion:
    written = {
        "longest": (lesion.longest_axial_mm, "mm"),
        "short": (lesion.short_axial_mm, "mm"),
        "volume": (lesion.volume_ml, "mL"),
    }
    quantities = {name: write_quantity(value, unit) for name, (value, unit) in written.items() if value is not None}
    return StatedLesion.model_validate({"id": lesion.id, **quantities})
