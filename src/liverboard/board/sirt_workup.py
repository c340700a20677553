"""The work-up of a radioembolisation from planar counts and files: shunt, ratio, compartments, deposition, lung mass, and the `scout` event for the case."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from liverboard.clinical.extent import Frozen
from liverboard.errors import BadInput, MissingData
from liverboard.sirt.lung import LungMass, lung_mass
from liverboard.sirt.workup import (
    LungShunt,
    PlanarRegion,
    Scout,
    Spot,
    Windows,
    extrahepatic_deposition,
    planar_lung_shunt,
    scout_compartments,
    spect_lung_shunt,
)
from liverboard.volume import Image, Mask, read_image
from liverboard.volume.structures import read_structures

Step = Callable[[str], None]
Deposition = Literal["none", "correctable", "uncorrectable"]


@dataclass(frozen=True, slots=True)
class Planar:
    """Counts of lungs and liver on planar images, and the windows where scatter is to be corrected."""

    lungs: PlanarRegion
    liver: PlanarRegion
    windows: Windows | None = None


@dataclass(frozen=True, slots=True)
class WorkupRequest:
    """What there is. Sources `F` or `F#name,name`. `territories`: perfused parts of the liver; none: the whole liver. `expected`: structures whose uptake
    is no deposition, such as the kidneys. `deposition`: what the physician judges. `same_space`: the user knows that all files lie in one space.
    """

    planar: Planar | None = None
    spect: str | None = None
    liver: str | None = None
    lungs: str | None = None
    tumours: tuple[str, ...] = ()
    territories: tuple[str, ...] = ()
    expected: tuple[str, ...] = ()
    ct: str | None = None
    deposition: Deposition | None = None
    date: dt.date | None = None
    clip_negative: bool = False
    same_space: bool = False


class WorkupReport(Frozen):
    """`lung_shunt_fraction` (0..1): by SPECT/CT where there is one, else planar. `extrahepatic`: None where it was not looked for."""

    lung_shunt_fraction: float | None
    lung_shunts: tuple[LungShunt, ...]
    tumour_to_normal_ratio: float | None
    scout: Scout | None
    extrahepatic: tuple[Spot, ...] | None
    lung_mass: LungMass | None
    event: dict[str, Any]
    warnings: tuple[str, ...]


def work_up(request: WorkupRequest, step: Step = lambda text: None) -> WorkupReport:
    """All that the given counts and files tell. Raises BadInput, MissingData, UnsupportedImage."""
    files = _Files(request, step)
    warnings: list[str] = []
    shunts: list[LungShunt] = []
    if request.planar is not None:
        shunts.append(planar_lung_shunt(request.planar.lungs, request.planar.liver, request.planar.windows))
    scout: Scout | None = None
    spots: tuple[Spot, ...] | None = None
    if request.spect is not None:
        spect, told = _spect(request, step)
        warnings += told
        files.beside(spect, "scout")
        if request.lungs and request.liver:
            step("lung shunt")
            shunts.append(spect_lung_shunt(spect, files.read(request.lungs), files.read(request.liver)))
        territories = [mask for source in request.territories for mask in files.read(source)]
        if not territories and request.liver:
            territories = files.one(request.liver, "liver")
        if territories:
            step("compartments")
            scout = scout_compartments(
                spect, [mask for source in request.tumours for mask in files.read(source)], territories
            )
        if request.liver:
            step("deposition outside the liver")
            inside = files.one(request.liver, "liver")
            inside += [mask for source in (request.lungs, *request.expected) if source for mask in files.read(source)]
            spots = extrahepatic_deposition(spect, inside)
            if not request.lungs:
                warnings.append("no mask of the lungs: uptake in them is told as deposition outside the liver")
    mass: LungMass | None = None
    if request.ct is not None:
        if not request.lungs:
            raise MissingData("the lung mass needs the lungs", hint="Give --lungs, drawn on the CT.")
        step("lung mass")
        ct = read_image(request.ct)
        files.beside(ct, "CT")
        mass = lung_mass(ct, files.one(request.lungs, "lungs")[0])
    if not shunts and scout is None and mass is None and spots is None:
        raise MissingData(
            "there is nothing to work up",
            hint="Give --lung-counts and --liver-counts, or --spect with masks, or --ct with --lungs.",
        )
    shunt = next((each for each in reversed(shunts)), None)
    ratio = None if scout is None else scout.tumour_to_normal
    warnings += files.warnings
    for each in (*shunts, *([] if scout is None else [scout]), *([] if mass is None else [mass])):
        warnings += each.warnings
    warnings += _told(spots, shunts, scout)
    return WorkupReport(
        lung_shunt_fraction=None if shunt is None else shunt.fraction,
        lung_shunts=tuple(shunts),
        tumour_to_normal_ratio=ratio,
        scout=scout,
        extrahepatic=spots,
        lung_mass=mass,
        event=_event(request, shunt, ratio, mass),
        warnings=tuple(dict.fromkeys(warnings)),
    )


class _Files:
    """Masks by source, each read once, and checked to lie in the space of the images."""

    def __init__(self, request: WorkupRequest, step: Step) -> None:
        self.warnings: list[str] = []
        self._same_space, self._step = request.same_space, step
        self._held: dict[str, list[Mask]] = {}
        self._frames: dict[str, str] = {}

    def beside(self, image: Image, what: str) -> None:
        frame = image.origin.frame_of_reference_uid
        if frame:
            self._frames[what] = frame
            self._check()

    def read(self, source: str) -> list[Mask]:
        if source not in self._held:
            self._step("reading structures")
            found = read_structures(source, 2.0)
            self.warnings += found.warnings
            if found.frame_of_reference_uid:
                self._frames[f"structures of {source.rpartition('/')[2]}"] = found.frame_of_reference_uid
                self._check()
            self._held[source] = [Mask(s.name, np.asarray(s.share) >= 0.5, s.geometry) for s in found.structures]
        return self._held[source]

    def one(self, source: str, name: str) -> list[Mask]:
        """All parts of the file as one mask: both lungs, the lobes of a liver."""
        return [_union(self.read(source), name)]

    def _check(self) -> None:
        if self._same_space or len(set(self._frames.values())) < 2:
            return
        raise BadInput(
            f"{' and '.join(self._frames)} lie in different frames of reference, so that their coordinates need not match",
            hint="Give what was registered, or say --same-space if all are known to lie in one space.",
        )


def _union(masks: Sequence[Mask], name: str) -> Mask:
    """Masks that share a lattice as one; each is a part cut from it."""
    drawn = [each for each in masks if each.array.any()]
    if not drawn:
        raise BadInput(f"the mask of the {name} is empty", hint="Draw it, or leave it out.")
    if len(drawn) == 1:
        return replace(drawn[0], name=name)
    first = drawn[0].geometry
    starts: list[NDArray[np.int64]] = []
    for each in drawn:
        to_first: NDArray[np.float64] = np.linalg.inv(first.affine) @ each.geometry.affine
        start = np.round(to_first[:3, 3])
        lattice = np.block([[np.eye(3), start[:, None]], [np.zeros((1, 3)), np.ones((1, 1))]])
        if not np.allclose(to_first, lattice, atol=0.01):
            raise BadInput(f"the parts of the {name} lie on different grids", hint="Give them in one file.")
        starts.append(start.astype(np.int64))
    low = np.min(starts, axis=0)
    high = np.max([start + np.array(each.array.shape) for start, each in zip(starts, drawn, strict=True)], axis=0)
    whole = np.zeros(tuple(int(n) for n in high - low), dtype=np.bool_)
    for start, each in zip(starts, drawn, strict=True):
        a = start - low
        part = tuple(slice(int(s), int(s) + n) for s, n in zip(a, each.array.shape, strict=True))
        whole[part] |= each.array
    i, j, k = (int(n) for n in low)
    x, y, z = (int(n) for n in whole.shape)
    return Mask(name, whole, first.cropped((i, j, k), (x, y, z)))


def _spect(request: WorkupRequest, step: Step) -> tuple[Image, list[str]]:
    step("reading the scout")
    spect = read_image(request.spect or "")
    told = list(spect.origin.warnings)
    if request.clip_negative and spect.array.size and float(spect.array.min()) < 0:
        below = int(np.count_nonzero(spect.array < 0))
        told.append(f"{below} negative voxels of the scout were set to 0, as told")
        spect = replace(spect, array=np.maximum(spect.array, 0))
    return spect, told


def _told(spots: tuple[Spot, ...] | None, shunts: Sequence[LungShunt], scout: Scout | None) -> list[str]:
    told: list[str] = []
    if spots:
        told.append(
            f"{len(spots)} place{'s' if len(spots) > 1 else ''} of uptake outside the liver, {100 * sum(each.share for each in spots):.2g} % of all counts: look at"
            " them; whether they are correctable is the physician's word (--deposition)"
        )
    elif spots is not None:
        told.append("no uptake outside the liver was found above the thresholds; that does not exclude deposition")
    if len(shunts) == 2:
        planar, spect = (100 * each.fraction for each in shunts)
        told.append(f"lung shunt {planar:.3g} % planar and {spect:.3g} % by SPECT/CT; the event takes SPECT/CT")
    if scout is not None and scout.tumour_to_normal is None:
        told.append("no tumour was given, so there is no tumour-to-normal ratio")
    return told


def _event(
    request: WorkupRequest, shunt: LungShunt | None, ratio: float | None, mass: LungMass | None
) -> dict[str, Any]:
    """The `scout` event as the case file writes it. What the images cannot decide is left out: absent means unknown."""
    event: dict[str, Any] = {"kind": "scout"}
    if request.date is not None:
        event["date"] = request.date
    if shunt is not None:
        event |= {"lung_shunt_fraction": f"{100 * shunt.fraction:.3g} %", "lung_shunt_method": shunt.method}
    if request.deposition is not None:
        event["extrahepatic_deposition"] = request.deposition
    if ratio is not None:
        event["tumour_to_normal_ratio"] = float(f"{ratio:.3g}")
    if mass is not None:
        event["note"] = f"lung mass {mass.mass_kg:.3g} kg by CT densitometry"
    return event
