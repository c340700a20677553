"""How much disease, where: the values that imaging measures, cases state and dossiers show. Lengths in mm, volumes in mL, coordinates LPS mm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

PatternName = Literal["simple", "complex", "diffuse"]


class Frozen(BaseModel):
    """Immutable value; unknown keys are an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SegmentShare(Frozen):
    """Share (0..1) of a lesion's volume that lies in one Couinaud segment (1..8)."""

    segment: int
    share: float


class PhaseValue(Frozen):
    """Mean and standard deviation of a lesion's voxels in one phase, and its enhancement: mean minus the mean before contrast, where that was given."""

    phase: str
    mean: float
    sd: float
    unit: str | None = None
    enhancement: float | None = None


class Lesion(Frozen):
    """One liver lesion at one time point. None means not measured and not stated.

    Distances run from the lesion's surface to the nearest point of the structure's surface; 0 where they touch or overlap.
    """

    id: str
    volume_ml: float | None = None
    longest_axial_mm: float | None = None
    short_axial_mm: float | None = None
    longest_3d_mm: float | None = None
    centroid_lps_mm: tuple[float, float, float] | None = None
    segments: tuple[SegmentShare, ...] = ()
    hypervascular: bool | None = None
    capsule_distance_mm: float | None = None
    vessel_distance_mm: float | None = None
    nearest_vessel: str | None = None
    bile_duct_distance_mm: float | None = None
    phases: tuple[PhaseValue, ...] = ()
    viable_volume_ml: float | None = None
    machine: str | None = None


class Pattern(Frozen):
    """Macroscopic pattern with the rule trace in words; `value` None when it cannot be told."""

    value: PatternName | None = None
    certain: bool = False
    trace: tuple[str, ...] = ()
    sensitive_to: tuple[str, ...] = ()
    parameters: dict[str, float] = {}


class SegmentVolume(Frozen):
    """Volume of one Couinaud segment, tumour included, and the tumour in it."""

    segment: int
    volume_ml: float
    tumour_ml: float | None = None


# More of the liver than this without a segment, and what is said by segment no longer holds; a convention of this project.
MOST_WITHOUT_SEGMENT = 0.05


def share_without_segment(liver_ml: float | None, segments: Sequence[SegmentVolume]) -> float:
    """The share (0..1) of the liver that no segment of the map holds; 0 where either is not known."""
    if not liver_ml or not segments:
        return 0.0
    return max(0.0, 1 - sum(part.volume_ml for part in segments) / liver_ml)


class CutPlane(Frozen):
    """A plane that divides the liver. `point_lps_mm`: a point on it; `normal`: unit vector to the side named second in `separates`."""

    name: Literal["main", "right", "left", "transverse", "caudate"]
    separates: str
    point_lps_mm: tuple[float, float, float]
    normal: tuple[float, float, float]
    set_by_hand: bool = False


class LiverExtent(Frozen):
    """Disease extent at one time point. `lesions` are in descending order of size; a volume is the voxel sum on the mask's own grid.

    `segments`: as measured, absent ones left out. `segments_from`: the map or the landmarks that they came from.
    """

    liver_volume_ml: float | None = None
    tumour_volume_ml: float | None = None
    burden_percent: float | None = None
    lesion_count: int | None = None
    lesions: tuple[Lesion, ...] = ()
    segments: tuple[SegmentVolume, ...] = ()
    segments_from: str | None = None
    planes: tuple[CutPlane, ...] = ()
    viable_rule: str | None = None
    pattern: Pattern = Pattern()
    warnings: tuple[str, ...] = ()
