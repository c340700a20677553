"""What the scout tells: lung shunt from planar counts and from SPECT/CT, tumour-to-normal ratio and compartment fractions, deposition outside the liver.

Masks may lie on any grid, flipped or oblique: each is handed over to the voxels of the SPECT by the share of a voxel that it covers, so no count is lost at a
border and none is counted twice where structures overlap. Planar formulas: lung_shunt_bmc_2022.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import cc3d
import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from liverboard.clinical.extent import Frozen
from liverboard.errors import BadInput, MissingData
from liverboard.sirt.activity import positive
from liverboard.volume import Geometry, Image, Mask, resample, resample_counts

Floats = NDArray[np.float64]
_ndimage: Any = scipy.ndimage  # it has no types
_CUT_PERCENT = 0.5  # of a structure beyond the image: more is said
_WHOLLY = 0.9  # of a structure inside another: it lies in it, drawn a little beyond; a convention of this program


@dataclass(frozen=True, slots=True)
class Windows:
    """Widths in keV of the main window and of the scatter window below it."""

    main_kev: float
    scatter_kev: float


@dataclass(frozen=True, slots=True)
class PlanarRegion:
    """Counts of one region: anterior and posterior, in the main window and, where there is one, in the scatter window."""

    anterior: float
    posterior: float
    anterior_scatter: float | None = None
    posterior_scatter: float | None = None


class LungShunt(Frozen):
    """Share (0..1) of the scout in the lungs, out of lungs and liver."""

    fraction: float
    method: Literal["planar", "spect_ct"]
    lung_counts: float
    liver_counts: float
    warnings: tuple[str, ...]
    source: str


class ScoutCompartment(Frozen):
    """A tumour, or the normal liver of a territory: volume in mL, counts, share (0..1) of the counts in the liver, and its concentration over that of normal liver."""

    name: str
    volume_ml: float
    counts: float
    fraction: float
    to_normal: float


class Scout(Frozen):
    """The scout by compartments. `tumour_to_normal`: all tumours together; None without a tumour."""

    compartments: tuple[ScoutCompartment, ...]
    tumour_to_normal: float | None
    warnings: tuple[str, ...]


class Spot(Frozen):
    """Uptake outside liver and lungs: centre, volume, share (0..1) of all counts, and its peak over the mean of the liver."""

    centroid_lps_mm: tuple[float, float, float]
    volume_ml: float
    share: float
    peak_to_liver: float


def planar_lung_shunt(lungs: PlanarRegion, liver: PlanarRegion, windows: Windows | None = None) -> LungShunt:
    """Lungs over lungs and liver, each the geometric mean of both views. With `windows` each count is corrected by its scatter window first:
    C = C_main - C_scatter / W_scatter * W_main / 2. Raises BadInput: no counts; MissingData: windows without scatter counts.
    """
    told = _windows_told(lungs, liver, windows)
    lung, hepatic = (_geometric_mean(region, windows, name) for region, name in ((lungs, "lungs"), (liver, "liver")))
    if lung + hepatic <= 0:
        raise BadInput("no counts in lungs and liver", hint="Check the regions and the images.")
    warnings = ["planar images read too high (lung_shunt_review_pmc9793490)", *told]
    if windows is None:
        warnings.append("scatter was not corrected")
    return LungShunt(
        fraction=lung / (lung + hepatic),
        method="planar",
        lung_counts=lung,
        liver_counts=hepatic,
        warnings=tuple(warnings),
        source="lung_shunt_bmc_2022",
    )


def spect_lung_shunt(spect: Image, lungs: Sequence[Mask], liver: Sequence[Mask]) -> LungShunt:
    """Counts in the lungs over those in lungs and liver; where the two overlap, as at the dome, the count is the liver's.

    Raises BadInput: NaN, a structure empty or beyond the image, no counts.
    """
    counts, warnings = _counts(spect)
    shares, told = _shares([*liver, *lungs], spect.geometry)
    hepatic = math.fsum(float((counts * each).sum()) for each in shares[: len(liver)])
    lung = math.fsum(float((counts * each).sum()) for each in shares[len(liver) :])
    if hepatic <= 0 or lung < 0:
        raise BadInput(
            f"{hepatic:.4g} counts in the liver and {lung:.4g} in the lungs give no shunt",
            hint="Check that image and masks belong together.",
        )
    return LungShunt(
        fraction=lung / (lung + hepatic),
        method="spect_ct",
        lung_counts=lung,
        liver_counts=hepatic,
        warnings=(*warnings, *told),
        source="lung_shunt_review_pmc9793490",
    )


def scout_compartments(spect: Image, tumours: Sequence[Mask], territories: Sequence[Mask]) -> Scout:
    """Counts of each tumour and of the normal liver in each perfused territory (the whole liver is one), as fractions of their sum.

    Tumours come first: what two structures share is given to the one named first. Raises BadInput, MissingData: no territory, no counts in normal liver.
    """
    if not territories:
        raise MissingData("no perfused territory", hint="Give the mask of the liver, or of each territory.")
    counts, warnings = _counts(spect)
    masks = [*tumours, *territories]
    if len({each.name for each in masks}) < len(masks):
        raise BadInput("two structures share a name", hint="Give each its own.")
    shares, told = _shares(masks, spect.geometry)
    volumes = [float(each.sum()) * spect.geometry.voxel_volume_ml for each in shares]
    found = [float((counts * each).sum()) for each in shares]
    n = len(tumours)
    normal_ml, normal, total = math.fsum(volumes[n:]), math.fsum(found[n:]), math.fsum(found)
    if normal <= 0 or normal_ml <= 0:
        raise BadInput("no counts in the normal liver, so there is no ratio to it", hint="Check masks and image.")
    concentration = normal / normal_ml
    parts = tuple(
        ScoutCompartment(
            name=mask.name,
            volume_ml=volume,
            counts=count,
            fraction=count / total,
            to_normal=count / volume / concentration if volume > 0 else 0.0,
        )
        for mask, volume, count in zip(masks, volumes, found, strict=True)
    )
    tumour_ml = math.fsum(volumes[:n])
    return Scout(
        compartments=parts,
        tumour_to_normal=math.fsum(found[:n]) / tumour_ml / concentration if tumour_ml > 0 else None,
        warnings=(*warnings, *told),
    )


def extrahepatic_deposition(
    spect: Image, inside: Sequence[Mask], *, margin_mm: float = 15.0, over_liver: float = 0.5, smallest_ml: float = 1.0
) -> tuple[Spot, ...]:
    """Uptake farther than `margin_mm` from every structure of `inside` (liver first, lungs, what is expected), above `over_liver` times the liver's mean.

    The three thresholds are conventions of this program, no source gives them: a spot asks for a look, and none does not exclude deposition. Largest share
    first. Raises BadInput.
    """
    if not inside:
        raise MissingData("the liver's mask is needed to tell what lies outside", hint="Give it first in the list.")
    counts, _ = _counts(spect)
    shares, _ = _shares(inside, spect.geometry)
    mean = positive(float((counts * shares[0]).sum() / shares[0].sum()), "the mean of the liver")
    covered: NDArray[np.bool_] = np.sum(shares, axis=0) > 0
    far: Floats = _ndimage.distance_transform_edt(~covered, sampling=spect.geometry.spacing_mm)
    hot = (far > margin_mm) & (counts > over_liver * mean)
    labels, number = cc3d.connected_components(hot, connectivity=26, return_N=True)
    spots: list[Spot] = []
    for label in range(1, number + 1):
        there = np.argwhere(labels == label)
        values = counts[tuple(there.T)]
        volume = len(there) * spect.geometry.voxel_volume_ml
        if volume >= smallest_ml:
            x, y, z = spect.geometry.lps_mm((there * values[:, None]).sum(axis=0, keepdims=True) / values.sum())[0]
            spots.append(
                Spot(
                    centroid_lps_mm=(float(x), float(y), float(z)),
                    volume_ml=volume,
                    share=float(values.sum() / counts.sum()),
                    peak_to_liver=float(values.max()) / mean,
                )
            )
    return tuple(sorted(spots, key=lambda each: -each.share))


def _windows_told(lungs: PlanarRegion, liver: PlanarRegion, windows: Windows | None) -> list[str]:
    """What speaks for windows or counts that were swapped. Raises BadInput: the liver has more counts a keV in the scatter window than in the main one."""
    if windows is None:
        stated = any(each is not None for r in (lungs, liver) for each in (r.anterior_scatter, r.posterior_scatter))
        return ["scatter counts were given without the widths of the windows, and not used"] if stated else []
    for width in (windows.main_kev, windows.scatter_kev):
        positive(width, "a window", "keV")
    told: list[str] = []
    if windows.scatter_kev > windows.main_kev:
        told.append(
            f"the scatter window ({windows.scatter_kev:g} keV) is wider than the main one ({windows.main_kev:g} keV); check that they are not swapped"
        )
    for region, name in ((liver, "liver"), (lungs, "lungs")):
        for main, scatter in ((region.anterior, region.anterior_scatter), (region.posterior, region.posterior_scatter)):
            if scatter is None or not scatter / windows.scatter_kev > main / windows.main_kev:
                continue
            said = f"the {name} have more counts a keV in the scatter window than in the main one"
            if name == "liver":
                raise BadInput(
                    said.replace("have", "has"), hint="The counts or the widths of the two windows seem to be swapped."
                )
            told.append(f"{said}; scatter from the liver, or windows that were swapped")
    return list(dict.fromkeys(told))


def _geometric_mean(region: PlanarRegion, windows: Windows | None, name: str) -> float:
    views = ((region.anterior, region.anterior_scatter), (region.posterior, region.posterior_scatter))
    corrected = [_corrected(main, scatter, windows, name) for main, scatter in views]
    return math.sqrt(corrected[0] * corrected[1])


def _corrected(main: float, scatter: float | None, windows: Windows | None, name: str) -> float:
    for value in (main, scatter):
        if value is not None and not (math.isfinite(value) and value >= 0):
            raise BadInput(f"counts of {name} cannot be {value:g}", hint="Give 0 or more.")
    if windows is None:
        return main
    if scatter is None:
        raise MissingData(f"no scatter counts of {name}", hint="Give them, or leave the windows out.")
    width = positive(windows.main_kev, "a window", "keV") / positive(windows.scatter_kev, "a window", "keV")
    left = main - scatter * width / 2
    if left < 0:
        raise BadInput(
            f"the scatter of {name} ({scatter * width / 2:.4g}) is more than its counts ({main:.4g})",
            hint="Check the widths of the windows, and which counts belong to which.",
        )
    return left


def _counts(spect: Image) -> tuple[Floats, list[str]]:
    counts = spect.array.astype(np.float64)
    if not bool(np.isfinite(counts).all()):
        raise BadInput(
            f"{int((~np.isfinite(counts)).sum())} voxels of the image are not numbers",
            hint="Export the image again, without masking by NaN.",
        )
    total = float(counts.sum())
    if total <= 0:
        raise BadInput(f"the counts of the image sum to {total:.4g}", hint="Check that it is the scout.")
    negative = -float(counts[counts < 0].sum())
    if negative > 0:
        return counts, [f"negative voxels hold {100 * negative / total:.2g} % of the counts; they are kept as they are"]
    return counts, []


def _shares(masks: Sequence[Mask], grid: Geometry) -> tuple[list[Floats], list[str]]:
    """The share (0..1) of each voxel of `grid` that each mask covers, [i, j, k]; the first named has what several cover. And what is to be said."""
    shares: list[Floats] = []
    warnings: list[str] = []
    free = np.ones(grid.shape)
    for place, mask in enumerate(masks):
        inner = mask.array.astype(np.bool_)
        if not bool(inner.any()):
            raise BadInput("the mask is empty", where=mask.name, hint="Leave the structure out, or draw it.")
        volume_ml = int(np.count_nonzero(inner)) * mask.geometry.voxel_volume_ml
        taken = 0.0
        for before in masks[:place]:
            common_ml, inner = _without(inner, mask.geometry, before)
            before_ml = int(np.count_nonzero(before.array)) * before.geometry.voxel_volume_ml
            if common_ml < _WHOLLY * before_ml:  # a tumour that lies in the liver is no overlap to speak of
                taken += common_ml
        found, outside = resample_counts(inner.astype(np.float64), mask.geometry, grid)
        lost = 100 * outside * mask.geometry.voxel_volume_ml / volume_ml
        if lost > 99.9 and inner.any():
            raise BadInput(
                "the structure lies outside the image", where=mask.name, hint="Check that they belong together."
            )
        if lost > _CUT_PERCENT:
            warnings.append(f"{lost:.1f} % of {mask.name} lies outside the image")
        covered = found * (mask.geometry.voxel_volume_ml / grid.voxel_volume_ml)
        share = np.minimum(covered, free)
        if taken > 0:
            warnings.append(f"{taken:.1f} mL of {mask.name} was given to structures named before it")
        free = np.maximum(0.0, free - share)
        shares.append(share)
    return shares, warnings


def _without(inner: NDArray[np.bool_], grid: Geometry, before: Mask) -> tuple[float, NDArray[np.bool_]]:
    """`inner` on `grid` less what `before`, on any grid, holds of it, and how much that is in mL."""
    to_grid: Floats = np.linalg.inv(grid.affine) @ before.geometry.affine
    ends = np.stack(np.meshgrid(*((-0.5, n - 0.5) for n in before.array.shape), indexing="ij"), axis=-1).reshape(-1, 3)
    corners: Floats = ends @ to_grid[:3, :3].T + to_grid[:3, 3]
    low = np.clip(np.floor(corners.min(axis=0)), 0, grid.shape).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0)) + 1, 0, grid.shape).astype(int)
    if (high <= low).any():
        return 0.0, inner
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    i, j, k = (int(each) for each in high - low)
    x, y, z = (int(each) for each in low)
    padded = np.pad(before.array.astype(np.bool_), 1)  # so that the half voxel at its border counts
    wide = before.geometry.cropped((-1, -1, -1), padded.shape)  # pyright: ignore[reportArgumentType]  (three axes)
    common = inner[box] & resample(padded, wide, grid.cropped((x, y, z), (i, j, k)), labels=True)
    left = inner.copy()
    left[box] &= ~common
    return int(np.count_nonzero(common)) * grid.voxel_volume_ml, left
