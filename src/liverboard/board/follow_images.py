"""Segmented imagings of a case measured and followed: every lesion keeps the name of its first scan, what became of it is written as a reader would.

A lesion that the program links with a confidence below one half is not decided by it: as new it is equivocal, as gone it is not evaluable, and a warning says so.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from liverboard.board.followed import FollowedCase
from liverboard.board.measure import MASK_ROLES, PLACE_ROLES, locate, measure_files, scan_files_of
from liverboard.board.measured import KnownAt, Step
from liverboard.clinical.derive_timeline import visible_events
from liverboard.clinical.events import Imaging
from liverboard.clinical.extent import Lesion
from liverboard.clinical.stated_lesion import StatedLesion
from liverboard.clinical.tracking import MeasuredVolume, TrackedLesion
from liverboard.errors import MissingData, UserError
from liverboard.imaging.diameters import diameters
from liverboard.imaging.growth import VOLUME_ERROR, growth, in_words, measured_volume
from liverboard.imaging.masks import crop, drawn_on
from liverboard.imaging.measure import Measurement, Scan
from liverboard.imaging.phases import Viability, viability, viable_part
from liverboard.imaging.track import track_lesions
from liverboard.units import write_quantity
from liverboard.volume import Mask

_SURE = 0.5
_PORTAL = frozenset({"portal", "portal_venous", "venous"})


@dataclass(slots=True)
class _Scanned:
    """One measured imaging. `names`: of its lesions, by their ids in the segmentation."""

    event: Imaging
    liver: Mask | None
    measured: Measurement
    scan: Scan
    names: dict[str, str]
    said: dict[str, dict[str, object]]


def follow_images(found: FollowedCase, folder: Path, as_of: dt.date, known_at: KnownAt, *, step: Step) -> None:
    """Fill `found` with the lesions of every visible imaging that has a segmentation and lists none, in order of date, and with their growth.

    Raises BadInput for a path that leaves the folder, UnsupportedImage for a segmentation that cannot be read.
    """
    visible = [event for event in visible_events(found.case, as_of, known_at)[0] if isinstance(event, Imaging)]
    scanned: list[_Scanned] = []
    gone: dict[str, str] = {}
    filled: dict[str, Imaging] = {}
    for event in visible:
        read = None if event.lesions is not None else _read(event, folder, found.warnings, step)
        if read is None:
            continue
        before = scanned[-1] if scanned else None
        if before is None:
            read.names = {lesion.id: lesion.id for lesion in read.measured.extent.lesions}
        else:
            step(f"following lesions from {before.event.date} to {event.date}")
            _follow(before, read, gone, found.warnings)
        scanned.append(read)
        filled[event.id] = _filled(read, gone)
    if filled:
        events = tuple(filled.get(event.id, event) for event in found.case.events)
        found.case = found.case.model_copy(update={"events": events})
    found.growth += _growth(scanned)


def _read(event: Imaging, folder: Path, warnings: list[str], step: Step) -> _Scanned | None:
    present = [(study, path) for study in event.studies or () if (path := locate(study, folder, event.id)).exists()]
    if not any(study.role in MASK_ROLES for study, _ in present):
        if event.studies:
            warnings.append(f"{event.id}: no segmentation is beside the case, so its lesions were not measured.")
        return None
    images = [study.role for study, _ in present if study.role not in (*MASK_ROLES, *PLACE_ROLES)]
    try:
        read, measured = measure_files(scan_files_of(event, present, images), step=step)
    except MissingData as error:
        warnings.append(f"{event.id}: {error.message}; its lesions were not measured.")
        return None
    if read.scan.lesions is None:
        warnings.append(f"{event.id}: the segmentation names no lesions; nothing was followed.")
        return None
    return _Scanned(event, read.scan.liver, measured, read.scan, {}, {})


def _follow(before: _Scanned, now: _Scanned, gone: dict[str, str], warnings: list[str]) -> None:
    """Name the lesions of `now` after those of `before`; what has gone is kept in `gone` with its state."""
    taken = {*before.names.values(), *gone}
    try:
        if before.liver is None or now.liver is None:
            raise MissingData("a scan has no liver mask")
        tracking = track_lesions(
            before.liver,
            _masks(before),
            now.liver,
            _masks(now),
            days=float((now.event.date - before.event.date).days) or None,
        )
    except UserError as error:
        _strangers(now, taken)
        warnings.append(f"Lesions could not be followed from {before.event.date} to {now.event.date}: {error.message}.")
        return
    warnings += [f"{before.event.date} to {now.event.date}: {text}" for text in tracking.warnings]
    if not tracking.registration.trusted:
        _strangers(now, taken)
        warnings.append(
            f"The livers of {before.event.date} and {now.event.date} do not lie on each other well enough to follow lesions."
        )
        return
    for link in tracking.links:
        _name(link, before, now, gone, taken)
        if link.confidence is not None and link.confidence < _SURE:
            whom = ", ".join((*link.baseline, *link.followup))
            warnings.append(
                f"{before.event.date} to {now.event.date}: {whom} {link.relation} is unsure ({link.confidence:.0%}): look at it."
            )


def _name(link: TrackedLesion, before: _Scanned, now: _Scanned, gone: dict[str, str], taken: set[str]) -> None:
    earlier = [before.names[each] for each in link.baseline]
    sure = link.confidence is None or link.confidence >= _SURE
    if link.relation == "same":
        now.names[link.followup[0]] = earlier[0]
    elif link.relation == "new":
        name = now.names[link.followup[0]] = _fresh(link.followup[0], now, taken)
        now.said[name] = {"new": True if sure else "equivocal"}
    elif link.relation == "vanished":
        gone[earlier[0]] = "absent" if sure else "not_evaluable"
    else:
        for number, each in enumerate(link.followup):
            joined = " + ".join(earlier)
            name = joined if len(link.followup) == 1 else f"{joined} part {number + 1}"
            now.names[each] = name = name if name not in taken else f"{name} of {now.event.date}"
            taken.add(name)
            now.said[name] = {"was": earlier}


def _strangers(now: _Scanned, taken: set[str]) -> None:
    now.names = {lesion.id: _fresh(lesion.id, now, taken) for lesion in now.measured.extent.lesions}


def _fresh(name: str, now: _Scanned, taken: set[str]) -> str:
    """A name that no earlier lesion has."""
    found = name if name not in taken else f"{name} of {now.event.date}"
    taken.add(found)
    return found


def _masks(scanned: _Scanned) -> list[Mask]:
    return [scanned.measured.masks[lesion.id] for lesion in scanned.measured.extent.lesions]


def _filled(scanned: _Scanned, gone: Mapping[str, str]) -> Imaging:
    rule = _viability(scanned)
    lesions = [_stated(lesion, scanned, rule) for lesion in scanned.measured.extent.lesions]
    lesions += [StatedLesion.model_validate({"id": name, "state": state}) for name, state in gone.items()]
    update: dict[str, Any] = {"lesions": tuple(lesions)}
    if scanned.event.slice_thickness is None and scanned.liver is not None:
        update["slice_thickness"] = float(max(scanned.liver.geometry.spacing_mm))
    return scanned.event.model_copy(update=update)


def _viability(scanned: _Scanned) -> Viability | None:
    if scanned.liver is None or not scanned.scan.phases:
        return None
    liver = crop(scanned.liver)
    return None if liver is None else viability(scanned.scan.phases, liver, drawn_on(_masks(scanned), liver.geometry))


def _stated(lesion: Lesion, scanned: _Scanned, rule: Viability | None) -> StatedLesion:
    name = scanned.names[lesion.id]
    lengths: dict[str, float | None] = {"longest": lesion.longest_axial_mm, "short": lesion.short_axial_mm}
    part = None if rule is None else viable_part(scanned.measured.masks[lesion.id], scanned.scan.phases, rule)
    if part is not None:
        lengths |= _enhancing(part, lesion)
    volumes = {"volume": lesion.volume_ml, "viable_volume": lesion.viable_volume_ml}
    quantities: dict[str, object] = {
        key: write_quantity(value, unit)
        for held, unit in ((lengths, "mm"), (volumes, "mL"))
        for key, value in held.items()
        if value is not None
    }
    density = next((each.mean for each in lesion.phases if each.phase in _PORTAL and each.unit == "HU"), None)
    if density is not None:
        quantities["density"] = write_quantity(density, "HU")
    if lesion.segments:
        quantities["segments"] = sorted(each.segment for each in lesion.segments)
    return StatedLesion.model_validate({"id": name, **quantities, **scanned.said.get(name, {})})


def _enhancing(part: Mask, lesion: Lesion) -> dict[str, float | None]:
    """The two diameters of the enhancing part, never longer than the lesion's own; 0 where nothing enhances."""
    if not np.any(part.array):
        return {"viable": 0.0, "viable_short": 0.0}
    found = diameters(part.array, part.geometry)
    longest, short = found.longest_axial_mm, found.short_axial_mm
    if lesion.longest_axial_mm is not None:
        longest = min(longest, lesion.longest_axial_mm)
    return {"viable": longest, "viable_short": min(short, longest)}


def _growth(scanned: Sequence[_Scanned]) -> list[Any]:
    held: dict[str, list[MeasuredVolume]] = {}
    for each in scanned:
        day = float((each.event.date - scanned[0].event.date).days)
        for lesion in each.measured.extent.lesions:
            held.setdefault(each.names[lesion.id], []).append(
                measured_volume(each.measured.masks[lesion.id], day, VOLUME_ERROR)
            )
    found: list[Any] = []
    for name, volumes in held.items():
        if len({volume.day for volume in volumes}) > 1:
            grown = growth(volumes, VOLUME_ERROR)
            found.append((name, grown, in_words(grown)))
    return found
