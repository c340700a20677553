"""Measuring what a case's images hold: segmentations become lesions, volumes and burden; images become key slices."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from liverboard.board.measured import Measured, Step, quiet
from liverboard.board.pictures import pictures_of
from liverboard.board.provenance import Provenance
from liverboard.board.scan_files import ReadScan, ScanFiles, read_scan
from liverboard.clinical.events import Case, Imaging, StatedLesion, Study
from liverboard.clinical.extent import Lesion, LiverExtent
from liverboard.errors import BadInput, MissingData
from liverboard.imaging import Measurement, measure_extent
from liverboard.units import write_quantity

MASK_ROLES = frozenset({"segmentation", "liver", "lesions"})
PLACE_ROLES = frozenset({"segments", "vessels", "bile_ducts", "landmarks"})
DISAGREE_PERCENT = (
    10.0  # a typed value further than this from the measured one is pointed out; a convention of this project
)


def measure_case(
    case: Case, folder: Path, *, visible: frozenset[str], pictures: bool = True, step: Step = quiet
) -> Measured:
    """Measure the segmentations of the imaging events whose ids are in `visible`; a typed value stays and a differing measurement is pointed out.

    A file that is not there is a warning (the case may travel without its images). Raises UnsupportedImage for a segmentation that cannot be read, and
    BadInput for a path that leaves the case's folder.
    """
    measured = Measured(case)
    events = list(case.events)
    for position, event in enumerate(events):
        if isinstance(event, Imaging) and event.id in visible and event.studies:
            files = [(study, locate(study, folder, event.id)) for study in event.studies]
            events[position] = _measure_event(event, files, measured, pictures=pictures, step=step)
    measured.case = case.model_copy(update={"events": tuple(events)})
    return measured


def measure_files(files: ScanFiles, *, step: Step = quiet) -> tuple[ReadScan, Measurement]:
    """Read and measure one scan from its files. Raises MissingData, BadInput or UnsupportedImage."""
    if files.liver is None and files.lesions is None and not files.segmentations:
        raise MissingData(
            "nothing to measure",
            hint='Give --liver and --lesions, for example --liver seg.nrrd#Liver --lesions "seg.nrrd#Tumor 1,Tumor 2".',
        )
    read = read_scan(files, step)
    step("measuring")
    return read, _finished(measure_extent(read.scan), read)


def _finished(measurement: Measurement, read: ReadScan) -> Measurement:
    """With the planes that cut the segments and what was noticed on reading."""
    extent = measurement.extent
    update = {"planes": read.planes, "warnings": tuple(dict.fromkeys((*read.warnings, *extent.warnings)))}
    return replace(measurement, extent=extent.model_copy(update=update))


def locate(study: Study, folder: Path, event_id: str) -> Path:
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
    if not any(study.role in MASK_ROLES for study, _ in present):
        return event
    images = [study.role for study, _ in present if study.role not in (*MASK_ROLES, *PLACE_ROLES)]
    read = read_scan(scan_files_of(event, present, images if pictures else ()), step)
    if read.scan.liver is None and read.scan.lesions is None:
        measured.warnings.append(
            f"{event.id}: no part of the segmentation is named liver, tumour, lesion or metastasis; nothing was measured."
        )
        return event
    step("measuring lesions")
    found = _finished(measure_extent(read.scan), read)
    measured.extents[event.id] = found.extent
    if pictures and found.masks and read.scan.phases:
        step("drawing key images")
        measured.pictures[event.id] = pictures_of(event, read.scan, found)
    return filled(event, found.extent, measured)


def scan_files_of(event: Imaging, present: Sequence[tuple[Study, Path]], images: Sequence[str]) -> ScanFiles:
    """The event's studies by role. Raises BadInput: a role given twice."""
    by_role: dict[str, str] = {}
    several: list[str] = []
    for study, path in present:
        _, mark, parts = study.path.partition("#")
        source = f"{path}{mark}{parts}"
        if study.role == "segmentation":
            several.append(source)
        elif study.role in by_role:
            raise BadInput(
                f"two files have the role '{study.role}'",
                where=f"event {event.id}",
                hint="Give each file its own role.",
            )
        else:
            by_role[study.role] = source
    return ScanFiles(
        liver=by_role.get("liver"),
        lesions=by_role.get("lesions"),
        segments=by_role.get("segments"),
        vessels=by_role.get("vessels"),
        ducts=by_role.get("bile_ducts"),
        segmentations=tuple(several),
        landmarks=by_role.get("landmarks"),
        images={role: by_role[role] for role in images},
        absent=event.resected_segments or (),
        without_bad_images=True,
    )


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


def filled(event: Imaging, extent: LiverExtent, measured: Measured) -> Imaging:
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
        update["pattern"] = event.pattern or extent.pattern.value
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
        "capsule_distance": (lesion.capsule_distance_mm, "mm"),
        "vessel_distance": (lesion.vessel_distance_mm, "mm"),
        "bile_duct_distance": (lesion.bile_duct_distance_mm, "mm"),
    }
    quantities: dict[str, object] = {
        name: write_quantity(value, unit) for name, (value, unit) in written.items() if value is not None
    }
    if lesion.segments:
        quantities["segments"] = [part.segment for part in lesion.segments]
        quantities["segment_shares"] = [write_quantity(100 * part.share, "%") for part in lesion.segments]
    return StatedLesion.model_validate({"id": lesion.id, **quantities})
