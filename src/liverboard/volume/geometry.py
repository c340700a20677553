"""One geometry for every image: voxel index (i, j, k) to patient coordinates in mm, LPS (left, posterior, superior)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Geometry:
    """`affine`: 4x4, index (i, j, k) of a voxel's centre to LPS mm. `shape`: voxels along i, j, k."""

    affine: Floats
    shape: tuple[int, int, int]

    @cached_property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance of neighbouring voxel centres along i, j, k."""
        i, j, k = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(i), float(j), float(k)

    @cached_property
    def voxel_volume_ml(self) -> float:
        return float(abs(np.linalg.det(self.affine[:3, :3]))) / 1000

    @cached_property
    def axes(self) -> tuple[int, int, int]:
        """The array axes that run nearest to left-right, anterior-posterior and feet-head, each used once."""
        cosines = np.abs(self.affine[:3, :3]) / np.linalg.norm(self.affine[:3, :3], axis=0)
        return max(
            ((a, b, c) for a in range(3) for b in range(3) for c in range(3) if len({a, b, c}) == 3),
            key=lambda order: float(cosines[0, order[0]] + cosines[1, order[1]] + cosines[2, order[2]]),
        )

    def lps_mm(self, index: Floats) -> Floats:
        """Voxel indices, shape (N, 3), to LPS mm, shape (N, 3)."""
        return index @ self.affine[:3, :3].T + self.affine[:3, 3]

    def same_grid(self, other: Geometry) -> bool:
        """Whether voxels coincide to a hundredth of a voxel."""
        tolerance = 0.01 * min(self.spacing_mm)
        return self.shape == other.shape and bool(np.allclose(self.affine, other.affine, atol=tolerance, rtol=0))

    def cropped(self, start: tuple[int, int, int], shape: tuple[int, int, int]) -> Geometry:
        """The geometry of the block that begins at index `start`."""
        affine = self.affine.copy()
        affine[:3, 3] = self.lps_mm(np.array([start], dtype=np.float64))[0]
        return Geometry(affine, shape)


@dataclass(frozen=True, slots=True)
class Decay:
    """What a PET or SPECT series says of its activity and time; None where it says nothing. Times are as in the file, without a zone unless it has one."""

    radionuclide: str | None = None
    half_life_s: float | None = None
    injected_bq: float | None = None
    injected_at: dt.datetime | None = None
    series_at: dt.datetime | None = None
    acquired_at: dt.datetime | None = None
    corrected_to: str | None = None  # START (series_at), ADMIN (injected_at) or NONE, as DICOM's Decay Correction
    injected_day_assumed: bool = (
        False  # the file gives the injection by its clock alone; the last such hour before the series was taken
    )


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an image's numbers come from. `modality`, `unit` (HU, Bq/mL, g/mL ...) and UIDs as the file says them; never a patient identifier."""

    modality: str | None = None
    unit: str | None = None
    study_uid: str | None = None
    series_uid: str | None = None
    frame_of_reference_uid: str | None = None
    phase: str | None = None
    decay: Decay | None = None
    files: tuple[Path, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Image:
    """`array`: indexed [i, j, k] as `geometry` says."""

    array: Array
    geometry: Geometry
    origin: Origin = Origin()


@dataclass(frozen=True, eq=False)
class Mask:
    """One named structure. `array`: bool, indexed [i, j, k].

    `named`: the file gave the name (a segment or a label), it was not made up here. `machine`: the program that drew it, None for a person or not told.
    """

    name: str
    array: NDArray[np.bool_]
    geometry: Geometry
    named: bool = field(default=True)
    machine: str | None = None


@dataclass(frozen=True, eq=False)
class LabelMap:
    """Structures that do not overlap, on one grid. `array`: whole numbers [i, j, k], 0 is none. `names`: label value to name; only the values named count."""

    array: Array
    geometry: Geometry
    names: Mapping[int, str]
    named: bool = True
    machine: str | None = None
